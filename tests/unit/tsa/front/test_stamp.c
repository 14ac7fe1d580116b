/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from a client to the issuer and back: both protocols by content, refusals in their form, the bounded table, stale
 * answers. */
#include "tests/unit/tsa/front/stamp_world.h"

static void test_rfc3161(void **state)
{
    static const char *const types[] = {TSQ, "Application/Timestamp-Query; charset=x", OCTETS, "text/plain",
                                        NULL};
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        post(w, fd, "/", types[i], tsq(DIGEST_SHA256, "\x2a\x03\x04"));
        assert_int_equal(w->seen_len, 0);
        assert_true(next_stamp(w, &msg));
        assert_int_equal(msg.kind, MSG_RFC3161);
        assert_int_equal(msg.unit, 0);
        assert_int_equal(msg.digest, DIGEST_SHA256);
        assert_int_equal(msg.alg_null, 1);
        assert_int_equal(msg.cert_req, 1);
        assert_int_equal(msg.data.len, 32);
        assert_int_equal(msg.nonce.len, 2);
        assert_true(bytes_equal(msg.policy, bytes_str("\x2a\x03\x04")));
        assert_int_equal(w->desk.num_waiting, 1);
        reply(w, msg.id, RC_OK, "a token");
        look(w, fd);
        assert_has(w, "HTTP/1.1 200 OK\r\n");
        assert_has(w, "\r\nContent-Type: application/timestamp-reply\r\nContent-Length: 7\r\n\r\na token");
        assert_int_equal(w->serial_len, 3);
        assert_true(w->record == 4711);
        assert_int_equal(w->desk.num_waiting, 0);
    }
    assert_int_equal(w->counts[MSG_RFC3161], i);
    close(fd);
    world_free(w);
}

static void test_authenticode(void **state)
{
    static const char *const types[] = {OCTETS, TSQ, NULL};
    struct world *w = world_new();
    int fd = join(w);
    size_t i;

    (void)state;
    for (i = 0; i < 6; i++) {
        struct msg_stamp msg;

        post(w, fd, i < 3 ? "/" : "/?td=sha256", types[i % 3], i % 2 ? legacy_raw(256) : legacy_base64(256));
        assert_true(next_stamp(w, &msg));
        assert_int_equal(msg.kind, MSG_AUTHENTICODE);
        assert_true(bytes_equal(msg.data, bytes_of(blob, 256)));
        reply(w, msg.id, RC_OK, "signed");
        look(w, fd);
        assert_has(w, "\r\nContent-Type: application/octet-stream\r\nContent-Length: 8\r\n\r\nc2lnbmVk");
        assert_int_equal(body_of(w).len, 8); /* no line end */
    }
    assert_int_equal(w->counts[MSG_AUTHENTICODE], i);
    close(fd);
    world_free(w);
}

static void test_refusals_of_the_front(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    uint8_t long_nonce[400];
    struct wbuf with_trailer;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA1, NULL));
    assert_refused(w, TSP_BAD_ALG, "sha256, sha512");
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, "\x2a\x03\x05"));
    assert_refused(w, TSP_UNACCEPTED_POLICY, "1.2.3.4");
    post(w, fd, "/", TSQ, bytes_str("nonsense"));
    assert_refused(w, TSP_BAD_DATA_FORMAT, "no RFC 3161 request");
    post(w, fd, "/", TSQ, BYTES_NONE);
    assert_refused(w, TSP_BAD_DATA_FORMAT, "no RFC 3161 request");
    wbuf_init_fixed(&with_trailer, long_nonce, sizeof long_nonce);
    wbuf_put(&with_trailer, tsq(DIGEST_SHA256, NULL));
    wbuf_put_u8(&with_trailer, 0);
    post(w, fd, "/", TSQ, wbuf_bytes(&with_trailer));
    assert_refused(w, TSP_BAD_DATA_FORMAT, "follow the end");
    assert_false(next_stamp(w, &msg));
    unit_settings.protocols = SETTINGS_AUTHENTICODE;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_refused(w, TSP_BAD_REQUEST, "Authenticode only");
    close(fd);
    world_free(w);
}

static void test_http_refusals(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;

    (void)state;
    post_once(w, "/", OCTETS, bytes_str("nonsense"), "HTTP/1.1 400 Bad Request\r\n");
    assert_has(w, "no Authenticode timestamp request");
    post_once(w, "/", "text/plain", bytes_str("nonsense"), "HTTP/1.1 415 Unsupported Media Type\r\n");
    assert_has(w, "send an RFC 3161 request as application/timestamp-query");
    post_once(w, "/", NULL, BYTES_NONE, "HTTP/1.1 415 Unsupported Media Type\r\n");
    assert_int_equal(w->counts[0], 3);
    post_once(w, "/", OCTETS, legacy_base64(10),
              "HTTP/1.1 400 Bad Request\r\n"); /* too short to be a signature */
    post_once(w, "/?td=sha1", OCTETS, legacy_base64(256), "HTTP/1.1 400 Bad Request\r\n");
    assert_has(w, "ask for ?td=sha256");
    post_once(w, "/?td=0123456789012345678901234567890123456789", OCTETS, legacy_raw(256),
              "HTTP/1.1 400 Bad Request\r\n");
    unit_settings.protocols = SETTINGS_RFC3161;
    post_once(w, "/", OCTETS, legacy_raw(256), "HTTP/1.1 403 Forbidden\r\n");
    assert_has(w, "RFC 3161 only");
    assert_false(next_stamp(w, &msg));
    world_free(w);
}

/* The issuer refuses one request of each kind, in both protocols. */
static void refuse_both(struct world *w, int fd, enum rc rc, const char *why)
{
    struct msg_stamp msg;

    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    refuse(w, msg.id, rc, why);
    look(w, fd);
    assert_refused(w, tsp_failure_of_rc(rc), rc_text(rc));
    assert_refused(w, tsp_failure_of_rc(rc), why);
    post(w, fd, "/", OCTETS, legacy_raw(256));
    assert_true(next_stamp(w, &msg));
    refuse(w, msg.id, rc, why);
    look(w, fd);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, rc_text(rc));
    assert_has(w, why);
}

/* Every reason of the clock is "no time to be had", tells its figure, and leaves the connection: nothing was wrong with the request. */
static void test_the_clock_refuses(void **state)
{
    struct world *w = world_new();
    int fd = join(w);
    unsigned num = 0;

    (void)state;
    for (int rc = RC_OK; rc < RC_NUM; rc++) {
        if (strncmp(rc_word((enum rc)rc), "clock-", 6) == 0) {
            assert_int_equal(tsp_failure_of_rc((enum rc)rc), TSP_TIME_NOT_AVAILABLE);
            refuse_both(w, fd, (enum rc)rc, "it may be wrong by 1.204 s, this unit declares 1 s");
            /* Whether it helps to wait for a clock that was set back, the issuer has said. */
            assert_has(w, rc == RC_CLOCK_BACKWARDS ? "this unit declares 1 s\n"
                                                   : "this unit declares 1 s; try again later\n");
            assert_has(w, "\r\nRetry-After: 5\r\n");
            assert_null(strstr(w->seen, "Connection: close"));
            assert_false(w->seen_end);
            num += 2;
        }
    }
    assert_in_range(num, 20, 30);
    assert_int_equal(w->refused, num);
    close(fd);
    world_free(w);
}

/* What the issuer says is read where it lies: an empty sentence adds nothing, the longest is told whole. */
static void test_how_much_is_said(void **state)
{
    struct world *w = world_new();
    char longest[MSG_WHY_MAX + 1];
    int fd = join(w);

    (void)state;
    memset(longest, '~', MSG_WHY_MAX);
    longest[MSG_WHY_MAX] = 0;
    refuse_both(w, fd, RC_CLOCK_DISAGREES, longest);
    refuse_both(w, fd, RC_CLOCK_UNKNOWN, "");
    assert_has(w, "nothing is known of the clock yet; try again later\n");
    close(fd);
    world_free(w);
}

/* The certificate or the key is at its end: that is no time that comes, but the authority's own trouble, and not over soon. */
static void test_a_key_that_may_sign_no_more(void **state)
{
    static const enum rc reasons[] = {RC_KEY_USE_OVER, RC_CERT_EXPIRED};

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct world *w = world_new();
        int fd = join(w);

        assert_int_equal(tsp_failure_of_rc(reasons[i]), TSP_SYSTEM_FAILURE);
        refuse_both(w, fd, reasons[i], "since 2026-02-03T04:05:06Z");
        assert_has(w, "\r\nRetry-After: 30\r\n");
        assert_null(strstr(w->seen, "try again"));
        close(fd);
        world_free(w);
    }
}

static void test_until_the_leap_second_is_over(void **state)
{
    static const struct {
        struct gentime now; /* midnight is at 0 */
        int64_t accuracy_ns;
        unsigned s;
    } cases[] = {
        {{-2, 900000000}, 0, 4},         /* 1.1 s before: as long again, and the second itself */
        {{-1, 0}, 1000000000, 4},        /* 1 + 1 + 1.6 */
        {{0, 0}, 0, 2},                  /* 1.1 */
        {{1, 50000000}, 0, 1},           /* nearly over */
        {{1, 200000000}, 0, 5},          /* over: the issuer sees another midnight */
        {{1, 300000000}, 1000000000, 1}, /* 1.6 - 1.3 */
        {{43200, 0}, 0, 5},              /* noon */
        {{-3, 0}, 5000000000, 10},       /* 3 + 1 + 5.6 */
        {{-40, 0}, 60000000000, 30},     /* never longer */
        {{-62, 0}, 60000000000, 5},      /* not near yet */
    };
    struct world *w = world_new();
    int fd = join(w);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct gentime now = {1798761600 + cases[i].now.sec, cases[i].now.nsec}; /* end of 2026 */

        assert_int_equal(stamp_answer_leap_s(now, cases[i].accuracy_ns), cases[i].s);
    }
    world_now = (struct gentime){1798761600, 0};
    refuse_both(w, fd, RC_CLOCK_LEAP, "it is over in 1.1 s");
    assert_has(w, "\r\nRetry-After: 2\r\n");
    world_now = (struct gentime){1700000000, 0};
    close(fd);
    world_free(w);
}

/* All requests that arrive in a turn go out in one packet; answers in another order reach their own clients. */
static void test_many(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msgs[QUEUE];
    int fds[QUEUE + 1];
    struct bytes body = tsq(DIGEST_SHA256, NULL);
    size_t i;

    (void)state;
    for (i = 0; i < QUEUE; i++) {
        char head[200];

        fds[i] = join(w);
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body.len);
        assert_int_equal(send(fds[i], head, strlen(head), 0), strlen(head));
        assert_int_equal(send(fds[i], body.data, body.len, 0), body.len);
    }
    turn(w);
    assert_int_equal(chan_receive(&w->in, w->issuer), RC_OK);
    for (i = 0; i < QUEUE; i++) {
        struct chan_message message;

        assert_true(chan_next(&w->in, &message));
        assert_int_equal(msg_get_stamp(message.body, &msgs[i]), RC_OK);
    }
    fds[QUEUE] = join(w);
    post(w, fds[QUEUE], "/", TSQ, body);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_int_equal(w->serial_len, 0);
    assert_true(w->record == 0);
    for (i = QUEUE; i-- > 0;) {
        char text[2] = {(char)('a' + i), 0};

        reply(w, msgs[i].id, RC_OK, text);
    }
    reply(w, msgs[0].id, RC_OK, "stale");
    reply(w, UINT64_MAX, RC_OK, "unknown");
    turn(w);
    assert_int_equal(w->desk.num_sent, 0); /* words that nobody has asked for make no room */
    for (i = 0; i < QUEUE; i++) {
        look(w, fds[i]);
        assert_int_equal(body_of(w).len, 1);
        assert_int_equal(body_of(w).data[0], 'a' + i);
    }
    for (i = 0; i <= QUEUE; i++) {
        close(fds[i]);
    }
    world_free(w);
}

static void test_client_leaves(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    close(fd);
    turn(w);
    reply(w, msg.id, RC_OK, "to nobody");
    turn(w);
    assert_int_equal(w->desk.num_waiting, 0);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

/* A client's pipeline deeper than the table: each answer brings in the next request. */
static void test_pipeline(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w), i;

    (void)state;
    for (i = 0; i < 4; i++) {
        post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    for (i = 0; i < 4; i++) {
        assert_true(next_stamp(w, &msg));
        reply(w, msg.id, RC_OK, "t");
    }
    look(w, fd);
    for (i = 0; i < 4; i++) {
        char *at = strstr(w->seen, "200 OK");

        assert_non_null(at);
        at[0] = 'x';
    }
    close(fd);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3161),
        cmocka_unit_test(test_authenticode),
        cmocka_unit_test(test_refusals_of_the_front),
        cmocka_unit_test(test_http_refusals),
        cmocka_unit_test(test_the_clock_refuses),
        cmocka_unit_test(test_how_much_is_said),
        cmocka_unit_test(test_a_key_that_may_sign_no_more),
        cmocka_unit_test(test_until_the_leap_second_is_over),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_pipeline),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
