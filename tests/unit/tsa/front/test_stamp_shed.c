/* SPDX-License-Identifier: Apache-2.0 */
/* Too much, or an issuer too slow: who is refused, when, with which words, and when it is over. */
#include "tests/unit/tsa/front/stamp_world.h"

#define SECOND 1000000000LL
#define MS     1000000LL

/* In both protocols, one after the other on one connection: it stays. */
static void assert_shed(struct world *w, enum rc rc, const char *retry)
{
    char field[100], line[200];
    int fd = join(w), i;

    snprintf(field, sizeof field, "\r\nRetry-After: %s\r\n", retry);
    snprintf(line, sizeof line, "\r\n\r\n%s; try again in %s s\n", rc_text(rc), retry);
    for (i = 0; i < 2; i++) {
        post(w, fd, "/", i ? OCTETS : TSQ, i ? legacy_raw(256) : tsq(DIGEST_SHA256, NULL));
        assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
        assert_has(w, "\r\nContent-Type: text/plain");
        assert_has(w, field);
        assert_null(strstr(strstr(w->seen, field) + 5, "Retry-After")); /* once */
        assert_has(w, line);
        assert_null(strstr(w->seen, "Connection: close"));
        assert_false(w->seen_end);
        assert_int_equal(w->last_rc, rc);
    }
    close(fd);
    turn(w);
}

/* The same in both protocols; what else is wrong with a request is told before. */
static void test_full(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w), i;

    (void)state;
    for (i = 0; i < QUEUE; i++) {
        post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    assert_shed(w, RC_OVERLOADED, "1");
    world_ahead = 2500 * MS;
    assert_shed(w, RC_OVERLOADED, "3");
    post_once(w, "/", OCTETS, bytes_str("nonsense"), "HTTP/1.1 400 Bad Request\r\n");
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "t");
    look(w, fd);
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->desk.num_waiting, QUEUE);
    assert_int_equal(w->counts[MSG_RFC3161], 3);
    assert_int_equal(w->counts[MSG_AUTHENTICODE], 2);
    close(fd);
    world_free(w);
}

static void test_age(void **state)
{
    struct world *w = world_new();
    struct msg_stamp old, young;
    int a = join(w), b = join(w);

    (void)state;
    w->desk.patience = 5 * SECOND;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    world_ahead = 4 * SECOND;
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL)); /* still admitted */
    assert_int_equal(w->desk.num_waiting, 2);
    world_ahead = 5200 * MS;
    assert_true(next_stamp(w, &old));
    assert_true(next_stamp(w, &young));
    reply(w, young.id, RC_OK, "overtakes"); /* the issuer is alive */
    look(w, b);
    assert_shed(w, RC_OVERLOADED, "6");
    reply(w, old.id, RC_OK, "late");
    look(w, a);
    assert_has(w, "late");
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->desk.num_waiting, 1);
    close(a);
    close(b);
    world_free(w);
}

/* Not a word from the issuer: the sentence says who is to blame. */
static void test_silent(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), i;

    (void)state;
    w->desk.patience = 5 * SECOND;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    world_ahead = 3 * SECOND;
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "t");
    look(w, a);
    world_ahead = 7500 * MS; /* it has been heard 4.5 s ago */
    for (i = 1; i < QUEUE; i++) {
        post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    assert_shed(w, RC_OVERLOADED, "5");
    world_ahead = 8200 * MS;
    assert_shed(w, RC_ISSUER_SILENT, "6");
    close(a);
    close(b);
    world_free(w);
}

/* Idle for long is not silent. */
static void test_idle(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), i;

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "t");
    look(w, a);
    world_ahead = 3600 * SECOND;
    a = join(w); /* the other one has idled too long */
    for (i = 0; i < QUEUE; i++) {
        post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    assert_shed(w, RC_OVERLOADED, "1");
    world_free(w);
}

static void test_hard_limit(void **state)
{
    struct world *w = world_new();
    int a = join(w);
    int64_t begin = now_mono_ns();

    (void)state;
    w->desk.patience = 50 * MS;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    while (w->seen_len == 0 && now_mono_ns() - begin < 5 * SECOND) {
        usleep(5000);
        look(w, a);
    }
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, rc_text(RC_ISSUER_SILENT));
    assert_true(now_mono_ns() - begin >= 100 * MS);
    assert_int_equal(w->desk.num_waiting, 0);
    close(a);
    world_free(w);
}

/* Slow keys: no more are let in than can be answered in time, however large the table is. */
static void test_slow_keys(void **state)
{
    struct world *w = world_new_of(1000);
    int fds[6], i;

    (void)state;
    w->desk.patience = 5 * SECOND;
    w->desk.pace.samples[0].when = now_mono_ns();
    w->desk.pace.samples[0].rate = 8;
    for (i = 0; i < 40; i++) {
        fds[i / 8] = i % 8 == 0 ? join(w) : fds[i / 8];
        post(w, fds[i / 8], "/", TSQ, tsq(DIGEST_SHA256, NULL));
        assert_int_equal(w->seen_len, 0);
    }
    assert_shed(w, RC_OVERLOADED, "1");
    for (i = 0; i < 5; i++) {
        close(fds[i]);
    }
    world_free(w);
}

/* What was given up is work of the issuer's still: nobody is let in who would only wait behind it in vain. */
static void test_given_up_ones_count(void **state)
{
    struct world *w = world_new_of(1000);
    struct msg_stamp msg, next;
    int fds[5], i;

    (void)state;
    w->desk.patience = 5 * SECOND;
    w->desk.pace.samples[0].when = now_mono_ns() + 9 * SECOND;
    w->desk.pace.samples[0].rate = 8;
    for (i = 0; i < 40; i++) {
        fds[i / 8] = i % 8 == 0 ? join(w) : fds[i / 8];
        post(w, fds[i / 8], "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    world_ahead = 10 * SECOND + MS;
    event_active(w->desk.late, EV_TIMEOUT, 0);
    turn(w);
    assert_int_equal(w->desk.num_waiting, 0);
    assert_int_equal(w->refused, 40);
    assert_shed(w, RC_ISSUER_SILENT, "1");
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "too late");
    turn(w);
    look(w, fds[0]);
    post(w, fds[0], "/", TSQ, tsq(DIGEST_SHA256, NULL)); /* one is done, one more is let in */
    assert_int_equal(w->desk.num_waiting, 1);
    assert_shed(w, RC_OVERLOADED, "1");
    issuer_comes(w); /* and a new one has none of them */
    assert_true(next_stamp(w, &next));
    post(w, fds[0], "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(w->desk.num_waiting, 2);
    for (i = 0; i < 5; i++) {
        close(fds[i]);
    }
    world_free(w);
}

/* An end for which there is no more time: who waits and who comes is told so, and no answer of the issuer's comes too late to be told. */
static void test_stopping(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w);

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    stamp_stop(&w->desk);
    assert_int_equal(w->desk.num_waiting, 0);
    look(w, a);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, "Retry-After: 1\r\n");
    assert_has(w, rc_text(RC_STOPPING));
    look(w, b);
    assert_has(w, rc_text(RC_STOPPING));
    reply(w, msg.id, RC_OK, "too late");
    turn(w);
    assert_shed(w, RC_STOPPING, "1");
    close(a);
    close(b);
    world_free(w);
}

/* Who has waited too long while one issuer hands over to the next was overtaken by load, not left alone. */
static void test_late_in_a_hand_over(void **state)
{
    struct world *w = world_new();
    int a = join(w);

    (void)state;
    w->desk.patience = 300 * MS;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    usleep(550000);
    issuer_dies(w);
    usleep(100000);
    event_active(w->desk.late, EV_TIMEOUT, 0);
    look(w, a);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    close(a);
    world_free(w);
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(stamp_answer_retry_s(INT64_MIN), 1);
    assert_int_equal(stamp_answer_retry_s(-1), 1);
    assert_int_equal(stamp_answer_retry_s(0), 1);
    assert_int_equal(stamp_answer_retry_s(1), 1);
    assert_int_equal(stamp_answer_retry_s(SECOND), 1);
    assert_int_equal(stamp_answer_retry_s(SECOND + 1), 2);
    assert_int_equal(stamp_answer_retry_s(29 * SECOND + 1), 30);
    assert_int_equal(stamp_answer_retry_s(31 * SECOND), 30);
    assert_int_equal(stamp_answer_retry_s(INT64_MAX), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_hard_limit),
        cmocka_unit_test(test_slow_keys),
        cmocka_unit_test(test_given_up_ones_count),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_late_in_a_hand_over),
        cmocka_unit_test(test_retry_after),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
