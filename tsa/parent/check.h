/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be known to be wrong before a socket is bound: settings, certificates and their rules, keys, accounts, folders,
 * disk, clock. All findings are told at once. `tsa check` prints them; a start and a reload refuse on errors and log warnings.
 */
#ifndef TSA_PARENT_CHECK_H
#define TSA_PARENT_CHECK_H

#include "tsa/role/labtime.h"

struct check_report {
    struct cfg_errors errors, warnings, notes; /* one sentence each, with the file that it is about */
    bool settings_failed; /* the file itself could not be taken; nothing else was looked at */
    bool issues_nothing;  /* by what the clock's source has said; warnings tell why */
};

/* check_configuration reads the file at path into *settings and looks at everything that it names. Where thorough, private keys are read too, and the clock's
 * source is asked, which takes seconds. Certificates of units are judged as of lab_time, behind its fence (NULL: none). RC_CONFIG when there is an error. Free
 * both with settings_clear and check_report_clear, in any case. */
enum rc check_configuration(const char *path, const struct labtime *lab_time, bool thorough,
                            struct settings *settings, struct check_report *report) MUST_CHECK;
void check_report_clear(struct check_report *report);

#endif
