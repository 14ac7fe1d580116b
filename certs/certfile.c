/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and CRLs out of PEM, DER (one or several in a row) and certificate-only PKCS #7. Form is told by content, never by
 * a file's name. It trusts nothing and orders nothing: the views stand in the order of the file.
 */
#include "certs/certfile.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tsa/base/safefile.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/ber.h"

#define FILE_LIMIT (16u << 20)

/* ---- collecting: views are made at the end, since the storage moves while it grows ---- */

static enum rc append(struct bytes **list, size_t *num, struct bytes der, struct wbuf *storage)
{
    struct bytes *grown = reallocarray(*list, *num + 1, sizeof **list);

    if (!grown) {
        return RC_NO_MEMORY;
    }
    *list = grown;
    grown[(*num)++] = bytes_of((const uint8_t *)storage->len, der.len);
    wbuf_put(storage, der);
    return wbuf_rc(storage);
}

/* Until now data held the offset. */
static void settle(struct bytes *list, size_t num, const struct wbuf *storage)
{
    for (size_t i = 0; i < num; i++) {
        list[i].data = storage->data + (size_t)list[i].data;
    }
}

static enum rc add_cert(struct certfile *file, struct bytes der)
{
    struct cert cert;
    enum rc rc = cert_parse(der, &cert);

    return rc == RC_OK ? append(&file->certs, &file->num, der, &file->storage) : RC_CERT_MALFORMED;
}

static bool is_crl(struct bytes der)
{
    const unsigned char *at = der.data;
    X509_CRL *crl;
    bool good;

    ERR_set_mark();
    crl = der.len <= LONG_MAX ? d2i_X509_CRL(NULL, &at, (long)der.len) : NULL;
    good = crl && at == der.data + der.len;
    X509_CRL_free(crl);
    ERR_pop_to_mark();
    return good;
}

static enum rc add_crl(struct certfile *file, struct bytes der)
{
    return is_crl(der) ? append(&file->crls, &file->num_crls, der, &file->storage) : RC_CERT_MALFORMED;
}

/* ---- DER ---- */

/* Takes the elements of a SET one by one; certificates of other kinds (RFC 5652 10.2.2) are passed over. */
static enum rc add_each(struct certfile *file, struct bytes set,
                        enum rc (*add)(struct certfile *, struct bytes))
{
    enum rc rc = RC_OK;
    size_t len;

    while (rc == RC_OK && set.len > 0) {
        if (der_tlv_len(set, &len) != RC_OK) {
            return RC_CERT_MALFORMED;
        }
        if (set.data[0] == DER_SEQUENCE) {
            rc = add(file, bytes_of(set.data, len));
        }
        set = bytes_of(set.data + len, set.len - len);
    }
    return rc;
}

/* ContentInfo with SignedData, RFC 5652 5.1: only what stands in certificates and crls is taken. */
static enum rc add_pkcs7(struct certfile *file, struct bytes in)
{
    struct bytes certs = BYTES_NONE, crls = BYTES_NONE;
    struct der d;
    enum rc rc;

    der_init(&d, in, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    if (oid_find(der_get_oid(&d)) != OID_SIGNED_DATA) {
        der_fail(&d, RC_CMS_TYPE);
    }
    der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_uint(&d);
    (void)der_get(&d, DER_SET);
    (void)der_get(&d, DER_SEQUENCE);
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(0))) {
        certs = der_get(&d, DER_CONTEXT_CONSTRUCTED(0));
    }
    if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(1))) {
        crls = der_get(&d, DER_CONTEXT_CONSTRUCTED(1));
    }
    der_leave_rest(&d);
    der_leave(&d);
    der_leave(&d);
    if (der_end(&d) != RC_OK) {
        return RC_CERT_MALFORMED;
    }
    rc = add_each(file, certs, add_cert);
    return rc == RC_OK ? add_each(file, crls, add_crl) : rc;
}

/* A SignedData begins with its OID, certificate and CRL with a SEQUENCE. */
static bool is_pkcs7(struct bytes in)
{
    struct der d;

    der_init(&d, in, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    return der_next_is(&d, DER_OID_TAG);
}

static enum rc add_element(struct certfile *file, struct bytes der)
{
    enum rc rc;

    if (is_pkcs7(der)) {
        return add_pkcs7(file, der);
    }
    rc = add_cert(file, der);
    return rc == RC_CERT_MALFORMED ? add_crl(file, der) : rc;
}

static enum rc add_der(struct certfile *file, struct bytes in)
{
    struct wbuf definite;
    enum rc rc;

    if (!ber_is_indefinite(in)) {
        return add_each(file, in, add_element);
    }
    wbuf_init(&definite, FILE_LIMIT);
    rc = ber_normalise(in, &definite);
    rc = rc == RC_OK ? add_each(file, wbuf_bytes(&definite), add_element) : RC_CERT_MALFORMED;
    wbuf_clear(&definite);
    return rc;
}

/* ---- PEM, RFC 7468 ---- */

/* What OpenSSL calls trusted has its own data behind the certificate. */
static enum rc add_trusted(struct certfile *file, struct bytes in)
{
    size_t len;

    return der_tlv_len(in, &len) == RC_OK ? add_cert(file, bytes_of(in.data, len)) : RC_CERT_MALFORMED;
}

static const struct {
    const char *label;
    enum rc (*add)(struct certfile *file, struct bytes in);
} labels[] = {
    {"CERTIFICATE", add_cert},
    {"X509 CERTIFICATE", add_cert},
    {"TRUSTED CERTIFICATE", add_trusted},
    {"X509 CRL", add_crl},
    {"PKCS7", add_der},
    {"PKCS #7 SIGNED DATA", add_der},
    {"CMS", add_der},
};

static enum rc add_block(struct certfile *file, const char *label, struct bytes in)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcmp(labels[i].label, label) == 0) {
            return labels[i].add(file, in);
        }
    }
    return RC_OK;
}

/* The end of the text is an error to PEM_read_bio, told by its reason alone. */
static bool is_pem_end(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static enum rc add_pem(struct certfile *file, struct bytes in)
{
    BIO *bio = in.len <= INT_MAX ? BIO_new_mem_buf(in.data, (int)in.len) : NULL;
    enum rc rc = bio ? RC_OK : RC_NO_MEMORY;
    bool more = true;

    ERR_set_mark();
    while (rc == RC_OK && more) {
        char *label = NULL, *header = NULL;
        unsigned char *data = NULL;
        long len = 0;

        /* Secure, since it may be a private key that is passed over. */
        more = PEM_read_bio_ex(bio, &label, &header, &data, &len, PEM_FLAG_SECURE) == 1;
        if (more) {
            rc = add_block(file, label, bytes_of(data, (size_t)len));
        } else if (!is_pem_end()) {
            rc = RC_CERT_MALFORMED;
        }
        OPENSSL_secure_free(label);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(data, (size_t)len);
    }
    BIO_free(bio);
    ERR_pop_to_mark();
    return rc;
}

/* ---- entry points ---- */

enum rc certfile_parse(struct bytes in, struct certfile *out)
{
    static const char begin[] = "-----BEGIN ";
    enum rc rc;

    *out = (struct certfile){0};
    wbuf_init(&out->storage, FILE_LIMIT);
    if (in.len > 0 && in.data[0] == DER_SEQUENCE) {
        rc = add_der(out, in);
    } else if (in.len > 0 && memmem(in.data, in.len, begin, strlen(begin))) {
        rc = add_pem(out, in);
    } else {
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_OK && out->num + out->num_crls == 0) {
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_OK) {
        settle(out->certs, out->num, &out->storage);
        settle(out->crls, out->num_crls, &out->storage);
    } else {
        certfile_clear(out);
    }
    return rc;
}

enum rc certfile_read(const char *path, struct certfile *out)
{
    struct wbuf text;
    enum rc rc;

    *out = (struct certfile){0};
    wbuf_init(&text, FILE_LIMIT);
    rc = safefile_read(path, FILE_LIMIT, &text);
    if (rc == RC_OK) {
        rc = certfile_parse(wbuf_bytes(&text), out);
    } else if (rc == RC_NOT_FOUND) {
        rc = RC_IO;
    }
    wbuf_cleanse(&text);
    return rc;
}

void certfile_clear(struct certfile *file)
{
    free(file->certs);
    free(file->crls);
    wbuf_clear(&file->storage);
    *file = (struct certfile){0};
}

static enum rc add_file(const char *path, struct chain_anchors *anchors, size_t *num)
{
    struct certfile file;
    enum rc rc = certfile_read(path, &file);

    for (size_t i = 0; rc == RC_OK && i < file.num; i++) {
        rc = chain_anchors_add(anchors, file.certs[i]);
        *num += rc == RC_OK;
    }
    for (size_t i = 0; rc == RC_OK && i < file.num_crls; i++) {
        rc = chain_anchors_add_crl(anchors, file.crls[i]);
    }
    certfile_clear(&file);
    return rc;
}

/* Files that hold no certificate at all (a README) are passed over, damaged ones are not: an anchor that is silently missing
 * would show up as somebody else's untrusted signature. */
static enum rc add_folder_entry(const char *folder, const char *name, struct chain_anchors *anchors,
                                size_t *num)
{
    char path[PATH_MAX];
    struct stat st;
    enum rc rc;

    if (name[0] == '.' || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return RC_OK;
    }
    rc = add_file(path, anchors, num);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc add_folder(const char *path, struct chain_anchors *anchors, size_t *num)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    enum rc rc = dir ? RC_OK : RC_IO;

    while (rc == RC_OK && (entry = readdir(dir))) {
        rc = add_folder_entry(path, entry->d_name, anchors, num);
    }
    if (dir) {
        (void)closedir(dir);
    }
    return rc;
}

enum rc certfile_add_anchors(const char *path, struct chain_anchors *anchors)
{
    size_t num = 0;
    struct stat st;
    enum rc rc;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        rc = add_folder(path, anchors, &num);
    } else {
        rc = add_file(path, anchors, &num);
    }
    return rc == RC_OK && num == 0 ? RC_NOT_FOUND : rc;
}

#define PEM_LINE 48 /* octets in a line of 64 characters */

void certfile_put_pem(struct wbuf *w, struct bytes der)
{
    wbuf_put_text(w, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.len; at += PEM_LINE) {
        base64_encode(w, bytes_of(der.data + at, der.len - at < PEM_LINE ? der.len - at : PEM_LINE));
        wbuf_put_u8(w, '\n');
    }
    wbuf_put_text(w, "-----END CERTIFICATE-----\n");
}
