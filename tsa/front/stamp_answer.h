/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a timestamp request -> the HTTP answer. A refusal is an answer too, in one of two forms:
 *  - "come again" (too many wait, the signing process does not answer): HTTP 503 with Retry-After and a line of text, in both protocols, since
 *    that is what clients that try again, and proxies in between, understand. The connection stays: to open another would cost an authority that has
 *    too much to do more than the answer;
 *  - all else: in RFC 3161 a well-formed TimeStampResp with HTTP 200 (RFC 3161 2.4.2), in Authenticode, which has no error form, an HTTP status
 *    and a line of text; where time alone mends it, with a Retry-After that is meant.
 */
#ifndef TSA_FRONT_STAMP_ANSWER_H
#define TSA_FRONT_STAMP_ANSWER_H

#include "tsa/http/http_reply.h"
#include "tsa/role/msg.h"
#include "tsa/role/unit.h"

#define STAMP_ANSWER_MAX (2u * CHAN_MESSAGE_MAX)

struct stamp_verdict {
    const struct unit *unit;
    unsigned kind; /* enum msg_kind */
    enum rc rc;
    const char *sentence; /* NULL: the reason's own */
    struct bytes why;     /* what the reason is about, of the issuer; borrowed */
    struct bytes reply;   /* with RC_OK, as the issuer gave it */
    struct bytes serial;  /* with RC_OK; for the access log, as the next one */
    uint64_t record;
    int64_t retry_ns; /* for "come again": in how long it is worth while */
};

struct stamp_answer {
    struct wbuf body; /* wbuf_init with STAMP_ANSWER_MAX, and wbuf_clear, by the owner */
    char sentence[600], fields[40];
};

/* stamp_answer_build makes the reply; it borrows from both, until the next one is built. 503 when the answer could not be built. */
struct http_reply stamp_answer_build(struct stamp_answer *answer, const struct stamp_verdict *verdict);

/* stamp_answer_neither is for a body of neither protocol; verdict->rc is what is wrong with it, media_type tells which refusal the client can
 * read. Where it gets that of RFC 3161, verdict->kind and rc become what is told. */
struct http_reply stamp_answer_neither(struct stamp_answer *answer, struct stamp_verdict *verdict,
                                       struct bytes media_type);

/* stamp_answer_retry_s gives the seconds of a Retry-After: at least 1, at most 30. */
unsigned stamp_answer_retry_s(int64_t ns);

/* stamp_answer_leap_s the same, until no leap second is near any more: the window around the midnight nearest to now. */
unsigned stamp_answer_leap_s(struct gentime now, int64_t accuracy_ns);

#endif
