/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock watched by a service of its own (clock.file): everything that needs a file, a name service or a right is done here, then this process
 * becomes the clock role, which closes its jail. Whoever watches several authorities' clock, or lets nobody else see it (ProtectClock= of systemd),
 * runs it so.
 */
#ifndef TSA_CMD_CLOCK_RUN_H
#define TSA_CMD_CLOCK_RUN_H

/* clock_run returns only when it can not start: the exit code, after it was told in the log. */
int clock_run(const char *config);

#endif
