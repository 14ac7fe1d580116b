/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648 section 4): strict, and the tolerant form that the bodies of legacy timestamp requests need.
 */
#ifndef TSA_WIRE_BASE64_H
#define TSA_WIRE_BASE64_H

#include "tsa/wire/wbuf.h"

/* base64_encode appends one line without a line end. */
void base64_encode(struct wbuf *out, struct bytes in);

/* base64_decode appends the octets; correct padding, no other character, unused bits zero. RC_BASE64. */
enum rc base64_decode(struct bytes text, struct wbuf *out) MUST_CHECK;

/* base64_decode_body first drops every octet below 0x21 (line ends, blanks, NUL); otherwise as strict. */
enum rc base64_decode_body(struct bytes text, struct wbuf *out) MUST_CHECK;

#endif
