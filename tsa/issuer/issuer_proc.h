/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process beside the key: `tsa @issuer parent=N config=N ledger=N clock=N key.0=N chain.0=N root.0=N front.0=N ...`. Its keys are
 * loaded and each unit has signed and verified a trial before the jail is closed and READY is said.
 */
#ifndef TSA_ISSUER_ISSUER_PROC_H
#define TSA_ISSUER_ISSUER_PROC_H

#include "tsa/role/inherit.h"

/* issuer_proc_main runs until MSG_STOP or the end of parent=: what was received by then is finished and synced. Returns the exit code (0);
 * dies with 70 or 78 when it can not start. */
int issuer_proc_main(struct inherit *in);

/* issuer_calls is the list of its jail, ends with -1. */
extern const int issuer_calls[];

#endif
