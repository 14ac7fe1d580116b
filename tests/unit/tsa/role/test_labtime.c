/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lab time: its texts, the clock that it shows, and the fence: every chain that is not wholly a lab's, and every time outside the validity of one of
 * its certificates.
 */
#include "tsa/role/labtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/role/lab_chain.h"
#include "tests/unit/tsa/wire/mint.h"
#include "tsa/base/now.h"

#define HOUR INT64_C(3600000000000)
#define DAY  (24 * HOUR)

/* ---- texts ---- */

static void times_are_read(void **state)
{
    static const char *const wrong[] = {"",
                                        "2031",
                                        "2031-02-03",
                                        "@1800000000",
                                        "2031-02-03T04:05:06",
                                        "2031-02-03 04:05:06Z",
                                        "2031-02-03T04:05:06+01:00",
                                        "2031-02-30T04:05:06Z",
                                        "2031-02-03T04:05:60Z",
                                        "2031-02-03T04:05:06Z ",
                                        " 2031-02-03T04:05:06Z",
                                        "+400d",
                                        "now"};
    struct labtime time;

    (void)state;
    assert_int_equal(labtime_parse_at("2031-02-03T04:05:06Z", &time), RC_OK);
    assert_int_equal(time.kind, LABTIME_AT);
    assert_int_equal(time.at.sec, 1927857906);
    assert_int_equal(time.at.nsec, 0);
    assert_int_equal(labtime_parse_at("2031-02-03T04:05:06.25Z", &time), RC_OK);
    assert_int_equal(time.at.nsec, 250000000);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_not_equal(labtime_parse_at(wrong[i], &time), RC_OK);
        assert_int_equal(time.kind, LABTIME_NONE);
    }
}

static void shifts_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } right[] = {{"+400d", 400 * DAY},  {"-2h", -2 * HOUR}, {"+1.5h", 3 * HOUR / 2},
                 {"+1 min", HOUR / 60}, {"-1ns", -1},       {"+106751d", 106751 * DAY}};
    static const char *const wrong[] = {"",
                                        "+",
                                        "400d",
                                        "+400",
                                        "-0d",
                                        "+0.0h",
                                        "++1d",
                                        "+d",
                                        "+1y",
                                        "+1d2h",
                                        "+1dd",
                                        "+ 1d",
                                        "+106752d",
                                        "-99999999999999999999d",
                                        "1d+",
                                        "+1,5h",
                                        "2031-02-03T04:05:06Z",
                                        "+1e3s",
                                        "+0x10s"};
    struct labtime time;

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        assert_int_equal(labtime_parse_shift(right[i].text, &time), RC_OK);
        assert_int_equal(time.kind, LABTIME_SHIFT);
        assert_int_equal(time.shift_ns, right[i].ns);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(labtime_parse_shift(wrong[i], &time), RC_CONFIG);
        assert_int_equal(time.kind, LABTIME_NONE);
        assert_int_equal(time.shift_ns, 0);
    }
}

static void what_travels_comes_back(void **state)
{
    static const struct {
        struct labtime time;
        const char *text, *shown;
    } rows[] = {
        {{.kind = LABTIME_NONE}, "none", "no lab time"},
        {{.kind = LABTIME_AT, .at = {1927857906, 0}},
         "at 2031-02-03T04:05:06Z",
         "lab time 2031-02-03T04:05:06Z"},
        {{.kind = LABTIME_AT, .at = {1927857906, 123456789}},
         "at 2031-02-03T04:05:06.123456789Z",
         "lab time 2031-02-03T04:05:06.123456789Z"},
        {{.kind = LABTIME_SHIFT, .shift_ns = 400 * DAY}, "shift 34560000000000000", "lab time +400 d"},
        {{.kind = LABTIME_SHIFT, .shift_ns = -2 * HOUR}, "shift -7200000000000", "lab time -2 h"},
        {{.kind = LABTIME_SHIFT, .shift_ns = INT64_MIN},
         "shift -9223372036854775808",
         "lab time -9223372036854775808 ns"},
        {{.kind = LABTIME_SHIFT, .shift_ns = INT64_MAX},
         "shift 9223372036854775807",
         "lab time +9223372036854775807 ns"},
    };
    char shown[LABTIME_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct labtime back;
        struct wbuf w;

        wbuf_init(&w, 100);
        labtime_put(&w, &rows[i].time);
        assert_int_equal(wbuf_rc(&w), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&w), bytes_str(rows[i].text)));
        assert_int_equal(labtime_get(wbuf_bytes(&w), &back), RC_OK);
        assert_int_equal(back.kind, rows[i].time.kind);
        assert_int_equal(gentime_compare(back.at, rows[i].time.at), 0);
        assert_int_equal(back.shift_ns, rows[i].time.shift_ns);
        assert_string_equal(labtime_text(&rows[i].time, shown), rows[i].shown);
        wbuf_clear(&w);
    }
}

static void nothing_else_is_taken(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } wrong[] = {
        {"", 0},
        {"at", 2},
        {"at ", 3},
        {"none\n", 5},
        {"none", 5}, /* with its NUL */
        {"at 2031-02-03T04:05:06Z\n", 24},
        {"at 2031-02-03T04:05:06.0Z", 25},
        {"at  2031-02-03T04:05:06Z", 24},
        {"at @1800000000", 14},
        {"shift 0", 7},
        {"shift", 5},
        {"shift +1", 8},
        {"shift 01", 8},
        {"shift  1", 8},
        {"shift 1 ", 8},
        {"shift 1d", 8},
        {"shift 9223372036854775808", 25},
        {"at 2031-02-03T04:05:06Z at 2031-02-03T04:05:06Z at 2031-02-03T04:05:06Z", 71},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct labtime time = {.kind = LABTIME_AT};

        assert_int_equal(labtime_get(bytes_of(wrong[i].text, wrong[i].len), &time), RC_CONFIG);
        assert_int_equal(time.kind, LABTIME_NONE);
    }
}

/* ---- the clock ---- */

static int64_t machine_sec = 1800000000;

static void machine(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){.sec = machine_sec, .nsec = 500};
}

static void the_clock_stands_or_is_shifted(void **state)
{
    const struct now_source source = {.real = machine};
    const struct labtime at = {.kind = LABTIME_AT, .at = {1927857906, 7}}, none = {0};
    const struct labtime back = {.kind = LABTIME_SHIFT, .shift_ns = -1000};

    (void)state;
    now_set_source(&source);
    assert_int_equal(labtime_started()->kind, LABTIME_NONE);
    labtime_start(&at);
    machine_sec += 5;
    assert_int_equal(now_real().sec, 1927857906);
    assert_int_equal(now_real().nsec, 7);
    assert_int_equal(now_machine().sec, 1800000005);
    assert_int_equal(labtime_started()->kind, LABTIME_AT);
    labtime_start(&back);
    assert_int_equal(now_real().sec, 1800000004);
    assert_int_equal(now_real().nsec, 999999500);
    machine_sec++;
    assert_int_equal(now_real().sec, 1800000005);
    labtime_start(&none);
    assert_int_equal(now_real().sec, 1800000006);
    assert_int_equal(labtime_now(&none).sec, 1800000006);
    now_set_source(NULL);
}

/* ---- the fence ---- */

static const struct settings_unit settings = {
    .name = (char[]){"lab"}, .policy = (char[]){"2.999.3161.1"}, .protocols = SETTINGS_RFC3161};

static enum rc fence_at(const struct unit *unit, int64_t sec, char why[LABTIME_WHY_MAX])
{
    const struct labtime time = {.kind = LABTIME_AT, .at.sec = sec};

    return labtime_fence(&time, unit, why);
}

/* A unit of these certificates at a time when all are valid. */
static enum rc fence(struct bytes leaf, struct bytes ca, struct bytes root)
{
    char why[LABTIME_WHY_MAX];
    struct unit unit;
    enum rc rc;

    lab_chain_unit(&unit, &settings, leaf, ca, root);
    rc = fence_at(&unit, LAB_CHAIN_FROM + 5, why);
    assert_true((rc == RC_OK) == (why[0] == '\0'));
    assert_true(rc == RC_OK ||
                strstr(why, "unit lab: lab time is only for certificates that `tsa lab` made"));
    unit_clear(&unit);
    return rc;
}

static enum rc fence_plan(const struct lab_chain_plan *plan)
{
    struct lab_chain c;
    enum rc rc;

    lab_chain_make(&c, plan);
    rc = fence(wbuf_bytes(&c.der[2]), wbuf_bytes(&c.der[1]), wbuf_bytes(&c.der[0]));
    lab_chain_clear(&c);
    return rc;
}

static void each_certificate_must_be_a_labs(void **state)
{
    struct lab_chain_plan plan = {0};

    (void)state;
    assert_int_equal(fence_plan(&plan), RC_OK);
    for (unsigned i = 0; i < 3; i++) {
        plan = (struct lab_chain_plan){0};
        plan.policies[i] = OID_DATA; /* none */
        assert_int_equal(fence_plan(&plan), RC_LAB_TIME_CHAIN);
        plan.policies[i] = OID_LAB_TIME_POLICY; /* the tokens', which no certificate has */
        assert_int_equal(fence_plan(&plan), RC_LAB_TIME_CHAIN);
    }
    assert_int_equal(fence_plan(&(struct lab_chain_plan){.plain_ca = true}), RC_LAB_TIME_CHAIN);
    assert_int_equal(fence_plan(&(struct lab_chain_plan){.plain_root = true}), RC_LAB_TIME_CHAIN);
}

/* All are marked; they do not belong together, under names that say they do. */
static void each_must_be_signed_by_the_next(void **state)
{
    struct lab_chain lab, other, mixed;

    (void)state;
    lab_chain_make(&lab, &(struct lab_chain_plan){0});
    lab_chain_make(&other, &(struct lab_chain_plan){0});
    assert_int_equal(fence(wbuf_bytes(&lab.der[2]), wbuf_bytes(&lab.der[1]), wbuf_bytes(&other.der[0])),
                     RC_LAB_TIME_CHAIN);
    /* Without the intermediate, and with another root behind it. */
    assert_int_equal(fence(wbuf_bytes(&lab.der[2]), BYTES_NONE, wbuf_bytes(&lab.der[0])), RC_LAB_TIME_CHAIN);
    assert_int_equal(fence(wbuf_bytes(&lab.der[2]), wbuf_bytes(&lab.der[1]), wbuf_bytes(&lab.der[1])),
                     RC_LAB_TIME_CHAIN);
    assert_int_equal(fence(wbuf_bytes(&lab.der[2]), wbuf_bytes(&lab.der[1]), BYTES_NONE), RC_LAB_TIME_CHAIN);
    /* A lab's leaf below the intermediate of somebody else. */
    lab_chain_make(&mixed, &(struct lab_chain_plan){.policies = {OID_DATA, OID_DATA, OID_LAB_POLICY}});
    assert_int_equal(fence(wbuf_bytes(&mixed.der[2]), wbuf_bytes(&mixed.der[1]), wbuf_bytes(&lab.der[0])),
                     RC_LAB_TIME_CHAIN);
    lab_chain_clear(&lab);
    lab_chain_clear(&other);
    lab_chain_clear(&mixed);
}

static void check_why(const struct unit *unit, int64_t sec, enum rc rc, const char *part)
{
    char why[LABTIME_WHY_MAX];

    assert_int_equal(fence_at(unit, sec, why), rc);
    if (!strstr(why, part)) {
        fail_msg("%s", why);
    }
}

/* The latest beginning and the earliest end of all three decide. */
static void the_time_must_be_valid_for_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct lab_chain_plan plan = {0};
        struct lab_chain c;
        struct unit unit;

        plan.from[i] = 1820000000;  /* 2027-09-03T19:33:20Z */
        plan.until[i] = 1850000000; /* 2028-08-16T00:53:20Z */
        lab_chain_make(&c, &plan);
        lab_chain_unit(&unit, &settings, wbuf_bytes(&c.der[2]), wbuf_bytes(&c.der[1]), wbuf_bytes(&c.der[0]));
        check_why(&unit, 1820000000, RC_OK, "");
        check_why(&unit, 1850000000, RC_OK, "");
        check_why(&unit, 1819999999, RC_CERT_NOT_YET_VALID,
                  "lies before 2027-09-03T19:33:20Z, when this lab was made");
        check_why(&unit, 1819999999, RC_CERT_NOT_YET_VALID, "until 2028-08-16T00:53:20Z");
        check_why(&unit, 1850000001, RC_CERT_EXPIRED, "lies after 2028-08-16T00:53:20Z");
        check_why(&unit, 1850000001, RC_CERT_EXPIRED,
                  i == 0   ? "the end of the certificate of Root"
                  : i == 1 ? "the end of the certificate of Intermediate"
                           : "the end of the certificate of Authority");
        unit_clear(&unit);
        lab_chain_clear(&c);
    }
}

/* Whatever the certificates say: nobody needs a lab as of the years whose code signing keys have leaked. */
static void no_time_lies_before_this_program(void **state)
{
    struct lab_chain_plan plan = {.from = {1000000000, 1000000000, 1000000000}};
    struct lab_chain c;
    struct unit unit;

    (void)state;
    lab_chain_make(&c, &plan);
    lab_chain_unit(&unit, &settings, wbuf_bytes(&c.der[2]), wbuf_bytes(&c.der[1]), wbuf_bytes(&c.der[0]));
    check_why(&unit, NOW_PROGRAM_BORN, RC_OK, "");
    check_why(&unit, NOW_PROGRAM_BORN - 1, RC_CERT_NOT_YET_VALID, "lies before 2026-01-01T00:00:00Z");
    check_why(&unit, 1400000000, RC_CERT_NOT_YET_VALID, "nothing of this program is older");
    check_why(&unit, -1, RC_CERT_NOT_YET_VALID, "lies before 2026-01-01T00:00:00Z");
    unit_clear(&unit);
    lab_chain_clear(&c);
}

static void a_shift_is_judged_by_where_it_leads(void **state)
{
    const struct now_source source = {.real = machine};
    const struct labtime ahead = {.kind = LABTIME_SHIFT, .shift_ns = 400 * DAY};
    const struct labtime far = {.kind = LABTIME_SHIFT, .shift_ns = 4000 * DAY};
    const struct labtime back = {.kind = LABTIME_SHIFT, .shift_ns = -2 * HOUR}, none = {0};
    char why[LABTIME_WHY_MAX];
    struct lab_chain c;
    struct unit unit;

    (void)state;
    machine_sec = LAB_CHAIN_FROM + 3600;
    now_set_source(&source);
    lab_chain_make(&c, &(struct lab_chain_plan){0});
    lab_chain_unit(&unit, &settings, wbuf_bytes(&c.der[2]), wbuf_bytes(&c.der[1]), wbuf_bytes(&c.der[0]));
    assert_int_equal(labtime_fence(&ahead, &unit, why), RC_OK);
    assert_int_equal(labtime_fence(&far, &unit, why), RC_CERT_EXPIRED);
    assert_int_equal(labtime_fence(&back, &unit, why), RC_CERT_NOT_YET_VALID);
    assert_non_null(strstr(why, "lab time 2027-01-15T07:00:00"));
    unit.root = BYTES_NONE;
    assert_int_equal(labtime_fence(&ahead, &unit, why), RC_LAB_TIME_CHAIN);
    assert_non_null(strstr(why, "no root is named"));
    assert_int_equal(labtime_fence(&none, &unit, why), RC_OK);
    now_set_source(NULL);
    unit_clear(&unit);
    lab_chain_clear(&c);
}

/* privateKeyUsagePeriod from 2028-01-01 until 2029-01-01, below a root that is valid for ten years. */
static void the_key_must_be_usable_too(void **state)
{
    static const char policy[] = "DER:3009300706058837985901"; /* 2.999.3161.1 */
    static const char period[] =
        "DER:3022800f32303238303130313030303030305a810f32303239303130313030303030305a";
    static const char *const ca[] = {"basicConstraints",
                                     "critical,CA:TRUE",
                                     "keyUsage",
                                     "keyCertSign",
                                     "certificatePolicies",
                                     policy,
                                     NULL};
    static const char *const leaf[] = {"extendedKeyUsage",
                                       "critical,timeStamping",
                                       "certificatePolicies",
                                       policy,
                                       "2.5.29.16",
                                       period,
                                       NULL};
    struct mint root = mint(&(struct mint_spec){.cn = "Root", .extensions = ca});
    struct mint tsa =
        mint(&(struct mint_spec){.cn = "TSA", .issuer = &root, .serial = 2, .extensions = leaf});
    struct unit unit;

    (void)state;
    lab_chain_unit(&unit, &settings, tsa.der, BYTES_NONE, root.der);
    check_why(&unit, 1830297600, RC_OK, "");
    check_why(&unit, 1830297599, RC_CERT_NOT_YET_VALID, "lies before 2028-01-01T00:00:00Z");
    check_why(&unit, 1861920000, RC_OK, "");
    check_why(&unit, 1861920001, RC_CERT_EXPIRED, "the end of the private key usage period of TSA");
    unit_clear(&unit);
    mint_free(&tsa);
    mint_free(&root);
}

/* ---- the mark ---- */

static void tokens_carry_a_policy_of_their_own(void **state)
{
    static char other[] = "2.999.7";
    static char *others[] = {other};
    struct settings_unit two = settings;
    const struct labtime at = {.kind = LABTIME_AT, .at.sec = LAB_CHAIN_FROM}, none = {0};
    struct tsp_request request = {0};
    char text[OID_TEXT_MAX], why[400];
    uint8_t hash[32] = {0};
    struct lab_chain c;
    struct unit unit;

    (void)state;
    two.policies = (struct cfg_strings){.list = others, .num = 1};
    two.digests = 1u << DIGEST_SHA256;
    lab_chain_make(&c, &(struct lab_chain_plan){0});
    lab_chain_unit(&unit, &two, wbuf_bytes(&c.der[2]), wbuf_bytes(&c.der[1]), wbuf_bytes(&c.der[0]));
    request.imprint.alg = DIGEST_SHA256;
    request.imprint.hash = bytes_of(hash, sizeof(hash));
    request.policy = unit.policies[1];

    labtime_mark(&none, &unit);
    assert_int_equal(unit.num_policies, 2);
    assert_false(unit.lab_time);
    assert_int_equal(unit_accepts(&unit, &request), RC_OK);

    labtime_mark(&at, &unit);
    assert_true(unit.lab_time);
    assert_string_equal(oid_to_text(unit.policy, text, sizeof(text)), "2.999.3161.2");
    assert_int_equal(unit_accepts(&unit, &request), RC_TSP_POLICY);
    assert_non_null(
        strstr(unit_describe_refusal(&unit, RC_TSP_POLICY, BYTES_NONE, why, sizeof(why)), "2.999.3161.2"));
    request.policy = oid_bytes(OID_LAB_POLICY);
    assert_int_equal(unit_accepts(&unit, &request), RC_TSP_POLICY);
    request.policy = oid_bytes(OID_LAB_TIME_POLICY);
    assert_int_equal(unit_accepts(&unit, &request), RC_OK);
    request.policy = BYTES_NONE;
    assert_int_equal(unit_accepts(&unit, &request), RC_OK);
    unit_clear(&unit);
    lab_chain_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(shifts_are_read),
        cmocka_unit_test(what_travels_comes_back),
        cmocka_unit_test(nothing_else_is_taken),
        cmocka_unit_test(the_clock_stands_or_is_shifted),
        cmocka_unit_test(each_certificate_must_be_a_labs),
        cmocka_unit_test(each_must_be_signed_by_the_next),
        cmocka_unit_test(the_time_must_be_valid_for_all),
        cmocka_unit_test(no_time_lies_before_this_program),
        cmocka_unit_test(a_shift_is_judged_by_where_it_leads),
        cmocka_unit_test(the_key_must_be_usable_too),
        cmocka_unit_test(tokens_carry_a_policy_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
