/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: status, media type, body -> the octets of an HTTP response (RFC 9112), always with a Content-Length, never in chunks.
 * An error is one line of text that says what to change, and ends the connection.
 */
#ifndef TSA_HTTP_REPLY_H
#define TSA_HTTP_REPLY_H

#include "tsa/wire/gentime.h"
#include "tsa/wire/wbuf.h"

struct http_reply {
    unsigned status;
    const char *type; /* media type; NULL = text/plain */
    struct bytes body;
    const char *text;   /* instead of body: one line, its end is added; NULL = none */
    const char *fields; /* further header lines, CR LF after each; NULL = those of the status, if any */
    bool keeps;         /* an error, but the connection may go on: nothing was wrong with the request */

    /* for the access log and the counters only; static, NULL = none */
    const char *unit, *kind, *result;
    struct bytes serial; /* of the token, contents octets; good during http_conn_reply; empty = none */
    uint64_t record;     /* the number of its record; 0 = none */
};

/* http_reply_refuse makes an error of status; a NULL sentence means the status' own. The sentence is borrowed. Its result is a stable word of
 * the status; who knows a better one says it. */
struct http_reply http_reply_refuse(unsigned code, const char *sentence);

/* What the connection adds. */
struct http_reply_frame {
    bool close;          /* Connection: close */
    bool say_keep_alive; /* Connection: keep-alive, which HTTP/1.0 clients want to read */
    bool head_only;      /* answer to HEAD */
    const char *date;    /* HTTP_REPLY_DATE_LEN characters */
};
void http_reply_build(struct wbuf *out, const struct http_reply *reply, const struct http_reply_frame *frame);

/* http_reply_closes tells whether an answer of that status ends the connection whatever the client wants. */
bool http_reply_closes(unsigned status);

#define HTTP_REPLY_DATE_LEN 29

/* http_reply_date writes an IMF-fixdate (RFC 9110 5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT". */
void http_reply_date(struct gentime now, char out[HTTP_REPLY_DATE_LEN + 1]);

#endif
