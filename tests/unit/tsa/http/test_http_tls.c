/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over TLS: the same requests and answers, who the client is, and every way in which a handshake ends. */
#include "tests/unit/tsa/http/conn_world.h"
#include "tests/unit/tsa/http/tls_world.h"

static struct identity authority, other, server_id, client_id;
static SSL_CTX *ctx, *asking_ctx;
static struct http_door door, asking_door;

struct client {
    SSL *ssl;
    int fd;
};

static struct client client_join(struct world *w, const struct http_door *by, const struct identity *id,
                                 int version)
{
    struct client c = {.fd = join_by(w, by)};

    c.ssl = client_new(c.fd, id, version);
    return c;
}

static void client_leave(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    ERR_clear_error();
}

/* The error queue belongs to the thread, and here to both ends: what the client leaves there must not harm the server. */
static bool shake(struct world *w, struct client *c)
{
    int i, done = 0;

    for (i = 0; i < 20 && done != 1; i++) {
        ERR_clear_error();
        done = SSL_do_handshake(c->ssl);
        ERR_raise(ERR_LIB_USER, 1); /* what somebody else has left behind */
        ERR_clear_error();
        turn(w);
    }
    return done == 1;
}

static void look_tls(struct world *w, struct client *c)
{
    int num = 1, i;

    for (i = 0; i < 40; i++) {
        turn(w);
        ERR_clear_error();
        num = SSL_read(c->ssl, w->seen + w->seen_len, (int)(sizeof w->seen - 1 - w->seen_len));
        w->seen_len += num > 0 ? (size_t)num : 0;
        if (num <= 0 && SSL_get_error(c->ssl, num) != SSL_ERROR_WANT_READ) {
            w->seen_end = true;
            break;
        }
    }
    ERR_clear_error();
    w->seen[w->seen_len] = 0;
}

static void say_tls(struct world *w, struct client *c, const char *text)
{
    assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), strlen(text));
    look_tls(w, c);
}

static void test_answers(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *w = world_new(&roomy);
        struct client c = client_join(w, &door, NULL, versions[i]);

        w->at_once = true;
        assert_true(shake(w, &c));
        say_tls(w, &c, POST("/a") CL3);
        assert_has(w, "\r\n\r\n/aabc");
        assert_true(w->was_tls);
        assert_string_equal(w->certificate, "-");
        say_tls(w, &c, GET("/1") GET("/2") GET("/3") GET("/4") GET("/5"));
        assert_int_equal(count(w->seen, "200 OK"), 6);
        assert_true(strstr(w->seen, "\r\n\r\n/1") < strstr(w->seen, "\r\n\r\n/5"));
        assert_false(w->seen_end);
        say_tls(w, &c, "GET /b HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        assert_has(w, "Connection: close");
        assert_true(w->seen_end);
        assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN); /* told, not just cut off */
        client_leave(&c);
        turn(w);
        assert_int_equal(w->ends[HTTP_END_ANSWERED], 1);
        assert_int_equal(w->server.num_conns, 0);
        world_free(w);
    }
}

/* The answer comes later than the request, and in pieces. */
static void test_late_and_in_order(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &door, NULL, TLS1_3_VERSION);

    (void)state;
    assert_true(shake(w, &c));
    say_tls(w, &c, GET("/0") GET("/1") GET("/2"));
    answer(w, 2);
    answer(w, 1);
    look_tls(w, &c);
    assert_int_equal(w->seen_len, 0);
    answer(w, 0);
    look_tls(w, &c);
    assert_int_equal(count(w->seen, "200 OK"), 3);
    assert_true(strstr(w->seen, "\r\n\r\n/0") < strstr(w->seen, "\r\n\r\n/2"));
    client_leave(&c);
    world_free(w);
}

static void test_big_answer(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &door, NULL, TLS1_3_VERSION);
    size_t total = 0;
    int i;

    (void)state;
    assert_true(shake(w, &c));
    say_tls(w, &c, GET("/a"));
    w->big = 400000;
    answer(w, 0);
    for (i = 0; i < 200 && total < 400000; i++) {
        w->seen_len = 0;
        look_tls(w, &c);
        total += w->seen_len;
    }
    assert_in_range(total, 400000, 401000);
    w->big = 0;
    w->seen_len = 0;
    say_tls(w, &c, GET("/b"));
    answer(w, 1);
    look_tls(w, &c);
    assert_has(w, "\r\n\r\n/b");
    client_leave(&c);
    world_free(w);
}

static void test_slow_reader(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    struct client c;
    int64_t start = now_mono_ns();

    (void)state;
    config.write = 80 * MS;
    w = world_new(&config);
    c = client_join(w, &door, NULL, TLS1_2_VERSION);
    assert_true(shake(w, &c));
    assert_true(SSL_write(c.ssl, GET("/a"), (int)strlen(GET("/a"))) > 0);
    turn(w);
    w->big = 400000;
    answer(w, 0);
    while (w->server.num_conns > 0 && now_mono_ns() - start < 3000 * MS) {
        char some[10];

        usleep(5000);
        (void)SSL_read(c.ssl, some, sizeof some);
        turn(w);
    }
    assert_int_equal(w->ends[HTTP_END_SLOW_READER], 1);
    client_leave(&c);
    world_free(w);
}

/* A client that ends its writing half still gets its answer. */
static void test_half_closed(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &door, NULL, TLS1_3_VERSION);

    (void)state;
    assert_true(shake(w, &c));
    assert_true(SSL_write(c.ssl, GET("/a"), (int)strlen(GET("/a"))) > 0);
    assert_true(SSL_shutdown(c.ssl) >= 0);
    look_tls(w, &c);
    assert_int_equal(w->num_kept, 1);
    w->seen_end = false;
    answer(w, 0);
    look_tls(w, &c);
    assert_has(w, "200 OK");
    assert_true(w->seen_end);
    assert_int_equal(w->server.num_conns, 0);
    client_leave(&c);
    world_free(w);
}

/* Request and end come in one piece with the end of the handshake. */
static void test_all_at_once(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *w = world_new(&roomy);
        struct client c = client_join(w, &door, NULL, versions[i]);
        int turns;

        w->at_once = true;
        for (turns = 0; turns < 20 && SSL_do_handshake(c.ssl) != 1; turns++) {
            turn(w);
        }
        assert_true(SSL_write(c.ssl, GET("/a") GET("/b"), (int)strlen(GET("/a") GET("/b"))) > 0);
        assert_true(SSL_shutdown(c.ssl) >= 0);
        look_tls(w, &c);
        assert_int_equal(count(w->seen, "200 OK"), 2);
        assert_true(w->seen_end);
        assert_int_equal(w->server.num_conns, 0);
        client_leave(&c);
        world_free(w);
    }
}

static void test_client_vanishes(void **state)
{
    struct world *w = world_new(&roomy);
    struct client early = client_join(w, &door, NULL, TLS1_3_VERSION),
                  late = client_join(w, &door, NULL, TLS1_3_VERSION);

    (void)state;
    assert_true(shake(w, &late));
    say_tls(w, &late, GET("/a"));
    (void)SSL_do_handshake(early.ssl);
    turn(w);
    client_leave(&early); /* in the middle of the handshake */
    client_leave(&late);  /* without close_notify, while it is being answered */
    turn(w);
    answer(w, 0);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
    assert_int_equal(w->num_answered, 1);
    world_free(w);
}

/* libevent calls it an end, not an error, when what is written meets nobody: as if the client had only ended its own half. */
static void test_reader_vanishes(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &door, NULL, TLS1_3_VERSION);

    (void)state;
    assert_true(shake(w, &c));
    assert_true(SSL_write(c.ssl, GET("/a"), (int)strlen(GET("/a"))) > 0);
    turn(w);
    w->big = 400000;
    answer(w, 0);
    turn(w);
    assert_int_equal(w->server.num_conns, 1);
    client_leave(&c);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_ERROR], 1);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

static void test_certificates(void **state)
{
    struct identity foreign = identity_new("builder", false, &other);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *w = world_new(&roomy);
        struct client known = client_join(w, &asking_door, &client_id, versions[i]),
                      none = client_join(w, &asking_door, NULL, versions[i]),
                      unknown = client_join(w, &asking_door, &foreign, versions[i]);

        w->at_once = true;
        assert_true(shake(w, &known));
        say_tls(w, &known, GET("/a"));
        assert_string_equal(w->certificate, "builder");
        assert_true(shake(w, &none));
        say_tls(w, &none, GET("/a"));
        assert_string_equal(w->certificate, "-");
        (void)shake(w, &unknown);
        (void)SSL_write(unknown.ssl, GET("/x"), (int)strlen(GET("/x")));
        turn(w);
        assert_int_equal(w->num_requests, 2);
        assert_int_equal(w->ends[HTTP_END_HANDSHAKE], 1);
        assert_int_equal(w->server.num_conns, 2);
        client_leave(&known);
        client_leave(&none);
        client_leave(&unknown);
        turn(w);
        world_free(w);
    }
    identity_free(&foreign);
}

/* The log line of an answer that nobody reads any more still has the certificate's name. */
static void test_certificate_outlives(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &asking_door, &client_id, TLS1_3_VERSION);

    (void)state;
    assert_true(shake(w, &c));
    say_tls(w, &c, GET("/a"));
    http_server_cut(&w->server);
    client_leave(&c);
    answer(w, 0);
    assert_string_equal(w->certificate, "builder");
    world_free(w);
}

/* HTTP where TLS is spoken: told so at once, in words that such a client understands. */
static void test_plain_request(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join_by(w, &door);

    (void)state;
    say(w, fd, GET("/a"));
    assert_has(w, "HTTP/1.1 400 ");
    assert_has(w, "https://");
    assert_true(w->seen_end);
    assert_int_equal(w->ends[HTTP_END_HANDSHAKE], 1);
    assert_int_equal(w->num_requests, 0);
    close(fd);
    world_free(w);
}

static void test_nonsense(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join_by(w, &door), gone = join_by(w, &door);
    struct client c = client_join(w, &door, NULL, TLS1_3_VERSION);

    (void)state;
    say(w, fd, "\x16\x03\x01\x40\x01no such thing as a handshake, whatever it says of itself");
    say(w, fd, "\xff\xff\xff\xff");
    close(gone);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_CLIENT], 1);
    w->at_once = true;
    assert_true(shake(w, &c)); /* the next one is not harmed */
    w->seen_len = 0;
    say_tls(w, &c, GET("/a"));
    assert_has(w, "200 OK");
    client_leave(&c);
    close(fd);
    world_free(w);
}

static void test_handshake_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    config.handshake = 80 * MS;
    w = world_new(&config);
    fd = join_by(w, &door);
    say(w, fd, "\x16\x03\x01\x02\x01"); /* the record that begins is never whole */
    assert_in_range(await_end(w, fd, 3000, "x"), 60, 1500);
    assert_int_equal(w->ends[HTTP_END_HANDSHAKE], 1);
    close(fd);
    world_free(w);
}

/* After the handshake the request has its own whole time. */
static void test_header_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    struct client c;
    int i;

    (void)state;
    config.header = 80 * MS;
    w = world_new(&config);
    c = client_join(w, &door, NULL, TLS1_3_VERSION);
    usleep(120000);
    assert_true(shake(w, &c));
    say_tls(w, &c, "GET /");
    assert_int_equal(w->server.num_conns, 1);
    for (i = 0; i < 100 && !w->seen_end; i++) {
        usleep(5000);
        look_tls(w, &c);
    }
    assert_has(w, "HTTP/1.1 408 ");
    client_leave(&c);
    world_free(w);
}

static void test_no_renegotiation(void **state)
{
    struct world *w = world_new(&roomy);
    struct client c = client_join(w, &door, NULL, TLS1_2_VERSION);
    int i;

    (void)state;
    w->at_once = true;
    assert_true(shake(w, &c));
    say_tls(w, &c, GET("/a"));
    assert_true(SSL_renegotiate(c.ssl) == 1);
    for (i = 0; i < 10; i++) {
        (void)SSL_do_handshake(c.ssl);
        turn(w);
    }
    ERR_clear_error();
    assert_true(SSL_renegotiate_pending(c.ssl) || !SSL_is_init_finished(c.ssl));
    assert_int_equal(w->num_requests, 1);
    client_leave(&c);
    world_free(w);
}

static void test_no_resumption(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *w = world_new(&roomy);
        struct client first = client_join(w, &asking_door, &client_id, versions[i]), second;
        SSL_SESSION *session;

        w->at_once = true;
        assert_true(shake(w, &first));
        say_tls(w, &first, GET("/a"));
        session = SSL_get1_session(first.ssl);
        second = client_join(w, &asking_door, NULL, versions[i]);
        assert_int_equal(SSL_set_session(second.ssl, session), 1);
        assert_true(shake(w, &second));
        assert_false(SSL_session_reused(second.ssl));
        say_tls(w, &second, GET("/a"));
        assert_string_equal(w->certificate, "-");
        SSL_SESSION_free(session);
        client_leave(&first);
        client_leave(&second);
        world_free(w);
    }
}

/* One too many costs no handshake. */
static void test_crowded(void **state)
{
    struct world *w = world_new(&roomy);
    int fd;

    (void)state;
    w->is_crowded = true;
    fd = join_by(w, &door);
    look(w, fd);
    assert_true(w->seen_end);
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->ends[HTTP_END_CROWDED], 1);
    close(fd);
    world_free(w);
}

/* The header and the first octets of TLS in one packet: not one octet is lost between them. */
static void test_behind_a_proxy(void **state)
{
    static const char header[] = "PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n";
    struct world *w = world_new(&roomy);
    struct client c;
    char both[4000];
    char *hello;
    long len;
    BIO *out = BIO_new(BIO_s_mem());

    (void)state;
    w->wants_header = w->at_once = true;
    c = client_join(w, &door, NULL, TLS1_3_VERSION);
    SSL_set0_wbio(c.ssl, out);
    (void)SSL_do_handshake(c.ssl);
    len = BIO_get_mem_data(out, &hello);
    assert_in_range(len, 100, 3000);
    memcpy(both, header, sizeof header - 1);
    memcpy(both + sizeof header - 1, hello, (size_t)len);
    SSL_set0_wbio(c.ssl, BIO_new_socket(c.fd, BIO_NOCLOSE));
    assert_int_equal(send(c.fd, both, sizeof header - 1 + (size_t)len, MSG_NOSIGNAL),
                     sizeof header - 1 + (size_t)len);
    turn(w);
    assert_true(shake(w, &c));
    say_tls(w, &c, GET("/a"));
    assert_has(w, "200 OK");
    assert_string_equal(w->client, "192.0.2.7");
    client_leave(&c);
    world_free(w);
}

static void test_stop(void **state)
{
    struct world *w = world_new(&roomy);
    struct client busy = client_join(w, &door, NULL, TLS1_3_VERSION),
                  idle = client_join(w, &door, NULL, TLS1_3_VERSION);
    int shaking = join_by(w, &door), i;

    (void)state;
    assert_true(shake(w, &busy));
    assert_true(shake(w, &idle));
    say_tls(w, &busy, GET("/1") GET("/2"));
    http_server_stop(&w->server, 100 * MS);
    answer(w, 0);
    answer(w, 1);
    look_tls(w, &busy);
    assert_int_equal(count(w->seen, "200 OK"), 2);
    assert_int_equal(count(w->seen, "Connection: close"), 1);
    assert_true(w->seen_end);
    client_leave(&busy);
    for (i = 0; i < 200 && w->server.num_conns > 0; i++) {
        usleep(5000);
        turn(w);
    }
    assert_int_equal(w->ends[HTTP_END_STOPPED], 2);
    w->seen_end = false;
    look_tls(w, &idle);
    assert_true(SSL_get_shutdown(idle.ssl) & SSL_RECEIVED_SHUTDOWN);
    client_leave(&idle);
    close(shaking);
    world_free(w);
}

static int make(void **state)
{
    (void)state;
    authority = identity_new("authority", false, NULL);
    other = identity_new("other", false, NULL);
    server_id = identity_new("server.test", false, &authority);
    client_id = identity_new("builder", false, &authority);
    ctx = server_context(&server_id, NULL);
    asking_ctx = server_context(&server_id, &authority);
    door = (struct http_door){HTTP_DOOR_TLS, ctx};
    asking_door = (struct http_door){HTTP_DOOR_TLS, asking_ctx};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    SSL_CTX_free(ctx);
    SSL_CTX_free(asking_ctx);
    identity_free(&authority);
    identity_free(&other);
    identity_free(&server_id);
    identity_free(&client_id);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_late_and_in_order),
        cmocka_unit_test(test_big_answer),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_client_vanishes),
        cmocka_unit_test(test_reader_vanishes),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_certificate_outlives),
        cmocka_unit_test(test_plain_request),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_handshake_deadline),
        cmocka_unit_test(test_header_deadline),
        cmocka_unit_test(test_no_renegotiation),
        cmocka_unit_test(test_no_resumption),
        cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_behind_a_proxy),
        cmocka_unit_test(test_stop),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make, drop);
}
