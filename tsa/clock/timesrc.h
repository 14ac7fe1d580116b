/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of knowledge about the clock: one table of calls for each kind. A source says how wrong the clock can be; it never sets it, and
 * it never decides: that is the verdict's work. It opens what it needs before the jail is closed, and never waits: it asks, and takes
 * what has come when its descriptors can be read.
 */
#ifndef TSA_CLOCK_TIMESRC_H
#define TSA_CLOCK_TIMESRC_H

#include <poll.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/inherit.h"

/* What a source knows now. mono_ns and the two differences are filled whatever rc is: then of now. */
struct timesrc_sample {
    enum rc
        rc; /* RC_OK, or why the clock can not be proven by it: RC_CLOCK_UNKNOWN (it was asked for the first time just now), _UNREACHABLE,
               _UNSYNCHRONISED, _LOCAL, _DISAGREES, _OLD, _BOUND */
    int64_t mono_ns;            /* CLOCK_MONOTONIC for which bound_ns holds: of the source's reply */
    int64_t real_minus_mono_ns; /* then */
    int64_t mono_minus_raw_ns;  /* then */
    int64_t bound_ns;           /* |offset| + root dispersion + root delay / 2; -1 = unknown */
    int64_t least_ns; /* how wrong the clock is at least; 0 = it may be right, or nothing is known */
    int64_t drift_ppb;
    uint64_t
        measurement; /* changes with each new measurement of the reference clock; 0: none is known of since
                                 the source was opened, which says nothing of an earlier one */
    int64_t measured_mono_ns; /* when that was, of several the oldest that counts; -1 = unknown */
    int64_t figure_ns;        /* that belongs to rc; -1 = none */
    bool
        explains_steps; /* bound_ns is against the clock as it is now, however it came there: a step is in it */
    enum clockpage_leap leap;
    uint32_t stratum;
    char reference[CLOCKPAGE_REFERENCE_MAX];
};

#define TIMESRC_MAX_FDS 17

struct timesrc_ops {
    const char *name;
    enum clockpage_proof proof;
    /* Before the jail. Takes what it needs of in (servers). Dies when it can not (log_die): a restart may help. */
    void *(*open)(const struct settings *settings, struct inherit *in);
    /* Descriptors to wait for, as they are now. NULL: there are none. */
    size_t (*fds)(void *source, struct pollfd out[TIMESRC_MAX_FDS]);
    /* About once a second: send what is due. */
    void (*ask)(void *source, int64_t mono_ns);
    /* Read what has come; true when a sample made now would be a new one. NULL with fds. */
    bool (*take)(void *source);
    /* What is known now; also when nothing has come. */
    void (*sample)(void *source, struct timesrc_sample *out);
    /* What the servers say one by one; NULL: it has none. */
    void (*servers)(void *source, struct clockpage_servers *out);
    void (*close)(void *source);
};

/* timesrc_of gives the table of clock.source. */
const struct timesrc_ops *timesrc_of(int source);

extern const struct timesrc_ops timesrc_system; /* the host is trusted without proof; for labs */
extern const struct timesrc_ops timesrc_chrony;
extern const struct timesrc_ops timesrc_kernel;
extern const struct timesrc_ops timesrc_sntp; /* the source, or beside chrony and kernel the second opinion */

/* timesrc_read_clocks reads the three clocks as near to each other as a few tries allow: mono_ns and the two differences of out are filled.
 * Returns how long that took, ns: by so much they may be apart. */
int64_t timesrc_read_clocks(struct timesrc_sample *out);

#endif
