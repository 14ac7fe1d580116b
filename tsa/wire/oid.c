/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object identifiers: the table, and the two texts (X.690 8.19). Arcs may be wider than any integer of C (2.25.<UUID>),
 * so they are kept as digits and never as a number.
 */
#include "tsa/wire/oid.h"

#include "tsa/wire/der.h"

struct row {
    const char *name, *octets;
    size_t len;
};

#define OID_ROW(NAME, dotted, name, octets) [OID_##NAME] = {name, octets, sizeof octets - 1},
static const struct row table[OID_NUM] = {OID_TABLE(OID_ROW)};
#undef OID_ROW

struct bytes oid_bytes(enum oid oid)
{
    return (unsigned)oid < OID_NUM ? bytes_of(table[oid].octets, table[oid].len) : BYTES_NONE;
}

enum oid oid_find(struct bytes contents)
{
    for (unsigned i = OID_NONE + 1; i < OID_NUM; i++) {
        if (bytes_equal(contents, oid_bytes((enum oid)i))) {
            return (enum oid)i;
        }
    }
    return OID_NONE;
}

const char *oid_name(enum oid oid)
{
    return oid != OID_NONE && (unsigned)oid < OID_NUM ? table[oid].name : "unknown";
}

/* Each arc in groups of 7 bits, the last one without the top bit, the first one not zero. */
bool oid_is_valid(struct bytes contents)
{
    bool first = true;

    for (size_t i = 0; i < contents.len; i++) {
        if (first && contents.data[i] == 0x80) {
            return false;
        }
        first = !(contents.data[i] & 0x80);
    }
    return contents.len > 0 && first;
}

/* ---- an arc as digits of some base, the lowest first ---- */

#define ARC_MAX 160

struct arc {
    uint8_t digit[ARC_MAX];
    size_t len; /* 0 is the number 0 */
    bool too_large;
};

/* arc = arc * factor + add, in that base. */
static void arc_step(struct arc *arc, unsigned base, unsigned factor, unsigned add)
{
    for (size_t i = 0; i < arc->len; i++) {
        add += arc->digit[i] * factor;
        arc->digit[i] = (uint8_t)(add % base);
        add /= base;
    }
    for (; add > 0; add /= base) {
        if (arc->len == ARC_MAX) {
            arc->too_large = true;
            return;
        }
        arc->digit[arc->len++] = (uint8_t)(add % base);
    }
}

/* arc = arc - sub, which is not more than arc; decimal. */
static void arc_subtract(struct arc *arc, unsigned sub)
{
    int borrow = 0, digit;

    for (size_t i = 0; i < arc->len; i++, sub /= 10) {
        digit = arc->digit[i] - (int)(sub % 10) - borrow;
        borrow = digit < 0;
        arc->digit[i] = (uint8_t)(digit + 10 * borrow);
    }
    while (arc->len > 0 && arc->digit[arc->len - 1] == 0) {
        arc->len--;
    }
}

/* Takes the next arc off the front of contents, as decimal digits. */
static struct arc take_arc(struct bytes *contents)
{
    struct arc arc = {.len = 0};
    uint8_t octet;

    do {
        octet = contents->data[0];
        *contents = bytes_of(contents->data + 1, contents->len - 1);
        arc_step(&arc, 10, 128, octet & 0x7f);
    } while (octet & 0x80 && !arc.too_large);
    return arc;
}

/* The first octets hold 40 * first + second arc, where the first is 0, 1 or 2. */
static unsigned split_first(struct arc *arc)
{
    unsigned value =
        arc->len > 2 ? 80 : (arc->len > 1 ? arc->digit[1] * 10u : 0) + (arc->len ? arc->digit[0] : 0u);
    unsigned first = value >= 80 ? 2 : value / 40;

    arc_subtract(arc, first * 40);
    return first;
}

struct text {
    char *out;
    size_t len, size;
};

static void put_char(struct text *text, char c)
{
    if (text->len + 1 < text->size) {
        text->out[text->len++] = c;
        text->out[text->len] = '\0';
    }
}

static void put_arc(struct text *text, const struct arc *arc)
{
    if (arc->len == 0) {
        put_char(text, '0');
    }
    for (size_t i = arc->len; i > 0; i--) {
        put_char(text, (char)('0' + arc->digit[i - 1]));
    }
}

char *oid_to_text(struct bytes contents, char *out, size_t out_size)
{
    struct text text = {out, 0, out_size};
    struct arc arc;

    if (out_size > 0) {
        out[0] = '\0';
    }
    if (!oid_is_valid(contents)) {
        return out;
    }
    for (bool first = true; contents.len > 0; first = false) {
        arc = take_arc(&contents);
        if (arc.too_large) {
            break;
        }
        if (first) {
            put_char(&text, (char)('0' + split_first(&arc)));
        }
        put_char(&text, '.');
        put_arc(&text, &arc);
    }
    return out;
}

/* Reads one decimal arc, without leading zeros, as digits of base 128. */
static bool read_arc(const char **text, struct arc *out)
{
    const char *start = *text;

    *out = (struct arc){.len = 0};
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        arc_step(out, 128, 10, (unsigned)(**text - '0'));
    }
    return *text > start && !(*start == '0' && *text - start > 1) && !out->too_large;
}

static void write_arc(struct wbuf *out, const struct arc *arc)
{
    for (size_t i = arc->len; i > 1; i--) {
        wbuf_put_u8(out, (uint8_t)(0x80 | arc->digit[i - 1]));
    }
    wbuf_put_u8(out, arc->len ? arc->digit[0] : 0);
}

/* Both of the first two arcs stand in one number: the first 0 or 1 leaves the second 0 .. 39. */
static bool read_first_two(const char **text, struct arc *out)
{
    unsigned first = (unsigned)(**text - '0');

    if (first > 2 || *++*text != '.') {
        return false;
    }
    ++*text;
    if (!read_arc(text, out) || (first < 2 && (out->len > 1 || (out->len == 1 && out->digit[0] > 39)))) {
        return false;
    }
    arc_step(out, 128, 1, first * 40);
    return !out->too_large;
}

enum rc oid_from_text(const char *text, struct wbuf *out)
{
    struct arc arc;
    bool ok = read_first_two(&text, &arc);

    while (ok) {
        write_arc(out, &arc);
        if (*text == '\0') {
            return wbuf_rc(out);
        }
        ok = *text++ == '.' && read_arc(&text, &arc);
    }
    wbuf_fail(out, RC_OID_TEXT);
    return RC_OID_TEXT;
}

void oid_put(struct wbuf *w, enum oid oid)
{
    der_put(w, DER_OID_TAG, oid_bytes(oid));
}
