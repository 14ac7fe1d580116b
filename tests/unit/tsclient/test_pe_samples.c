/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes of real drivers, in the folder that TSA_SAMPLES names: as many as its MANIFEST.json says ("page hashes recomputed:
 * sha256, 47 entries, all match"), all right, and one octet turned is told by them and by the digest of the file. Without the
 * folder the test is skipped, and says so.
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

#include "tsclient/container/pe.h"
#include "tsclient/container/spc.h"
#include "tsclient/judge/subject.h"

/* "page hashes recomputed: ALG, N entries, all match" */
static bool promise_of(json_t *file, char alg[8], size_t *out_num)
{
    const char *extra = json_string_value(json_object_get(file, "extra"));
    const char *at = extra ? strstr(extra, "page hashes recomputed: ") : NULL;

    return at && sscanf(at, "page hashes recomputed: %7[a-z0-9], %zu entries, all match", alg, out_num) == 2;
}

/* Turns one octet of each page, and one of the headers: the pages differ, the file differs, and back again. */
static void turn_octets(struct bytes file, const struct spc_pages *pages, const struct spc_indirect *indirect)
{
    size_t step = 4 + digest_len(pages->alg);
    uint8_t *copy = malloc(file.len), digest[DIGEST_MAX];

    assert_non_null(copy);
    memcpy(copy, file.data, file.len);
    for (size_t i = 0; i + 1 < pages->num; i++) {
        const uint8_t *entry = pages->entries.data + i * step;
        size_t at = (entry[0] | (size_t)entry[1] << 8 | (size_t)entry[2] << 16) + 2;

        copy[at] ^= 0x01;
        assert_int_not_equal(pe_ops.check_pages(bytes_of(copy, file.len), pages), RC_OK);
        assert_int_equal(pe_ops.digest(bytes_of(copy, file.len), indirect->alg, digest), RC_OK);
        assert_memory_not_equal(digest, indirect->digest.data, indirect->digest.len);
        copy[at] ^= 0x01;
    }
    assert_int_equal(pe_ops.check_pages(bytes_of(copy, file.len), pages), RC_OK);
    assert_int_equal(pe_ops.digest(bytes_of(copy, file.len), indirect->alg, digest), RC_OK);
    assert_memory_equal(digest, indirect->digest.data, indirect->digest.len);
    free(copy);
}

static void check_file(const char *path, const char *alg, size_t num)
{
    struct spc_indirect indirect;
    struct subject subject;
    struct spc_pages pages;

    subject_open(path, &subject);
    assert_non_null(subject.spc);
    assert_int_equal(spc_indirect_parse(subject.spc->signatures[0].cms.content, &indirect), RC_OK);
    assert_int_equal(spc_pages_parse(&indirect, &pages), RC_OK);
    assert_string_equal(digest_name(pages.alg), alg);
    assert_int_equal(pages.num, num);
    assert_int_equal(pe_ops.check_pages(subject.file, &pages), RC_OK);
    turn_octets(subject.file, &pages, &indirect);
    subject_close(&subject);
}

/* Every other real file has the usual SpcPeImageData, which must not pass for a list. */
static void check_has_none(const char *path)
{
    struct spc_indirect indirect;
    struct subject subject;
    struct spc_pages pages;

    subject_open(path, &subject);
    for (size_t i = 0; subject.spc && i < subject.spc->num; i++) {
        assert_int_equal(spc_indirect_parse(subject.spc->signatures[i].cms.content, &indirect), RC_OK);
        assert_int_equal(spc_pages_parse(&indirect, &pages), RC_NOT_FOUND);
    }
    subject_close(&subject);
}

static void real_page_hashes(void **state)
{
    const char *folder = getenv("TSA_SAMPLES");
    size_t index, num, num_with = 0, num_without = 0;
    char path[4096], alg[8];
    json_t *manifest, *file;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/MANIFEST.json", folder ? folder : "");
    manifest = folder ? json_load_file(path, 0, NULL) : NULL;
    if (!manifest) {
        print_message("skipped: TSA_SAMPLES names no folder with a MANIFEST.json\n");
        skip();
    }
    json_array_foreach(json_object_get(manifest, "files"), index, file)
    {
        const char *type = json_string_value(json_object_get(file, "type"));

        if (!type || strncmp(type, "PE ", 3) != 0) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", folder, json_string_value(json_object_get(file, "file")));
        if (promise_of(file, alg, &num)) {
            check_file(path, alg, num);
            num_with++;
        } else {
            check_has_none(path);
            num_without++;
        }
    }
    json_decref(manifest);
    print_message("%zu files with page hashes, %zu without\n", num_with, num_without);
    assert_true(num_with >= 3 && num_without >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_page_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
