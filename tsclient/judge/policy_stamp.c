/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps in signed files, as Windows takes them: the extended key usage must name timestamping but need be neither critical
 * nor alone, and the name of the authority in a token is a hint. Stamping is stricter than this.
 */
#include "tsclient/judge/policy.h"

#include "certs/certext.h"
#include "tsa/wire/msauth.h"

/* ---- facts, and every check but the chain ---- */

static void read_token(const struct spc_signature *signature, struct bytes value, struct policy_stamp *out)
{
    struct verify_token_query query = {.token = value,
                                       .extra_certs = signature->cms.certificates,
                                       .lenient_eku = true,
                                       .rules = DER_FOREIGN};
    struct bytes blob = signature->cms.signer.signature;
    uint8_t hash[DIGEST_MAX];
    struct token token;
    enum rc rc = token_parse(value, DER_FOREIGN, &token);

    if (rc == RC_OK) {
        out->digest = query.imprint_alg = token.info.imprint.alg;
        rc = digest_compute(query.imprint_alg, &blob, 1, hash);
        query.imprint_hash = bytes_of(hash, digest_len(query.imprint_alg));
    }
    out->rc = verify_token(&query, &out->report);
    out->rc = verify_verdict(&out->report, out->rc);
    out->rc = out->rc == RC_OK ? rc : out->rc; /* an imprint that could not be compared is no good one */
}

static void read_countersignature(const struct spc_signature *signature, struct bytes value,
                                  struct policy_stamp *out)
{
    struct verify_countersignature_query query = {.signer_info = value,
                                                  .blob = signature->cms.signer.signature,
                                                  .certificates = signature->cms.certificates,
                                                  .rules = DER_FOREIGN};

    out->rc = verify_countersignature(&query, &out->report);
    out->digest = out->report.signer.digest;
}

void policy_stamp_read(const struct spc_signature *signature, size_t index, struct policy_stamp *out)
{
    const struct spc_stamp *stamp = &signature->stamps[index];

    *out = (struct policy_stamp){.kind = stamp->kind};
    if (stamp->kind == SPC_STAMP_RFC3161) {
        read_token(signature, stamp->value, out);
    } else {
        read_countersignature(signature, stamp->value, out);
    }
}

/* ---- the chain ---- */

void policy_stamp_judge(const struct spc_signature *signature, const struct chain_anchors *anchors,
                        struct policy_stamp *stamp)
{
    struct bytes own = stamp->kind == SPC_STAMP_RFC3161 ? stamp->report.token.cms.certificates : BYTES_NONE;
    struct bytes outer = signature->cms.certificates;
    struct wbuf all;
    enum rc rc;

    if (stamp->report.cert.der.len == 0 || !stamp->report.has_time) {
        return;
    }
    wbuf_init(&all, own.len + outer.len);
    wbuf_put(&all, own);
    wbuf_put(&all, outer);
    const struct chain_query query = {.anchors = anchors,
                                      .leaf = stamp->report.cert.der,
                                      .intermediates = wbuf_bytes(&all),
                                      .at = stamp->report.time,
                                      .purpose = CHAIN_TIME_STAMPING};
    rc = wbuf_rc(&all) == RC_OK ? chain_check(&query, &stamp->chain) : wbuf_rc(&all);
    stamp->rc = stamp->rc == RC_OK ? rc : stamp->rc;
    wbuf_clear(&all);
}

void policy_stamp_clear(struct policy_stamp *stamp)
{
    verify_clear(&stamp->report);
    chain_clear(&stamp->chain);
    *stamp = (struct policy_stamp){0};
}

/* A token names a policy, a legacy timestamp has none: it says so by a signed attribute. */
bool policy_stamp_is_lab_time(const struct policy_stamp *stamp)
{
    if (stamp->kind == SPC_STAMP_RFC3161 &&
        oid_find(stamp->report.token.info.policy) == OID_LAB_TIME_POLICY) {
        return true;
    }
    if (stamp->kind == SPC_STAMP_LEGACY && msauth_is_lab_time(&stamp->report.signer)) {
        return true;
    }
    return stamp->report.cert.der.len > 0 && certext_has_policy(&stamp->report.cert, OID_LAB_TIME_POLICY);
}
