/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a command line by tables, and the one printer of help.
 */
#include "tsa/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tsa/base/mem.h"

#define MAX_NAMES   32
#define HELP_COLUMN 24

/* ---- complaints ---- */

static bool complain(const struct command *command, const char *what, const char *word, const char *near)
{
    fprintf(stderr, "tsa %s: %s %s", command->name, what, word);
    if (near) {
        fprintf(stderr, "; did you mean %s?", near);
    }
    fprintf(stderr, "\nTry: tsa %s --help\n", command->name);
    return false;
}

static bool unknown_option(const struct command *command, const char *word)
{
    const char *names[MAX_NAMES + 1] = {NULL};
    char bare[64], near[80];
    const char *found;
    size_t num = 0;

    for (; command->options[num].name && num < MAX_NAMES; num++) {
        names[num] = command->options[num].name;
    }
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word + strspn(word, "-"), "="),
                   word + strspn(word, "-"));
    found = cfg_nearest(bare, names);
    (void)snprintf(near, sizeof(near), "--%s", found ? found : "");
    return complain(command, "there is no option", word, found ? near : NULL);
}

/* ---- options ---- */

/* What stands on the command line is looked at from here on. */
struct args {
    const struct command *command;
    char **argv;
    int num, at;
};

/* "--name", "--name=value"; *out_value is what stands behind the =, or NULL. */
static const struct cmd_option *find_long(const struct cmd_option *options, const char *word,
                                          char **out_value)
{
    const size_t len = strcspn(word, "=");

    *out_value = strchr(word, '=') ? strchr(word, '=') + 1 : NULL;
    for (; options->name; options++) {
        if (strlen(options->name) == len && strncmp(options->name, word, len) == 0) {
            return options;
        }
    }
    return NULL;
}

/* "-c", "-cvalue" */
static const struct cmd_option *find_short(const struct cmd_option *options, char *word, char **out_value)
{
    *out_value = word[1] ? word + 1 : NULL;
    for (; options->name; options++) {
        if (options->letter && options->letter == word[0]) {
            return options;
        }
    }
    return NULL;
}

static void put_text(struct cfg_strings *texts, const char *value)
{
    texts->list = xrealloc(texts->list, texts->num + 1, sizeof(*texts->list));
    texts->list[texts->num++] = xstrdup(value);
}

static bool put_value(const struct command *command, const struct cmd_option *option, const char *value,
                      void *options)
{
    void *to = (char *)options + option->offset;

    switch (option->type) {
    case CMD_FLAG:
        *(bool *)to = true;
        return true;
    case CMD_TEXT:
        if (*(const char **)to) {
            return complain(command, "this option is given twice: --", option->name, NULL);
        }
        *(const char **)to = value;
        return true;
    case CMD_TEXTS:
        put_text(to, value);
        return true;
    }
    return false;
}

static bool take_option(struct args *args, char *word, void *options)
{
    const bool is_long = word[1] == '-';
    char *value = NULL;
    const struct cmd_option *option = is_long ? find_long(args->command->options, word + 2, &value)
                                              : find_short(args->command->options, word + 1, &value);

    if (!option) {
        return unknown_option(args->command, word);
    }
    if (option->type == CMD_FLAG && value) {
        return complain(args->command, "this option takes no value:", word, NULL);
    }
    if (option->type != CMD_FLAG && !value) {
        value = args->at < args->num ? args->argv[args->at++] : NULL;
        if (!value) {
            return complain(args->command, "a value is missing behind", word, NULL);
        }
    }
    return put_value(args->command, option, value, options);
}

static bool has_required(const struct command *command, const void *options)
{
    for (const struct cmd_option *option = command->options; option->name; option++) {
        if (option->required && !*(const char *const *)((const char *)options + option->offset)) {
            char name[80];

            (void)snprintf(name, sizeof(name), "--%s %s", option->name, option->argument);
            return complain(command, "this option is needed:", name, NULL);
        }
    }
    return true;
}

bool cmd_parse(const struct command *command, int argc, char **argv, void *options)
{
    struct args args = {.command = command, .argv = argv, .num = argc};

    while (args.at < args.num) {
        char *word = args.argv[args.at++];

        if (word[0] != '-' || !word[1]) {
            return complain(command, "this is not understood:", word, NULL);
        }
        if (!take_option(&args, word, options)) {
            return false;
        }
    }
    return has_required(command, options);
}

void cmd_clear(const struct command *command, void *options)
{
    for (const struct cmd_option *option = command->options; option->name; option++) {
        struct cfg_strings *texts = (void *)((char *)options + option->offset);

        if (option->type != CMD_TEXTS) {
            continue;
        }
        for (size_t i = 0; i < texts->num; i++) {
            free(texts->list[i]);
        }
        free(texts->list);
        *texts = (struct cfg_strings){0};
    }
}

/* ---- help ---- */

static void print_option(const struct cmd_option *option)
{
    char left[80], letter[8] = "";

    if (option->letter) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
                   option->argument ? option->argument : "");
    printf("  %-*s  %s\n", HELP_COLUMN, left, option->help);
}

static void print_usage(const struct command *command)
{
    printf("usage: tsa %s", command->name);
    for (const struct cmd_option *option = command->options; option->name; option++) {
        printf(option->required ? " --%s" : " [--%s", option->name);
        if (option->argument) {
            printf(" %s", option->argument);
        }
        printf("%s%s", option->required ? "" : "]", option->type == CMD_TEXTS ? "..." : "");
    }
    printf("\n\n%s\n", command->summary);
}

static int print_help(const struct command *command)
{
    print_usage(command);
    if (command->about) {
        printf("\n%s\n", command->about);
    }
    printf("\n");
    for (const struct cmd_option *option = command->options; option->name; option++) {
        print_option(option);
    }
    printf("  %-*s  %s\n", HELP_COLUMN, "--help", "print this");
    return 0;
}

static void print_column(const char *left, const char *right, FILE *to)
{
    fprintf(to, "  %-*s  %s\n", HELP_COLUMN, left, right);
}

static int print_commands(const struct command *group, FILE *to)
{
    const bool is_whole = !*group->name;

    fprintf(to, "%s\n\nusage: tsa %s%sCOMMAND [OPTION]...\n\n", group->summary, group->name,
            is_whole ? "" : " ");
    for (const struct command *const *at = group->commands; *at; at++) {
        print_column((*at)->name, (*at)->summary, to);
    }
    if (is_whole) {
        print_column("help [COMMAND]", "print this, or the help of a command", to);
        print_column("--version", "print the version", to);
    }
    return to == stderr ? EX_USAGE : 0;
}

/* ---- dispatch ---- */

/* What is typed behind the group's name. */
static const char *own_name(const struct command *command)
{
    const char *space = strrchr(command->name, ' ');

    return space ? space + 1 : command->name;
}

static const struct command *find_command(const struct command *group, const char *name)
{
    const char *names[MAX_NAMES + 1] = {"help"}, *space = *group->name ? " " : "";
    const char *near;
    size_t num = 1;

    for (size_t i = 0; group->commands[i] && num < MAX_NAMES; i++) {
        names[num++] = own_name(group->commands[i]);
        if (strcmp(names[num - 1], name) == 0) {
            return group->commands[i];
        }
    }
    near = cfg_nearest(name, names);
    fprintf(stderr, "tsa%s%s: there is no command %s%s%s%s\nTry: tsa help%s%s\n", space, group->name, name,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "", space, group->name);
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (is_help(argv[i])) {
            return true;
        }
    }
    return false;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    void *options;
    int code = EX_USAGE;

    if (asks_help(argc, argv)) {
        return print_help(command);
    }
    options = xcalloc(1, command->size);
    if (cmd_parse(command, argc, argv, options)) {
        code = command->run(options);
    }
    cmd_clear(command, options);
    free(options);
    return code;
}

static int help(const struct command *group, int argc, char **argv)
{
    const struct command *command = group;

    for (int i = 0; i < argc && command && command->commands; i++) {
        command = find_command(command, argv[i]);
    }
    return !command ? EX_USAGE : command->commands ? print_commands(command, stdout) : print_help(command);
}

static int run_group(const struct command *group, int argc, char **argv)
{
    const struct command *command;

    if (argc == 0) {
        return print_commands(group, stderr);
    }
    if (strcmp(argv[0], "help") == 0 || is_help(argv[0])) {
        return help(group, argc - 1, argv + 1);
    }
    command = find_command(group, argv[0]);
    if (!command) {
        return EX_USAGE;
    }
    return command->commands ? run_group(command, argc - 1, argv + 1)
                             : run_command(command, argc - 1, argv + 1);
}

int cmd_main(const struct command *const *commands, int argc, char **argv)
{
    const struct command whole = {
        .name = "",
        .summary = "tsa: a timestamp authority (RFC 3161 and Authenticode)",
        .commands = commands,
    };

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        return printf("tsa %s\n", TSA_VERSION) < 0;
    }
    return run_group(&whole, argc > 0 ? argc - 1 : 0, argv + 1);
}
