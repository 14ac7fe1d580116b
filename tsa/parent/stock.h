/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parent holds for its roles, opened once: the configuration and the certificates as sealed texts in memory, key files, the folder
 * of the ledger, the clock file. A role that is started again gets the same ones, whatever has become of the files meanwhile.
 */
#ifndef TSA_PARENT_STOCK_H
#define TSA_PARENT_STOCK_H

#include "tsa/parent/spawn.h"
#include "tsa/role/settings.h"

struct stock_unit {
    int key, chain, root; /* root: -1 where none is set */
};

struct stock {
    int run_dir; /* locked: one authority for one folder */
    int config;
    int ledger;
    int clock; /* of the clock role; the issuer gets clock_readonly */
    int clock_readonly;
    struct stock_unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    char error[400]; /* of the last failure */
};

#define STOCK_NONE                                                                                           \
    {                                                                                                        \
        .run_dir = -1, .config = -1, .ledger = -1, .clock = -1, .clock_readonly = -1                         \
    } /* nothing open */

/* stock_open opens everything; text is the configuration as roles read it. Folders that are missing are made; as root the ledger is handed
 * over to its account. RC_IO, RC_OVERLOADED (another authority uses run_dir): error says why, and everything is closed again. */
enum rc stock_open(struct stock *stock, const struct settings *settings, const char *text) MUST_CHECK;
void stock_close(struct stock *stock);

/* What a role gets of it, beside its channels. */
void stock_give_clock(const struct stock *stock, struct spawn *spawn);
void stock_give_issuer(const struct stock *stock, struct spawn *spawn);
void stock_give_front(const struct stock *stock, struct spawn *spawn);

#endif
