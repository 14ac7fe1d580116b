/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from files: rights and owners that are refused, texts that are no key, keys of somebody else; signatures that libcrypto takes,
 * for every kind of key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/desk.h"

static struct desk desk;
static char why[SIGNER_WHY_MAX];

static enum rc open_file(int fd)
{
    struct signer *signer = NULL;
    const enum rc rc = signer_file_open(fd, &desk.unit, 12345, why, &signer);

    assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed, whatever came of it */
    assert_true((rc == RC_OK) == (signer != NULL));
    signer_close(signer);
    return rc;
}

static void test_rights(void **state)
{
    (void)state;
    for (mode_t mode = 0; mode <= 0777; mode++) {
        const bool good = (mode & 077) == 0;

        why[0] = 0;
        assert_int_equal(open_file(desk_key_file(desk.authority.key, mode, NULL)),
                         good ? RC_OK : RC_KEY_EXPOSED);
        assert_true(good || strstr(why, "chmod 600 unit.key"));
    }
}

static void test_owner(void **state)
{
    int fd;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    fd = desk_key_file(desk.authority.key, 0600, NULL);
    assert_int_equal(fchown(fd, 12345, 0), 0); /* the role's own */
    assert_int_equal(open_file(fd), RC_OK);
    fd = desk_key_file(desk.authority.key, 0600, NULL);
    assert_int_equal(fchown(fd, 54321, 0), 0);
    assert_int_equal(open_file(fd), RC_KEY_EXPOSED);
    assert_non_null(strstr(why, "54321"));
}

static void test_no_key(void **state)
{
    int ends[2], fd;
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    (void)state;
    assert_int_equal(open_file(desk_key_file(other, 0600, NULL)), RC_CERT_KEY_MISMATCH);
    assert_non_null(strstr(why, "unit.pem"));
    EVP_PKEY_free(other);
    assert_int_equal(open_file(desk_key_file(desk.authority.key, 0600, "secret")), RC_KEY_PASSPHRASE);
    assert_non_null(strstr(why, "unit.key"));
    fd = memfd_create("key", MFD_CLOEXEC);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(open_file(fd), RC_KEY_MALFORMED);
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    assert_int_equal(open_file(ends[0]), RC_KEY_EXPOSED);
}

/* The signature of our code, judged by libcrypto's one-shot call over the data itself. */
static void test_signatures(void **state)
{
    static const struct authority_spec specs[] = {
        {.key = "RSA"},
        {.key = "P-256"},
        {.key = "P-384", .digest = DIGEST_SHA384},
        {.key = "P-256", .digest = DIGEST_SHA512},
        {.key = "RSA", .digest = DIGEST_SHA512},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        static struct desk d;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        const struct bytes data = bytes_str("what is signed");
        uint8_t digest[DIGEST_MAX];
        struct wbuf signature;

        desk_init(&d, &specs[i]);
        wbuf_init(&signature, 4096);
        for (int n = 0; n < 3; n++) { /* one context for all of them */
            wbuf_reset(&signature);
            assert_int_equal(digest_compute(d.authority.digest, &data, 1, digest), RC_OK);
            assert_int_equal(signer_sign(d.thread.units[0].signer,
                                         bytes_of(digest, digest_len(d.authority.digest)), &signature),
                             RC_OK);
            assert_int_equal(
                EVP_DigestVerifyInit(ctx, NULL, digest_md(d.authority.digest), NULL, d.authority.key), 1);
            assert_int_equal(EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len), 1);
            assert_int_equal(signer_verify(d.thread.units[0].signer,
                                           bytes_of(digest, digest_len(d.authority.digest)),
                                           wbuf_bytes(&signature)),
                             RC_OK);
            signature.data[signature.len - 1] ^= 1;
            assert_int_equal(signer_verify(d.thread.units[0].signer,
                                           bytes_of(digest, digest_len(d.authority.digest)),
                                           wbuf_bytes(&signature)),
                             RC_SELF_CHECK);
        }
        assert_int_equal(signer_sign(d.thread.units[0].signer, bytes_of(digest, 7), &signature),
                         RC_SIGNER_FAILED);
        wbuf_clear(&signature);
        EVP_MD_CTX_free(ctx);
        desk_clear(&d);
    }
}

static int setup(void **state)
{
    (void)state;
    desk_init(&desk, &(struct authority_spec){.key = "P-256"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_clear(&desk);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_no_key),
        cmocka_unit_test(test_signatures),
    };

    (void)signer_prepare_memory();
    return cmocka_run_group_tests(tests, setup, teardown);
}
