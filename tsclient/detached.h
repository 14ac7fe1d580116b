/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps that stand in a file of their own: a whole TimeStampResp (RFC 3161 3.3), NAME.tsr beside NAME. Reads and judges
 * it against the file, or against the query, that it is for.
 */
#ifndef TSCLIENT_DETACHED_H
#define TSCLIENT_DETACHED_H

#include <jansson.h>

#include "tsclient/judge/policy.h"

struct detached {
    const char *path;
    struct wbuf storage;
    struct tsp_response response; /* views into storage */
    bool is_parsed;               /* the response is one, granted or refused */
    struct policy_stamp stamp;    /* kind SPC_STAMP_NONE without a token */
    struct reasons reasons;
    char why[300]; /* more of the first reason; may be empty */
};

/* What the token is checked against; what is empty or NULL is not compared. */
struct detached_check {
    enum digest imprint_alg; /* DIGEST_NONE: do not compare */
    struct bytes imprint_hash;
    const struct bytes *nonce; /* empty: there must be none */
    struct bytes policy;
    const struct chain_anchors *anchors; /* NULL: the chain is not checked */
};

/* detached_is_name tells whether a path ends in .tsr. detached_name makes NAME.tsr of NAME (heap), detached_data the other way. */
bool detached_is_name(const char *path);
char *detached_name(const char *path);
char *detached_data(const char *path);

/* detached_open reads and parses path, which must outlive *out; what is wrong stands in reasons (REASON_IO_ERROR with RC_NOT_FOUND:
 * there is none). Free with detached_close. */
void detached_open(const char *path, struct detached *out);
void detached_close(struct detached *detached);

/* detached_check_token checks the token; detached_check_file against the octets of the file that it is for (NULL: NAME). */
void detached_check_token(struct detached *detached, const struct detached_check *check);
void detached_check_file(struct detached *detached, const char *data, const struct chain_anchors *anchors);

/* The same output as for signed files: one object; the chain; a line for each reason of at least that severity. */
json_t *detached_json(const struct detached *detached, bool judged);
void detached_print(FILE *out, const struct detached *detached);
void detached_print_reasons(FILE *out, const struct detached *detached, enum severity least);

#endif
