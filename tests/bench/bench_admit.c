/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admission costs: nanoseconds for a look into a list of 1,024 prefixes, a connection in and out, and a request; with few clients, and
 * with more than the table of sources has places. Run by hand in a release build.
 *
 *     bench_admit [FRONTS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/now.h"
#include "tsa/front/admit.h"
#include "tsa/front/admit_list.h"

#define NUM_TURNS    1000000u
#define NUM_PREFIXES 1024u

static unsigned num_good; /* so that nothing is optimised away */

static struct netaddr client_of(uint32_t n)
{
    return (struct netaddr){.family = AF_INET6,
                            .addr = {0x20, 0x01, 0x0d, 0xb8, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                                     (uint8_t)(n >> 8), (uint8_t)n}};
}

static void look_up(struct admit *admit, const struct netaddr *client, int64_t now)
{
    (void)now;
    num_good += admit_list_has(&admit->deny, client);
}

static void connect_once(struct admit *admit, const struct netaddr *client, int64_t now)
{
    uint32_t source;

    (void)now;
    num_good += admit_connect(admit, client, &source) == RC_OK;
    admit_disconnect(admit, source);
}

static void request_once(struct admit *admit, const struct netaddr *client, int64_t now)
{
    int64_t wait_ns;

    num_good += admit_request(admit, client, now, &wait_ns) == RC_OK;
}

static void measure(struct admit *admit, const char *what,
                    void (*turn)(struct admit *, const struct netaddr *, int64_t), uint32_t num_clients)
{
    const int64_t start = now_mono_ns();

    for (uint32_t i = 0; i < NUM_TURNS; i++) {
        const struct netaddr client = client_of(i * 2654435761u % num_clients);

        turn(admit, &client, start + i * INT64_C(1000));
    }
    printf("%-28s %8u clients %6.0f ns\n", what, num_clients, (double)(now_mono_ns() - start) / NUM_TURNS);
}

int main(int argc, char **argv)
{
    static char texts[NUM_PREFIXES][24], *list[NUM_PREFIXES];
    const struct settings settings = {
        .clients = {.rate = 10, .burst = 100, .connections = 1000, .deny = {list, NUM_PREFIXES}}};
    struct admit admit;
    struct shared *shared;
    struct shared_place *place = NULL;
    const int fd = shared_create();
    const int num_fronts = argc > 1 ? atoi(argv[1]) : 1;

    for (unsigned i = 0; i < NUM_PREFIXES; i++) {
        list[i] = texts[i];
        (void)snprintf(texts[i], sizeof(texts[i]), "fd00:%x::/48", i * 7);
    }
    shared = fd >= 0 ? shared_map(fd) : NULL;
    for (int i = 0; shared && i < num_fronts; i++) {
        place = shared_take_place(shared);
    }
    if (!place) {
        perror("shared");
        return 1;
    }
    admit_init(&admit, &settings, shared, place);
    measure(&admit, "list of 1,024 prefixes", look_up, 1000);
    measure(&admit, "connection", connect_once, 1000);
    measure(&admit, "connection", connect_once, 1000000);
    measure(&admit, "request", request_once, 1000);
    measure(&admit, "request", request_once, 1000000);
    printf("of %d fronts; %u good\n", num_fronts, num_good);
    admit_clear(&admit);
    shared_unmap(shared);
    return close(fd);
}
