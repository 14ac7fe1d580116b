/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as a whole: read, mapped, written. Edits are in safefile_edit.c.
 */
#include "tsa/base/safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tsa/base/iotext.h"
#include "tsa/base/replacement.h"

#define READ_BUFFER 65536

const char *safefile_error_text(void)
{
    return iotext_get();
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
    uint8_t buffer[READ_BUFFER];
    size_t total = 0;
    ssize_t n;

    while ((n = read_some(fd, buffer, sizeof buffer)) > 0) {
        total += (size_t)n;
        if (total > limit) {
            explicit_bzero(buffer, sizeof buffer);
            (void)iotext_refuse("%s is larger than %zu octets", path, limit);
            return RC_TOO_LARGE;
        }
        wbuf_put(out, bytes_of(buffer, (size_t)n));
    }
    /* It may have been a private key. */
    explicit_bzero(buffer, sizeof buffer);
    return n < 0 ? iotext_fail("read", path) : wbuf_rc(out);
}

enum rc safefile_read(const char *path, size_t limit, struct wbuf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum rc rc;

    iotext_clear();
    if (fd < 0) {
        return iotext_fail("open", path);
    }
    rc = read_all(fd, path, limit, out);
    (void)close(fd);
    return iotext_ensure(rc, path);
}

enum rc safefile_open(const char *path, int *out_fd, struct stat *out_st)
{
    /* Non-blocking, so that a named pipe is refused and not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum rc rc = RC_OK;

    *out_fd = -1;
    if (fd < 0) {
        return iotext_fail("open", path);
    }
    if (fstat(fd, out_st) != 0) {
        rc = iotext_fail("stat", path);
    } else if (!S_ISREG(out_st->st_mode)) {
        rc = iotext_refuse("%s is not a regular file", path);
    }
    if (rc != RC_OK) {
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return RC_OK;
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
        rc = iotext_fail("map", path);
        (void)close(out->fd);
        out->fd = -1;
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
    if (S_ISREG(map->st.st_mode) && map->fd >= 0) {
        (void)close(map->fd);
    }
    *map = (struct safefile_map){.fd = -1};
}

void safefile_map_hold(const struct safefile_map *map)
{
    (void)flock(map->fd, LOCK_SH | LOCK_NB);
}

/* ---- writing ---- */

static enum rc set_mode(struct replacement *r, mode_t mode)
{
    struct stat wanted = r->old;

    wanted.st_mode = mode;
    if (r->exists) {
        return replacement_keep(r, &wanted, true);
    }
    return fchmod(r->fd, mode) == 0 ? RC_OK : iotext_fail("set the mode of", r->shown);
}

static enum rc write_whole(const char *path, struct bytes contents, mode_t mode, bool must_be_new)
{
    struct replacement r;
    enum rc rc;

    iotext_clear();
    rc = replacement_open(path, &r);
    if (rc == RC_OK && r.exists && must_be_new) {
        rc = iotext_refuse("%s is there already", path);
    }
    if (rc == RC_OK && (rc = replacement_write(&r, contents)) == RC_OK &&
        (rc = set_mode(&r, mode)) == RC_OK && (rc = replacement_sync(&r)) == RC_OK) {
        rc = replacement_commit(&r, must_be_new);
    }
    replacement_close(&r);
    return iotext_ensure(rc, path);
}

enum rc safefile_write(const char *path, struct bytes contents, mode_t mode)
{
    return write_whole(path, contents, mode, false);
}

enum rc safefile_create(const char *path, struct bytes contents, mode_t mode)
{
    return write_whole(path, contents, mode, true);
}
