/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData as a structure alone, for tests that ask where things stand: the SignerInfo is complete but signs nothing. And the
 * same octets in other encodings: with indefinite lengths, with long ones, as PEM.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_SIGNED_DATA_H
#define TESTS_UNIT_TSCLIENT_MAKE_SIGNED_DATA_H

#include "tsa/wire/base64.h"
#include "tsa/wire/der.h"
#include "tsa/wire/digest.h"
#include "tsa/wire/oid.h"

struct make_signed_data {
    enum oid content_type;
    struct bytes content;      /* what stands inside [0], with tag; empty: detached */
    struct bytes certificates; /* contents of the set; empty: none */
    size_t num_signers;
    struct bytes unsigned_attrs; /* contents of [1] of each; empty: none */
};

static inline void make_stand_in_signer(struct wbuf *w, struct bytes unsigned_attrs)
{
    static const uint8_t signature[48] = {0x5a, 0x5b, 0x5c};
    size_t info = der_open(w, DER_SEQUENCE), part;

    der_put_uint(w, DER_INTEGER_TAG, 1);
    part = der_open(w, DER_SEQUENCE);
    der_put(w, DER_SEQUENCE, BYTES_NONE);
    der_put_uint(w, DER_INTEGER_TAG, 77);
    der_close(w, part);
    digest_put_algorithm(w, DIGEST_SHA256, true);
    part = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_ECDSA_SHA256);
    der_close(w, part);
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(signature, sizeof signature));
    if (unsigned_attrs.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(1), unsigned_attrs);
    }
    der_close(w, info);
}

static inline void make_encapsulated(struct wbuf *w, const struct make_signed_data *m)
{
    size_t part = der_open(w, DER_SEQUENCE);

    oid_put(w, m->content_type);
    if (m->content.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(0), m->content);
    }
    der_close(w, part);
}

/* Appends ContentInfo { SignedData } in DER. */
static inline void make_signed_data(struct wbuf *w, const struct make_signed_data *m)
{
    size_t all = der_open(w, DER_SEQUENCE), outer, data, part;

    oid_put(w, OID_SIGNED_DATA);
    outer = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    part = der_open(w, DER_SET);
    if (m->num_signers > 0) {
        digest_put_algorithm(w, DIGEST_SHA256, true);
    }
    der_close(w, part);
    make_encapsulated(w, m);
    if (m->certificates.len > 0) {
        der_put(w, DER_CONTEXT_CONSTRUCTED(0), m->certificates);
    }
    part = der_open(w, DER_SET);
    for (size_t i = 0; i < m->num_signers; i++) {
        make_stand_in_signer(w, m->unsigned_attrs);
    }
    der_close(w, part);
    der_close(w, data);
    der_close(w, outer);
    der_close(w, all);
}

/* Appends the element tlv (DER) with every constructed length indefinite, or each length in the long form of four octets. */
static inline void make_ber(struct wbuf *w, struct bytes tlv, bool indefinite)
{
    struct bytes contents, child;
    size_t mark;
    struct der d;

    der_init(&d, tlv, DER_STRICT);
    contents = der_get(&d, 0);
    wbuf_put_u8(w, tlv.data[0]);
    mark = w->len;
    if (!indefinite) {
        wbuf_put(w, bytes_of("\x84\0\0\0\0", 5));
    } else if (tlv.data[0] & 0x20) {
        wbuf_put_u8(w, 0x80);
    } else {
        wbuf_put(w, bytes_of(tlv.data + 1, tlv.len - contents.len - 1));
    }
    if (!(tlv.data[0] & 0x20)) {
        wbuf_put(w, contents);
    } else {
        der_init(&d, contents, DER_STRICT);
        while (der_more(&d)) {
            child = der_get_tlv(&d, 0);
            make_ber(w, child, indefinite);
        }
        wbuf_put(w, bytes_of("\0\0", indefinite ? 2 : 0));
    }
    for (size_t i = 0; !indefinite && i < 4; i++) {
        w->data[mark + 1 + i] = (uint8_t)((w->len - mark - 5) >> (24 - 8 * i));
    }
}

struct make_pem {
    const char *label, *end; /* end of each line */
    size_t width;            /* 0: one line */
    const char *before, *after;
};

/* Appends octets as text. */
static inline void make_pem(struct wbuf *w, struct bytes octets, const struct make_pem *m)
{
    struct wbuf digits;
    size_t len;

    wbuf_init(&digits, octets.len * 2 + 4);
    base64_encode(&digits, octets);
    wbuf_printf(w, "%s-----BEGIN %s-----%s", m->before ? m->before : "", m->label, m->end);
    for (size_t at = 0; at < digits.len; at += len) {
        len = m->width > 0 && m->width < digits.len - at ? m->width : digits.len - at;
        wbuf_put(w, bytes_of(digits.data + at, len));
        wbuf_put_text(w, m->end);
    }
    wbuf_printf(w, "-----END %s-----%s", m->label, m->after ? m->after : m->end);
    wbuf_clear(&digits);
}

#endif
