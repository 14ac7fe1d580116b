/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file from bytes to countersigned: decide which signatures need a timestamp, ask for each, and have the file rewritten with them; or put a
 * timestamp beside it.
 */
#ifndef TSCLIENT_STAMPING_H
#define TSCLIENT_STAMPING_H

#include "tsclient/ask.h"
#include "tsclient/rewrite.h"

struct stamping {
    const struct ask *ask;
    struct policy_query judge; /* of the timestamps that are there already; its at is the time of asking */
    int64_t index;             /* of the only signature to stamp; -1: all */
    bool replace, skip_stamped, dry_run, detached;
};

/* stamping_run stamps path into target (may be path itself). *out is always filled; free with rewrite_result_clear. With detached, target is
 * the .tsr and the file is not changed. */
void stamping_run(const struct stamping *stamping, const char *path, const char *target,
                  struct rewrite_result *out);

#endif
