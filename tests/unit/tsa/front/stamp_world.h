/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's socket at one end, the issuer's channel at the other, and the front between them: for the tests of stamp and
 * issuer_link. The test is both client and issuer.
 */
#ifndef TESTS_UNIT_TSA_FRONT_STAMP_WORLD_H
#define TESTS_UNIT_TSA_FRONT_STAMP_WORLD_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/front/stamp.h"
#include "tsa/wire/base64.h"

#define QUEUE 4

static char unit_name[] = "main", policy_text[] = "1.2.3.4";
static struct settings_unit unit_settings;
static struct unit unit;
static uint8_t policy_octets[] = {0x2a, 0x03, 0x04};

struct world {
    struct event_base *base;
    struct http_server server;
    struct stamp_desk desk;
    struct issuer_link *link;
    int issuer; /* the other end */
    struct chan_in in;
    struct chan_out out;
    unsigned counts[3], refused;
    enum rc last_rc;
    char seen[1 << 16];
    size_t seen_len;
    bool seen_end;
    size_t serial_len; /* of the last answer, as the next one */
    uint64_t record;
};

static inline void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    stamp_request(&((struct world *)arg)->desk, slot, request, 0);
}

static inline void on_answered(void *arg, const struct http_answered *answered)
{
    ((struct world *)arg)->serial_len = answered->reply->serial.len;
    ((struct world *)arg)->record = answered->reply->record;
    assert_string_equal(answered->reply->unit ? answered->reply->unit : "main", "main");
}

static inline void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    (void)arg;
    (void)peer;
    (void)end;
}

static const struct http_server_ops server_ops = {
    .on_request = on_request, .on_answered = on_answered, .on_closed = on_closed};

static inline void on_stamped(void *arg, const struct msg_stamped *stamped)
{
    stamp_on_stamped(&((struct world *)arg)->desk, stamped);
}

static inline void on_gone(void *arg)
{
    stamp_on_gone(&((struct world *)arg)->desk);
}

static const struct issuer_link_ops link_ops = {on_stamped, on_gone};

static inline void count(void *arg, size_t index, unsigned kind, enum rc rc)
{
    struct world *w = arg;

    assert_int_equal(index, 0);
    w->counts[kind]++;
    w->refused += rc != RC_OK;
    w->last_rc = rc;
}

static const struct http_server_config config = {
    .limits = {.request_line = 100, .head = 1000, .fields = 10, .body = 4000},
    .pipeline = 8,
    .requests = 1000,
    .connections = 10,
    .header = 5000000000,
    .body = 5000000000,
    .write = 5000000000,
    .keep_alive = 5000000000,
    .connection = 500000000000,
};

/* The machine's clock, ahead by what a test says. */
static int64_t world_ahead;

static inline int64_t world_mono_ns(void *arg)
{
    struct timespec now;

    (void)arg;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + world_ahead;
}

static struct gentime world_now = {1700000000, 0};

static inline void world_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = world_now;
}

static const struct now_source world_time = {.real = world_real, .mono_ns = world_mono_ns, .arg = NULL};

static inline struct world *world_new_of(size_t queue)
{
    struct world *w = calloc(1, sizeof *w);
    int fds[2];

    assert_non_null(w);
    unit_settings = (struct settings_unit){
        .name = unit_name,
        .policy = policy_text,
        .protocols = SETTINGS_RFC3161 | SETTINGS_AUTHENTICODE,
        .digests = 1u << DIGEST_SHA256 | 1u << DIGEST_SHA512,
        .digest = DIGEST_SHA256,
    };
    unit = (struct unit){.settings = &unit_settings, .num_policies = 1};
    unit.policy = unit.policies[0] = bytes_of(policy_octets, sizeof policy_octets);
    assert_int_equal(chan_pair(fds), RC_OK);
    w->base = event_base_new();
    w->issuer = fds[1];
    http_server_init(&w->server, w->base, &config, &server_ops, w);
    w->link = issuer_link_new(w->base, fds[0], queue, &link_ops, w);
    stamp_init(&w->desk, w->base, &unit, queue);
    w->desk.link = w->link;
    w->desk.count = count;
    w->desk.count_arg = w;
    chan_out_init(&w->out, 1 << 20);
    world_ahead = 0;
    now_set_source(&world_time);
    return w;
}

static inline struct world *world_new(void)
{
    return world_new_of(QUEUE);
}

static inline void turn(struct world *w)
{
    int i;

    for (i = 0; i < 4; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static inline void world_free(struct world *w)
{
    http_server_cut(&w->server);
    stamp_clear(&w->desk);
    issuer_link_free(w->link);
    http_server_clear(&w->server);
    event_base_free(w->base);
    chan_out_clear(&w->out);
    now_set_source(NULL);
    if (w->issuer >= 0) {
        close(w->issuer);
    }
    free(w);
}

static inline int join(struct world *w)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(http_server_adopt(&w->server, fds[1], NULL, NULL));
    return fds[0];
}

static inline void look(struct world *w, int fd)
{
    ssize_t num;

    turn(w);
    w->seen_len = 0;
    while ((num = read(fd, w->seen + w->seen_len, sizeof w->seen - 1 - w->seen_len)) > 0) {
        w->seen_len += (size_t)num;
    }
    w->seen_end = num == 0;
    w->seen[w->seen_len] = 0;
}

static inline void post(struct world *w, int fd, const char *target, const char *type, struct bytes body)
{
    char head[300];

    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\n%s%s%sContent-Length: %zu\r\n\r\n", target,
             type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "", body.len);
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    if (body.len > 0) {
        assert_int_equal(send(fd, body.data, body.len, MSG_NOSIGNAL), body.len);
    }
    look(w, fd);
}

/* One request on a connection of its own, since an HTTP error ends it. */
static inline void post_once(struct world *w, const char *target, const char *type, struct bytes body,
                             const char *status)
{
    int fd = join(w);

    post(w, fd, target, type, body);
    if (!strstr(w->seen, status)) {
        print_error("seen: %s\nnot there: %s\n", w->seen, status);
    }
    assert_non_null(strstr(w->seen, status));
    assert_non_null(strstr(w->seen, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(w->seen, "\r\nContent-Type: text/plain"));
    assert_int_equal(w->seen[w->seen_len - 1], '\n');
    assert_true(w->seen_end);
    close(fd);
    turn(w);
}

/* The issuer's channel ends. */
static inline void issuer_dies(struct world *w)
{
    close(w->issuer);
    w->issuer = -1;
    turn(w);
}

/* The parent sends a channel to another issuer. */
static inline void issuer_comes(struct world *w)
{
    int fds[2];

    assert_int_equal(chan_pair(fds), RC_OK);
    issuer_link_replace(w->link, fds[0]);
    if (w->issuer >= 0) {
        close(w->issuer);
    }
    w->issuer = fds[1];
    w->in.len = w->in.at = 0;
    turn(w);
}

static inline bool next_stamp(struct world *w, struct msg_stamp *out)
{
    struct chan_message message;

    while (!chan_next(&w->in, &message)) {
        enum rc rc = chan_receive(&w->in, w->issuer);

        if (rc != RC_OK) {
            assert_int_equal(rc, RC_NOT_FOUND);
            return false;
        }
    }
    assert_int_equal(message.type, MSG_STAMP);
    assert_int_equal(msg_get_stamp(message.body, out), RC_OK);
    return true;
}

static inline void reply(struct world *w, uint64_t id, enum rc rc, const char *text)
{
    static const uint8_t serial[] = {0x01, 0x02, 0x03};
    const struct msg_stamped stamped = {
        .id = id,
        .rc = rc,
        .reply = bytes_str(text),
        .serial = rc == RC_OK ? bytes_of(serial, sizeof serial) : BYTES_NONE,
        .record = rc == RC_OK ? 4711 : 0,
    };
    enum rc sent;

    msg_put_stamped(&w->out, &stamped);
    assert_true(chan_flush(&w->out, w->issuer, &sent));
}

static inline void refuse(struct world *w, uint64_t id, enum rc rc, const char *why)
{
    const struct msg_stamped stamped = {.id = id, .rc = rc, .why = bytes_str(why)};
    enum rc sent;

    msg_put_stamped(&w->out, &stamped);
    assert_true(chan_flush(&w->out, w->issuer, &sent));
}

/* ---- bodies ---------------------------------------------------------------------------------------- */

#define TSQ    "application/timestamp-query"
#define OCTETS "application/octet-stream"

static inline struct bytes tsq(enum digest alg, const char *policy)
{
    static uint8_t storage[300], hash[DIGEST_MAX] = {1, 2, 3};
    static const uint8_t nonce[] = {0x11, 0x22};
    struct wbuf w;
    struct tsp_request request = {
        .imprint = {.alg = alg,
                    .alg_oid = oid_bytes(digest_oid(alg)),
                    .alg_null = true,
                    .hash = bytes_of(hash, digest_len(alg))},
        .policy = policy ? bytes_str(policy) : BYTES_NONE,
        .nonce = bytes_of(nonce, sizeof nonce),
        .cert_req = true,
    };

    wbuf_init_fixed(&w, storage, sizeof storage);
    tsp_request_build(&w, &request);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return wbuf_bytes(&w);
}

static const uint8_t blob[256] = {0xb1, 0x0b};

static inline struct bytes legacy_raw(size_t blob_len)
{
    static uint8_t storage[600];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof storage);
    msauth_request_build(&w, bytes_of(blob, blob_len));
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return wbuf_bytes(&w);
}

static inline struct bytes legacy_base64(size_t blob_len)
{
    static uint8_t storage[1000];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof storage);
    base64_encode(&w, legacy_raw(blob_len));
    wbuf_put_text(&w, "\n");
    return wbuf_bytes(&w);
}

static inline struct bytes body_of(const struct world *w)
{
    const char *end = strstr(w->seen, "\r\n\r\n");

    assert_non_null(end);
    end += 4;
    return bytes_of(end, w->seen_len - (size_t)(end - w->seen));
}

static inline void assert_has(const struct world *w, const char *part)
{
    if (!strstr(w->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", w->seen, part);
    }
    assert_non_null(strstr(w->seen, part));
}

static inline void assert_refused(const struct world *w, enum tsp_failure failure, const char *part)
{
    struct tsp_response response;
    char text[700];

    assert_has(w, "HTTP/1.1 200 OK\r\n");
    assert_has(w, "\r\nContent-Type: application/timestamp-reply\r\n");
    assert_null(strstr(w->seen, "Connection: close"));
    assert_int_equal(tsp_response_parse(body_of(w), &response), RC_OK);
    assert_int_equal(response.status, TSP_REJECTION);
    assert_int_equal(response.failure, failure);
    snprintf(text, sizeof text, "%.*s", (int)response.status_string.len,
             (const char *)response.status_string.data);
    if (!strstr(text, part)) {
        print_error("'%s' does not say '%s'\n", text, part);
    }
    assert_non_null(strstr(text, part));
}

#endif
