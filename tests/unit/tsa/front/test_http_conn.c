/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections over a socket pair: order of answers, keep-alive, 100-continue, what follows an error, deadlines for whole
 * phases, clients that leave or do not read, crowding, and the end of the server. The handler keeps each request and answers
 * when the test says so.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/front/http_conn.h"

#define MAX_KEPT 64

struct world {
    struct event_base *base;
    struct http_server server;
    struct http_slot *kept[MAX_KEPT]; /* requests that wait for their answer */
    char paths[MAX_KEPT][40];
    size_t num_kept, num_requests, num_answered, max_open, num_open;
    bool at_once; /* answer inside the handler */
    unsigned ends[HTTP_END_NUM];
    unsigned last_status;
    char seen[1 << 16]; /* what the client has read */
    size_t seen_len;
    bool seen_end;
    size_t big; /* size of the answer's body; 0 = the path */
};

static void answer(struct world *w, size_t i)
{
    static char filler[400000];
    struct http_reply reply = {.status = 200, .type = "text/x", .body = bytes_str(w->paths[i])};
    struct http_slot *slot = w->kept[i];

    if (w->big) {
        memset(filler, 'z', sizeof filler);
        reply.body = bytes_of(filler, w->big);
    } else if (strcmp(w->paths[i], "/404") == 0) {
        reply = http_reply_refuse(404, "no such thing");
    }
    assert_non_null(slot);
    w->kept[i] = NULL;
    w->num_open--;
    http_conn_reply(slot, &reply);
}

static void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    struct world *w = arg;
    size_t i = w->num_kept++;

    assert_in_range(i, 0, MAX_KEPT - 1);
    w->kept[i] = slot;
    snprintf(w->paths[i], sizeof w->paths[i], "%.*s%.*s", (int)request->path.len,
             (const char *)request->path.data, (int)request->body.len, (const char *)request->body.data);
    w->num_requests++;
    w->num_open++;
    w->max_open = w->num_open > w->max_open ? w->num_open : w->max_open;
    if (w->at_once) {
        answer(w, i);
        w->num_kept = 0;
    }
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    struct world *w = arg;

    w->num_answered++;
    w->last_status = answered->reply->status;
}

static void on_closed(void *arg, enum http_end end)
{
    ((struct world *)arg)->ends[end]++;
}

static const struct http_server_ops ops = {on_request, on_answered, on_closed};

#define MS 1000000LL

static const struct http_server_config roomy = {
    .limits = {.request_line = 100, .head = 1000, .fields = 10, .body = 1000},
    .pipeline = 3,
    .requests = 100,
    .connections = 10,
    .header = 5000 * MS,
    .body = 5000 * MS,
    .write = 5000 * MS,
    .keep_alive = 5000 * MS,
    .connection = 600000 * MS,
};

static struct world *world_new(const struct http_server_config *config)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->base = event_base_new();
    assert_non_null(w->base);
    http_server_init(&w->server, w->base, config, &ops, w);
    return w;
}

static void turn(struct world *w)
{
    int i;

    for (i = 0; i < 4; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static void world_free(struct world *w)
{
    size_t i;

    for (i = 0; i < w->num_kept; i++) {
        if (w->kept[i]) {
            answer(w, i);
        }
    }
    turn(w);
    http_server_clear(&w->server);
    event_base_free(w->base);
    free(w);
}

static int join(struct world *w)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(http_server_adopt(&w->server, fds[1], NULL));
    w->seen_len = 0;
    w->seen_end = false;
    return fds[0];
}

static void look(struct world *w, int fd)
{
    ssize_t num;

    turn(w);
    while ((num = read(fd, w->seen + w->seen_len, sizeof w->seen - 1 - w->seen_len)) > 0) {
        w->seen_len += (size_t)num;
        turn(w);
    }
    w->seen_end = num == 0;
    w->seen[w->seen_len] = 0;
}

static void say(struct world *w, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    look(w, fd);
}

static size_t count(const char *text, const char *part)
{
    size_t num = 0;

    while ((text = strstr(text, part))) {
        num++;
        text += strlen(part);
    }
    return num;
}

static void assert_has(const struct world *w, const char *part)
{
    if (!strstr(w->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", w->seen, part);
    }
    assert_non_null(strstr(w->seen, part));
}

static void assert_has_not(const struct world *w, const char *part)
{
    assert_null(strstr(w->seen, part));
}

/* Looks for at most ms milliseconds until the connection is at its end; returns how long it took. */
static int64_t await_end(struct world *w, int fd, int64_t ms, const char *drip)
{
    int64_t start = now_mono_ns();

    while (!w->seen_end && now_mono_ns() - start < ms * MS) {
        usleep(5000);
        if (drip) {
            (void)send(fd, drip, strlen(drip), MSG_NOSIGNAL);
        }
        look(w, fd);
    }
    assert_true(w->seen_end);
    return (now_mono_ns() - start) / MS;
}

#define HOST    "Host: a\r\n"
#define GET(p)  "GET " p " HTTP/1.1\r\n" HOST "\r\n"
#define POST(p) "POST " p " HTTP/1.1\r\n" HOST
#define CL3     "Content-Length: 3\r\n\r\nabc"

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

static void test_flood_after_the_end(void **state)
{
    static char junk[60000];
    struct world *w = world_new(&roomy);
    int fd = join(w);
    int i;

    (void)state;
    memset(junk, 'j', sizeof junk);
    say(w, fd, "GARBAGE\r\n\r\n");
    for (i = 0; i < 20 && w->server.num_conns > 0; i++) {
        (void)send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        turn(w);
    }
    assert_int_equal(w->ends[HTTP_END_LINGERED], 1);
    close(fd);
    world_free(w);
}

static void test_requests_of_a_connection(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    config.requests = 2;
    w = world_new(&config);
    w->at_once = true;
    fd = join(w);
    say(w, fd, GET("/1"));
    assert_has_not(w, "Connection");
    say(w, fd, GET("/2") GET("/3"));
    assert_int_equal(w->num_requests, 2);
    assert_has(w, "Connection: close");
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

static void test_life_of_a_connection(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    config.connection = 20 * MS;
    w = world_new(&config);
    w->at_once = true;
    fd = join(w);
    say(w, fd, GET("/1"));
    assert_has_not(w, "Connection");
    usleep(25000);
    say(w, fd, GET("/2"));
    assert_has(w, "Connection: close");
    close(fd);
    world_free(w);
}

static struct http_server_config short_phase(int64_t *phase, struct http_server_config *config)
{
    *phase = 80 * MS;
    return *config;
}

static void test_header_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int64_t took;
    int fd;

    (void)state;
    short_phase(&config.header, &config);
    w = world_new(&config);
    w->at_once = true;
    fd = join(w);
    say(w, fd, GET("/a"));
    say(w, fd, "GET / HTTP/1.1\r\nX: ");
    took = await_end(w, fd, 2000, "x"); /* each octet that comes must not move it */
    assert_in_range(took, 60, 1000);
    assert_has(w, "HTTP/1.1 408 ");
    close(fd);
    world_free(w);
}

static void test_silent_client(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    short_phase(&config.header, &config);
    w = world_new(&config);
    fd = join(w);
    await_end(w, fd, 2000, NULL);
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->ends[HTTP_END_IDLE], 1);
    close(fd);
    world_free(w);
}

static void test_body_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int64_t took;
    int fd;

    (void)state;
    short_phase(&config.body, &config);
    w = world_new(&config);
    fd = join(w);
    say(w, fd, POST("/a") "Content-Length: 900\r\n\r\n");
    took = await_end(w, fd, 2000, "x");
    assert_in_range(took, 60, 1000);
    assert_has(w, "HTTP/1.1 408 ");
    assert_int_equal(w->num_requests, 0);
    close(fd);
    world_free(w);
}

static void test_keep_alive_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    short_phase(&config.keep_alive, &config);
    w = world_new(&config);
    w->at_once = true;
    fd = join(w);
    say(w, fd, GET("/a"));
    w->seen_len = 0;
    await_end(w, fd, 2000, NULL);
    assert_int_equal(w->seen_len, 0);
    assert_int_equal(w->ends[HTTP_END_IDLE], 1);
    close(fd);
    world_free(w);
}

/* While the answer is made no deadline runs, not even for a client that says nothing. */
static void test_no_deadline_while_answering(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fd;

    (void)state;
    short_phase(&config.keep_alive, &config);
    short_phase(&config.header, &config);
    w = world_new(&config);
    fd = join(w);
    say(w, fd, GET("/a"));
    usleep(150000);
    look(w, fd);
    assert_false(w->seen_end);
    answer(w, 0);
    look(w, fd);
    assert_has(w, "200 OK");
    close(fd);
    world_free(w);
}

static void test_write_deadline(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int64_t start = now_mono_ns();
    int fd;

    (void)state;
    short_phase(&config.write, &config);
    w = world_new(&config);
    fd = join(w);
    w->big = 400000; /* more than a socket holds */
    assert_int_equal(send(fd, GET("/a"), strlen(GET("/a")), 0), strlen(GET("/a")));
    turn(w);
    answer(w, 0);
    while (w->server.num_conns > 0 && now_mono_ns() - start < 2000 * MS) {
        char some[10];

        usleep(5000);
        (void)read(fd, some, sizeof some); /* reading a little must not move it */
        turn(w);
    }
    assert_int_equal(w->ends[HTTP_END_SLOW_READER], 1);
    close(fd);
    world_free(w);
}

static void test_big_answer_to_a_slow_reader(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);
    size_t total = 0;

    (void)state;
    w->big = 400000;
    say(w, fd, GET("/a") GET("/b"));
    answer(w, 0);
    w->big = 0;
    answer(w, 1);
    while (!strstr(w->seen, "\r\n\r\n/b") && total < 500000) {
        w->seen_len = 0;
        look(w, fd);
        total += w->seen_len;
        assert_true(w->seen_len > 0);
    }
    assert_in_range(total, 400000, 402000);
    close(fd);
    world_free(w);
}

static void test_client_leaves(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, GET("/a") GET("/b"));
    close(fd);
    turn(w);
    answer(w, 1);
    answer(w, 0);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
    assert_int_equal(w->num_answered, 2);
    world_free(w);
}

static void test_half_closed_client(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, GET("/a"));
    shutdown(fd, SHUT_WR);
    look(w, fd);
    assert_false(w->seen_end);
    answer(w, 0);
    look(w, fd);
    assert_has(w, "200 OK");
    assert_true(w->seen_end);
    assert_int_equal(w->server.num_conns, 0);
    close(fd);
    world_free(w);
}

static void test_request_cut_off(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);

    (void)state;
    say(w, fd, POST("/a") "Content-Length: 3\r\n\r\nab");
    shutdown(fd, SHUT_WR);
    look(w, fd);
    assert_has(w, "HTTP/1.1 400 ");
    assert_has(w, "the request ends too early\n");
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

static void test_crowd(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fds[3], late[2];

    (void)state;
    config.connections = 2;
    w = world_new(&config);
    fds[0] = join(w);
    say(w, fds[0], GET("/a"));
    fds[1] = join(w);
    say(w, fds[1], GET("/b"));
    assert_false(http_server_make_room(&w->server)); /* both are being answered */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, late), 0);
    assert_false(http_server_adopt(&w->server, late[1], NULL));
    close(late[0]);
    answer(w, 0);
    answer(w, 1);
    look(w, fds[1]);
    fds[2] = join(w); /* the one that is idle longest makes place */
    turn(w);
    assert_int_equal(w->ends[HTTP_END_CROWDED_OUT], 1);
    assert_int_equal(w->server.num_conns, 2);
    look(w, fds[0]);
    assert_true(w->seen_end);
    w->seen_end = false;
    say(w, fds[1], GET("/c"));
    assert_false(w->seen_end);
    close(fds[0]);
    close(fds[1]);
    close(fds[2]);
    world_free(w);
}

static void test_stop(void **state)
{
    struct world *w = world_new(&roomy);
    int waiting = join(w), idle = join(w), late = join(w), partial = join(w);

    (void)state;
    say(w, waiting, GET("/a"));
    say(w, partial, "GET / HT");
    assert_int_equal(send(late, GET("/late"), strlen(GET("/late")), 0),
                     strlen(GET("/late"))); /* in the kernel, not read yet */
    http_server_stop(&w->server);
    turn(w);
    http_server_stop(&w->server);
    turn(w);
    assert_int_equal(w->num_requests, 2);
    assert_int_equal(w->server.num_conns, 2);
    answer(w, 0);
    answer(w, 1);
    w->seen_len = 0;
    look(w, waiting);
    assert_has(w, "200 OK");
    assert_has(w, "Connection: close");
    assert_true(w->seen_end);
    w->seen_len = 0;
    look(w, late);
    assert_has(w, "Connection: close");
    look(w, idle);
    assert_true(w->seen_end);
    close(waiting);
    close(idle);
    close(late);
    close(partial);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
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
        cmocka_unit_test(test_many_at_once_in_one_packet),
        cmocka_unit_test(test_http10),
        cmocka_unit_test(test_connection_close),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_other_expectation),
        cmocka_unit_test(test_error_ends_all),
        cmocka_unit_test(test_error_waits_for_its_turn),
        cmocka_unit_test(test_error_drops_later_answers),
        cmocka_unit_test(test_flood_after_the_end),
        cmocka_unit_test(test_requests_of_a_connection),
        cmocka_unit_test(test_life_of_a_connection),
        cmocka_unit_test(test_header_deadline),
        cmocka_unit_test(test_silent_client),
        cmocka_unit_test(test_body_deadline),
        cmocka_unit_test(test_keep_alive_deadline),
        cmocka_unit_test(test_no_deadline_while_answering),
        cmocka_unit_test(test_write_deadline),
        cmocka_unit_test(test_big_answer_to_a_slow_reader),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_half_closed_client),
        cmocka_unit_test(test_request_cut_off),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_date),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
