/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good chain without a finding, and beside it one chain for each rule that breaks that rule alone.
 */
#include "certs/certrules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#include "certs/issue.h"
#include "certs/keyfile.h"

#define DAY   86400LL
#define YEAR  (365 * DAY)
#define START 1800000000LL

static const enum oid for_timestamps[] = {OID_KP_TIME_STAMPING, OID_NONE};
static const enum oid for_code[] = {OID_KP_CODE_SIGNING, OID_NONE};
static const enum oid for_both[] = {OID_KP_TIME_STAMPING, OID_KP_CODE_SIGNING, OID_NONE};

/* root, intermediate, leaf; a test changes what it wants before it builds. */
struct tower {
    struct issue issues[3];
    EVP_PKEY *keys[3];
    struct wbuf ders[3];
    struct bytes chain[3];
    struct certrules_query query;
    struct certrules rules;
};

enum {
    ROOT,
    CA,
    LEAF
};

static EVP_PKEY *keys[3];

static int make_keys(void **state)
{
    (void)state;
    return keyfile_make(KEYFILE_P256, &keys[ROOT]) == RC_OK &&
                   keyfile_make(KEYFILE_P256, &keys[CA]) == RC_OK &&
                   keyfile_make(KEYFILE_RSA_3072, &keys[LEAF]) == RC_OK
               ? 0
               : -1;
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        EVP_PKEY_free(keys[i]);
    }
    return 0;
}

static int setup(void **state)
{
    static const char *const names[] = {"Root", "Intermediate", "Leaf"};
    struct tower *t = calloc(1, sizeof *t);

    if (!t) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        t->keys[i] = keys[i];
        t->issues[i] = (struct issue){
            .common_name = names[i],
            .not_before = {.sec = START - DAY},
            .not_after = {.sec = START + (20 - 5 * i) * YEAR},
            .is_ca = i != LEAF,
            .path_len = -1,
            .key_usage = i == LEAF ? CERT_USAGE_DIGITAL_SIGNATURE : CERT_USAGE_KEY_CERT_SIGN,
            .purposes = i == LEAF ? for_timestamps : NULL,
            .purposes_critical = i == LEAF,
            .policy = OID_LAB_POLICY, /* spares the notes for public authorities */
            .digest = DIGEST_SHA256,
        };
        wbuf_init(&t->ders[i], 1 << 16);
    }
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct tower *t = *state;

    for (int i = 0; i < 3; i++) {
        wbuf_clear(&t->ders[i]);
    }
    free(t);
    return 0;
}

static void build(struct tower *t)
{
    for (int i = 0; i < 3; i++) {
        int issuer = i > 0 ? i - 1 : 0;

        t->issues[i].key = t->keys[i];
        t->issues[i].issuer = i > 0 ? wbuf_bytes(&t->ders[issuer]) : BYTES_NONE;
        t->issues[i].issuer_key = t->keys[issuer];
        wbuf_reset(&t->ders[i]);
        assert_int_equal(issue_certificate(&t->issues[i], &t->ders[i]), RC_OK);
    }
    t->chain[0] = wbuf_bytes(&t->ders[LEAF]);
    t->chain[1] = wbuf_bytes(&t->ders[CA]);
    t->query = (struct certrules_query){.chain = t->chain,
                                        .num = 2,
                                        .root = wbuf_bytes(&t->ders[ROOT]),
                                        .key = t->keys[LEAF],
                                        .now = {.sec = START}};
}

static void check(struct tower *t)
{
    certrules_check(&t->query, &t->rules);
}

/* Exactly one finding beside the lab's note, with this severity and reason, and these words in it. */
static void assert_only(struct tower *t, enum certrules_severity severity, enum rc rc, const char *words)
{
    size_t num = 0;

    check(t);
    for (size_t i = 0; i < t->rules.num; i++) {
        const struct certrules_finding *finding = &t->rules.list[i];

        if (strstr(finding->text, "lab authority")) {
            continue;
        }
        num++;
        if (finding->severity != severity || finding->rc != rc || !strstr(finding->text, words)) {
            fail_msg("%s %s: %s", certrules_severity_text(finding->severity), rc_word(finding->rc),
                     finding->text);
        }
    }
    assert_int_equal(num, 1);
    assert_int_equal(certrules_verdict(&t->rules), severity == CERTRULES_ERROR ? rc : RC_OK);
}

static void a_good_chain_has_no_finding(void **state)
{
    struct tower *t = *state;

    build(t);
    check(t);
    assert_int_equal(t->rules.num, 1);
    assert_int_equal(t->rules.list[0].severity, CERTRULES_NOTE);
    assert_string_equal(t->rules.list[0].text,
                        "the certificate was made by the lab authority: nobody outside the lab trusts it");
    assert_int_equal(certrules_verdict(&t->rules), RC_OK);
}

static void the_key_must_fit(void **state)
{
    struct tower *t = *state;
    EVP_PKEY *other;

    build(t);
    t->query.key = NULL;
    check(t);
    assert_int_equal(t->rules.num, 1);
    t->query.key = t->keys[CA];
    assert_only(t, CERTRULES_ERROR, RC_CERT_KEY_MISMATCH,
                "belongs to certificate 2 of the chain (Intermediate)");
    assert_int_equal(keyfile_make(KEYFILE_P384, &other), RC_OK);
    t->query.key = other;
    assert_only(t, CERTRULES_ERROR, RC_CERT_KEY_MISMATCH,
                "the private key (P-384) does not belong to the certificate of Leaf");
    EVP_PKEY_free(other);
}

static void the_purpose_must_be_timestamps_alone(void **state)
{
    struct tower *t = *state;

    t->issues[LEAF].purposes = NULL;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_EKU, "no extended key usage");
    t->issues[LEAF].purposes = for_code;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_EKU, "does not name timeStamping");
    t->issues[LEAF].purposes = for_both;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_EKU, "names 2 purposes");
    t->issues[LEAF].purposes = for_timestamps;
    t->issues[LEAF].purposes_critical = false;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_EKU, "not marked critical");
}

static void the_key_usage_must_be_signatures(void **state)
{
    struct tower *t = *state;

    t->issues[LEAF].key_usage = 0;
    build(t);
    assert_only(t, CERTRULES_WARNING, RC_CERT_KEY_USAGE, "no key usage");
    t->issues[LEAF].key_usage = CERT_USAGE_DIGITAL_SIGNATURE | CERT_USAGE_CRL_SIGN;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_KEY_USAGE, "nothing else");
    t->issues[LEAF].key_usage = CERT_USAGE_NON_REPUDIATION;
    build(t);
    check(t);
    assert_int_equal(t->rules.num, 1);
}

static void a_ca_does_not_sign_timestamps(void **state)
{
    struct tower *t = *state;

    t->issues[LEAF].is_ca = true;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_IS_CA, "is a CA's");
}

static void the_key_must_be_strong_and_usual(void **state)
{
    struct tower *t = *state;
    EVP_PKEY *key;

    assert_int_equal(keyfile_make(KEYFILE_RSA_2048, &t->keys[LEAF]), RC_OK);
    build(t);
    assert_only(t, CERTRULES_WARNING, RC_KEY_KIND,
                "the key of Leaf is RSA 2048: the CA/Browser Forum asks for RSA 3072");
    EVP_PKEY_free(t->keys[LEAF]);

    t->keys[LEAF] = key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_KEY_KIND, "the key of Leaf is of RSA 1024");
    EVP_PKEY_free(key);

    assert_int_equal(keyfile_make(KEYFILE_ED25519, &t->keys[LEAF]), RC_OK);
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_KEY_KIND, "Ed25519");
    EVP_PKEY_free(t->keys[LEAF]);

    assert_int_equal(keyfile_make(KEYFILE_P384, &t->keys[LEAF]), RC_OK);
    build(t);
    check(t);
    assert_int_equal(t->rules.num, 1);
    t->query.authenticode = true;
    assert_only(t, CERTRULES_WARNING, RC_KEY_KIND, "RSA only");
    EVP_PKEY_free(t->keys[LEAF]);
}

static void the_chain_must_be_in_order_and_complete(void **state)
{
    struct tower *t = *state;
    struct bytes leaf;

    build(t);
    leaf = t->chain[0];
    t->query.num = 1;
    assert_only(t, CERTRULES_ERROR, RC_CHAIN_BROKEN, "(Leaf) was not issued by the root (Root)");
    t->chain[2] = wbuf_bytes(&t->ders[ROOT]);
    t->query.num = 3;
    assert_only(t, CERTRULES_WARNING, RC_OK, "the chain ends with the root (Root): take it out");
    t->chain[1] = t->chain[2];
    t->chain[2] = wbuf_bytes(&t->ders[CA]);
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_CHAIN_BROKEN);
    assert_string_equal(
        t->rules.list[0].text,
        "the chain is not in order: the unit's certificate first, each followed by its issuer");
    t->chain[1] = wbuf_bytes(&t->ders[CA]);
    t->query.num = 2;
    t->query.root = BYTES_NONE;
    assert_only(t, CERTRULES_NOTE, RC_OK, "Intermediate says that it was issued by Root");
    t->query.root = leaf;
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_CHAIN_BROKEN);
}

static void a_chain_of_strangers_is_broken(void **state)
{
    struct tower *t = *state;
    struct wbuf stranger;

    build(t);
    wbuf_init(&stranger, 1 << 16);
    t->issues[CA].common_name = "Stranger";
    assert_int_equal(issue_certificate(&t->issues[CA], &stranger), RC_OK);
    t->chain[1] = wbuf_bytes(&stranger);
    assert_only(t, CERTRULES_ERROR, RC_CHAIN_BROKEN,
                "certificate 1 of the chain (Leaf) was not issued by the next one (Stranger)");
    wbuf_clear(&stranger);
}

static void intermediates_must_be_cas_for_timestamps(void **state)
{
    struct tower *t = *state;

    t->issues[CA].purposes = for_code;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CERT_EKU,
                "the extended key usage of Intermediate does not allow timestamps");
    t->issues[CA].purposes = for_both;
    build(t);
    check(t);
    assert_int_equal(t->rules.num, 1);
    t->issues[CA].purposes = NULL;
    t->issues[CA].is_ca = false;
    t->issues[CA].key_usage = CERT_USAGE_DIGITAL_SIGNATURE;
    build(t);
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_CHAIN_BROKEN);
}

/* Seen by no rule of ours: libcrypto has the last word. */
static void path_lengths_are_libcryptos(void **state)
{
    struct tower *t = *state;

    t->issues[ROOT].path_len = 0;
    build(t);
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_CHAIN_BROKEN);
    assert_non_null(strstr(t->rules.list[t->rules.num - 1].text, "clients would refuse the chain"));
}

static void sha1_is_too_weak(void **state)
{
    struct tower *t = *state;

    t->issues[ROOT].digest = DIGEST_SHA1;
    build(t);
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_OK);
    t->issues[LEAF].digest = DIGEST_SHA1;
    build(t);
    assert_only(t, CERTRULES_ERROR, RC_CHAIN_WEAK, "the certificate of Leaf is signed with ecdsa-with-SHA1");
}

static void times_are_told_early(void **state)
{
    static const struct {
        int64_t days; /* before the leaf's end */
        enum certrules_severity severity;
        enum rc rc;
        const char *words;
    } cases[] = {
        {80, CERTRULES_WARNING, RC_OK, "the certificate of Leaf expires in 80 days, on 2037-01-12"},
        {20, CERTRULES_WARNING, RC_OK, "in 20 days, on 2037-01-12: order the next one"},
        {3, CERTRULES_WARNING, RC_OK, "in 3 days, on 2037-01-12: renew it now"},
        {-1, CERTRULES_ERROR, RC_CERT_EXPIRED, "the certificate of Leaf expired on 2037-01-12"},
    };
    struct tower *t = *state;

    build(t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t->query.now.sec = START + 10 * YEAR - cases[i].days * DAY;
        assert_only(t, cases[i].severity, cases[i].rc, cases[i].words);
    }
    t->query.now.sec = START + 10 * YEAR - 91 * DAY;
    check(t);
    assert_int_equal(t->rules.num, 1);
    t->query.now.sec = START - 2 * DAY;
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_CERT_NOT_YET_VALID);
}

/* privateKeyUsagePeriod from 20270115000000Z until 20270401000000Z; no template has it, so the leaf is signed once more. */
static void the_keys_own_period_counts(void **state)
{
    static const char period[] = "\x30\x22\x80\x0f"
                                 "20270115000000Z\x81\x0f"
                                 "20270401000000Z";
    struct tower *t = *state;
    const unsigned char *at;
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;
    unsigned char *der = NULL;
    X509 *leaf;
    int len;

    build(t);
    at = t->chain[0].data;
    leaf = d2i_X509(NULL, &at, (long)t->chain[0].len);
    assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *)period, sizeof period - 1), 1);
    extension = X509_EXTENSION_create_by_NID(NULL, NID_private_key_usage_period, 0, value);
    assert_int_equal(X509_add_ext(leaf, extension, -1), 1);
    assert_true(X509_sign(leaf, t->keys[CA], EVP_sha256()) > 0);
    len = i2d_X509(leaf, &der);
    assert_true(len > 0);
    t->chain[0] = bytes_of(der, (size_t)len);
    assert_only(t, CERTRULES_WARNING, RC_OK, "the private key may be used until 2027-04-01 only");
    t->query.now.sec = START - DAY / 2;
    check(t);
    assert_int_equal(t->rules.num, 3);
    assert_int_equal(certrules_verdict(&t->rules), RC_CERT_NOT_YET_VALID);
    t->query.now.sec = START + 200 * DAY;
    assert_only(t, CERTRULES_ERROR, RC_CERT_EXPIRED, "may not be used since 2027-04-01");
    OPENSSL_free(der);
    X509_free(leaf);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
}

static void an_issuer_that_ends_first_is_told(void **state)
{
    struct tower *t = *state;

    t->issues[CA].not_after.sec = START + YEAR;
    build(t);
    assert_only(t, CERTRULES_WARNING, RC_OK,
                "Intermediate expires on 2028-01-15, before the unit's certificate");
}

static void public_authorities_have_more_rules(void **state)
{
    struct tower *t = *state;

    t->issues[LEAF].policy = OID_NONE;
    t->issues[LEAF].not_after.sec = START + 12 * YEAR;
    build(t);
    t->query.now.sec = START + 2 * YEAR;
    check(t);
    assert_int_equal(certrules_verdict(&t->rules), RC_OK);
    assert_int_equal(t->rules.num, 5);
    assert_non_null(strstr(t->rules.list[0].text, "more than 135 months"));
    assert_non_null(strstr(t->rules.list[1].text, "in use for more than 15 months, since before 2028-04"));
    assert_non_null(strstr(t->rules.list[2].text, "no certificate policies"));
    assert_non_null(strstr(t->rules.list[3].text, "no CRL distribution point"));
    assert_non_null(strstr(t->rules.list[4].text, "no authority information access"));
}

static void what_can_not_be_parsed_is_told(void **state)
{
    struct tower *t = *state;

    build(t);
    t->chain[1] = bytes_str("0");
    assert_only(t, CERTRULES_ERROR, RC_CERT_MALFORMED, "certificate 2 of the chain can not be parsed");
    t->query.num = 0;
    assert_only(t, CERTRULES_ERROR, RC_CHAIN_BROKEN, "the chain holds 0 certificates");
    t->query.num = 1;
    t->query.root = bytes_str("0");
    assert_only(t, CERTRULES_ERROR, RC_CERT_MALFORMED, "the root can not be parsed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_chain_has_no_finding),
        TEST(the_key_must_fit),
        TEST(the_purpose_must_be_timestamps_alone),
        TEST(the_key_usage_must_be_signatures),
        TEST(a_ca_does_not_sign_timestamps),
        TEST(the_key_must_be_strong_and_usual),
        TEST(the_chain_must_be_in_order_and_complete),
        TEST(a_chain_of_strangers_is_broken),
        TEST(intermediates_must_be_cas_for_timestamps),
        TEST(path_lengths_are_libcryptos),
        TEST(sha1_is_too_weak),
        TEST(times_are_told_early),
        TEST(the_keys_own_period_counts),
        TEST(an_issuer_that_ends_first_is_told),
        TEST(public_authorities_have_more_rules),
        TEST(what_can_not_be_parsed_is_told),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
