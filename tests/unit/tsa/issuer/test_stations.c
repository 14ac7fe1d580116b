/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader, signers and recorder together, as one process has them, with the test as parent and as fronts: who gets what, what happens to those
 * who misbehave or die, what a failing disk does, and that nothing which was taken is lost at the end.
 */
#include <sys/socket.h>

#include "tests/unit/tsa/issuer/rig.h"

static void test_two_fronts(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 500; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    for (uint64_t i = 1000; i < 1500; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[1]);
    rig_take_replies(rig.fronts[1], 1000, 500, NULL);
    rig_take_replies(rig.fronts[0], 0, 500, NULL);
    rig_read_ledger();
    assert_int_equal(recorded.num, 1000);
    for (size_t i = 0; i < 500; i++) {
        assert_true(recorded.ids[i] && recorded.ids[1000 + i]);
    }
    assert_true(rig.pool.num_made <= CAPACITY);
}

static void test_refusals_travel_the_same_way(void **state)
{
    enum rc rcs[10];

    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        if (i % 2) {
            rig_put_request(i);
        } else {
            rig_put_bad_request(i);
        }
    }
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 0, 10, rcs);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(rcs[i], i % 2 ? RC_OK : RC_UNIT_UNKNOWN);
    }
    rig_read_ledger();
    assert_int_equal(recorded.num, 5);
}

static void test_facts(void **state)
{
    struct facts facts = rig_ask_facts(rig.parent);

    (void)state;
    assert_true(facts.ready == 1 && facts.reason == RC_OK && facts.clock_state == CLOCKPAGE_SYNC &&
                facts.clock_proven == 1);
    assert_true(facts.clock_bound_ns == 1000001 && facts.clock_age_ns == 7 * DESK_SECOND &&
                facts.num_signers == NUM_SIGNERS);
    assert_true(facts.ledger_sequence == 0 && facts.last_time.sec == 0 && facts.started.sec == AUTHORITY_NOW);
    assert_string_equal(facts.clock_reference, "test");
    rig_stamp_some(rig.fronts[0], 0, 7);
    rig_put_bad_request(7);
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 7, 1, (enum rc[1]){0});
    facts = rig_ask_facts(rig.fronts[0]);
    assert_true(facts.num_rfc3161 == 7 && facts.num_authenticode == 0 && facts.num_refused == 1 &&
                facts.ledger_sequence == 7);
    assert_true(facts.last_time.sec == AUTHORITY_NOW && facts.last_time.nsec == 123000000);
    desk_pass(&rig.desk, CLOCKPAGE_LIFE_NS);
    facts = rig_ask_facts(rig.fronts[0]);
    assert_true(facts.ready == 0 && facts.reason == RC_CLOCK_STALE &&
                facts.clock_age_ns == CLOCKPAGE_LIFE_NS + 7 * DESK_SECOND);
}

/* ---- disk ---- */

static void test_failing_disk(void **state)
{
    enum rc rcs[400];
    size_t granted = 0;

    (void)state;
    rig_stamp_some(rig.fronts[0], 0, 10);
    atomic_store(&syncs_left, 2);
    for (uint64_t i = 10; i < 410; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 10, 400, rcs);
    atomic_store(&syncs_left, -1); /* well again: too late */
    rig_read_ledger();
    for (size_t i = 0; i < 400; i++) {
        assert_true(rcs[i] == RC_OK || rcs[i] == RC_LEDGER_WRITE);
        assert_true(rcs[i] != RC_OK || recorded.ids[10 + i]);
        granted += rcs[i] == RC_OK;
    }
    assert_true(granted < 400);
    assert_int_equal(rig_ask_facts(rig.fronts[0]).reason, RC_LEDGER_WRITE);
    rig_put_request(500);
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 500, 1, rcs);
    assert_int_equal(rcs[0], RC_LEDGER_WRITE);
}

/* A record that broke before a request came to it. */
static void test_broken_record(void **state)
{
    enum rc rcs[3];

    (void)state;
    rig.ledger.broken = RC_LEDGER_WRITE;
    for (uint64_t i = 0; i < 3; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 0, 3, rcs);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rcs[i], RC_LEDGER_WRITE);
    }
    assert_int_equal(rig_ask_facts(rig.fronts[0]).reason, RC_LEDGER_WRITE);
}

/* More waits than one group takes: it is synced, and the rest goes into the next. */
static void test_full_group(void **state)
{
    static uint8_t imprint[32] = {0xff, 0x0f};
    static const uint8_t filler[60000];
    const struct ledger_record r = {.kind = MSG_RFC3161,
                                    .digest = DIGEST_SHA256,
                                    .imprint = bytes_of(imprint, 32),
                                    .text = bytes_of(filler, 8000)};
    struct wbuf body;
    size_t num = 0;

    (void)state;
    wbuf_init(&body, LEDGER_BODY_MAX);
    ledger_record_put(&body, &r);
    assert_int_equal(wbuf_rc(&body), RC_OK);
    while (ledger_append(&rig.ledger, wbuf_bytes(&body)) == RC_OK) { /* the recorder sleeps */
        num++;
    }
    wbuf_clear(&body);
    for (uint64_t i = 0; i < 200; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 0, 200, NULL);
    rig_read_ledger();
    assert_int_equal(recorded.num, num + 200);
}

/* ---- fronts that misbehave ---- */

static void expect_cut_off(int front)
{
    while (rig_receive(rig.fronts[front]) == RC_OK) {
    }
    rig_stamp_some(rig.fronts[1], 100, 3); /* the others do not notice */
}

static void test_malformed_packet(void **state)
{
    (void)state;
    assert_int_equal(send(rig.fronts[0], "garbage", 7, 0), 7);
    expect_cut_off(0);
}

static void test_malformed_message(void **state)
{
    (void)state;
    rig_put_request(1);
    wbuf_put_text(chan_begin(&rig.out, MSG_STAMP), "no such body");
    chan_end(&rig.out);
    rig_send_all(rig.fronts[0]);
    expect_cut_off(0);
}

static void test_what_only_the_parent_may_say(void **state)
{
    static const enum msg_type types[] = {MSG_STOP, MSG_PEER, MSG_READY, MSG_STAMPED};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    msg_put_empty(&rig.out, MSG_STOP);
    rig_send_all(rig.fronts[0]);
    expect_cut_off(0);
    assert_int_equal(chan_send_fd(rig.fronts[2], MSG_PEER, BYTES_NONE, ends[0]), RC_OK);
    close(ends[0]);
    expect_cut_off(2);
    assert_int_equal(write(ends[1], "x", 1), -1); /* what was passed is closed: nobody can read */
    close(ends[1]);
    for (size_t i = 2; i < 4; i++) {
        int other, end = rig_end_of(&other);

        assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
        close(end);
        rig_close_fd(&rig.fronts[0]);
        rig.fronts[0] = other;
        msg_put_empty(&rig.out, types[i]);
        rig_send_all(other);
        expect_cut_off(0);
    }
}

static void test_front_that_goes_away(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_close_fd(&rig.fronts[0]);
    rig_stamp_some(rig.fronts[1], 1000, 300);
    msg_put_empty(&rig.out, MSG_STOP);
    rig_send_all(rig.parent);
    rig_finish();
}

/* A front that asks and does not read: its replies wait, the others are served, and when it reads it gets all. */
static void test_front_that_does_not_read(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_stamp_some(rig.fronts[1], 3500, 500);
    rig_take_replies(rig.fronts[0], 0, 3000, NULL);
    rig_stamp_some(rig.fronts[0], 0, 10);
}

static void test_front_that_never_reads(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_stamp_some(rig.fronts[1], 3500, 10);
    while (!peer_is_dead(&rig.reader.peers[1])) {
        rig_pass_time(INT64_C(1000000000));
    }
    desk_sample(&rig.desk); /* the clock's record has died meanwhile */
    while (rig_receive(rig.fronts[0]) == RC_OK) {
    }
    rig_stamp_some(rig.fronts[1], 0, 10);
}

static void test_new_front(void **state)
{
    int other, end = rig_end_of(&other);

    (void)state;
    assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
    close(end);
    rig_stamp_some(other, 0, 20);
    close(other);
}

/* More fronts over time than there are places: those of the dead are used again. */
static void test_many_fronts_one_after_the_other(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * RECORDER_PEERS_MAX; i++) {
        int other, end = rig_end_of(&other);

        assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
        close(end);
        rig_stamp_some(other, 0, 1);
        close(other);
    }
}

/* ---- the end ---- */

static void test_stop_finishes_what_was_sent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    msg_put_empty(&rig.out, MSG_STOP);
    rig_send_all(rig.parent);
    rig_take_replies(rig.fronts[0], 0, 400, NULL);
    rig_finish();
    rig_read_ledger();
    assert_int_equal(recorded.num, 400);
}

static void test_end_of_the_parent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    rig_close_fd(&rig.parent);
    rig_finish();
    rig_take_replies(rig.fronts[0], 0, 50, NULL);
}

/* The recorder does not wait for ever for one who never reads, and the next writer of the record does not wait for it at all. */
static void test_stop_with_a_front_that_never_reads(void **state)
{
    struct ledger next;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        rig_put_request(i);
    }
    rig_send_all(rig.fronts[0]);
    msg_put_empty(&rig.out, MSG_STOP);
    rig_send_all(rig.parent);
    assert_int_equal(pthread_join(rig.reading, NULL), 0);
    rig.read_out = true;
    pool_wait_all(&rig.pool);
    recorder_stop(&rig.recorder);
    assert_int_equal(ledger_open(&next, rig.dir_fd, NULL, 10000), RC_OK);
    assert_int_equal(pthread_tryjoin_np(rig.recording, NULL), EBUSY);
    assert_int_equal(next.sequence, 3000);
    ledger_close(&next);
    rig_finish(); /* returns, although nobody reads */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_two_fronts),
        TEST(test_refusals_travel_the_same_way),
        TEST(test_facts),
        TEST(test_failing_disk),
        TEST(test_broken_record),
        TEST(test_full_group),
        TEST(test_malformed_packet),
        TEST(test_malformed_message),
        TEST(test_what_only_the_parent_may_say),
        TEST(test_front_that_goes_away),
        TEST(test_front_that_does_not_read),
        TEST(test_front_that_never_reads),
        TEST(test_new_front),
        TEST(test_many_fronts_one_after_the_other),
        TEST(test_stop_finishes_what_was_sent),
        TEST(test_end_of_the_parent),
        TEST(test_stop_with_a_front_that_never_reads),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
