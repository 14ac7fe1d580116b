/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reader and writer for DER (X.690). Both latch: a parse reads like the ASN.1 of its format, and der_end gives the
 * verdict once. A reader borrows the input; the views it returns point into it. After a failure every get returns an
 * empty view, zero or false, and nothing is read any more.
 *
 *     struct der d;
 *     der_init(&d, in, DER_STRICT);
 *     der_enter(&d, DER_SEQUENCE);
 *     version = der_get_uint(&d);
 *     if (der_next_is(&d, DER_OID_TAG))
 *         policy = der_get_oid(&d);
 *     der_leave(&d);              // demands that nothing is left inside
 *     return der_end(&d);         // demands that nothing follows
 */
#ifndef TSA_WIRE_DER_H
#define TSA_WIRE_DER_H

#include "tsa/wire/wbuf.h"

enum der_rules {
    DER_STRICT, /* X.690 DER: shortest lengths, minimal INTEGER, BOOLEAN 00 or FF */
    DER_REQUEST, /* strict, but any non-zero BOOLEAN is TRUE and an INTEGER may be non-minimal: real clients send both */
    DER_FOREIGN, /* what other people's signatures hold: as DER_REQUEST, and lengths need not be the shortest */
};

enum der_tag {
    DER_BOOLEAN_TAG = 0x01,
    DER_INTEGER_TAG = 0x02,
    DER_BIT_STRING_TAG = 0x03,
    DER_OCTET_STRING_TAG = 0x04,
    DER_NULL_TAG = 0x05,
    DER_OID_TAG = 0x06,
    DER_ENUMERATED_TAG = 0x0a,
    DER_UTF8_STRING_TAG = 0x0c,
    DER_PRINTABLE_STRING_TAG = 0x13,
    DER_IA5_STRING_TAG = 0x16,
    DER_UTC_TIME_TAG = 0x17,
    DER_GENERALIZED_TIME_TAG = 0x18,
    DER_BMP_STRING_TAG = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};
#define DER_CONTEXT(n) ((uint8_t)(0x80u | (n))) /* [n] IMPLICIT of a primitive type */
#define DER_CONTEXT_CONSTRUCTED(n)                                                                           \
    ((uint8_t)(0xa0u | (n))) /* [n] EXPLICIT, or IMPLICIT of a constructed type */

#define DER_MAX_DEPTH 24

struct der {
    struct bytes in;
    size_t at;                     /* where the next element starts */
    size_t end[DER_MAX_DEPTH + 1]; /* end of each open element; end[0] is the input's */
    unsigned depth;
    enum der_rules rules;
    enum rc rc;
    size_t fault_at; /* offset of the element that failed */
};

void der_init(struct der *d, struct bytes in, enum der_rules rules);

/* der_end gives the first failure; RC_DER_TRAILING where input is left over or an element is still open. */
enum rc der_end(const struct der *d) MUST_CHECK;

/* der_more tells whether the open element has something left; der_next_is whether an element of that tag comes next. */
bool der_more(const struct der *d);
bool der_next_is(const struct der *d, uint8_t tag);

/* der_enter opens a constructed element; der_leave closes it and demands that nothing is left; der_leave_rest skips what is left. */
void der_enter(struct der *d, uint8_t tag);
void der_leave(struct der *d);
void der_leave_rest(struct der *d);

/* der_get returns the contents of the next element, der_get_tlv the element with tag and length; any tag where tag is 0. */
struct bytes der_get(struct der *d, uint8_t tag);
struct bytes der_get_tlv(struct der *d, uint8_t tag);

/* der_get_integer returns the contents of an INTEGER without redundant leading octets (its shortest form). */
struct bytes der_get_integer(struct der *d);
uint64_t der_get_uint(struct der *d);                 /* 0 .. 2^64-1, else RC_DER_INTEGER */
uint64_t der_get_uint_as(struct der *d, uint8_t tag); /* the same of an INTEGER under an IMPLICIT tag */
bool der_get_bool(struct der *d);
void der_get_null(struct der *d);
struct bytes der_get_oid(struct der *d); /* contents octets, checked */
struct bytes der_get_bit_string(struct der *d, unsigned *out_unused);

/* der_fail latches a reason of the caller's at the present place. */
void der_fail(struct der *d, enum rc rc);

/* der_tlv_len gives the whole length of the element at the front of b, which may be followed by anything; RC_DER_TRUNCATED, RC_DER_LENGTH. */
enum rc der_tlv_len(struct bytes b, size_t *out_len) MUST_CHECK;

/*
 * Writer. der_open starts an element whose length is not known yet and returns a mark; der_close(mark) sets the length.
 */
size_t der_open(struct wbuf *w, uint8_t tag);
void der_close(struct wbuf *w, size_t mark);
void der_put(struct wbuf *w, uint8_t tag, struct bytes contents);
void der_put_integer(struct wbuf *w, uint8_t tag,
                     struct bytes twos_complement); /* written in the shortest form */
void der_put_uint(struct wbuf *w, uint8_t tag, uint64_t v);
void der_put_bool(struct wbuf *w, bool v);
void der_put_null(struct wbuf *w);
/* der_put_set_of writes the elements (each with tag and length) in DER's order; it sorts items in place. */
void der_put_set_of(struct wbuf *w, uint8_t tag, struct bytes *items, size_t num_items);
/* der_header_len gives the octets of tag and length before contents of that length. */
size_t der_header_len(size_t contents_len);

#endif
