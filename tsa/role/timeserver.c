/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and numbers of time servers. No name is resolved here.
 */
#include "tsa/role/timeserver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX  (sizeof(((struct timeserver *)0)->host) - 1)
#define LABEL_MAX 63

/* What their operators say of them; nobody else's smear can be known but from its operator. */
static const char *const smeared[] = {
    "time.google.com",    "time1.google.com",   "time2.google.com",   "time3.google.com",
    "time4.google.com",   "216.239.35.0",       "216.239.35.4",       "216.239.35.8",
    "216.239.35.12",      "2001:4860:4806::",   "2001:4860:4806:4::", "2001:4860:4806:8::",
    "2001:4860:4806:c::", "time.android.com",   "time.aws.com",       "169.254.169.123",
    "fd00:ec2::123",      "time.facebook.com",  "time1.facebook.com", "time2.facebook.com",
    "time3.facebook.com", "time4.facebook.com", "time5.facebook.com",
};

/* An address has several spellings; a name may end with a dot, and its letters may be large or small. */
static bool is_same_host(const char *a, const char *b)
{
    const size_t len = strlen(a), other_len = strlen(b);
    struct in6_addr one, other;
    struct in_addr four, other_four;

    if (inet_pton(AF_INET6, a, &one) == 1) {
        return inet_pton(AF_INET6, b, &other) == 1 && memcmp(&one, &other, sizeof(one)) == 0;
    }
    if (inet_pton(AF_INET, a, &four) == 1) {
        return inet_pton(AF_INET, b, &other_four) == 1 && four.s_addr == other_four.s_addr;
    }
    return strcasecmp(a, b) == 0 ||
           (len == other_len + 1 && a[other_len] == '.' && strncasecmp(a, b, other_len) == 0) ||
           (other_len == len + 1 && b[len] == '.' && strncasecmp(a, b, len) == 0);
}

bool timeserver_is_smeared(const char *host)
{
    for (size_t i = 0; i < sizeof(smeared) / sizeof(smeared[0]); i++) {
        if (is_same_host(smeared[i], host)) {
            return true;
        }
    }
    return false;
}

bool timeserver_equal(const struct timeserver *a, const struct timeserver *b)
{
    return a->port == b->port && is_same_host(a->host, b->host);
}

static bool parse_port(const char *text, uint16_t *out)
{
    unsigned long port = 0;
    size_t i;

    for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 5; i++) {
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return i > 0 && text[i] == 0 && port > 0 && port <= UINT16_MAX;
}

/* RFC 1123 2.1: labels of letters, digits and hyphens; the last one is no number, or the name would be an address with a mistake. */
static bool is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    bool is_numeric = true;

    while (*host) {
        const size_t len = strspn(host, letters);

        if (len == 0 || len > LABEL_MAX || host[0] == '-' || host[len - 1] == '-') {
            return false;
        }
        is_numeric = strspn(host, "0123456789") == len;
        host += len;
        if (*host && *host++ != '.') {
            return false;
        }
    }
    return !is_numeric;
}

static bool is_number(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* Nobody in particular, or many, or somebody else on each network: none that could be asked, and checked by its address. An IPv4 address in the clothes of
 * IPv6 would be a second server to whoever counts them. */
static bool is_one_host(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, host, &four) == 1) {
        const uint32_t address = ntohl(four.s_addr);

        return address >> 24 != 0 && address >> 28 < 14; /* 0.0.0.0/8, 224.0.0.0/4, 240.0.0.0/4 */
    }
    return inet_pton(AF_INET6, host, &six) != 1 ||
           !(IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_MULTICAST(&six) || IN6_IS_ADDR_LINKLOCAL(&six) ||
             IN6_IS_ADDR_V4MAPPED(&six));
}

/* Where the host ends and where a port begins (NULL: none). False for brackets that do not close. */
static bool split(const char *text, const char **out_host, size_t *out_len, const char **out_port)
{
    const char *colon = strchr(text, ':'), *close = strchr(text, ']');

    *out_host = text;
    *out_len = strlen(text);
    *out_port = NULL;
    if (*text == '[') {
        if (!close || (close[1] != 0 && close[1] != ':')) {
            return false;
        }
        *out_host = text + 1;
        *out_len = (size_t)(close - text - 1);
        *out_port = close[1] ? close + 2 : NULL;
    } else if (colon && !strchr(colon + 1, ':')) {
        *out_len = (size_t)(colon - text);
        *out_port = colon + 1;
    }
    return true;
}

enum rc timeserver_parse(const char *text, uint16_t port, struct timeserver *out, const char **out_why)
{
    const char *host, *port_text;
    size_t len;

    *out = (struct timeserver){.port = port};
    *out_why = "a server is a name or an address, such as \"192.0.2.1\", \"[2001:db8::1]:123\", "
               "\"time.example.org\"";
    if (strstr(text, "://")) {
        *out_why = "a name or an address, no URL: such as \"time.example.org\" or \"192.0.2.1\"";
        return RC_CONFIG;
    }
    if (!split(text, &host, &len, &port_text) || len == 0 || len > HOST_MAX) {
        return RC_CONFIG;
    }
    memcpy(out->host, host, len);
    out->is_number = is_number(out->host);
    if (*text == '[' ? !strchr(out->host, ':') || !out->is_number : !out->is_number && !is_name(out->host)) {
        return RC_CONFIG;
    }
    if (!is_one_host(out->host)) {
        *out_why = "this address is not the one of a server";
        return RC_CONFIG;
    }
    if (port_text && !parse_port(port_text, &out->port)) {
        *out_why = "a port is a number from 1 to 65535";
        return RC_CONFIG;
    }
    *out_why = NULL;
    return RC_OK;
}

enum rc timeserver_address(const struct timeserver *server, struct address *out)
{
    *out = (struct address){0};
    if (inet_pton(AF_INET, server->host, &out->sock.v4.sin_addr) == 1) {
        out->sock.v4.sin_family = AF_INET;
        out->sock.v4.sin_port = htons(server->port);
        out->len = sizeof(out->sock.v4);
        return RC_OK;
    }
    *out = (struct address){0};
    if (inet_pton(AF_INET6, server->host, &out->sock.v6.sin6_addr) == 1) {
        out->sock.v6.sin6_family = AF_INET6;
        out->sock.v6.sin6_port = htons(server->port);
        out->len = sizeof(out->sock.v6);
        return RC_OK;
    }
    return RC_NOT_FOUND;
}

void timeserver_put_line(struct wbuf *w, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];

    wbuf_printf(w, "%s\n", address ? address_text(address, text) : "-");
}

enum rc timeserver_get_line(struct bytes *rest, struct address *out)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct timeserver server;
    char line[ADDRESS_TEXT_MAX];
    const char *why;
    size_t len;

    *out = (struct address){0};
    if (!end || (size_t)(end - rest->data) >= sizeof(line)) {
        return RC_CONFIG;
    }
    len = (size_t)(end - rest->data);
    memcpy(line, rest->data, len);
    line[len] = 0;
    *rest = bytes_of(end + 1, rest->len - len - 1);
    if (strcmp(line, "-") == 0) {
        return RC_NOT_FOUND;
    }
    if (strlen(line) != len || timeserver_parse(line, TIMESERVER_PORT, &server, &why) != RC_OK ||
        !server.is_number) {
        return RC_CONFIG;
    }
    return timeserver_address(&server, out);
}
