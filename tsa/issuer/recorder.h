/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last station of a request: everything that waits is appended to the ledger, one sync makes it durable, and only then are the replies
 * written. The signers make the next group meanwhile. One thread; it alone touches the ledger and writes to channels. It looks at the clock
 * twice a second, and at once when a request was refused for it.
 */
#ifndef TSA_ISSUER_RECORDER_H
#define TSA_ISSUER_RECORDER_H

#include "tsa/issuer/clockwatch.h"
#include "tsa/issuer/peer.h"
#include "tsa/issuer/pool.h"

#define RECORDER_PEERS_MAX 160

struct recorder {
    struct issue_core *core;
    struct ledger *ledger;
    struct pool *pool;
    struct work *work; /* to tell how much waits */
    struct clockwatch watch;
    int wake_fd; /* eventfd */
    /* Since when it has been waiting for the record (its lock, its disk); 0 = it is not. From the start until recorder_run is called, too. */
    _Atomic int64_t waiting_ns;

    pthread_mutex_t lock;
    struct job_list done; /* under lock, as the next two */
    bool sleeping, stopping;

    struct peer *touched[RECORDER_PEERS_MAX]; /* in this round */
    struct peer *blocked[RECORDER_PEERS_MAX]; /* something waits until they read */
    size_t num_touched, num_blocked;
    bool clock_refused; /* a request was refused for the clock since the last look */
    struct facts facts; /* the counters and what does not change */
};

/* recorder_init needs core, ledger (which may not be open yet), pool and work to be set; num_signers is told in the facts. RC_IO. */
enum rc recorder_init(struct recorder *recorder, size_t num_signers) MUST_CHECK;
void recorder_clear(struct recorder *recorder);

/* recorder_begin looks at the clock for the first time, so that it is told before anybody is served. The ledger is open; no other thread runs yet. */
void recorder_begin(struct recorder *recorder);

/* recorder_put hands jobs over, from any thread. */
void recorder_put(struct recorder *recorder, struct job_list *jobs);

/* recorder_run is the thread: until recorder_stop and nothing is left to write; it closes the ledger then. arg is the recorder. */
void *recorder_run(void *arg);
/* recorder_stop: nobody hands over any more. */
void recorder_stop(struct recorder *recorder);

#endif
