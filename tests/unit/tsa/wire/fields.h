/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates put together from their fields in hex digits, so that each field can be wrong alone; their signatures are
 * none, because nothing that reads facts checks one.
 */
#ifndef TESTS_WIRE_FIELDS_H
#define TESTS_WIRE_FIELDS_H

#include <assert.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/cert.h"

#define V3        "a003020102"
#define NAME_A    "300c310a300806035504030c0141" /* CN=A */
#define NAME_B    "300c310a300806035504030c0142" /* CN=B */
#define ECDSA     "300a06082a8648ce3d040302"
#define UTC_2026  "170d3236303130313030303030305a"
#define UTC_2049  "170d3439313233313233353935395a"
#define GEN_2050  "180f32303530303130313030303030305a"
#define EXT_EKU   "0603551d25"
#define EXT_USAGE "0603551d0f"
#define EXT_BASIC "0603551d13"
#define CRITICAL  "0101ff"
#define EKU_STAMP "300a06082b06010505070308"
#define EKU_CODE  "300a06082b06010505070303"

struct fields {
    const char *version, *serial, *inner_alg, *issuer, *validity, *subject, *spki, *ids;
    const char *extensions; /* contents of the SEQUENCE OF; NULL: no field */
    const char *outer_alg, *signature, *after;
};

static const struct fields good = {
    .version = V3,
    .serial = "020107",
    .inner_alg = ECDSA,
    .issuer = NAME_A,
    .validity = "301e" UTC_2026 UTC_2049,
    .subject = NAME_B,
    .spki = "301a301306072a8648ce3d020106082a8648ce3d0301070303000405",
    .ids = "",
    .extensions = "",
    .outer_alg = ECDSA,
    .signature = "03020000",
    .after = "",
};

static inline void put_hex(struct wbuf *w, const char *text)
{
    struct hex store = {.len = 0};

    wbuf_put(w, hex(&store, text));
}

/* Puts a certificate together in *store and returns a view of it. */
static inline struct bytes build(const struct fields *f, struct hex *store)
{
    size_t cert, tbs, outer, list;
    struct wbuf w;

    wbuf_init_fixed(&w, store->data, sizeof store->data);
    cert = der_open(&w, DER_SEQUENCE);
    tbs = der_open(&w, DER_SEQUENCE);
    put_hex(&w, f->version);
    put_hex(&w, f->serial);
    put_hex(&w, f->inner_alg);
    put_hex(&w, f->issuer);
    put_hex(&w, f->validity);
    put_hex(&w, f->subject);
    put_hex(&w, f->spki);
    put_hex(&w, f->ids);
    if (f->extensions) {
        outer = der_open(&w, DER_CONTEXT_CONSTRUCTED(3));
        list = der_open(&w, DER_SEQUENCE);
        put_hex(&w, f->extensions);
        der_close(&w, list);
        der_close(&w, outer);
    }
    der_close(&w, tbs);
    put_hex(&w, f->outer_alg);
    put_hex(&w, f->signature);
    der_close(&w, cert);
    put_hex(&w, f->after);
    assert(wbuf_rc(&w) == RC_OK);
    store->len = w.len;
    return wbuf_bytes(&w);
}

#define IN(member) offsetof(struct fields, member)

/* The good fields with one of them replaced. */
static inline struct fields with(size_t field, const char *value)
{
    struct fields f = good;

    memcpy((char *)&f + field, &value, sizeof value);
    return f;
}

#endif
