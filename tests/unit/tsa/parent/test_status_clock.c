/* SPDX-License-Identifier: Apache-2.0 */
/* The clock in JSON: from the issuer's facts, from the file alone, and from what nobody should have written there. */
#include "tsa/parent/status_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"

#define SECOND INT64_C(1000000000)

static int64_t mono;

static int64_t fake_mono(void *arg)
{
    (void)arg;
    return mono;
}

static int set_clock(void **state)
{
    static const struct now_source source = {.mono_ns = fake_mono};

    (void)state;
    mono = 1000 * SECOND;
    now_set_source(&source);
    return 0;
}

static int restore_clock(void **state)
{
    (void)state;
    now_set_source(NULL);
    return 0;
}

/* The wanted text is compared without blanks and with ' for ". */
static void expect(json_t *got, const char *wanted)
{
    char *text = json_dumps(got, JSON_COMPACT);

    assert_non_null(text);
    for (char *c = text; *c; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    assert_string_equal(text, wanted);
    free(text);
    json_decref(got);
}

static void test_facts(void **state)
{
    struct facts facts = {
        .clock_state = CLOCKPAGE_STOP,
        .clock_reason = RC_CLOCK_STEPPED,
        .clock_figure_ns = -50000000,
        .clock_proven = CLOCKPAGE_PROVEN,
        .clock_bound_ns = 1204000,
        .clock_age_ns = -1,
        .clock_stratum = 3,
        .clock_changes = 7,
        .clock_leap = CLOCKPAGE_LEAP_INSERT,
        .clock_leap_at = 1483228800,
        .clock_since = {.sec = 1483228000, .nsec = 250000000},
        .clock_ahead_ns = 3 * SECOND,
        .clock_reference = "chrony 192.0.2.1",
    };

    (void)state;
    expect(status_clock(&facts, NULL, NULL),
           "{'state':'stop','reason':'clock-stepped','text':'the clock was set: by -50 "
           "ms','figure_ns':-50000000,"
           "'proof':'proven','proven':true,'bound_ns':1204000,'age_ns':null,'reference':'chrony 192.0.2.1',"
           "'stratum':3,'leap':'insert','leap_at':'2017-01-01T00:00:00Z','since':'2016-12-31T23:46:40.25Z',"
           "'changes':7,'ahead_ns':3000000000,'file':null,'servers':[]}");
    /* Numbers from nowhere, and a text that ends nowhere. */
    facts = (struct facts){.clock_state = 99,
                           .clock_reason = 100000,
                           .clock_proven = 99,
                           .clock_leap = 99,
                           .clock_bound_ns = INT64_MIN,
                           .clock_ahead_ns = -5,
                           .clock_figure_ns = 5};
    memset(facts.clock_reference, 0xff, sizeof(facts.clock_reference));
    expect(status_clock(&facts, NULL, "/run/tsa-clock/clock"),
           "{'state':'unknown','reason':null,'text':null,'figure_ns':null,'proof':'unknown','proven':false,"
           "'bound_ns':null,'age_ns':0,'reference':'?','stratum':null,'leap':'unknown','leap_at':null,"
           "'since':null,'changes':0,'ahead_ns':0,'file':'/run/tsa-clock/clock','servers':[]}");
}

static struct clockpage *make_page(void)
{
    const int fd = memfd_create("page", MFD_CLOEXEC);
    struct clockpage *page = clockpage_open(fd, true);

    assert_non_null(page);
    (void)close(fd);
    return page;
}

static struct clockpage_record record_of_now(void)
{
    return (struct clockpage_record){
        .epoch = 1,
        .sampled_mono_ns = mono,
        .expires_mono_ns = mono + CLOCKPAGE_LIFE_NS,
        .measured_mono_ns = mono - 5 * SECOND,
        .bound_ns = 1000,
        .drift_ppb = 2000,
        .figure_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .proven = CLOCKPAGE_PROVEN,
        .reference = "kernel",
    };
}

/* The issuer says nothing. */
static void test_file_alone(void **state)
{
    struct clockpage *page = make_page();
    struct clockpage_record record = record_of_now();

    (void)state;
    expect(status_clock(NULL, page, ""),
           "{'state':'unknown','reason':'clock-unknown','text':'nothing is known of the clock "
           "yet','figure_ns':null,"
           "'proof':'trusted','proven':false,'bound_ns':null,'age_ns':null,'reference':'','stratum':null,"
           "'leap':'none','leap_at':null,'since':null,'changes':0,'ahead_ns':0,'file':null,'servers':[]}");
    clockpage_write(page, &record);
    mono += 2 * SECOND;
    expect(status_clock(NULL, page, ""),
           "{'state':'sync','reason':null,'text':null,'figure_ns':null,'proof':'proven','proven':true,"
           "'bound_ns':5000,'age_ns':7000000000,'reference':'kernel','stratum':null,"
           "'leap':'none','leap_at':null,'since':null,'changes':0,'ahead_ns':0,'file':null,'servers':[]}");
    /* A record that has expired is no evidence of anything. */
    mono += SECOND;
    expect(status_clock(NULL, page, ""),
           "{'state':'stop','reason':'clock-stale','text':'the process that watches the clock has stopped "
           "reporting: "
           "nothing for 3 s','figure_ns':3000000000,'proof':'proven','proven':true,"
           "'bound_ns':null,'age_ns':null,'reference':'kernel','stratum':null,"
           "'leap':'none','leap_at':null,'since':null,'changes':0,'ahead_ns':0,'file':null,'servers':[]}");
    clockpage_close(page);
}

static void expect_bound(const struct clockpage_record *record, const char *state, int64_t bound_ns)
{
    struct clockpage *page = make_page();
    const json_t *bound;
    json_t *clock;

    clockpage_write(page, record);
    clock = status_clock(NULL, page, "");
    bound = json_object_get(clock, "bound_ns");
    assert_string_equal(json_string_value(json_object_get(clock, "state")), state);
    assert_int_equal(json_is_integer(bound) ? json_integer_value(bound) : -1, bound_ns);
    json_decref(clock);
    clockpage_close(page);
}

/* A writer that puts there what it likes: a sum that can not be had is none, and no small one. */
static void test_absurd_numbers(void **state)
{
    struct clockpage_record record = record_of_now();

    (void)state;
    mono += 2 * SECOND;
    expect_bound(&record, "sync", 5000);
    record.drift_ppb = INT64_MAX;
    expect_bound(&record, "sync", -1);
    record = record_of_now();
    record.sampled_mono_ns -= SECOND;
    record.bound_ns = INT64_MAX;
    expect_bound(&record, "sync", -1);
    record = record_of_now();
    record.expires_mono_ns = INT64_MAX;
    record.sampled_mono_ns = INT64_MIN;
    expect_bound(&record, "stop", -1);
    record.sampled_mono_ns = 0;
    record.drift_ppb = INT64_MAX;
    expect_bound(&record, "sync", -1);
}

static void test_servers(void **state)
{
    static const struct facts facts = {.clock_bound_ns = -1, .clock_age_ns = -1, .clock_figure_ns = -1};
    struct clockpage *page = make_page();
    struct clockpage_servers servers = {
        .num = 3,
        .list =
            {
                {.address = "192.0.2.1",
                 .state = CLOCKPAGE_SERVER_GOOD,
                 .stratum = 2,
                 .offset_ns = -1,
                 .error_ns = 20,
                 .measured_mono_ns = mono},
                {.address = "time.example.org", .measured_mono_ns = -1, .error_ns = -1},
                {.address = "203.0.113.1",
                 .state = CLOCKPAGE_SERVER_FALSE,
                 .measured_mono_ns = 0,
                 .error_ns = -1},
            },
    };
    json_t *clock;

    (void)state;
    clockpage_write_servers(page, &servers);
    mono += SECOND;
    clock = status_clock(&facts, page, "");
    expect(json_incref(json_object_get(clock, "servers")),
           "[{'address':'192.0.2.1','state':'good','stratum':2,'offset_ns':-1,'error_ns':20,'age_ns':"
           "1000000000},"
           "{'address':'time.example.org','state':'silent','stratum':null,'offset_ns':null,'error_ns':null,"
           "'age_ns':null},"
           "{'address':'203.0.113.1','state':'false','stratum':null,'offset_ns':0,'error_ns':null,'age_ns':"
           "1001000000000}]");
    json_decref(clock);
    clockpage_close(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_facts, set_clock, restore_clock),
        cmocka_unit_test_setup_teardown(test_file_alone, set_clock, restore_clock),
        cmocka_unit_test_setup_teardown(test_absurd_numbers, set_clock, restore_clock),
        cmocka_unit_test_setup_teardown(test_servers, set_clock, restore_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
