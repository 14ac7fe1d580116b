/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of changes to a sequence of octets: at this offset delete so many, insert these. Containers make one, safefile
 * applies it, --dry-run prints it: so "nothing else changed" can be checked. Offsets are those of the original; edits are
 * kept in order and never overlap. Latches its first failure as wbuf does.
 */
#ifndef TSA_WIRE_EDITS_H
#define TSA_WIRE_EDITS_H

#include "tsa/wire/wbuf.h"

struct edit {
    uint64_t at;         /* offset in the original */
    uint64_t remove;     /* octets of the original that go */
    struct bytes insert; /* octets that come; owned by the list */
    const char *what;    /* static, for people: "certificate table", "checksum", ... */
};

struct edits {
    struct edit *list;
    size_t num, cap;
    enum rc rc;
};

void edits_init(struct edits *e);
void edits_clear(struct edits *e);

/* edits_add adds one change (insert is copied); order of the calls is free, overlap latches RC_FORMAT_MALFORMED. Several pure
 * insertions at one place keep the order of the calls and stand before a removal there; a change of nothing is dropped. */
void edits_add(struct edits *e, uint64_t at, uint64_t remove, struct bytes insert, const char *what);
enum rc edits_rc(const struct edits *e) MUST_CHECK;

/* edits_apply writes original with the changes made. RC_FORMAT_MALFORMED when an edit lies outside it. */
enum rc edits_apply(const struct edits *e, struct bytes original, struct wbuf *out) MUST_CHECK;

/* edits_offset tells where an offset of the original lies afterwards; one within a removed range: as far into what was inserted
 * instead, at most at its end. */
uint64_t edits_offset(const struct edits *e, uint64_t at);

#endif
