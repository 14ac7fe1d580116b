/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps taken off a file's signatures, surgically: what a timestamp had brought along goes with it, all else stays. A signature whose
 * certificate is expired is worth nothing afterwards; that is the user's wish, and is told.
 */
#ifndef TSCLIENT_REMOVING_H
#define TSCLIENT_REMOVING_H

#include "tsclient/rewrite.h"

struct removing {
    int64_t index; /* of the only signature to take them off; -1: all */
    bool dry_run;
};

/* removing_run takes the timestamps of path off, into target (may be path itself). *out is always filled; free with rewrite_result_clear. */
void removing_run(const struct removing *removing, const char *path, const char *target,
                  struct rewrite_result *out);

#endif
