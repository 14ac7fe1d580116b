/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading octet by octet through several files. Each line of the text for libconfig is remembered with the file and line that it came from.
 */
#include "tsa/base/cfg_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"

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

bool cfg_source_fault(struct cfg_reader *s, struct cfg_place place, const char *format, ...)
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

struct cfg_place cfg_source_here(const struct cfg_reader *s)
{
    return s->open[s->num_open - 1];
}

struct bytes cfg_source_rest(const struct cfg_reader *s)
{
    struct cfg_place place = cfg_source_here(s);
    struct bytes text = wbuf_bytes(&s->out->sources[place.source].text);

    return bytes_slice(text, place.at, text.len - place.at, NULL);
}

void cfg_source_advance(struct cfg_reader *s, size_t len)
{
    s->open[s->num_open - 1].at += len;
}

/* Starts a line of text for libconfig that stands for the present place. */
static void start_line(struct cfg_reader *s)
{
    struct cfg_scan *out = s->out;
    struct cfg_place place = cfg_source_here(s);
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

size_t cfg_source_add(struct cfg_scan *out, char *take_name)
{
    out->sources = xrealloc(out->sources, out->num_sources + 1, sizeof *out->sources);
    out->sources[out->num_sources] = (struct cfg_scan_source){.name = take_name};
    wbuf_init(&out->sources[out->num_sources].text, CFG_SCAN_MAX_FILE);
    return out->num_sources++;
}

void cfg_source_open(struct cfg_reader *s, size_t source)
{
    s->open[s->num_open++] = (struct cfg_place){.source = source, .at = 0};
    start_line(s);
}

int cfg_source_peek(struct cfg_reader *s)
{
    while (cfg_source_rest(s).len == 0) {
        if (s->num_open == 1) {
            return CFG_SOURCE_END;
        }
        s->num_open--;
        start_line(s);
    }
    return cfg_source_rest(s).data[0];
}

/* ---- what is passed over: blanks, comments, @include ---- */

static void skip_to_line_end(struct cfg_reader *s)
{
    struct bytes r = cfg_source_rest(s);
    const uint8_t *end = memchr(r.data, '\n', r.len);

    cfg_source_advance(s, end ? (size_t)(end - r.data) : r.len);
}

static bool skip_comment(struct cfg_reader *s)
{
    struct cfg_place start = cfg_source_here(s);
    struct bytes r = cfg_source_rest(s);
    const uint8_t *end = r.len >= 4 ? memmem(r.data + 2, r.len - 2, "*/", 2) : NULL;

    if (!end) {
        return cfg_source_fault(s, start, "this comment has no end");
    }
    for (const uint8_t *p = r.data; p < end; p++) {
        cfg_source_advance(s, 1);
        if (*p == '\n') {
            start_line(s);
        }
    }
    cfg_source_advance(s, 2);
    return true;
}

/* A relative name is meant from the folder of the first file, as libconfig's include folder is. */
static char *include_path(const struct cfg_reader *s, struct bytes name)
{
    const char *first = s->out->sources[0].name;
    const char *slash = strrchr(first, '/');

    if (name.data[0] == '/' || !slash) {
        return xasprintf("%.*s", (int)name.len, (const char *)name.data);
    }
    return xasprintf("%.*s/%.*s", (int)(slash - first), first, (int)name.len, (const char *)name.data);
}

static bool include(struct cfg_reader *s, struct cfg_place at, struct bytes name)
{
    size_t source;
    enum rc rc;

    if (s->num_open == CFG_SCAN_MAX_INCLUDES) {
        return cfg_source_fault(s, at, "more than %d files include each other", CFG_SCAN_MAX_INCLUDES);
    }
    source = cfg_source_add(s->out, include_path(s, name));
    rc = safefile_read(s->out->sources[source].name, CFG_SCAN_MAX_FILE, &s->out->sources[source].text);
    if (rc != RC_OK) {
        return cfg_source_fault(s, at, "%s", safefile_error_text());
    }
    if (memchr(s->out->sources[source].text.data, '\0', s->out->sources[source].text.len)) {
        return cfg_source_fault(s, at, "%s is not a text", s->out->sources[source].name);
    }
    cfg_source_open(s, source);
    return true;
}

/* @include "name", alone on its line. */
static bool skip_include(struct cfg_reader *s)
{
    static const char word[] = "@include";
    struct cfg_place at = cfg_source_here(s);
    struct bytes r = cfg_source_rest(s), name;
    size_t i = strlen(word), start;

    if (!bytes_starts_with(r, bytes_str(word))) {
        return cfg_source_fault(s, at, "`@' can only begin an @include line");
    }
    while (i < r.len && (r.data[i] == ' ' || r.data[i] == '\t')) {
        i++;
    }
    start = i + 1;
    if (i >= r.len || r.data[i] != '"') {
        return cfg_source_fault(s, at, "@include takes a file name in quotes");
    }
    for (i = start; i < r.len && r.data[i] != '"' && r.data[i] != '\n'; i++) {
    }
    name = bytes_of(r.data + start, i - start);
    if (i >= r.len || r.data[i] != '"' || name.len == 0) {
        return cfg_source_fault(s, at, "@include takes a file name in quotes");
    }
    cfg_source_advance(s, i + 1);
    return include(s, at, name);
}

bool cfg_source_skip(struct cfg_reader *s)
{
    for (;;) {
        int c = cfg_source_peek(s);
        struct bytes r = cfg_source_rest(s);

        if (c == '\n') {
            cfg_source_advance(s, 1);
            start_line(s);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
            cfg_source_advance(s, 1);
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
