/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rehearsal of a generation: a child that loads all that an issuer loads, and makes every unit's trial, before anything that runs is
 * touched. What it logs goes on to this process's log; what it logs as an error is kept, since somebody may be waiting for the reason.
 */
#ifndef TSA_PARENT_TRIAL_H
#define TSA_PARENT_TRIAL_H

#include <sys/types.h>

#include <event2/event.h>

#include "tsa/parent/generation.h"

struct trial;

/* on_end is called once, from the loop or from trial_take_end: errors is empty when the trial went well. The trial is gone afterwards. */
struct trial_owner {
    struct event_base *base;
    void (*on_end)(void *arg, const struct cfg_errors *errors);
    void *arg;
};

/* trial_start starts it. NULL when it can not be, with errno. trial_stop kills it, and on_end is not called; it may be NULL. */
struct trial *trial_start(const struct trial_owner *owner, const struct generation *generation);
void trial_stop(struct trial *trial);

/* trial_take_end takes note of a child's end (after waitpid); false when it was another one. */
bool trial_take_end(struct trial *trial, pid_t pid, int status);

/* trial_error_text reads a line of a log, of either form: the message of an error (heap); NULL when it is none. */
char *trial_error_text(const char *line);

#endif
