/* SPDX-License-Identifier: Apache-2.0 */
/* Windows and forecasts from answers at given times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tsa/front/pace.h"

#define SECOND 1000000000LL

/* rate answers a second from begin on, for that many ns. */
static int64_t patience = 5 * SECOND;

static void answers(struct pace *pace, int64_t begin, int64_t ns, int64_t rate)
{
    int64_t at;

    for (at = 0; at <= ns; at += SECOND / rate) {
        pace_answer(pace, begin + at, true, patience);
    }
}

static void test_window(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 1024);
    assert_int_equal(pace.window, PACE_FIRST);
    answers(&pace, SECOND, SECOND / 2, 400);
    assert_in_range(pace.window, 395, 401);
    answers(&pace, 2 * SECOND, SECOND / 2, 100000);
    assert_int_equal(pace.window, 1024);
    answers(&pace, 3 * SECOND, SECOND, 5);
    assert_int_equal(pace.window, PACE_LEAST);
}

/* Who may wait for a short time only gets nothing from an issuer that has a second's work before him. */
static void test_impatience(void **state)
{
    struct pace pace;

    (void)state;
    patience = SECOND / 100;
    pace_init(&pace, 1024);
    answers(&pace, SECOND, SECOND, 800);
    assert_in_range(pace.window, 7, 8);
    assert_in_range(pace_room(&pace, 2 * SECOND, patience), 7, 8);
    answers(&pace, 3 * SECOND, SECOND, 20);
    assert_int_equal(pace.window, 1);
    assert_int_equal(pace_room(&pace, 20 * SECOND, patience), 1024);
    patience = 5 * SECOND;
}

/* However many fronts there are, a slow issuer has no more at a time than it answers before the clients' time is over. */
static void test_shared(void **state)
{
    struct pace pace;

    (void)state;
    for (size_t num = 1; num <= 64; num++) {
        pace_init(&pace, 1024);
        pace_share(&pace, num);
        assert_in_range(num * pace.window, PACE_FIRST / 2 + 1, PACE_FIRST);
        answers(&pace, SECOND, 20 * SECOND, 1); /* of each */
        assert_true(num * pace.window <= PACE_LEAST || pace.window == 1);
        answers(&pace, 30 * SECOND, SECOND, 50);
        assert_in_range(pace.window, 48, 51);
    }
    pace_init(&pace, 1);
    pace_share(&pace, 64);
    assert_int_equal(pace.window, 1);
}

static void test_small_table(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 4);
    assert_int_equal(pace.window, 4);
    answers(&pace, SECOND, SECOND, 5);
    assert_int_equal(pace.window, 4);
    assert_int_equal(pace_room(&pace, 2 * SECOND, SECOND), 4);
}

/* An issuer that has nothing to do, or is not there, tells nothing about its speed. */
static void test_idle(void **state)
{
    struct pace pace;
    int64_t at;

    (void)state;
    pace_init(&pace, 1024);
    for (at = SECOND; at < 10 * SECOND; at += SECOND / 10) {
        pace_answer(&pace, at, at % (SECOND / 5) == 0, patience);
    }
    assert_int_equal(pace.window, PACE_FIRST);
    assert_int_equal(pace_room(&pace, at, 5 * SECOND), 1024);
    answers(&pace, 20 * SECOND, SECOND / 5, 1000); /* too short */
    pace_pause(&pace);
    pace_answer(&pace, 30 * SECOND, true, patience);
    assert_int_equal(pace.window, PACE_FIRST);
}

static void test_room(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 1024);
    answers(&pace, SECOND, SECOND, 100);
    assert_in_range(pace_room(&pace, 2 * SECOND, 5 * SECOND), 495, 505);
    assert_in_range(pace_room(&pace, 2 * SECOND, SECOND / 10), 9, 10);
    assert_int_equal(pace_room(&pace, 2 * SECOND, 100 * SECOND), 1024);
    answers(&pace, 4 * SECOND, SECOND, 10); /* a hiccup: the fastest of late counts */
    assert_in_range(pace_room(&pace, 5 * SECOND, 5 * SECOND), 495, 505);
    assert_in_range(pace_room(&pace, 14 * SECOND, 5 * SECOND), 45, 55); /* and is forgotten */
    assert_int_equal(pace_room(&pace, 60 * SECOND, 5 * SECOND), 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),      cmocka_unit_test(test_impatience), cmocka_unit_test(test_shared),
        cmocka_unit_test(test_small_table), cmocka_unit_test(test_idle),       cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
