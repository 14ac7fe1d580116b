/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: header, body, answer, write, keep-alive, ... linger. Its phase follows from its state, in one place
 * (settle), so that no path can forget a deadline. Answers go out in the order of the requests (RFC 9112 9.3.2).
 */
#include "tsa/front/http_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/front/http_intake.h"
#include "tsa/front/http_slot.h"
#include "tsa/front/tls.h"

#define LINGER_MAX (256u * 1024u) /* octets that are read and thrown away after the last answer */

struct http_conn {
    struct http_phase_member member; /* first: a member is its connection */
    struct http_phase_member life;   /* in HTTP_PHASE_LIFE until it is aged */
    struct http_server *server;
    struct http_intake *intake; /* a PROXY header is awaited */
    struct bufferevent *bev;    /* NULL while it is */
    SSL *ssl;                   /* NULL: plain */
    char *certificate;          /* what peer.certificate points to */
    int fd;
    struct http_parse parse;
    struct http_slot_list slots; /* requests that are being answered, oldest first */
    size_t num_slots, num_requests, num_drained;
    size_t taken;   /* octets of the input that belong to the request at hand */
    bool open;      /* header and handshake are over: octets are requests */
    bool crowded;   /* it is here to be told that it may not come */
    bool aged;      /* its life is over */
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

static void open_up(struct http_conn *conn);
static void begin(struct http_conn *conn);

/* ---- what goes wrong before the first request ------------------------------------------------------ */

/* For debugging only: anybody can bring this about. */
static void tell_end(const struct http_conn *conn, const char *why)
{
    char from[NETADDR_TEXT_MAX];

    log_debug("a connection from %s ends: %s", netaddr_text(&conn->peer.direct, from), why);
}

/* Who speaks HTTP where TLS is spoken reads an answer that it understands: nothing was said in TLS yet. */
static void answer_in_plain(const struct http_conn *conn)
{
    const struct http_reply reply = http_reply_refuse(400, "this port speaks TLS: use an https:// URL");
    const struct http_reply_frame frame = {.close = true, .date = http_server_date(conn->server)};
    struct wbuf out;

    wbuf_init(&out, 1000);
    http_reply_build(&out, &reply, &frame);
    if (wbuf_rc(&out) == RC_OK) {
        (void)!send(conn->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    wbuf_clear(&out);
}

/* What has arrived is read, since a socket closed over it would take back what was said last. */
static void leave_politely(const struct http_conn *conn)
{
    char octets[4096];
    int i;

    shutdown(conn->fd, SHUT_WR);
    for (i = 0; i < 8 && recv(conn->fd, octets, sizeof octets, MSG_DONTWAIT) > 0; i++) {
    }
}

/* libevent takes the errors off the queue, or leaves them there, by what kind they are; what it notes of its own has no library. */
static unsigned long take_error(const struct http_conn *conn)
{
    unsigned long code = ERR_peek_error(), next;

    while ((next = bufferevent_get_openssl_error(conn->bev))) {
        code = code == 0 && ERR_GET_LIB(next) != 0 ? next : code;
    }
    return code;
}

static void fail_handshake(struct http_conn *conn, short what)
{
    unsigned long code = take_error(conn);
    const char *reason = ERR_reason_error_string(code);

    if (!(what & BEV_EVENT_ERROR)) {
        http_conn_kill(&conn->member, HTTP_END_CLIENT);
        return;
    }
    tell_end(conn, reason ? reason : "the TLS handshake fails");
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) {
        answer_in_plain(conn);
    }
    leave_politely(conn);
    http_conn_kill(&conn->member, HTTP_END_HANDSHAKE);
}

/* ---- callbacks ------------------------------------------------------------------------------------- */

static void on_intake(void *arg, bool taken, const struct netaddr *client, const char *why)
{
    struct http_conn *conn = arg;

    conn->intake = NULL;
    if (!taken) {
        tell_end(conn, why);
        http_conn_kill(&conn->member, HTTP_END_PROXY_HEADER);
        return;
    }
    if (client->family != AF_UNSPEC) { /* else the proxy asks for itself */
        conn->peer.client = *client;
    }
    begin(conn);
}

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

    if (what & BEV_EVENT_CONNECTED) {
        open_up(conn);
    } else if (!conn->open) {
        fail_handshake(conn, what);
    } else if (what & BEV_EVENT_ERROR) {
        http_conn_kill(&conn->member, HTTP_END_ERROR);
    } else {
        conn->eof = true;
        bufferevent_enable(bev, EV_WRITE); /* TLS has stopped it with the reading */
        process(conn);
    }
    ERR_clear_error();
}

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

static void part_all(struct http_conn *conn)
{
    while (!TAILQ_EMPTY(&conn->slots)) {
        slot_part(conn, TAILQ_FIRST(&conn->slots));
    }
}

/* ---- sending --------------------------------------------------------------------------------------- */

static bool is_writing(const struct http_conn *conn)
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

    if (!conn->ssl && !is_writing(conn)) {
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

/* Whether something has arrived, or is on its way through the kernel, behind the request at hand. */
static bool more_waits(const struct http_conn *conn)
{
    char octet;

    return evbuffer_get_length(bufferevent_get_input(conn->bev)) > conn->taken ||
           (conn->ssl && SSL_has_pending(conn->ssl)) ||
           recv(conn->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Who has been stopped hears so with the answer to the last that it has sent, not sooner (RFC 9112 9.6). */
static bool ends_with(const struct http_conn *conn, const struct http_slot *slot,
                      const struct http_reply *reply)
{
    return slot->closes || (http_reply_closes(reply->status) && !reply->keeps) ||
           (conn->server->stopping && slot == TAILQ_LAST(&conn->slots, http_slot_list) && !more_waits(conn));
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
    bool has_nothing = conn->num_slots == 0 && !is_writing(conn);

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
static void process(struct http_conn *conn)
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

/* ---- deadlines ------------------------------------------------------------------------------------- */

/* A client that has not read its answer in time is as slow as one that lets nothing more be written; one that has may idle on. */
static void expire_delivery(struct http_conn *conn)
{
    int unread = 0;

    if (ioctl(conn->fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
        http_conn_kill(&conn->member, HTTP_END_SLOW_READER);
    } else if (conn->server->phases.length[HTTP_PHASE_KEEP_ALIVE] <= 0) {
        http_conn_kill(&conn->member, HTTP_END_IDLE);
    } else {
        http_phase_enter(&conn->server->phases, &conn->member, HTTP_PHASE_KEEP_ALIVE, now_mono_ns());
    }
}

static void expire_request(struct http_conn *conn)
{
    if (conn->parse.phase == HTTP_PARSE_IDLE) {
        http_conn_kill(&conn->member, HTTP_END_IDLE);
        return;
    }
    refuse(conn, (struct http_refusal){408, NULL});
    process(conn);
}

static void expire_handshake(struct http_conn *conn)
{
    tell_end(conn, conn->intake ? "its PROXY header comes too late" : "its TLS handshake takes too long");
    http_conn_kill(&conn->member, conn->intake ? HTTP_END_PROXY_HEADER : HTTP_END_HANDSHAKE);
}

static void expire_life(struct http_phase_member *life)
{
    struct http_conn *conn = (struct http_conn *)(void *)((char *)life - offsetof(struct http_conn, life));

    http_phase_leave(&conn->server->phases, life);
    conn->aged = true;
    process(conn);
}

void http_conn_expire(struct http_phase_member *member)
{
    static const enum http_end ends[HTTP_PHASE_NUM] = {
        [HTTP_PHASE_KEEP_ALIVE] = HTTP_END_IDLE,
        [HTTP_PHASE_WRITE] = HTTP_END_SLOW_READER,
        [HTTP_PHASE_LINGER] = HTTP_END_LINGERED,
    };
    static void (*const acts[HTTP_PHASE_NUM])(struct http_conn *) = {
        [HTTP_PHASE_HANDSHAKE] = expire_handshake,
        [HTTP_PHASE_HEADER] = expire_request,
        [HTTP_PHASE_BODY] = expire_request,
        [HTTP_PHASE_DELIVERY] = expire_delivery,
    };

    if (member->phase == HTTP_PHASE_LIFE) {
        expire_life(member);
    } else if (acts[member->phase]) {
        acts[member->phase]((struct http_conn *)member);
    } else {
        http_conn_kill(member, ends[member->phase]);
    }
}

/* ---- birth ----------------------------------------------------------------------------------------- */

static struct bufferevent *new_secure(struct http_conn *conn)
{
    struct bufferevent *bev = NULL;

    conn->ssl = SSL_new(conn->peer.door->tls);
    if (conn->ssl && SSL_set_fd(conn->ssl, conn->fd) == 1) {
        bev = bufferevent_openssl_socket_new(conn->server->base, conn->fd, conn->ssl,
                                             BUFFEREVENT_SSL_ACCEPTING, 0);
    }
    if (bev) {
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1); /* lengths tell where a request ends */
    }
    ERR_clear_error();
    return bev;
}

/* Reading begins when the handshake is over, so that nothing is read before it is known from whom. */
static bool make_buffers(struct http_conn *conn)
{
    bool is_secure = conn->peer.door->kind == HTTP_DOOR_TLS;

    conn->bev = is_secure ? new_secure(conn) : bufferevent_socket_new(conn->server->base, conn->fd, 0);
    if (!conn->bev) {
        return false;
    }
    bufferevent_disable(conn->bev, EV_READ);
    bufferevent_setcb(conn->bev, on_readable, on_written, on_event, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, http_parse_max(&conn->server->config.limits));
    return true;
}

static bool keep_certificate(struct http_conn *conn)
{
    char name[TLS_NAME_MAX];
    const char *certificate = conn->ssl ? tls_client_name(conn->ssl, name) : NULL;

    if (certificate) {
        conn->certificate = strdup(certificate);
        conn->peer.certificate = conn->certificate;
    }
    return !certificate || conn->certificate;
}

static void open_up(struct http_conn *conn)
{
    if (!keep_certificate(conn) || bufferevent_enable(conn->bev, EV_READ) != 0) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
        return;
    }
    conn->open = true;
    if (conn->crowded) {
        refuse(conn, (struct http_refusal){429, rc_text(RC_CROWDED)});
    }
    process(conn);
}

/* Now it is known who comes. One too many is told so; not over TLS, where the handshake would be the dearest part of it. */
static void begin(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    bool is_secure = conn->peer.door->kind == HTTP_DOOR_TLS;

    conn->crowded = server->ops->on_connect && !server->ops->on_connect(server->arg, &conn->peer);
    if (conn->crowded && is_secure) {
        http_conn_kill(&conn->member, HTTP_END_CROWDED);
    } else if (!make_buffers(conn)) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    } else if (!is_secure) {
        open_up(conn);
    }
}

static struct http_peer peer_of(const struct sockaddr *sock, const struct http_door *door)
{
    static const struct sockaddr local = {.sa_family = AF_UNIX};
    static const struct http_door plain = {.kind = HTTP_DOOR_PLAIN};
    struct netaddr direct = netaddr_of_sock(sock ? sock : &local);

    return (struct http_peer){
        .direct = direct, .client = direct, .door = door ? door : &plain, .source = UINT32_MAX};
}

/* Who reads the counters is no proxy, though it may come from the same address. */
static bool wants_header(const struct http_conn *conn)
{
    const struct http_server *server = conn->server;

    return conn->peer.door->kind != HTTP_DOOR_METRICS && server->ops->wants_header &&
           server->ops->wants_header(server->arg, &conn->peer.direct);
}

static void await_header(struct http_conn *conn)
{
    conn->intake = http_intake_new(conn->server->base, conn->fd, on_intake, conn);
    if (!conn->intake) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
    }
}

struct http_conn *http_conn_new(struct http_server *server, int fd, const struct sockaddr *peer,
                                const struct http_door *door)
{
    struct http_conn *conn = calloc(1, sizeof *conn);
    int64_t now = now_mono_ns();

    if (!conn) {
        return NULL;
    }
    conn->server = server;
    conn->fd = fd;
    TAILQ_INIT(&conn->slots);
    conn->peer = peer_of(peer, door);
    http_parse_init(&conn->parse, &server->config.limits);
    http_phase_join(&server->phases, &conn->member, HTTP_PHASE_HANDSHAKE, now);
    http_phase_join(&server->phases, &conn->life, HTTP_PHASE_LIFE, now);
    server->num_conns++;
    if (wants_header(conn)) {
        await_header(conn);
    } else {
        begin(conn);
    }
    return conn;
}

/* ---- death ----------------------------------------------------------------------------------------- */

void http_conn_kill(struct http_phase_member *member, enum http_end end)
{
    struct http_conn *conn = (struct http_conn *)member;
    struct http_server *server = conn->server;

    if (conn->dead) {
        return;
    }
    conn->dead = true;
    if (conn->bev) {
        bufferevent_setcb(conn->bev, NULL, NULL, NULL, NULL);
        bufferevent_disable(conn->bev, EV_READ | EV_WRITE);
    }
    if (conn->ssl && conn->open && !conn->shut && end != HTTP_END_ERROR) {
        tls_say_end(conn->ssl);
    }
    http_intake_free(conn->intake);
    conn->intake = NULL;
    part_all(conn);
    http_phase_leave(&server->phases, member);
    if (!conn->aged) {
        http_phase_leave(&server->phases, &conn->life);
    }
    server->num_conns--;
    http_server_bury(server, member);
    server->ops->on_closed(server->arg, &conn->peer, conn->crowded ? HTTP_END_CROWDED : end);
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

    if (conn->bev) {
        bufferevent_free(conn->bev);
    }
    SSL_free(conn->ssl);
    close(conn->fd);
    http_parse_clear(&conn->parse);
    free(conn->certificate);
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
