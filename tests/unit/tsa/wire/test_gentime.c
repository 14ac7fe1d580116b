/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times: the rules of RFC 3161 2.4.2 one by one, the calendar against libc's over 10,000 years, and arithmetic that must
 * not overflow at the ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tsa/wire/gentime.h"

#define NS INT64_C(1000000000)

struct reading {
    const char *text;
    enum rc rc;
    int64_t sec;
    uint32_t nsec;
};

static void assert_time(struct gentime t, int64_t sec, uint32_t nsec)
{
    assert_true(t.sec == sec);
    assert_int_equal(t.nsec, nsec);
}

static void assert_readings(const struct reading *rows, size_t num,
                            enum rc (*parse)(struct bytes, struct gentime *))
{
    for (size_t i = 0; i < num; i++) {
        struct gentime t = {1, 2};

        if (parse(bytes_str(rows[i].text), &t) != rows[i].rc) {
            fail_msg("'%s' should be %s", rows[i].text, rc_word(rows[i].rc));
        }
        assert_time(t, rows[i].sec, rows[i].nsec);
    }
}

static void generalized_time_is_read(void **state)
{
    static const struct reading rows[] = {
        {"19700101000000Z", RC_OK, 0, 0},
        {"20261120080525Z", RC_OK, 1795161925, 0},
        {"20261120080525.13Z", RC_OK, 1795161925, 130000000},
        {"20261120080525.132Z", RC_OK, 1795161925, 132000000},
        {"20261120080525.000000001Z", RC_OK, 1795161925, 1},
        {"20261120080525.999999999Z", RC_OK, 1795161925, 999999999},
        {"20260101000000Z", RC_OK, 1767225600, 0},
        {"20240229235959Z", RC_OK, 1709251199, 0},
        {"20000229000000Z", RC_OK, 951782400, 0},
        {"19691231235959Z", RC_OK, -1, 0},
        {"00000101000000Z", RC_OK, -INT64_C(62167219200), 0},
        {"99991231235959.999999999Z", RC_OK, INT64_C(253402300799), 999999999},
    };

    (void)state;
    assert_readings(rows, sizeof rows / sizeof rows[0], gentime_parse);
}

static void generalized_time_is_refused(void **state)
{
    static const struct reading rows[] = {
        {"", RC_TIME_FORM, 0, 0},
        {"Z", RC_TIME_FORM, 0, 0},
        /* the fraction: no trailing zero, never empty, a point and nothing else, at most 9 digits */
        {"20261120080525.130Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.50Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.0Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.Z", RC_TIME_FORM, 0, 0},
        {"20261120080525,5Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.1234567891Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.0000000001Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.5.5Z", RC_TIME_FORM, 0, 0},
        {"20261120080525.-5Z", RC_TIME_FORM, 0, 0},
        /* Z and no offset */
        {"20261120080525", RC_TIME_FORM, 0, 0},
        {"20261120080525z", RC_TIME_FORM, 0, 0},
        {"20261120080525+0000", RC_TIME_FORM, 0, 0},
        {"20261120080525.5+0100", RC_TIME_FORM, 0, 0},
        {"20261120080525ZZ", RC_TIME_FORM, 0, 0},
        {"20261120080525Z ", RC_TIME_FORM, 0, 0},
        /* seconds are there */
        {"202611200805Z", RC_TIME_FORM, 0, 0},
        {"2026112008Z", RC_TIME_FORM, 0, 0},
        {"2026112008052Z", RC_TIME_FORM, 0, 0},
        /* midnight is 000000, second 60 is not */
        {"20261120240000Z", RC_TIME_FORM, 0, 0},
        {"20261231235960Z", RC_TIME_FORM, 0, 0},
        {"20261231235961Z", RC_TIME_FORM, 0, 0},
        {"20261120086000Z", RC_TIME_FORM, 0, 0},
        {"20261120250000Z", RC_TIME_FORM, 0, 0},
        /* days that are not */
        {"20260001000000Z", RC_TIME_FORM, 0, 0},
        {"20261301000000Z", RC_TIME_FORM, 0, 0},
        {"20260100000000Z", RC_TIME_FORM, 0, 0},
        {"20260132000000Z", RC_TIME_FORM, 0, 0},
        {"20260431000000Z", RC_TIME_FORM, 0, 0},
        {"20260229000000Z", RC_TIME_FORM, 0, 0},
        {"19000229000000Z", RC_TIME_FORM, 0, 0},
        {"21000229000000Z", RC_TIME_FORM, 0, 0},
        /* digits alone */
        {" 0261120080525Z", RC_TIME_FORM, 0, 0},
        {"-0261120080525Z", RC_TIME_FORM, 0, 0},
        {"2026112008:525Z", RC_TIME_FORM, 0, 0},
        {"2026112008/525Z", RC_TIME_FORM, 0, 0},
        {"261120080525Z", RC_TIME_FORM, 0, 0},
    };
    struct gentime t;

    (void)state;
    assert_readings(rows, sizeof rows / sizeof rows[0], gentime_parse);
    assert_int_equal(gentime_parse(bytes_of("20261120080525Z\0", 16), &t), RC_TIME_FORM);
    assert_int_equal(gentime_parse(bytes_of("2026112008\0 525Z", 16), &t), RC_TIME_FORM);
}

static void utc_time(void **state)
{
    static const struct reading rows[] = {
        {"700101000000Z", RC_OK, 0, 0},
        {"500101000000Z", RC_OK, -INT64_C(631152000), 0},
        {"991231235959Z", RC_OK, 946684799, 0},
        {"000101000000Z", RC_OK, 946684800, 0},
        {"491231235959Z", RC_OK, INT64_C(2524607999), 0},
        {"261120080525Z", RC_OK, 1795161925, 0},
        {"", RC_TIME_FORM, 0, 0},
        {"2611200805Z", RC_TIME_FORM, 0, 0},
        {"261120080525", RC_TIME_FORM, 0, 0},
        {"261120080525.5Z", RC_TIME_FORM, 0, 0},
        {"261120080525+0000", RC_TIME_FORM, 0, 0},
        {"261120080560Z", RC_TIME_FORM, 0, 0},
        {"261120240000Z", RC_TIME_FORM, 0, 0},
        {"260229000000Z", RC_TIME_FORM, 0, 0},
        {"20261120080525Z", RC_TIME_FORM, 0, 0},
    };

    (void)state;
    assert_readings(rows, sizeof rows / sizeof rows[0], gentime_parse_utc);
}

static enum rc parse_iso(struct bytes text, struct gentime *out)
{
    char copy[64];

    assert_true(text.len < sizeof copy);
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';
    return gentime_parse_iso(copy, out);
}

static void iso_for_people(void **state)
{
    static const struct reading rows[] = {
        {"2031-02-03T04:05:06Z", RC_OK, 1927857906, 0},
        {"2031-02-03T04:05:06.5Z", RC_OK, 1927857906, 500000000},
        {"2031-02-03T04:05:06.500Z", RC_OK, 1927857906, 500000000},
        {"2031-02-03", RC_OK, 1927843200, 0},
        {"@0", RC_OK, 0, 0},
        {"@1927857906", RC_OK, 1927857906, 0},
        {"@-1", RC_OK, -1, 0},
        {"@253402300799", RC_OK, INT64_C(253402300799), 0},
        {"@253402300800", RC_TIME_FORM, 0, 0},
        {"@-62167219200", RC_OK, -INT64_C(62167219200), 0},
        {"@-62167219201", RC_TIME_FORM, 0, 0},
        {"@99999999999999999999999999", RC_TIME_FORM, 0, 0},
        {"@", RC_TIME_FORM, 0, 0},
        {"@-", RC_TIME_FORM, 0, 0},
        {"@--1", RC_TIME_FORM, 0, 0},
        {"@1x", RC_TIME_FORM, 0, 0},
        {"@1.5", RC_TIME_FORM, 0, 0},
        {"@ 1", RC_TIME_FORM, 0, 0},
        {"", RC_TIME_FORM, 0, 0},
        {"2031", RC_TIME_FORM, 0, 0},
        {"2031-02", RC_TIME_FORM, 0, 0},
        {"2031-2-3", RC_TIME_FORM, 0, 0},
        {"2031-02-30", RC_TIME_FORM, 0, 0},
        {"2031-02-03T", RC_TIME_FORM, 0, 0},
        {"2031-02-03 04:05:06Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05:06", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05:60Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T24:00:00Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05:06.Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05:06.1234567890Z", RC_TIME_FORM, 0, 0},
        {"2031-02-03T04:05:06+01:00", RC_TIME_FORM, 0, 0},
    };

    (void)state;
    assert_readings(rows, sizeof rows / sizeof rows[0], parse_iso);
}

static void texts_are_written(void **state)
{
    static const struct {
        int64_t sec;
        uint32_t nsec;
        const char *general, *utc, *iso; /* NULL: out of range */
    } rows[] = {
        {0, 0, "19700101000000Z", "700101000000Z", "1970-01-01T00:00:00Z"},
        {1795161925, 130000000, "20261120080525.13Z", "261120080525Z", "2026-11-20T08:05:25.13Z"},
        {1795161925, 1, "20261120080525.000000001Z", "261120080525Z", "2026-11-20T08:05:25.000000001Z"},
        {1795161925, 999999999, "20261120080525.999999999Z", "261120080525Z",
         "2026-11-20T08:05:25.999999999Z"},
        {1795161925, 100000000, "20261120080525.1Z", "261120080525Z", "2026-11-20T08:05:25.1Z"},
        {1795161925, 1000000000, NULL, NULL, NULL},
        {-631152000, 0, "19500101000000Z", "500101000000Z", "1950-01-01T00:00:00Z"},
        {-631152001, 0, "19491231235959Z", NULL, "1949-12-31T23:59:59Z"},
        {2524607999, 0, "20491231235959Z", "491231235959Z", "2049-12-31T23:59:59Z"},
        {2524608000, 0, "20500101000000Z", NULL, "2050-01-01T00:00:00Z"},
        {-INT64_C(62167219200), 0, "00000101000000Z", NULL, "0000-01-01T00:00:00Z"},
        {-INT64_C(62167219201), 0, NULL, NULL, NULL},
        {INT64_C(253402300799), 0, "99991231235959Z", NULL, "9999-12-31T23:59:59Z"},
        {INT64_C(253402300800), 0, NULL, NULL, NULL},
        {INT64_MAX, 0, NULL, NULL, NULL},
        {INT64_MIN, 0, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gentime t = {rows[i].sec, rows[i].nsec};
        const char *texts[3] = {rows[i].general, rows[i].utc, rows[i].iso};
        enum rc (*const builds[3])(struct gentime, char *, size_t *) = {gentime_build, gentime_build_utc,
                                                                        gentime_build_iso};

        for (size_t k = 0; k < 3; k++) {
            char out[GENTIME_TEXT_MAX] = "untouched";
            size_t len = 99;

            assert_int_equal(builds[k](t, out, &len), texts[k] ? RC_OK : RC_TIME_RANGE);
            assert_string_equal(out, texts[k] ? texts[k] : "");
            assert_int_equal(len, strlen(out));
        }
    }
}

static int64_t libc_sec(int year, int month, int day)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    return timegm(&tm);
}

/* Every month's first and last day of all years, against libc's calendar. */
static void calendar_of_ten_thousand_years(void **state)
{
    (void)state;
    for (int year = 0; year < 10000; year++) {
        for (int month = 1; month <= 12; month++) {
            int64_t first = libc_sec(year, month, 1);
            char want[32], found[GENTIME_TEXT_MAX];
            struct gentime t;
            size_t len;

            snprintf(want, sizeof want, "%04d%02d01000000Z", year, month);
            assert_int_equal(gentime_parse(bytes_str(want), &t), RC_OK);
            assert_true(t.sec == first);
            assert_int_equal(gentime_build(t, found, &len), RC_OK);
            assert_string_equal(found, want);
            if (year + month > 1) { /* and the second before it */
                assert_int_equal(gentime_build((struct gentime){first - 1, 0}, found, &len), RC_OK);
                assert_string_equal(found + 8, "235959Z");
                assert_int_equal(gentime_parse(bytes_of(found, len), &t), RC_OK);
                assert_true(t.sec == first - 1);
            }
        }
    }
}

static void days_of_every_month(void **state)
{
    (void)state;
    for (int year = 1896; year <= 2104; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 0; day <= 32; day++) {
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = 12};
                bool real;
                char text[32];
                struct gentime t;
                int64_t sec = timegm(&tm);

                real = tm.tm_mon == month - 1 && tm.tm_mday == day;
                snprintf(text, sizeof text, "%04d%02d%02d120000Z", year, month, day);
                assert_int_equal(gentime_parse(bytes_str(text), &t), real ? RC_OK : RC_TIME_FORM);
                assert_true(!real || t.sec == sec);
            }
        }
    }
}

static void order(void **state)
{
    static const struct gentime rows[] = {{INT64_MIN, 0}, {-2, 5},        {-1, 0}, {-1, 1},
                                          {0, 0},         {0, 999999999}, {1, 0},  {INT64_MAX, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            int found = gentime_compare(rows[i], rows[k]);

            assert_int_equal((found > 0) - (found < 0), (i > k) - (i < k));
        }
    }
}

static void differences(void **state)
{
    static const struct {
        struct gentime a, b;
        int64_t ns;
    } rows[] = {
        {{5, 0}, {5, 0}, 0},
        {{5, 1}, {5, 0}, 1},
        {{6, 0}, {5, 999999999}, 1},
        {{5, 999999999}, {6, 0}, -1},
        {{-1, 500000000}, {0, 0}, -500000000},
        {{0, 0}, {-1, 500000000}, 500000000},
        {{9223372036, 854775807}, {0, 0}, INT64_MAX},
        {{9223372036, 854775808}, {0, 0}, INT64_MAX},
        {{9223372037, 0}, {0, 145224193}, INT64_MAX},
        {{9223372037, 0}, {0, 145224194}, INT64_MAX - 1},
        {{9223372037, 0}, {0, 999999999}, INT64_C(9223372036000000001)},
        {{-9223372037, 145224192}, {0, 0}, INT64_MIN},
        {{-9223372037, 145224193}, {0, 0}, INT64_MIN + 1},
        {{-9223372037, 145224191}, {0, 0}, INT64_MIN},
        {{INT64_MAX, 0}, {INT64_MIN, 0}, INT64_MAX},
        {{INT64_MIN, 0}, {INT64_MAX, 0}, INT64_MIN},
        {{INT64_MAX, 0}, {0, 0}, INT64_MAX},
        {{INT64_MIN, 0}, {0, 0}, INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(gentime_diff_ns(rows[i].a, rows[i].b) == rows[i].ns);
    }
}

static void sums(void **state)
{
    (void)state;
    assert_time(gentime_add_ns((struct gentime){5, 0}, 0), 5, 0);
    assert_time(gentime_add_ns((struct gentime){5, 999999999}, 1), 6, 0);
    assert_time(gentime_add_ns((struct gentime){5, 0}, -1), 4, 999999999);
    assert_time(gentime_add_ns((struct gentime){0, 1}, -NS - 2), -2, 999999999);
    assert_time(gentime_add_ns((struct gentime){0, 0}, 3 * NS + 7), 3, 7);
    assert_time(gentime_add_ns((struct gentime){0, 999999999}, INT64_MAX), 9223372037, 854775806);
    assert_time(gentime_add_ns((struct gentime){0, 0}, INT64_MIN), -9223372037, 145224192);
    assert_true(gentime_add_ns((struct gentime){INT64_MAX, 0}, NS).sec == INT64_MAX);
    assert_true(gentime_add_ns((struct gentime){INT64_MIN, 0}, -1).sec == INT64_MIN);
    for (int64_t ns = -5 * NS; ns < 5 * NS; ns += 333333333) {
        struct gentime t = {100, 600000000};

        assert_true(gentime_diff_ns(gentime_add_ns(t, ns), t) == ns);
    }
}

static void rounding(void **state)
{
    static const struct {
        struct gentime t;
        unsigned digits;
        int64_t sec;
        uint32_t nsec;
    } rows[] = {
        {{5, 499999999}, 0, 5, 0},         {{5, 500000000}, 0, 6, 0},
        {{-5, 500000000}, 0, -4, 0},       {{5, 0}, 0, 5, 0},
        {{5, 949999999}, 1, 5, 900000000}, {{5, 950000000}, 1, 6, 0},
        {{5, 123456789}, 3, 5, 123000000}, {{5, 123500000}, 3, 5, 124000000},
        {{5, 123456785}, 8, 5, 123456790}, {{5, 123456784}, 8, 5, 123456780},
        {{5, 123456789}, 9, 5, 123456789}, {{5, 999999999}, 9, 5, 999999999},
        {{5, 999999999}, 8, 6, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_time(gentime_round(rows[i].t, rows[i].digits), rows[i].sec, rows[i].nsec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generalized_time_is_read),
        cmocka_unit_test(generalized_time_is_refused),
        cmocka_unit_test(utc_time),
        cmocka_unit_test(iso_for_people),
        cmocka_unit_test(texts_are_written),
        cmocka_unit_test(calendar_of_ten_thousand_years),
        cmocka_unit_test(days_of_every_month),
        cmocka_unit_test(order),
        cmocka_unit_test(differences),
        cmocka_unit_test(sums),
        cmocka_unit_test(rounding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
