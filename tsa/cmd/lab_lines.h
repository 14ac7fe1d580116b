/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to type in each signing tool to use a lab's authority, with the addresses and files of this very lab. Every line works as it is
 * printed.
 */
#ifndef TSA_CMD_LAB_LINES_H
#define TSA_CMD_LAB_LINES_H

#include <stdio.h>

#include "certs/lab.h"
#include "tsa/parent/listeners.h"
#include "tsa/role/labtime.h"

/* lab_lines_print writes them. dir is the lab's folder as an absolute path, program the path of this program (its companion lies beside it). What no client
 * would take under the lab's time is left out, with the reason. */
struct lab_lines {
    const char *dir, *program;
    const struct listeners *listeners;
    const struct labtime *time;
};
void lab_lines_print(const struct lab_lines *lines, FILE *to);

#endif
