/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file to look at: its octets, its format, its signature and what is in that. Reads and parses; judges nothing.
 */
#ifndef TSCLIENT_SUBJECT_H
#define TSCLIENT_SUBJECT_H

#include "tsa/base/safefile.h"
#include "tsclient/container/container.h"
#include "tsclient/container/spc.h"
#include "tsclient/reason.h"

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
        reasons;   /* why there is nothing to judge: unsigned, malformed, ... ; empty when there is */
    char why[300]; /* one sentence with more than the reason says; may be empty */
};

/* subject_open maps and parses path, which must outlive *out. Always fills *out; free with subject_close. */
void subject_open(const char *path, struct subject *out);

/* subject_parse does the same with octets that are there already (not copied). */
void subject_parse(struct bytes file, struct subject *out);
void subject_close(struct subject *subject);

#endif
