/* SPDX-License-Identifier: Apache-2.0 */
/* Every address of the table, by every method, with two units, and what must not be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/front/http_route.h"

static char name0[] = "main", name1[] = "rsa4096", path0[] = "/timestamp/", path1[] = "/tsr";
static char *paths0[] = {path0}, *paths1[] = {path1};
static const struct settings_unit settings[2] = {
    {.name = name0, .paths = {paths0, 1}},
    {.name = name1, .paths = {paths1, 1}},
};
static const uint8_t octet[1] = {0x30};
static struct unit units[2] = {{.settings = &settings[0], .root = {octet, 1}}, {.settings = &settings[1]}};

static struct http_routes routes;

static int make(void **state)
{
    (void)state;
    http_route_init(&routes, units, 2);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    http_route_clear(&routes);
    return 0;
}

static void assert_stamps(const char *path, size_t unit)
{
    struct http_route route = http_route_find(&routes, HTTP_METHOD_POST, bytes_str(path));

    if (route.status != 0) {
        print_error("%s\n", path);
    }
    assert_int_equal(route.status, 0);
    assert_int_equal(route.view, HTTP_VIEW_NONE);
    assert_int_equal(route.unit, unit);
}

static void assert_shows(const char *path, enum http_view view, size_t unit)
{
    static const enum http_method methods[] = {HTTP_METHOD_GET, HTTP_METHOD_HEAD};
    size_t i;

    for (i = 0; i < 2; i++) {
        struct http_route route = http_route_find(&routes, methods[i], bytes_str(path));

        assert_int_equal(route.status, 0);
        assert_int_equal(route.view, view);
        assert_int_equal(route.unit, unit);
    }
}

static void assert_refuses(enum http_method method, const char *path, unsigned status, const char *allow)
{
    struct http_route route = http_route_find(&routes, method, bytes_str(path));

    assert_int_equal(route.status, status);
    if (allow) {
        assert_string_equal(route.allow, allow);
    } else {
        assert_null(route.allow);
    }
}

static void test_stamping(void **state)
{
    static const char *const first[] = {
        "/",
        "/main",
        "/main/",
        "/timestamp",
        "/timestamp/",
        "/authenticode",
        "/rfc3161",
        "/tsa",
        "/scripts/timestamp.dll",
        "/scripts/timstamp.dll",
        "/TSS/HttpTspServer",
        "/TSS/HttpTspServer/",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof first / sizeof first[0]; i++) {
        assert_stamps(first[i], 0);
    }
    assert_stamps("/rsa4096", 1);
    assert_stamps("/tsr", 1); /* the alias was given to a unit */
}

static void test_views(void **state)
{
    (void)state;
    assert_shows("/", HTTP_VIEW_PAGE, 0);
    assert_shows("/status.json", HTTP_VIEW_STATUS, 0);
    assert_shows("/metrics", HTTP_VIEW_METRICS, 0);
    assert_shows("/healthz", HTTP_VIEW_HEALTH, 0);
    assert_shows("/readyz", HTTP_VIEW_READY, 0);
    assert_shows("/chain.pem", HTTP_VIEW_CHAIN_PEM, 0);
    assert_shows("/chain.p7b", HTTP_VIEW_CHAIN_P7B, 0);
    assert_shows("/root.pem", HTTP_VIEW_ROOT_PEM, 0);
    assert_shows("/root.cer", HTTP_VIEW_ROOT_CER, 0);
    assert_shows("/main/root.cer", HTTP_VIEW_ROOT_CER, 0);
    assert_shows("/rsa4096/chain.pem", HTTP_VIEW_CHAIN_PEM, 1);
    assert_refuses(HTTP_METHOD_GET, "/rsa4096/root.pem", 404, NULL); /* it has none */
}

static void test_wrong_method(void **state)
{
    (void)state;
    assert_refuses(HTTP_METHOD_OTHER, "/", 405, "Allow: GET, HEAD, POST\r\n");
    assert_refuses(HTTP_METHOD_GET, "/rfc3161", 405, "Allow: POST\r\n");
    assert_refuses(HTTP_METHOD_HEAD, "/main", 405, "Allow: POST\r\n");
    assert_refuses(HTTP_METHOD_POST, "/healthz", 405, "Allow: GET, HEAD\r\n");
    assert_refuses(HTTP_METHOD_POST, "/chain.pem", 405, "Allow: GET, HEAD\r\n");
}

static void test_nothing_there(void **state)
{
    static const char *const none[] = {"",
                                       "*",
                                       "//x",
                                       "/mai",
                                       "/mainx",
                                       "/main//",
                                       "/MAIN",
                                       "main",
                                       "/../main",
                                       "/%6dain",
                                       "/chain",
                                       "/main/chain",
                                       "/a/b/c",
                                       "/metrics/x",
                                       "/scripts",
                                       "/tss/httptspserver",
                                       "/chain.pem.bak"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_refuses(HTTP_METHOD_GET, none[i], 404, NULL);
        assert_refuses(HTTP_METHOD_POST, none[i], 404, NULL);
        assert_refuses(HTTP_METHOD_OTHER, none[i], 404, NULL);
    }
}

static void assert_query(const char *query, const char *expected)
{
    struct bytes value;
    bool found = http_route_query(bytes_str(query), "td", &value);

    assert_int_equal(found, expected != NULL);
    if (expected) {
        assert_true(bytes_equal(value, bytes_str(expected)));
    }
}

static void test_query(void **state)
{
    (void)state;
    assert_query("td=sha256", "sha256");
    assert_query("a=b&td=sha1", "sha1");
    assert_query("td=&x", "");
    assert_query("&&td=x&td=y", "x");
    assert_query("", NULL);
    assert_query("td", NULL);
    assert_query("tdx=1", NULL);
    assert_query("xtd=1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamping),     cmocka_unit_test(test_views),
        cmocka_unit_test(test_wrong_method), cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_query),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
