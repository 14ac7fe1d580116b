/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures changed: a change leaves every octet but the wanted ones, in DER and in what is not quite DER, at any depth and of any
 * signer. The unchanged rest is compared by taking it apart independently. Certificates have tests of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_tiny.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 20)

static void sign(struct wbuf *w, struct bytes unsigned_attrs)
{
    wbuf_init(w, LIMIT);
    tiny_signature(w, OID_SPC_INDIRECT_DATA, "s<a a<r r<r", unsigned_attrs);
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

/* ---- changing ---- */

static void stamp_is_put_replaced_and_removed(void **state)
{
    struct wbuf bare, token, second, once, twice, gone;
    struct spc *spc;

    (void)state;
    sign(&bare, BYTES_NONE);
    some_token(&token, 900, 0x44);
    wbuf_init(&second, LIMIT);
    tiny_signer(&second, "t<u", BYTES_NONE);
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
    struct wbuf attrs, in, out, token, signer_info, before, after;
    struct spc *a, *b;

    (void)state;
    some_token(&token, 30, 0x66);
    wbuf_init(&signer_info, LIMIT);
    tiny_signer(&signer_info, "t<u", BYTES_NONE);
    wbuf_init(&attrs, LIMIT);
    tiny_attribute(&attrs, OID_SEQUENCE_NUMBER, wbuf_bytes(&token));
    tiny_attribute(&attrs, OID_SPC_RFC3161, wbuf_bytes(&token));
    tiny_attribute(&attrs, OID_SIGNING_TIME, bytes_of("\x05\x00", 2));
    tiny_attribute(&attrs, OID_COUNTER_SIGNATURE, wbuf_bytes(&token));
    tiny_attribute(&attrs, OID_TIME_STAMP_TOKEN, wbuf_bytes(&token));
    tiny_attribute(&attrs, OID_SPC_SP_OPUS_INFO, bytes_of("\x05\x00", 2));
    sign(&in, wbuf_bytes(&attrs));
    for (int kind = SPC_STAMP_NONE; kind <= SPC_STAMP_RFC3161; kind++) {
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = (enum spc_stamp_kind)kind,
                                    .value = wbuf_bytes(kind == SPC_STAMP_LEGACY ? &signer_info : &token)});
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
    wbuf_clear(&signer_info);
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
    tiny_attribute(&attrs, OID_SIGNING_TIME, bytes_of("\x05\x00", 2));
    some_token(&out, 400, 0x77);
    tiny_attribute(&attrs, OID_SPC_SP_OPUS_INFO, wbuf_bytes(&out));
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
    tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
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

/* ---- which attribute ---- */

/* The only attribute of that signature, which must be one. */
static enum oid attribute_of(struct bytes pkcs7, size_t index)
{
    struct spc *spc = parse(pkcs7);
    struct bytes rest = cms_attr_rest(spc->signatures[index].cms.signer.unsigned_attrs);
    struct cms_attr attr;

    assert_true(cms_attr_next(&rest, &attr));
    assert_int_equal(rest.len, 0);
    free(spc);
    return attr.oid;
}

static void tokens_stand_where_readers_look(void **state)
{
    static const struct {
        enum oid content_type, expected;
    } rows[] = {
        {OID_SPC_INDIRECT_DATA, OID_SPC_RFC3161}, {OID_CTL, OID_SPC_RFC3161},
        {OID_DATA, OID_TIME_STAMP_TOKEN},         {OID_TST_INFO, OID_TIME_STAMP_TOKEN},
        {OID_SIGNED_DATA, OID_TIME_STAMP_TOKEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf in, inner, attrs, out, token;
        const struct {
            size_t index;
            enum oid expected;
        } outer_then_nested[] = {{0, rows[i].expected}, {1, OID_SPC_RFC3161}};

        some_token(&token, 20, 0x12);
        wbuf_init(&in, LIMIT);
        tiny_signature(&in, rows[i].content_type, NULL, BYTES_NONE);
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
        assert_int_equal(attribute_of(wbuf_bytes(&out), 0), outer_then_nested[0].expected);
        wbuf_clear(&out);
        wbuf_clear(&in);
        /* nested in it, plain data itself, as catalogs have them */
        wbuf_init(&inner, LIMIT);
        wbuf_init(&attrs, LIMIT);
        wbuf_init(&in, LIMIT);
        tiny_signature(&inner, OID_DATA, NULL, BYTES_NONE);
        tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
        tiny_signature(&in, rows[i].content_type, NULL, wbuf_bytes(&attrs));
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.index = 1, .kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)});
        assert_int_equal(attribute_of(wbuf_bytes(&out), 1), outer_then_nested[1].expected);
        wbuf_clear(&out);
        wbuf_clear(&in);
        wbuf_clear(&inner);
        wbuf_clear(&attrs);
        wbuf_clear(&token);
    }
}

static void legacy_stands_in_one_attribute_everywhere(void **state)
{
    static const enum oid types[] = {OID_SPC_INDIRECT_DATA, OID_CTL, OID_DATA};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct wbuf in, out, value;

        wbuf_init(&in, LIMIT);
        wbuf_init(&value, LIMIT);
        tiny_signature(&in, types[i], NULL, BYTES_NONE);
        tiny_signer(&value, "t<u", BYTES_NONE);
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = SPC_STAMP_LEGACY, .value = wbuf_bytes(&value)});
        assert_int_equal(attribute_of(wbuf_bytes(&out), 0), OID_COUNTER_SIGNATURE);
        wbuf_clear(&in);
        wbuf_clear(&out);
        wbuf_clear(&value);
    }
}

/* Of either kind, several in one attribute, attributes repeated, one without a value: one comes, and nothing of them is left. */
static void one_stamp_is_left(void **state)
{
    struct wbuf token, two, value, attrs, in, out;
    struct bytes kinds[3];

    (void)state;
    some_token(&token, 20, 0x12);
    wbuf_init(&two, LIMIT);
    wbuf_init(&value, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&in, LIMIT);
    wbuf_put(&two, wbuf_bytes(&token));
    wbuf_put(&two, wbuf_bytes(&token));
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_attribute(&attrs, OID_SPC_RFC3161, wbuf_bytes(&two));
    tiny_attribute(&attrs, OID_COUNTER_SIGNATURE, wbuf_bytes(&value));
    tiny_attribute(&attrs, OID_COUNTER_SIGNATURE, BYTES_NONE);
    tiny_attribute(&attrs, OID_TIME_STAMP_TOKEN, wbuf_bytes(&token));
    tiny_attribute(&attrs, OID_TIME_STAMP_TOKEN, BYTES_NONE);
    tiny_signature(&in, OID_SPC_INDIRECT_DATA, NULL, wbuf_bytes(&attrs));
    kinds[SPC_STAMP_LEGACY] = wbuf_bytes(&value);
    kinds[SPC_STAMP_RFC3161] = wbuf_bytes(&token);
    for (int kind = SPC_STAMP_LEGACY; kind <= SPC_STAMP_RFC3161; kind++) {
        change(&out, wbuf_bytes(&in),
               &(struct spc_change){.kind = (enum spc_stamp_kind)kind, .value = kinds[kind]});
        assert_int_equal(attribute_of(wbuf_bytes(&out), 0),
                         kind == SPC_STAMP_LEGACY ? OID_COUNTER_SIGNATURE : OID_SPC_RFC3161);
        wbuf_clear(&out);
    }
    wbuf_reset(&attrs);
    tiny_signature(&attrs, OID_SPC_INDIRECT_DATA, NULL, BYTES_NONE);
    change(&out, wbuf_bytes(&in), &(struct spc_change){.kind = SPC_STAMP_NONE});
    assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&attrs))); /* as if there never had been one */
    wbuf_clear(&out);
    wbuf_clear(&in);
    wbuf_clear(&token);
    wbuf_clear(&two);
    wbuf_clear(&value);
    wbuf_clear(&attrs);
}

/* A countersignature is a SignerInfo; a token is one element. */
static void values_are_looked_at(void **state)
{
    static const struct {
        enum spc_stamp_kind kind;
        const char *value;
        size_t len;
        enum rc rc;
    } rows[] = {
        {SPC_STAMP_RFC3161, "\x30\x00", 2, RC_OK},
        {SPC_STAMP_RFC3161, "\x30\x00\x00", 3, RC_DER_TRAILING},
        {SPC_STAMP_RFC3161, "\x30\x01", 2, RC_DER_TRUNCATED},
        {SPC_STAMP_RFC3161, "", 0, RC_DER_TRUNCATED},
        {SPC_STAMP_LEGACY, "\x30\x00", 2, RC_DER_TRUNCATED},
        {SPC_STAMP_LEGACY, "\x04\x00", 2, RC_DER_TAG},
    };
    struct wbuf in;

    (void)state;
    wbuf_init(&in, LIMIT);
    tiny_signature(&in, OID_SPC_INDIRECT_DATA, NULL, BYTES_NONE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf out;

        wbuf_init(&out, LIMIT);
        assert_int_equal(spc_change(wbuf_bytes(&in),
                                    &(struct spc_change){.kind = rows[i].kind,
                                                         .value = bytes_of(rows[i].value, rows[i].len)},
                                    &out),
                         rows[i].rc);
        wbuf_clear(&out);
    }
    wbuf_clear(&in);
}

/* ---- there and back ---- */

/* Puts each kind on each signature that has none, and takes it off again. */
static void assert_there_and_back(struct bytes in, size_t num)
{
    struct wbuf token, value, certs, out, back;
    struct spc *spc = parse(in), *after;

    some_token(&token, 4000, 0x10);
    wbuf_init(&value, LIMIT);
    wbuf_init(&certs, LIMIT);
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_set(&certs, "t<u u<v v<v");
    assert_int_equal(spc->num, num);
    for (size_t index = 0; index < num; index++) {
        const struct spc_change changes[] = {
            {index, SPC_STAMP_LEGACY, wbuf_bytes(&value), wbuf_bytes(&certs)},
            {index, SPC_STAMP_RFC3161, wbuf_bytes(&token), BYTES_NONE},
        };

        for (size_t k = 0; k < 2; k++) {
            change(&out, in, &changes[k]);
            after = parse(wbuf_bytes(&out));
            assert_int_equal(after->num, num);
            for (size_t i = 0; i < num; i++) {
                assert_int_equal(after->signatures[i].num_stamps, i == index);
                assert_same_but_stamps(&spc->signatures[i], &after->signatures[i]);
            }
            change(&back, wbuf_bytes(&out), &(struct spc_change){.index = index});
            assert_true(bytes_equal(wbuf_bytes(&back), in));
            free(after);
            wbuf_clear(&out);
            wbuf_clear(&back);
        }
        change(&out, in, &(struct spc_change){.index = index});
        assert_true(bytes_equal(wbuf_bytes(&out), in)); /* nothing to take off: nothing is touched */
        wbuf_clear(&out);
    }
    free(spc);
    wbuf_clear(&token);
    wbuf_clear(&value);
    wbuf_clear(&certs);
}

/* SPC_MAX_SIGNATURES, each in the one before. */
static void chain_of_nested(struct wbuf *w)
{
    wbuf_init(w, LIMIT);
    tiny_signature(w, OID_SPC_INDIRECT_DATA, NULL, BYTES_NONE);
    for (size_t i = 1; i < SPC_MAX_SIGNATURES; i++) {
        struct wbuf attrs;

        wbuf_init(&attrs, LIMIT);
        tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(w));
        wbuf_reset(w);
        tiny_signature(w, OID_SPC_INDIRECT_DATA, i % 2 ? "s<a a<r" : NULL, wbuf_bytes(&attrs));
        wbuf_clear(&attrs);
    }
}

/* The same with every length of a constructed element in num octets. */
static void with_long_lengths(struct wbuf *w, struct bytes in, size_t num)
{
    struct bytes rest = in;
    size_t len, header_len, mark;

    while (rest.len > 0) {
        assert_int_equal(der_tlv_len(rest, &len), RC_OK);
        if (!(rest.data[0] & 0x20)) {
            wbuf_put(w, bytes_of(rest.data, len));
        } else {
            header_len = 2 + (rest.data[1] & 0x80 ? rest.data[1] & 0x7fu : 0u);
            wbuf_put_u8(w, rest.data[0]);
            wbuf_put_u8(w, (uint8_t)(0x80 | num));
            mark = w->len;
            (void)wbuf_reserve(w, num);
            with_long_lengths(w, bytes_of(rest.data + header_len, len - header_len), num);
            for (size_t i = 0, n = w->len - mark - num; i < num; i++, n >>= 8) {
                w->data[mark + num - 1 - i] = (uint8_t)n;
            }
        }
        rest = bytes_of(rest.data + len, rest.len - len);
    }
}

static void fifteen_deep(void **state)
{
    struct wbuf in, longer;

    (void)state;
    chain_of_nested(&in);
    assert_there_and_back(wbuf_bytes(&in), SPC_MAX_SIGNATURES);
    for (size_t num = 3; num <= 100; num += 97) { /* what no timestamp makes too short */
        wbuf_init(&longer, LIMIT);
        with_long_lengths(&longer, wbuf_bytes(&in), num);
        assert_there_and_back(wbuf_bytes(&longer), SPC_MAX_SIGNATURES);
        wbuf_clear(&longer);
    }
    wbuf_clear(&in);
}

static void several_signers(void **state)
{
    struct wbuf inner, attrs, signers, in;

    (void)state;
    wbuf_init(&inner, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&signers, LIMIT);
    wbuf_init(&in, LIMIT);
    tiny_signature(&inner, OID_DATA, "s<a", BYTES_NONE);
    tiny_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    tiny_signer(&signers, "s<a", wbuf_bytes(&attrs));
    tiny_signer(&signers, "s<b", BYTES_NONE);
    tiny_signer(&signers, "s<c", BYTES_NONE);
    tiny_signed_data(&in, &(struct tiny){OID_DATA, "s<a s<b s<c", wbuf_bytes(&signers)});
    assert_there_and_back(wbuf_bytes(&in), 4);
    wbuf_clear(&inner);
    wbuf_clear(&attrs);
    wbuf_clear(&signers);
    wbuf_clear(&in);
}

/* Empty sets: there before, they go with the timestamp. Nothing else does. */
static void what_does_not_come_back(void **state)
{
    struct wbuf in, out, back, bare, value;
    const struct spc_change none = {.kind = SPC_STAMP_NONE};

    (void)state;
    wbuf_init(&in, LIMIT);
    wbuf_init(&bare, LIMIT);
    wbuf_init(&value, LIMIT);
    tiny_signature(&in, OID_DATA, "", BYTES_NONE); /* an empty [0] */
    tiny_signature(&bare, OID_DATA, NULL, BYTES_NONE);
    tiny_signer(&value, "t<u", BYTES_NONE);
    change(&out, wbuf_bytes(&in), &none);
    assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&in)));
    wbuf_clear(&out);
    wbuf_reset(&in);
    /* two values of one attribute, one without any */
    tiny_attribute(&in, OID_COUNTER_SIGNATURE, BYTES_NONE);
    wbuf_init(&out, LIMIT);
    tiny_signature(&out, OID_DATA, NULL, wbuf_bytes(&in));
    change(&back, wbuf_bytes(&out), &none);
    assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&bare)));
    wbuf_clear(&in);
    wbuf_clear(&out);
    wbuf_clear(&back);
    wbuf_clear(&bare);
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

static void indefinite_lengths_are_refused(void **state)
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
    for (int kind = SPC_STAMP_NONE; kind <= SPC_STAMP_RFC3161; kind++) {
        wbuf_init(&out, LIMIT);
        assert_int_equal(
            spc_change(wbuf_bytes(&in),
                       &(struct spc_change){.kind = (enum spc_stamp_kind)kind, .value = wbuf_bytes(&token)},
                       &out),
            RC_SPC_INDEFINITE);
        wbuf_clear(&out);
    }
    wbuf_clear(&der);
    wbuf_clear(&in);
    wbuf_clear(&token);
}

/* Beside what is changed it is nobody's business: only a change of the set has to look into the set. */
static void an_indefinite_length_beside_the_change(void **state)
{
    struct wbuf in, out, back, value, certs;

    (void)state;
    wbuf_init(&in, LIMIT);
    wbuf_init(&out, LIMIT);
    wbuf_init(&value, LIMIT);
    wbuf_init(&certs, LIMIT);
    tiny_signature(&in, OID_DATA, "@", BYTES_NONE);
    for (size_t i = 0; i + 2 < in.len; i++) {
        if (in.data[i] == 0xa0 && in.data[i + 1] == 2 && in.data[i + 2] == 0xa2) {
            in.data[i + 3] = 0x80; /* the attribute certificate a2 00 begins an indefinite length now */
        }
    }
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_set(&certs, "t<u");
    assert_int_equal(
        spc_change(wbuf_bytes(&in),
                   &(struct spc_change){0, SPC_STAMP_LEGACY, wbuf_bytes(&value), wbuf_bytes(&certs)}, &out),
        RC_SPC_INDEFINITE);
    wbuf_clear(&out);
    change(&out, wbuf_bytes(&in),
           &(struct spc_change){.kind = SPC_STAMP_LEGACY, .value = wbuf_bytes(&value)});
    change(&back, wbuf_bytes(&out), &(struct spc_change){.kind = SPC_STAMP_NONE});
    assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&in)));
    wbuf_clear(&in);
    wbuf_clear(&out);
    wbuf_clear(&back);
    wbuf_clear(&value);
    wbuf_clear(&certs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamp_is_put_replaced_and_removed),
        cmocka_unit_test(other_attributes_stay),
        cmocka_unit_test(sorted_set_stays_sorted),
        cmocka_unit_test(nested_signature_is_changed_in_its_place),
        cmocka_unit_test(tokens_stand_where_readers_look),
        cmocka_unit_test(legacy_stands_in_one_attribute_everywhere),
        cmocka_unit_test(one_stamp_is_left),
        cmocka_unit_test(values_are_looked_at),
        cmocka_unit_test(fifteen_deep),
        cmocka_unit_test(several_signers),
        cmocka_unit_test(what_does_not_come_back),
        cmocka_unit_test(a_long_length_stays_long),
        cmocka_unit_test(indefinite_lengths_are_refused),
        cmocka_unit_test(an_indefinite_length_beside_the_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
