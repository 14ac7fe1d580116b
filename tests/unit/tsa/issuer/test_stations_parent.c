/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parent says to an issuer at work: it is heard, and answered, whatever the disk or the fronts do; fronts of an older generation; and
 * what the issuer tells of itself.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/unit/tsa/issuer/rig.h"
#include "tsa/wire/token.h"

static bool has_answer(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, ms) > 0;
}

static void ping(void)
{
    msg_put_empty(&rig.out, MSG_PING);
    rig_send_all(rig.parent);
}

static void expect_pong(void)
{
    struct chan_message m;

    assert_int_equal(rig_receive(rig.parent), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_true(m.type == MSG_PONG && m.body.len == 0);
    assert_false(chan_next(&rig.in, &m));
}

static void ask(int fd, uint64_t first, size_t num)
{
    for (uint64_t i = 0; i < num; i++) {
        rig_put_request(first + i);
    }
    rig_send_all(fd);
}

/* Until the recorder is in a sync that hangs: the test has the disk. */
static void hang_in_sync(void)
{
    assert_int_equal(pthread_mutex_lock(&disk), 0);
    ask(rig.fronts[0], 0, 1);
    while (!atomic_load(&in_sync)) {
        usleep(1000);
    }
}

/* ---- pings ---- */

static void test_pings(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ping();
        expect_pong();
    }
    rig_stamp_some(rig.fronts[0], 0, 5);
    ping();
    expect_pong();
}

static void test_recorder_that_hangs_does_not_answer(void **state)
{
    (void)state;
    assert_int_equal(pthread_mutex_lock(&rig.recorder.lock), 0);
    ping();
    assert_false(has_answer(rig.parent, 200));
    assert_int_equal(pthread_mutex_unlock(&rig.recorder.lock), 0);
    expect_pong();
}

static void test_disk_that_hangs_is_no_reason_to_die(void **state)
{
    (void)state;
    hang_in_sync();
    for (int i = 0; i < 3; i++) {
        ping();
        expect_pong();
        rig_pass_time(INT64_C(4000000000)); /* it is told in the log, once */
    }
    assert_false(has_answer(rig.fronts[0], 50));
    assert_int_equal(pthread_mutex_unlock(&disk), 0);
    rig_take_replies(rig.fronts[0], 0, 1, NULL);
    ping();
    expect_pong();
}

/* Every job is taken, and the reader sits in the middle of a packet with no room for the rest. */
static void test_parent_is_heard_when_there_is_no_room(void **state)
{
    struct facts facts;
    int other, end = rig_end_of(&other);

    (void)state;
    hang_in_sync();
    ask(rig.fronts[1], 100, 3 * CAPACITY);
    while (pool_num_used(&rig.pool) < CAPACITY) {
        usleep(1000);
    }
    ping();
    expect_pong();
    assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
    close(end);
    ask(other, 1000, 5);
    msg_put_ask_facts(&rig.out, 1);
    rig_send_all(rig.parent);
    ping();
    expect_pong(); /* before the facts, which the recorder has to give */
    assert_int_equal(pthread_mutex_unlock(&disk), 0);
    rig_take_replies(rig.fronts[0], 0, 1, NULL);
    rig_take_replies(rig.fronts[1], 100, 3 * CAPACITY, NULL);
    rig_take_replies(other, 1000, 5, NULL);
    close(other);
    assert_int_equal(rig_receive(rig.parent), RC_OK);
    facts = rig_ask_facts(rig.parent);
    assert_int_equal(facts.num_rfc3161, 3 * CAPACITY + 6);
}

static void test_stop_is_heard_when_there_is_no_room(void **state)
{
    int left;

    (void)state;
    hang_in_sync();
    ask(rig.fronts[1], 100, 3 * CAPACITY);
    while (pool_num_used(&rig.pool) < CAPACITY) {
        usleep(1000);
    }
    msg_put_empty(&rig.out, MSG_STOP);
    rig_send_all(rig.parent);
    do { /* until it is read */
        usleep(1000);
        assert_int_equal(ioctl(rig.parent, SIOCOUTQ, &left), 0);
    } while (left > 0);
    assert_int_equal(pthread_mutex_unlock(&disk), 0);
    rig_take_replies(rig.fronts[1], 100, 3 * CAPACITY, NULL);
    rig_finish();
    rig_read_ledger();
    assert_int_equal(recorded.num, 3 * CAPACITY + 1);
}

/* More pings than any parent sends: some may go unanswered, none does harm. */
static void test_many_pings(void **state)
{
    (void)state;
    assert_int_equal(pthread_mutex_lock(&rig.recorder.lock), 0);
    for (int i = 0; i < 4 * CAPACITY; i++) {
        ping();
    }
    assert_false(has_answer(rig.parent, 100));
    assert_int_equal(pthread_mutex_unlock(&rig.recorder.lock), 0);
    assert_int_equal(rig_receive(rig.parent), RC_OK);
    rig_stamp_some(rig.fronts[0], 0, 5);
}

static void expect_end_of_the_parent(void)
{
    enum rc rc;

    while ((rc = rig_receive(rig.parent)) == RC_OK) {
    }
    assert_int_equal(rc, RC_IO);
    rig_finish();
}

/* It is the recorder that sees it, since it has something to say; the reader must not go on without a parent. */
static void test_end_of_a_parent_that_is_owed_answers(void **state)
{
    (void)state;
    hang_in_sync();
    msg_put_ask_facts(&rig.out, 1);
    rig_send_all(rig.parent);
    ping();
    expect_pong(); /* so the facts are asked for */
    assert_int_equal(shutdown(rig.parent, SHUT_RD), 0);
    assert_int_equal(pthread_mutex_unlock(&disk), 0);
    rig_take_replies(rig.fronts[0], 0, 1, NULL);
    rig_finish();
}

static void test_ping_with_a_body(void **state)
{
    (void)state;
    wbuf_put_text(chan_begin(&rig.out, MSG_PING), "x");
    chan_end(&rig.out);
    rig_send_all(rig.parent);
    expect_end_of_the_parent();
}

static void test_front_may_not_ping(void **state)
{
    (void)state;
    msg_put_empty(&rig.out, MSG_PING);
    rig_send_all(rig.fronts[0]);
    while (rig_receive(rig.fronts[0]) == RC_OK) {
    }
    rig_stamp_some(rig.fronts[1], 0, 3);
}

/* ---- fronts of an older generation ---- */

static void put_request_for(uint64_t id, uint16_t unit)
{
    static const uint8_t imprint[32] = {0};
    const struct msg_stamp m = {
        .id = id, .unit = unit, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, 32)};

    msg_put_stamp(&rig.out, &m);
}

static int pass_older_front(const struct msg_units *units)
{
    int other, end = rig_end_of(&other);

    assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, msg_units_bytes(units), end), RC_OK);
    close(end);
    return other;
}

static void expect_refused(int fd, uint64_t first, size_t num)
{
    enum rc rcs[8];

    rig_take_replies(fd, first, num, rcs);
    for (size_t i = 0; i < num; i++) {
        assert_int_equal(rcs[i], RC_UNIT_UNKNOWN);
    }
}

static void test_older_front(void **state)
{
    const struct msg_units units = {.num = 3, .now = {MSG_UNIT_GONE, 0, 9}};
    const int older = pass_older_front(&units);

    (void)state;
    put_request_for(10, 1); /* what is unit 0 now */
    rig_send_all(older);
    rig_take_replies(older, 10, 1, NULL);
    put_request_for(20, 0); /* gone */
    put_request_for(21, 2); /* a number beyond ours */
    put_request_for(22, 3); /* which it never had */
    put_request_for(23, SETTINGS_MAX_UNITS - 1);
    rig_send_all(older);
    expect_refused(older, 20, 4);
    close(older);
    rig_stamp_some(rig.fronts[0], 30, 3); /* the others' numbers mean what they meant */
    put_request_for(40, 1);
    rig_send_all(rig.fronts[0]);
    expect_refused(rig.fronts[0], 40, 1);
    rig_read_ledger();
    assert_int_equal(recorded.num, 4);
}

static void test_older_front_whose_units_are_all_gone(void **state)
{
    const int older = pass_older_front(&(struct msg_units){.num = 0});

    (void)state;
    put_request_for(0, 0);
    rig_send_all(older);
    expect_refused(older, 0, 1);
    close(older);
}

/* The place of an older front, taken by one of our own: nothing is left of the translation. */
static void test_place_is_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * RECORDER_PEERS_MAX; i++) {
        int front, end;

        if (i % 2 == 0) {
            front = pass_older_front(&(struct msg_units){.num = 1, .now = {MSG_UNIT_GONE}});
            put_request_for(0, 0);
            rig_send_all(front);
            expect_refused(front, 0, 1);
        } else {
            end = rig_end_of(&front);
            assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
            close(end);
            rig_stamp_some(front, 0, 1);
        }
        close(front);
    }
}

static void test_bad_units(void **state)
{
    static const uint16_t too_many[2] = {SETTINGS_MAX_UNITS + 1, 0};
    int other, end = rig_end_of(&other);

    (void)state;
    assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, bytes_of(too_many, sizeof(too_many)), end), RC_OK);
    close(end);
    expect_end_of_the_parent();
    while (rig_receive(other) == RC_OK) { /* it was closed, not kept */
    }
    close(other);
}

static void test_units_without_a_channel(void **state)
{
    const struct msg_units units = {.num = 1, .now = {0}};

    (void)state;
    wbuf_put(chan_begin(&rig.out, MSG_PEER), msg_units_bytes(&units));
    chan_end(&rig.out);
    rig_send_all(rig.parent);
    expect_end_of_the_parent();
}

/* ---- what an answer tells ---- */

static void take_one(int fd, struct msg_stamped *out)
{
    struct chan_message m;

    assert_int_equal(rig_receive(fd), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_int_equal(m.type, MSG_STAMPED);
    assert_int_equal(msg_get_stamped(m.body, out), RC_OK);
}

static struct bytes serial_of_token(struct bytes reply)
{
    struct tsp_response response;
    struct token token;

    assert_int_equal(tsp_response_parse(reply, &response), RC_OK);
    assert_int_equal(token_parse(response.token, DER_STRICT, &token), RC_OK);
    return token.info.serial;
}

/* The same request twice, as after an issuer that died: two tokens, two serials, two records. */
static void test_serial(void **state)
{
    struct msg_stamped stamped;
    uint8_t serials[2][MSG_SERIAL_MAX];
    size_t len[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ask(rig.fronts[0], 7, 1);
        take_one(rig.fronts[0], &stamped);
        assert_int_equal(stamped.rc, RC_OK);
        assert_true(stamped.serial.len > 0);
        assert_int_equal(stamped.record, i + 1);
        assert_true(bytes_equal(stamped.serial, serial_of_token(stamped.reply)));
        memcpy(serials[i], stamped.serial.data, stamped.serial.len);
        len[i] = stamped.serial.len;
    }
    assert_false(bytes_equal(bytes_of(serials[0], len[0]), bytes_of(serials[1], len[1])));
    rig_read_ledger();
    assert_int_equal(recorded.num, 2);
}

/* A job that told a serial once is used again for those who have none; a countersignature has its record's number. */
static void test_no_serial(void **state)
{
    static const uint8_t blob[256];
    const struct msg_stamp authenticode = {.id = 5, .kind = MSG_AUTHENTICODE, .data = bytes_of(blob, 256)};
    struct msg_stamped stamped;

    (void)state;
    rig_stamp_some(rig.fronts[0], 0, 5);
    msg_put_stamp(&rig.out, &authenticode);
    rig_send_all(rig.fronts[0]);
    take_one(rig.fronts[0], &stamped);
    assert_true(stamped.rc == RC_OK && stamped.serial.len == 0);
    assert_int_equal(stamped.record, 6);
    rig_put_bad_request(6);
    rig_send_all(rig.fronts[0]);
    take_one(rig.fronts[0], &stamped);
    assert_true(stamped.rc == RC_UNIT_UNKNOWN && stamped.serial.len == 0 && stamped.record == 0);
}

static uint64_t sum_of(const struct histogram *h)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += h->counts[i];
    }
    return sum;
}

static void test_histograms(void **state)
{
    struct facts facts = rig_ask_facts(rig.parent);
    uint64_t num_syncs;

    (void)state;
    assert_true(sum_of(&facts.sign) == 0 && sum_of(&facts.sync) == 0);
    rig_stamp_some(rig.fronts[0], 0, 1);
    facts = rig_ask_facts(rig.parent); /* which is no reason for a sync */
    assert_true(sum_of(&facts.sign) == 1 && sum_of(&facts.sync) == 1);
    rig_stamp_some(rig.fronts[0], 1, 30);
    rig_put_bad_request(31);
    rig_send_all(rig.fronts[0]);
    rig_take_replies(rig.fronts[0], 31, 1, (enum rc[1]){0});
    facts = rig_ask_facts(rig.parent);
    num_syncs = sum_of(&facts.sync);
    assert_int_equal(sum_of(&facts.sign), 31); /* what was refused was not signed */
    assert_true(num_syncs >= 2 && num_syncs <= 31);

    hang_in_sync();
    rig_pass_time(INT64_C(300000000));
    assert_int_equal(pthread_mutex_unlock(&disk), 0);
    rig_take_replies(rig.fronts[0], 0, 1, NULL);
    facts = rig_ask_facts(rig.parent);
    assert_int_equal(sum_of(&facts.sync), num_syncs + 1);
    assert_int_equal(facts.sync.counts[histogram_bucket(300000)], 1);
    assert_int_equal(facts.sync.sum_us, 300000);
}

/* Where a duration falls: at a bound still below it, and beyond the last one in the last. */
static void test_buckets(void **state)
{
    struct histogram h = {0};

    (void)state;
    histogram_count(&h, 0);
    histogram_count(&h, -5);
    histogram_count(&h, 50 * 1000 + 999);
    assert_int_equal(h.counts[0], 3);
    histogram_count(&h, 51 * 1000);
    assert_int_equal(h.counts[1], 1);
    histogram_count(&h, INT64_C(5000000000));
    assert_int_equal(h.counts[HISTOGRAM_BUCKETS - 2], 1);
    histogram_count(&h, INT64_C(5000001000));
    histogram_count(&h, INT64_MAX);
    assert_int_equal(h.counts[HISTOGRAM_BUCKETS - 1], 2);
    assert_int_equal(sum_of(&h), 7);
    assert_int_equal(h.sum_us, 50 + 51 + 5000000 + 5000001 + INT64_MAX / 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pings),
        TEST(test_recorder_that_hangs_does_not_answer),
        TEST(test_disk_that_hangs_is_no_reason_to_die),
        TEST(test_parent_is_heard_when_there_is_no_room),
        TEST(test_stop_is_heard_when_there_is_no_room),
        TEST(test_many_pings),
        TEST(test_end_of_a_parent_that_is_owed_answers),
        TEST(test_ping_with_a_body),
        TEST(test_front_may_not_ping),
        TEST(test_older_front),
        TEST(test_older_front_whose_units_are_all_gone),
        TEST(test_place_is_used_again),
        TEST(test_bad_units),
        TEST(test_units_without_a_channel),
        TEST(test_serial),
        TEST(test_no_serial),
        TEST(test_histograms),
        cmocka_unit_test(test_buckets),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
