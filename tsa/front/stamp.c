/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request in flight. Its number is index and generation, so that a late word of the issuer about one request can not
 * reach another that has taken its place. The list of those who wait is in the order of their arrival, sent ones first: that alone makes "again, in
 * order" and "the oldest" cheap.
 */
#include "tsa/front/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/front/http_route.h"

#define KEPT_MAX   (MSAUTH_BLOB_MAX + TSP_NONCE_MAX + TSP_POLICY_MAX)
#define KEPT_SMALL 1024u /* room of this size stays with a stamp */

struct stamp {
    TAILQ_ENTRY(stamp) entry;
    struct http_slot *slot;
    int64_t began;       /* when the request was whole */
    uint32_t generation; /* grows with each use */
    uint8_t tries;
    bool waiting, sent;
    struct msg_stamp msg; /* its views show what is kept */
    struct wbuf kept;
};

/* ---- the way out ----------------------------------------------------------------------------------- */

static void reply_with(struct stamp_desk *desk, struct http_slot *slot, const struct stamp_verdict *v,
                       const struct http_reply *reply)
{
    desk->count(desk->count_arg, (size_t)(v->unit - desk->units), v->kind, v->rc);
    http_conn_reply(slot, reply);
}

static void answer(struct stamp_desk *desk, struct http_slot *slot, const struct stamp_verdict *v)
{
    struct http_reply reply = stamp_answer_build(&desk->answer, v);

    reply_with(desk, slot, v, &reply);
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

/* It is worth while to wait beyond the patience: what was admitted is mostly about to be answered, and the successor of an issuer that was killed
 * for its silence comes at once. Signing tools do not ask twice. */
static int64_t deadline_of(const struct stamp_desk *desk, const struct stamp *stamp)
{
    int64_t late = stamp->began + 2 * desk->patience, alone = desk->gone_at + STAMP_GONE_NS;

    return desk->gone_at == 0 || late < alone ? late : alone;
}

static void wake_for(struct stamp_desk *desk, const struct stamp *oldest)
{
    int64_t wait = deadline_of(desk, oldest) - now_mono_ns();
    struct timeval tv;

    wait = wait < 0 ? 0 : wait + 1000;
    tv.tv_sec = (time_t)(wait / 1000000000);
    tv.tv_usec = (suseconds_t)(wait % 1000000000 / 1000);
    event_add(desk->late, &tv);
}

static enum rc keep(struct stamp *stamp, const struct msg_stamp *msg)
{
    const uint8_t *at;

    wbuf_reset(&stamp->kept);
    wbuf_put(&stamp->kept, msg->data);
    wbuf_put(&stamp->kept, msg->nonce);
    wbuf_put(&stamp->kept, msg->policy);
    stamp->msg = *msg;
    if (wbuf_rc(&stamp->kept) == RC_OK) {
        at = stamp->kept.data;
        stamp->msg.data = bytes_of(at, msg->data.len);
        stamp->msg.nonce = bytes_of(at + msg->data.len, msg->nonce.len);
        stamp->msg.policy = bytes_of(at + msg->data.len + msg->nonce.len, msg->policy.len);
    }
    return wbuf_rc(&stamp->kept);
}

/* What a burst of large requests has brought goes back to the system. */
static void forget(struct stamp *stamp)
{
    if (stamp->kept.cap > KEPT_SMALL) {
        wbuf_clear(&stamp->kept);
        wbuf_init(&stamp->kept, KEPT_MAX);
    }
}

/* There is a free one. */
static enum rc wait_begin(struct stamp_desk *desk, struct http_slot *slot, const struct msg_stamp *msg,
                          int64_t now)
{
    struct stamp *stamp = TAILQ_FIRST(&desk->free);
    enum rc rc = keep(stamp, msg);

    if (rc != RC_OK) {
        return rc;
    }
    TAILQ_REMOVE(&desk->free, stamp, entry);
    TAILQ_INSERT_TAIL(&desk->waiting, stamp, entry);
    stamp->slot = slot;
    stamp->began = now;
    stamp->generation++;
    stamp->msg.id = id_of(desk, stamp);
    stamp->tries = 0;
    stamp->sent = false;
    stamp->waiting = true;
    desk->unsent = desk->unsent ? desk->unsent : stamp;
    if (desk->num_waiting++ == 0 && (desk->gone_at != 0 || !event_pending(desk->late, EV_TIMEOUT, NULL))) {
        wake_for(desk, stamp);
    }
    return RC_OK;
}

/* Released before the answer goes out: the answer may bring the next request of the same client. */
static void wait_end(struct stamp_desk *desk, struct stamp *stamp, const struct msg_stamped *stamped)
{
    struct stamp_verdict v = {
        .unit = &desk->units[stamp->msg.unit],
        .kind = stamp->msg.kind,
        .rc = stamped->rc,
        .why = stamped->why,
        .reply = stamped->reply,
        .serial = stamped->serial,
        .record = stamped->record,
        .retry_ns = stamped->rc == RC_OK ? 0 : now_mono_ns() - stamp->began,
    };
    struct http_slot *slot = stamp->slot;

    if (desk->unsent == stamp) {
        desk->unsent = TAILQ_NEXT(stamp, entry);
    }
    TAILQ_REMOVE(&desk->waiting, stamp, entry);
    TAILQ_INSERT_HEAD(&desk->free, stamp, entry);
    stamp->waiting = false;
    stamp->slot = NULL;
    forget(stamp);
    desk->num_waiting--;
    answer(desk, slot, &v);
}

static void give_up(struct stamp_desk *desk, struct stamp *stamp, enum rc rc)
{
    const struct msg_stamped stamped = {.rc = rc};

    desk->num_stale += stamp->sent;
    wait_end(desk, stamp, &stamped);
}

/* The issuer has work, and has said nothing for as long as anybody should wait. */
static bool is_silent(const struct stamp_desk *desk, int64_t now)
{
    return desk->num_sent > 0 && now - desk->heard_at > desk->patience;
}

/* An issuer that has been away for a moment, as at a reload, is not why somebody has waited so long. */
static enum rc late_reason(const struct stamp_desk *desk, int64_t now)
{
    if (desk->gone_at != 0 &&
        now - desk->gone_at >= (desk->patience < STAMP_GONE_NS ? desk->patience : STAMP_GONE_NS)) {
        return RC_ISSUER_GONE;
    }
    return is_silent(desk, now) ? RC_ISSUER_SILENT : RC_OVERLOADED;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct stamp_desk *desk = arg;
    int64_t now = now_mono_ns();
    struct stamp *oldest;

    (void)fd;
    (void)what;
    while ((oldest = TAILQ_FIRST(&desk->waiting)) && deadline_of(desk, oldest) <= now) {
        give_up(desk, oldest, late_reason(desk, now));
    }
    if (oldest) {
        wake_for(desk, oldest);
    }
}

/* ---- admission by age ------------------------------------------------------------------------------ */

static int64_t age_of_oldest(const struct stamp_desk *desk, int64_t now)
{
    const struct stamp *oldest = TAILQ_FIRST(&desk->waiting);

    return oldest ? now - oldest->began : 0;
}

static bool has_room(const struct stamp_desk *desk, int64_t now)
{
    return !TAILQ_EMPTY(&desk->free) &&
           desk->num_waiting + desk->num_stale < pace_room(&desk->pace, now, desk->patience);
}

/* Whether a newcomer may wait. */
static enum rc may_wait(const struct stamp_desk *desk, int64_t now)
{
    if (desk->stopping) {
        return RC_STOPPING;
    }
    if (desk->gone_at != 0 && now - desk->gone_at >= STAMP_GONE_NS) {
        return RC_ISSUER_GONE;
    }
    if (age_of_oldest(desk, now) <= desk->patience && has_room(desk, now)) {
        return RC_OK;
    }
    return is_silent(desk, now) ? RC_ISSUER_SILENT : RC_OVERLOADED;
}

/* ---- to the issuer --------------------------------------------------------------------------------- */

static bool send_one(struct stamp_desk *desk, struct stamp *stamp, int64_t now)
{
    enum rc rc = issuer_link_stamp(desk->link, &stamp->msg);

    if (rc == RC_ISSUER_GONE && desk->gone_at == 0) {
        desk->gone_at = now;
        wake_for(desk, TAILQ_FIRST(&desk->waiting));
    }
    if (rc != RC_OK) {
        return false;
    }
    desk->gone_at = 0;
    if (desk->num_sent++ == 0) {
        desk->heard_at = now; /* from now on it owes an answer */
    }
    stamp->sent = true;
    stamp->tries++;
    desk->unsent = TAILQ_NEXT(stamp, entry);
    return true;
}

/* As much as the issuer should have at a time; the rest is held here, where it can still be given up. */
static void pump(struct stamp_desk *desk, int64_t now)
{
    while (!desk->holding && desk->unsent && desk->num_sent < desk->pace.window &&
           send_one(desk, desk->unsent, now)) {
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

static enum rc send_on(struct stamp_desk *desk, struct http_slot *slot, struct stamp_verdict *v,
                       const struct msg_stamp *msg)
{
    int64_t now = now_mono_ns();
    enum rc rc = may_wait(desk, now);

    if (rc == RC_OK) {
        rc = wait_begin(desk, slot, msg, now);
    }
    if (rc == RC_OK) {
        pump(desk, now);
    }
    v->retry_ns = age_of_oldest(desk, now);
    return rc;
}

static void refuse_neither(struct stamp_desk *desk, struct http_slot *slot, struct stamp_verdict *v,
                           struct bytes media_type)
{
    struct http_reply reply = stamp_answer_neither(&desk->answer, v, media_type);

    reply_with(desk, slot, v, &reply);
}

void stamp_request(struct stamp_desk *desk, struct http_slot *slot, const struct http_request *request,
                   size_t unit)
{
    struct stamp_verdict v = {.unit = &desk->units[unit]};
    struct tsp_request tsp;
    struct msg_stamp msg;
    char sentence[200];

    v.kind = stamp_body_kind(request->body, &desk->decoded, &msg, &tsp, &v.rc);
    if (v.kind == 0) {
        refuse_neither(desk, slot, &v, request->media_type);
        return;
    }
    if (v.rc == RC_OK) {
        v.rc = check(v.unit, v.kind, &tsp);
    }
    if (v.rc == RC_OK && v.kind == MSG_AUTHENTICODE) {
        v.rc = check_td(v.unit, request, sentence, sizeof sentence);
        v.sentence = v.rc == RC_OK ? NULL : sentence;
    }
    if (v.rc == RC_OK) {
        msg.unit = (uint16_t)unit;
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
    int64_t now = now_mono_ns();

    desk->heard_at = now;
    desk->num_sent -= desk->num_sent > 0;
    pace_answer(&desk->pace, now, desk->unsent != NULL, desk->patience);
    if (stamp && stamp->sent) {
        wait_end(desk, stamp, stamped);
    } else {
        desk->num_stale -= desk->num_stale > 0;
    }
    pump(desk, now);
}

/* All that was sent counts as not sent, but for what has had its chances. */
static void take_back(struct stamp_desk *desk)
{
    struct stamp *stamp, *next = TAILQ_FIRST(&desk->waiting);

    desk->unsent = next;
    while ((stamp = next)) {
        next = TAILQ_NEXT(stamp, entry); /* stays where it is: an answer brings new ones behind it at most */
        stamp->sent = false;
        if (stamp->tries >= STAMP_TRIES) {
            give_up(desk, stamp, RC_ISSUER_GONE);
        }
    }
}

void stamp_on_gone(struct stamp_desk *desk)
{
    int64_t now = now_mono_ns();

    desk->num_sent = desk->num_stale = 0;
    pace_pause(&desk->pace);
    desk->holding = true; /* nobody overtakes while they are being looked through */
    take_back(desk);
    desk->holding = false;
    desk->gone_at = issuer_link_is_up(desk->link) ? 0 : desk->gone_at ? desk->gone_at : now;
    pump(desk, now);
    if (!TAILQ_EMPTY(&desk->waiting)) {
        wake_for(desk, TAILQ_FIRST(&desk->waiting));
    }
}

/* ---- the desk -------------------------------------------------------------------------------------- */

void stamp_init(struct stamp_desk *desk, struct event_base *base, const struct unit *units, size_t queue)
{
    size_t i;

    memset(desk, 0, sizeof *desk);
    desk->units = units;
    desk->max_waiting = queue;
    desk->patience = STAMP_WAIT_NS;
    desk->stamps = xcalloc(queue, sizeof *desk->stamps);
    TAILQ_INIT(&desk->free);
    TAILQ_INIT(&desk->waiting);
    for (i = 0; i < queue; i++) {
        wbuf_init(&desk->stamps[i].kept, KEPT_MAX);
        TAILQ_INSERT_TAIL(&desk->free, &desk->stamps[i], entry);
    }
    pace_init(&desk->pace, queue);
    desk->late = event_new(base, -1, 0, on_late, desk);
    if (!desk->late) {
        log_die(70, "out of memory");
    }
    wbuf_init(&desk->decoded, STAMP_ANSWER_MAX);
    wbuf_init(&desk->answer.body, STAMP_ANSWER_MAX);
}

static void give_up_all(struct stamp_desk *desk, enum rc rc)
{
    desk->holding = true;
    while (!TAILQ_EMPTY(&desk->waiting)) {
        give_up(desk, TAILQ_FIRST(&desk->waiting), rc);
    }
}

void stamp_stop(struct stamp_desk *desk)
{
    desk->stopping = true;
    give_up_all(desk, RC_STOPPING);
}

void stamp_clear(struct stamp_desk *desk)
{
    size_t i;

    give_up_all(desk, desk->stopping ? RC_STOPPING : RC_ISSUER_GONE);
    if (desk->late) {
        event_free(desk->late);
    }
    for (i = 0; i < desk->max_waiting; i++) {
        wbuf_clear(&desk->stamps[i].kept);
    }
    free(desk->stamps);
    wbuf_clear(&desk->decoded);
    wbuf_clear(&desk->answer.body);
    memset(desk, 0, sizeof *desk);
}
