/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of object identifiers against its own dotted texts and against libcrypto's, and the two texts at the edges of
 * X.690 8.19.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/objects.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/der.h"
#include "tsa/wire/oid.h"

static const struct {
    enum oid oid;
    const char *dotted, *name;
} rows[] = {
#define OID_LINE(NAME, dotted, name, octets) {OID_##NAME, dotted, name},
    OID_TABLE(OID_LINE)
#undef OID_LINE
};

#define NUM_ROWS (sizeof rows / sizeof rows[0])

static void octets_say_what_the_text_says(void **state)
{
    char text[OID_TEXT_MAX];
    struct wbuf w;

    (void)state;
    assert_int_equal(NUM_ROWS, OID_NUM - 1);
    for (size_t i = 0; i < NUM_ROWS; i++) {
        struct bytes octets = oid_bytes(rows[i].oid);

        wbuf_init(&w, 100);
        assert_int_equal(oid_from_text(rows[i].dotted, &w), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&w), octets));
        assert_true(oid_is_valid(octets));
        assert_string_equal(oid_to_text(octets, text, sizeof text), rows[i].dotted);
        assert_string_equal(oid_name(rows[i].oid), rows[i].name);
        assert_int_equal(oid_find(octets), rows[i].oid);
        wbuf_clear(&w);
    }
}

static void libcrypto_encodes_them_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM_ROWS; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(rows[i].dotted, 1);
        struct bytes octets = oid_bytes(rows[i].oid);

        assert_non_null(object);
        assert_int_equal(OBJ_length(object), octets.len);
        assert_memory_equal(OBJ_get0_data(object), octets.data, octets.len);
        ASN1_OBJECT_free(object);
    }
}

static void strangers(void **state)
{
    (void)state;
    assert_int_equal(oid_find(BYTES_NONE), OID_NONE);
    assert_int_equal(oid_find(bytes_of("\x2a\x03\x04", 3)), OID_NONE);
    assert_int_equal(oid_find(bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x07", 8)), OID_NONE);
    assert_int_equal(oid_bytes(OID_NONE).len, 0);
    assert_int_equal(oid_bytes(OID_NUM).len, 0);
    assert_string_equal(oid_name(OID_NONE), "unknown");
    assert_string_equal(oid_name(OID_NUM), "unknown");
}

static void written_with_tag_and_length(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 100);
    oid_put(&w, OID_DATA);
    assert_int_equal(w.len, 11);
    assert_memory_equal(w.data, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 11);
    wbuf_clear(&w);
}

static void both_texts(void **state)
{
    static const struct {
        const char *octets, *text;
    } pairs[] = {
        {"00", "0.0"},
        {"27", "0.39"},
        {"28", "1.0"},
        {"4f", "1.39"},
        {"50", "2.0"},
        {"78", "2.40"},
        {"7f", "2.47"},
        {"8100", "2.48"},
        {"813403", "2.100.3"},
        {"8837", "2.999"},
        {"2a030401", "1.2.3.4.1"},
        {"2a00", "1.2.0"},
        {"2a7f", "1.2.127"},
        {"2a8100", "1.2.128"},
        {"2a8fffffff7f", "1.2.4294967295"},
        {"2a81ffffffffffffffff7f", "1.2.18446744073709551615"},
        {"2a82808080808080808000", "1.2.18446744073709551616"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[OID_TEXT_MAX];
        struct hex store = {.len = 0};
        struct bytes octets;
        struct wbuf w;

        octets = hex(&store, pairs[i].octets);
        assert_true(oid_is_valid(octets));
        assert_string_equal(oid_to_text(octets, text, sizeof text), pairs[i].text);
        wbuf_init(&w, 100);
        assert_int_equal(oid_from_text(pairs[i].text, &w), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&w), octets));
        wbuf_clear(&w);
    }
}

/* Arcs wider than 64 bits, against libcrypto's text. */
static void wide_arcs(void **state)
{
    static const char *const texts[] = {
        "2.25.329800735698586629295641978511506172918",
        "2.340282366920938463463374607431768211455",
        "1.3.99999999999999999999999999999999999999999999.1",
    };
    char text[OID_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(texts[i], 1);
        struct wbuf w;

        assert_non_null(object);
        wbuf_init(&w, 100);
        assert_int_equal(oid_from_text(texts[i], &w), RC_OK);
        assert_int_equal(w.len, OBJ_length(object));
        assert_memory_equal(w.data, OBJ_get0_data(object), w.len);
        assert_string_equal(oid_to_text(wbuf_bytes(&w), text, sizeof text), texts[i]);
        wbuf_clear(&w);
        ASN1_OBJECT_free(object);
    }
}

static void invalid_octets(void **state)
{
    static const char *const octets[] = {"", "80", "8001", "2a80", "2a8001", "ff", "2aff", "2a86488680"};
    char text[OID_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof octets / sizeof octets[0]; i++) {
        struct hex store = {.len = 0};
        struct bytes b = hex(&store, octets[i]);

        assert_false(oid_is_valid(b));
        assert_string_equal(oid_to_text(b, text, sizeof text), "");
    }
}

static void invalid_texts(void **state)
{
    static const char *const texts[] = {
        "",      "1",    "1.",     ".1",     "1..2",   "1.2.", "1.2..3", "3.1",    "1.40",   "0.40",
        "1.128", "a.b",  "1.2.a",  "1.2 .3", " 1.2",   "1.2 ", "01.2",   "1.02",   "1.2.00", "1.2.03",
        "-1.2",  "1.-2", "1.2.-3", "1,2",    "1.2.3x", "10.2", "9.1",    "sha256", "1.2.+3", "2",
    };
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        wbuf_init(&w, 100);
        if (oid_from_text(texts[i], &w) != RC_OID_TEXT) {
            fail_msg("'%s' was taken", texts[i]);
        }
        assert_int_equal(wbuf_rc(&w), RC_OID_TEXT);
        wbuf_clear(&w);
    }
}

/* What hostile data may hold: arcs without end cost no more than their octets. */
static void arcs_too_wide(void **state)
{
    static uint8_t octets[4000];
    static char digits[4004];
    char text[OID_TEXT_MAX];
    struct wbuf w;

    (void)state;
    memset(octets, 0xff, sizeof octets);
    octets[0] = 0x2a;
    octets[sizeof octets - 1] = 0x7f;
    assert_true(oid_is_valid(bytes_of(octets, sizeof octets)));
    assert_string_equal(oid_to_text(bytes_of(octets, sizeof octets), text, sizeof text), "1.2");
    memset(digits, '9', sizeof digits - 1);
    memcpy(digits, "1.2.", 4);
    wbuf_init(&w, 10000);
    assert_int_equal(oid_from_text(digits, &w), RC_OID_TEXT);
    wbuf_clear(&w);
}

static void texts_are_cut(void **state)
{
    static const char whole[] = "1.2.840.113549.1.7.1";
    char text[sizeof whole];

    (void)state;
    for (size_t size = 1; size <= sizeof whole; size++) {
        memset(text, 'x', sizeof text);
        (void)oid_to_text(oid_bytes(OID_DATA), text, size);
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, whole, size - 1);
    }
    text[0] = 'x';
    (void)oid_to_text(oid_bytes(OID_DATA), text, 0);
    assert_int_equal(text[0], 'x');
}

static void keeps_to_the_limit(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 3);
    assert_int_equal(oid_from_text("1.2.3.4", &w), RC_OK);
    assert_int_equal(oid_from_text("1.2.3.4", &w), RC_TOO_LARGE);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_say_what_the_text_says),
        cmocka_unit_test(libcrypto_encodes_them_alike),
        cmocka_unit_test(strangers),
        cmocka_unit_test(written_with_tag_and_length),
        cmocka_unit_test(both_texts),
        cmocka_unit_test(wide_arcs),
        cmocka_unit_test(invalid_octets),
        cmocka_unit_test(invalid_texts),
        cmocka_unit_test(arcs_too_wide),
        cmocka_unit_test(texts_are_cut),
        cmocka_unit_test(keeps_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
