/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration before libconfig reads it. libconfig 1.5 says "syntax error" and no more, stops at the first
 * repeated name, and silently wraps numbers beyond 31 bits, drops \x00 and takes a comment that never ends. So this reads the
 * same language a little stricter, tells what is wrong and where (with the line and a caret), and hands on a text that libconfig
 * can not misread: @include replaced by what it names, no comments, numbers as 64 bits, repeated settings told and blanked.
 */
#ifndef TSA_BASE_CFG_SCAN_H
#define TSA_BASE_CFG_SCAN_H

#include "tsa/base/cfg.h"
#include "tsa/wire/wbuf.h"

#define CFG_SCAN_MAX_FILE     (1u << 20) /* octets of one file */
#define CFG_SCAN_MAX_TEXT     (4u << 20) /* octets of all together */
#define CFG_SCAN_MAX_INCLUDES 10         /* files open at once, one including the other */
#define CFG_SCAN_MAX_DEPTH    32         /* groups and lists within each other */

struct cfg_scan_source {
    char *name;
    struct wbuf text;
};

struct cfg_scan_line {
    size_t source;
    unsigned line;
};

struct cfg_scan {
    struct cfg_scan_source *sources;
    size_t num_sources;
    struct wbuf text;            /* for libconfig, with a NUL at its end */
    struct cfg_scan_line *lines; /* where each line of text came from; lines[0] is line 1 */
    size_t num_lines;
};

/* cfg_scan reads text. RC_CONFIG with errors told: then text holds nothing to go on with. RC_OK may come with errors too (repeated
 * settings). Free with cfg_scan_clear in any case. */
enum rc cfg_scan(const char *name, const char *text, struct cfg_scan *out,
                 struct cfg_errors *errors) MUST_CHECK;
void cfg_scan_clear(struct cfg_scan *scan);

/* cfg_scan_where gives file and line behind a line of text (1 and up; 0 is taken as 1). The name lives as long as scan. */
const char *cfg_scan_where(const struct cfg_scan *scan, unsigned line, unsigned *out_line);

#endif
