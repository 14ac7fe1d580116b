/* SPDX-License-Identifier: Apache-2.0 */
/* Counting and telling. Series that never counted are left out, but for those that an alert would be built on. */
#include "tsa/front/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"

static const char *const kinds[METRICS_KINDS] = {"none", "rfc3161", "authenticode"};

/* Upper bounds in microseconds. */
static const uint32_t bounds[METRICS_BUCKETS] = {500,   1000,   2500,   5000,    10000,   25000,
                                                 50000, 100000, 250000, 1000000, 2500000, 10000000};

static uint64_t *request_count(const struct metrics *metrics, size_t unit, unsigned kind, enum rc rc)
{
    return &metrics->requests[(unit * METRICS_KINDS + kind) * RC_NUM + (size_t)rc];
}

void metrics_init(struct metrics *metrics, const struct unit *units, size_t num_units)
{
    memset(metrics, 0, sizeof *metrics);
    metrics->units = units;
    metrics->num_units = num_units;
    metrics->requests = xcalloc(num_units * METRICS_KINDS * RC_NUM, sizeof *metrics->requests);
}

void metrics_clear(struct metrics *metrics)
{
    free(metrics->requests);
    memset(metrics, 0, sizeof *metrics);
}

void metrics_count_request(struct metrics *metrics, size_t unit, unsigned kind, enum rc rc)
{
    if (unit < metrics->num_units && kind < METRICS_KINDS && rc < RC_NUM) {
        ++*request_count(metrics, unit, kind, rc);
    }
}

void metrics_count_reply(struct metrics *metrics, unsigned status, int64_t elapsed_ns)
{
    uint64_t us = elapsed_ns > 0 ? (uint64_t)elapsed_ns / 1000 : 0;
    size_t i = 0;

    while (i < METRICS_BUCKETS && us > bounds[i]) {
        i++;
    }
    metrics->buckets[i]++;
    metrics->elapsed_us += us;
    if (status < METRICS_STATUSES) {
        metrics->statuses[status]++;
    }
}

void metrics_count_end(struct metrics *metrics, enum http_end end)
{
    metrics->ends[end]++;
}

static void head(struct wbuf *out, const char *name, const char *type, const char *help)
{
    wbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct wbuf *out, const char *name, const char *help, double value)
{
    head(out, name, "gauge", help);
    wbuf_printf(out, "%s %.9g\n", name, value);
}

static void counter(struct wbuf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    wbuf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_requests(const struct metrics *metrics, struct wbuf *out)
{
    size_t unit;
    unsigned kind;

    head(out, "tsa_requests_total", "counter", "Timestamp requests by unit, protocol and result.");
    for (unit = 0; unit < metrics->num_units; unit++) {
        for (kind = 1; kind < METRICS_KINDS; kind++) {
            uint64_t granted = *request_count(metrics, unit, kind, RC_OK), refused = 0;
            int rc;

            for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
                refused += *request_count(metrics, unit, kind, (enum rc)rc);
            }
            wbuf_printf(out,
                        "tsa_requests_total{unit=\"%s\",protocol=\"%s\",result=\"granted\"} %" PRIu64 "\n"
                        "tsa_requests_total{unit=\"%s\",protocol=\"%s\",result=\"refused\"} %" PRIu64 "\n",
                        metrics->units[unit].settings->name, kinds[kind], granted,
                        metrics->units[unit].settings->name, kinds[kind], refused);
        }
    }
}

static void write_refusals(const struct metrics *metrics, struct wbuf *out)
{
    size_t unit;
    unsigned kind;
    int rc;

    head(out, "tsa_refusals_total", "counter", "Requests refused, by unit, protocol and reason.");
    for (unit = 0; unit < metrics->num_units; unit++) {
        for (kind = 0; kind < METRICS_KINDS; kind++) {
            for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
                uint64_t num = *request_count(metrics, unit, kind, (enum rc)rc);

                if (num > 0) {
                    wbuf_printf(out,
                                "tsa_refusals_total{unit=\"%s\",protocol=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                                metrics->units[unit].settings->name, kinds[kind], rc_word((enum rc)rc), num);
                }
            }
        }
    }
}

static void write_http(const struct metrics *metrics, const struct metrics_gauges *gauges, struct wbuf *out)
{
    size_t i;

    head(out, "tsa_http_replies_total", "counter", "HTTP answers by status.");
    for (i = 0; i < METRICS_STATUSES; i++) {
        if (metrics->statuses[i] > 0) {
            wbuf_printf(out, "tsa_http_replies_total{status=\"%zu\"} %" PRIu64 "\n", i, metrics->statuses[i]);
        }
    }
    counter(out, "tsa_connections_accepted_total", "Connections accepted.", gauges->accepted);
    head(out, "tsa_connections_ended_total", "counter", "Connections ended, by reason.");
    for (i = 0; i < HTTP_END_NUM; i++) {
        wbuf_printf(out, "tsa_connections_ended_total{reason=\"%s\"} %" PRIu64 "\n",
                    http_end_word((enum http_end)i), metrics->ends[i]);
    }
    gauge(out, "tsa_connections_open", "Connections open now.", (double)gauges->open);
    gauge(out, "tsa_requests_waiting", "Requests that wait for the issuer.", (double)gauges->waiting);
}

static void write_times(const struct metrics *metrics, struct wbuf *out)
{
    uint64_t sum = 0;
    size_t i;

    head(out, "tsa_answer_seconds", "histogram", "Time from a whole request to its answer.");
    for (i = 0; i < METRICS_BUCKETS; i++) {
        sum += metrics->buckets[i];
        wbuf_printf(out, "tsa_answer_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", bounds[i] / 1e6, sum);
    }
    sum += metrics->buckets[METRICS_BUCKETS];
    wbuf_printf(out, "tsa_answer_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
    wbuf_printf(out, "tsa_answer_seconds_sum %.6f\ntsa_answer_seconds_count %" PRIu64 "\n",
                (double)metrics->elapsed_us / 1e6, sum);
}

static void write_certificates(const struct metrics *metrics, struct wbuf *out)
{
    size_t i;

    head(out, "tsa_certificate_not_after_seconds", "gauge",
         "End of a unit's certificate, seconds since 1970.");
    for (i = 0; i < metrics->num_units; i++) {
        wbuf_printf(out, "tsa_certificate_not_after_seconds{unit=\"%s\"} %" PRId64 "\n",
                    metrics->units[i].settings->name, metrics->units[i].cert.not_after.sec);
    }
}

static void write_facts(const struct facts *facts, struct wbuf *out)
{
    gauge(out, "tsa_ready", "1 when tokens are issued.", facts && facts->ready ? 1 : 0);
    gauge(out, "tsa_issuer_up", "1 when the issuer answers.", facts ? 1 : 0);
    if (facts && facts->clock_bound_ns >= 0) {
        gauge(out, "tsa_clock_bound_seconds", "How wrong the clock can be.",
              (double)facts->clock_bound_ns / 1e9);
    }
    if (facts) {
        gauge(out, "tsa_clock_proven", "0 when the host's clock is trusted without proof.",
              facts->clock_proven);
        counter(out, "tsa_ledger_records_total", "Records in the ledger.", facts->ledger_sequence);
        gauge(out, "tsa_issuer_waiting", "Requests in the issuer's queue.", facts->num_waiting);
    }
}

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct wbuf *out)
{
    write_requests(metrics, out);
    write_refusals(metrics, out);
    write_http(metrics, gauges, out);
    write_times(metrics, out);
    write_certificates(metrics, out);
    write_facts(gauges->facts, out);
}
