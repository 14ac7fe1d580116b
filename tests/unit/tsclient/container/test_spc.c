/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures read and changed: the tree of nested ones, timestamps of both kinds, and that a change leaves every octet but
 * the wanted ones, in DER and in what is not quite DER. The unchanged rest is compared by taking it apart independently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_signature.h"
#include "tsclient/container/spc.h"
#include "tsclient/container/splice.h"

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

static void change(struct wbuf *out, struct bytes in, const struct spc_change *c)
{
    wbuf_init(out, LIMIT);
    assert_int_equal(spc_change(in, c, out), RC_OK);
    assert_int_equal(wbuf_rc(out), RC_OK);
}

/* Everything that a change must leave: compared field by field, octet by octet. */
static void assert_same_but_stamps(const struct spc_signature *a, const struct spc_signature *b)
{
    assert_true(bytes_equal(a->cms.content_tlv, b->cms.content_tlv));
    assert_true(bytes_equal(a->cms.digest_algs, b->cms.digest_algs));
    assert_true(bytes_equal(a->cms.signer.signed_attrs, b->cms.signer.signed_attrs));
    assert_true(bytes_equal(a->cms.signer.signature, b->cms.signer.signature));
    assert_true(bytes_equal(a->cms.signer.signature_alg, b->cms.signer.signature_alg));
    assert_true(bytes_equal(a->cms.signer.issuer, b->cms.signer.issuer));
    assert_true(bytes_starts_with(b->cms.certificates, a->cms.certificates));
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
    struct wbuf inner, attrs, top;
    struct spc *spc;

    (void)state;
    wbuf_init(&attrs, LIMIT);
    attribute(&attrs, OID_SPC_SEALING_SIGNATURE, bytes_of("\x05\x00", 2));
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

static void too_deep_and_too_many(void **state)
{
    struct spc *spc = calloc(1, sizeof *spc);
    struct wbuf in, out, attrs;

    (void)state;
    assert_non_null(spc);
    sign(&in, BYTES_NONE);
    for (int i = 0; i < 8; i++) {
        wbuf_init(&attrs, LIMIT);
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&in));
        sign(&out, wbuf_bytes(&attrs));
        assert_int_equal(spc_parse(wbuf_bytes(&out), spc), i < 4 ? RC_OK : RC_TOO_LARGE);
        wbuf_clear(&attrs);
        wbuf_clear(&in);
        in = out;
    }
    wbuf_clear(&in);
    sign(&in, BYTES_NONE);
    wbuf_init(&attrs, LIMIT);
    for (size_t i = 1; i < SPC_MAX_SIGNATURES + 2; i++) {
        attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&in));
        sign(&out, wbuf_bytes(&attrs));
        assert_int_equal(spc_parse(wbuf_bytes(&out), spc), i < SPC_MAX_SIGNATURES ? RC_OK : RC_TOO_LARGE);
        wbuf_clear(&out);
    }
    wbuf_clear(&attrs);
    wbuf_clear(&in);
    free(spc);
}

/* ---- changing ---- */

static void stamp_is_put_replaced_and_removed(void **state)
{
    struct wbuf bare, token, second, once, twice, gone;
    struct spc *spc;

    (void)state;
    sign(&bare, BYTES_NONE);
    some_token(&token, 900, 0x44);
    some_token(&second, 10, 0x55);
    change(&once, wbuf_bytes(&bare),
           &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
    spc = parse(wbuf_bytes(&once));
    assert_int_equal(spc->signatures[0].num_stamps, 1);
    assert_true(bytes_equal(spc->signatures[0].stamps[0].value, wbuf_bytes(&token)));
    free(spc);
    change(&twice, wbuf_bytes(&once),
           &(struct spc_change){.kind = SPC_STAMP_LEGACY, .value = wbuf_bytes(&second)});
    spc = parse(wbuf_bytes(&twice));
    assert_int_equal(spc->signatures[0].num_stamps, 1);
    assert_int_equal(spc->signatures[0].stamps[0].kind, SPC_STAMP_LEGACY);
    assert_true(bytes_equal(spc->signatures[0].stamps[0].value, wbuf_bytes(&second)));
    free(spc);
    change(&gone, wbuf_bytes(&twice), &(struct spc_change){.kind = SPC_STAMP_NONE});
    assert_true(bytes_equal(wbuf_bytes(&gone), wbuf_bytes(&bare)));
    wbuf_clear(&bare);
    wbuf_clear(&token);
    wbuf_clear(&second);
    wbuf_clear(&once);
    wbuf_clear(&twice);
    wbuf_clear(&gone);
}

/* The attributes of a signer, without timestamps, one after the other. */
static void other_attributes(struct wbuf *w, const struct spc_signature *signature)
{
    struct bytes rest = cms_attr_rest(signature->cms.signer.unsigned_attrs);
    struct cms_attr attr;

    wbuf_init(w, LIMIT);
    while (cms_attr_next(&rest, &attr)) {
        if (attr.oid != OID_SPC_RFC3161 && attr.oid != OID_COUNTER_SIGNATURE &&
            attr.oid != OID_TIME_STAMP_TOKEN) {
            wbuf_put(w, attr.tlv);
        }
    }
}

/* Every stamp goes, of both kinds and several; what is no stamp stays in its order, sorted or not. */
static void other_attributes_stay(void **state)
{
    struct wbuf attrs, in, out, token, before, after;
    struct spc *a, *b;

    (void)state;
    some_token(&token, 30, 0x66);
    wbuf_init(&attrs, LIMIT);
    attribute(&attrs, OID_SEQUENCE_NUMBER, wbuf_bytes(&token));
    attribute(&attrs, OID_SPC_RFC3161, wbuf_bytes(&token));
    attribute(&attrs, OID_SIGNING_TIME, bytes_of("\x05\x00", 2));
    attribute(&attrs, OID_COUNTER_SIGNATURE, wbuf_bytes(&token));
    attribute(&attrs, OID_TIME_STAMP_TOKEN, wbuf_bytes(&token));
    attribute(&attrs, OID_SPC_SP_OPUS_INFO, bytes_of("\x05\x00", 2));
    sign(&in, wbuf_bytes(&attrs));
    for (int kind = SPC_STAMP_NONE; kind <= SPC_STAMP_RFC3161; kind++) {
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = (enum spc_stamp_kind)kind, .value = wbuf_bytes(&token)});
        a = parse(wbuf_bytes(&in));
        b = parse(wbuf_bytes(&out));
        assert_int_equal(b->signatures[0].num_stamps, kind != SPC_STAMP_NONE);
        assert_same_but_stamps(&a->signatures[0], &b->signatures[0]);
        other_attributes(&before, &a->signatures[0]);
        other_attributes(&after, &b->signatures[0]);
        assert_true(before.len > 0);
        assert_true(bytes_equal(wbuf_bytes(&before), wbuf_bytes(&after)));
        free(a);
        free(b);
        wbuf_clear(&before);
        wbuf_clear(&after);
        wbuf_clear(&out);
    }
    wbuf_clear(&attrs);
    wbuf_clear(&in);
    wbuf_clear(&token);
}

static void sorted_set_stays_sorted(void **state)
{
    struct wbuf attrs, in, out, token;
    struct bytes rest, last = BYTES_NONE;
    struct cms_attr attr;
    struct spc *spc;

    (void)state;
    some_token(&token, 10, 0x11);
    wbuf_init(&attrs, LIMIT);
    attribute(&attrs, OID_SIGNING_TIME, bytes_of("\x05\x00", 2));
    some_token(&out, 400, 0x77);
    attribute(&attrs, OID_SPC_SP_OPUS_INFO, wbuf_bytes(&out));
    wbuf_clear(&out);
    sign(&in, wbuf_bytes(&attrs));
    change(&out, wbuf_bytes(&in),
           &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
    spc = parse(wbuf_bytes(&out));
    rest = cms_attr_rest(spc->signatures[0].cms.signer.unsigned_attrs);
    while (cms_attr_next(&rest, &attr)) {
        assert_true(last.len == 0 || bytes_compare(last, attr.tlv) < 0);
        last = attr.tlv;
    }
    free(spc);
    wbuf_clear(&attrs);
    wbuf_clear(&in);
    wbuf_clear(&out);
    wbuf_clear(&token);
}

static void nested_signature_is_changed_in_its_place(void **state)
{
    struct wbuf inner, attrs, in, out, back, token;
    struct spc *a, *b;

    (void)state;
    sign(&inner, BYTES_NONE);
    some_token(&token, 3000, 0x10);
    wbuf_init(&attrs, LIMIT);
    attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    sign(&in, wbuf_bytes(&attrs));
    for (size_t index = 0; index < 3; index++) {
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.index = index, .kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
        a = parse(wbuf_bytes(&in));
        b = parse(wbuf_bytes(&out));
        assert_int_equal(b->num, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(b->signatures[i].num_stamps, i == index);
            assert_same_but_stamps(&a->signatures[i], &b->signatures[i]);
        }
        change(&back, wbuf_bytes(&out), &(struct spc_change){.index = index});
        assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&in)));
        free(a);
        free(b);
        wbuf_clear(&out);
        wbuf_clear(&back);
    }
    wbuf_init(&out, LIMIT);
    assert_int_equal(spc_change(wbuf_bytes(&in), &(struct spc_change){.index = 3}, &out), RC_NOT_FOUND);
    wbuf_clear(&out);
    wbuf_clear(&inner);
    wbuf_clear(&attrs);
    wbuf_clear(&in);
    wbuf_clear(&token);
}

static size_t count_certs(struct bytes set)
{
    struct bytes one;
    size_t num = 0;

    while (cert_next(&set, &one)) {
        num++;
    }
    return num;
}

static void legacy_certificates_join_without_duplicates(void **state)
{
    struct make_signature m = {.signer = &signer, .certs = certs, .file_digest = certs[0]};
    struct wbuf in, out, set, value;
    struct spc *spc;

    (void)state;
    some_token(&value, 20, 0x12);
    wbuf_init(&set, LIMIT);
    wbuf_put(&set, made_cert_der(&other));
    wbuf_put(&set, certs[1]);
    wbuf_put(&set, made_cert_der(&other));
    for (size_t num_before = 0; num_before <= 2; num_before++) {
        m.num_certs = num_before;
        wbuf_init(&in, LIMIT);
        make_signature(&in, &m);
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){
                   .kind = SPC_STAMP_LEGACY, .value = wbuf_bytes(&value), .certificates = wbuf_bytes(&set)});
        spc = parse(wbuf_bytes(&out));
        assert_int_equal(count_certs(spc->signatures[0].cms.certificates), num_before == 1   ? 3
                                                                           : num_before == 0 ? 2
                                                                                             : 3);
        free(spc);
        wbuf_clear(&in);
        wbuf_clear(&out);
    }
    wbuf_clear(&set);
    wbuf_clear(&value);
}

/* ---- forms of length ---- */

/* The same ContentInfo with its outermost length in num octets. */
static void with_long_length(struct wbuf *w, struct bytes der, size_t num)
{
    struct bytes contents;
    struct der d;

    der_init(&d, der, DER_STRICT);
    contents = der_get(&d, DER_SEQUENCE);
    wbuf_init(w, LIMIT);
    wbuf_put_u8(w, DER_SEQUENCE);
    wbuf_put_u8(w, (uint8_t)(0x80 | num));
    for (size_t i = num; i > 0; i--) {
        wbuf_put_u8(w, (uint8_t)((uint64_t)contents.len >> 8 * (i - 1)));
    }
    wbuf_put(w, contents);
}

static void a_long_length_stays_long(void **state)
{
    struct wbuf der, in, out, back, token;

    (void)state;
    sign(&der, BYTES_NONE);
    some_token(&token, 500, 0x01);
    for (size_t num = 3; num <= 8; num++) {
        with_long_length(&in, wbuf_bytes(&der), num);
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
        assert_int_equal(out.data[1], 0x80 | num);
        change(&back, wbuf_bytes(&out), &(struct spc_change){.kind = SPC_STAMP_NONE});
        assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&in)));
        wbuf_clear(&in);
        wbuf_clear(&out);
        wbuf_clear(&back);
    }
    wbuf_clear(&der);
    wbuf_clear(&token);
}

static void indefinite_length_is_refused(void **state)
{
    struct wbuf der, in, out, token;
    struct bytes contents;
    struct der d;

    (void)state;
    sign(&der, BYTES_NONE);
    some_token(&token, 5, 0x01);
    der_init(&d, wbuf_bytes(&der), DER_STRICT);
    contents = der_get(&d, DER_SEQUENCE);
    wbuf_init(&in, LIMIT);
    wbuf_put(&in, bytes_of("\x30\x80", 2));
    wbuf_put(&in, contents);
    wbuf_put(&in, bytes_of("\0\0", 2));
    wbuf_init(&out, LIMIT);
    assert_int_equal(spc_change(wbuf_bytes(&in),
                                &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)},
                                &out),
                     RC_DER_LENGTH);
    wbuf_clear(&der);
    wbuf_clear(&in);
    wbuf_clear(&out);
    wbuf_clear(&token);
}

/* A tree whose contents cross every boundary of the length's form, up and down. */
static void lengths_cross_their_boundaries(void **state)
{
    static const size_t sizes[] = {0,   1,   120, 123, 126,   127,   128,  250,
                                   253, 254, 255, 256, 65530, 65535, 65536};
    struct wbuf in, out, expected, part;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            struct splice splice = {0};
            struct bytes inner;
            struct der d;

            some_token(&in, sizes[i], 0x01);
            some_token(&expected, sizes[k], 0x01);
            wbuf_init(&part, LIMIT);
            der_init(&d, wbuf_bytes(&expected), DER_STRICT);
            wbuf_put(&part, der_get(&d, DER_SEQUENCE));
            der_init(&d, wbuf_bytes(&in), DER_STRICT);
            inner = der_get(&d, DER_SEQUENCE);
            splice_add(&splice, (struct splice_edit){.parent = in.data,
                                                     .at = inner.data,
                                                     .remove = inner.len,
                                                     .insert = wbuf_bytes(&part)});
            wbuf_init(&out, LIMIT);
            assert_int_equal(splice_apply(&splice, wbuf_bytes(&in), &out), RC_OK);
            assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&expected)));
            wbuf_clear(&in);
            wbuf_clear(&out);
            wbuf_clear(&part);
            wbuf_clear(&expected);
        }
    }
}

static void an_edit_must_stand_between_children(void **state)
{
    struct splice splice = {0};
    struct wbuf in, out;

    (void)state;
    some_token(&in, 5, 0x01);
    splice_add(&splice,
               (struct splice_edit){.parent = in.data, .at = in.data + 3, .insert = bytes_of("\x05\x00", 2)});
    wbuf_init(&out, LIMIT);
    assert_int_equal(splice_apply(&splice, wbuf_bytes(&in), &out), RC_DER_TAG);
    wbuf_clear(&in);
    wbuf_clear(&out);
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
        cmocka_unit_test(indirect_data),
        cmocka_unit_test(nested_depth_first),
        cmocka_unit_test(a_seal_is_told),
        cmocka_unit_test(too_deep_and_too_many),
        cmocka_unit_test(stamp_is_put_replaced_and_removed),
        cmocka_unit_test(other_attributes_stay),
        cmocka_unit_test(sorted_set_stays_sorted),
        cmocka_unit_test(nested_signature_is_changed_in_its_place),
        cmocka_unit_test(legacy_certificates_join_without_duplicates),
        cmocka_unit_test(a_long_length_stays_long),
        cmocka_unit_test(indefinite_length_is_refused),
        cmocka_unit_test(lengths_cross_their_boundaries),
        cmocka_unit_test(an_edit_must_stand_between_children),
        cmocka_unit_test(content_digest),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
