/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The surgical change of one signature's timestamps. Whole attributes leave the SignerInfo's unsigned attributes, one comes; a
 * legacy timestamp's certificates join the certificate set or leave it; the lengths above follow. Nothing else is touched, and nothing
 * that somebody else encoded is encoded again: signed attributes need not be DER to be right.
 */
#include "tsclient/container/spc.h"

#include <stdlib.h>

#include "tsa/wire/ber.h"
#include "tsclient/container/spc_certs.h"
#include "tsclient/container/splice.h"

struct change {
    const struct spc_change *wanted;
    const struct spc *spc;
    const struct spc_signature *signature;
    struct splice splice;
    struct wbuf attribute;    /* the new Attribute */
    struct wbuf attributes;   /* a whole new [1], where there was none */
    struct wbuf certificates; /* those that come, in [0] where there was none */
};

/* ---- the new attribute ---- */

/* Authenticode, which is also what nested signatures are, has an attribute of its own for tokens; everything else takes RFC 3161's
 * (appendix A). */
static enum oid token_attribute(const struct change *c)
{
    enum oid type = c->spc->signatures[c->signature->primary].cms.content_type;

    return c->signature->depth > 0 || type == OID_SPC_INDIRECT_DATA || type == OID_CTL ? OID_SPC_RFC3161
                                                                                       : OID_TIME_STAMP_TOKEN;
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
    oid_put(w, legacy ? OID_COUNTER_SIGNATURE : token_attribute(c));
    set = der_open(w, DER_SET);
    wbuf_put(w, c->wanted->value);
    der_close(w, set);
    der_close(w, sequence);
    return wbuf_rc(w);
}

/* ---- unsigned attributes ---- */

struct walk {
    size_t num_kept, num_removed;
    const uint8_t *place; /* where the new attribute goes */
};

/* The new attribute stands before the first that sorts behind it: a set in DER's order stays in it. */
static void walk_attributes(struct change *c, struct bytes attrs, struct bytes new, struct walk *walk)
{
    struct bytes rest = cms_attr_rest(attrs);
    struct cms_attr attr;

    *walk = (struct walk){.place = NULL};
    while (cms_attr_next(&rest, &attr)) {
        if (spc_stamp_kind_of(attr.oid) != SPC_STAMP_NONE) {
            splice_add(&c->splice, (struct splice_edit){
                                       .parent = attrs.data, .at = attr.tlv.data, .remove = attr.tlv.len});
            walk->num_removed++;
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
    } else if (walk.num_kept == 0 && walk.num_removed > 0) {
        drop_attributes(c, attrs);
    }
    return c->splice.rc;
}

/* ---- certificates ---- */

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

static enum rc collect_coming(struct change *c, const struct spc_certs *certs)
{
    wbuf_init(&c->certificates, c->wanted->certificates.len + 16);
    for (size_t i = 0; i < certs->num; i++) {
        if (spc_certs_comes(&certs->one[i])) {
            wbuf_put(&c->certificates, certs->one[i].tlv);
        }
    }
    return wbuf_rc(&c->certificates);
}

static bool is_emptied(const struct spc_certs *certs)
{
    size_t num_going = 0, num = 0;

    for (; num < certs->num && certs->one[num].in_set; num++) {
        num_going += spc_certs_goes(&certs->one[num]);
    }
    return num > 0 && num_going == num;
}

/* Takes those off that go, neighbours in one edit. */
static void remove_certificates(struct change *c, const struct spc_certs *certs, struct bytes set)
{
    struct splice_edit edit = {.parent = set.data};

    for (size_t i = 0; i < certs->num && certs->one[i].in_set; i++) {
        const struct spc_certs_one *one = &certs->one[i];

        if (spc_certs_goes(one)) {
            edit.at = edit.remove == 0 ? one->tlv.data : edit.at;
            edit.remove += one->tlv.len;
        } else {
            splice_add(&c->splice, edit);
            edit.remove = 0;
        }
    }
    splice_add(&c->splice, edit);
}

static enum rc change_set(struct change *c, const struct spc_certs *certs, const struct place *place)
{
    struct bytes coming = wbuf_bytes(&c->certificates);

    if (is_emptied(certs) && coming.len == 0) { /* without a certificate there is no [0] at all */
        splice_add(&c->splice, (struct splice_edit){.parent = place->signed_data,
                                                    .at = place->set.data,
                                                    .remove = place->set.len});
        return c->splice.rc;
    }
    remove_certificates(c, certs, place->set);
    splice_add(&c->splice, (struct splice_edit){.parent = place->set.data,
                                                .at = place->set.data + place->set.len,
                                                .insert = coming});
    return c->splice.rc;
}

static enum rc add_set(struct change *c, const struct place *place)
{
    uint8_t *header = c->certificates.len > 0 ? wbuf_insert(&c->certificates, 0, 2) : NULL;

    if (!header) {
        return wbuf_rc(&c->certificates);
    }
    header[0] = DER_CONTEXT_CONSTRUCTED(0);
    header[1] = 0; /* der_close sets it */
    der_close(&c->certificates, 2);
    splice_add(&c->splice, (struct splice_edit){.parent = place->signed_data,
                                                .at = place->set.data,
                                                .insert = wbuf_bytes(&c->certificates)});
    return wbuf_rc(&c->certificates);
}

static enum rc weigh_certificates(struct change *c, struct spc_certs *certs)
{
    struct place place;
    enum rc rc = spc_certs_weigh(certs, c->spc, c->wanted);

    if (rc == RC_OK) {
        rc = collect_coming(c, certs);
    }
    if (rc == RC_OK) {
        rc = find_place(&c->signature->cms, &place);
    }
    if (rc != RC_OK) {
        return rc;
    }
    return place.set.len > 0 ? change_set(c, certs, &place) : add_set(c, &place);
}

/* Tokens bring their certificates with them: the set is for legacy timestamps. */
static bool set_may_change(const struct change *c)
{
    bool may = c->wanted->kind == SPC_STAMP_LEGACY;

    for (size_t i = 0; i < c->signature->num_stamps; i++) {
        may |= c->signature->stamps[i].kind == SPC_STAMP_LEGACY;
    }
    return may;
}

static enum rc change_certificates(struct change *c)
{
    struct spc_certs *certs;
    enum rc rc = RC_NO_MEMORY;

    if (!set_may_change(c)) {
        return RC_OK;
    }
    certs = calloc(1, sizeof *certs);
    if (certs) {
        rc = weigh_certificates(c, certs);
        spc_certs_clear(certs);
    }
    free(certs);
    return rc;
}

/* ---- the whole ---- */

static enum rc check_value(const struct spc_change *change)
{
    struct cms_signer signer;
    size_t len;
    enum rc rc;

    if (change->kind == SPC_STAMP_NONE) {
        return RC_OK;
    }
    if (change->kind == SPC_STAMP_LEGACY) {
        return cms_signer_parse(change->value, DER_FOREIGN, &signer);
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
    if (rc == RC_OK) {
        rc = change_certificates(c);
    }
    return rc == RC_OK ? splice_apply(&c->splice, pkcs7, out) : rc;
}

enum rc spc_change(struct bytes pkcs7, const struct spc_change *change, struct wbuf *out)
{
    struct spc *spc = calloc(1, sizeof *spc);
    struct change c = {.wanted = change, .spc = spc};
    enum rc rc = spc ? spc_parse(pkcs7, spc) : RC_NO_MEMORY;

    if (rc == RC_OK) {
        rc = change->index < spc->num ? check_value(change) : RC_NOT_FOUND;
    }
    if (rc == RC_OK) {
        c.signature = &spc->signatures[change->index];
        rc = apply(&c, pkcs7, out);
    }
    if (rc == RC_DER_LENGTH && ber_is_indefinite(pkcs7)) {
        rc = RC_SPC_INDEFINITE; /* read elsewhere in definite form, but nothing is put back from there */
    }
    wbuf_clear(&c.attribute);
    wbuf_clear(&c.attributes);
    wbuf_clear(&c.certificates);
    free(spc);
    return rc;
}
