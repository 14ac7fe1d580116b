/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and revocation lists made by libcrypto while a test runs, so that no test file can expire. Everything is
 * asserted: a certificate that can't be made ends the test.
 */
#ifndef TESTS_WIRE_MINT_H
#define TESTS_WIRE_MINT_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "tsa/wire/bytes.h"

#define MINT_DAY  86400L
#define MINT_2026 1767225600L /* 2026-01-01T00:00:00Z */

struct mint {
    X509 *x;
    EVP_PKEY *key;
    struct bytes der; /* owned */
};

/* Zero means: P-256, SHA-256, 2026 and ten years from there, serial 1, self-signed. */
struct mint_spec {
    const char *cn;
    const struct mint *issuer;
    const struct mint *same_key; /* take this one's key */
    const char *key_type;        /* "EC", "RSA", "ED25519" */
    unsigned rsa_bits;
    const EVP_MD *md;
    long serial, from, until;
    const char *const *extensions; /* name, value, name, value, ..., NULL as in openssl's configuration */
};

static inline EVP_PKEY *mint_key(const struct mint_spec *spec)
{
    const char *type = spec->key_type ? spec->key_type : "EC";
    EVP_PKEY *key;

    if (spec->same_key) {
        EVP_PKEY_up_ref(spec->same_key->key);
        return spec->same_key->key;
    }
    if (strcmp(type, "RSA") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)spec->rsa_bits);
    } else if (strcmp(type, "EC") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    }
    assert(key);
    return key;
}

static inline void mint_extensions(X509 *x, X509 *issuer, const char *const *pairs)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    for (; pairs && *pairs; pairs += 2) {
        X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &ctx, pairs[0], pairs[1]);

        assert(extension);
        assert(X509_add_ext(x, extension, -1));
        X509_EXTENSION_free(extension);
    }
}

static inline struct bytes mint_der(X509 *x)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);

    assert(len > 0);
    return bytes_of(der, (size_t)len);
}

static inline struct mint mint(const struct mint_spec *spec)
{
    struct mint m = {.x = X509_new(), .key = mint_key(spec)};
    const struct mint *issuer = spec->issuer ? spec->issuer : &m;
    const EVP_MD *md = spec->md ? spec->md : EVP_sha256();
    X509_NAME *name = X509_get_subject_name(m.x);
    long from = spec->from ? spec->from : MINT_2026;
    time_t when;

    assert(X509_set_version(m.x, X509_VERSION_3));
    assert(ASN1_INTEGER_set(X509_get_serialNumber(m.x), spec->serial ? spec->serial : 1));
    assert(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn, -1, -1, 0));
    assert(X509_set_issuer_name(m.x, X509_get_subject_name(issuer->x)));
    when = from;
    assert(ASN1_TIME_adj(X509_getm_notBefore(m.x), when, 0, 0));
    when = spec->until ? spec->until : from + 3650 * MINT_DAY;
    assert(ASN1_TIME_adj(X509_getm_notAfter(m.x), when, 0, 0));
    assert(X509_set_pubkey(m.x, m.key));
    mint_extensions(m.x, issuer->x, spec->extensions);
    assert(X509_sign(m.x, issuer->key, EVP_PKEY_is_a(issuer->key, "ED25519") ? NULL : md));
    m.der = mint_der(m.x);
    return m;
}

static inline void mint_free(struct mint *m)
{
    void *der;

    memcpy(&der, &m->der.data, sizeof der);
    OPENSSL_free(der);
    X509_free(m->x);
    EVP_PKEY_free(m->key);
    *m = (struct mint){0};
}

/* A revocation list of one entry; reason -1: none given. Its own dates are from and until. */
struct mint_crl_spec {
    const struct mint *issuer;
    long serial, revoked, from, until;
    int reason;
};

static inline struct bytes mint_crl(const struct mint_crl_spec *spec)
{
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_TIME *when = ASN1_TIME_new();
    unsigned char *der = NULL;
    int len;

    assert(crl && revoked && serial && when);
    assert(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
    assert(X509_CRL_set_issuer_name(crl, X509_get_subject_name(spec->issuer->x)));
    assert(ASN1_TIME_adj(when, spec->from, 0, 0) && X509_CRL_set1_lastUpdate(crl, when));
    assert(ASN1_TIME_adj(when, spec->until, 0, 0) && X509_CRL_set1_nextUpdate(crl, when));
    assert(ASN1_TIME_adj(when, spec->revoked, 0, 0) && X509_REVOKED_set_revocationDate(revoked, when));
    assert(ASN1_INTEGER_set(serial, spec->serial) && X509_REVOKED_set_serialNumber(revoked, serial));
    if (spec->reason >= 0) {
        ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

        assert(reason && ASN1_ENUMERATED_set(reason, spec->reason));
        assert(X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) == 1);
        ASN1_ENUMERATED_free(reason);
    }
    assert(X509_CRL_add0_revoked(crl, revoked));
    assert(X509_CRL_sign(crl, spec->issuer->key, EVP_sha256()));
    len = i2d_X509_CRL(crl, &der);
    assert(len > 0);
    X509_CRL_free(crl);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    return bytes_of(der, (size_t)len);
}

static inline void mint_crl_free(struct bytes crl)
{
    void *der;

    memcpy(&der, &crl.data, sizeof der);
    OPENSSL_free(der);
}

#endif
