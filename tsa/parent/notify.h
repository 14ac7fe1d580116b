/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the service manager how it goes, as sd_notify(3) describes: one datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET
 * names. Without that variable nothing is sent.
 */
#ifndef TSA_PARENT_NOTIFY_H
#define TSA_PARENT_NOTIFY_H

#include "tsa/wire/rc.h"

/* notify_send sends the lines ("READY=1\nSTATUS=..."). RC_NOT_FOUND where nobody asked, RC_CONFIG when NOTIFY_SOCKET is no
 * address, RC_IO. */
enum rc notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* notify_watchdog_ms tells how often the service manager wants to hear WATCHDOG=1 of this process at least; 0: it does not. */
long notify_watchdog_ms(void);

#endif
