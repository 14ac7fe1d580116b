/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a timestamp of either kind against what it should cover: every check is made, every failure is a finding. What the
 * findings mean (an exit code, a word of signtool's) is the caller's policy.
 */
#ifndef TSA_WIRE_VERIFY_H
#define TSA_WIRE_VERIFY_H

#include "tsa/wire/chain.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/token.h"

#define VERIFY_MAX_FINDINGS 16

struct verify_report {
    enum rc finding[VERIFY_MAX_FINDINGS]; /* in the order of the checks; none = good */
    size_t num_findings;
    struct gentime time; /* genTime or signingTime; valid when has_time */
    bool has_time;
    struct token token;       /* RFC 3161: the parsed token; views into the input */
    struct cms_signer signer; /* the timestamp's SignerInfo; views into the input */
    struct cert cert;         /* the authority's certificate; cert.der empty when not found */
    struct chain chain;       /* as far as built; empty without anchors */
    enum cms_signature_form form;
};

struct verify_token_query {
    struct bytes token;        /* ContentInfo */
    struct bytes imprint_hash; /* expected imprint; empty = do not compare */
    enum digest imprint_alg;   /* its algorithm; DIGEST_NONE = do not compare */
    const struct bytes *nonce; /* NULL = do not compare; else must be equal (empty = must be absent) */
    struct bytes policy;       /* empty = do not compare */
    struct bytes extra_certs;  /* further untrusted certificates, one after the other */
    bool lenient_eku; /* timeStamping need be neither critical nor alone; false: all of RFC 3161 2.3 */
    const struct chain_anchors *anchors; /* NULL = the chain is not checked */
    enum der_rules rules;
};

/* verify_token judges an RFC 3161 token, its chain at genTime. RC_OK or the first finding; report is always filled. Free with
 * verify_clear. Without anchors the authority's certificate must still be valid at genTime. RC_TOKEN_TSA_NAME is a hint's failure. */
enum rc verify_token(const struct verify_token_query *query, struct verify_report *report) MUST_CHECK;

struct verify_countersignature_query {
    struct bytes signer_info;            /* the countersignature's SignerInfo, with tag */
    struct bytes blob;                   /* the signature value it should cover */
    struct bytes certificates;           /* CertificateSet contents to look in */
    const struct chain_anchors *anchors; /* NULL = the chain is not checked */
    enum der_rules rules;
};

/* verify_countersignature judges a PKCS #9 countersignature, its chain at signingTime; the bare-digest RSA form passes and is told
 * in form. The extended key usage must name timeStamping, critical or not. RC_MSAUTH_CONTENT when it is for another signature value,
 * RC_MSAUTH_NO_TIME; else as verify_token. Free with verify_clear. */
enum rc verify_countersignature(const struct verify_countersignature_query *query,
                                struct verify_report *report) MUST_CHECK;

void verify_clear(struct verify_report *report);

/* verify_verdict gives the first finding that counts, for a caller to whom a wrong tsa name (RC_TOKEN_TSA_NAME) is the hint that RFC 3161 2.4.2
 * calls it; rc is what the check returned. */
enum rc verify_verdict(const struct verify_report *report, enum rc rc) MUST_CHECK;

/* verify_has tells whether a finding is among them. */
bool verify_has(const struct verify_report *report, enum rc finding);

#endif
