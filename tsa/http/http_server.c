/* SPDX-License-Identifier: Apache-2.0 */
/* What connections share: one timer, one reaper, one pool, one date. */
#include "tsa/http/http_server.h"

#include <string.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/http/http_conn.h"
#include "tsa/http/http_slot.h"

#define LINGER_NS    2000000000LL
#define SLOW_NS      1000000000LL /* a client that asks at once has asked by then */
#define WATCH_PLACES 8

static void each_conn(struct http_server *server, void (*act)(struct http_phase_member *))
{
    size_t i;

    for (i = 0; i < HTTP_PHASE_LIFE; i++) {
        struct http_phase_list *list = &server->phases.lists[i];
        struct http_phase_member *last = TAILQ_LAST(list, http_phase_list);
        struct http_phase_member *member, *next = TAILQ_FIRST(list);

        while ((member = next)) { /* act may move a member to the end of another list, or take it out */
            next = member == last ? NULL : TAILQ_NEXT(member, entry);
            act(member);
        }
    }
}

/* ---- callbacks ------------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    int64_t now = now_mono_ns();
    struct http_phase_member *member;

    (void)fd;
    (void)what;
    server->timer_at = INT64_MAX;
    if (now >= server->stop_at) {
        server->stop_at = INT64_MAX;
        server->impatient = true;
        each_conn(server, http_conn_stop);
    }
    while ((member = http_phase_due(&server->phases, now))) {
        http_conn_expire(member);
    }
    http_server_arm(server);
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    struct http_phase_member *member;

    (void)fd;
    (void)what;
    while ((member = TAILQ_FIRST(&server->dead))) {
        TAILQ_REMOVE(&server->dead, member, entry);
        http_conn_free(member);
    }
}

/* ---- the server ------------------------------------------------------------------------------------ */

void http_server_init(struct http_server *server, struct event_base *base,
                      const struct http_server_config *config, const struct http_server_ops *ops, void *arg)
{
    const int64_t keep_alive = config->keep_alive > 0 ? config->keep_alive : 1;
    const int64_t delivery = config->write > 0 && config->write < keep_alive ? config->write : keep_alive;
    const int64_t lengths[HTTP_PHASE_NUM] = {
        [HTTP_PHASE_HANDSHAKE] = config->handshake,
        [HTTP_PHASE_DELIVERY] = delivery,
        [HTTP_PHASE_KEEP_ALIVE] = keep_alive - delivery,
        [HTTP_PHASE_HEADER] = config->header,
        [HTTP_PHASE_BODY] = config->body,
        [HTTP_PHASE_WRITE] = config->write,
        [HTTP_PHASE_LINGER] = LINGER_NS,
        [HTTP_PHASE_LIFE] = config->connection,
    };

    memset(server, 0, sizeof *server);
    server->base = base;
    server->config = *config;
    server->ops = ops;
    server->arg = arg;
    server->timer_at = server->stop_at = INT64_MAX;
    server->date_sec = INT64_MIN;
    http_phase_init(&server->phases, lengths);
    TAILQ_INIT(&server->dead);
    TAILQ_INIT(&server->free_slots);
    server->timer = event_new(base, -1, 0, on_timer, server);
    server->reaper = event_new(base, -1, 0, on_reap, server);
    if (!server->timer || !server->reaper) {
        log_die(70, "out of memory");
    }
}

static void end_now(struct http_phase_member *member)
{
    http_conn_kill(member, HTTP_END_STOPPED);
}

void http_server_cut(struct http_server *server)
{
    each_conn(server, end_now);
    on_reap(-1, 0, server);
}

void http_server_clear(struct http_server *server)
{
    http_server_cut(server);
    http_slot_free_pool(server);
    event_free(server->timer);
    event_free(server->reaper);
}

void http_server_stop(struct http_server *server, int64_t grace)
{
    int64_t now = now_mono_ns();

    server->stopping = true;
    if (!server->impatient && grace < INT64_MAX - now && now + grace < server->stop_at) {
        server->stop_at = now + grace;
        http_server_arm(server);
    }
}

static struct http_phase_member *find_idle(struct http_server *server)
{
    static const struct {
        enum http_phase phase;
        int64_t patience;
    } order[] = {{HTTP_PHASE_LINGER, 0},          {HTTP_PHASE_KEEP_ALIVE, 0},   {HTTP_PHASE_DELIVERY, 0},
                 {HTTP_PHASE_HANDSHAKE, SLOW_NS}, {HTTP_PHASE_HEADER, SLOW_NS}, {HTTP_PHASE_BODY, SLOW_NS},
                 {HTTP_PHASE_WRITE, 2 * SLOW_NS}};
    int64_t now = now_mono_ns();
    struct http_phase_member *idle = NULL;
    size_t i;

    for (i = 0; !idle && i < sizeof order / sizeof order[0]; i++) {
        idle = http_phase_oldest(&server->phases, order[i].phase, now - order[i].patience);
    }
    return idle;
}

static bool is_full(const struct http_server *server, const struct http_door *door)
{
    size_t more = door && door->kind == HTTP_DOOR_METRICS ? WATCH_PLACES : 0;

    return server->num_conns >= server->config.connections + more;
}

bool http_server_has_room(struct http_server *server, const struct http_door *door)
{
    return !is_full(server, door) || find_idle(server);
}

bool http_server_crowd_out(struct http_server *server)
{
    struct http_phase_member *idle = find_idle(server);

    if (idle) {
        http_conn_kill(idle, HTTP_END_CROWDED_OUT);
    }
    return idle != NULL;
}

bool http_server_adopt(struct http_server *server, int fd, const struct sockaddr *peer,
                       const struct http_door *door)
{
    if ((is_full(server, door) && !http_server_crowd_out(server)) || !http_conn_new(server, fd, peer, door)) {
        close(fd);
        return false;
    }
    http_server_arm(server);
    return true;
}

void http_server_arm(struct http_server *server)
{
    int64_t earliest = http_phase_earliest(&server->phases);
    int64_t wait;
    struct timeval tv;

    earliest = server->stop_at < earliest ? server->stop_at : earliest;
    if (earliest >= server->timer_at) {
        return; /* it wakes early enough, and looks again */
    }
    wait = earliest - now_mono_ns();
    wait = wait < 0 ? 0 : wait + 1000; /* microseconds are cut, and too early would be once more */
    tv.tv_sec = (time_t)(wait / 1000000000);
    tv.tv_usec = (suseconds_t)(wait % 1000000000 / 1000);
    server->timer_at = earliest;
    event_add(server->timer, &tv);
}

void http_server_bury(struct http_server *server, struct http_phase_member *member)
{
    TAILQ_INSERT_TAIL(&server->dead, member, entry);
    event_active(server->reaper, EV_TIMEOUT, 0);
}

const char *http_server_date(struct http_server *server)
{
    const struct gentime now = now_machine();

    if (now.sec != server->date_sec) {
        http_reply_date(now, server->date);
        server->date_sec = now.sec;
    }
    return server->date;
}

const char *http_end_word(enum http_end end)
{
    static const char *const words[HTTP_END_NUM] = {
#define HTTP_END_WORD(name, word) word,
        HTTP_END_TABLE(HTTP_END_WORD)
#undef HTTP_END_WORD
    };

    return words[end];
}
