/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staged reload: read and check, have names of time servers resolved, rehearse in a child, then let a new generation of roles take over. Until that has begun every failure
 * leaves what runs untouched, and says why. One reload at a time; who asks meanwhile waits for the next one, since the files may have changed again.
 */
#ifndef TSA_PARENT_RELOAD_H
#define TSA_PARENT_RELOAD_H

#include "tsa/parent/supervise.h"

struct reload_result {
    struct gentime at; /* 0: there was none yet */
    bool good;
    unsigned generation;     /* that serves now */
    struct cfg_errors lines; /* errors, or of a good one its warnings */
};

struct reload_source {
    struct event_base *base;
    const char *config;               /* path */
    const struct cfg_strings *listen; /* instead of the configuration's; NULL or empty: none */
    const struct labtime *lab_time;   /* stays what it is; NULL: none */
    struct supervise *supervise;
    void (*on_begin)(void *arg);
    void (*on_end)(void *arg, uint64_t number); /* the result is there */
    void *arg;
};

struct reload;

/* reload_new prepares. NULL without memory. reload_free ends what is on its way. */
struct reload *reload_new(const struct reload_source *source);
void reload_free(struct reload *reload);

/* reload_ask asks for one, and returns the number with which on_end tells its end: later, never from within. */
uint64_t reload_ask(struct reload *reload);

/* reload_stop: the authority is about to stop; whoever waits is told. */
void reload_stop(struct reload *reload);

/* To be told: the end of a child (false when it was none of its own), and of a change of generations (why it was given up; NULL: it was not). */
bool reload_take_end(struct reload *reload, pid_t pid, int status);
void reload_take_change(struct reload *reload, const char *why);

/* reload_result: of the last one. reload_is_running: there is one on its way. */
const struct reload_result *reload_result(const struct reload *reload);
bool reload_is_running(const struct reload *reload);

#endif
