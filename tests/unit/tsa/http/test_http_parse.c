/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request that parsers have disagreed about, and every limit at its edge: the verdict, and that it is the same for each
 * way of cutting the octets in two and for one octet at a time. Each run gets a copy at another place, since the
 * input of a connection moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/http/http_parse.h"

static const struct http_limits limits = {.request_line = 60, .head = 300, .fields = 6, .body = 32};

#define TEXT_MAX 20000

/* All requests of an input as text: "POST /x [body]", a refusal as "!400", what is left over as "+N". */
struct story {
    char text[TEXT_MAX];
};

static void tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct story *story, const char *format, ...)
{
    size_t len = strlen(story->text);
    va_list ap;

    va_start(ap, format);
    vsnprintf(story->text + len, sizeof story->text - len, format, ap);
    va_end(ap);
}

static void tell_request(struct story *story, const struct http_request *r)
{
    static const char *const methods[] = {"other", "GET", "HEAD", "POST"};

    tell(story, "%s %.*s %.*s%s 1.%u host=%.*s type=%.*s agent=%.*s [%.*s] %s\n", methods[r->method],
         (int)r->method_text.len, (const char *)r->method_text.data, (int)r->path.len,
         (const char *)r->path.data, r->query.len ? "?" : "", r->minor, (int)r->host.len,
         (const char *)r->host.data, (int)r->media_type.len, (const char *)r->media_type.data,
         (int)r->agent.len, (const char *)r->agent.data, (int)r->body.len, (const char *)r->body.data,
         r->keep_alive ? "keep" : "close");
}

/* Gives the first `len` octets of in to the parser, at a place of their own. Returns how many are used up; a refusal uses all. */
static size_t run_part(struct http_parse *parse, struct bytes in, struct story *story, bool *refused)
{
    size_t used = 0;

    while (used < in.len && !*refused) {
        uint8_t *copy = malloc(in.len - used);
        enum http_parse_verdict verdict;

        assert_non_null(copy);
        memcpy(copy, in.data + used, in.len - used);
        verdict = http_parse_run(parse, bytes_of(copy, in.len - used));
        if (verdict == HTTP_PARSE_REQUEST) {
            tell_request(story, &parse->request);
            assert_in_range(parse->consumed, 1, in.len - used);
            used += parse->consumed;
            http_parse_next(parse);
        } else if (verdict == HTTP_PARSE_REFUSED) {
            assert_int_equal(http_parse_run(parse, bytes_of(copy, in.len - used)), HTTP_PARSE_REFUSED);
            tell(story, "!%u\n", parse->refusal.status);
            assert_non_null(parse->refusal.why);
            *refused = true;
        }
        free(copy);
        if (verdict == HTTP_PARSE_MORE) {
            break;
        }
    }
    return used;
}

/* step 0: all at once; cut > 0: in two; step > 0: by that many octets. */
static void run_cut(const struct http_limits *with, struct bytes in, size_t cut, size_t step,
                    struct story *story)
{
    struct http_parse parse;
    size_t used = 0, end = 0;
    bool refused = false;

    story->text[0] = 0;
    http_parse_init(&parse, with);
    while (end < in.len && !refused) {
        if (step > 0) {
            end = end + step < in.len ? end + step : in.len;
        } else {
            end = end == 0 && cut > 0 ? cut : in.len;
        }
        used += run_part(&parse, bytes_of(in.data + used, end - used), story, &refused);
    }
    if (!refused && used < in.len) {
        tell(story, "%s\n",
             parse.phase == HTTP_PARSE_IDLE   ? "idle"
             : parse.phase == HTTP_PARSE_HEAD ? "head"
                                              : "body");
    }
    http_parse_clear(&parse);
}

static void check_with(const struct http_limits *with, struct bytes in, const char *expected)
{
    static struct story whole, part;
    size_t cut;

    run_cut(with, in, 0, 0, &whole);
    if (strcmp(whole.text, expected) != 0) {
        print_error("%.*s\n", (int)in.len, (const char *)in.data);
    }
    assert_string_equal(whole.text, expected);
    for (cut = 1; cut < in.len; cut++) {
        run_cut(with, in, cut, 0, &part);
        assert_string_equal(part.text, expected);
    }
    for (cut = 1; cut < 8; cut++) {
        run_cut(with, in, 0, cut, &part);
        assert_string_equal(part.text, expected);
    }
}

static void check(const char *in, const char *expected)
{
    check_with(&limits, bytes_str(in), expected);
}

#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define TE   "Transfer-Encoding: chunked\r\n"
#define CL3  "Content-Length: 3\r\n\r\nabc"
#define OK3  "POST POST / 1.1 host=a type= agent= [abc] keep\n"
#define OK0  "POST POST / 1.1 host=a type= agent= [] keep\n"
#define GET  "GET GET / 1.1 host=a type= agent= [] keep\n"

static const struct probe {
    const char *in, *expected;
} probes[] = {
    /* good ones */
    {POST CL3, OK3},
    {POST CL3 POST CL3, OK3 OK3},
    {POST "Content-Length: 0\r\n\r\n", OK0},
    {"GET / HTTP/1.1\r\n" HOST "\r\n", GET},
    {"HEAD /x?td=sha256 HTTP/1.1\r\n" HOST "\r\n", "HEAD HEAD /x? 1.1 host=a type= agent= [] keep\n"},
    {"PUT / HTTP/1.1\r\n" HOST "\r\n", "other PUT / 1.1 host=a type= agent= [] keep\n"},
    {"POST / HTTP/1.0\r\n" CL3, "POST POST / 1.0 host= type= agent= [abc] close\n"},
    {"POST / HTTP/1.0\r\nConnection: keep-alive\r\n" CL3, "POST POST / 1.0 host= type= agent= [abc] keep\n"},
    {POST "Connection: close\r\n" CL3, "POST POST / 1.1 host=a type= agent= [abc] close\n"},
    {POST "Connection: TE, Close\r\n" CL3, "POST POST / 1.1 host=a type= agent= [abc] close\n"},
    {"POST / HTTP/1.1\r\nhost:a \t\r\ncontent-type: X/Y ; q=1\r\nUSER-AGENT:  Z "
     "z\t\r\ncontent-length:3\r\n\r\nabc",
     "POST POST / 1.1 host=a type=X/Y agent=Z z [abc] keep\n"},
    {"POST http://b:80/p/q?x HTTP/1.1\r\n" HOST CL3,
     "POST POST /p/q? 1.1 host=b:80 type= agent= [abc] keep\n"},
    {"GET http://b HTTP/1.1\r\n" HOST "\r\n", "GET GET / 1.1 host=b type= agent= [] keep\n"},
    {"\r\n\r\n" POST CL3 "\r\n", OK3 "idle\n"},
    {POST CL3 "\r\nG", OK3 "head\n"},
    {POST "X: \x80\xff\r\n" CL3, OK3},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET GET / 1.1 host= type= agent= [] keep\n"},
    {"GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", GET},
    {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
     "other CONNECT a:1 1.1 host=a type= agent= [] keep\n" GET},
    {"GET / HTTP/1.1\r\n" HOST CL3 "GET / HTTP/1.1\r\n" HOST "\r\n",
     "GET GET / 1.1 host=a type= agent= [abc] keep\n" GET},
    {"GET http://b?x HTTP/1.1\r\n" HOST "\r\n", "GET GET /? 1.1 host=b type= agent= [] keep\n"},
    {"GET HTTPS://[::1]:8 HTTP/1.1\r\n" HOST "\r\n", "GET GET / 1.1 host=[::1]:8 type= agent= [] keep\n"},
    {"GET http:///x HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {POST "Connection: Upgrade\r\nUpgrade: x\r\n" CL3 POST CL3, OK3 OK3},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
     "GET GET / 1.0 host= type= agent= [] close\n"},
    {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n",
     "GET GET / 1.1 host=a type= agent= [] close\n"},
    /* not all there */
    {POST "Content-Length: 4\r\n\r\nabc", "body\n"},
    {POST "Content-Length: 4\r\n", "head\n"},
    {"\r\n", "idle\n"},
    /* framing: the table of dangerous acceptances */
    {POST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 3, 3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 3\r\n" TE "\r\n0\r\n\r\n", "!400\n"},
    {POST TE "Content-Length: 3\r\n\r\n0\r\n\r\n", "!400\n"},
    {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "!501\n"},
    {POST "Transfer-Encoding: gzip\r\n\r\n", "!501\n"},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "!501\n"},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "!501\n"},
    {POST "Transfer-Encoding: identity\r\n" CL3, "!400\n"},
    {POST "Transfer-Encoding:\r\n" CL3, "!501\n"},
    {POST TE TE "\r\n0\r\n\r\n", "!501\n"},
    {"POST / HTTP/1.0\r\n" HOST TE "\r\n0\r\n\r\n", "!400\n"},
    {POST "Content-Length: +3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: -3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 0x3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 3 3\r\n\r\nabc", "!400\n"},
    {POST "Content-Length:\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 99999999999999999999\r\n\r\nabc", "!400\n"},
    {POST "Content-Length: 18446744073709551615\r\n\r\nabc", "!413\n"},
    {POST "\r\nabc", "!411\n"},
    {"POST / HTTP/1.0\r\n\r\n", "!411\n"},
    /* chunks */
    {POST TE "\r\n3\r\nabc\r\n0\r\n\r\n" POST CL3, OK3 OK3},
    {POST TE "\r\n1\r\na\r\n2;x=\"y\"\r\nbc\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n" POST CL3, OK3 OK3},
    {POST "transfer-encoding: Chunked\r\n\r\n03\r\nabc\r\n00\r\n\r\n", OK3},
    {POST TE "\r\n0\r\n\r\n", OK0},
    {POST TE "\r\n0x3\r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n+3\r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n 3\r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n3 \r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n\r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabcXX0\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\n\rX", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA: b\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA b\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\n: b\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\n\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\n A: b\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA: \x01\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA : b\r\n\r\n", "!400\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA: b\r\n", "body\n"},
    {POST TE "\r\n3\r\nabc\r\n0\r\nA: b\r\nB: c\r\n\r\n" POST CL3, OK3 OK3},
    {POST TE "\r\n0;a=b\r\n\r\n" POST CL3, OK0 OK3},
    {POST TE "\r\n0\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\n\r\n", "!431\n"},
    {POST TE "\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", "!501\n"},
    {POST TE "\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", "!400\n"},
    {POST TE "\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n", "!413\n"},
    /* lines */
    {"GET / HTTP/1.1\nHost: a\n\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X:\r\n\tb\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n", "!400\n"},
    {"\n" POST CL3, "!400\n"},
    {"\r\n\r\n\r\n\r\n" POST CL3, OK3},
    {"\r\n\r\n\r\n\r\n\r\n" POST CL3, "!400\n"},
    {"\rX", "!400\n"},
    {"\x16\x03\x01\x02", "!400\n"},
    /* the request line */
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", "!400\n"},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET /\r\n" HOST "\r\n", "!400\n"},
    {"GET\r\n\r\n", "!400\n"},
    {"GET / http/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET / ICE/1.1\r\n" HOST "\r\n", "!400\n"},
    {"SOURCE / ICE/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET / HTTP/11\r\n" HOST "\r\n", "!400\n"},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", "!505\n"},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", "!505\n"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505\n"},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", "!501\n"},
    {"get / HTTP/1.1\r\n" HOST "\r\n", "!501\n"},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET x HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\n" HOST "host: b\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", "!400\n"},
    {"GET / HTTP/1.0\r\n\r\n", "GET GET / 1.0 host= type= agent= [] close\n"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: <a>\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "GET GET / 1.1 host=a: type= agent= [] keep\n"},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET GET / 1.1 host=[::1]:80 type= agent= [] keep\n"},
    {"GET / HTTP/1.1\r\nHost: a%41.-_~!$&'()*+,;=:0\r\n\r\n",
     "GET GET / 1.1 host=a%41.-_~!$&'()*+,;=:0 type= agent= [] keep\n"},
    {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: [::1]80\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: [\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: [1111:1111:1111:1111:1111:1111:1111:1111:1111:1]\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "!400\n"},
    {"GET / HTTP/1.1\r\nHost: a%g0\r\n\r\n", "!400\n"},
    {"GET http://:80/ HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    {"GET http://a:b/ HTTP/1.1\r\n" HOST "\r\n", "!400\n"},
    /* Expect */
    {POST "Expect: 100-Continue\r\n" CL3, OK3},
    {POST "Expect: more\r\n" CL3, "!417\n"},
    {POST "Expect: 100-continue\r\nExpect: more\r\n" CL3, "!417\n"},
    {"POST / HTTP/1.0\r\nExpect: more\r\n" CL3, "POST POST / 1.0 host= type= agent= [abc] close\n"},
};

static void test_probes(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof probes / sizeof probes[0]; i++) {
        check(probes[i].in, probes[i].expected);
    }
}

static void test_nul_in_a_head(void **state)
{
    static const char in[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";

    (void)state;
    check_with(&limits, bytes_of(in, sizeof in - 1), "!400\n");
}

static const char *padded(char *out, const char *before, size_t num, const char *after)
{
    snprintf(out, 2000, "%s%.*s%s", before, (int)num,
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxx",
             after);
    return out;
}

static void check_ends(const char *in, const char *end)
{
    static struct story story;

    run_cut(&limits, bytes_str(in), 0, 0, &story);
    assert_true(strlen(story.text) >= strlen(end));
    check_with(&limits, bytes_str(in), story.text);
    assert_string_equal(story.text + strlen(story.text) - strlen(end), end);
}

static void test_request_line_limit(void **state)
{
    char in[2000];

    (void)state; /* "GET / HTTP/1.1" has 14 octets */
    check_ends(padded(in, "GET /", limits.request_line - 14, " HTTP/1.1\r\n" HOST "\r\n"), "keep\n");
    check(padded(in, "GET /", limits.request_line - 13, " HTTP/1.1\r\n" HOST "\r\n"), "!414\n");
    check(padded(in, "GET /", limits.request_line + 1, ""), "!414\n");
}

static void test_head_limit(void **state)
{
    size_t used = strlen("GET / HTTP/1.1\r\n" HOST "X: \r\n\r\n");
    char in[2000];

    (void)state;
    check(padded(in, "GET / HTTP/1.1\r\n" HOST "X: ", limits.head - used, "\r\n\r\n"), GET);
    check(padded(in, "GET / HTTP/1.1\r\n" HOST "X: ", limits.head - used + 1, "\r\n\r\n"), "!431\n");
    check(padded(in, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "X: ", limits.head - used, "\r\n\r\n"), GET);
}

static void test_field_limit(void **state)
{
    (void)state;
    check("GET / HTTP/1.1\r\n" HOST "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n", GET);
    check("GET / HTTP/1.1\r\n" HOST "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\n\r\n", "!431\n");
}

#define BODY32 "abcdefghijklmnopqrstuvwxyz012345"

static void test_body_limit(void **state)
{
    (void)state;
    check(POST "Content-Length: 32\r\n\r\n" BODY32,
          "POST POST / 1.1 host=a type= agent= [" BODY32 "] keep\n");
    check(POST "Content-Length: 33\r\n\r\n" BODY32 "6", "!413\n");
    check(POST TE "\r\n10\r\nabcdefghijklmnop\r\n10\r\nqrstuvwxyz012345\r\n0\r\n\r\n",
          "POST POST / 1.1 host=a type= agent= [" BODY32 "] keep\n");
    check(POST TE "\r\n10\r\nabcdefghijklmnop\r\n11\r\nqrstuvwxyz0123456\r\n0\r\n\r\n", "!413\n");
    check(POST TE "\r\n21\r\nab", "!413\n");
}

/* A body of one octet in a chunk whose extension never ends. */
static void test_chunk_framing_limit(void **state)
{
    static char in[TEXT_MAX];
    struct story whole, part;
    size_t head = strlen(POST TE "\r\n");

    (void)state;
    memset(in, 'x', sizeof in);
    memcpy(in, POST TE "\r\n1;", head + 2);
    run_cut(&limits, bytes_of(in, sizeof in), 0, 0, &whole);
    assert_string_equal(whole.text, "!413\n");
    run_cut(&limits, bytes_of(in, http_parse_max(&limits) + 1), 0, 100, &part);
    assert_string_equal(part.text, "!413\n");
    run_cut(&limits, bytes_of(in, head + limits.body + 8191), 0, 100, &part);
    assert_string_equal(part.text, "body\n");
}

#define F(value) "X-Forwarded-For: " value "\r\n"

/* A proxy adds its line behind those that a client may have sent. */
static void test_forwarded(void **state)
{
    static const struct {
        const char *in, *value;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", ""},
        {"GET / HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"GET / HTTP/1.1\r\n" HOST "x-forwarded-for: 192.0.2.1, 192.0.2.2 \r\n\r\n", "192.0.2.1, 192.0.2.2"},
        {"GET / HTTP/1.1\r\n" HOST "X-Forwarded-For: a\r\nX: b\r\nX-Forwarded-For: 192.0.2.3\r\n\r\n",
         "a|192.0.2.3"},
        {"GET / HTTP/1.1\r\n" HOST "X-Forwarded-For: a\r\nX-Forwarded-For:\r\n\r\n", "a|"},
        {"GET / HTTP/1.1\r\n" HOST F("1") F("2") F("3") F("4") F("5") F("6") F("7") F("8") "\r\n",
         "1|2|3|4|5|6|7|8"},
        {"GET / HTTP/1.1\r\n" HOST F("1") F("2") F("3") F("4") F("5") F("6") F("7") F("8") F("9")
             F("10") "\r\n",
         "3|4|5|6|7|8|9|10"},
        {POST TE "\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", ""},
    };
    static const struct http_limits roomy = {.request_line = 60, .head = 1000, .fields = 20, .body = 32};
    char text[100];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_parse parse;

        http_parse_init(&parse, &roomy);
        assert_int_equal(http_parse_run(&parse, bytes_str(rows[i].in)), HTTP_PARSE_REQUEST);
        text[0] = 0;
        for (size_t j = 0; j < parse.request.num_forwarded; j++) {
            const struct bytes line = parse.request.forwarded[j];

            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", j ? "|" : "",
                           (int)line.len, line.len ? (const char *)line.data : "");
        }
        assert_string_equal(text, rows[i].value);
        http_parse_clear(&parse);
    }
}

static void test_wants_continue(void **state)
{
    static const char in[] = POST "Expect: 100-continue\r\n" CL3;
    struct http_parse parse;
    size_t len;

    (void)state;
    http_parse_init(&parse, &limits);
    for (len = 1; len < sizeof in - 1; len++) {
        assert_int_equal(http_parse_run(&parse, bytes_of(in, len)), HTTP_PARSE_MORE);
        assert_int_equal(parse.wants_continue, len >= sizeof in - 1 - 3);
    }
    assert_int_equal(http_parse_run(&parse, bytes_of(in, len)), HTTP_PARSE_REQUEST);
    assert_false(parse.wants_continue);
    http_parse_next(&parse);
    assert_int_equal(http_parse_run(&parse, bytes_of(in, sizeof in - 1)), HTTP_PARSE_REQUEST);
    http_parse_clear(&parse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_nul_in_a_head),
        cmocka_unit_test(test_request_line_limit),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_field_limit),
        cmocka_unit_test(test_body_limit),
        cmocka_unit_test(test_chunk_framing_limit),
        cmocka_unit_test(test_wants_continue),
        cmocka_unit_test(test_forwarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
