/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judgements as JSON: one object per file, one line each. Programs lean on its names: add some, change none.
 */
#ifndef TSCLIENT_REPORT_JSON_H
#define TSCLIENT_REPORT_JSON_H

#include <jansson.h>

#include "tsclient/judge/policy.h"

/* report_json_file makes the object of one file; verdict NULL is written as null (nothing was judged). NULL when out of memory. */
json_t *report_json_file(const struct subject *subject, const struct policy_file *file, const char *verdict);

/* report_json_catalog makes the object of a catalog's list, its members only where asked; null where the file is no catalog. */
json_t *report_json_catalog(const struct subject *subject, bool with_members);

/* report_json_stamp makes the object of one timestamp; null where there is none. */
json_t *report_json_stamp(const struct policy_stamp *stamp);
json_t *report_json_reasons(const struct reasons *reasons);

/* report_json_time makes ISO 8601 in UTC, or null. */
json_t *report_json_time(struct gentime time);

/* report_json_text makes a string of what may be no UTF-8. */
json_t *report_json_text(const char *text);

/* report_json_print prints one line on standard output and releases the object; false when it could not be made or written. */
bool report_json_print(json_t *object);

/* report_json_verdict gives "good", "warning" or "bad". */
const char *report_json_verdict(const struct reasons *reasons);

#endif
