/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accept loop: on sockets that are bound and listening already, a bounded number in each turn of the event loop. When the server is full
 * or descriptors run out it looks away for a moment, instead of being woken again and again.
 */
#ifndef TSA_HTTP_LISTEN_H
#define TSA_HTTP_LISTEN_H

#include "tsa/http/http_server.h"

#define HTTP_LISTEN_MAX 64

struct http_listen {
    struct http_server *server;
    struct http_listen_socket {
        struct http_listen *listen;
        struct event *event;
        const struct http_door *door;
    } sockets[HTTP_LISTEN_MAX];
    size_t num;
    struct event *retry;
    bool paused;
    int64_t told_at; /* when the log was last told of a pause, CLOCK_MONOTONIC, ns */
    uint64_t num_accepted;
};

/* http_listen_init is for start-up: it dies when there is no memory. */
void http_listen_init(struct http_listen *listen, struct http_server *server);

/* http_listen_add takes a listening socket; door must outlive it. Where it is TCP, what its connections inherit is set: no delay, small buffers, an end
 * to those whose client has vanished. False when there are too many (the socket stays the caller's). */
bool http_listen_add(struct http_listen *listen, int fd, const struct http_door *door);

/* http_listen_resume looks again, after a connection has ended. */
void http_listen_resume(struct http_listen *listen);

/* http_listen_clear accepts no more and closes this process' descriptors of the sockets. Twice is legal. */
void http_listen_clear(struct http_listen *listen);

#endif
