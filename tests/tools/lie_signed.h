/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SignedData with one thing wrong (RFC 5652 5, RFC 3161 2.4.2, RFC 5816). Written from the formats, not by the builder of tsa/wire,
 * which could not write what is wrong.
 */
#ifndef TESTS_TOOLS_LIE_SIGNED_H
#define TESTS_TOOLS_LIE_SIGNED_H

#include <string.h>

#include <openssl/rsa.h>

#include "tests/tools/lie_keys.h"
#include "tests/unit/tsclient/make_signature.h"

#define LIE_ROOM      (16u << 20)
#define LIE_MAX_ATTRS 8

struct lie_signed {
    const struct lie_keys *keys;
    const struct lie *lie;
    struct bytes content;
    bool is_token;            /* RFC 3161's; else the legacy reply */
    const char *signing_time; /* legacy: UTCTime */
    struct bytes digested;    /* what messageDigest covers; empty: content */
};

static inline bool lie_has(const struct lie_signed *s, uint64_t twist)
{
    return s->lie->twist & twist;
}

static inline enum digest lie_digest(const struct lie_signed *s)
{
    return lie_has(s, LIE_SHA1) ? DIGEST_SHA1 : lie_has(s, LIE_MD5) ? DIGEST_MD5 : DIGEST_SHA256;
}

static inline const struct made_cert *lie_signer(const struct lie_signed *s)
{
    return &s->keys->authorities[s->lie->who];
}

static inline struct cert lie_cert(const struct made_cert *made)
{
    struct cert cert;

    MAKE_CERT_MUST(cert_parse(made_cert_der(made), &cert) == RC_OK);
    return cert;
}

/* ---- ESS ---- */

/* ESSCertID and ESSCertIDv2 with SHA-256 differ in the hash alone. */
static inline void lie_put_cert_id(struct wbuf *w, const struct made_cert *made, bool v2, bool other_serial)
{
    size_t id = der_open(w, DER_SEQUENCE), parts[3];
    struct cert cert = lie_cert(made);
    uint8_t hash[DIGEST_MAX];
    enum digest alg = v2 ? DIGEST_SHA256 : DIGEST_SHA1;

    MAKE_CERT_MUST(cert_hash(&cert, alg, hash) == RC_OK);
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(hash, digest_len(alg)));
    if (other_serial) {
        parts[0] = der_open(w, DER_SEQUENCE);
        parts[1] = der_open(w, DER_SEQUENCE);
        parts[2] = der_open(w, DER_CONTEXT_CONSTRUCTED(4));
        wbuf_put(w, cert.issuer);
        der_close(w, parts[2]);
        der_close(w, parts[1]);
        der_put_uint(w, DER_INTEGER_TAG, 77);
        der_close(w, parts[0]);
    }
    der_close(w, id);
}

/* SigningCertificate or V2: first, and second where there is one. */
static inline void lie_put_ess(struct wbuf *w, const struct made_cert *const *certs, size_t num, bool v2,
                               bool other_serial)
{
    struct wbuf value;
    size_t whole, ids;

    wbuf_init(&value, LIE_ROOM);
    whole = der_open(&value, DER_SEQUENCE);
    ids = der_open(&value, DER_SEQUENCE);
    for (size_t i = 0; i < num; i++) {
        lie_put_cert_id(&value, certs[i], v2, other_serial);
    }
    der_close(&value, ids);
    der_close(&value, whole);
    make_attribute(w, v2 ? OID_SIGNING_CERTIFICATE_V2 : OID_SIGNING_CERTIFICATE, wbuf_bytes(&value));
    wbuf_clear(&value);
}

static inline void lie_put_ess_v2(struct wbuf *w, const struct lie_signed *s)
{
    const struct made_cert *self = lie_signer(s), *sibling = &s->keys->authorities[WHO_SIBLING];
    const struct made_cert *issuer = lie_issuer(s->keys, s->lie->who);
    const struct made_cert *list[2] = {lie_has(s, LIE_ISSUER_ESS)  ? issuer
                                       : lie_has(s, LIE_OTHER_ESS) ? sibling
                                                                   : self,
                                       lie_has(s, LIE_ISSUER_ESS) ? self : issuer};
    size_t num = lie_has(s, LIE_ESS_EMPTY) ? 0 : lie_has(s, LIE_ISSUER_ESS | LIE_ESS_CHAIN) ? 2 : 1;

    lie_put_ess(w, list, num, true, lie_has(s, LIE_ESS_SERIAL));
}

static inline void lie_put_ess_v1(struct wbuf *w, const struct lie_signed *s)
{
    const struct made_cert *named =
        lie_has(s, LIE_ESS_V1_WRONG) ? &s->keys->authorities[WHO_SIBLING] : lie_signer(s);

    lie_put_ess(w, &named, 1, false, false);
}

/* ---- attributes ---- */

struct lie_attrs {
    struct wbuf storage[LIE_MAX_ATTRS];
    size_t num;
};

static inline struct wbuf *lie_new_attr(struct lie_attrs *attrs)
{
    struct wbuf *w = &attrs->storage[attrs->num++];

    MAKE_CERT_MUST(attrs->num <= LIE_MAX_ATTRS);
    wbuf_init(w, LIE_ROOM);
    return w;
}

static inline void lie_add_digest(struct lie_attrs *attrs, const struct lie_signed *s)
{
    uint8_t digest[DIGEST_MAX], storage[200];
    struct bytes digested = s->digested.len > 0 ? s->digested : s->content;
    struct wbuf value;

    wbuf_init_fixed(&value, storage, sizeof storage);
    MAKE_CERT_MUST(digest_compute(lie_digest(s), &digested, 1, digest) == RC_OK);
    digest[0] ^= lie_has(s, LIE_BAD_DIGEST) ? 1 : 0;
    der_put(&value, DER_OCTET_STRING_TAG, bytes_of(digest, digest_len(lie_digest(s))));
    if (lie_has(s, LIE_TWO_DIGESTS)) {
        digest[0] ^= 1;
        der_put(&value, DER_OCTET_STRING_TAG, bytes_of(digest, digest_len(lie_digest(s))));
    }
    for (int i = lie_has(s, LIE_DIGEST_TWICE) ? 2 : 1; i > 0; i--) {
        make_attribute(lie_new_attr(attrs), OID_MESSAGE_DIGEST, wbuf_bytes(&value));
    }
}

static inline void lie_add_time(struct lie_attrs *attrs, const struct lie_signed *s)
{
    uint8_t storage[60];
    struct wbuf value;

    wbuf_init_fixed(&value, storage, sizeof storage);
    der_put(&value, DER_UTC_TIME_TAG, bytes_str(s->signing_time));
    make_attribute(lie_new_attr(attrs), OID_SIGNING_TIME, wbuf_bytes(&value));
}

/* CMSAlgorithmProtection (RFC 6211) for SHA-512 where the digest is another. */
static inline void lie_add_protection(struct lie_attrs *attrs)
{
    uint8_t storage[100];
    struct wbuf value;
    size_t whole, part;

    wbuf_init_fixed(&value, storage, sizeof storage);
    whole = der_open(&value, DER_SEQUENCE);
    digest_put_algorithm(&value, DIGEST_SHA512, true);
    part = der_open(&value, DER_CONTEXT_CONSTRUCTED(1));
    oid_put(&value, OID_RSA);
    der_put_null(&value);
    der_close(&value, part);
    der_close(&value, whole);
    make_attribute(lie_new_attr(attrs), OID_CMS_ALGORITHM_PROTECTION, wbuf_bytes(&value));
}

static inline void lie_make_attrs(struct lie_attrs *attrs, const struct lie_signed *s)
{
    enum oid type = s->is_token != lie_has(s, LIE_BAD_CONTENT_TYPE) ? OID_TST_INFO : OID_DATA;

    if (!lie_has(s, LIE_NO_CONTENT_TYPE)) {
        make_oid_attribute(lie_new_attr(attrs), OID_CONTENT_TYPE, type);
    }
    if (!lie_has(s, LIE_NO_DIGEST)) {
        lie_add_digest(attrs, s);
    }
    if (!s->is_token && !lie_has(s, LIE_NO_TIME)) {
        lie_add_time(attrs, s);
    }
    if (lie_has(s, LIE_BAD_PROTECTION)) {
        lie_add_protection(attrs);
    }
    if (s->is_token && !lie_has(s, LIE_NO_ESS | LIE_ESS_V1)) {
        lie_put_ess_v2(lie_new_attr(attrs), s);
    }
    if (s->is_token && lie_has(s, LIE_ESS_V1 | LIE_ESS_V1_TOO | LIE_ESS_V1_WRONG)) {
        lie_put_ess_v1(lie_new_attr(attrs), s);
    }
}

/* ---- the signature ---- */

static inline void lie_sign(struct wbuf *out, const struct lie_signed *s, struct bytes digest)
{
    const struct made_cert *with =
        lie_has(s, LIE_OTHER_KEY) ? &s->keys->authorities[WHO_SIBLING] : lie_signer(s);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(with->key, NULL);
    uint8_t signature[512];
    size_t len = sizeof signature;

    MAKE_CERT_MUST(ctx && EVP_PKEY_sign_init(ctx) == 1);
    if (EVP_PKEY_get_base_id(with->key) == EVP_PKEY_RSA) {
        MAKE_CERT_MUST(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
    }
    if (!lie_has(s, LIE_BARE)) {
        MAKE_CERT_MUST(EVP_PKEY_CTX_set_signature_md(ctx, digest_md(lie_digest(s))) == 1);
    }
    MAKE_CERT_MUST(EVP_PKEY_sign(ctx, signature, &len, digest.data, digest.len) == 1);
    EVP_PKEY_CTX_free(ctx);
    signature[len - 1] ^= lie_has(s, LIE_BAD_SIGNATURE) ? 1 : 0;
    der_put(out, DER_OCTET_STRING_TAG, bytes_of(signature, len));
}

static inline void lie_put_signature_alg(struct wbuf *w, const struct lie_signed *s)
{
    size_t mark = der_open(w, DER_SEQUENCE);
    bool is_rsa = lie_cert(lie_signer(s)).key_type == OID_RSA;

    oid_put(w, lie_has(s, LIE_OTHER_ALGORITHM) ? OID_RSA_SHA512 : is_rsa ? OID_RSA : OID_ECDSA_SHA256);
    if (is_rsa) {
        der_put_null(w);
    }
    der_close(w, mark);
}

static inline void lie_put_signer(struct wbuf *w, const struct lie_signed *s)
{
    const struct made_cert *named =
        lie_has(s, LIE_OTHER_NAME) ? &s->keys->authorities[WHO_SIBLING] : lie_signer(s);
    struct cert cert = lie_cert(named);
    struct lie_attrs attrs = {.num = 0};
    struct bytes items[LIE_MAX_ATTRS], covered = s->content;
    size_t mark = der_open(w, DER_SEQUENCE);
    uint8_t digest[DIGEST_MAX];
    struct wbuf set;

    wbuf_init(&set, LIE_ROOM);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    cert_put_issuer_and_serial(w, &cert);
    digest_put_algorithm(w, lie_digest(s), true);
    if (!lie_has(s, LIE_NO_ATTRS)) {
        lie_make_attrs(&attrs, s);
        for (size_t i = 0; i < attrs.num; i++) {
            items[i] = wbuf_bytes(&attrs.storage[i]);
        }
        der_put_set_of(&set, DER_SET, items, attrs.num);
        covered = wbuf_bytes(&set);
        wbuf_put_u8(w, DER_CONTEXT_CONSTRUCTED(0));
        wbuf_put(w, bytes_of(covered.data + 1, covered.len - 1));
    }
    MAKE_CERT_MUST(digest_compute(lie_digest(s), &covered, 1, digest) == RC_OK);
    lie_put_signature_alg(w, s);
    lie_sign(w, s, bytes_of(digest, digest_len(lie_digest(s))));
    if (lie_has(s, LIE_TRAILING_SIGNER)) {
        der_put_null(w);
    }
    der_close(w, mark);
    for (size_t i = 0; i < attrs.num; i++) {
        wbuf_clear(&attrs.storage[i]);
    }
    wbuf_clear(&set);
}

/* ---- the whole ---- */

static inline void lie_put_certs(struct wbuf *w, const struct lie_signed *s)
{
    size_t mark = der_open(w, DER_CONTEXT_CONSTRUCTED(0));

    if (lie_has(s, LIE_CERTS_OF_OTHERS | LIE_SIBLING_FIRST)) {
        wbuf_put(w, made_cert_der(&s->keys->authorities[WHO_SIBLING]));
    }
    if (!lie_has(s, LIE_CERTS_OF_OTHERS)) {
        wbuf_put(w, made_cert_der(lie_signer(s)));
    }
    wbuf_put(w, made_cert_der(lie_issuer(s->keys, s->lie->who)));
    der_close(w, mark);
}

static inline void lie_put_content(struct wbuf *w, const struct lie_signed *s)
{
    size_t info = der_open(w, DER_SEQUENCE), inner;

    oid_put(w, s->is_token != lie_has(s, LIE_OTHER_CONTENT) ? OID_TST_INFO : OID_DATA);
    if (!lie_has(s, LIE_NO_CONTENT)) {
        inner = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
        der_put(w, lie_has(s, LIE_NO_OCTETS) ? DER_SEQUENCE : DER_OCTET_STRING_TAG, s->content);
        der_close(w, inner);
    }
    der_close(w, info);
}

/* Appends ContentInfo { SignedData }. */
static inline void lie_put_signed(struct wbuf *w, const struct lie_signed *s)
{
    size_t info = der_open(w, DER_SEQUENCE), explicit0, data, set;

    oid_put(w, lie_has(s, LIE_TYPE_DATA) ? OID_DATA : OID_SIGNED_DATA);
    explicit0 = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, s->is_token && !lie_has(s, LIE_VERSION_1) ? 3 : 1);
    set = der_open(w, DER_SET);
    digest_put_algorithm(w, lie_digest(s), true);
    der_close(w, set);
    lie_put_content(w, s);
    if (!lie_has(s, LIE_NO_CERTS)) {
        lie_put_certs(w, s);
    }
    set = der_open(w, DER_SET);
    for (int i = lie_has(s, LIE_NO_SIGNER) ? 0 : lie_has(s, LIE_TWO_SIGNERS) ? 2 : 1; i > 0; i--) {
        lie_put_signer(w, s);
    }
    der_close(w, set);
    if (lie_has(s, LIE_TRAILING_SIGNED)) {
        der_put_null(w);
    }
    der_close(w, data);
    der_close(w, explicit0);
    der_close(w, info);
    MAKE_CERT_MUST(wbuf_rc(w) == RC_OK);
}

#endif
