/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DER reader and writer. First any sequence of calls on any input: every view lies inside, a failure stays. Then what the
 * strict reader takes as a whole is written again as it was, and what it takes under laxer rules becomes strict.
 */
#include <stdlib.h>

#include "tests/fuzz/walk.h"
#include "tsa/wire/oid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_view(const struct der *d, struct bytes b)
{
    check(b.len == 0 ||
          (b.data >= d->in.data && b.len <= d->in.len && (size_t)(b.data - d->in.data) <= d->in.len - b.len));
    check(d->rc == RC_OK || b.len == 0);
}

static void check_oid(struct bytes contents)
{
    char text[4000];
    struct wbuf w;

    if (contents.len == 0 || contents.len > 60) {
        return;
    }
    wbuf_init(&w, 100);
    check(oid_from_text(oid_to_text(contents, text, sizeof text), &w) == RC_OK);
    check(bytes_equal(wbuf_bytes(&w), contents));
    wbuf_clear(&w);
}

static void one_call(struct der *d, uint8_t op, uint8_t tag)
{
    struct bytes b = BYTES_NONE;
    unsigned unused;

    switch (op % 12) {
    case 0:
        der_enter(d, tag);
        break;
    case 1:
        if (d->depth > 0) {
            der_leave(d);
        }
        break;
    case 2:
        if (d->depth > 0) {
            der_leave_rest(d);
        }
        break;
    case 3:
        b = der_get(d, tag);
        break;
    case 4:
        b = der_get_tlv(d, tag);
        break;
    case 5:
        b = der_get_integer(d);
        check(d->rc != RC_OK || b.len > 0);
        break;
    case 6:
        (void)der_get_uint_as(d, tag);
        break;
    case 7:
        (void)der_get_bool(d);
        break;
    case 8:
        der_get_null(d);
        break;
    case 9:
        b = der_get_oid(d);
        check_oid(b);
        break;
    case 10:
        b = der_get_bit_string(d, &unused);
        check(unused <= 7);
        break;
    default:
        check(!der_next_is(d, tag) || der_more(d));
        break;
    }
    check_view(d, b);
}

/* Odd tags of a call mean: the one that comes next. */
static void any_calls(struct bytes calls, struct bytes in, enum der_rules rules)
{
    struct der d;

    der_init(&d, in, rules);
    for (size_t i = 0; i + 1 < calls.len; i += 2) {
        enum rc before = d.rc;
        uint8_t tag = calls.data[i + 1];

        if (tag & 1 && der_more(&d)) {
            tag = in.data[d.at];
        }
        one_call(&d, calls.data[i], tag);
        check(before == RC_OK || d.rc == before);
        check(d.depth <= DER_MAX_DEPTH && d.at <= d.end[d.depth] && d.end[d.depth] <= in.len);
        check(d.rc == RC_OK || (!der_more(&d) && d.fault_at <= in.len));
    }
}

static void read_and_write(struct bytes in)
{
    struct wbuf w, again;

    wbuf_init(&w, 2 * in.len + 100);
    wbuf_init(&again, 2 * in.len + 100);
    if (walk(in, DER_STRICT, &w) == RC_OK) {
        check(wbuf_rc(&w) == RC_OK && bytes_equal(wbuf_bytes(&w), in));
        wbuf_reset(&w);
        check(walk(in, DER_REQUEST, &w) == RC_OK && bytes_equal(wbuf_bytes(&w), in));
    }
    wbuf_reset(&w);
    if (walk(in, DER_FOREIGN, &w) == RC_OK) {
        check(wbuf_rc(&w) == RC_OK && w.len <= in.len);
        check(walk(wbuf_bytes(&w), DER_STRICT, &again) == RC_OK);
        check(bytes_equal(wbuf_bytes(&w), wbuf_bytes(&again)));
    }
    wbuf_clear(&w);
    wbuf_clear(&again);
}

static void first_length(struct bytes in)
{
    struct der d;
    size_t len;

    der_init(&d, in, DER_FOREIGN);
    (void)der_get_tlv(&d, 0);
    check((der_tlv_len(in, &len) == RC_OK) == (d.rc == RC_OK));
    check(len == d.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    size_t num_calls = data_len > 0 ? data[0] : 0;
    struct bytes in = bytes_of(data, data_len);

    if (data_len > num_calls) {
        for (unsigned rules = DER_STRICT; rules <= DER_FOREIGN; rules++) {
            any_calls(bytes_of(data + 1, num_calls), bytes_of(data + num_calls, data_len - num_calls),
                      (enum der_rules)rules);
        }
    }
    read_and_write(in);
    first_length(in);
    return 0;
}
