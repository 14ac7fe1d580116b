/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and comparing. inet_pton does the reading: it takes no abbreviations of IPv4 and no zones, which is right for lists that people
 * maintain for years.
 */
#include "tsa/role/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_WORD "unix"

static const uint8_t wrapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static unsigned bits_of(const struct netaddr *addr)
{
    return addr->family == AF_INET ? 32 : addr->family == AF_INET6 ? 128 : 0;
}

static void unwrap(struct netaddr *addr)
{
    if (addr->family == AF_INET6 && memcmp(addr->addr, wrapped, sizeof(wrapped)) == 0) {
        addr->family = AF_INET;
        memmove(addr->addr, addr->addr + sizeof(wrapped), 4);
        memset(addr->addr + 4, 0, sizeof(addr->addr) - 4);
    }
}

struct netaddr netaddr_of_sock(const struct sockaddr *sock)
{
    struct netaddr addr = {.family = AF_UNIX};

    if (sock->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sock;

        addr.family = AF_INET;
        addr.port = ntohs(in->sin_port);
        memcpy(addr.addr, &in->sin_addr, sizeof(in->sin_addr));
    } else if (sock->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sock;

        addr.family = AF_INET6;
        addr.port = ntohs(in6->sin6_port);
        memcpy(addr.addr, &in6->sin6_addr, sizeof(in6->sin6_addr));
        unwrap(&addr);
    }
    return addr;
}

enum rc netaddr_parse(struct bytes text, struct netaddr *out)
{
    char name[INET6_ADDRSTRLEN];
    const bool is_bracketed = text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']';

    *out = (struct netaddr){.family = AF_UNSPEC};
    if (is_bracketed) {
        text = bytes_of(text.data + 1, text.len - 2);
    }
    if (text.len == 0 || text.len >= sizeof(name) || memchr(text.data, 0, text.len)) {
        return RC_CONFIG;
    }
    memcpy(name, text.data, text.len);
    name[text.len] = 0;
    if (!is_bracketed && inet_pton(AF_INET, name, out->addr) == 1) {
        out->family = AF_INET;
    } else if (inet_pton(AF_INET6, name, out->addr) == 1) {
        out->family = AF_INET6;
        unwrap(out);
    } else {
        return RC_CONFIG;
    }
    return RC_OK;
}

char *netaddr_text(const struct netaddr *addr, char out[NETADDR_TEXT_MAX])
{
    if (bits_of(addr) == 0 || !inet_ntop(addr->family, addr->addr, out, NETADDR_TEXT_MAX)) {
        (void)snprintf(out, NETADDR_TEXT_MAX, "%s", addr->family == AF_UNIX ? UNIX_WORD : "-");
    }
    return out;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    return a->family == b->family && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

/* ---- prefixes ---- */

/* The first len bits of both are the same. */
static bool share_bits(const uint8_t *a, const uint8_t *b, unsigned len)
{
    const unsigned whole = len / 8, rest = len % 8;
    const uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool parse_len(const char *text, unsigned max, unsigned *out)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);

    *out = (unsigned)n;
    return *text >= '0' && *text <= '9' && *end == 0 && end - text <= 3 && n <= max &&
           (*text != '0' || end - text == 1);
}

/* The octets that a prefix of that length can not have are zero. */
static bool is_clean(const struct netaddr_prefix *prefix)
{
    struct netaddr_prefix rest = *prefix;

    for (unsigned bit = 0; bit < prefix->len; bit++) {
        rest.net.addr[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    }
    return bytes_are_zero(bytes_of(rest.net.addr, sizeof(rest.net.addr)));
}

enum rc netaddr_prefix_parse(const char *text, struct netaddr_prefix *out, const char **out_why)
{
    const char *slash = strchr(text, '/');
    const size_t len = slash ? (size_t)(slash - text) : strlen(text);

    *out = (struct netaddr_prefix){.net = {.family = AF_UNIX}};
    if (strcmp(text, UNIX_WORD) == 0) {
        return RC_OK;
    }
    *out_why =
        "a prefix is written as \"10.0.0.0/8\", \"2001:db8::/32\", as a single address, or as \"unix\"";
    if (netaddr_parse(bytes_of(text, len), &out->net) != RC_OK) {
        return RC_CONFIG;
    }
    out->len = bits_of(&out->net);
    if (slash && out->net.family == AF_INET && memchr(text, ':', len)) {
        *out_why = "write a prefix of IPv4 addresses as \"10.0.0.0/8\", not wrapped into IPv6";
        return RC_CONFIG;
    }
    if (slash && !parse_len(slash + 1, bits_of(&out->net), &out->len)) {
        *out_why = "the length of a prefix lies between 0 and 32 (IPv4) or 128 (IPv6)";
        return RC_CONFIG;
    }
    *out_why =
        out->net.family == AF_INET
            ? "the address has bits beyond its prefix length: \"10.0.0.0/8\", not \"10.0.0.1/8\""
            : "the address has bits beyond its prefix length: \"2001:db8::/32\", not \"2001:db8::1/32\"";
    return is_clean(out) ? RC_OK : RC_CONFIG;
}

bool netaddr_prefix_has(const struct netaddr_prefix *prefix, const struct netaddr *addr)
{
    return prefix->net.family == addr->family && share_bits(prefix->net.addr, addr->addr, prefix->len);
}
