/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole process: ready, both protocols, every view, an issuer that is replaced, pings, the graceful stop, the drain and the end
 * of the parent.
 */
#include "tests/unit/tsa/front/front_world.h"

static void test_stamps_and_stops(void **state)
{
    static uint8_t legacy_storage[400], blob[256];
    struct front *f = start();
    struct wbuf legacy;
    int fd;

    (void)state;
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "HTTP/1.1 200 OK");
    assert_has(f, "\r\n\r\n0a token");
    wbuf_init_fixed(&legacy, legacy_storage, sizeof legacy_storage);
    msauth_request_build(&legacy, bytes_of(blob, sizeof blob));
    fd = ask(f, "POST /authenticode", "", wbuf_bytes(&legacy));
    answer_stamp(f, f->issuer, MSG_AUTHENTICODE);
    read_answer(f, fd);
    assert_has(f, "\r\n\r\nMGEgdG9rZW4=");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_views(void **state)
{
    static const struct {
        const char *head, *part;
    } views[] = {
        {"GET /healthz", "\r\n\r\nalive\n"},
        {"GET /", "<h1>Timestamp authority</h1>"},
        {"GET /", "signtool timestamp /tr http://tsa.test:80/ "},
        {"GET /readyz", "\r\n\r\nready\n"},
        {"GET /status.json", "\"records\":77"},
        {"GET /metrics", "tsa_ledger_records_total 77\n"},
        {"GET /chain.pem", "-----BEGIN CERTIFICATE-----\n"},
        {"GET /main/root.pem", "-----BEGIN CERTIFICATE-----\n"},
        {"GET /root.cer", "Content-Type: application/pkix-cert\r\n"},
        {"GET /chain.p7b", "Content-Type: application/x-pkcs7-certificates\r\n"},
        {"HEAD /", "Content-Type: text/html; charset=utf-8\r\n"},
        {"GET /nothing", "HTTP/1.1 404 Not Found"},
        {"DELETE /", "Allow: GET, HEAD, POST\r\n"},
    };
    struct front *f = start();
    size_t i;

    (void)state;
    for (i = 0; i < sizeof views / sizeof views[0]; i++) {
        int fd = ask(f, views[i].head, "", BYTES_NONE);

        if (i == 1) {
            answer_facts(f, true); /* kept for a second */
        }
        read_answer(f, fd);
        assert_has(f, views[i].part);
    }
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_not_ready(void **state)
{
    struct front *f = start();
    int fd = ask(f, "GET /readyz", "", BYTES_NONE);

    (void)state;
    answer_facts(f, false);
    read_answer(f, fd);
    assert_has(f, "HTTP/1.1 503 Service Unavailable");
    assert_has(f, rc_text(RC_CLOCK_UNSYNCHRONISED));
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* Who waits while issuers change is answered by the new one. */
/* What the old issuer has not answered the new one is asked, and the client never knows. */
static void test_new_issuer(void **state)
{
    struct front *f = start();
    int fd, pair[2];

    (void)state;
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    await_readable(f->issuer);
    close(f->issuer);
    read_answer(f, ask(f, "GET /readyz", "", BYTES_NONE));
    assert_has(f, "HTTP/1.1 503 ");
    assert_int_equal(chan_pair(pair), RC_OK);
    assert_int_equal(chan_send_fd(f->parent, MSG_PEER, BYTES_NONE, pair[0]), RC_OK);
    close(pair[0]);
    f->issuer = pair[1];
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "0a token");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* The channel breaks, and the parent knows nothing of it: only a new process gets a new one. A channel that comes in time is enough. */
static void test_alone(void **state)
{
    struct front *saved = start(), *lost = start();
    int pair[2];

    (void)state;
    assert_int_equal(send(saved->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    assert_int_equal(send(lost->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    usleep(100000);
    assert_int_equal(chan_pair(pair), RC_OK);
    assert_int_equal(chan_send_fd(saved->parent, MSG_PEER, BYTES_NONE, pair[0]), RC_OK);
    close(pair[0]);
    assert_int_equal(end_of(lost), 70);
    usleep(500000);
    read_answer(saved, ask(saved, "GET /healthz", "", BYTES_NONE));
    assert_has(saved, "alive");
    say_stop(saved);
    assert_int_equal(end_of(saved), 0);
    close(pair[1]);
}

/* What was received whole before the stop is answered after it; who only half asked, and who idles, is let go. */
static void test_graceful_stop(void **state)
{
    struct front *f = start();
    int idle = join(f), half = join(f), fd;
    int64_t start_ns;

    (void)state;
    assert_int_equal(send(half, "POST / HTTP/1.1\r\n", 17, 0), 17);
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    await_readable(f->issuer);
    say_stop(f);
    start_ns = now_mono_ns();
    read_answer(f, idle);
    assert_int_equal(f->seen_len, 0);
    read_answer(f, half);
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "0a token");
    assert_has(f, "Connection: close");
    assert_int_equal(end_of(f), 0);
    assert_true(now_mono_ns() - start_ns < INT64_C(3000000000));
}

/* A terminal's signal to the whole group is the parent's to answer. */
static void test_signals_are_the_parents(void **state)
{
    struct front *f = start();
    int fd;

    (void)state;
    kill(f->pid, SIGINT);
    kill(f->pid, SIGTERM);
    kill(f->pid, SIGHUP);
    fd = ask(f, "GET /healthz", "", BYTES_NONE);
    read_answer(f, fd);
    assert_has(f, "alive");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_parent_ends(void **state)
{
    struct front *f = start();
    int fd = ask(f, "POST /", TSQ_TYPE, tsq());

    (void)state;
    await_readable(f->issuer);
    close(f->parent);
    f->parent = -1;
    assert_int_not_equal(end_of(f), 0);
    close(fd);
}

static void test_ping(void **state)
{
    struct front *f = start();
    struct chan_message message;

    (void)state;
    say_word(f, MSG_PING);
    await_message(&f->in, f->parent, MSG_PONG, &message);
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* Nobody new is let in, who is there is served on, and when the last has gone the front goes too. */
static void test_drain(void **state)
{
    static const char get[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                      count[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    struct front *f = start();
    int fd = join(f), late;

    (void)state;
    assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
    await_readable(fd);
    say_word(f, MSG_DRAIN);
    usleep(2000000); /* longer than a stop would let it idle */
    late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(connect(late, (const struct sockaddr *)&f->address, sizeof f->address), 0);
    close(late);
    assert_int_equal(send(fd, count, sizeof count - 1, MSG_NOSIGNAL), sizeof count - 1);
    read_answer(f, fd);
    assert_has(f, "Connection: close");
    assert_has(f, "\ntsa_connections_accepted_total 1\n"); /* what was counted before stays */
    assert_int_equal(end_of(f), 0);
}

static void test_drain_then_stop(void **state)
{
    struct front *f = start();
    int fd = join(f);
    int64_t start_ns;

    (void)state;
    usleep(50000);
    say_word(f, MSG_DRAIN);
    usleep(50000);
    start_ns = now_mono_ns();
    say_stop(f);
    assert_int_equal(end_of(f), 0);
    assert_true(now_mono_ns() - start_ns < INT64_C(3700000000));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps_and_stops),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_new_issuer),
        cmocka_unit_test(test_graceful_stop),
        cmocka_unit_test(test_signals_are_the_parents),
        cmocka_unit_test(test_parent_ends),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_then_stop),
    };

    return cmocka_run_group_tests(tests, make_lab, drop_lab);
}
