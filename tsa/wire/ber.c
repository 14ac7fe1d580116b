/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER into definite form, in one walk over the input. Strings in pieces are joined where the tag says that it is a string
 * (universal class); under an IMPLICIT context tag nobody can know, so that one stays as it is. Values are never judged or
 * changed, and the order of a SET stays. Nesting is limited as the reader limits it.
 */
#include "tsa/wire/ber.h"

#include "tsa/wire/der.h"

#define CONSTRUCTED 0x20

struct walk {
    struct bytes in;
    size_t at;
    struct wbuf *out;
    enum rc rc;
    bool indefinite; /* one was met */
};

struct element {
    uint8_t tag;
    bool indefinite;
    size_t end; /* of the contents; of what is around it where the length is indefinite */
};

static void fail(struct walk *w, enum rc rc)
{
    if (w->rc == RC_OK) {
        w->rc = rc;
    }
}

/* Moves to the contents of the next element, which lies before end. */
static struct element open_element(struct walk *w, size_t end, unsigned depth)
{
    struct bytes rest = bytes_slice(w->in, w->at, end - w->at, NULL);
    struct element e = {.end = end};
    size_t len;
    enum rc rc;

    if (depth > DER_MAX_DEPTH) {
        fail(w, RC_DER_DEPTH);
        return e;
    }
    e.tag = rest.len ? rest.data[0] : 0;
    e.indefinite = rest.len > 1 && rest.data[1] == 0x80 && e.tag & CONSTRUCTED && (e.tag & 0x1f) != 0x1f;
    if (e.indefinite) {
        w->indefinite = true;
        w->at += 2;
        return e;
    }
    rc = der_tlv_len(rest, &len);
    if (rc != RC_OK) {
        fail(w, rc);
        return e;
    }
    e.end = w->at + len;
    w->at += 2 + (rest.data[1] & 0x80 ? rest.data[1] & 0x7fu : 0u);
    return e;
}

/* Tells whether the element has one more inside; takes the end-of-contents octets (X.690 8.1.5) where it has not. */
static bool more(struct walk *w, const struct element *e)
{
    struct bytes rest = bytes_slice(w->in, w->at, e->end - w->at, NULL);

    if (w->rc != RC_OK) {
        return false;
    }
    if (e->indefinite && bytes_starts_with(rest, bytes_of("\0\0", 2))) {
        w->at += 2;
        return false;
    }
    return e->indefinite || rest.len > 0;
}

/* Universal tags that are strings or, as the two times, encoded like strings. */
static bool is_string(uint8_t tag)
{
    const uint32_t strings = 1u << 3 | 1u << 4 | 1u << 12 | 0x7fu << 18 | 0x3fu << 25;

    return tag < 0x40 && (strings >> (tag & 0x1f) & 1);
}

/* BOOLEAN, INTEGER, NULL, OBJECT IDENTIFIER, REAL and ENUMERATED have no constructed form, SEQUENCE and SET no other. */
static bool form_is_wrong(uint8_t tag)
{
    const uint32_t primitive = 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 9 | 1u << 10 | 1u << 13;
    const uint32_t constructed = 1u << 8 | 1u << 11 | 1u << 16 | 1u << 17;
    uint32_t wrong = tag & CONSTRUCTED ? primitive : constructed;

    return tag < 0x40 && (wrong >> (tag & 0x1f) & 1);
}

struct joined {
    uint8_t tag; /* of the whole, primitive */
    size_t unused_at;
    bool last_met; /* a piece of a BIT STRING that ends within an octet must be the last */
};

static void join_piece(struct walk *w, const struct element *piece, struct joined *whole)
{
    struct bytes contents = bytes_slice(w->in, w->at, piece->end - w->at, NULL);

    w->at = piece->end;
    if (whole->tag != DER_BIT_STRING_TAG) {
        wbuf_put(w->out, contents);
        return;
    }
    if (contents.len == 0 || contents.data[0] > 7 || (contents.len == 1 && contents.data[0] > 0) ||
        whole->last_met) {
        fail(w, RC_DER_BIT_STRING);
        return;
    }
    whole->last_met = contents.data[0] != 0;
    wbuf_put(w->out, bytes_of(contents.data + 1, contents.len - 1));
    if (wbuf_rc(w->out) == RC_OK) {
        w->out->data[whole->unused_at] = contents.data[0];
    }
}

/* Pieces may be in pieces themselves. Those of a character string are OCTET STRINGs (X.690 8.23.6) or bear its own tag. */
static void join_pieces(struct walk *w, const struct element *e, struct joined *whole, unsigned depth)
{
    while (more(w, e)) {
        struct element piece = open_element(w, e->end, depth);
        uint8_t tag = piece.tag & (uint8_t)~CONSTRUCTED;

        if (w->rc != RC_OK) {
            return;
        }
        if (tag != whole->tag && (tag != DER_OCTET_STRING_TAG || whole->tag == DER_BIT_STRING_TAG)) {
            fail(w, RC_DER_TAG);
        } else if (piece.tag & CONSTRUCTED) {
            join_pieces(w, &piece, whole, depth + 1);
        } else {
            join_piece(w, &piece, whole);
        }
    }
}

static void copy_string(struct walk *w, const struct element *e, unsigned depth)
{
    struct joined whole = {.tag = e->tag & (uint8_t)~CONSTRUCTED};
    size_t mark = der_open(w->out, whole.tag);

    if (whole.tag == DER_BIT_STRING_TAG) {
        whole.unused_at = mark;
        wbuf_put_u8(w->out, 0);
    }
    join_pieces(w, e, &whole, depth + 1);
    der_close(w->out, mark);
}

static void copy_element(struct walk *w, size_t end, unsigned depth)
{
    struct element e = open_element(w, end, depth);
    size_t mark;

    if (w->rc == RC_OK && form_is_wrong(e.tag)) {
        fail(w, RC_DER_TAG);
    }
    if (w->rc != RC_OK) {
        return;
    }
    if (is_string(e.tag) && e.tag & CONSTRUCTED) {
        copy_string(w, &e, depth);
        return;
    }
    if (!(e.tag & CONSTRUCTED)) {
        der_put(w->out, e.tag, bytes_slice(w->in, w->at, e.end - w->at, NULL));
        w->at = e.end;
        return;
    }
    mark = der_open(w->out, e.tag);
    while (more(w, &e)) {
        copy_element(w, e.end, depth + 1);
    }
    der_close(w->out, mark);
}

static bool starts_indefinite(struct bytes b)
{
    return b.len > 1 && b.data[1] == 0x80 && b.data[0] & CONSTRUCTED && (b.data[0] & 0x1f) != 0x1f;
}

/* An element of definite length is stepped over whole, so that nothing but the number of open elements need be kept. */
enum rc ber_tlv_len(struct bytes b, size_t *out_len)
{
    struct bytes rest = b;
    size_t num_open = 0, len;
    enum rc rc = RC_OK;

    *out_len = 0;
    do {
        len = 2;
        if (num_open > 0 && bytes_starts_with(rest, bytes_of("\0\0", 2))) {
            num_open--;
        } else if (starts_indefinite(rest)) {
            rc = num_open++ == BER_MAX_DEPTH ? RC_DER_DEPTH : RC_OK;
        } else {
            rc = der_tlv_len(rest, &len);
        }
        rest = bytes_slice(rest, len, rest.len - len, NULL);
    } while (rc == RC_OK && num_open > 0);
    *out_len = rc == RC_OK ? b.len - rest.len : 0;
    return rc;
}

bool ber_is_indefinite(struct bytes in)
{
    struct walk w = {.in = in};
    struct wbuf nowhere;

    wbuf_init_fixed(&nowhere, NULL, 0);
    w.out = &nowhere;
    copy_element(&w, in.len, 1);
    return w.indefinite;
}

enum rc ber_normalise(struct bytes in, struct wbuf *out)
{
    struct walk w = {.in = in, .out = out};

    copy_element(&w, in.len, 1);
    if (w.rc == RC_OK && w.at != in.len) {
        fail(&w, RC_DER_TRAILING);
    }
    if (w.rc != RC_OK) {
        wbuf_fail(out, w.rc);
    }
    return wbuf_rc(out);
}
