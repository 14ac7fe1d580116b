/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection says: order of answers, keep-alive, HEAD, 100-continue, and what follows an error. */
#include "tests/unit/tsa/http/conn_world.h"

static void test_answer(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    w->at_once = true;
    say(w, fd, POST("/a") CL3);
    assert_int_equal(strncmp(w->seen, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
    assert_has(w, " GMT\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\n/aabc");
    assert_has_not(w, "Connection");
    assert_false(w->seen_end);
    say(w, fd, GET("/b"));
    assert_int_equal(count(w->seen, "200 OK"), 2);
    close(fd);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_CLIENT], 1);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

static void test_each_octet_alone(void **state)
{
    static const char in[] =
        POST("/a") CL3 POST("/b") "Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n" GET("/c");
    struct world *w = world_new(&roomy);
    int fd = join(w);
    size_t i;

    (void)state;
    w->at_once = true;
    for (i = 0; i < sizeof in - 1; i++) {
        char one[2] = {in[i], 0};

        say(w, fd, one);
    }
    assert_int_equal(count(w->seen, "200 OK"), 3);
    assert_has(w, "\r\n\r\n/aabcHTTP");
    assert_has(w, "\r\n\r\n/bxyzHTTP");
    assert_has(w, "\r\n\r\n/c");
    close(fd);
    world_free(w);
}

static void test_order_and_pipeline_limit(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);
    size_t i;

    (void)state;
    say(w, fd, GET("/r0") GET("/r1") GET("/r2") GET("/r3") GET("/r4"));
    assert_int_equal(w->num_requests, roomy.pipeline);
    answer(w, 2);
    answer(w, 1);
    look(w, fd);
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->num_requests, roomy.pipeline); /* their answers wait, so they count */
    answer(w, 0);
    look(w, fd);
    assert_int_equal(w->num_requests, 5);
    answer(w, 4);
    answer(w, 3);
    look(w, fd);
    for (i = 0; i + 1 < 5; i++) {
        char here[10], next[10];

        snprintf(here, sizeof here, "/r%zu", i);
        snprintf(next, sizeof next, "/r%zu", i + 1);
        assert_true(strstr(w->seen, here) < strstr(w->seen, next));
    }
    assert_int_equal(count(w->seen, "200 OK"), 5);
    close(fd);
    world_free(w);
}

/* More than may be parsed yet fills the buffer up to its mark: then the loop sleeps, and nothing of it is lost. */
static void test_full_pipeline_sleeps(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);
    size_t sent = 0, i;

    (void)state;
    while (send(fd, GET("/x"), strlen(GET("/x")), MSG_NOSIGNAL) > 0 && sent < 500) {
        sent++;
        turn(w);
    }
    assert_int_equal(sent, 500); /* 15,000 octets, and the buffer holds 10,200 */
    assert_int_equal(w->num_kept, roomy.pipeline);
    assert_int_equal(event_base_get_num_events(w->base, EVENT_BASE_COUNT_ACTIVE), 0);
    w->at_once = true;
    for (i = 0; i < roomy.pipeline; i++) {
        struct http_slot *slot = w->kept[i];
        const struct http_reply reply = {.status = 200, .text = "x"};

        w->kept[i] = NULL;
        w->num_open--;
        http_conn_reply(slot, &reply);
    }
    look(w, fd);
    assert_int_equal(count(w->seen, "200 OK"), 100); /* all that one connection may ask */
    close(fd);
    world_free(w);
}

static void test_many_at_once_in_one_packet(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);
    char all[4000] = "";
    int i;

    (void)state;
    w->at_once = true;
    for (i = 0; i < 50; i++) {
        strcat(all, GET("/x"));
    }
    say(w, fd, all);
    assert_int_equal(count(w->seen, "200 OK"), 50);
    close(fd);
    world_free(w);
}

static void test_http10(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    w->at_once = true;
    say(w, fd, "POST / HTTP/1.0\r\nConnection: keep-alive\r\n" CL3);
    assert_has(w, "Connection: keep-alive\r\n");
    assert_false(w->seen_end);
    w->seen_len = 0;
    say(w, fd, "POST / HTTP/1.0\r\n" CL3);
    assert_has(w, "Connection: close\r\n");
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

static void test_connection_close(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/b"));
    assert_int_equal(w->num_requests, 1);
    answer(w, 0);
    look(w, fd);
    assert_has(w, "Connection: close\r\n");
    assert_true(w->seen_end);
    assert_int_equal(w->num_requests, 1);
    close(fd);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_ANSWERED], 1);
    world_free(w);
}

static void test_head(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    w->at_once = true;
    say(w, fd, "HEAD /abc HTTP/1.1\r\n" HOST "\r\n");
    assert_has(w, "Content-Length: 4\r\n\r\n");
    assert_has_not(w, "/abc");
    w->seen_len = 0;
    say(w, fd, "HEAD /404 HTTP/1.1\r\n" HOST "\r\n");
    assert_has(w, "404 Not Found");
    assert_has_not(w, "no such thing");
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

/* However early a HEAD is refused. */
static void test_head_refused(void **state)
{
    static const char *const heads[] = {
        "HEAD /a HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HEAD /a HTTP/1.1\r\n" HOST "X : b\r\n\r\n",
        "HEAD /a HTTP/1.1\r\n\r\n",
        "HEAD /\x01",
        "\r\nHEAD /a HTTP/1.1\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct world *w = world_new(&roomy);
        int fd = join(w);

        say(w, fd, heads[i]);
        assert_has(w, "HTTP/1.1 400 ");
        assert_string_equal(w->result, "malformed-http");
        assert_has_not(w, "Content-Length: 0\r\n");
        assert_true(w->seen_end);
        assert_string_equal(w->seen + w->seen_len - 4, "\r\n\r\n");
        close(fd);
        world_free(w);
    }
}

static void test_continue(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, POST("/a") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(w->seen, "HTTP/1.1 100 Continue\r\n\r\n");
    say(w, fd, "ab");
    assert_int_equal(count(w->seen, "100 Continue"), 1);
    say(w, fd, "c" POST("/b") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(count(w->seen, "100 Continue"), 1); /* not before the answer to the first */
    answer(w, 0);
    look(w, fd);
    assert_int_equal(count(w->seen, "100 Continue"), 2);
    assert_true(strstr(w->seen, "/aabc") < strstr(strstr(w->seen, "/aabc"), "100 Continue"));
    say(w, fd, "xyz");
    answer(w, 1);
    look(w, fd);
    assert_has(w, "/bxyz");
    close(fd);
    world_free(w);
}

static void test_other_expectation(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, POST("/a") "Expect: a miracle\r\nContent-Length: 3\r\n\r\n");
    assert_has(w, "HTTP/1.1 417 ");
    assert_has(w, "\r\nConnection: close\r\n\r\n");
    assert_has(w, "\r\n\r\nthe only expectation that is understood here is 100-continue\n");
    close(fd);
    world_free(w);
}

/* After an error not one octet is parsed, yet the client gets to read the answer although it sends on. */
static void test_error_ends_all(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    w->at_once = true;
    say(w, fd, GET("/a") "GARBAGE\r\n\r\n" GET("/b"));
    assert_int_equal(w->num_requests, 1);
    say(w, fd, GET("/c"));
    assert_int_equal(w->num_requests, 1);
    assert_int_equal(count(w->seen, "HTTP/1.1 400 Bad Request"), 1);
    assert_true(w->seen_end);
    assert_int_equal(w->server.num_conns, 1); /* lingers */
    close(fd);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

static void test_error_waits_for_its_turn(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, GET("/a") "GARBAGE\r\n\r\n");
    assert_int_equal(w->seen_len, 0);
    answer(w, 0);
    look(w, fd);
    assert_true(strstr(w->seen, "/a") < strstr(w->seen, "400 Bad Request"));
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

/* The first of two is answered by an error: the second gets no answer, and its handler may still give one. */
static void test_error_drops_later_answers(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, GET("/404") GET("/b"));
    answer(w, 0);
    look(w, fd);
    answer(w, 1);
    look(w, fd);
    assert_has(w, "404 Not Found");
    assert_has_not(w, "/b");
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

static void test_date(void **state)
{
    char text[HTTP_REPLY_DATE_LEN + 1];

    (void)state;
    http_reply_date((struct gentime){784111777, 5}, text); /* the example of RFC 9110 5.6.7 */
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_reply_date((struct gentime){0, 0}, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_reply_date((struct gentime){1709251199, 0}, text);
    assert_string_equal(text, "Thu, 29 Feb 2024 23:59:59 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_each_octet_alone),
        cmocka_unit_test(test_order_and_pipeline_limit),
        cmocka_unit_test(test_full_pipeline_sleeps),
        cmocka_unit_test(test_many_at_once_in_one_packet),
        cmocka_unit_test(test_http10),
        cmocka_unit_test(test_connection_close),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_refused),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_other_expectation),
        cmocka_unit_test(test_error_ends_all),
        cmocka_unit_test(test_error_waits_for_its_turn),
        cmocka_unit_test(test_error_drops_later_answers),
        cmocka_unit_test(test_date),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
