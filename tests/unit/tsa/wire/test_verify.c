/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging tokens: a good one has no finding, and each single fault is found with its own reason and no other. Certificates
 * of every wrong kind, a decoy of the signer's name, tokens changed field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tests/unit/tsa/wire/findings.h"
#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/verify.h"

static struct authority ec, rsa;
static struct hex policy, hash, nonce, serial;

static int setup(void **state)
{
    (void)state;
    authority_init(&ec, &(struct authority_spec){.key = "P-256", .alt_name = "URI:http://tsa.test/"});
    authority_init(&rsa, &(struct authority_spec){.key = "RSA"});
    (void)hex(&policy, "2a030401");
    (void)hex(&hash, "12462aa92f132101102d4c5a53e4c4f6551fe4bf91178cd9d20f5b4c7354e140");
    (void)hex(&nonce, "00aca6e0855dc2931a");
    (void)hex(&serial, "0102030405060708090a0b0c0d0e0f10111213");
    return ec.has_profile && rsa.has_profile ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    authority_clear(&ec);
    authority_clear(&rsa);
    return 0;
}

static struct bytes view(const struct hex *h)
{
    return bytes_of(h->data, h->len);
}

static struct tsp_tstinfo info_of_test(void)
{
    return (struct tsp_tstinfo){
        .policy = view(&policy),
        .imprint = {.alg = DIGEST_SHA256, .alg_null = true, .hash = view(&hash)},
        .serial = view(&serial),
        .time = {.sec = AUTHORITY_NOW},
        .nonce = view(&nonce),
    };
}

static void token_into(struct wbuf *w, struct authority *a, const struct tsp_tstinfo *info)
{
    struct token_build build = {.profile = &a->profile,
                                .info = info,
                                .with_certificates = true,
                                .sign = authority_sign,
                                .sign_arg = a};

    wbuf_init(w, 65536);
    assert_int_equal(token_build(w, &build), RC_OK);
}

/* The usual token of an authority. */
static void good_token(struct wbuf *w, struct authority *a)
{
    struct tsp_tstinfo info = info_of_test();

    token_into(w, a, &info);
}

static struct verify_token_query query_of(const struct wbuf *token, const struct authority *a)
{
    return (struct verify_token_query){.token = wbuf_bytes(token),
                                       .anchors = a->anchors,
                                       .rules = DER_STRICT,
                                       .imprint_alg = DIGEST_SHA256,
                                       .imprint_hash = view(&hash)};
}

static void assert_token(const struct verify_token_query *query, const enum rc *expected)
{
    struct verify_report report;
    enum rc rc = verify_token(query, &report);

    assert_findings(&report, rc, expected);
    verify_clear(&report);
}

/* ---- good ones ---- */

static void test_good_token(void **state)
{
    struct authority *both[] = {&ec, &rsa};
    struct bytes wanted = view(&nonce);
    struct verify_token_query query;
    struct verify_report report;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        good_token(&w, both[i]);
        query = query_of(&w, both[i]);
        query.nonce = &wanted;
        query.policy = view(&policy);
        assert_int_equal(verify_token(&query, &report), RC_OK);
        assert_int_equal(report.num_findings, 0);
        assert_true(report.has_time);
        assert_true(report.time.sec == AUTHORITY_NOW);
        assert_true(bytes_equal(report.cert.der, both[i]->chain[0]));
        assert_int_equal(report.chain.num, 2);
        assert_true(bytes_equal(report.chain.cert[1], both[i]->chain[1]));
        assert_int_equal(report.form, CMS_SIGNATURE_STANDARD);
        assert_true(bytes_equal(report.signer.tlv, report.token.cms.signer.tlv));
        verify_clear(&report);
        verify_clear(&report); /* once more does no harm */
        wbuf_clear(&w);
    }
}

static void test_token_without_anchors_or_certificates(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct token_build build = {
        .profile = &ec.profile, .info = &info, .sign = authority_sign, .sign_arg = &ec};
    struct verify_token_query query;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    assert_int_equal(token_build(&w, &build), RC_OK);
    query = query_of(&w, &ec);
    assert_token(&query, FINDINGS(RC_CERT_NOT_FOUND));
    query.extra_certs = ec.chain[0];
    assert_token(&query, NO_FINDINGS);
    query.anchors = NULL;
    assert_token(&query, NO_FINDINGS);
    query.extra_certs = rsa.chain[0];
    assert_token(&query, FINDINGS(RC_CERT_NOT_FOUND));
    wbuf_clear(&w);
}

/* ---- what was asked for ---- */

static void test_token_for_another_request(void **state)
{
    static const uint8_t other[32] = {1};
    struct bytes none = BYTES_NONE, other_nonce = bytes_of(other, 8);
    struct verify_token_query good, query;
    struct wbuf w;

    (void)state;
    good_token(&w, &ec);
    good = query = query_of(&w, &ec);
    query.imprint_hash = bytes_of(other, 32);
    assert_token(&query, FINDINGS(RC_TOKEN_IMPRINT));
    query = good;
    query.imprint_alg = DIGEST_SHA512;
    assert_token(&query, FINDINGS(RC_TOKEN_IMPRINT));
    query = good;
    query.nonce = &other_nonce;
    assert_token(&query, FINDINGS(RC_TOKEN_NONCE));
    query.nonce = &none; /* none was sent, one came back */
    assert_token(&query, FINDINGS(RC_TOKEN_NONCE));
    query = good;
    query.policy = bytes_of(other, 2);
    assert_token(&query, FINDINGS(RC_TOKEN_POLICY));
    query.imprint_hash = bytes_of(other, 32);
    query.nonce = &other_nonce;
    assert_token(&query, FINDINGS(RC_TOKEN_IMPRINT, RC_TOKEN_NONCE, RC_TOKEN_POLICY));
    wbuf_clear(&w);
}

static void test_missing_nonce(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct bytes wanted = view(&nonce), none = BYTES_NONE;
    struct verify_token_query query;
    struct wbuf w;

    (void)state;
    info.nonce = BYTES_NONE;
    token_into(&w, &ec, &info);
    query = query_of(&w, &ec);
    query.nonce = &wanted;
    assert_token(&query, FINDINGS(RC_TOKEN_NONCE));
    query.nonce = &none;
    assert_token(&query, NO_FINDINGS);
    wbuf_clear(&w);
}

/* ---- names ---- */

static void assert_tsa_name(const char *hex_text, struct bytes name, const enum rc *expected)
{
    struct hex store = {.len = 0};
    uint8_t storage[512];
    struct wbuf w, general;
    struct tsp_tstinfo info = info_of_test();
    struct verify_token_query query;

    wbuf_init_fixed(&general, storage, sizeof storage);
    der_put(&general, DER_CONTEXT_CONSTRUCTED(4), name);
    info.tsa_name = hex_text ? hex(&store, hex_text) : wbuf_bytes(&general);
    token_into(&w, &ec, &info);
    query = query_of(&w, &ec);
    assert_token(&query, expected);
    wbuf_clear(&w);
}

static void test_tsa_name(void **state)
{
    (void)state;
    assert_tsa_name(NULL, ec.facts.subject, NO_FINDINGS);
    assert_tsa_name(NULL, ec.facts.issuer, FINDINGS(RC_TOKEN_TSA_NAME));
    assert_tsa_name("860f 687474703a2f2f7473612e74657374", BYTES_NONE, FINDINGS(RC_TOKEN_TSA_NAME));
    assert_tsa_name("8610 687474703a2f2f7473612e746573742f2f", BYTES_NONE, FINDINGS(RC_DER_TRAILING));
}

static void test_tsa_name_among_the_alternatives(void **state)
{
    (void)state;
    assert_tsa_name("8610 687474703a2f2f7473612e7465737421", BYTES_NONE, FINDINGS(RC_TOKEN_TSA_NAME));
    assert_tsa_name("8610 687474703a2f2f7473612e746573742f", BYTES_NONE, NO_FINDINGS);
}

/* ---- the token itself, changed ---- */

static void test_changed_octets(void **state)
{
    struct verify_token_query query;
    struct verify_report report;
    struct bytes value;
    struct token token;
    struct wbuf w;

    (void)state;
    good_token(&w, &rsa);
    query = query_of(&w, &rsa);
    assert_int_equal(token_parse(wbuf_bytes(&w), DER_STRICT, &token), RC_OK);
    flip(&w, token.cms.signer.signature, 100);
    assert_token(&query, FINDINGS(RC_CMS_SIGNATURE));
    flip(&w, token.cms.signer.signature, 100);
    flip(&w, token.info.serial, 5);
    assert_token(&query, FINDINGS(RC_CMS_MESSAGE_DIGEST));
    flip(&w, token.info.serial, 5);
    flip(&w, token.info.imprint.hash, 5);
    assert_token(&query, FINDINGS(RC_TOKEN_IMPRINT, RC_CMS_MESSAGE_DIGEST));
    flip(&w, token.info.imprint.hash, 5);
    assert_int_equal(cms_attr_get(token.cms.signer.signed_attrs, OID_MESSAGE_DIGEST, &value), RC_OK);
    flip(&w, value, 10);
    assert_token(&query, FINDINGS(RC_CMS_MESSAGE_DIGEST, RC_CMS_SIGNATURE));
    flip(&w, value, 10);
    assert_int_equal(cms_attr_get(token.cms.signer.signed_attrs, OID_SIGNING_CERTIFICATE_V2, &value), RC_OK);
    flip(&w, value, value.len - 1);
    assert_token(&query, FINDINGS(RC_CMS_SIGNATURE, RC_TOKEN_ESS_MISMATCH));
    flip(&w, value, value.len - 1);
    assert_int_equal(cms_attr_get(token.cms.signer.signed_attrs, OID_CONTENT_TYPE, &value), RC_OK);
    flip(&w, value, value.len - 1);
    assert_token(&query, FINDINGS(RC_CMS_ATTR_CONTENT_TYPE, RC_CMS_SIGNATURE));
    flip(&w, value, value.len - 1);
    flip(&w, token.cms.signer.serial, 1);
    assert_token(&query, FINDINGS(RC_CERT_NOT_FOUND));
    flip(&w, token.cms.signer.serial, 1);
    assert_int_equal(verify_token(&query, &report), RC_OK); /* all changes are undone */
    verify_clear(&report);
    wbuf_clear(&w);
}

/* No octet of a token may change unseen but those that nothing covers. */
static void test_every_octet_counts(void **state)
{
    struct verify_token_query query;
    struct verify_report report;
    struct token token;
    struct wbuf w;
    size_t num_unseen = 0;

    (void)state;
    good_token(&w, &ec);
    assert_int_equal(token_parse(wbuf_bytes(&w), DER_STRICT, &token), RC_OK);
    query = query_of(&w, &ec);
    for (size_t at = 0; at < w.len; at++) {
        bool root = w.data + at >= token.cms.certificates.data + ec.chain[0].len &&
                    w.data + at < token.cms.certificates.data + token.cms.certificates.len;
        bool digest_algs = w.data + at >= token.cms.digest_algs.data &&
                           w.data + at < token.cms.digest_algs.data + token.cms.digest_algs.len;

        w.data[at] ^= 0x01;
        if (verify_token(&query, &report) == RC_OK) {
            num_unseen++;
            if (!root && !digest_algs) { /* the anchor is ours; digestAlgorithms is a hint (RFC 5652 5.1) */
                fail_msg("octet %zu changed unseen", at);
            }
        }
        verify_clear(&report);
        w.data[at] ^= 0x01;
    }
    assert_true(num_unseen > 0);
    wbuf_clear(&w);
}

static void test_cut_anywhere(void **state)
{
    struct verify_token_query query;
    struct verify_report report;
    struct wbuf w;

    (void)state;
    good_token(&w, &ec);
    query = query_of(&w, &ec);
    for (size_t len = 0; len < w.len; len++) {
        query.token = bytes_of(w.data, len);
        assert_int_equal(verify_token(&query, &report), RC_DER_TRUNCATED);
        verify_clear(&report);
    }
    wbuf_put_u8(&w, 0);
    query.token = wbuf_bytes(&w);
    assert_int_equal(verify_token(&query, &report), RC_DER_TRAILING);
    verify_clear(&report);
    wbuf_clear(&w);
}

/* ---- SignedData of another make ---- */

static struct cms_build build_of(const struct wbuf *info)
{
    return (struct cms_build){.profile = &ec.profile,
                              .version = 3,
                              .content_type = OID_TST_INFO,
                              .content = wbuf_bytes(info),
                              .attrs = {ec.profile.ess},
                              .num_attrs = 1,
                              .with_certificates = true,
                              .sign = authority_sign,
                              .sign_arg = &ec};
}

static void assert_build(const struct cms_build *build, const enum rc *expected)
{
    struct verify_token_query query;
    struct wbuf w;

    wbuf_init(&w, 65536);
    assert_int_equal(cms_build(&w, build), RC_OK);
    query = query_of(&w, &ec);
    assert_token(&query, expected);
    wbuf_clear(&w);
}

static void test_other_makes(void **state)
{
    struct tsp_tstinfo plain = info_of_test();
    struct cms_profile profile = ec.profile;
    uint8_t storage[512];
    struct cms_build build;
    struct wbuf info;

    (void)state;
    wbuf_init_fixed(&info, storage, sizeof storage);
    tsp_tstinfo_build(&info, &plain);
    build = build_of(&info);
    assert_build(&build, NO_FINDINGS);
    build.num_attrs = 0;
    assert_build(&build, FINDINGS(RC_TOKEN_NO_ESS));
    build = build_of(&info);
    build.attrs[0] = rsa.profile.ess;
    assert_build(&build, FINDINGS(RC_TOKEN_ESS_MISMATCH));
    build = build_of(&info);
    build.version = 1;
    assert_build(&build, FINDINGS(RC_CMS_VERSION)); /* the rules are strict */
    build = build_of(&info);
    build.content_type = OID_DATA;
    assert_build(&build, FINDINGS(RC_CMS_CONTENT_TYPE, RC_CMS_ATTR_CONTENT_TYPE));
    build = build_of(&info);
    build.content = bytes_str("no TSTInfo");
    assert_build(&build, FINDINGS(RC_DER_TAG));
    build = build_of(&info);
    profile.certificates = rsa.profile.certificates; /* the signer's is not there */
    build.profile = &profile;
    assert_build(&build, FINDINGS(RC_CERT_NOT_FOUND));
    profile = ec.profile;
    profile.signer_id = rsa.profile.signer_id; /* names another, who did not sign */
    profile.certificates = rsa.profile.certificates;
    assert_build(&build, FINDINGS(RC_CMS_SIGNATURE, RC_TOKEN_ESS_MISMATCH, RC_CHAIN_UNTRUSTED));
}

static void test_tstinfo_of_another_make(void **state)
{
    struct hex store = {.len = 0};
    struct cms_build build = build_of(&(struct wbuf){0});

    (void)state;
    build.content =
        hex(&store, "3064 020101 06042a030401 3031300d06096086480165030402010500 0420"
                    "12462aa92f132101102d4c5a53e4c4f6551fe4bf91178cd9d20f5b4c7354e140"
                    "020102 180f32303236313132303038303532355a a10d 300b 0603550403 0101ff 040100");
    store.data[1] = (uint8_t)(store.len - 2);
    assert_build(&build, FINDINGS(RC_TOKEN_CRITICAL_EXTENSION));
    store.len = 0;
    build.content = hex(&store, "304e 020102 06042a030401 3031300d06096086480165030402010500 0420"
                                "12462aa92f132101102d4c5a53e4c4f6551fe4bf91178cd9d20f5b4c7354e140"
                                "020102 180f32303236313132303038303532355a");
    store.data[1] = (uint8_t)(store.len - 2);
    assert_build(&build, FINDINGS(RC_TSP_VERSION));
    store.len = 0;
    build.content = hex(&store, "304e 020101 06042a030401 3011300d06096086480165030402010500 0400"
                                "020102 180f32303236313132303038303532355a");
    store.data[1] = (uint8_t)(store.len - 2);
    assert_build(&build, FINDINGS(RC_DIGEST_LENGTH, RC_TOKEN_IMPRINT));
}

/* RFC 3161 2.4.2: no other signature than the authority's. */
static void test_two_signers(void **state)
{
    uint8_t storage[16384];
    struct verify_token_query query;
    struct wbuf token, twice;
    struct cms cms;
    size_t whole, content, data, signers;

    (void)state;
    good_token(&token, &ec);
    assert_int_equal(cms_parse(wbuf_bytes(&token), DER_STRICT, &cms), RC_OK);
    wbuf_init_fixed(&twice, storage, sizeof storage);
    whole = der_open(&twice, DER_SEQUENCE);
    oid_put(&twice, OID_SIGNED_DATA);
    content = der_open(&twice, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(&twice, DER_SEQUENCE);
    der_put_uint(&twice, DER_INTEGER_TAG, 3);
    /* from digestAlgorithms to the certificates all stays as it was */
    wbuf_put(&twice,
             bytes_of(cms.digest_algs.data - 2,
                      (size_t)(cms.certificates.data + cms.certificates.len - (cms.digest_algs.data - 2))));
    signers = der_open(&twice, DER_SET);
    wbuf_put(&twice, cms.signers);
    wbuf_put(&twice, cms.signers);
    der_close(&twice, signers);
    der_close(&twice, data);
    der_close(&twice, content);
    der_close(&twice, whole);
    query = query_of(&twice, &ec);
    assert_token(&query, FINDINGS(RC_CMS_SIGNERS));
    wbuf_clear(&token);
}

/* ---- certificates ---- */

static void test_certificates_of_the_wrong_kind(void **state)
{
    static const struct {
        struct authority_spec spec;
        enum rc strict, lenient;
    } table[] = {
        {{.key = "P-256"}, RC_OK, RC_OK},
        {{.key = "P-256", .eku = "timeStamping"}, RC_CERT_EKU, RC_OK},
        {{.key = "P-256", .eku = "critical,timeStamping,codeSigning"}, RC_CERT_EKU, RC_OK},
        {{.key = "P-256", .eku = "critical,codeSigning"}, RC_CERT_EKU, RC_CERT_EKU},
        {{.key = "P-256", .eku = "critical,anyExtendedKeyUsage"}, RC_CERT_EKU, RC_CERT_EKU},
        {{.key = "P-256", .eku = ""}, RC_CERT_EKU, RC_CERT_EKU},
        {{.key = "P-256", .key_usage = "digitalSignature,keyEncipherment"}, RC_CERT_KEY_USAGE, RC_OK},
        {{.key = "P-256", .key_usage = "nonRepudiation"}, RC_OK, RC_OK},
        {{.key = "P-256", .key_usage = ""}, RC_OK, RC_OK},
        {{.key = "P-256", .constraints = "critical,CA:TRUE"}, RC_CERT_IS_CA, RC_OK},
        {{.key = "P-256", .to = AUTHORITY_NOW - 1}, RC_CERT_EXPIRED, RC_CERT_EXPIRED},
        {{.key = "P-256", .to = AUTHORITY_NOW}, RC_OK, RC_OK},
    };
    struct verify_token_query query;
    struct authority a;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        authority_init(&a, &table[i].spec);
        good_token(&w, &a);
        query = query_of(&w, &a);
        assert_token(&query, (const enum rc[]){table[i].strict, RC_OK});
        query.lenient_eku = true;
        assert_token(&query, (const enum rc[]){table[i].lenient, RC_OK});
        query.anchors = NULL;
        assert_token(&query, (const enum rc[]){table[i].lenient, RC_OK});
        wbuf_clear(&w);
        authority_clear(&a);
    }
}

/* Past and future are judged at genTime, never now. */
static void test_time_of_the_token_counts(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct verify_token_query query;
    struct wbuf w;

    (void)state;
    info.time.sec = AUTHORITY_FROM - 1;
    token_into(&w, &ec, &info);
    query = query_of(&w, &ec);
    assert_token(&query, FINDINGS(RC_CERT_NOT_YET_VALID));
    wbuf_clear(&w);
    info.time.sec = AUTHORITY_TO + 1;
    token_into(&w, &ec, &info);
    query = query_of(&w, &ec);
    assert_token(&query, FINDINGS(RC_CERT_EXPIRED));
    wbuf_clear(&w);
}

static void test_untrusted(void **state)
{
    struct verify_token_query query;
    struct wbuf w;

    (void)state;
    good_token(&w, &ec);
    query = query_of(&w, &rsa); /* the other's root */
    assert_token(&query, FINDINGS(RC_CHAIN_UNTRUSTED));
    wbuf_clear(&w);
}

/* Two certificates bear the issuer and serial of the signer; ESS tells which one signed (RFC 5816 2.2.1). */
static void test_decoy_of_the_same_name(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    X509 *decoy = X509_dup(ec.cert);
    struct cms_profile profile = ec.profile;
    struct token_build build = {.profile = &profile,
                                .info = &info,
                                .with_certificates = true,
                                .sign = authority_sign,
                                .sign_arg = &ec};
    struct bytes der;
    uint8_t storage[8192];
    struct wbuf set, w;
    struct verify_token_query query;
    void *owned;

    (void)state;
    X509_set_pubkey(decoy, rsa.key);
    authority_seal(decoy, ec.root_key);
    der = authority_der(decoy);
    wbuf_init_fixed(&set, storage, sizeof storage);
    wbuf_put(&set, der);
    wbuf_put(&set, ec.chain[0]);
    profile.certificates = wbuf_bytes(&set);
    wbuf_init(&w, 65536);
    assert_int_equal(token_build(&w, &build), RC_OK);
    query = query_of(&w, &ec);
    assert_token(&query, NO_FINDINGS);
    wbuf_clear(&w);
    profile.certificates = der;                              /* the decoy alone */
    assert_int_equal(token_build(&w, &build), RC_TOO_LARGE); /* a cleared writer has no room */
    wbuf_init(&w, 65536);
    assert_int_equal(token_build(&w, &build), RC_OK);
    query = query_of(&w, &ec);
    assert_token(&query, FINDINGS(RC_CMS_SIGNATURE, RC_TOKEN_ESS_MISMATCH));
    wbuf_clear(&w);
    memcpy(&owned, &der.data, sizeof owned);
    OPENSSL_free(owned);
    X509_free(decoy);
}

/* ---- a token made to be slow ---- */

#define NUM_DECOYS 4000
#define NUM_ATTRS  40000

/* A certificate of that issuer and serial with hardly anything else in it. */
static void put_small_decoy(struct wbuf *w, const struct cert *cert)
{
    static const uint8_t empty[] = {DER_SEQUENCE, 0};
    size_t whole = der_open(w, DER_SEQUENCE), tbs = der_open(w, DER_SEQUENCE), validity;
    struct hex store = {.len = 0};

    der_put_integer(w, DER_INTEGER_TAG, cert->serial);
    wbuf_put(w, hex(&store, "300506032b6570"));
    wbuf_put(w, cert->issuer);
    validity = der_open(w, DER_SEQUENCE);
    for (int i = 0; i < 2; i++) {
        der_put(w, DER_UTC_TIME_TAG, bytes_str("260101000000Z"));
    }
    der_close(w, validity);
    wbuf_put(w, bytes_of(empty, sizeof empty));
    wbuf_put(w, bytes_of(empty, sizeof empty));
    der_close(w, tbs);
    store.len = 0;
    wbuf_put(w, hex(&store, "300506032b6570 03020000"));
    der_close(w, whole);
}

/* Many certificates of the signer's name and many attributes must not multiply. */
static void test_many_decoys_and_attributes(void **state)
{
    static const uint8_t attr[] = {DER_SEQUENCE, 5, DER_OID_TAG, 1, 0x2a, DER_SET, 0};
    struct verify_token_query query = {.rules = DER_STRICT};
    struct wbuf token, slow;
    struct verify_report report;
    struct cms cms;
    size_t mark[6];
    clock_t start;

    (void)state;
    good_token(&token, &ec);
    assert_int_equal(cms_parse(wbuf_bytes(&token), DER_STRICT, &cms), RC_OK);
    wbuf_init(&slow, 8u << 20);
    mark[0] = der_open(&slow, DER_SEQUENCE);
    oid_put(&slow, OID_SIGNED_DATA);
    mark[1] = der_open(&slow, DER_CONTEXT_CONSTRUCTED(0));
    mark[2] = der_open(&slow, DER_SEQUENCE);
    der_put_uint(&slow, DER_INTEGER_TAG, 3);
    der_put(&slow, DER_SET, cms.digest_algs);
    mark[3] = der_open(&slow, DER_SEQUENCE);
    der_put(&slow, DER_OID_TAG, cms.content_type_oid);
    der_put(&slow, DER_CONTEXT_CONSTRUCTED(0), cms.content_tlv);
    der_close(&slow, mark[3]);
    mark[3] = der_open(&slow, DER_CONTEXT_CONSTRUCTED(0));
    for (int i = 0; i < NUM_DECOYS; i++) {
        put_small_decoy(&slow, &ec.facts);
    }
    der_close(&slow, mark[3]);
    mark[3] = der_open(&slow, DER_SET);
    mark[4] = der_open(&slow, DER_SEQUENCE);
    der_put_uint(&slow, DER_INTEGER_TAG, 1);
    cert_put_issuer_and_serial(&slow, &ec.facts);
    wbuf_put(&slow, cms.signer.digest_alg);
    mark[5] = der_open(&slow, DER_CONTEXT_CONSTRUCTED(0));
    wbuf_put(&slow, cms_attr_rest(cms.signer.signed_attrs));
    for (int i = 0; i < NUM_ATTRS; i++) {
        wbuf_put(&slow, bytes_of(attr, sizeof attr));
    }
    der_close(&slow, mark[5]);
    wbuf_put(&slow, cms.signer.signature_alg);
    der_put(&slow, DER_OCTET_STRING_TAG, cms.signer.signature);
    for (int i = 4; i >= 0; i--) {
        der_close(&slow, mark[i]);
    }
    assert_int_equal(wbuf_rc(&slow), RC_OK);
    query.token = wbuf_bytes(&slow);
    start = clock();
    assert_int_not_equal(verify_token(&query, &report), RC_OK);
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
    assert_true(verify_has(&report, RC_TOKEN_ESS_MISMATCH));
    assert_true(verify_has(&report, RC_CMS_SIGNATURE) || verify_has(&report, RC_CERT_MALFORMED));
    verify_clear(&report);
    wbuf_clear(&slow);
    wbuf_clear(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_token),
        cmocka_unit_test(test_token_without_anchors_or_certificates),
        cmocka_unit_test(test_token_for_another_request),
        cmocka_unit_test(test_missing_nonce),
        cmocka_unit_test(test_tsa_name),
        cmocka_unit_test(test_tsa_name_among_the_alternatives),
        cmocka_unit_test(test_changed_octets),
        cmocka_unit_test(test_every_octet_counts),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_other_makes),
        cmocka_unit_test(test_tstinfo_of_another_make),
        cmocka_unit_test(test_two_signers),
        cmocka_unit_test(test_certificates_of_the_wrong_kind),
        cmocka_unit_test(test_time_of_the_token_counts),
        cmocka_unit_test(test_untrusted),
        cmocka_unit_test(test_decoy_of_the_same_name),
        cmocka_unit_test(test_many_decoys_and_attributes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
