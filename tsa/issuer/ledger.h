/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of all that was issued, as its one writer has it: append, then one sync for the whole group, then the tokens may leave. The
 * first failure of a write or a sync ends it for ever: the kernel may have dropped what it could not write, so that a second try
 * would only lie. The layout of the file stands in ledger_scan.h.
 */
#ifndef TSA_ISSUER_LEDGER_H
#define TSA_ISSUER_LEDGER_H

#include <sys/types.h>

#include "tsa/issuer/ledger_scan.h"

#define LEDGER_FILE      "records"
#define LEDGER_GROUP_MAX (1u << 20)      /* octets that one group may have */
#define LEDGER_STEP      (1024 * 1024LL) /* room that is made ready at a time */

/* The calls that touch the disk, so that tests can let them fail. NULL = the machine's. */
struct ledger_io {
    ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t at);
    int (*fdatasync)(int fd);
    int (*fallocate)(int fd, int mode, off_t at, off_t len);
};

struct ledger {
    int fd;
    const struct ledger_io *io;
    struct crc32c crc;
    struct wbuf group;                    /* framed records that wait for ledger_sync */
    uint64_t end;                         /* file offset behind the last durable record */
    uint64_t allocated;                   /* the file's size */
    uint64_t sequence;                    /* of the last record appended */
    struct gentime last_clock, last_time; /* the latest found at open, as in struct ledger_summary */
    enum ledger_event last_state;         /* the same */
    enum rc broken;                       /* RC_OK, or why nothing is written any more */
    bool is_tight;                        /* no more room could be made */
    struct ledger_summary ahead;          /* what was read before the lock was had */
};

/*
 * ledger_open takes the lock (waits at most wait_ms for another writer to go), reads the file in the folder dir_fd, or makes it, cuts a
 * torn tail (told by log_warning) and makes room. Free with ledger_close, also after a failure. RC_LEDGER_DAMAGED (told by
 * log_error), RC_LEDGER_WRITE, RC_IO, RC_OVERLOADED (another writer keeps the lock).
 */
enum rc ledger_open(struct ledger *ledger, int dir_fd, const struct ledger_io *io,
                    unsigned wait_ms) MUST_CHECK;

/* The same in two steps, for one who may have to wait: ledger_prepare opens the file, and where another writer is at work reads what that one has
 * written so far, so that ledger_take has little left to read; RC_LEDGER_DAMAGED where that can not be taken over. ledger_close after either. */
enum rc ledger_prepare(struct ledger *ledger, int dir_fd, const struct ledger_io *io) MUST_CHECK;
enum rc ledger_take(struct ledger *ledger, int dir_fd, unsigned wait_ms) MUST_CHECK;
void ledger_close(struct ledger *ledger);

/* ledger_append takes a body of ledger_record_put into the group and gives it the next number. RC_TOO_LARGE: the group is full,
 * sync first; RC_LEDGER_WRITE: broken. */
enum rc ledger_append(struct ledger *ledger, struct bytes body) MUST_CHECK;

/* ledger_sync writes the group and waits until the disk has it. RC_LEDGER_WRITE: nothing of it may be told to anybody. */
enum rc ledger_sync(struct ledger *ledger) MUST_CHECK;

/* ledger_read maps the file of a folder for reading, as far as it holds anything, without lock; unmap with ledger_unread. RC_NOT_FOUND, RC_IO. */
enum rc ledger_read(int dir_fd, struct bytes *out_file) MUST_CHECK;
void ledger_unread(struct bytes file);

#endif
