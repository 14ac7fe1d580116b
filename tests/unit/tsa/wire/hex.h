/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets written as hex digits with blanks between the parts, as the tests of the formats name them. A digit that is
 * none, or an odd number of them, ends the test program.
 */
#ifndef TESTS_WIRE_HEX_H
#define TESTS_WIRE_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/wire/bytes.h"

#define HEX_MAX 4096

struct hex {
    uint8_t data[HEX_MAX];
    size_t len;
};

static inline uint8_t hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;

    if (!at) {
        fprintf(stderr, "a test's hex text is malformed\n");
        abort();
    }
    return (uint8_t)(at - digits);
}

/* hex appends the octets of text to *out and returns a view of all of them. */
static inline struct bytes hex(struct hex *out, const char *text)
{
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        if (out->len == sizeof out->data) {
            abort();
        }
        out->data[out->len++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        text += 2;
    }
    return bytes_of(out->data, out->len);
}

#endif
