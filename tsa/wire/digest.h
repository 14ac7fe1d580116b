/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests that imprints and signatures may use: enum <-> OID <-> EVP_MD <-> length. Whether one is acceptable (SHA-1)
 * is the unit's or the policy's business, not this table's.
 */
#ifndef TSA_WIRE_DIGEST_H
#define TSA_WIRE_DIGEST_H

#include <openssl/evp.h>

#include "tsa/wire/oid.h"

enum digest {
    DIGEST_NONE,
    DIGEST_MD5,
    DIGEST_SHA1,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_NUM
};

#define DIGEST_MAX 64 /* octets of the longest digest */

size_t digest_len(enum digest alg); /* octets; 0 for DIGEST_NONE */
enum oid digest_oid(enum digest alg);
enum digest digest_of_oid(enum oid oid);      /* DIGEST_NONE when it is no digest of the table */
const char *digest_name(enum digest alg);     /* "sha256"; "none" */
enum digest digest_of_name(const char *name); /* sha256, SHA256, sha-256; DIGEST_NONE */

/* digest_md gives libcrypto's method; static. Where speed matters fetch once by EVP_MD_fetch(NULL, digest_name(alg), NULL) and keep it. */
const EVP_MD *digest_md(enum digest alg);

/* digest_compute hashes num parts, one after the other, into out (digest_len(alg) octets). RC_CRYPTO, RC_DIGEST_UNKNOWN. */
enum rc digest_compute(enum digest alg, const struct bytes *parts, size_t num,
                       uint8_t out[DIGEST_MAX]) MUST_CHECK;

/* digest_put_algorithm writes an AlgorithmIdentifier, parameters NULL or absent. */
void digest_put_algorithm(struct wbuf *w, enum digest alg, bool with_null);

#endif
