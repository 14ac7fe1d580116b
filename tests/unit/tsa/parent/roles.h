/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles for tests of the parent: the test's own program as each of them. What a role does stands in its configuration ("front exits", "clock dies",
 * "issuer mute"; "service": a clock service watches the clock). A front that has got a channel says so to the issuer, which tells the parent: so that the way front -> issuer -> parent is
 * shown to work. A trial is always good. The issuer takes the record as a real one does: it is loaded, waits for the lock, and is ready.
 */
#ifndef TESTS_UNIT_TSA_PARENT_ROLES_H
#define TESTS_UNIT_TSA_PARENT_ROLES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/parent/supervise.h"

#define MAX_PEERS 16
#define MS        INT64_C(1000000)

/* ---- the roles ---- */

struct child {
    char text[4000]; /* of the configuration */
    const char *role;
    int fds[MAX_PEERS]; /* the parent's channel first, then of peers */
    size_t num;
    bool ended;
    struct chan_in in;
};

static bool is_told(const struct child *child, const char *what)
{
    char wanted[64];

    (void)snprintf(wanted, sizeof(wanted), "%s %s", child->role, what);
    return strstr(child->text, wanted) != NULL;
}

static void say(int fd, enum msg_type type, uint64_t id)
{
    const struct msg_facts facts = {.id = id};
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 4096);
    if (type == MSG_FACTS) {
        msg_put_facts(&out, &facts);
    } else if (type == MSG_ASK_FACTS) {
        msg_put_ask_facts(&out, id);
    } else {
        msg_put_empty(&out, type);
    }
    (void)chan_flush(&out, fd, &rc);
    chan_out_clear(&out);
}

/* It is taken where its reason is "right". */
static void answer_acknowledge(const struct child *child, struct bytes body)
{
    struct msg_acknowledge asked;
    struct msg_acknowledged answer;
    struct chan_out out;
    bool right;
    enum rc rc;

    if (is_told(child, "mute") || msg_get_acknowledge(body, &asked) != RC_OK) {
        return;
    }
    right = bytes_equal(asked.reason, bytes_str("right"));
    answer = (struct msg_acknowledged){
        .id = asked.id,
        .rc = right ? RC_OK : RC_CLOCK_STALE,
        .why = right ? BYTES_NONE : bytes_str("nothing for 4 s"),
    };
    chan_out_init(&out, 4096);
    msg_put_acknowledged(&out, &answer);
    (void)chan_flush(&out, child->fds[0], &rc);
    chan_out_clear(&out);
}

/* A front of an older generation comes with a table of units; a front asks what it is told to: the number says of which generation it is. */
static void add_peer(struct child *child, int fd)
{
    if (child->num < MAX_PEERS) {
        child->fds[child->num++] = fd;
    }
    if (strcmp(child->role, "front") == 0) {
        say(fd, MSG_ASK_FACTS, (uint64_t)getpid());
    }
}

static void take(struct child *child, size_t i, const struct chan_message *message)
{
    struct msg_units units;

    if (i > 0) {
        if (message->type == MSG_ASK_FACTS) {
            say(child->fds[0], MSG_FACTS, 1);
        }
        return;
    }
    if (message->type == MSG_STOP || (message->type == MSG_DRAIN && !is_told(child, "lingers"))) {
        child->ended = !is_told(child, "ignores");
    } else if (message->type == MSG_PEER) {
        if (message->body.len && msg_get_units(message->body, &units) == RC_OK) {
            say(child->fds[0], MSG_FACTS, 1000 + units.num);
        }
        add_peer(child, child->in.passed_fd);
    } else if (message->type == MSG_ASK_FACTS) {
        say(child->fds[0], MSG_FACTS, 4711);
    } else if (message->type == MSG_ACKNOWLEDGE) {
        answer_acknowledge(child, message->body);
    } else if (message->type == MSG_PING && !is_told(child, "mute")) {
        say(child->fds[0], MSG_PONG, 0);
    }
}

static void hear(struct child *child, size_t i)
{
    struct chan_message message;
    const enum rc rc = chan_receive(&child->in, child->fds[i]);

    if (rc == RC_IO) {
        (void)close(child->fds[i]);
        child->fds[i] = -1;
        child->ended = child->ended || i == 0;
    }
    while (rc == RC_OK && chan_next(&child->in, &message)) {
        take(child, i, &message);
    }
}

static void turn(struct child *child, int timeout_ms)
{
    struct pollfd polled[MAX_PEERS];
    const size_t num = child->num;

    for (size_t i = 0; i < num; i++) {
        polled[i] = (struct pollfd){.fd = child->fds[i], .events = POLLIN};
    }
    (void)poll(polled, num, timeout_ms);
    for (size_t i = 0; i < num; i++) {
        if (polled[i].revents) {
            hear(child, i);
        }
    }
}

/* A lock of its own: what was inherited would be shared with the one before. */
static void take_record(struct child *child, int ledger)
{
    char path[40];
    int own;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ledger);
    own = open(path, O_RDWR | O_CLOEXEC);
    say(child->fds[0], MSG_LOADED, 0);
    while (!child->ended && own >= 0 && flock(own, LOCK_EX | LOCK_NB) != 0) {
        turn(child, 10);
    }
}

static void begin(struct child *child, struct inherit *in)
{
    int fd;

    child->fds[child->num++] = inherit_take(in, "parent");
    if ((fd = inherit_take(in, "shared")) >= 0) {
        (void)shared_take_place(shared_map(fd)); /* mapped until it ends */
    }
    if ((fd = inherit_take(in, "issuer")) >= 0) {
        add_peer(child, fd);
    }
    for (size_t i = 0; (fd = inherit_take_n(in, "front", i)) >= 0; i++) {
        add_peer(child, fd);
    }
    if ((fd = inherit_take(in, "ledger")) >= 0) {
        take_record(child, fd);
    }
}

/* It knows all names, or the first two, or hangs. */
static int resolve_main(const struct child *child, int answer)
{
    if (is_told(child, "hangs")) {
        (void)pause();
    }
    for (int i = 0; i < SETTINGS_MAX_SERVERS; i++) {
        if (i < 2 || !is_told(child, "fails")) {
            (void)dprintf(answer, "192.0.2.9:%d\n\n", 1123 + i);
        } else {
            (void)dprintf(answer, "-\nno such name\n");
        }
    }
    return 0;
}

static int child_main(int argc, char **argv)
{
    static struct child child;
    static struct inherit in;
    struct wbuf text;

    wbuf_init(&text, sizeof(child.text) - 1);
    if (inherit_parse(argc, argv, &in) != RC_OK || inherit_read(&in, "config", &text) != RC_OK) {
        return 99;
    }
    (void)snprintf(child.text, sizeof(child.text), "%.*s", (int)text.len, (const char *)text.data);
    wbuf_clear(&text);
    child.role = in.role;
    if (is_told(&child, "exits")) {
        return 78;
    }
    if (strcmp(child.role, "trial") == 0) {
        return 0;
    }
    if (strcmp(child.role, "resolve") == 0) {
        return resolve_main(&child, inherit_take(&in, "answer"));
    }
    begin(&child, &in);
    if (is_told(&child, "sleeps")) {
        (void)usleep(100000);
    }
    say(child.fds[0], is_told(&child, "babbles") ? MSG_STOP : MSG_READY, 0);
    while (!child.ended && !is_told(&child, "dies")) {
        turn(&child, -1);
    }
    return is_told(&child, "dies") ? 3 : 0;
}

/* ---- the parent ---- */

struct world {
    struct event_base *base;
    struct event *on_child;
    struct house house;
    struct supervise all;
    unsigned num_ready, num_from_fronts, num_answers, num_stopped, num_changed, num_units_told, num_hopeless;
    unsigned num_acknowledged, num_issuer_ends;
    struct msg_acknowledged acknowledged; /* the last one; why: not kept */
    char why[SUPERVISE_WHY_MAX];          /* the last change was given up */
    int exit_code;
};

static void on_ready(void *arg)
{
    ((struct world *)arg)->num_ready++;
}

static void on_facts(void *arg, const struct msg_facts *facts)
{
    struct world *world = arg;

    world->num_from_fronts += facts->id == 1;
    world->num_answers += facts->id == 4711;
    world->num_units_told += facts->id >= 1000 && facts->id < 4711;
}

static void on_acknowledged(void *arg, const struct msg_acknowledged *answer)
{
    struct world *world = arg;

    world->num_acknowledged++;
    world->acknowledged = *answer;
    world->acknowledged.why = BYTES_NONE;
}

static void on_issuer_end(void *arg)
{
    ((struct world *)arg)->num_issuer_ends++;
}

static void on_changed(void *arg, const char *why)
{
    struct world *world = arg;

    world->num_changed++;
    (void)snprintf(world->why, sizeof(world->why), "%s", why ? why : "");
}

static void on_stopped(void *arg)
{
    ((struct world *)arg)->num_stopped++;
}

static void on_hopeless(void *arg, int exit_code)
{
    struct world *world = arg;

    world->num_hopeless++;
    world->exit_code = exit_code;
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    struct world *world = arg;
    int status;
    pid_t pid;

    (void)number;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        assert_true(supervise_take_end(&world->all, pid, status));
    }
}

static int open_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static struct generation *make_generation(unsigned number, const char *config, int64_t fronts)
{
    struct generation *generation = calloc(1, sizeof(*generation));

    assert_non_null(generation);
    generation->number = number;
    generation->settings.fronts = fronts;
    generation->stock = (struct stock)STOCK_NONE;
    if (strstr(config, "service")) {
        generation->settings.clock.file = strdup("/run/tsa-clock/clock");
    }
    generation->stock.config = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(write(generation->stock.config, config, strlen(config)), strlen(config));
    return generation;
}

static struct world *world_new(const char *config, int64_t fronts)
{
    struct world *world = calloc(1, sizeof(*world));
    struct generation *first = make_generation(1, config, fronts);
    const struct supervise_handlers handlers = {
        .on_ready = on_ready,
        .on_facts = on_facts,
        .on_acknowledged = on_acknowledged,
        .on_issuer_end = on_issuer_end,
        .on_changed = on_changed,
        .on_stopped = on_stopped,
        .on_hopeless = on_hopeless,
        .arg = world,
    };

    assert_non_null(world);
    world->house = (struct house)HOUSE_NONE;
    world->house.ledger = memfd_create("ledger", MFD_CLOEXEC);
    world->house.clock = open_null();
    world->house.clock_readonly = open_null();
    world->house.counters = shared_create();
    world->house.shared = shared_map(world->house.counters);
    assert_non_null(world->house.shared);
    world->base = event_base_new();
    world->on_child = evsignal_new(world->base, SIGCHLD, on_child, world);
    assert_int_equal(event_add(world->on_child, NULL), 0);
    assert_int_equal(supervise_init(&world->all, world->base, &world->house, &handlers), RC_OK);
    assert_int_equal(supervise_start(&world->all, &first), RC_OK);
    assert_null(first);
    return world;
}

static void world_free(struct world *world)
{
    supervise_clear(&world->all);
    event_free(world->on_child);
    event_base_free(world->base);
    house_close(&world->house);
    free(world);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Runs the loop until *value is at least wanted; false when that takes longer than ms. */
static bool wait_for(struct world *world, const unsigned *value, unsigned wanted, int ms)
{
    const int64_t end = now_mono_ns() + ms * MS;
    const struct timeval turn_time = {.tv_usec = 10000};

    while (*value < wanted && now_mono_ns() < end) {
        (void)event_base_loopexit(world->base, &turn_time);
        (void)event_base_loop(world->base, EVLOOP_ONCE);
    }
    return *value >= wanted;
}

static void run_for(struct world *world, int ms)
{
    const unsigned never = 0;

    (void)wait_for(world, &never, 1, ms);
}

static struct role *find_role(struct crew *crew, enum role_kind kind, size_t index)
{
    for (size_t i = 0; i < crew->num; i++) {
        if (crew->roles[i].kind == kind && index-- == 0) {
            return &crew->roles[i];
        }
    }
    fail_msg("no such role");
    return NULL;
}

#endif
