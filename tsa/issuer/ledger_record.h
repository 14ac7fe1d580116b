/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the ledger: what was issued, without who asked, or an event that says why nothing was. All numbers are little-endian. The body,
 * version 2:
 *
 *     at 0  version 2 | kind 1 | digest or event 1 | proof 1   kind: enum msg_kind, or LEDGER_EVENT; digest: enum digest of the imprint
 *        4  sequence 8 | group 8                               group: file offset where the group starts that it was written with
 *       20  clock seconds 8, nanoseconds 4                     the clock's reading
 *       32  genTime seconds 8, nanoseconds 4                   as it is written in the token; of an event zero
 *       44  bound 8                                            how wrong the clock could be, ns; -1 = unknown
 *       52  lengths: unit 1, serial 1, imprint 1, policy 1, text 2, reference 1, zero 1
 *       60  age 8                                              since the clock was compared with its reference, ns; -1 = unknown
 *       68  unit | serial | imprint | policy | text | reference
 *
 * imprint is the message imprint, or SHA-256 of the signature value that Authenticode had countersigned. text is the TSTInfo; empty for
 * Authenticode, whose signed attributes hold nothing else than the imprint's data and genTime; of an event words as in a log ("state=stop
 * reason=clock-stepped figure=50000000"). Version 1 has neither age nor reference, nor events: its parts stand at 60, and zero in place of the
 * reference's length.
 */
#ifndef TSA_ISSUER_LEDGER_RECORD_H
#define TSA_ISSUER_LEDGER_RECORD_H

#include "tsa/role/clockpage.h"
#include "tsa/wire/digest.h"
#include "tsa/wire/gentime.h"

#define LEDGER_BODY_MIN 60
#define LEDGER_BODY_MAX 8192

#define LEDGER_EVENT 3 /* a kind beside those of enum msg_kind */

/* The numbers stand in files. A reader takes those that it does not know. */
enum ledger_event {
    LEDGER_CLOCK_UNKNOWN = 1, /* the clock came into that state, of enum clockpage_state */
    LEDGER_CLOCK_SYNC,
    LEDGER_CLOCK_WARN,
    LEDGER_CLOCK_STOP,
    LEDGER_CLOCK_ACKNOWLEDGED, /* somebody knows that the clock was set back: what follows may lie before what stands before */
    LEDGER_UNIT_STOPPED, /* the key may sign no more, or not yet */
    LEDGER_UNIT_RESUMED
};

struct ledger_record {
    uint8_t kind;            /* enum msg_kind, LEDGER_EVENT */
    enum digest digest;      /* of a token */
    enum ledger_event event; /* of an event */
    enum clockpage_proof proof;
    uint64_t sequence; /* 1, 2, 3 ... */
    uint64_t group;
    struct gentime clock, time;
    int64_t bound_ns, age_ns;
    struct bytes unit, serial, imprint, policy, text, reference;
};

/* ledger_record_put writes a body; sequence and group are set when it is appended. ledger_record_get reads one, views into body; RC_LEDGER_DAMAGED. */
void ledger_record_put(struct wbuf *w, const struct ledger_record *record);
enum rc ledger_record_get(struct bytes body, struct ledger_record *out) MUST_CHECK;

/* ledger_record_place sets sequence and group of a body that was put before. */
void ledger_record_place(uint8_t *body, uint64_t sequence, uint64_t group);

/* ledger_event_word returns the stable word of an event ("clock-stop"); "event" for one that is not known. */
const char *ledger_event_word(enum ledger_event event);

#endif
