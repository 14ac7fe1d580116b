/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getopt_long behind tables. It knows no command; what an option means is the command's business.
 */
#include "tsclient/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/cfg.h"
#include "tsa/base/mem.h"

#define PROGRAM     "tsclient"
#define MAX_OPTIONS 48
#define LONG_BASE   256 /* getopt's value of a long option: this and its row */
#define HELP_COLUMN 28
#define HELP_WIDTH  100

int command_usage(const struct command *command, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, PROGRAM " %s: ", command->name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nSee " PROGRAM " help %s.\n", command->name);
    return EXIT_USAGE;
}

/* ---- help ---- */

/* Prints words from column on, and goes on below it where a line is full. */
static void print_wrapped(FILE *out, const char *text, int column)
{
    int at = column;

    while (*text) {
        int len = (int)strcspn(text, " ");

        if (at > column && at + 1 + len > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(out, "%s%.*s", at > column ? " " : "", len, text);
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

/* Paragraphs stand on lines of their own, however long. */
static void print_notes(FILE *out, const char *notes)
{
    char line[1000];

    while (*notes) {
        size_t len = strcspn(notes, "\n");

        (void)snprintf(line, sizeof line, "%.*s", (int)len, notes);
        (void)fputc('\n', out);
        print_wrapped(out, line, 0);
        notes += len + (notes[len] == '\n');
    }
}

static void print_option(const struct option_row *row, FILE *out)
{
    char left[80];
    char letter[] = {'-', row->letter, '\0'};
    int len = snprintf(left, sizeof left, "  %s%s%s%s%s%s", row->letter ? letter : "  ",
                       row->letter && row->name ? ", "
                       : row->letter            ? ""
                                                : "  ",
                       row->name ? "--" : "", row->name ? row->name : "", row->arg ? " " : "",
                       row->arg ? row->arg : "");

    (void)fprintf(out, "%-*s", HELP_COLUMN, left);
    if (len >= HELP_COLUMN) {
        (void)fprintf(out, "\n%*s", HELP_COLUMN, "");
    }
    print_wrapped(out, row->help, HELP_COLUMN);
}

static bool is_row(const struct option_row *row)
{
    return row->name || row->letter;
}

/* The command's own rows, then those that it shares with others; NULL behind the last. */
static const struct option_row *row_at(const struct command *command, size_t index)
{
    const struct option_row *tables[] = {command->options, command->shared};

    for (size_t i = 0; i < 2; i++) {
        for (const struct option_row *row = tables[i]; row && is_row(row); row++) {
            if (index-- == 0) {
                return row;
            }
        }
    }
    return NULL;
}

void command_help(const struct command *command, FILE *out)
{
    const struct option_row *row;

    (void)fprintf(out, "usage: " PROGRAM " %s [OPTION]... %s\n\n", command->name, command->arguments);
    print_wrapped(out, command->summary, 0);
    (void)fputc('\n', out);
    for (size_t i = 0; (row = row_at(command, i)) != NULL; i++) {
        print_option(row, out);
    }
    if (command->notes) {
        print_notes(out, command->notes);
    }
}

void command_list(const struct command *const *commands, FILE *out)
{
    (void)fprintf(out, "usage: " PROGRAM " COMMAND [OPTION]... [FILE]...\n\n");
    for (; *commands; commands++) {
        (void)fprintf(out, "  %-10s", (*commands)->name);
        print_wrapped(out, (*commands)->summary, 12);
    }
    (void)fprintf(out, "\n" PROGRAM " help COMMAND tells its options; " PROGRAM " --version the version.\n");
}

/* ---- one option ---- */

static bool set_number(const struct option_row *row, const char *text, void *at)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < row->min || v > row->max) {
        return false;
    }
    *(int64_t *)at = v;
    return true;
}

static bool set_duration(const char *text, void *at)
{
    int64_t *ns = at;

    return cfg_parse_duration(text, ns) == RC_OK && *ns >= 0;
}

static bool set_time(const char *text, void *at)
{
    struct option_time *time = at;

    time->given = true;
    return gentime_parse_iso(text, &time->time) == RC_OK;
}

static bool set_list(const char *text, void *at)
{
    struct option_list *list = at;

    if (list->num == OPTION_LIST_MAX) {
        return false;
    }
    list->text[list->num++] = text;
    return true;
}

static bool set_option(const struct option_row *row, const char *text, void *at)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case OPTION_TEXT:
        *(const char **)at = text;
        return *text != '\0';
    case OPTION_NUMBER:
        return set_number(row, text, at);
    case OPTION_DURATION:
        return set_duration(text, at);
    case OPTION_TIME:
        return set_time(text, at);
    case OPTION_LIST:
        return *text != '\0' && set_list(text, at);
    }
    return false;
}

static const char *expected(const struct option_row *row, char *out, size_t out_size)
{
    static const char *const texts[] = {
        [OPTION_FLAG] = "nothing",
        [OPTION_TEXT] = "a text that is not empty",
        [OPTION_DURATION] = "a time span such as 30, 30s or 5min",
        [OPTION_TIME] = "a time such as 2031-02-03T04:05:06Z, 2031-02-03 or @1234567890",
        [OPTION_LIST] = "a text that is not empty, 16 times at most",
    };

    if (row->kind != OPTION_NUMBER) {
        return texts[row->kind];
    }
    (void)snprintf(out, out_size, "a whole number from %lld to %lld", (long long)row->min,
                   (long long)row->max);
    return out;
}

/* ---- the options of a line ---- */

struct line {
    const struct command *command;
    struct option longs[MAX_OPTIONS + 2];
    char letters[2 * MAX_OPTIONS + 4];
    size_t num_rows;
    bool given[MAX_OPTIONS];
    bool help;
};

static void add_letter(struct line *line, const struct option_row *row)
{
    char *end = line->letters + strlen(line->letters);

    *end++ = row->letter;
    if (row->kind != OPTION_FLAG) {
        *end++ = ':';
    }
    *end = '\0';
}

static void make_tables(struct line *line)
{
    const struct option_row *row;
    size_t num_longs = 0;

    (void)strcpy(line->letters, ":h");
    for (; line->num_rows < MAX_OPTIONS && (row = row_at(line->command, line->num_rows)) != NULL;
         line->num_rows++) {
        if (row->letter) {
            add_letter(line, row);
        }
        if (row->name) {
            line->longs[num_longs++] =
                (struct option){row->name, row->kind == OPTION_FLAG ? no_argument : required_argument, NULL,
                                LONG_BASE + (int)line->num_rows};
        }
    }
    line->longs[num_longs] = (struct option){"help", no_argument, NULL, 'h'};
}

static const struct option_row *row_of(const struct line *line, int got)
{
    const struct option_row *row;

    if (got >= LONG_BASE) {
        return row_at(line->command, (size_t)(got - LONG_BASE));
    }
    for (size_t i = 0; (row = row_at(line->command, i)) != NULL; i++) {
        if (row->letter == got) {
            return row;
        }
    }
    return NULL;
}

/* The word in which the unknown letter stands: getopt goes on to the next one behind its last letter. */
static bool names_file(char **argv)
{
    return (argv[optind] && argv[optind][0] == '-' && access(argv[optind], F_OK) == 0) ||
           access(argv[optind - 1], F_OK) == 0;
}

static int unknown_option(const struct line *line, char **argv)
{
    const char *word = argv[optind - 1];

    const char *names[MAX_OPTIONS + 2] = {NULL};
    const char *near;
    size_t num = 0;

    if (optopt > 0 && optopt < LONG_BASE && strncmp(word, "--", 2) != 0) {
        return command_usage(line->command, "there is no option -%c%s", optopt,
                             names_file(argv) ? "; a file of that name wants ./ in front" : "");
    }
    for (const struct option *o = line->longs; o->name; o++) {
        names[num++] = o->name;
    }
    near = cfg_nearest(word + strspn(word, "-"), names);
    if (optopt >= LONG_BASE) {
        return command_usage(line->command, "%s takes no value", word);
    }
    return near ? command_usage(line->command, "there is no option %s; did you mean --%s?", word, near)
                : command_usage(line->command, "there is no option %s", word);
}

/* The last one would win in silence. */
static bool is_repeated(struct line *line, const struct option_row *row)
{
    size_t index = 0;
    bool before;

    while (row_at(line->command, index) != row) {
        index++;
    }
    before = line->given[index];
    line->given[index] = true;
    return before && row->kind != OPTION_FLAG && row->kind != OPTION_LIST;
}

static int take_option(struct line *line, int got, void *settings)
{
    const struct option_row *row = row_of(line, got);
    char text[100];

    if (!row) {
        return EXIT_FAULT;
    }
    if (is_repeated(line, row)) {
        return command_usage(line->command, "%s%s is given twice: which one counts?", row->name ? "--" : "-",
                             row->name ? row->name : (char[]){row->letter, '\0'});
    }
    if (!set_option(row, optarg ? optarg : "", (char *)settings + row->offset)) {
        return command_usage(line->command, "%s%s wants %s, not '%s'", row->name ? "--" : "-",
                             row->name ? row->name : (char[]){row->letter, '\0'},
                             expected(row, text, sizeof text), optarg ? optarg : "");
    }
    return EXIT_DONE;
}

/* Returns EXIT_DONE to go on; line->help tells when help was asked for. */
static int read_options(struct line *line, int argc, char **argv, void *settings)
{
    int got, rc = EXIT_DONE;

    optind = 0; /* GNU: start anew */
    opterr = 0;
    while (rc == EXIT_DONE && (got = getopt_long(argc, argv, line->letters, line->longs, NULL)) != -1) {
        if (got == 'h') {
            line->help = true;
            return EXIT_DONE;
        }
        if (got == '?') {
            rc = unknown_option(line, argv);
        } else if (got == ':') {
            rc = command_usage(line->command, "%s wants a value", argv[optind - 1]);
        } else {
            rc = take_option(line, got, settings);
        }
    }
    return rc;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct line line = {.command = command};
    void *settings = xcalloc(1, command->settings_size);
    int rc;

    if (command->defaults) {
        memcpy(settings, command->defaults, command->settings_size);
    }
    make_tables(&line);
    rc = read_options(&line, argc, argv, settings);
    if (rc == EXIT_DONE && line.help) {
        command_help(command, stdout);
    } else if (rc == EXIT_DONE) {
        rc = command->run(command, settings, argv + optind, (size_t)(argc - optind));
    }
    free(settings);
    return rc;
}

/* ---- the program ---- */

static const struct command *find(const struct command *const *commands, const char *word)
{
    for (; *commands; commands++) {
        if (strcmp((*commands)->name, word) == 0) {
            return *commands;
        }
    }
    return NULL;
}

static int unknown_command(const struct command *const *commands, const char *word)
{
    const char *names[MAX_OPTIONS] = {"help"};
    const char *near;

    for (size_t i = 0; commands[i] && i + 2 < MAX_OPTIONS; i++) {
        names[i + 1] = commands[i]->name;
    }
    near = cfg_nearest(word, names);
    (void)fprintf(stderr, PROGRAM ": there is no command %s%s%s%s\nSee " PROGRAM " help.\n", word,
                  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return EXIT_USAGE;
}

static int help(const struct command *const *commands, const char *word)
{
    const struct command *command = word ? find(commands, word) : NULL;

    if (word && !command) {
        return unknown_command(commands, word);
    }
    if (command) {
        command_help(command, stdout);
    } else {
        command_list(commands, stdout);
    }
    return EXIT_DONE;
}

static int run_word(const struct command *const *commands, int argc, char **argv)
{
    const struct command *command = find(commands, argv[1]);

    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return help(commands, argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf(PROGRAM " " TSA_VERSION "\n");
        return EXIT_DONE;
    }
    return command ? run(command, argc - 1, argv + 1) : unknown_command(commands, argv[1]);
}

int command_main(const struct command *const *commands, int argc, char **argv)
{
    int rc;

    if (argc < 2) {
        command_list(commands, stderr);
        return EXIT_USAGE;
    }
    rc = run_word(commands, argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, PROGRAM ": can not write the output: %s\n", strerror(errno));
        return rc == EXIT_DONE ? EXIT_NO : rc;
    }
    return rc;
}
