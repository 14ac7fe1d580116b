/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain signatures: as octets, behind "PKCX", as PEM in every form that tools write; certificates alone; what only looks like one.
 * Each goes there and back, and what is wrong with a PEM block is said. With TSA_SAMPLES a real AppxSignature.p7x too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_signed_data.h"
#include "tests/unit/tsclient/round_trip.h"
#include "tsclient/container/p7.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 24)

static const uint8_t text[] = {0x04, 0x05, 'h', 'e', 'l', 'l', 'o'};
static const uint8_t cert[] = {0x30, 0x03, 0x02, 0x01, 0x05};
static uint8_t attribute[200] = {0x30, 0x81, 0xc5, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                 0x0d, 0x01, 0x09, 0x10, 0x31, 0x81, 0xb7, 0x04, 0x81, 0xb4};

static struct make_signed_data plain(enum oid type)
{
    return (struct make_signed_data){.content_type = type,
                                     .content = bytes_of(text, sizeof text),
                                     .certificates = bytes_of(cert, sizeof cert),
                                     .num_signers = 1};
}

static struct wbuf made(const struct make_signed_data *m)
{
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    make_signed_data(&w, m);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return w;
}

static struct wbuf stamped(enum oid type)
{
    struct make_signed_data m = plain(type);

    m.unsigned_attrs = bytes_of(attribute, sizeof attribute);
    return made(&m);
}

/* ---- octets ---- */

static void test_octets(void **state)
{
    static const enum oid types[] = {OID_DATA, OID_SPC_INDIRECT_DATA, OID_TST_INFO, OID_LAB_POLICY};

    (void)state;
    assert_string_equal(p7_ops.name, "p7");
    assert_null(p7_ops.digest);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct make_signed_data m = plain(types[i]);
        struct wbuf attached = made(&m), after = stamped(types[i]), prefixed, detached;

        m.content = BYTES_NONE;
        detached = made(&m);
        wbuf_init(&prefixed, LIMIT);
        wbuf_put_text(&prefixed, "PKCX");
        wbuf_put(&prefixed, wbuf_bytes(&attached));
        assert_true(round_trip(&p7_ops, wbuf_bytes(&attached), wbuf_bytes(&after)) < 20);
        assert_true(round_trip(&p7_ops, wbuf_bytes(&prefixed), wbuf_bytes(&after)) < 20);
        assert_true(round_trip(&p7_ops, wbuf_bytes(&detached), wbuf_bytes(&after)) < 20);
        wbuf_clear(&attached);
        wbuf_clear(&after);
        wbuf_clear(&prefixed);
        wbuf_clear(&detached);
    }
}

/* A catalog behind "PKCX" or in PEM has no format of its own. */
static void test_a_list_in_another_form(void **state)
{
    struct make_signed_data m = plain(OID_CTL);
    struct make_pem pem = {.label = "PKCS7", .end = "\n", .width = 64};
    struct wbuf der = made(&m), after = stamped(OID_CTL), file;

    (void)state;
    wbuf_init(&file, LIMIT);
    make_pem(&file, wbuf_bytes(&der), &pem);
    (void)round_trip(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after));
    wbuf_clear(&der);
    wbuf_clear(&after);
    wbuf_clear(&file);
}

static void test_ber(void **state)
{
    struct make_signed_data m = plain(OID_DATA);
    struct wbuf der = made(&m), after = stamped(OID_DATA), ber, twice;

    (void)state;
    for (int indefinite = 0; indefinite <= 1; indefinite++) {
        wbuf_init(&ber, LIMIT);
        make_ber(&ber, wbuf_bytes(&der), indefinite);
        wbuf_put(&ber, bytes_of("\0\0\0\0\0", 5));
        (void)round_trip(&p7_ops, wbuf_bytes(&ber), wbuf_bytes(&after));
        wbuf_clear(&ber);
    }
    wbuf_init(&twice, LIMIT);
    wbuf_put_text(&twice, "PKCX");
    make_ber(&twice, wbuf_bytes(&der), true);
    (void)round_trip(&p7_ops, wbuf_bytes(&twice), wbuf_bytes(&after));
    wbuf_clear(&twice);
    wbuf_clear(&der);
    wbuf_clear(&after);
}

static void test_certificates_alone(void **state)
{
    struct make_signed_data m = plain(OID_DATA);
    struct make_pem pem = {.label = "PKCS7", .end = "\n", .width = 64};
    struct container_blobs blobs;
    struct wbuf der, file;
    const char *why;

    (void)state;
    m.num_signers = 0;
    for (int i = 0; i < 3; i++) {
        m.content = i == 2 ? bytes_of(text, sizeof text) : BYTES_NONE;
        m.certificates = i == 1 ? BYTES_NONE : bytes_of(cert, sizeof cert);
        der = made(&m);
        wbuf_init(&file, LIMIT);
        make_pem(&file, wbuf_bytes(&der), &pem);
        assert_int_equal(p7_ops.check(wbuf_bytes(&der), &why), RC_OK);
        assert_int_equal(p7_ops.get(wbuf_bytes(&der), &blobs), RC_UNSIGNED);
        assert_int_equal(blobs.cause, i == 0 ? RC_CMS_CERTS_ONLY : RC_OK);
        assert_int_equal(blobs.num, 0);
        container_blobs_clear(&blobs);
        assert_int_equal(p7_ops.get(wbuf_bytes(&file), &blobs), RC_UNSIGNED);
        assert_int_equal(blobs.cause, i == 0 ? RC_CMS_CERTS_ONLY : RC_OK);
        container_blobs_clear(&blobs);
        wbuf_clear(&der);
        wbuf_clear(&file);
    }
}

/* TimeStampResp, Certificate, CertificateList, PKCS #12, EncryptedData, and shorter things. */
static void test_none_of_ours(void **state)
{
    static const char pfx[] =
        "\x30\x16\x02\x01\x03\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x04\x04\x02\x30";
    static const char encrypted[] = "\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06\xa0\x02\x30";
    static const struct {
        const char *octets;
        size_t len;
    } others[] = {
        {"", 0},
        {"\x30", 1},
        {"\x30\x80", 2},
        {"\x30\x84\x00\x00", 4},
        {"\x30\xff\x06\x09", 4},
        {"\x30\x05\x30\x03\x02\x01\x00", 7},
        {"\x30\x0b\x30\x09\xa0\x03\x02\x01\x02\x02\x02\x01\x01", 13},
        {pfx, sizeof pfx - 1},
        {encrypted, sizeof encrypted - 1},
        {"PKCX", 4},
        {"PKCX\x30\x05\x30\x03\x02\x01\x00", 11},
        {"PK\x03\x04", 4},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 57},
        {"-----BEGIN PKCS7----\n", 21},
        {"-----BEGIN PKCS7 -----\n", 23},
        {"x-----BEGIN PKCS7-----\n", 23},
        {"-----BEGIN -----\n", 17},
        {"-----BEGIN ", 11},
        {"-----BEGIN-----\n", 16},
        {"binary\0\n-----BEGIN PKCS7-----\n", 30},
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint8_t *copy = malloc(others[i].len + 1);

        assert_non_null(copy);
        memcpy(copy, others[i].octets, others[i].len);
        assert_null(container_detect(bytes_of(copy, others[i].len)));
        free(copy);
    }
}

/* A text that was signed stays a text, whatever it looks like. */
static void test_pem_within_the_content(void **state)
{
    static const char pem[] = "\n-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n";
    struct make_signed_data m = plain(OID_DATA);
    struct wbuf der, content, after = stamped(OID_DATA);

    (void)state;
    wbuf_init(&content, LIMIT);
    der_put(&content, DER_OCTET_STRING_TAG, bytes_str(pem));
    m.content = wbuf_bytes(&content);
    der = made(&m);
    (void)round_trip(&p7_ops, wbuf_bytes(&der), wbuf_bytes(&after));
    wbuf_clear(&content);
    wbuf_clear(&der);
    wbuf_clear(&after);
}

/* ---- PEM ---- */

static void check_pem_form(const struct make_pem *pem)
{
    struct make_signed_data m = plain(OID_DATA);
    struct wbuf der = made(&m), after = stamped(OID_DATA), file, wanted, got;
    size_t removed;

    wbuf_init(&file, LIMIT);
    wbuf_init(&wanted, LIMIT);
    make_pem(&file, wbuf_bytes(&der), pem);
    make_pem(&wanted, wbuf_bytes(&after), pem);
    (void)round_trip(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after));
    round_trip_put(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after), &got, &removed);
    assert_true(bytes_equal(wbuf_bytes(&got), wbuf_bytes(&wanted)));
    wbuf_clear(&der);
    wbuf_clear(&after);
    wbuf_clear(&file);
    wbuf_clear(&wanted);
    wbuf_clear(&got);
}

static void test_pem_keeps_its_form(void **state)
{
    static const char *const names[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA", "SIGNED MESSAGE"};
    static const char *const ends[] = {"\n", "\r\n"};
    static const size_t widths[] = {64, 76, 0, 75, 1};
    static const char *const before[] = {NULL, "subject=/CN=x\r\n\n",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                         "-----END CERTIFICATE-----\n"};
    static const char *const after[] = {NULL, "", "\n\n", "\r\nsome words\n-----BEGIN CERTIFICATE-----\n"};
    struct make_pem pem;

    (void)state;
    for (size_t i = 0; i < 4 * 2 * 5 * 3 * 4; i++) {
        pem = (struct make_pem){.label = names[i % 4],
                                .end = ends[i / 4 % 2],
                                .width = widths[i / 8 % 5],
                                .before = before[i / 40 % 3],
                                .after = after[i / 120]};
        check_pem_form(&pem);
    }
}

/* What other tools would read is read, and the same signature changes nothing; a new one is written in lines of the first one's width. */
static void test_irregular_pem(void **state)
{
    struct make_signed_data m = plain(OID_DATA);
    struct wbuf der = made(&m), after = stamped(OID_DATA), digits, file, there;
    size_t removed;

    (void)state;
    wbuf_init(&digits, LIMIT);
    base64_encode(&digits, wbuf_bytes(&der));
    wbuf_init(&file, LIMIT);
    wbuf_put_text(&file, "-----BEGIN PKCS7-----  \n\n  ");
    wbuf_put(&file, bytes_of(digits.data, 61));
    wbuf_put_text(&file, " \t\r\n\r\n");
    wbuf_put(&file, bytes_of(digits.data + 61, digits.len - 61));
    wbuf_put_text(&file, "\n\n-----END PKCS7-----\t");
    round_trip_assert_holds(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&der));
    round_trip_put(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after), &there, &removed);
    round_trip_assert_holds(&p7_ops, wbuf_bytes(&there), wbuf_bytes(&after));
    assert_true(bytes_starts_with(wbuf_bytes(&there), bytes_str("-----BEGIN PKCS7-----  \n")));
    assert_memory_equal(there.data + there.len - 21, "\n-----END PKCS7-----\t", 21);
    wbuf_clear(&der);
    wbuf_clear(&after);
    wbuf_clear(&digits);
    wbuf_clear(&file);
    wbuf_clear(&there);
}

/* Zero octets behind the element stay inside the text, others keep it from being changed. */
static void test_octets_behind_in_pem(void **state)
{
    struct make_pem pem = {.label = "CMS", .end = "\n", .width = 64};
    struct make_signed_data m = plain(OID_DATA);
    struct wbuf der = made(&m), after = stamped(OID_DATA), file;
    struct container_blobs blobs;
    struct edits edits;

    (void)state;
    wbuf_put(&der, bytes_of("\0\0\0\0", 4));
    wbuf_init(&file, LIMIT);
    make_pem(&file, wbuf_bytes(&der), &pem);
    (void)round_trip(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after));
    wbuf_put_u8(&der, 9);
    wbuf_reset(&file);
    make_pem(&file, wbuf_bytes(&der), &pem);
    assert_int_equal(p7_ops.get(wbuf_bytes(&file), &blobs), RC_OK);
    assert_true(blobs.has_tail);
    container_blobs_clear(&blobs);
    edits_init(&edits);
    assert_int_equal(one_blob_put(&p7_ops, wbuf_bytes(&file), wbuf_bytes(&after), &edits), RC_FORMAT_TRAILER);
    edits_clear(&edits);
    wbuf_clear(&der);
    wbuf_clear(&after);
    wbuf_clear(&file);
}

static void test_bad_pem_says_why(void **state)
{
    static const char *const cases[][2] = {
        {"-----BEGIN PKCS7-----\nAAAA", "END"},
        {"-----BEGIN PKCS7-----", "END"},
        {"-----BEGIN PKCS7-----\nAAAA-----END PKCS7-----\n", "END"},
        {"-----BEGIN PKCS7-----\nAAAA\n-----END CMS-----\n", "label"},
        {"-----BEGIN PKCS7-----\n-----BEGIN PKCS7-----\n-----END PKCS7-----\n", "label"},
        {"-----BEGIN PKCS7-----\nAAA\n-----END PKCS7-----\n", "base64"},
        {"-----BEGIN PKCS7-----\nAA=A\n-----END PKCS7-----\n", "base64"},
        {"-----BEGIN PKCS7-----\nMB==\n-----END PKCS7-----\n", "base64"},
        {"-----BEGIN PKCS7-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END PKCS7-----\n", "base64"},
        {"-----BEGIN PKCS7-----\n-----END PKCS7-----\n", "ends inside"},
        {"-----BEGIN PKCS7-----\nMAMCAQA=\n-----END PKCS7-----\n", ""},
        {"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n-----BEGIN PKCS7-----\n", "several"},
    };
    struct container_blobs blobs;
    struct edits edits;
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes file = bytes_str(cases[i][0]);

        assert_ptr_equal(container_detect(file), &p7_ops);
        assert_int_equal(p7_ops.check(file, &why), RC_FORMAT_MALFORMED);
        assert_non_null(strstr(why, cases[i][1]));
        assert_int_equal(p7_ops.get(file, &blobs), RC_FORMAT_MALFORMED);
        container_blobs_clear(&blobs);
        edits_init(&edits);
        assert_int_equal(one_blob_put(&p7_ops, file, file, &edits), RC_FORMAT_MALFORMED);
        edits_clear(&edits);
    }
}

/* A NUL in the block is no blank. */
static void test_nul_in_pem(void **state)
{
    static const char file[] = "-----BEGIN PKCS7-----\nAA\0AA\n-----END PKCS7-----\n";
    const char *why;

    (void)state;
    assert_int_equal(p7_ops.check(bytes_of(file, sizeof file - 1), &why), RC_FORMAT_MALFORMED);
    assert_non_null(strstr(why, "base64"));
}

/* ---- a real one ---- */

static void test_real_p7x(void **state)
{
    const char *folder = getenv("TSA_SAMPLES");
    struct spc_change change = {.kind = SPC_STAMP_RFC3161, .value = bytes_of(cert, sizeof cert)};
    struct wbuf file, blob;
    struct container_blobs blobs;
    char path[4096];
    uint8_t *data;
    size_t got;
    FILE *in;

    (void)state;
    if (!folder || !*folder) {
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/signify/AppxSignature.p7x", folder);
    in = fopen(path, "rb");
    assert_non_null(in);
    wbuf_init(&file, LIMIT);
    data = wbuf_reserve(&file, 20000);
    assert_non_null(data);
    got = fread(data, 1, 20000, in);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(got, 8213);
    assert_int_equal(p7_ops.get(bytes_of(data, got), &blobs), RC_OK);
    wbuf_init(&blob, LIMIT);
    assert_int_equal(spc_change(blobs.list[0], &change, &blob), RC_OK);
    (void)round_trip(&p7_ops, bytes_of(data, got), wbuf_bytes(&blob));
    container_blobs_clear(&blobs);
    wbuf_clear(&file);
    wbuf_clear(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_a_list_in_another_form),
        cmocka_unit_test(test_ber),
        cmocka_unit_test(test_certificates_alone),
        cmocka_unit_test(test_none_of_ours),
        cmocka_unit_test(test_pem_within_the_content),
        cmocka_unit_test(test_pem_keeps_its_form),
        cmocka_unit_test(test_irregular_pem),
        cmocka_unit_test(test_octets_behind_in_pem),
        cmocka_unit_test(test_bad_pem_says_why),
        cmocka_unit_test(test_nul_in_pem),
        cmocka_unit_test(test_real_p7x),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
