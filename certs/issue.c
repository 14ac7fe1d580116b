/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuing through libcrypto's X509 functions. Every extension of the template is written as libcrypto's configuration text,
 * which knows each extension's encoding.
 */
#include "certs/issue.h"

#include <stdio.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certs/certlib.h"

#define TEXT_MAX 1000

struct making {
    const struct issue *issue;
    X509 *cert, *issuer; /* the same one where it signs itself */
};

static bool set_serial(X509 *cert)
{
    unsigned char octets[16];
    BIGNUM *number;
    bool good;

    if (RAND_bytes(octets, sizeof octets) != 1) {
        return false;
    }
    /* Positive, never zero, always of the same length. */
    octets[0] = (octets[0] & 0x3f) | 0x40;
    number = BN_bin2bn(octets, sizeof octets, NULL);
    good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return good;
}

static bool add_name(X509_NAME *name, const char *type, const char *text)
{
    return !text ||
           X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool set_names(const struct making *m)
{
    X509_NAME *name = X509_get_subject_name(m->cert);

    return add_name(name, "O", m->issue->organization) && add_name(name, "CN", m->issue->common_name) &&
           X509_set_issuer_name(m->cert, X509_get_subject_name(m->issuer)) == 1;
}

static bool set_times(const struct making *m)
{
    return ASN1_TIME_set(X509_getm_notBefore(m->cert), (time_t)m->issue->not_before.sec) &&
           ASN1_TIME_set(X509_getm_notAfter(m->cert), (time_t)m->issue->not_after.sec);
}

/* ---- extensions ---- */

static bool add_extension(const struct making *m, int nid, const char *text)
{
    X509V3_CTX context;
    X509_EXTENSION *extension = NULL;
    CONF *empty = NCONF_new(NULL); /* policies are not read without one */
    bool good;

    X509V3_set_ctx(&context, m->issuer, m->cert, NULL, NULL, 0);
    X509V3_set_nconf(&context, empty);
    if (empty) {
        extension = X509V3_EXT_nconf_nid(empty, &context, nid, text);
    }
    good = extension && X509_add_ext(m->cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    NCONF_free(empty);
    return good;
}

static bool add_basic_constraints(const struct making *m)
{
    char text[TEXT_MAX];

    if (!m->issue->is_ca) {
        return add_extension(m, NID_basic_constraints, "critical,CA:FALSE");
    }
    if (m->issue->path_len < 0) {
        return add_extension(m, NID_basic_constraints, "critical,CA:TRUE");
    }
    (void)snprintf(text, sizeof text, "critical,CA:TRUE,pathlen:%d", m->issue->path_len);
    return add_extension(m, NID_basic_constraints, text);
}

static bool add_key_usage(const struct making *m)
{
    static const struct {
        unsigned bit;
        const char *name;
    } usages[] = {
        {CERT_USAGE_DIGITAL_SIGNATURE, "digitalSignature"},
        {CERT_USAGE_NON_REPUDIATION, "nonRepudiation"},
        {CERT_USAGE_KEY_CERT_SIGN, "keyCertSign"},
        {CERT_USAGE_CRL_SIGN, "cRLSign"},
    };
    char storage[TEXT_MAX];
    struct wbuf text;

    wbuf_init_fixed(&text, storage, sizeof storage);
    wbuf_put_text(&text, "critical");
    for (size_t i = 0; i < sizeof usages / sizeof *usages; i++) {
        if (m->issue->key_usage & usages[i].bit) {
            wbuf_printf(&text, ",%s", usages[i].name);
        }
    }
    wbuf_put_u8(&text, '\0');
    return m->issue->key_usage == 0 || add_extension(m, NID_key_usage, storage);
}

static bool add_purposes(const struct making *m)
{
    char storage[TEXT_MAX], dotted[OID_TEXT_MAX];
    const char *mark = m->issue->purposes_critical ? "critical," : "";
    struct wbuf text;

    if (!m->issue->purposes) {
        return true;
    }
    wbuf_init_fixed(&text, storage, sizeof storage);
    for (const enum oid *purpose = m->issue->purposes; *purpose != OID_NONE; purpose++) {
        wbuf_printf(&text, "%s%s", mark, oid_to_text(oid_bytes(*purpose), dotted, sizeof dotted));
        mark = ",";
    }
    wbuf_put_u8(&text, '\0');
    return wbuf_rc(&text) == RC_OK && add_extension(m, NID_ext_key_usage, storage);
}

static bool add_policy(const struct making *m)
{
    char dotted[OID_TEXT_MAX];

    return m->issue->policy == OID_NONE ||
           add_extension(m, NID_certificate_policies,
                         oid_to_text(oid_bytes(m->issue->policy), dotted, sizeof dotted));
}

/* The subject's identifier first: a self-signed certificate is its own issuer. */
static bool add_extensions(const struct making *m)
{
    return add_basic_constraints(m) && add_key_usage(m) && add_purposes(m) && add_policy(m) &&
           add_extension(m, NID_subject_key_identifier, "hash") &&
           add_extension(m, NID_authority_key_identifier, "keyid:always");
}

/* ---- signing ---- */

/* Without a digest libcrypto would choose one. */
static bool sign(const struct making *m)
{
    EVP_PKEY *key = m->issuer == m->cert ? m->issue->key : m->issue->issuer_key;
    bool needs_digest = !EVP_PKEY_is_a(key, "ED25519");
    const EVP_MD *md = needs_digest ? digest_md(m->issue->digest) : NULL;

    return (md || !needs_digest) && X509_sign(m->cert, key, md) > 0;
}

static bool make(const struct making *m)
{
    return X509_set_version(m->cert, X509_VERSION_3) == 1 && set_serial(m->cert) && set_names(m) &&
           set_times(m) && X509_set_pubkey(m->cert, m->issue->key) == 1 && add_extensions(m) && sign(m);
}

enum rc issue_certificate(const struct issue *issue, struct wbuf *out)
{
    struct making m = {.issue = issue, .cert = X509_new()};
    enum rc rc = RC_CRYPTO;

    if (!m.cert) {
        return RC_NO_MEMORY;
    }
    ERR_set_mark();
    m.issuer = m.cert;
    if (issue->issuer.len > 0) {
        m.issuer = certlib_x509(issue->issuer);
    }
    if (!m.issuer) {
        rc = RC_CERT_MALFORMED;
    } else if (make(&m)) {
        rc = certlib_put(out, m.cert);
    }
    if (m.issuer != m.cert) {
        X509_free(m.issuer);
    }
    X509_free(m.cert);
    ERR_pop_to_mark();
    return rc;
}
