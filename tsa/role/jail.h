/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail of a role: own uid where started as root, no new privileges, not dumpable, no core, limits, Landlock (no file rights but
 * its own), and a seccomp allow-list that kills at any other system call. Closed before the first foreign octet is read.
 */
#ifndef TSA_ROLE_JAIL_H
#define TSA_ROLE_JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "tsa/wire/rc.h"

struct jail {
    const char *role;      /* for messages */
    const char *user;      /* name or number to become where the process is root; empty or NULL = stay */
    const int *syscalls;   /* allowed, ends with -1 */
    int rights_dir;        /* descriptor of the only folder where files may be made and written; -1 = none */
    size_t num_files;      /* RLIMIT_NOFILE; 0 = leave */
    bool lock_memory;      /* mlockall; told where the limit does not allow it */
    bool shares_listeners; /* shutdown() for writing alone: the listening sockets must outlive the process */
};

/* jail_become drops to user (name or number) when the process is root; for every thread; groups too. RC_NOT_FOUND when there is no such user. */
enum rc jail_become(const char *user) MUST_CHECK;

/* jail_resolve looks a user up without becoming it (the parent hands folders over to it). */
enum rc jail_resolve(const char *user, unsigned *out_uid, unsigned *out_gid) MUST_CHECK;

/* jail_hide lets no core and no debugger of the same account see what is loaded before the jail is closed: keys. First of all in a role. */
void jail_hide(void);

/* jail_close closes it for all threads of the process, and dies when a part of it can not be had (Landlock, which older kernels lack,
 * is only told). After it there is no way back. */
void jail_close(const struct jail *jail);

#endif
