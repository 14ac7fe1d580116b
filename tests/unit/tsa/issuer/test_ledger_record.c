/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a record: its layout to the octet, the former version of it, its limits, and every head that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/issuer/ledger_record.h"
#include "tsa/role/msg.h"

static uint8_t junk[70000];

static struct ledger_record sample(void)
{
    return (struct ledger_record){
        .kind = MSG_RFC3161,
        .digest = DIGEST_SHA512,
        .proof = CLOCKPAGE_PROVEN,
        .sequence = 0x0102030405060708,
        .group = 0x1112131415161718,
        .clock = {0x2122232425262728, 0x31323334},
        .time = {-2, 5},
        .bound_ns = -1,
        .age_ns = 0x4142434445464748,
        .unit = bytes_str("ab"),
        .serial = bytes_str("c"),
        .imprint = bytes_str("def"),
        .policy = bytes_str("g"),
        .text = bytes_str("hijk"),
        .reference = bytes_str("lm"),
    };
}

static struct ledger_record sample_event(void)
{
    return (struct ledger_record){
        .kind = LEDGER_EVENT,
        .event = LEDGER_CLOCK_STOP,
        .proof = CLOCKPAGE_LAB_TIME,
        .clock = {5, 6},
        .bound_ns = 7,
        .age_ns = -1,
        .text = bytes_str("state=stop"),
        .reference = bytes_str("lm"),
    };
}

static void test_layout(void **state)
{
    static const uint8_t expected[] = {
        2,    1,    5,    1,                                        /* version, kind, digest, proof */
        8,    7,    6,    5,    4,    3,    2,    1,                /* sequence */
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,             /* group */
        0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,             /* clock */
        0x34, 0x33, 0x32, 0x31, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, /* ... genTime */
        0xff, 0xff, 5,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, /* ... bound */
        0xff, 0xff, 0xff, 0xff, 2,    1,    3,    1,    4,    0,    /* ... lengths */
        2,    0,    0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, /* ... age */
        'a',  'b',  'c',  'd',  'e',  'f',  'g',  'h',  'i',  'j',  'k', 'l', 'm',
    };
    const struct ledger_record in = sample();
    struct ledger_record out;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, LEDGER_BODY_MAX);
    ledger_record_put(&w, &in);
    assert_int_equal(w.len, sizeof(expected));
    assert_memory_equal(w.data, expected, sizeof(expected));
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    assert_true(out.sequence == in.sequence && out.group == in.group && out.bound_ns == -1);
    assert_true(out.proof == CLOCKPAGE_PROVEN && out.age_ns == in.age_ns && out.event == 0);
    assert_true(out.time.sec == -2 && out.clock.nsec == 0x31323334);
    assert_true(bytes_equal(out.text, in.text) && bytes_equal(out.policy, in.policy) &&
                bytes_equal(out.reference, in.reference));
    ledger_record_place(w.data, 9, 10);
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    assert_true(out.sequence == 9 && out.group == 10 && bytes_equal(out.unit, in.unit));
    wbuf_clear(&w);
}

/* What was written before there were ages and references is read for ever. */
static void test_version_1(void **state)
{
    static const uint8_t body[] = {
        1,    1,    5,    1,                                        /* version, kind, digest, proven */
        8,    7,    6,    5,    4,    3,    2,    1,                /* sequence */
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,             /* group */
        0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,             /* clock */
        0x34, 0x33, 0x32, 0x31, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, /* ... genTime */
        0xff, 0xff, 5,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, /* ... bound */
        0xff, 0xff, 0xff, 0xff, 2,    1,    3,    1,    4,    0,    /* ... lengths */
        0,    0,    'a',  'b',  'c',  'd',  'e',  'f',  'g',  'h',  'i', 'j', 'k',
    };
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {{1, 3}, {3, 2}, {58, 1}, {59, 1}, {0, 2}, {0, 3}};
    const struct ledger_record same = sample();
    struct ledger_record out;
    uint8_t bad[sizeof(body)];

    (void)state;
    assert_int_equal(ledger_record_get(bytes_of(body, sizeof(body)), &out), RC_OK);
    assert_true(out.kind == same.kind && out.digest == same.digest && out.proof == CLOCKPAGE_PROVEN);
    assert_true(out.sequence == same.sequence && out.group == same.group && out.bound_ns == -1);
    assert_true(gentime_compare(out.clock, same.clock) == 0 && gentime_compare(out.time, same.time) == 0);
    assert_true(out.age_ns == -1 && out.reference.len == 0);
    assert_true(bytes_equal(out.unit, same.unit) && bytes_equal(out.serial, same.serial) &&
                bytes_equal(out.imprint, same.imprint) && bytes_equal(out.policy, same.policy) &&
                bytes_equal(out.text, same.text));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(bad, body, sizeof(bad));
        bad[cases[i].at] = cases[i].value;
        assert_int_equal(ledger_record_get(bytes_of(bad, sizeof(bad)), &out), RC_LEDGER_DAMAGED);
    }
}

static void test_event(void **state)
{
    static const size_t forbidden[] = {53, 54, 55}; /* serial, imprint, policy */
    const struct ledger_record in = sample_event();
    struct ledger_record out;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, LEDGER_BODY_MAX);
    ledger_record_put(&w, &in);
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    assert_true(out.kind == LEDGER_EVENT && out.event == LEDGER_CLOCK_STOP && out.digest == DIGEST_NONE);
    assert_true(out.proof == CLOCKPAGE_LAB_TIME && out.bound_ns == 7 && out.age_ns == -1);
    assert_true(bytes_equal(out.text, in.text) && bytes_equal(out.reference, in.reference));
    w.data[2] = 200; /* of a later version of this program */
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    assert_int_equal(out.event, 200);
    w.data[2] = 0;
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_LEDGER_DAMAGED);
    w.data[2] = LEDGER_CLOCK_STOP;
    for (size_t i = 0; i < 3; i++) {
        w.data[forbidden[i]]++; /* takes an octet from the text, so that the lengths are right */
        w.data[56]--;
        assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_LEDGER_DAMAGED);
        w.data[forbidden[i]]--;
        w.data[56]++;
    }
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    wbuf_clear(&w);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(ledger_event_word(LEDGER_CLOCK_STOP), "clock-stop");
    assert_string_equal(ledger_event_word(LEDGER_UNIT_RESUMED), "unit-resumed");
    assert_string_equal(ledger_event_word((enum ledger_event)0), "event");
    assert_string_equal(ledger_event_word((enum ledger_event)255), "event");
}

static void test_limits(void **state)
{
    struct ledger_record in;
    struct wbuf w;
    struct bytes *const parts[] = {&in.unit, &in.serial, &in.imprint, &in.policy, &in.reference, &in.text};

    (void)state;
    wbuf_init(&w, 100000);
    for (size_t i = 0; i < 6; i++) {
        const size_t max = i < 5 ? 255 : 65535;

        in = sample();
        *parts[i] = bytes_of(junk, max);
        wbuf_reset(&w);
        ledger_record_put(&w, &in);
        assert_int_equal(wbuf_rc(&w), RC_OK);
        *parts[i] = bytes_of(junk, max + 1);
        wbuf_reset(&w);
        ledger_record_put(&w, &in);
        assert_int_equal(wbuf_rc(&w), RC_TOO_LARGE);
    }
    wbuf_clear(&w);
}

static void test_what_is_no_body(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {
        {0, 0},                      /* version */
        {0, 1},     {0, 3},          /* ... another one than this body's */
        {1, 0},     {1, 3},  {1, 4}, /* kind */
        {2, 6},     {3, 3},          /* digest, proof */
        {31, 0x7f},                  /* nanoseconds of a second that never ends */
        {43, 0x7f}, {52, 3}, {53, 0}, {54, 4}, {55, 2}, {56, 3}, {57, 1}, {58, 1}, {58, 3}, {59, 1},
    };
    const struct ledger_record in = sample();
    struct ledger_record out;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, LEDGER_BODY_MAX);
    ledger_record_put(&w, &in);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t before = w.data[cases[i].at];

        w.data[cases[i].at] = cases[i].value;
        assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_LEDGER_DAMAGED);
        w.data[cases[i].at] = before;
    }
    for (size_t len = 0; len < w.len; len++) {
        assert_int_equal(ledger_record_get(bytes_of(w.data, len), &out), RC_LEDGER_DAMAGED);
    }
    memset(junk, 0, sizeof(junk));
    assert_int_equal(ledger_record_get(bytes_of(junk, LEDGER_BODY_MAX + 1), &out), RC_LEDGER_DAMAGED);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout), cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_event),  cmocka_unit_test(test_words),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_what_is_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
