/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authority says of itself: values of others are escaped, a Host that is no plain host is not repeated, every state has
 * its words, and the JSON has the names that it promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pkcs7.h>
#include <openssl/pem.h>

#include "tsa/front/download.h"
#include "tsa/front/page.h"
#include "tsa/front/room.h"
#include "tsa/role/clockpage.h"

static char name_main[] = "main", name_old[] = "old";
static const struct settings_unit settings[2] = {
    {.name = name_main,
     .protocols = SETTINGS_RFC3161 | SETTINGS_AUTHENTICODE,
     .digests = 1u << DIGEST_SHA256,
     .digest = DIGEST_SHA256},
    {.name = name_old,
     .protocols = SETTINGS_AUTHENTICODE,
     .digests = 1u << DIGEST_SHA1,
     .digest = DIGEST_SHA1,
     .accuracy = 1000000000},
};
/* Name with the common name <b>"A&\ */
static const uint8_t subject[] = {0x30, 0x12, 0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04,
                                  0x03, 0x0c, 0x07, '<',  'b',  '>',  '"',  'A',  '&',  '\\'};
static const uint8_t policy[] = {0x2a, 0x03, 0x04}, serial[] = {0x01, 0xff};
static struct unit units[2];
static struct facts facts;
static struct wbuf out;
static bool is_tls, hides_metrics;

static void set_facts(void)
{
    facts = (struct facts){.ready = 1,
                           .clock_state = CLOCKPAGE_SYNC,
                           .clock_bound_ns = 1500000,
                           .clock_age_ns = -1,
                           .clock_figure_ns = -1,
                           .clock_reference = "<system>",
                           .last_time = {1700000123, 500000000},
                           .ledger_sequence = 42,
                           .num_rfc3161 = 40,
                           .num_authenticode = 2,
                           .num_signers = 2,
                           .started = {1700000000, 0}};
}

static int make(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        units[i] = (struct unit){.settings = &settings[i], .policy = bytes_of(policy, 3), .is_lab = i == 0};
        units[i].cert.subject = bytes_of(subject, sizeof subject);
        units[i].cert.serial = bytes_of(serial, 2);
        units[i].cert.key_type = OID_RSA;
        units[i].cert.not_before.sec = 1700000000;
        units[i].cert.not_after.sec = 1700000000 + 86400 * 100;
        units[i].key_end = units[i].cert.not_after;
    }
    set_facts();
    wbuf_init(&out, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    wbuf_clear(&out);
    return 0;
}

static bool has_issuer;
static const char *lab_time;

static const char *text_of(void (*build)(struct wbuf *, const struct page *), const struct facts *with,
                           const char *host)
{
    const struct page page = {.units = units,
                              .num_units = 2,
                              .facts = with,
                              .reason = page_ready_reason(with, has_issuer),
                              .sums = {.granted = {0, 40, 2},
                                       .refused = {7, 3, 1},
                                       .turned_away = 11,
                                       .accepted = 99,
                                       .open = 5,
                                       .waiting = 4,
                                       .fronts = 2},
                              .host = bytes_str(host),
                              .is_tls = is_tls,
                              .hides_metrics = hides_metrics,
                              .now = {1700000000 + 86400 * 90, 7},
                              .machine = {1700000000 + 86400 * (lab_time ? 80 : 90), 7},
                              .lab_time = lab_time};

    wbuf_reset(&out);
    build(&out, &page);
    wbuf_put_u8(&out, 0);
    assert_int_equal(wbuf_rc(&out), RC_OK);
    return (const char *)out.data;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("%s\nhas not: %s\n", text, part);
    }
    assert_non_null(strstr(text, part));
}

static void test_html(void **state)
{
    const char *text = text_of(page_build_html, &facts, "tsa.example:3161");

    (void)state;
    assert_int_equal(strncmp(text, "<!DOCTYPE html>\n", 16), 0);
    assert_has(text, "Ready: timestamps are issued.");
    assert_has(text, "<html lang=\"en\">");
    assert_has(text, "<td id=\"clock\">good; not proven: the host is trusted</td>");
    assert_has(text, "<td id=\"source\">&lt;system&gt;</td>");
    assert_has(text, "<td id=\"age\">not known</td>");
    assert_has(text, "<td id=\"since\">not known; 0 changes of state since the issuer started</td>");
    assert_null(strstr(text, "id=\"leap\""));
    assert_null(strstr(text, "id=\"ahead\""));
    assert_null(strstr(text, "id=\"lab-time\""));
    assert_has(text, "<title>Timestamp authority</title>");
    assert_has(text, "<th scope=\"row\">Time</th>");
    assert_has(text, "<th scope=\"row\">Wrong by at most</th><td id=\"bound\">1.5 ms</td>");
    assert_has(text, "<td id=\"ledger\">42 records</td>");
    assert_has(text, "<td id=\"connections\">5 open, 99 accepted in all</td>");
    assert_has(text, "<td id=\"waiting\">4</td>");
    assert_has(text, "<td id=\"fronts\">2</td>");
    assert_has(text, "<tr id=\"rfc3161\"><th scope=\"row\">RFC 3161</th><td>40</td><td>3</td></tr>");
    assert_has(text, "<tr id=\"authenticode\"><th scope=\"row\">Authenticode</th><td>2</td><td>1</td></tr>");
    assert_has(text, "<tr id=\"neither\"><th scope=\"row\">Neither of the two</th><td></td><td>7</td></tr>");
    assert_has(text, "<td></td><td>11</td>");
    assert_has(text, "<td id=\"version\">" TSA_VERSION "</td>");
    assert_has(text, "2023-11-14T22:15:23Z");
    assert_has(text, "&lt;b&gt;&quot;A&amp;\\");
    assert_has(
        text, "<th scope=\"row\">Valid until</th><td>2024-02-22T22:13:20Z (10 days left): renew it now</td>");
    assert_has(text,
               "<th scope=\"row\">Its key signs until</th><td>2024-02-22T22:13:20Z (10 days left): renew");
    assert_has(text, "signtool timestamp /tr http://tsa.example:3161/ /td sha256");
    assert_has(text, "signtool timestamp /t http://tsa.example:3161/ ");
    assert_has(text, "osslsigncode add -ts http://tsa.example:3161/ ");
    assert_has(text, "--data-binary @file.tsq -o file.tsr http://tsa.example:3161/</code>\n<code>");
    assert_has(text,
               "jsign --keystore KEYSTORE --alias ALIAS --tsaurl http://tsa.example:3161/ --tsmode RFC3161 ");
    assert_has(text, "jarsigner -tsa http://tsa.example:3161/ ");
    assert_has(text, "tsclient stamp --tr http://tsa.example:3161/ ");
    assert_has(text, "A test laboratory");
    assert_has(text, "prefers-color-scheme:dark");
    assert_has(text, "href=\"/metrics\"");
    assert_has(text, "href=\"/main/chain.pem\"");
    assert_null(strstr(text, "root.cer\""));
    assert_null(strstr(text, "<b>"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, " style="));
    assert_null(strstr(text, "https://"));
}

/* Asked for over TLS, the page names addresses of TLS; counters that have their own listener are not linked. */
static void test_doors(void **state)
{
    const char *text;

    (void)state;
    is_tls = hides_metrics = true;
    text = text_of(page_build_html, &facts, "tsa.example");
    is_tls = hides_metrics = false;
    assert_has(text, "signtool timestamp /tr https://tsa.example/ /td sha256");
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "href=\"/metrics\""));
}

/* The policy lets the page load nothing, and names its one style sheet by the hash of what stands between the tags. */
static void test_policy(void **state)
{
    const char *text = text_of(page_build_html, &facts, "a"), *sheet = strstr(text, "<style>") + 7;
    struct bytes view = bytes_of(sheet, (size_t)(strstr(sheet, "</style>") - sheet));
    uint8_t hash[DIGEST_MAX];
    struct wbuf policy_text;
    char expected[100] = "'sha256-";

    (void)state;
    assert_int_equal(digest_compute(DIGEST_SHA256, &view, 1, hash), RC_OK);
    EVP_EncodeBlock((uint8_t *)expected + strlen(expected), hash, 32);
    wbuf_init(&policy_text, 1000);
    page_put_policy(&policy_text);
    wbuf_put_u8(&policy_text, 0);
    assert_int_equal(wbuf_rc(&policy_text), RC_OK);
    text = (const char *)policy_text.data;
    assert_has(text, "Content-Security-Policy: default-src 'none'; style-src 'sha256-");
    assert_has(text, expected);
    assert_has(text, "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n");
    assert_has(text, "Referrer-Policy: no-referrer\r\n");
    assert_null(strstr(text, "unsafe"));
    wbuf_clear(&policy_text);
}

/* A certificate that is over, and one whose end is far. */
static void test_days(void **state)
{
    (void)state;
    units[0].cert.not_after.sec = 1700000000 + 86400 * 89;
    units[1].cert.not_after.sec = 1700000000 + 86400 * 500;
    assert_has(text_of(page_build_html, &facts, "a"), "<td id=\"certificate\">2024-02-11T22:13:20Z (-1 days");
    assert_has(text_of(page_build_html, &facts, "a"), "<td id=\"key\">2024-02-11T22:13:20Z (-1 days");
    assert_has(text_of(page_build_html, &facts, "a"), "(-1 days left): it is over</td>");
    assert_has(text_of(page_build_html, &facts, "a"), "(410 days left)</td>");
    units[0].cert.not_after.sec = units[1].cert.not_after.sec = 1700000000 + 86400 * 100;
}

static void test_not_ready(void **state)
{
    const char *text;

    (void)state;
    facts.ready = 0;
    facts.reason = facts.clock_reason = RC_CLOCK_STEPPED;
    facts.clock_figure_ns = 50000000;
    facts.clock_state = CLOCKPAGE_STOP;
    facts.clock_bound_ns = -1;
    assert_int_equal(page_ready_reason(&facts, true), RC_CLOCK_STEPPED);
    text = text_of(page_build_html, &facts, "a");
    assert_has(text, "Not ready: the clock was set: by 50 ms</p>");
    assert_has(text, "<td id=\"clock\">stopped: the clock was set: by 50 ms; not proven");
    assert_has(text, "<td id=\"bound\">not known</td>");
    facts.reason = RC_LEDGER_WRITE; /* the figure is the clock's */
    assert_has(text_of(page_build_html, &facts, "a"), "Not ready: the record can not be written</p>");
    facts.reason = RC_NUM + 5u; /* nonsense must not become an index */
    facts.clock_state = facts.clock_reason = facts.clock_proven = facts.clock_leap = 999;
    facts.clock_leap_at = INT64_MAX;
    assert_int_equal(page_ready_reason(&facts, true), RC_ISSUER_GONE);
    text_of(page_build_html, &facts, "a");
    text_of(page_build_json, &facts, "a");
    assert_int_equal(page_ready_reason(NULL, false), RC_ISSUER_GONE);
    assert_int_equal(page_ready_reason(NULL, true), RC_ISSUER_SILENT);
    assert_has(text_of(page_build_html, NULL, "a"), "Not ready: the signing process is not there");
    has_issuer = true;
    assert_has(text_of(page_build_html, NULL, "a"), "Not ready: the signing process does not answer");
    assert_has(text_of(page_build_json, NULL, "a"), "{\"ready\":false,\"reason\":\"issuer-silent\",");
    has_issuer = false;
    set_facts();
}

/* Where the last token's time lies ahead, waiting may take a year: what helps is told. */
static void test_backwards(void **state)
{
    const char *text;

    (void)state;
    facts.ready = 0;
    facts.reason = facts.clock_reason = RC_CLOCK_BACKWARDS;
    facts.clock_state = CLOCKPAGE_STOP;
    facts.clock_ahead_ns = 364 * INT64_C(86400000000000);
    text = text_of(page_build_html, &facts, "a");
    assert_has(text, "Not ready: the clock ran backwards: the last token is 364 d ahead of it</p>");
    assert_has(text, "<td id=\"ahead\">The last token is 364 d ahead of the clock.");
    assert_has(text, "tsa clock acknowledge --reason TEXT");
    text = text_of(page_build_json, &facts, "a");
    assert_has(text, "\"sentence\":\"the clock ran backwards: the last token is 364 d ahead of it\"");
    assert_has(text, "\"ahead_ns\":31449600000000000}");
    set_facts();
}

/* All that is known of a clock that is proven, and warns. */
static void test_clock(void **state)
{
    const char *text;

    (void)state;
    facts.clock_state = CLOCKPAGE_WARN;
    facts.clock_reason = RC_CLOCK_BOUND;
    facts.clock_figure_ns = 600000000;
    facts.clock_proven = CLOCKPAGE_PROVEN;
    facts.clock_stratum = 3;
    facts.clock_changes = 1;
    facts.clock_age_ns = 90000000000;
    facts.clock_since = (struct gentime){1700000000, 0};
    facts.clock_leap = CLOCKPAGE_LEAP_INSERT;
    facts.clock_leap_at = 1798761600;
    snprintf(facts.clock_reference, sizeof facts.clock_reference, "chrony 192.0.2.1");
    text = text_of(page_build_html, &facts, "a");
    assert_has(text, "<td id=\"clock\">good, with a warning: the clock may be wrong by more than half of "
                     "what the declared "
                     "accuracy allows: it may be wrong by 600 ms; proven</td>");
    assert_has(text, "<td id=\"source\">chrony 192.0.2.1, stratum 3</td>");
    assert_has(text, "<td id=\"age\">90 s ago</td>");
    assert_has(text, "<td id=\"since\">2023-11-14T22:13:20Z; 1 change of state");
    assert_has(text, "<td id=\"leap\">one is inserted at 2027-01-01T00:00:00Z;");
    text = text_of(page_build_json, &facts, "a");
    assert_has(text, "\"clock\":{\"state\":\"warn\",\"reason\":\"clock-bound\",\"text\":\"the clock "
                     "may be wrong by "
                     "more than half of what the declared accuracy allows: it may be wrong by 600 ms\","
                     "\"figure_ns\":600000000,\"proof\":\"proven\",\"proven\":true,\"bound_ns\":1500000,"
                     "\"age_ns\":90000000000,\"stratum\":3,\"reference\":\"chrony 192.0.2.1\","
                     "\"since\":\"2023-11-14T22:13:20Z\",\"changes\":1,\"leap\":\"insert\","
                     "\"leap_at\":\"2027-01-01T00:00:00Z\",\"ahead_ns\":0}");
    facts.clock_reason = RC_CLOCK_STEPPED;
    facts.clock_figure_ns = -50000000;
    assert_has(text_of(page_build_json, &facts, "a"), "\"figure_ns\":-50000000,");
    set_facts();
}

/* What could prove the clock does not while it is stopped; and for every reason it is told what to do first. */
static void test_stopped(void **state)
{
    static const enum rc reasons[] = {
        RC_CLOCK_UNKNOWN,   RC_CLOCK_STALE,   RC_CLOCK_UNREACHABLE, RC_CLOCK_UNSYNCHRONISED, RC_CLOCK_LOCAL,
        RC_CLOCK_OLD,       RC_CLOCK_BOUND,   RC_CLOCK_DISAGREES,   RC_CLOCK_UNCONFIRMED,    RC_CLOCK_STEPPED,
        RC_CLOCK_BACKWARDS, RC_CLOCK_LEAP,    RC_CERT_EXPIRED,      RC_CERT_NOT_YET_VALID,   RC_KEY_USE_OVER,
        RC_LEDGER_WRITE,    RC_LEDGER_DAMAGED};
    const char *advice;

    (void)state;
    facts.ready = 0;
    facts.clock_state = CLOCKPAGE_STOP;
    facts.clock_proven = CLOCKPAGE_PROVEN;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        facts.reason = facts.clock_reason = reasons[i];
        advice = strstr(text_of(page_build_html, &facts, "a"), "<p id=\"advice\">For who runs it: ");
        assert_non_null(advice);
        assert_null(strstr(advice, "tsa status shows the state of each part")); /* a reason of its own */
        assert_has((const char *)out.data, "<p id=\"state\" class=\"bad\">");
        assert_null(strstr((const char *)out.data, "; proven</td>"));
    }
    facts.reason = RC_NO_MEMORY;
    assert_has(text_of(page_build_html, &facts, "a"), "<p id=\"advice\">For who runs it: tsa status shows");
    assert_has(text_of(page_build_html, NULL, "a"), "<p id=\"advice\">For who runs it: journalctl -u tsa");
    set_facts();
    text_of(page_build_html, &facts, "a");
    assert_null(strstr((const char *)out.data, "id=\"advice\""));
    assert_has((const char *)out.data, "<p id=\"state\" class=\"good\">Ready: timestamps are issued.</p>");
}

/* The clock is good enough for one unit alone: nobody who looks may think that all is well. */
static void test_rooms(void **state)
{
    struct settings_unit tight = settings[0], loose = settings[1];
    const char *text;

    (void)state;
    tight.accuracy = 50000000;
    tight.time_digits = 3;
    units[0].settings = &tight;
    units[1].settings = &loose;
    facts.clock_proven = CLOCKPAGE_PROVEN;
    facts.clock_bound_ns = 60000000;
    text = text_of(page_build_html, &facts, "a");
    assert_has(
        text,
        "<p id=\"state\" class=\"warn\">Ready, with a warning: timestamps are issued, but unit main "
        "refuses every request: the clock may be wrong by 60 ms, its times are rounded by up to 500 us, "
        "it declares 50 ms</p>");
    assert_has(text, "<p id=\"advice\">For who runs it: tsa clock status");
    assert_has(text, "Issues now</th><td>no: the clock may be wrong by 60 ms, its times");
    assert_has(text, "Issues now</th><td>yes; the clock may get worse by 940 ms</td>");
    text = text_of(page_build_json, &facts, "a");
    assert_has(text, "{\"ready\":true,");
    assert_has(text, "\"issues\":\"none\",\"issues_reason\":\"clock-bound\",\"clock_room_ns\":-10500000,");
    assert_has(text, "\"issues\":\"all\",\"issues_reason\":null,\"clock_room_ns\":940000000,");
    /* Where rounding decides it depends on the moment. */
    facts.clock_bound_ns = 49600000;
    text = text_of(page_build_html, &facts, "a");
    assert_has(text, "but unit main refuses some requests: the clock");
    assert_has(text, "Issues now</th><td>some requests only: the clock");
    assert_has(text_of(page_build_json, &facts, "a"),
               "\"issues\":\"some\",\"issues_reason\":\"clock-bound\",");
    facts.clock_bound_ns = 49500000;
    assert_has(text_of(page_build_json, &facts, "a"),
               "\"issues\":\"all\",\"issues_reason\":null,\"clock_room_ns\":0,");
    /* The clock's own doubts stand before; a unit whose certificate is over does not issue either. */
    facts.clock_state = CLOCKPAGE_WARN;
    facts.clock_reason = RC_CLOCK_BOUND;
    facts.clock_figure_ns = 49500000;
    units[1].cert.not_after.sec = 1700000000;
    text = text_of(page_build_html, &facts, "a");
    assert_has(text,
               "timestamps are issued, but the clock may be wrong by more than half of what the declared "
               "accuracy allows: it may be wrong by 49.5 ms; unit old refuses every request: ");
    units[1].cert.not_after = units[0].cert.not_after;
    assert_has(text_of(page_build_html, &facts, "a"), "it may be wrong by 49.5 ms</p>");
    facts.ready = 0;
    facts.reason = RC_LEDGER_WRITE;
    assert_has(text_of(page_build_html, &facts, "a"),
               "Issues now</th><td>no: the authority is not ready</td>");
    assert_has(text_of(page_build_json, &facts, "a"),
               "\"issues\":\"none\",\"issues_reason\":\"ledger-write\",");
    units[0].settings = &settings[0];
    units[1].settings = &settings[1];
    set_facts();
}

/* Sentences of many units do not run over; how many they are is told. */
static void test_many_rooms(void **state)
{
    static char name[65];
    struct settings_unit tight = settings[0];
    struct unit many[SETTINGS_MAX_UNITS];
    char list[ROOM_LIST_MAX];
    struct wbuf w;

    (void)state;
    memset(name, 'u', 64);
    tight.name = name;
    tight.accuracy = 1000;
    for (size_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
        many[i] = units[0];
        many[i].settings = &tight;
    }
    facts.clock_proven = CLOCKPAGE_PROVEN;
    facts.clock_bound_ns = 1204000000;
    wbuf_init_fixed(&w, list, sizeof list);
    assert_int_equal(
        room_list_refusers(many, SETTINGS_MAX_UNITS, &facts, (struct gentime){1700000001, 0}, &w),
        SETTINGS_MAX_UNITS);
    wbuf_put_u8(&w, 0);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    assert_has(list, "; and 60 more");
    assert_int_equal(room_common_reason(many, SETTINGS_MAX_UNITS, &facts, (struct gentime){1700000001, 0}),
                     RC_CLOCK_BOUND);
    many[63] = units[0];
    assert_int_equal(room_common_reason(many, SETTINGS_MAX_UNITS, &facts, (struct gentime){1700000001, 0}),
                     RC_OK);
    set_facts();
}

/* Lab time is above everything, in the title too, and the time of the page is told to be another. */
static void test_lab_time(void **state)
{
    const char *text;

    (void)state;
    facts.clock_proven = CLOCKPAGE_LAB_TIME;
    snprintf(facts.clock_reference, sizeof facts.clock_reference, "lab time +400 d");
    text = text_of(page_build_html, &facts, "a");
    assert_has(text, "<title>LAB TIME - Timestamp authority</title>");
    assert_has(text, "<body>\n<p id=\"lab-time\" class=\"lab\"><strong>This is not the real time.</strong> "
                     "This authority shows <span id=\"lab-clock\">lab time +400 d</span>;");
    assert_has(text, "<td id=\"clock\">set for a laboratory; not proven: lab time</td>");
    assert_has(text, "<th scope=\"row\">Time of this machine</th>");
    text = text_of(page_build_json, &facts, "a");
    assert_has(text, "\"proof\":\"lab-time\",\"proven\":false,");
    assert_has(text, "\"lab_time\":\"lab time +400 d\",");
    set_facts();
    /* The front knows of it too: it is told without an issuer. Days are counted by the clock that the units go by. */
    lab_time = "lab time <2024>";
    text = text_of(page_build_html, NULL, "a");
    assert_has(text, "<span id=\"lab-clock\">lab time &lt;2024&gt;</span>;");
    assert_has(text, "<td id=\"lab-now\">2024-02-12T22:13:20Z</td>");
    assert_has(text, "<td id=\"time\">2024-02-02T22:13:20Z</td>");
    assert_has(text, "<td id=\"certificate\">2024-02-22T22:13:20Z (10 days left): renew it now</td>");
    assert_has(text_of(page_build_json, NULL, "a"),
               "\"time\":\"2024-02-02T22:13:20Z\",\"lab_time\":\"lab time <2024>\",");
    lab_time = NULL;
}

static void test_host(void **state)
{
    static const char *const plain[] = {"a",     "tsa.example",  "10.0.0.1:3161",
                                        "[::1]", "[fe80::1]:80", "A-b.c:1"};
    static const char *const others[] = {"",       "a:",  "a:123456", "a:8x", "[::1", "[]",
                                         "[::1]x", "a b", "<a>",      "a/b",  "a\"b", "u@a",
                                         "a:80:",  "[g]", ":80",      "a'b",  "a&b",  "a%41"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        assert_true(page_host_is_plain(bytes_str(plain[i])));
    }
    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(page_host_is_plain(bytes_str(others[i])));
        assert_has(text_of(page_build_html, &facts, others[i]), "/tr http://YOUR-SERVER/ ");
    }
}

static void test_json(void **state)
{
    const char *text = text_of(page_build_json, &facts, "a");

    (void)state;
    assert_string_equal(
        text,
        "{\"ready\":true,\"reason\":\"ok\",\"sentence\":\"done\",\"version\":\"" TSA_VERSION
        "\",\"time\":\"2024-02-12T22:13:20Z\",\"lab_time\":null,"
        "\"clock\":{\"state\":\"sync\",\"reason\":null,\"text\":null,\"figure_ns\":null,\"proof\":"
        "\"trusted\","
        "\"proven\":false,\"bound_ns\":1500000,\"age_ns\":null,\"stratum\":null,\"reference\":\"<system>\","
        "\"since\":null,\"changes\":0,\"leap\":\"none\",\"leap_at\":null,\"ahead_ns\":0},"
        "\"ledger\":{\"records\":42},\"tokens\":{\"rfc3161\":40,\"authenticode\":2,\"refused\":0},"
        "\"last_token\":\"2023-11-14T22:15:23Z\","
        "\"issuer\":{\"started\":\"2023-11-14T22:13:20Z\",\"signers\":2,\"waiting\":0},"
        "\"requests\":{\"neither\":{\"refused\":7},\"rfc3161\":{\"granted\":40,\"refused\":3},"
        "\"authenticode\":{\"granted\":2,\"refused\":1},\"turned_away\":11},"
        "\"connections\":{\"open\":5,\"accepted\":99},\"waiting\":4,\"fronts\":2,\"units\":["
        "{\"name\":\"main\",\"protocols\":[\"rfc3161\",\"authenticode\"],\"policy\":\"1.2.3.4\","
        "\"digests\":[\"sha256\"],"
        "\"digest\":\"sha256\",\"accuracy_ns\":null,\"lab\":true,\"issues\":\"all\",\"issues_reason\":null,"
        "\"clock_room_ns\":null,\"certificate\":{\"subject\":\"<b>"
        "\\\"A&\\\\\","
        "\"serial\":\"01ff\",\"key\":\"rsaEncryption\",\"not_before\":\"2023-11-14T22:13:20Z\","
        "\"not_after\":\"2024-02-22T22:13:20Z\",\"days_left\":10,"
        "\"key_not_after\":\"2024-02-22T22:13:20Z\",\"key_days_left\":10}},"
        "{\"name\":\"old\",\"protocols\":[\"authenticode\"],\"policy\":\"1.2.3.4\",\"digests\":["
        "\"sha1\"],\"digest\":\"sha1\","
        "\"accuracy_ns\":1000000000,\"lab\":false,\"issues\":\"all\",\"issues_reason\":null,\"clock_room_"
        "ns\":null,"
        "\"certificate\":{\"subject\":\"<b>\\\"A&\\\\\","
        "\"serial\":\"01ff\","
        "\"key\":\"rsaEncryption\",\"not_before\":\"2023-11-14T22:13:20Z\",\"not_after\":\"2024-02-"
        "22T22:13:20Z\","
        "\"days_left\":10,\"key_not_after\":\"2024-02-22T22:13:20Z\",\"key_days_left\":10}}]}\n");
}

static void test_json_without_issuer(void **state)
{
    const char *text = text_of(page_build_json, NULL, "a");

    (void)state;
    assert_has(text, "{\"ready\":false,\"reason\":\"issuer-gone\",");
    assert_has(
        text,
        ",\"clock\":null,\"ledger\":null,\"tokens\":null,\"last_token\":null,\"issuer\":null,\"requests\":{");
}

/* A certificate made here, so that libcrypto can read back what is offered for download. */
static struct bytes make_certificate(void)
{
    static uint8_t storage[2000];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    uint8_t *p = storage;
    int len;

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 5);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 60);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    len = i2d_X509(cert, &p);
    assert_in_range(len, 1, sizeof storage);
    X509_free(cert);
    EVP_PKEY_free(key);
    return bytes_of(storage, (size_t)len);
}

static int count_pem(struct bytes pem, struct bytes der)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert;
    int num = 0;

    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        uint8_t *out_der = NULL;
        int len = i2d_X509(cert, &out_der);

        assert_int_equal(len, der.len);
        assert_memory_equal(out_der, der.data, der.len);
        OPENSSL_free(out_der);
        X509_free(cert);
        num++;
    }
    BIO_free(bio);
    return num;
}

static void test_download(void **state)
{
    struct bytes der = make_certificate();
    struct unit unit = {.settings = &settings[0], .chain = {der, der}, .num_chain = 2, .root = der};
    struct download download;
    const uint8_t *p;
    PKCS7 *bundle;

    (void)state;
    download_init(&download, &unit);
    assert_int_equal(count_pem(wbuf_bytes(&download.chain_pem), der), 2);
    assert_int_equal(count_pem(wbuf_bytes(&download.root_pem), der), 1);
    assert_true(bytes_equal(download.root_cer, der));
    p = download.chain_p7b.data;
    bundle = d2i_PKCS7(NULL, &p, (long)download.chain_p7b.len);
    assert_non_null(bundle);
    assert_ptr_equal(p, download.chain_p7b.data + download.chain_p7b.len);
    assert_true(PKCS7_type_is_signed(bundle));
    assert_int_equal(sk_X509_num(bundle->d.sign->cert), 3);
    PKCS7_free(bundle);
    download_clear(&download);

    unit.root = BYTES_NONE;
    download_init(&download, &unit);
    assert_int_equal(download.root_pem.len, 0);
    download_clear(&download);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html),      cmocka_unit_test(test_doors),
        cmocka_unit_test(test_policy),    cmocka_unit_test(test_days),
        cmocka_unit_test(test_not_ready), cmocka_unit_test(test_backwards),
        cmocka_unit_test(test_clock),     cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_rooms),     cmocka_unit_test(test_many_rooms),
        cmocka_unit_test(test_lab_time),  cmocka_unit_test(test_host),
        cmocka_unit_test(test_json),      cmocka_unit_test(test_json_without_issuer),
        cmocka_unit_test(test_download),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
