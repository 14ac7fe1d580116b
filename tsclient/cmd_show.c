/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient show: what is in a file, judging nothing. Exit 0: shown, signed or not; 1: it can not be read or parsed.
 */
#include "tsclient/cmd.h"

#include "tsclient/detached.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_json.h"

struct settings {
    bool json;
};

static const struct option_row options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct settings, json), NULL,
     "One JSON object per file, one line each.", 0, 0},
    {0},
};

static int show_file(const struct settings *settings, const char *path)
{
    struct policy_file *file;
    struct subject subject;
    char shown[REPORT_PATH_MAX];
    bool is_unsigned;
    int rc = EXIT_DONE;

    subject_open(path, &subject);
    is_unsigned = reasons_has(&subject.reasons, REASON_UNSIGNED);
    file = policy_read(&subject);
    if (!file || (settings->json && !report_json_print(report_json_file(&subject, file, NULL)))) {
        rc = EXIT_FAULT;
    } else {
        if (!settings->json) {
            report_show(stdout, &subject, file);
        }
        if (subject.reasons.num > 0 && !is_unsigned) {
            (void)fflush(stdout);
            report_reasons(stderr, &subject, file, SEVERITY_ERROR);
            rc = EXIT_NO;
        }
        if (reasons_has(&subject.reasons, REASON_UNSUPPORTED_FORMAT) && detached_is_name(path)) {
            (void)fprintf(stderr, "%s: a detached timestamp is shown by: tsclient reply\n",
                          report_path(path, shown));
        }
    }
    policy_free(file);
    subject_close(&subject);
    return rc;
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    const struct settings *settings = arg;
    int rc = EXIT_DONE, one;

    if (num_files == 0) {
        return command_usage(command, "which file?");
    }
    for (size_t i = 0; i < num_files; i++) {
        one = show_file(settings, files[i]);
        rc = one > rc ? one : rc;
    }
    return rc;
}

const struct command cmd_show = {
    .name = "show",
    .arguments = "FILE...",
    .summary = "Say what signatures and timestamps are there, judge nothing.",
    .notes = "Exit codes: 0 every file shown, signed or not, 1 at least one can not be read or parsed, 64 "
             "wrong usage.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
