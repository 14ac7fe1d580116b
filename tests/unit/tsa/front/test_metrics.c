/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters: several processes count into one sum, whichever is asked tells it, and a front that starts anew loses nothing. The text is
 * held to the format line by line: every family with its HELP and TYPE once, its samples together, no series twice, histograms that rise.
 */
#include "tsa/front/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/front/page.h"
#include "tsa/role/clockpage.h"

#define CHILDREN  4
#define PER_CHILD 20000
#define LINES_MAX 2000

static char name_main[] = "main", name_old[] = "old";
static const struct settings_unit settings[2] = {{.name = name_main},
                                                 {.name = name_old, .accuracy = 500000000}};
static struct unit units[2];
static struct facts facts;
static struct wbuf out;
static struct shared *shared;
static struct shared_place *place;

static int make(void **state)
{
    static const char *const names[] = {"main", "old"};
    int fd = shared_create();

    (void)state;
    shared = fd >= 0 ? shared_map(fd) : NULL;
    if (!shared) {
        return -1;
    }
    close(fd);
    shared_name_units(shared, names, 2);
    place = shared_take_place(shared);
    for (size_t i = 0; i < 2; i++) {
        units[i] = (struct unit){.settings = &settings[i]};
        units[i].cert.not_after.sec = 1708640000;
    }
    facts = (struct facts){.ready = 1,
                           .clock_state = CLOCKPAGE_SYNC,
                           .clock_proven = 1,
                           .clock_bound_ns = 1500000,
                           .clock_age_ns = -1,
                           .ledger_sequence = 42,
                           .num_waiting = 7,
                           .started = {1700000000, 5},
                           .sign = {.counts = {[2] = 5, [HISTOGRAM_BUCKETS - 1] = 1}, .sum_us = 6001000},
                           .sync = {.counts = {[4] = 3}, .sum_us = 3000}};
    wbuf_init(&out, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    shared_unmap(shared);
    wbuf_clear(&out);
    return 0;
}

static const char *text_of(const struct metrics *metrics, const struct facts *with)
{
    wbuf_reset(&out);
    metrics_write(metrics, with, page_ready_reason(with, false), &out);
    wbuf_put_u8(&out, 0);
    assert_int_equal(wbuf_rc(&out), RC_OK);
    return (const char *)out.data;
}

/* part is a whole line, without its end. */
static void assert_line(const char *text, const char *line)
{
    char whole[300];

    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(text, whole)) {
        print_error("%s\nhas not: %s\n", text, line);
    }
    assert_non_null(strstr(text, whole));
}

/* ---- counting -------------------------------------------------------------------------------------- */

static void requests_by_unit_protocol_and_result(void **state)
{
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    metrics_count_request(&metrics, 0, METRICS_RFC3161, RC_OK);
    metrics_count_request(&metrics, 0, METRICS_RFC3161, RC_OK);
    metrics_count_request(&metrics, 1, METRICS_AUTHENTICODE, RC_CLOCK_STEPPED);
    metrics_count_request(&metrics, 0, METRICS_NEITHER, RC_DER_TAG);
    metrics_count_request(&metrics, 2, METRICS_RFC3161, RC_OK);  /* no such unit, */
    metrics_count_request(&metrics, 0, SHARED_KINDS, RC_OK);     /* protocol, */
    metrics_count_request(&metrics, 0, METRICS_RFC3161, RC_NUM); /* reason: not counted */
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_requests_total{unit=\"main\",protocol=\"rfc3161\",result=\"granted\"} 2");
    assert_line(text, "tsa_requests_total{unit=\"main\",protocol=\"rfc3161\",result=\"refused\"} 0");
    assert_line(text, "tsa_requests_total{unit=\"old\",protocol=\"authenticode\",result=\"refused\"} 1");
    assert_line(text,
                "tsa_refusals_total{unit=\"old\",protocol=\"authenticode\",reason=\"clock-stepped\"} 1");
    assert_line(text, "tsa_refusals_total{unit=\"main\",protocol=\"none\",reason=\"der-tag\"} 1");
    /* There before it happens, so that the first one is an increase. */
    assert_line(text, "tsa_refusals_total{unit=\"main\",protocol=\"rfc3161\",reason=\"ledger-write\"} 0");
    assert_line(text, "tsa_refusals_total{unit=\"old\",protocol=\"authenticode\",reason=\"overloaded\"} 0");
    assert_null(strstr(text, "der-length"));
}

static void answers_and_connections(void **state)
{
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    metrics_count_reply(&metrics, 200, 400000);
    metrics_count_reply(&metrics, 200, 3000000);
    metrics_count_reply(&metrics, 503, 20000000000);
    metrics_count_reply(&metrics, 9999, -5);
    metrics_count_end(&metrics, HTTP_END_SLOW_READER);
    metrics_count_end(&metrics, HTTP_END_NUM);
    metrics_count_refused(&metrics, RC_RATE);
    metrics_count_refused(&metrics, RC_NUM);
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_http_replies_total{status=\"200\"} 2");
    assert_line(text, "tsa_http_replies_total{status=\"503\"} 1");
    assert_line(text, "tsa_http_replies_total{status=\"429\"} 0");
    assert_null(strstr(text, "{status=\"404\"}"));
    assert_line(text, "tsa_connections_ended_total{reason=\"slow-reader\"} 1");
    assert_line(text, "tsa_admission_refused_total{reason=\"rate\"} 1");
    assert_line(text, "tsa_admission_refused_total{reason=\"crowded\"} 0");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"0.00025\"} 1");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"0.0005\"} 2");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"0.005\"} 3");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"5\"} 3");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"+Inf\"} 4");
    assert_line(text, "tsa_answer_seconds_sum 20.003400");
    assert_line(text, "tsa_answer_seconds_count 4");
}

static void what_the_issuer_says(void **state)
{
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_build_info{version=\"" TSA_VERSION "\"} 1");
    assert_line(text, "tsa_ready 1");
    assert_line(text, "tsa_issuer_up 1");
    assert_line(text, "tsa_clock_state{state=\"sync\"} 1");
    assert_line(text, "tsa_clock_state{state=\"stop\"} 0");
    assert_line(text, "tsa_clock_proven 1");
    assert_line(text, "tsa_clock_bound_seconds 0.0015");
    assert_line(text, "tsa_unit_clock_room_seconds{unit=\"old\"} 0.4985");
    assert_null(strstr(text, "tsa_unit_clock_room_seconds{unit=\"main\"}")); /* declares none */
    assert_line(text, "tsa_ledger_records_total 42");
    assert_line(text, "tsa_ledger_sequence 42");
    assert_line(text, "tsa_issuer_waiting 7");
    assert_line(text, "tsa_issuer_start_time_seconds 1700000000");
    assert_line(text, "tsa_sign_seconds_bucket{le=\"0.0001\"} 0");
    assert_line(text, "tsa_sign_seconds_bucket{le=\"0.00025\"} 5");
    assert_line(text, "tsa_sign_seconds_bucket{le=\"+Inf\"} 6");
    assert_line(text, "tsa_sign_seconds_sum 6.001000");
    assert_line(text, "tsa_ledger_sync_seconds_count 3");
    assert_line(text, "tsa_certificate_not_after_seconds{unit=\"main\"} 1708640000");
    assert_line(text, "tsa_key_not_after_seconds{unit=\"main\"} 1708640000");
    assert_line(text, "tsa_accuracy_seconds{unit=\"old\"} 0.5");
    assert_null(strstr(text, "tsa_accuracy_seconds{unit=\"main\"}"));
    assert_null(strstr(text, "\ntsa_not_ready{"));
    assert_null(strstr(text, "\ntsa_clock_age_seconds "));
    assert_null(strstr(text, "\ntsa_last_token_time_seconds "));
}

static void the_clock(void **state)
{
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_clock_stop_reason{reason=\"clock-stepped\"} 0");
    assert_line(text, "tsa_clock_stop_reason{reason=\"clock-unknown\"} 0");
    assert_line(text, "tsa_clock_state_changes_total 0");
    assert_line(text, "tsa_clock_lab_time 0");
    assert_line(text, "tsa_clock_last_token_ahead_seconds 0");
    assert_line(text, "tsa_clock_leap{kind=\"insert\"} 0");
    assert_null(strstr(text, "\ntsa_clock_leap_time_seconds "));
    facts.clock_state = CLOCKPAGE_STOP;
    facts.clock_reason = RC_CLOCK_BACKWARDS;
    facts.clock_changes = 3;
    facts.clock_ahead_ns = 1500000000;
    facts.clock_age_ns = 12000000000;
    facts.clock_leap = CLOCKPAGE_LEAP_INSERT;
    facts.clock_leap_at = 1798761600;
    facts.clock_proven = CLOCKPAGE_LAB_TIME;
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_clock_state{state=\"stop\"} 1");
    assert_line(text, "tsa_clock_stop_reason{reason=\"clock-backwards\"} 1");
    assert_line(text, "tsa_clock_stop_reason{reason=\"clock-stepped\"} 0");
    assert_line(text, "tsa_clock_state_changes_total 3");
    assert_line(text, "tsa_clock_last_token_ahead_seconds 1.5");
    assert_line(text, "tsa_clock_age_seconds 12");
    assert_line(text, "tsa_clock_leap{kind=\"insert\"} 1");
    assert_line(text, "tsa_clock_leap{kind=\"delete\"} 0");
    assert_line(text, "tsa_clock_leap_time_seconds 1798761600");
    assert_line(text, "tsa_clock_proven 0");
    assert_line(text, "tsa_clock_lab_time 1");
    assert_null(strstr(text, "\ntsa_unit_clock_room_seconds{"));
    facts.clock_state = CLOCKPAGE_WARN; /* a warning stops nothing */
    assert_line(text_of(&metrics, &facts), "tsa_clock_stop_reason{reason=\"clock-backwards\"} 0");
    facts.clock_state = CLOCKPAGE_UNKNOWN;
    facts.clock_reason = RC_OK;
    assert_line(text_of(&metrics, &facts), "tsa_clock_stop_reason{reason=\"clock-unknown\"} 1");
}

/* An alert is built on each: no reason of the clock may be without its series. */
static void every_stop_has_its_series(void **state)
{
    struct metrics metrics;
    char line[100];
    int rc, num = 0;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    facts.clock_state = CLOCKPAGE_STOP;
    for (rc = RC_OK; rc < RC_NUM; rc++) {
        if (strncmp(rc_word((enum rc)rc), "clock-", 6) == 0) {
            facts.clock_reason = (uint32_t)rc;
            snprintf(line, sizeof line, "tsa_clock_stop_reason{reason=\"%s\"} 1", rc_word((enum rc)rc));
            assert_line(text_of(&metrics, &facts), line);
            num++;
        }
    }
    assert_in_range(num, 11, 20);
}

static void when_the_certificate_of_tls_ends(void **state)
{
    struct metrics metrics;
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    (void)state;
    ASN1_TIME_set(X509_getm_notBefore(cert), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(cert), 1800000000);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
    metrics_init(&metrics, shared, place, units, 2);
    metrics_tell_tls(&metrics, NULL);
    assert_null(strstr(text_of(&metrics, &facts), "\ntsa_tls_certificate_not_after_seconds "));
    metrics_tell_tls(&metrics, tls);
    assert_line(text_of(&metrics, &facts), "tsa_tls_certificate_not_after_seconds 1800000000");
    SSL_CTX_free(tls);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void no_issuer_and_nonsense(void **state)
{
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, NULL, units, 2); /* no place: still told, only not of itself */
    metrics_publish(&metrics, &(struct metrics_gauges){.open = 3});
    text = text_of(&metrics, NULL);
    assert_line(text, "tsa_ready 0");
    assert_line(text, "tsa_issuer_up 0");
    assert_line(text, "tsa_not_ready{reason=\"issuer-gone\"} 1");
    assert_null(strstr(text, "\ntsa_clock_bound_seconds "));
    assert_null(strstr(text, "tsa_sign_seconds"));
    facts.ready = 0;
    facts.reason = RC_LEDGER_WRITE;
    assert_line(text_of(&metrics, &facts), "tsa_not_ready{reason=\"ledger-write\"} 1");
    facts.reason = RC_NUM + 7; /* must not become an index */
    facts.clock_state = 99;
    facts.clock_bound_ns = -1;
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_not_ready{reason=\"issuer-gone\"} 1");
    assert_line(text, "tsa_clock_state{state=\"sync\"} 0");
    assert_null(strstr(text, "\ntsa_clock_bound_seconds "));
}

static void a_unit_without_a_place_is_left_out(void **state)
{
    static char name[] = "late";
    static const struct settings_unit late = {.name = name};
    const struct unit three[] = {units[0], {.settings = &late}};
    struct metrics metrics;
    const char *text;

    (void)state;
    metrics_init(&metrics, shared, place, three, 2);
    metrics_count_request(&metrics, 1, METRICS_RFC3161, RC_OK);
    text = text_of(&metrics, &facts);
    assert_null(strstr(text, "tsa_requests_total{unit=\"late\""));
    assert_line(text, "tsa_certificate_not_after_seconds{unit=\"late\"} 0");
}

/* As many units as there can be, with the longest names, refused for every reason as often as a number can tell: it is still told. */
static void all_there_can_be_is_told(void **state)
{
    static char texts[SETTINGS_MAX_UNITS][SHARED_NAME_MAX];
    static struct settings_unit longest[SETTINGS_MAX_UNITS];
    static struct unit many[SETTINGS_MAX_UNITS];
    const char *names[SETTINGS_MAX_UNITS];
    const int fd = shared_create();
    struct shared *full = shared_map(fd);
    struct metrics metrics;
    struct wbuf text;

    (void)state;
    assert_non_null(full);
    close(fd);
    for (size_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
        snprintf(texts[i], sizeof texts[i], "%063zu", i);
        names[i] = longest[i].name = texts[i];
        longest[i].accuracy = 1;
        many[i].settings = &longest[i];
    }
    shared_name_units(full, names, SETTINGS_MAX_UNITS);
    for (size_t i = 0; i < SHARED_UNITS; i++) {
        memset((char *)&full->units[i] + offsetof(struct shared_unit, requests), 0xff,
               sizeof full->units[i].requests);
    }
    memset((char *)full + offsetof(struct shared, statuses), 0xff,
           offsetof(struct shared, pids) - offsetof(struct shared, statuses));
    metrics_init(&metrics, full, shared_take_place(full), many, SETTINGS_MAX_UNITS);
    wbuf_init(&text, METRICS_TEXT_MAX);
    metrics_write(&metrics, &facts, RC_OK, &text);
    assert_int_equal(wbuf_rc(&text), RC_OK);
    assert_in_range(text.len, 1024 * 1024, METRICS_TEXT_MAX);
    wbuf_clear(&text);
    shared_unmap(full);
}

/* ---- several fronts -------------------------------------------------------------------------------- */

static void count_as_front(unsigned number)
{
    struct metrics metrics;
    int i;

    metrics_init(&metrics, shared, shared_take_place(shared), units, 2);
    for (i = 0; i < PER_CHILD; i++) {
        metrics_count_request(&metrics, 1, METRICS_RFC3161, i % 4 ? RC_OK : RC_OVERLOADED);
        metrics_count_reply(&metrics, 200, 1000000);
        metrics_publish(&metrics, &(struct metrics_gauges){
                                      .open = number, .waiting = 10 * number, .accepted = (uint64_t)i + 1});
    }
}

static void several_fronts_tell_one_truth(void **state)
{
    const int32_t self = (int32_t)getpid();
    pid_t pids[CHILDREN];
    struct metrics metrics;
    struct metrics_sums sums;
    const char *text;
    unsigned i;

    (void)state;
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            count_as_front(i + 1);
            _exit(0);
        }
    }
    for (i = 0; i < CHILDREN; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    metrics_init(&metrics, shared, place, units, 2);
    metrics_publish(&metrics, &(struct metrics_gauges){.open = 100, .accepted = 5});
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_requests_total{unit=\"old\",protocol=\"rfc3161\",result=\"granted\"} 60000");
    assert_line(text, "tsa_refusals_total{unit=\"old\",protocol=\"rfc3161\",reason=\"overloaded\"} 20000");
    assert_line(text, "tsa_answer_seconds_bucket{le=\"0.001\"} 80000");
    assert_line(text, "tsa_connections_accepted_total 80005");
    assert_line(text, "tsa_front_processes 5");
    assert_line(text, "tsa_front_starts_total 5");
    assert_line(text, "tsa_connections_open 110"); /* 100 and 1 + 2 + 3 + 4 */
    assert_line(text, "tsa_requests_waiting 100");
    metrics_sum(&metrics, &sums);
    assert_int_equal(sums.granted[METRICS_RFC3161], 60000);
    assert_int_equal(sums.refused[METRICS_RFC3161], 20000);
    assert_int_equal(sums.fronts, 5);
    /* What ends with a front is its gauges; what it has counted stays. */
    shared_keep(shared, &self, 1);
    text = text_of(&metrics, &facts);
    assert_line(text, "tsa_front_processes 1");
    assert_line(text, "tsa_connections_open 100");
    assert_line(text, "tsa_connections_accepted_total 80005");
}

static void accepted_is_told_once(void **state)
{
    struct metrics metrics;
    uint64_t before;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    before = shared->accepted;
    metrics_publish(&metrics, &(struct metrics_gauges){.accepted = 3});
    metrics_publish(&metrics, &(struct metrics_gauges){.accepted = 3});
    metrics_publish(&metrics, &(struct metrics_gauges){.accepted = 4});
    assert_int_equal(shared->accepted - before, 4);
}

/* ---- the format ------------------------------------------------------------------------------------ */

struct reading {
    char family[100], type[20];
    char families[100][100];
    size_t num_families;
    const char *series[LINES_MAX];
    size_t series_len[LINES_MAX], num_series;
    double last_bucket;
};

static bool is_name(const char *text, size_t len)
{
    return len > 4 && strncmp(text, "tsa_", 4) == 0 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") >= len;
}

static void read_head(struct reading *r, const char *line, const char *next)
{
    size_t len = strcspn(line + 7, " "), i;

    assert_int_equal(strncmp(line, "# HELP ", 7), 0);
    assert_true(is_name(line + 7, len));
    snprintf(r->family, sizeof r->family, "%.*s", (int)len, line + 7);
    assert_true(line[7 + len] == ' ' && line[8 + len] > ' ');
    for (i = 0; i < r->num_families; i++) {
        assert_string_not_equal(r->families[i], r->family);
    }
    memcpy(r->families[r->num_families++], r->family, sizeof r->family);
    assert_int_equal(strncmp(next, "# TYPE ", 7), 0);
    assert_int_equal(strncmp(next + 7, r->family, len), 0);
    snprintf(r->type, sizeof r->type, "%.*s", (int)strcspn(next + 8 + len, "\n"), next + 8 + len);
    assert_true(strcmp(r->type, "counter") == 0 || strcmp(r->type, "gauge") == 0 ||
                strcmp(r->type, "histogram") == 0);
    assert_int_equal(strcmp(r->type, "counter") == 0,
                     strcmp(r->family + strlen(r->family) - 6, "_total") == 0);
}

static void read_bucket(struct reading *r, const char *line, double value)
{
    if (strstr(line, "_bucket{le=\"5e-05\"}") == line + strlen(r->family)) {
        r->last_bucket = 0;
    }
    assert_true(value >= r->last_bucket);
    r->last_bucket = value;
}

static void read_sample(struct reading *r, const char *line)
{
    size_t len = strcspn(line, "{ \n"), whole = strcspn(line, " \n"), i;
    const char *suffix = line + strlen(r->family);
    char *end;
    double value;

    assert_true(is_name(line, len));
    assert_int_equal(strncmp(line, r->family, strlen(r->family)), 0);
    if (strcmp(r->type, "histogram") == 0) {
        assert_true(strncmp(suffix, "_bucket{le=\"", 12) == 0 || strncmp(suffix, "_sum ", 5) == 0 ||
                    strncmp(suffix, "_count ", 7) == 0);
    } else {
        assert_int_equal(len, strlen(r->family));
    }
    for (i = 0; i < r->num_series; i++) {
        assert_false(r->series_len[i] == whole && memcmp(r->series[i], line, whole) == 0);
    }
    r->series[r->num_series] = line;
    r->series_len[r->num_series++] = whole;
    value = strtod(line + whole, &end);
    assert_true(line[whole] == ' ' && end > line + whole + 1 && *end == '\n' && value >= 0);
    if (strncmp(suffix, "_bucket", 7) == 0) {
        read_bucket(r, line, value);
    }
}

static void every_line_is_of_the_format(void **state)
{
    static struct reading r;
    struct metrics metrics;
    const char *line;

    (void)state;
    metrics_init(&metrics, shared, place, units, 2);
    for (unsigned kind = 0; kind < SHARED_KINDS; kind++) {
        for (int rc = 0; rc < RC_NUM; rc++) {
            metrics_count_request(&metrics, 0, kind, (enum rc)rc);
            metrics_count_refused(&metrics, (enum rc)rc);
        }
    }
    metrics_count_reply(&metrics, 200, 123456789);
    facts.last_time.sec = 1700000123;
    facts.clock_age_ns = 4000000;
    facts.ready = 0;
    memset(&r, 0, sizeof r);
    for (line = text_of(&metrics, &facts); *line; line = strchr(line, '\n') + 1) {
        if (*line == '#') {
            read_head(&r, line, strchr(line, '\n') + 1);
            line = strchr(line, '\n') + 1;
        } else {
            read_sample(&r, line);
        }
    }
    assert_true(r.num_families > 25 && r.num_series > 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_by_unit_protocol_and_result),
        TEST(answers_and_connections),
        TEST(what_the_issuer_says),
        TEST(the_clock),
        TEST(every_stop_has_its_series),
        TEST(when_the_certificate_of_tls_ends),
        TEST(no_issuer_and_nonsense),
        TEST(a_unit_without_a_place_is_left_out),
        TEST(all_there_can_be_is_told),
        TEST(several_fronts_tell_one_truth),
        TEST(accepted_is_told_once),
        TEST(every_line_is_of_the_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
