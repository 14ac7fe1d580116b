/* SPDX-License-Identifier: Apache-2.0 */
/* /status.json: see page.h for what its names promise. Private to page. */
#include "tsa/front/page.h"

#include <inttypes.h>
#include <string.h>

#include "tsa/front/room.h"
#include "tsa/role/clockpage.h"
#include "tsa/role/clockwords.h"

static void put_string(struct wbuf *w, const char *text)
{
    wbuf_put_u8(w, '"');
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;

        if (c < 0x20 || c == 0x7f) {
            wbuf_printf(w, "\\u%04x", c);
        } else {
            if (c == '"' || c == '\\') {
                wbuf_put_u8(w, '\\');
            }
            wbuf_put_u8(w, c);
        }
    }
    wbuf_put_u8(w, '"');
}

/* "name":" with the comma that stands before all but the first. */
static void put_name(struct wbuf *w, const char *name)
{
    if (w->len > 0 && !strchr("{[", w->data[w->len - 1])) {
        wbuf_put_u8(w, ',');
    }
    put_string(w, name);
    wbuf_put_u8(w, ':');
}

static void put_text(struct wbuf *w, const char *name, const char *value)
{
    put_name(w, name);
    put_string(w, value);
}

static void put_bool(struct wbuf *w, const char *name, bool value)
{
    put_name(w, name);
    wbuf_put_text(w, value ? "true" : "false");
}

static void put_count(struct wbuf *w, const char *name, uint64_t value)
{
    put_name(w, name);
    wbuf_printf(w, "%" PRIu64, value);
}

/* A negative number is one that is not known. */
static void put_known(struct wbuf *w, const char *name, int64_t value)
{
    put_name(w, name);
    if (value < 0) {
        wbuf_put_text(w, "null");
    } else {
        wbuf_printf(w, "%" PRId64, value);
    }
}

static void put_time(struct wbuf *w, const char *name, struct gentime t)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    put_name(w, name);
    t.nsec = 0;
    if (t.sec != 0 && gentime_build_iso(t, text, &len) == RC_OK) {
        put_string(w, text);
    } else {
        wbuf_put_text(w, "null");
    }
}

static void put_text_or_null(struct wbuf *w, const char *name, const char *value)
{
    put_name(w, name);
    if (value[0]) {
        put_string(w, value);
    } else {
        wbuf_put_text(w, "null");
    }
}

/* Why it is as it is: nothing where it is good. A figure may be negative (the clock was set back). */
static void put_clock_reason(struct wbuf *w, const struct facts *facts)
{
    const enum rc reason = facts->clock_reason < RC_NUM ? (enum rc)facts->clock_reason : RC_OK;
    const bool has_figure = reason != RC_OK && facts->clock_figure_ns != -1;
    char text[CLOCKWORDS_MAX];

    put_text_or_null(w, "reason", reason == RC_OK ? "" : rc_word(reason));
    put_text_or_null(
        w, "text",
        clockwords_sentence(facts->clock_state, reason, has_figure ? facts->clock_figure_ns : -1, text));
    put_name(w, "figure_ns");
    if (has_figure) {
        wbuf_printf(w, "%" PRId64, facts->clock_figure_ns);
    } else {
        wbuf_put_text(w, "null");
    }
}

static void put_clock(struct wbuf *w, const struct facts *facts)
{
    char reference[sizeof facts->clock_reference + 1] = "";

    memcpy(reference, facts->clock_reference, sizeof facts->clock_reference);
    put_text(w, "state", clockwords_state(facts->clock_state));
    put_clock_reason(w, facts);
    put_text(w, "proof", clockwords_proof(facts->clock_proven));
    put_bool(w, "proven", facts->clock_proven == CLOCKPAGE_PROVEN);
    put_known(w, "bound_ns", facts->clock_bound_ns);
    put_known(w, "age_ns", facts->clock_age_ns);
    put_known(w, "stratum", facts->clock_stratum > 0 ? (int64_t)facts->clock_stratum : -1);
    put_text(w, "reference", reference);
    put_time(w, "since", facts->clock_since);
    put_count(w, "changes", facts->clock_changes);
    put_text(w, "leap", clockwords_leap(facts->clock_leap));
    put_time(w, "leap_at", (struct gentime){facts->clock_leap_at, 0});
    put_known(w, "ahead_ns", facts->clock_ahead_ns > 0 ? facts->clock_ahead_ns : 0);
}

static void put_facts(struct wbuf *w, const struct facts *facts)
{
    put_name(w, "clock");
    wbuf_put_u8(w, '{');
    put_clock(w, facts);
    wbuf_put_text(w, "},\"ledger\":{");
    put_count(w, "records", facts->ledger_sequence);
    wbuf_put_text(w, "},\"tokens\":{");
    put_count(w, "rfc3161", facts->num_rfc3161);
    put_count(w, "authenticode", facts->num_authenticode);
    put_count(w, "refused", facts->num_refused);
    wbuf_put_u8(w, '}');
    put_time(w, "last_token", facts->last_time);
    wbuf_put_text(w, ",\"issuer\":{");
    put_time(w, "started", facts->started);
    put_count(w, "signers", facts->num_signers);
    put_count(w, "waiting", facts->num_waiting);
    wbuf_put_u8(w, '}');
}

/* Negative when it is over. */
static void put_days(struct wbuf *w, const char *name, struct gentime end, struct gentime now)
{
    put_name(w, name);
    wbuf_printf(w, "%" PRId64, (end.sec - now.sec) / 86400);
}

static void put_certificate(struct wbuf *w, const struct unit *unit, struct gentime now)
{
    const struct cert *cert = &unit->cert;
    struct gentime key_end = unit_key_end(unit);
    char text[300];

    put_name(w, "certificate");
    wbuf_put_u8(w, '{');
    put_text(w, "subject", cert_name(cert->subject, text, sizeof text));
    put_text(w, "serial", bytes_to_hex(cert->serial, text, sizeof text));
    put_text(w, "key", oid_name(cert->key_type));
    put_time(w, "not_before", cert->not_before);
    put_time(w, "not_after", cert->not_after);
    put_days(w, "days_left", cert->not_after, now);
    put_time(w, "key_not_after", key_end);
    put_days(w, "key_days_left", key_end, now);
    wbuf_put_u8(w, '}');
}

static void put_words(struct wbuf *w, const char *name, const char *const *words, size_t num, unsigned set)
{
    const char *comma = "";
    size_t i;

    put_name(w, name);
    wbuf_put_u8(w, '[');
    for (i = 0; i < num; i++) {
        if (set & (1u << i)) {
            wbuf_put_text(w, comma);
            put_string(w, words[i]);
            comma = ",";
        }
    }
    wbuf_put_u8(w, ']');
}

static void put_issues(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    bool some;
    const enum rc own = room_reason(unit, page->facts, page->now, &some);
    const enum rc reason = own == RC_OK || (some && page->reason != RC_OK) ? page->reason : own;
    int64_t room;

    put_text(w, "issues", reason == RC_OK ? "all" : some && page->reason == RC_OK ? "some" : "none");
    put_text_or_null(w, "issues_reason", reason == RC_OK ? "" : rc_word(reason));
    put_name(w, "clock_room_ns");
    if (room_of(unit, page->facts, &room)) {
        wbuf_printf(w, "%" PRId64, room);
    } else {
        wbuf_put_text(w, "null");
    }
}

static void put_unit(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    static const char *const protocols[] = {"rfc3161", "authenticode"};
    const char *digests[DIGEST_NUM];
    char policy[OID_TEXT_MAX];
    int alg;

    for (alg = 0; alg < DIGEST_NUM; alg++) {
        digests[alg] = digest_name((enum digest)alg);
    }
    wbuf_put_u8(w, '{');
    put_text(w, "name", unit->settings->name);
    put_words(w, "protocols", protocols, 2, unit->settings->protocols);
    put_text(w, "policy", oid_to_text(unit->policy, policy, sizeof policy));
    put_words(w, "digests", digests, DIGEST_NUM, unit->settings->digests);
    put_text(w, "digest", digest_name((enum digest)unit->settings->digest));
    put_known(w, "accuracy_ns", unit->settings->accuracy > 0 ? unit->settings->accuracy : -1);
    put_bool(w, "lab", unit->is_lab);
    put_issues(w, page, unit);
    put_certificate(w, unit, page->now);
    wbuf_put_u8(w, '}');
}

static void put_requests(struct wbuf *w, const struct metrics_sums *sums)
{
    static const char *const names[SHARED_KINDS] = {"neither", "rfc3161", "authenticode"};
    size_t i;

    put_name(w, "requests");
    wbuf_put_u8(w, '{');
    for (i = 0; i < SHARED_KINDS; i++) {
        put_name(w, names[i]);
        wbuf_put_u8(w, '{');
        if (i != METRICS_NEITHER) {
            put_count(w, "granted", sums->granted[i]);
        }
        put_count(w, "refused", sums->refused[i]);
        wbuf_put_u8(w, '}');
    }
    put_count(w, "turned_away", sums->turned_away);
    wbuf_put_text(w, "},\"connections\":{");
    put_count(w, "open", sums->open);
    put_count(w, "accepted", sums->accepted);
    wbuf_put_u8(w, '}');
    put_count(w, "waiting", sums->waiting);
    put_count(w, "fronts", sums->fronts);
}

void page_build_json(struct wbuf *out, const struct page *page)
{
    const enum rc reason = page->reason;
    char sentence[PAGE_SENTENCE_MAX];
    size_t i;

    wbuf_put_u8(out, '{');
    put_bool(out, "ready", reason == RC_OK);
    put_text(out, "reason", rc_word(reason));
    put_text(out, "sentence", page_ready_sentence(page->facts, reason, sentence));
    put_text(out, "version", TSA_VERSION);
    put_time(out, "time", page->machine);
    put_text_or_null(out, "lab_time", page_lab_time(page) ? page_lab_time(page) : "");
    if (page->facts) {
        put_facts(out, page->facts);
    } else {
        wbuf_put_text(out,
                      ",\"clock\":null,\"ledger\":null,\"tokens\":null,\"last_token\":null,\"issuer\":null");
    }
    put_requests(out, &page->sums);
    put_name(out, "units");
    wbuf_put_u8(out, '[');
    for (i = 0; i < page->num_units; i++) {
        wbuf_put_text(out, i ? "," : "");
        put_unit(out, page, &page->units[i]);
    }
    wbuf_put_text(out, "]}\n");
}
