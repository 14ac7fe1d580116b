/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of a running authority for people: the lines of `tsa status` and `tsa clock status`, out of the JSON that the authority answers.
 */
#ifndef TSA_CMD_CLOCK_TEXT_H
#define TSA_CMD_CLOCK_TEXT_H

#include <stdbool.h>

#include <jansson.h>

/* clock_text_short prints what `tsa status` says of a clock: how it is, and, where that is not in order, why and what can be done. run_dir names the authority
 * in a command to type. */
void clock_text_short(const json_t *clock, const char *run_dir);

/* clock_text_issues tells whether tokens are issued by that clock. */
bool clock_text_issues(const json_t *clock);

/* clock_text_long prints all that is known. */
void clock_text_long(const json_t *clock, const char *run_dir);

#endif
