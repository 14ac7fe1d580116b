/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogs: known by their octets in every encoding, told from other SignedData and from what only looks alike; unsigned ones; octets behind
 * the element; edits that hold what differs and no more. With TSA_SAMPLES every catalog of that folder goes there and back.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>

#include "tests/unit/tsclient/make_signed_data.h"
#include "tests/unit/tsclient/round_trip.h"
#include "tsclient/container/cat.h"
#include "tsclient/container/p7.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 24)

static const uint8_t list[] = {0x30, 0x04, 0x04, 0x02, 'a', 'b'};
static const uint8_t attribute[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                    0xf7, 0x0d, 0x01, 0x09, 0x10, 0x31, 0x00};
static const uint8_t cert[] = {0x30, 0x03, 0x02, 0x01, 0x05};

static struct make_signed_data signed_catalog(void)
{
    return (struct make_signed_data){.content_type = OID_CTL,
                                     .content = bytes_of(list, sizeof list),
                                     .certificates = bytes_of(cert, sizeof cert),
                                     .num_signers = 1};
}

/* Heap; the test frees it by wbuf_clear. */
static struct wbuf made(const struct make_signed_data *m)
{
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    make_signed_data(&w, m);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return w;
}

static struct wbuf stamped(void)
{
    struct make_signed_data m = signed_catalog();

    m.unsigned_attrs = bytes_of(attribute, sizeof attribute);
    return made(&m);
}

/* ---- recognising ---- */

static void assert_format(struct bytes file, const struct container_ops *ops)
{
    assert_ptr_equal(container_detect(file), ops);
}

static void test_every_encoding_is_known(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf der = made(&m), ber;

    (void)state;
    assert_string_equal(cat_ops.name, "cat");
    assert_ptr_equal(container_find("cat"), &cat_ops);
    assert_null(cat_ops.digest);
    assert_format(wbuf_bytes(&der), &cat_ops);
    for (int indefinite = 0; indefinite <= 1; indefinite++) {
        struct container_blobs blobs;

        wbuf_init(&ber, LIMIT);
        make_ber(&ber, wbuf_bytes(&der), indefinite);
        assert_format(wbuf_bytes(&ber), &cat_ops);
        assert_int_equal(cat_ops.get(wbuf_bytes(&ber), &blobs), RC_OK);
        assert_true(bytes_equal(blobs.list[0], wbuf_bytes(&ber)));
        container_blobs_clear(&blobs);
        wbuf_clear(&ber);
    }
    wbuf_clear(&der);
}

static void test_the_content_type_decides(void **state)
{
    static const enum oid others[] = {OID_DATA, OID_SPC_INDIRECT_DATA, OID_TST_INFO, OID_LAB_POLICY};
    struct make_signed_data m = signed_catalog();

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct wbuf w;

        m.content_type = others[i];
        w = made(&m);
        assert_false(cat_ops.recognise(wbuf_bytes(&w)));
        assert_format(wbuf_bytes(&w), &p7_ops);
        wbuf_clear(&w);
    }
}

/* A cut file is a damaged catalog as soon as its type can be read, and the reader of any length is safe. */
static void test_a_cut_file_is_damaged(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf der = made(&m);
    struct container_blobs blobs;
    const char *why;
    size_t num_cats = 0;

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, der.data, len);
        num_cats += cat_ops.recognise(bytes_of(copy, len));
        assert_int_equal(cat_ops.check(bytes_of(copy, len), &why), RC_FORMAT_MALFORMED);
        assert_non_null(why);
        assert_int_equal(cat_ops.get(bytes_of(copy, len), &blobs), RC_FORMAT_MALFORMED);
        container_blobs_clear(&blobs);
        free(copy);
    }
    assert_true(num_cats > 100 && num_cats < der.len - 30);
    wbuf_clear(&der);
}

/* ---- signed or not ---- */

static void test_unsigned(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct container_blobs blobs;
    struct wbuf bare, full = made(&m);
    struct edits edits;
    const char *why;

    (void)state;
    m.num_signers = 0;
    m.certificates = BYTES_NONE;
    bare = made(&m);
    assert_format(wbuf_bytes(&bare), &cat_ops);
    assert_int_equal(cat_ops.check(wbuf_bytes(&bare), &why), RC_OK);
    assert_int_equal(cat_ops.get(wbuf_bytes(&bare), &blobs), RC_UNSIGNED);
    assert_int_equal(blobs.num, 0);
    assert_int_equal(blobs.cause, RC_OK);
    edits_init(&edits);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&bare), wbuf_bytes(&full), &edits), RC_UNSIGNED);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&full), wbuf_bytes(&bare), &edits), RC_UNSIGNED);
    assert_int_equal(edits.num, 0);
    edits_clear(&edits);
    wbuf_clear(&bare);
    wbuf_clear(&full);
}

/* ---- put ---- */

static void test_edits_hold_what_differs(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf before = made(&m), after = stamped();
    struct edits edits;
    size_t inserted = 0;

    (void)state;
    /* Headers of ContentInfo, [0], SignedData, the set of signers and the SignerInfo: 3 + 3 + 3 + 2 + 2 octets. */
    assert_int_equal(round_trip(&cat_ops, wbuf_bytes(&before), wbuf_bytes(&after)), 13);
    edits_init(&edits);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&before), wbuf_bytes(&after), &edits), RC_OK);
    for (size_t i = 0; i < edits.num; i++) {
        inserted += edits.list[i].insert.len;
    }
    assert_int_equal(inserted, 13 + (after.len - before.len));
    assert_string_equal(edits.list[0].what, "lengths");
    assert_string_equal(edits.list[edits.num - 1].what, "signature");
    edits_clear(&edits);
    wbuf_clear(&before);
    wbuf_clear(&after);
}

/* A new certificate as a legacy timestamp brings it, before, between and behind the others, and a change within one. */
static void test_edits_of_every_kind(void **state)
{
    static const char *const sets[] = {
        "\x02\x01\x05",
        "\x02\x01\x05\x02\x01\x06",
        "\x02\x01\x04\x02\x01\x05",
        "\x02\x01\x05\x02\x01\x07\x02\x01\x06",
        "\x30\x03\x02\x01\x05\x02\x01\x06",
        "\x30\x03\x02\x01\x06\x02\x01\x06",
        "\x30\x81\x03\x02\x01\x05",
        "\x04\x01\x01",
    };
    struct make_signed_data m = signed_catalog();
    const size_t num = sizeof sets / sizeof sets[0];

    (void)state;
    for (size_t i = 0; i < num * num; i++) {
        struct wbuf before, after;

        m.unsigned_attrs = BYTES_NONE;
        m.certificates = bytes_str(sets[i % num]);
        before = made(&m);
        m.unsigned_attrs = bytes_of(attribute, sizeof attribute);
        m.certificates = bytes_str(sets[i / num]);
        after = made(&m);
        (void)round_trip(&cat_ops, wbuf_bytes(&before), wbuf_bytes(&after));
        wbuf_clear(&before);
        wbuf_clear(&after);
    }
}

/* Three attributes go in front and one comes at the end, of just the length by which the many between, alike but for every second one,
 * then stand apart: they are exchanged in one piece, not pair by pair. */
static void test_many_attributes(void **state)
{
    static const uint8_t pair[] = {0x30, 0x09, 0x06, 0x02, 0x2a, 0x03, 0x31, 0x03, 0x02, 0x01, 0x01,
                                   0x30, 0x09, 0x06, 0x02, 0x2a, 0x03, 0x31, 0x03, 0x02, 0x01, 0x02};
    static const uint8_t late[] = {0x30, 0x14, 0x06, 0x02, 0x2a, 0x04, 0x31, 0x0e, 0x04, 0x0c, 7,
                                   7,    7,    7,    7,    7,    7,    7,    7,    7,    7,    7};
    struct make_signed_data m = signed_catalog();
    struct wbuf attrs, before, after;
    struct edits edits;
    size_t front;

    (void)state;
    wbuf_init(&attrs, LIMIT);
    for (int i = 0; i < 3; i++) {
        wbuf_put(&attrs, bytes_of(attribute, sizeof attribute));
    }
    front = attrs.len;
    for (int i = 0; i < 5000; i++) {
        wbuf_put(&attrs, bytes_of(pair, sizeof pair));
    }
    m.unsigned_attrs = wbuf_bytes(&attrs);
    before = made(&m);
    wbuf_put(&attrs, bytes_of(late, sizeof late));
    m.unsigned_attrs = bytes_of(attrs.data + front, attrs.len - front);
    after = made(&m);
    (void)round_trip(&cat_ops, wbuf_bytes(&before), wbuf_bytes(&after));
    edits_init(&edits);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&before), wbuf_bytes(&after), &edits), RC_OK);
    assert_true(edits.num < 10);
    edits_clear(&edits);
    wbuf_clear(&attrs);
    wbuf_clear(&before);
    wbuf_clear(&after);
}

static void test_ber_is_exchanged_as_a_whole(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf der = made(&m), after = stamped(), ber;

    (void)state;
    wbuf_init(&ber, LIMIT);
    make_ber(&ber, wbuf_bytes(&der), true);
    assert_int_equal(round_trip(&cat_ops, wbuf_bytes(&ber), wbuf_bytes(&after)), ber.len);
    assert_int_equal(round_trip(&cat_ops, wbuf_bytes(&der), wbuf_bytes(&ber)), der.len);
    wbuf_clear(&der);
    wbuf_clear(&after);
    wbuf_clear(&ber);
}

/* Windows reads the first element, and so is it read; but nothing is written in front of octets that nobody knows. */
static void test_octets_behind(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf file = made(&m), after = stamped();
    struct container_blobs blobs;
    struct edits edits;
    const char *why;

    (void)state;
    wbuf_put(&file, bytes_of("\0\0\0", 3));
    assert_true(round_trip(&cat_ops, wbuf_bytes(&file), wbuf_bytes(&after)) < 20);
    wbuf_put_u8(&file, 1);
    assert_int_equal(cat_ops.check(wbuf_bytes(&file), &why), RC_OK);
    assert_int_equal(cat_ops.get(wbuf_bytes(&file), &blobs), RC_OK);
    assert_true(blobs.has_tail);
    assert_int_equal(blobs.list[0].len, file.len - 4);
    edits_init(&edits);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&file), wbuf_bytes(&after), &edits),
                     RC_FORMAT_TRAILER);
    assert_int_equal(edits.num, 0);
    edits_clear(&edits);
    container_blobs_clear(&blobs);
    wbuf_clear(&file);
    wbuf_clear(&after);
}

static void test_what_may_not_be_put(void **state)
{
    struct make_signed_data m = signed_catalog();
    struct wbuf file = made(&m), after = stamped(), other;
    struct container_blobs two = {.list = {wbuf_bytes(&after), wbuf_bytes(&after)}, .num = 2};
    struct edits edits;

    (void)state;
    m.content_type = OID_DATA;
    other = made(&m);
    wbuf_put_u8(&after, 0);
    edits_init(&edits);
    assert_int_equal(cat_ops.put(wbuf_bytes(&file), &two, &edits), RC_UNSIGNED);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&file), wbuf_bytes(&other), &edits),
                     RC_CMS_CONTENT_TYPE);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&file), wbuf_bytes(&after), &edits), RC_DER_TRAILING);
    assert_int_equal(one_blob_put(&cat_ops, wbuf_bytes(&file), bytes_of(list, sizeof list), &edits),
                     RC_FORMAT_MALFORMED);
    assert_int_equal(edits.num, 0);
    edits_clear(&edits);
    wbuf_clear(&file);
    wbuf_clear(&after);
    wbuf_clear(&other);
}

/* ---- real ones ---- */

static size_t num_signed, num_unsigned;

static struct bytes read_file(const char *path, struct wbuf *w)
{
    FILE *in = fopen(path, "rb");
    uint8_t block[4096];
    size_t got;

    assert_non_null(in);
    wbuf_init(w, LIMIT);
    while ((got = fread(block, 1, sizeof block, in)) > 0) {
        wbuf_put(w, bytes_of(block, got));
    }
    assert_int_equal(fclose(in), 0);
    return wbuf_bytes(w);
}

/* Stamped with a stand-in and back; what the stamp is does not matter here. */
static void check_real(struct bytes file)
{
    struct spc_change change = {.kind = SPC_STAMP_RFC3161, .value = bytes_of(list, sizeof list)};
    struct container_blobs blobs;
    struct wbuf blob;
    enum rc rc = cat_ops.get(file, &blobs);

    if (rc == RC_UNSIGNED) {
        num_unsigned++;
        return;
    }
    assert_int_equal(rc, RC_OK);
    wbuf_init(&blob, LIMIT);
    assert_int_equal(spc_change(blobs.list[0], &change, &blob), RC_OK);
    (void)round_trip(&cat_ops, file, wbuf_bytes(&blob));
    num_signed++;
    wbuf_clear(&blob);
    container_blobs_clear(&blobs);
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    size_t len = strlen(path);
    struct wbuf w;

    (void)st;
    (void)ftw;
    if (kind == FTW_F && len > 4 && strcmp(path + len - 4, ".cat") == 0) {
        assert_format(read_file(path, &w), &cat_ops);
        check_real(wbuf_bytes(&w));
        wbuf_clear(&w);
    }
    return 0;
}

static void test_real_catalogs(void **state)
{
    const char *folder = getenv("TSA_SAMPLES");

    (void)state;
    if (!folder || !*folder) {
        skip();
    }
    assert_int_equal(nftw(folder, visit, 8, FTW_PHYS), 0);
    print_message("%zu signed catalogs, %zu unsigned\n", num_signed, num_unsigned);
    assert_true(num_signed >= 14 && num_unsigned >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_encoding_is_known), cmocka_unit_test(test_the_content_type_decides),
        cmocka_unit_test(test_a_cut_file_is_damaged),   cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_edits_hold_what_differs), cmocka_unit_test(test_edits_of_every_kind),
        cmocka_unit_test(test_many_attributes),         cmocka_unit_test(test_ber_is_exchanged_as_a_whole),
        cmocka_unit_test(test_octets_behind),           cmocka_unit_test(test_what_may_not_be_put),
        cmocka_unit_test(test_real_catalogs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
