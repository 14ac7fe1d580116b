/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the SignedData of Authenticode ("Windows Authenticode Portable Executable Signature Format", Microsoft): the indirect
 * data, and the tree of signatures that nested ones make. Authenticode has exactly one SignerInfo each; plain CMS may have more
 * (RFC 5652 5.1). It judges no signature: it says what is there and where. How deep signatures nest is limited by how many there may be.
 */
#include "tsclient/container/spc.h"

/* ---- SpcIndirectDataContent ---- */

enum rc spc_indirect_parse(struct bytes contents, struct spc_indirect *out)
{
    struct der d;
    enum rc rc;

    *out = (struct spc_indirect){0};
    der_init(&d, contents, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    out->data_type = oid_find(der_get_oid(&d));
    if (der_more(&d)) {
        out->data = der_get_tlv(&d, 0);
    }
    der_leave(&d);
    der_enter(&d, DER_SEQUENCE);
    der_enter(&d, DER_SEQUENCE);
    out->alg = digest_of_oid(oid_find(der_get_oid(&d)));
    der_leave_rest(&d);
    out->digest = der_get(&d, DER_OCTET_STRING_TAG);
    der_leave(&d);
    rc = der_end(&d);
    if (rc != RC_OK) {
        return RC_SPC_CONTENT;
    }
    if (out->alg == DIGEST_NONE) {
        return RC_DIGEST_UNKNOWN;
    }
    if (out->digest.len == digest_len(out->alg)) {
        return RC_OK;
    }
    out->is_package = bytes_starts_with(out->digest, bytes_str("APPX"));
    return out->is_package ? RC_OK : RC_SPC_CONTENT;
}

/* ---- the signatures ---- */

enum spc_stamp_kind spc_stamp_kind_of(enum oid attribute)
{
    switch (attribute) {
    case OID_COUNTER_SIGNATURE:
        return SPC_STAMP_LEGACY;
    case OID_SPC_RFC3161:
    case OID_TIME_STAMP_TOKEN:
        return SPC_STAMP_RFC3161;
    default:
        return SPC_STAMP_NONE;
    }
}

static bool is_seal(enum oid attribute)
{
    return attribute == OID_SPC_SEALING_SIGNATURE || attribute == OID_SPC_SEALING_TIMESTAMP;
}

static enum rc add_stamp(struct spc_signature *signature, enum spc_stamp_kind kind, struct bytes value)
{
    if (signature->num_stamps == SPC_MAX_STAMPS) {
        return RC_TOO_LARGE;
    }
    signature->stamps[signature->num_stamps++] = (struct spc_stamp){.kind = kind, .value = value};
    return RC_OK;
}

static enum rc read_signed_data(struct spc *spc, struct bytes pkcs7, unsigned depth, size_t primary);

static enum rc read_value(struct spc *spc, size_t index, enum oid attribute, struct bytes value)
{
    enum spc_stamp_kind kind = spc_stamp_kind_of(attribute);

    if (kind != SPC_STAMP_NONE) {
        return add_stamp(&spc->signatures[index], kind, value);
    }
    if (attribute == OID_SPC_NESTED_SIGNATURE) {
        return read_signed_data(spc, value, spc->signatures[index].depth + 1, spc->signatures[index].primary);
    }
    return RC_OK;
}

/* Several values in one attribute count as several attributes do. */
static enum rc read_values(struct spc *spc, size_t index, const struct cms_attr *attr)
{
    struct bytes rest = attr->values;
    size_t len;
    enum rc rc = RC_OK;

    if (spc_stamp_kind_of(attr->oid) == SPC_STAMP_NONE && attr->oid != OID_SPC_NESTED_SIGNATURE) {
        return RC_OK;
    }
    while (rc == RC_OK && rest.len > 0) {
        rc = der_tlv_len(rest, &len);
        if (rc == RC_OK) {
            rc = read_value(spc, index, attr->oid, bytes_of(rest.data, len));
            rest = bytes_of(rest.data + len, rest.len - len);
        }
    }
    return rc;
}

static enum rc read_attributes(struct spc *spc, size_t index)
{
    struct bytes rest = cms_attr_rest(spc->signatures[index].cms.signer.unsigned_attrs);
    struct cms_attr attr;
    enum rc rc = RC_OK;

    while (rc == RC_OK && cms_attr_next(&rest, &attr)) {
        spc->signatures[index].is_sealed |= is_seal(attr.oid);
        rc = read_values(spc, index, &attr);
    }
    return rc == RC_OK && rest.len > 0 ? RC_DER_TRAILING : rc;
}

/* One SignerInfo; whole has what it shares with the others of its SignedData. */
static enum rc read_signer(struct spc *spc, const struct spc_signature *whole, struct bytes signer)
{
    size_t index = spc->num;
    struct spc_signature *signature = &spc->signatures[index];
    enum rc rc;

    if (index == SPC_MAX_SIGNATURES) {
        return RC_TOO_LARGE;
    }
    *signature = *whole;
    rc = cms_signer_parse(signer, DER_FOREIGN, &signature->cms.signer);
    if (rc != RC_OK) {
        return rc;
    }
    spc->num++;
    return read_attributes(spc, index);
}

static enum rc check_signers(const struct spc_signature *whole)
{
    enum oid type = whole->cms.content_type;

    if (whole->cms.num_signers == 0) {
        return whole->depth == 0 ? RC_UNSIGNED : RC_CMS_SIGNERS;
    }
    if (whole->cms.num_signers > 1 &&
        (whole->depth > 0 || type == OID_SPC_INDIRECT_DATA || type == OID_CTL)) {
        return RC_CMS_SIGNERS;
    }
    return RC_OK;
}

static enum rc read_signed_data(struct spc *spc, struct bytes pkcs7, unsigned depth, size_t primary)
{
    struct spc_signature whole = {.depth = depth, .blob = spc->num_blobs, .primary = primary};
    struct bytes rest;
    size_t len;
    enum rc rc = cms_parse(pkcs7, DER_FOREIGN, &whole.cms);

    if (rc == RC_OK) {
        rc = check_signers(&whole);
    }
    rest = whole.cms.signers;
    while (rc == RC_OK && rest.len > 0) {
        rc = der_tlv_len(rest, &len);
        if (rc == RC_OK) {
            rc = read_signer(spc, &whole, bytes_of(rest.data, len));
            rest = bytes_of(rest.data + len, rest.len - len);
        }
    }
    return rc;
}

enum rc spc_add(struct spc *spc, struct bytes pkcs7)
{
    enum rc rc = read_signed_data(spc, pkcs7, 0, spc->num);

    spc->num_blobs++;
    return rc;
}

enum rc spc_parse(struct bytes pkcs7, struct spc *out)
{
    *out = (struct spc){0};
    return spc_add(out, pkcs7);
}

enum rc spc_content_digest(const struct spc_signature *signature, uint8_t out[DIGEST_MAX])
{
    if (!signature->cms.has_content) {
        return RC_CMS_NO_CONTENT;
    }
    return digest_compute(signature->cms.signer.digest, &signature->cms.content, 1, out);
}
