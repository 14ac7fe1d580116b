/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's clocks, and a simulated one in their place.
 */
#include "tsa/base/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void simulated_real(void *arg, struct gentime *out)
{
    *out = (struct gentime){.sec = *(int64_t *)arg, .nsec = 5};
}

static int64_t simulated_mono(void *arg)
{
    return *(int64_t *)arg * 2;
}

static void the_machines_clocks_are_read(void **state)
{
    int64_t before = now_mono_ns();
    struct gentime now = now_real();
    (void)state;

    assert_in_range(now.sec, time(NULL) - 2, time(NULL) + 1);
    assert_true(now.nsec < 1000000000);
    assert_true(before > 0);
    assert_true(now_mono_ns() >= before);
}

static void a_simulated_clock_takes_their_place(void **state)
{
    int64_t when = 1234567890;
    const struct now_source source = {.real = simulated_real, .mono_ns = simulated_mono, .arg = &when};
    (void)state;

    now_set_source(&source);
    assert_int_equal(now_real().sec, 1234567890);
    assert_int_equal(now_real().nsec, 5);
    assert_int_equal(now_mono_ns(), 2469135780);
    assert_int_equal(now_raw_ns(), 2469135780);
    when++;
    assert_int_equal(now_real().sec, 1234567891);
    now_set_source(NULL);
    assert_true(now_real().sec > 1700000000);
}

static struct gentime shown_time(void)
{
    return (struct gentime){.sec = 77};
}

static void a_shown_time_leaves_the_machines_alone(void **state)
{
    int64_t when = 1234567890;
    const struct now_source source = {.real = simulated_real, .arg = &when};
    (void)state;

    now_show(shown_time);
    assert_int_equal(now_real().sec, 77);
    assert_true(now_machine().sec > NOW_PROGRAM_BORN);
    now_set_source(&source);
    assert_int_equal(now_real().sec, 77);
    assert_int_equal(now_machine().sec, 1234567890);
    now_show(NULL);
    assert_int_equal(now_real().sec, 1234567890);
    now_set_source(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machines_clocks_are_read),
        cmocka_unit_test(a_simulated_clock_takes_their_place),
        cmocka_unit_test(a_shown_time_leaves_the_machines_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
