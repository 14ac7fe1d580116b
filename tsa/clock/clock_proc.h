/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that knows how wrong the time can be: `tsa @clock parent=N config=N clock=N`, and where there are such servers=N (their addresses),
 * leap_list=N, lab_time=N. Each second, and at once when the clock is set, it asks its source and writes what it has learnt into the clock file. It can stop the
 * authority; it can not move the time. Without parent= it is a service of its own: nobody is told anything, and SIGTERM ends it.
 */
#ifndef TSA_CLOCK_CLOCK_PROC_H
#define TSA_CLOCK_CLOCK_PROC_H

#include "tsa/role/inherit.h"

/* clock_proc_main runs until MSG_STOP or the end of parent=. Returns the exit code (0); dies with 70 or 78 when it can not start. */
int clock_proc_main(struct inherit *in);

/* clock_calls is the list of its jail, ends with -1. */
extern const int clock_calls[];

#endif
