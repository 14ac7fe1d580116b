/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client: a bufferevent, the parser, and the requests that are being answered, in order. After a refusal
 * not one more octet is parsed; the client still gets to read the answer (write end shut, the rest drained, both bounded).
 */
#ifndef TSA_FRONT_HTTP_CONN_H
#define TSA_FRONT_HTTP_CONN_H

#include "tsa/front/http_server.h"

/* http_conn_reply answers a request, once; later answers of the same connection wait until it is their turn. The slot is gone then. It is
 * legal, and quiet, when the client has gone. */
void http_conn_reply(struct http_slot *slot, const struct http_reply *reply);

/* http_conn_peer_text writes a client's address as text ("unix" for AF_UNSPEC); returns out. */
#define HTTP_CONN_PEER_MAX 64
const char *http_conn_peer_text(const struct sockaddr *peer, char out[HTTP_CONN_PEER_MAX]);

/* For http_server: */
struct http_conn *http_conn_new(struct http_server *server, int fd,
                                const struct sockaddr *peer); /* NULL: no memory; fd stays open */
void http_conn_expire(struct http_phase_member *member);      /* its phase has lasted too long */
void http_conn_kill(struct http_phase_member *member, enum http_end end);
void http_conn_stop(struct http_phase_member *member);
void http_conn_free(struct http_phase_member *member);
void http_conn_free_slots(struct http_server *server);

#endif
