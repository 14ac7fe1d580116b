/* SPDX-License-Identifier: Apache-2.0 */
/* The lines about the clock, out of answers of every state, and of authorities that say less or more than this one. */
#include "tsa/cmd/clock_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is printed for that JSON goes to out. */
static void print(void (*text)(const json_t *, const char *), const char *clock, char *out, size_t out_size)
{
    json_t *json = json_loads(clock, 0, NULL);
    FILE *file = tmpfile();
    const int kept = dup(STDOUT_FILENO);
    size_t len;

    assert_non_null(json);
    (void)fflush(NULL);
    assert_true(dup2(fileno(file), STDOUT_FILENO) == STDOUT_FILENO);
    text(json, "/run/tsa");
    (void)fflush(NULL);
    (void)dup2(kept, STDOUT_FILENO);
    (void)close(kept);
    rewind(file);
    len = fread(out, 1, out_size - 1, file);
    out[len] = 0;
    (void)fclose(file);
    json_decref(json);
}

#define SYNC                                                                                                 \
    "{\"state\":\"sync\",\"reason\":null,\"text\":null,\"figure_ns\":null,\"proof\":\"proven\",\"proven\":"  \
    "true,\"bound_ns\":1204000,\"age_ns\":12000000000,\"reference\":\"chrony 192.0.2.1\",\"stratum\":2,"     \
    "\"leap\":\"insert\",\"leap_at\":\"2031-01-01T00:00:00Z\",\"since\":\"2030-12-31T20:00:00Z\","           \
    "\"changes\":1,\"ahead_ns\":0,\"file\":\"/run/tsa-clock/clock\",\"servers\":[{\"address\":"              \
    "\"a.example 192.0.2.7\",\"state\":\"good\",\"stratum\":1,\"offset_ns\":-500000,\"error_ns\":2000000,"   \
    "\"age_ns\":3000000000},{\"address\":\"192.0.2.8\",\"state\":\"silent\",\"stratum\":null,"               \
    "\"offset_ns\":null,\"error_ns\":null,\"age_ns\":null}]}"

#define BACKWARDS                                                                                            \
    "{\"state\":\"stop\",\"reason\":\"clock-backwards\",\"text\":\"the clock ran backwards: by a year\","    \
    "\"proven\":true,\"bound_ns\":null,\"age_ns\":null,\"reference\":\"kernel\",\"leap\":\"none\","          \
    "\"ahead_ns\":31449600000000000,\"servers\":[]}"

static void test_all(void **state)
{
    char out[4000];

    (void)state;
    print(clock_text_long, SYNC, out, sizeof(out));
    assert_string_equal(
        out, "clock    sync, proven (chrony 192.0.2.1), wrong by at most 1.204 ms, compared 12 s ago\n"
             "stratum  2\n"
             "leap     a leap second is inserted; no token is issued around 2031-01-01T00:00:00Z\n"
             "since    2030-12-31T20:00:00Z, 1 change since the signing process started\n"
             "file     /run/tsa-clock/clock, written by a clock service\n"
             "server   a.example 192.0.2.7: good, offset -0.500 ms, wrong by at most 2.000 ms, stratum 1, "
             "answered 3 s ago\n"
             "server   192.0.2.8: silent\n");
}

static void test_short(void **state)
{
    char out[4000];

    (void)state;
    print(clock_text_short, SYNC, out, sizeof(out));
    assert_string_equal(
        out, "clock    sync, proven (chrony 192.0.2.1), wrong by at most 1.204 ms, compared 12 s ago\n");
    print(clock_text_short, BACKWARDS, out, sizeof(out));
    assert_ptr_equal(
        strstr(out, "clock    stop (kernel)\n"
                    "         the clock ran backwards: by a year\n"
                    "         the last token's time is 364 d ahead of the clock, and none is issued until "),
        out);
    assert_non_null(strstr(out, "tsa clock acknowledge --run /run/tsa --reason TEXT\n"));
}

/* What has stopped is proven to nobody, and where another service writes the file, that one is named. */
static void test_stale(void **state)
{
    char out[4000];

    (void)state;
    print(clock_text_short,
          "{\"state\":\"stop\",\"reason\":\"clock-stale\",\"text\":\"has stopped\",\"proven\":true,"
          "\"reference\":\"\",\"file\":\"/run/c\",\"servers\":[]}",
          out, sizeof(out));
    assert_string_equal(out, "clock    stop\n"
                             "         has stopped\n"
                             "         see the service that writes /run/c (systemctl status tsa-clock)\n");
    print(clock_text_short,
          "{\"state\":\"stop\",\"reason\":\"clock-stale\",\"text\":\"has stopped\",\"proven\":true,"
          "\"reference\":\"kernel\",\"file\":null,\"servers\":[]}",
          out, sizeof(out));
    assert_string_equal(out, "clock    stop (kernel)\n         has stopped\n");
}

static void test_servers(void **state)
{
    char out[4000];

    (void)state;
    print(
        clock_text_long,
        "{\"state\":\"warn\",\"proven\":false,\"reference\":\"sntp\",\"servers\":["
        "{\"address\":\"a\",\"state\":\"silent\",\"stratum\":0,\"offset_ns\":0,\"error_ns\":0,\"age_ns\":0},"
        "{\"address\":\"b\",\"state\":\"false\",\"stratum\":2,\"offset_ns\":-31536000000000000,"
        "\"error_ns\":5000000},"
        "{\"address\":\"c\",\"state\":\"false\",\"offset_ns\":7200000000000},"
        "{\"address\":\"d\",\"state\":\"good\",\"offset_ns\":999999999}]}",
        out, sizeof(out));
    assert_string_equal(out, "clock    warn, not proven (sntp)\n"
                             "server   a: silent\n"
                             "server   b: false, offset -365 d, wrong by at most 5.000 ms, stratum 2\n"
                             "server   c: false, offset +2 h\n"
                             "server   d: good, offset +1000.000 ms\n");
}

/* Of another version, or broken: what is not there is not told, and nothing of it is a figure. */
static void test_odd(void **state)
{
    static const char *const cases[] = {
        "{}",
        "[]",
        "{\"state\":3,\"bound_ns\":\"1\",\"servers\":{\"a\":1},\"leap\":\"maybe\",\"ahead_ns\":-5}",
        "{\"state\":\"sync\",\"servers\":[null,1,{}],\"stratum\":\"x\",\"since\":1,\"text\":[]}",
    };
    char out[4000];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print(clock_text_long, cases[i], out, sizeof(out));
        assert_ptr_equal(strstr(out, "clock    "), out);
        assert_null(strstr(out, ", proven"));
        assert_null(strstr(out, " ms"));
        assert_null(strstr(out, "acknowledge"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_short), cmocka_unit_test(test_stale),
        cmocka_unit_test(test_servers), cmocka_unit_test(test_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
