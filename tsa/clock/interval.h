/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several clocks agree on: each says an interval that holds the truth if the clock is right, and what more than half of the configured
 * ones have in common is believed (K. Marzullo's intersection; RFC 5905 11.2.1). The answer is wide enough to hold the truth as long as fewer than
 * half of the configured ones are wrong, also when some of the others are silent. Numbers alone: no time, no socket.
 */
#ifndef TSA_CLOCK_INTERVAL_H
#define TSA_CLOCK_INTERVAL_H

#include "tsa/wire/bytes.h"

#define INTERVAL_MAX 16

/* Closed: two that touch have a point in common. low <= high. */
struct interval {
    int64_t low, high;
};

struct interval_majority {
    struct interval agreed;   /* RC_OK: the truth lies in it */
    bool is_in[INTERVAL_MAX]; /* it shares a point with a majority; with too few: nothing contradicts it */
    size_t num_in;
    int64_t gap; /* RC_CLOCK_DISAGREES: by so much the nearest majority misses a common point; else -1 */
};

/* interval_majority judges what num of num_configured clocks say (num <= num_configured <= INTERVAL_MAX). RC_CLOCK_UNREACHABLE: not more than half of
 * them say anything; RC_CLOCK_DISAGREES: no point is shared by more than half. */
enum rc interval_majority(const struct interval *list, size_t num, size_t num_configured,
                          struct interval_majority *out) MUST_CHECK;

#endif
