/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as the list of a catalog, bare or in a SignedData. Where one is taken every walk ends at the end, all views lie inside, each
 * member is found under its digest, and a catalog built of what was read says the same when it is read again.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsclient/container/ctl_build.h"

#define LIMIT (1u << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

/* ---- walks ---- */

static size_t walk_attributes(struct bytes in, struct bytes rest)
{
    size_t num = 0, before = rest.len, len;
    struct ctl_attribute attribute;
    char text[64];

    for (; ctl_attribute_next(&rest, &attribute); num++) {
        check(rest.len < before && view_inside(in, rest));
        before = rest.len;
        check(view_inside(in, attribute.name) && view_inside(in, attribute.value));
        for (size_t size = 1; size <= sizeof text; size += 21) {
            len = strlen(ctl_attribute_name(&attribute, text, size));
            check(len < size && len <= 3 * attribute.name.len / 2);
            len = strlen(ctl_attribute_value(&attribute, text, size));
            check(len < size && len <= 3 * attribute.value.len);
        }
    }
    check(rest.len == 0);
    return num;
}

static void check_found(const struct ctl *ctl, const struct ctl_member *member)
{
    uint8_t digest[DIGEST_MAX], again[DIGEST_MAX];
    struct ctl_member found;
    enum digest alg, its;
    enum rc rc = ctl_member_digest(member, &alg, digest);

    if (rc != RC_OK) {
        check(alg == DIGEST_NONE && rc == (member->has_indirect ? RC_DIGEST_UNKNOWN : RC_CTL_MALFORMED));
        return;
    }
    check(ctl_find(ctl, alg, bytes_of(digest, digest_len(alg)), &found) == RC_OK);
    check(ctl_member_digest(&found, &its, again) == RC_OK && its == alg);
    check(memcmp(digest, again, digest_len(alg)) == 0);
}

static void check_pages(struct bytes in, const struct spc_indirect *indirect)
{
    struct spc_pages pages;

    if (spc_pages_parse(indirect, &pages) == RC_OK) {
        check(view_inside(in, pages.entries));
        check(pages.entries.len == pages.num * (4 + digest_len(pages.alg)));
    }
}

static void check_walks(struct bytes in, const struct ctl *ctl)
{
    struct bytes rest = ctl->members;
    size_t num = 0, before = rest.len;
    struct ctl_member member;

    check(view_inside(in, ctl->list_id) && view_inside(in, ctl->members) && view_inside(in, ctl->extensions));
    for (; ctl_next(&rest, &member); num++) {
        check(rest.len < before && view_inside(in, rest));
        before = rest.len;
        check(view_inside(in, member.tag) && view_inside(in, member.attributes));
        check(view_inside(in, member.indirect.data) && view_inside(in, member.indirect.digest));
        check(member.has_indirect || member.indirect.digest.len == 0);
        (void)walk_attributes(in, member.attributes);
        check_pages(in, &member.indirect);
        if (num < 64) {
            check_found(ctl, &member);
        }
    }
    check(rest.len == 0 && num == ctl->num);
    (void)walk_attributes(in, ctl->extensions);
}

/* ---- built again ---- */

#define MAX_MEMBERS 8
#define MAX_HINTS   4

struct copy {
    struct ctl_build_attribute hints[MAX_HINTS];
    char names[MAX_HINTS][64], values[MAX_HINTS][64];
};

static size_t copy_hints(struct copy *copy, struct bytes rest)
{
    struct ctl_attribute attribute;
    size_t i = 0;

    for (; i < MAX_HINTS && ctl_attribute_next(&rest, &attribute); i++) {
        copy->hints[i].name = ctl_attribute_name(&attribute, copy->names[i], sizeof copy->names[i]);
        copy->hints[i].value = ctl_attribute_value(&attribute, copy->values[i], sizeof copy->values[i]);
    }
    return i;
}

static void copy_member(struct copy *copy, const struct ctl_member *from, struct ctl_build_member *to)
{
    uint8_t digest[DIGEST_MAX];
    enum digest alg;

    to->kind = from->kind == CTL_KIND_UNKNOWN ? CTL_KIND_FLAT : from->kind;
    if (ctl_member_digest(from, &alg, digest) == RC_OK) {
        memcpy(to->sha1, digest, alg == DIGEST_SHA1 ? sizeof to->sha1 : 0);
        memcpy(to->sha256, digest, alg == DIGEST_SHA256 ? sizeof to->sha256 : 0);
    }
    if (to->kind == CTL_KIND_PE && spc_pages_parse(&from->indirect, &to->pages) != RC_OK) {
        to->pages = (struct spc_pages){0};
    }
    to->num_attributes = copy_hints(copy, from->attributes);
    to->attributes = copy->hints;
}

static void check_same_hints(struct bytes rest, const struct ctl_build_attribute *hints, size_t num)
{
    struct ctl_attribute attribute;
    size_t found = 0, i;
    char name[256], value[256];

    for (; ctl_attribute_next(&rest, &attribute); found++) {
        (void)ctl_attribute_name(&attribute, name, sizeof name);
        (void)ctl_attribute_value(&attribute, value, sizeof value);
        for (i = 0; i < num && (strcmp(hints[i].name, name) != 0 || strcmp(hints[i].value, value) != 0);
             i++) {
        }
        check(i < num);
    }
    check(found == num);
}

static void check_built(const struct ctl_build *build, const struct ctl *ctl)
{
    enum digest alg = build->version == 1 ? DIGEST_SHA1 : DIGEST_SHA256;
    struct ctl_member member;
    struct spc_pages pages;

    check(ctl->version == build->version && ctl->updated.sec == build->updated.sec);
    check(build->list_id.len == 0 || bytes_equal(ctl->list_id, build->list_id));
    check_same_hints(ctl->extensions, build->attributes, build->num_attributes);
    for (size_t i = 0; i < build->num_members; i++) {
        const struct ctl_build_member *m = &build->members[i];

        check(ctl_find(ctl, alg, bytes_of(build->version == 1 ? m->sha1 : m->sha256, digest_len(alg)),
                       &member) == RC_OK);
        if (build->num_members == 1) {
            check(member.kind == m->kind);
            check_same_hints(member.attributes, m->attributes, m->num_attributes);
            check((spc_pages_parse(&member.indirect, &pages) == RC_OK) == (m->pages.num > 0));
        }
    }
}

static void build_again(const struct ctl_build *build)
{
    struct wbuf first, second;
    struct ctl ctl;
    struct cms cms;
    enum rc rc;

    wbuf_init(&first, LIMIT);
    wbuf_init(&second, LIMIT);
    rc = ctl_build(&first, build);
    if (rc == RC_OK) {
        check(cms_parse(wbuf_bytes(&first), DER_STRICT, &cms) == RC_OK && cms.num_signers == 0);
        check(ctl_parse(cms.content_tlv, &ctl) == RC_OK);
        check_built(build, &ctl);
        check(ctl_build(&second, build) == RC_OK && bytes_equal(wbuf_bytes(&first), wbuf_bytes(&second)));
    } else {
        check(rc == RC_TIME_RANGE || rc == RC_TOO_LARGE);
    }
    wbuf_clear(&first);
    wbuf_clear(&second);
}

static void check_round_trip(const struct ctl *ctl)
{
    static struct copy copies[MAX_MEMBERS], of_list;
    struct ctl_build_member members[MAX_MEMBERS] = {{0}};
    struct ctl_build build = {.list_id = ctl->list_id, .updated = ctl->updated, .members = members};
    struct bytes rest = ctl->members;
    struct ctl_member member;

    while (build.num_members < MAX_MEMBERS && ctl_next(&rest, &member)) {
        copy_member(&copies[build.num_members], &member, &members[build.num_members]);
        build.num_members++;
    }
    build.attributes = of_list.hints;
    build.num_attributes = copy_hints(&of_list, ctl->extensions);
    for (build.version = 1; build.version <= 2; build.version++) {
        build_again(&build);
    }
}

static void check_list(struct bytes in)
{
    struct ctl ctl;
    enum rc rc = ctl_parse(in, &ctl);

    if (rc != RC_OK) {
        check(rc == RC_CTL_MALFORMED && ctl.num == 0 && ctl.members.len == 0);
        return;
    }
    check_walks(in, &ctl);
    check_round_trip(&ctl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct cms cms;

    if (cms_parse(in, DER_FOREIGN, &cms) == RC_OK && cms.has_content) {
        check_list(cms.content_tlv);
    } else {
        check_list(in);
    }
    return 0;
}
