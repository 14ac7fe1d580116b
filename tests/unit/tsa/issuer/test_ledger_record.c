/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a record: its layout to the octet, its limits, and every head that is none. */
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
        .proven = true,
        .sequence = 0x0102030405060708,
        .group = 0x1112131415161718,
        .clock = {0x2122232425262728, 0x31323334},
        .time = {-2, 5},
        .bound_ns = -1,
        .unit = bytes_str("ab"),
        .serial = bytes_str("c"),
        .imprint = bytes_str("def"),
        .policy = bytes_str("g"),
        .signed_info = bytes_str("hijk"),
    };
}

static void test_layout(void **state)
{
    static const uint8_t expected[] = {
        1,    1,    5,    1,                                        /* version, kind, digest, proven */
        8,    7,    6,    5,    4,    3,    2,    1,                /* sequence */
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,             /* group */
        0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,             /* clock */
        0x34, 0x33, 0x32, 0x31, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, /* ... genTime */
        0xff, 0xff, 5,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, /* ... bound */
        0xff, 0xff, 0xff, 0xff, 2,    1,    3,    1,    4,    0,    /* ... lengths */
        0,    0,    'a',  'b',  'c',  'd',  'e',  'f',  'g',  'h',  'i', 'j', 'k',
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
    assert_true(out.sequence == in.sequence && out.group == in.group && out.bound_ns == -1 && out.proven);
    assert_true(out.time.sec == -2 && out.clock.nsec == 0x31323334);
    assert_true(bytes_equal(out.signed_info, in.signed_info) && bytes_equal(out.policy, in.policy));
    ledger_record_place(w.data, 9, 10);
    assert_int_equal(ledger_record_get(wbuf_bytes(&w), &out), RC_OK);
    assert_true(out.sequence == 9 && out.group == 10 && bytes_equal(out.unit, in.unit));
    wbuf_clear(&w);
}

static void test_limits(void **state)
{
    struct ledger_record in;
    struct wbuf w;
    struct bytes *const parts[] = {&in.unit, &in.serial, &in.imprint, &in.policy, &in.signed_info};

    (void)state;
    wbuf_init(&w, 100000);
    for (size_t i = 0; i < 5; i++) {
        const size_t max = i < 4 ? 255 : 65535;

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
        {0, 2},     {1, 0},  {1, 3}, /* kind */
        {2, 6},     {3, 2},          /* digest, proven */
        {31, 0x7f},                  /* nanoseconds of a second that never ends */
        {43, 0x7f}, {52, 3}, {53, 0}, {54, 4}, {55, 2}, {56, 3}, {57, 1}, {58, 1}, {59, 1},
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
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_is_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
