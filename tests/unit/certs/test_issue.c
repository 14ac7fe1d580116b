/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates from templates, read back by our own reader and asked about with the extensions' helpers.
 */
#include "certs/issue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "certs/certext.h"
#include "certs/keyfile.h"

static EVP_PKEY *ca_key, *leaf_key;
static const enum oid purposes[] = {OID_KP_TIME_STAMPING, OID_KP_LIFETIME_SIGNING, OID_NONE};

static int make_keys(void **state)
{
    (void)state;
    return keyfile_make(KEYFILE_P384, &ca_key) == RC_OK && keyfile_make(KEYFILE_ED25519, &leaf_key) == RC_OK
               ? 0
               : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

static struct issue ca_template(void)
{
    return (struct issue){
        .common_name = "Z\xc3\xbcrich Root",
        .organization = "Some & Co, \"Ltd\"",
        .not_before = {.sec = 1800000000, .nsec = 999},
        .not_after = {.sec = 2600000000}, /* after 2050: another ASN.1 type */
        .key = ca_key,
        .is_ca = true,
        .path_len = -1,
        .key_usage = CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN,
        .digest = DIGEST_SHA384,
    };
}

static void a_template_comes_out_as_it_is(void **state)
{
    struct issue ca = ca_template(), leaf;
    struct wbuf ca_der, leaf_der;
    struct cert ca_cert, cert;
    char name[100];
    struct bytes value;
    (void)state;

    wbuf_init(&ca_der, 1 << 16);
    wbuf_init(&leaf_der, 1 << 16);
    assert_int_equal(issue_certificate(&ca, &ca_der), RC_OK);
    assert_int_equal(cert_parse(wbuf_bytes(&ca_der), &ca_cert), RC_OK);
    assert_true(ca_cert.is_ca);
    assert_int_equal(ca_cert.key_usage, CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN);
    assert_false(ca_cert.has_eku);
    assert_int_equal(ca_cert.signature_alg, OID_ECDSA_SHA384);
    assert_int_equal(ca_cert.not_before.sec, 1800000000);
    assert_int_equal(ca_cert.not_after.sec, 2600000000);
    assert_string_equal(cert_name(ca_cert.subject, name, sizeof name), "Z\xc3\xbcrich Root");
    assert_true(bytes_equal(ca_cert.subject, ca_cert.issuer));
    assert_false(certext_has_policy(&ca_cert, OID_LAB_POLICY));

    leaf = ca;
    leaf.common_name = "Leaf";
    leaf.organization = NULL;
    leaf.key = leaf_key;
    leaf.is_ca = false;
    leaf.key_usage = CERT_USAGE_NON_REPUDIATION;
    leaf.purposes = purposes;
    leaf.policy = OID_LAB_POLICY;
    leaf.issuer = wbuf_bytes(&ca_der);
    leaf.issuer_key = ca_key;
    assert_int_equal(issue_certificate(&leaf, &leaf_der), RC_OK);
    assert_int_equal(cert_parse(wbuf_bytes(&leaf_der), &cert), RC_OK);
    assert_false(cert.is_ca);
    assert_true(bytes_equal(cert.issuer, ca_cert.subject));
    assert_int_equal(cert.key_usage, CERT_USAGE_NON_REPUDIATION);
    assert_int_equal(cert.eku, CERT_EKU_TIME_STAMPING | CERT_EKU_LIFETIME_SIGNING);
    assert_false(cert.eku_critical);
    assert_int_equal(cert.key_type, OID_ED25519);
    assert_true(keyfile_fits(leaf_key, cert.spki));
    assert_true(certext_has_policy(&cert, OID_LAB_POLICY));
    assert_false(certext_has_policy(&cert, OID_LAB_TIME_POLICY));
    assert_true(cert_get_extension(&cert, OID_CE_AUTHORITY_KEY_ID, &value));
    assert_false(cert_get_extension(&cert, OID_CE_CRL_DISTRIBUTION_POINTS, &value));
    wbuf_clear(&ca_der);
    wbuf_clear(&leaf_der);
    assert_int_equal(ERR_peek_error(), 0);
}

static void serial_numbers_are_long_and_differ(void **state)
{
    struct issue ca = ca_template();
    struct cert certs[2];
    struct wbuf ders[2];
    (void)state;

    for (int i = 0; i < 2; i++) {
        wbuf_init(&ders[i], 1 << 16);
        assert_int_equal(issue_certificate(&ca, &ders[i]), RC_OK);
        assert_int_equal(cert_parse(wbuf_bytes(&ders[i]), &certs[i]), RC_OK);
        assert_int_equal(certs[i].serial.len, 16);
        assert_true(certs[i].serial.data[0] < 0x80);
    }
    assert_false(bytes_equal(certs[0].serial, certs[1].serial));
    wbuf_clear(&ders[0]);
    wbuf_clear(&ders[1]);
}

static void an_ed25519_ca_needs_no_digest(void **state)
{
    struct issue ca = ca_template();
    struct wbuf der;
    struct cert cert;
    (void)state;

    ca.key = leaf_key;
    ca.digest = DIGEST_NONE;
    wbuf_init(&der, 1 << 16);
    assert_int_equal(issue_certificate(&ca, &der), RC_OK);
    assert_int_equal(cert_parse(wbuf_bytes(&der), &cert), RC_OK);
    assert_int_equal(cert.signature_alg, OID_ED25519);
    wbuf_clear(&der);
}

static void what_can_not_be_issued_is_told(void **state)
{
    struct issue ca = ca_template();
    char room[10];
    struct wbuf der;
    (void)state;

    wbuf_init(&der, 1 << 16);
    ca.issuer = bytes_str("no certificate");
    assert_int_equal(issue_certificate(&ca, &der), RC_CERT_MALFORMED);
    ca = ca_template();
    ca.digest = DIGEST_NONE;
    assert_int_equal(issue_certificate(&ca, &der), RC_CRYPTO);
    ca = ca_template();
    ca.common_name = "\xff\xfe";
    assert_int_equal(issue_certificate(&ca, &der), RC_CRYPTO);
    assert_int_equal(der.len, 0);
    wbuf_init_fixed(&der, room, sizeof room);
    ca = ca_template();
    assert_int_equal(issue_certificate(&ca, &der), RC_TOO_LARGE);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_comes_out_as_it_is),
        cmocka_unit_test(serial_numbers_are_long_and_differ),
        cmocka_unit_test(an_ed25519_ca_needs_no_digest),
        cmocka_unit_test(what_can_not_be_issued_is_told),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
