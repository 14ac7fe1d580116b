/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SNTP client's packets: a question that tells nothing, answers that are taken only when they answer it, and what makes a server unfit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/clock/sntp_packet.h"

#define NONCE  UINT64_C(0x0123456789abcdef)
#define SECOND INT64_C(1000000000)

static int64_t at(const char *iso)
{
    struct gentime t;

    assert_int_equal(gentime_parse_iso(iso, &t), RC_OK);
    return t.sec * SECOND + t.nsec;
}

static void put(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(value >> 8 * (len - 1 - i));
    }
}

/* A good answer of a server of stratum 2 at 2026-11-21T22:31:05. */
static void make(uint8_t out[64])
{
    const int64_t now = at("2026-11-21T22:31:05Z");

    memset(out, 0, 64);
    out[0] = 0 << 6 | 4 << 3 | 4;
    out[1] = 2;
    out[2] = 6;
    out[3] = (uint8_t)-20;
    put(out + 4, 65536 / 100, 4); /* root delay 10 ms */
    put(out + 8, 65536 / 50, 4);  /* root dispersion 20 ms */
    put(out + 12, 0xc0000207, 4);
    put(out + 16, sntp_put_time(now - 30 * SECOND), 8);
    put(out + 24, NONCE, 8);
    put(out + 32, sntp_put_time(now), 8);
    put(out + 40, sntp_put_time(now + 1000), 8);
}

static enum sntp_answer get(const uint8_t *packet, size_t len, struct sntp_reply *out)
{
    return sntp_get_answer(bytes_of(packet, len), NONCE, at("2026-11-21T22:31:05Z"), out);
}

static void asks_without_telling(void **unused)
{
    uint8_t question[SNTP_PACKET_LEN];

    (void)unused;
    sntp_put_question(question, NONCE);
    assert_int_equal(question[0], 0x23);
    assert_true(bytes_are_zero(bytes_of(question + 1, 39)));
    assert_memory_equal(question + 40, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
}

static void reads_an_answer(void **unused)
{
    uint8_t packet[64];
    struct sntp_reply reply;

    (void)unused;
    make(packet);
    for (size_t len = 48; len <= 64; len += 4) { /* extensions and codes of authentication are passed over */
        assert_int_equal(get(packet, len, &reply), SNTP_TIME);
        assert_in_range(reply.received_ns, at("2026-11-21T22:31:05Z") - 1, at("2026-11-21T22:31:05Z"));
        assert_in_range(reply.sent_ns - reply.received_ns, 999, 1001);
        /* 5 ms + 20 ms + a microsecond, never less than the server says, and what is lost in rounding */
        assert_in_range(reply.error_ns, 24990000, 25040000);
        assert_int_equal(reply.stratum, 2);
        assert_int_equal(reply.leap, CLOCKPAGE_LEAP_NONE);
        assert_string_equal(reply.reference, "192.0.2.7");
    }
    packet[0] |= 1 << 6;
    packet[1] = 1;
    memcpy(packet + 12, "GPS", 4);
    assert_int_equal(get(packet, 48, &reply), SNTP_TIME);
    assert_int_equal(reply.leap, CLOCKPAGE_LEAP_INSERT);
    assert_int_equal(reply.stratum, 1);
    assert_string_equal(reply.reference, "GPS");
    packet[0] ^= 3 << 6;
    packet[12] = '\n';
    assert_int_equal(get(packet, 48, &reply), SNTP_TIME);
    assert_int_equal(reply.leap, CLOCKPAGE_LEAP_DELETE);
    assert_string_equal(reply.reference, "?PS");
}

/* Whoever can not see the question can not forge an answer, a kiss neither. */
static void passes_over_what_answers_no_question(void **unused)
{
    uint8_t packet[64];
    struct sntp_reply reply;

    (void)unused;
    for (size_t len = 0; len < 48; len++) {
        make(packet);
        assert_int_equal(get(packet, len, &reply), SNTP_FOREIGN);
    }
    for (unsigned version = 0; version < 8; version++) {
        for (unsigned mode = 0; mode < 8; mode++) {
            make(packet);
            packet[0] = (uint8_t)(version << 3 | mode);
            assert_int_equal(get(packet, 48, &reply), version == 4 && mode == 4 ? SNTP_TIME : SNTP_FOREIGN);
        }
    }
    for (size_t bit = 0; bit < 64; bit++) {
        make(packet);
        packet[24 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(get(packet, 48, &reply), SNTP_FOREIGN);
        packet[1] = 0;
        memcpy(packet + 12, "DENY", 4);
        assert_int_equal(get(packet, 48, &reply), SNTP_FOREIGN);
    }
    make(packet);
    put(packet + 24, 0, 8); /* nothing was asked */
    assert_int_equal(sntp_get_answer(bytes_of(packet, 48), 0, 0, &reply), SNTP_FOREIGN);
    assert_int_equal(sntp_get_answer(BYTES_NONE, NONCE, 0, &reply), SNTP_FOREIGN);
}

static void obeys_a_kiss(void **unused)
{
    static const struct {
        char code[5];
        enum sntp_answer answer;
        const char *reference;
    } rows[] = {
        {"RATE", SNTP_RATE, "KISS RATE"},  {"DENY", SNTP_LEAVE, "KISS DENY"},
        {"RSTR", SNTP_LEAVE, "KISS RSTR"}, {"INIT", SNTP_UNFIT, "KISS INIT"},
        {"\0\0\0", SNTP_UNFIT, "KISS "},   {"rate", SNTP_UNFIT, "KISS rate"},
        {"R TE", SNTP_UNFIT, "KISS R?TE"}, {"\x80\xff", SNTP_UNFIT, "KISS ??"},
    };
    uint8_t packet[64];
    struct sntp_reply reply;

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(packet);
        packet[0] |= 3 << 6; /* as such packets have it */
        packet[1] = 0;
        memcpy(packet + 12, rows[i].code, 4);
        assert_int_equal(get(packet, 48, &reply), rows[i].answer);
        assert_string_equal(reply.reference, rows[i].reference);
    }
}

struct change {
    size_t at, len;
    uint64_t value;
    enum sntp_answer answer;
};

static void finds_the_unfit(void **unused)
{
    const int64_t now = at("2026-11-21T22:31:05Z");
    const struct change rows[] = {
        {0, 1, 3 << 6 | 4 << 3 | 4, SNTP_UNFIT}, /* not synchronised */
        {1, 1, 1, SNTP_TIME},
        {1, 1, 15, SNTP_TIME},
        {1, 1, 16, SNTP_UNFIT},
        {1, 1, 255, SNTP_UNFIT},
        {4, 4, 2 * 65536, SNTP_TIME},   /* root delay 2 s: 1 s off */
        {4, 4, 3 * 65536, SNTP_UNFIT},  /* 1.5 s and the rest */
        {4, 4, 0xffffffff, SNTP_UNFIT}, /* unsigned: never a gain */
        {8, 4, 65536, SNTP_TIME},
        {8, 4, 3 * 65536 / 2, SNTP_UNFIT},
        {8, 4, 16 * 65536, SNTP_UNFIT}, /* MAXDISP */
        {3, 1, 0, SNTP_TIME},           /* a clock that shows seconds */
        {3, 1, 1, SNTP_UNFIT},
        {3, 1, 127, SNTP_UNFIT},
        {3, 1, 128, SNTP_TIME}, /* 2^-128 */
        {32, 8, 0, SNTP_UNFIT},
        {40, 8, 0, SNTP_UNFIT},
        {40, 8, sntp_put_time(now - 1000), SNTP_UNFIT}, /* sent before it got the question */
        {32, 8, sntp_put_time(now + 2000), SNTP_UNFIT},
        {16, 8, 0, SNTP_TIME}, /* when it was set is its own affair */
    };
    uint8_t packet[64];
    struct sntp_reply reply;

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%zu\n", i);
        make(packet);
        put(packet + rows[i].at, rows[i].value, rows[i].len);
        assert_int_equal(get(packet, 48, &reply), rows[i].answer);
    }
}

/* ---- eras ---- */

static void finds_the_era(void **unused)
{
    static const struct {
        const char *time, *near;
    } rows[] = {
        {"2026-11-21T22:31:05Z", "2026-11-21T22:31:05Z"}, {"2026-11-21T22:31:05Z", "1970-01-01T00:00:00Z"},
        {"2026-11-21T22:31:05Z", "2090-01-01T00:00:00Z"}, {"2036-02-07T06:28:15Z", "2036-02-07T06:28:15Z"},
        {"2036-02-07T06:28:16Z", "2036-02-07T06:28:15Z"}, {"2036-02-07T06:28:15Z", "2036-02-07T06:28:17Z"},
        {"2036-02-07T06:28:17Z", "2026-11-21T22:31:05Z"}, {"2039-01-01T00:00:00Z", "2026-11-21T22:31:05Z"},
        {"2100-06-01T00:00:00Z", "2100-06-01T00:00:10Z"}, {"2171-06-01T00:00:00Z", "2180-06-01T00:00:10Z"},
        {"1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"}, {"1910-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int64_t time = at(rows[i].time) + 250000000;

        print_message("%s near %s\n", rows[i].time, rows[i].near);
        assert_int_equal(sntp_time(sntp_put_time(time), at(rows[i].near)), time);
    }
    /* Half an era away both ways are as near; beyond all bounds nothing overflows. */
    assert_int_equal(sntp_time(sntp_put_time(0), INT64_C(2147483648) * SECOND), 0);
    assert_true(sntp_time(UINT64_MAX, INT64_MAX) > 0);
    assert_true(sntp_time(0, INT64_MIN) < INT64_C(2200000000) * SECOND);
}

static void keeps_fractions(void **unused)
{
    const int64_t near = at("2026-11-21T22:31:05Z");

    (void)unused;
    for (int64_t ns = 0; ns < SECOND; ns += 999983) {
        const int64_t back = sntp_time(sntp_put_time(near + ns), near);

        assert_in_range(near + ns - back, 0, 1); /* rounded down twice */
    }
    assert_int_equal(sntp_time(UINT64_C(0xffffffff), INT64_C(-1)) % SECOND, 999999999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_without_telling),
        cmocka_unit_test(reads_an_answer),
        cmocka_unit_test(passes_over_what_answers_no_question),
        cmocka_unit_test(obeys_a_kiss),
        cmocka_unit_test(finds_the_unfit),
        cmocka_unit_test(finds_the_era),
        cmocka_unit_test(keeps_fractions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
