/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in catalogs of our own making: found as what they are, by the stronger digest first, and not found as anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_catalog.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/package/membership.h"

#define LIMIT (1u << 26)

static const char inf[] = "[Version]\r\nSignature=\"$Windows NT$\"\r\n";
static const char inf_lf[] = "[Version]\nSignature=\"$Windows NT$\"\n";

/* An image (with page hashes) and an INF. */
struct package {
    struct wbuf image, pages;
    struct ctl_build_member members[2];
    struct made_catalog catalog;
};

static void package_open(struct package *p, unsigned version, bool with_pages)
{
    struct ctl_build build = {
        .version = version, .updated.sec = MAKE_CATALOG_TIME, .members = p->members, .num_members = 2};

    *p = (struct package){.members = {{0}}};
    wbuf_init(&p->image, LIMIT);
    wbuf_init(&p->pages, LIMIT);
    make_pe(&p->image, &(struct make_pe){.body_len = 6001});
    assert_int_equal(ctl_build_measure(wbuf_bytes(&p->image), &p->members[0]), RC_OK);
    assert_int_equal(ctl_build_measure(bytes_str(inf), &p->members[1]), RC_OK);
    if (with_pages) {
        assert_int_equal(ctl_build_pages(wbuf_bytes(&p->image), version, &p->pages, &p->members[0]), RC_OK);
    }
    assert_true(make_catalog(&build, &p->catalog));
}

static void package_close(struct package *p)
{
    make_catalog_clear(&p->catalog);
    wbuf_clear(&p->image);
    wbuf_clear(&p->pages);
}

static enum rc find(const struct package *p, struct bytes file, struct membership *out)
{
    return membership_find(&p->catalog.ctl, file, out);
}

/* ---- found ---- */

static void as_they_are(void **state)
{
    struct membership found;
    struct package p;

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        enum digest alg = version == 1 ? DIGEST_SHA1 : DIGEST_SHA256;

        package_open(&p, version, false);
        assert_int_equal(find(&p, wbuf_bytes(&p.image), &found), RC_OK);
        assert_int_equal(found.alg, alg);
        assert_int_equal(found.member.kind, CTL_KIND_PE);
        assert_true(found.by_image);
        assert_false(found.pages_checked);
        assert_memory_equal(found.digest, version == 1 ? p.members[0].sha1 : p.members[0].sha256,
                            digest_len(alg));
        assert_int_equal(find(&p, bytes_str(inf), &found), RC_OK);
        assert_int_equal(found.alg, alg);
        assert_int_equal(found.member.kind, CTL_KIND_FLAT);
        assert_false(found.by_image);
        assert_false(found.listed_with_crlf);
        package_close(&p);
    }
}

/* A signature, and a checksum, change neither the digest nor the pages. */
static void signed_image(void **state)
{
    static const uint8_t signature[] = {0x30, 0x05, 0x04, 0x03, 'a', 'b', 'c'};
    struct membership found;
    struct edits edits;
    struct package p;
    struct wbuf file;

    (void)state;
    package_open(&p, 2, true);
    edits_init(&edits);
    wbuf_init(&file, LIMIT);
    assert_int_equal(one_blob_put(container_find("pe"), wbuf_bytes(&p.image),
                                  bytes_of(signature, sizeof signature), &edits),
                     RC_OK);
    assert_int_equal(edits_apply(&edits, wbuf_bytes(&p.image), &file), RC_OK);
    assert_int_equal(find(&p, wbuf_bytes(&file), &found), RC_OK);
    assert_true(found.by_image);
    assert_true(found.pages_checked);
    edits_clear(&edits);
    wbuf_clear(&file);
    package_close(&p);
}

static void by_the_twin(void **state)
{
    struct ctl_build_member member = {.kind = CTL_KIND_FLAT};
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct membership found;

    (void)state;
    assert_int_equal(ctl_build_measure(bytes_str(inf), &member), RC_OK);
    member.sha256[0] ^= 1;
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, bytes_str(inf), &found), RC_OK);
    assert_int_equal(found.alg, DIGEST_SHA1);
    assert_false(found.member.has_indirect);
    make_catalog_clear(&catalog);
}

/* ---- not found ---- */

static void assert_not_found(const struct package *p, struct bytes file)
{
    struct membership found = {.alg = DIGEST_MD5};

    assert_int_equal(find(p, file, &found), RC_NOT_FOUND);
    assert_int_equal(found.alg, DIGEST_NONE);
    assert_false(found.listed_with_crlf);
    assert_null(found.member.tag.data);
}

static void others(void **state)
{
    struct package p;

    (void)state;
    package_open(&p, 2, false);
    assert_not_found(&p, BYTES_NONE);
    assert_not_found(&p, bytes_str("[Version]\n"));
    assert_not_found(&p, bytes_of(inf, sizeof inf)); /* with its NUL */
    p.image.data[700] ^= 1;
    assert_not_found(&p, wbuf_bytes(&p.image));
    p.image.data[700] ^= 1;
    p.image.data[0x3c] = 0xff; /* a damaged structure */
    assert_not_found(&p, wbuf_bytes(&p.image));
    package_close(&p);
}

/* The octets that an image's digest covers, as a file of their own, have the digest of the image. */
static void hashed_octets_alone(void **state)
{
    const struct make_pe m = {.body_len = 6000};
    struct ctl_build_member member;
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    uint8_t digest[DIGEST_MAX];
    struct made_catalog catalog;
    struct wbuf image, octets;
    struct membership found;
    struct bytes plain;

    (void)state;
    wbuf_init(&image, LIMIT);
    wbuf_init(&octets, LIMIT);
    make_pe(&image, &m);
    wbuf_put(&octets, bytes_of(image.data, make_pe_checksum_at(&m)));
    wbuf_put(&octets, bytes_of(image.data + make_pe_checksum_at(&m) + 4,
                               make_pe_directory_at(&m) - make_pe_checksum_at(&m) - 4));
    wbuf_put(&octets,
             bytes_of(image.data + make_pe_directory_at(&m) + 8, image.len - make_pe_directory_at(&m) - 8));
    plain = wbuf_bytes(&octets);
    assert_int_equal(ctl_build_measure(wbuf_bytes(&image), &member), RC_OK);
    assert_int_equal(digest_compute(DIGEST_SHA256, &plain, 1, digest), RC_OK);
    assert_memory_equal(digest, member.sha256, sizeof member.sha256);
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&image), &found), RC_OK);
    assert_int_equal(membership_find(&catalog.ctl, plain, &found), RC_NOT_FOUND);
    make_catalog_clear(&catalog);
    member.kind = CTL_KIND_FLAT; /* and the other way round */
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&image), &found), RC_NOT_FOUND);
    make_catalog_clear(&catalog);
    wbuf_clear(&image);
    wbuf_clear(&octets);
}

/* The kind that a catalog of version 2 gives each of its members, in place. */
static void change_kinds(struct made_catalog *catalog, uint8_t kind)
{
    static const uint8_t info[] = "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x0c\x02\x03\x31\x02";
    size_t len = sizeof info - 1, num = 0;

    for (size_t at = 0; at + len < catalog->file.len; at++) {
        if (memcmp(catalog->file.data + at, info, len) == 0) {
            catalog->file.data[at + len] = kind;
            num++;
        }
    }
    assert_int_equal(num, 2);
}

/* Scripts and installers are hashed in ways of their own, so their digests may be those of images that they are not. */
static void image_as_another_kind(void **state)
{
    struct ctl_build_member member = {.kind = CTL_KIND_FLAT};
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct membership found;
    struct wbuf image;

    (void)state;
    wbuf_init(&image, LIMIT);
    make_pe(&image, &(struct make_pe){.body_len = 100});
    assert_int_equal(ctl_build_measure(wbuf_bytes(&image), &member), RC_OK);
    member.kind = CTL_KIND_FLAT; /* with indirect data of no image */
    assert_true(make_catalog(&build, &catalog));
    change_kinds(&catalog, DER_CONTEXT(0));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&image), &found), RC_OK);
    change_kinds(&catalog, DER_CONTEXT(3));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&image), &found), RC_NOT_FOUND);
    make_catalog_clear(&catalog);
    wbuf_clear(&image);
}

/* An image may be listed by all its octets, as if it were none. */
static void image_as_plain_file(void **state)
{
    struct ctl_build_member member = {.kind = CTL_KIND_FLAT};
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    uint8_t digest[DIGEST_MAX];
    struct made_catalog catalog;
    struct membership found;
    struct bytes file;
    struct wbuf image;

    (void)state;
    wbuf_init(&image, LIMIT);
    make_pe(&image, &(struct make_pe){.body_len = 100});
    file = wbuf_bytes(&image);
    assert_int_equal(digest_compute(DIGEST_SHA256, &file, 1, digest), RC_OK);
    memcpy(member.sha256, digest, sizeof member.sha256);
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, file, &found), RC_OK);
    assert_false(found.by_image);
    make_catalog_clear(&catalog);
    wbuf_clear(&image);
}

/* ---- page hashes ---- */

static void pages(void **state)
{
    struct membership found;
    struct package p;

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        package_open(&p, version, true);
        assert_int_equal(find(&p, wbuf_bytes(&p.image), &found), RC_OK);
        assert_true(found.pages_checked);
        package_close(&p);
    }
}

/* The list's own digest is right, one page hash of it is not; then they are no list at all. */
static void wrong_pages(void **state)
{
    struct ctl_build build = {.version = 2};
    struct made_catalog catalog;
    struct membership found;
    struct package p;

    (void)state;
    package_open(&p, 2, true);
    build.members = p.members;
    build.num_members = 2;
    p.pages.data[4] ^= 1;
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&p.image), &found), RC_SPC_PAGE_HASH);
    assert_true(found.pages_checked);
    assert_int_equal(found.alg, DIGEST_SHA256);
    make_catalog_clear(&catalog);
    p.members[0].pages.entries.len--;
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&p.image), &found), RC_SPC_CONTENT);
    make_catalog_clear(&catalog);
    package_close(&p);
}

/* ---- line ends ---- */

static void assert_crlf(const struct package *p, const char *text, bool expected)
{
    struct membership found;

    assert_int_equal(find(p, bytes_str(text), &found), RC_NOT_FOUND);
    assert_int_equal(found.listed_with_crlf, expected);
    assert_int_equal(found.alg, DIGEST_NONE);
}

static void line_ends(void **state)
{
    struct package p;

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        package_open(&p, version, false);
        assert_crlf(&p, inf_lf, true);
        assert_crlf(&p, "[Version]\r\nSignature=\"$Windows NT$\"\n", true); /* some lines only */
        assert_crlf(&p, "[Version]\r\r\nSignature=\"$Windows NT$\"\n", false);
        assert_crlf(&p, "[Version]\rSignature=\"$Windows NT$\"\r", false);
        assert_crlf(&p, "[version]\nSignature=\"$Windows NT$\"\n", false);
        package_close(&p);
    }
}

/* Text of that length, of lines of 10 octets and their ends. */
static void put_lines(struct wbuf *w, size_t len, const char *line)
{
    size_t line_len = strlen(line);

    wbuf_init(w, LIMIT);
    while (w->len + line_len <= len) {
        wbuf_put_text(w, line);
    }
    assert_int_equal(wbuf_rc(w), RC_OK);
}

/* Longer than one piece of the conversion; a NUL; above the limit. */
static void long_text(void **state)
{
    static const struct {
        size_t num; /* of lines */
        bool with_nul, expected;
    } rows[] = {{10000, false, true},
                {10000, true, false},
                {((size_t)16 << 20) / 4, false, true},
                {((size_t)16 << 20) / 4 + 1, false, false}};
    struct ctl_build_member member;
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct membership found;
    struct wbuf with, without;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_lines(&with, rows[i].num * 5, "abc\r\n");
        put_lines(&without, rows[i].num * 4, "abc\n");
        if (rows[i].with_nul) {
            with.data[1] = without.data[1] = 0;
        }
        assert_int_equal(ctl_build_measure(wbuf_bytes(&with), &member), RC_OK);
        assert_true(make_catalog(&build, &catalog));
        assert_int_equal(membership_find(&catalog.ctl, wbuf_bytes(&without), &found), RC_NOT_FOUND);
        assert_int_equal(found.listed_with_crlf, rows[i].expected);
        assert_false(found.listed_with_lf);
        make_catalog_clear(&catalog);
        wbuf_clear(&with);
        wbuf_clear(&without);
    }
}

/* The other way round, for a list that was made where lines end in LF. */
static void listed_with_lf(void **state)
{
    static const struct {
        const char *text;
        bool expected;
    } rows[] = {{inf, true},
                {"[Version]\r\nSignature=\"$Windows NT$\"\n", true}, /* some lines only */
                {"[Version]\r\r\nSignature=\"$Windows NT$\"\n", false},
                {"[Version]\nSignature=\"$Windows NT$\"\n\r", false}, /* the file ends in a CR */
                {"[Version]\nSignature=\"$Windows NT$\"\r", false},
                {"[version]\r\nSignature=\"$Windows NT$\"\r\n", false}};
    struct ctl_build_member member;
    struct ctl_build build = {.version = 2, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct membership found;

    (void)state;
    assert_int_equal(ctl_build_measure(bytes_str(inf_lf), &member), RC_OK);
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, bytes_str(inf_lf), &found), RC_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(membership_find(&catalog.ctl, bytes_str(rows[i].text), &found), RC_NOT_FOUND);
        assert_int_equal(found.listed_with_lf, rows[i].expected);
        assert_false(found.listed_with_crlf);
        assert_int_equal(found.alg, DIGEST_NONE);
    }
    make_catalog_clear(&catalog);
}

static void empty_catalog(void **state)
{
    struct ctl_build build = {.version = 2};
    struct made_catalog catalog;
    struct membership found;

    (void)state;
    assert_true(make_catalog(&build, &catalog));
    assert_int_equal(membership_find(&catalog.ctl, bytes_str(inf), &found), RC_NOT_FOUND);
    assert_int_equal(membership_find(&(struct ctl){0}, bytes_str(inf), &found), RC_NOT_FOUND);
    make_catalog_clear(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_they_are),         cmocka_unit_test(signed_image),
        cmocka_unit_test(by_the_twin),         cmocka_unit_test(others),
        cmocka_unit_test(hashed_octets_alone), cmocka_unit_test(image_as_another_kind),
        cmocka_unit_test(image_as_plain_file), cmocka_unit_test(pages),
        cmocka_unit_test(wrong_pages),         cmocka_unit_test(line_ends),
        cmocka_unit_test(long_text),           cmocka_unit_test(listed_with_lf),
        cmocka_unit_test(empty_catalog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
