/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that asks the machine for the time. Everything else takes a time as an argument or calls this, so that a
 * simulated clock can stand behind it in tests.
 */
#ifndef TSA_BASE_NOW_H
#define TSA_BASE_NOW_H

#include "tsa/wire/gentime.h"

struct gentime now_real(void); /* CLOCK_REALTIME */
int64_t now_mono_ns(void);     /* CLOCK_MONOTONIC, nanoseconds */
int64_t now_raw_ns(void);      /* CLOCK_MONOTONIC_RAW, nanoseconds: what nobody can slew */

/* now_set_source puts another clock behind them, for tests and for fenced lab time; a call that is NULL stays the machine's. NULL restores all. */
struct now_source {
    void (*real)(void *arg, struct gentime *out);
    int64_t (*mono_ns)(void *arg);
    int64_t (*raw_ns)(void *arg);
    void *arg;
};
void now_set_source(const struct now_source *source);

#endif
