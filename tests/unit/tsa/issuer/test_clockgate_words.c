/* SPDX-License-Identifier: Apache-2.0 */
/* What is told with a refusal: figures in people's units, ASCII, never longer than a message takes. */
#include "tests/unit/tsa/issuer/gate_world.h"
#include "tsa/role/msg.h"

static const struct clockgate_claim second = {.accuracy_ns = SECOND};
static const struct clockgate_claim whole = {.accuracy_ns = SECOND, .rounding_ns = SECOND / 2};
static const struct clockgate_claim none = {0};

static void test_sentences(void **state)
{
    static const struct {
        enum rc rc;
        int64_t figure, about;
        const struct clockgate_claim *claim;
        const char *expected;
    } cases[] = {
        {RC_CLOCK_BOUND, 1204 * MS, 0, &second, "it may be wrong by 1.204 s, this unit declares 1 s"},
        {RC_CLOCK_BOUND, 1604 * MS, 0, &whole,
         "it may be wrong by 1.604 s, this unit declares 1 s and 500 ms for whole seconds"},
        {RC_CLOCK_BOUND, 1204 * MS, 0, &none, "it may be wrong by 1.204 s"},
        {RC_CLOCK_BOUND, 1204 * MS, 0, NULL, "it may be wrong by 1.204 s"},
        {RC_CLOCK_BOUND, -1, 0, &second, ""},
        {RC_CLOCK_STEPPED, 50 * MS, START, NULL, "it was set by +50 ms at 2031-01-01T00:04:05Z"},
        {RC_CLOCK_STEPPED, -365 * DAY, START, NULL, "it was set by -365 d at 2031-01-01T00:04:05Z"},
        {RC_CLOCK_BACKWARDS, 364 * DAY, START, NULL,
         "the last token is of 2031-01-01T00:04:05Z, 364 d ahead of the clock; see tsa clock acknowledge"},
        {RC_CLOCK_BACKWARDS, 3 * MS, START, NULL,
         "the last token is of 2031-01-01T00:04:05Z, 3 ms ahead of the clock"},
        {RC_CLOCK_BACKWARDS, 3601 * SECOND, START, &second,
         "the last token is of 2031-01-01T00:04:05Z, 60.02 min ahead of the clock; tell the operator of this "
         "authority, who must act"},
        {RC_CLOCK_BACKWARDS, 3600 * SECOND, START, &second,
         "the last token is of 2031-01-01T00:04:05Z, 60 min ahead of the clock; tell the operator of this "
         "authority, or try again later"},
        {RC_CLOCK_BACKWARDS, 60 * SECOND, START, &second,
         "the last token is of 2031-01-01T00:04:05Z, 60 s ahead of the clock; try again later"},
        {RC_CLOCK_LEAP, SECOND, START, NULL, "it is at 2031-01-01T00:04:05Z"},
        {RC_CLOCK_STALE, 4200 * MS, 0, NULL, "nothing for 4.2 s"},
        {RC_CLOCK_OLD, 7200 * SECOND, 0, NULL, "2 h ago"},
        {RC_CLOCK_UNKNOWN, -1, 0, NULL, ""},
        {RC_CLOCK_LOCAL, -1, 0, NULL, ""},
        {RC_OVERLOADED, 11 * MS, 0, NULL,
         "this unit's tokens are ordered, and the next free time is 11 ms ahead of the clock"},
        {RC_SIGNER_FAILED, 5, 0, NULL, ""},
    };
    char why[CLOCKGATE_WHY_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct clockgate_time time = {.figure_ns = cases[i].figure, .about = {cases[i].about, 500}};

        assert_string_equal(clockgate_explain(cases[i].rc, &time, cases[i].claim, why), cases[i].expected);
    }
}

/* Every reason with every absurd figure. */
static void test_fits_into_a_message(void **state)
{
    static const int64_t figures[] = {INT64_MIN, INT64_MIN + 1, -2, -1, 0, 1, INT64_MAX};
    const struct clockgate_claim absurd = {.accuracy_ns = INT64_MAX, .rounding_ns = INT64_MAX};

    (void)state;
    for (int rc = RC_OK; rc < RC_NUM; rc++) {
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
            const struct clockgate_time time = {.figure_ns = figures[i], .about = {figures[i], 0}};
            char why[CLOCKGATE_WHY_MAX];
            size_t len;

            memset(why, 0x7f, sizeof(why));
            len = strlen(clockgate_explain((enum rc)rc, &time, &absurd, why));
            assert_true(len <= MSG_WHY_MAX);
            for (size_t c = 0; c < len; c++) {
                assert_true(why[c] >= 0x20 && why[c] < 0x7f);
            }
        }
    }
}

/* From the gate itself. */
static void test_what_the_gate_gives(void **state)
{
    struct clockgate_time out;
    char why[CLOCKGATE_WHY_MAX];

    (void)state;
    assert_int_equal(pass(), RC_OK);
    simulated.real -= 365 * DAY;
    assert_int_equal(pass_with(0, SECOND, &out), RC_CLOCK_STEPPED);
    assert_string_equal(clockgate_explain(RC_CLOCK_STEPPED, &out, &second, why),
                        "it was set by -365 d at 2030-01-01T00:04:05Z");
    for (int i = 0; i < 3; i++) {
        next_second();
        (void)watch();
    }
    assert_int_equal(pass_with(0, SECOND, &out), RC_CLOCK_BACKWARDS);
    assert_string_equal(clockgate_explain(RC_CLOCK_BACKWARDS, &out, &second, why),
                        "the last token is of 2031-01-01T00:04:05Z, 365 d ahead of the clock; tell the "
                        "operator of this authority, who must act");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(test_sentences),
        GATE_TEST(test_fits_into_a_message),
        GATE_TEST(test_what_the_gate_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
