/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each token is held against true time: what it says, what the record would say of it, its place after those before it, and that the clock had not
 * been set since the record it rests on.
 */
#include "tests/sim/client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/role.h"

#define NUM_THREADS 2
#define NUM_NOTES   24
#define NOTE_MAX    120

static const struct {
    const char *name;
    unsigned digits;
    int64_t accuracy;
} claims[CLIENT_NUM_CLAIMS] = {
    [CLIENT_WHOLE] = {"1 s", 0, SECOND}, [CLIENT_MS] = {"100 ms", 3, 100 * MS},
    [CLIENT_US] = {"10 ms", 6, 10 * MS}, [CLIENT_ORDERED] = {"10 ms, ordered", 6, 10 * MS},
    [CLIENT_NOTHING] = {"none", 0, 0},
};

static struct {
    struct client_setup setup;
    struct clockgate_common common;
    struct clockgate gates[NUM_THREADS];
    struct clockgate_order order;
    struct gentime last_time[CLIENT_NUM_CLAIMS], last_now;
    int64_t allowed, leap;
    bool calm;
    uint64_t stepped_epoch; /* the record over which a request saw that the clock was set */
    char notes[NUM_NOTES][NOTE_MAX];
    uint64_t num_notes;
    /* Figures. */
    uint64_t tokens[CLIENT_NUM_CLAIMS], asked[CLIENT_NUM_CLAIMS];
    uint64_t calm_tokens[CLIENT_NUM_CLAIMS], calm_asked[CLIENT_NUM_CLAIMS];
    uint64_t refused[RC_NUM], calm_refused[RC_NUM];
    int64_t least_margin[CLIENT_NUM_CLAIMS], least_bound_margin, largest_error;
    uint64_t num_stepped, num_acknowledged;
} c;

static int64_t magnitude(int64_t n)
{
    return n < 0 ? -n : n;
}

static int64_t ns_of(struct gentime t)
{
    return gentime_diff_ns(t, (struct gentime){0});
}

/* ---- failures ---- */

void client_note(const char *format, ...)
{
    char *note = c.notes[c.num_notes++ % NUM_NOTES];
    const int len = snprintf(note, NOTE_MAX, "%12.6f ", (double)world_now() / 1e9);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(note + len, NOTE_MAX - (size_t)len, format, args);
    va_end(args);
}

static void fail(const char *what, const struct clockgate_time *t, enum client_claim claim)
{
    const struct clockpage_record *r = role_record();

    (void)fflush(stdout);
    for (uint64_t i = c.num_notes > NUM_NOTES ? c.num_notes - NUM_NOTES : 0; i < c.num_notes; i++) {
        (void)fprintf(stderr, "  %s\n", c.notes[i % NUM_NOTES]);
    }
    (void)fprintf(stderr,
                  "%s: %s\n  at %.9f, claim %s: the clock is wrong by %.9f s, the token by %.9f s, E %.9f s\n"
                  "  record %" PRIu64
                  ": state %u, %s, bound %.9f, age %.6f s, change %.9f, measured %.6f s ago\n",
                  c.setup.mode, what, (double)world_now() / 1e9, claims[claim].name,
                  (double)world_error(ns_of(t->now), world_read_at()) / 1e9,
                  (double)world_error(ns_of(t->time), world_read_at()) / 1e9, (double)t->bound_ns / 1e9,
                  r->epoch, r->state, rc_word((enum rc)r->reason), (double)r->bound_ns / 1e9,
                  (double)(world_mono() - r->sampled_mono_ns) / 1e9,
                  (double)(world_real_minus_mono() - r->real_minus_mono_ns) / 1e9,
                  (double)(world_mono() - r->measured_mono_ns) / 1e9);
    exit(1);
}

/* ---- what must be true ---- */

static bool is_at_leap(struct gentime t, int64_t window)
{
    return c.leap != 0 && magnitude(ns_of(t) - c.leap) < window;
}

static bool has_second_60(struct gentime t)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    return gentime_build(t, text, &len) != RC_OK || memcmp(text + 12, "60", 2) == 0;
}

static void check_time(enum client_claim claim, const struct clockgate_time *t)
{
    const int64_t accuracy = claims[claim].accuracy;
    const int64_t error = magnitude(world_error(ns_of(t->time), world_read_at()));
    const int64_t window =
        accuracy + SECOND / 10 > 11 * SECOND / 10 ? accuracy + SECOND / 10 : 11 * SECOND / 10;

    if (accuracy != 0 && error > accuracy + c.allowed) {
        fail("a token lies outside its accuracy", t, claim);
    }
    if (accuracy != 0 && c.allowed == 0 && accuracy - error < c.least_margin[claim]) {
        c.least_margin[claim] = accuracy - error;
    }
    if (is_at_leap(t->time, window) || is_at_leap(t->now, window)) {
        fail("a token near a leap second", t, claim);
    }
    if (has_second_60(t->time)) {
        fail("a token with second 60", t, claim);
    }
}

static void check_bound(enum client_claim claim, const struct clockgate_time *t)
{
    const int64_t error = magnitude(world_error(ns_of(t->now), world_read_at()));

    if (t->bound_ns < 0 || error > t->bound_ns + c.allowed) {
        fail("E is less than the true error", t, claim);
    }
    if (c.allowed == 0 && t->bound_ns - error < c.least_bound_margin) {
        c.least_bound_margin = t->bound_ns - error;
    }
    c.largest_error = error > c.largest_error ? error : c.largest_error;
}

static void check_order(enum client_claim claim, const struct clockgate_time *t)
{
    const int order = gentime_compare(t->time, c.last_time[claim]);

    if (order < 0 || (claim == CLIENT_ORDERED && order == 0)) {
        fail("a token's time lies before the last one's", t, claim);
    }
    if (gentime_compare(t->now, c.last_now) < 0) {
        fail("a token rests on a reading before the last one", t, claim);
    }
    c.last_time[claim] = t->time;
    c.last_now = t->now;
}

/* The clock was set since the record, and is not where it was: the next request sees that, not a later one. */
static bool is_stepped(void)
{
    const int64_t since = world_real_minus_mono() - role_record()->real_minus_mono_ns;

    return magnitude(since) > c.setup.max_step_ns + MS / 10;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void check_stop(enum client_claim claim, const struct clockgate_time *t, bool stepped)
{
    const uint64_t fault = later(role_fault_epoch(), c.stepped_epoch);

    if (stepped && is_stepped()) {
        fail("a token over a clock that was just set", t, claim);
    }
    if (world_mono() - role_record()->sampled_mono_ns > CLOCKPAGE_LIFE_NS + 100 * MS) {
        fail("a token over a record that is dead", t, claim);
    }
    if (role_is_hasty() || (fault != 0 && role_record()->epoch < fault + 3)) {
        fail("a token before the third good record", t, claim);
    }
}

/* ---- requests ---- */

void client_start(const struct client_setup *setup)
{
    memset(&c, 0, sizeof(c));
    c.setup = *setup;
    clockgate_common_init(&c.common, setup->max_step_ns);
    for (int i = 0; i < NUM_THREADS; i++) {
        clockgate_init(&c.gates[i], setup->page, &c.common);
    }
    for (int i = 0; i < CLIENT_NUM_CLAIMS; i++) {
        c.least_margin[i] = INT64_MAX;
    }
    c.least_bound_margin = INT64_MAX;
}

void client_end(void)
{
    clockgate_common_clear(&c.common);
}

static void count(enum client_claim claim, enum rc rc)
{
    c.asked[claim]++;
    c.calm_asked[claim] += c.calm;
    if (rc == RC_OK) {
        c.tokens[claim]++;
        c.calm_tokens[claim] += c.calm;
    } else {
        c.refused[rc]++;
        c.calm_refused[rc] += c.calm;
    }
}

enum rc client_ask(enum client_claim claim)
{
    const struct clockgate_claim says = {
        .time_digits = claims[claim].digits,
        .accuracy_ns = claims[claim].accuracy,
        .order = claim == CLIENT_ORDERED ? &c.order : NULL,
    };
    const bool stepped = is_stepped();
    struct clockgate_time t;
    const enum rc rc = clockgate_pass(&c.gates[world_random() % NUM_THREADS], &says, &t);

    c.num_stepped += stepped;
    count(claim, rc);
    if (rc == RC_OK) {
        check_time(claim, &t);
        check_bound(claim, &t);
        check_order(claim, &t);
        check_stop(claim, &t, stepped);
    } else if (rc == RC_CLOCK_STEPPED && stepped && is_stepped() && role_record()->state != CLOCKPAGE_STOP) {
        c.stepped_epoch = role_record()->epoch;
    }
    return rc;
}

void client_watch(void)
{
    struct clockgate_state state;

    clockgate_watch(&c.gates[0], &state);
}

void client_acknowledge(void)
{
    struct clockgate_state state;

    clockgate_watch(&c.gates[0], &state);
    if (state.reason != RC_CLOCK_BACKWARDS) {
        return;
    }
    client_note("acknowledged: %.3f s ahead", (double)state.ahead_ns / 1e9);
    clockgate_lower(&c.common, c.common.last_ns, state.time.now);
    c.order.last_ns = 0;
    c.last_now = state.time.now;
    memset(c.last_time, 0, sizeof(c.last_time));
    c.num_acknowledged++;
}

void client_allow(int64_t ns)
{
    c.allowed = ns;
}

void client_set_calm(bool calm)
{
    c.calm = calm;
}

void client_expect_leap(int64_t midnight_ns)
{
    c.leap = midnight_ns;
}

/* ---- figures ---- */

uint64_t client_num_tokens(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < CLIENT_NUM_CLAIMS; i++) {
        sum += c.tokens[i];
    }
    return sum;
}

static int64_t per_mille(int claim)
{
    return c.calm_asked[claim] == 0 ? 1000 : (int64_t)(c.calm_tokens[claim] * 1000 / c.calm_asked[claim]);
}

static void report_claim(int i)
{
    if (c.asked[i] == 0) {
        return;
    }
    (void)printf("  claim %-14s %8" PRIu64 " tokens of %8" PRIu64 " requests; calm: %" PRId64
                 " per mille of %" PRIu64,
                 claims[i].name, c.tokens[i], c.asked[i], per_mille(i), c.calm_asked[i]);
    if (c.least_margin[i] != INT64_MAX) {
        (void)printf("; least margin %.6f ms", (double)c.least_margin[i] / 1e6);
    }
    (void)printf("\n");
}

bool client_report(int64_t least_whole, int64_t least_fine)
{
    (void)printf("%s: %" PRIu64
                 " tokens in %.0f s; E exceeds the true error by %.6f ms at least, largest error %.3f ms; "
                 "%" PRIu64 " requests over a clock just set, %" PRIu64 " acknowledged\n",
                 c.setup.mode, client_num_tokens(), (double)world_now() / 1e9,
                 (double)c.least_bound_margin / 1e6, (double)c.largest_error / 1e6, c.num_stepped,
                 c.num_acknowledged);
    for (int i = 0; i < CLIENT_NUM_CLAIMS; i++) {
        report_claim(i);
    }
    (void)printf("  refused:");
    for (int i = 0; i < RC_NUM; i++) {
        if (c.refused[i] != 0) {
            (void)printf(" %s %" PRIu64 " (calm %" PRIu64 ")", rc_word((enum rc)i), c.refused[i],
                         c.calm_refused[i]);
        }
    }
    (void)printf("\n");
    if (per_mille(CLIENT_WHOLE) < least_whole || per_mille(CLIENT_US) < least_fine) {
        (void)fprintf(stderr, "%s: too few tokens in calm times\n", c.setup.mode);
        return false;
    }
    return true;
}
