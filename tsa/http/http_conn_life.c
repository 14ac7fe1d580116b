/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection begins: a PROXY header, where its proxy has to send one; its admission; a TLS handshake. How long each phase may last,
 * and how it ends, from whichever side. Nothing is ever freed here while it is in use: a dead connection waits for the end of the turn.
 */
#include "tsa/http/http_conn_parts.h"

#include <event2/bufferevent_ssl.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/base/now.h"
#include "tsa/http/tls.h"

static void open_up(struct http_conn *conn);
static void begin(struct http_conn *conn);

/* ---- what goes wrong before the first request ------------------------------------------------------ */

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
    char why[HTTP_MISHAP_WHY_MAX];

    if (!(what & BEV_EVENT_ERROR)) {
        http_conn_kill(&conn->member, HTTP_END_CLIENT);
        return;
    }
    http_mishap_handshake(&conn->server->unshaken, &conn->peer.client, http_mishap_why(conn->ssl, code, why));
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) {
        answer_in_plain(conn);
    }
    leave_politely(conn);
    http_conn_kill(&conn->member, HTTP_END_HANDSHAKE);
}

/* ---- callbacks ------------------------------------------------------------------------------------- */

/* Who looks whether the port is open, as balancers do, says nothing and has nothing to learn. */
static void tell_headerless(const struct http_conn *conn, const char *why)
{
    if (why) {
        http_mishap_header(&conn->server->headerless, &conn->peer.direct, why);
    }
}

static void on_intake(void *arg, bool taken, const struct netaddr *client, const char *why)
{
    struct http_conn *conn = arg;

    conn->intake = NULL;
    if (!taken) {
        tell_headerless(conn, why);
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
    http_conn_process(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    http_conn_process(arg);
}

/* Over TLS a write that meets nobody is told as an end: whoever took it for the client's half would write again at once, for ever. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    const short gone = BEV_EVENT_ERROR | BEV_EVENT_WRITING;
    struct http_conn *conn = arg;

    if (what & BEV_EVENT_CONNECTED) {
        open_up(conn);
    } else if (!conn->open) {
        fail_handshake(conn, what);
    } else if (what & gone) {
        http_conn_kill(&conn->member, HTTP_END_ERROR);
    } else {
        conn->eof = true;
        if (conn->ssl) {
            bufferevent_enable(bev, EV_WRITE); /* it was stopped with the reading */
        }
        http_conn_process(conn);
    }
    ERR_clear_error();
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
    http_conn_refuse(conn, (struct http_refusal){408, NULL});
    http_conn_process(conn);
}

static void expire_handshake(struct http_conn *conn)
{
    if (conn->intake) {
        tell_headerless(conn, "brought no PROXY header in time");
    } else {
        http_mishap_handshake(&conn->server->unshaken, &conn->peer.client, "it takes too long");
    }
    http_conn_kill(&conn->member, conn->intake ? HTTP_END_PROXY_HEADER : HTTP_END_HANDSHAKE);
}

static void expire_life(struct http_phase_member *life)
{
    struct http_conn *conn = (struct http_conn *)(void *)((char *)life - offsetof(struct http_conn, life));

    http_phase_leave(&conn->server->phases, life);
    conn->aged = true;
    http_conn_process(conn);
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
    conn->open = true; /* first: over TLS the enabling reads, and what it reads may be the end */
    if (!keep_certificate(conn) || bufferevent_enable(conn->bev, EV_READ) != 0) {
        http_conn_kill(&conn->member, HTTP_END_NO_MEMORY);
        return;
    }
    if (conn->crowded) {
        http_conn_refuse(conn, (struct http_refusal){429, rc_text(RC_CROWDED)});
    }
    http_conn_process(conn);
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
    http_conn_part_all(conn);
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
    } else if (!http_conn_is_writing(conn) && !conn->closing) {
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
