/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chronyd as a socket of this test, asked under a clock that the test moves: what is thrown away, how long an answer counts, and what is said when there is
 * none, or nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsa/clock/chrony_reply.h"
#include "tsa/base/now.h"
#include "tsa/clock/chrony_tracking.h"
#include "tsa/clock/timesrc.h"

#define SECOND   INT64_C(1000000000)
#define MEASURED INT64_C(1795300000250000000) /* of reply_make */

static struct {
    int daemon;
    char address[64];
    void *source;
    struct sockaddr_storage client;
    socklen_t client_len;
    uint32_t sequence;
    int64_t mono_ns, real_ns;
} t;

static void real_of_test(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){.sec = t.real_ns / SECOND, .nsec = (uint32_t)(t.real_ns % SECOND)};
}

static int64_t mono_of_test(void *arg)
{
    (void)arg;
    return t.mono_ns;
}

static void pass(int64_t ns)
{
    t.mono_ns += ns;
    t.real_ns += ns;
}

static int open_daemon(const struct sockaddr *address, socklen_t len)
{
    const struct timeval patience = {.tv_sec = 10};
    int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(bind(fd, address, len), 0);
    return fd;
}

static int setup(void **state)
{
    static const struct now_source clock = {.real = real_of_test, .mono_ns = mono_of_test};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct settings settings = {.clock.chrony = t.address};
    socklen_t len = sizeof(address);

    (void)state;
    t.mono_ns = 1000 * SECOND;
    t.real_ns = MEASURED + 10 * SECOND;
    now_set_source(&clock);
    t.daemon = open_daemon((struct sockaddr *)&address, sizeof(address));
    assert_int_equal(getsockname(t.daemon, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(t.address, sizeof(t.address), "127.0.0.1:%u", ntohs(address.sin_port));
    t.source = timesrc_chrony.open(&settings, NULL);
    assert_non_null(t.source);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timesrc_chrony.close(t.source);
    if (t.daemon >= 0) {
        (void)close(t.daemon);
    }
    now_set_source(NULL);
    return 0;
}

/* What the source asks, as chronyd gets it. */
static void receive(void)
{
    uint8_t request[300];

    t.client_len = sizeof(t.client);
    assert_int_equal(
        recvfrom(t.daemon, request, sizeof(request), 0, (struct sockaddr *)&t.client, &t.client_len), 104);
    assert_true(request[0] == 6 && request[1] == 1 && request[4] == 0 && request[5] == 33);
    t.sequence =
        (uint32_t)request[8] << 24 | (uint32_t)request[9] << 16 | (uint32_t)request[10] << 8 | request[11];
    for (size_t i = 12; i < 104; i++) {
        assert_int_equal(request[i], 0);
    }
}

static void ask(void)
{
    timesrc_chrony.ask(t.source, t.mono_ns);
    receive();
}

static void send_octets(const uint8_t *reply, size_t len)
{
    assert_int_equal(sendto(t.daemon, reply, len, 0, (struct sockaddr *)&t.client, t.client_len),
                     (ssize_t)len);
}

static void answer_as(uint32_t sequence, int64_t later_ns)
{
    uint8_t reply[REPLY_LEN];
    const int64_t measured = MEASURED + later_ns;

    reply_make(reply, sequence);
    reply_put_time(reply, measured / SECOND, (uint32_t)(measured % SECOND));
    send_octets(reply, sizeof(reply));
}

static bool is_readable(int milliseconds)
{
    struct pollfd fds[TIMESRC_MAX_FDS];

    assert_int_equal(timesrc_chrony.fds(t.source, fds), 1);
    return poll(fds, 1, milliseconds) == 1;
}

static bool take(void)
{
    assert_true(is_readable(10000));
    return timesrc_chrony.take(t.source);
}

static struct timesrc_sample sample(void)
{
    struct timesrc_sample s;

    timesrc_chrony.sample(t.source, &s);
    return s;
}

static void ask_and_answer(void)
{
    ask();
    answer_as(t.sequence, 0);
    assert_true(take());
}

static void test_answer(void **state)
{
    struct timesrc_sample s;

    (void)state;
    ask();
    pass(20000000); /* its time counts from the question on */
    answer_as(t.sequence, 0);
    assert_true(take());
    s = sample();
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.mono_ns == 1000 * SECOND && s.real_minus_mono_ns == MEASURED - 990 * SECOND);
    assert_in_range(s.bound_ns, 14500000, 14500003);
    assert_in_range(s.measured_mono_ns, 990 * SECOND - 1500001, 990 * SECOND - 1500000);
    assert_string_equal(s.reference, "chrony 192.0.2.1");
    assert_int_equal(timesrc_chrony.proof, CLOCKPAGE_PROVEN);
}

static void test_sequences_differ(void **state)
{
    uint32_t first, second;

    (void)state;
    ask();
    first = t.sequence;
    ask();
    second = t.sequence;
    ask();
    assert_true(first != second || second != t.sequence);
}

static void test_nothing_yet(void **state)
{
    (void)state;
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    ask();
    pass(300000000);
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    assert_string_equal(sample().reference, "chrony");
    assert_true(sample().mono_ns == t.mono_ns && sample().real_minus_mono_ns == t.real_ns - t.mono_ns);
    pass(2 * SECOND);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    assert_true(sample().bound_ns == -1 && sample().figure_ns == -1);
}

/* One answer may be missing: the last one counts for two seconds, with its own age. */
static void test_silence(void **state)
{
    uint64_t measurement;

    (void)state;
    ask_and_answer();
    measurement = sample().measurement;
    pass(SECOND);
    ask();
    pass(SECOND);
    assert_true(sample().rc == RC_OK && sample().mono_ns == 1000 * SECOND);
    pass(1);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    assert_true(sample().mono_ns == t.mono_ns && sample().figure_ns == 2 * SECOND + 1);
    assert_true(sample().bound_ns == -1 && sample().measurement == measurement);
    assert_string_equal(sample().reference, "chrony 192.0.2.1");
    assert_false(is_readable(0));
    ask_and_answer();
    assert_int_equal(sample().rc, RC_OK);
}

static void test_others_answers_are_thrown_away(void **state)
{
    (void)state;
    ask();
    answer_as(t.sequence + 1, 0);
    answer_as(0, 0);
    answer_as(~t.sequence, 0);
    assert_false(take());
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    answer_as(t.sequence + 1, 0);
    answer_as(t.sequence, 0); /* behind a stale one */
    assert_true(take());
    assert_int_equal(sample().rc, RC_OK);
}

static void test_an_answer_counts_once(void **state)
{
    const int64_t first = 1000 * SECOND;

    (void)state;
    ask_and_answer();
    answer_as(t.sequence, 5 * SECOND);
    assert_false(take());
    assert_true(sample().measurement == (uint64_t)MEASURED && sample().mono_ns == first);
}

static void test_a_late_answer_is_nobodys(void **state)
{
    uint32_t late;

    (void)state;
    ask();
    late = t.sequence;
    pass(SECOND);
    ask();
    answer_as(late, 0);
    assert_false(take());
    answer_as(t.sequence, 0);
    assert_true(take());
    assert_true(sample().mono_ns == 1001 * SECOND);
}

static void test_bad_answers(void **state)
{
    uint8_t reply[300] = {0};

    (void)state;
    ask();
    send_octets(reply, 0);
    send_octets(reply, sizeof(reply));
    reply_make(reply, t.sequence);
    send_octets(reply, REPLY_LEN - 1);
    send_octets(reply, REPLY_LEN + 1);
    send_octets(reply, 209);
    reply_put_number(reply, REPLY_AT_DISP, -1.0);
    send_octets(reply, REPLY_LEN);
    assert_false(take());
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    answer_as(t.sequence, 0); /* and it is still waited for */
    assert_true(take());
    assert_int_equal(sample().rc, RC_OK);
}

static void test_a_flood_ends(void **state)
{
    (void)state;
    ask();
    for (int i = 0; i < 40; i++) {
        answer_as(t.sequence + 1, 0);
    }
    answer_as(t.sequence, 0);
    assert_false(take()); /* a few at once, */
    assert_true(is_readable(0));
    assert_false(take());
    assert_true(take()); /* and all in the end */
}

static void test_nobody_there(void **state)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    (void)state;
    ask_and_answer();
    assert_int_equal(getsockname(t.daemon, (struct sockaddr *)&address, &len), 0);
    (void)close(t.daemon);
    pass(SECOND);
    timesrc_chrony.ask(t.source, t.mono_ns);
    assert_true(take()); /* at once */
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    assert_true(sample().figure_ns == SECOND);
    for (int i = 0; i < 3; i++) {
        pass(SECOND);
        timesrc_chrony.ask(t.source, t.mono_ns);
        assert_false(take()); /* nothing new */
        assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    }
    t.daemon = open_daemon((struct sockaddr *)&address, len);
    pass(SECOND);
    ask_and_answer();
    assert_int_equal(sample().rc, RC_OK);
}

/* The reference's time is told by a clock that may have been set: a measurement grows no younger by that. */
static void test_a_step_makes_no_measurement_younger(void **state)
{
    int64_t measured;

    (void)state;
    ask_and_answer();
    measured = sample().measured_mono_ns;
    pass(SECOND);
    t.real_ns -= 3600 * SECOND;
    ask_and_answer();
    assert_true(sample().measurement == (uint64_t)MEASURED);
    assert_true(sample().measured_mono_ns == 1000 * SECOND && measured < 1000 * SECOND);
    t.real_ns += 7200 * SECOND;
    pass(SECOND);
    ask_and_answer();
    assert_true(sample().measured_mono_ns < -2000 * SECOND);
}

/* The clock was set back by an hour before we came, and chronyd does not know: its bound is that of another clock, until it has measured anew. */
static void test_set_back_before_the_start(void **state)
{
    (void)state;
    t.real_ns -= 3600 * SECOND;
    for (int i = 0; i < 3; i++) {
        ask_and_answer();
        assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
        assert_true(sample().bound_ns == -1);
        pass(SECOND);
    }
    t.real_ns += 3600 * SECOND; /* and set right again: nobody knows that either */
    ask_and_answer();
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
    pass(SECOND);
    ask();
    answer_as(t.sequence, 14 * SECOND);
    assert_true(take());
    assert_int_equal(sample().rc, RC_OK);
    pass(SECOND);
    ask();
    answer_as(t.sequence,
              16 * SECOND); /* by a second and what it admits: its word may be as inexact as that */
    assert_true(take());
    assert_int_equal(sample().rc, RC_OK);
    ask();
    answer_as(t.sequence, 16 * SECOND + 30000000);
    assert_true(take());
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
}

/* Lost and back again with the measurement that was known before: it keeps its number in between. */
static void test_a_loss_is_no_measurement(void **state)
{
    uint8_t reply[REPLY_LEN];

    (void)state;
    ask_and_answer();
    pass(SECOND);
    ask();
    reply_make(reply, t.sequence);
    reply_put_u16(reply, REPLY_AT_LEAP, 3);
    reply_put_time(reply, 0, 0);
    send_octets(reply, sizeof(reply));
    assert_true(take());
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
    assert_true(sample().measurement == (uint64_t)MEASURED && sample().bound_ns == -1);
}

static void test_a_clock_that_nobody_steers(void **state)
{
    uint8_t reply[REPLY_LEN];
    const int64_t before = 1750;

    (void)state;
    ask_and_answer();
    assert_true(sample().drift_ppb == before);
    pass(SECOND);
    ask();
    reply_make(reply, t.sequence);
    reply_put_number(reply, REPLY_AT_CORR, 0.0016); /* 0.1 ms more, with no new measurement: 100 ppm */
    send_octets(reply, sizeof(reply));
    assert_true(take());
    assert_in_range(sample().drift_ppb, before + 99900, before + 100100);
    pass(SECOND);
    ask();
    answer_as(t.sequence, SECOND); /* a new one tells nothing of it: it is remembered */
    assert_true(take());
    assert_in_range(sample().drift_ppb, before + 99900, before + 100100);
    pass(SECOND);
    ask();
    answer_as(t.sequence, SECOND);
    assert_true(take());
    assert_true(sample().drift_ppb == before);
}

static void test_ipv6(void **state)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct settings settings = {.clock.chrony = t.address};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        print_message("there is no ::1 here\n");
        skip();
    }
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(t.daemon);
    timesrc_chrony.close(t.source);
    t.daemon = fd;
    (void)snprintf(t.address, sizeof(t.address), "[::1]:%u", ntohs(address.sin6_port));
    t.source = timesrc_chrony.open(&settings, NULL);
    ask_and_answer();
    assert_int_equal(sample().rc, RC_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answer),
        TEST(test_sequences_differ),
        TEST(test_nothing_yet),
        TEST(test_silence),
        TEST(test_others_answers_are_thrown_away),
        TEST(test_an_answer_counts_once),
        TEST(test_a_late_answer_is_nobodys),
        TEST(test_bad_answers),
        TEST(test_a_flood_ends),
        TEST(test_nobody_there),
        TEST(test_a_step_makes_no_measurement_younger),
        TEST(test_set_back_before_the_start),
        TEST(test_a_loss_is_no_measurement),
        TEST(test_a_clock_that_nobody_steers),
        TEST(test_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
