/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes: lists that a plain reimplementation makes match, images of many shapes, and nothing else does: an octet changed,
 * an entry changed, missing or too much. Section tables made to cost time or to reach outside get an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_pe.h"
#include "tsclient/container/pe.h"
#include "tsclient/container/spc.h"

#define LIMIT (8u << 20)

/* ---- a list, made plainly: a page is a piece of memory, filled octet by octet ---- */

static void put_page(struct wbuf *list, enum digest alg, size_t offset, struct bytes page)
{
    uint8_t octets[DIGEST_MAX];

    make_pe_set(octets, (uint32_t)offset, 4);
    wbuf_put(list, bytes_of(octets, 4));
    assert_int_equal(digest_compute(alg, &page, 1, octets), RC_OK);
    wbuf_put(list, bytes_of(octets, digest_len(alg)));
}

static void put_end(struct wbuf *list, enum digest alg, size_t offset)
{
    uint8_t octets[4];

    make_pe_set(octets, (uint32_t)offset, 4);
    wbuf_put(list, bytes_of(octets, 4));
    memset(wbuf_reserve(list, digest_len(alg)), 0, digest_len(alg));
}

static void put_first_page(struct wbuf *list, enum digest alg, const struct make_pe *m, struct bytes file,
                           size_t page_len)
{
    size_t own = make_pe_checksum_at(m), directory = make_pe_directory_at(m), len = 0;
    uint8_t page[8192] = {0};

    for (size_t i = 0; i < page_len && i < make_pe_headers_len(m); i++) {
        if (!(i >= own && i < own + 4) && !(i >= directory && i < directory + 8)) {
            page[len++] = file.data[i];
        }
    }
    put_page(list, alg, 0, bytes_of(page, page_len - 12));
}

static void put_range(struct wbuf *list, enum digest alg, struct bytes file, struct make_pe_section range,
                      size_t page_len)
{
    uint8_t page[8192];

    for (uint32_t at = 0; at < range.len; at += (uint32_t)page_len) {
        memset(page, 0, sizeof page);
        memcpy(page, file.data + range.at + at, range.len - at < page_len ? range.len - at : page_len);
        put_page(list, alg, range.at + at, bytes_of(page, page_len));
    }
}

static void make_list(struct wbuf *list, enum digest alg, const struct make_pe *m, struct bytes file,
                      size_t page_len)
{
    const struct make_pe_section whole = {(uint32_t)make_pe_headers_len(m), (uint32_t)m->body_len};
    const struct make_pe_section *sections = m->sections ? m->sections : &whole;
    uint32_t headers = (uint32_t)make_pe_headers_len(m);
    size_t end = headers;

    wbuf_init(list, LIMIT);
    put_first_page(list, alg, m, file, page_len);
    if (headers > page_len) {
        const struct make_pe_section rest = {(uint32_t)page_len, headers - (uint32_t)page_len};
        put_range(list, alg, file, rest, page_len);
    }
    for (size_t i = 0; i < (m->sections ? m->num_sections : 1); i++) {
        put_range(list, alg, file, sections[i], page_len);
        end = sections[i].len ? sections[i].at + sections[i].len : end;
    }
    put_end(list, alg, end);
}

static enum rc compare(struct bytes file, enum digest alg, struct bytes entries)
{
    const struct spc_pages pages = {
        .alg = alg, .entries = entries, .num = entries.len / (4 + digest_len(alg))};

    return pe_ops.check_pages(file, &pages);
}

static void make_signed(struct wbuf *file, const struct make_pe *m)
{
    static const uint8_t small[] = {0x30, 0x05, 0x04, 0x03, 'a', 'b', 'c'};
    const struct make_pe_entry entry = {.der = bytes_of(small, sizeof small)};

    make_pe_signed(file, LIMIT, m, &entry, 1);
}

/* ---- what matches ---- */

static void images_of_many_shapes(void **state)
{
    static const struct make_pe_section two[] = {{0x200, 5000}, {0x200 + 5000, 120}};
    static const struct make_pe_section gaps[] = {{0x400, 0}, {0x600, 4096}, {0, 0}, {0x2000, 17}};
    static const struct {
        struct make_pe m;
        size_t page_len;
    } rows[] = {
        {{.body_len = 0}, 4096},
        {{.body_len = 1}, 4096},
        {{.body_len = 4096}, 4096},
        {{.body_len = 4097, .plus = true}, 4096},
        {{.body_len = 20000, .plus = true}, 4096},
        {{.body_len = 20000, .alignment = 8192}, 4096}, /* the alignment is not the length of a page */
        {{.body_len = 5000, .alignment = 16, .plus = true}, 4096},
        {{.body_len = 20000, .machine = 0x0200, .plus = true}, 8192},
        {{.body_len = 20000, .machine = 0x0284, .plus = true}, 8192},
        {{.body_len = 20000, .machine = 0x0184}, 8192},
        {{.body_len = 5120, .sections = two, .num_sections = 2}, 4096},
        {{.body_len = 0x2000, .headers_len = 0x400, .sections = gaps, .num_sections = 4}, 4096},
        {{.body_len = 100, .sections = gaps, .num_sections = 1}, 4096},
        {{.body_len = 100, .headers_len = 4096}, 4096},
        {{.body_len = 100, .headers_len = 10000}, 4096},
        {{.body_len = 100, .e = 3000, .headers_len = 4096}, 4096},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        enum digest alg = i & 1 ? DIGEST_SHA256 : DIGEST_SHA1;
        const struct make_pe *m = &rows[i / 2].m;
        struct wbuf file, list, wrong;

        make_signed(&file, m);
        make_list(&list, alg, m, wbuf_bytes(&file), rows[i / 2].page_len);
        if (compare(wbuf_bytes(&file), alg, wbuf_bytes(&list)) != RC_OK) {
            fail_msg("row %zu", i / 2);
        }
        make_list(&wrong, alg, m, wbuf_bytes(&file), 4096 + 8192 - rows[i / 2].page_len);
        assert_int_equal(compare(wbuf_bytes(&file), alg, wbuf_bytes(&wrong)), RC_SPC_PAGE_HASH);
        wbuf_clear(&file);
        wbuf_clear(&list);
        wbuf_clear(&wrong);
    }
}

/* ---- what does not ---- */

static void every_octet(void **state)
{
    const struct make_pe m = {.plus = true, .body_len = 4200};
    size_t own = make_pe_checksum_at(&m), directory = make_pe_directory_at(&m);
    struct wbuf file, list;
    enum rc rc;

    (void)state;
    make_signed(&file, &m);
    make_list(&list, DIGEST_SHA256, &m, wbuf_bytes(&file), 4096);
    for (size_t at = 0; at < MAKE_PE_HEADERS + m.body_len; at += at < MAKE_PE_HEADERS ? 1 : 13) {
        bool left_out = (at >= own && at < own + 4) || (at >= directory && at < directory + 8);

        file.data[at] ^= 0x10;
        rc = compare(wbuf_bytes(&file), DIGEST_SHA256, wbuf_bytes(&list));
        if (left_out ? rc == RC_SPC_PAGE_HASH : rc == RC_OK) {
            fail_msg("octet %zu", at);
        }
        file.data[at] ^= 0x10;
    }
    file.data[file.len - 3] ^= 1; /* the signature is in no page */
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA256, wbuf_bytes(&list)), RC_OK);
    wbuf_clear(&file);
    wbuf_clear(&list);
}

static void every_octet_of_the_list(void **state)
{
    const struct make_pe m = {.body_len = 4200};
    struct wbuf file, list;

    (void)state;
    make_signed(&file, &m);
    make_list(&list, DIGEST_SHA1, &m, wbuf_bytes(&file), 4096);
    for (size_t at = 0; at < list.len; at++) {
        list.data[at] ^= 0x10;
        assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
        list.data[at] ^= 0x10;
    }
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_OK);
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, BYTES_NONE), RC_SPC_PAGE_HASH);
    wbuf_clear(&file);
    wbuf_clear(&list);
}

static void assert_other_list(struct bytes file, struct bytes before, struct bytes after)
{
    struct wbuf list;

    wbuf_init(&list, LIMIT);
    wbuf_put(&list, before);
    wbuf_put(&list, after);
    assert_int_equal(compare(file, DIGEST_SHA256, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
    wbuf_clear(&list);
}

static void entries_missing_and_surplus(void **state)
{
    const struct make_pe m = {.body_len = 9000};
    const size_t step = 4 + 32;
    struct wbuf file, list;

    (void)state;
    make_signed(&file, &m);
    make_list(&list, DIGEST_SHA256, &m, wbuf_bytes(&file), 4096);
    assert_int_equal(list.len, 5 * step);
    for (size_t i = 0; i < 5; i++) {
        struct bytes from = bytes_of(list.data + i * step, list.len - i * step);

        assert_other_list(wbuf_bytes(&file), bytes_of(list.data, i * step),
                          bytes_of(from.data + step, from.len - step));
        assert_other_list(wbuf_bytes(&file), bytes_of(list.data, (i + 1) * step), from);
    }
    wbuf_clear(&file);
    wbuf_clear(&list);
}

/* ---- section tables with an intention ---- */

/* The list that fits what the table says, as far as one can be made; the answer is no. */
static void assert_refused(const struct make_pe_section *sections, size_t num)
{
    const struct make_pe m = {.body_len = 20000, .sections = sections, .num_sections = num};
    struct wbuf file, list;

    wbuf_init(&file, LIMIT);
    make_pe(&file, &m);
    memset(wbuf_reserve(&file, 0x10000), 0, 0x10000); /* room for the plain list to read */
    make_list(&list, DIGEST_SHA256, &m, wbuf_bytes(&file), 4096);
    file.len -= 0x10000;
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA256, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
    wbuf_clear(&file);
    wbuf_clear(&list);
}

static void sections_over_another(void **state)
{
    static const struct make_pe_section twice[] = {{0x200, 5000}, {0x200, 5000}};
    static const struct make_pe_section shifted[] = {{0x200, 5000}, {0x1201, 5000}};
    static const struct make_pe_section backwards[] = {{0x1800, 5000}, {0x200, 5000}};
    static const struct make_pe_section headers[] = {{0x100, 5000}};
    static const struct make_pe_section outside[] = {{0x200, 5000}, {0x1800, 20000}};
    static const struct make_pe_section behind[] = {{0x6000, 1}};

    (void)state;
    assert_refused(twice, 2);
    assert_refused(shifted, 2);
    assert_refused(backwards, 2);
    assert_refused(headers, 1);
    assert_refused(outside, 2);
    assert_refused(behind, 1);
}

/* 65,535 of them: of no length, of one octet each in a row (each is a page), and each as long as a number can say. */
static void as_many_sections_as_a_file_can_name(void **state)
{
    enum {
        NUM = 65535,
        HEADERS = 0x290000
    };
    struct make_pe_section *sections = calloc(NUM, sizeof *sections);
    struct make_pe m = {.headers_len = HEADERS, .body_len = NUM, .num_sections = NUM, .sections = sections};
    struct wbuf file, list;

    (void)state;
    assert_non_null(sections);
    wbuf_init(&file, LIMIT);
    make_pe(&file, &m);
    make_list(&list, DIGEST_SHA1, &m, wbuf_bytes(&file), 4096);
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_OK);
    wbuf_clear(&file);
    wbuf_clear(&list);
    for (uint32_t i = 0; i < NUM; i++) {
        sections[i] = (struct make_pe_section){HEADERS + i, 1};
    }
    wbuf_init(&file, LIMIT);
    make_pe(&file, &m);
    make_list(&list, DIGEST_SHA1, &m, wbuf_bytes(&file), 4096);
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_OK);
    wbuf_clear(&file);
    for (uint32_t i = 0; i < NUM; i++) {
        sections[i] = (struct make_pe_section){1, UINT32_MAX};
    }
    wbuf_init(&file, LIMIT);
    make_pe(&file, &m);
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
    wbuf_clear(&file);
    wbuf_clear(&list);
    free(sections);
}

/* Headers of a length that the file has not, or that end before what is left out; a PE header behind the first page. */
static void headers_that_say_nothing(void **state)
{
    static const uint32_t lengths[] = {0, 1, 0x80 + 159, 0x7fffffff, 0xffffffff};
    const struct make_pe usual = {.body_len = 100}, far = {.body_len = 100, .e = 4000, .headers_len = 0x1200};
    struct wbuf file, list;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        make_signed(&file, &usual);
        make_list(&list, DIGEST_SHA1, &usual, wbuf_bytes(&file), 4096);
        make_pe_set(file.data + make_pe_e(&usual) + 84, lengths[i], 4);
        assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
        wbuf_clear(&file);
        wbuf_clear(&list);
    }
    make_signed(&file, &far);
    make_list(&list, DIGEST_SHA1, &far, wbuf_bytes(&file), 4096);
    assert_int_equal(compare(wbuf_bytes(&file), DIGEST_SHA1, wbuf_bytes(&list)), RC_SPC_PAGE_HASH);
    assert_int_equal(compare(bytes_str("MZ"), DIGEST_SHA1, wbuf_bytes(&list)), RC_FORMAT_MALFORMED);
    wbuf_clear(&file);
    wbuf_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_of_many_shapes),    cmocka_unit_test(every_octet),
        cmocka_unit_test(every_octet_of_the_list),  cmocka_unit_test(entries_missing_and_surplus),
        cmocka_unit_test(sections_over_another),    cmocka_unit_test(as_many_sections_as_a_file_can_name),
        cmocka_unit_test(headers_that_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
