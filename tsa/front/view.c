/* SPDX-License-Identifier: Apache-2.0 */
/* GET and HEAD. */
#include "tsa/front/view.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/front/page.h"
#include "tsa/front/room.h"

#define BODY_MAX   METRICS_TEXT_MAX /* the longest of all */
#define HOST_MAX   255
#define FIELDS_MAX 1024

/* One answer that waits for facts. */
struct view_wait {
    struct issuer_link_waiter waiter; /* first: the link gives it back */
    struct view_wait *next;           /* of the free ones */
    struct view_desk *desk;
    struct http_slot *slot;
    enum http_view view;
    bool is_tls;
    size_t host_len;
    uint8_t host[HOST_MAX];
};

#define NO_STORE "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

/* ---- with facts ------------------------------------------------------------------------------------ */

static enum rc reason_of(const struct view_wait *wait, const struct facts *facts)
{
    const struct view_desk *desk = wait->desk;
    const enum rc reason = page_ready_reason(facts, issuer_link_is_up(desk->link));

    return reason == RC_OK ? room_common_reason(desk->units, desk->num_units, facts, now_real()) : reason;
}

static struct page page_of(const struct view_wait *wait, const struct facts *facts)
{
    struct page page = {.units = wait->desk->units,
                        .num_units = wait->desk->num_units,
                        .facts = facts,
                        .reason = reason_of(wait, facts),
                        .host = bytes_of(wait->host, wait->host_len),
                        .is_tls = wait->is_tls,
                        .hides_metrics = wait->desk->hides_metrics,
                        .now = now_real(),
                        .machine = now_machine(),
                        .lab_time = wait->desk->lab_time[0] ? wait->desk->lab_time : NULL};

    metrics_sum(wait->desk->metrics, &page.sums);
    return page;
}

static struct http_reply show_page(const struct view_wait *wait, const struct facts *facts)
{
    const struct page page = page_of(wait, facts);

    page_build_html(&wait->desk->body, &page);
    return (struct http_reply){.status = 200,
                               .type = "text/html; charset=utf-8",
                               .fields = (const char *)wait->desk->html_fields.data};
}

static struct http_reply show_status(const struct view_wait *wait, const struct facts *facts)
{
    const struct page page = page_of(wait, facts);

    page_build_json(&wait->desk->body, &page);
    return (struct http_reply){.status = 200, .type = "application/json", .fields = NO_STORE};
}

static struct http_reply show_metrics(const struct view_wait *wait, const struct facts *facts)
{
    metrics_write(wait->desk->metrics, facts, reason_of(wait, facts), &wait->desk->body);
    return (struct http_reply){
        .status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .fields = NO_STORE};
}

/* Ready as long as one unit issues; who asks for another learns why it does not. */
static const char *ready_text(const struct view_desk *desk, const struct facts *facts)
{
    static char text[ROOM_LIST_MAX + 16]; /* the reply borrows it */
    struct wbuf w;

    wbuf_init_fixed(&w, text, sizeof text);
    wbuf_put_text(&w, "ready, but ");
    if (room_list_refusers(desk->units, desk->num_units, facts, now_real(), &w) == 0) {
        return "ready";
    }
    wbuf_put_u8(&w, 0);
    return wbuf_rc(&w) == RC_OK ? text : "ready, but not every unit issues";
}

static struct http_reply show_ready(const struct view_wait *wait, const struct facts *facts)
{
    static char sentence[PAGE_SENTENCE_MAX]; /* the reply borrows it */
    const enum rc reason = reason_of(wait, facts);

    if (reason != RC_OK) {
        struct http_reply reply = http_reply_refuse(503, page_ready_sentence(facts, reason, sentence));

        reply.result = rc_word(reason);
        return reply;
    }
    return (struct http_reply){.status = 200, .text = ready_text(wait->desk, facts), .fields = NO_STORE};
}

static struct http_reply (*const shows[])(const struct view_wait *, const struct facts *) = {
    [HTTP_VIEW_PAGE] = show_page,
    [HTTP_VIEW_STATUS] = show_status,
    [HTTP_VIEW_METRICS] = show_metrics,
    [HTTP_VIEW_READY] = show_ready,
};

static bool needs_facts(enum http_view view)
{
    return (size_t)view < sizeof shows / sizeof shows[0] && shows[view];
}

/* So that this front's own numbers are of this moment. */
static void publish(struct view_desk *desk)
{
    struct metrics_gauges gauges = {0};

    desk->gauge(desk->gauge_arg, &gauges);
    metrics_publish(desk->metrics, &gauges);
}

static void on_facts(struct issuer_link_waiter *waiter, const struct facts *facts)
{
    struct view_wait *wait = (struct view_wait *)waiter;
    struct view_desk *desk = wait->desk;
    struct http_reply reply;

    wbuf_reset(&desk->body);
    publish(desk);
    reply = shows[wait->view](wait, facts);
    if (wbuf_rc(&desk->body) != RC_OK) {
        reply = http_reply_refuse(503, NULL);
    }
    if (!reply.text) {
        reply.body = wbuf_bytes(&desk->body);
    }
    wait->next = desk->free;
    desk->free = wait;
    http_conn_reply(wait->slot, &reply);
}

static void ask(struct view_desk *desk, struct http_slot *slot, const struct http_request *request,
                enum http_view view)
{
    struct view_wait *wait = desk->free;

    if (!wait) {
        struct http_reply reply =
            http_reply_refuse(503, "too many pages are asked for; try again in a second");

        reply.result = rc_word(RC_OVERLOADED);
        http_conn_reply(slot, &reply);
        return;
    }
    desk->free = wait->next;
    wait->slot = slot;
    wait->view = view;
    wait->is_tls = http_conn_peer(slot)->door->kind == HTTP_DOOR_TLS;
    wait->host_len = request->host.len <= HOST_MAX ? request->host.len : 0;
    if (wait->host_len > 0) {
        memcpy(wait->host, request->host.data, wait->host_len);
    }
    issuer_link_ask(desk->link, &wait->waiter);
}

/* ---- without --------------------------------------------------------------------------------------- */

static struct http_reply show_file(const char *type, struct bytes body)
{
    return (struct http_reply){
        .status = 200, .type = type, .body = body, .fields = "X-Content-Type-Options: nosniff\r\n"};
}

static struct http_reply show_at_once(const struct view_desk *desk, const struct http_route *route)
{
    const struct download *download = &desk->downloads[route->unit];

    switch (route->view) {
    case HTTP_VIEW_CHAIN_PEM:
        return show_file("application/x-pem-file", wbuf_bytes(&download->chain_pem));
    case HTTP_VIEW_CHAIN_P7B:
        return show_file("application/x-pkcs7-certificates", wbuf_bytes(&download->chain_p7b));
    case HTTP_VIEW_ROOT_PEM:
        return show_file("application/x-pem-file", wbuf_bytes(&download->root_pem));
    case HTTP_VIEW_ROOT_CER:
        return show_file("application/pkix-cert", download->root_cer);
    default:
        return (struct http_reply){.status = 200, .text = "alive", .fields = NO_STORE};
    }
}

void view_request(struct view_desk *desk, struct http_slot *slot, const struct http_request *request,
                  const struct http_route *route)
{
    struct http_reply reply;

    if (needs_facts(route->view)) {
        ask(desk, slot, request, route->view);
        return;
    }
    reply = show_at_once(desk, route);
    http_conn_reply(slot, &reply);
}

/* ---- the desk -------------------------------------------------------------------------------------- */

void view_init(struct view_desk *desk, const struct unit *units, size_t num_units)
{
    size_t i;

    desk->units = units;
    desk->num_units = num_units;
    desk->downloads = xcalloc(num_units, sizeof *desk->downloads);
    desk->waits = xcalloc(VIEW_MAX_WAITING, sizeof *desk->waits);
    desk->free = NULL;
    for (i = 0; i < num_units; i++) {
        download_init(&desk->downloads[i], &units[i]);
    }
    for (i = 0; i < VIEW_MAX_WAITING; i++) {
        desk->waits[i].waiter.on_facts = on_facts;
        desk->waits[i].desk = desk;
        desk->waits[i].next = desk->free;
        desk->free = &desk->waits[i];
    }
    if (labtime_started()->kind != LABTIME_NONE) {
        labtime_text(labtime_started(), desk->lab_time);
    }
    wbuf_init(&desk->body, BODY_MAX);
    wbuf_init(&desk->html_fields, FIELDS_MAX);
    wbuf_put_text(&desk->html_fields, NO_STORE);
    page_put_policy(&desk->html_fields);
    wbuf_put_u8(&desk->html_fields, 0);
    if (wbuf_rc(&desk->html_fields) != RC_OK) {
        log_die(70, "out of memory");
    }
}

void view_clear(struct view_desk *desk)
{
    size_t i;

    for (i = 0; i < desk->num_units; i++) {
        download_clear(&desk->downloads[i]);
    }
    free(desk->downloads);
    free(desk->waits);
    wbuf_clear(&desk->body);
    wbuf_clear(&desk->html_fields);
    memset(desk, 0, sizeof *desk);
}
