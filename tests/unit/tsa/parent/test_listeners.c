/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of every kind: bound, read back, refused with a reason, left over, passed by systemd. */
#include "tsa/parent/listeners.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSED_FD 3

static enum rc open_texts(struct listeners *listeners, char *first, char *second)
{
    char *list[] = {first, second};
    const struct cfg_strings addresses = {.list = list, .num = second ? 2 : 1};
    const struct listeners_wanted wanted = {.addresses = {&addresses}};

    return listeners_open(listeners, &wanted);
}

/* One text for each kind, NULL for none. */
static enum rc open_kinds(struct listeners *listeners, char *const texts[LISTENER_NUM_KINDS],
                          const struct listeners *before)
{
    struct cfg_strings addresses[LISTENER_NUM_KINDS];
    struct listeners_wanted wanted = {.before = before};
    char *list[LISTENER_NUM_KINDS];

    for (size_t i = 0; i < LISTENER_NUM_KINDS; i++) {
        list[i] = texts[i];
        addresses[i] = (struct cfg_strings){.list = &list[i], .num = texts[i] != NULL};
        wanted.addresses[i] = &addresses[i];
    }
    return listeners_open(listeners, &wanted);
}

static int connect_to(const struct address *address)
{
    const int fd = socket(address->sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int rc = connect(fd, &address->sock.any, address->len);

    (void)close(fd);
    return rc;
}

static void test_free_port(void **state)
{
    char v4[] = "127.0.0.1:0", url[LISTENERS_URL_MAX], text[ADDRESS_TEXT_MAX], expected[LISTENERS_URL_MAX];
    struct listeners listeners;

    (void)state;
    assert_int_equal(open_texts(&listeners, v4, NULL), RC_OK);
    assert_int_equal(listeners.num, 1);
    assert_false(address_port_is_free(&listeners.list[0].address));
    assert_int_equal(connect_to(&listeners.list[0].address), 0);
    assert_true(fcntl(listeners.list[0].fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listeners.list[0].fd, F_GETFD) & FD_CLOEXEC);
    (void)snprintf(expected, sizeof(expected), "http://%s/", address_text(&listeners.list[0].address, text));
    assert_string_equal(listeners_find_url(&listeners, url), expected);
    listeners_close(&listeners, NULL);
    assert_int_equal(listeners.num, 0);
}

static void test_any_address(void **state)
{
    char v4[] = "0.0.0.0:0", url[LISTENERS_URL_MAX];
    struct listeners listeners;

    (void)state;
    assert_int_equal(open_texts(&listeners, v4, NULL), RC_OK);
    assert_ptr_equal(strstr(listeners_find_url(&listeners, url), "http://127.0.0.1:"), url);
    listeners_close(&listeners, NULL);
}

/* One port on both families: IPv6 sockets take IPv6 alone. */
static void test_both_families(void **state)
{
    char v4[] = "0.0.0.0:0", both[ADDRESS_TEXT_MAX];
    struct listeners first, second;

    (void)state;
    assert_int_equal(open_texts(&first, v4, NULL), RC_OK);
    (void)snprintf(both, sizeof(both), "[::]:%u", ntohs(first.list[0].address.sock.v4.sin_port));
    if (open_texts(&second, both, NULL) != RC_OK) {
        listeners_close(&first, NULL);
        if (strstr(second.error, "Address family not supported") || strstr(second.error, "no such address")) {
            skip(); /* no IPv6 here */
        }
        fail_msg("%s", second.error);
    }
    listeners_close(&second, NULL);
    listeners_close(&first, NULL);
}

static void test_taken(void **state)
{
    char v4[] = "127.0.0.1:0", free_port[] = "127.0.0.1:0", taken[ADDRESS_TEXT_MAX];
    struct listeners first, second;

    (void)state;
    assert_int_equal(open_texts(&first, v4, NULL), RC_OK);
    (void)address_text(&first.list[0].address, taken);
    assert_int_equal(open_texts(&second, free_port, taken), RC_IO);
    assert_int_equal(second.num, 0);
    assert_non_null(strstr(second.error, taken));
    assert_non_null(strstr(second.error, "another"));
    listeners_close(&first, NULL);
}

static void test_bad_text(void **state)
{
    char name[] = "localhost:1", foreign[] = "192.0.2.1:0";
    struct listeners listeners;

    (void)state;
    assert_int_equal(open_texts(&listeners, name, NULL), RC_CONFIG);
    assert_non_null(strstr(listeners.error, "localhost:1"));
    assert_int_equal(open_texts(&listeners, foreign, NULL), RC_IO);
    assert_non_null(strstr(listeners.error, "192.0.2.1:0"));
}

static void test_unix_socket(void **state)
{
    char dir[] = "/tmp/tsa-listeners-XXXXXX", path[64];
    struct listeners listeners, second;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/http.sock", dir);
    assert_int_equal(open_texts(&listeners, path, NULL), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
    assert_int_equal(connect_to(&listeners.list[0].address), 0);

    /* Somebody listens: it is not taken away. */
    assert_int_equal(open_texts(&second, path, NULL), RC_IO);
    assert_int_equal(connect_to(&listeners.list[0].address), 0);

    /* Nobody does: a crash has left it. */
    (void)close(listeners.list[0].fd);
    assert_int_equal(open_texts(&second, path, NULL), RC_OK);
    assert_int_equal(connect_to(&second.list[0].address), 0);
    listeners_close(&second, NULL);
    assert_int_not_equal(stat(path, &st), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* Somebody listens who does not accept: a start must not hang, nor take the socket away. */
/* Removed by hand, its name was taken by the next one, under another spelling. */
static void test_unix_socket_of_another(void **state)
{
    char dir[] = "/tmp/tsa-listeners-XXXXXX", path[64], other[64];
    struct listeners old, next;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/http.sock", dir);
    (void)snprintf(other, sizeof(other), "%s/./http.sock", dir);
    assert_int_equal(open_texts(&old, path, NULL), RC_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_texts(&next, other, NULL), RC_OK);
    listeners_close(&old, &next);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(connect_to(&next.list[0].address), 0);
    listeners_close(&next, NULL);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(dir), 0);
}

static void test_unix_socket_that_is_full(void **state)
{
    char dir[] = "/tmp/tsa-listeners-XXXXXX", path[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listeners listeners;
    const int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int clients[8];

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/http.sock", dir);
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(busy, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(busy, 0), 0);
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(clients[i], (struct sockaddr *)&address, sizeof(address));
    }
    (void)alarm(10);
    assert_int_equal(open_texts(&listeners, path, NULL), RC_IO);
    (void)alarm(0);
    assert_non_null(strstr(listeners.error, "another"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        (void)close(clients[i]);
    }
    (void)close(busy);
}

/* What is no socket is somebody's file. */
static void test_file_in_the_way(void **state)
{
    char path[] = "/tmp/tsa-listeners-XXXXXX";
    const int fd = mkstemp(path);
    struct listeners listeners;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(open_texts(&listeners, path, NULL), RC_IO);
    assert_int_equal(unlink(path), 0);
}

static void pass(int fd, const char *num)
{
    char pid[24];

    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    assert_int_equal(dup2(fd, PASSED_FD), PASSED_FD);
    assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", num, 1), 0);
}

static void test_passed(void **state)
{
    char v4[] = "127.0.0.1:0", other[] = "127.0.0.1:1";
    const int kept = fcntl(PASSED_FD, F_DUPFD_CLOEXEC, 20);
    struct listeners made, taken;
    int spare;

    (void)state;
    assert_int_equal(open_texts(&made, v4, NULL), RC_OK);
    spare = fcntl(made.list[0].fd, F_DUPFD_CLOEXEC, 30);
    pass(spare, "1");
    assert_int_equal(open_texts(&taken, other, NULL), RC_OK);
    assert_int_equal(taken.num, 1);
    assert_int_equal(taken.list[0].fd, PASSED_FD);
    assert_memory_equal(&taken.list[0].address.sock.v4, &made.list[0].address.sock.v4,
                        sizeof(struct sockaddr_in));
    assert_true(fcntl(PASSED_FD, F_GETFD) & FD_CLOEXEC);
    listeners_close(&taken, NULL);

    /* By its name it is for another kind, beside an address of the settings; a second look takes nothing twice. */
    {
        char any[] = "127.0.0.1:0";
        struct listeners again;

        pass(spare, "1");
        assert_int_equal(setenv("LISTEN_FDNAMES", "https", 1), 0);
        assert_int_equal(open_kinds(&taken, (char *const[]){any, other, NULL}, NULL), RC_OK);
        assert_int_equal(taken.num, 2);
        assert_int_equal(taken.list[0].kind, LISTENER_TLS);
        assert_true(listeners_has_passed(&taken, LISTENER_TLS));
        assert_false(listeners_has_passed(&taken, LISTENER_PLAIN));
        assert_int_equal(open_kinds(&again, (char *const[]){any, other, NULL}, &taken), RC_OK);
        assert_int_equal(again.num, 2);
        assert_int_equal(again.list[0].fd, taken.list[0].fd);
        assert_int_equal(again.list[1].fd, taken.list[1].fd);
        listeners_close(&taken, &again);
        listeners_close(&again, NULL);
        assert_int_equal(setenv("LISTEN_FDNAMES", "http:metrics", 1), 0);
    }

    /* For another process. */
    assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
    assert_int_equal(open_texts(&taken, v4, NULL), RC_OK);
    assert_false(taken.list[0].is_passed);
    listeners_close(&taken, NULL);

    /* Not a listening socket. */
    pass(STDERR_FILENO, "1");
    assert_int_equal(open_texts(&taken, v4, NULL), RC_IO);
    assert_non_null(strstr(taken.error, "not a listening"));
    pass(STDERR_FILENO, "33");
    assert_int_equal(open_texts(&taken, v4, NULL), RC_IO);

    (void)close(spare);
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)close(PASSED_FD);
    if (kept >= 0) {
        (void)dup2(kept, PASSED_FD);
    }
    listeners_close(&made, NULL);
}

static void test_kinds(void **state)
{
    char any[] = "127.0.0.1:0", url[LISTENERS_URL_MAX];
    struct listeners listeners;

    (void)state;
    assert_int_equal(open_kinds(&listeners, (char *const[]){any, any, any}, NULL), RC_OK);
    assert_int_equal(listeners.num, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(listeners.list[i].kind, i);
    }
    assert_ptr_equal(strstr(listeners_find_url(&listeners, url), "http://"), url);
    listeners_close(&listeners, NULL);
    assert_int_equal(open_kinds(&listeners, (char *const[]){NULL, any, any}, NULL), RC_OK);
    assert_ptr_equal(strstr(listeners_find_url(&listeners, url), "https://127.0.0.1:"), url);
    listeners_close(&listeners, NULL);
}

/* What is wanted again keeps its socket, and with it a port that was free when it was asked for. */
static void test_again(void **state)
{
    char any[] = "127.0.0.1:0", dir[] = "/tmp/tsa-listeners-XXXXXX", path[64];
    struct listeners first, second, third;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/http.sock", dir);
    assert_int_equal(open_kinds(&first, (char *const[]){any, any, NULL}, NULL), RC_OK);

    assert_int_equal(open_kinds(&second, (char *const[]){any, path, any}, &first), RC_OK);
    assert_int_equal(second.num, 3);
    assert_int_equal(second.list[0].fd, first.list[0].fd);
    assert_int_equal(second.list[1].address.sock.any.sa_family, AF_UNIX);
    assert_int_equal(second.list[2].fd, first.list[1].fd); /* of another kind now */
    assert_int_equal(second.list[2].kind, LISTENER_METRICS);

    /* Given up: only what is new goes. */
    listeners_close(&second, &first);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(connect_to(&first.list[0].address), 0);
    assert_int_equal(connect_to(&first.list[1].address), 0);

    /* Taken over: only what is not wanted any more goes. */
    assert_int_equal(open_kinds(&third, (char *const[]){any, NULL, NULL}, &first), RC_OK);
    {
        const struct address gone = first.list[1].address;

        listeners_close(&first, &third);
        assert_int_equal(connect_to(&third.list[0].address), 0);
        assert_int_equal(connect_to(&gone), -1);
    }
    listeners_close(&third, NULL);
    assert_int_equal(rmdir(dir), 0);
}

/* The one that can not be bound leaves those that are there alone. */
static void test_again_taken(void **state)
{
    char any[] = "127.0.0.1:0", taken[ADDRESS_TEXT_MAX], wide[ADDRESS_TEXT_MAX];
    struct listeners other, first, second;

    (void)state;
    assert_int_equal(open_texts(&other, any, NULL), RC_OK);
    assert_int_equal(open_texts(&first, any, NULL), RC_OK);
    (void)address_text(&other.list[0].address, taken);
    assert_int_equal(open_kinds(&second, (char *const[]){any, taken, NULL}, &first), RC_IO);
    assert_non_null(strstr(second.error, taken));
    assert_int_equal(second.num, 0);
    assert_int_equal(connect_to(&first.list[0].address), 0);

    /* Its own port with another address. */
    (void)snprintf(wide, sizeof(wide), "0.0.0.0:%u", ntohs(first.list[0].address.sock.v4.sin_port));
    assert_int_equal(open_kinds(&second, (char *const[]){wide, NULL, NULL}, &first), RC_IO);
    assert_non_null(strstr(second.error, "this authority itself"));
    assert_int_equal(connect_to(&first.list[0].address), 0);
    listeners_close(&first, NULL);
    listeners_close(&other, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_port),
        cmocka_unit_test(test_any_address),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_both_families),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_unix_socket_of_another),
        cmocka_unit_test(test_unix_socket_that_is_full),
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_again_taken),
        cmocka_unit_test(test_file_in_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
