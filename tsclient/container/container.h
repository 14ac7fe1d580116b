/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed file formats behind one small table each: recognise a file, take the digest that its signature covers, get its
 * signature (a PKCS #7 SignedData), and put another in its place as a list of edits. Bytes to bytes: no file, no printing, no clock.
 */
#ifndef TSCLIENT_CONTAINER_CONTAINER_H
#define TSCLIENT_CONTAINER_CONTAINER_H

#include "tsa/wire/digest.h"
#include "tsa/wire/edits.h"

struct container_ops {
    const char *name; /* "pe": stands in JSON */
    /* recognise looks at the first octets only. */
    bool (*recognise)(struct bytes file);
    /* check parses the structure. RC_FORMAT_MALFORMED with *out_why, a static sentence. */
    enum rc (*check)(struct bytes file, const char **out_why);
    /* get gives the signature: a view of exactly one DER element. RC_UNSIGNED, RC_FORMAT_MALFORMED. */
    enum rc (*get)(struct bytes file, struct bytes *out_signature);
    /* digest hashes what the signature covers; out has DIGEST_MAX octets. RC_FORMAT_TRAILER where the signature is not the last part. */
    enum rc (*digest)(struct bytes file, enum digest alg, uint8_t *out);
    /* put makes the edits after which get gives signature; everything else of the file stays but what the format forces
     * (lengths, checksum, padding). */
    enum rc (*put)(struct bytes file, struct bytes signature, struct edits *out);
};

/* container_detect tries the formats in order; NULL when none recognises the file. container_find by name. */
const struct container_ops *container_detect(struct bytes file);
const struct container_ops *container_find(const char *name);

/* container_at walks the table: NULL behind the last. */
const struct container_ops *container_at(size_t index);

#endif
