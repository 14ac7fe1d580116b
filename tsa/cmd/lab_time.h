/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two options that ask for fenced lab time, of `tsa lab` and `tsa check` alone. Neither a setting nor the environment can.
 */
#ifndef TSA_CMD_LAB_TIME_H
#define TSA_CMD_LAB_TIME_H

#include "tsa/cmd/cmd.h"
#include "tsa/role/labtime.h"

struct lab_time_options {
    const char *at, *shift; /* NULL: not given */
};

/* Two rows of a table of options; field is the struct above in a struct holder. */
#define LAB_TIME_OPTIONS(holder, field)                                                                      \
    {.name = "at",                                                                                           \
     .type = CMD_TEXT,                                                                                       \
     .offset = offsetof(holder, field.at),                                                                   \
     .argument = "TIME",                                                                                     \
     .help = "lab time: the clock stands still at 2031-02-03T04:05:06Z; only for chains that tsa lab made"}, \
    {                                                                                                        \
        .name = "shift", .type = CMD_TEXT, .offset = offsetof(holder, field.shift), .argument = "DURATION",  \
        .help = "lab time: the clock runs, +400d ahead or -2h behind; only for chains that tsa lab made"     \
    }

/* lab_time_read: LABTIME_NONE where none is given. False after a complaint of that command. */
bool lab_time_read(const struct lab_time_options *options, const char *command, struct labtime *out);

#endif
