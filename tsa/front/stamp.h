/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamp requests from their HTTP body to their answer, both protocols on every address, told apart by content. Each request that
 * waits for the issuer is one struct stamp of a fixed table, released in one place. A refusal is an answer too: in
 * RFC 3161 a well-formed TimeStampResp with HTTP 200, in Authenticode, which has no error form, an HTTP status and a line of text.
 */
#ifndef TSA_FRONT_STAMP_H
#define TSA_FRONT_STAMP_H

#include "tsa/front/http_conn.h"
#include "tsa/front/issuer_link.h"
#include "tsa/role/unit.h"

struct stamp;

/* Told once for each request: kind 0 = neither protocol (rc says why). */
typedef void stamp_count_fn(void *arg, size_t unit, unsigned kind, enum rc rc);

struct stamp_desk {
    const struct unit *units;
    struct issuer_link *link;
    stamp_count_fn *count;
    void *count_arg;
    size_t num_waiting, max_waiting;

    /* private */
    struct stamp *stamps;                        /* max_waiting of them */
    TAILQ_HEAD(stamp_list, stamp) free, waiting; /* waiting: oldest first */
    struct event *late;
    struct wbuf decoded, answer;
};

/* stamp_init is for start-up: it dies when there is no memory. queue is how many requests may wait; more are refused at once. */
void stamp_init(struct stamp_desk *desk, struct event_base *base, const struct unit *units, size_t queue);
void stamp_clear(struct stamp_desk *desk); /* those who wait get their refusal before */

/* stamp_request answers slot now or later. */
void stamp_request(struct stamp_desk *desk, struct http_slot *slot, const struct http_request *request,
                   size_t unit);

/* For the issuer link. A stale or unknown id is ignored. */
void stamp_on_stamped(struct stamp_desk *desk, const struct msg_stamped *stamped);
void stamp_on_gone(struct stamp_desk *desk);

/* stamp_body_kind tells what a body is, by content: MSG_RFC3161, MSG_AUTHENTICODE, or 0 when it is neither; *out_rc what is wrong with it. */
unsigned stamp_body_kind(struct bytes body, struct wbuf *decoded, struct msg_stamp *out,
                         struct tsp_request *out_request, enum rc *out_rc);

#endif
