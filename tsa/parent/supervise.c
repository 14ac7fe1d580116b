/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the roles. A role that dies is started again at once, then after growing pauses of at most half a second, so that it is back
 * within one; a role that dies ten times in a minute, or can not start at all, ends the authority with a clear text.
 *
 * A new issuer gets a new channel of each front, and each living front the other end of it; a new front a channel that the issuer gets the
 * other end of. What waits in an old channel ends with it: its front sees that and refuses those requests.
 */
#include "tsa/parent/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define SECOND_NS      INT64_C(1000000000)
#define START_MS       30000 /* until a role must be ready */
#define PAUSE_FIRST_MS 25
#define PAUSE_MAX_MS   500
#define SPEECHLESS_MS  1000 /* from the end of a role's channel to its own */
#define MESSAGE_LIMIT  4096

/* A role that is about to be started: what it gets, and what the parent closes afterwards. */
struct launch {
    struct spawn spawn;
    int ends[2 * SUPERVISE_MAX_ROLES];
    size_t num_ends;
};

static void give_clock(struct role *role, struct launch *launch);
static void give_issuer(struct role *role, struct launch *launch);
static void give_front(struct role *role, struct launch *launch);

static const struct {
    const char *name, *arg;
    void (*give)(struct role *role, struct launch *launch);
} kinds[ROLE_NUM_KINDS] = {
    [ROLE_ISSUER] = {"issuer", "@issuer", give_issuer},
    [ROLE_CLOCK] = {"clock", "@clock", give_clock},
    [ROLE_FRONT] = {"front", "@front", give_front},
};

/* In which order they are told to stop, and how long each may take: five seconds in all. */
static const struct {
    enum role_kind kind;
    long ms;
} stop_phases[] = {{ROLE_FRONT, 4000}, {ROLE_ISSUER, 600}, {ROLE_CLOCK, 200}};
#define NUM_STOP_PHASES (sizeof(stop_phases) / sizeof(stop_phases[0]))

static void role_start(struct role *role);
static void role_hear(struct role *role);
static void role_overdue(struct role *role);
static void stop_overdue(struct supervise *all);

/* ---- callbacks, in firing order ---- */

static void on_message(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    role_hear(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct role *role = arg;

    (void)fd;
    (void)what;
    if (role->pid) {
        role_overdue(role);
    } else {
        role_start(role);
    }
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    stop_overdue(arg);
}

/* ---- small things ---- */

const char *supervise_role_name(enum role_kind kind)
{
    return kinds[kind].name;
}

static struct role *issuer_of(struct supervise *all)
{
    return &all->roles[0];
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static void set_timer(struct event *timer, long ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    (void)event_add(timer, &tv);
}

static bool send_message(const struct role *role, struct chan_out *out)
{
    enum rc rc;
    const bool sent = role->chan >= 0 && chan_flush(out, role->chan, &rc);

    chan_out_clear(out);
    return sent;
}

static void send_peer(const struct role *role, int fd)
{
    if (role->chan >= 0 && chan_send_fd(role->chan, MSG_PEER, BYTES_NONE, fd) != RC_OK) {
        log_warning("the %s (process %d) can not be told of a new channel", kinds[role->kind].name,
                    (int)role->pid);
    }
}

bool supervise_is_ready(const struct supervise *all)
{
    for (size_t i = 0; i < all->num; i++) {
        if (!all->roles[i].ready) {
            return false;
        }
    }
    return true;
}

/* ---- what a role gets ---- */

static void close_later(struct launch *launch, int fd)
{
    launch->ends[launch->num_ends++] = fd;
}

static void give_clock(struct role *role, struct launch *launch)
{
    launch->spawn.user = role->all->settings->users.clock;
    stock_give_clock(role->all->stock, &launch->spawn);
}

/* Its end of a new channel of each front. The other end goes to the front now, or waits until there is one. It changes its account itself,
 * after it has opened its ledger. */
static void give_issuer(struct role *role, struct launch *launch)
{
    struct supervise *all = role->all;
    size_t num = 0;
    int pair[2];

    stock_give_issuer(all->stock, &launch->spawn);
    for (size_t i = 0; i < all->num; i++) {
        struct role *front = &all->roles[i];

        if (front->kind != ROLE_FRONT || chan_pair(pair) != RC_OK) {
            continue;
        }
        spawn_add_n(&launch->spawn, "front", num++, pair[0]);
        close_later(launch, pair[0]);
        close_fd(&front->peer);
        if (front->pid) {
            send_peer(front, pair[1]);
            close_later(launch, pair[1]);
        } else {
            front->peer = pair[1];
        }
    }
}

/* The end that waits for it; or else it dies later than the issuer was born, and the issuer gets its end by message. */
static void give_front(struct role *role, struct launch *launch)
{
    const struct listeners *listeners = role->all->listeners;
    int pair[2];

    launch->spawn.user = role->all->settings->users.front;
    stock_give_front(role->all->stock, &launch->spawn);
    if (role->peer < 0 && chan_pair(pair) == RC_OK) {
        role->peer = pair[0];
        send_peer(issuer_of(role->all), pair[1]);
        close_later(launch, pair[1]);
    }
    if (role->peer >= 0) {
        spawn_add(&launch->spawn, "issuer", role->peer);
        close_later(launch, role->peer);
        role->peer = -1;
    }
    for (size_t i = 0; i < listeners->num; i++) {
        spawn_add_n(&launch->spawn, "listen", i, listeners->list[i].fd);
    }
}

/* ---- birth ---- */

static enum rc start_with(struct role *role, struct launch *launch, int chan)
{
    enum rc rc;

    launch->spawn.role = kinds[role->kind].arg;
    spawn_add(&launch->spawn, "parent", chan);
    kinds[role->kind].give(role, launch);
    rc = spawn_start(&launch->spawn, &role->pid);
    for (size_t i = 0; i < launch->num_ends; i++) {
        (void)close(launch->ends[i]);
    }
    return rc;
}

static enum rc role_try_start(struct role *role)
{
    struct launch launch = {.num_ends = 0};
    int pair[2];
    enum rc rc = chan_pair(pair);

    role->pid = 0;
    if (rc != RC_OK) {
        return rc;
    }
    rc = start_with(role, &launch, pair[1]);
    (void)close(pair[1]);
    if (rc != RC_OK) {
        role->pid = 0;
        (void)close(pair[0]);
        return rc;
    }
    role->chan = pair[0];
    role->num_starts++;
    role->on_message = event_new(role->all->base, role->chan, EV_READ | EV_PERSIST, on_message, role);
    return role->on_message && event_add(role->on_message, NULL) == 0 ? RC_OK : RC_NO_MEMORY;
}

static void role_start(struct role *role)
{
    const enum rc rc = role_try_start(role);

    if (rc != RC_OK) {
        log_error("can not start the %s: %s", kinds[role->kind].name, strerror(errno));
        set_timer(role->on_timer, PAUSE_MAX_MS);
        return;
    }
    set_timer(role->on_timer, START_MS);
}

/* ---- life ---- */

static void role_is_ready(struct role *role)
{
    struct supervise *all = role->all;

    (void)event_del(role->on_timer);
    role->ready = role->was_ready = true;
    if (role->num_starts > 1) {
        log_notice("the %s is back (process %d)", kinds[role->kind].name, (int)role->pid);
    }
    if (!all->stopping && supervise_is_ready(all)) {
        all->handlers.on_ready(all->handlers.arg);
    }
}

static bool take_message(struct role *role, const struct chan_message *message)
{
    struct msg_facts facts;

    if (message->type == MSG_READY && message->body.len == 0 && !role->ready) {
        role_is_ready(role);
        return true;
    }
    if (message->type == MSG_LOADED && role->kind == ROLE_ISSUER && message->body.len == 0) {
        return true; /* READY follows at once: nobody else has the record */
    }
    if (message->type == MSG_FACTS && role->kind == ROLE_ISSUER &&
        msg_get_facts(message->body, &facts) == RC_OK) {
        role->all->handlers.on_facts(role->all->handlers.arg, &facts);
        return true;
    }
    return false;
}

/* A role has no descriptors for the parent. */
static void drop_passed(struct chan_in *in)
{
    close_fd(&in->passed_fd);
}

static void role_hear(struct role *role)
{
    struct chan_in *in = &role->all->in;
    const enum rc rc = chan_receive(in, role->chan);
    struct chan_message message;
    bool good = rc == RC_OK || rc == RC_NOT_FOUND;

    while (rc == RC_OK && good && chan_next(in, &message)) {
        good = take_message(role, &message);
    }
    drop_passed(in);
    if (!good && rc != RC_IO) {
        log_error("the %s (process %d) sent something that it may not send; it is ended",
                  kinds[role->kind].name, (int)role->pid);
        (void)kill(role->pid, SIGKILL);
    }
    if (!good) {
        (void)event_del(role->on_message);
        set_timer(role->on_timer, SPEECHLESS_MS);
    }
}

static void role_overdue(struct role *role)
{
    log_error("the %s (process %d) %s; it is ended", kinds[role->kind].name, (int)role->pid,
              role->ready ? "has closed its channel and does not end" : "does not get ready");
    (void)kill(role->pid, SIGKILL);
}

bool supervise_ask_facts(struct supervise *all, uint64_t id)
{
    struct chan_out out;

    if (!issuer_of(all)->ready) {
        return false;
    }
    chan_out_init(&out, MESSAGE_LIMIT);
    msg_put_ask_facts(&out, id);
    return send_message(issuer_of(all), &out);
}

/* ---- death ---- */

static void give_up(struct supervise *all, int exit_code)
{
    if (!all->hopeless) {
        all->hopeless = true;
        all->handlers.on_hopeless(all->handlers.arg, exit_code);
    }
}

static unsigned count_deaths(struct role *role, int64_t now)
{
    unsigned num = 0;

    role->deaths[role->num_deaths++ % SUPERVISE_DEATHS] = now;
    for (unsigned i = 0; i < SUPERVISE_DEATHS && i < role->num_deaths; i++) {
        num += now - role->deaths[i] < SUPERVISE_WINDOW_S * SECOND_NS;
    }
    return num;
}

static void start_again(struct role *role)
{
    const char *name = kinds[role->kind].name;
    const unsigned num = count_deaths(role, now_mono_ns());
    long pause = num > 1 ? PAUSE_FIRST_MS << (num - 2) : 0;

    if (num >= SUPERVISE_DEATHS) {
        log_error("the %s died %u times within %d seconds: giving up; the lines above tell why", name, num,
                  SUPERVISE_WINDOW_S);
        give_up(role->all, EX_SOFTWARE);
        return;
    }
    pause = pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
    set_timer(role->on_timer, pause);
}

static void forget(struct role *role)
{
    role->pid = 0;
    role->ready = false;
    if (role->on_message) {
        event_free(role->on_message);
        role->on_message = NULL;
    }
    close_fd(&role->chan);
    (void)event_del(role->on_timer);
}

/* What could not start once will not start the second time: the role has said why. */
static bool is_start_failure(const struct role *role, int status)
{
    return !role->was_ready && WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

static bool is_any_left(const struct supervise *all, enum role_kind kind)
{
    for (size_t i = 0; i < all->num; i++) {
        if (all->roles[i].kind == kind && all->roles[i].pid) {
            return true;
        }
    }
    return false;
}

static void stop_next(struct supervise *all);

static void role_died(struct role *role, int status)
{
    struct supervise *all = role->all;
    char end[SPAWN_END_MAX];
    const pid_t pid = role->pid;

    forget(role);
    if (all->stopping) {
        if (status != 0) {
            log_warning("the %s (process %d) did not end well: %s", kinds[role->kind].name, (int)pid,
                        spawn_describe_end(status, end));
        }
        stop_next(all);
        return;
    }
    log_error("the %s (process %d) died: %s", kinds[role->kind].name, (int)pid,
              spawn_describe_end(status, end));
    if (is_start_failure(role, status)) {
        log_error("the %s can not start", kinds[role->kind].name);
        give_up(all, WEXITSTATUS(status));
    } else if (!all->hopeless) {
        start_again(role);
    }
}

void supervise_reap(struct supervise *all)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < all->num; i++) {
            if (all->roles[i].pid == pid) {
                role_died(&all->roles[i], status);
                break;
            }
        }
    }
}

/* ---- the end ---- */

static void tell_to_stop(struct supervise *all, enum role_kind kind)
{
    for (size_t i = 0; i < all->num; i++) {
        struct role *role = &all->roles[i];
        struct chan_out out;

        (void)event_del(role->on_timer);
        if (role->kind != kind || !role->pid) {
            continue;
        }
        chan_out_init(&out, MESSAGE_LIMIT);
        msg_put_empty(&out, MSG_STOP);
        if (!send_message(role, &out)) {
            (void)kill(role->pid, SIGKILL);
        }
    }
}

/* Goes on while nobody of the phase is left. */
static void stop_next(struct supervise *all)
{
    while (all->stopping <= NUM_STOP_PHASES && !is_any_left(all, stop_phases[all->stopping - 1].kind)) {
        all->stopping++;
        if (all->stopping <= NUM_STOP_PHASES) {
            tell_to_stop(all, stop_phases[all->stopping - 1].kind);
            set_timer(all->stop_timer, stop_phases[all->stopping - 1].ms);
        } else {
            (void)event_del(all->stop_timer);
            all->handlers.on_stopped(all->handlers.arg);
        }
    }
}

static void stop_overdue(struct supervise *all)
{
    const enum role_kind kind = stop_phases[all->stopping - 1].kind;

    for (size_t i = 0; i < all->num; i++) {
        if (all->roles[i].kind == kind && all->roles[i].pid) {
            log_warning("the %s (process %d) takes too long to stop; it is ended", kinds[kind].name,
                        (int)all->roles[i].pid);
            (void)kill(all->roles[i].pid, SIGKILL);
        }
    }
}

void supervise_stop(struct supervise *all)
{
    if (all->stopping) {
        return;
    }
    all->stopping = 1;
    tell_to_stop(all, stop_phases[0].kind);
    set_timer(all->stop_timer, stop_phases[0].ms);
    stop_next(all);
}

void supervise_kill(struct supervise *all)
{
    for (size_t i = 0; i < all->num; i++) {
        struct role *role = &all->roles[i];

        if (role->pid) {
            (void)kill(role->pid, SIGKILL);
            (void)waitpid(role->pid, NULL, 0);
            forget(role);
        }
    }
}

/* ---- the table ---- */

static enum rc add_role(struct supervise *all, enum role_kind kind)
{
    struct role *role = &all->roles[all->num];

    *role = (struct role){.all = all, .kind = kind, .chan = -1, .peer = -1};
    role->on_timer = evtimer_new(all->base, on_timer, role);
    if (!role->on_timer) {
        return RC_NO_MEMORY;
    }
    all->num++;
    return RC_OK;
}

enum rc supervise_init(struct supervise *all, struct event_base *base,
                       const struct supervise_handlers *handlers)
{
    *all = (struct supervise){.base = base, .handlers = *handlers};
    all->in.passed_fd = -1;
    all->stop_timer = evtimer_new(base, on_stop_timer, all);
    return all->stop_timer ? RC_OK : RC_NO_MEMORY;
}

enum rc supervise_start(struct supervise *all)
{
    enum rc rc = add_role(all, ROLE_ISSUER);

    if (rc == RC_OK) {
        rc = add_role(all, ROLE_CLOCK);
    }
    for (int64_t i = 0; rc == RC_OK && i < all->settings->fronts; i++) {
        rc = add_role(all, ROLE_FRONT);
    }
    for (size_t i = 0; rc == RC_OK && i < all->num; i++) {
        role_start(&all->roles[i]);
    }
    return rc;
}

void supervise_clear(struct supervise *all)
{
    supervise_kill(all);
    for (size_t i = 0; i < all->num; i++) {
        close_fd(&all->roles[i].peer);
        event_free(all->roles[i].on_timer);
    }
    if (all->stop_timer) {
        event_free(all->stop_timer);
    }
    all->num = 0;
    all->stop_timer = NULL;
}
