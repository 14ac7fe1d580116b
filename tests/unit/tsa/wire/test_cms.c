/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData both ways: what is built is read back view by view and judged by libcrypto's CMS and PKCS #7 functions; signatures
 * of every scheme that libcrypto makes are checked; each field changed alone is found with its own reason.
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

/* ---- signatures that others make: libcrypto signs, we check ---- */

#define FLAGS (CMS_BINARY | CMS_NOSMIMECAP)

struct foreign {
    unsigned char *der;
    struct cms cms;
};

/* With pss the padding is PSS; with data the content stands in the SignedData. */
static void sign_foreign(struct foreign *f, struct authority *a, const EVP_MD *md, unsigned flags, bool pss)
{
    BIO *in = BIO_new_mem_buf(CONTENT, (int)strlen(CONTENT));
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, FLAGS | CMS_PARTIAL | (flags & CMS_DETACHED));
    CMS_SignerInfo *si = CMS_add1_signer(cms, a->cert, a->key, md, FLAGS | CMS_KEY_PARAM | flags);
    int len;

    assert_non_null(si);
    if (pss) {
        EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 20), 1);
    }
    assert_int_equal(CMS_final(cms, in, NULL, FLAGS), 1);
    f->der = NULL;
    len = i2d_CMS_ContentInfo(cms, &f->der);
    assert_true(len > 0);
    assert_int_equal(cms_parse(bytes_of(f->der, (size_t)len), DER_FOREIGN, &f->cms), RC_OK);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
}

static void test_schemes_of_others(void **state)
{
    static const struct {
        const char *key, *md;
        unsigned flags;
        bool pss;
    } table[] = {
        {"RSA", "sha256", 0, false},
        {"RSA", "md5", 0, false},
        {"RSA", "sha256", 0, true},
        {"RSA", "sha512", 0, true},
        {"RSA", "sha1", 0, true},
        {"RSA", "sha384", CMS_NOATTR, false},
        {"RSA", "sha256", CMS_USE_KEYID, false},
        {"P-384", "sha384", 0, false},
        {"P-256", "sha256", CMS_NOATTR, false},
        {"P-256", "sha512", CMS_USE_KEYID, false},
    };
    struct authority a;
    struct foreign f;
    struct cert cert;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        authority_init(&a, &(struct authority_spec){.key = table[i].key});
        sign_foreign(&f, &a, EVP_get_digestbyname(table[i].md), table[i].flags, table[i].pss);
        assert_int_equal(f.cms.signer.version, table[i].flags & CMS_USE_KEYID ? 3 : 1);
        assert_int_equal(cms_signer_find_cert(&f.cms.signer, f.cms.certificates, &cert), RC_OK);
        assert_true(bytes_equal(cert.der, a.chain[0]));
        assert_string_equal(rc_word(check_cms(&f.cms, &cert, NULL)), "ok");
        assert_string_equal(rc_word(check_cms(&f.cms, &ec.facts, NULL)), "cms-signature"); /* another's key */
        f.der[(f.cms.signer.signature.data - f.der) + 20] ^= 1;
        assert_string_equal(rc_word(check_cms(&f.cms, &cert, NULL)), "cms-signature");
        OPENSSL_free(f.der);
        authority_clear(&a);
    }
}

/* ---- a SignedData put together by hand ---- */

struct parts {
    struct authority *a;
    const char *digest_alg, *signature_alg; /* hex of AlgorithmIdentifiers */
    const char *attrs;                      /* hex of Attributes, in this order; NULL: none */
    const char *version;                    /* hex of the SignerInfo's version */
    enum digest digest;
    bool bare;
};

static void put_hex(struct wbuf *w, const char *text)
{
    struct hex store = {.len = 0};

    wbuf_put(w, hex(&store, text));
}

static void raw_signature(const struct parts *p, struct bytes message, struct wbuf *out)
{
    uint8_t digest[DIGEST_MAX], signature[512];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *ctx;
    EVP_MD_CTX *md;

    if (EVP_PKEY_get_base_id(p->a->key) == EVP_PKEY_ED25519) {
        md = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, p->a->key), 1);
        assert_int_equal(EVP_DigestSign(md, signature, &len, message.data, message.len), 1);
        EVP_MD_CTX_free(md);
    } else {
        assert_int_equal(digest_compute(p->digest, &message, 1, digest), RC_OK);
        ctx = EVP_PKEY_CTX_new(p->a->key, NULL);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        if (!p->bare) {
            assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, digest_md(p->digest)), 1);
        }
        assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest, digest_len(p->digest)), 1);
        EVP_PKEY_CTX_free(ctx);
    }
    wbuf_put(out, bytes_of(signature, len));
}

/* Writes the SignerInfo alone. */
static struct bytes put_together(const struct parts *p, struct wbuf *out)
{
    uint8_t storage[4096], sig_storage[512];
    struct wbuf attrs, signature;
    size_t mark;

    wbuf_init_fixed(&attrs, storage, sizeof storage);
    wbuf_init_fixed(&signature, sig_storage, sizeof sig_storage);
    if (p->attrs) {
        mark = der_open(&attrs, DER_SET);
        put_hex(&attrs, p->attrs);
        der_close(&attrs, mark);
        raw_signature(p, wbuf_bytes(&attrs), &signature);
        attrs.data[0] = DER_CONTEXT_CONSTRUCTED(0);
    } else {
        raw_signature(p, bytes_str(CONTENT), &signature);
    }
    mark = der_open(out, DER_SEQUENCE);
    put_hex(out, p->version ? p->version : "020101");
    cert_put_issuer_and_serial(out, &p->a->facts);
    put_hex(out, p->digest_alg);
    wbuf_put(out, wbuf_bytes(&attrs));
    put_hex(out, p->signature_alg);
    der_put(out, DER_OCTET_STRING_TAG, wbuf_bytes(&signature));
    der_close(out, mark);
    assert_int_equal(out->rc, RC_OK);
    return wbuf_bytes(out);
}

#define SHA1_ALG   "300906052b0e03021a0500"
#define SHA256_ALG "300d06096086480165030402010500"
#define SHA512_ALG "300b0609608648016503040203"
#define RSA_ALG    "300d06092a864886f70d0101010500"
#define EC_ALG     "300a06082a8648ce3d040302"
#define TYPE_ATTR  "3018 06092a864886f70d010903 310b 06092a864886f70d010701"

/* messageDigest of CONTENT */
static const char *digest_attr(enum digest digest)
{
    static char text[512];
    uint8_t octets[DIGEST_MAX];
    struct bytes content = bytes_str(CONTENT);
    size_t len = digest_len(digest);
    char digits[2 * DIGEST_MAX + 1];

    assert_int_equal(digest_compute(digest, &content, 1, octets), RC_OK);
    bytes_to_hex(bytes_of(octets, len), digits, sizeof digits);
    snprintf(text, sizeof text, "30%02zx 06092a864886f70d010904 31%02zx 04%02zx %s", len + 15, len + 2, len,
             digits);
    return text;
}

static enum rc check_parts(const struct parts *p, bool allow_bare, enum cms_signature_form *form)
{
    uint8_t storage[8192], digest[DIGEST_MAX];
    struct bytes content = bytes_str(CONTENT);
    struct wbuf w;
    struct cms_signer signer;
    struct cms_check check = {
        .signer = &signer, .cert = &p->a->facts, .content = content, .allow_bare = allow_bare};
    enum rc rc;

    wbuf_init_fixed(&w, storage, sizeof storage);
    rc = cms_signer_parse(put_together(p, &w), DER_FOREIGN, &signer);
    if (rc != RC_OK) {
        return rc;
    }
    check.content_type = OID_DATA;
    if (signer.digest != DIGEST_NONE) {
        assert_int_equal(digest_compute(signer.digest, &content, 1, digest), RC_OK);
        check.content_digest = bytes_of(digest, digest_len(signer.digest));
    }
    return cms_signer_check(&check, form);
}

static const char *join(const char *a, const char *b, const char *c)
{
    static char text[4096];

    snprintf(text, sizeof text, "%s %s %s", a, b, c);
    return text;
}

static void test_bare_digest_of_old_authorities(void **state)
{
    struct parts p = {&rsa, SHA1_ALG, RSA_ALG, NULL, NULL, DIGEST_SHA1, true};
    enum cms_signature_form form = CMS_SIGNATURE_STANDARD;

    (void)state;
    p.attrs = join(TYPE_ATTR, digest_attr(DIGEST_SHA1), "");
    assert_int_equal(check_parts(&p, true, &form), RC_OK);
    assert_int_equal(form, CMS_SIGNATURE_BARE_DIGEST);
    assert_int_equal(check_parts(&p, false, &form), RC_CMS_SIGNATURE);
    assert_int_equal(form, CMS_SIGNATURE_STANDARD);
    p.bare = false;
    assert_int_equal(check_parts(&p, true, &form), RC_OK);
    assert_int_equal(form, CMS_SIGNATURE_STANDARD);
    p.bare = true;
    p.digest = DIGEST_SHA256; /* a bare digest of another algorithm than the one that is named */
    assert_int_equal(check_parts(&p, true, &form), RC_CMS_SIGNATURE);
}

static void test_ed25519(void **state)
{
    struct authority ed;
    struct parts p = {&ed, SHA512_ALG, "300506032b6570", NULL, NULL, DIGEST_SHA512, false};

    (void)state;
    authority_init(&ed, &(struct authority_spec){.key = "ED25519"});
    p.attrs = join(TYPE_ATTR, digest_attr(DIGEST_SHA512), "");
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.attrs = NULL;
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.attrs = join(TYPE_ATTR, digest_attr(DIGEST_SHA256), "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_MESSAGE_DIGEST);
    authority_clear(&ed);
}

static void test_attribute_faults(void **state)
{
    const char *md = digest_attr(DIGEST_SHA256);
    struct parts p = {&ec, SHA256_ALG, EC_ALG, NULL, NULL, DIGEST_SHA256, false};

    (void)state;
    p.attrs = join(TYPE_ATTR, md, "");
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.attrs = join(md, TYPE_ATTR, ""); /* not DER's order, but what was signed */
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.attrs = md;
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_MISSING);
    p.attrs = TYPE_ATTR;
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_MISSING);
    p.attrs = join(TYPE_ATTR, TYPE_ATTR, md);
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_REPEATED);
    p.attrs = join("3023 06092a864886f70d010903 3116 06092a864886f70d010701 06092a864886f70d010701", md, "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_REPEATED);
    p.attrs = join("300d 06092a864886f70d010903 3100", md, "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_MISSING);
    p.attrs = join("3018 06092a864886f70d010903 310b 06092a864886f70d010702", md, "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_CONTENT_TYPE);
    p.attrs = join("3018 06092a864886f70d010903 310b 04092a864886f70d010701", md, "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ATTR_CONTENT_TYPE);
    p.attrs = join(TYPE_ATTR, "300f 06092a864886f70d010904 3102 0400", "");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_MESSAGE_DIGEST);
    p.attrs = join(TYPE_ATTR, md, "0500");
    assert_int_equal(check_parts(&p, false, NULL), RC_DER_TAG);
    p.attrs = join(TYPE_ATTR, md, "300b 06092a864886f70d010903");
    assert_int_equal(check_parts(&p, false, NULL), RC_DER_TRUNCATED);
}

static void test_algorithm_faults(void **state)
{
    struct parts p = {&rsa, SHA256_ALG, RSA_ALG, NULL, NULL, DIGEST_SHA256, false};
    const char *attrs = join(TYPE_ATTR, digest_attr(DIGEST_SHA256), "");

    (void)state;
    p.attrs = attrs;
    p.signature_alg = "300d06092a864886f70d01010b0500"; /* sha256WithRSAEncryption */
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.signature_alg = "300b06092a864886f70d010101"; /* parameters absent */
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    p.signature_alg = "300d06092a864886f70d01010d0500"; /* sha512WithRSAEncryption beside SHA-256 */
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_SIGNATURE_ALG);
    p.signature_alg = "300d06092a864886f70d0101020500"; /* md2WithRSAEncryption */
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_SIGNATURE_ALG);
    p.signature_alg = EC_ALG; /* the key is RSA */
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_SIGNATURE);
    p.signature_alg = "300d06092a864886f70d01010a0500"; /* PSS without its parameters */
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_SIGNATURE_ALG);
    p.signature_alg = "300d06092a864886f70d01010a3000"; /* PSS with SHA-1 beside SHA-256 */
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_SIGNATURE_ALG);
    p.signature_alg = RSA_ALG;
    p.digest_alg = "300906052b240302010500"; /* RIPEMD-160 */
    p.attrs = NULL;
    assert_int_equal(check_parts(&p, false, NULL), RC_DIGEST_UNKNOWN);
    p = (struct parts){&ec,           SHA256_ALG, "300906072a8648ce3d0201", attrs, NULL,
                       DIGEST_SHA256, false}; /* ecPublicKey */
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
}

static void test_algorithm_protection(void **state)
{
    char attrs[2048];
    struct parts p = {&ec, SHA256_ALG, EC_ALG, attrs, NULL, DIGEST_SHA256, false};
    const char *md = digest_attr(DIGEST_SHA256);

    (void)state;
    /* parameters absent here, NULL there: the same (RFC 6211 3) */
    snprintf(attrs, sizeof attrs, "%s %s %s", TYPE_ATTR, md,
             "3028 06092a864886f70d010934 311b 3019 300b0609608648016503040201 a10a06082a8648ce3d040302");
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    snprintf(attrs, sizeof attrs, "%s %s %s", TYPE_ATTR, md,
             "3028 06092a864886f70d010934 311b 3019 300b0609608648016503040203 a10a06082a8648ce3d040302");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ALGORITHM_PROTECTION);
    snprintf(attrs, sizeof attrs, "%s %s %s", TYPE_ATTR, md,
             "3028 06092a864886f70d010934 311b 3019 300b0609608648016503040201 a10a06082a8648ce3d040304");
    assert_int_equal(check_parts(&p, false, NULL), RC_CMS_ALGORITHM_PROTECTION);
    snprintf(attrs, sizeof attrs, "%s %s %s", TYPE_ATTR, md,
             "301c 06092a864886f70d010934 310f 300d 300b0609608648016503040201");
    assert_int_equal(check_parts(&p, false, NULL), RC_DER_TRUNCATED);
}

/* Only data may be signed without attributes (RFC 5652 5.3). */
static void test_no_signed_attributes(void **state)
{
    struct parts p = {&rsa, SHA256_ALG, RSA_ALG, NULL, NULL, DIGEST_SHA256, false};
    uint8_t storage[8192], digest[DIGEST_MAX] = {0};
    struct wbuf w;
    struct cms_signer signer;
    struct cms_check check = {.signer = &signer, .cert = &rsa.facts, .content_type = OID_TST_INFO};

    (void)state;
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    wbuf_init_fixed(&w, storage, sizeof storage);
    assert_int_equal(cms_signer_parse(put_together(&p, &w), DER_FOREIGN, &signer), RC_OK);
    assert_int_equal(cms_signer_check(&check, NULL), RC_CMS_NO_SIGNED_ATTRS);
    check.content_type = OID_DATA;
    assert_int_equal(cms_signer_check(&check, NULL), RC_DIGEST_LENGTH); /* no digest was given */
    check.content_digest = bytes_of(digest, 32);
    assert_int_equal(cms_signer_check(&check, NULL), RC_CMS_SIGNATURE);
}

static void test_signer_versions(void **state)
{
    struct parts p = {&ec, SHA256_ALG, EC_ALG, NULL, NULL, DIGEST_SHA256, false};
    static const char *const wrong[] = {"020102", "020103", "020104"};
    uint8_t storage[8192];
    struct cms_signer signer;
    struct wbuf w;

    (void)state;
    p.attrs = join(TYPE_ATTR, digest_attr(DIGEST_SHA256), "");
    p.version = "020100"; /* old authorities wrote it: read from others, never written here */
    assert_int_equal(check_parts(&p, false, NULL), RC_OK);
    wbuf_init_fixed(&w, storage, sizeof storage);
    assert_int_equal(cms_signer_parse(put_together(&p, &w), DER_STRICT, &signer), RC_CMS_VERSION);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        p.version = wrong[i];
        assert_int_equal(check_parts(&p, false, NULL), RC_CMS_VERSION);
    }
}

/* ---- malformed structures ---- */

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
        cmocka_unit_test(test_reason_of_the_signer_comes_back),
        cmocka_unit_test(test_output_too_small),
        cmocka_unit_test(test_profiles_that_can_not_be),
        cmocka_unit_test(test_schemes_of_others),
        cmocka_unit_test(test_bare_digest_of_old_authorities),
        cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_attribute_faults),
        cmocka_unit_test(test_algorithm_faults),
        cmocka_unit_test(test_algorithm_protection),
        cmocka_unit_test(test_no_signed_attributes),
        cmocka_unit_test(test_signer_versions),
        cmocka_unit_test(test_malformed_signers),
        cmocka_unit_test(test_malformed_signed_data),
        cmocka_unit_test(test_content_of_pkcs7),
        cmocka_unit_test(test_attributes_by_hand),
    };

    return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
