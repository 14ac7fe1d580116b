/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate under fenced lab time: what passes is marked, and the clock file must speak of the same time as the issuer does: evidence of the real time is no
 * evidence of another one, and lab time is none of the real.
 */
#include "tests/unit/tsa/issuer/gate_world.h"

#include "tsa/role/labtime.h"

static const struct labtime ahead = {.kind = LABTIME_SHIFT, .shift_ns = 400 * DAY};
static const struct labtime a_little = {.kind = LABTIME_SHIFT, .shift_ns = 1};
static const struct labtime still = {.kind = LABTIME_AT, .at = {START + 5, 0}};

static int leave_lab(void **state)
{
    const struct labtime none = {0};

    labtime_start(&none);
    return teardown(state);
}

static void say(enum clockpage_proof proof)
{
    sample();
    t.record.proven = proof;
    t.record.bound_ns = proof == CLOCKPAGE_PROVEN ? MS : -1;
    publish();
}

static void start(const struct labtime *time)
{
    labtime_start(time);
    t.common.lab_time = labtime_started()->kind != LABTIME_NONE;
}

static void what_passes_is_marked(void **state)
{
    struct clockgate_time at;

    (void)state;
    start(&ahead);
    say(CLOCKPAGE_LAB_TIME);
    assert_int_equal(pass_with(0, 0, &at), RC_OK);
    assert_int_equal(at.proof, CLOCKPAGE_LAB_TIME);
    assert_int_equal(at.bound_ns, -1);
    assert_int_equal(at.time.sec, START + 400 * 86400);
}

static void both_must_speak_of_the_same_time(void **state)
{
    struct clockgate_time at;

    (void)state;
    say(CLOCKPAGE_LAB_TIME);
    assert_int_equal(pass_with(0, 0, &at), RC_CLOCK_UNKNOWN);
    start(&a_little);
    say(CLOCKPAGE_TRUSTED);
    assert_int_equal(pass_with(0, 0, &at), RC_CLOCK_UNKNOWN);
    say(CLOCKPAGE_PROVEN);
    assert_int_equal(pass_with(0, SECOND, &at), RC_CLOCK_UNKNOWN);
    say(CLOCKPAGE_LAB_TIME);
    assert_int_equal(pass_with(0, 0, &at), RC_OK);
    assert_int_equal(at.proof, CLOCKPAGE_LAB_TIME);
}

static void a_clock_may_stand_still(void **state)
{
    struct clockgate_time at;

    (void)state;
    start(&still);
    for (int i = 0; i < 20; i++) {
        say(CLOCKPAGE_LAB_TIME);
        assert_int_equal(pass_with(0, 0, &at), RC_OK);
        assert_int_equal(at.time.sec, START + 5);
        advance(SECOND);
        assert_int_equal(pass_with(3, 0, &at), RC_OK);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, leave_lab)
    const struct CMUnitTest tests[] = {
        TEST(what_passes_is_marked),
        TEST(both_must_speak_of_the_same_time),
        TEST(a_clock_may_stand_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
