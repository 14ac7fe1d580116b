/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of the ledger. Room is made ready in steps, and filled with zeros, so that a sync has the records to write and nothing about
 * the file itself (a file system's journal costs more than they do), and a full disk shows before it is needed.
 */
#include "tsa/issuer/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tsa/base/log.h"

#define FILE_MODE     0600
#define LOCK_RETRY_MS 2

static const struct ledger_io machine_io = {.pwrite = pwrite, .fdatasync = fdatasync, .fallocate = fallocate};

/* The first failure stays. */
static enum rc fail(struct ledger *l, const char *what)
{
    if (l->broken == RC_OK) {
        log_error("the record can not be %s: %s; nothing is issued any more", what, strerror(errno));
        l->broken = RC_LEDGER_WRITE;
    }
    return l->broken;
}

static enum rc write_all(struct ledger *l, struct bytes b, uint64_t at)
{
    while (b.len > 0) {
        const ssize_t n = l->io->pwrite(l->fd, b.data, b.len, (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return fail(l, "written");
        }
        b = bytes_of(b.data + n, b.len - (size_t)n);
        at += (uint64_t)n;
    }
    return RC_OK;
}

static enum rc sync_file(struct ledger *l)
{
    int rc;

    do {
        rc = l->io->fdatasync(l->fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? RC_OK : fail(l, "synced");
}

/* One step more. False when the disk has none; the zeros are synced with the group that comes next. */
static bool grow(struct ledger *l)
{
    static const uint8_t zeros[64 * 1024];
    int rc;

    do {
        rc = l->io->fallocate(l->fd, 0, (off_t)l->allocated, LEDGER_STEP);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0 && errno != EOPNOTSUPP) {
        return false;
    }
    for (uint64_t at = l->allocated; at < l->allocated + LEDGER_STEP; at += sizeof(zeros)) {
        if (write_all(l, bytes_of(zeros, sizeof(zeros)), at) != RC_OK) {
            return false;
        }
    }
    l->allocated += LEDGER_STEP;
    return true;
}

/* It goes on as long as there is room, and asks again each time: to ask is no write. */
static enum rc do_without(struct ledger *l, size_t len)
{
    if (l->end + len > l->allocated) {
        return fail(l, "given room");
    }
    if (!l->is_tight) {
        log_warning("the record can not be given more room: %s; %llu octets are left", strerror(errno),
                    (unsigned long long)(l->allocated - l->end - len));
        l->is_tight = true;
    }
    return RC_OK;
}

/* Room for len octets behind the end, and half a step more. */
static enum rc make_room(struct ledger *l, size_t len)
{
    while (l->broken == RC_OK && l->allocated < l->end + len + LEDGER_STEP / 2) {
        if (!grow(l)) {
            return l->broken == RC_OK ? do_without(l, len) : l->broken;
        }
        l->is_tight = false;
    }
    return l->broken;
}

/* ---- open ---- */

static enum rc take_lock(int fd, unsigned wait_ms)
{
    for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_RETRY_MS) {
        if (errno == EINTR) {
            continue;
        }
        if (errno != EWOULDBLOCK) {
            return RC_IO;
        }
        if (waited >= wait_ms) {
            return RC_OVERLOADED;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY_MS * 1000000L}, NULL);
    }
    return RC_OK;
}

/* What the file system calls a hole reads as zeros and need not be read. */
static off_t data_end(int fd, off_t size)
{
    off_t end = 0, data;

    while (end < size && (data = lseek(fd, end, SEEK_DATA)) >= end) {
        end = lseek(fd, data, SEEK_HOLE);
        if (end <= data) {
            return size;
        }
    }
    return end >= size || errno == ENXIO ? end : size;
}

/* The file as far as it holds anything, and its whole size. */
static enum rc map_file(int fd, struct bytes *out, uint64_t *out_size)
{
    struct stat st;
    off_t end;
    void *at;

    *out = BYTES_NONE;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return RC_IO;
    }
    *out_size = (uint64_t)st.st_size;
    end = data_end(fd, st.st_size);
    if (end == 0) {
        return RC_OK;
    }
    at = mmap(NULL, (size_t)end, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return RC_IO;
    }
    (void)madvise(at, (size_t)end, MADV_SEQUENTIAL);
    *out = bytes_of(at, (size_t)end);
    return RC_OK;
}

static enum rc begin_file(struct ledger *l, int dir_fd)
{
    enum rc rc = write_all(l, bytes_of(LEDGER_MAGIC, LEDGER_MAGIC_LEN), 0);

    if (rc == RC_OK && (fsync(l->fd) != 0 || fsync(dir_fd) != 0)) {
        rc = fail(l, "begun");
    }
    l->end = LEDGER_MAGIC_LEN;
    l->allocated = l->allocated < l->end ? l->end : l->allocated;
    return rc;
}

/* What lies behind the last good record goes, so that no later scan meets it. */
static enum rc cut_tail(struct ledger *l, const struct ledger_summary *found)
{
    log_warning("the record ended in a torn write: %llu octets behind record %llu (at %llu) are cut; they "
                "were never synced",
                (unsigned long long)found->torn, (unsigned long long)found->last_sequence,
                (unsigned long long)found->end);
    if (ftruncate(l->fd, (off_t)found->end) != 0 || fsync(l->fd) != 0) {
        return fail(l, "cut");
    }
    l->allocated = found->end;
    return RC_OK;
}

static enum rc take_over(struct ledger *l, int dir_fd, const struct ledger_summary *found)
{
    l->end = found->end;
    l->sequence = found->last_sequence;
    l->last_clock = found->last_clock;
    l->last_time = found->last_time;
    l->last_state = found->last_state;
    if (found->end == 0) {
        return begin_file(l, dir_fd);
    }
    return found->torn > 0 ? cut_tail(l, found) : RC_OK;
}

static enum rc tell_damage(const struct ledger_summary *found)
{
    log_error("the record is damaged at octet %llu, behind record %llu, and that was no torn write: "
              "nothing is changed; "
              "restore the file, or move it away to begin a new one",
              (unsigned long long)found->damaged_at, (unsigned long long)found->last_sequence);
    return RC_LEDGER_DAMAGED;
}

/* found is of all that there is by now, ahead of what will stay. */
static enum rc look_ahead(struct ledger *l, struct ledger_summary *found)
{
    struct bytes file;
    uint64_t size;
    enum rc rc = map_file(l->fd, &file, &size);

    if (rc == RC_OK) {
        ledger_scan_ahead(file, &l->ahead);
        *found = l->ahead;
        rc = ledger_scan_on(file, found);
        ledger_unread(file);
    }
    return rc;
}

/* While its writer is still at work: what is read now need not be read when everybody waits for us. A writer at work only appends. What it wrote
 * just then can look spoiled, with a later group behind it; it does not when it is read again, and damage does. */
static enum rc read_ahead(struct ledger *l)
{
    struct ledger_summary found, again;
    enum rc rc = look_ahead(l, &found);

    if (rc != RC_LEDGER_DAMAGED) {
        return rc;
    }
    rc = look_ahead(l, &again);
    if (rc != RC_LEDGER_DAMAGED || again.damaged_at != found.damaged_at) {
        return rc == RC_LEDGER_DAMAGED ? RC_OK : rc;
    }
    return tell_damage(&again);
}

static enum rc read_and_repair(struct ledger *l, int dir_fd)
{
    struct ledger_summary *found = &l->ahead;
    struct bytes file;
    enum rc rc = map_file(l->fd, &file, &l->allocated);

    if (rc != RC_OK) {
        return rc;
    }
    rc = ledger_scan_on(file, found);
    ledger_unread(file);
    if (rc != RC_OK) {
        return tell_damage(found);
    }
    return take_over(l, dir_fd, found);
}

enum rc ledger_prepare(struct ledger *l, int dir_fd, const struct ledger_io *io)
{
    enum rc rc;

    *l = (struct ledger){.io = io ? io : &machine_io};
    crc32c_init(&l->crc);
    wbuf_init(&l->group, LEDGER_GROUP_MAX);
    l->fd = openat(dir_fd, LEDGER_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (l->fd < 0) {
        return RC_IO;
    }
    if (!wbuf_reserve(&l->group, LEDGER_GROUP_MAX)) {
        return RC_NO_MEMORY;
    }
    wbuf_reset(&l->group);
    rc = take_lock(l->fd, 0);
    return rc == RC_OVERLOADED ? read_ahead(l) : rc;
}

enum rc ledger_take(struct ledger *l, int dir_fd, unsigned wait_ms)
{
    enum rc rc = take_lock(l->fd, wait_ms);

    if (rc == RC_OK) {
        rc = read_and_repair(l, dir_fd);
    }
    return rc == RC_OK ? make_room(l, 0) : rc;
}

enum rc ledger_open(struct ledger *l, int dir_fd, const struct ledger_io *io, unsigned wait_ms)
{
    const enum rc rc = ledger_prepare(l, dir_fd, io);

    return rc == RC_OK ? ledger_take(l, dir_fd, wait_ms) : rc;
}

void ledger_close(struct ledger *l)
{
    if (l->io && l->fd >= 0) {
        (void)close(l->fd);
    }
    wbuf_clear(&l->group);
    *l = (struct ledger){.fd = -1};
}

/* ---- write ---- */

enum rc ledger_append(struct ledger *l, struct bytes body)
{
    uint8_t *at;

    if (l->broken != RC_OK) {
        return l->broken;
    }
    if (body.len < LEDGER_BODY_MIN || body.len > LEDGER_BODY_MAX ||
        body.len + LEDGER_FRAME_LEN > LEDGER_GROUP_MAX - l->group.len) {
        return RC_TOO_LARGE;
    }
    at = wbuf_reserve(&l->group, LEDGER_FRAME_LEN + body.len);
    if (!at) {
        return fail(l, "kept in memory");
    }
    memcpy(at + LEDGER_FRAME_LEN, body.data, body.len);
    ledger_record_place(at + LEDGER_FRAME_LEN, ++l->sequence, l->end);
    ledger_frame(&l->crc, at, body.len);
    return RC_OK;
}

enum rc ledger_sync(struct ledger *l)
{
    const struct bytes group = wbuf_bytes(&l->group);
    enum rc rc = l->broken;

    if (rc != RC_OK || group.len == 0) {
        return rc;
    }
    rc = make_room(l, group.len);
    if (rc == RC_OK) {
        rc = write_all(l, group, l->end);
    }
    if (rc == RC_OK) {
        rc = sync_file(l);
    }
    if (rc == RC_OK) {
        l->end += group.len;
        l->allocated = l->allocated < l->end ? l->end : l->allocated;
        wbuf_reset(&l->group);
    }
    return rc;
}

/* ---- read ---- */

enum rc ledger_read(int dir_fd, struct bytes *out_file)
{
    const int fd = openat(dir_fd, LEDGER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t size;
    enum rc rc;

    *out_file = BYTES_NONE;
    if (fd < 0) {
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    }
    rc = map_file(fd, out_file, &size);
    (void)close(fd);
    return rc;
}

void ledger_unread(struct bytes file)
{
    if (file.len) {
        (void)munmap((void *)(uintptr_t)file.data, file.len);
    }
}
