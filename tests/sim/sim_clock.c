/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Millions of tokens over a clock that drifts, is set, loses its sources and is lied to: none lies outside its accuracy, no recorded bound is smaller than
 * the true error, and a clock that was set is refused in the same request. The program's own drivers, intersection, verdict, clock file and gate do
 * the work; the world around them is simulated, so truth is known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/client.h"
#include "tests/sim/daemon.h"
#include "tests/sim/role.h"
#include "tests/sim/servers.h"
#include "tests/sim/turn.h"
#include "tsa/base/log.h"

#define START       (INT64_C(1931904000) * SECOND) /* 2031-03-22T00:00:00Z: no leap second is near */
#define PER_REQUEST (90 * MS)
#define MAX_STEP    (5 * MS)
#define MAX_AGE     (15 * 60 * SECOND)
#define PEACE_EVERY (3000 * SECOND) /* no disturbance begins for PEACE; where none lasts it is calm soon */
#define PEACE       (900 * SECOND)
#define CALM_AFTER  (200 * SECOND)
#define RECORDS     (5 * SECOND) /* after which none is in force that was made before */
#define LIE_UNSEEN                                                                                           \
    (300 * MS) /* the servers' own uncertainty: a lie of less may pass for an error of theirs */

struct mode {
    const char *name;
    const struct timesrc_ops *source;
    bool has_servers, no_esterror;
    int64_t poll, slew_ppb, delay;
    size_t num_servers;
    int64_t least_whole, least_fine; /* per mille of requests in calm times that get a token */
};

/* ---- disturbances ---- */

static const int64_t sizes[] = {MS, 5 * MS, 50 * MS, SECOND, HOUR, YEAR};

static struct {
    const struct mode *mode;
    int64_t lied_t;         /* the daemon rested on a lie then */
    int64_t servers_lied_t; /* and answers of one that lied may be remembered for MAX_AGE */
    int64_t disputed_t;     /* or of all of them */
} story;

static int64_t some_step(void)
{
    const int64_t size = sizes[world_between(0, sizeof(sizes) / sizeof(sizes[0]) - 1)];

    return world_chance(500) ? size : -size;
}

/* Set once; then it stays, is undone soon, or late. */
static int64_t begin_step(void)
{
    const int64_t by = some_step();
    const int64_t after[] = {world_between(100 * US, world_chance(500) ? MS : 30 * MS),
                             world_between(30 * MS, 5 * SECOND), world_between(5 * SECOND, 150 * SECOND)};
    const int64_t how = world_between(0, 5);

    client_note("set by %.3f s, %s", (double)by / 1e9, how < 3 ? "undone" : "left");
    world_step_at(world_now() + 1, by);
    if (how < 3) {
        world_step_at(world_now() + 1 + after[how], -by);
    }
    return 200 * SECOND;
}

/* Several times in a short while, to and fro. */
static int64_t begin_steps(void)
{
    int64_t t = world_now();

    client_note("set again and again");
    for (int i = 0; i < 4; i++) {
        t += world_between(100 * US, world_chance(500) ? 20 * MS : 3 * SECOND);
        world_step_at(t, some_step() / 1000 * world_between(900, 1100));
    }
    return 200 * SECOND;
}

static int64_t begin_lost(void)
{
    client_note("the daemon's server is lost");
    daemon_lose(true);
    return world_exponential(world_chance(200) ? 1500 * SECOND : 100 * SECOND);
}

static void end_lost(void)
{
    client_note("the daemon's server is back");
    daemon_lose(false);
}

static int64_t begin_slow(void)
{
    client_note("the network is slow");
    daemon_slow(true);
    servers_slow(true);
    return world_exponential(200 * SECOND);
}

static void end_slow(void)
{
    client_note("the network is fast again");
    daemon_slow(false);
    servers_slow(false);
}

static int64_t begin_kill(void)
{
    client_note("the clock role is killed");
    role_kill();
    return world_exponential(world_chance(500) ? 2 * SECOND : 20 * SECOND);
}

static void end_kill(void)
{
    client_note("the clock role is started");
    role_revive();
}

static int64_t begin_silence(void)
{
    client_note("the daemon is killed");
    daemon_silence(true);
    return world_exponential(world_chance(500) ? SECOND : 30 * SECOND);
}

static void end_silence(void)
{
    client_note("the daemon is started");
    daemon_restart();
}

static int64_t begin_wander(void)
{
    static const int64_t widths[] = {100, 1000, 10000, 100000};
    const int64_t width = widths[world_between(0, 3)];

    client_note("the oscillator wanders by %" PRId64 " ppb", width);
    daemon_set_wander(width);
    return world_exponential(400 * SECOND);
}

static void end_wander(void)
{
    client_note("the oscillator is steady");
    daemon_set_wander(1000);
}

static int64_t some_lie(void)
{
    return some_step() / 10 * world_between(1, 20);
}

/* Fewer than half, each for itself or together. */
static int64_t begin_lies(void)
{
    const bool together = world_chance(500);
    const int64_t lie = some_lie(), drift = world_between(-1000000, 1000000);

    for (size_t i = 0; i < servers_num_spare(); i++) {
        servers_lie(i, together ? lie : world_chance(500) ? some_lie() : 0, together ? 0 : drift);
    }
    client_note("%zu servers lie, the first by %.6f s", servers_num_spare(), (double)lie / 1e9);
    return world_exponential(300 * SECOND);
}

static void end_lies(void)
{
    client_note("no server lies");
    story.servers_lied_t = world_now();
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        servers_lie(i, 0, 0);
    }
}

static void end_dispute(void)
{
    end_lies();
    story.disputed_t = world_now();
}

/* More than half are wrong, each in its own way. */
static int64_t begin_dispute(void)
{
    client_note("the servers disagree");
    for (size_t i = 0; i + servers_num_spare() < story.mode->num_servers; i++) {
        servers_lie(i, ((int64_t)i - 1) * 17 * SECOND + 5 * SECOND, 0);
    }
    return world_exponential(200 * SECOND);
}

static int64_t begin_silent_servers(void)
{
    client_note("servers are silent");
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        servers_silence(i, world_chance(500));
    }
    return world_exponential(world_chance(200) ? 1500 * SECOND : 300 * SECOND);
}

static void end_silent_servers(void)
{
    client_note("no server is silent");
    for (size_t i = 0; i < SERVERS_MAX; i++) {
        servers_silence(i, false);
    }
}

/* The daemon is led astray and knows nothing of it: only the servers beside it can tell. */
static int64_t begin_lied_to(void)
{
    const int64_t lie = some_lie();

    client_note("the daemon is lied to, by %.6f s", (double)lie / 1e9);
    client_allow(LIE_UNSEEN);
    daemon_lie(lie);
    return world_exponential(300 * SECOND);
}

static void end_lied_to(void)
{
    client_note("the daemon is not lied to any more");
    daemon_lie(0);
}

/* Of those that exclude each other (their bits) only one happens at a time. */
enum {
    ALONE = 1,
    LIES = 2
};

static const struct disturbance {
    int64_t (*begin)(void);
    void (*end)(void);
    unsigned excludes;
    bool of_servers, of_opinion;
    int weight;
} disturbances[] = {
    {begin_step, NULL, 0, false, false, 8},
    {begin_steps, NULL, 0, false, false, 2},
    {begin_lost, end_lost, 0, false, false, 2},
    {begin_slow, end_slow, 0, false, false, 2},
    {begin_kill, end_kill, 4, false, false, 3},
    {begin_silence, end_silence, 8, false, false, 2},
    {begin_wander, end_wander, 16, false, false, 2},
    {begin_lies, end_lies, LIES, true, false, 3},
    {begin_dispute, end_dispute, LIES, true, false, 1},
    {begin_silent_servers, end_silent_servers, 0, true, false, 2},
    {begin_lied_to, end_lied_to, ALONE, true, true, 2},
};

/* ---- the story: two threads of it ---- */

#define NUM_THREADS 2

static struct thread {
    const struct disturbance *now;
    int64_t next;
} threads[NUM_THREADS];

static bool is_possible(const struct disturbance *one, const struct thread *other)
{
    const struct mode *mode = story.mode;

    if ((one->of_servers && !mode->has_servers) || (one->of_opinion && !mode->source)) {
        return false;
    }
    if (one->begin == begin_dispute && world_now() - story.servers_lied_t < 2 * MAX_AGE) {
        return false; /* a small lie of before would make a majority of wrong ones */
    }
    if (one->begin == begin_lies && world_now() - story.disputed_t < 2 * MAX_AGE) {
        return false;
    }
    if (one->excludes == ALONE) {
        return !other->now && daemon_is_honest();
    }
    return daemon_is_honest() &&
           (!other->now || (other->now->excludes != ALONE && other->now != one &&
                            (one->excludes == 0 || one->excludes != other->now->excludes)));
}

static const struct disturbance *choose(const struct thread *other)
{
    int sum = 0, at;

    for (size_t i = 0; i < sizeof(disturbances) / sizeof(disturbances[0]); i++) {
        sum += is_possible(&disturbances[i], other) ? disturbances[i].weight : 0;
    }
    if (sum == 0) {
        return NULL;
    }
    at = (int)world_between(0, sum - 1);
    for (size_t i = 0;; i++) {
        at -= is_possible(&disturbances[i], other) ? disturbances[i].weight : 0;
        if (at < 0) {
            return &disturbances[i];
        }
    }
}

static bool is_peace(void)
{
    return world_now() % PEACE_EVERY >= PEACE_EVERY - PEACE;
}

static void go_on(struct thread *thread, const struct thread *other)
{
    if (thread->now) {
        if (thread->now->end) {
            thread->now->end();
        }
        thread->now = NULL;
        thread->next = world_now() + world_exponential(80 * SECOND);
    } else if (is_peace() || !(thread->now = choose(other))) {
        thread->next = world_now() + 10 * SECOND;
    } else {
        thread->next = world_now() + 1 + thread->now->begin();
    }
}

static bool is_quiet(void)
{
    return !threads[0].now && !threads[1].now && is_peace() && daemon_is_settled();
}

static void tell(uint64_t num)
{
    int64_t quiet_since = NEVER;

    while (client_num_tokens() < num) {
        struct thread *thread = threads[0].next < threads[1].next ? &threads[0] : &threads[1];
        const int64_t now = world_now(),
                      t = thread->next < now + 5 * SECOND ? thread->next : now + 5 * SECOND;

        quiet_since = !is_quiet() ? NEVER : quiet_since == NEVER ? now : quiet_since;
        client_set_calm(quiet_since != NEVER && now - quiet_since >= CALM_AFTER);
        story.lied_t = daemon_is_honest() ? story.lied_t : now;
        client_allow(now - story.lied_t > RECORDS ? 0 : LIE_UNSEEN);
        turn_until(t, PER_REQUEST);
        if (t == thread->next) {
            go_on(thread, thread == &threads[0] ? &threads[1] : &threads[0]);
        }
        if (is_peace() || world_chance(10)) {
            client_acknowledge();
        }
    }
}

/* ---- one run ---- */

static bool run(const struct mode *mode, uint64_t seed, uint64_t num)
{
    const struct daemon_rules daemon = {.poll_ns = mode->poll,
                                        .delay_ns = mode->delay,
                                        .slew_ppb = mode->slew_ppb,
                                        .no_esterror = mode->no_esterror};
    const struct servers_rules servers = {.num = mode->has_servers ? mode->num_servers : 0,
                                          .poll_ns = 64 * SECOND,
                                          .max_age_ns = MAX_AGE,
                                          .drift_ppb = 250000,
                                          .delay_ns = 8 * MS};
    struct role_setup setup = {
        .source = mode->source,
        .has_servers = mode->has_servers,
        .rules = {.max_step_ns = MAX_STEP,
                  .max_age_ns = MAX_AGE,
                  .tightest_ns = 10 * MS,
                  .loosest_ns = 10 * SECOND,
                  .proof = CLOCKPAGE_PROVEN},
        .leaps = {.expires = START / SECOND + 365 * 86400, .list = {{1483228800, 37}}, .num = 1},
    };
    bool is_live;

    world_start(seed, START);
    world_set_pauses(true);
    story.mode = mode;
    story.lied_t = -RECORDS - 1;
    story.servers_lied_t = story.disputed_t = -2 * MAX_AGE;
    setup.chrony_port = daemon_start(&daemon);
    servers_start(&servers);
    role_start(&setup);
    client_start(&(struct client_setup){mode->name, role_page(), MAX_STEP});
    for (int i = 0; i < NUM_THREADS; i++) {
        threads[i] = (struct thread){.next = 200 * SECOND};
    }
    tell(num);
    is_live = client_report(mode->least_whole, mode->least_fine);
    client_end();
    role_end();
    daemon_end();
    return is_live;
}

static const struct mode modes[] = {
    {"chrony", &timesrc_chrony, false, false, 16 * SECOND, 500000, 2 * MS, 0, 999, 980},
    {"chrony that slews by 8 %", &timesrc_chrony, false, false, 16 * SECOND, 83333000, 2 * MS, 0, 990, 950},
    {"chrony and servers", &timesrc_chrony, true, false, 32 * SECOND, 500000, 2 * MS, 4, 999, 980},
    {"kernel and servers", &timesrc_kernel, true, false, 32 * SECOND, 500000, 2 * MS, 5, 999, 0},
    {"timesyncd and servers", &timesrc_kernel, true, true, 64 * SECOND, 500000, 2 * MS, 4, 999, 0},
    {"servers", NULL, true, false, 64 * SECOND, 500000, 2 * MS, 7, 999, 0},
};

int main(void)
{
    const size_t num_modes = sizeof(modes) / sizeof(modes[0]);
    const uint64_t seed = turn_seed(20310322);
    const uint64_t num = (turn_is_long() ? 40000000 : 2000000) / num_modes;
    bool ok = true;

    log_start("sim", LOG_LEVEL_ERROR, LOG_FORM_TEXT);
    for (size_t i = 0; i < num_modes; i++) {
        ok = run(&modes[i], seed + i, num) && ok;
        (void)fflush(stdout);
    }
    return ok ? 0 : 1;
}
