/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's time service has told the kernel (adjtimex(2)): its own estimate of the largest error, which the kernel lets grow. That is a bound only where
 * the kernel does the steering (ntpd): systemd-timesyncd tells no error, chronyd and phc2sys not how much is still to be corrected. Of
 * these only the bound of time servers counts. Nothing is ever set.
 */
#ifndef TSA_CLOCK_TIMESRC_KERNEL_H
#define TSA_CLOCK_TIMESRC_KERNEL_H

#include <sys/timex.h>

#include "tsa/clock/timesrc.h"

struct timesrc_kernel {
    int64_t drift_ppb;        /* of a clock that nobody measures */
    int64_t last_maxerror_us; /* -1: not read yet */
    uint64_t measurement;     /* how often it has dropped */
    int64_t measured_mono_ns;
};

/* timesrc_kernel_judge makes a sample of what adjtimex said (its result and the struct) at the moment that stands in out (mono_ns and the two differences). */
void timesrc_kernel_judge(struct timesrc_kernel *kernel, int result, const struct timex *timex,
                          struct timesrc_sample *out);

/* timesrc_kernel_set_call puts another call behind it, for tests. NULL restores the kernel's. */
void timesrc_kernel_set_call(int (*call)(struct timex *));

#endif
