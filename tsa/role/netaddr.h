/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a client as a value of its own (IPv4, IPv6, or a Unix socket, which has none), and prefixes of them as allow and deny
 * lists write them. An IPv4 address that IPv6 has wrapped (::ffff:192.0.2.1, RFC 4291 2.5.5.2) is taken for what it is.
 */
#ifndef TSA_ROLE_NETADDR_H
#define TSA_ROLE_NETADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tsa/wire/bytes.h"
#include "tsa/wire/rc.h"

struct netaddr {
    uint16_t family;  /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC = not known */
    uint16_t port;    /* in the order of the machine; 0 = not known */
    uint8_t addr[16]; /* AF_INET: the first four; the rest is zero */
};

struct netaddr_prefix {
    struct netaddr net; /* AF_UNIX: every Unix socket */
    unsigned len;       /* bits */
};

#define NETADDR_TEXT_MAX 64

/* netaddr_of_sock takes what accept() gave; anything but IPv4 and IPv6 is AF_UNIX. */
struct netaddr netaddr_of_sock(const struct sockaddr *sock);

/* netaddr_parse reads an address without a port: "192.0.2.1", "2001:db8::1", "[2001:db8::1]". RC_CONFIG. */
enum rc netaddr_parse(struct bytes text, struct netaddr *out) MUST_CHECK;

/* netaddr_text writes it without the port ("unix", "-" when it is not known); returns out. */
char *netaddr_text(const struct netaddr *addr, char out[NETADDR_TEXT_MAX]);

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b); /* without regard to the port */

/* netaddr_prefix_parse reads "10.0.0.0/8", "2001:db8::/32", a single address, or "unix". Bits beyond the length must be zero, so that a slip of
 * the pen is seen. RC_CONFIG, and then *out_why says in a static sentence what is wrong. */
enum rc netaddr_prefix_parse(const char *text, struct netaddr_prefix *out, const char **out_why) MUST_CHECK;

bool netaddr_prefix_has(const struct netaddr_prefix *prefix, const struct netaddr *addr);

#endif
