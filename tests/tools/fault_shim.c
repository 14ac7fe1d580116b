/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library for LD_PRELOAD: counts the calls that change or sync files, and does to one of them what the environment says. For tests alone.
 *   FAULT_UNDER=DIR  what lies in this folder or below it is counted, nothing else; without it nothing is
 *   FAULT_LOG=FILE   each call's name is appended, one a line: their number is the number of moments
 *   FAULT_AT=N       the N-th call is struck, from 1; FAULT_ALWAYS, not empty: all from the N-th on
 *   FAULT_DO=WHAT    kill-before, kill-after: SIGKILL to the process itself; ENOSPC, EIO: the call fails; short: half is written;
 *                    full: as on a disk that fills up at the N-th call: half is written, then whatever needs room fails
 * It calls the kernel itself, so that it needs nothing that is not set up yet. Standard streams are let alone, and stdio goes past it.
 */
#undef _FORTIFY_SOURCE /* its inline functions bear the names of these */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- which call is struck, and how ---- */

enum fate {
    FATE_PASS,
    FATE_FAIL, /* errno is set */
    FATE_SHORT,
    FATE_KILL_AFTER
};

static atomic_ulong num_calls;

static void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

static void note(const char *name)
{
    const char *path = getenv("FAULT_LOG");
    char line[40];
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    int n = snprintf(line, sizeof line, "%s\n", name);

    if (fd >= 0) {
        (void)syscall(SYS_write, fd, line, (size_t)n);
        (void)syscall(SYS_close, fd);
    }
}

static enum fate fail(int error)
{
    errno = error;
    return FATE_FAIL;
}

/* A disk that fills up: names and contents need room, all else goes on. */
static enum fate fill(bool first, bool has_length, bool needs_room)
{
    if (!needs_room) {
        return FATE_PASS;
    }
    return first && has_length ? FATE_SHORT : fail(ENOSPC);
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && value[0];
}

struct call {
    const char *name;
    bool counts, has_length, needs_room;
};

static enum fate begin(struct call call)
{
    const char *at = getenv("FAULT_AT"), *what = getenv("FAULT_DO");
    unsigned long number, struck = at ? strtoul(at, NULL, 10) : 0;

    if (!call.counts) {
        return FATE_PASS;
    }
    number = atomic_fetch_add(&num_calls, 1) + 1;
    note(call.name);
    if (!what || struck == 0 || number < struck) {
        return FATE_PASS;
    }
    if (strcmp(what, "full") == 0) {
        return fill(number == struck, call.has_length, call.needs_room);
    }
    if (number > struck && !is_set("FAULT_ALWAYS")) {
        return FATE_PASS;
    }
    if (strcmp(what, "kill-before") == 0) {
        die();
    }
    return strcmp(what, "kill-after") == 0                 ? FATE_KILL_AFTER
           : strcmp(what, "ENOSPC") == 0                   ? fail(ENOSPC)
           : strcmp(what, "EIO") == 0                      ? fail(EIO)
           : strcmp(what, "short") == 0 && call.has_length ? FATE_SHORT
                                                           : FATE_PASS;
}

static long end(enum fate fate, long result)
{
    if (fate == FATE_KILL_AFTER) {
        die();
    }
    return result;
}

/* ---- which files count ---- */

static bool is_under(const char *path)
{
    const char *folder = getenv("FAULT_UNDER");
    size_t len = folder ? strlen(folder) : 0;

    return len > 0 && strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_link_under(const char *link)
{
    char path[PATH_MAX];
    ssize_t len = readlink(link, path, sizeof path - 1);

    path[len > 0 ? len : 0] = '\0';
    return is_under(path);
}

static bool is_ours(int fd)
{
    char link[40];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return fd > STDERR_FILENO && is_link_under(link);
}

static bool is_name_ours(int folder, const char *path)
{
    return path[0] == '/'       ? is_under(path)
           : folder == AT_FDCWD ? is_link_under("/proc/self/cwd")
                                : is_ours(folder);
}

static enum fate begin_write(const char *name, int fd)
{
    return begin((struct call){name, is_ours(fd), true, true});
}

/* Neither writes nor needs room. */
static enum fate begin_fd(const char *name, int fd)
{
    return begin((struct call){name, is_ours(fd), false, false});
}

static enum fate begin_name(const char *name, int folder, const char *path)
{
    return begin((struct call){name, is_name_ours(folder, path), false, strcmp(name, "unlink") != 0});
}

static size_t length(enum fate fate, size_t len)
{
    return fate == FATE_SHORT ? (len + 1) / 2 : len;
}

#define RUN(fate, ...) ((fate) == FATE_FAIL ? -1 : end(fate, syscall(__VA_ARGS__)))

/* ---- contents ---- */

ssize_t write(int fd, const void *data, size_t len)
{
    enum fate fate = begin_write("write", fd);

    return RUN(fate, SYS_write, fd, data, length(fate, len));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    enum fate fate = begin_write("pwrite", fd);

    return RUN(fate, SYS_pwrite64, fd, data, length(fate, len), at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return pwrite(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int num)
{
    enum fate fate = begin_write("writev", fd);

    return RUN(fate, SYS_writev, fd, parts, (int)length(fate, (size_t)num));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags)
{
    enum fate fate = begin_write("copy_file_range", to);

    return RUN(fate, SYS_copy_file_range, from, from_at, to, to_at, length(fate, len), flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t len)
{
    enum fate fate = begin_write("sendfile", to);

    return RUN(fate, SYS_sendfile, to, from, at, length(fate, len));
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t len)
{
    return sendfile(to, from, at, len);
}

int ftruncate(int fd, off_t len)
{
    enum fate fate = begin((struct call){"ftruncate", is_ours(fd), false, true});

    return (int)RUN(fate, SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off64_t len)
{
    return ftruncate(fd, len);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    enum fate fate = begin((struct call){"fallocate", is_ours(fd), false, true});

    return (int)RUN(fate, SYS_fallocate, fd, mode, at, len);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    return fallocate(fd, mode, at, len);
}

/* ---- durability ---- */

int fsync(int fd)
{
    enum fate fate = begin_fd("fsync", fd);

    return (int)RUN(fate, SYS_fsync, fd);
}

int fdatasync(int fd)
{
    enum fate fate = begin_fd("fdatasync", fd);

    return (int)RUN(fate, SYS_fdatasync, fd);
}

/* ---- names ---- */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    enum fate fate = flags & O_CREAT ? begin_name("open", folder, path) : FATE_PASS;

    return (int)RUN(fate, SYS_openat, folder, path, flags, mode);
}

/* The mode is there only where something may be created. */
#define OPEN(folder)                                                                                         \
    va_list args;                                                                                            \
    mode_t mode = 0;                                                                                         \
                                                                                                             \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                                   \
        va_start(args, flags);                                                                               \
        mode = va_arg(args, mode_t);                                                                         \
        va_end(args);                                                                                        \
    }                                                                                                        \
    return open_at(folder, path, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD);
}

int open64(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD);
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN(folder);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN(folder);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int renameat2(int from, const char *old, int to, const char *name, unsigned flags)
{
    enum fate fate = begin_name("rename", to, name);

    return (int)RUN(fate, SYS_renameat2, from, old, to, name, flags);
}

int renameat(int from, const char *old, int to, const char *name)
{
    return renameat2(from, old, to, name, 0);
}

int rename(const char *old, const char *name)
{
    return renameat2(AT_FDCWD, old, AT_FDCWD, name, 0);
}

int linkat(int from, const char *old, int to, const char *name, int flags)
{
    enum fate fate = begin_name("link", to, name);

    return (int)RUN(fate, SYS_linkat, from, old, to, name, flags);
}

int link(const char *old, const char *name)
{
    return linkat(AT_FDCWD, old, AT_FDCWD, name, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    enum fate fate = begin_name("unlink", folder, path);

    return (int)RUN(fate, SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* ---- what else belongs to a file ---- */

int fchmod(int fd, mode_t mode)
{
    enum fate fate = begin_fd("fchmod", fd);

    return (int)RUN(fate, SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    enum fate fate = begin_fd("fchown", fd);

    return (int)RUN(fate, SYS_fchown, fd, owner, group);
}

int futimens(int fd, const struct timespec times[2])
{
    enum fate fate = begin_fd("futimens", fd);

    return (int)RUN(fate, SYS_utimensat, fd, NULL, times, 0);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    enum fate fate = begin((struct call){"fsetxattr", is_ours(fd), false, true});

    return (int)RUN(fate, SYS_fsetxattr, fd, name, value, size, flags);
}

int fremovexattr(int fd, const char *name)
{
    enum fate fate = begin_fd("fremovexattr", fd);

    return (int)RUN(fate, SYS_fremovexattr, fd, name);
}

/* Reads, which decide what is kept. */
ssize_t flistxattr(int fd, char *list, size_t size)
{
    enum fate fate = begin_fd("flistxattr", fd);

    return RUN(fate, SYS_flistxattr, fd, list, size);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
{
    enum fate fate = begin_fd("fgetxattr", fd);

    return RUN(fate, SYS_fgetxattr, fd, name, value, size);
}
