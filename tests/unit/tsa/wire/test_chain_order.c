/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a heap of certificates, and heaps that are no chain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/chain_ask.h"

static void assert_order(struct bytes *certs, const struct mint *const *want, size_t num)
{
    assert_int_equal(chain_order(certs, num), RC_OK);
    for (size_t i = 0; i < num; i++) {
        assert_true(bytes_equal(certs[i], want[i]->der));
    }
}

static void any_order_becomes_the_chains(void **state)
{
    static const size_t permutations[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct mint *want[] = {&tsa, &middle, &root};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct bytes certs[3];

        for (size_t k = 0; k < 3; k++) {
            certs[k] = want[permutations[i][k]]->der;
        }
        assert_order(certs, want, 3);
    }
    assert_order((struct bytes[]){middle.der, tsa.der}, (const struct mint *[]){&tsa, &middle}, 2);
    assert_order((struct bytes[]){tsa.der}, (const struct mint *[]){&tsa}, 1);
    assert_order((struct bytes[]){root.der}, (const struct mint *[]){&root}, 1);
}

static void signatures_decide_between_equal_names(void **state)
{
    struct mint next =
        mint(&(struct mint_spec){.cn = "Root", .issuer = &root, .serial = 9, .extensions = ca_ext});
    struct mint lower = mint(&(struct mint_spec){.cn = "Lower", .issuer = &next, .extensions = tsa_ext});
    const struct mint *want[] = {&lower, &next, &root};

    (void)state;
    assert_order((struct bytes[]){root.der, lower.der, next.der}, want, 3);
    assert_order((struct bytes[]){next.der, root.der, lower.der}, want, 3);
    mint_free(&lower);
    mint_free(&next);
}

static void what_is_no_chain_stays_as_it_was(void **state)
{
    static const struct mint *const rows[][5] = {
        {&tsa, &root},                         /* a gap */
        {&tsa, &code, &middle},                /* two leaves */
        {&tsa, &middle, &root, &other_root},   /* a stranger */
        {&tsa, &middle, &other_middle, &root}, /* two of one name, one too many */
        {&tsa, &tsa},
        {&root, &root},
        {&root, &other_root},
        {&tsa, &middle, &middle},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes certs[5];
        size_t num = 0;

        for (; rows[i][num]; num++) {
            certs[num] = rows[i][num]->der;
        }
        assert_int_equal(chain_order(certs, num), RC_CHAIN_BROKEN);
        for (size_t k = 0; k < num; k++) {
            assert_ptr_equal(certs[k].data, rows[i][k]->der.data);
        }
    }
    assert_int_equal(chain_order(NULL, 0), RC_CHAIN_BROKEN);
    assert_int_equal(chain_order((struct bytes[]){tsa.der, bytes_str("x")}, 2), RC_CERT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_becomes_the_chains),
        cmocka_unit_test(signatures_decide_between_equal_names),
        cmocka_unit_test(what_is_no_chain_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
