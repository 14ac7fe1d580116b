/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's clock, believed: no bound, no proof, no leap second known. A step of it is not seen as a fault; it is what the host
 * says now.
 */
#include "tsa/clock/timesrc.h"

#include "tsa/base/now.h"

static void *open_system(const struct settings *settings)
{
    (void)settings;
    return NULL;
}

static void sample(void *source, struct clockpage_record *out)
{
    const int64_t mono = now_mono_ns();

    (void)source;
    *out = (struct clockpage_record){
        .sampled_mono_ns = mono,
        .real_minus_mono_ns = gentime_diff_ns(now_real(), (struct gentime){0}) - mono,
        .bound_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .leap = CLOCKPAGE_LEAP_UNKNOWN,
        .reference = "system",
    };
}

static void close_system(void *source)
{
    (void)source;
}

const struct timesrc_ops timesrc_system = {
    .name = "system",
    .open = open_system,
    .sample = sample,
    .close = close_system,
};
