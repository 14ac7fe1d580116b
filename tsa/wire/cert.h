/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of an X.509 certificate (RFC 5280), as views into its DER: who, when, what for. It builds and trusts nothing;
 * chains are chain's work.
 */
#ifndef TSA_WIRE_CERT_H
#define TSA_WIRE_CERT_H

#include "tsa/wire/der.h"
#include "tsa/wire/digest.h"
#include "tsa/wire/gentime.h"

enum cert_usage { /* bits of keyUsage, RFC 5280 4.2.1.3 */
    CERT_USAGE_DIGITAL_SIGNATURE = 1u << 0,
    CERT_USAGE_NON_REPUDIATION = 1u << 1,
    CERT_USAGE_KEY_CERT_SIGN = 1u << 5,
    CERT_USAGE_CRL_SIGN = 1u << 6,
};

enum cert_eku { /* bits for the purposes that matter here */
    CERT_EKU_TIME_STAMPING = 1u << 0,
    CERT_EKU_CODE_SIGNING = 1u << 1,
    CERT_EKU_LIFETIME_SIGNING = 1u << 2,
    CERT_EKU_ANY = 1u << 3,
    CERT_EKU_WHQL = 1u << 4,
    CERT_EKU_OTHER = 1u << 15, /* one that is not named above */
};

struct cert {
    struct bytes der;        /* the whole certificate */
    struct bytes issuer;     /* Name with tag and length */
    struct bytes subject;    /* Name with tag and length */
    struct bytes serial;     /* contents of the INTEGER, shortest form */
    struct bytes spki;       /* SubjectPublicKeyInfo with tag and length */
    struct bytes extensions; /* contents of the SEQUENCE OF Extension, empty when there is none */
    struct gentime not_before, not_after;
    enum oid key_type;      /* OID_RSA, OID_EC_PUBLIC_KEY, OID_ED25519, OID_NONE */
    enum oid signature_alg; /* with which the issuer signed it; OID_NONE when unknown */
    bool has_key_usage, has_eku, eku_critical, is_ca;
    unsigned key_usage; /* enum cert_usage */
    unsigned eku;       /* enum cert_eku */
    unsigned num_eku;
};

/* cert_parse reads the facts; in must hold exactly one certificate and outlive *out. RC_CERT_MALFORMED. */
enum rc cert_parse(struct bytes in, struct cert *out) MUST_CHECK;

/* cert_get_extension finds an extension of a parsed certificate; *out_value is what stands in its OCTET STRING. False where it is not there. */
bool cert_get_extension(const struct cert *cert, enum oid type, struct bytes *out_value);

/* cert_check_timestamping enforces RFC 3161 2.3: end entity, extended key usage critical and timeStamping alone, key usage
 * absent or digitalSignature/nonRepudiation only. RC_CERT_EKU, RC_CERT_KEY_USAGE, RC_CERT_IS_CA. */
enum rc cert_check_timestamping(const struct cert *cert) MUST_CHECK;

/* cert_check_time tells whether t lies within the validity. RC_CERT_NOT_YET_VALID, RC_CERT_EXPIRED. */
enum rc cert_check_time(const struct cert *cert, struct gentime t) MUST_CHECK;

/* cert_matches tells whether issuer (Name with tag) and serial (shortest contents) name this certificate. */
bool cert_matches(const struct cert *cert, struct bytes issuer, struct bytes serial);

/* cert_name writes the common name, else the organisation, else the last attribute, of a Name as UTF-8 text; returns out. */
char *cert_name(struct bytes name, char *out, size_t out_size);

/* cert_hash hashes the whole DER (SHA-256 for ESSCertIDv2, SHA-1 for thumbprints). */
enum rc cert_hash(const struct cert *cert, enum digest alg, uint8_t out[DIGEST_MAX]) MUST_CHECK;

/* cert_put_issuer_and_serial writes IssuerAndSerialNumber, cert_put_ess_v2 the attribute value SigningCertificateV2 (RFC 5035)
 * naming this certificate alone, hashAlgorithm omitted for SHA-256. */
void cert_put_issuer_and_serial(struct wbuf *w, const struct cert *cert);
enum rc cert_put_ess_v2(struct wbuf *w, const struct cert *cert, enum digest alg) MUST_CHECK;

/* cert_next takes the next element off the front of a CertificateSet's contents; certificates only, other choices (attribute
 * certificates, [0]..[3]) are skipped. False at the end or where the rest is malformed. */
bool cert_next(struct bytes *rest, struct bytes *out_cert);

/* cert_find looks for the certificate with that issuer and serial in a CertificateSet's contents. RC_CERT_NOT_FOUND. */
enum rc cert_find(struct bytes set, struct bytes issuer, struct bytes serial, struct cert *out) MUST_CHECK;

#endif
