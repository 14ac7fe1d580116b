/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time and a unit have to do with each other: until when its key signs, to the second and with the reason's sentence; tokens that are ordered,
 * across a change of issuers too; lab time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/ledger_record.h"

static struct desk desk;
static uint8_t imprint[32], blob[256];

static int setup(void **state)
{
    (void)state;
    desk_init(&desk, &(struct authority_spec){.key = "P-256"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_clear(&desk);
    return 0;
}

static struct msg_stamp request(void)
{
    return (struct msg_stamp){
        .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, sizeof(imprint))};
}

static struct msg_stamp countersign(void)
{
    return (struct msg_stamp){.kind = MSG_AUTHENTICODE, .data = bytes_of(blob, sizeof(blob))};
}

static enum rc stamp(const struct msg_stamp *m)
{
    return issue_stamp(&desk.thread, m, &desk.reply, &desk.ledger_body, desk.why);
}

/* The time of the token just made; whether it says that it is ordered. */
static struct gentime made(bool *out_ordered)
{
    struct ledger_record r;
    struct tsp_tstinfo info;

    assert_int_equal(ledger_record_get(wbuf_bytes(&desk.ledger_body), &r), RC_OK);
    assert_int_equal(tsp_tstinfo_parse(r.text, DER_STRICT, &info), RC_OK);
    assert_int_equal(gentime_compare(info.time, r.time), 0);
    *out_ordered = info.ordering;
    return r.time;
}

static void show(int64_t sec)
{
    desk.real_ns = sec * DESK_SECOND;
    desk_sample(&desk);
}

/* ---- until when ---- */

static void test_ends_to_the_second(void **state)
{
    static const struct {
        int64_t months, end; /* 2020-01-01 is notBefore, 2035-01-01 notAfter */
        enum rc rc;
        const char *why;
    } cases[] = {
        {0, AUTHORITY_TO, RC_CERT_EXPIRED, "it ended at 2035-01-01T00:00:00Z"},
        {99, 1838160000, RC_KEY_USE_OVER, "it ended at 2028-04-01T00:00:00Z"},
        {84, 1798761600, RC_KEY_USE_OVER, "it ended at 2027-01-01T00:00:00Z"},
        {600, AUTHORITY_TO, RC_CERT_EXPIRED, "it ended at 2035-01-01T00:00:00Z"},
    };
    const struct msg_stamp both[] = {request(), countersign()};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        atomic_store(&desk.core.clock.last_ns, 0);
        desk.settings.key_months = cases[i].months;
        desk.unit.key_end = unit_key_end(&desk.unit);
        for (size_t m = 0; m < 2; m++) {
            show(cases[i].end);
            assert_int_equal(stamp(&both[m]), RC_OK);
            assert_string_equal(desk.why, "");
            assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_OK);
            assert_int_equal(issue_trial(&desk.thread, 0), RC_OK);
            show(cases[i].end + 1);
            assert_int_equal(stamp(&both[m]), cases[i].rc);
            assert_int_equal(desk.ledger_body.len, 0);
            assert_string_equal(desk.why, cases[i].why);
            assert_int_equal(issue_state(&desk.core, &desk.thread.gate), cases[i].rc);
            assert_int_equal(issue_unit_state(&desk.core, 0, now_real()), cases[i].rc);
            assert_int_equal(issue_trial(&desk.thread, 0), cases[i].rc);
        }
    }
}

/* A clock that is far ahead for a moment, where nobody proves it: what it made nobody sign is not the last token. */
static void test_refusal_leaves_no_trace(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    for (int ordered = 0; ordered <= 1; ordered++) {
        desk.settings.ordering = ordered;
        show(AUTHORITY_TO + 1);
        assert_int_equal(stamp(&m), RC_CERT_EXPIRED);
        show(AUTHORITY_NOW + ordered);
        assert_int_equal(stamp(&m), RC_OK);
    }
}

static void test_not_yet(void **state)
{
    const struct msg_stamp both[] = {request(), countersign()};

    (void)state;
    for (size_t m = 0; m < 2; m++) {
        atomic_store(&desk.core.clock.last_ns, 0);
        show(NOW_PROGRAM_BORN - 1);
        assert_int_equal(stamp(&both[m]), RC_CERT_NOT_YET_VALID);
        assert_string_equal(desk.why, "it begins at 2026-01-01T00:00:00Z");
        show(NOW_PROGRAM_BORN);
        assert_int_equal(stamp(&both[m]), RC_OK);
    }
}

/* Of the clock, with the claim of the protocol. */
static void test_sentences(void **state)
{
    const struct msg_stamp both[] = {request(), countersign()};
    static const char *const sentences[] = {
        "it may be wrong by 2 s, this unit declares 1 s",
        "it may be wrong by 2 s, this unit declares 1 s and 500 ms for whole seconds",
    };

    (void)state;
    for (size_t m = 0; m < 2; m++) {
        show(AUTHORITY_NOW);
        desk.record.bound_ns = 2 * DESK_SECOND;
        clockpage_write(desk.page, &desk.record);
        assert_int_equal(stamp(&both[m]), RC_CLOCK_BOUND);
        assert_string_equal(desk.why, sentences[m]);
    }
}

/* ---- order ---- */

static void order(int64_t digits)
{
    desk.settings.ordering = true;
    desk.settings.time_digits = digits;
}

static void test_ordered(void **state)
{
    const struct msg_stamp m = request(), a = countersign();
    struct gentime last = {0}, time;
    bool ordered;

    (void)state;
    order(3);
    for (int i = 0; i < 20; i++) {
        desk_pass(&desk, i % 2 ? 0 : 2000000);
        assert_int_equal(stamp(&m), RC_OK);
        time = made(&ordered);
        assert_true(ordered && gentime_compare(time, last) > 0);
        last = time;
        assert_int_equal(stamp(&a), RC_OK); /* has no order, and takes no turn */
    }
    desk.settings.time_digits = 0; /* nobody can order whole seconds */
    assert_int_equal(stamp(&m), RC_OK);
    (void)made(&ordered);
    assert_false(ordered);
}

static void test_too_many_for_their_times(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    order(3);
    while (stamp(&m) == RC_OK) {
    }
    assert_int_equal(stamp(&m), RC_OVERLOADED);
    assert_string_equal(
        desk.why, "this unit's tokens are ordered, and the next free time is 10.54 ms ahead of the clock");
}

/* The next issuer: whatever the one before has written lies before what this one writes. */
static void test_begin(void **state)
{
    static const int64_t ahead[] = {0, 50000000, 10000000, 10000000};
    const struct msg_stamp m = request();
    bool ordered;

    (void)state;
    for (int64_t digits = 1; digits <= 3; digits++) {
        const struct gentime last_clock = now_real();
        int64_t wait;

        order(digits);
        atomic_store(&desk.core.units[0].order.last_ns, 0);
        wait = issue_begin(&desk.core, last_clock);
        assert_int_equal(wait, ahead[digits]);
        desk_pass(&desk, wait);
        assert_int_equal(stamp(&m), RC_OK);
        assert_true(gentime_compare(made(&ordered), gentime_add_ns(last_clock, ahead[digits])) > 0);
        desk_pass(&desk, DESK_SECOND);
        desk_sample(&desk);
    }
    assert_int_equal(issue_begin(&desk.core, (struct gentime){0}), 0); /* an empty record */
    assert_int_equal(issue_begin(&desk.core, gentime_add_ns(now_real(), -DESK_SECOND)), 0); /* long ago */
    assert_int_equal(issue_begin(&desk.core, gentime_add_ns(now_real(), DESK_SECOND)),
                     0); /* ahead: no wait ends that */
    assert_int_equal(stamp(&m), RC_CLOCK_BACKWARDS);
}

static void test_go_back(void **state)
{
    const struct msg_stamp m = request();
    struct issue_mark mark;
    struct gentime now;
    bool ordered;

    (void)state;
    order(3);
    assert_int_equal(stamp(&m), RC_OK);
    issue_take_mark(&desk.core, &mark);
    desk.real_ns -= 3600 * DESK_SECOND;
    desk_sample(&desk);
    assert_int_equal(stamp(&m), RC_CLOCK_BACKWARDS);
    assert_string_equal(desk.why, "the last token is of 2026-11-20T08:05:25Z, 60 min ahead of the clock; "
                                  "tell the operator of this authority, or try again later");
    now = now_real();
    issue_go_back(&desk.core, &mark, now);
    assert_int_equal(stamp(&m), RC_OK);
    assert_true(gentime_diff_ns(made(&ordered), now) < 2000000);
    assert_int_equal(stamp(&m), RC_OK);
}

/* While an acknowledgement is on its way to the disk the clock comes to where the last token was, and tokens are made: they keep their places. */
static void test_go_back_too_late(void **state)
{
    const struct msg_stamp m = request();
    struct issue_mark mark;
    struct gentime now, last;
    bool ordered;

    (void)state;
    order(3);
    assert_int_equal(stamp(&m), RC_OK);
    issue_take_mark(&desk.core, &mark);
    desk.real_ns -= DESK_SECOND;
    desk_sample(&desk);
    assert_int_equal(stamp(&m), RC_CLOCK_BACKWARDS);
    now = now_real();
    desk_pass(&desk, DESK_SECOND);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stamp(&m), RC_OK);
        last = made(&ordered);
        assert_true(ordered && gentime_compare(last, now) > 0);
    }
    desk_pass(&desk, DESK_SECOND / 1000);
    assert_int_equal(stamp(&m), RC_OK);
    last = made(&ordered);
    issue_go_back(&desk.core, &mark, now);
    assert_int_equal(stamp(&m), RC_OK);
    assert_true(gentime_compare(made(&ordered), last) > 0);
    desk.real_ns -= DESK_SECOND / 1000;
    desk_sample(&desk);
    assert_int_equal(stamp(&m), RC_CLOCK_BACKWARDS);
}

/* A record whose last token is of a time that can not be counted any more. */
static void test_begin_at_the_end_of_time(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    order(1);
    assert_int_equal(issue_begin(&desk.core, (struct gentime){.sec = 253402300799}), 0);
    assert_int_equal(stamp(&m), RC_CLOCK_BACKWARDS);
    assert_int_equal(atomic_load(&desk.core.units[0].order.last_ns), INT64_MAX);
}

/* ---- lab time ---- */

static void test_lab_time(void **state)
{
    const struct msg_stamp m = request();
    struct ledger_record r;
    bool ordered;

    (void)state;
    order(3);
    desk.unit.lab_time = true;
    desk.core.clock.lab_time = true;
    assert_int_equal(stamp(&m), RC_CLOCK_UNKNOWN); /* the clock role is of another time */
    desk.record.proven = CLOCKPAGE_LAB_TIME;
    desk.record.bound_ns = -1;
    clockpage_write(desk.page, &desk.record);
    for (int i = 0; i < 100; i++) { /* its clock may stand still */
        assert_int_equal(stamp(&m), RC_OK);
    }
    (void)made(&ordered);
    assert_false(ordered);
    assert_int_equal(ledger_record_get(wbuf_bytes(&desk.ledger_body), &r), RC_OK);
    assert_int_equal(r.proof, CLOCKPAGE_LAB_TIME);
    assert_int_equal(r.bound_ns, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ends_to_the_second),
        TEST(test_refusal_leaves_no_trace),
        TEST(test_not_yet),
        TEST(test_sentences),
        TEST(test_ordered),
        TEST(test_too_many_for_their_times),
        TEST(test_begin),
        TEST(test_go_back),
        TEST(test_go_back_too_late),
        TEST(test_begin_at_the_end_of_time),
        TEST(test_lab_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
