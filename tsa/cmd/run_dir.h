/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an authority runs: the one thing that a command must know to talk to it. It is said, or stands in the configuration, or in the configuration
 * in one of the usual places.
 */
#ifndef TSA_CMD_RUN_DIR_H
#define TSA_CMD_RUN_DIR_H

#include "tsa/cmd/cmd.h"

#define RUN_DIR_SYSTEM_CONF "/etc/tsa/tsa.conf"
#define RUN_DIR_LAB_CONF    "lab/tsa.conf"

/* Both may be NULL. */
struct run_dir_options {
    const char *config, *run_dir;
};

/* run_dir_find returns the folder (heap). NULL after a complaint in the name of the command ("tsa status"). *out_faulty: the configuration has errors
 * (told), and yet could be read so far that the folder is known. */
char *run_dir_find(const char *command, const struct run_dir_options *options, bool *out_faulty);

/* run_dir_complain tells why nothing answers there, by the result of control_request and errno. */
void run_dir_complain(const char *command, const char *run_dir, enum rc rc);

#endif
