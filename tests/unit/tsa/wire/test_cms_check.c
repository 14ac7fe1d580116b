/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking signatures: every scheme that libcrypto makes, the bare digest of old authorities, and each attribute and
 * algorithm that is wrong found with its own reason.
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

static enum rc check_cms(const struct cms *cms, const struct cert *cert, enum cms_signature_form *form)
{
    uint8_t digest[DIGEST_MAX];
    struct cms_check check = {.signer = &cms->signer, .cert = cert, .content_type = cms->content_type};

    assert_int_equal(digest_compute(cms->signer.digest, &cms->content, 1, digest), RC_OK);
    check.content = cms->content;
    check.content_digest = bytes_of(digest, digest_len(cms->signer.digest));
    return cms_signer_check(&check, form);
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
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemes_of_others),
        cmocka_unit_test(test_bare_digest_of_old_authorities),
        cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_attribute_faults),
        cmocka_unit_test(test_algorithm_faults),
        cmocka_unit_test(test_algorithm_protection),
        cmocka_unit_test(test_no_signed_attributes),
        cmocka_unit_test(test_signer_versions),
    };

    return cmocka_run_group_tests(tests, make_authorities, clear_authorities);
}
