/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server whose clients are socket pairs, for the tests of connections. The handler keeps each request and answers when the
 * test says so, or at once.
 */
#ifndef TESTS_UNIT_TSA_HTTP_CONN_WORLD_H
#define TESTS_UNIT_TSA_HTTP_CONN_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/http/http_conn.h"

#define MAX_KEPT 64

struct world {
    struct event_base *base;
    struct http_server server;
    struct http_slot *kept[MAX_KEPT]; /* requests that wait for their answer */
    char paths[MAX_KEPT][40];
    size_t num_kept, num_requests, num_answered, max_open, num_open;
    bool at_once; /* answer inside the handler */
    unsigned ends[HTTP_END_NUM];
    unsigned last_status;
    char seen[1 << 16]; /* what the client has read */
    size_t seen_len;
    bool seen_end;
    size_t big; /* size of the answer's body; 0 = the path */
    bool is_crowded, wants_header;
    unsigned num_connects;
    char client[NETADDR_TEXT_MAX]; /* of the last request */
    char certificate[200];         /* its name, "-" for none; of the last answer */
    bool was_tls;
    char result[32]; /* word of the last answer */
};

static inline void answer(struct world *w, size_t i)
{
    static char filler[400000];
    struct http_reply reply = {.status = 200, .type = "text/x", .body = bytes_str(w->paths[i])};
    struct http_slot *slot = w->kept[i];

    if (w->big) {
        memset(filler, 'z', sizeof filler);
        reply.body = bytes_of(filler, w->big);
    } else if (strcmp(w->paths[i], "/404") == 0) {
        reply = http_reply_refuse(404, "no such thing");
    }
    assert_non_null(slot);
    w->kept[i] = NULL;
    w->num_open--;
    http_conn_reply(slot, &reply);
}

static inline void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    struct world *w = arg;
    size_t i = w->num_kept++;

    assert_in_range(i, 0, MAX_KEPT - 1);
    w->kept[i] = slot;
    snprintf(w->paths[i], sizeof w->paths[i], "%.*s%.*s", (int)request->path.len,
             (const char *)request->path.data, (int)request->body.len, (const char *)request->body.data);
    netaddr_text(&http_conn_peer(slot)->client, w->client);
    w->num_requests++;
    w->num_open++;
    w->max_open = w->num_open > w->max_open ? w->num_open : w->max_open;
    if (w->at_once) {
        answer(w, i);
        w->num_kept = 0;
    }
}

static inline void on_answered(void *arg, const struct http_answered *answered)
{
    struct world *w = arg;

    w->num_answered++;
    w->last_status = answered->reply->status;
    w->was_tls = answered->is_tls;
    snprintf(w->result, sizeof w->result, "%s", answered->reply->result ? answered->reply->result : "-");
    snprintf(w->certificate, sizeof w->certificate, "%s",
             answered->certificate ? answered->certificate : "-");
}

static inline bool on_connect(void *arg, struct http_peer *peer)
{
    struct world *w = arg;

    assert_int_equal(peer->source, UINT32_MAX);
    peer->source = w->num_connects++;
    return !w->is_crowded;
}

static inline bool wants_header(void *arg, const struct netaddr *direct)
{
    assert_int_equal(direct->family, AF_UNIX);
    return ((struct world *)arg)->wants_header;
}

static inline void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    assert_non_null(peer->door);
    ((struct world *)arg)->ends[end]++;
}

static const struct http_server_ops ops = {.on_request = on_request,
                                           .on_answered = on_answered,
                                           .on_closed = on_closed,
                                           .wants_header = wants_header,
                                           .on_connect = on_connect};

#define MS 1000000LL

static const struct http_server_config roomy = {
    .limits = {.request_line = 100, .head = 1000, .fields = 10, .body = 1000},
    .pipeline = 3,
    .requests = 100,
    .connections = 10,
    .handshake = 5000 * MS,
    .header = 5000 * MS,
    .body = 5000 * MS,
    .write = 5000 * MS,
    .keep_alive = 5000 * MS,
    .connection = 600000 * MS,
};

static inline struct world *world_new(const struct http_server_config *config)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->base = event_base_new();
    assert_non_null(w->base);
    http_server_init(&w->server, w->base, config, &ops, w);
    return w;
}

static inline void turn(struct world *w)
{
    int i;

    for (i = 0; i < 4; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static inline void world_free(struct world *w)
{
    size_t i;

    for (i = 0; i < w->num_kept; i++) {
        if (w->kept[i]) {
            answer(w, i);
        }
    }
    turn(w);
    http_server_clear(&w->server);
    event_base_free(w->base);
    free(w);
}

static inline int join_by(struct world *w, const struct http_door *door)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(http_server_adopt(&w->server, fds[1], NULL, door));
    w->seen_len = 0;
    w->seen_end = false;
    return fds[0];
}

static inline int join(struct world *w)
{
    return join_by(w, NULL);
}

static inline void look(struct world *w, int fd)
{
    ssize_t num;

    turn(w);
    while ((num = read(fd, w->seen + w->seen_len, sizeof w->seen - 1 - w->seen_len)) > 0) {
        w->seen_len += (size_t)num;
        turn(w);
    }
    w->seen_end = num == 0;
    w->seen[w->seen_len] = 0;
}

static inline void say(struct world *w, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    look(w, fd);
}

static inline size_t count(const char *text, const char *part)
{
    size_t num = 0;

    while ((text = strstr(text, part))) {
        num++;
        text += strlen(part);
    }
    return num;
}

static inline void assert_has(const struct world *w, const char *part)
{
    if (!strstr(w->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", w->seen, part);
    }
    assert_non_null(strstr(w->seen, part));
}

static inline void assert_has_not(const struct world *w, const char *part)
{
    assert_null(strstr(w->seen, part));
}

/* Looks for at most ms milliseconds until the connection is at its end; returns how long it took. */
static inline int64_t await_end(struct world *w, int fd, int64_t ms, const char *drip)
{
    int64_t start = now_mono_ns();

    while (!w->seen_end && now_mono_ns() - start < ms * MS) {
        usleep(5000);
        if (drip) {
            (void)send(fd, drip, strlen(drip), MSG_NOSIGNAL);
        }
        look(w, fd);
    }
    assert_true(w->seen_end);
    return (now_mono_ns() - start) / MS;
}

#define HOST    "Host: a\r\n"
#define GET(p)  "GET " p " HTTP/1.1\r\n" HOST "\r\n"
#define POST(p) "POST " p " HTTP/1.1\r\n" HOST
#define CL3     "Content-Length: 3\r\n\r\nabc"

#endif
