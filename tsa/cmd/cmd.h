/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands as tables: a command has its options in a table, from which the command line is read and --help is printed; or it is a group, and
 * has commands of its own ("tsa clock status"). Names that are not known are answered with the nearest one that is.
 */
#ifndef TSA_CMD_CMD_H
#define TSA_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "tsa/base/cfg.h"

enum cmd_option_type {
    CMD_FLAG,  /* bool */
    CMD_TEXT,  /* const char *, of the command line */
    CMD_TEXTS, /* struct cfg_strings: may be given several times */
};

struct cmd_option {
    const char *name;     /* "config"; "--config FILE" and "--config=FILE" are taken */
    const char *argument; /* how --help names the value */
    const char *help;
    size_t offset; /* in the command's own struct of options */
    enum cmd_option_type type;
    char letter; /* "-c FILE" too; 0 = none */
    bool required;
};

struct command {
    const char *name;                      /* of a group's command both words: "clock status" */
    const char *summary;                   /* one line */
    const char *about;                     /* paragraphs of --help; NULL = none */
    const struct command *const *commands; /* a group's, up to NULL; then it has nothing of what follows */
    const struct cmd_option *options;      /* up to a NULL name */
    size_t size;                           /* of the struct of options */
    int (*run)(void *options);             /* the exit code */
};

/* One each, in the file of its name. */
extern const struct command cmd_lab, cmd_run, cmd_check, cmd_clock, cmd_status, cmd_reload;

/* cmd_main runs the command that argv (with the program's name first) asks for, also help and --version, and returns the exit code; 64 for what
 * can not be understood, told on standard error. commands ends with NULL. */
int cmd_main(const struct command *const *commands, int argc, char **argv);

/* cmd_parse reads the arguments of one command (argv without program and command) into options, a zeroed struct. False after a complaint. Free with
 * cmd_clear in any case. */
bool cmd_parse(const struct command *command, int argc, char **argv, void *options);
void cmd_clear(const struct command *command, void *options);

#endif
