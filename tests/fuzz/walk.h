/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a whole structure with the reader and writes it again with the writer: what is DER in every header and value must
 * come out octet by octet as it went in.
 */
#ifndef TESTS_FUZZ_WALK_H
#define TESTS_FUZZ_WALK_H

#include "tsa/wire/der.h"

static inline void walk_value(struct der *d, struct wbuf *w)
{
    struct bytes b;
    unsigned unused;
    uint8_t tag;

    if (der_next_is(d, DER_INTEGER_TAG)) {
        b = der_get_integer(d);
        der_put_integer(w, DER_INTEGER_TAG, b);
    } else if (der_next_is(d, DER_BOOLEAN_TAG)) {
        der_put_bool(w, der_get_bool(d));
    } else if (der_next_is(d, DER_NULL_TAG)) {
        der_get_null(d);
        der_put_null(w);
    } else if (der_next_is(d, DER_OID_TAG)) {
        b = der_get_oid(d);
        der_put(w, DER_OID_TAG, b);
    } else if (der_next_is(d, DER_BIT_STRING_TAG)) {
        size_t mark = der_open(w, DER_BIT_STRING_TAG);

        b = der_get_bit_string(d, &unused);
        wbuf_put_u8(w, (uint8_t)unused);
        wbuf_put(w, b);
        der_close(w, mark);
    } else {
        tag = d->in.data[d->at];
        b = der_get(d, 0);
        der_put(w, tag, b);
    }
}

/* walk reads all elements of in under the rules and writes them to w; the reader's verdict. */
static inline enum rc walk(struct bytes in, enum der_rules rules, struct wbuf *w)
{
    size_t mark[DER_MAX_DEPTH + 1];
    struct der d;

    der_init(&d, in, rules);
    while (d.rc == RC_OK && (der_more(&d) || d.depth > 0)) {
        if (!der_more(&d)) {
            der_close(w, mark[d.depth]);
            der_leave(&d);
        } else if (in.data[d.at] & 0x20) {
            uint8_t tag = in.data[d.at];

            der_enter(&d, tag);
            if (d.rc == RC_OK) {
                mark[d.depth] = der_open(w, tag);
            }
        } else {
            walk_value(&d, w);
        }
    }
    return der_end(&d);
}

#endif
