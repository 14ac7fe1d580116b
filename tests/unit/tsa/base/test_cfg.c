/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema walk: every type, its default and range, and every error that a user can make, each with file and line, all at once.
 */
#include "tsa/base/cfg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct unit {
    char *name;
    struct cfg_strings paths;
    unsigned digests;
    int64_t accuracy;
};

struct conf {
    struct cfg_strings listen;
    int64_t node;
    bool publish;
    int64_t body;
    int64_t deadline;
    struct {
        int level;
        char *file;
        struct {
            int64_t deep;
        } more;
    } log;
    struct cfg_groups units;
    char *even;
};

static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const digest_words[] = {"none", "md5", "sha1", "sha256", "sha384", "sha512", NULL};

static const char *check_even(const void *value)
{
    const char *const *text = value;

    return strlen(*text) % 2 == 0 ? NULL : "it must have an even number of letters";
}

static const char *cross_accuracy(const void *whole, const void *value)
{
    const struct conf *conf = whole;
    const int64_t *accuracy = value;

    return *accuracy > 0 && conf->node == 9 ? "it is not told by `node' 9" : NULL;
}

static const char *cross_deep(const void *whole, const void *value)
{
    const struct conf *conf = whole;
    const int64_t *deep = value;

    return *deep == conf->node ? "`node' has that number" : NULL;
}

static const char *cross_units(const void *whole, const void *value)
{
    const struct cfg_groups *units = value;

    (void)whole;
    return units->num == 0 ? "there are none" : NULL;
}

static const struct cfg_field unit_fields[] = {
    {.name = "name",
     .type = CFG_STRING,
     .offset = offsetof(struct unit, name),
     .required = true,
     .help = "in the URL"},
    {.name = "paths", .type = CFG_STRINGS, .offset = offsetof(struct unit, paths)},
    {.name = "digests",
     .type = CFG_WORDS,
     .offset = offsetof(struct unit, digests),
     .words = digest_words,
     .preset = "(\"sha256\", \"sha512\")"},
    {.name = "accuracy",
     .type = CFG_DURATION,
     .offset = offsetof(struct unit, accuracy),
     .cross = cross_accuracy},
    {0},
};

static const struct cfg_field more_fields[] = {
    {.name = "deep", .type = CFG_INT, .offset = 0, .preset = "7", .cross = cross_deep},
    {0},
};

static const struct cfg_field log_fields[] = {
    {.name = "level", .type = CFG_WORD, .offset = 0, .words = level_words, .preset = "\"info\""},
    {.name = "file",
     .type = CFG_STRING,
     .offset = offsetof(struct conf, log.file) - offsetof(struct conf, log)},
    {.name = "more",
     .type = CFG_GROUP,
     .offset = offsetof(struct conf, log.more) - offsetof(struct conf, log),
     .fields = more_fields},
    {0},
};

static const struct cfg_field fields[] = {
    {.name = "listen",
     .type = CFG_STRINGS,
     .offset = offsetof(struct conf, listen),
     .preset = "[\"127.0.0.1:3161\"]",
     .help = "where to answer"},
    {.name = "node",
     .type = CFG_INT,
     .offset = offsetof(struct conf, node),
     .min = 1,
     .max = 32767,
     .preset = "1"},
    {.name = "publish", .type = CFG_BOOL, .offset = offsetof(struct conf, publish), .preset = "true"},
    {.name = "body", .type = CFG_SIZE, .offset = offsetof(struct conf, body), .preset = "\"16 KiB\""},
    {.name = "deadline",
     .type = CFG_DURATION,
     .offset = offsetof(struct conf, deadline),
     .preset = "5",
     .min = 1000000,
     .max = 3600000000000},
    {.name = "log", .type = CFG_GROUP, .offset = offsetof(struct conf, log), .fields = log_fields},
    {.name = "units",
     .type = CFG_GROUPS,
     .offset = offsetof(struct conf, units),
     .fields = unit_fields,
     .size = sizeof(struct unit),
     .cross = cross_units},
    {.name = "even", .type = CFG_STRING, .offset = offsetof(struct conf, even), .check = check_even},
    {0},
};

struct state {
    struct conf conf;
    struct cfg_errors errors;
};

static enum rc parse(struct state *s, const char *text)
{
    *s = (struct state){0};
    return cfg_parse("tsa.conf", text, fields, &s->conf, &s->errors);
}

static void clear(struct state *s)
{
    cfg_clear(fields, &s->conf);
    cfg_errors_clear(&s->errors);
    assert_null(s->conf.listen.list);
}

/* The text is refused with exactly these complaints, in this order. */
static void assert_errors(const char *text, const char *const *wanted, size_t num)
{
    struct state s;

    assert_int_equal(parse(&s, text), RC_CONFIG);
    for (size_t i = 0; i < num && i < s.errors.num; i++) {
        assert_string_equal(s.errors.list[i], wanted[i]);
    }
    assert_int_equal(s.errors.num, num);
    clear(&s);
}

#define ASSERT_ERRORS(text, ...)                                                                             \
    do {                                                                                                     \
        static const char *const wanted[] = {__VA_ARGS__};                                                   \
        assert_errors(text, wanted, sizeof wanted / sizeof *wanted);                                         \
    } while (0)

static const struct unit *unit_at(const struct state *s, size_t index)
{
    return (const struct unit *)s->conf.units.list + index;
}

static void defaults_come_from_the_table(void **state)
{
    struct state s;
    (void)state;

    assert_int_equal(parse(&s, ""), RC_OK);
    assert_int_equal(s.conf.listen.num, 1);
    assert_string_equal(s.conf.listen.list[0], "127.0.0.1:3161");
    assert_int_equal(s.conf.node, 1);
    assert_true(s.conf.publish);
    assert_int_equal(s.conf.body, 16384);
    assert_int_equal(s.conf.deadline, 5000000000);
    assert_int_equal(s.conf.log.level, 3);
    assert_null(s.conf.log.file);
    assert_int_equal(s.conf.log.more.deep, 7);
    assert_int_equal(s.conf.units.num, 0);
    clear(&s);
}

static void every_type_is_read(void **state)
{
    struct state s;
    (void)state;

    assert_int_equal(
        parse(&s, "listen = (\"[::1]:1\", \"/run/x\");\n"
                  "node = 0x10; publish = FALSE;\n"
                  "body = 4096; deadline = \"250 ms\"\n"
                  "log : { level = \"debug\"; file = \"a\" \"b\"; more = { deep = -3 } };\n"
                  "units = ( { name = \"one\"; paths = \"/x\"; digests = [\"sha1\"]; accuracy = 0.5; },\n"
                  "          { name = \"two\"; accuracy = \"1 min\" } );\n"
                  "# a comment\n// another\n/* one\nmore */ even = \"\\x41\\\\\";"),
        RC_OK);
    assert_int_equal(s.conf.listen.num, 2);
    assert_string_equal(s.conf.listen.list[1], "/run/x");
    assert_int_equal(s.conf.node, 16);
    assert_false(s.conf.publish);
    assert_int_equal(s.conf.body, 4096);
    assert_int_equal(s.conf.deadline, 250000000);
    assert_int_equal(s.conf.log.level, 4);
    assert_string_equal(s.conf.log.file, "ab");
    assert_int_equal(s.conf.log.more.deep, -3);
    assert_int_equal(s.conf.units.num, 2);
    assert_string_equal(unit_at(&s, 0)->name, "one");
    assert_string_equal(unit_at(&s, 0)->paths.list[0], "/x");
    assert_int_equal(unit_at(&s, 0)->digests, 1u << 2);
    assert_int_equal(unit_at(&s, 0)->accuracy, 500000000);
    assert_int_equal(unit_at(&s, 1)->digests, 1u << 3 | 1u << 5);
    assert_int_equal(unit_at(&s, 1)->accuracy, 60000000000);
    assert_string_equal(s.conf.even, "A\\");
    clear(&s);
}

/* libconfig 1.5 would give -2147483648, -1 and 0 here. */
static void numbers_do_not_wrap(void **state)
{
    struct state s;
    (void)state;

    assert_int_equal(parse(&s, "body = 2147483648;"), RC_OK);
    assert_int_equal(s.conf.body, 2147483648);
    clear(&s);
    assert_int_equal(parse(&s, "body = 0x1FFFFFFFF;"), RC_OK);
    assert_int_equal(s.conf.body, 0x1FFFFFFFF);
    clear(&s);
    assert_int_equal(parse(&s, "log = { more = { deep = -9223372036854775808 } }"), RC_OK);
    assert_int_equal(s.conf.log.more.deep, INT64_MIN);
    clear(&s);
    ASSERT_ERRORS("body = 9223372036854775808;",
                  "tsa.conf:1: this is no number, or one too large (text stands in quotes)\n"
                  "    body = 9223372036854775808;\n"
                  "           ^");
    ASSERT_ERRORS("node = 4294967297;", "tsa.conf:1: `node' is 4294967297; it must lie between 1 and 32767");
    ASSERT_ERRORS("deadline = 9223372037;", "tsa.conf:1: `deadline' is too large");
    ASSERT_ERRORS("body = \"9000000 TiB\";",
                  "tsa.conf:1: `body' is \"9000000 TiB\"; it must be octets as a number, or such as "
                  "\"16 KiB\" (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)");
}

static void unknown_settings_are_told_with_the_nearest(void **state)
{
    (void)state;
    ASSERT_ERRORS("\nlistem = \"x\";\n", "tsa.conf:2: unknown setting `listem'; did you mean `listen'?");
    ASSERT_ERRORS("log = {\n levle = \"info\"; };\n",
                  "tsa.conf:2: unknown setting `log.levle'; did you mean `level'?");
    ASSERT_ERRORS("units = ( { name = \"a\" }, {\n name = \"b\"; Digest = \"sha256\" } );",
                  "tsa.conf:2: unknown setting `units[1].Digest'; did you mean `digests'?");
    ASSERT_ERRORS("log = { zzz = 1 };",
                  "tsa.conf:1: unknown setting `log.zzz'; known here: level, file, more");
}

static void wrong_types_are_told(void **state)
{
    (void)state;
    ASSERT_ERRORS("node = \"1\";", "tsa.conf:1: `node' must be a whole number, not text");
    ASSERT_ERRORS("node = 1.0;", "tsa.conf:1: `node' must be a whole number, not a number with a fraction");
    ASSERT_ERRORS("publish = 1;", "tsa.conf:1: `publish' must be true or false, not a whole number");
    ASSERT_ERRORS(
        "body = 1.5;",
        "tsa.conf:1: `body' must be octets as a number, or such as \"16 KiB\" (B, KiB, MiB, GiB, TiB, "
        "kB, MB, GB, TB), not a number with a fraction");
    ASSERT_ERRORS("deadline = true;",
                  "tsa.conf:1: `deadline' must be seconds as a number, or such as \"5 s\" (ns, us, ms, s, "
                  "min, h, d), not true or false");
    ASSERT_ERRORS("deadline = \"5 parsecs\";",
                  "tsa.conf:1: `deadline' is \"5 parsecs\"; it must be seconds as a number, or such "
                  "as \"5 s\" (ns, us, ms, s, min, h, d)");
    ASSERT_ERRORS("even = { };", "tsa.conf:1: `even' must be text in quotes, not a group");
    ASSERT_ERRORS("listen = (\"a\",\n 5);", "tsa.conf:2: `listen' must be text in quotes, or a list of such: "
                                            "( \"a\", \"b\" ); here is a whole number");
    ASSERT_ERRORS("log = \"info\";", "tsa.conf:1: `log' must be a group of settings: { ... }, not text");
    ASSERT_ERRORS("log = { level = 3 };",
                  "tsa.conf:1: `log.level' must be a word in quotes, not a whole number");
    ASSERT_ERRORS("units = { name = \"a\" };",
                  "tsa.conf:1: `units' must be a list of groups: ( { ... }, { ... } ), not a group");
    ASSERT_ERRORS("units = ( { name = \"a\" },\n 5 );",
                  "tsa.conf:2: `units[1]' must be a group of settings: { ... }, not a whole number");
}

static void values_out_of_range_are_told(void **state)
{
    (void)state;
    ASSERT_ERRORS("node = 0;", "tsa.conf:1: `node' is 0; it must lie between 1 and 32767");
    ASSERT_ERRORS("deadline = \"2 h\";", "tsa.conf:1: `deadline' is 2 h; it must lie between 1 ms and 1 h");
    ASSERT_ERRORS("body = -1;", "tsa.conf:1: `body' is -1 B; it can not be negative");
    ASSERT_ERRORS("units = ({ name = \"a\"; accuracy = \"-1.5 s\" });",
                  "tsa.conf:1: `units[0].accuracy' is -1500 ms; it can not be negative");
    ASSERT_ERRORS("log = { level = \"inof\" };",
                  "tsa.conf:1: `log.level' can not be \"inof\"; did you mean \"info\"? (error, "
                  "warning, notice, info, debug)");
    ASSERT_ERRORS(
        "log = { level = \"x\" };",
        "tsa.conf:1: `log.level' can not be \"x\"; it must be one of: error, warning, notice, info, debug");
    ASSERT_ERRORS("even = \"odd\";", "tsa.conf:1: `even': it must have an even number of letters");
}

static void missing_settings_are_told(void **state)
{
    (void)state;
    ASSERT_ERRORS("\nunits = (\n{ },\n{ accuracy = 1 });",
                  "tsa.conf:3: missing setting `units[0].name': in the URL",
                  "tsa.conf:4: missing setting `units[1].name': in the URL");
}

static void repeated_settings_are_told(void **state)
{
    (void)state;
    ASSERT_ERRORS(
        "node = 1;\nbody = 1;\nnode = 2;\nlog = { level = \"info\";\n level = \"debug\" };\nbody = 0x;",
        "tsa.conf:3: `node' is set more than once here\n    node = 2;\n    ^",
        "tsa.conf:5: `level' is set more than once here\n     level = \"debug\" };\n     ^",
        "tsa.conf:6: `body' is set more than once here\n    body = 0x;\n    ^",
        "tsa.conf:6: this is no number, or one too large (text stands in quotes)\n    body = 0x;\n           "
        "^");
}

static void everything_is_told_at_once(void **state)
{
    (void)state;
    ASSERT_ERRORS("nod = 1;\nbody = true;\ndeadline = 0;\nbody = 2;\nunits = ({ nam = \"x\" });\n",
                  "tsa.conf:4: `body' is set more than once here\n    body = 2;\n    ^",
                  "tsa.conf:1: unknown setting `nod'; did you mean `node'?",
                  "tsa.conf:2: `body' must be octets as a number, or such as \"16 KiB\" (B, KiB, MiB, GiB, "
                  "TiB, kB, MB, GB, "
                  "TB), not true or false",
                  "tsa.conf:3: `deadline' is 0 s; it must lie between 1 ms and 1 h",
                  "tsa.conf:5: unknown setting `units[0].nam'; did you mean `name'?",
                  "tsa.conf:5: missing setting `units[0].name': in the URL");
}

static void syntax_errors_show_the_place(void **state)
{
    (void)state;
    ASSERT_ERRORS("node = 1;\nlisten = ;\n",
                  "tsa.conf:2: expected a value here\n    listen = ;\n             ^");
    ASSERT_ERRORS("node 1;", "tsa.conf:1: expected `=' after the name\n    node 1;\n         ^");
    ASSERT_ERRORS("log = {\n level = \"info\";\n",
                  "tsa.conf:1: this `{' is not closed\n    log = {\n          ^");
    ASSERT_ERRORS("listen = (\"a\",\n\"b\"\n",
                  "tsa.conf:1: this `(' is not closed\n    listen = (\"a\",\n             ^");
    ASSERT_ERRORS("listen = (\"a\" \"b\",);",
                  "tsa.conf:1: expected a value here\n    listen = (\"a\" \"b\",);\n                      ^");
    ASSERT_ERRORS("listen = (1 2);",
                  "tsa.conf:1: expected `,' or `)'\n    listen = (1 2);\n                ^");
    ASSERT_ERRORS("\teven = \"abc;\nnode = 1;",
                  "tsa.conf:1: this string does not end on its line\n    \teven = \"abc;\n    \t       ^");
    ASSERT_ERRORS("even = \"C:\\new\\dir\";",
                  "tsa.conf:1: unknown escape: \\\\ \\\" \\n \\r \\t \\f and \\x01 to \\xff are known "
                  "(a backslash is written \\\\)\n    even = \"C:\\new\\dir\";\n                  ^");
    ASSERT_ERRORS("even = \"a\\x00\";",
                  "tsa.conf:1: unknown escape: \\\\ \\\" \\n \\r \\t \\f and \\x01 to \\xff are known "
                  "(a backslash is written \\\\)\n    even = \"a\\x00\";\n             ^");
    ASSERT_ERRORS("even = yes;", "tsa.conf:1: text stands in quotes: \"yes\"\n    even = yes;\n           ^");
    ASSERT_ERRORS("node = 1; }",
                  "tsa.conf:1: expected the name of a setting\n    node = 1; }\n              ^");
    ASSERT_ERRORS("node = 1;; ",
                  "tsa.conf:1: expected the name of a setting\n    node = 1;; \n             ^");
    ASSERT_ERRORS("node = 1; /* never",
                  "tsa.conf:1: this comment has no end\n    node = 1; /* never\n              ^");
    ASSERT_ERRORS(
        "node = 1; @exclude \"x\"",
        "tsa.conf:1: `@' can only begin an @include line\n    node = 1; @exclude \"x\"\n              ^");
    ASSERT_ERRORS("listen = [\"a\", 1];", "tsa.conf:1: mismatched element type in array");
}

/* Windows' line ends; a carriage return alone is a blank. */
static void carriage_returns_are_blanks(void **state)
{
    struct state s;
    (void)state;

    assert_int_equal(parse(&s, "node = 5;\r\nlog = {\r\n};\r\n"), RC_OK);
    assert_int_equal(s.conf.node, 5);
    clear(&s);
    ASSERT_ERRORS("node = 1;\r\nlisten = ;\r\n",
                  "tsa.conf:2: expected a value here\n    listen = ;\n             ^");
    ASSERT_ERRORS(
        "\r\rnode = 5x;",
        "tsa.conf:1: this is no number, or one too large (text stands in quotes)\n    ??node = 5x;\n"
        "             ^");
}

static void nesting_has_an_end(void **state)
{
    char text[2000] = "even = ";
    struct state s;
    (void)state;

    memset(text + 7, '(', 1500);
    assert_int_equal(parse(&s, text), RC_CONFIG);
    assert_int_equal(s.errors.num, 1);
    assert_non_null(strstr(s.errors.list[0], "tsa.conf:1: nested deeper than 32"));
    clear(&s);
}

/* ---- files ---- */

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static char folder[] = "/tmp/test_cfg.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    static const char *const names[] = {"main.conf", "units.conf", "loop.conf", "text.conf"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlink(names[i]);
    }
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void includes_keep_their_places(void **state)
{
    struct cfg_errors errors = {0};
    struct conf conf = {0};
    char path[200];
    (void)state;

    put_file("main.conf", "node = 2;\nlog = {\n  @include \"units.conf\" # here\n  levle = \"x\";\n};\nnodd "
                          "= 2;\n/*\n@include \"none\"\n*/");
    put_file("units.conf", "\n// inner\nfile = \"f\"; lever = 1;");
    (void)snprintf(path, sizeof path, "%s/main.conf", folder);
    assert_int_equal(cfg_parse_file(path, fields, &conf, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 3);
    (void)snprintf(path, sizeof path, "%s/units.conf:3: unknown setting `log.lever'; did you mean `level'?",
                   folder);
    assert_string_equal(errors.list[0], path);
    (void)snprintf(path, sizeof path, "%s/main.conf:4: unknown setting `log.levle'; did you mean `level'?",
                   folder);
    assert_string_equal(errors.list[1], path);
    (void)snprintf(path, sizeof path, "%s/main.conf:6: unknown setting `nodd'; did you mean `node'?", folder);
    assert_string_equal(errors.list[2], path);
    assert_string_equal(conf.log.file, "f");
    cfg_clear(fields, &conf);
    cfg_errors_clear(&errors);
}

static void includes_that_fail_are_told(void **state)
{
    struct cfg_errors errors = {0};
    struct conf conf = {0};
    (void)state;

    put_file("loop.conf", "@include \"loop.conf\"\n");
    assert_int_equal(cfg_parse_file("loop.conf", fields, &conf, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "loop.conf:1: more than 10 files include each other"));
    cfg_errors_clear(&errors);

    put_file("main.conf", "node = 1;\n@include \"none.conf\"\n");
    assert_int_equal(cfg_parse_file("main.conf", fields, &conf, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 1);
    assert_string_equal(errors.list[0], "main.conf:2: can not open none.conf: No such file or directory\n"
                                        "    @include \"none.conf\"\n    ^");
    cfg_errors_clear(&errors);

    assert_int_equal(cfg_parse_file("none.conf", fields, &conf, &errors), RC_IO);
    assert_int_equal(errors.num, 1);
    assert_string_equal(errors.list[0], "can not open none.conf: No such file or directory");
    cfg_errors_clear(&errors);
    cfg_clear(fields, &conf);
}

static void one_text_means_the_same(void **state)
{
    struct cfg_errors errors = {0};
    struct state s;
    char *text;
    (void)state;

    put_file("main.conf", "# first\n@include \"units.conf\"\nnode = 3000000000L; even = \"# no comment\";\n");
    put_file("units.conf", "units = ( { name = \"u\" } );");
    text = cfg_read_text("main.conf", &errors);
    assert_non_null(text);
    assert_null(strstr(text, "first"));
    assert_int_equal(parse(&s, text), RC_CONFIG);
    assert_int_equal(s.errors.num, 1);
    assert_non_null(strstr(s.errors.list[0], "`node' is 3000000000;"));
    assert_string_equal(s.conf.even, "# no comment");
    assert_string_equal(unit_at(&s, 0)->name, "u");
    clear(&s);
    free(text);

    put_file("text.conf", "node = ;");
    assert_null(cfg_read_text("text.conf", &errors));
    assert_int_equal(errors.num, 1);
    cfg_errors_clear(&errors);
}

static void assert_where(const char *path, const char *setting, const char *wanted)
{
    char *where = cfg_where(path, setting);

    assert_string_equal(where, wanted);
    free(where);
}

static void settings_are_found_again(void **state)
{
    (void)state;
    put_file("main.conf", "# first\n\n@include \"units.conf\"\nnode = 3;\nlog = {\n  form = \"x\";\n};\n");
    put_file("units.conf", "\nunits = (\n{ name = \"u\" } );");
    assert_where("main.conf", "node", "main.conf:4");
    assert_where("main.conf", "log.form", "main.conf:6");
    assert_where("main.conf", "units", "units.conf:2");
    assert_where("main.conf", "units.[0].name", "units.conf:3");
    assert_where("main.conf", "log.level", "main.conf");
    assert_where("none.conf", "node", "none.conf");
    put_file("main.conf", "node = ;");
    assert_where("main.conf", "node", "main.conf");
    put_file("main.conf", "");
    assert_where("main.conf", "node", "main.conf");
}

static void nearest_words(void **state)
{
    static const char *const commands[] = {"run", "lab", "check", "ledger", "status", "reload", NULL};
    (void)state;

    assert_string_equal(cfg_nearest("chekc", commands), "check");
    assert_string_equal(cfg_nearest("STATUS", commands), "status");
    assert_string_equal(cfg_nearest("realod", commands), "reload");
    assert_string_equal(cfg_nearest("la", commands), "lab");
    assert_null(cfg_nearest("zebra", commands));
    assert_null(cfg_nearest("", commands));
    assert_null(cfg_nearest("x", (const char *const[]){NULL}));
}

static void test_cross(void **state)
{
    static const char *const texts[] = {
        "node = 9;\nunits = (\n{ name = \"a\"; },\n{ name = \"b\"; accuracy = 1; } );\n",
        "units = ( { name = \"a\"; accuracy = 1; },\n{ name = \"b\";\naccuracy = 2; } );\nnode = 9;\n",
        "log = { more = {\ndeep = 5; }; };\nnode = 5;",
        "units = ( );",
    };
    static const char *const wanted[][2] = {
        {"tsa.conf:4: `units[1].accuracy': it is not told by `node' 9", NULL},
        {"tsa.conf:1: `units[0].accuracy': it is not told by `node' 9",
         "tsa.conf:3: `units[1].accuracy': it is not told by `node' 9"},
        {"tsa.conf:2: `log.more.deep': `node' has that number", NULL},
        {"tsa.conf:1: `units': there are none", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_errors(texts[i], wanted[i], wanted[i][1] ? 2 : 1);
    }
}

/* What is not in the file is not asked, and nothing is asked beside what is wrong by itself. */
static void test_cross_is_not_asked(void **state)
{
    static const char *const wrong[] = {"tsa.conf:2: `node' is 0; it must lie between 1 and 32767"};
    struct state s;

    (void)state;
    assert_int_equal(parse(&s, "node = 7; publish = false; units = ( { name = \"a\"; } );"), RC_OK);
    clear(&s);
    assert_errors("units = ( );\nnode = 0;", wrong, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross),
        cmocka_unit_test(test_cross_is_not_asked),
        cmocka_unit_test(defaults_come_from_the_table),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(numbers_do_not_wrap),
        cmocka_unit_test(unknown_settings_are_told_with_the_nearest),
        cmocka_unit_test(wrong_types_are_told),
        cmocka_unit_test(values_out_of_range_are_told),
        cmocka_unit_test(missing_settings_are_told),
        cmocka_unit_test(repeated_settings_are_told),
        cmocka_unit_test(everything_is_told_at_once),
        cmocka_unit_test(syntax_errors_show_the_place),
        cmocka_unit_test(carriage_returns_are_blanks),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(includes_keep_their_places),
        cmocka_unit_test(includes_that_fail_are_told),
        cmocka_unit_test(one_text_means_the_same),
        cmocka_unit_test(settings_are_found_again),
        cmocka_unit_test(nearest_words),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
