/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges timestamps: RFC 3161 tokens (2.2, 2.3, 2.4.2; RFC 5816) and PKCS #9 countersignatures of Authenticode. It goes on after a
 * failure, so that a report tells everything that is wrong, but never past what could not be read. The signer's certificate is
 * the one that the signature names, never one that merely would do.
 */
#include "tsa/wire/verify.h"

static void add(struct verify_report *report, enum rc finding)
{
    if (finding != RC_OK && !verify_has(report, finding) && report->num_findings < VERIFY_MAX_FINDINGS) {
        report->finding[report->num_findings++] = finding;
    }
}

bool verify_has(const struct verify_report *report, enum rc finding)
{
    for (size_t i = 0; i < report->num_findings; i++) {
        if (report->finding[i] == finding) {
            return true;
        }
    }
    return false;
}

static enum rc verdict(const struct verify_report *report)
{
    return report->num_findings > 0 ? report->finding[0] : RC_OK;
}

void verify_clear(struct verify_report *report)
{
    chain_clear(&report->chain);
    *report = (struct verify_report){0};
}

/* ---- what both kinds share ---- */

/* Old authorities, Microsoft's own among them, did not mark the extension critical. */
static enum rc check_lenient_eku(const struct cert *cert)
{
    return cert->eku & CERT_EKU_TIME_STAMPING ? RC_OK : RC_CERT_EKU;
}

static void check_chain(struct verify_report *report, const struct chain_anchors *anchors,
                        struct bytes certificates)
{
    struct chain_query query = {
        .anchors = anchors,
        .leaf = report->cert.der,
        .intermediates = certificates,
        .at = report->time,
        .purpose = CHAIN_TIME_STAMPING,
    };

    if (!report->has_time) {
        return;
    }
    add(report, cert_check_time(&report->cert, report->time));
    if (anchors) {
        add(report, chain_check(&query, &report->chain));
    }
}

/* Makes check->content_digest of what the signature should cover. False, and a finding, where its algorithm is not known. */
static bool hash_content(struct verify_report *report, struct bytes content, uint8_t storage[DIGEST_MAX],
                         struct bytes *out)
{
    enum rc rc = digest_compute(report->signer.digest, &content, 1, storage);

    add(report, rc);
    *out = bytes_of(storage, digest_len(report->signer.digest));
    return rc == RC_OK;
}

/* ---- tokens ---- */

static bool read_info(const struct verify_token_query *query, struct verify_report *report)
{
    struct token *token = &report->token;
    enum rc rc = token_check_structure(&token->cms, query->rules);

    add(report, rc);
    if (rc == RC_CMS_CONTENT_TYPE || rc == RC_CMS_NO_CONTENT) {
        return false;
    }
    rc = tsp_tstinfo_parse(token->cms.content, query->rules, &token->info);
    add(report, rc);
    if (rc != RC_OK && rc != RC_DIGEST_LENGTH) {
        token->info = (struct tsp_tstinfo){0};
        return false;
    }
    report->time = token->info.time;
    report->has_time = true;
    return true;
}

static void check_info(const struct verify_token_query *query, struct verify_report *report)
{
    const struct tsp_tstinfo *info = &report->token.info;

    if (info->has_critical_extension) {
        add(report, RC_TOKEN_CRITICAL_EXTENSION);
    }
    if ((query->imprint_alg != DIGEST_NONE && query->imprint_alg != info->imprint.alg) ||
        (query->imprint_hash.len > 0 && !bytes_equal(query->imprint_hash, info->imprint.hash))) {
        add(report, RC_TOKEN_IMPRINT);
    }
    if (query->nonce && !bytes_equal(*query->nonce, info->nonce)) {
        add(report, RC_TOKEN_NONCE);
    }
    if (query->policy.len > 0 && !bytes_equal(query->policy, info->policy)) {
        add(report, RC_TOKEN_POLICY);
    }
}

#define NAMESAKES_MAX 8 /* that are looked at: each costs a walk over all attributes */

/* Looks in one set; of several that bear the signer's name the one that ESS names too is taken. True when that was found. */
static bool find_in(struct verify_report *report, struct bytes set)
{
    struct bytes der;
    struct cert cert;
    size_t num = 0;

    while (num < NAMESAKES_MAX && cert_next(&set, &der)) {
        if (cert_parse(der, &cert) != RC_OK || !cms_signer_names(&report->signer, &cert)) {
            continue;
        }
        num++;
        if (token_check_ess(&report->token, &cert) == RC_OK) {
            report->cert = cert;
            return true;
        }
        report->cert = report->cert.der.len > 0 ? report->cert : cert;
    }
    return false;
}

static bool find_cert(const struct verify_token_query *query, struct verify_report *report)
{
    if (!find_in(report, report->token.cms.certificates)) {
        (void)find_in(report, query->extra_certs);
    }
    if (report->cert.der.len == 0) {
        add(report, RC_CERT_NOT_FOUND);
    }
    return report->cert.der.len > 0;
}

static void check_token_signature(struct verify_report *report, bool has_cert)
{
    uint8_t storage[DIGEST_MAX];
    struct cms_check check = {
        .signer = &report->signer,
        .cert = &report->cert,
        .content = report->token.cms.content,
        .content_type = OID_TST_INFO,
    };

    add(report, cms_check_content_type(&check));
    if (hash_content(report, check.content, storage, &check.content_digest)) {
        add(report, cms_check_message_digest(&check));
        if (has_cert) {
            add(report, cms_check_signature(&check, &report->form));
        }
    }
}

/* True when tlv stands among the GeneralNames of subjectAltName. */
static bool is_alternative_name(const struct cert *cert, struct bytes tlv)
{
    struct bytes value;
    bool found = false;
    struct der d;

    if (!cert_get_extension(cert, OID_CE_SUBJECT_ALT_NAME, &value)) {
        return false;
    }
    der_init(&d, value, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    while (der_more(&d)) {
        found |= bytes_equal(der_get_tlv(&d, 0), tlv);
    }
    return found;
}

/* RFC 3161 2.4.2: the hint must be one of the names of the certificate. */
static void check_tsa_name(struct verify_report *report)
{
    struct bytes tlv = report->token.info.tsa_name, name;
    struct der d;

    if (tlv.len == 0) {
        return;
    }
    der_init(&d, tlv, DER_FOREIGN);
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(4))) {
        name = der_get(&d, DER_CONTEXT_CONSTRUCTED(4));
        if (token_names_equal(name, report->cert.subject)) {
            return;
        }
    }
    if (!is_alternative_name(&report->cert, tlv)) {
        add(report, RC_TOKEN_TSA_NAME);
    }
}

static void check_token_chain(const struct verify_token_query *query, struct verify_report *report)
{
    struct bytes own = report->token.cms.certificates, extra = query->extra_certs;
    struct wbuf all;

    if (extra.len == 0) {
        check_chain(report, query->anchors, own);
        return;
    }
    wbuf_init(&all, own.len + extra.len);
    wbuf_put(&all, own);
    wbuf_put(&all, extra);
    add(report, wbuf_rc(&all));
    check_chain(report, query->anchors, wbuf_bytes(&all));
    wbuf_clear(&all);
}

enum rc verify_token(const struct verify_token_query *query, struct verify_report *report)
{
    bool has_cert;
    enum rc rc;

    *report = (struct verify_report){0};
    rc = cms_parse(query->token, query->rules, &report->token.cms);
    add(report, rc);
    if (rc != RC_OK) {
        return rc;
    }
    report->signer = report->token.cms.signer;
    if (read_info(query, report)) {
        check_info(query, report);
    }
    if (report->token.cms.num_signers == 0) {
        return verdict(report);
    }
    has_cert = find_cert(query, report);
    check_token_signature(report, has_cert);
    if (has_cert) {
        add(report,
            query->lenient_eku ? check_lenient_eku(&report->cert) : cert_check_timestamping(&report->cert));
        add(report, token_check_ess(&report->token, &report->cert));
        check_tsa_name(report);
        check_token_chain(query, report);
    }
    return verdict(report);
}

/* ---- countersignatures ---- */

/* RFC 5652 11.4 forbids contentType here, Windows' own have it: where it stands it must say data. */
static enum oid expected_type(const struct cms_signer *signer)
{
    struct bytes value;

    return cms_attr_get(signer->signed_attrs, OID_CONTENT_TYPE, &value) == RC_CMS_ATTR_MISSING ? OID_NONE
                                                                                               : OID_DATA;
}

static void check_countersignature(const struct verify_countersignature_query *query,
                                   struct verify_report *report, bool has_cert)
{
    uint8_t storage[DIGEST_MAX];
    struct cms_check check = {
        .signer = &report->signer,
        .cert = &report->cert,
        .content = query->blob,
        .content_type = expected_type(&report->signer),
        .allow_bare = true,
    };
    enum rc rc;

    add(report, cms_check_content_type(&check));
    if (hash_content(report, query->blob, storage, &check.content_digest)) {
        rc = cms_check_message_digest(&check);
        add(report, rc == RC_CMS_MESSAGE_DIGEST ? RC_MSAUTH_CONTENT : rc);
        if (has_cert) {
            add(report, cms_check_signature(&check, &report->form));
        }
    }
}

enum rc verify_countersignature(const struct verify_countersignature_query *query,
                                struct verify_report *report)
{
    bool has_cert;
    enum rc rc;

    *report = (struct verify_report){0};
    rc = cms_signer_parse(query->signer_info, query->rules, &report->signer);
    add(report, rc);
    if (rc != RC_OK) {
        return rc;
    }
    if (report->signer.signed_attrs.len == 0) {
        add(report, RC_CMS_NO_SIGNED_ATTRS);
    }
    rc = msauth_signing_time(&report->signer, &report->time);
    add(report, rc);
    report->has_time = rc == RC_OK;
    rc = cms_signer_find_cert(&report->signer, query->certificates, &report->cert);
    add(report, rc);
    has_cert = rc == RC_OK;
    check_countersignature(query, report, has_cert);
    if (has_cert) {
        add(report, check_lenient_eku(&report->cert));
        check_chain(report, query->anchors, query->certificates);
    }
    return verdict(report);
}

enum rc verify_verdict(const struct verify_report *report, enum rc rc)
{
    for (size_t i = 0; i < report->num_findings; i++) {
        if (report->finding[i] != RC_TOKEN_TSA_NAME) {
            return report->finding[i];
        }
    }
    return report->num_findings > 0 ? RC_OK : rc;
}
