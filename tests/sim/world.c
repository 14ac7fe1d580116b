/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks are straight lines between moments at which a rate changes; so they can be read at any time without being stepped through it.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/now.h"

#define PPB         INT64_C(1000000000)
#define SEGMENT_MAX (40 * SECOND) /* times the fastest rate still fits into 64 bits */
#define NUM_STEPS   8
#define HALF_DAY    (12 * HOUR)

static struct {
    uint64_t random;
    int64_t utc0, t;
    int64_t segment_t, raw0, mono0; /* where the lines begin */
    int64_t oscillator_ppb, correction_ppb;
    int64_t real_minus_mono;
    struct {
        int64_t t, by;
    } steps[NUM_STEPS];
    unsigned num_steps, num_leaps;
    int64_t leap_midnight, armed_midnight;
    int leap_by, armed_by;
    bool pauses;
    int64_t read_at;
} w;

/* ---- chance ---- */

uint64_t world_random(void)
{
    uint64_t z = w.random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t world_between(int64_t least, int64_t most)
{
    return least + (int64_t)(world_random() % (uint64_t)(most - least + 1));
}

bool world_chance(int64_t per_mille)
{
    return world_between(0, 999) < per_mille;
}

/* Near enough to an exponential distribution: each halving adds its part. */
int64_t world_exponential(int64_t mean)
{
    int64_t sum = 0;

    while (world_random() & 1) {
        sum += mean * 7 / 10;
    }
    return sum + world_between(0, mean * 6 / 10);
}

/* ---- true time ---- */

int64_t world_now(void)
{
    return w.t;
}

static int64_t leap_t(void)
{
    return w.leap_midnight - w.utc0 - (w.leap_by < 0 ? SECOND : 0);
}

static int64_t smeared_by(int64_t t)
{
    const int64_t since = t - (w.leap_midnight - w.utc0 - HALF_DAY);

    if (since <= 0) {
        return 0;
    }
    return since >= 2 * HALF_DAY ? w.leap_by * SECOND : w.leap_by * (since / (2 * HALF_DAY / SECOND));
}

int64_t world_utc(int64_t t, bool smeared)
{
    const int64_t utc = w.utc0 + t;

    if (w.leap_by == 0) {
        return utc;
    }
    return smeared ? utc - smeared_by(t) : t >= leap_t() ? utc - w.leap_by * SECOND : utc;
}

int64_t world_error(int64_t label, int64_t t)
{
    const int64_t leaps = w.leap_by != 0 && label >= w.leap_midnight ? w.leap_by * SECOND : 0;

    return label + leaps - (w.utc0 + t);
}

void world_set_leap(int64_t midnight_ns, int by)
{
    w.leap_midnight = midnight_ns;
    w.leap_by = by;
}

/* ---- clocks ---- */

static int64_t line(int64_t from, int64_t ppb)
{
    const int64_t dt = w.t - w.segment_t;

    return from + dt + dt * ppb / PPB;
}

int64_t world_raw(void)
{
    return line(w.raw0, w.oscillator_ppb);
}

int64_t world_mono(void)
{
    return line(w.mono0, w.oscillator_ppb + w.correction_ppb);
}

int64_t world_real(void)
{
    return world_mono() + w.real_minus_mono;
}

int64_t world_real_minus_mono(void)
{
    return w.real_minus_mono;
}

static void begin_segment(void)
{
    const int64_t raw = world_raw(), mono = world_mono();

    w.raw0 = raw;
    w.mono0 = mono;
    w.segment_t = w.t;
}

void world_set_oscillator(int64_t ppb)
{
    begin_segment();
    w.oscillator_ppb = ppb;
}

void world_set_correction(int64_t ppb)
{
    begin_segment();
    w.correction_ppb = ppb;
}

void world_step(int64_t by)
{
    w.real_minus_mono += by;
    w.num_steps++;
}

void world_step_at(int64_t t, int64_t by)
{
    for (int i = 0; i < NUM_STEPS; i++) {
        if (w.steps[i].t == NEVER) {
            w.steps[i].t = t;
            w.steps[i].by = by;
            return;
        }
    }
}

unsigned world_num_steps(void)
{
    return w.num_steps;
}

unsigned world_num_leaps(void)
{
    return w.num_leaps;
}

void world_arm_leap(int64_t midnight_ns, int by)
{
    w.armed_midnight = midnight_ns;
    w.armed_by = by;
}

/* ---- onwards ---- */

/* When the kernel's clock shows the moment at which it leaps; to the nanosecond, once it is near. */
static int64_t armed_t(void)
{
    const int64_t shows = w.armed_midnight - (w.armed_by < 0 ? SECOND : 0), left = shows - world_real();
    const int64_t rate = PPB + w.oscillator_ppb + w.correction_ppb;

    if (w.armed_by == 0 || left > SEGMENT_MAX) {
        return NEVER;
    }
    return left <= 0 ? w.t : w.t + (int64_t)((double)left * (double)PPB / (double)rate) + 1;
}

static int first_step(void)
{
    int first = 0;

    for (int i = 1; i < NUM_STEPS; i++) {
        first = w.steps[i].t < w.steps[first].t ? i : first;
    }
    return first;
}

int64_t world_next_step(void)
{
    const int64_t step = w.steps[first_step()].t, leap = armed_t();

    return step < leap ? step : leap;
}

static void move_to(int64_t t)
{
    w.t = t > w.t ? t : w.t;
    if (w.t - w.segment_t > SEGMENT_MAX / 2) {
        begin_segment();
    }
}

/* One stretch without a surprise, and the surprise behind it. */
static void go(int64_t t)
{
    const int first = first_step();
    const int64_t step = w.steps[first].t, leap = armed_t();

    t = t < w.t + SEGMENT_MAX / 2 ? t : w.t + SEGMENT_MAX / 2;
    if (step <= t && step <= leap) {
        move_to(step);
        w.steps[first].t = NEVER;
        world_step(w.steps[first].by);
    } else if (leap <= t) {
        move_to(leap);
        if (world_real() >= w.armed_midnight - (w.armed_by < 0 ? SECOND : 0)) {
            world_step(-w.armed_by * SECOND);
            w.num_leaps++;
            w.armed_by = 0;
        }
    } else {
        move_to(t);
    }
}

void world_advance(int64_t t)
{
    while (w.t < t) {
        go(t);
    }
}

/* ---- readings ---- */

void world_set_pauses(bool pauses)
{
    w.pauses = pauses;
}

int64_t world_read_at(void)
{
    return w.read_at;
}

static void take_a_moment(void)
{
    const uint64_t r = world_random();

    if (w.pauses && r % 4096 == 0) {
        world_advance(w.t + (int64_t)(r >> 12) % (20 * MS));
    } else {
        world_advance(w.t + 20 + (int64_t)(r >> 12) % 60);
    }
}

static void read_real(void *arg, struct gentime *out)
{
    (void)arg;
    take_a_moment();
    w.read_at = w.t;
    *out = gentime_add_ns((struct gentime){0}, world_real());
}

static int64_t read_mono(void *arg)
{
    (void)arg;
    take_a_moment();
    return world_mono();
}

static int64_t read_raw(void *arg)
{
    (void)arg;
    take_a_moment();
    return world_raw();
}

void world_start(uint64_t seed, int64_t utc_ns)
{
    static const struct now_source source = {.real = read_real, .mono_ns = read_mono, .raw_ns = read_raw};

    memset(&w, 0, sizeof(w));
    w.random = seed;
    w.utc0 = utc_ns;
    w.raw0 = w.mono0 = 30 * HOUR;
    w.real_minus_mono = utc_ns - w.mono0;
    for (int i = 0; i < NUM_STEPS; i++) {
        w.steps[i].t = NEVER;
    }
    now_set_source(&source);
}
