/* SPDX-License-Identifier: Apache-2.0 */
/* This program starts itself as a role: what the child has then, and how its end is told. */
#include "tsa/parent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"

#define FOREIGN_FD 200 /* one that was open by chance, not close-on-exec */

/* ---- the child ---- */

static bool is_null_device(int fd)
{
    char name[64] = "";
    char path[40];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return readlink(path, name, sizeof(name) - 1) > 0 && strcmp(name, "/dev/null") == 0;
}

/* Nothing of the parent's surroundings: no folder, and of the environment what the log needs. */
static int look_at_place(void)
{
    char folder[8];
    const char *stream = getenv("JOURNAL_STREAM");

    if (!getcwd(folder, sizeof(folder)) || strcmp(folder, "/") != 0) {
        return 8;
    }
    if (getenv("PATH") || getenv("HOME") || getenv("A_SECRET")) {
        return 9;
    }
    return stream && strcmp(stream, "1:2") == 0 ? 0 : 10;
}

/* A digit for each thing that is not as it should be. */
static int look_around(struct inherit *in)
{
    int death = 0;
    sigset_t mask;

    if (inherit_take(in, "given") < 0 || inherit_take_n(in, "many", 7) < 0 || in->num != 1) {
        return 1;
    }
    if (fcntl(FOREIGN_FD, F_GETFD) >= 0) {
        return 2;
    }
    if (!is_null_device(STDIN_FILENO) || !is_null_device(STDOUT_FILENO)) {
        return 3;
    }
    if (getenv("NOTIFY_SOCKET") || getenv("LISTEN_FDS")) {
        return 4;
    }
    if (prctl(PR_GET_PDEATHSIG, &death) != 0 || death != SIGKILL) {
        return 5;
    }
    if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0 || sigismember(&mask, SIGTERM)) {
        return 6;
    }
    return getsid(0) == getpid() ? look_at_place() : 7;
}

static int child(int argc, char **argv)
{
    struct inherit in;
    const int report = inherit_parse(argc, argv, &in) == RC_OK ? inherit_take(&in, "report") : -1;
    const char *role = argv[0];

    if (report < 0) {
        return 99;
    }
    if (strcmp(role, "@look") == 0) {
        return look_around(&in);
    }
    if (strcmp(role, "@kill") == 0) {
        return raise(SIGSYS);
    }
    if (strcmp(role, "@uid") == 0) {
        return geteuid() == 60931 && getegid() == 60931 ? 0 : 1;
    }
    if (strcmp(role, "@say") == 0) {
        return write(STDERR_FILENO, "said", 4) == 4 ? 0 : 1;
    }
    /* "@wait": until the parent's death ends it, and with it this pipe. */
    (void)!write(report, "x", 1);
    (void)pause();
    return 0;
}

/* ---- the parent ---- */

static int run(struct spawn *spawn)
{
    int pipe_fds[2], status = -1;
    pid_t pid;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    spawn_add(spawn, "report", pipe_fds[1]);
    assert_int_equal(spawn_start(spawn, &pid), RC_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    return status;
}

static void test_what_it_has(void **state)
{
    struct spawn spawn = {.role = "@look"};
    int fds[3], status;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(dup2(fds[0], FOREIGN_FD), FOREIGN_FD);
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nowhere", 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    assert_int_equal(setenv("A_SECRET", "x", 1), 0);
    assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
    spawn_add(&spawn, "given", fds[0]);
    spawn_add_n(&spawn, "many", 7, fds[1]);
    spawn_add(&spawn, "left", fds[2]);
    status = run(&spawn);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    (void)close(FOREIGN_FD);
    for (size_t i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
}

static void test_user(void **state)
{
    struct spawn spawn = {.role = "@uid", .user = "60931"};

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(run(&spawn), 0);
}

static void test_no_such_user(void **state)
{
    struct spawn spawn = {.role = "@uid", .user = "no-such-account-here"};
    int status;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    status = run(&spawn);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
}

static void test_end_is_told(void **state)
{
    struct spawn spawn = {.role = "@kill"};
    char text[SPAWN_END_MAX];
    const int status = run(&spawn);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(spawn_describe_end(status, text), "SIGSYS"));
    assert_non_null(strstr(text, "jail"));
    assert_string_equal(spawn_describe_end(SIGKILL, text), "killed by SIGKILL");
    assert_string_equal(spawn_describe_end(70 << 8, text), "exit code 70");
}

/* Its log may go elsewhere than this process's. */
static void test_log(void **state)
{
    struct spawn spawn = {.role = "@say"};
    char said[8] = "";
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spawn.log = ends[1];
    assert_int_equal(run(&spawn), 0);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], said, sizeof(said)), 4);
    assert_string_equal(said, "said");
    assert_int_equal(read(ends[0], said, sizeof(said)), 0);
    (void)close(ends[0]);
}

/* A process between: it starts the role and dies; then the role must die too. */
static void test_dies_with_parent(void **state)
{
    int report[2];
    struct pollfd poll_fd;
    char got;
    pid_t between;

    (void)state;
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    between = fork();
    if (between == 0) {
        struct spawn spawn = {.role = "@wait"};
        pid_t pid;

        spawn_add(&spawn, "report", report[1]);
        if (spawn_start(&spawn, &pid) != RC_OK) {
            _exit(1);
        }
        (void)pause();
        _exit(0);
    }
    (void)close(report[1]);
    assert_int_equal(read(report[0], &got, 1), 1);
    assert_int_equal(kill(between, SIGKILL), 0);
    assert_int_equal(waitpid(between, NULL, 0), between);
    poll_fd = (struct pollfd){.fd = report[0], .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    assert_int_equal(read(report[0], &got, 1), 0);
    (void)close(report[0]);
}

/* A child that can not end, as one in the kernel on a disk that is gone; here because a debugger keeps what is left of it. */
static pid_t keep_from_ending(pid_t child)
{
    int ends[2];
    pid_t debugger;
    char held = 0;

    assert_int_equal(pipe(ends), 0);
    debugger = fork();
    if (debugger == 0) {
        held = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
        (void)!write(ends[1], &held, 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ends[0], &held, 1), 1);
    (void)close(ends[0]);
    (void)close(ends[1]);
    if (!held) {
        print_message("no process may look into another here: what can not end is not tried\n");
        (void)kill(child, SIGKILL);
        (void)kill(debugger, SIGKILL);
        while (wait(NULL) > 0) {
        }
        skip();
    }
    return debugger;
}

static void test_one_that_does_not_end(void **state)
{
    const pid_t child = fork();
    const int64_t begin = now_mono_ns();
    pid_t debugger;

    (void)state;
    if (child == 0) {
        (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        for (;;) {
            (void)pause();
        }
    }
    debugger = keep_from_ending(child);
    (void)alarm(20);
    spawn_end(child);
    (void)alarm(0);
    assert_true(now_mono_ns() - begin > INT64_C(500000000));
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    assert_int_equal(kill(debugger, SIGKILL), 0);
    assert_int_equal(waitpid(debugger, NULL, 0), debugger);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_has),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_no_such_user),
        cmocka_unit_test(test_end_is_told),
        cmocka_unit_test(test_one_that_does_not_end),
        cmocka_unit_test(test_dies_with_parent),
        cmocka_unit_test(test_log),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
