/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that every token passes: the time is right by the clock role's record, in this very request, or there is no token. It
 * reads the clock itself; nobody can hand it a time.
 *
 *     E = bound + age * drift + |change of (REALTIME - MONOTONIC) since the sample|
 *     E + |clock - genTime as it is written| <= the accuracy that the token declares
 */
#ifndef TSA_ISSUER_CLOCKGATE_H
#define TSA_ISSUER_CLOCKGATE_H

#include <stdatomic.h>

#include "tsa/role/clockpage.h"

/* The latest clock reading over which a token was made, of all threads: no later one may lie before it. */
struct clockgate_floor {
    _Atomic int64_t last_ns; /* since 1970; 0 = none */
};

/* One for each thread; page and floor are shared. */
struct clockgate {
    const struct clockpage *page;
    struct clockgate_floor *floor;
    struct clockpage_record record; /* the newest that could be read */
    bool has_record;
};

void clockgate_init(struct clockgate *gate, const struct clockpage *page, struct clockgate_floor *floor);

/* clockgate_raise sets the floor to t, never lower (the record's last time, at start). */
void clockgate_raise(struct clockgate_floor *floor, struct gentime t);

struct clockgate_claim {
    unsigned time_digits; /* of the fraction of genTime */
    int64_t accuracy_ns;  /* that the token declares; 0 = none */
};

struct clockgate_time {
    struct gentime now;  /* the clock's reading */
    struct gentime time; /* genTime: the reading rounded to the nearest that the claim can write */
    int64_t bound_ns;    /* E; -1 = unknown */
    bool proven;
};

/* clockgate_pass reads the clock and judges. RC_CLOCK_UNTRUSTED, RC_CLOCK_BACKWARDS. */
enum rc clockgate_pass(struct clockgate *gate, struct clockgate_claim claim,
                       struct clockgate_time *out) MUST_CHECK;

/* clockgate_check tells whether a token without a claim would pass, and raises nothing. */
enum rc clockgate_check(struct clockgate *gate) MUST_CHECK;

#endif
