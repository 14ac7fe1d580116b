/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes catalogs (Microsoft, MakeCat; "Windows Authenticode Portable Executable Signature Format" for the indirect data). The
 * order is theirs: members by the octets of their tags, attributes in the order of DER.
 */
#include "tsclient/container/ctl_build.h"

#include <stdlib.h>
#include <string.h>

#include "tsclient/container/container.h"
#include "tsclient/container/pe.h"
#include "tsclient/container/utf16.h"

#define LIST_ID_LEN 16
#define FLAGS       0x10010001 /* authenticated, plain text, name and value */
#define INFO_V1     0x200      /* the version that MakeCat writes into the member information */

/* ---- attributes ---- */

static void put_name_value(struct wbuf *w, const struct ctl_build_attribute *attribute)
{
    size_t sequence = der_open(w, DER_SEQUENCE), mark;

    mark = der_open(w, DER_BMP_STRING_TAG);
    utf16_put(w, attribute->name, UTF16_BE);
    der_close(w, mark);
    der_put_uint(w, DER_INTEGER_TAG, FLAGS);
    mark = der_open(w, DER_OCTET_STRING_TAG);
    utf16_put(w, attribute->value, UTF16_LE);
    wbuf_put(w, bytes_of("\0", 2));
    der_close(w, mark);
    der_close(w, sequence);
}

static void put_info(struct wbuf *w, enum ctl_kind kind)
{
    static const char *const guids[] = {[CTL_KIND_PE] = "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}",
                                        [CTL_KIND_CAB] = "{C689AABA-8E78-11D0-8C47-00C04FC295EE}",
                                        [CTL_KIND_FLAT] = "{DE351A42-8E59-11D0-8C47-00C04FC295EE}"};
    size_t sequence = der_open(w, DER_SEQUENCE), mark = der_open(w, DER_BMP_STRING_TAG);

    utf16_put(w, guids[kind], UTF16_BE);
    der_close(w, mark);
    der_put_uint(w, DER_INTEGER_TAG, INFO_V1);
    der_close(w, sequence);
}

static void put_info_v2(struct wbuf *w, enum ctl_kind kind)
{
    static const uint8_t choices[] = {
        [CTL_KIND_PE] = DER_CONTEXT(0), [CTL_KIND_CAB] = DER_CONTEXT(1), [CTL_KIND_FLAT] = DER_CONTEXT(2)};

    der_put(w, choices[kind], BYTES_NONE);
}

/* SpcLink { [2] file { [0] unicode } }: a place where nothing is named, which older tools fill with a word. */
static void put_empty_link(struct wbuf *w, unsigned version)
{
    size_t file = der_open(w, DER_CONTEXT_CONSTRUCTED(2)), mark = der_open(w, DER_CONTEXT(0));

    if (version == 1) {
        utf16_put(w, "<<<Obsolete>>>", UTF16_BE);
    }
    der_close(w, mark);
    der_close(w, file);
}

/* SpcLink { [1] moniker { class, serialized data } } with SET { SEQUENCE { version, SET { hashes } } } in it. */
static void put_pages(struct wbuf *w, const struct spc_pages *pages)
{
    static const uint8_t class_id[16] = {0xa6, 0xb5, 0x86, 0xd5, 0xb4, 0xa1, 0x24, 0x66,
                                         0xae, 0x05, 0xa2, 0x17, 0xda, 0x8e, 0x60, 0xd6};
    size_t moniker = der_open(w, DER_CONTEXT_CONSTRUCTED(1)), data, set, version, hashes;

    der_put(w, DER_OCTET_STRING_TAG, bytes_of(class_id, sizeof class_id));
    data = der_open(w, DER_OCTET_STRING_TAG);
    set = der_open(w, DER_SET);
    version = der_open(w, DER_SEQUENCE);
    oid_put(w, pages->alg == DIGEST_SHA1 ? OID_SPC_PAGE_HASH_V1 : OID_SPC_PAGE_HASH_V2);
    hashes = der_open(w, DER_SET);
    der_put(w, DER_OCTET_STRING_TAG, pages->entries);
    der_close(w, hashes);
    der_close(w, version);
    der_close(w, set);
    der_close(w, data);
    der_close(w, moniker);
}

/* SpcPeImageData { flags, [0] file }; the flags are those that every tool writes, and none reads. */
static void put_image_data(struct wbuf *w, unsigned version, const struct spc_pages *pages)
{
    size_t sequence = der_open(w, DER_SEQUENCE), file;

    der_put(w, DER_BIT_STRING_TAG, bytes_of("\x05\xa0", 2));
    file = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    if (pages->num > 0) {
        put_pages(w, pages);
    } else {
        put_empty_link(w, version);
    }
    der_close(w, file);
    der_close(w, sequence);
}

static struct bytes digest_of(const struct ctl_build_member *member, enum digest alg)
{
    return bytes_of(alg == DIGEST_SHA1 ? member->sha1 : member->sha256, digest_len(alg));
}

/* SpcIndirectDataContent { data { type, value }, DigestInfo } */
static void put_indirect(struct wbuf *w, unsigned version, const struct ctl_build_member *member)
{
    enum digest alg = version == 1 ? DIGEST_SHA1 : DIGEST_SHA256;
    size_t sequence = der_open(w, DER_SEQUENCE), mark = der_open(w, DER_SEQUENCE);

    if (member->kind == CTL_KIND_PE) {
        oid_put(w, OID_SPC_PE_IMAGE_DATA);
        put_image_data(w, version, &member->pages);
    } else {
        oid_put(w, OID_SPC_CAB_DATA);
        put_empty_link(w, version);
    }
    der_close(w, mark);
    mark = der_open(w, DER_SEQUENCE);
    digest_put_algorithm(w, alg, true);
    der_put(w, DER_OCTET_STRING_TAG, digest_of(member, alg));
    der_close(w, mark);
    der_close(w, sequence);
}

/* ---- members ---- */

struct subject {
    const struct ctl_build_member *member;
    enum digest alg;
    bool has_indirect;
};

struct writer {
    const struct ctl_build *build;
    struct wbuf scratch; /* the attributes of one member, which are put into order before they are written */
    size_t starts[CTL_BUILD_MAX_ATTRIBUTES + 3];
    size_t num;
    size_t mark[2];
};

static void open_attribute(struct writer *writer, enum oid type)
{
    writer->starts[writer->num++] = writer->scratch.len;
    writer->mark[0] = der_open(&writer->scratch, DER_SEQUENCE);
    oid_put(&writer->scratch, type);
    writer->mark[1] = der_open(&writer->scratch, DER_SET);
}

static void close_attribute(struct writer *writer)
{
    der_close(&writer->scratch, writer->mark[1]);
    der_close(&writer->scratch, writer->mark[0]);
}

static void collect_attributes(struct writer *writer, const struct subject *subject)
{
    unsigned version = writer->build->version;

    wbuf_reset(&writer->scratch);
    writer->num = 0;
    for (size_t i = 0; i < subject->member->num_attributes; i++) {
        open_attribute(writer, OID_CATALOG_NAME_VALUE);
        put_name_value(&writer->scratch, &subject->member->attributes[i]);
        close_attribute(writer);
    }
    open_attribute(writer, version == 1 ? OID_CATALOG_MEMBER_INFO : OID_CATALOG_MEMBER_INFO_V2);
    (version == 1 ? put_info : put_info_v2)(&writer->scratch, subject->member->kind);
    close_attribute(writer);
    if (subject->has_indirect) {
        open_attribute(writer, OID_SPC_INDIRECT_DATA);
        put_indirect(&writer->scratch, version, subject->member);
        close_attribute(writer);
    }
    writer->starts[writer->num] = writer->scratch.len;
}

static void put_tag(struct wbuf *w, unsigned version, const struct subject *subject)
{
    struct bytes digest = digest_of(subject->member, subject->alg);
    size_t mark = der_open(w, DER_OCTET_STRING_TAG);

    if (version == 1) {
        for (size_t i = 0; i < 2 * digest.len; i++) {
            wbuf_put_u8(w, (uint8_t) "0123456789ABCDEF"[digest.data[i / 2] >> (i % 2 ? 0 : 4) & 0xf]);
            wbuf_put_u8(w, 0);
        }
        wbuf_put(w, bytes_of("\0", 2));
    } else {
        wbuf_put(w, digest);
    }
    der_close(w, mark);
}

static void put_subject(struct wbuf *w, struct writer *writer, const struct subject *subject)
{
    struct bytes items[CTL_BUILD_MAX_ATTRIBUTES + 2];
    size_t mark = der_open(w, DER_SEQUENCE);

    collect_attributes(writer, subject);
    if (wbuf_rc(&writer->scratch) != RC_OK) {
        wbuf_fail(w, wbuf_rc(&writer->scratch));
        return;
    }
    for (size_t i = 0; i < writer->num; i++) {
        items[i] =
            bytes_of(writer->scratch.data + writer->starts[i], writer->starts[i + 1] - writer->starts[i]);
    }
    put_tag(w, writer->build->version, subject);
    der_put_set_of(w, DER_SET, items, writer->num);
    der_close(w, mark);
}

static int compare_tags(const struct subject *a, const struct subject *b)
{
    size_t a_len = digest_len(a->alg), b_len = digest_len(b->alg), len = a_len < b_len ? a_len : b_len;
    int order = memcmp(digest_of(a->member, a->alg).data, digest_of(b->member, b->alg).data, len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* For qsort, which is not stable: of equal tags the member given first comes first. */
static int compare_subjects(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    int order = compare_tags(x, y);

    return order ? order : (x->member > y->member) - (x->member < y->member);
}

static size_t list_subjects(const struct ctl_build *build, struct subject *out)
{
    size_t num = 0;

    for (size_t i = 0; i < build->num_members; i++) {
        if (build->version == 2) {
            out[num++] = (struct subject){&build->members[i], DIGEST_SHA256, true};
        }
        out[num++] = (struct subject){&build->members[i], DIGEST_SHA1, build->version == 1};
    }
    qsort(out, num, sizeof *out, compare_subjects);
    return num;
}

static void put_members(struct wbuf *w, const struct ctl_build *build)
{
    struct subject *subjects = calloc(2 * build->num_members + 1, sizeof *subjects);
    struct writer writer = {.build = build};
    size_t mark = der_open(w, DER_SEQUENCE), num;

    if (!subjects) {
        wbuf_fail(w, RC_NO_MEMORY);
        return;
    }
    num = list_subjects(build, subjects);
    wbuf_init(&writer.scratch, w->limit);
    for (size_t i = 0; i < num; i++) {
        if (i == 0 || compare_tags(&subjects[i - 1], &subjects[i]) != 0) {
            put_subject(w, &writer, &subjects[i]);
        }
    }
    wbuf_clear(&writer.scratch);
    free(subjects);
    der_close(w, mark);
}

/* ---- the list ---- */

static void put_time(struct wbuf *w, struct gentime t)
{
    struct gentime whole = {.sec = t.sec};
    char text[GENTIME_TEXT_MAX];
    uint8_t tag = DER_UTC_TIME_TAG;
    enum rc rc;
    size_t len;

    rc = gentime_build_utc(whole, text, &len);
    if (rc == RC_TIME_RANGE) { /* from 2050 on (RFC 5652 11.3) */
        tag = DER_GENERALIZED_TIME_TAG;
        rc = gentime_build(whole, text, &len);
    }
    if (rc != RC_OK) {
        wbuf_fail(w, rc);
        return;
    }
    der_put(w, tag, bytes_of(text, len));
}

static void put_extensions(struct wbuf *w, const struct ctl_build *build)
{
    size_t context = der_open(w, DER_CONTEXT_CONSTRUCTED(0)), list = der_open(w, DER_SEQUENCE);

    for (size_t i = 0; i < build->num_attributes; i++) {
        size_t extension = der_open(w, DER_SEQUENCE), mark;

        oid_put(w, OID_CATALOG_NAME_VALUE);
        mark = der_open(w, DER_OCTET_STRING_TAG);
        put_name_value(w, &build->attributes[i]);
        der_close(w, mark);
        der_close(w, extension);
    }
    der_close(w, list);
    der_close(w, context);
}

/* What stands behind the list identifier. */
static void put_rest(struct wbuf *w, const struct ctl_build *build)
{
    size_t mark;

    put_time(w, build->updated);
    mark = der_open(w, DER_SEQUENCE);
    oid_put(w, build->version == 1 ? OID_CATALOG_MEMBER : OID_CATALOG_MEMBER_V2);
    der_put_null(w);
    der_close(w, mark);
    put_members(w, build);
    if (build->num_attributes > 0) {
        put_extensions(w, build);
    }
}

static void put_list(struct wbuf *w, struct bytes list_id, struct bytes rest)
{
    size_t list = der_open(w, DER_SEQUENCE), usage = der_open(w, DER_SEQUENCE);

    oid_put(w, OID_CATALOG_LIST);
    der_close(w, usage);
    der_put(w, DER_OCTET_STRING_TAG, list_id);
    wbuf_put(w, rest);
    der_close(w, list);
}

/* ContentInfo { signedData, [0] SignedData { 1, {}, ContentInfo { certTrustList, [0] list }, {} } } */
static void put_signed_data(struct wbuf *w, struct bytes list_id, struct bytes rest)
{
    size_t info = der_open(w, DER_SEQUENCE), outer, signed_data, content, inner;

    oid_put(w, OID_SIGNED_DATA);
    outer = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    signed_data = der_open(w, DER_SEQUENCE);
    der_put_uint(w, DER_INTEGER_TAG, 1);
    der_put(w, DER_SET, BYTES_NONE);
    content = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_CTL);
    inner = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    put_list(w, list_id, rest);
    der_close(w, inner);
    der_close(w, content);
    der_put(w, DER_SET, BYTES_NONE);
    der_close(w, signed_data);
    der_close(w, outer);
    der_close(w, info);
}

static bool is_sound(const struct ctl_build *build)
{
    bool ok = build->version == 1 || build->version == 2;

    for (size_t i = 0; ok && i < build->num_members; i++) {
        ok = build->members[i].kind != CTL_KIND_UNKNOWN &&
             build->members[i].num_attributes <= CTL_BUILD_MAX_ATTRIBUTES;
    }
    return ok;
}

enum rc ctl_build(struct wbuf *out, const struct ctl_build *build)
{
    uint8_t digest[DIGEST_MAX];
    struct bytes list_id = build->list_id, body;
    struct wbuf rest;
    enum rc rc;

    if (!is_sound(build)) {
        return RC_CTL_MALFORMED;
    }
    wbuf_init(&rest, out->limit);
    put_rest(&rest, build);
    rc = wbuf_rc(&rest);
    if (rc != RC_OK) {
        goto out;
    }
    body = wbuf_bytes(&rest);
    if (list_id.len == 0) {
        rc = digest_compute(DIGEST_SHA256, &body, 1, digest);
        list_id = bytes_of(digest, LIST_ID_LEN);
    }
    if (rc == RC_OK) {
        put_signed_data(out, list_id, body);
        rc = wbuf_rc(out);
    }
out:
    wbuf_clear(&rest);
    return rc;
}

/* ---- files ---- */

/* The formats whose members Windows knows by the digest that their signatures cover; of all others it takes all octets. */
static enum ctl_kind kind_of(const struct container_ops *ops)
{
    return !ops || !ops->digest            ? CTL_KIND_FLAT
           : strcmp(ops->name, "pe") == 0  ? CTL_KIND_PE
           : strcmp(ops->name, "cab") == 0 ? CTL_KIND_CAB
                                           : CTL_KIND_FLAT;
}

static enum rc measure(const struct container_ops *ops, struct bytes file, enum digest alg, uint8_t *out)
{
    uint8_t digest[DIGEST_MAX];
    enum rc rc = ops ? ops->digest(file, alg, digest) : digest_compute(alg, &file, 1, digest);

    if (rc == RC_OK) {
        memcpy(out, digest, digest_len(alg));
    }
    return rc;
}

enum rc ctl_build_measure(struct bytes file, struct ctl_build_member *out)
{
    const struct container_ops *ops = container_detect(file);
    enum rc rc;

    *out = (struct ctl_build_member){.kind = kind_of(ops)};
    if (out->kind == CTL_KIND_FLAT) {
        if (bytes_starts_with(file, bytes_str("MSCF"))) {
            return RC_FORMAT_UNKNOWN;
        }
        ops = NULL;
    }
    rc = measure(ops, file, DIGEST_SHA1, out->sha1);
    return rc == RC_OK ? measure(ops, file, DIGEST_SHA256, out->sha256) : rc;
}

enum rc ctl_build_pages(struct bytes file, unsigned version, struct wbuf *storage,
                        struct ctl_build_member *out)
{
    enum digest alg = version == 1 ? DIGEST_SHA1 : DIGEST_SHA256;
    size_t num;
    enum rc rc;

    if (out->kind != CTL_KIND_PE) {
        return RC_OK;
    }
    rc = pe_pages_put(file, alg, storage, &num);
    if (rc == RC_OK) {
        out->pages = (struct spc_pages){.alg = alg, .entries = wbuf_bytes(storage), .num = num};
    }
    return rc;
}
