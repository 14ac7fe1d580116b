/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict around midnight: leap seconds that source and list, one of them or nobody has announced, that come or do not, and servers that
 * smear them.
 */
#include "tests/unit/tsa/clock/verdict_desk.h"

/* ---- leap seconds ---- */

/* Two minutes before midnight; the list knows until later, and of a leap second there when it is told. */
static void before_midnight(int leap)
{
    t.leaps = (struct leaplist){.expires = MIDNIGHT + 86400};
    t.leaps.list[t.leaps.num++] = (struct leaplist_entry){.at = 1483228800, .tai_offset = 37};
    if (leap != 0) {
        t.leaps.list[t.leaps.num++] = (struct leaplist_entry){.at = MIDNIGHT, .tai_offset = 37 + leap};
    }
    verdict_init(&t.verdict, &t.rules, NULL);
    set_time((MIDNIGHT - 120) * SECOND);
    t.sample.measured_mono_ns = t.opinion.measured_mono_ns = t.sample.mono_ns;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

static int64_t time_now(void)
{
    return t.sample.mono_ns + t.sample.real_minus_mono_ns;
}

/* On to a moment before or after midnight, a record each second. */
static void pass_until(int64_t ns)
{
    const int64_t end = MIDNIGHT * SECOND + ns;

    while (time_now() + SECOND < end) {
        next();
    }
    advance(end - time_now());
    judge();
}

static void test_no_leap(void **state)
{
    (void)state;
    before_midnight(0);
    pass_until(-SECOND / 2);
    assert_int_equal(t.record.leap_at, 0);
    assert_int_equal(t.record.expires_mono_ns - t.record.sampled_mono_ns, CLOCKPAGE_LIFE_NS);
    pass_until(20 * SECOND);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

static void leap_of_both(enum clockpage_leap leap, int64_t by)
{
    t.sample.leap = leap;
    before_midnight(leap == CLOCKPAGE_LEAP_INSERT ? 1 : -1);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    assert_int_equal(t.record.leap, leap);
    pass_until(leap == CLOCKPAGE_LEAP_DELETE ? -SECOND - 1 : -1);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.expires_mono_ns, MIDNIGHT * SECOND - t.sample.real_minus_mono_ns + SECOND);
    advance(2);
    step(by + MS);
    t.sample.leap = CLOCKPAGE_LEAP_NONE;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, 2 * MS);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    pass_until(9 * SECOND);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    assert_int_equal(t.record.bound_ns, 2 * MS);
    pass_until(10 * SECOND);
    assert_int_equal(t.record.leap_at, 0);
    step(by); /* and not once more */
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
}

static void test_leap_inserted(void **state)
{
    (void)state;
    leap_of_both(CLOCKPAGE_LEAP_INSERT, -SECOND);
}

static void test_leap_deleted(void **state)
{
    (void)state;
    leap_of_both(CLOCKPAGE_LEAP_DELETE, SECOND);
}

/* Both know, and the clock does nothing: it is wrong by a second. */
static void test_leap_not_done(void **state)
{
    (void)state;
    t.sample.leap = CLOCKPAGE_LEAP_INSERT;
    before_midnight(1);
    pass_until(0);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.bound_ns, MS + SECOND);
    t.sample.leap = CLOCKPAGE_LEAP_NONE;
    pass_until(20 * SECOND);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* One says so, the other does not: nobody knows what time it is until it was measured again. */
static void leap_in_doubt(int list, enum clockpage_leap source, enum clockpage_leap opinion)
{
    setup(NULL);
    want_opinion();
    t.sample.leap = source;
    t.opinion.leap = opinion;
    before_midnight(list);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    pass_until(-1);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    pass_until(0);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
    assert_int_equal(t.record.bound_ns, MS + SECOND);
    assert_int_equal(t.record.figure_ns, SECOND);
    t.sample.leap = t.opinion.leap = CLOCKPAGE_LEAP_NONE;
    pass_until(30 * SECOND);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    restart();
    t.opinion.least_ns = SECOND; /* of before */
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
    t.opinion.least_ns = 0;
    advance(2 * SECOND);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, MS);
    assert_int_equal(t.record.leap_at, 0);
}

static void test_leap_in_doubt(void **state)
{
    (void)state;
    leap_in_doubt(1, CLOCKPAGE_LEAP_NONE, CLOCKPAGE_LEAP_NONE);
    leap_in_doubt(-1, CLOCKPAGE_LEAP_NONE, CLOCKPAGE_LEAP_NONE);
    leap_in_doubt(0, CLOCKPAGE_LEAP_INSERT, CLOCKPAGE_LEAP_NONE);
    leap_in_doubt(0, CLOCKPAGE_LEAP_DELETE, CLOCKPAGE_LEAP_NONE);
    leap_in_doubt(0, CLOCKPAGE_LEAP_NONE, CLOCKPAGE_LEAP_INSERT);
    leap_in_doubt(1, CLOCKPAGE_LEAP_DELETE, CLOCKPAGE_LEAP_NONE);
}

static void test_leap_unknown(void **state)
{
    (void)state;
    before_midnight(0);
    t.leaps.expires = MIDNIGHT;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    pass_until(0);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
}

/* Announced once is announced, whatever is said later. */
static void test_leap_taken_back(void **state)
{
    (void)state;
    t.sample.leap = CLOCKPAGE_LEAP_INSERT;
    before_midnight(0);
    t.sample.leap = CLOCKPAGE_LEAP_NONE;
    pass_until(0);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
}

/* Started shortly after one: what was measured before it is worth nothing. */
static void test_leap_before_start(void **state)
{
    (void)state;
    before_midnight(1);
    verdict_init(&t.verdict, &t.rules, NULL);
    advance(150 * SECOND);
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_LEAP);
    verdict_init(&t.verdict, &t.rules, NULL);
    measure();
    next();
    measure();
    next();
    next();
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* Its servers tell of the second for hours before and after: they are believed with a second more. */
static void test_smeared(void **state)
{
    (void)state;
    t.rules.smeared = true;
    t.rules.loosest_ns = t.rules.tightest_ns = INT64_MAX;
    before_midnight(1);
    assert_int_equal(t.record.bound_ns, MS + SECOND);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    pass_until(0);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, MS + SECOND);
    set_time((MIDNIGHT + 86400 / 2 - 1) * SECOND);
    verdict_init(&t.verdict, &t.rules, NULL);
    judge();
    assert_int_equal(t.record.bound_ns, MS + SECOND);
    set_time((MIDNIGHT + 86400 * 3 / 2) * SECOND);
    verdict_init(&t.verdict, &t.rules, NULL);
    judge();
    assert_int_equal(t.record.bound_ns, MS);
}

/* ---- without proof ---- */

static void test_trusted(void **state)
{
    (void)state;
    t.rules.proof = CLOCKPAGE_TRUSTED;
    t.sample.bound_ns = t.sample.measured_mono_ns = -1;
    t.sample.leap = CLOCKPAGE_LEAP_UNKNOWN;
    before_midnight(1);
    assert_int_equal(t.record.leap_at, MIDNIGHT);
    assert_int_equal(t.record.proven, CLOCKPAGE_TRUSTED);
    step(HOUR / 60);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, -1);
    t.rules.proof = CLOCKPAGE_LAB_TIME;
    before_midnight(1);
    assert_int_equal(t.record.leap_at, 0);
    assert_int_equal(t.record.proven, CLOCKPAGE_LAB_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_leap, setup),
        cmocka_unit_test_setup(test_leap_inserted, setup),
        cmocka_unit_test_setup(test_leap_deleted, setup),
        cmocka_unit_test_setup(test_leap_not_done, setup),
        cmocka_unit_test_setup(test_leap_in_doubt, setup),
        cmocka_unit_test_setup(test_leap_unknown, setup),
        cmocka_unit_test_setup(test_leap_taken_back, setup),
        cmocka_unit_test_setup(test_leap_before_start, setup),
        cmocka_unit_test_setup(test_smeared, setup),
        cmocka_unit_test_setup(test_trusted, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
