/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request in flight. Its number is index and generation, so that a late word of the issuer about one request can not
 * reach another that has taken its place.
 */
#include "tsa/front/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/front/http_route.h"
#include "tsa/wire/base64.h"

#define PATIENCE_NS  10000000000LL /* for the issuer */
#define ANSWER_MAX   (2u * CHAN_MESSAGE_MAX)
#define SENTENCE_MAX 600

struct stamp {
    TAILQ_ENTRY(stamp) entry;
    struct http_slot *slot;
    int64_t deadline;
    uint32_t generation; /* grows with each use */
    uint16_t unit;
    uint8_t kind;
    bool waiting;
};

static const char *const kind_words[] = {"none", "rfc3161", "authenticode"};

/* ---- answers --------------------------------------------------------------------------------------- */

/* What a refusal of an Authenticode request becomes. All that is not of the table is no fault of the client. */
static const struct {
    enum rc rc;
    unsigned status;
} statuses[] = {
    {RC_UNIT_PROTOCOL, 403}, {RC_MSAUTH_FORM, 400},  {RC_MSAUTH_BLOB_SIZE, 400}, {RC_BASE64, 400},
    {RC_DER_TRUNCATED, 400}, {RC_DER_TRAILING, 400}, {RC_DER_TAG, 400},          {RC_DER_LENGTH, 400},
    {RC_DER_DEPTH, 400},     {RC_DER_INTEGER, 400},  {RC_DER_BOOLEAN, 400},      {RC_DER_BIT_STRING, 400},
    {RC_DER_OID, 400},       {RC_DER_NULL, 400},     {RC_DER_DEFAULT, 400},      {RC_DIGEST_UNKNOWN, 400},
    {RC_TOO_LARGE, 413},
};

static unsigned status_of(enum rc rc)
{
    size_t i;

    for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].rc == rc) {
            return statuses[i].status;
        }
    }
    return 503;
}

struct verdict {
    size_t unit;
    unsigned kind;
    enum rc rc;
    const char *sentence; /* NULL: the reason's own */
    struct bytes reply;   /* with RC_OK */
};

static struct http_reply answer_rfc3161(struct stamp_desk *desk, const struct verdict *v,
                                        const char *sentence)
{
    struct http_reply reply = {.status = 200, .type = "application/timestamp-reply", .body = v->reply};

    if (v->rc != RC_OK) {
        wbuf_reset(&desk->answer);
        tsp_response_build_refusal(&desk->answer, tsp_failure_of_rc(v->rc), sentence);
        reply.body = wbuf_bytes(&desk->answer);
    }
    return reply;
}

static struct http_reply answer_authenticode(struct stamp_desk *desk, const struct verdict *v,
                                             const char *sentence)
{
    struct http_reply reply = {.status = 200, .type = "application/octet-stream"};

    if (v->rc != RC_OK) {
        return http_reply_refuse(status_of(v->rc), sentence);
    }
    wbuf_reset(&desk->answer);
    base64_encode(&desk->answer, v->reply);
    reply.body = wbuf_bytes(&desk->answer);
    return reply;
}

/* The one way out. */
static void answer(struct stamp_desk *desk, struct http_slot *slot, const struct verdict *v)
{
    const struct unit *unit = &desk->units[v->unit];
    char storage[SENTENCE_MAX];
    const char *sentence = v->sentence;
    struct http_reply reply;

    if (!sentence && v->rc != RC_OK) {
        sentence = unit_describe_refusal(unit, v->rc, storage, sizeof storage);
    }
    reply = v->kind == MSG_AUTHENTICODE ? answer_authenticode(desk, v, sentence)
                                        : answer_rfc3161(desk, v, sentence);
    if (wbuf_rc(&desk->answer) != RC_OK) {
        reply = http_reply_refuse(503, NULL);
    }
    reply.unit = unit->settings->name;
    reply.kind = kind_words[v->kind];
    reply.result = rc_word(v->rc);
    desk->count(desk->count_arg, v->unit, v->kind, v->rc);
    http_conn_reply(slot, &reply);
}

/* ---- the table of those who wait ------------------------------------------------------------------- */

static uint64_t id_of(const struct stamp_desk *desk, const struct stamp *stamp)
{
    return (uint64_t)stamp->generation << 32 | (uint64_t)(stamp - desk->stamps);
}

static struct stamp *stamp_of(struct stamp_desk *desk, uint64_t id)
{
    size_t index = (size_t)(id & UINT32_MAX);
    struct stamp *stamp = index < desk->max_waiting ? &desk->stamps[index] : NULL;

    return stamp && stamp->waiting && id_of(desk, stamp) == id ? stamp : NULL;
}

static void wake_at(struct stamp_desk *desk, int64_t deadline)
{
    int64_t wait = deadline - now_mono_ns();
    struct timeval tv;

    wait = wait < 0 ? 0 : wait + 1000;
    tv.tv_sec = (time_t)(wait / 1000000000);
    tv.tv_usec = (suseconds_t)(wait % 1000000000 / 1000);
    event_add(desk->late, &tv);
}

static struct stamp *wait_begin(struct stamp_desk *desk, struct http_slot *slot, size_t unit, unsigned kind)
{
    struct stamp *stamp = TAILQ_FIRST(&desk->free);

    if (!stamp) {
        return NULL;
    }
    TAILQ_REMOVE(&desk->free, stamp, entry);
    TAILQ_INSERT_TAIL(&desk->waiting, stamp, entry);
    stamp->slot = slot;
    stamp->unit = (uint16_t)unit;
    stamp->kind = (uint8_t)kind;
    stamp->generation++;
    stamp->waiting = true;
    stamp->deadline = now_mono_ns() + PATIENCE_NS;
    if (desk->num_waiting++ == 0 && !event_pending(desk->late, EV_TIMEOUT, NULL)) {
        wake_at(desk, stamp->deadline);
    }
    return stamp;
}

/* Released before the answer goes out: the answer may bring the next request of the same client. */
static void wait_end(struct stamp_desk *desk, struct stamp *stamp, enum rc rc, struct bytes reply)
{
    struct verdict v = {.unit = stamp->unit, .kind = stamp->kind, .rc = rc, .reply = reply};
    struct http_slot *slot = stamp->slot;

    TAILQ_REMOVE(&desk->waiting, stamp, entry);
    TAILQ_INSERT_HEAD(&desk->free, stamp, entry);
    stamp->waiting = false;
    stamp->slot = NULL;
    desk->num_waiting--;
    answer(desk, slot, &v);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct stamp_desk *desk = arg;
    int64_t now = now_mono_ns();
    struct stamp *oldest;

    (void)fd;
    (void)what;
    while ((oldest = TAILQ_FIRST(&desk->waiting)) && oldest->deadline <= now) {
        wait_end(desk, oldest, RC_OVERLOADED, BYTES_NONE);
    }
    if (oldest) {
        wake_at(desk, oldest->deadline);
    }
}

/* ---- from body to message -------------------------------------------------------------------------- */

static bool is_undecodable(enum rc rc)
{
    return rc != RC_OK && rc != RC_TSP_VERSION && rc != RC_DIGEST_UNKNOWN && rc != RC_DIGEST_LENGTH &&
           rc != RC_TSP_EXTENSION && rc != RC_TSP_NONCE_SIZE;
}

static void fill_rfc3161(struct msg_stamp *out, const struct tsp_request *request)
{
    *out = (struct msg_stamp){
        .kind = MSG_RFC3161,
        .digest = (uint8_t)request->imprint.alg,
        .alg_null = request->imprint.alg_null,
        .cert_req = request->cert_req,
        .data = request->imprint.hash,
        .nonce = request->nonce,
        .policy = request->policy,
    };
}

unsigned stamp_body_kind(struct bytes body, struct wbuf *decoded, struct msg_stamp *out,
                         struct tsp_request *out_request, enum rc *out_rc)
{
    *out = (struct msg_stamp){0};
    memset(out_request, 0, sizeof *out_request);
    if (msauth_detect(body) != MSAUTH_NOT) {
        struct bytes blob;

        *out_rc = msauth_body_parse(body, decoded, &blob);
        *out = (struct msg_stamp){.kind = MSG_AUTHENTICODE, .data = blob};
        return *out_rc == RC_OK || *out_rc == RC_MSAUTH_BLOB_SIZE ? MSG_AUTHENTICODE : 0;
    }
    *out_rc = tsp_request_parse(body, out_request);
    fill_rfc3161(out, out_request);
    return is_undecodable(*out_rc) ? 0 : MSG_RFC3161;
}

/* Sent as an RFC 3161 request, it gets the refusal of that protocol. */
static void refuse_query(struct stamp_desk *desk, struct http_slot *slot, size_t unit, enum rc rc)
{
    char sentence[SENTENCE_MAX];
    struct verdict v = {.unit = unit, .kind = MSG_RFC3161, .rc = rc, .sentence = sentence};

    snprintf(sentence, sizeof sentence, "the body is no RFC 3161 request: %s", rc_text(rc));
    if (tsp_failure_of_rc(rc) != TSP_BAD_DATA_FORMAT) {
        v.rc = RC_DER_TAG;
    }
    answer(desk, slot, &v);
}

/* A body that is neither; the media type tells which refusal the client can read. */
static void refuse_neither(struct stamp_desk *desk, struct http_slot *slot,
                           const struct http_request *request, const struct verdict *v)
{
    char sentence[SENTENCE_MAX];
    struct http_reply reply = http_reply_refuse(415, NULL);

    if (http_head_text_is(request->media_type, "application/timestamp-query")) {
        refuse_query(desk, slot, v->unit, v->rc);
        return;
    }
    if (http_head_text_is(request->media_type, "application/octet-stream")) {
        snprintf(sentence, sizeof sentence, "the body is no Authenticode timestamp request: %s",
                 rc_text(v->rc));
        reply = http_reply_refuse(400, sentence);
    }
    reply.unit = desk->units[v->unit].settings->name;
    reply.kind = kind_words[0];
    reply.result = rc_word(v->rc);
    desk->count(desk->count_arg, v->unit, 0, v->rc);
    http_conn_reply(slot, &reply);
}

/* ?td= chooses the digest of a legacy reply: so far the unit's own is the choice there is. */
static enum rc check_td(const struct unit *unit, const struct http_request *request, char *out,
                        size_t out_size)
{
    enum digest has = (enum digest)unit->settings->digest;
    struct bytes value;
    char name[32];

    if (!http_route_query(request->query, "td", &value)) {
        return RC_OK;
    }
    snprintf(name, sizeof name, "%.*s", (int)(value.len < sizeof name ? value.len : 0),
             (const char *)value.data);
    if (digest_of_name(name) == has) {
        return RC_OK;
    }
    snprintf(out, out_size, "this unit signs with %s; leave ?td= out, or ask for ?td=%s", digest_name(has),
             digest_name(has));
    return RC_DIGEST_UNKNOWN;
}

static enum rc check(const struct unit *unit, unsigned kind, const struct tsp_request *request)
{
    if (kind == MSG_RFC3161) {
        return unit_accepts(unit, request);
    }
    return unit->settings->protocols & SETTINGS_AUTHENTICODE ? RC_OK : RC_UNIT_PROTOCOL;
}

static enum rc send_on(struct stamp_desk *desk, struct http_slot *slot, const struct verdict *v,
                       struct msg_stamp *msg)
{
    struct stamp *stamp = wait_begin(desk, slot, v->unit, v->kind);
    enum rc rc;

    if (!stamp) {
        return RC_OVERLOADED;
    }
    msg->id = id_of(desk, stamp);
    msg->unit = (uint16_t)v->unit;
    rc = issuer_link_stamp(desk->link, msg);
    if (rc != RC_OK) {
        wait_end(desk, stamp, rc, BYTES_NONE);
    }
    return RC_OK;
}

void stamp_request(struct stamp_desk *desk, struct http_slot *slot, const struct http_request *request,
                   size_t unit)
{
    struct verdict v = {.unit = unit};
    struct tsp_request tsp;
    struct msg_stamp msg;
    char sentence[SENTENCE_MAX];

    v.kind = stamp_body_kind(request->body, &desk->decoded, &msg, &tsp, &v.rc);
    if (v.kind == 0) {
        refuse_neither(desk, slot, request, &v);
        return;
    }
    if (v.rc == RC_OK) {
        v.rc = check(&desk->units[unit], v.kind, &tsp);
    }
    if (v.rc == RC_OK && v.kind == MSG_AUTHENTICODE) {
        v.rc = check_td(&desk->units[unit], request, sentence, sizeof sentence);
        v.sentence = v.rc == RC_OK ? NULL : sentence;
    }
    if (v.rc == RC_OK) {
        v.rc = send_on(desk, slot, &v, &msg);
    }
    if (v.rc != RC_OK) {
        answer(desk, slot, &v);
    }
}

/* ---- from the issuer ------------------------------------------------------------------------------- */

void stamp_on_stamped(struct stamp_desk *desk, const struct msg_stamped *stamped)
{
    struct stamp *stamp = stamp_of(desk, stamped->id);

    if (stamp) {
        wait_end(desk, stamp, stamped->rc, stamped->reply);
    }
}

void stamp_on_gone(struct stamp_desk *desk)
{
    struct stamp *last = TAILQ_LAST(&desk->waiting, stamp_list);
    struct stamp *stamp;
    bool was_last = false;

    while (!was_last && (stamp = TAILQ_FIRST(&desk->waiting))) {
        was_last = stamp == last; /* an answer may bring a new request behind it */
        wait_end(desk, stamp, RC_ISSUER_GONE, BYTES_NONE);
    }
}

/* ---- the desk -------------------------------------------------------------------------------------- */

void stamp_init(struct stamp_desk *desk, struct event_base *base, const struct unit *units, size_t queue)
{
    size_t i;

    memset(desk, 0, sizeof *desk);
    desk->units = units;
    desk->max_waiting = queue;
    desk->stamps = xcalloc(queue, sizeof *desk->stamps);
    TAILQ_INIT(&desk->free);
    TAILQ_INIT(&desk->waiting);
    for (i = 0; i < queue; i++) {
        TAILQ_INSERT_TAIL(&desk->free, &desk->stamps[i], entry);
    }
    desk->late = event_new(base, -1, 0, on_late, desk);
    if (!desk->late) {
        log_die(70, "out of memory");
    }
    wbuf_init(&desk->decoded, ANSWER_MAX);
    wbuf_init(&desk->answer, ANSWER_MAX);
}

void stamp_clear(struct stamp_desk *desk)
{
    while (!TAILQ_EMPTY(&desk->waiting)) {
        wait_end(desk, TAILQ_FIRST(&desk->waiting), RC_ISSUER_GONE, BYTES_NONE);
    }
    if (desk->late) {
        event_free(desk->late);
    }
    free(desk->stamps);
    wbuf_clear(&desk->decoded);
    wbuf_clear(&desk->answer);
    memset(desk, 0, sizeof *desk);
}
