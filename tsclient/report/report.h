/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judgements as text, in signtool's words and layout, with times in UTC. What comes out of files and certificates is printed
 * with its control characters replaced.
 */
#ifndef TSCLIENT_REPORT_H
#define TSCLIENT_REPORT_H

#include <stdio.h>

#include "tsclient/judge/policy.h"

/* report_safe replaces, in place, what a terminal would obey: control characters (C0, DEL, C1) and the marks that end a line or turn the
 * direction of writing. Other UTF-8 stays. Returns text. */
char *report_safe(char *text);

/* report_path copies the name of a file, made safe in that way, cut to what fits; returns out. The real name opens the file, this one is
 * printed. */
#define REPORT_PATH_MAX 4200
char *report_path(const char *path, char out[REPORT_PATH_MAX]);

/* report_time writes "Mon Jan 27 14:48:55 2014" (UTC); returns out. */
#define REPORT_TIME_MAX 40
char *report_time(struct gentime time, char out[REPORT_TIME_MAX]);

/* report_chain prints the certificates in signtool's blocks, root first. */
void report_chain(FILE *out, const struct bytes *certs, size_t num);

/* report_file prints the long form: hash, chains, timestamps of every signature. */
void report_file(FILE *out, const struct subject *subject, const struct policy_file *file);

/* report_hash prints "Hash of file (sha256): HEX". */
void report_hash(FILE *out, enum digest alg, struct bytes digest);

/* report_signatures prints the part of it behind the name: hash, chains and timestamp of each signature. */
void report_signatures(FILE *out, const struct policy_file *file);

/* report_severity gives "note", "warning", "error". */
const char *report_severity(enum severity severity);

/* report_verified prints "Successfully verified: PATH". */
void report_verified(FILE *out, const char *path);

/* report_reasons prints one line for each reason of at least that severity, with what is known of its cause. */
void report_reasons(FILE *out, const struct subject *subject, const struct policy_file *file,
                    enum severity least);

/* report_show prints what is there, judging nothing. */
void report_show(FILE *out, const struct subject *subject, const struct policy_file *file);

/* report_kind_name gives "authenticode" or "rfc3161"; report_stamp_name the same for people. */
const char *report_kind_name(enum spc_stamp_kind kind);
const char *report_stamp_name(enum spc_stamp_kind kind);

/* Counts of files for the last lines, and what they mean. */
struct report_counts {
    size_t good, warnings, errors;
};
void report_counts(FILE *out, const char *done, const struct report_counts *counts);

#endif
