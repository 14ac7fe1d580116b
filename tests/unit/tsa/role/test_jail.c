/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail, tried from inside: a child closes it and then does what a role must never do. Every system call that is not on its list
 * is tried, one child each. An instrumented build has a wider jail, so what that widens is skipped there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include <cmocka.h>

#include "tsa/role/jail.h"

#if defined(TSA_SANITIZED) || defined(TSA_COVERED)
#define SKIP_INSTRUMENTED() skip()
#else
#define SKIP_INSTRUMENTED() (void)0
#endif

#define LAST_CALL 470

/* A small role: it reads, writes, has memory, threads and files of its own folder. */
static const int calls[] = {
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_openat,
    SYS_unlinkat,
    SYS_renameat,
    SYS_mkdirat,
    SYS_ftruncate,
    SYS_fstat,
    SYS_newfstatat,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_clone,
    SYS_futex,
    SYS_exit,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_getpid,
    SYS_rt_sigprocmask,
    SYS_gettid,
    SYS_tgkill,
    SYS_prctl,
    SYS_exit_group,
    SYS_getrandom,
    SYS_ioctl,
    SYS_prlimit64,
    SYS_rt_sigaction,
    SYS_shutdown,
    SYS_sendto,
    SYS_sendmsg,
    -1,
};

static char folder[] = "/tmp/test_jail.XXXXXX";
static int folder_fd, number;

static void close_jail(void)
{
    const struct jail jail = {.role = "test",
                              .syscalls = calls,
                              .rights_dir = folder_fd,
                              .num_files = 64,
                              .shares_listeners = true};

    jail_close(&jail);
}

/* Runs act in a jailed child; its wait status. */
static int jailed(int (*act)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close_jail();
        _exit(act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_allowed(int (*act)(void))
{
    const int status = jailed(act);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_killed(int (*act)(void))
{
    const int status = jailed(act);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- what a role may ---- */

static void *in_thread(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static int act_thread_and_memory(void)
{
    pthread_t thread;
    int done = 0;
    char *memory = malloc(8u << 20);

    if (!memory || pthread_create(&thread, NULL, in_thread, &done) != 0 || pthread_join(thread, NULL) != 0) {
        return 1;
    }
    memset(memory, 1, 8u << 20);
    free(memory);
    return done ? 0 : 2;
}

static int act_abort(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int act_files_of_the_folder(void)
{
    int fd = openat(folder_fd, "new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0) {
        return 1;
    }
    close(fd);
    return renameat(folder_fd, "new", folder_fd, "newer") == 0 && unlinkat(folder_fd, "newer", 0) == 0 ? 0
                                                                                                       : 2;
}

static void test_allowed(void **state)
{
    (void)state;
    assert_allowed(act_thread_and_memory);
    assert_allowed(act_files_of_the_folder);
}

static void test_abort(void **state)
{
    int status;

    (void)state;
    SKIP_INSTRUMENTED();
    status = jailed(act_abort);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- files: Landlock ---- */

static int refused(int fd)
{
    return fd < 0 && (errno == EACCES || errno == EPERM) ? 0 : 1;
}

static int act_read_elsewhere(void)
{
    return refused(openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int act_write_elsewhere(void)
{
    return refused(openat(AT_FDCWD, "/tmp/test_jail.out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int act_climb_out(void)
{
    return refused(openat(folder_fd, "../test_jail.out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int act_make_folder(void)
{
    return refused(mkdirat(folder_fd, "sub", 0700));
}

static void test_files(void **state)
{
    (void)state;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
        skip();
    }
#ifdef TSA_COVERED
    skip();
#endif
    assert_allowed(act_write_elsewhere);
    assert_allowed(act_climb_out);
    assert_allowed(act_make_folder);
}

static void test_reading(void **state)
{
    (void)state;
    SKIP_INSTRUMENTED();
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
        skip();
    }
    assert_allowed(act_read_elsewhere);
}

/* ---- what no role may ---- */

static int act_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int act_connect(void)
{
    return connect(0, NULL, 0) == 0;
}

static int act_execve(void)
{
    char *argv[] = {NULL};

    return execve("/bin/true", argv, argv);
}

static int act_reboot_clock(void)
{
    return (int)syscall(SYS_settimeofday, NULL, NULL);
}

static int act_kill(void)
{
    return (int)syscall(SYS_kill, 1, 0);
}

static int act_seccomp(void)
{
    return (int)syscall(SYS_seccomp, 0, 0, NULL);
}

static void test_killed(void **state)
{
    (void)state;
    assert_killed(act_socket);
    assert_killed(act_connect);
    assert_killed(act_execve);
    assert_killed(act_reboot_clock);
    assert_killed(act_kill);
    assert_killed(act_seccomp);
}

static int act_ptrace(void)
{
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int act_fork(void)
{
    return (int)syscall(SYS_fork);
}

static int act_clone_process(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int act_clone_namespace(void)
{
    return (int)syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER, 0, 0, 0, 0);
}

static int act_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int act_make_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static int act_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int act_terminal(void)
{
    return ioctl(0, 0x5412 /* TIOCSTI: types into the terminal */, "x");
}

static int act_signal_another(void)
{
    return (int)syscall(SYS_tgkill, 1, 1, 0);
}

static void test_narrowed(void **state)
{
    (void)state;
    SKIP_INSTRUMENTED();
    assert_killed(act_ptrace);
    assert_killed(act_fork);
    assert_killed(act_clone_process);
    assert_killed(act_clone_namespace);
    assert_killed(act_executable_memory);
    assert_killed(act_make_executable);
    assert_killed(act_dumpable);
    assert_killed(act_terminal);
    assert_killed(act_signal_another);
}

/* ---- the sockets that a role has must not become others ---- */

static int listener, free_socket;
static struct sockaddr_in address;

static int act_answer(void)
{
    if (shutdown(listener, SHUT_WR) != 0) {
        return 1;
    }
    return send(free_socket, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 && errno == EPIPE ? 0 : 2;
}

static int act_connect_by_sending(void)
{
    return (int)sendto(free_socket, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&address,
                       sizeof(address));
}

static int act_connect_by_message(void)
{
    struct iovec part = {.iov_base = &(char){'x'}, .iov_len = 1};
    const struct msghdr msg = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1};

    return (int)sendmsg(free_socket, &msg, MSG_FASTOPEN | MSG_NOSIGNAL);
}

static int act_close_the_listener(void)
{
    return shutdown(listener, SHUT_RDWR);
}

/* No option at all: a listening socket is shared with those who come after. */
static int act_deafen_the_listener(void)
{
    int one = 1;

    return setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
}

static void test_sockets(void **state)
{
    socklen_t len = sizeof(address);

    (void)state;
    SKIP_INSTRUMENTED();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    free_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0 && free_socket >= 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_allowed(act_answer);
    assert_killed(act_connect_by_sending);
    assert_killed(act_connect_by_message);
    assert_killed(act_close_the_listener);
    assert_killed(act_deafen_the_listener);
    close(listener);
    close(free_socket);
}

static bool is_on_the_list(int call)
{
    for (size_t i = 0; calls[i] != -1; i++) {
        if (calls[i] == call) {
            return true;
        }
    }
    /* clone3 is answered ENOSYS, so that the C library uses clone; the kernel keeps its own probes (335, 336) from every filter. */
    return call == SYS_clone3 || call == 335 || call == 336;
}

static int act_number(void)
{
    (void)syscall(number, -1, -1, -1, -1, -1, -1);
    return 0;
}

static void test_every_other_call_kills(void **state)
{
    int num_killed = 0;

    (void)state;
    SKIP_INSTRUMENTED();
    for (number = 0; number <= LAST_CALL; number++) {
        if (!is_on_the_list(number)) {
            assert_killed(act_number);
            num_killed++;
        }
    }
    assert_true(num_killed > 400);
}

/* ---- all threads ---- */

static pthread_barrier_t barrier;

static void *wait_and_call(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&barrier);
    _exit(socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2);
}

static void test_threads_that_run_already(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_t thread;

        pthread_barrier_init(&barrier, NULL, 2);
        if (pthread_create(&thread, NULL, wait_and_call, NULL) != 0) {
            _exit(3);
        }
        close_jail();
        pthread_barrier_wait(&barrier);
        pthread_join(thread, NULL);
        _exit(4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- limits, dump, account ---- */

static int act_limits(void)
{
    struct rlimit cores, files;

    if (getrlimit(RLIMIT_CORE, &cores) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return 1;
    }
    return cores.rlim_max == 0 && files.rlim_max <= 64 ? 0 : 2;
}

static void test_limits(void **state)
{
    (void)state;
    assert_allowed(act_limits);
}

/* Root of a container, who may not raise a limit: the jail takes what there is. */
static void test_root_without_capability(void **state)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){32, 32}) != 0 ||
            syscall(SYS_capset, &header, none) != 0) {
            _exit(3);
        }
        close_jail(); /* which wants 64 */
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_not_dumpable(void **state)
{
    int ends[2], status;
    char path[64];
    struct stat st;
    pid_t pid;

    (void)state;
    SKIP_INSTRUMENTED();
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c = 'r';

        close_jail();
        (void)!write(ends[1], &c, 1);
        (void)!read(0, &c, 1);
        syscall(SYS_exit_group, 0);
    }
    assert_int_equal(read(ends[0], path, 1), 1);
    /* What the kernel shows of an undumpable process belongs to root. */
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, 0);
    if (geteuid() != 0) {
        assert_int_equal(open(path, O_RDONLY), -1);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
}

static void test_resolve(void **state)
{
    unsigned uid = 1, gid = 1;

    (void)state;
    assert_int_equal(jail_resolve("root", &uid, &gid), RC_OK);
    assert_true(uid == 0 && gid == 0);
    assert_int_equal(jail_resolve("64999", &uid, &gid), RC_OK);
    assert_true(uid == 64999 && gid == 64999);
    assert_int_equal(jail_resolve("no-such-user-here", &uid, &gid), RC_NOT_FOUND);
    assert_int_equal(jail_become(""), RC_OK);
    assert_int_equal(jail_become(NULL), RC_OK);
}

static void test_become(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        gid_t groups[8];
        const bool done = jail_become("64999") == RC_OK && getuid() == 64999 && geteuid() == 64999 &&
                          getegid() == 64999 && getgroups(8, groups) == 1 && groups[0] == 64999 &&
                          setuid(0) != 0;

        _exit(done ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(jail_become("no-such-user-here"), RC_NOT_FOUND);
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_fd < 0;
}

static int remove_folder(void **state)
{
    (void)state;
    close(folder_fd);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_narrowed),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_every_other_call_kills),
        cmocka_unit_test(test_threads_that_run_already),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_root_without_capability),
        cmocka_unit_test(test_not_dumpable),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_become),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
