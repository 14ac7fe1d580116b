/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child that asks the name services for the addresses of time servers (role "@resolve"), and says them to its parent in lines.
 */
#ifndef TSA_PARENT_RESOLVE_PROC_H
#define TSA_PARENT_RESOLVE_PROC_H

#include "tsa/role/inherit.h"

/* resolve_proc_main reads "config" and writes to "answer", for each server: its line of timeserver_put_line, and a line that says why not (empty:
 * it is known). Returns the exit code. */
int resolve_proc_main(struct inherit *in);

#endif
