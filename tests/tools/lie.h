/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lie of lying_tsa is made of. Each field or bit twists one thing; all else stays right, so that a client that refuses has seen that
 * one thing. Some of them are no lies but liberties that the formats leave (RFC 3161, RFC 5652, RFC 9112).
 */
#ifndef TESTS_TOOLS_LIE_H
#define TESTS_TOOLS_LIE_H

#include <stdbool.h>
#include <stdint.h>

#include "tsa/wire/wbuf.h"

/* Who signs. */
enum who {
    WHO_GOOD,
    WHO_SIBLING, /* as good, by the same issuer */
    WHO_NOT_CRITICAL,
    WHO_TWO_PURPOSES,
    WHO_TWICE, /* timeStamping two times */
    WHO_NO_PURPOSE,
    WHO_CODE_SIGNER,
    WHO_KEY_USAGE, /* digitalSignature, and keyEncipherment */
    WHO_CA,
    WHO_EXPIRED,
    WHO_NOT_YET,
    WHO_STRANGER,  /* under a root that nobody knows */
    WHO_MISISSUED, /* by a CA that is for code signing alone */
    WHO_OLD,       /* right, and as old as the root */
    WHO_NUM
};

/* SignedData */
#define LIE_TYPE_DATA (UINT64_C(1) << 0) /* ContentInfo is no signedData */
#define LIE_VERSION_1 (UINT64_C(1) << 1)
#define LIE_OTHER_CONTENT                                                                                    \
    (UINT64_C(1) << 2) /* eContentType: data instead of TSTInfo, TSTInfo instead of data */
#define LIE_NO_OCTETS       (UINT64_C(1) << 3) /* eContent is no OCTET STRING */
#define LIE_NO_CONTENT      (UINT64_C(1) << 4)
#define LIE_NO_CERTS        (UINT64_C(1) << 5)
#define LIE_CERTS_OF_OTHERS (UINT64_C(1) << 6)
#define LIE_SIBLING_FIRST                                                                                    \
    (UINT64_C(1) << 7) /* a liberty: another certificate of the issuer stands before the right one */
#define LIE_NO_SIGNER       (UINT64_C(1) << 8)
#define LIE_TWO_SIGNERS     (UINT64_C(1) << 9)
#define LIE_TRAILING_SIGNED (UINT64_C(1) << 10) /* an element more at the end of SignedData */
#define LIE_TRAILING_SIGNER (UINT64_C(1) << 11) /* ... of SignerInfo */
/* SignerInfo and its attributes */
#define LIE_NO_ATTRS         (UINT64_C(1) << 12)
#define LIE_NO_CONTENT_TYPE  (UINT64_C(1) << 13)
#define LIE_BAD_CONTENT_TYPE (UINT64_C(1) << 14)
#define LIE_NO_DIGEST        (UINT64_C(1) << 15)
#define LIE_BAD_DIGEST       (UINT64_C(1) << 16)
#define LIE_DIGEST_TWICE     (UINT64_C(1) << 17) /* the attribute stands two times */
#define LIE_TWO_DIGESTS      (UINT64_C(1) << 18) /* one attribute with two values */
#define LIE_NO_TIME          (UINT64_C(1) << 19) /* legacy: no signingTime */
#define LIE_BAD_PROTECTION   (UINT64_C(1) << 20) /* CMSAlgorithmProtection names another digest */
#define LIE_OTHER_NAME       (UINT64_C(1) << 21) /* the signer identifier names the sibling */
#define LIE_SHA1             (UINT64_C(1) << 22) /* the signer's digest */
#define LIE_MD5              (UINT64_C(1) << 23)
/* the signature */
#define LIE_BAD_SIGNATURE   (UINT64_C(1) << 24)
#define LIE_OTHER_KEY       (UINT64_C(1) << 25) /* made with the sibling's key */
#define LIE_BARE            (UINT64_C(1) << 26) /* RSA without DigestInfo */
#define LIE_OTHER_ALGORITHM (UINT64_C(1) << 27) /* signatureAlgorithm names SHA-512, the digest is SHA-256 */
/* ESS */
#define LIE_NO_ESS       (UINT64_C(1) << 28)
#define LIE_OTHER_ESS    (UINT64_C(1) << 29) /* the sibling's */
#define LIE_ISSUER_ESS   (UINT64_C(1) << 30) /* the issuer first, the signer second */
#define LIE_ESS_CHAIN    (UINT64_C(1) << 31) /* a liberty: the signer first, the issuer second */
#define LIE_ESS_V1       (UINT64_C(1) << 32) /* a liberty: signingCertificate alone */
#define LIE_ESS_V1_TOO   (UINT64_C(1) << 33) /* a liberty: both */
#define LIE_ESS_V1_WRONG (UINT64_C(1) << 34) /* both, and the old one is another's */
#define LIE_ESS_EMPTY    (UINT64_C(1) << 35)
#define LIE_ESS_SERIAL   (UINT64_C(1) << 36) /* right hash, wrong issuerSerial */
/* TSTInfo */
#define LIE_VERSION_2         (UINT64_C(1) << 37)
#define LIE_OTHER_NONCE       (UINT64_C(1) << 38)
#define LIE_NO_NONCE          (UINT64_C(1) << 39)
#define LIE_LONG_NONCE        (UINT64_C(1) << 40) /* the right one, and an octet more */
#define LIE_OTHER_IMPRINT     (UINT64_C(1) << 41) /* legacy: content and digest of something else */
#define LIE_SHA1_IMPRINT      (UINT64_C(1) << 42)
#define LIE_SHORT_IMPRINT     (UINT64_C(1) << 43)
#define LIE_OTHER_POLICY      (UINT64_C(1) << 44)
#define LIE_ACCURACY_NEGATIVE (UINT64_C(1) << 45)
#define LIE_ACCURACY_MILLIS   (UINT64_C(1) << 46) /* 1000 */
#define LIE_ACCURACY_TYPE     (UINT64_C(1) << 47)
#define LIE_CRITICAL          (UINT64_C(1) << 48) /* an extension that nobody knows */
#define LIE_EXTENSION         (UINT64_C(1) << 49) /* a liberty: not critical */
#define LIE_TSA_NAME          (UINT64_C(1) << 50) /* somebody else's */
#define LIE_TRAILING_INFO     (UINT64_C(1) << 51) /* an element more at the end of TSTInfo */
#define LIE_BEHIND_INFO       (UINT64_C(1) << 52) /* an octet behind TSTInfo, signed too */
#define LIE_FULL              (UINT64_C(1) << 53) /* a liberty: accuracy, ordering, a serial of 20 octets */
/* legacy: the content is another than the request's, all else fits the request */
#define LIE_CONTENT_ALONE (UINT64_C(1) << 54)

struct lie;

struct lie {
    const char *name;
    uint64_t twist;
    enum who who;
    int64_t seconds;       /* the time is off by so many */
    int64_t at;            /* or is this one, since 1970 */
    const char *time_tail; /* the time's text is cut after ... */
    size_t time_keep;      /* ... so many characters of YYYYMMDDhhmmss, and this comes behind */
    /* RFC 3161 */
    const char *status; /* contents of PKIStatusInfo, in hexadecimal; NULL: granted */
    bool no_token;
    const char *tail;                /* an element more at the end of the TimeStampResp, in hexadecimal */
    void (*reply)(struct wbuf *der); /* does something to the finished reply, of either protocol */
    /* HTTP */
    const char *http; /* status line without version; RFC 3161 refusals keep 200 */
    const char *type;
    const char *head;                                  /* further lines, each with its end */
    const char *body;                                  /* instead of the reply */
    void (*form)(struct wbuf *text, struct bytes der); /* legacy: other than one line of base64 */
    void (*send)(int fd, const struct lie *lie, struct bytes body);
    bool refused, flaky;
};

#endif
