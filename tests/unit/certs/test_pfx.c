/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .pfx files there and back, the openssl command at the other end, wrong passwords and damage.
 */
#include "certs/pfx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "certs/issue.h"
#include "certs/keyfile.h"
#include "tsa/base/safefile.h"

static char folder[] = "/tmp/test_pfx.XXXXXX";
static EVP_PKEY *keys[2];
static struct wbuf ders[2]; /* leaf, issuer */

static int setup(void **state)
{
    (void)state;
    for (int i = 1; i >= 0; i--) {
        struct issue issue = {.common_name = i ? "Issuer" : "Leaf",
                              .not_before = {.sec = 1800000000},
                              .not_after = {.sec = 1900000000},
                              .is_ca = i,
                              .issuer = wbuf_bytes(&ders[1]),
                              .issuer_key = keys[1],
                              .digest = DIGEST_SHA256};

        wbuf_init(&ders[i], 1 << 16);
        if (keyfile_make(KEYFILE_P256, &keys[i]) != RC_OK) {
            return -1;
        }
        issue.key = keys[i];
        if (issue_certificate(&issue, &ders[i]) != RC_OK) {
            return -1;
        }
    }
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    for (int i = 0; i < 2; i++) {
        EVP_PKEY_free(keys[i]);
        wbuf_clear(&ders[i]);
    }
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static enum rc build(enum pfx_strength strength, const char *password, struct wbuf *out)
{
    const struct bytes issuer = wbuf_bytes(&ders[1]);
    const struct pfx pfx = {
        .name = "friendly", .key = keys[0], .leaf = wbuf_bytes(&ders[0]), .chain = &issuer, .num_chain = 1};

    wbuf_init(out, 1 << 16);
    return pfx_build(&pfx, password, strength, out);
}

static void there_and_back(void **state)
{
    static const struct {
        enum pfx_strength strength;
        const char *check;
    } cases[] = {
        {PFX_OLD_WINDOWS, "openssl pkcs12 -legacy -in x.pfx -passin pass:pw -nodes -info 2>&1 | grep -q "
                          "pbeWithSHA1And3-KeyTripleDES"},
        {PFX_OLD_WINDOWS, "openssl pkcs12 -in x.pfx -passin pass:pw -nodes -info 2>&1 | grep -q 'MAC: sha1'"},
        {PFX_STRONG, "openssl pkcs12 -in x.pfx -passin pass:pw -nodes -info 2>&1 | grep -q AES-256-CBC"},
        {PFX_STRONG, "openssl pkcs12 -in x.pfx -passin pass:pw -nodes -info 2>&1 | grep -q 'MAC: sha256'"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certfile certs;
        struct wbuf der;
        EVP_PKEY *key;

        assert_int_equal(build(cases[i].strength, "pw", &der), RC_OK);
        assert_int_equal(pfx_parse(wbuf_bytes(&der), "pw", &key, &certs), RC_OK);
        assert_int_equal(EVP_PKEY_eq(key, keys[0]), 1);
        assert_int_equal(certs.num, 2);
        assert_true(bytes_equal(certs.certs[0], wbuf_bytes(&ders[0])));
        assert_true(bytes_equal(certs.certs[1], wbuf_bytes(&ders[1])));
        EVP_PKEY_free(key);
        certfile_clear(&certs);
        assert_int_equal(safefile_write("x.pfx", wbuf_bytes(&der), 0600), RC_OK);
        assert_int_equal(system(cases[i].check), 0);
        wbuf_clear(&der);
    }
}

static enum rc parse(struct bytes in, const char *password)
{
    struct certfile certs;
    EVP_PKEY *key;
    enum rc rc = pfx_parse(in, password, &key, &certs);

    if (rc != RC_OK) {
        assert_int_equal(certs.num, 0);
    }
    EVP_PKEY_free(key);
    certfile_clear(&certs);
    return rc;
}

static void wrong_passwords_and_damage_are_told(void **state)
{
    struct wbuf der;
    (void)state;

    assert_int_equal(build(PFX_OLD_WINDOWS, "pw", &der), RC_OK);
    assert_int_equal(parse(wbuf_bytes(&der), "wrong"), RC_KEY_PASSPHRASE);
    assert_int_equal(parse(wbuf_bytes(&der), ""), RC_KEY_PASSPHRASE);
    assert_int_equal(parse(BYTES_NONE, "pw"), RC_KEY_MALFORMED);
    assert_int_equal(parse(bytes_str("0\x03no"), "pw"), RC_KEY_MALFORMED);
    for (size_t at = 0; at < der.len; at += 7) {
        der.data[at] ^= 0x10;
        assert_true(parse(bytes_of(der.data, at), "pw") != RC_OK);
        (void)parse(wbuf_bytes(&der), "pw");
        der.data[at] ^= 0x10;
    }
    assert_int_equal(parse(wbuf_bytes(&der), "pw"), RC_OK);
    wbuf_clear(&der);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_leaf_that_does_not_fit_is_told(void **state)
{
    const struct pfx pfx = {.name = "x", .key = keys[1], .leaf = wbuf_bytes(&ders[0])};
    const struct bytes bad = bytes_str("bad");
    struct pfx broken = {
        .name = "x", .key = keys[0], .leaf = wbuf_bytes(&ders[0]), .chain = &bad, .num_chain = 1};
    struct wbuf der;
    (void)state;

    wbuf_init(&der, 1 << 16);
    assert_int_equal(pfx_build(&pfx, "pw", PFX_STRONG, &der), RC_CRYPTO);
    assert_int_equal(pfx_build(&broken, "pw", PFX_STRONG, &der), RC_CRYPTO);
    assert_int_equal(der.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
}

/* A key without certificates. */
static void a_leaf_must_be_there(void **state)
{
    struct wbuf der;
    (void)state;

    assert_int_equal(keyfile_write("only.key", keys[0], NULL), RC_OK);
    assert_int_equal(system("openssl pkcs12 -export -nocerts -inkey only.key -passout pass:pw -out only.pfx"),
                     0);
    wbuf_init(&der, 1 << 16);
    assert_int_equal(safefile_read("only.pfx", 1 << 16, &der), RC_OK);
    assert_int_equal(parse(wbuf_bytes(&der), "pw"), RC_CERT_NOT_FOUND);
    wbuf_clear(&der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(wrong_passwords_and_damage_are_told),
        cmocka_unit_test(a_leaf_that_does_not_fit_is_told),
        cmocka_unit_test(a_leaf_must_be_there),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
