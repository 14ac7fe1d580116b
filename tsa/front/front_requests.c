/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission comes first, since it is cheap and an attack is many. The door of the counters knows none: who guards it is the address that it
 * listens on, and the watch must see a flood that shuts everybody else out.
 */
#include "tsa/front/front_requests.h"

#include <stdio.h>

#include "tsa/base/now.h"
#include "tsa/front/access_log.h"

/* ---- counting -------------------------------------------------------------------------------------- */

static void publish(struct front_requests *r)
{
    const struct metrics_gauges gauges = {
        .open = r->server->num_conns,
        .accepted = r->listen->num_accepted,
        .waiting = r->stamps.num_waiting,
    };

    metrics_publish(&r->metrics, &gauges);
}

static void gauge(void *arg, struct metrics_gauges *out)
{
    const struct front_requests *r = arg;

    out->open = r->server->num_conns;
    out->accepted = r->listen->num_accepted;
    out->waiting = r->stamps.num_waiting;
}

static void count_request(void *arg, size_t unit, unsigned kind, enum rc rc)
{
    metrics_count_request(&((struct front_requests *)arg)->metrics, unit, kind, rc);
}

/* ---- refusals -------------------------------------------------------------------------------------- */

/* What admission says, in HTTP's words. */
static unsigned status_of(enum rc rc)
{
    return rc == RC_RATE || rc == RC_CROWDED ? 429 : 403;
}

/* Who is to show a certificate hears how. */
static const char *sentence_of(const struct http_slot *slot, enum rc rc)
{
    const struct http_peer *peer = http_conn_peer(slot);

    if (rc != RC_CLIENT_CERTIFICATE) {
        return rc_text(rc);
    }
    if (peer->door->kind != HTTP_DOOR_TLS) {
        return "this unit wants a client certificate: ask at an https:// address, and show one there";
    }
    return peer->certificate ? "this unit does not know the name in that client certificate: show another one"
                             : "this unit wants a client certificate, and none was shown: send one along";
}

static void turn_away(struct front_requests *r, struct http_slot *slot, enum rc rc, int64_t wait_ns)
{
    struct http_reply reply = http_reply_refuse(status_of(rc), sentence_of(slot, rc));
    char fields[48];

    if (rc == RC_RATE) {
        snprintf(fields, sizeof fields, "Retry-After: %u\r\n", stamp_answer_retry_s(wait_ns));
        reply.fields = fields;
    }
    reply.result = rc_word(rc);
    metrics_count_refused(&r->metrics, rc);
    http_conn_reply(slot, &reply);
}

/* ---- the way of a request -------------------------------------------------------------------------- */

static bool is_for_the_watch(enum http_view view)
{
    return view == HTTP_VIEW_METRICS || view == HTTP_VIEW_HEALTH || view == HTTP_VIEW_READY;
}

static struct http_route find_route(const struct front_requests *r, const struct http_door *door,
                                    const struct http_request *request)
{
    enum http_view view = http_route_find(&r->routes, HTTP_METHOD_GET, request->path).view;
    bool is_here = door->kind == HTTP_DOOR_METRICS ? is_for_the_watch(view)
                                                   : view != HTTP_VIEW_METRICS || !r->hides_metrics;

    return is_here ? http_route_find(&r->routes, request->method, request->path)
                   : (struct http_route){.status = 404};
}

static void answer(struct front_requests *r, struct http_slot *slot, const struct http_request *request)
{
    const struct http_peer *peer = http_conn_peer(slot);
    struct http_route route = find_route(r, peer->door, request);
    enum rc rc;

    if (route.status != 0) {
        struct http_reply reply =
            http_reply_refuse(route.status, route.status == 404 && peer->door->kind == HTTP_DOOR_METRICS
                                                ? "here are /metrics, /healthz and /readyz alone"
                                                : NULL);

        reply.fields = route.allow;
        http_conn_reply(slot, &reply);
    } else if (route.view != HTTP_VIEW_NONE) {
        view_request(&r->views, slot, request, &route);
    } else if ((rc = admit_unit(&r->admit, &r->units[route.unit], &peer->client, peer->certificate)) !=
               RC_OK) {
        turn_away(r, slot, rc, 0);
    } else {
        stamp_request(&r->stamps, slot, request, route.unit);
        publish(r);
    }
}

/* ---- for the server -------------------------------------------------------------------------------- */

static bool wants_header(void *arg, const struct netaddr *direct)
{
    return admit_wants_header(&((struct front_requests *)arg)->admit, direct);
}

static bool on_connect(void *arg, struct http_peer *peer)
{
    struct front_requests *r = arg;
    enum rc rc = RC_OK;

    if (peer->door->kind != HTTP_DOOR_METRICS) {
        rc = admit_connect(&r->admit, &peer->client, &peer->source);
    }
    if (rc != RC_OK) {
        metrics_count_refused(&r->metrics, rc);
    }
    publish(r);
    return rc == RC_OK;
}

static void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    struct front_requests *r = arg;
    const struct http_peer *peer = http_conn_peer(slot);
    struct netaddr client =
        admit_client(&r->admit, &peer->client, request->forwarded, request->num_forwarded);
    int64_t wait_ns = 0;
    enum rc rc = RC_OK;

    http_conn_set_client(slot, &client);
    if (peer->door->kind != HTTP_DOOR_METRICS) {
        rc = admit_request(&r->admit, &client, now_mono_ns(), &wait_ns);
    }
    if (rc != RC_OK) {
        turn_away(r, slot, rc, wait_ns);
    } else {
        answer(r, slot, request);
    }
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    struct front_requests *r = arg;

    metrics_count_reply(&r->metrics, answered->reply->status, answered->elapsed_ns);
    publish(r);
    if (r->settings->log.access) {
        access_log_write(answered);
    }
}

static void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    struct front_requests *r = arg;

    admit_disconnect(&r->admit, peer->source);
    metrics_count_end(&r->metrics, end);
    publish(r);
    http_listen_resume(r->listen);
}

const struct http_server_ops front_requests_ops = {
    .on_request = on_request,
    .on_answered = on_answered,
    .on_closed = on_closed,
    .wants_header = wants_header,
    .on_connect = on_connect,
};

/* ---- start and end --------------------------------------------------------------------------------- */

void front_requests_init(struct front_requests *r, struct event_base *base)
{
    r->place = shared_take_place(r->shared);
    admit_init(&r->admit, r->settings, r->shared, r->place);
    http_route_init(&r->routes, r->units, r->num_units);
    metrics_init(&r->metrics, r->shared, r->place, r->units, r->num_units);
    stamp_init(&r->stamps, base, r->units, (size_t)r->settings->limits.queue);
    r->stamps.link = r->link;
    r->stamps.patience = r->settings->deadlines.queue;
    pace_share(&r->stamps.pace, (size_t)r->settings->fronts);
    r->stamps.count = count_request;
    r->stamps.count_arg = r;
    view_init(&r->views, r->units, r->num_units);
    r->views.link = r->link;
    r->views.metrics = &r->metrics;
    r->views.gauge = gauge;
    r->views.gauge_arg = r;
    r->views.hides_metrics = r->hides_metrics;
}

void front_requests_stop(struct front_requests *r)
{
    stamp_clear(&r->stamps);
}

void front_requests_clear(struct front_requests *r)
{
    view_clear(&r->views);
    http_route_clear(&r->routes);
    admit_clear(&r->admit);
}
