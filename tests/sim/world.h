/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated machine in a simulated world: true time is known to the nanosecond, the machine's clocks run beside it as well as they can, and
 * whatever asks for the time (tsa/base/now.h) gets theirs. Reading a clock takes time, at times a lot of it.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define YEAR   (8766 * HOUR)
#define NEVER  INT64_MAX

/* Starts the world, and puts its clocks behind now_real and its like. utc_ns: since 1970. */
void world_start(uint64_t seed, int64_t utc_ns);

/* ---- chance, from the seed alone ---- */
uint64_t world_random(void);
int64_t world_between(int64_t least, int64_t most);
bool world_chance(int64_t per_mille);
/* Mostly near the mean, at times far beyond it. */
int64_t world_exponential(int64_t mean);

/* ---- true time, ns since the start ---- */
int64_t world_now(void);
void world_advance(int64_t t); /* on to t, or nowhere if that is past; what is due on the way happens */

/* UTC as a perfect server shows it at t: it repeats the last second where one is inserted. Smeared: as one that spreads it over a day. */
int64_t world_utc(int64_t t, bool smeared);

/* How wrong a label (ns since 1970, as a token writes it) is at t: in SI seconds, with every leap second counted. */
int64_t world_error(int64_t label, int64_t t);

/* A leap second truly comes at this midnight: 1 inserted, -1 deleted. */
void world_set_leap(int64_t midnight_ns, int by);

/* ---- the machine ---- */
int64_t world_raw(void);
int64_t world_mono(void);
int64_t world_real(void);
int64_t world_real_minus_mono(void);

/* How wrong the oscillator is, and what a time service corrects of it in CLOCK_MONOTONIC and CLOCK_REALTIME; parts per 10^9. */
void world_set_oscillator(int64_t ppb);
void world_set_correction(int64_t ppb);

/* The clock is set, now or at t. */
void world_step(int64_t by);
void world_step_at(int64_t t, int64_t by);
int64_t world_next_step(void);  /* when that will be; NEVER */
unsigned world_num_steps(void); /* so far, the kernel's leap seconds too */
unsigned world_num_leaps(void);

/* The kernel does this at midnight of its own clock: 1 repeats a second, -1 leaves one out, 0 nothing. */
void world_arm_leap(int64_t midnight_ns, int by);

/* With pauses: a thread loses the processor between two readings now and then. */
void world_set_pauses(bool pauses);

/* The true time of the last reading of CLOCK_REALTIME. */
int64_t world_read_at(void);

#endif
