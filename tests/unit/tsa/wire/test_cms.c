/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData both ways: what is built is read back view by view and judged by libcrypto's CMS and PKCS #7 functions; malformed
 * structures have their reasons.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/cms.h"

#define CONTENT "the octets that are signed"

static struct authority ec, rsa;

static int make_authorities(void **state)
{
    (void)state;
    authority_init(&ec, &(struct authority_spec){.key = "P-256"});
    authority_init(&rsa, &(struct authority_spec){.key = "RSA"});
    return ec.has_profile && rsa.has_profile ? 0 : -1;
}

static int clear_authorities(void **state)
{
    (void)state;
    authority_clear(&ec);
    authority_clear(&rsa);
    return 0;
}

static struct cms_build build_of(struct authority *a)
{
    return (struct cms_build){
        .profile = &a->profile,
        .version = 3,
        .content_type = OID_TST_INFO,
        .content = bytes_str(CONTENT),
        .attrs = {a->profile.ess},
        .num_attrs = 1,
        .with_certificates = true,
        .sign = authority_sign,
        .sign_arg = a,
    };
}

static void build_into(struct wbuf *out, const struct cms_build *build)
{
    wbuf_init(out, 65536);
    assert_int_equal(cms_build(out, build), RC_OK);
}

static void build(struct wbuf *out, struct authority *a)
{
    struct cms_build b = build_of(a);

    build_into(out, &b);
}

static enum rc check_cms(const struct cms *cms, const struct cert *cert, enum cms_signature_form *form)
{
    uint8_t digest[DIGEST_MAX];
    struct cms_check check = {.signer = &cms->signer, .cert = cert, .content_type = cms->content_type};

    assert_int_equal(digest_compute(cms->signer.digest, &cms->content, 1, digest), RC_OK);
    check.content = cms->content;
    check.content_digest = bytes_of(digest, digest_len(cms->signer.digest));
    return cms_signer_check(&check, form);
}

/* ---- what was built, view by view ---- */

static void test_views_of_what_was_built(void **state)
{
    struct wbuf w;
    struct cms cms;
    struct cert cert;

    (void)state;
    build(&w, &ec);
    assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
    assert_int_equal(cms.version, 3);
    assert_int_equal(cms.content_type, OID_TST_INFO);
    assert_true(cms.has_content);
    assert_int_equal(cms.content_tag, DER_OCTET_STRING_TAG);
    assert_true(bytes_equal(cms.content, bytes_str(CONTENT)));
    assert_int_equal(cms.content_tlv.len, cms.content.len + 2);
    assert_true(cms.has_certificates);
    assert_false(cms.has_crls);
    assert_int_equal(cms.certificates.len, ec.chain[0].len + ec.chain[1].len);
    assert_true(bytes_starts_with(cms.certificates, ec.chain[0]));
    assert_int_equal(cms.num_signers, 1);
    assert_int_equal(cms.signer.version, 1);
    assert_int_equal(cms.signer.digest, DIGEST_SHA256);
    assert_int_equal(cms.signer.signature_oid, OID_ECDSA_SHA256);
    assert_true(bytes_equal(cms.digest_algs, cms.signer.digest_alg));
    assert_true(bytes_equal(cms.signer.issuer, ec.facts.issuer));
    assert_true(bytes_equal(cms.signer.serial, ec.facts.serial));
    assert_int_equal(cms.signer.unsigned_attrs.len, 0);
    assert_ptr_equal(cms.signer.unsigned_attrs.data, w.data + w.len);
    assert_true(bytes_equal(cms.signers, cms.signer.tlv));
    assert_int_equal(cms_signer_find_cert(&cms.signer, cms.certificates, &cert), RC_OK);
    assert_true(bytes_equal(cert.der, ec.chain[0]));
    assert_int_equal(check_cms(&cms, &cert, NULL), RC_OK);
    wbuf_clear(&w);
}

static void test_without_certificates(void **state)
{
    struct cms_build b = build_of(&ec);
    struct wbuf w;
    struct cms cms;
    struct cert cert;

    (void)state;
    b.with_certificates = false;
    build_into(&w, &b);
    assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
    assert_false(cms.has_certificates);
    assert_int_equal(cms.certificates.len, 0);
    assert_int_equal(*cms.certificates.data, DER_SET); /* where [0] would stand */
    assert_int_equal(cms_signer_find_cert(&cms.signer, cms.certificates, &cert), RC_CERT_NOT_FOUND);
    wbuf_clear(&w);
}

static void test_signed_attributes_are_in_der_order(void **state)
{
    static const enum oid expected[] = {OID_CONTENT_TYPE, OID_MESSAGE_DIGEST, OID_SIGNING_CERTIFICATE_V2};
    struct bytes rest, before = BYTES_NONE;
    struct cms_attr attr;
    struct wbuf w;
    struct cms cms;
    size_t num = 0;

    (void)state;
    build(&w, &ec);
    assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
    rest = cms_attr_rest(cms.signer.signed_attrs);
    for (; cms_attr_next(&rest, &attr); num++) {
        assert_int_equal(attr.oid, expected[num]);
        assert_true(num == 0 || bytes_compare(before, attr.tlv) < 0);
        before = attr.tlv;
    }
    assert_int_equal(num, 3);
    assert_int_equal(rest.len, 0);
    wbuf_clear(&w);
}

static void test_algorithm_identifiers(void **state)
{
    struct hex store = {.len = 0}, other = {.len = 0}, third = {.len = 0};

    (void)state;
    assert_true(bytes_equal(rsa.profile.signature_alg, hex(&store, "300d06092a864886f70d0101010500")));
    assert_true(bytes_equal(rsa.profile.digest_alg, hex(&other, "300d06096086480165030402010500")));
    assert_true(bytes_equal(ec.profile.signature_alg, hex(&third, "300a06082a8648ce3d040302")));
}

/* The value is 30 26 30 24 30 22 04 20 and the SHA-256 of the certificate. */
static void test_ess_attribute(void **state)
{
    struct hex store = {.len = 0};
    uint8_t hash[DIGEST_MAX];
    struct bytes head = hex(&store, "3037 060b 2a864886f70d010910022f 3128 3026 3024 3022 0420");
    struct bytes ess = ec.profile.ess;

    (void)state;
    assert_int_equal(cert_hash(&ec.facts, DIGEST_SHA256, hash), RC_OK);
    assert_int_equal(ess.len, head.len + 32);
    assert_true(bytes_starts_with(ess, head));
    assert_memory_equal(ess.data + head.len, hash, 32);
}

/* ---- libcrypto as the judge ---- */

static void assert_cms_verifies(struct authority *a, struct bytes der)
{
    X509_STORE *store = authority_store(a);
    BIO *in = BIO_new_mem_buf(der.data, (int)der.len), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
    char *content;
    long len;

    assert_non_null(cms);
    X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
    assert_int_equal(CMS_verify(cms, NULL, store, NULL, out, CMS_BINARY), 1);
    len = BIO_get_mem_data(out, &content);
    assert_int_equal(len, strlen(CONTENT));
    assert_memory_equal(content, CONTENT, strlen(CONTENT));
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(out);
    X509_STORE_free(store);
}

static void assert_pkcs7_verifies(struct authority *a, struct bytes der)
{
    X509_STORE *store = authority_store(a);
    BIO *in = BIO_new_mem_buf(der.data, (int)der.len), *out = BIO_new(BIO_s_mem());
    PKCS7 *p7 = d2i_PKCS7_bio(in, NULL);

    assert_non_null(p7);
    X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
    assert_int_equal(PKCS7_verify(p7, NULL, store, NULL, out, PKCS7_BINARY), 1);
    PKCS7_free(p7);
    BIO_free(in);
    BIO_free(out);
    X509_STORE_free(store);
}

static void test_every_key_and_digest(void **state)
{
    static const struct {
        const char *key;
        enum digest digest;
    } table[] = {
        {"RSA-1024", DIGEST_SHA1}, {"RSA", DIGEST_SHA256},   {"RSA", DIGEST_SHA384},
        {"RSA", DIGEST_SHA512},    {"P-256", DIGEST_SHA1},   {"P-256", DIGEST_SHA256},
        {"P-384", DIGEST_SHA384},  {"P-521", DIGEST_SHA512}, {"P-384", DIGEST_SHA256},
        {"P-256", DIGEST_SHA512},
    };
    struct authority a;
    struct wbuf w;
    struct cms cms;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        authority_init(&a, &(struct authority_spec){.key = table[i].key, .digest = table[i].digest});
        assert_true(a.has_profile);
        build(&w, &a);
        assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
        assert_int_equal(cms.signer.digest, table[i].digest);
        assert_int_equal(check_cms(&cms, &a.facts, NULL), RC_OK);
        assert_cms_verifies(&a, wbuf_bytes(&w));
        assert_pkcs7_verifies(&a, wbuf_bytes(&w));
        wbuf_clear(&w);
        authority_clear(&a);
    }
}

static void test_lengths_of_content(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 127, 128, 255, 256, 3000, 65535, 65536, 70000};
    struct cms_build b = build_of(&ec);
    uint8_t *content = calloc(1, 70000);
    struct wbuf w;
    struct cms cms;

    (void)state;
    assert_non_null(content);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        b.content = bytes_of(content, lengths[i]);
        wbuf_init(&w, 100000);
        assert_int_equal(cms_build(&w, &b), RC_OK);
        assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
        assert_int_equal(cms.content.len, lengths[i]);
        assert_int_equal(check_cms(&cms, &ec.facts, NULL), RC_OK);
        wbuf_clear(&w);
    }
    free(content);
}

/* One context serves one build after the other, whatever the digest. */
static void test_digest_context_of_a_thread(void **state)
{
    struct authority *authorities[] = {&ec, &rsa, &ec};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct cms_build b;
    struct wbuf w;
    struct cms cms;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        b = build_of(authorities[i]);
        b.md_ctx = ctx;
        build_into(&w, &b);
        assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
        assert_int_equal(check_cms(&cms, &authorities[i]->facts, NULL), RC_OK);
        wbuf_clear(&w);
    }
    EVP_MD_CTX_free(ctx);
}

/* ---- builds that fail ---- */

static enum rc refuse_to_sign(void *arg, struct bytes digest, struct wbuf *out)
{
    (void)digest;
    (void)out;
    return *(enum rc *)arg;
}

static void test_reason_of_the_signer_comes_back(void **state)
{
    struct cms_build b = build_of(&ec);
    enum rc reason = RC_OVERLOADED;
    struct wbuf w;

    (void)state;
    b.sign = refuse_to_sign;
    b.sign_arg = &reason;
    wbuf_init(&w, 65536);
    assert_int_equal(cms_build(&w, &b), RC_OVERLOADED);
    assert_int_equal(w.len, 0);
    reason = RC_OK; /* but no signature */
    assert_int_equal(cms_build(&w, &b), RC_SIGNER_FAILED);
    assert_int_equal(w.len, 0);
    wbuf_clear(&w);
}

static void test_output_too_small(void **state)
{
    struct cms_build b = build_of(&ec);
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 500);
    assert_int_equal(cms_build(&w, &b), RC_TOO_LARGE);
    wbuf_clear(&w);
    b.num_attrs = CMS_MAX_ATTRS + 1;
    wbuf_init(&w, 65536);
    assert_int_equal(cms_build(&w, &b), RC_TOO_LARGE);
    wbuf_clear(&w);
}

static void test_profiles_that_can_not_be(void **state)
{
    struct cms_profile p;
    struct bytes junk = bytes_str("no certificate");
    struct authority ed;

    (void)state;
    assert_int_equal(cms_profile_init(&p, ec.chain, 0, DIGEST_SHA256), RC_CERT_NOT_FOUND);
    assert_int_equal(cms_profile_init(&p, &junk, 1, DIGEST_SHA256), RC_CERT_MALFORMED);
    assert_int_equal(cms_profile_init(&p, ec.chain, 1, DIGEST_MD5), RC_CMS_SIGNATURE_ALG);
    assert_int_equal(cms_profile_init(&p, rsa.chain, 1, DIGEST_MD5), RC_CMS_SIGNATURE_ALG);
    assert_int_equal(cms_profile_init(&p, rsa.chain, 1, DIGEST_NONE), RC_DIGEST_UNKNOWN);
    authority_init(&ed, &(struct authority_spec){.key = "ED25519"});
    assert_false(ed.has_profile);
    assert_int_equal(cms_profile_init(&p, ed.chain, 1, DIGEST_SHA512), RC_CMS_SIGNATURE_ALG);
    authority_clear(&ed);
    cms_profile_clear(&p); /* a zeroed one can be cleared */
}

/* ---- malformed structures ---- */

#define SHA1_ALG    "300906052b0e03021a0500"
#define SHA256_ALG  "300d06096086480165030402010500"
#define RSA_ALG     "300d06092a864886f70d0101010500"
#define SIGNER_HEAD "020101 3007 3000 0203010203"

static void test_malformed_signers(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
    } table[] = {
        {"302d" SIGNER_HEAD SHA256_ALG RSA_ALG "040101", RC_OK},
        {"300e 020101 0500" SHA1_ALG, RC_CMS_SIGNER_ID},
        {"300c 020103 a003 040101 0500 0500", RC_CMS_SIGNER_ID},
        {"3027 020103 800101" SHA256_ALG RSA_ALG "040101", RC_OK},
        {"3027 020101 800101" SHA256_ALG RSA_ALG "040101", RC_CMS_VERSION},
        {"302d" SIGNER_HEAD SHA256_ALG RSA_ALG "030101", RC_DER_TAG},
        {"302f" SIGNER_HEAD SHA256_ALG RSA_ALG "040101 0500", RC_DER_TRAILING},
        {"302f" SIGNER_HEAD SHA256_ALG RSA_ALG "040101 a100", RC_OK},
        {"302f" SIGNER_HEAD SHA256_ALG "a000" RSA_ALG "040101", RC_OK},
        {"302d" SIGNER_HEAD SHA256_ALG RSA_ALG "040101 00", RC_DER_TRAILING},
        {"", RC_DER_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct cms_signer signer;
        enum rc rc = cms_signer_parse(hex(&store, table[i].in), DER_STRICT, &signer);

        if (rc != table[i].rc) {
            fail_msg("%s: %s, not %s", table[i].in, rc_word(rc), rc_word(table[i].rc));
        }
    }
}

#define SIGNED_DATA "06092a864886f70d010702"
#define DATA        "06092a864886f70d010701"

static void test_malformed_signed_data(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
    } table[] = {
        {"3023" SIGNED_DATA "a016 3014 020101 3100 300b" DATA "3100", RC_OK},
        {"3023" DATA "a016 3014 020101 3100 300b" DATA "3100", RC_CMS_TYPE},
        {"3023" SIGNED_DATA "a016 3014 020100 3100 300b" DATA "3100", RC_CMS_VERSION},
        {"3023" SIGNED_DATA "a016 3014 020106 3100 300b" DATA "3100", RC_CMS_VERSION},
        {"3023" SIGNED_DATA "a016 3014 020101 3100 300b" DATA "3000", RC_DER_TAG},
        {"3023" SIGNED_DATA "a116 3014 020101 3100 300b" DATA "3100", RC_DER_TAG},
        {"3023" SIGNED_DATA "a016 3014 020101 3100 300b" DATA "3100 00", RC_DER_TRAILING},
        {"3027" SIGNED_DATA "a01a 3018 020101 3100 300f" DATA "a002 0400 3100", RC_OK},
        {"3025" SIGNED_DATA "a018 3016 020101 3100 300d" DATA "a000 3100", RC_DER_TRUNCATED},
        {"3029" SIGNED_DATA "a01c 301a 020101 3100 3011" DATA "a004 0400 0400 3100", RC_DER_TRAILING},
        {"3027" SIGNED_DATA "a01a 3018 020101 3100 300b" DATA "a000 a100 3100", RC_OK},
        {"3027" SIGNED_DATA "a01a 3018 020101 3100 300b" DATA "a100 a000 3100", RC_DER_TAG},
        {"3025" SIGNED_DATA "a018 3016 020101 3100 300b" DATA "3102 0500", RC_DER_TAG},
        {"3025" SIGNED_DATA "a018 3016 020101 3100 300b" DATA "3102 3000", RC_DER_TRUNCATED},
        {"302a" SIGNED_DATA "a01d 301b 020101 3107 3005 06032a0304 300b" DATA "3100", RC_OK},
        {"3025" SIGNED_DATA "a018 3016 020101 3102 0500 300b" DATA "3100", RC_DER_TAG},
        {"302e" SIGNED_DATA "a021 301f 020101 310b 3009 06032a0304 0500 0500 300b" DATA "3100",
         RC_DER_TRAILING},
        {"300b" SIGNED_DATA, RC_DER_TRUNCATED},
        {"0500", RC_DER_TAG},
        {"", RC_DER_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct cms cms;
        enum rc rc = cms_parse(hex(&store, table[i].in), DER_STRICT, &cms);

        if (rc != table[i].rc) {
            fail_msg("%s: %s, not %s", table[i].in, rc_word(rc), rc_word(table[i].rc));
        }
    }
}

/* PKCS #7 1.5 puts a SEQUENCE where CMS has an OCTET STRING; the digest covers its contents alone. */
static void test_content_of_pkcs7(void **state)
{
    struct hex store = {.len = 0};
    struct cms cms;

    (void)state;
    assert_int_equal(
        cms_parse(hex(&store, "3029" SIGNED_DATA "a01c 301a 020101 3100 3011" DATA "a004 3002 0500 3100"),
                  DER_STRICT, &cms),
        RC_OK);
    assert_int_equal(cms.content_tag, DER_SEQUENCE);
    assert_int_equal(cms.content.len, 2);
    assert_int_equal(cms.content.data[0], 0x05);
    assert_int_equal(cms.content_tlv.len, 4);
    assert_int_equal(cms.num_signers, 0);
    assert_int_equal(cms.signer.tlv.len, 0);
}

static void test_attributes_by_hand(void **state)
{
    struct hex store = {.len = 0}, other = {.len = 0};
    struct bytes attrs = hex(&store, "a11a 3018 06092a864886f70d010903 310b 06092a864886f70d010701");
    struct bytes value, rest;
    struct cms_attr attr;

    (void)state;
    assert_int_equal(cms_attr_get(attrs, OID_CONTENT_TYPE, &value), RC_OK);
    assert_int_equal(value.len, 11);
    assert_int_equal(cms_attr_get(attrs, OID_MESSAGE_DIGEST, &value), RC_CMS_ATTR_MISSING);
    assert_int_equal(value.len, 0);
    assert_int_equal(cms_attr_get(BYTES_NONE, OID_MESSAGE_DIGEST, &value), RC_CMS_ATTR_MISSING);
    rest = cms_attr_rest(BYTES_NONE);
    assert_false(cms_attr_next(&rest, &attr));
    rest = cms_attr_rest(hex(&other, "a107 3003 060180 3100"));
    assert_false(cms_attr_next(&rest, &attr));
    assert_int_not_equal(rest.len, 0); /* malformed, not at the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views_of_what_was_built),
        cmocka_unit_test(test_without_certificates),
        cmocka_unit_test(test_signed_attributes_are_in_der_order),
        cmocka_unit_test(test_algorithm_identifiers),
        cmocka_unit_test(test_ess_attribute),
        cmocka_unit_test(test_every_key_and_digest),
        cmocka_unit_test(test_lengths_of_content),
        cmocka_unit_test(test_digest_context_of_a_thread),
        cmocka_unit_test(test_reason_of_the_signer_comes_back),
        cmocka_unit_test(test_output_too_small),
        cmocka_unit_test(test_profiles_that_can_not_be),
        cmocka_unit_test(test_malformed_signers),
        cmocka_unit_test(test_malformed_signed_data),
        cmocka_unit_test(test_content_of_pkcs7),
        cmocka_unit_test(test_attributes_by_hand),
    };

    return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
