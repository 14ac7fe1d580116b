/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: one for each question. What comes from a file or a message may be any number, and never becomes an index unchecked. */
#include "tsa/role/clockwords.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* From twice a unit on it is used: 119 s, then 2 min. */
static const struct {
    int64_t from_ns, ns;
    const char *name;
} units[] = {
    {172800000000000, 86400000000000, "d"},
    {7200000000000, 3600000000000, "h"},
    {120000000000, 60000000000, "min"},
    {1000000000, 1000000000, "s"},
    {1000000, 1000000, "ms"},
    {1000, 1000, "us"},
    {0, 1, "ns"},
};

char *clockwords_duration(int64_t ns, char out[CLOCKWORDS_MAX])
{
    size_t i = 0;
    double value;

    ns = ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns;
    while (ns < units[i].from_ns) {
        i++;
    }
    value = (double)ns / (double)units[i].ns;
    (void)snprintf(out, CLOCKWORDS_MAX, value < 1000 ? "%.4g %s" : "%.0f %s", value, units[i].name);
    return out;
}

/* ---- reasons --------------------------------------------------------------------------------------- */

static const struct {
    enum rc reason;
    const char *figure;  /* what it is the figure of, as before it */
    const char *behind;  /* and behind it */
    const char *warning; /* the reason where it stops nothing yet; NULL = as it is */
} reasons[] = {
    {RC_CLOCK_BACKWARDS, "the last token is ", " ahead of it", NULL},
    {RC_CLOCK_STALE, "nothing for ", "", NULL},
    {RC_CLOCK_UNREACHABLE, "no answer for ", "", NULL},
    {RC_CLOCK_UNSYNCHRONISED, "for ", "", NULL},
    {RC_CLOCK_LOCAL, "for ", "", NULL},
    {RC_CLOCK_OLD, "", " ago", "the clock was not compared with its reference for a while"},
    {RC_CLOCK_BOUND, "it may be wrong by ", "",
     "the clock may be wrong by more than half of what the declared accuracy allows"},
    {RC_CLOCK_DISAGREES, "by ", "", NULL},
    {RC_CLOCK_UNCONFIRMED, "for ", "", NULL},
    {RC_CLOCK_STEPPED, "by ", "", NULL},
    {RC_CLOCK_LEAP, "", " away", NULL},
};

/* COUNT(reasons) when it is none of the clock's. */
static size_t find(enum rc reason)
{
    size_t i = 0;

    while (i < COUNT(reasons) && reasons[i].reason != reason) {
        i++;
    }
    return i;
}

char *clockwords_figure(enum rc reason, int64_t figure_ns, char out[CLOCKWORDS_MAX])
{
    const size_t i = find(reason);
    char duration[CLOCKWORDS_MAX];

    out[0] = 0;
    if (i < COUNT(reasons) && figure_ns != -1) {
        (void)snprintf(out, CLOCKWORDS_MAX, "%s%s%.40s%s", reasons[i].figure, figure_ns < 0 ? "-" : "",
                       clockwords_duration(figure_ns, duration), reasons[i].behind);
    }
    return out;
}

static const char *text_of(uint32_t state, enum rc reason)
{
    const size_t i = find(reason);

    return state == CLOCKPAGE_WARN && i < COUNT(reasons) && reasons[i].warning ? reasons[i].warning
                                                                               : rc_text(reason);
}

char *clockwords_sentence(uint32_t state, enum rc reason, int64_t figure_ns, char out[CLOCKWORDS_MAX])
{
    char figure[CLOCKWORDS_MAX];

    out[0] = 0;
    if (reason != RC_OK && (int)reason > 0 && reason < RC_NUM) {
        clockwords_figure(reason, figure_ns, figure);
        (void)snprintf(out, CLOCKWORDS_MAX, "%.100s%s%.90s", text_of(state, reason), figure[0] ? ": " : "",
                       figure);
    }
    return out;
}

/* ---- words ----------------------------------------------------------------------------------------- */

const char *clockwords_state(uint32_t state)
{
    static const char *const words[] = {
        [CLOCKPAGE_UNKNOWN] = "unknown",
        [CLOCKPAGE_SYNC] = "sync",
        [CLOCKPAGE_WARN] = "warn",
        [CLOCKPAGE_STOP] = "stop",
    };

    return words[state < COUNT(words) ? state : CLOCKPAGE_UNKNOWN];
}

const char *clockwords_proof(uint32_t proof)
{
    static const char *const words[] = {
        [CLOCKPAGE_TRUSTED] = "trusted",
        [CLOCKPAGE_PROVEN] = "proven",
        [CLOCKPAGE_LAB_TIME] = "lab-time",
    };

    return proof < COUNT(words) ? words[proof] : "unknown";
}

const char *clockwords_proof_text(uint32_t proof)
{
    static const char *const texts[] = {
        [CLOCKPAGE_TRUSTED] = "not proven: the host is trusted",
        [CLOCKPAGE_PROVEN] = "proven",
        [CLOCKPAGE_LAB_TIME] = "not proven: lab time",
    };

    return proof < COUNT(texts) ? texts[proof] : "not proven";
}

const char *clockwords_leap(uint32_t leap)
{
    static const char *const words[] = {
        [CLOCKPAGE_LEAP_NONE] = "none",
        [CLOCKPAGE_LEAP_INSERT] = "insert",
        [CLOCKPAGE_LEAP_DELETE] = "delete",
        [CLOCKPAGE_LEAP_UNKNOWN] = "unknown",
    };

    return words[leap < COUNT(words) ? leap : CLOCKPAGE_LEAP_UNKNOWN];
}
