/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running issuer says of itself: asked by the fronts (status page, readiness) and by the parent (tsa status). A plain struct
 * of fixed size that travels in a message.
 */
#ifndef TSA_ROLE_FACTS_H
#define TSA_ROLE_FACTS_H

#include "tsa/role/histogram.h"
#include "tsa/wire/gentime.h"

struct facts {
    uint32_t ready;          /* 1 = tokens are issued */
    uint32_t reason;         /* enum rc, why not */
    uint32_t clock_state;    /* enum clockpage_state */
    uint32_t clock_proven;   /* enum clockpage_proof */
    uint32_t clock_reason;   /* enum rc, with STOP and WARN */
    uint32_t clock_leap;     /* enum clockpage_leap */
    uint32_t clock_stratum;  /* 0 = unknown */
    uint32_t clock_changes;  /* of its state, since the issuer started */
    int64_t clock_bound_ns;  /* E now; -1 = unknown */
    int64_t clock_age_ns;    /* since the clock was last compared with its reference; -1 = unknown */
    int64_t clock_figure_ns; /* that belongs to clock_reason; -1 = none */
    int64_t
        clock_ahead_ns; /* by how much the last token's time lies ahead of the clock: what can be acknowledged; 0 = not */
    int64_t clock_leap_at;      /* seconds since 1970; 0 = none near */
    struct gentime clock_since; /* when it came into this state; sec 0 = unknown */
    char clock_reference[48];
    struct gentime last_time;                            /* genTime of the last token; sec 0 = none */
    uint64_t ledger_sequence;                            /* records written in all */
    uint64_t num_rfc3161, num_authenticode, num_refused; /* since the issuer started */
    uint32_t num_signers;
    uint32_t num_waiting; /* requests in the issuer's queue */
    struct gentime started;
    struct histogram sign; /* one request in a signing thread, since the issuer started */
    struct histogram sync; /* one sync of the ledger */
};

#endif
