/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be known to be wrong with the files of the TLS server before a front starts: who can read the key, whether it belongs to the certificate,
 * and how long that is still good. Which settings must stand beside one another is settled before.
 */
#ifndef TSA_PARENT_CHECK_TLS_H
#define TSA_PARENT_CHECK_TLS_H

#include "tsa/parent/check.h"

/* check_tls adds what it finds; nothing where no certificate is set. The key is read, and forgotten. */
void check_tls(const struct settings *settings, struct check_report *report);

#endif
