/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what this program can be: a subcommand that a user types, or a role that the parent process starts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>

#include "tsa/base/streams.h"
#include "tsa/clock/clock_proc.h"
#include "tsa/cmd/cmd.h"
#include "tsa/front/front_proc.h"
#include "tsa/issuer/issuer_proc.h"
#include "tsa/issuer/issuer_trial.h"
#include "tsa/parent/resolve_proc.h"
#include "tsa/role/inherit.h"
#include "tsa/role/jail.h"

static const struct command *const commands[] = {&cmd_lab,    &cmd_run,   &cmd_check, &cmd_status,
                                                 &cmd_reload, &cmd_clock, NULL};

static const struct {
    const char *arg, *process;
    int (*main)(struct inherit *in);
} roles[] = {
    {"@issuer", "tsa-issuer", issuer_proc_main},    {"@trial", "tsa-trial", issuer_trial_main},
    {"@clock", "tsa-clock", clock_proc_main},       {"@front", "tsa-front", front_proc_main},
    {"@resolve", "tsa-resolve", resolve_proc_main},
};

static int role_main(int argc, char **argv)
{
    static struct inherit in;

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(argv[0], roles[i].arg) == 0 && inherit_parse(argc, argv, &in) == RC_OK) {
            (void)prctl(PR_SET_NAME, roles[i].process);
            jail_hide();
            tzset(); /* libcrypto compares dates by gmtime(), which looks for the time zone's file the first time */
            return roles[i].main(&in);
        }
    }
    fprintf(stderr, "tsa: %s is started by tsa itself only\n", argv[0]);
    return EX_USAGE;
}

int main(int argc, char **argv)
{
    if (!streams_hold()) {
        return EX_SOFTWARE;
    }
    return argc > 1 && argv[1][0] == '@' ? role_main(argc - 1, argv + 1) : cmd_main(commands, argc, argv);
}
