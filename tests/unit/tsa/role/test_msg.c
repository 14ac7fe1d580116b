/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message bodies: every field comes back as it was put, every limit is held to the octet, and a body has one form only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/msg.h"
#include "tsa/role/settings.h"

#define FRAME 8

static uint8_t data[4096];
static const uint8_t policy[] = {0x2a, 0x03, 0x04, 0x01};
static const uint8_t nonce[] = {0x00, 0xac, 0xa6};

static struct msg_stamp rfc3161(void)
{
    return (struct msg_stamp){
        .id = 0x1122334455667788ULL,
        .unit = 5,
        .kind = MSG_RFC3161,
        .digest = DIGEST_SHA256,
        .alg_null = 1,
        .cert_req = 1,
        .data = bytes_of(data, 32),
        .nonce = bytes_of(nonce, sizeof(nonce)),
        .policy = bytes_of(policy, sizeof(policy)),
    };
}

static struct msg_stamp authenticode(void)
{
    return (struct msg_stamp){.id = 7, .unit = 1, .kind = MSG_AUTHENTICODE, .data = bytes_of(data, 256)};
}

/* Puts and gets; the body in a buffer of its own size, so that a read past it is seen. */
static enum rc through(const struct msg_stamp *in, struct msg_stamp *out)
{
    static struct chan_out queue;

    chan_out_clear(&queue);
    chan_out_init(&queue, 1u << 20);
    msg_put_stamp(&queue, in);
    assert_int_equal(queue.queue.rc, RC_OK);
    return msg_get_stamp(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME), out);
}

static void assert_taken(struct msg_stamp in)
{
    struct msg_stamp out;

    assert_int_equal(through(&in, &out), RC_OK);
    assert_true(in.id == out.id && in.unit == out.unit && in.kind == out.kind && in.digest == out.digest);
    assert_true(in.alg_null == out.alg_null && in.cert_req == out.cert_req);
    assert_true(bytes_equal(in.data, out.data) && bytes_equal(in.nonce, out.nonce) &&
                bytes_equal(in.policy, out.policy));
}

static void assert_refused(struct msg_stamp in)
{
    struct msg_stamp out;

    assert_int_equal(through(&in, &out), RC_MSG_MALFORMED);
}

static void test_rfc3161(void **state)
{
    struct msg_stamp m = rfc3161();

    (void)state;
    assert_taken(m);
    m.nonce = m.policy = BYTES_NONE;
    assert_taken(m);
    for (int alg = DIGEST_NONE; alg <= DIGEST_NUM; alg++) {
        for (size_t len = 0; len <= 65; len++) {
            const bool good = alg > DIGEST_NONE && alg < DIGEST_NUM && len == digest_len((enum digest)alg);

            m = rfc3161();
            m.digest = (uint8_t)alg;
            m.data = bytes_of(data, len);
            (good ? assert_taken : assert_refused)(m);
        }
    }
}

static void test_rfc3161_limits(void **state)
{
    struct msg_stamp m;
    uint8_t octets[70] = {1};

    (void)state;
    m = rfc3161(), m.nonce = bytes_of(octets, TSP_NONCE_MAX);
    assert_taken(m);
    m.nonce.len++;
    assert_refused(m);
    m = rfc3161(), m.alg_null = 2;
    assert_refused(m);
    m = rfc3161(), m.cert_req = 2;
    assert_refused(m);
    m = rfc3161(), m.unit = SETTINGS_MAX_UNITS - 1;
    assert_taken(m);
    m.unit++;
    assert_refused(m);
    m = rfc3161(), m.kind = 0;
    assert_refused(m);
    m.kind = 3;
    assert_refused(m);
    memset(octets, 0x01, sizeof(octets));
    m = rfc3161(), m.policy = bytes_of(octets, TSP_POLICY_MAX);
    assert_taken(m);
    m.policy.len++;
    assert_refused(m);
    octets[3] = 0x80; /* an arc that begins with a zero digit */
    m.policy = bytes_of(octets, 6);
    assert_refused(m);
}

static void test_nonce_in_its_shortest_form(void **state)
{
    static const struct {
        uint8_t octets[3];
        size_t len;
        bool good;
    } cases[] = {
        {{0x00}, 1, true},       {{0xff}, 1, true},        {{0x00, 0x80}, 2, true},  {{0x00, 0x7f}, 2, false},
        {{0xff, 0x7f}, 2, true}, {{0xff, 0x80}, 2, false}, {{0x00, 0x00}, 2, false}, {{0x80, 0x00}, 2, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct msg_stamp m = rfc3161();

        m.nonce = bytes_of(cases[i].octets, cases[i].len);
        (cases[i].good ? assert_taken : assert_refused)(m);
    }
}

static void test_authenticode(void **state)
{
    struct msg_stamp m = authenticode();

    (void)state;
    assert_taken(m);
    for (size_t len = MSAUTH_BLOB_MIN - 2; len <= MSAUTH_BLOB_MAX + 2; len++) {
        m.data = bytes_of(data, len);
        (len >= MSAUTH_BLOB_MIN && len <= MSAUTH_BLOB_MAX ? assert_taken : assert_refused)(m);
    }
    m = authenticode(), m.digest = DIGEST_SHA256;
    assert_refused(m);
    m = authenticode(), m.alg_null = 1;
    assert_refused(m);
    m = authenticode(), m.cert_req = 1;
    assert_refused(m);
    m = authenticode(), m.nonce = bytes_of(nonce, 1);
    assert_refused(m);
    m = authenticode(), m.policy = bytes_of(policy, sizeof(policy));
    assert_refused(m);
}

static void test_bodies_cut_or_lengthened(void **state)
{
    struct chan_out queue;
    const struct msg_stamp m = rfc3161();
    struct msg_stamp out;
    struct bytes body;

    (void)state;
    chan_out_init(&queue, 4096);
    msg_put_stamp(&queue, &m);
    body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
    for (size_t len = 0; len < body.len; len++) {
        assert_int_equal(msg_get_stamp(bytes_of(body.data, len), &out), RC_MSG_MALFORMED);
    }
    wbuf_put_u8(&queue.queue, 0);
    body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
    assert_int_equal(msg_get_stamp(body, &out), RC_MSG_MALFORMED);
    body.len--;
    assert_int_equal(msg_get_stamp(body, &out), RC_OK);
    queue.queue.data[FRAME + 23] = 1; /* octets without meaning are zero */
    assert_int_equal(msg_get_stamp(body, &out), RC_MSG_MALFORMED);
    chan_out_clear(&queue);
}

static void test_stamped(void **state)
{
    static const struct {
        enum rc rc;
        size_t len;
        enum rc expected;
    } cases[] = {
        {RC_OK, 1000, RC_OK},          {RC_OK, 0, RC_MSG_MALFORMED},
        {RC_CLOCK_STALE, 0, RC_OK},    {RC_CLOCK_STALE, 1, RC_MSG_MALFORMED},
        {RC_NUM, 0, RC_MSG_MALFORMED},
    };
    struct msg_stamped in, out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chan_out queue;
        struct bytes body;

        chan_out_init(&queue, 4096);
        in = (struct msg_stamped){.id = i, .rc = cases[i].rc, .reply = bytes_of(data, cases[i].len)};
        msg_put_stamped(&queue, &in);
        body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
        assert_int_equal(msg_get_stamped(body, &out), cases[i].expected);
        if (cases[i].expected == RC_OK) {
            assert_true(out.id == in.id && out.rc == in.rc && bytes_equal(out.reply, in.reply));
        }
        for (size_t len = 0; len < body.len; len++) {
            assert_int_equal(msg_get_stamped(bytes_of(body.data, len), &out), RC_MSG_MALFORMED);
        }
        chan_out_clear(&queue);
    }
}

/* A sentence goes with a refusal alone, and into answers and logs: printable ASCII, one line. */
static void test_why(void **state)
{
    static const struct {
        enum rc rc;
        const char *why;
        enum rc expected;
    } cases[] = {
        {RC_CLOCK_STEPPED, "it was set by +50 ms", RC_OK},
        {RC_CLOCK_STEPPED, "", RC_OK},
        {RC_CLOCK_STEPPED, " ~", RC_OK},
        {RC_CLOCK_STEPPED, "a\nb", RC_MSG_MALFORMED},
        {RC_CLOCK_STEPPED, "\x7f", RC_MSG_MALFORMED},
        {RC_CLOCK_STEPPED, "\xc3\xa9", RC_MSG_MALFORMED},
        {RC_OK, "a", RC_MSG_MALFORMED},
    };
    static char longest[MSG_WHY_MAX + 1];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) + 2; i++) {
        const bool is_long = i >= sizeof(cases) / sizeof(cases[0]);
        const size_t excess = i - sizeof(cases) / sizeof(cases[0]);
        const enum rc rc = is_long ? RC_CLOCK_LEAP : cases[i].rc;
        const struct bytes why = is_long ? bytes_of(longest, MSG_WHY_MAX + excess) : bytes_str(cases[i].why);
        const enum rc expected = is_long ? (excess ? RC_MSG_MALFORMED : RC_OK) : cases[i].expected;
        struct msg_acknowledged acknowledged;
        struct msg_stamped stamped;
        struct chan_out queue;

        chan_out_init(&queue, 4096);
        msg_put_stamped(&queue,
                        &(struct msg_stamped){
                            .id = 1, .rc = rc, .reply = bytes_of(data, rc == RC_OK ? 5 : 0), .why = why});
        assert_int_equal(
            msg_get_stamped(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME), &stamped), expected);
        assert_true(expected != RC_OK || bytes_equal(stamped.why, why));
        chan_out_clear(&queue);
        chan_out_init(&queue, 4096);
        msg_put_acknowledged(&queue, &(struct msg_acknowledged){.id = 2, .rc = rc, .why = why});
        assert_int_equal(
            msg_get_acknowledged(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME), &acknowledged),
            expected);
        assert_true(expected != RC_OK ||
                    (acknowledged.id == 2 && acknowledged.rc == rc && bytes_equal(acknowledged.why, why)));
        chan_out_clear(&queue);
    }
}

static void test_acknowledge(void **state)
{
    static const struct {
        const char *reason;
        size_t len;
        enum rc expected;
    } cases[] = {
        {"the battery was changed", 23, RC_OK},
        {"Zeit \xc3\xbc", 7, RC_OK},
        {"", 0, RC_MSG_MALFORMED},
        {"two\nlines", 9, RC_MSG_MALFORMED},
        {"\x7f", 1, RC_MSG_MALFORMED},
        {"a\0b", 3, RC_MSG_MALFORMED},
        {NULL, MSG_REASON_MAX, RC_OK},
        {NULL, MSG_REASON_MAX + 1, RC_MSG_MALFORMED},
    };
    static char longest[MSG_REASON_MAX + 1];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct msg_acknowledge in = {
            .id = 99, .reason = bytes_of(cases[i].reason ? cases[i].reason : longest, cases[i].len)};
        struct msg_acknowledge out;
        struct chan_out queue;
        struct bytes body;

        chan_out_init(&queue, 4096);
        msg_put_acknowledge(&queue, &in);
        body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
        assert_int_equal(msg_get_acknowledge(body, &out), cases[i].expected);
        assert_true(cases[i].expected != RC_OK || (out.id == 99 && bytes_equal(out.reason, in.reason)));
        assert_int_equal(msg_get_acknowledge(bytes_of(body.data, 7), &out), RC_MSG_MALFORMED);
        chan_out_clear(&queue);
    }
}

static void test_acknowledged_cut_or_lengthened(void **state)
{
    struct msg_acknowledged out;
    struct chan_out queue;
    struct bytes body;

    (void)state;
    chan_out_init(&queue, 4096);
    msg_put_acknowledged(&queue,
                         &(struct msg_acknowledged){.id = 2, .rc = RC_CLOCK_STALE, .why = bytes_str("no")});
    wbuf_put_u8(&queue.queue, 'x');
    body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
    for (size_t len = 0; len <= body.len; len++) {
        assert_int_equal(msg_get_acknowledged(bytes_of(body.data, len), &out),
                         len == body.len - 1 ? RC_OK : RC_MSG_MALFORMED);
    }
    chan_out_clear(&queue);
}

static enum rc facts_through(const struct msg_facts *in, struct msg_facts *out)
{
    struct chan_out queue;
    enum rc rc;

    chan_out_init(&queue, 4096);
    msg_put_facts(&queue, in);
    rc = msg_get_facts(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME), out);
    assert_int_equal(msg_get_facts(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME - 1), out),
                     RC_MSG_MALFORMED);
    chan_out_clear(&queue);
    return rc;
}

static void test_facts(void **state)
{
    struct msg_facts in, out;

    (void)state;
    memset(&in, 0, sizeof(in));
    in.id = 42;
    in.facts.ready = 1;
    in.facts.ledger_sequence = 99;
    strcpy(in.facts.clock_reference, "system");
    assert_int_equal(facts_through(&in, &out), RC_OK);
    in.facts.ready = 2;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.ready = 0;
    in.facts.reason = RC_NUM;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.reason = RC_LEDGER_WRITE;
    in.facts.clock_state = CLOCKPAGE_STOP + 1;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_state = CLOCKPAGE_STOP;
    in.facts.last_time.nsec = 1000000000;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.last_time.nsec = 999999999;
    memset(in.facts.clock_reference, 'x', sizeof(in.facts.clock_reference)); /* no end */
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_reference[31] = 0;
    assert_int_equal(facts_through(&in, &out), RC_OK);
    in.facts.clock_reason = RC_NUM;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_reason = RC_CLOCK_STEPPED;
    in.facts.clock_proven = CLOCKPAGE_LAB_TIME + 1;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_proven = CLOCKPAGE_LAB_TIME;
    in.facts.clock_leap = CLOCKPAGE_LEAP_UNKNOWN + 1;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_leap = CLOCKPAGE_LEAP_UNKNOWN;
    in.facts.clock_since.nsec = 1000000000;
    assert_int_equal(facts_through(&in, &out), RC_MSG_MALFORMED);
    in.facts.clock_since.nsec = 0;
    in.facts.clock_figure_ns = INT64_MIN;
    assert_int_equal(facts_through(&in, &out), RC_OK);
}

/* What an issuer had on its stack must not travel to a front. */
static void test_facts_have_no_padding(void **state)
{
    struct msg_facts filled;
    struct chan_out queue;
    struct facts *f = &filled.facts;
    size_t num_filled = 0;

    (void)state;
    memset(&filled, 0xee, sizeof(filled));
    f->clock_since.sec = f->last_time.sec = f->started.sec = 0;
    f->clock_since.nsec = f->last_time.nsec = f->started.nsec = 0;
    chan_out_init(&queue, 4096);
    msg_put_facts(&queue, &filled);
    for (size_t i = FRAME; i < queue.queue.len; i++) {
        num_filled += queue.queue.data[i] == 0xee;
    }
    assert_int_equal(num_filled, queue.queue.len - FRAME - 3 * sizeof(struct gentime));
    chan_out_clear(&queue);
}

static void test_padding_of_facts_is_refused(void **state)
{
    const size_t behind_started =
        sizeof(uint64_t) + offsetof(struct facts, started) + sizeof(struct gentime) - 1;
    struct msg_facts in = {.id = 3}, out;
    struct chan_out queue;
    struct bytes body;

    (void)state;
    chan_out_init(&queue, 4096);
    msg_put_facts(&queue, &in);
    body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
    assert_int_equal(msg_get_facts(body, &out), RC_OK);
    queue.queue.data[FRAME + behind_started] = 1;
    assert_int_equal(msg_get_facts(body, &out), RC_MSG_MALFORMED);
    chan_out_clear(&queue);
}

/* A serial and a record's number go with a reply alone, and a serial is no longer than RFC 3161 lets one be. */
static void test_serial(void **state)
{
    static const struct {
        enum rc rc;
        size_t reply, serial;
        uint64_t record;
        enum rc expected;
    } cases[] = {
        {RC_OK, 10, 1, 0, RC_OK},
        {RC_OK, 10, MSG_SERIAL_MAX, 1, RC_OK},
        {RC_OK, 10, 0, UINT64_MAX, RC_OK},
        {RC_OK, 10, MSG_SERIAL_MAX + 1, 1, RC_MSG_MALFORMED},
        {RC_OVERLOADED, 0, 1, 0, RC_MSG_MALFORMED},
        {RC_OVERLOADED, 0, 0, 1, RC_MSG_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct msg_stamped in = {.rc = cases[i].rc,
                                       .reply = bytes_of(data, cases[i].reply),
                                       .serial = bytes_of(data + 500, cases[i].serial),
                                       .record = cases[i].record};
        struct msg_stamped out;
        struct chan_out queue;
        struct bytes body;

        chan_out_init(&queue, 4096);
        msg_put_stamped(&queue, &in);
        body = bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME);
        assert_int_equal(msg_get_stamped(body, &out), cases[i].expected);
        if (cases[i].expected == RC_OK) {
            assert_true(bytes_equal(out.serial, in.serial) && bytes_equal(out.reply, in.reply));
            assert_true(out.record == in.record);
        }
        assert_int_equal(msg_get_stamped(bytes_of(body.data, body.len - 1), &out), RC_MSG_MALFORMED);
        chan_out_clear(&queue);
    }
}

static void test_units(void **state)
{
    struct msg_units in = {.num = SETTINGS_MAX_UNITS}, out;

    (void)state;
    for (uint16_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
        in.now[i] = i % 3 ? SETTINGS_MAX_UNITS - 1 - i : MSG_UNIT_GONE;
    }
    for (uint16_t num = 0; num <= SETTINGS_MAX_UNITS; num++) {
        in.num = num;
        assert_true(msg_units_bytes(&in).len > 0); /* so that none is told from not said */
        assert_int_equal(msg_get_units(msg_units_bytes(&in), &out), RC_OK);
        assert_int_equal(out.num, num);
        assert_memory_equal(out.now, in.now, num * sizeof(in.now[0]));
    }
}

static void assert_units_refused(struct bytes body)
{
    struct msg_units out = {.num = 7};

    assert_int_equal(msg_get_units(body, &out), RC_MSG_MALFORMED);
    assert_int_equal(out.num, 0);
}

static void test_bad_units(void **state)
{
    struct msg_units in = {.num = 3};
    struct bytes body = msg_units_bytes(&in);

    (void)state;
    for (size_t len = 0; len < body.len; len++) {
        assert_units_refused(bytes_of(body.data, len));
    }
    assert_units_refused(bytes_of(body.data, body.len + 1));
    assert_units_refused(bytes_of(body.data, body.len + 2));
    in.now[2] = SETTINGS_MAX_UNITS; /* no number of a unit, and not the one for none */
    assert_units_refused(body);
    in.now[2] = MSG_UNIT_GONE - 1;
    assert_units_refused(body);
    in.num = SETTINGS_MAX_UNITS + 1;
    assert_units_refused(bytes_of(&in, sizeof(in)));
}

static void test_ask_and_empty(void **state)
{
    struct chan_out queue;
    uint64_t id = 0;

    (void)state;
    chan_out_init(&queue, 4096);
    msg_put_ask_facts(&queue, 77);
    assert_int_equal(msg_get_ask_facts(bytes_of(queue.queue.data + FRAME, queue.queue.len - FRAME), &id),
                     RC_OK);
    assert_int_equal(id, 77);
    assert_int_equal(msg_get_ask_facts(bytes_of(queue.queue.data + FRAME, 7), &id), RC_MSG_MALFORMED);
    assert_int_equal(msg_get_ask_facts(bytes_of(queue.queue.data, 9), &id), RC_MSG_MALFORMED);
    assert_int_equal(queue.queue.len, 16);
    msg_put_empty(&queue, MSG_STOP);
    assert_int_equal(queue.queue.len, 16 + FRAME);
    chan_out_clear(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3161),
        cmocka_unit_test(test_rfc3161_limits),
        cmocka_unit_test(test_nonce_in_its_shortest_form),
        cmocka_unit_test(test_authenticode),
        cmocka_unit_test(test_bodies_cut_or_lengthened),
        cmocka_unit_test(test_stamped),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_acknowledge),
        cmocka_unit_test(test_acknowledged_cut_or_lengthened),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_bad_units),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_have_no_padding),
        cmocka_unit_test(test_padding_of_facts_is_refused),
        cmocka_unit_test(test_ask_and_empty),
    };

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31 + 7);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
