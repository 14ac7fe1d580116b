/* SPDX-License-Identifier: Apache-2.0 */
/* Units: chains in any order and without their root, certificates that may not sign timestamps, what is served, and the sentences for users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certs/certfile.h"
#include "tests/unit/tsa/wire/mint.h"
#include "tsa/base/now.h"
#include "tsa/role/unit.h"

static const char *const ca_ext[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage",
                                     "critical,keyCertSign", NULL};
static const char *const tsa_ext[] = {"basicConstraints",
                                      "critical,CA:FALSE",
                                      "extendedKeyUsage",
                                      "critical,timeStamping",
                                      "keyUsage",
                                      "critical,digitalSignature",
                                      NULL};
static const char *const lab_ext[] = {"extendedKeyUsage", "critical,timeStamping", "certificatePolicies",
                                      "DER:3010300506032a0304300706058837985901" /* 1.2.3.4, 2.999.3161.1 */,
                                      NULL};
static const char *const soft_ext[] = {"extendedKeyUsage", "timeStamping", NULL};
static const char *const code_ext[] = {"extendedKeyUsage", "critical,codeSigning", NULL};

static struct {
    struct mint root, ca, tsa;
    struct settings_unit settings;
    struct unit unit;
} t;

static void put_pem(struct wbuf *w, const struct mint *m)
{
    certfile_put_pem(w, m->der);
}

static enum rc init_with(const struct mint *first, const struct mint *second, const struct mint *third)
{
    struct wbuf chain, root;
    enum rc rc;

    wbuf_init(&chain, 1u << 20);
    wbuf_init(&root, 1u << 20);
    put_pem(&chain, first);
    if (second) {
        put_pem(&chain, second);
    }
    if (third) {
        put_pem(&chain, third);
    }
    put_pem(&root, &t.root);
    unit_clear(&t.unit);
    rc = unit_init(&t.unit, &t.settings, wbuf_bytes(&chain), wbuf_bytes(&root));
    wbuf_clear(&chain); /* the unit keeps what it needs */
    wbuf_clear(&root);
    return rc;
}

static void test_chain_in_any_order(void **state)
{
    const struct mint *const orders[][3] = {
        {&t.tsa, &t.ca, NULL},
        {&t.ca, &t.tsa, NULL},
        {&t.root, &t.ca, &t.tsa},
        {&t.tsa, &t.root, &t.ca},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        assert_int_equal(init_with(orders[i][0], orders[i][1], orders[i][2]), RC_OK);
        assert_int_equal(t.unit.num_chain, 2); /* never the root */
        assert_true(bytes_equal(t.unit.chain[0], t.tsa.der));
        assert_true(bytes_equal(t.unit.chain[1], t.ca.der));
        assert_true(bytes_equal(t.unit.root, t.root.der));
        assert_true(bytes_equal(t.unit.cert.der, t.tsa.der));
        assert_false(t.unit.is_lab);
    }
}

static void test_facts(void **state)
{
    char text[OID_TEXT_MAX];

    (void)state;
    t.settings.accuracy = 1500000000;
    t.settings.tsa_name = true;
    assert_int_equal(init_with(&t.tsa, &t.ca, NULL), RC_OK);
    assert_string_equal(oid_to_text(t.unit.policy, text, sizeof(text)), "1.3.6.1.4.1.32473.1");
    assert_int_equal(t.unit.num_policies, 2);
    assert_string_equal(oid_to_text(t.unit.policies[1], text, sizeof(text)), "2.999.1");
    assert_int_equal(t.unit.accuracy.seconds, 1);
    assert_int_equal(t.unit.accuracy.millis, 500);
    assert_int_equal(t.unit.tsa_name.data[0], 0xa4); /* directoryName, explicit */
    assert_true(
        bytes_equal(bytes_of(t.unit.tsa_name.data + 2, t.unit.tsa_name.len - 2), t.unit.cert.subject));
}

static void test_lab(void **state)
{
    struct mint lab =
        mint(&(struct mint_spec){.cn = "Lab TSA", .issuer = &t.ca, .serial = 9, .extensions = lab_ext});

    (void)state;
    assert_int_equal(init_with(&lab, &t.ca, NULL), RC_OK);
    assert_true(t.unit.is_lab);
    mint_free(&lab);
}

/* privateKeyUsagePeriod {notAfter}: 2028-01-01 ends the key before the certificate (2035), 2060 does not. */
static void test_key_end(void **state)
{
    static const char *const texts[] = {"DER:3011810f32303238303130313030303030305a",
                                        "DER:3011810f32303630303130313030303030305a", NULL};
    static const int64_t ends[] = {1830297600, MINT_2026 + 3650 * MINT_DAY, MINT_2026 + 3650 * MINT_DAY};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *const extensions[] = {"extendedKeyUsage", "critical,timeStamping",
                                          texts[i] ? "2.5.29.16" : NULL, texts[i], NULL};
        struct mint dated =
            mint(&(struct mint_spec){.cn = "Dated", .issuer = &t.ca, .serial = 11, .extensions = extensions});

        assert_int_equal(init_with(&dated, &t.ca, NULL), RC_OK);
        assert_int_equal(unit_key_end(&t.unit).sec, ends[i]);
        mint_free(&dated);
    }
}

/* Months by the calendar: 2026-01-01 is the certificate's notBefore, unless it is set to another day. */
static void test_key_months(void **state)
{
    static const struct {
        const char *begin;
        int64_t months;
        const char *end;
    } cases[] = {
        {"2026-01-01T00:00:00Z", 15, "2027-04-01T00:00:00Z"},
        {"2026-01-31T23:59:59Z", 1, "2026-02-28T23:59:59Z"},
        {"2027-12-31T12:00:00Z", 2, "2028-02-29T12:00:00Z"},
        {"2026-08-31T00:00:00Z", 1, "2026-09-30T00:00:00Z"},
        {"2026-12-15T01:02:03Z", 1, "2027-01-15T01:02:03Z"},
        {"2026-11-30T00:00:00Z", 12, "2027-11-30T00:00:00Z"},
        {"2026-01-01T00:00:00Z", 0, NULL},
        {"2026-01-01T00:00:00Z", 600, NULL},
        {"9999-06-01T00:00:00Z", 7, NULL},
    };
    struct mint good =
        mint(&(struct mint_spec){.cn = "Months", .issuer = &t.ca, .serial = 12, .extensions = tsa_ext});

    (void)state;
    assert_int_equal(init_with(&good, &t.ca, NULL), RC_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gentime end = t.unit.cert.not_after;

        assert_int_equal(gentime_parse_iso(cases[i].begin, &t.unit.cert.not_before), RC_OK);
        assert_true(!cases[i].end || gentime_parse_iso(cases[i].end, &end) == RC_OK);
        t.settings.key_months = cases[i].months;
        assert_int_equal(unit_key_end(&t.unit).sec, end.sec);
    }
    t.settings.key_months = 0;
    mint_free(&good);
}

/* To the second: at its end it signs still, a moment later it does not. */
static void test_check_time(void **state)
{
    struct mint good =
        mint(&(struct mint_spec){.cn = "Times", .issuer = &t.ca, .serial = 13, .extensions = tsa_ext});
    const struct gentime begin = {MINT_2026, 0}, over = {MINT_2026 + 3650 * MINT_DAY, 0};
    struct gentime end;

    (void)state;
    assert_int_equal(gentime_parse_iso("2027-04-01T00:00:00Z", &end), RC_OK);
    for (int months = 0; months <= 15; months += 15) {
        t.settings.key_months = months;
        assert_int_equal(init_with(&good, &t.ca, NULL), RC_OK);
        assert_int_equal(unit_check_time(&t.unit, begin), RC_OK);
        assert_int_equal(unit_check_time(&t.unit, gentime_add_ns(begin, -1)), RC_CERT_NOT_YET_VALID);
        assert_int_equal(unit_check_time(&t.unit, end), RC_OK);
        assert_int_equal(unit_check_time(&t.unit, gentime_add_ns(end, 1)), months ? RC_KEY_USE_OVER : RC_OK);
        assert_int_equal(unit_check_time(&t.unit, (struct gentime){end.sec + 1, 0}),
                         months ? RC_KEY_USE_OVER : RC_OK);
        assert_int_equal(unit_check_time(&t.unit, over), months ? RC_KEY_USE_OVER : RC_OK);
        assert_int_equal(unit_check_time(&t.unit, (struct gentime){over.sec + 1, 0}), RC_CERT_EXPIRED);
        unit_clear(&t.unit);
    }
    t.settings.key_months = 0;
    mint_free(&good);
}

/* A certificate of former years, whose key may have leaked: with this program it signs nothing as of then. */
static void test_no_key_signs_as_of_years_before_this_program(void **state)
{
    static const char *const texts[] = {
        NULL, "DER:3011800f32303237303130313030303030305a" /* notBefore 2027-01-01 */};
    static const int64_t begins[] = {NOW_PROGRAM_BORN, 1798761600};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const extensions[] = {"extendedKeyUsage", "critical,timeStamping",
                                          texts[i] ? "2.5.29.16" : NULL, texts[i], NULL};
        struct mint old = mint(&(struct mint_spec){.cn = "Old",
                                                   .issuer = &t.ca,
                                                   .serial = 14,
                                                   .from = 1104537600 /* 2005 */,
                                                   .until = 2000000000,
                                                   .extensions = extensions});

        assert_int_equal(init_with(&old, &t.ca, NULL), RC_OK);
        assert_int_equal(unit_key_begin(&t.unit).sec, begins[i]);
        assert_int_equal(unit_check_time(&t.unit, (struct gentime){.sec = begins[i]}), RC_OK);
        assert_int_equal(unit_check_time(&t.unit, (struct gentime){begins[i] - 1, 999999999}),
                         RC_CERT_NOT_YET_VALID);
        assert_int_equal(unit_check_time(&t.unit, (struct gentime){.sec = 1401580800}),
                         RC_CERT_NOT_YET_VALID);
        mint_free(&old);
    }
}

static void test_certificates_that_may_not(void **state)
{
    static const struct {
        const char *const *extensions;
        const char *key_type;
        enum rc rc;
    } cases[] = {
        {soft_ext, "EC", RC_CERT_EKU},
        {code_ext, "EC", RC_CERT_EKU},
        {ca_ext, "EC", RC_CERT_IS_CA},
        {tsa_ext, "ED25519", RC_CMS_SIGNATURE_ALG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mint bad = mint(&(struct mint_spec){.cn = "Bad",
                                                   .issuer = &t.ca,
                                                   .serial = 10,
                                                   .key_type = cases[i].key_type,
                                                   .extensions = cases[i].extensions});

        assert_int_equal(init_with(&bad, &t.ca, NULL), cases[i].rc);
        mint_free(&bad);
    }
}

static void test_files_that_are_no_chain(void **state)
{
    struct mint stranger = mint(&(struct mint_spec){.cn = "Stranger", .extensions = tsa_ext});

    (void)state;
    assert_int_equal(unit_init(&t.unit, &t.settings, BYTES_NONE, BYTES_NONE), RC_NOT_FOUND);
    assert_int_not_equal(
        unit_init(&t.unit, &t.settings,
                  bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), BYTES_NONE),
        RC_OK);
    assert_int_equal(init_with(&t.tsa, &stranger, NULL), RC_CHAIN_BROKEN);
    mint_free(&stranger);
}

/* ---- what is served ---- */

static const uint8_t octets[DIGEST_MAX];

static struct tsp_request request(void)
{
    return (struct tsp_request){
        .imprint = {.alg = DIGEST_SHA256, .alg_oid = oid_bytes(OID_SHA256), .hash = bytes_of(octets, 32)}};
}

static void test_accepts(void **state)
{
    struct tsp_request r = request();
    uint8_t long_nonce[TSP_NONCE_MAX + 1] = {1};

    (void)state;
    assert_int_equal(init_with(&t.tsa, &t.ca, NULL), RC_OK);
    assert_int_equal(unit_accepts(&t.unit, &r), RC_OK);
    for (size_t i = 0; i < t.unit.num_policies; i++) {
        r.policy = t.unit.policies[i];
        assert_int_equal(unit_accepts(&t.unit, &r), RC_OK);
    }
    r.policy = oid_bytes(OID_LAB_POLICY);
    assert_int_equal(unit_accepts(&t.unit, &r), RC_TSP_POLICY);
    r = request(), r.imprint.hash.len = 33;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_DIGEST_LENGTH);
    r = request(), r.imprint.alg = DIGEST_SHA1, r.imprint.hash.len = 20;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_TSP_DIGEST_REFUSED);
    r = request(), r.imprint.alg = DIGEST_NONE;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_DIGEST_UNKNOWN);
    r = request(), r.has_extensions = true;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_TSP_EXTENSION);
    r = request(), r.nonce = bytes_of(long_nonce, TSP_NONCE_MAX);
    assert_int_equal(unit_accepts(&t.unit, &r), RC_OK);
    r.nonce.len++;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_TSP_NONCE_SIZE);
    r = request(), t.settings.protocols = SETTINGS_AUTHENTICODE;
    assert_int_equal(unit_accepts(&t.unit, &r), RC_UNIT_PROTOCOL);
}

static void test_sentences(void **state)
{
    char text[512];

    (void)state;
    assert_int_equal(init_with(&t.tsa, &t.ca, NULL), RC_OK);
    assert_non_null(
        strstr(unit_describe_refusal(&t.unit, RC_TSP_DIGEST_REFUSED, BYTES_NONE, text, sizeof(text)),
               "sha256, sha512"));
    assert_null(strstr(text, "sha384"));
    assert_non_null(strstr(unit_describe_refusal(&t.unit, RC_TSP_POLICY, BYTES_NONE, text, sizeof(text)),
                           "1.3.6.1.4.1.32473.1, 2.999.1"));
    assert_non_null(
        strstr(unit_describe_refusal(&t.unit, RC_UNIT_PROTOCOL, BYTES_NONE, text, sizeof(text)), "/tr"));
    t.settings.protocols = SETTINGS_AUTHENTICODE;
    assert_non_null(strstr(unit_describe_refusal(&t.unit, RC_UNIT_PROTOCOL, BYTES_NONE, text, sizeof(text)),
                           "Authenticode"));
    for (int rc = RC_OK; rc < RC_NUM; rc++) {
        assert_true(strncmp(unit_describe_refusal(&t.unit, (enum rc)rc, BYTES_NONE, text, sizeof(text)),
                            rc_text((enum rc)rc), strlen(rc_text((enum rc)rc))) == 0);
    }
    assert_string_equal(unit_describe_refusal(&t.unit, RC_OVERLOADED, BYTES_NONE, text, 4), "too");
    assert_string_equal(
        unit_describe_refusal(&t.unit, RC_CLOCK_STEPPED, bytes_str("it jumped by 50 ms"), text, sizeof(text)),
        "the clock was set: it jumped by 50 ms; try again later");
    assert_string_equal(unit_describe_refusal(&t.unit, RC_CLOCK_BACKWARDS, bytes_str("a year; tell somebody"),
                                              text, sizeof(text)),
                        "the clock ran backwards: a year; tell somebody");
    assert_string_equal(unit_describe_refusal(&t.unit, RC_CLOCK_BACKWARDS, BYTES_NONE, text, sizeof(text)),
                        "the clock ran backwards; try again later");
    assert_string_equal(
        unit_describe_refusal(&t.unit, RC_KEY_USE_OVER, bytes_str("since May"), text, sizeof(text)),
        "the private key was in use for as long as it may be: since May");
}

static int setup(void **state)
{
    static char name[] = "unit", policy[] = "1.3.6.1.4.1.32473.1", other[] = "2.999.1";
    static char *others[] = {other};

    (void)state;
    t.settings = (struct settings_unit){
        .name = name,
        .protocols = SETTINGS_RFC3161,
        .policy = policy,
        .policies = {others, 1},
        .digests = 1u << DIGEST_SHA256 | 1u << DIGEST_SHA512,
        .digest = DIGEST_SHA256,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unit_clear(&t.unit);
    return 0;
}

static int make_chain(void **state)
{
    (void)state;
    t.root = mint(&(struct mint_spec){.cn = "Root", .extensions = ca_ext});
    t.ca = mint(&(struct mint_spec){.cn = "CA", .issuer = &t.root, .serial = 2, .extensions = ca_ext});
    t.tsa = mint(&(struct mint_spec){.cn = "TSA", .issuer = &t.ca, .serial = 3, .extensions = tsa_ext});
    return 0;
}

static int free_chain(void **state)
{
    (void)state;
    mint_free(&t.root);
    mint_free(&t.ca);
    mint_free(&t.tsa);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_chain_in_any_order),
        TEST(test_facts),
        TEST(test_lab),
        TEST(test_key_end),
        TEST(test_key_months),
        TEST(test_check_time),
        TEST(test_no_key_signs_as_of_years_before_this_program),
        TEST(test_certificates_that_may_not),
        TEST(test_files_that_are_no_chain),
        TEST(test_accepts),
        TEST(test_sentences),
    };

    return cmocka_run_group_tests(tests, make_chain, free_chain);
}
