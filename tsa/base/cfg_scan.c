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
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"

#define END (-1)

struct place {
    size_t source, at;
};

struct names {
    struct bytes *list;
    size_t num;
};

struct scanner {
    struct cfg_scan *out;
    struct cfg_errors *errors;
    struct place open[CFG_SCAN_MAX_INCLUDES]; /* the files being read, the innermost last */
    size_t num_open;
    unsigned depth;
};

/* ---- complaints ---- */

static unsigned line_of(struct bytes text, size_t at, size_t *out_start)
{
    unsigned line = 1;

    *out_start = 0;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.data[i] == '\n') {
            line++;
            *out_start = i + 1;
        }
    }
    return line;
}

#define SHOWN_BEFORE 80 /* octets of a line before the caret */
#define SHOWN        110

/* The line as it is seen: no control characters; the caret's blanks follow its tabs and multi-byte characters. */
static void put_line_and_caret(struct wbuf *w, struct bytes line, size_t caret)
{
    size_t from, to;

    caret = caret < line.len ? caret : line.len;
    from = caret > SHOWN_BEFORE ? caret - SHOWN_BEFORE : 0;
    to = line.len - from > SHOWN ? from + SHOWN : line.len;

    wbuf_put_text(w, "\n    ");
    for (size_t i = from; i < to; i++) {
        wbuf_put_u8(w, line.data[i] == '\t' || (line.data[i] >= 0x20 && line.data[i] != 0x7f) ? line.data[i]
                                                                                              : '?');
    }
    wbuf_put_text(w, "\n    ");
    for (size_t i = from; i < caret; i++) {
        if ((line.data[i] & 0xc0) != 0x80) {
            wbuf_put_u8(w, line.data[i] == '\t' ? '\t' : ' ');
        }
    }
    wbuf_put_text(w, "^");
}

/* Always false, so that a parse reads `return fault(...)'. */
__attribute__((format(printf, 3, 4))) static bool fault(struct scanner *s, struct place place,
                                                        const char *format, ...)
{
    const struct cfg_scan_source *source = &s->out->sources[place.source];
    struct bytes text = wbuf_bytes(&source->text);
    size_t start, end;
    unsigned line = line_of(text, place.at, &start);
    char message[300];
    struct wbuf shown;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (end = start; end < text.len && text.data[end] != '\n'; end++) {
    }
    if (end > start && text.data[end - 1] == '\r') {
        end--;
    }
    wbuf_init(&shown, 4096);
    put_line_and_caret(&shown, bytes_slice(text, start, end - start, NULL), place.at - start);
    cfg_errors_add(s->errors, "%s:%u: %s%.*s", source->name, line, message, (int)shown.len,
                   (const char *)shown.data);
    wbuf_clear(&shown);
    return false;
}

/* ---- sources and the text for libconfig ---- */

static struct place here(const struct scanner *s)
{
    return s->open[s->num_open - 1];
}

/* What is left of the innermost file. */
static struct bytes rest(const struct scanner *s)
{
    struct place place = here(s);
    struct bytes text = wbuf_bytes(&s->out->sources[place.source].text);

    return bytes_slice(text, place.at, text.len - place.at, NULL);
}

static void advance(struct scanner *s, size_t len)
{
    s->open[s->num_open - 1].at += len;
}

/* Starts a line of text for libconfig that stands for the present place. */
static void start_line(struct scanner *s)
{
    struct cfg_scan *out = s->out;
    struct place place = here(s);
    size_t start;

    /* Grown by doubling: at each power of two. */
    if ((out->num_lines & (out->num_lines - 1)) == 0) {
        out->lines = xrealloc(out->lines, out->num_lines ? out->num_lines * 2 : 1, sizeof *out->lines);
    }
    if (out->num_lines > 0 && out->lines[out->num_lines - 1].source == place.source && place.at > 0 &&
        out->sources[place.source].text.data[place.at - 1] == '\n') {
        out->lines[out->num_lines] =
            (struct cfg_scan_line){place.source, out->lines[out->num_lines - 1].line + 1};
    } else {
        out->lines[out->num_lines] = (struct cfg_scan_line){
            place.source, line_of(wbuf_bytes(&out->sources[place.source].text), place.at, &start)};
    }
    if (out->num_lines++ > 0) {
        wbuf_put_u8(&out->text, '\n');
    }
}

static size_t add_source(struct cfg_scan *out, char *take_name)
{
    out->sources = xrealloc(out->sources, out->num_sources + 1, sizeof *out->sources);
    out->sources[out->num_sources] = (struct cfg_scan_source){.name = take_name};
    wbuf_init(&out->sources[out->num_sources].text, CFG_SCAN_MAX_FILE);
    return out->num_sources++;
}

static void open_source(struct scanner *s, size_t source)
{
    s->open[s->num_open++] = (struct place){.source = source, .at = 0};
    start_line(s);
}

/* The next octet; files that are read to their end are left, back to the one that includes them. */
static int peek(struct scanner *s)
{
    while (rest(s).len == 0) {
        if (s->num_open == 1) {
            return END;
        }
        s->num_open--;
        start_line(s);
    }
    return rest(s).data[0];
}

/* ---- what is passed over: blanks, comments, @include ---- */

static void skip_to_line_end(struct scanner *s)
{
    struct bytes r = rest(s);
    const uint8_t *end = memchr(r.data, '\n', r.len);

    advance(s, end ? (size_t)(end - r.data) : r.len);
}

static bool skip_comment(struct scanner *s)
{
    struct place start = here(s);
    struct bytes r = rest(s);
    const uint8_t *end = r.len >= 4 ? memmem(r.data + 2, r.len - 2, "*/", 2) : NULL;

    if (!end) {
        return fault(s, start, "this comment has no end");
    }
    for (const uint8_t *p = r.data; p < end; p++) {
        advance(s, 1);
        if (*p == '\n') {
            start_line(s);
        }
    }
    advance(s, 2);
    return true;
}

/* A relative name is meant from the folder of the first file, as libconfig's include folder is. */
static char *include_path(const struct scanner *s, struct bytes name)
{
    const char *first = s->out->sources[0].name;
    const char *slash = strrchr(first, '/');

    if (name.data[0] == '/' || !slash) {
        return xasprintf("%.*s", (int)name.len, (const char *)name.data);
    }
    return xasprintf("%.*s/%.*s", (int)(slash - first), first, (int)name.len, (const char *)name.data);
}

static bool include(struct scanner *s, struct place at, struct bytes name)
{
    size_t source;
    enum rc rc;

    if (s->num_open == CFG_SCAN_MAX_INCLUDES) {
        return fault(s, at, "more than %d files include each other", CFG_SCAN_MAX_INCLUDES);
    }
    source = add_source(s->out, include_path(s, name));
    rc = safefile_read(s->out->sources[source].name, CFG_SCAN_MAX_FILE, &s->out->sources[source].text);
    if (rc != RC_OK) {
        return fault(s, at, "%s", safefile_error_text());
    }
    if (memchr(s->out->sources[source].text.data, '\0', s->out->sources[source].text.len)) {
        return fault(s, at, "%s is not a text", s->out->sources[source].name);
    }
    open_source(s, source);
    return true;
}

/* @include "name", alone on its line. */
static bool skip_include(struct scanner *s)
{
    static const char word[] = "@include";
    struct place at = here(s);
    struct bytes r = rest(s), name;
    size_t i = strlen(word), start;

    if (!bytes_starts_with(r, bytes_str(word))) {
        return fault(s, at, "`@' can only begin an @include line");
    }
    while (i < r.len && (r.data[i] == ' ' || r.data[i] == '\t')) {
        i++;
    }
    start = i + 1;
    if (i >= r.len || r.data[i] != '"') {
        return fault(s, at, "@include takes a file name in quotes");
    }
    for (i = start; i < r.len && r.data[i] != '"' && r.data[i] != '\n'; i++) {
    }
    name = bytes_of(r.data + start, i - start);
    if (i >= r.len || r.data[i] != '"' || name.len == 0) {
        return fault(s, at, "@include takes a file name in quotes");
    }
    advance(s, i + 1);
    return include(s, at, name);
}

/* Up to the next octet that means something. */
static bool skip(struct scanner *s)
{
    for (;;) {
        int c = peek(s);
        struct bytes r = rest(s);

        if (c == '\n') {
            advance(s, 1);
            start_line(s);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
            advance(s, 1);
        } else if (c == '#' || bytes_starts_with(r, bytes_str("//"))) {
            skip_to_line_end(s);
        } else if (bytes_starts_with(r, bytes_str("/*"))) {
            if (!skip_comment(s)) {
                return false;
            }
        } else if (c == '@') {
            if (!skip_include(s)) {
                return false;
            }
        } else {
            return true;
        }
    }
}

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

static bool scan_number(struct scanner *s)
{
    struct bytes r = rest(s);
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
        return fault(s, here(s), "this is no number, or one too large (text stands in quotes)");
    }
    advance(s, len);
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

static bool scan_string(struct scanner *s)
{
    struct place start = here(s);
    struct bytes r = rest(s);
    size_t i = 1;

    while (i < r.len && r.data[i] != '"' && r.data[i] != '\n') {
        size_t len = r.data[i] == '\\' ? escape_len(bytes_of(r.data + i, r.len - i)) : 1;

        if (len == 0) {
            return fault(s, (struct place){start.source, start.at + i},
                         "unknown escape: \\\\ \\\" \\n \\r \\t \\f and \\x01 to \\xff are known (a "
                         "backslash is written \\\\)");
        }
        i += len;
    }
    if (i >= r.len || r.data[i] != '"') {
        return fault(s, start, "this string does not end on its line");
    }
    wbuf_put(&s->out->text, bytes_of(r.data, i + 1));
    advance(s, i + 1);
    return true;
}

/* Strings that follow each other are one; a line break in between is kept, for the line numbers. */
static bool scan_strings(struct scanner *s)
{
    do {
        if (!scan_string(s) || !skip(s)) {
            return false;
        }
    } while (peek(s) == '"');
    return true;
}

static bool scan_word(struct scanner *s)
{
    struct bytes r = rest(s);
    size_t len = span(r, is_name_char);
    const char *text = (const char *)r.data;

    if ((len == 4 && strncasecmp(text, "true", 4) == 0) || (len == 5 && strncasecmp(text, "false", 5) == 0)) {
        wbuf_put(&s->out->text, bytes_of(r.data, len));
        advance(s, len);
        return true;
    }
    return fault(s, here(s), "text stands in quotes: \"%.*s\"", (int)(len < 60 ? len : 60), text);
}

/* ---- structure ---- */

static bool scan_value(struct scanner *s);
static bool scan_settings(struct scanner *s, int closing, struct place opening);

static bool scan_group(struct scanner *s)
{
    struct place opening = here(s);

    advance(s, 1);
    wbuf_put_u8(&s->out->text, '{');
    if (!scan_settings(s, '}', opening)) {
        return false;
    }
    advance(s, 1);
    wbuf_put_u8(&s->out->text, '}');
    return true;
}

/* A list in round or an array in square brackets; no comma before the closing one. */
static bool scan_list(struct scanner *s)
{
    struct place opening = here(s);
    uint8_t open = rest(s).data[0], close = open == '(' ? ')' : ']';
    int c;

    for (bool first = true;; first = false) {
        wbuf_put_u8(&s->out->text, first ? open : ',');
        advance(s, 1);
        if (!skip(s)) {
            return false;
        }
        if (first && peek(s) == close) {
            break;
        }
        if (!scan_value(s) || !skip(s)) {
            return false;
        }
        c = peek(s);
        if (c == END) {
            return fault(s, opening, "this `%c' is not closed", open);
        }
        if (c == close) {
            break;
        }
        if (c != ',') {
            return fault(s, here(s), "expected `,' or `%c'", close);
        }
    }
    advance(s, 1);
    wbuf_put_u8(&s->out->text, close);
    return true;
}

static bool scan_nested(struct scanner *s, bool (*scan)(struct scanner *))
{
    bool good;

    if (s->depth == CFG_SCAN_MAX_DEPTH) {
        return fault(s, here(s), "nested deeper than %d", CFG_SCAN_MAX_DEPTH);
    }
    s->depth++;
    good = scan(s);
    s->depth--;
    return good;
}

static bool scan_value(struct scanner *s)
{
    int c = peek(s);

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
    if (c != END && is_number_char((uint8_t)c)) {
        return scan_number(s);
    }
    return fault(s, here(s), "expected a value here");
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

static bool scan_assignment(struct scanner *s)
{
    int c;

    if (!skip(s)) {
        return false;
    }
    c = peek(s);
    if (c != '=' && c != ':') {
        return fault(s, here(s), "expected `=' after the name");
    }
    advance(s, 1);
    wbuf_put_u8(&s->out->text, '=');
    if (!skip(s) || !scan_value(s) || !skip(s)) {
        return false;
    }
    c = peek(s);
    if (c == ';' || c == ',') {
        advance(s, 1);
    }
    wbuf_put_u8(&s->out->text, ';');
    return true;
}

static bool scan_setting(struct scanner *s, struct names *names)
{
    struct place at = here(s);
    struct bytes r = rest(s);
    struct bytes name = bytes_of(r.data, span(r, is_name_char));
    size_t from = s->out->text.len;
    bool repeated = knows(names, name);

    if (!is_name_start(r.data[0])) {
        return fault(s, at, "expected the name of a setting");
    }
    if (repeated) {
        (void)fault(s, at, "`%.*s' is set more than once here", (int)(name.len < 60 ? name.len : 60),
                    (const char *)name.data);
    } else {
        remember(names, name);
    }
    wbuf_put(&s->out->text, name);
    advance(s, name.len);
    if (!scan_assignment(s)) {
        return false;
    }
    if (repeated) {
        blank(&s->out->text, from);
    }
    return true;
}

/* Settings up to the closing octet, which is left to the caller. */
static bool scan_settings(struct scanner *s, int closing, struct place opening)
{
    struct names names = {0};
    bool good = true;
    int c = END;

    while (good && (good = skip(s)) && (c = peek(s)) != END && c != closing) {
        good = scan_setting(s, &names);
    }
    free(names.list);
    if (good && c != closing) {
        return fault(s, opening, "this `{' is not closed");
    }
    return good;
}

enum rc cfg_scan(const char *name, const char *text, struct cfg_scan *out, struct cfg_errors *errors)
{
    struct scanner s = {.out = out, .errors = errors};
    size_t source;

    *out = (struct cfg_scan){0};
    wbuf_init(&out->text, CFG_SCAN_MAX_TEXT);
    source = add_source(out, xstrdup(name));
    wbuf_put_text(&out->sources[source].text, text);
    if (wbuf_rc(&out->sources[source].text) != RC_OK) {
        cfg_errors_add(errors, "%s:1: %s", name, rc_text(RC_TOO_LARGE));
        return RC_CONFIG;
    }
    open_source(&s, source);
    if (!scan_settings(&s, END, here(&s))) {
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
