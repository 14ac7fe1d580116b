/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role may say is little: loaded, ready, alive, and of the issuer facts and what became of an acknowledgement. One that says anything else is ended. What the timer does when
 * it fires stands in one table, by what was waited for.
 */
#include "tsa/parent/role.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define SECOND_NS     INT64_C(1000000000)
#define START_MS      30000 /* until a role must be ready */
#define RECORD_MS     70000 /* until an issuer must have the record: it gives up by itself before that */
#define AGAIN_MS      500   /* from a start that could not be to the next */
#define SPEECHLESS_MS 1000  /* from the end of a role's channel to its own */
#define STOP_MS       4000  /* from the end of draining */
#define MESSAGE_LIMIT 4096

static const struct {
    const char *name, *arg;
} kinds[ROLE_NUM_KINDS] = {
    [ROLE_ISSUER] = {"issuer", "@issuer"},
    [ROLE_CLOCK] = {"clock", "@clock"},
    [ROLE_FRONT] = {"front", "@front"},
};

static void hear(struct role *role);
static void time_is_up(struct role *role);

/* ---- callbacks, in firing order ---- */

static void on_message(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    hear(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    time_is_up(arg);
}

/* ---- small things ---- */

const char *role_name(enum role_kind kind)
{
    return kinds[kind].name;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static void await(struct role *role, enum role_await what, long ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    role->await = what;
    if (what == ROLE_AWAIT_NOTHING) {
        (void)event_del(role->on_timer);
    } else {
        (void)event_add(role->on_timer, &tv);
    }
}

void role_kill(const struct role *role)
{
    if (role->pid) {
        (void)kill(role->pid, SIGKILL);
    }
}

void launch_close_later(struct launch *launch, int fd)
{
    launch->ends[launch->num_ends++] = fd;
}

/* ---- sending ---- */

static bool flush_and_clear(const struct role *role, struct chan_out *out)
{
    enum rc rc;
    const bool sent = role->chan >= 0 && chan_flush(out, role->chan, &rc);

    chan_out_clear(out);
    return sent;
}

bool role_send(const struct role *role, enum msg_type type)
{
    struct chan_out out;

    chan_out_init(&out, MESSAGE_LIMIT);
    msg_put_empty(&out, type);
    return flush_and_clear(role, &out);
}

bool role_ask_facts(const struct role *role, uint64_t id)
{
    struct chan_out out;

    if (!role->ready) {
        return false;
    }
    chan_out_init(&out, MESSAGE_LIMIT);
    msg_put_ask_facts(&out, id);
    return flush_and_clear(role, &out);
}

bool role_acknowledge(const struct role *role, const struct msg_acknowledge *acknowledge)
{
    struct chan_out out;

    if (!role->ready) {
        return false;
    }
    chan_out_init(&out, MESSAGE_LIMIT);
    msg_put_acknowledge(&out, acknowledge);
    return flush_and_clear(role, &out);
}

bool role_send_peer(const struct role *role, struct bytes body, int fd)
{
    if (role->chan < 0) {
        return false;
    }
    if (chan_send_fd(role->chan, MSG_PEER, body, fd) != RC_OK) {
        log_warning("the %s (process %d) can not be told of a new channel", kinds[role->kind].name,
                    (int)role->pid);
        return false;
    }
    return true;
}

/* ---- birth ---- */

static enum rc start_with(struct role *role, struct launch *launch, int chan)
{
    enum rc rc;

    launch->spawn.role = kinds[role->kind].arg;
    spawn_add(&launch->spawn, "parent", chan);
    role->owner->give(role->owner->arg, role, launch);
    rc = spawn_start(&launch->spawn, &role->pid);
    for (size_t i = 0; i < launch->num_ends; i++) {
        (void)close(launch->ends[i]);
    }
    return rc;
}

static enum rc try_start(struct role *role)
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
    role->on_message = event_new(role->owner->base, role->chan, EV_READ | EV_PERSIST, on_message, role);
    return role->on_message && event_add(role->on_message, NULL) == 0 ? RC_OK : RC_NO_MEMORY;
}

enum rc role_start(struct role *role)
{
    const enum rc rc = try_start(role);

    if (rc == RC_OK) {
        await(role, ROLE_AWAIT_READY, START_MS);
        return RC_OK;
    }
    log_error("can not start the %s: %s", kinds[role->kind].name, strerror(errno));
    if (role->pid) {
        role_kill(role); /* its end is taken note of */
    } else {
        await(role, ROLE_AWAIT_PAUSE, AGAIN_MS);
    }
    return RC_IO;
}

void role_start_later(struct role *role, long ms)
{
    await(role, ROLE_AWAIT_PAUSE, ms);
}

/* ---- life ---- */

static bool is_ready(struct role *role)
{
    role->ready = true;
    if (!role->leaving) {
        await(role, ROLE_AWAIT_NOTHING, 0);
    }
    if (role->num_starts > 1) {
        log_notice("the %s is back (process %d)", kinds[role->kind].name, (int)role->pid);
    }
    role->owner->on_change(role->owner->arg, role);
    return true;
}

static bool is_loaded(struct role *role)
{
    role->loaded = true;
    if (!role->leaving) {
        await(role, ROLE_AWAIT_RECORD, RECORD_MS);
    }
    role->owner->on_change(role->owner->arg, role);
    return true;
}

/* What only an issuer may say. */
static bool take_answer(struct role *role, const struct chan_message *message)
{
    struct msg_facts facts;
    struct msg_acknowledged answer;

    if (message->type == MSG_LOADED && message->body.len == 0 && !role->loaded && !role->ready) {
        return is_loaded(role);
    }
    if (message->type == MSG_FACTS && msg_get_facts(message->body, &facts) == RC_OK) {
        role->owner->on_facts(role->owner->arg, &facts);
        return true;
    }
    if (message->type == MSG_ACKNOWLEDGED && msg_get_acknowledged(message->body, &answer) == RC_OK) {
        role->owner->on_acknowledged(role->owner->arg, &answer);
        return true;
    }
    return false;
}

static bool take_message(struct role *role, const struct chan_message *message)
{
    if (message->type == MSG_PONG && message->body.len == 0 && role->ready) {
        role->num_unanswered = 0;
        return true;
    }
    if (message->type == MSG_READY && message->body.len == 0 && !role->ready) {
        return is_ready(role);
    }
    return role->kind == ROLE_ISSUER && take_answer(role, message);
}

static void hear(struct role *role)
{
    struct chan_in *in = role->owner->in;
    const enum rc rc = chan_receive(in, role->chan);
    struct chan_message message;
    bool good = rc == RC_OK || rc == RC_NOT_FOUND;

    while (rc == RC_OK && good && chan_next(in, &message)) {
        good = take_message(role, &message);
    }
    close_fd(&in->passed_fd); /* a role has no descriptors for the parent */
    if (good) {
        return;
    }
    (void)event_del(role->on_message);
    if (rc != RC_IO) {
        log_error("the %s (process %d) sent something that it may not send; it is ended",
                  kinds[role->kind].name, (int)role->pid);
        role_kill(role);
    } else if (!role->leaving) {
        await(role, ROLE_AWAIT_END, SPEECHLESS_MS);
    }
}

void role_ping(struct role *role)
{
    if (!role->pid || !role->ready || role->await == ROLE_AWAIT_STOPPED) {
        return;
    }
    if (role->num_unanswered >= ROLE_SILENT_MAX) {
        log_error("the %s (process %d) has not answered for %d seconds; it is ended", kinds[role->kind].name,
                  (int)role->pid, ROLE_SILENT_MAX);
        role_kill(role);
        return;
    }
    role->num_unanswered++;
    (void)role_send(role, MSG_PING);
}

/* ---- the end ---- */

void role_stop(struct role *role, long ms)
{
    role->leaving = true;
    if (!role->pid) {
        await(role, ROLE_AWAIT_NOTHING, 0);
        return;
    }
    /* One that can not be told is at its end already, or hangs. */
    if (!role_send(role, MSG_STOP) && ms > SPEECHLESS_MS) {
        ms = SPEECHLESS_MS;
    }
    await(role, ROLE_AWAIT_STOPPED, ms);
}

void role_drain(struct role *role, long ms)
{
    role->leaving = true;
    if (!role->pid) {
        await(role, ROLE_AWAIT_NOTHING, 0);
    } else if (role->ready && role_send(role, MSG_DRAIN)) {
        await(role, ROLE_AWAIT_DRAINED, ms);
    } else {
        role_kill(role); /* it holds no client yet, or is lost to them */
    }
}

static void time_is_up(struct role *role)
{
    static const char *const why[] = {
        [ROLE_AWAIT_READY] = "does not get ready",
        [ROLE_AWAIT_RECORD] = "does not get the record",
        [ROLE_AWAIT_END] = "has closed its channel and does not end",
        [ROLE_AWAIT_STOPPED] = "takes too long to stop",
    };
    const char *name = kinds[role->kind].name;

    if (role->await == ROLE_AWAIT_PAUSE) {
        (void)role_start(role);
    } else if (role->await == ROLE_AWAIT_DRAINED) {
        role_stop(role, STOP_MS);
    } else if (role->pid) {
        log_error("the %s (process %d) %s; it is ended", name, (int)role->pid, why[role->await]);
        role_kill(role);
    }
}

void role_forget(struct role *role)
{
    role->pid = 0;
    role->loaded = role->ready = false;
    role->num_unanswered = 0;
    if (role->on_message) {
        event_free(role->on_message);
        role->on_message = NULL;
    }
    close_fd(&role->chan);
    await(role, ROLE_AWAIT_NOTHING, 0);
}

unsigned role_count_death(struct role *role)
{
    const int64_t now = now_mono_ns();
    unsigned num = 0;

    role->deaths[role->num_deaths++ % ROLE_DEATHS] = now;
    for (unsigned i = 0; i < ROLE_DEATHS && i < role->num_deaths; i++) {
        num += now - role->deaths[i] < ROLE_WINDOW_S * SECOND_NS;
    }
    return num;
}

enum rc role_init(struct role *role, const struct role_owner *owner, enum role_kind kind)
{
    *role = (struct role){.owner = owner, .kind = kind, .chan = -1, .peer = -1};
    role->on_timer = evtimer_new(owner->base, on_timer, role);
    return role->on_timer ? RC_OK : RC_NO_MEMORY;
}

void role_clear(struct role *role)
{
    if (!role->on_timer) {
        return;
    }
    if (role->pid) {
        spawn_end(role->pid);
    }
    role_forget(role);
    close_fd(&role->peer);
    event_free(role->on_timer);
    role->on_timer = NULL;
}
