/* SPDX-License-Identifier: Apache-2.0 */
/* How time servers are written: every spelling that is taken, every one that is not, and the lines in which their addresses travel. */
#include "tsa/role/timeserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_taken(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        bool is_number;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", 123, true},
        {"192.0.2.1:1", "192.0.2.1", 1, true},
        {"192.0.2.1:65535", "192.0.2.1", 65535, true},
        {"2001:db8::1", "2001:db8::1", 123, true},
        {"[2001:db8::1]", "2001:db8::1", 123, true},
        {"[2001:db8::1]:1123", "2001:db8::1", 1123, true},
        {"::1", "::1", 123, true},
        {"time.example.org", "time.example.org", 123, false},
        {"time.example.org.", "time.example.org.", 123, false},
        {"Time-1.example.org:00123", "Time-1.example.org", 123, false},
        {"ntp", "ntp", 123, false},
        {"1.pool.example", "1.pool.example", 123, false},
        {"3com", "3com", 123, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct timeserver server;
        struct address address;
        const char *why;

        assert_int_equal(timeserver_parse(cases[i].text, TIMESERVER_PORT, &server, &why), RC_OK);
        assert_null(why);
        assert_string_equal(server.host, cases[i].host);
        assert_int_equal(server.port, cases[i].port);
        assert_int_equal(server.is_number, cases[i].is_number);
        assert_int_equal(timeserver_address(&server, &address), cases[i].is_number ? RC_OK : RC_NOT_FOUND);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        ":123",
        "[]",
        "[]:123",
        "[192.0.2.1]",
        "[time.example]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:1x",
        "192.0.2.1:123456",
        "192.0.2.1:-1",
        "192.0.2.1: 1",
        "192.0.2.256",
        "1.2.3",
        "12345",
        "1.2.3.4.",
        "a..b",
        ".a",
        "-a",
        "a-",
        "a.-b",
        "a b",
        "a_b",
        "a/b",
        "fe80::1%eth0",
        "2001:db8:::1",
        "a:b:c",
        "0.0.0.0",
        "0.0.0.1",
        "224.0.1.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "[::]:123",
        "ff02::101",
        "fe80::1",
        "[fe80::1]:123",
        "::ffff:192.0.2.1",
        "[::ffff:c000:201]:123",
        "a\nb",
        "b234567890123456789012345678901234567890123456789012345678901234.example", /* a label of 64 */
    };
    char text[300];
    struct timeserver server;
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        why = NULL;
        if (timeserver_parse(cases[i], TIMESERVER_PORT, &server, &why) != RC_CONFIG) {
            fail_msg("taken: %s", cases[i]);
        }
        assert_non_null(why);
    }
    assert_int_equal(timeserver_parse("ntp://time.example.org", TIMESERVER_PORT, &server, &why), RC_CONFIG);
    assert_non_null(strstr(why, "no URL"));
    assert_int_equal(timeserver_parse("udp://192.0.2.1:123", TIMESERVER_PORT, &server, &why), RC_CONFIG);
    assert_non_null(strstr(why, "no URL"));
    /* As long as a name may be, and by one too long. */
    for (size_t i = 0; i < 254; i++) {
        text[i] = i % 64 == 63 ? '.' : 'a';
    }
    text[253] = 0;
    assert_int_equal(timeserver_parse(text, TIMESERVER_PORT, &server, &why), RC_OK);
    assert_int_equal(strlen(server.host), 253);
    text[253] = 'a';
    text[254] = 0;
    assert_int_equal(timeserver_parse(text, TIMESERVER_PORT, &server, &why), RC_CONFIG);
}

static void test_smeared(void **state)
{
    static const char *const smeared[] = {"time.google.com", "TIME3.Google.COM", "time.google.com.",
                                          "169.254.169.123", "fd00:ec2::123",    "fd00:0ec2:0::0123",
                                          "216.239.35.12",   "time.aws.com",     "time5.facebook.com"};
    static const char *const others[] = {"time.example.org",
                                         "time.google.com.example",
                                         "xtime.google.com",
                                         "time6.facebook.com",
                                         "google.com",
                                         "fd00:ec2::124",
                                         "time.cloudflare.com",
                                         "time.google.com..",
                                         ""};

    (void)state;
    for (size_t i = 0; i < sizeof(smeared) / sizeof(smeared[0]); i++) {
        assert_true(timeserver_is_smeared(smeared[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(timeserver_is_smeared(others[i]));
    }
}

static bool are_equal(const char *a, const char *b)
{
    struct timeserver one, other;
    const char *why;

    assert_int_equal(timeserver_parse(a, TIMESERVER_PORT, &one, &why), RC_OK);
    assert_int_equal(timeserver_parse(b, TIMESERVER_PORT, &other, &why), RC_OK);
    assert_int_equal(timeserver_equal(&one, &other), timeserver_equal(&other, &one));
    return timeserver_equal(&one, &other);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(are_equal("192.0.2.1", "192.0.2.1:123"));
    assert_true(are_equal("[2001:db8::1]:123", "2001:0db8:0:0::1"));
    assert_true(are_equal("a.example", "A.Example."));
    assert_false(are_equal("192.0.2.1", "192.0.2.1:124"));
    assert_false(are_equal("192.0.2.1", "192.0.2.11"));
    assert_false(are_equal("a.example", "a.example.org"));
    assert_false(are_equal("192.0.2.1", "2001:db8::1"));
    assert_false(are_equal("a.example", "192.0.2.1"));
}

static void test_lines(void **state)
{
    struct wbuf w;
    struct timeserver server;
    struct address address, back;
    struct bytes rest;
    const char *why;

    (void)state;
    wbuf_init(&w, 1000);
    assert_int_equal(timeserver_parse("[2001:db8::1]:1123", 123, &server, &why), RC_OK);
    assert_int_equal(timeserver_address(&server, &address), RC_OK);
    timeserver_put_line(&w, &address);
    timeserver_put_line(&w, NULL);
    assert_int_equal(timeserver_parse("192.0.2.1", 123, &server, &why), RC_OK);
    assert_int_equal(timeserver_address(&server, &address), RC_OK);
    timeserver_put_line(&w, &address);
    rest = wbuf_bytes(&w);
    assert_int_equal(timeserver_get_line(&rest, &back), RC_OK);
    assert_int_equal(back.sock.v6.sin6_family, AF_INET6);
    assert_int_equal(timeserver_get_line(&rest, &back), RC_NOT_FOUND);
    assert_int_equal(timeserver_get_line(&rest, &back), RC_OK);
    assert_true(address_equal(&back, &address));
    assert_int_equal(timeserver_get_line(&rest, &back), RC_CONFIG);
    wbuf_clear(&w);
}

static void test_bad_lines(void **state)
{
    static const char *const cases[] = {
        "",
        "192.0.2.1:123",
        "\n",
        "time.example.org:123\n",
        "192.0.2.1:123 \n",
        "--\n",
        "192.0.2.1:0\n",
        "192.0.2.1:123xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"};
    const uint8_t zero[] = "192.0.2.1\0:1\n";
    struct address address;
    struct bytes rest;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rest = bytes_str(cases[i]);
        assert_int_equal(timeserver_get_line(&rest, &address), RC_CONFIG);
    }
    rest = bytes_of(zero, sizeof(zero) - 1);
    assert_int_equal(timeserver_get_line(&rest, &address), RC_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken), cmocka_unit_test(test_refused), cmocka_unit_test(test_smeared),
        cmocka_unit_test(test_equal), cmocka_unit_test(test_lines),   cmocka_unit_test(test_bad_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
