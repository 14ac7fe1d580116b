/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticode's own timestamp protocol: every body that clients send, and what is none; replies judged by libcrypto; the
 * signingTime of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pkcs7.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/msauth.h"

#define HEAD_256 "30820123 060a2b060104018237030201 30820113 06092a864886f70d010701 a0820104 04820100"
#define HEAD_512 "30820223 060a2b060104018237030201 30820213 06092a864886f70d010701 a0820204 04820200"
#define TEXT_256 "MIIBIwYKKwYBBAGCNwMCATCCARMGCSqGSIb3DQEHAaCCAQQEggEA"

#define SPC  "060a2b060104018237030201"
#define DATA "06092a864886f70d010701"

static struct authority rsa, ec;
static uint8_t blob[MSAUTH_BLOB_MAX + 1];

static int setup(void **state)
{
    (void)state;
    authority_init(&rsa, &(struct authority_spec){.key = "RSA"});
    authority_init(&ec, &(struct authority_spec){.key = "P-256"});
    for (size_t i = 0; i < sizeof blob; i++) {
        blob[i] = (uint8_t)(i * 7 + 3);
    }
    return rsa.has_profile && ec.has_profile ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    authority_clear(&rsa);
    authority_clear(&ec);
    return 0;
}

static struct bytes request_of(struct wbuf *w, size_t len)
{
    wbuf_init(w, 8192);
    msauth_request_build(w, bytes_of(blob, len));
    assert_int_equal(w->rc, RC_OK);
    return wbuf_bytes(w);
}

/* ---- requests ---- */

static void test_request_vectors(void **state)
{
    static const struct {
        const char *head;
        size_t len;
    } table[] = {{HEAD_256, 256}, {HEAD_512, 512}};
    struct bytes out;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hex store = {.len = 0};
        struct bytes head = hex(&store, table[i].head);
        struct wbuf w;
        struct bytes der = request_of(&w, table[i].len);

        assert_int_equal(der.len, 39 + table[i].len);
        assert_true(bytes_starts_with(der, head));
        assert_int_equal(msauth_request_parse(der, &out), RC_OK);
        assert_ptr_equal(out.data, der.data + 39);
        assert_true(bytes_equal(out, bytes_of(blob, table[i].len)));
        wbuf_clear(&w);
    }
}

static void test_blob_sizes(void **state)
{
    static const struct {
        size_t len;
        enum rc rc;
    } table[] = {
        {0, RC_MSAUTH_BLOB_SIZE},
        {MSAUTH_BLOB_MIN - 1, RC_MSAUTH_BLOB_SIZE},
        {MSAUTH_BLOB_MIN, RC_OK},
        {71, RC_OK},
        {128, RC_OK},
        {MSAUTH_BLOB_MAX, RC_OK},
        {MSAUTH_BLOB_MAX + 1, RC_MSAUTH_BLOB_SIZE},
    };
    struct bytes out;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct wbuf w;

        assert_int_equal(msauth_request_parse(request_of(&w, table[i].len), &out), table[i].rc);
        assert_int_equal(out.len, table[i].rc == RC_OK ? table[i].len : 0);
        wbuf_clear(&w);
    }
}

#define BLOB_32 "0420 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_request_forms(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
    } table[] = {
        {"303d" SPC "302f" DATA "a022" BLOB_32, RC_OK},
        {"303f" SPC "3100 302f" DATA "a022" BLOB_32, RC_OK}, /* attributes are passed over */
        {"303f" SPC "0500 302f" DATA "a022" BLOB_32, RC_DER_TAG},
        {"303d 060a2b060104018237030202 302f" DATA "a022" BLOB_32, RC_MSAUTH_FORM},
        {"303c 06092a864886f70d010701 302f" DATA "a022" BLOB_32, RC_MSAUTH_FORM},
        {"303d" SPC "302f 06092a864886f70d010702 a022" BLOB_32, RC_MSAUTH_FORM},
        {"303d" SPC "302f" DATA "a122" BLOB_32, RC_DER_TAG},
        {"303d" SPC "302f" DATA "a022 0320 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         RC_DER_TAG},
        {"303d" SPC "302f" DATA "a022" BLOB_32 "00", RC_DER_TRAILING},
        {"303f" SPC "302f" DATA "a022" BLOB_32 "0500", RC_DER_TRAILING},
        {"303f" SPC "3031" DATA "a022" BLOB_32 "0500", RC_DER_TRAILING},
        {"303f" SPC "3031" DATA "a024" BLOB_32 "0500", RC_DER_TRAILING},
        {"301b" SPC "300d" DATA "a000", RC_DER_TRUNCATED},
        {"300c" SPC, RC_DER_TRUNCATED},
        {"3080" SPC "302f" DATA "a022" BLOB_32 "0000", RC_DER_LENGTH},
        {"", RC_DER_TRUNCATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct bytes out;
        enum rc rc = msauth_request_parse(hex(&store, table[i].in), &out);

        if (rc != table[i].rc) {
            fail_msg("%s: %s, not %s", table[i].in, rc_word(rc), rc_word(table[i].rc));
        }
    }
}

/* ---- bodies ---- */

/* Base64 with a line end after each columns characters (0: one line), then tail. */
static void put_text(struct wbuf *w, struct bytes der, size_t columns, const char *line_end)
{
    struct wbuf line;

    wbuf_init(&line, 8192);
    base64_encode(&line, der);
    for (size_t i = 0; i < line.len; i++) {
        wbuf_put_u8(w, line.data[i]);
        if (columns > 0 && ((i + 1) % columns == 0 || i + 1 == line.len)) {
            wbuf_put_text(w, line_end);
        }
    }
    wbuf_clear(&line);
}

static void test_bodies_of_clients(void **state)
{
    static const struct {
        size_t columns;
        const char *line_end;
        size_t num_nul;
    } table[] = {
        {0, "", 0},    /* jsign, Mono */
        {0, "", 1},    /* some signtool */
        {64, "\n", 0}, /* osslsigncode */
        {64, "\r\n", 0}, {76, "\r\n", 2}, {1, "\n\t ", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct wbuf der, body, scratch;
        struct bytes out;

        wbuf_init(&body, 16384);
        wbuf_init(&scratch, 4096);
        put_text(&body, request_of(&der, 256), table[i].columns, table[i].line_end);
        for (size_t n = 0; n < table[i].num_nul; n++) {
            wbuf_put_u8(&body, 0);
        }
        assert_int_equal(msauth_detect(wbuf_bytes(&body)), MSAUTH_BASE64);
        assert_int_equal(msauth_body_parse(wbuf_bytes(&body), &scratch, &out), RC_OK);
        assert_true(bytes_equal(out, bytes_of(blob, 256)));
        wbuf_clear(&der);
        wbuf_clear(&body);
        wbuf_clear(&scratch);
    }
}

static void test_body_in_raw_der(void **state)
{
    struct wbuf der, scratch;
    struct bytes out;

    (void)state;
    wbuf_init(&scratch, 4096);
    (void)request_of(&der, 256);
    for (int num_nul = 0; num_nul < 3; num_nul++) {
        assert_int_equal(msauth_detect(wbuf_bytes(&der)), MSAUTH_RAW_DER);
        assert_int_equal(msauth_body_parse(wbuf_bytes(&der), &scratch, &out), RC_OK);
        assert_true(bytes_equal(out, bytes_of(blob, 256)));
        wbuf_put_u8(&der, 0);
    }
    wbuf_put_u8(&der, 1);
    assert_int_equal(msauth_body_parse(wbuf_bytes(&der), &scratch, &out), RC_DER_TRAILING);
    assert_int_equal(msauth_body_parse(bytes_of(der.data, 100), &scratch, &out), RC_DER_TRUNCATED);
    wbuf_clear(&der);
    wbuf_clear(&scratch);
}

static void test_bodies_that_are_none(void **state)
{
    static const struct {
        const char *body;
        enum rc rc;
    } table[] = {
        {"", RC_DER_TRUNCATED},    {"MIIB", RC_DER_TRUNCATED}, {TEXT_256, RC_DER_TRUNCATED},
        {TEXT_256 "!", RC_BASE64}, {TEXT_256 "==", RC_BASE64}, {"<html>", RC_BASE64},
    };
    struct wbuf scratch;
    struct bytes out;

    (void)state;
    wbuf_init(&scratch, 4096);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(msauth_body_parse(bytes_str(table[i].body), &scratch, &out), table[i].rc);
        assert_int_equal(out.len, 0);
    }
    wbuf_clear(&scratch);
}

static void test_body_larger_than_the_scratch(void **state)
{
    struct wbuf der, body, scratch;
    struct bytes out;

    (void)state;
    wbuf_init(&body, 16384);
    wbuf_init(&scratch, 100);
    put_text(&body, request_of(&der, 256), 0, "");
    assert_int_equal(msauth_body_parse(wbuf_bytes(&body), &scratch, &out), RC_TOO_LARGE);
    wbuf_clear(&der);
    wbuf_clear(&body);
    wbuf_clear(&scratch);
}

static void test_detect_by_the_first_octets(void **state)
{
    struct hex store = {.len = 0};
    struct wbuf text;
    static const uint8_t nul[40];

    (void)state;
    assert_int_equal(msauth_detect(bytes_str(TEXT_256)), MSAUTH_BASE64);
    assert_int_equal(msauth_detect(bytes_str("\r\n" TEXT_256)), MSAUTH_BASE64);
    assert_int_equal(msauth_detect(hex(&store, HEAD_256)), MSAUTH_RAW_DER);
    /* RFC 3161's own request, raw and in base64 */
    store.len = 0;
    (void)hex(&store,
              "3044 020101 3031300d06096086480165030402010500042012462aa92f132101102d4c5a53e4c4f6551fe4bf91");
    assert_int_equal(msauth_detect(bytes_of(store.data, store.len)), MSAUTH_NOT);
    wbuf_init(&text, 1024);
    base64_encode(&text, bytes_of(store.data, store.len));
    assert_int_equal(msauth_detect(wbuf_bytes(&text)), MSAUTH_NOT);
    wbuf_clear(&text);
    assert_int_equal(msauth_detect(bytes_str("")), MSAUTH_NOT);
    assert_int_equal(msauth_detect(bytes_str("M")), MSAUTH_NOT);
    assert_int_equal(msauth_detect(bytes_str("0")), MSAUTH_NOT);
    assert_int_equal(msauth_detect(bytes_str("MIME-Version: 1.0, and what follows it")), MSAUTH_NOT);
    assert_int_equal(msauth_detect(bytes_of(nul, sizeof nul)), MSAUTH_NOT);
    for (size_t len = 0; len < 16; len++) {
        store.len = 0;
        assert_int_equal(msauth_detect(bytes_slice(hex(&store, HEAD_256), 0, len, NULL)), MSAUTH_NOT);
    }
}

/* ---- replies ---- */

static void reply_into(struct wbuf *w, struct authority *a)
{
    struct msauth_reply reply = {
        .profile = &a->profile,
        .blob = bytes_of(blob, 256),
        .time = {.sec = AUTHORITY_NOW},
        .sign = authority_sign,
        .sign_arg = a,
    };

    wbuf_init(w, 65536);
    assert_int_equal(msauth_reply_build(w, &reply), RC_OK);
}

static void test_reply_view_by_view(void **state)
{
    static const enum oid expected[] = {OID_CONTENT_TYPE, OID_SIGNING_TIME, OID_MESSAGE_DIGEST};
    struct bytes rest;
    struct cms_attr attr;
    struct gentime time;
    struct wbuf w;
    struct cms cms;
    size_t num = 0;

    (void)state;
    reply_into(&w, &rsa);
    assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
    assert_int_equal(cms.version, 1);
    assert_int_equal(cms.content_type, OID_DATA);
    assert_true(bytes_equal(cms.content, bytes_of(blob, 256)));
    assert_int_equal(cms.certificates.len, rsa.chain[0].len + rsa.chain[1].len);
    assert_false(cms.has_crls);
    assert_int_equal(cms.signer.version, 1);
    assert_int_equal(cms.signer.signature_oid, OID_RSA);
    assert_int_equal(msauth_signing_time(&cms.signer, &time), RC_OK);
    assert_true(time.sec == AUTHORITY_NOW && time.nsec == 0);
    for (rest = cms_attr_rest(cms.signer.signed_attrs); cms_attr_next(&rest, &attr); num++) {
        assert_int_equal(attr.oid, expected[num]);
    }
    assert_int_equal(num, 3);
    wbuf_clear(&w);
}

/* The content that libcrypto verifies is the blob of the request. */
static void test_reply_judged_by_libcrypto(void **state)
{
    struct authority *both[] = {&rsa, &ec};
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        X509_STORE *store = authority_store(both[i]);
        BIO *out = BIO_new(BIO_s_mem());
        const unsigned char *at;
        char *content;
        PKCS7 *p7;

        reply_into(&w, both[i]);
        at = w.data;
        p7 = d2i_PKCS7(NULL, &at, (long)w.len);
        assert_non_null(p7);
        assert_ptr_equal(at, w.data + w.len);
        X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
        assert_int_equal(PKCS7_verify(p7, NULL, store, NULL, out, PKCS7_BINARY), 1);
        assert_int_equal(BIO_get_mem_data(out, &content), 256);
        assert_memory_equal(content, blob, 256);
        PKCS7_free(p7);
        BIO_free(out);
        X509_STORE_free(store);
        wbuf_clear(&w);
    }
}

/* In whichever tool it is looked at: the mark is signed, and nothing that verifies such replies minds it. */
static void test_lab_time_is_marked(void **state)
{
    struct msauth_reply reply = {
        .profile = &rsa.profile,
        .blob = bytes_of(blob, 256),
        .time = {.sec = AUTHORITY_NOW},
        .lab_time = true,
        .sign = authority_sign,
        .sign_arg = &rsa,
    };
    X509_STORE *store = authority_store(&rsa);
    const unsigned char *at;
    struct wbuf plain, w;
    struct cms cms;
    PKCS7 *p7;

    (void)state;
    reply_into(&plain, &rsa);
    assert_int_equal(cms_parse(wbuf_bytes(&plain), DER_STRICT, &cms), RC_OK);
    assert_false(msauth_is_lab_time(&cms.signer));
    wbuf_init(&w, 65536);
    assert_int_equal(msauth_reply_build(&w, &reply), RC_OK);
    assert_int_equal(cms_parse(wbuf_bytes(&w), DER_STRICT, &cms), RC_OK);
    assert_true(msauth_is_lab_time(&cms.signer));
    at = w.data;
    p7 = d2i_PKCS7(NULL, &at, (long)w.len);
    assert_non_null(p7);
    X509_STORE_set_purpose(store, X509_PURPOSE_TIMESTAMP_SIGN);
    assert_int_equal(PKCS7_verify(p7, NULL, store, NULL, NULL, PKCS7_BINARY), 1);
    PKCS7_free(p7);
    X509_STORE_free(store);
    wbuf_clear(&plain);
    wbuf_clear(&w);
}

static void test_time_that_utctime_can_not_hold(void **state)
{
    struct msauth_reply reply = {.profile = &rsa.profile, .time = {.sec = INT64_C(2524608000)}}; /* 2050 */
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 65536);
    assert_int_equal(msauth_reply_build(&w, &reply), RC_TIME_RANGE);
    assert_int_equal(w.len, 0);
    wbuf_clear(&w);
}

static void test_signing_time_of_others(void **state)
{
    static const struct {
        const char *attrs;
        enum rc rc;
    } table[] = {
        {"a01e 301c 06092a864886f70d010905 310f 170d 3236313132303038303532355a", RC_OK},
        {"a020 301e 06092a864886f70d010905 3111 180f 32303236313132303038303532355a", RC_OK},
        {"", RC_MSAUTH_NO_TIME},
        {"a000", RC_MSAUTH_NO_TIME},
        {"a00f 300d 06092a864886f70d010905 3100", RC_MSAUTH_NO_TIME},
        {"a011 300f 06092a864886f70d010905 3102 1700", RC_TIME_FORM},
        {"a011 300f 06092a864886f70d010905 3102 0500", RC_TIME_FORM},
        {"a01c 301a 06092a864886f70d010905 310d 170b 323631313230303830355a", RC_TIME_FORM}, /* no seconds */
        {"a03c 301c 06092a864886f70d010905 310f 170d 3236313132303038303532355a"
         "301c 06092a864886f70d010905 310f 170d 3236313132303038303532365a",
         RC_CMS_ATTR_REPEATED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct cms_signer signer = {.signed_attrs = hex(&store, table[i].attrs)};
        struct gentime t;
        enum rc rc = msauth_signing_time(&signer, &t);

        if (rc != table[i].rc || t.sec != (rc == RC_OK ? AUTHORITY_NOW : 0)) {
            fail_msg("%s: %s", table[i].attrs, rc_word(rc));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_vectors),
        cmocka_unit_test(test_blob_sizes),
        cmocka_unit_test(test_request_forms),
        cmocka_unit_test(test_bodies_of_clients),
        cmocka_unit_test(test_body_in_raw_der),
        cmocka_unit_test(test_bodies_that_are_none),
        cmocka_unit_test(test_body_larger_than_the_scratch),
        cmocka_unit_test(test_detect_by_the_first_octets),
        cmocka_unit_test(test_reply_view_by_view),
        cmocka_unit_test(test_reply_judged_by_libcrypto),
        cmocka_unit_test(test_lab_time_is_marked),
        cmocka_unit_test(test_time_that_utctime_can_not_hold),
        cmocka_unit_test(test_signing_time_of_others),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
