/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The on-wire calculation of RFC 5905 8, with (UTC - CLOCK_MONOTONIC_RAW) in the place of the offset. Of one server's answers the one counts that
 * leaves the least room now; of the servers, the majority. It never corrects anything, so it needs no filter that would be wrong
 * for a while after a step.
 */
#include "tsa/clock/sntp_estimate.h"

#include <stdio.h>
#include <string.h>

/* Two answers that are each closer than this contradict each other when UTC has moved by a leap second between them, or this machine has slept for one. */
#define TELLING_NS INT64_C(250000000)

#define OLDEST_NS   (10 * INT64_C(86400) * 1000000000)
#define FURTHEST_NS (INT64_C(1) << 62)

static int64_t magnitude(int64_t n)
{
    return n < 0 ? -n : n;
}

/* Held at 146 years: answers are read in the era of our clock, which may have been set from one end of its range to the other since. */
static int64_t apart(int64_t a, int64_t b)
{
    int64_t d;

    if (__builtin_sub_overflow(a, b, &d)) {
        d = a < b ? INT64_MIN : INT64_MAX;
    }
    return d > FURTHEST_NS ? FURTHEST_NS : d < -FURTHEST_NS ? -FURTHEST_NS : d;
}

/* Rounded up; nothing that old counts (clock.max_age), and 5,000 ppm of it do not overflow. */
static int64_t drift(const struct sntp_estimate *e, int64_t age_ns)
{
    age_ns = age_ns < OLDEST_NS ? age_ns : OLDEST_NS;
    return age_ns / 1000 * e->rules.drift_ppb / 1000000 + 1;
}

static int64_t error_at(const struct sntp_estimate *e, const struct sntp_kept *kept, int64_t raw_ns)
{
    return kept->error_ns + drift(e, raw_ns - kept->sent_raw_ns);
}

void sntp_estimate_init(struct sntp_estimate *estimate, const struct sntp_rules *rules)
{
    *estimate = (struct sntp_estimate){.rules = *rules};
}

/* ---- answers ---- */

/* The request was sent before the server got it, the reply got here after it was sent: UTC - RAW lies between T3 - T4 and T2 - T1. */
static struct sntp_kept kept_of(const struct sntp_exchange *x)
{
    const int64_t most = x->server_received_ns - x->sent_raw_ns;
    const int64_t least = x->server_sent_ns - x->received_raw_ns;

    return (struct sntp_kept){
        .middle_ns = least + (most - least) / 2,
        .error_ns = magnitude(most - least) / 2 + 1 + x->server_error_ns,
        .sent_raw_ns = x->sent_raw_ns,
        .received_raw_ns = x->received_raw_ns,
    };
}

/* A server whose answers contradict each other was wrong or is wrong now: the newest tells what it says now. */
static size_t keep_compatible(const struct sntp_estimate *e, struct sntp_known *known,
                              const struct sntp_kept *newest)
{
    size_t num = 0;

    for (size_t i = 0; i < known->num; i++) {
        const struct sntp_kept *kept = &known->kept[i];

        if (magnitude(apart(kept->middle_ns, newest->middle_ns)) <=
            error_at(e, kept, newest->sent_raw_ns) + newest->error_ns) {
            known->kept[num++] = *kept;
        }
    }
    return num;
}

bool sntp_estimate_put(struct sntp_estimate *estimate, size_t server, const struct sntp_exchange *exchange)
{
    struct sntp_known *known = &estimate->servers[server];
    const struct sntp_kept newest = kept_of(exchange);

    if (newest.error_ns > SNTP_MAX_DISTANCE_NS || exchange->received_raw_ns < exchange->sent_raw_ns) {
        sntp_estimate_unfit(estimate, server, exchange->received_raw_ns);
        return false;
    }
    known->num = keep_compatible(estimate, known, &newest);
    known->num -= known->num == SNTP_NUM_KEPT;
    memmove(known->kept + 1, known->kept, known->num * sizeof(known->kept[0]));
    known->kept[0] = newest;
    known->num++;
    known->stratum = exchange->stratum;
    known->leap = exchange->leap;
    known->is_unfit = false;
    estimate->num_exchanges++;
    return true;
}

void sntp_estimate_unfit(struct sntp_estimate *estimate, size_t server, int64_t raw_ns)
{
    estimate->servers[server] = (struct sntp_known){.is_unfit = true, .unfit_raw_ns = raw_ns};
}

/* ---- what counts now ---- */

struct judged {
    size_t who[INTERVAL_MAX]; /* servers that have said something, and the best of it */
    const struct sntp_kept *best[INTERVAL_MAX];
    struct interval says[INTERVAL_MAX];
    size_t num, num_unfit;
    struct interval_majority majority;
    enum rc rc;
};

static bool is_silent(const struct sntp_estimate *e, int64_t since_raw_ns, int64_t raw_ns)
{
    const int64_t polls = SNTP_SILENT_POLLS * e->rules.poll_ns;

    return raw_ns - since_raw_ns > (polls < e->rules.max_age_ns ? polls : e->rules.max_age_ns);
}

static const struct sntp_kept *best_of(const struct sntp_estimate *e, const struct sntp_known *known,
                                       int64_t raw_ns)
{
    const struct sntp_kept *best = NULL;

    if (known->num == 0 || is_silent(e, known->kept[0].received_raw_ns, raw_ns)) {
        return NULL;
    }
    for (size_t i = 0; i < known->num; i++) {
        const struct sntp_kept *kept = &known->kept[i];

        if (raw_ns - kept->received_raw_ns <= e->rules.max_age_ns &&
            (!best || error_at(e, kept, raw_ns) < error_at(e, best, raw_ns))) {
            best = kept;
        }
    }
    return best;
}

static void judge(const struct sntp_estimate *e, int64_t raw_ns, struct judged *j)
{
    *j = (struct judged){0};
    for (size_t i = 0; i < e->rules.num; i++) {
        const struct sntp_known *known = &e->servers[i];
        const struct sntp_kept *best = best_of(e, known, raw_ns);

        if (best) {
            const int64_t error = error_at(e, best, raw_ns);

            j->says[j->num] = (struct interval){best->middle_ns - error, best->middle_ns + error};
            j->best[j->num] = best;
            j->who[j->num++] = i;
        }
        j->num_unfit += known->is_unfit && !is_silent(e, known->unfit_raw_ns, raw_ns);
    }
    j->rc = interval_majority(j->says, j->num, e->rules.num, &j->majority);
    if (j->rc == RC_CLOCK_UNREACHABLE && j->num + j->num_unfit > e->rules.num / 2) {
        j->rc = RC_CLOCK_UNSYNCHRONISED; /* they answer, but that they can not be used */
    }
}

bool sntp_estimate_has_majority(const struct sntp_estimate *estimate, int64_t raw_ns)
{
    struct judged j;

    judge(estimate, raw_ns, &j);
    return j.num > estimate->rules.num / 2;
}

/* ---- the sample ---- */

/* When this server last told something that would have shown if what counts of it were not true any more: a vague answer may agree with anything. */
static int64_t newest_of(const struct sntp_estimate *e, const struct judged *j, size_t i)
{
    const struct sntp_kept *kept = e->servers[j->who[i]].kept;

    while (kept != j->best[i] && kept->error_ns >= TELLING_NS) {
        kept++;
    }
    return kept->received_raw_ns;
}

/* Since when a majority has answered: a single server that still does proves nothing. */
static int64_t measured_raw(const struct sntp_estimate *e, const struct judged *j)
{
    int64_t measured = INT64_MIN;

    for (size_t i = 0; i < j->num; i++) {
        size_t as_new = 0;

        for (size_t k = 0; k < j->num; k++) {
            as_new += j->majority.is_in[k] && newest_of(e, j, k) >= newest_of(e, j, i);
        }
        if (j->majority.is_in[i] && as_new > e->rules.num / 2 && newest_of(e, j, i) > measured) {
            measured = newest_of(e, j, i);
        }
    }
    return measured;
}

static enum clockpage_leap leap_of(const struct sntp_estimate *e, const struct judged *j)
{
    size_t num[CLOCKPAGE_LEAP_UNKNOWN + 1] = {0};

    for (size_t i = 0; i < j->num; i++) {
        num[e->servers[j->who[i]].leap] += j->majority.is_in[i];
    }
    return num[CLOCKPAGE_LEAP_INSERT] > j->majority.num_in / 2   ? CLOCKPAGE_LEAP_INSERT
           : num[CLOCKPAGE_LEAP_DELETE] > j->majority.num_in / 2 ? CLOCKPAGE_LEAP_DELETE
                                                                 : CLOCKPAGE_LEAP_NONE;
}

static uint32_t stratum_of(const struct sntp_estimate *e, const struct judged *j)
{
    uint32_t least = 0;

    for (size_t i = 0; i < j->num; i++) {
        const uint32_t its = e->servers[j->who[i]].stratum;

        if (j->majority.is_in[i] && (least == 0 || its < least)) {
            least = its;
        }
    }
    return least;
}

static void put_agreed(struct sntp_estimate *e, const struct sntp_moment *now, const struct judged *j,
                       struct timesrc_sample *out)
{
    const int64_t ours = now->real_ns - now->raw_ns;
    const int64_t ahead = apart(ours, j->majority.agreed.low);
    const int64_t behind = apart(j->majority.agreed.high, ours);

    /* Where our clock lies outside, one of the two is negative, and the other one the larger. */
    const int64_t outside = -(ahead < behind ? ahead : behind) - now->error_ns;

    out->bound_ns = (ahead > behind ? ahead : behind) + now->error_ns;
    out->least_ns = outside > 0 ? outside : 0;
    e->agreed_raw_ns = measured_raw(e, j);
    out->measured_mono_ns = now->mono_ns - (now->raw_ns - e->agreed_raw_ns);
    out->leap = leap_of(e, j);
    out->stratum = stratum_of(e, j);
}

struct sntp_moment sntp_moment_of(const struct timesrc_sample *clocks, int64_t error_ns)
{
    return (struct sntp_moment){
        .real_ns = clocks->mono_ns + clocks->real_minus_mono_ns,
        .mono_ns = clocks->mono_ns,
        .raw_ns = clocks->mono_ns - clocks->mono_minus_raw_ns,
        .error_ns = error_ns,
    };
}

void sntp_estimate_sample(struct sntp_estimate *estimate, const struct sntp_moment *now,
                          struct timesrc_sample *out)
{
    struct judged j;

    judge(estimate, now->raw_ns, &j);
    *out = (struct timesrc_sample){
        .rc = j.rc,
        .mono_ns = now->mono_ns,
        .real_minus_mono_ns = now->real_ns - now->mono_ns,
        .bound_ns = -1,
        .mono_minus_raw_ns = now->mono_ns - now->raw_ns,
        .drift_ppb = estimate->rules.drift_ppb,
        .measurement = estimate->num_exchanges,
        .measured_mono_ns = -1,
        .figure_ns = j.majority.gap,
        .explains_steps = true,
        .leap = CLOCKPAGE_LEAP_UNKNOWN,
    };
    if (j.rc == RC_OK) {
        put_agreed(estimate, now, &j, out);
    } else if (j.rc != RC_CLOCK_DISAGREES && estimate->agreed_raw_ns != 0) {
        out->figure_ns = now->raw_ns - estimate->agreed_raw_ns;
    }
    (void)snprintf(out->reference, sizeof(out->reference), "sntp %zu of %zu servers", j.majority.num_in,
                   estimate->rules.num);
}

/* ---- each server, for people ---- */

void sntp_estimate_servers(const struct sntp_estimate *estimate, const struct sntp_moment *now,
                           struct clockpage_servers *out)
{
    struct judged j;

    judge(estimate, now->raw_ns, &j);
    *out = (struct clockpage_servers){.num = estimate->rules.num};
    for (size_t i = 0; i < estimate->rules.num; i++) {
        const struct sntp_known *known = &estimate->servers[i];
        const bool says = known->is_unfit && !is_silent(estimate, known->unfit_raw_ns, now->raw_ns);

        out->list[i].state = says ? CLOCKPAGE_SERVER_UNFIT : CLOCKPAGE_SERVER_SILENT;
        out->list[i].measured_mono_ns =
            known->num == 0 ? -1 : now->mono_ns - (now->raw_ns - known->kept[0].received_raw_ns);
    }
    for (size_t i = 0; i < j.num; i++) {
        struct clockpage_server *server = &out->list[j.who[i]];

        server->state = j.majority.is_in[i] ? CLOCKPAGE_SERVER_GOOD : CLOCKPAGE_SERVER_FALSE;
        server->stratum = estimate->servers[j.who[i]].stratum;
        server->offset_ns = apart(j.best[i]->middle_ns, now->real_ns - now->raw_ns);
        server->error_ns = (j.says[i].high - j.says[i].low) / 2;
    }
}
