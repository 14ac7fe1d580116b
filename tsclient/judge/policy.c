/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of signatures and files. It goes on after a failure, so that a report tells everything that is wrong. What is not
 * named by the signature itself is never taken for its certificate, and no time but a good timestamp's replaces the time of asking.
 */
#include "tsclient/judge/policy.h"

#include <stdlib.h>

struct judge {
    const struct subject *subject;
    const struct policy_query *query; /* NULL: only facts */
    struct policy_signature *out;
};

/* ---- timestamps ---- */

static bool is_inside_validity(const struct cert *cert, struct gentime time)
{
    return cert->der.len > 0 && cert_check_time(cert, time) == RC_OK;
}

/* Anybody may add a good one later: it must not hide one that was made in time. */
static int worth(const struct judge *j, const struct policy_stamp *stamp)
{
    return stamp->rc != RC_OK ? 0 : is_inside_validity(&j->out->cert, stamp->report.time) ? 2 : 1;
}

/* Several timestamps on one signature are legal: of those worth most the first one counts. */
static void choose_stamp(struct judge *j)
{
    struct policy_stamp stamp;

    for (size_t i = 0; i < j->out->spc->num_stamps; i++) {
        policy_stamp_read(j->out->spc, i, &stamp);
        if (j->query && j->query->tsa_anchors) {
            policy_stamp_judge(j->out->spc, j->query->tsa_anchors, &stamp);
        }
        if (i == 0 || worth(j, &stamp) > worth(j, &j->out->stamp)) {
            policy_stamp_clear(&j->out->stamp);
            j->out->stamp = stamp;
        } else {
            policy_stamp_clear(&stamp);
        }
    }
}

/* A note even for MD5: old authorities used it, and Windows takes it. */
static void note_weak_stamp(struct reasons *reasons, enum digest alg)
{
    if (alg == DIGEST_MD5 || alg == DIGEST_SHA1) {
        reasons_add(reasons, REASON_WEAK_DIGEST, RC_OK);
    }
}

#define MIN_RSA_BITS 1024
#define BLOCKED_FROM 1262304000 /* 2010-01-01 */

/* Windows blocks such keys since 2012 (Microsoft security advisory 2661254), but for what was timestamped before 2010. */
static void note_weak_key(struct judge *j, const struct chain *chain)
{
    const struct policy_signature *out = j->out;

    if (chain->rsa_bits > 0 && chain->rsa_bits < MIN_RSA_BITS) {
        reasons_raise(&j->out->reasons, REASON_WEAK_KEY,
                      out->by_stamp && out->stamp.report.time.sec < BLOCKED_FROM ? SEVERITY_NOTE
                                                                                 : SEVERITY_ERROR,
                      RC_OK);
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

/* Any other PKCS #7 is judged as `signtool verify /p7` does it: signature and chain, whatever the certificate is for. */
static bool is_code(const struct spc_signature *signature)
{
    return signature->depth > 0 || signature->cms.content_type == OID_SPC_INDIRECT_DATA ||
           signature->cms.content_type == OID_CTL;
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
        .purpose = is_code(j->out->spc) ? CHAIN_CODE_SIGNING : CHAIN_ANY,
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
    note_weak_key(j, &out->chain);
    if (out->stamp.rc == RC_OK) { /* a bad one counts as none */
        note_weak_key(j, &out->stamp.chain);
    }
}

/* ---- files ---- */

static void read_digests(struct policy_signature *out)
{
    struct spc_indirect indirect;

    if (out->spc->cms.content_type == OID_SPC_INDIRECT_DATA &&
        spc_indirect_parse(out->spc->cms.content, &indirect) == RC_OK) {
        out->file_digest = indirect.alg;
        if (spc_pages_parse(&indirect, &out->pages) != RC_OK) {
            out->pages = (struct spc_pages){0};
        }
    }
}

/* A certificate that is not there is a fact too: cert.der stays empty. */
static void read_signature(struct judge *j)
{
    const struct cms *cms = &j->out->spc->cms;

    if (cms_signer_find_cert(&cms->signer, cms->certificates, &j->out->cert) != RC_OK) {
        j->out->cert = (struct cert){0};
    }
    read_digests(j->out);
    choose_stamp(j);
}

static void judge_signature(struct judge *j)
{
    policy_integrity(j->subject, j->out);
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
    file->own = subject->reasons;
    if (query && subject->blobs.has_tail) {
        reasons_add(&file->own, REASON_UNSIGNED_DATA, RC_OK);
    }
    file->reasons = file->own;
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
