/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files replaced whole or not at all: written beside the target, synced, renamed over it, the folder synced. Mode, owner and
 * (where asked) times are kept. A crash leaves the old file or the new one, and at most a temporary file that the next run removes.
 */
#ifndef TSA_BASE_SAFEFILE_H
#define TSA_BASE_SAFEFILE_H

#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tsa/wire/edits.h"

/* safefile_error_text tells what the last failing call of this thread could not do: "can not rename to ./x: Permission denied". */
const char *safefile_error_text(void);

/* safefile_read reads a whole file of at most limit octets into out (initialised by the caller, heap). RC_IO, RC_NOT_FOUND, RC_TOO_LARGE. */
enum rc safefile_read(const char *path, size_t limit, struct wbuf *out) MUST_CHECK;

/* safefile_open opens a regular file for reading; it never waits for a pipe. Close *out_fd. RC_IO, RC_NOT_FOUND. */
enum rc safefile_open(const char *path, int *out_fd, struct stat *out_st) MUST_CHECK;

/* A regular file mapped read-only; empty files give an empty view. RC_IO, RC_NOT_FOUND. */
struct safefile_map {
    struct bytes bytes;
    int fd;
    struct stat st; /* as it was when it was mapped */
};
enum rc safefile_map_open(const char *path, struct safefile_map *out) MUST_CHECK;
void safefile_map_close(struct safefile_map *map);

/* safefile_map_hold marks a mapped file as in use until it is closed, so that no run that writes beside it takes it for what a killed run
 * has left, should it bear such a name. No promise where the file system has no locks. */
void safefile_map_hold(const struct safefile_map *map);

/* safefile_write creates or replaces path with contents and mode; a file that was there keeps its owner. safefile_create refuses one that is
 * there (RC_IO). A folder on the way that is missing is RC_IO too. */
enum rc safefile_write(const char *path, struct bytes contents, mode_t mode) MUST_CHECK;
enum rc safefile_create(const char *path, struct bytes contents, mode_t mode) MUST_CHECK;

/* safefile_edit writes source with the edits made to target (which may be source itself), streaming unchanged ranges; mode, owner and
 * extended attributes of source are kept, its times where keep_times. A symbolic link is followed: the file behind it is replaced. A file with several hard links is refused
 * (RC_IO, text says so). The source must not have changed since before (its map): else RC_IO. */
struct safefile_edit {
    const char *source, *target;
    const struct edits *edits;
    const struct safefile_map *before;
    bool keep_times;
};
enum rc safefile_edit(const struct safefile_edit *edit) MUST_CHECK;

#endif
