/* SPDX-License-Identifier: Apache-2.0 */
/* Words for what the clock does: each reason of it has a sentence, each figure a meaning, and no number from elsewhere an effect. */
#include "tsa/role/clockwords.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void durations(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1500, "1.5 us"},
        {50000000, "50 ms"},
        {-50000000, "50 ms"},
        {1204000000, "1.204 s"},
        {119000000000, "119 s"},
        {120000000000, "2 min"},
        {7199000000000, "120 min"},
        {7200000000000, "2 h"},
        {172800000000000, "2 d"},
        {31449600000000000, "364 d"},
        {INT64_MAX, "106752 d"},
        {INT64_MIN, "106752 d"},
    };
    char text[CLOCKWORDS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(clockwords_duration(cases[i].ns, text), cases[i].text);
    }
}

static void sentences(void **state)
{
    static const struct {
        uint32_t state;
        enum rc reason;
        int64_t figure_ns;
        const char *text;
    } cases[] = {
        {CLOCKPAGE_STOP, RC_CLOCK_STEPPED, 50000000, "the clock was set: by 50 ms"},
        {CLOCKPAGE_STOP, RC_CLOCK_STEPPED, -3600000000000, "the clock was set: by -60 min"},
        {CLOCKPAGE_STOP, RC_CLOCK_BOUND, 1204000000,
         "the clock may be wrong by more than the declared accuracy allows: it may be wrong by 1.204 s"},
        {CLOCKPAGE_WARN, RC_CLOCK_BOUND, 600000000,
         "the clock may be wrong by more than half of what the declared accuracy allows: it may be wrong by "
         "600 ms"},
        {CLOCKPAGE_STOP, RC_CLOCK_UNREACHABLE, -1, "the clock's source does not answer"},
        {CLOCKPAGE_STOP, RC_CLOCK_BACKWARDS, 31449600000000000,
         "the clock ran backwards: the last token is 364 d ahead of it"},
        {CLOCKPAGE_STOP, RC_LEDGER_WRITE, 5, "the record can not be written"},
        {CLOCKPAGE_SYNC, RC_OK, 5, ""},
        {99, RC_NUM, 5, ""},
    };
    char text[CLOCKWORDS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(clockwords_sentence(cases[i].state, cases[i].reason, cases[i].figure_ns, text),
                            cases[i].text);
    }
}

/* Nothing is cut, whatever the reason and however long the figure. */
static void all_fit(void **state)
{
    char text[CLOCKWORDS_MAX], figure[CLOCKWORDS_MAX];

    (void)state;
    for (int rc = RC_OK + 1; rc < RC_NUM; rc++) {
        for (uint32_t s = CLOCKPAGE_UNKNOWN; s <= CLOCKPAGE_STOP; s++) {
            clockwords_figure((enum rc)rc, INT64_MIN, figure);
            clockwords_sentence(s, (enum rc)rc, INT64_MIN, text);
            assert_in_range(strlen(text), 4, CLOCKWORDS_MAX - 2);
            assert_true(strncmp(rc_word((enum rc)rc), "clock-", 6) != 0 || s == CLOCKPAGE_WARN ||
                        strncmp(text, rc_text((enum rc)rc), strlen(rc_text((enum rc)rc))) == 0);
            assert_string_equal(text + strlen(text) - strlen(figure), figure);
        }
    }
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(clockwords_state(CLOCKPAGE_WARN), "warn");
    assert_string_equal(clockwords_state(4), "unknown");
    assert_string_equal(clockwords_proof(CLOCKPAGE_LAB_TIME), "lab-time");
    assert_string_equal(clockwords_proof(UINT32_MAX), "unknown");
    assert_string_equal(clockwords_proof_text(CLOCKPAGE_TRUSTED), "not proven: the host is trusted");
    assert_string_equal(clockwords_proof_text(3), "not proven");
    assert_string_equal(clockwords_leap(CLOCKPAGE_LEAP_DELETE), "delete");
    assert_string_equal(clockwords_leap(77), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(sentences),
        cmocka_unit_test(all_fit),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
