/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROXY protocol headers made by hand, both versions: what is taken and as whom, what is refused, and that it does not matter how the octets
 * arrive.
 */
#include "tsa/http/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define HEX_MAX   (2 * PROXY_HEADER_MAX + 64)

static enum proxy_header_verdict parse(struct bytes in, size_t *out_len, char out[NETADDR_TEXT_MAX + 8])
{
    struct netaddr client;
    char text[NETADDR_TEXT_MAX];
    const enum proxy_header_verdict verdict = proxy_header_parse(in, out_len, &client);

    (void)snprintf(out, NETADDR_TEXT_MAX + 8, "%s %u", netaddr_text(&client, text), client.port);
    return verdict;
}

/* Octet by octet: more until it is whole, then the same, whatever follows. */
static void expect_taken(struct bytes header, const char *client)
{
    uint8_t more[PROXY_HEADER_MAX + 16];
    char text[NETADDR_TEXT_MAX + 8];
    size_t len;

    assert_true(header.len <= PROXY_HEADER_MAX);
    memcpy(more, header.data, header.len);
    memcpy(more + header.len, "POST / HTTP/1.1\n", 16);
    for (size_t i = 0; i < header.len; i++) {
        assert_int_equal(parse(bytes_of(more, i), &len, text), PROXY_HEADER_MORE);
        assert_int_equal(len, 0);
        assert_string_equal(text, "- 0");
    }
    for (size_t i = 0; i <= 16; i++) {
        assert_int_equal(parse(bytes_of(more, header.len + i), &len, text), PROXY_HEADER_TAKEN);
        assert_int_equal(len, header.len);
        assert_string_equal(text, client);
    }
}

/* Refused at one octet, and at all that follow; the shortest beginning that is refused has that length. */
static void expect_bad(struct bytes header, size_t at)
{
    char text[NETADDR_TEXT_MAX + 8];
    size_t len;

    for (size_t i = 0; i <= header.len; i++) {
        const enum proxy_header_verdict verdict = parse(bytes_of(header.data, i), &len, text);

        if (verdict != (i < at ? PROXY_HEADER_MORE : PROXY_HEADER_BAD)) {
            fail_msg("verdict %d after %zu of %zu octets: %.*s", (int)verdict, i, header.len, (int)header.len,
                     (const char *)header.data);
        }
        assert_int_equal(len, 0);
        assert_string_equal(text, "- 0");
    }
}

/* ---- version 1 ---- */

static void test_lines(void **state)
{
    static const struct {
        const char *line, *client;
    } cases[] = {
        {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1 56324"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255 65535"},
        {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0 0"},
        {"PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n", "2001:db8::1 1"},
        {"PROXY TCP6 2001:DB8:0:0:0:0:0:1 :: 1 80\r\n", "2001:db8::1 1"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
         "65535\r\n",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::1 7 8\r\n", "192.0.2.1 7"},
        {"PROXY UNKNOWN\r\n", "- 0"},
        {"PROXY UNKNOWN \r\n", "- 0"},
        {"PROXY UNKNOWN TCP4 1.2.3.4 whatever\r\n", "- 0"},
        {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n",
         "- 0"}, /* 107 octets */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_taken(bytes_str(cases[i].line), cases[i].client);
    }
}

/* Lines are looked into when they are whole; a strange beginning and a wrong end of line at once. */
static void test_bad_lines(void **state)
{
    static const char *const whole[] = {
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 \r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 9\r\n",
        "PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.0.1  192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324  443\r\n",
        "PROXY  TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4\t192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.0.01 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.011 56324 443\r\n",
        "PROXY TCP4 192.168.0.256 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 192.168.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n",
        "PROXY TCP4 ::ffff:192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP6 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP6 2001:db8::1 192.168.0.11 56324 443\r\n",
        "PROXY TCP6 [2001:db8::1] [2001:db8::2] 56324 443\r\n",
        "PROXY TCP6 fe80::1%eth0 2001:db8::2 56324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 65536\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 056324 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 00 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 0443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 -1 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 +1 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 1x 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11 0x1 443\r\n",
        "PROXY TCP4 192.168.0.1 192.168.0.11  443\r\n",
        "PROXY UDP4 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY tcp4 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP5 192.168.0.1 192.168.0.11 56324 443\r\n",
        "PROXY TCP4\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY UNKNOW\r\n",
        "PROXY unknown\r\n",
        "PROXY \r\n",
    };
    static const struct {
        const char *octets;
        size_t at;
    } early[] = {
        {"GET / HTTP/1.1\r\n", 1},
        {"POST / HTTP/1.1\r\n", 2},
        {"proxy TCP4", 1},
        {"PROXY\tTCP4", 6},
        {"PROXY\r\n", 6},
        {"PROXI", 5},
        {" PROXY", 1},
        {"\x16\x03\x01", 1}, /* TLS without a header */
        {"PROXY UNKNOWN\n", 14},
        {"PROXY UNKNOWN\rX", 15},
        {"PROXY UNKNOWN\r\r\n", 15},
        {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\nGET / HTTP/1.1\r\n", 46},
        {"\r\nGET", 3},
    };
    static const char with_nul[] = "PROXY TCP4 192.168.0.1\0 192.168.0.11 1 2\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        expect_bad(bytes_str(whole[i]), strlen(whole[i]));
    }
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        expect_bad(bytes_str(early[i].octets), early[i].at);
    }
    expect_bad(bytes_of(with_nul, sizeof(with_nul) - 1), sizeof(with_nul) - 1);
}

static void test_long_lines(void **state)
{
    char line[256];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    memcpy(line + 105, "\r\n", 2);
    expect_taken(bytes_of(line, 107), "- 0");
    memcpy(line + 105, "x\r\n", 3);
    expect_bad(bytes_of(line, sizeof(line)), 106); /* its CR LF can not come in time any more */
}

/* ---- version 2 ---- */

/* Hex digits, blanks between them, behind the signature. */
static struct bytes make_v2(const char *hex, uint8_t out[HEX_MAX])
{
    char digits[HEX_MAX];
    size_t len = 0, out_len;

    for (; *hex; hex++) {
        if (*hex != ' ') {
            assert_true(len + 1 < sizeof(digits));
            digits[len++] = *hex;
        }
    }
    digits[len] = 0;
    memcpy(out, SIGNATURE, 12);
    assert_int_equal(bytes_from_hex(digits, out + 12, HEX_MAX - 12, &out_len), RC_OK);
    return bytes_of(out, 12 + out_len);
}

#define V4_ADDRS "c0000201 c6336401 1234 01bb"
#define V6_ADDRS "20010db8000000000000000000000001 20010db8000000000000000000000002 ffff 01bb"
#define NIL_108                                                                                              \
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"                   \
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"                   \
    "000000000000000000000000000000000000000000000000"

static void test_binary(void **state)
{
    static const struct {
        const char *hex, *client;
    } cases[] = {
        {"21 11 000c" V4_ADDRS, "192.0.2.1 4660"},
        {"21 21 0024" V6_ADDRS, "2001:db8::1 65535"},
        {"21 21 0024 00000000000000000000ffffc0000207 00000000000000000000ffffc0000208 0001 0002",
         "192.0.2.7 1"},
        {"21 31 00d8" NIL_108 NIL_108, "- 0"},
        {"20 00 0000", "- 0"}, /* LOCAL, as a proxy checks our health */
        {"20 11 000c" V4_ADDRS, "- 0"},
        {"20 11 0001 ff", "- 0"},
        {"20 ff 0003 ffffff", "- 0"}, /* its family is to be ignored */
        {"21 00 0000", "- 0"},
        {"21 00 0005 0102030405", "- 0"},
        {"21 10 000c" V4_ADDRS, "- 0"},
        {"21 01 0000", "- 0"},
        {"21 11 0010" V4_ADDRS "04 0001 00", "192.0.2.1 4660"},                        /* NOOP */
        {"21 11 000f" V4_ADDRS "04 0000", "192.0.2.1 4660"},                           /* an empty one */
        {"21 11 001a" V4_ADDRS "02 0004 61626364 ea 0004 03000400", "192.0.2.1 4660"}, /* host name, own */
        {"21 11 0013" V4_ADDRS "03 0004 a591ae6a", "192.0.2.1 4660"},
        /* as HAProxy 2.6 has sent it, with a CRC32C too */
        {"21 11 0016 7f000001 7f000001 ed60 47d7 03 0004 e7ee399f 05 0000", "127.0.0.1 60768"},
        {"21 21 002f" V6_ADDRS "04 0001 ff 03 0004 00000000", "bad crc"},
        {"21 00 0007 03 0004 00000000", "- 0"}, /* where TLVs begin is not known */
    };
    uint8_t octets[HEX_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct bytes header = make_v2(cases[i].hex, octets);

        if (strcmp(cases[i].client, "bad crc") == 0) {
            expect_bad(header, header.len);
        } else {
            expect_taken(header, cases[i].client);
        }
    }
}

static void test_bad_binary(void **state)
{
    static const struct {
        const char *hex;
        size_t at;
    } cases[] = {
        {"11 11 000c" V4_ADDRS, 13}, /* version 1 in binary */
        {"31 11 000c" V4_ADDRS, 13},
        {"22 11 000c" V4_ADDRS, 13}, /* neither LOCAL nor PROXY */
        {"2f 11 000c" V4_ADDRS, 13},
        {"21 12 000c" V4_ADDRS, 14}, /* datagrams */
        {"21 22 0024" V6_ADDRS, 14},
        {"21 32 00d8" NIL_108 NIL_108, 14},
        {"21 13 000c" V4_ADDRS, 14},
        {"21 41 000c" V4_ADDRS, 14},
        {"21 f1 000c" V4_ADDRS, 14},
        {"21 11 000b c0000201 c6336401 1234 01", 16}, /* no room for what the family has */
        {"21 11 0000", 16},
        {"21 21 0023 00", 16},
        {"21 21 000c" V4_ADDRS, 16},
        {"21 31 00d7 00", 16},
        {"21 11 0219 00", 16}, /* longer than is read */
        {"20 00 0219 00", 16},
        {"20 00 ffff 00", 16},
        {"21 11 000d" V4_ADDRS "04", 29}, /* TLVs that are cut short */
        {"21 11 000e" V4_ADDRS "04 00", 30},
        {"21 11 000f" V4_ADDRS "04 0001", 31},
        {"21 11 0010" V4_ADDRS "04 0002 00", 32},
        {"21 11 0013" V4_ADDRS "03 0004 a591ae6b", 35}, /* a checksum that is wrong */
        {"21 11 0013" V4_ADDRS "03 0004 00000000", 35},
        {"21 11 0012" V4_ADDRS "03 0003 a591ae", 34}, /* and one that is none */
    };
    uint8_t octets[HEX_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_bad(make_v2(cases[i].hex, octets), cases[i].at);
    }
    for (size_t i = 0; i < 12; i++) {
        const struct bytes header = make_v2("20 00 0000", octets);

        octets[i] ^= 0x40;
        expect_bad(header, i + 1);
    }
}

static void test_longest_binary(void **state)
{
    uint8_t octets[HEX_MAX] = {0};

    (void)state;
    memcpy(octets, SIGNATURE "\x21\x11\x02\x18\xc0\x00\x02\x01", 20);
    memcpy(octets + 28, "\xe0\x02\x09", 3); /* one TLV for all the rest */
    expect_taken(bytes_of(octets, PROXY_HEADER_MAX), "192.0.2.1 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_bad_binary), cmocka_unit_test(test_longest_binary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
