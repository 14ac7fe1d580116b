/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate says of its refusals: the figures behind a reason, for somebody who has to judge whether to wait or to look after his clock. Nothing
 * is decided here.
 */
#include <stdio.h>

#include "tsa/issuer/clockgate.h"
#include "tsa/role/clockwords.h"

#define SECOND           INT64_C(1000000000)
#define TELL_ACKNOWLEDGE (60 * SECOND)   /* what is shorter is over before anybody has read it */
#define WAITING_HELPS    (3600 * SECOND) /* who asks does not wait for longer */

/* To the second, which is what people look up. */
static void put_iso(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    if (gentime_build_iso((struct gentime){.sec = t.sec}, out, &len) != RC_OK) {
        (void)snprintf(out, GENTIME_TEXT_MAX, "an impossible time");
    }
}

struct explanation {
    const struct clockgate_time *time;
    const struct clockgate_claim *claim;
    char figure[CLOCKWORDS_MAX], about[GENTIME_TEXT_MAX];
};

static void say_stepped(const struct explanation *e, char *out)
{
    (void)snprintf(out, CLOCKGATE_WHY_MAX, "it was set by %s%.40s at %s", e->time->figure_ns < 0 ? "-" : "+",
                   e->figure, e->about);
}

/* What is to be done: by the operator, who reads the log, or by a client, who can do nothing but wait or ask him. */
static const char *advice_backwards(const struct explanation *e)
{
    if (!e->claim) {
        return e->time->figure_ns > TELL_ACKNOWLEDGE ? "; see tsa clock acknowledge" : "";
    }
    return e->time->figure_ns > WAITING_HELPS ? "; tell the operator of this authority, who must act"
           : e->time->figure_ns > TELL_ACKNOWLEDGE
               ? "; tell the operator of this authority, or try again later"
               : "; try again later";
}

static void say_backwards(const struct explanation *e, char *out)
{
    (void)snprintf(out, CLOCKGATE_WHY_MAX, "the last token is of %s, %.40s ahead of the clock%s", e->about,
                   e->figure, advice_backwards(e));
}

static void say_leap(const struct explanation *e, char *out)
{
    (void)snprintf(out, CLOCKGATE_WHY_MAX, "it is at %s", e->about);
}

static void say_bound(const struct explanation *e, char *out)
{
    char accuracy[CLOCKWORDS_MAX], rounding[CLOCKWORDS_MAX];
    const struct clockgate_claim *claim = e->claim;

    if (!claim || claim->accuracy_ns == 0) {
        (void)snprintf(out, CLOCKGATE_WHY_MAX, "it may be wrong by %.40s", e->figure);
        return;
    }
    clockwords_duration(claim->accuracy_ns, accuracy);
    clockwords_duration(claim->rounding_ns, rounding);
    (void)snprintf(out, CLOCKGATE_WHY_MAX, "it may be wrong by %.40s, this unit declares %.40s%s%.40s%s",
                   e->figure, accuracy, claim->rounding_ns ? " and " : "", claim->rounding_ns ? rounding : "",
                   claim->rounding_ns ? " for whole seconds" : "");
}

static void say_overloaded(const struct explanation *e, char *out)
{
    (void)snprintf(out, CLOCKGATE_WHY_MAX,
                   "this unit's tokens are ordered, and the next free time is %.40s ahead of the clock",
                   e->figure);
}

static const struct {
    enum rc rc;
    void (*say)(const struct explanation *e, char *out);
} sayings[] = {
    {RC_CLOCK_STEPPED, say_stepped}, {RC_CLOCK_BACKWARDS, say_backwards}, {RC_CLOCK_LEAP, say_leap},
    {RC_CLOCK_BOUND, say_bound},     {RC_OVERLOADED, say_overloaded},
};

char *clockgate_explain(enum rc rc, const struct clockgate_time *time, const struct clockgate_claim *claim,
                        char out[CLOCKGATE_WHY_MAX])
{
    struct explanation e = {.time = time, .claim = claim};

    out[0] = 0;
    if (time->figure_ns == -1) {
        return out;
    }
    clockwords_duration(time->figure_ns, e.figure);
    put_iso(time->about, e.about);
    for (size_t i = 0; i < sizeof(sayings) / sizeof(sayings[0]); i++) {
        if (sayings[i].rc == rc) {
            sayings[i].say(&e, out);
            return out;
        }
    }
    clockwords_figure(rc, time->figure_ns, e.figure);
    (void)snprintf(out, CLOCKGATE_WHY_MAX, "%s", e.figure);
    return out;
}
