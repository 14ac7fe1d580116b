/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order, overlap, application and where an offset goes; random lists against a plain model.
 */
#include "tsa/wire/edits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_applied(const struct edits *e, const char *original, const char *wanted)
{
    struct wbuf w;

    wbuf_init(&w, 1000);
    assert_int_equal(edits_apply(e, bytes_str(original), &w), RC_OK);
    assert_int_equal(w.len, strlen(wanted));
    assert_memory_equal(w.len ? w.data : (const uint8_t *)"", wanted, w.len);
    wbuf_clear(&w);
}

static void edits_are_applied_in_the_order_of_places(void **state)
{
    struct edits e;
    (void)state;

    edits_init(&e);
    assert_applied(&e, "0123456789", "0123456789");
    edits_add(&e, 8, 2, bytes_str("end"), "c");
    edits_add(&e, 0, 1, BYTES_NONE, "a");
    edits_add(&e, 4, 0, bytes_str("--"), "b");
    edits_add(&e, 5, 0, BYTES_NONE, "nothing");
    assert_int_equal(edits_rc(&e), RC_OK);
    assert_int_equal(e.num, 3);
    assert_string_equal(e.list[0].what, "a");
    assert_string_equal(e.list[1].what, "b");
    assert_string_equal(e.list[2].what, "c");
    assert_applied(&e, "0123456789", "123--4567end");
    edits_clear(&e);
    edits_clear(&e);
}

static void insertions_at_one_place_keep_their_order_before_a_removal(void **state)
{
    struct edits e;
    (void)state;

    edits_init(&e);
    edits_add(&e, 3, 2, bytes_str("R"), "");
    edits_add(&e, 3, 0, bytes_str("1"), "");
    edits_add(&e, 3, 0, bytes_str("2"), "");
    edits_add(&e, 5, 0, bytes_str("3"), "");
    assert_int_equal(edits_rc(&e), RC_OK);
    assert_applied(&e, "abcdefgh", "abc12R3fgh");
    edits_clear(&e);
}

static void inserted_octets_are_copied(void **state)
{
    char text[] = "mine";
    struct edits e;
    (void)state;

    edits_init(&e);
    edits_add(&e, 0, 0, bytes_str(text), "");
    memset(text, 'x', 4);
    assert_applied(&e, "", "mine");
    edits_clear(&e);
}

static void overlap_is_refused(void **state)
{
    static const struct {
        uint64_t at, remove;
    } cases[] = {{2, 1}, {3, 1}, {1, 2}, {0, 100}, {4, 0}, {2, 3}, {UINT64_MAX, 1}, {5, UINT64_MAX}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edits e;
        struct wbuf w;

        edits_init(&e);
        edits_add(&e, 2, 3, bytes_str("x"), "");
        assert_int_equal(edits_rc(&e), RC_OK);
        edits_add(&e, cases[i].at, cases[i].remove, bytes_str("y"), "");
        assert_int_equal(edits_rc(&e), RC_FORMAT_MALFORMED);
        edits_add(&e, 9, 0, bytes_str("z"), "");
        assert_int_equal(e.num, 1);
        wbuf_init(&w, 100);
        assert_int_equal(edits_apply(&e, bytes_str("0123456789"), &w), RC_FORMAT_MALFORMED);
        assert_int_equal(w.len, 0);
        wbuf_clear(&w);
        edits_clear(&e);
    }
}

static void what_lies_outside_is_refused(void **state)
{
    static const struct {
        uint64_t at, remove;
    } cases[] = {{11, 0}, {10, 1}, {0, 11}, {1ull << 40, 0}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edits e;
        struct wbuf w;

        edits_init(&e);
        edits_add(&e, cases[i].at, cases[i].remove, bytes_str("y"), "");
        wbuf_init(&w, 100);
        assert_int_equal(edits_apply(&e, bytes_str("0123456789"), &w), RC_FORMAT_MALFORMED);
        wbuf_clear(&w);
        edits_clear(&e);
    }
}

static void offsets_are_followed(void **state)
{
    static const uint64_t wanted[] = {2, 3, 4, 5, 6, 6, 6, 10};
    struct edits e;
    (void)state;

    /* "ab" before 0; 3..5 (three octets) become "xy"; "..." before 7. */
    edits_init(&e);
    edits_add(&e, 0, 0, bytes_str("ab"), "");
    edits_add(&e, 3, 3, bytes_str("x"), "");
    edits_add(&e, 7, 0, bytes_str("..."), "");
    assert_applied(&e, "01234567", "ab012x6...7");
    for (uint64_t at = 0; at < sizeof wanted / sizeof *wanted; at++) {
        assert_int_equal(edits_offset(&e, at), wanted[at]);
    }
    assert_int_equal(edits_offset(&e, 8), 11);
    edits_clear(&e);
}

/* A writer that has no room says so. */
static void the_writers_reason_is_given(void **state)
{
    char storage[4];
    struct edits e;
    struct wbuf w;
    (void)state;

    edits_init(&e);
    edits_add(&e, 0, 0, bytes_str("abc"), "");
    wbuf_init_fixed(&w, storage, sizeof storage);
    assert_int_equal(edits_apply(&e, bytes_str("0123"), &w), RC_TOO_LARGE);
    edits_clear(&e);
}

#define MODEL 40

/* Kept octets keep their order, and each is found where edits_offset says. */
static void random_lists_follow_a_model(void **state)
{
    (void)state;
    srandom(1);
    for (int run = 0; run < 5000; run++) {
        uint8_t original[MODEL];
        bool removed[MODEL] = {false};
        size_t len = MODEL;
        struct edits e;
        struct wbuf w;

        for (size_t i = 0; i < MODEL; i++) {
            original[i] = (uint8_t)i;
        }
        edits_init(&e);
        for (int n = 0; n < 6 && edits_rc(&e) == RC_OK; n++) {
            size_t at = (size_t)random() % MODEL, remove = (size_t)random() % 4,
                   insert = (size_t)random() % 4;

            edits_add(&e, at, at + remove > MODEL ? 0 : remove, bytes_of("\xff\xff\xff\xff", insert), "");
        }
        for (size_t i = 0; i < e.num; i++) {
            memset(removed + e.list[i].at, true, e.list[i].remove);
            len += e.list[i].insert.len - e.list[i].remove;
        }
        wbuf_init(&w, 1000);
        if (edits_apply(&e, bytes_of(original, MODEL), &w) == RC_OK) {
            assert_int_equal(w.len, len);
            for (size_t i = 0; i < MODEL; i++) {
                assert_true(removed[i] || w.data[edits_offset(&e, i)] == i);
            }
            assert_int_equal(edits_offset(&e, MODEL), len);
        } else {
            assert_int_not_equal(edits_rc(&e), RC_OK);
        }
        wbuf_clear(&w);
        edits_clear(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_are_applied_in_the_order_of_places),
        cmocka_unit_test(insertions_at_one_place_keep_their_order_before_a_removal),
        cmocka_unit_test(inserted_octets_are_copied),
        cmocka_unit_test(overlap_is_refused),
        cmocka_unit_test(what_lies_outside_is_refused),
        cmocka_unit_test(offsets_are_followed),
        cmocka_unit_test(the_writers_reason_is_given),
        cmocka_unit_test(random_lists_follow_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
