/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of DER: shortest forms, sets in order, lengths that are set when an element closes, and room that is too little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/der.h"
#include "tsa/wire/oid.h"

static void assert_bytes(struct bytes found, const char *expected)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, expected);

    assert_int_equal(found.len, want.len);
    assert_true(bytes_equal(found, want));
}

static void assert_built(struct wbuf *w, const char *expected)
{
    assert_int_equal(wbuf_rc(w), RC_OK);
    assert_bytes(wbuf_bytes(w), expected);
    wbuf_clear(w);
}

static void values_are_written_shortest(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 1000);
    der_put_uint(&w, DER_INTEGER_TAG, 0);
    der_put_uint(&w, DER_INTEGER_TAG, 127);
    der_put_uint(&w, DER_INTEGER_TAG, 128);
    der_put_uint(&w, DER_CONTEXT(0), 500);
    der_put_uint(&w, DER_INTEGER_TAG, UINT64_MAX);
    assert_built(&w, "020100 02017f 02020080 800201f4 020900ffffffffffffffff");
    wbuf_init(&w, 1000);
    der_put_integer(&w, DER_INTEGER_TAG, BYTES_NONE);
    der_put_integer(&w, DER_INTEGER_TAG, bytes_of("\0\0\0", 3));
    der_put_integer(&w, DER_INTEGER_TAG, bytes_of("\0\x80", 2));
    der_put_integer(&w, DER_INTEGER_TAG, bytes_of("\xff\xff\x80", 3));
    der_put_integer(&w, DER_INTEGER_TAG, bytes_of("\xff\x7f", 2));
    assert_built(&w, "020100 020100 02020080 020180 0202ff7f");
    wbuf_init(&w, 1000);
    der_put_bool(&w, true);
    der_put_bool(&w, false);
    der_put_null(&w);
    oid_put(&w, OID_SHA1);
    assert_built(&w, "0101ff 010100 0500 06052b0e03021a");
}

static void sets_are_sorted(void **state)
{
    struct bytes items[] = {
        bytes_of("\x04\x02\x01\x00", 4), bytes_of("\x02\x01\x09", 3), bytes_of("\x04\x01\xff", 3),
        bytes_of("\x02\x01\x09", 3),     bytes_of("\x01\x01\xff", 3),
    };
    const uint8_t *first = items[1].data, *second = items[3].data;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 100);
    der_put_set_of(&w, DER_SET, items, 5);
    assert_built(&w, "3110 0101ff 020109 020109 0401ff 04020100");
    assert_ptr_equal(items[1].data, first);
    assert_ptr_equal(items[2].data, second);
    wbuf_init(&w, 100);
    der_put_set_of(&w, DER_CONTEXT_CONSTRUCTED(0), NULL, 0);
    assert_built(&w, "a000");
}

static void equal_elements_keep_their_order(void **state)
{
    const uint8_t a[] = {5, 0}, b[] = {5, 0}, c[] = {5, 0};
    struct bytes items[] = {bytes_of(b, 2), bytes_of(c, 2), bytes_of(a, 2)};
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 100);
    der_put_set_of(&w, DER_SET, items, 3);
    wbuf_clear(&w);
    assert_ptr_equal(items[0].data, b);
    assert_ptr_equal(items[1].data, c);
    assert_ptr_equal(items[2].data, a);
}

static void lengths_are_set_on_close(void **state)
{
    static const size_t lens[] = {0,    1,    0x7c, 0x7d,  0x7e,   0x7f,   0x80,   0xfb,
                                  0xfc, 0xfd, 0xff, 0x100, 0xfffb, 0xffff, 0x10000};
    static uint8_t data[0x10000];

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        size_t outer, inner;
        struct wbuf w;
        struct der d;

        wbuf_init(&w, 0x20000);
        wbuf_put_u8(&w, 0xee); /* it need not begin at 0 */
        outer = der_open(&w, DER_SEQUENCE);
        inner = der_open(&w, DER_CONTEXT_CONSTRUCTED(0));
        wbuf_put(&w, bytes_of(data, lens[i]));
        der_close(&w, inner);
        der_put_null(&w);
        der_close(&w, outer);
        assert_int_equal(wbuf_rc(&w), RC_OK);
        assert_int_equal(w.data[0], 0xee);
        der_init(&d, bytes_of(w.data + 1, w.len - 1), DER_STRICT);
        der_enter(&d, DER_SEQUENCE);
        assert_int_equal(der_get(&d, DER_CONTEXT_CONSTRUCTED(0)).len, lens[i]);
        der_get_null(&d);
        der_leave(&d);
        assert_int_equal(der_end(&d), RC_OK);
        wbuf_clear(&w);
    }
}

/* Whatever room is given, the writer either writes all or fails as a whole. */
static void too_little_room_at_every_octet(void **state)
{
    uint8_t storage[400];

    (void)state;
    for (size_t size = 0; size < sizeof storage; size++) {
        struct wbuf w;
        size_t mark;

        memset(storage, 0xcc, sizeof storage);
        wbuf_init_fixed(&w, storage, size);
        mark = der_open(&w, DER_SEQUENCE);
        for (unsigned i = 0; i < 100; i++) {
            der_put_uint(&w, DER_INTEGER_TAG, i);
        }
        der_close(&w, mark);
        assert_int_equal(wbuf_rc(&w), size < 304 ? RC_TOO_LARGE : RC_OK);
        assert_int_equal(wbuf_bytes(&w).len, size < 304 ? 0 : 304);
        for (size_t i = size; i < sizeof storage; i++) {
            assert_int_equal(storage[i], 0xcc);
        }
        wbuf_clear(&w);
    }
}

static void header_lengths(void **state)
{
    (void)state;
    assert_int_equal(der_header_len(0), 2);
    assert_int_equal(der_header_len(0x7f), 2);
    assert_int_equal(der_header_len(0x80), 3);
    assert_int_equal(der_header_len(0xff), 3);
    assert_int_equal(der_header_len(0x100), 4);
    assert_int_equal(der_header_len(0x10000), 5);
    assert_int_equal(der_header_len(SIZE_MAX), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_shortest),     cmocka_unit_test(sets_are_sorted),
        cmocka_unit_test(equal_elements_keep_their_order), cmocka_unit_test(lengths_are_set_on_close),
        cmocka_unit_test(too_little_room_at_every_octet),  cmocka_unit_test(header_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
