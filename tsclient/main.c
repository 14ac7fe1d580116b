/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient: countersigns existing signatures with timestamps, and judges such signatures as Windows does. This file is the table
 * of its subcommands.
 */
#include <signal.h>
#include <sysexits.h>

#include "tsa/base/streams.h"
#include "tsclient/cmd.h"

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
    return command_main(commands, argc, argv);
}
