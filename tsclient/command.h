/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: subcommands in a table, each with a table of options from which it is parsed and its help is printed. A word
 * that is not known is told together with the nearest one that is.
 */
#ifndef TSCLIENT_COMMAND_H
#define TSCLIENT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tsa/wire/gentime.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_NO = 1,
    EXIT_WARNINGS = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_REFUSED = 4,
    EXIT_USAGE = 64,
    EXIT_FAULT = 70
};

enum option_kind {
    OPTION_FLAG,     /* bool: true when given */
    OPTION_TEXT,     /* const char *, not copied */
    OPTION_NUMBER,   /* int64_t, min..max */
    OPTION_DURATION, /* int64_t nanoseconds, not negative: "30", "30 s", "5 min" */
    OPTION_TIME,     /* struct option_time */
    OPTION_LIST      /* struct option_list: may be given several times */
};

struct option_time {
    struct gentime time;
    bool given;
};

#define OPTION_LIST_MAX 16
struct option_list {
    const char *text[OPTION_LIST_MAX];
    size_t num;
};

struct option_row {
    const char *name; /* without the two dashes; NULL: a letter alone */
    char letter;      /* 0: none */
    enum option_kind kind;
    size_t offset;    /* in the command's settings */
    const char *arg;  /* "FILE", "FILE|DIR"; NULL for a flag */
    const char *help; /* one or two sentences */
    int64_t min, max; /* OPTION_NUMBER */
};

struct command {
    const char *name;
    const char *arguments;            /* "FILE..." */
    const char *summary;              /* one line */
    const char *notes;                /* paragraphs for its help, one a line; may be NULL */
    const struct option_row *options; /* up to a row without name and letter */
    const struct option_row
        *shared; /* a second such table, of options that several commands have; may be NULL */
    size_t settings_size;
    const void *defaults; /* NULL: all zero */
    /* The settings are filled; files are the arguments that are no options. Returns an exit code. */
    int (*run)(const struct command *command, void *settings, char **files, size_t num_files);
};

/* command_main parses the line and runs the command; help and --version are its own. Returns the exit code. */
int command_main(const struct command *const *commands, int argc, char **argv);

/* command_usage tells on standard error what is wrong with the line, and gives EXIT_USAGE. */
int command_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* command_help prints the help of one command, command_list the table of all. */
void command_help(const struct command *command, FILE *out);
void command_list(const struct command *const *commands, FILE *out);

#endif
