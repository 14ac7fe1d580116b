/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be an authority's URL, and what is told of one that may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tsclient/http.h"

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
        cmocka_unit_test(urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
