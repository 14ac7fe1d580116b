/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every border of what is shared by n of the intervals is a border of one of them, so it is enough to count at the ends: with at most 16
 * intervals that is less work than to sort them.
 *
 * How many must share a point? Of c configured, fewer than half are wrong: at most c - m, with m = c / 2 + 1. Of the k that say something at
 * least k - (c - m) are right then, and the truth is a point that so many share. It need not be one that the most share: a silent server and a
 * wrong one that overlaps the right ones would narrow that to nothing. With k = c both are m.
 */
#include "tsa/clock/interval.h"

static size_t count_at(const struct interval *list, size_t num, int64_t point)
{
    size_t count = 0;

    for (size_t i = 0; i < num; i++) {
        count += list[i].low <= point && point <= list[i].high;
    }
    return count;
}

static bool shares_a_point(const struct interval *list, size_t num, size_t one, size_t least)
{
    for (size_t i = 0; i < num; i++) {
        const int64_t point = list[i].low;

        if (list[one].low <= point && point <= list[one].high && count_at(list, num, point) >= least) {
            return true;
        }
    }
    return false;
}

static size_t find_in(const struct interval *list, size_t num, size_t least, bool is_in[INTERVAL_MAX])
{
    size_t num_in = 0;

    for (size_t i = 0; i < num; i++) {
        is_in[i] = shares_a_point(list, num, i, least);
        num_in += is_in[i];
    }
    return num_in;
}

/* From the first to the last point that at least so many share; between them may lie points that fewer share. */
static struct interval hull(const struct interval *list, size_t num, size_t least)
{
    struct interval all = {INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < num; i++) {
        if (list[i].low < all.low && count_at(list, num, list[i].low) >= least) {
            all.low = list[i].low;
        }
        if (list[i].high > all.high && count_at(list, num, list[i].high) >= least) {
            all.high = list[i].high;
        }
    }
    return all;
}

/* Held at the end of its type: one may lie 146 years away, and another one as far to the other side. */
static int64_t gap_between(int64_t low, int64_t high)
{
    int64_t gap;

    return __builtin_sub_overflow(high, low, &gap) ? INT64_MAX : gap;
}

/* How far the end of the least-th best of those that begin before point lies before it. */
static int64_t gap_before(const struct interval *list, size_t num, size_t least, int64_t point)
{
    int64_t gap = INT64_MAX;

    for (size_t i = 0; i < num; i++) {
        size_t reach = 0; /* as far as this one, or further */

        for (size_t j = 0; j < num; j++) {
            reach += list[j].low <= point && list[j].high >= list[i].high;
        }
        if (list[i].low <= point && reach >= least && gap_between(list[i].high, point) < gap) {
            gap = gap_between(list[i].high, point);
        }
    }
    return gap;
}

static int64_t least_gap(const struct interval *list, size_t num, size_t least)
{
    int64_t gap = INT64_MAX;

    for (size_t i = 0; i < num; i++) {
        const int64_t here = gap_before(list, num, least, list[i].low);

        gap = here < gap ? here : gap;
    }
    return gap;
}

enum rc interval_majority(const struct interval *list, size_t num, size_t num_configured,
                          struct interval_majority *out)
{
    const size_t majority = num_configured / 2 + 1;

    *out = (struct interval_majority){.gap = -1};
    if (num < majority) {
        out->num_in = find_in(list, num, num, out->is_in);
        return RC_CLOCK_UNREACHABLE;
    }
    out->num_in = find_in(list, num, majority, out->is_in);
    if (out->num_in == 0) {
        out->gap = least_gap(list, num, majority);
        return RC_CLOCK_DISAGREES;
    }
    out->agreed = hull(list, num, num - (num_configured - majority));
    return RC_OK;
}
