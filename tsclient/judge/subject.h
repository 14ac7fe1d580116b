/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file to look at: its octets, its format, its signature and what is in that. Reads and parses; judges nothing.
 */
#ifndef TSCLIENT_SUBJECT_H
#define TSCLIENT_SUBJECT_H

#include "tsa/base/safefile.h"
#include "tsclient/container/container.h"
#include "tsclient/container/spc.h"
#include "tsclient/judge/reason.h"

struct subject {
    const char *path;
    struct safefile_map map;
    struct bytes file;               /* its octets */
    const struct container_ops *ops; /* NULL: of no format */
    struct container_blobs blobs;    /* its signatures as they stand in the file; none when num is 0 */
    bool indefinite; /* one uses indefinite lengths: what was parsed is a copy with definite ones */
    struct wbuf definite[CONTAINER_MAX_BLOBS]; /* that copy */
    struct spc *spc;                           /* NULL where there is none, or it can not be parsed */
    struct reasons
        reasons;     /* why there is nothing to judge: unsigned, malformed, ... ; empty when there is */
    char why[300];   /* one sentence with more than the reason says; may be empty */
    char *data_path; /* its name; NULL where none was looked for */
    struct safefile_map data_map;
    struct bytes data; /* the file that was signed, where the signature stands in a file of its own */
    bool has_data;
};

#define SUBJECT_NONE                                                                                         \
    {                                                                                                        \
        .map = {.fd = -1}, .data_map = {.fd = -1 }                                                           \
    }

/* subject_open maps and parses path, which must outlive *out. Always fills *out; free with subject_close. */
void subject_open(const char *path, struct subject *out);

/* subject_parse does the same with octets that are there already (not copied). */
void subject_parse(struct bytes file, struct subject *out);

/* subject_wants_data tells whether the signature is of another file: detached, or taken out of the file that it was made for. */
bool subject_wants_data(const struct subject *subject);

/* subject_open_data maps that file: path, or where that is NULL the subject's own name without its end (.p7s, .p7), if there is one.
 * A path that can not be read becomes a reason. */
void subject_open_data(struct subject *subject, const char *path);
void subject_close(struct subject *subject);

#endif
