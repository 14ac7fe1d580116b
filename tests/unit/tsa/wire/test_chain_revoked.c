/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation: before and after the time in question, by purpose and reason (RFC 3161 4), and lists that say nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/chain_ask.h"

static void revoked_before_is_revoked(void **state)
{
    static const int reasons[] = {-1, 0, 1, 2, 3, 4, 5, 9};

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        for (unsigned purpose = CHAIN_TIME_STAMPING; purpose <= CHAIN_ANY; purpose++) {
            struct mint_crl_spec spec = {&middle,        3,         NOW - MINT_DAY, NOW - MINT_DAY,
                                         NOW + MINT_DAY, reasons[i]};
            struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

            spec.serial = purpose == CHAIN_CODE_SIGNING ? 4 : 3;
            q.leaf = purpose == CHAIN_CODE_SIGNING ? &code : &tsa;
            q.purpose = (enum chain_purpose)purpose;
            q.crls[0] = mint_crl(&spec);
            assert_rc(&q, RC_CHAIN_REVOKED);
            mint_crl_free(q.crls[0]);
        }
    }
}

/* RFC 3161 4: what a key did before it was revoked for a harmless reason stays good. No reason is no harmless reason. */
static void revoked_later_by_reason(void **state)
{
    static const struct {
        int reason;
        enum rc stamping;
    } rows[] = {
        {-1, RC_CHAIN_REVOKED}, /* none */
        {0, RC_OK},             /* unspecified */
        {1, RC_CHAIN_REVOKED},  /* keyCompromise */
        {2, RC_CHAIN_REVOKED},  /* cACompromise */
        {3, RC_OK},             /* affiliationChanged */
        {4, RC_OK},             /* superseded */
        {5, RC_OK},             /* cessationOfOperation */
        {6, RC_CHAIN_REVOKED},  /* certificateHold */
        {9, RC_CHAIN_REVOKED},  /* privilegeWithdrawn */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mint_crl_spec spec = {&middle, 3, NOW + 1, NOW + MINT_DAY, NOW + 9 * MINT_DAY, rows[i].reason};
        struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

        q.crls[0] = mint_crl(&spec);
        assert_rc(&q, rows[i].stamping);
        q.purpose = CHAIN_ANY;
        assert_rc(&q, RC_OK);
        mint_crl_free(q.crls[0]);
        spec.serial = 4;
        q.leaf = &code;
        q.purpose = CHAIN_CODE_SIGNING;
        q.crls[0] = mint_crl(&spec);
        assert_rc(&q, RC_OK);
        mint_crl_free(q.crls[0]);
    }
}

/* Of two lists that name it the harsher one counts, whichever libcrypto prefers. */
static void the_harsher_list_counts(void **state)
{
    struct mint_crl_spec harmless = {&middle, 3, NOW + 1, NOW + MINT_DAY, NOW + 9 * MINT_DAY, 4};
    struct mint_crl_spec harsh = {&middle, 3, NOW + 1, NOW + 2 * MINT_DAY, NOW + 8 * MINT_DAY, 1};
    struct bytes lists[2] = {mint_crl(&harmless), mint_crl(&harsh)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

        q.crls[0] = lists[i];
        q.crls[1] = lists[1 - i];
        assert_rc(&q, RC_CHAIN_REVOKED);
    }
    mint_crl_free(lists[0]);
    mint_crl_free(lists[1]);
}

static void the_second_of_revocation_is_revoked(void **state)
{
    struct mint_crl_spec spec = {&middle, 3, NOW, NOW, NOW + MINT_DAY, 4};
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

    (void)state;
    q.crls[0] = mint_crl(&spec);
    assert_rc(&q, RC_CHAIN_REVOKED);
    q.at = NOW - 1;
    assert_rc(&q, RC_OK);
    mint_crl_free(q.crls[0]);
}

static void an_authority_may_be_revoked(void **state)
{
    struct mint_crl_spec spec = {&root, 2, NOW - MINT_DAY, NOW - MINT_DAY, NOW + MINT_DAY, 2};
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

    (void)state;
    q.crls[0] = mint_crl(&spec);
    assert_rc(&q, RC_CHAIN_REVOKED);
    mint_crl_free(q.crls[0]);
}

/* A list that is missing, outdated, of the future or of somebody else says nothing against a certificate. */
static void lists_that_do_not_speak_of_it(void **state)
{
    const struct mint_crl_spec specs[] = {
        {&middle, 99, NOW - MINT_DAY, NOW - MINT_DAY, NOW + MINT_DAY, 1},
        {&middle, 99, NOW - 9 * MINT_DAY, NOW - 9 * MINT_DAY, NOW - 8 * MINT_DAY, 1},
        {&middle, 99, NOW + 8 * MINT_DAY, NOW + 8 * MINT_DAY, NOW + 9 * MINT_DAY, 1},
        {&other_root, 3, NOW - MINT_DAY, NOW - MINT_DAY, NOW + MINT_DAY, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

        q.crls[0] = mint_crl(&specs[i]);
        assert_rc(&q, RC_OK);
        mint_crl_free(q.crls[0]);
    }
}

/* An outdated list still revokes; a list that the authority did not sign revokes nobody, and is not passed over. */
static void outdated_and_forged_lists(void **state)
{
    struct mint_crl_spec outdated = {&middle, 3, NOW - 9 * MINT_DAY, NOW - 9 * MINT_DAY, NOW - 8 * MINT_DAY,
                                     1};
    struct mint_crl_spec forged = {&other_middle, 3, NOW - MINT_DAY, NOW - MINT_DAY, NOW + MINT_DAY, 1};
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

    (void)state;
    q.crls[0] = mint_crl(&outdated);
    assert_rc(&q, RC_CHAIN_REVOKED);
    mint_crl_free(q.crls[0]);
    q.crls[0] = mint_crl(&forged);
    assert_rc(&q, RC_CHAIN_BROKEN);
    mint_crl_free(q.crls[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revoked_before_is_revoked),   cmocka_unit_test(revoked_later_by_reason),
        cmocka_unit_test(the_harsher_list_counts),     cmocka_unit_test(the_second_of_revocation_is_revoked),
        cmocka_unit_test(an_authority_may_be_revoked), cmocka_unit_test(lists_that_do_not_speak_of_it),
        cmocka_unit_test(outdated_and_forged_lists),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
