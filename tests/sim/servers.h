/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modelled time servers, and the program's own estimate over what they say (tsa/clock/sntp_estimate.h): networks with asymmetric delays, servers that
 * are right within what they claim, and servers that lie by a constant, more and more, together, or are silent.
 */
#ifndef TESTS_SIM_SERVERS_H
#define TESTS_SIM_SERVERS_H

#include "tests/sim/world.h"
#include "tsa/clock/sntp_estimate.h"

#define SERVERS_MAX 7

struct servers_rules {
    size_t num;
    int64_t poll_ns, max_age_ns;
    int64_t drift_ppb;
    int64_t delay_ns; /* most of them, to and fro */
    bool smeared;
    enum clockpage_leap announce; /* at a leap second */
};

void servers_start(const struct servers_rules *rules);

/* The asking process is new: it has forgotten what it knew, and asks quickly at first. */
void servers_restart(void);

int64_t servers_next(void); /* true time of the next thing that happens */
void servers_act(void);     /* it happens */

/* What timesrc_sntp would give. */
void servers_sample(struct timesrc_sample *out);

/* Server i is wrong by this much, and by so much more each second. */
void servers_lie(size_t i, int64_t offset_ns, int64_t drift_ppb);
void servers_silence(size_t i, bool silent);
void servers_announce(enum clockpage_leap leap);
void servers_slow(bool slow); /* the network is overloaded */

/* How many of them can be wrong without harm: fewer than half. */
size_t servers_num_spare(void);

#endif
