/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sources: how often an IPv4 address or an IPv6 /64 has asked lately, and how many connections it has, over all fronts, in memory that never
 * grows. Sets of eight, chosen by a keyed hash. A full set has room for a newcomer as long as one of its sources has no connection.
 */
#ifndef TSA_FRONT_SOURCE_H
#define TSA_FRONT_SOURCE_H

#include "tsa/front/shared.h"
#include "tsa/role/netaddr.h"

#define SOURCE_SET 8u

struct source_limits {
    int64_t interval_ns; /* between two requests at the steady rate; 0 = any rate */
    int64_t burst_ns;    /* interval_ns times how many may come at once */
    uint32_t num_conns;  /* at most; 0 = any number */
};

struct source_table {
    struct shared *shared;
    struct shared_place *place; /* where this process counts connections */
    struct source_limits limits;
};

/* source_table_init takes what settings say of rate, burst and connections. */
void source_table_init(struct source_table *table, const struct settings *settings, struct shared *shared,
                       struct shared_place *place);

/* source_connect counts one connection in; *out_source is for source_disconnect. RC_CROWDED: nothing is counted. */
enum rc source_connect(struct source_table *table, const struct netaddr *client, int64_t now,
                       uint32_t *out_source) MUST_CHECK;
void source_disconnect(struct source_table *table, uint32_t source);

/* source_request takes one request out of the bucket. RC_RATE: it was empty, *out_wait_ns tells when there is room for one. now: CLOCK_MONOTONIC, ns. */
enum rc source_request(struct source_table *table, const struct netaddr *client, int64_t now,
                       int64_t *out_wait_ns) MUST_CHECK;

#endif
