/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging countersignatures of Authenticode: a good one has no finding, each single fault its own reason; the bare digest of
 * old authorities passes here and nowhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tests/unit/tsa/wire/findings.h"
#include "tsa/wire/verify.h"

static struct authority ec, rsa;
static uint8_t blob[256];

static int setup(void **state)
{
    (void)state;
    authority_init(&ec, &(struct authority_spec){.key = "P-256"});
    authority_init(&rsa, &(struct authority_spec){.key = "RSA"});
    memset(blob, 0x5a, sizeof blob);
    return ec.has_profile && rsa.has_profile ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    authority_clear(&ec);
    authority_clear(&rsa);
    return 0;
}

static void reply_into(struct wbuf *w, struct authority *a, int64_t time)
{
    struct msauth_reply reply = {.profile = &a->profile,
                                 .blob = bytes_of(blob, sizeof blob),
                                 .time = {.sec = time},
                                 .sign = authority_sign,
                                 .sign_arg = a};

    wbuf_init(w, 65536);
    assert_int_equal(msauth_reply_build(w, &reply), RC_OK);
}

static struct verify_countersignature_query countersignature_of(const struct wbuf *reply,
                                                                const struct authority *a)
{
    struct cms cms;

    assert_int_equal(cms_parse(wbuf_bytes(reply), DER_STRICT, &cms), RC_OK);
    return (struct verify_countersignature_query){.signer_info = cms.signer.tlv,
                                                  .blob = cms.content,
                                                  .certificates = cms.certificates,
                                                  .anchors = a->anchors,
                                                  .rules = DER_STRICT};
}

static void assert_countersignature(const struct verify_countersignature_query *query,
                                    const enum rc *expected)
{
    struct verify_report report;
    enum rc rc = verify_countersignature(query, &report);

    assert_findings(&report, rc, expected);
    verify_clear(&report);
}

static void test_good_countersignature(void **state)
{
    struct verify_countersignature_query query;
    struct verify_report report;
    struct wbuf w;

    (void)state;
    reply_into(&w, &rsa, AUTHORITY_NOW);
    query = countersignature_of(&w, &rsa);
    assert_int_equal(verify_countersignature(&query, &report), RC_OK);
    assert_true(report.has_time && report.time.sec == AUTHORITY_NOW);
    assert_true(bytes_equal(report.cert.der, rsa.chain[0]));
    assert_int_equal(report.chain.num, 2);
    assert_int_equal(report.form, CMS_SIGNATURE_STANDARD);
    verify_clear(&report);
    wbuf_clear(&w);
}

static void test_countersignature_faults(void **state)
{
    static const uint8_t other[256];
    struct verify_countersignature_query good, query;
    struct cms_signer signer;
    struct bytes value;
    struct wbuf w;

    (void)state;
    reply_into(&w, &rsa, AUTHORITY_NOW);
    good = query = countersignature_of(&w, &rsa);
    query.blob = bytes_of(other, sizeof other);
    assert_countersignature(&query, FINDINGS(RC_MSAUTH_CONTENT));
    query = good;
    query.certificates = ec.profile.certificates;
    assert_countersignature(&query, FINDINGS(RC_CERT_NOT_FOUND));
    query = good;
    query.anchors = ec.anchors;
    assert_countersignature(&query, FINDINGS(RC_CHAIN_UNTRUSTED));
    query = good;
    query.signer_info = bytes_of(good.signer_info.data, good.signer_info.len - 1);
    assert_countersignature(&query, FINDINGS(RC_DER_TRUNCATED));
    assert_int_equal(cms_signer_parse(good.signer_info, DER_STRICT, &signer), RC_OK);
    flip(&w, signer.signature, 9);
    assert_countersignature(&good, FINDINGS(RC_CMS_SIGNATURE));
    flip(&w, signer.signature, 9);
    assert_int_equal(cms_attr_get(signer.signed_attrs, OID_SIGNING_TIME, &value), RC_OK);
    flip(&w, value, 13); /* another second */
    assert_countersignature(&good, FINDINGS(RC_CMS_SIGNATURE));
    flip(&w, value, 13);
    assert_countersignature(&good, NO_FINDINGS);
    wbuf_clear(&w);
}

/* The same SignerInfo with other attributes: no signingTime, a contentType that is none, no attributes at all. */
static void test_countersignature_of_another_make(void **state)
{
    struct cms_build build = {.profile = &rsa.profile,
                              .version = 1,
                              .content_type = OID_DATA,
                              .content = bytes_of(blob, sizeof blob),
                              .with_certificates = true,
                              .sign = authority_sign,
                              .sign_arg = &rsa};
    struct verify_countersignature_query query;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    assert_int_equal(cms_build(&w, &build), RC_OK);
    query = countersignature_of(&w, &rsa);
    assert_countersignature(&query, FINDINGS(RC_MSAUTH_NO_TIME));
    wbuf_reset(&w);
    build.content_type = OID_TST_INFO;
    assert_int_equal(cms_build(&w, &build), RC_OK);
    query = countersignature_of(&w, &rsa);
    assert_countersignature(&query, FINDINGS(RC_MSAUTH_NO_TIME, RC_CMS_ATTR_CONTENT_TYPE));
    wbuf_clear(&w);
}

static void test_certificates_of_countersigners(void **state)
{
    static const struct {
        struct authority_spec spec;
        enum rc rc;
    } table[] = {
        {{.key = "P-256", .eku = "timeStamping"}, RC_OK},
        {{.key = "P-256", .eku = "timeStamping,codeSigning"}, RC_OK},
        {{.key = "P-256", .eku = "codeSigning"}, RC_CERT_EKU},
        {{.key = "P-256", .eku = ""}, RC_CERT_EKU},
        {{.key = "P-256", .to = AUTHORITY_NOW - 1}, RC_CERT_EXPIRED},
    };
    struct verify_countersignature_query query;
    struct authority a;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        authority_init(&a, &table[i].spec);
        reply_into(&w, &a, AUTHORITY_NOW);
        query = countersignature_of(&w, &a);
        assert_countersignature(&query, (const enum rc[]){table[i].rc, RC_OK});
        query.anchors = NULL;
        assert_countersignature(&query, (const enum rc[]){table[i].rc, RC_OK});
        wbuf_clear(&w);
        authority_clear(&a);
    }
}

/* Signs the digest without its DigestInfo, as VeriSign's authorities did. */
static enum rc sign_bare(void *arg, struct bytes digest, struct wbuf *out)
{
    struct authority *a = arg;
    uint8_t signature[512];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(a->key, NULL);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest.data, digest.len), 1);
    EVP_PKEY_CTX_free(ctx);
    wbuf_put(out, bytes_of(signature, len));
    return wbuf_rc(out);
}

/* Legal in countersignatures of old, never in a token. */
static void test_bare_digest(void **state)
{
    static const uint8_t policy[] = {0x2a, 0x03, 0x04}, hash[32] = {1};
    struct tsp_tstinfo info = {
        .policy = bytes_of(policy, sizeof policy),
        .imprint = {.alg = DIGEST_SHA256, .hash = bytes_of(hash, sizeof hash)},
        .serial = bytes_of(policy, 1),
        .time = {.sec = AUTHORITY_NOW},
    };
    struct msauth_reply reply = {.profile = &rsa.profile,
                                 .blob = bytes_of(blob, sizeof blob),
                                 .time = {.sec = AUTHORITY_NOW},
                                 .sign = sign_bare,
                                 .sign_arg = &rsa};
    struct token_build build = {.profile = &rsa.profile,
                                .info = &info,
                                .with_certificates = true,
                                .sign = sign_bare,
                                .sign_arg = &rsa};
    struct verify_countersignature_query query;
    struct verify_token_query token_query;
    struct verify_report report;
    struct wbuf w;
    enum rc rc;

    (void)state;
    wbuf_init(&w, 65536);
    assert_int_equal(msauth_reply_build(&w, &reply), RC_OK);
    query = countersignature_of(&w, &rsa);
    assert_int_equal(verify_countersignature(&query, &report), RC_OK);
    assert_int_equal(report.form, CMS_SIGNATURE_BARE_DIGEST);
    verify_clear(&report);
    wbuf_reset(&w);
    assert_int_equal(token_build(&w, &build), RC_OK);
    token_query =
        (struct verify_token_query){.token = wbuf_bytes(&w), .anchors = rsa.anchors, .rules = DER_STRICT};
    rc = verify_token(&token_query, &report);
    assert_findings(&report, rc, FINDINGS(RC_CMS_SIGNATURE));
    verify_clear(&report);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_countersignature),
        cmocka_unit_test(test_countersignature_faults),
        cmocka_unit_test(test_countersignature_of_another_make),
        cmocka_unit_test(test_certificates_of_countersigners),
        cmocka_unit_test(test_bare_digest),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
