/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit's certificates as files to download, made once at the start: PEM for openssl, DER (.cer) and a PKCS #7 bundle (.p7b)
 * for Windows. Public data only.
 */
#ifndef TSA_FRONT_DOWNLOAD_H
#define TSA_FRONT_DOWNLOAD_H

#include "tsa/role/unit.h"

struct download {
    struct wbuf chain_pem; /* certificate, then intermediates */
    struct wbuf chain_p7b; /* the same and the root */
    struct wbuf root_pem;  /* empty without a root */
    struct bytes root_cer; /* borrows the unit */
};

/* download_init dies when there is no memory (start-up). */
void download_init(struct download *download, const struct unit *unit);
void download_clear(struct download *download);

#endif
