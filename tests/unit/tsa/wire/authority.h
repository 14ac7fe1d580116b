/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small authority for tests: a root, a timestamping certificate under it, its profile and the callback that signs. Made by
 * libcrypto alone, so that nothing of the code under test judges itself. Valid from 2020 to 2035. Any failure of libcrypto ends
 * the test program.
 */
#ifndef TESTS_WIRE_AUTHORITY_H
#define TESTS_WIRE_AUTHORITY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tsa/wire/chain.h"
#include "tsa/wire/cms.h"

#define AUTHORITY_FROM 1577836800 /* 2020-01-01 */
#define AUTHORITY_TO   2051222400 /* 2035-01-01 */
#define AUTHORITY_NOW  1795161925 /* 2026-11-20T08:05:25Z */

struct authority_spec {
    const char *key;         /* "P-256", "P-384", "ED25519", "RSA" (2048), "RSA-1024" */
    const char *eku;         /* NULL: critical,timeStamping; "" none */
    const char *key_usage;   /* NULL: critical,digitalSignature; "" none */
    const char *constraints; /* NULL: CA:FALSE */
    const char *alt_name;    /* NULL: none */
    enum digest digest;      /* DIGEST_NONE: SHA-256 */
    time_t to;               /* 0: AUTHORITY_TO */
};

struct authority {
    EVP_PKEY *root_key, *key;
    X509 *root, *cert;
    struct bytes chain[2]; /* DER: certificate, root; freed by authority_clear */
    struct cert facts;     /* of the certificate */
    struct cms_profile profile;
    bool has_profile;
    struct chain_anchors *anchors;
    enum digest digest;
    unsigned num_signed;
};

/* Not assert: release builds leave that out. */
static inline void authority_need(bool good)
{
    if (!good) {
        fprintf(stderr, "libcrypto failed to make an authority\n");
        abort();
    }
}

static inline EVP_PKEY *authority_key(const char *name)
{
    EVP_PKEY *key;

    if (strcmp(name, "ED25519") == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    } else if (strncmp(name, "RSA", 3) == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(name[3] ? atoi(name + 4) : 2048));
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
    }
    authority_need(key != NULL);
    return key;
}

static inline void authority_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX ctx;
    int added;

    if (!value || !*value) {
        return;
    }
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    authority_need(extension != NULL);
    added = X509_add_ext(cert, extension, -1);
    authority_need(added == 1);
    X509_EXTENSION_free(extension);
}

static inline X509 *authority_certificate(EVP_PKEY *key, const char *name, X509 *issuer, time_t to)
{
    static long serial = 0x4000;
    X509 *cert = X509_new();
    X509_NAME *subject;

    authority_need(cert != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), AUTHORITY_FROM);
    ASN1_TIME_set(X509_getm_notAfter(cert), to);
    subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Test", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(cert, key);
    return cert;
}

static inline void authority_seal(X509 *cert, EVP_PKEY *key)
{
    const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    int len = X509_sign(cert, key, md);

    authority_need(len > 0);
}

/* The DER of a certificate, on the heap. */
static inline struct bytes authority_der(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    authority_need(len > 0);
    return bytes_of(der, (size_t)len);
}

static inline void authority_init(struct authority *a, const struct authority_spec *spec)
{
    char name[40];
    enum rc rc;

    snprintf(name, sizeof name, "Test Root %p", (const void *)a); /* no two roots bear the same name */
    *a = (struct authority){.digest = spec->digest == DIGEST_NONE ? DIGEST_SHA256 : spec->digest};
    a->root_key = authority_key("P-256");
    a->root = authority_certificate(a->root_key, name, NULL, AUTHORITY_TO);
    authority_extend(a->root, a->root, NID_basic_constraints, "critical,CA:TRUE");
    authority_extend(a->root, a->root, NID_key_usage, "critical,keyCertSign,cRLSign");
    authority_extend(a->root, a->root, NID_subject_key_identifier, "hash");
    authority_seal(a->root, a->root_key);

    a->key = authority_key(spec->key);
    a->cert = authority_certificate(a->key, "Test TSA", a->root, spec->to ? spec->to : AUTHORITY_TO);
    authority_extend(a->cert, a->root, NID_basic_constraints,
                     spec->constraints ? spec->constraints : "critical,CA:FALSE");
    authority_extend(a->cert, a->root, NID_key_usage,
                     spec->key_usage ? spec->key_usage : "critical,digitalSignature");
    authority_extend(a->cert, a->root, NID_ext_key_usage, spec->eku ? spec->eku : "critical,timeStamping");
    authority_extend(a->cert, a->root, NID_subject_key_identifier, "hash");
    authority_extend(a->cert, a->root, NID_subject_alt_name, spec->alt_name);
    authority_seal(a->cert, a->root_key);

    a->chain[0] = authority_der(a->cert);
    a->chain[1] = authority_der(a->root);
    rc = cert_parse(a->chain[0], &a->facts);
    authority_need(rc == RC_OK);
    a->has_profile = cms_profile_init(&a->profile, a->chain, 2, a->digest) == RC_OK;
    a->anchors = chain_anchors_new();
    authority_need(a->anchors != NULL);
    rc = chain_anchors_add(a->anchors, a->chain[1]);
    authority_need(rc == RC_OK);
}

static inline void authority_clear(struct authority *a)
{
    cms_profile_clear(&a->profile);
    chain_anchors_free(a->anchors);
    for (size_t i = 0; i < 2; i++) {
        void *der;

        memcpy(&der, &a->chain[i].data, sizeof der);
        OPENSSL_free(der);
    }
    X509_free(a->cert);
    X509_free(a->root);
    EVP_PKEY_free(a->key);
    EVP_PKEY_free(a->root_key);
    *a = (struct authority){0};
}

/* authority_sign is a cms_sign_fn; arg is the authority. */
static inline enum rc authority_sign(void *arg, struct bytes digest, struct wbuf *out)
{
    struct authority *a = arg;
    uint8_t signature[1024];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(a->key, NULL);
    bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, digest_md(a->digest)) == 1 &&
                EVP_PKEY_sign(ctx, signature, &len, digest.data, digest.len) == 1;

    EVP_PKEY_CTX_free(ctx);
    a->num_signed++;
    if (!good) {
        return RC_SIGNER_FAILED;
    }
    wbuf_put(out, bytes_of(signature, len));
    return wbuf_rc(out);
}

/* A trust store of libcrypto's own that holds the root and looks at the clock of the tests. */
static inline X509_STORE *authority_store(const struct authority *a)
{
    X509_STORE *store = X509_STORE_new();
    int added = X509_STORE_add_cert(store, a->root);

    authority_need(added == 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), AUTHORITY_NOW);
    return store;
}

#endif
