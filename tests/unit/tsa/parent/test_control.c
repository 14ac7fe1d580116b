/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket from both sides; the client's half runs in a child process, since it blocks. */
#include "tsa/parent/control.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

/* Longer than a socket's address holds. */
#define LONG_NAME                                                                                            \
    "a-folder-with-a-name-that-is-so-long-that-the-path-of-a-socket-in-it-does-not-fit-into-an-address-of-"  \
    "108"

struct world {
    struct event_base *base;
    struct control *control;
    char dir[40], run_dir[200];
    int run_fd;
    bool answers, issuer_there;
    unsigned num_asked;
};

static bool ask(void *arg, uint64_t id)
{
    struct world *world = arg;
    const struct facts facts = {.num_signers = 3};

    world->num_asked++;
    assert_int_not_equal(id, 0);
    if (world->issuer_there && world->answers) {
        control_answer(world->control, id + 1000, &facts); /* nobody waits for this one */
    }
    return world->issuer_there;
}

static json_t *build(void *arg, const struct facts *facts)
{
    (void)arg;
    return json_pack("{s:b,s:i}", "known", facts != NULL, "signers", facts ? (int)facts->num_signers : -1);
}

static struct world *world_new(void)
{
    static struct world world;
    const struct control_source source = {.ask = ask, .build = build, .arg = &world};

    world = (struct world){.dir = "/tmp/tsa-control-XXXXXX"};
    assert_non_null(mkdtemp(world.dir));
    (void)snprintf(world.run_dir, sizeof(world.run_dir), "%s/" LONG_NAME, world.dir);
    assert_int_equal(mkdir(world.run_dir, 0700), 0);
    world.run_fd = open(world.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world.base = event_base_new();
    world.control = control_open(world.base, world.run_fd, &source);
    assert_non_null(world.control);
    return &world;
}

static void world_free(struct world *world)
{
    control_close(world->control);
    event_base_free(world->base);
    (void)close(world->run_fd);
    assert_int_equal(rmdir(world->run_dir), 0);
    assert_int_equal(rmdir(world->dir), 0);
}

/* In a child: 0 when the answer to request is expected. */
static pid_t client(const struct world *world, const char *request, const char *expected)
{
    const pid_t pid = fork();

    if (pid == 0) {
        struct wbuf out;
        bool same;
        enum rc rc;

        wbuf_init(&out, 4096);
        rc = control_request(world->run_dir, request, &out);
        same = bytes_equal(wbuf_bytes(&out), bytes_str(expected));
        _exit(rc == RC_OK && same ? 0 : 1);
    }
    return pid;
}

static int run_until_end(struct world *world, pid_t pid)
{
    const struct timeval turn = {.tv_usec = 10000};
    int status = -1;

    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_dispatch(world->base);
    }
    return status;
}

static void test_answer(void **state)
{
    struct world *world = world_new();
    struct stat st;

    (void)state;
    assert_int_equal(fstatat(world->run_fd, "control", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    assert_int_equal(world->num_asked, 1);
    assert_int_equal(run_until_end(world, client(world, "stop", "{\"error\":\"unknown request\"}\n")), 0);
    assert_int_equal(world->num_asked, 1);
    world_free(world);
}

/* The facts come later, by their number. */
static void test_facts(void **state)
{
    struct world *world = world_new();
    const struct facts facts = {.num_signers = 3};
    const struct timeval turn = {.tv_usec = 10000};
    pid_t pid;

    (void)state;
    world->issuer_there = true;
    pid = client(world, "status", "{\"known\":true,\"signers\":3}\n");
    for (int i = 0; i < 500 && world->num_asked == 0; i++) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_dispatch(world->base);
    }
    control_answer(world->control, 99, &facts);
    control_answer(world->control, 1, &facts);
    assert_int_equal(run_until_end(world, pid), 0);
    world_free(world);
}

/* An issuer that does not answer: what is known is told after a second. */
static void test_no_facts(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->issuer_there = world->answers = true;
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void test_too_long(void **state)
{
    struct world *world = world_new();
    char request[300];

    (void)state;
    memset(request, 'x', sizeof(request));
    request[sizeof(request) - 1] = 0;
    assert_int_not_equal(run_until_end(world, client(world, request, "no")), 0);
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void test_many(void **state)
{
    struct world *world = world_new();
    pid_t pids[40];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        pids[i] = client(world, "status", "{\"known\":false,\"signers\":-1}\n");
    }
    for (size_t i = 0; i < 40; i++) {
        (void)run_until_end(world, pids[i]); /* those beyond the limit are turned away */
    }
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void test_nobody(void **state)
{
    struct wbuf out;

    (void)state;
    wbuf_init(&out, 100);
    assert_int_equal(control_request("/tmp/there-is-no-such-folder", "status", &out), RC_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    wbuf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),   cmocka_unit_test(test_facts), cmocka_unit_test(test_no_facts),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_many),  cmocka_unit_test(test_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
