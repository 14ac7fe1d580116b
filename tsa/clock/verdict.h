/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to the record: the one place where the clock role decides. It remembers what no single sample can tell: that the clock was set and not
 * compared with its reference since, that good samples must come three times after a bad one, that a leap second was announced. No clock, socket or
 * log here: everything is an argument.
 *
 *     bound = source's bound + |change of (REALTIME - MONOTONIC) since the reference was last measured|
 *
 * A measurement counts when it was surely begun after the clock was set; of a daemon's, the second one: it takes the first for a bad sample among good
 * ones. Where a leap second came that the source alone or the list alone has announced, or that may have come, nothing is proven until then either. Nor where the source has measured while
 * no record was made for as long as one lives: a clock that was set and set back meanwhile has left no trace but in what the source has learned from it.
 */
#ifndef TSA_CLOCK_VERDICT_H
#define TSA_CLOCK_VERDICT_H

#include "tsa/clock/leaplist.h"
#include "tsa/clock/timesrc.h"

#define VERDICT_NUM_GOOD     3 /* records, before STOP is left */
#define VERDICT_NUM_MEASURED 2 /* measurements, before a source knows how far the clock was set */

struct verdict_rules {
    int64_t max_step_ns, max_age_ns;
    /* What of a unit's accuracy is left beside rounding, smallest and largest; ten seconds for a unit that declares none. */
    int64_t tightest_ns, loosest_ns;
    bool wants_opinion; /* servers are configured beside the source */
    bool
        smeared; /* and all that is said comes from clocks that smear: a leap second adds a second to the bound for a day to each side */
    enum clockpage_proof proof;
};

struct verdict {
    struct verdict_rules rules;
    struct clockpage_record last; /* epoch 0: none */
    int64_t bad_opinion_since;    /* CLOCK_MONOTONIC; 0: it is good */
    bool is_contradicted;         /* the servers have said so, and not yet otherwise */
    int64_t settled_mono_ns;      /* neither the clock nor UTC has moved since */
    int64_t anchor_ns;            /* REALTIME - MONOTONIC then */
    int64_t low_ns, high_ns;      /* between these it was when the reference was measured */
    unsigned num_measured;        /* measurements of the source since settled_mono_ns ... */
    uint64_t counted;             /* ... and the last of them */
    int64_t heard_mono_ns;        /* the last sample that said something */
    int64_t leap_done;            /* the midnight of the leap second that was passed, 0 = none ... */
    int64_t leap_mono_ns;         /* ... and when that was */
    int64_t doubt_ns;             /* how far UTC may have moved there, before a measurement tells */
    bool was_away;                /* what the source knows was measured while nobody watched the clock */
};

/* verdict_rules_of reads them from the settings; proof: of the source, CLOCKPAGE_LAB_TIME where lab time is on. */
struct verdict_rules verdict_rules_of(const struct settings *settings, enum clockpage_proof proof);

/* verdict_init goes on from the record that a former process of this boot left in the file (NULL: there is none), so that a restart forgives nothing. */
void verdict_init(struct verdict *verdict, const struct verdict_rules *rules,
                  const struct clockpage_record *last);

struct verdict_input {
    const struct timesrc_sample *sample;
    const struct timesrc_sample *opinion; /* of the servers beside it; NULL: none are configured */
    const struct leaplist *leaps;
};

/* verdict_judge makes the next record. */
void verdict_judge(struct verdict *verdict, const struct verdict_input *input, struct clockpage_record *out);

#endif
