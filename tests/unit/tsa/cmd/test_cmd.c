/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines read by a table: every spelling of an option, every way to get it wrong, and what is said then. */
#include "tsa/cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct sample {
    const char *file;
    bool loud;
    struct cfg_strings listen;
};

static struct sample seen; /* by the last run */

static int run(void *options)
{
    seen = *(struct sample *)options;
    return seen.loud ? 7 : 0;
}

static const struct cmd_option options[] = {
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct sample, file),
     .argument = "FILE",
     .required = true,
     .help = "the file"},
    {.name = "loud",
     .letter = 'l',
     .type = CMD_FLAG,
     .offset = offsetof(struct sample, loud),
     .help = "be loud"},
    {.name = "listen",
     .type = CMD_TEXTS,
     .offset = offsetof(struct sample, listen),
     .argument = "ADDR",
     .help = "where to"},
    {0},
};

static const struct command command = {
    .name = "sample", .summary = "A sample.", .options = options, .size = sizeof(struct sample), .run = run};
static const struct command inner = {.name = "group inner",
                                     .summary = "An inner one.",
                                     .options = options,
                                     .size = sizeof(struct sample),
                                     .run = run};
static const struct command *const group_commands[] = {&inner, NULL};
static const struct command group = {.name = "group", .summary = "Several.", .commands = group_commands};
static const struct command *const commands[] = {&command, &group, NULL};

/* Runs a command line; what it prints on the descriptor (1 or 2) goes to out. */
static int run_line(const char *line, int fd, char *out, size_t out_size)
{
    char copy[200], *argv[20] = {NULL}, *rest = NULL;
    FILE *file = tmpfile();
    int argc = 0, code;
    const int kept = dup(fd);
    size_t len;

    (void)snprintf(copy, sizeof(copy), "tsa %s", line);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    (void)fflush(NULL);
    assert_true(dup2(fileno(file), fd) == fd);
    code = cmd_main(commands, argc, argv);
    (void)fflush(NULL);
    (void)dup2(kept, fd);
    (void)close(kept);
    rewind(file);
    len = fread(out, 1, out_size - 1, file);
    out[len] = 0;
    (void)fclose(file);
    return code;
}

static void test_good(void **state)
{
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"sample -c f", 0},
        {"sample --config f", 0},
        {"sample --config=f", 0},
        {"sample -cf", 0},
        {"sample -l -c f", 7},
        {"sample --loud --config f", 7},
        {"sample -c f --listen a", 0},
        {"group inner -c f", 0},
        {"group inner --loud --config=f", 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[2000];

        assert_int_equal(run_line(cases[i].line, STDERR_FILENO, out, sizeof(out)), cases[i].code);
        assert_string_equal(out, "");
    }
}

static void test_values(void **state)
{
    char file[] = "--config=x=y", one[] = "--listen=a", two[] = "--listen", value[] = "b";
    char *argv[] = {file, one, two, value};
    struct sample sample = {0};

    (void)state;
    assert_true(cmd_parse(&command, 4, argv, &sample));
    assert_string_equal(sample.file, "x=y");
    assert_int_equal(sample.listen.num, 2);
    assert_string_equal(sample.listen.list[0], "a");
    assert_string_equal(sample.listen.list[1], "b");
    cmd_clear(&command, &sample);
    assert_int_equal(sample.listen.num, 0);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"", "usage: tsa COMMAND"},
        {"smaple", "did you mean sample?"},
        {"helb", "did you mean help?"},
        {"zzzzzzzz", "there is no command zzzzzzzz"},
        {"sample", "this option is needed: --config FILE"},
        {"sample --confg f", "did you mean --config?"},
        {"sample --config=f --lowd=3", "did you mean --loud?"},
        {"sample -c", "a value is missing behind -c"},
        {"sample --config", "a value is missing behind --config"},
        {"sample -c f --loud=yes", "takes no value"},
        {"sample -c f -x", "there is no option -x"},
        {"sample -c f extra", "this is not understood: extra"},
        {"sample -c f -", "this is not understood: -"},
        {"sample -c f -c g", "given twice"},
        {"help smaple", "did you mean sample?"},
        {"group", "usage: tsa group COMMAND"},
        {"group iner", "tsa group: there is no command iner; did you mean inner?\nTry: tsa help group\n"},
        {"group sample", "tsa group: there is no command sample"},
        {"inner", "tsa: there is no command inner"},
        {"help group iner", "did you mean inner?"},
        {"group inner",
         "tsa group inner: this option is needed: --config FILE\nTry: tsa group inner --help\n"},
        {"group -c f", "there is no command -c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[2000];

        assert_int_equal(run_line(cases[i].line, STDERR_FILENO, out, sizeof(out)), 64);
        if (!strstr(out, cases[i].said)) {
            fail_msg("`%s' said: %s", cases[i].line, out);
        }
    }
}

static void test_help(void **state)
{
    static const char *const lines[] = {"help sample", "sample --help", "sample -h", "sample -c f --help"};
    char out[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(run_line(lines[i], STDOUT_FILENO, out, sizeof(out)), 0);
        assert_non_null(strstr(out, "usage: tsa sample --config FILE [--loud] [--listen ADDR]..."));
        assert_non_null(strstr(out, "  -c, --config FILE         the file"));
        assert_non_null(strstr(out, "be loud"));
    }
    assert_int_equal(run_line("help", STDOUT_FILENO, out, sizeof(out)), 0);
    assert_non_null(strstr(out, "A sample."));
    assert_non_null(strstr(out, "  group                     Several.\n"));
    assert_non_null(strstr(out, "--version"));
    assert_int_equal(run_line("--version", STDOUT_FILENO, out, sizeof(out)), 0);
    assert_string_equal(out, "tsa " TSA_VERSION "\n");
}

static void test_help_of_a_group(void **state)
{
    static const char *const whole[] = {"help group", "group --help", "group help", "group -h"};
    static const char *const one[] = {"help group inner", "group help inner", "group inner --help"};
    char out[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        assert_int_equal(run_line(whole[i], STDOUT_FILENO, out, sizeof(out)), 0);
        assert_ptr_equal(strstr(out, "Several.\n\nusage: tsa group COMMAND [OPTION]...\n\n"), out);
        assert_non_null(strstr(out, "  group inner               An inner one.\n"));
        assert_null(strstr(out, "--version"));
    }
    for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        assert_int_equal(run_line(one[i], STDOUT_FILENO, out, sizeof(out)), 0);
        assert_ptr_equal(strstr(out, "usage: tsa group inner --config FILE [--loud]"), out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_values),          cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_help), cmocka_unit_test(test_help_of_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
