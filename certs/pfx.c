/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS #12 through libcrypto. Of what a file may hold one key and certificates are taken, nothing else.
 */
#include "certs/pfx.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "certs/certlib.h"

#define ITERATIONS_OLD    2048
#define ITERATIONS_STRONG 100000
#define CERTS_LIMIT       (1u << 20)

static bool push(STACK_OF(X509) * stack, struct bytes der)
{
    X509 *cert = certlib_x509(der);

    if (cert && sk_X509_push(stack, cert) > 0) {
        return true;
    }
    X509_free(cert);
    return false;
}

/* The MAC is set apart: libcrypto's own would be of SHA-256, which old Windows does not know. */
static PKCS12 *make(const struct pfx *pfx, const char *password, enum pfx_strength strength)
{
    bool old = strength == PFX_OLD_WINDOWS;
    int pbe = old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
    int iterations = old ? ITERATIONS_OLD : ITERATIONS_STRONG;
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *leaf = certlib_x509(pfx->leaf);
    PKCS12 *made = NULL;
    bool good = chain && leaf;

    for (size_t i = 0; good && i < pfx->num_chain; i++) {
        good = push(chain, pfx->chain[i]);
    }
    if (good) {
        made = PKCS12_create(password, pfx->name, pfx->key, leaf, chain, pbe, pbe, iterations, -1, 0);
    }
    if (made &&
        PKCS12_set_mac(made, password, -1, NULL, 0, iterations, old ? EVP_sha1() : EVP_sha256()) != 1) {
        PKCS12_free(made);
        made = NULL;
    }
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    return made;
}

enum rc pfx_build(const struct pfx *pfx, const char *password, enum pfx_strength strength, struct wbuf *out)
{
    unsigned char *der = NULL;
    PKCS12 *made;
    int len;

    ERR_set_mark();
    made = make(pfx, password, strength);
    len = made ? i2d_PKCS12(made, &der) : 0;
    if (len > 0) {
        wbuf_put(out, bytes_of(der, (size_t)len));
    }
    ERR_pop_to_mark();
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    PKCS12_free(made);
    return len > 0 ? wbuf_rc(out) : RC_CRYPTO;
}

/* As DER in a row, which certfile takes apart again. */
static enum rc take_certs(const X509 *leaf, const STACK_OF(X509) * others, struct certfile *out)
{
    struct wbuf row;
    enum rc rc;

    wbuf_init(&row, CERTS_LIMIT);
    rc = certlib_put(&row, leaf);
    for (int i = 0; rc == RC_OK && i < sk_X509_num(others); i++) {
        rc = certlib_put(&row, sk_X509_value(others, i));
    }
    rc = rc == RC_OK ? certfile_parse(wbuf_bytes(&row), out) : rc;
    wbuf_clear(&row);
    return rc;
}

enum rc pfx_parse(struct bytes in, const char *password, EVP_PKEY **out_key, struct certfile *out_certs)
{
    const unsigned char *at = in.data;
    STACK_OF(X509) *others = NULL;
    X509 *leaf = NULL;
    PKCS12 *pfx;
    enum rc rc;

    *out_key = NULL;
    *out_certs = (struct certfile){0};
    ERR_set_mark();
    pfx = in.len > 0 && in.len <= LONG_MAX ? d2i_PKCS12(NULL, &at, (long)in.len) : NULL;
    if (!pfx || !PKCS12_mac_present(pfx)) {
        rc = RC_KEY_MALFORMED;
    } else if (PKCS12_verify_mac(pfx, password, -1) != 1) {
        rc = RC_KEY_PASSPHRASE;
    } else if (PKCS12_parse(pfx, password, out_key, &leaf, &others) != 1 || !*out_key) {
        rc = RC_KEY_MALFORMED;
    } else {
        rc = leaf ? take_certs(leaf, others, out_certs) : RC_CERT_NOT_FOUND;
    }
    ERR_pop_to_mark();
    PKCS12_free(pfx);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    return rc;
}
