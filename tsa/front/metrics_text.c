/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of /metrics. Series that never counted are left out, but for those that alerts are built on: of a series that begins with 1
 * Prometheus sees no increase. Private to metrics.
 */
#include "tsa/front/metrics.h"

#include <inttypes.h>

#include "tsa/front/room.h"
#include "tsa/role/clockpage.h"
#include "tsa/role/clockwords.h"

static const char *const kinds[SHARED_KINDS] = {"none", "rfc3161", "authenticode"};

/* Refusals that are no fault of the client. */
static const enum rc ours[] = {
    RC_NO_MEMORY,     RC_CRYPTO,       RC_CERT_NOT_YET_VALID, RC_CERT_EXPIRED,         RC_CLOCK_BACKWARDS,
    RC_CLOCK_UNKNOWN, RC_CLOCK_STALE,  RC_CLOCK_UNREACHABLE,  RC_CLOCK_UNSYNCHRONISED, RC_CLOCK_LOCAL,
    RC_CLOCK_OLD,     RC_CLOCK_BOUND,  RC_CLOCK_DISAGREES,    RC_CLOCK_UNCONFIRMED,    RC_CLOCK_STEPPED,
    RC_CLOCK_LEAP,    RC_KEY_USE_OVER, RC_LEDGER_WRITE,       RC_LEDGER_DAMAGED,       RC_SIGNER_FAILED,
    RC_SELF_CHECK,    RC_UNIT_UNKNOWN, RC_OVERLOADED,         RC_ISSUER_GONE,          RC_ISSUER_SILENT,
};
/* Refusals of admission. */
static const enum rc turned_away[] = {RC_FORBIDDEN, RC_RATE, RC_CROWDED};
static const unsigned statuses[] = {200, 429, 503};

static bool is_among(const enum rc *list, size_t num, int rc)
{
    size_t i;

    for (i = 0; i < num; i++) {
        if ((int)list[i] == rc) {
            return true;
        }
    }
    return false;
}

#define IS_AMONG(list, rc) is_among(list, sizeof(list) / sizeof(list)[0], rc)

static uint64_t get(const shared_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
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

/* Nanoseconds; negative = not known. A name without a value is there, so that whoever looks for it finds its meaning. */
static void known_gauge(struct wbuf *out, const char *name, const char *help, int64_t ns)
{
    head(out, name, "gauge", help);
    if (ns >= 0) {
        wbuf_printf(out, "%s %.9g\n", name, (double)ns / 1e9);
    }
}

static void counter(struct wbuf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    wbuf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static const char *name_of(const struct metrics *metrics, size_t unit)
{
    return metrics->units[unit].settings->name;
}

/* ---- requests -------------------------------------------------------------------------------------- */

static uint64_t sum_refused(const shared_count *requests)
{
    uint64_t sum = 0;
    int rc;

    for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
        sum += get(&requests[rc]);
    }
    return sum;
}

static void put_requests(const struct metrics *metrics, size_t unit, unsigned kind, struct wbuf *out)
{
    const shared_count *requests = metrics->counts[unit]->requests[kind];
    const char *name = name_of(metrics, unit);

    wbuf_printf(out,
                "tsa_requests_total{unit=\"%s\",protocol=\"%s\",result=\"granted\"} %" PRIu64 "\n"
                "tsa_requests_total{unit=\"%s\",protocol=\"%s\",result=\"refused\"} %" PRIu64 "\n",
                name, kinds[kind], get(&requests[RC_OK]), name, kinds[kind], sum_refused(requests));
}

static void put_refusals(const struct metrics *metrics, size_t unit, unsigned kind, struct wbuf *out)
{
    const shared_count *requests = metrics->counts[unit]->requests[kind];
    int rc;

    for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
        uint64_t num = get(&requests[rc]);

        if (num > 0 || (kind != METRICS_NEITHER && IS_AMONG(ours, rc))) {
            wbuf_printf(out, "tsa_refusals_total{unit=\"%s\",protocol=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
                        name_of(metrics, unit), kinds[kind], rc_word((enum rc)rc), num);
        }
    }
}

static void write_by_unit(const struct metrics *metrics, unsigned first_kind, struct wbuf *out,
                          void (*put)(const struct metrics *, size_t, unsigned, struct wbuf *))
{
    size_t unit;
    unsigned kind;

    for (unit = 0; unit < metrics->num_units; unit++) {
        for (kind = first_kind; metrics->counts[unit] && kind < SHARED_KINDS; kind++) {
            put(metrics, unit, kind, out);
        }
    }
}

static void write_requests(const struct metrics *metrics, struct wbuf *out)
{
    int rc;

    head(out, "tsa_requests_total", "counter", "Timestamp requests by unit, protocol and result.");
    write_by_unit(metrics, METRICS_RFC3161, out, put_requests);
    head(out, "tsa_refusals_total", "counter", "Requests refused, by unit, protocol and reason.");
    write_by_unit(metrics, METRICS_NEITHER, out, put_refusals);
    head(out, "tsa_admission_refused_total", "counter",
         "Connections and requests turned away before a unit was asked, by reason.");
    for (rc = RC_OK + 1; rc < RC_NUM; rc++) {
        uint64_t num = get(&metrics->shared->refused[rc]);

        if (num > 0 || IS_AMONG(turned_away, rc)) {
            wbuf_printf(out, "tsa_admission_refused_total{reason=\"%s\"} %" PRIu64 "\n", rc_word((enum rc)rc),
                        num);
        }
    }
}

/* ---- HTTP ------------------------------------------------------------------------------------------ */

static bool is_always_told(unsigned status)
{
    size_t i;

    for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i] == status) {
            return true;
        }
    }
    return false;
}

static void write_http(const struct shared *shared, struct wbuf *out)
{
    unsigned i;

    head(out, "tsa_http_replies_total", "counter", "HTTP answers by status.");
    for (i = 0; i < SHARED_STATUSES; i++) {
        uint64_t num = get(&shared->statuses[i]);

        if (num > 0 || is_always_told(i)) {
            wbuf_printf(out, "tsa_http_replies_total{status=\"%u\"} %" PRIu64 "\n", i, num);
        }
    }
    counter(out, "tsa_connections_accepted_total", "Connections accepted.", get(&shared->accepted));
    head(out, "tsa_connections_ended_total", "counter", "Connections ended, by reason.");
    for (i = 0; i < HTTP_END_NUM; i++) {
        wbuf_printf(out, "tsa_connections_ended_total{reason=\"%s\"} %" PRIu64 "\n",
                    http_end_word((enum http_end)i), get(&shared->ends[i]));
    }
}

static void write_fronts(const struct metrics *metrics, struct wbuf *out)
{
    struct metrics_sums sums;

    metrics_sum(metrics, &sums);
    gauge(out, "tsa_connections_open", "Connections open now, of all fronts.", (double)sums.open);
    gauge(out, "tsa_requests_waiting", "Requests that wait for the issuer, in all fronts.",
          (double)sums.waiting);
    gauge(out, "tsa_front_processes", "Front processes that live now, with those that a reload lets end.",
          sums.fronts);
    counter(out, "tsa_front_starts_total", "Front processes started, by reloads too.",
            get(&metrics->shared->starts));
}

/* ---- times ----------------------------------------------------------------------------------------- */

static void write_histogram(const char *name, const char *help, const struct histogram *histogram,
                            struct wbuf *out)
{
    uint64_t sum = 0;
    size_t i;

    head(out, name, "histogram", help);
    for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        sum += histogram->counts[i];
        wbuf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, histogram_bounds_us[i] / 1e6, sum);
    }
    sum += histogram->counts[HISTOGRAM_BUCKETS - 1];
    wbuf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, sum,
                name, (double)histogram->sum_us / 1e6, name, sum);
}

static void write_answers(const struct shared *shared, struct wbuf *out)
{
    struct histogram answer = {.sum_us = get(&shared->answer.sum_us)};
    size_t i;

    for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
        answer.counts[i] = get(&shared->answer.counts[i]);
    }
    write_histogram("tsa_answer_seconds", "Time from a whole request to its answer.", &answer, out);
}

/* ---- certificates ---------------------------------------------------------------------------------- */

static void write_units(const struct metrics *metrics, struct wbuf *out)
{
    size_t i;

    head(out, "tsa_certificate_not_after_seconds", "gauge",
         "End of a unit's certificate, seconds since 1970.");
    for (i = 0; i < metrics->num_units; i++) {
        wbuf_printf(out, "tsa_certificate_not_after_seconds{unit=\"%s\"} %" PRId64 "\n", name_of(metrics, i),
                    metrics->units[i].cert.not_after.sec);
    }
    head(out, "tsa_key_not_after_seconds", "gauge",
         "Until when a unit's key may sign: the certificate's end, its privateKeyUsagePeriod or key_months, "
         "whichever is first.");
    for (i = 0; i < metrics->num_units; i++) {
        wbuf_printf(out, "tsa_key_not_after_seconds{unit=\"%s\"} %" PRId64 "\n", name_of(metrics, i),
                    unit_key_end(&metrics->units[i]).sec);
    }
    head(out, "tsa_accuracy_seconds", "gauge",
         "The accuracy that a unit's tokens declare; none where they declare none.");
    for (i = 0; i < metrics->num_units; i++) {
        if (metrics->units[i].settings->accuracy > 0) {
            wbuf_printf(out, "tsa_accuracy_seconds{unit=\"%s\"} %.9g\n", name_of(metrics, i),
                        (double)metrics->units[i].settings->accuracy / 1e9);
        }
    }
}

static void write_tls(const struct metrics *metrics, struct wbuf *out)
{
    head(out, "tsa_tls_certificate_not_after_seconds", "gauge",
         "End of the certificate of the TLS listener, seconds since 1970; nothing without TLS.");
    if (metrics->tls_not_after != 0) {
        wbuf_printf(out, "tsa_tls_certificate_not_after_seconds %" PRId64 "\n", metrics->tls_not_after);
    }
}

/* ---- issuer ---------------------------------------------------------------------------------------- */

/* Every reason for which the clock can stop: each is a series, so that alerts see it go and come. */
static const enum rc stop_reasons[] = {
    RC_CLOCK_UNKNOWN,     RC_CLOCK_STALE,   RC_CLOCK_UNREACHABLE, RC_CLOCK_UNSYNCHRONISED,
    RC_CLOCK_LOCAL,       RC_CLOCK_OLD,     RC_CLOCK_BOUND,       RC_CLOCK_DISAGREES,
    RC_CLOCK_UNCONFIRMED, RC_CLOCK_STEPPED, RC_CLOCK_BACKWARDS,   RC_CLOCK_LEAP,
};

static void write_clock_state(const struct facts *facts, struct wbuf *out)
{
    const bool stopped = facts->clock_state == CLOCKPAGE_STOP || facts->clock_state == CLOCKPAGE_UNKNOWN;
    const uint32_t reason = facts->clock_reason == RC_OK ? RC_CLOCK_UNKNOWN : facts->clock_reason;
    size_t i;

    head(out, "tsa_clock_state", "gauge", "1 for the state that the clock is in, 0 for the others.");
    for (i = CLOCKPAGE_UNKNOWN; i <= CLOCKPAGE_STOP; i++) {
        wbuf_printf(out, "tsa_clock_state{state=\"%s\"} %d\n", clockwords_state((uint32_t)i),
                    facts->clock_state == i);
    }
    head(out, "tsa_clock_stop_reason", "gauge",
         "1 for the reason for which the clock has stopped the authority.");
    for (i = 0; i < sizeof stop_reasons / sizeof stop_reasons[0]; i++) {
        wbuf_printf(out, "tsa_clock_stop_reason{reason=\"%s\"} %d\n", rc_word(stop_reasons[i]),
                    stopped && reason == (uint32_t)stop_reasons[i]);
    }
    counter(out, "tsa_clock_state_changes_total", "Changes of the clock's state since the issuer started.",
            facts->clock_changes);
}

static void write_clock_leap(const struct facts *facts, struct wbuf *out)
{
    uint32_t i;

    head(out, "tsa_clock_leap", "gauge", "1 for the leap second that the clock's source announces.");
    for (i = CLOCKPAGE_LEAP_INSERT; i <= CLOCKPAGE_LEAP_UNKNOWN; i++) {
        wbuf_printf(out, "tsa_clock_leap{kind=\"%s\"} %d\n", clockwords_leap(i), facts->clock_leap == i);
    }
    head(out, "tsa_clock_leap_time_seconds", "gauge",
         "The midnight around which nothing is issued for a leap second, seconds since 1970; nothing where "
         "none is near.");
    if (facts->clock_leap_at > 0) {
        wbuf_printf(out, "tsa_clock_leap_time_seconds %" PRId64 "\n", facts->clock_leap_at);
    }
}

static void write_rooms(const struct metrics *metrics, const struct facts *facts, struct wbuf *out)
{
    int64_t room;
    size_t i;

    head(out, "tsa_unit_clock_room_seconds", "gauge",
         "What rounding and the clock's bound leave of a unit's accuracy; negative: it refuses requests. "
         "Nothing "
         "where it declares none or the clock is not proven.");
    for (i = 0; i < metrics->num_units; i++) {
        if (room_of(&metrics->units[i], facts, &room)) {
            wbuf_printf(out, "tsa_unit_clock_room_seconds{unit=\"%s\"} %.9g\n", name_of(metrics, i),
                        (double)room / 1e9);
        }
    }
}

static void write_clock(const struct facts *facts, struct wbuf *out)
{
    write_clock_state(facts, out);
    gauge(out, "tsa_clock_proven",
          "1 for a kind of source that can prove the clock, also while it does not (tsa_clock_state); 0 when "
          "the "
          "host is trusted, and under lab time.",
          facts->clock_proven == CLOCKPAGE_PROVEN);
    gauge(out, "tsa_clock_lab_time",
          "1 when the clock shows another time than the real one (tsa lab --at, --shift).",
          facts->clock_proven == CLOCKPAGE_LAB_TIME);
    known_gauge(out, "tsa_clock_bound_seconds",
                "How wrong the clock can be now; nothing where that is not known.", facts->clock_bound_ns);
    known_gauge(out, "tsa_clock_age_seconds",
                "Since the clock was last compared with its reference; nothing where that is not known.",
                facts->clock_age_ns);
    known_gauge(out, "tsa_clock_last_token_ahead_seconds",
                "By how much the last token's time lies ahead of the clock: tsa clock acknowledge; 0 when it "
                "does not.",
                facts->clock_ahead_ns > 0 ? facts->clock_ahead_ns : 0);
    write_clock_leap(facts, out);
}

static void write_reason(enum rc reason, struct wbuf *out)
{
    head(out, "tsa_not_ready", "gauge", "1, with the reason, while no tokens are issued; else nothing.");
    if (reason != RC_OK) {
        wbuf_printf(out, "tsa_not_ready{reason=\"%s\"} 1\n", rc_word(reason));
    }
}

static void write_issuer(const struct facts *facts, struct wbuf *out)
{
    counter(out, "tsa_ledger_records_total", "Records in the ledger.", facts->ledger_sequence);
    gauge(out, "tsa_ledger_sequence", "Number of the ledger's last record.", (double)facts->ledger_sequence);
    gauge(out, "tsa_issuer_waiting", "Requests in the issuer's queue.", facts->num_waiting);
    gauge(out, "tsa_issuer_signers", "Threads that sign.", facts->num_signers);
    head(out, "tsa_issuer_start_time_seconds", "gauge", "When the issuer started, seconds since 1970.");
    wbuf_printf(out, "tsa_issuer_start_time_seconds %" PRId64 "\n", facts->started.sec);
    head(out, "tsa_last_token_time_seconds", "gauge", "Time of the last token, seconds since 1970.");
    if (facts->last_time.sec != 0) {
        wbuf_printf(out, "tsa_last_token_time_seconds %" PRId64 "\n", facts->last_time.sec);
    }
    write_histogram("tsa_sign_seconds", "Time of one request in a signing thread.", &facts->sign, out);
    write_histogram("tsa_ledger_sync_seconds", "Time of one sync of the ledger.", &facts->sync, out);
}

void metrics_write(const struct metrics *metrics, const struct facts *facts, enum rc reason, struct wbuf *out)
{
    head(out, "tsa_build_info", "gauge", "1, with the version that runs.");
    wbuf_printf(out, "tsa_build_info{version=\"%s\"} 1\n", TSA_VERSION);
    gauge(out, "tsa_ready", "1 when tokens are issued.", reason == RC_OK ? 1 : 0);
    write_reason(reason, out);
    gauge(out, "tsa_issuer_up", "1 when the issuer answers.", facts ? 1 : 0);
    write_requests(metrics, out);
    write_http(metrics->shared, out);
    write_fronts(metrics, out);
    write_answers(metrics->shared, out);
    write_units(metrics, out);
    write_tls(metrics, out);
    if (facts) {
        write_clock(facts, out);
        write_rooms(metrics, facts, out);
        write_issuer(facts, out);
    }
}
