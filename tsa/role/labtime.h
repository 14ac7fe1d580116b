/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fenced lab time: a clock that stands still or is shifted, for test labs alone. It is refused unless every unit's chain was made by the lab authority,
 * its tokens carry a policy of their own (2.999.3161.2), and it is shown wherever the time is shown. No setting can ask for it: it comes from the
 * command line of `tsa lab`, and travels to the roles as a text of its own.
 */
#ifndef TSA_ROLE_LABTIME_H
#define TSA_ROLE_LABTIME_H

#include "tsa/role/inherit.h"
#include "tsa/role/unit.h"

enum labtime_kind {
    LABTIME_NONE,
    LABTIME_AT,   /* the clock stands still */
    LABTIME_SHIFT /* it runs, ahead of the machine's or behind */
};

struct labtime {
    enum labtime_kind kind;
    struct gentime at; /* LABTIME_AT */
    int64_t shift_ns;  /* LABTIME_SHIFT; not 0 */
};

/* labtime_parse_at reads "2031-02-03T04:05:06Z", labtime_parse_shift "+400d", "-2h". RC_TIME_FORM, RC_CONFIG. */
enum rc labtime_parse_at(const char *text, struct labtime *out) MUST_CHECK;
enum rc labtime_parse_shift(const char *text, struct labtime *out) MUST_CHECK;

/* labtime_put and labtime_get: the text that travels ("at 2031-02-03T04:05:06Z", "shift 34560000000000000"). RC_CONFIG. */
void labtime_put(struct wbuf *w, const struct labtime *time);
enum rc labtime_get(struct bytes text, struct labtime *out) MUST_CHECK;

/* labtime_text is for people: "lab time 2031-02-03T04:05:06Z", "lab time +400 d"; fits into a clock's reference. */
#define LABTIME_TEXT_MAX 48
char *labtime_text(const struct labtime *time, char out[LABTIME_TEXT_MAX]);

/* labtime_now: what the lab's clock shows now; the machine's time for LABTIME_NONE. labtime_start lets now_real show it in this process; now_machine and the
 * monotonic clock stay. labtime_started tells what was started (inherit_load does that for roles with units), LABTIME_NONE without. */
struct gentime labtime_now(const struct labtime *time);
void labtime_start(const struct labtime *time);
const struct labtime *labtime_started(void);

/* labtime_fence: may this unit work under it? Writes the sentence that says why not. RC_LAB_TIME_CHAIN (not the lab's, or no root named), RC_CERT_NOT_YET_VALID,
 * RC_CERT_EXPIRED (the time lies outside the certificate's validity). RC_OK for LABTIME_NONE. */
#define LABTIME_WHY_MAX 300
enum rc labtime_fence(const struct labtime *time, const struct unit *unit,
                      char out_why[LABTIME_WHY_MAX]) MUST_CHECK;

/* labtime_mark makes the unit a lab's under it: its policy and the only one that it takes is 2.999.3161.2. */
void labtime_mark(const struct labtime *time, struct unit *unit);

#endif
