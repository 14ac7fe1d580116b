/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates out of files of any common form (PEM, DER, PKCS #7 .p7b/.spc), in any number and order.
 */
#ifndef CERTS_CERTFILE_H
#define CERTS_CERTFILE_H

#include "tsa/wire/chain.h"

struct certfile {
    struct bytes *certs; /* DER each, into storage */
    size_t num;
    struct bytes *crls; /* DER each */
    size_t num_crls;
    struct wbuf storage;
};

/* certfile_parse takes certificates (and CRLs) out of bytes; private keys in a PEM file are passed over. RC_CERT_MALFORMED, RC_NOT_FOUND when
 * there is none. Free with certfile_clear. certfile_read the same from a file (RC_IO). */
enum rc certfile_parse(struct bytes in, struct certfile *out) MUST_CHECK;
enum rc certfile_read(const char *path, struct certfile *out) MUST_CHECK;
void certfile_clear(struct certfile *file);

/* certfile_add_anchors adds every certificate of a file, or of each file of a folder, as an anchor. RC_NOT_FOUND when that gave none. */
enum rc certfile_add_anchors(const char *path, struct chain_anchors *anchors) MUST_CHECK;

/* certfile_put_pem writes one certificate as PEM. */
void certfile_put_pem(struct wbuf *w, struct bytes der);

#endif
