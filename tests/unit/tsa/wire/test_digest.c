/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests: the columns of the table agree with each other and with libcrypto, hashes of "abc" (FIPS 180-4, RFC 1321),
 * algorithm identifiers octet by octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/digest.h"

static const struct {
    enum digest alg;
    const char *name, *abc, *with_null, *without;
} rows[] = {
    {DIGEST_MD5, "md5", "900150983cd24fb0d6963f7d28e17f72", "300c06082a864886f70d02050500",
     "300a06082a864886f70d0205"},
    {DIGEST_SHA1, "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d", "300906052b0e03021a0500",
     "300706052b0e03021a"},
    {DIGEST_SHA256, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "300d06096086480165030402010500", "300b0609608648016503040201"},
    {DIGEST_SHA384, "sha384",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
     "300d06096086480165030402020500", "300b0609608648016503040202"},
    {DIGEST_SHA512, "sha512",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "300d06096086480165030402030500", "300b0609608648016503040203"},
};

#define NUM_ROWS (sizeof rows / sizeof rows[0])

static void columns_agree(void **state)
{
    (void)state;
    assert_int_equal(NUM_ROWS, DIGEST_NUM - 1);
    for (size_t i = 0; i < NUM_ROWS; i++) {
        enum digest alg = rows[i].alg;

        assert_string_equal(digest_name(alg), rows[i].name);
        assert_int_equal(digest_of_name(rows[i].name), alg);
        assert_int_equal(digest_of_oid(digest_oid(alg)), alg);
        assert_int_equal(digest_len(alg), strlen(rows[i].abc) / 2);
        assert_int_equal(EVP_MD_get_size(digest_md(alg)), digest_len(alg));
        assert_true(EVP_MD_is_a(digest_md(alg), digest_name(alg)));
        assert_true(digest_len(alg) <= DIGEST_MAX);
    }
}

static void names_of_people(void **state)
{
    static const struct {
        const char *name;
        enum digest alg;
    } names[] = {
        {"SHA256", DIGEST_SHA256},  {"sha-256", DIGEST_SHA256}, {"Sha-1", DIGEST_SHA1},
        {"SHA-512", DIGEST_SHA512}, {"MD5", DIGEST_MD5},        {"", DIGEST_NONE},
        {"sha", DIGEST_NONE},       {"sha2560", DIGEST_NONE},   {"none", DIGEST_NONE},
        {"sha224", DIGEST_NONE},    {"sha3-256", DIGEST_NONE},  {" sha256", DIGEST_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(digest_of_name(names[i].name), names[i].alg);
    }
}

static void strangers(void **state)
{
    uint8_t out[DIGEST_MAX];
    struct wbuf w;

    (void)state;
    assert_int_equal(digest_of_oid(OID_NONE), DIGEST_NONE);
    assert_int_equal(digest_of_oid(OID_RSA), DIGEST_NONE);
    for (int alg = -1; alg <= DIGEST_NUM; alg += DIGEST_NUM + 1) {
        assert_int_equal(digest_len((enum digest)alg), 0);
        assert_string_equal(digest_name((enum digest)alg), "none");
    }
    assert_int_equal(digest_len(DIGEST_NONE), 0);
    assert_int_equal(digest_oid(DIGEST_NONE), OID_NONE);
    assert_null(digest_md(DIGEST_NONE));
    assert_int_equal(digest_compute(DIGEST_NONE, NULL, 0, out), RC_DIGEST_UNKNOWN);
    wbuf_init(&w, 100);
    digest_put_algorithm(&w, DIGEST_NONE, true);
    assert_int_equal(wbuf_rc(&w), RC_DIGEST_UNKNOWN);
    wbuf_clear(&w);
}

static void hashes_of_abc(void **state)
{
    const struct bytes whole = bytes_str("abc");
    const struct bytes parts[] = {bytes_str("a"), BYTES_NONE, bytes_str("bc"), bytes_str("")};

    (void)state;
    for (size_t i = 0; i < NUM_ROWS; i++) {
        struct hex store = {.len = 0};
        struct bytes want = hex(&store, rows[i].abc);
        uint8_t out[DIGEST_MAX];

        assert_int_equal(digest_compute(rows[i].alg, &whole, 1, out), RC_OK);
        assert_memory_equal(out, want.data, want.len);
        assert_int_equal(digest_compute(rows[i].alg, parts, 4, out), RC_OK);
        assert_memory_equal(out, want.data, want.len);
    }
}

static void hash_of_nothing(void **state)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    uint8_t out[DIGEST_MAX];

    (void)state;
    assert_int_equal(digest_compute(DIGEST_SHA256, NULL, 0, out), RC_OK);
    assert_memory_equal(out, want.data, want.len);
}

static void algorithm_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * NUM_ROWS; i++) {
        bool with_null = i % 2 == 0;
        struct hex store = {.len = 0};
        struct bytes want = hex(&store, with_null ? rows[i / 2].with_null : rows[i / 2].without);
        struct wbuf w;

        wbuf_init(&w, 100);
        digest_put_algorithm(&w, rows[i / 2].alg, with_null);
        assert_true(bytes_equal(wbuf_bytes(&w), want));
        wbuf_clear(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_agree),   cmocka_unit_test(names_of_people),
        cmocka_unit_test(strangers),       cmocka_unit_test(hashes_of_abc),
        cmocka_unit_test(hash_of_nothing), cmocka_unit_test(algorithm_identifiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
