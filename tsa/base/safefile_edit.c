/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of edits applied to a file: what stays is copied inside the kernel where it can be, and never passes through memory as a whole. The source must be
 * what the edits were made for, before and after it was read.
 */
#include "tsa/base/safefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tsa/base/iotext.h"
#include "tsa/base/replacement.h"

#define COPY_BUFFER 65536

/* ---- extended attributes, times ---- */

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

    if (size > 0 && !names) {
        return RC_NO_MEMORY;
    }
    if (names) {
        size = flistxattr(from, names, (size_t)size);
    }
    if (size < 0 && errno != ENOTSUP) {
        rc = iotext_fail("read the extended attributes of the source of", r->shown);
    }
    for (ssize_t at = 0; at < size && rc == RC_OK; at += (ssize_t)strlen(names + at) + 1) {
        if (!is_about_contents(names + at) && !copy_xattr(from, r->fd, names + at)) {
            rc = iotext_fail("keep the extended attributes of", r->shown);
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
    if (fremovexattr(r->fd, "system.posix_acl_access") != 0 && errno != ENODATA && errno != ENOTSUP) {
        return iotext_fail("keep the access list of", r->shown);
    }
    if ((rc = replacement_keep(r, from, in_place)) != RC_OK || (rc = copy_xattrs(source, r)) != RC_OK) {
        return rc;
    }
    if (edit->keep_times && futimens(r->fd, times) != 0) {
        return iotext_fail("keep the times of", r->shown);
    }
    return RC_OK;
}

/* ---- contents ---- */

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
        return iotext_fail("stat", edit->source);
    }
    if (!is_same_state(out_st, &edit->before->st) || !is_same_state(&named, out_st)) {
        return iotext_refuse("%s has changed meanwhile", edit->source);
    }
    return RC_OK;
}

static enum rc check_links(const struct safefile_edit *edit, const struct replacement *r)
{
    if (r->exists && r->old.st_nlink > 1) {
        return iotext_refuse("%s has %ju hard links; replacing it would part it from the others",
                             edit->target, (uintmax_t)r->old.st_nlink);
    }
    return RC_OK;
}

/* The slow way, for what copy_file_range can not do. */
static enum rc copy_by_buffer(int source, struct replacement *r, off_t at, uint64_t len)
{
    uint8_t buffer[COPY_BUFFER];
    enum rc rc = RC_OK;

    while (rc == RC_OK && len > 0) {
        ssize_t n = pread(source, buffer, len < sizeof buffer ? (size_t)len : sizeof buffer, at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return iotext_fail("read the source of", r->shown);
        }
        if (n == 0) {
            return iotext_refuse("the source of %s became shorter", r->shown);
        }
        rc = replacement_write(r, bytes_of(buffer, (size_t)n));
        len -= (uint64_t)n;
        at += n;
    }
    return rc;
}

/* Inside the kernel where it can: shared blocks on some file systems, no copy through this process on all. */
static enum rc copy_range(int source, struct replacement *r, uint64_t from, uint64_t len)
{
    off_t at = (off_t)from;

    while (len > 0) {
        size_t step = len < (1u << 30) ? (size_t)len : 1u << 30;
        ssize_t n = copy_file_range(source, &at, r->fd, NULL, step, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG)) {
            return iotext_fail("write", r->shown);
        }
        if (n <= 0) {
            return copy_by_buffer(source, r, at, len);
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
            (void)iotext_refuse("a change lies outside %s", r->shown);
            return RC_FORMAT_MALFORMED;
        }
        rc = copy_range(source, r, at, edit->at - at);
        if (rc == RC_OK) {
            rc = replacement_write(r, edit->insert);
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
        (rc = keep_attributes(edit, source, &before, r)) != RC_OK || (rc = replacement_sync(r)) != RC_OK ||
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

    iotext_clear();
    rc = safefile_open(edit->source, &source, &st);
    if (rc == RC_OK) {
        rc = edit_into(edit, source, &r);
    }
    replacement_close(&r);
    if (source >= 0) {
        (void)close(source);
    }
    return iotext_ensure(rc, edit->target);
}
