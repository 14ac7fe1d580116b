/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 by RFC 4648 section 4, own code: libcrypto's decoder takes more than the RFC, and must not be asked to judge
 * the body of a request.
 */
#include "tsa/wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define PAD '='

void base64_encode(struct wbuf *out, struct bytes in)
{
    uint8_t *at;
    uint32_t group;
    size_t left;

    if (in.len == 0) {
        return;
    }
    if (in.len > SIZE_MAX / 4) {
        wbuf_fail(out, RC_TOO_LARGE);
        return;
    }
    at = wbuf_reserve(out, (in.len + 2) / 3 * 4);
    for (size_t i = 0; at && i < in.len; i += 3) {
        left = in.len - i;
        group = (uint32_t)in.data[i] << 16;
        group |= left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
        group |= left > 2 ? in.data[i + 2] : 0u;
        *at++ = (uint8_t)alphabet[group >> 18];
        *at++ = (uint8_t)alphabet[group >> 12 & 63];
        *at++ = left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : PAD;
        *at++ = left > 2 ? (uint8_t)alphabet[group & 63] : PAD;
    }
}

/* -1 for what is no digit of the alphabet. */
static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct decoder {
    uint32_t group;      /* bits of the digits of the open group of four */
    unsigned num_digits; /* of the open group */
    unsigned num_pads;
    bool bad;
};

/* Two digits make one octet, three make two; the bits left over must be zero (RFC 4648 3.5). */
static void end_group(struct decoder *d, struct wbuf *out)
{
    unsigned num_octets = d->num_digits == 0 ? 0 : d->num_digits - 1;
    unsigned left = d->num_digits * 6 - num_octets * 8;

    if (d->num_digits == 1 || (d->group & ((1u << left) - 1)) != 0) {
        d->bad = true;
        return;
    }
    for (unsigned i = 0; i < num_octets; i++) {
        wbuf_put_u8(out, (uint8_t)(d->group >> (left + 8 * (num_octets - 1 - i))));
    }
    d->group = 0;
    d->num_digits = 0;
}

static void take(struct decoder *d, uint8_t c, struct wbuf *out)
{
    int value = digit_value(c);

    if (c == PAD) {
        d->num_pads++;
        d->bad = d->num_digits < 2 || d->num_digits + d->num_pads > 4;
    } else if (value < 0 || d->num_pads > 0) {
        d->bad = true;
    } else {
        d->group = d->group << 6 | (uint32_t)value;
        if (++d->num_digits == 4) {
            end_group(d, out);
        }
    }
}

static enum rc decode(struct bytes text, struct wbuf *out, bool skip_blanks)
{
    struct decoder d = {0};

    for (size_t i = 0; i < text.len && !d.bad; i++) {
        if (!skip_blanks || text.data[i] >= 0x21) {
            take(&d, text.data[i], out);
        }
    }
    d.bad |= d.num_digits > 0 && d.num_digits + d.num_pads != 4;
    if (!d.bad) {
        end_group(&d, out);
    }
    if (d.bad) {
        wbuf_fail(out, RC_BASE64);
        return RC_BASE64;
    }
    return wbuf_rc(out);
}

enum rc base64_decode(struct bytes text, struct wbuf *out)
{
    return decode(text, out, false);
}

enum rc base64_decode_body(struct bytes text, struct wbuf *out)
{
    return decode(text, out, true);
}
