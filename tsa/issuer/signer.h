/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key as the issuer uses it: digest in, signature out, and the check of it by the certificate's key. Each kind of key is one
 * table of calls; what differs between kinds ends here.
 */
#ifndef TSA_ISSUER_SIGNER_H
#define TSA_ISSUER_SIGNER_H

#include "tsa/role/unit.h"

struct signer;        /* the key; shared by all threads */
struct signer_thread; /* what one thread needs beside it: contexts that are set up once */

struct signer_ops {
    const char *name;
    bool always_check; /* every signature is verified, whatever the unit says */
    enum rc (*thread_new)(struct signer *signer, struct signer_thread **out);
    void (*thread_free)(struct signer_thread *thread);
    enum rc (*sign)(struct signer_thread *thread, struct bytes digest, struct wbuf *out);
    enum rc (*verify)(struct signer_thread *thread, struct bytes digest, struct bytes signature);
    void (*close)(struct signer *signer);
};

/* The first member of every kind's struct. */
struct signer {
    const struct signer_ops *ops;
};

struct signer_thread {
    struct signer *signer;
};

/* signer_prepare_memory sets libcrypto's guarded heap up; once, before any key is loaded. False when it can not be had: then keys lie in ordinary memory. */
bool signer_prepare_memory(void);

#define SIGNER_WHY_MAX 400

/*
 * signer_file_open loads a private key in PEM from an open file, which it closes. why gets a sentence on failure. The file may be readable
 * by its owner alone, and the owner is root, this process, or the role's account (owner). RC_KEY_EXPOSED, RC_KEY_* of keyfile_read_fd,
 * RC_CERT_KEY_MISMATCH, RC_CRYPTO. Free with signer_close.
 */
enum rc signer_file_open(int take_fd, const struct unit *unit, unsigned owner, char why[SIGNER_WHY_MAX],
                         struct signer **out) MUST_CHECK;
void signer_close(struct signer *signer);

enum rc signer_thread_new(struct signer *signer, struct signer_thread **out) MUST_CHECK;
void signer_thread_free(struct signer_thread *thread);

/* signer_sign appends the signature over a digest of the unit's algorithm: RSA PKCS #1 v1.5 with DigestInfo, or ECDSA as DER. RC_SIGNER_FAILED. */
enum rc signer_sign(struct signer_thread *thread, struct bytes digest, struct wbuf *out) MUST_CHECK;

/* signer_verify checks a signature with the certificate's key. RC_SELF_CHECK. */
enum rc signer_verify(struct signer_thread *thread, struct bytes digest, struct bytes signature) MUST_CHECK;

#endif
