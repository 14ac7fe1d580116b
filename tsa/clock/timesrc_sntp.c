/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several time servers by SNTP, as the source or as the second opinion beside another one (RFC 4330; RFC 5905). The first round is quick, so that a start
 * knows the time within a second or two; then each server is asked once a poll. Addresses come from the parent: no name is resolved
 * here. What the answers prove is the estimate's work.
 */
#include "tsa/clock/sntp_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/role/clockwords.h"
#include "tsa/role/timeserver.h"

#define EX_SOFTWARE    70
#define FIRST_ROUND_NS INT64_C(2000000000)
#define TEXT_MAX       4096 /* of all servers' addresses */
#define NOT_TOLD       UINT32_MAX

struct sntp {
    struct sntp_server servers[CLOCKPAGE_MAX_SERVERS];
    struct sntp_estimate estimate;
    struct clockpage_servers page;
    char names[CLOCKPAGE_MAX_SERVERS][sizeof(((struct clockpage_server *)0)->address)];
    uint32_t told[CLOCKPAGE_MAX_SERVERS]; /* states that the log knows */
    int timer;                            /* of the first round; -1 = that is over */
    int64_t started_mono_ns;              /* 0: nothing was asked yet */
};

/* ---- open ---- */

static void name_server(const struct settings_server *settings, const struct address *address, char *out,
                        size_t size)
{
    struct timeserver server;
    char text[ADDRESS_TEXT_MAX];
    const char *why;

    (void)snprintf(out, size, "%s", settings->address);
    if (address && timeserver_parse(settings->address, TIMESERVER_PORT, &server, &why) == RC_OK &&
        !server.is_number) {
        (void)snprintf(out, size, "%s %s", settings->address, address_text(address, text));
    }
}

static void open_server(struct sntp *s, size_t i, const struct settings *settings, struct bytes *lines)
{
    const struct settings_server *one = settings_server(settings, i);
    struct address address;
    const enum rc rc = timeserver_get_line(lines, &address);

    if (rc == RC_CONFIG) {
        log_die(EX_SOFTWARE, "the addresses of the time servers are malformed");
    }
    s->told[i] = NOT_TOLD;
    s->servers[i].fd = -1;
    name_server(one, rc == RC_OK ? &address : NULL, s->names[i], sizeof(s->names[i]));
    if (rc == RC_OK && sntp_server_open(&s->servers[i], &address) != RC_OK) {
        if (errno != EAFNOSUPPORT) {
            log_die(EX_SOFTWARE, "no socket for the time server %s: %s", s->names[i], strerror(errno));
        }
        log_warning(
            "the time server %s can not be asked: this machine does not speak its family of addresses",
            s->names[i]);
    }
}

static int open_timer(void)
{
    const struct itimerspec quick = {.it_interval.tv_nsec = SNTP_QUICK_NS, .it_value.tv_nsec = SNTP_QUICK_NS};
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0 || timerfd_settime(fd, 0, &quick, NULL) != 0) {
        log_die(EX_SOFTWARE, "no timer for the time servers: %s", strerror(errno));
    }
    return fd;
}

static void *open_sntp(const struct settings *settings, struct inherit *in)
{
    struct sntp *s = xcalloc(1, sizeof(*s));
    struct wbuf text;
    struct bytes lines;

    wbuf_init(&text, TEXT_MAX);
    if (inherit_read(in, "servers", &text) != RC_OK) {
        log_die(EX_SOFTWARE, "the addresses of the time servers were not handed on");
    }
    lines = wbuf_bytes(&text);
    sntp_estimate_init(&s->estimate, &(struct sntp_rules){
                                         .num = settings->clock.servers.num,
                                         .poll_ns = settings->clock.poll,
                                         .max_age_ns = settings->clock.max_age,
                                         .drift_ppb = settings->clock.drift_ppm * 1000,
                                     });
    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        open_server(s, i, settings, &lines);
    }
    wbuf_clear(&text);
    s->timer = open_timer();
    return s;
}

/* ---- asking ---- */

static size_t put_fds(void *source, struct pollfd out[TIMESRC_MAX_FDS])
{
    const struct sntp *s = source;
    size_t num = 0;

    if (s->timer >= 0) {
        out[num++] = (struct pollfd){.fd = s->timer, .events = POLLIN};
    }
    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        if (s->servers[i].fd >= 0) {
            out[num++] = (struct pollfd){.fd = s->servers[i].fd, .events = POLLIN};
        }
    }
    return num;
}

static bool has_more_quick(const struct sntp *s)
{
    bool more = false;

    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        more |= s->servers[i].fd >= 0 && s->servers[i].num_answers < SNTP_NUM_QUICK;
    }
    return more;
}

static void ask(void *source, int64_t mono_ns)
{
    struct sntp *s = source;

    s->started_mono_ns = s->started_mono_ns ? s->started_mono_ns : mono_ns;
    if (s->timer >= 0 && (mono_ns - s->started_mono_ns >= FIRST_ROUND_NS || !has_more_quick(s))) {
        (void)close(s->timer);
        s->timer = -1;
    }
    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        sntp_server_ask(&s->servers[i], mono_ns, s->estimate.rules.poll_ns, s->timer >= 0);
    }
}

/* ---- answers ---- */

static bool take_answers(struct sntp *s, size_t i)
{
    struct sntp_exchange exchange;
    enum sntp_answer answer;
    bool has_new = false;

    while ((answer = sntp_server_hear(&s->servers[i], &exchange)) != SNTP_FOREIGN) {
        if (answer == SNTP_TIME) {
            has_new |= sntp_estimate_put(&s->estimate, i, &exchange);
        } else if (answer != SNTP_RATE) {
            sntp_estimate_unfit(&s->estimate, i, exchange.received_raw_ns);
        }
    }
    return has_new;
}

/* Before a majority has answered there is nothing to tell, so the first record can wait for it. */
static bool take(void *source)
{
    struct sntp *s = source;
    bool has_new = false;
    uint64_t num_expired;

    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        has_new |= take_answers(s, i);
    }
    if (s->timer >= 0 && read(s->timer, &num_expired, sizeof(num_expired)) > 0) {
        ask(s, now_mono_ns());
    }
    return has_new && sntp_estimate_has_majority(&s->estimate, now_raw_ns());
}

/* ---- what is known ---- */

static void tell(const struct sntp *s, size_t i, const struct clockpage_server *server)
{
    char offset[CLOCKWORDS_MAX], error[CLOCKWORDS_MAX];

    switch (server->state) {
    case CLOCKPAGE_SERVER_GOOD:
        log_info("the time server %s is good: %s%s, +-%s", server->address, server->offset_ns < 0 ? "-" : "+",
                 clockwords_duration(server->offset_ns, offset),
                 clockwords_duration(server->error_ns, error));
        break;
    case CLOCKPAGE_SERVER_FALSE:
        log_warning("the time server %s is not of the majority: %s%s from this machine's clock, +-%s",
                    server->address, server->offset_ns < 0 ? "-" : "+",
                    clockwords_duration(server->offset_ns, offset),
                    clockwords_duration(server->error_ns, error));
        break;
    case CLOCKPAGE_SERVER_UNFIT:
        log_warning("the time server %s can not be used: it says that it is not synchronised, or does not "
                    "want to be asked (%s)",
                    server->address, s->servers[i].reference);
        break;
    default:
        log_warning("the time server %s does not answer", server->address);
    }
}

static void tell_changes(struct sntp *s)
{
    for (size_t i = 0; i < s->page.num; i++) {
        const struct clockpage_server *server = &s->page.list[i];

        if (server->state != s->told[i]) {
            tell(s, i, server);
            s->told[i] = server->state;
        }
    }
}

static void sample(void *source, struct timesrc_sample *out)
{
    struct sntp *s = source;
    const int64_t error = timesrc_read_clocks(out);
    const struct sntp_moment now = sntp_moment_of(out, error);

    sntp_estimate_sample(&s->estimate, &now, out);
    sntp_estimate_servers(&s->estimate, &now, &s->page);
    for (size_t i = 0; i < s->page.num; i++) {
        memcpy(s->page.list[i].address, s->names[i], sizeof(s->names[i]));
        if (s->servers[i].has_left) {
            s->page.list[i].state = CLOCKPAGE_SERVER_UNFIT;
        }
    }
    if (s->timer < 0) {
        tell_changes(s);
    } else if (out->rc == RC_CLOCK_UNREACHABLE) {
        out->rc = RC_CLOCK_UNKNOWN; /* the first round is not over */
    }
}

static void servers(void *source, struct clockpage_servers *out)
{
    const struct sntp *s = source;

    *out = s->page;
}

static void close_sntp(void *source)
{
    struct sntp *s = source;

    for (size_t i = 0; i < s->estimate.rules.num; i++) {
        sntp_server_close(&s->servers[i]);
    }
    if (s->timer >= 0) {
        (void)close(s->timer);
    }
    free(s);
}

const struct timesrc_ops timesrc_sntp = {
    .name = "sntp",
    .proof = CLOCKPAGE_PROVEN,
    .open = open_sntp,
    .fds = put_fds,
    .ask = ask,
    .take = take,
    .sample = sample,
    .servers = servers,
    .close = close_sntp,
};
