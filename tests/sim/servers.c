/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange is two moments, since the clocks that measure it run on in between: a question that is sent, an answer that arrives. The first
 * round is quick, as the program's.
 */
#include "tests/sim/servers.h"

#include "tsa/base/now.h"

#define NUM_QUICK    4
#define QUICK_NS     (250 * MS)
#define QUICK_END    (2 * SECOND)
#define SERVER_WRONG (2 * MS) /* at most, and it says so */

struct server {
    int64_t next;    /* question or answer */
    bool is_waiting; /* for the answer */
    bool is_silent;
    unsigned num_asked;
    struct sntp_exchange exchange;
    int64_t lie, lie_ppb, lie_since;
};

static struct {
    struct servers_rules rules;
    struct server list[SERVERS_MAX];
    struct sntp_estimate estimate;
    int64_t started;
    bool slow;
} s;

void servers_restart(void)
{
    const struct sntp_rules rules = {
        .num = s.rules.num,
        .poll_ns = s.rules.poll_ns,
        .max_age_ns = s.rules.max_age_ns,
        .drift_ppb = s.rules.drift_ppb,
    };

    sntp_estimate_init(&s.estimate, &rules);
    s.started = world_now();
    for (size_t i = 0; i < s.rules.num; i++) {
        s.list[i].num_asked = 0;
        s.list[i].is_waiting = false;
        s.list[i].next = world_now() + world_between(0, QUICK_NS);
    }
}

void servers_start(const struct servers_rules *rules)
{
    s.rules = *rules;
    s.slow = false;
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        s.list[i] = (struct server){.next = NEVER};
    }
    servers_restart();
}

static struct server *first(void)
{
    struct server *first = &s.list[0];

    for (size_t i = 1; i < s.rules.num; i++) {
        first = s.list[i].next < first->next ? &s.list[i] : first;
    }
    return first;
}

int64_t servers_next(void)
{
    return s.rules.num ? first()->next : NEVER;
}

/* ---- exchanges ---- */

static int64_t some_delay(void)
{
    const int64_t mean = s.slow ? 20 * s.rules.delay_ns : s.rules.delay_ns;

    return 50 * US + world_exponential(mean / 2);
}

static int64_t clock_of(const struct server *server, int64_t t, int64_t wrong)
{
    const int64_t lie = server->lie + (t - server->lie_since) / SECOND * server->lie_ppb;

    return world_utc(t, s.rules.smeared) + lie + wrong;
}

static void ask(struct server *server)
{
    const int64_t there = some_delay(), work = world_between(5 * US, 100 * US), back = some_delay();
    const int64_t claims = world_between(10 * US, SERVER_WRONG), wrong = world_between(-claims, claims);
    const int64_t got = world_now() + there;

    server->num_asked++;
    server->exchange = (struct sntp_exchange){
        .sent_raw_ns = world_raw(),
        .server_received_ns = clock_of(server, got, wrong),
        .server_sent_ns = clock_of(server, got + work, wrong),
        .server_error_ns = claims,
        .stratum = 2,
        .leap = s.rules.announce,
    };
    server->is_waiting = !server->is_silent;
    server->next = world_now() + (server->is_waiting              ? there + work + back
                                  : server->num_asked < NUM_QUICK ? QUICK_NS
                                                                  : s.rules.poll_ns);
}

static void hear(struct server *server)
{
    server->exchange.received_raw_ns = world_raw();
    (void)sntp_estimate_put(&s.estimate, (size_t)(server - s.list), &server->exchange);
    server->is_waiting = false;
    server->next =
        world_now() +
        (server->num_asked < NUM_QUICK ? QUICK_NS : s.rules.poll_ns - world_between(0, s.rules.poll_ns / 20));
}

void servers_act(void)
{
    struct server *server = first();

    (server->is_waiting ? hear : ask)(server);
}

/* ---- what is known ---- */

void servers_sample(struct timesrc_sample *out)
{
    const int64_t error = timesrc_read_clocks(out);
    const struct sntp_moment now = sntp_moment_of(out, error);

    sntp_estimate_sample(&s.estimate, &now, out);
    if (out->rc == RC_CLOCK_UNREACHABLE && world_now() - s.started < QUICK_END) {
        out->rc = RC_CLOCK_UNKNOWN;
    }
}

void servers_lie(size_t i, int64_t offset_ns, int64_t drift_ppb)
{
    s.list[i].lie = offset_ns;
    s.list[i].lie_ppb = drift_ppb;
    s.list[i].lie_since = world_now();
}

void servers_silence(size_t i, bool silent)
{
    s.list[i].is_silent = silent;
}

void servers_announce(enum clockpage_leap leap)
{
    s.rules.announce = leap;
}

void servers_slow(bool slow)
{
    s.slow = slow;
}

size_t servers_num_spare(void)
{
    return s.rules.num - (s.rules.num / 2 + 1);
}
