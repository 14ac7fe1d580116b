/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The surgical change of one signature's timestamps. Whole attributes leave the SignerInfo's unsigned attributes, one comes; a
 * legacy timestamp's certificates join the certificate set; the lengths above follow. Nothing else is touched, and nothing that
 * somebody else encoded is encoded again: signed attributes need not be DER to be right.
 */
#include "tsclient/container/spc.h"

#include <stdlib.h>

#include "tsclient/container/splice.h"

struct change {
    const struct spc_change *wanted;
    const struct spc_signature *signature;
    struct splice splice;
    struct wbuf attribute;    /* the new Attribute */
    struct wbuf attributes;   /* a whole new [1], where there was none */
    struct wbuf certificates; /* those that are not in the set yet, in [0] where there was none */
};

/* ---- the new attribute ---- */

/* Authenticode has an attribute of its own for tokens; plain CMS takes RFC 3161's (appendix A). */
static enum oid token_attribute(const struct spc_signature *signature)
{
    enum oid type = signature->cms.content_type;

    return signature->depth == 0 && type == OID_DATA ? OID_TIME_STAMP_TOKEN : OID_SPC_RFC3161;
}

static enum rc build_attribute(struct change *c)
{
    struct wbuf *w = &c->attribute;
    bool legacy = c->wanted->kind == SPC_STAMP_LEGACY;
    size_t sequence, set;

    wbuf_init(w, c->wanted->value.len + 64);
    if (c->wanted->kind == SPC_STAMP_NONE) {
        return RC_OK;
    }
    sequence = der_open(w, DER_SEQUENCE);
    oid_put(w, legacy ? OID_COUNTER_SIGNATURE : token_attribute(c->signature));
    set = der_open(w, DER_SET);
    wbuf_put(w, c->wanted->value);
    der_close(w, set);
    der_close(w, sequence);
    return wbuf_rc(w);
}

/* ---- unsigned attributes ---- */

static bool is_stamp(enum oid attribute)
{
    return attribute == OID_COUNTER_SIGNATURE || attribute == OID_SPC_RFC3161 ||
           attribute == OID_TIME_STAMP_TOKEN;
}

struct walk {
    size_t num_kept;
    const uint8_t *place; /* where the new attribute goes */
};

/* The new attribute stands before the first that sorts behind it: a set in DER's order stays in it. */
static void walk_attributes(struct change *c, struct bytes attrs, struct bytes new, struct walk *walk)
{
    struct bytes rest = cms_attr_rest(attrs);
    struct cms_attr attr;

    *walk = (struct walk){.place = NULL};
    while (cms_attr_next(&rest, &attr)) {
        if (is_stamp(attr.oid)) {
            splice_add(&c->splice, (struct splice_edit){
                                       .parent = attrs.data, .at = attr.tlv.data, .remove = attr.tlv.len});
            continue;
        }
        walk->num_kept++;
        if (!walk->place && new.len > 0 && bytes_compare(attr.tlv, new) > 0) {
            walk->place = attr.tlv.data;
        }
    }
    if (!walk->place) {
        walk->place = attrs.data + attrs.len;
    }
}

/* Without an unsigned attribute there is no [1] at all. */
static void drop_attributes(struct change *c, struct bytes attrs)
{
    c->splice.num = 0;
    splice_add(&c->splice, (struct splice_edit){.parent = c->signature->cms.signer.tlv.data,
                                                .at = attrs.data,
                                                .remove = attrs.len});
}

static enum rc add_attributes(struct change *c, struct bytes attrs, struct bytes new)
{
    wbuf_init(&c->attributes, new.len + 16);
    der_put(&c->attributes, DER_CONTEXT_CONSTRUCTED(1), new);
    splice_add(&c->splice, (struct splice_edit){.parent = c->signature->cms.signer.tlv.data,
                                                .at = attrs.data,
                                                .insert = wbuf_bytes(&c->attributes)});
    return wbuf_rc(&c->attributes);
}

static enum rc change_attributes(struct change *c)
{
    struct bytes attrs = c->signature->cms.signer.unsigned_attrs, new = wbuf_bytes(&c->attribute);
    struct walk walk;

    if (attrs.len == 0) {
        return new.len > 0 ? add_attributes(c, attrs, new) : RC_OK;
    }
    walk_attributes(c, attrs, new, &walk);
    if (new.len > 0) {
        splice_add(&c->splice, (struct splice_edit){.parent = attrs.data, .at = walk.place, .insert = new});
    } else if (walk.num_kept == 0) {
        drop_attributes(c, attrs);
    }
    return c->splice.rc;
}

/* ---- certificates ---- */

static bool is_in(struct bytes set, struct bytes der)
{
    struct cert cert, found;
    struct bytes one;
    struct bytes rest = set;

    while (cert_next(&rest, &one)) {
        if (bytes_equal(one, der)) {
            return true;
        }
    }
    return cert_parse(der, &cert) == RC_OK && cert_find(set, cert.issuer, cert.serial, &found) == RC_OK;
}

/* Where the SignedData starts, and its certificate set (empty, but with its place, where there is none). */
struct place {
    const uint8_t *signed_data;
    struct bytes set; /* [0] with tag and length */
};

static enum rc find_place(const struct cms *cms, struct place *out)
{
    struct der d;

    *out = (struct place){.set = {cms->certificates.data, 0}};
    der_init(&d, cms->tlv, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_oid(&d);
    der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
    out->signed_data = cms->tlv.data + d.at;
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_tlv(&d, DER_INTEGER_TAG);
    (void)der_get_tlv(&d, DER_SET);
    (void)der_get_tlv(&d, DER_SEQUENCE);
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(0))) {
        out->set = der_get_tlv(&d, DER_CONTEXT_CONSTRUCTED(0));
    }
    return d.rc;
}

/* The certificates of the reply that the set lacks, in the reply's order. */
static enum rc collect_missing(struct change *c)
{
    struct bytes rest = c->wanted->certificates, one;
    struct wbuf *w = &c->certificates;

    wbuf_init(w, rest.len + 16);
    while (cert_next(&rest, &one)) {
        if (!is_in(c->signature->cms.certificates, one) && !is_in(wbuf_bytes(w), one)) {
            wbuf_put(w, one);
        }
    }
    return wbuf_rc(w);
}

static enum rc change_certificates(struct change *c)
{
    struct place place;
    uint8_t *header;
    enum rc rc = collect_missing(c);

    if (rc == RC_OK) {
        rc = find_place(&c->signature->cms, &place);
    }
    if (rc != RC_OK || c->certificates.len == 0) {
        return rc;
    }
    if (place.set.len > 0) {
        splice_add(&c->splice, (struct splice_edit){.parent = place.set.data,
                                                    .at = place.set.data + place.set.len,
                                                    .insert = wbuf_bytes(&c->certificates)});
        return c->splice.rc;
    }
    header = wbuf_insert(&c->certificates, 0, 2);
    if (!header) {
        return wbuf_rc(&c->certificates);
    }
    header[0] = DER_CONTEXT_CONSTRUCTED(0);
    header[1] = 0; /* der_close sets it */
    der_close(&c->certificates, 2);
    splice_add(&c->splice, (struct splice_edit){.parent = place.signed_data,
                                                .at = place.set.data,
                                                .insert = wbuf_bytes(&c->certificates)});
    return wbuf_rc(&c->certificates);
}

/* ---- the whole ---- */

static enum rc check_value(const struct spc_change *change)
{
    size_t len;
    enum rc rc;

    if (change->kind == SPC_STAMP_NONE) {
        return RC_OK;
    }
    rc = der_tlv_len(change->value, &len);
    return rc == RC_OK && len != change->value.len ? RC_DER_TRAILING : rc;
}

static enum rc apply(struct change *c, struct bytes pkcs7, struct wbuf *out)
{
    enum rc rc = build_attribute(c);

    if (rc == RC_OK) {
        rc = change_attributes(c);
    }
    if (rc == RC_OK && c->wanted->kind == SPC_STAMP_LEGACY) {
        rc = change_certificates(c);
    }
    return rc == RC_OK ? splice_apply(&c->splice, pkcs7, out) : rc;
}

enum rc spc_change(struct bytes pkcs7, const struct spc_change *change, struct wbuf *out)
{
    struct change c = {.wanted = change};
    struct spc *spc = calloc(1, sizeof *spc);
    enum rc rc = spc ? spc_parse(pkcs7, spc) : RC_NO_MEMORY;

    if (rc == RC_OK) {
        rc = change->index < spc->num ? check_value(change) : RC_NOT_FOUND;
    }
    if (rc == RC_OK) {
        c.signature = &spc->signatures[change->index];
        rc = apply(&c, pkcs7, out);
    }
    wbuf_clear(&c.attribute);
    wbuf_clear(&c.attributes);
    wbuf_clear(&c.certificates);
    free(spc);
    return rc;
}
