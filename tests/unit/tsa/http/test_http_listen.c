/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting on a real listening socket: TCP and Unix, a full server, and a process without descriptors that must not spin. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tsa/base/now.h"
#include "tsa/http/http_conn.h"
#include "tsa/http/http_listen.h"

struct world {
    struct event_base *base;
    struct http_server server;
    struct http_listen listen;
    unsigned num_closed, num_slow;
    size_t big; /* octets of an answer; 0 = a word */
};

static void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    static char filler[20000];
    const struct world *w = arg;
    struct http_reply reply = {.status = 200, .text = "here"};

    (void)request;
    if (w->big) {
        reply = (struct http_reply){.status = 200, .body = bytes_of(filler, w->big)};
    }
    http_conn_reply(slot, &reply);
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    char text[NETADDR_TEXT_MAX];

    (void)arg;
    assert_string_equal(netaddr_text(answered->client, text),
                        answered->client->family == AF_INET ? "127.0.0.1" : "unix");
}

static void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    struct world *w = arg;

    (void)peer;
    w->num_closed++;
    w->num_slow += end == HTTP_END_SLOW_READER;
    http_listen_resume(&w->listen);
}

static const struct http_server_ops ops = {
    .on_request = on_request, .on_answered = on_answered, .on_closed = on_closed};
static const struct http_door plain = {.kind = HTTP_DOOR_PLAIN};

#define MS 1000000LL

static struct world *world_with(size_t connections, int64_t write_ns)
{
    struct http_server_config config = {
        .limits = {.request_line = 100, .head = 1000, .fields = 10, .body = 100},
        .pipeline = 1,
        .requests = 100,
        .connections = connections,
        .handshake = 5000000000,
        .header = 5000000000,
        .body = 5000000000,
        .write = write_ns,
        .keep_alive = 5000000000,
        .connection = 5000000000,
    };
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->base = event_base_new();
    http_server_init(&w->server, w->base, &config, &ops, w);
    http_listen_init(&w->listen, &w->server);
    return w;
}

static struct world *world_new(size_t connections)
{
    return world_with(connections, 5000 * MS);
}

static void world_free(struct world *w)
{
    http_listen_clear(&w->listen);
    http_server_clear(&w->server);
    event_base_free(w->base);
    free(w);
}

static void turn(struct world *w)
{
    int i;

    for (i = 0; i < 6; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static struct sockaddr_in listen_tcp(struct world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_true(http_listen_add(&w->listen, fd, &plain));
    return address;
}

static int join(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static bool is_answered(struct world *w, int fd)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char seen[1000];
    ssize_t num;

    (void)send(fd, get, sizeof get - 1, MSG_NOSIGNAL);
    turn(w);
    num = recv(fd, seen, sizeof seen, MSG_DONTWAIT);
    return num > 12 && memcmp(seen, "HTTP/1.1 200", 12) == 0;
}

/* Nagle's algorithm is off on what the kernel made of the next connection. */
static void assert_answers_at_once(struct world *w, const struct sockaddr_in *address)
{
    int client = join(address), server = accept(event_get_fd(w->listen.sockets[0].event), NULL, NULL), on = 0;
    socklen_t len = sizeof on;

    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_equal(on, 1);
    close(client);
    close(server);
}

static void test_tcp(void **state)
{
    struct world *w = world_new(1000);
    struct sockaddr_in address = listen_tcp(w);
    int fds[100];
    size_t i;

    (void)state;
    for (i = 0; i < 100; i++) { /* more than one turn accepts */
        fds[i] = join(&address);
    }
    turn(w);
    assert_int_equal(w->listen.num_accepted, 100);
    assert_answers_at_once(w, &address);
    for (i = 0; i < 100; i++) {
        assert_true(is_answered(w, fds[i]));
        close(fds[i]);
    }
    turn(w);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

static void test_unix(void **state)
{
    struct world *w = world_new(10);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/tsa-listen-XXXXXX";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/http.sock", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 10), 0);
    assert_true(http_listen_add(&w->listen, fd, &plain));
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    turn(w);
    assert_true(is_answered(w, client));
    close(client);
    unlink(address.sun_path);
    rmdir(dir);
    world_free(w);
}

/* Full of connections that have asked nothing yet: the next waits in the kernel until one ends. */
static void test_full(void **state)
{
    struct world *w = world_new(2);
    struct sockaddr_in address = listen_tcp(w);
    int a = join(&address), b = join(&address), c;

    (void)state;
    turn(w);
    c = join(&address);
    turn(w);
    assert_int_equal(w->server.num_conns, 2);
    assert_true(w->listen.paused);
    close(a);
    turn(w);
    assert_true(is_answered(w, c));
    assert_int_equal(w->server.num_conns, 2);
    close(b);
    close(c);
    world_free(w);
}

static void test_no_descriptors(void **state)
{
    struct world *w = world_new(1000);
    struct sockaddr_in address = listen_tcp(w);
    struct rlimit old, few;
    int client = join(&address), top = dup(client), i;

    (void)state;
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)top;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    turn(w);
    assert_true(w->listen.paused);
    assert_int_equal(w->server.num_conns, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (i = 0; i < 100 && w->server.num_conns == 0; i++) { /* by its own timer */
        usleep(10000);
        turn(w);
    }
    assert_in_range(i, 5, 90);
    assert_true(is_answered(w, client));
    close(client);
    world_free(w);
}

/* A full server wakes for a newcomer whom another process accepts: that costs no idle client its connection. */
static void test_newcomer_goes_elsewhere(void **state)
{
    struct world *w = world_new(1);
    struct sockaddr_in address = listen_tcp(w);
    int a = join(&address), b;

    (void)state;
    turn(w);
    assert_true(is_answered(w, a));
    b = join(&address);
    close(accept(event_get_fd(w->listen.sockets[0].event), NULL, NULL));
    event_active(w->listen.sockets[0].event, EV_READ, 0);
    turn(w);
    assert_int_equal(w->num_closed, 0);
    assert_true(is_answered(w, a));
    close(a);
    close(b);
    world_free(w);
}

/* Idle clients give their descriptors to those who come. */
static void test_idle_gives_descriptor(void **state)
{
    struct world *w = world_new(1000);
    struct sockaddr_in address = listen_tcp(w);
    struct rlimit old, few;
    int idle = join(&address), late, top;

    (void)state;
    turn(w);
    assert_true(is_answered(w, idle));
    late = join(&address);
    top = dup(late);
    close(top);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)top;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    turn(w);
    assert_true(is_answered(w, late));
    assert_int_equal(w->num_closed, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(idle);
    close(late);
    world_free(w);
}

static int join_slowly(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

/* Reads a little all the time, by a small window, as long as the server has the connection; returns how long that was, ms. */
static int64_t sip(struct world *w, int fd)
{
    int64_t start = now_mono_ns();
    char some[20];

    turn(w);
    assert_int_equal(w->server.num_conns, 1);
    while (w->server.num_conns > 0 && now_mono_ns() - start < 5000 * MS) {
        usleep(5000);
        (void)!recv(fd, some, sizeof some, MSG_DONTWAIT);
        turn(w);
    }
    return (now_mono_ns() - start) / MS;
}

/* An answer, or a pipeline of them, is read by drops: its time is over when that of writing is, however much the kernel has taken. */
static void test_slow_readers(void **state)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const size_t sizes[] = {5000, 12000, 20000};
    size_t i, j;

    (void)state;
    for (i = 0; i < 3; i++) {
        for (j = 1; j <= 20; j += 19) {
            struct world *w = world_with(10, 300 * MS);
            struct sockaddr_in address = listen_tcp(w);
            int fd = join_slowly(&address);
            size_t k;

            w->big = sizes[i];
            for (k = 0; k < j; k++) {
                assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
            }
            assert_in_range(sip(w, fd), 250, 2500);
            assert_int_equal(w->num_slow, 1);
            close(fd);
            world_free(w);
        }
    }
}

/* What the kernel keeps of an answer that nobody reads is bounded. */
static void test_little_in_the_kernel(void **state)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world *w = world_new(10);
    struct sockaddr_in address = listen_tcp(w);
    int fd = join_slowly(&address), i;
    size_t total = 0;
    char some[4096];
    ssize_t num;

    (void)state;
    w->big = 20000;
    for (i = 0; i < 90; i++) {
        assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
        turn(w);
    }
    for (i = 0; i < 100; i++) { /* the server does not run meanwhile */
        num = recv(fd, some, sizeof some, MSG_DONTWAIT);
        total += num > 0 ? (size_t)num : 0;
        i = num > 0 ? 0 : i;
        usleep(num > 0 ? 0 : 2000);
    }
    assert_in_range(total, 2000, 200000); /* of 1,800,000 */
    close(fd);
    world_free(w);
}

static void test_clear(void **state)
{
    struct world *w = world_new(10);
    struct sockaddr_in address = listen_tcp(w);
    int fd = socket(AF_INET, SOCK_STREAM, 0), before = join(&address);

    (void)state;
    turn(w);
    http_listen_clear(&w->listen);
    assert_int_equal(w->listen.num_accepted, 1);
    close(before);
    assert_int_not_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_little_in_the_kernel),
        cmocka_unit_test(test_newcomer_goes_elsewhere),
        cmocka_unit_test(test_idle_gives_descriptor),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
