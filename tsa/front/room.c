/* SPDX-License-Identifier: Apache-2.0 */
/* The same sum as the gate's, for the worst that rounding does: E + half of the last digit <= accuracy (RFC 3161 2.4.2). */
#include "tsa/front/room.h"

#include <inttypes.h>
#include <stdio.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/clockwords.h"

#define HALF_SECOND INT64_C(500000000)
#define LIST_MAX    4 /* who has more such units looks at them all anyway */

/* Half of the last digit of genTime. Authenticode has whole seconds, but no accuracy that they were held against. */
static int64_t rounding_of(const struct unit *unit)
{
    int64_t rounding = unit->settings->protocols & SETTINGS_RFC3161 ? HALF_SECOND : 0;

    for (int64_t i = 0; i < unit->settings->time_digits; i++) {
        rounding /= 10;
    }
    return rounding;
}

bool room_of(const struct unit *unit, const struct facts *facts, int64_t *out_ns)
{
    *out_ns = 0;
    if (!facts || facts->clock_proven != CLOCKPAGE_PROVEN || facts->clock_bound_ns < 0 ||
        unit->settings->accuracy <= 0) {
        return false;
    }
    *out_ns = unit->settings->accuracy - rounding_of(unit) - facts->clock_bound_ns;
    return true;
}

enum rc room_reason(const struct unit *unit, const struct facts *facts, struct gentime now, bool *out_some)
{
    const enum rc rc = unit_check_time(unit, now);
    int64_t room;

    *out_some = false;
    if (rc != RC_OK || !room_of(unit, facts, &room) || room >= 0) {
        return rc;
    }
    *out_some = room + rounding_of(unit) >= 0;
    return RC_CLOCK_BOUND;
}

char *room_sentence(const struct unit *unit, const struct facts *facts, struct gentime now,
                    char out[ROOM_SENTENCE_MAX])
{
    char bound[CLOCKWORDS_MAX], accuracy[CLOCKWORDS_MAX], rounding[CLOCKWORDS_MAX];
    const int64_t rounding_ns = rounding_of(unit);
    bool some;
    const enum rc rc = room_reason(unit, facts, now, &some);

    if (rc != RC_CLOCK_BOUND) {
        (void)snprintf(out, ROOM_SENTENCE_MAX, "%.200s", rc == RC_OK ? "" : rc_text(rc));
        return out;
    }
    clockwords_duration(facts->clock_bound_ns, bound);
    clockwords_duration(unit->settings->accuracy, accuracy);
    clockwords_duration(rounding_ns, rounding);
    (void)snprintf(out, ROOM_SENTENCE_MAX,
                   "the clock may be wrong by %.40s, its times are rounded by up to %.40s, it declares %.40s",
                   bound, rounding, accuracy);
    if (rounding_ns == 0) {
        (void)snprintf(out, ROOM_SENTENCE_MAX, "the clock may be wrong by %.40s, it declares %.40s", bound,
                       accuracy);
    }
    return out;
}

enum rc room_common_reason(const struct unit *units, size_t num_units, const struct facts *facts,
                           struct gentime now)
{
    enum rc rc = RC_OK;
    bool some;

    for (size_t i = 0; i < num_units; i++) {
        rc = room_reason(&units[i], facts, now, &some);
        if (rc == RC_OK || some) {
            return RC_OK;
        }
    }
    return rc;
}

size_t room_list_refusers(const struct unit *units, size_t num_units, const struct facts *facts,
                          struct gentime now, struct wbuf *out)
{
    char sentence[ROOM_SENTENCE_MAX];
    size_t num = 0;
    bool some;

    for (size_t i = 0; i < num_units; i++) {
        if (room_reason(&units[i], facts, now, &some) == RC_OK) {
            continue;
        }
        if (num++ < LIST_MAX) {
            wbuf_printf(out, "%sunit %.64s refuses %s: %s", num > 1 ? "; " : "", units[i].settings->name,
                        some ? "some requests" : "every request",
                        room_sentence(&units[i], facts, now, sentence));
        }
    }
    if (num > LIST_MAX) {
        wbuf_printf(out, "; and %zu more", num - LIST_MAX);
    }
    return num;
}
