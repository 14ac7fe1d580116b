/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a GET shows, from the socket to the answer: facts are asked for at most once a second however many pages are asked for, those that
 * wait are bounded, and without an issuer everything is still answered. The test is both client and issuer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/front/view.h"
#include "tsa/role/clockpage.h"

#define MANY (VIEW_MAX_WAITING + 3)

static char unit_name[] = "main", policy_text[] = "1.2.3.4";
static const struct settings_unit unit_settings = {
    .name = unit_name, .policy = policy_text, .protocols = SETTINGS_RFC3161, .digests = 1u << DIGEST_SHA256};

struct world {
    struct event_base *base;
    struct http_server server;
    struct http_routes routes;
    struct unit unit;
    struct shared *shared;
    struct metrics metrics;
    struct view_desk desk;
    struct issuer_link *link;
    int issuer; /* the other end */
    struct chan_in in;
    struct chan_out out;
    unsigned num_asked;
    uint64_t asked; /* the last id */
    char seen[1 << 16];
    size_t seen_len;
};

static const uint8_t cn[] = {0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06,
                             0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 'A'};
static int64_t ahead;

static int64_t mono_ns(void *arg)
{
    struct timespec now;

    (void)arg;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + ahead;
}

static void real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){1700000000, 0};
}

static const struct now_source times = {.real = real, .mono_ns = mono_ns};

static void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    struct world *w = arg;
    struct http_route route = http_route_find(&w->routes, request->method, request->path);

    assert_int_equal(route.status, 0);
    assert_int_not_equal(route.view, HTTP_VIEW_NONE);
    view_request(&w->desk, slot, request, &route);
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    metrics_count_reply(&((struct world *)arg)->metrics, answered->reply->status, answered->elapsed_ns);
}

static void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    (void)peer;
    metrics_count_end(&((struct world *)arg)->metrics, end);
}

static const struct http_server_ops server_ops = {
    .on_request = on_request, .on_answered = on_answered, .on_closed = on_closed};

static void on_stamped(void *arg, const struct msg_stamped *stamped)
{
    (void)arg;
    (void)stamped;
    fail();
}

static void on_gone(void *arg)
{
    (void)arg;
}

static const struct issuer_link_ops link_ops = {on_stamped, on_gone};

static void gauge(void *arg, struct metrics_gauges *out)
{
    *out = (struct metrics_gauges){.open = ((struct world *)arg)->server.num_conns, .waiting = 7};
}

static void start_counting(struct world *w)
{
    const char *const name = unit_name;
    int fd = shared_create();

    assert_true(fd >= 0);
    w->shared = shared_map(fd);
    assert_non_null(w->shared);
    close(fd);
    shared_name_units(w->shared, &name, 1);
    metrics_init(&w->metrics, w->shared, shared_take_place(w->shared), &w->unit, 1);
}

static struct world *world_new(void)
{
    static const struct http_server_config config = {
        .limits = {.request_line = 100, .head = 1000, .fields = 10, .body = 4000},
        .pipeline = 8,
        .requests = 1000,
        .connections = 200,
        .header = 5000000000,
        .body = 5000000000,
        .write = 5000000000,
        .keep_alive = 5000000000,
        .connection = 500000000000,
    };
    struct world *w = calloc(1, sizeof *w);
    int fds[2];

    assert_non_null(w);
    w->unit = (struct unit){.settings = &unit_settings};
    w->unit.cert.subject = bytes_of(cn, sizeof cn);
    w->unit.cert.not_after.sec = 1800000000;
    w->unit.key_end = w->unit.cert.not_after;
    assert_int_equal(chan_pair(fds), RC_OK);
    w->base = event_base_new();
    w->issuer = fds[1];
    http_server_init(&w->server, w->base, &config, &server_ops, w);
    http_route_init(&w->routes, &w->unit, 1);
    w->link = issuer_link_new(w->base, fds[0], 4, &link_ops, w);
    start_counting(w);
    view_init(&w->desk, &w->unit, 1);
    w->desk.link = w->link;
    w->desk.metrics = &w->metrics;
    w->desk.gauge = gauge;
    w->desk.gauge_arg = w;
    chan_out_init(&w->out, 1 << 20);
    ahead = 0;
    now_set_source(&times);
    return w;
}

static void world_free(struct world *w)
{
    http_server_cut(&w->server);
    issuer_link_free(w->link);
    http_server_clear(&w->server);
    view_clear(&w->desk);
    http_route_clear(&w->routes);
    event_base_free(w->base);
    chan_out_clear(&w->out);
    shared_unmap(w->shared);
    now_set_source(NULL);
    if (w->issuer >= 0) {
        close(w->issuer);
    }
    free(w);
}

static void turn(struct world *w)
{
    int i;

    for (i = 0; i < 4; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static int ask(struct world *w, const char *method, const char *path)
{
    char text[200];
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(http_server_adopt(&w->server, fds[1], NULL, NULL));
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: tsa.example\r\n\r\n", method, path);
    assert_int_equal(send(fds[0], text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turn(w);
    return fds[0];
}

/* What has come; "" when nothing has. */
static const char *look(struct world *w, int fd)
{
    ssize_t num;

    turn(w);
    w->seen_len = 0;
    while ((num = read(fd, w->seen + w->seen_len, sizeof w->seen - 1 - w->seen_len)) > 0) {
        w->seen_len += (size_t)num;
    }
    w->seen[w->seen_len] = 0;
    return w->seen;
}

static void assert_seen(struct world *w, int fd, const char *part)
{
    const char *text = look(w, fd);

    if (!strstr(text, part)) {
        print_error("seen: %s\nnot there: %s\n", text, part);
    }
    assert_non_null(strstr(text, part));
}

/* Counts the questions that have come to the issuer. */
static void hear(struct world *w)
{
    struct chan_message message;

    for (;;) {
        while (chan_next(&w->in, &message)) {
            assert_int_equal(message.type, MSG_ASK_FACTS);
            assert_int_equal(msg_get_ask_facts(message.body, &w->asked), RC_OK);
            w->num_asked++;
        }
        if (chan_receive(&w->in, w->issuer) != RC_OK) {
            return;
        }
    }
}

static void tell(struct world *w, uint32_t ready, enum rc reason)
{
    const struct msg_facts facts = {.id = w->asked,
                                    .facts = {.ready = ready,
                                              .reason = reason,
                                              .clock_state = ready ? CLOCKPAGE_SYNC : CLOCKPAGE_STOP,
                                              .clock_reason = reason,
                                              .clock_figure_ns = 1204000000,
                                              .ledger_sequence = 42,
                                              .clock_bound_ns = -1,
                                              .clock_age_ns = -1}};
    enum rc sent;

    msg_put_facts(&w->out, &facts);
    assert_true(chan_flush(&w->out, w->issuer, &sent));
    turn(w);
}

static const char *const paths[] = {"/", "/status.json", "/metrics", "/readyz"};
static const char *const expected[] = {"<td id=\"ledger\">42 records</td>", "\"ledger\":{\"records\":42}",
                                       "\ntsa_ledger_sequence 42\n", "\r\n\r\nready\n"};

static void one_question_for_all(void **state)
{
    struct world *w = world_new();
    int fds[4];
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        fds[i] = ask(w, "GET", paths[i]);
        assert_string_equal(look(w, fds[i]), "");
    }
    hear(w);
    assert_int_equal(w->num_asked, 1);
    tell(w, 1, RC_OK);
    for (i = 0; i < 4; i++) {
        assert_seen(w, fds[i], expected[i]);
        assert_int_equal(strncmp(w->seen, "HTTP/1.1 200 ", 13), 0);
        assert_non_null(strstr(w->seen, "\r\nX-Content-Type-Options: nosniff\r\n"));
        close(fds[i]);
    }
    /* Within the second nobody is asked; then again, once. */
    for (i = 0; i < 4; i++) {
        fds[i] = ask(w, "GET", paths[i]);
        assert_seen(w, fds[i], expected[i]);
        close(fds[i]);
    }
    hear(w);
    assert_int_equal(w->num_asked, 1);
    ahead += 1100000000;
    fds[0] = ask(w, "GET", "/metrics");
    fds[1] = ask(w, "GET", "/metrics");
    hear(w);
    assert_int_equal(w->num_asked, 2);
    tell(w, 1, RC_OK);
    assert_seen(w, fds[0], "\ntsa_requests_waiting 7\n");
    assert_seen(w, fds[1], "\ntsa_connections_open 2\n");
    close(fds[0]);
    close(fds[1]);
    turn(w);
    world_free(w);
}

static void those_that_wait_are_bounded(void **state)
{
    struct world *w = world_new();
    int fds[MANY];
    size_t i, refused = 0;

    (void)state;
    for (i = 0; i < MANY; i++) {
        fds[i] = ask(w, "GET", paths[i % 3]);
        if (*look(w, fds[i])) {
            assert_int_equal(strncmp(w->seen, "HTTP/1.1 503 ", 13), 0);
            assert_non_null(strstr(w->seen, "too many pages are asked for; try again in a second"));
            refused++;
        }
    }
    assert_int_equal(refused, MANY - VIEW_MAX_WAITING);
    hear(w);
    assert_int_equal(w->num_asked, 1);
    tell(w, 1, RC_OK);
    for (i = 0; i < VIEW_MAX_WAITING; i++) {
        assert_seen(w, fds[i], expected[i % 3]);
    }
    for (i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    turn(w);
    fds[0] = ask(w, "GET", "/"); /* the places are free again */
    assert_seen(w, fds[0], expected[0]);
    close(fds[0]);
    turn(w);
    world_free(w);
}

static void why_it_is_not_ready(void **state)
{
    struct world *w = world_new();
    int fd = ask(w, "GET", "/readyz");

    (void)state;
    hear(w);
    tell(w, 0, RC_CLOCK_OLD);
    assert_seen(w, fd, "\r\n\r\nthe clock was not compared with its reference for too long: 1.204 s ago\n");
    assert_int_equal(strncmp(w->seen, "HTTP/1.1 503 ", 13), 0);
    close(fd);
    fd = ask(w, "GET", "/metrics");
    assert_seen(w, fd, "\ntsa_not_ready{reason=\"clock-old\"} 1\n");
    close(fd);
    turn(w);
    world_free(w);
}

/* One that comes back would be waited for, two seconds at most. */
static void assert_told(struct world *w, const char *const told[4])
{
    static const struct timespec nap = {0, 20000000};
    int fds[4], tries;
    size_t i;

    for (i = 0; i < 4; i++) {
        fds[i] = ask(w, "GET", paths[i]);
    }
    for (i = 0; i < 4; i++) {
        for (tries = 0; tries < 500 && !*look(w, fds[i]); tries++) {
            nanosleep(&nap, NULL);
        }
        assert_non_null(strstr(w->seen, told[i]));
        close(fds[i]);
    }
}

static void without_an_issuer(void **state)
{
    static const char *const alone[] = {
        "Not ready: the signing process is not there", "\"reason\":\"issuer-gone\"",
        "\ntsa_not_ready{reason=\"issuer-gone\"} 1\n", "the signing process is not there\n"};
    struct world *w = world_new();
    int fd;

    (void)state;
    close(w->issuer);
    w->issuer = -1;
    turn(w);
    assert_told(w, alone);
    fd = ask(w, "GET", "/healthz");
    assert_seen(w, fd, "\r\n\r\nalive\n");
    close(fd);
    turn(w);
    world_free(w);
}

/* Its channel is there; it says nothing. */
static void with_a_hung_issuer(void **state)
{
    static const char *const silent[] = {
        "Not ready: the signing process does not answer", "\"reason\":\"issuer-silent\"",
        "\ntsa_not_ready{reason=\"issuer-silent\"} 1\n", "the signing process does not answer\n"};
    struct world *w = world_new();

    (void)state;
    assert_told(w, silent);
    turn(w);
    world_free(w);
}

static void head_and_fields_of_the_page(void **state)
{
    struct world *w = world_new();
    int fd = ask(w, "HEAD", "/");

    (void)state;
    hear(w);
    tell(w, 1, RC_OK);
    assert_seen(w, fd, "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-");
    assert_non_null(strstr(w->seen, "\r\nReferrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(w->seen, "\r\nCache-Control: no-store\r\n"));
    assert_string_equal(strstr(w->seen, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
    fd = ask(w, "GET", "/");
    assert_seen(w, fd, "signtool timestamp /tr http://tsa.example/ /td sha256");
    close(fd);
    turn(w);
    world_free(w);
}

static void tell_bound(struct world *w, int64_t bound_ns)
{
    const struct msg_facts facts = {.id = w->asked,
                                    .facts = {.ready = 1,
                                              .clock_state = CLOCKPAGE_SYNC,
                                              .clock_proven = CLOCKPAGE_PROVEN,
                                              .clock_figure_ns = -1,
                                              .clock_bound_ns = bound_ns}};
    enum rc sent;

    msg_put_facts(&w->out, &facts);
    assert_true(chan_flush(&w->out, w->issuer, &sent));
    turn(w);
}

/* The issuer is ready as far as the clock is for all; what it is good for is each unit's own. */
static void ready_names_those_that_refuse(void **state)
{
    static const struct {
        int64_t bound_ns;
        const char *status, *text;
    } cases[] = {
        {9000000, "HTTP/1.1 200 ", "\r\n\r\nready\n"},
        {20000000, "HTTP/1.1 200 ",
         "\r\n\r\nready, but unit main refuses some requests: the clock may be wrong by 20 ms, its times are "
         "rounded by "
         "up to 50 ms, it declares 60 ms\n"},
        {70000000, "HTTP/1.1 503 ", "the clock may be wrong by more than the declared accuracy allows"},
    };
    struct settings_unit tight = unit_settings;
    struct world *w = world_new();

    (void)state;
    tight.accuracy = 60000000;
    tight.time_digits = 1;
    w->unit.settings = &tight;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = ask(w, "GET", "/readyz");

        hear(w);
        tell_bound(w, cases[i].bound_ns);
        assert_seen(w, fd, cases[i].text);
        assert_int_equal(strncmp(w->seen, cases[i].status, strlen(cases[i].status)), 0);
        close(fd);
        ahead += 1100000000;
    }
    turn(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_question_for_all),
        cmocka_unit_test(those_that_wait_are_bounded),
        cmocka_unit_test(why_it_is_not_ready),
        cmocka_unit_test(without_an_issuer),
        cmocka_unit_test(with_a_hung_issuer),
        cmocka_unit_test(head_and_fields_of_the_page),
        cmocka_unit_test(ready_names_those_that_refuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
