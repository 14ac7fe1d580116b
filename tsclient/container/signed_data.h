/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ContentInfo { SignedData } as a file of its own: what catalogs and plain PKCS #7 files share. It stands at the front, in DER or
 * BER; octets behind it are no part of it, as Windows reads such files (CryptQueryObject), and are never taken off here.
 * Private to cat and p7. RFC 5652 sections 3 and 5.
 */
#ifndef TSCLIENT_CONTAINER_SIGNED_DATA_H
#define TSCLIENT_CONTAINER_SIGNED_DATA_H

#include "tsa/wire/oid.h"
#include "tsclient/container/container.h"

struct signed_data {
    struct bytes blob; /* exactly one element */
    struct bytes behind;
    bool has_tail; /* what is behind is more than zero octets */
    enum oid content_type;
    size_t num_signers;
    bool
        certs_only; /* neither signers nor content: certificates or revocation lists for transport (RFC 5652 5.1) */
};

/* signed_data_begins looks at the first octets: is this a ContentInfo { SignedData }? *out_content_type: OID_NONE when it is not of the
 * table or the octets end before it. */
bool signed_data_begins(struct bytes in, enum oid *out_content_type);

/* signed_data_parse reads in; the views point into it. NULL, or a static sentence that says what is wrong. */
const char *signed_data_parse(struct bytes in, struct signed_data *out) MUST_CHECK;

/* signed_data_get fills *out, whose storage stays as it is: container_ops.get. */
enum rc signed_data_get(struct bytes in, struct container_blobs *out) MUST_CHECK;

/* signed_data_check_put tells whether blobs may take the place of what in has: one SignedData with a signature and the same content type.
 * RC_UNSIGNED, RC_FORMAT_MALFORMED, RC_FORMAT_TRAILER, RC_DER_TRAILING, RC_CMS_CONTENT_TYPE. *out: in parsed. */
enum rc signed_data_check_put(struct bytes in, const struct container_blobs *blobs,
                              struct signed_data *out) MUST_CHECK;

/* signed_data_put makes the edits of a file that has in at offset at: where lengths grow, elements come and go. */
enum rc signed_data_put(struct bytes in, size_t at, const struct container_blobs *blobs,
                        struct edits *out) MUST_CHECK;

#endif
