/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer that dies, is replaced, talks nonsense; and facts, asked once for all who wait. */
#include "tests/unit/tsa/front/stamp_world.h"

static void test_issuer_dies(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), fds[2];
    uint64_t old;

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    old = msg.id;
    post(w, b, "/", OCTETS, legacy_raw(256));
    close(w->issuer);
    look(w, a);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    look(w, b);
    assert_has(w, "503 Service Unavailable");
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));

    assert_int_equal(chan_pair(fds), RC_OK);
    issuer_link_replace(w->link, fds[0]);
    w->issuer = fds[1];
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    assert_true(msg.id != old);
    reply(w, old, RC_OK, "stale");
    reply(w, msg.id, RC_OK, "fresh");
    look(w, a);
    assert_int_equal(body_of(w).len, 5);
    assert_has(w, "fresh");
    close(a);
    close(b);
    world_free(w);
}

/* The old issuer had answered one of two before it was replaced. */
static void test_issuer_is_replaced(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), fds[2];

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "in time");
    assert_int_equal(chan_pair(fds), RC_OK);
    issuer_link_replace(w->link, fds[0]);
    look(w, a);
    assert_has(w, "in time");
    look(w, b);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    close(w->issuer);
    w->issuer = fds[1];
    close(a);
    close(b);
    world_free(w);
}

/* What is no message ends the channel, not the process. */
static void test_issuer_talks_nonsense(void **state)
{
    struct world *w = world_new();
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(send(w->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    look(w, fd);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    close(fd);
    world_free(w);
}

struct asked {
    struct issuer_link_waiter waiter;
    unsigned num;
    bool had_facts;
    uint64_t records;
};

static void on_facts(struct issuer_link_waiter *waiter, const struct facts *facts)
{
    struct asked *asked = (struct asked *)waiter;

    asked->num++;
    asked->had_facts = facts != NULL;
    asked->records = facts ? facts->ledger_sequence : 0;
}

static bool answer_facts(struct world *w, uint64_t records)
{
    struct chan_message message;
    struct msg_facts msg = {
        .facts = {.ready = 1, .ledger_sequence = records, .clock_bound_ns = -1, .clock_age_ns = -1}};
    enum rc rc;

    if (chan_receive(&w->in, w->issuer) != RC_OK || !chan_next(&w->in, &message)) {
        return false;
    }
    assert_int_equal(message.type, MSG_ASK_FACTS);
    assert_int_equal(msg_get_ask_facts(message.body, &msg.id), RC_OK);
    assert_false(chan_next(&w->in, &message));
    msg_put_facts(&w->out, &msg);
    assert_true(chan_flush(&w->out, w->issuer, &rc));
    turn(w);
    return true;
}

static int64_t fake_mono;

static int64_t fake_mono_ns(void *arg)
{
    (void)arg;
    return fake_mono;
}

static void fake_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){1700000000, 0};
}

static void test_facts(void **state)
{
    static const struct now_source source = {fake_real, fake_mono_ns, NULL};
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts}, b = a;

    (void)state;
    fake_mono = 1000000000;
    now_set_source(&source);
    issuer_link_ask(w->link, &a.waiter);
    issuer_link_ask(w->link, &b.waiter);
    turn(w);
    assert_int_equal(a.num, 0);
    assert_true(answer_facts(w, 7)); /* one question for both */
    assert_int_equal(a.num, 1);
    assert_int_equal(a.records, 7);
    assert_int_equal(b.num, 1);
    fake_mono += 900000000;
    issuer_link_ask(w->link, &a.waiter); /* still fresh */
    assert_int_equal(a.num, 2);
    fake_mono += 200000000;
    issuer_link_ask(w->link, &a.waiter);
    turn(w);
    assert_int_equal(a.num, 2);
    assert_true(answer_facts(w, 8));
    assert_int_equal(a.records, 8);
    fake_mono += 2000000000;
    issuer_link_ask(w->link, &a.waiter);
    turn(w);
    close(w->issuer);
    w->issuer = -1;
    turn(w);
    assert_int_equal(a.num, 4);
    assert_false(a.had_facts);
    issuer_link_ask(w->link, &b.waiter);
    assert_false(b.had_facts);
    now_set_source(NULL);
    world_free(w);
}

static void test_facts_come_late(void **state)
{
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts};
    int64_t start = now_mono_ns();

    (void)state;
    issuer_link_ask(w->link, &a.waiter);
    while (a.num == 0 && now_mono_ns() - start < 5000000000) {
        usleep(20000);
        turn(w);
    }
    assert_int_equal(a.num, 1);
    assert_false(a.had_facts);
    assert_true(answer_facts(w, 9)); /* nobody waits any more */
    assert_int_equal(a.num, 1);
    world_free(w);
}

/* An issuer that reads nothing: when the queue is full, questions do not fill it beyond its limit, which would end the channel. */
static void test_full(void **state)
{
    static const uint8_t longest[MSAUTH_BLOB_MAX];
    const struct msg_stamp msg = {.kind = MSG_AUTHENTICODE, .data = bytes_of(longest, sizeof longest)};
    struct world *w = world_new();
    struct asked asked = {.waiter.on_facts = on_facts};
    unsigned i;

    (void)state;
    for (i = 0; i < 100000 && issuer_link_stamp(w->link, &msg) == RC_OK; i++) {
        turn(w);
    }
    assert_int_equal(issuer_link_stamp(w->link, &msg), RC_OVERLOADED);
    issuer_link_ask(w->link, &asked.waiter);
    assert_int_equal(asked.num, 1);
    assert_false(asked.had_facts);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issuer_dies),           cmocka_unit_test(test_issuer_is_replaced),
        cmocka_unit_test(test_issuer_talks_nonsense), cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_come_late),       cmocka_unit_test(test_full),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
