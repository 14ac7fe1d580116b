/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three walks upward through one pool of certificates: from the timestamps that go, from the one that comes, and from all that
 * stays. What only the first one meets goes; what the second one meets comes. In doubt a certificate stays: one too many does no harm.
 * Names are compared as RFC 5280 7.1 has it, by libcrypto, since issuers and subjects are written in different string types.
 */
#include "tsclient/container/spc_certs.h"

enum mark {
    LEAVES = 1 << 0, /* a timestamp that goes needs it */
    COMES = 1 << 1,  /* the new timestamp needs it */
    NEEDED = 1 << 2  /* something that is there afterwards needs it */
};

#define MAX_TOKEN_SET                                                                                        \
    32 /* certificates of a token whose issuers are looked for in its own set; real ones have up to five */

/* ---- names ---- */

static X509_NAME *read_name(struct bytes name)
{
    const unsigned char *at = name.data;

    return d2i_X509_NAME(NULL, &at, (long)name.len);
}

static bool names_equal(struct bytes a, const X509_NAME *a_read, struct bytes b, const X509_NAME *b_read)
{
    return bytes_equal(a, b) || (a_read && b_read && X509_NAME_cmp(a_read, b_read) == 0);
}

/* ---- the pool ---- */

static bool is_known(const struct spc_certs *certs, struct bytes tlv, const struct cert *cert)
{
    for (size_t i = 0; i < certs->num; i++) {
        const struct spc_certs_one *one = &certs->one[i];

        if (bytes_equal(one->tlv, tlv) ||
            (cert && one->is_cert && cert_matches(&one->cert, cert->issuer, cert->serial))) {
            return true;
        }
    }
    return false;
}

static enum rc add(struct spc_certs *certs, struct bytes tlv, bool in_set)
{
    struct spc_certs_one *one = &certs->one[certs->num];
    struct cert cert;
    bool is_cert = tlv.data[0] == DER_SEQUENCE && cert_parse(tlv, &cert) == RC_OK;

    if (!in_set && is_known(certs, tlv, is_cert ? &cert : NULL)) {
        return RC_OK;
    }
    if (certs->num == SPC_MAX_CERTIFICATES) {
        return RC_TOO_LARGE;
    }
    certs->num++;
    *one = (struct spc_certs_one){.tlv = tlv, .in_set = in_set, .is_cert = is_cert};
    if (is_cert) {
        one->cert = cert;
        one->issuer = read_name(cert.issuer);
        one->subject = read_name(cert.subject);
    }
    return RC_OK;
}

/* Every element of a set, certificate or not: whether a set becomes empty depends on all of them. */
static enum rc load_set(struct spc_certs *certs, struct bytes rest)
{
    enum rc rc = RC_OK;
    size_t len;

    while (rc == RC_OK && rest.len > 0 && der_tlv_len(rest, &len) == RC_OK) {
        rc = add(certs, bytes_of(rest.data, len), true);
        rest = bytes_of(rest.data + len, rest.len - len);
    }
    certs->is_whole = rest.len == 0;
    return rc;
}

static enum rc load_reply(struct spc_certs *certs, struct bytes rest)
{
    struct bytes one;
    enum rc rc = RC_OK;

    while (rc == RC_OK && cert_next(&rest, &one)) {
        rc = add(certs, one, false);
    }
    return rc;
}

/* ---- marks ---- */

static void mark_one(struct spc_certs *certs, size_t index, enum mark mark)
{
    if (!(certs->one[index].marks & mark)) {
        certs->one[index].marks |= mark;
        certs->queue[certs->num_queued++] = index;
    }
}

/* Cross-certificates have one subject: all of them are marked. */
static void mark_subject(struct spc_certs *certs, struct bytes name, const X509_NAME *read, enum mark mark)
{
    for (size_t i = 0; i < certs->num; i++) {
        const struct spc_certs_one *one = &certs->one[i];

        if (one->is_cert && names_equal(one->cert.subject, one->subject, name, read)) {
            mark_one(certs, i, mark);
        }
    }
}

static void mark_issuer_name(struct spc_certs *certs, struct bytes name, enum mark mark)
{
    X509_NAME *read = read_name(name);

    mark_subject(certs, name, read, mark);
    X509_NAME_free(read);
}

/* The signer's own certificate; and its issuer, where its own is not there. */
static void mark_signer(struct spc_certs *certs, const struct cms_signer *signer, enum mark mark)
{
    for (size_t i = 0; i < certs->num; i++) {
        if (certs->one[i].is_cert && cms_signer_names(signer, &certs->one[i].cert)) {
            mark_one(certs, i, mark);
        }
    }
    if (signer->issuer.len > 0) {
        mark_issuer_name(certs, signer->issuer, mark);
    }
}

/* Ends a walk: all issuers upward of what was marked. */
static void mark_upward(struct spc_certs *certs, enum mark mark)
{
    for (size_t i = 0; i < certs->num_queued; i++) {
        const struct spc_certs_one *one = &certs->one[certs->queue[i]];

        mark_subject(certs, one->cert.issuer, one->issuer, mark);
    }
    certs->num_queued = 0;
}

/* ---- what timestamps need ---- */

static bool has_subject(struct bytes set, struct bytes name)
{
    X509_NAME *read = read_name(name), *subject;
    struct bytes der;
    struct cert cert;
    bool found = false;

    while (!found && cert_next(&set, &der)) {
        if (cert_parse(der, &cert) == RC_OK) {
            subject = read_name(cert.subject);
            found = names_equal(cert.subject, subject, name, read);
            X509_NAME_free(subject);
        }
    }
    X509_NAME_free(read);
    return found;
}

/* A token has a set of its own, which is looked in first; its chain may need more. A set beyond all measure is taken for one
 * that lacks everything. */
static enum rc mark_token(struct spc_certs *certs, struct bytes value, enum mark mark)
{
    struct bytes rest, der;
    size_t num = 0;
    struct cert cert, own;
    struct cms cms;
    enum rc rc = cms_parse(value, DER_FOREIGN, &cms);

    if (rc != RC_OK) {
        return rc;
    }
    if (cms_signer_find_cert(&cms.signer, cms.certificates, &own) != RC_OK) {
        mark_signer(certs, &cms.signer, mark);
    }
    rest = cms.certificates;
    while (cert_next(&rest, &der)) {
        if (cert_parse(der, &cert) == RC_OK &&
            (++num > MAX_TOKEN_SET || !has_subject(cms.certificates, cert.issuer))) {
            mark_issuer_name(certs, cert.issuer, mark);
        }
    }
    return RC_OK;
}

static enum rc mark_countersigner(struct spc_certs *certs, struct bytes value, enum mark mark)
{
    struct cms_signer signer;
    enum rc rc = cms_signer_parse(value, DER_FOREIGN, &signer);

    if (rc == RC_OK) {
        mark_signer(certs, &signer, mark);
    }
    return rc;
}

static enum rc mark_stamp(struct spc_certs *certs, const struct spc_stamp *stamp, enum mark mark)
{
    return stamp->kind == SPC_STAMP_LEGACY ? mark_countersigner(certs, stamp->value, mark)
                                           : mark_token(certs, stamp->value, mark);
}

static void mark_all_of_set(struct spc_certs *certs, enum mark mark)
{
    for (size_t i = 0; i < certs->num; i++) {
        if (certs->one[i].in_set) {
            certs->one[i].marks |= mark;
        }
    }
}

/* Nobody knows what a timestamp that can't be read needs: then nothing goes. */
static void mark_staying_stamp(struct spc_certs *certs, const struct spc_stamp *stamp)
{
    if (mark_stamp(certs, stamp, NEEDED) != RC_OK) {
        mark_all_of_set(certs, NEEDED);
    }
}

/* ---- the three walks ---- */

/* Of a set that can't be read to its end nothing goes. */
static void walk_leaving(struct spc_certs *certs, const struct spc_signature *changed)
{
    for (size_t i = 0; certs->is_whole && i < changed->num_stamps; i++) {
        if (changed->stamps[i].kind == SPC_STAMP_LEGACY) {
            (void)mark_stamp(certs, &changed->stamps[i],
                             LEAVES); /* one that can't be read takes nothing along */
        }
    }
    mark_upward(certs, LEAVES);
}

static void walk_coming(struct spc_certs *certs, const struct spc_change *change)
{
    if (change->kind == SPC_STAMP_LEGACY) {
        (void)mark_countersigner(certs, change->value, COMES); /* spc_change has read it already */
    }
    mark_upward(certs, COMES);
}

static bool something_leaves(const struct spc_certs *certs)
{
    for (size_t i = 0; i < certs->num; i++) {
        if (certs->one[i].marks & LEAVES) {
            return true;
        }
    }
    return false;
}

static void mark_staying_certificates(struct spc_certs *certs)
{
    for (size_t i = 0; i < certs->num; i++) {
        const struct spc_certs_one *one = &certs->one[i];

        if (one->is_cert && (one->marks & COMES || (one->in_set && !(one->marks & LEAVES)))) {
            mark_one(certs, i, NEEDED);
        }
    }
}

/* All signers of the changed one's SignedData share the set. */
static void walk_needed(struct spc_certs *certs, const struct spc *spc, const struct spc_change *change)
{
    const struct spc_signature *changed = &spc->signatures[change->index];

    mark_staying_certificates(certs);
    for (size_t i = 0; i < spc->num; i++) {
        const struct spc_signature *signature = &spc->signatures[i];

        if (signature->cms.tlv.data != changed->cms.tlv.data) {
            continue;
        }
        mark_signer(certs, &signature->cms.signer, NEEDED);
        for (size_t k = 0; signature != changed && k < signature->num_stamps; k++) {
            mark_staying_stamp(certs, &signature->stamps[k]);
        }
    }
    if (change->kind == SPC_STAMP_RFC3161) {
        mark_staying_stamp(certs, &(struct spc_stamp){.kind = change->kind, .value = change->value});
    }
    mark_upward(certs, NEEDED);
}

enum rc spc_certs_weigh(struct spc_certs *certs, const struct spc *spc, const struct spc_change *change)
{
    const struct spc_signature *changed = &spc->signatures[change->index];
    enum rc rc;

    rc = load_set(certs, changed->cms.certificates);
    if (rc == RC_OK && change->kind == SPC_STAMP_LEGACY) {
        rc = load_reply(certs, change->certificates);
    }
    if (rc != RC_OK) {
        return rc;
    }
    walk_leaving(certs, changed);
    walk_coming(certs, change);
    if (something_leaves(certs)) {
        walk_needed(certs, spc, change);
    }
    return RC_OK;
}

void spc_certs_clear(struct spc_certs *certs)
{
    for (size_t i = 0; i < certs->num; i++) {
        X509_NAME_free(certs->one[i].issuer);
        X509_NAME_free(certs->one[i].subject);
    }
    certs->num = 0;
}

bool spc_certs_goes(const struct spc_certs_one *one)
{
    return one->in_set && one->marks & LEAVES && !(one->marks & NEEDED);
}

bool spc_certs_comes(const struct spc_certs_one *one)
{
    return !one->in_set && one->marks & COMES;
}
