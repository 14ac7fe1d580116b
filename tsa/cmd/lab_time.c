/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written is taken whole or refused with an example: a time that is misread would be believed.
 */
#include "tsa/cmd/lab_time.h"

#include <stdio.h>

static bool is_zero(const char *shift)
{
    int64_t ns;

    return cfg_parse_duration(shift, &ns) == RC_OK && ns == 0;
}

bool lab_time_read(const struct lab_time_options *options, const char *command, struct labtime *out)
{
    *out = (struct labtime){0};
    if (options->at && options->shift) {
        fprintf(stderr, "tsa %s: --at and --shift do not go together: the clock stands still or runs\n",
                command);
        return false;
    }
    if (options->at && labtime_parse_at(options->at, out) != RC_OK) {
        fprintf(stderr, "tsa %s: --at %s: give a time in UTC such as 2031-02-03T04:05:06Z\n", command,
                options->at);
        return false;
    }
    if (options->shift && is_zero(options->shift)) {
        fprintf(stderr, "tsa %s: --shift %s: 0 is the machine's own time: leave it out\n", command,
                options->shift);
        return false;
    }
    if (options->shift && labtime_parse_shift(options->shift, out) != RC_OK) {
        fprintf(
            stderr,
            "tsa %s: --shift %s: give a sign, a number and a unit (d, h, min, s), such as +400d or -2h, up "
            "to 292 years\n",
            command, options->shift);
        return false;
    }
    return true;
}
