/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a judgement can find, as the stable words of the JSON output, and how bad each is. Scripts lean on the words: add some, change none.
 */
#ifndef TSCLIENT_REASON_H
#define TSCLIENT_REASON_H

#include <stdbool.h>
#include <stddef.h>

#include "tsa/wire/rc.h"

enum severity {
    SEVERITY_NOTE,    /* said, changes nothing */
    SEVERITY_WARNING, /* good, with warnings */
    SEVERITY_ERROR    /* bad */
};

/* X(NAME, "word", severity, "sentence") */
#define REASON_TABLE(X)                                                                                      \
    X(UNSIGNED, "unsigned", ERROR, "the file has no signature")                                              \
    X(NOT_TIMESTAMPED, "not-timestamped", NOTE,                                                              \
      "there is no timestamp: the signature dies with the signer's certificate")                             \
    X(DIGEST_MISMATCH, "digest-mismatch", ERROR, "the file was changed after it had been signed")            \
    X(PAGE_HASH_MISMATCH, "page-hash-mismatch", ERROR, "a page of the file differs from its signed hash")    \
    X(BAD_SIGNATURE, "bad-signature", ERROR, "the signature does not verify")                                \
    X(BAD_TIMESTAMP, "bad-timestamp", WARNING,                                                               \
      "the timestamp does not verify; the signature is judged as if it had none")                            \
    X(UNTRUSTED_ROOT, "untrusted-root", ERROR, "the signer's certificate chain reaches no trusted root")     \
    X(UNTRUSTED_TSA, "untrusted-tsa", WARNING,                                                               \
      "the timestamp's certificate chain reaches no trusted root; the signature is judged as if it had "     \
      "none")                                                                                                \
    X(EXPIRED_NO_TIMESTAMP, "expired-no-timestamp", ERROR,                                                   \
      "a certificate is expired and no good timestamp shows that the signature is older")                    \
    X(EXPIRED_CHAIN, "expired-chain", ERROR,                                                                 \
      "a certificate above the signer's was not valid when the file was timestamped")                        \
    X(NOT_YET_VALID, "not-yet-valid", ERROR, "a certificate is not valid yet")                               \
    X(OUTSIDE_VALIDITY, "timestamp-outside-validity", WARNING,                                               \
      "the timestamp's time lies outside the validity of the signer's certificate, so that it does not "     \
      "help")                                                                                                \
    X(LIFETIME_SIGNING, "lifetime-signing", ERROR,                                                           \
      "the certificate is expired, and with lifetime signing a timestamp does not outlive it")               \
    X(WRONG_EKU, "wrong-eku", ERROR, "a certificate's extended key usage does not allow code signing")       \
    X(REVOKED, "revoked", ERROR, "a certificate of the signer's chain was revoked")                          \
    X(BROKEN_CHAIN, "broken-chain", ERROR, "the signer's certificate chain is broken")                       \
    X(CONTENT_MISSING, "content-missing", WARNING,                                                           \
      "the file that was signed is not there, so nothing was compared with it (give it with --data)")        \
    X(CONTENT_DIFFERS, "content-differs", WARNING,                                                           \
      "the signature holds its own content, and the file beside it is another one")                          \
    X(UNSIGNED_DATA, "unsigned-data", NOTE,                                                                  \
      "beside the signature stand octets that no signature covers (CVE-2013-3900)")                          \
    X(NOT_IN_CATALOG, "not-in-catalog", ERROR, "the catalog does not list the file")                         \
    X(NO_CROSS_CERTIFICATE, "no-cross-certificate", ERROR, "there is no cross-certificate to a kernel root") \
    X(AFTER_CUTOFF, "after-cutoff", ERROR, "it was signed after kernel mode stopped taking such signatures") \
    X(WEAK_DIGEST, "weak-digest", NOTE, "a digest is too weak to be relied on")                              \
    X(WEAK_KEY, "weak-key", ERROR, "an RSA key is shorter than 1024 bits, which Windows blocks")             \
    X(LAB_TIME, "lab-time", WARNING, "the timestamp carries fenced lab time, which is no evidence")          \
    X(MALFORMED, "malformed", ERROR, "the structure is damaged")                                             \
    X(UNSUPPORTED_FORMAT, "unsupported-format", ERROR, "the file is of no format that can hold a signature") \
    X(IO_ERROR, "io-error", ERROR, "the file can not be read or written")

enum reason {
#define REASON_ENUM(name, word, severity, text) REASON_##name,
    REASON_TABLE(REASON_ENUM)
#undef REASON_ENUM
    REASON_NUM
};

const char *reason_word(enum reason reason);
const char *reason_text(enum reason reason);

/* reason_sentence writes the text and, behind a colon, why (may be empty); of input and output why says it all. Returns out. */
#define REASON_SENTENCE_MAX 500
char *reason_sentence(enum reason reason, const char *why, char *out, size_t out_size);

/* A set in the order of the checks; cause says more than the word where it is not RC_OK. */
struct reasons {
    struct reason_entry {
        enum reason reason;
        enum severity severity;
        enum rc cause;
    } list[REASON_NUM];
    size_t num;
};

/* reasons_add adds one with its usual severity, unless it is there; reasons_raise with another one (a higher one wins). */
void reasons_add(struct reasons *reasons, enum reason reason, enum rc cause);
void reasons_raise(struct reasons *reasons, enum reason reason, enum severity severity, enum rc cause);
void reasons_merge(struct reasons *reasons, const struct reasons *others);
bool reasons_has(const struct reasons *reasons, enum reason reason);

/* reasons_first gives the first of at least that severity, NULL when there is none. */
const struct reason_entry *reasons_first(const struct reasons *reasons, enum severity least);

/* reasons_worst gives the highest severity; SEVERITY_NOTE of an empty set. */
enum severity reasons_worst(const struct reasons *reasons);

#endif
