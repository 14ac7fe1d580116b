/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rehearsal before a reload: `tsa @trial config=N key.N=N chain.N=N root.N=N`. It does all that an issuer does before it takes the record:
 * settings, certificates, keys, one signed and verified token of each unit. It needs no record, no clock and no channel, and changes
 * nothing: a configuration that can not work is found while the old one still does.
 */
#ifndef TSA_ISSUER_ISSUER_TRIAL_H
#define TSA_ISSUER_ISSUER_TRIAL_H

#include "tsa/role/inherit.h"

/* issuer_trial_main returns 0 when an issuer would start; else it dies with 78 (what was configured) or 70, having said why in the log. A unit
 * whose certificate is out of its time is told as a warning, and is no failure: it is none at a start either. */
int issuer_trial_main(struct inherit *in);

/* issuer_trial_calls is the list of its jail, ends with -1. */
extern const int issuer_trial_calls[];

#endif
