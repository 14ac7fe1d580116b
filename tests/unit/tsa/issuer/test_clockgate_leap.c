/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate around midnight, millisecond by millisecond: seconds inserted, deleted, announced for nothing, feared; whole and fractional genTimes. None may
 * stand within the window, and none may be one that does not exist.
 */
#include "tests/unit/tsa/issuer/gate_world.h"

#define MIDNIGHT ((START / 86400 + 1) * DAY) /* of some day */

enum happening {
    NOTHING,
    INSERTED, /* 23:59:59 twice: the clock is set back at midnight */
    DELETED   /* 23:59:59 not at all: it is set ahead a second before */
};

static struct {
    enum happening happening;
    uint32_t leap;
    bool has_leap_at;
    int64_t true_ns;  /* since midnight of the day's end, were there no leap second */
    int64_t since_ns; /* the last record */
} world;

/* What the kernel shows, true_ns after the midnight that would be without a leap second. */
static int64_t shown(int64_t true_ns)
{
    return MIDNIGHT + true_ns +
           (world.happening == INSERTED && true_ns >= 0        ? -SECOND
            : world.happening == DELETED && true_ns >= -SECOND ? SECOND
                                                               : 0);
}

static void publish_leap(void)
{
    sample();
    t.record.leap = world.leap;
    t.record.leap_at = world.has_leap_at ? MIDNIGHT / SECOND : 0;
    publish();
    world.since_ns = world.true_ns;
}

static void begin(enum happening happening, uint32_t leap, bool has_leap_at)
{
    forget();
    world.happening = happening;
    world.leap = leap;
    world.has_leap_at = has_leap_at;
    world.true_ns = -5 * SECOND;
    simulated.real = shown(world.true_ns);
    publish_leap();
}

static void step_on(int64_t ns)
{
    world.true_ns += ns;
    simulated.mono += ns;
    simulated.real = shown(world.true_ns);
    if (world.true_ns - world.since_ns >= SECOND) {
        publish_leap();
    }
}

static bool is_within(int64_t time, int64_t window)
{
    return time >= MIDNIGHT - window && time < MIDNIGHT + window;
}

static int64_t to_ns(struct gentime time)
{
    return gentime_diff_ns(time, (struct gentime){0});
}

/* Ten seconds; returns how many tokens there were. */
static unsigned sweep(unsigned digits, int64_t accuracy)
{
    const int64_t window =
        accuracy + SECOND / 10 > 11 * SECOND / 10 ? accuracy + SECOND / 10 : 11 * SECOND / 10;
    const bool announced =
        world.leap == CLOCKPAGE_LEAP_INSERT || world.leap == CLOCKPAGE_LEAP_DELETE || world.has_leap_at;
    unsigned num = 0;

    for (; world.true_ns < 5 * SECOND; step_on(MS)) {
        struct clockgate_time out;
        const enum rc rc = pass_with(digits, accuracy, &out);
        const bool near =
            announced && (is_within(simulated.real, window) || is_within(to_ns(out.time), window));

        if (near) {
            assert_int_equal(rc, RC_CLOCK_LEAP);
            assert_int_equal(to_ns(out.about), MIDNIGHT);
        }
        assert_true(rc == RC_OK || rc == RC_CLOCK_LEAP);
        num += rc == RC_OK;
    }
    /* The stop of a leap second ends by itself, and leaves nothing behind. */
    assert_int_equal(pass(), RC_OK);
    assert_int_equal(watch().state, CLOCKPAGE_SYNC);
    return num;
}

static void test_every_millisecond(void **state)
{
    static const struct {
        enum happening happening;
        uint32_t leap;
        bool has_leap_at;
        unsigned least, most; /* tokens with fractions, of 10,000 ms */
    } cases[] = {
        {NOTHING, CLOCKPAGE_LEAP_NONE, false, 10000, 10000},
        {NOTHING, CLOCKPAGE_LEAP_UNKNOWN, false, 10000, 10000},
        {NOTHING, CLOCKPAGE_LEAP_INSERT, false, 6800, 7800}, /* a false alarm */
        {NOTHING, CLOCKPAGE_LEAP_DELETE, false, 6800, 7800},
        {NOTHING, CLOCKPAGE_LEAP_NONE, true, 6800, 7800},    /* the list announces it */
        {NOTHING, CLOCKPAGE_LEAP_UNKNOWN, true, 6800, 7800}, /* it is feared */
        {INSERTED, CLOCKPAGE_LEAP_INSERT, false, 5800, 6800},
        {INSERTED, CLOCKPAGE_LEAP_INSERT, true, 5800, 6800},
        {DELETED, CLOCKPAGE_LEAP_DELETE, true, 7800, 8800},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned digits = 0; digits <= 6; digits += 3) {
            unsigned num;

            begin(cases[i].happening, cases[i].leap, cases[i].has_leap_at);
            num = sweep(digits, SECOND);
            assert_true(num <= cases[i].most && (digits == 0 || num >= cases[i].least));
        }
    }
}

/* The window is the accuracy's, where that is wide. */
static void test_wide_claims(void **state)
{
    unsigned narrow, wide;

    (void)state;
    begin(NOTHING, CLOCKPAGE_LEAP_INSERT, true);
    narrow = sweep(3, 10 * MS);
    begin(NOTHING, CLOCKPAGE_LEAP_INSERT, true);
    wide = sweep(3, 3 * SECOND);
    assert_true(narrow >= 7000 && narrow <= 7800);
    assert_true(wide >= 3000 && wide <= 3800);
}

/* A record from before the midnight says nothing of the clock behind it, however long it lives. */
static void test_record_from_before(void **state)
{
    (void)state;
    begin(DELETED, CLOCKPAGE_LEAP_DELETE, true);
    for (world.true_ns = -5 * SECOND; world.true_ns < -1500 * MS; step_on(MS)) {
    }
    publish_leap();
    /* The clock role says nothing for 2.9 s. */
    world.true_ns += 2900 * MS;
    simulated.mono += 2900 * MS;
    simulated.real = shown(world.true_ns);
    assert_int_equal(pass(), RC_CLOCK_LEAP);
    publish_leap();
    assert_int_equal(pass(), RC_OK);
}

/* Announced long before or after, it is no matter. */
static void test_other_days(void **state)
{
    (void)state;
    t.record.leap_at = MIDNIGHT / SECOND;
    for (int64_t day = -3; day <= 3; day++) {
        forget();
        simulated.real = MIDNIGHT + day * DAY;
        sample();
        t.record.leap_at = MIDNIGHT / SECOND;
        publish();
        assert_int_equal(pass(), day ? RC_OK : RC_CLOCK_LEAP);
    }
    for (int i = 0; i < 2; i++) { /* absurd ones, too */
        sample();
        t.record.leap_at = i ? INT64_MAX : INT64_MIN;
        publish();
        assert_int_equal(pass(), RC_OK);
    }
}

/* Second by second as a stop for everybody, with how far it is away. */
static void test_watch(void **state)
{
    (void)state;
    begin(NOTHING, CLOCKPAGE_LEAP_INSERT, true);
    assert_int_equal(watch().state, CLOCKPAGE_SYNC);
    step_on(4 * SECOND);
    assert_int_equal(watch().state, CLOCKPAGE_STOP);
    assert_int_equal(watch().reason, RC_CLOCK_LEAP);
    assert_int_equal(watch().time.figure_ns, SECOND);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_LEAP);
    step_on(2200 * MS);
    assert_int_equal(watch().state, CLOCKPAGE_SYNC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(test_every_millisecond), GATE_TEST(test_wide_claims), GATE_TEST(test_record_from_before),
        GATE_TEST(test_other_days),        GATE_TEST(test_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
