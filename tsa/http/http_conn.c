/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: header, body, answer, write, keep-alive, ... linger. Its phase follows from its state, in one place
 * (settle), so that no path can forget a deadline. Answers go out in the order of the requests (RFC 9112 9.3.2).
 */
#include "tsa/http/http_conn.h"

#include <event2/buffer.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "tsa/base/now.h"
#include "tsa/http/http_conn_parts.h"
#include "tsa/http/tls.h"

#define LINGER_MAX (256u * 1024u) /* octets that are read and thrown away after the last answer */

/* ---- slots ----------------------------------------------------------------------------------------- */

static struct http_slot *slot_take(struct http_conn *conn)
{
    struct http_slot *slot = http_slot_take(conn->server, &conn->peer, &conn->parse);

    if (slot) {
        slot->conn = conn;
        TAILQ_INSERT_TAIL(&conn->slots, slot, entry);
        conn->num_slots++;
    }
    return slot;
}

/* Takes a slot off its connection; one that is still being answered lives on until its answer comes. */
static void slot_part(struct http_conn *conn, struct http_slot *slot)
{
    TAILQ_REMOVE(&conn->slots, slot, entry);
    conn->num_slots--;
    slot->conn = NULL;
    if (slot->ready) {
        http_slot_give_back(slot);
    }
}

void http_conn_part_all(struct http_conn *conn)
{
    while (!TAILQ_EMPTY(&conn->slots)) {
        slot_part(conn, TAILQ_FIRST(&conn->slots));
    }
}

/* ---- sending --------------------------------------------------------------------------------------- */

bool http_conn_is_writing(const struct http_conn *conn)
{
    return conn->bev && evbuffer_get_length(bufferevent_get_output(conn->bev)) > 0;
}

/* Into the buffer. TLS writes from there at once, and tells of it, which whoever calls has no need of. */
static void buffer_octets(struct http_conn *conn, struct bytes b)
{
    bool was_busy = conn->busy;

    conn->busy = true;
    if (bufferevent_write(conn->bev, b.data, b.len) != 0) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    }
    conn->busy = was_busy;
}

/* Tries a plain socket at once: mostly it takes all, which spares the event loop a turn and the buffer a copy. */
static void send_octets(struct http_conn *conn, struct bytes b)
{
    ssize_t num = 0;

    if (!conn->ssl && !http_conn_is_writing(conn)) {
        num = send(conn->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        num = num < 0 ? 0 : num; /* what is wrong with the socket, the buffer will meet again */
    }
    if ((size_t)num < b.len) {
        buffer_octets(conn, bytes_of(b.data + num, b.len - (size_t)num));
    }
}

/* Nothing more will be said, and nothing more is read but to be thrown away. */
static void finish(struct http_conn *conn)
{
    conn->last = conn->closing = true;
    http_conn_part_all(conn);
}

static void send_ready(struct http_conn *conn)
{
    struct http_slot *slot;

    while (!conn->dead && !conn->closing && (slot = TAILQ_FIRST(&conn->slots)) && slot->ready) {
        bool closes = slot->closes;

        send_octets(conn, wbuf_bytes(&slot->out));
        if (conn->dead) {
            return;
        }
        slot_part(conn, slot);
        if (closes) {
            finish(conn);
        }
    }
}

/* Whether something has arrived, or is on its way through the kernel, behind the request at hand. */
static bool more_waits(const struct http_conn *conn)
{
    char octet;

    return evbuffer_get_length(bufferevent_get_input(conn->bev)) > conn->taken ||
           (conn->ssl && SSL_has_pending(conn->ssl)) ||
           recv(conn->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* In the last tenth of its life: else it would mostly end between two requests, and nobody would have been told. */
static bool is_old(const struct http_conn *conn)
{
    const struct http_phase_member *life = &conn->life;

    return conn->aged || now_mono_ns() >= life->deadline - (life->deadline - life->since) / 10;
}

/* Who is to go hears so with the answer to the last that it has sent, not sooner (RFC 9112 9.6). */
static bool ends_with(const struct http_conn *conn, const struct http_slot *slot,
                      const struct http_reply *reply)
{
    return slot->closes || (http_reply_closes(reply->status) && !reply->keeps) ||
           ((conn->server->stopping || is_old(conn)) && slot == TAILQ_LAST(&conn->slots, http_slot_list) &&
            !more_waits(conn));
}

void http_conn_reply(struct http_slot *slot, const struct http_reply *reply)
{
    struct http_conn *conn = slot->conn;

    ERR_clear_error(); /* what the making of the answer has left there is no connection's */
    if (conn) {
        bool closes = ends_with(conn, slot, reply);

        conn->last = conn->last || closes;
        http_slot_build(slot, reply, closes);
    }
    http_slot_tell(slot, reply);
    if (!conn) {
        http_slot_give_back(slot);
    } else if (wbuf_rc(&slot->out) != RC_OK) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    } else if (TAILQ_FIRST(&conn->slots) == slot) {
        send_ready(conn);
        http_conn_process(conn);
    }
}

/* ---- receiving ------------------------------------------------------------------------------------- */

void http_conn_refuse(struct http_conn *conn, struct http_refusal refusal)
{
    struct http_reply reply = http_reply_refuse(refusal.status, refusal.why);
    struct http_slot *slot = slot_take(conn);

    conn->last = true;
    if (!slot) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
        return;
    }
    http_conn_reply(slot, &reply);
}

/* The interim answer must not overtake those to earlier requests (RFC 9110 10.1.1, RFC 9112 9.3.2). */
static void say_continue(struct http_conn *conn)
{
    if (conn->parse.wants_continue && !conn->continued && conn->num_slots == 0) {
        conn->continued = true;
        send_octets(conn, bytes_str("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

static void take_request(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_slot *slot = slot_take(conn);

    if (!slot) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
        return;
    }
    conn->num_requests++;
    conn->last = !conn->parse.request.keep_alive || conn->num_requests >= server->config.requests ||
                 slot->started >= conn->life.deadline;
    slot->closes = conn->last;
    conn->taken = conn->parse.consumed;
    http_phase_enter(&server->phases, &conn->member, HTTP_PHASE_ANSWER, slot->started);
    server->ops->on_request(server->arg, slot, &conn->parse.request);
    conn->taken = 0;
    if (!conn->dead && !conn->closing) {
        evbuffer_drain(bufferevent_get_input(conn->bev), conn->parse.consumed);
        http_parse_next(&conn->parse);
        conn->continued = false;
    }
}

/* One request of what has arrived; false when there is none whole. */
static bool take_one(struct http_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    size_t len = evbuffer_get_length(input);
    const uint8_t *data = len > 0 ? evbuffer_pullup(input, -1) : NULL;
    enum http_parse_verdict verdict =
        data ? http_parse_run(&conn->parse, bytes_of(data, len)) : HTTP_PARSE_MORE;

    if (verdict == HTTP_PARSE_REQUEST) {
        take_request(conn);
        return true;
    }
    if (verdict == HTTP_PARSE_REFUSED) {
        http_conn_refuse(conn, conn->parse.refusal);
    } else if (conn->eof && conn->parse.phase != HTTP_PARSE_IDLE) {
        http_conn_refuse(conn, (struct http_refusal){400, "the request ends too early"});
    } else {
        say_continue(conn);
    }
    return false;
}

static bool may_parse(const struct http_conn *conn)
{
    return !conn->dead && !conn->last && conn->num_slots < conn->server->config.pipeline &&
           !http_conn_is_writing(conn);
}

/* Throws away what the client still sends; a client that sends too much of it is cut off. */
static void drain(struct http_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    size_t len = evbuffer_get_length(input);

    conn->num_drained += len; /* first, since more may be read while it drains */
    evbuffer_drain(input, len);
    if (conn->num_drained > LINGER_MAX) {
        http_conn_kill(&conn->member, HTTP_END_LINGERED);
    }
}

/* ---- phases ---------------------------------------------------------------------------------------- */

static enum http_phase arriving_phase(const struct http_conn *conn)
{
    if (conn->parse.phase == HTTP_PARSE_BODY) {
        return HTTP_PHASE_BODY;
    }
    if (conn->parse.phase == HTTP_PARSE_HEAD || conn->num_requests == 0) {
        return HTTP_PHASE_HEADER;
    }
    return conn->member.phase == HTTP_PHASE_KEEP_ALIVE ? HTTP_PHASE_KEEP_ALIVE : HTTP_PHASE_DELIVERY;
}

static enum http_phase phase_of(const struct http_conn *conn)
{
    enum http_phase arriving = arriving_phase(conn);

    if (http_conn_is_writing(conn)) {
        return HTTP_PHASE_WRITE;
    }
    if (conn->closing) {
        return HTTP_PHASE_LINGER;
    }
    if (conn->num_slots == 0 || (may_parse(conn) && conn->parse.phase != HTTP_PARSE_IDLE)) {
        return arriving;
    }
    return HTTP_PHASE_ANSWER;
}

/* All is written of a connection that ends: the client reads to the end, then closes (RFC 9112 9.6). */
static void linger(struct http_conn *conn)
{
    if (!conn->shut) {
        if (conn->ssl) {
            tls_say_end(conn->ssl);
        }
        shutdown(conn->fd, SHUT_WR);
        conn->shut = true;
    }
    if (conn->eof) {
        http_conn_kill(&conn->member, HTTP_END_ANSWERED);
    }
}

/* Nothing is asked and nothing is left to say: may it stay for a next request? */
static bool may_idle(const struct http_conn *conn)
{
    return conn->parse.phase != HTTP_PARSE_IDLE || !(conn->aged || conn->server->impatient);
}

/* Full of what may not be parsed yet: as long as reading is on, libevent would run the reader again in each turn. */
static void pace_reading(struct http_conn *conn)
{
    bool full =
        !may_parse(conn) && !conn->closing &&
        evbuffer_get_length(bufferevent_get_input(conn->bev)) >= http_parse_max(&conn->server->config.limits);
    bool is_reading = bufferevent_get_enabled(conn->bev) & EV_READ;
    int rc = 0;

    if (full && is_reading) {
        rc = bufferevent_disable(conn->bev, EV_READ);
    } else if (!full && !is_reading && !conn->eof) {
        rc = bufferevent_enable(conn->bev, EV_READ);
    }
    if (rc != 0) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    }
}

static void settle(struct http_conn *conn)
{
    bool has_nothing = conn->num_slots == 0 && !http_conn_is_writing(conn);

    if (conn->closing && has_nothing) {
        linger(conn);
    } else if (conn->eof && has_nothing) {
        http_conn_kill(&conn->member, HTTP_END_CLIENT);
    } else if (has_nothing && !may_idle(conn)) {
        http_conn_kill(&conn->member, conn->aged ? HTTP_END_IDLE : HTTP_END_STOPPED);
    }
    if (!conn->dead) {
        http_phase_enter(&conn->server->phases, &conn->member, phase_of(conn), now_mono_ns());
        http_server_arm(conn->server);
        pace_reading(conn);
    }
}

/* All that can be done now. Runs after everything that happens to a connection. */
void http_conn_process(struct http_conn *conn)
{
    if (conn->busy || conn->dead || !conn->open) {
        return; /* the outer one goes on */
    }
    conn->busy = true;
    while (may_parse(conn) && take_one(conn)) {
    }
    conn->busy = false;
    if (!conn->dead && conn->closing) {
        drain(conn);
    }
    if (!conn->dead) {
        settle(conn);
    }
}

const struct http_peer *http_conn_peer(const struct http_slot *slot)
{
    return &slot->peer;
}

void http_conn_set_client(struct http_slot *slot, const struct netaddr *client)
{
    slot->peer.client = *client;
}
