/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcrypto's error queue is left as it was: what is wrong is told by the result.
 */
#include "certs/certlib.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

X509 *certlib_x509(struct bytes der)
{
    const unsigned char *at = der.data;
    X509 *cert;

    ERR_set_mark();
    cert = der.len > 0 && der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (cert && at != der.data + der.len) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_pop_to_mark();
    return cert;
}

enum rc certlib_put(struct wbuf *out, const X509 *cert)
{
    int len = i2d_X509(cert, NULL);
    uint8_t *at = len > 0 ? wbuf_reserve(out, (size_t)len) : NULL;

    if (at) {
        (void)i2d_X509(cert, &at);
    }
    return len > 0 ? wbuf_rc(out) : RC_CRYPTO;
}

bool certlib_is_issued_by(struct bytes subject_der, struct bytes issuer_der)
{
    X509 *subject = certlib_x509(subject_der), *issuer = certlib_x509(issuer_der);
    bool good;

    ERR_set_mark();
    good = subject && issuer && X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
    ERR_pop_to_mark();
    X509_free(subject);
    X509_free(issuer);
    return good;
}
