/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of status codes, and the writer of responses. The calendar is wire's: libc's would open the time zone's
 * file, which a jailed process may not.
 */
#include "tsa/http/http_reply.h"

#include <stdio.h>
#include <string.h>

static const struct status {
    unsigned code;
    const char *word; /* of a refusal, in the access log */
    const char *reason;
    const char *sentence; /* where the refusal has none of its own */
    const char *fields;
} statuses[] = {
    {200, "ok", "OK", "ok", ""},
    {400, "malformed-http", "Bad Request", "the request is not well-formed", ""},
    {401, "unauthorized", "Unauthorized", "this address wants a user name and a password", ""},
    {403, "forbidden", "Forbidden", "this is not allowed from here", ""},
    {404, "not-found", "Not Found", "there is nothing at this address; POST timestamp requests to /", ""},
    {405, "method", "Method Not Allowed", "this address does not take that method", ""},
    {408, "request-timeout", "Request Timeout", "the request took too long to arrive; send it in one go", ""},
    {411, "length-required", "Length Required", "send a Content-Length with the POST", ""},
    {413, "too-large", "Content Too Large", "the body is too large for a timestamp request", ""},
    {414, "uri-too-long", "URI Too Long", "the request line is too long; use a shorter URL", ""},
    {415, "media-type", "Unsupported Media Type",
     "send an RFC 3161 request as application/timestamp-query or an Authenticode request as "
     "application/octet-stream",
     ""},
    {417, "expectation", "Expectation Failed", "the only expectation that is understood here is 100-continue",
     ""},
    {429, "crowded", "Too Many Requests", "too many requests; send fewer", "Retry-After: 1\r\n"},
    {431, "head-too-large", "Request Header Fields Too Large",
     "the header is too large; send fewer or shorter fields", ""},
    {501, "method-unknown", "Not Implemented", "this method is not known here; use POST or GET", ""},
    {505, "http-version", "HTTP Version Not Supported", "this server speaks HTTP/1.1 and HTTP/1.0 only", ""},
    {503, "unavailable", "Service Unavailable", "the authority can not answer now; try again in a second",
     "Retry-After: 1\r\n"},
};

/* A status that is not of the table would be our own mistake: the last one stands for it. */
static const struct status *find(unsigned code)
{
    size_t i;

    for (i = 0; i + 1 < sizeof statuses / sizeof statuses[0] && statuses[i].code != code; i++) {
    }
    return &statuses[i];
}

struct http_reply http_reply_refuse(unsigned code, const char *sentence)
{
    const struct status *status = find(code);

    return (struct http_reply){
        .status = code, .text = sentence ? sentence : status->sentence, .result = status->word};
}

bool http_reply_closes(unsigned status)
{
    return status >= 400;
}

static void put_connection(struct wbuf *out, const struct http_reply_frame *frame)
{
    if (frame->close) {
        wbuf_put_text(out, "Connection: close\r\n");
    } else if (frame->say_keep_alive) {
        wbuf_put_text(out, "Connection: keep-alive\r\n");
    }
}

static void put_number(struct wbuf *out, size_t n)
{
    char digits[24];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    wbuf_put(out, bytes_of(digits + at, sizeof digits - at));
}

void http_reply_build(struct wbuf *out, const struct http_reply *reply, const struct http_reply_frame *frame)
{
    const struct status *status = find(reply->status);
    size_t len = reply->text ? strlen(reply->text) + 1 : reply->body.len;

    wbuf_put_text(out, "HTTP/1.1 ");
    put_number(out, status->code);
    wbuf_put_text(out, " ");
    wbuf_put_text(out, status->reason);
    wbuf_put_text(out, "\r\nDate: ");
    wbuf_put_text(out, frame->date);
    wbuf_put_text(out, "\r\nContent-Type: ");
    wbuf_put_text(out, reply->type ? reply->type : "text/plain; charset=utf-8");
    wbuf_put_text(out, "\r\nContent-Length: ");
    put_number(out, len);
    wbuf_put_text(out, "\r\n");
    wbuf_put_text(out, reply->fields ? reply->fields : status->fields);
    put_connection(out, frame);
    wbuf_put_text(out, "\r\n");
    if (!frame->head_only) {
        wbuf_put(out, reply->text ? bytes_str(reply->text) : reply->body);
        wbuf_put_text(out, reply->text ? "\n" : "");
    }
}

void http_reply_date(struct gentime now, char out[HTTP_REPLY_DATE_LEN + 1])
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[GENTIME_TEXT_MAX]; /* 2031-02-03T04:05:06Z */
    size_t len;
    int64_t day;
    int month;

    now.nsec = 0;
    if (now.sec < 0 || gentime_build_iso(now, iso, &len) != RC_OK || len < 20) {
        memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_REPLY_DATE_LEN + 1);
        return;
    }
    day = now.sec / 86400 % 7;
    month = (iso[5] - '0') * 10 + iso[6] - '1';
    snprintf(out, HTTP_REPLY_DATE_LEN + 1, "%.3s, %.2s %.3s %.4s %.8s GMT", days + day * 3, iso + 8,
             months + month * 3, iso, iso + 11);
}
