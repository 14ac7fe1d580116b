/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of octets: the empty view everywhere, the order of a SET OF, slices that must not wrap around, hexadecimal text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/bytes.h"

static void views(void **state)
{
    struct bytes b = bytes_str("abc");

    (void)state;
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "abc", 3);
    assert_null(bytes_of("x", 0).data);
    assert_int_equal(bytes_str("").len, 0);
    assert_int_equal(bytes_str(NULL).len, 0);
    assert_int_equal(BYTES_NONE.len, 0);
}

static void equal_by_both_ways(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"", "", true},   {"a", "a", true},   {"a", "b", false},
        {"a", "", false}, {"ab", "a", false}, {"ab", "ac", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(bytes_equal(bytes_str(rows[i].a), bytes_str(rows[i].b)), rows[i].equal);
        assert_int_equal(bytes_equal_ct(bytes_str(rows[i].a), bytes_str(rows[i].b)), rows[i].equal);
        assert_int_equal(bytes_equal(bytes_str(rows[i].b), bytes_str(rows[i].a)), rows[i].equal);
    }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void order_of_a_set(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"", "", 0},          {"01", "02", -1},    {"80", "7f", 1},     {"01", "0100", 0},
        {"01", "010001", -1}, {"0101", "01", 1},   {"", "00", 0},       {"", "01", -1},
        {"ff", "00ff", 1},    {"0200", "0101", 1}, {"010000", "01", 0}, {"020105", "0402", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex a = {.len = 0}, b = {.len = 0};
        struct bytes left = hex(&a, rows[i].a), right = hex(&b, rows[i].b);

        assert_int_equal(sign(bytes_compare(left, right)), rows[i].order);
        assert_int_equal(sign(bytes_compare(right, left)), -rows[i].order);
    }
}

static void prefixes(void **state)
{
    (void)state;
    assert_true(bytes_starts_with(bytes_str("abc"), bytes_str("ab")));
    assert_true(bytes_starts_with(bytes_str("abc"), bytes_str("abc")));
    assert_true(bytes_starts_with(bytes_str("abc"), BYTES_NONE));
    assert_true(bytes_are_zero(BYTES_NONE));
    assert_true(bytes_are_zero(bytes_of("\0\0\0", 3)));
    assert_false(bytes_are_zero(bytes_of("\0\0\1", 3)));
    assert_false(bytes_are_zero(bytes_of("\1\0\0", 3)));
    assert_true(bytes_starts_with(BYTES_NONE, BYTES_NONE));
    assert_false(bytes_starts_with(bytes_str("abc"), bytes_str("abcd")));
    assert_false(bytes_starts_with(bytes_str("abc"), bytes_str("b")));
}

static void slices_stay_inside(void **state)
{
    static const struct {
        size_t at, len;
        bool ok;
    } rows[] = {
        {0, 5, true},         {2, 3, true},         {5, 0, true},
        {0, 6, false},        {5, 1, false},        {6, 0, false},
        {1, SIZE_MAX, false}, {SIZE_MAX, 1, false}, {SIZE_MAX, SIZE_MAX, false},
    };
    struct bytes b = bytes_str("hello");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool ok = !rows[i].ok;
        struct bytes s = bytes_slice(b, rows[i].at, rows[i].len, &ok);

        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(s.len, ok ? rows[i].len : 0);
        assert_true(s.len == 0 || s.data == b.data + rows[i].at);
    }
    assert_int_equal(bytes_slice(b, 1, 2, NULL).len, 2);
}

static void hex_is_written_and_cut(void **state)
{
    static const uint8_t octets[] = {0x00, 0x9f, 0xAB};
    struct bytes b = bytes_of(octets, sizeof octets);
    char out[8];

    (void)state;
    assert_string_equal(bytes_to_hex(b, out, sizeof out), "009fab");
    assert_string_equal(bytes_to_hex(b, out, 7), "009fab");
    assert_string_equal(bytes_to_hex(b, out, 6), "009f");
    assert_string_equal(bytes_to_hex(b, out, 1), "");
    assert_string_equal(bytes_to_hex(BYTES_NONE, out, sizeof out), "");
    out[0] = 'x';
    (void)bytes_to_hex(b, out, 0);
    assert_int_equal(out[0], 'x');
}

static void hex_is_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
        size_t len;
    } rows[] = {
        {"", RC_OK, 0},
        {"00fF", RC_OK, 2},
        {"0", RC_BASE64, 0},
        {"0g", RC_BASE64, 0},
        {"g0", RC_BASE64, 0},
        {"00 11", RC_BASE64, 0},
        {"0011223344", RC_TOO_LARGE, 0},
        {"/:@G", RC_BASE64, 0},
        {"00112233", RC_OK, 4},
        {"001", RC_BASE64, 0},
    };
    uint8_t out[4];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = 99;

        assert_int_equal(bytes_from_hex(rows[i].text, out, sizeof out, &len), rows[i].rc);
        assert_int_equal(len, rows[i].len);
    }
    assert_memory_equal(out, "\x00\x11\x22\x33", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views),
        cmocka_unit_test(equal_by_both_ways),
        cmocka_unit_test(order_of_a_set),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(slices_stay_inside),
        cmocka_unit_test(hex_is_written_and_cut),
        cmocka_unit_test(hex_is_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
