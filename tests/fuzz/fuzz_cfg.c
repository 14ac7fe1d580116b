/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a configuration, through a table with every type. Holds: a refusal has a reason and a reason refuses; each reason begins with
 * the file and a line that is there; what is handed to libconfig means the same when it is read once more.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/cfg.h"
#include "tsa/base/cfg_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

struct element {
    char *text;
    int64_t number;
};

struct all {
    bool flag;
    int64_t number, size, duration;
    char *text;
    int word;
    struct cfg_strings texts;
    unsigned words;
    struct element group;
    struct cfg_groups groups;
};

static const char *const words[] = {"one", "two", "three", NULL};

static const char *check_text(const void *value)
{
    const char *const *text = value;

    return strlen(*text) < 100 ? NULL : "too long";
}

static const struct cfg_field element_fields[] = {
    {.name = "text",
     .type = CFG_STRING,
     .offset = offsetof(struct element, text),
     .required = true,
     .check = check_text},
    {.name = "number", .type = CFG_INT, .offset = offsetof(struct element, number), .preset = "-1"},
    {0},
};

static const struct cfg_field inner_fields[] = {
    {.name = "text", .type = CFG_STRING, .offset = offsetof(struct element, text), .preset = "\"x\""},
    {0},
};

static const struct cfg_field fields[] = {
    {.name = "flag", .type = CFG_BOOL, .offset = offsetof(struct all, flag), .preset = "true"},
    {.name = "number", .type = CFG_INT, .offset = offsetof(struct all, number), .min = -5, .max = 5000000000},
    {.name = "size", .type = CFG_SIZE, .offset = offsetof(struct all, size), .preset = "\"1 KiB\""},
    {.name = "duration", .type = CFG_DURATION, .offset = offsetof(struct all, duration), .preset = "1.5"},
    {.name = "text", .type = CFG_STRING, .offset = offsetof(struct all, text)},
    {.name = "word", .type = CFG_WORD, .offset = offsetof(struct all, word), .words = words},
    {.name = "texts", .type = CFG_STRINGS, .offset = offsetof(struct all, texts), .preset = "(\"a\", \"b\")"},
    {.name = "words", .type = CFG_WORDS, .offset = offsetof(struct all, words), .words = words},
    {.name = "group", .type = CFG_GROUP, .offset = offsetof(struct all, group), .fields = inner_fields},
    {.name = "groups",
     .type = CFG_GROUPS,
     .offset = offsetof(struct all, groups),
     .fields = element_fields,
     .size = sizeof(struct element)},
    {0},
};

static void insist(bool holds)
{
    if (!holds) {
        abort();
    }
}

static unsigned count_lines(const char *text)
{
    unsigned num = 1;

    for (; *text; text++) {
        num += *text == '\n';
    }
    return num;
}

static void check_errors(const struct cfg_errors *errors, const char *text)
{
    for (size_t i = 0; i < errors->num; i++) {
        unsigned line;

        insist(sscanf(errors->list[i], "fuzz.conf:%u: ", &line) == 1);
        insist(line >= 1 && line <= count_lines(text));
    }
}

static bool parse(const char *text)
{
    struct cfg_errors errors = {0};
    struct all all = {0};
    bool good = cfg_parse("fuzz.conf", text, fields, &all, &errors) == RC_OK;

    insist(good == (errors.num == 0));
    insist(!good || (all.number >= -5 && all.number <= 5000000000 && all.size >= 0 && all.duration >= 0));
    check_errors(&errors, text);
    cfg_clear(fields, &all);
    cfg_errors_clear(&errors);
    return good;
}

static void check_scanned(const char *text, bool good)
{
    struct cfg_errors errors = {0};
    struct cfg_scan scan;

    if (cfg_scan("fuzz.conf", text, &scan, &errors) == RC_OK && errors.num == 0) {
        insist(parse((const char *)scan.text.data) == good);
    }
    cfg_errors_clear(&errors);
    cfg_scan_clear(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    char *text = malloc(data_len + 1);
    int64_t ns;

    insist(text);
    memcpy(text, data, data_len);
    text[data_len] = '\0';
    /* This machine's files are no part of the input. */
    if (!strstr(text, "@include")) {
        check_scanned(text, parse(text));
    }
    (void)!cfg_parse_duration(text, &ns);
    (void)cfg_nearest(text, words);
    free(text);
    return 0;
}
