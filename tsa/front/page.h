/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authority says of itself: the page for people (GET /), the same facts for programs (/status.json), and the reason of
 * /readyz. No script; light or dark as the reader's system has it; every value that is not ours is escaped.
 *
 * /status.json is one object; its names are promises:
 *   ready (bool), reason (stable word, "ok" when ready), sentence (text), version, time (of the machine, ISO 8601 UTC), lab_time (text or null; where
 *   there is one, days are counted by it)
 *   clock {state: unknown|sync|warn|stop, reason (stable word), text, figure_ns (of reason): null without one; proof:
 *   trusted|proven|lab-time, proven (bool): of the kind of source, also while the state is stop; bound_ns, age_ns (since it was compared with its reference), stratum: null = not known; reference,
 *   since (time or null), changes (of state, since the issuer started), leap: none|insert|delete|unknown, leap_at (time or null), ahead_ns (of the
 *   last token's time, ahead of the clock; 0 = it is not)}
 *   ledger {records}   tokens {rfc3161, authenticode, refused: since the issuer started}   last_token (time or null)
 *   issuer {started, signers, waiting}   -- clock, ledger, tokens, last_token, issuer are null when the issuer does not answer
 *   requests {rfc3161 {granted, refused}, authenticode {granted, refused}, neither {refused}, turned_away: of all fronts, since the
 *   authority started}   connections {open, accepted}   waiting (requests, of all fronts)   fronts (processes)
 *   units [{name, protocols, policy, digests, digest, accuracy_ns, lab, issues: all|some|none, issues_reason (stable word or null), clock_room_ns (of its accuracy,
 *   beside rounding and bound; negative: refuses; null = nothing to be proven), certificate {subject, serial, key, not_before,
 *   not_after, days_left, key_not_after, key_days_left}}]
 */
#ifndef TSA_FRONT_PAGE_H
#define TSA_FRONT_PAGE_H

#include "tsa/front/metrics.h"
#include "tsa/role/facts.h"
#include "tsa/role/unit.h"

struct page {
    const struct unit *units;
    size_t num_units;
    const struct facts *facts; /* NULL: the issuer does not answer */
    enum rc reason;            /* why no tokens are issued */
    struct metrics_sums sums;
    struct bytes host;      /* as the client sent it; used only when it is a plain host and port */
    bool is_tls;            /* the page was asked for over TLS: so are its addresses */
    bool hides_metrics;     /* /metrics is answered elsewhere */
    struct gentime now;     /* the clock that the units go by */
    struct gentime machine; /* the machine's, which is another under lab time */
    const char *lab_time;   /* which; NULL = there is none, as far as this front knows */
};

void page_build_html(struct wbuf *out, const struct page *page);
void page_build_json(struct wbuf *out, const struct page *page);

/* page_put_policy appends the header lines that go with the HTML: it may load nothing at all, and no style but its own. */
void page_put_policy(struct wbuf *out);

/* page_ready_reason tells why no tokens are issued; RC_OK when they are. Without facts has_issuer tells an issuer that is silent from none. */
enum rc page_ready_reason(const struct facts *facts, bool has_issuer);

/* page_ready_sentence says it in words, with the figure where there is one; out or static. */
#define PAGE_SENTENCE_MAX 200
const char *page_ready_sentence(const struct facts *facts, enum rc reason, char out[PAGE_SENTENCE_MAX]);

/* page_lab_time tells which lab time is shown, by this front or by the issuer; NULL = the time is the real one. */
const char *page_lab_time(const struct page *page);

/* page_host_is_plain: letters, digits, dots and hyphens, or a bracketed IPv6 address; with or without a port. */
bool page_host_is_plain(struct bytes host);

#endif
