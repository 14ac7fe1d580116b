/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units: exact, and refused where they do not fit.
 */
#include "tsa/base/cfg_quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tsa/base/cfg.h"

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"5 s", 5000000000},
        {"10 min", 600000000000},
        {"250 ms", 250000000},
        {"+400d", 34560000000000000},
        {"1.5", 1500000000},
        {"0", 0},
        {"-2 h", -7200000000000},
        {"7 ns", 7},
        {"1.000000001", 1000000001},
        {"3us", 3000},
        {"0.000000001 d", 86400},
        {"1.5 ns", 1},
        {"106751 d", 9223286400000000000},
    };
    static const char *const bad[] = {"",
                                      " ",
                                      "s",
                                      "5 S",
                                      "5 sec",
                                      "5  s x",
                                      "1.",
                                      ".5",
                                      "1e3",
                                      "0x5",
                                      "--5",
                                      "5 m",
                                      "106752 d",
                                      "9223372037",
                                      "1.0000000001",
                                      "5,5",
                                      " 5",
                                      "5 s ",
                                      "99999999999999999999",
                                      "\xff"};
    int64_t ns;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(cfg_parse_duration(good[i].text, &ns), RC_OK);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (cfg_parse_duration(bad[i], &ns) != RC_CONFIG) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t octets;
    } good[] = {{"16 KiB", 16384}, {"1.5 MiB", 1572864}, {"2GB", 2000000000},
                {"7", 7},          {"0.5 kB", 500},      {"8388607 TiB", 8388607LL << 40}};
    int64_t octets;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(cfg_quantity_parse(good[i].text, cfg_size_units, &octets), RC_OK);
        assert_int_equal(octets, good[i].octets);
    }
    assert_int_equal(cfg_quantity_parse("8388608 TiB", cfg_size_units, &octets), RC_CONFIG);
    assert_int_equal(cfg_quantity_parse("16 kib", cfg_size_units, &octets), RC_CONFIG);
}

static void texts(void **state)
{
    char text[CFG_QUANTITY_TEXT_MAX];
    (void)state;

    assert_string_equal(cfg_quantity_text(0, cfg_duration_units, text), "0 s");
    assert_string_equal(cfg_quantity_text(90000000000, cfg_duration_units, text), "90 s");
    assert_string_equal(cfg_quantity_text(-7200000000000, cfg_duration_units, text), "-2 h");
    assert_string_equal(cfg_quantity_text(1, cfg_duration_units, text), "1 ns");
    assert_string_equal(cfg_quantity_text(16384, cfg_size_units, text), "16 KiB");
    assert_string_equal(cfg_quantity_text(1000, cfg_size_units, text), "1 kB");
    assert_string_equal(cfg_quantity_text(1023, cfg_size_units, text), "1023 B");
    assert_string_equal(cfg_quantity_text(INT64_MIN, cfg_size_units, text), "-8388608 TiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(durations), cmocka_unit_test(sizes),
                                       cmocka_unit_test(texts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
