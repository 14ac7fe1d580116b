/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers that die or are replaced while requests wait: all are sent again, in order, at most twice, and nobody waits for ever. */
#include "tests/unit/tsa/front/stamp_world.h"

#define MS 1000000LL

/* The same request once more. */
static void assert_again(struct world *w, const struct msg_stamp *first, struct bytes data)
{
    struct msg_stamp msg;

    assert_true(next_stamp(w, &msg));
    assert_true(msg.id == first->id);
    assert_int_equal(msg.kind, first->kind);
    assert_int_equal(msg.digest, first->digest);
    assert_int_equal(msg.alg_null, first->alg_null);
    assert_int_equal(msg.cert_req, first->cert_req);
    assert_true(bytes_equal(msg.data, data));
    assert_int_equal(msg.nonce.len, msg.kind == MSG_RFC3161 ? 2 : 0);
    assert_int_equal(msg.policy.len, msg.kind == MSG_RFC3161 ? 3 : 0);
}

static void test_in_order(void **state)
{
    static const char *const words[] = {"first", "second", "third", "fourth"};
    static uint8_t hash[32] = {1, 2, 3};
    struct world *w = world_new();
    struct msg_stamp msgs[4];
    int fds[4], i;

    (void)state;
    for (i = 0; i < 4; i++) {
        fds[i] = join(w);
        if (i == 3) { /* comes while there is no issuer */
            issuer_dies(w);
        }
        post(w, fds[i], "/", OCTETS, i == 1 ? legacy_raw(256) : tsq(DIGEST_SHA256, "\x2a\x03\x04"));
        assert_int_equal(w->seen_len, 0);
        if (i < 3) {
            assert_true(next_stamp(w, &msgs[i]));
        }
    }
    assert_int_equal(w->desk.num_waiting, 4);
    issuer_comes(w);
    for (i = 0; i < 3; i++) {
        assert_again(w, &msgs[i], i == 1 ? bytes_of(blob, 256) : bytes_of(hash, 32));
    }
    assert_true(next_stamp(w, &msgs[3]));
    assert_false(next_stamp(w, &msgs[3]));
    for (i = 4; i-- > 0;) {
        reply(w, msgs[i].id, RC_OK, words[i]);
    }
    for (i = 0; i < 4; i++) {
        look(w, fds[i]);
        assert_has(w, i == 1 ? "c2Vjb25k" : words[i]);
        close(fds[i]);
    }
    assert_int_equal(w->refused, 0);
    assert_int_equal(w->counts[MSG_RFC3161], 3);
    world_free(w);
}

/* The old issuer had answered one of two before it was replaced. */
static void test_replaced(void **state)
{
    struct world *w = world_new();
    struct msg_stamp first, second, msg;
    int a = join(w), b = join(w);

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &first));
    assert_true(next_stamp(w, &second));
    reply(w, first.id, RC_OK, "in time");
    issuer_comes(w);
    look(w, a);
    assert_has(w, "in time");
    assert_true(next_stamp(w, &msg));
    assert_true(msg.id == second.id);
    assert_false(next_stamp(w, &msg));
    reply(w, first.id, RC_OK, "stale");
    reply(w, second.id, RC_OK, "once");
    reply(w, second.id, RC_OK, "twice");
    look(w, b);
    assert_int_equal(body_of(w).len, 4);
    assert_has(w, "once");
    look(w, a);
    assert_int_equal(w->seen_len, 0);
    close(a);
    close(b);
    world_free(w);
}

/* What was on its way when two issuers died is given to no third. */
static void test_at_most_twice(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), c = join(w);

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, b, "/", OCTETS, legacy_raw(256));
    issuer_dies(w);
    issuer_comes(w);
    post(w, c, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->seen_len, 0);
    issuer_dies(w);
    look(w, a);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    look(w, b);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, rc_text(RC_ISSUER_GONE));
    issuer_comes(w);
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "alive");
    look(w, c);
    assert_has(w, "alive");
    close(a);
    close(b);
    close(c);
    world_free(w);
}

/* A client that asks again as soon as it is refused does not overtake those who wait. */
static void test_refused_ask_again(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    uint64_t waiting;
    int a = join(w), b = join(w), i;

    (void)state;
    w->server.config.pipeline = 1;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL)); /* read when the first is answered */
    issuer_dies(w);
    issuer_comes(w);
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    assert_true(next_stamp(w, &msg));
    waiting = msg.id;
    assert_false(next_stamp(w, &msg));
    issuer_comes(w); /* the first of a is given up, its second comes in */
    look(w, a);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    assert_true(next_stamp(w, &msg));
    assert_true(msg.id == waiting);
    for (i = 0; next_stamp(w, &msg); i++) {
        assert_true(msg.id != waiting);
    }
    assert_int_equal(i, 1);
    close(a);
    close(b);
    world_free(w);
}

static void test_nobody_comes(void **state)
{
    struct world *w = world_new();
    int a = join(w);
    int64_t begin;

    (void)state;
    w->desk.patience = 100 * MS;
    issuer_dies(w);
    begin = now_mono_ns();
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    while (w->seen_len == 0 && now_mono_ns() - begin < 5000 * MS) {
        usleep(5000);
        look(w, a);
    }
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    assert_true(now_mono_ns() - begin >= 200 * MS);
    assert_int_equal(w->desk.num_waiting, 0);
    close(a);
    world_free(w);
}

/* An issuer that hangs is killed when the patience of those who wait is over: they are for its successor all the same. */
static void test_hung_and_killed(void **state)
{
    struct world *w = world_new();
    struct msg_stamp first, msg;
    int a = join(w), b = join(w), c = join(w);

    (void)state;
    w->desk.patience = 400 * MS;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &first));
    usleep(500000);
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL)); /* who comes so late is not let in */
    assert_has(w, rc_text(RC_ISSUER_SILENT));
    issuer_dies(w);
    look(w, a);
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->desk.num_waiting, 1);
    issuer_comes(w);
    assert_true(next_stamp(w, &msg));
    assert_true(msg.id == first.id);
    reply(w, msg.id, RC_OK, "by the successor");
    look(w, a);
    assert_has(w, "by the successor");
    /* The next one hangs as well, for longer than anybody should wait. */
    post(w, c, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    usleep(900000);
    look(w, c);
    assert_has(w, rc_text(RC_ISSUER_SILENT));
    close(a);
    close(b);
    close(c);
    world_free(w);
}

/* Whatever the patience, all are told before the front itself gives up; then nobody waits in vain any more. */
static void test_nobody_comes_for_long(void **state)
{
    struct world *w = world_new();
    int a = join(w);
    int64_t begin;

    (void)state;
    w->desk.patience = 60000 * MS;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    world_ahead = 0;
    issuer_dies(w);
    assert_int_equal(w->desk.num_waiting, 1);
    begin = now_mono_ns();
    while (w->desk.num_waiting > 0 && now_mono_ns() - begin < 2 * STAMP_GONE_NS) {
        usleep(50000);
        turn(w);
    }
    assert_true(now_mono_ns() - begin >= STAMP_GONE_NS - 100 * MS);
    look(w, a);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    issuer_comes(w);
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->desk.num_waiting, 1);
    close(a);
    world_free(w);
}

/* A front that is born before its issuer. */
static void test_not_yet(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), none[2];

    (void)state;
    issuer_link_replace(w->link, -1);
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(chan_pair(none), RC_OK);
    close(none[0]);
    close(none[1]);
    issuer_comes(w);
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "at last");
    look(w, a);
    assert_has(w, "at last");
    close(a);
    world_free(w);
}

/* The issuer gets no more than its window at a time, on a new channel too, and one more with each answer. */
static void test_window(void **state)
{
    struct world *w = world_new_of(100);
    struct msg_stamp msg;
    uint64_t first = 0;
    int fds[9], i;

    (void)state;
    for (i = 0; i < 72; i++) {
        fds[i / 8] = i % 8 == 0 ? join(w) : fds[i / 8];
        post(w, fds[i / 8], "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    assert_int_equal(w->desk.num_waiting, 72);
    for (i = 0; next_stamp(w, &msg); i++) {
        first = i == 0 ? msg.id : first;
    }
    assert_int_equal(i, PACE_FIRST);
    issuer_comes(w);
    for (i = 0; next_stamp(w, &msg); i++) {
        assert_int_equal((uint32_t)msg.id, (uint32_t)first + (unsigned)i);
    }
    assert_int_equal(i, PACE_FIRST);
    reply(w, first, RC_OK, "t");
    turn(w);
    assert_true(next_stamp(w, &msg));
    assert_false(next_stamp(w, &msg));
    reply(w, UINT64_MAX, RC_OK, "for one that was given up");
    turn(w);
    assert_true(next_stamp(w, &msg));
    for (i = 0; i < 9; i++) {
        close(fds[i]);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_at_most_twice),
        cmocka_unit_test(test_refused_ask_again),
        cmocka_unit_test(test_nobody_comes),
        cmocka_unit_test(test_hung_and_killed),
        cmocka_unit_test(test_nobody_comes_for_long),
        cmocka_unit_test(test_not_yet),
        cmocka_unit_test(test_window),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
