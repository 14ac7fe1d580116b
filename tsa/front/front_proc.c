/* SPDX-License-Identifier: Apache-2.0 */
/* Start in this order: settings, loop, what allocates, jail, word to the parent, first octet from the network. */
#include "tsa/front/front_proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/front/front_doors.h"
#include "tsa/front/front_requests.h"
#include "tsa/role/jail.h"

#define STOP_TURN_US  50000      /* between looks at what is left */
#define STOP_MAX_NS   3700000000 /* from MSG_STOP on; then what is left is cut off */
#define GRACE_NS      1500000000 /* for a request that is on its way when the front stops */
#define LAST_WORDS_NS 600000000  /* before the end: who still waits for a signature is told to come again */
#define ALONE_S       7          /* without an issuer; the parent bears nine deaths a minute */

struct front {
    struct settings settings;
    struct unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    struct event_base *base;
    struct http_server server;
    struct http_listen listen;
    struct front_doors doors;
    struct front_requests requests;
    struct shared *shared;
    struct issuer_link *link;
    int parent;
    struct event *parent_event, *stop_event, *alone_event;
    struct chan_in parent_in;
    int64_t stop_by;            /* when it is over in any case, CLOCK_MONOTONIC, ns */
    bool draining, is_stopping; /* MSG_DRAIN, MSG_STOP */
    bool failed;
};

/* ---- issuer ---------------------------------------------------------------------------------------- */

static void on_stamped(void *arg, const struct msg_stamped *stamped)
{
    stamp_on_stamped(&((struct front *)arg)->requests.stamps, stamped);
}

/* With a new issuer the parent sends a new channel at once. Where only the channel broke nobody else knows: then this front starts anew. */
static void expect_issuer(struct front *front)
{
    static const struct timeval patience = {ALONE_S, 0};

    event_add(front->alone_event, &patience);
}

static void on_gone(void *arg)
{
    struct front *front = arg;

    expect_issuer(front);
    stamp_on_gone(&front->requests.stamps);
}

static const struct issuer_link_ops link_ops = {on_stamped, on_gone};

/* ---- parent ---------------------------------------------------------------------------------------- */

static void stop_later(struct front *front)
{
    static const struct timeval turn = {0, STOP_TURN_US};

    event_add(front->stop_event, &turn);
}

static void on_stop_turn(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    const int64_t now = now_mono_ns();

    (void)fd;
    (void)what;
    if (front->server.num_conns == 0 || now >= front->stop_by) {
        event_base_loopbreak(front->base);
        return;
    }
    if (now >= front->stop_by - LAST_WORDS_NS) {
        stamp_stop(&front->requests.stamps);
    }
    stop_later(front);
}

/* No new connection; those that are there end with their next answer, and who asks nothing goes after grace. */
static void wind_up(struct front *front, int64_t grace)
{
    http_listen_clear(&front->listen);
    http_server_stop(&front->server, grace);
    stop_later(front);
}

static bool say(struct front *front, enum msg_type type)
{
    struct chan_out out;
    bool said;
    enum rc rc;

    chan_out_init(&out, CHAN_PACKET_MAX);
    msg_put_empty(&out, type);
    said = chan_flush(&out, front->parent, &rc);
    chan_out_clear(&out);
    return said;
}

static void on_stop(struct front *front)
{
    if (!front->is_stopping) {
        front->is_stopping = true;
        front->stop_by = now_mono_ns() + STOP_MAX_NS;
        wind_up(front, GRACE_NS);
    }
}

/* Others accept in this front's place: idle clients may stay until their time is over. */
static void on_drain(struct front *front)
{
    if (!front->is_stopping && !front->draining) {
        front->draining = true;
        wind_up(front, INT64_MAX);
    }
}

static void on_peer(struct front *front)
{
    int fd = front->parent_in.passed_fd;

    if (fd < 0) {
        log_error("the parent sends a channel that is none");
        front->failed = true;
        return;
    }
    front->parent_in.passed_fd = -1;
    issuer_link_replace(front->link, fd);
    event_del(front->alone_event);
}

/* Lost where the parent reads nothing: it will ask again. */
static void on_ping(struct front *front)
{
    (void)say(front, MSG_PONG);
}

static void take_parent_message(struct front *front, const struct chan_message *message)
{
    static const struct {
        enum msg_type type;
        void (*act)(struct front *);
    } acts[] = {{MSG_PING, on_ping}, {MSG_PEER, on_peer}, {MSG_DRAIN, on_drain}, {MSG_STOP, on_stop}};
    size_t i;

    for (i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (acts[i].type == message->type) {
            acts[i].act(front);
            return;
        }
    }
    log_error("the parent says what a front does not know (%u)", message->type);
    front->failed = true;
}

static void end(struct front *front, const char *why)
{
    log_error("%s", why);
    front->failed = true;
}

static void on_alone(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;

    (void)fd;
    (void)what;
    if (!front->server.stopping) { /* else it ends anyway, and who waits is told so in time */
        end(front, "no channel to an issuer came; this front starts anew");
        event_base_loopbreak(front->base);
    }
}

static void on_parent(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    struct chan_message message;
    enum rc rc;

    (void)what;
    while (!front->failed && (rc = chan_receive(&front->parent_in, fd)) != RC_NOT_FOUND) {
        if (rc != RC_OK) {
            end(front, rc == RC_IO ? "the parent is not there any more" : rc_text(rc));
        }
        while (!front->failed && chan_next(&front->parent_in, &message)) {
            take_parent_message(front, &message);
        }
        if (front->parent_in.passed_fd >= 0) {
            close(front->parent_in.passed_fd);
        }
    }
    if (front->failed) {
        event_base_loopbreak(front->base);
    }
}

/* ---- start ----------------------------------------------------------------------------------------- */

/* What a front does after its start: the loop, sockets that it has or accepts, memory, the log. */
const int front_calls[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendto,
    SYS_accept4,
    SYS_shutdown,
    SYS_close,
    SYS_ioctl,
    SYS_epoll_ctl,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_getpid,
    SYS_getrandom,
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
    -1,
};

static void close_jail(const struct front *front)
{
    const struct jail jail = {
        .role = "front",
        .user = front->settings.users.front,
        .syscalls = front_calls,
        .rights_dir = -1,
        .num_files = front_doors_files((size_t)front->settings.limits.connections),
        .shares_listeners = true,
    };

    tzset(); /* libcrypto asks gmtime() about the dates of a client's certificate, which would open /etc/localtime */
    jail_close(&jail);
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0) {
        base = event_base_new_with_config(config);
    }
    if (!base) {
        log_die(70, "no event loop is to be had");
    }
    event_config_free(config);
    return base;
}

static void start_server(struct front *front)
{
    const struct settings *s = &front->settings;
    const struct http_server_config config = {
        .limits = {.request_line = (size_t)s->limits.request_line,
                   .head = (size_t)s->limits.head,
                   .fields = (size_t)s->limits.fields,
                   .body = (size_t)s->limits.body},
        .pipeline = (size_t)s->limits.pipeline,
        .requests = (size_t)s->limits.requests,
        .connections = front_doors_measure((size_t)s->limits.connections),
        .handshake = s->deadlines.handshake,
        .header = s->deadlines.header,
        .body = s->deadlines.body,
        .write = s->deadlines.write,
        .keep_alive = s->deadlines.keep_alive,
        .connection = s->deadlines.connection,
    };

    http_server_init(&front->server, front->base, &config, &front_requests_ops, &front->requests);
    http_listen_init(&front->listen, &front->server);
}

/* What all fronts count together; a front that was given none counts for itself. */
static void map_shared(struct front *front, struct inherit *in)
{
    const char *names[SETTINGS_MAX_UNITS];
    int fd = inherit_take(in, "shared");
    bool is_own = fd < 0;
    size_t i;

    fd = is_own ? shared_create() : fd;
    front->shared = fd >= 0 ? shared_map(fd) : NULL;
    if (!front->shared) {
        log_die(70, "the counters can not be mapped: %s", strerror(errno));
    }
    close(fd);
    for (i = 0; i < front->num_units; i++) {
        names[i] = front->units[i].settings->name;
    }
    if (is_own) {
        shared_name_units(front->shared, names, front->num_units);
    }
}

static void start_requests(struct front *front, int issuer)
{
    front->link =
        issuer_link_new(front->base, issuer, (size_t)front->settings.limits.queue, &link_ops, front);
    front->requests = (struct front_requests){
        .settings = &front->settings,
        .units = front->units,
        .num_units = front->num_units,
        .server = &front->server,
        .listen = &front->listen,
        .link = front->link,
        .shared = front->shared,
        .hides_metrics = front->doors.has_metrics,
    };
    front_requests_init(&front->requests, front->base);
    metrics_tell_tls(&front->requests.metrics, front->doors.tls.tls);
}

static void watch_parent(struct front *front)
{
    front->parent_event = event_new(front->base, front->parent, EV_READ | EV_PERSIST, on_parent, front);
    front->stop_event = event_new(front->base, -1, 0, on_stop_turn, front);
    front->alone_event = event_new(front->base, -1, 0, on_alone, front);
    if (!front->parent_event || !front->stop_event || !front->alone_event ||
        event_add(front->parent_event, NULL) != 0) {
        log_die(70, "out of memory");
    }
}

/* The parent alone decides when a role ends: a terminal's or systemd's signal to all of them must not cut requests off. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    size_t i;

    for (i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        signal(ignored[i], SIG_IGN);
    }
}

static void clear(struct front *front)
{
    size_t i;

    http_listen_clear(&front->listen);
    http_server_cut(&front->server); /* so that no answer below brings another request */
    front_requests_stop(&front->requests);
    issuer_link_free(front->link);
    http_server_clear(&front->server);
    front_requests_clear(&front->requests);
    front_doors_clear(&front->doors);
    shared_unmap(front->shared);
    event_free(front->parent_event);
    event_free(front->stop_event);
    event_free(front->alone_event);
    event_base_free(front->base);
    close(front->parent);
    for (i = 0; i < front->num_units; i++) {
        unit_clear(&front->units[i]);
    }
    settings_clear(&front->settings);
    free(front);
}

int front_proc_main(struct inherit *in)
{
    struct front *front = xcalloc(1, sizeof *front);
    bool failed;
    int issuer;

    front->stop_by = INT64_MAX;
    ignore_signals();
    log_start("front", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &front->settings, front->units, &front->num_units);
    log_start("front", (enum log_level)front->settings.log.level, (enum log_form)front->settings.log.form);
    front->parent = inherit_take(in, "parent");
    if (front->parent < 0) {
        log_die(70, "the channel to the parent did not come along");
    }
    map_shared(front, in);
    front->base = new_base();
    front_doors_open(&front->doors, in, &front->settings);
    start_server(front);
    front_doors_listen(&front->doors, in, &front->listen);
    issuer = inherit_take(in, "issuer");
    start_requests(front, issuer);
    watch_parent(front);
    if (issuer < 0) {
        expect_issuer(front);
    }
    close_jail(front);
    if (!say(front, MSG_READY) || event_base_dispatch(front->base) < 0) {
        end(front, "the front can not begin its work");
    }
    failed = front->failed;
    clear(front);
    return failed ? 70 : 0;
}
