/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the temporary file is derived from the target's, so that the next run finds what a killed one has left; a lock on it tells a leftover from
 * one that is being written. Everything happens relative to the folder's descriptor: a folder that is renamed meanwhile does not matter. The target
 * is never opened for writing.
 */
#include "tsa/base/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tsa/base/iotext.h"

#define TEMP_SUFFIX ".tsa-new"
#define TEMP_TRIES  10

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* The target without symbolic links; one that is not there yet in its folder without them. Heap, or NULL with the text set. */
static char *resolve(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *whole = realpath(path, NULL), *folder = NULL, *real_folder = NULL;
    struct stat st;

    if (whole) {
        return whole;
    }
    if (errno != ENOENT || *name == '\0') {
        (void)iotext_fail("write", path);
        return NULL;
    }
    if (lstat(path, &st) == 0) {
        (void)iotext_refuse("%s is a symbolic link that leads nowhere", path);
        return NULL;
    }
    folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    real_folder = folder ? realpath(folder, NULL) : NULL;
    if (!real_folder || asprintf(&whole, "%s/%s", strcmp(real_folder, "/") ? real_folder : "", name) < 0) {
        (void)iotext_fail("write", path);
        whole = NULL;
    }
    free(folder);
    free(real_folder);
    return whole;
}

static const char *base_name(const struct replacement *r)
{
    return strrchr(r->path, '/') + 1;
}

static enum rc open_folder(struct replacement *r)
{
    char *slash = strrchr(r->path, '/');
    char saved = slash[slash == r->path];

    slash[slash == r->path] = '\0';
    r->folder = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    slash[slash == r->path] = saved;
    return r->folder < 0 ? iotext_fail("open the folder of", r->shown) : RC_OK;
}

static void name_temp(struct replacement *r)
{
    int room = NAME_MAX - 1 - (int)strlen(TEMP_SUFFIX);

    (void)snprintf(r->temp, sizeof r->temp, ".%.*s%s", room, base_name(r), TEMP_SUFFIX);
}

/* Takes the lock; false where another process has it. File systems without locks are taken as they are. */
static bool lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* Whoever writes holds it alone; what is held together with others is somebody's source (safefile_map_hold). */
static bool is_held(int fd)
{
    return flock(fd, LOCK_SH | LOCK_NB) == 0;
}

/* Whether the temporary name is still that of this file. */
static bool is_named(const struct replacement *r, int fd)
{
    struct stat own, named;

    return fstat(fd, &own) == 0 && fstatat(r->folder, r->temp, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/* Removes what a killed run has left. The file may have become the target since it was opened, and its old name be a third one's: who holds
 * the lock and still finds the name on it is alone with both. */
static enum rc remove_leftover(struct replacement *r)
{
    int fd = openat(r->folder, r->temp, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_ours;
    struct stat st;
    enum rc rc = RC_OK;

    if (fd < 0 && errno == ENOENT) {
        return RC_OK;
    }
    /* Root's own may have been given to the owner of the target already. */
    is_ours =
        fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == geteuid() || geteuid() == 0);
    if (!is_ours) {
        rc = iotext_refuse("can not write %s: %s beside it is in the way", r->shown, r->temp);
    } else if (!lock(fd)) {
        rc = is_held(fd) ? iotext_refuse("can not write %s: %s beside it is in use", r->shown, r->temp)
                         : iotext_refuse("can not write %s: another process is writing it", r->shown);
    } else if (is_named(r, fd) && unlinkat(r->folder, r->temp, 0) != 0 && errno != ENOENT) {
        rc = iotext_fail("remove the old temporary file of", r->shown);
    }
    close_fd(&fd);
    return rc;
}

static enum rc make_temp(struct replacement *r)
{
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < TEMP_TRIES; i++) {
        r->fd =
            openat(r->folder, r->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (r->fd < 0 && errno != EEXIST) {
            return iotext_fail("write a file beside", r->shown);
        }
        /* Between creation and lock another process may have taken it for a leftover. */
        if (r->fd >= 0 && lock(r->fd) && is_named(r, r->fd)) {
            r->pending = true;
            return RC_OK;
        }
        close_fd(&r->fd);
        rc = remove_leftover(r);
    }
    return rc != RC_OK ? rc : iotext_refuse("can not write %s: another process is writing it", r->shown);
}

enum rc replacement_open(const char *path, struct replacement *r)
{
    enum rc rc;

    *r = (struct replacement){.shown = path, .folder = -1, .fd = -1};
    r->path = resolve(path);
    if (!r->path) {
        return RC_IO;
    }
    if (*base_name(r) == '\0') {
        return iotext_refuse("%s is not a regular file", path);
    }
    if ((rc = open_folder(r)) != RC_OK) {
        return rc;
    }
    r->exists = fstatat(r->folder, base_name(r), &r->old, AT_SYMLINK_NOFOLLOW) == 0;
    if (r->exists && !S_ISREG(r->old.st_mode)) {
        return iotext_refuse("%s is not a regular file", path);
    }
    name_temp(r);
    return make_temp(r);
}

static bool rename_temp(struct replacement *r, bool must_be_new)
{
    const char *name = base_name(r);

    if (must_be_new && renameat2(r->folder, r->temp, r->folder, name, RENAME_NOREPLACE) == 0) {
        return true;
    }
    /* Not every file system can promise that; the name was free a moment ago. */
    return (!must_be_new || errno == EINVAL) && renameat(r->folder, r->temp, r->folder, name) == 0;
}

/* Contents first, then the name, then the folder that holds the name: each durable before the next. */
enum rc replacement_sync(struct replacement *r)
{
    return fsync(r->fd) == 0 ? RC_OK : iotext_fail("sync", r->shown);
}

enum rc replacement_commit(struct replacement *r, bool must_be_new)
{
    /* On a file system without locks another process may have taken it away: what bears its name now is not what was written here. */
    if (!is_named(r, r->fd)) {
        return iotext_refuse("can not write %s: its temporary file %s was taken away", r->shown, r->temp);
    }
    if (!rename_temp(r, must_be_new)) {
        return iotext_fail("rename to", r->shown);
    }
    r->pending = false;
    if (fsync(r->folder) != 0 && errno != EINVAL) {
        return iotext_fail("sync the folder of", r->shown);
    }
    return RC_OK;
}

void replacement_close(struct replacement *r)
{
    if (r->pending && is_named(r, r->fd)) {
        (void)unlinkat(r->folder, r->temp, 0);
    }
    close_fd(&r->fd);
    close_fd(&r->folder);
    free(r->path);
}

enum rc replacement_write(struct replacement *r, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(r->fd, b.data, b.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return iotext_fail("write", r->shown);
        }
        b = bytes_of(b.data + n, b.len - (size_t)n);
    }
    return RC_OK;
}

/* Somebody who is not root, or a file system that knows no owners: no fault of the disk's. */
static bool is_not_allowed(int error)
{
    return error == EPERM || error == EINVAL || error == ENOTSUP || error == ENOSYS;
}

/* Owner before mode: a change of owner takes set-user-ID bits off. Where the owner can not be kept and need not, neither are they. */
enum rc replacement_keep(struct replacement *r, const struct stat *from, bool must)
{
    mode_t bits = 07777;
    struct stat st;

    if (fstat(r->fd, &st) != 0) {
        return iotext_fail("stat", r->shown);
    }
    if ((st.st_uid != from->st_uid || st.st_gid != from->st_gid) &&
        fchown(r->fd, from->st_uid, from->st_gid) != 0) {
        if (must || !is_not_allowed(errno)) {
            return iotext_fail("keep the owner of", r->shown);
        }
        bits = 0777;
    }
    return fchmod(r->fd, from->st_mode & bits) == 0 ? RC_OK : iotext_fail("keep the mode of", r->shown);
}
