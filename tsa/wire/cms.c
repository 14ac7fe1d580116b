/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads SignedData and SignerInfo (RFC 5652 5; PKCS #7 1.5 where Authenticode needs it). Every field is a view of the input as
 * it stands, so that what others signed is never re-encoded. Versions that nobody defined are refused, and so is a SignerInfo
 * whose version contradicts its signer identifier.
 */
#include "tsa/wire/cms.h"

/* ---- parts ---- */

/* A view of length 0 that still tells where the absent element would stand. */
static struct bytes place_of(const struct der *d)
{
    return d->rc == RC_OK ? (struct bytes){d->in.data + d->at, 0} : BYTES_NONE;
}

/* Parameters: the algorithms that are written here have none (NULL or absent); others' are left to who uses them. */
static void read_parameters(struct der *d, enum oid oid)
{
    if (!der_more(d)) {
        return;
    }
    if (d->rules == DER_STRICT && oid != OID_RSA_PSS) {
        der_get_null(d);
    } else {
        (void)der_get(d, 0);
    }
}

/* An AlgorithmIdentifier, and the OID in it. */
static struct bytes read_algorithm(struct der *d, enum oid *out_oid)
{
    size_t start = d->at;

    der_enter(d, DER_SEQUENCE);
    *out_oid = oid_find(der_get_oid(d));
    read_parameters(d, *out_oid);
    der_leave(d);
    return d->rc == RC_OK ? bytes_of(d->in.data + start, d->at - start) : BYTES_NONE;
}

/* ---- SignerInfo ---- */

/* RFC 5652 5.3: version 1 goes with issuerAndSerialNumber, version 3 with subjectKeyIdentifier. COMODO's old authority wrote 0. */
static void read_signer_id(struct der *d, struct cms_signer *out)
{
    bool fits = false;

    if (der_next_is(d, DER_SEQUENCE)) {
        der_enter(d, DER_SEQUENCE);
        out->issuer = der_get_tlv(d, DER_SEQUENCE);
        out->serial = der_get_integer(d);
        der_leave(d);
        fits = out->version == 1 || (out->version == 0 && d->rules == DER_FOREIGN);
    } else if (der_next_is(d, DER_CONTEXT(0))) {
        out->key_id = der_get(d, DER_CONTEXT(0));
        fits = out->version == 3;
    } else {
        der_fail(d, RC_CMS_SIGNER_ID);
    }
    if (!fits) {
        der_fail(d, RC_CMS_VERSION);
    }
}

static struct bytes read_attributes(struct der *d, unsigned number)
{
    uint8_t tag = DER_CONTEXT_CONSTRUCTED(number);

    return der_next_is(d, tag) ? der_get_tlv(d, tag) : place_of(d);
}

static void read_signer(struct der *d, struct cms_signer *out)
{
    enum oid oid;

    der_enter(d, DER_SEQUENCE);
    out->version = der_get_uint(d);
    read_signer_id(d, out);
    out->digest_alg = read_algorithm(d, &oid);
    out->digest = digest_of_oid(oid);
    out->signed_attrs = read_attributes(d, 0);
    out->signature_alg = read_algorithm(d, &out->signature_oid);
    out->signature = der_get(d, DER_OCTET_STRING_TAG);
    out->unsigned_attrs = read_attributes(d, 1);
    der_leave(d);
}

enum rc cms_signer_parse(struct bytes in, enum der_rules rules, struct cms_signer *out)
{
    struct der d;

    *out = (struct cms_signer){.tlv = in};
    der_init(&d, in, rules);
    read_signer(&d, out);
    return der_end(&d);
}

/* ---- SignedData ---- */

static void read_content(struct der *d, struct cms *out)
{
    struct der inner;

    der_enter(d, DER_SEQUENCE);
    out->content_type_oid = der_get_oid(d);
    out->content_type = oid_find(out->content_type_oid);
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(0))) {
        der_enter(d, DER_CONTEXT_CONSTRUCTED(0));
        out->content_tlv = der_get_tlv(d, 0);
        der_leave(d);
    }
    der_leave(d);
    if (out->content_tlv.len > 0) {
        out->has_content = true;
        out->content_tag = out->content_tlv.data[0];
        der_init(&inner, out->content_tlv, d->rules);
        out->content = der_get(&inner, 0);
    }
}

static void read_certificates(struct der *d, struct cms *out)
{
    out->certificates = place_of(d);
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(0))) {
        out->has_certificates = true;
        out->certificates = der_get(d, DER_CONTEXT_CONSTRUCTED(0));
    }
    if (der_next_is(d, DER_CONTEXT_CONSTRUCTED(1))) {
        out->has_crls = true;
        (void)der_get(d, DER_CONTEXT_CONSTRUCTED(1));
    }
}

static void read_signers(struct der *d, struct cms *out)
{
    struct bytes first = BYTES_NONE, tlv;
    struct der inner;
    enum rc rc;

    out->signers = der_get(d, DER_SET);
    der_init(&inner, out->signers, d->rules);
    for (; der_more(&inner); out->num_signers++) {
        tlv = der_get_tlv(&inner, DER_SEQUENCE);
        first = out->num_signers == 0 ? tlv : first;
    }
    rc = der_end(&inner);
    if (rc == RC_OK && out->num_signers > 0) {
        rc = cms_signer_parse(first, d->rules, &out->signer);
    }
    if (rc != RC_OK) {
        der_fail(d, rc);
    }
}

/* Nobody's judgement depends on it, but other readers refuse a SignedData where it is something else. */
static struct bytes read_digest_algs(struct der *d)
{
    size_t start;
    enum oid oid;

    der_enter(d, DER_SET);
    start = d->at;
    while (der_more(d)) {
        (void)read_algorithm(d, &oid);
    }
    der_leave(d);
    return d->rc == RC_OK ? bytes_of(d->in.data + start, d->at - start) : BYTES_NONE;
}

static void read_signed_data(struct der *d, struct cms *out)
{
    der_enter(d, DER_SEQUENCE);
    out->version = der_get_uint(d);
    if (out->version < 1 || out->version > 5) { /* RFC 5652 5.1 */
        der_fail(d, RC_CMS_VERSION);
    }
    out->digest_algs = read_digest_algs(d);
    read_content(d, out);
    read_certificates(d, out);
    read_signers(d, out);
    der_leave(d);
}

enum rc cms_parse(struct bytes in, enum der_rules rules, struct cms *out)
{
    struct der d;

    *out = (struct cms){.tlv = in};
    der_init(&d, in, rules);
    der_enter(&d, DER_SEQUENCE);
    if (oid_find(der_get_oid(&d)) != OID_SIGNED_DATA) {
        der_fail(&d, RC_CMS_TYPE);
    }
    der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
    read_signed_data(&d, out);
    der_leave(&d);
    der_leave(&d);
    return der_end(&d);
}

/* ---- attributes ---- */

struct bytes cms_attr_rest(struct bytes attrs)
{
    struct der d;

    if (attrs.len == 0) {
        return BYTES_NONE;
    }
    der_init(&d, attrs, DER_FOREIGN);
    return der_get(&d, 0);
}

static enum rc take_attr(struct bytes *rest, struct cms_attr *out)
{
    struct der d;
    size_t len;
    enum rc rc = der_tlv_len(*rest, &len);

    *out = (struct cms_attr){0};
    if (rc != RC_OK) {
        return rc;
    }
    out->tlv = bytes_of(rest->data, len);
    der_init(&d, out->tlv, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    out->type = der_get_oid(&d);
    out->values = der_get(&d, DER_SET);
    der_leave(&d);
    rc = der_end(&d);
    if (rc == RC_OK) {
        out->oid = oid_find(out->type);
        *rest = bytes_of(rest->data + len, rest->len - len);
    }
    return rc;
}

bool cms_attr_next(struct bytes *rest, struct cms_attr *out)
{
    return rest->len > 0 && take_attr(rest, out) == RC_OK;
}

/* The only value of a SET OF values. */
static enum rc only_value(struct bytes values, struct bytes *out)
{
    size_t len;
    enum rc rc;

    if (values.len == 0) {
        return RC_CMS_ATTR_MISSING;
    }
    rc = der_tlv_len(values, &len);
    if (rc == RC_OK && len != values.len) {
        rc = RC_CMS_ATTR_REPEATED;
    }
    *out = rc == RC_OK ? values : BYTES_NONE;
    return rc;
}

enum rc cms_attr_get(struct bytes attrs, enum oid type, struct bytes *out_value)
{
    struct bytes rest = cms_attr_rest(attrs);
    struct bytes values = BYTES_NONE;
    struct cms_attr attr;
    size_t num_found = 0;
    enum rc rc;

    *out_value = BYTES_NONE;
    while (rest.len > 0) {
        rc = take_attr(&rest, &attr);
        if (rc != RC_OK) {
            return rc;
        }
        if (attr.oid == type) {
            values = attr.values;
            num_found++;
        }
    }
    if (num_found != 1) {
        return num_found == 0 ? RC_CMS_ATTR_MISSING : RC_CMS_ATTR_REPEATED;
    }
    return only_value(values, out_value);
}

/* ---- the signer's certificate ---- */

/* The contents of the subjectKeyIdentifier extension (RFC 5280 4.2.1.2); empty when there is none. */
static struct bytes key_id_of(const struct cert *cert)
{
    struct bytes value;
    struct der d;

    if (!cert_get_extension(cert, OID_CE_SUBJECT_KEY_ID, &value)) {
        return BYTES_NONE;
    }
    der_init(&d, value, DER_FOREIGN);
    return der_get(&d, DER_OCTET_STRING_TAG);
}

bool cms_signer_names(const struct cms_signer *signer, const struct cert *cert)
{
    if (signer->issuer.len > 0) {
        return cert_matches(cert, signer->issuer, signer->serial);
    }
    return signer->key_id.len > 0 && bytes_equal(key_id_of(cert), signer->key_id);
}

enum rc cms_signer_find_cert(const struct cms_signer *signer, struct bytes certificates, struct cert *out)
{
    struct bytes der;

    while (cert_next(&certificates, &der)) {
        if (cert_parse(der, out) == RC_OK && cms_signer_names(signer, out)) {
            return RC_OK;
        }
    }
    *out = (struct cert){0};
    return RC_CERT_NOT_FOUND;
}
