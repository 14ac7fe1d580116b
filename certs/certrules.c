/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a rule, one table of rules. A rule looks at facts and adds findings; none stops the others. What libcrypto thinks of the whole chain
 * comes last, so that nothing which would fail at a client passes here for want of a rule.
 */
#include "certs/certrules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "certs/certext.h"
#include "certs/certlib.h"
#include "certs/keyfile.h"
#include "tsa/wire/chain.h"

#define DAY   86400
#define MONTH (2629746LL) /* a twelfth of a mean Gregorian year */
#define NAME  100

struct facts {
    const struct certrules_query *query;
    struct cert certs[CERTRULES_MAX_CHAIN]; /* the chain as configured */
    size_t num;
    struct cert root;
    bool has_root, is_lab;
};

__attribute__((format(printf, 4, 5))) static void add(struct certrules *out, enum certrules_severity severity,
                                                      enum rc rc, const char *format, ...)
{
    struct certrules_finding *finding = &out->list[out->num];
    va_list args;

    if (out->num == CERTRULES_MAX) {
        return;
    }
    out->num++;
    finding->severity = severity;
    finding->rc = rc;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

static const char *name_of(const struct cert *cert, char out[NAME])
{
    return cert_name(cert->subject, out, NAME);
}

static const char *date_of(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    if (gentime_build_iso(t, out, &len) != RC_OK) {
        return "?";
    }
    out[strlen("2031-02-03")] = '\0';
    return out;
}

/* ---- the unit's certificate and key ---- */

static void rule_key(const struct facts *f, struct certrules *out)
{
    const EVP_PKEY *key = f->query->key;
    char name[NAME], kind[KEYFILE_KIND_TEXT_MAX];

    if (!key || keyfile_fits(key, f->certs[0].spki)) {
        return;
    }
    for (size_t i = 1; i < f->num; i++) {
        if (keyfile_fits(key, f->certs[i].spki)) {
            add(out, CERTRULES_ERROR, RC_CERT_KEY_MISMATCH,
                "the private key belongs to certificate %zu of the chain (%s): put that one first", i + 1,
                name_of(&f->certs[i], name));
            return;
        }
    }
    add(out, CERTRULES_ERROR, RC_CERT_KEY_MISMATCH,
        "the private key (%s) does not belong to the certificate of %s, nor to another one of the chain",
        keyfile_kind_text(key, kind), name_of(&f->certs[0], name));
}

/* RFC 3161 2.3 */
static void rule_purpose(const struct facts *f, struct certrules *out)
{
    const struct cert *leaf = &f->certs[0];

    if (leaf->is_ca) {
        add(out, CERTRULES_ERROR, RC_CERT_IS_CA,
            "the first certificate of the chain is a CA's: the unit's own must come first");
    }
    if (!leaf->has_eku) {
        add(out, CERTRULES_ERROR, RC_CERT_EKU,
            "the certificate has no extended key usage: ask for timeStamping, marked critical (RFC 3161 "
            "2.3)");
    } else if (!(leaf->eku & CERT_EKU_TIME_STAMPING)) {
        add(out, CERTRULES_ERROR, RC_CERT_EKU,
            "the certificate's extended key usage does not name timeStamping");
    } else if (leaf->num_eku > 1) {
        add(out, CERTRULES_ERROR, RC_CERT_EKU,
            "the certificate's extended key usage names %u purposes: timeStamping must stand alone (RFC 3161 "
            "2.3)",
            leaf->num_eku);
    } else if (!leaf->eku_critical) {
        add(out, CERTRULES_ERROR, RC_CERT_EKU,
            "the certificate's extended key usage is not marked critical (RFC 3161 2.3): clients refuse such "
            "tokens");
    }
}

static void rule_key_usage(const struct facts *f, struct certrules *out)
{
    const unsigned right = CERT_USAGE_DIGITAL_SIGNATURE | CERT_USAGE_NON_REPUDIATION;
    const struct cert *leaf = &f->certs[0];

    if (!leaf->has_key_usage) {
        add(out, CERTRULES_WARNING, RC_CERT_KEY_USAGE,
            "the certificate has no key usage: digitalSignature is expected");
    } else if (!leaf->is_ca && (!(leaf->key_usage & right) || (leaf->key_usage & ~right))) {
        add(out, CERTRULES_ERROR, RC_CERT_KEY_USAGE,
            "the certificate's key usage must be digitalSignature or nonRepudiation and nothing else");
    }
}

static void rule_key_kind(const struct facts *f, struct certrules *out)
{
    for (size_t i = 0; i < f->num; i++) {
        EVP_PKEY *key = keyfile_public(f->certs[i].spki);
        char name[NAME], kind[KEYFILE_KIND_TEXT_MAX] = "an unknown kind";

        if (key) {
            (void)keyfile_kind_text(key, kind);
        }
        if (!key || keyfile_check(key) != RC_OK) {
            add(out, CERTRULES_ERROR, RC_KEY_KIND,
                "the key of %s is of %s: too weak, or not known to clients", name_of(&f->certs[i], name),
                kind);
        } else if (EVP_PKEY_is_a(key, "ED25519")) {
            add(out, CERTRULES_ERROR, RC_KEY_KIND,
                "the key of %s is Ed25519: no common client verifies such tokens",
                name_of(&f->certs[i], name));
        } else if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < 3072 && i == 0) {
            add(out, CERTRULES_WARNING, RC_KEY_KIND,
                "the key of %s is %s: the CA/Browser Forum asks for RSA 3072 or more",
                name_of(&f->certs[i], name), kind);
        } else if (EVP_PKEY_is_a(key, "EC") && f->query->authenticode && i == 0) {
            add(out, CERTRULES_WARNING, RC_KEY_KIND,
                "the key of %s is %s: many clients of the legacy protocol know RSA only",
                name_of(&f->certs[i], name), kind);
        }
        EVP_PKEY_free(key);
    }
}

/* ---- the chain ---- */

static bool can_be_ordered(const struct facts *f)
{
    struct bytes certs[CERTRULES_MAX_CHAIN];

    for (size_t i = 0; i < f->num; i++) {
        certs[i] = f->certs[i].der;
    }
    return chain_order(certs, f->num) == RC_OK;
}

static void rule_order(const struct facts *f, struct certrules *out)
{
    char name[NAME], next[NAME];

    for (size_t i = 0; i + 1 < f->num; i++) {
        if (certlib_is_issued_by(f->certs[i].der, f->certs[i + 1].der)) {
            continue;
        }
        if (can_be_ordered(f)) {
            add(out, CERTRULES_ERROR, RC_CHAIN_BROKEN,
                "the chain is not in order: the unit's certificate first, each followed by its issuer");
            return;
        }
        add(out, CERTRULES_ERROR, RC_CHAIN_BROKEN,
            "certificate %zu of the chain (%s) was not issued by the next one (%s)", i + 1,
            name_of(&f->certs[i], name), name_of(&f->certs[i + 1], next));
    }
}

static bool is_self_issued(const struct cert *cert)
{
    return bytes_equal(cert->subject, cert->issuer);
}

static void rule_root(const struct facts *f, struct certrules *out)
{
    const struct cert *last = &f->certs[f->num - 1];
    char name[NAME], issuer[NAME];

    if (is_self_issued(last) && f->num > 1) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the chain ends with the root (%s): take it out, clients have it and every token would carry its "
            "%zu octets",
            name_of(last, name), last->der.len);
    }
    if (f->has_root && !bytes_equal(f->root.der, last->der) &&
        !certlib_is_issued_by(last->der, f->root.der)) {
        add(out, CERTRULES_ERROR, RC_CHAIN_BROKEN,
            "the last certificate of the chain (%s) was not issued by the root (%s)", name_of(last, name),
            name_of(&f->root, issuer));
    } else if (!f->has_root && !is_self_issued(last)) {
        add(out, CERTRULES_NOTE, RC_OK,
            "no root is configured, so nobody can tell here whether the chain is complete: %s says that it "
            "was issued by %s",
            name_of(last, name), cert_name(last->issuer, issuer, sizeof issuer));
    }
}

static void rule_intermediates(const struct facts *f, struct certrules *out)
{
    char name[NAME];

    for (size_t i = 1; i < f->num; i++) {
        const struct cert *ca = &f->certs[i];

        if (!ca->is_ca || (ca->has_key_usage && !(ca->key_usage & CERT_USAGE_KEY_CERT_SIGN))) {
            add(out, CERTRULES_ERROR, RC_CHAIN_BROKEN,
                "certificate %zu of the chain (%s) may not issue certificates", i + 1, name_of(ca, name));
        } else if (ca->has_eku && !(ca->eku & (CERT_EKU_TIME_STAMPING | CERT_EKU_ANY))) {
            add(out, CERTRULES_ERROR, RC_CERT_EKU,
                "the extended key usage of %s does not allow timestamps below it", name_of(ca, name));
        }
    }
}

static bool is_weak(enum oid alg)
{
    return alg == OID_RSA_MD5 || alg == OID_RSA_SHA1 || alg == OID_ECDSA_SHA1;
}

/* A root's own signature protects nothing. */
static void rule_digest(const struct facts *f, struct certrules *out)
{
    char name[NAME];

    for (size_t i = 0; i < f->num; i++) {
        const struct cert *cert = &f->certs[i];

        if (is_weak(cert->signature_alg) && !is_self_issued(cert)) {
            add(out, CERTRULES_ERROR, RC_CHAIN_WEAK,
                "the certificate of %s is signed with %s: it must be SHA-256 or better", name_of(cert, name),
                oid_name(cert->signature_alg));
        }
    }
}

/* ---- times ---- */

static void check_validity(const struct cert *cert, struct gentime now, struct certrules *out)
{
    int64_t left = cert->not_after.sec - now.sec, days = left / DAY;
    char name[NAME], date[GENTIME_TEXT_MAX];
    enum rc rc = cert_check_time(cert, now);

    (void)name_of(cert, name);
    if (rc == RC_CERT_NOT_YET_VALID) {
        add(out, CERTRULES_ERROR, rc, "the certificate of %s is valid from %s only", name,
            date_of(cert->not_before, date));
    } else if (rc != RC_OK) {
        add(out, CERTRULES_ERROR, rc, "the certificate of %s expired on %s", name,
            date_of(cert->not_after, date));
    } else if (days < 7) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the certificate of %s expires in %" PRId64 " days, on %s: renew it now", name, days,
            date_of(cert->not_after, date));
    } else if (days < 30) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the certificate of %s expires in %" PRId64 " days, on %s: order the next one", name, days,
            date_of(cert->not_after, date));
    } else if (days < 90) {
        add(out, CERTRULES_WARNING, RC_OK, "the certificate of %s expires in %" PRId64 " days, on %s", name,
            days, date_of(cert->not_after, date));
    }
}

static void rule_validity(const struct facts *f, struct certrules *out)
{
    for (size_t i = 0; i < f->num; i++) {
        check_validity(&f->certs[i], f->query->now, out);
    }
    if (f->has_root && !bytes_equal(f->root.der, f->certs[f->num - 1].der)) {
        check_validity(&f->root, f->query->now, out);
    }
}

/* A chain is judged as a whole: it ends with the first that ends. */
static void rule_nesting(const struct facts *f, struct certrules *out)
{
    char name[NAME], date[GENTIME_TEXT_MAX];

    for (size_t i = 1; i < f->num + f->has_root; i++) {
        const struct cert *issuer = i < f->num ? &f->certs[i] : &f->root;

        if (gentime_compare(issuer->not_after, f->certs[0].not_after) < 0) {
            add(out, CERTRULES_WARNING, RC_OK,
                "%s expires on %s, before the unit's certificate: tokens end with it", name_of(issuer, name),
                date_of(issuer->not_after, date));
        }
    }
}

static void rule_key_period(const struct facts *f, struct certrules *out)
{
    char date[GENTIME_TEXT_MAX];
    struct gentime begin, end;

    if (certext_key_usage_begin(&f->certs[0], &begin) && gentime_compare(f->query->now, begin) < 0) {
        add(out, CERTRULES_ERROR, RC_CERT_NOT_YET_VALID,
            "the private key may be used from %s only (private key usage period)", date_of(begin, date));
    }
    if (!certext_key_usage_end(&f->certs[0], &end)) {
        return;
    }
    if (gentime_compare(f->query->now, end) > 0) {
        add(out, CERTRULES_ERROR, RC_CERT_EXPIRED,
            "the private key may not be used since %s (private key usage period)", date_of(end, date));
    } else if (end.sec - f->query->now.sec < 90LL * DAY) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the private key may be used until %s only (private key usage period)", date_of(end, date));
    }
}

/* ---- CA/Browser Forum, Code Signing: not for labs ---- */

static void rule_forum_times(const struct facts *f, struct certrules *out)
{
    const struct cert *leaf = &f->certs[0];
    struct gentime end = {.sec = leaf->not_before.sec + 15 * MONTH};
    char date[GENTIME_TEXT_MAX];

    if (f->is_lab) {
        return;
    }
    if (leaf->not_after.sec - leaf->not_before.sec > 135 * MONTH + DAY) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the certificate is valid for more than 135 months (CA/Browser Forum 6.3.2)");
    }
    if (gentime_compare(f->query->now, end) > 0) {
        add(out, CERTRULES_WARNING, RC_OK,
            "the private key is in use for more than 15 months, since before %s (CA/Browser Forum 6.3.2): "
            "make a new one",
            date_of(end, date));
    }
}

static void rule_forum_extensions(const struct facts *f, struct certrules *out)
{
    static const struct {
        enum oid oid;
        const char *name;
    } wanted[] = {
        {OID_CE_CERTIFICATE_POLICIES, "certificate policies"},
        {OID_CE_CRL_DISTRIBUTION_POINTS, "CRL distribution point"},
        {OID_PE_AUTHORITY_INFO_ACCESS, "authority information access"},
    };
    struct bytes value;

    for (size_t i = 0; !f->is_lab && i < sizeof wanted / sizeof *wanted; i++) {
        if (!cert_get_extension(&f->certs[0], wanted[i].oid, &value)) {
            add(out, CERTRULES_NOTE, RC_OK, "the certificate has no %s (CA/Browser Forum 7.1.2.3)",
                wanted[i].name);
        }
    }
}

static void rule_lab(const struct facts *f, struct certrules *out)
{
    if (f->is_lab) {
        add(out, CERTRULES_NOTE, RC_OK,
            "the certificate was made by the lab authority: nobody outside the lab trusts it");
    }
}

/* ---- libcrypto's view ---- */

static bool has_error(const struct certrules *rules)
{
    for (size_t i = 0; i < rules->num; i++) {
        if (rules->list[i].severity == CERTRULES_ERROR) {
            return true;
        }
    }
    return false;
}

static enum rc check_whole(const struct facts *f, struct chain_anchors *anchors)
{
    struct wbuf others;
    struct chain chain = {.num = 0};
    enum rc rc;

    wbuf_init(&others, 1u << 20);
    for (size_t i = 1; i < f->num; i++) {
        wbuf_put(&others, f->certs[i].der);
    }
    rc = wbuf_rc(&others);
    if (rc == RC_OK && (rc = chain_anchors_add(anchors, f->root.der)) == RC_OK) {
        rc = chain_check(&(struct chain_query){.anchors = anchors,
                                               .leaf = f->certs[0].der,
                                               .intermediates = wbuf_bytes(&others),
                                               .at = f->query->now,
                                               .purpose = CHAIN_TIME_STAMPING},
                         &chain);
        chain_clear(&chain);
    }
    wbuf_clear(&others);
    return rc;
}

static void rule_whole(const struct facts *f, struct certrules *out)
{
    struct chain_anchors *anchors;
    enum rc rc;

    if (!f->has_root || has_error(out)) {
        return;
    }
    anchors = chain_anchors_new();
    rc = anchors ? check_whole(f, anchors) : RC_NO_MEMORY;
    if (rc != RC_OK) {
        add(out, CERTRULES_ERROR, rc, "clients would refuse the chain: %s", rc_text(rc));
    }
    chain_anchors_free(anchors);
}

/* ---- all ---- */

static void (*const rules[])(const struct facts *f, struct certrules *out) = {
    rule_key,        rule_purpose,       rule_key_usage,        rule_key_kind, rule_order,
    rule_root,       rule_intermediates, rule_digest,           rule_validity, rule_nesting,
    rule_key_period, rule_forum_times,   rule_forum_extensions, rule_lab,      rule_whole,
};

static bool read_facts(const struct certrules_query *query, struct facts *f, struct certrules *out)
{
    *f = (struct facts){.query = query};
    if (query->num == 0 || query->num > CERTRULES_MAX_CHAIN) {
        add(out, CERTRULES_ERROR, RC_CHAIN_BROKEN, "the chain holds %zu certificates; it takes 1 to %d",
            query->num, CERTRULES_MAX_CHAIN);
        return false;
    }
    for (; f->num < query->num; f->num++) {
        if (cert_parse(query->chain[f->num], &f->certs[f->num]) != RC_OK) {
            add(out, CERTRULES_ERROR, RC_CERT_MALFORMED, "certificate %zu of the chain can not be parsed",
                f->num + 1);
            return false;
        }
    }
    f->has_root = query->root.len > 0;
    if (f->has_root && cert_parse(query->root, &f->root) != RC_OK) {
        add(out, CERTRULES_ERROR, RC_CERT_MALFORMED, "the root can not be parsed");
        return false;
    }
    f->is_lab = certext_has_policy(&f->certs[0], OID_LAB_POLICY);
    return true;
}

void certrules_check(const struct certrules_query *query, struct certrules *out)
{
    struct facts f;

    out->num = 0;
    if (!read_facts(query, &f, out)) {
        return;
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        rules[i](&f, out);
    }
}

enum rc certrules_verdict(const struct certrules *rules_found)
{
    for (size_t i = 0; i < rules_found->num; i++) {
        const struct certrules_finding *finding = &rules_found->list[i];

        if (finding->severity == CERTRULES_ERROR) {
            return finding->rc != RC_OK ? finding->rc : RC_CERT_MALFORMED;
        }
    }
    return RC_OK;
}

const char *certrules_severity_text(enum certrules_severity severity)
{
    static const char *const texts[] = {
        [CERTRULES_ERROR] = "error", [CERTRULES_WARNING] = "warning", [CERTRULES_NOTE] = "note"};

    return texts[severity];
}
