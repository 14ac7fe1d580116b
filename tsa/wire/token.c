/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time-stamp token (RFC 3161 2.4.2, RFC 5816): its structure, its building, and the attribute that binds the signer's
 * certificate to it (RFC 2634 5.4, RFC 5035 4). A token that is merely well-formed proves nothing: verify judges it.
 */
#include "tsa/wire/token.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#define INFO_ROOM 4096

/* ---- structure ---- */

enum rc token_check_structure(const struct cms *cms, enum der_rules rules)
{
    if (cms->content_type != OID_TST_INFO) {
        return RC_CMS_CONTENT_TYPE;
    }
    if (!cms->has_content || cms->content_tag != DER_OCTET_STRING_TAG) {
        return RC_CMS_NO_CONTENT;
    }
    if (cms->num_signers != 1) { /* RFC 3161 2.4.2: no other signature than the authority's */
        return RC_CMS_SIGNERS;
    }
    /* RFC 5652 5.1; known authorities wrote 1, and the signature does not cover it. */
    return rules == DER_STRICT && cms->version != 3 ? RC_CMS_VERSION : RC_OK;
}

enum rc token_parse(struct bytes in, enum der_rules rules, struct token *out)
{
    enum rc rc;

    *out = (struct token){0};
    rc = cms_parse(in, rules, &out->cms);
    if (rc == RC_OK) {
        rc = token_check_structure(&out->cms, rules);
    }
    return rc == RC_OK ? tsp_tstinfo_parse(out->cms.content, rules, &out->info) : rc;
}

enum rc token_build(struct wbuf *out, const struct token_build *build)
{
    uint8_t storage[INFO_ROOM];
    struct wbuf info;
    struct cms_build cms;
    enum rc rc;

    wbuf_init_fixed(&info, storage, sizeof storage);
    tsp_tstinfo_build(&info, build->info);
    rc = wbuf_rc(&info);
    if (rc != RC_OK) {
        return rc;
    }
    cms = (struct cms_build){
        .profile = build->profile,
        .version = 3,
        .content_type = OID_TST_INFO,
        .content = wbuf_bytes(&info),
        .attrs = {build->profile->ess},
        .num_attrs = 1,
        .with_certificates = build->with_certificates,
        .sign = build->sign,
        .sign_arg = build->sign_arg,
        .md_ctx = build->md_ctx,
    };
    return cms_build(out, &cms);
}

/* ---- names ---- */

static X509_NAME *x509_name(struct bytes name)
{
    const unsigned char *at = name.data;

    return d2i_X509_NAME(NULL, &at, (long)name.len);
}

/* RFC 5280 7.1: other string types, case and blanks make no other name. */
bool token_names_equal(struct bytes a, struct bytes b)
{
    X509_NAME *x, *y;
    bool equal = bytes_equal(a, b);

    if (equal || a.len == 0 || b.len == 0) {
        return equal;
    }
    ERR_set_mark();
    x = x509_name(a);
    y = x509_name(b);
    equal = x && y && X509_NAME_cmp(x, y) == 0;
    X509_NAME_free(x);
    X509_NAME_free(y);
    ERR_pop_to_mark();
    return equal;
}

/* ---- ESS ---- */

/* IssuerSerial: GeneralNames with one directoryName, serial. Read in d; true when it names cert. */
static bool read_issuer_serial(struct der *d, const struct cert *cert)
{
    struct bytes name, serial;

    der_enter(d, DER_SEQUENCE);
    der_enter(d, DER_SEQUENCE);
    der_enter(d, DER_CONTEXT_CONSTRUCTED(4));
    name = der_get_tlv(d, DER_SEQUENCE);
    der_leave(d);
    der_leave(d);
    serial = der_get_integer(d);
    der_leave(d);
    return d->rc == RC_OK && bytes_equal(serial, cert->serial) && token_names_equal(name, cert->issuer);
}

/* hashAlgorithm of ESSCertIDv2, DEFAULT SHA-256. */
static enum digest read_hash_algorithm(struct der *d)
{
    enum digest alg;

    if (!der_next_is(d, DER_SEQUENCE)) {
        return DIGEST_SHA256;
    }
    der_enter(d, DER_SEQUENCE);
    alg = digest_of_oid(oid_find(der_get_oid(d)));
    der_leave_rest(d);
    if (d->rc == RC_OK && alg == DIGEST_NONE) {
        der_fail(d, RC_DIGEST_UNKNOWN);
    }
    return alg;
}

static bool hash_names(struct bytes hash, enum digest alg, const struct cert *cert)
{
    uint8_t own[DIGEST_MAX];

    return cert_hash(cert, alg, own) == RC_OK && bytes_equal_ct(hash, bytes_of(own, digest_len(alg)));
}

/* The first entry must be the signer's certificate (RFC 5035 4); the others narrow what a chain may hold. */
static enum rc check_ess_value(struct bytes value, bool v2, const struct cert *cert)
{
    enum digest alg = DIGEST_SHA1;
    struct bytes hash;
    bool names;
    struct der d;

    der_init(&d, value, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    der_enter(&d, DER_SEQUENCE);
    if (d.rc == RC_OK && !der_more(&d)) {
        return RC_TOKEN_ESS_MISMATCH;
    }
    der_enter(&d, DER_SEQUENCE);
    if (v2) {
        alg = read_hash_algorithm(&d);
    }
    hash = der_get(&d, DER_OCTET_STRING_TAG);
    names = d.rc == RC_OK && hash_names(hash, alg, cert);
    if (der_more(&d)) {
        names = read_issuer_serial(&d, cert) && names;
    }
    der_leave(&d);
    der_leave_rest(&d);
    der_leave_rest(&d);
    if (der_end(&d) != RC_OK) {
        return der_end(&d);
    }
    return names ? RC_OK : RC_TOKEN_ESS_MISMATCH;
}

enum rc token_check_ess(const struct token *token, const struct cert *cert)
{
    static const enum oid types[] = {OID_SIGNING_CERTIFICATE, OID_SIGNING_CERTIFICATE_V2};
    struct bytes value;
    bool found = false;
    enum rc rc;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        rc = cms_attr_get(token->cms.signer.signed_attrs, types[i], &value);
        if (rc == RC_CMS_ATTR_MISSING) {
            continue;
        }
        if (rc == RC_OK) {
            rc = check_ess_value(value, types[i] == OID_SIGNING_CERTIFICATE_V2, cert);
        }
        if (rc != RC_OK) {
            return rc;
        }
        found = true;
    }
    return found ? RC_OK : RC_TOKEN_NO_ESS;
}
