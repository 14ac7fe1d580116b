/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol header. Version 1 is a line of text, version 2 has a signature, a length and TLVs. An octet that can not belong to either
 * ends the connection at once; what is not whole is never looked into. Of the TLVs only the checksum concerns us: where it stands behind addresses it must be right. A
 * connection that came to the proxy by a Unix socket has no address that means anything here: it counts as the proxy's own, as the specification
 * lets a receiver do with what it does not support. Datagrams bring no requests and are refused.
 */
#include "tsa/http/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* ---- version 1 (2.1 of the specification) ---- */

#define V1_MAX   107u /* with CR LF */
#define V1_BEGIN "PROXY "

/* The next word of a line, and a single space behind it. *rest begins after that space. False when there is no space. */
static bool take_word(struct bytes *rest, struct bytes *out)
{
    const uint8_t *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;

    if (!space) {
        return false;
    }
    *out = bytes_of(rest->data, (size_t)(space - rest->data));
    *rest = bytes_of(space + 1, rest->len - out->len - 1);
    return true;
}

static bool parse_port(struct bytes text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* As the family is announced; no brackets, which the reader of addresses would take. */
static bool parse_addr(struct bytes text, bool is_v6, struct netaddr *out)
{
    return text.len > 0 && text.data[0] != '[' && (memchr(text.data, ':', text.len) != NULL) == is_v6 &&
           netaddr_parse(text, out) == RC_OK;
}

/* What follows "PROXY TCP4 " or "PROXY TCP6 ": both addresses, both ports. */
static bool parse_v1_tcp(struct bytes rest, bool is_v6, struct netaddr *out)
{
    struct bytes from, to, from_port;
    struct netaddr server;
    uint16_t server_port;

    return take_word(&rest, &from) && take_word(&rest, &to) && take_word(&rest, &from_port) &&
           parse_addr(from, is_v6, out) && parse_addr(to, is_v6, &server) &&
           parse_port(from_port, &out->port) && parse_port(rest, &server_port);
}

/* The line without CR LF. */
static bool parse_v1_line(struct bytes line, struct netaddr *out)
{
    struct bytes rest = bytes_of(line.data + strlen(V1_BEGIN), line.len - strlen(V1_BEGIN)), family;

    if (bytes_equal(rest, bytes_str("UNKNOWN"))) {
        return true;
    }
    if (!take_word(&rest, &family)) {
        return false;
    }
    if (bytes_equal(family, bytes_str("TCP4"))) {
        return parse_v1_tcp(rest, false, out);
    }
    if (bytes_equal(family, bytes_str("TCP6"))) {
        return parse_v1_tcp(rest, true, out);
    }
    return bytes_equal(family, bytes_str("UNKNOWN")); /* whatever follows is to be ignored */
}

/* Ends at the first CR LF; a CR or LF alone never ends a line. */
static enum proxy_header_verdict parse_v1(struct bytes in, size_t *out_len, struct netaddr *out)
{
    size_t i = 0;

    while (i < in.len && i < V1_MAX - 1 && in.data[i] != '\r' && in.data[i] != '\n') {
        i++;
    }
    if (i >= V1_MAX - 1 || (i < in.len && in.data[i] == '\n') || (i + 1 < in.len && in.data[i + 1] != '\n')) {
        return PROXY_HEADER_BAD;
    }
    if (i + 1 >= in.len) {
        return PROXY_HEADER_MORE;
    }
    if (!parse_v1_line(bytes_of(in.data, i), out)) {
        return PROXY_HEADER_BAD;
    }
    *out_len = i + 2;
    return PROXY_HEADER_TAKEN;
}

/* ---- version 2 (2.2) ---- */

#define V2_HEAD        16u
#define V2_LEN_MAX     (PROXY_HEADER_MAX - V2_HEAD)
#define V2_VERSION     0x20
#define V2_LOCAL       0x0
#define V2_PROXY       0x1
#define V2_STREAM      0x1
#define TLV_HEAD       3u
#define TLV_CRC32C     0x03
#define TLV_CRC32C_LEN 4u

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                         0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Octets of both addresses and ports, by family. */
static const unsigned v2_addrs_len[] = {0, 12, 36, 216};
#define V2_FAMILIES (sizeof(v2_addrs_len) / sizeof(v2_addrs_len[0]))

/* RFC 4960 appendix B, bit by bit: it is needed once for a connection of a proxy that sends it. skip: where the checksum itself stands. */
static uint32_t crc32c(struct bytes in, size_t skip)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < in.len; i++) {
        crc ^= i >= skip && i < skip + TLV_CRC32C_LEN ? 0u : in.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
        }
    }
    return ~crc;
}

static unsigned word_at(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool is_crc_right(struct bytes whole, size_t at)
{
    const uint32_t told = (uint32_t)word_at(whole.data + at) << 16 | word_at(whole.data + at + 2);

    return crc32c(whole, at) == told;
}

/* Each lies within the header, and a checksum is right. */
static bool check_tlvs(struct bytes whole, size_t at)
{
    while (at < whole.len) {
        size_t len;

        if (whole.len - at < TLV_HEAD) {
            return false;
        }
        len = word_at(whole.data + at + 1);
        if (len > whole.len - at - TLV_HEAD) {
            return false;
        }
        at += TLV_HEAD;
        if (whole.data[at - TLV_HEAD] == TLV_CRC32C && (len != TLV_CRC32C_LEN || !is_crc_right(whole, at))) {
            return false;
        }
        at += len;
    }
    return true;
}

/* What the octets 13 to 16 promise, as far as they are there. */
static bool check_v2_head(struct bytes in)
{
    const unsigned command = in.len > 12 ? in.data[12] & 0x0f : V2_LOCAL;
    const unsigned family = in.len > 13 ? in.data[13] >> 4 : 0, kind = in.len > 13 ? in.data[13] & 0x0f : 0;

    if (in.len > 12 && ((in.data[12] & 0xf0) != V2_VERSION || command > V2_PROXY)) {
        return false;
    }
    if (command == V2_PROXY && (family >= V2_FAMILIES || kind > V2_STREAM)) {
        return false;
    }
    return in.len < V2_HEAD ||
           (word_at(in.data + 14) <= V2_LEN_MAX &&
            (command == V2_LOCAL || kind != V2_STREAM || word_at(in.data + 14) >= v2_addrs_len[family]));
}

static struct netaddr v2_client(const uint8_t *addrs, unsigned family)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (family == 1) {
        memcpy(&v4.sin_addr, addrs, sizeof(v4.sin_addr));
        memcpy(&v4.sin_port, addrs + 8, sizeof(v4.sin_port));
        return netaddr_of_sock((const struct sockaddr *)&v4);
    }
    memcpy(&v6.sin6_addr, addrs, sizeof(v6.sin6_addr));
    memcpy(&v6.sin6_port, addrs + 32, sizeof(v6.sin6_port));
    return netaddr_of_sock((const struct sockaddr *)&v6);
}

static enum proxy_header_verdict parse_v2(struct bytes in, size_t *out_len, struct netaddr *out)
{
    unsigned family;
    size_t len;

    if (!check_v2_head(in)) {
        return PROXY_HEADER_BAD;
    }
    if (in.len < V2_HEAD || in.len < V2_HEAD + word_at(in.data + 14)) {
        return PROXY_HEADER_MORE;
    }
    len = V2_HEAD + word_at(in.data + 14);
    family = in.data[13] >> 4;
    if ((in.data[12] & 0x0f) == V2_PROXY && family && (in.data[13] & 0x0f) == V2_STREAM) {
        if (!check_tlvs(bytes_of(in.data, len), V2_HEAD + v2_addrs_len[family])) {
            return PROXY_HEADER_BAD;
        }
        if (family <= 2) {
            *out = v2_client(in.data + V2_HEAD, family);
        }
    }
    *out_len = len;
    return PROXY_HEADER_TAKEN;
}

/* ---- either ---- */

static bool begins_as(struct bytes in, const void *what, size_t len)
{
    return in.len == 0 || memcmp(in.data, what, in.len < len ? in.len : len) == 0;
}

enum proxy_header_verdict proxy_header_parse(struct bytes in, size_t *out_len, struct netaddr *out)
{
    enum proxy_header_verdict verdict = PROXY_HEADER_BAD;
    struct netaddr client = {.family = AF_UNSPEC};

    *out_len = 0;
    if (begins_as(in, v2_signature, sizeof(v2_signature))) {
        verdict = parse_v2(in, out_len, &client);
    } else if (begins_as(in, V1_BEGIN, strlen(V1_BEGIN))) {
        verdict = parse_v1(in, out_len, &client);
    }
    *out = verdict == PROXY_HEADER_TAKEN ? client : (struct netaddr){.family = AF_UNSPEC};
    return verdict;
}
