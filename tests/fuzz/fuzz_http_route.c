/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and queries: whatever a target holds, a route is a unit and a view of the table, or a refusal; a host is plain or not used. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/front/http_route.h"
#include "tsa/front/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static char names[2][8] = {"main", "other"}, path[] = "/a/b";
static char *paths[] = {path};
static const struct settings_unit settings[2] = {{.name = names[0]}, {.name = names[1], .paths = {paths, 1}}};
static struct unit units[2] = {{.settings = &settings[0]}, {.settings = &settings[1]}};

static void check_route(const struct http_routes *routes, enum http_method method, struct bytes target)
{
    struct http_route route = http_route_find(routes, method, target);

    check(route.status == 0 || route.status == 404 || route.status == 405);
    check((route.allow != NULL) == (route.status == 405));
    check(route.unit < 2);
    check(route.status == 0 || route.view == HTTP_VIEW_NONE);
    check(route.status != 0 || (route.view == HTTP_VIEW_NONE) == (method == HTTP_METHOD_POST));
    check(route.status != 0 || target.data[0] == '/');
}

static void check_query(struct bytes query)
{
    struct bytes value;

    if (http_route_query(query, "td", &value)) {
        check(value.len + 3 <= query.len);
        check(value.len == 0 || !memchr(value.data, '&', value.len));
        check(value.len == 0 || memcmp(value.data - 3, "td=", 3) == 0);
    }
}

static void check_host(struct bytes host)
{
    size_t i;

    if (page_host_is_plain(host)) {
        for (i = 0; i < host.len; i++) {
            check(host.data[i] && !strchr("<>\"'& /\\@#?\r\n", host.data[i]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static struct http_routes routes;
    uint8_t *copy = calloc(data_len + 1, 1);
    struct bytes in = bytes_of(copy, data_len);
    int method;

    check(copy);
    if (data_len) {
        memcpy(copy, data, data_len);
    }
    http_route_init(&routes, units, 2);
    for (method = HTTP_METHOD_OTHER; method <= HTTP_METHOD_POST; method++) {
        check_route(&routes, (enum http_method)method, in);
    }
    check_query(in);
    check_host(in);
    http_route_clear(&routes);
    free(copy);
    return 0;
}
