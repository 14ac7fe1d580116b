/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa check: everything that a start looks at, and the keys too, told at once, without binding anything.
 */
#include <stdio.h>
#include <sysexits.h>

#include "tsa/cmd/cmd.h"
#include "tsa/cmd/lab_time.h"
#include "tsa/parent/check.h"

struct check_options {
    const char *config;
    struct lab_time_options lab_time;
};

static void print(const char *kind, const struct cfg_errors *list)
{
    for (size_t i = 0; i < list->num; i++) {
        printf("%s: %s\n", kind, list->list[i]);
    }
}

static const char *verdict_of(const struct check_report *report)
{
    if (report->errors.num) {
        return "not good";
    }
    return report->issues_nothing ? "good, and yet it would issue nothing now" : "good";
}

static int check(void *arg)
{
    const struct check_options *options = arg;
    struct settings settings = {0};
    struct check_report report;
    struct labtime time;
    enum rc rc;
    int code;

    if (!lab_time_read(&options->lab_time, "check", &time)) {
        return EX_USAGE;
    }
    rc = check_configuration(options->config, &time, true, &settings, &report);
    code = rc == RC_OK ? 0 : report.settings_failed ? EX_CONFIG : 1;
    print("error", &report.errors);
    print("warning", &report.warnings);
    print("note", &report.notes);
    printf("%s: %s, %zu error%s, %zu warning%s\n", options->config, verdict_of(&report), report.errors.num,
           report.errors.num == 1 ? "" : "s", report.warnings.num, report.warnings.num == 1 ? "" : "s");
    settings_clear(&settings);
    check_report_clear(&report);
    return code;
}

static const struct cmd_option check_table[] = {
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct check_options, config),
     .argument = "FILE",
     .required = true,
     .help = "the configuration to look at"},
    LAB_TIME_OPTIONS(struct check_options, lab_time),
    {0},
};

const struct command cmd_check = {
    .name = "check",
    .summary = "Look at a configuration and all that it names: keys, certificates, dates, accounts, folders, "
               "disk, clock.",
    .about = "Exit codes: 0 it can be started (there may be warnings); 1 something that it names is wrong; "
             "78 the file\n"
             "itself is.",
    .options = check_table,
    .size = sizeof(struct check_options),
    .run = check,
};
