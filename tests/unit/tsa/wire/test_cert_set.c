/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of certificates: what is passed over, where the walk ends, and finding one by issuer and serial.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/fields.h"

static void assert_hex(struct bytes found, const char *expected)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, expected);

    assert_true(bytes_equal(found, want));
}

static void walking_a_set(void **state)
{
    struct hex store = {.len = 0};
    struct bytes rest = hex(&store, "30020500 a1023000 a000 30020400 a30100"), cert;

    (void)state;
    assert_true(cert_next(&rest, &cert));
    assert_hex(cert, "30020500");
    assert_true(cert_next(&rest, &cert)); /* attribute certificates lie between */
    assert_hex(cert, "30020400");
    assert_false(cert_next(&rest, &cert));
    assert_int_equal(cert.len, 0);
    assert_int_equal(rest.len, 0);
}

static void walking_a_malformed_set(void **state)
{
    static const char *const rests[] = {"3002", "04020000", "a4020000", "00", "3080", "1f8100"};

    (void)state;
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        char text[40] = "30020500";
        struct hex store = {.len = 0};
        struct bytes rest, cert;

        strcat(text, rests[i]);
        rest = hex(&store, text);
        assert_true(cert_next(&rest, &cert));
        assert_false(cert_next(&rest, &cert));
        assert_int_equal(rest.len, strlen(rests[i]) / 2); /* so that the caller can tell */
        assert_int_equal(cert.len, 0);
    }
}

static void finding_in_a_set(void **state)
{
    struct fields second = with(IN(serial), "020108");
    struct hex one = {.len = 0}, two = {.len = 0}, name = {.len = 0};
    struct bytes issuer = hex(&name, NAME_A);
    struct cert cert;
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 2000);
    put_hex(&w, "3002 0500 a102 3000"); /* what is no certificate does not hide one */
    wbuf_put(&w, build(&good, &one));
    wbuf_put(&w, build(&second, &two));
    assert_int_equal(cert_find(wbuf_bytes(&w), issuer, bytes_of("\x08", 1), &cert), RC_OK);
    assert_true(bytes_equal(cert.der, bytes_of(two.data, two.len)));
    assert_int_equal(cert_find(wbuf_bytes(&w), issuer, bytes_of("\x07", 1), &cert), RC_OK);
    assert_true(bytes_equal(cert.der, bytes_of(one.data, one.len)));
    assert_int_equal(cert_find(wbuf_bytes(&w), issuer, bytes_of("\x09", 1), &cert), RC_CERT_NOT_FOUND);
    assert_int_equal(cert.der.len, 0);
    assert_int_equal(cert_find(BYTES_NONE, issuer, bytes_of("\x07", 1), &cert), RC_CERT_NOT_FOUND);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walking_a_set),
        cmocka_unit_test(walking_a_malformed_set),
        cmocka_unit_test(finding_in_a_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
