/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event on standard error, as logfmt text or JSON, with the journal's priority prefix where a journal
 * reads it. A jailed role opens no file; it only writes to the descriptor it was born with.
 */
#ifndef TSA_BASE_LOG_H
#define TSA_BASE_LOG_H

#include <stdbool.h>

#include "tsa/wire/rc.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};
enum log_form {
    LOG_FORM_TEXT,
    LOG_FORM_JSON
};

/* log_start names the program's part ("front"; NULL for none) and sets what is written. Call once, before threads. */
void log_start(const char *part, enum log_level level, enum log_form form);

/* One event each: a message for people. Never a secret, never more than 2,000 octets (cut). Control characters are escaped. Thread-safe: one write() per line. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* log_event writes an event whose values are named: pairs of (name, value) up to a NULL name; numbers as text. */
struct log_field {
    const char *name, *value;
};
void log_event(enum log_level level, const char *message, const struct log_field *fields);

/* log_access writes an event of the access log, which is switched on by itself: whatever level was set, told as "info". */
void log_access(const char *message, const struct log_field *fields);

/* log_die writes an error and exits with code (sysexits: 64 usage, 70 our fault, 78 configuration). Start-up only. */
void log_die(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
