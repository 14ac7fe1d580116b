/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key from a file, in the memory of this process. Everything that costs is done once: the key is loaded, each thread sets one
 * context up to sign and one to verify, and a signature fetches and allocates nothing of ours. It never writes a key and knows
 * no passphrase.
 */
#include "tsa/issuer/signer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "certs/keyfile.h"

#define SIGNATURE_MAX 2048 /* RSA of 16384 bits */

struct key_file {
    struct signer base;
    EVP_PKEY *key, *public_key; /* public_key: the certificate's */
    enum digest digest;
};

struct key_file_thread {
    struct signer_thread base;
    EVP_PKEY_CTX *sign, *verify;
};

/* ---- signing ---- */

static bool set_up(EVP_PKEY_CTX *ctx, enum digest digest)
{
    EVP_PKEY *key = EVP_PKEY_CTX_get0_pkey(ctx);

    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1) {
        return false;
    }
    return EVP_PKEY_CTX_set_signature_md(ctx, digest_md(digest)) == 1;
}

static void thread_free(struct signer_thread *thread)
{
    struct key_file_thread *t = (struct key_file_thread *)thread;

    EVP_PKEY_CTX_free(t->sign);
    EVP_PKEY_CTX_free(t->verify);
    free(t);
}

static enum rc thread_new(struct signer *signer, struct signer_thread **out)
{
    struct key_file *file = (struct key_file *)signer;
    struct key_file_thread *t = calloc(1, sizeof(*t));

    if (!t) {
        return RC_NO_MEMORY;
    }
    t->base.signer = signer;
    t->sign = EVP_PKEY_CTX_new_from_pkey(NULL, file->key, NULL);
    t->verify = EVP_PKEY_CTX_new_from_pkey(NULL, file->public_key, NULL);
    if (!t->sign || !t->verify || EVP_PKEY_sign_init(t->sign) != 1 || !set_up(t->sign, file->digest) ||
        EVP_PKEY_verify_init(t->verify) != 1 || !set_up(t->verify, file->digest)) {
        thread_free(&t->base);
        ERR_clear_error();
        return RC_CRYPTO;
    }
    *out = &t->base;
    return RC_OK;
}

static enum rc sign(struct signer_thread *thread, struct bytes digest, struct wbuf *out)
{
    struct key_file_thread *t = (struct key_file_thread *)thread;
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);

    if (EVP_PKEY_sign(t->sign, signature, &len, digest.data, digest.len) != 1) {
        ERR_clear_error();
        return RC_SIGNER_FAILED;
    }
    wbuf_put(out, bytes_of(signature, len));
    return wbuf_rc(out);
}

static enum rc verify(struct signer_thread *thread, struct bytes digest, struct bytes signature)
{
    struct key_file_thread *t = (struct key_file_thread *)thread;

    if (EVP_PKEY_verify(t->verify, signature.data, signature.len, digest.data, digest.len) == 1) {
        return RC_OK;
    }
    ERR_clear_error();
    return RC_SELF_CHECK;
}

static void close_key(struct signer *signer)
{
    struct key_file *file = (struct key_file *)signer;

    EVP_PKEY_free(file->key);
    EVP_PKEY_free(file->public_key);
    free(file);
}

static const struct signer_ops ops = {
    .name = "file",
    .thread_new = thread_new,
    .thread_free = thread_free,
    .sign = sign,
    .verify = verify,
    .close = close_key,
};

/* ---- loading ---- */

__attribute__((format(printf, 3, 4))) static enum rc refuse(char why[SIGNER_WHY_MAX], enum rc rc,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, SIGNER_WHY_MAX, format, args);
    va_end(args);
    return rc;
}

static enum rc check_rights(const char *path, int fd, unsigned owner, char why[SIGNER_WHY_MAX])
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return refuse(why, RC_KEY_EXPOSED, "%s is not a file", path);
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return refuse(why, RC_KEY_EXPOSED, "%s can be read or changed by others (mode %04o): chmod 600 %s",
                      path, (unsigned)st.st_mode & 07777u, path);
    }
    if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != owner) {
        return refuse(why, RC_KEY_EXPOSED,
                      "%s belongs to user %u, who is neither root nor the issuer's account", path,
                      (unsigned)st.st_uid);
    }
    return RC_OK;
}

static enum rc load(struct key_file *file, int fd, const struct unit *unit, char why[SIGNER_WHY_MAX])
{
    const struct settings_unit *settings = unit->settings;
    const enum rc rc = keyfile_read_fd(fd, NULL, &file->key);

    if (rc != RC_OK) {
        return refuse(why, rc, "%s: %s", settings->key, rc_text(rc));
    }
    if (!keyfile_fits(file->key, unit->cert.spki)) {
        return refuse(why, RC_CERT_KEY_MISMATCH, "%s is not the key of the certificate in %s", settings->key,
                      settings->chain);
    }
    file->public_key = keyfile_public(unit->cert.spki);
    return file->public_key
               ? RC_OK
               : refuse(why, RC_CRYPTO, "%s: the certificate's key can not be used", settings->chain);
}

enum rc signer_file_open(int take_fd, const struct unit *unit, unsigned owner, char why[SIGNER_WHY_MAX],
                         struct signer **out)
{
    struct key_file *file = calloc(1, sizeof(*file));
    enum rc rc = file ? check_rights(unit->settings->key, take_fd, owner, why) : RC_NO_MEMORY;

    *out = NULL;
    if (file && rc == RC_OK) {
        rc = load(file, take_fd, unit, why);
    }
    (void)close(take_fd);
    if (!file) {
        return refuse(why, rc, "%s", rc_text(rc));
    }
    file->base.ops = &ops;
    file->digest = (enum digest)unit->settings->digest;
    if (rc == RC_OK) {
        *out = &file->base;
    } else {
        close_key(&file->base);
    }
    return rc;
}
