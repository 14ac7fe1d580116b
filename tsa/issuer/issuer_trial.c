/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded, jailed, tried, gone. It reads the operator's own files alone; the jail is for the keys: whatever goes wrong while it signs, it can
 * neither send them anywhere nor write them down.
 */
#include "tsa/issuer/issuer_trial.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/issuer/issuer_load.h"
#include "tsa/role/jail.h"

#define NUM_FILES 64

/* Memory, random octets, the time for the trial's token, the log, the end. */
const int issuer_trial_calls[] = {
    SYS_write,        SYS_getrandom,    SYS_futex,          SYS_brk,          SYS_mmap,
    SYS_mremap,       SYS_munmap,       SYS_mprotect,       SYS_madvise,      SYS_clock_gettime,
    SYS_gettimeofday, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_getpid,
    SYS_gettid,       SYS_tgkill,       SYS_exit,           SYS_exit_group,   -1,
};

/* No lock on its memory: the guarded heap, where the keys are, locks its own, and the rest lives for a moment only. */
static void close_jail(const struct issuer_load *load)
{
    const struct jail jail = {
        .role = "trial",
        .user = load->settings.users.issuer,
        .syscalls = issuer_trial_calls,
        .rights_dir = -1,
        .num_files = NUM_FILES,
    };

    jail_close(&jail);
}

int issuer_trial_main(struct inherit *in)
{
    struct issuer_load *load = xcalloc(1, sizeof(*load));

    jail_hide();
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    issuer_load_settings(load, in);
    issuer_load_keys(load, in, NULL);
    issuer_load_threads(load, 1);
    close_jail(load);
    issuer_load_try(load);
    log_info("units: %zu, all tried", load->num_units);
    issuer_load_clear(load);
    free(load);
    return 0;
}
