/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER as some foreign encoders write it (indefinite lengths, strings in pieces) measured, and brought into definite form, so that
 * the strict reader can read it. For reading only: what is written back to a file never passes here. X.690 8.1.3.6, 8.7.3.
 * Every function takes time in proportion to the octets that it is given, however they nest.
 */
#ifndef TSA_WIRE_BER_H
#define TSA_WIRE_BER_H

#include "tsa/wire/wbuf.h"

/* Sixteen signatures within each other take 8 levels each; what is inside the innermost, a timestamp's certificates, 30 more. */
#define BER_MAX_DEPTH 160

/* ber_tlv_len gives the whole length of the element at the front of b, of definite or indefinite length, which may be followed by
 * anything; of what stands inside it only what is needed to find the end is read. RC_DER_TRUNCATED, RC_DER_LENGTH, RC_DER_TAG,
 * RC_DER_DEPTH. */
enum rc ber_tlv_len(struct bytes b, size_t *out_len) MUST_CHECK;

/* ber_is_indefinite tells whether in (one element, then anything) uses an indefinite length at its outermost level or below. */
bool ber_is_indefinite(struct bytes in);

/* ber_normalise writes in (one element) with definite lengths and strings in one piece. RC_DER_* where it is not even BER. */
enum rc ber_normalise(struct bytes in, struct wbuf *out) MUST_CHECK;

/* ber_definite gives what a reader of definite lengths should read: *out is in itself, or a copy in storage (initialised here, the caller's to
 * clear) where in has an indefinite length. What is not BER throughout stays as it is, for the reader to judge. RC_NO_MEMORY. */
enum rc ber_definite(struct bytes in, struct wbuf *storage, struct bytes *out) MUST_CHECK;

#endif
