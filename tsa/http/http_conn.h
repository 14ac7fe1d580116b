/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client: a bufferevent, the parser, and the requests that are being answered, in order. After a refusal
 * not one more octet is parsed; the client still gets to read the answer (write end shut, the rest drained, both bounded).
 */
#ifndef TSA_HTTP_CONN_H
#define TSA_HTTP_CONN_H

#include "tsa/http/http_server.h"

/* http_conn_reply answers a request, once; later answers of the same connection wait until it is their turn. The slot is gone then. It is
 * legal, and quiet, when the client has gone. */
void http_conn_reply(struct http_slot *slot, const struct http_reply *reply);

/* http_conn_peer tells who has asked; good until the slot is answered. */
const struct http_peer *http_conn_peer(const struct http_slot *slot);

/* http_conn_set_client says for whom a proxy has asked: the access log's client of this request. */
void http_conn_set_client(struct http_slot *slot, const struct netaddr *client);

/* For http_server: */
struct http_conn *http_conn_new(struct http_server *server, int fd, const struct sockaddr *peer,
                                const struct http_door *door); /* NULL: no memory; fd stays open */
void http_conn_expire(struct http_phase_member *member);       /* its phase has lasted too long */
void http_conn_kill(struct http_phase_member *member, enum http_end end);
void http_conn_stop(struct http_phase_member *member);
void http_conn_free(struct http_phase_member *member);

#endif
