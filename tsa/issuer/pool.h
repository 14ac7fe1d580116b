/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way through the issuer, and the two places where they wait: the pool of free ones, and the queue in front of the signers.
 * A job is made once and used again and again, with its buffers, so that a request allocates nothing. The pool is the bound: when it is
 * empty the reader stops reading.
 */
#ifndef TSA_ISSUER_POOL_H
#define TSA_ISSUER_POOL_H

#include <pthread.h>

#include "tsa/role/msg.h"

struct peer;

enum job_kind {
    JOB_STAMP,
    JOB_FACTS,       /* stamp.id alone counts */
    JOB_ACKNOWLEDGE, /* stamp.id, and stamp.data: the reason */
    JOB_PONG
};

struct job {
    struct job *next;
    struct peer *peer; /* who asked */
    enum job_kind kind;
    enum rc rc;
    struct msg_stamp stamp; /* its views show the octets below */
    int64_t signing_ns;     /* how long a signer had it */
    struct bytes serial;    /* of the record, a view into it; empty until it is there */
    uint64_t sequence;      /* the record's number; 0 until it is there */
    struct wbuf reply, record;
    char why[MSG_WHY_MAX + 1]; /* what is behind rc */
    uint8_t nonce[TSP_NONCE_MAX], policy[TSP_POLICY_MAX], data[MSAUTH_BLOB_MAX];
};

struct job_list {
    struct job *head, *tail;
    size_t num;
};

void job_list_add(struct job_list *list, struct job *job);
struct job *job_list_take(struct job_list *list); /* NULL when empty */

/* job_list_join moves all of from to the end of list. */
void job_list_join(struct job_list *list, struct job_list *from);

/* job_set_stamp copies a request into the job, job_set_reason somebody's words of an acknowledgement; the views may die then. */
void job_set_stamp(struct job *job, const struct msg_stamp *stamp);
void job_set_reason(struct job *job, uint64_t id, struct bytes reason);

/* ---- the pool ---- */

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct job_list unused;
    size_t num_made, capacity;
};

void pool_init(struct pool *pool, size_t capacity);
void pool_clear(struct pool *pool); /* all jobs must be back */

/* pool_take waits for one, for at most so long; then NULL. */
struct job *pool_take(struct pool *pool, unsigned wait_ms);

/* pool_take_spare does not wait, and makes a few beyond the capacity: for what the parent asks while all others are taken. NULL: no more. */
struct job *pool_take_spare(struct pool *pool);
void pool_give(struct pool *pool, struct job_list *jobs);

/* pool_wait_all waits until every job is back; pool_num_used counts those that are not. */
void pool_wait_all(struct pool *pool);
size_t pool_num_used(struct pool *pool);

/* ---- the queue in front of the signers ---- */

struct work {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct job_list waiting;
    size_t num_threads, num_idle;
    bool stopping;
};

void work_init(struct work *work, size_t num_threads);
void work_clear(struct work *work);
void work_put(struct work *work, struct job_list *jobs);

/* work_take waits for work and takes its thread's share of what waits; false when there is none and there will be none. */
bool work_take(struct work *work, struct job_list *out);
void work_stop(struct work *work);
size_t work_num_waiting(struct work *work);

#endif
