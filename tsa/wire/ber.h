/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER as some foreign encoders write it (indefinite lengths, strings in pieces) brought into definite form, so that the
 * strict reader can read it. For reading only: what is written back to a file never passes here. X.690 8.1.3.6, 8.7.3.
 */
#ifndef TSA_WIRE_BER_H
#define TSA_WIRE_BER_H

#include "tsa/wire/wbuf.h"

/* ber_is_indefinite tells whether in (one element, then anything) uses an indefinite length at its outermost level or below. */
bool ber_is_indefinite(struct bytes in);

/* ber_normalise writes in (one element) with definite lengths and strings in one piece. RC_DER_* where it is not even BER. */
enum rc ber_normalise(struct bytes in, struct wbuf *out) MUST_CHECK;

#endif
