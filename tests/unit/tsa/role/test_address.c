/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on: what is taken, what is refused and why, and that text and sockaddr are inverses. */
#include "tsa/role/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_taken(void **state)
{
    static const struct {
        const char *text;
        int family;
        bool loopback, free;
    } cases[] = {
        {"127.0.0.1:3161", AF_INET, true, false},
        {"127.9.9.9:0", AF_INET, true, true},
        {"0.0.0.0:80", AF_INET, false, false},
        {"[::1]:3161", AF_INET6, true, false},
        {"[::]:0", AF_INET6, false, true},
        {"[2001:db8::1]:65535", AF_INET6, false, false},
        {"/run/tsa/http.sock", AF_UNIX, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        const char *why;

        assert_int_equal(address_parse(cases[i].text, &address, &why), RC_OK);
        assert_int_equal(address.sock.any.sa_family, cases[i].family);
        assert_int_equal(address_is_loopback(&address), cases[i].loopback);
        assert_int_equal(address_port_is_free(&address), cases[i].free);
        assert_string_equal(address_text(&address, text), cases[i].text);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "3161",
        ":3161",
        "localhost:3161",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:99999999999999999999",
        "127.0.0.1:31 61",
        "127.0.0.1:3161x",
        "127.0.0:3161",
        "::1:3161",
        "[::1]",
        "[::1:3161",
        "[127.0.0.1]:3161",
        "run/http.sock",
        "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address;
        const char *why = NULL;

        assert_int_equal(address_parse(texts[i], &address, &why), RC_CONFIG);
        assert_non_null(why);
    }
}

static void test_long_path(void **state)
{
    char text[200], back[ADDRESS_TEXT_MAX];
    struct address address;
    const char *why = NULL;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[0] = '/';
    text[107] = 0;
    assert_int_equal(address_parse(text, &address, &why), RC_OK);
    assert_string_equal(address_text(&address, back), text);
    text[107] = 'x';
    text[108] = 0;
    assert_int_equal(address_parse(text, &address, &why), RC_CONFIG);
    assert_non_null(strstr(why, "107"));
}

static void test_equal(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal;
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},
        {"127.0.0.1:80", "127.0.0.1:00080", true},
        {"[::1]:80", "[0:0:0:0:0:0:0:1]:80", true},
        {"[2001:DB8::1]:80", "[2001:db8::1]:80", true},
        {"127.0.0.1:80", "127.0.0.1:81", false},
        {"127.0.0.1:80", "127.0.0.2:80", false},
        {"0.0.0.0:80", "[::]:80", false},
        {"127.0.0.1:0", "127.0.0.1:0", false},
        {"[::1]:0", "[::1]:0", false},
        {"/run/a", "/run/a", true},
        {"/run/a", "/run/b", false},
        {"/run/a", "127.0.0.1:80", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address a, b;
        const char *why;

        assert_int_equal(address_parse(cases[i].a, &a, &why), RC_OK);
        assert_int_equal(address_parse(cases[i].b, &b, &why), RC_OK);
        assert_int_equal(address_equal(&a, &b), cases[i].is_equal);
        assert_int_equal(address_equal(&b, &a), cases[i].is_equal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
