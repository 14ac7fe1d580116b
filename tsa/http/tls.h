/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the extra listener: one context from a certificate, its key and the authorities of clients. The key is the server's, not one that
 * signs timestamps: it is in the front's memory, since the handshake is. No compression, no renegotiation, no tickets (fronts share no secret), buffers
 * given back when a connection is idle. TLS 1.2 with forward secrecy, or 1.3.
 */
#ifndef TSA_HTTP_TLS_H
#define TSA_HTTP_TLS_H

#include <openssl/ssl.h>

#include "tsa/role/settings.h"
#include "tsa/wire/bytes.h"

#define TLS_WHY_MAX 200

/* tls_new makes the context from PEM texts; client_ca may be empty: no client certificate is asked for. NULL: why says what is wrong (the certificate
 * can not be read, the key does not belong to it, ...). Free with SSL_CTX_free. The caller cleanses the key's text. */
SSL_CTX *tls_new(struct bytes certificate, struct bytes key, struct bytes client_ca,
                 enum settings_tls_version min, char why[TLS_WHY_MAX]);

/* tls_try makes handshakes in memory with itself, so that all that libcrypto loads at its first use is there before a jail closes. False: why says that
 * certificate and key are of no use. */
bool tls_try(SSL_CTX *ctx, char why[TLS_WHY_MAX]) MUST_CHECK;

/* tls_client_name writes the common name of the client's certificate, which has been verified; NULL when it has sent none. A certificate without
 * exactly one printable common name of less than TLS_NAME_MAX octets has the name "". */
#define TLS_NAME_MAX 128
const char *tls_client_name(const SSL *ssl, char out[TLS_NAME_MAX]);

/* tls_say_end sends close_notify once, where a handshake has been made; the error queue of the thread is empty afterwards. */
void tls_say_end(SSL *ssl);

#endif
