/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a GET shows: pages, certificates, health, counters. What needs the issuer's facts waits for them, a bounded number at a
 * time; the rest is answered at once. Nothing here can be asked to sign.
 */
#ifndef TSA_FRONT_VIEW_H
#define TSA_FRONT_VIEW_H

#include "tsa/front/download.h"
#include "tsa/http/http_conn.h"
#include "tsa/front/http_route.h"
#include "tsa/front/issuer_link.h"
#include "tsa/front/metrics.h"
#include "tsa/role/labtime.h"

#define VIEW_MAX_WAITING 64

struct view_wait;

struct view_desk {
    const struct unit *units;
    size_t num_units;
    struct issuer_link *link;
    struct metrics *metrics;
    void (*gauge)(void *arg, struct metrics_gauges *out); /* fills in what only this process knows */
    void *gauge_arg;
    bool hides_metrics; /* /metrics has a listener of its own: the page does not lead there */

    /* private */
    struct download *downloads;
    struct view_wait *waits, *free;
    struct wbuf body, html_fields;
    char lab_time[LABTIME_TEXT_MAX]; /* empty: the time is the real one */
};

/* view_init dies when there is no memory (start-up). The other public members are set by the caller. */
void view_init(struct view_desk *desk, const struct unit *units, size_t num_units);

/* view_clear is legal once the issuer link is freed, since that answers all who wait. */
void view_clear(struct view_desk *desk);

/* view_request answers slot now or when the facts are there. */
void view_request(struct view_desk *desk, struct http_slot *slot, const struct http_request *request,
                  const struct http_route *route);

#endif
