/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a connection or a whole request to who answers it: is it admitted, where does it lead, and is it let in there. All that is done, here or
 * elsewhere, is counted. Nothing is answered with less than a status and a line that says why.
 */
#ifndef TSA_FRONT_FRONT_REQUESTS_H
#define TSA_FRONT_FRONT_REQUESTS_H

#include "tsa/front/admit.h"
#include "tsa/http/http_listen.h"
#include "tsa/front/http_route.h"
#include "tsa/front/metrics.h"
#include "tsa/front/stamp.h"
#include "tsa/front/view.h"

struct front_requests {
    const struct settings *settings;
    const struct unit *units;
    size_t num_units;
    struct http_server *server;
    struct http_listen *listen;
    struct issuer_link *link;
    struct shared *shared;
    bool hides_metrics; /* /metrics has a door of its own */

    /* private */
    struct shared_place *place;
    struct admit admit;
    struct http_routes routes;
    struct stamp_desk stamps;
    struct view_desk views;
    struct metrics metrics;
};

/* front_requests_init is for start-up, once the public members are set: it dies when there is no memory or no place among the fronts. */
void front_requests_init(struct front_requests *requests, struct event_base *base);

/* front_requests_stop answers all who wait for the issuer; then the link is freed, and front_requests_clear may come. */
void front_requests_stop(struct front_requests *requests);
void front_requests_clear(struct front_requests *requests);

/* For http_server: arg is the struct front_requests. */
extern const struct http_server_ops front_requests_ops;

#endif
