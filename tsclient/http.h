/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One POST to a timestamp authority, through libcurl. Redirects are not followed, other schemes than http and https do not exist, and a
 * reply has a largest size. What it gives back is untrusted: trust comes from the timestamp's signature, not from the transport.
 */
#ifndef TSCLIENT_HTTP_H
#define TSCLIENT_HTTP_H

#include "tsa/wire/wbuf.h"

#define HTTP_REPLY_MAX (1u << 20) /* a real one has 2 to 20 KiB */

struct http_options {
    int64_t timeout_ns; /* for a whole exchange; 0 = 30 s */
    const char *proxy;  /* as curl's options of these names; NULL = none (the environment's proxy counts) */
    const char *cacert;
    const char *cert; /* FILE or FILE:PASSPHRASE, the key in the same file */
    const char *user; /* NAME:PASSWORD */
};

enum http_verdict {
    HTTP_GOOD,        /* 200, and a reply that is not too large */
    HTTP_UNREACHABLE, /* no connection, a timeout, 408, 429, 5xx: worth another try */
    HTTP_REFUSED,     /* another 4xx */
    HTTP_BAD          /* anything else: a redirect, a reply too large, 201 */
};

struct http_post {
    const char *url;
    const char *content_type; /* of the request */
    const char *accept;       /* the media type that the reply should have */
    struct bytes body;
};

struct http_reply {
    enum http_verdict verdict;
    long status;    /* 0 without a reply */
    char type[100]; /* media type without parameters, lower case; empty when the reply names none */
    char why[400];  /* one printable sentence unless good */
    struct wbuf body;
};

struct http;

/* http_new makes a client whose connections are used again. NULL when libcurl fails. One thread at a time. */
struct http *http_new(const struct http_options *options);
void http_free(struct http *http);

/* http_post posts and waits. *out is always filled; clear it with http_reply_clear. */
void http_post(struct http *http, const struct http_post *post, struct http_reply *out);
void http_reply_clear(struct http_reply *reply);

/* http_url_problem tells why a text is no URL that can be asked (a static sentence), NULL when it can. */
const char *http_url_problem(const char *url);

#endif
