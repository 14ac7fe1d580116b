/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file from bytes to countersigned: read, decide which signatures need a timestamp, ask for each, make the change in memory, judge the
 * result again as a reader would, and only then replace the file, whole or not at all.
 */
#ifndef TSCLIENT_STAMPING_H
#define TSCLIENT_STAMPING_H

#include "tsclient/ask.h"
#include "tsclient/policy.h"

struct stamping {
    const struct ask *ask;
    struct policy_query judge; /* of the timestamps that are there already; its at is the time of asking */
    int64_t index;             /* of the only signature to stamp; -1: all */
    bool replace, skip_stamped, dry_run, detached;
};

enum stamping_outcome {
    STAMPING_DONE,
    STAMPING_ALREADY, /* nothing to do */
    STAMPING_WARNING, /* done or nothing done, but look at it */
    STAMPING_FAILED,
    STAMPING_UNREACHABLE,
    STAMPING_REFUSED
};

struct stamping_result {
    enum stamping_outcome outcome;
    char text[1600];          /* one line for people: why it failed, what the warning is; may be empty */
    size_t num_stamped;       /* signatures that got a timestamp */
    struct edits edits;       /* what changes in the file, also of a dry run */
    struct wbuf changed;      /* the changed file, or the new .tsr */
    struct subject subject;   /* the file as it is afterwards (before, where nothing was changed) */
    struct policy_file *file; /* the facts of it; may be NULL */
};

/* stamping_run stamps path into target (may be path itself). *out is always filled; free with stamping_clear. With detached, target is the .tsr
 * and the file is not changed. */
void stamping_run(const struct stamping *stamping, const char *path, const char *target,
                  struct stamping_result *out);
void stamping_clear(struct stamping_result *result);

/* stamping_outcome_word gives the verdict that stands in JSON. Static. */
const char *stamping_outcome_word(enum stamping_outcome outcome);

#endif
