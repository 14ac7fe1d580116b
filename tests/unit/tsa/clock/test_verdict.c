/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict, sample by sample: steps and what explains them, the way out of STOP, restarts, age and bound, the second opinion, and where its
 * rules come from.
 */
#include "tests/unit/tsa/clock/verdict_desk.h"

/* ---- the record, the way out of STOP ---- */

static void test_first_good(void **state)
{
    (void)state;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.epoch, 1);
    assert_int_equal(t.record.bound_ns, MS);
    assert_int_equal(t.record.drift_ppb,
                     501000); /* and what a slew may hide behind the correction of the frequency */
    assert_int_equal(t.record.mono_minus_raw_ns, 0);
    assert_int_equal(t.record.base_ns, t.sample.real_minus_mono_ns);
    assert_int_equal(t.record.sampled_mono_ns, BOOT_NS);
    assert_int_equal(t.record.expires_mono_ns, BOOT_NS + CLOCKPAGE_LIFE_NS);
    assert_int_equal(t.record.figure_ns, -1);
    assert_int_equal(t.record.leap_at, 0);
    assert_int_equal(t.record.proven, CLOCKPAGE_PROVEN);
    assert_int_equal(t.record.stratum, 2);
    assert_string_equal(t.record.reference, "chrony 192.0.2.1");
    next();
    assert_int_equal(t.record.epoch, 2);
}

static void test_asked_just_now(void **state)
{
    (void)state;
    t.sample.rc = RC_CLOCK_UNKNOWN;
    judge();
    assert_state(CLOCKPAGE_UNKNOWN, RC_CLOCK_UNKNOWN);
    t.sample.rc = RC_OK;
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.sample.rc = RC_CLOCK_UNKNOWN;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNKNOWN);
}

static void test_three_good(void **state)
{
    (void)state;
    t.sample.rc = RC_CLOCK_UNREACHABLE;
    t.sample.figure_ns = 4 * SECOND;
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE);
    assert_int_equal(t.record.figure_ns, 4 * SECOND);
    t.sample.rc = RC_OK;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE);
    assert_int_equal(t.record.num_good, 1);
    next();
    assert_int_equal(t.record.num_good, 2);
    t.sample.rc = RC_CLOCK_UNSYNCHRONISED; /* a bad one between: from the start */
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNSYNCHRONISED);
    assert_int_equal(t.record.num_good, 0);
    t.sample.rc = RC_OK;
    next();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNSYNCHRONISED);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.num_good, 0);
}

static void test_age(void **state)
{
    (void)state;
    t.sample.measured_mono_ns = t.sample.mono_ns - HOUR / 2;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    next();
    assert_state(CLOCKPAGE_WARN, RC_CLOCK_OLD);
    assert_int_equal(t.record.figure_ns, HOUR / 2 + SECOND);
    advance(HOUR / 2);
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_OLD);
    t.sample.measured_mono_ns = -1; /* not known: not judged */
    next();
    assert_int_equal(t.record.num_good, 1);
}

static void test_bound(void **state)
{
    (void)state;
    t.rules.loosest_ns = 2 * SECOND;
    verdict_init(&t.verdict, &t.rules, NULL);
    t.sample.bound_ns = SECOND / 4;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.sample.bound_ns++;
    next();
    assert_state(CLOCKPAGE_WARN, RC_CLOCK_BOUND);
    assert_int_equal(t.record.figure_ns, SECOND / 4 + 1);
    t.sample.bound_ns = 2 * SECOND;
    next();
    assert_state(CLOCKPAGE_WARN, RC_CLOCK_BOUND);
    t.sample.bound_ns++;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_BOUND);
    t.sample.bound_ns = -1;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_BOUND);
    assert_int_equal(t.record.figure_ns, -1);
    assert_int_equal(t.record.bound_ns, -1);
    t.sample.bound_ns = INT64_MAX; /* absurd, and not wrapped */
    step(MS);
    next();
    assert_int_equal(t.record.bound_ns, INT64_MAX);
}

/* ---- steps ---- */

static void test_step(void **state)
{
    (void)state;
    judge();
    step(-50 * MS);
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.figure_ns, 50 * MS);
    assert_int_equal(t.record.bound_ns, 51 * MS);
    for (int i = 0; i < 100; i++) { /* time alone explains nothing */
        next();
        assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    }
    measure();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.num_good, 0);
    measure();
    next();
    assert_int_equal(t.record.num_good, 1);
    assert_int_equal(t.record.bound_ns, MS);
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* The reference may have been measured in the meantime. */
static void test_step_undone(void **state)
{
    (void)state;
    judge();
    step(HOUR);
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    step(-HOUR);
    next();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.num_good, 0);
    assert_int_equal(t.record.figure_ns, HOUR);
    advance(2 * SECOND);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, MS);
}

/* What was measured in the meantime makes the old time the wrong one. */
static void test_step_undone_too_late(void **state)
{
    (void)state;
    judge();
    step(50 * MS);
    next();
    advance(2 * SECOND);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    step(-50 * MS);
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
}

static void test_small_steps(void **state)
{
    (void)state;
    judge();
    step(3 * MS);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, 4 * MS);
    step(-5 * MS);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, 6 * MS); /* from one end to the other */
    step(-4 * MS);                               /* together too far */
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.figure_ns, 9 * MS);
    advance(2 * SECOND);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, MS);
}

/* In the same interval nobody can tell which came first, and an exchange takes its time. */
static void test_measured_meanwhile(void **state)
{
    (void)state;
    judge();
    step(50 * MS);
    advance(SECOND / 2);
    measure();
    advance(SECOND / 2);
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    advance(SECOND / 2);
    measure(); /* half a second after the step was seen */
    judge();
    advance(SECOND);
    measure();
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.num_good, 0);
    next_for(15);
    advance(SECOND);
    measure();
    judge();
    assert_int_equal(t.record.num_good, 1);
}

/* Set and set back while no record was made: what the source has measured then may rest on that. */
static void test_measured_while_away(void **state)
{
    (void)state;
    judge();
    advance(CLOCKPAGE_LIFE_NS); /* as long as a record lives, the gate watches */
    measure();
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    advance(HOUR / 4); /* nothing was measured */
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    advance(CLOCKPAGE_LIFE_NS + 1);
    measure();
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNKNOWN);
    next_for(4);
    restart();
    next_for(4);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNKNOWN);
    measure();
    next_for(16);
    assert_int_equal(t.record.num_good, 0); /* it may have taken that one for a bad one */
    measure();
    next_for(3);
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.sample.explains_steps = true; /* a source that compares clocks that nobody sets has nothing to forget */
    advance(HOUR / 4);
    measure();
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* The source changes to another server, which it asked before the step: by the clock of now that was after it. */
static void test_measured_before_step_back(void **state)
{
    (void)state;
    judge();
    step(-5 * SECOND);
    next();
    for (int i = 0; i < 2; i++) {
        advance(2 * SECOND);
        measure();
        judge();
        assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    }
    for (int i = 0; i < 2; i++) {
        next_for(5);
        advance(SECOND);
        measure();
        judge();
    }
    assert_int_equal(t.record.num_good, 1);
}

/* By a year: so large a jump makes chronyd forget what it knew. */
static void test_step_back_a_year(void **state)
{
    (void)state;
    judge();
    step(-8766 * HOUR);
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    advance(2 * SECOND);
    settle();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* A source that does not tell when it measured: only that it did, between two samples. */
static void test_measured_unknown_when(void **state)
{
    (void)state;
    t.sample.measured_mono_ns = -1;
    judge();
    step(50 * MS);
    t.sample.measurement++;
    next();
    t.sample.measurement++;
    advance(SECOND / 2);
    judge(); /* begun before the step, perhaps */
    for (int i = 0; i < 3; i++) {
        next();
        assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
        assert_int_equal(t.record.num_good, 0);
    }
    t.sample.measurement++;
    next();
    next();
    assert_int_equal(t.record.num_good, 0);
    t.sample.measurement++;
    next();
    assert_int_equal(t.record.num_good, 1);
}

/* The servers' bound is against the clock of now: a step is in it, and is told once. */
static void test_explained_step(void **state)
{
    (void)state;
    t.sample.explains_steps = true;
    judge();
    step(50 * MS);
    t.sample.bound_ns += 50 * MS;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.figure_ns, 50 * MS);
    assert_int_equal(t.record.bound_ns, 51 * MS);
    next();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    step(4 * MS);
    t.sample.bound_ns += 4 * MS;
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, 55 * MS);
}

/* A silent source's last measurement stays the last one. */
static void test_step_while_silent(void **state)
{
    (void)state;
    judge();
    t.sample.rc = RC_CLOCK_UNREACHABLE;
    t.sample.measurement = 0;
    next();
    assert_int_equal(t.record.measurement, 1);
    step(50 * MS);
    next();
    t.sample.rc = RC_OK;
    t.sample.measurement = 1;
    for (int i = 0; i < 4; i++) {
        next();
        assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    }
}

/* ---- restarts ---- */

static void test_restart(void **state)
{
    (void)state;
    judge();
    restart();
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.epoch, 2);
    restart();
    step(50 * MS); /* while nobody looked */
    advance(30 * SECOND);
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    restart();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_STEPPED);
    assert_int_equal(t.record.num_good, 0);
    advance(2 * SECOND);
    measure();
    next();
    restart(); /* forgets the first of two */
    measure();
    next();
    assert_int_equal(t.record.num_good, 0);
    advance(2 * SECOND);
    for (int i = 0; i < 2; i++) {
        measure();
        next();
    }
    next();
    assert_int_equal(t.record.num_good, 2);
    restart();
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* ---- the second opinion ---- */

static void test_contradiction(void **state)
{
    (void)state;
    want_opinion();
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.opinion.least_ns = t.opinion.bound_ns = MS;
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.opinion.least_ns = t.opinion.bound_ns = 2 * MS;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES);
    assert_int_equal(t.record.figure_ns, 2 * MS);
    t.opinion.rc = RC_CLOCK_UNREACHABLE; /* silence takes nothing back */
    for (int i = 0; i < 5; i++) {
        restart();
        next();
        assert_state(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES);
        assert_int_equal(t.record.num_good, 0);
    }
    t.opinion.rc = RC_OK;
    t.opinion.least_ns = 0;
    next();
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES);
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* They were asked at different moments. */
static void test_no_contradiction(void **state)
{
    (void)state;
    want_opinion();
    t.opinion.least_ns = MS + 1500;
    t.opinion.mono_ns += SECOND;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.opinion.real_minus_mono_ns += 4 * MS; /* set in between */
    t.opinion.least_ns = 5 * MS;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.opinion.mono_minus_raw_ns += MS; /* and slewed */
    t.opinion.least_ns = 6 * MS;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    t.opinion.least_ns = 7 * MS;
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES);
}

static void test_servers_disagree(void **state)
{
    (void)state;
    want_opinion();
    judge();
    t.opinion.rc = RC_CLOCK_DISAGREES;
    t.opinion.figure_ns = 7 * MS;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_DISAGREES);
    assert_int_equal(t.record.figure_ns, 7 * MS);
}

static void test_silent_servers(void **state)
{
    (void)state;
    want_opinion();
    t.opinion.rc = RC_CLOCK_UNKNOWN;
    judge();
    assert_state(CLOCKPAGE_UNKNOWN, RC_CLOCK_UNKNOWN);
    t.opinion.rc = RC_CLOCK_UNREACHABLE;
    t.has_opinion = false;
    next();
    assert_state(CLOCKPAGE_WARN, RC_CLOCK_UNCONFIRMED);
    t.has_opinion = true;
    advance(HOUR / 2);
    t.sample.measured_mono_ns = t.sample.mono_ns;
    judge();
    assert_state(CLOCKPAGE_WARN, RC_CLOCK_UNCONFIRMED);
    assert_int_equal(t.record.figure_ns, HOUR / 2 + SECOND);
    restart();
    advance(HOUR / 2);
    t.sample.measured_mono_ns = t.sample.mono_ns;
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNCONFIRMED);
    restart(); /* no patience anew */
    next_for(5);
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNCONFIRMED);
    assert_int_equal(t.record.num_good, 0);
    t.opinion.rc = RC_OK;
    t.opinion.measured_mono_ns = t.opinion.mono_ns;
    next();
    next();
    next();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
}

/* The kernel knows that it is synchronised, and not how well. */
static void test_bound_of_servers(void **state)
{
    (void)state;
    t.sample.bound_ns = -1;
    judge();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_BOUND);
    want_opinion();
    (void)snprintf(t.opinion.reference, sizeof(t.opinion.reference), "sntp 3 of 3 servers");
    t.opinion.bound_ns = 9 * MS;
    t.opinion.least_ns = 8 * MS;
    judge();
    assert_state(CLOCKPAGE_SYNC, RC_OK);
    assert_int_equal(t.record.bound_ns, 9 * MS);
    assert_string_equal(t.record.reference, "sntp 3 of 3 servers");
    t.opinion.rc = RC_CLOCK_UNREACHABLE;
    t.opinion.bound_ns = -1;
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE);
    t.opinion.rc = RC_OK;
    t.sample.rc = RC_CLOCK_UNSYNCHRONISED; /* the kernel's word stands first */
    next();
    assert_state(CLOCKPAGE_STOP, RC_CLOCK_UNSYNCHRONISED);
}

/* ---- rules ---- */

static void read_rules(const char *clock, const char *units)
{
    struct cfg_errors errors = {0};
    struct settings settings;
    char text[2000];

    (void)snprintf(text, sizeof(text),
                   "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
                   "clock = { %s };\nunits = ( %s );",
                   clock, units);
    if (settings_parse("test.conf", text, &settings, &errors) != RC_OK) {
        fail_msg("%s", errors.list[0]);
    }
    t.rules = verdict_rules_of(&settings, CLOCKPAGE_PROVEN);
    settings_clear(&settings);
}

#define UNIT(name, rest) "{ name = \"" name "\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; " rest " }"
#define SERVERS(more)                                                                                        \
    "servers = ( { address = \"192.0.2.1\"; " more " }, { address = \"192.0.2.2\"; " more                    \
    " }, { address = \"192.0.2.3\"; " more " } );"

static void test_rules(void **state)
{
    (void)state;
    read_rules("source = \"chrony\"; max_step = \"7 ms\"; max_age = \"2 h\";",
               UNIT("a", "accuracy = \"1 s\";"));
    assert_int_equal(t.rules.max_step_ns, 7 * MS);
    assert_int_equal(t.rules.max_age_ns, 2 * HOUR);
    assert_int_equal(t.rules.tightest_ns, SECOND / 2);
    assert_int_equal(t.rules.loosest_ns, SECOND / 2);
    assert_false(t.rules.wants_opinion);
    assert_false(t.rules.smeared);
    read_rules("source = \"kernel\"; " SERVERS("smeared = true;"),
               UNIT("a", "accuracy = \"2 s\";") ", " UNIT("b", "accuracy = \"100 ms\"; time_digits = 3;"));
    assert_int_equal(t.rules.tightest_ns, 100 * MS - MS / 2);
    assert_int_equal(t.rules.loosest_ns, 3 * SECOND / 2);
    assert_true(t.rules.wants_opinion);
    assert_true(t.rules.smeared);
    read_rules("source = \"sntp\"; " SERVERS(""), UNIT("a", "") ", " UNIT("b", "accuracy = \"1 s\";"));
    assert_int_equal(t.rules.tightest_ns, SECOND / 2);
    assert_int_equal(t.rules.loosest_ns, 10 * SECOND);
    assert_false(t.rules.wants_opinion);
    assert_false(t.rules.smeared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_good, setup),
        cmocka_unit_test_setup(test_asked_just_now, setup),
        cmocka_unit_test_setup(test_three_good, setup),
        cmocka_unit_test_setup(test_age, setup),
        cmocka_unit_test_setup(test_bound, setup),
        cmocka_unit_test_setup(test_step, setup),
        cmocka_unit_test_setup(test_step_undone, setup),
        cmocka_unit_test_setup(test_step_undone_too_late, setup),
        cmocka_unit_test_setup(test_small_steps, setup),
        cmocka_unit_test_setup(test_measured_meanwhile, setup),
        cmocka_unit_test_setup(test_measured_while_away, setup),
        cmocka_unit_test_setup(test_measured_before_step_back, setup),
        cmocka_unit_test_setup(test_step_back_a_year, setup),
        cmocka_unit_test_setup(test_measured_unknown_when, setup),
        cmocka_unit_test_setup(test_explained_step, setup),
        cmocka_unit_test_setup(test_step_while_silent, setup),
        cmocka_unit_test_setup(test_restart, setup),
        cmocka_unit_test_setup(test_contradiction, setup),
        cmocka_unit_test_setup(test_no_contradiction, setup),
        cmocka_unit_test_setup(test_servers_disagree, setup),
        cmocka_unit_test_setup(test_silent_servers, setup),
        cmocka_unit_test_setup(test_bound_of_servers, setup),
        cmocka_unit_test_setup(test_rules, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
