/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of TLS (RFC 8446, RFC 5246) as this authority speaks it: what libssl offers beyond a plain handshake with forward secrecy is
 * off. A certificate of a client is verified by the handshake or ends it; which one may ask what is decided elsewhere.
 */
#include "tsa/http/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX    10 /* certificates of one text; of clients' authorities more */
#define CLIENT_DEPTH 6

/* What goes wrong in libcrypto stays in a queue of the thread; nobody else may find it there. */
static void *fail(char why[TLS_WHY_MAX], const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(why, TLS_WHY_MAX, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return NULL;
}

/* Never asks at a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *reader_of(struct bytes text)
{
    return text.len > 0 && text.len <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;
}

/* The certificates of a text, in order; NULL when there is none or one is malformed. */
static STACK_OF(X509) * read_certificates(struct bytes text)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *in = reader_of(text);
    X509 *cert = NULL;
    bool fine = list && in;

    ERR_clear_error();
    while (fine && (cert = PEM_read_bio_X509(in, NULL, no_passphrase, NULL))) {
        fine = sk_X509_push(list, cert) > 0;
        if (!fine) {
            X509_free(cert);
        }
    }
    /* The end of the text is told as an error too. */
    fine = fine && sk_X509_num(list) > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (fine) {
        ERR_clear_error();
    } else {
        sk_X509_pop_free(list, X509_free);
        list = NULL;
    }
    BIO_free(in);
    return list;
}

static bool use_chain(SSL_CTX *ctx, STACK_OF(X509) * chain)
{
    int i;

    if (SSL_CTX_use_certificate(ctx, sk_X509_value(chain, 0)) != 1) {
        return false;
    }
    for (i = 1; i < sk_X509_num(chain); i++) {
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) != 1) {
            return false;
        }
    }
    return true;
}

static bool use_key(SSL_CTX *ctx, struct bytes text)
{
    BIO *in = reader_of(text);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
    bool fine = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;

    EVP_PKEY_free(key);
    BIO_free(in);
    return fine;
}

static bool trust_clients(SSL_CTX *ctx, STACK_OF(X509) * authorities)
{
    int i;

    for (i = 0; i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);

        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), authority) != 1 ||
            SSL_CTX_add_client_CA(ctx, authority) != 1) {
            return false;
        }
    }
    /* Who has no certificate may come all the same: a unit decides whether it wants one. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(ctx, CLIENT_DEPTH);
    return true;
}

static SSL_CTX *new_context(enum settings_tls_version min)
{
    static const unsigned char name[] = "tsa";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(ctx, min == SETTINGS_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static const char *fill(SSL_CTX *ctx, struct bytes certificate, struct bytes key, struct bytes client_ca)
{
    STACK_OF(X509) *chain = read_certificates(certificate), *authorities = NULL;
    const char *wrong = NULL;

    if (!chain || sk_X509_num(chain) > CHAIN_MAX) {
        wrong = "the certificate file does not hold certificates in PEM, the server's first";
    } else if (!use_chain(ctx, chain)) {
        wrong = "the certificate can not be used";
    } else if (!use_key(ctx, key)) {
        wrong = "the key can not be used (it has to be the certificate's, in PEM, without a passphrase)";
    } else if (SSL_CTX_check_private_key(ctx) != 1) {
        wrong = "the key does not belong to the certificate";
    } else if (client_ca.len > 0 && !(authorities = read_certificates(client_ca))) {
        wrong = "the file of the clients' authorities does not hold certificates in PEM";
    } else if (authorities && !trust_clients(ctx, authorities)) {
        wrong = "the clients' authorities can not be used";
    }
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(authorities, X509_free);
    return wrong;
}

SSL_CTX *tls_new(struct bytes certificate, struct bytes key, struct bytes client_ca,
                 enum settings_tls_version min, char why[TLS_WHY_MAX])
{
    SSL_CTX *ctx = new_context(min);
    const char *wrong;

    if (!ctx) {
        return fail(why, "TLS is not to be had");
    }
    wrong = fill(ctx, certificate, key, client_ca);
    if (wrong) {
        SSL_CTX_free(ctx);
        return fail(why, wrong);
    }
    ERR_clear_error();
    return ctx;
}

/* ---- a handshake with itself ----------------------------------------------------------------------- */

/* Both ends in turns, until neither waits for the other any more. */
static bool shake_hands(SSL *server, SSL *client)
{
    int turns, s = 0, c = 0;

    for (turns = 0; turns < 20 && (s != 1 || c != 1); turns++) {
        c = SSL_do_handshake(client);
        s = SSL_do_handshake(server);
    }
    return s == 1 && c == 1;
}

static bool pass_octets(SSL *server, SSL *client)
{
    char octets[5];

    return SSL_write(client, "hello", 5) == 5 && SSL_read(server, octets, sizeof octets) == 5 &&
           SSL_write(server, octets, 5) == 5 && SSL_read(client, octets, sizeof octets) == 5 &&
           SSL_shutdown(server) >= 0;
}

static bool try_version(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version)
{
    SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
    BIO *near = NULL, *far = NULL;
    bool fine = server && client && SSL_set_min_proto_version(client, version) == 1 &&
                SSL_set_max_proto_version(client, version) == 1 && BIO_new_bio_pair(&near, 0, &far, 0) == 1;

    if (fine) {
        SSL_set_bio(server, near, near);
        SSL_set_bio(client, far, far);
        SSL_set_accept_state(server);
        SSL_set_connect_state(client);
        fine = shake_hands(server, client) && pass_octets(server, client);
    }
    SSL_free(server);
    SSL_free(client);
    return fine;
}

bool tls_try(SSL_CTX *ctx, char why[TLS_WHY_MAX])
{
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    bool fine = client && try_version(ctx, client, TLS1_3_VERSION);

    if (fine && SSL_CTX_get_min_proto_version(ctx) < TLS1_3_VERSION) {
        fine = try_version(ctx, client, TLS1_2_VERSION);
    }
    SSL_CTX_free(client);
    if (!fine) {
        (void)fail(why, "no handshake can be made with this certificate and key");
    }
    ERR_clear_error();
    return fine;
}

/* ---- who the client is ----------------------------------------------------------------------------- */

/* A name that is cut, or holds what is not seen, could be taken for another one. */
static bool copy_name(const ASN1_STRING *value, char out[TLS_NAME_MAX])
{
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, value), i;
    bool fine = len > 0 && len < TLS_NAME_MAX;

    for (i = 0; fine && i < len; i++) {
        fine = text[i] >= 0x20 && text[i] != 0x7f;
    }
    if (fine) {
        memcpy(out, text, (size_t)len);
        out[len] = 0;
    }
    OPENSSL_free(text);
    return fine;
}

const char *tls_client_name(const SSL *ssl, char out[TLS_NAME_MAX])
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    const X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
    int at = name ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;

    if (!cert || SSL_get_verify_result(ssl) != X509_V_OK) {
        return NULL;
    }
    out[0] = 0;
    if (at >= 0 && X509_NAME_get_index_by_NID(name, NID_commonName, at) < 0 &&
        !copy_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), out)) {
        out[0] = 0;
    }
    return out;
}

/* ---- a connection ---------------------------------------------------------------------------------- */

void tls_say_end(SSL *ssl)
{
    if (SSL_is_init_finished(ssl) && !(SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)) {
        (void)SSL_shutdown(ssl);
    }
    ERR_clear_error();
}
