/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands.
 */
#ifndef TSCLIENT_CMD_H
#define TSCLIENT_CMD_H

#include "tsclient/command.h"

extern const struct command cmd_stamp, cmd_verify, cmd_show, cmd_remove, cmd_query, cmd_reply;

#endif
