/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a SignedData with one SignerInfo (RFC 5652 5). What does not change between two signatures of a key is encoded once in a
 * profile; the signature is made before the first octet is written, so that every length is known and the whole is written in
 * one pass. Nothing is fetched from libcrypto and nothing is allocated but the output's own storage.
 */
#include "tsa/wire/cms.h"


#define PROFILE_LIMIT  (256 * 1024)
#define SIGNATURE_ROOM 2048 /* RSA of 16384 bits */
#define ATTRS_ROOM     4096
#define ATTR_ROOM      128 /* contentType or messageDigest */

/* ---- profile ---- */

static const struct {
    enum oid key;
    enum digest digest;
    enum oid oid;
    bool with_null; /* RFC 3370 3.2, RFC 5754 3.3 */
} signature_algs[] = {
    {OID_RSA, DIGEST_SHA1, OID_RSA, true},
    {OID_RSA, DIGEST_SHA256, OID_RSA, true},
    {OID_RSA, DIGEST_SHA384, OID_RSA, true},
    {OID_RSA, DIGEST_SHA512, OID_RSA, true},
    {OID_EC_PUBLIC_KEY, DIGEST_SHA1, OID_ECDSA_SHA1, false},
    {OID_EC_PUBLIC_KEY, DIGEST_SHA256, OID_ECDSA_SHA256, false},
    {OID_EC_PUBLIC_KEY, DIGEST_SHA384, OID_ECDSA_SHA384, false},
    {OID_EC_PUBLIC_KEY, DIGEST_SHA512, OID_ECDSA_SHA512, false},
};

static void put_signature_alg(struct wbuf *w, const struct cert *cert, enum digest digest)
{
    size_t mark;

    for (size_t i = 0; i < sizeof signature_algs / sizeof *signature_algs; i++) {
        if (signature_algs[i].key != cert->key_type || signature_algs[i].digest != digest) {
            continue;
        }
        mark = der_open(w, DER_SEQUENCE);
        oid_put(w, signature_algs[i].oid);
        if (signature_algs[i].with_null) {
            der_put_null(w);
        }
        der_close(w, mark);
        return;
    }
    wbuf_fail(w, RC_CMS_SIGNATURE_ALG);
}

/* The certificate is named by SHA-256 whatever the signer's digest is (RFC 5816 2.2.1). */
static void put_ess(struct wbuf *w, const struct cert *cert)
{
    size_t attr = der_open(w, DER_SEQUENCE);
    size_t values;
    enum rc rc;

    oid_put(w, OID_SIGNING_CERTIFICATE_V2);
    values = der_open(w, DER_SET);
    rc = cert_put_ess_v2(w, cert, DIGEST_SHA256);
    if (rc != RC_OK) {
        wbuf_fail(w, rc);
    }
    der_close(w, values);
    der_close(w, attr);
}

/* The storage moves while it grows, so views are taken when all is written. */
enum part {
    PART_SIGNER_ID,
    PART_DIGEST_ALG,
    PART_SIGNATURE_ALG,
    PART_ESS,
    PART_CERTIFICATES,
    PART_NUM
};

static void put_part(struct cms_profile *p, enum part part, const struct cert *cert,
                     const struct bytes *chain, size_t num)
{
    struct wbuf *w = &p->storage;

    switch (part) {
    case PART_SIGNER_ID:
        cert_put_issuer_and_serial(w, cert);
        break;
    case PART_DIGEST_ALG:
        digest_put_algorithm(w, p->digest, true);
        break;
    case PART_SIGNATURE_ALG:
        put_signature_alg(w, cert, p->digest);
        break;
    case PART_ESS:
        put_ess(w, cert);
        break;
    default:
        for (size_t i = 0; i < num; i++) {
            wbuf_put(w, chain[i]);
        }
    }
}

enum rc cms_profile_init(struct cms_profile *p, const struct bytes *chain, size_t num, enum digest digest)
{
    struct bytes *views[PART_NUM] = {&p->signer_id, &p->digest_alg, &p->signature_alg, &p->ess,
                                     &p->certificates};
    size_t end[PART_NUM], start = 0;
    struct cert cert;
    enum rc rc;

    *p = (struct cms_profile){.digest = digest};
    if (num == 0) {
        return RC_CERT_NOT_FOUND;
    }
    rc = cert_parse(chain[0], &cert);
    if (rc != RC_OK) {
        return rc;
    }
    wbuf_init(&p->storage, PROFILE_LIMIT);
    for (int part = 0; part < PART_NUM; part++) {
        put_part(p, (enum part)part, &cert, chain, num);
        end[part] = p->storage.len;
    }
    rc = wbuf_rc(&p->storage);
    if (rc == RC_OK && !(p->md = EVP_MD_fetch(NULL, digest_name(digest), NULL))) {
        rc = RC_CRYPTO;
    }
    if (rc != RC_OK) {
        cms_profile_clear(p);
        return rc;
    }
    for (int part = 0; part < PART_NUM; start = end[part++]) {
        *views[part] = bytes_of(p->storage.data + start, end[part] - start);
    }
    return RC_OK;
}

void cms_profile_clear(struct cms_profile *p)
{
    wbuf_clear(&p->storage);
    EVP_MD_free(p->md);
    *p = (struct cms_profile){0};
}

/* ---- signed attributes ---- */

static enum rc hash(const struct cms_profile *p, struct bytes in, uint8_t out[DIGEST_MAX])
{
    return EVP_Digest(in.data, in.len, out, NULL, p->md, NULL) == 1 ? RC_OK : RC_CRYPTO;
}

static void put_attr(struct wbuf *w, enum oid type, uint8_t tag, struct bytes value)
{
    size_t attr = der_open(w, DER_SEQUENCE);
    size_t values;

    oid_put(w, type);
    values = der_open(w, DER_SET);
    der_put(w, tag, value);
    der_close(w, values);
    der_close(w, attr);
}

/* The attributes as a SET OF, in which form they are hashed. */
static enum rc put_signed_attrs(struct wbuf *w, const struct cms_build *build)
{
    uint8_t digest[DIGEST_MAX], type_room[ATTR_ROOM], digest_room[ATTR_ROOM];
    struct bytes items[CMS_MAX_ATTRS + 2];
    struct wbuf type_attr, digest_attr;
    enum rc rc = hash(build->profile, build->content, digest);

    if (rc != RC_OK) {
        return rc;
    }
    if (build->num_attrs > CMS_MAX_ATTRS) {
        return RC_TOO_LARGE;
    }
    wbuf_init_fixed(&type_attr, type_room, sizeof type_room);
    put_attr(&type_attr, OID_CONTENT_TYPE, DER_OID_TAG, oid_bytes(build->content_type));
    wbuf_init_fixed(&digest_attr, digest_room, sizeof digest_room);
    put_attr(&digest_attr, OID_MESSAGE_DIGEST, DER_OCTET_STRING_TAG,
             bytes_of(digest, digest_len(build->profile->digest)));
    for (size_t i = 0; i < build->num_attrs; i++) {
        items[i] = build->attrs[i];
    }
    items[build->num_attrs] = wbuf_bytes(&type_attr);
    items[build->num_attrs + 1] = wbuf_bytes(&digest_attr);
    der_put_set_of(w, DER_SET, items, build->num_attrs + 2);
    return wbuf_rc(w);
}

static enum rc sign(struct wbuf *signature, const struct cms_build *build, struct bytes attrs)
{
    uint8_t digest[DIGEST_MAX];
    enum rc rc = hash(build->profile, attrs, digest);

    if (rc == RC_OK) {
        rc = build->sign(build->sign_arg, bytes_of(digest, digest_len(build->profile->digest)), signature);
    }
    if (rc == RC_OK) {
        rc = wbuf_rc(signature);
    }
    return rc == RC_OK && signature->len == 0 ? RC_SIGNER_FAILED : rc;
}

/* ---- the whole, from the outside to the inside ---- */

struct lengths { /* of contents */
    size_t signer, certificates, octets, info, signed_data, whole;
};

#define VERSION_LEN 3

static size_t tlv_len(size_t contents_len)
{
    return der_header_len(contents_len) + contents_len;
}

static size_t oid_tlv_len(enum oid oid)
{
    return tlv_len(oid_bytes(oid).len);
}

static void measure(struct lengths *l, const struct cms_build *build, struct bytes attrs,
                    struct bytes signature)
{
    const struct cms_profile *p = build->profile;

    l->signer = VERSION_LEN + p->signer_id.len + p->digest_alg.len + attrs.len + p->signature_alg.len +
                tlv_len(signature.len);
    l->certificates = build->with_certificates ? tlv_len(p->certificates.len) : 0;
    l->octets = tlv_len(build->content.len);
    l->info = oid_tlv_len(build->content_type) + tlv_len(l->octets);
    l->signed_data = VERSION_LEN + tlv_len(p->digest_alg.len) + tlv_len(l->info) + l->certificates +
                     tlv_len(tlv_len(l->signer));
    l->whole = oid_tlv_len(OID_SIGNED_DATA) + tlv_len(tlv_len(l->signed_data));
}

static void put_header(struct wbuf *w, uint8_t tag, size_t len)
{
    size_t num = der_header_len(len) - 2;

    wbuf_put_u8(w, tag);
    wbuf_put_u8(w, num ? (uint8_t)(0x80 | num) : (uint8_t)len);
    while (num > 0) {
        wbuf_put_u8(w, (uint8_t)(len >> 8 * --num));
    }
}

static void put_signer(struct wbuf *w, const struct cms_profile *p, struct bytes attrs,
                       struct bytes signature)
{
    der_put_uint(w, DER_INTEGER_TAG, 1);
    wbuf_put(w, p->signer_id);
    wbuf_put(w, p->digest_alg);
    wbuf_put_u8(w, DER_CONTEXT_CONSTRUCTED(0)); /* IMPLICIT here, SET OF where it is hashed (RFC 5652 5.4) */
    wbuf_put(w, bytes_of(attrs.data + 1, attrs.len - 1));
    wbuf_put(w, p->signature_alg);
    der_put(w, DER_OCTET_STRING_TAG, signature);
}

static void put_whole(struct wbuf *w, const struct cms_build *build, struct bytes attrs,
                      struct bytes signature)
{
    const struct cms_profile *p = build->profile;
    struct lengths l;

    measure(&l, build, attrs, signature);
    put_header(w, DER_SEQUENCE, l.whole);
    oid_put(w, OID_SIGNED_DATA);
    put_header(w, DER_CONTEXT_CONSTRUCTED(0), tlv_len(l.signed_data));
    put_header(w, DER_SEQUENCE, l.signed_data);
    der_put_uint(w, DER_INTEGER_TAG, build->version);
    der_put(w, DER_SET, p->digest_alg);
    put_header(w, DER_SEQUENCE, l.info);
    oid_put(w, build->content_type);
    put_header(w, DER_CONTEXT_CONSTRUCTED(0), l.octets);
    der_put(w, DER_OCTET_STRING_TAG, build->content);
    if (build->with_certificates) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(0), p->certificates);
    }
    put_header(w, DER_SET, tlv_len(l.signer));
    put_header(w, DER_SEQUENCE, l.signer);
    put_signer(w, p, attrs, signature);
}

enum rc cms_build(struct wbuf *out, const struct cms_build *build)
{
    uint8_t attrs_room[ATTRS_ROOM], signature_room[SIGNATURE_ROOM];
    struct wbuf attrs, signature;
    enum rc rc;

    wbuf_init_fixed(&attrs, attrs_room, sizeof attrs_room);
    wbuf_init_fixed(&signature, signature_room, sizeof signature_room);
    rc = put_signed_attrs(&attrs, build);
    if (rc == RC_OK) {
        rc = sign(&signature, build, wbuf_bytes(&attrs));
    }
    if (rc != RC_OK) {
        return rc;
    }
    put_whole(out, build, wbuf_bytes(&attrs), wbuf_bytes(&signature));
    return wbuf_rc(out);
}
