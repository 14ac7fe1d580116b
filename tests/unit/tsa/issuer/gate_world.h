/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated clock, a clock file and a gate, for the tests of the gate. Time stands still unless it is advanced; a step moves the one clock
 * against the other.
 */
#ifndef TESTS_ISSUER_GATE_WORLD_H
#define TESTS_ISSUER_GATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/issuer/clockgate.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)
#define START  INT64_C(1924992245) /* 2031-01-01T00:04:05Z */

static struct {
    int64_t real, mono; /* ns */
    int64_t slewed;     /* both of them, against the clock that nobody slews */
    int64_t late;       /* by how much a thread loses the processor at each reading of the clock, so often: */
    unsigned num_late;
    void (*meanwhile)(void); /* what others do once the clock was read, once */
} simulated;

static struct {
    struct clockpage *page;
    struct clockgate gate;
    struct clockgate_common common;
    struct clockpage_record record;
    uint64_t epoch;
} t;

static inline void advance(int64_t ns)
{
    simulated.real += ns;
    simulated.mono += ns;
}

static inline void sim_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = gentime_add_ns((struct gentime){0}, simulated.real);
    if (simulated.num_late > 0) {
        simulated.num_late--;
        advance(simulated.late);
    }
    if (simulated.meanwhile) {
        void (*const happens)(void) = simulated.meanwhile;

        simulated.meanwhile = NULL;
        happens();
    }
}

static inline int64_t sim_mono(void *arg)
{
    (void)arg;
    return simulated.mono;
}

static inline int64_t sim_raw(void *arg)
{
    (void)arg;
    return simulated.mono - simulated.slewed;
}

static inline void slew(int64_t ns)
{
    advance(ns);
    simulated.slewed += ns;
}

static inline void publish(void)
{
    clockpage_write(t.page, &t.record);
}

/* A proven record of now: 1 ms wrong at most, 10 ppm drift. */
static inline void sample(void)
{
    t.record = (struct clockpage_record){
        .epoch = ++t.epoch,
        .sampled_mono_ns = simulated.mono,
        .expires_mono_ns = simulated.mono + CLOCKPAGE_LIFE_NS,
        .real_minus_mono_ns = simulated.real - simulated.mono,
        .mono_minus_raw_ns = simulated.slewed,
        .base_ns = simulated.real - simulated.mono,
        .measurement = 1,
        .measured_mono_ns = simulated.mono - 5 * SECOND,
        .bound_ns = MS,
        .drift_ppb = 10000,
        .figure_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .proven = CLOCKPAGE_PROVEN,
        .reference = "test",
    };
    publish();
}

/* A record that stops, or warns. */
static inline void complain(enum clockpage_state state, enum rc reason, int64_t figure)
{
    sample();
    t.record.state = state;
    t.record.reason = reason;
    t.record.figure_ns = figure;
    publish();
}

static inline void forget(void)
{
    clockgate_common_clear(&t.common);
    clockgate_common_init(&t.common, 5 * MS);
    clockgate_init(&t.gate, t.page, &t.common);
}

static inline int setup(void **state)
{
    static const struct now_source source = {.real = sim_real, .mono_ns = sim_mono, .raw_ns = sim_raw};
    int fd = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    memset(&simulated, 0, sizeof(simulated));
    simulated.real = START * SECOND;
    simulated.mono = 5000 * SECOND;
    now_set_source(&source);
    t.page = clockpage_open(fd, true);
    close(fd);
    clockgate_common_init(&t.common, 5 * MS);
    clockgate_init(&t.gate, t.page, &t.common);
    sample();
    return t.page == NULL;
}

static inline int teardown(void **state)
{
    (void)state;
    clockpage_close(t.page);
    clockgate_common_clear(&t.common);
    now_set_source(NULL);
    return 0;
}

static inline enum rc pass_with(unsigned digits, int64_t accuracy, struct clockgate_time *out)
{
    const struct clockgate_claim claim = {.time_digits = digits, .accuracy_ns = accuracy};

    return clockgate_pass(&t.gate, &claim, out);
}

static inline enum rc pass(void)
{
    struct clockgate_time out;

    return pass_with(3, SECOND, &out);
}

static inline struct clockgate_state watch(void)
{
    struct clockgate_state state;

    clockgate_watch(&t.gate, &state);
    return state;
}

/* A new good record, a second later. */
static inline void next_second(void)
{
    advance(SECOND);
    sample();
}

/* The stop for this reason goes on for two more good records, and not for a third. */
static inline void assert_three_good_ones(enum rc rc)
{
    for (int i = 1; i <= 3; i++) {
        next_second();
        assert_int_equal(pass(), i < 3 ? rc : RC_OK);
        assert_int_equal(pass(), i < 3 ? rc : RC_OK); /* to look twice is not to see two records */
        assert_int_equal(watch().state, i < 3 ? CLOCKPAGE_STOP : CLOCKPAGE_SYNC);
    }
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
