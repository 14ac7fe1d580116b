/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reasons: programs lean on the words, so each has its own and keeps to one form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/wire/rc.h"

static void words_have_one_form(void **state)
{
    const char *form = "abcdefghijklmnopqrstuvwxyz0123456789-";

    (void)state;
    for (unsigned i = 0; i < RC_NUM; i++) {
        const char *word = rc_word((enum rc)i);

        assert_true(strlen(word) > 1);
        assert_int_equal(strspn(word, form), strlen(word));
    }
}

static void words_are_unique(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RC_NUM; i++) {
        for (unsigned j = i + 1; j < RC_NUM; j++) {
            assert_string_not_equal(rc_word((enum rc)i), rc_word((enum rc)j));
            assert_string_not_equal(rc_text((enum rc)i), rc_text((enum rc)j));
        }
    }
}

static void ok_is_zero_and_strangers_have_a_text(void **state)
{
    (void)state;
    assert_int_equal(RC_OK, 0);
    assert_string_equal(rc_word(RC_OK), "ok");
    assert_string_equal(rc_word(RC_DER_TAG), "der-tag");
    assert_string_equal(rc_word(RC_NUM), "unknown");
    assert_string_equal(rc_text(RC_NUM), "unknown reason");
    assert_string_equal(rc_word((enum rc) - 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_one_form),
        cmocka_unit_test(words_are_unique),
        cmocka_unit_test(ok_is_zero_and_strangers_have_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
