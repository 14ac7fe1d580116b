/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection: the server on one end of a socket pair, the input's octets on the other, cut as the input says. However they are cut, the
 * same requests are handled and the same octets come back; every connection ends, by its client or by a deadline, and nothing is left of it.
 * The first octet chooses what is before the first request: nothing, a PROXY header, TLS, a client that is one too many, or one that stays.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/view.h"
#include "tsa/base/log.h"
#include "tsa/http/http_conn.h"
#include "tsa/http/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

#define MS        1000000LL
#define KEPT_MAX  8
#define SEEN_MAX  (1u << 18)
#define TURNS_MAX 2000

enum mode {
    MODE_PROXIED = 1, /* bits of the first octet, where its highest is set */
    MODE_TLS = 2,
    MODE_CROWDED = 4,
    MODE_STAYS = 8, /* the client never ends its writing */
};

static struct {
    struct event_base *base;
    struct http_server server;
    struct http_door door;
    unsigned mode;
    struct http_slot *kept[KEPT_MAX]; /* requests that are answered a turn later, the last first */
    char echo[KEPT_MAX][64];
    size_t num_kept, num_requests, num_answered, num_opened, num_closed;
} w;

/* What a client has read, without what depends on the moment. */
struct seen {
    size_t len, num_requests;
    char octets[SEEN_MAX];
};

/* ---- the handler ----------------------------------------------------------------------------------- */

static void reply_to(struct http_slot *slot, const char *echo)
{
    struct http_reply reply = {.status = 200, .text = echo};

    if (echo[0] && echo[1] == 'e') {
        reply = http_reply_refuse(404, NULL);
    }
    http_conn_reply(slot, &reply);
}

static void on_request(void *arg, struct http_slot *slot, const struct http_request *r)
{
    char echo[64];
    size_t num = r->path.len < 20 ? r->path.len : 20;

    (void)arg;
    check(http_conn_peer(slot)->door);
    w.num_requests++;
    memcpy(echo, r->path.data, num);
    snprintf(echo + num, sizeof echo - num, " %zu %u %u", r->body.len, r->minor, (unsigned)r->method);
    if (r->path.len > 1 && r->path.data[1] == 'l' && w.num_kept < KEPT_MAX) {
        memcpy(w.echo[w.num_kept], echo, sizeof echo);
        w.kept[w.num_kept++] = slot;
        return;
    }
    reply_to(slot, echo);
}

static void answer_kept(void)
{
    while (w.num_kept > 0) {
        w.num_kept--;
        reply_to(w.kept[w.num_kept], w.echo[w.num_kept]);
    }
}

static void on_answered(void *arg, const struct http_answered *answered)
{
    (void)arg;
    check(answered->client->family == AF_UNIX || answered->client->family == AF_INET ||
          answered->client->family == AF_INET6);
    check(!answered->certificate);
    w.num_answered++;
}

static bool wants_header(void *arg, const struct netaddr *direct)
{
    (void)arg;
    (void)direct;
    return w.mode & MODE_PROXIED;
}

static bool on_connect(void *arg, struct http_peer *peer)
{
    (void)arg;
    peer->source = 7;
    w.num_opened++;
    return !(w.mode & MODE_CROWDED);
}

static void on_closed(void *arg, const struct http_peer *peer, enum http_end end)
{
    (void)arg;
    check(end < HTTP_END_NUM && http_end_word(end));
    check(peer->source == 7 || peer->source == UINT32_MAX);
    w.num_closed += peer->source == 7;
}

static const struct http_server_ops ops = {.on_request = on_request,
                                           .on_answered = on_answered,
                                           .on_closed = on_closed,
                                           .wants_header = wants_header,
                                           .on_connect = on_connect};

static const struct http_server_config config = {
    .limits = {.request_line = 100, .head = 600, .fields = 8, .body = 300},
    .pipeline = 3,
    .requests = 12,
    .connections = 4,
    .handshake = 3 * MS,
    .header = 3 * MS,
    .body = 3 * MS,
    .write = 3 * MS,
    .keep_alive = 3 * MS,
    .connection = 600000 * MS,
};

/* Of a client that ends by itself the cuts alone may tell, so that its deadlines are far. */
static const struct http_server_config patient = {
    .limits = {.request_line = 100, .head = 600, .fields = 8, .body = 300},
    .pipeline = 3,
    .requests = 12,
    .connections = 4,
    .handshake = 60000 * MS,
    .header = 60000 * MS,
    .body = 60000 * MS,
    .write = 60000 * MS,
    .keep_alive = 60000 * MS,
    .connection = 600000 * MS,
};

static SSL_CTX *make_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    char *cert_text, *key_text, why[TLS_WHY_MAX];
    long cert_len, key_len;
    SSL_CTX *ctx;

    check(key && cert && cert_pem && key_pem);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    check(X509_sign(cert, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(cert_pem, cert);
    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    cert_len = BIO_get_mem_data(cert_pem, &cert_text);
    key_len = BIO_get_mem_data(key_pem, &key_text);
    ctx = tls_new(bytes_of(cert_text, (size_t)cert_len), bytes_of(key_text, (size_t)key_len), BYTES_NONE,
                  SETTINGS_TLS_1_2, why);
    check(ctx && tls_try(ctx, why));
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

/* ---- one run --------------------------------------------------------------------------------------- */

static void turn(void)
{
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    answer_kept();
}

/* The rest of the octets without interim answers, which depend on the cut, and without the day and hour. */
static void strip(struct seen *seen)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *at = seen->octets;

    seen->octets[seen->len] = 0;
    while ((at = memmem(seen->octets, seen->len, interim, sizeof interim - 1))) {
        memmove(at, at + sizeof interim - 1, seen->len - (size_t)(at - seen->octets) - (sizeof interim - 1));
        seen->len -= sizeof interim - 1;
    }
    at = seen->octets;
    while ((at = memmem(at, seen->len - (size_t)(at - seen->octets), "\r\nDate: ", 8))) {
        check((size_t)(at - seen->octets) + 8 + HTTP_REPLY_DATE_LEN <= seen->len);
        memset(at + 8, 'x', HTTP_REPLY_DATE_LEN);
        at += 8;
    }
}

/* False: the server has ended it. */
static bool read_some(int fd, struct seen *seen)
{
    ssize_t num;

    while ((num = recv(fd, seen->octets + seen->len, SEEN_MAX - 1 - seen->len, MSG_DONTWAIT)) > 0) {
        seen->len += (size_t)num;
        check(seen->len < SEEN_MAX - 1);
    }
    return num < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void write_cut(int fd, struct bytes in, struct bytes cuts, struct seen *seen)
{
    size_t at = 0, i = 0;
    bool goes_on = true;

    while (goes_on && at < in.len) {
        size_t step = cuts.len ? cuts.data[i++ % cuts.len] + 1u : in.len;

        step = step < in.len - at ? step : in.len - at;
        if (send(fd, in.data + at, step, MSG_NOSIGNAL) != (ssize_t)step) {
            break;
        }
        at += step;
        turn();
        goes_on = read_some(fd, seen);
    }
}

static void await_end(int fd, struct seen *seen)
{
    int i;

    for (i = 0; i < TURNS_MAX && w.server.num_conns > 0; i++) {
        if (w.mode & MODE_STAYS) {
            event_base_loop(w.base, EVLOOP_ONCE); /* until a deadline */
        }
        turn();
        if (!read_some(fd, seen)) {
            shutdown(fd, SHUT_WR); /* else it lingers for two seconds */
        }
    }
    check(w.server.num_conns == 0); /* it always ends */
    turn();
    (void)read_some(fd, seen);
}

static void run(struct bytes in, struct bytes cuts, struct seen *seen)
{
    size_t before = w.num_requests;
    int fds[2];

    seen->len = 0;
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    check(http_server_adopt(&w.server, fds[1], NULL, w.mode & MODE_TLS ? &w.door : NULL));
    write_cut(fds[0], in, cuts, seen);
    if (!(w.mode & MODE_STAYS)) {
        shutdown(fds[0], SHUT_WR);
    }
    await_end(fds[0], seen);
    close(fds[0]);
    seen->num_requests = w.num_requests - before;
    check(w.num_kept == 0 && w.num_opened == w.num_closed && w.num_answered >= w.num_requests);
    check(ERR_peek_error() == 0);
    strip(seen);
}

static void assert_same(const struct seen *a, const struct seen *b)
{
    check(a->num_requests == b->num_requests);
    check(w.mode & MODE_TLS || /* its octets are random */
          (a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static struct seen whole, cut, single;
    static const uint8_t one = 0;
    size_t num_cuts = data_len > 1 ? data[1] % 8u : 0;
    struct bytes in;

    if (data_len < 2 + num_cuts || data_len > 3000) {
        return 0;
    }
    if (!w.door.tls) {
        log_start("fuzz", LOG_LEVEL_ERROR, LOG_FORM_TEXT);
        w.door = (struct http_door){HTTP_DOOR_TLS, make_context()};
    }
    w.mode = data[0] < 128 ? 0 : data[0] & 15; /* mostly plain */
    w.base = event_base_new();
    check(w.base);
    http_server_init(&w.server, w.base, w.mode & MODE_STAYS ? &config : &patient, &ops, NULL);
    in = bytes_of(data + 2 + num_cuts, data_len - 2 - num_cuts);
    run(in, bytes_of(data + 2, num_cuts), &cut);
    if (!(w.mode & MODE_STAYS)) {
        run(in, BYTES_NONE, &whole);
        run(in, bytes_of(&one, 1), &single);
        assert_same(&whole, &cut);
        assert_same(&whole, &single);
    }
    http_server_clear(&w.server);
    event_base_free(w.base);
    return 0;
}
