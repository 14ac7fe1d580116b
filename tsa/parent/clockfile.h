/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a clock service, as an authority opens it: to be read. Who may write it decides how wrong the clock can be, so it must be a clock file, of an
 * account that is trusted with that, and of nobody beside it.
 */
#ifndef TSA_PARENT_CLOCKFILE_H
#define TSA_PARENT_CLOCKFILE_H

#include "tsa/role/settings.h"

#define CLOCKFILE_WHY_MAX 400

/* clockfile_open gives a descriptor of clock.file, or -1, and says why. Nobody need be writing it: that shows in what it says. */
int clockfile_open(const struct settings *settings, char why[CLOCKFILE_WHY_MAX]);

#endif
