/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens both ways: what is built has the structure of RFC 3161 and passes libcrypto's own TS_RESP_verify_response, field by
 * field; structure faults and every fault of the ESS attributes have their reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/ts.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/token.h"

static struct authority ec, rsa;
static struct hex policy, hash, nonce, serial;

static int setup(void **state)
{
    (void)state;
    authority_init(&ec, &(struct authority_spec){.key = "P-256"});
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
        .accuracy = {.seconds = 1},
        .has_accuracy = true,
        .nonce = view(&nonce),
    };
}

static void token_into(struct wbuf *w, struct authority *a, const struct tsp_tstinfo *info, bool certificates)
{
    struct token_build build = {
        .profile = &a->profile,
        .info = info,
        .with_certificates = certificates,
        .sign = authority_sign,
        .sign_arg = a,
    };

    assert_int_equal(token_build(w, &build), RC_OK);
}

static void test_structure(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct token token;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    token_into(&w, &ec, &info, true);
    assert_int_equal(token_parse(wbuf_bytes(&w), DER_STRICT, &token), RC_OK);
    assert_int_equal(token.cms.version, 3);
    assert_int_equal(token.cms.content_type, OID_TST_INFO);
    assert_int_equal(token.cms.signer.version, 1);
    assert_true(token.cms.has_certificates);
    assert_true(bytes_equal(token.info.nonce, info.nonce));
    assert_true(bytes_equal(token.info.serial, info.serial));
    assert_true(token.info.time.sec == AUTHORITY_NOW);
    assert_int_equal(token_check_ess(&token, &ec.facts), RC_OK);
    assert_int_equal(token_check_ess(&token, &rsa.facts), RC_TOKEN_ESS_MISMATCH);
    wbuf_clear(&w);
}

/* RFC 3161 2.4.1: no certificates where none were asked for. */
static void test_certificates_only_when_asked_for(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct token token;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    token_into(&w, &ec, &info, false);
    assert_int_equal(token_parse(wbuf_bytes(&w), DER_STRICT, &token), RC_OK);
    assert_false(token.cms.has_certificates);
    wbuf_clear(&w);
}

/* ---- libcrypto as the judge ---- */

static void reply_into(struct wbuf *w, struct authority *a, const struct tsp_tstinfo *info)
{
    size_t mark;

    wbuf_init(w, 65536);
    mark = tsp_response_open_granted(w);
    token_into(w, a, info, true);
    der_close(w, mark);
    assert_int_equal(w->rc, RC_OK);
}

static TS_VERIFY_CTX *verify_context(struct authority *a, const struct tsp_request *request)
{
    struct wbuf w;
    const unsigned char *at;
    TS_VERIFY_CTX *ctx;
    TS_REQ *req;

    wbuf_init(&w, 1024);
    tsp_request_build(&w, request);
    at = w.data;
    req = d2i_TS_REQ(NULL, &at, (long)w.len);
    assert_non_null(req);
    ctx = TS_REQ_to_TS_VERIFY_CTX(req, NULL);
    assert_non_null(ctx);
    TS_VERIFY_CTX_set_store(ctx, authority_store(a));
    TS_REQ_free(req);
    wbuf_clear(&w);
    return ctx;
}

static bool libcrypto_verifies(struct authority *a, struct bytes reply, const struct tsp_request *request)
{
    const unsigned char *at = reply.data;
    TS_RESP *resp = d2i_TS_RESP(NULL, &at, (long)reply.len);
    TS_VERIFY_CTX *ctx = verify_context(a, request);
    bool good;

    assert_non_null(resp);
    assert_ptr_equal(at, reply.data + reply.len);
    (void)TS_VERIFY_CTX_set_flags(ctx, TS_VFY_SIGNATURE | TS_VFY_VERSION | TS_VFY_IMPRINT | TS_VFY_NONCE |
                                           (request->policy.len > 0 ? TS_VFY_POLICY : 0));
    good = TS_RESP_verify_response(ctx, resp) == 1;
    TS_VERIFY_CTX_free(ctx);
    TS_RESP_free(resp);
    return good;
}

static void test_libcrypto_verifies_the_reply(void **state)
{
    struct authority *both[] = {&ec, &rsa};
    struct tsp_tstinfo info = info_of_test();
    struct tsp_request request = {.imprint = info.imprint, .nonce = info.nonce, .policy = info.policy};
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        reply_into(&w, both[i], &info);
        assert_true(libcrypto_verifies(both[i], wbuf_bytes(&w), &request));
        wbuf_clear(&w);
    }
}

/* The judge does judge: it refuses a reply to another request. */
static void test_libcrypto_refuses_other_requests(void **state)
{
    static const uint8_t other_nonce[] = {0x12}, other_policy[] = {0x2a, 0x03}, other_hash[32];
    struct tsp_tstinfo info = info_of_test();
    struct tsp_request good = {.imprint = info.imprint, .nonce = info.nonce, .policy = info.policy}, bad;
    struct wbuf w;

    (void)state;
    reply_into(&w, &ec, &info);
    bad = good;
    bad.nonce = bytes_of(other_nonce, sizeof other_nonce);
    assert_false(libcrypto_verifies(&ec, wbuf_bytes(&w), &bad));
    bad = good;
    bad.policy = bytes_of(other_policy, sizeof other_policy);
    assert_false(libcrypto_verifies(&ec, wbuf_bytes(&w), &bad));
    bad = good;
    bad.imprint.hash = bytes_of(other_hash, sizeof other_hash);
    assert_false(libcrypto_verifies(&ec, wbuf_bytes(&w), &bad));
    assert_false(libcrypto_verifies(&rsa, wbuf_bytes(&w), &good)); /* another root */
    assert_true(libcrypto_verifies(&ec, wbuf_bytes(&w), &good));
    wbuf_clear(&w);
}

/* Every option of a TSTInfo, as libcrypto reads it. */
static void test_libcrypto_reads_every_field(void **state)
{
    struct hex name_store = {.len = 0};
    struct wbuf name, w;
    struct tsp_tstinfo info = info_of_test();
    struct token token;
    const unsigned char *at;
    TS_TST_INFO *read;
    CMS_ContentInfo *cms;
    ASN1_OCTET_STRING **content;

    (void)state;
    wbuf_init_fixed(&name, name_store.data, sizeof name_store.data);
    der_put(&name, DER_CONTEXT_CONSTRUCTED(4), ec.facts.subject);
    info.tsa_name = wbuf_bytes(&name);
    info.accuracy = (struct tsp_accuracy){2, 250, 7};
    info.ordering = true;
    info.time.nsec = 130000000;
    info.time_digits = 3;
    wbuf_init(&w, 65536);
    token_into(&w, &ec, &info, true);
    assert_int_equal(token_parse(wbuf_bytes(&w), DER_STRICT, &token), RC_OK);
    assert_true(bytes_equal(token.info.tsa_name, info.tsa_name));

    at = w.data;
    cms = d2i_CMS_ContentInfo(NULL, &at, (long)w.len);
    assert_non_null(cms);
    content = CMS_get0_content(cms);
    at = ASN1_STRING_get0_data(*content);
    read = d2i_TS_TST_INFO(NULL, &at, ASN1_STRING_length(*content));
    assert_non_null(read);
    assert_int_equal(TS_TST_INFO_get_version(read), 1);
    assert_string_equal((const char *)ASN1_STRING_get0_data(TS_TST_INFO_get_time(read)),
                        "20261120080525.13Z");
    assert_int_equal(ASN1_INTEGER_get(TS_ACCURACY_get_seconds(TS_TST_INFO_get_accuracy(read))), 2);
    assert_int_equal(ASN1_INTEGER_get(TS_ACCURACY_get_millis(TS_TST_INFO_get_accuracy(read))), 250);
    assert_int_equal(ASN1_INTEGER_get(TS_ACCURACY_get_micros(TS_TST_INFO_get_accuracy(read))), 7);
    assert_int_equal(TS_TST_INFO_get_ordering(read), 1);
    assert_non_null(TS_TST_INFO_get_tsa(read));
    assert_int_equal(TS_TST_INFO_get_tsa(read)->type, GEN_DIRNAME);
    assert_int_equal(
        X509_NAME_cmp(TS_TST_INFO_get_tsa(read)->d.directoryName, X509_get_subject_name(ec.cert)), 0);
    TS_TST_INFO_free(read);
    CMS_ContentInfo_free(cms);
    wbuf_clear(&w);
}

/* ---- what can not be built ---- */

static void test_reason_of_the_tstinfo_comes_back(void **state)
{
    struct tsp_tstinfo info = info_of_test();
    struct token_build build = {
        .profile = &ec.profile, .info = &info, .sign = authority_sign, .sign_arg = &ec};
    unsigned num_signed = ec.num_signed;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    info.time.sec = INT64_MAX;
    assert_int_equal(token_build(&w, &build), RC_TIME_RANGE);
    assert_int_equal(ec.num_signed, num_signed);
    assert_int_equal(w.len, 0);
    wbuf_clear(&w);
}

/* ---- structure faults ---- */

#define SIGNED_DATA "06092a864886f70d010702"
#define TST_INFO    "060b2a864886f70d0109100104"
#define SIGNER                                                                                               \
    "302d 020101 3007 3000 0203010203 300d06096086480165030402010500 300d06092a864886f70d0101010500 040101"

static void test_structure_faults(void **state)
{
    static const struct {
        const char *in;
        enum rc strict, foreign;
    } table[] = {
        {"3056" SIGNED_DATA "a049 3047 020103 3100 300d 06092a864886f70d010701 a000", RC_DER_TRUNCATED,
         RC_DER_TRUNCATED},
        {"3052" SIGNED_DATA "a045 3043 020103 3100 300b 06092a864886f70d010701 312f" SIGNER,
         RC_CMS_CONTENT_TYPE, RC_CMS_CONTENT_TYPE},
        {"3054" SIGNED_DATA "a047 3045 020103 3100 300d" TST_INFO "312f" SIGNER, RC_CMS_NO_CONTENT,
         RC_CMS_NO_CONTENT},
        {"3058" SIGNED_DATA "a04b 3049 020103 3100 3011" TST_INFO "a002 3000 312f" SIGNER, RC_CMS_NO_CONTENT,
         RC_CMS_NO_CONTENT},
        {"3029" SIGNED_DATA "a01c 301a 020103 3100 3011" TST_INFO "a002 0400 3100", RC_CMS_SIGNERS,
         RC_CMS_SIGNERS},
        {"3058" SIGNED_DATA "a04b 3049 020101 3100 3011" TST_INFO "a002 0400 312f" SIGNER, RC_CMS_VERSION,
         RC_DER_TRUNCATED},
        {"3058" SIGNED_DATA "a04b 3049 020103 3100 3011" TST_INFO "a002 0400 312f" SIGNER, RC_DER_TRUNCATED,
         RC_DER_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct bytes in = hex(&store, table[i].in);
        struct token token;
        enum rc strict = token_parse(in, DER_STRICT, &token), foreign = token_parse(in, DER_FOREIGN, &token);

        if (strict != table[i].strict || foreign != table[i].foreign) {
            fail_msg("%zu: %s: %s and %s", i, table[i].in, rc_word(strict), rc_word(foreign));
        }
    }
}

/* ---- ESS by hand ---- */

#define V1_OID "060b2a864886f70d010910020c"
#define V2_OID "060b2a864886f70d010910022f"

static void put_hex(struct wbuf *w, const char *text)
{
    struct hex store = {.len = 0};

    wbuf_put(w, hex(&store, text));
}

struct ess {
    const char *oid;
    enum digest alg, named; /* hashed with; hashAlgorithm, DIGEST_NONE leaves it out */
    int issuer_serial;      /* 0 none, 1 right, 2 wrong serial, 3 wrong name, 4 no directoryName */
    bool empty, cut;
};

static void put_issuer_serial(struct wbuf *w, int kind)
{
    const struct cert *cert = kind == 3 ? &rsa.facts : &ec.facts;
    size_t whole, names, name;

    whole = der_open(w, DER_SEQUENCE);
    names = der_open(w, DER_SEQUENCE);
    name = der_open(w, DER_CONTEXT_CONSTRUCTED(kind == 4 ? 6 : 4));
    wbuf_put(w, kind == 3 ? cert->subject : cert->issuer);
    der_close(w, name);
    der_close(w, names);
    if (kind == 2) {
        der_put_uint(w, DER_INTEGER_TAG, 77);
    } else {
        der_put_integer(w, DER_INTEGER_TAG, ec.facts.serial);
    }
    der_close(w, whole);
}

static void put_ess(struct wbuf *w, const struct ess *ess)
{
    uint8_t digest[DIGEST_MAX];
    size_t attr = der_open(w, DER_SEQUENCE), values, value, certs, id;

    put_hex(w, ess->oid);
    values = der_open(w, DER_SET);
    value = der_open(w, DER_SEQUENCE);
    certs = der_open(w, DER_SEQUENCE);
    if (!ess->empty) {
        id = der_open(w, DER_SEQUENCE);
        if (ess->named != DIGEST_NONE) {
            digest_put_algorithm(w, ess->named, true);
        }
        assert_int_equal(cert_hash(&ec.facts, ess->alg, digest), RC_OK);
        if (!ess->cut) {
            der_put(w, DER_OCTET_STRING_TAG, bytes_of(digest, digest_len(ess->alg)));
        }
        if (ess->issuer_serial > 0) {
            put_issuer_serial(w, ess->issuer_serial);
        }
        der_close(w, id);
    }
    der_close(w, certs);
    der_close(w, value);
    der_close(w, values);
    der_close(w, attr);
}

static enum rc check_ess(const struct ess *first, const struct ess *second)
{
    uint8_t storage[2048];
    struct token token = {0};
    struct wbuf w;
    size_t mark;

    wbuf_init_fixed(&w, storage, sizeof storage);
    mark = der_open(&w, DER_CONTEXT_CONSTRUCTED(0));
    if (first) {
        put_ess(&w, first);
    }
    if (second) {
        put_ess(&w, second);
    }
    der_close(&w, mark);
    assert_int_equal(w.rc, RC_OK);
    token.cms.signer.signed_attrs = wbuf_bytes(&w);
    return token_check_ess(&token, &ec.facts);
}

static void test_ess_attributes(void **state)
{
    static const struct {
        struct ess ess;
        enum rc rc;
    } table[] = {
        {{.oid = V1_OID, .alg = DIGEST_SHA1}, RC_OK},
        {{.oid = V1_OID, .alg = DIGEST_SHA256}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256}, RC_OK},
        {{.oid = V2_OID, .alg = DIGEST_SHA1}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .named = DIGEST_SHA256}, RC_OK}, /* the default, written out */
        {{.oid = V2_OID, .alg = DIGEST_SHA512, .named = DIGEST_SHA512}, RC_OK},
        {{.oid = V2_OID, .alg = DIGEST_SHA512, .named = DIGEST_SHA384}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .issuer_serial = 1}, RC_OK},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .issuer_serial = 2}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .issuer_serial = 3}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .issuer_serial = 4}, RC_DER_TAG},
        {{.oid = V1_OID, .alg = DIGEST_SHA1, .issuer_serial = 1}, RC_OK},
        {{.oid = V1_OID, .alg = DIGEST_SHA1, .issuer_serial = 2}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V1_OID, .alg = DIGEST_SHA1, .named = DIGEST_SHA1},
         RC_DER_TAG}, /* version 1 has no such field */
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .empty = true}, RC_TOKEN_ESS_MISMATCH},
        {{.oid = V2_OID, .alg = DIGEST_SHA256, .cut = true}, RC_DER_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum rc rc = check_ess(&table[i].ess, NULL);

        if (rc != table[i].rc) {
            fail_msg("%zu: %s, not %s", i, rc_word(rc), rc_word(table[i].rc));
        }
    }
}

static void test_ess_of_both_versions(void **state)
{
    const struct ess v1 = {.oid = V1_OID, .alg = DIGEST_SHA1}, v2 = {.oid = V2_OID, .alg = DIGEST_SHA256};
    const struct ess bad_v1 = {.oid = V1_OID, .alg = DIGEST_SHA256},
                     bad_v2 = {.oid = V2_OID, .alg = DIGEST_SHA1};

    (void)state;
    assert_int_equal(check_ess(NULL, NULL), RC_TOKEN_NO_ESS);
    assert_int_equal(check_ess(&v1, &v2), RC_OK);
    assert_int_equal(check_ess(&v1, &bad_v2), RC_TOKEN_ESS_MISMATCH); /* each counts for itself */
    assert_int_equal(check_ess(&bad_v1, &v2), RC_TOKEN_ESS_MISMATCH);
    assert_int_equal(check_ess(&v2, &v2), RC_CMS_ATTR_REPEATED);
}

/* An unknown digest in ESSCertIDv2, and other types where structures are asked for. */
static void test_ess_of_strange_types(void **state)
{
    static const struct {
        const char *attrs;
        enum rc rc;
    } table[] = {
        {"a022 3020" V2_OID "3111 300f 300d 300b 300506032a0304 04021234", RC_DIGEST_UNKNOWN},
        {"a013 3011" V2_OID "3102 0400", RC_DER_TAG},
        {"a013 3011" V1_OID "3102 3000", RC_DER_TRUNCATED},
        {"a015 3013" V1_OID "3104 3002 0500", RC_DER_TAG},
        {"a011 300f" V1_OID "3100", RC_TOKEN_NO_ESS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct token token = {0};
        enum rc rc;

        token.cms.signer.signed_attrs = hex(&store, table[i].attrs);
        rc = token_check_ess(&token, &ec.facts);
        if (rc != table[i].rc) {
            fail_msg("%zu: %s, not %s", i, rc_word(rc), rc_word(table[i].rc));
        }
    }
}

/* RFC 5280 7.1: string type, case and blanks make no other name. */
static void test_names(void **state)
{
    struct hex a = {.len = 0}, b = {.len = 0}, c = {.len = 0};
    struct bytes utf8 = hex(&a, "300f 310d 300b 0603550403 0c0441206220");
    struct bytes printable = hex(&b, "300f 310d 300b 0603550403 130420614220");
    struct bytes other = hex(&c, "300f 310d 300b 0603550403 0c0441206320");

    (void)state;
    assert_true(token_names_equal(utf8, utf8));
    assert_false(token_names_equal(utf8, other));
    assert_false(token_names_equal(utf8, printable)); /* "a b" is not "aB" */
    b.len = 0;
    printable = hex(&b, "3010 310e 300c 0603550403 1305 2061202042");
    assert_true(token_names_equal(utf8, printable));
    assert_false(token_names_equal(utf8, BYTES_NONE));
    assert_true(token_names_equal(BYTES_NONE, BYTES_NONE));
    assert_false(token_names_equal(utf8, bytes_str("no name")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_certificates_only_when_asked_for),
        cmocka_unit_test(test_libcrypto_verifies_the_reply),
        cmocka_unit_test(test_libcrypto_refuses_other_requests),
        cmocka_unit_test(test_libcrypto_reads_every_field),
        cmocka_unit_test(test_reason_of_the_tstinfo_comes_back),
        cmocka_unit_test(test_structure_faults),
        cmocka_unit_test(test_ess_attributes),
        cmocka_unit_test(test_ess_of_both_versions),
        cmocka_unit_test(test_ess_of_strange_types),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
