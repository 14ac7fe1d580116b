/* SPDX-License-Identifier: Apache-2.0 */
/* The pool keeps what a steady load needs; what a flood has brought goes back to the system. */
#include "tsa/http/http_slot.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/now.h"

#define REPLY_MAX  (5u * 1024u * 1024u) /* the counters of 64 units are the longest */
#define REPLY_KEEP (16u * 1024u)        /* room of this size stays with a slot */
#define POOL_MAX   1024
#define AGENT_MAX  60
#define METHOD_MAX 16

static void note_put(struct http_slot_note *note, struct bytes text, size_t max)
{
    note->len = (uint8_t)(text.len < max ? text.len : max);
    if (note->len > 0) {
        memcpy(note->text, text.data, note->len);
    }
}

static struct bytes note_bytes(const struct http_slot_note *note)
{
    return bytes_of(note->text, note->len);
}

static struct http_slot *from_pool(struct http_server *server)
{
    struct http_slot *slot = TAILQ_FIRST(&server->free_slots);

    if (slot) {
        TAILQ_REMOVE(&server->free_slots, slot, entry);
        server->num_free_slots--;
    } else if ((slot = calloc(1, sizeof *slot))) {
        wbuf_init(&slot->out, REPLY_MAX);
    }
    return slot;
}

/* The connection may go before the answer comes, and the log line still names the certificate. */
static void keep_peer(struct http_slot *slot, const struct http_peer *peer)
{
    slot->peer = *peer;
    if (peer->certificate) {
        size_t len = strnlen(peer->certificate, sizeof slot->certificate - 1);

        memcpy(slot->certificate, peer->certificate, len);
        slot->certificate[len] = 0;
        slot->peer.certificate = slot->certificate;
    }
}

struct http_slot *http_slot_take(struct http_server *server, const struct http_peer *peer,
                                 const struct http_parse *parse)
{
    struct http_slot *slot = from_pool(server);

    if (!slot) {
        return NULL;
    }
    slot->server = server;
    slot->conn = NULL;
    slot->started = now_mono_ns();
    slot->ready = slot->closes = false;
    slot->is_head = parse->request.method == HTTP_METHOD_HEAD;
    slot->is_http10 = parse->line.minor == 0;
    keep_peer(slot, peer);
    note_put(&slot->method, parse->request.method_text, METHOD_MAX);
    note_put(&slot->target, parse->request.target, HTTP_SLOT_NOTE_MAX);
    note_put(&slot->agent, parse->request.agent, AGENT_MAX);
    return slot;
}

void http_slot_build(struct http_slot *slot, const struct http_reply *reply, bool closes)
{
    struct http_reply_frame frame = {
        .close = closes,
        .say_keep_alive = slot->is_http10,
        .head_only = slot->is_head,
        .date = http_server_date(slot->server),
    };

    http_reply_build(&slot->out, reply, &frame);
    slot->closes = closes;
    slot->ready = true;
}

void http_slot_tell(const struct http_slot *slot, const struct http_reply *reply)
{
    struct http_answered answered = {
        .client = &slot->peer.client,
        .direct = &slot->peer.direct,
        .certificate = slot->peer.certificate,
        .is_tls = slot->peer.door->kind == HTTP_DOOR_TLS,
        .method = note_bytes(&slot->method),
        .target = note_bytes(&slot->target),
        .agent = note_bytes(&slot->agent),
        .reply = reply,
        .len = slot->out.len,
        .elapsed_ns = now_mono_ns() - slot->started,
    };

    slot->server->ops->on_answered(slot->server->arg, &answered);
}

static void slot_free(struct http_slot *slot)
{
    wbuf_clear(&slot->out);
    free(slot);
}

void http_slot_give_back(struct http_slot *slot)
{
    if (slot->server->num_free_slots == POOL_MAX) {
        slot_free(slot);
        return;
    }
    if (slot->out.cap > REPLY_KEEP) {
        wbuf_clear(&slot->out);
        wbuf_init(&slot->out, REPLY_MAX);
    }
    wbuf_reset(&slot->out);
    TAILQ_INSERT_HEAD(&slot->server->free_slots, slot, entry);
    slot->server->num_free_slots++;
}

void http_slot_free_pool(struct http_server *server)
{
    struct http_slot *slot;

    while ((slot = TAILQ_FIRST(&server->free_slots))) {
        TAILQ_REMOVE(&server->free_slots, slot, entry);
        slot_free(slot);
    }
    server->num_free_slots = 0;
}
