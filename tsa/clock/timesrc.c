/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of sources, by the setting that names them. */
#include "tsa/clock/timesrc.h"

#include "tsa/base/now.h"

#define READ_TRIES 5

static const struct timesrc_ops *const sources[] = {
    [SETTINGS_CLOCK_SYSTEM] = &timesrc_system,
    [SETTINGS_CLOCK_CHRONY] = &timesrc_chrony,
    [SETTINGS_CLOCK_KERNEL] = &timesrc_kernel,
    [SETTINGS_CLOCK_SNTP] = &timesrc_sntp,
};

const struct timesrc_ops *timesrc_of(int source)
{
    return source >= 0 && (size_t)source < sizeof(sources) / sizeof(sources[0]) ? sources[source]
                                                                                : &timesrc_system;
}

/* A process may be taken off the processor between two readings: the pair that took the least time is the nearest. */
int64_t timesrc_read_clocks(struct timesrc_sample *out)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < READ_TRIES; i++) {
        const int64_t before = now_mono_ns();
        const int64_t real = gentime_diff_ns(now_real(), (struct gentime){0});
        const int64_t raw = now_raw_ns();
        const int64_t took = now_mono_ns() - before;

        if (took < least) {
            least = took;
            out->mono_ns = before + took / 2;
            out->real_minus_mono_ns = real - out->mono_ns;
            out->mono_minus_raw_ns = out->mono_ns - raw;
        }
    }
    return least;
}
