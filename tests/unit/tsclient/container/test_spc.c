/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures read: indirect data, the tree of nested ones, several signers in one SignedData, timestamps of both kinds, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/make_tiny.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 20)

static struct made_cert root, signer, other;
static struct bytes certs[2];

static int make_keys(void **state)
{
    (void)state;
    root = make_cert(&(struct make_cert){.name = "Root", .is_ca = true, .to = 4000000000});
    signer = make_cert(
        &(struct make_cert){.name = "Signer", .issuer = &root, .eku = "codeSigning", .to = 4000000000});
    other = make_cert(&(struct make_cert){
        .name = "Other", .issuer = &root, .eku = "critical,timeStamping", .to = 4000000000});
    certs[0] = made_cert_der(&signer);
    certs[1] = made_cert_der(&root);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    made_cert_clear(&root);
    made_cert_clear(&signer);
    made_cert_clear(&other);
    return 0;
}

/* ---- making signatures ---- */

static void sign(struct wbuf *w, struct bytes unsigned_attrs)
{
    static const uint8_t digest[32] = {1, 2, 3};
    const struct make_signature m = {.signer = &signer,
                                     .certs = certs,
                                     .num_certs = 2,
                                     .file_digest = {digest, 32},
                                     .unsigned_attrs = unsigned_attrs};

    wbuf_init(w, LIMIT);
    make_signature(w, &m);
}

/* A stand-in for a token: any SEQUENCE will do where it is only carried. */
static void some_token(struct wbuf *w, size_t len, uint8_t fill)
{
    size_t mark, inner;

    wbuf_init(w, LIMIT);
    mark = der_open(w, DER_SEQUENCE);
    inner = der_open(w, DER_OCTET_STRING_TAG);
    memset(wbuf_reserve(w, len), fill, len);
    der_close(w, inner);
    der_close(w, mark);
}

static struct spc *parse(struct bytes pkcs7)
{
    struct spc *spc = calloc(1, sizeof *spc);

    assert_non_null(spc);
    assert_int_equal(spc_parse(pkcs7, spc), RC_OK);
    return spc;
}

/* ---- reading ---- */

static void indirect_data(void **state)
{
    static const uint8_t digest[32] = {9, 8, 7};
    struct spc_indirect indirect;
    struct bytes contents;
    struct wbuf w;
    struct der d;

    (void)state;
    wbuf_init(&w, LIMIT);
    make_indirect(&w, bytes_of(digest, 32));
    der_init(&d, wbuf_bytes(&w), DER_STRICT);
    contents = der_get(&d, DER_SEQUENCE);
    assert_int_equal(spc_indirect_parse(contents, &indirect), RC_OK);
    assert_int_equal(indirect.data_type, OID_SPC_PE_IMAGE_DATA);
    assert_int_equal(indirect.alg, DIGEST_SHA256);
    assert_memory_equal(indirect.digest.data, digest, 32);
    for (size_t len = 0; len < contents.len; len++) {
        assert_int_equal(spc_indirect_parse(bytes_of(contents.data, len), &indirect), RC_SPC_CONTENT);
    }
    wbuf_clear(&w);
    wbuf_init(&w, LIMIT);
    make_indirect(&w, bytes_of(digest, 31)); /* a digest of another length than its algorithm's */
    der_init(&d, wbuf_bytes(&w), DER_STRICT);
    assert_int_equal(spc_indirect_parse(der_get(&d, DER_SEQUENCE), &indirect), RC_SPC_CONTENT);
    wbuf_clear(&w);
}

/* A digest of the right length is one, whatever its first octets are. */
static void packages(void **state)
{
    static const struct {
        size_t len;
        enum rc rc;
        bool is_package;
    } rows[] = {{32, RC_OK, false}, {40, RC_OK, true}, {4, RC_OK, true}, {3, RC_SPC_CONTENT, false}};
    static const uint8_t octets[40] = {'A', 'P', 'P', 'X', 'A', 'X', 'P', 'C'};
    struct spc_indirect indirect;
    struct wbuf w;
    struct der d;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wbuf_init(&w, LIMIT);
        make_indirect(&w, bytes_of(octets, rows[i].len));
        der_init(&d, wbuf_bytes(&w), DER_STRICT);
        assert_int_equal(spc_indirect_parse(der_get(&d, DER_SEQUENCE), &indirect), rows[i].rc);
        assert_int_equal(indirect.is_package, rows[i].is_package);
        wbuf_clear(&w);
    }
}

static void attribute(struct wbuf *w, enum oid type, struct bytes value)
{
    make_attribute(w, type, value);
    assert_int_equal(wbuf_rc(w), RC_OK);
}

static void nested_depth_first(void **state)
{
    struct wbuf leaf, mid, top, attrs, token;
    struct spc *spc;

    (void)state;
    some_token(&token, 20, 0x33);
    wbuf_init(&attrs, LIMIT);
    attribute(&attrs, OID_SPC_RFC3161, wbuf_bytes(&token));
    sign(&leaf, wbuf_bytes(&attrs));
    wbuf_reset(&attrs);
    attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&leaf));
    sign(&mid, wbuf_bytes(&attrs));
    wbuf_reset(&attrs);
    attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&mid));
    attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&leaf));
    attribute(&attrs, OID_COUNTER_SIGNATURE, wbuf_bytes(&token));
    sign(&top, wbuf_bytes(&attrs));

    spc = parse(wbuf_bytes(&top));
    assert_int_equal(spc->num, 4);
    assert_int_equal(spc->signatures[0].depth, 0);
    assert_int_equal(spc->signatures[1].depth, 1);
    assert_int_equal(spc->signatures[2].depth, 2);
    assert_int_equal(spc->signatures[3].depth, 1);
    assert_true(bytes_equal(spc->signatures[1].cms.tlv, wbuf_bytes(&mid)));
    assert_true(bytes_equal(spc->signatures[3].cms.tlv, wbuf_bytes(&leaf)));
    assert_int_equal(spc->signatures[0].num_stamps, 1);
    assert_int_equal(spc->signatures[0].stamps[0].kind, SPC_STAMP_LEGACY);
    assert_int_equal(spc->signatures[2].num_stamps, 1);
    assert_int_equal(spc->signatures[2].stamps[0].kind, SPC_STAMP_RFC3161);
    assert_true(bytes_equal(spc->signatures[2].stamps[0].value, wbuf_bytes(&token)));
    free(spc);
    wbuf_clear(&leaf);
    wbuf_clear(&mid);
    wbuf_clear(&top);
    wbuf_clear(&attrs);
    wbuf_clear(&token);
}

static void a_seal_is_told(void **state)
{
    static const enum oid types[] = {OID_SPC_SEALING_SIGNATURE, OID_SPC_SEALING_TIMESTAMP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct wbuf inner, attrs, top;
        struct spc *spc;

        wbuf_init(&attrs, LIMIT);
        attribute(&attrs, types[i], bytes_of("\x05\x00", 2));
        sign(&inner, wbuf_bytes(&attrs));
        wbuf_reset(&attrs);
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
        sign(&top, wbuf_bytes(&attrs));
        spc = parse(wbuf_bytes(&top));
        assert_false(spc->signatures[0].is_sealed);
        assert_true(spc->signatures[1].is_sealed);
        free(spc);
        wbuf_clear(&inner);
        wbuf_clear(&attrs);
        wbuf_clear(&top);
    }
}

/* Each in the one before, or all in one: what counts is how many. */
static void too_many(void **state)
{
    struct spc *spc = calloc(1, sizeof *spc);
    struct wbuf in, out, attrs;

    (void)state;
    assert_non_null(spc);
    sign(&in, BYTES_NONE);
    for (unsigned num = 2; num <= SPC_MAX_SIGNATURES + 1; num++) {
        wbuf_init(&attrs, LIMIT);
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&in));
        sign(&out, wbuf_bytes(&attrs));
        assert_int_equal(spc_parse(wbuf_bytes(&out), spc), num <= SPC_MAX_SIGNATURES ? RC_OK : RC_TOO_LARGE);
        assert_int_equal(spc->signatures[spc->num - 1].depth, spc->num - 1);
        wbuf_clear(&attrs);
        wbuf_clear(&in);
        in = out;
    }
    wbuf_clear(&in);
    sign(&in, BYTES_NONE);
    wbuf_init(&attrs, LIMIT);
    for (unsigned num = 2; num <= SPC_MAX_SIGNATURES + 1; num++) {
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&in));
        sign(&out, wbuf_bytes(&attrs));
        assert_int_equal(spc_parse(wbuf_bytes(&out), spc), num <= SPC_MAX_SIGNATURES ? RC_OK : RC_TOO_LARGE);
        wbuf_clear(&out);
    }
    wbuf_clear(&attrs);
    wbuf_clear(&in);
    free(spc);
}

/* ---- several signers ---- */

static void several(struct wbuf *w, enum oid content_type, const struct bytes *attrs, size_t num)
{
    struct wbuf signers;

    wbuf_init(&signers, LIMIT);
    wbuf_init(w, LIMIT);
    for (size_t i = 0; i < num; i++) {
        const char name[] = {(char)('a' + i), '<', 'r', '\0'};

        tiny_signer(&signers, name, attrs ? attrs[i] : BYTES_NONE);
    }
    tiny_signed_data(w, &(struct tiny){content_type, "a<r", wbuf_bytes(&signers)});
    wbuf_clear(&signers);
}

static void each_signer_is_a_signature(void **state)
{
    struct wbuf inner, token, attrs[3], top;
    struct bytes views[3];
    struct spc *spc;

    (void)state;
    some_token(&token, 20, 0x33);
    several(&inner, OID_DATA, NULL, 1);
    for (size_t i = 0; i < 3; i++) {
        wbuf_init(&attrs[i], LIMIT);
    }
    attribute(&attrs[0], OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    attribute(&attrs[1], OID_TIME_STAMP_TOKEN, wbuf_bytes(&token));
    attribute(&attrs[2], OID_SPC_SEALING_SIGNATURE, wbuf_bytes(&token));
    for (size_t i = 0; i < 3; i++) {
        views[i] = wbuf_bytes(&attrs[i]);
    }
    several(&top, OID_DATA, views, 3);
    spc = parse(wbuf_bytes(&top));
    assert_int_equal(spc->num, 4);
    assert_int_equal(spc_add(spc, wbuf_bytes(&top)), RC_OK);
    assert_int_equal(spc->num, 8);
    for (size_t i = 0; i < 8; i++) {
        const struct spc_signature *signature = &spc->signatures[i];

        assert_int_equal(signature->depth, i % 4 == 1);
        assert_int_equal(signature->blob, i / 4);
        assert_int_equal(signature->primary, i < 4 ? 0 : 4);
        assert_int_equal(signature->num_stamps, i % 4 == 2);
        assert_int_equal(signature->is_sealed, i % 4 == 3);
        assert_int_equal(signature->cms.signer.signature.data[0], "aabc"[i % 4]); /* the tiny signer's name */
    }
    free(spc);
    for (size_t i = 0; i < 3; i++) {
        wbuf_clear(&attrs[i]);
    }
    wbuf_clear(&inner);
    wbuf_clear(&token);
    wbuf_clear(&top);
}

static void how_many_signers(void **state)
{
    static const struct {
        enum oid content_type;
        size_t num;
        enum rc rc, nested_rc;
    } rows[] = {
        {OID_DATA, 0, RC_UNSIGNED, RC_CMS_SIGNERS},
        {OID_DATA, 1, RC_OK, RC_OK},
        {OID_DATA, 2, RC_OK, RC_CMS_SIGNERS},
        {OID_TST_INFO, 2, RC_OK, RC_CMS_SIGNERS},
        {OID_DATA, SPC_MAX_SIGNATURES, RC_OK, RC_CMS_SIGNERS},
        {OID_DATA, SPC_MAX_SIGNATURES + 1, RC_TOO_LARGE, RC_CMS_SIGNERS},
        {OID_SPC_INDIRECT_DATA, 0, RC_UNSIGNED, RC_CMS_SIGNERS},
        {OID_SPC_INDIRECT_DATA, 2, RC_CMS_SIGNERS, RC_CMS_SIGNERS},
        {OID_CTL, 1, RC_OK, RC_OK},
        {OID_CTL, 2, RC_CMS_SIGNERS, RC_CMS_SIGNERS},
    };
    struct spc *spc = calloc(1, sizeof *spc);

    (void)state;
    assert_non_null(spc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf in, attrs, outer;

        several(&in, rows[i].content_type, NULL, rows[i].num);
        assert_int_equal(spc_parse(wbuf_bytes(&in), spc), rows[i].rc);
        wbuf_init(&attrs, LIMIT);
        wbuf_init(&outer, LIMIT);
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&in));
        tiny_signature(&outer, OID_DATA, NULL, wbuf_bytes(&attrs));
        assert_int_equal(spc_parse(wbuf_bytes(&outer), spc), rows[i].nested_rc);
        wbuf_clear(&in);
        wbuf_clear(&attrs);
        wbuf_clear(&outer);
    }
    free(spc);
}

static void content_digest(void **state)
{
    uint8_t digest[DIGEST_MAX];
    struct bytes signed_digest;
    struct wbuf in;
    struct spc *spc;
    struct der d;

    (void)state;
    sign(&in, BYTES_NONE);
    spc = parse(wbuf_bytes(&in));
    assert_int_equal(spc_content_digest(&spc->signatures[0], digest), RC_OK);
    assert_int_equal(
        cms_attr_get(spc->signatures[0].cms.signer.signed_attrs, OID_MESSAGE_DIGEST, &signed_digest), RC_OK);
    der_init(&d, signed_digest, DER_STRICT);
    signed_digest = der_get(&d, DER_OCTET_STRING_TAG);
    assert_int_equal(signed_digest.len, 32);
    assert_memory_equal(signed_digest.data, digest, 32);
    spc->signatures[0].cms.has_content = false;
    assert_int_equal(spc_content_digest(&spc->signatures[0], digest), RC_CMS_NO_CONTENT);
    free(spc);
    wbuf_clear(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indirect_data),      cmocka_unit_test(packages),
        cmocka_unit_test(nested_depth_first), cmocka_unit_test(a_seal_is_told),
        cmocka_unit_test(too_many),           cmocka_unit_test(each_signer_is_a_signature),
        cmocka_unit_test(how_many_signers),   cmocka_unit_test(content_digest),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
