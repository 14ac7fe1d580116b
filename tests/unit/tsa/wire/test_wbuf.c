/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: growth up to its limit and never beyond, the latch, storage of the caller, the memory that is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/wire/wbuf.h"

/* With AddressSanitizer an allocation that is too large returns NULL, as it does without. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void assert_text(const struct wbuf *w, const char *text)
{
    assert_int_equal(wbuf_rc(w), RC_OK);
    assert_int_equal(wbuf_bytes(w).len, strlen(text));
    assert_memory_equal(wbuf_bytes(w).data ? (const void *)wbuf_bytes(w).data : "", text, strlen(text));
}

static void assert_latched(struct wbuf *w, enum rc rc)
{
    size_t len = w->len;

    assert_int_equal(wbuf_rc(w), rc);
    assert_int_equal(wbuf_bytes(w).len, 0);
    wbuf_put_u8(w, 'x');
    wbuf_put_text(w, "x");
    wbuf_printf(w, "%d", 1);
    assert_null(wbuf_reserve(w, 1));
    assert_null(wbuf_insert(w, 0, 1));
    wbuf_fail(w, RC_DER_TAG);
    assert_int_equal(wbuf_rc(w), rc);
    assert_int_equal(w->len, len);
}

static void puts_of_every_kind(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 100);
    assert_int_equal(wbuf_bytes(&w).len, 0);
    wbuf_put(&w, BYTES_NONE);
    wbuf_put_text(&w, "");
    wbuf_put(&w, bytes_str("ab"));
    wbuf_put_u8(&w, 'c');
    wbuf_put_text(&w, "de");
    wbuf_printf(&w, "-%s%d", "f", 7);
    assert_text(&w, "abcde-f7");
    wbuf_clear(&w);
}

static void grows_to_the_limit_exactly(void **state)
{
    const size_t limits[] = {1, 2, 255, 256, 257, 1000, 4096, 5000};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct wbuf w;

        wbuf_init(&w, limits[i]);
        for (size_t n = 0; n < limits[i]; n++) {
            wbuf_put_u8(&w, (uint8_t)n);
            assert_true(w.cap <= limits[i]);
        }
        assert_int_equal(wbuf_bytes(&w).len, limits[i]);
        for (size_t n = 0; n < limits[i]; n++) {
            assert_int_equal(w.data[n], (uint8_t)n);
        }
        wbuf_put_u8(&w, 0);
        assert_latched(&w, RC_TOO_LARGE);
        wbuf_clear(&w);
    }
}

static void a_put_too_large_writes_nothing(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 4);
    wbuf_put_text(&w, "abc");
    wbuf_put_text(&w, "de");
    assert_int_equal(w.len, 3);
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_reset(&w);
    wbuf_put_text(&w, "wxyz");
    assert_text(&w, "wxyz");
    assert_null(wbuf_reserve(&w, SIZE_MAX));
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_clear(&w);
}

static void memory_that_is_not_there(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, SIZE_MAX);
    wbuf_put_text(&w, "abc");
    assert_null(wbuf_reserve(&w, SIZE_MAX / 2));
    assert_latched(&w, RC_NO_MEMORY);
    wbuf_reset(&w);
    wbuf_put_text(&w, "still usable");
    assert_text(&w, "still usable");
    wbuf_clear(&w);
}

static void storage_of_the_caller(void **state)
{
    uint8_t storage[8] = "........";
    struct wbuf w;
    size_t len;

    (void)state;
    wbuf_init_fixed(&w, storage, 6);
    wbuf_put_text(&w, "abcdef");
    assert_ptr_equal(wbuf_bytes(&w).data, storage);
    wbuf_put_u8(&w, 'g');
    assert_latched(&w, RC_TOO_LARGE);
    assert_memory_equal(storage, "abcdef..", 8);
    wbuf_reset(&w);
    wbuf_put_text(&w, "xy");
    assert_null(wbuf_take(&w, &len));
    assert_int_equal(len, 0);
    wbuf_clear(&w);

    wbuf_init_fixed(&w, NULL, 0);
    wbuf_put(&w, BYTES_NONE);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    wbuf_put_u8(&w, 1);
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_clear(&w);
}

static void zeroed_and_cleared_twice(void **state)
{
    struct wbuf w = {0};

    (void)state;
    wbuf_clear(&w);
    wbuf_cleanse(&w);
    wbuf_put_u8(&w, 1);
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_init(&w, 10);
    wbuf_put_u8(&w, 1);
    wbuf_clear(&w);
    wbuf_clear(&w);
    assert_null(w.data);
    assert_int_equal(w.limit, 0);
}

static void cleanse_overwrites(void **state)
{
    uint8_t storage[8];
    struct wbuf w;

    (void)state;
    memset(storage, 'z', sizeof storage);
    wbuf_init_fixed(&w, storage, sizeof storage);
    wbuf_put_text(&w, "secret");
    wbuf_reset(&w); /* what was written before counts too */
    wbuf_cleanse(&w);
    for (size_t i = 0; i < sizeof storage; i++) {
        assert_int_equal(storage[i], 0);
    }
    wbuf_init(&w, 10);
    wbuf_put_text(&w, "secret");
    wbuf_cleanse(&w);
    assert_null(w.data);
}

static void gaps(void **state)
{
    struct wbuf w;
    uint8_t *at;

    (void)state;
    wbuf_init(&w, 300);
    wbuf_put_text(&w, "ad");
    at = wbuf_insert(&w, 1, 2);
    assert_non_null(at);
    memcpy(at, "bc", 2);
    assert_text(&w, "abcd");
    memcpy(wbuf_insert(&w, 0, 1), "<", 1);
    memcpy(wbuf_insert(&w, 5, 1), ">", 1);
    assert_text(&w, "<abcd>");
    at = wbuf_insert(&w, 3, 290);
    assert_non_null(at);
    assert_memory_equal(at + 290, "cd>", 3);
    assert_null(wbuf_insert(&w, 3, 5));
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_clear(&w);
}

static void reserved_room_counts_as_written(void **state)
{
    struct wbuf w;
    uint8_t *at;

    (void)state;
    wbuf_init(&w, 100);
    at = wbuf_reserve(&w, 3);
    assert_non_null(at);
    memcpy(at, "abc", 3);
    assert_text(&w, "abc");
    wbuf_clear(&w);
}

static void long_prints(void **state)
{
    char text[1501];
    struct wbuf w;

    (void)state;
    memset(text, 'p', 1500);
    text[1500] = '\0';
    for (size_t n = 505; n < 520; n++) {
        wbuf_init(&w, n);
        wbuf_printf(&w, "%.*s", (int)n, text);
        assert_int_equal(wbuf_bytes(&w).len, n);
        wbuf_printf(&w, "%s", "q");
        assert_latched(&w, RC_TOO_LARGE);
        wbuf_clear(&w);
    }
    wbuf_init(&w, 1499);
    wbuf_printf(&w, "%s", text);
    assert_latched(&w, RC_TOO_LARGE);
    wbuf_clear(&w);
}

static void taking(void **state)
{
    struct wbuf w;
    uint8_t *data;
    size_t len = 99;

    (void)state;
    wbuf_init(&w, 100);
    assert_null(wbuf_take(&w, &len));
    assert_int_equal(len, 0);
    wbuf_init(&w, 100);
    wbuf_put_text(&w, "abc");
    data = wbuf_take(&w, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "abc", 3);
    assert_null(w.data);
    free(data);
    wbuf_init(&w, 100);
    wbuf_put_text(&w, "abc");
    wbuf_fail(&w, RC_CRYPTO);
    assert_latched(&w, RC_CRYPTO);
    assert_null(wbuf_take(&w, &len));
    assert_int_equal(len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_of_every_kind),
        cmocka_unit_test(grows_to_the_limit_exactly),
        cmocka_unit_test(a_put_too_large_writes_nothing),
        cmocka_unit_test(memory_that_is_not_there),
        cmocka_unit_test(storage_of_the_caller),
        cmocka_unit_test(zeroed_and_cleared_twice),
        cmocka_unit_test(cleanse_overwrites),
        cmocka_unit_test(gaps),
        cmocka_unit_test(reserved_room_counts_as_written),
        cmocka_unit_test(long_prints),
        cmocka_unit_test(taking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
