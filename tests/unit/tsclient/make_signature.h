/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures with throw-away keys: SpcIndirectData (or another content, a catalog's list say) in a PKCS #7 SignedData, with unsigned
 * attributes as a test wants them. Written from the format's description by the writer of tsa/wire, not by what is under test.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_SIGNATURE_H
#define TESTS_UNIT_TSCLIENT_MAKE_SIGNATURE_H

#include "tests/unit/tsclient/make_cert.h"
#include "tsa/wire/cms.h"

struct make_signature {
    const struct made_cert *signer;
    const struct bytes *certs; /* the set, DER each */
    size_t num_certs;
    struct bytes file_digest;    /* SHA-256; of SpcIndirectData */
    enum oid content_type;       /* OID_NONE: SpcIndirectData */
    struct bytes content;        /* else this, one element with tag */
    bool detached;               /* signed, not put in; all octets of content count */
    struct bytes unsigned_attrs; /* Attributes one after the other; empty: no [1] */
};

/* One Attribute with one value. */
static inline void make_attribute(struct wbuf *w, enum oid type, struct bytes value)
{
    size_t sequence = der_open(w, DER_SEQUENCE), set;

    oid_put(w, type);
    set = der_open(w, DER_SET);
    wbuf_put(w, value);
    der_close(w, set);
    der_close(w, sequence);
}

/* SpcIndirectDataContent with its SEQUENCE. */
static inline void make_indirect(struct wbuf *w, struct bytes file_digest)
{
    /* SpcPeImageData { flags, [0] link to [2] file [0] "<<<Obsolete>>>" in UTF-16 } as every signer writes it. */
    static const char image_data[] = "\x30\x25\x03\x01\x00\xa0\x20\xa2\x1e\x80\x1c"
                                     "\0<\0<\0<\0O\0b\0s\0o\0l\0e\0t\0e\0>\0>\0>";
    size_t all = der_open(w, DER_SEQUENCE), part = der_open(w, DER_SEQUENCE);

    oid_put(w, OID_SPC_PE_IMAGE_DATA);
    wbuf_put(w, bytes_of(image_data, sizeof image_data - 1));
    der_close(w, part);
    part = der_open(w, DER_SEQUENCE);
    digest_put_algorithm(w, DIGEST_SHA256, true);
    der_put(w, DER_OCTET_STRING_TAG, file_digest);
    der_close(w, part);
    der_close(w, all);
}

static inline void make_oid_attribute(struct wbuf *w, enum oid type, enum oid value)
{
    uint8_t storage[32];
    struct wbuf oid;

    wbuf_init_fixed(&oid, storage, sizeof storage);
    oid_put(&oid, value);
    make_attribute(w, type, wbuf_bytes(&oid));
}

/* The contents of the signed attributes: contentType, messageDigest. */
static inline void make_signed_attributes(struct wbuf *w, enum oid type, struct bytes content)
{
    uint8_t digest[DIGEST_MAX], storage[64];
    struct wbuf value;

    MAKE_CERT_MUST(digest_compute(DIGEST_SHA256, &content, 1, digest) == RC_OK);
    wbuf_init_fixed(&value, storage, sizeof storage);
    der_put(&value, DER_OCTET_STRING_TAG, bytes_of(digest, 32));
    make_oid_attribute(w, OID_CONTENT_TYPE, type);
    make_attribute(w, OID_MESSAGE_DIGEST, wbuf_bytes(&value));
}

static inline enum oid make_content_type(const struct make_signature *m)
{
    return m->content_type == OID_NONE ? OID_SPC_INDIRECT_DATA : m->content_type;
}

static inline void make_signer_info(struct wbuf *w, const struct make_signature *m, struct bytes content)
{
    size_t mark = der_open(w, DER_SEQUENCE), set;
    uint8_t digest[DIGEST_MAX];
    struct wbuf attrs, whole;
    struct bytes to_sign;
    struct cert cert;

    wbuf_init(&attrs, 4096);
    wbuf_init(&whole, 4096);
    MAKE_CERT_MUST(cert_parse(made_cert_der(m->signer), &cert) == RC_OK);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    cert_put_issuer_and_serial(w, &cert);
    digest_put_algorithm(w, DIGEST_SHA256, true);
    make_signed_attributes(&attrs, make_content_type(m), content);
    der_put(w, DER_CONTEXT_CONSTRUCTED(0), wbuf_bytes(&attrs));
    der_put(&whole, DER_SET, wbuf_bytes(&attrs));
    to_sign = wbuf_bytes(&whole);
    MAKE_CERT_MUST(digest_compute(DIGEST_SHA256, &to_sign, 1, digest) == RC_OK);
    set = der_open(w, DER_SEQUENCE);
    oid_put(w, cert.key_type == OID_RSA ? OID_RSA : OID_ECDSA_SHA256);
    if (cert.key_type == OID_RSA) {
        der_put_null(w);
    }
    der_close(w, set);
    set = der_open(w, DER_OCTET_STRING_TAG);
    MAKE_CERT_MUST(made_cert_sign(m->signer->key, bytes_of(digest, 32), w) == RC_OK);
    der_close(w, set);
    if (m->unsigned_attrs.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(1), m->unsigned_attrs);
    }
    der_close(w, mark);
    wbuf_clear(&attrs);
    wbuf_clear(&whole);
}

static inline void make_certificates(struct wbuf *w, const struct make_signature *m)
{
    size_t mark = der_open(w, DER_CONTEXT_CONSTRUCTED(0));

    for (size_t i = 0; i < m->num_certs; i++) {
        wbuf_put(w, m->certs[i]);
    }
    der_close(w, mark);
}

/* Appends ContentInfo { SignedData } to w. */
static inline void make_signature(struct wbuf *w, const struct make_signature *m)
{
    size_t info = der_open(w, DER_SEQUENCE), explicit0, data, part, inner;
    struct wbuf content;
    struct bytes contents;
    struct der d;

    wbuf_init(&content, m->content.len + 4096);
    if (m->content_type == OID_NONE) {
        make_indirect(&content, m->file_digest);
    } else {
        wbuf_put(&content, m->content);
    }
    contents = wbuf_bytes(&content);
    if (!m->detached) {
        der_init(&d, contents, DER_STRICT);
        contents = der_get(&d, 0);
    }
    oid_put(w, OID_SIGNED_DATA);
    explicit0 = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    part = der_open(w, DER_SET);
    digest_put_algorithm(w, DIGEST_SHA256, true);
    der_close(w, part);
    part = der_open(w, DER_SEQUENCE);
    oid_put(w, make_content_type(m));
    if (!m->detached) {
        inner = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
        wbuf_put(w, wbuf_bytes(&content));
        der_close(w, inner);
    }
    der_close(w, part);
    if (m->num_certs > 0) {
        make_certificates(w, m);
    }
    part = der_open(w, DER_SET);
    make_signer_info(w, m, contents);
    der_close(w, part);
    der_close(w, data);
    der_close(w, explicit0);
    der_close(w, info);
    wbuf_clear(&content);
    MAKE_CERT_MUST(wbuf_rc(w) == RC_OK);
}

#endif
