/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of one command that changes files: where each result goes, what is told of it, and the exit code of all.
 */
#ifndef TSCLIENT_BATCH_H
#define TSCLIENT_BATCH_H

#include "tsclient/command.h"
#include "tsclient/rewrite.h"

/* Options that such commands share, their table and where they are kept: the first member of a command's settings. */
struct batch_settings {
    const char *output, *out_dir;
    int64_t index;
    bool dry_run, json, quiet;
};
extern const struct option_row batch_options[];

/* What a command calls its outcomes. */
struct batch_words {
    const char *json[2];  /* of REWRITE_DONE and REWRITE_ALREADY: "stamped", "already-stamped" */
    const char *lines[2]; /* "Successfully timestamped", "Already timestamped" */
    const char *dry;      /* "Would be timestamped" */
    const char *done;     /* "timestamped", for the counts */
};

struct batch {
    const struct command *command;
    const struct batch_settings *settings;
    const struct batch_words *words;
    const char *suffix; /* of the result's name; "" for the file itself */
    /* Handles one file; *out is to be filled. */
    void (*run)(void *arg, const char *path, const char *target, struct rewrite_result *out);
    void *arg;
};

/* batch_check checks names and options before anything is done; batch_run handles every file. Both give an exit code. */
int batch_check(const struct batch *batch, char **files, size_t num_files);
int batch_run(const struct batch *batch, char **files, size_t num_files);

#endif
