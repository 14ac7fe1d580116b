/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role without its process: the program's own drivers, verdict and clock file, turned as its loop turns them (tsa/clock/clock_proc.c): a question
 * each second, and at once when the clock was set; a record when the answer is there, or when it is waited for no longer.
 */
#ifndef TESTS_SIM_ROLE_H
#define TESTS_SIM_ROLE_H

#include "tests/sim/world.h"
#include "tsa/clock/verdict.h"

struct role_setup {
    const struct timesrc_ops *source; /* NULL: the servers alone */
    bool has_servers;
    int chrony_port;
    struct verdict_rules rules; /* wants_opinion is filled in */
    struct leaplist leaps;
};

void role_start(const struct role_setup *setup);
void role_end(void);

int64_t role_next(void); /* true time of the next thing that it does */
void role_act(void);

void role_kill(void);
void role_revive(void); /* a new process goes on from the clock file */
bool role_is_alive(void);
void role_set_leaps(const struct leaplist *leaps);

const struct clockpage *role_page(void);
const struct clockpage_record *role_record(void); /* the last one that was written; epoch 0: none */
uint64_t role_fault_epoch(void);                  /* of the last one that found a fault; 0: none */
bool role_is_hasty(void);                         /* STOP was left before the third good record */

#endif
