/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of prefixes: whatever the order and however they hold one another, a list has what at least one of its prefixes has, and nothing else.
 */
#include "tsa/front/admit_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/base/mem.h"

#define MAX_PREFIXES 1024

static struct netaddr addr_of(const char *text)
{
    struct netaddr addr = {.family = AF_UNIX};

    if (strcmp(text, "-") == 0) {
        addr.family = AF_UNSPEC;
    } else if (strcmp(text, "unix") != 0) {
        assert_int_equal(netaddr_parse(bytes_str(text), &addr), RC_OK);
    }
    return addr;
}

static bool has(const struct admit_list *list, const char *text)
{
    const struct netaddr addr = addr_of(text);

    return admit_list_has(list, &addr);
}

static struct admit_list list_of(const char *const *texts, size_t num)
{
    struct cfg_strings strings = {.list = xcalloc(num + 1, sizeof(char *)), .num = num};
    struct admit_list list;

    for (size_t i = 0; i < num; i++) {
        strings.list[i] = xstrdup(texts[i]);
    }
    admit_list_init(&list, &strings);
    for (size_t i = 0; i < num; i++) {
        free(strings.list[i]);
    }
    free(strings.list);
    return list;
}

static void test_empty(void **state)
{
    struct admit_list list = list_of(NULL, 0);

    (void)state;
    assert_int_equal(list.num, 0);
    assert_false(has(&list, "0.0.0.0"));
    assert_false(has(&list, "::"));
    assert_false(has(&list, "unix"));
    assert_false(has(&list, "-"));
    admit_list_clear(&list);
    admit_list_clear(&list);
}

static void test_nested(void **state)
{
    static const char *const texts[] = {
        "10.1.2.3",     "2001:db8:1::/48", "10.0.0.0/8",     "10.255.255.255", "10.0.0.0", "10.0.0.0/9",
        "192.0.2.0/25", "2001:db8::/32",   "192.0.2.128/25", "unix",           "unix",     "10.0.0.0/8"};
    struct admit_list list = list_of(texts, sizeof(texts) / sizeof(texts[0]));

    (void)state;
    assert_int_equal(list.num, 5);
    assert_true(has(&list, "10.0.0.0"));
    assert_true(has(&list, "10.255.255.255"));
    assert_true(has(&list, "10.200.0.1"));
    assert_false(has(&list, "11.0.0.0"));
    assert_false(has(&list, "9.255.255.255"));
    assert_true(has(&list, "192.0.2.127"));
    assert_true(has(&list, "192.0.2.128"));
    assert_false(has(&list, "192.0.3.0"));
    assert_true(has(&list, "2001:db8:1::1"));
    assert_true(has(&list, "2001:db8:ffff::1"));
    assert_false(has(&list, "2001:db9::"));
    assert_true(has(&list, "unix"));
    assert_true(has(&list, "-")); /* not known: no more than a Unix socket */
    admit_list_clear(&list);
}

static void test_families_apart(void **state)
{
    static const char *const v4[] = {"0.0.0.0/0"}, *const v6[] = {"::/0"};
    struct admit_list list = list_of(v4, 1);

    (void)state;
    assert_true(has(&list, "255.255.255.255"));
    assert_true(has(&list, "::ffff:1.2.3.4"));
    assert_false(has(&list, "::1"));
    assert_false(has(&list, "unix"));
    assert_false(has(&list, "-"));
    admit_list_clear(&list);
    list = list_of(v6, 1);
    assert_true(has(&list, "ffff::"));
    assert_false(has(&list, "1.2.3.4"));
    assert_false(has(&list, "unix"));
    admit_list_clear(&list);
}

/* Numbers that look random, the same in each run. */
static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void make_prefix(uint32_t *seed, char out[64])
{
    const unsigned len = 4 + next(seed) % 29;
    const uint32_t net = (next(seed) << 12 ^ next(seed)) & (uint32_t)(UINT64_C(0xffffffff00000000) >> len);

    if (next(seed) % 2) {
        (void)snprintf(out, 64, "%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255, net >> 8 & 255, net & 255, len);
    } else {
        (void)snprintf(out, 64, "%x:%x::/%u", net >> 16, net & 0xffff, len);
    }
}

static bool any_has(char texts[][64], size_t num, const struct netaddr *addr)
{
    struct netaddr_prefix prefix;
    const char *why;

    for (size_t i = 0; i < num; i++) {
        assert_int_equal(netaddr_prefix_parse(texts[i], &prefix, &why), RC_OK);
        if (netaddr_prefix_has(&prefix, addr)) {
            return true;
        }
    }
    return false;
}

/* Against the plain walk over all prefixes. */
static void test_as_a_walk(void **state)
{
    static char texts[60][64];
    const char *list_texts[60];
    uint32_t seed = 7;

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct admit_list list;

        for (size_t i = 0; i < 60; i++) {
            make_prefix(&seed, texts[i]);
            list_texts[i] = texts[i];
        }
        list = list_of(list_texts, 60);
        for (int i = 0; i < 300; i++) {
            struct netaddr addr = {.family = next(&seed) % 2 ? AF_INET : AF_INET6};

            for (size_t j = 0; j < 4; j++) {
                addr.addr[j] = (uint8_t)next(&seed);
            }
            assert_int_equal(admit_list_has(&list, &addr), any_has(texts, 60, &addr));
        }
        admit_list_clear(&list);
    }
}

static void test_longest_list(void **state)
{
    static char texts[MAX_PREFIXES][64];
    const char *list_texts[MAX_PREFIXES];
    struct admit_list list;

    (void)state;
    for (unsigned i = 0; i < MAX_PREFIXES; i++) {
        const unsigned n = i * 389 % MAX_PREFIXES; /* in no order */

        (void)snprintf(texts[i], sizeof(texts[i]), "10.%u.%u.0/24", n / 128, n % 128 * 2);
        list_texts[i] = texts[i];
    }
    list = list_of(list_texts, MAX_PREFIXES);
    assert_int_equal(list.num, MAX_PREFIXES);
    for (unsigned i = 0; i < 2 * MAX_PREFIXES; i++) {
        const struct netaddr addr = {.family = AF_INET,
                                     .addr = {10, (uint8_t)(i / 256), (uint8_t)(i % 256), 9}};

        assert_int_equal(admit_list_has(&list, &addr), i % 2 == 0);
    }
    admit_list_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),          cmocka_unit_test(test_nested),
        cmocka_unit_test(test_families_apart), cmocka_unit_test(test_as_a_walk),
        cmocka_unit_test(test_longest_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
