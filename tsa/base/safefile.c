/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing by rename. The new contents grow in a file beside the target whose name is derived from the target's, so that the
 * next run finds what a killed one has left; a lock on it tells a leftover from one that is being written. Everything happens
 * relative to the folder's descriptor: a folder that is renamed meanwhile does not matter. The target is opened for writing never.
 */
#include "tsa/base/safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_BUFFER 65536
#define TEMP_SUFFIX ".tsa-new"
#define TEMP_TRIES  10

struct replacement {
    const char *shown; /* the path as the caller wrote it */
    char *path;        /* without symbolic links */
    char temp[NAME_MAX + 1];
    int folder, fd;
    bool exists, pending; /* the target was there; the temporary file is */
    struct stat old;
};

/* ---- complaints ---- */

static _Thread_local char error_text[600];

const char *safefile_error_text(void)
{
    return error_text;
}

/* errno tells why. */
static enum rc fail(const char *what, const char *path)
{
    int why = errno;

    (void)snprintf(error_text, sizeof error_text, "can not %s %s: %s", what, path, strerror(why));
    return why == ENOENT || why == ENOTDIR ? RC_NOT_FOUND : RC_IO;
}

__attribute__((format(printf, 1, 2))) static enum rc refuse(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    return RC_IO;
}

/* A reason without a text of its own gets one. */
static enum rc with_text(enum rc rc, const char *path)
{
    if (rc != RC_OK && error_text[0] == '\0') {
        (void)refuse("%s: %s", path, rc_text(rc));
    }
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* ---- reading ---- */

/* Reads up to size octets, less only at the end of the file; -1 with errno. */
static ssize_t read_some(int fd, void *out, size_t size)
{
    ssize_t n;

    do {
        n = read(fd, out, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

static enum rc read_all(int fd, const char *path, size_t limit, struct wbuf *out)
{
    uint8_t buffer[COPY_BUFFER];
    size_t total = 0;
    ssize_t n;

    while ((n = read_some(fd, buffer, sizeof buffer)) > 0) {
        total += (size_t)n;
        if (total > limit) {
            explicit_bzero(buffer, sizeof buffer);
            (void)refuse("%s is larger than %zu octets", path, limit);
            return RC_TOO_LARGE;
        }
        wbuf_put(out, bytes_of(buffer, (size_t)n));
    }
    /* It may have been a private key. */
    explicit_bzero(buffer, sizeof buffer);
    return n < 0 ? fail("read", path) : wbuf_rc(out);
}

enum rc safefile_read(const char *path, size_t limit, struct wbuf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum rc rc;

    error_text[0] = '\0';
    if (fd < 0) {
        return fail("open", path);
    }
    rc = read_all(fd, path, limit, out);
    close_fd(&fd);
    return with_text(rc, path);
}

enum rc safefile_open(const char *path, int *out_fd, struct stat *out_st)
{
    /* Non-blocking, so that a named pipe is refused and not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum rc rc = RC_OK;

    *out_fd = -1;
    if (fd < 0) {
        return fail("open", path);
    }
    if (fstat(fd, out_st) != 0) {
        rc = fail("stat", path);
    } else if (!S_ISREG(out_st->st_mode)) {
        rc = refuse("%s is not a regular file", path);
    }
    if (rc != RC_OK) {
        close_fd(&fd);
    }
    *out_fd = fd;
    return rc;
}

enum rc safefile_map_open(const char *path, struct safefile_map *out)
{
    enum rc rc;
    void *data;

    *out = (struct safefile_map){.fd = -1};
    rc = safefile_open(path, &out->fd, &out->st);
    if (rc != RC_OK || out->st.st_size == 0) {
        return rc;
    }
    data = mmap(NULL, (size_t)out->st.st_size, PROT_READ, MAP_PRIVATE, out->fd, 0);
    if (data == MAP_FAILED) {
        rc = fail("map", path);
        close_fd(&out->fd);
        return rc;
    }
    out->bytes = bytes_of(data, (size_t)out->st.st_size);
    return RC_OK;
}

void safefile_map_close(struct safefile_map *map)
{
    if (map->bytes.len > 0) {
        (void)munmap((void *)(uintptr_t)map->bytes.data, map->bytes.len);
    }
    /* A zeroed struct owns no descriptor. */
    if (S_ISREG(map->st.st_mode)) {
        close_fd(&map->fd);
    }
    *map = (struct safefile_map){.fd = -1};
}

/* ---- the temporary file beside the target ---- */

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
        (void)fail("write", path);
        return NULL;
    }
    if (lstat(path, &st) == 0) {
        (void)refuse("%s is a symbolic link that leads nowhere", path);
        return NULL;
    }
    folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    real_folder = folder ? realpath(folder, NULL) : NULL;
    if (!real_folder || asprintf(&whole, "%s/%s", strcmp(real_folder, "/") ? real_folder : "", name) < 0) {
        (void)fail("write", path);
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
    return r->folder < 0 ? fail("open the folder of", r->shown) : RC_OK;
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

/* Removes what a killed run has left. Who holds the lock and still finds a name on the file is alone with it. */
static enum rc remove_leftover(struct replacement *r)
{
    int fd = openat(r->folder, r->temp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    enum rc rc = RC_OK;

    if (fd < 0 && errno == ENOENT) {
        return RC_OK;
    }
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        rc = refuse("can not write %s: %s beside it is in the way", r->shown, r->temp);
    } else if (!lock(fd)) {
        rc = refuse("can not write %s: another process is writing it", r->shown);
    } else if (fstat(fd, &st) == 0 && st.st_nlink > 0 && unlinkat(r->folder, r->temp, 0) != 0 &&
               errno != ENOENT) {
        rc = fail("remove the old temporary file of", r->shown);
    }
    close_fd(&fd);
    return rc;
}

static enum rc make_temp(struct replacement *r)
{
    struct stat st;
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < TEMP_TRIES; i++) {
        r->fd =
            openat(r->folder, r->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (r->fd < 0 && errno != EEXIST) {
            return fail("write a file beside", r->shown);
        }
        /* Between creation and lock another process may have taken it for a leftover. */
        if (r->fd >= 0 && lock(r->fd) && fstat(r->fd, &st) == 0 && st.st_nlink > 0) {
            r->pending = true;
            return RC_OK;
        }
        close_fd(&r->fd);
        rc = remove_leftover(r);
    }
    return rc != RC_OK ? rc : refuse("can not write %s: another process is writing it", r->shown);
}

static enum rc replacement_open(const char *path, struct replacement *r)
{
    enum rc rc;

    *r = (struct replacement){.shown = path, .folder = -1, .fd = -1};
    r->path = resolve(path);
    if (!r->path) {
        return RC_IO;
    }
    if (*base_name(r) == '\0') {
        return refuse("%s is not a regular file", path);
    }
    if ((rc = open_folder(r)) != RC_OK) {
        return rc;
    }
    r->exists = fstatat(r->folder, base_name(r), &r->old, AT_SYMLINK_NOFOLLOW) == 0;
    if (r->exists && !S_ISREG(r->old.st_mode)) {
        return refuse("%s is not a regular file", path);
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
static enum rc replacement_commit(struct replacement *r, bool must_be_new)
{
    if (fsync(r->fd) != 0) {
        return fail("sync", r->shown);
    }
    if (!rename_temp(r, must_be_new)) {
        return fail("rename to", r->shown);
    }
    r->pending = false;
    if (fsync(r->folder) != 0 && errno != EINVAL) {
        return fail("sync the folder of", r->shown);
    }
    return RC_OK;
}

static void replacement_close(struct replacement *r)
{
    if (r->pending) {
        (void)unlinkat(r->folder, r->temp, 0);
    }
    close_fd(&r->fd);
    close_fd(&r->folder);
    free(r->path);
}

static enum rc write_all(struct replacement *r, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(r->fd, b.data, b.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail("write", r->shown);
        }
        b = bytes_of(b.data + n, b.len - (size_t)n);
    }
    return RC_OK;
}

/* ---- owner, mode, extended attributes, times ---- */

/* Owner before mode: a change of owner takes set-user-ID bits off. Where the owner can not be kept and need not, neither are they. */
static enum rc keep_owner_and_mode(struct replacement *r, const struct stat *from, bool must)
{
    mode_t bits = 07777;
    struct stat st;

    if (fstat(r->fd, &st) != 0) {
        return fail("stat", r->shown);
    }
    if ((st.st_uid != from->st_uid || st.st_gid != from->st_gid) &&
        fchown(r->fd, from->st_uid, from->st_gid) != 0) {
        if (must) {
            return fail("keep the owner of", r->shown);
        }
        bits = 0777;
    }
    return fchmod(r->fd, from->st_mode & bits) == 0 ? RC_OK : fail("keep the mode of", r->shown);
}

/* What vouches for contents does not fit the new ones; the kernel itself drops capabilities on a write. */
static bool is_about_contents(const char *name)
{
    return strcmp(name, "security.capability") == 0 || strcmp(name, "security.ima") == 0 ||
           strcmp(name, "security.evm") == 0;
}

static bool copy_xattr(int from, int to, const char *name)
{
    ssize_t size = fgetxattr(from, name, NULL, 0);
    char *value = size >= 0 ? malloc((size_t)size + 1) : NULL;
    bool good;

    if (!value) {
        return errno == ENODATA;
    }
    size = fgetxattr(from, name, value, (size_t)size);
    good = size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) == 0;
    free(value);
    /* Another file system may not know them, and some are not ours to set. */
    return good || errno == ENOTSUP || errno == EPERM || errno == EACCES || errno == ENODATA;
}

static enum rc copy_xattrs(int from, struct replacement *r)
{
    ssize_t size = flistxattr(from, NULL, 0);
    char *names = size > 0 ? malloc((size_t)size) : NULL;
    enum rc rc = RC_OK;

    if (size > 0 && names) {
        size = flistxattr(from, names, (size_t)size);
    }
    if (size > 0 && !names) {
        return RC_NO_MEMORY;
    }
    for (ssize_t at = 0; at < size && rc == RC_OK; at += (ssize_t)strlen(names + at) + 1) {
        if (!is_about_contents(names + at) && !copy_xattr(from, r->fd, names + at)) {
            rc = fail("keep the extended attributes of", r->shown);
        }
    }
    free(names);
    return rc;
}

static enum rc keep_attributes(const struct safefile_edit *edit, int source, const struct stat *from,
                               struct replacement *r)
{
    bool in_place = r->exists && r->old.st_dev == from->st_dev && r->old.st_ino == from->st_ino;
    struct timespec times[2] = {from->st_atim, from->st_mtim};
    enum rc rc;

    /* The folder may have given it a list of its own. */
    (void)fremovexattr(r->fd, "system.posix_acl_access");
    if ((rc = keep_owner_and_mode(r, from, in_place)) != RC_OK || (rc = copy_xattrs(source, r)) != RC_OK) {
        return rc;
    }
    if (edit->keep_times && futimens(r->fd, times) != 0) {
        return fail("keep the times of", r->shown);
    }
    return RC_OK;
}

/* ---- edits ---- */

static bool is_same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static enum rc check_unchanged(const struct safefile_edit *edit, int source, struct stat *out_st)
{
    struct stat named;

    if (fstat(source, out_st) != 0 || stat(edit->source, &named) != 0) {
        return fail("stat", edit->source);
    }
    if (!is_same_state(out_st, &edit->before->st) || !is_same_state(&named, out_st)) {
        return refuse("%s has changed meanwhile", edit->source);
    }
    return RC_OK;
}

static enum rc check_links(const struct safefile_edit *edit, const struct replacement *r)
{
    if (r->exists && r->old.st_nlink > 1) {
        return refuse("%s has %ju hard links; replacing it would part it from the others", edit->target,
                      (uintmax_t)r->old.st_nlink);
    }
    return RC_OK;
}

/* The slow way, for what copy_file_range can not do. */
static enum rc copy_by_buffer(int source, struct replacement *r, uint64_t len)
{
    uint8_t buffer[COPY_BUFFER];
    enum rc rc = RC_OK;

    while (rc == RC_OK && len > 0) {
        ssize_t n = read_some(source, buffer, len < sizeof buffer ? (size_t)len : sizeof buffer);

        if (n <= 0) {
            return n < 0 ? fail("read the source of", r->shown)
                         : refuse("the source of %s became shorter", r->shown);
        }
        rc = write_all(r, bytes_of(buffer, (size_t)n));
        len -= (uint64_t)n;
    }
    return rc;
}

/* Inside the kernel where it can: shared blocks on some file systems, no copy through this process on all. */
static enum rc copy_range(int source, struct replacement *r, uint64_t at, uint64_t len)
{
    if (len > 0 && lseek(source, (off_t)at, SEEK_SET) < 0) {
        return fail("read the source of", r->shown);
    }
    while (len > 0) {
        size_t step = len < (1u << 30) ? (size_t)len : 1u << 30;
        ssize_t n = copy_file_range(source, NULL, r->fd, NULL, step, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG)) {
            return fail("write", r->shown);
        }
        if (n <= 0) {
            return copy_by_buffer(source, r, len);
        }
        len -= (uint64_t)n;
    }
    return RC_OK;
}

static enum rc write_edited(const struct edits *edits, int source, uint64_t size, struct replacement *r)
{
    uint64_t at = 0;
    enum rc rc = edits_rc(edits);

    for (size_t i = 0; rc == RC_OK && i < edits->num; i++) {
        const struct edit *edit = &edits->list[i];

        if (edit->at > size || edit->remove > size - edit->at) {
            (void)refuse("a change lies outside %s", r->shown);
            return RC_FORMAT_MALFORMED;
        }
        rc = copy_range(source, r, at, edit->at - at);
        if (rc == RC_OK) {
            rc = write_all(r, edit->insert);
        }
        at = edit->at + edit->remove;
    }
    return rc == RC_OK ? copy_range(source, r, at, size - at) : rc;
}

static enum rc edit_into(const struct safefile_edit *edit, int source, struct replacement *r)
{
    struct stat before, after;
    enum rc rc = check_unchanged(edit, source, &before);

    if (rc != RC_OK || (rc = replacement_open(edit->target, r)) != RC_OK ||
        (rc = check_links(edit, r)) != RC_OK ||
        (rc = write_edited(edit->edits, source, (uint64_t)before.st_size, r)) != RC_OK ||
        (rc = keep_attributes(edit, source, &before, r)) != RC_OK ||
        (rc = check_unchanged(edit, source, &after)) != RC_OK) {
        return rc;
    }
    return replacement_commit(r, false);
}

enum rc safefile_edit(const struct safefile_edit *edit)
{
    struct replacement r = {.folder = -1, .fd = -1};
    struct stat st;
    int source = -1;
    enum rc rc;

    error_text[0] = '\0';
    rc = safefile_open(edit->source, &source, &st);
    if (rc == RC_OK) {
        rc = edit_into(edit, source, &r);
    }
    replacement_close(&r);
    close_fd(&source);
    return with_text(rc, edit->target);
}

/* ---- whole files ---- */

static enum rc set_mode(struct replacement *r, mode_t mode)
{
    struct stat wanted = r->old;

    wanted.st_mode = mode;
    if (r->exists) {
        return keep_owner_and_mode(r, &wanted, true);
    }
    return fchmod(r->fd, mode) == 0 ? RC_OK : fail("set the mode of", r->shown);
}

static enum rc write_whole(const char *path, struct bytes contents, mode_t mode, bool must_be_new)
{
    struct replacement r;
    enum rc rc;

    error_text[0] = '\0';
    rc = replacement_open(path, &r);
    if (rc == RC_OK && r.exists && must_be_new) {
        rc = refuse("%s is there already", path);
    }
    if (rc == RC_OK && (rc = write_all(&r, contents)) == RC_OK && (rc = set_mode(&r, mode)) == RC_OK) {
        rc = replacement_commit(&r, must_be_new);
    }
    replacement_close(&r);
    return with_text(rc, path);
}

enum rc safefile_write(const char *path, struct bytes contents, mode_t mode)
{
    return write_whole(path, contents, mode, false);
}

enum rc safefile_create(const char *path, struct bytes contents, mode_t mode)
{
    return write_whole(path, contents, mode, true);
}
