/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData of a few octets, for tests that ask what stands where: certificates without keys, SignerInfos without signatures.
 * "t<u" is the certificate of t that u issued; it is written into a set as such, and named by a signer as such. An issuer followed by
 * "!" is written as another string type and in capitals: the same name in other octets.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_TINY_H
#define TESTS_UNIT_TSCLIENT_MAKE_TINY_H

#include "tsa/wire/cms.h"

static inline void tiny_name(struct wbuf *w, char letter, bool other_form)
{
    const char text = other_form ? (char)(letter - 'a' + 'A') : letter;
    size_t name = der_open(w, DER_SEQUENCE), set = der_open(w, DER_SET),
           attribute = der_open(w, DER_SEQUENCE);

    oid_put(w, OID_AT_COMMON_NAME);
    der_put(w, other_form ? DER_UTF8_STRING_TAG : DER_PRINTABLE_STRING_TAG, bytes_of(&text, 1));
    der_close(w, attribute);
    der_close(w, set);
    der_close(w, name);
}

static inline void tiny_algorithm(struct wbuf *w, enum oid oid)
{
    size_t mark = der_open(w, DER_SEQUENCE);

    oid_put(w, oid);
    der_close(w, mark);
}

/* One certificate, "t<u". Its serial number is the subject's letter. */
static inline void tiny_cert(struct wbuf *w, const char *text)
{
    size_t cert = der_open(w, DER_SEQUENCE), tbs = der_open(w, DER_SEQUENCE), part;

    der_put_uint(w, DER_INTEGER_TAG, (unsigned char)text[0]);
    tiny_algorithm(w, OID_RSA_SHA256);
    tiny_name(w, text[2], text[3] == '!');
    part = der_open(w, DER_SEQUENCE);
    der_put(w, DER_UTC_TIME_TAG, bytes_str("200101000000Z"));
    der_put(w, DER_UTC_TIME_TAG, bytes_str("400101000000Z"));
    der_close(w, part);
    tiny_name(w, text[0], false);
    part = der_open(w, DER_SEQUENCE);
    tiny_algorithm(w, OID_RSA);
    der_put(w, DER_BIT_STRING_TAG, bytes_of("\0", 1));
    der_close(w, part);
    der_close(w, tbs);
    tiny_algorithm(w, OID_RSA_SHA256);
    der_put(w, DER_BIT_STRING_TAG, bytes_of("\0", 1));
    der_close(w, cert);
}

/* The next of "s<a a<r": where it ends; NULL behind the last. "@" stands for an attribute certificate, "?" for what is no certificate. */
static inline const char *tiny_set_next(struct wbuf *w, const char *text)
{
    while (*text == ' ') {
        text++;
    }
    if (*text == '\0') {
        return NULL;
    }
    if (*text == '@') {
        der_put(w, DER_CONTEXT_CONSTRUCTED(2), BYTES_NONE);
        return text + 1;
    }
    if (*text == '?') {
        der_put(w, DER_SEQUENCE, BYTES_NONE);
        return text + 1;
    }
    tiny_cert(w, text);
    return text + (text[3] == '!' ? 4 : 3);
}

/* Contents of a CertificateSet. */
static inline void tiny_set(struct wbuf *w, const char *text)
{
    while (text) {
        text = tiny_set_next(w, text);
    }
}

/* One Attribute with these values. */
static inline void tiny_attribute(struct wbuf *w, enum oid type, struct bytes values)
{
    size_t sequence = der_open(w, DER_SEQUENCE);

    oid_put(w, type);
    der_put(w, DER_SET, values);
    der_close(w, sequence);
}

/* Signed attributes that nobody signed. */
static inline void tiny_signed_attributes(struct wbuf *w)
{
    size_t mark = der_open(w, DER_CONTEXT_CONSTRUCTED(0));

    tiny_attribute(w, OID_SIGNING_TIME, bytes_of("\x17\x00", 2));
    tiny_attribute(w, OID_MESSAGE_DIGEST, bytes_of("\x04\x00", 2));
    der_close(w, mark);
}

/* A SignerInfo named "s<a"; unsigned_attrs are Attributes one after the other. */
static inline void tiny_signer(struct wbuf *w, const char *text, struct bytes unsigned_attrs)
{
    size_t info = der_open(w, DER_SEQUENCE), part;

    der_put_uint(w, DER_INTEGER_TAG, 1);
    part = der_open(w, DER_SEQUENCE);
    tiny_name(w, text[2], text[3] == '!');
    der_put_uint(w, DER_INTEGER_TAG, (unsigned char)text[0]);
    der_close(w, part);
    tiny_algorithm(w, OID_SHA256);
    tiny_signed_attributes(w);
    tiny_algorithm(w, OID_RSA);
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(text, 3));
    if (unsigned_attrs.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(1), unsigned_attrs);
    }
    der_close(w, info);
}

struct tiny {
    enum oid content_type;
    const char *certs;    /* as tiny_set takes them; NULL: no set at all */
    struct bytes signers; /* contents of the SET */
};

/* Appends ContentInfo { SignedData }, with some content. */
static inline void tiny_signed_data(struct wbuf *w, const struct tiny *t)
{
    size_t all = der_open(w, DER_SEQUENCE), outer, data, part;

    oid_put(w, OID_SIGNED_DATA);
    outer = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    der_put(w, DER_SET, BYTES_NONE);
    part = der_open(w, DER_SEQUENCE);
    oid_put(w, t->content_type);
    der_put(w, DER_CONTEXT_CONSTRUCTED(0), bytes_of("\x30\x02\x05\x00", 4));
    der_close(w, part);
    if (t->certs) {
        part = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
        tiny_set(w, t->certs);
        der_close(w, part);
    }
    der_put(w, DER_SET, t->signers);
    der_close(w, data);
    der_close(w, outer);
    der_close(w, all);
}

/* One signer. */
static inline void tiny_signature(struct wbuf *w, enum oid content_type, const char *certs,
                                  struct bytes unsigned_attrs)
{
    struct wbuf signer;

    wbuf_init(&signer, SIZE_MAX);
    tiny_signer(&signer, "s<a", unsigned_attrs);
    tiny_signed_data(w, &(struct tiny){content_type, certs, wbuf_bytes(&signer)});
    wbuf_clear(&signer);
}

#endif
