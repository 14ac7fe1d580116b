/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page says of the clock: its state with reason and figure, what that rests on, and what is to be done. Lab time stands above
 * everything, and stays there while the page is scrolled. Private to page.
 */
#include "tsa/front/page_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/clockwords.h"

/* ---- why no tokens are issued ---------------------------------------------------------------------- */

enum rc page_ready_reason(const struct facts *facts, bool has_issuer)
{
    if (!facts) {
        return has_issuer ? RC_ISSUER_SILENT : RC_ISSUER_GONE;
    }
    if (facts->ready) {
        return RC_OK;
    }
    return facts->reason != RC_OK && facts->reason < RC_NUM ? (enum rc)facts->reason : RC_ISSUER_GONE;
}

/* The facts tell the figure of what is wrong with the clock, and by how much the last token lies ahead of it. */
static int64_t figure_of(const struct facts *facts, enum rc reason)
{
    if (facts && reason == RC_CLOCK_BACKWARDS && facts->clock_ahead_ns > 0) {
        return facts->clock_ahead_ns;
    }
    return facts && facts->clock_reason == (uint32_t)reason ? facts->clock_figure_ns : -1;
}

const char *page_ready_sentence(const struct facts *facts, enum rc reason, char out[PAGE_SENTENCE_MAX])
{
    if (reason == RC_OK) {
        return rc_text(RC_OK);
    }
    return clockwords_sentence(CLOCKPAGE_STOP, reason, figure_of(facts, reason), out);
}

const char *page_lab_time(const struct page *page)
{
    const struct facts *facts = page->facts;

    if (page->lab_time) {
        return page->lab_time;
    }
    return facts && facts->clock_proven == CLOCKPAGE_LAB_TIME ? facts->clock_reference : NULL;
}

/* ---- the banner ------------------------------------------------------------------------------------ */

void page_put_lab_time(struct wbuf *w, const struct page *page)
{
    const char *lab_time = page_lab_time(page);

    if (lab_time) {
        wbuf_put_text(w, "<p id=\"lab-time\" class=\"lab\"><strong>This is not the real time.</strong> "
                         "This authority shows <span id=\"lab-clock\">");
        page_put_escaped(w, lab_time);
        wbuf_put_text(w, "</span>; what it stamps says nothing about when that was made.</p>\n");
    }
}

void page_put_times(struct wbuf *w, const struct page *page)
{
    char time[GENTIME_TEXT_MAX];

    if (!page_lab_time(page)) {
        page_put_row(w, "time", "Time", page_time_text(page->machine, time));
        return;
    }
    page_put_row(w, "lab-now", "Lab time", page_time_text(page->now, time));
    page_put_row(w, "time", "Time of this machine", page_time_text(page->machine, time));
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static void put_state(struct wbuf *w, const struct facts *facts)
{
    static const char *const states[] = {
        [CLOCKPAGE_UNKNOWN] = "unknown",
        [CLOCKPAGE_SYNC] = "good",
        [CLOCKPAGE_WARN] = "good, with a warning",
        [CLOCKPAGE_STOP] = "stopped",
    };
    static const char *const lab_states[] = {
        [CLOCKPAGE_UNKNOWN] = "unknown",
        [CLOCKPAGE_SYNC] = "set for a laboratory",
        [CLOCKPAGE_WARN] = "set for a laboratory, with a warning",
        [CLOCKPAGE_STOP] = "stopped",
    };
    const uint32_t state = facts->clock_state <= CLOCKPAGE_STOP ? facts->clock_state : CLOCKPAGE_UNKNOWN;
    const bool is_lab = facts->clock_proven == CLOCKPAGE_LAB_TIME;
    /* What could prove it does not while it is stopped. */
    const bool proves = state == CLOCKPAGE_SYNC || state == CLOCKPAGE_WARN;
    const char *proof =
        proves || facts->clock_proven != CLOCKPAGE_PROVEN ? clockwords_proof_text(facts->clock_proven) : "";
    char sentence[CLOCKWORDS_MAX] = "";

    if (state != CLOCKPAGE_SYNC) {
        clockwords_sentence(state, (enum rc)facts->clock_reason, facts->clock_figure_ns, sentence);
    }
    page_put_row_of(w, "clock", "Clock", "%s%s%s%s%s", (is_lab ? lab_states : states)[state],
                    sentence[0] ? ": " : "", sentence, proof[0] ? "; " : "", proof);
}

static void put_source(struct wbuf *w, const struct facts *facts)
{
    char stratum[30] = "";

    if (facts->clock_stratum > 0) {
        snprintf(stratum, sizeof stratum, ", stratum %" PRIu32, facts->clock_stratum);
    }
    page_put_row_of(w, "source", "Its source", "%.47s%s",
                    facts->clock_reference[0] ? facts->clock_reference : "unknown", stratum);
}

static void put_known(struct wbuf *w, const char *id, const char *label, int64_t ns, const char *behind)
{
    char text[CLOCKWORDS_MAX];

    if (ns < 0) {
        page_put_row(w, id, label, "not known");
    } else {
        page_put_row_of(w, id, label, "%s%s", clockwords_duration(ns, text), behind);
    }
}

static void put_since(struct wbuf *w, const struct facts *facts)
{
    char time[GENTIME_TEXT_MAX];

    page_put_row_of(w, "since", "So since", "%s; %" PRIu32 " %s of state since the issuer started",
                    facts->clock_since.sec ? page_time_text(facts->clock_since, time) : "not known",
                    facts->clock_changes, facts->clock_changes == 1 ? "change" : "changes");
}

static void put_leap(struct wbuf *w, const struct facts *facts)
{
    static const char *const texts[] = {
        [CLOCKPAGE_LEAP_NONE] = "one may come",
        [CLOCKPAGE_LEAP_INSERT] = "one is inserted",
        [CLOCKPAGE_LEAP_DELETE] = "one is left out",
        [CLOCKPAGE_LEAP_UNKNOWN] = "one may come: nobody here knows",
    };
    const uint32_t leap =
        facts->clock_leap <= CLOCKPAGE_LEAP_UNKNOWN ? facts->clock_leap : CLOCKPAGE_LEAP_UNKNOWN;
    char time[GENTIME_TEXT_MAX];

    if (facts->clock_leap_at != 0) {
        page_put_row_of(w, "leap", "Leap second",
                        "%s at %s; for a few seconds around it no timestamps are issued", texts[leap],
                        page_time_text((struct gentime){facts->clock_leap_at, 0}, time));
    }
}

/* Nothing that anybody waits for helps here soon: what does is said. */
static void put_ahead(struct wbuf *w, const struct facts *facts)
{
    char text[CLOCKWORDS_MAX];

    if (facts->clock_ahead_ns > 0) {
        page_put_row_of(
            w, "ahead", "What to do",
            "The last token is %s ahead of the clock. If the clock is wrong now, mend it. If it was "
            "wrong then, and is right now: tsa clock acknowledge --reason TEXT. Else wait.",
            clockwords_duration(facts->clock_ahead_ns, text));
    }
}

void page_put_clock(struct wbuf *w, const struct facts *facts)
{
    put_state(w, facts);
    put_ahead(w, facts);
    put_source(w, facts);
    put_known(w, "bound", "Wrong by at most", facts->clock_bound_ns, "");
    put_known(w, "age", "Compared with it", facts->clock_age_ns, " ago");
    put_since(w, facts);
    put_leap(w, facts);
}
