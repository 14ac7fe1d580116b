/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which unit issues now, and how much of its accuracy is left. The clock is one for all, what it must be good for is each unit's own: where it is good
 * enough for one, another may refuse everything. Nothing is decided here: the issuer's gate judges each token.
 */
#ifndef TSA_FRONT_ROOM_H
#define TSA_FRONT_ROOM_H

#include "tsa/role/facts.h"
#include "tsa/role/unit.h"

/* room_of tells what the clock's bound and the rounding of the unit's times leave of its accuracy, in ns: negative = requests are refused. false where
 * nothing is held against anything: no accuracy is declared, or the clock is not proven. facts may be NULL. */
bool room_of(const struct unit *unit, const struct facts *facts, int64_t *out_ns);

/* room_reason tells why the unit refuses at now though the authority is ready; RC_OK: it issues. *out_some: it refuses those alone whose time is rounded
 * too far. */
enum rc room_reason(const struct unit *unit, const struct facts *facts, struct gentime now, bool *out_some);

/* room_sentence writes why in words, with the figures ("the clock may be wrong by 60 ms, this unit declares 50 ms"); returns out. */
#define ROOM_SENTENCE_MAX 300
char *room_sentence(const struct unit *unit, const struct facts *facts, struct gentime now,
                    char out[ROOM_SENTENCE_MAX]);

/* room_common_reason is why no unit at all issues; RC_OK when one does, if only some requests. */
enum rc room_common_reason(const struct unit *units, size_t num_units, const struct facts *facts,
                           struct gentime now);

/* room_list_refusers appends what each unit that refuses says, "; " between them, ROOM_LIST_MAX octets at most; of more than a few the number alone. Returns
 * how many they are. */
#define ROOM_LIST_MAX 2000
size_t room_list_refusers(const struct unit *units, size_t num_units, const struct facts *facts,
                          struct gentime now, struct wbuf *out);

#endif
