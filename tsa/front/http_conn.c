/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: header, body, answer, write, keep-alive, ... linger. Its phase follows from its state, in one place
 * (settle), so that no path can forget a deadline. Answers go out in the order of the requests (RFC 9112 9.3.2).
 */
#include "tsa/front/http_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tsa/base/now.h"

#define LINGER_MAX     (256u * 1024u) /* octets that are read and thrown away after the last answer */
#define REPLY_MAX      (1024u * 1024u)
#define REPLY_KEEP     (16u * 1024u) /* room of this size stays with a slot */
#define FREE_SLOTS_MAX 1024          /* kept for the next requests */
#define LOG_TARGET_MAX 120
#define LOG_AGENT_MAX  60
#define LOG_METHOD_MAX 16

/* A piece of the request that a log line will bear. */
struct note {
    uint8_t len;
    char text[LOG_TARGET_MAX];
};

/* One request, from when it is whole until its answer is sent. */
struct http_slot {
    TAILQ_ENTRY(http_slot) entry;
    struct http_server *server;
    struct http_conn *conn; /* NULL: the client has gone */
    int64_t started;
    bool is_head, is_http10, ready, closes;
    struct note method, target, agent;
    struct http_peer peer;
    struct wbuf out;
};

struct http_conn {
    struct http_phase_member member; /* first: a member is its connection */
    struct http_server *server;
    struct bufferevent *bev;
    struct http_parse parse;
    struct http_slot_list slots; /* requests that are being answered, oldest first */
    size_t num_slots, num_requests, num_drained;
    int64_t life_end;
    bool last;      /* no further request is parsed */
    bool closing;   /* the last answer is given to the socket, or was sent */
    bool shut;      /* the write end is shut */
    bool eof;       /* the client sends no more */
    bool continued; /* 100 Continue was sent for the request that is arriving */
    bool busy;      /* process is running */
    bool dead;
    struct http_peer peer;
};

static void process(struct http_conn *conn);

/* ---- callbacks ------------------------------------------------------------------------------------- */

static void on_readable(struct bufferevent *bev, void *arg)
{
    (void)bev;
    process(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    process(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct http_conn *conn = arg;

    (void)bev;
    if (what & BEV_EVENT_ERROR) {
        http_conn_kill(&conn->member, HTTP_END_ERROR);
        return;
    }
    conn->eof = true;
    process(conn);
}

/* ---- slots ----------------------------------------------------------------------------------------- */

static void note_put(struct note *note, struct bytes text, size_t max)
{
    note->len = (uint8_t)(text.len < max ? text.len : max);
    if (note->len > 0) {
        memcpy(note->text, text.data, note->len);
    }
}

static struct http_slot *slot_take(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_slot *slot = TAILQ_FIRST(&server->free_slots);

    if (slot) {
        TAILQ_REMOVE(&server->free_slots, slot, entry);
        server->num_free_slots--;
    } else if ((slot = calloc(1, sizeof *slot))) {
        wbuf_init(&slot->out, REPLY_MAX);
    } else {
        return NULL;
    }
    slot->server = server;
    slot->conn = conn;
    slot->peer = conn->peer;
    slot->started = now_mono_ns();
    slot->ready = slot->closes = false;
    slot->is_head = conn->parse.request.method == HTTP_METHOD_HEAD;
    slot->is_http10 = conn->parse.line.minor == 0;
    note_put(&slot->method, conn->parse.request.method_text, LOG_METHOD_MAX);
    note_put(&slot->target, conn->parse.request.target, LOG_TARGET_MAX);
    note_put(&slot->agent, conn->parse.request.agent, LOG_AGENT_MAX);
    TAILQ_INSERT_TAIL(&conn->slots, slot, entry);
    conn->num_slots++;
    return slot;
}

static void slot_free(struct http_slot *slot)
{
    wbuf_clear(&slot->out);
    free(slot);
}

/* What a flood has brought goes back to the system; what a steady load needs stays. */
static void slot_give_back(struct http_slot *slot)
{
    if (slot->server->num_free_slots == FREE_SLOTS_MAX) {
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

void http_conn_free_slots(struct http_server *server)
{
    struct http_slot *slot;

    while ((slot = TAILQ_FIRST(&server->free_slots))) {
        TAILQ_REMOVE(&server->free_slots, slot, entry);
        slot_free(slot);
    }
    server->num_free_slots = 0;
}

/* Takes a slot off its connection; one that is still being answered lives on until its answer comes. */
static void slot_part(struct http_conn *conn, struct http_slot *slot)
{
    TAILQ_REMOVE(&conn->slots, slot, entry);
    conn->num_slots--;
    slot->conn = NULL;
    if (slot->ready) {
        slot_give_back(slot);
    }
}

static void part_all(struct http_conn *conn)
{
    while (!TAILQ_EMPTY(&conn->slots)) {
        slot_part(conn, TAILQ_FIRST(&conn->slots));
    }
}

/* ---- sending --------------------------------------------------------------------------------------- */

static bool is_writing(const struct http_conn *conn)
{
    return evbuffer_get_length(bufferevent_get_output(conn->bev)) > 0;
}

/* Tries the socket at once: mostly it takes all, which spares the event loop a turn and the buffer a copy. */
static void send_octets(struct http_conn *conn, struct bytes b)
{
    ssize_t num = 0;

    if (!is_writing(conn)) {
        num = send(bufferevent_getfd(conn->bev), b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        num = num < 0 ? 0 : num; /* what is wrong with the socket, the buffer will meet again */
    }
    if ((size_t)num < b.len && bufferevent_write(conn->bev, b.data + num, b.len - (size_t)num) != 0) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    }
}

/* Nothing more will be said, and nothing more is read but to be thrown away. */
static void finish(struct http_conn *conn)
{
    conn->last = conn->closing = true;
    part_all(conn);
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

static void tell_answered(struct http_slot *slot, const struct http_reply *reply)
{
    struct http_answered answered = {
        .client = &slot->peer.client,
        .direct = &slot->peer.direct,
        .certificate = slot->peer.certificate,
        .is_tls = slot->peer.door->kind == HTTP_DOOR_TLS,
        .method = bytes_of(slot->method.text, slot->method.len),
        .target = bytes_of(slot->target.text, slot->target.len),
        .agent = bytes_of(slot->agent.text, slot->agent.len),
        .reply = reply,
        .len = slot->out.len,
        .elapsed_ns = now_mono_ns() - slot->started,
    };

    slot->server->ops->on_answered(slot->server->arg, &answered);
}

static void build_reply(struct http_slot *slot, const struct http_reply *reply)
{
    struct http_reply_frame frame = {
        .close = slot->closes || http_reply_closes(reply->status),
        .say_keep_alive = slot->is_http10,
        .head_only = slot->is_head,
        .date = http_server_date(slot->server),
    };

    http_reply_build(&slot->out, reply, &frame);
    slot->closes = frame.close;
    slot->ready = true;
}

void http_conn_reply(struct http_slot *slot, const struct http_reply *reply)
{
    struct http_conn *conn = slot->conn;

    if (conn) {
        build_reply(slot, reply);
    }
    tell_answered(slot, reply);
    if (!conn) {
        slot_give_back(slot);
    } else if (wbuf_rc(&slot->out) != RC_OK) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    } else if (TAILQ_FIRST(&conn->slots) == slot) {
        send_ready(conn);
        process(conn);
    }
}

/* ---- receiving ------------------------------------------------------------------------------------- */

static void refuse(struct http_conn *conn, struct http_refusal refusal)
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
    conn->last = !conn->parse.request.keep_alive || server->stopping ||
                 conn->num_requests >= server->config.requests || slot->started >= conn->life_end;
    slot->closes = conn->last;
    http_phase_enter(&server->phases, &conn->member, HTTP_PHASE_ANSWER, slot->started);
    server->ops->on_request(server->arg, slot, &conn->parse.request);
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
        refuse(conn, conn->parse.refusal);
    } else if (conn->eof && conn->parse.phase != HTTP_PARSE_IDLE) {
        refuse(conn, (struct http_refusal){400, "the request ends too early"});
    } else {
        say_continue(conn);
    }
    return false;
}

static bool may_parse(const struct http_conn *conn)
{
    return !conn->dead && !conn->last && conn->num_slots < conn->server->config.pipeline && !is_writing(conn);
}

/* Throws away what the client still sends; a client that sends too much of it is cut off. */
static void drain(struct http_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    size_t len = evbuffer_get_length(input);

    evbuffer_drain(input, len);
    conn->num_drained += len;
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
    return HTTP_PHASE_KEEP_ALIVE;
}

static enum http_phase phase_of(const struct http_conn *conn)
{
    enum http_phase arriving = arriving_phase(conn);

    if (is_writing(conn)) {
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
        shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
        conn->shut = true;
    }
    if (conn->eof) {
        http_conn_kill(&conn->member, HTTP_END_ANSWERED);
    }
}

static void settle(struct http_conn *conn)
{
    bool has_nothing = conn->num_slots == 0 && !is_writing(conn);

    if (conn->closing && has_nothing) {
        linger(conn);
    } else if (conn->eof && has_nothing) {
        http_conn_kill(&conn->member, HTTP_END_CLIENT);
    }
    if (!conn->dead) {
        http_phase_enter(&conn->server->phases, &conn->member, phase_of(conn), now_mono_ns());
        http_server_arm(conn->server);
    }
}

/* All that can be done now. Runs after everything that happens to a connection. */
static void process(struct http_conn *conn)
{
    if (conn->busy || conn->dead) {
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

void http_conn_expire(struct http_phase_member *member)
{
    struct http_conn *conn = (struct http_conn *)member;

    switch (member->phase) {
    case HTTP_PHASE_HEADER:
    case HTTP_PHASE_BODY:
        if (conn->parse.phase == HTTP_PARSE_IDLE) {
            http_conn_kill(member, HTTP_END_IDLE);
            break;
        }
        refuse(conn, (struct http_refusal){408, NULL});
        process(conn);
        break;
    case HTTP_PHASE_WRITE:
        http_conn_kill(member, HTTP_END_SLOW_READER);
        break;
    case HTTP_PHASE_LINGER:
        http_conn_kill(member, HTTP_END_LINGERED);
        break;
    default:
        http_conn_kill(member, HTTP_END_IDLE);
        break;
    }
}

/* ---- birth and death ------------------------------------------------------------------------------- */

static struct http_peer peer_of(const struct sockaddr *sock, const struct http_door *door)
{
    static const struct sockaddr local = {.sa_family = AF_UNIX};
    static const struct http_door plain = {.kind = HTTP_DOOR_PLAIN};
    struct netaddr direct = netaddr_of_sock(sock ? sock : &local);

    return (struct http_peer){
        .direct = direct, .client = direct, .door = door ? door : &plain, .source = UINT32_MAX};
}

struct http_conn *http_conn_new(struct http_server *server, int fd, const struct sockaddr *peer,
                                const struct http_door *door)
{
    struct http_conn *conn = calloc(1, sizeof *conn);
    int64_t now = now_mono_ns();

    if (!conn || !(conn->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE))) {
        free(conn);
        return NULL;
    }
    conn->server = server;
    conn->life_end = now + server->config.connection;
    TAILQ_INIT(&conn->slots);
    conn->peer = peer_of(peer, door);
    http_parse_init(&conn->parse, &server->config.limits);
    bufferevent_setcb(conn->bev, on_readable, on_written, on_event, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, http_parse_max(&server->config.limits));
    http_phase_join(&server->phases, &conn->member, HTTP_PHASE_HEADER, now);
    server->num_conns++;
    bufferevent_enable(conn->bev, EV_READ);
    return conn;
}

void http_conn_kill(struct http_phase_member *member, enum http_end end)
{
    struct http_conn *conn = (struct http_conn *)member;
    struct http_server *server = conn->server;

    if (conn->dead) {
        return;
    }
    conn->dead = true;
    bufferevent_setcb(conn->bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(conn->bev, EV_READ | EV_WRITE);
    part_all(conn);
    http_phase_leave(&server->phases, member);
    server->num_conns--;
    http_server_bury(server, member);
    server->ops->on_closed(server->arg, &conn->peer, end);
}

void http_conn_stop(struct http_phase_member *member)
{
    struct http_conn *conn = (struct http_conn *)member;
    struct http_slot *newest = TAILQ_LAST(&conn->slots, http_slot_list);

    conn->last = true;
    if (newest) {
        newest->closes = true;
    } else if (!is_writing(conn) && !conn->closing) {
        http_conn_kill(member, HTTP_END_STOPPED);
    } else {
        conn->closing = true; /* when all is written */
    }
}

void http_conn_free(struct http_phase_member *member)
{
    struct http_conn *conn = (struct http_conn *)member;

    bufferevent_free(conn->bev);
    http_parse_clear(&conn->parse);
    free(conn);
}

const struct http_peer *http_conn_peer(const struct http_slot *slot)
{
    return &slot->peer;
}

void http_conn_set_client(struct http_slot *slot, const struct netaddr *client)
{
    slot->peer.client = *client;
}
