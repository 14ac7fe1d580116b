/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures whose file stands elsewhere, and page hashes: a PE signature taken out of its file, a detached one, those nested in a
 * catalog; each with the right file, another one, and none. All in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_catalog.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"
#include "tsclient/judge/policy.h"

#define LIMIT (1u << 20)

static struct made_cert signer;
static struct wbuf image, changed_image;
static uint8_t image_digest[DIGEST_MAX];
static const uint8_t text[] = "what was signed\n";

static int make_files(void **state)
{
    const struct make_pe m = {.plus = true, .body_len = 9000, .seed = 5};

    (void)state;
    signer = make_cert(&(struct make_cert){.name = "Signer", .from = 1577836800, .to = 1893456000});
    wbuf_init(&image, LIMIT);
    wbuf_init(&changed_image, LIMIT);
    make_pe(&image, &m);
    wbuf_put(&changed_image, wbuf_bytes(&image));
    changed_image.data[5000] ^= 1;
    return pe_ops.digest(wbuf_bytes(&image), DIGEST_SHA256, image_digest) == RC_OK ? 0 : -1;
}

static int free_files(void **state)
{
    (void)state;
    made_cert_clear(&signer);
    wbuf_clear(&image);
    wbuf_clear(&changed_image);
    return 0;
}

/* A blob by the one signer; the test frees it by wbuf_clear. */
static struct wbuf sign(struct make_signature m)
{
    struct bytes cert = made_cert_der(&signer);
    struct wbuf blob;

    m.signer = &signer;
    m.certs = &cert;
    m.num_certs = 1;
    wbuf_init(&blob, LIMIT);
    make_signature(&blob, &m);
    return blob;
}

static struct wbuf sign_image(void)
{
    return sign((struct make_signature){.file_digest = bytes_of(image_digest, 32)});
}

static struct wbuf sign_detached(void)
{
    return sign((struct make_signature){
        .content_type = OID_DATA, .content = bytes_of(text, sizeof text - 1), .detached = true});
}

static void put_in_image(struct bytes blob, struct wbuf *out)
{
    struct edits edits;

    wbuf_init(out, LIMIT);
    edits_init(&edits);
    assert_int_equal(one_blob_put(&pe_ops, wbuf_bytes(&image), blob, &edits), RC_OK);
    assert_int_equal(edits_apply(&edits, wbuf_bytes(&image), out), RC_OK);
    edits_clear(&edits);
}

/* ---- judging ---- */

static void judge(struct bytes blob, const struct bytes *data, size_t index, struct policy_signature *out)
{
    struct subject subject;

    subject_parse(blob, &subject);
    assert_non_null(subject.spc);
    if (data) {
        subject.data = *data;
        subject.has_data = true;
    }
    *out = (struct policy_signature){.spc = &subject.spc->signatures[index]};
    policy_integrity(&subject, out);
    out->spc = NULL;
    subject_close(&subject);
}

/* The reasons are those, in order, and the first has that severity and cause. */
static void assert_found(const struct reasons *found, size_t num, const struct reason_entry *expected)
{
    assert_int_equal(found->num, num);
    for (size_t i = 0; i < num; i++) {
        assert_string_equal(reason_word(found->list[i].reason), reason_word(expected[i].reason));
        assert_int_equal(found->list[i].severity, expected[i].severity);
        assert_int_equal(found->list[i].cause, expected[i].cause);
    }
}

static void assert_one(struct bytes blob, const struct bytes *data, const struct reason_entry *expected)
{
    struct policy_signature judged;

    judge(blob, data, 0, &judged);
    assert_found(&judged.reasons, 1, expected);
}

static void assert_none(struct bytes blob, const struct bytes *data)
{
    struct policy_signature judged;

    judge(blob, data, 0, &judged);
    assert_found(&judged.reasons, 0, NULL);
    assert_true(judged.cert.der.len > 0);
}

/* What stamping asks: is there anything against the signature itself? The first reason is the one that it tells. */
static enum rc check_before_stamping(struct bytes blob, const struct bytes *data)
{
    const struct reason_entry *error;
    struct subject subject;
    struct reasons reasons;
    enum rc rc;

    subject_parse(blob, &subject);
    assert_non_null(subject.spc);
    if (data) {
        subject.data = *data;
        subject.has_data = true;
    }
    rc = policy_check_integrity(&subject, 0, &reasons);
    error = reasons_first(&reasons, SEVERITY_ERROR);
    assert_int_equal(error ? error->cause : RC_OK, rc);
    assert_false(reasons_has(&reasons, REASON_CONTENT_MISSING));
    subject_close(&subject);
    return rc;
}

static const struct reason_entry missing_warning = {REASON_CONTENT_MISSING, SEVERITY_WARNING, RC_SPC_NO_DATA};
static const struct reason_entry missing_error = {REASON_CONTENT_MISSING, SEVERITY_ERROR, RC_SPC_NO_DATA};
static const struct reason_entry other_content = {REASON_DIGEST_MISMATCH, SEVERITY_ERROR,
                                                  RC_CMS_MESSAGE_DIGEST};
static const struct reason_entry other_file = {REASON_DIGEST_MISMATCH, SEVERITY_ERROR, RC_SPC_DIGEST};

/* ---- taken out of a PE file ---- */

static void test_extracted_with_its_file(void **state)
{
    struct bytes data = wbuf_bytes(&image);
    struct wbuf blob = sign_image();

    (void)state;
    assert_none(wbuf_bytes(&blob), &data);
    assert_int_equal(check_before_stamping(wbuf_bytes(&blob), &data), RC_OK);
    wbuf_clear(&blob);
}

/* The signed file itself, the signature still in it, is the same image. */
static void test_extracted_with_the_signed_file(void **state)
{
    struct wbuf blob = sign_image(), whole;
    struct bytes data;

    (void)state;
    put_in_image(wbuf_bytes(&blob), &whole);
    data = wbuf_bytes(&whole);
    assert_none(wbuf_bytes(&blob), &data);
    assert_none(data, NULL);
    /* Octets behind the signature: no digest covers them, so no file is that any more. */
    wbuf_put_u8(&whole, 1);
    data = wbuf_bytes(&whole);
    assert_one(wbuf_bytes(&blob), &data,
               &(struct reason_entry){REASON_DIGEST_MISMATCH, SEVERITY_ERROR, RC_FORMAT_TRAILER});
    wbuf_clear(&whole);
    wbuf_clear(&blob);
}

static void test_extracted_with_another_file(void **state)
{
    const struct bytes others[] = {wbuf_bytes(&changed_image), bytes_of(text, sizeof text - 1), BYTES_NONE};
    struct wbuf blob = sign_image();

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_one(wbuf_bytes(&blob), &others[i], &other_file);
        assert_int_equal(check_before_stamping(wbuf_bytes(&blob), &others[i]), RC_SPC_DIGEST);
    }
    wbuf_clear(&blob);
}

static void test_extracted_with_a_damaged_image(void **state)
{
    struct wbuf blob = sign_image();
    struct bytes cut = bytes_of(image.data, 0x100);

    (void)state;
    assert_one(wbuf_bytes(&blob), &cut,
               &(struct reason_entry){REASON_MALFORMED, SEVERITY_ERROR, RC_FORMAT_MALFORMED});
    wbuf_clear(&blob);
}

/* The signature says which file it is of, and is whole: only the comparison is missing. */
static void test_extracted_alone(void **state)
{
    struct policy_signature judged;
    struct wbuf blob = sign_image();

    (void)state;
    assert_one(wbuf_bytes(&blob), NULL, &missing_warning);
    assert_int_equal(check_before_stamping(wbuf_bytes(&blob), NULL), RC_OK);
    judge(wbuf_bytes(&blob), NULL, 0, &judged);
    assert_int_equal(judged.file_digest, DIGEST_SHA256);
    blob.data[blob.len - 1] ^= 1; /* the signature is the last thing */
    judge(wbuf_bytes(&blob), NULL, 0, &judged);
    assert_int_equal(judged.reasons.num, 2);
    assert_true(reasons_has(&judged.reasons, REASON_BAD_SIGNATURE));
    assert_int_not_equal(check_before_stamping(wbuf_bytes(&blob), NULL), RC_OK);
    wbuf_clear(&blob);
}

/* ---- detached ---- */

static void test_detached(void **state)
{
    const struct bytes data = bytes_of(text, sizeof text - 1), other = bytes_of(text, sizeof text);
    struct wbuf blob = sign_detached();

    (void)state;
    assert_none(wbuf_bytes(&blob), &data);
    assert_one(wbuf_bytes(&blob), &other, &other_content);
    assert_one(wbuf_bytes(&blob), &BYTES_NONE, &other_content);
    wbuf_clear(&blob);
}

/* Nothing can be said of the content: bad; but a timestamp covers the signature alone and may be put on. */
static void test_detached_alone(void **state)
{
    struct policy_signature judged;
    struct wbuf blob = sign_detached();

    (void)state;
    assert_one(wbuf_bytes(&blob), NULL, &missing_error);
    assert_int_equal(check_before_stamping(wbuf_bytes(&blob), NULL), RC_OK);
    blob.data[blob.len - 1] ^= 1;
    judge(wbuf_bytes(&blob), NULL, 0, &judged);
    assert_int_equal(judged.reasons.num, 2);
    assert_int_equal(judged.reasons.list[0].reason, REASON_CONTENT_MISSING);
    assert_int_equal(judged.reasons.list[1].reason, REASON_BAD_SIGNATURE);
    assert_int_not_equal(check_before_stamping(wbuf_bytes(&blob), NULL), RC_OK);
    wbuf_clear(&blob);
}

/* An empty content is content: detached from an empty file. Within the signature it would say nothing of anything. */
static void test_detached_from_nothing(void **state)
{
    const struct bytes octets = bytes_of("x", 1);
    struct wbuf blob = sign((struct make_signature){.content_type = OID_DATA, .detached = true});

    (void)state;
    assert_none(wbuf_bytes(&blob), &BYTES_NONE);
    assert_one(wbuf_bytes(&blob), &octets, &other_content);
    assert_one(wbuf_bytes(&blob), NULL, &missing_error);
    wbuf_clear(&blob);
    blob = sign((struct make_signature){.content_type = OID_DATA, .content = bytes_of("\x04\x00", 2)});
    assert_one(wbuf_bytes(&blob), NULL,
               &(struct reason_entry){REASON_BAD_SIGNATURE, SEVERITY_ERROR, RC_CMS_NO_CONTENT});
    wbuf_clear(&blob);
}

/* A content that is there counts; a file given beside it changes nothing. */
static void test_attached_content_counts(void **state)
{
    const struct bytes data = bytes_of(text, sizeof text - 1);
    struct wbuf blob = sign((struct make_signature){.content_type = OID_DATA,
                                                    .content = bytes_of("\x04\x03"
                                                                        "abc",
                                                                        5)});

    const struct bytes same = bytes_str("abc");
    const struct reason_entry other = {REASON_CONTENT_DIFFERS, SEVERITY_WARNING, RC_SPC_DIGEST};

    (void)state;
    assert_none(wbuf_bytes(&blob), NULL);
    assert_none(wbuf_bytes(&blob), &same);
    assert_one(wbuf_bytes(&blob), &data, &other);
    wbuf_clear(&blob);
}

/* ---- in a file that holds another thing ---- */

static void test_other_content_in_an_image(void **state)
{
    struct wbuf blob = sign((struct make_signature){.content_type = OID_DATA,
                                                    .content = bytes_of("\x04\x03"
                                                                        "abc",
                                                                        5)});
    struct wbuf whole;

    (void)state;
    put_in_image(wbuf_bytes(&blob), &whole);
    assert_one(wbuf_bytes(&whole), NULL,
               &(struct reason_entry){REASON_MALFORMED, SEVERITY_ERROR, RC_SPC_CONTENT});
    wbuf_clear(&whole);
    wbuf_clear(&blob);
}

/* ---- page hashes ---- */

/* SpcIndirectDataContent of the image, with the page hashes of member: a catalog's writer writes the same structure. */
static void put_indirect(struct wbuf *w, const struct ctl_build_member *member)
{
    const struct ctl_build build = {
        .version = 2, .updated = {.sec = MAKE_CATALOG_TIME}, .members = member, .num_members = 1};
    struct made_catalog catalog;
    struct ctl_member listed;
    struct bytes rest;
    size_t all, part;

    assert_true(make_catalog(&build, &catalog));
    rest = catalog.ctl.members;
    do {
        assert_true(ctl_next(&rest, &listed));
    } while (!listed.has_indirect);
    all = der_open(w, DER_SEQUENCE);
    part = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_SPC_PE_IMAGE_DATA);
    wbuf_put(w, listed.indirect.data);
    der_close(w, part);
    part = der_open(w, DER_SEQUENCE);
    digest_put_algorithm(w, DIGEST_SHA256, true);
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(image_digest, 32));
    der_close(w, part);
    der_close(w, all);
    make_catalog_clear(&catalog);
}

/* A signature of the image with page hashes, one octet of them (from the end) changed. */
static struct wbuf sign_pages(size_t changed)
{
    struct ctl_build_member member = {0};
    struct wbuf pages, content, blob;

    wbuf_init(&pages, LIMIT);
    wbuf_init(&content, LIMIT);
    assert_int_equal(ctl_build_measure(wbuf_bytes(&image), &member), RC_OK);
    assert_int_equal(ctl_build_pages(wbuf_bytes(&image), 2, &pages, &member), RC_OK);
    assert_int_equal(member.pages.num, 5); /* headers, three pages, the end */
    if (changed > 0) {
        pages.data[pages.len - changed] ^= 1;
    }
    put_indirect(&content, &member);
    blob =
        sign((struct make_signature){.content_type = OID_SPC_INDIRECT_DATA, .content = wbuf_bytes(&content)});
    wbuf_clear(&pages);
    wbuf_clear(&content);
    return blob;
}

static void test_page_hashes(void **state)
{
    const struct reason_entry differs = {REASON_PAGE_HASH_MISMATCH, SEVERITY_ERROR, RC_SPC_PAGE_HASH};
    const size_t changed[] = {0, 36 + 1 /* the last page */, 4 * 36 + 1 /* the headers */};
    const struct bytes data = wbuf_bytes(&image);

    (void)state;
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        struct wbuf blob = sign_pages(changed[i]), whole;
        struct policy_signature judged;

        put_in_image(wbuf_bytes(&blob), &whole);
        judge(wbuf_bytes(&whole), NULL, 0, &judged);
        assert_int_equal(judged.pages.num, 5);
        assert_found(&judged.reasons, i > 0 ? 1 : 0, &differs);
        /* Taken out of the file it says the same with it, and nothing of pages without. */
        judge(wbuf_bytes(&blob), &data, 0, &judged);
        assert_found(&judged.reasons, i > 0 ? 1 : 0, &differs);
        assert_one(wbuf_bytes(&blob), NULL, &missing_warning);
        wbuf_clear(&whole);
        wbuf_clear(&blob);
    }
}

/* The last entry is no page: it tells where the pages end, and its hash is zero. */
static void test_malformed_page_hashes(void **state)
{
    struct wbuf blob = sign_pages(1), whole;

    (void)state;
    put_in_image(wbuf_bytes(&blob), &whole);
    assert_one(wbuf_bytes(&whole), NULL,
               &(struct reason_entry){REASON_MALFORMED, SEVERITY_ERROR, RC_SPC_CONTENT});
    wbuf_clear(&whole);
    wbuf_clear(&blob);
}

/* Another file: its digest differs, and so do its pages. */
static void test_page_hashes_of_another_file(void **state)
{
    const struct reason_entry both[] = {other_file,
                                        {REASON_PAGE_HASH_MISMATCH, SEVERITY_ERROR, RC_SPC_PAGE_HASH}};
    const struct bytes data = wbuf_bytes(&changed_image);
    struct policy_signature judged;
    struct wbuf blob = sign_pages(0);

    (void)state;
    judge(wbuf_bytes(&blob), &data, 0, &judged);
    assert_found(&judged.reasons, 2, both);
    wbuf_clear(&blob);
}

/* ---- nested in a catalog ---- */

/* Detached, of the type data, and what it signs is the whole list. */
static void judge_nested(struct bytes list, struct bytes signed_list, struct reasons *out)
{
    struct policy_signature judged;
    struct wbuf attrs, inner, blob;

    wbuf_init(&attrs, LIMIT);
    inner = sign((struct make_signature){.content_type = OID_DATA, .content = signed_list, .detached = true});
    make_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
    blob = sign((struct make_signature){
        .content_type = OID_CTL, .content = list, .unsigned_attrs = wbuf_bytes(&attrs)});
    assert_none(wbuf_bytes(&blob), NULL);
    judge(wbuf_bytes(&blob), NULL, 1, &judged);
    *out = judged.reasons;
    wbuf_clear(&attrs);
    wbuf_clear(&inner);
    wbuf_clear(&blob);
}

static void test_nested_in_a_catalog(void **state)
{
    static const uint8_t list[] = {0x30, 0x04, 0x04, 0x02, 'a', 'b'};
    static const uint8_t other[] = {0x30, 0x04, 0x04, 0x02, 'a', 'c'};
    struct reasons reasons;

    (void)state;
    judge_nested(bytes_of(list, sizeof list), bytes_of(list, sizeof list), &reasons);
    assert_int_equal(reasons.num, 0);
    judge_nested(bytes_of(list, sizeof list), bytes_of(other, sizeof other), &reasons);
    assert_found(&reasons, 1,
                 &(struct reason_entry){REASON_BAD_SIGNATURE, SEVERITY_ERROR, RC_CMS_MESSAGE_DIGEST});
    judge_nested(bytes_of(list, sizeof list), bytes_of(list + 2, sizeof list - 2), &reasons);
    assert_found(&reasons, 1,
                 &(struct reason_entry){REASON_BAD_SIGNATURE, SEVERITY_ERROR, RC_CMS_MESSAGE_DIGEST});
}

/* ---- which file it is ---- */

static void write_at(const char *path, struct bytes contents)
{
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(contents.data, 1, contents.len, out), contents.len);
    assert_int_equal(fclose(out), 0);
}

static bool opens_data(const char *path, const char *data)
{
    struct subject subject;
    bool found;

    subject_open(path, &subject);
    assert_true(subject_wants_data(&subject));
    subject_open_data(&subject, data);
    found = subject.has_data;
    if (found) {
        assert_true(bytes_equal(subject.data, bytes_of(text, sizeof text - 1)));
    }
    assert_int_equal(subject.reasons.num, data && !found ? 1 : 0);
    subject_close(&subject);
    return found;
}

/* NAME.p7s is beside NAME; any other name, or none, has no file that could be meant. */
static void test_the_file_beside(void **state)
{
    static const struct {
        const char *name;
        bool found;
    } rows[] = {{"text.p7s", true}, {"text.P7S", true},  {"text.p7", true}, {"text.p7x", true},
                {".p7s", false},    {"text.p7m", false}, {"p7s", false},    {"other.p7s", false}};
    char folder[] = "/tmp/test_policy_integrity.XXXXXX";
    struct wbuf blob = sign_detached();

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_at("text", bytes_of(text, sizeof text - 1));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_at(rows[i].name, wbuf_bytes(&blob));
        assert_int_equal(opens_data(rows[i].name, NULL), rows[i].found);
        assert_true(opens_data(rows[i].name, "text"));
        assert_false(opens_data(rows[i].name, "absent"));
        assert_int_equal(unlink(rows[i].name), 0);
    }
    assert_int_equal(unlink("text"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
    wbuf_clear(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extracted_with_its_file),
        cmocka_unit_test(test_extracted_with_the_signed_file),
        cmocka_unit_test(test_extracted_with_another_file),
        cmocka_unit_test(test_extracted_with_a_damaged_image),
        cmocka_unit_test(test_extracted_alone),
        cmocka_unit_test(test_detached),
        cmocka_unit_test(test_detached_alone),
        cmocka_unit_test(test_detached_from_nothing),
        cmocka_unit_test(test_attached_content_counts),
        cmocka_unit_test(test_other_content_in_an_image),
        cmocka_unit_test(test_page_hashes),
        cmocka_unit_test(test_malformed_page_hashes),
        cmocka_unit_test(test_page_hashes_of_another_file),
        cmocka_unit_test(test_nested_in_a_catalog),
        cmocka_unit_test(test_the_file_beside),
    };

    return cmocka_run_group_tests(tests, make_files, free_files);
}
