/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before the first request on a plain connection: PROXY headers however they are cut, bad, late or missing; and one client too many. */
#include "tests/unit/tsa/http/conn_world.h"

#define V1 "PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n"

static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\x09\xc0\0\2\x08\x04\xd2\0\x50";
static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

static void put(struct world *w, int fd, const char *octets, size_t len)
{
    assert_int_equal(send(fd, octets, len, MSG_NOSIGNAL), len);
    look(w, fd);
}

static struct world *world_behind_proxy(const struct http_server_config *config)
{
    struct world *w = world_new(config);

    w->wants_header = w->at_once = true;
    return w;
}

static void assert_taken(const char *header, size_t len, const char *client)
{
    char both[300];
    size_t total = len + strlen(POST("/a") CL3), cut;

    memcpy(both, header, len);
    memcpy(both + len, POST("/a") CL3, total - len);
    for (cut = 1; cut <= total; cut++) {
        struct world *w = world_behind_proxy(&roomy);
        int fd = join(w);

        put(w, fd, both, cut);
        if (cut < total) {
            put(w, fd, both + cut, total - cut);
        }
        assert_has(w, "\r\n\r\n/aabc");
        assert_string_equal(w->client, client);
        assert_int_equal(w->num_connects, 1);
        say(w, fd, GET("/b"));
        assert_int_equal(count(w->seen, "200 OK"), 2);
        close(fd);
        world_free(w);
    }
}

static void test_every_cut(void **state)
{
    (void)state;
    assert_taken(V1, strlen(V1), "192.0.2.7");
    assert_taken(v2, sizeof v2 - 1, "192.0.2.9");
    assert_taken(v2_local, sizeof v2_local - 1, "unix");
    assert_taken("PROXY UNKNOWN\r\n", 15, "unix");
}

static void test_each_octet_alone(void **state)
{
    struct world *w = world_behind_proxy(&roomy);
    int fd = join(w);
    size_t i;

    (void)state;
    for (i = 0; i < strlen(V1 GET("/a")); i++) {
        assert_int_equal(w->num_requests, 0);
        put(w, fd, &(V1 GET("/a"))[i], 1);
    }
    assert_has(w, "\r\n\r\n/a");
    close(fd);
    world_free(w);
}

/* The specification: whoever must send a header and does not is cut off, without a word. */
static void test_bad(void **state)
{
    static const char *const bad[] = {
        GET("/a"),
        "PROXY nonsense\r\n" GET("/a"),
        "PROXY TCP4 192.0.2.7 192.0.2.8 1234\r\n",
        "\x16\x03\x01",
        "PROXY TCP4 192.0.2.7 192.0.2.8 1234 80 and so on without an end, which no header of version 1 may "
        "have since it is at most "
        "107 octets long",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world *w = world_behind_proxy(&roomy);
        int fd = join(w);

        say(w, fd, bad[i]);
        assert_int_equal(w->seen_len, 0);
        turn(w);
        assert_int_equal(w->ends[HTTP_END_PROXY_HEADER], 1);
        assert_int_equal(w->num_connects, 0);
        assert_int_equal(w->num_requests, 0);
        assert_int_equal(w->server.num_conns, 0);
        close(fd);
        world_free(w);
    }
}

static void test_late_and_missing(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int late, gone;

    (void)state;
    config.handshake = 80 * MS;
    w = world_behind_proxy(&config);
    late = join(w);
    gone = join(w);
    say(w, gone, "PROXY TCP4 ");
    close(gone);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_PROXY_HEADER], 1);
    w->seen_end = false;
    say(w, late, "PROXY");
    assert_in_range(await_end(w, late, 3000, NULL), 40, 1500);
    assert_int_equal(w->ends[HTTP_END_PROXY_HEADER], 2);
    close(late);
    world_free(w);
}

/* The header has its own time, and the request after it too. */
static void test_header_then_silence(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    config.header = 80 * MS;
    w = world_behind_proxy(&config);
    fd = join(w);
    usleep(120000);
    say(w, fd, V1);
    assert_int_equal(w->server.num_conns, 1);
    await_end(w, fd, 3000, NULL);
    assert_int_equal(w->ends[HTTP_END_IDLE], 1);
    close(fd);
    world_free(w);
}

/* Who reads the counters may come from a proxy's address, and is none. */
static void test_not_at_every_door(void **state)
{
    static const struct http_door metrics = {.kind = HTTP_DOOR_METRICS};
    struct world *w = world_behind_proxy(&roomy);
    int fd = join_by(w, &metrics);

    (void)state;
    say(w, fd, GET("/a"));
    assert_has(w, "\r\n\r\n/a");
    close(fd);
    world_free(w);
}

static void test_crowded(void **state)
{
    struct world *w = world_new(&roomy);
    int fd;

    (void)state;
    w->is_crowded = true;
    fd = join(w);
    say(w, fd, GET("/a"));
    assert_has(w, "HTTP/1.1 429 ");
    assert_has(w, "Retry-After: ");
    assert_has(w, "Connection: close\r\n");
    assert_has(w, rc_text(RC_CROWDED));
    assert_string_equal(w->result, rc_word(RC_CROWDED));
    assert_true(w->seen_end);
    assert_int_equal(w->num_requests, 0);
    assert_int_equal(w->num_answered, 1);
    close(fd);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_CROWDED], 1);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

static void test_stop_before_the_header(void **state)
{
    struct world *w = world_behind_proxy(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, "PROXY");
    http_server_stop(&w->server, 20 * MS);
    await_end(w, fd, 3000, NULL);
    assert_int_equal(w->ends[HTTP_END_STOPPED], 1);
    close(fd);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_each_octet_alone),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_late_and_missing),
        cmocka_unit_test(test_header_then_silence),
        cmocka_unit_test(test_not_at_every_door),
        cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_stop_before_the_header),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
