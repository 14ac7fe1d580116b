/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, both sides. Its path may be longer than a socket address holds (107 octets), so both sides reach it through the open
 * folder's entry below /proc/self/fd.
 */
#include "tsa/parent/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "tsa/base/mem.h"

#define SOCKET_NAME "control"
#define LINE_MAX_LEN                                                                                         \
    (sizeof(CONTROL_ACKNOWLEDGE) + MSG_REASON_MAX + 64) /* one that is a little too long is told so */
#define BACKLOG        16
#define CLIENT_S       3 /* for a client to ask, and to take its answer */
#define FACTS_S        1 /* for the issuer to say what it knows */
#define ACCEPTED_S     5 /* for the issuer to take an acknowledgement, which it syncs to disk */
#define PAUSE_S        1 /* where no descriptor is left to accept with */
#define READ_CHUNK     4096
#define REASON_LETTERS 3 /* fewer tell an auditor nothing */

#define MAY_BE_TAKEN "; tsa clock status tells whether it was taken"

struct control_client {
    struct control *control;
    struct bufferevent *stream; /* NULL: a free place */
    struct event *timer;        /* until the answer must be known */
    uint64_t id;                /* of the question for facts; 0: none */
    uint64_t acknowledge;       /* of what the issuer was told; 0: nothing */
    uint64_t reload;            /* that it waits for; 0: none */
    uint64_t since;             /* counts clients, in the order in which they came */
    bool has_asked;
};

struct control {
    struct control_source source;
    struct event_base *base;
    struct event *on_accept, *on_pause;
    int fd, run_dir;
    uint64_t last_id, num_clients;
    struct control_client clients[CONTROL_MAX_CLIENTS];
};

static void accept_one(struct control *control);
static void hear_client(struct control_client *client);
static void be_late(struct control_client *client);
static void drop_client(struct control_client *client);

/* ---- callbacks, in firing order ---- */

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    accept_one(arg);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
    const struct control *control = arg;

    (void)fd;
    (void)what;
    (void)event_add(control->on_accept, NULL);
}

static void on_read(struct bufferevent *stream, void *arg)
{
    (void)stream;
    hear_client(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    be_late(arg);
}

static void on_written(struct bufferevent *stream, void *arg)
{
    (void)stream;
    drop_client(arg);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    (void)what;
    drop_client(arg);
}

/* ---- clients ---- */

static void drop_client(struct control_client *client)
{
    bufferevent_free(client->stream);
    event_free(client->timer);
    *client = (struct control_client){.control = client->control};
}

/* Whoever has asked nothing gives way first, the one that came first of them. */
static bool gives_way_before(const struct control_client *a, const struct control_client *b)
{
    return a->has_asked != b->has_asked ? !a->has_asked : a->since < b->since;
}

static struct control_client *make_place(struct control *control)
{
    struct control_client *found = &control->clients[0];

    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];

        if (!client->stream) {
            return client;
        }
        if (gives_way_before(client, found)) {
            found = client;
        }
    }
    drop_client(found);
    return found;
}

static bool take_client(struct control_client *client, int fd)
{
    const struct timeval patience = {.tv_sec = CLIENT_S};

    client->timer = evtimer_new(client->control->base, on_timer, client);
    client->stream =
        client->timer ? bufferevent_socket_new(client->control->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!client->stream) {
        return false;
    }
    bufferevent_setcb(client->stream, on_read, NULL, on_event, client);
    bufferevent_set_timeouts(client->stream, &patience, &patience);
    bufferevent_setwatermark(client->stream, EV_READ, 0, LINE_MAX_LEN);
    (void)bufferevent_enable(client->stream, EV_READ | EV_WRITE);
    return true;
}

/* A connection that can not be accepted stays in the queue, and would be told of again and again. */
static void pause_accepting(struct control *control)
{
    const struct timeval pause = {.tv_sec = PAUSE_S};

    (void)event_del(control->on_accept);
    (void)event_add(control->on_pause, &pause);
}

static void accept_one(struct control *control)
{
    const int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct control_client *client;

    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(control);
        }
        return;
    }
    client = make_place(control);
    *client = (struct control_client){.control = control, .since = ++control->num_clients};
    if (!take_client(client, fd)) {
        if (client->timer) {
            event_free(client->timer);
        }
        *client = (struct control_client){.control = control};
        (void)close(fd);
    }
}

static void write_text(struct control_client *client, const json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    client->id = client->reload = client->acknowledge = 0;
    bufferevent_setcb(client->stream, NULL, on_written, on_event, client);
    (void)event_del(client->timer);
    if (text) {
        (void)evbuffer_add_printf(bufferevent_get_output(client->stream), "%s\n", text);
    } else {
        drop_client(client);
    }
    free(text);
}

static void write_json(struct control_client *client, json_t *object)
{
    write_text(client, object);
    json_decref(object);
}

static void answer_client(struct control_client *client, const struct facts *facts)
{
    const struct control_source *source = &client->control->source;

    write_json(client, source->build(source->arg, facts));
}

static void refuse(struct control_client *client, enum rc rc, const char *why)
{
    write_json(client, json_pack("{s:b,s:s,s:s}", "ok", 0, "reason", rc_word(rc), "why", why));
}

static void be_late(struct control_client *client)
{
    if (client->acknowledge) {
        refuse(client, RC_ISSUER_SILENT, "the signing process does not answer" MAY_BE_TAKEN);
    } else {
        answer_client(client, NULL);
    }
}

static void ask_status(struct control_client *client, const char *rest)
{
    const struct timeval patience = {.tv_sec = FACTS_S};
    struct control *control = client->control;

    (void)rest;
    client->id = ++control->last_id;
    if (control->source.ask(control->source.arg, client->id)) {
        (void)event_add(client->timer, &patience);
    } else {
        answer_client(client, NULL);
    }
}

static void ask_reload(struct control_client *client, const char *rest)
{
    const struct control_source *source = &client->control->source;

    (void)rest;
    client->reload = source->reload(source->arg);
    if (!client->reload) {
        write_json(client, json_pack("{s:b,s:[s]}", "ok", 0, "lines", "the authority is about to stop"));
    }
}

static void ask_reload_soon(struct control_client *client, const char *rest)
{
    ask_reload(client, rest);
    if (client->reload) {
        write_json(client, json_pack("{s:b,s:[]}", "ok", 1, "lines"));
    }
}

static void ask_acknowledge(struct control_client *client, const char *rest)
{
    const struct timeval patience = {.tv_sec = ACCEPTED_S};
    struct control *control = client->control;
    const struct msg_acknowledge acknowledge = {.id = ++control->last_id, .reason = bytes_str(rest)};
    const char *wrong = control_judge_reason(rest);

    if (wrong) {
        refuse(client, RC_MSG_MALFORMED, wrong);
    } else if (!control->source.acknowledge(control->source.arg, &acknowledge)) {
        refuse(client, RC_ISSUER_GONE, "the signing process is not there just now; try again");
    } else {
        client->acknowledge = acknowledge.id;
        (void)event_add(client->timer, &patience);
    }
}

/* What stands behind the word, without the blank; NULL: it is another word, or it is not followed as it must be. */
static const char *rest_of(const char *line, const char *word, bool has_rest)
{
    const size_t len = strlen(word);

    if (strncmp(line, word, len) != 0 || (line[len] != 0 && !has_rest)) {
        return NULL;
    }
    return line[len] == 0 ? "" : line[len] == ' ' ? line + len + 1 : NULL;
}

static void take_request(struct control_client *client, const char *line)
{
    static const struct {
        const char *request;
        void (*ask)(struct control_client *client, const char *rest);
        bool has_rest;
    } requests[] = {
        {CONTROL_STATUS, ask_status, false},          {CONTROL_CLOCK, ask_status, false},
        {CONTROL_RELOAD, ask_reload, false},          {CONTROL_RELOAD_ASK, ask_reload_soon, false},
        {CONTROL_ACKNOWLEDGE, ask_acknowledge, true},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const char *rest = rest_of(line, requests[i].request, requests[i].has_rest);

        if (rest) {
            requests[i].ask(client, rest);
            return;
        }
    }
    write_json(client, json_pack("{s:s}", "error", "unknown request"));
}

static void hear_client(struct control_client *client)
{
    struct evbuffer *in = bufferevent_get_input(client->stream);
    size_t len = 0;
    char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);

    if (!line && evbuffer_get_length(in) >= LINE_MAX_LEN) {
        drop_client(client);
        return;
    }
    if (!line) {
        return;
    }
    (void)bufferevent_disable(client->stream, EV_READ);
    client->has_asked = true;
    take_request(client, strlen(line) == len ? line : "");
    free(line);
}

void control_answer(struct control *control, uint64_t id, const struct facts *facts)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (control->clients[i].stream && control->clients[i].id == id) {
            answer_client(&control->clients[i], facts);
            return;
        }
    }
}

void control_answer_reload(struct control *control, uint64_t number, const json_t *answer)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (control->clients[i].stream && control->clients[i].reload == number) {
            write_text(&control->clients[i], answer);
        }
    }
}

static json_t *acknowledged_json(const struct msg_acknowledged *answer)
{
    json_t *out = json_pack("{s:b}", "ok", answer->rc == RC_OK);

    if (answer->rc != RC_OK) {
        const struct bytes why = answer->why.len ? answer->why : bytes_str(rc_text(answer->rc));

        (void)json_object_set_new(out, "reason", json_string(rc_word(answer->rc)));
        (void)json_object_set_new(out, "why", json_stringn((const char *)why.data, why.len));
    }
    return out;
}

void control_answer_acknowledge(struct control *control, const struct msg_acknowledged *answer)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];

        if (client->stream && client->acknowledge && client->acknowledge == answer->id) {
            write_json(client, acknowledged_json(answer));
            return;
        }
    }
}

void control_lose_acknowledge(struct control *control)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (control->clients[i].stream && control->clients[i].acknowledge) {
            refuse(&control->clients[i], RC_ISSUER_GONE,
                   "the signing process ended before it answered" MAY_BE_TAKEN);
        }
    }
}

/* ---- the socket ---- */

static struct sockaddr_un address_in(int run_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, run_dir);
    return address;
}

/* The mode of the socket's file is the fence, so it is right from its first moment. */
static bool bind_private(int fd, int run_dir)
{
    const struct sockaddr_un address = address_in(run_dir);
    const mode_t before = umask(0177);
    const int rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));

    (void)umask(before);
    return rc == 0 && listen(fd, BACKLOG) == 0;
}

struct control *control_open(struct event_base *base, int run_dir, const struct control_source *source)
{
    struct control *control = xcalloc(1, sizeof(*control));

    *control = (struct control){.source = *source, .base = base, .run_dir = run_dir};
    (void)unlinkat(run_dir, SOCKET_NAME, 0);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd >= 0 && bind_private(control->fd, run_dir)) {
        control->on_accept = event_new(base, control->fd, EV_READ | EV_PERSIST, on_accept, control);
        control->on_pause = evtimer_new(base, on_pause, control);
    }
    if (control->on_accept && control->on_pause && event_add(control->on_accept, NULL) == 0) {
        return control;
    }
    control_close(control);
    return NULL;
}

void control_close(struct control *control)
{
    const int error = errno;

    if (!control) {
        return;
    }
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
        if (control->clients[i].stream) {
            drop_client(&control->clients[i]);
        }
    }
    if (control->on_accept) {
        event_free(control->on_accept);
        (void)unlinkat(control->run_dir, SOCKET_NAME, 0);
    }
    if (control->on_pause) {
        event_free(control->on_pause);
    }
    if (control->fd >= 0) {
        (void)close(control->fd);
    }
    free(control);
    errno = error;
}

/* ---- the other side ---- */

static bool has_controls(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f ||
            (*at == 0xc2 && at[1] < 0xa0)) { /* U+0080 to U+009F are two octets */
            return true;
        }
    }
    return false;
}

/* Letters and digits, of whatever script; blanks and dots say nothing. */
static size_t num_letters(const char *text)
{
    size_t num = 0;

    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        const bool is_plain = (*at >= '0' && *at <= '9') || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z');

        /* 0xc2 and 0xe2 begin what is blank or punctuation for the most part. */
        num += is_plain || (*at > 0xc2 && *at != 0xe2);
    }
    return num;
}

const char *control_judge_reason(const char *reason)
{
    json_t *text = json_string(reason); /* NULL unless it is UTF-8 */
    const char *wrong = NULL;

    if (strlen(reason) > MSG_REASON_MAX) {
        wrong = "it is too long: 300 octets at most";
    } else if (!text) {
        wrong = "it is not UTF-8";
    } else if (has_controls(reason)) {
        wrong = "it is one line, without control characters";
    } else if (num_letters(reason) < REASON_LETTERS) {
        wrong = "say why, in words: it goes into the record";
    }
    json_decref(text);
    return wrong;
}

static int connect_in(const char *run_dir, int seconds)
{
    const struct timeval patience = {.tv_sec = seconds};
    const int folder = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int fd = folder >= 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    struct sockaddr_un address;
    int rc = -1, error;

    if (fd >= 0) {
        address = address_in(folder);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    }
    error = errno;
    if (folder >= 0) {
        (void)close(folder);
    }
    if (rc != 0 && fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return rc == 0 ? fd : -1;
}

static enum rc read_to_end(int fd, struct wbuf *out)
{
    uint8_t chunk[READ_CHUNK];
    ssize_t len;

    while ((len = read(fd, chunk, sizeof(chunk))) != 0) {
        if (len < 0 && errno != EINTR) {
            return RC_IO;
        }
        wbuf_put(out, bytes_of(chunk, len > 0 ? (size_t)len : 0));
    }
    return wbuf_rc(out);
}

enum rc control_request(const char *run_dir, const char *request, int seconds, struct wbuf *out)
{
    const int fd = connect_in(run_dir, seconds);
    const size_t len = strlen(request);
    enum rc rc = RC_IO;

    if (fd < 0) {
        return RC_NOT_FOUND;
    }
    if (send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len && send(fd, "\n", 1, MSG_NOSIGNAL) == 1) {
        rc = read_to_end(fd, out);
    }
    (void)close(fd);
    return rc;
}
