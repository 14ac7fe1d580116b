/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From answers to a bound, in a world of numbers: a true time, our clocks that drift and are set, servers that are right or lie. The promise in every
 * step: as long as fewer than half of the servers lie, the bound is no less than the true error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/clock/sntp_estimate.h"

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define START  (INT64_C(1795000000) * SECOND)
#define DRIFT  INT64_C(250000) /* parts per 10^9 */
#define FAR_NS (INT64_C(145) * 365 * 86400 * SECOND)

static struct {
    struct sntp_estimate e;
    int64_t utc, raw, mono, real_minus_mono;
    int64_t drift_ppb; /* of RAW */
} t;

static const struct sntp_rules rules = {
    .num = 4, .poll_ns = 64 * SECOND, .max_age_ns = 3600 * SECOND, .drift_ppb = DRIFT};

static void start_with(const struct sntp_rules *with)
{
    memset(&t, 0, sizeof(t));
    sntp_estimate_init(&t.e, with);
    t.utc = START;
    t.raw = 1000 * SECOND;
    t.mono = 1000 * SECOND;
    t.real_minus_mono = START - t.mono;
}

static void start(void)
{
    start_with(&rules);
}

static void pass(int64_t ns)
{
    t.utc += ns;
    t.raw += ns + ns / 1000 * t.drift_ppb / 1000000;
    t.mono += ns + ns / 1000 * t.drift_ppb / 1000000;
}

struct lie {
    int64_t offset_ns, there_ns, back_ns, error_ns;
    uint32_t stratum;
    enum clockpage_leap leap;
};

/* An exchange in no time of ours: all of it lies before now. */
static bool answer(size_t server, const struct lie *lie)
{
    const int64_t there = lie->there_ns ? lie->there_ns : MS, back = lie->back_ns ? lie->back_ns : MS;
    const struct sntp_exchange x = {
        .sent_raw_ns = t.raw - there - back,
        .received_raw_ns = t.raw,
        .server_received_ns = t.utc - back + lie->offset_ns,
        .server_sent_ns = t.utc - back + lie->offset_ns,
        .server_error_ns = lie->error_ns ? lie->error_ns : MS,
        .stratum = lie->stratum ? lie->stratum : 2,
        .leap = lie->leap,
    };

    return sntp_estimate_put(&t.e, server, &x);
}

static void all_answer(void)
{
    for (size_t i = 0; i < t.e.rules.num; i++) {
        assert_true(answer(i, &(struct lie){0}));
    }
}

static struct sntp_moment now(void)
{
    return (struct sntp_moment){.real_ns = t.real_minus_mono + t.mono, .mono_ns = t.mono, .raw_ns = t.raw};
}

static struct timesrc_sample sample(void)
{
    const struct sntp_moment moment = now();
    struct timesrc_sample s;

    sntp_estimate_sample(&t.e, &moment, &s);
    assert_int_equal(s.mono_ns, t.mono);
    assert_int_equal(s.real_minus_mono_ns, t.real_minus_mono);
    assert_true(s.explains_steps);
    assert_true(s.rc == RC_OK ? s.bound_ns > 0 && s.least_ns >= 0 && s.least_ns <= s.bound_ns
                              : s.bound_ns == -1);
    return s;
}

static struct clockpage_servers servers(void)
{
    const struct sntp_moment moment = now();
    struct clockpage_servers s;

    sntp_estimate_servers(&t.e, &moment, &s);
    assert_int_equal(s.num, t.e.rules.num);
    return s;
}

static int64_t true_error(void)
{
    return llabs(t.real_minus_mono + t.mono - t.utc);
}

/* ---- one by one ---- */

static void knows_nothing_before_a_majority_answers(void **unused)
{
    struct timesrc_sample s;

    (void)unused;
    start();
    for (size_t i = 0; i < 3; i++) {
        s = sample();
        assert_int_equal(s.rc, RC_CLOCK_UNREACHABLE);
        assert_int_equal(s.figure_ns, -1);
        assert_int_equal(s.measured_mono_ns, -1);
        assert_int_equal(s.leap, CLOCKPAGE_LEAP_UNKNOWN);
        assert_false(sntp_estimate_has_majority(&t.e, t.raw));
        assert_true(answer(i, &(struct lie){0}));
    }
    assert_true(sntp_estimate_has_majority(&t.e, t.raw));
    s = sample();
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(s.reference, "sntp 3 of 4 servers");
    assert_int_equal(s.measurement, 3);
    assert_int_equal(s.measured_mono_ns, t.mono);
    assert_int_equal(s.stratum, 2);
    assert_int_equal(s.leap, CLOCKPAGE_LEAP_NONE);
    /* 1 ms of the server, 1 ms of the way, and 2 ms of age at 250 ppm */
    assert_in_range(s.bound_ns, 2 * MS, 2 * MS + 2 * US);
    assert_int_equal(s.least_ns, 0);
}

static void widens_with_age_and_ends(void **unused)
{
    struct timesrc_sample s;

    (void)unused;
    start();
    all_answer();
    pass(200 * SECOND);
    s = sample();
    assert_int_equal(s.rc, RC_OK);
    assert_in_range(s.bound_ns, 52 * MS, 52 * MS + 2 * US);
    assert_int_equal(s.measured_mono_ns, t.mono - 200 * SECOND);
    pass(57 * SECOND); /* more than four polls */
    s = sample();
    assert_int_equal(s.rc, RC_CLOCK_UNREACHABLE);
    assert_int_equal(s.figure_ns, 257 * SECOND);
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_SILENT);
    assert_int_equal(servers().list[0].measured_mono_ns, t.mono - 257 * SECOND);
    all_answer();
    assert_int_equal(sample().rc, RC_OK);
}

static void ends_at_the_greatest_age(void **unused)
{
    struct sntp_rules strict = rules;

    (void)unused;
    strict.max_age_ns = 16 * SECOND;
    start_with(&strict);
    all_answer();
    pass(16 * SECOND);
    assert_int_equal(sample().rc, RC_OK);
    pass(1);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
}

/* A majority's age is not that of the one server that still answers. */
static void counts_the_age_of_a_majority(void **unused)
{
    (void)unused;
    start();
    all_answer();
    pass(50 * SECOND);
    assert_true(answer(0, &(struct lie){0}));
    assert_true(answer(1, &(struct lie){0}));
    assert_int_equal(sample().measured_mono_ns, t.mono - 50 * SECOND);
    pass(SECOND);
    assert_true(answer(3, &(struct lie){0}));
    assert_int_equal(sample().measured_mono_ns, t.mono - SECOND);
}

/* UTC moves by a leap second while the network is slow: answers that leave a second open agree with those of before, which go on to count. That must not
 * look as if they had been confirmed. */
static void takes_no_vague_answer_for_a_measurement(void **unused)
{
    const struct lie vague = {.there_ns = 1200 * MS, .back_ns = 1200 * MS};

    (void)unused;
    start();
    all_answer();
    pass(30 * SECOND);
    t.utc -= SECOND;
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &vague));
    }
    assert_true(sample().bound_ns < true_error());
    assert_int_equal(sample().measured_mono_ns, t.mono - 30 * SECOND);
    pass(SECOND);
    all_answer();
    assert_true(sample().bound_ns >= true_error());
    assert_int_equal(sample().measured_mono_ns, t.mono);

    /* Where nothing better ever comes, it counts as old as what is believed. */
    start();
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &vague));
    }
    assert_int_equal(sample().measured_mono_ns, t.mono);
    pass(30 * SECOND);
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &vague));
    }
    assert_int_equal(sample().measured_mono_ns, t.mono);
}

static void sees_a_step_at_once(void **unused)
{
    static const int64_t steps[] = {MS, 5 * MS, 50 * MS, SECOND, 3600 * SECOND, 365 * 86400 * SECOND};

    (void)unused;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            start();
            all_answer();
            pass(SECOND);
            t.real_minus_mono += sign * steps[i];
            assert_true(sample().bound_ns >= steps[i]);
            assert_true(sample().bound_ns <= steps[i] + 3 * MS);
            assert_true(steps[i] < 5 * MS || sample().least_ns >= steps[i] - 3 * MS);
            assert_true(sample().least_ns <= steps[i]);
        }
    }
}

/* Read in the era of a clock in 1970, judged by one in 2232: as far apart as times can be, and no sum of them wraps into a small one. */
static void bears_times_at_both_ends(void **unused)
{
    const int64_t first = -(INT64_C(1) << 31) * SECOND, last = INT64_C(8270000000) * SECOND;
    struct timesrc_sample s;

    (void)unused;
    start();
    t.real_minus_mono = last - t.mono;
    for (size_t i = 0; i < 3; i++) {
        assert_true(answer(i, &(struct lie){.offset_ns = first - t.utc}));
    }
    assert_true(answer(3, &(struct lie){.offset_ns = last - t.utc}));
    s = sample();
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.least_ns > FAR_NS && s.bound_ns >= s.least_ns);
    assert_true(servers().list[0].offset_ns < -FAR_NS);
    assert_int_equal(servers().list[3].state, CLOCKPAGE_SERVER_FALSE);
    for (size_t i = 0; i < 2; i++) {
        assert_true(answer(i, &(struct lie){.offset_ns = i == 0 ? last - t.utc : 0}));
    }
    s = sample();
    assert_int_equal(s.rc, RC_CLOCK_DISAGREES);
    assert_true(s.figure_ns > 0);
    t.real_minus_mono = -t.mono;
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &(struct lie){.offset_ns = last - t.utc}));
    }
    assert_true(sample().bound_ns > FAR_NS && servers().list[0].offset_ns > 0);
}

static void is_not_moved_by_one_that_lies(void **unused)
{
    struct timesrc_sample before, after;
    struct clockpage_servers list;

    (void)unused;
    start();
    all_answer();
    before = sample();
    assert_true(
        answer(2, &(struct lie){.offset_ns = 3600 * SECOND, .stratum = 1, .leap = CLOCKPAGE_LEAP_INSERT}));
    after = sample();
    assert_int_equal(after.rc, RC_OK);
    assert_int_equal(after.bound_ns, before.bound_ns);
    assert_int_equal(after.stratum, 2);
    assert_int_equal(after.leap, CLOCKPAGE_LEAP_NONE);
    assert_string_equal(after.reference, "sntp 3 of 4 servers");
    list = servers();
    assert_int_equal(list.list[1].state, CLOCKPAGE_SERVER_GOOD);
    assert_int_equal(list.list[2].state, CLOCKPAGE_SERVER_FALSE);
    assert_in_range(list.list[2].offset_ns, 3600 * SECOND - MS, 3600 * SECOND + MS);
    assert_in_range(list.list[2].error_ns, 2 * MS, 2 * MS + 2 * US);
    assert_int_equal(list.list[2].stratum, 1);
}

static void tells_the_least_stratum_of_the_majority(void **unused)
{
    (void)unused;
    start();
    assert_true(answer(0, &(struct lie){.stratum = 3}));
    assert_true(answer(1, &(struct lie){.stratum = 2}));
    assert_true(answer(2, &(struct lie){.stratum = 3}));
    assert_true(answer(3, &(struct lie){.stratum = 1, .offset_ns = SECOND}));
    assert_int_equal(sample().stratum, 2);
}

static void stops_when_three_disagree(void **unused)
{
    (void)unused;
    start();
    all_answer();
    assert_true(answer(1, &(struct lie){.offset_ns = SECOND}));
    assert_int_equal(sample().rc, RC_OK);
    assert_true(answer(2, &(struct lie){.offset_ns = -3 * SECOND}));
    assert_int_equal(sample().rc, RC_CLOCK_DISAGREES);
    /* The nearest three: 0, 0 and +1 s, each +- 2 ms. */
    assert_in_range(sample().figure_ns, SECOND - 5 * MS, SECOND - 3 * MS);
    assert_string_equal(sample().reference, "sntp 0 of 4 servers");
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_FALSE);
}

static void believes_the_newest_of_a_server_that_contradicts_itself(void **unused)
{
    (void)unused;
    start();
    for (int i = 0; i < 20; i++) {
        all_answer();
        pass(64 * SECOND);
    }
    assert_int_equal(t.e.servers[0].num, SNTP_NUM_KEPT);
    assert_true(answer(0, &(struct lie){.offset_ns = SECOND, .error_ns = 400 * MS}));
    assert_int_equal(t.e.servers[0].num, 1);
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_FALSE);
    assert_true(answer(0, &(struct lie){0}));
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_GOOD);
}

static void takes_the_best_of_a_few(void **unused)
{
    (void)unused;
    start();
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &(struct lie){.there_ns = 400 * MS}));
        assert_true(answer(i, &(struct lie){.there_ns = MS}));
        assert_true(answer(i, &(struct lie){.there_ns = 300 * MS, .back_ns = 100 * MS}));
    }
    assert_in_range(sample().bound_ns, 2 * MS, 2 * MS + 2 * US);
    /* Until it is older than what a newer one leaves open. */
    pass(1000 * SECOND);
    for (size_t i = 0; i < 4; i++) {
        assert_true(answer(i, &(struct lie){.there_ns = 300 * MS, .back_ns = 100 * MS}));
    }
    assert_in_range(sample().bound_ns, 300 * MS, 302 * MS);
}

static void drops_the_unfit(void **unused)
{
    (void)unused;
    start();
    all_answer();
    assert_false(answer(0, &(struct lie){.error_ns = 3 * SECOND}));
    assert_false(answer(1, &(struct lie){.there_ns = 3 * SECOND}));
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_UNFIT);
    assert_int_equal(servers().list[1].state, CLOCKPAGE_SERVER_UNFIT);
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
    pass(257 * SECOND); /* what it said of itself gets old too */
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_SILENT);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    all_answer();
    assert_int_equal(servers().list[0].state, CLOCKPAGE_SERVER_GOOD);
    sntp_estimate_unfit(&t.e, 0, t.raw);
    assert_int_equal(sample().rc, RC_OK); /* three of four */
    sntp_estimate_unfit(&t.e, 3, t.raw);
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
}

static void tells_the_leap_of_the_majority(void **unused)
{
    (void)unused;
    start();
    all_answer();
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sample().leap, CLOCKPAGE_LEAP_NONE);
        assert_true(answer(i, &(struct lie){.leap = CLOCKPAGE_LEAP_INSERT}));
    }
    assert_int_equal(sample().leap, CLOCKPAGE_LEAP_INSERT);
    for (size_t i = 0; i < 3; i++) {
        assert_true(answer(i, &(struct lie){.leap = CLOCKPAGE_LEAP_DELETE}));
    }
    assert_int_equal(sample().leap, CLOCKPAGE_LEAP_DELETE);
}

/* Whoever compares CLOCK_REALTIME with CLOCK_MONOTONIC does not see a slew; against the clock that nobody slews it is told. */
static void tells_how_far_the_host_was_slewed(void **unused)
{
    struct timesrc_sample before, after;

    (void)unused;
    start();
    all_answer();
    before = sample();
    assert_int_equal(before.drift_ppb, DRIFT);
    pass(SECOND);
    t.mono += 80 * MS; /* 8 %, as chronyd may */
    after = sample();
    assert_int_equal(after.mono_minus_raw_ns - before.mono_minus_raw_ns, 80 * MS);
    assert_int_equal(after.real_minus_mono_ns, before.real_minus_mono_ns);
    assert_true(after.bound_ns >= 80 * MS && after.drift_ppb == DRIFT);
}

static void adds_how_far_the_readings_lie_apart(void **unused)
{
    struct sntp_moment moment;
    struct timesrc_sample exact, vague;

    (void)unused;
    start();
    all_answer();
    moment = now();
    sntp_estimate_sample(&t.e, &moment, &exact);
    moment.error_ns = 7 * MS;
    sntp_estimate_sample(&t.e, &moment, &vague);
    assert_int_equal(vague.bound_ns, exact.bound_ns + 7 * MS);
}

static void stands_what_is_impossible(void **unused)
{
    struct sntp_exchange x = {
        .sent_raw_ns = 2, .received_raw_ns = 1, .server_received_ns = START, .server_sent_ns = START};

    (void)unused;
    start();
    assert_false(sntp_estimate_put(&t.e, 0, &x)); /* answered before it was asked */
    /* A server that says it took longer than the whole exchange: within its word it may be right. */
    x = (struct sntp_exchange){.sent_raw_ns = t.raw - MS,
                               .received_raw_ns = t.raw,
                               .server_received_ns = t.utc - 10 * MS,
                               .server_sent_ns = t.utc};
    assert_true(sntp_estimate_put(&t.e, 0, &x));
    assert_true(servers().list[0].error_ns >= 9 * MS / 2);
    x.server_received_ns -= 10 * SECOND;
    assert_false(sntp_estimate_put(&t.e, 0, &x));
    /* Ten years later. */
    all_answer();
    pass(3650 * 86400 * SECOND);
    all_answer();
    assert_int_equal(sample().rc, RC_OK);
}

/* ---- the promise ---- */

static uint64_t seed = 88172645463325252u;

static int64_t draw(int64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)below);
}

static void exchange_somehow(size_t server, bool lies)
{
    struct lie lie = {
        .there_ns = 1 + draw(40 * MS), .back_ns = 1 + draw(40 * MS), .error_ns = 1 + draw(20 * MS)};

    /* Right: within its own error. A liar is far off, or only a little. */
    lie.offset_ns = lies ? draw(draw(2) ? 400 * MS : 4000 * SECOND) - (draw(2) ? 200 * MS : 2000 * SECOND)
                         : draw(2 * lie.error_ns) - lie.error_ns;
    (void)answer(server, &lie);
}

static void disturb(void)
{
    static const int64_t steps[] = {MS, 5 * MS, 50 * MS, SECOND, 3600 * SECOND, 365 * 86400 * SECOND};

    if (draw(20) == 0) {
        t.real_minus_mono += (draw(2) ? 1 : -1) * steps[draw(6)];
    }
    if (draw(20) == 0) { /* and back to the truth */
        t.real_minus_mono = t.utc - t.mono + draw(MS);
    }
    if (draw(10) == 0) {
        t.mono += draw(MS); /* slewed */
    }
}

static void keeps_its_promise(void **unused)
{
    size_t num_good = 0, num_bad = 0;

    (void)unused;
    for (int world = 0; world < 300; world++) {
        struct sntp_rules with = rules;
        size_t num_liars;

        with.num = 1 + (size_t)draw(9);
        num_liars = (size_t)draw((int64_t)(with.num + 1) / 2);
        start_with(&with);
        t.drift_ppb = draw(400001) - 200000;
        for (int step = 0; step < 300; step++) {
            pass(draw(30 * SECOND));
            disturb();
            for (size_t i = 0; i < with.num; i++) {
                if (draw(3) == 0) {
                    exchange_somehow(i, i < num_liars);
                }
            }
            if (sample().rc == RC_OK) {
                assert_true(sample().bound_ns >= true_error());
                assert_true(sample().least_ns <= true_error());
                num_good++;
            } else {
                num_bad++;
            }
        }
    }
    print_message("%zu with a bound, %zu without\n", num_good, num_bad);
    assert_true(num_good > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_before_a_majority_answers),
        cmocka_unit_test(widens_with_age_and_ends),
        cmocka_unit_test(ends_at_the_greatest_age),
        cmocka_unit_test(counts_the_age_of_a_majority),
        cmocka_unit_test(takes_no_vague_answer_for_a_measurement),
        cmocka_unit_test(sees_a_step_at_once),
        cmocka_unit_test(bears_times_at_both_ends),
        cmocka_unit_test(is_not_moved_by_one_that_lies),
        cmocka_unit_test(tells_the_least_stratum_of_the_majority),
        cmocka_unit_test(stops_when_three_disagree),
        cmocka_unit_test(believes_the_newest_of_a_server_that_contradicts_itself),
        cmocka_unit_test(takes_the_best_of_a_few),
        cmocka_unit_test(drops_the_unfit),
        cmocka_unit_test(tells_the_leap_of_the_majority),
        cmocka_unit_test(tells_how_far_the_host_was_slewed),
        cmocka_unit_test(adds_how_far_the_readings_lie_apart),
        cmocka_unit_test(stands_what_is_impossible),
        cmocka_unit_test(keeps_its_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
