/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests from the client's socket to the issuer's channel and back, with the test as the issuer: both protocols by content, refusals
 * in their form, the bounded table, late and stale answers, an issuer that dies, one that is replaced, and facts.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
};

static void on_request(void *arg, struct http_slot *slot, const struct http_request *request)
{
    stamp_request(&((struct world *)arg)->desk, slot, request, 0);
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    (void)arg;
    assert_string_equal(answered->reply->unit ? answered->reply->unit : "main", "main");
}

static void on_closed(void *arg, enum http_end end)
{
    (void)arg;
    (void)end;
}

static const struct http_server_ops server_ops = {on_request, on_answered, on_closed};

static void on_stamped(void *arg, const struct msg_stamped *stamped)
{
    stamp_on_stamped(&((struct world *)arg)->desk, stamped);
}

static void on_gone(void *arg)
{
    stamp_on_gone(&((struct world *)arg)->desk);
}

static const struct issuer_link_ops link_ops = {on_stamped, on_gone};

static void count(void *arg, size_t index, unsigned kind, enum rc rc)
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

static struct world *world_new(void)
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
    w->link = issuer_link_new(w->base, fds[0], QUEUE, &link_ops, w);
    stamp_init(&w->desk, w->base, &unit, QUEUE);
    w->desk.link = w->link;
    w->desk.count = count;
    w->desk.count_arg = w;
    chan_out_init(&w->out, 1 << 20);
    return w;
}

static void turn(struct world *w)
{
    int i;

    for (i = 0; i < 4; i++) {
        event_base_loop(w->base, EVLOOP_NONBLOCK);
    }
}

static void world_free(struct world *w)
{
    http_server_cut(&w->server);
    stamp_clear(&w->desk);
    issuer_link_free(w->link);
    http_server_clear(&w->server);
    event_base_free(w->base);
    chan_out_clear(&w->out);
    if (w->issuer >= 0) {
        close(w->issuer);
    }
    free(w);
}

static int join(struct world *w)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(http_server_adopt(&w->server, fds[1], NULL));
    return fds[0];
}

static void look(struct world *w, int fd)
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

static void post(struct world *w, int fd, const char *target, const char *type, struct bytes body)
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

static bool next_stamp(struct world *w, struct msg_stamp *out)
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

static void reply(struct world *w, uint64_t id, enum rc rc, const char *text)
{
    const struct msg_stamped stamped = {.id = id, .rc = rc, .reply = bytes_str(text)};
    enum rc sent;

    msg_put_stamped(&w->out, &stamped);
    assert_true(chan_flush(&w->out, w->issuer, &sent));
}

/* ---- bodies ---------------------------------------------------------------------------------------- */

#define TSQ    "application/timestamp-query"
#define OCTETS "application/octet-stream"

static struct bytes tsq(enum digest alg, const char *policy)
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

static struct bytes legacy_raw(size_t blob_len)
{
    static uint8_t storage[600];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof storage);
    msauth_request_build(&w, bytes_of(blob, blob_len));
    assert_int_equal(wbuf_rc(&w), RC_OK);
    return wbuf_bytes(&w);
}

static struct bytes legacy_base64(size_t blob_len)
{
    static uint8_t storage[1000];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof storage);
    base64_encode(&w, legacy_raw(blob_len));
    wbuf_put_text(&w, "\n");
    return wbuf_bytes(&w);
}

static struct bytes body_of(const struct world *w)
{
    const char *end = strstr(w->seen, "\r\n\r\n");

    assert_non_null(end);
    end += 4;
    return bytes_of(end, w->seen_len - (size_t)(end - w->seen));
}

static void assert_has(const struct world *w, const char *part)
{
    if (!strstr(w->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", w->seen, part);
    }
    assert_non_null(strstr(w->seen, part));
}

static void assert_refused(const struct world *w, enum tsp_failure failure, const char *part)
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

/* ---- tests ----------------------------------------------------------------------------------------- */

static void test_rfc3161(void **state)
{
    static const char *const types[] = {TSQ, "Application/Timestamp-Query; charset=x", OCTETS, "text/plain",
                                        NULL};
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        post(w, fd, "/", types[i], tsq(DIGEST_SHA256, "\x2a\x03\x04"));
        assert_int_equal(w->seen_len, 0);
        assert_true(next_stamp(w, &msg));
        assert_int_equal(msg.kind, MSG_RFC3161);
        assert_int_equal(msg.unit, 0);
        assert_int_equal(msg.digest, DIGEST_SHA256);
        assert_int_equal(msg.alg_null, 1);
        assert_int_equal(msg.cert_req, 1);
        assert_int_equal(msg.data.len, 32);
        assert_int_equal(msg.nonce.len, 2);
        assert_true(bytes_equal(msg.policy, bytes_str("\x2a\x03\x04")));
        assert_int_equal(w->desk.num_waiting, 1);
        reply(w, msg.id, RC_OK, "a token");
        look(w, fd);
        assert_has(w, "HTTP/1.1 200 OK\r\n");
        assert_has(w, "\r\nContent-Type: application/timestamp-reply\r\nContent-Length: 7\r\n\r\na token");
        assert_int_equal(w->desk.num_waiting, 0);
    }
    assert_int_equal(w->counts[MSG_RFC3161], i);
    close(fd);
    world_free(w);
}

static void test_authenticode(void **state)
{
    static const char *const types[] = {OCTETS, TSQ, NULL};
    struct world *w = world_new();
    int fd = join(w);
    size_t i;

    (void)state;
    for (i = 0; i < 6; i++) {
        struct msg_stamp msg;

        post(w, fd, i < 3 ? "/" : "/?td=sha256", types[i % 3], i % 2 ? legacy_raw(256) : legacy_base64(256));
        assert_true(next_stamp(w, &msg));
        assert_int_equal(msg.kind, MSG_AUTHENTICODE);
        assert_true(bytes_equal(msg.data, bytes_of(blob, 256)));
        reply(w, msg.id, RC_OK, "signed");
        look(w, fd);
        assert_has(w, "\r\nContent-Type: application/octet-stream\r\nContent-Length: 8\r\n\r\nc2lnbmVk");
        assert_int_equal(body_of(w).len, 8); /* no line end */
    }
    assert_int_equal(w->counts[MSG_AUTHENTICODE], i);
    close(fd);
    world_free(w);
}

static void test_refusals_of_the_front(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    uint8_t long_nonce[400];
    struct wbuf with_trailer;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA1, NULL));
    assert_refused(w, TSP_BAD_ALG, "sha256, sha512");
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, "\x2a\x03\x05"));
    assert_refused(w, TSP_UNACCEPTED_POLICY, "1.2.3.4");
    post(w, fd, "/", TSQ, bytes_str("nonsense"));
    assert_refused(w, TSP_BAD_DATA_FORMAT, "no RFC 3161 request");
    post(w, fd, "/", TSQ, BYTES_NONE);
    assert_refused(w, TSP_BAD_DATA_FORMAT, "no RFC 3161 request");
    wbuf_init_fixed(&with_trailer, long_nonce, sizeof long_nonce);
    wbuf_put(&with_trailer, tsq(DIGEST_SHA256, NULL));
    wbuf_put_u8(&with_trailer, 0);
    post(w, fd, "/", TSQ, wbuf_bytes(&with_trailer));
    assert_refused(w, TSP_BAD_DATA_FORMAT, "follow the end");
    assert_false(next_stamp(w, &msg));
    unit_settings.protocols = SETTINGS_AUTHENTICODE;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_refused(w, TSP_BAD_REQUEST, "Authenticode only");
    close(fd);
    world_free(w);
}

/* One request on a connection of its own, since an HTTP error ends it. */
static void post_once(struct world *w, const char *target, const char *type, struct bytes body,
                      const char *status)
{
    int fd = join(w);

    post(w, fd, target, type, body);
    assert_has(w, status);
    assert_has(w, "\r\nConnection: close\r\n");
    assert_has(w, "\r\nContent-Type: text/plain");
    assert_int_equal(w->seen[w->seen_len - 1], '\n');
    assert_true(w->seen_end);
    close(fd);
    turn(w);
}

static void test_http_refusals(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;

    (void)state;
    post_once(w, "/", OCTETS, bytes_str("nonsense"), "HTTP/1.1 400 Bad Request\r\n");
    assert_has(w, "no Authenticode timestamp request");
    post_once(w, "/", "text/plain", bytes_str("nonsense"), "HTTP/1.1 415 Unsupported Media Type\r\n");
    assert_has(w, "send an RFC 3161 request as application/timestamp-query");
    post_once(w, "/", NULL, BYTES_NONE, "HTTP/1.1 415 Unsupported Media Type\r\n");
    assert_int_equal(w->counts[0], 3);
    post_once(w, "/", OCTETS, legacy_base64(10),
              "HTTP/1.1 400 Bad Request\r\n"); /* too short to be a signature */
    post_once(w, "/?td=sha1", OCTETS, legacy_base64(256), "HTTP/1.1 400 Bad Request\r\n");
    assert_has(w, "ask for ?td=sha256");
    post_once(w, "/?td=0123456789012345678901234567890123456789", OCTETS, legacy_raw(256),
              "HTTP/1.1 400 Bad Request\r\n");
    unit_settings.protocols = SETTINGS_RFC3161;
    post_once(w, "/", OCTETS, legacy_raw(256), "HTTP/1.1 403 Forbidden\r\n");
    assert_has(w, "RFC 3161 only");
    assert_false(next_stamp(w, &msg));
    world_free(w);
}

static void test_refusals_of_the_issuer(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_CLOCK_UNTRUSTED, "");
    look(w, fd);
    assert_refused(w, TSP_TIME_NOT_AVAILABLE, rc_text(RC_CLOCK_UNTRUSTED));
    post(w, fd, "/", OCTETS, legacy_raw(256));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_CLOCK_UNTRUSTED, "");
    look(w, fd);
    assert_has(w, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, "\r\nRetry-After: 1\r\n");
    assert_has(w, rc_text(RC_CLOCK_UNTRUSTED));
    assert_int_equal(w->refused, 2);
    close(fd);
    world_free(w);
}

/* All requests that arrive in a turn go out in one packet; answers in another order reach their own clients. */
static void test_many(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msgs[QUEUE];
    int fds[QUEUE + 1];
    struct bytes body = tsq(DIGEST_SHA256, NULL);
    size_t i;

    (void)state;
    for (i = 0; i < QUEUE; i++) {
        char head[200];

        fds[i] = join(w);
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body.len);
        assert_int_equal(send(fds[i], head, strlen(head), 0), strlen(head));
        assert_int_equal(send(fds[i], body.data, body.len, 0), body.len);
    }
    turn(w);
    assert_int_equal(chan_receive(&w->in, w->issuer), RC_OK);
    for (i = 0; i < QUEUE; i++) {
        struct chan_message message;

        assert_true(chan_next(&w->in, &message));
        assert_int_equal(msg_get_stamp(message.body, &msgs[i]), RC_OK);
    }
    fds[QUEUE] = join(w);
    post(w, fds[QUEUE], "/", TSQ, body);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_OVERLOADED));
    for (i = QUEUE; i-- > 0;) {
        char text[2] = {(char)('a' + i), 0};

        reply(w, msgs[i].id, RC_OK, text);
    }
    reply(w, msgs[0].id, RC_OK, "stale");
    reply(w, UINT64_MAX, RC_OK, "unknown");
    for (i = 0; i < QUEUE; i++) {
        look(w, fds[i]);
        assert_int_equal(body_of(w).len, 1);
        assert_int_equal(body_of(w).data[0], 'a' + i);
    }
    for (i = 0; i <= QUEUE; i++) {
        close(fds[i]);
    }
    world_free(w);
}

static void test_overload_of_authenticode(void **state)
{
    struct world *w = world_new();
    int fd = join(w), i;

    (void)state;
    for (i = 0; i < QUEUE; i++) {
        post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    post_once(w, "/", OCTETS, legacy_raw(256), "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(w, "Retry-After: 1");
    close(fd);
    world_free(w);
}

static void test_issuer_dies(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), fds[2];
    uint64_t old;

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    old = msg.id;
    post(w, b, "/", OCTETS, legacy_raw(256));
    close(w->issuer);
    look(w, a);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    look(w, b);
    assert_has(w, "503 Service Unavailable");
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));

    assert_int_equal(chan_pair(fds), RC_OK);
    issuer_link_replace(w->link, fds[0]);
    w->issuer = fds[1];
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    assert_true(msg.id != old);
    reply(w, old, RC_OK, "stale");
    reply(w, msg.id, RC_OK, "fresh");
    look(w, a);
    assert_int_equal(body_of(w).len, 5);
    assert_has(w, "fresh");
    close(a);
    close(b);
    world_free(w);
}

/* The old issuer had answered one of two before it was replaced. */
static void test_issuer_is_replaced(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int a = join(w), b = join(w), fds[2];

    (void)state;
    post(w, a, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    post(w, b, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    reply(w, msg.id, RC_OK, "in time");
    assert_int_equal(chan_pair(fds), RC_OK);
    issuer_link_replace(w->link, fds[0]);
    look(w, a);
    assert_has(w, "in time");
    look(w, b);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    close(w->issuer);
    w->issuer = fds[1];
    close(a);
    close(b);
    world_free(w);
}

/* What is no message ends the channel, not the process. */
static void test_issuer_talks_nonsense(void **state)
{
    struct world *w = world_new();
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_int_equal(send(w->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    look(w, fd);
    assert_refused(w, TSP_SYSTEM_FAILURE, rc_text(RC_ISSUER_GONE));
    close(fd);
    world_free(w);
}

static void test_client_leaves(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w);

    (void)state;
    post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    assert_true(next_stamp(w, &msg));
    close(fd);
    turn(w);
    reply(w, msg.id, RC_OK, "to nobody");
    turn(w);
    assert_int_equal(w->desk.num_waiting, 0);
    assert_int_equal(w->server.num_conns, 0);
    world_free(w);
}

/* A client's pipeline deeper than the table: each answer brings in the next request. */
static void test_pipeline(void **state)
{
    struct world *w = world_new();
    struct msg_stamp msg;
    int fd = join(w), i;

    (void)state;
    for (i = 0; i < 4; i++) {
        post(w, fd, "/", TSQ, tsq(DIGEST_SHA256, NULL));
    }
    for (i = 0; i < 4; i++) {
        assert_true(next_stamp(w, &msg));
        reply(w, msg.id, RC_OK, "t");
    }
    look(w, fd);
    for (i = 0; i < 4; i++) {
        char *at = strstr(w->seen, "200 OK");

        assert_non_null(at);
        at[0] = 'x';
    }
    close(fd);
    world_free(w);
}

/* ---- facts ----------------------------------------------------------------------------------------- */

struct asked {
    struct issuer_link_waiter waiter;
    unsigned num;
    bool had_facts;
    uint64_t records;
};

static void on_facts(struct issuer_link_waiter *waiter, const struct facts *facts)
{
    struct asked *asked = (struct asked *)waiter;

    asked->num++;
    asked->had_facts = facts != NULL;
    asked->records = facts ? facts->ledger_sequence : 0;
}

static bool answer_facts(struct world *w, uint64_t records)
{
    struct chan_message message;
    struct msg_facts msg = {
        .facts = {.ready = 1, .ledger_sequence = records, .clock_bound_ns = -1, .clock_age_ns = -1}};
    enum rc rc;

    if (chan_receive(&w->in, w->issuer) != RC_OK || !chan_next(&w->in, &message)) {
        return false;
    }
    assert_int_equal(message.type, MSG_ASK_FACTS);
    assert_int_equal(msg_get_ask_facts(message.body, &msg.id), RC_OK);
    assert_false(chan_next(&w->in, &message));
    msg_put_facts(&w->out, &msg);
    assert_true(chan_flush(&w->out, w->issuer, &rc));
    turn(w);
    return true;
}

static int64_t fake_mono;

static int64_t fake_mono_ns(void *arg)
{
    (void)arg;
    return fake_mono;
}

static void fake_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){1700000000, 0};
}

static void test_facts(void **state)
{
    static const struct now_source source = {fake_real, fake_mono_ns, NULL};
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts}, b = a;

    (void)state;
    fake_mono = 1000000000;
    now_set_source(&source);
    issuer_link_ask(w->link, &a.waiter);
    issuer_link_ask(w->link, &b.waiter);
    turn(w);
    assert_int_equal(a.num, 0);
    assert_true(answer_facts(w, 7)); /* one question for both */
    assert_int_equal(a.num, 1);
    assert_int_equal(a.records, 7);
    assert_int_equal(b.num, 1);
    fake_mono += 900000000;
    issuer_link_ask(w->link, &a.waiter); /* still fresh */
    assert_int_equal(a.num, 2);
    fake_mono += 200000000;
    issuer_link_ask(w->link, &a.waiter);
    turn(w);
    assert_int_equal(a.num, 2);
    assert_true(answer_facts(w, 8));
    assert_int_equal(a.records, 8);
    fake_mono += 2000000000;
    issuer_link_ask(w->link, &a.waiter);
    turn(w);
    close(w->issuer);
    w->issuer = -1;
    turn(w);
    assert_int_equal(a.num, 4);
    assert_false(a.had_facts);
    issuer_link_ask(w->link, &b.waiter);
    assert_false(b.had_facts);
    now_set_source(NULL);
    world_free(w);
}

static void test_facts_come_late(void **state)
{
    struct world *w = world_new();
    struct asked a = {.waiter.on_facts = on_facts};
    int64_t start = now_mono_ns();

    (void)state;
    issuer_link_ask(w->link, &a.waiter);
    while (a.num == 0 && now_mono_ns() - start < 5000000000) {
        usleep(20000);
        turn(w);
    }
    assert_int_equal(a.num, 1);
    assert_false(a.had_facts);
    assert_true(answer_facts(w, 9)); /* nobody waits any more */
    assert_int_equal(a.num, 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3161),
        cmocka_unit_test(test_authenticode),
        cmocka_unit_test(test_refusals_of_the_front),
        cmocka_unit_test(test_http_refusals),
        cmocka_unit_test(test_refusals_of_the_issuer),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_overload_of_authenticode),
        cmocka_unit_test(test_issuer_dies),
        cmocka_unit_test(test_issuer_is_replaced),
        cmocka_unit_test(test_issuer_talks_nonsense),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_come_late),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
