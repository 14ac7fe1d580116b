/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to listen, as it is written in a configuration or on a command line: "127.0.0.1:3161", "[::1]:3161", or the path of a Unix
 * socket. Numbers only, no names: what a name means would depend on the moment.
 */
#ifndef TSA_ROLE_ADDRESS_H
#define TSA_ROLE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tsa/wire/rc.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } sock;
    socklen_t len;
};

#define ADDRESS_TEXT_MAX 112 /* room for the longest text with its NUL */

/* address_parse reads one. RC_CONFIG, and then *out_why says in a static sentence what is wrong with it. */
enum rc address_parse(const char *text, struct address *out, const char **out_why) MUST_CHECK;

/* address_text writes it as address_parse reads it; returns out. */
char *address_text(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* address_equal: to listen on both is to listen twice. Two free ports are never the same. */
bool address_equal(const struct address *a, const struct address *b);

/* address_port_is_free tells whether the port is 0: whichever is free. A Unix socket has none. */
bool address_port_is_free(const struct address *address);

/* address_is_loopback tells whether only this machine can reach it. */
bool address_is_loopback(const struct address *address);

#endif
