/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in UTF-16 of both orders to UTF-8 and back; what is broken; what does not fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tsclient/container/utf16.h"

static void to_utf8(void **state)
{
    static const struct {
        const char *octets; /* hex, big endian */
        size_t out_size;
        const char *text;
    } rows[] = {
        {"", 40, ""},
        {"00410000", 40, "A"},
        {"004100420000004300000000", 40, "AB"},
        {"00e4", 40, "\xc3\xa4"},
        {"20ac", 40, "\xe2\x82\xac"},
        {"d83dde00", 40, "\xf0\x9f\x98\x80"},
        {"dbffdfff", 40, "\xf4\x8f\xbf\xbf"},
        {"d83d0041", 40,
         "\xef\xbf\xbd"
         "A"}, /* a high half alone */
        {"d83d", 40, "\xef\xbf\xbd"},
        {"de000041", 40,
         "\xef\xbf\xbd"
         "A"}, /* a low half alone */
        {"d83dd83dde00", 40, "\xef\xbf\xbd\xf0\x9f\x98\x80"},
        {"004141", 40, "A\xef\xbf\xbd"}, /* half a unit */
        {"0041004200430044", 4, "ABC"},
        {"004120ac0042", 4, "A"}, /* cut before a character, never within */
        {"0041", 1, ""},
    };
    uint8_t octets[40], swapped[40];
    char text[40];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(bytes_from_hex(rows[i].octets, octets, sizeof octets, &len), RC_OK);
        memcpy(swapped, octets, sizeof swapped);
        for (size_t at = 0; at + 1 < len; at += 2) {
            swapped[at] = octets[at + 1];
            swapped[at + 1] = octets[at];
        }
        memset(text, 'x', sizeof text);
        assert_string_equal(utf16_to_utf8(bytes_of(octets, len), UTF16_BE, text, rows[i].out_size),
                            rows[i].text);
        memset(text, 'x', sizeof text);
        assert_string_equal(utf16_to_utf8(bytes_of(swapped, len), UTF16_LE, text, rows[i].out_size),
                            rows[i].text);
    }
}

static void from_utf8(void **state)
{
    static const struct {
        const char *text, *big, *little;
    } rows[] = {
        {"", "", ""},
        {"A\xc3\xa4", "004100e4", "4100e400"},
        {"\xe2\x82\xac", "20ac", "ac20"},
        {"\xf0\x9f\x98\x80", "d83dde00", "3dd800de"},
        {"\xf4\x8f\xbf\xbf", "dbffdfff", "ffdbffdf"},
        {"\x80", "fffd", "fdff"},
    };
    char hex[40];
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wbuf_init(&w, 100);
        utf16_put(&w, rows[i].text, UTF16_BE);
        assert_string_equal(bytes_to_hex(wbuf_bytes(&w), hex, sizeof hex), rows[i].big);
        wbuf_reset(&w);
        utf16_put(&w, rows[i].text, UTF16_LE);
        assert_string_equal(bytes_to_hex(wbuf_bytes(&w), hex, sizeof hex), rows[i].little);
        wbuf_clear(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_utf8),
        cmocka_unit_test(from_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
