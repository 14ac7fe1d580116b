/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe, a process, a time limit, as the trial has them. What the child says is read with as much distrust as if it came from the network, since the name
 * services that it asks are there.
 */
#include "tsa/parent/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/now.h"

#define LIMIT_S   (RESOLVE_S + 1) /* the child keeps its own limit, unless it hangs */
#define TEXT_MAX  (SETTINGS_MAX_SERVERS * (ADDRESS_TEXT_MAX + RESOLVE_WHY_MAX))
#define NS_PER_MS INT64_C(1000000)
#define NO_SERVER "what the name services say is no address of a server"

struct resolve {
    struct resolve_owner owner;
    struct resolved result;
    pid_t pid;
    int fd; /* of the pipe; -1 */
    struct event *on_said, *on_late;
    char text[TEXT_MAX];
    size_t len;
};

static void hear(struct resolve *resolve);

/* ---- callbacks, in firing order ---- */

static void on_said(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    hear(arg);
}

/* Its end is told by whoever reaps children. */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
    const struct resolve *resolve = arg;

    (void)fd;
    (void)what;
    (void)kill(resolve->pid, SIGKILL);
}

/* ---- numbers ---- */

bool resolve_numbers(const struct settings *settings, struct resolved *out)
{
    bool all = true;

    *out = (struct resolved){.num = settings->clock.servers.num};
    for (size_t i = 0; i < out->num; i++) {
        struct resolved_server *one = &out->list[i];
        struct timeserver server;
        const char *why;

        one->known = timeserver_parse(settings_server(settings, i)->address, TIMESERVER_PORT, &server,
                                      &why) == RC_OK &&
                     timeserver_address(&server, &one->address) == RC_OK;
        all = all && one->known;
        (void)snprintf(one->why, sizeof(one->why), "%s",
                       one->known ? "" : "the name services gave no answer");
    }
    return all;
}

/* ---- what it says ---- */

static bool take_line(struct bytes *rest, struct bytes *out)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;

    if (!end) {
        return false;
    }
    *out = bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = bytes_of(end + 1, rest->len - out->len - 1);
    return true;
}

static void copy_why(struct bytes line, char out[RESOLVE_WHY_MAX])
{
    size_t len = 0;

    for (; len < line.len && len < RESOLVE_WHY_MAX - 1; len++) {
        out[len] = line.data[len] >= ' ' && line.data[len] < 0x7f ? (char)line.data[len] : '?';
    }
    out[len] = 0;
}

/* A number is what the settings say, whatever the child says; an address that cannot be a server's is not known, and says nothing of the others. */
static void parse(struct resolve *resolve)
{
    struct bytes rest = bytes_of(resolve->text, resolve->len), line;

    for (size_t i = 0; i < resolve->result.num; i++) {
        struct resolved_server *one = &resolve->result.list[i];
        const size_t before = rest.len;
        struct address address;
        const enum rc rc = timeserver_get_line(&rest, &address);

        if (rest.len == before || !take_line(&rest, &line)) {
            return;
        }
        if (one->known) {
            continue;
        }
        one->known = rc == RC_OK;
        one->address = address;
        if (!one->known && rc != RC_NOT_FOUND) {
            line = bytes_str(NO_SERVER);
        }
        if (!one->known && line.len) {
            copy_why(line, one->why);
        }
    }
}

/* ---- hearing ---- */

static void close_pipe(struct resolve *resolve)
{
    if (resolve->on_said) {
        event_free(resolve->on_said);
        resolve->on_said = NULL;
    }
    if (resolve->fd >= 0) {
        (void)close(resolve->fd);
    }
    resolve->fd = -1;
}

static void hear(struct resolve *resolve)
{
    ssize_t n = 1;

    while (n > 0 && resolve->len < sizeof(resolve->text)) {
        n = read(resolve->fd, resolve->text + resolve->len, sizeof(resolve->text) - resolve->len);
        resolve->len += n > 0 ? (size_t)n : 0;
    }
    if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
        close_pipe(resolve);
    }
}

/* ---- start and end ---- */

static void resolve_free(struct resolve *resolve)
{
    close_pipe(resolve);
    if (resolve->on_late) {
        event_free(resolve->on_late);
    }
    free(resolve);
}

static bool start_child(struct resolve *resolve, const struct settings *settings, int config)
{
    struct spawn spawn = {.role = "@resolve", .user = settings->users.clock};
    enum rc rc = RC_IO;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    resolve->fd = ends[0];
    spawn_add(&spawn, "config", config);
    spawn_add(&spawn, "answer", ends[1]);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) {
        rc = spawn_start(&spawn, &resolve->pid);
    }
    (void)close(ends[1]);
    return rc == RC_OK;
}

static bool watch(struct resolve *resolve)
{
    const struct timeval limit = {.tv_sec = LIMIT_S};
    struct event_base *base = resolve->owner.base;

    resolve->on_said = event_new(base, resolve->fd, EV_READ | EV_PERSIST, on_said, resolve);
    resolve->on_late = evtimer_new(base, on_late, resolve);
    return resolve->on_said && resolve->on_late && event_add(resolve->on_said, NULL) == 0 &&
           event_add(resolve->on_late, &limit) == 0;
}

struct resolve *resolve_start(const struct resolve_owner *owner, const struct settings *settings, int config)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));

    if (!resolve) {
        return NULL;
    }
    resolve->owner = *owner;
    resolve->fd = -1;
    (void)resolve_numbers(settings, &resolve->result);
    if (!start_child(resolve, settings, config)) {
        resolve_free(resolve);
        return NULL;
    }
    if (!watch(resolve)) {
        resolve_stop(resolve);
        errno = ENOMEM;
        return NULL;
    }
    return resolve;
}

void resolve_stop(struct resolve *resolve)
{
    if (resolve) {
        spawn_end(resolve->pid);
        resolve_free(resolve);
    }
}

bool resolve_take_end(struct resolve *resolve, pid_t pid)
{
    if (!resolve || resolve->pid != pid) {
        return false;
    }
    if (resolve->fd >= 0) {
        hear(resolve);
    }
    parse(resolve);
    resolve->owner.on_end(resolve->owner.arg, &resolve->result);
    resolve_free(resolve);
    return true;
}

/* ---- without a loop ---- */

static void wait_for_child(struct resolve *resolve)
{
    const int64_t end = now_mono_ns() + LIMIT_S * INT64_C(1000000000);
    int64_t left = LIMIT_S * INT64_C(1000000000);

    while (resolve->fd >= 0 && left > 0) {
        struct pollfd polled = {.fd = resolve->fd, .events = POLLIN};

        if (poll(&polled, 1, (int)(left / NS_PER_MS) + 1) > 0) {
            hear(resolve);
        }
        left = end - now_mono_ns();
    }
}

void resolve_wait(const struct settings *settings, int config, struct resolved *out)
{
    struct resolve *resolve;

    if (resolve_numbers(settings, out)) {
        return;
    }
    resolve = calloc(1, sizeof(*resolve));
    if (!resolve) {
        return;
    }
    resolve->fd = -1;
    resolve->result = *out;
    if (start_child(resolve, settings, config)) {
        wait_for_child(resolve);
        spawn_end(resolve->pid);
        parse(resolve);
        *out = resolve->result;
    }
    resolve_free(resolve);
}
