/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as text for people: which attribute, strings of every type, and what must not reach a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/cert.h"

#define CN "0603550403"
#define O  "060355040a"
#define OU "060355040b"

static void assert_name(const char *rdns, const char *expected)
{
    struct hex inner = {.len = 0}, outer = {.len = 0};
    struct bytes contents = hex(&inner, rdns);
    char out[200];
    struct wbuf w;

    wbuf_init_fixed(&w, outer.data, sizeof outer.data);
    der_put(&w, DER_SEQUENCE, contents);
    assert_string_equal(cert_name(wbuf_bytes(&w), out, sizeof out), expected);
}

static void which_attribute_names(void **state)
{
    (void)state;
    assert_name("310a3008" CN "0c0141", "A");
    assert_name("310a3008" O "0c0141"
                "310a3008" CN "0c0142",
                "B");
    assert_name("310a3008" CN "0c0142"
                "310a3008" O "0c0141",
                "B");
    assert_name("310a3008" O "0c0141"
                "310a3008" OU "0c0142",
                "A");
    assert_name("310a3008" OU "0c0141"
                "310a3008" OU "0c0142",
                "B");
    assert_name("310a3008" CN "0c0141"
                "310a3008" CN "0c0142",
                "B");
    assert_name("3114"
                "3008" O "0c0141"
                "3008" CN "0c0142",
                "B"); /* one RDN of two attributes */
    assert_name("", "");
}

static void strings_of_every_type(void **state)
{
    (void)state;
    assert_name("310d300b" CN "0c04c3a46f6b", "\xc3\xa4"
                                              "ok");
    assert_name("310a3008" CN "130141", "A");
    assert_name("310a3008" CN "160141", "A");
    assert_name("310a3008" CN "1a0141", "A");
    assert_name("310a3008" CN "1401e4", "\xc3\xa4");        /* TeletexString as Latin-1 */
    assert_name("310d300b" CN "1e04004100e4", "A\xc3\xa4"); /* BMPString */
    assert_name("310b3009" CN "1e0220ac", "\xe2\x82\xac");
    assert_name("310d300b" CN "1c040001f600", "\xf0\x9f\x98\x80"); /* UniversalString */
    assert_name("310d300b" CN "0c04f09f9880", "\xf0\x9f\x98\x80");
    assert_name("3109 3007" CN "0c00", "");
}

static void characters_that_could_deceive(void **state)
{
    (void)state;
    assert_name("310d300b" CN "0c044100"
                "0a42",
                "A??B");
    assert_name("310d300b" CN "13041b5b326a", "?[2j");
    assert_name("310c300a" CN "0c03417f42", "A?B");
    assert_name("310b3009" CN "0c02c285", "?");
    assert_name("310a3008" CN "140185", "?");
    assert_name("310c300a" CN "0c03e280ae", "?"); /* right-to-left override */
    assert_name("310b3009" CN "1e02202e", "?");
    assert_name("310b3009" CN "1e022067", "?");
    assert_name("310c300a" CN "0c03e280a8", "?"); /* line separator */
    assert_name("310c300a" CN "0c03efbbbf", "?"); /* byte order mark */
}

#define FFFD "\xef\xbf\xbd"

static void characters_that_are_none(void **state)
{
    (void)state;
    assert_name("310a3008" CN "0c01ff", FFFD);
    assert_name("310b3009" CN "0c028041", FFFD "A");
    assert_name("310a3008" CN "0c01c3", FFFD);
    assert_name("310b3009" CN "0c02c341", FFFD "A");
    assert_name("310b3009" CN "0c02c080", FFFD FFFD); /* overlong */
    assert_name("310c300a" CN "0c03e08080", FFFD FFFD FFFD);
    assert_name("310c300a" CN "0c03eda080", FFFD);   /* half of a pair */
    assert_name("310d300b" CN "0c04f4908080", FFFD); /* beyond the last */
    assert_name("310d300b" CN "0c04f8888080", FFFD FFFD FFFD FFFD);
    assert_name("310d300b" CN "1e04d83dde00", FFFD FFFD); /* UTF-16 is not BMP */
    assert_name("310c300a" CN "1e03004100", "A?");        /* an octet is missing */
    assert_name("310d300b" CN "1c0400110000", FFFD);
    assert_name("310d300b" CN "1c04ffffffff", FFFD);
}

static void names_that_are_none(void **state)
{
    static const char *const names[] = {
        "",
        "30",
        "3003310130",
        "3100",
        "300c310a300806035504030c0241",
        "300d310a300806035504030c014100",
        "300b3109300706035504030c",
        "300731053003060155",
        "300a31083006060255800c00",
        "300c300a300806035504030c0141",
        "300c310a300806035504030c0141ff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct hex store = {.len = 0};
        char out[20] = "untouched";

        assert_string_equal(cert_name(hex(&store, names[i]), out, sizeof out), "");
    }
}

/* Cut where a whole character ends. */
static void names_are_cut(void **state)
{
    struct hex store = {.len = 0};
    struct bytes name = hex(&store, "3010 310e 300c 0603550403 0c05 c3a4e282ac"); /* two and three octets */
    char out[8] = "x";

    (void)state;
    (void)cert_name(name, out, 0);
    assert_string_equal(out, "x");
    for (size_t size = 1; size <= 7; size++) {
        (void)cert_name(name, out, size);
        assert_string_equal(out, size < 3 ? "" : size < 6 ? "\xc3\xa4" : "\xc3\xa4\xe2\x82\xac");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_attribute_names),         cmocka_unit_test(strings_of_every_type),
        cmocka_unit_test(characters_that_could_deceive), cmocka_unit_test(characters_that_are_none),
        cmocka_unit_test(names_that_are_none),           cmocka_unit_test(names_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
