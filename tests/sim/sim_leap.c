/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leap seconds: inserted, deleted, announced by all, by the source alone, by the list alone, by nobody, falsely, not done by the kernel, smeared. Each millisecond
 * of the seconds around midnight is swept with requests. No token near it where anything was announced, none out of order, none with second 60; and with every
 * leap second counted, E is never less than the true error, before, after and long after.
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

#define MIDNIGHT    (INT64_C(1924992000) * SECOND) /* 2031-01-01T00:00:00Z */
#define BEFORE      (400 * SECOND)
#define SWEEP_FROM  (BEFORE - 2500 * MS)
#define SWEEP_UNTIL (BEFORE + 3500 * MS)
#define AFTER       (BEFORE + 400 * SECOND)
#define PER_REQUEST (20 * MS)
#define MAX_STEP    (5 * MS)
#define MAX_AGE     HOUR

enum list {
    LIST_SILENT,
    LIST_INSERT,
    LIST_DELETE,
    LIST_EXPIRED
};

struct scenario {
    const char *name;
    int truly; /* 1 inserted, -1 deleted */
    enum list list;
    enum clockpage_leap source, servers; /* announce */
    bool kernel_obeys, smeared;
    bool is_expected; /* a window is kept */
    bool is_agreed;   /* tokens right after it, where the source is a daemon */
};

#define NONE   CLOCKPAGE_LEAP_NONE
#define INSERT CLOCKPAGE_LEAP_INSERT
#define DELETE CLOCKPAGE_LEAP_DELETE

static const struct scenario scenarios[] = {
    {"none", 0, LIST_SILENT, NONE, NONE, true, false, false, true},
    {"inserted, all announce it", 1, LIST_INSERT, INSERT, INSERT, true, false, true, true},
    {"deleted, all announce it", -1, LIST_DELETE, DELETE, DELETE, true, false, true, true},
    {"inserted, the source alone", 1, LIST_SILENT, INSERT, INSERT, true, false, true, false},
    {"deleted, the source alone", -1, LIST_SILENT, DELETE, NONE, true, false, true, false},
    {"inserted, the servers alone", 1, LIST_SILENT, NONE, INSERT, true, false, true, false},
    {"inserted, the list alone", 1, LIST_INSERT, NONE, NONE, true, false, true, false},
    {"deleted, the list alone", -1, LIST_DELETE, NONE, NONE, true, false, true, false},
    {"false, the source alone", 0, LIST_SILENT, INSERT, NONE, true, false, true, false},
    {"false, a deletion, the source alone", 0, LIST_SILENT, DELETE, DELETE, true, false, true, false},
    {"false, and the kernel does nothing", 0, LIST_SILENT, INSERT, INSERT, false, false, true, false},
    {"false, the list alone", 0, LIST_INSERT, NONE, NONE, true, false, true, false},
    {"inserted, and the kernel does nothing", 1, LIST_INSERT, INSERT, INSERT, false, false, true, false},
    {"deleted, and the kernel does nothing", -1, LIST_DELETE, DELETE, DELETE, false, false, true, false},
    {"inserted, they contradict each other", 1, LIST_INSERT, DELETE, NONE, true, false, true, false},
    {"inserted, the list has expired", 1, LIST_EXPIRED, NONE, NONE, true, false, true, false},
    {"inserted, the source alone, an expired list", 1, LIST_EXPIRED, INSERT, INSERT, true, false, true,
     false},
    {"none, the list has expired", 0, LIST_EXPIRED, NONE, NONE, true, false, true, false},
    {"inserted, smeared", 1, LIST_INSERT, NONE, NONE, true, true, true, false},
    {"deleted, smeared", -1, LIST_DELETE, NONE, NONE, true, true, true, false},
    {"inserted, smeared, the list has expired", 1, LIST_EXPIRED, NONE, NONE, true, true, true, false},
};

struct mode {
    const char *name;
    const struct timesrc_ops *source;
    bool has_servers, no_esterror;
    int64_t delay;
    int64_t dead_from, dead_for; /* the clock role, against midnight; 0: it lives */
};

static const struct mode modes[] = {
    {"chrony", &timesrc_chrony, false, false, 2 * MS, 0, 0},
    {"chrony, far away", &timesrc_chrony, false, false, 300 * MS, 0, 0},
    {"chrony and servers", &timesrc_chrony, true, false, 2 * MS, 0, 0},
    {"kernel and servers", &timesrc_kernel, true, false, 2 * MS, 0, 0},
    {"timesyncd and servers", &timesrc_kernel, true, true, 2 * MS, 0, 0},
    {"servers", NULL, true, false, 2 * MS, 0, 0},
    {"chrony, the clock role dies before", &timesrc_chrony, false, false, 2 * MS, -700 * MS, 1400 * MS},
    {"chrony and servers, the clock role dies before", &timesrc_chrony, true, false, 2 * MS, -200 * MS,
     20 * SECOND},
    {"chrony, the clock role dies in between", &timesrc_chrony, false, false, 2 * MS, 500 * MS, 900 * MS},
    {"kernel and servers, the clock role dies after", &timesrc_kernel, true, false, 2 * MS, 1500 * MS,
     2 * SECOND},
};

static struct leaplist list_of(enum list list)
{
    struct leaplist leaps = {.expires = MIDNIGHT / SECOND + (list == LIST_EXPIRED ? -86400 * 3 : 86400 * 30),
                             .list = {{1435708800, 36}, {1483228800, 37}},
                             .num = 2};

    if (list == LIST_INSERT || list == LIST_DELETE) {
        leaps.list[leaps.num++] = (struct leaplist_entry){MIDNIGHT / SECOND, list == LIST_INSERT ? 38 : 36};
    }
    return leaps;
}

static void start(const struct scenario *s, const struct mode *mode, uint64_t seed, const char *name)
{
    const enum clockpage_leap announced = s->source != NONE ? s->source : s->servers;
    const struct daemon_rules daemon = {.poll_ns = 16 * SECOND,
                                        .delay_ns = mode->delay,
                                        .slew_ppb = 500000,
                                        .smeared = s->smeared,
                                        .no_esterror = mode->no_esterror};
    const struct servers_rules servers = {.num = mode->has_servers ? 4 : 0,
                                          .poll_ns = 32 * SECOND,
                                          .max_age_ns = MAX_AGE,
                                          .drift_ppb = 250000,
                                          .delay_ns = 8 * MS,
                                          .smeared = s->smeared,
                                          .announce = mode->source ? s->servers : announced};
    struct role_setup setup = {
        .source = mode->source,
        .has_servers = mode->has_servers,
        .rules = {.max_step_ns = MAX_STEP,
                  .max_age_ns = MAX_AGE,
                  .tightest_ns = 10 * MS,
                  .loosest_ns = 10 * SECOND,
                  .smeared = s->smeared,
                  .proof = CLOCKPAGE_PROVEN},
        .leaps = list_of(s->list),
    };

    world_start(seed, MIDNIGHT - BEFORE);
    if (s->truly != 0) {
        world_set_leap(MIDNIGHT, s->truly);
    }
    setup.chrony_port = daemon_start(&daemon);
    daemon_announce(s->source, MIDNIGHT, s->kernel_obeys);
    servers_start(&servers);
    role_start(&setup);
    client_start(&(struct client_setup){name, role_page(), MAX_STEP});
    client_expect_leap(s->is_expected ? MIDNIGHT : 0);
}

static void end(void)
{
    client_end();
    role_end();
    daemon_end();
}

static void kill_or_revive(const struct mode *mode)
{
    const int64_t since = world_now() - BEFORE - mode->dead_from;

    if (mode->dead_for == 0) {
        return;
    }
    if (role_is_alive() && since >= 0 && since < mode->dead_for) {
        role_kill();
    } else if (!role_is_alive() && since >= mode->dead_for) {
        role_revive();
    }
}

/* Each millisecond, a little later in each. Returns the number of tokens that the last second gave. */
static uint64_t sweep(const struct mode *mode)
{
    uint64_t before = 0;

    for (int64_t t = SWEEP_FROM; t < SWEEP_UNTIL; t += MS) {
        if (t == SWEEP_UNTIL - SECOND) {
            before = client_num_tokens();
        }
        turn_until(t + world_between(0, MS - 1), 0);
        kill_or_revive(mode);
        for (int claim = 0; claim < CLIENT_NUM_CLAIMS; claim++) {
            (void)client_ask((enum client_claim)claim);
        }
    }
    return client_num_tokens() - before;
}

static bool is_live(const char *name, const char *when, uint64_t num)
{
    if (num == 0) {
        (void)fprintf(stderr, "%s: no token %s, at %.3f: %s\n", name, when,
                      (double)(world_now() - BEFORE) / 1e9, rc_word((enum rc)role_record()->reason));
    }
    return num != 0;
}

/* A daemon whose server is far away may take one bad sample for the truth at any time, and set the clock. */
static uint64_t count_until(int64_t t, int64_t at_most)
{
    const uint64_t before = client_num_tokens();

    turn_until(t, PER_REQUEST);
    if (client_num_tokens() == before) {
        turn_until(at_most, PER_REQUEST);
    }
    return client_num_tokens() - before;
}

static bool run(const struct scenario *s, const struct mode *mode, uint64_t seed, uint64_t *num)
{
    uint64_t last;
    char name[160];
    bool ok;

    (void)snprintf(name, sizeof(name), "%s; %s; seed %" PRIu64, s->name, mode->name, seed);
    start(s, mode, seed, name);
    turn_until(BEFORE - 100 * SECOND, PER_REQUEST);
    ok = is_live(name, "before midnight", count_until(BEFORE - 90 * SECOND, SWEEP_FROM));
    turn_until(SWEEP_FROM, PER_REQUEST);
    last = sweep(mode);
    if (last == 0) { /* an answer that came late cost three records */
        last = count_until(SWEEP_UNTIL + 5 * SECOND, SWEEP_UNTIL + 5 * SECOND);
    }
    if (s->is_agreed && mode->source && !mode->no_esterror && mode->dead_for == 0) {
        ok = is_live(name, "right after midnight", last) && ok;
    }
    for (int64_t t = world_now(); t < AFTER; t += SECOND) {
        turn_until(t, PER_REQUEST);
        kill_or_revive(mode);
    }
    ok = is_live(name, "long after midnight", count_until(AFTER + 10 * SECOND, AFTER + 120 * SECOND)) && ok;
    *num += client_num_tokens();
    end();
    return ok;
}

/* Where the servers alone announce it, nobody can know without them. */
static bool is_told(const struct scenario *s)
{
    return s->source != NONE || s->list != LIST_SILENT || s->servers == NONE;
}

int main(void)
{
    const size_t num_scenarios = sizeof(scenarios) / sizeof(scenarios[0]),
                 num_modes = sizeof(modes) / sizeof(modes[0]);
    const uint64_t seed = turn_seed(20310101), num_seeds = turn_is_long() ? 20 : 1;
    bool ok = true;

    log_start("sim", LOG_LEVEL_ERROR, LOG_FORM_TEXT);
    for (size_t i = 0; i < num_scenarios; i++) {
        uint64_t num = 0;

        for (size_t m = 0; m < num_modes; m++) {
            const bool possible = modes[m].has_servers || is_told(&scenarios[i]);

            for (uint64_t k = 0; possible && k < num_seeds; k++) {
                ok = run(&scenarios[i], &modes[m], seed + k, &num) && ok;
            }
        }
        (void)printf("%s: %" PRIu64 " tokens, none wrong\n", scenarios[i].name, num);
        (void)fflush(stdout);
    }
    return ok ? 0 : 1;
}
