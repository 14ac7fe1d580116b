/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing the jail, from the outside in: limits, account, memory, no dump, no new privileges, Landlock, seccomp. Where a call can do
 * more than a role needs, its arguments are narrowed here, once for every role: threads but no processes, memory but none
 * that can be executed, answers to a peer but no new one. A filter that forks or maps code would need no other call.
 */
#include "tsa/role/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/sockios.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tsa/base/log.h"

#define EX_SOFTWARE 70

/* ---- account ---- */

static bool is_number(const char *text, unsigned *out)
{
    char *end;
    unsigned long n;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    n = strtoul(text, &end, 10);
    *out = (unsigned)n;
    return errno == 0 && *end == 0 && n < UINT_MAX;
}

enum rc jail_resolve(const char *user, unsigned *out_uid, unsigned *out_gid)
{
    unsigned number;
    const struct passwd *entry;

    if (is_number(user, &number)) {
        entry = getpwuid(number);
        *out_uid = number;
        *out_gid = entry ? entry->pw_gid : number;
        return RC_OK;
    }
    entry = getpwnam(user);
    if (!entry) {
        return RC_NOT_FOUND;
    }
    *out_uid = entry->pw_uid;
    *out_gid = entry->pw_gid;
    return RC_OK;
}

enum rc jail_become(const char *user)
{
    unsigned uid, gid;
    enum rc rc;

    if (!user || !*user || geteuid() != 0) {
        return RC_OK;
    }
    rc = jail_resolve(user, &uid, &gid);
    if (rc != RC_OK) {
        return rc;
    }
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        return RC_IO;
    }
    /* An account that can turn back is no fence. */
    return uid != 0 && setresuid(0, 0, 0) == 0 ? RC_IO : RC_OK;
}

/* ---- limits and memory ---- */

static bool set_limit(__rlimit_resource_t what, rlim_t n)
{
    return setrlimit(what, &(struct rlimit){.rlim_cur = n, .rlim_max = n}) == 0;
}

/* Not even root can raise it everywhere: a container's lacks the capability. */
static void limit(const struct jail *jail, __rlimit_resource_t what, rlim_t n, const char *name)
{
    struct rlimit now;

    if (set_limit(what, n)) {
        return;
    }
    if (errno == EPERM && getrlimit(what, &now) == 0 && now.rlim_max < n && set_limit(what, now.rlim_max)) {
        log_warning("the limit on %s is %llu here, less than the %llu that are wished for", name,
                    (unsigned long long)now.rlim_max, (unsigned long long)n);
        return;
    }
    log_die(EX_SOFTWARE, "@%s: can not limit %s: %s", jail->role, name, strerror(errno));
}

/* No limit on processes: it counts those of the whole account, and the filter allows threads alone anyway. */
static void set_limits(const struct jail *jail)
{
    limit(jail, RLIMIT_CORE, 0, "cores");
    if (jail->num_files) {
        limit(jail, RLIMIT_NOFILE, jail->num_files, "open files");
    }
    if (jail->lock_memory && geteuid() == 0) {
        (void)setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    }
}

/* Below an endless limit MCL_FUTURE would make a later allocation fail, so it is all or nothing. */
static void lock_memory(void)
{
    struct rlimit now;

    if (getrlimit(RLIMIT_MEMLOCK, &now) != 0 || now.rlim_cur != RLIM_INFINITY ||
        mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        log_notice(
            "memory can not be locked here (see ulimit -l), so that parts of a key may reach the swap space");
    }
}

/* ---- Landlock: https://docs.kernel.org/userspace-api/landlock.html ---- */

/* Own numbers, so that a program built against old headers uses all that the running kernel has. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif
#define LANDLOCK_ASK_VERSION 1u
#define LANDLOCK_PATH        1
#define FS_WRITE_FILE        (1ULL << 1)
#define FS_READ_FILE         (1ULL << 2)
#define FS_READ_DIR          (1ULL << 3)
#define FS_REMOVE_FILE       (1ULL << 5)
#define FS_MAKE_REG          (1ULL << 8)
#define FS_REFER             (1ULL << 13) /* from version 2 */
#define FS_TRUNCATE          (1ULL << 14) /* 3 */
#define FS_IOCTL_DEV         (1ULL << 15) /* 5 */
#define FS_FIRST             ((1ULL << 13) - 1)
#define FS_FOLDER                                                                                            \
    (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define NET_TCP   3ULL /* bind, connect; from version 4 */
#define SCOPE_ALL 3ULL /* abstract sockets, signals; from version 6 */

struct landlock_rules {
    uint64_t fs, net, scoped;
};
struct landlock_path {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static struct landlock_rules rules_of(long version, size_t *out_size)
{
    struct landlock_rules rules = {.fs = FS_FIRST};

    rules.fs |= version >= 2 ? FS_REFER : 0;
    rules.fs |= version >= 3 ? FS_TRUNCATE : 0;
    rules.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
    rules.net = version >= 4 ? NET_TCP : 0;
    rules.scoped = version >= 6 ? SCOPE_ALL : 0;
    *out_size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    return rules;
}

static bool allow_path(int ruleset, int folder, uint64_t rights)
{
    const struct landlock_path path = {.allowed = rights, .parent_fd = folder};

    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH, &path, 0) == 0;
}

/* A sanitizer reads what the kernel says of the process, coverage writes its counts wherever the build was. */
static bool allow_instruments(int ruleset, uint64_t all)
{
#if defined(TSA_COVERED) || defined(TSA_SANITIZED)
    int top = open("/", O_PATH | O_CLOEXEC);
    bool done;
#ifdef TSA_COVERED
    const uint64_t rights = all;
#else
    const uint64_t rights = (FS_READ_FILE | FS_READ_DIR) & all;
#endif

    done = top >= 0 && allow_path(ruleset, top, rights);
    (void)close(top);
    return done;
#else
    (void)ruleset;
    (void)all;
    return true;
#endif
}

static void close_landlock(const struct jail *jail)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_ASK_VERSION);
    struct landlock_rules rules;
    size_t size;
    int ruleset;
    bool done;

    if (version < 1) {
        log_notice("this kernel has no Landlock: files are fenced off by the other means alone");
        return;
    }
    rules = rules_of(version, &size);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    done = ruleset >= 0 && allow_instruments(ruleset, rules.fs);
    if (done && jail->rights_dir >= 0) {
        done = allow_path(ruleset, jail->rights_dir, FS_FOLDER & rules.fs);
    }
    if (!done || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        log_die(EX_SOFTWARE, "@%s: can not fence files off: %s", jail->role, strerror(errno));
    }
    (void)close(ruleset);
}

/* ---- seccomp ---- */

#define CLONE_NEW                                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |            \
     CLONE_NEWNET)
#define CLONE_OWN (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

/* Allowed only where (argument & mask) == value; one line for a call. */
struct narrowed {
    int call;
    unsigned arg;
    scmp_datum_t mask, value;
};

static const struct narrowed narrowed[] = {
    {SCMP_SYS(clone), 0, CLONE_OWN | CLONE_NEW, CLONE_OWN},
    {SCMP_SYS(mmap), 2, PROT_EXEC, 0},
    {SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
    {SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},
    {SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD},
    /* An address (TCP Fast Open) would connect a socket without connect(), past Landlock too. */
    {SCMP_SYS(sendto), 4, UINT64_MAX, 0},
    {SCMP_SYS(sendmsg), 2, MSG_FASTOPEN, 0},
};
#define NUM_NARROWED (sizeof(narrowed) / sizeof(narrowed[0]))

/* What sanitizers and coverage call on their own, beside the role's list and without narrowing. */
#if defined(TSA_SANITIZED) || defined(TSA_COVERED)
static const int instrument_calls[] = {
    SCMP_SYS(openat),       SCMP_SYS(open),
    SCMP_SYS(readlink),     SCMP_SYS(readlinkat),
    SCMP_SYS(read),         SCMP_SYS(pread64),
    SCMP_SYS(write),        SCMP_SYS(close),
    SCMP_SYS(fcntl),        SCMP_SYS(lseek),
    SCMP_SYS(fstat),        SCMP_SYS(newfstatat),
    SCMP_SYS(stat),         SCMP_SYS(lstat),
    SCMP_SYS(access),       SCMP_SYS(getcwd),
    SCMP_SYS(mkdir),        SCMP_SYS(getdents),
    SCMP_SYS(getdents64),   SCMP_SYS(ftruncate),
    SCMP_SYS(mmap),         SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(mprotect),
    SCMP_SYS(madvise),      SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),  SCMP_SYS(getpid),
    SCMP_SYS(getppid),      SCMP_SYS(gettid),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getrlimit),    SCMP_SYS(setrlimit),
    SCMP_SYS(prlimit64),    SCMP_SYS(prctl),
    SCMP_SYS(clone),        SCMP_SYS(ptrace),
    SCMP_SYS(wait4),        SCMP_SYS(process_vm_readv),
    SCMP_SYS(tgkill),       SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),         SCMP_SYS(clock_nanosleep),
    SCMP_SYS(futex),        SCMP_SYS(sched_getaffinity),
    SCMP_SYS(uname),        SCMP_SYS(getrusage),
    SCMP_SYS(exit_group),   SCMP_SYS(exit),
    SCMP_SYS(ioctl),        SCMP_SYS(pipe),
    SCMP_SYS(pipe2),        SCMP_SYS(getuid),
    SCMP_SYS(geteuid),      SCMP_SYS(getgid),
    SCMP_SYS(getegid),      -1,
};
#define IS_INSTRUMENTED 1
#else
static const int instrument_calls[] = {-1};
#define IS_INSTRUMENTED 0
#endif

static int allow_where(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

static int allow_narrowed(scmp_filter_ctx filter, int call)
{
    for (size_t i = 0; i < NUM_NARROWED && !IS_INSTRUMENTED; i++) {
        const struct narrowed *n = &narrowed[i];

        if (n->call == call) {
            return allow_where(filter, call,
                               (struct scmp_arg_cmp){n->arg, SCMP_CMP_MASKED_EQ, n->mask, n->value});
        }
    }
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int allow(scmp_filter_ctx filter, const struct jail *jail, int call)
{
    if (call == SCMP_SYS(tgkill)) {
        /* abort() alone needs it: never to another process. */
        return allow_where(filter, call, (struct scmp_arg_cmp){0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0});
    }
    if (call == SCMP_SYS(clone)) {
        /* Its successor has the flags behind a pointer that no filter can follow; the C library falls back to clone. */
        const int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

        if (rc != 0) {
            return rc;
        }
    }
    if (call == SCMP_SYS(shutdown) && jail->shares_listeners) {
        /* Any other way would close the listening socket for everybody who has it. */
        return allow_where(filter, call, (struct scmp_arg_cmp){1, SCMP_CMP_MASKED_EQ, UINT32_MAX, SHUT_WR});
    }
    if (call == SCMP_SYS(ioctl) && jail->shares_listeners && !IS_INSTRUMENTED) {
        /* Beside what there is to read: what a client has not read. */
        const int rc =
            allow_where(filter, call, (struct scmp_arg_cmp){1, SCMP_CMP_MASKED_EQ, UINT32_MAX, SIOCOUTQ});

        if (rc != 0) {
            return rc;
        }
    }
    return allow_narrowed(filter, call);
}

static int allow_all(scmp_filter_ctx filter, const struct jail *jail, const int *calls)
{
    int rc = 0;

    for (; rc == 0 && *calls != -1; calls++) {
        rc = allow(filter, jail, *calls);
    }
    return rc;
}

static void close_seccomp(const struct jail *jail)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = filter ? 0 : -ENOMEM;

    rc = rc ? rc : seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    rc = rc ? rc : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    rc = rc ? rc : allow_all(filter, jail, jail->syscalls);
    rc = rc ? rc : allow_all(filter, jail, instrument_calls);
    rc = rc ? rc : seccomp_load(filter);
    if (rc != 0) {
        log_die(EX_SOFTWARE, "@%s: can not fence system calls off: %s", jail->role, strerror(-rc));
    }
    seccomp_release(filter);
}

static void become_undumpable(const char *role)
{
    /* At its end a sanitizer looks into the process. */
    if (!IS_INSTRUMENTED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        log_die(EX_SOFTWARE, "@%s: can not become undumpable: %s", role, strerror(errno));
    }
}

void jail_hide(void)
{
    (void)set_limit(RLIMIT_CORE, 0); /* jail_close insists */
    become_undumpable("role");
}

void jail_close(const struct jail *jail)
{
    enum rc rc;

    set_limits(jail);
    rc = jail_become(jail->user);
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "@%s: can not become user %s: %s", jail->role, jail->user, rc_text(rc));
    }
    if (jail->lock_memory) {
        lock_memory();
    }
    become_undumpable(jail->role); /* a change of the account may have undone it */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        log_die(EX_SOFTWARE, "@%s: can not give up new privileges: %s", jail->role, strerror(errno));
    }
    close_landlock(jail);
    close_seccomp(jail);
}
