/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLOCK_MONOTONIC is slewed together with CLOCK_REALTIME, so their difference changes only when the clock is set: by a person, a program, the
 * kernel at a leap second. The source's bound holds against such a change only after it has measured its reference once more, and surely later:
 * what it said in between rests on a clock that is no more. The same is true when UTC moves and the clock stays, at a leap second that not
 * both the source and the list have announced.
 */
#include "tsa/clock/verdict.h"

#include <string.h>

#define SECOND  INT64_C(1000000000)
#define DAY_S   86400
#define HOUR_NS (3600 * SECOND)
/* Two readings of two clocks are not made at one moment: smaller differences only add to the bound. */
#define NOISE_NS 100000
/* An exchange with a time server that began before the clock was set may end after it. */
#define EXCHANGE_NS SECOND
/* chronyd takes a jump of more than ten seconds for what it is, and forgets all that it has measured before. */
#define NOTICED_NS (15 * SECOND)
/* adjtimex(2) slews by less than a tenth (tick: 900,000 to 1,100,000). */
#define MOST_SLEW 10
/* What is slewed after a sample shows against CLOCK_MONOTONIC_RAW, but for as much as the frequency is corrected by all the time: that may be to the other side
 * (the most that a kernel corrects without tricks: ntp_adjtime(3)). */
#define SLEW_PPB 500000
/* What is expected of a unit that declares no accuracy: a token that may be off by a year would be none, and hold up all that come after. */
#define UNDECLARED_NS (10 * SECOND)
/* How far from midnight the kernel may do what was announced, and how long the announcement counts after it. */
#define LEAP_SLACK_NS   (2 * SECOND)
#define LEAP_HOLD_S     10
#define LEAP_REMEMBER_S 43200 /* as long as a midnight is the nearest one */
#define SMEAR_REACH_S   43200

/* What one call works with. */
struct judgement {
    const struct verdict_input *input;
    const struct timesrc_sample *sample; /* the one that bounds: the opinion's, where the source can not */
    struct clockpage_record *record;
    int64_t now_s;
    int64_t opinion_figure_ns;
    enum rc opinion; /* RC_OK: it is there and does not contradict, or none is wanted */
    enum rc fault, warning;
    int64_t fault_ns, warning_ns;
};

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t subtract(int64_t a, int64_t b)
{
    int64_t difference;

    return !__builtin_sub_overflow(a, b, &difference) ? difference : a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t distance(int64_t a, int64_t b)
{
    const int64_t d = subtract(a, b);

    return d == INT64_MIN ? INT64_MAX : d < 0 ? -d : d;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t floor_s(int64_t ns)
{
    return ns / SECOND - (ns % SECOND < 0);
}

static bool is_leap(enum clockpage_leap leap)
{
    return leap == CLOCKPAGE_LEAP_INSERT || leap == CLOCKPAGE_LEAP_DELETE;
}

/* The first fault and the first warning are told. */
static void blame(struct judgement *j, enum rc rc, int64_t figure_ns)
{
    if (j->fault == RC_OK) {
        j->fault = rc;
        j->fault_ns = figure_ns;
    }
}

static void warn(struct judgement *j, enum rc rc, int64_t figure_ns)
{
    if (j->warning == RC_OK) {
        j->warning = rc;
        j->warning_ns = figure_ns;
    }
}

/* ---- rules ---- */

struct verdict_rules verdict_rules_of(const struct settings *settings, enum clockpage_proof proof)
{
    struct verdict_rules rules = {
        .max_step_ns = settings->clock.max_step,
        .max_age_ns = settings->clock.max_age,
        .tightest_ns = INT64_MAX,
        .wants_opinion = settings->clock.servers.num > 0 && settings->clock.source != SETTINGS_CLOCK_SNTP,
        .smeared = settings->clock.servers.num > 0 && settings_server(settings, 0)->smeared,
        .proof = proof,
    };

    for (size_t i = 0; i < settings_num_units(settings); i++) {
        const struct settings_unit *unit = settings_unit(settings, i);
        int64_t half = SECOND / 2, left;

        for (int64_t digit = 0; digit < unit->time_digits; digit++) {
            half /= 10;
        }
        left = unit->accuracy == 0 ? UNDECLARED_NS : larger(unit->accuracy - half, 0);
        rules.tightest_ns = left < rules.tightest_ns ? left : rules.tightest_ns;
        rules.loosest_ns = larger(rules.loosest_ns, left);
    }
    return rules;
}

void verdict_init(struct verdict *verdict, const struct verdict_rules *rules,
                  const struct clockpage_record *last)
{
    *verdict = (struct verdict){.rules = *rules, .heard_mono_ns = INT64_MIN};
    if (!last || last->epoch == 0) {
        return;
    }
    verdict->last = *last;
    verdict->anchor_ns = last->real_minus_mono_ns;
    verdict->high_ns = larger(last->base_ns, last->real_minus_mono_ns);
    verdict->low_ns = smaller(last->base_ns, last->real_minus_mono_ns);
    verdict->settled_mono_ns = last->sampled_mono_ns;
    verdict->was_away = last->state == CLOCKPAGE_STOP && last->reason == RC_CLOCK_UNKNOWN;
    /* Servers that contradicted must agree before it is over; silent ones have been so for as long as was told. */
    verdict->is_contradicted =
        rules->wants_opinion && last->state == CLOCKPAGE_STOP && last->reason == RC_CLOCK_DISAGREES;
    if (rules->wants_opinion && last->reason == RC_CLOCK_UNCONFIRMED && last->figure_ns >= 0) {
        verdict->bad_opinion_since = last->sampled_mono_ns - last->figure_ns;
    }
}

/* ---- what moved: the clock, or UTC ---- */

/* Does the source's knowledge rest on a measurement that was surely begun after everything had come to rest? */
static bool is_measured_since(const struct verdict *v, const struct timesrc_sample *s)
{
    const int64_t rest = add(v->settled_mono_ns, EXCHANGE_NS);
    const int64_t back = subtract(v->high_ns, s->real_minus_mono_ns);
    int64_t doubt;

    if (s->rc != RC_OK) {
        return false;
    }
    if (s->measured_mono_ns < 0) {
        return s->measurement != v->last.measurement && v->heard_mono_ns >= rest;
    }
    /* Its age is told by the clock that was set (one from before a step back seems to be younger than it is), or by one that nobody slews. */
    doubt = s->explains_steps ? subtract(s->mono_ns, s->measured_mono_ns) / MOST_SLEW
                              : add(back > NOTICED_NS ? 0 : back, larger(s->bound_ns, 0));
    return subtract(s->measured_mono_ns, larger(doubt, 0)) >= rest;
}

static void unsettle(struct verdict *v, int64_t mono_ns, int64_t real_minus_mono_ns)
{
    v->settled_mono_ns = larger(v->settled_mono_ns, mono_ns);
    v->anchor_ns = real_minus_mono_ns;
    v->num_measured = 0;
}

/* The midnight around which a leap second is announced by somebody, or feared; 0 = none. */
static int64_t find_leap(const struct verdict *v, const struct judgement *j, enum clockpage_leap *out_list)
{
    const struct timesrc_sample *opinion = j->input->opinion;
    const int64_t now = j->now_s, held = v->last.leap_at;
    int64_t at = 0;

    *out_list = CLOCKPAGE_LEAP_NONE;
    if (now <= 0) {
        return 0;
    }
    *out_list = leaplist_near(j->input->leaps, now, &at);
    if (held != 0 && held - DAY_S <= now && now < held + LEAP_REMEMBER_S) {
        *out_list = at == held ? *out_list : CLOCKPAGE_LEAP_NONE;
        return held;
    }
    if (*out_list != CLOCKPAGE_LEAP_NONE) {
        return at;
    }
    if (is_leap(j->input->sample->leap) || (opinion && opinion->rc == RC_OK && is_leap(opinion->leap))) {
        return (now / DAY_S + 1) * DAY_S;
    }
    return 0;
}

/* Both announce it: what the clock does at that midnight is known. */
static int64_t expected_ns(const struct verdict *v, const struct judgement *j, int64_t leap_at,
                           enum clockpage_leap list)
{
    const enum clockpage_leap source = j->input->sample->leap;
    const int64_t last = add(v->last.sampled_mono_ns, v->last.real_minus_mono_ns);

    if (!is_leap(list) || j->sample->explains_steps || v->last.epoch == 0 || last >= leap_at * SECOND ||
        (source != list && v->last.leap != (uint32_t)list)) {
        return 0;
    }
    return list == CLOCKPAGE_LEAP_INSERT ? -SECOND : SECOND;
}

static void pass_leap(struct verdict *v, const struct judgement *j, int64_t leap_at, int64_t expected)
{
    const struct timesrc_sample *s = j->sample;
    const int64_t real = s->mono_ns + s->real_minus_mono_ns, midnight = leap_at * SECOND;
    const int64_t moved = subtract(s->real_minus_mono_ns, v->last.real_minus_mono_ns);
    const bool is_done = expected != 0 && distance(real, midnight) <= LEAP_SLACK_NS &&
                         distance(moved, expected) <= v->rules.max_step_ns;

    if (v->leap_done == leap_at || (!is_done && real < midnight)) {
        return;
    }
    v->leap_done = leap_at;
    v->leap_mono_ns = midnight - s->real_minus_mono_ns;
    unsettle(v, larger(v->leap_mono_ns, v->last.epoch != 0 ? v->last.sampled_mono_ns : 0),
             s->real_minus_mono_ns);
    v->doubt_ns = expected == 0 ? SECOND : 0;
    v->low_ns = add(v->low_ns, expected); /* UTC has moved, whether the clock has or not */
    v->high_ns = add(v->high_ns, expected);
}

static void track(struct verdict *v, const struct judgement *j)
{
    const struct timesrc_sample *s = j->sample;

    if (v->last.epoch == 0) {
        v->last.real_minus_mono_ns = v->anchor_ns = v->low_ns = v->high_ns = s->real_minus_mono_ns;
    } else if (subtract(s->mono_ns, v->last.sampled_mono_ns) > CLOCKPAGE_LIFE_NS && !s->explains_steps &&
               s->measurement != v->last.measurement) {
        v->was_away = true;
        unsettle(v, s->mono_ns, s->real_minus_mono_ns);
    }
    if (distance(s->real_minus_mono_ns, v->anchor_ns) > NOISE_NS) {
        unsettle(v, s->mono_ns, s->real_minus_mono_ns);
    }
}

/* All that the clock was set to since may have been what was measured: also where it was set back to what it was before.
 * A daemon that was not told of a step takes its first sample for a bad one among many good ones, and says less of it than is true. */
static void measure(struct verdict *v, const struct judgement *j)
{
    const struct timesrc_sample *s = j->sample;

    if (is_measured_since(v, s) && (v->num_measured == 0 || s->measurement != v->counted)) {
        v->counted = s->measurement;
        v->num_measured++;
    }
    if (v->num_measured >= (s->explains_steps ? 1 : VERDICT_NUM_MEASURED)) {
        v->doubt_ns = 0;
        v->was_away = false;
        if (distance(v->high_ns, v->low_ns) > NOISE_NS) {
            v->low_ns = v->high_ns = v->anchor_ns;
        }
    }
    if (s->explains_steps) {
        v->low_ns = v->high_ns = s->real_minus_mono_ns;
    }
    v->low_ns = smaller(v->low_ns, s->real_minus_mono_ns);
    v->high_ns = larger(v->high_ns, s->real_minus_mono_ns);
}

/* The end of what REALTIME - MONOTONIC may have been at the measurement that is further from what it is now. */
static int64_t base_of(const struct verdict *v, const struct timesrc_sample *s)
{
    const int64_t now = s->real_minus_mono_ns;

    return distance(now, v->low_ns) > distance(now, v->high_ns) ? v->low_ns : v->high_ns;
}

static void judge_moves(const struct verdict *v, struct judgement *j)
{
    const struct timesrc_sample *s = j->sample;
    const int64_t before = s->explains_steps ? v->last.real_minus_mono_ns : base_of(v, s);
    const int64_t step = distance(s->real_minus_mono_ns, before);

    if (v->was_away) {
        blame(j, RC_CLOCK_UNKNOWN, -1);
    }
    if (step > v->rules.max_step_ns) {
        blame(j, RC_CLOCK_STEPPED, step);
    }
    if (v->doubt_ns > v->rules.max_step_ns) {
        blame(j, RC_CLOCK_LEAP, v->doubt_ns);
    }
}

/* ---- the opinion ---- */

/* Of a clock that smears, all that is said may be off by what is spread. */
static int64_t smear_ns(const struct verdict *v, const struct judgement *j)
{
    bool near = false;
    int64_t at;

    for (int64_t reach = -SMEAR_REACH_S; v->rules.smeared && reach <= SMEAR_REACH_S; reach += SMEAR_REACH_S) {
        near = near || leaplist_near(j->input->leaps, j->now_s + reach, &at) != CLOCKPAGE_LEAP_NONE;
    }
    return near ? SECOND : 0;
}

static int64_t source_bound(const struct verdict *v, const struct judgement *j)
{
    const struct timesrc_sample *s = j->sample;
    const int64_t change = add(distance(s->real_minus_mono_ns, base_of(v, s)), v->doubt_ns);

    return s->bound_ns < 0 ? -1 : add(add(s->bound_ns, change), smear_ns(v, j));
}

static int64_t drift_of(const struct timesrc_sample *s)
{
    return s->drift_ppb < 0 ? 0 : s->drift_ppb > SECOND ? SECOND : s->drift_ppb;
}

/* The two were asked at different moments: between them the source's bound has grown, and the clock may have been set, or slewed. */
static bool contradicts(const struct verdict *v, const struct judgement *j)
{
    const struct timesrc_sample *opinion = j->input->opinion, *s = j->sample;
    const int64_t apart = distance(opinion->mono_ns, s->mono_ns);
    const int64_t apart_ms = (apart < HOUR_NS ? apart : HOUR_NS) / 1000000 + 1;
    const int64_t grown = apart_ms * (drift_of(s) + drift_of(opinion)) / 1000;
    const int64_t moved = add(distance(opinion->real_minus_mono_ns, s->real_minus_mono_ns),
                              distance(opinion->mono_minus_raw_ns, s->mono_minus_raw_ns));
    const int64_t allowed = add(add(source_bound(v, j), grown), moved);

    return s != opinion && s->rc == RC_OK && s->bound_ns >= 0 && opinion->least_ns > allowed;
}

static enum rc opinion_of(const struct verdict *v, struct judgement *j)
{
    const struct timesrc_sample *opinion = j->input->opinion;

    if (!v->rules.wants_opinion) {
        return RC_OK;
    }
    if (!opinion) {
        return RC_CLOCK_UNREACHABLE;
    }
    j->opinion_figure_ns = opinion->figure_ns;
    if (opinion->rc != RC_OK) {
        return opinion->rc;
    }
    if (v->leap_done != 0 && !v->rules.smeared && opinion->measured_mono_ns >= 0 &&
        opinion->measured_mono_ns < v->leap_mono_ns + EXCHANGE_NS &&
        j->now_s < v->leap_done + LEAP_REMEMBER_S) {
        return RC_CLOCK_OLD; /* of before the leap second */
    }
    j->opinion_figure_ns = opinion->least_ns;
    return contradicts(v, j) ? RC_CLOCK_DISAGREES : RC_OK;
}

static void judge_opinion(struct verdict *v, struct judgement *j)
{
    const int64_t now = j->record->sampled_mono_ns;
    int64_t missed;

    j->opinion = opinion_of(v, j);
    if (j->opinion == RC_OK) {
        v->bad_opinion_since = 0;
        v->is_contradicted = false;
        return;
    }
    v->is_contradicted = v->is_contradicted || j->opinion == RC_CLOCK_DISAGREES;
    v->bad_opinion_since = v->bad_opinion_since == 0 ? now : v->bad_opinion_since;
    missed = larger(now - v->bad_opinion_since, 0);
    if (v->is_contradicted) {
        blame(j, RC_CLOCK_DISAGREES, j->opinion == RC_CLOCK_DISAGREES ? j->opinion_figure_ns : -1);
    } else if (j->opinion == RC_CLOCK_UNKNOWN && (v->last.epoch == 0 || v->last.state == CLOCKPAGE_UNKNOWN)) {
        blame(j, RC_CLOCK_UNKNOWN, -1); /* it is being asked for the first time: a moment's patience */
    } else if (missed > v->rules.max_age_ns) {
        blame(j, RC_CLOCK_UNCONFIRMED, missed); /* the source itself may be all right */
    } else {
        warn(j, RC_CLOCK_UNCONFIRMED, missed);
    }
}

/* ---- age and bound ---- */

static void judge_age(const struct verdict *v, struct judgement *j)
{
    const int64_t age = larger(subtract(j->sample->mono_ns, j->sample->measured_mono_ns), 0);

    if (j->sample->measured_mono_ns < 0) {
        return;
    }
    if (age > v->rules.max_age_ns) {
        blame(j, RC_CLOCK_OLD, age);
    } else if (age > v->rules.max_age_ns / 2) {
        warn(j, RC_CLOCK_OLD, age);
    }
}

static void judge_bound(const struct verdict *v, struct judgement *j)
{
    const int64_t bound = j->record->bound_ns;

    if (bound < 0 || bound > v->rules.loosest_ns) {
        blame(j, RC_CLOCK_BOUND, bound);
    } else if (bound > v->rules.tightest_ns / 2) {
        warn(j, RC_CLOCK_BOUND, bound);
    }
}

/* ---- the record ---- */

/* STOP is left by several good records in a row, UNKNOWN by one. */
static void conclude(const struct verdict *v, const struct judgement *j)
{
    const struct clockpage_record *last = &v->last;
    const uint32_t state = last->epoch == 0 ? CLOCKPAGE_UNKNOWN : last->state;
    struct clockpage_record *r = j->record;

    r->figure_ns = -1;
    if (j->fault != RC_OK) {
        r->state =
            j->fault == RC_CLOCK_UNKNOWN && state == CLOCKPAGE_UNKNOWN ? CLOCKPAGE_UNKNOWN : CLOCKPAGE_STOP;
        r->reason = j->fault;
        r->figure_ns = j->fault_ns;
    } else if (state == CLOCKPAGE_STOP && last->num_good + 1 < VERDICT_NUM_GOOD) {
        r->state = CLOCKPAGE_STOP;
        r->reason = last->reason;
        r->figure_ns = last->figure_ns;
        r->num_good = last->num_good + 1;
    } else {
        r->state = j->warning == RC_OK ? CLOCKPAGE_SYNC : CLOCKPAGE_WARN;
        r->reason = j->warning;
        r->figure_ns = j->warning == RC_OK ? -1 : j->warning_ns;
    }
}

static struct clockpage_record start_record(const struct verdict *v, const struct judgement *j)
{
    const struct timesrc_sample *s = j->sample;
    const bool heard = s->rc == RC_OK, proven = v->rules.proof == CLOCKPAGE_PROVEN;
    struct clockpage_record r = {
        .epoch = v->last.epoch + 1,
        .sampled_mono_ns = s->mono_ns,
        .expires_mono_ns = s->mono_ns + CLOCKPAGE_LIFE_NS,
        .real_minus_mono_ns = s->real_minus_mono_ns,
        .mono_minus_raw_ns = s->mono_minus_raw_ns,
        .measurement = heard || v->last.epoch == 0 ? s->measurement : v->last.measurement,
        .measured_mono_ns = heard || v->last.epoch == 0 ? s->measured_mono_ns : v->last.measured_mono_ns,
        .bound_ns = s->bound_ns,
        .drift_ppb = add(s->drift_ppb, proven && !s->explains_steps ? SLEW_PPB : 0),
        .proven = (uint32_t)v->rules.proof,
        .leap = (uint32_t)j->input->sample->leap,
        .stratum = s->stratum,
    };

    memcpy(r.reference, s->reference, sizeof(r.reference));
    return r;
}

/* A record tells of a leap second until a moment after it, or until nobody doubts any more. None that is older than the leap second outlives it: what it
 * says is of before. */
static void mark_leap(struct clockpage_record *r, int64_t leap_at, bool smeared, bool doubted)
{
    const int64_t midnight_mono = subtract(leap_at * SECOND, r->real_minus_mono_ns);

    if (leap_at == 0 || (!doubted && r->sampled_mono_ns >= midnight_mono + LEAP_HOLD_S * SECOND)) {
        return;
    }
    r->leap_at = leap_at;
    if (!smeared && r->sampled_mono_ns < midnight_mono && r->expires_mono_ns > midnight_mono + SECOND) {
        r->expires_mono_ns = midnight_mono + SECOND;
    }
}

/* The host is believed; what is announced publicly counts nevertheless. */
static void judge_trusted(struct verdict *v, struct judgement *j)
{
    int64_t at = 0;

    *j->record = start_record(v, j);
    j->record->base_ns = j->sample->real_minus_mono_ns;
    if (j->sample->rc != RC_OK) {
        blame(j, j->sample->rc, j->sample->figure_ns);
    }
    if (v->rules.proof == CLOCKPAGE_TRUSTED && j->now_s > 0 &&
        is_leap(leaplist_near(j->input->leaps, j->now_s, &at))) {
        mark_leap(j->record, at, true, false);
    }
}

static void judge_proof(struct verdict *v, struct judgement *j)
{
    enum clockpage_leap list;
    const int64_t leap_at = find_leap(v, j, &list);

    *j->record = start_record(v, j);
    track(v, j);
    if (leap_at != 0 && !v->rules.smeared) {
        pass_leap(v, j, leap_at, expected_ns(v, j, leap_at, list));
    }
    if (j->sample->rc != RC_OK) {
        blame(j, j->sample->rc, j->sample->figure_ns);
    }
    measure(v, j);
    judge_moves(v, j);
    j->record->base_ns = base_of(v, j->sample);
    j->record->bound_ns = source_bound(v, j);
    mark_leap(j->record, leap_at, v->rules.smeared, v->doubt_ns != 0);
    judge_opinion(v, j);
    judge_age(v, j);
    judge_bound(v, j);
    if (j->sample->rc == RC_OK) {
        v->heard_mono_ns = j->sample->mono_ns;
    }
}

void verdict_judge(struct verdict *verdict, const struct verdict_input *input, struct clockpage_record *out)
{
    struct judgement j = {
        .input = input, .sample = input->sample, .record = out, .fault_ns = -1, .opinion_figure_ns = -1};

    /* The kernel may be synchronised and not know how well: then the servers tell. */
    if (verdict->rules.wants_opinion && input->opinion && input->sample->rc == RC_OK &&
        input->sample->bound_ns < 0) {
        j.sample = input->opinion;
    }
    j.now_s = floor_s(add(j.sample->mono_ns, j.sample->real_minus_mono_ns));
    (verdict->rules.proof == CLOCKPAGE_PROVEN ? judge_proof : judge_trusted)(verdict, &j);
    conclude(verdict, &j);
    verdict->last = *out;
}
