/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of sources, by the setting that names them. */
#include "tsa/clock/timesrc.h"

static const struct timesrc_ops *const sources[] = {
    [SETTINGS_CLOCK_SYSTEM] = &timesrc_system,
};

const struct timesrc_ops *timesrc_of(int source)
{
    return source >= 0 && (size_t)source < sizeof(sources) / sizeof(sources[0]) ? sources[source]
                                                                                : &timesrc_system;
}
