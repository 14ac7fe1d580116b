/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role as a process in its jail: it says ready with a record in place, renews it each second, ends when told or with its parent, and
 * a dead one's record dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/clock/clock_proc.h"
#include "tsa/clock/timesrc.h"
#include "tsa/role/msg.h"

static struct {
    struct inherit in;
    struct clockpage *page;
    int parent;
    pid_t pid;
} t;

static void add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &t.in.fds[t.in.num++];

    assert_true(fd >= 0);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static int config_file(void)
{
    static const char text[] =
        "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
        "users = { front = \"\"; issuer = \"\"; clock = \"\"; };\n"
        "clock = { source = \"system\"; }; log = { level = \"error\"; };\n"
        "units = ( { name = \"u\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );";
    int fd = memfd_create("config", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void wait_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&wait, 1, 10000), 1);
}

static void expect(enum msg_type type)
{
    static struct chan_in packet;
    struct chan_message m;

    if (!chan_next(&packet, &m)) {
        wait_readable(t.parent);
        assert_int_equal(chan_receive(&packet, t.parent), RC_OK);
        assert_true(chan_next(&packet, &m));
    }
    assert_int_equal(m.type, type);
    assert_int_equal(m.body.len, 0);
}

static int setup(void **state)
{
    int pair[2], clock = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    t.page = clockpage_open(clock, true);
    assert_int_equal(chan_pair(pair), RC_OK);
    t.parent = pair[0];
    add_fd("clock", clock);
    add_fd("config", config_file());
    add_fd("parent", pair[1]);
    t.pid = fork();
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        (void)close(t.parent);
        exit(clock_proc_main(&t.in));
    }
    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
    expect(MSG_READY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clockpage_close(t.page);
    (void)close(t.parent);
    return 0;
}

static void expect_end(void)
{
    int status;

    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void send_message(enum msg_type type)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 64);
    msg_put_empty(&out, type);
    assert_true(chan_flush(&out, t.parent, &rc));
    chan_out_clear(&out);
}

static void test_record_is_renewed(void **state)
{
    struct clockpage_record first, next;
    const int64_t mono = now_mono_ns();
    const int64_t real = gentime_diff_ns(now_real(), (struct gentime){0});

    (void)state;
    assert_true(clockpage_read(t.page, &first)); /* before it says that it is ready */
    assert_true(first.state == CLOCKPAGE_SYNC && first.proven == 0 && first.bound_ns == -1);
    assert_string_equal(first.reference, "system");
    assert_true(first.sampled_mono_ns <= mono &&
                first.expires_mono_ns == first.sampled_mono_ns + CLOCKPAGE_LIFE_NS);
    assert_true(llabs(real - mono - first.real_minus_mono_ns) < 1000000000);
    send_message(MSG_READY); /* not meant for it, and of no harm */
    do {
        usleep(10 * 1000);
        assert_true(clockpage_read(t.page, &next));
    } while (next.sampled_mono_ns == first.sampled_mono_ns);
    assert_true(next.sampled_mono_ns - first.sampled_mono_ns >= 1000000000);
    assert_true(next.sampled_mono_ns - first.sampled_mono_ns < CLOCKPAGE_LIFE_NS);
    send_message(MSG_STOP);
    expect_end();
}

/* At once, not with the next record; and it goes on. */
static void test_pings_are_answered(void **state)
{
    struct clockpage_record first, next;
    const int64_t begin = now_mono_ns();

    (void)state;
    assert_true(clockpage_read(t.page, &first));
    for (int i = 0; i < 3; i++) {
        send_message(MSG_PING);
        expect(MSG_PONG);
    }
    send_message(MSG_PING);
    send_message(MSG_PING);
    expect(MSG_PONG);
    expect(MSG_PONG);
    do {
        usleep(10 * 1000);
        assert_true(clockpage_read(t.page, &next));
    } while (next.sampled_mono_ns == first.sampled_mono_ns && now_mono_ns() - begin < CLOCKPAGE_LIFE_NS);
    assert_true(next.sampled_mono_ns > first.sampled_mono_ns);
    send_message(MSG_STOP);
    expect_end();
}

static void test_ends_with_its_parent(void **state)
{
    (void)state;
    (void)shutdown(t.parent, SHUT_RDWR);
    expect_end();
}

static void test_terminal_signals_are_the_parents_business(void **state)
{
    int status;

    (void)state;
    assert_int_equal(kill(t.pid, SIGINT), 0);
    assert_int_equal(kill(t.pid, SIGHUP), 0);
    usleep(50 * 1000);
    assert_int_equal(waitpid(t.pid, &status, WNOHANG), 0);
    send_message(MSG_STOP);
    expect_end();
}

static void test_sources(void **state)
{
    (void)state;
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_SYSTEM), &timesrc_system);
    assert_int_equal(timesrc_system.proof, CLOCKPAGE_TRUSTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_record_is_renewed),    TEST(test_pings_are_answered),
        TEST(test_ends_with_its_parent), TEST(test_terminal_signals_are_the_parents_business),
        cmocka_unit_test(test_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
