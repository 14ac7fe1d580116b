/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a role: fork, then exec of this same program, so that a role has an address space of its own with nothing of the parent in it. A role
 * gets the descriptors that are named, /dev/null for input and output, the log, and nothing else: no folder, no environment. It dies with its
 * parent.
 */
#ifndef TSA_PARENT_SPAWN_H
#define TSA_PARENT_SPAWN_H

#include <sys/types.h>

#include "tsa/role/inherit.h"

/* spawn_init keeps hold of the running program's file: to be called before anything (an upgrade, a chroot) can change what its path
 * means. RC_IO with errno. */
enum rc spawn_init(void) MUST_CHECK;

struct spawn {
    const char *role; /* "@front" */
    const char *user; /* to become before exec where the process is root; empty or NULL = stay */
    int log;          /* its standard error; 0 = this process's */
    struct inherit_fd fds[INHERIT_MAX];
    size_t num;
};

/* spawn_add names a descriptor; it stays the caller's. spawn_add_n names it "name.index". More than INHERIT_MAX is a bug of the caller's
 * and asserted. */
void spawn_add(struct spawn *spawn, const char *name, int fd);
void spawn_add_n(struct spawn *spawn, const char *name, size_t index, int fd);

/* spawn_start starts it. *out_pid is the child's. RC_IO with errno when it can not fork; what fails later is told by the child in the log, and
 * it exits with 70. */
enum rc spawn_start(const struct spawn *spawn, pid_t *out_pid) MUST_CHECK;

/* spawn_replace turns this very process into the role, for one that is a service of its own: it keeps account, streams and session. Returns only
 * when that can not be: RC_IO with errno. */
enum rc spawn_replace(const struct spawn *spawn) MUST_CHECK;

/* spawn_end kills a child and waits until it has ended; for a second at most, since one that hangs in the kernel, on a disk that is gone, must not hang its
 * parent too. Whoever reaps all children meets it later. */
void spawn_end(pid_t pid);

/* spawn_describe_end tells in words how a child ended ("exit code 70", "SIGKILL", "SIGSYS: ..."), by the status of waitpid. Returns out. */
#define SPAWN_END_MAX 120
char *spawn_describe_end(int status, char out[SPAWN_END_MAX]);

#endif
