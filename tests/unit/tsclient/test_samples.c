/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real signed PE files, in the folder that TSA_SAMPLES names, against what its MANIFEST.json says of each: digest of the file, digests and
 * order of the signatures, kinds and times of the timestamps, the old form of signature. Then each is changed and changed back.
 * Without the folder the test is skipped, and says so.
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

#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"
#include "tsclient/judge/policy.h"
#include "tsclient/report/report.h"

static const char *folder;
static json_t *manifest;

static int open_manifest(void **state)
{
    char path[4096];

    (void)state;
    folder = getenv("TSA_SAMPLES");
    if (folder && *folder) {
        (void)snprintf(path, sizeof path, "%s/MANIFEST.json", folder);
        manifest = json_load_file(path, 0, NULL);
    }
    return 0;
}

static int close_manifest(void **state)
{
    (void)state;
    json_decref(manifest);
    return 0;
}

static const char *text_of(json_t *file, const char *key)
{
    const char *text = json_string_value(json_object_get(file, key));

    return text ? text : "";
}

/* The signature's part of the text "A; ...<br>nested B; ...", or NULL behind the last. */
static bool part_of(const char *all, size_t index, char *out, size_t out_size)
{
    const char *end;

    for (; index > 0; index--) {
        all = strstr(all, "<br>");
        if (!all) {
            return false;
        }
        all += 4;
    }
    end = strstr(all, "<br>");
    (void)snprintf(out, out_size, "%.*s", (int)(end ? (size_t)(end - all) : strlen(all)), all);
    return true;
}

/* "...; sha256/sha256; cert ..." */
static void assert_digests(const char *name, const char *part, const struct spc_signature *signature)
{
    struct spc_indirect indirect;
    char expected[60];

    assert_int_equal(spc_indirect_parse(signature->cms.content, &indirect), RC_OK);
    (void)snprintf(expected, sizeof expected, "; %s/%s; ", digest_name(indirect.alg),
                   digest_name(signature->cms.signer.digest));
    if (!strstr(part, expected)) {
        fail_msg("%s: no '%s' in '%s'", name, expected, part);
    }
}

/* "...; RFC3161 2020-11-25T03:57:01Z (...)", "PKCS9 ...", "no timestamp" */
static void assert_stamp(const char *name, const char *part, const struct policy_stamp *stamp)
{
    char expected[80] = "no timestamp", time[GENTIME_TEXT_MAX];
    struct gentime whole = {.sec = stamp->report.time.sec};
    size_t len;

    if (stamp->kind != SPC_STAMP_NONE) {
        assert_true(stamp->report.has_time);
        assert_int_equal(gentime_build_iso(whole, time, &len), RC_OK);
        (void)snprintf(expected, sizeof expected, "; %s %s (%s, ",
                       stamp->kind == SPC_STAMP_LEGACY ? "PKCS9" : "RFC3161", time,
                       digest_name(stamp->report.signer.digest));
    }
    if (!strstr(part, expected)) {
        fail_msg("%s: no '%s' in '%s'", name, expected, part);
    }
    if (stamp->kind != SPC_STAMP_NONE && stamp->rc != RC_OK) {
        fail_msg("%s: the timestamp is not good: %s", name, rc_text(stamp->rc));
    }
}

static void assert_integrity(const char *name, const char *part, const struct subject *subject, size_t index)
{
    bool digest_differs = strstr(part, "**file digest differs**") != NULL;
    bool message_differs = strstr(part, "**messageDigest differs**") != NULL;
    struct reasons reasons;
    enum rc rc = policy_check_integrity(subject, index, &reasons);

    if ((rc == RC_OK) != (!digest_differs && !message_differs)) {
        fail_msg("%s: integrity is told as %s", name, rc_text(rc));
    }
    assert_int_equal(reasons_has(&reasons, REASON_DIGEST_MISMATCH), digest_differs);
    assert_int_equal(reasons_has(&reasons, REASON_BAD_SIGNATURE), message_differs);
}

static void check_signatures(json_t *file, const struct subject *subject)
{
    bool bare = strstr(text_of(file, "extra"), "bare digest") != NULL, seen_bare = false;
    const char *name = text_of(file, "file"), *all = text_of(file, "sigs");
    struct policy_file *facts = policy_read(subject);
    char part[2000];
    size_t num = 0;

    assert_non_null(facts);
    for (; num < facts->num; num++) {
        assert_true(part_of(all, num, part, sizeof part));
        assert_digests(name, part, facts->signatures[num].spc);
        assert_stamp(name, part, &facts->signatures[num].stamp);
        assert_integrity(name, part, subject, num);
        seen_bare |= facts->signatures[num].stamp.report.form == CMS_SIGNATURE_BARE_DIGEST;
    }
    assert_int_equal(seen_bare, bare);
    assert_false(part_of(all, num, part, sizeof part));
    policy_free(facts);
}

/* Takes a timestamp off, puts it back, and must find the old octets: nothing else was touched on the way. */
static void check_signature_change(const struct subject *subject, const struct spc_signature *signature,
                                   size_t index)
{
    struct container_blobs blobs = subject->blobs;
    struct bytes *blob = &blobs.list[signature->blob];
    struct spc_change change = {.index = index - signature->primary};
    struct wbuf bare, back, file;
    struct edits edits;

    wbuf_init(&bare, blob->len);
    wbuf_init(&back, blob->len + 64);
    wbuf_init(&file, subject->file.len + 4096);
    edits_init(&edits);
    assert_int_equal(spc_change(*blob, &change, &bare), RC_OK);
    assert_true(bare.len < blob->len);
    change.kind = signature->stamps[0].kind;
    change.value = signature->stamps[0].value;
    change.certificates = signature->cms.certificates; /* a legacy timestamp's had gone with it */
    assert_int_equal(spc_change(wbuf_bytes(&bare), &change, &back), RC_OK);
    assert_int_equal(back.len, blob->len);
    *blob = wbuf_bytes(&bare);
    assert_int_equal(pe_ops.put(subject->file, &blobs, &edits), RC_OK);
    assert_int_equal(edits_apply(&edits, subject->file, &file), RC_OK);
    assert_int_equal(pe_checksum_get(wbuf_bytes(&file)),
                     pe_checksum_get(subject->file) != 0 ? pe_checksum(wbuf_bytes(&file)) : 0);
    edits_clear(&edits);
    wbuf_clear(&bare);
    wbuf_clear(&back);
    wbuf_clear(&file);
}

static void check_change(const struct subject *subject)
{
    for (size_t i = 0; i < subject->spc->num; i++) {
        if (subject->spc->signatures[i].num_stamps == 1) {
            check_signature_change(subject, &subject->spc->signatures[i], i);
        }
    }
}

static void check_file(json_t *file)
{
    const char *name = text_of(file, "file");
    struct subject subject;
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    subject_open(path, &subject);
    if (strcmp(text_of(file, "sigs"), "unsigned") == 0) {
        assert_true(reasons_has(&subject.reasons, REASON_UNSIGNED));
    } else if (!subject.spc) {
        fail_msg("%s: %s", name, subject.why);
    } else {
        check_signatures(file, &subject);
        check_change(&subject);
    }
    subject_close(&subject);
}

static void real_files(void **state)
{
    size_t index, num = 0;
    json_t *file;

    (void)state;
    if (!manifest) {
        print_message("skipped: TSA_SAMPLES names no folder with a MANIFEST.json\n");
        skip();
    }
    json_array_foreach(json_object_get(manifest, "files"), index, file)
    {
        if (strncmp(text_of(file, "type"), "PE ", 3) == 0) {
            check_file(file);
            num++;
        }
    }
    assert_true(num >= 40);
    print_message("%zu files\n", num);
}

/* Turns three bits of the signature (of the file, where it has none). */
static void damage(uint8_t *copy, const struct subject *whole, uint32_t *random)
{
    bool is_signed = whole->blobs.list[0].len > 0;
    size_t start = is_signed ? (size_t)(whole->blobs.list[0].data - whole->file.data) : 0;
    size_t len = is_signed ? whole->blobs.list[0].len : whole->file.len;

    for (int i = 0; i < 3; i++) {
        *random = *random * 1664525u + 1013904223u;
        copy[start + (*random >> 8) % len] ^= (uint8_t)(1u << (*random & 7));
    }
}

/* The copy has exactly its length, so that a read past its end is seen. */
static void judge_damaged(const struct subject *whole, size_t len, const struct policy_query *query,
                          uint32_t *random)
{
    uint8_t *copy = malloc(whole->file.len);
    struct policy_file *judged;
    struct subject damaged;

    assert_non_null(copy);
    memcpy(copy, whole->file.data, whole->file.len);
    damage(copy, whole, random);
    copy = realloc(copy, len);
    assert_non_null(copy);
    subject_parse(bytes_of(copy, len), &damaged);
    judged = policy_judge(&damaged, query);
    assert_non_null(judged);
    policy_free(judged);
    subject_close(&damaged);
    free(copy);
}

/* Each small real file, cut short and with octets turned, a few times: an answer every time, and no crash. */
static void damaged_files(void **state)
{
    struct chain_anchors *anchors = chain_anchors_new();
    const struct policy_query query = {.anchors = anchors, .tsa_anchors = anchors, .at = {.sec = 1600000000}};
    struct subject whole;
    uint32_t random = 12345;
    size_t index, num = 0;
    char path[4096];
    json_t *file;

    (void)state;
    assert_non_null(anchors);
    json_array_foreach(json_object_get(manifest, "files"), index, file)
    {
        if (strncmp(text_of(file, "type"), "PE ", 3) != 0 ||
            json_integer_value(json_object_get(file, "size")) > 60000) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", folder, text_of(file, "file"));
        subject_open(path, &whole);
        for (size_t i = 0; i < 12; i++, num++) {
            judge_damaged(&whole, i % 4 == 0 ? whole.file.len - whole.file.len / 5 : whole.file.len, &query,
                          &random);
        }
        subject_close(&whole);
    }
    chain_anchors_free(anchors);
    if (!manifest) {
        print_message("skipped: TSA_SAMPLES names no folder with a MANIFEST.json\n");
        skip();
    }
    assert_true(num >= 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files),
        cmocka_unit_test(damaged_files),
    };

    return cmocka_run_group_tests(tests, open_manifest, close_manifest);
}
