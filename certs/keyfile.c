/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys in files. What a key was read from or written into is overwritten before it is given back. The passphrase comes from
 * the caller alone: a terminal is never asked.
 */
#include "certs/keyfile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "tsa/base/safefile.h"

#define KEY_LIMIT                                                                                            \
    (32u << 10) /* octets of a key's file; storage that never moves, so that nothing is left behind */
#define ITERATIONS 600000 /* of PBKDF2, about half a second */

static const struct kind {
    const char *name, *algorithm;
    unsigned bits;     /* RSA */
    const char *curve; /* EC */
    const char *text;
} kinds[KEYFILE_NUM] = {
    [KEYFILE_RSA_2048] = {"rsa-2048", "RSA", 2048, NULL, "RSA 2048"},
    [KEYFILE_RSA_3072] = {"rsa-3072", "RSA", 3072, NULL, "RSA 3072"},
    [KEYFILE_RSA_4096] = {"rsa-4096", "RSA", 4096, NULL, "RSA 4096"},
    [KEYFILE_P256] = {"p-256", "EC", 0, "P-256", "P-256"},
    [KEYFILE_P384] = {"p-384", "EC", 0, "P-384", "P-384"},
    [KEYFILE_ED25519] = {"ed25519", "ED25519", 0, NULL, "Ed25519"},
};

const char *const keyfile_kind_names[] = {"rsa-2048", "rsa-3072", "rsa-4096", "p-256",
                                          "p-384",    "ed25519",  NULL};

enum keyfile_kind keyfile_kind_of_name(const char *name)
{
    enum keyfile_kind kind = 0;

    while (kind < KEYFILE_NUM && strcmp(kinds[kind].name, name) != 0) {
        kind++;
    }
    return kind;
}

enum rc keyfile_make(enum keyfile_kind kind, EVP_PKEY **out)
{
    const struct kind *k = &kinds[kind];

    ERR_set_mark();
    if (k->bits > 0) {
        *out = EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm, (size_t)k->bits);
    } else if (k->curve) {
        *out = EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm, k->curve);
    } else {
        *out = EVP_PKEY_Q_keygen(NULL, NULL, k->algorithm);
    }
    ERR_pop_to_mark();
    return *out ? RC_OK : RC_CRYPTO;
}

/* ---- what a key is ---- */

static const char *const curves[][2] = {
    {"prime256v1", "P-256"}, {"P-256", "P-256"},     {"secp384r1", "P-384"},
    {"P-384", "P-384"},      {"secp521r1", "P-521"}, {"P-521", "P-521"},
};

static const char *curve_of(const EVP_PKEY *key)
{
    char group[64] = "";
    size_t len;

    if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(curves[i][0], group) == 0) {
            return curves[i][1];
        }
    }
    return NULL;
}

char *keyfile_kind_text(const EVP_PKEY *key, char out[KEYFILE_KIND_TEXT_MAX])
{
    const char *curve = EVP_PKEY_is_a(key, "EC") ? curve_of(key) : NULL;

    if (EVP_PKEY_is_a(key, "RSA")) {
        (void)snprintf(out, KEYFILE_KIND_TEXT_MAX, "RSA %d", EVP_PKEY_get_bits(key));
    } else if (EVP_PKEY_is_a(key, "ED25519")) {
        (void)snprintf(out, KEYFILE_KIND_TEXT_MAX, "Ed25519");
    } else {
        (void)snprintf(out, KEYFILE_KIND_TEXT_MAX, "%s", curve ? curve : "an unknown kind");
    }
    return out;
}

enum rc keyfile_check(const EVP_PKEY *key)
{
    bool good;

    ERR_set_mark();
    good = (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192) ||
           (EVP_PKEY_is_a(key, "EC") && curve_of(key)) || EVP_PKEY_is_a(key, "ED25519");
    ERR_pop_to_mark();
    return good ? RC_OK : RC_KEY_KIND;
}

EVP_PKEY *keyfile_public(struct bytes spki)
{
    const unsigned char *at = spki.data;
    EVP_PKEY *key;

    ERR_set_mark();
    key = spki.len > 0 && spki.len <= LONG_MAX ? d2i_PUBKEY(NULL, &at, (long)spki.len) : NULL;
    ERR_pop_to_mark();
    return key;
}

bool keyfile_fits(const EVP_PKEY *key, struct bytes spki)
{
    EVP_PKEY *public = keyfile_public(spki);
    bool fits;

    ERR_set_mark();
    fits = public && EVP_PKEY_eq(key, public) == 1;
    ERR_pop_to_mark();
    EVP_PKEY_free(public);
    return fits;
}

/* ---- texts ---- */

struct passphrase {
    const char *text;
    bool asked;
};

static int on_passphrase(char *out, int size, int writing, void *arg)
{
    struct passphrase *p = arg;
    size_t len = p->text ? strlen(p->text) : 0;

    (void)writing;
    p->asked = true;
    if (!p->text || len > (size_t)size) {
        return -1;
    }
    memcpy(out, p->text, len);
    return (int)len;
}

enum rc keyfile_parse(struct bytes pem, const char *passphrase, EVP_PKEY **out)
{
    struct passphrase p = {.text = passphrase};
    BIO *bio;
    enum rc rc;

    *out = NULL;
    ERR_set_mark();
    bio = pem.len > 0 && pem.len <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    if (bio) {
        *out = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &p);
    }
    ERR_pop_to_mark();
    BIO_free(bio);
    if (!*out) {
        return p.asked ? RC_KEY_PASSPHRASE : RC_KEY_MALFORMED;
    }
    rc = keyfile_check(*out);
    if (rc != RC_OK) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return rc;
}

static bool put_encrypted(BIO *bio, PKCS8_PRIV_KEY_INFO *info, const char *passphrase)
{
    X509_ALGOR *pbe = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ITERATIONS, NULL, 0, NULL, NID_hmacWithSHA256);
    X509_SIG *sealed = pbe ? PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, pbe) : NULL;
    bool good = sealed && PEM_write_bio_PKCS8(bio, sealed) == 1;

    if (!sealed) {
        X509_ALGOR_free(pbe);
    }
    X509_SIG_free(sealed);
    return good;
}

enum rc keyfile_build(const EVP_PKEY *key, const char *passphrase, struct wbuf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    PKCS8_PRIV_KEY_INFO *info;
    char *text = NULL;
    long len = 0;
    bool good;

    ERR_set_mark();
    info = EVP_PKEY2PKCS8(key);
    good = bio && info &&
           (passphrase ? put_encrypted(bio, info, passphrase)
                       : PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1);
    if (good) {
        len = BIO_get_mem_data(bio, &text);
        wbuf_put(out, bytes_of(text, len > 0 ? (size_t)len : 0));
        OPENSSL_cleanse(text, len > 0 ? (size_t)len : 0);
    }
    ERR_pop_to_mark();
    PKCS8_PRIV_KEY_INFO_free(info);
    BIO_free(bio);
    return good && len > 0 ? wbuf_rc(out) : RC_CRYPTO;
}

/* ---- files ---- */

/* From the start of a file, whatever was read before; from where a pipe is. */
static enum rc read_all(int fd, struct wbuf *out)
{
    bool file = lseek(fd, 0, SEEK_SET) == 0;
    uint8_t buffer[4096];
    ssize_t n = 0;

    do {
        n = read(fd, buffer, sizeof buffer);
        if (n > 0) {
            wbuf_put(out, bytes_of(buffer, (size_t)n));
        }
    } while ((n > 0 && wbuf_rc(out) == RC_OK) || (n < 0 && errno == EINTR));
    OPENSSL_cleanse(buffer, sizeof buffer);
    if (file) {
        (void)lseek(fd, 0, SEEK_SET);
    }
    if (n < 0) {
        return RC_IO;
    }
    return wbuf_rc(out) == RC_OK ? RC_OK : RC_KEY_MALFORMED;
}

static bool contains(struct bytes text, const char *word)
{
    return text.len > 0 && memmem(text.data, text.len, word, strlen(word));
}

static enum rc check_exposure(const struct stat *st, struct bytes text)
{
    bool sealed = contains(text, "BEGIN ENCRYPTED PRIVATE KEY") || contains(text, "Proc-Type: 4,ENCRYPTED");
    bool open = (st->st_mode & (S_IRWXG | S_IRWXO)) != 0;

    if (!contains(text, "PRIVATE KEY-----")) {
        return RC_KEY_MALFORMED;
    }
    /* Root may read everybody's keys anyway. */
    if (st->st_uid != geteuid() && st->st_uid != 0 && geteuid() != 0) {
        open = true;
    }
    return open && !sealed ? RC_KEY_EXPOSED : RC_OK;
}

enum rc keyfile_open(const char *path, int *out_fd)
{
    uint8_t storage[KEY_LIMIT];
    struct wbuf text;
    struct stat st;
    enum rc rc = safefile_open(path, out_fd, &st);

    if (rc != RC_OK) {
        return rc;
    }
    wbuf_init_fixed(&text, storage, sizeof storage);
    rc = read_all(*out_fd, &text);
    if (rc == RC_OK) {
        rc = check_exposure(&st, wbuf_bytes(&text));
    }
    wbuf_cleanse(&text);
    if (rc != RC_OK) {
        (void)close(*out_fd);
        *out_fd = -1;
    }
    return rc;
}

enum rc keyfile_read_fd(int fd, const char *passphrase, EVP_PKEY **out)
{
    uint8_t storage[KEY_LIMIT];
    struct wbuf text;
    enum rc rc;

    *out = NULL;
    wbuf_init_fixed(&text, storage, sizeof storage);
    rc = read_all(fd, &text);
    if (rc == RC_OK) {
        rc = keyfile_parse(wbuf_bytes(&text), passphrase, out);
    }
    wbuf_cleanse(&text);
    return rc;
}

enum rc keyfile_read(const char *path, const char *passphrase, EVP_PKEY **out)
{
    int fd;
    enum rc rc = keyfile_open(path, &fd);

    *out = NULL;
    if (rc == RC_OK) {
        rc = keyfile_read_fd(fd, passphrase, out);
        (void)close(fd);
    }
    return rc;
}

enum rc keyfile_write(const char *path, const EVP_PKEY *key, const char *passphrase)
{
    uint8_t storage[KEY_LIMIT];
    struct wbuf text;
    enum rc rc;

    wbuf_init_fixed(&text, storage, sizeof storage);
    rc = keyfile_build(key, passphrase, &text);
    if (rc == RC_OK) {
        rc = safefile_create(path, wbuf_bytes(&text), S_IRUSR | S_IWUSR);
    }
    wbuf_cleanse(&text);
    return rc;
}
