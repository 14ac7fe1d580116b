/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a SignedData with one SignerInfo (RFC 5652 5). What does not change between two signatures of a key is encoded once in a
 * profile; the signature is made before the first octet is written, so that every length is known and the whole is written in
 * one pass. Nothing is fetched from libcrypto and nothing is allocated but the output's own storage.
 */
#include "tsa/wire/cms.h"

#include <assert.h>
#include <string.h>

#define PROFILE_LIMIT  (256 * 1024)
#define SIGNATURE_ROOM 2048 /* RSA of 16384 bits */
#define ATTRS_ROOM     4096
#define ATTR_ROOM      128 /* contentType or messageDigest */
#define VERSION_LEN    3

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

/* ---- pen: writes what was measured before, so that room is asked for once ---- */

struct pen {
    uint8_t *at, *end;
    bool short_of_room;
};

static void pen_put(struct pen *pen, struct bytes b)
{
    if (b.len > (size_t)(pen->end - pen->at)) {
        pen->short_of_room = true;
    } else if (b.len > 0) {
        memcpy(pen->at, b.data, b.len);
        pen->at += b.len;
    }
}

static void pen_header(struct pen *pen, uint8_t tag, size_t len)
{
    size_t header_len = der_header_len(len);

    if (header_len > (size_t)(pen->end - pen->at)) {
        pen->short_of_room = true;
        return;
    }
    *pen->at++ = tag;
    if (header_len > 2) {
        *pen->at++ = (uint8_t)(0x80 | (header_len - 2));
    }
    for (size_t num = header_len > 2 ? header_len - 2 : 1; num > 0; num--) {
        *pen->at++ = (uint8_t)(len >> 8 * (num - 1));
    }
}

static void pen_tlv(struct pen *pen, uint8_t tag, struct bytes contents)
{
    pen_header(pen, tag, contents.len);
    pen_put(pen, contents);
}

static void pen_oid(struct pen *pen, enum oid oid)
{
    pen_tlv(pen, DER_OID_TAG, oid_bytes(oid));
}

static void pen_version(struct pen *pen, uint64_t version)
{
    uint8_t octet = (uint8_t)version;

    pen_tlv(pen, DER_INTEGER_TAG, bytes_of(&octet, VERSION_LEN - 2));
}

/* Whether exactly what was measured has been written. */
static bool pen_is_done(const struct pen *pen)
{
    return !pen->short_of_room && pen->at == pen->end;
}

static size_t tlv_len(size_t contents_len)
{
    return der_header_len(contents_len) + contents_len;
}

static size_t oid_tlv_len(enum oid oid)
{
    return tlv_len(oid_bytes(oid).len);
}

/* ---- signed attributes ---- */

static enum rc hash(const struct cms_build *build, struct bytes in, uint8_t out[DIGEST_MAX])
{
    EVP_MD_CTX *ctx = build->md_ctx;
    const EVP_MD *md = build->profile->md;
    bool good;

    if (ctx) {
        good = EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, in.data, in.len) == 1 &&
               EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    } else {
        good = EVP_Digest(in.data, in.len, out, NULL, md, NULL) == 1;
    }
    return good ? RC_OK : RC_CRYPTO;
}

/* Writes an Attribute with one value into room; empty where it does not fit. */
static struct bytes make_attr(uint8_t room[ATTR_ROOM], enum oid type, uint8_t tag, struct bytes value)
{
    size_t value_len = tlv_len(value.len);
    size_t attr_len = oid_tlv_len(type) + tlv_len(value_len);
    struct pen pen = {.at = room, .end = room + ATTR_ROOM};

    pen_header(&pen, DER_SEQUENCE, attr_len);
    pen_oid(&pen, type);
    pen_header(&pen, DER_SET, value_len);
    pen_tlv(&pen, tag, value);
    return pen.short_of_room ? BYTES_NONE : bytes_of(room, (size_t)(pen.at - room));
}

/* The attributes as a SET OF, in which form they are hashed. */
static enum rc put_signed_attrs(struct wbuf *w, const struct cms_build *build)
{
    uint8_t digest[DIGEST_MAX], type_room[ATTR_ROOM], digest_room[ATTR_ROOM];
    struct bytes items[CMS_MAX_ATTRS + 2];
    size_t num = build->num_attrs;
    enum rc rc = hash(build, build->content, digest);

    if (rc != RC_OK) {
        return rc;
    }
    if (num > CMS_MAX_ATTRS) {
        return RC_TOO_LARGE;
    }
    for (size_t i = 0; i < num; i++) {
        items[i] = build->attrs[i];
    }
    items[num++] = make_attr(type_room, OID_CONTENT_TYPE, DER_OID_TAG, oid_bytes(build->content_type));
    items[num++] = make_attr(digest_room, OID_MESSAGE_DIGEST, DER_OCTET_STRING_TAG,
                             bytes_of(digest, digest_len(build->profile->digest)));
    der_put_set_of(w, DER_SET, items, num);
    return wbuf_rc(w);
}

static enum rc sign(struct wbuf *signature, const struct cms_build *build, struct bytes attrs)
{
    uint8_t digest[DIGEST_MAX];
    enum rc rc = hash(build, attrs, digest);

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

static void pen_signer(struct pen *pen, const struct cms_profile *p, struct bytes attrs,
                       struct bytes signature)
{
    static const uint8_t attrs_tag = DER_CONTEXT_CONSTRUCTED(0);

    pen_version(pen, 1);
    pen_put(pen, p->signer_id);
    pen_put(pen, p->digest_alg);
    pen_put(pen, bytes_of(&attrs_tag, 1)); /* IMPLICIT here, SET OF where it is hashed (RFC 5652 5.4) */
    pen_put(pen, bytes_of(attrs.data + 1, attrs.len - 1));
    pen_put(pen, p->signature_alg);
    pen_tlv(pen, DER_OCTET_STRING_TAG, signature);
}

static void pen_whole(struct pen *pen, const struct lengths *l, const struct cms_build *build)
{
    const struct cms_profile *p = build->profile;

    pen_header(pen, DER_SEQUENCE, l->whole);
    pen_oid(pen, OID_SIGNED_DATA);
    pen_header(pen, DER_CONTEXT_CONSTRUCTED(0), tlv_len(l->signed_data));
    pen_header(pen, DER_SEQUENCE, l->signed_data);
    pen_version(pen, build->version);
    pen_tlv(pen, DER_SET, p->digest_alg);
    pen_header(pen, DER_SEQUENCE, l->info);
    pen_oid(pen, build->content_type);
    pen_header(pen, DER_CONTEXT_CONSTRUCTED(0), l->octets);
    pen_tlv(pen, DER_OCTET_STRING_TAG, build->content);
    if (build->with_certificates) {
        pen_tlv(pen, DER_CONTEXT_CONSTRUCTED(0), p->certificates);
    }
    pen_header(pen, DER_SET, tlv_len(l->signer));
    pen_header(pen, DER_SEQUENCE, l->signer);
}

static void put_whole(struct wbuf *out, const struct cms_build *build, struct bytes attrs,
                      struct bytes signature)
{
    struct lengths l;
    struct pen pen;

    measure(&l, build, attrs, signature);
    pen.at = wbuf_reserve(out, tlv_len(l.whole));
    if (!pen.at) {
        return;
    }
    pen.end = pen.at + tlv_len(l.whole);
    pen.short_of_room = false;
    pen_whole(&pen, &l, build);
    pen_signer(&pen, build->profile, attrs, signature);
    assert(pen_is_done(&pen));
    if (!pen_is_done(&pen)) { /* measured wrongly: never hand out a token with a hole in it */
        wbuf_fail(out, RC_CRYPTO);
    }
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
