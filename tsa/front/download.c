/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468) and the degenerate SignedData that only carries certificates (RFC 5652 5.1, RFC 2315 9.1). */
#include "tsa/front/download.h"

#include "tsa/base/log.h"
#include "tsa/wire/base64.h"

#define FILE_MAX        (1024u * 1024u)
#define OCTETS_PER_LINE 48 /* 64 characters */

static void put_pem(struct wbuf *w, struct bytes der)
{
    size_t at;

    wbuf_put_text(w, "-----BEGIN CERTIFICATE-----\n");
    for (at = 0; at < der.len; at += OCTETS_PER_LINE) {
        size_t len = der.len - at < OCTETS_PER_LINE ? der.len - at : OCTETS_PER_LINE;

        base64_encode(w, bytes_of(der.data + at, len));
        wbuf_put_text(w, "\n");
    }
    wbuf_put_text(w, "-----END CERTIFICATE-----\n");
}

static void put_certificates(struct wbuf *w, const struct unit *unit)
{
    size_t mark = der_open(w, DER_CONTEXT_CONSTRUCTED(0)); /* certificates [0] IMPLICIT */
    size_t i;

    for (i = 0; i < unit->num_chain; i++) {
        wbuf_put(w, unit->chain[i]);
    }
    wbuf_put(w, unit->root);
    der_close(w, mark);
}

static void put_p7b(struct wbuf *w, const struct unit *unit)
{
    size_t info = der_open(w, DER_SEQUENCE);
    size_t content, data, inner;

    oid_put(w, OID_SIGNED_DATA);
    content = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    der_put(w, DER_SET, BYTES_NONE); /* digestAlgorithms */
    inner = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_DATA);
    der_close(w, inner);
    put_certificates(w, unit);
    der_put(w, DER_SET, BYTES_NONE); /* signerInfos */
    der_close(w, data);
    der_close(w, content);
    der_close(w, info);
}

void download_init(struct download *download, const struct unit *unit)
{
    size_t i;

    wbuf_init(&download->chain_pem, FILE_MAX);
    wbuf_init(&download->chain_p7b, FILE_MAX);
    wbuf_init(&download->root_pem, FILE_MAX);
    for (i = 0; i < unit->num_chain; i++) {
        put_pem(&download->chain_pem, unit->chain[i]);
    }
    put_p7b(&download->chain_p7b, unit);
    if (unit->root.len > 0) {
        put_pem(&download->root_pem, unit->root);
    }
    download->root_cer = unit->root;
    if (wbuf_rc(&download->chain_pem) != RC_OK || wbuf_rc(&download->chain_p7b) != RC_OK ||
        wbuf_rc(&download->root_pem) != RC_OK) {
        log_die(70, "out of memory");
    }
}

void download_clear(struct download *download)
{
    wbuf_clear(&download->chain_pem);
    wbuf_clear(&download->chain_p7b);
    wbuf_clear(&download->root_pem);
    download->root_cer = BYTES_NONE;
}
