/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock gate over a simulated clock: dead and foreign records, steps to both sides, drift, rounding against the claim, leap seconds
 * millisecond by millisecond, and a clock that runs backwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/issuer/clockgate.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define START  INT64_C(1924992245) /* 2031-01-01T05:04:05Z */

static struct {
    int64_t real, mono; /* ns */
} simulated;

static struct {
    struct clockpage *page;
    struct clockgate gate;
    struct clockgate_floor floor;
    struct clockpage_record record;
} t;

static void sim_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = gentime_add_ns((struct gentime){0}, simulated.real);
}

static int64_t sim_mono(void *arg)
{
    (void)arg;
    return simulated.mono;
}

static void advance(int64_t ns)
{
    simulated.real += ns;
    simulated.mono += ns;
}

static void publish(void)
{
    clockpage_write(t.page, &t.record);
}

/* A proven record of now: 1 ms wrong at most, 10 ppm drift. */
static void sample(void)
{
    t.record = (struct clockpage_record){
        .sampled_mono_ns = simulated.mono,
        .expires_mono_ns = simulated.mono + CLOCKPAGE_LIFE_NS,
        .real_minus_mono_ns = simulated.real - simulated.mono,
        .bound_ns = MS,
        .drift_ppb = 10000,
        .state = CLOCKPAGE_SYNC,
        .proven = 1,
        .reference = "test",
    };
    publish();
}

static int setup(void **state)
{
    static const struct now_source source = {.real = sim_real, .mono_ns = sim_mono};
    int fd = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    simulated.real = START * SECOND;
    simulated.mono = 5000 * SECOND;
    now_set_source(&source);
    t.page = clockpage_open(fd, true);
    close(fd);
    clockgate_init(&t.gate, t.page, &t.floor);
    sample();
    return t.page == NULL;
}

static int teardown(void **state)
{
    (void)state;
    clockpage_close(t.page);
    now_set_source(NULL);
    return 0;
}

static enum rc pass_with(unsigned digits, int64_t accuracy, struct clockgate_time *out)
{
    return clockgate_pass(&t.gate, (struct clockgate_claim){.time_digits = digits, .accuracy_ns = accuracy},
                          out);
}

static enum rc pass(void)
{
    struct clockgate_time out;

    return pass_with(3, SECOND, &out);
}

static void test_pass(void **state)
{
    struct clockgate_time out;

    (void)state;
    advance(SECOND + 400 * MS + 123456);
    assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 1);
    assert_int_equal(out.time.nsec, 400 * MS);
    assert_int_equal(out.now.nsec, 400 * MS + 123456);
    assert_true(out.proven);
    /* 1 ms and 10 ppm of 1.4 s, rounded up */
    assert_int_equal(out.bound_ns, MS + 14001 + 1);
    assert_int_equal(clockgate_check(&t.gate), RC_OK);
}

static void test_unproven(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.proven = 0;
    t.record.bound_ns = -1;
    publish();
    assert_int_equal(pass_with(0, MS, &out), RC_OK);
    assert_false(out.proven);
    assert_int_equal(out.bound_ns, -1);
    simulated.real += 3600 * SECOND; /* the host is trusted without proof */
    assert_int_equal(pass_with(0, MS, &out), RC_OK);
}

static void test_no_record_at_all(void **state)
{
    int fd = memfd_create("clock", MFD_CLOEXEC);
    struct clockpage *empty = clockpage_open(fd, true);

    (void)state;
    close(fd);
    clockgate_init(&t.gate, empty, &t.floor);
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_UNTRUSTED);
    clockpage_close(empty);
}

static void test_record_dies(void **state)
{
    (void)state;
    advance(CLOCKPAGE_LIFE_NS - 1);
    assert_int_equal(pass(), RC_OK);
    advance(1);
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_UNTRUSTED);
    sample();
    assert_int_equal(pass(), RC_OK);
}

static void test_records_of_no_use(void **state)
{
    (void)state;
    t.record.sampled_mono_ns++; /* from the future: another boot */
    publish();
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    sample();
    t.record.expires_mono_ns++; /* would outlive its life */
    publish();
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    for (uint32_t s = CLOCKPAGE_UNKNOWN; s <= CLOCKPAGE_STOP; s++) {
        sample();
        t.record.state = s;
        publish();
        assert_int_equal(pass(), s == CLOCKPAGE_SYNC || s == CLOCKPAGE_WARN ? RC_OK : RC_CLOCK_UNTRUSTED);
    }
    sample();
    t.record.bound_ns = -1; /* proven, by nothing */
    publish();
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_UNTRUSTED);
}

static void test_absurd_records_make_no_small_bound(void **state)
{
    static const int64_t absurd[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2 + 1};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        sample();
        t.record.bound_ns = absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
        sample();
        t.record.drift_ppb = absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
        sample();
        t.record.real_minus_mono_ns = absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
        t.record.real_minus_mono_ns = -absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    }
}

/* A step is seen in the very request, to both sides, as soon as it makes the claim wrong. */
static void test_steps(void **state)
{
    static const int64_t steps[] = {5 * MS, 50 * MS, SECOND, 3600 * SECOND, 365 * 86400 * SECOND};

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct clockgate_time out;
            const int64_t claim = steps[i] / 2 + 2 * MS;

            atomic_store(&t.floor.last_ns, 0);
            sample();
            assert_int_equal(pass_with(6, claim, &out), RC_OK);
            atomic_store(&t.floor.last_ns, 0);
            simulated.real += sign * steps[i];
            assert_int_equal(pass_with(6, claim, &out), steps[i] + MS > claim ? RC_CLOCK_UNTRUSTED : RC_OK);
            simulated.real -= sign * steps[i];
        }
    }
}

static void test_backwards(void **state)
{
    struct clockgate_time out;

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real -= 1;
    assert_int_equal(pass(), RC_CLOCK_BACKWARDS);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_BACKWARDS);
    simulated.real += 1;
    assert_int_equal(pass(), RC_OK);
    clockgate_raise(&t.floor, (struct gentime){START + 1, 0});
    clockgate_raise(&t.floor, (struct gentime){START, 0}); /* never lower */
    advance(SECOND - 1);
    assert_int_equal(pass(), RC_CLOCK_BACKWARDS);
    advance(1);
    assert_int_equal(pass(), RC_OK);
    /* A genTime rounded up is no reason to refuse what comes before that second. */
    advance(600 * MS);
    assert_int_equal(pass_with(0, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 2);
    advance(100 * MS);
    assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 1);
}

/* A refusal leaves no trace: what was refused is not the last time. */
static void test_refusal_raises_nothing(void **state)
{
    (void)state;
    simulated.real += 3600 * SECOND;
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
    simulated.real -= 3600 * SECOND;
    assert_int_equal(pass(), RC_OK);
}

static void test_rounding_counts(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.bound_ns = 600 * MS;
    t.record.drift_ppb = 0;
    publish();
    for (int64_t ms = 0; ms < 1000; ms++) {
        const int64_t off = ms <= 500 ? ms : 1000 - ms; /* to the nearest second */
        const bool good = 600 * MS + 1 + off * MS <= SECOND;

        assert_int_equal(pass_with(0, SECOND, &out), good ? RC_OK : RC_CLOCK_UNTRUSTED);
        if (good) {
            assert_int_equal(out.time.sec, START + (ms >= 500));
            assert_int_equal(out.time.nsec, 0);
        }
        assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
        advance(MS);
    }
}

static void test_bound_grows_with_drift(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.bound_ns = 90 * MS;
    t.record.drift_ppb = 10 * 1000 * 1000; /* 10 ms each second */
    publish();
    advance(999 * MS);
    assert_int_equal(pass_with(6, 100 * MS, &out), RC_OK);
    advance(2 * MS);
    assert_int_equal(pass_with(6, 100 * MS, &out), RC_CLOCK_UNTRUSTED);
}

/* Each millisecond of ten seconds around midnight. */
static void test_leap_seconds(void **state)
{
    const int64_t midnight = (START / 86400 + 1) * 86400 * SECOND;

    (void)state;
    for (uint32_t leap = CLOCKPAGE_LEAP_NONE; leap <= CLOCKPAGE_LEAP_UNKNOWN; leap++) {
        const bool announced = leap == CLOCKPAGE_LEAP_INSERT || leap == CLOCKPAGE_LEAP_DELETE;

        atomic_store(&t.floor.last_ns, 0);
        simulated.real = midnight - 5 * SECOND;
        for (int64_t ms = -5000; ms < 5000; ms++) {
            const bool near = ms >= -1100 && ms < 1100;

            sample();
            t.record.leap = leap;
            publish();
            assert_int_equal(pass(), announced && near ? RC_CLOCK_UNTRUSTED : RC_OK);
            advance(MS);
        }
    }
}

/* A record that is being written does not stop a gate that has one; it still dies in time. */
static void test_torn_record(void **state)
{
    (void)state;
    assert_int_equal(pass(), RC_OK);
    *(uint64_t *)((char *)t.page + 8) += 1; /* the counter is odd: a write goes on */
    assert_int_equal(pass(), RC_OK);
    advance(CLOCKPAGE_LIFE_NS);
    assert_int_equal(pass(), RC_CLOCK_UNTRUSTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pass),
        TEST(test_unproven),
        TEST(test_no_record_at_all),
        TEST(test_record_dies),
        TEST(test_records_of_no_use),
        TEST(test_absurd_records_make_no_small_bound),
        TEST(test_steps),
        TEST(test_backwards),
        TEST(test_refusal_raises_nothing),
        TEST(test_rounding_counts),
        TEST(test_bound_grows_with_drift),
        TEST(test_leap_seconds),
        TEST(test_torn_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
