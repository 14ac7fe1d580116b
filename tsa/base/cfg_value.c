/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value half of the schema: what each type takes, and the sentence that a user reads when it is something else. A type
 * accepts exactly one meaning: a number is never taken for a bool, nor text for a number.
 */
#include "tsa/base/cfg_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/cfg_quantity.h"
#include "tsa/base/mem.h"

typedef bool getter(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                    void *to);

bool cfg_fault(struct cfg_walk *walk, const config_setting_t *setting, const char *format, ...)
{
    unsigned line;
    const char *name = cfg_scan_where(walk->scan, setting ? config_setting_source_line(setting) : 1, &line);
    char message[1000];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    cfg_errors_add(walk->errors, "%s:%u: %s", name, line, message);
    return false;
}

const char *cfg_type_text(enum cfg_type type)
{
    static const char *const texts[] = {
        [CFG_BOOL] = "true or false",
        [CFG_INT] = "a whole number",
        [CFG_SIZE] = "octets as a number, or such as \"16 KiB\" (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)",
        [CFG_DURATION] = "seconds as a number, or such as \"5 s\" (ns, us, ms, s, min, h, d)",
        [CFG_STRING] = "text in quotes",
        [CFG_WORD] = "a word in quotes",
        [CFG_STRINGS] = "text in quotes, or a list of such: ( \"a\", \"b\" )",
        [CFG_WORDS] = "a word in quotes, or a list of such: ( \"a\", \"b\" )",
        [CFG_GROUP] = "a group of settings: { ... }",
        [CFG_GROUPS] = "a list of groups: ( { ... }, { ... } )",
    };

    return texts[type];
}

const char *cfg_setting_text(const config_setting_t *setting)
{
    static const char *const texts[] = {
        [CONFIG_TYPE_NONE] = "nothing",
        [CONFIG_TYPE_GROUP] = "a group",
        [CONFIG_TYPE_INT] = "a whole number",
        [CONFIG_TYPE_INT64] = "a whole number",
        [CONFIG_TYPE_FLOAT] = "a number with a fraction",
        [CONFIG_TYPE_STRING] = "text",
        [CONFIG_TYPE_BOOL] = "true or false",
        [CONFIG_TYPE_ARRAY] = "an array",
        [CONFIG_TYPE_LIST] = "a list",
    };
    int type = config_setting_type(setting);

    return type >= 0 && (size_t)type < sizeof texts / sizeof *texts ? texts[type] : "something else";
}

static bool mistyped(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting)
{
    return cfg_fault(walk, setting, "`%s' must be %s, not %s", walk->path, cfg_type_text(field->type),
                     cfg_setting_text(setting));
}

static bool is_integer(const config_setting_t *setting)
{
    return config_setting_type(setting) == CONFIG_TYPE_INT ||
           config_setting_type(setting) == CONFIG_TYPE_INT64;
}

static bool get_bool(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                     void *to)
{
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
        return mistyped(walk, field, setting);
    }
    *(bool *)to = config_setting_get_bool(setting) != 0;
    return true;
}

/* ---- numbers, with and without units ---- */

static char *number_text(const struct cfg_field *field, int64_t value, char out[CFG_QUANTITY_TEXT_MAX])
{
    if (field->type == CFG_INT) {
        (void)snprintf(out, CFG_QUANTITY_TEXT_MAX, "%" PRId64, value);
        return out;
    }
    return cfg_quantity_text(value, field->type == CFG_SIZE ? cfg_size_units : cfg_duration_units, out);
}

/* Both 0 = any; but a size or a duration is not negative unless its range says so. */
static bool put_number(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                       int64_t value, int64_t *to)
{
    bool any = field->min == 0 && field->max == 0;
    char is[CFG_QUANTITY_TEXT_MAX], min[CFG_QUANTITY_TEXT_MAX], max[CFG_QUANTITY_TEXT_MAX];

    if (any && field->type != CFG_INT && value < 0) {
        return cfg_fault(walk, setting, "`%s' is %s; it can not be negative", walk->path,
                         number_text(field, value, is));
    }
    if (!any && (value < field->min || value > field->max)) {
        return cfg_fault(walk, setting, "`%s' is %s; it must lie between %s and %s", walk->path,
                         number_text(field, value, is), number_text(field, field->min, min),
                         number_text(field, field->max, max));
    }
    *to = value;
    return true;
}

static bool get_int(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                    void *to)
{
    if (!is_integer(setting)) {
        return mistyped(walk, field, setting);
    }
    return put_number(walk, field, setting, config_setting_get_int64(setting), to);
}

/* A number of seconds with a fraction, in nanoseconds. */
static bool from_seconds(double seconds, int64_t *out)
{
    double ns = seconds * 1e9;

    if (!(ns > -9e18 && ns < 9e18)) {
        return false;
    }
    *out = (int64_t)(ns < 0 ? ns - 0.5 : ns + 0.5);
    return true;
}

static bool quantity(const struct cfg_field *field, const config_setting_t *setting, int64_t *out)
{
    const struct cfg_unit *units = field->type == CFG_SIZE ? cfg_size_units : cfg_duration_units;

    if (is_integer(setting)) {
        return !__builtin_mul_overflow(config_setting_get_int64(setting), units[0].factor, out);
    }
    if (config_setting_type(setting) == CONFIG_TYPE_FLOAT && field->type == CFG_DURATION) {
        return from_seconds(config_setting_get_float(setting), out);
    }
    return config_setting_type(setting) == CONFIG_TYPE_STRING &&
           cfg_quantity_parse(config_setting_get_string(setting), units, out) == RC_OK;
}

static bool get_quantity(struct cfg_walk *walk, const struct cfg_field *field,
                         const config_setting_t *setting, void *to)
{
    int64_t value;

    if (quantity(field, setting, &value)) {
        return put_number(walk, field, setting, value, to);
    }
    if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
        return cfg_fault(walk, setting, "`%s' is \"%s\"; it must be %s", walk->path,
                         config_setting_get_string(setting), cfg_type_text(field->type));
    }
    if (is_integer(setting) ||
        (field->type == CFG_DURATION && config_setting_type(setting) == CONFIG_TYPE_FLOAT)) {
        return cfg_fault(walk, setting, "`%s' is too large", walk->path);
    }
    return mistyped(walk, field, setting);
}

/* ---- text and words ---- */

static bool get_string(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                       void *to)
{
    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        return mistyped(walk, field, setting);
    }
    *(char **)to = xstrdup(config_setting_get_string(setting));
    return true;
}

static void join_words(const char *const *words, char *out, size_t out_size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] && len < out_size; i++) {
        int n = snprintf(out + len, out_size - len, "%s%s", i > 0 ? ", " : "", words[i]);
        len += n > 0 ? (size_t)n : 0;
    }
}

static bool find_word(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                      size_t *out)
{
    const char *text = config_setting_get_string(setting);
    const char *near = cfg_nearest(text, field->words);
    char known[400];

    for (size_t i = 0; field->words[i]; i++) {
        if (strcmp(field->words[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    join_words(field->words, known, sizeof known);
    return near ? cfg_fault(walk, setting, "`%s' can not be \"%s\"; did you mean \"%s\"? (%s)", walk->path,
                            text, near, known)
                : cfg_fault(walk, setting, "`%s' can not be \"%s\"; it must be one of: %s", walk->path, text,
                            known);
}

static bool get_word(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                     void *to)
{
    size_t index;

    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        return mistyped(walk, field, setting);
    }
    if (!find_word(walk, field, setting, &index)) {
        return false;
    }
    *(int *)to = (int)index;
    return true;
}

/* ---- lists: one string stands for a list of one ---- */

static size_t num_elements(const config_setting_t *setting)
{
    bool many = config_setting_is_list(setting) || config_setting_is_array(setting);

    return many ? (size_t)config_setting_length(setting) : 1;
}

static const config_setting_t *element(const config_setting_t *setting, size_t index)
{
    bool many = config_setting_is_list(setting) || config_setting_is_array(setting);

    return many ? config_setting_get_elem(setting, (unsigned)index) : setting;
}

static bool all_strings(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting)
{
    size_t num = num_elements(setting);

    for (size_t i = 0; i < num; i++) {
        const config_setting_t *one = element(setting, i);

        if (config_setting_type(one) != CONFIG_TYPE_STRING) {
            return cfg_fault(walk, one, "`%s' must be %s; here is %s", walk->path, cfg_type_text(field->type),
                             cfg_setting_text(one));
        }
    }
    return true;
}

static bool get_strings(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                        void *to)
{
    struct cfg_strings *strings = to;
    size_t num = num_elements(setting);

    if (!all_strings(walk, field, setting)) {
        return false;
    }
    strings->list = xcalloc(num, sizeof *strings->list);
    for (size_t i = 0; i < num; i++) {
        strings->list[strings->num++] = xstrdup(config_setting_get_string(element(setting, i)));
    }
    return true;
}

static bool get_words(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                      void *to)
{
    size_t num = num_elements(setting), index = 0;
    unsigned bits = 0;
    bool good = all_strings(walk, field, setting);

    for (size_t i = 0; good && i < num; i++) {
        good = find_word(walk, field, element(setting, i), &index);
        bits |= good ? 1u << index : 0;
    }
    if (good) {
        *(unsigned *)to = bits;
    }
    return good;
}

static getter *const getters[] = {
    [CFG_BOOL] = get_bool,         [CFG_INT] = get_int,       [CFG_SIZE] = get_quantity,
    [CFG_DURATION] = get_quantity, [CFG_STRING] = get_string, [CFG_WORD] = get_word,
    [CFG_STRINGS] = get_strings,   [CFG_WORDS] = get_words,
};

bool cfg_value_get(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                   void *to)
{
    return getters[field->type](walk, field, setting, to);
}

void cfg_value_clear(const struct cfg_field *field, void *to)
{
    struct cfg_strings *strings = to;

    if (field->type == CFG_STRING) {
        free(*(char **)to);
        *(char **)to = NULL;
    } else if (field->type == CFG_STRINGS) {
        for (size_t i = 0; i < strings->num; i++) {
            free(strings->list[i]);
        }
        free(strings->list);
        *strings = (struct cfg_strings){0};
    }
}
