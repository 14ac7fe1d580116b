/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting, and looking away from it. */
#include "tsa/http/http_listen.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define MAX_PER_TURN 32
#define TELL_NS      1000000000LL
#define SEND_BUFFER                                                                                          \
    65536 /* of a connection in the kernel, which doubles it: many slow readers must not fill the memory */
#define UNSENT_MAX 16384 /* more is kept here, where the deadline for writing sees it */

static void pause_accept(struct http_listen *listen, bool all);

/* ---- callbacks ------------------------------------------------------------------------------------- */

static void tell_pause(struct http_listen *listen, int error)
{
    int64_t now = now_mono_ns();

    if (listen->told_at == 0 || now - listen->told_at >= TELL_NS) {
        listen->told_at = now;
        log_warning("no connection is accepted for a moment: %s", strerror(error));
    }
}

/* Nobody waiting is no reason to look away; all else would come again at once. An idle connection that gives its descriptor ends the pause. */
static void look_away(struct http_listen *listen, int error)
{
    if (error != EAGAIN && error != EWOULDBLOCK) {
        tell_pause(listen, error);
        pause_accept(listen, true);
        if (error == EMFILE || error == ENFILE) {
            (void)http_server_crowd_out(listen->server);
        }
    }
}

/* False: no more in this turn. */
static bool accept_one(struct http_listen_socket *socket, int fd)
{
    struct http_listen *listen = socket->listen;
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    int client;

    if (!http_server_has_room(listen->server, socket->door)) {
        pause_accept(listen, socket->door->kind == HTTP_DOOR_METRICS);
        return false;
    }
    client = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0 && (errno == EINTR || errno == ECONNABORTED)) {
        return true;
    }
    if (client < 0) {
        look_away(listen, errno);
        return false;
    }
    listen->num_accepted++;
    return http_server_adopt(listen->server, client, (const struct sockaddr *)&peer, socket->door);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    int i;

    (void)what;
    for (i = 0; i < MAX_PER_TURN && accept_one(arg, fd); i++) {
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    http_listen_resume(arg);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

/* Unless all descriptors are gone, the door of the counters stays open a little longer. */
static void pause_accept(struct http_listen *listen, bool all)
{
    static const struct timeval moment = {0, 200000};
    size_t i;

    for (i = 0; i < listen->num; i++) {
        if (all || listen->sockets[i].door->kind != HTTP_DOOR_METRICS) {
            event_del(listen->sockets[i].event);
        }
    }
    listen->paused = true;
    event_add(listen->retry, &moment);
}

void http_listen_resume(struct http_listen *listen)
{
    size_t i;

    if (!listen->paused) {
        return;
    }
    listen->paused = false;
    event_del(listen->retry);
    for (i = 0; i < listen->num; i++) {
        event_add(listen->sockets[i].event, NULL);
    }
}

void http_listen_init(struct http_listen *listen, struct http_server *server)
{
    memset(listen, 0, sizeof *listen);
    listen->server = server;
    listen->retry = event_new(server->base, -1, 0, on_retry, listen);
    if (!listen->retry) {
        log_die(70, "out of memory");
    }
}

/* What connections inherit spares each a system call, and the jail one that it would have to allow. A Unix socket has none of it. */
static void set_options(int fd, int64_t write_ns)
{
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)(write_ns / 1000000 % INT_MAX)},
        {SOL_SOCKET, SO_SNDBUF, SEND_BUFFER},
    };
    size_t i;

    for (i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int)) != 0) {
            return;
        }
    }
}

bool http_listen_add(struct http_listen *listen, int fd, const struct http_door *door)
{
    struct http_listen_socket *socket = &listen->sockets[listen->num];

    if (listen->num == HTTP_LISTEN_MAX) {
        return false;
    }
    set_options(fd, listen->server->config.write);
    *socket = (struct http_listen_socket){.listen = listen, .door = door};
    socket->event = event_new(listen->server->base, fd, EV_READ | EV_PERSIST, on_acceptable, socket);
    if (!socket->event || event_add(socket->event, NULL) != 0) {
        log_die(70, "out of memory");
    }
    listen->num++;
    return true;
}

void http_listen_clear(struct http_listen *listen)
{
    while (listen->num > 0) {
        struct event *event = listen->sockets[--listen->num].event;
        int fd = event_get_fd(event);

        event_free(event); /* before its descriptor: others hold the socket too, so epoll would go on */
        close(fd);
    }
    if (listen->retry) {
        event_free(listen->retry);
    }
    *listen =
        (struct http_listen){.num_accepted = listen->num_accepted}; /* it is told until the process ends */
}
