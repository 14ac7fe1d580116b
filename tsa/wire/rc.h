/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every reason for which a parse, a build or a check can fail, in one table: a stable word for programs
 * and a sentence for people. RC_OK is 0. A predicate is a bool, never an enum rc; an enum rc is never a count.
 * What a reason means to a client (PKIFailureInfo, HTTP status, exit code) stands in tables beside their users.
 */
#ifndef TSA_WIRE_RC_H
#define TSA_WIRE_RC_H

#define MUST_CHECK __attribute__((warn_unused_result))

/* X(NAME, "stable-word", "sentence") */
#define RC_TABLE(X)                                                                                          \
    X(OK, "ok", "done")                                                                                      \
    X(NO_MEMORY, "no-memory", "out of memory")                                                               \
    X(TOO_LARGE, "too-large", "larger than the limit")                                                       \
    X(CRYPTO, "crypto", "libcrypto failed")                                                                  \
    /* der */                                                                                                \
    X(DER_TRUNCATED, "der-truncated", "the DER data ends inside an element")                                 \
    X(DER_TRAILING, "der-trailing", "bytes follow the end of the DER element")                               \
    X(DER_TAG, "der-tag", "an element has another type than the format asks for")                            \
    X(DER_LENGTH, "der-length", "a length is not in the shortest form, is indefinite, or is too large")      \
    X(DER_DEPTH, "der-depth", "elements are nested too deep")                                                \
    X(DER_INTEGER, "der-integer", "an INTEGER is empty, not minimal, negative or too large")                 \
    X(DER_BOOLEAN, "der-boolean", "a BOOLEAN is neither 00 nor FF")                                          \
    X(DER_BIT_STRING, "der-bit-string", "a BIT STRING is malformed")                                         \
    X(DER_OID, "der-oid", "an OBJECT IDENTIFIER is malformed")                                               \
    X(DER_NULL, "der-null", "a NULL has contents")                                                           \
    X(DER_DEFAULT, "der-default", "a DEFAULT value is encoded")                                              \
    /* base64, gentime, oid, digest */                                                                       \
    X(BASE64, "base64", "the text is not base64")                                                            \
    X(TIME_FORM, "time-form", "a time is not in the form that DER and RFC 3161 ask for")                     \
    X(TIME_RANGE, "time-range", "a time is outside what its type can hold")                                  \
    X(OID_TEXT, "oid-text", "the text is not an object identifier such as 1.2.840.113549")                   \
    X(DIGEST_UNKNOWN, "digest-unknown", "the digest algorithm is not known here")                            \
    X(DIGEST_LENGTH, "digest-length", "the digest has another length than its algorithm gives")              \
    /* cert, chain */                                                                                        \
    X(CERT_MALFORMED, "cert-malformed", "the certificate can not be parsed")                                 \
    X(CERT_NOT_FOUND, "cert-not-found", "the signer's certificate is not there")                             \
    X(CERT_EKU, "cert-eku", "the certificate's extended key usage does not allow this use")                  \
    X(CERT_KEY_USAGE, "cert-key-usage", "the certificate's key usage does not allow signatures")             \
    X(CERT_IS_CA, "cert-is-ca", "the certificate is a CA's")                                                 \
    X(CERT_NOT_YET_VALID, "cert-not-yet-valid", "the certificate is not valid yet at that time")             \
    X(CERT_EXPIRED, "cert-expired", "the certificate had expired at that time")                              \
    X(CERT_KEY_MISMATCH, "cert-key-mismatch", "the private key does not belong to the certificate")          \
    X(CHAIN_UNTRUSTED, "chain-untrusted", "the certificate chain reaches no trusted root")                   \
    X(CHAIN_BROKEN, "chain-broken", "the certificate chain is broken")                                       \
    X(CHAIN_WEAK, "chain-weak", "a certificate of the chain is signed with a digest too weak")               \
    X(CHAIN_REVOKED, "chain-revoked", "a certificate of the chain was revoked")                              \
    /* tsp */                                                                                                \
    X(TSP_VERSION, "tsp-version", "the version is not 1")                                                    \
    X(TSP_EXTENSION, "tsp-extension", "the request carries an extension")                                    \
    X(TSP_NONCE_SIZE, "tsp-nonce-size", "the nonce is longer than 64 octets")                                \
    X(TSP_STATUS, "tsp-status", "the PKIStatusInfo is malformed or has an unknown value")                    \
    X(TSP_REFUSED, "tsp-refused", "the authority refused the request")                                       \
    X(TSP_TOKEN_MISSING, "tsp-token-missing", "the reply says granted but holds no token")                   \
    X(TSP_TOKEN_UNEXPECTED, "tsp-token-unexpected", "the reply refuses but holds a token")                   \
    X(TSP_ACCURACY, "tsp-accuracy", "the accuracy is out of range")                                          \
    X(TSP_POLICY, "tsp-policy", "the requested policy is not served here")                                   \
    X(TSP_DIGEST_REFUSED, "tsp-digest-refused", "the imprint's digest algorithm is not accepted here")       \
    /* cms */                                                                                                \
    X(CMS_TYPE, "cms-type", "the ContentInfo is not SignedData")                                             \
    X(CMS_VERSION, "cms-version", "the SignedData or SignerInfo has the wrong version")                      \
    X(CMS_CONTENT_TYPE, "cms-content-type", "the signed content has another type than expected")             \
    X(CMS_NO_CONTENT, "cms-no-content", "the signed content is not there")                                   \
    X(CMS_SIGNERS, "cms-signers", "there is not exactly one SignerInfo")                                     \
    X(CMS_SIGNER_ID, "cms-signer-id", "the signer identifier is malformed")                                  \
    X(CMS_NO_SIGNED_ATTRS, "cms-no-signed-attrs", "the signed attributes are not there")                     \
    X(CMS_ATTR_MISSING, "cms-attr-missing", "a required attribute is not there")                             \
    X(CMS_ATTR_REPEATED, "cms-attr-repeated", "an attribute stands more than once or has several values")    \
    X(CMS_ATTR_CONTENT_TYPE, "cms-attr-content-type", "the contentType attribute differs from the content")  \
    X(CMS_MESSAGE_DIGEST, "cms-message-digest", "the messageDigest attribute differs from the content")      \
    X(CMS_SIGNATURE, "cms-signature", "the signature does not verify")                                       \
    X(CMS_SIGNATURE_ALG, "cms-signature-alg", "the signature algorithm is not supported")                    \
    X(CMS_ALGORITHM_PROTECTION, "cms-algorithm-protection", "the protected algorithms differ")               \
    X(CMS_CERTS_ONLY, "certificates-only", "it holds certificates alone")                                    \
    /* token, verify */                                                                                      \
    X(TOKEN_NO_ESS, "token-no-ess", "the signingCertificate attribute is not there")                         \
    X(TOKEN_ESS_MISMATCH, "token-ess-mismatch",                                                              \
      "the signingCertificate attribute names another certificate")                                          \
    X(TOKEN_IMPRINT, "token-imprint", "the token is for other data (imprint differs)")                       \
    X(TOKEN_NONCE, "token-nonce", "the nonce differs from the request's")                                    \
    X(TOKEN_POLICY, "token-policy", "the policy differs from the requested one")                             \
    X(TOKEN_CRITICAL_EXTENSION, "token-critical-extension", "the TSTInfo has an unknown critical extension") \
    X(TOKEN_TSA_NAME, "token-tsa-name", "the tsa name is not the signer certificate's")                      \
    X(TOKEN_TIME, "token-time", "the time lies too far from the local clock")                                \
    /* msauth */                                                                                             \
    X(MSAUTH_FORM, "msauth-form", "the body is not an Authenticode timestamp request")                       \
    X(MSAUTH_BLOB_SIZE, "msauth-blob-size", "the signature to countersign has an impossible size")           \
    X(MSAUTH_CONTENT, "msauth-content", "the countersignature is for other data")                            \
    X(MSAUTH_NO_TIME, "msauth-no-time", "the countersignature has no signingTime")                           \
    /* issuer */                                                                                             \
    X(CLOCK_BACKWARDS, "clock-backwards", "the clock ran backwards")                                         \
    X(CLOCK_UNKNOWN, "clock-unknown", "nothing is known of the clock yet")                                   \
    X(CLOCK_STALE, "clock-stale", "the process that watches the clock has stopped reporting")                \
    X(CLOCK_UNREACHABLE, "clock-unreachable", "the clock's source does not answer")                          \
    X(CLOCK_UNSYNCHRONISED, "clock-unsynchronised", "the clock is not synchronised")                         \
    X(CLOCK_LOCAL, "clock-local", "the clock's source follows nothing but itself")                           \
    X(CLOCK_OLD, "clock-old", "the clock was not compared with its reference for too long")                  \
    X(CLOCK_BOUND, "clock-bound", "the clock may be wrong by more than the declared accuracy allows")        \
    X(CLOCK_DISAGREES, "clock-disagrees", "the time servers do not agree with each other or the clock")      \
    X(CLOCK_UNCONFIRMED, "clock-unconfirmed", "too few of the time servers that confirm the clock answer")   \
    X(CLOCK_STEPPED, "clock-stepped", "the clock was set")                                                   \
    X(CLOCK_LEAP, "clock-leap", "a leap second is near")                                                     \
    X(KEY_USE_OVER, "key-use-over", "the private key was in use for as long as it may be")                   \
    X(LAB_TIME_CHAIN, "lab-time-chain", "lab time is for certificates that the lab authority has made")      \
    X(LEDGER_WRITE, "ledger-write", "the record can not be written")                                         \
    X(LEDGER_DAMAGED, "ledger-damaged", "the record is damaged")                                             \
    X(SIGNER_FAILED, "signer-failed", "the private key could not sign")                                      \
    X(SELF_CHECK, "self-check", "the signature just made does not verify")                                   \
    X(UNIT_UNKNOWN, "unit-unknown", "there is no such unit")                                                 \
    X(UNIT_PROTOCOL, "unit-protocol", "this unit does not answer that protocol")                             \
    X(OVERLOADED, "overloaded", "too many requests are waiting")                                             \
    X(ISSUER_GONE, "issuer-gone", "the signing process is not there")                                        \
    X(FORBIDDEN, "forbidden", "this address may not ask here")                                               \
    X(CLIENT_CERTIFICATE, "client-certificate", "this unit wants a client certificate that it knows")        \
    X(RATE, "rate", "too many requests came from this address")                                              \
    X(CROWDED, "crowded", "too many connections came from this address")                                     \
    X(MSG_MALFORMED, "msg-malformed", "a message between two processes is malformed")                        \
    X(STOPPING, "stopping", "the authority stops now")                                                       \
    X(ISSUER_SILENT, "issuer-silent", "the signing process does not answer")                                 \
    /* base, files */                                                                                        \
    X(IO, "io-error", "the file can not be read or written")                                                 \
    X(NOT_FOUND, "not-found", "there is nothing of that name")                                               \
    X(CONFIG, "config", "the configuration has an error")                                                    \
    /* certs */                                                                                              \
    X(KEY_MALFORMED, "key-malformed", "this is no private key")                                              \
    X(KEY_KIND, "key-kind", "the private key is of a kind or size that is not used here")                    \
    X(KEY_PASSPHRASE, "key-passphrase", "the private key is encrypted; the passphrase is missing or wrong")  \
    X(KEY_EXPOSED, "key-exposed", "the private key lies open: the file must be yours and have mode 0600")    \
    /* container */                                                                                          \
    X(FORMAT_UNKNOWN, "unsupported-format", "the file is of no supported format")                            \
    X(FORMAT_MALFORMED, "malformed", "the file's structure is damaged")                                      \
    X(UNSIGNED, "unsigned", "the file holds no signature")                                                   \
    X(SPC_CONTENT, "spc-content", "the signed content is not an Authenticode indirect data")                 \
    X(SPC_PAGE_HASH, "page-hash-mismatch", "a page of the file differs from its signed hash")                \
    X(SPC_INDEFINITE, "spc-indefinite",                                                                      \
      "the signature has indefinite lengths (BER): it can be read and judged, but not changed")              \
    X(CTL_MALFORMED, "ctl-malformed", "the catalog's list is malformed")                                     \
    X(SPC_NO_DATA, "no-data", "the file that was signed is not there to compare")                            \
    X(SPC_DIGEST, "digest-mismatch", "the file's digest differs from the signed one")                        \
    X(FORMAT_TRAILER, "data-after-signature",                                                                \
      "data follow the signature, which must be the last part of the file: take them off first")

enum rc {
#define RC_ENUM(name, word, text) RC_##name,
    RC_TABLE(RC_ENUM)
#undef RC_ENUM
    RC_NUM
};

/* rc_word returns the stable word of a reason ("der-tag"), for programs and logs. Static, never NULL. */
const char *rc_word(enum rc rc);

/* rc_text returns the sentence of a reason, for people. Static, never NULL. */
const char *rc_text(enum rc rc);

#endif
