/* SPDX-License-Identifier: Apache-2.0 */
/* A channel that ends, is replaced, brings nonsense, is full; and facts, asked once for all who wait. */
#include "tests/unit/tsa/front/stamp_world.h"

/* What is no message ends the channel, not the process. */
static void test_issuer_talks_nonsense(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(send(w->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    look(w, fd);
    assert_int_equal(w->seen_len, 0);
    assert_false(issuer_link_is_up(w->link));
    issuer_comes(w);
    assert_true(issuer_link_is_up(w->link));
    assert_true(next_stamp(w, &msg));
    close(fd);
    world_free(w);
}

struct between {
    struct issuer_link *link;
    struct msg_stamp msg;
    unsigned num_stamped, num_gone, num_up;
};

static void on_last_words(void *arg, const struct msg_stamped *stamped)
{
    struct between *b = arg;

    (void)stamped;
    b->num_stamped++;
    assert_int_equal(issuer_link_stamp(b->link, &b->msg), RC_ISSUER_GONE);
}

static void on_gone_between(void *arg)
{
    struct between *b = arg;

    b->num_gone++;
    b->num_up += issuer_link_is_up(b->link);
}

/* An answer that comes with the old issuer's last words may bring in another request: it is not for the old one. */
static void test_last_words_bring_a_request(void **state)
{
    static const struct issuer_link_ops ops = {on_last_words, on_gone_between};
    static const uint8_t blob_octets[MSAUTH_BLOB_MIN];
    const struct msg_stamped stamped = {.rc = RC_CLOCK_UNKNOWN};
    struct event_base *base = event_base_new();
    struct between b = {.msg = {.kind = MSG_AUTHENTICODE, .data = bytes_of(blob_octets, MSAUTH_BLOB_MIN)}};
    struct chan_out out;
    int old[2], new[2];
    enum rc rc;

    (void)state;
    assert_int_equal(chan_pair(old), RC_OK);
    assert_int_equal(chan_pair(new), RC_OK);
    b.link = issuer_link_new(base, old[0], QUEUE, &ops, &b);
    chan_out_init(&out, 1000);
    msg_put_stamped(&out, &stamped);
    assert_true(chan_flush(&out, old[1], &rc));
    close(old[1]);
    issuer_link_replace(b.link, new[0]);
    assert_int_equal(b.num_stamped, 1);
    assert_true(b.num_gone >= 1);
    assert_int_equal(b.num_up, 1); /* the last time */
    assert_int_equal(issuer_link_stamp(b.link, &b.msg), RC_OK);
    chan_out_clear(&out);
    issuer_link_free(b.link);
    event_base_free(base);
    close(new[1]);
}

/* The issuer dies with answers in the channel and does not take what is sent any more: its answers count. */
static void test_last_words_of_the_dead(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w);

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "in time");
    close(w->issuer);
    w->issuer = -1;
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    look(w, a);
    assert_has(w, "in time");
    close(a);
    close(b);
    world_free(w);
}

/* The issuer ends while requests stand in its channel unread, as at each reload under load: what it has answered is heard, the rest is asked again. */
static void test_last_words_beside_unread(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg, unread;
    int a = join(w), b = join(w);

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    reply(w, msg.id, RC_OK, "in time");
    issuer_dies(w);
    look(w, a);
    assert_has(w, "in time");
    assert_int_equal(w->desk.num_waiting, 1);
    issuer_comes(w);
    assert_true(next_stamp(w, &unread));
    assert_true(unread.id != msg.id);
    assert_false(next_stamp(w, &unread));
    close(a);
    close(b);
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

static void test_facts(void **state)
{
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts}, b = a;

    (void)state;
    issuer_link_ask(w->link, &a.waiter);
    issuer_link_ask(w->link, &b.waiter);
    turn(w);
    assert_int_equal(a.num, 0);
    assert_true(answer_facts(w, 7)); /* one question for both */
    assert_int_equal(a.num, 1);
    assert_int_equal(a.records, 7);
    assert_int_equal(b.num, 1);
    issuer_link_ask(w->link, &a.waiter); /* still fresh */
    assert_int_equal(a.num, 2);
    world_ahead += 1100000000;
    issuer_link_ask(w->link, &a.waiter);
    turn(w);
    assert_int_equal(a.num, 2);
    assert_true(answer_facts(w, 8));
    assert_int_equal(a.records, 8);
    world_free(w);
}

/* Who waits over a change of issuers, or asks in between, gets the new one's word. */
static void test_facts_over_a_change(void **state)
{
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts}, b = a;

    (void)state;
    issuer_link_ask(w->link, &a.waiter);
    issuer_dies(w);
    issuer_link_ask(w->link, &b.waiter);
    turn(w);
    assert_int_equal(a.num + b.num, 0);
    issuer_comes(w);
    assert_true(answer_facts(w, 9));
    assert_int_equal(a.num, 1);
    assert_int_equal(a.records, 9);
    assert_int_equal(b.num, 1);
    assert_true(b.had_facts);
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
    turn(w);
    assert_int_equal(asked.num, 0);
    assert_true(issuer_link_is_up(w->link));
    world_free(w);
    assert_int_equal(asked.num, 1);
    assert_false(asked.had_facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issuer_talks_nonsense),
        cmocka_unit_test(test_last_words_bring_a_request),
        cmocka_unit_test(test_last_words_of_the_dead),
        cmocka_unit_test(test_last_words_beside_unread),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_over_a_change),
        cmocka_unit_test(test_facts_come_late),
        cmocka_unit_test(test_full),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
