/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS #12 (.pfx): a private key, its certificate and the chain in one file behind a password, as Windows takes them (RFC 7292).
 */
#ifndef CERTS_PFX_H
#define CERTS_PFX_H

#include <openssl/evp.h>

#include "certs/certfile.h"

enum pfx_strength {
    PFX_OLD_WINDOWS, /* triple DES and an SHA-1 MAC: all that Windows before 10 reads. No protection to rely on */
    PFX_STRONG,      /* AES-256, PBKDF2, SHA-256 */
};

struct pfx {
    const char *name; /* shown by Windows */
    EVP_PKEY *key;
    struct bytes leaf;         /* DER, fits the key */
    const struct bytes *chain; /* DER, num_chain */
    size_t num_chain;
};

/* pfx_build writes DER. RC_CRYPTO, also where a certificate is malformed or the leaf does not fit the key. Cleanse the writer. */
enum rc pfx_build(const struct pfx *pfx, const char *password, enum pfx_strength strength,
                  struct wbuf *out) MUST_CHECK;

/* pfx_parse takes key and certificates out: the leaf that fits the key first, then the others as they stand. RC_KEY_PASSPHRASE,
 * RC_KEY_MALFORMED, RC_CERT_NOT_FOUND (no leaf). Free with EVP_PKEY_free and certfile_clear, also after a failure. */
enum rc pfx_parse(struct bytes in, const char *password, EVP_PKEY **out_key,
                  struct certfile *out_certs) MUST_CHECK;

#endif
