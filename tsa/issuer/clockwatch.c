/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change is told once: as a line of the log for whoever watches, and as an event of the ledger for whoever asks years later why there was no
 * token then. Where the ledger is broken the log has to do.
 */
#include "tsa/issuer/clockwatch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/role/clockwords.h"

#define TEXT_MAX 1024

void clockwatch_init(struct clockwatch *w, struct issue_core *core, struct ledger *ledger)
{
    *w = (struct clockwatch){.core = core, .ledger = ledger};
    clockgate_init(&w->gate, core->page, &core->clock);
    for (size_t i = 0; i < core->num_units; i++) {
        w->units[i] = issue_unit_state(core, i, now_real()); /* what is so at start is told by the trial */
    }
}

bool clockwatch_is_due(const struct clockwatch *w)
{
    return now_mono_ns() - w->looked_ns >= CLOCKWATCH_NS;
}

/* ---- events ---- */

static enum rc append_event(struct clockwatch *w, enum ledger_event event, const char *unit,
                            struct bytes text)
{
    const struct clockgate_time *t = &w->state.time;
    const struct ledger_record record = {
        .kind = LEDGER_EVENT,
        .event = event,
        .proof = t->proof,
        .clock = t->now,
        .bound_ns = t->bound_ns,
        .age_ns = t->age_ns,
        .unit = bytes_str(unit),
        .text = text,
        .reference = bytes_str(t->reference),
    };
    uint8_t storage[LEDGER_BODY_MAX];
    struct wbuf body;

    wbuf_init_fixed(&body, storage, sizeof(storage));
    ledger_record_put(&body, &record);
    w->num_events++;
    return wbuf_rc(&body) == RC_OK ? ledger_append(w->ledger, wbuf_bytes(&body)) : wbuf_rc(&body);
}

static enum rc append_words(struct clockwatch *w, enum ledger_event event, const char *unit, const char *text)
{
    return append_event(w, event, unit, bytes_str(text));
}

/* ---- the clock's state ---- */

static bool is_same(const struct clockgate_state *a, const struct clockgate_state *b)
{
    return a->state == b->state && a->reason == b->reason;
}

static const char *sentence(const struct clockgate_state *s, char out[TEXT_MAX])
{
    char why[CLOCKGATE_WHY_MAX];

    if (s->state == CLOCKPAGE_WARN) {
        return clockwords_sentence(CLOCKPAGE_WARN, s->reason, s->time.figure_ns, out);
    }
    clockgate_explain(s->reason, &s->time, NULL, why);
    (void)snprintf(out, TEXT_MAX, "%s%s%s", s->reason == RC_OK ? "" : rc_text(s->reason), why[0] ? ": " : "",
                   why);
    return out;
}

/* What it is measured by, and how well. */
static const char *measure(const struct clockgate_time *t, char out[TEXT_MAX])
{
    char bound[CLOCKWORDS_MAX];

    (void)snprintf(out, TEXT_MAX, "reference: %s%s%s", t->reference[0] ? t->reference : "none",
                   t->bound_ns < 0 ? "" : "; wrong by at most ",
                   t->bound_ns < 0 ? "" : clockwords_duration(t->bound_ns, bound));
    return out;
}

static void tell(const struct clockgate_state *was, const struct clockgate_state *is, bool is_first)
{
    char what[TEXT_MAX], by[TEXT_MAX];
    const char *state = clockwords_state(is->state), *before = clockwords_state(was->state);

    (void)sentence(is, what);
    (void)measure(&is->time, by);
    if (is->state == CLOCKPAGE_SYNC && is_first) {
        log_info("clock: %s; %s", state, by);
    } else if (is->state == CLOCKPAGE_SYNC || (is->state == CLOCKPAGE_WARN && was->state == CLOCKPAGE_STOP)) {
        log_notice("clock: %s, after %s%s%s; %s", state, before, what[0] ? ": " : "", what, by);
    } else {
        log_warning("clock: %s, after %s: %s; %s%s", state, before, what, by,
                    is->state == CLOCKPAGE_STOP ? "; nothing is issued" : "");
    }
}

static enum rc append_state(struct clockwatch *w, const struct clockgate_state *was)
{
    const struct clockgate_state *is = &w->state;
    char text[TEXT_MAX];
    int len = snprintf(text, sizeof(text), "was=%s state=%s", clockwords_state(was->state),
                       clockwords_state(is->state));

    if (is->reason != RC_OK) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, " reason=%s", rc_word(is->reason));
    }
    if (is->time.figure_ns != -1) {
        (void)snprintf(text + len, sizeof(text) - (size_t)len, " figure=%" PRId64, is->time.figure_ns);
    }
    return append_words(w, (enum ledger_event)(LEDGER_CLOCK_UNKNOWN + is->state), "", text);
}

_Static_assert(LEDGER_CLOCK_UNKNOWN + CLOCKPAGE_SYNC == LEDGER_CLOCK_SYNC &&
                   LEDGER_CLOCK_UNKNOWN + CLOCKPAGE_WARN == LEDGER_CLOCK_WARN &&
                   LEDGER_CLOCK_UNKNOWN + CLOCKPAGE_STOP == LEDGER_CLOCK_STOP,
               "an event for each state");

/* A ledger whose clock was always good says nothing of it. */
static bool is_news(const struct clockwatch *w)
{
    const enum ledger_event last = w->ledger->last_state;

    return w->state.state != CLOCKPAGE_SYNC || (last != 0 && last != LEDGER_CLOCK_SYNC);
}

static enum rc look_at_clock(struct clockwatch *w)
{
    const struct clockgate_state was = w->state;
    const bool is_first = w->since.sec == 0;

    clockgate_watch(&w->gate, &w->state);
    if ((is_first && w->state.state == CLOCKPAGE_UNKNOWN) || (!is_first && is_same(&was, &w->state))) {
        return RC_OK;
    }
    w->since = w->state.time.now;
    w->num_changes += !is_first;
    tell(&was, &w->state, is_first);
    return is_first && !is_news(w) ? RC_OK : append_state(w, &was);
}

/* ---- units ---- */

static enum rc look_at_unit(struct clockwatch *w, size_t i)
{
    const enum rc was = w->units[i], is = issue_unit_state(w->core, i, w->state.time.now);
    const char *name = w->core->units[i].unit->settings->name;
    char text[TEXT_MAX];

    if (is == was) {
        return RC_OK;
    }
    w->units[i] = is;
    if (is == RC_OK) {
        log_notice("unit %s signs again", name);
    } else if (is != RC_SELF_CHECK) { /* that was told at once */
        log_warning("unit %s signs no more: %s", name, rc_text(is));
    }
    (void)snprintf(text, sizeof(text), "was=%s reason=%s", rc_word(was), rc_word(is));
    return append_words(w, is == RC_OK ? LEDGER_UNIT_RESUMED : LEDGER_UNIT_STOPPED, name, text);
}

/* Where the clock is not good it can not be said what a unit may do now. */
static enum rc look_at_units(struct clockwatch *w)
{
    enum rc rc = RC_OK;

    if (w->state.state != CLOCKPAGE_SYNC && w->state.state != CLOCKPAGE_WARN) {
        return RC_OK;
    }
    for (size_t i = 0; i < w->core->num_units; i++) {
        const enum rc one = look_at_unit(w, i);

        rc = rc == RC_OK ? one : rc;
    }
    return rc;
}

enum rc clockwatch_look(struct clockwatch *w)
{
    const enum rc rc = look_at_clock(w);
    const enum rc units = look_at_units(w);

    w->looked_ns = now_mono_ns();
    return rc == RC_OK ? units : rc;
}

/* ---- facts ---- */

void clockwatch_fill(const struct clockwatch *w, struct facts *out)
{
    const struct clockgate_state *s = &w->state;

    out->clock_state = s->state;
    out->clock_reason = s->state == CLOCKPAGE_SYNC ? RC_OK : (uint32_t)s->reason;
    out->clock_figure_ns = s->time.figure_ns;
    out->clock_ahead_ns = s->ahead_ns;
    out->clock_bound_ns = s->time.bound_ns;
    out->clock_age_ns = s->time.age_ns;
    out->clock_proven = s->time.proof;
    out->clock_since = w->since;
    out->clock_changes = w->num_changes;
    if (w->gate.has_record) {
        out->clock_leap = w->gate.record.leap;
        out->clock_leap_at = w->gate.record.leap_at;
        out->clock_stratum = w->gate.record.stratum;
        memcpy(out->clock_reference, w->gate.record.reference, sizeof(out->clock_reference));
    }
}

/* ---- acknowledge ---- */

/* In quotes; what would end them is escaped. */
static void put_quoted(struct wbuf *w, struct bytes text)
{
    wbuf_put_u8(w, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            wbuf_put_u8(w, '\\');
        }
        wbuf_put_u8(w, text.data[i]);
    }
    wbuf_put_u8(w, '"');
}

static enum rc append_acknowledgement(struct clockwatch *w, struct bytes reason)
{
    uint8_t storage[TEXT_MAX];
    char last[GENTIME_TEXT_MAX];
    struct wbuf text;
    size_t len;

    if (gentime_build_iso(w->state.time.about, last, &len) != RC_OK) {
        last[0] = 0;
    }
    wbuf_init_fixed(&text, storage, sizeof(storage));
    wbuf_printf(&text, "last=%s ahead=%" PRId64 " reason=", last, w->state.ahead_ns);
    put_quoted(&text, reason);
    return append_event(w, LEDGER_CLOCK_ACKNOWLEDGED, "", wbuf_bytes(&text));
}

static enum rc decline(const struct clockgate_state *s, char why[CLOCKGATE_WHY_MAX])
{
    char detail[CLOCKGATE_WHY_MAX];

    if (s->state == CLOCKPAGE_SYNC || s->state == CLOCKPAGE_WARN) {
        (void)snprintf(why, CLOCKGATE_WHY_MAX, "the last token's time is not ahead of the clock");
        return RC_NOT_FOUND;
    }
    clockgate_explain(s->reason, &s->time, NULL, detail);
    (void)snprintf(why, CLOCKGATE_WHY_MAX, "the clock is not trusted either: %.150s",
                   detail[0] ? detail : rc_text(s->reason));
    return s->reason;
}

enum rc clockwatch_acknowledge(struct clockwatch *w, struct bytes reason, char why[CLOCKGATE_WHY_MAX])
{
    why[0] = 0;
    issue_take_mark(w->core, &w->mark); /* before it is looked whether the clock is behind it */
    clockgate_watch(&w->gate, &w->state);
    if (w->state.reason != RC_CLOCK_BACKWARDS) {
        return decline(&w->state, why);
    }
    w->acknowledged = w->state.time.now;
    w->back_ns = w->state.ahead_ns;
    return append_acknowledgement(w, reason);
}

void clockwatch_go_back(struct clockwatch *w, struct bytes reason)
{
    char ahead[CLOCKWORDS_MAX];

    issue_go_back(w->core, &w->mark, w->acknowledged);
    log_warning("clock: it is acknowledged that the last token lies %s ahead of it: %.*s",
                clockwords_duration(w->back_ns, ahead), (int)reason.len, (const char *)reason.data);
}
