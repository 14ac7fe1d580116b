/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner of heads. What it lets through holds only whole, unfolded lines of printable text, so that llhttp and everybody
 * behind it can not disagree about where a field or the head ends (RFC 9112 11: request smuggling).
 */
#include "tsa/http/http_head.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static const struct http_refusal fine = {0, NULL};

static struct http_refusal refuse(unsigned status, const char *why)
{
    return (struct http_refusal){status, why};
}

static bool is_token(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

/* The first octet of a line tells an empty line, a folded one and one without a name. */
static struct http_refusal begin_field_line(struct http_head *head, const struct http_limits *limits,
                                            uint8_t c)
{
    if (c == ' ' || c == '\t') {
        return refuse(400, "a header field is folded over several lines; send it in one line");
    }
    if (c == ':') {
        return refuse(400, "a header field has no name");
    }
    if (c != '\r' && ++head->num_fields > limits->fields) {
        return refuse(431, "the request has too many header fields; send fewer");
    }
    return fine;
}

static bool in_request_line(const struct http_head *head)
{
    return head->line_end == 0;
}

static struct http_refusal check_limits(const struct http_head *head, const struct http_limits *limits,
                                        uint8_t c)
{
    if (in_request_line(head) && c != '\r' && c != '\n' && head->at - head->line >= limits->request_line) {
        return refuse(414, "the request line is too long; use a shorter URL");
    }
    if (head->at - head->start >= limits->head) {
        return refuse(431, "the header is too large; send fewer or shorter fields");
    }
    return fine;
}

static struct http_refusal check_octet(const struct http_head *head, struct bytes in, uint8_t c)
{
    bool after_cr = head->at > head->line && in.data[head->at - 1] == '\r';

    if (after_cr != (c == '\n')) {
        return refuse(400, after_cr ? "a CR stands without its LF; end each line with CR LF"
                                    : "a line ends in LF alone; end each line with CR LF");
    }
    if (c == 0x7f || (c < 0x20 && c != '\t' && c != '\r' && c != '\n')) {
        return refuse(400, "the header holds a control character");
    }
    return fine;
}

/* A line has ended; an empty one ends the head, or is skipped where the request has not begun (RFC 9112 2.2). */
static struct http_refusal end_line(struct http_head *head)
{
    bool is_empty = head->at - head->line == 2;

    if (in_request_line(head) && is_empty) {
        if (head->at > HTTP_HEAD_EMPTY_LINES * 2) {
            return refuse(400, "too many empty lines stand before the request");
        }
        head->start = head->at;
    } else if (in_request_line(head)) {
        head->line_end = head->at - 2;
    } else if (is_empty) {
        head->end = head->at;
    }
    head->line = head->at;
    return fine;
}

static struct http_refusal scan_octet(struct http_head *head, const struct http_limits *limits,
                                      struct bytes in)
{
    uint8_t c = in.data[head->at];
    struct http_refusal refusal = check_limits(head, limits, c);

    if (refusal.status == 0) {
        refusal = check_octet(head, in, c);
    }
    if (refusal.status == 0 && head->at == head->line && !in_request_line(head)) {
        refusal = begin_field_line(head, limits, c);
    }
    head->at++;
    if (refusal.status == 0 && c == '\n') {
        refusal = end_line(head);
    }
    return refusal;
}

struct http_refusal http_head_scan(struct http_head *head, const struct http_limits *limits, struct bytes in)
{
    struct http_refusal refusal = fine;

    while (head->at < in.len && head->end == 0 && refusal.status == 0) {
        refusal = scan_octet(head, limits, in);
    }
    return refusal;
}

struct http_head http_head_trailer(size_t at)
{
    return (struct http_head){.start = at, .at = at, .line = at, .line_end = at};
}

/* Splits a part off the front that ends in a blank. False where there is none or it is empty. */
static bool split_part(struct bytes in, size_t *at, size_t end, struct http_span *out)
{
    const uint8_t *blank = memchr(in.data + *at, ' ', end - *at);

    if (!blank || blank == in.data + *at) {
        return false;
    }
    *out = (struct http_span){*at, (size_t)(blank - in.data) - *at};
    *at += out->len + 1;
    return true;
}

static struct http_refusal check_version(struct bytes text, unsigned *out_minor)
{
    if (text.len != 8 || memcmp(text.data, "HTTP/", 5) != 0 || text.data[6] != '.' || text.data[5] < '0' ||
        text.data[5] > '9' || text.data[7] < '0' || text.data[7] > '9') {
        return refuse(400, "the request line is not METHOD URL HTTP/1.1");
    }
    if (text.data[5] != '1' || text.data[7] > '1') {
        return refuse(505, "this server speaks HTTP/1.1 and HTTP/1.0 only");
    }
    *out_minor = (unsigned)(text.data[7] - '0');
    return fine;
}

struct http_refusal http_head_split(const struct http_head *head, struct bytes in,
                                    struct http_request_line *out)
{
    size_t at = head->start;
    size_t i;

    if (!split_part(in, &at, head->line_end, &out->method) ||
        !split_part(in, &at, head->line_end, &out->target)) {
        return refuse(400, "the request line is not METHOD URL HTTP/1.1");
    }
    for (i = 0; i < out->method.len; i++) {
        if (!is_token(in.data[out->method.at + i])) {
            return refuse(400, "the method is not a word");
        }
    }
    for (i = 0; i < out->target.len; i++) {
        if (in.data[out->target.at + i] <= ' ' || in.data[out->target.at + i] >= 0x7f) {
            return refuse(400, "the URL holds a character that must be percent-encoded");
        }
    }
    return check_version(bytes_of(in.data + at, head->line_end - at), &out->minor);
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* RFC 3986 3.2.2 reg-name, of which an IPv4 address is one. How many octets it takes; what is none ends it. */
static size_t name_len(struct bytes in)
{
    size_t at = 0;

    for (; at < in.len; at++) {
        uint8_t c = in.data[at];

        if (c == '%') {
            if (in.len - at < 3 || !is_hex(in.data[at + 1]) || !is_hex(in.data[at + 2])) {
                break;
            }
        } else if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c != 0 && strchr("-._~!$&'()*+,;=", c)))) {
            break;
        }
    }
    return at;
}

/* An IPv6 address in brackets, RFC 3986 3.2.2; 0 = none. */
static size_t literal_len(struct bytes in)
{
    const uint8_t *end = memchr(in.data, ']', in.len);
    char text[INET6_ADDRSTRLEN];
    size_t len = end ? (size_t)(end - in.data) - 1 : 0;
    struct in6_addr address;

    if (len == 0 || len >= sizeof text) {
        return 0;
    }
    memcpy(text, in.data + 1, len);
    text[len] = 0;
    return inet_pton(AF_INET6, text, &address) == 1 ? len + 2 : 0;
}

bool http_head_host_is_clean(struct bytes host)
{
    size_t at;

    if (host.len == 0) {
        return true;
    }
    at = host.data[0] == '[' ? literal_len(host) : name_len(host);
    if (at == 0 || at == host.len) {
        return at != 0;
    }
    if (host.data[at] != ':') {
        return false;
    }
    while (++at < host.len && host.data[at] >= '0' && host.data[at] <= '9') {
    }
    return at == host.len;
}

bool http_head_text_is(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}
