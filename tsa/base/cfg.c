/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over a parsed configuration by the schema table. libconfig reads the language (after cfg_scan has made sure that
 * it can not misread it); this finds what is unknown, mistyped, out of range or missing, and tells all of it at once. Defaults
 * are written as in a file and read by the same code.
 */
#include "tsa/base/cfg.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tsa/base/cfg_scan.h"
#include "tsa/base/cfg_value.h"
#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"

static void get_group(struct cfg_walk *walk, const struct cfg_field *fields, const config_setting_t *group,
                      void *out);

/* ---- errors ---- */

void cfg_errors_add(struct cfg_errors *errors, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        text = xstrdup(rc_text(RC_NO_MEMORY));
    }
    va_end(args);
    errors->list = xrealloc(errors->list, errors->num + 1, sizeof *errors->list);
    errors->list[errors->num++] = text;
}

void cfg_errors_clear(struct cfg_errors *errors)
{
    for (size_t i = 0; i < errors->num; i++) {
        free(errors->list[i]);
    }
    free(errors->list);
    *errors = (struct cfg_errors){0};
}

void cfg_errors_tell(const struct cfg_errors *errors, void (*tell)(const char *format, ...))
{
    for (size_t i = 0; i < errors->num; i++) {
        tell("%s", errors->list[i]);
    }
}

/* ---- the nearest known word ---- */

#define NEAREST_MAX 64 /* octets of a word that is compared */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance with neighbours swapped as one step, upper and lower case the same. */
static size_t distance(const char *a, const char *b)
{
    size_t len_a = strlen(a), len_b = strlen(b);
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= len_b; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= len_a; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;

            row[j] = smaller(smaller(last[j], row[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && strncasecmp(&a[i - 1], &b[j - 2], 1) == 0 &&
                strncasecmp(&a[i - 2], &b[j - 1], 1) == 0) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[len_b];
}

const char *cfg_nearest(const char *word, const char *const *candidates)
{
    size_t len = strlen(word), best = len / 3 + 2; /* one slip in three letters, and one more */
    const char *nearest = NULL;

    for (; len <= NEAREST_MAX && *candidates; candidates++) {
        size_t len_candidate = strlen(*candidates);
        size_t away = len_candidate <= NEAREST_MAX ? distance(word, *candidates) : best;

        /* All letters changed is no likeness. */
        if (away < best && away < len_candidate) {
            best = away;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* ---- the path of the setting that is being read ---- */

static size_t path_push(struct cfg_walk *walk, const char *name)
{
    size_t len = strlen(walk->path);

    (void)snprintf(walk->path + len, sizeof walk->path - len, "%s%s", len > 0 && *name != '[' ? "." : "",
                   name);
    return len;
}

static void path_pop(struct cfg_walk *walk, size_t len)
{
    walk->path[len] = '\0';
}

/* ---- groups ---- */

static void *field_at(void *base, const struct cfg_field *field)
{
    return (char *)base + field->offset;
}

static bool get_groups(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                       struct cfg_groups *to)
{
    size_t num = config_setting_is_list(setting) ? (size_t)config_setting_length(setting) : 0;

    if (!config_setting_is_list(setting)) {
        return cfg_fault(walk, setting, "`%s' must be %s, not %s", walk->path, cfg_type_text(field->type),
                         cfg_setting_text(setting));
    }
    to->list = xcalloc(num, field->size);
    for (; to->num < num; to->num++) {
        const config_setting_t *group = config_setting_get_elem(setting, (unsigned)to->num);
        char index[24];
        size_t mark;

        (void)snprintf(index, sizeof index, "[%zu]", to->num);
        mark = path_push(walk, index);
        if (config_setting_is_group(group)) {
            get_group(walk, field->fields, group, (char *)to->list + to->num * field->size);
        } else {
            (void)cfg_fault(walk, group, "`%s' must be %s, not %s", walk->path, cfg_type_text(CFG_GROUP),
                            cfg_setting_text(group));
        }
        path_pop(walk, mark);
    }
    return true;
}

static bool get_embedded(struct cfg_walk *walk, const struct cfg_field *field,
                         const config_setting_t *setting, void *to)
{
    if (!config_setting_is_group(setting)) {
        return cfg_fault(walk, setting, "`%s' must be %s, not %s", walk->path, cfg_type_text(field->type),
                         cfg_setting_text(setting));
    }
    get_group(walk, field->fields, setting, to);
    return true;
}

static bool get_field(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                      void *to)
{
    if (field->type == CFG_GROUP) {
        return get_embedded(walk, field, setting, to);
    }
    if (field->type == CFG_GROUPS) {
        return get_groups(walk, field, setting, to);
    }
    return cfg_value_get(walk, field, setting, to);
}

static const struct cfg_field *find_field(const struct cfg_field *fields, const char *name)
{
    for (; fields->name; fields++) {
        if (strcmp(fields->name, name) == 0) {
            return fields;
        }
    }
    return NULL;
}

#define NUM_NAMES 64

static void tell_unknown(struct cfg_walk *walk, const struct cfg_field *fields,
                         const config_setting_t *setting)
{
    const char *names[NUM_NAMES + 1] = {NULL}, *near;
    char known[500];
    size_t num = 0, len = 0;

    known[0] = '\0';
    for (; fields[num].name && num < NUM_NAMES; num++) {
        names[num] = fields[num].name;
        if (len < sizeof known) {
            int n = snprintf(known + len, sizeof known - len, "%s%s", num > 0 ? ", " : "", names[num]);
            len += n > 0 ? (size_t)n : 0;
        }
    }
    near = cfg_nearest(config_setting_name(setting), names);
    if (near) {
        (void)cfg_fault(walk, setting, "unknown setting `%s'; did you mean `%s'?", walk->path, near);
    } else {
        (void)cfg_fault(walk, setting, "unknown setting `%s'; known here: %s", walk->path, known);
    }
}

static void get_given(struct cfg_walk *walk, const struct cfg_field *fields, const config_setting_t *setting,
                      void *out)
{
    const struct cfg_field *field = find_field(fields, config_setting_name(setting));
    size_t mark = path_push(walk, config_setting_name(setting));
    const char *why = NULL;

    if (!field) {
        tell_unknown(walk, fields, setting);
    } else if (get_field(walk, field, setting, field_at(out, field)) && field->check) {
        why = field->check(field_at(out, field));
    }
    if (why) {
        (void)cfg_fault(walk, setting, "`%s': %s", walk->path, why);
    }
    path_pop(walk, mark);
}

/* ---- defaults, and what is missing ---- */

static enum rc read_tree(const struct cfg_scan *scan, config_t *tree, struct cfg_errors *errors)
{
    unsigned line;
    const char *name;

    if (config_read_string(tree, (const char *)scan->text.data)) {
        return RC_OK;
    }
    name = cfg_scan_where(scan, config_error_line(tree) > 0 ? (unsigned)config_error_line(tree) : 1, &line);
    cfg_errors_add(errors, "%s:%u: %s", name, line, config_error_text(tree));
    return RC_CONFIG;
}

/* A preset that can not be read is a fault of the table; it is told like one of the file, so that a test sees it. */
static void get_preset(struct cfg_walk *walk, const struct cfg_field *field, void *to)
{
    char *text = xasprintf("%s = %s;", field->name, field->preset);
    struct cfg_walk own = {.errors = walk->errors};
    struct cfg_scan scan;
    config_t tree;

    config_init(&tree);
    (void)snprintf(own.path, sizeof own.path, "%s", walk->path);
    own.scan = &scan;
    if (cfg_scan("(default)", text, &scan, walk->errors) == RC_OK &&
        read_tree(&scan, &tree, walk->errors) == RC_OK) {
        (void)get_field(&own, field, config_lookup(&tree, field->name), to);
    }
    config_destroy(&tree);
    cfg_scan_clear(&scan);
    free(text);
}

/* An absent group is an empty one: its fields have their defaults, and what it requires is missing. */
static void get_absent(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *group,
                       void *to)
{
    size_t mark = path_push(walk, field->name);

    if (field->required) {
        (void)cfg_fault(walk, group, "missing setting `%s'%s%s", walk->path, field->help ? ": " : "",
                        field->help ? field->help : "");
    } else if (field->preset) {
        get_preset(walk, field, to);
    } else if (field->type == CFG_GROUP) {
        for (const struct cfg_field *inner = field->fields; inner->name; inner++) {
            get_absent(walk, inner, group, field_at(to, inner));
        }
    }
    path_pop(walk, mark);
}

static void get_group(struct cfg_walk *walk, const struct cfg_field *fields, const config_setting_t *group,
                      void *out)
{
    int num = config_setting_length(group);

    for (int i = 0; i < num; i++) {
        get_given(walk, fields, config_setting_get_elem(group, (unsigned)i), out);
    }
    for (const struct cfg_field *field = fields; field->name; field++) {
        if (!config_setting_get_member(group, field->name)) {
            get_absent(walk, field, group, field_at(out, field));
        }
    }
}

/* ---- one setting beside the others ---- */

static void cross_group(struct cfg_walk *walk, const struct cfg_field *fields, const config_setting_t *group,
                        void *out);

static void cross_groups(struct cfg_walk *walk, const struct cfg_field *field,
                         const config_setting_t *setting, const struct cfg_groups *groups)
{
    for (size_t i = 0; i < groups->num; i++) {
        char index[24];
        size_t mark;

        (void)snprintf(index, sizeof index, "[%zu]", i);
        mark = path_push(walk, index);
        cross_group(walk, field->fields, config_setting_get_elem(setting, (unsigned)i),
                    (char *)groups->list + i * field->size);
        path_pop(walk, mark);
    }
}

static void cross_field(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                        void *to)
{
    const char *why = field->cross ? field->cross(walk->whole, to) : NULL;

    if (why) {
        (void)cfg_fault(walk, setting, "`%s': %s", walk->path, why);
    }
    if (field->type == CFG_GROUP) {
        cross_group(walk, field->fields, setting, to);
    } else if (field->type == CFG_GROUPS) {
        cross_groups(walk, field, setting, to);
    }
}

/* All of it has been read without a complaint: every setting is known, and has the type that it should have. */
static void cross_group(struct cfg_walk *walk, const struct cfg_field *fields, const config_setting_t *group,
                        void *out)
{
    int num = config_setting_length(group);

    for (int i = 0; i < num; i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const struct cfg_field *field = find_field(fields, config_setting_name(setting));
        size_t mark = path_push(walk, config_setting_name(setting));

        cross_field(walk, field, setting, field_at(out, field));
        path_pop(walk, mark);
    }
}

/* ---- entry points ---- */

enum rc cfg_parse(const char *name, const char *text, const struct cfg_field *fields, void *out,
                  struct cfg_errors *errors)
{
    struct cfg_scan scan;
    struct cfg_walk walk = {.scan = &scan, .errors = errors, .whole = out};
    size_t errors_before = errors->num;
    config_t tree;

    config_init(&tree);
    if (cfg_scan(name, text, &scan, errors) == RC_OK && read_tree(&scan, &tree, errors) == RC_OK) {
        get_group(&walk, fields, config_root_setting(&tree), out);
        if (errors->num == errors_before) {
            cross_group(&walk, fields, config_root_setting(&tree), out);
        }
    }
    config_destroy(&tree);
    cfg_scan_clear(&scan);
    return errors->num == errors_before ? RC_OK : RC_CONFIG;
}

/* The text of a file, with a NUL at its end. */
static enum rc read_file(const char *path, struct wbuf *out, struct cfg_errors *errors)
{
    enum rc rc = safefile_read(path, CFG_SCAN_MAX_FILE, out);

    if (rc != RC_OK) {
        cfg_errors_add(errors, "%s", safefile_error_text());
        return RC_IO;
    }
    if (out->len > 0 && memchr(out->data, '\0', out->len)) {
        cfg_errors_add(errors, "%s:1: this is not a text", path);
        return RC_CONFIG;
    }
    wbuf_put_u8(out, '\0');
    return wbuf_rc(out);
}

enum rc cfg_parse_file(const char *path, const struct cfg_field *fields, void *out, struct cfg_errors *errors)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, CFG_SCAN_MAX_FILE + 1);
    rc = read_file(path, &text, errors);
    if (rc == RC_OK) {
        rc = cfg_parse(path, (const char *)text.data, fields, out, errors);
    }
    wbuf_clear(&text);
    return rc;
}

char *cfg_read_text(const char *path, struct cfg_errors *errors)
{
    struct wbuf text;
    struct cfg_scan scan = {0};
    size_t errors_before = errors->num, len;
    char *whole = NULL;

    wbuf_init(&text, CFG_SCAN_MAX_FILE + 1);
    if (read_file(path, &text, errors) == RC_OK &&
        cfg_scan(path, (const char *)text.data, &scan, errors) == RC_OK && errors->num == errors_before) {
        whole = (char *)wbuf_take(&scan.text, &len);
    }
    cfg_scan_clear(&scan);
    wbuf_clear(&text);
    return whole;
}

static char *find_setting(const struct cfg_scan *scan, const char *setting)
{
    const config_setting_t *found;
    char *out = NULL;
    config_t tree;

    config_init(&tree);
    if (config_read_string(&tree, (const char *)scan->text.data) &&
        (found = config_lookup(&tree, setting)) != NULL) {
        unsigned line;
        const char *name = cfg_scan_where(scan, config_setting_source_line(found), &line);

        out = xasprintf("%s:%u", name, line);
    }
    config_destroy(&tree);
    return out;
}

char *cfg_where(const char *path, const char *setting)
{
    struct cfg_errors errors = {0};
    struct cfg_scan scan = {0};
    struct wbuf text;
    char *out = NULL;

    wbuf_init(&text, CFG_SCAN_MAX_FILE + 1);
    if (read_file(path, &text, &errors) == RC_OK &&
        cfg_scan(path, (const char *)text.data, &scan, &errors) == RC_OK) {
        out = find_setting(&scan, setting);
    }
    cfg_errors_clear(&errors);
    cfg_scan_clear(&scan);
    wbuf_clear(&text);
    return out ? out : xstrdup(path);
}

static void clear_groups(const struct cfg_field *field, struct cfg_groups *groups)
{
    for (size_t i = 0; i < groups->num; i++) {
        cfg_clear(field->fields, (char *)groups->list + i * field->size);
    }
    free(groups->list);
    *groups = (struct cfg_groups){0};
}

void cfg_clear(const struct cfg_field *fields, void *out)
{
    for (; fields->name; fields++) {
        void *to = field_at(out, fields);

        if (fields->type == CFG_GROUP) {
            cfg_clear(fields->fields, to);
        } else if (fields->type == CFG_GROUPS) {
            clear_groups(fields, to);
        } else {
            cfg_value_clear(fields, to);
        }
    }
}
