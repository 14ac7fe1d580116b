/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to the parent's whole life, whatever is reloaded: the run folder with its lock, the clock file (its own, or that of
 * a clock service), the folder of the record, and the counters that fronts share. A role of any generation gets these same ones.
 */
#ifndef TSA_PARENT_HOUSE_H
#define TSA_PARENT_HOUSE_H

#include "tsa/front/shared.h"
#include "tsa/parent/clockfile.h"
#include "tsa/parent/spawn.h"
#include "tsa/role/clockpage.h"
#include "tsa/role/settings.h"

struct house {
    int run_dir; /* locked: one authority for one folder */
    int ledger;
    int clock; /* of the clock role; the issuer gets clock_readonly. -1: a service of its own writes it */
    int clock_readonly;
    struct clockpage *page;        /* the clock file, mapped to be read */
    int counters;                  /* of the fronts */
    struct shared *shared;         /* the counters, mapped */
    char error[CLOCKFILE_WHY_MAX]; /* of the last failure */
};

#define HOUSE_NONE                                                                                           \
    {                                                                                                        \
        .run_dir = -1, .ledger = -1, .clock = -1, .clock_readonly = -1, .counters = -1                       \
    } /* nothing open */

/* house_has_service tells whether a clock service of its own writes the clock file, and no role of this authority. */
bool house_has_service(const struct settings *settings);

/* house_open opens everything. Folders that are missing are made; as root the folder of the record is handed over to its account. RC_IO,
 * RC_OVERLOADED (another authority uses run_dir): error says why, and everything is closed again. */
enum rc house_open(struct house *house, const struct settings *settings) MUST_CHECK;
void house_close(struct house *house);

/* house_check tells, as errors, which folders and clock file of other settings are not those of this house: they can not change while it stands. */
void house_check(const struct house *house, const struct settings *settings, struct cfg_errors *errors);

/* house_name_units prepares the counters for the units of next: before fronts that serve them start. Those of now (NULL: none runs) keep theirs, since next
 * may come to nothing. */
void house_name_units(const struct house *house, const struct settings *now, const struct settings *next);

/* What a role gets of it. */
void house_give_clock(const struct house *house, struct spawn *spawn);
void house_give_issuer(const struct house *house, struct spawn *spawn);
void house_give_front(const struct house *house, struct spawn *spawn);

#endif
