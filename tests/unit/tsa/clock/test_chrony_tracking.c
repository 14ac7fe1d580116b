/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of chrony's command protocol: one reply that is good, and each way in which one is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tsa/clock/chrony_reply.h"
#include "tsa/clock/chrony_tracking.h"

#define SEQUENCE 0x01020304u
#define SECOND   INT64_C(1000000000)
#define NUM(a)   (sizeof(a) / sizeof((a)[0]))

static uint8_t reply[2 * REPLY_LEN];

static enum rc parse_len(size_t len, struct chrony_tracking *out, const char **out_why)
{
    uint8_t *copy = malloc(len ? len : 1); /* so that a read beyond its end is seen */
    enum rc rc;

    assert_non_null(copy);
    memcpy(copy, reply, len);
    rc = chrony_tracking_parse(bytes_of(copy, len), SEQUENCE, out, out_why);
    free(copy);
    return rc;
}

static struct chrony_tracking parse(void)
{
    struct chrony_tracking t;
    const char *why;

    assert_int_equal(parse_len(REPLY_LEN, &t, &why), RC_OK);
    assert_null(why);
    return t;
}

static void test_request(void **state)
{
    uint8_t out[CHRONY_TRACKING_LEN], expected[104] = {6, 1, 0, 0, 0, 33, 0, 0, 1, 2, 3, 4};

    (void)state;
    chrony_tracking_ask(SEQUENCE, out);
    assert_int_equal(sizeof(out), 104);
    assert_memory_equal(out, expected, sizeof(expected));
}

static void test_good_reply(void **state)
{
    struct chrony_tracking t;

    (void)state;
    reply_make(reply, SEQUENCE);
    t = parse();
    assert_int_equal(t.reference_id, 0xc0000201);
    assert_string_equal(t.reference, "chrony 192.0.2.1");
    assert_true(t.stratum == 3 && t.leap == 0);
    assert_true(t.measured.sec == 1795300000 && t.measured.nsec == 250000000);
    /* Rounded away from zero, from 24 bits. */
    assert_in_range(t.correction_ns, 1500000, 1500001);
    assert_in_range(t.root_delay_ns, 20000000, 20000001);
    assert_in_range(t.root_dispersion_ns, 3000000, 3000001);
    assert_true(t.residual_ppb == -250 && t.skew_ppb == 500);
}

/* ---- each field that can be wrong ---- */

static void change_u8(size_t at, uint32_t value)
{
    reply[at] = (uint8_t)value;
}

static void change_u16(size_t at, uint32_t value)
{
    reply_put_u16(reply, at, value);
}

static void change_u32(size_t at, uint32_t value)
{
    reply_put_u32(reply, at, value);
}

static void change_nothing(size_t at, uint32_t value)
{
    (void)at;
    (void)value;
}

#define LARGE      (60u << 25 | 0xffffffu)             /* 2^59 */
#define NEGATIVE   (0u << 25 | 0x1ffffffu)             /* -2^-25 */
#define LEAST      ((1u << 31) | 1u)                   /* 2^-89 */
#define MOST       (63u << 25 | 0xffffffu)             /* 2^62 */
#define LEAST_OF_7 (((uint32_t)-64 & 0x7f) << 25 | 1u) /* 2^-89 again, spelled out */

static const struct bad {
    const char *what;
    void (*change)(size_t at, uint32_t value);
    size_t at;
    uint32_t value;
    size_t len;
    enum rc rc;
    const char *why;
} bads[] = {
    {"empty", change_nothing, 0, 0, 0, RC_CLOCK_UNREACHABLE, "shorter than the head"},
    {"one octet", change_nothing, 0, 0, 1, RC_CLOCK_UNREACHABLE, "shorter than the head"},
    {"no whole head", change_nothing, 0, 0, 27, RC_CLOCK_UNREACHABLE, "shorter than the head"},
    {"head alone", change_nothing, 0, 0, 28, RC_CLOCK_UNREACHABLE, "another length"},
    {"one short", change_nothing, 0, 0, 103, RC_CLOCK_UNREACHABLE, "another length"},
    {"one long", change_nothing, 0, 0, 105, RC_CLOCK_UNREACHABLE, "another length"},
    {"twice as long", change_nothing, 0, 0, 208, RC_CLOCK_UNREACHABLE, "another length"},
    {"version 5", change_u8, 0, 5, REPLY_LEN, RC_CLOCK_UNREACHABLE, "another version"},
    {"version 7", change_u8, 0, 7, REPLY_LEN, RC_CLOCK_UNREACHABLE, "another version"},
    {"a request", change_u8, 1, 1, REPLY_LEN, RC_CLOCK_UNREACHABLE, "no reply to a tracking"},
    {"type 0", change_u8, 1, 0, REPLY_LEN, RC_CLOCK_UNREACHABLE, "no reply to a tracking"},
    {"another command", change_u16, 4, 34, REPLY_LEN, RC_CLOCK_UNREACHABLE, "no reply to a tracking"},
    {"command's high octet", change_u16, 4, 256 + 33, REPLY_LEN, RC_CLOCK_UNREACHABLE,
     "no reply to a tracking"},
    {"null reply", change_u16, 6, 1, REPLY_LEN, RC_CLOCK_UNREACHABLE, "something else"},
    {"another reply", change_u16, 6, 6, REPLY_LEN, RC_CLOCK_UNREACHABLE, "something else"},
    {"failed", change_u16, 8, 1, REPLY_LEN, RC_CLOCK_UNREACHABLE, "refuses"},
    {"bad length", change_u16, 8, 19, 28, RC_CLOCK_UNREACHABLE, "refuses"},
    {"last status", change_u16, 8, 0xffff, REPLY_LEN, RC_CLOCK_UNREACHABLE, "refuses"},
    {"next sequence", change_u32, 16, SEQUENCE + 1, REPLY_LEN, RC_NOT_FOUND, "another request"},
    {"sequence 0", change_u32, 16, 0, REPLY_LEN, RC_NOT_FOUND, "another request"},
    {"sequence's order", change_u32, 16, 0x04030201, REPLY_LEN, RC_NOT_FOUND, "another request"},
    {"old and short", change_u32, 16, 7, 28, RC_NOT_FOUND, "another request"},
    {"family", change_u16, REPLY_AT_FAMILY, 4, REPLY_LEN, RC_CLOCK_UNREACHABLE, "unknown kind"},
    {"last family", change_u16, REPLY_AT_FAMILY, 0xffff, REPLY_LEN, RC_CLOCK_UNREACHABLE, "unknown kind"},
    {"stratum", change_u16, REPLY_AT_STRAT, 17, REPLY_LEN, RC_CLOCK_UNREACHABLE, "stratum"},
    {"leap", change_u16, REPLY_AT_LEAP, 4, REPLY_LEN, RC_CLOCK_UNREACHABLE, "leap status"},
    {"nanoseconds", change_u32, REPLY_AT_TIME + 8, 1000000000, REPLY_LEN, RC_CLOCK_UNREACHABLE,
     "last measurement"},
    {"far future", change_u32, REPLY_AT_TIME, 3, REPLY_LEN, RC_CLOCK_UNREACHABLE, "last measurement"},
    {"no time", change_u32, REPLY_AT_TIME, 0x80000000, REPLY_LEN, RC_CLOCK_UNREACHABLE, "last measurement"},
    {"correction", change_u32, REPLY_AT_CORR, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "correction"},
    {"most", change_u32, REPLY_AT_CORR, MOST, REPLY_LEN, RC_CLOCK_UNREACHABLE, "correction"},
    {"most negative", change_u32, REPLY_AT_CORR, 63u << 25 | 0x1000000, REPLY_LEN, RC_CLOCK_UNREACHABLE,
     "correction"},
    {"last offset", change_u32, REPLY_AT_LAST, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "last offset"},
    {"delay", change_u32, REPLY_AT_DELAY, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "root delay"},
    {"negative delay", change_u32, REPLY_AT_DELAY, NEGATIVE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "root delay"},
    {"dispersion", change_u32, REPLY_AT_DISP, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "root dispersion"},
    {"negative dispersion", change_u32, REPLY_AT_DISP, NEGATIVE, REPLY_LEN, RC_CLOCK_UNREACHABLE,
     "root dispersion"},
    {"residual", change_u32, REPLY_AT_RESID, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "residual"},
    {"skew", change_u32, REPLY_AT_SKEW, LARGE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "skew"},
    {"negative skew", change_u32, REPLY_AT_SKEW, NEGATIVE, REPLY_LEN, RC_CLOCK_UNREACHABLE, "skew"},
};

static void test_bad_replies(void **state)
{
    static const struct chrony_tracking nothing;
    struct chrony_tracking t;
    const char *why;

    (void)state;
    for (size_t i = 0; i < NUM(bads); i++) {
        memset(reply, 0, sizeof(reply));
        reply_make(reply, SEQUENCE);
        bads[i].change(bads[i].at, bads[i].value);
        memset(&t, 1, sizeof(t));
        if (parse_len(bads[i].len, &t, &why) != bads[i].rc || !why || !strstr(why, bads[i].why)) {
            fail_msg("%s: %s", bads[i].what, why ? why : "no word");
        }
        assert_memory_equal(&t, &nothing, sizeof(t));
    }
}

/* What travels beside: it may be whatever it wants. */
static void test_padding_is_not_read(void **state)
{
    static const size_t at[] = {2, 3, 10, 11, 12, 13, 14, 15, 20, 27, 50, 51, 76, 80, 100, 103};

    (void)state;
    reply_make(reply, SEQUENCE);
    for (size_t i = 0; i < NUM(at); i++) {
        reply[at[i]] = 0xff;
    }
    assert_in_range(parse().correction_ns, 1500000, 1500001);
}

/* ---- numbers ---- */

static int64_t dispersion_of(uint32_t word)
{
    reply_make(reply, SEQUENCE);
    reply_put_u32(reply, REPLY_AT_DISP, word);
    return parse().root_dispersion_ns;
}

static int64_t correction_of(uint32_t word)
{
    reply_make(reply, SEQUENCE);
    reply_put_u32(reply, REPLY_AT_CORR, word);
    return parse().correction_ns;
}

static void test_numbers(void **state)
{
    (void)state;
    assert_true(dispersion_of(0) == 0);
    assert_true(dispersion_of(63u << 25) == 0);                   /* nothing times 2^38 */
    assert_true(dispersion_of(2u << 25 | 1u << 23) == SECOND);    /* 2^23 * 2^(2 - 25) */
    assert_true(dispersion_of(25u << 25 | 3u) == 3 * SECOND);     /* an exponent of 0 */
    assert_true(dispersion_of(26u << 25 | 3u) == 6 * SECOND);     /* above */
    assert_true(dispersion_of(24u << 25 | 3u) == 3 * SECOND / 2); /* below */
    assert_true(dispersion_of(LEAST) == 1);                       /* never less than there is */
    assert_true(dispersion_of(LEAST_OF_7) == 1);
    assert_true(dispersion_of(51u << 25 | 1u) == (INT64_C(1) << 26) * SECOND);
    assert_true(correction_of(25u << 25 | 0x1ffffff) == -SECOND);
    assert_true(correction_of(25u << 25 | 0x1000000) == -(INT64_C(1) << 24) * SECOND);
    assert_true(correction_of(LEAST | 0x1ffffff) == -1);
    assert_true(correction_of(1u << 25 | 0x1000000) == -SECOND);
    assert_true(correction_of(0u << 25 | 0xffffff) == 499999971); /* 2^24 - 1 of 2^25, rounded up */
}

/* ---- what it means ---- */

static struct timesrc_sample sample_of(int64_t mono, int64_t real_minus_mono)
{
    const struct chrony_tracking t = parse();
    struct timesrc_sample s;

    chrony_tracking_sample(&t, mono, real_minus_mono, &s);
    return s;
}

static void test_sample(void **state)
{
    const int64_t mono = 500 * SECOND, measured = INT64_C(1795300000250000000);
    struct timesrc_sample s;

    (void)state;
    reply_make(reply, SEQUENCE);
    s = sample_of(mono, measured + 7 * SECOND -
                            mono); /* measured seven seconds ago, by a clock that is 1.5 ms slow */
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.mono_ns == mono && s.real_minus_mono_ns == measured + 7 * SECOND - mono);
    assert_in_range(s.bound_ns, 1500000 + 3000000 + 10000000, 14500003);
    assert_true(s.drift_ppb == 500 + 250 + 1000);
    assert_true(s.measurement == (uint64_t)measured);
    assert_in_range(s.measured_mono_ns, mono - 7 * SECOND - 1500001, mono - 7 * SECOND - 1500000);
    assert_true(s.leap == CLOCKPAGE_LEAP_NONE && s.stratum == 3 && s.figure_ns == -1 && !s.explains_steps);
    assert_string_equal(s.reference, "chrony 192.0.2.1");

    reply_put_number(reply, REPLY_AT_CORR, -0.0015); /* a clock that is fast: the same bound */
    assert_in_range(sample_of(mono, measured).bound_ns, 14500000, 14500003);
}

/* It has found the clock two seconds slow, could not set it, and reports as if it had. */
static void test_step_that_failed(void **state)
{
    const int64_t mono = 500 * SECOND, measured = INT64_C(1795300000250000000);

    (void)state;
    reply_make(reply, SEQUENCE);
    reply_put_number(reply, REPLY_AT_CORR, 0);
    for (int sign = -1; sign <= 1; sign += 2) {
        reply_put_number(reply, REPLY_AT_LAST, sign * 2.0);
        assert_in_range(sample_of(mono, measured).bound_ns, 2 * SECOND + 13000000, 2 * SECOND + 13000003);
    }
}

static void test_never_measured_in_the_future(void **state)
{
    (void)state;
    reply_make(reply, SEQUENCE);
    assert_true(sample_of(5 * SECOND, 0).measured_mono_ns == 5 * SECOND);
}

static void test_another_measurement(void **state)
{
    uint64_t first;

    (void)state;
    reply_make(reply, SEQUENCE);
    first = sample_of(0, 0).measurement;
    assert_true(sample_of(SECOND, 5).measurement == first);
    reply_put_time(reply, 1795300000, 250000001);
    assert_true(sample_of(0, 0).measurement != first);
}

static void test_old_chronyd_without_high_seconds(void **state)
{
    (void)state;
    reply_make(reply, SEQUENCE);
    reply_put_u32(reply, REPLY_AT_TIME, 0x7fffffff);
    assert_true(parse().measured.sec == 1795300000);
}

static const struct state {
    const char *what;
    void (*change)(size_t at, uint32_t value);
    size_t at;
    uint32_t value;
    enum rc rc;
    enum clockpage_leap leap;
} states[] = {
    {"insert", change_u16, REPLY_AT_LEAP, 1, RC_OK, CLOCKPAGE_LEAP_INSERT},
    {"delete", change_u16, REPLY_AT_LEAP, 2, RC_OK, CLOCKPAGE_LEAP_DELETE},
    {"not synchronised", change_u16, REPLY_AT_LEAP, 3, RC_CLOCK_UNSYNCHRONISED, CLOCKPAGE_LEAP_UNKNOWN},
    {"stratum 1", change_u16, REPLY_AT_STRAT, 1, RC_OK, CLOCKPAGE_LEAP_NONE},
    {"stratum 15", change_u16, REPLY_AT_STRAT, 15, RC_OK, CLOCKPAGE_LEAP_NONE},
    {"stratum 16", change_u16, REPLY_AT_STRAT, 16, RC_CLOCK_UNSYNCHRONISED, CLOCKPAGE_LEAP_NONE},
    {"stratum 0", change_u16, REPLY_AT_STRAT, 0, RC_CLOCK_UNSYNCHRONISED, CLOCKPAGE_LEAP_NONE},
    {"no reference", change_u32, REPLY_AT_REF, 0, RC_CLOCK_UNSYNCHRONISED, CLOCKPAGE_LEAP_NONE},
    {"itself", change_u32, REPLY_AT_REF, 0x7f7f0101, RC_CLOCK_LOCAL, CLOCKPAGE_LEAP_NONE},
    {"beside itself", change_u32, REPLY_AT_REF, 0x7f7f0102, RC_OK, CLOCKPAGE_LEAP_NONE},
    {"never measured", change_u32, REPLY_AT_TIME + 4, 0, RC_CLOCK_UNSYNCHRONISED, CLOCKPAGE_LEAP_NONE},
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM(states); i++) {
        struct timesrc_sample s;

        reply_make(reply, SEQUENCE);
        states[i].change(states[i].at, states[i].value);
        s = sample_of(SECOND, SECOND);
        if (s.rc != states[i].rc || s.leap != states[i].leap || (s.bound_ns >= 0) != (s.rc == RC_OK)) {
            fail_msg("%s: %s, leap %d", states[i].what, rc_word(s.rc), (int)s.leap);
        }
    }
}

static const struct {
    uint32_t id;
    unsigned family;
    const char *text;
} references[] = {
    {0xc0000202, 1, "chrony 192.0.2.1"}, /* the address counts where there is one */
    {0x12345678, 2, "chrony c000:201::"},
    {0x47505300, 0, "chrony GPS"},
    {0x50505330, 0, "chrony PPS0"},
    {0x7f7f0101, 0, "chrony 127.127.1.1"},
    {0x12345678, 3, "chrony 0x12345678"},
    {0x3c623e00, 0, "chrony 0x3c623e00"}, /* <b>: nothing that means something on a page */
    {0x47004700, 0, "chrony 0x47004700"},
    {0x00000000, 0, "chrony"},
};

static void test_references(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM(references); i++) {
        reply_make(reply, SEQUENCE);
        reply_put_u32(reply, REPLY_AT_REF, references[i].id);
        reply_put_u16(reply, REPLY_AT_FAMILY, references[i].family);
        assert_string_equal(parse().reference, references[i].text);
    }
}

/* ---- a clock that nobody steers ---- */

static int64_t growth(int64_t before, int64_t after, int64_t later)
{
    const struct chrony_tracking a = {.measured.sec = 5, .correction_ns = before};
    const struct chrony_tracking b = {.measured.sec = 5, .correction_ns = after};

    return chrony_tracking_growth(&a, &b, later);
}

static void test_growth(void **state)
{
    struct chrony_tracking a = {.measured.sec = 5}, b = {.measured = {.sec = 5, .nsec = 1}};

    (void)state;
    assert_int_equal(growth(1000, 51000, SECOND), 50001); /* 50 ppm */
    assert_int_equal(growth(-1000, -51000, SECOND), 50001);
    assert_int_equal(growth(1000, 51000, 2 * SECOND), 25001);
    assert_int_equal(growth(-1000, 49000, SECOND), 50001); /* through zero */
    assert_int_equal(growth(51000, 1000, SECOND), 0);      /* it is being corrected */
    assert_int_equal(growth(-51000, -1000, SECOND), 0);
    assert_int_equal(growth(1000, 1000, SECOND), 0);
    assert_true(growth(0, 20 * SECOND, SECOND) == INT64_C(1000000000000)); /* held */
    assert_true(growth(0, 9 * SECOND, 1000) == INT64_C(1000000000000));
    assert_int_equal(growth(0, 50000, 0), -1);
    assert_int_equal(growth(0, 50000, -SECOND), -1);
    assert_int_equal(chrony_tracking_growth(&a, &b, SECOND), -1); /* it was measured in between */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_good_reply),
        cmocka_unit_test(test_bad_replies),
        cmocka_unit_test(test_padding_is_not_read),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_step_that_failed),
        cmocka_unit_test(test_never_measured_in_the_future),
        cmocka_unit_test(test_another_measurement),
        cmocka_unit_test(test_old_chronyd_without_high_seconds),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
