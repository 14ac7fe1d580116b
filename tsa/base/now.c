/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's clocks, or those that a test or fenced lab time has put in their place. No time zones, no formatting: that is
 * gentime's work.
 */
#include "tsa/base/now.h"

#include <time.h>

static struct now_source simulated;
static struct gentime (*shown)(void);

void now_set_source(const struct now_source *source)
{
    simulated = source ? *source : (struct now_source){0};
}

void now_show(struct gentime (*show)(void))
{
    shown = show;
}

struct gentime now_real(void)
{
    return shown ? shown() : now_machine();
}

struct gentime now_machine(void)
{
    struct gentime now;
    struct timespec ts = {0};

    if (simulated.real) {
        simulated.real(simulated.arg, &now);
        return now;
    }
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (struct gentime){.sec = ts.tv_sec, .nsec = (uint32_t)ts.tv_nsec};
}

int64_t now_mono_ns(void)
{
    struct timespec ts = {0};

    if (simulated.mono_ns) {
        return simulated.mono_ns(simulated.arg);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t now_raw_ns(void)
{
    struct timespec ts = {0};

    if (simulated.raw_ns || simulated.mono_ns) {
        return (simulated.raw_ns ? simulated.raw_ns : simulated.mono_ns)(simulated.arg);
    }
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}
