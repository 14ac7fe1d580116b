/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of all front processes, and their text for Prometheus (text format 0.0.4). They stand in the memory that the fronts share, so
 * that whichever answers tells the same sums; a reload keeps them. Counting touches one number; labels are words of our own tables, never
 * what a client sent.
 */
#ifndef TSA_FRONT_METRICS_H
#define TSA_FRONT_METRICS_H

#include "tsa/http/http_server.h"
#include "tsa/front/shared.h"
#include "tsa/role/facts.h"
#include "tsa/role/unit.h"

/* Protocols, as requests are counted by them. */
enum metrics_kind {
    METRICS_NEITHER,
    METRICS_RFC3161,
    METRICS_AUTHENTICODE
};

struct metrics {
    const struct unit *units;
    size_t num_units;
    struct shared *shared;
    struct shared_place *place;
    struct shared_unit *counts[SETTINGS_MAX_UNITS]; /* NULL: has no place there and is not counted */
    int64_t tls_not_after;                          /* seconds since 1970; 0 = no TLS */
    uint64_t accepted;                              /* what of this process is in the sum already */
};

/* metrics_init takes the shared memory, in which the parent has named the units, and this process's place there (NULL: its gauges are told
 * nowhere). All of them must outlive metrics. */
void metrics_init(struct metrics *metrics, struct shared *shared, struct shared_place *place,
                  const struct unit *units, size_t num_units);

/* metrics_tell_tls takes down when the server's certificate ends; NULL = no TLS. */
void metrics_tell_tls(struct metrics *metrics, const SSL_CTX *tls);

void metrics_count_request(struct metrics *metrics, size_t unit, unsigned kind, enum rc rc);
void metrics_count_reply(struct metrics *metrics, unsigned status, int64_t elapsed_ns);
void metrics_count_end(struct metrics *metrics, enum http_end end);

/* metrics_count_refused: admission has turned a connection or a request away before a unit was asked. */
void metrics_count_refused(struct metrics *metrics, enum rc rc);

/* What is true of this process now. metrics_publish tells it to all fronts; call it after every change, it is cheap. */
struct metrics_gauges {
    size_t open, waiting;
    uint64_t accepted; /* since the process began */
};
void metrics_publish(struct metrics *metrics, const struct metrics_gauges *gauges);

/* The sums over all fronts, for pages. */
struct metrics_sums {
    uint64_t granted[SHARED_KINDS],
        refused[SHARED_KINDS]; /* by enum metrics_kind, over this process's units */
    uint64_t turned_away, accepted;
    uint64_t open, waiting;
    unsigned fronts;
};
void metrics_sum(const struct metrics *metrics, struct metrics_sums *out);

#define METRICS_TEXT_MAX (4u * 1024 * 1024) /* of 64 units, with every reason for a refusal */

/* metrics_write appends the text; facts NULL = the issuer does not answer; reason: why no tokens are issued, RC_OK when they are. */
void metrics_write(const struct metrics *metrics, const struct facts *facts, enum rc reason,
                   struct wbuf *out);

#endif
