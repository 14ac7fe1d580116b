/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One time server: its socket, when it is asked next, and what of its datagrams is an answer. The socket is not connected, so that another
 * address of this host needs no new one; the kernel does not choose who is heard then, so that is done here.
 */
#ifndef TSA_CLOCK_SNTP_SERVER_H
#define TSA_CLOCK_SNTP_SERVER_H

#include "tsa/clock/sntp_packet.h"
#include "tsa/role/address.h"

#define SNTP_NUM_QUICK 4 /* answers in the first round, SNTP_QUICK_NS apart */
#define SNTP_QUICK_NS  INT64_C(250000000)

struct sntp_server {
    int fd; /* -1: it is not asked (its name was not resolved, or this host can not speak its family) */
    struct address address;
    uint64_t nonce; /* of the question that waits for its answer; 0 = none */
    int64_t sent_raw_ns, asked_mono_ns;
    int64_t pause_ns;        /* after an answer to it */
    int64_t next_mono_ns;    /* when it is asked next */
    unsigned num_answers;    /* of the first round, up to SNTP_NUM_QUICK */
    unsigned num_unanswered; /* in a row */
    unsigned num_rate;       /* kisses to go slow */
    bool has_left;           /* it does not want to be asked */
    char reference[20];      /* as it has it */
};

/* sntp_server_open makes its socket; before the jail. RC_IO with errno: there is none, and it stays silent. */
enum rc sntp_server_open(struct sntp_server *server, const struct address *address) MUST_CHECK;
void sntp_server_close(struct sntp_server *server);

/* sntp_server_ask sends a question when one is due. quick: the first round is on. */
void sntp_server_ask(struct sntp_server *server, int64_t mono_ns, int64_t poll_ns, bool quick);

/* sntp_server_hear reads what has come, until an answer (then *out is filled as far as it says). SNTP_FOREIGN: there is no more. */
enum sntp_answer sntp_server_hear(struct sntp_server *server, struct sntp_exchange *out) MUST_CHECK;

#endif
