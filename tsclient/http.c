/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, tied down: POST alone, http and https alone, no redirects (a POST that is sent on as GET, or a signature value sent
 * to somebody else), no signals, a size limit, one deadline for the whole exchange. What a server says is shown with its
 * control characters replaced.
 */
#include "tsclient/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define DEFAULT_TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000
#define SHOWN_BODY         120
#define HEAD_MAX           (64u << 10) /* all header lines, those of interim replies and trailers too */

struct http {
    CURL *curl;
    char error[CURL_ERROR_SIZE];
    long timeout_ms;
};

struct sink {
    struct wbuf *body;
    size_t head_len;
    bool too_large;
};

/* libcurl keeps header lines as long as they come. */
static size_t on_header(char *data, size_t size, size_t num, void *arg)
{
    struct sink *sink = arg;

    (void)data;
    sink->head_len += size * num;
    return sink->head_len <= HEAD_MAX ? size * num : 0;
}

static size_t on_data(char *data, size_t size, size_t num, void *arg)
{
    struct sink *sink = arg;

    wbuf_put(sink->body, bytes_of(data, size * num));
    sink->too_large = wbuf_rc(sink->body) == RC_TOO_LARGE;
    return wbuf_rc(sink->body) == RC_OK ? size * num : 0;
}

/* ---- set up ---- */

static bool set_text(CURL *curl, CURLoption option, const char *text)
{
    return !text || curl_easy_setopt(curl, option, text) == CURLE_OK;
}

/* curl's --cert: a passphrase may follow behind a colon. */
static bool set_cert(CURL *curl, const char *cert)
{
    const char *colon = cert ? strrchr(cert, ':') : NULL;
    char *file;
    bool ok;

    if (!colon) {
        return set_text(curl, CURLOPT_SSLCERT, cert);
    }
    file = strndup(cert, (size_t)(colon - cert));
    ok = file && set_text(curl, CURLOPT_SSLCERT, file) && set_text(curl, CURLOPT_KEYPASSWD, colon + 1);
    free(file);
    return ok;
}

static bool set_up(struct http *http, const struct http_options *options)
{
    CURL *curl = http->curl;

    return set_text(curl, CURLOPT_PROTOCOLS_STR, "http,https") &&
           set_text(curl, CURLOPT_PROXY, options->proxy) && set_text(curl, CURLOPT_CAINFO, options->cacert) &&
           set_text(curl, CURLOPT_USERPWD, options->user) &&
           set_text(curl, CURLOPT_USERAGENT, "tsclient/" TSA_VERSION) && set_cert(curl, options->cert) &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, http->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                            http->timeout_ms < CONNECT_TIMEOUT_MS ? http->timeout_ms : CONNECT_TIMEOUT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error) == CURLE_OK;
}

struct http *http_new(const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return NULL;
    }
    http->timeout_ms = options->timeout_ns > 0 ? (long)(options->timeout_ns / 1000000) : DEFAULT_TIMEOUT_MS;
    http->timeout_ms = http->timeout_ms > 0 ? http->timeout_ms : 1;
    http->curl = curl_easy_init();
    if (!http->curl || !set_up(http, options)) {
        http_free(http);
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (http) {
        curl_easy_cleanup(http->curl);
        curl_global_cleanup();
        free(http);
    }
}

/* ---- one exchange ---- */

static struct curl_slist *make_headers(const struct http_post *post)
{
    static const char *const fixed[] = {"Cache-Control: no-cache", "Expect:"};
    struct curl_slist *list = NULL, *longer;
    char line[200];

    for (int i = 0; i < 4; i++) {
        (void)snprintf(line, sizeof line, "%s: %s", i == 0 ? "Content-Type" : "Accept",
                       i == 0 ? post->content_type : post->accept);
        longer = curl_slist_append(list, i < 2 ? line : fixed[i - 2]);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* The media type alone, lower case: parameters are nobody's business here. */
static void note_type(CURL *curl, struct http_reply *out)
{
    const char *type = NULL;
    size_t len = 0;

    if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK || !type) {
        return;
    }
    while (type[len] && !strchr("; \t", type[len]) && len + 1 < sizeof out->type) {
        out->type[len] = isprint((unsigned char)type[len]) ? (char)tolower((unsigned char)type[len]) : '?';
        len++;
    }
    out->type[len] = '\0';
}

/* The first line of what the server said, for people. */
static void quote_body(const struct http_reply *reply, char out[SHOWN_BODY])
{
    struct bytes body = wbuf_bytes(&reply->body);
    size_t len = 0;

    while (len < body.len && len + 1 < SHOWN_BODY && body.data[len] != '\r' && body.data[len] != '\n') {
        out[len] = body.data[len] >= 0x20 && body.data[len] < 0x7f ? (char)body.data[len] : '?';
        len++;
    }
    out[len] = '\0';
}

static bool is_text(const struct http_reply *reply)
{
    return strncmp(reply->type, "text/plain", 10) == 0 && reply->body.len > 0;
}

/* Nothing of the kind was asked for (Accept-Encoding), so it would be taken for a malformed reply. */
static bool is_coded(CURL *curl, struct http_reply *out)
{
    struct curl_header *coding;

    if (curl_easy_header(curl, "Content-Encoding", 0, CURLH_HEADER, -1, &coding) != CURLHE_OK ||
        strcasecmp(coding->value, "identity") == 0) {
        return false;
    }
    out->verdict = HTTP_BAD;
    (void)snprintf(
        out->why, sizeof out->why,
        "the reply is compressed (Content-Encoding), which was not asked for; is there a proxy between?");
    return true;
}

static void judge_status(CURL *curl, struct http_reply *out)
{
    char quoted[SHOWN_BODY] = "";
    char *location = NULL;

    if (out->status == 200) {
        out->verdict = HTTP_GOOD;
        (void)is_coded(curl, out);
        return;
    }
    if (is_text(out)) {
        quote_body(out, quoted);
    }
    out->verdict = HTTP_BAD;
    if (out->status == 408 || out->status == 429 || out->status >= 500) {
        out->verdict = HTTP_UNREACHABLE;
    } else if (out->status >= 400) {
        out->verdict = HTTP_REFUSED;
    } else if (out->status >= 300) {
        (void)curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    }
    (void)snprintf(out->why, sizeof out->why, "the server answered HTTP status %ld%s%s%s%.200s", out->status,
                   quoted[0] ? ": " : "", quoted,
                   location ? "; redirects are not followed, ask this URL itself: " : "",
                   location ? location : "");
}

/* What answered speaks something else than HTTP: it would do so again. */
static bool is_no_http(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY ||
           code == CURLE_BAD_CONTENT_ENCODING;
}

static void judge_failure(const struct http *http, CURLcode code, const struct sink *sink,
                          struct http_reply *out)
{
    bool head_too_large = sink->head_len > HEAD_MAX;

    if (sink->too_large || head_too_large) {
        out->verdict = HTTP_BAD;
        (void)snprintf(out->why, sizeof out->why, "the reply%s is larger than %u octets",
                       head_too_large ? "'s head" : "", head_too_large ? HEAD_MAX : HTTP_REPLY_MAX);
        return;
    }
    out->verdict = is_no_http(code) ? HTTP_BAD : HTTP_UNREACHABLE;
    (void)snprintf(out->why, sizeof out->why, "%s%s%s",
                   is_no_http(code) ? "what answers there is no HTTP server, or a broken one: " : "",
                   http->error[0] ? http->error : curl_easy_strerror(code),
                   code == CURLE_SSL_CONNECT_ERROR ? " (an authority without TLS wants http://)" : "");
}

static CURLcode perform(struct http *http, const struct http_post *post, struct curl_slist *headers,
                        struct sink *sink)
{
    CURL *curl = http->curl;

    if (curl_easy_setopt(curl, CURLOPT_URL, post->url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POST, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body.data) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, sink) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) != CURLE_OK) {
        return CURLE_FAILED_INIT;
    }
    http->error[0] = '\0';
    return curl_easy_perform(curl);
}

void http_post(struct http *http, const struct http_post *post, struct http_reply *out)
{
    struct curl_slist *headers = make_headers(post);
    struct sink sink = {.body = &out->body};
    CURLcode code = CURLE_OUT_OF_MEMORY;

    *out = (struct http_reply){.verdict = HTTP_BAD};
    wbuf_init(&out->body, HTTP_REPLY_MAX);
    if (headers) {
        code = perform(http, post, headers, &sink);
    }
    if (code != CURLE_OK) {
        judge_failure(http, code, &sink, out);
    } else {
        (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &out->status);
        note_type(http->curl, out);
        judge_status(http->curl, out);
    }
    curl_slist_free_all(headers);
}

void http_reply_clear(struct http_reply *reply)
{
    wbuf_clear(&reply->body);
    *reply = (struct http_reply){0};
}

const char *http_url_problem(const char *url)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    const char *why = "it is no URL such as http://timestamp.example.com/";

    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK) {
        why = strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0
                  ? NULL
                  : "its scheme must be http or https";
    }
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return why;
}
