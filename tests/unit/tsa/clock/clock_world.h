/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role as a process in its jail, with this test as its parent and as its chronyd, and a timer that the test ends in place of one that ends when
 * the clock is set.
 */
#ifndef TESTS_UNIT_TSA_CLOCK_CLOCK_WORLD_H
#define TESTS_UNIT_TSA_CLOCK_CLOCK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsa/clock/chrony_reply.h"
#include "tsa/base/now.h"
#include "tsa/clock/clock_proc.h"
#include "tsa/clock/timesrc.h"
#include "tsa/role/msg.h"

#define SECOND INT64_C(1000000000)

static struct {
    struct inherit in;
    struct clockpage *page;
    int parent;
    pid_t pid;
    int chronyd, chronyd_port;
    int timer[2];     /* what the role takes for its timer, and the end that makes it readable */
    int64_t ahead_ns; /* of the test's clock */
} t;

/* In place of the C library's: a timer that the test ends, since it may not set the clock. Those on other clocks stay what they are. */
int timerfd_create(clockid_t clock, int flags)
{
    if (clock != CLOCK_REALTIME) {
        return (int)syscall(SYS_timerfd_create, clock, flags);
    }
    return flags == (TFD_NONBLOCK | TFD_CLOEXEC) ? dup(t.timer[0]) : -1;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
    if (!(flags & TFD_TIMER_CANCEL_ON_SET)) {
        return (int)syscall(SYS_timerfd_settime, fd, flags, when, before);
    }
    return flags == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) && when->it_value.tv_sec > 4000000000 ? 0
                                                                                                        : -1;
}

static inline void add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &t.in.fds[t.in.num++];

    assert_true(fd >= 0);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static inline int text_file(const char *text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

/* What stands in clock = { ... }. */
static inline int config_file(const char *clock)
{
    char text[1000];

    (void)snprintf(text, sizeof(text),
                   "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
                   "users = { front = \"\"; issuer = \"\"; clock = \"\"; };\n"
                   "clock = { %s }; log = { level = \"error\"; };\n"
                   "units = ( { name = \"u\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );",
                   clock);
    return text_file(text);
}

static inline void wait_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&wait, 1, 10000), 1);
}

static inline void expect(enum msg_type type)
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

static inline int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = 20};
    socklen_t len = sizeof(address);
    int clock = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    t.parent = -1;
    t.page = clockpage_open(clock, true);
    add_fd("clock", clock);
    assert_int_equal(pipe2(t.timer, 0), 0);
    t.chronyd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(t.chronyd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(t.chronyd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(setsockopt(t.chronyd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    t.chronyd_port = ntohs(address.sin_port);
    return 0;
}

/* As it is, in a process of its own. */
static inline void begin(void)
{
    t.pid = fork();
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        if (t.parent >= 0) {
            (void)close(t.parent);
        }
        (void)close(t.chronyd);
        (void)close(t.timer[1]);
        exit(clock_proc_main(&t.in));
    }
    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
}

/* With a parent. */
static inline void begin_with(const char *clock)
{
    int pair[2];

    assert_int_equal(chan_pair(pair), RC_OK);
    t.parent = pair[0];
    add_fd("parent", pair[1]);
    add_fd("config", config_file(clock));
    begin();
}

static inline const char *chrony_config(const char *more)
{
    static char text[600];

    (void)snprintf(text, sizeof(text), "source = \"chrony\"; chrony = \"127.0.0.1:%d\"; %s", t.chronyd_port,
                   more);
    return text;
}

static inline int teardown(void **state)
{
    (void)state;
    clockpage_close(t.page);
    (void)close(t.parent);
    (void)close(t.chronyd);
    (void)close(t.timer[0]);
    (void)close(t.timer[1]);
    now_set_source(NULL);
    return 0;
}

static inline void expect_end(void)
{
    int status;

    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void send_message(enum msg_type type)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 64);
    msg_put_empty(&out, type);
    assert_true(chan_flush(&out, t.parent, &rc));
    chan_out_clear(&out);
}

static inline void stop(void)
{
    send_message(MSG_STOP);
    expect_end();
}

/* ---- a chronyd ---- */

static struct sockaddr_storage client;
static socklen_t client_len;
static uint8_t reply[REPLY_LEN];

#define MAX_ROUNDS 30 /* of a second: an answer may come too late to be in its record */

/* The newest question: older ones are not waited for any more. */
static inline void receive_question(void)
{
    uint8_t q[REPLY_LEN + 1];
    ssize_t len;
    int flags = 0;

    do {
        client_len = sizeof(client);
        len = recvfrom(t.chronyd, q, sizeof(q), flags, (struct sockaddr *)&client, &client_len);
        assert_true(len == REPLY_LEN || flags == MSG_DONTWAIT);
        flags = MSG_DONTWAIT;
    } while (len > 0);
    reply_make(reply, (uint32_t)q[8] << 24 | (uint32_t)q[9] << 16 | (uint32_t)q[10] << 8 | q[11]);
}

/* With a measurement of just now, and what the test wants to be otherwise. */
static inline void answer_with(void (*change)(void))
{
    int64_t measured;

    receive_question();
    measured = gentime_diff_ns(now_real(), (struct gentime){0}) - 1000000;
    reply_put_time(reply, measured / SECOND, (uint32_t)(measured % SECOND));
    if (change) {
        change();
    }
    assert_int_equal(sendto(t.chronyd, reply, sizeof(reply), 0, (struct sockaddr *)&client, client_len),
                     sizeof(reply));
}

static inline void answer(void)
{
    answer_with(NULL);
}

/* The first record after this one; 0 = the first of all. */
static inline struct clockpage_record record_after(uint64_t epoch)
{
    struct clockpage_record r = {0};

    for (int i = 0; i < 2000 && (!clockpage_read(t.page, &r) || r.epoch <= epoch); i++) {
        usleep(10 * 1000);
    }
    assert_true(r.epoch > epoch);
    return r;
}

/* Answers until the clock is in sync. *out_good: how many good records were written before. */
static inline struct clockpage_record answer_until_sync(uint64_t epoch, uint32_t *out_good)
{
    struct clockpage_record r = {0};

    *out_good = 0;
    for (int i = 0; i < MAX_ROUNDS && r.state != CLOCKPAGE_SYNC; i++) {
        answer();
        r = record_after(epoch);
        epoch = r.epoch;
        *out_good = r.state == CLOCKPAGE_SYNC ? *out_good : r.num_good;
    }
    assert_int_equal(r.state, CLOCKPAGE_SYNC);
    return r;
}

static inline struct clockpage_record answer_until(void (*change)(void), enum rc reason)
{
    struct clockpage_record r = {0};

    for (int i = 0; i < MAX_ROUNDS && r.reason != (uint32_t)reason; i++) {
        const uint64_t epoch = clockpage_read(t.page, &r) ? r.epoch : 0;

        answer_with(change);
        r = record_after(epoch);
    }
    assert_int_equal(r.state, CLOCKPAGE_STOP);
    assert_int_equal(r.reason, reason);
    return r;
}

static inline struct clockpage_record begin_chrony(const char *more)
{
    uint32_t good;
    struct clockpage_record r;

    begin_with(chrony_config(more));
    r = answer_until_sync(0, &good);
    expect(MSG_READY);
    assert_int_equal(good, 0);
    return r;
}

#endif
