/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes inside a DER tree: elements come and go below a given element, and every length above follows. All other octets
 * are copied as they stand, so that what others encoded (and signed) is never encoded again. X.690 8.1.3.
 */
#ifndef TSCLIENT_CONTAINER_SPLICE_H
#define TSCLIENT_CONTAINER_SPLICE_H

#include "tsa/wire/der.h"

struct splice_edit {
    const uint8_t *parent; /* where the constructed element starts whose children change */
    const uint8_t *at;     /* a child of it, or its end */
    size_t remove;         /* octets that go: whole children */
    struct bytes insert;   /* whole elements that come */
};

#define SPLICE_MAX_EDITS 160
#define SPLICE_MAX_DEPTH 160 /* fifteen signatures within each other take 8 levels each */

struct splice {
    struct splice_edit edit[SPLICE_MAX_EDITS]; /* in the order of their places */
    size_t num;
    enum rc rc;
};

/* splice_add adds one edit; several at one place keep their order. Latches RC_TOO_LARGE. */
void splice_add(struct splice *splice, struct splice_edit edit);

/* splice_apply writes in (one element) with the edits made, in time that grows as in does. A length that was written in its shortest form stays so, another one
 * keeps its number of octets where that suffices. RC_DER_* where in is no tree of definite lengths above the edits,
 * RC_DER_DEPTH, RC_DER_TAG where an edit's place is not between two children of its parent. */
enum rc splice_apply(const struct splice *splice, struct bytes in, struct wbuf *out) MUST_CHECK;

#endif
