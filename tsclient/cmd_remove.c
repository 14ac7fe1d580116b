/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient remove: takes timestamps off the signatures of files. The octets of before stamping come back: what a legacy timestamp had brought
 * into the certificate set goes with it.
 */
#include "tsclient/batch.h"
#include "tsclient/cmd.h"
#include "tsclient/removing.h"

static const struct batch_settings defaults = {.index = -1};

static const struct batch_words words = {
    .json = {"removed", "not-timestamped"},
    .lines = {"Successfully removed timestamps", "Not timestamped"},
    .dry = "Timestamps would be removed",
    .done = "handled",
};

static void remove_file(void *arg, const char *path, const char *target, struct rewrite_result *out)
{
    const struct batch_settings *settings = arg;
    const struct removing removing = {.index = settings->index, .dry_run = settings->dry_run};

    removing_run(&removing, path, target, out);
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    const struct batch_settings *settings = arg;
    const struct batch batch = {.command = command,
                                .settings = settings,
                                .words = &words,
                                .suffix = "",
                                .run = remove_file,
                                .arg = arg};
    int rc = batch_check(&batch, files, num_files);

    return rc == EXIT_DONE ? batch_run(&batch, files, num_files) : rc;
}

const struct command cmd_remove = {
    .name = "remove",
    .arguments = "FILE...",
    .summary = "Take timestamps off signatures, in place.",
    .notes =
        "Every timestamp goes, of either kind, from all signatures or (--tp) from one; the certificates that "
        "a legacy timestamp had brought along go with it. What anybody signed stays as it is, so that a file "
        "that was stamped and cleared is the file of before, to the octet.\n"
        "A signature without timestamp dies with its signer's certificate.\n"
        "A countersignature in plain CMS by somebody who is no timestamp authority is left, and told (exit "
        "code "
        "2).\n"
        "Exit codes: 0 every file done or without timestamps, 1 at least one failed, 2 done with warnings, "
        "64 "
        "wrong usage.",
    .options = batch_options,
    .settings_size = sizeof(struct batch_settings),
    .defaults = &defaults,
    .run = run,
};
