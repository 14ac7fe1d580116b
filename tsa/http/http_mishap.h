/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the log why a connection ended before its first request: its client sees a bare end and can not tell anybody. Who listens to
 * the world is scanned all day, so each kind has one line a second at most, with the number of those that were left out.
 */
#ifndef TSA_HTTP_MISHAP_H
#define TSA_HTTP_MISHAP_H

#include <openssl/ssl.h>

#include "tsa/role/netaddr.h"

/* One kind of them; zeros to begin with. */
struct http_mishap {
    int64_t next_at; /* CLOCK_MONOTONIC, ns: before it none is told */
    uint64_t left_out;
};

/* http_mishap_header warns that a listed proxy has sent no good PROXY header; what goes behind "its connection": "began without ...". */
void http_mishap_header(struct http_mishap *kind, const struct netaddr *direct, const char *what);

/* http_mishap_handshake tells why a TLS handshake failed. */
void http_mishap_handshake(struct http_mishap *kind, const struct netaddr *direct, const char *why);

/* http_mishap_why puts into words what libssl says of a handshake; code is its first error, 0 = none. Returns out. */
#define HTTP_MISHAP_WHY_MAX 160
const char *http_mishap_why(const SSL *ssl, unsigned long code, char out[HTTP_MISHAP_WHY_MAX]);

#endif
