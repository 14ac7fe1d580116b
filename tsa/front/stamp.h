/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamp requests from their HTTP body to their answer, both protocols on every address, told apart by content. Each request that
 * waits for the issuer is one struct stamp of a fixed table, released in one place, and keeps its message: when the channel is lost it stays, and
 * is sent again on the next one, in order, at most twice in all. A record without a delivered token is harmless. Who can not be served in time is
 * told so at once (see stamp_answer.h for the form).
 */
#ifndef TSA_FRONT_STAMP_H
#define TSA_FRONT_STAMP_H

#include "tsa/http/http_conn.h"
#include "tsa/front/issuer_link.h"
#include "tsa/front/pace.h"
#include "tsa/front/stamp_answer.h"
#include "tsa/role/unit.h"

#define STAMP_TRIES 2 /* what was on its way when two issuers died is not given to a third */
#define STAMP_GONE_NS                                                                                        \
    5000000000LL /* without a channel nobody waits longer: the front itself ends a little later */
#define STAMP_WAIT_NS 5000000000LL /* preset of patience */

struct stamp;

/* Told once for each request: kind 0 = neither protocol (rc says why). */
typedef void stamp_count_fn(void *arg, size_t unit, unsigned kind, enum rc rc);

struct stamp_desk {
    const struct unit *units;
    struct issuer_link *link;
    stamp_count_fn *count;
    void *count_arg;
    size_t num_waiting, max_waiting;
    int64_t
        patience; /* ns: while the oldest has waited longer, new ones are refused at once; after twice that it is refused itself */

    /* private */
    struct stamp *stamps; /* max_waiting of them */
    TAILQ_HEAD(stamp_list, stamp)
    free, waiting;        /* waiting: oldest first; sent ones stand before all others */
    struct stamp *unsent; /* the first that is not sent */
    size_t num_sent;      /* that the issuer has not answered, given up ones too */
    size_t num_stale;     /* those: it works at them still */
    bool holding;         /* nothing is sent now */
    bool stopping;
    int64_t gone_at, heard_at; /* gone_at: since when there is no channel; 0 = there is */
    struct pace pace;
    struct event *late;
    struct wbuf decoded;
    struct stamp_answer answer;
};

/* stamp_init is for start-up: it dies when there is no memory. queue is how many requests may wait; more are refused at once. */
void stamp_init(struct stamp_desk *desk, struct event_base *base, const struct unit *units, size_t queue);
void stamp_clear(struct stamp_desk *desk); /* those who wait get their refusal before */

/* stamp_stop tells all who wait, and all who come, to come again: there is no time left to sign for them (RC_STOPPING). */
void stamp_stop(struct stamp_desk *desk);

/* stamp_request answers slot now or later. */
void stamp_request(struct stamp_desk *desk, struct http_slot *slot, const struct http_request *request,
                   size_t unit);

/* For the issuer link. A stale or unknown id is ignored. After stamp_on_gone, where there is a new channel already, what waits is sent again. */
void stamp_on_stamped(struct stamp_desk *desk, const struct msg_stamped *stamped);
void stamp_on_gone(struct stamp_desk *desk);

/* stamp_body_kind tells what a body is, by content: MSG_RFC3161, MSG_AUTHENTICODE, or 0 when it is neither; *out_rc what is wrong with it. */
unsigned stamp_body_kind(struct bytes body, struct wbuf *decoded, struct msg_stamp *out,
                         struct tsp_request *out_request, enum rc *out_rc);

#endif
