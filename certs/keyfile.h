/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys: made, read, written. Read in any PEM form, written as PKCS #8 (RFC 5958). A key that is not encrypted is only taken from
 * a file that nobody else can read. The process that holds a key may not open files: it reads from a descriptor that was checked before.
 */
#ifndef CERTS_KEYFILE_H
#define CERTS_KEYFILE_H

#include <openssl/evp.h>

#include "tsa/wire/wbuf.h"

enum keyfile_kind {
    KEYFILE_RSA_2048,
    KEYFILE_RSA_3072,
    KEYFILE_RSA_4096,
    KEYFILE_P256,
    KEYFILE_P384,
    KEYFILE_ED25519, /* for checkpoints of the ledger, not for tokens */
    KEYFILE_NUM
};

/* keyfile_kind_names: "rsa-2048", ... "p-256", ..., by enum keyfile_kind, NULL at the end. keyfile_kind_of_name gives KEYFILE_NUM for others. */
extern const char *const keyfile_kind_names[];
enum keyfile_kind keyfile_kind_of_name(const char *name);

/* keyfile_make makes a key. RC_CRYPTO. Free with EVP_PKEY_free. */
enum rc keyfile_make(enum keyfile_kind kind, EVP_PKEY **out) MUST_CHECK;

/* keyfile_parse reads the first private key of a PEM text; passphrase may be NULL. RC_KEY_MALFORMED, RC_KEY_PASSPHRASE (missing or wrong),
 * RC_KEY_KIND (RSA below 2,048 bits, an unknown curve). Free *out with EVP_PKEY_free. */
enum rc keyfile_parse(struct bytes pem, const char *passphrase, EVP_PKEY **out) MUST_CHECK;

/* keyfile_build writes PKCS #8 PEM, encrypted (AES-256, PBKDF2) where there is a passphrase. Cleanse the writer. RC_CRYPTO. */
enum rc keyfile_build(const EVP_PKEY *key, const char *passphrase, struct wbuf *out) MUST_CHECK;

/* keyfile_open opens a key's file for reading after it has checked it: a plain key must lie in a file of this user's (or root's) that
 * others can not read. RC_NOT_FOUND, RC_IO (safefile_error_text), RC_KEY_EXPOSED, RC_KEY_MALFORMED. Close *out_fd. */
enum rc keyfile_open(const char *path, int *out_fd) MUST_CHECK;

/* keyfile_read_fd reads the key from a descriptor (a file is read from its start), keyfile_read opens and reads. As keyfile_parse, RC_IO. */
enum rc keyfile_read_fd(int fd, const char *passphrase, EVP_PKEY **out) MUST_CHECK;
enum rc keyfile_read(const char *path, const char *passphrase, EVP_PKEY **out) MUST_CHECK;

/* keyfile_write writes a new file of mode 0600; one that is there already is never replaced. RC_IO. */
enum rc keyfile_write(const char *path, const EVP_PKEY *key, const char *passphrase) MUST_CHECK;

/* keyfile_kind_text writes "RSA 3072", "P-256"; returns out. keyfile_check says whether the kind is used here (RC_KEY_KIND). */
#define KEYFILE_KIND_TEXT_MAX 40
char *keyfile_kind_text(const EVP_PKEY *key, char out[KEYFILE_KIND_TEXT_MAX]);
enum rc keyfile_check(const EVP_PKEY *key) MUST_CHECK;

/* keyfile_public takes a public key out of a SubjectPublicKeyInfo (struct cert has it); NULL when it can not. Free with EVP_PKEY_free. */
EVP_PKEY *keyfile_public(struct bytes spki);

/* keyfile_fits tells whether the private key belongs to that SubjectPublicKeyInfo. */
bool keyfile_fits(const EVP_PKEY *key, struct bytes spki);

#endif
