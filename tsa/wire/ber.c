/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER into definite form, in two walks over the input: one adds up the lengths, one writes. Strings in pieces are joined where the
 * tag says that it is a string (universal class); under an IMPLICIT context tag nobody can know, so that one stays as it is. Values
 * are never judged or changed, and the order of a SET stays. Open elements stand on a stack of their own, not on the program's.
 */
#include "tsa/wire/ber.h"

#include <string.h>

#include "tsa/wire/der.h"

#define CONSTRUCTED 0x20

/* An open element. */
struct element {
    uint8_t tag;
    uint8_t
        whole; /* a string in pieces, or a piece of one that is in pieces itself: the primitive tag of the whole; else 0 */
    bool is_piece; /* of such a string: without a header in what is written */
    bool indefinite;
    size_t end;   /* of the contents; of what is around it where the length is indefinite */
    size_t len;   /* of the contents that are written, as far as they are known */
    size_t place; /* of that length among the lengths */
};

enum task {
    LOOK,    /* for an indefinite length; stop at the first */
    MEASURE, /* the lengths of all constructed elements */
    WRITE    /* with these lengths */
};

struct walk {
    enum task task;
    struct bytes in;
    size_t at;
    struct element open[BER_MAX_DEPTH];
    size_t depth;
    enum rc rc;
    bool indefinite;     /* one was met */
    struct wbuf lengths; /* size_t each, in the order in which the elements start */
    size_t lengths_at;
    struct wbuf *out;
    size_t
        unused_at; /* of the BIT STRING in pieces that is open: where the number of its unused bits stands */
    bool last_met; /* a piece of it that ends within an octet must be the last */
};

static void fail(struct walk *w, enum rc rc)
{
    if (w->rc == RC_OK) {
        w->rc = rc;
    }
}

static struct bytes rest_of(const struct walk *w)
{
    size_t end = w->depth > 0 ? w->open[w->depth - 1].end : w->in.len;

    return bytes_slice(w->in, w->at, end - w->at, NULL);
}

/* ---- tags ---- */

static bool starts_indefinite(struct bytes b)
{
    return b.len > 1 && b.data[1] == 0x80 && b.data[0] & CONSTRUCTED && (b.data[0] & 0x1f) != 0x1f;
}

static bool starts_with_end(struct bytes b)
{
    return b.len > 1 && b.data[0] == 0 && b.data[1] == 0;
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

/* Pieces of a character string are OCTET STRINGs (X.690 8.23.6) or bear its own tag. */
static bool is_piece_of(uint8_t tag, uint8_t whole)
{
    uint8_t primitive = tag & (uint8_t)~CONSTRUCTED;

    return primitive == whole || (primitive == DER_OCTET_STRING_TAG && whole != DER_BIT_STRING_TAG);
}

/* ---- what is written ---- */

static void put_header(struct wbuf *out, uint8_t tag, size_t len)
{
    size_t num = der_header_len(len) - 2;

    wbuf_put_u8(out, tag);
    wbuf_put_u8(out, num > 0 ? (uint8_t)(0x80 | num) : (uint8_t)len);
    for (size_t i = num; i > 0; i--) {
        wbuf_put_u8(out, (uint8_t)(len >> 8 * (i - 1)));
    }
}

/* Measuring, this keeps a place for the length of the element that starts; writing, it gives the length that was found. */
static size_t next_length(struct walk *w, size_t *out_place)
{
    size_t len = 0;

    *out_place = w->lengths_at;
    w->lengths_at += sizeof len;
    if (w->task == WRITE) {
        memcpy(&len, w->lengths.data + *out_place, sizeof len);
    } else {
        wbuf_put(&w->lengths, bytes_of(&len, sizeof len));
        fail(w, wbuf_rc(&w->lengths));
    }
    return len;
}

static void start_bit_string(struct walk *w, struct element *e)
{
    w->last_met = false;
    e->len = 1;
    if (w->task == WRITE) {
        w->unused_at = w->out->len;
        wbuf_put_u8(w->out, 0);
    }
}

static void start_element(struct walk *w, struct element *e)
{
    size_t len;

    if (e->is_piece || w->task == LOOK) {
        return;
    }
    len = next_length(w, &e->place);
    if (w->task == WRITE) {
        put_header(w->out, e->whole ? e->whole : e->tag, len);
    }
    if (e->whole == DER_BIT_STRING_TAG) {
        start_bit_string(w, e);
    }
}

/* Contents that stand in the open element, or the header and the contents of an element in it. */
static void add_len(struct walk *w, size_t len)
{
    if (w->depth > 0) {
        w->open[w->depth - 1].len += len;
    }
}

static void end_element(struct walk *w)
{
    struct element *e = &w->open[--w->depth];

    if (!e->is_piece && w->task == MEASURE) {
        memcpy(w->lengths.data + e->place, &e->len, sizeof e->len);
    }
    add_len(w, e->is_piece ? e->len : der_header_len(e->len) + e->len);
}

static void put_element(struct walk *w, uint8_t tag, struct bytes contents)
{
    add_len(w, der_header_len(contents.len) + contents.len);
    if (w->task == WRITE) {
        put_header(w->out, tag, contents.len);
        wbuf_put(w->out, contents);
    }
}

/* X.690 8.6.4: a piece of a BIT STRING tells its unused bits, and only the last may have some. */
static struct bytes join_bits(struct walk *w, struct bytes piece)
{
    if (piece.len == 0 || piece.data[0] > 7 || (piece.len == 1 && piece.data[0] > 0) || w->last_met) {
        fail(w, RC_DER_BIT_STRING);
        return BYTES_NONE;
    }
    w->last_met = piece.data[0] != 0;
    if (w->task == WRITE && wbuf_rc(w->out) == RC_OK) {
        w->out->data[w->unused_at] = piece.data[0];
    }
    return bytes_of(piece.data + 1, piece.len - 1);
}

static void put_piece(struct walk *w, uint8_t whole, struct bytes piece)
{
    if (whole == DER_BIT_STRING_TAG) {
        piece = join_bits(w, piece);
    }
    add_len(w, piece.len);
    if (w->task == WRITE) {
        wbuf_put(w->out, piece);
    }
}

/* ---- the walk ---- */

/* Reads tag and length of the next element and moves to its contents. */
static struct element read_header(struct walk *w)
{
    struct bytes rest = rest_of(w);
    struct element e = {.end = w->at + rest.len};
    size_t len;
    enum rc rc;

    e.tag = rest.len > 0 ? rest.data[0] : 0;
    e.indefinite = starts_indefinite(rest);
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

/* Whether the element may stand where it stands: whole is the string in pieces that is open, or 0. */
static void check_tag(struct walk *w, uint8_t tag, uint8_t whole)
{
    if (whole ? !is_piece_of(tag, whole) : form_is_wrong(tag)) {
        fail(w, RC_DER_TAG);
    }
}

static void open_element(struct walk *w, struct element *e, uint8_t whole)
{
    if (w->depth == BER_MAX_DEPTH) {
        fail(w, RC_DER_DEPTH);
        return;
    }
    e->is_piece = whole != 0;
    e->whole = whole ? whole : is_string(e->tag) ? e->tag & (uint8_t)~CONSTRUCTED : 0;
    start_element(w, e);
    w->open[w->depth++] = *e;
}

static void take_primitive(struct walk *w, const struct element *e, uint8_t whole)
{
    struct bytes contents = bytes_slice(w->in, w->at, e->end - w->at, NULL);

    w->at = e->end;
    if (whole) {
        put_piece(w, whole, contents);
    } else {
        put_element(w, e->tag, contents);
    }
}

static void take_element(struct walk *w)
{
    uint8_t whole = w->depth > 0 ? w->open[w->depth - 1].whole : 0;
    struct element e = read_header(w);

    if (w->rc == RC_OK) {
        check_tag(w, e.tag, whole);
    }
    if (w->rc != RC_OK) {
        return;
    }
    if (e.tag & CONSTRUCTED) {
        open_element(w, &e, whole);
    } else {
        take_primitive(w, &e, whole);
    }
}

/* Ends what ends here: at its length, or with end-of-contents octets (X.690 8.1.5). */
static void end_elements(struct walk *w)
{
    struct bytes rest;

    while (w->rc == RC_OK && w->depth > 0) {
        rest = rest_of(w);
        if (!w->open[w->depth - 1].indefinite) {
            if (rest.len > 0) {
                return;
            }
        } else if (starts_with_end(rest)) {
            w->at += 2;
        } else {
            return;
        }
        end_element(w);
    }
}

/* Takes one element, whatever follows it. */
static enum rc walk_element(struct walk *w, enum task task)
{
    w->task = task;
    w->at = w->lengths_at = 0;
    do {
        take_element(w);
        end_elements(w);
    } while (w->rc == RC_OK && w->depth > 0 && !(task == LOOK && w->indefinite));
    return w->rc;
}

/* ---- what is offered ---- */

/* An element of definite length is stepped over whole, so that nothing but the number of open elements need be kept. */
enum rc ber_tlv_len(struct bytes b, size_t *out_len)
{
    struct bytes rest = b;
    size_t num_open = 0, len;
    enum rc rc = RC_OK;

    *out_len = 0;
    do {
        len = 2;
        if (num_open > 0 && starts_with_end(rest)) {
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

    (void)walk_element(&w, LOOK);
    return w.indefinite;
}

enum rc ber_normalise(struct bytes in, struct wbuf *out)
{
    struct walk w = {.in = in, .out = out};

    wbuf_init(&w.lengths,
              (in.len / 2 + 1) * sizeof(size_t)); /* a constructed element has two octets at least */
    if (walk_element(&w, MEASURE) == RC_OK && w.at != in.len) {
        fail(&w, RC_DER_TRAILING);
    }
    if (w.rc == RC_OK) {
        (void)walk_element(&w, WRITE);
    }
    if (w.rc != RC_OK) {
        wbuf_fail(out, w.rc);
    }
    wbuf_clear(&w.lengths);
    return wbuf_rc(out);
}

enum rc ber_definite(struct bytes in, struct wbuf *storage, struct bytes *out)
{
    enum rc rc;

    *out = in;
    *storage = (struct wbuf){0};
    if (!ber_is_indefinite(in)) {
        return RC_OK;
    }
    wbuf_init(storage, in.len * 2 + 1024);
    rc = ber_normalise(in, storage);
    if (rc == RC_OK) {
        *out = wbuf_bytes(storage);
    }
    return rc == RC_NO_MEMORY ? rc : RC_OK;
}
