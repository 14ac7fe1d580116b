/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader and the writer of DER (X.690). The reader never recurses, never allocates and looks at no octet outside the
 * open element; high tag numbers, indefinite lengths and the reserved tag 0 are refused under all rules.
 */
#include "tsa/wire/der.h"

#include <assert.h>
#include <string.h>

#include "tsa/wire/oid.h"

struct header {
    uint8_t tag;
    size_t len; /* octets of tag and length */
    size_t contents_len;
};

static bool is_lax(enum der_rules rules)
{
    return rules != DER_STRICT;
}

/* The long form: num octets of length follow at in.data (X.690 8.1.3.5; the shortest form alone in DER, 10.1). */
static enum rc read_long_length(struct bytes in, size_t num, enum der_rules rules, size_t *out_len)
{
    size_t len = 0;

    if (num > in.len) {
        return RC_DER_TRUNCATED;
    }
    for (size_t i = 0; i < num; i++) {
        if (len > SIZE_MAX >> 8) {
            return RC_DER_LENGTH;
        }
        len = len << 8 | in.data[i];
    }
    if (rules != DER_FOREIGN && (in.data[0] == 0 || len < 0x80)) {
        return RC_DER_LENGTH;
    }
    *out_len = len;
    return RC_OK;
}

/* Reads tag and length at the front of in, and demands that the contents lie within in. */
static enum rc read_header(struct bytes in, enum der_rules rules, struct header *out)
{
    size_t num;
    enum rc rc;

    if (in.len < 2) {
        return RC_DER_TRUNCATED;
    }
    if (in.data[0] == 0 || (in.data[0] & 0x1f) == 0x1f) {
        return RC_DER_TAG;
    }
    *out = (struct header){.tag = in.data[0], .len = 2, .contents_len = in.data[1]};
    if (in.data[1] & 0x80) {
        num = in.data[1] & 0x7fu;
        if (num == 0 || num == 0x7f) {
            return RC_DER_LENGTH;
        }
        rc = read_long_length(bytes_of(in.data + 2, in.len - 2), num, rules, &out->contents_len);
        if (rc != RC_OK) {
            return rc;
        }
        out->len += num;
    }
    return out->contents_len > in.len - out->len ? RC_DER_TRUNCATED : RC_OK;
}

void der_init(struct der *d, struct bytes in, enum der_rules rules)
{
    *d = (struct der){.in = in, .rules = rules};
    d->end[0] = in.len;
}

static void fail_at(struct der *d, enum rc rc, size_t at)
{
    if (d->rc == RC_OK) {
        d->rc = rc;
        d->fault_at = at;
    }
}

void der_fail(struct der *d, enum rc rc)
{
    fail_at(d, rc, d->at);
}

enum rc der_end(const struct der *d)
{
    if (d->rc != RC_OK) {
        return d->rc;
    }
    return d->depth == 0 && d->at == d->end[0] ? RC_OK : RC_DER_TRAILING;
}

bool der_more(const struct der *d)
{
    return d->rc == RC_OK && d->at < d->end[d->depth];
}

bool der_next_is(const struct der *d, uint8_t tag)
{
    return der_more(d) && d->in.data[d->at] == tag;
}

/* Reads the header of the next element without moving; false when there is none, or another than tag (0: any). */
static bool peek(struct der *d, uint8_t tag, struct header *out)
{
    enum rc rc;

    if (d->rc != RC_OK) {
        return false;
    }
    if (tag != 0 && der_more(d) && d->in.data[d->at] != tag) {
        der_fail(d, RC_DER_TAG);
        return false;
    }
    rc = read_header(bytes_slice(d->in, d->at, d->end[d->depth] - d->at, NULL), d->rules, out);
    if (rc != RC_OK) {
        der_fail(d, rc);
    }
    return rc == RC_OK;
}

void der_enter(struct der *d, uint8_t tag)
{
    struct header h;

    if (!peek(d, tag, &h)) {
        return;
    }
    if (!(h.tag & 0x20)) {
        der_fail(d, RC_DER_TAG);
    } else if (d->depth == DER_MAX_DEPTH) {
        der_fail(d, RC_DER_DEPTH);
    } else {
        d->at += h.len;
        d->end[++d->depth] = d->at + h.contents_len;
    }
}

void der_leave(struct der *d)
{
    if (d->rc == RC_OK && d->at != d->end[d->depth]) {
        der_fail(d, RC_DER_TRAILING);
    }
    der_leave_rest(d);
}

void der_leave_rest(struct der *d)
{
    if (d->rc == RC_OK) {
        assert(d->depth > 0);
        d->at = d->end[d->depth--];
    }
}

struct bytes der_get(struct der *d, uint8_t tag)
{
    struct bytes contents;
    struct header h;

    if (!peek(d, tag, &h)) {
        return BYTES_NONE;
    }
    contents = bytes_of(d->in.data + d->at + h.len, h.contents_len);
    d->at += h.len + h.contents_len;
    return contents;
}

struct bytes der_get_tlv(struct der *d, uint8_t tag)
{
    size_t start = d->at;

    (void)der_get(d, tag);
    return d->rc == RC_OK ? bytes_of(d->in.data + start, d->at - start) : BYTES_NONE;
}

/* The first octet says no more than the top bit of the second does (X.690 8.3.2). */
static bool is_redundant(struct bytes b)
{
    return b.len > 1 &&
           ((b.data[0] == 0x00 && !(b.data[1] & 0x80)) || (b.data[0] == 0xff && b.data[1] & 0x80));
}

static struct bytes get_integer(struct der *d, uint8_t tag)
{
    size_t start = d->at;
    struct bytes b = der_get(d, tag);

    if (d->rc != RC_OK) {
        return BYTES_NONE;
    }
    if (b.len == 0 || (is_redundant(b) && !is_lax(d->rules))) {
        fail_at(d, RC_DER_INTEGER, start);
        return BYTES_NONE;
    }
    while (is_redundant(b)) {
        b = bytes_of(b.data + 1, b.len - 1);
    }
    return b;
}

struct bytes der_get_integer(struct der *d)
{
    return get_integer(d, DER_INTEGER_TAG);
}

uint64_t der_get_uint(struct der *d)
{
    return der_get_uint_as(d, DER_INTEGER_TAG);
}

uint64_t der_get_uint_as(struct der *d, uint8_t tag)
{
    size_t start = d->at;
    struct bytes b = get_integer(d, tag);
    uint64_t v = 0;

    if (d->rc != RC_OK) {
        return 0;
    }
    if (b.data[0] & 0x80 || b.len > 9 || (b.len == 9 && b.data[0] != 0)) {
        fail_at(d, RC_DER_INTEGER, start);
        return 0;
    }
    for (size_t i = 0; i < b.len; i++) {
        v = v << 8 | b.data[i];
    }
    return v;
}

bool der_get_bool(struct der *d)
{
    size_t start = d->at;
    struct bytes b = der_get(d, DER_BOOLEAN_TAG);

    if (d->rc != RC_OK) {
        return false;
    }
    if (b.len != 1 || (!is_lax(d->rules) && b.data[0] != 0x00 && b.data[0] != 0xff)) {
        fail_at(d, RC_DER_BOOLEAN, start);
        return false;
    }
    return b.data[0] != 0;
}

void der_get_null(struct der *d)
{
    size_t start = d->at;

    if (der_get(d, DER_NULL_TAG).len != 0) {
        fail_at(d, RC_DER_NULL, start);
    }
}

struct bytes der_get_oid(struct der *d)
{
    size_t start = d->at;
    struct bytes b = der_get(d, DER_OID_TAG);

    if (d->rc == RC_OK && !oid_is_valid(b)) {
        fail_at(d, RC_DER_OID, start);
    }
    return d->rc == RC_OK ? b : BYTES_NONE;
}

/* X.690 8.6.2 and 11.2.1: at most 7 unused bits, none of an empty string, and all of them zero. */
static bool bit_string_is_valid(struct bytes b)
{
    return b.len > 0 && b.data[0] <= 7 && (b.len > 1 || b.data[0] == 0) &&
           (b.data[b.len - 1] & ((1u << b.data[0]) - 1)) == 0;
}

struct bytes der_get_bit_string(struct der *d, unsigned *out_unused)
{
    size_t start = d->at;
    struct bytes b = der_get(d, DER_BIT_STRING_TAG);

    *out_unused = 0;
    if (d->rc == RC_OK && !bit_string_is_valid(b)) {
        fail_at(d, RC_DER_BIT_STRING, start);
    }
    if (d->rc != RC_OK) {
        return BYTES_NONE;
    }
    *out_unused = b.data[0];
    return bytes_of(b.data + 1, b.len - 1);
}

enum rc der_tlv_len(struct bytes b, size_t *out_len)
{
    struct header h;
    enum rc rc = read_header(b, DER_FOREIGN, &h);

    *out_len = rc == RC_OK ? h.len + h.contents_len : 0;
    return rc;
}

/* ---- writer: a length is one octet until der_close knows that it needs more ---- */

static size_t num_length_octets(size_t len)
{
    size_t num = 0;

    if (len < 0x80) {
        return 0;
    }
    for (; len; len >>= 8) {
        num++;
    }
    return num;
}

size_t der_header_len(size_t contents_len)
{
    return 2 + num_length_octets(contents_len);
}

/* Fills in the length at at; what needs more than one octet finds its room behind it. */
static void write_length(uint8_t *at, size_t len, size_t num)
{
    at[0] = num ? (uint8_t)(0x80 | num) : (uint8_t)len;
    for (size_t i = num; i > 0; i--) {
        at[i] = (uint8_t)len;
        len >>= 8;
    }
}

size_t der_open(struct wbuf *w, uint8_t tag)
{
    wbuf_put_u8(w, tag);
    wbuf_put_u8(w, 0);
    return w->len;
}

void der_close(struct wbuf *w, size_t mark)
{
    size_t len, num;

    if (wbuf_rc(w) != RC_OK) {
        return;
    }
    assert(mark >= 2 && mark <= w->len);
    len = w->len - mark;
    num = num_length_octets(len);
    if (num == 0 || wbuf_insert(w, mark, num)) {
        write_length(w->data + mark - 1, len, num);
    }
}

static void put_header(struct wbuf *w, uint8_t tag, size_t len)
{
    size_t num = num_length_octets(len);
    uint8_t *at = wbuf_reserve(w, 2 + num);

    if (at) {
        at[0] = tag;
        write_length(at + 1, len, num);
    }
}

void der_put(struct wbuf *w, uint8_t tag, struct bytes contents)
{
    put_header(w, tag, contents.len);
    wbuf_put(w, contents);
}

void der_put_integer(struct wbuf *w, uint8_t tag, struct bytes twos_complement)
{
    struct bytes b = twos_complement;

    while (is_redundant(b)) {
        b = bytes_of(b.data + 1, b.len - 1);
    }
    der_put(w, tag, b.len ? b : bytes_of("", 1));
}

void der_put_uint(struct wbuf *w, uint8_t tag, uint64_t v)
{
    uint8_t octets[9] = {0};

    for (size_t i = 8; i > 0; i--) {
        octets[i] = (uint8_t)v;
        v >>= 8;
    }
    der_put_integer(w, tag, bytes_of(octets, sizeof octets));
}

void der_put_bool(struct wbuf *w, bool v)
{
    uint8_t octet = v ? 0xff : 0x00;

    der_put(w, DER_BOOLEAN_TAG, bytes_of(&octet, 1));
}

void der_put_null(struct wbuf *w)
{
    der_put(w, DER_NULL_TAG, BYTES_NONE);
}

/* Insertion: stable, and the sets that are built here have a handful of elements. */
static void sort(struct bytes *items, size_t num_items)
{
    for (size_t i = 1; i < num_items; i++) {
        struct bytes item = items[i];
        size_t at = i;

        for (; at > 0 && bytes_compare(items[at - 1], item) > 0; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

void der_put_set_of(struct wbuf *w, uint8_t tag, struct bytes *items, size_t num_items)
{
    size_t mark = der_open(w, tag);

    sort(items, num_items);
    for (size_t i = 0; i < num_items; i++) {
        wbuf_put(w, items[i]);
    }
    der_close(w, mark);
}
