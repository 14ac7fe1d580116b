/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the head of a request ends, and whether its lines are clean (RFC 9112 2.2, 3, 5): every line ends in CR LF, nothing else
 * holds a CR, an LF or another control character, no line is folded, no name is empty, all limits are kept. It looks at each octet once,
 * however the head arrives, and refuses at the first octet that is wrong.
 */
#ifndef TSA_HTTP_HEAD_H
#define TSA_HTTP_HEAD_H

#include "tsa/wire/bytes.h"

struct http_limits {
    size_t request_line; /* octets without CR LF */
    size_t head;         /* octets of request line, fields and the empty line */
    size_t fields;
    size_t body; /* octets after decoding */
};

/* A refusal: HTTP status and one sentence that says what to change (static); status 0 = none. */
struct http_refusal {
    unsigned status;
    const char *why;
};

/* A part of the input by offset, since the input moves while a request arrives. */
struct http_span {
    size_t at, len;
};

struct http_head {
    size_t
        start; /* first octet of the request line: up to HTTP_HEAD_EMPTY_LINES empty lines before it are skipped */
    size_t at;       /* first octet not looked at */
    size_t line;     /* first octet of the current line */
    size_t end;      /* after the empty line; 0 = not there yet */
    size_t line_end; /* of the request line, its CR; 0 = not there yet */
    size_t num_fields;
};

#define HTTP_HEAD_EMPTY_LINES 4

/* http_head_scan goes on where it stopped; in may have moved and grown. A zeroed head starts. The head is whole when head->end is not 0. */
struct http_refusal http_head_scan(struct http_head *head, const struct http_limits *limits, struct bytes in);

/* http_head_trailer makes a head that scans fields without a request line before them, from at on: those behind the last chunk (RFC 9112 7.1.2). */
struct http_head http_head_trailer(size_t at);

/* The three parts of a request line (RFC 9112 3): exactly one blank between them, the version HTTP/1.0 or HTTP/1.1. */
struct http_request_line {
    struct http_span method, target;
    unsigned minor;
};
struct http_refusal http_head_split(const struct http_head *head, struct bytes in,
                                    struct http_request_line *out);

/* http_head_host_is_clean tells whether a Host value is empty, or a name or an address, and a port perhaps (RFC 9112 3.2, RFC 3986 3.2.2). An
 * IPv6 address stands in brackets. */
bool http_head_host_is_clean(struct bytes host);

/* http_head_text_is compares without regard to the case of ASCII letters. */
bool http_head_text_is(struct bytes text, const char *word);

#endif
