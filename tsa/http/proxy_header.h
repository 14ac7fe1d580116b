/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol header, version 1 and 2 (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt): octets that a listed proxy puts before everything else of a
 * connection. Pure: octets in, verdict out. Never guessed: who must send one and does not is cut off.
 */
#ifndef TSA_HTTP_PROXY_HEADER_H
#define TSA_HTTP_PROXY_HEADER_H

#include "tsa/role/netaddr.h"

#define PROXY_HEADER_MAX                                                                                     \
    (16u +                                                                                                   \
     536u) /* longest that is taken: version 2 with TLVs as far as the specification demands; version 1 has 107 */

enum proxy_header_verdict {
    PROXY_HEADER_MORE,  /* a good beginning, not all there */
    PROXY_HEADER_TAKEN, /* *out_len octets are used up, *out is the client (family AF_UNSPEC: LOCAL, UNKNOWN, or by a Unix socket of the proxy's machine: the connection itself counts) */
    PROXY_HEADER_BAD,
};

/* proxy_header_parse judges what a connection begins with, however much of it has come. What is BAD or TAKEN stays so with more octets behind it; *out_len
 * is 0 and *out is not known unless it is TAKEN. */
enum proxy_header_verdict proxy_header_parse(struct bytes in, size_t *out_len, struct netaddr *out);

#endif
