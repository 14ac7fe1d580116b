/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock gate over a simulated clock: dead and foreign records, steps to both sides, drift, rounding against the claim, leap seconds
 * millisecond by millisecond, and a clock that runs backwards.
 */
#include "tests/unit/tsa/issuer/gate_world.h"

static void test_pass(void **state)
{
    struct clockgate_time out;

    (void)state;
    advance(SECOND + 400 * MS + 123456);
    assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 1);
    assert_int_equal(out.time.nsec, 400 * MS);
    assert_int_equal(out.now.nsec, 400 * MS + 123456);
    assert_int_equal(out.proof, CLOCKPAGE_PROVEN);
    /* 1 ms and 10 ppm of 1.4 s, rounded up */
    assert_int_equal(out.bound_ns, MS + 14001 + 1);
    assert_int_equal(out.age_ns, 6400 * MS + 123456);
    assert_string_equal(out.reference, "test");
    assert_int_equal(out.figure_ns, -1);
    assert_int_equal(clockgate_check(&t.gate), RC_OK);
}

/* The host is trusted without proof: no bound, no age, no steps. */
static void test_unproven(void **state)
{
    static const uint32_t proofs[] = {CLOCKPAGE_TRUSTED, CLOCKPAGE_LAB_TIME};
    struct clockgate_time out;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sample();
        t.record.proven = proofs[i];
        t.record.bound_ns = t.record.measured_mono_ns = -1;
        publish();
        t.common.lab_time = proofs[i] != CLOCKPAGE_LAB_TIME;
        assert_int_equal(pass_with(0, MS, &out), RC_CLOCK_UNKNOWN); /* a clock role of another time */
        assert_int_equal(watch().state, CLOCKPAGE_UNKNOWN);
        t.common.lab_time = !t.common.lab_time;
        assert_int_equal(pass_with(0, MS, &out), RC_OK);
        assert_int_equal(out.proof, proofs[i]);
        assert_int_equal(out.bound_ns, -1);
        assert_int_equal(out.age_ns, -1);
        simulated.real += 3600 * SECOND;
        assert_int_equal(pass_with(0, MS, &out), RC_OK);
        simulated.real -= 2 * SECOND;
        assert_int_equal(pass_with(0, MS, &out), RC_CLOCK_BACKWARDS);
        simulated.real += 2 * SECOND;
        advance(CLOCKPAGE_LIFE_NS);
        assert_int_equal(pass_with(0, MS, &out), RC_CLOCK_STALE);
        forget();
    }
}

/* A fixed lab clock: it shows the same all the time. */
static void test_clock_that_stands_still(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.common.lab_time = true;
    for (int i = 0; i < 10; i++) {
        sample();
        t.record.proven = CLOCKPAGE_LAB_TIME;
        t.record.bound_ns = -1;
        publish();
        assert_int_equal(pass_with(0, SECOND, &out), RC_OK);
        assert_int_equal(out.time.sec, START);
        assert_int_equal(watch().state, CLOCKPAGE_SYNC);
        simulated.mono += SECOND;
    }
}

static void test_no_record_at_all(void **state)
{
    int fd = memfd_create("clock", MFD_CLOEXEC);
    struct clockpage *empty = clockpage_open(fd, true);

    (void)state;
    close(fd);
    clockgate_init(&t.gate, empty, &t.common);
    assert_int_equal(pass(), RC_CLOCK_UNKNOWN);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_UNKNOWN);
    assert_int_equal(watch().state, CLOCKPAGE_UNKNOWN);
    /* What was never known is known with the first good record. */
    clockgate_init(&t.gate, t.page, &t.common);
    assert_int_equal(pass(), RC_OK);
    clockpage_close(empty);
}

static void test_record_dies(void **state)
{
    struct clockgate_time out;

    (void)state;
    advance(CLOCKPAGE_LIFE_NS - 1);
    assert_int_equal(pass(), RC_OK);
    advance(1);
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_STALE);
    assert_int_equal(out.figure_ns, CLOCKPAGE_LIFE_NS);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_STALE);
    assert_int_equal(watch().state, CLOCKPAGE_STOP);
    advance(SECOND);
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_STALE);
    assert_int_equal(out.figure_ns, CLOCKPAGE_LIFE_NS + SECOND);
    assert_three_good_ones(RC_CLOCK_STALE);
}

/* What a former clock role has left behind is nothing that is known. */
static void test_dead_record_at_start(void **state)
{
    (void)state;
    advance(60 * SECOND);
    assert_int_equal(pass(), RC_CLOCK_STALE);
    assert_int_equal(watch().state, CLOCKPAGE_UNKNOWN);
    sample();
    assert_int_equal(pass(), RC_OK);
}

static void test_records_of_no_use(void **state)
{
    (void)state;
    t.record.sampled_mono_ns++; /* from the future: another boot */
    publish();
    assert_int_equal(pass(), RC_CLOCK_STALE);
    sample();
    t.record.expires_mono_ns++; /* would outlive its life */
    publish();
    assert_int_equal(pass(), RC_CLOCK_STALE);
    for (uint32_t s = CLOCKPAGE_UNKNOWN; s <= CLOCKPAGE_STOP; s++) {
        forget();
        complain((enum clockpage_state)s, RC_OK, -1);
        assert_int_equal(pass(), s == CLOCKPAGE_SYNC || s == CLOCKPAGE_WARN ? RC_OK : RC_CLOCK_UNKNOWN);
    }
    forget();
    sample();
    t.record.bound_ns = -1; /* proven, by nothing */
    publish();
    assert_int_equal(pass(), RC_CLOCK_BOUND);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_BOUND);
    forget();
    simulated.real = 0; /* no battery, no network */
    sample();
    assert_int_equal(pass(), RC_CLOCK_UNSYNCHRONISED);
}

/* The record's own reason, its figure, and what it warns of. */
static void test_reasons_of_the_record(void **state)
{
    struct clockgate_time out;
    struct clockgate_state s;

    (void)state;
    complain(CLOCKPAGE_WARN, RC_CLOCK_OLD, 2000 * SECOND);
    assert_int_equal(pass(), RC_OK);
    s = watch();
    assert_int_equal(s.state, CLOCKPAGE_WARN);
    assert_int_equal(s.reason, RC_CLOCK_OLD);
    assert_int_equal(s.time.figure_ns, 2000 * SECOND);
    assert_int_equal(clockgate_check(&t.gate), RC_OK);
    advance(SECOND);
    complain(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES, 70 * MS);
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_DISAGREES);
    assert_int_equal(out.figure_ns, 70 * MS);
    s = watch();
    assert_int_equal(s.state, CLOCKPAGE_STOP);
    assert_int_equal(s.reason, RC_CLOCK_DISAGREES);
    assert_int_equal(s.time.figure_ns, 70 * MS);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_DISAGREES);
    /* Another reason takes its place. */
    advance(SECOND);
    complain(CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE, SECOND);
    assert_int_equal(watch().reason, RC_CLOCK_UNREACHABLE);
    assert_int_equal(watch().time.figure_ns, SECOND);
    assert_three_good_ones(RC_CLOCK_UNREACHABLE);
}

static void test_absurd_records_make_no_small_bound(void **state)
{
    static const int64_t absurd[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2 + 1};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        int64_t *const fields[] = {&t.record.real_minus_mono_ns, &t.record.base_ns};

        sample();
        t.record.bound_ns = absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_BOUND);
        forget();
        sample();
        t.record.drift_ppb = absurd[i];
        publish();
        assert_int_equal(pass(), RC_CLOCK_BOUND);
        forget();
        for (size_t f = 0; f < 2; f++) {
            sample();
            *fields[f] = absurd[i];
            publish();
            assert_int_equal(pass(), RC_CLOCK_STEPPED);
            *fields[f] = -absurd[i];
            publish();
            assert_int_equal(pass(), RC_CLOCK_STEPPED);
            forget();
        }
    }
}

/* A step is seen in the very request, to both sides; where it is small enough to be none, it counts into the bound. */
static void test_steps(void **state)
{
    static const int64_t steps[] = {MS,     5 * MS,        5 * MS + 1,          50 * MS,
                                    SECOND, 3600 * SECOND, 365 * 86400 * SECOND};

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct clockgate_time out;

            forget();
            sample();
            assert_int_equal(pass_with(6, SECOND, &out), RC_OK);
            atomic_store(&t.common.last_ns, 0);
            simulated.real += sign * steps[i];
            if (steps[i] <= 5 * MS) {
                assert_int_equal(pass_with(6, MS + steps[i], &out), RC_CLOCK_BOUND);
                assert_int_equal(pass_with(6, MS + steps[i] + 1, &out), RC_OK);
                assert_int_equal(out.bound_ns, MS + steps[i] + 1);
            } else {
                assert_int_equal(pass_with(6, 0, &out), RC_CLOCK_STEPPED);
                assert_int_equal(out.figure_ns, sign * steps[i]);
                assert_int_equal(gentime_diff_ns(out.about, out.now), 0);
                assert_int_equal(watch().time.figure_ns, sign * steps[i]);
                /* Back again, it is stopped still. */
                simulated.real -= sign * steps[i];
                assert_int_equal(pass(), RC_CLOCK_STEPPED);
                assert_three_good_ones(RC_CLOCK_STEPPED);
            }
        }
    }
}

/* Small steps add up, as long as the reference was not measured since. */
static void test_steps_since_the_measurement(void **state)
{
    const int64_t base = t.record.base_ns;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        simulated.real += 3 * MS;
        next_second();
        t.record.base_ns = base;
        publish();
        assert_int_equal(pass(), i == 1 ? RC_OK : RC_CLOCK_STEPPED);
        assert_int_equal(watch().time.figure_ns, i == 1 ? -1 : 6 * MS);
    }
}

/* A record is good once it was good all the time: a fault during the last one counts from the beginning. */
static void test_good_records_count_anew(void **state)
{
    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real += SECOND;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    next_second();
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    next_second();
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    simulated.real -= 10 * MS;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    assert_three_good_ones(RC_CLOCK_STEPPED);
}

/* The same record again, another number on an old sample, an older record: none of these is a new one. */
static void test_what_is_no_new_record(void **state)
{
    struct clockpage_record old;

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real += SECOND;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    next_second();
    old = t.record;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    for (int i = 0; i < 10; i++) {
        publish();
        assert_int_equal(pass(), RC_CLOCK_STEPPED);
        t.record.epoch++;
    }
    next_second();
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    t.record = old;
    publish();
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    next_second();
    assert_int_equal(pass(), RC_OK);
}

/* The clock role counts good records too; both count the same ones. */
static void test_record_that_leaves_its_stop(void **state)
{
    (void)state;
    for (int restarted = 0; restarted <= 1; restarted++) {
        forget();
        next_second();
        assert_int_equal(restarted ? RC_OK : pass(), RC_OK);
        advance(SECOND);
        complain(CLOCKPAGE_STOP, RC_CLOCK_LOCAL, -1);
        assert_int_equal(restarted ? RC_CLOCK_LOCAL : pass(), RC_CLOCK_LOCAL);
        for (uint32_t good = 1; good <= 2; good++) {
            advance(SECOND);
            complain(CLOCKPAGE_STOP, RC_CLOCK_LOCAL, -1);
            t.record.num_good = good;
            publish();
            assert_int_equal(pass(), RC_CLOCK_LOCAL);
        }
        next_second();
        assert_int_equal(pass(), RC_OK);
    }
}

/* A thread that loses the processor between the record and the clocks, or between two clocks, has seen nothing bad. */
static void test_thread_loses_the_processor(void **state)
{
    struct clockgate_time out;

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.late = 900 * MS;
    for (unsigned num = 1; num <= 2; num++) {
        simulated.num_late = num;
        assert_int_equal(pass_with(6, 10 * MS, &out), RC_OK);
        assert_true(out.bound_ns <= MS + 30001);
        assert_int_equal(watch().state, CLOCKPAGE_SYNC);
        sample();
    }
    /* What it did in between is not known: it counts. */
    simulated.num_late = 1;
    simulated.late = 4 * MS;
    sample();
    assert_int_equal(pass_with(6, SECOND, &out), RC_OK);
    assert_true(out.bound_ns > 5 * MS);
}

static void stop_unproven(void)
{
    complain(CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE, -1);
    t.record.proven = CLOCKPAGE_TRUSTED;
    publish();
}

/* The record becomes another one between two looks: what was found over the one is not filled up from the other. */
static void test_record_between_looks(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.bound_ns = 2 * SECOND;
    publish();
    simulated.meanwhile = stop_unproven;
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_BOUND);
    assert_int_equal(out.proof, CLOCKPAGE_PROVEN);
    assert_int_equal(out.bound_ns, 2 * SECOND + 1);
    assert_int_equal(out.age_ns, 5 * SECOND);
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_UNREACHABLE);
}

/* Beyond what nanoseconds since 1970 can count nothing could be told of an order. */
static void test_ends_of_time(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        simulated.real = (const int64_t[]){0, INT64_MAX, INT64_MAX - DAY + 1}[i];
        sample();
        t.record.proven = CLOCKPAGE_TRUSTED;
        publish();
        assert_int_equal(pass(), RC_CLOCK_UNSYNCHRONISED);
        forget();
    }
    simulated.real--;
    sample();
    assert_int_equal(pass(), RC_OK);
}

static void test_backwards(void **state)
{
    struct clockgate_time out;
    struct clockgate_state s;

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real -= 1;
    assert_int_equal(pass(), RC_CLOCK_BACKWARDS);
    assert_int_equal(clockgate_check(&t.gate), RC_CLOCK_BACKWARDS);
    simulated.real += 1;
    assert_int_equal(pass(), RC_OK);
    clockgate_raise(&t.common, (struct gentime){START + 1, 0});
    clockgate_raise(&t.common, (struct gentime){START, 0}); /* never lower */
    advance(SECOND - MS);
    assert_int_equal(pass_with(3, SECOND, &out), RC_CLOCK_BACKWARDS);
    assert_int_equal(out.figure_ns, MS);
    assert_int_equal(out.about.sec, START + 1);
    s = watch();
    assert_true(s.state == CLOCKPAGE_STOP && s.reason == RC_CLOCK_BACKWARDS && s.ahead_ns == MS);
    /* It ends by itself. */
    advance(MS);
    assert_int_equal(pass(), RC_OK);
    assert_int_equal(watch().ahead_ns, 0);
    /* A genTime rounded up is no reason to refuse what comes before that second. */
    advance(600 * MS);
    assert_int_equal(pass_with(0, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 2);
    advance(100 * MS);
    assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
    assert_int_equal(out.time.sec, START + 1);
}

/* A year back: first the step, then, with a clock that is good again, the last token that lies ahead; until somebody acknowledges it. */
static void test_year_back(void **state)
{
    struct clockgate_state s;

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real -= 365 * DAY;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    assert_int_equal(watch().ahead_ns, 0);
    for (int i = 0; i < 3; i++) {
        next_second();
        s = watch();
    }
    assert_true(s.state == CLOCKPAGE_STOP && s.reason == RC_CLOCK_BACKWARDS);
    assert_int_equal(s.ahead_ns, 365 * DAY - 3 * SECOND);
    clockgate_lower(&t.common, atomic_load(&t.common.last_ns) - 1, s.time.now); /* it is not that any more */
    assert_int_equal(pass(), RC_CLOCK_BACKWARDS);
    clockgate_lower(&t.common, atomic_load(&t.common.last_ns), s.time.now);
    assert_int_equal(pass(), RC_OK);
    assert_int_equal(watch().state, CLOCKPAGE_SYNC);
}

/* A refusal leaves no trace: what was refused is not the last time. */
static void test_refusal_raises_nothing(void **state)
{
    struct clockgate_time out;

    (void)state;
    simulated.real += 3600 * SECOND;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    simulated.real -= 3600 * SECOND;
    assert_three_good_ones(RC_CLOCK_STEPPED);
    advance(MS);
    assert_int_equal(pass_with(3, 1, &out), RC_CLOCK_BOUND);
    simulated.real -= MS;
    assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
}

static void test_rounding_counts(void **state)
{
    struct clockgate_time out;

    (void)state;
    for (int64_t ms = 0; ms < 1000; ms++) {
        const int64_t off = ms <= 500 ? ms : 1000 - ms; /* to the nearest second */
        const int64_t error = 600 * MS + 1 + off * MS;
        const struct clockgate_claim claims[] = {
            {.accuracy_ns = SECOND},
            {.accuracy_ns = SECOND / 2 + 1, .rounding_ns = SECOND / 2},
        };

        sample();
        t.record.bound_ns = 600 * MS;
        t.record.drift_ppb = 0;
        publish();
        for (size_t i = 0; i < 2; i++) {
            const bool good = error <= claims[i].accuracy_ns + claims[i].rounding_ns;

            assert_int_equal(clockgate_pass(&t.gate, &claims[i], &out), good ? RC_OK : RC_CLOCK_BOUND);
            assert_int_equal(out.figure_ns, good ? -1 : error);
            assert_int_equal(out.time.sec, START + (ms >= 500));
            assert_int_equal(out.time.nsec, 0);
        }
        assert_int_equal(pass_with(3, SECOND, &out), RC_OK);
        advance(MS);
    }
    assert_int_equal(watch().state, CLOCKPAGE_SYNC); /* a claim's refusal stops nobody else */
}

static void test_bound_grows_with_drift(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.bound_ns = 90 * MS;
    t.record.drift_ppb = 10 * 1000 * 1000; /* 10 ms each second */
    publish();
    advance(999 * MS);
    assert_int_equal(pass_with(6, 100 * MS, &out), RC_OK);
    advance(2 * MS);
    assert_int_equal(pass_with(6, 100 * MS, &out), RC_CLOCK_BOUND);
}

/* A time service that slews moves CLOCK_REALTIME and CLOCK_MONOTONIC together, chronyd by 8 % if it likes: it is in the bound of the very request, and no step. */
static void test_slew_counts(void **state)
{
    struct clockgate_time out;

    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        sample();
        advance(SECOND);
        assert_int_equal(pass_with(6, 100 * MS, &out), RC_OK);
        assert_int_equal(out.bound_ns, MS + 10001);
        advance(SECOND / 2);
        slew(sign * 83 * MS);
        assert_int_equal(pass_with(6, 100 * MS, &out), RC_OK);
        assert_in_range(out.bound_ns, 84 * MS, 84 * MS + 30000);
        advance(SECOND / 2);
        slew(sign * 16 * MS);
        assert_int_equal(pass_with(6, 100 * MS, &out), RC_CLOCK_BOUND);
        assert_in_range(out.bound_ns, 100 * MS, 100 * MS + 30000);
        sample(); /* what was slewed before it is in its own bound */
        assert_int_equal(pass_with(6, 100 * MS, &out), RC_OK);
        assert_int_equal(out.bound_ns, MS + 1);
        t.record.mono_minus_raw_ns = sign < 0 ? INT64_MIN : INT64_MAX; /* absurd, and not wrapped */
        publish();
        assert_int_equal(pass(), RC_CLOCK_BOUND);
        forget();
    }
}

/* A record that is being written does not stop a gate that has one; it still dies in time. */
static void test_torn_record(void **state)
{
    (void)state;
    assert_int_equal(pass(), RC_OK);
    *(uint64_t *)((char *)t.page + 8) += 1; /* the counter is odd: a write goes on */
    assert_int_equal(pass(), RC_OK);
    advance(CLOCKPAGE_LIFE_NS);
    assert_int_equal(pass(), RC_CLOCK_STALE);
}

/* What one thread saw stops the others, too. */
static void test_stop_is_for_all_threads(void **state)
{
    struct clockgate other;
    struct clockgate_time out;
    const struct clockgate_claim claim = {0};

    (void)state;
    clockgate_init(&other, t.page, &t.common);
    assert_int_equal(pass(), RC_OK);
    simulated.real += SECOND;
    assert_int_equal(pass(), RC_CLOCK_STEPPED);
    simulated.real -= SECOND;
    assert_int_equal(clockgate_pass(&other, &claim, &out), RC_CLOCK_STEPPED);
    assert_int_equal(out.figure_ns, SECOND);
    for (int i = 1; i <= 3; i++) {
        next_second();
        assert_int_equal(clockgate_pass(i % 2 ? &other : &t.gate, &claim, &out),
                         i < 3 ? RC_CLOCK_STEPPED : RC_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(test_pass),
        GATE_TEST(test_unproven),
        GATE_TEST(test_clock_that_stands_still),
        GATE_TEST(test_no_record_at_all),
        GATE_TEST(test_record_dies),
        GATE_TEST(test_dead_record_at_start),
        GATE_TEST(test_records_of_no_use),
        GATE_TEST(test_reasons_of_the_record),
        GATE_TEST(test_absurd_records_make_no_small_bound),
        GATE_TEST(test_steps),
        GATE_TEST(test_steps_since_the_measurement),
        GATE_TEST(test_good_records_count_anew),
        GATE_TEST(test_what_is_no_new_record),
        GATE_TEST(test_record_that_leaves_its_stop),
        GATE_TEST(test_thread_loses_the_processor),
        GATE_TEST(test_record_between_looks),
        GATE_TEST(test_ends_of_time),
        GATE_TEST(test_backwards),
        GATE_TEST(test_year_back),
        GATE_TEST(test_refusal_raises_nothing),
        GATE_TEST(test_rounding_counts),
        GATE_TEST(test_bound_grows_with_drift),
        GATE_TEST(test_slew_counts),
        GATE_TEST(test_torn_record),
        GATE_TEST(test_stop_is_for_all_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
