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

/* now_set_source puts a simulated clock behind both (tests only); NULL restores the machine's. */
struct now_source {
    void (*real)(void *arg, struct gentime *out);
    int64_t (*mono_ns)(void *arg);
    void *arg;
};
void now_set_source(const struct now_source *source);

#endif
