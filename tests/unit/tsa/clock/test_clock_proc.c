/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock role as a process in its jail: it says ready with a record in place, renews it each second, ends when told or with its parent, works as
 * a service of its own, and a dead one's record dies.
 */
#include "tests/unit/tsa/clock/clock_world.h"

static void begin_system(void)
{
    begin_with("source = \"system\";");
    expect(MSG_READY);
}

static void test_record_is_renewed(void **state)
{
    struct clockpage_record first, next;
    int64_t mono, real;

    (void)state;
    begin_system();
    mono = now_mono_ns();
    real = gentime_diff_ns(now_real(), (struct gentime){0});
    assert_true(clockpage_read(t.page, &first)); /* before it says that it is ready */
    assert_true(first.state == CLOCKPAGE_SYNC && first.proven == 0 && first.bound_ns == -1);
    assert_string_equal(first.reference, "system");
    assert_true(first.sampled_mono_ns <= mono &&
                first.expires_mono_ns == first.sampled_mono_ns + CLOCKPAGE_LIFE_NS);
    assert_true(llabs(real - mono - first.real_minus_mono_ns) < 1000000000);
    send_message(MSG_READY); /* not meant for it, and of no harm */
    do {
        usleep(10 * 1000);
        assert_true(clockpage_read(t.page, &next));
    } while (next.sampled_mono_ns == first.sampled_mono_ns);
    assert_true(next.sampled_mono_ns - first.sampled_mono_ns >= 1000000000);
    assert_true(next.sampled_mono_ns - first.sampled_mono_ns < CLOCKPAGE_LIFE_NS);
    send_message(MSG_STOP);
    expect_end();
}

/* At once, not with the next record; and it goes on. */
static void test_pings_are_answered(void **state)
{
    struct clockpage_record first, next;
    const int64_t since = now_mono_ns();

    (void)state;
    begin_system();
    assert_true(clockpage_read(t.page, &first));
    for (int i = 0; i < 3; i++) {
        send_message(MSG_PING);
        expect(MSG_PONG);
    }
    send_message(MSG_PING);
    send_message(MSG_PING);
    expect(MSG_PONG);
    expect(MSG_PONG);
    do {
        usleep(10 * 1000);
        assert_true(clockpage_read(t.page, &next));
    } while (next.sampled_mono_ns == first.sampled_mono_ns && now_mono_ns() - since < CLOCKPAGE_LIFE_NS);
    assert_true(next.sampled_mono_ns > first.sampled_mono_ns);
    send_message(MSG_STOP);
    expect_end();
}

static void test_ends_with_its_parent(void **state)
{
    (void)state;
    begin_system();
    (void)shutdown(t.parent, SHUT_RDWR);
    expect_end();
}

static void test_terminal_signals_are_the_parents_business(void **state)
{
    int status;

    (void)state;
    begin_system();
    assert_int_equal(kill(t.pid, SIGINT), 0);
    assert_int_equal(kill(t.pid, SIGHUP), 0);
    usleep(50 * 1000);
    assert_int_equal(waitpid(t.pid, &status, WNOHANG), 0);
    send_message(MSG_STOP);
    expect_end();
}

static void test_sources(void **state)
{
    (void)state;
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_SYSTEM), &timesrc_system);
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_CHRONY), &timesrc_chrony);
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_KERNEL), &timesrc_kernel);
    assert_ptr_equal(timesrc_of(SETTINGS_CLOCK_SNTP), &timesrc_sntp);
    assert_int_equal(timesrc_system.proof, CLOCKPAGE_TRUSTED);
    assert_int_equal(timesrc_chrony.proof, CLOCKPAGE_PROVEN);
    assert_int_equal(timesrc_kernel.proof, CLOCKPAGE_PROVEN);
    assert_int_equal(timesrc_sntp.proof, CLOCKPAGE_PROVEN);
}

static void test_lab_time(void **state)
{
    const int64_t shift = 400 * 86400 * SECOND;
    const int64_t real = gentime_diff_ns(now_real(), (struct gentime){0});
    struct clockpage_record r;
    struct pollfd asked = {.fd = t.chronyd, .events = POLLIN};

    (void)state;
    add_fd("lab_time", text_file("shift 34560000000000000"));
    begin_with(chrony_config(""));
    expect(MSG_READY);
    r = record_after(0);
    assert_true(r.state == CLOCKPAGE_SYNC && r.proven == CLOCKPAGE_LAB_TIME && r.bound_ns == -1);
    assert_string_equal(r.reference, "lab time +400 d");
    assert_true(llabs(r.real_minus_mono_ns + r.sampled_mono_ns - shift - real) < 100 * SECOND);
    assert_int_equal(poll(&asked, 1, 0), 0); /* nobody was asked */
    stop();
}

static void test_kernel(void **state)
{
    struct clockpage_record r;

    (void)state;
    begin_with("source = \"kernel\";");
    expect(MSG_READY);
    r = record_after(1); /* it may ask the kernel from its jail, more than once */
    assert_true(r.proven == CLOCKPAGE_PROVEN && r.state != CLOCKPAGE_UNKNOWN);
    assert_string_equal(r.reference, "kernel");
    stop();
}

/* Whoever it runs as: no filter sees what adjtimex is asked for. */
static void test_can_not_set_the_clock(void **state)
{
    const unsigned long long cap_sys_time = 1ULL << 25;
    unsigned long long held = 0;
    char path[64], line[256];
    FILE *file;
    int num = 0;

    (void)state;
    begin_system();
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)t.pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "CapInh: %llx", &held) == 1 || sscanf(line, "CapPrm: %llx", &held) == 1 ||
            sscanf(line, "CapEff: %llx", &held) == 1) {
            assert_true((held & cap_sys_time) == 0);
            num++;
        }
    }
    (void)fclose(file);
    assert_int_equal(num, 3);
    stop();
}

/* ---- no parent ---- */

static void end_by(int number)
{
    uint32_t good;
    int status;

    add_fd("config", config_file(chrony_config("")));
    begin();
    (void)answer_until_sync(0, &good);
    answer();
    assert_int_equal(kill(t.pid, SIGHUP), 0); /* a terminal that is closed does not end a service */
    answer();
    assert_int_equal(kill(t.pid, number), 0);
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == number);
}

static void test_service_of_its_own(void **state)
{
    (void)state;
    end_by(SIGTERM);
}

static void test_service_in_a_terminal(void **state)
{
    (void)state;
    end_by(SIGINT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_record_is_renewed),
        TEST(test_pings_are_answered),
        TEST(test_ends_with_its_parent),
        TEST(test_terminal_signals_are_the_parents_business),
        cmocka_unit_test(test_sources),
        TEST(test_lab_time),
        TEST(test_kernel),
        TEST(test_can_not_set_the_clock),
        TEST(test_service_of_its_own),
        TEST(test_service_in_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
