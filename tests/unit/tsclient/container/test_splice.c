/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes inside a DER tree: lengths of every form, up and down, at any depth, and edits that stand where none may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsclient/container/splice.h"

#define LIMIT (1u << 20)

/* SEQUENCE { OCTET STRING of len octets } */
static void some_element(struct wbuf *w, size_t len, uint8_t fill)
{
    size_t mark, inner;

    wbuf_init(w, LIMIT);
    mark = der_open(w, DER_SEQUENCE);
    inner = der_open(w, DER_OCTET_STRING_TAG);
    memset(wbuf_reserve(w, len), fill, len);
    der_close(w, inner);
    der_close(w, mark);
}

/* A tree whose contents cross every boundary of the length's form, up and down. */
static void lengths_cross_their_boundaries(void **state)
{
    static const size_t sizes[] = {0,   1,   120, 123, 126,   127,   128,  250,
                                   253, 254, 255, 256, 65530, 65535, 65536};
    struct wbuf in, out, expected, part;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            struct splice splice = {0};
            struct bytes inner;
            struct der d;

            some_element(&in, sizes[i], 0x01);
            some_element(&expected, sizes[k], 0x01);
            wbuf_init(&part, LIMIT);
            der_init(&d, wbuf_bytes(&expected), DER_STRICT);
            wbuf_put(&part, der_get(&d, DER_SEQUENCE));
            der_init(&d, wbuf_bytes(&in), DER_STRICT);
            inner = der_get(&d, DER_SEQUENCE);
            splice_add(&splice, (struct splice_edit){.parent = in.data,
                                                     .at = inner.data,
                                                     .remove = inner.len,
                                                     .insert = wbuf_bytes(&part)});
            wbuf_init(&out, LIMIT);
            assert_int_equal(splice_apply(&splice, wbuf_bytes(&in), &out), RC_OK);
            assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&expected)));
            wbuf_clear(&in);
            wbuf_clear(&out);
            wbuf_clear(&part);
            wbuf_clear(&expected);
        }
    }
}

static void an_edit_must_stand_between_children(void **state)
{
    struct splice splice = {0};
    struct wbuf in, out;

    (void)state;
    some_element(&in, 5, 0x01);
    splice_add(&splice,
               (struct splice_edit){.parent = in.data, .at = in.data + 3, .insert = bytes_of("\x05\x00", 2)});
    wbuf_init(&out, LIMIT);
    assert_int_equal(splice_apply(&splice, wbuf_bytes(&in), &out), RC_DER_TAG);
    wbuf_clear(&in);
    wbuf_clear(&out);
}

/* SEQUENCEs within each other, each with a length of num octets; around one NULL. */
static void nest(struct wbuf *w, size_t depth, size_t num)
{
    wbuf_init(w, LIMIT);
    der_put_null(w);
    for (size_t i = 0; i < depth; i++) {
        size_t len = w->len;
        uint8_t *at = wbuf_insert(w, 0, 2 + num);

        assert_non_null(at);
        at[0] = DER_SEQUENCE;
        at[1] = num == 0 ? (uint8_t)len : (uint8_t)(0x80 | num);
        for (size_t k = num; k > 0; k--) {
            at[1 + k] = (uint8_t)len;
            len >>= 8;
        }
    }
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    for (size_t depth = SPLICE_MAX_DEPTH; depth <= SPLICE_MAX_DEPTH + 2; depth++) {
        struct splice splice = {0};
        struct wbuf in, out;

        nest(&in, depth, 3);
        splice_add(&splice, (struct splice_edit){.parent = in.data + 5 * (depth - 1),
                                                 .at = in.data + 5 * depth,
                                                 .insert = bytes_of("\x05\x00", 2)});
        wbuf_init(&out, LIMIT);
        assert_int_equal(splice_apply(&splice, wbuf_bytes(&in), &out),
                         depth > SPLICE_MAX_DEPTH + 1 ? RC_DER_DEPTH : RC_OK);
        wbuf_clear(&in);
        wbuf_clear(&out);
    }
}

/* What goes in and is taken off again leaves the old octets, whatever form the lengths have that still fits. */
static void deep_there_and_back(void **state)
{
    static uint8_t much[70000];

    (void)state;
    much[0] = 0x04;
    much[1] = 0x83;
    much[2] = (sizeof much - 5) >> 16;
    much[3] = ((sizeof much - 5) >> 8) & 0xff;
    much[4] = (sizeof much - 5) & 0xff;
    for (size_t num = 4; num <= 120; num += 29) {
        const size_t depth = 100, head = 2 + num;
        struct splice there = {0}, back = {0};
        struct wbuf in, out, again;

        nest(&in, depth, num);
        splice_add(&there, (struct splice_edit){.parent = in.data + head * (depth - 1),
                                                .at = in.data + head * depth,
                                                .insert = bytes_of(much, sizeof much)});
        wbuf_init(&out, LIMIT);
        assert_int_equal(splice_apply(&there, wbuf_bytes(&in), &out), RC_OK);
        assert_int_equal(out.len, in.len + sizeof much);
        splice_add(&back, (struct splice_edit){.parent = out.data + head * (depth - 1),
                                               .at = out.data + head * depth,
                                               .remove = sizeof much});
        wbuf_init(&again, LIMIT);
        assert_int_equal(splice_apply(&back, wbuf_bytes(&out), &again), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&again), wbuf_bytes(&in)));
        wbuf_clear(&in);
        wbuf_clear(&out);
        wbuf_clear(&again);
    }
}

static void edits_have_a_limit(void **state)
{
    struct splice splice = {0};
    uint8_t place = 0;

    (void)state;
    for (size_t i = 0; i <= SPLICE_MAX_EDITS; i++) {
        assert_int_equal(splice.rc, RC_OK);
        splice_add(&splice,
                   (struct splice_edit){.parent = &place, .at = &place, .insert = bytes_of("\x05\x00", 2)});
    }
    assert_int_equal(splice.rc, RC_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_cross_their_boundaries),
        cmocka_unit_test(an_edit_must_stand_between_children),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(deep_there_and_back),
        cmocka_unit_test(edits_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
