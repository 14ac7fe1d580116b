/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sees that the clock, or what a unit may do, has changed, and says so: in the log, in the ledger, in the facts. The recorder's: it alone touches the
 * ledger. Nothing is decided here but one thing: whether somebody may acknowledge that the clock was set back.
 */
#ifndef TSA_ISSUER_CLOCKWATCH_H
#define TSA_ISSUER_CLOCKWATCH_H

#include "tsa/issuer/issue.h"
#include "tsa/issuer/ledger.h"

#define CLOCKWATCH_NS INT64_C(500000000) /* between two looks */

struct clockwatch {
    struct issue_core *core;
    struct ledger *ledger;
    struct clockgate gate;
    struct clockgate_state state;
    struct gentime since;        /* of the state; sec 0 = it is not known yet */
    struct gentime acknowledged; /* the clock's reading then, and how far the last token lay ahead */
    struct issue_mark mark;
    int64_t back_ns;
    uint32_t num_changes; /* since the state was first known */
    int64_t looked_ns;    /* CLOCK_MONOTONIC; 0 = not yet */
    uint64_t num_events;  /* appended */
    enum rc units[SETTINGS_MAX_UNITS];
};

/* core and ledger (which may not be open yet) must outlive it. */
void clockwatch_init(struct clockwatch *watch, struct issue_core *core, struct ledger *ledger);

bool clockwatch_is_due(const struct clockwatch *watch);

/*
 * clockwatch_look looks at the clock and the units; each change is told in the log, and appended to the ledger: where num_events has grown the
 * caller syncs it. The first state that is known counts as a change where it is none to go on with, or the ledger's last event
 * says another one. RC_LEDGER_WRITE.
 */
enum rc clockwatch_look(struct clockwatch *watch) MUST_CHECK;

/* clockwatch_fill fills the clock's part of the facts from the last look. */
void clockwatch_fill(const struct clockwatch *watch, struct facts *out);

/* clockwatch_acknowledge appends the acknowledgement to the ledger. RC_NOT_FOUND: there is nothing to acknowledge; another reason of the clock: it is not
 * trusted either; both with why. RC_LEDGER_WRITE. After the sync, clockwatch_go_back lets tokens be made again. */
enum rc clockwatch_acknowledge(struct clockwatch *watch, struct bytes reason,
                               char why[CLOCKGATE_WHY_MAX]) MUST_CHECK;
void clockwatch_go_back(struct clockwatch *watch, struct bytes reason);

#endif
