/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over the language of libconfig 1.5. It decides about form only: whether a name is known and a value fits
 * is cfg's work. Stricter than libconfig where leniency hides a slip: a string ends on its line, an escape is a known one, a
 * comment ends, a number fits into 64 bits.
 */
#include "tsa/base/cfg_scan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/cfg_source.h"
#include "tsa/base/mem.h"

struct names {
    struct bytes *list;
    size_t num;
};

/* ---- scalars ---- */

static size_t span(struct bytes r, bool (*belongs)(uint8_t))
{
    size_t len = 0;

    while (len < r.len && belongs(r.data[len])) {
        len++;
    }
    return len;
}

static bool is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool is_name_char(uint8_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_number_char(uint8_t c)
{
    return is_name_char(c) || c == '+' || c == '.';
}

static bool scan_integer(const char *text, int64_t *out)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text + (*text == '-' || *text == '+');
    char *end;

    errno = 0;
    *out = strtoll(hex ? digits : text, &end, hex ? 16 : 10);
    if (!isxdigit((unsigned char)*digits) || end == digits || errno == ERANGE) {
        return false;
    }
    return strcmp(end, "") == 0 || strcmp(end, "L") == 0 || strcmp(end, "LL") == 0;
}

/* libconfig's form of a floating-point number: a point or an exponent, at least one digit. */
static bool scan_float(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789"), fraction = 0;

    p += whole;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        if (!strspn(p, "0123456789")) {
            return false;
        }
        p += strspn(p, "0123456789");
    }
    return *p == '\0' && isfinite(strtod(text, NULL));
}

static bool scan_number(struct cfg_reader *s)
{
    struct bytes r = cfg_source_rest(s);
    size_t len = span(r, is_number_char);
    char text[64] = "";
    int64_t value;

    if (len < sizeof text) {
        memcpy(text, r.data, len);
        text[len] = '\0';
    }
    if (scan_integer(text, &value)) {
        wbuf_printf(&s->out->text, "%" PRId64 "L", value);
    } else if (strpbrk(text, ".eE") && scan_float(text)) {
        wbuf_put_text(&s->out->text, text);
    } else {
        return cfg_source_fault(s, cfg_source_here(s),
                                "this is no number, or one too large (text stands in quotes)");
    }
    cfg_source_advance(s, len);
    return true;
}

/* The octets of the escape at the front, 0 when it is none that is known. */
static size_t escape_len(struct bytes r)
{
    if (r.len >= 2 && r.data[1] && strchr("\\\"nrtf", r.data[1])) {
        return 2;
    }
    if (r.len >= 4 && r.data[1] == 'x' && isxdigit(r.data[2]) && isxdigit(r.data[3]) &&
        (r.data[2] != '0' || r.data[3] != '0')) {
        return 4;
    }
    return 0;
}

static bool scan_string(struct cfg_reader *s)
{
    struct cfg_place start = cfg_source_here(s);
    struct bytes r = cfg_source_rest(s);
    size_t i = 1;

    while (i < r.len && r.data[i] != '"' && r.data[i] != '\n') {
        size_t len = r.data[i] == '\\' ? escape_len(bytes_of(r.data + i, r.len - i)) : 1;

        if (len == 0) {
            return cfg_source_fault(
                s, (struct cfg_place){start.source, start.at + i},
                "unknown escape: \\\\ \\\" \\n \\r \\t \\f and \\x01 to \\xff are known (a "
                "backslash is written \\\\)");
        }
        i += len;
    }
    if (i >= r.len || r.data[i] != '"') {
        return cfg_source_fault(s, start, "this string does not end on its line");
    }
    wbuf_put(&s->out->text, bytes_of(r.data, i + 1));
    cfg_source_advance(s, i + 1);
    return true;
}

/* Strings that follow each other are one; a line break in between is kept, for the line numbers. */
static bool scan_strings(struct cfg_reader *s)
{
    do {
        if (!scan_string(s) || !cfg_source_skip(s)) {
            return false;
        }
    } while (cfg_source_peek(s) == '"');
    return true;
}

static bool scan_word(struct cfg_reader *s)
{
    struct bytes r = cfg_source_rest(s);
    size_t len = span(r, is_name_char);
    const char *text = (const char *)r.data;

    if ((len == 4 && strncasecmp(text, "true", 4) == 0) || (len == 5 && strncasecmp(text, "false", 5) == 0)) {
        wbuf_put(&s->out->text, bytes_of(r.data, len));
        cfg_source_advance(s, len);
        return true;
    }
    return cfg_source_fault(s, cfg_source_here(s), "text stands in quotes: \"%.*s\"",
                            (int)(len < 60 ? len : 60), text);
}

/* ---- structure ---- */

static bool scan_value(struct cfg_reader *s);
static bool scan_settings(struct cfg_reader *s, int closing, struct cfg_place opening);

static bool scan_group(struct cfg_reader *s)
{
    struct cfg_place opening = cfg_source_here(s);

    cfg_source_advance(s, 1);
    wbuf_put_u8(&s->out->text, '{');
    if (!scan_settings(s, '}', opening)) {
        return false;
    }
    cfg_source_advance(s, 1);
    wbuf_put_u8(&s->out->text, '}');
    return true;
}

/* A list in round or an array in square brackets; no comma before the closing one. */
static bool scan_list(struct cfg_reader *s)
{
    struct cfg_place opening = cfg_source_here(s);
    uint8_t open = cfg_source_rest(s).data[0], close = open == '(' ? ')' : ']';
    int c;

    for (bool first = true;; first = false) {
        wbuf_put_u8(&s->out->text, first ? open : ',');
        cfg_source_advance(s, 1);
        if (!cfg_source_skip(s)) {
            return false;
        }
        if (first && cfg_source_peek(s) == close) {
            break;
        }
        if (!scan_value(s) || !cfg_source_skip(s)) {
            return false;
        }
        c = cfg_source_peek(s);
        if (c == CFG_SOURCE_END) {
            return cfg_source_fault(s, opening, "this `%c' is not closed", open);
        }
        if (c == close) {
            break;
        }
        if (c != ',') {
            return cfg_source_fault(s, cfg_source_here(s), "expected `,' or `%c'", close);
        }
    }
    cfg_source_advance(s, 1);
    wbuf_put_u8(&s->out->text, close);
    return true;
}

static bool scan_nested(struct cfg_reader *s, bool (*scan)(struct cfg_reader *))
{
    bool good;

    if (s->depth == CFG_SCAN_MAX_DEPTH) {
        return cfg_source_fault(s, cfg_source_here(s), "nested deeper than %d", CFG_SCAN_MAX_DEPTH);
    }
    s->depth++;
    good = scan(s);
    s->depth--;
    return good;
}

static bool scan_value(struct cfg_reader *s)
{
    int c = cfg_source_peek(s);

    if (c == '"') {
        return scan_strings(s);
    }
    if (c == '{') {
        return scan_nested(s, scan_group);
    }
    if (c == '(' || c == '[') {
        return scan_nested(s, scan_list);
    }
    if (is_name_start(c)) {
        return scan_word(s);
    }
    if (c != CFG_SOURCE_END && is_number_char((uint8_t)c)) {
        return scan_number(s);
    }
    return cfg_source_fault(s, cfg_source_here(s), "expected a value here");
}

static bool knows(const struct names *names, struct bytes name)
{
    for (size_t i = 0; i < names->num; i++) {
        if (bytes_equal(names->list[i], name)) {
            return true;
        }
    }
    return false;
}

static void remember(struct names *names, struct bytes name)
{
    if ((names->num & (names->num - 1)) == 0) {
        names->list = xrealloc(names->list, names->num ? names->num * 2 : 1, sizeof *names->list);
    }
    names->list[names->num++] = name;
}

/* Takes a repeated setting out of libconfig's sight, keeping the lines. */
static void blank(struct wbuf *text, size_t from)
{
    for (size_t i = from; i < text->len; i++) {
        text->data[i] = text->data[i] == '\n' ? '\n' : ' ';
    }
}

static bool scan_assignment(struct cfg_reader *s)
{
    int c;

    if (!cfg_source_skip(s)) {
        return false;
    }
    c = cfg_source_peek(s);
    if (c != '=' && c != ':') {
        return cfg_source_fault(s, cfg_source_here(s), "expected `=' after the name");
    }
    cfg_source_advance(s, 1);
    wbuf_put_u8(&s->out->text, '=');
    if (!cfg_source_skip(s) || !scan_value(s) || !cfg_source_skip(s)) {
        return false;
    }
    c = cfg_source_peek(s);
    if (c == ';' || c == ',') {
        cfg_source_advance(s, 1);
    }
    wbuf_put_u8(&s->out->text, ';');
    return true;
}

static bool scan_setting(struct cfg_reader *s, struct names *names)
{
    struct cfg_place at = cfg_source_here(s);
    struct bytes r = cfg_source_rest(s);
    struct bytes name = bytes_of(r.data, span(r, is_name_char));
    size_t from = s->out->text.len;
    bool repeated = knows(names, name);

    if (!is_name_start(r.data[0])) {
        return cfg_source_fault(s, at, "expected the name of a setting");
    }
    if (repeated) {
        (void)cfg_source_fault(s, at, "`%.*s' is set more than once here",
                               (int)(name.len < 60 ? name.len : 60), (const char *)name.data);
    } else {
        remember(names, name);
    }
    wbuf_put(&s->out->text, name);
    cfg_source_advance(s, name.len);
    if (!scan_assignment(s)) {
        return false;
    }
    if (repeated) {
        blank(&s->out->text, from);
    }
    return true;
}

/* Settings up to the closing octet, which is left to the caller. */
static bool scan_settings(struct cfg_reader *s, int closing, struct cfg_place opening)
{
    struct names names = {0};
    bool good = true;
    int c = CFG_SOURCE_END;

    while (good && (good = cfg_source_skip(s)) && (c = cfg_source_peek(s)) != CFG_SOURCE_END &&
           c != closing) {
        good = scan_setting(s, &names);
    }
    free(names.list);
    if (good && c != closing) {
        return cfg_source_fault(s, opening, "this `{' is not closed");
    }
    return good;
}

enum rc cfg_scan(const char *name, const char *text, struct cfg_scan *out, struct cfg_errors *errors)
{
    struct cfg_reader s = {.out = out, .errors = errors};
    size_t source;

    *out = (struct cfg_scan){0};
    wbuf_init(&out->text, CFG_SCAN_MAX_TEXT);
    source = cfg_source_add(out, xstrdup(name));
    wbuf_put_text(&out->sources[source].text, text);
    if (wbuf_rc(&out->sources[source].text) != RC_OK) {
        cfg_errors_add(errors, "%s:1: %s", name, rc_text(RC_TOO_LARGE));
        return RC_CONFIG;
    }
    cfg_source_open(&s, source);
    if (!scan_settings(&s, CFG_SOURCE_END, cfg_source_here(&s))) {
        return RC_CONFIG;
    }
    wbuf_put_u8(&out->text, '\n');
    wbuf_put_u8(&out->text, '\0');
    if (wbuf_rc(&out->text) != RC_OK) {
        cfg_errors_add(errors, "%s:1: %s", name, rc_text(RC_TOO_LARGE));
        return RC_CONFIG;
    }
    return RC_OK;
}

void cfg_scan_clear(struct cfg_scan *scan)
{
    for (size_t i = 0; i < scan->num_sources; i++) {
        free(scan->sources[i].name);
        wbuf_clear(&scan->sources[i].text);
    }
    free(scan->sources);
    free(scan->lines);
    wbuf_clear(&scan->text);
    *scan = (struct cfg_scan){0};
}

const char *cfg_scan_where(const struct cfg_scan *scan, unsigned line, unsigned *out_line)
{
    size_t index = line > 0 ? line - 1 : 0;
    struct cfg_scan_line *found = &scan->lines[index < scan->num_lines ? index : scan->num_lines - 1];

    *out_line = found->line;
    return scan->sources[found->source].name;
}
