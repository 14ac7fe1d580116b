/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of signatures and files. It goes on after a failure, so that a report tells everything that is wrong. What is not
 * named by the signature itself is never taken for its certificate, and no time but a good timestamp's replaces the time of asking.
 */
#include "tsclient/policy.h"

#include <stdlib.h>

struct judge {
    const struct subject *subject;
    const struct policy_query *query; /* NULL: only facts */
    struct policy_signature *out;
};

/* ---- integrity ---- */

/* What messageDigest covers. Nested signatures of a catalog are detached: theirs is the primary's content, whole. */
static struct bytes content_of(const struct spc *spc, const struct spc_signature *signature)
{
    return signature->cms.has_content ? signature->cms.content
                                      : spc->signatures[signature->primary].cms.content_tlv;
}

static enum rc check_signature(const struct subject *subject, const struct spc_signature *signature,
                               const struct cert *cert)
{
    struct bytes content = content_of(subject->spc, signature);
    uint8_t digest[DIGEST_MAX];
    const struct cms_signer *signer = &signature->cms.signer;
    struct cms_check check = {
        .signer = signer,
        .cert = cert,
        .content = content,
        .content_type = signature->cms.content_type,
    };
    enum rc rc = digest_compute(signer->digest, &content, 1, digest);

    if (content.len == 0) { /* a signature of nothing says nothing of the file */
        return RC_CMS_NO_CONTENT;
    }
    if (rc != RC_OK) {
        return rc;
    }
    check.content_digest = bytes_of(digest, digest_len(signer->digest));
    return cms_signer_check(&check, NULL);
}

/* With MD5 files and certificates were forged (Flame, rogue authorities); SHA-1 stands in all that is old. */
void policy_note_weak(struct reasons *reasons, enum digest alg)
{
    if (alg == DIGEST_MD5) {
        reasons_raise(reasons, REASON_WEAK_DIGEST, SEVERITY_WARNING, RC_OK);
    } else if (alg == DIGEST_SHA1) {
        reasons_add(reasons, REASON_WEAK_DIGEST, RC_OK);
    }
}

/* The digest of the file that was signed against that of the file that is there. */
static void check_file_digest(const struct subject *subject, const struct spc_signature *signature,
                              struct reasons *out)
{
    uint8_t digest[DIGEST_MAX];
    struct spc_indirect indirect;
    enum rc rc;

    if (!subject->ops->digest) {
        return;
    }
    if (signature->cms.content_type != OID_SPC_INDIRECT_DATA) {
        reasons_add(out, REASON_MALFORMED, RC_SPC_CONTENT);
        return;
    }
    rc = spc_indirect_parse(signature->cms.content, &indirect);
    if (rc == RC_OK) {
        policy_note_weak(out, indirect.alg);
        rc = subject->ops->digest(subject->file, indirect.alg, digest);
    }
    if (rc == RC_FORMAT_TRAILER) {
        reasons_add(out, REASON_DIGEST_MISMATCH, rc);
    } else if (rc != RC_OK) {
        reasons_add(out, REASON_MALFORMED, rc);
    } else if (!bytes_equal(bytes_of(digest, digest_len(indirect.alg)), indirect.digest)) {
        reasons_add(out, REASON_DIGEST_MISMATCH, RC_SPC_DIGEST);
    }
}

static void check_integrity(const struct subject *subject, const struct spc_signature *signature,
                            struct cert *out_cert, struct reasons *out)
{
    enum rc rc = cms_signer_find_cert(&signature->cms.signer, signature->cms.certificates, out_cert);

    check_file_digest(subject, signature, out);
    if (rc == RC_OK) {
        rc = check_signature(subject, signature, out_cert);
    }
    if (rc != RC_OK) {
        reasons_add(out, REASON_BAD_SIGNATURE, rc);
    }
    policy_note_weak(out, signature->cms.signer.digest);
}

enum rc policy_check_integrity(const struct subject *subject, size_t index, struct reasons *out)
{
    const struct reason_entry *error;
    struct cert cert;

    *out = (struct reasons){0};
    check_integrity(subject, &subject->spc->signatures[index], &cert, out);
    error = reasons_first(out, SEVERITY_ERROR);
    return error ? error->cause : RC_OK;
}

/* ---- timestamps ---- */

/* Several timestamps on one signature are legal: the first good one counts. */
static void choose_stamp(struct judge *j)
{
    struct policy_stamp stamp;

    for (size_t i = 0; i < j->out->spc->num_stamps; i++) {
        policy_stamp_read(j->out->spc, i, &stamp);
        if (j->query && j->query->tsa_anchors) {
            policy_stamp_judge(j->out->spc, j->query->tsa_anchors, &stamp);
        }
        if (i == 0 || (j->out->stamp.rc != RC_OK && stamp.rc == RC_OK)) {
            policy_stamp_clear(&j->out->stamp);
            j->out->stamp = stamp;
        } else {
            policy_stamp_clear(&stamp);
        }
    }
}

static bool is_inside_validity(const struct cert *cert, struct gentime time)
{
    return cert->der.len > 0 && cert_check_time(cert, time) == RC_OK;
}

/* A note even for MD5: old authorities used it, and Windows takes it. */
static void note_weak_stamp(struct reasons *reasons, enum digest alg)
{
    if (alg == DIGEST_MD5 || alg == DIGEST_SHA1) {
        reasons_add(reasons, REASON_WEAK_DIGEST, RC_OK);
    }
}

static void judge_stamp(struct judge *j)
{
    const struct policy_stamp *stamp = &j->out->stamp;
    struct reasons *reasons = &j->out->reasons;

    if (stamp->kind == SPC_STAMP_NONE) {
        reasons_raise(reasons, REASON_NOT_TIMESTAMPED,
                      j->query->require_timestamp ? SEVERITY_WARNING : SEVERITY_NOTE, RC_OK);
        return;
    }
    if (stamp->rc != RC_OK) {
        reasons_add(reasons, stamp->rc == RC_CHAIN_UNTRUSTED ? REASON_UNTRUSTED_TSA : REASON_BAD_TIMESTAMP,
                    stamp->rc);
        return;
    }
    note_weak_stamp(reasons, stamp->digest);
    note_weak_stamp(reasons, stamp->report.signer.digest);
    policy_note_weak(reasons, stamp->chain.weak);
    if (policy_stamp_is_lab_time(stamp)) {
        reasons_add(reasons, REASON_LAB_TIME, RC_OK);
    }
    j->out->by_stamp = is_inside_validity(&j->out->cert, stamp->report.time);
    if (!j->out->by_stamp && j->out->cert.der.len > 0) {
        reasons_add(reasons, REASON_OUTSIDE_VALIDITY, RC_OK);
    }
}

/* ---- the signer's chain ---- */

static bool is_lifetime(const struct judge *j)
{
    return j->query->lifetime || j->out->cert.eku & CERT_EKU_LIFETIME_SIGNING;
}

/* Expired means something else with a timestamp, without one, and where it does not help. */
static enum reason expired_reason(const struct judge *j, bool stamp_ignored)
{
    if (stamp_ignored) {
        return REASON_LIFETIME_SIGNING;
    }
    return j->out->by_stamp ? REASON_EXPIRED_CHAIN : REASON_EXPIRED_NO_TIMESTAMP;
}

static enum reason chain_reason(const struct judge *j, enum rc rc, bool stamp_ignored)
{
    static const struct {
        enum rc rc;
        enum reason reason;
    } table[] = {
        {RC_CHAIN_UNTRUSTED, REASON_UNTRUSTED_ROOT},
        {RC_CHAIN_REVOKED, REASON_REVOKED},
        {RC_CERT_EKU, REASON_WRONG_EKU},
        {RC_CERT_KEY_USAGE, REASON_WRONG_EKU},
        {RC_CERT_MALFORMED, REASON_MALFORMED},
        {RC_CERT_NOT_YET_VALID, REASON_NOT_YET_VALID},
    };

    if (rc == RC_CERT_EXPIRED) {
        return expired_reason(j, stamp_ignored);
    }
    if (rc == RC_CERT_NOT_YET_VALID && j->out->by_stamp) {
        return REASON_EXPIRED_CHAIN;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].rc == rc) {
            return table[i].reason;
        }
    }
    return REASON_BROKEN_CHAIN;
}

static void judge_chain(struct judge *j)
{
    struct policy_signature *out = j->out;
    bool stamp_ignored = out->by_stamp && is_lifetime(j);
    const struct chain_query query = {
        .anchors = j->query->anchors,
        .leaf = out->cert.der,
        .intermediates = out->spc->cms.certificates,
        .at = out->by_stamp && !stamp_ignored ? out->stamp.report.time : j->query->at,
        .purpose = CHAIN_CODE_SIGNING,
    };
    enum rc rc;

    if (out->cert.der.len == 0) {
        return;
    }
    rc = chain_check(&query, &out->chain);
    if (rc != RC_OK) {
        reasons_add(&out->reasons, chain_reason(j, rc, stamp_ignored), rc);
    }
    policy_note_weak(&out->reasons, out->chain.weak);
    out->by_stamp = out->by_stamp && !stamp_ignored;
}

/* ---- files ---- */

/* A certificate that is not there is a fact too: cert.der stays empty. */
static void read_signature(struct judge *j)
{
    const struct cms *cms = &j->out->spc->cms;

    if (cms_signer_find_cert(&cms->signer, cms->certificates, &j->out->cert) != RC_OK) {
        j->out->cert = (struct cert){0};
    }
    choose_stamp(j);
}

static void judge_signature(struct judge *j)
{
    check_integrity(j->subject, j->out->spc, &j->out->cert, &j->out->reasons);
    choose_stamp(j);
    judge_stamp(j);
    judge_chain(j);
}

static struct policy_file *walk(const struct subject *subject, const struct policy_query *query)
{
    struct policy_file *file = calloc(1, sizeof *file);
    struct judge j = {.subject = subject, .query = query};

    if (!file) {
        return NULL;
    }
    file->reasons = subject->reasons;
    for (size_t i = 0; subject->spc && i < subject->spc->num; i++) {
        j.out = &file->signatures[file->num++];
        j.out->spc = &subject->spc->signatures[i];
        if (query) {
            judge_signature(&j);
        } else {
            read_signature(&j);
        }
        reasons_merge(&file->reasons, &j.out->reasons);
    }
    return file;
}

struct policy_file *policy_judge(const struct subject *subject, const struct policy_query *query)
{
    return walk(subject, query);
}

struct policy_file *policy_read(const struct subject *subject)
{
    return walk(subject, NULL);
}

void policy_free(struct policy_file *file)
{
    for (size_t i = 0; file && i < file->num; i++) {
        chain_clear(&file->signatures[i].chain);
        policy_stamp_clear(&file->signatures[i].stamp);
    }
    free(file);
}
