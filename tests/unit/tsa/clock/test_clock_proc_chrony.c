/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role and a chronyd that is this test: what each answer is worth and each silence, that it wakes when the clock is set, goes on where a predecessor
 * has ended, and hears what servers and the list of leap seconds say beside it.
 */
#include "tests/unit/tsa/clock/clock_world.h"

static void test_chrony(void **state)
{
    struct clockpage_servers servers;
    struct clockpage_record r, next;

    (void)state;
    r = begin_chrony("");
    assert_true(r.proven == CLOCKPAGE_PROVEN && r.reason == RC_OK);
    assert_in_range(r.bound_ns, 14500000, 14500003);
    assert_true(r.drift_ppb >= 1750 && r.stratum == 3 && r.leap == CLOCKPAGE_LEAP_NONE && r.leap_at == 0);
    assert_true(r.measured_mono_ns <= r.sampled_mono_ns && r.sampled_mono_ns <= now_mono_ns());
    assert_true(r.expires_mono_ns == r.sampled_mono_ns + CLOCKPAGE_LIFE_NS);
    assert_string_equal(r.reference, "chrony 192.0.2.1");
    assert_true(clockpage_read_servers(t.page, &servers) && servers.num == 0);
    for (int i = 0; i < 3; i++) {
        answer();
        next = record_after(r.epoch);
        assert_true(next.epoch == r.epoch + 1 && next.state == CLOCKPAGE_SYNC);
        r = next;
    }
    stop();
}

/* It is ready nevertheless, says what it does not know, and needs three good records to leave a stop. */
static void test_chronyd_that_is_silent(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    begin_with(chrony_config(""));
    expect(MSG_READY);
    r = record_after(0);
    assert_true(r.state == CLOCKPAGE_UNKNOWN && r.bound_ns == -1);
    assert_string_equal(r.reference, "chrony");
    while (r.state == CLOCKPAGE_UNKNOWN) {
        receive_question();
        r = record_after(r.epoch);
    }
    assert_true(r.state == CLOCKPAGE_STOP && r.reason == RC_CLOCK_UNREACHABLE);
    r = answer_until_sync(r.epoch, &good);
    assert_true(r.reason == RC_OK && good == 2);
    stop();
}

static void test_chronyd_that_dies(void **state)
{
    struct clockpage_record r;
    int64_t since;

    (void)state;
    r = begin_chrony("");
    (void)close(t.chronyd);
    since = now_mono_ns();
    while (r.state == CLOCKPAGE_SYNC) {
        r = record_after(r.epoch);
    }
    assert_true(r.state == CLOCKPAGE_STOP && r.reason == RC_CLOCK_UNREACHABLE && r.bound_ns == -1);
    assert_true(r.sampled_mono_ns - since < 5 * SECOND);
    t.chronyd = -1;
    stop();
}

static void say_local(void)
{
    reply_put_u32(reply, REPLY_AT_REF, 0x7f7f0101);
    reply_put_u16(reply, REPLY_AT_FAMILY, 0);
}

static void say_unsynchronised(void)
{
    reply_put_u16(reply, REPLY_AT_LEAP, 3);
}

static void test_what_chronyd_says_of_itself(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    (void)begin_chrony("");
    r = answer_until(say_local, RC_CLOCK_LOCAL);
    assert_string_equal(r.reference, "chrony 127.127.1.1");
    r = answer_until(say_unsynchronised, RC_CLOCK_UNSYNCHRONISED);
    assert_int_equal(r.num_good, 0);
    (void)answer_until_sync(r.epoch, &good);
    assert_int_equal(good, 2);
    stop();
}

/* The same answer twice would be two good records. */
static void test_an_answer_is_one_record(void **state)
{
    struct clockpage_record r, next;

    (void)state;
    r = begin_chrony("");
    receive_question(); /* and no answer */
    next = record_after(r.epoch);
    assert_true(next.sampled_mono_ns > r.sampled_mono_ns && next.state == CLOCKPAGE_STOP);
    stop();
}

/* A second passes between two questions, unless the clock is set in between. */
static void test_wakes_when_the_clock_is_set(void **state)
{
    int64_t asked, least = INT64_MAX;

    (void)state;
    (void)begin_chrony("");
    for (int i = 0; i < 10 && least > SECOND / 2; i++) { /* a busy machine may miss some */
        answer();
        asked = now_mono_ns();
        assert_int_equal(write(t.timer[1], "12345678", 8), 8);
        answer();
        least = now_mono_ns() - asked < least ? now_mono_ns() - asked : least;
    }
    assert_true(least < SECOND * 9 / 10);
    stop();
}

/* ---- what a predecessor has left ---- */

static void leave_record(int64_t sampled_mono_ns)
{
    struct timesrc_sample now = {0};
    struct clockpage_record r = {
        .epoch = 41,
        .sampled_mono_ns = sampled_mono_ns,
        .expires_mono_ns = sampled_mono_ns + CLOCKPAGE_LIFE_NS,
        .measured_mono_ns = -1,
        .bound_ns = -1,
        .figure_ns = 7,
        .state = CLOCKPAGE_STOP,
        .reason = RC_CLOCK_DISAGREES,
        .proven = CLOCKPAGE_PROVEN,
        .reference = "chrony",
    };

    timesrc_read_clocks(&now);
    r.real_minus_mono_ns = r.base_ns = now.real_minus_mono_ns;
    r.mono_minus_raw_ns = now.mono_minus_raw_ns;
    clockpage_write(t.page, &r);
}

static void test_a_restart_forgives_nothing(void **state)
{
    struct clockpage_record r;
    uint32_t good;

    (void)state;
    leave_record(now_mono_ns() - SECOND);
    begin_with(chrony_config(""));
    answer();
    expect(MSG_READY);
    r = record_after(41);
    assert_true(r.epoch == 42 && r.state == CLOCKPAGE_STOP);
    (void)answer_until_sync(42, &good);
    assert_int_equal(good, 2);
    stop();
}

static void test_another_boot_is_another_clock(void **state)
{
    struct clockpage_record r;

    (void)state;
    leave_record(now_mono_ns() + 3600 * SECOND);
    begin_with(chrony_config(""));
    answer();
    expect(MSG_READY);
    assert_true(clockpage_read(t.page, &r));
    assert_true(r.epoch < 41 && r.state != CLOCKPAGE_STOP);
    stop();
}

/* ---- beside the source ---- */

static void test_servers_beside_it(void **state)
{
    struct clockpage_servers servers;
    struct clockpage_record r = {0};

    (void)state;
    add_fd("servers", text_file("127.0.0.1:9\n-\n[::1]:9\n"));
    begin_with(
        chrony_config("servers = ( { address = \"127.0.0.1:9\"; }, { address = \"nowhere.invalid\"; }, "
                      "{ address = \"[::1]:9\"; } );"));
    expect(MSG_READY);
    for (int i = 0; i < MAX_ROUNDS && r.state != CLOCKPAGE_WARN; i++) {
        answer();
        r = record_after(r.epoch);
        assert_true(r.state != CLOCKPAGE_SYNC); /* nobody answers beside chronyd */
    }
    assert_true(r.state == CLOCKPAGE_WARN && r.reason == RC_CLOCK_UNCONFIRMED);
    assert_string_equal(r.reference, "chrony 192.0.2.1");
    assert_true(clockpage_read_servers(t.page, &servers) && servers.num == 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(servers.list[i].state == CLOCKPAGE_SERVER_SILENT);
    }
    assert_non_null(strstr(servers.list[0].address, "127.0.0.1:9"));
    assert_non_null(strstr(servers.list[1].address, "nowhere.invalid"));
    stop();
}

static void real_of_test(void *arg, struct gentime *out)
{
    struct timespec now;

    (void)arg;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = gentime_add_ns((struct gentime){.sec = now.tv_sec, .nsec = (uint32_t)now.tv_nsec}, t.ahead_ns);
}

/* At eighteen hours of the last day of June 2030, of which the list says that it has one second more. */
static void test_leap_list(void **state)
{
    static const struct now_source source = {.real = real_of_test};
    const int64_t midnight = 1909094400;
    struct clockpage_record r;
    char text[200];

    (void)state;
    t.ahead_ns = (midnight - 6 * 3600 - now_real().sec) * SECOND;
    now_set_source(&source);
    (void)snprintf(text, sizeof(text), "#@\t%lld\n2272060800\t10\n%lld\t11\n",
                   (long long)midnight + 2208988800 + 86400 * 100, (long long)midnight + 2208988800);
    add_fd("leap_list", text_file(text));
    r = begin_chrony("");
    assert_int_equal(r.leap, CLOCKPAGE_LEAP_NONE); /* as chronyd has it */
    assert_int_equal(r.leap_at, midnight);
    stop();
}

static void test_leap_list_that_is_none(void **state)
{
    (void)state;
    add_fd("leap_list", text_file("<html>no such page</html>\n"));
    (void)begin_chrony("");
    stop();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_chrony),
        TEST(test_chronyd_that_is_silent),
        TEST(test_chronyd_that_dies),
        TEST(test_what_chronyd_says_of_itself),
        TEST(test_an_answer_is_one_record),
        TEST(test_wakes_when_the_clock_is_set),
        TEST(test_a_restart_forgives_nothing),
        TEST(test_another_boot_is_another_clock),
        TEST(test_servers_beside_it),
        TEST(test_leap_list),
        TEST(test_leap_list_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
