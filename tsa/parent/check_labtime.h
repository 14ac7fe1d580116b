/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence around lab time, as it is looked at before anything is bound, and by `tsa lab` before anything is made. Every role looks again.
 */
#ifndef TSA_PARENT_CHECK_LABTIME_H
#define TSA_PARENT_CHECK_LABTIME_H

#include "tsa/parent/check.h"
#include "tsa/role/labtime.h"

/* check_labtime_unit adds the fence's sentence to the errors. False then. */
bool check_labtime_unit(const struct labtime *time, const struct unit *unit, struct check_report *report);

/* check_labtime_settings looks at what does not go together with it, and tells, as a note, what a start under this time means. Nothing for LABTIME_NONE. (The log has
 * its own warning.) */
void check_labtime_settings(const struct labtime *time, const struct settings *settings,
                            struct check_report *report);

/* check_labtime_chains looks at nothing but where the certificates of the units of a configuration come from: not at dates, which a renewal changes, and not at
 * what can not be read, which check_configuration tells. RC_LAB_TIME_CHAIN with errors. */
enum rc check_labtime_chains(const char *config, const struct labtime *time,
                             struct cfg_errors *errors) MUST_CHECK;

#endif
