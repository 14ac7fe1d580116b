/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a configuration as one stream of octets: @include, blanks and comments are dealt with here, and complaints that show the place. Private
 * to cfg_scan.
 */
#ifndef TSA_BASE_CFG_SOURCE_H
#define TSA_BASE_CFG_SOURCE_H

#include "tsa/base/cfg_scan.h"

#define CFG_SOURCE_END (-1)

struct cfg_place {
    size_t source, at;
};

struct cfg_reader {
    struct cfg_scan *out;
    struct cfg_errors *errors;
    struct cfg_place open[CFG_SCAN_MAX_INCLUDES]; /* the files being read, the innermost last */
    size_t num_open;
    unsigned depth;
};

/* cfg_source_add makes room for a file and takes its name; cfg_source_open starts to read it. */
size_t cfg_source_add(struct cfg_scan *out, char *take_name);
void cfg_source_open(struct cfg_reader *s, size_t source);

/* cfg_source_peek gives the next octet, CFG_SOURCE_END at the end of everything; files that are read to their end are left, back to the one that
 * includes them. cfg_source_rest gives what is left of the file at hand. */
int cfg_source_peek(struct cfg_reader *s);
struct bytes cfg_source_rest(const struct cfg_reader *s);
void cfg_source_advance(struct cfg_reader *s, size_t len);
struct cfg_place cfg_source_here(const struct cfg_reader *s);

/* cfg_source_skip goes on to the next octet that means something: past blanks and comments, into @include. False after a complaint. */
bool cfg_source_skip(struct cfg_reader *s);

/* cfg_source_fault tells what is wrong at a place, with its line and a caret. Always false, so that a parse reads `return cfg_source_fault(...)'. */
bool cfg_source_fault(struct cfg_reader *s, struct cfg_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
