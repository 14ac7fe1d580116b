/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of addresses. What a unit is named comes before the aliases that other authorities have made known, so that an
 * operator can give one of them to a unit of his choice.
 */
#include "tsa/front/http_route.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"

struct http_address {
    char *path;
    bool takes_post;
    size_t post_unit;
    enum http_view view;
    size_t view_unit;
};

/* Views of the whole server. */
static const struct {
    const char *path;
    enum http_view view;
} views[] = {
    {"/", HTTP_VIEW_PAGE},          {"/status.json", HTTP_VIEW_STATUS}, {"/metrics", HTTP_VIEW_METRICS},
    {"/healthz", HTTP_VIEW_HEALTH}, {"/readyz", HTTP_VIEW_READY},
};

/* Downloads of each unit, below its name; those of the first one at the top too. */
static const struct {
    const char *path;
    enum http_view view;
    bool needs_root;
} downloads[] = {
    {"/chain.pem", HTTP_VIEW_CHAIN_PEM, false},
    {"/chain.p7b", HTTP_VIEW_CHAIN_P7B, false},
    {"/root.pem", HTTP_VIEW_ROOT_PEM, true},
    {"/root.cer", HTTP_VIEW_ROOT_CER, true},
};

/* Where scripts of the last twenty years expect an authority; all lead to the first unit. */
static const char *const aliases[] = {
    "/",
    "/authenticode",
    "/rfc3161",
    "/tsr",
    "/tsa",
    "/scripts/timestamp.dll",
    "/scripts/timstamp.dll",
    "/TSS/HttpTspServer",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A slash at the end, which people add, changes nothing. */
static struct bytes without_slash(struct bytes path)
{
    return path.len > 1 && path.data[path.len - 1] == '/' ? bytes_of(path.data, path.len - 1) : path;
}

static struct http_address *address_of(struct http_routes *routes, const char *path)
{
    size_t i;

    for (i = 0; i < routes->num; i++) {
        if (strcmp(routes->list[i].path, path) == 0) {
            return &routes->list[i];
        }
    }
    if (routes->num == routes->cap) {
        routes->cap = routes->cap ? routes->cap * 2 : 32;
        routes->list = xrealloc(routes->list, routes->cap, sizeof *routes->list);
    }
    routes->list[routes->num] = (struct http_address){.path = xstrdup(path)};
    return &routes->list[routes->num++];
}

/* The first to claim an address has it. */
static void add_post(struct http_routes *routes, const char *path, size_t unit)
{
    struct http_address *address = address_of(routes, path);

    if (!address->takes_post) {
        address->takes_post = true;
        address->post_unit = unit;
    }
}

static void add_view(struct http_routes *routes, const char *path, enum http_view view, size_t unit)
{
    struct http_address *address = address_of(routes, path);

    if (address->view == HTTP_VIEW_NONE) {
        address->view = view;
        address->view_unit = unit;
    }
}

static void add_downloads(struct http_routes *routes, const char *prefix, const struct unit *unit,
                          size_t index)
{
    size_t i;

    for (i = 0; i < COUNT(downloads); i++) {
        if (unit->root.len > 0 || !downloads[i].needs_root) {
            char *path = xasprintf("%s%s", prefix, downloads[i].path);

            add_view(routes, path, downloads[i].view, index);
            free(path);
        }
    }
}

static void add_unit(struct http_routes *routes, const struct unit *unit, size_t index)
{
    char *path = xasprintf("/%s", unit->settings->name);
    size_t i;

    add_post(routes, path, index);
    add_downloads(routes, path, unit, index);
    free(path);
    for (i = 0; i < unit->settings->paths.num; i++) {
        path = xstrdup(unit->settings->paths.list[i]);
        path[without_slash(bytes_str(path)).len] = 0;
        add_post(routes, path, index);
        free(path);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct http_address *)a)->path, ((const struct http_address *)b)->path);
}

void http_route_init(struct http_routes *routes, const struct unit *units, size_t num_units)
{
    size_t i;

    memset(routes, 0, sizeof *routes);
    for (i = 0; i < COUNT(views); i++) {
        add_view(routes, views[i].path, views[i].view, 0);
    }
    add_downloads(routes, "", &units[0], 0);
    for (i = 0; i < num_units; i++) {
        add_unit(routes, &units[i], i);
    }
    for (i = 0; i < COUNT(aliases); i++) {
        add_post(routes, aliases[i], 0);
    }
    qsort(routes->list, routes->num, sizeof *routes->list, compare);
}

void http_route_clear(struct http_routes *routes)
{
    size_t i;

    for (i = 0; i < routes->num; i++) {
        free(routes->list[i].path);
    }
    free(routes->list);
    memset(routes, 0, sizeof *routes);
}

static int compare_key(const void *key, const void *row)
{
    const struct bytes *path = key;
    const char *other = ((const struct http_address *)row)->path;
    size_t len = strlen(other);
    int order = memcmp(path->data, other, path->len < len ? path->len : len);

    return order ? order : (path->len > len) - (path->len < len);
}

static const struct http_address *find(const struct http_routes *routes, struct bytes path)
{
    path = without_slash(path);
    return path.len ? bsearch(&path, routes->list, routes->num, sizeof *routes->list, compare_key) : NULL;
}

static struct http_route refuse_method(const struct http_address *address)
{
    const char *allow = "Allow: GET, HEAD, POST\r\n";

    if (!address->takes_post) {
        allow = "Allow: GET, HEAD\r\n";
    } else if (address->view == HTTP_VIEW_NONE) {
        allow = "Allow: POST\r\n";
    }
    return (struct http_route){.status = 405, .allow = allow};
}

struct http_route http_route_find(const struct http_routes *routes, enum http_method method,
                                  struct bytes path)
{
    const struct http_address *address = find(routes, path);

    if (!address) {
        return (struct http_route){.status = 404};
    }
    if (method == HTTP_METHOD_POST && address->takes_post) {
        return (struct http_route){.unit = address->post_unit};
    }
    if ((method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD) && address->view != HTTP_VIEW_NONE) {
        return (struct http_route){.view = address->view, .unit = address->view_unit};
    }
    return refuse_method(address);
}

bool http_route_query(struct bytes query, const char *name, struct bytes *out_value)
{
    size_t name_len = strlen(name), at = 0;

    while (at < query.len) {
        const uint8_t *start = query.data + at;
        const uint8_t *end = memchr(start, '&', query.len - at);
        size_t len = end ? (size_t)(end - start) : query.len - at;

        if (len > name_len && memcmp(start, name, name_len) == 0 && start[name_len] == '=') {
            *out_value = bytes_of(start + name_len + 1, len - name_len - 1);
            return true;
        }
        at += len + 1;
    }
    *out_value = BYTES_NONE;
    return false;
}
