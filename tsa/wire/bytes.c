/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of octets: compare, cut, hexadecimal text. Nothing here allocates or owns.
 */
#include "tsa/wire/bytes.h"

#include <string.h>

#include <openssl/crypto.h>

struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){len ? data : NULL, len};
}

struct bytes bytes_str(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_ct(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

/* The shorter counts as padded with zero octets, so a tail of zeros makes no difference (X.690 11.6). */
static bool all_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;

    if (order != 0 || a.len == b.len) {
        return order;
    }
    if (a.len > b.len) {
        return all_zero(a.data + common, a.len - common) ? 0 : 1;
    }
    return all_zero(b.data + common, b.len - common) ? 0 : -1;
}

bool bytes_are_zero(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] != 0) {
            return false;
        }
    }
    return true;
}

bool bytes_starts_with(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && (prefix.len == 0 || memcmp(b.data, prefix.data, prefix.len) == 0);
}

struct bytes bytes_slice(struct bytes b, size_t at, size_t len, bool *out_ok)
{
    bool inside = at <= b.len && len <= b.len - at;

    if (out_ok) {
        *out_ok = inside;
    }
    return inside && len ? (struct bytes){b.data + at, len} : BYTES_NONE;
}

char *bytes_to_hex(struct bytes b, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    if (out_size == 0) {
        return out;
    }
    for (size_t i = 0; i < b.len && at + 2 < out_size; i++) {
        out[at++] = digits[b.data[i] >> 4];
        out[at++] = digits[b.data[i] & 15];
    }
    out[at] = '\0';
    return out;
}

/* -1 for what is no hex digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum rc bytes_from_hex(const char *text, uint8_t *out, size_t out_size, size_t *out_len)
{
    size_t at = 0;
    int high, low;

    *out_len = 0;
    for (; *text; text += 2) {
        high = hex_value(text[0]);
        low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return RC_BASE64;
        }
        if (at == out_size) {
            return RC_TOO_LARGE;
        }
        out[at++] = (uint8_t)(high << 4 | low);
    }
    *out_len = at;
    return RC_OK;
}
