/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file whose timestamps change: the changed file is made in memory, judged again as a reader would, and only then takes the place of the
 * old one, whole or not at all. Which timestamps come and go is the caller's business (stamping, removing).
 */
#ifndef TSCLIENT_REWRITE_H
#define TSCLIENT_REWRITE_H

#include "tsclient/judge/policy.h"

enum rewrite_outcome {
    REWRITE_DONE,
    REWRITE_ALREADY, /* nothing to do */
    REWRITE_WARNING, /* done or nothing done, but look at it */
    REWRITE_FAILED,
    REWRITE_UNREACHABLE, /* no authority could be reached */
    REWRITE_REFUSED,     /* an authority refused */
    REWRITE_NUM
};

struct rewrite_result {
    enum rewrite_outcome outcome;
    char text[1600];          /* one line for people: why it failed, what the warning is; may be empty */
    size_t num_changed;       /* signatures whose timestamps changed */
    struct edits edits;       /* what changes in the file, also of a dry run */
    struct wbuf changed;      /* the changed file */
    struct subject subject;   /* the file as it is afterwards (before, where nothing was changed) */
    struct policy_file *file; /* the facts of it; may be NULL */
};

/* What is wanted of a file, filled by the caller. */
struct rewrite {
    struct rewrite_result *out;
    const char *target; /* may be the file itself */
    int64_t index;      /* of the only signature to change; -1: all */
    bool dry_run;
    const struct policy_query *judge; /* of the result; NULL: only its structure */
    struct subject before;
    bool wanted[SPC_MAX_SIGNATURES];
    size_t num_wanted;
    struct spc_change changes[SPC_MAX_SIGNATURES]; /* of those that are wanted; their index is set here */
    struct wbuf blobs[CONTAINER_MAX_BLOBS];
};

/* rewrite_open reads path; rewrite_close frees and leaves in *out the subject that the report is about. */
void rewrite_open(struct rewrite *r, const char *path);
void rewrite_close(struct rewrite *r);

/* rewrite_say notes an outcome (the worst one counts) with its sentence; false after a failure. */
bool rewrite_say(struct rewrite *r, enum rewrite_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* rewrite_name tells which signature is meant, where there are several: "signature 1: ". Returns out. */
#define REWRITE_NAME_MAX 40
const char *rewrite_name(const struct rewrite *r, size_t index, char out[REWRITE_NAME_MAX]);

/* rewrite_can tells whether the file has signatures that can be changed; says why not. rewrite_is_selected: is this one meant? */
bool rewrite_can(struct rewrite *r);
bool rewrite_is_selected(const struct rewrite *r, size_t index);

/* rewrite_may_change tells whether all that stands where timestamps do is one: plain CMS has countersignatures by other people too, which
 * are not ours to take off. Says so. */
bool rewrite_may_change(struct rewrite *r, size_t index);

/* rewrite_run makes the changes, judges the result and writes it; with nothing wanted it writes the file as it is, where that goes
 * elsewhere. False after a failure, when nothing was written. */
bool rewrite_run(struct rewrite *r);

bool rewrite_is_failure(enum rewrite_outcome outcome);
void rewrite_result_clear(struct rewrite_result *result);

#endif
