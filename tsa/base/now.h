/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that asks the machine for the time. Everything else takes a time as an argument or calls this, so that a
 * simulated clock can stand behind it in tests.
 */
#ifndef TSA_BASE_NOW_H
#define TSA_BASE_NOW_H

#include "tsa/wire/gentime.h"

#define NOW_PROGRAM_BORN INT64_C(1767225600) /* 2026-01-01: no honest clock shows less */

struct gentime now_real(void); /* CLOCK_REALTIME, or what is shown in its place (now_show) */
int64_t now_mono_ns(void);     /* CLOCK_MONOTONIC, nanoseconds */
int64_t now_raw_ns(void);      /* CLOCK_MONOTONIC_RAW, nanoseconds: what nobody can slew */

/* now_machine is CLOCK_REALTIME whatever is shown: for the log, for files that are made, and to see that the clock was set (a lab's clock that stands still
 * would move against the monotonic one all the time). */
struct gentime now_machine(void);

/* now_show lets now_real show another time than the machine's, for fenced lab time; NULL ends that. Call before threads. */
void now_show(struct gentime (*show)(void));

/* now_set_source puts another clock behind all of them, for tests; a call that is NULL stays the machine's, but raw_ns, which is mono_ns then (nobody slews it). NULL
 * restores all. */
struct now_source {
    void (*real)(void *arg, struct gentime *out);
    int64_t (*mono_ns)(void *arg);
    int64_t (*raw_ns)(void *arg);
    void *arg;
};
void now_set_source(const struct now_source *source);

#endif
