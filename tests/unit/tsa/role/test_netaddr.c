/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of clients and prefixes of them: what is taken, what is refused and why, and where a prefix begins and ends. */
#include "tsa/role/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static struct netaddr addr_of(const char *text)
{
    struct netaddr addr;

    if (strcmp(text, "unix") == 0) {
        return (struct netaddr){.family = AF_UNIX};
    }
    assert_int_equal(netaddr_parse(bytes_str(text), &addr), RC_OK);
    return addr;
}

static void test_taken(void **state)
{
    static const struct {
        const char *text, *back;
        int family;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", AF_INET},
        {"0.0.0.0", "0.0.0.0", AF_INET},
        {"255.255.255.255", "255.255.255.255", AF_INET},
        {"2001:db8::1", "2001:db8::1", AF_INET6},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", AF_INET6},
        {"[2001:db8::1]", "2001:db8::1", AF_INET6},
        {"::", "::", AF_INET6},
        {"[::]", "::", AF_INET6},
        {"::1", "::1", AF_INET6},
        {"::ffff:192.0.2.1", "192.0.2.1", AF_INET},
        {"[::ffff:c000:201]", "192.0.2.1", AF_INET},
        {"::192.0.2.1", "::192.0.2.1", AF_INET6}, /* the old, compatible form is none that a stack makes */
        {"64:ff9b::c000:201", "64:ff9b::c000:201", AF_INET6},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         AF_INET6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct netaddr addr = addr_of(cases[i].text);
        char text[NETADDR_TEXT_MAX];

        assert_int_equal(addr.family, cases[i].family);
        assert_int_equal(addr.port, 0);
        assert_string_equal(netaddr_text(&addr, text), cases[i].back);
        assert_true(addr.family == AF_INET6 ||
                    bytes_are_zero(bytes_of(addr.addr + 4, sizeof(addr.addr) - 4)));
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "unix",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "0x1.2.3.4",
        "16909060",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4:80",
        "[1.2.3.4]",
        "[]",
        "[::1",
        "::1]",
        "[[::1]]",
        "[::1]:80",
        ":",
        ":::",
        "1::2::3",
        "fe80::1%eth0",
        "fe80::1%1",
        "12345::1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::ffff:1.2.3",
        "::ffff:01.2.3.4",
        "2001:db8::/32",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct netaddr addr;

        assert_int_equal(netaddr_parse(bytes_str(texts[i]), &addr), RC_CONFIG);
        assert_int_equal(addr.family, AF_UNSPEC);
    }
    assert_int_equal(netaddr_parse(bytes_of("1.2.3.4\0.5", 10), &(struct netaddr){0}), RC_CONFIG);
    assert_int_equal(netaddr_parse(bytes_of("1.2.3.4", 7), &(struct netaddr){0}), RC_OK);
    assert_int_equal(netaddr_parse(bytes_of("1.2.3.4", 6), &(struct netaddr){0}), RC_CONFIG);
}

static void test_of_sock(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(4711)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct netaddr addr, other;

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.9", &v4.sin_addr), 1);
    addr = netaddr_of_sock((const struct sockaddr *)&v4);
    other = addr_of("192.0.2.9");
    assert_int_equal(addr.port, 4711);
    assert_true(netaddr_equal(&addr, &other));
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.9", &v6.sin6_addr), 1);
    addr = netaddr_of_sock((const struct sockaddr *)&v6);
    assert_int_equal(addr.family, AF_INET);
    assert_int_equal(addr.port, 65535);
    assert_true(netaddr_equal(&addr, &other)); /* a listener for both families sees the same client */
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::9", &v6.sin6_addr), 1);
    addr = netaddr_of_sock((const struct sockaddr *)&v6);
    assert_int_equal(addr.family, AF_INET6);
    assert_false(netaddr_equal(&addr, &other));
    addr = netaddr_of_sock((const struct sockaddr *)&local);
    assert_int_equal(addr.family, AF_UNIX);
    addr = netaddr_of_sock(&none);
    assert_int_equal(addr.family, AF_UNIX);
}

static void test_text_of_none(void **state)
{
    const struct netaddr local = {.family = AF_UNIX}, unknown = {.family = AF_UNSPEC};
    char text[NETADDR_TEXT_MAX];

    (void)state;
    assert_string_equal(netaddr_text(&local, text), "unix");
    assert_string_equal(netaddr_text(&unknown, text), "-");
}

static void test_prefixes_hold(void **state)
{
    static const struct {
        const char *prefix, *inside, *outside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
        {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
        {"192.0.2.4/32", "192.0.2.4", "192.0.2.5"},
        {"192.0.2.4", "192.0.2.4", "192.0.2.5"},
        {"::ffff:192.0.2.4", "192.0.2.4", "192.0.2.5"},
        {"0.0.0.0/0", "255.255.255.255", "::1"},
        {"128.0.0.0/1", "128.0.0.0", "127.255.255.255"},
        {"::/0", "ffff::", "1.2.3.4"},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
        {"[2001:db8::]/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"2001:db8::/127", "2001:db8::1", "2001:db8::2"},
        {"2001:db8::1/128", "2001:db8::1", "2001:db8::"},
        {"[2001:db8::1]", "2001:db8::1", "2001:db8::2"},
        {"unix", "unix", "0.0.0.0"},
        {"0.0.0.0/0", "0.0.0.0", "unix"},
        {"::/0", "::", "unix"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct netaddr inside = addr_of(cases[i].inside), outside = addr_of(cases[i].outside);
        struct netaddr_prefix prefix;
        const char *why = NULL;

        assert_int_equal(netaddr_prefix_parse(cases[i].prefix, &prefix, &why), RC_OK);
        assert_true(netaddr_prefix_has(&prefix, &inside));
        assert_false(netaddr_prefix_has(&prefix, &outside));
        assert_false(netaddr_prefix_has(&prefix, &(struct netaddr){.family = AF_UNSPEC}));
    }
}

static void test_prefixes_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "a prefix is written as"},
        {"Unix", "a prefix is written as"},
        {"unix/0", "a prefix is written as"},
        {"/8", "a prefix is written as"},
        {"10/8", "a prefix is written as"},
        {"1.2.3/24", "a prefix is written as"},
        {"010.0.0.0/8", "a prefix is written as"},
        {"example.org", "a prefix is written as"},
        {"fe80::1%eth0", "a prefix is written as"},
        {"fe80::%1/64", "a prefix is written as"},
        {"10.0.0.0-10.0.0.9", "a prefix is written as"},
        {"10.0.0.0/255.0.0.0", "between 0 and 32"},
        {"10.0.0.0/", "between 0 and 32"},
        {"10.0.0.0/33", "between 0 and 32"},
        {"10.0.0.0/-1", "between 0 and 32"},
        {"10.0.0.0/+8", "between 0 and 32"},
        {"10.0.0.0/ 8", "between 0 and 32"},
        {"10.0.0.0/8 ", "between 0 and 32"},
        {"10.0.0.0/08", "between 0 and 32"},
        {"0.0.0.0/00", "between 0 and 32"},
        {"10.0.0.0/8/8", "between 0 and 32"},
        {"0.0.0.0/4294967296", "between 0 and 32"},
        {"::/129", "or 128 (IPv6)"},
        {"::/0128", "or 128 (IPv6)"},
        {"::/18446744073709551617", "or 128 (IPv6)"},
        {"10.0.0.1/8", "\"10.0.0.0/8\", not \"10.0.0.1/8\""},
        {"1.0.0.0/0", "beyond its prefix length"},
        {"192.0.2.1/31", "beyond its prefix length"},
        {"2001:db8::1/127", "\"2001:db8::/32\", not \"2001:db8::1/32\""},
        {"2001:db8:8000::/32", "beyond its prefix length"},
        {"::ffff:10.0.0.0/8", "not wrapped into IPv6"},
        {"::ffff:0.0.0.0/96", "not wrapped into IPv6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct netaddr_prefix prefix;
        const char *why = NULL;

        assert_int_equal(netaddr_prefix_parse(cases[i].text, &prefix, &why), RC_CONFIG);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_of_sock),       cmocka_unit_test(test_text_of_none),
        cmocka_unit_test(test_prefixes_hold), cmocka_unit_test(test_prefixes_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
