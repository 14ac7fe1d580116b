/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of digests, and hashing through libcrypto. Whether a digest is good enough is not decided here.
 */
#include "tsa/wire/digest.h"

#include <strings.h>

#include "tsa/wire/der.h"

static const struct {
    const char *name, *other_name;
    enum oid oid;
    size_t len;
    const EVP_MD *(*md)(void);
} table[DIGEST_NUM] = {
    [DIGEST_NONE] = {"none", "none", OID_NONE, 0, NULL},
    [DIGEST_MD5] = {"md5", "md-5", OID_MD5, 16, EVP_md5},
    [DIGEST_SHA1] = {"sha1", "sha-1", OID_SHA1, 20, EVP_sha1},
    [DIGEST_SHA256] = {"sha256", "sha-256", OID_SHA256, 32, EVP_sha256},
    [DIGEST_SHA384] = {"sha384", "sha-384", OID_SHA384, 48, EVP_sha384},
    [DIGEST_SHA512] = {"sha512", "sha-512", OID_SHA512, 64, EVP_sha512},
};

static enum digest known(enum digest alg)
{
    return (unsigned)alg < DIGEST_NUM ? alg : DIGEST_NONE;
}

size_t digest_len(enum digest alg)
{
    return table[known(alg)].len;
}

enum oid digest_oid(enum digest alg)
{
    return table[known(alg)].oid;
}

const char *digest_name(enum digest alg)
{
    return table[known(alg)].name;
}

enum digest digest_of_oid(enum oid oid)
{
    for (unsigned i = DIGEST_NONE + 1; i < DIGEST_NUM; i++) {
        if (table[i].oid == oid) {
            return (enum digest)i;
        }
    }
    return DIGEST_NONE;
}

enum digest digest_of_name(const char *name)
{
    for (unsigned i = DIGEST_NONE + 1; i < DIGEST_NUM; i++) {
        if (strcasecmp(name, table[i].name) == 0 || strcasecmp(name, table[i].other_name) == 0) {
            return (enum digest)i;
        }
    }
    return DIGEST_NONE;
}

const EVP_MD *digest_md(enum digest alg)
{
    return table[known(alg)].md ? table[known(alg)].md() : NULL;
}

enum rc digest_compute(enum digest alg, const struct bytes *parts, size_t num, uint8_t out[DIGEST_MAX])
{
    const EVP_MD *md = digest_md(alg);
    EVP_MD_CTX *ctx;
    bool ok;

    if (!md) {
        return RC_DIGEST_UNKNOWN;
    }
    ctx = EVP_MD_CTX_new();
    if (!ctx) {
        return RC_NO_MEMORY;
    }
    ok = EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < num; i++) {
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? RC_OK : RC_CRYPTO;
}

void digest_put_algorithm(struct wbuf *w, enum digest alg, bool with_null)
{
    size_t mark = der_open(w, DER_SEQUENCE);

    if (digest_len(alg) == 0) {
        wbuf_fail(w, RC_DIGEST_UNKNOWN);
    }
    oid_put(w, digest_oid(alg));
    if (with_null) {
        der_put_null(w);
    }
    der_close(w, mark);
}
