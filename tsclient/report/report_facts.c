/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for keys, contents and members. Sizes of keys are libcrypto's: RSA's modulus, the order of a curve.
 */
#include "tsclient/report/report_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "certs/keyfile.h"

#define ATTRIBUTE_NAME_MAX 100

/* ---- signatures ---- */

static const char *key_kind(const EVP_PKEY *key)
{
    static const char *const kinds[][2] = {
        {"RSA", "rsa"}, {"RSA-PSS", "rsa-pss"}, {"EC", "ec"}, {"DSA", "dsa"}, {"ED25519", "ed25519"}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (EVP_PKEY_is_a(key, kinds[i][0])) {
            return kinds[i][1];
        }
    }
    return NULL;
}

char *report_key_text(const struct cert *cert, char out[REPORT_KEY_MAX])
{
    EVP_PKEY *key;
    const char *kind;

    ERR_set_mark();
    key = keyfile_public(cert->spki);
    kind = key ? key_kind(key) : NULL;
    out[0] = '\0';
    if (kind && strcmp(kind, "ed25519") == 0) {
        (void)snprintf(out, REPORT_KEY_MAX, "%s", kind);
    } else if (kind) {
        (void)snprintf(out, REPORT_KEY_MAX, "%s%d", kind, EVP_PKEY_get_bits(key));
    }
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return out;
}

char *report_content_text(const struct cms *cms, char out[OID_TEXT_MAX])
{
    static const struct {
        enum oid type;
        const char *text;
    } table[] = {
        {OID_SPC_INDIRECT_DATA, "authenticode"},
        {OID_CTL, "catalog"},
        {OID_DATA, "data"},
        {OID_TST_INFO, "tst-info"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].type == cms->content_type) {
            (void)snprintf(out, OID_TEXT_MAX, "%s", table[i].text);
            return out;
        }
    }
    return oid_to_text(cms->content_type_oid, out, OID_TEXT_MAX);
}

const char *report_form_name(enum cms_signature_form form)
{
    return form == CMS_SIGNATURE_BARE_DIGEST ? "bare-digest" : "standard";
}

bool report_has_attribute_cert(struct bytes certificates)
{
    size_t len;

    while (certificates.len > 0 && der_tlv_len(certificates, &len) == RC_OK) {
        if (certificates.data[0] == DER_CONTEXT_CONSTRUCTED(1) ||
            certificates.data[0] == DER_CONTEXT_CONSTRUCTED(2)) {
            return true;
        }
        certificates = bytes_of(certificates.data + len, certificates.len - len);
    }
    return false;
}

/* ---- catalogs ---- */

/* The first blob in definite form; the file itself where nobody has signed the list yet. */
static struct bytes whole_of(const struct subject *subject)
{
    struct bytes definite = wbuf_bytes(&subject->definite[0]);
    size_t len;

    if (definite.len > 0) {
        return definite;
    }
    if (subject->blobs.num > 0) {
        return subject->blobs.list[0];
    }
    return der_tlv_len(subject->file, &len) == RC_OK ? bytes_of(subject->file.data, len) : BYTES_NONE;
}

enum rc report_catalog(const struct subject *subject, struct ctl *out)
{
    struct cms cms;

    if (!subject->ops || cms_parse(whole_of(subject), DER_FOREIGN, &cms) != RC_OK ||
        cms.content_type != OID_CTL || !cms.has_content) {
        return RC_NOT_FOUND;
    }
    return ctl_parse(cms.content_tlv, out);
}

const char *report_kind_of_member(enum ctl_kind kind)
{
    static const char *const names[] = {NULL, "pe", "cab", "flat"};

    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

bool report_attribute_find(struct bytes attributes, const char *name, struct ctl_attribute *out)
{
    char found[ATTRIBUTE_NAME_MAX];

    while (ctl_attribute_next(&attributes, out)) {
        if (strcmp(ctl_attribute_name(out, found, sizeof found), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_plain(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < 0x20 || b.data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* Digits lose nothing where ctl_attribute_value shows what is printable alone. */
char *report_attribute_value(const struct ctl_attribute *attribute)
{
    size_t size = attribute->value.len * 2 + 1; /* enough for UTF-8 of UTF-16, and for hexadecimal digits */
    bool is_text = attribute->flags & CTL_ATTRIBUTE_TEXT || is_plain(attribute->value);
    char *text = malloc(size);

    if (!text) {
        return NULL;
    }
    return is_text ? ctl_attribute_value(attribute, text, size) : bytes_to_hex(attribute->value, text, size);
}
