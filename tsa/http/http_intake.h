/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listed proxy says before all else: the octets of a PROXY header, and not one behind them, are taken off a socket, so that TLS or HTTP
 * finds its own first octet. Only while it lasts does it cost memory.
 */
#ifndef TSA_HTTP_INTAKE_H
#define TSA_HTTP_INTAKE_H

#include <event2/event.h>

#include "tsa/http/proxy_header.h"

struct http_intake;

/* Called once, unless it was freed before; the intake is gone when it returns. taken: the header was good, and client is whom it names (AF_UNSPEC:
 * the proxy itself asks). Else why says what its connection did: "began without ...", or NULL: it ended, and had said nothing. */
typedef void http_intake_fn(void *arg, bool taken, const struct netaddr *client, const char *why);

/* http_intake_new begins to read from fd, which stays the caller's. NULL when there is no memory. */
struct http_intake *http_intake_new(struct event_base *base, int fd, http_intake_fn *on_done, void *arg);
void http_intake_free(struct http_intake *intake);

#endif
