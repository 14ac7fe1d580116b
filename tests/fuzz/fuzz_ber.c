/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER into definite form: what is taken comes out in a form whose headers the strict reader takes, a second time changes
 * nothing, and input that the strict reader takes already comes out as it went in, unless it holds strings in pieces.
 * What is taken ends where ber_tlv_len says.
 */
#include <stdlib.h>

#include "tests/fuzz/walk.h"
#include "tsa/wire/ber.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Headers alone: values are not the normaliser's business. */
static enum rc walk_headers(struct bytes in, bool *out_pieces)
{
    struct der d;

    *out_pieces = false;
    der_init(&d, in, DER_STRICT);
    while (d.rc == RC_OK && (der_more(&d) || d.depth > 0)) {
        if (!der_more(&d)) {
            der_leave(&d);
        } else if (in.data[d.at] & 0x20) {
            *out_pieces |= in.data[d.at] < 0x40 && in.data[d.at] != DER_SEQUENCE && in.data[d.at] != DER_SET;
            der_enter(&d, 0);
        } else {
            (void)der_get(&d, 0);
        }
    }
    return der_end(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct wbuf w, again;
    bool pieces;
    size_t len;
    enum rc rc;

    wbuf_init(&w, 4 * data_len + 100);
    wbuf_init(&again, 4 * data_len + 100);
    if (ber_tlv_len(in, &len) == RC_OK) {
        check(len > 1 && len <= in.len);
    }
    if (ber_normalise(in, &w) == RC_OK) {
        check(ber_tlv_len(in, &len) == RC_OK && len == in.len);
        rc = walk_headers(wbuf_bytes(&w), &pieces);
        check(rc == RC_OK || rc == RC_DER_DEPTH); /* the strict reader goes less deep */
        check(!ber_is_indefinite(wbuf_bytes(&w)));
        check(ber_normalise(wbuf_bytes(&w), &again) == RC_OK);
        check(bytes_equal(wbuf_bytes(&w), wbuf_bytes(&again)));
        if (walk_headers(in, &pieces) == RC_OK) {
            check(!ber_is_indefinite(in) && (pieces || bytes_equal(wbuf_bytes(&w), in)));
        }
    } else {
        check(wbuf_bytes(&w).len == 0);
    }
    (void)ber_is_indefinite(in);
    wbuf_clear(&w);
    wbuf_clear(&again);
    return 0;
}
