/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed file formats behind one small table each: recognise a file, take the digest that its signature covers, get its
 * PKCS #7 SignedData, and put others in their place as a list of edits. Bytes to bytes: no file, no printing, no clock.
 */
#ifndef TSCLIENT_CONTAINER_CONTAINER_H
#define TSCLIENT_CONTAINER_CONTAINER_H

#include "tsa/wire/digest.h"
#include "tsa/wire/edits.h"

#define CONTAINER_MAX_BLOBS 4 /* real PE files have one or two */

/* What a file holds of signatures: one ContentInfo each, in the order in which they stand. Several are met in PE files alone. */
struct container_blobs {
    struct bytes list[CONTAINER_MAX_BLOBS]; /* exactly one DER (or BER) element; in the file, or in storage */
    size_t num;
    bool
        has_tail; /* behind or between them stands more than padding, which no signature covers (CVE-2013-3900) */
    enum rc cause;       /* beside RC_UNSIGNED: what there is instead of a signature; RC_OK: no more to say */
    struct wbuf storage; /* where the file has them in another form: PEM */
};
void container_blobs_clear(struct container_blobs *blobs);

struct spc_pages;

struct container_ops {
    const char *name; /* "pe": stands in JSON */
    /* recognise looks at the first octets only. */
    bool (*recognise)(struct bytes file);
    /* check parses the structure. RC_FORMAT_MALFORMED with *out_why, a static sentence. */
    enum rc (*check)(struct bytes file, const char **out_why);
    /* get gives the signatures; free with container_blobs_clear, also after a failure. RC_UNSIGNED, RC_FORMAT_MALFORMED, RC_TOO_LARGE. */
    enum rc (*get)(struct bytes file, struct container_blobs *out);
    /* digest hashes what the signature covers besides itself; out has DIGEST_MAX octets. RC_FORMAT_TRAILER where the signature is not
     * the last part. NULL: the signature holds its content, or the content is another file. */
    enum rc (*digest)(struct bytes file, enum digest alg, uint8_t *out);
    /* check_pages compares signed page hashes. RC_SPC_PAGE_HASH. NULL: the format has none. */
    enum rc (*check_pages)(struct bytes file, const struct spc_pages *pages);
    /* put makes the edits after which get gives blobs, as many as it gave before; everything else of the file stays but what the
     * format forces (lengths, checksum, padding). A PE file without signature takes one. */
    enum rc (*put)(struct bytes file, const struct container_blobs *blobs, struct edits *out);
};

/* container_detect tries the formats in order; NULL when none recognises the file. container_find by name. */
const struct container_ops *container_detect(struct bytes file);
const struct container_ops *container_find(const char *name);

/* container_at walks the table: NULL behind the last. */
const struct container_ops *container_at(size_t index);

#endif
