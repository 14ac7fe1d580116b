/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP of lying_tsa: as much as libcurl needs to be told a truth, and the ways in which a server can break it (RFC 9112).
 */
#ifndef TESTS_TOOLS_LIE_HTTP_H
#define TESTS_TOOLS_LIE_HTTP_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/lie.h"

#define LIE_REQUEST_MAX (1u << 20)
#define LIE_PATIENCE    60 /* seconds that an endless one goes on, should the client never end it */

struct lie_request {
    char path[64];
    struct wbuf all;
    struct bytes body;
};

static inline bool lie_read_request(int fd, struct lie_request *r)
{
    uint8_t buffer[4096];
    const char *length;
    char *head, *end;
    ssize_t n;

    wbuf_init(&r->all, LIE_REQUEST_MAX);
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        wbuf_put(&r->all, bytes_of(buffer, (size_t)n));
        wbuf_put_u8(&r->all, 0);
        r->all.len--;
        head = (char *)r->all.data;
        end = strstr(head, "\r\n\r\n");
        length = end ? strcasestr(head, "\r\nContent-Length:") : NULL;
        if (length && r->all.len >= (size_t)(end + 4 - head) + strtoul(length + 17, NULL, 10)) {
            r->body = bytes_of(end + 4, r->all.len - (size_t)(end + 4 - head));
            return sscanf(head, "POST %63s ", r->path) == 1;
        }
    }
    return false;
}

/* False when the client is gone. */
static inline bool lie_send(int fd, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = send(fd, b.data, b.len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        b = bytes_of(b.data + n, b.len - (size_t)n);
    }
    return true;
}

static inline bool lie_send_text(int fd, const char *text)
{
    return lie_send(fd, bytes_str(text));
}

/* Status line and media type; further lines may follow. */
static inline void lie_send_status(int fd, const struct lie *lie)
{
    char head[300];

    (void)snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%s%s%sConnection: close\r\n", lie->http,
                   lie->type[0] ? "Content-Type: " : "", lie->type, lie->type[0] ? "\r\n" : "");
    (void)lie_send_text(fd, head);
    if (lie->head) {
        (void)lie_send_text(fd, lie->head);
    }
}

static inline void lie_send_head(int fd, const struct lie *lie, size_t length)
{
    char line[60];

    lie_send_status(fd, lie);
    (void)snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", length);
    (void)lie_send_text(fd, line);
}

static inline void lie_send_plain(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len);
    (void)lie_send(fd, body);
}

/* ---- lengths ---- */

static inline void lie_send_to_end(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_status(fd, lie);
    (void)lie_send_text(fd, "\r\n");
    (void)lie_send(fd, body);
}

static inline void lie_send_too_long(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len + 100);
    (void)lie_send(fd, body);
}

static inline void lie_send_too_short(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len / 2);
    (void)lie_send(fd, body);
}

static inline void lie_send_negative(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_status(fd, lie);
    (void)lie_send_text(fd, "Content-Length: -5\r\n\r\n");
    (void)lie_send(fd, body);
}

/* ---- chunks ---- */

static inline void lie_send_chunks(int fd, const struct lie *lie, struct bytes body)
{
    char line[60];

    lie_send_status(fd, lie);
    (void)lie_send_text(fd, "Transfer-Encoding: chunked\r\n\r\n");
    while (body.len > 0) {
        size_t len = body.len < 100 ? body.len : 100;

        (void)snprintf(line, sizeof line, "%zx;name=value\r\n", len);
        (void)lie_send_text(fd, line);
        (void)lie_send(fd, bytes_of(body.data, len));
        (void)lie_send_text(fd, "\r\n");
        body = bytes_of(body.data + len, body.len - len);
    }
}

static inline void lie_send_chunked(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_chunks(fd, lie, body);
    (void)lie_send_text(fd, "0\r\nTrailer: here\r\n\r\n");
}

static inline void lie_send_chunks_no_end(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_chunks(fd, lie, body);
}

static inline void lie_send_chunks_no_number(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_chunks(fd, lie, bytes_of(body.data, body.len / 2));
    (void)lie_send_text(fd, "many\r\n");
    (void)lie_send(fd, body);
}

/* ---- time and amounts ---- */

static inline void lie_send_slowly(int fd, struct bytes body, unsigned microseconds)
{
    int yes = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    for (size_t i = 0; i < body.len; i++) {
        (void)usleep(microseconds);
        if (!lie_send(fd, bytes_of(body.data + i, 1))) {
            return;
        }
    }
}

/* Octet by octet, but in time. */
static inline void lie_send_octets(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len);
    lie_send_slowly(fd, body, 100);
}

static inline void lie_send_slow_body(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len);
    lie_send_slowly(fd, body, 50000);
}

static inline void lie_send_slow_head(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie;
    (void)body;
    lie_send_slowly(
        fd, bytes_str("HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length"),
        50000);
    (void)sleep(LIE_PATIENCE);
}

static inline void lie_send_nothing(int fd, const struct lie *lie, struct bytes body)
{
    (void)fd;
    (void)lie;
    (void)body;
    (void)sleep(LIE_PATIENCE);
}

static inline void lie_send_endless_body(int fd, const struct lie *lie, struct bytes body)
{
    static uint8_t much[1 << 16];

    lie_send_status(fd, lie);
    (void)lie_send_text(fd, "\r\n");
    (void)lie_send(fd, body);
    (void)alarm(LIE_PATIENCE);
    while (lie_send(fd, bytes_of(much, sizeof much))) {
    }
}

static inline void lie_send_endless_head(int fd, const struct lie *lie, struct bytes body)
{
    char line[100];

    (void)body;
    lie_send_status(fd, lie);
    (void)alarm(LIE_PATIENCE);
    for (unsigned i = 0;; i++) {
        (void)snprintf(line, sizeof line, "X-Number-%u: %060u\r\n", i, i);
        if (!lie_send_text(fd, line)) {
            return;
        }
    }
}

static inline void lie_send_endless_interim(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie;
    (void)body;
    (void)alarm(LIE_PATIENCE);
    while (lie_send_text(fd, "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n")) {
    }
}

/* ---- what is no HTTP, or ends too early ---- */

static inline void lie_send_bare(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie;
    (void)lie_send(fd, body);
}

static inline void lie_send_banner(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie;
    (void)body;
    (void)lie_send_text(fd, "220 mail.example.com ESMTP\r\n500 what?\r\n");
}

static inline void lie_send_version(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie;
    (void)lie_send_text(fd, "HTTP/7.5 200 OK\r\n\r\n");
    (void)lie_send(fd, body);
}

static inline void lie_send_interim(int fd, const struct lie *lie, struct bytes body)
{
    (void)lie_send_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    lie_send_plain(fd, lie, body);
}

static inline void lie_send_http_1_0(int fd, const struct lie *lie, struct bytes body)
{
    char head[200];

    (void)snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\ncontent-type: %s\r\n\r\n", lie->type);
    (void)lie_send_text(fd, head);
    (void)lie_send(fd, body);
}

static inline void lie_close(int fd, const struct lie *lie, struct bytes body)
{
    (void)fd;
    (void)lie;
    (void)body;
}

static inline void lie_reset(int fd, const struct lie *lie, struct bytes body)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)lie;
    (void)body;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static inline void lie_reset_within(int fd, const struct lie *lie, struct bytes body)
{
    lie_send_head(fd, lie, body.len);
    (void)lie_send(fd, bytes_of(body.data, body.len / 2));
    (void)usleep(100000);
    lie_reset(fd, lie, body);
}

#endif
