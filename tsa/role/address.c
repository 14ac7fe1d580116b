/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to listen on, text to sockaddr and back. It opens nothing and looks nothing up.
 */
#include "tsa/role/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_FORM                                                                                             \
    "write ADDRESS:PORT with numbers, such as \"127.0.0.1:3161\", \"0.0.0.0:3161\" or \"[::]:3161\", or "    \
    "the full "                                                                                              \
    "path of a Unix socket"

static enum rc parse_local(const char *text, struct address *out, const char **out_why)
{
    const size_t len = strlen(text);

    if (len >= sizeof(out->sock.local.sun_path)) {
        *out_why = "the path of a Unix socket has at most 107 octets";
        return RC_CONFIG;
    }
    out->sock.local.sun_family = AF_UNIX;
    memcpy(out->sock.local.sun_path, text, len + 1);
    out->len = sizeof(out->sock.local);
    return RC_OK;
}

static bool parse_port(const char *text, in_port_t *out)
{
    char *end;
    long port;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    port = strtol(text, &end, 10);
    *out = htons((uint16_t)port);
    return *end == 0 && port <= 65535 && end - text <= 5;
}

/* The host before the colon, without the brackets of IPv6. */
static bool parse_host(const char *host, size_t len, struct address *out)
{
    char copy[INET6_ADDRSTRLEN];
    const bool v6 = len >= 2 && host[0] == '[' && host[len - 1] == ']';

    host += v6;
    len -= v6 ? 2 : 0;
    if (len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, host, len);
    copy[len] = 0;
    out->sock.any.sa_family = v6 ? AF_INET6 : AF_INET;
    out->len = v6 ? sizeof(out->sock.v6) : sizeof(out->sock.v4);
    return inet_pton(out->sock.any.sa_family, copy,
                     v6 ? (void *)&out->sock.v6.sin6_addr : (void *)&out->sock.v4.sin_addr) == 1;
}

enum rc address_parse(const char *text, struct address *out, const char **out_why)
{
    const char *colon = strrchr(text, ':');
    in_port_t port;

    *out = (struct address){0};
    *out_why = WHY_FORM;
    if (text[0] == '/') {
        return parse_local(text, out, out_why);
    }
    if (!colon || !parse_host(text, (size_t)(colon - text), out)) {
        return RC_CONFIG;
    }
    if (!parse_port(colon + 1, &port)) {
        *out_why = "the port is a number from 0 (any free one) to 65535";
        return RC_CONFIG;
    }
    if (out->sock.any.sa_family == AF_INET6) {
        out->sock.v6.sin6_port = port;
    } else {
        out->sock.v4.sin_port = port;
    }
    return RC_OK;
}

char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";

    switch (address->sock.any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->sock.v4.sin_addr, host, sizeof(host));
        (void)snprintf(out, ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(address->sock.v4.sin_port));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address->sock.v6.sin6_addr, host, sizeof(host));
        (void)snprintf(out, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(address->sock.v6.sin6_port));
        break;
    default:
        (void)snprintf(out, ADDRESS_TEXT_MAX, "%.107s", address->sock.local.sun_path);
        break;
    }
    return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
    char text_a[ADDRESS_TEXT_MAX], text_b[ADDRESS_TEXT_MAX];

    return !address_port_is_free(a) && strcmp(address_text(a, text_a), address_text(b, text_b)) == 0;
}

bool address_port_is_free(const struct address *address)
{
    return (address->sock.any.sa_family == AF_INET && address->sock.v4.sin_port == 0) ||
           (address->sock.any.sa_family == AF_INET6 && address->sock.v6.sin6_port == 0);
}

bool address_is_loopback(const struct address *address)
{
    switch (address->sock.any.sa_family) {
    case AF_INET:
        return (ntohl(address->sock.v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&address->sock.v6.sin6_addr);
    default:
        return true;
    }
}
