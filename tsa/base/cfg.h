/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict schema over libconfig: one table says every key, its type, range, default and help. Unknown or mistyped settings are
 * errors with file, line and the nearest known name, and all of them are told at once. The same table prints the reference.
 */
#ifndef TSA_BASE_CFG_H
#define TSA_BASE_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tsa/wire/rc.h"

enum cfg_type {
    CFG_BOOL,     /* bool */
    CFG_INT,      /* int64_t, min..max */
    CFG_SIZE,     /* int64_t octets, number or "16 KiB" */
    CFG_DURATION, /* int64_t nanoseconds, number of seconds or "5 s", "10 min", "250 ms", "30 d" */
    CFG_STRING,   /* char *, owned */
    CFG_WORD,     /* int: index into words */
    CFG_STRINGS,  /* struct cfg_strings: list or array of strings, or one string */
    CFG_WORDS,    /* unsigned: bit set of indices into words; list, array or one string */
    CFG_GROUP,    /* a struct embedded at offset, described by fields */
    CFG_GROUPS, /* struct cfg_groups: a list of groups, each an element of size `size` described by fields */
};

struct cfg_strings {
    char **list;
    size_t num;
};

struct cfg_groups {
    void *list; /* num elements of the field's size, zeroed then filled */
    size_t num;
};

struct cfg_field {
    const char *name;
    enum cfg_type type;
    size_t offset;      /* in the struct that the table describes */
    const char *preset; /* the default as it would be written in the file; NULL = none (zero) */
    bool required;
    int64_t min, max; /* CFG_INT, CFG_SIZE, CFG_DURATION; both 0 = any (not negative for the last two) */
    const char *const *words;       /* CFG_WORD, CFG_WORDS: NULL-terminated */
    const struct cfg_field *fields; /* CFG_GROUP, CFG_GROUPS: table up to a NULL name */
    size_t size;                    /* CFG_GROUPS: of one element */
    const char *help;               /* one sentence for the reference and conf/tsa.conf */
    const char *(*check)(
        const void
            *value); /* optional: NULL = good, else a static sentence why not (value: pointer to the field) */
    const char *(*cross)(
        const void *whole,
        const void *
            value); /* optional: the same beside everything else (whole: the struct of the outermost table), asked of what
                                                the file has when all of it is good by itself */
};

struct cfg_errors {
    char **list; /* "tsa.conf:12: unknown setting `listem'; did you mean `listen'?" */
    size_t num;
};

/* cfg_parse reads text (name stands in messages; @include is resolved against the folder of name) into out, a zeroed struct, by the
 * table; defaults first. RC_CONFIG with every error listed. Free out with cfg_clear, errors with cfg_errors_clear, in any case. */
enum rc cfg_parse(const char *name, const char *text, const struct cfg_field *fields, void *out,
                  struct cfg_errors *errors) MUST_CHECK;

/* cfg_parse_file the same from a file. RC_IO with a message among the errors. */
enum rc cfg_parse_file(const char *path, const struct cfg_field *fields, void *out,
                       struct cfg_errors *errors) MUST_CHECK;

/* cfg_read_text gives the file as one text that means the same: @include replaced by what it names, comments gone, form checked. Heap,
 * NUL-terminated; NULL with errors. What needs no file access can parse it later by cfg_parse. */
char *cfg_read_text(const char *path, struct cfg_errors *errors);

void cfg_clear(const struct cfg_field *fields, void *out);

/* cfg_where tells where a setting ("clock.servers") stands, "tsa.conf:12", for complaints about what it names; the file alone where it stands nowhere, or
 * can not be read. Heap. */
char *cfg_where(const char *path, const char *setting);

void cfg_errors_add(struct cfg_errors *errors, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cfg_errors_clear(struct cfg_errors *errors);

/* cfg_errors_tell gives each of them to tell, such as log_error. */
void cfg_errors_tell(const struct cfg_errors *errors, void (*tell)(const char *format, ...));

/* cfg_nearest returns the candidate nearest to word by edit distance, NULL when none is near (also for command lines). candidates: NULL-terminated. */
const char *cfg_nearest(const char *word, const char *const *candidates);

/* cfg_parse_duration reads "5 s", "10 min", "250 ms", "+400d", "1.5"; nanoseconds. RC_CONFIG. */
enum rc cfg_parse_duration(const char *text, int64_t *out_ns) MUST_CHECK;

#endif
