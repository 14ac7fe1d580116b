/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C against the vectors of RFC 3720 B.4, and against the definition bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/issuer/crc32c.h"

static struct crc32c crc;

static void test_vectors(void **state)
{
    uint8_t in[32];

    (void)state;
    memset(in, 0, sizeof(in));
    assert_int_equal(crc32c_of(&crc, 0, bytes_of(in, 32)), 0x8a9136aa);
    memset(in, 0xff, sizeof(in));
    assert_int_equal(crc32c_of(&crc, 0, bytes_of(in, 32)), 0x62a8ab43);
    for (size_t i = 0; i < 32; i++) {
        in[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c_of(&crc, 0, bytes_of(in, 32)), 0x46dd794e);
    assert_int_equal(crc32c_of(&crc, 0, bytes_str("123456789")), 0xe3069283);
    assert_int_equal(crc32c_of(&crc, 0, BYTES_NONE), 0);
}

static uint32_t by_definition(const uint8_t *in, size_t len)
{
    uint32_t c = 0xffffffffu;

    for (size_t i = 0; i < len * 8; i++) {
        const uint32_t bit = (c ^ (uint32_t)(in[i / 8] >> i % 8)) & 1;

        c = (c >> 1) ^ (bit ? 0x82f63b78u : 0);
    }
    return ~c;
}

static void test_every_length_and_split(void **state)
{
    uint8_t in[67];

    (void)state;
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)(i * 151 + 11);
    }
    for (size_t len = 0; len <= sizeof(in); len++) {
        const uint32_t whole = crc32c_of(&crc, 0, bytes_of(in, len));

        assert_int_equal(whole, by_definition(in, len));
        for (size_t cut = 0; cut <= len; cut++) {
            const uint32_t first = crc32c_of(&crc, 0, bytes_of(in, cut));

            assert_int_equal(crc32c_of(&crc, first, bytes_of(in + cut, len - cut)), whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_length_and_split),
    };

    crc32c_init(&crc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
