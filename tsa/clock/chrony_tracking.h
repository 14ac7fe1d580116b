/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracking report of chrony's command protocol, version 6, as octets: what chronyd says of the clock that it keeps. No socket, clock or log here.
 * A reply with one field out of place is refused whole; numbers are decoded without floating point, rounded away from zero, so that no bound shrinks.
 */
#ifndef TSA_CLOCK_CHRONY_TRACKING_H
#define TSA_CLOCK_CHRONY_TRACKING_H

#include "tsa/clock/timesrc.h"
#include "tsa/wire/gentime.h"

#define CHRONY_TRACKING_LEN 104 /* of the reply, and of the request: a shorter one is not answered */

struct chrony_tracking {
    uint32_t reference_id;
    uint32_t stratum;
    uint32_t leap;                           /* 0 none, 1 insert, 2 delete, 3 not synchronised */
    char reference[CLOCKPAGE_REFERENCE_MAX]; /* "chrony 192.0.2.1", "chrony GPS" */
    struct gentime
        measured; /* when its reference was last measured, by its own estimate of UTC; sec 0 = never */
    int64_t correction_ns;  /* what it would add to CLOCK_REALTIME */
    int64_t last_offset_ns; /* what its last measurement has found, and it believes to have begun to mend */
    int64_t root_delay_ns, root_dispersion_ns;
    int64_t skew_ppb, residual_ppb;
};

/* chrony_tracking_ask writes the request. */
void chrony_tracking_ask(uint32_t sequence, uint8_t out[CHRONY_TRACKING_LEN]);

/* chrony_tracking_parse reads a reply. RC_NOT_FOUND: it belongs to another request; RC_CLOCK_UNREACHABLE: it can not be used, and *out_why says in a static
 * sentence why (also with RC_NOT_FOUND). */
enum rc chrony_tracking_parse(struct bytes reply, uint32_t sequence, struct chrony_tracking *out,
                              const char **out_why) MUST_CHECK;

/* chrony_tracking_growth tells how fast the correction goes away from zero between two reports that stand on the same measurement, so much
 * later: a chronyd that does not steer the clock shows so how the clock runs. Parts per 10^9; -1: they stand on different ones. */
int64_t chrony_tracking_growth(const struct chrony_tracking *before, const struct chrony_tracking *after,
                               int64_t later_ns);

/* chrony_tracking_is_ahead tells whether its last measurement lies in the future of that moment, by more than it may be wrong and a second: the clock was
 * set back since, and it has not noticed. */
bool chrony_tracking_is_ahead(const struct chrony_tracking *tracking, int64_t mono_ns,
                              int64_t real_minus_mono_ns);

/* chrony_tracking_sample makes the sample of a report that was asked for at mono_ns, when REALTIME - MONOTONIC was real_minus_mono_ns. */
void chrony_tracking_sample(const struct chrony_tracking *tracking, int64_t mono_ns,
                            int64_t real_minus_mono_ns, struct timesrc_sample *out);

#endif
