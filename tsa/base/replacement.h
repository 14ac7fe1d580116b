/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that grows beside its target and takes its place by a rename. Private to safefile; complaints go to iotext.
 */
#ifndef TSA_BASE_REPLACEMENT_H
#define TSA_BASE_REPLACEMENT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "tsa/wire/bytes.h"

struct replacement {
    const char *shown; /* the path as the caller wrote it */
    char *path;        /* without symbolic links */
    char temp[NAME_MAX + 1];
    int folder, fd;
    bool exists, pending; /* the target was there; the temporary file is */
    struct stat old;
};

/* replacement_open finds the target behind symbolic links and makes the temporary file. RC_IO, RC_NOT_FOUND. Close it in any case. */
enum rc replacement_open(const char *path, struct replacement *r) MUST_CHECK;

enum rc replacement_write(struct replacement *r, struct bytes b) MUST_CHECK;

/* replacement_keep sets owner and mode as in from; must: an owner that can not be kept is a failure. */
enum rc replacement_keep(struct replacement *r, const struct stat *from, bool must) MUST_CHECK;

/* replacement_sync makes the contents durable, which may take long: whatever must still hold afterwards is to be looked at between it and
 * replacement_commit, which puts it in the target's place; must_be_new: only where no target is. */
enum rc replacement_sync(struct replacement *r) MUST_CHECK;
enum rc replacement_commit(struct replacement *r, bool must_be_new) MUST_CHECK;

/* replacement_close removes what was not committed. {.folder = -1, .fd = -1} can be closed too. */
void replacement_close(struct replacement *r);

#endif
