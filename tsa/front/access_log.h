/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log: one line for each answer, in the form of the log (logfmt or JSON), one write() each. Its names are promises: client, via (the
 * proxy that asked for it), method, target, status, octets, ms, unit, protocol, result (the reason's word), serial (hex; a countersignature has
 * none), record (its number in the ledger), agent, certificate (the client's), tls (yes or no). What is not known is "-". Whatever a client sent is
 * escaped and cut: it can not forge a line.
 */
#ifndef TSA_FRONT_ACCESS_LOG_H
#define TSA_FRONT_ACCESS_LOG_H

#include "tsa/http/http_server.h"

/* access_log_write is for on_answered, where log.access is set. It does not depend on log.level. */
void access_log_write(const struct http_answered *answered);

#endif
