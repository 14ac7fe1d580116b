/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer as a process, in its jail: a child that has inherited what the parent would give it. Ready, stamps, more threads and more memory
 * than any test before, stop, standing by, and the starts that must fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/file.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/role.h"
#include "tsa/issuer/issuer_proc.h"

static void expect(enum msg_type type)
{
    const struct chan_message m = role_receive(t.parent);

    assert_int_equal(m.type, type);
    assert_int_equal(m.body.len, 0);
}

static void start(void)
{
    role_start(issuer_proc_main);
    expect(MSG_LOADED);
    expect(MSG_READY);
}

static void put_request(uint64_t id)
{
    static const uint8_t data[256];
    const struct msg_stamp rfc3161 = {
        .id = id, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .cert_req = 1, .data = bytes_of(data, 32)};
    const struct msg_stamp authenticode = {.id = id, .kind = MSG_AUTHENTICODE, .data = bytes_of(data, 256)};

    msg_put_stamp(&t.out, id % 2 ? &rfc3161 : &authenticode);
}

static void take_replies(size_t num)
{
    for (size_t i = 0; i < num; i++) {
        const struct chan_message m = role_receive(t.front);
        struct msg_stamped stamped;

        assert_int_equal(m.type, MSG_STAMPED);
        assert_int_equal(msg_get_stamped(m.body, &stamped), RC_OK);
        assert_int_equal(stamped.rc, RC_OK);
    }
}

static void stop(void)
{
    msg_put_empty(&t.out, MSG_STOP);
    role_send_all(t.parent);
    assert_int_equal(role_exit_code(), 0);
}

static void test_life(void **state)
{
    (void)state;
    role_add_all(0);
    start();
    for (uint64_t id = 0; id < 200; id++) {
        put_request(id);
    }
    role_send_all(t.front);
    take_replies(200);
    stop();
}

/* Many threads, each with an arena of its own; replies that pile up by the megabyte and go again: whatever the C library does, it is allowed. */
static void test_many_threads_and_much_memory(void **state)
{
    (void)state;
    role_add_all(40);
    start();
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 0; id < 6000; id++) {
            put_request(id);
        }
        role_send_all(t.front);
        usleep(300 * 1000);
        take_replies(6000);
    }
    stop();
}

static void test_end_with_the_parent(void **state)
{
    (void)state;
    role_add_all(1);
    start();
    put_request(1);
    role_send_all(t.front);
    (void)close(t.parent);
    take_replies(1);
    assert_int_equal(role_exit_code(), 0);
    t.parent = -1;
}

static void test_time_goes_on_after_a_restart(void **state)
{
    struct ledger_summary found;
    struct bytes file;

    (void)state;
    role_add_all(1);
    start();
    put_request(1);
    role_send_all(t.front);
    take_replies(1);
    stop();
    assert_int_equal(ledger_read(t.dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, NULL, NULL, &found), RC_OK);
    ledger_unread(file);
    assert_true(found.num == 1 && found.last_clock.sec > AUTHORITY_NOW - 100000000);
}

/* ---- standing by: another issuer has the record still ---- */

static void hold_record(void)
{
    t.record = openat(t.dir_fd, LEDGER_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(t.record >= 0);
    assert_int_equal(flock(t.record, LOCK_EX | LOCK_NB), 0);
}

static void let_record_go(void)
{
    assert_int_equal(close(t.record), 0);
    t.record = -1;
}

static void start_standing_by(void)
{
    hold_record();
    role_add_all(2);
    role_start(issuer_proc_main);
    expect(MSG_LOADED);
}

static bool has_message(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, ms) > 0;
}

static int pass_front(struct bytes units)
{
    int pair[2];

    assert_int_equal(chan_pair(pair), RC_OK);
    assert_int_equal(chan_send_fd(t.parent, MSG_PEER, units, pair[1]), RC_OK);
    (void)close(pair[1]);
    return pair[0];
}

static void take_reply(int fd, enum rc expected)
{
    const struct chan_message m = role_receive(fd);
    struct msg_stamped stamped;

    assert_int_equal(m.type, MSG_STAMPED);
    assert_int_equal(msg_get_stamped(m.body, &stamped), RC_OK);
    assert_int_equal(stamped.rc, expected);
}

static void test_stand_by(void **state)
{
    static const struct msg_units units = {.num = 1, .now = {MSG_UNIT_GONE}};
    int older;

    (void)state;
    start_standing_by();
    for (uint64_t id = 0; id < 50; id++) {
        put_request(id);
    }
    role_send_all(t.front);
    older = pass_front(msg_units_bytes(&units));
    put_request(50);
    role_send_all(older);
    for (int i = 0; i < 3; i++) {
        msg_put_empty(&t.out, MSG_PING);
        role_send_all(t.parent);
        expect(MSG_PONG);
    }
    assert_false(has_message(t.parent, 100)); /* READY would be */
    assert_false(has_message(t.front, 0));
    let_record_go();
    expect(MSG_READY);
    take_replies(50);
    take_reply(older, RC_UNIT_UNKNOWN);
    (void)close(older);
    stop();
}

/* What the one before has written is known to the one after. */
static void test_hand_over(void **state)
{
    struct msg_facts facts;
    struct chan_message m;
    struct ledger old;

    (void)state;
    start_standing_by();
    let_record_go();
    expect(MSG_READY);
    put_request(1);
    role_send_all(t.front);
    take_replies(1);
    assert_int_equal(ledger_open(&old, t.dir_fd, NULL, 50), RC_OVERLOADED); /* it has the lock */
    ledger_close(&old);
    msg_put_ask_facts(&t.out, 9);
    role_send_all(t.parent);
    m = role_receive(t.parent);
    assert_int_equal(msg_get_facts(m.body, &facts), RC_OK);
    assert_true(facts.id == 9 && facts.facts.ready == 1 && facts.facts.ledger_sequence == 1);
    assert_true(facts.facts.sign.sum_us > 0); /* the signers of the process count */
    stop();
}

static void test_facts_wait_for_the_record(void **state)
{
    struct msg_facts facts;
    struct chan_message m;

    (void)state;
    start_standing_by();
    msg_put_ask_facts(&t.out, 9);
    role_send_all(t.parent);
    assert_false(has_message(t.parent, 100));
    let_record_go();
    expect(MSG_READY);
    m = role_receive(t.parent);
    assert_int_equal(m.type, MSG_FACTS);
    assert_int_equal(msg_get_facts(m.body, &facts), RC_OK);
    stop();
}

static void test_stop_while_standing_by(void **state)
{
    (void)state;
    start_standing_by();
    (void)close(pass_front(BYTES_NONE));
    msg_put_ask_facts(&t.out, 9);
    role_send_all(t.parent);
    stop();
    let_record_go();
}

static void test_end_of_the_parent_while_standing_by(void **state)
{
    (void)state;
    start_standing_by();
    (void)close(t.parent);
    assert_int_equal(role_exit_code(), 0);
    t.parent = -1;
    let_record_go();
}

/* ---- starts that fail ---- */

static void expect_failed_start(int code)
{
    role_start(issuer_proc_main);
    assert_int_equal(role_exit_code(), code);
}

static void test_missing_parts(void **state)
{
    (void)state;
    role_add_config(1);
    role_add_pem("chain.0", authority.chain[0]);
    expect_failed_start(70); /* no key */
}

static void test_foreign_key(void **state)
{
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    (void)state;
    role_add_config(1);
    role_add_pem("chain.0", authority.chain[0]);
    role_add_fd("key.0", desk_key_file(other, 0600, NULL));
    EVP_PKEY_free(other);
    expect_failed_start(78);
}

static void test_exposed_key(void **state)
{
    (void)state;
    role_add_config(1);
    role_add_pem("chain.0", authority.chain[0]);
    role_add_fd("key.0", desk_key_file(authority.key, 0640, NULL));
    expect_failed_start(78);
}

static void test_foreign_root(void **state)
{
    static struct authority other;

    (void)state;
    authority_init(&other, &(struct authority_spec){.key = "P-256"});
    role_add_config(1);
    role_add_pem("chain.0", authority.chain[0]);
    role_add_pem("root.0", other.chain[1]);
    role_add_fd("key.0", desk_key_file(authority.key, 0600, NULL));
    authority_clear(&other);
    expect_failed_start(78);
}

static void test_damaged_record(void **state)
{
    int fd = openat(t.dir_fd, LEDGER_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(write(fd, "no ledger", 9), 9);
    close(fd);
    role_add_all(1);
    expect_failed_start(70);
}

/* Who has the record is not made to give it up for somebody who can not take it: nothing is said before the end. */
static void test_damaged_record_of_another(void **state)
{
    (void)state;
    hold_record();
    assert_int_equal(write(t.record, "no ledger", 9), 9);
    role_add_all(1);
    expect_failed_start(70);
    assert_int_equal(chan_receive(&t.packets[0], t.parent), RC_IO);
    let_record_go();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, role_setup, role_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_many_threads_and_much_memory),
        TEST(test_end_with_the_parent),
        TEST(test_time_goes_on_after_a_restart),
        TEST(test_stand_by),
        TEST(test_hand_over),
        TEST(test_facts_wait_for_the_record),
        TEST(test_stop_while_standing_by),
        TEST(test_end_of_the_parent_while_standing_by),
        TEST(test_missing_parts),
        TEST(test_foreign_key),
        TEST(test_exposed_key),
        TEST(test_foreign_root),
        TEST(test_damaged_record),
        TEST(test_damaged_record_of_another),
    };

    return cmocka_run_group_tests(tests, role_make_authority, role_clear_authority);
}
