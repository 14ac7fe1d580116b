/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llhttp over whole heads, then over the body as it comes. Each head is scanned first, so llhttp sees it in one piece and its
 * spans are offsets into the input. The parser is reset for each request: nothing of one can leak into the next.
 */
#include "tsa/http/http_parse.h"

#include <string.h>

/* Room for the framing of chunks; a client that needs more sends chunks of a few octets. */
#define CHUNK_FRAMING_MAX 8192

static int refuse(struct http_parse *parse, unsigned status, const char *why)
{
    if (parse->refusal.status == 0) {
        parse->refusal = (struct http_refusal){status, why};
    }
    return -1;
}

/* ---- llhttp's callbacks, in the order in which it calls them --------------------------------------- */

static void grow(struct http_parse *parse, struct http_span *span, const char *at, size_t len)
{
    if (span->len == 0) {
        span->at = (size_t)((const uint8_t *)at - parse->in.data);
    }
    span->len += len;
}

static int on_field_name(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;

    grow(parse, &parse->name, at, len);
    return 0;
}

static int on_field_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;

    grow(parse, &parse->value, at, len);
    return 0;
}

static struct bytes view(const struct http_parse *parse, struct http_span span)
{
    return span.len ? bytes_of(parse->in.data + span.at, span.len) : BYTES_NONE;
}

static const char *const field_names[HTTP_FIELD_NUM] = {
    [HTTP_FIELD_HOST] = "host",
    [HTTP_FIELD_TYPE] = "content-type",
    [HTTP_FIELD_AGENT] = "user-agent",
    [HTTP_FIELD_EXPECT] = "expect",
    [HTTP_FIELD_CODING] = "transfer-encoding",
    [HTTP_FIELD_FORWARDED] = "x-forwarded-for",
};

static void keep_field(struct http_parse *parse)
{
    struct bytes name = view(parse, parse->name);
    struct http_span value = parse->value;
    size_t i;

    while (value.len > 0 && strchr(" \t", parse->in.data[value.at + value.len - 1])) {
        value.len--;
    }
    for (i = 0; i < HTTP_FIELD_NUM; i++) {
        if (!http_head_text_is(name, field_names[i])) {
            continue;
        }
        if (i == HTTP_FIELD_FORWARDED) {
            parse->forwarded[parse->num_fields[i] % HTTP_FORWARDED_MAX] = value;
        }
        if (parse->num_fields[i]++ == 0) {
            parse->fields[i] = value;
        }
    }
}

static int on_field_end(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;

    if (parse->name.len == 0) {
        return refuse(parse, 400, "a header field has no name");
    }
    if (parse->phase == HTTP_PARSE_HEAD) { /* trailers tell nothing here */
        keep_field(parse);
    }
    parse->name = parse->value = (struct http_span){0, 0};
    return 0;
}

/* Takes scheme and authority off an absolute target (RFC 9112 3.2.2); *out_host stays where there is none. */
static struct bytes split_authority(struct bytes target, struct bytes *out_host)
{
    size_t at, len = 0;

    if (target.len > 7 && http_head_text_is(bytes_of(target.data, 7), "http://")) {
        at = 7;
    } else if (target.len > 8 && http_head_text_is(bytes_of(target.data, 8), "https://")) {
        at = 8;
    } else {
        return target;
    }
    while (at + len < target.len && !strchr("/?#", target.data[at + len])) {
        len++;
    }
    *out_host = bytes_of(target.data + at, len);
    return bytes_of(target.data + at + len, target.len - at - len);
}

static int check_host(struct http_parse *parse)
{
    unsigned num = parse->num_fields[HTTP_FIELD_HOST];
    struct bytes authority = bytes_str("-"); /* where the URL has none */

    if (num > 1 || (num == 0 && parse->line.minor == 1)) { /* RFC 9112 3.2 */
        return refuse(parse, 400, num ? "send one Host field, not several" : "the Host field is missing");
    }
    (void)split_authority(view(parse, parse->line.target), &authority);
    if (authority.len == 0 || !http_head_host_is_clean(authority)) { /* RFC 9110 4.2.1 */
        return refuse(parse, 400, "the URL names no host, or not a host name with or without a port");
    }
    if (!http_head_host_is_clean(view(parse, parse->fields[HTTP_FIELD_HOST]))) {
        return refuse(parse, 400, "the Host field is not a host name with or without a port");
    }
    return 0;
}

static int check_coding(struct http_parse *parse)
{
    if (parse->num_fields[HTTP_FIELD_CODING] == 0) {
        return 0;
    }
    if (parse->num_fields[HTTP_FIELD_CODING] > 1 || parse->line.minor == 0) { /* RFC 9112 6.1 */
        return refuse(parse, 400, "the Transfer-Encoding field is repeated, or sent with HTTP/1.0");
    }
    if (!http_head_text_is(view(parse, parse->fields[HTTP_FIELD_CODING]), "chunked")) {
        return refuse(parse, 501, "the only Transfer-Encoding that is understood here is chunked");
    }
    parse->is_chunked = true;
    return 0;
}

static int check_length(struct http_parse *parse)
{
    bool has_length = (parse->llhttp.flags & F_CONTENT_LENGTH) != 0;

    if (parse->llhttp.content_length > parse->limits->body) {
        return refuse(parse, 413, "the body is too large for a timestamp request");
    }
    if (parse->llhttp.method == HTTP_POST && !has_length && !parse->is_chunked) {
        return refuse(parse, 411, "send a Content-Length with the POST");
    }
    return 0;
}

static int check_expect(struct http_parse *parse)
{
    if (parse->num_fields[HTTP_FIELD_EXPECT] == 0 || parse->line.minor == 0) { /* RFC 9110 10.1.1 */
        return 0;
    }
    if (parse->num_fields[HTTP_FIELD_EXPECT] > 1 ||
        !http_head_text_is(view(parse, parse->fields[HTTP_FIELD_EXPECT]), "100-continue")) {
        return refuse(parse, 417, "the only expectation that is understood here is 100-continue");
    }
    parse->wants_continue = true;
    return 0;
}

static int on_head_end(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;

    parse->request.keep_alive = /* RFC 9112 9.3: close outweighs keep-alive */
        llhttp_should_keep_alive(llhttp) != 0 && !(llhttp->flags & F_CONNECTION_CLOSE);
    if (check_host(parse) || check_coding(parse) || check_length(parse) || check_expect(parse)) {
        return -1;
    }
    return 0;
}

/* Behind the last chunk llhttp waits until the trailer is whole and clean: it would take folded lines and a bare LF there. */
static int on_chunk_begin(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;

    if (llhttp->content_length == 0) {
        return HPE_PAUSED;
    }
    if (llhttp->content_length > parse->limits->body - parse->chunks.len) {
        return refuse(parse, 413, "the body is too large for a timestamp request");
    }
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parse *parse = llhttp->data;

    parse->body_len += len;
    if (parse->is_chunked) {
        wbuf_put(&parse->chunks, bytes_of(at, len));
        return wbuf_rc(&parse->chunks) == RC_OK ? 0 : refuse(parse, 503, "out of memory; try again");
    }
    return 0;
}

/* The pause keeps llhttp from the next request: each starts afresh. */
static int on_message_end(llhttp_t *llhttp)
{
    struct http_parse *parse = llhttp->data;

    parse->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_head_end,
    .on_chunk_header = on_chunk_begin,
    .on_body = on_body,
    .on_message_complete = on_message_end,
};

/* ---- what llhttp's errors mean to a client --------------------------------------------------------- */

static const struct {
    llhttp_errno_t code;
    struct http_refusal refusal;
} faults[] = {
    {HPE_INVALID_METHOD, {501, "this method is not known here; use POST or GET"}},
    {HPE_INVALID_VERSION, {505, "this server speaks HTTP/1.1 and HTTP/1.0 only"}},
    {HPE_INVALID_URL, {400, "the URL is malformed"}},
    {HPE_INVALID_CONTENT_LENGTH, {400, "the Content-Length is not one decimal number"}},
    {HPE_UNEXPECTED_CONTENT_LENGTH, {400, "send one Content-Length or Transfer-Encoding, not several"}},
    {HPE_INVALID_TRANSFER_ENCODING, {501, "the only Transfer-Encoding that is understood here is chunked"}},
    {HPE_INVALID_CHUNK_SIZE, {400, "the size of a chunk is not one hexadecimal number"}},
    {HPE_INVALID_HEADER_TOKEN, {400, "a header field is malformed"}},
};

static enum http_parse_verdict refuse_fault(struct http_parse *parse, llhttp_errno_t code)
{
    size_t i;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (faults[i].code == code) {
            refuse(parse, faults[i].refusal.status, faults[i].refusal.why);
        }
    }
    refuse(parse, 400, "the request is not well-formed HTTP");
    return HTTP_PARSE_REFUSED;
}

/* ---- from octets to a request ---------------------------------------------------------------------- */

static void split_target(struct http_request *request)
{
    struct bytes rest = split_authority(request->target, &request->host);
    const uint8_t *mark = rest.len ? memchr(rest.data, '?', rest.len) : NULL;

    request->path = mark ? bytes_of(rest.data, (size_t)(mark - rest.data)) : rest;
    request->path = request->path.len ? request->path : bytes_str("/");
    request->query = mark ? bytes_of(mark + 1, (size_t)(rest.data + rest.len - mark) - 1) : BYTES_NONE;
}

static void view_forwarded(struct http_parse *parse)
{
    const size_t num = parse->num_fields[HTTP_FIELD_FORWARDED];
    size_t i = num > HTTP_FORWARDED_MAX ? num - HTTP_FORWARDED_MAX : 0;

    for (parse->request.num_forwarded = 0; i < num; i++) {
        parse->request.forwarded[parse->request.num_forwarded++] =
            view(parse, parse->forwarded[i % HTTP_FORWARDED_MAX]);
    }
}

static void view_request(struct http_parse *parse)
{
    struct http_request *request = &parse->request;
    struct bytes type = view(parse, parse->fields[HTTP_FIELD_TYPE]);
    size_t len = 0;

    while (len < type.len && !strchr("; \t", type.data[len])) {
        len++;
    }
    request->minor = parse->line.minor;
    request->method_text = view(parse, parse->line.method);
    request->target = view(parse, parse->line.target);
    request->host = view(parse, parse->fields[HTTP_FIELD_HOST]);
    request->agent = view(parse, parse->fields[HTTP_FIELD_AGENT]);
    request->media_type = bytes_of(type.data, len);
    request->body = parse->is_chunked ? wbuf_bytes(&parse->chunks)
                                      : bytes_of(parse->in.data + parse->head.end, parse->body_len);
    view_forwarded(parse);
    split_target(request);
}

static enum http_parse_verdict finish(struct http_parse *parse)
{
    const uint8_t *end = (const uint8_t *)llhttp_get_error_pos(&parse->llhttp);

    parse->wants_continue = false;
    parse->consumed = parse->is_chunked ? (size_t)(end - parse->in.data) : parse->head.end + parse->body_len;
    view_request(parse);
    return HTTP_PARSE_REQUEST;
}

static enum http_parse_verdict feed(struct http_parse *parse, size_t end)
{
    const char *text = (const char *)parse->in.data;
    llhttp_errno_t code = llhttp_execute(&parse->llhttp, text + parse->fed, end - parse->fed);

    parse->fed = end;
    if (parse->refusal.status != 0) {
        return HTTP_PARSE_REFUSED;
    }
    if (parse->complete) {
        return finish(parse);
    }
    if (code == HPE_PAUSED) { /* behind the last chunk */
        parse->fed = (size_t)((const uint8_t *)llhttp_get_error_pos(&parse->llhttp) - parse->in.data);
        parse->trailer = http_head_trailer(parse->fed);
        return HTTP_PARSE_MORE;
    }
    return code == HPE_OK ? HTTP_PARSE_MORE : refuse_fault(parse, code);
}

/* As soon as it is there: a refusal, too, answers HEAD without a body (RFC 9110 9.3.2). */
static enum http_method method_of(const struct http_parse *parse)
{
    static const struct {
        const char *word;
        enum http_method method;
    } methods[] = {{"GET ", HTTP_METHOD_GET}, {"HEAD ", HTTP_METHOD_HEAD}, {"POST ", HTTP_METHOD_POST}};
    struct bytes line = bytes_of(parse->in.data + parse->head.start, parse->in.len - parse->head.start);
    size_t i;

    for (i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        size_t len = strlen(methods[i].word);

        if (line.len >= len && memcmp(line.data, methods[i].word, len) == 0) {
            return methods[i].method;
        }
    }
    return HTTP_METHOD_OTHER;
}

static enum http_parse_verdict run_head(struct http_parse *parse)
{
    parse->refusal = http_head_scan(&parse->head, parse->limits, parse->in);
    parse->request.method = method_of(parse);
    if (parse->refusal.status == 0 && parse->head.end == 0) {
        parse->phase = parse->head.at > parse->head.start ? HTTP_PARSE_HEAD : HTTP_PARSE_IDLE;
        return HTTP_PARSE_MORE;
    }
    parse->phase = HTTP_PARSE_HEAD;
    if (parse->refusal.status == 0) {
        parse->refusal = http_head_split(&parse->head, parse->in, &parse->line);
    }
    if (parse->refusal.status != 0) {
        return HTTP_PARSE_REFUSED;
    }
    parse->request.method_text = view(parse, parse->line.method);
    parse->request.target = view(parse, parse->line.target);
    parse->fed = parse->head.start;
    return feed(parse, parse->head.end);
}

/* The fields behind the last chunk: scanned first, then seen by llhttp in one piece, like a head. */
static enum http_parse_verdict run_trailer(struct http_parse *parse, size_t end)
{
    struct bytes in = bytes_of(parse->in.data, end);

    parse->refusal = http_head_scan(&parse->trailer, parse->limits, in);
    if (parse->refusal.status != 0) {
        return HTTP_PARSE_REFUSED;
    }
    if (parse->trailer.end == 0) {
        return HTTP_PARSE_MORE;
    }
    llhttp_resume(&parse->llhttp);
    return feed(parse, parse->trailer.end);
}

static enum http_parse_verdict run_chunks(struct http_parse *parse, size_t end)
{
    enum http_parse_verdict verdict = HTTP_PARSE_MORE;

    if (parse->trailer.start == 0) {
        verdict = feed(parse, end);
    }
    if (verdict == HTTP_PARSE_MORE && parse->trailer.start != 0) {
        verdict = run_trailer(parse, end);
    }
    return verdict;
}

static enum http_parse_verdict run_body(struct http_parse *parse)
{
    size_t max = parse->head.end + parse->limits->body + CHUNK_FRAMING_MAX;
    size_t end = parse->in.len < max ? parse->in.len : max;
    enum http_parse_verdict verdict;

    if (parse->fed == parse->in.len) {
        return HTTP_PARSE_MORE;
    }
    verdict = run_chunks(parse, end);
    if (verdict == HTTP_PARSE_MORE && end == max) {
        refuse(parse, 413, "the body comes in too many small chunks; send a Content-Length or larger chunks");
        return HTTP_PARSE_REFUSED;
    }
    return verdict;
}

static enum http_parse_verdict run(struct http_parse *parse)
{
    enum http_parse_verdict verdict = HTTP_PARSE_MORE;

    if (parse->phase != HTTP_PARSE_BODY) {
        verdict = run_head(parse);
    }
    if (verdict == HTTP_PARSE_MORE && parse->head.end != 0) {
        parse->phase = HTTP_PARSE_BODY;
        verdict = run_body(parse);
    }
    return verdict;
}

enum http_parse_verdict http_parse_run(struct http_parse *parse, struct bytes in)
{
    enum http_parse_verdict verdict;

    if (parse->refusal.status != 0) {
        return HTTP_PARSE_REFUSED;
    }
    parse->in = in;
    verdict = run(parse);
    parse->in = BYTES_NONE;
    if (verdict == HTTP_PARSE_MORE) { /* the input may move before the next run */
        parse->request.method_text = parse->request.target = BYTES_NONE;
    }
    return verdict;
}

void http_parse_init(struct http_parse *parse, const struct http_limits *limits)
{
    memset(parse, 0, sizeof *parse);
    parse->limits = limits;
    wbuf_init(&parse->chunks, limits->body);
    llhttp_init(&parse->llhttp, HTTP_REQUEST, &callbacks);
    parse->llhttp.data = parse;
}

void http_parse_clear(struct http_parse *parse)
{
    wbuf_clear(&parse->chunks);
}

/* A chunked body is rare: its room goes back, so that an idle connection holds none. */
void http_parse_next(struct http_parse *parse)
{
    const struct http_limits *limits = parse->limits;

    http_parse_clear(parse);
    http_parse_init(parse, limits);
}

size_t http_parse_max(const struct http_limits *limits)
{
    return HTTP_HEAD_EMPTY_LINES * 2 + limits->head + limits->body + CHUNK_FRAMING_MAX;
}
