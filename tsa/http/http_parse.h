/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets of a connection -> requests (RFC 9112), without sockets: the input is all that has arrived since the last request
 * ended, and the verdict is the same however the octets were cut. llhttp decides the framing of what http_head has found
 * clean; refused here: a missing or second Host, any Transfer-Encoding but chunked, expectations but 100-continue, and bodies beyond the limit.
 */
#ifndef TSA_HTTP_PARSE_H
#define TSA_HTTP_PARSE_H

#include <llhttp.h>

#include "tsa/http/http_head.h"
#include "tsa/wire/wbuf.h"

enum http_method {
    HTTP_METHOD_OTHER,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST
};

#define HTTP_FORWARDED_MAX 8

/* One request; the views borrow the input and are good until it moves. */
struct http_request {
    enum http_method method;
    unsigned minor;  /* HTTP/1.minor: 0 or 1 */
    bool keep_alive; /* the client wants the connection kept */
    struct bytes method_text;
    struct bytes target;     /* as sent */
    struct bytes path;       /* of the target, without query */
    struct bytes query;      /* without "?"; empty when there is none */
    struct bytes host;       /* of an absolute target, else the field's value */
    struct bytes media_type; /* Content-Type without its parameters */
    struct bytes agent;      /* User-Agent */
    struct bytes forwarded
        [HTTP_FORWARDED_MAX]; /* values of X-Forwarded-For lines, as they came; of more than that the last */
    size_t num_forwarded;
    struct bytes body;
};

enum http_parse_verdict {
    HTTP_PARSE_MORE,    /* not all there yet */
    HTTP_PARSE_REQUEST, /* request is set; its first `consumed` octets of the input are used up */
    HTTP_PARSE_REFUSED, /* refusal is set; nothing after it may be parsed */
};

enum http_parse_phase {
    HTTP_PARSE_IDLE,
    HTTP_PARSE_HEAD,
    HTTP_PARSE_BODY
};

/* Fields that matter here, by their place in the table. */
enum http_field {
    HTTP_FIELD_HOST,
    HTTP_FIELD_TYPE,
    HTTP_FIELD_AGENT,
    HTTP_FIELD_EXPECT,
    HTTP_FIELD_CODING,
    HTTP_FIELD_FORWARDED,
    HTTP_FIELD_NUM
};

struct http_parse {
    const struct http_limits *limits;
    struct http_request request;
    struct http_refusal refusal;
    size_t consumed;
    enum http_parse_phase phase;
    bool wants_continue; /* Expect: 100-continue, and the body is not all there yet */

    /* private */
    struct http_head head, trailer; /* trailer: behind the last chunk, where its start is not 0 */
    struct http_request_line line;
    llhttp_t llhttp;
    struct bytes in; /* during a run */
    size_t fed;      /* first octet that llhttp has not seen */
    struct http_span name, value;
    struct http_span fields[HTTP_FIELD_NUM];        /* value of the first of each */
    struct http_span forwarded[HTTP_FORWARDED_MAX]; /* a ring of values of FORWARDED */
    unsigned num_fields[HTTP_FIELD_NUM];
    size_t body_len;
    bool is_chunked, complete;
    struct wbuf chunks; /* a body that came in chunks, decoded */
};

/* http_parse_init makes it ready for the first request; limits must outlive it. http_parse_clear frees what a chunked body took. */
void http_parse_init(struct http_parse *parse, const struct http_limits *limits);
void http_parse_clear(struct http_parse *parse);

/* http_parse_run looks at in, which begins where the last request ended; what an earlier run saw of it is still there, perhaps elsewhere. */
enum http_parse_verdict http_parse_run(struct http_parse *parse, struct bytes in);

/* http_parse_next forgets the request; the input then begins after its consumed octets. */
void http_parse_next(struct http_parse *parse);

/* http_parse_max tells how many octets one request may take, chunks' framing included: the input must have room for them. */
size_t http_parse_max(const struct http_limits *limits);

#endif
