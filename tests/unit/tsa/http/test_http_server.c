/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end: limits, deadlines for whole phases, clients that leave or do not read, crowding, the stop. */
#include "tests/unit/tsa/http/conn_world.h"

static void send_only(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
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

static void let_age(struct world *w, int64_t ns)
{
    struct http_phase_member *life;

    TAILQ_FOREACH(life, &w->server.phases.lists[HTTP_PHASE_LIFE], entry)
    {
        life->since -= ns;
        life->deadline -= ns;
    }
}

/* Who asks steadily is told before the end, or else it would be cut between two requests; behind what it has sent already. */
static void test_last_tenth_of_a_life(void **state)
{
    struct world *w = world_new(&roomy);
    int one = join(w), more = join(w);

    (void)state;
    w->at_once = true;
    let_age(w, roomy.connection * 8 / 10);
    say(w, one, GET("/1"));
    assert_has_not(w, "Connection");
    let_age(w, roomy.connection * 11 / 100);
    say(w, one, GET("/2"));
    assert_has(w, "Connection: close");
    assert_true(w->seen_end);
    w->seen_len = 0;
    say(w, more, GET("/3") GET("/4"));
    assert_int_equal(count(w->seen, "200 OK"), 2);
    assert_int_equal(count(w->seen, "Connection: close"), 1);
    assert_true(w->seen_end);
    close(one);
    close(more);
    world_free(w);
}

/* A connection that idles when its life is over ends then; one whose answer was being made ends when it has been read. */
static void test_life_of_the_idle(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int idle, waits;

    (void)state;
    config.connection = 100 * MS;
    w = world_new(&config);
    w->at_once = true;
    idle = join(w);
    say(w, idle, GET("/1"));
    w->at_once = false;
    waits = join(w);
    say(w, waits, GET("/2"));
    usleep(150000);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_IDLE], 1);
    assert_int_equal(w->server.num_conns, 1);
    answer(w, 0);
    w->seen_len = 0;
    look(w, waits);
    assert_has(w, "200 OK");
    assert_has(w, "Connection: close");
    assert_true(w->seen_end);
    close(idle);
    close(waits);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
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
        (void)!read(fd, some, sizeof some); /* reading a little must not move it */
        turn(w);
    }
    assert_int_equal(w->ends[HTTP_END_SLOW_READER], 1);
    close(fd);
    world_free(w);
}

/* The whole answer fits into the socket, so all is said; that the client does not read it shows all the same. */
static void test_unread_small_answer(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int unread, read;

    (void)state;
    short_phase(&config.write, &config);
    w = world_new(&config);
    w->at_once = true;
    unread = join(w);
    read = join(w);
    send_only(unread, GET("/a"));
    say(w, read, GET("/b"));
    usleep(150000);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_SLOW_READER], 1);
    assert_int_equal(w->server.num_conns, 1);
    w->seen_len = 0;
    say(w, read, GET("/c"));
    assert_has(w, "200 OK");
    close(unread);
    close(read);
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
    assert_false(http_server_has_room(&w->server, NULL)); /* both are being answered */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, late), 0);
    assert_false(http_server_adopt(&w->server, late[1], NULL, NULL));
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

/* The room that a flood of answers took, all behind one that is slow, is not kept for ever. */
static void test_flood_of_answers(void **state)
{
    struct http_server_config config = roomy;
    struct http_slot *slow;
    struct world *w;
    int fd, i;

    (void)state;
    config.pipeline = config.requests = 2000;
    w = world_new(&config);
    fd = join(w);
    say(w, fd, GET("/slow"));
    slow = w->kept[0];
    w->at_once = true;
    for (i = 0; i < 1500; i++) {
        say(w, fd, GET("/quick"));
    }
    assert_int_equal(w->num_requests, 1501);
    w->kept[0] = slow;
    answer(w, 0);
    turn(w);
    look(w, fd);
    assert_int_equal(w->num_answered, 1501);
    assert_int_equal(w->server.num_free_slots, 1024);
    close(fd);
    world_free(w);
}

/* A full house can be watched: the door of the counters has a few places more. */
static void test_room_for_the_watch(void **state)
{
    static const struct http_door metrics = {.kind = HTTP_DOOR_METRICS};
    struct http_server_config config = roomy;
    struct world *w;
    int fds[9], i;

    (void)state;
    config.connections = 1;
    w = world_new(&config);
    fds[0] = join(w);
    say(w, fds[0], GET("/a")); /* is being answered */
    assert_false(http_server_has_room(&w->server, NULL));
    for (i = 1; i < 9; i++) {
        assert_true(http_server_has_room(&w->server, &metrics));
        fds[i] = join_by(w, &metrics);
        say(w, fds[i], GET("/m"));
    }
    assert_false(http_server_has_room(&w->server, &metrics));
    for (i = 0; i < 9; i++) {
        answer(w, (size_t)i);
        close(fds[i]);
    }
    world_free(w);
}

/* Silent connections alone can not shut others out: after a second they make place; who has just come keeps it. */
static void test_crowd_of_the_silent(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int fds[3];

    (void)state;
    config.connections = 2;
    w = world_new(&config);
    fds[0] = join(w);
    usleep(600000);
    fds[1] = join(w);
    assert_false(http_server_has_room(&w->server, NULL));
    usleep(600000);
    assert_true(http_server_has_room(&w->server, NULL));
    assert_int_equal(w->server.num_conns, 2); /* to ask costs nobody his place */
    fds[2] = join(w);
    turn(w);
    assert_int_equal(w->ends[HTTP_END_CROWDED_OUT], 1);
    assert_int_equal(w->server.num_conns, 2);
    assert_false(http_server_has_room(&w->server, NULL));
    look(w, fds[0]);
    assert_true(w->seen_end);
    close(fds[0]);
    close(fds[1]);
    close(fds[2]);
    world_free(w);
}

/* Who has asked is answered, who asks within the time too; then the others go. */
static void test_stop(void **state)
{
    struct world *w = world_new(&roomy);
    int waiting = join(w), idle = join(w), late = join(w), partial = join(w), busy = join(w);

    (void)state;
    w->at_once = true;
    say(w, busy, GET("/first"));
    w->at_once = false;
    say(w, waiting, GET("/a"));
    say(w, partial, "GET / HT");
    send_only(late, GET("/late")); /* in the kernel, not read yet */
    http_server_stop(&w->server, 300 * MS);
    turn(w);
    assert_int_equal(w->server.num_conns, 5);
    assert_int_equal(w->num_kept, 2);
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
    w->at_once = true;
    w->seen_len = 0;
    say(w, busy, GET("/race")); /* a client that keeps asking is not cut between two requests */
    assert_has(w, "200 OK");
    assert_has(w, "Connection: close");
    w->seen_end = false;
    assert_in_range(await_end(w, idle, 3000, NULL), 1, 2000);
    w->seen_end = false;
    await_end(w, partial, 1000, NULL);
    assert_int_equal(w->ends[HTTP_END_STOPPED], 2);
    close(waiting);
    close(idle);
    close(late);
    close(partial);
    close(busy);
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

/* All that was sent whole before the stop is answered, beyond the pipeline's depth too; the last answer alone says that it ends. */
static void test_stop_with_a_pipeline(void **state)
{
    struct world *w = world_new(&roomy);
    int fd = join(w);
    char all[4000] = "";
    size_t i;

    (void)state;
    for (i = 0; i < 12; i++) {
        strcat(all, GET("/x"));
    }
    say(w, fd, all);
    assert_int_equal(w->num_kept, roomy.pipeline);
    http_server_stop(&w->server, 2000 * MS);
    for (i = 0; i < 12; i++) {
        answer(w, i);
        look(w, fd);
    }
    assert_int_equal(count(w->seen, "200 OK"), 12);
    assert_int_equal(count(w->seen, "Connection: close"), 1);
    assert_non_null(strstr(strrchr(w->seen, 'H') - 10, "\r\n\r\n/x"));
    assert_true(w->seen_end);
    close(fd);
    world_free(w);
}

/* Where no time is set idle connections live until their own deadline, and each next answer is the last. */
static void test_drain(void **state)
{
    struct http_server_config config = roomy;
    struct world *w;
    int idle, asks;

    (void)state;
    config.keep_alive = 200 * MS;
    w = world_new(&config);
    idle = join(w);
    asks = join(w);
    w->at_once = true;
    say(w, idle, GET("/a"));
    say(w, asks, GET("/b"));
    http_server_stop(&w->server, INT64_MAX);
    turn(w);
    assert_int_equal(w->server.num_conns, 2);
    w->seen_len = 0;
    say(w, asks, GET("/c"));
    assert_has(w, "Connection: close");
    assert_true(w->seen_end);
    close(asks);
    w->seen_end = false;
    await_end(w, idle, 3000, NULL);
    assert_int_equal(w->ends[HTTP_END_IDLE], 1);
    close(idle);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_after_the_end),  cmocka_unit_test(test_requests_of_a_connection),
        cmocka_unit_test(test_life_of_a_connection), cmocka_unit_test(test_header_deadline),
        cmocka_unit_test(test_silent_client),        cmocka_unit_test(test_body_deadline),
        cmocka_unit_test(test_keep_alive_deadline),  cmocka_unit_test(test_no_deadline_while_answering),
        cmocka_unit_test(test_write_deadline),       cmocka_unit_test(test_big_answer_to_a_slow_reader),
        cmocka_unit_test(test_client_leaves),        cmocka_unit_test(test_half_closed_client),
        cmocka_unit_test(test_request_cut_off),      cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_room_for_the_watch),   cmocka_unit_test(test_crowd_of_the_silent),
        cmocka_unit_test(test_flood_of_answers),     cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_with_a_pipeline), cmocka_unit_test(test_drain),
        cmocka_unit_test(test_last_tenth_of_a_life), cmocka_unit_test(test_life_of_the_idle),
        cmocka_unit_test(test_unread_small_answer),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
