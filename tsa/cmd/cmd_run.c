/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa run: serve in the foreground. A service manager starts this.
 */
#include "tsa/cmd/cmd.h"
#include "tsa/parent/parent.h"

struct run_options {
    const char *config;
};

static int run(void *arg)
{
    const struct run_options *options = arg;
    const struct parent_options parent = {.config = options->config};

    return parent_run(&parent);
}

static const struct cmd_option run_table[] = {
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct run_options, config),
     .argument = "FILE",
     .required = true,
     .help = "the configuration (see tsa.conf)"},
    {0},
};

const struct command cmd_run = {
    .name = "run",
    .summary = "Serve in the foreground.",
    .about =
        "SIGTERM or SIGINT: what was received is answered, then it exits with 0 within 5 seconds; the second "
        "one ends\n"
        "it at once. SIGHUP: a staged reload, as tsa reload asks for it; the log tells how it went.\n"
        "Sockets that systemd passes replace those of the configuration: FileDescriptorName=https (or tls) "
        "those of tls.listen,\n"
        "metrics those of metrics.listen, any other name those of listen. READY=1, RELOADING=1 and "
        "WATCHDOG=1 are told to it.\n"
        "Exit codes: 0 stopped as told; 1 an address or the run folder is taken; 70 a part could not be "
        "kept\n"
        "alive; 78 the configuration, or what it names, can not be used.",
    .options = run_table,
    .size = sizeof(struct run_options),
    .run = run,
};
