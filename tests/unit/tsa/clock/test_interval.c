/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a majority of intervals has in common: by hand, against counting every point, and against the promise that the truth is in it as long
 * as fewer than half of the configured clocks are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tsa/clock/interval.h"

#define FAR (INT64_C(1) << 60)

static uint64_t state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* ---- by hand ---- */

struct row {
    const char *what;
    size_t num, configured;
    struct interval list[6];
    enum rc rc;
    struct interval agreed;
    const char *in; /* '+' and '-', one for each */
    int64_t gap;
};

static const struct row rows[] = {
    {"nothing at all", 0, 4, {{0, 0}}, RC_CLOCK_UNREACHABLE, {0, 0}, "", -1},
    {"half is no majority", 2, 4, {{0, 9}, {1, 8}}, RC_CLOCK_UNREACHABLE, {0, 0}, "++", -1},
    {"too few, and they differ", 2, 4, {{0, 1}, {5, 6}}, RC_CLOCK_UNREACHABLE, {0, 0}, "--", -1},
    {"one of one", 1, 1, {{-3, 5}}, RC_OK, {-3, 5}, "+", -1},
    {"two of two", 2, 2, {{-3, 5}, {4, 9}}, RC_OK, {4, 5}, "++", -1},
    {"two of two that differ", 2, 2, {{-3, 5}, {7, 9}}, RC_CLOCK_DISAGREES, {0, 0}, "--", 2},
    {"all the same", 4, 4, {{1, 2}, {1, 2}, {1, 2}, {1, 2}}, RC_OK, {1, 2}, "++++", -1},
    {"points", 3, 3, {{7, 7}, {7, 7}, {8, 8}}, RC_OK, {7, 7}, "++-", -1},
    {"nested: three of four share the second smallest",
     4,
     4,
     {{-8, 8}, {-4, 4}, {-2, 2}, {-1, 1}},
     RC_OK,
     {-2, 2},
     "++++",
     -1},
    {"touching", 3, 3, {{0, 5}, {5, 9}, {20, 30}}, RC_OK, {5, 5}, "++-", -1},
    {"almost touching", 3, 3, {{0, 5}, {6, 9}, {20, 30}}, RC_CLOCK_DISAGREES, {0, 0}, "---", 1},
    {"one lies by far", 4, 4, {{0, 4}, {1, 5}, {FAR, FAR + 9}, {2, 6}}, RC_OK, {2, 4}, "++-+", -1},
    {"one lies by little: it may not narrow",
     4,
     4,
     {{0, 4}, {0, 4}, {3, 9}, {0, 4}},
     RC_OK,
     {0, 4},
     "++++",
     -1},
    {"all disagree", 4, 4, {{0, 1}, {10, 11}, {20, 21}, {30, 31}}, RC_CLOCK_DISAGREES, {0, 0}, "----", 19},
    {"two camps", 4, 4, {{0, 2}, {1, 3}, {50, 52}, {51, 53}}, RC_CLOCK_DISAGREES, {0, 0}, "----", 48},
    {"two camps and one between that touches both",
     5,
     5,
     {{0, 2}, {1, 3}, {2, 50}, {50, 52}, {49, 53}},
     RC_OK,
     {2, 50},
     "+++++",
     -1},
    {"one silent: a wrong one can not narrow it",
     3,
     4,
     {{-9, 9}, {-9, 9}, {8, 40}},
     RC_OK,
     {-9, 9},
     "+++",
     -1},
    {"two silent of five: two may be wrong", 3, 5, {{0, 10}, {5, 15}, {9, 20}}, RC_OK, {0, 20}, "+++", -1},
    {"one silent of four, and they differ",
     3,
     4,
     {{0, 1}, {0, 1}, {9, 9}},
     RC_CLOCK_DISAGREES,
     {0, 0},
     "---",
     8},
    {"far apart, but no overflow",
     3,
     3,
     {{-2 * FAR, -2 * FAR + 1}, {0, 1}, {2 * FAR - 1, 2 * FAR}},
     RC_CLOCK_DISAGREES,
     {0, 0},
     "---",
     2 * FAR - 2},
};

static void judges_by_hand(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct interval_majority got;
        size_t num_in = 0;

        print_message("%s\n", row->what);
        assert_int_equal(interval_majority(row->list, row->num, row->configured, &got), row->rc);
        assert_int_equal(got.gap, row->gap);
        for (size_t k = 0; k < row->num; k++) {
            assert_int_equal(got.is_in[k], row->in[k] == '+');
            num_in += got.is_in[k];
        }
        assert_int_equal(got.num_in, num_in);
        if (row->rc == RC_OK) {
            assert_int_equal(got.agreed.low, row->agreed.low);
            assert_int_equal(got.agreed.high, row->agreed.high);
        }
    }
}

/* ---- against counting every point ---- */

#define SPACE 24

static bool holds(struct interval i, int64_t point)
{
    return i.low <= point && point <= i.high;
}

static size_t count(const struct interval *list, size_t num, int64_t point)
{
    size_t n = 0;

    for (size_t i = 0; i < num; i++) {
        n += holds(list[i], point);
    }
    return n;
}

/* Of every choice of so many: how far the latest begin lies behind the earliest end. */
static int64_t brute_gap(const struct interval *list, size_t num, size_t least)
{
    int64_t gap = INT64_MAX;

    for (unsigned set = 0; set < 1u << num; set++) {
        int64_t low = INT64_MIN / 4, high = INT64_MAX / 4;

        if ((size_t)__builtin_popcount(set) != least) {
            continue;
        }
        for (size_t i = 0; i < num; i++) {
            if (set & 1u << i) {
                low = list[i].low > low ? list[i].low : low;
                high = list[i].high < high ? list[i].high : high;
            }
        }
        gap = low - high < gap ? low - high : gap;
    }
    return gap;
}

static void check_against_points(const struct interval *list, size_t num, size_t configured)
{
    const size_t majority = configured / 2 + 1;
    const size_t least = num - (configured - majority);
    struct interval all = {INT64_MAX, INT64_MIN};
    struct interval_majority got;
    enum rc rc = interval_majority(list, num, configured, &got);
    bool any = false;

    for (int64_t point = 0; num >= majority && point < SPACE; point++) {
        any |= count(list, num, point) >= majority;
        if (count(list, num, point) >= least) {
            all.low = point < all.low ? point : all.low;
            all.high = point;
        }
    }
    assert_int_equal(rc, num < majority ? RC_CLOCK_UNREACHABLE : any ? RC_OK : RC_CLOCK_DISAGREES);
    assert_int_equal(got.gap, rc == RC_CLOCK_DISAGREES ? brute_gap(list, num, majority) : -1);
    if (rc == RC_OK) {
        assert_int_equal(got.agreed.low, all.low);
        assert_int_equal(got.agreed.high, all.high);
    }
    for (size_t i = 0; i < num && num >= majority; i++) {
        bool in = false;

        for (int64_t point = list[i].low; point <= list[i].high; point++) {
            in |= count(list, num, point) >= majority;
        }
        assert_int_equal(got.is_in[i], in);
    }
}

static void agrees_with_brute_force(void **unused)
{
    (void)unused;
    for (int i = 0; i < 30000; i++) {
        struct interval list[7];
        const size_t configured = 1 + draw(7), num = draw(configured + 1), width = 1 + draw(SPACE / 2);

        for (size_t k = 0; k < num; k++) {
            list[k].low = (int64_t)draw(SPACE);
            list[k].high = list[k].low + (int64_t)draw(width);
            list[k].high = list[k].high < SPACE ? list[k].high : SPACE - 1;
        }
        check_against_points(list, num, configured);
    }
}

/* ---- the promise ---- */

static struct interval draw_interval(int64_t truth, bool is_right)
{
    const int64_t below = (int64_t)draw(20), above = (int64_t)draw(20);
    const int64_t off = is_right ? 0 : (int64_t)draw(80) - 40;

    return (struct interval){truth + off - below, truth + off + above};
}

static void holds_the_truth_while_fewer_than_half_are_wrong(void **unused)
{
    size_t num_agreed = 0;

    (void)unused;
    for (int i = 0; i < 100000; i++) {
        struct interval list[INTERVAL_MAX];
        struct interval_majority got;
        const int64_t truth = (int64_t)draw(1000) - 500;
        const size_t configured = 1 + draw(INTERVAL_MAX);
        const size_t num_wrong = draw((configured + 1) / 2); /* fewer than half */
        size_t num = 0;

        for (size_t k = 0; k < configured; k++) {
            if (draw(4) != 0) { /* else it is silent */
                list[num++] = draw_interval(truth, k >= num_wrong);
            }
        }
        if (interval_majority(list, num, configured, &got) == RC_OK) {
            assert_true(holds(got.agreed, truth));
            num_agreed++;
        }
    }
    assert_true(num_agreed > 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_by_hand),
        cmocka_unit_test(agrees_with_brute_force),
        cmocka_unit_test(holds_the_truth_while_fewer_than_half_are_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
