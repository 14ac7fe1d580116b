/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between views of DER and libcrypto's X509 objects.
 */
#ifndef CERTS_CERTLIB_H
#define CERTS_CERTLIB_H

#include <openssl/x509.h>

#include "tsa/wire/wbuf.h"

/* certlib_x509 makes an object of exactly one certificate; NULL when it is none. Free with X509_free. */
X509 *certlib_x509(struct bytes der);

/* certlib_put appends the DER of an object. RC_CRYPTO. */
enum rc certlib_put(struct wbuf *out, const X509 *cert) MUST_CHECK;

/* certlib_is_issued_by tells whether the names fit, the issuer may issue, and its key has made the signature. Times are not looked at. */
bool certlib_is_issued_by(struct bytes subject, struct bytes issuer);

#endif
