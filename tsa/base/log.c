/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event, one line, one write() of at most 4,096 octets: pipes keep such writes whole, so lines of several processes on
 * one descriptor do not mix. What comes from outside can neither forge a line nor reach a terminal as a control sequence:
 * control characters and octets that are no UTF-8 are escaped. A line that can not be written is lost: logging never stops
 * the work.
 */
#include "tsa/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsa/base/now.h"

#define LINE_SIZE    4096 /* PIPE_BUF of Linux */
#define LINE_RESERVE 8    /* for what closes a line: quote, brace, newline */
#define MESSAGE_SIZE 2001

struct line {
    char text[LINE_SIZE];
    size_t len;
    bool full;
};

static const struct {
    const char *name;
    int priority; /* syslog's, as sd-daemon(3) puts it before a line */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},   [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static struct {
    char part[32];
    enum log_level level;
    enum log_form form;
    bool journal;
} state = {.level = LOG_LEVEL_INFO};

/* systemd names the journal's socket by device and inode, so that a redirected stderr is not taken for it. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(own, stream) == 0;
}

void log_start(const char *part, enum log_level level, enum log_form form)
{
    (void)snprintf(state.part, sizeof state.part, "%s", part ? part : "");
    state.level = level;
    state.form = form;
    state.journal = stderr_is_journal();
}

/* Appends whole or not at all, so that no escape is cut in two; after the first that does not fit nothing is appended. */
static void put(struct line *line, const char *text, size_t len)
{
    if (line->full || line->len + len > LINE_SIZE - LINE_RESERVE) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* The closing characters come from the reserve and always fit. */
static void put_closing(struct line *line, char c)
{
    line->text[line->len++] = c;
}

/* Line and paragraph separators, and what turns the direction of text around: a line must not look like another one. */
static bool is_deceptive(const unsigned char *p)
{
    return p[0] == 0xe2 &&
           ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

/* The octets of the well-formed UTF-8 character at the front (RFC 3629), 0 when there is none or it must not be shown as it is. */
static size_t printable_len(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len == 1) {
        return p[0] >= 0x20 && p[0] != 0x7f;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return is_deceptive(p) ? 0 : len;
}

static size_t put_character(struct line *line, const unsigned char *p)
{
    const char *short_escape = p[0] == '"' ? "\\\"" : p[0] == '\\' ? "\\\\" : p[0] == '\n' ? "\\n" : NULL;
    size_t len = printable_len(p);
    char escape[8];

    if (short_escape) {
        put_text(line, short_escape);
        return 1;
    }
    if (len > 0) {
        put(line, (const char *)p, len);
        return len;
    }
    /* JSON has no \x; an octet that is no character is shown as the character of that number. */
    (void)snprintf(escape, sizeof escape, state.form == LOG_FORM_JSON ? "\\u%04x" : "\\x%02x", p[0]);
    put_text(line, escape);
    return 1;
}

static void put_quoted(struct line *line, const char *value)
{
    const unsigned char *p = (const unsigned char *)value;

    put_text(line, "\"");
    if (line->full) {
        return;
    }
    while (*p && !line->full) {
        p += put_character(line, p);
    }
    put_closing(line, '"');
}

/* logfmt leaves plain words bare. */
static bool is_bare(const char *value)
{
    return *value && !value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                          "-._:/+,@%[]")];
}

static void put_pair(struct line *line, const char *name, const char *value)
{
    bool json = state.form == LOG_FORM_JSON;

    if (line->len + strlen(name) + 16 > LINE_SIZE - LINE_RESERVE) {
        line->full = true;
    }
    if (line->full) {
        return;
    }
    if (json) {
        put_text(line, line->text[line->len - 1] == '{' ? "" : ",");
        put_quoted(line, name);
        put_text(line, ":");
    } else {
        put_text(line, line->len == 0 || line->text[line->len - 1] == '>' ? "" : " ");
        put_text(line, name);
        put_text(line, "=");
    }
    if (json || !is_bare(value)) {
        put_quoted(line, value);
    } else {
        put_text(line, value);
    }
}

/* Milliseconds in three digits always, so that the columns of a log stand. */
static void put_time(struct line *line)
{
    const struct gentime now = gentime_round(now_machine(), 3);
    char seconds[GENTIME_TEXT_MAX], time[GENTIME_TEXT_MAX + 8];
    size_t len;

    if (gentime_build_iso((struct gentime){.sec = now.sec}, seconds, &len) == RC_OK) {
        (void)snprintf(time, sizeof time, "%.*s.%03uZ", (int)len - 1, seconds, now.nsec / 1000000);
        put_pair(line, "time", time);
    }
}

static void put_head(struct line *line, enum log_level level)
{
    if (state.journal) {
        (void)snprintf(line->text, sizeof line->text, "<%d>", levels[level].priority);
        line->len = strlen(line->text);
    }
    if (state.form == LOG_FORM_JSON) {
        put_text(line, "{");
    }
    /* The journal has its own time. */
    if (!state.journal) {
        put_time(line);
    }
    put_pair(line, "level", levels[level].name);
    if (state.part[0]) {
        put_pair(line, "part", state.part);
    }
}

static void write_line(const struct line *line)
{
    size_t done = 0;

    while (done < line->len) {
        ssize_t n = write(STDERR_FILENO, line->text + done, line->len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        done += (size_t)n;
    }
}

static void write_event(enum log_level level, const char *message, const struct log_field *fields)
{
    int saved = errno;
    struct line line = {.len = 0};

    put_head(&line, level);
    put_pair(&line, "msg", message);
    for (; fields && fields->name; fields++) {
        put_pair(&line, fields->name, fields->value ? fields->value : "");
    }
    if (state.form == LOG_FORM_JSON) {
        put_closing(&line, '}');
    }
    put_closing(&line, '\n');
    write_line(&line);
    errno = saved;
}

void log_event(enum log_level level, const char *message, const struct log_field *fields)
{
    if (level <= state.level) {
        write_event(level, message, fields);
    }
}

void log_access(const char *message, const struct log_field *fields)
{
    write_event(LOG_LEVEL_INFO, message, fields);
}

/* Drops a character that the cut has left incomplete, and says that something is missing. */
static void mark_cut(char message[MESSAGE_SIZE])
{
    size_t len = MESSAGE_SIZE - 1 - strlen("...");

    while (len > 0 && ((unsigned char)message[len] & 0xc0) == 0x80) {
        len--;
    }
    memcpy(message + len, "...", sizeof "...");
}

__attribute__((format(printf, 2, 0))) static void log_vprint(enum log_level level, const char *format,
                                                             va_list args)
{
    char message[MESSAGE_SIZE];
    int saved = errno, len;

    if (level > state.level) {
        return;
    }
    len = vsnprintf(message, sizeof message, format, args);
    if (len < 0) {
        return;
    }
    if (len >= MESSAGE_SIZE) {
        mark_cut(message);
    }
    log_event(level, message, NULL);
    errno = saved;
}

/* One body for the five entries: they differ in the level alone. */
#define LOG_ENTRY(name, level)                                                                               \
    void name(const char *format, ...)                                                                       \
    {                                                                                                        \
        va_list args;                                                                                        \
                                                                                                             \
        va_start(args, format);                                                                              \
        log_vprint(level, format, args);                                                                     \
        va_end(args);                                                                                        \
    }

LOG_ENTRY(log_error, LOG_LEVEL_ERROR)
LOG_ENTRY(log_warning, LOG_LEVEL_WARNING)
LOG_ENTRY(log_notice, LOG_LEVEL_NOTICE)
LOG_ENTRY(log_info, LOG_LEVEL_INFO)
LOG_ENTRY(log_debug, LOG_LEVEL_DEBUG)

void log_die(int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vprint(LOG_LEVEL_ERROR, format, args);
    va_end(args);
    exit(code);
}
