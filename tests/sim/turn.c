/* SPDX-License-Identifier: Apache-2.0 */
/* One event after the other. */
#include "tests/sim/turn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/daemon.h"
#include "tests/sim/role.h"
#include "tests/sim/servers.h"

#define WATCH_NS  (500 * MS)
#define CLOSELY   (4 * MS)
#define NUM_CLOSE 6 /* requests after a step */

static struct {
    int64_t request_t, watch_t;
    unsigned num_steps, num_close;
} turns;

static void ask(int64_t per_request_ns)
{
    if (world_num_steps() != turns.num_steps) {
        turns.num_steps = world_num_steps();
        turns.num_close = NUM_CLOSE;
    }
    (void)client_ask((enum client_claim)world_between(0, CLIENT_NUM_CLAIMS - 1));
    turns.request_t = world_now() + 1 + world_exponential(per_request_ns);
    if (turns.num_close > 0) {
        turns.num_close--;
        turns.request_t = world_now() + world_between(0, CLOSELY);
    }
}

/* Whoever waits for the clock to be set looks then. */
static void see_step(void)
{
}

static void watch(void)
{
    client_watch();
    turns.watch_t = world_now() + WATCH_NS;
}

static int64_t next_request(int64_t per_request_ns)
{
    if (per_request_ns == 0) {
        return NEVER;
    }
    if (world_num_steps() != turns.num_steps && turns.request_t > world_now() + CLOSELY) {
        turns.request_t =
            world_now() + world_between(0, 80 * US); /* before the clock role may have seen it */
    }
    return turns.request_t;
}

/* From where the last call has ended, unless this is another world. */
static void begin(int64_t per_request_ns)
{
    const int64_t now = world_now();

    if (turns.watch_t < now || turns.watch_t > now + WATCH_NS) {
        turns.watch_t = now;
        turns.num_steps = world_num_steps();
    }
    if (turns.request_t < now || turns.request_t > now + 100 * per_request_ns) {
        turns.request_t = now + world_exponential(per_request_ns);
    }
}

void turn_until(int64_t t, int64_t per_request_ns)
{
    begin(per_request_ns);
    while (world_now() < t) {
        const struct {
            int64_t t;
            void (*act)(void);
        } all[] = {{world_next_step(), see_step},
                   {daemon_next(), daemon_act},
                   {servers_next(), servers_act},
                   {role_next(), role_act},
                   {turns.watch_t, watch}};
        size_t first = 0;
        int64_t request;

        for (size_t i = 1; i < sizeof(all) / sizeof(all[0]); i++) {
            first = all[i].t < all[first].t ? i : first;
        }
        request = next_request(per_request_ns);
        if (request <= all[first].t && request <= t) {
            world_advance(request);
            ask(per_request_ns);
        } else if (all[first].t <= t) {
            const unsigned steps = world_num_steps();

            world_advance(all[first].t);
            if (steps == world_num_steps()) {
                all[first].act();
            }
        } else {
            world_advance(t);
        }
    }
}

uint64_t turn_seed(uint64_t preset)
{
    const char *text = getenv("TSA_SEED");
    const uint64_t seed = text && *text ? strtoull(text, NULL, 0) : preset;

    (void)printf("seed %" PRIu64 " (TSA_SEED=%" PRIu64 " repeats it)\n", seed, seed);
    return seed;
}

bool turn_is_long(void)
{
    const char *text = getenv("TSA_LONG");

    return text && *text && *text != '0';
}
