/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role as a process in its jail: it says ready with a record in place, asks a chronyd that is this test, tells what it is worth, wakes when
 * the clock is set, goes on where a predecessor has ended, works as a service of its own, ends when told or with its parent, and a dead one's
 * record dies.
 */
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

static void add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &t.in.fds[t.in.num++];

    assert_true(fd >= 0);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static int text_file(const char *text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

/* What stands in clock = { ... }. */
static int config_file(const char *clock)
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

/* ---- the role ---- */

static int setup(void **state)
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
static void begin(void)
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
static void begin_with(const char *clock)
{
    int pair[2];

    assert_int_equal(chan_pair(pair), RC_OK);
    t.parent = pair[0];
    add_fd("parent", pair[1]);
    add_fd("config", config_file(clock));
    begin();
}

static void begin_system(void)
{
    begin_with("source = \"system\";");
    expect(MSG_READY);
}

static const char *chrony_config(const char *more)
{
    static char text[600];

    (void)snprintf(text, sizeof(text), "source = \"chrony\"; chrony = \"127.0.0.1:%d\"; %s", t.chronyd_port,
                   more);
    return text;
}

static int teardown(void **state)
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
    int64_t mono, real;

    (void)state;
    begin_system();
    mono = now_mono_ns();
    real = gentime_diff_ns(now_real(), (struct gentime){0});
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
    const int64_t since = now_mono_ns();

    (void)state;
    begin_system();
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
    } while (next.sampled_mono_ns == first.sampled_mono_ns && now_mono_ns() - since < CLOCKPAGE_LIFE_NS);
    assert_true(next.sampled_mono_ns > first.sampled_mono_ns);
    send_message(MSG_STOP);
    expect_end();
}

static void test_ends_with_its_parent(void **state)
{
    (void)state;
    begin_system();
    (void)shutdown(t.parent, SHUT_RDWR);
    expect_end();
}

static void test_terminal_signals_are_the_parents_business(void **state)
{
    int status;

    (void)state;
    begin_system();
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
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_CHRONY), &timesrc_chrony);
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_KERNEL), &timesrc_kernel);
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_SNTP), &timesrc_sntp);
    assert_int_equal(timesrc_system.proof, CLOCKPAGE_TRUSTED);
    assert_int_equal(timesrc_chrony.proof, CLOCKPAGE_PROVEN);
    assert_int_equal(timesrc_kernel.proof, CLOCKPAGE_PROVEN);
    assert_int_equal(timesrc_sntp.proof, CLOCKPAGE_PROVEN);
}

/* ---- a chronyd ---- */

static struct sockaddr_storage client;
static socklen_t client_len;
static uint8_t reply[REPLY_LEN];

/* The newest question: older ones are not waited for any more. */
static void receive_question(void)
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
static void answer_with(void (*change)(void))
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

static void answer(void)
{
    answer_with(NULL);
}

/* The first record after this one; 0 = the first of all. */
static struct clockpage_record record_after(uint64_t epoch)
{
    struct clockpage_record r = {0};

    for (int i = 0; i < 2000 && (!clockpage_read(t.page, &r) || r.epoch <= epoch); i++) {
        usleep(10 * 1000);
    }
    assert_true(r.epoch > epoch);
    return r;
}

#define MAX_ROUNDS 30 /* of a second: an answer may come too late to be in its record */

/* Answers until the clock is in sync. *out_good: how many good records were written before. */
static struct clockpage_record answer_until_sync(uint64_t epoch, uint32_t *out_good)
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

static struct clockpage_record answer_until(void (*change)(void), enum rc reason)
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

static struct clockpage_record begin_chrony(const char *more)
{
    uint32_t good;
    struct clockpage_record r;

    begin_with(chrony_config(more));
    r = answer_until_sync(0, &good);
    expect(MSG_READY);
    assert_int_equal(good, 0);
    return r;
}

static void stop(void)
{
    send_message(MSG_STOP);
    expect_end();
}

static void test_chrony(void **state)
{
    struct clockpage_servers servers;
    struct clockpage_record r, next;

    (void)state;
    r = begin_chrony("");
    assert_true(r.proven == CLOCKPAGE_PROVEN && r.reason == RC_OK);
    assert_in_range(r.bound_ns, 14500000, 14500003);
    assert_true(r.drift_ppb == 1750 && r.stratum == 3 && r.leap == CLOCKPAGE_LEAP_NONE && r.leap_at == 0);
    assert_true(r.measured_mono_ns <= r.sampled_mono_ns && r.sampled_mono_ns <= now_mono_ns());
    assert_true(r.expires_mono_ns == r.sampled_mono_ns + CLOCKPAGE_LIFE_NS);
    assert_string_equal(r.reference, "chrony 192.0.2.1");
    assert_true(clockpage_read_servers(t.page, &servers) && servers.num == 0);
    for (int i = 0; i < 3; i++) {
        answer();
        next = record_after(r.epoch);
        assert_true(next.epoch == r.epoch + 1 && next.state == CLOCKPAGE_SYNC);
        r = next;
    }
    stop();
}

/* It is ready nevertheless, says what it does not know, and needs three good records to leave a stop. */
static void test_chronyd_that_is_silent(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    begin_with(chrony_config(""));
    expect(MSG_READY);
    r = record_after(0);
    assert_true(r.state == CLOCKPAGE_UNKNOWN && r.bound_ns == -1);
    assert_string_equal(r.reference, "chrony");
    while (r.state == CLOCKPAGE_UNKNOWN) {
        receive_question();
        r = record_after(r.epoch);
    }
    assert_true(r.state == CLOCKPAGE_STOP && r.reason == RC_CLOCK_UNREACHABLE);
    r = answer_until_sync(r.epoch, &good);
    assert_true(r.reason == RC_OK && good == 2);
    stop();
}

static void test_chronyd_that_dies(void **state)
{
    struct clockpage_record r;
    int64_t since;

    (void)state;
    r = begin_chrony("");
    (void)close(t.chronyd);
    since = now_mono_ns();
    while (r.state == CLOCKPAGE_SYNC) {
        r = record_after(r.epoch);
    }
    assert_true(r.state == CLOCKPAGE_STOP && r.reason == RC_CLOCK_UNREACHABLE && r.bound_ns == -1);
    assert_true(r.sampled_mono_ns - since < 5 * SECOND);
    t.chronyd = -1;
    stop();
}

static void say_local(void)
{
    reply_put_u32(reply, REPLY_AT_REF, 0x7f7f0101);
    reply_put_u16(reply, REPLY_AT_FAMILY, 0);
}

static void say_unsynchronised(void)
{
    reply_put_u16(reply, REPLY_AT_LEAP, 3);
}

static void test_what_chronyd_says_of_itself(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    (void)begin_chrony("");
    r = answer_until(say_local, RC_CLOCK_LOCAL);
    assert_string_equal(r.reference, "chrony 127.127.1.1");
    r = answer_until(say_unsynchronised, RC_CLOCK_UNSYNCHRONISED);
    assert_int_equal(r.num_good, 0);
    (void)answer_until_sync(r.epoch, &good);
    assert_int_equal(good, 2);
    stop();
}

/* The same answer twice would be two good records. */
static void test_an_answer_is_one_record(void **state)
{
    struct clockpage_record r, next;

    (void)state;
    r = begin_chrony("");
    receive_question(); /* and no answer */
    next = record_after(r.epoch);
    assert_true(next.sampled_mono_ns > r.sampled_mono_ns && next.state == CLOCKPAGE_STOP);
    stop();
}

/* A second passes between two questions, unless the clock is set in between. */
static void test_wakes_when_the_clock_is_set(void **state)
{
    int64_t asked, least = INT64_MAX;

    (void)state;
    (void)begin_chrony("");
    for (int i = 0; i < 10 && least > SECOND / 2; i++) { /* a busy machine may miss some */
        answer();
        asked = now_mono_ns();
        assert_int_equal(write(t.timer[1], "12345678", 8), 8);
        answer();
        least = now_mono_ns() - asked < least ? now_mono_ns() - asked : least;
    }
    assert_true(least < SECOND * 9 / 10);
    stop();
}

/* ---- what a predecessor has left ---- */

static void leave_record(int64_t sampled_mono_ns)
{
    int64_t mono, real_minus_mono;
    struct clockpage_record r = {
        .epoch = 41,
        .sampled_mono_ns = sampled_mono_ns,
        .expires_mono_ns = sampled_mono_ns + CLOCKPAGE_LIFE_NS,
        .measured_mono_ns = -1,
        .bound_ns = -1,
        .figure_ns = 7,
        .state = CLOCKPAGE_STOP,
        .reason = RC_CLOCK_DISAGREES,
        .proven = CLOCKPAGE_PROVEN,
        .reference = "chrony",
    };

    timesrc_read_clocks(&mono, &real_minus_mono);
    r.real_minus_mono_ns = r.base_ns = real_minus_mono;
    clockpage_write(t.page, &r);
}

static void test_a_restart_forgives_nothing(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    leave_record(now_mono_ns() - SECOND);
    begin_with(chrony_config(""));
    answer();
    expect(MSG_READY);
    r = record_after(41);
    assert_true(r.epoch == 42 && r.state == CLOCKPAGE_STOP);
    (void)answer_until_sync(42, &good);
    assert_int_equal(good, 2);
    stop();
}

static void test_another_boot_is_another_clock(void **state)
{
    struct clockpage_record r;

    (void)state;
    leave_record(now_mono_ns() + 3600 * SECOND);
    begin_with(chrony_config(""));
    answer();
    expect(MSG_READY);
    assert_true(clockpage_read(t.page, &r));
    assert_true(r.epoch < 41 && r.state != CLOCKPAGE_STOP);
    stop();
}

/* ---- beside the source ---- */

static void test_servers_beside_it(void **state)
{
    struct clockpage_servers servers;
    struct clockpage_record r = {0};

    (void)state;
    add_fd("servers", text_file("127.0.0.1:9\n-\n[::1]:9\n"));
    begin_with(
        chrony_config("servers = ( { address = \"127.0.0.1:9\"; }, { address = \"nowhere.invalid\"; }, "
                      "{ address = \"[::1]:9\"; } );"));
    expect(MSG_READY);
    for (int i = 0; i < MAX_ROUNDS && r.state != CLOCKPAGE_WARN; i++) {
        answer();
        r = record_after(r.epoch);
        assert_true(r.state != CLOCKPAGE_SYNC); /* nobody answers beside chronyd */
    }
    assert_true(r.state == CLOCKPAGE_WARN && r.reason == RC_CLOCK_UNREACHABLE);
    assert_string_equal(r.reference, "chrony 192.0.2.1");
    assert_true(clockpage_read_servers(t.page, &servers) && servers.num == 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(servers.list[i].state == CLOCKPAGE_SERVER_SILENT);
    }
    assert_non_null(strstr(servers.list[0].address, "127.0.0.1:9"));
    assert_non_null(strstr(servers.list[1].address, "nowhere.invalid"));
    stop();
}

static void real_of_test(void *arg, struct gentime *out)
{
    struct timespec now;

    (void)arg;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = gentime_add_ns((struct gentime){.sec = now.tv_sec, .nsec = (uint32_t)now.tv_nsec}, t.ahead_ns);
}

/* At eighteen hours of the last day of June 2030, of which the list says that it has one second more. */
static void test_leap_list(void **state)
{
    static const struct now_source source = {.real = real_of_test};
    const int64_t midnight = 1909094400;
    struct clockpage_record r;
    char text[200];

    (void)state;
    t.ahead_ns = (midnight - 6 * 3600 - now_real().sec) * SECOND;
    now_set_source(&source);
    (void)snprintf(text, sizeof(text), "#@\t%lld\n2272060800\t10\n%lld\t11\n",
                   (long long)midnight + 2208988800 + 86400 * 100, (long long)midnight + 2208988800);
    add_fd("leap_list", text_file(text));
    r = begin_chrony("");
    assert_int_equal(r.leap, CLOCKPAGE_LEAP_NONE); /* as chronyd has it */
    assert_int_equal(r.leap_at, midnight);
    stop();
}

static void test_leap_list_that_is_none(void **state)
{
    (void)state;
    add_fd("leap_list", text_file("<html>no such page</html>\n"));
    (void)begin_chrony("");
    stop();
}

static void test_lab_time(void **state)
{
    const int64_t shift = 400 * 86400 * SECOND;
    const int64_t real = gentime_diff_ns(now_real(), (struct gentime){0});
    struct clockpage_record r;
    struct pollfd asked = {.fd = t.chronyd, .events = POLLIN};

    (void)state;
    add_fd("lab_time", text_file("shift 34560000000000000"));
    begin_with(chrony_config(""));
    expect(MSG_READY);
    r = record_after(0);
    assert_true(r.state == CLOCKPAGE_SYNC && r.proven == CLOCKPAGE_LAB_TIME && r.bound_ns == -1);
    assert_string_equal(r.reference, "lab time +400 d");
    assert_true(llabs(r.real_minus_mono_ns + r.sampled_mono_ns - shift - real) < 100 * SECOND);
    assert_int_equal(poll(&asked, 1, 0), 0); /* nobody was asked */
    stop();
}

/* ---- the kernel, and no parent ---- */

static void test_kernel(void **state)
{
    struct clockpage_record r;

    (void)state;
    begin_with("source = \"kernel\";");
    expect(MSG_READY);
    r = record_after(1); /* it may ask the kernel from its jail, more than once */
    assert_true(r.proven == CLOCKPAGE_PROVEN && r.state != CLOCKPAGE_UNKNOWN);
    assert_string_equal(r.reference, "kernel");
    stop();
}

static void test_service_of_its_own(void **state)
{
    uint32_t good;
    int status;

    (void)state;
    add_fd("config", config_file(chrony_config("")));
    begin();
    (void)answer_until_sync(0, &good);
    answer();
    assert_int_equal(kill(t.pid, SIGTERM), 0);
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_record_is_renewed),
        TEST(test_pings_are_answered),
        TEST(test_ends_with_its_parent),
        TEST(test_terminal_signals_are_the_parents_business),
        cmocka_unit_test(test_sources),
        TEST(test_chrony),
        TEST(test_chronyd_that_is_silent),
        TEST(test_chronyd_that_dies),
        TEST(test_what_chronyd_says_of_itself),
        TEST(test_an_answer_is_one_record),
        TEST(test_wakes_when_the_clock_is_set),
        TEST(test_a_restart_forgives_nothing),
        TEST(test_another_boot_is_another_clock),
        TEST(test_servers_beside_it),
        TEST(test_leap_list),
        TEST(test_leap_list_that_is_none),
        TEST(test_lab_time),
        TEST(test_kernel),
        TEST(test_service_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
