/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, from when it is whole until its answer is sent: what its log line will bear, and room for the answer. Slots outlive their
 * connection while somebody still makes their answer, and go back to a pool, so that a steady load allocates nothing.
 */
#ifndef TSA_HTTP_SLOT_H
#define TSA_HTTP_SLOT_H

#include "tsa/http/http_server.h"
#include "tsa/http/tls.h"

#define HTTP_SLOT_NOTE_MAX 120

struct http_slot_note {
    uint8_t len;
    char text[HTTP_SLOT_NOTE_MAX];
};

struct http_slot {
    TAILQ_ENTRY(http_slot) entry;
    struct http_server *server;
    struct http_conn *conn; /* NULL: the client has gone */
    int64_t started;
    bool is_head, is_http10;
    bool ready;  /* out is the answer */
    bool closes; /* the connection ends with it */
    struct http_slot_note method, target, agent;
    struct http_peer peer;
    char certificate[TLS_NAME_MAX]; /* what peer.certificate points to */
    struct wbuf out;
};

/* http_slot_take makes a slot for the request that parse holds (or has refused). NULL when there is no memory. */
struct http_slot *http_slot_take(struct http_server *server, const struct http_peer *peer,
                                 const struct http_parse *parse);

/* http_slot_build writes the answer; http_slot_tell tells of it. */
void http_slot_build(struct http_slot *slot, const struct http_reply *reply, bool closes);
void http_slot_tell(const struct http_slot *slot, const struct http_reply *reply);

/* http_slot_give_back ends it; it is in no list then. */
void http_slot_give_back(struct http_slot *slot);
void http_slot_free_pool(struct http_server *server);

#endif
