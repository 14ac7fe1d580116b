/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of text, character by character (RFC 2781, RFC 3629). By own arithmetic: libc's conversions follow the locale.
 */
#include "tsclient/container/utf16.h"

#include <string.h>

#define REPLACEMENT 0xfffdu
#define UTF8_MAX    4

static bool is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static uint32_t unit_at(const uint8_t *at, enum utf16_order order)
{
    return order == UTF16_BE ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

/* Takes one character off the front of text, which is not empty. */
static uint32_t take_utf16(struct bytes *text, enum utf16_order order)
{
    uint32_t unit, low;

    if (text->len < 2) {
        *text = BYTES_NONE;
        return REPLACEMENT;
    }
    unit = unit_at(text->data, order);
    *text = bytes_of(text->data + 2, text->len - 2);
    if (!is_high(unit)) {
        return is_low(unit) ? REPLACEMENT : unit;
    }
    low = text->len >= 2 ? unit_at(text->data, order) : 0;
    if (!is_low(low)) {
        return REPLACEMENT;
    }
    *text = bytes_of(text->data + 2, text->len - 2);
    return 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
}

static size_t write_utf8(uint32_t c, uint8_t out[UTF8_MAX])
{
    static const uint8_t lead[] = {0x00, 0x00, 0xc0, 0xe0, 0xf0};
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = len; i > 1; i--) {
        out[i - 1] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (uint8_t)(lead[len] | c);
    return len;
}

char *utf16_to_utf8(struct bytes text, enum utf16_order order, char *out, size_t out_size)
{
    uint8_t octets[UTF8_MAX];
    size_t at = 0, len;
    uint32_t c;

    while (text.len > 0) {
        c = take_utf16(&text, order);
        len = write_utf8(c, octets);
        if (c == 0 || len >= out_size - at) {
            break;
        }
        memcpy(out + at, octets, len);
        at += len;
    }
    out[at] = '\0';
    return out;
}

/* Octets of the character that starts with lead, and the least value that needs so many (RFC 3629 3). */
static size_t utf8_len(uint8_t lead, uint32_t *out_bits, uint32_t *out_least)
{
    static const struct {
        uint8_t mask, value;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((lead & forms[i].mask) == forms[i].value) {
            *out_bits = lead & (uint8_t)~forms[i].mask;
            *out_least = forms[i].least;
            return i + 1;
        }
    }
    return 0;
}

/* Takes one character off the front of text, which is not at its end; of a broken one only the first octet. */
static uint32_t take_utf8(const char **text)
{
    const char *at = *text;
    uint32_t c = 0, least = 0;
    size_t len = utf8_len((uint8_t)*at, &c, &least);

    (*text)++;
    for (size_t i = 1; i < len; i++) {
        if (((uint8_t)at[i] & 0xc0) != 0x80) {
            return REPLACEMENT;
        }
        c = c << 6 | ((uint8_t)at[i] & 0x3f);
    }
    if (len == 0 || c < least || c > 0x10ffff || is_high(c) || is_low(c)) {
        return REPLACEMENT;
    }
    *text = at + len;
    return c;
}

static void put_unit(struct wbuf *w, uint32_t unit, enum utf16_order order)
{
    uint8_t high = (uint8_t)(unit >> 8), low = (uint8_t)unit;

    wbuf_put_u8(w, order == UTF16_BE ? high : low);
    wbuf_put_u8(w, order == UTF16_BE ? low : high);
}

void utf16_put(struct wbuf *w, const char *text, enum utf16_order order)
{
    uint32_t c;

    while (*text) {
        c = take_utf8(&text);
        if (c >= 0x10000) {
            put_unit(w, 0xd800 + ((c - 0x10000) >> 10), order);
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        put_unit(w, c, order);
    }
}
