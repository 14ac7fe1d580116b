/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A borrowed view of octets: pointer and length. It never owns; what it points into must outlive it.
 * {NULL, 0} is the empty view and is legal everywhere.
 */
#ifndef TSA_WIRE_BYTES_H
#define TSA_WIRE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tsa/wire/rc.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

/* bytes_of makes a view of len octets at data; bytes_str one of a C string without its NUL. */
struct bytes bytes_of(const void *data, size_t len);
struct bytes bytes_str(const char *text);

/* bytes_equal compares; bytes_equal_ct does so in a time that depends on the lengths alone. */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_ct(struct bytes a, struct bytes b);

/* bytes_compare orders as DER sorts a SET OF: octet by octet, the shorter padded with zero octets (X.690 11.6). <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);

/* bytes_are_zero tells whether every octet is zero; true of none. */
bool bytes_are_zero(struct bytes b);

bool bytes_starts_with(struct bytes b, struct bytes prefix);

/* bytes_slice returns b[at, at+len), or the empty view when that does not lie within b (then *out_ok is false). */
struct bytes bytes_slice(struct bytes b, size_t at, size_t len, bool *out_ok);

/* bytes_to_hex writes 2*len lower-case digits and a NUL into out of out_size octets, cut to what fits; returns out. */
char *bytes_to_hex(struct bytes b, char *out, size_t out_size);

/* bytes_from_hex reads an even number of hex digits into out (at most out_size octets). *out_len gets the octets written.
 * RC_TOO_LARGE, RC_BASE64 on anything else. */
enum rc bytes_from_hex(const char *text, uint8_t *out, size_t out_size, size_t *out_len) MUST_CHECK;

#endif
