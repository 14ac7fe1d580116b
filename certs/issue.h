/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One certificate (RFC 5280) from a template, signed by a CA's key or by its own. It asks no questions: what a good template
 * is, certrules and the lab know; tests make bad ones with it.
 */
#ifndef CERTS_ISSUE_H
#define CERTS_ISSUE_H

#include <openssl/evp.h>

#include "tsa/wire/cert.h"

struct issue {
    const char *common_name, *organization; /* UTF-8; organization may be NULL */
    struct gentime not_before, not_after;   /* whole seconds count */
    EVP_PKEY *key; /* the subject's; its public half is enough unless it signs itself */
    bool is_ca;
    int path_len;             /* of a CA: CAs below it; negative = any number */
    unsigned key_usage;       /* enum cert_usage; 0 = no such extension */
    const enum oid *purposes; /* extKeyUsage, up to OID_NONE; NULL = no such extension */
    bool purposes_critical;
    enum oid policy;      /* certificatePolicies; OID_NONE = no such extension */
    struct bytes issuer;  /* the CA's certificate, DER; empty = signed by its own key */
    EVP_PKEY *issuer_key; /* the CA's private key; not looked at where it signs itself */
    enum digest digest;   /* of the signature; not looked at for Ed25519 */
};

/* issue_certificate appends the DER. The serial number is random, 127 bits. RC_CRYPTO, RC_CERT_MALFORMED (the issuer's). */
enum rc issue_certificate(const struct issue *issue, struct wbuf *out) MUST_CHECK;

#endif
