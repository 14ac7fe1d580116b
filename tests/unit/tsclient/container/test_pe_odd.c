/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE files that are odd and legal: old entries, BER in an entry, headers at strange places, small directories, odd lengths and
 * alignments, a checksum of zero or a wrong one. And what looks alike and is refused.
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
#include "tsclient/container/pe.h"

#define LIMIT (1u << 20)

static const uint8_t small[] = {0x30, 0x05, 0x04, 0x03, 'a', 'b', 'c'};
static const uint8_t large[] = {0x30, 0x14, 0x04, 0x12, 's', 't', 'a', 'm', 'p', 'e', 'd',
                                ' ',  'b',  'y',  ' ',  's', 'o', 'm', 'e', 'o', 'n', 'e'};
static const uint8_t indefinite[] = {0x30, 0x80, 0x04, 0x03, 'a', 'b', 'c', 0x24,
                                     0x80, 0x04, 0x01, 'd',  0,   0,   0,   0};
#define VIEW(array) bytes_of(array, sizeof(array))

static void put(struct wbuf *out, struct bytes file, const struct container_blobs *blobs)
{
    struct edits e;

    edits_init(&e);
    assert_int_equal(pe_ops.put(file, blobs, &e), RC_OK);
    wbuf_init(out, LIMIT);
    assert_int_equal(edits_apply(&e, file, out), RC_OK);
    edits_clear(&e);
}

static void put_one(struct wbuf *out, struct bytes file, struct bytes blob)
{
    const struct container_blobs blobs = {.list = {blob}, .num = 1};

    put(out, file, &blobs);
}

static void assert_digest_same(struct bytes a, struct bytes b)
{
    uint8_t digest[2][DIGEST_MAX];

    assert_int_equal(pe_ops.digest(a, DIGEST_SHA256, digest[0]), RC_OK);
    assert_int_equal(pe_ops.digest(b, DIGEST_SHA256, digest[1]), RC_OK);
    assert_memory_equal(digest[0], digest[1], 32);
}

/* The file with one entry, blob put for it and taken back: got each time, the octets of before in the end. */
static void assert_there_and_back(const struct make_pe *m, const struct make_pe_entry *entry,
                                  struct bytes blob)
{
    struct wbuf file, out, back;
    struct bytes got;

    make_pe_signed(&file, LIMIT, m, entry, 1);
    assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&file), &got), RC_OK);
    assert_true(bytes_equal(got, entry->der));
    put_one(&out, wbuf_bytes(&file), blob);
    assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&out), &got), RC_OK);
    assert_true(bytes_equal(got, blob));
    assert_digest_same(wbuf_bytes(&file), wbuf_bytes(&out));
    assert_int_equal(pe_checksum_get(wbuf_bytes(&out)),
                     m->right_checksum ? make_pe_checksum(wbuf_bytes(&out), m) : 0);
    put_one(&back, wbuf_bytes(&out), entry->der);
    assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&file)));
    wbuf_clear(&file);
    wbuf_clear(&out);
    wbuf_clear(&back);
}

static void unusual_images(void **state)
{
    static const struct make_pe images[] = {
        {.body_len = 64},
        {.e = 4,
         .body_len = 64}, /* the PE header lies over the DOS header, whose e_lfanew is SectionAlignment */
        {.e = 12, .body_len = 64, .plus = true},
        {.e = 5000, .headers_len = 0x1600, .body_len = 64},
        {.directories = 5, .body_len = 64},
        {.directories = 5, .plus = true, .body_len = 64},
        {.directories = 6, .body_len = 61},
        {.alignment = 8192, .body_len = 64},
        {.alignment = 16, .body_len = 35},
        {.alignment = 1, .headers_len = 0x201, .body_len = 7},
        {.machine = 0xaa64, .plus = true, .body_len = 64},
        {.body_len = 0},
    };
    const struct make_pe_entry entry = {.der = VIEW(small)};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof images / sizeof images[0]; i++) {
        struct make_pe m = images[i / 2];

        m.right_checksum = i & 1;
        assert_there_and_back(&m, &entry, VIEW(large));
    }
}

static void entries_of_an_old_revision(void **state)
{
    const struct make_pe m = {.body_len = 64, .right_checksum = true};
    const struct make_pe_entry entry = {.revision = 0x0100, .der = VIEW(small)};
    struct wbuf file, out;

    (void)state;
    assert_there_and_back(&m, &entry, VIEW(large));
    make_pe_signed(&file, LIMIT, &m, &entry, 1);
    put_one(&out, wbuf_bytes(&file), VIEW(large));
    assert_int_equal(out.data[MAKE_PE_HEADERS + 64 + 5], 1); /* wRevision, of which the upper octet */
    wbuf_clear(&file);
    wbuf_clear(&out);
}

/* An element in indefinite length ends where its end marks stand, and not where the padding does. */
static void ber_in_an_entry(void **state)
{
    const struct make_pe m = {.body_len = 64, .right_checksum = true};
    struct make_pe_entry entry = {.der = VIEW(indefinite)};

    (void)state;
    assert_there_and_back(&m, &entry, VIEW(large));
    entry.der = VIEW(small);
    assert_there_and_back(&m, &entry, VIEW(indefinite));
    entry.tail = bytes_str("and behind it");
    entry.unpadded = true;
    assert_there_and_back(&m, &entry, VIEW(indefinite));
}

static void several_and_one_between(void **state)
{
    const struct make_pe m = {.plus = true, .body_len = 100, .right_checksum = true};
    const struct make_pe_entry entries[] = {
        {.der = VIEW(small)},
        {.type = 0x0ef1, .der = VIEW(large)},
        {.der = VIEW(indefinite), .unpadded = true},
        {.revision = 0x0100, .der = VIEW(large)},
    };
    const struct container_blobs others = {.list = {VIEW(large), VIEW(small), VIEW(indefinite)}, .num = 3};
    struct container_blobs before, after;
    struct wbuf file, out, back;

    (void)state;
    make_pe_signed(&file, LIMIT, &m, entries, 4);
    assert_int_equal(pe_num_entries(wbuf_bytes(&file)), 4);
    assert_int_equal(pe_ops.get(wbuf_bytes(&file), &before), RC_OK);
    assert_int_equal(before.num, 3);
    put(&out, wbuf_bytes(&file), &others);
    assert_int_equal(pe_ops.get(wbuf_bytes(&out), &after), RC_OK);
    assert_int_equal(pe_num_entries(wbuf_bytes(&out)), 4);
    for (size_t i = 0; i < 3; i++) {
        assert_true(bytes_equal(before.list[i], entries[i == 0 ? 0 : i + 1].der));
        assert_true(bytes_equal(after.list[i], others.list[i]));
    }
    put(&back, wbuf_bytes(&out), &before);
    assert_true(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&file)));
    container_blobs_clear(&before);
    container_blobs_clear(&after);
    wbuf_clear(&file);
    wbuf_clear(&out);
    wbuf_clear(&back);
}

static void more_than_anybody_signs_with(void **state)
{
    const struct make_pe m = {.body_len = 8};
    struct make_pe_entry entries[CONTAINER_MAX_BLOBS + 1];
    struct container_blobs blobs;
    struct wbuf file;

    (void)state;
    for (size_t i = 0; i <= CONTAINER_MAX_BLOBS; i++) {
        entries[i] = (struct make_pe_entry){.der = VIEW(small)};
    }
    make_pe_signed(&file, LIMIT, &m, entries, CONTAINER_MAX_BLOBS);
    assert_int_equal(pe_ops.get(wbuf_bytes(&file), &blobs), RC_OK);
    assert_int_equal(blobs.num, CONTAINER_MAX_BLOBS);
    wbuf_clear(&file);
    make_pe_signed(&file, LIMIT, &m, entries, CONTAINER_MAX_BLOBS + 1);
    assert_int_equal(pe_ops.get(wbuf_bytes(&file), &blobs), RC_FORMAT_MALFORMED);
    wbuf_clear(&file);
}

/* Told wherever it hides: counted by dwLength, or in the octets that only fill up. Zeros hide nothing. */
static void octets_behind_a_signature(void **state)
{
    static const struct {
        const char *tail;
        size_t len;
        bool unpadded;
        size_t patch; /* from the end of the file: this octet is not zero */
        bool told;
    } rows[] = {
        {"", 0, false, 0, false},
        {"", 0, true, 0, false},
        {"", 0, false, 1, true},
        {"", 0, true, 1, true},
        {"tag", 3, false, 0, true},
        {"tag", 3, true, 0, true},
        {"\0\0\0\0\0\0\0\0", 8, true, 0, false},
        {"\0\0\0\0\0\0\0\1", 8, true, 0, true},
    };
    const struct make_pe m = {.body_len = 8};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct make_pe_entry entry = {
            .der = VIEW(small), .tail = bytes_of(rows[i].tail, rows[i].len), .unpadded = rows[i].unpadded};
        struct container_blobs blobs;
        struct wbuf file;

        make_pe_signed(&file, LIMIT, &m, &entry, 1);
        if (rows[i].patch) {
            file.data[file.len - rows[i].patch] = 1;
        }
        assert_int_equal(pe_ops.get(wbuf_bytes(&file), &blobs), RC_OK);
        assert_int_equal(blobs.has_tail, rows[i].told);
        assert_true(bytes_equal(blobs.list[0], VIEW(small)));
        container_blobs_clear(&blobs);
        wbuf_clear(&file);
    }
}

/* An entry that is no signature is as good a place to hide in; one of zeros hides nothing. */
static void octets_in_other_entries(void **state)
{
    static const struct {
        uint16_t revision, type;
        const char *octets;
        bool told;
    } rows[] = {
        {0x0200, 1, "\0\0\0\0\0\0\0\1", true},
        {0x0300, 2, "\1\0\0\0\0\0\0\0", true},
        {0x0200, 1, "\0\0\0\0\0\0\0\0", false},
    };
    const struct make_pe m = {.body_len = 8};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const struct make_pe_entry signature = {.der = VIEW(small)};
        const struct make_pe_entry other = {.revision = rows[i / 2].revision,
                                            .type = rows[i / 2].type,
                                            .der = bytes_of(rows[i / 2].octets, 8)};
        const struct make_pe_entry entries[] = {i & 1 ? other : signature, i & 1 ? signature : other};
        struct container_blobs blobs;
        struct wbuf file;

        make_pe_signed(&file, LIMIT, &m, entries, 2);
        assert_int_equal(pe_ops.get(wbuf_bytes(&file), &blobs), RC_OK);
        assert_int_equal(blobs.num, 1);
        assert_int_equal(blobs.has_tail, rows[i / 2].told);
        container_blobs_clear(&blobs);
        wbuf_clear(&file);
    }
}

/* Zero stays, anything else becomes right, a wrong one too. */
static void checksums(void **state)
{
    const struct make_pe m = {.body_len = 64};
    const struct make_pe_entry entry = {.der = VIEW(small)};
    struct wbuf file, out;

    (void)state;
    make_pe_signed(&file, LIMIT, &m, &entry, 1);
    put_one(&out, wbuf_bytes(&file), VIEW(large));
    assert_int_equal(pe_checksum_get(wbuf_bytes(&out)), 0);
    assert_int_not_equal(pe_checksum(wbuf_bytes(&out)), 0);
    wbuf_clear(&out);
    make_pe_set(file.data + make_pe_checksum_at(&m), 0x12345678, 4);
    put_one(&out, wbuf_bytes(&file), VIEW(large));
    assert_int_equal(pe_checksum_get(wbuf_bytes(&out)), make_pe_checksum(wbuf_bytes(&out), &m));
    wbuf_clear(&out);
    wbuf_clear(&file);
}

/* A file without signature takes its first one, behind padding, with the checksum as it is kept. */
static void the_first_signature(void **state)
{
    (void)state;
    for (size_t len = 0; len < 16; len++) {
        const struct make_pe m = {.body_len = len, .right_checksum = len & 1};
        struct wbuf file, out;
        struct bytes got;

        wbuf_init(&file, LIMIT);
        make_pe(&file, &m);
        put_one(&out, wbuf_bytes(&file), VIEW(large));
        assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&out), &got), RC_OK);
        assert_true(bytes_equal(got, VIEW(large)));
        assert_digest_same(wbuf_bytes(&file), wbuf_bytes(&out));
        assert_int_equal(pe_checksum_get(wbuf_bytes(&out)),
                         m.right_checksum ? make_pe_checksum(wbuf_bytes(&out), &m) : 0);
        wbuf_clear(&file);
        wbuf_clear(&out);
    }
}

/* Its first signature would come where a section claims to be. */
static void a_section_beyond_the_end(void **state)
{
    static const struct make_pe_section sections[] = {{MAKE_PE_HEADERS, 65}};
    const struct make_pe m = {.body_len = 64, .sections = sections, .num_sections = 1};
    struct edits e;
    struct wbuf file;

    (void)state;
    wbuf_init(&file, LIMIT);
    make_pe(&file, &m);
    edits_init(&e);
    assert_int_equal(one_blob_put(&pe_ops, wbuf_bytes(&file), VIEW(small), &e), RC_FORMAT_MALFORMED);
    assert_int_equal(e.num, 0);
    edits_clear(&e);
    wbuf_clear(&file);
}

/* Uninitialised data, to which some linkers give a length, but no place: it is not in the file, let alone in what stands behind. */
static void a_section_without_a_place(void **state)
{
    static const struct make_pe_section sections[] = {{MAKE_PE_HEADERS, 64}, {0, 0x10000}};
    const struct make_pe m = {.body_len = 64, .sections = sections, .num_sections = 2};
    const struct make_pe_entry entry = {.der = VIEW(small)};
    struct wbuf file, pages;
    const char *why;
    size_t num;

    (void)state;
    make_pe_signed(&file, LIMIT, &m, &entry, 1);
    assert_int_equal(pe_ops.check(wbuf_bytes(&file), &why), RC_OK);
    wbuf_init(&pages, LIMIT);
    assert_int_equal(pe_pages_put(wbuf_bytes(&file), DIGEST_SHA256, &pages, &num), RC_OK);
    assert_int_equal(num, 3);
    assert_int_equal(pages.data[2 * 36] | pages.data[2 * 36 + 1] << 8, MAKE_PE_HEADERS + 64);
    wbuf_clear(&file);
    wbuf_clear(&pages);
}

/* The table one octet to seven further: as a whole file it fits together, and no Windows takes it. */
static void a_table_off_its_place(void **state)
{
    const struct make_pe m = {.body_len = 64};
    const struct make_pe_entry entry = {.der = VIEW(small)};
    struct wbuf file;
    const char *why;

    (void)state;
    for (size_t off = 1; off < 8; off++) {
        make_pe_signed(&file, LIMIT, &m, &entry, 1);
        memset(wbuf_insert(&file, MAKE_PE_HEADERS + 64, off), 0, off);
        make_pe_set(file.data + make_pe_directory_at(&m), (uint32_t)(MAKE_PE_HEADERS + 64 + off), 4);
        assert_int_equal(pe_ops.check(wbuf_bytes(&file), &why), RC_FORMAT_MALFORMED);
        assert_non_null(strstr(why, "multiple of 8"));
        wbuf_clear(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unusual_images),
        cmocka_unit_test(entries_of_an_old_revision),
        cmocka_unit_test(ber_in_an_entry),
        cmocka_unit_test(several_and_one_between),
        cmocka_unit_test(more_than_anybody_signs_with),
        cmocka_unit_test(octets_behind_a_signature),
        cmocka_unit_test(octets_in_other_entries),
        cmocka_unit_test(checksums),
        cmocka_unit_test(the_first_signature),
        cmocka_unit_test(a_section_beyond_the_end),
        cmocka_unit_test(a_section_without_a_place),
        cmocka_unit_test(a_table_off_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
