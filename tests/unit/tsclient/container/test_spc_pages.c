/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of page hashes in SpcPeImageData: both versions, the usual absence, and every form that the list must not have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/wire/der.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 16)

static const uint8_t class_id[16] = {0xa6, 0xb5, 0x86, 0xd5, 0xb4, 0xa1, 0x24, 0x66,
                                     0xae, 0x05, 0xa2, 0x17, 0xda, 0x8e, 0x60, 0xd6};

/* What goes into one SpcPeImageData; zeroed: the usual one without page hashes. */
struct made {
    const uint8_t *class_id;   /* NULL: no moniker, but the obsolete file name */
    struct bytes versions[2];  /* attributes of the SET */
    struct bytes behind;       /* something behind the SET */
    bool without_flags, alone; /* no flags; no file either */
};

static void put_file(struct wbuf *w, const struct made *made)
{
    size_t link = der_open(w, DER_CONTEXT_CONSTRUCTED(0)), moniker, data, set;

    if (made->class_id) {
        moniker = der_open(w, DER_CONTEXT_CONSTRUCTED(1));
        der_put(w, DER_OCTET_STRING_TAG, bytes_of(made->class_id, 16));
        data = der_open(w, DER_OCTET_STRING_TAG);
        set = der_open(w, DER_SET);
        wbuf_put(w, made->versions[0]);
        wbuf_put(w, made->versions[1]);
        der_close(w, set);
        wbuf_put(w, made->behind);
        der_close(w, data);
        der_close(w, moniker);
    } else {
        moniker = der_open(w, DER_CONTEXT_CONSTRUCTED(2));
        der_put(w, 0x80, bytes_of("\0<\0<\0<", 6));
        der_close(w, moniker);
    }
    der_close(w, link);
}

static enum rc parse(struct wbuf *w, const struct made *made, struct spc_pages *out)
{
    struct spc_indirect indirect = {.data_type = OID_SPC_PE_IMAGE_DATA};
    size_t mark;

    wbuf_init(w, LIMIT);
    mark = der_open(w, DER_SEQUENCE);
    if (!made->without_flags) {
        der_put(w, DER_BIT_STRING_TAG, bytes_of("", 1));
    }
    if (!made->alone) {
        put_file(w, made);
    }
    der_close(w, mark);
    indirect.data = wbuf_bytes(w);
    return spc_pages_parse(&indirect, out);
}

/* SEQUENCE { version, SET { OCTET STRING } } */
static void attribute(struct wbuf *w, enum oid version, struct bytes entries)
{
    size_t sequence, set;

    wbuf_init(w, LIMIT);
    sequence = der_open(w, DER_SEQUENCE);
    oid_put(w, version);
    set = der_open(w, DER_SET);
    der_put(w, DER_OCTET_STRING_TAG, entries);
    der_close(w, set);
    der_close(w, sequence);
}

/* num entries, 0x400 apart, the last without hash. */
static void make_entries(struct wbuf *w, size_t hash_len, size_t num)
{
    wbuf_init(w, LIMIT);
    for (size_t i = 0; i < num; i++) {
        const uint8_t offset[4] = {0, (uint8_t)(4 * i), (uint8_t)(i >> 6), 0};

        wbuf_put(w, bytes_of(offset, 4));
        memset(wbuf_reserve(w, hash_len), i + 1 < num ? 0x77 : 0, hash_len);
    }
}

static void assert_answer(enum oid version, struct bytes entries, enum rc expected, size_t num)
{
    struct wbuf attr, w;
    struct spc_pages pages;
    struct made made = {.class_id = class_id};

    attribute(&attr, version, entries);
    made.versions[0] = wbuf_bytes(&attr);
    assert_int_equal(parse(&w, &made, &pages), expected);
    assert_int_equal(pages.num, num);
    if (expected == RC_OK) {
        assert_true(bytes_equal(pages.entries, entries));
        assert_int_equal(pages.alg, version == OID_SPC_PAGE_HASH_V2 ? DIGEST_SHA256 : DIGEST_SHA1);
    }
    wbuf_clear(&attr);
    wbuf_clear(&w);
}

static void both_versions(void **state)
{
    static const size_t nums[] = {1, 2, 3, 16, 200};
    struct wbuf entries;

    (void)state;
    for (size_t i = 0; i < sizeof nums / sizeof nums[0]; i++) {
        make_entries(&entries, 20, nums[i]);
        assert_answer(OID_SPC_PAGE_HASH_V1, wbuf_bytes(&entries), RC_OK, nums[i]);
        wbuf_clear(&entries);
        make_entries(&entries, 32, nums[i]);
        assert_answer(OID_SPC_PAGE_HASH_V2, wbuf_bytes(&entries), RC_OK, nums[i]);
        wbuf_clear(&entries);
    }
}

/* Of two versions the stronger one is checked, in whatever order they stand. */
static void the_stronger_of_two(void **state)
{
    struct wbuf entries[2], attr[2], w;
    struct made made = {.class_id = class_id};
    struct spc_pages pages;

    (void)state;
    make_entries(&entries[0], 20, 3);
    make_entries(&entries[1], 32, 5);
    attribute(&attr[0], OID_SPC_PAGE_HASH_V1, wbuf_bytes(&entries[0]));
    attribute(&attr[1], OID_SPC_PAGE_HASH_V2, wbuf_bytes(&entries[1]));
    for (size_t first = 0; first < 2; first++) {
        made.versions[0] = wbuf_bytes(&attr[first]);
        made.versions[1] = wbuf_bytes(&attr[1 - first]);
        assert_int_equal(parse(&w, &made, &pages), RC_OK);
        assert_int_equal(pages.alg, DIGEST_SHA256);
        assert_int_equal(pages.num, 5);
        wbuf_clear(&w);
    }
    for (size_t i = 0; i < 2; i++) {
        wbuf_clear(&entries[i]);
        wbuf_clear(&attr[i]);
    }
}

static void none_there(void **state)
{
    static const uint8_t another[16] = {1, 2, 3};
    static const struct made usual = {0}, bare = {.without_flags = true}, empty = {.alone = true},
                             moniker = {.class_id = another};
    const struct spc_indirect none = {.data_type = OID_SPC_PE_IMAGE_DATA},
                              cab = {.data_type = OID_SPC_CAB_DATA, .data = bytes_str("any")};
    const struct made *const all[] = {&usual, &bare, &empty, &moniker};
    struct spc_pages pages;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(parse(&w, all[i], &pages), RC_NOT_FOUND);
        assert_int_equal(pages.num, 0);
        wbuf_clear(&w);
    }
    assert_int_equal(spc_pages_parse(&none, &pages), RC_NOT_FOUND);
    assert_int_equal(spc_pages_parse(&cab, &pages), RC_NOT_FOUND);
}

static void lists_in_a_wrong_form(void **state)
{
    struct wbuf w;

    (void)state;
    make_entries(&w, 32, 4);
    assert_answer(OID_SPC_PAGE_HASH_V2, BYTES_NONE, RC_SPC_CONTENT, 0);
    assert_answer(OID_SPC_PAGE_HASH_V1, wbuf_bytes(&w), RC_SPC_CONTENT,
                  0);                                                   /* 144 octets are 6 entries of 24 */
    assert_answer(OID_SPC_CAB_DATA, wbuf_bytes(&w), RC_SPC_CONTENT, 0); /* no version of a page hash */
    for (size_t len = 1; len < w.len; len++) {
        assert_answer(OID_SPC_PAGE_HASH_V2, bytes_of(w.data, len), RC_SPC_CONTENT, 0);
    }
    w.data[w.len - 1] = 1; /* the end has a hash */
    assert_answer(OID_SPC_PAGE_HASH_V2, wbuf_bytes(&w), RC_SPC_CONTENT, 0);
    w.data[w.len - 1] = 0;
    w.data[36 + 1] = 8; /* the second as far as the third */
    assert_answer(OID_SPC_PAGE_HASH_V2, wbuf_bytes(&w), RC_SPC_CONTENT, 0);
    w.data[36 + 1] = 9;
    assert_answer(OID_SPC_PAGE_HASH_V2, wbuf_bytes(&w), RC_SPC_CONTENT, 0);
    w.data[36 + 1] = 7;
    assert_answer(OID_SPC_PAGE_HASH_V2, wbuf_bytes(&w), RC_OK, 4);
    wbuf_clear(&w);
}

static void something_more(void **state)
{
    struct made made = {.class_id = class_id};
    struct spc_pages pages;
    struct wbuf w;

    (void)state;
    assert_int_equal(parse(&w, &made, &pages), RC_SPC_CONTENT); /* no version at all */
    wbuf_clear(&w);
    made.versions[0] = bytes_of("\x30\x00", 2);
    assert_int_equal(parse(&w, &made, &pages), RC_SPC_CONTENT);
    wbuf_clear(&w);
    made.behind = bytes_of("\x05\x00", 2);
    assert_int_equal(parse(&w, &made, &pages), RC_SPC_CONTENT);
    wbuf_clear(&w);
}

/* Every cut of the value and every octet of its headers changed: an answer, and entries only within the value. */
static void any_damage(void **state)
{
    struct spc_indirect indirect = {.data_type = OID_SPC_PE_IMAGE_DATA};
    struct made made = {.class_id = class_id};
    struct wbuf entries, attr, w;
    struct spc_pages pages;

    (void)state;
    make_entries(&entries, 20, 3);
    attribute(&attr, OID_SPC_PAGE_HASH_V1, wbuf_bytes(&entries));
    made.versions[0] = wbuf_bytes(&attr);
    assert_int_equal(parse(&w, &made, &pages), RC_OK);
    for (size_t len = 1; len < w.len; len++) {
        indirect.data = bytes_of(w.data, len);
        assert_int_equal(spc_pages_parse(&indirect, &pages), RC_SPC_CONTENT);
    }
    indirect.data = wbuf_bytes(&w);
    for (size_t at = 0; at < w.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            w.data[at] ^= (uint8_t)(1u << bit);
            if (spc_pages_parse(&indirect, &pages) == RC_OK) {
                assert_true(pages.entries.data >= w.data);
                assert_true(pages.entries.data + pages.entries.len <= w.data + w.len);
                assert_int_equal(pages.entries.len, pages.num * (4 + digest_len(pages.alg)));
            } else {
                assert_int_equal(pages.num, 0);
            }
            w.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    wbuf_clear(&entries);
    wbuf_clear(&attr);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions),  cmocka_unit_test(the_stronger_of_two),
        cmocka_unit_test(none_there),     cmocka_unit_test(lists_in_a_wrong_form),
        cmocka_unit_test(something_more), cmocka_unit_test(any_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
