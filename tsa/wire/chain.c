/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains through libcrypto's X509 functions (RFC 5280 6). Purposes are checked here: libcrypto knows none for code
 * signing, and its timestamping purpose refuses old authorities whose extended key usage is not critical. Whether a digest
 * or a key is too weak is the caller's question, not this file's.
 */
#include "tsa/wire/chain.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

struct chain_anchors {
    X509_STORE *store;
    STACK_OF(X509_CRL) * crls; /* those of the store, to be looked at without its lock and without memory */
};

/* What follows the element is an error: a file with two certificates must not count as its first. */
static X509 *x509_of(struct bytes der)
{
    const unsigned char *at = der.data;
    X509 *x;

    ERR_set_mark();
    x = der.len > 0 && der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (x && at != der.data + der.len) {
        X509_free(x);
        x = NULL;
    }
    ERR_pop_to_mark();
    return x;
}

/* ---- anchors ---- */

struct chain_anchors *chain_anchors_new(void)
{
    struct chain_anchors *anchors = calloc(1, sizeof *anchors);

    if (!anchors) {
        return NULL;
    }
    anchors->store = X509_STORE_new();
    anchors->crls = sk_X509_CRL_new_null();
    if (!anchors->store || !anchors->crls) {
        chain_anchors_free(anchors);
        return NULL;
    }
    return anchors;
}

void chain_anchors_free(struct chain_anchors *anchors)
{
    if (anchors) {
        sk_X509_CRL_pop_free(anchors->crls, X509_CRL_free);
        X509_STORE_free(anchors->store);
        free(anchors);
    }
}

enum rc chain_anchors_add(struct chain_anchors *anchors, struct bytes der)
{
    X509 *x = x509_of(der);
    bool ok;

    if (!x) {
        return RC_CERT_MALFORMED;
    }
    ok = X509_STORE_add_cert(anchors->store, x) == 1;
    X509_free(x);
    return ok ? RC_OK : RC_CRYPTO;
}

/* Both places or an error: a list that only one of them knows could be passed over. */
static enum rc keep_crl(struct chain_anchors *anchors, X509_CRL *crl)
{
    if (X509_CRL_up_ref(crl) != 1) {
        return RC_CRYPTO;
    }
    if (sk_X509_CRL_push(anchors->crls, crl) <= 0) {
        X509_CRL_free(crl);
        return RC_NO_MEMORY;
    }
    return X509_STORE_add_crl(anchors->store, crl) == 1 ? RC_OK : RC_CRYPTO;
}

enum rc chain_anchors_add_crl(struct chain_anchors *anchors, struct bytes der)
{
    const unsigned char *at = der.data;
    enum rc rc = RC_CERT_MALFORMED;
    X509_CRL *crl;

    ERR_set_mark();
    crl = der.len > 0 && der.len <= LONG_MAX ? d2i_X509_CRL(NULL, &at, (long)der.len) : NULL;
    if (crl && at == der.data + der.len) {
        rc = keep_crl(anchors, crl);
    }
    X509_CRL_free(crl);
    ERR_pop_to_mark();
    return rc;
}

enum rc chain_anchors_add_system(struct chain_anchors *anchors)
{
    bool ok;

    ERR_set_mark();
    ok = X509_STORE_set_default_paths(anchors->store) == 1;
    ERR_pop_to_mark();
    return ok ? RC_OK : RC_CRYPTO;
}

size_t chain_anchors_count(const struct chain_anchors *anchors)
{
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(anchors->store);
    size_t num = 0;

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        num += X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_X509;
    }
    return num;
}

/* ---- libcrypto's verdict ---- */

static enum rc rc_of_error(int error)
{
    static const struct {
        int error;
        enum rc rc;
    } table[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, RC_CERT_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, RC_CERT_NOT_YET_VALID},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_CERT_UNTRUSTED, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_CERT_REJECTED, RC_CHAIN_UNTRUSTED},
        {X509_V_ERR_CERT_REVOKED, RC_CHAIN_REVOKED},
        {X509_V_ERR_UNABLE_TO_GET_CRL,
         RC_CHAIN_REVOKED}, /* this and the next: where it is not forgiven below */
        {X509_V_ERR_DIFFERENT_CRL_SCOPE, RC_CHAIN_REVOKED},
        {X509_V_ERR_CRL_NOT_YET_VALID, RC_CHAIN_REVOKED},
        {X509_V_ERR_CRL_HAS_EXPIRED, RC_CHAIN_REVOKED},
        {X509_V_ERR_EE_KEY_TOO_SMALL, RC_CHAIN_WEAK},
        {X509_V_ERR_CA_KEY_TOO_SMALL, RC_CHAIN_WEAK},
        {X509_V_ERR_CA_MD_TOO_WEAK, RC_CHAIN_WEAK},
        {X509_V_ERR_OUT_OF_MEM, RC_NO_MEMORY},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].error == error) {
            return table[i].rc;
        }
    }
    return RC_CHAIN_BROKEN;
}

/* RFC 5280 4.1.2.5 counts notAfter itself as valid, libcrypto does not. */
static bool ends_in_this_second(const X509 *x, struct gentime at)
{
    time_t before = (time_t)(at.sec - 1);

    return at.nsec == 0 && X509_cmp_time(X509_get0_notAfter(x), &before) > 0;
}

/* These reasons do not speak against what the key did before (RFC 3161 4); no reason given does. */
static bool reason_is_harmless(const X509_REVOKED *revoked)
{
    ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
    long value = reason ? ASN1_ENUMERATED_get(reason) : CRL_REASON_KEY_COMPROMISE;

    ASN1_ENUMERATED_free(reason);
    return value == CRL_REASON_UNSPECIFIED || value == CRL_REASON_AFFILIATION_CHANGED ||
           value == CRL_REASON_SUPERSEDED || value == CRL_REASON_CESSATION_OF_OPERATION;
}

/* Whether this list names the certificate in a way that counts at the time in question: what a key signed before it was
 * revoked stays good, a timestamp only if the reason allows. */
static bool speaks_against(X509_CRL *crl, X509 *x, const struct chain_query *query)
{
    time_t at = (time_t)query->at.sec;
    X509_REVOKED *revoked = NULL;

    if (X509_CRL_get0_by_cert(crl, &revoked, x) != 1) {
        return false;
    }
    if (X509_cmp_time(X509_REVOKED_get0_revocationDate(revoked), &at) <= 0) {
        return true;
    }
    return query->purpose == CHAIN_TIME_STAMPING && !reason_is_harmless(revoked);
}

/* libcrypto does not tell which list it looked at, nor whether it found none because memory ran out: all are asked. */
static bool any_speaks_against(X509 *x, const struct chain_query *query)
{
    const STACK_OF(X509_CRL) *crls = query->anchors->crls;

    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        if (speaks_against(sk_X509_CRL_value(crls, i), x, query)) {
            return true;
        }
    }
    return false;
}

static bool is_forgiven(int error, X509 *x, const struct chain_query *query)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:   /* the caller gave what there is */
    case X509_V_ERR_DIFFERENT_CRL_SCOPE: /* that one speaks of other certificates */
    case X509_V_ERR_CRL_NOT_YET_VALID: /* the time in question lies in the past, what is known since then counts */
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CERT_REVOKED:
        return !any_speaks_against(x, query);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ends_in_this_second(x, query->at);
    default:
        return false;
    }
}

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);

    if (!ok && x && is_forgiven(X509_STORE_CTX_get_error(ctx), x, X509_STORE_CTX_get_app_data(ctx))) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return ok;
}

/* False when memory runs out: without its query the callback could not judge. */
static bool set_rules(X509_STORE_CTX *ctx, struct chain_query *query)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN; /* an anchor need not be self-signed */

    if (sk_X509_CRL_num(query->anchors->crls) > 0) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    }
    X509_VERIFY_PARAM_set_time(param, (time_t)query->at.sec);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX - 2); /* counts neither leaf nor anchor */
    X509_VERIFY_PARAM_set_auth_level(param, 0);
    X509_STORE_CTX_set_verify_cb(ctx, on_verify);
    return X509_VERIFY_PARAM_set_flags(param, flags) == 1 && X509_STORE_CTX_set_app_data(ctx, query) == 1;
}

/* ---- what was built ---- */

/* Takes the DER of all of it into one block. */
static enum rc copy_chain(const STACK_OF(X509) * certs, struct chain *out)
{
    int num = sk_X509_num(certs) < CHAIN_MAX ? sk_X509_num(certs) : CHAIN_MAX;
    size_t len[CHAIN_MAX], total = 0;
    unsigned char *at;
    int got;

    for (int i = 0; i < num; i++) {
        got = i2d_X509(sk_X509_value(certs, i), NULL);
        if (got <= 0) {
            return RC_CRYPTO;
        }
        len[i] = (size_t)got;
        total += len[i];
    }
    at = out->storage = malloc(total ? total : 1);
    if (!at) {
        return RC_NO_MEMORY;
    }
    for (int i = 0; i < num; i++) {
        out->cert[i] = bytes_of(at, len[i]);
        (void)i2d_X509(sk_X509_value(certs, i), &at);
    }
    out->num = (size_t)(num > 0 ? num : 0);
    return RC_OK;
}

/* The weakest digest with which one of them was signed. Nobody relies on the signature of the last one, the anchor. */
static enum digest weak_digest(const STACK_OF(X509) * certs)
{
    enum digest weak = DIGEST_NONE;
    int nid;

    for (int i = 0; i + 1 < sk_X509_num(certs); i++) {
        if (X509_get_signature_info(sk_X509_value(certs, i), &nid, NULL, NULL, NULL) != 1) {
            continue;
        }
        if (nid == NID_md5 || nid == NID_md4 || nid == NID_md2) {
            return DIGEST_MD5;
        }
        weak = nid == NID_sha1 ? DIGEST_SHA1 : weak;
    }
    return weak;
}

static unsigned shortest_rsa(const STACK_OF(X509) * certs)
{
    unsigned shortest = 0, bits;

    for (int i = 0; i < sk_X509_num(certs); i++) {
        const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(certs, i));

        if (key && EVP_PKEY_is_a(key, "RSA")) {
            bits = (unsigned)EVP_PKEY_get_bits(key);
            shortest = shortest == 0 || bits < shortest ? bits : shortest;
        }
    }
    return shortest;
}

static void name_missing(struct chain *chain)
{
    struct cert last;

    if (chain->num > 0 && cert_parse(chain->cert[chain->num - 1], &last) == RC_OK) {
        (void)cert_name(last.issuer, chain->missing, sizeof chain->missing);
    }
}

/* The leaf must be meant for the purpose; what stands above it must not be kept from it. */
static bool eku_allows(const struct cert *cert, enum chain_purpose purpose, bool leaf)
{
    bool signs_code = purpose == CHAIN_CODE_SIGNING;
    unsigned bit = signs_code ? CERT_EKU_CODE_SIGNING : CERT_EKU_TIME_STAMPING;

    if (!cert->has_eku) {
        return !leaf || signs_code;
    }
    return cert->eku & (leaf ? bit : bit | CERT_EKU_ANY);
}

static enum rc check_purpose(const struct chain *chain, enum chain_purpose purpose)
{
    struct cert cert;

    for (size_t i = 0; i < chain->num && purpose != CHAIN_ANY; i++) {
        if (cert_parse(chain->cert[i], &cert) != RC_OK) {
            return RC_CERT_MALFORMED;
        }
        if (!eku_allows(&cert, purpose, i == 0)) {
            return RC_CERT_EKU;
        }
    }
    return RC_OK;
}

/* ---- check ---- */

/* A certificate that libcrypto can't read is left out: it may belong to another signature of the same set. */
static bool push_all(STACK_OF(X509) * certs, struct bytes set)
{
    struct bytes der;
    X509 *x;

    for (size_t num = 0; num < CHAIN_OTHERS_MAX && cert_next(&set, &der); num++) {
        x = x509_of(der);
        if (x && sk_X509_push(certs, x) <= 0) {
            X509_free(x);
            return false;
        }
    }
    return true;
}

static enum rc verify(X509_STORE_CTX *ctx, struct chain_query *query, struct chain *out)
{
    bool good;
    enum rc rc, verdict;

    if (!set_rules(ctx, query)) {
        return RC_NO_MEMORY;
    }
    good = X509_verify_cert(ctx) == 1;
    verdict = good ? RC_OK : rc_of_error(X509_STORE_CTX_get_error(ctx));
    rc = copy_chain(X509_STORE_CTX_get0_chain(ctx), out);
    if (rc != RC_OK) {
        return rc;
    }
    out->weak = weak_digest(X509_STORE_CTX_get0_chain(ctx));
    out->rsa_bits = shortest_rsa(X509_STORE_CTX_get0_chain(ctx));
    if (verdict == RC_CHAIN_UNTRUSTED) {
        name_missing(out);
    }
    return good ? check_purpose(out, query->purpose) : verdict;
}

enum rc chain_check(const struct chain_query *query, struct chain *out)
{
    struct chain_query own = *query;
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *leaf = x509_of(query->leaf);
    enum rc rc = RC_NO_MEMORY;

    *out = (struct chain){0};
    ERR_set_mark();
    if (!others || !ctx || !push_all(others, query->intermediates)) {
        goto out;
    }
    rc = leaf ? RC_CRYPTO : RC_CERT_MALFORMED;
    if (leaf && X509_STORE_CTX_init(ctx, query->anchors->store, leaf, others) == 1) {
        rc = verify(ctx, &own, out);
    }
out:
    X509_STORE_CTX_free(ctx);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    ERR_pop_to_mark();
    return rc;
}

void chain_clear(struct chain *chain)
{
    free(chain->storage);
    *chain = (struct chain){0};
}

/* ---- order ---- */

static bool is_self_issued(const struct cert *cert)
{
    return bytes_equal(cert->issuer, cert->subject);
}

static bool has_signed(const struct cert *issuer, const struct cert *cert)
{
    X509 *x = x509_of(cert->der), *above = x509_of(issuer->der);
    bool ok;

    ERR_set_mark();
    ok = x && above && X509_verify(x, X509_get0_pubkey(above)) == 1;
    ERR_pop_to_mark();
    X509_free(x);
    X509_free(above);
    return ok;
}

/* The index of the one certificate whose name no other one has as its issuer; num where there is none, or several. */
static size_t find_leaf(const struct cert *certs, size_t num)
{
    size_t found = num;

    for (size_t i = 0; i < num; i++) {
        bool issues = false;

        for (size_t j = 0; j < num; j++) {
            issues |= j != i && !is_self_issued(&certs[j]) && bytes_equal(certs[j].issuer, certs[i].subject);
        }
        if (!issues && found != num) {
            return num;
        }
        found = issues ? found : i;
    }
    return found;
}

/* The issuer of certs[at - 1] among the rest: by name, and where several bear it, by signature. num where there is none. */
static size_t find_issuer(const struct cert *certs, size_t num, size_t at)
{
    size_t found = num, num_named = 0;

    for (size_t i = at; i < num; i++) {
        if (bytes_equal(certs[i].subject, certs[at - 1].issuer)) {
            found = i;
            num_named++;
        }
    }
    for (size_t i = at; i < num && num_named > 1; i++) {
        if (bytes_equal(certs[i].subject, certs[at - 1].issuer) && has_signed(&certs[i], &certs[at - 1])) {
            return i;
        }
    }
    return num_named > 1 ? num : found;
}

static void swap(struct cert *a, struct cert *b)
{
    struct cert kept = *a;

    *a = *b;
    *b = kept;
}

static enum rc order(struct cert *certs, size_t num)
{
    for (size_t at = 0; at < num; at++) {
        size_t next = at == 0 ? find_leaf(certs, num) : find_issuer(certs, num, at);

        if (next == num) {
            return RC_CHAIN_BROKEN;
        }
        swap(&certs[at], &certs[next]);
    }
    return RC_OK;
}

enum rc chain_order(struct bytes *certs, size_t num)
{
    struct cert *facts = num > 0 ? calloc(num, sizeof *facts) : NULL;
    enum rc rc = num == 0 ? RC_CHAIN_BROKEN : facts ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; rc == RC_OK && i < num; i++) {
        rc = cert_parse(certs[i], &facts[i]);
    }
    if (rc == RC_OK) {
        rc = order(facts, num);
    }
    for (size_t i = 0; rc == RC_OK && i < num; i++) {
        certs[i] = facts[i].der;
    }
    free(facts);
    return rc;
}
