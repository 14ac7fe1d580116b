/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page says where not all is well: what is wrong though timestamps are issued, and what who runs the authority does first, for every reason. More
 * stands in the runbooks of the alerts. Private to page.
 */
#include "tsa/front/page_parts.h"

#include <stdio.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/clockwords.h"

#define CLOCK_STATUS "tsa clock status names the source, each server and the figures"

static const struct {
    enum rc reason;
    const char *advice;
} advices[] = {
    {RC_CLOCK_UNKNOWN, CLOCK_STATUS "; it may have just started. If this stays, journalctl -u tsa."},
    {RC_CLOCK_STALE, "journalctl -u tsa says why the process that watches the clock hangs or has ended (the "
                     "clock's own unit, where clock.file is set)."},
    {RC_CLOCK_UNREACHABLE, CLOCK_STATUS "; see that it runs (systemctl status chrony, chronyc tracking)."},
    {RC_CLOCK_UNSYNCHRONISED, CLOCK_STATUS "; chronyc sources shows which of its servers answer."},
    {RC_CLOCK_LOCAL,
     CLOCK_STATUS "; chronyd follows itself: chronyc sources, and no \"local\" in chrony.conf."},
    {RC_CLOCK_OLD, CLOCK_STATUS "; chronyc sources shows which of its servers answer."},
    {RC_CLOCK_BOUND,
     CLOCK_STATUS "; chronyc tracking shows where they come from. Wait for it to converge, use "
                  "nearer servers, or declare a larger accuracy."},
    {RC_CLOCK_DISAGREES, CLOCK_STATUS "; compare with a clock that you trust, and take out who is wrong."},
    {RC_CLOCK_UNCONFIRMED,
     CLOCK_STATUS "; clock.servers are meant, not chronyd: see that they are reached (UDP port 123)."},
    {RC_CLOCK_STEPPED, CLOCK_STATUS "; find out who has set the clock (journalctl -u chrony). It goes on by "
                                    "itself once the clock was compared again."},
    {RC_CLOCK_BACKWARDS,
     CLOCK_STATUS "; compare the clock with one that you trust. Where it is right now, and "
                  "was not then: tsa clock acknowledge --reason TEXT."},
    {RC_CLOCK_LEAP,
     "Nothing, if the leap second is real (tsa clock status tells who announces it): it is over "
     "within seconds."},
    {RC_CERT_NOT_YET_VALID, "tsa clock status, then tsa check: the clock or the certificate is wrong."},
    {RC_CERT_EXPIRED, "Install the next key and certificate: tsa check, then tsa reload --wait."},
    {RC_KEY_USE_OVER, "Install the next key and certificate: tsa check, then tsa reload --wait."},
    {RC_LEDGER_WRITE,
     "df and dmesg: is the disk full, or failing? Make room, then restart; never shorten the record."},
    {RC_LEDGER_DAMAGED, "journalctl -u tsa; keep the disk as evidence, go on with a copy of the record."},
    {RC_ISSUER_GONE, "journalctl -u tsa: lines with part=issuer say why the signing process has ended."},
    {RC_ISSUER_SILENT,
     "tsa status, then journalctl -u tsa: a signing process that hangs is started anew within "
     "seconds."},
    {RC_SELF_CHECK,
     "journalctl -u tsa: what was signed was not right. Stop using that key until it is understood."},
};

static const char *advice_of(enum rc reason)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (advices[i].reason == reason) {
            return advices[i].advice;
        }
    }
    return "tsa status shows the state of each part, journalctl -u tsa why.";
}

static bool warns(const struct page *page)
{
    return page->facts && page->facts->clock_state == CLOCKPAGE_WARN;
}

bool page_doubts(const struct page *page, char out[PAGE_DOUBTS_MAX])
{
    const struct facts *facts = page->facts;
    char sentence[CLOCKWORDS_MAX];
    struct wbuf w;
    size_t before;

    wbuf_init_fixed(&w, out, PAGE_DOUBTS_MAX - 1);
    if (warns(page)) {
        wbuf_put_text(&w, clockwords_sentence(CLOCKPAGE_WARN, (enum rc)facts->clock_reason,
                                              facts->clock_figure_ns, sentence));
        wbuf_put_text(&w, sentence[0] ? "; " : "");
    }
    before = w.len;
    if (room_list_refusers(page->units, page->num_units, facts, page->now, &w) == 0 && before > 0) {
        w.len -= 2; /* nothing follows */
    }
    out[w.len] = 0;
    return w.len > 0;
}

/* What the doubts are about, where there is no reason not to be ready. */
static enum rc reason_to_look(const struct page *page)
{
    bool some;

    if (page->reason != RC_OK || warns(page)) {
        return page->reason != RC_OK ? page->reason : (enum rc)page->facts->clock_reason;
    }
    for (size_t i = 0; i < page->num_units; i++) {
        const enum rc rc = room_reason(&page->units[i], page->facts, page->now, &some);

        if (rc != RC_OK) {
            return rc;
        }
    }
    return RC_OK;
}

void page_put_advice(struct wbuf *w, const struct page *page)
{
    const enum rc reason = reason_to_look(page);

    if (reason != RC_OK) {
        wbuf_put_text(w, "<p id=\"advice\">For who runs it: ");
        page_put_escaped(w, advice_of(reason));
        wbuf_put_text(w, "</p>\n");
    }
}
