/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting, and summing up over the places of all fronts. Every number is atomic by itself and no two are read at the same moment: a sum
 * may be off by what happens meanwhile, never for long.
 */
#include "tsa/front/metrics.h"

#include <string.h>
#include <time.h>

_Static_assert(HTTP_END_NUM <= SHARED_ENDS, "every end of a connection has its counter");
_Static_assert(METRICS_AUTHENTICODE < SHARED_KINDS, "every protocol has its counters");

static void add(shared_count *count, uint64_t num)
{
    atomic_fetch_add_explicit(count, num, memory_order_relaxed);
}

static uint64_t get(const shared_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void metrics_init(struct metrics *metrics, struct shared *shared, struct shared_place *place,
                  const struct unit *units, size_t num_units)
{
    size_t i;

    memset(metrics, 0, sizeof *metrics);
    metrics->shared = shared;
    metrics->place = place;
    metrics->units = units;
    metrics->num_units = num_units < SETTINGS_MAX_UNITS ? num_units : SETTINGS_MAX_UNITS;
    for (i = 0; i < metrics->num_units; i++) {
        metrics->counts[i] = shared_find_unit(shared, units[i].settings->name);
    }
    add(&shared->starts, 1);
}

void metrics_tell_tls(struct metrics *metrics, const SSL_CTX *tls)
{
    const X509 *cert = tls ? SSL_CTX_get0_certificate(tls) : NULL;
    struct tm end;

    if (cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1) {
        metrics->tls_not_after = timegm(&end);
    }
}

void metrics_count_request(struct metrics *metrics, size_t unit, unsigned kind, enum rc rc)
{
    if (unit < metrics->num_units && metrics->counts[unit] && kind < SHARED_KINDS && rc < RC_NUM) {
        add(&metrics->counts[unit]->requests[kind][rc], 1);
    }
}

void metrics_count_reply(struct metrics *metrics, unsigned status, int64_t elapsed_ns)
{
    struct shared_histogram *answer = &metrics->shared->answer;
    uint64_t us = elapsed_ns > 0 ? (uint64_t)elapsed_ns / 1000 : 0;

    add(&answer->counts[histogram_bucket(us)], 1);
    add(&answer->sum_us, us);
    if (status < SHARED_STATUSES) {
        add(&metrics->shared->statuses[status], 1);
    }
}

void metrics_count_end(struct metrics *metrics, enum http_end end)
{
    if (end < HTTP_END_NUM) {
        add(&metrics->shared->ends[end], 1);
    }
}

void metrics_count_refused(struct metrics *metrics, enum rc rc)
{
    if (rc < RC_NUM) {
        add(&metrics->shared->refused[rc], 1);
    }
}

void metrics_publish(struct metrics *metrics, const struct metrics_gauges *gauges)
{
    add(&metrics->shared->accepted, gauges->accepted - metrics->accepted);
    metrics->accepted = gauges->accepted;
    if (metrics->place) {
        atomic_store_explicit(&metrics->place->num_open, (uint32_t)gauges->open, memory_order_relaxed);
        atomic_store_explicit(&metrics->place->num_waiting, (uint32_t)gauges->waiting, memory_order_relaxed);
    }
}

/* ---- sums ------------------------------------------------------------------------------------------ */

static void sum_units(const struct metrics *metrics, struct metrics_sums *out)
{
    size_t unit, kind;
    int rc;

    for (unit = 0; unit < metrics->num_units; unit++) {
        for (kind = 0; metrics->counts[unit] && kind < SHARED_KINDS; kind++) {
            const shared_count *requests = metrics->counts[unit]->requests[kind];

            out->granted[kind] += get(&requests[RC_OK]);
            for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
                out->refused[kind] += get(&requests[rc]);
            }
        }
    }
}

static void sum_places(const struct shared *shared, struct metrics_sums *out)
{
    size_t i;

    for (i = 0; i < SHARED_PLACES; i++) {
        const struct shared_place *place = &shared->places[i];

        if (shared_is_taken(shared, i)) {
            out->fronts++;
            out->open += atomic_load_explicit(&place->num_open, memory_order_relaxed);
            out->waiting += atomic_load_explicit(&place->num_waiting, memory_order_relaxed);
        }
    }
}

void metrics_sum(const struct metrics *metrics, struct metrics_sums *out)
{
    int rc;

    *out = (struct metrics_sums){.accepted = get(&metrics->shared->accepted)};
    for (rc = 0; rc < RC_NUM; rc++) {
        out->turned_away += get(&metrics->shared->refused[rc]);
    }
    sum_units(metrics, out);
    sum_places(metrics->shared, out);
}
