/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 against the vectors of its authors (key 00 .. 0f, message 00 01 02 ..), and against libcrypto's for all lengths up to some words. */
#include "tsa/front/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

static const uint64_t secret[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void count_up(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)i;
    }
}

static void test_published(void **state)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)}, {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)}, {3, UINT64_C(0x85676696d7fb7e2d)},
        {4, UINT64_C(0xcf2794e0277187b7)}, {5, UINT64_C(0x18765564cd99a68d)},
        {6, UINT64_C(0xcbc9466e58fee3ce)}, {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)}, {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t message[16];

    (void)state;
    count_up(message, sizeof(message));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(siphash(secret, bytes_of(message, cases[i].len)) == cases[i].hash);
    }
    assert_true(siphash(secret, BYTES_NONE) == cases[0].hash);
}

static uint64_t by_libcrypto(EVP_MAC_CTX *ctx, const uint8_t *message, size_t len)
{
    size_t size = 8, out_len = 0;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                 OSSL_PARAM_construct_end()};
    uint8_t key[16], out[8];
    uint64_t hash = 0;

    count_up(key, sizeof(key));
    assert_int_equal(EVP_MAC_init(ctx, key, sizeof(key), params), 1);
    assert_int_equal(EVP_MAC_update(ctx, message, len), 1);
    assert_int_equal(EVP_MAC_final(ctx, out, &out_len, sizeof(out)), 1);
    assert_int_equal(out_len, sizeof(out));
    for (size_t i = 0; i < sizeof(out); i++) {
        hash |= (uint64_t)out[i] << (8 * i);
    }
    return hash;
}

static void test_as_libcrypto(void **state)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx;
    uint8_t message[40];

    (void)state;
    assert_non_null(mac);
    ctx = EVP_MAC_CTX_new(mac);
    assert_non_null(ctx);
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t len = 0; len <= sizeof(message); len++) {
        assert_true(siphash(secret, bytes_of(message, len)) == by_libcrypto(ctx, message, len));
    }
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_as_libcrypto),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
