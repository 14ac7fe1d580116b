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

#define HOST_MAX (sizeof(((struct timeserver *)0)->host) - 1)

/* What their operators say of them; nobody else's smear can be known but from its operator. */
static const char *const smeared[] = {
    "time.google.com",    "time1.google.com",   "time2.google.com",   "time3.google.com",
    "time4.google.com",   "time.android.com",   "time.aws.com",       "169.254.169.123",
    "fd00:ec2::123",      "time.facebook.com",  "time1.facebook.com", "time2.facebook.com",
    "time3.facebook.com", "time4.facebook.com", "time5.facebook.com",
};

bool timeserver_is_smeared(const char *host)
{
    for (size_t i = 0; i < sizeof(smeared) / sizeof(smeared[0]); i++) {
        if (strcasecmp(smeared[i], host) == 0) {
            return true;
        }
    }
    return false;
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

static bool is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

    return *host && strspn(host, letters) == strlen(host) && *host != '-' && *host != '.';
}

static bool is_number(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
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
    if (!split(text, &host, &len, &port_text) || len == 0 || len > HOST_MAX) {
        return RC_CONFIG;
    }
    memcpy(out->host, host, len);
    out->is_number = is_number(out->host);
    if (!out->is_number && (*text == '[' || !is_name(out->host))) {
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
