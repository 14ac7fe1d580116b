/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out inside libcrypto, at one allocation after the other: a chain is never called good that was not good, a
 * digest is never handed out half made, nothing crashes, and the same question asked again is answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/chain_ask.h"

/* libcrypto itself forgets memory on some of these ways. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* Allocations until the one that fails; below zero none does. */
static long countdown = -1;

static bool runs_out(void)
{
    if (countdown < 0) {
        return false;
    }
    return countdown-- == 0;
}

static void *give(size_t num, const char *file, int line)
{
    (void)file;
    (void)line;
    return runs_out() ? NULL : malloc(num);
}

static void *give_again(void *old, size_t num, const char *file, int line)
{
    (void)file;
    (void)line;
    return runs_out() ? NULL : realloc(old, num);
}

static void take_back(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

/* Asks until an answer came without a failure; the number of allocations. Every fifth one fails, or with TSA_LONG each. */
static long ask_at_each_allocation(const struct chain_query *query, enum rc expected)
{
    for (long i = 0;; i += getenv("TSA_LONG") ? 1 : 5) {
        struct chain chain;
        bool failed;
        enum rc rc;

        countdown = i;
        rc = chain_check(query, &chain);
        failed = countdown < 0;
        countdown = -1;
        assert_true(rc == expected || rc != RC_OK);
        chain_clear(&chain);
        if (!failed) {
            assert_int_equal(rc, expected);
            return i;
        }
    }
}

/* Every verdict that is not RC_OK must never become RC_OK. */
static void chains(void **state)
{
    struct mint_crl_spec named = {&middle, 3, NOW - MINT_DAY, NOW - MINT_DAY, NOW + MINT_DAY, 1};
    struct mint_crl_spec outdated = {&middle, 3, NOW + 1, NOW - 9 * MINT_DAY, NOW - 8 * MINT_DAY, 1};
    struct bytes lists[] = {mint_crl(&named), mint_crl(&outdated)};
    const struct question rows[] = {
        {.leaf = &tsa, .anchors = {&root}},
        {.leaf = &tsa, .anchors = {&other_root}},
        {.leaf = &code, .anchors = {&root}},
        {.leaf = &tsa, .anchors = {&root}, .at = MINT_2026 - 1},
        {.leaf = &tsa, .anchors = {&root}, .at = MINT_2026 + 3650 * MINT_DAY},
        {.leaf = &tsa, .anchors = {&root}, .at = MINT_2026 + 3650 * MINT_DAY + 1},
        {.leaf = &tsa, .anchors = {&other_middle}},
        {.leaf = &tsa, .anchors = {&root}, .crls = {lists[0]}},
        {.leaf = &tsa, .anchors = {&root}, .crls = {lists[1]}},
    };
    const enum rc expected[] = {RC_OK,           RC_CHAIN_UNTRUSTED, RC_CERT_EKU,     RC_CERT_NOT_YET_VALID,
                                RC_OK,           RC_CERT_EXPIRED,    RC_CHAIN_BROKEN, RC_CHAIN_REVOKED,
                                RC_CHAIN_REVOKED};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_anchors *anchors = anchors_of(&rows[i]);
        struct chain_query query = {
            .anchors = anchors, .leaf = rows[i].leaf->der, .intermediates = middle.der};

        query.at.sec = rows[i].at ? rows[i].at : NOW;
        query.intermediates = rows[i].anchors[0] == &other_middle ? BYTES_NONE : middle.der;
        assert_true(ask_at_each_allocation(&query, expected[i]) > 40);
        chain_anchors_free(anchors);
    }
    mint_crl_free(lists[0]);
    mint_crl_free(lists[1]);
}

static void anchors_and_lists(void **state)
{
    struct mint_crl_spec spec = {&middle, 3, NOW, NOW, NOW + MINT_DAY, 1};
    struct bytes crl = mint_crl(&spec);

    (void)state;
    for (long i = 0, failed = 1; failed; i++) {
        enum rc rc = RC_NO_MEMORY, list_rc = RC_NO_MEMORY;
        struct chain_anchors *made;

        countdown = i;
        made = chain_anchors_new();
        if (made) {
            rc = chain_anchors_add(made, root.der);
            list_rc = chain_anchors_add_crl(made, crl);
        }
        failed = countdown < 0;
        countdown = -1;
        assert_true(failed || (rc == RC_OK && list_rc == RC_OK));
        assert_true(rc != RC_OK || chain_anchors_count(made) == 1);
        chain_anchors_free(made);
    }
    mint_crl_free(crl);
}

static void digests(void **state)
{
    const struct bytes abc = bytes_str("abc");
    uint8_t want[DIGEST_MAX], found[DIGEST_MAX];

    (void)state;
    assert_int_equal(digest_compute(DIGEST_SHA256, &abc, 1, want), RC_OK);
    for (long i = 0, failed = 1; failed; i++) {
        enum rc rc;

        countdown = i;
        rc = digest_compute(DIGEST_SHA256, &abc, 1, found);
        failed = countdown < 0;
        countdown = -1;
        assert_true(rc == RC_OK ? memcmp(want, found, 32) == 0 : rc == RC_NO_MEMORY || rc == RC_CRYPTO);
        assert_true(failed || rc == RC_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains),
        cmocka_unit_test(anchors_and_lists),
        cmocka_unit_test(digests),
    };

    if (!CRYPTO_set_mem_functions(give, give_again, take_back)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_all, free_all);
}
