/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent process: it checks the configuration, opens what is needed, starts the roles, and keeps them alive until it is told to stop. It
 * reads no network. Keys that sign timestamps it opens and never reads; that of the TLS server it keeps for the fronts in a sealed file outside its memory.
 */
#ifndef TSA_PARENT_PARENT_H
#define TSA_PARENT_PARENT_H

#include "tsa/parent/listeners.h"
#include "tsa/role/labtime.h"
#include "tsa/role/settings.h"

struct parent_options {
    const char *config;               /* path of the configuration */
    const struct cfg_strings *listen; /* addresses instead of the configuration's; NULL or empty: none */
    const struct labtime *lab_time;   /* for test labs only: what the clock shows; NULL: the truth */
    void (*on_ready)(void *arg,
                     const struct listeners *listeners); /* once, when requests are answered; or NULL */
    void *arg;
};

/* parent_run serves until SIGTERM or SIGINT and returns the exit code: 0 stopped as told; 1 an address or the run folder is taken, or too few
 * names of time servers can be resolved just now; 70 a role could not be kept alive; 78 the configuration, or what it names, can not be used. Everything is
 * told in the log. */
int parent_run(const struct parent_options *options);

#endif
