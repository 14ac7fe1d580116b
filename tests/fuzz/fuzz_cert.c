/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and sets of them: views lie inside, names are UTF-8 without control characters, a certificate that was read
 * is found again by its issuer and serial, and libcrypto, where it reads it too, reads the same key usages.
 * Seeds: openssl req -x509 with EC, RSA and Ed25519 keys and the extensions that the reader knows.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tsa/wire/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_view(struct bytes in, struct bytes b)
{
    check(b.len == 0 || (b.data >= in.data && (size_t)(b.data - in.data) <= in.len - b.len));
}

static void check_name(struct bytes name)
{
    char out[100];
    size_t len = strlen(cert_name(name, out, sizeof out));

    check(len < sizeof out);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)out[i];

        check(c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc1 && c < 0xf5);
        check(c < 0xc0 || (i + 1 < len && ((uint8_t)out[i + 1] & 0xc0) == 0x80));
    }
}

static void compare_with_libcrypto(const struct cert *cert)
{
    const unsigned char *at = cert->der.data;
    X509 *x = d2i_X509(NULL, &at, (long)cert->der.len);

    if (x && !(X509_get_extension_flags(x) & EXFLAG_INVALID)) {
        check(cert->is_ca == ((X509_get_extension_flags(x) & EXFLAG_CA) != 0));
        check(cert->has_eku == ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) != 0));
        check(!(cert->eku & CERT_EKU_TIME_STAMPING) || X509_get_extended_key_usage(x) & XKU_TIMESTAMP);
        check(!(cert->eku & CERT_EKU_CODE_SIGNING) || X509_get_extended_key_usage(x) & XKU_CODE_SIGN);
    }
    X509_free(x);
    ERR_clear_error();
}

static void one_certificate(struct bytes in)
{
    struct cert cert, found;
    struct wbuf w;

    if (cert_parse(in, &cert) != RC_OK) {
        check(cert.der.len == 0);
        return;
    }
    check_view(in, cert.issuer);
    check_view(in, cert.subject);
    check_view(in, cert.serial);
    check_view(in, cert.spki);
    check_view(in, cert.extensions);
    check(cert.serial.len > 0);
    check_name(cert.issuer);
    check_name(cert.subject);
    check(cert_find(in, cert.issuer, cert.serial, &found) == RC_OK && found.der.data == cert.der.data);
    check(cert_check_timestamping(&cert) != RC_OK || (cert.eku == CERT_EKU_TIME_STAMPING && !cert.is_ca));
    wbuf_init(&w, in.len + 200);
    cert_put_issuer_and_serial(&w, &cert);
    check(wbuf_rc(&w) == RC_OK);
    wbuf_clear(&w);
    compare_with_libcrypto(&cert);
}

static void a_set(struct bytes in)
{
    struct bytes rest = in, der;
    size_t total = 0;

    while (cert_next(&rest, &der)) {
        check_view(in, der);
        total += der.len;
        one_certificate(der);
    }
    check(total + rest.len <= in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);

    check_name(in);
    one_certificate(in);
    a_set(in);
    return 0;
}
