/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front: the process that meets the network. It has no key, no clock authority, no record and no file; it parses, limits,
 * asks the issuer and answers. Wiring only.
 */
#ifndef TSA_FRONT_FRONT_PROC_H
#define TSA_FRONT_FRONT_PROC_H

#include "tsa/role/inherit.h"

/*
 * front_proc_main runs until it is told to stop. Takes from in: parent and issuer (channels), listen.N, tls.N and metrics.N (listening sockets,
 * non-blocking), config, chain.N, root.N, tls_certificate, tls_key, tls_client_ca, shared (without it the front counts for itself). Says MSG_READY
 * to the parent when its jail is closed. MSG_STOP ends it within four seconds, MSG_DRAIN when its last client has gone: what was received whole is
 * answered. The end of the parent's channel ends it at once. Returns the exit code.
 */
int front_proc_main(struct inherit *in);

/* front_calls is the list of its jail, ends with -1. */
extern const int front_calls[];

#endif
