/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork and exec, and what a child is given on the way. The child leaves the terminal's session: what is typed there (Ctrl-C) goes to the
 * parent alone, which ends its roles in order.
 */
#include "tsa/parent/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/role/jail.h"

#define FIRST_FD    3
#define END_LOOK_NS 2000000
#define END_LOOKS   500

static int program = -1;

/* All that is left of the environment. A role's log has to know whether the journal reads it (systemd.exec(5)); the rest is for programs that were built
 * to be tested. */
static const char *const kept_variables[] = {
    "JOURNAL_STREAM",
#if defined(TSA_SANITIZED) || defined(TSA_COVERED)
    "ASAN_OPTIONS",   "LSAN_OPTIONS", "UBSAN_OPTIONS",     "TSAN_OPTIONS",
    "LD_PRELOAD",     "GCOV_PREFIX",  "GCOV_PREFIX_STRIP", "LLVM_PROFILE_FILE",
#endif
};
#define NUM_KEPT (sizeof(kept_variables) / sizeof(kept_variables[0]))

enum rc spawn_init(void)
{
    if (program < 0) {
        program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    }
    return program >= 0 ? RC_OK : RC_IO;
}

void spawn_add(struct spawn *spawn, const char *name, int fd)
{
    struct inherit_fd *slot = &spawn->fds[spawn->num];

    assert(spawn->num < INHERIT_MAX && fd >= FIRST_FD && strlen(name) < sizeof(slot->name));
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
    spawn->num++;
}

void spawn_add_n(struct spawn *spawn, const char *name, size_t index, int fd)
{
    char full[sizeof(spawn->fds[0].name)];

    (void)snprintf(full, sizeof(full), "%s.%zu", name, index);
    spawn_add(spawn, full, fd);
}

/* ---- in the child ---- */

__attribute__((noreturn)) static void fail(const struct spawn *spawn, const char *what)
{
    log_error("%s: can not %s: %s", spawn->role, what, strerror(errno));
    _exit(EX_SOFTWARE);
}

/* Nothing beyond what is named, whoever opened it. */
static bool keep_fds(const struct spawn *spawn)
{
    if (close_range(FIRST_FD, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        return false;
    }
    for (size_t i = 0; i < spawn->num; i++) {
        if (fcntl(spawn->fds[i].fd, F_SETFD, 0) != 0) {
            return false;
        }
    }
    return true;
}

static bool open_streams(const struct spawn *spawn)
{
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    return fd >= 0 && dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
           (spawn->log == 0 || dup2(spawn->log, STDERR_FILENO) >= 0);
}

/* As if freshly started; but a log that nobody reads any more, or a file that may not grow any more, must not kill a role. */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, number == SIGPIPE || number == SIGXFSZ ? SIG_IGN : SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static char **make_argv(const struct spawn *spawn)
{
    char **argv = xcalloc(spawn->num + 3, sizeof(*argv));
    size_t at = 0;

    argv[at++] = xstrdup("tsa");
    argv[at++] = xstrdup(spawn->role);
    for (size_t i = 0; i < spawn->num; i++) {
        argv[at++] = xasprintf("%s=%d", spawn->fds[i].name, spawn->fds[i].fd);
    }
    return argv;
}

static char **make_environment(void)
{
    char **out = xcalloc(NUM_KEPT + 2, sizeof(*out));
    size_t at = 0;

    out[at++] = xstrdup("TZ=UTC0"); /* set: or the C library looks at /etc/localtime again and again */
    for (size_t i = 0; i < NUM_KEPT; i++) {
        const char *value = getenv(kept_variables[i]);

        if (value) {
            out[at++] = xasprintf("%s=%s", kept_variables[i], value);
        }
    }
    return out;
}

static void become_user(const struct spawn *spawn)
{
    const enum rc rc = spawn->user ? jail_become(spawn->user) : RC_OK;

    if (rc != RC_OK) {
        log_error("%s: can not become the user %s: %s", spawn->role, spawn->user, rc_text(rc));
        _exit(EX_SOFTWARE);
    }
}

/* The death signal is forgotten when the account changes, so it is set after that. */
static void die_with(const struct spawn *spawn, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        fail(spawn, "be tied to its parent");
    }
    if (getppid() != parent) {
        _exit(0);
    }
}

__attribute__((noreturn)) static void become_role(const struct spawn *spawn, pid_t parent)
{
    char **argv = make_argv(spawn), **environment = make_environment();

    reset_signals();
    (void)setsid();
    if (!open_streams(spawn)) {
        fail(spawn, "open /dev/null");
    }
    if (chdir("/") != 0) {
        fail(spawn, "leave its folder");
    }
    if (!keep_fds(spawn)) {
        fail(spawn, "keep its descriptors");
    }
    become_user(spawn);
    die_with(spawn, parent);
    (void)fexecve(program, argv, environment);
    fail(spawn, "start this program again");
}

enum rc spawn_replace(const struct spawn *spawn)
{
    char **argv = make_argv(spawn), **environment = make_environment();

    reset_signals();
    if (chdir("/") == 0 && keep_fds(spawn)) {
        (void)fexecve(program, argv, environment);
    }
    return RC_IO;
}

/* ---- in the parent ---- */

/* Signals wait meanwhile: a handler of the parent's must not run in the child. */
enum rc spawn_start(const struct spawn *spawn, pid_t *out_pid)
{
    const pid_t parent = getpid();
    sigset_t all, before;
    int error;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    *out_pid = fork();
    if (*out_pid == 0) {
        become_role(spawn, parent);
    }
    error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return *out_pid > 0 ? RC_OK : RC_IO;
}

void spawn_end(pid_t pid)
{
    const struct timespec pause = {.tv_nsec = END_LOOK_NS};

    (void)kill(pid, SIGKILL);
    for (int i = 0; i < END_LOOKS && waitpid(pid, NULL, WNOHANG) == 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
}

char *spawn_describe_end(int status, char out[SPAWN_END_MAX])
{
    const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const char *name = number ? sigabbrev_np(number) : NULL;

    if (number == SIGSYS) {
        (void)snprintf(out, SPAWN_END_MAX, "killed by SIGSYS: it made a system call that its jail forbids");
    } else if (name) {
        (void)snprintf(out, SPAWN_END_MAX, "killed by SIG%s", name);
    } else if (number) {
        (void)snprintf(out, SPAWN_END_MAX, "killed by signal %d", number);
    } else {
        (void)snprintf(out, SPAWN_END_MAX, "exit code %d", WEXITSTATUS(status));
    }
    return out;
}
