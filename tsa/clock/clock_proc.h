/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that knows how wrong the time can be: `tsa @clock parent=N config=N clock=N`. About once a second it asks its source and
 * writes what it learnt into the clock file. It can stop the authority; it can not move the time.
 */
#ifndef TSA_CLOCK_CLOCK_PROC_H
#define TSA_CLOCK_CLOCK_PROC_H

#include "tsa/role/inherit.h"

/* clock_proc_main runs until MSG_STOP or the end of parent=. Returns the exit code (0); dies with 70 or 78 when it can not start. */
int clock_proc_main(struct inherit *in);

/* clock_calls is the list of its jail, ends with -1. */
extern const int clock_calls[];

#endif
