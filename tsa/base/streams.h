/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input, output and error of a program that was started without them. The next file that it opens would take such a place, and what is
 * logged or printed would be written into that file.
 */
#ifndef TSA_BASE_STREAMS_H
#define TSA_BASE_STREAMS_H

#include <stdbool.h>

/* streams_hold opens the null device in each of the three places that is free; to be called before anything else is opened. False with errno
 * when it can not be had: then nothing may be opened. */
bool streams_hold(void);

#endif
