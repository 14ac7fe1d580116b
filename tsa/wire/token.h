/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time-stamp token of RFC 3161: a TSTInfo in SignedData version 3 with the signing certificate's identifier (ESS, RFC 5816).
 */
#ifndef TSA_WIRE_TOKEN_H
#define TSA_WIRE_TOKEN_H

#include "tsa/wire/cms.h"
#include "tsa/wire/tsp.h"

struct token {
    struct cms cms;
    struct tsp_tstinfo info;
};

/* token_parse reads a token (ContentInfo); structure only: content type, one signer, TSTInfo. Signature and chain are verify's work.
 * RC_CMS_*, RC_TSP_*, RC_DER_*. */
enum rc token_parse(struct bytes in, enum der_rules rules, struct token *out) MUST_CHECK;

/* token_check_structure judges a SignedData that was read already: content type, content, one signer, under DER_STRICT the version.
 * RC_CMS_CONTENT_TYPE, RC_CMS_NO_CONTENT, RC_CMS_SIGNERS, RC_CMS_VERSION. */
enum rc token_check_structure(const struct cms *cms, enum der_rules rules) MUST_CHECK;

/* token_build writes a token over info; certificates where with_certificates. */
struct token_build {
    const struct cms_profile *profile;
    const struct tsp_tstinfo *info;
    bool with_certificates;
    cms_sign_fn *sign;
    void *sign_arg;
    EVP_MD_CTX *md_ctx; /* as in struct cms_build */
};
enum rc token_build(struct wbuf *out, const struct token_build *build) MUST_CHECK;

/* token_check_ess checks signingCertificate and signingCertificateV2 (each where there, at least one): the first entry must name cert.
 * RC_TOKEN_NO_ESS, RC_TOKEN_ESS_MISMATCH, RC_DIGEST_UNKNOWN, RC_CMS_ATTR_REPEATED, RC_DER_*. */
enum rc token_check_ess(const struct token *token, const struct cert *cert) MUST_CHECK;

/* token_names_equal compares two Names (with tag) as RFC 5280 7.1 does: string type, case and blanks make no difference. */
bool token_names_equal(struct bytes a, struct bytes b);

#endif
