/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reasons as sets with severities, texts that a terminal can take, times as signtool prints them, chains in its blocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_cert.h"
#include "tsclient/http.h"
#include "tsclient/report.h"
#include "tsclient/report_json.h"

static void every_reason_has_its_word(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_NUM; i++) {
        const char *word = reason_word((enum reason)i);

        assert_true(strlen(word) > 3 && strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word));
        assert_true(strlen(reason_text((enum reason)i)) > 10);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(word, reason_word((enum reason)k));
        }
    }
}

static void reasons_are_a_set(void **state)
{
    struct reasons a = {0}, b = {0};

    (void)state;
    assert_int_equal(reasons_worst(&a), SEVERITY_NOTE);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    assert_int_equal(a.num, 1);
    assert_string_equal(report_json_verdict(&a), "good");
    reasons_raise(&a, REASON_WEAK_DIGEST, SEVERITY_WARNING, RC_OK);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    assert_int_equal(a.num, 1);
    assert_int_equal(reasons_worst(&a), SEVERITY_WARNING);
    assert_string_equal(report_json_verdict(&a), "warning");
    reasons_add(&b, REASON_UNSIGNED, RC_UNSIGNED);
    reasons_merge(&a, &b);
    assert_int_equal(a.num, 2);
    assert_int_equal(a.list[1].cause, RC_UNSIGNED);
    assert_true(reasons_has(&a, REASON_UNSIGNED));
    assert_false(reasons_has(&a, REASON_MALFORMED));
    assert_string_equal(report_json_verdict(&a), "bad");
    for (int i = 0; i < REASON_NUM; i++) {
        reasons_add(&a, (enum reason)i, RC_OK);
    }
    assert_int_equal(a.num, REASON_NUM);
}

static void what_a_terminal_obeys_is_replaced(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a\nb\033[2Jc\x7f", "a?b?[2Jc?"},
        {"H\xc3\xb6glinger \xe6\x88\x90", "H\xc3\xb6glinger \xe6\x88\x90"},
        {"\xc2\x9b"
         "31m \xc2\xa0",
         "??31m \xc2\xa0"},
        {"exe.\xe2\x80\xaetxt \xe2\x81\xa6 \xe2\x80\x93", "exe.???txt ??? \xe2\x80\x93"},
        {"\xe2", "\xe2"},
        {"\xe2\x80", "\xe2\x80"},
    };
    char text[80];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)strcpy(text, rows[i].in);
        assert_string_equal(report_safe(text), rows[i].out);
    }
}

static void times_as_signtool_prints_them(void **state)
{
    char text[REPORT_TIME_MAX];

    (void)state;
    assert_string_equal(report_time((struct gentime){.sec = 1390834135}, text), "Mon Jan 27 14:48:55 2014");
    assert_string_equal(report_time((struct gentime){.sec = 0}, text), "Thu Jan  1 00:00:00 1970");
    assert_string_equal(report_time((struct gentime){.sec = INT64_MAX}, text), "an unknown time");
}

static void chains_in_blocks(void **state)
{
    struct made_cert root =
        make_cert(&(struct make_cert){.name = "Root\033", .is_ca = true, .to = 1390834135});
    struct made_cert leaf = make_cert(&(struct make_cert){.name = "Leaf", .issuer = &root, .to = 1390834135});
    struct bytes certs[] = {made_cert_der(&leaf), made_cert_der(&root), bytes_str("no certificate")};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    report_chain(out, certs, 2);
    report_chain(out, certs + 2, 1);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(
        text, "    Issued to: Root?\n    Issued by: Root?\n    Expires:   Mon Jan 27 14:48:55 2014\n"));
    assert_non_null(strstr(text, "\n\n        Issued to: Leaf\n        Issued by: Root?\n"));
    assert_non_null(strstr(text, "    a certificate that can not be parsed\n"));
    free(text);
    made_cert_clear(&root);
    made_cert_clear(&leaf);
}

static void json_text_of_any_octets(void **state)
{
    json_t *text = report_json_text("na\xffme");

    (void)state;
    assert_string_equal(json_string_value(text), "na?me");
    json_decref(text);
}

static void urls(void **state)
{
    (void)state;
    assert_null(http_url_problem("http://timestamp.example.com/"));
    assert_null(http_url_problem("HTTPS://[::1]:8080/tsa?td=sha256"));
    assert_non_null(http_url_problem("ftp://timestamp.example.com/"));
    assert_non_null(http_url_problem("file:///etc/passwd"));
    assert_non_null(http_url_problem("timestamp.example.com"));
    assert_non_null(http_url_problem("http://"));
    assert_non_null(http_url_problem(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_its_word),
        cmocka_unit_test(reasons_are_a_set),
        cmocka_unit_test(what_a_terminal_obeys_is_replaced),
        cmocka_unit_test(times_as_signtool_prints_them),
        cmocka_unit_test(chains_in_blocks),
        cmocka_unit_test(json_text_of_any_octets),
        cmocka_unit_test(urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
