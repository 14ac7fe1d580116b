/* SPDX-License-Identifier: Apache-2.0 */
/* The page for people: the document, and the state that stands at its top. Cells have ids, by which a program can find them. */
#include "tsa/front/page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "tsa/front/page_parts.h"

/* ---- pieces ---------------------------------------------------------------------------------------- */

void page_put_escaped(struct wbuf *w, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    size_t i;

    for (; *text; text++) {
        i = 0;
        while (i < sizeof entities / sizeof entities[0] && entities[i].c != *text) {
            i++;
        }
        if (i < sizeof entities / sizeof entities[0]) {
            wbuf_put_text(w, entities[i].entity);
        } else {
            wbuf_put_u8(w, (uint8_t)*text);
        }
    }
}

void page_put_row(struct wbuf *w, const char *id, const char *label, const char *value)
{
    wbuf_printf(w, "<tr><th scope=\"row\">%s</th><td%s%s%s>", label, id ? " id=\"" : "", id ? id : "",
                id ? "\"" : "");
    page_put_escaped(w, value);
    wbuf_put_text(w, "</td></tr>\n");
}

const char *page_time_text(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    t.nsec = 0;
    return gentime_build_iso(t, out, &len) == RC_OK ? out : "unknown";
}

void page_put_end(struct wbuf *w, const char *id, const char *label, struct gentime end, struct gentime now)
{
    int64_t days = (end.sec - now.sec) / PAGE_DAY_SECONDS;
    char time[GENTIME_TEXT_MAX], text[120];

    snprintf(text, sizeof text, "%s (%" PRId64 " days left)%s", page_time_text(end, time), days,
             end.sec < now.sec      ? ": it is over"
             : days < PAGE_FEW_DAYS ? ": renew it now"
                                    : "");
    page_put_row(w, id, label, text);
}

void page_put_row_of(struct wbuf *w, const char *id, const char *label, const char *format, ...)
{
    char text[500];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    page_put_row(w, id, label, text);
}

/* ---- state ----------------------------------------------------------------------------------------- */

static void put_issuer(struct wbuf *w, const struct facts *facts)
{
    char time[GENTIME_TEXT_MAX];

    page_put_clock(w, facts);
    page_put_row_of(w, "ledger", "Record", "%" PRIu64 " %s", facts->ledger_sequence,
                    facts->ledger_sequence == 1 ? "record" : "records");
    page_put_row(w, "last", "Last token",
                 facts->last_time.sec ? page_time_text(facts->last_time, time) : "none yet");
    page_put_row_of(w, "issuer", "Issuer", "since %s; %u signing threads; %u requests in its queue",
                    page_time_text(facts->started, time), facts->num_signers, facts->num_waiting);
}

/* Of the unit that is the first to end. */
static void put_ends(struct wbuf *w, const struct page *page)
{
    struct gentime certificate = page->units[0].cert.not_after, key = unit_key_end(&page->units[0]);
    size_t i;

    for (i = 1; i < page->num_units; i++) {
        struct gentime other = page->units[i].cert.not_after, other_key = unit_key_end(&page->units[i]);

        certificate = other.sec < certificate.sec ? other : certificate;
        key = other_key.sec < key.sec ? other_key : key;
    }
    page_put_end(w, "certificate", "Certificate until", certificate, page->now);
    page_put_end(w, "key", "Key signs until", key, page->now);
}

static void put_box(struct wbuf *w, const char *class, const char *words, const char *detail)
{
    wbuf_printf(w, "<p id=\"state\" class=\"%s\">%s", class, words);
    page_put_escaped(w, detail);
    wbuf_put_text(w, "</p>\n");
}

/* Green is what needs nobody's eye. */
static void put_state_box(struct wbuf *w, const struct page *page)
{
    char sentence[PAGE_SENTENCE_MAX], doubts[PAGE_DOUBTS_MAX];

    if (page->reason != RC_OK) {
        put_box(w, "bad", "Not ready: ", page_ready_sentence(page->facts, page->reason, sentence));
    } else if (page_doubts(page, doubts)) {
        put_box(w, "warn", "Ready, with a warning: timestamps are issued, but ", doubts);
    } else {
        put_box(w, "good", "Ready: timestamps are issued.", "");
    }
    page_put_advice(w, page);
}

static void put_state(struct wbuf *w, const struct page *page)
{
    wbuf_put_text(w, "<h2>State</h2>\n");
    put_state_box(w, page);
    if (page->units[0].is_lab) {
        page_put_lab(w);
    }
    wbuf_put_text(w, "<table>\n<tbody>\n");
    page_put_times(w, page);
    if (page->facts) {
        put_issuer(w, page->facts);
    }
    put_ends(w, page);
    page_put_row_of(w, "connections", "Connections", "%" PRIu64 " open, %" PRIu64 " accepted in all",
                    page->sums.open, page->sums.accepted);
    page_put_row_of(w, "waiting", "Requests that wait", "%" PRIu64, page->sums.waiting);
    page_put_row_of(w, "fronts", "Front processes", "%u", page->sums.fronts);
    page_put_row(w, "version", "Version", TSA_VERSION);
    wbuf_put_text(w, "</tbody>\n</table>\n");
}

/* granted is NULL where there is no such thing. */
static void put_sum(struct wbuf *w, const char *id, const char *label, const uint64_t *granted,
                    uint64_t refused)
{
    wbuf_printf(w, "<tr id=\"%s\"><th scope=\"row\">%s</th><td>", id, label);
    if (granted) {
        wbuf_printf(w, "%" PRIu64, *granted);
    }
    wbuf_printf(w, "</td><td>%" PRIu64 "</td></tr>\n", refused);
}

static void put_requests(struct wbuf *w, const struct metrics_sums *sums)
{
    wbuf_put_text(w, "<table class=\"sums\">\n<caption>Requests since this authority started</caption>\n"
                     "<thead><tr><th scope=\"col\">By</th><th scope=\"col\">Granted</th>"
                     "<th scope=\"col\">Refused</th></tr></thead>\n<tbody>\n");
    put_sum(w, "rfc3161", "RFC 3161", &sums->granted[METRICS_RFC3161], sums->refused[METRICS_RFC3161]);
    put_sum(w, "authenticode", "Authenticode", &sums->granted[METRICS_AUTHENTICODE],
            sums->refused[METRICS_AUTHENTICODE]);
    put_sum(w, "neither", "Neither of the two", NULL, sums->refused[METRICS_NEITHER]);
    put_sum(w, "turned-away", "Turned away unread", NULL, sums->turned_away);
    wbuf_put_text(w, "</tbody>\n</table>\n");
}

/* ---- document -------------------------------------------------------------------------------------- */

static void put_footer(struct wbuf *w, const struct page *page)
{
    wbuf_put_text(w,
                  "</main>\n<footer><ul class=\"files\"><li><a href=\"/status.json\">status.json</a></li>");
    if (!page->hides_metrics) {
        wbuf_put_text(w, "<li><a href=\"/metrics\">metrics</a></li>");
    }
    wbuf_put_text(w, "<li><a href=\"/readyz\">readyz</a></li><li>tsa " TSA_VERSION
                     "</li></ul></footer>\n</body>\n</html>\n");
}

void page_build_html(struct wbuf *out, const struct page *page)
{
    wbuf_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n"
                       "<title>");
    wbuf_put_text(out, page_lab_time(page) ? "LAB TIME - " : "");
    wbuf_put_text(out, "Timestamp authority</title>\n<style>");
    wbuf_put_text(out, page_style);
    wbuf_put_text(out, "</style>\n</head>\n<body>\n");
    page_put_lab_time(out, page);
    wbuf_put_text(out, "<header>\n<h1>Timestamp authority</h1>\n"
                       "<p>RFC 3161 and Authenticode, both on one address.</p>\n</header>\n<main>\n");
    put_state(out, page);
    put_requests(out, &page->sums);
    page_put_recipes(out, page);
    page_put_units(out, page);
    put_footer(out, page);
}
