/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address does what: one table, made once from the units. An address may take a POST (stamping, by a unit) and a GET
 * (a view, of a unit); every other method and every other address is a refusal with its status.
 */
#ifndef TSA_FRONT_HTTP_ROUTE_H
#define TSA_FRONT_HTTP_ROUTE_H

#include "tsa/http/http_parse.h"
#include "tsa/role/unit.h"

/* What a GET shows. */
enum http_view {
    HTTP_VIEW_NONE,
    HTTP_VIEW_PAGE,
    HTTP_VIEW_STATUS,
    HTTP_VIEW_METRICS,
    HTTP_VIEW_HEALTH,
    HTTP_VIEW_READY,
    HTTP_VIEW_CHAIN_PEM,
    HTTP_VIEW_CHAIN_P7B,
    HTTP_VIEW_ROOT_PEM,
    HTTP_VIEW_ROOT_CER,
};

struct http_address; /* one row of the table */

struct http_routes {
    struct http_address *list; /* in the order of their paths */
    size_t num, cap;
};

/* http_route_init dies when there is no memory (start-up); the units must outlive the routes. */
void http_route_init(struct http_routes *routes, const struct unit *units, size_t num_units);
void http_route_clear(struct http_routes *routes);

/* Where a request goes: status 0 and view NONE = stamp it by unit; status 0 and a view = show that of unit; else refuse with status and,
 * for 405, the Allow field line. */
struct http_route {
    unsigned status;
    const char *allow;
    enum http_view view;
    size_t unit;
};
struct http_route http_route_find(const struct http_routes *routes, enum http_method method,
                                  struct bytes path);

/* http_route_query finds the value of a parameter in a query ("td" in "td=sha256&x"). False when it is not there. */
bool http_route_query(struct bytes query, const char *name, struct bytes *out_value);

#endif
