/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets. The parent opens them, or takes over those that systemd has passed (sd_listen_fds(3)), and keeps them for its whole
 * life, so that no restart of a role loses a connection that waits. It never accepts on them.
 */
#ifndef TSA_PARENT_LISTENERS_H
#define TSA_PARENT_LISTENERS_H

#include "tsa/base/cfg.h"
#include "tsa/role/address.h"

#define LISTENERS_MAX     32
#define LISTENERS_BACKLOG 4096

struct listener {
    int fd;
    struct address address; /* as bound: a free port has its number */
    bool is_passed;         /* by systemd */
};

struct listeners {
    struct listener list[LISTENERS_MAX];
    size_t num;
    char error[200]; /* of the last failure: which address, and why */
};

/* listeners_open binds all addresses (text as address_parse reads it), or takes over what systemd passed to this very process and binds none. RC_IO,
 * RC_CONFIG; then error says why and everything is closed again. */
enum rc listeners_open(struct listeners *listeners, const struct cfg_strings *addresses) MUST_CHECK;

/* listeners_close closes them and removes the Unix sockets that were made here. */
void listeners_close(struct listeners *listeners);

/* listeners_find_url writes "http://ADDRESS:PORT/" of the first TCP listener, with 127.0.0.1 or [::1] where it listens on every address; empty
 * when there is none. Returns out. */
#define LISTENERS_URL_MAX (ADDRESS_TEXT_MAX + 16)
char *listeners_find_url(const struct listeners *listeners, char out[LISTENERS_URL_MAX]);

#endif
