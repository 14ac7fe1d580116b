/* SPDX-License-Identifier: Apache-2.0 */
/* The page's certificates, and what to type in each tool. Private to page. */
#include "tsa/front/page_parts.h"

#include <stdio.h>
#include <string.h>

#include "tsa/role/clockwords.h"

#define URL_MAX 300

/* ---- the address to type --------------------------------------------------------------------------- */

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

    snprintf(out, URL_MAX, "%s://%.*s/", page->is_tls ? "https" : "http", (int)host.len,
             (const char *)host.data);
}

/* ---- units ----------------------------------------------------------------------------------------- */

static const char *digests_text(const struct unit *unit, char *out, size_t out_size)
{
    struct wbuf list;
    int alg;

    wbuf_init_fixed(&list, out, out_size - 1);
    for (alg = DIGEST_NONE + 1; alg < DIGEST_NUM; alg++) {
        if (unit->settings->digests & (1u << alg)) {
            wbuf_printf(&list, "%s%s", list.len ? ", " : "", digest_name((enum digest)alg));
        }
    }
    out[list.len] = 0;
    return out;
}

static const char *protocols_text(unsigned protocols)
{
    bool rfc3161 = protocols & SETTINGS_RFC3161, authenticode = protocols & SETTINGS_AUTHENTICODE;

    return rfc3161 && authenticode ? "RFC 3161 and Authenticode" : rfc3161 ? "RFC 3161" : "Authenticode";
}

static void put_files(struct wbuf *w, const struct unit *unit)
{
    static const struct {
        const char *name, *what;
        bool is_root;
    } files[] = {
        {"chain.pem", "chain, PEM", false},
        {"chain.p7b", "chain for Windows", false},
        {"root.pem", "root, PEM", true},
        {"root.cer", "root for Windows", true},
    };
    size_t i;

    wbuf_put_text(w, "<ul class=\"files\">\n");
    for (i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!files[i].is_root || unit->root.len > 0) {
            wbuf_printf(w, "<li><a href=\"/%s/%s\">%s</a> (%s)</li>\n", unit->settings->name, files[i].name,
                        files[i].name, files[i].what);
        }
    }
    wbuf_put_text(w, "</ul>\n");
}

void page_put_lab(struct wbuf *w)
{
    wbuf_put_text(w,
                  "<p class=\"bad\">A test laboratory: its timestamps prove nothing to anybody else.</p>\n");
}

static void put_issues(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    char sentence[ROOM_SENTENCE_MAX], left[CLOCKWORDS_MAX];
    int64_t room;
    bool some;

    if (room_reason(unit, page->facts, page->now, &some) != RC_OK) {
        page_put_row_of(w, NULL, "Issues now", "%s: %s",
                        some && page->reason == RC_OK ? "some requests only" : "no",
                        room_sentence(unit, page->facts, page->now, sentence));
    } else if (page->reason != RC_OK) {
        page_put_row(w, NULL, "Issues now", "no: the authority is not ready");
    } else if (room_of(unit, page->facts, &room)) {
        page_put_row_of(w, NULL, "Issues now", "yes; the clock may get worse by %s",
                        clockwords_duration(room, left));
    } else {
        page_put_row(w, NULL, "Issues now", "yes");
    }
}

static void put_unit(struct wbuf *w, const struct page *page, const struct unit *unit)
{
    const struct settings_unit *settings = unit->settings;
    char text[300], policy[OID_TEXT_MAX];

    wbuf_put_text(w, "<h3>/");
    page_put_escaped(w, settings->name);
    wbuf_put_text(w, "</h3>\n");
    if (unit->is_lab && unit != page->units) { /* of the first it is said at the top */
        page_put_lab(w);
    }
    wbuf_put_text(w, "<table>\n<tbody>\n");
    put_issues(w, page, unit);
    page_put_row(w, NULL, "Certificate", cert_name(unit->cert.subject, text, sizeof text));
    page_put_end(w, NULL, "Valid until", unit->cert.not_after, page->now);
    page_put_end(w, NULL, "Its key signs until", unit_key_end(unit), page->now);
    snprintf(text, sizeof text, "%s, signs with %s", oid_name(unit->cert.key_type),
             digest_name((enum digest)settings->digest));
    page_put_row(w, NULL, "Key", text);
    page_put_row(w, NULL, "Answers", protocols_text(settings->protocols));
    page_put_row(w, NULL, "Policy", oid_to_text(unit->policy, policy, sizeof policy));
    page_put_row(w, NULL, "Digests taken", digests_text(unit, text, sizeof text));
    wbuf_put_text(w, "</tbody>\n</table>\n");
    put_files(w, unit);
}

void page_put_units(struct wbuf *w, const struct page *page)
{
    size_t i;

    wbuf_put_text(w, "<h2>Certificates</h2>\n");
    for (i = 0; i < page->num_units; i++) {
        put_unit(w, page, &page->units[i]);
    }
}

/* ---- what to type ---------------------------------------------------------------------------------- */

#define URL_MARK '\1' /* the authority's address stands here */

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
    {"jsign", "jsign --keystore KEYSTORE --alias ALIAS --tsaurl \1 --tsmode RFC3161 driver.sys", NULL},
    {"jarsigner", "jarsigner -tsa \1 archive.jar ALIAS", NULL},
    {"openssl and curl",
     "openssl ts -query -data FILE -sha256 -cert -out file.tsq\n"
     "curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @file.tsq -o file.tsr \1\n"
     "curl -fsSO \1root.pem -O \1chain.pem\n"
     "openssl ts -verify -queryfile file.tsq -in file.tsr -CAfile root.pem -untrusted chain.pem",
     NULL},
    {"tsclient",
     "tsclient stamp --tr \1 driver.sys\n"
     "tsclient verify driver.sys",
     "curl -fsSO \1root.pem\n"
     "tsclient stamp --tr \1 --ca root.pem driver.sys\n"
     "tsclient verify --ca root.pem driver.sys"},
};

/* Each command is an element of its own, so that it is seen where one ends that takes several lines. */
static void put_recipe(struct wbuf *w, const char *lines, const char *url)
{
    char one[2] = {0};

    wbuf_put_text(w, "<pre><code>");
    for (; *lines; lines++) {
        one[0] = *lines;
        if (*lines == '\n') {
            wbuf_put_text(w, "</code>\n<code>");
        } else {
            page_put_escaped(w, *lines == URL_MARK ? url : one);
        }
    }
    wbuf_put_text(w, "</code></pre>\n");
}

void page_put_recipes(struct wbuf *w, const struct page *page)
{
    bool is_lab = page->units[0].is_lab && page->units[0].root.len > 0;
    char url[URL_MAX];
    size_t i;

    build_url(page, url);
    wbuf_put_text(w, "<h2>What to type</h2>\n<p>One address answers both protocols:</p>\n");
    put_recipe(w, "\1", url);
    for (i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        wbuf_put_text(w, "<h3>");
        page_put_escaped(w, recipes[i].tool);
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
