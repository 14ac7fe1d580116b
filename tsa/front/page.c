/* SPDX-License-Identifier: Apache-2.0 */
/* The page for people, and what both forms of it share. */
#include "tsa/front/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tsa/role/clockpage.h"

#define URL_MAX     300
#define DAY_SECONDS 86400
#define FEW_DAYS    30

enum rc page_ready_reason(const struct facts *facts)
{
    if (!facts) {
        return RC_ISSUER_GONE;
    }
    if (facts->ready) {
        return RC_OK;
    }
    return facts->reason != RC_OK && facts->reason < RC_NUM ? (enum rc)facts->reason : RC_ISSUER_GONE;
}

/* ---- the URL to type ------------------------------------------------------------------------------- */

static bool is_of(uint8_t c, const char *set)
{
    return c != 0 && strchr(set, c);
}

/* Length of the host at the front, without port; 0 = none. */
static size_t host_len(struct bytes host)
{
    bool is_v6 = host.len > 0 && host.data[0] == '[';
    size_t i = is_v6 ? 1 : 0;
    const char *set = is_v6 ? "0123456789abcdefABCDEF:."
                            : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

    while (i < host.len && is_of(host.data[i], set)) {
        i++;
    }
    if (is_v6) {
        return i > 1 && i < host.len && host.data[i] == ']' ? i + 1 : 0;
    }
    return i;
}

bool page_host_is_plain(struct bytes host)
{
    size_t len = host_len(host), i;

    if (len == 0 || host.len > 255) {
        return false;
    }
    if (len == host.len) {
        return true;
    }
    for (i = len + 1; i < host.len; i++) {
        if (!is_of(host.data[i], "0123456789")) {
            return false;
        }
    }
    return host.data[len] == ':' && host.len - len >= 2 && host.len - len <= 6;
}

static void build_url(const struct page *page, char out[URL_MAX])
{
    struct bytes host = page_host_is_plain(page->host) ? page->host : bytes_str("YOUR-SERVER");

    snprintf(out, URL_MAX, "http://%.*s/", (int)host.len, (const char *)host.data);
}

/* ---- pieces ---------------------------------------------------------------------------------------- */

static void put_escaped(struct wbuf *w, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            wbuf_put_text(w, "&amp;");
            break;
        case '<':
            wbuf_put_text(w, "&lt;");
            break;
        case '>':
            wbuf_put_text(w, "&gt;");
            break;
        case '"':
            wbuf_put_text(w, "&quot;");
            break;
        default:
            wbuf_put_u8(w, (uint8_t)*text);
        }
    }
}

static void put_row(struct wbuf *w, const char *label, const char *value)
{
    wbuf_put_text(w, "<tr><th>");
    put_escaped(w, label);
    wbuf_put_text(w, "</th><td>");
    put_escaped(w, value);
    wbuf_put_text(w, "</td></tr>\n");
}

static const char *time_text(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    t.nsec = 0;
    return gentime_build_iso(t, out, &len) == RC_OK ? out : "unknown";
}

static void duration_text(int64_t ns, char *out, size_t out_size)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "\u00b5s"}, {1, "ns"}};
    size_t i = 0;

    while (i < 3 && ns < units[i].ns) {
        i++;
    }
    snprintf(out, out_size, "%.3g %s", (double)ns / (double)units[i].ns, units[i].name);
}

static int64_t days_left(const struct page *page, const struct unit *unit)
{
    return (unit->cert.not_after.sec - page->now.sec) / DAY_SECONDS;
}

/* ---- state ----------------------------------------------------------------------------------------- */

static void put_clock(struct wbuf *w, const struct facts *facts)
{
    static const char *const states[] = {"unknown", "good", "good, with a warning", "stopped"};
    const char *state = facts->clock_state < 4 ? states[facts->clock_state] : states[0];
    char bound[40] = "not known", text[200];

    if (facts->clock_bound_ns >= 0) {
        duration_text(facts->clock_bound_ns, bound, sizeof bound);
    }
    snprintf(text, sizeof text, "%s; source %.31s; wrong by at most: %s%s", state,
             facts->clock_reference[0] ? facts->clock_reference : "unknown", bound,
             facts->clock_proven ? "" : " (the host is trusted without proof)");
    put_row(w, "Clock", text);
}

static void put_state(struct wbuf *w, const struct page *page)
{
    const struct facts *facts = page->facts;
    enum rc reason = page_ready_reason(facts);
    char text[200], time[GENTIME_TEXT_MAX];

    wbuf_printf(w, "<p class=\"%s\">", reason == RC_OK ? "good" : "bad");
    put_escaped(w, reason == RC_OK ? "Ready: timestamps are issued." : "Not ready: ");
    put_escaped(w, reason == RC_OK ? "" : rc_text(reason));
    wbuf_put_text(w, "</p>\n<table>\n");
    put_row(w, "Time", time_text(page->now, time));
    if (facts) {
        put_clock(w, facts);
        snprintf(text, sizeof text, "%" PRIu64 " records", facts->ledger_sequence);
        put_row(w, "Ledger", text);
        put_row(w, "Last token", facts->last_time.sec ? time_text(facts->last_time, time) : "none yet");
        snprintf(text, sizeof text,
                 "%" PRIu64 " by RFC 3161, %" PRIu64 " by Authenticode, %" PRIu64
                 " refused by the issuer, since %s",
                 facts->num_rfc3161, facts->num_authenticode, facts->num_refused,
                 time_text(facts->started, time));
        put_row(w, "Tokens", text);
    }
    wbuf_put_text(w, "</table>\n");
}

static void put_digests(struct wbuf *w, const struct unit *unit)
{
    struct wbuf list;
    char storage[100] = "";
    int alg;

    wbuf_init_fixed(&list, storage, sizeof storage - 1);
    for (alg = DIGEST_NONE + 1; alg < DIGEST_NUM; alg++) {
        if (unit->settings->digests & (1u << alg)) {
            wbuf_printf(&list, "%s%s", list.len ? ", " : "", digest_name((enum digest)alg));
        }
    }
    storage[list.len] = 0;
    put_row(w, "Digests taken", storage);
}

static void put_validity(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    char time[GENTIME_TEXT_MAX], text[120];
    int64_t days = days_left(page, unit);

    snprintf(text, sizeof text, "%s (%" PRId64 " days left)%s", time_text(unit->cert.not_after, time), days,
             days < FEW_DAYS ? ": renew it now" : "");
    put_row(w, "Valid until", text);
}

static void put_unit(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    const struct settings_unit *settings = unit->settings;
    bool rfc3161 = settings->protocols & SETTINGS_RFC3161,
         authenticode = settings->protocols & SETTINGS_AUTHENTICODE;
    char text[300], policy[OID_TEXT_MAX];

    wbuf_put_text(w, "<h3>/");
    put_escaped(w, settings->name);
    wbuf_put_text(w, "</h3>\n");
    if (unit->is_lab) {
        wbuf_put_text(
            w, "<p class=\"bad\">A test laboratory: its timestamps prove nothing to anybody else.</p>\n");
    }
    wbuf_put_text(w, "<table>\n");
    put_row(w, "Certificate", cert_name(unit->cert.subject, text, sizeof text));
    put_validity(w, page, unit);
    snprintf(text, sizeof text, "%s, signs with %s", oid_name(unit->cert.key_type),
             digest_name((enum digest)settings->digest));
    put_row(w, "Key", text);
    put_row(w, "Answers",
            rfc3161 && authenticode ? "RFC 3161 and Authenticode"
            : rfc3161               ? "RFC 3161"
                                    : "Authenticode");
    put_row(w, "Policy", oid_to_text(unit->policy, policy, sizeof policy));
    put_digests(w, unit);
    wbuf_put_text(w, "</table>\n<p>");
    wbuf_printf(w, "<a href=\"/%s/chain.pem\">chain.pem</a> <a href=\"/%s/chain.p7b\">chain.p7b</a>",
                settings->name, settings->name);
    if (unit->root.len > 0) {
        wbuf_printf(w, " <a href=\"/%s/root.pem\">root.pem</a> <a href=\"/%s/root.cer\">root.cer</a>",
                    settings->name, settings->name);
    }
    wbuf_put_text(w, "</p>\n");
}

/* ---- what to type ---------------------------------------------------------------------------------- */

#define URL_MARK '\1' /* the authority's URL stands here */

/* lab_lines stand in place of lines where the root is one that no machine trusts by itself. */
static const struct {
    const char *tool, *lines, *lab_lines;
} recipes[] = {
    {"signtool (RFC 3161)",
     "signtool sign /fd sha256 /tr \1 /td sha256 /n \"YOUR NAME\" driver.sys\n"
     "signtool timestamp /tr \1 /td sha256 driver.sys",
     NULL},
    {"signtool (Authenticode, for old Windows)", "signtool timestamp /t \1 driver.sys", NULL},
    {"osslsigncode",
     "osslsigncode add -ts \1 -in driver.sys -out stamped.sys\n"
     "osslsigncode add -t \1 -in driver.sys -out stamped.sys",
     NULL},
    {"openssl and curl",
     "openssl ts -query -data FILE -sha256 -cert -out file.tsq\n"
     "curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @file.tsq -o file.tsr \1\n"
     "curl -fsSO \1root.pem -O \1chain.pem\n"
     "openssl ts -verify -queryfile file.tsq -in file.tsr -CAfile root.pem -untrusted chain.pem",
     NULL},
    {"jarsigner", "jarsigner -tsa \1 archive.jar ALIAS", NULL},
    {"tsclient",
     "tsclient stamp --tr \1 driver.sys\n"
     "tsclient verify driver.sys",
     "curl -fsSO \1root.pem\n"
     "tsclient stamp --tr \1 --ca root.pem driver.sys\n"
     "tsclient verify --ca root.pem driver.sys"},
};

static void put_recipe(struct wbuf *w, const char *lines, const char *url)
{
    char one[2] = {0};

    wbuf_put_text(w, "<pre>");
    for (; *lines; lines++) {
        one[0] = *lines;
        put_escaped(w, *lines == URL_MARK ? url : one);
    }
    wbuf_put_text(w, "</pre>\n");
}

static void put_recipes(struct wbuf *w, const struct page *page)
{
    bool is_lab = page->units[0].is_lab && page->units[0].root.len > 0;
    char url[URL_MAX];
    size_t i;

    build_url(page, url);
    wbuf_put_text(w, "<h2>What to type</h2>\n<p>One address answers both protocols.</p>\n");
    for (i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        wbuf_put_text(w, "<h3>");
        put_escaped(w, recipes[i].tool);
        wbuf_put_text(w, "</h3>\n");
        put_recipe(w, is_lab && recipes[i].lab_lines ? recipes[i].lab_lines : recipes[i].lines, url);
    }
    if (is_lab) {
        wbuf_put_text(w,
                      "<h3>Make a Windows test machine trust this laboratory (cmd as administrator)</h3>\n");
        put_recipe(w,
                   "curl.exe -fsSO \1root.cer && certutil -addstore -f Root root.cer\n"
                   "curl.exe -fsSO \1chain.p7b && certutil -addstore -f CA chain.p7b",
                   url);
    }
}

static const char style[] =
    ":root{color-scheme:light "
    "dark;--text:#1a1a1a;--back:#fff;--line:#ccc;--code:#f3f3f3;--good:#0a6b2b;--bad:#a31515}"
    "@media(prefers-color-scheme:dark){:root{--text:#e6e6e6;--back:#16181b;--line:#444;--code:#23262b;--good:"
    "#6fd08c;"
    "--bad:#ff8a80}}"
    "body{font:16px/1.5 "
    "system-ui,sans-serif;color:var(--text);background:var(--back);max-width:52rem;margin:2rem auto;"
    "padding:0 1rem}"
    "table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0;"
    "border-bottom:1px solid var(--line)}th{font-weight:600;white-space:nowrap}"
    "pre{background:var(--code);padding:.7rem;overflow-x:auto}"
    ".good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}a{color:inherit}";

void page_build_html(struct wbuf *out, const struct page *page)
{
    size_t i;

    wbuf_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>Timestamp authority</title>\n<style>");
    wbuf_put_text(out, style);
    wbuf_put_text(out, "</style>\n</head>\n<body>\n<h1>Timestamp authority</h1>\n");
    put_state(out, page);
    put_recipes(out, page);
    wbuf_put_text(out, "<h2>Units and certificates</h2>\n");
    for (i = 0; i < page->num_units; i++) {
        put_unit(out, page, &page->units[i]);
    }
    wbuf_put_text(out, "<p><a href=\"/status.json\">status.json</a> <a href=\"/metrics\">metrics</a> "
                       "<a href=\"/readyz\">readyz</a>, tsa " TSA_VERSION "</p>\n</body>\n</html>\n");
}
