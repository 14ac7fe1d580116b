/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates and connections by source. The rate is the generic cell rate algorithm: one time per source, when its bucket is full again, moved on by
 * compare-and-swap. Connections are counted in the place of each front and summed up when asked, so that those of a dead front go with its place.
 *
 * What an attacker with many addresses can do (a /48 has 65,536 sources) decides who has to go from a full set: the one whose bucket is nearest to full, not
 * one with connections. The newcomer takes over what was left in the bucket, but at least one request. So to win a bucket back, seven others must be
 * emptied first; and whoever finds a place and keeps to the rate is not refused, however often he is pushed out. Where all eight have connections the
 * newcomer shares: for connections with the one that has the fewest, for requests with the fullest bucket. Not to count him would give up the limit, to
 * refuse him would shut him out. Connections from 10,000 sources, as many as a front keeps open, bring one newcomer in eight to share; from 4,000 one in
 * a thousand. Between a look at a place and its change other fronts may change it too: then a source counts for another one, once.
 */
#include "tsa/front/source.h"

#include "tsa/front/siphash.h"

#define SECOND        INT64_C(1000000000)
#define NUM_SETS      (SHARED_SOURCES / SOURCE_SET)
#define PREFIX_OCTETS 8 /* of IPv6: a /64 */
#define CLAIM_TRIES   4 /* somebody else was faster that often: share then */

_Static_assert((NUM_SETS & (NUM_SETS - 1)) == 0, "a set is chosen by a mask");

void source_table_init(struct source_table *table, const struct settings *settings, struct shared *shared,
                       struct shared_place *place)
{
    *table = (struct source_table){.shared = shared, .place = place};
    table->limits.num_conns = (uint32_t)settings->clients.connections;
    if (settings->clients.rate > 0) {
        table->limits.interval_ns = SECOND / settings->clients.rate;
        table->limits.burst_ns = table->limits.interval_ns * settings->clients.burst;
    }
}

/* ---- finding ---- */

static uint64_t key_of(const struct source_table *table, const struct netaddr *client)
{
    const uint64_t key =
        siphash(table->shared->secret, bytes_of(client->addr, client->family == AF_INET ? 4 : PREFIX_OCTETS));

    return key ? key : 1; /* 0 is a free place */
}

static uint32_t set_of(uint64_t key)
{
    return (uint32_t)(key & (NUM_SETS - 1)) * SOURCE_SET;
}

static uint32_t sum_conns(const struct source_table *table, uint32_t source)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < SHARED_PLACES; i++) {
        if (shared_is_taken(table->shared, i)) {
            sum += atomic_load(&table->shared->places[i].conns[source]);
        }
    }
    return sum;
}

static uint32_t find(const struct source_table *table, uint64_t key)
{
    const uint32_t first = set_of(key);

    for (uint32_t i = first; i < first + SOURCE_SET; i++) {
        if (atomic_load(&table->shared->sources[i].key) == key) {
            return i;
        }
    }
    return SHARED_SOURCES;
}

static int64_t after_of(const struct source_table *table, uint32_t source)
{
    return atomic_load_explicit(&table->shared->sources[source].after, memory_order_relaxed);
}

/* The fullest bucket of the set; of those without connections alone where is_idle. A place that was never used is older than all. */
static uint32_t find_oldest(const struct source_table *table, uint64_t key, bool is_idle)
{
    const uint32_t first = set_of(key);
    uint32_t oldest = SHARED_SOURCES;

    for (uint32_t i = first; i < first + SOURCE_SET; i++) {
        if ((oldest == SHARED_SOURCES || after_of(table, i) < after_of(table, oldest)) &&
            (!is_idle || sum_conns(table, i) == 0)) {
            oldest = i;
        }
    }
    return oldest;
}

static uint32_t find_least_connected(const struct source_table *table, uint64_t key)
{
    uint32_t least = set_of(key);

    for (uint32_t i = least + 1, end = least + SOURCE_SET; i < end; i++) {
        if (sum_conns(table, i) < sum_conns(table, least)) {
            least = i;
        }
    }
    return least;
}

/* ---- room for a newcomer ---- */

/* Room for one request at least; the rest as it was left. */
static void take_over(struct source_table *table, uint32_t source, int64_t now)
{
    const int64_t room_for_one = now + table->limits.burst_ns - table->limits.interval_ns;
    int64_t after = after_of(table, source);

    if (after > room_for_one) {
        (void)atomic_compare_exchange_strong(&table->shared->sources[source].after, &after, room_for_one);
    }
}

/* Two processes may bring in the same source at once: both then use the first place that it has. */
static uint32_t claim(struct source_table *table, uint64_t key, int64_t now)
{
    for (int i = 0; i < CLAIM_TRIES; i++) {
        const uint32_t source = find_oldest(table, key, true);
        uint64_t old;

        if (source == SHARED_SOURCES) {
            break;
        }
        old = atomic_load(&table->shared->sources[source].key);
        if (atomic_compare_exchange_strong(&table->shared->sources[source].key, &old, key)) {
            const uint32_t found = find(table, key);

            take_over(table, source, now);
            if (found != SHARED_SOURCES) { /* else somebody else has claimed it since */
                return found;
            }
        }
    }
    return SHARED_SOURCES;
}

/* SHARED_SOURCES: there is no room, share. */
static uint32_t find_or_claim(struct source_table *table, uint64_t key, int64_t now)
{
    const uint32_t source = find(table, key);

    return source == SHARED_SOURCES ? claim(table, key, now) : source;
}

/* ---- connections ---- */

/* Counted first and looked at then: two fronts at the limit may both step back, never both go in. */
enum rc source_connect(struct source_table *table, const struct netaddr *client, int64_t now,
                       uint32_t *out_source)
{
    const uint64_t key = key_of(table, client);
    uint32_t source = find_or_claim(table, key, now);

    if (source == SHARED_SOURCES) {
        source = find_least_connected(table, key);
    }
    atomic_fetch_add(&table->place->conns[source], 1);
    if (table->limits.num_conns && sum_conns(table, source) > table->limits.num_conns) {
        source_disconnect(table, source);
        return RC_CROWDED;
    }
    *out_source = source;
    return RC_OK;
}

/* Never below none, whatever another front has written there: that would be 65,535. */
void source_disconnect(struct source_table *table, uint32_t source)
{
    uint16_t seen = atomic_load(&table->place->conns[source]);

    while (seen > 0 &&
           !atomic_compare_exchange_weak(&table->place->conns[source], &seen, (uint16_t)(seen - 1))) {
    }
}

/* ---- requests ---- */

/* A bucket that is further from full than it can be is from before a reload, under other limits: it is empty, no more. */
static enum rc charge(const struct source_limits *limits, _Atomic int64_t *after, int64_t now,
                      int64_t *out_wait_ns)
{
    const int64_t empty = now + limits->burst_ns;
    int64_t seen = atomic_load_explicit(after, memory_order_relaxed), from, next;
    bool is_room;

    do {
        from = seen > now ? seen : now;
        from = from < empty ? from : empty;
        is_room = from + limits->interval_ns <= empty;
        next = is_room ? from + limits->interval_ns : from;
    } while (next != seen && !atomic_compare_exchange_weak(after, &seen, next));
    if (is_room) {
        return RC_OK;
    }
    *out_wait_ns = from + limits->interval_ns - empty;
    return RC_RATE;
}

enum rc source_request(struct source_table *table, const struct netaddr *client, int64_t now,
                       int64_t *out_wait_ns)
{
    const uint64_t key = key_of(table, client);
    uint32_t source;

    if (table->limits.interval_ns == 0) {
        return RC_OK;
    }
    source = find_or_claim(table, key, now);
    if (source == SHARED_SOURCES) {
        source = find_oldest(table, key, false);
    }
    return charge(&table->limits, &table->shared->sources[source].after, now, out_wait_ns);
}
