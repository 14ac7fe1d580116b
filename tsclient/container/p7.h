/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are a PKCS #7 or CMS signature: attached and detached ones, signatures taken out of other files, the AppxSignature.p7x
 * of a package ("PKCX", then DER), each also as text (RFC 7468). Certificates alone (.p7b, .spc) are no signature.
 */
#ifndef TSCLIENT_CONTAINER_P7_H
#define TSCLIENT_CONTAINER_P7_H

#include "tsclient/container/container.h"

extern const struct container_ops p7_ops;

#endif
