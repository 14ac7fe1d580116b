/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says, put there by the test: as chronyd, ntpd and systemd-timesyncd leave it, and as nobody does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/clock/timesrc_kernel.h"

#define SECOND INT64_C(1000000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static struct timex said;
static int result;
static unsigned modes;

static int fake_call(struct timex *timex)
{
    modes |= timex->modes;
    *timex = said;
    return result;
}

static struct timesrc_kernel fresh(void)
{
    return (struct timesrc_kernel){.drift_ppb = 250000, .last_maxerror_us = -1};
}

static struct timesrc_sample judge(struct timesrc_kernel *kernel, int64_t mono_ns)
{
    struct timesrc_sample s = {.mono_ns = mono_ns, .real_minus_mono_ns = 77, .rc = RC_NUM, .least_ns = 5};

    timesrc_kernel_judge(kernel, result, &said, &s);
    assert_true(s.mono_ns == mono_ns && s.real_minus_mono_ns == 77 && s.least_ns == 0);
    assert_true(!s.explains_steps && s.stratum == 0 && s.drift_ppb == 250000);
    assert_string_equal(s.reference, "kernel");
    return s;
}

static void test_bound(void **state)
{
    struct timesrc_kernel kernel = fresh();
    struct timesrc_sample s;

    (void)state;
    result = TIME_OK;
    said = (struct timex){.status = STA_PLL, .maxerror = 2500, .esterror = 12};
    s = judge(&kernel, 100 * SECOND);
    assert_true(s.rc == RC_OK && s.bound_ns == 2500000 && s.leap == CLOCKPAGE_LEAP_NONE);
    said.offset = -30; /* still to be slewed: microseconds */
    assert_true(judge(&kernel, 100 * SECOND).bound_ns == 2530000);
    said.status |= STA_NANO;
    assert_true(judge(&kernel, 100 * SECOND).bound_ns == 2500030);
}

/* The largest error grows by 500 microseconds a second; each time that it has dropped, the reference was measured. */
static void test_measurements(void **state)
{
    struct timesrc_kernel kernel = fresh();
    struct timesrc_sample s;

    (void)state;
    result = TIME_OK;
    said = (struct timex){.maxerror = 5000, .esterror = 1, .status = STA_PLL};
    s = judge(&kernel, 100 * SECOND);
    assert_true(s.measurement == 0 && s.measured_mono_ns == 90 * SECOND); /* ten seconds at the most */
    said.maxerror = 5500;
    s = judge(&kernel, 101 * SECOND);
    assert_true(s.measurement == 0 && s.measured_mono_ns == 90 * SECOND);
    said.maxerror = 5500; /* not a microsecond more: it has not dropped */
    assert_true(judge(&kernel, 101 * SECOND).measurement == 0);
    said.maxerror = 4000;
    s = judge(&kernel, 102 * SECOND);
    assert_true(s.measurement == 1 && s.measured_mono_ns == 102 * SECOND);
    said.maxerror = 4500;
    s = judge(&kernel, 103 * SECOND);
    assert_true(s.measurement == 1 && s.measured_mono_ns == 102 * SECOND);
    said.maxerror = 4499;
    assert_true(judge(&kernel, 104 * SECOND).measurement == 2);
}

static void test_loss_makes_no_measurement(void **state)
{
    struct timesrc_kernel kernel = fresh();
    struct timesrc_sample s;

    (void)state;
    result = TIME_OK;
    said = (struct timex){.maxerror = 5000, .esterror = 1, .status = STA_PLL};
    (void)judge(&kernel, 100 * SECOND);
    said.maxerror = 4000;
    (void)judge(&kernel, 101 * SECOND);
    result = TIME_ERROR;
    said = (struct timex){.maxerror = 100, .esterror = 1, .status = STA_PLL | STA_UNSYNC};
    s = judge(&kernel, 102 * SECOND);
    assert_true(s.rc == RC_CLOCK_UNSYNCHRONISED && s.measurement == 1);
    result = TIME_OK;
    said = (struct timex){.maxerror = 4500, .esterror = 1, .status = STA_PLL};
    assert_true(judge(&kernel, 103 * SECOND).measurement == 1);
}

/* systemd-timesyncd tells no error: the kernel's has no meaning then, however small, but it drops at each measurement. */
static void test_timesyncd(void **state)
{
    struct timesrc_kernel kernel = fresh();
    struct timesrc_sample s;

    (void)state;
    result = TIME_OK;
    said = (struct timex){.maxerror = 16000, .esterror = 0, .status = STA_PLL};
    s = judge(&kernel, 100 * SECOND);
    assert_true(s.rc == RC_OK && s.bound_ns == -1 && s.measured_mono_ns == 68 * SECOND);
    said.maxerror = 0;
    s = judge(&kernel, 101 * SECOND);
    assert_true(s.rc == RC_OK && s.bound_ns == -1 && s.measurement == 1 &&
                s.measured_mono_ns == 101 * SECOND);
}

/* chronyd and phc2sys steer by the frequency alone: a clock that is a second off and being slewed has a largest error of a millisecond there. */
static void test_steered_by_others(void **state)
{
    struct timesrc_kernel kernel = fresh();
    struct timesrc_sample s;

    (void)state;
    result = TIME_OK;
    said = (struct timex){.maxerror = 1000, .esterror = 20, .tick = 9200};
    s = judge(&kernel, 100 * SECOND);
    assert_true(s.rc == RC_OK && s.bound_ns == -1 && s.measured_mono_ns == 98 * SECOND);
    said.status = STA_PLL;
    assert_true(judge(&kernel, 100 * SECOND).bound_ns == 1000000);
    said.esterror = 1001; /* of a boot, or of when the clock was set: whoever says no largest error alone */
    assert_true(judge(&kernel, 100 * SECOND).bound_ns == -1);
    said.esterror = 1000;
    assert_true(judge(&kernel, 100 * SECOND).bound_ns == 1000000);
    said.maxerror = 0;
    assert_true(judge(&kernel, 101 * SECOND).bound_ns == -1);
}

static const struct {
    const char *what;
    int result;
    struct timex said;
    enum rc rc;
    enum clockpage_leap leap;
} states[] = {
    {"fine", TIME_OK, {.maxerror = 10, .esterror = 1, .status = STA_PLL}, RC_OK, CLOCKPAGE_LEAP_NONE},
    {"insert",
     TIME_INS,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_INS},
     RC_OK,
     CLOCKPAGE_LEAP_INSERT},
    {"insert, said just now",
     TIME_OK,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_INS},
     RC_OK,
     CLOCKPAGE_LEAP_INSERT},
    {"delete",
     TIME_DEL,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_DEL},
     RC_OK,
     CLOCKPAGE_LEAP_DELETE},
    {"delete, said just now",
     TIME_OK,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_DEL},
     RC_OK,
     CLOCKPAGE_LEAP_DELETE},
    {"in the leap second",
     TIME_OOP,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_INS},
     RC_OK,
     CLOCKPAGE_LEAP_INSERT},
    {"after it",
     TIME_WAIT,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_INS},
     RC_OK,
     CLOCKPAGE_LEAP_NONE},
    {"not synchronised",
     TIME_ERROR,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_UNSYNC},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"the flag alone",
     TIME_OK,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL | STA_UNSYNC},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"the result alone",
     TIME_ERROR,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"an error of 16 s",
     TIME_OK,
     {.maxerror = 16000000, .esterror = 1, .status = STA_PLL},
     RC_OK,
     CLOCKPAGE_LEAP_NONE},
    {"more",
     TIME_OK,
     {.maxerror = 16000001, .esterror = 1, .status = STA_PLL},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"negative",
     TIME_OK,
     {.maxerror = -1, .esterror = 1, .status = STA_PLL},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"negative estimate",
     TIME_OK,
     {.maxerror = 1, .esterror = -1},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"far to slew",
     TIME_OK,
     {.maxerror = 1, .esterror = 1, .offset = SECOND + 1, .status = STA_PLL},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"far back",
     TIME_OK,
     {.maxerror = 1, .esterror = 1, .offset = INT64_MIN, .status = STA_PLL},
     RC_CLOCK_UNSYNCHRONISED,
     CLOCKPAGE_LEAP_NONE},
    {"nothing",
     -1,
     {.maxerror = 10, .esterror = 1, .status = STA_PLL},
     RC_CLOCK_UNREACHABLE,
     CLOCKPAGE_LEAP_UNKNOWN},
};

static void test_states(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUM(states); i++) {
        struct timesrc_kernel kernel = fresh();
        struct timesrc_sample s;

        result = states[i].result;
        said = states[i].said;
        s = judge(&kernel, SECOND);
        if (s.rc != states[i].rc || s.leap != states[i].leap || (s.bound_ns >= 0) != (s.rc == RC_OK)) {
            fail_msg("%s: %s, leap %d, bound %lld", states[i].what, rc_word(s.rc), (int)s.leap,
                     (long long)s.bound_ns);
        }
    }
}

static void test_source(void **state)
{
    const struct settings settings = {.clock.drift_ppm = 250};
    struct timesrc_sample s;
    void *source;

    (void)state;
    timesrc_kernel_set_call(fake_call);
    result = TIME_OK;
    said = (struct timex){.maxerror = 700, .esterror = 3, .status = STA_PLL};
    source = timesrc_kernel.open(&settings, NULL);
    timesrc_kernel.ask(source, 0);
    timesrc_kernel.sample(source, &s);
    assert_true(s.rc == RC_OK && s.bound_ns == 700000 && s.drift_ppb == 250000);
    assert_true(s.mono_ns > 0 && modes == 0); /* it only ever reads */
    assert_true(!timesrc_kernel.fds && !timesrc_kernel.take && !timesrc_kernel.servers);
    timesrc_kernel.close(source);
    timesrc_kernel_set_call(NULL);

    source = timesrc_kernel.open(&settings, NULL); /* this machine's */
    timesrc_kernel.sample(source, &s);
    assert_true(s.rc == RC_OK || s.rc == RC_CLOCK_UNSYNCHRONISED);
    timesrc_kernel.close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_measurements),
        cmocka_unit_test(test_loss_makes_no_measurement),
        cmocka_unit_test(test_timesyncd),
        cmocka_unit_test(test_steered_by_others),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
