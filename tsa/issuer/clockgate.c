/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two questions. Is the clock all right? What is wrong with it is latched for all threads, but a leap second, which ends by itself. And may this
 * token be made now: not before the last one, not within a leap second, not with a claim that the proof does not carry. Sums are held at the
 * end of their type, so that an absurd record makes an absurd bound and not a small one.
 */
#include "tsa/issuer/clockgate.h"

#include "tsa/base/now.h"
#include "tsa/role/labtime.h"

#define SECOND    INT64_C(1000000000)
#define DAY       (86400 * SECOND)
#define LATEST    (INT64_MAX - DAY)
#define DRIFT_MAX SECOND /* parts per 10^9: a clock that gains a second each second is none */
/* Around midnight UTC of a day that ends with an announced leap second: the larger one of these. */
#define LEAP_NEAR   (11 * SECOND / 10)
#define LEAP_BESIDE (SECOND / 10) /* beside the accuracy */
#define LOOKS       3             /* before something is called wrong */

void clockgate_common_init(struct clockgate_common *common, int64_t max_step_ns)
{
    *common = (struct clockgate_common){.max_step_ns = max_step_ns, .figure_ns = -1, .sampled_mono_ns = -1};
    (void)pthread_mutex_init(&common->lock, NULL);
}

void clockgate_common_clear(struct clockgate_common *common)
{
    (void)pthread_mutex_destroy(&common->lock);
}

void clockgate_init(struct clockgate *gate, const struct clockpage *page, struct clockgate_common *common)
{
    *gate = (struct clockgate){.page = page, .common = common};
}

/* ---- numbers ---- */

static int64_t ns_of(struct gentime t)
{
    return gentime_diff_ns(t, (struct gentime){0});
}

static struct gentime time_of(int64_t ns)
{
    return gentime_add_ns((struct gentime){0}, ns);
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference;

    return __builtin_sub_overflow(a, b, &difference) ? (a < 0 ? INT64_MIN : INT64_MAX) : difference;
}

static int64_t magnitude(int64_t n)
{
    return n == INT64_MIN ? INT64_MAX : n < 0 ? -n : n;
}

static int64_t larger(int64_t a, int64_t b)
{
    return magnitude(a) < magnitude(b) ? b : a;
}

static void raise_to(_Atomic int64_t *last_ns, int64_t ns)
{
    int64_t last = atomic_load(last_ns);

    while (last < ns && !atomic_compare_exchange_weak(last_ns, &last, ns)) {
    }
}

void clockgate_raise(struct clockgate_common *common, struct gentime t)
{
    raise_to(&common->last_ns, ns_of(t));
}

void clockgate_lower(struct clockgate_common *common, int64_t from_ns, struct gentime t)
{
    (void)atomic_compare_exchange_strong(&common->last_ns, &from_ns, ns_of(t));
}

/* ---- one look at the clock ---- */

struct look {
    const struct clockpage_record *record; /* NULL: there is none yet */
    struct gentime real;
    int64_t now, raw, before,
        mono;      /* REALTIME, MONOTONIC_RAW, and MONOTONIC before and after they were read */
    int64_t bound; /* E; INT64_MAX = unknown */
    enum rc rc;    /* what is wrong with the clock, and its figure */
    int64_t figure_ns;
    bool is_mending;  /* it is stopped still, but this record was good */
    bool is_ignorant; /* nothing is known, rather than something bad */
};

/* A record that was caught in the middle of a write is no reason to refuse: the one before it says when it ends. */
static const struct clockpage_record *newest(struct clockgate *gate)
{
    struct clockpage_record record;

    if (clockpage_read(gate->page, &record)) {
        gate->record = record;
        gate->has_record = true;
    }
    return gate->has_record ? &gate->record : NULL;
}

static bool is_alive(const struct clockpage_record *r, int64_t mono)
{
    return r->sampled_mono_ns <= mono && mono < r->expires_mono_ns && r->sampled_mono_ns >= 0 &&
           r->expires_mono_ns - r->sampled_mono_ns <= CLOCKPAGE_LIFE_NS;
}

/* REALTIME - MONOTONIC now against then. A thread can lose the processor between two clocks: the larger difference counts. */
static int64_t change_since(const struct look *l, int64_t then)
{
    return larger(minus(minus(l->now, l->mono), then), minus(minus(l->now, l->before), then));
}

/* What a time service has slewed since the sample: REALTIME and MONOTONIC go together then, and only the clock that nobody slews shows it. */
static int64_t slewed_since(const struct look *l)
{
    const int64_t then = l->record->mono_minus_raw_ns;

    return larger(minus(minus(l->mono, l->raw), then), minus(minus(l->before, l->raw), then));
}

static int64_t bound_of(const struct look *l)
{
    const struct clockpage_record *r = l->record;
    const int64_t change = add(magnitude(change_since(l, r->real_minus_mono_ns)), magnitude(slewed_since(l)));

    if (r->bound_ns < 0 || r->drift_ppb > DRIFT_MAX || change == INT64_MAX) {
        return INT64_MAX;
    }
    /* The age is at most CLOCKPAGE_LIFE_NS. */
    return add(add(r->bound_ns, (l->mono - r->sampled_mono_ns) * r->drift_ppb / SECOND + 1), change);
}

/* How far the clock was set, against the last sample or against the last measurement; 0 = no further than it may. */
static int64_t step_of(const struct look *l, int64_t max_step_ns)
{
    const int64_t change = change_since(l, l->record->real_minus_mono_ns);
    const int64_t whole = change_since(l, l->record->base_ns);

    return magnitude(change) > max_step_ns ? change : magnitude(whole) > max_step_ns ? whole : 0;
}

/* The midnight of a leap second that is announced or feared; 0 = none. */
static int64_t leap_of(const struct clockpage_record *r, int64_t now)
{
    const bool announced = r->leap == CLOCKPAGE_LEAP_INSERT || r->leap == CLOCKPAGE_LEAP_DELETE;
    int64_t at;

    if (r->leap_at > 0 && !__builtin_mul_overflow(r->leap_at, SECOND, &at) &&
        magnitude(minus(now, at)) < DAY / 2) {
        return at;
    }
    return announced ? add(now, DAY / 2) / DAY * DAY : 0;
}

/* Also where the record is from before it: it proves nothing of the clock behind it. */
static bool is_near_leap(const struct clockpage_record *r, int64_t now, int64_t window)
{
    const int64_t at = leap_of(r, now);
    const int64_t sampled = add(r->sampled_mono_ns, r->real_minus_mono_ns);

    return at != 0 && ((now >= minus(at, window) && now < add(at, window)) || (sampled < at && now >= at));
}

static void find(struct look *l, enum rc rc, int64_t figure_ns)
{
    l->rc = rc;
    l->figure_ns = figure_ns;
}

/* What the record says of itself. */
static void judge_record(struct look *l, bool lab_time)
{
    const struct clockpage_record *r = l->record;
    const enum rc reason = r && r->reason != RC_OK ? (enum rc)r->reason : RC_CLOCK_UNKNOWN;

    if (!r || (r->proven == CLOCKPAGE_LAB_TIME) != lab_time) {
        l->is_ignorant = true;
        find(l, RC_CLOCK_UNKNOWN, -1);
    } else if (!is_alive(r, l->mono)) {
        l->is_ignorant = true;
        find(l, RC_CLOCK_STALE, r->sampled_mono_ns <= l->mono ? minus(l->mono, r->sampled_mono_ns) : -1);
    } else if (r->state == CLOCKPAGE_UNKNOWN || r->state == CLOCKPAGE_STOP) {
        l->is_ignorant = r->state == CLOCKPAGE_UNKNOWN;
        l->is_mending = r->num_good > 0;
        find(l, reason, r->figure_ns);
    } else if (l->now <= 0 || l->now > LATEST) { /* 1970, 2262: what can not be counted with */
        find(l, RC_CLOCK_UNSYNCHRONISED, -1);
    }
}

/* What it says of the clock as it is now. */
static void judge_clock(struct look *l, int64_t max_step_ns, int64_t window)
{
    const int64_t step = l->record->proven == CLOCKPAGE_PROVEN ? step_of(l, max_step_ns) : 0;

    if (is_near_leap(l->record, l->now, window)) {
        find(l, RC_CLOCK_LEAP, magnitude(minus(l->now, leap_of(l->record, l->now))));
    } else if (step != 0) {
        find(l, RC_CLOCK_STEPPED, step);
    } else if (l->record->proven == CLOCKPAGE_PROVEN && l->bound == INT64_MAX) {
        find(l, RC_CLOCK_BOUND, -1);
    }
}

static void look(struct clockgate *gate, int64_t window, struct look *l)
{
    *l = (struct look){.record = newest(gate), .before = now_mono_ns(), .bound = INT64_MAX, .figure_ns = -1};
    l->real = now_real();
    l->raw = now_raw_ns();
    l->mono = now_mono_ns();
    l->now = ns_of(l->real);
    judge_record(l, gate->common->lab_time);
    if (l->rc == RC_OK) {
        l->bound = bound_of(l);
        judge_clock(l, gate->common->max_step_ns, window);
    }
}

/* ---- what is latched ---- */

static bool is_newer(const struct clockgate_common *c, const struct clockpage_record *r)
{
    return r && r->epoch != c->epoch && r->sampled_mono_ns > c->sampled_mono_ns;
}

static void remember(struct clockgate_common *c, const struct clockpage_record *r)
{
    if (is_newer(c, r)) {
        c->epoch = r->epoch;
        c->sampled_mono_ns = r->sampled_mono_ns;
    }
}

static void latch(struct clockgate_common *c, const struct look *l)
{
    if (atomic_load(&c->latched) != (uint32_t)l->rc) {
        c->since = l->real;
        atomic_store(&c->latched, (uint32_t)l->rc);
    }
    c->figure_ns = l->figure_ns;
}

static void count(struct clockgate_common *c, const struct look *l)
{
    if (l->is_mending && atomic_load(&c->latched) == RC_OK) {
        latch(c, l);
        c->num_good = l->record->num_good;
    } else if (is_newer(c, l->record)) {
        c->num_good++;
    }
    remember(c, l->record);
    if (l->rc == RC_OK && c->num_good >= CLOCKGATE_NUM_GOOD) {
        atomic_store(&c->latched, RC_OK);
    }
}

static void settle_locked(struct clockgate_common *c, struct look *l)
{
    if (l->rc == RC_OK || l->is_mending) {
        count(c, l);
    } else if (l->rc != RC_CLOCK_LEAP) {
        latch(c, l);
        c->num_good = 0;
        remember(c, l->record);
    }
    if (atomic_load(&c->latched) != RC_OK) {
        find(l, (enum rc)atomic_load(&c->latched), c->figure_ns);
    }
}

/* From what one look has found to what holds for all; returns since when (sec 0: it is not latched). */
static struct gentime settle(struct clockgate_common *c, struct look *l)
{
    const bool open = atomic_load(&c->latched) == RC_OK, known = atomic_load(&c->known);
    struct gentime since = {0};

    if (l->rc == RC_OK && !known) {
        atomic_store(&c->known, true);
    }
    if (open && (l->rc == RC_OK || l->rc == RC_CLOCK_LEAP || (l->is_ignorant && !known))) {
        return since;
    }
    (void)pthread_mutex_lock(&c->lock);
    settle_locked(c, l);
    since = atomic_load(&c->latched) != RC_OK ? c->since : since;
    (void)pthread_mutex_unlock(&c->lock);
    return since;
}

/* ---- the gate ---- */

static int64_t age_of(const struct look *l)
{
    const int64_t then = l->record ? l->record->measured_mono_ns : -1;

    return then >= 0 && then <= l->mono ? l->mono - then : -1;
}

/* Whoever writes the clock file, perhaps without knowing: what a lab's clock shows is nobody's evidence. */
static enum clockpage_proof proof_of(const struct clockpage_record *r)
{
    if (labtime_started()->kind != LABTIME_NONE) {
        return CLOCKPAGE_LAB_TIME;
    }
    return r ? (enum clockpage_proof)r->proven : CLOCKPAGE_TRUSTED;
}

static void fill(const struct look *l, struct gentime about, struct clockgate_time *out)
{
    const struct clockpage_record *r = l->record;
    const int64_t leap = l->rc == RC_CLOCK_LEAP ? leap_of(r, l->now) : 0;

    *out = (struct clockgate_time){
        .now = l->real,
        .time = l->real,
        .bound_ns = r && r->proven == CLOCKPAGE_PROVEN && l->bound != INT64_MAX ? l->bound : -1,
        .age_ns = age_of(l),
        .proof = proof_of(r),
        .reference = r ? r->reference : "",
        .figure_ns = l->figure_ns,
        .about = leap ? time_of(leap) : about,
    };
}

static enum rc refuse(struct clockgate_time *out, enum rc rc, int64_t figure_ns)
{
    out->figure_ns = figure_ns;
    return rc;
}

/* The floor was read before the clock: another thread's later reading can not overtake this one. */
static enum rc check_floor(int64_t floor, struct clockgate_time *out)
{
    const int64_t now = ns_of(out->now);

    if (now >= floor) {
        return RC_OK;
    }
    out->about = time_of(floor);
    return refuse(out, RC_CLOCK_BACKWARDS, minus(floor, now));
}

static int64_t allowed(const struct clockgate_claim *claim)
{
    return add(claim->accuracy_ns, claim->rounding_ns);
}

/* What stands in the token is off by the bound and by the difference to the reading. */
static int64_t error_of(const struct clockgate_time *t)
{
    return t->bound_ns < 0 ? -1 : add(t->bound_ns, magnitude(gentime_diff_ns(t->time, t->now)));
}

static bool carries(const struct clockgate_claim *claim, const struct clockgate_time *t)
{
    return t->proof != CLOCKPAGE_PROVEN || claim->accuracy_ns == 0 || error_of(t) <= allowed(claim);
}

static int64_t window_of(const struct clockgate_claim *claim)
{
    const int64_t beside = add(allowed(claim), LEAP_BESIDE);

    return (beside > LEAP_NEAR ? beside : LEAP_NEAR) + (claim->order ? CLOCKGATE_AHEAD_NS : 0);
}

/* The genTime as it is rounded can be near a leap second where the reading is not. */
static void judge_rounding(struct look *l, const struct clockgate_claim *claim)
{
    const int64_t time = ns_of(gentime_round(l->real, claim->time_digits));

    if (l->rc == RC_OK && is_near_leap(l->record, time, window_of(claim))) {
        find(l, RC_CLOCK_LEAP, magnitude(minus(l->now, leap_of(l->record, l->now))));
    }
}

/* A thread can lose the processor at any point, between the record and the clock, too: what looks wrong is looked at again before it is said. A clock that looked
 * right once, though the claim is not carried, is not made wrong by a worse look. */
static void look_for(struct clockgate *gate, const struct clockgate_claim *claim, struct look *l)
{
    struct clockpage_record record;

    for (int i = 0; i < LOOKS; i++) {
        struct clockgate_time t;
        struct look again;

        look(gate, window_of(claim), &again);
        judge_rounding(&again, claim);
        if (i == 0 || l->rc != RC_OK || again.rc == RC_OK || again.rc == RC_CLOCK_LEAP) {
            *l = again;
        } else {
            gate->record = record; /* which the better look was at */
        }
        fill(l, (struct gentime){0}, &t);
        t.time = gentime_round(l->real, claim->time_digits);
        if (l->rc == RC_CLOCK_LEAP || (l->rc == RC_OK && carries(claim, &t))) {
            return;
        }
        record = gate->record;
    }
}

static int64_t unit_of(unsigned digits)
{
    int64_t unit = SECOND;

    while (digits-- > 0) {
        unit /= 10;
    }
    return unit;
}

/* The genTime as it would stand in the token. */
static enum rc check_time(const struct clockgate_claim *claim, struct clockgate_time *out)
{
    if (!carries(claim, out)) {
        return refuse(out, RC_CLOCK_BOUND, error_of(out));
    }
    return claim->unit ? unit_check_time(claim->unit, out->time) : RC_OK;
}

/* The next genTime that this unit has not written yet. */
static enum rc take_turn(const struct clockgate_claim *claim, struct clockgate_time *out)
{
    const int64_t unit = unit_of(claim->time_digits), now = ns_of(out->now), rounded = ns_of(out->time);
    int64_t last = atomic_load(&claim->order->last_ns), next;
    enum rc rc;

    do {
        next = rounded > last ? rounded : (last / unit + 1) * unit;
        if (next != rounded && next - now > CLOCKGATE_AHEAD_NS) {
            return refuse(out, RC_OVERLOADED, next - now);
        }
        out->time = time_of(next);
        rc = check_time(claim, out);
        if (rc != RC_OK) {
            return rc;
        }
    } while (!atomic_compare_exchange_weak(&claim->order->last_ns, &last, next));
    return RC_OK;
}

static enum rc write_time(const struct clockgate_claim *claim, struct clockgate_time *out)
{
    out->time = gentime_round(out->now, claim->time_digits);
    return claim->order ? take_turn(claim, out) : check_time(claim, out);
}

enum rc clockgate_pass(struct clockgate *gate, const struct clockgate_claim *claim,
                       struct clockgate_time *out)
{
    struct clockgate_common *c = gate->common;
    const int64_t floor = atomic_load(&c->last_ns);
    struct look l;
    enum rc rc;

    look_for(gate, claim, &l);
    fill(&l, settle(c, &l), out);
    rc = l.rc;
    if (rc == RC_OK) {
        rc = check_floor(floor, out);
    }
    if (rc == RC_OK) {
        rc = write_time(claim, out);
    }
    if (rc == RC_OK) {
        raise_to(&c->last_ns, l.now);
    }
    return rc;
}

void clockgate_watch(struct clockgate *gate, struct clockgate_state *out)
{
    static const struct clockgate_claim nothing = {.time_digits = 9};
    const int64_t floor = atomic_load(&gate->common->last_ns);
    struct look l;

    look_for(gate, &nothing, &l);
    *out = (struct clockgate_state){.state = CLOCKPAGE_STOP};
    fill(&l, settle(gate->common, &l), &out->time);
    out->reason = l.rc;
    if (l.rc == RC_OK) {
        out->reason = check_floor(floor, &out->time);
        out->ahead_ns = out->reason == RC_OK ? 0 : out->time.figure_ns;
    }
    if (out->reason == RC_OK) {
        out->state = (enum clockpage_state)l.record->state;
        out->reason = out->state == CLOCKPAGE_WARN ? (enum rc)l.record->reason : RC_OK;
        out->time.figure_ns = out->state == CLOCKPAGE_WARN ? l.record->figure_ns : -1;
    } else if (l.is_ignorant && !atomic_load(&gate->common->known)) {
        out->state = CLOCKPAGE_UNKNOWN;
    }
}

enum rc clockgate_check(struct clockgate *gate)
{
    struct clockgate_state state;

    clockgate_watch(gate, &state);
    return state.state == CLOCKPAGE_SYNC || state.state == CLOCKPAGE_WARN ? RC_OK : state.reason;
}
