/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogs written and read again; two whole ones octet by octet, which another program made from the syntax; what is not written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_catalog.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tsclient/container/container.h"
#include "tsclient/container/pe.h"

#define LIMIT (1u << 20)

static const struct ctl_build_attribute hint = {"File", "a.sys"};
static const struct ctl_build_attribute os = {"OSAttr", "2:6.0"};

/* A member whose digests are one octet each, again and again. */
static struct ctl_build_member member_of(enum ctl_kind kind, uint8_t sha1, uint8_t sha256)
{
    struct ctl_build_member member = {.kind = kind};

    memset(member.sha1, sha1, sizeof member.sha1);
    memset(member.sha256, sha256, sizeof member.sha256);
    return member;
}

static struct ctl_build catalog_of(unsigned version, const struct ctl_build_member *members, size_t num)
{
    return (struct ctl_build){
        .version = version, .updated.sec = MAKE_CATALOG_TIME, .members = members, .num_members = num};
}

/* ---- octets ---- */

/* One plain file in version 2, with "2:6.0" on the catalog. */
#define VERSION_2                                                                                            \
    "3082016706092a864886f70d010702a08201583082015402010131003082014906092b0601040182370a01a082013a30"       \
    "820136300c060a2b0601040182370c0101041000112233445566778899aabbccddeeff170d3235303630353038303034"       \
    "385a300e060a2b0601040182370c010305003081bc302a04141111111111111111111111111111111111111111311230"       \
    "10060a2b0601040182370c02033102820030818d04202222222222222222222222222222222222222222222222222222"       \
    "22222222222231693010060a2b0601040182370c0203310282003055060a2b060104018237020104314730453010060a"       \
    "2b060104018237020119a20280003031300d060960864801650304020105000420222222222222222222222222222222"       \
    "2222222222222222222222222222222222a03630343032060a2b0601040182370c0201042430221e0c004f0053004100"       \
    "7400740072020410010001040c32003a0036002e00300000003100"

/* One image in version 1, with a hint. */
#define VERSION_1                                                                                            \
    "308201ce06092a864886f70d010702a08201bf308201bb0201013100308201b006092b0601040182370a01a08201a130"       \
    "82019d300c060a2b0601040182370c0101041000112233445566778899aabbccddeeff170d3235303630353038303034"       \
    "385a300e060a2b0601040182370c010205003082015a3082015604523100310031003100310031003100310031003100"       \
    "310031003100310031003100310031003100310031003100310031003100310031003100310031003100310031003100"       \
    "31003100310031003100310000003181ff302e060a2b0601040182370c02013120301e1e0800460069006c0065020410"       \
    "010001040c61002e0073007900730000003062060a2b0601040182370c0202315430521e4c007b004300360038003900"       \
    "41004100420038002d0038004500370038002d0031003100440030002d0038004300340037002d003000300043003000"       \
    "340046004300320039003500450045007d020202003069060a2b060104018237020104315b30593034060a2b06010401"       \
    "823702010f3026030205a0a020a21e801c003c003c003c004f00620073006f006c006500740065003e003e003e302130"       \
    "0906052b0e03021a0500041411111111111111111111111111111111111111113100"

static void assert_octets(struct ctl_build *build, const char *expected)
{
    static const uint8_t id[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct made_catalog made;
    char text[2000];

    build->list_id = bytes_of(id, sizeof id);
    assert_true(make_catalog(build, &made));
    assert_string_equal(bytes_to_hex(wbuf_bytes(&made.file), text, sizeof text), expected);
    make_catalog_clear(&made);
}

static void octets(void **state)
{
    struct ctl_build_member flat = member_of(CTL_KIND_FLAT, 0x11, 0x22);
    struct ctl_build_member image = member_of(CTL_KIND_PE, 0x11, 0x22);
    struct ctl_build build = catalog_of(2, &flat, 1);

    (void)state;
    build.attributes = &os;
    build.num_attributes = 1;
    assert_octets(&build, VERSION_2);
    image.attributes = &hint;
    image.num_attributes = 1;
    build = catalog_of(1, &image, 1);
    assert_octets(&build, VERSION_1);
}

/* ---- there and back ---- */

static void assert_attribute(struct bytes *rest, const struct ctl_build_attribute *expected)
{
    struct ctl_attribute attribute;
    char text[100];

    assert_true(ctl_attribute_next(rest, &attribute));
    assert_int_equal(attribute.flags, 0x10010001);
    assert_string_equal(ctl_attribute_name(&attribute, text, sizeof text), expected->name);
    assert_string_equal(ctl_attribute_value(&attribute, text, sizeof text), expected->value);
}

static void assert_member(const struct ctl *ctl, enum digest alg, uint8_t octet, enum ctl_kind kind)
{
    uint8_t digest[DIGEST_MAX], found[DIGEST_MAX];
    struct ctl_member member;
    enum digest its;

    memset(digest, octet, sizeof digest);
    assert_int_equal(ctl_find(ctl, alg, bytes_of(digest, digest_len(alg)), &member), RC_OK);
    assert_int_equal(member.kind, kind);
    assert_int_equal(ctl_member_digest(&member, &its, found), RC_OK);
    assert_int_equal(its, alg);
    assert_memory_equal(found, digest, digest_len(alg));
    assert_int_equal(member.has_indirect, ctl->version == 1 || alg == DIGEST_SHA256);
    if (member.has_indirect) {
        assert_int_equal(member.indirect.data_type,
                         kind == CTL_KIND_PE ? OID_SPC_PE_IMAGE_DATA : OID_SPC_CAB_DATA);
        assert_true(member.indirect.data.len > 0);
    }
}

static void every_kind(void **state)
{
    const struct ctl_build_member members[] = {member_of(CTL_KIND_FLAT, 0xf0, 0x10),
                                               member_of(CTL_KIND_PE, 0x80, 0x7f),
                                               member_of(CTL_KIND_CAB, 0x00, 0xff)};
    struct made_catalog made;

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        struct ctl_build build = catalog_of(version, members, 3);

        assert_true(make_catalog(&build, &made));
        assert_int_equal(made.ctl.version, version);
        assert_int_equal(made.ctl.num, 3 * version);
        assert_int_equal(made.ctl.updated.sec, MAKE_CATALOG_TIME);
        assert_int_equal(made.ctl.list_id.len, 16);
        assert_int_equal(made.ctl.extensions.len, 0);
        assert_member(&made.ctl, DIGEST_SHA1, 0xf0, CTL_KIND_FLAT);
        assert_member(&made.ctl, DIGEST_SHA1, 0x80, CTL_KIND_PE);
        assert_member(&made.ctl, DIGEST_SHA1, 0x00, CTL_KIND_CAB);
        if (version == 2) {
            assert_member(&made.ctl, DIGEST_SHA256, 0x10, CTL_KIND_FLAT);
            assert_member(&made.ctl, DIGEST_SHA256, 0x7f, CTL_KIND_PE);
            assert_member(&made.ctl, DIGEST_SHA256, 0xff, CTL_KIND_CAB);
        }
        make_catalog_clear(&made);
    }
}

static void attributes(void **state)
{
    static const struct ctl_build_attribute list[] = {
        {"File", "tr\xc3\xa4ger \xf0\x9f\x98\x80.sys"}, {"OSAttr", "2:10.0"}, {"A", ""}};
    static const struct ctl_build_attribute whole[] = {{"OSAttr", "2:6.0"},
                                                       {"HWID1", "usb\\vid_1eaf&pid_0004"}};
    struct ctl_build_member member = member_of(CTL_KIND_FLAT, 1, 2);
    struct ctl_build build = catalog_of(2, &member, 1);
    struct ctl_member found;
    struct made_catalog made;

    (void)state;
    member.attributes = list;
    member.num_attributes = 3;
    build.attributes = whole;
    build.num_attributes = 2;
    assert_true(make_catalog(&build, &made));
    assert_attribute(&made.ctl.extensions, &whole[0]);
    assert_attribute(&made.ctl.extensions, &whole[1]);
    assert_int_equal(made.ctl.extensions.len, 0);
    while (ctl_next(&made.ctl.members, &found)) { /* the shortest comes first (X.690 11.6) */
        assert_attribute(&found.attributes, &list[2]);
        assert_attribute(&found.attributes, &list[1]);
        assert_attribute(&found.attributes, &list[0]);
        assert_false(ctl_attribute_next(&found.attributes, &(struct ctl_attribute){0}));
    }
    make_catalog_clear(&made);
}

static void bad_utf8(void **state)
{
    static const struct {
        const char *value, *read;
    } rows[] = {
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xe2\x82"
         "x",
         "\xef\xbf\xbd\xef\xbf\xbdx"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* a longer form than needed */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* half a pair */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    struct ctl_build build = catalog_of(2, NULL, 0);
    struct ctl_build_attribute given, read;
    struct made_catalog made;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        given = (struct ctl_build_attribute){"File", rows[i].value};
        read = (struct ctl_build_attribute){"File", rows[i].read};
        build.attributes = &given;
        build.num_attributes = 1;
        assert_true(make_catalog(&build, &made));
        assert_int_equal(made.ctl.num, 0);
        assert_attribute(&made.ctl.extensions, &read);
        make_catalog_clear(&made);
    }
}

/* By the octets of the tags, those of both lengths mixed; a text tag sorts as its digest does. */
static void order(void **state)
{
    const struct ctl_build_member members[] = {member_of(CTL_KIND_FLAT, 0x90, 0x30),
                                               member_of(CTL_KIND_PE, 0xa0, 0x30 + 1),
                                               member_of(CTL_KIND_CAB, 0x30, 0xff)};
    struct ctl_member member, before;
    struct made_catalog made;

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        struct ctl_build build = catalog_of(version, members, 3);

        assert_true(make_catalog(&build, &made));
        assert_true(ctl_next(&made.ctl.members, &before));
        while (ctl_next(&made.ctl.members, &member)) {
            size_t len = before.tag.len < member.tag.len ? before.tag.len : member.tag.len;
            int sign = memcmp(before.tag.data, member.tag.data, len);

            assert_true(sign < 0 || (sign == 0 && before.tag.len < member.tag.len));
            before = member;
        }
        make_catalog_clear(&made);
    }
}

/* Of members with the same digest the one given first stays. */
static void same_digest_twice(void **state)
{
    static const struct ctl_build_attribute names[] = {
        {"File", "first"}, {"File", "second"}, {"File", "third"}};
    struct ctl_build_member members[3];
    struct made_catalog made;
    struct ctl_member member;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        members[i] = member_of(CTL_KIND_FLAT, 5, 6);
        members[i].attributes = &names[i];
        members[i].num_attributes = 1;
    }
    for (unsigned version = 1; version <= 2; version++) {
        struct ctl_build build = catalog_of(version, members, 3);

        assert_true(make_catalog(&build, &made));
        assert_int_equal(made.ctl.num, version);
        while (ctl_next(&made.ctl.members, &member)) {
            assert_attribute(&member.attributes, &names[0]);
        }
        make_catalog_clear(&made);
    }
}

static void same_input_same_octets(void **state)
{
    const struct ctl_build_member members[] = {member_of(CTL_KIND_FLAT, 1, 2),
                                               member_of(CTL_KIND_FLAT, 3, 4)};
    const struct ctl_build_member turned[] = {members[1], members[0]};
    struct ctl_build builds[] = {catalog_of(2, members, 2), catalog_of(2, turned, 2),
                                 catalog_of(2, members, 1)};
    struct made_catalog made[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(make_catalog(&builds[i], &made[i]));
    }
    assert_true(bytes_equal(wbuf_bytes(&made[0].file), wbuf_bytes(&made[1].file)));
    assert_false(bytes_equal(made[0].ctl.list_id, made[2].ctl.list_id));
    for (size_t i = 0; i < 3; i++) {
        make_catalog_clear(&made[i]);
    }
}

static void times(void **state)
{
    static const int64_t list[] = {-631152000, 0, MAKE_CATALOG_TIME, 2524607999, 2524608000, 253402300799};
    struct ctl_build build = catalog_of(1, NULL, 0);
    struct made_catalog made;

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        build.updated = (struct gentime){.sec = list[i], .nsec = 999999999};
        assert_true(make_catalog(&build, &made));
        assert_int_equal(made.ctl.updated.sec, list[i]);
        assert_int_equal(made.ctl.updated.nsec, 0);
        make_catalog_clear(&made);
    }
}

/* ---- refused ---- */

static void refused(void **state)
{
    struct ctl_build_member member = member_of(CTL_KIND_FLAT, 1, 2);
    struct ctl_build build = catalog_of(2, &member, 1);
    struct wbuf out;

    (void)state;
    wbuf_init(&out, LIMIT);
    build.version = 3;
    assert_int_equal(ctl_build(&out, &build), RC_CTL_MALFORMED);
    build.version = 2;
    member.kind = CTL_KIND_UNKNOWN;
    assert_int_equal(ctl_build(&out, &build), RC_CTL_MALFORMED);
    member.kind = CTL_KIND_FLAT;
    member.num_attributes = CTL_BUILD_MAX_ATTRIBUTES + 1;
    assert_int_equal(ctl_build(&out, &build), RC_CTL_MALFORMED);
    member.num_attributes = 0;
    build.updated.sec = INT64_MAX;
    assert_int_equal(ctl_build(&out, &build), RC_TIME_RANGE);
    build.updated.sec = 0;
    assert_int_equal(out.len, 0);
    wbuf_clear(&out);
    wbuf_init(&out, 100);
    assert_int_equal(ctl_build(&out, &build), RC_TOO_LARGE);
    wbuf_clear(&out);
}

static void most_attributes(void **state)
{
    struct ctl_build_attribute list[CTL_BUILD_MAX_ATTRIBUTES];
    struct ctl_build_member member = member_of(CTL_KIND_PE, 1, 2);
    struct ctl_build build = catalog_of(2, &member, 1);
    struct made_catalog made;

    (void)state;
    for (size_t i = 0; i < CTL_BUILD_MAX_ATTRIBUTES; i++) {
        list[i] = os;
    }
    member.attributes = list;
    member.num_attributes = CTL_BUILD_MAX_ATTRIBUTES;
    assert_true(make_catalog(&build, &made));
    make_catalog_clear(&made);
}

/* ---- files ---- */

static void assert_digest(struct bytes file, const struct container_ops *ops, enum digest alg,
                          const uint8_t *found)
{
    uint8_t digest[DIGEST_MAX];

    assert_int_equal(ops ? ops->digest(file, alg, digest) : digest_compute(alg, &file, 1, digest), RC_OK);
    assert_memory_equal(found, digest, digest_len(alg));
}

static void measured(void **state)
{
    struct ctl_build_member member = {0};
    struct bytes text = bytes_str("[Version]\n");
    struct wbuf image;

    (void)state;
    assert_int_equal(ctl_build_measure(text, &member), RC_OK);
    assert_int_equal(member.kind, CTL_KIND_FLAT);
    assert_digest(text, NULL, DIGEST_SHA1, member.sha1);
    assert_digest(text, NULL, DIGEST_SHA256, member.sha256);
    assert_int_equal(ctl_build_measure(BYTES_NONE, &member), RC_OK);
    assert_digest(BYTES_NONE, NULL, DIGEST_SHA1, member.sha1);
    wbuf_init(&image, LIMIT);
    make_pe(&image, &(struct make_pe){.body_len = 5000});
    assert_int_equal(ctl_build_measure(wbuf_bytes(&image), &member), RC_OK);
    assert_int_equal(member.kind, CTL_KIND_PE);
    assert_digest(wbuf_bytes(&image), container_find("pe"), DIGEST_SHA1, member.sha1);
    assert_digest(wbuf_bytes(&image), container_find("pe"), DIGEST_SHA256, member.sha256);
    wbuf_clear(&image);
    if (!container_find("cab")) {
        assert_int_equal(ctl_build_measure(bytes_str("MSCF and so on"), &member), RC_FORMAT_UNKNOWN);
    }
}

/* Page hashes come out of the catalog as they went in, and are the image's. */
static void page_hashes(void **state)
{
    static const struct make_pe images[] = {{.body_len = 1},
                                            {.body_len = 4096},
                                            {.plus = true, .body_len = 9000},
                                            {.headers_len = 0x2200, .body_len = 100}};
    struct ctl_build_member member;
    struct made_catalog made;
    struct spc_pages pages;
    struct wbuf image, storage;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof images / sizeof images[0]; i++) {
        unsigned version = i % 2 ? 2 : 1;
        struct ctl_build build = catalog_of(version, &member, 1);
        enum digest alg = version == 1 ? DIGEST_SHA1 : DIGEST_SHA256;
        struct ctl_member found;

        member = (struct ctl_build_member){0};
        wbuf_init(&image, LIMIT);
        wbuf_init(&storage, LIMIT);
        make_pe(&image, &images[i / 2]);
        assert_int_equal(ctl_build_measure(wbuf_bytes(&image), &member), RC_OK);
        assert_int_equal(ctl_build_pages(wbuf_bytes(&image), version, &storage, &member), RC_OK);
        assert_true(make_catalog(&build, &made));
        assert_int_equal(ctl_find(&made.ctl, alg,
                                  version == 1 ? bytes_of(member.sha1, 20) : bytes_of(member.sha256, 32),
                                  &found),
                         RC_OK);
        assert_int_equal(spc_pages_parse(&found.indirect, &pages), RC_OK);
        assert_int_equal(pages.alg, alg);
        assert_int_equal(pages.num, member.pages.num);
        assert_true(bytes_equal(pages.entries, member.pages.entries));
        assert_int_equal(container_find("pe")->check_pages(wbuf_bytes(&image), &pages), RC_OK);
        image.data[image.len - 1] ^= 1;
        assert_int_equal(container_find("pe")->check_pages(wbuf_bytes(&image), &pages), RC_SPC_PAGE_HASH);
        make_catalog_clear(&made);
        wbuf_clear(&image);
        wbuf_clear(&storage);
    }
}

static void no_page_hashes(void **state)
{
    static const struct make_pe_section turned[] = {{0x400, 0x100}, {0x200, 0x100}},
                                        beyond[] = {{0x200, 0x10000}},
                                        twice[] = {{0x200, 0x100}, {0x280, 0x100}};
    static const struct make_pe bad[] = {
        {.body_len = 0x400, .sections = turned, .num_sections = 2},
        {.body_len = 0x400, .sections = beyond, .num_sections = 1},
        {.body_len = 0x400, .sections = twice, .num_sections = 2},
    };
    struct ctl_build_member member = {.kind = CTL_KIND_FLAT};
    struct wbuf image, storage;
    size_t num;

    (void)state;
    wbuf_init(&storage, LIMIT);
    assert_int_equal(ctl_build_pages(bytes_str("text"), 2, &storage, &member), RC_OK);
    assert_int_equal(member.pages.num, 0);
    assert_int_equal(pe_pages_put(bytes_str("text"), DIGEST_SHA256, &storage, &num), RC_FORMAT_MALFORMED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        wbuf_init(&image, LIMIT);
        make_pe(&image, &bad[i]);
        assert_int_equal(pe_pages_put(wbuf_bytes(&image), DIGEST_SHA256, &storage, &num),
                         RC_FORMAT_MALFORMED);
        assert_int_equal(num, 0);
        wbuf_clear(&image);
    }
    wbuf_clear(&storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets),
        cmocka_unit_test(every_kind),
        cmocka_unit_test(attributes),
        cmocka_unit_test(bad_utf8),
        cmocka_unit_test(order),
        cmocka_unit_test(same_digest_twice),
        cmocka_unit_test(same_input_same_octets),
        cmocka_unit_test(times),
        cmocka_unit_test(refused),
        cmocka_unit_test(most_attributes),
        cmocka_unit_test(measured),
        cmocka_unit_test(page_hashes),
        cmocka_unit_test(no_page_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
