/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All connections of one process: their limits, their deadlines, the pool of slots, and the place where a connection that has
 * ended is freed: at the end of the turn, never inside its own callback. It does not accept: http_listen hands sockets over.
 */
#ifndef TSA_HTTP_SERVER_H
#define TSA_HTTP_SERVER_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "tsa/http/http_mishap.h"
#include "tsa/http/http_parse.h"
#include "tsa/http/http_phase.h"
#include "tsa/http/http_reply.h"
#include "tsa/role/netaddr.h"

struct http_conn;
struct http_slot;

/* How a connection ended. X(NAME, "word") */
#define HTTP_END_TABLE(X)                                                                                    \
    X(CLIENT, "client")                                                                                      \
    X(ANSWERED, "answered")                                                                                  \
    X(ERROR, "error")                                                                                        \
    X(IDLE, "idle")                                                                                          \
    X(SLOW_READER, "slow-reader")                                                                            \
    X(LINGERED, "lingered")                                                                                  \
    X(CROWDED_OUT, "crowded-out")                                                                            \
    X(STOPPED, "stopped")                                                                                    \
    X(NO_MEMORY, "no-memory")                                                                                \
    X(HANDSHAKE, "handshake")                                                                                \
    X(PROXY_HEADER, "proxy-header")                                                                          \
    X(CROWDED, "crowded")

enum http_end {
#define HTTP_END_ENUM(name, word) HTTP_END_##name,
    HTTP_END_TABLE(HTTP_END_ENUM)
#undef HTTP_END_ENUM
    HTTP_END_NUM
};

/* By which listening socket a connection came. */
enum http_door_kind {
    HTTP_DOOR_PLAIN,
    HTTP_DOOR_TLS,
    HTTP_DOOR_METRICS /* plain, for the counters alone */
};

struct http_door {
    enum http_door_kind kind;
    SSL_CTX *tls; /* HTTP_DOOR_TLS alone; borrowed */
};

/* Who is at the other end. */
struct http_peer {
    struct netaddr direct; /* the socket's other end */
    struct netaddr
        client; /* the same, or what a PROXY header has said; of a request: what http_conn_set_client has said */
    const struct http_door *door;
    const char *certificate; /* common name of the client's verified certificate; NULL = none */
    uint32_t source;         /* on_connect's own; UINT32_MAX before it */
};

struct http_server_config {
    struct http_limits limits;
    size_t pipeline; /* requests of one connection that are answered at the same time */
    size_t requests; /* that one connection may send */
    size_t connections;
    int64_t handshake, header, body, write, keep_alive, connection; /* deadlines, ns */
};

/* What the access log and the counters want to know of an answer; the views are good during the call. */
struct http_answered {
    const struct netaddr *client, *direct; /* direct: the socket's other end, a proxy where they differ */
    const char *certificate;               /* NULL = none */
    bool is_tls;
    struct bytes method, target, agent; /* cut to what a log line bears */
    const struct http_reply *reply;
    size_t len;         /* octets sent, head and body */
    int64_t elapsed_ns; /* since the request was whole */
};

struct http_server_ops {
    /* A request is whole: answer slot once with http_conn_reply, now or later. The request's views die on return. */
    void (*on_request)(void *arg, struct http_slot *slot, const struct http_request *request);
    void (*on_answered)(void *arg, const struct http_answered *answered);
    void (*on_closed)(void *arg, const struct http_peer *peer, enum http_end end);
    /* Tells whether a connection from there begins with a PROXY header; NULL = none does. */
    bool (*wants_header)(void *arg, const struct netaddr *direct);
    /* peer->client is known now, and on_closed will follow. False: it has too many connections, is told so, and goes. NULL = all may come. */
    bool (*on_connect)(void *arg, struct http_peer *peer);
};

TAILQ_HEAD(http_slot_list, http_slot);

struct http_server {
    struct event_base *base;
    struct http_server_config config;
    const struct http_server_ops *ops;
    void *arg;
    size_t num_conns;
    bool stopping;  /* each connection's next answer is its last */
    bool impatient; /* and who has nothing to say goes */

    /* private to http_server and http_conn */
    struct http_phases phases;
    struct http_mishap headerless, unshaken; /* PROXY headers, TLS handshakes */
    struct event *timer, *reaper;
    int64_t timer_at, stop_at;
    struct http_phase_list dead;
    struct http_slot_list free_slots;
    size_t num_free_slots;
    int64_t date_sec;
    char date[HTTP_REPLY_DATE_LEN + 1];
};

/* http_server_init is for start-up: it dies when there is no memory. ops must outlive the server. */
void http_server_init(struct http_server *server, struct event_base *base,
                      const struct http_server_config *config, const struct http_server_ops *ops, void *arg);

/* http_server_cut ends all connections at once; their requests may still be answered, to nobody. */
void http_server_cut(struct http_server *server);

/* http_server_clear cuts and frees; every request must have been answered before. */
void http_server_clear(struct http_server *server);

/* http_server_adopt takes a connected socket, non-blocking; peer is NULL for a Unix socket; door must outlive the server, NULL = a plain
 * one. False (the socket is closed) when there is no memory or no room. */
bool http_server_adopt(struct http_server *server, int fd, const struct sockaddr *peer,
                       const struct http_door *door);

/* http_server_has_room tells whether one more connection may come by that door, if need be in the place of an idle one. The door of the counters has a few
 * places more than the others, so that a full house can be watched. */
bool http_server_has_room(struct http_server *server, const struct http_door *door);

/* http_server_crowd_out ends the connection that is missed least: that has been answered, or has been silent for a second with its request
 * not whole. False when there is none such. */
bool http_server_crowd_out(struct http_server *server);

/* http_server_stop: from now on the answer to the last that a connection has sent says that it ends. Who sends nothing whole within grace (ns) is cut
 * off; INT64_MAX: may stay until its deadline. A further call may shorten that. */
void http_server_stop(struct http_server *server, int64_t grace);

/* For http_conn: */
void http_server_arm(struct http_server *server); /* the deadlines have changed */
void http_server_bury(struct http_server *server,
                      struct http_phase_member *member); /* free it at the end of the turn */
const char *http_server_date(struct http_server *server);

const char *http_end_word(enum http_end end);

#endif
