/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one signature of a SignedData (RFC 5652 5.4 to 5.6) with the key of a certificate that the caller chose: whether that
 * certificate may be trusted is not asked here. Signed attributes are hashed as they stand, in their order and with their
 * lengths, only the tag is SET OF's. Old Authenticode authorities signed the bare digest without its DigestInfo: that form
 * passes where the caller allows it, and is told apart.
 */
#include "tsa/wire/cms.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum kind {
    KIND_PKCS1,
    KIND_PSS,
    KIND_ECDSA,
    KIND_EDDSA
};

struct scheme {
    enum kind kind;
    enum digest mgf; /* PSS */
    int salt_len;    /* PSS */
};

/* digest: what the OID names; DIGEST_NONE where the SignerInfo's digestAlgorithm says it alone. */
static const struct {
    enum oid oid;
    enum kind kind;
    enum digest digest;
} schemes[] = {
    {OID_RSA, KIND_PKCS1, DIGEST_NONE},
    {OID_RSA_MD5, KIND_PKCS1, DIGEST_MD5},
    {OID_RSA_SHA1, KIND_PKCS1, DIGEST_SHA1},
    {OID_RSA_SHA256, KIND_PKCS1, DIGEST_SHA256},
    {OID_RSA_SHA384, KIND_PKCS1, DIGEST_SHA384},
    {OID_RSA_SHA512, KIND_PKCS1, DIGEST_SHA512},
    {OID_RSA_PSS, KIND_PSS, DIGEST_NONE},
    {OID_EC_PUBLIC_KEY, KIND_ECDSA, DIGEST_NONE},
    {OID_ECDSA_SHA1, KIND_ECDSA, DIGEST_SHA1},
    {OID_ECDSA_SHA256, KIND_ECDSA, DIGEST_SHA256},
    {OID_ECDSA_SHA384, KIND_ECDSA, DIGEST_SHA384},
    {OID_ECDSA_SHA512, KIND_ECDSA, DIGEST_SHA512},
    {OID_ED25519, KIND_EDDSA, DIGEST_NONE},
};

/* ---- attributes against the content ---- */

static struct bytes expected_type(const struct cms_check *check)
{
    return check->content_type == OID_NONE ? check->content_type_oid : oid_bytes(check->content_type);
}

enum rc cms_check_content_type(const struct cms_check *check)
{
    struct bytes value, expected = expected_type(check);
    struct der d;
    enum rc rc;

    if (expected.len == 0) {
        return RC_OK;
    }
    if (check->signer->signed_attrs.len == 0) { /* RFC 5652 5.3: they may be absent for data alone */
        return check->content_type == OID_DATA ? RC_OK : RC_CMS_NO_SIGNED_ATTRS;
    }
    rc = cms_attr_get(check->signer->signed_attrs, OID_CONTENT_TYPE, &value);
    if (rc != RC_OK) {
        return rc;
    }
    der_init(&d, value, DER_FOREIGN);
    if (!bytes_equal(der_get_oid(&d), expected)) {
        return RC_CMS_ATTR_CONTENT_TYPE;
    }
    return der_end(&d);
}

enum rc cms_check_message_digest(const struct cms_check *check)
{
    struct bytes value;
    struct der d;
    enum rc rc;

    if (check->signer->signed_attrs.len == 0) { /* then the signature itself covers the content */
        return RC_OK;
    }
    rc = cms_attr_get(check->signer->signed_attrs, OID_MESSAGE_DIGEST, &value);
    if (rc != RC_OK) {
        return rc;
    }
    der_init(&d, value, DER_FOREIGN);
    if (!bytes_equal_ct(der_get(&d, DER_OCTET_STRING_TAG), check->content_digest) ||
        check->content_digest.len == 0) {
        return RC_CMS_MESSAGE_DIGEST;
    }
    return der_end(&d);
}

/* ---- CMSAlgorithmProtection, RFC 6211 ---- */

struct algorithm {
    struct bytes oid, parameters; /* parameters with tag; empty when NULL or absent, which mean the same */
};

static struct algorithm algorithm_of(struct bytes tlv)
{
    struct algorithm a = {BYTES_NONE, BYTES_NONE};
    struct der d;

    der_init(&d, tlv, DER_FOREIGN);
    der_enter(&d, 0);
    a.oid = der_get_oid(&d);
    if (der_more(&d) && !der_next_is(&d, DER_NULL_TAG)) {
        a.parameters = der_get_tlv(&d, 0);
    }
    return a;
}

static bool algorithms_equal(struct bytes a, struct bytes b)
{
    struct algorithm x = algorithm_of(a), y = algorithm_of(b);

    return x.oid.len > 0 && bytes_equal(x.oid, y.oid) && bytes_equal(x.parameters, y.parameters);
}

static enum rc check_protection(const struct cms_signer *signer)
{
    struct bytes value, digest, signature;
    struct der d;
    enum rc rc = cms_attr_get(signer->signed_attrs, OID_CMS_ALGORITHM_PROTECTION, &value);

    if (rc != RC_OK) {
        return rc == RC_CMS_ATTR_MISSING ? RC_OK : rc;
    }
    der_init(&d, value, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    digest = der_get_tlv(&d, DER_SEQUENCE);
    signature = der_get_tlv(&d, DER_CONTEXT_CONSTRUCTED(1));
    der_leave(&d);
    rc = der_end(&d);
    if (rc != RC_OK) {
        return rc;
    }
    return algorithms_equal(digest, signer->digest_alg) && algorithms_equal(signature, signer->signature_alg)
               ? RC_OK
               : RC_CMS_ALGORITHM_PROTECTION;
}

/* ---- which scheme ---- */

static enum digest read_digest_algorithm(struct der *d)
{
    enum oid oid;

    der_enter(d, DER_SEQUENCE);
    oid = oid_find(der_get_oid(d));
    if (der_next_is(d, DER_NULL_TAG)) {
        der_get_null(d);
    }
    der_leave(d);
    return digest_of_oid(oid);
}

static enum digest read_mgf(struct der *d)
{
    enum digest digest;

    der_enter(d, DER_SEQUENCE);
    if (!bytes_equal(der_get_oid(d), oid_bytes(OID_MGF1))) {
        der_fail(d, RC_CMS_SIGNATURE_ALG);
    }
    digest = read_digest_algorithm(d);
    der_leave(d);
    return digest;
}

/* RSASSA-PSS-params, RFC 4055 3.1; RFC 4056 3: the hash is the digestAlgorithm. */
static enum rc read_pss(const struct cms_signer *signer, struct scheme *out)
{
    enum digest hash = DIGEST_SHA1;
    uint64_t salt_len = 20, trailer = 1;
    struct der d;

    out->mgf = DIGEST_SHA1;
    der_init(&d, signer->signature_alg, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_oid(&d);
    der_enter(&d, DER_SEQUENCE);
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(0))) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
        hash = read_digest_algorithm(&d);
        der_leave(&d);
    }
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(1))) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(1));
        out->mgf = read_mgf(&d);
        der_leave(&d);
    }
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(2))) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(2));
        salt_len = der_get_uint(&d);
        der_leave(&d);
    }
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(3))) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(3));
        trailer = der_get_uint(&d);
        der_leave(&d);
    }
    der_leave(&d);
    der_leave(&d);
    if (der_end(&d) != RC_OK || hash != signer->digest || out->mgf == DIGEST_NONE || salt_len > 1024 ||
        trailer != 1) {
        return RC_CMS_SIGNATURE_ALG;
    }
    out->salt_len = (int)salt_len;
    return RC_OK;
}

static enum rc read_scheme(const struct cms_signer *signer, struct scheme *out)
{
    *out = (struct scheme){0};
    if (signer->digest == DIGEST_NONE) {
        return RC_DIGEST_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (schemes[i].oid != signer->signature_oid) {
            continue;
        }
        if (schemes[i].digest != DIGEST_NONE && schemes[i].digest != signer->digest) {
            return RC_CMS_SIGNATURE_ALG;
        }
        out->kind = schemes[i].kind;
        return out->kind == KIND_PSS ? read_pss(signer, out) : RC_OK;
    }
    return RC_CMS_SIGNATURE_ALG;
}

/* ---- the signature ---- */

/* A key of another kind than the scheme's can't have made the signature. */
static bool key_fits(const EVP_PKEY *key, enum kind kind)
{
    int id = EVP_PKEY_get_base_id(key);

    switch (kind) {
    case KIND_PKCS1:
        return id == EVP_PKEY_RSA;
    case KIND_PSS:
        return id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS;
    case KIND_ECDSA:
        return id == EVP_PKEY_EC;
    case KIND_EDDSA:
        return id == EVP_PKEY_ED25519;
    }
    return false;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct scheme *scheme)
{
    if (scheme->kind == KIND_PKCS1) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    }
    if (scheme->kind == KIND_PSS) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest_md(scheme->mgf)) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, scheme->salt_len) == 1;
    }
    return true;
}

static bool verify_digest(EVP_PKEY *key, const struct scheme *scheme, const struct cms_signer *signer,
                          struct bytes digest)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good =
        ctx && EVP_PKEY_verify_init(ctx) == 1 && set_padding(ctx, scheme) &&
        EVP_PKEY_CTX_set_signature_md(ctx, digest_md(signer->digest)) == 1 &&
        EVP_PKEY_verify(ctx, signer->signature.data, signer->signature.len, digest.data, digest.len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* PKCS #1 v1.5 padding around the digest alone, without a DigestInfo. */
static bool verify_bare(EVP_PKEY *key, const struct cms_signer *signer, struct bytes digest)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t block[2048]; /* 16384 bits, libcrypto's limit of a modulus */
    size_t len = sizeof block;
    bool good =
        ctx && EVP_PKEY_verify_recover_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
        (size_t)EVP_PKEY_get_size(key) <= sizeof block &&
        EVP_PKEY_verify_recover(ctx, block, &len, signer->signature.data, signer->signature.len) == 1 &&
        bytes_equal_ct(bytes_of(block, len), digest);

    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* Ed25519 takes the message itself. */
static bool verify_message(EVP_PKEY *key, const struct cms_signer *signer, struct bytes message)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, signer->signature.data, signer->signature.len, message.data, message.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

/* What the signature covers: the attributes as a SET OF, else the content. Two parts, the first of one octet. */
static size_t covered_parts(const struct cms_check *check, struct bytes parts[2])
{
    static const uint8_t set_tag = DER_SET;
    struct bytes attrs = check->signer->signed_attrs;

    if (attrs.len == 0) {
        parts[0] = check->content;
        return 1;
    }
    parts[0] = bytes_of(&set_tag, 1);
    parts[1] = bytes_of(attrs.data + 1, attrs.len - 1);
    return 2;
}

static enum rc check_message(EVP_PKEY *key, const struct cms_check *check)
{
    struct bytes parts[2];
    size_t num = covered_parts(check, parts);
    struct wbuf message;
    enum rc rc;

    wbuf_init(&message, 1 + parts[0].len + (num > 1 ? parts[1].len : 0));
    for (size_t i = 0; i < num; i++) {
        wbuf_put(&message, parts[i]);
    }
    rc = wbuf_rc(&message);
    if (rc == RC_OK && !verify_message(key, check->signer, wbuf_bytes(&message))) {
        rc = RC_CMS_SIGNATURE;
    }
    wbuf_clear(&message);
    return rc;
}

static enum rc covered_digest(const struct cms_check *check, uint8_t storage[DIGEST_MAX], struct bytes *out)
{
    struct bytes parts[2];
    enum rc rc;

    if (check->signer->signed_attrs.len == 0) {
        *out = check->content_digest;
        return out->len == digest_len(check->signer->digest) ? RC_OK : RC_DIGEST_LENGTH;
    }
    rc = digest_compute(check->signer->digest, parts, covered_parts(check, parts), storage);
    *out = bytes_of(storage, digest_len(check->signer->digest));
    return rc;
}

static enum rc check_with_key(EVP_PKEY *key, const struct scheme *scheme, const struct cms_check *check,
                              enum cms_signature_form *out_form)
{
    uint8_t storage[DIGEST_MAX];
    struct bytes digest;
    enum rc rc;

    if (!key_fits(key, scheme->kind)) {
        return RC_CMS_SIGNATURE;
    }
    if (scheme->kind == KIND_EDDSA) {
        return check_message(key, check);
    }
    rc = covered_digest(check, storage, &digest);
    if (rc != RC_OK || verify_digest(key, scheme, check->signer, digest)) {
        return rc;
    }
    if (check->allow_bare && scheme->kind == KIND_PKCS1 && verify_bare(key, check->signer, digest)) {
        *out_form = CMS_SIGNATURE_BARE_DIGEST;
        return RC_OK;
    }
    return RC_CMS_SIGNATURE;
}

static EVP_PKEY *key_of(const struct cert *cert)
{
    const unsigned char *at = cert->spki.data;

    return d2i_PUBKEY(NULL, &at, (long)cert->spki.len);
}

enum rc cms_check_signature(const struct cms_check *check, enum cms_signature_form *out_form)
{
    enum cms_signature_form form = CMS_SIGNATURE_STANDARD;
    struct scheme scheme;
    EVP_PKEY *key;
    enum rc rc = check_protection(check->signer);

    if (out_form) {
        *out_form = form;
    }
    rc = rc == RC_OK ? read_scheme(check->signer, &scheme) : rc;
    if (rc != RC_OK) {
        return rc;
    }
    ERR_set_mark();
    key = key_of(check->cert);
    rc = key ? check_with_key(key, &scheme, check, &form) : RC_CERT_MALFORMED;
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    if (out_form) {
        *out_form = form;
    }
    return rc;
}

enum rc cms_signer_check(const struct cms_check *check, enum cms_signature_form *out_form)
{
    enum rc rc = cms_check_content_type(check);

    if (rc == RC_OK) {
        rc = cms_check_message_digest(check);
    }
    return rc == RC_OK ? cms_check_signature(check, out_form) : rc;
}
