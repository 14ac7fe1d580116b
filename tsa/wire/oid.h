/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of object identifiers. Elsewhere an OID is an enum oid where it is known, a view of its contents octets
 * where it may be anything (a policy).
 */
#ifndef TSA_WIRE_OID_H
#define TSA_WIRE_OID_H

#include "tsa/wire/wbuf.h"

/* X(NAME, "dotted", "name", "contents octets") */
#define OID_TABLE(X)                                                                                         \
    X(DATA, "1.2.840.113549.1.7.1", "data", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")                          \
    X(SIGNED_DATA, "1.2.840.113549.1.7.2", "signedData", "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")             \
    X(CONTENT_TYPE, "1.2.840.113549.1.9.3", "contentType", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03")           \
    X(MESSAGE_DIGEST, "1.2.840.113549.1.9.4", "messageDigest", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04")       \
    X(SIGNING_TIME, "1.2.840.113549.1.9.5", "signingTime", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05")           \
    X(COUNTER_SIGNATURE, "1.2.840.113549.1.9.6", "counterSignature", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06") \
    X(TST_INFO, "1.2.840.113549.1.9.16.1.4", "id-ct-TSTInfo",                                                \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04")                                                        \
    X(TIME_STAMP_TOKEN, "1.2.840.113549.1.9.16.2.14", "id-aa-timeStampToken",                                \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0e")                                                        \
    X(SIGNING_CERTIFICATE, "1.2.840.113549.1.9.16.2.12", "signingCertificate",                               \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0c")                                                        \
    X(SIGNING_CERTIFICATE_V2, "1.2.840.113549.1.9.16.2.47", "signingCertificateV2",                          \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f")                                                        \
    X(CMS_ALGORITHM_PROTECTION, "1.2.840.113549.1.9.52", "CMSAlgorithmProtection",                           \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x34")                                                                \
    X(SEQUENCE_NUMBER, "1.2.840.113549.1.9.25.4", "sequenceNumber",                                          \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x19\x04")                                                            \
    X(KP_TIME_STAMPING, "1.3.6.1.5.5.7.3.8", "timeStamping", "\x2b\x06\x01\x05\x05\x07\x03\x08")             \
    X(KP_CODE_SIGNING, "1.3.6.1.5.5.7.3.3", "codeSigning", "\x2b\x06\x01\x05\x05\x07\x03\x03")               \
    X(KP_ANY, "2.5.29.37.0", "anyExtendedKeyUsage", "\x55\x1d\x25\x00")                                      \
    X(KP_LIFETIME_SIGNING, "1.3.6.1.4.1.311.10.3.13", "lifetimeSigning",                                     \
      "\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x0d")                                                            \
    X(KP_WHQL, "1.3.6.1.4.1.311.10.3.5", "windowsHardwareDriverVerification",                                \
      "\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x05")                                                            \
    X(KP_WHQL_ATTESTED, "1.3.6.1.4.1.311.10.3.5.1", "windowsHardwareDriverAttested",                         \
      "\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x05\x01")                                                        \
    X(KP_SYSTEM_COMPONENT, "1.3.6.1.4.1.311.10.3.6", "windowsSystemComponentVerification",                   \
      "\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x06")                                                            \
    X(KP_KERNEL_MODE, "1.3.6.1.4.1.311.61.1.1", "kernelModeCodeSigning",                                     \
      "\x2b\x06\x01\x04\x01\x82\x37\x3d\x01\x01")                                                            \
    X(CE_SUBJECT_KEY_ID, "2.5.29.14", "subjectKeyIdentifier", "\x55\x1d\x0e")                                \
    X(CE_KEY_USAGE, "2.5.29.15", "keyUsage", "\x55\x1d\x0f")                                                 \
    X(CE_SUBJECT_ALT_NAME, "2.5.29.17", "subjectAltName", "\x55\x1d\x11")                                    \
    X(CE_BASIC_CONSTRAINTS, "2.5.29.19", "basicConstraints", "\x55\x1d\x13")                                 \
    X(CE_CERTIFICATE_POLICIES, "2.5.29.32", "certificatePolicies", "\x55\x1d\x20")                           \
    X(CE_AUTHORITY_KEY_ID, "2.5.29.35", "authorityKeyIdentifier", "\x55\x1d\x23")                            \
    X(CE_EXT_KEY_USAGE, "2.5.29.37", "extKeyUsage", "\x55\x1d\x25")                                          \
    X(CE_CRL_DISTRIBUTION_POINTS, "2.5.29.31", "cRLDistributionPoints", "\x55\x1d\x1f")                      \
    X(PE_AUTHORITY_INFO_ACCESS, "1.3.6.1.5.5.7.1.1", "authorityInfoAccess",                                  \
      "\x2b\x06\x01\x05\x05\x07\x01\x01")                                                                    \
    X(CE_PRIVATE_KEY_USAGE_PERIOD, "2.5.29.16", "privateKeyUsagePeriod", "\x55\x1d\x10")                     \
    X(AT_COMMON_NAME, "2.5.4.3", "CN", "\x55\x04\x03")                                                       \
    X(AT_ORGANIZATION, "2.5.4.10", "O", "\x55\x04\x0a")                                                      \
    X(SPC_TIME_STAMP_REQUEST, "1.3.6.1.4.1.311.3.2.1", "timeStampRequest",                                   \
      "\x2b\x06\x01\x04\x01\x82\x37\x03\x02\x01")                                                            \
    X(SPC_RFC3161, "1.3.6.1.4.1.311.3.3.1", "rfc3161Countersign",                                            \
      "\x2b\x06\x01\x04\x01\x82\x37\x03\x03\x01")                                                            \
    X(SPC_INDIRECT_DATA, "1.3.6.1.4.1.311.2.1.4", "spcIndirectData",                                         \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04")                                                            \
    X(SPC_STATEMENT_TYPE, "1.3.6.1.4.1.311.2.1.11", "spcStatementType",                                      \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0b")                                                            \
    X(SPC_SP_OPUS_INFO, "1.3.6.1.4.1.311.2.1.12", "spcSpOpusInfo",                                           \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0c")                                                            \
    X(SPC_PE_IMAGE_DATA, "1.3.6.1.4.1.311.2.1.15", "spcPeImageData",                                         \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f")                                                            \
    X(SPC_CAB_DATA, "1.3.6.1.4.1.311.2.1.25", "spcCabData", "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x19")      \
    X(SPC_SIPINFO, "1.3.6.1.4.1.311.2.1.30", "spcSipInfo", "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x1e")       \
    X(SPC_PAGE_HASH_V1, "1.3.6.1.4.1.311.2.3.1", "peImagePageHashesV1",                                      \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x03\x01")                                                            \
    X(SPC_PAGE_HASH_V2, "1.3.6.1.4.1.311.2.3.2", "peImagePageHashesV2",                                      \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x03\x02")                                                            \
    X(SPC_NESTED_SIGNATURE, "1.3.6.1.4.1.311.2.4.1", "nestedSignature",                                      \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x04\x01")                                                            \
    X(SPC_SEALING_SIGNATURE, "1.3.6.1.4.1.311.2.4.3", "sealingSignature",                                    \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x04\x03")                                                            \
    X(SPC_SEALING_TIMESTAMP, "1.3.6.1.4.1.311.2.4.4", "sealingTimestamp",                                    \
      "\x2b\x06\x01\x04\x01\x82\x37\x02\x04\x04")                                                            \
    X(CTL, "1.3.6.1.4.1.311.10.1", "certTrustList", "\x2b\x06\x01\x04\x01\x82\x37\x0a\x01")                  \
    X(CATALOG_LIST, "1.3.6.1.4.1.311.12.1.1", "catalogList", "\x2b\x06\x01\x04\x01\x82\x37\x0c\x01\x01")     \
    X(CATALOG_MEMBER, "1.3.6.1.4.1.311.12.1.2", "catalogListMember",                                         \
      "\x2b\x06\x01\x04\x01\x82\x37\x0c\x01\x02")                                                            \
    X(CATALOG_MEMBER_V2, "1.3.6.1.4.1.311.12.1.3", "catalogListMemberV2",                                    \
      "\x2b\x06\x01\x04\x01\x82\x37\x0c\x01\x03")                                                            \
    X(CATALOG_NAME_VALUE, "1.3.6.1.4.1.311.12.2.1", "catalogNameValue",                                      \
      "\x2b\x06\x01\x04\x01\x82\x37\x0c\x02\x01")                                                            \
    X(CATALOG_MEMBER_INFO, "1.3.6.1.4.1.311.12.2.2", "catalogMemberInfo",                                    \
      "\x2b\x06\x01\x04\x01\x82\x37\x0c\x02\x02")                                                            \
    X(CATALOG_MEMBER_INFO_V2, "1.3.6.1.4.1.311.12.2.3", "catalogMemberInfoV2",                               \
      "\x2b\x06\x01\x04\x01\x82\x37\x0c\x02\x03")                                                            \
    X(MD5, "1.2.840.113549.2.5", "md5", "\x2a\x86\x48\x86\xf7\x0d\x02\x05")                                  \
    X(SHA1, "1.3.14.3.2.26", "sha1", "\x2b\x0e\x03\x02\x1a")                                                 \
    X(SHA256, "2.16.840.1.101.3.4.2.1", "sha256", "\x60\x86\x48\x01\x65\x03\x04\x02\x01")                    \
    X(SHA384, "2.16.840.1.101.3.4.2.2", "sha384", "\x60\x86\x48\x01\x65\x03\x04\x02\x02")                    \
    X(SHA512, "2.16.840.1.101.3.4.2.3", "sha512", "\x60\x86\x48\x01\x65\x03\x04\x02\x03")                    \
    X(RSA, "1.2.840.113549.1.1.1", "rsaEncryption", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")                  \
    X(RSA_MD5, "1.2.840.113549.1.1.4", "md5WithRSAEncryption", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04")       \
    X(RSA_SHA1, "1.2.840.113549.1.1.5", "sha1WithRSAEncryption", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05")     \
    X(MGF1, "1.2.840.113549.1.1.8", "mgf1", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08")                          \
    X(RSA_SHA1_OIW, "1.3.14.3.2.29", "sha1WithRSA", "\x2b\x0e\x03\x02\x1d")                                  \
    X(RSA_PSS, "1.2.840.113549.1.1.10", "rsassaPss", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")                 \
    X(RSA_SHA256, "1.2.840.113549.1.1.11", "sha256WithRSAEncryption",                                        \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b")                                                                \
    X(RSA_SHA384, "1.2.840.113549.1.1.12", "sha384WithRSAEncryption",                                        \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c")                                                                \
    X(RSA_SHA512, "1.2.840.113549.1.1.13", "sha512WithRSAEncryption",                                        \
      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d")                                                                \
    X(EC_PUBLIC_KEY, "1.2.840.10045.2.1", "ecPublicKey", "\x2a\x86\x48\xce\x3d\x02\x01")                     \
    X(ECDSA_SHA1, "1.2.840.10045.4.1", "ecdsa-with-SHA1", "\x2a\x86\x48\xce\x3d\x04\x01")                    \
    X(ECDSA_SHA256, "1.2.840.10045.4.3.2", "ecdsa-with-SHA256", "\x2a\x86\x48\xce\x3d\x04\x03\x02")          \
    X(ECDSA_SHA384, "1.2.840.10045.4.3.3", "ecdsa-with-SHA384", "\x2a\x86\x48\xce\x3d\x04\x03\x03")          \
    X(ECDSA_SHA512, "1.2.840.10045.4.3.4", "ecdsa-with-SHA512", "\x2a\x86\x48\xce\x3d\x04\x03\x04")          \
    X(ED25519, "1.3.101.112", "ed25519", "\x2b\x65\x70")                                                     \
    X(LAB_POLICY, "2.999.3161.1", "lab", "\x88\x37\x98\x59\x01")                                             \
    X(LAB_TIME_POLICY, "2.999.3161.2", "lab-fenced-time", "\x88\x37\x98\x59\x02")

enum oid {
    OID_NONE, /* not in the table */
#define OID_ENUM(name, dotted, text, octets) OID_##name,
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
