/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throw-away keys and certificates, right and wrong ones, made by libcrypto when a test starts. Dies when libcrypto fails: a
 * test that could not make its certificates has shown nothing.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_CERT_H
#define TESTS_UNIT_TSCLIENT_MAKE_CERT_H

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tsa/wire/wbuf.h"

struct made_cert {
    EVP_PKEY *key;
    X509 *x;
    uint8_t *der;
    size_t der_len;
};

struct make_cert {
    const char *name;
    const struct made_cert *issuer; /* NULL: self-signed */
    const char *eku;  /* as OpenSSL's configuration writes it, "critical,timeStamping"; NULL: none */
    int64_t from, to; /* seconds since 1970 */
    bool is_ca, rsa;
    const char *usage;    /* key usage; NULL: what fits */
    unsigned rsa_bits;    /* of an RSA key; 0: 2048 */
    const EVP_MD *digest; /* with which the issuer signs it; NULL: SHA-256 */
};

#define MAKE_CERT_MUST(condition)                                                                            \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #condition);                           \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static inline void make_cert_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MAKE_CERT_MUST(extension && X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline void make_cert_name(X509 *x, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);

    MAKE_CERT_MUST(
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1);
}

static inline void make_cert_extensions(X509 *x, X509 *issuer, const struct make_cert *m)
{
    make_cert_extension(x, issuer, NID_subject_key_identifier, "hash");
    make_cert_extension(x, issuer, NID_authority_key_identifier, "keyid");
    make_cert_extension(x, issuer, NID_basic_constraints,
                        m->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    make_cert_extension(x, issuer, NID_key_usage,
                        m->usage   ? m->usage
                        : m->is_ca ? "critical,keyCertSign,cRLSign"
                                   : "critical,digitalSignature");
    if (m->eku) {
        make_cert_extension(x, issuer, NID_ext_key_usage, m->eku);
    }
}

/* Free with made_cert_clear. Serial numbers count up, so that no two of a run are equal. */
static inline struct made_cert make_cert(const struct make_cert *m)
{
    static long serial = 1000;
    struct made_cert made = {.key = m->rsa ? EVP_RSA_gen(m->rsa_bits ? m->rsa_bits : 2048)
                                           : EVP_EC_gen("P-256")};
    X509 *issuer;
    int len;

    made.x = X509_new();
    issuer = m->issuer ? m->issuer->x : made.x;
    MAKE_CERT_MUST(made.key && made.x);
    MAKE_CERT_MUST(X509_set_version(made.x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(made.x), ++serial));
    make_cert_name(made.x, m->name);
    MAKE_CERT_MUST(X509_set_issuer_name(made.x, X509_get_subject_name(issuer)));
    MAKE_CERT_MUST(ASN1_TIME_set(X509_getm_notBefore(made.x), (time_t)m->from));
    MAKE_CERT_MUST(ASN1_TIME_set(X509_getm_notAfter(made.x), (time_t)m->to));
    MAKE_CERT_MUST(X509_set_pubkey(made.x, made.key));
    make_cert_extensions(made.x, issuer, m);
    MAKE_CERT_MUST(
        X509_sign(made.x, m->issuer ? m->issuer->key : made.key, m->digest ? m->digest : EVP_sha256()) > 0);
    len = i2d_X509(made.x, &made.der);
    MAKE_CERT_MUST(len > 0);
    made.der_len = (size_t)len;
    return made;
}

static inline struct bytes made_cert_der(const struct made_cert *made)
{
    return bytes_of(made->der, made->der_len);
}

static inline void made_cert_clear(struct made_cert *made)
{
    EVP_PKEY_free(made->key);
    X509_free(made->x);
    OPENSSL_free(made->der);
    *made = (struct made_cert){0};
}

/* A cms_sign_fn: arg is the EVP_PKEY. The digest is SHA-256. */
static inline enum rc made_cert_sign(void *arg, struct bytes digest, struct wbuf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(arg, NULL);
    uint8_t signature[512];
    size_t len = sizeof signature;

    MAKE_CERT_MUST(ctx && EVP_PKEY_sign_init(ctx) == 1);
    MAKE_CERT_MUST(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
    MAKE_CERT_MUST(EVP_PKEY_sign(ctx, signature, &len, digest.data, digest.len) == 1);
    EVP_PKEY_CTX_free(ctx);
    wbuf_put(out, bytes_of(signature, len));
    return wbuf_rc(out);
}

#endif
