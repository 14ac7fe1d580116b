/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate chains, built and checked by libcrypto's X509 functions: to anchors, at a time, for a purpose. What is not an
 * anchor is never trusted, wherever it came from.
 */
#ifndef TSA_WIRE_CHAIN_H
#define TSA_WIRE_CHAIN_H

#include "tsa/wire/cert.h"

struct chain_anchors; /* a set of trusted roots, and of CRLs; read-only while checks run */

struct chain_anchors *chain_anchors_new(void);
void chain_anchors_free(struct chain_anchors *anchors);

/* chain_anchors_add takes one DER certificate as trusted (self-signed or not); it is copied. */
enum rc chain_anchors_add(struct chain_anchors *anchors, struct bytes der) MUST_CHECK;
/* chain_anchors_add_crl adds a DER CRL; from then on a revoked certificate fails, a missing or outdated CRL does not. What was
 * revoked later than the time in question stays good, but a timestamp only where the reason says that the
 * key was not at fault (RFC 3161 4). RC_CERT_MALFORMED. */
enum rc chain_anchors_add_crl(struct chain_anchors *anchors, struct bytes der) MUST_CHECK;
/* chain_anchors_add_system adds the host's store (OpenSSL's default paths); certificates in its folder count only when used. */
enum rc chain_anchors_add_system(struct chain_anchors *anchors) MUST_CHECK;
size_t chain_anchors_count(const struct chain_anchors *anchors);

#define CHAIN_OTHERS_MAX                                                                                     \
    250 /* of the intermediates more are not looked at: each costs libcrypto a part of a millisecond */

enum chain_purpose {
    CHAIN_TIME_STAMPING,
    CHAIN_CODE_SIGNING,
    CHAIN_ANY
};

struct chain_query {
    const struct chain_anchors *anchors;
    struct bytes leaf; /* DER */
    struct bytes
        intermediates; /* certificates one after the other (a CertificateSet's contents); untrusted */
    struct gentime at;
    enum chain_purpose purpose;
};

#define CHAIN_MAX 12

struct chain {
    struct bytes cert[CHAIN_MAX]; /* DER, leaf first; owned by storage below */
    size_t num;
    uint8_t *storage;
    enum digest
        weak; /* DIGEST_MD5 (or an older one) or DIGEST_SHA1 where a certificate below the last was signed with it */
    unsigned rsa_bits; /* of the shortest RSA key in it, the anchor's too; 0: there is none */
    char missing[160]; /* RC_CHAIN_UNTRUSTED: the issuer name that was not found */
};

/* chain_check builds and checks. *out holds the chain as far as it could be built, also after a failure; free with chain_clear.
 * RC_CHAIN_UNTRUSTED, RC_CHAIN_BROKEN, RC_CERT_EXPIRED, RC_CERT_NOT_YET_VALID, RC_CERT_EKU, RC_CHAIN_REVOKED, ... */
enum rc chain_check(const struct chain_query *query, struct chain *out) MUST_CHECK;
void chain_clear(struct chain *chain);

/* chain_order sorts certs (num DER certificates, any order) leaf first, each followed by its issuer, the root last or absent.
 * RC_CHAIN_BROKEN when they do not form one chain. */
enum rc chain_order(struct bytes *certs, size_t num) MUST_CHECK;

#endif
