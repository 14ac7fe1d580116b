/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient: countersigns existing signatures with timestamps, and judges such signatures as Windows does. This file is the table
 * of its subcommands.
 */
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include "tsa/base/streams.h"
#include "tsclient/cmd.h"

/* Files are mapped: what somebody else cuts short meanwhile can not be read any more, and no verdict on it would be worth anything. */
static void on_cut(int signal)
{
    static const char text[] = "tsclient: error: a file was cut short while it was read; run it again\n";

    (void)signal;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_NO);
}

int main(int argc, char **argv)
{
    static const struct command *const commands[] = {
        &cmd_stamp, &cmd_verify, &cmd_show, &cmd_remove, &cmd_query, &cmd_reply, NULL,
    };

    if (!streams_hold()) {
        return EX_SOFTWARE;
    }
    /* A write beyond the limit of file sizes is an error like any other, to be told and cleaned up after. */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGBUS, on_cut);
    return command_main(commands, argc, argv);
}
