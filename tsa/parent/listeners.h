/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets. The parent opens them, or takes over those that systemd has passed (sd_listen_fds(3)), and keeps them, so that no
 * restart of a role loses a connection that waits; a reload keeps those that it still wants. It never accepts on them.
 */
#ifndef TSA_PARENT_LISTENERS_H
#define TSA_PARENT_LISTENERS_H

#include <sys/types.h>

#include "tsa/base/cfg.h"
#include "tsa/role/address.h"

#define LISTENERS_MAX     32
#define LISTENERS_BACKLOG 4096

enum listener_kind {
    LISTENER_PLAIN,
    LISTENER_TLS,
    LISTENER_METRICS,
    LISTENER_NUM_KINDS
};

struct listener {
    int fd;
    enum listener_kind kind;
    struct address wanted;  /* as it was asked for; port 0: any */
    struct address address; /* as bound: a free port has its number */
    bool is_passed;         /* by systemd */
    dev_t dev; /* of a Unix socket made here, which file it is: another one may have its name later */
    ino_t ino;
};

struct listeners {
    struct listener list[LISTENERS_MAX];
    size_t num;
    char error[300]; /* of the last failure: which address, and why */
};

struct listeners_wanted {
    const struct cfg_strings *addresses[LISTENER_NUM_KINDS]; /* texts as address_parse reads them */
    const struct listeners *before; /* those that are open already; NULL at the start */
};

/* listeners_open gives *listeners a socket for each address: one of before where it has that address, else a new one. Sockets that systemd passed to this
 * very process replace the addresses of their kind, whatever those are. RC_IO, RC_CONFIG; then error says why, and what was opened here is closed again. */
enum rc listeners_open(struct listeners *listeners, const struct listeners_wanted *wanted) MUST_CHECK;

/* listeners_close closes those that kept (NULL: nothing) has not, and removes the Unix sockets that were made here. None is left in listeners. */
void listeners_close(struct listeners *listeners, const struct listeners *kept);

/* listeners_has_passed tells whether systemd has passed sockets of that kind. listener_kind_name: "listen", "tls", "metrics". */
bool listeners_has_passed(const struct listeners *listeners, enum listener_kind kind);
const char *listener_kind_name(enum listener_kind kind);

/* listeners_find_url writes "http://ADDRESS:PORT/" of the first TCP listener, with 127.0.0.1 or [::1] where it listens on every address;
 * "https://..." where there is none without TLS; empty when there is none. Returns out. */
#define LISTENERS_URL_MAX (ADDRESS_TEXT_MAX + 16)
char *listeners_find_url(const struct listeners *listeners, char out[LISTENERS_URL_MAX]);

#endif
