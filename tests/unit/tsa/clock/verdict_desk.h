/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A desk for the tests of the verdict: one sample of a source and one of the servers beside it, which are changed and judged second by second.
 */
#ifndef TESTS_UNIT_TSA_CLOCK_VERDICT_DESK_H
#define TESTS_UNIT_TSA_CLOCK_VERDICT_DESK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/clock/verdict.h"

#define MS       INT64_C(1000000)
#define SECOND   INT64_C(1000000000)
#define HOUR     (3600 * SECOND)
#define START    INT64_C(1924992245) /* 2031-01-01T05:04:05Z */
#define BOOT_NS  (90000 * SECOND)    /* CLOCK_MONOTONIC then */
#define MIDNIGHT INT64_C(1924992000) /* 2031-01-01T00:00:00Z */

static struct {
    struct verdict_rules rules;
    struct verdict verdict;
    struct timesrc_sample sample, opinion;
    struct leaplist leaps;
    struct clockpage_record record;
    bool has_opinion;
} t;

static inline int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.rules = (struct verdict_rules){
        .max_step_ns = 5 * MS,
        .max_age_ns = HOUR,
        .tightest_ns = SECOND / 2,
        .loosest_ns = SECOND / 2,
        .proof = CLOCKPAGE_PROVEN,
    };
    t.sample = (struct timesrc_sample){
        .mono_ns = BOOT_NS,
        .real_minus_mono_ns = START * SECOND - BOOT_NS,
        .bound_ns = MS,
        .drift_ppb = 1000,
        .measurement = 1,
        .measured_mono_ns = BOOT_NS - 10 * SECOND,
        .figure_ns = -1,
        .stratum = 2,
        .reference = "chrony 192.0.2.1",
    };
    t.opinion = t.sample;
    t.opinion.explains_steps = true;
    t.leaps.expires = START + 86400;
    verdict_init(&t.verdict, &t.rules, NULL);
    return 0;
}

static inline void want_opinion(void)
{
    t.rules.wants_opinion = t.has_opinion = true;
    verdict_init(&t.verdict, &t.rules, NULL);
}

static inline void judge(void)
{
    const struct verdict_input input = {
        .sample = &t.sample,
        .opinion = t.has_opinion ? &t.opinion : NULL,
        .leaps = &t.leaps,
    };

    verdict_judge(&t.verdict, &input, &t.record);
}

static inline void advance(int64_t ns)
{
    t.sample.mono_ns += ns;
    t.opinion.mono_ns += ns;
}

static inline void step(int64_t ns)
{
    t.sample.real_minus_mono_ns += ns;
    t.opinion.real_minus_mono_ns += ns;
}

/* The source measures its reference now; the servers too. */
static inline void measure(void)
{
    t.sample.measurement++;
    t.sample.measured_mono_ns = t.sample.mono_ns;
    t.opinion.measurement++;
    t.opinion.measured_mono_ns = t.opinion.mono_ns;
}

static inline void next(void)
{
    advance(SECOND);
    judge();
}

static inline void next_for(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        next();
    }
}

/* Two measurements and two good records. */
static inline void settle(void)
{
    for (int i = 0; i < 4; i++) {
        measure();
        next();
    }
}

static inline void set_time(int64_t real_ns)
{
    t.sample.real_minus_mono_ns = t.opinion.real_minus_mono_ns = real_ns - t.sample.mono_ns;
}

#define assert_state(expected_state, expected_reason)                                                        \
    do {                                                                                                     \
        assert_string_equal(rc_word((enum rc)t.record.reason), rc_word(expected_reason));                    \
        assert_int_equal(t.record.state, (expected_state));                                                  \
    } while (0)

static inline void restart(void)
{
    const struct clockpage_record last = t.record;

    verdict_init(&t.verdict, &t.rules, &last);
}

#endif
