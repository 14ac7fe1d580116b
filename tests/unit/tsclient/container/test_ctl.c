/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists written by hand, part by part, so that each part can be left out or broken on its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsclient/container/ctl.h"

#define LIMIT (1u << 26)

/* ---- parts, in hex ---- */

/* Hex digits; a tag's contents stand in braces, which give the length. */
#define OID_OF(last)                   "06{2b060104018237" last "}"
#define LIST                           "30{" OID_OF("0c0101") "}"
#define ID                             "04{00112233445566778899aabbccddeeff}"
#define TIME                           "17{3235303630353038303034385a}"
#define ALGORITHM_V1                   "30{" OID_OF("0c0102") "0500}"
#define ALGORITHM_V2                   "30{" OID_OF("0c0103") "0500}"
#define SHA1                           "000102030405060708090a0b0c0d0e0f10111213"
#define SHA256                         "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define ATTRIBUTE(last, values)        "30{" OID_OF(last) "31{" values "}}"
#define NAME_VALUE(name, flags, value) "30{1e{" name "}" flags "04{" value "}}"
#define FLAGS                          "020410010001"
#define FILE_HINT                      ATTRIBUTE("0c0201", NAME_VALUE("00460069006c0065", FLAGS, "61002e0073007900730000000000"))
#define INFO_PE                        ATTRIBUTE("0c0203", "8000")
#define INFO_CAB                       ATTRIBUTE("0c0203", "8100")
#define INFO_FLAT                      ATTRIBUTE("0c0203", "8200")
#define INFO_OTHER                     ATTRIBUTE("0c0203", "8300")
#define DIGEST_INFO(algorithm, digest) "30{30{06{" algorithm "}0500}04{" digest "}}"
#define SHA256_OID                     "608648016503040201"
#define FLAT_DATA                      "30{" OID_OF("020119") "a2{8000}}"
#define PE_DATA                        "30{" OID_OF("02010f") "30{030205a0a0{a2{8000}}}}"
#define INDIRECT(data, info)           ATTRIBUTE("020104", "30{" data info "}")
#define INDIRECT_FLAT                  INDIRECT(FLAT_DATA, DIGEST_INFO(SHA256_OID, SHA256))
#define INDIRECT_PE                    INDIRECT(PE_DATA, DIGEST_INFO(SHA256_OID, SHA256))
#define EXTENSION(last, value)         "30{" OID_OF(last) "04{" value "}}"
/* As MakeCat writes it for "2:6.0". */
#define OSATTR_EXTENSION                                                                                     \
    "3032060a2b0601040182370c0201042430221e0c004f00530041007400740072020410010001040c32003a0036002e00300000" \
    "00"

static void put_hex(struct wbuf *w, const char *text)
{
    size_t marks[20], depth = 0, len;
    uint8_t octet;

    while (*text) {
        if (*text == '}') {
            assert_true(depth > 0);
            der_close(w, marks[--depth]);
            text++;
            continue;
        }
        assert_int_equal(bytes_from_hex((char[]){text[0], text[1], '\0'}, &octet, 1, &len), RC_OK);
        text += 2;
        if (*text == '{') {
            assert_true(depth < sizeof marks / sizeof marks[0]);
            marks[depth++] = der_open(w, octet);
            text++;
        } else {
            wbuf_put_u8(w, octet);
        }
    }
    assert_int_equal(depth, 0);
}

struct member {
    const char *tag, *attributes;
};

static void put_member(struct wbuf *w, const struct member *m)
{
    size_t sequence = der_open(w, DER_SEQUENCE), mark = der_open(w, DER_OCTET_STRING_TAG);

    put_hex(w, m->tag);
    der_close(w, mark);
    mark = der_open(w, DER_SET);
    put_hex(w, m->attributes);
    der_close(w, mark);
    der_close(w, sequence);
}

struct list {
    const char *front; /* up to the members */
    struct member members[4];
    const char *raw_members, *extensions;
};

#define FRONT_V2 LIST ID TIME ALGORITHM_V2

static void put_list(struct wbuf *w, const struct list *list)
{
    size_t sequence, mark;

    wbuf_init(w, LIMIT);
    sequence = der_open(w, DER_SEQUENCE);
    put_hex(w, list->front);
    mark = der_open(w, DER_SEQUENCE);
    for (size_t i = 0; list->members[i].tag; i++) {
        put_member(w, &list->members[i]);
    }
    put_hex(w, list->raw_members ? list->raw_members : "");
    der_close(w, mark);
    if (list->extensions) {
        mark = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
        put_hex(w, list->extensions);
        der_close(w, mark);
    }
    der_close(w, sequence);
    assert_int_equal(wbuf_rc(w), RC_OK);
}

static uint8_t *parsed; /* what the views of the newest list point into */

/* Parses a copy of exactly the list's length, so that a read past its end is seen. */
static enum rc parse(const struct list *list, struct ctl *out)
{
    struct wbuf w;
    enum rc rc;

    free(parsed);
    put_list(&w, list);
    parsed = malloc(w.len);
    assert_non_null(parsed);
    memcpy(parsed, w.data, w.len);
    rc = ctl_parse(bytes_of(parsed, w.len), out);
    wbuf_clear(&w);
    return rc;
}

static void assert_taken(const struct list *list, struct ctl *out)
{
    assert_int_equal(parse(list, out), RC_OK);
}

/* ---- what is taken ---- */

static void whole_list(void **state)
{
    const struct list list = {.front = FRONT_V2,
                              .members = {{SHA1, INFO_FLAT}, {SHA256, INFO_FLAT FILE_HINT INDIRECT_FLAT}},
                              .extensions = "30{" OSATTR_EXTENSION "}"};
    struct ctl_attribute attribute;
    struct ctl_member member;
    struct bytes rest;
    struct ctl ctl;
    char text[40];

    (void)state;
    assert_taken(&list, &ctl);
    assert_int_equal(ctl.version, 2);
    assert_int_equal(ctl.num, 2);
    assert_int_equal(ctl.list_id.len, 16);
    assert_int_equal(ctl.updated.sec, 1749110448);
    rest = ctl.members;
    assert_true(ctl_next(&rest, &member));
    assert_int_equal(member.tag.len, 20);
    assert_int_equal(member.kind, CTL_KIND_FLAT);
    assert_false(member.has_indirect);
    assert_false(ctl_attribute_next(&member.attributes, &attribute));
    assert_true(ctl_next(&rest, &member));
    assert_true(member.has_indirect);
    assert_int_equal(member.indirect.alg, DIGEST_SHA256);
    assert_true(ctl_attribute_next(&member.attributes, &attribute));
    assert_int_equal(attribute.flags, 0x10010001);
    assert_string_equal(ctl_attribute_name(&attribute, text, sizeof text), "File");
    assert_string_equal(ctl_attribute_value(&attribute, text, sizeof text), "a.sys");
    assert_false(ctl_attribute_next(&member.attributes, &attribute));
    assert_false(ctl_next(&rest, &member));
    rest = ctl.extensions;
    assert_true(ctl_attribute_next(&rest, &attribute));
    assert_string_equal(ctl_attribute_name(&attribute, text, sizeof text), "OSAttr");
    assert_string_equal(ctl_attribute_value(&attribute, text, sizeof text), "2:6.0");
    assert_false(ctl_attribute_next(&rest, &attribute));
}

static void optional_parts(void **state)
{
    static const struct {
        const char *front;
        unsigned version;
        int64_t updated;
    } rows[] = {
        {LIST ID TIME ALGORITHM_V1, 1, 1749110448},
        {LIST TIME ALGORITHM_V2, 2, 1749110448},
        {"020100" LIST ID TIME ALGORITHM_V2, 2, 1749110448},
        {LIST ID "020105" TIME ALGORITHM_V2, 2, 1749110448},
        {LIST ID "020105" TIME TIME ALGORITHM_V2, 2, 1749110448},
        {LIST ID "18{32303235303630353038303034385a}" ALGORITHM_V2, 2, 1749110448},
        {LIST ID TIME "18{32303530303630353038303034385a}" ALGORITHM_V2, 2, 1749110448},
        {LIST ID TIME "30{06{2b0e03021a}0500}", 0, 1749110448},   /* another subject algorithm */
        {LIST ID TIME "30{" OID_OF("0c0103") "}", 2, 1749110448}, /* no NULL */
        {"30810c060a2b0601040182370c0101" ID TIME ALGORITHM_V2, 2, 1749110448}, /* a longer length form */
    };
    struct ctl ctl;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_taken(&(struct list){.front = rows[i].front, .members = {{SHA256, INFO_FLAT}}}, &ctl);
        assert_int_equal(ctl.version, rows[i].version);
        assert_int_equal(ctl.updated.sec, rows[i].updated);
        assert_int_equal(ctl.num, 1);
    }
}

static void no_members(void **state)
{
    static const uint8_t digest[20];
    struct ctl_member member;
    struct wbuf w;
    struct ctl ctl;

    (void)state;
    assert_taken(&(struct list){.front = FRONT_V2}, &ctl);
    assert_int_equal(ctl.num, 0);
    assert_false(ctl_next(&ctl.members, &member));
    /* trustedSubjects left out */
    wbuf_init(&w, LIMIT);
    put_hex(&w, "30{" FRONT_V2 "}");
    assert_int_equal(ctl_parse(wbuf_bytes(&w), &ctl), RC_OK);
    assert_int_equal(ctl.num, 0);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA1, bytes_of(digest, sizeof digest), &member), RC_NOT_FOUND);
    wbuf_clear(&w);
}

static struct ctl_member only_member(const char *tag, const char *attributes)
{
    struct ctl_member member;
    struct ctl ctl;

    assert_taken(&(struct list){.front = FRONT_V2, .members = {{tag, attributes}}}, &ctl);
    assert_true(ctl_next(&ctl.members, &member));
    assert_false(ctl_next(&ctl.members, &(struct ctl_member){0}));
    return member;
}

#define INFO_V1(guid) ATTRIBUTE("0c0202", "30{1e{" guid "}02020200}")
#define GUID_PE                                                                                              \
    "007b00430036003800390041004100420038002d0038004500370038002d0031003100440030002d0038004300340037002d"   \
    "003000300043003000340046004300320039003500450045007d"
#define GUID_CAB                                                                                             \
    "007b00430036003800390041004100420041002d0038004500370038002d0031003100440030002d0038004300340037002d"   \
    "003000300043003000340046004300320039003500450045007d"
#define GUID_FLAT                                                                                            \
    "007b00440045003300350031004100340032002d0038004500350039002d0031003100440030002d0038004300340037002d"   \
    "003000300043003000340046004300320039003500450045007d"
#define GUID_OTHER                                                                                           \
    "007b00440045003300350031004100340033002d0038004500350039002d0031003100440030002d0038004300340037002d"   \
    "003000300043003000340046004300320039003500450045007d"

static void kinds(void **state)
{
    static const struct {
        const char *attributes;
        enum ctl_kind kind;
    } rows[] = {
        {INFO_PE, CTL_KIND_PE},
        {INFO_CAB, CTL_KIND_CAB},
        {INFO_FLAT, CTL_KIND_FLAT},
        {INFO_OTHER, CTL_KIND_UNKNOWN},
        {INFO_V1(GUID_PE), CTL_KIND_PE},
        {INFO_V1(GUID_CAB), CTL_KIND_CAB},
        {INFO_V1(GUID_FLAT), CTL_KIND_FLAT},
        {INFO_V1(GUID_OTHER), CTL_KIND_UNKNOWN},
        {"", CTL_KIND_UNKNOWN},
        {INDIRECT_PE, CTL_KIND_PE},
        {INDIRECT_FLAT, CTL_KIND_UNKNOWN}, /* or a cabinet */
        {INDIRECT_PE INFO_FLAT, CTL_KIND_FLAT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(only_member(SHA256, rows[i].attributes).kind, rows[i].kind);
    }
}

/* ---- the digest that a member stands for ---- */

#define TEXT_TAG                                                                                             \
    "300030003000310030003200300033003000340030003500300036003000370030003800300039003000410030004200300043" \
    "00"                                                                                                     \
    "30004400300045003000460031003000310031003100320031003300"
#define LOWER_TEXT_TAG                                                                                       \
    "300030003000310030003200300033003000340030003500300036003000370030003800300039003000610030006200300063" \
    "00"                                                                                                     \
    "30006400300065003000660031003000310031003100320031003300"
#define UNKNOWN_DIGEST INDIRECT(FLAT_DATA, DIGEST_INFO("608648016503040208", SHA256))

/* Longer than any digest, as the signature of an MSIX package has it. */
#define PACKAGE_DIGESTS                                                                                      \
    INDIRECT(FLAT_DATA, DIGEST_INFO(SHA256_OID, "41505058"                                                   \
                                                "41585043" SHA256 "41584344" SHA256 "41584354" SHA256))

static void digests(void **state)
{
    static const struct {
        const char *tag, *attributes;
        enum rc rc;
        enum digest alg;
        const char *digest;
    } rows[] = {
        {SHA1, "", RC_OK, DIGEST_SHA1, SHA1},
        {SHA256, "", RC_OK, DIGEST_SHA256, SHA256},
        {TEXT_TAG "0000", "", RC_OK, DIGEST_SHA1, SHA1},
        {TEXT_TAG, "", RC_OK, DIGEST_SHA1, SHA1},
        {LOWER_TEXT_TAG, "", RC_OK, DIGEST_SHA1, SHA1},
        {TEXT_TAG "0100", "", RC_CTL_MALFORMED, DIGEST_NONE, ""},
        {TEXT_TAG "00", "", RC_CTL_MALFORMED, DIGEST_NONE, ""},
        {"6c006100620065006c00", "", RC_CTL_MALFORMED, DIGEST_NONE, ""}, /* a label of MakeCat's */
        {"", "", RC_CTL_MALFORMED, DIGEST_NONE, ""},
        {"6c006100620065006c00", INDIRECT_FLAT, RC_OK, DIGEST_SHA256, SHA256},
        {SHA1, INDIRECT_FLAT, RC_OK, DIGEST_SHA256, SHA256}, /* what was signed as a digest counts */
        {SHA256, UNKNOWN_DIGEST, RC_DIGEST_UNKNOWN, DIGEST_NONE, ""},
        {SHA256, PACKAGE_DIGESTS, RC_DIGEST_UNKNOWN, DIGEST_NONE, ""},
    };
    uint8_t digest[DIGEST_MAX], expected[DIGEST_MAX];
    struct ctl_member member;
    enum digest alg;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        member = only_member(rows[i].tag, rows[i].attributes);
        assert_int_equal(ctl_member_digest(&member, &alg, digest), rows[i].rc);
        assert_int_equal(alg, rows[i].alg);
        assert_int_equal(bytes_from_hex(rows[i].digest, expected, sizeof expected, &len), RC_OK);
        assert_int_equal(len, digest_len(alg));
        assert_memory_equal(digest, expected, len);
    }
}

static void text_tag_with_other_digits(void **state)
{
    static const char *const bad[] = {"4700", "2f00", "3a00", "4000", "6700", "3001"};
    uint8_t digest[DIGEST_MAX];
    struct ctl_member member;
    enum digest alg;
    char tag[200];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        strcpy(tag, TEXT_TAG "0000");
        memcpy(tag + 8, bad[i], 4);
        member = only_member(tag, "");
        assert_int_equal(ctl_member_digest(&member, &alg, digest), RC_CTL_MALFORMED);
    }
}

static void finding(void **state)
{
    const struct list list = {.front = FRONT_V2,
                              .members = {{SHA1, INFO_PE}, {SHA1, INFO_FLAT INDIRECT_FLAT}, {"00", ""}}};
    uint8_t sha1[DIGEST_MAX], sha256[DIGEST_MAX];
    struct ctl_member member;
    struct ctl ctl;
    size_t len;

    (void)state;
    assert_taken(&list, &ctl);
    assert_int_equal(bytes_from_hex(SHA1, sha1, sizeof sha1, &len), RC_OK);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA1, bytes_of(sha1, 20), &member), RC_OK);
    assert_int_equal(member.kind, CTL_KIND_PE);
    assert_int_equal(bytes_from_hex(SHA256, sha256, sizeof sha256, &len), RC_OK);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA256, bytes_of(sha256, 32), &member), RC_OK);
    assert_int_equal(member.kind, CTL_KIND_FLAT);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA1, bytes_of(sha256, 20), &member), RC_NOT_FOUND);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA256, bytes_of(sha1, 20), &member), RC_NOT_FOUND);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA512, bytes_of(sha256, 32), &member), RC_NOT_FOUND);
    assert_int_equal(ctl_find(&ctl, DIGEST_NONE, BYTES_NONE, &member), RC_NOT_FOUND);
    assert_null(member.tag.data);
}

/* ---- attributes ---- */

#define WITH_FLAGS(flags) ATTRIBUTE("0c0201", NAME_VALUE("0041", flags, "410042000000"))

static void values_of_octets(void **state)
{
    const struct ctl_attribute attribute = {.value = bytes_of("unsigned.msi\0\xff", 14)};
    char text[40];

    (void)state;
    assert_string_equal(ctl_attribute_value(&attribute, text, sizeof text),
                        "unsigned.msi\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(ctl_attribute_value(&attribute, text, 18), "unsigned.msi\xef\xbf\xbd");
    assert_string_equal(ctl_attribute_value(&attribute, text, 9), "unsigned");
    assert_string_equal(ctl_attribute_value(&attribute, text, 1), "");
}

static void flags(void **state)
{
    static const struct {
        const char *attributes;
        uint32_t flags;
    } rows[] = {
        {WITH_FLAGS("020410010001"), 0x10010001},
        {WITH_FLAGS("0204f0010001"), 0xf0010001}, /* as a signed number */
        {WITH_FLAGS("020500f0010001"), 0xf0010001},
    };
    struct ctl_attribute attribute;
    struct ctl_member member;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        member = only_member(SHA1, rows[i].attributes);
        assert_true(ctl_attribute_next(&member.attributes, &attribute));
        assert_int_equal(attribute.flags, rows[i].flags);
    }
}

static void other_attributes_are_skipped(void **state)
{
    struct ctl_attribute attribute;
    struct ctl_member member = only_member(SHA1, "30{06{2a0304}31{0500}}"
                                                 "30{06{2a0304}31{}}" INFO_PE FILE_HINT FILE_HINT);

    (void)state;
    assert_true(ctl_attribute_next(&member.attributes, &attribute));
    assert_true(ctl_attribute_next(&member.attributes, &attribute));
    assert_false(ctl_attribute_next(&member.attributes, &attribute));
}

/* ---- what is refused ---- */

static void assert_refused(const struct list *list, size_t row)
{
    struct ctl ctl = {.num = 7};
    enum rc rc = parse(list, &ctl);

    if (rc != RC_CTL_MALFORMED) {
        fail_msg("row %zu: %s", row, rc_word(rc));
    }
    assert_int_equal(ctl.num, 0);
    assert_null(ctl.members.data);
}

static void refused_fronts(void **state)
{
    static const char *const rows[] = {
        "",
        LIST,
        LIST ID,
        LIST ID TIME,
        ID TIME ALGORITHM_V2,
        "3000" ID TIME ALGORITHM_V2,                           /* no usage in it */
        "30{" OID_OF("0c0101") "0500}" ID TIME ALGORITHM_V2,   /* no OID */
        LIST ID ALGORITHM_V2,                                  /* no time */
        LIST ID "17{323530363035303830305a}" ALGORITHM_V2,     /* no seconds */
        LIST ID "17{3235313330353038303034385a}" ALGORITHM_V2, /* month 13 */
        LIST ID TIME "17{3235313330353038303034385a}" ALGORITHM_V2,
        LIST ID TIME TIME TIME ALGORITHM_V2,
        LIST ID "0200" TIME ALGORITHM_V2, /* an empty number */
        "0201ff" LIST ID TIME ALGORITHM_V2,
        LIST "020105" ID TIME ALGORITHM_V2,                   /* another order */
        LIST ID TIME "30{06{2b0601040182378c}}" ALGORITHM_V2, /* half an OID */
        LIST ID TIME "3000",
        FRONT_V2 "0500",
        LIST "24800000" TIME ALGORITHM_V2, /* an indefinite length */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_refused(&(struct list){.front = rows[i], .members = {{SHA256, INFO_FLAT}}}, i);
    }
}

static void refused_members(void **state)
{
    static const char *const rows[] = {
        "0500", /* no SEQUENCE */
        "3000", /* no tag */
        "30{0500}",
        "30{0401000500}",
        "30{04010031003100}",
        "300504010031"
        "05", /* goes beyond its end */
        "30{0401003101"
        "30}",
        "30{04010031{3000}}", /* no type */
        "30{04010031{0500}}",
        "30{04010031{30{06022a03}}}",     /* no values */
        "30{04010031{30{06022a030500}}}", /* values in no SET */
        "30{04010031{30{06022a0331000500}}}",
    };
    struct ctl ctl;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_refused(&(struct list){.front = FRONT_V2, .raw_members = rows[i]}, i);
    }
    assert_taken(&(struct list){.front = FRONT_V2, .raw_members = "30{04010031{30{06022a033100}}}"}, &ctl);
}

static void refused_attributes(void **state)
{
    static const char *const rows[] = {
        INFO_PE INFO_PE, /* said twice */
        INFO_PE INFO_FLAT,
        INFO_PE INFO_V1(GUID_PE),
        INDIRECT_FLAT INDIRECT_FLAT,
        INDIRECT_FLAT INDIRECT_PE,
        ATTRIBUTE("0c0203", ""),
        ATTRIBUTE("0c0203", "80008200"),
        ATTRIBUTE("0c0202", ""),
        ATTRIBUTE("0c0202", "3000"),
        ATTRIBUTE("0c0202", "30{1e{" GUID_PE "}}"),
        ATTRIBUTE("020104", ""),
        ATTRIBUTE("020104", "3000"),
        ATTRIBUTE("020104", "0500"),
        INDIRECT(FLAT_DATA, ""),
        INDIRECT(FLAT_DATA, DIGEST_INFO(SHA256_OID, SHA256 "00")),
        INDIRECT(FLAT_DATA, DIGEST_INFO(SHA256_OID, SHA1)),
        ATTRIBUTE("0c0201", ""),
        ATTRIBUTE("0c0201", "3000"),
        ATTRIBUTE("0c0201", NAME_VALUE("0041", FLAGS, "4100") NAME_VALUE("0041", FLAGS, "4100")),
        ATTRIBUTE("0c0201", NAME_VALUE("00", FLAGS, "4100")), /* half a character */
        ATTRIBUTE("0c0201", NAME_VALUE("0041", "", "4100")),
        WITH_FLAGS("0200"),
        WITH_FLAGS("020501f0010001"), /* no DWORD */
        WITH_FLAGS("0205fef0010001"),
        FILE_HINT "00",
        EXTENSION("0c0201", NAME_VALUE("0041", FLAGS, "4100")),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_refused(&(struct list){.front = FRONT_V2, .members = {{SHA256, ""}, {SHA256, rows[i]}}}, i);
    }
}

static void refused_extensions(void **state)
{
    static const char *const rows[] = {
        "",
        "0500",
        "30003000",
        "30{0500}",
        "30{3000}",
        "30{" EXTENSION("0c0201", "") "}",
        "30{" EXTENSION("0c0201", "3000") "}",
        "30{" FILE_HINT "}", /* a SET */
        "30{" OSATTR_EXTENSION "00}",
    };
    struct ctl ctl;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_refused(&(struct list){.front = FRONT_V2, .extensions = rows[i]}, i);
    }
    /* critical, and of another type */
    assert_taken(&(struct list){.front = FRONT_V2, .extensions = "30{30{06{2a0304}0101ff04020500}}"}, &ctl);
}

/* Each prefix of a good list, each list with an octet more. */
static void cut_and_longer(void **state)
{
    const struct list list = {.front = FRONT_V2,
                              .members = {{SHA1, INFO_FLAT}, {SHA256, INFO_FLAT FILE_HINT INDIRECT_FLAT}},
                              .extensions = "30{" OSATTR_EXTENSION "}"};
    struct wbuf w;
    struct ctl ctl;

    (void)state;
    put_list(&w, &list);
    assert_int_equal(ctl_parse(wbuf_bytes(&w), &ctl), RC_OK);
    for (size_t len = 0; len < w.len; len++) {
        uint8_t *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy, w.data, len);
        assert_int_equal(ctl_parse(bytes_of(copy, len), &ctl), RC_CTL_MALFORMED);
        free(copy);
    }
    wbuf_put_u8(&w, 0);
    assert_int_equal(ctl_parse(wbuf_bytes(&w), &ctl), RC_CTL_MALFORMED);
    wbuf_clear(&w);
}

/* As many as the largest catalogs of Windows have; what is not linear in them does not end in the time of a test. */
static void many_members(void **state)
{
    enum {
        NUM = 100000
    };
    uint8_t digest[32] = {0};
    struct ctl_member member;
    size_t list, members, mark;
    struct wbuf w;
    struct ctl ctl;

    (void)state;
    wbuf_init(&w, LIMIT);
    list = der_open(&w, DER_SEQUENCE);
    put_hex(&w, FRONT_V2);
    members = der_open(&w, DER_SEQUENCE);
    for (uint32_t i = 0; i < NUM; i++) {
        memcpy(digest, &i, sizeof i);
        mark = der_open(&w, DER_SEQUENCE);
        der_put(&w, DER_OCTET_STRING_TAG, bytes_of(digest, sizeof digest));
        size_t set = der_open(&w, DER_SET);

        put_hex(&w, INFO_FLAT FILE_HINT FILE_HINT);
        der_close(&w, set);
        der_close(&w, mark);
    }
    der_close(&w, members);
    der_close(&w, list);
    assert_int_equal(ctl_parse(wbuf_bytes(&w), &ctl), RC_OK);
    assert_int_equal(ctl.num, NUM);
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA256, bytes_of(digest, sizeof digest), &member), RC_OK);
    digest[31] = 1;
    assert_int_equal(ctl_find(&ctl, DIGEST_SHA256, bytes_of(digest, sizeof digest), &member), RC_NOT_FOUND);
    wbuf_clear(&w);
}

static int forget(void **state)
{
    (void)state;
    free(parsed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_list),
        cmocka_unit_test(optional_parts),
        cmocka_unit_test(no_members),
        cmocka_unit_test(kinds),
        cmocka_unit_test(digests),
        cmocka_unit_test(text_tag_with_other_digits),
        cmocka_unit_test(finding),
        cmocka_unit_test(values_of_octets),
        cmocka_unit_test(flags),
        cmocka_unit_test(other_attributes_are_skipped),
        cmocka_unit_test(refused_fronts),
        cmocka_unit_test(refused_members),
        cmocka_unit_test(refused_attributes),
        cmocka_unit_test(refused_extensions),
        cmocka_unit_test(cut_and_longer),
        cmocka_unit_test(many_members),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
