/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-16 in both byte orders, as Microsoft's structures hold text, to and from UTF-8. Nothing is refused: what is broken (half a
 * surrogate pair, an octet too many, bad UTF-8) becomes U+FFFD, since such text is only shown.
 */
#ifndef TSCLIENT_CONTAINER_UTF16_H
#define TSCLIENT_CONTAINER_UTF16_H

#include "tsa/wire/wbuf.h"

enum utf16_order {
    UTF16_BE,
    UTF16_LE
};

/* utf16_to_utf8 writes the text up to its end or a NUL, with a NUL behind it, cut before the first character that does not fit;
 * returns out. */
char *utf16_to_utf8(struct bytes text, enum utf16_order order, char *out, size_t out_size);

/* utf16_put writes UTF-8 text as UTF-16, without a NUL. */
void utf16_put(struct wbuf *w, const char *text, enum utf16_order order);

#endif
