/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures made to be expensive: a million of everything that may repeat, and nesting without end. Each is refused, or read and
 * changed, and none takes more than a few times as long as reading its octets does: the time of each is printed, not judged. They are
 * written from the end to the front, so that every length is known when its header is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_tiny.h"
#include "tsa/wire/ber.h"
#include "tsclient/container/spc.h"

#define MILLION 1000000
#define SIZE    (256u << 20)

/* ---- from the end to the front ---- */

struct back {
    uint8_t *data;
    size_t at; /* what is written starts here */
};

static void back_init(struct back *b)
{
    b->data = malloc(SIZE);
    assert_non_null(b->data);
    b->at = SIZE;
}

static void back_put(struct back *b, struct bytes what)
{
    assert_true(what.len <= b->at);
    b->at -= what.len;
    memcpy(b->data + b->at, what.data, what.len);
}

/* What was written since mark becomes the contents of an element. */
static void back_wrap(struct back *b, uint8_t tag, size_t mark)
{
    size_t len = mark - b->at, num = der_header_len(len) - 2;
    uint8_t header[10] = {tag, num > 0 ? (uint8_t)(0x80 | num) : (uint8_t)len};

    for (size_t i = num; i > 0; i--) {
        header[1 + i] = (uint8_t)len;
        len >>= 8;
    }
    back_put(b, bytes_of(header, 2 + num));
}

static struct bytes back_bytes(const struct back *b)
{
    return bytes_of(b->data + b->at, SIZE - b->at);
}

static void back_repeat(struct back *b, struct bytes what, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        back_put(b, what);
    }
}

/* ---- parts of a signature, each in front of what it holds ---- */

static void back_oid(struct back *b, enum oid oid)
{
    size_t mark = b->at;

    back_put(b, oid_bytes(oid));
    back_wrap(b, DER_OID_TAG, mark);
}

/* What was written since mark becomes the values of an attribute. */
static void back_attribute(struct back *b, enum oid type, size_t mark)
{
    back_wrap(b, DER_SET, mark);
    back_oid(b, type);
    back_wrap(b, DER_SEQUENCE, mark);
}

/* 40 octets. */
static struct bytes unknown_attribute(void)
{
    static const uint8_t attribute[40] = {0x30, 38, 6, 2, 0x2a, 3, 0x31, 32, 4, 30};

    return bytes_of(attribute, sizeof attribute);
}

/* What stands in a SignerInfo before the unsigned attributes. */
static struct bytes signer_start(void)
{
    static uint8_t storage[200];
    struct wbuf w;
    struct bytes contents;
    struct der d;

    wbuf_init_fixed(&w, storage, sizeof storage);
    tiny_signer(&w, "s<a", BYTES_NONE);
    der_init(&d, wbuf_bytes(&w), DER_STRICT);
    contents = der_get(&d, DER_SEQUENCE);
    return contents;
}

/* What was written since mark becomes the unsigned attributes of a SignerInfo. */
static void back_signer(struct back *b, size_t mark)
{
    if (b->at < mark) {
        back_wrap(b, DER_CONTEXT_CONSTRUCTED(1), mark);
    }
    back_put(b, signer_start());
    back_wrap(b, DER_SEQUENCE, mark);
}

/* What was written since mark becomes the SignerInfos of a signature, with that certificate num times. */
static void back_signature(struct back *b, enum oid content_type, struct bytes cert, size_t num, size_t mark)
{
    size_t set;

    back_wrap(b, DER_SET, mark);
    set = b->at;
    back_repeat(b, cert, num);
    if (num > 0) {
        back_wrap(b, DER_CONTEXT_CONSTRUCTED(0), set);
    }
    set = b->at;
    back_oid(b, content_type);
    back_wrap(b, DER_SEQUENCE, set);
    back_put(b, bytes_of("\x02\x01\x01\x31\x00", 5));
    back_wrap(b, DER_SEQUENCE, mark);
    back_wrap(b, DER_CONTEXT_CONSTRUCTED(0), mark);
    back_oid(b, OID_SIGNED_DATA);
    back_wrap(b, DER_SEQUENCE, mark);
}

/* The usual shell around unsigned attributes. */
static void back_around(struct back *b)
{
    back_signer(b, SIZE);
    back_signature(b, OID_SPC_INDIRECT_DATA, BYTES_NONE, 0, SIZE);
}

/* ---- what must hold, and how long it took ---- */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct expected {
    enum rc parse, change, legacy;
};

static enum rc change_and_back(struct bytes in, const struct spc_change *change)
{
    const struct spc_change drop = {.index = change->index};
    struct wbuf out, back;
    enum rc rc;

    wbuf_init(&out, in.len + 10000);
    wbuf_init(&back, in.len + 10000);
    rc = spc_change(in, change, &out);
    if (rc == RC_OK) {
        assert_int_equal(spc_change(wbuf_bytes(&out), &drop, &back), RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&back), in));
    }
    wbuf_clear(&out);
    wbuf_clear(&back);
    return rc;
}

static void run(const char *name, struct back *b, struct expected expected)
{
    struct bytes in = back_bytes(b);
    struct wbuf token, value, certs;
    struct spc *spc = calloc(1, sizeof *spc);
    double start = now(), parsed, changed, legacy;
    size_t len;

    assert_non_null(spc);
    wbuf_init(&token, 10000);
    wbuf_init(&value, 10000);
    wbuf_init(&certs, 10000);
    tiny_signature(&token, OID_TST_INFO, "k<l", BYTES_NONE);
    tiny_signer(&value, "t<u", BYTES_NONE);
    tiny_set(&certs, "t<u u<v");
    assert_int_equal(spc_parse(in, spc), expected.parse);
    parsed = now();
    assert_int_equal(
        change_and_back(in, &(struct spc_change){.kind = SPC_STAMP_RFC3161, .value = wbuf_bytes(&token)}),
        expected.change);
    changed = now();
    assert_int_equal(change_and_back(in, &(struct spc_change){0, SPC_STAMP_LEGACY, wbuf_bytes(&value),
                                                              wbuf_bytes(&certs)}),
                     expected.legacy);
    legacy = now();
    assert_int_equal(ber_tlv_len(in, &len), RC_OK);
    assert_int_equal(len, in.len);
    assert_false(ber_is_indefinite(in));
    print_message("%-32s %5.1f MB: read %.3f s, token there and back %.3f s, legacy %.3f s, as BER %.3f s\n",
                  name, (double)in.len / 1e6, parsed - start, changed - parsed, legacy - changed,
                  now() - legacy);
    wbuf_clear(&token);
    wbuf_clear(&value);
    wbuf_clear(&certs);
    free(spc);
    free(b->data);
}

/* ---- a million of each ---- */

static void attributes(void **state)
{
    const struct expected fine = {RC_OK, RC_OK, RC_OK};
    struct back b;

    (void)state;
    back_init(&b);
    back_repeat(&b, unknown_attribute(), MILLION);
    back_around(&b);
    run("attributes", &b, fine);
    back_init(&b); /* one with as many values */
    back_repeat(&b, bytes_of("\x30\x00", 2), 10 * MILLION);
    back_attribute(&b, OID_SIGNING_TIME, SIZE);
    back_around(&b);
    run("values of one attribute", &b, fine);
}

static void timestamps(void **state)
{
    const struct expected too_many = {RC_TOO_LARGE, RC_TOO_LARGE, RC_TOO_LARGE};
    const struct expected not_changed = {RC_OK, RC_TOO_LARGE, RC_TOO_LARGE};
    struct back b;

    (void)state;
    back_init(&b);
    back_repeat(&b, bytes_of("\x30\x00", 2), 10 * MILLION);
    back_attribute(&b, OID_SPC_RFC3161, SIZE);
    back_around(&b);
    run("timestamps in one attribute", &b, too_many);
    back_init(&b);
    for (size_t i = 0; i < MILLION; i++) {
        size_t mark = b.at;

        back_put(&b, bytes_of("\x30\x00", 2));
        back_attribute(&b, OID_COUNTER_SIGNATURE, mark);
    }
    back_around(&b);
    run("timestamps in attributes", &b, too_many);
    back_init(&b); /* as many attributes of their type that hold none */
    for (size_t i = 0; i < MILLION; i++) {
        back_attribute(&b, OID_COUNTER_SIGNATURE, b.at);
    }
    back_around(&b);
    run("attributes without a timestamp", &b, not_changed);
}

static void certificates(void **state)
{
    const struct expected for_tokens = {RC_OK, RC_OK, RC_TOO_LARGE};
    struct wbuf cert;
    struct back b;

    (void)state;
    wbuf_init(&cert, 1000);
    tiny_cert(&cert, "a<a");
    back_init(&b);
    back_signer(&b, SIZE);
    back_signature(&b, OID_SPC_INDIRECT_DATA, wbuf_bytes(&cert), MILLION / 2, SIZE);
    run("certificates", &b, for_tokens);
    back_init(&b);
    back_signer(&b, SIZE);
    back_signature(&b, OID_SPC_INDIRECT_DATA, bytes_of("\x30\x00", 2), 10 * MILLION, SIZE);
    run("what is no certificate", &b, for_tokens);
    back_init(&b);
    back_signer(&b, SIZE); /* all of them issuers of each other: the worst that is still taken */
    back_signature(&b, OID_SPC_INDIRECT_DATA, wbuf_bytes(&cert), SPC_MAX_CERTIFICATES - 2, SIZE);
    run("as many certificates as may be", &b, (struct expected){RC_OK, RC_OK, RC_OK});
    wbuf_clear(&cert);
}

static void signatures(void **state)
{
    const struct expected too_many = {RC_TOO_LARGE, RC_TOO_LARGE, RC_TOO_LARGE};
    struct wbuf nested;
    struct back b;

    (void)state;
    wbuf_init(&nested, 1000);
    tiny_signature(&nested, OID_DATA, NULL, BYTES_NONE);
    back_init(&b);
    back_repeat(&b, wbuf_bytes(&nested), MILLION);
    back_attribute(&b, OID_SPC_NESTED_SIGNATURE, SIZE);
    back_around(&b);
    run("nested in one attribute", &b, too_many);
    back_init(&b);
    for (size_t i = 0; i < MILLION; i++) {
        back_signer(&b, b.at);
    }
    back_signature(&b, OID_DATA, BYTES_NONE, 0, SIZE);
    run("signers", &b, too_many);
    wbuf_clear(&nested);
}

/* Each nested in the one before. The search for indefinite lengths ends at its own depth. */
static void depth(void **state)
{
    const struct expected too_many = {RC_TOO_LARGE, RC_TOO_LARGE, RC_TOO_LARGE};
    struct back b;

    (void)state;
    back_init(&b);
    back_around(&b);
    for (size_t i = 0; i < MILLION; i++) {
        back_attribute(&b, OID_SPC_NESTED_SIGNATURE, SIZE);
        back_around(&b);
    }
    run("nested in each other", &b, too_many);
}

/* The deepest that is taken, around many megabytes: no level may cost a move of all that is inside. */
static void depth_around_much(void **state)
{
    struct back b;

    (void)state;
    back_init(&b);
    back_repeat(&b, unknown_attribute(), MILLION / 2);
    back_around(&b);
    for (size_t i = 1; i < SPC_MAX_SIGNATURES; i++) {
        back_attribute(&b, OID_SPC_NESTED_SIGNATURE, SIZE);
        back_around(&b);
    }
    run("nested around attributes", &b, (struct expected){RC_OK, RC_OK, RC_OK});
}

static void deepest_is_changed(void **state)
{
    struct wbuf token;
    double start;
    struct back b;

    (void)state;
    wbuf_init(&token, 10000);
    tiny_signature(&token, OID_TST_INFO, "k<l", BYTES_NONE);
    back_init(&b);
    back_repeat(&b, unknown_attribute(), (1u << 24) / 40 - 1); /* lengths just under 2^24: all of them grow */
    back_around(&b);
    for (size_t i = 1; i < SPC_MAX_SIGNATURES; i++) {
        back_attribute(&b, OID_SPC_NESTED_SIGNATURE, SIZE);
        back_around(&b);
    }
    start = now();
    assert_int_equal(change_and_back(back_bytes(&b), &(struct spc_change){.index = SPC_MAX_SIGNATURES - 1,
                                                                          .kind = SPC_STAMP_RFC3161,
                                                                          .value = wbuf_bytes(&token)}),
                     RC_OK);
    print_message("%-32s %5.1f MB: token there and back %.3f s\n", "the deepest",
                  (double)back_bytes(&b).len / 1e6, now() - start);
    wbuf_clear(&token);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes),
        cmocka_unit_test(timestamps),
        cmocka_unit_test(certificates),
        cmocka_unit_test(signatures),
        cmocka_unit_test(depth),
        cmocka_unit_test(depth_around_much),
        cmocka_unit_test(deepest_is_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
