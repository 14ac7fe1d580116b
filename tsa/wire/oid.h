/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of object identifiers. Elsewhere an OID is an enum oid where it is known, a view of its contents octets
 * where it may be anything (a policy).
 */
#ifndef TSA_WIRE_OID_H
#define TSA_WIRE_OID_H

#include "tsa/wire/wbuf.h"

/* X(NAME, "dotted", "name") */
#define OID_TABLE(X)                                                                                         \
    X(DATA, "1.2.840.113549.1.7.1", "data")                                                                  \
    X(SIGNED_DATA, "1.2.840.113549.1.7.2", "signedData")                                                     \
    X(CONTENT_TYPE, "1.2.840.113549.1.9.3", "contentType")                                                   \
    X(MESSAGE_DIGEST, "1.2.840.113549.1.9.4", "messageDigest")                                               \
    X(SIGNING_TIME, "1.2.840.113549.1.9.5", "signingTime")                                                   \
    X(COUNTER_SIGNATURE, "1.2.840.113549.1.9.6", "counterSignature")                                         \
    X(TST_INFO, "1.2.840.113549.1.9.16.1.4", "id-ct-TSTInfo")                                                \
    X(TIME_STAMP_TOKEN, "1.2.840.113549.1.9.16.2.14", "id-aa-timeStampToken")                                \
    X(SIGNING_CERTIFICATE, "1.2.840.113549.1.9.16.2.12", "signingCertificate")                               \
    X(SIGNING_CERTIFICATE_V2, "1.2.840.113549.1.9.16.2.47", "signingCertificateV2")                          \
    X(CMS_ALGORITHM_PROTECTION, "1.2.840.113549.1.9.52", "CMSAlgorithmProtection")                           \
    X(SEQUENCE_NUMBER, "1.2.840.113549.1.9.25.4", "sequenceNumber")                                          \
    X(KP_TIME_STAMPING, "1.3.6.1.5.5.7.3.8", "timeStamping")                                                 \
    X(KP_CODE_SIGNING, "1.3.6.1.5.5.7.3.3", "codeSigning")                                                   \
    X(KP_ANY, "2.5.29.37.0", "anyExtendedKeyUsage")                                                          \
    X(KP_LIFETIME_SIGNING, "1.3.6.1.4.1.311.10.3.13", "lifetimeSigning")                                     \
    X(KP_WHQL, "1.3.6.1.4.1.311.10.3.5", "windowsHardwareDriverVerification")                                \
    X(KP_WHQL_ATTESTED, "1.3.6.1.4.1.311.10.3.5.1", "windowsHardwareDriverAttested")                         \
    X(KP_SYSTEM_COMPONENT, "1.3.6.1.4.1.311.10.3.6", "windowsSystemComponentVerification")                   \
    X(KP_KERNEL_MODE, "1.3.6.1.4.1.311.61.1.1", "kernelModeCodeSigning")                                     \
    X(CE_SUBJECT_KEY_ID, "2.5.29.14", "subjectKeyIdentifier")                                                \
    X(CE_KEY_USAGE, "2.5.29.15", "keyUsage")                                                                 \
    X(CE_BASIC_CONSTRAINTS, "2.5.29.19", "basicConstraints")                                                 \
    X(CE_CERTIFICATE_POLICIES, "2.5.29.32", "certificatePolicies")                                           \
    X(CE_AUTHORITY_KEY_ID, "2.5.29.35", "authorityKeyIdentifier")                                            \
    X(CE_EXT_KEY_USAGE, "2.5.29.37", "extKeyUsage")                                                          \
    X(CE_PRIVATE_KEY_USAGE_PERIOD, "2.5.29.16", "privateKeyUsagePeriod")                                     \
    X(AT_COMMON_NAME, "2.5.4.3", "CN")                                                                       \
    X(AT_ORGANIZATION, "2.5.4.10", "O")                                                                      \
    X(SPC_TIME_STAMP_REQUEST, "1.3.6.1.4.1.311.3.2.1", "timeStampRequest")                                   \
    X(SPC_RFC3161, "1.3.6.1.4.1.311.3.3.1", "rfc3161Countersign")                                            \
    X(SPC_INDIRECT_DATA, "1.3.6.1.4.1.311.2.1.4", "spcIndirectData")                                         \
    X(SPC_STATEMENT_TYPE, "1.3.6.1.4.1.311.2.1.11", "spcStatementType")                                      \
    X(SPC_SP_OPUS_INFO, "1.3.6.1.4.1.311.2.1.12", "spcSpOpusInfo")                                           \
    X(SPC_PE_IMAGE_DATA, "1.3.6.1.4.1.311.2.1.15", "spcPeImageData")                                         \
    X(SPC_CAB_DATA, "1.3.6.1.4.1.311.2.1.25", "spcCabData")                                                  \
    X(SPC_SIPINFO, "1.3.6.1.4.1.311.2.1.30", "spcSipInfo")                                                   \
    X(SPC_PAGE_HASH_V1, "1.3.6.1.4.1.311.2.3.1", "peImagePageHashesV1")                                      \
    X(SPC_PAGE_HASH_V2, "1.3.6.1.4.1.311.2.3.2", "peImagePageHashesV2")                                      \
    X(SPC_NESTED_SIGNATURE, "1.3.6.1.4.1.311.2.4.1", "nestedSignature")                                      \
    X(CTL, "1.3.6.1.4.1.311.10.1", "certTrustList")                                                          \
    X(MD5, "1.2.840.113549.2.5", "md5")                                                                      \
    X(SHA1, "1.3.14.3.2.26", "sha1")                                                                         \
    X(SHA256, "2.16.840.1.101.3.4.2.1", "sha256")                                                            \
    X(SHA384, "2.16.840.1.101.3.4.2.2", "sha384")                                                            \
    X(SHA512, "2.16.840.1.101.3.4.2.3", "sha512")                                                            \
    X(RSA, "1.2.840.113549.1.1.1", "rsaEncryption")                                                          \
    X(RSA_MD5, "1.2.840.113549.1.1.4", "md5WithRSAEncryption")                                               \
    X(RSA_SHA1, "1.2.840.113549.1.1.5", "sha1WithRSAEncryption")                                             \
    X(RSA_PSS, "1.2.840.113549.1.1.10", "rsassaPss")                                                         \
    X(RSA_SHA256, "1.2.840.113549.1.1.11", "sha256WithRSAEncryption")                                        \
    X(RSA_SHA384, "1.2.840.113549.1.1.12", "sha384WithRSAEncryption")                                        \
    X(RSA_SHA512, "1.2.840.113549.1.1.13", "sha512WithRSAEncryption")                                        \
    X(EC_PUBLIC_KEY, "1.2.840.10045.2.1", "ecPublicKey")                                                     \
    X(ECDSA_SHA1, "1.2.840.10045.4.1", "ecdsa-with-SHA1")                                                    \
    X(ECDSA_SHA256, "1.2.840.10045.4.3.2", "ecdsa-with-SHA256")                                              \
    X(ECDSA_SHA384, "1.2.840.10045.4.3.3", "ecdsa-with-SHA384")                                              \
    X(ECDSA_SHA512, "1.2.840.10045.4.3.4", "ecdsa-with-SHA512")                                              \
    X(ED25519, "1.3.101.112", "ed25519")                                                                     \
    X(LAB_POLICY, "2.999.3161.1", "lab")                                                                     \
    X(LAB_TIME_POLICY, "2.999.3161.2", "lab-fenced-time")

enum oid {
    OID_NONE, /* not in the table */
#define OID_ENUM(name, dotted, text) OID_##name,
    OID_TABLE(OID_ENUM)
#undef OID_ENUM
        OID_NUM
};

#define OID_TEXT_MAX 200 /* room for a dotted text with its NUL */

/* oid_bytes gives the contents octets (without tag and length); static. Empty for OID_NONE. */
struct bytes oid_bytes(enum oid oid);

/* oid_find looks contents octets up; OID_NONE when they are not in the table. */
enum oid oid_find(struct bytes contents);

/* oid_name gives the short name ("sha256"); static, never NULL. */
const char *oid_name(enum oid oid);

bool oid_is_valid(struct bytes contents); /* X.690 8.19: complete, minimal arcs */

/* oid_to_text writes dotted digits, cut to what fits; returns out. oid_from_text appends the contents octets. RC_OID_TEXT. */
char *oid_to_text(struct bytes contents, char *out, size_t out_size);
enum rc oid_from_text(const char *text, struct wbuf *out) MUST_CHECK;

/* oid_put writes the OID with tag and length. */
void oid_put(struct wbuf *w, enum oid oid);

#endif
