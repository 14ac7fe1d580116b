/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail of a role, tried with every system call there is, one child each: what is on the role's own list lives, and all else kills. Where arguments
 * are narrowed, those that are allowed live and others kill. So do the other ways into the kernel of the same machine.
 *
 *     jail_sweep ROLE     0: exactly so; 1: not so (each difference on a line); 77: this build's jails are wider
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tsa/clock/clock_proc.h"
#include "tsa/front/front_proc.h"
#include "tsa/issuer/issuer_proc.h"
#include "tsa/issuer/issuer_trial.h"
#include "tsa/role/jail.h"

#define LAST_CALL   1023 /* far behind the newest */
#define OTHER_ABI   0x40000000
#define PATIENCE_S  10
#define EX_OTHER    77
#define ANY         (-1L)
#define OWN_PROCESS (-2L) /* as an argument: the child's number */
#define OWN_THREADS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define NO_CLONE    (CLONE_PIDFD | CLONE_PARENT_SETTID) /* together: the kernel refuses */

static const struct {
    const char *name;
    const int *calls;
    bool shares_listeners;
} roles[] = {
    {"front", front_calls, true},
    {"issuer", issuer_calls, false},
    {"clock", clock_calls, false},
    {"trial", issuer_trial_calls, false},
};

struct call {
    long number, args[6];
};

/* One argument that a filter looks at, and what it must make of it. The rest is ANY. */
static const struct narrowed {
    int number, arg;
    long value;
    bool lives;
    bool of_listeners; /* only where listening sockets are shared */
} narrowed[] = {
    {SYS_clone, 0, OWN_THREADS | NO_CLONE, true, false},
    {SYS_clone, 0, SIGCHLD, false, false},
    {SYS_clone, 0, (CLONE_VM | CLONE_SIGHAND) | NO_CLONE, false, false},
    {SYS_clone, 0, CLONE_VM | CLONE_VFORK | SIGCHLD, false, false},
    {SYS_clone, 0, OWN_THREADS | NO_CLONE | CLONE_NEWUSER, false, false},
    {SYS_clone, 0, OWN_THREADS | NO_CLONE | CLONE_NEWNET, false, false},
    {SYS_clone, 0, OWN_THREADS | NO_CLONE | CLONE_NEWNS, false, false},
    {SYS_clone, 0, OWN_THREADS | NO_CLONE | CLONE_NEWPID, false, false},
    {SYS_mmap, 2, PROT_READ | PROT_WRITE, true, false},
    {SYS_mmap, 2, PROT_NONE, true, false},
    {SYS_mmap, 2, PROT_EXEC, false, false},
    {SYS_mmap, 2, PROT_READ | PROT_WRITE | PROT_EXEC, false, false},
    {SYS_mprotect, 2, PROT_READ, true, false},
    {SYS_mprotect, 2, PROT_READ | PROT_EXEC, false, false},
    {SYS_ioctl, 1, FIONREAD, true, false},
    {SYS_ioctl, 1, TIOCSTI, false, false},
    {SYS_ioctl, 1, FIONBIO, false, false},
    {SYS_prctl, 0, PR_SET_NAME, true, false},
    {SYS_prctl, 0, PR_SET_DUMPABLE, false, false},
    {SYS_sendto, 4, 0, true, false},
    {SYS_sendto, 4, ANY, false, false},
    {SYS_sendmsg, 2, 0, true, false},
    {SYS_sendmsg, 2, MSG_FASTOPEN, false, false},
    {SYS_shutdown, 1, SHUT_WR, true, true},
    {SYS_shutdown, 1, SHUT_RD, false, true},
    {SYS_shutdown, 1, SHUT_RDWR, false, true},
    {SYS_tgkill, 0, OWN_PROCESS, true, false},
    {SYS_tgkill, 0, 1, false, false},
    {SYS_tgkill, 0, ANY, false, false},
};
#define NUM_NARROWED (sizeof(narrowed) / sizeof(narrowed[0]))

static struct jail jail;
static int num_wrong, num_lived, num_killed;

/* ---- one call ---- */

enum outcome {
    LIVES,
    KILLED,
    HANGS
};

static enum outcome outcome_of(int status)
{
    if (!WIFSIGNALED(status)) {
        return LIVES;
    }
    return WTERMSIG(status) == SIGSYS ? KILLED : WTERMSIG(status) == SIGALRM ? HANGS : LIVES;
}

static void act(const struct call *call)
{
    long a[6];

    for (size_t i = 0; i < 6; i++) {
        a[i] = call->args[i] == OWN_PROCESS ? getpid() : call->args[i];
    }
    (void)syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* How a child ended that has done it. */
static int in_jail(void (*run)(const struct call *call), const struct call *call)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)alarm(PATIENCE_S);
        jail_close(&jail);
        run(call);
        (void)syscall(SYS_exit_group, 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("jail_sweep");
        exit(70);
    }
    return status;
}

static void expect(const char *what, const struct call *call, bool lives)
{
    static const char *const words[] = {"lives", "kills", "hangs"};
    const enum outcome outcome = outcome_of(in_jail(act, call));

    num_lived += outcome == LIVES;
    num_killed += outcome == KILLED;
    if (outcome != (lives ? LIVES : KILLED)) {
        num_wrong++;
        printf("%s: %s %ld %s, but should %s\n", jail.role, what, call->number, words[outcome],
               lives ? "live" : "kill");
    }
}

/* ---- all numbers ---- */

static bool is_on_list(long number)
{
    for (const int *c = jail.syscalls; *c != -1; c++) {
        if (*c == number) {
            return true;
        }
    }
    return false;
}

static bool is_narrowed(long number)
{
    for (size_t i = 0; i < NUM_NARROWED; i++) {
        if (narrowed[i].number == number && (!narrowed[i].of_listeners || jail.shares_listeners)) {
            return true;
        }
    }
    return false;
}

/* clone3 is answered with ENOSYS where clone is allowed, since its flags can not be seen; the kernel keeps its own probes from every filter. */
static bool lives_anyway(long number)
{
    return (number == SYS_clone3 && is_on_list(SYS_clone)) || number == 335 || number == 336;
}

static void sweep_numbers(void)
{
    for (long number = 0; number <= LAST_CALL; number++) {
        const struct call call = {number, {ANY, ANY, ANY, ANY, ANY, ANY}};

        if (!is_on_list(number) || !is_narrowed(number)) {
            expect("call", &call, is_on_list(number) || lives_anyway(number));
        }
    }
}

static void sweep_narrowed(void)
{
    for (size_t i = 0; i < NUM_NARROWED; i++) {
        const struct narrowed *n = &narrowed[i];
        struct call call = {n->number, {ANY, ANY, ANY, ANY, ANY, ANY}};
        char what[60];

        if (!is_on_list(n->number) || !is_narrowed(n->number)) {
            continue;
        }
        call.args[n->arg] = n->value;
        (void)snprintf(what, sizeof(what), "argument %d = %#lx of call", n->arg, (unsigned long)n->value);
        expect(what, &call, n->lives);
    }
}

/* ---- other ways into the kernel ---- */

#ifdef __x86_64__
static void act_interrupt(const struct call *call)
{
    long result = call->number;

    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}

/* By the numbers of 64-bit programs with 32-bit pointers, and by the interrupt of 32-bit programs. A kernel that has no such interrupt
 * answers with a fault, which is as good. */
static void sweep_other_ways(void)
{
    const struct call getpid_by_interrupt = {20, {0}};
    int status;

    for (const int *c = jail.syscalls; *c != -1; c++) {
        const struct call call = {*c | OTHER_ABI, {ANY, ANY, ANY, ANY, ANY, ANY}};

        expect("call", &call, false);
    }
    status = in_jail(act_interrupt, &getpid_by_interrupt);
    if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGSYS && WTERMSIG(status) != SIGSEGV)) {
        num_wrong++;
        printf("%s: a call of a 32-bit program lives\n", jail.role);
    }
}
#else
static void sweep_other_ways(void)
{
}
#endif

int main(int argc, char **argv)
{
#if defined(TSA_SANITIZED) || defined(TSA_COVERED)
    printf("an instrumented build has wider jails\n");
    (void)sweep_numbers;
    (void)sweep_narrowed;
    (void)sweep_other_ways;
    return EX_OTHER;
#endif
    for (size_t i = 0; argc == 2 && i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(argv[1], roles[i].name) == 0) {
            jail = (struct jail){.role = roles[i].name,
                                 .syscalls = roles[i].calls,
                                 .rights_dir = -1,
                                 .shares_listeners = roles[i].shares_listeners};
        }
    }
    if (!jail.role) {
        fprintf(stderr, "usage: jail_sweep front|issuer|clock|trial\n");
        return 64;
    }
    sweep_numbers();
    sweep_narrowed();
    sweep_other_ways();
    printf("%s: %d lived, %d were killed, %d wrong\n", jail.role, num_lived, num_killed, num_wrong);
    return num_wrong > 0;
}
