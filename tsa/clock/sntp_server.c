/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polite by RFC 4330 10: one question at a time, less often when none is answered, slower when told to, never again when told to leave.
 */
#include "tsa/clock/sntp_server.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "tsa/base/now.h"

#define PATIENCE_NS  INT64_C(1000000000) /* for the answer to a quick question, before the next one */
#define FIRST_RETRY  INT64_C(2000000000)
#define MOST_DOUBLED 16
#define MOST_BACKOFF 3  /* 8 times the poll */
#define MOST_READ    64 /* datagrams at once: others want to be heard too */
#define DATAGRAM_MAX 512

enum rc sntp_server_open(struct sntp_server *server, const struct address *address)
{
    server->address = *address;
    server->fd = socket(address->sock.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return server->fd >= 0 ? RC_OK : RC_IO;
}

void sntp_server_close(struct sntp_server *server)
{
    if (server->fd >= 0) {
        (void)close(server->fd);
    }
    server->fd = -1;
}

/* ---- questions ---- */

static uint64_t draw(void)
{
    uint64_t number;

    return getrandom(&number, sizeof(number), 0) == (ssize_t)sizeof(number) ? number : 0;
}

/* A little less or more each time, so that a thousand machines that were started together do not ask together. */
static int64_t spread(int64_t ns)
{
    return ns - ns / 16 + (int64_t)(draw() % ((uint64_t)ns / 8 + 1));
}

/* After an answer. */
static int64_t usual_pause(const struct sntp_server *s, int64_t poll_ns)
{
    return spread(poll_ns << s->num_rate);
}

/* While nothing is answered: doubled from a few seconds up to the poll, so that a lost datagram or a network that comes up late costs little. */
static int64_t retry_pause(const struct sntp_server *s)
{
    const int64_t retry =
        spread(FIRST_RETRY << (s->num_unanswered < MOST_DOUBLED ? s->num_unanswered : MOST_DOUBLED));

    return retry < s->pause_ns ? retry : s->pause_ns;
}

static bool is_due(const struct sntp_server *s, int64_t mono_ns, bool quick)
{
    if (s->fd < 0 || s->has_left) {
        return false;
    }
    if (quick && s->num_rate == 0 && s->num_answers < SNTP_NUM_QUICK) {
        return s->nonce == 0 || now_raw_ns() - s->sent_raw_ns >= PATIENCE_NS;
    }
    return mono_ns >= s->next_mono_ns;
}

/* A datagram that can not be sent (no route yet) is as one that is lost. */
static void send_question(struct sntp_server *s)
{
    uint8_t question[SNTP_PACKET_LEN];
    struct iovec part = {.iov_base = question, .iov_len = sizeof(question)};
    const struct msghdr message = {
        .msg_name = &s->address.sock, .msg_namelen = s->address.len, .msg_iov = &part, .msg_iovlen = 1};

    sntp_put_question(question, s->nonce);
    s->sent_raw_ns = now_raw_ns();
    (void)sendmsg(s->fd, &message, MSG_NOSIGNAL);
}

void sntp_server_ask(struct sntp_server *server, int64_t mono_ns, int64_t poll_ns, bool quick)
{
    if (!is_due(server, mono_ns, quick)) {
        return;
    }
    server->num_unanswered = server->nonce != 0 ? server->num_unanswered + 1 : 0;
    server->asked_mono_ns = mono_ns;
    server->pause_ns = usual_pause(server, poll_ns);
    server->next_mono_ns = mono_ns + retry_pause(server);
    server->nonce = draw();
    if (server->nonce != 0) { /* 1 in 2^64, or no random numbers: the next time */
        send_question(server);
    }
}

/* ---- answers ---- */

static bool is_from(const struct address *from, const struct address *server)
{
    const struct sockaddr_in *v4 = &from->sock.v4;
    const struct sockaddr_in6 *v6 = &from->sock.v6;

    if (from->sock.any.sa_family != server->sock.any.sa_family) {
        return false;
    }
    return from->sock.any.sa_family == AF_INET
               ? v4->sin_port == server->sock.v4.sin_port &&
                     v4->sin_addr.s_addr == server->sock.v4.sin_addr.s_addr
               : v6->sin6_port == server->sock.v6.sin6_port &&
                     memcmp(&v6->sin6_addr, &server->sock.v6.sin6_addr, sizeof(v6->sin6_addr)) == 0;
}

/* What is longer is cut: the time stands before it. Negative: nothing is there. */
static ssize_t receive(int fd, uint8_t out[DATAGRAM_MAX], struct address *out_from)
{
    struct iovec part = {.iov_base = out, .iov_len = DATAGRAM_MAX};
    struct msghdr message = {.msg_name = &out_from->sock,
                             .msg_namelen = sizeof(out_from->sock),
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    ssize_t len;

    *out_from = (struct address){0};
    do {
        len = recvmsg(fd, &message, MSG_DONTWAIT);
    } while (len < 0 && errno == EINTR);
    return len;
}

static enum sntp_answer judge(struct sntp_server *s, struct bytes datagram, struct sntp_exchange *out)
{
    const int64_t received_raw_ns = now_raw_ns();
    struct sntp_reply reply;
    enum sntp_answer answer =
        sntp_get_answer(datagram, s->nonce, gentime_diff_ns(now_real(), (struct gentime){0}), &reply);

    if (answer == SNTP_FOREIGN) {
        return answer;
    }
    *out = (struct sntp_exchange){
        .sent_raw_ns = s->sent_raw_ns,
        .received_raw_ns = received_raw_ns,
        .server_received_ns = reply.received_ns,
        .server_sent_ns = reply.sent_ns,
        .server_error_ns = reply.error_ns,
        .stratum = reply.stratum,
        .leap = reply.leap,
    };
    s->nonce = 0; /* a second answer to the same question is nobody's */
    memcpy(s->reference, reply.reference, sizeof(s->reference));
    s->num_answers += s->num_answers < SNTP_NUM_QUICK;
    s->has_left = answer == SNTP_LEAVE;
    if (answer == SNTP_RATE && s->num_rate < MOST_BACKOFF) {
        s->num_rate++;
        s->pause_ns *= 2;
    }
    s->next_mono_ns = s->asked_mono_ns + s->pause_ns;
    return answer;
}

enum sntp_answer sntp_server_hear(struct sntp_server *server, struct sntp_exchange *out)
{
    uint8_t datagram[DATAGRAM_MAX];
    enum sntp_answer answer = SNTP_FOREIGN;
    struct address from;
    ssize_t len;

    for (int i = 0; i < MOST_READ && server->fd >= 0 && answer == SNTP_FOREIGN; i++) {
        len = receive(server->fd, datagram, &from);
        if (len < 0) {
            break;
        }
        if (is_from(&from, &server->address)) {
            answer = judge(server, bytes_of(datagram, (size_t)len), out);
        }
    }
    return answer;
}
