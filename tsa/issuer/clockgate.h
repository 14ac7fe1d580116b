/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that every token passes: the time is right by the clock role's record, in this very request, or there is no token. It
 * reads the clock itself; nobody can hand it a time.
 *
 *     E = bound + age * drift + |change of (REALTIME - MONOTONIC) since the sample| + |change of (MONOTONIC - MONOTONIC_RAW) since|
 *     E + |clock - genTime as it is written| <= the accuracy that the token declares
 *
 * What one thread finds wrong with the clock stops all of them, until three good records have come.
 */
#ifndef TSA_ISSUER_CLOCKGATE_H
#define TSA_ISSUER_CLOCKGATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/unit.h"

#define CLOCKGATE_NUM_GOOD 3 /* records, before a stop is left */

/* What all threads share. */
struct clockgate_common {
    bool lab_time;       /* the clock role's records must say the same, or nothing is known */
    int64_t max_step_ns; /* by which the clock may be set without a stop */
    _Atomic int64_t
        last_ns; /* the latest clock reading over which a token was made, since 1970; 0 = none: no later one may lie before it */
    _Atomic bool known;       /* there was a good record once */
    _Atomic uint32_t latched; /* enum rc: RC_OK, or why nothing passes */
    /* Under lock: */
    pthread_mutex_t lock;
    int64_t figure_ns;
    struct gentime since;
    uint64_t epoch; /* of the last record that was looked at, and its sample */
    int64_t sampled_mono_ns;
    unsigned num_good;
};

/* clockgate_common_init: nothing is latched, and there was no token. Clear it with clockgate_common_clear. */
void clockgate_common_init(struct clockgate_common *common, int64_t max_step_ns);
void clockgate_common_clear(struct clockgate_common *common);

/* One for each thread; page and common are shared. */
struct clockgate {
    const struct clockpage *page;
    struct clockgate_common *common;
    struct clockpage_record record; /* the newest that could be read */
    bool has_record;
};

void clockgate_init(struct clockgate *gate, const struct clockpage *page, struct clockgate_common *common);

/* clockgate_raise sets the last reading to t, never lower (the record's last one, at start). */
void clockgate_raise(struct clockgate_common *common, struct gentime t);

/* The genTime of the last token of a unit whose tokens are ordered, ns since 1970; 0 = none. */
struct clockgate_order {
    _Atomic int64_t last_ns;
};
#define CLOCKGATE_AHEAD_NS                                                                                   \
    INT64_C(10000000) /* how far a genTime may run ahead of the clock, so that it differs from the last one */

/* What a token will say of its time. */
struct clockgate_claim {
    unsigned time_digits;          /* of the fraction of genTime */
    int64_t accuracy_ns;           /* that it declares; 0 = none */
    int64_t rounding_ns;           /* allowed beside it, where its form has no finer time */
    struct clockgate_order *order; /* each genTime after the one before; NULL = they need not be */
    const struct unit *unit;       /* whose key must be allowed to sign at genTime; NULL = none */
};

struct clockgate_time {
    struct gentime now;  /* the clock's reading */
    struct gentime time; /* genTime: the reading rounded to the nearest that the claim can write */
    int64_t bound_ns;    /* E; -1 = unknown */
    int64_t age_ns;      /* since the clock was compared with its reference; -1 = unknown */
    enum clockpage_proof proof;
    const char *reference; /* in the gate: until it is used again */
    /* After a refusal: */
    int64_t figure_ns;    /* that belongs to the reason; -1 = none */
    struct gentime about; /* the point in time that belongs to it; sec 0 = none */
};

/*
 * clockgate_pass reads the clock and judges. out is filled in any case. Stops everything until it is over: RC_CLOCK_UNKNOWN, _STALE, _STEPPED,
 * and what the clock role's record says. Refuses this one, and leaves no trace of it: RC_CLOCK_BACKWARDS, _LEAP, _BOUND; RC_OVERLOADED (order); the
 * reasons of unit_check_time.
 */
enum rc clockgate_pass(struct clockgate *gate, const struct clockgate_claim *claim,
                       struct clockgate_time *out) MUST_CHECK;

/* How the clock is, for a token that claims nothing. */
struct clockgate_state {
    enum clockpage_state state;
    enum rc reason;             /* with STOP and WARN, and UNKNOWN */
    struct clockgate_time time; /* with the reason's figure, for a warning too */
    int64_t ahead_ns;           /* with RC_CLOCK_BACKWARDS: how far the last reading lies ahead; else 0 */
};

/* clockgate_watch looks without a request: whoever calls it at least each half second finds what no request met. gate->record is what it saw. */
void clockgate_watch(struct clockgate *gate, struct clockgate_state *out);

/* clockgate_check gives RC_OK where a token without a claim would pass, else the reason. */
enum rc clockgate_check(struct clockgate *gate) MUST_CHECK;

/* clockgate_lower sets the last reading back to t: somebody has acknowledged that the clock was set back. Not where it is not from_ns any more: a token
 * was made meanwhile. */
void clockgate_lower(struct clockgate_common *common, int64_t from_ns, struct gentime t);

/* clockgate_explain writes what stands behind a reason of clockgate_pass, for people ("it may be wrong by 1.204 s, this unit declares 1 s"); empty where
 * there is nothing to say. claim may be NULL. Printable ASCII. Returns out. */
#define CLOCKGATE_WHY_MAX 201
char *clockgate_explain(enum rc rc, const struct clockgate_time *time, const struct clockgate_claim *claim,
                        char out[CLOCKGATE_WHY_MAX]);

#endif
