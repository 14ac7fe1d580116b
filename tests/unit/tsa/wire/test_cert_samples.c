/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every certificate that lies in the real files of $TSA_SAMPLES, found by its first octets: what libcrypto reads is read here
 * too, and both agree on the facts. Skipped without that folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "tsa/wire/cert.h"

static size_t num_seen;

static void assert_same_octets(struct bytes ours, int len, unsigned char *theirs)
{
    assert_true(len > 0);
    assert_true(bytes_equal(ours, bytes_of(theirs, (size_t)len)));
    OPENSSL_free(theirs);
}

static void assert_same_time(struct gentime ours, const ASN1_TIME *theirs)
{
    struct tm tm;

    assert_int_equal(ASN1_TIME_to_tm(theirs, &tm), 1);
    assert_true(ours.sec == timegm(&tm));
}

static void assert_same_serial(struct bytes ours, const ASN1_INTEGER *theirs)
{
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(theirs, &der);

    assert_true(len > 2 && (size_t)len == ours.len + 2);
    assert_memory_equal(der + 2, ours.data, ours.len);
    OPENSSL_free(der);
}

static void assert_same_facts(const struct cert *cert, X509 *x)
{
    uint32_t flags = X509_get_extension_flags(x), eku = X509_get_extended_key_usage(x);
    unsigned char *issuer = NULL, *subject = NULL;
    int issuer_len = i2d_X509_NAME(X509_get_issuer_name(x), &issuer);
    int subject_len = i2d_X509_NAME(X509_get_subject_name(x), &subject);
    int critical = -1;
    char name[200];

    assert_same_octets(cert->issuer, issuer_len, issuer);
    assert_same_octets(cert->subject, subject_len, subject);
    assert_same_serial(cert->serial, X509_get0_serialNumber(x));
    assert_same_time(cert->not_before, X509_get0_notBefore(x));
    assert_same_time(cert->not_after, X509_get0_notAfter(x));
    assert_int_equal(cert->is_ca, (flags & EXFLAG_CA) != 0);
    assert_int_equal(cert->has_eku, (flags & EXFLAG_XKUSAGE) != 0);
    assert_int_equal(cert->has_key_usage, (flags & EXFLAG_KUSAGE) != 0);
    if (cert->has_eku) {
        assert_int_equal((cert->eku & CERT_EKU_TIME_STAMPING) != 0, (eku & XKU_TIMESTAMP) != 0);
        assert_int_equal((cert->eku & CERT_EKU_CODE_SIGNING) != 0, (eku & XKU_CODE_SIGN) != 0);
        EXTENDED_KEY_USAGE_free(X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL));
        assert_int_equal(cert->eku_critical, critical == 1);
    }
    assert_true(cert->signature_alg != OID_NONE && cert->key_type != OID_NONE);
    assert_true(strlen(cert_name(cert->subject, name, sizeof name)) > 0);
}

static void one_certificate(struct bytes der, const char *path, size_t at)
{
    const unsigned char *end = der.data;
    X509 *x = d2i_X509(NULL, &end, (long)der.len);
    struct cert cert;

    if (!x) {
        return;
    }
    if (X509_get_version(x) < X509_VERSION_1 || X509_get_version(x) > X509_VERSION_3) {
        assert_int_equal(cert_parse(der, &cert), RC_CERT_MALFORMED); /* libcrypto does not judge it */
    } else if (cert_parse(der, &cert) == RC_OK) {
        assert_same_facts(&cert, x);
        num_seen++;
    } else {
        fail_msg("%s: the certificate at %zu was refused", path, at);
    }
    X509_free(x);
}

/* SEQUENCE { SEQUENCE { [0] { INTEGER version ... with lengths of two octets each. */
static bool begins_here(const uint8_t *at)
{
    return at[0] == 0x30 && at[1] == 0x82 && at[4] == 0x30 && at[5] == 0x82 &&
           memcmp(at + 8, "\xa0\x03\x02\x01", 4) == 0;
}

static int one_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    size_t size = (size_t)st->st_size, len;
    uint8_t *data;
    FILE *in;

    (void)ftw;
    if (type != FTW_F || size < 100) {
        return 0;
    }
    data = malloc(size);
    in = fopen(path, "rb");
    assert_true(data && in && fread(data, 1, size, in) == size);
    fclose(in);
    for (size_t at = 0; at + 12 < size; at++) {
        if (begins_here(data + at) && der_tlv_len(bytes_of(data + at, size - at), &len) == RC_OK) {
            one_certificate(bytes_of(data + at, len), path, at);
        }
    }
    free(data);
    return 0;
}

static void certificates_of_real_files(void **state)
{
    const char *folder = getenv("TSA_SAMPLES");

    (void)state;
    if (!folder) {
        print_message("TSA_SAMPLES is not set\n");
        skip();
    }
    assert_int_equal(nftw(folder, one_file, 16, FTW_PHYS), 0);
    print_message("%zu certificates\n", num_seen);
    assert_true(num_seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_real_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
