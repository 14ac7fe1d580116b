/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: every kind of option by letter and name, defaults, what is refused with which exit code, and that help tells
 * every option of the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsclient/command.h"

struct settings {
    bool flag;
    const char *text;
    int64_t number, duration;
    struct option_time time;
    struct option_list list;
};

#define AT(field) offsetof(struct settings, field)
static const struct option_row options[] = {
    {"flag", 'f', OPTION_FLAG, AT(flag), NULL, "A flag.", 0, 0},
    {"text", 0, OPTION_TEXT, AT(text), "TEXT", "A text.", 0, 0},
    {NULL, 'n', OPTION_NUMBER, AT(number), "N", "A number.", 2, 9},
    {"duration", 0, OPTION_DURATION, AT(duration), "S", "A time span.", 0, 0},
    {"time", 0, OPTION_TIME, AT(time), "TIME", "A time.", 0, 0},
    {"list", 'l', OPTION_LIST, AT(list), "X", "Several.", 0, 0},
    {0},
};

static const struct settings defaults = {.text = "default", .number = 5};

static struct settings seen;
static size_t num_files_seen, num_runs;

static int run(const struct command *command, void *settings, char **files, size_t num_files)
{
    (void)command;
    (void)files;
    seen = *(struct settings *)settings;
    num_files_seen = num_files;
    num_runs++;
    return 42;
}

static const struct command one = {
    .name = "one",
    .arguments = "FILE...",
    .summary = "Do one thing.",
    .notes = "A note.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .defaults = &defaults,
    .run = run,
};
static const struct command *const commands[] = {&one, NULL};

/* Runs a line of words; what it prints goes to a file that is given back as text. */
static int call(char **out_text, const char *line)
{
    static char copy[400]; /* the settings point into it */
    char *argv[40] = {(char *)(uintptr_t) "tsclient"};
    int argc = 1, saved[2], rc;
    FILE *file = tmpfile();
    long len;

    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    assert_non_null(file);
    (void)fflush(stdout);
    (void)fflush(stderr);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        assert_int_equal(dup2(fileno(file), i + 1), i + 1);
    }
    rc = command_main(commands, argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dup2(saved[i], i + 1), i + 1);
        (void)close(saved[i]);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    len = ftell(file);
    rewind(file);
    *out_text = calloc(1, (size_t)len + 1);
    assert_non_null(*out_text);
    assert_int_equal(fread(*out_text, 1, (size_t)len, file), len);
    (void)fclose(file);
    return rc;
}

static void expect(const char *line, int code, const char *text)
{
    char *said;
    int rc = call(&said, line);

    if (rc != code || !strstr(said, text)) {
        fail_msg("'%s' ended with %d and said: %s", line, rc, said);
    }
    free(said);
}

static void every_kind(void **state)
{
    (void)state;
    expect("one a --flag --text some -n 7 --duration 5min b --time @77 -l x --list=y -- -c", 42, "");
    assert_true(seen.flag);
    assert_string_equal(seen.text, "some");
    assert_int_equal(seen.number, 7);
    assert_int_equal(seen.duration, INT64_C(300000000000));
    assert_true(seen.time.given);
    assert_int_equal(seen.time.time.sec, 77);
    assert_int_equal(seen.list.num, 2);
    assert_int_equal(num_files_seen, 3);
    expect("one", 42, "");
    assert_string_equal(seen.text, "default");
    assert_int_equal(seen.number, 5);
    assert_false(seen.flag);
    expect("one -f", 42, "");
    assert_true(seen.flag);
}

static void refused(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"", "usage: tsclient COMMAND"},
        {"oen", "did you mean one?"},
        {"somethingelse", "there is no command somethingelse\n"},
        {"one --flga", "did you mean --flag?"},
        {"one --nothingnear", "there is no option --nothingnear\n"},
        {"one -x", "there is no option -x"},
        {"one --flag=1", "takes no value"},
        {"one --text", "--text wants a value"},
        {"one -n", "-n wants a value"},
        {"one -n 1", "a whole number from 2 to 9, not '1'"},
        {"one -n 10", "a whole number from 2 to 9"},
        {"one -n 5x", "a whole number from 2 to 9"},
        {"one -n 99999999999999999999", "a whole number from 2 to 9"},
        {"one --text=", "a text that is not empty"},
        {"one --duration -5", "--duration wants a time span"},
        {"one --duration soon", "--duration wants a time span"},
        {"one --time yesterday", "--time wants a time such as"},
        {"one -l1 -l2 -l3 -l4 -l5 -l6 -l7 -l8 -l9 -l10 -l11 -l12 -l13 -l14 -l15 -l16 -l17",
         "16 times at most"},
        {"help oen", "did you mean one?"},
    };
    size_t num_before = num_runs;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(rows[i].line, EXIT_USAGE, rows[i].text);
    }
    assert_int_equal(num_runs, num_before);
}

static void help(void **state)
{
    char *said;

    (void)state;
    assert_int_equal(call(&said, "one --help"), EXIT_DONE);
    for (const struct option_row *row = options; row->help; row++) {
        assert_non_null(strstr(said, row->help));
        assert_true(!row->name || strstr(said, row->name));
    }
    assert_non_null(strstr(said, "A note."));
    free(said);
    expect("help one", EXIT_DONE, "usage: tsclient one [OPTION]... FILE...");
    expect("one -h", EXIT_DONE, "usage: tsclient one");
    expect("help", EXIT_DONE, "Do one thing.");
    expect("--help", EXIT_DONE, "Do one thing.");
    expect("--version", EXIT_DONE, "tsclient " TSA_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(refused),
        cmocka_unit_test(help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
