/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64: any octets survive encoding and decoding; any text that is taken is the one text of its octets.
 */
#include <stdlib.h>

#include "tsa/wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put_without_blanks(struct wbuf *w, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x21) {
            wbuf_put_u8(w, text.data[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct wbuf text, octets, plain;
    enum rc strict;

    wbuf_init(&text, 2 * data_len + 10);
    wbuf_init(&octets, data_len + 10);
    wbuf_init(&plain, data_len + 10);

    base64_encode(&text, in);
    check(base64_decode(wbuf_bytes(&text), &octets) == RC_OK && bytes_equal(wbuf_bytes(&octets), in));

    wbuf_reset(&octets);
    strict = base64_decode(in, &octets);
    if (strict == RC_OK) {
        wbuf_reset(&text);
        base64_encode(&text, wbuf_bytes(&octets));
        check(bytes_equal(wbuf_bytes(&text), in));
    }
    wbuf_reset(&octets);
    put_without_blanks(&plain, in);
    if (base64_decode_body(in, &octets) == RC_OK) {
        wbuf_reset(&text);
        base64_encode(&text, wbuf_bytes(&octets));
        check(bytes_equal(wbuf_bytes(&text), wbuf_bytes(&plain)));
    } else {
        check(strict != RC_OK);
    }
    wbuf_clear(&text);
    wbuf_clear(&octets);
    wbuf_clear(&plain);
    return 0;
}
