/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of knowledge about the clock: one table of calls for each kind. A source says how wrong the clock can be; it never says what
 * time it is.
 */
#ifndef TSA_CLOCK_TIMESRC_H
#define TSA_CLOCK_TIMESRC_H

#include "tsa/role/clockpage.h"
#include "tsa/role/settings.h"

struct timesrc_ops {
    const char *name;
    bool proves; /* what it says is a proof, not trust */
    void *(*open)(const struct settings *settings);
    /* One sample: sampled_mono_ns, real_minus_mono_ns, bound_ns, drift_ppb, state, leap, reason, reference. */
    void (*sample)(void *source, struct clockpage_record *out);
    void (*close)(void *source);
};

/* timesrc_of gives the table of clock.source. */
const struct timesrc_ops *timesrc_of(int source);

/* The host is trusted without proof; for labs. */
extern const struct timesrc_ops timesrc_system;

#endif
