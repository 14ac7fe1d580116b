/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time comes from, before it is relied on: settings that help nobody, what they name on this machine, and, where there is time to ask, the source
 * itself. Nothing of it is a proof: the clock role asks again, all the time.
 */
#ifndef TSA_PARENT_CHECK_CLOCK_H
#define TSA_PARENT_CHECK_CLOCK_H

#include "tsa/parent/check.h"

/* check_clock looks at settings and files. */
void check_clock(const struct settings *settings, struct check_report *report);

/* check_clock_ask resolves the names of servers and asks the source and them as the clock role does; takes up to some seconds. path is that of the
 * configuration. */
void check_clock_ask(const char *path, const struct settings *settings, struct check_report *report);

#endif
