/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator whose arrivals do not wait for answers: requests are due on a fixed schedule, and the time that one waits here for a free
 * connection counts as its own. Connections are kept alive and used again, the one that was free last first. One that the server
 * has closed before a request was written is opened anew, as every client does; one that ends after that without an answer is a failure.
 * usage: load URL ...; see load_options.h. No TLS, no redirects, no chunked answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/load_body.h"
#include "tsa/base/now.h"

#define EVENTS_MAX   256
#define ANSWER_MAX   (1u << 20)
#define SECOND       1000000000LL
#define BUSY_PAUSE   (SECOND / 100) /* until a listener whose queue is full is asked again */
#define TOLD_MAX     5              /* failures told on standard error */
#define REQUEST_ROOM (LOAD_BODY_MAX + 1024u)

struct connection {
    TAILQ_ENTRY(connection) entry; /* of busy or free */
    int fd;                        /* -1: closed */
    bool busy, closes;
    size_t num; /* requests sent on it */
    uint64_t index;
    int64_t due, begun;
    struct wbuf out, in; /* what is not sent yet; an answer that came in pieces */
    size_t sent;
};

TAILQ_HEAD(connection_list, connection);

struct load {
    struct load_options options;
    struct load_bodies bodies;
    struct load_count count;
    struct connection *connections;
    struct connection_list busy, free; /* busy: oldest first; free: open ones first */
    struct wbuf request;
    int epoll;
    int64_t start, end, last_due; /* end: no request is due any more */
    int64_t pause_until;
    uint64_t next, total;
    unsigned next_source, told;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- what came of a request ------------------------------------------------------------------------ */

static void tell(struct load *load, const struct connection *c, enum load_result result, const char *why)
{
    if (result < LOAD_CONNECT || load->told++ >= TOLD_MAX) {
        return;
    }
    fprintf(stderr,
            "load: request %llu, the %zu. of its connection, due at %.3f s, failed after %.3f s: %s\n",
            (unsigned long long)c->index, c->num, (double)(c->due - load->start) / 1e9,
            (double)(now_mono_ns() - c->due) / 1e9, why);
}

static void shut(struct connection *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
    c->num = 0;
}

/* The connection is free again; closed ones stand behind open ones. */
static void finish(struct load *load, struct connection *c, enum load_result result)
{
    const int64_t now = now_mono_ns();

    load->count.results[result]++;
    if (result <= LOAD_REFUSED) {
        load_latency_add(&load->count.latency[result], now - c->due);
    }
    if (result == LOAD_GRANTED && now <= load->end) {
        load->count.in_time++;
    }
    TAILQ_REMOVE(&load->busy, c, entry);
    c->busy = false;
    wbuf_reset(&c->in);
    wbuf_reset(&c->out);
    if (c->closes || result > LOAD_REFUSED) {
        shut(c);
        TAILQ_INSERT_TAIL(&load->free, c, entry);
    } else {
        TAILQ_INSERT_HEAD(&load->free, c, entry);
    }
}

static void fail(struct load *load, struct connection *c, enum load_result result, const char *why)
{
    tell(load, c, result, why);
    finish(load, c, result);
}

static void fail_errno(struct load *load, struct connection *c)
{
    const bool no_connection = errno == ECONNREFUSED || errno == ENOENT || errno == EADDRNOTAVAIL ||
                               errno == ENOTCONN || errno == ETIMEDOUT || errno == EMFILE;

    fail(load, c, no_connection ? LOAD_CONNECT : LOAD_RESET, strerror(errno));
}

static void keep_reply(const struct load *load, const struct connection *c, struct bytes body)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%09llu.%s", load->options.keep, (unsigned long long)c->index,
             load_is_authenticode(&load->bodies, c->index) ? "b64" : "tsr");
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, body.data, body.len) != (ssize_t)body.len || close(fd) != 0) {
        fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
        exit(70);
    }
}

/* ---- answers --------------------------------------------------------------------------------------- */

struct answer {
    unsigned status;
    bool closes;
    struct bytes body;
    size_t len; /* of all; 0 = not whole yet */
};

/* The value of a field in a head that ends with an empty line; NULL when it is not there. */
static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);

    return at ? at + strlen(name) + strspn(at + strlen(name), " ") : NULL;
}

/* False when that is no answer. */
static bool read_answer(struct bytes in, struct answer *out)
{
    char head[4096];
    const char *end = in.len > 0 ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    const char *length, *connection;
    size_t head_len, body_len;

    *out = (struct answer){0};
    if (!end) {
        return in.len < sizeof head;
    }
    head_len = (size_t)(end - (const char *)in.data) + 4;
    if (head_len >= sizeof head) {
        return false;
    }
    memcpy(head, in.data, head_len);
    head[head_len] = 0;
    length = field(head, "\r\nContent-Length:");
    connection = field(head, "\r\nConnection:");
    if (sscanf(head, "HTTP/1.%*1[01] %3u", &out->status) != 1 || out->status < 200 || out->status > 599 ||
        !length) {
        return false;
    }
    body_len = strtoul(length, NULL, 10);
    out->closes = connection && strncasecmp(connection, "close", 5) == 0;
    out->body = bytes_of(in.data + head_len, body_len);
    out->len = head_len + body_len <= in.len ? head_len + body_len : 0;
    return body_len < ANSWER_MAX;
}

/* True when the request is done with. */
static bool take_answer(struct load *load, struct connection *c, struct bytes in)
{
    struct answer answer;
    enum load_result result;

    if (!read_answer(in, &answer) || (answer.len > 0 && in.len > answer.len)) {
        fail(load, c, LOAD_MALFORMED, "the answer is no HTTP, or more than one");
        return true;
    }
    if (answer.len == 0) {
        return false;
    }
    c->closes = c->closes || answer.closes || c->out.len > c->sent;
    result = load_judge(&load->bodies, c->index, answer.status, answer.body, &load->count);
    if (load->options.keep && result <= LOAD_REFUSED && answer.status == 200) {
        keep_reply(load, c, answer.body);
    }
    tell(load, c, result, "the answer is malformed, or for another request");
    finish(load, c, result);
    return true;
}

static void hear(struct load *load, struct connection *c)
{
    static uint8_t room[64u << 10];
    ssize_t num;

    while (c->busy && (num = recv(c->fd, room, sizeof room, MSG_DONTWAIT)) != 0) {
        if (num < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail_errno(load, c);
            }
            return;
        }
        if (c->in.len == 0 && take_answer(load, c, bytes_of(room, (size_t)num))) {
            return;
        }
        wbuf_put(&c->in, bytes_of(room, (size_t)num));
        if (c->in.len > (size_t)num && take_answer(load, c, wbuf_bytes(&c->in))) {
            return;
        }
    }
    if (c->busy) {
        fail(load, c, LOAD_CLOSED,
             c->in.len > 0 ? "the connection ended in the midst of the answer"
                           : "the connection ended without an answer");
    }
}

/* ---- requests -------------------------------------------------------------------------------------- */

/* What is left of a request; false when the connection failed. */
static bool send_on(struct load *load, struct connection *c)
{
    const struct bytes all = wbuf_bytes(&c->out);

    while (c->sent < all.len) {
        const ssize_t num = send(c->fd, all.data + c->sent, all.len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (num < 0 && errno != EAGAIN) {
            fail_errno(load, c);
            return false;
        }
        if (num < 0) {
            break;
        }
        c->sent += (size_t)num;
    }
    return true;
}

static void build_request(struct load *load, const struct connection *c, struct wbuf *out)
{
    const struct bytes body = load_body(&load->bodies, c->index, &load->bodies.body);

    wbuf_printf(
        out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n%s\r\n",
        load->options.target, load->options.host,
        load_is_authenticode(&load->bodies, c->index) ? "octet-stream" : "timestamp-query", body.len,
        c->closes ? "Connection: close\r\n" : "");
    wbuf_put(out, body);
}

static void bind_source(struct load *load, int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    const int on = 1;

    if (load->options.sources > 0 && load->options.to.ss_family == AF_INET) {
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + load->next_source++ % load->options.sources);
        (void)setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        (void)bind(fd, (struct sockaddr *)&from, sizeof from);
    }
}

/* False with errno. */
static bool open_connection(struct load *load, struct connection *c)
{
    const int on = 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

    c->fd = socket(load->options.to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->num = 0;
    if (c->fd < 0) {
        return false;
    }
    if (load->options.to.ss_family != AF_UNIX) {
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        bind_source(load, c->fd);
    }
    if (connect(c->fd, (struct sockaddr *)&load->options.to, load->options.to_len) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    load->count.opened++;
    return epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

/* Closed by the server while it was idle. */
static bool was_closed(const struct connection *c)
{
    char octet;
    const ssize_t num = recv(c->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);

    return num >= 0 || errno != EAGAIN;
}

static bool prepare(struct load *load, struct connection *c)
{
    if (c->fd >= 0 && was_closed(c)) {
        load->count.reopened++;
        shut(c);
    }
    return c->fd >= 0 || open_connection(load, c);
}

/* Gives the next request to a free connection. */
static void begin(struct load *load, int64_t due, int64_t now)
{
    struct connection *c = TAILQ_FIRST(&load->free);
    const bool is_open = prepare(load, c);

    if (!is_open && errno == EAGAIN) { /* a Unix socket whose queue is full */
        shut(c);
        load->pause_until = now + BUSY_PAUSE;
        return;
    }
    TAILQ_REMOVE(&load->free, c, entry);
    TAILQ_INSERT_TAIL(&load->busy, c, entry);
    c->busy = true;
    c->due = due;
    c->begun = now;
    c->index = load->next++;
    c->num++;
    c->closes = load->options.per_connection > 0 && c->num >= load->options.per_connection;
    c->sent = 0;
    load->count.sent += is_open;
    if (!is_open) {
        fail_errno(load, c);
        return;
    }
    build_request(load, c, &c->out);
    if (send_on(load, c) && c->sent == c->out.len) {
        wbuf_reset(&c->out);
        c->sent = 0;
    }
}

/* ---- the schedule ---------------------------------------------------------------------------------- */

static int64_t due_of(const struct load *load, uint64_t index, int64_t now)
{
    return load->options.rate > 0 ? load->start + (int64_t)((double)index / load->options.rate * 1e9) : now;
}

static bool is_over(const struct load *load, int64_t now)
{
    return stopped || load->next >= load->total || (load->options.rate <= 0 && now >= load->end);
}

static void begin_all(struct load *load, int64_t now)
{
    while (!is_over(load, now) && now >= load->pause_until && !TAILQ_EMPTY(&load->free)) {
        const int64_t due = due_of(load, load->next, now);

        if (due > now) {
            break;
        }
        begin(load, due, now);
    }
}

/* Who waits too long is given up: for an answer, or for a free connection. */
static void give_up(struct load *load, int64_t now)
{
    const int64_t patience = (int64_t)(load->options.patience * 1e9);
    struct connection *oldest;

    while ((oldest = TAILQ_FIRST(&load->busy)) && oldest->begun + patience <= now) {
        fail(load, oldest, LOAD_TIMEOUT, "no answer in time");
    }
    while (load->options.rate > 0 && !is_over(load, now) && due_of(load, load->next, now) + patience <= now) {
        load->next++;
        load->count.results[LOAD_UNSENT]++;
    }
}

static int64_t wake_time(const struct load *load, int64_t now)
{
    int64_t at = now + SECOND / 20;

    if (!is_over(load, now) && load->options.rate > 0 && !TAILQ_EMPTY(&load->free)) {
        const int64_t due = due_of(load, load->next, now);

        at = due < at ? due : at;
    }
    return at < load->pause_until ? load->pause_until : at;
}

static void turn(struct load *load, int64_t now)
{
    struct epoll_event events[EVENTS_MAX];
    const int64_t wait = wake_time(load, now) - now;
    const struct timespec ts = {wait > 0 ? wait / SECOND : 0, wait > 0 ? wait % SECOND : 0};
    const int num = epoll_pwait2(load->epoll, events, EVENTS_MAX, &ts, NULL);

    for (int i = 0; i < num; i++) {
        struct connection *c = events[i].data.ptr;

        if (c->busy && (events[i].events & EPOLLOUT) && c->out.len > c->sent && !send_on(load, c)) {
            continue;
        }
        if (c->busy && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))) {
            hear(load, c);
        }
    }
}

/* When no request is due any more: by the schedule, or as it turns out. */
static int64_t planned_end(const struct load *load)
{
    if (load->options.rate > 0) {
        return due_of(load, load->total, 0);
    }
    return load->options.seconds > 0 ? load->start + (int64_t)(load->options.seconds * 1e9) : INT64_MAX;
}

/* Returns for how many seconds requests were due. */
static double run(struct load *load)
{
    int64_t now = load->start = now_mono_ns();

    load->end = planned_end(load);
    while (!is_over(load, now) || !TAILQ_EMPTY(&load->busy)) {
        begin_all(load, now);
        turn(load, now);
        now = now_mono_ns();
        give_up(load, now);
        if (is_over(load, now) && now < load->end && (stopped || load->options.rate <= 0)) {
            load->end = now;
        }
    }
    load->count.due = load->next;
    return (double)(load->end - load->start) / 1e9;
}

/* ---- start ----------------------------------------------------------------------------------------- */

static void raise_files(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted + 16) {
        limit.rlim_cur = limit.rlim_max < wanted + 16 ? limit.rlim_max : wanted + 16;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void prepare_all(struct load *load)
{
    const struct load_options *o = &load->options;

    raise_files(o->connections);
    load_body_init(&load->bodies, o, (uint64_t)now_mono_ns() ^ (uint64_t)getpid() << 40);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->total = o->requests > 0 ? o->requests : UINT64_MAX;
    if (o->rate > 0 && o->seconds > 0 && (double)load->total > o->rate * o->seconds) {
        load->total = (uint64_t)(o->rate * o->seconds);
    }
    load->connections = xcalloc(o->connections, sizeof *load->connections);
    TAILQ_INIT(&load->busy);
    TAILQ_INIT(&load->free);
    for (size_t i = 0; i < o->connections; i++) {
        load->connections[i].fd = -1;
        wbuf_init(&load->connections[i].out, REQUEST_ROOM);
        wbuf_init(&load->connections[i].in, ANSWER_MAX);
        TAILQ_INSERT_TAIL(&load->free, &load->connections[i], entry);
    }
}

static void clear(struct load *load)
{
    for (size_t i = 0; i < load->options.connections; i++) {
        shut(&load->connections[i]);
        wbuf_clear(&load->connections[i].out);
        wbuf_clear(&load->connections[i].in);
    }
    free(load->connections);
    load_body_clear(&load->bodies);
    close(load->epoll);
}

int main(int argc, char **argv)
{
    static struct load load;

    load_options_parse(&load.options, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    prepare_all(&load);
    load_print(&load.count, run(&load));
    clear(&load);
    return 0;
}
