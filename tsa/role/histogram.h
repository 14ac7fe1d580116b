/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a duration falls: the one set of bounds for every histogram of times, from a signature of an elliptic curve to a client's patience.
 */
#ifndef TSA_ROLE_HISTOGRAM_H
#define TSA_ROLE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 16 /* the last one has no bound */

/* Upper bounds, microseconds. */
static const uint32_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS]; /* each of its own range, not summed up */
    uint64_t sum_us;
};

static inline size_t histogram_bucket(uint64_t us)
{
    size_t i = 0;

    while (i < HISTOGRAM_BUCKETS - 1 && us > histogram_bounds_us[i]) {
        i++;
    }
    return i;
}

static inline void histogram_count(struct histogram *histogram, int64_t ns)
{
    const uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;

    histogram->counts[histogram_bucket(us)]++;
    histogram->sum_us += us;
}

#endif
