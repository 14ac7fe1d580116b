/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks, each a reason to refuse: a record that is missing, dead or from another boot; a clock that its keeper gave up; a leap second
 * that is near; a reading before the last token's; a claim that the proof does not carry. Sums are held at the end of their
 * type, so that an absurd record makes an absurd bound and not a small one.
 */
#include "tsa/issuer/clockgate.h"

#include "tsa/base/now.h"

#define SECOND    INT64_C(1000000000)
#define DAY       (86400 * SECOND)
#define DRIFT_MAX SECOND /* parts per 10^9: a clock that gains a second each second is none */
/* Around midnight UTC of a day that ends with an announced leap second. */
#define LEAP_BEFORE (11 * SECOND / 10)
#define LEAP_AFTER  (11 * SECOND / 10)

void clockgate_init(struct clockgate *gate, const struct clockpage *page, struct clockgate_floor *floor)
{
    *gate = (struct clockgate){.page = page, .floor = floor};
}

static int64_t ns_of(struct gentime t)
{
    return gentime_diff_ns(t, (struct gentime){0});
}

static void raise_to(struct clockgate_floor *floor, int64_t ns)
{
    int64_t last = atomic_load(&floor->last_ns);

    while (last < ns && !atomic_compare_exchange_weak(&floor->last_ns, &last, ns)) {
    }
}

void clockgate_raise(struct clockgate_floor *floor, struct gentime t)
{
    raise_to(floor, ns_of(t));
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t magnitude(int64_t n)
{
    return n == INT64_MIN ? INT64_MAX : n < 0 ? -n : n;
}

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
    return r->sampled_mono_ns <= mono && mono < r->expires_mono_ns &&
           r->expires_mono_ns - r->sampled_mono_ns <= CLOCKPAGE_LIFE_NS && r->sampled_mono_ns >= 0;
}

static bool is_near_leap(const struct clockpage_record *r, int64_t now)
{
    const int64_t of_day = now % DAY;

    return (r->leap == CLOCKPAGE_LEAP_INSERT || r->leap == CLOCKPAGE_LEAP_DELETE) &&
           (of_day < LEAP_AFTER || of_day >= DAY - LEAP_BEFORE);
}

static bool is_trusted(const struct clockpage_record *r, int64_t mono, int64_t now)
{
    return is_alive(r, mono) && (r->state == CLOCKPAGE_SYNC || r->state == CLOCKPAGE_WARN) && now > 0 &&
           !is_near_leap(r, now);
}

/* E; INT64_MAX where the record proves nothing that could be computed with. */
static int64_t bound_of(const struct clockpage_record *r, int64_t mono, int64_t now)
{
    const int64_t age = mono - r->sampled_mono_ns; /* at most CLOCKPAGE_LIFE_NS */
    int64_t step;

    if (r->bound_ns < 0 || r->drift_ppb > DRIFT_MAX ||
        __builtin_sub_overflow(now - mono, r->real_minus_mono_ns, &step)) {
        return INT64_MAX;
    }
    return add(add(r->bound_ns, age * r->drift_ppb / SECOND + 1), magnitude(step));
}

/* What stands in the token is off by the bound and by the rounding. */
static bool carries(struct clockgate_claim claim, const struct clockgate_time *t)
{
    const int64_t rounding = magnitude(gentime_diff_ns(t->time, t->now));

    return claim.accuracy_ns == 0 || add(t->bound_ns, rounding) <= claim.accuracy_ns;
}

enum rc clockgate_pass(struct clockgate *gate, struct clockgate_claim claim, struct clockgate_time *out)
{
    /* The floor is read before the clock: another thread's later reading can not overtake this one. */
    const int64_t floor = atomic_load(&gate->floor->last_ns);
    const struct clockpage_record *record = newest(gate);
    const int64_t mono = now_mono_ns();
    int64_t now;

    *out = (struct clockgate_time){.now = now_real(), .bound_ns = -1};
    now = ns_of(out->now);
    if (!record || !is_trusted(record, mono, now)) {
        return RC_CLOCK_UNTRUSTED;
    }
    if (now < floor) {
        return RC_CLOCK_BACKWARDS;
    }
    out->time = gentime_round(out->now, claim.time_digits);
    out->proven = record->proven == CLOCKPAGE_PROVEN;
    if (out->proven) {
        out->bound_ns = bound_of(record, mono, now);
        if (out->bound_ns == INT64_MAX || !carries(claim, out)) {
            return RC_CLOCK_UNTRUSTED;
        }
    }
    raise_to(gate->floor, now);
    return RC_OK;
}

enum rc clockgate_check(struct clockgate *gate)
{
    const int64_t floor = atomic_load(&gate->floor->last_ns);
    const struct clockpage_record *record = newest(gate);
    const int64_t mono = now_mono_ns(), now = ns_of(now_real());

    if (!record || !is_trusted(record, mono, now) ||
        (record->proven == CLOCKPAGE_PROVEN && bound_of(record, mono, now) == INT64_MAX)) {
        return RC_CLOCK_UNTRUSTED;
    }
    return now < floor ? RC_CLOCK_BACKWARDS : RC_OK;
}
