/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a time server is named (clock.servers, clock.chrony), and how its resolved address travels from the parent, which may ask name
 * services, to the clock role, which may not: a text with one line for each server, in the order of the settings.
 */
#ifndef TSA_ROLE_TIMESERVER_H
#define TSA_ROLE_TIMESERVER_H

#include "tsa/role/address.h"
#include "tsa/wire/wbuf.h"

#define TIMESERVER_PORT 123

struct timeserver {
    char host[254];
    uint16_t port;
    bool is_number; /* host is an IPv4 or IPv6 address */
};

/* timeserver_parse reads "192.0.2.1", "[2001:db8::1]:123", "2001:db8::1", "time.example.org:1123"; port stands where the text has none. RC_CONFIG with
 * a static sentence. */
enum rc timeserver_parse(const char *text, uint16_t port, struct timeserver *out,
                         const char **out_why) MUST_CHECK;

/* timeserver_equal tells whether both are the same host and port, however they are written; names are not resolved. */
bool timeserver_equal(const struct timeserver *a, const struct timeserver *b);

/* timeserver_is_smeared tells whether this host is known to spread leap seconds over hours (Google's, Amazon's, Meta's). */
bool timeserver_is_smeared(const char *host);

/* timeserver_address gives the socket address of a number. RC_NOT_FOUND for a name. */
enum rc timeserver_address(const struct timeserver *server, struct address *out) MUST_CHECK;

/* timeserver_put_line appends a server's line; NULL = its name could not be resolved. timeserver_get_line takes the next line off *rest. RC_NOT_FOUND:
 * that one is not resolved; RC_CONFIG: malformed, or there is no more. */
void timeserver_put_line(struct wbuf *w, const struct address *address);
enum rc timeserver_get_line(struct bytes *rest, struct address *out) MUST_CHECK;

#endif
