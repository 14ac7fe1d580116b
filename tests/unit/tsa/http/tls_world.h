/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for the tests of TLS, made in memory: authorities, servers and clients, RSA or elliptic, as PEM texts. And a client of TLS
 * that goes one step at a time, so that both ends can live in one thread.
 */
#ifndef TESTS_UNIT_TSA_HTTP_TLS_WORLD_H
#define TESTS_UNIT_TSA_HTTP_TLS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tsa/http/tls.h"

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char *cert_pem, *key_pem;
};

static inline char *pem_of(BIO *out)
{
    char *data, *text;
    long len = BIO_get_mem_data(out, &data);

    text = calloc(1, (size_t)len + 1);
    assert_non_null(text);
    memcpy(text, data, (size_t)len);
    BIO_free(out);
    return text;
}

static inline void add_name(X509_NAME *name, const char *text, int len)
{
    assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)text, len, -1, 0),
                     1);
}

/* By whom it is NULL it is an authority that signs itself. */
static inline struct identity identity_named(const char *name, int name_len, bool is_rsa,
                                             const struct identity *by)
{
    static long serial = 1;
    struct identity id = {.key = is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), .cert = X509_new()};
    const X509 *issuer = by ? by->cert : id.cert;
    BIO *out = BIO_new(BIO_s_mem());
    X509_EXTENSION *basic;

    assert_true(id.key && id.cert && out);
    X509_set_version(id.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), 86400);
    add_name(X509_get_subject_name(id.cert), name, name_len);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer));
    X509_set_pubkey(id.cert, id.key);
    basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, by ? "CA:FALSE" : "critical,CA:TRUE");
    X509_add_ext(id.cert, basic, -1);
    X509_EXTENSION_free(basic);
    assert_true(X509_sign(id.cert, by ? by->key : id.key, EVP_sha256()) > 0);
    PEM_write_bio_X509(out, id.cert);
    id.cert_pem = pem_of(out);
    out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(out, id.key, NULL, NULL, 0, NULL, NULL);
    id.key_pem = pem_of(out);
    return id;
}

static inline struct identity identity_new(const char *name, bool is_rsa, const struct identity *by)
{
    return identity_named(name, (int)strlen(name), is_rsa, by);
}

static inline void identity_free(struct identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    free(id->cert_pem);
    free(id->key_pem);
}

static inline SSL_CTX *server_context(const struct identity *server, const struct identity *clients)
{
    char why[TLS_WHY_MAX] = "";
    SSL_CTX *ctx = tls_new(bytes_str(server->cert_pem), bytes_str(server->key_pem),
                           clients ? bytes_str(clients->cert_pem) : BYTES_NONE, SETTINGS_TLS_1_2, why);

    if (!ctx) {
        print_error("%s\n", why);
    }
    assert_non_null(ctx);
    return ctx;
}

/* A client on a socket; it verifies nothing, its own certificate is optional. */
static inline SSL *client_new(int fd, const struct identity *id, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    assert_non_null(ctx);
    if (id) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, id->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
    }
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    SSL_set_connect_state(ssl);
    return ssl;
}

#endif
