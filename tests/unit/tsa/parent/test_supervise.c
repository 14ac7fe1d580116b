/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of roles, with this program as each of them: started, connected, killed, started again, stopped, given up. What a role does
 * stands in its configuration ("front exits", "clock dies"). A front that has got a channel says so to the issuer, which tells the parent: so
 * that the way front -> issuer -> parent is shown to work after each death.
 */
#include "tsa/parent/supervise.h"

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
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"

#define MAX_PEERS 16
#define MS        INT64_C(1000000)

/* ---- the roles ---- */

struct child {
    char text[200]; /* of the configuration */
    const char *role;
    int fds[MAX_PEERS]; /* the parent's channel first, then of peers */
    size_t num;
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

static void add_peer(struct child *child, int fd)
{
    if (child->num < MAX_PEERS) {
        child->fds[child->num++] = fd;
    }
    if (strcmp(child->role, "front") == 0) {
        say(fd, MSG_ASK_FACTS, (uint64_t)getpid());
    }
}

/* True to end. */
static bool hear(struct child *child, size_t i)
{
    struct chan_message message;
    const enum rc rc = chan_receive(&child->in, child->fds[i]);

    if (rc == RC_IO) {
        (void)close(child->fds[i]);
        child->fds[i] = -1;
        return i == 0;
    }
    while (rc == RC_OK && chan_next(&child->in, &message)) {
        if (i == 0 && message.type == MSG_STOP && !is_told(child, "ignores")) {
            return true;
        }
        if (i == 0 && message.type == MSG_PEER) {
            add_peer(child, child->in.passed_fd);
        }
        if (message.type == MSG_ASK_FACTS) {
            say(child->fds[0], MSG_FACTS, i == 0 ? 4711 : 1);
        }
    }
    return false;
}

static int live(struct child *child)
{
    for (;;) {
        struct pollfd polled[MAX_PEERS];
        const size_t num = child->num;

        for (size_t i = 0; i < num; i++) {
            polled[i] = (struct pollfd){.fd = child->fds[i], .events = POLLIN};
        }
        (void)poll(polled, num, -1);
        for (size_t i = 0; i < num; i++) {
            if (polled[i].revents && hear(child, i)) {
                return 0;
            }
        }
    }
}

static int child_main(int argc, char **argv)
{
    static struct child child;
    static struct inherit in;
    struct wbuf text;
    int fd;

    wbuf_init(&text, sizeof(child.text) - 1);
    if (inherit_parse(argc, argv, &in) != RC_OK || inherit_read(&in, "config", &text) != RC_OK) {
        return 99;
    }
    (void)snprintf(child.text, sizeof(child.text), "%.*s", (int)text.len, (const char *)text.data);
    wbuf_clear(&text);
    child.role = in.role;
    child.fds[child.num++] = inherit_take(&in, "parent");
    if (is_told(&child, "exits")) {
        return 78;
    }
    if ((fd = inherit_take(&in, "issuer")) >= 0) {
        add_peer(&child, fd);
    }
    for (size_t i = 0; (fd = inherit_take_n(&in, "front", i)) >= 0; i++) {
        add_peer(&child, fd);
    }
    say(child.fds[0], is_told(&child, "babbles") ? MSG_STOP : MSG_READY, 0);
    return is_told(&child, "dies") ? 3 : live(&child);
}

/* ---- the parent ---- */

struct world {
    struct event_base *base;
    struct event *on_child;
    struct settings settings;
    struct stock stock;
    struct listeners listeners;
    struct supervise all;
    unsigned num_ready, num_from_fronts, num_answers, num_stopped;
    int hopeless;
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
}

static void on_stopped(void *arg)
{
    ((struct world *)arg)->num_stopped++;
}

static void on_hopeless(void *arg, int exit_code)
{
    ((struct world *)arg)->hopeless = exit_code;
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    supervise_reap(&((struct world *)arg)->all);
}

static int open_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static struct world *world_new(const char *config, int64_t fronts)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct supervise_handlers handlers = {on_ready, on_facts, on_stopped, on_hopeless, world};

    assert_non_null(world);
    world->settings.fronts = fronts;
    world->stock = (struct stock){.config = memfd_create("config", MFD_CLOEXEC),
                                  .ledger = open_null(),
                                  .clock = open_null(),
                                  .clock_readonly = open_null(),
                                  .run_dir = -1};
    assert_int_equal(write(world->stock.config, config, strlen(config)), strlen(config));
    world->base = event_base_new();
    world->on_child = evsignal_new(world->base, SIGCHLD, on_child, world);
    assert_int_equal(event_add(world->on_child, NULL), 0);
    assert_int_equal(supervise_init(&world->all, world->base, &handlers), RC_OK);
    world->all.settings = &world->settings;
    world->all.stock = &world->stock;
    world->all.listeners = &world->listeners;
    assert_int_equal(supervise_start(&world->all), RC_OK);
    return world;
}

static void world_free(struct world *world)
{
    supervise_clear(&world->all);
    event_free(world->on_child);
    event_base_free(world->base);
    stock_close(&world->stock);
    free(world);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Runs the loop until *value is at least wanted; false when that takes longer than ms. */
static bool wait_for(struct world *world, const unsigned *value, unsigned wanted, int ms)
{
    const int64_t end = now_mono_ns() + ms * MS;
    const struct timeval turn = {.tv_usec = 10000};

    while (*value < wanted && now_mono_ns() < end) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_loop(world->base, EVLOOP_ONCE);
    }
    return *value >= wanted;
}

static bool wait_hopeless(struct world *world, int ms)
{
    const unsigned never = 0;
    const int64_t end = now_mono_ns() + ms * MS;

    while (!world->hopeless && now_mono_ns() < end) {
        (void)wait_for(world, &never, 1, 20);
    }
    return world->hopeless != 0;
}

static struct role *find_role(struct world *world, enum role_kind kind, size_t index)
{
    for (size_t i = 0; i < world->all.num; i++) {
        if (world->all.roles[i].kind == kind && index-- == 0) {
            return &world->all.roles[i];
        }
    }
    fail_msg("no such role");
    return NULL;
}

static void kill_role(struct world *world, enum role_kind kind)
{
    assert_int_equal(kill(find_role(world, kind, 0)->pid, SIGKILL), 0);
}

static void test_start_and_stop(void **state)
{
    struct world *world = world_new("-", 2);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(supervise_is_ready(&world->all));
    assert_true(wait_for(world, &world->num_from_fronts, 2, 5000));
    assert_true(supervise_ask_facts(&world->all, 1));
    assert_true(wait_for(world, &world->num_answers, 1, 5000));
    supervise_stop(&world->all);
    assert_false(supervise_is_ready(&world->all) && !world->all.stopping);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_int_equal(world->num_stopped, 1);
    world_free(world);
}

static void test_each_comes_back(void **state)
{
    struct world *world = world_new("-", 2);
    int64_t start;

    (void)state;
    assert_true(wait_for(world, &world->num_from_fronts, 2, 5000));
    assert_true(wait_for(world, &world->num_ready, 1, 5000));

    start = now_mono_ns();
    kill_role(world, ROLE_FRONT);
    assert_true(wait_for(world, &world->num_ready, 2, 1000));
    assert_true(wait_for(world, &world->num_from_fronts, 3, 1000));
    assert_true(now_mono_ns() - start < 1000 * MS);

    kill_role(world, ROLE_CLOCK);
    assert_true(wait_for(world, &world->num_ready, 3, 1000));

    kill_role(world, ROLE_ISSUER);
    assert_true(wait_for(world, &world->num_ready, 4, 1000));
    assert_true(wait_for(world, &world->num_from_fronts, 5, 1000));
    assert_int_equal(find_role(world, ROLE_ISSUER, 0)->num_starts, 2);
    world_free(world);
}

/* All at once: who is back first does not matter. */
static void test_all_die(void **state)
{
    struct world *world = world_new("-", 3);

    (void)state;
    assert_true(wait_for(world, &world->num_from_fronts, 3, 5000));
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    for (size_t i = 0; i < world->all.num; i++) {
        assert_int_equal(kill(world->all.roles[i].pid, SIGKILL), 0);
    }
    assert_true(wait_for(world, &world->num_ready, 2, 2000));
    assert_true(wait_for(world, &world->num_from_fronts, 6, 2000));
    world_free(world);
}

static void test_can_not_start(void **state)
{
    struct world *world = world_new("front exits", 1);

    (void)state;
    assert_true(wait_hopeless(world, 5000));
    assert_int_equal(world->hopeless, 78);
    assert_int_equal(world->num_ready, 0);
    world_free(world);
}

static void test_dies_again_and_again(void **state)
{
    struct world *world = world_new("clock dies", 1);

    (void)state;
    assert_true(wait_hopeless(world, 15000));
    assert_int_equal(world->hopeless, 70);
    assert_int_equal(find_role(world, ROLE_CLOCK, 0)->num_starts, SUPERVISE_DEATHS);
    world_free(world);
}

static void test_says_what_it_may_not(void **state)
{
    struct world *world = world_new("front babbles", 1);

    (void)state;
    assert_true(wait_for(world, &find_role(world, ROLE_FRONT, 0)->num_starts, 3, 5000));
    assert_int_equal(world->num_ready, 0);
    world_free(world);
}

static void test_stop_is_overdue(void **state)
{
    struct world *world = world_new("front ignores", 1);
    int64_t start;

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    start = now_mono_ns();
    supervise_stop(&world->all);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_true(now_mono_ns() - start > 3000 * MS);
    world_free(world);
}

/* Stopped while a role is dead and waits for its next start. */
static void test_stop_between(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    kill_role(world, ROLE_CLOCK);
    kill_role(world, ROLE_ISSUER);
    (void)usleep(50000);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_false(supervise_ask_facts(&world->all, 1));
    world_free(world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_stop),
        cmocka_unit_test(test_each_comes_back),
        cmocka_unit_test(test_all_die),
        cmocka_unit_test(test_can_not_start),
        cmocka_unit_test(test_dies_again_and_again),
        cmocka_unit_test(test_says_what_it_may_not),
        cmocka_unit_test(test_stop_is_overdue),
        cmocka_unit_test(test_stop_between),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child_main(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
