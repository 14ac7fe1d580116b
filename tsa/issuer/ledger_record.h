/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the ledger: what was issued, without who asked. All numbers are little-endian. The body, version 1:
 *
 *     at 0  version 1 | kind 1 | digest 1 | proven 1       kind: enum msg_kind; digest: enum digest of the imprint
 *        4  sequence 8 | group 8                           group: file offset where the group starts that it was written with
 *       20  clock seconds 8, nanoseconds 4                 the clock's reading
 *       32  genTime seconds 8, nanoseconds 4               as it is written in the token
 *       44  bound 8                                        how wrong the clock could be, ns; -1 = unknown
 *       52  lengths: unit 1, serial 1, imprint 1, policy 1, signed 2, zero 2
 *       60  unit | serial | imprint | policy | signed
 *
 * imprint is the message imprint, or SHA-256 of the signature value that Authenticode had countersigned. signed is the TSTInfo;
 * empty for Authenticode, whose signed attributes hold nothing else than the imprint's data and genTime.
 */
#ifndef TSA_ISSUER_LEDGER_RECORD_H
#define TSA_ISSUER_LEDGER_RECORD_H

#include "tsa/wire/digest.h"
#include "tsa/wire/gentime.h"

#define LEDGER_BODY_MIN 60
#define LEDGER_BODY_MAX 8192

struct ledger_record {
    uint8_t kind; /* enum msg_kind */
    enum digest digest;
    bool proven;
    uint64_t sequence; /* 1, 2, 3 ... */
    uint64_t group;
    struct gentime clock, time;
    int64_t bound_ns;
    struct bytes unit, serial, imprint, policy, signed_info;
};

/* ledger_record_put writes a body; sequence and group are set when it is appended. ledger_record_get reads one, views into body; RC_LEDGER_DAMAGED. */
void ledger_record_put(struct wbuf *w, const struct ledger_record *record);
enum rc ledger_record_get(struct bytes body, struct ledger_record *out) MUST_CHECK;

/* ledger_record_place sets sequence and group of a body that was put before. */
void ledger_record_place(uint8_t *body, uint64_t sequence, uint64_t group);

#endif
