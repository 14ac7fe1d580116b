/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real catalogs, in the folder that TSA_SAMPLES names: each is read whole; which files of its folder it lists is what MANIFEST.json
 * says; and a member that we write for such a file has the octets of Microsoft's. Without the folder the test is skipped, and says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/tsclient/make_catalog.h"
#include "tsa/base/safefile.h"
#include "tsclient/package/membership.h"

#define MAX_CATALOGS 32
#define LIMIT        (1u << 26)

struct catalog {
    const char *name; /* "folder/file" */
    struct safefile_map map;
    struct ctl ctl;
};

static const char *folder;
static json_t *manifest;
static struct catalog catalogs[MAX_CATALOGS];
static size_t num_catalogs;

static const char *text_of(json_t *file, const char *key)
{
    const char *text = json_string_value(json_object_get(file, key));

    return text ? text : "";
}

static struct bytes open_file(const char *name, struct safefile_map *map)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (safefile_map_open(path, map) != RC_OK) {
        fail_msg("%s: %s", name, safefile_error_text());
    }
    return map->bytes;
}

static void open_catalog(const char *name)
{
    struct catalog *catalog = &catalogs[num_catalogs++];
    const struct container_ops *ops;
    struct bytes file;
    struct cms cms;
    enum rc rc;

    assert_true(num_catalogs <= MAX_CATALOGS);
    catalog->name = name;
    file = open_file(name, &catalog->map);
    ops = container_detect(file);
    assert_non_null(ops);
    assert_string_equal(ops->name, "cat");
    rc = cms_parse(file, DER_FOREIGN, &cms);
    if (rc == RC_OK) {
        rc = ctl_parse(cms.content_tlv, &catalog->ctl);
    }
    if (rc != RC_OK) {
        fail_msg("%s: %s", name, rc_text(rc));
    }
}

static int open_all(void **state)
{
    char path[4096];
    json_t *file;
    size_t index;

    (void)state;
    folder = getenv("TSA_SAMPLES");
    if (folder && *folder) {
        (void)snprintf(path, sizeof path, "%s/MANIFEST.json", folder);
        manifest = json_load_file(path, 0, NULL);
    }
    json_array_foreach(json_object_get(manifest, "files"), index, file)
    {
        if (strcmp(text_of(file, "type"), "catalog") == 0) {
            open_catalog(text_of(file, "file"));
        }
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < num_catalogs; i++) {
        safefile_map_close(&catalogs[i].map);
    }
    json_decref(manifest);
    return 0;
}

static void need_samples(void)
{
    if (!manifest) {
        print_message("skipped: TSA_SAMPLES names no folder with a MANIFEST.json\n");
        skip();
    }
}

/* ---- every catalog ---- */

static void assert_attributes(struct bytes rest)
{
    struct ctl_attribute attribute;
    char name[200], value[4000];

    while (ctl_attribute_next(&rest, &attribute)) {
        assert_int_equal(strlen(ctl_attribute_name(&attribute, name, sizeof name)), attribute.name.len / 2);
        (void)ctl_attribute_value(&attribute, value, sizeof value);
        assert_int_equal(strlen(value), attribute.flags & CTL_ATTRIBUTE_TEXT ? attribute.value.len / 2 - 1
                                                                             : attribute.value.len);
    }
    assert_int_equal(rest.len, 0);
}

static void assert_catalog(const struct catalog *catalog)
{
    struct bytes rest = catalog->ctl.members;
    uint8_t digest[DIGEST_MAX], tag[DIGEST_MAX];
    struct ctl_member member, bare;
    enum digest alg, by_tag;
    size_t num = 0;

    assert_in_range(catalog->ctl.version, 1, 2);
    assert_int_equal(catalog->ctl.list_id.len, 16);
    for (; ctl_next(&rest, &member); num++) {
        assert_int_not_equal(member.kind, CTL_KIND_UNKNOWN);
        assert_int_equal(ctl_member_digest(&member, &alg, digest), RC_OK);
        bare = (struct ctl_member){.tag = member.tag};
        assert_int_equal(ctl_member_digest(&bare, &by_tag, tag), RC_OK);
        assert_int_equal(alg, by_tag);
        assert_memory_equal(digest, tag, digest_len(alg));
        assert_attributes(member.attributes);
    }
    assert_int_equal(rest.len, 0);
    assert_int_equal(num, catalog->ctl.num);
    assert_true(num > 0);
    assert_attributes(catalog->ctl.extensions);
}

static void every_catalog(void **state)
{
    (void)state;
    need_samples();
    for (size_t i = 0; i < num_catalogs; i++) {
        assert_catalog(&catalogs[i]);
    }
    assert_true(num_catalogs >= 14);
    print_message("%zu catalogs\n", num_catalogs);
}

/* ---- which files they list ---- */

static const struct catalog *catalog_of(const char *file, const char *name, size_t name_len)
{
    size_t folder_len = (size_t)(strrchr(file, '/') + 1 - file);

    for (size_t i = 0; i < num_catalogs; i++) {
        if (strncmp(catalogs[i].name, file, folder_len) == 0 &&
            strlen(catalogs[i].name) == folder_len + name_len &&
            strncmp(catalogs[i].name + folder_len, name, name_len) == 0) {
            return &catalogs[i];
        }
    }
    fail_msg("%s: no catalog %.*s", file, (int)name_len, name);
    return NULL;
}

/* "listed (sha1, sha256)", "listed (sha1)", "NOT listed" */
static void assert_listed(const char *name, const struct catalog *catalog, const char *fact)
{
    struct safefile_map map;
    struct membership found;
    struct bytes file = open_file(name, &map);
    enum rc rc = membership_find(&catalog->ctl, file, &found);

    if (strncmp(fact, "NOT listed", 10) == 0) {
        assert_int_equal(rc, RC_NOT_FOUND);
        assert_true(found.listed_with_crlf);
    } else {
        if (rc != RC_OK) {
            fail_msg("%s: %s", name, rc_text(rc));
        }
        assert_string_equal(digest_name(found.alg),
                            strncmp(fact, "listed (sha1)", 13) == 0 ? "sha1" : "sha256");
        assert_int_equal(found.by_image, found.member.kind == CTL_KIND_PE);
    }
    safefile_map_close(&map);
}

/* "...; inf.cat: listed (sha1); inf2.cat: listed (sha1, sha256)" */
static size_t check_facts(json_t *entry)
{
    const char *name = text_of(entry, "file"), *extra = text_of(entry, "extra"), *at = extra, *start;
    size_t num = 0;

    while ((at = strstr(at, ".cat: ")) != NULL) {
        at += 4;
        for (start = at; start > extra && start[-1] != ' '; start--) {
        }
        assert_listed(name, catalog_of(name, start, (size_t)(at - start)), at + 2);
        num++;
    }
    return num;
}

static void listed_files(void **state)
{
    size_t index, num = 0;
    json_t *entry;

    (void)state;
    need_samples();
    json_array_foreach(json_object_get(manifest, "files"), index, entry)
    {
        num += check_facts(entry);
    }
    assert_true(num >= 20);
    print_message("%zu facts\n", num);
}

/* ---- our members against Microsoft's ---- */

struct rebuilt {
    struct ctl_build_member member;
    struct ctl_build_attribute attributes[CTL_BUILD_MAX_ATTRIBUTES];
    char names[CTL_BUILD_MAX_ATTRIBUTES][64], values[CTL_BUILD_MAX_ATTRIBUTES][256];
    struct wbuf pages;
};

/* False where one is not of the usual flags. */
static bool take_hints(struct rebuilt *r, struct bytes attributes)
{
    struct ctl_attribute attribute;
    size_t i = 0;

    for (; ctl_attribute_next(&attributes, &attribute); i++) {
        assert_true(i < CTL_BUILD_MAX_ATTRIBUTES);
        if (attribute.flags != 0x10010001) {
            return false;
        }
        r->attributes[i].name = ctl_attribute_name(&attribute, r->names[i], sizeof r->names[i]);
        r->attributes[i].value = ctl_attribute_value(&attribute, r->values[i], sizeof r->values[i]);
    }
    r->member.attributes = r->attributes;
    r->member.num_attributes = i;
    return true;
}

/* The member of that tag, whole; empty when there is none. */
static struct bytes member_at(const struct ctl *ctl, struct bytes tag)
{
    struct bytes rest = ctl->members, before = rest;
    struct ctl_member member;

    while (ctl_next(&rest, &member)) {
        if (bytes_equal(member.tag, tag)) {
            return bytes_of(before.data, before.len - rest.len);
        }
        before = rest;
    }
    return BYTES_NONE;
}

/* Some tools name nothing where older ones, and ours in version 1, name "<<<Obsolete>>>". */
static bool names_nothing(const struct ctl_member *member)
{
    return !memchr(member->indirect.data.data, '<', member->indirect.data.len);
}

static size_t compare_members(const struct catalog *catalog, const struct made_catalog *made)
{
    struct bytes rest = made->ctl.members, before = rest, real;
    struct ctl_member member;
    size_t num = 0;

    for (; ctl_next(&rest, &member); before = rest) {
        real = member_at(&catalog->ctl, member.tag);
        /* MakeCat leaves a twin without hints, others give it those of the member. */
        if (member.has_indirect || real.len == before.len - rest.len) {
            assert_int_equal(real.len, before.len - rest.len);
            assert_memory_equal(real.data, before.data, real.len);
            num++;
        }
    }
    return num;
}

static size_t rebuild(const struct catalog *catalog, struct bytes file)
{
    struct ctl_build build = {.version = catalog->ctl.version, .num_members = 1};
    struct membership found;
    struct made_catalog made;
    struct rebuilt r = {0};
    struct spc_pages pages;
    size_t num = 0;

    if (membership_find(&catalog->ctl, file, &found) != RC_OK ||
        (build.version == 1 && names_nothing(&found.member))) {
        return 0;
    }
    assert_int_equal(ctl_build_measure(file, &r.member), RC_OK);
    wbuf_init(&r.pages, LIMIT);
    if (spc_pages_parse(&found.member.indirect, &pages) == RC_OK) {
        assert_int_equal(ctl_build_pages(file, build.version, &r.pages, &r.member), RC_OK);
        assert_true(bytes_equal(r.member.pages.entries, pages.entries));
    }
    build.members = &r.member;
    if (take_hints(&r, found.member.attributes)) {
        assert_true(make_catalog(&build, &made));
        num = compare_members(catalog, &made);
        make_catalog_clear(&made);
    }
    wbuf_clear(&r.pages);
    return num;
}

static void members_have_their_octets(void **state)
{
    size_t index, num = 0;
    json_t *entry;

    (void)state;
    need_samples();
    json_array_foreach(json_object_get(manifest, "files"), index, entry)
    {
        const char *name = text_of(entry, "file");
        size_t folder_len = (size_t)(strrchr(name, '/') + 1 - name);
        struct safefile_map map;

        for (size_t i = 0; i < num_catalogs; i++) {
            if (strncmp(catalogs[i].name, name, folder_len) == 0) {
                num += rebuild(&catalogs[i], open_file(name, &map));
                safefile_map_close(&map);
            }
        }
    }
    print_message("%zu members\n", num);
    assert_true(num >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_catalog),
        cmocka_unit_test(listed_files),
        cmocka_unit_test(members_have_their_octets),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
