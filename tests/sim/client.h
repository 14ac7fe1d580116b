/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the program's own gate, and what must be true of every token that it lets pass, whatever happens to the clock. A token that should
 * not be ends the simulation with what led to it.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "tests/sim/world.h"
#include "tsa/issuer/clockgate.h"

/* What units declare: the whole second and a second, milliseconds and a tenth, microseconds and a hundredth, the same in order, nothing. */
enum client_claim {
    CLIENT_WHOLE,
    CLIENT_MS,
    CLIENT_US,
    CLIENT_ORDERED,
    CLIENT_NOTHING,
    CLIENT_NUM_CLAIMS
};

struct client_setup {
    const char *mode;
    const struct clockpage *page;
    int64_t max_step_ns;
};

void client_start(const struct client_setup *setup);
void client_end(void);

/* One request now, for one of the claims. */
enum rc client_ask(enum client_claim claim);

/* The recorder's look without a request. */
void client_watch(void);

/* Somebody acknowledges that the clock was set back, if that is what holds it up. */
void client_acknowledge(void);

/* The source is lied to: E can be short by what the servers beside it can not see. 0: it is honest. */
void client_allow(int64_t ns);

/* Nothing was wrong for long: refusals are counted apart. */
void client_set_calm(bool calm);

/* A leap second is announced or feared here: nothing may pass near it. 0: none. */
void client_expect_leap(int64_t midnight_ns);

uint64_t client_num_tokens(void);

/* What happened before a failure, in lines. */
void client_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the figures. False: fewer than so many per mille of the requests of calm times got a token (whole seconds; the finest claim). */
bool client_report(int64_t least_whole, int64_t least_fine);

#endif
