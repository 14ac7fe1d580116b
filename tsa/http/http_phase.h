/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines for whole phases of a connection. Each phase has one length, so its members stand in a list by deadline, and
 * entering one costs no timer: one timer for all, at the earliest head of a list. An octet that arrives moves no deadline.
 */
#ifndef TSA_HTTP_PHASE_H
#define TSA_HTTP_PHASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum http_phase {
    HTTP_PHASE_HANDSHAKE,  /* PROXY header, TLS handshake: nothing asked could be understood yet */
    HTTP_PHASE_DELIVERY,   /* nothing asked, all said; the kernel may still hold some of it */
    HTTP_PHASE_KEEP_ALIVE, /* nothing asked, nothing to say */
    HTTP_PHASE_HEADER,     /* a request has begun (or is awaited for the first time) */
    HTTP_PHASE_BODY,
    HTTP_PHASE_ANSWER, /* the answer is being made: no deadline here */
    HTTP_PHASE_WRITE,  /* the client has not read it all */
    HTTP_PHASE_LINGER, /* all said, waiting for the client to close */
    HTTP_PHASE_LIFE,   /* beside the others, by a member of its own: since the connection came */
    HTTP_PHASE_NUM
};

struct http_phase_member {
    TAILQ_ENTRY(http_phase_member) entry;
    int64_t since, deadline; /* CLOCK_MONOTONIC, ns */
    enum http_phase phase;
};
TAILQ_HEAD(http_phase_list, http_phase_member);

struct http_phases {
    int64_t length[HTTP_PHASE_NUM]; /* ns; 0 = no end */
    struct http_phase_list lists[HTTP_PHASE_NUM];
    size_t num[HTTP_PHASE_NUM];
};

/* http_phase_init makes empty lists; lengths are copied. */
void http_phase_init(struct http_phases *phases, const int64_t length[HTTP_PHASE_NUM]);

/* http_phase_join puts a new member into a phase, http_phase_leave takes it out for good. */
void http_phase_join(struct http_phases *phases, struct http_phase_member *member, enum http_phase phase,
                     int64_t now);
void http_phase_leave(struct http_phases *phases, struct http_phase_member *member);

/* http_phase_enter moves a member; where it is in that phase already its deadline stays. */
void http_phase_enter(struct http_phases *phases, struct http_phase_member *member, enum http_phase phase,
                      int64_t now);

/* http_phase_due returns a member whose deadline has passed, NULL when there is none; the caller moves it or takes it out. */
struct http_phase_member *http_phase_due(struct http_phases *phases, int64_t now);

/* http_phase_earliest gives the next deadline, INT64_MAX when there is none. */
int64_t http_phase_earliest(const struct http_phases *phases);

/* http_phase_oldest returns the member that has been longest in a phase; NULL when none is there since then. */
struct http_phase_member *http_phase_oldest(struct http_phases *phases, enum http_phase phase, int64_t since);

#endif
