/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of leap seconds: what is taken, what is not, what happens at which midnight, and the machine's own list where it has one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/clock/leaplist.h"

#define MACHINES_LIST "/usr/share/zoneinfo/leap-seconds.list"

/* With what else such files have: comments, blank lines, tabs, a hash, the ends of lines of another system. */
static const char small[] = "# of three\r\n"
                            "#$\t3960835200\n"
                            "#@\t 4147891200 \n"
                            "\n"
                            "3550089600\t35\t# 1 Jul 2012\n"
                            "  3644697600  36\n"
                            "3692217600 37 # 1 Jan 2017\n"
                            "#h 00000000 00000000 00000000 00000000 00000000\n";

static int64_t at(const char *iso)
{
    struct gentime t;

    assert_int_equal(gentime_parse_iso(iso, &t), RC_OK);
    return t.sec;
}

static enum rc parse(const char *text, struct leaplist *out)
{
    return leaplist_parse(bytes_str(text), out);
}

static void reads_a_list(void **unused)
{
    struct leaplist list;

    (void)unused;
    assert_int_equal(parse(small, &list), RC_OK);
    assert_int_equal(list.num, 3);
    assert_int_equal(list.expires, at("2031-06-11T00:00:00Z"));
    assert_int_equal(list.list[0].at, at("2012-07-01T00:00:00Z"));
    assert_int_equal(list.list[0].tai_offset, 35);
    assert_int_equal(list.list[1].at, at("2015-07-01T00:00:00Z"));
    assert_int_equal(list.list[1].tai_offset, 36);
    assert_int_equal(list.list[2].at, at("2017-01-01T00:00:00Z"));
    assert_int_equal(list.list[2].tai_offset, 37);
    assert_int_equal(parse("#@ 4147891200\n3550089600 35", &list), RC_OK);
    assert_int_equal(list.num, 1);
    assert_int_equal(parse("#@ 4147891200\n3550089600 35\n3644697600 34\n", &list), RC_OK); /* deleted */
    assert_int_equal(list.list[1].tai_offset, 34);
}

static void refuses_what_is_no_list(void **unused)
{
    static const char *const bad[] = {
        "",
        "\n",
        "#@ 4147891200\n",                               /* no entry */
        "3550089600 35\n",                               /* no expiry */
        "#@4147891200\n3550089600 35\n",                 /* no space behind the mark */
        "#@\n3550089600 35\n",                           /* nothing behind it */
        "#@ 4147891200 1\n3550089600 35\n",              /* too much */
        "#@ 4147891200\n#@ 4147891200\n3550089600 35\n", /* twice */
        "#@ 2208988800\n3550089600 35\n",                /* 1970 */
        "#@ 4147891200\n3550089600\n",                   /* no offset */
        "#@ 4147891200\n3550089600 35 36\n",             /* too much */
        "#@ 4147891200\n3550089601 35\n",                /* not midnight */
        "#@ 4147891200\n3550089600 35\n3644697600 37\n", /* two seconds at once */
        "#@ 4147891200\n3550089600 35\n3644697600 35\n", /* none */
        "#@ 4147891200\n3644697600 36\n3550089600 35\n", /* backwards */
        "#@ 4147891200\n3550089600 35\n3550089600 36\n", /* twice the same */
        "#@ 4147891200\n-3550089600 35\n",               /* a sign */
        "#@ 4147891200\n3550089600 -35\n",               /* a sign */
        "#@ 4147891200\n999999999999 35\n",              /* too long */
        "#@ 4147891200\n3550089600 99999\n",             /* no offset of ours */
        "#@ 4147891200\n3550089600 35#\n",
        "#@ 4147891200\n0 35\n",  /* before 1970 */
        "#@ 4147891200\nTZif2\n", /* something else */
        "<html>#@ 4147891200</html>\n",
    };
    struct leaplist list;

    (void)unused;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        print_message("%zu\n", i);
        memset(&list, 0xaa, sizeof(list));
        assert_int_equal(parse(bad[i], &list), RC_CONFIG);
        assert_int_equal(list.expires, 0);
        assert_int_equal(list.num, 0);
    }
}

static void has_room_for_so_many(void **unused)
{
    char text[16384];
    struct leaplist list;

    (void)unused;
    for (int num = LEAPLIST_MAX; num <= LEAPLIST_MAX + 1; num++) {
        int len = snprintf(text, sizeof(text), "#@ 4147891200\n");

        for (int i = 0; i < num; i++) {
            len += snprintf(text + len, sizeof(text) - (size_t)len, "%lld %d\n", 2272060800LL + i * 86400LL,
                            10 + i);
        }
        assert_true((size_t)len < sizeof(text));
        assert_int_equal(parse(text, &list), num == LEAPLIST_MAX ? RC_OK : RC_CONFIG);
    }
}

/* ---- what happens when ---- */

/* 2012 and 2015 inserted, 2029 deleted; the first entry of a list tells no leap second. */
static void known(struct leaplist *list)
{
    *list = (struct leaplist){
        .expires = at("2031-06-11T00:00:00Z"),
        .list =
            {
                {at("2009-01-01T00:00:00Z"), 34},
                {at("2012-07-01T00:00:00Z"), 35},
                {at("2015-07-01T00:00:00Z"), 36},
                {at("2030-01-01T00:00:00Z"), 35},
            },
        .num = 4,
    };
}

static void tells_what_is_near(void **unused)
{
    static const struct {
        const char *now, *at;
        enum clockpage_leap leap;
    } rows[] = {
        {"2009-01-01T00:00:00Z", "2009-01-01T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2012-06-30T11:59:59Z", "2012-06-30T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2012-06-30T12:00:00Z", "2012-07-01T00:00:00Z", CLOCKPAGE_LEAP_INSERT},
        {"2012-06-30T23:59:59Z", "2012-07-01T00:00:00Z", CLOCKPAGE_LEAP_INSERT},
        {"2012-07-01T00:00:00Z", "2012-07-01T00:00:00Z", CLOCKPAGE_LEAP_INSERT},
        {"2012-07-01T11:59:59Z", "2012-07-01T00:00:00Z", CLOCKPAGE_LEAP_INSERT},
        {"2012-07-01T12:00:00Z", "2012-07-02T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2013-06-30T23:00:00Z", "2013-07-01T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2015-06-30T23:00:00Z", "2015-07-01T00:00:00Z", CLOCKPAGE_LEAP_INSERT},
        {"2029-12-31T23:00:00Z", "2030-01-01T00:00:00Z", CLOCKPAGE_LEAP_DELETE},
        {"2030-12-31T23:00:00Z", "2031-01-01T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2031-06-30T23:00:00Z", "2031-07-01T00:00:00Z", CLOCKPAGE_LEAP_UNKNOWN},
        {"2031-07-01T01:00:00Z", "2031-07-01T00:00:00Z", CLOCKPAGE_LEAP_UNKNOWN},
        {"2031-07-01T13:00:00Z", "2031-07-02T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2031-09-30T23:00:00Z", "2031-10-01T00:00:00Z", CLOCKPAGE_LEAP_NONE},
        {"2099-12-31T23:00:00Z", "2100-01-01T00:00:00Z", CLOCKPAGE_LEAP_UNKNOWN},
    };
    struct leaplist list;
    int64_t midnight;

    (void)unused;
    known(&list);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].now);
        assert_int_equal(leaplist_near(&list, at(rows[i].now), &midnight), rows[i].leap);
        assert_int_equal(midnight, at(rows[i].at));
    }
}

static void knows_nothing_without_a_list(void **unused)
{
    const struct leaplist none = {0};
    int64_t midnight;

    (void)unused;
    assert_int_equal(leaplist_near(&none, at("2026-12-31T20:00:00Z"), &midnight), CLOCKPAGE_LEAP_UNKNOWN);
    assert_int_equal(midnight, at("2027-01-01T00:00:00Z"));
    assert_int_equal(leaplist_near(&none, at("2026-12-30T20:00:00Z"), &midnight), CLOCKPAGE_LEAP_NONE);
    assert_int_equal(leaplist_near(&none, -1, &midnight), CLOCKPAGE_LEAP_UNKNOWN);
    assert_int_equal(midnight, 0);
    assert_int_equal(leaplist_near(&none, -86399, &midnight), CLOCKPAGE_LEAP_NONE);
    assert_int_equal(midnight, -86400);
}

/* ---- the machine's ---- */

static void reads_the_machines_list(void **unused)
{
    static char text[256 * 1024];
    struct leaplist list;
    int64_t midnight;
    size_t len;
    FILE *file = fopen(MACHINES_LIST, "r");

    (void)unused;
    if (!file) {
        print_message("NOT TESTED: this machine has no " MACHINES_LIST " (package tzdata)\n");
        skip();
    }
    len = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < sizeof(text));
    assert_int_equal(leaplist_parse(bytes_of(text, len), &list), RC_OK);
    assert_true(list.num >= 28);
    assert_int_equal(list.list[0].at, at("1972-01-01T00:00:00Z"));
    assert_int_equal(list.list[0].tai_offset, 10);
    assert_int_equal(list.list[27].at, at("2017-01-01T00:00:00Z"));
    assert_int_equal(list.list[27].tai_offset, 37);
    assert_true(list.expires > at("2023-01-01T00:00:00Z"));
    assert_int_equal(leaplist_near(&list, at("2016-12-31T23:59:59Z"), &midnight), CLOCKPAGE_LEAP_INSERT);
    assert_int_equal(midnight, at("2017-01-01T00:00:00Z"));
    for (size_t i = 1; i < list.num; i++) {
        assert_int_equal(leaplist_near(&list, list.list[i].at - 40000, &midnight), CLOCKPAGE_LEAP_INSERT);
        assert_int_equal(midnight, list.list[i].at);
        assert_int_equal(leaplist_near(&list, list.list[i].at - 50000, &midnight), CLOCKPAGE_LEAP_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_list),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(has_room_for_so_many),
        cmocka_unit_test(tells_what_is_near),
        cmocka_unit_test(knows_nothing_without_a_list),
        cmocka_unit_test(reads_the_machines_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
