/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of one front process, and their text for Prometheus (text format 0.0.4). Counting touches one number; labels are
 * words of our own tables, never what a client sent.
 */
#ifndef TSA_FRONT_METRICS_H
#define TSA_FRONT_METRICS_H

#include "tsa/front/http_server.h"
#include "tsa/role/facts.h"
#include "tsa/role/unit.h"

#define METRICS_KINDS    3 /* neither protocol, RFC 3161, Authenticode */
#define METRICS_STATUSES 600
#define METRICS_BUCKETS  12

struct metrics {
    const struct unit *units;
    size_t num_units;
    uint64_t *requests; /* by unit, kind and reason */
    uint64_t statuses[METRICS_STATUSES];
    uint64_t ends[HTTP_END_NUM];
    uint64_t buckets[METRICS_BUCKETS + 1]; /* of the time that answers took; the last one has no bound */
    uint64_t elapsed_us;
};

/* metrics_init dies when there is no memory (start-up). */
void metrics_init(struct metrics *metrics, const struct unit *units, size_t num_units);
void metrics_clear(struct metrics *metrics);

void metrics_count_request(struct metrics *metrics, size_t unit, unsigned kind, enum rc rc);
void metrics_count_reply(struct metrics *metrics, unsigned status, int64_t elapsed_ns);
void metrics_count_end(struct metrics *metrics, enum http_end end);

/* What is asked for at the moment of writing. */
struct metrics_gauges {
    size_t open, waiting;
    uint64_t accepted;
    const struct facts *facts; /* NULL: the issuer does not answer */
};
void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct wbuf *out);

#endif
