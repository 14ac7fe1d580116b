/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Good signatures made to speak of something that nobody signed: octets that were signed as one thing shown as another, and a
 * signature of one content hung on another. Each case has its honest twin, which must stay good. All in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"
#include "tsclient/judge/policy.h"

#define LIMIT (1u << 20)

static struct made_cert signer;
static const uint8_t list[] = {0x30, 0x04, 0x04, 0x02, 'a', 'b'};
static const uint8_t other_list[] = {0x30, 0x04, 0x04, 0x02, 'a', 'c'};
static const uint8_t octets[] = {0x04, 0x04, 't', 'e', 'x', 't'};
static const uint8_t other_octets[] = {0x04, 0x04, 't', 'e', 's', 't'};

static int make_keys(void **state)
{
    (void)state;
    signer = make_cert(&(struct make_cert){.name = "Signer", .from = 1577836800, .to = 1893456000});
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    made_cert_clear(&signer);
    return 0;
}

/* A blob by the one signer; the test frees it by wbuf_clear. */
static struct wbuf sign(struct make_signature m)
{
    struct bytes cert = made_cert_der(&signer);
    struct wbuf blob;

    m.signer = &signer;
    m.certs = &cert;
    m.num_certs = 1;
    wbuf_init(&blob, LIMIT);
    make_signature(&blob, &m);
    return blob;
}

/* The first finding against a signature of blob; RC_OK where there is none. */
static enum rc finding(struct bytes blob, const struct bytes *data, size_t index)
{
    struct policy_signature judged;
    struct subject subject;
    enum rc rc;

    subject_parse(blob, &subject);
    assert_non_null(subject.spc);
    assert_true(index < subject.spc->num);
    if (data) {
        subject.data = *data;
        subject.has_data = true;
    }
    judged = (struct policy_signature){.spc = &subject.spc->signatures[index]};
    policy_integrity(&subject, &judged);
    rc = judged.reasons.num > 0 ? judged.reasons.list[0].cause : RC_OK;
    assert_true(rc == RC_OK || judged.reasons.list[0].severity == SEVERITY_ERROR);
    subject_close(&subject);
    return rc;
}

/* ---- the type of the content ---- */

/* Outside, where no signature covers it. */
static void make_type_unknown(struct wbuf *blob)
{
    struct cms cms;

    assert_int_equal(cms_parse(wbuf_bytes(blob), DER_STRICT, &cms), RC_OK);
    blob->data[cms.content_type_oid.data + cms.content_type_oid.len - 1 - blob->data] = 0x63;
    assert_int_equal(cms_parse(wbuf_bytes(blob), DER_STRICT, &cms), RC_OK);
    assert_int_equal(cms.content_type, OID_NONE);
}

/* What the signed contentType says must stand outside too, also where that is a type that nobody knows. */
static void test_unknown_content_type(void **state)
{
    struct wbuf blob =
        sign((struct make_signature){.content_type = OID_DATA, .content = bytes_of(octets, sizeof octets)});

    (void)state;
    assert_int_equal(finding(wbuf_bytes(&blob), NULL, 0), RC_OK);
    make_type_unknown(&blob);
    assert_int_equal(finding(wbuf_bytes(&blob), NULL, 0), RC_CMS_ATTR_CONTENT_TYPE);
    wbuf_clear(&blob);
}

/* A list or indirect data are a SEQUENCE, data are an OCTET STRING; the digest covers neither tag nor length. */
static void test_tag_of_the_content(void **state)
{
    static const struct {
        enum oid type;
        const uint8_t *content;
        uint8_t tag;
    } rows[] = {{OID_DATA, octets, 0x30}, {OID_CTL, list, 0x04}, {OID_SPC_INDIRECT_DATA, NULL, 0x04}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t digest[32] = {0};
        struct wbuf content, blob;
        struct cms cms;

        wbuf_init(&content, LIMIT);
        if (rows[i].content) {
            wbuf_put(&content, bytes_of(rows[i].content, 6));
        } else {
            make_indirect(&content, bytes_of(digest, sizeof digest));
        }
        blob = sign((struct make_signature){.content_type = rows[i].type, .content = wbuf_bytes(&content)});
        assert_int_equal(cms_parse(wbuf_bytes(&blob), DER_STRICT, &cms), RC_OK);
        blob.data[cms.content_tlv.data - blob.data] = rows[i].tag;
        assert_int_equal(finding(wbuf_bytes(&blob), NULL, 0), RC_SPC_CONTENT);
        wbuf_clear(&content);
        wbuf_clear(&blob);
    }
}

/* ---- without signed attributes ---- */

/* The signer of *cms again, but its signed attributes (with some, otherwise) are left out. */
static void put_bare_signer(struct wbuf *w, const struct cms_signer *from)
{
    size_t info = der_open(w, DER_SEQUENCE), id;

    der_put_uint(w, DER_INTEGER_TAG, 1);
    id = der_open(w, DER_SEQUENCE);
    wbuf_put(w, from->issuer);
    der_put_integer(w, DER_INTEGER_TAG, from->serial);
    der_close(w, id);
    wbuf_put(w, from->digest_alg);
    wbuf_put(w, from->signature_alg);
    der_put(w, DER_OCTET_STRING_TAG, from->signature);
    der_close(w, info);
}

/* A detached signature of that type: certificates and signature are those of cms, signed attributes there are none. */
static struct wbuf without_attributes(const struct cms *cms, enum oid type)
{
    struct wbuf w;
    size_t all, outer, data, part;

    wbuf_init(&w, LIMIT);
    all = der_open(&w, DER_SEQUENCE);
    oid_put(&w, OID_SIGNED_DATA);
    outer = der_open(&w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(&w, DER_SEQUENCE);
    der_put_uint(&w, DER_INTEGER_TAG, 1);
    der_put(&w, DER_SET, cms->digest_algs);
    part = der_open(&w, DER_SEQUENCE);
    oid_put(&w, type);
    der_close(&w, part);
    der_put(&w, DER_CONTEXT_CONSTRUCTED(0), cms->certificates);
    part = der_open(&w, DER_SET);
    put_bare_signer(&w, &cms->signer);
    der_close(&w, part);
    der_close(&w, data);
    der_close(&w, outer);
    der_close(&w, all);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return w;
}

/* What was signed as the attributes of one message is no message: the digest of both is made in the same way. */
static void test_attributes_as_content(void **state)
{
    struct wbuf honest = sign((struct make_signature){.content_type = OID_DATA,
                                                      .content = bytes_of(octets, sizeof octets)}),
                blob, attrs;
    struct bytes data;
    struct cms cms;

    (void)state;
    assert_int_equal(cms_parse(wbuf_bytes(&honest), DER_STRICT, &cms), RC_OK);
    wbuf_init(&attrs, LIMIT);
    wbuf_put(&attrs, cms.signer.signed_attrs);
    attrs.data[0] = DER_SET;
    data = wbuf_bytes(&attrs);
    blob = without_attributes(&cms, OID_DATA);
    assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), RC_CMS_NO_SIGNED_ATTRS);
    wbuf_clear(&blob);
    wbuf_clear(&attrs);
    wbuf_clear(&honest);
}

/* Content alone, signed as it is (RFC 5652 5.3), is good as data and as nothing else. */
static void test_content_alone(void **state)
{
    static const enum oid others[] = {OID_CTL, OID_TST_INFO, OID_LAB_POLICY};
    static const uint8_t text[] = "1 no set of attributes";
    struct bytes data = bytes_of(text, sizeof text - 1);
    struct wbuf honest = sign((struct make_signature){.content_type = OID_DATA, .detached = true}), blob,
                value;
    uint8_t digest[DIGEST_MAX];
    struct cms cms;

    (void)state;
    assert_int_equal(cms_parse(wbuf_bytes(&honest), DER_STRICT, &cms), RC_OK);
    assert_int_equal(digest_compute(DIGEST_SHA256, &data, 1, digest), RC_OK);
    wbuf_init(&value, LIMIT);
    assert_int_equal(made_cert_sign(signer.key, bytes_of(digest, 32), &value), RC_OK);
    cms.signer.signature = wbuf_bytes(&value);
    blob = without_attributes(&cms, OID_DATA);
    assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), RC_OK);
    wbuf_clear(&blob);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        blob = without_attributes(&cms, others[i]);
        assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), RC_CMS_NO_SIGNED_ATTRS);
        make_type_unknown(&blob);
        assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), RC_CMS_NO_SIGNED_ATTRS);
        wbuf_clear(&blob);
    }
    wbuf_clear(&value);
    wbuf_clear(&honest);
}

/* ---- nested ---- */

/* A signature with another one nested in it: what is found against that one. */
static enum rc finding_nested(const struct make_signature *outer, const struct make_signature *inner,
                              const struct bytes *data)
{
    struct make_signature whole = *outer;
    struct wbuf attrs, nested = sign(*inner), blob;
    enum rc rc;

    wbuf_init(&attrs, LIMIT);
    make_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&nested));
    whole.unsigned_attrs = wbuf_bytes(&attrs);
    blob = sign(whole);
    assert_int_equal(finding(wbuf_bytes(&blob), data, 0), RC_OK);
    rc = finding(wbuf_bytes(&blob), data, 1);
    wbuf_clear(&attrs);
    wbuf_clear(&nested);
    wbuf_clear(&blob);
    return rc;
}

#define OF(type, octets)                                                                                     \
    {                                                                                                        \
        .content_type = (type), .content = {(octets), sizeof(octets) }                                       \
    }

/* Unsigned attributes are anybody's: a real catalog of somebody else, hung into one's own, must not lend it that name. */
static void test_nested_of_something_else(void **state)
{
    static const struct {
        struct make_signature outer, inner;
        enum rc rc;
    } rows[] = {
        {OF(OID_CTL, list), OF(OID_CTL, list), RC_OK},
        {OF(OID_CTL, list), OF(OID_CTL, other_list), RC_SPC_CONTENT},
        {OF(OID_CTL, list), OF(OID_DATA, octets), RC_SPC_CONTENT},
        {OF(OID_CTL, list), {.file_digest = {other_list, 0}}, RC_SPC_CONTENT},
        {OF(OID_DATA, octets), OF(OID_DATA, octets), RC_OK},
        {OF(OID_DATA, octets), OF(OID_DATA, other_octets), RC_SPC_CONTENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t digest[32] = {0};
        struct make_signature inner = rows[i].inner;

        if (inner.content_type == OID_NONE) {
            inner.file_digest = bytes_of(digest, sizeof digest);
        }
        assert_int_equal(finding_nested(&rows[i].outer, &inner, NULL), rows[i].rc);
    }
}

static void test_nested_in_a_detached_one(void **state)
{
    static const uint8_t text[] = {'t', 'e', 'x', 't'};
    const struct bytes data = bytes_of(text, sizeof text);
    const struct make_signature outer = {.content_type = OID_DATA, .content = data, .detached = true};
    const struct make_signature same = OF(OID_DATA, octets), other = OF(OID_DATA, other_octets);

    (void)state;
    assert_int_equal(finding_nested(&outer, &same, &data), RC_OK);
    assert_int_equal(finding_nested(&outer, &outer, &data), RC_OK);
    assert_int_equal(finding_nested(&outer, &other, &data), RC_SPC_CONTENT);
}

/* ---- the kind of file ---- */

/* SpcIndirectData of a SHA-256 that says it is of such a thing. */
static struct wbuf sign_as(enum oid data_type, struct bytes digest)
{
    struct wbuf content, blob;
    size_t all, part;

    wbuf_init(&content, LIMIT);
    all = der_open(&content, DER_SEQUENCE);
    part = der_open(&content, DER_SEQUENCE);
    oid_put(&content, data_type);
    der_close(&content, part);
    part = der_open(&content, DER_SEQUENCE);
    digest_put_algorithm(&content, DIGEST_SHA256, true);
    der_put(&content, DER_OCTET_STRING_TAG, digest);
    der_close(&content, part);
    der_close(&content, all);
    blob =
        sign((struct make_signature){.content_type = OID_SPC_INDIRECT_DATA, .content = wbuf_bytes(&content)});
    wbuf_clear(&content);
    return blob;
}

/* Formats leave different octets out: the digest of an installer or a script, which its maker chose, is no image's. */
static void test_image_signed_as_another_kind(void **state)
{
    static const struct {
        enum oid type;
        enum rc rc;
    } rows[] = {{OID_SPC_PE_IMAGE_DATA, RC_OK},
                {OID_SPC_SIPINFO, RC_SPC_CONTENT},
                {OID_SPC_CAB_DATA, RC_SPC_CONTENT}};
    const struct make_pe m = {.plus = true, .body_len = 300};
    uint8_t digest[DIGEST_MAX];
    struct wbuf image;
    struct bytes data;

    (void)state;
    wbuf_init(&image, LIMIT);
    make_pe(&image, &m);
    data = wbuf_bytes(&image);
    assert_int_equal(pe_ops.digest(data, DIGEST_SHA256, digest), RC_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf blob = sign_as(rows[i].type, bytes_of(digest, 32)), whole;
        struct edits edits;

        assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), rows[i].rc);
        wbuf_init(&whole, LIMIT);
        edits_init(&edits);
        assert_int_equal(one_blob_put(&pe_ops, data, wbuf_bytes(&blob), &edits), RC_OK);
        assert_int_equal(edits_apply(&edits, data, &whole), RC_OK);
        assert_int_equal(finding(wbuf_bytes(&whole), NULL, 0), rows[i].rc);
        edits_clear(&edits);
        wbuf_clear(&whole);
        wbuf_clear(&blob);
    }
    wbuf_clear(&image);
}

/* Of a plain file the whole counts; where the signature says that it is of a format that is not read here, nobody knows what. */
static void test_plain_file_signed_as_another_kind(void **state)
{
    static const struct {
        enum oid type;
        enum rc rc;
    } rows[] = {{OID_SPC_CAB_DATA, RC_OK},
                {OID_SPC_SIPINFO, RC_FORMAT_UNKNOWN},
                {OID_SPC_PE_IMAGE_DATA, RC_SPC_DIGEST}};
    const struct bytes data = bytes_of("plain", 5);
    uint8_t digest[DIGEST_MAX];

    (void)state;
    assert_int_equal(digest_compute(DIGEST_SHA256, &data, 1, digest), RC_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wbuf blob = sign_as(rows[i].type, bytes_of(digest, 32));

        assert_int_equal(finding(wbuf_bytes(&blob), &data, 0), rows[i].rc);
        wbuf_clear(&blob);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_content_type),
        cmocka_unit_test(test_tag_of_the_content),
        cmocka_unit_test(test_attributes_as_content),
        cmocka_unit_test(test_content_alone),
        cmocka_unit_test(test_nested_of_something_else),
        cmocka_unit_test(test_nested_in_a_detached_one),
        cmocka_unit_test(test_image_signed_as_another_kind),
        cmocka_unit_test(test_plain_file_signed_as_another_kind),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
