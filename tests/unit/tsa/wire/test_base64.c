/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64: the vectors of RFC 4648 section 10, what is refused, and every form of body that legacy clients send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/base64.h"

static const struct {
    const char *plain, *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

static void assert_written(struct wbuf *w, const char *text)
{
    assert_int_equal(wbuf_rc(w), RC_OK);
    assert_int_equal(w->len, strlen(text));
    assert_true(w->len == 0 || memcmp(w->data, text, w->len) == 0);
    wbuf_clear(w);
}

static void vectors_of_the_rfc(void **state)
{
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        wbuf_init(&w, 100);
        base64_encode(&w, bytes_str(vectors[i].plain));
        assert_written(&w, vectors[i].text);
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode(bytes_str(vectors[i].text), &w), RC_OK);
        assert_written(&w, vectors[i].plain);
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode_body(bytes_str(vectors[i].text), &w), RC_OK);
        assert_written(&w, vectors[i].plain);
    }
}

static void refused_by_both(void **state)
{
    static const char *const texts[] = {
        "Z",
        "Zg",
        "Zg=",
        "Zm8",
        "Zm9vY",
        "Zg===",
        "Zg==Zg==",
        "=",
        "====",
        "Zm9v=",
        "Z===",
        "Zm9v==",
        "Zm9v====",
        "Zg=a",
        "Zm=8",
        "Zh==",
        "Zm9=",
        "Zm9v-",
        "Zm9_",
        "Zm9v!",
        "Zm\x7f"
        "9v",
        "Zm\xff"
        "9v",
        "Zm.9v",
        "Zg==!",
        "\"Zm9v\"",
        "Zm9v,",
        "Zg==A",
    };
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode(bytes_str(texts[i]), &w), RC_BASE64);
        assert_int_equal(wbuf_rc(&w), RC_BASE64);
        wbuf_clear(&w);
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode_body(bytes_str(texts[i]), &w), RC_BASE64);
        assert_int_equal(wbuf_bytes(&w).len, 0);
        wbuf_clear(&w);
    }
}

static void blanks_only_in_bodies(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } bodies[] = {
        {"Zm9vYmFy\n", 9},
        {"Zm9vYmFy\r\n", 10},
        {"Zm9v\nYmFy", 9},
        {"Zm9v\r\nYmFy\r\n", 12},
        {"Zm9vYmFy\0", 9},
        {" Zm9v\tYmFy", 10},
        {"Z m 9 v Y m F y", 15},
        {"Zm9vYmFy\n\0\0", 11},
        {"\0Zm9vYmFy", 9},
        {"Zm9v\x0bYm\x0c"
         "Fy\x1f",
         11},
    };
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode_body(bytes_of(bodies[i].text, bodies[i].len), &w), RC_OK);
        assert_written(&w, "foobar");
        wbuf_init(&w, 100);
        assert_int_equal(base64_decode(bytes_of(bodies[i].text, bodies[i].len), &w), RC_BASE64);
        wbuf_clear(&w);
    }
    wbuf_init(&w, 100);
    assert_int_equal(base64_decode_body(bytes_str("Zm8\n=\n"), &w), RC_OK);
    assert_written(&w, "fo");
}

/* The head of an Authenticode request for a signature of 256 octets, whose text every such body begins with. */
static void head_of_a_legacy_request(void **state)
{
    struct hex store = {.len = 0};
    struct bytes head =
        hex(&store, "30820123 060a2b060104018237030201 30820113 06092a864886f70d010701 a0820104 04820100");
    struct wbuf w;

    (void)state;
    assert_int_equal(head.len, 39);
    wbuf_init(&w, 100);
    base64_encode(&w, head);
    assert_written(&w, "MIIBIwYKKwYBBAGCNwMCATCCARMGCSqGSIb3DQEHAaCCAQQEggEA");
}

static void all_lengths_round_trip(void **state)
{
    uint8_t octets[300];
    struct wbuf text, back;

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = (uint8_t)(i * 167 + 13);
    }
    for (size_t len = 0; len <= sizeof octets; len++) {
        wbuf_init(&text, 1000);
        wbuf_init(&back, len ? len : 1);
        base64_encode(&text, bytes_of(octets, len));
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(base64_decode(wbuf_bytes(&text), &back), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&back), bytes_of(octets, len)));
        wbuf_clear(&text);
        wbuf_clear(&back);
    }
}

static void appends_and_keeps_to_the_limit(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 8);
    wbuf_put_text(&w, "<");
    base64_encode(&w, bytes_str("foo"));
    assert_written(&w, "<Zm9v");
    wbuf_init(&w, 3);
    base64_encode(&w, bytes_str("foo"));
    assert_int_equal(wbuf_rc(&w), RC_TOO_LARGE);
    wbuf_clear(&w);
    wbuf_init(&w, 5);
    assert_int_equal(base64_decode(bytes_str("Zm9vYmFy"), &w), RC_TOO_LARGE);
    wbuf_clear(&w);
    wbuf_init(&w, 100);
    base64_encode(&w, bytes_of("x", SIZE_MAX));
    assert_int_equal(wbuf_rc(&w), RC_TOO_LARGE);
    wbuf_clear(&w);
}

/* Each of the 256 octets in the place of a digit. */
static void every_octet(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t text[4] = "AAAA";
    struct wbuf w;

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool digit = c != 0 && strchr(alphabet, (int)c);

        text[3] = (uint8_t)c;
        wbuf_init(&w, 10);
        assert_int_equal(base64_decode(bytes_of(text, 4), &w), digit || c == '=' ? RC_OK : RC_BASE64);
        assert_true(!digit || w.data[2] == (uint8_t)(strchr(alphabet, (int)c) - alphabet));
        wbuf_clear(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),
        cmocka_unit_test(refused_by_both),
        cmocka_unit_test(blanks_only_in_bodies),
        cmocka_unit_test(head_of_a_legacy_request),
        cmocka_unit_test(all_lengths_round_trip),
        cmocka_unit_test(appends_and_keeps_to_the_limit),
        cmocka_unit_test(every_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
