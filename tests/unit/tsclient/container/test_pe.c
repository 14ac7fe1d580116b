/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE files: what is put is got again and nothing else changes; checksum and digest against plain reimplementations; several
 * entries, both habits of dwLength, data behind the table; and every malformed table that the rules name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsa/wire/der.h"
#include "tsclient/container/pe.h"

#define LIMIT (1u << 20)

/* ---- plain reimplementations ---- */

/* Removes the octets that do not count, pads, hashes. */
static void plain_digest(struct bytes file, const struct make_pe *m, size_t table_at, uint8_t out[DIGEST_MAX])
{
    struct wbuf w;
    struct bytes all;
    size_t end = table_at ? table_at : file.len;

    wbuf_init(&w, LIMIT);
    for (size_t i = 0; i < end; i++) {
        bool checksum = i >= make_pe_checksum_at(m) && i < make_pe_checksum_at(m) + 4;
        bool directory = i >= make_pe_directory_at(m) && i < make_pe_directory_at(m) + 8;

        if (!checksum && !directory) {
            wbuf_put_u8(&w, file.data[i]);
        }
    }
    for (size_t i = end; i % 8 != 0; i++) {
        wbuf_put_u8(&w, 0);
    }
    all = wbuf_bytes(&w);
    assert_int_equal(digest_compute(DIGEST_SHA256, &all, 1, out), RC_OK);
    wbuf_clear(&w);
}

/* ---- helpers ---- */

/* A DER element of len octets: an OCTET STRING will do where only the place of a signature counts. */
static void some_der(struct wbuf *w, size_t contents_len, uint8_t fill)
{
    size_t mark;

    wbuf_init(w, LIMIT);
    mark = der_open(w, DER_OCTET_STRING_TAG);
    memset(wbuf_reserve(w, contents_len), fill, contents_len);
    der_close(w, mark);
}

/* Puts a signature into file and gives the new file; every edit is checked to lie where it may. */
static void put(struct wbuf *out, struct bytes file, struct bytes signature, const struct make_pe *m)
{
    struct edits e;

    edits_init(&e);
    assert_int_equal(one_blob_put(&pe_ops, file, signature, &e), RC_OK);
    for (size_t i = 0; i < e.num; i++) {
        uint64_t at = e.list[i].at;
        bool checksum = at == make_pe_checksum_at(m) && e.list[i].remove == 4 && e.list[i].insert.len == 4;
        bool directory = at >= make_pe_directory_at(m) &&
                         at + e.list[i].remove <= make_pe_directory_at(m) + 8 &&
                         e.list[i].insert.len == e.list[i].remove;

        assert_true(checksum || directory || at >= MAKE_PE_HEADERS + m->body_len);
        assert_true(strlen(e.list[i].what) > 0);
    }
    wbuf_init(out, LIMIT);
    assert_int_equal(edits_apply(&e, file, out), RC_OK);
    edits_clear(&e);
}

static size_t num_edits(struct bytes file, struct bytes signature)
{
    struct edits e;
    size_t num;

    edits_init(&e);
    assert_int_equal(one_blob_put(&pe_ops, file, signature, &e), RC_OK);
    num = e.num;
    edits_clear(&e);
    return num;
}

static void assert_digest(struct bytes file, const uint8_t expected[DIGEST_MAX])
{
    uint8_t digest[DIGEST_MAX];

    assert_int_equal(pe_ops.digest(file, DIGEST_SHA256, digest), RC_OK);
    assert_memory_equal(digest, expected, 32);
}

static void assert_signature(struct bytes file, struct bytes expected)
{
    struct bytes got;

    assert_int_equal(one_blob_get(&pe_ops, file, &got), RC_OK);
    assert_true(bytes_equal(got, expected));
    assert_int_equal(pe_checksum_get(file), pe_checksum(file));
}

static void check_one(const struct make_pe *m)
{
    struct wbuf file, first, second, one, two;
    uint8_t digest[DIGEST_MAX];
    struct bytes none;

    wbuf_init(&file, LIMIT);
    make_pe(&file, m);
    some_der(&one, 40 + m->body_len % 13, 0x11);
    some_der(&two, 300 - m->body_len % 11, 0x22);
    assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&file), &none), RC_UNSIGNED);
    plain_digest(wbuf_bytes(&file), m, 0, digest);
    assert_digest(wbuf_bytes(&file), digest);

    put(&first, wbuf_bytes(&file), wbuf_bytes(&one), m);
    assert_signature(wbuf_bytes(&first), wbuf_bytes(&one));
    assert_digest(wbuf_bytes(&first), digest);
    assert_int_equal(first.len % 8, 0);
    assert_int_equal(pe_checksum(wbuf_bytes(&first)), make_pe_checksum(wbuf_bytes(&first), m));
    assert_int_equal(num_edits(wbuf_bytes(&first), wbuf_bytes(&one)), 0);

    put(&second, wbuf_bytes(&first), wbuf_bytes(&two), m);
    assert_signature(wbuf_bytes(&second), wbuf_bytes(&two));
    assert_digest(wbuf_bytes(&second), digest);
    assert_int_equal(pe_checksum(wbuf_bytes(&second)), make_pe_checksum(wbuf_bytes(&second), m));
    wbuf_clear(&file);
    put(&file, wbuf_bytes(&second), wbuf_bytes(&one), m);
    assert_true(bytes_equal(wbuf_bytes(&file), wbuf_bytes(&first)));

    wbuf_clear(&file);
    wbuf_clear(&first);
    wbuf_clear(&second);
    wbuf_clear(&one);
    wbuf_clear(&two);
}

static void put_then_get(void **state)
{
    static const size_t places[] = {0x80, 0x40, 0x81};

    (void)state;
    for (size_t plus = 0; plus < 2; plus++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            for (size_t len = 0; len < 20; len++) {
                struct make_pe m = {.plus = plus,
                                    .e = places[i],
                                    .body_len = len,
                                    .seed = (unsigned)len,
                                    .right_checksum = true};
                check_one(&m);
            }
        }
    }
}

/* ---- tables made by hand ---- */

/* Both signatures at once; one alone, of two, is refused. */
static void put_two(struct wbuf *out, struct bytes file, struct bytes first, struct bytes second)
{
    const struct container_blobs blobs = {.list = {first, second}, .num = 2};
    struct container_blobs got;
    struct edits e;

    edits_init(&e);
    assert_int_equal(one_blob_put(&pe_ops, file, first, &e), RC_UNSIGNED);
    assert_int_equal(e.num, 0);
    assert_int_equal(pe_ops.put(file, &blobs, &e), RC_OK);
    wbuf_init(out, LIMIT);
    assert_int_equal(edits_apply(&e, file, out), RC_OK);
    edits_clear(&e);
    assert_int_equal(pe_ops.get(wbuf_bytes(out), &got), RC_OK);
    assert_int_equal(got.num, 2);
    assert_true(bytes_equal(got.list[0], first) && bytes_equal(got.list[1], second));
    assert_true(got.has_tail); /* entries that are none */
    container_blobs_clear(&got);
}

static void only_pkcs7_entries_change(void **state)
{
    const struct make_pe m = {.plus = true, .body_len = 100, .right_checksum = true};
    struct wbuf a, b, c, file, out, expected;

    (void)state;
    some_der(&a, 33, 0xa1);
    some_der(&b, 50, 0xb2);
    some_der(&c, 90, 0xc3);
    struct make_pe_entry entries[] = {
        {.revision = 0x0200, .type = 1, .der = wbuf_bytes(&a)},
        {.revision = 0x0300, .type = 2, .der = wbuf_bytes(&a), .unpadded = true},
        {.revision = 0x0200, .type = 2, .der = wbuf_bytes(&b)},
        {.revision = 0x0200, .type = 2, .der = wbuf_bytes(&a)},
    };
    make_pe_signed(&file, LIMIT, &m, entries, 4);
    assert_int_equal(pe_num_entries(wbuf_bytes(&file)), 4);
    put_two(&out, wbuf_bytes(&file), wbuf_bytes(&c), wbuf_bytes(&b));
    entries[2].der = wbuf_bytes(&c);
    entries[3].der = wbuf_bytes(&b);
    make_pe_signed(&expected, LIMIT, &m, entries, 4);
    assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&expected)));
    wbuf_clear(&a);
    wbuf_clear(&b);
    wbuf_clear(&c);
    wbuf_clear(&file);
    wbuf_clear(&out);
    wbuf_clear(&expected);
}

/* What an entry looks like stays: dwLength without padding, octets that an installer hid behind the DER. Of these none gets lost
 * and none comes to them, so that dwLength tells from then on where they end. */
static void the_form_of_an_entry_stays(void **state)
{
    const struct make_pe m = {.body_len = 64, .right_checksum = true};
    struct wbuf a, b, file, out, expected, back;

    (void)state;
    some_der(&a, 35, 0xa1);
    some_der(&b, 151, 0xb2);
    for (unsigned form = 0; form < 4; form++) {
        struct make_pe_entry entry = {.der = wbuf_bytes(&a), .unpadded = form & 1};

        if (form & 2) { /* where dwLength counts it, nobody can tell the padding from the tail: both stay */
            entry.tail = bytes_of("\0\0tag\0\0\0\0\0\0", form & 1 ? 5 : 5 + (-(8 + a.len + 5) & 7u));
        }
        make_pe_signed(&file, LIMIT, &m, &entry, 1);
        put(&out, wbuf_bytes(&file), wbuf_bytes(&b), &m);
        assert_signature(wbuf_bytes(&out), wbuf_bytes(&b));
        entry.der = wbuf_bytes(&b);
        entry.unpadded = form != 0;
        make_pe_signed(&expected, LIMIT, &m, &entry, 1);
        assert_true(bytes_equal(wbuf_bytes(&out), wbuf_bytes(&expected)));
        put(&back, wbuf_bytes(&out), wbuf_bytes(&a), &m);
        assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&file)));
        wbuf_clear(&file);
        wbuf_clear(&out);
        wbuf_clear(&expected);
        wbuf_clear(&back);
    }
    wbuf_clear(&a);
    wbuf_clear(&b);
}

static void data_behind_the_table(void **state)
{
    const struct make_pe m = {.body_len = 40};
    uint8_t digest[DIGEST_MAX];
    struct wbuf a, file;
    struct bytes got;
    struct edits e;

    (void)state;
    some_der(&a, 35, 0xa1);
    const struct make_pe_entry entry = {.revision = 0x0200, .type = 2, .der = wbuf_bytes(&a)};
    make_pe_signed(&file, LIMIT, &m, &entry, 1);
    assert_int_equal(pe_ops.digest(wbuf_bytes(&file), DIGEST_SHA256, digest), RC_OK);
    wbuf_put_text(&file, "appended");
    assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&file), &got), RC_OK);
    assert_true(bytes_equal(got, wbuf_bytes(&a)));
    assert_int_equal(pe_ops.digest(wbuf_bytes(&file), DIGEST_SHA256, digest), RC_FORMAT_TRAILER);
    edits_init(&e);
    assert_int_equal(one_blob_put(&pe_ops, wbuf_bytes(&file), wbuf_bytes(&a), &e), RC_FORMAT_TRAILER);
    assert_int_equal(e.num, 0);
    edits_clear(&e);
    wbuf_clear(&a);
    wbuf_clear(&file);
}

/* ---- what is refused ---- */

static void malformed(void **state)
{
    static const struct {
        const char *why;
        size_t at; /* relative to 0, the PE header, the directory or the table */
        char base;
        uint32_t value;
    } rows[] = {
        {"does not begin", 0, '0', 0x00905a4e},    {"points outside", 0x3c, '0', 0xffffffff},
        {"no PE header", 0x3c, '0', 43},           {"points outside", 0x3c, '0', 0x7fffffff},
        {"no PE header", 0, 'e', 0x00014550},      {"neither PE32", 24, 'e', 0x0107},
        {"no room for", 20, 'e', 0x00220087},      {"no room for", 116, 'e', 4},
        {"within the headers", 0, 'd', 0x88},      {"beyond the end", 0, 'd', 0xfffffff8},
        {"within the headers", 0, 'd', 0},         {"within the headers", 6, 'e', 0xffffffff},
        {"into the", 24 + 224 + 16, 'e', 65},      {"into the", 24 + 224 + 20, 'e', 0xffffffff},
        {"beyond the end", 4, 'd', 0xffffffff},    {"multiple of 8", 0, 'd', 0x23c},
        {"impossible length", 0, 't', 7},          {"impossible length", 0, 't', 0},
        {"impossible length", 0, 't', 0xffffffff}, {"no DER element", 8, 't', 0xa1a18404},
        {"no DER element", 8, 't', 0xa1a18004},
    };
    const struct make_pe m = {.body_len = 64};
    struct wbuf a, file;
    struct bytes got;

    (void)state;
    some_der(&a, 30, 0xa1);
    const struct make_pe_entry entry = {.revision = 0x0200, .type = 2, .der = wbuf_bytes(&a)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t digest[DIGEST_MAX];
        const char *why;
        size_t base;

        make_pe_signed(&file, LIMIT, &m, &entry, 1);
        assert_int_equal(pe_ops.check(wbuf_bytes(&file), &why), RC_OK);
        base = rows[i].base == 'e'   ? make_pe_e(&m)
               : rows[i].base == 'd' ? make_pe_directory_at(&m)
               : rows[i].base == 't' ? MAKE_PE_HEADERS + m.body_len
                                     : 0;
        make_pe_set(file.data + base + rows[i].at, rows[i].value, 4);
        assert_int_equal(pe_ops.check(wbuf_bytes(&file), &why), RC_FORMAT_MALFORMED);
        assert_non_null(strstr(why, rows[i].why));
        assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&file), &got), RC_FORMAT_MALFORMED);
        assert_int_equal(got.len, 0);
        assert_int_equal(pe_ops.digest(wbuf_bytes(&file), DIGEST_SHA256, digest), RC_FORMAT_MALFORMED);
        wbuf_clear(&file);
    }
    wbuf_clear(&a);
}

/* Each cut is a copy of its own size, so that a read past the end is seen. */
static void every_cut(void **state)
{
    const struct make_pe m = {.plus = true, .body_len = 24};
    struct wbuf a, file;

    (void)state;
    some_der(&a, 30, 0xa1);
    const struct make_pe_entry entry = {.revision = 0x0200, .type = 2, .der = wbuf_bytes(&a)};
    make_pe_signed(&file, LIMIT, &m, &entry, 1);
    for (size_t len = 0; len < file.len; len++) {
        uint8_t *cut = malloc(len ? len : 1), digest[DIGEST_MAX];
        struct bytes got, in = {cut, len};
        const char *why;

        memcpy(cut, file.data, len);
        assert_int_equal(pe_ops.check(in, &why), RC_FORMAT_MALFORMED);
        assert_non_null(why);
        assert_int_not_equal(one_blob_get(&pe_ops, in, &got), RC_OK);
        assert_int_not_equal(pe_ops.digest(in, DIGEST_SHA256, digest), RC_OK);
        (void)pe_checksum(in);
        free(cut);
    }
    wbuf_clear(&a);
    wbuf_clear(&file);
}

static void detected_by_its_first_octets(void **state)
{
    (void)state;
    assert_ptr_equal(container_detect(bytes_str("MZ\x90")), &pe_ops);
    assert_ptr_equal(container_find("pe"), &pe_ops);
    assert_null(container_find("none"));
    assert_null(container_detect(BYTES_NONE));
    assert_null(container_detect(bytes_str("plain text")));
    assert_non_null(container_at(0));
    assert_null(container_at(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_then_get),
        cmocka_unit_test(only_pkcs7_entries_change),
        cmocka_unit_test(the_form_of_an_entry_stays),
        cmocka_unit_test(data_behind_the_table),
        cmocka_unit_test(malformed),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(detected_by_its_first_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
