/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager would receive, over a path and over an abstract name. */
#include "tsa/parent/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket as systemd's, and its name as NOTIFY_SOCKET. */
static int receiver(const char *name)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@') {
        address.sun_path[0] = 0;
    }
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char got[1024];
    const ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

    assert_true(len >= 0);
    got[len] = 0;
    assert_string_equal(got, text);
}

static void test_path(void **state)
{
    char dir[] = "/tmp/tsa-notify-XXXXXX", name[64];
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(name, sizeof(name), "%s/socket", dir);
    fd = receiver(name);
    assert_int_equal(notify_send("READY=1\nSTATUS=%d units", 2), RC_OK);
    expect(fd, "READY=1\nSTATUS=2 units");
    (void)close(fd);
    assert_int_equal(notify_send("STOPPING=1"), RC_IO);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_abstract(void **state)
{
    char name[64];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof(name), "@tsa-notify-%ld", (long)getpid());
    fd = receiver(name);
    assert_int_equal(notify_send("STOPPING=1"), RC_OK);
    expect(fd, "STOPPING=1");
    (void)close(fd);
}

static void test_nobody(void **state)
{
    char name[200];

    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), RC_NOT_FOUND);
    assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    assert_int_equal(notify_send("READY=1"), RC_CONFIG);
    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = 0;
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(notify_send("READY=1"), RC_CONFIG);
}

static void test_too_long(void **state)
{
    char name[64], text[600];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof(name), "@tsa-notify-long-%ld", (long)getpid());
    fd = receiver(name);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    assert_int_equal(notify_send("STATUS=%s", text), RC_TOO_LARGE);
    (void)close(fd);
}

static void test_watchdog(void **state)
{
    char pid[24];

    (void)state;
    assert_int_equal(notify_watchdog_ms(), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
    assert_int_equal(notify_watchdog_ms(), 30000);
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
    assert_int_equal(notify_watchdog_ms(), 30000);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    assert_int_equal(notify_watchdog_ms(), 0);
    (void)unsetenv("WATCHDOG_PID");
    assert_int_equal(setenv("WATCHDOG_USEC", "nonsense", 1), 0);
    assert_int_equal(notify_watchdog_ms(), 0);
    (void)unsetenv("WATCHDOG_USEC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),     cmocka_unit_test(test_abstract), cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
