/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission as settings write it: lists and their order, the client behind proxies, what is counted and what is not, units with lists and certificates of
 * their own. The arithmetic of rates and connections has its own test.
 */
#include "tsa/front/admit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/front/metrics.h"

#define SECOND INT64_C(1000000000)
#define UNIT   "{ name = \"%s\"; key = \"k\"; chain = \"/c\"; policy = \"2.999.1\"; %s }"

struct world {
    struct settings settings;
    struct shared *shared;
    struct admit admit;
};

/* clients: what stands in that group; unit: in the second of two units. */
static void open_world(struct world *world, const char *clients, const char *unit)
{
    char *text =
        xasprintf("tls = { client_ca = \"ca.pem\"; listen = \"127.0.0.1:1\"; certificate = \"c\"; key = "
                  "\"k\"; }; clients = { %s }; units = ( " UNIT ", " UNIT " );",
                  clients, "open", "", "closed", unit);
    struct cfg_errors errors = {0};
    const int fd = shared_create();

    if (settings_parse("tsa.conf", text, &world->settings, &errors) != RC_OK) {
        fail_msg("%s", errors.list[0]);
    }
    world->shared = shared_map(fd);
    assert_non_null(world->shared);
    close(fd);
    admit_init(&world->admit, &world->settings, world->shared, shared_take_place(world->shared));
    free(text);
}

static void close_world(struct world *world)
{
    admit_clear(&world->admit);
    settings_clear(&world->settings);
    shared_unmap(world->shared);
}

static struct netaddr addr_of(const char *text)
{
    struct netaddr addr = {.family = AF_UNIX};

    if (strcmp(text, "-") == 0) {
        addr.family = AF_UNSPEC;
    } else if (strcmp(text, "unix") != 0) {
        assert_int_equal(netaddr_parse(bytes_str(text), &addr), RC_OK);
    }
    return addr;
}

static enum rc request(struct world *world, const char *client, int64_t now)
{
    const struct netaddr addr = addr_of(client);
    int64_t wait = -1;
    const enum rc rc = admit_request(&world->admit, &addr, now, &wait);

    assert_true(rc == RC_RATE ? wait > 0 : wait == 0);
    return rc;
}

static enum rc connect_from(struct world *world, const char *client, uint32_t *out_source)
{
    const struct netaddr addr = addr_of(client);

    return admit_connect(&world->admit, &addr, out_source);
}

/* ---- lists ---- */

static void test_everybody(void **state)
{
    static const char *const clients[] = {"192.0.2.1", "2001:db8::1", "unix", "-"};
    struct world world;

    (void)state;
    open_world(&world, "", "");
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        const struct netaddr addr = addr_of(clients[i]);

        for (int j = 0; j < 500; j++) { /* no rate unless one is set */
            assert_int_equal(request(&world, clients[i], SECOND), RC_OK);
        }
        assert_false(admit_wants_header(&world.admit, &addr));
    }
    close_world(&world);
}

static void test_allow_and_deny(void **state)
{
    static const struct {
        const char *clients, *client;
        enum rc rc;
    } cases[] = {
        {"allow = \"10.0.0.0/8\";", "10.1.2.3", RC_OK},
        {"allow = \"10.0.0.0/8\";", "::ffff:10.1.2.3", RC_OK},
        {"allow = \"10.0.0.0/8\";", "11.1.2.3", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\";", "::1", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\";", "unix", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\";", "-", RC_FORBIDDEN},
        {"allow = ( \"10.0.0.0/8\", \"unix\" );", "unix", RC_OK},
        {"allow = ( \"10.0.0.0/8\", \"unix\" );", "-", RC_OK},
        {"deny = \"10.0.0.0/8\";", "10.1.2.3", RC_FORBIDDEN},
        {"deny = \"10.0.0.0/8\";", "11.1.2.3", RC_OK},
        {"deny = \"10.0.0.0/8\";", "unix", RC_OK},
        {"deny = \"unix\";", "unix", RC_FORBIDDEN},
        {"deny = \"unix\";", "-", RC_FORBIDDEN},
        {"deny = ( \"0.0.0.0/0\", \"::/0\" );", "2001:db8::1", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\"; deny = \"10.1.0.0/16\";", "10.1.2.3", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\"; deny = \"10.1.0.0/16\";", "10.2.2.3", RC_OK},
        {"allow = \"10.1.2.3\"; deny = \"10.1.0.0/16\";", "10.1.2.3", RC_FORBIDDEN},
        {"allow = \"10.1.2.3\"; deny = \"10.1.0.0/16\";", "192.0.2.1", RC_FORBIDDEN},
        {"proxies = \"10.1.2.3\"; deny = \"10.1.0.0/16\";", "10.1.2.3", RC_FORBIDDEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world world;

        open_world(&world, cases[i].clients, "");
        assert_int_equal(request(&world, cases[i].client, SECOND), cases[i].rc);
        close_world(&world);
    }
}

static void test_wants_header(void **state)
{
    struct netaddr addr = addr_of("10.1.2.3");
    struct world world;

    (void)state;
    open_world(&world, "proxy_protocol = ( \"10.1.2.0/24\", \"unix\" ); proxies = \"10.9.9.9\";", "");
    assert_true(admit_wants_header(&world.admit, &addr));
    addr = addr_of("unix");
    assert_true(admit_wants_header(&world.admit, &addr));
    addr = addr_of("10.1.3.3");
    assert_false(admit_wants_header(&world.admit, &addr));
    addr = addr_of("10.9.9.9");
    assert_false(admit_wants_header(&world.admit, &addr));
    close_world(&world);
}

/* ---- X-Forwarded-For ---- */

static size_t split_lines(const char *text, struct bytes *out, size_t max)
{
    size_t num = 0;

    while (*text && num < max) {
        const size_t len = strcspn(text, "\n");

        out[num++] = len ? bytes_of(text, len) : BYTES_NONE;
        text += len;
        if (*text && !*++text && num < max) {
            out[num++] = BYTES_NONE; /* behind the last LF */
        }
    }
    return num;
}

static const struct {
    const char *connection, *forwarded, *client;
    uint16_t port;
} forwarded[] = {
    /* From a listed proxy: the right-most that is no listed proxy. */
    {"10.0.0.1", "192.0.2.1", "192.0.2.1", 0},
    {"10.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1", 0},
    {"10.0.0.1", "198.51.100.7,192.0.2.1, 10.0.0.2 ,\t10.0.0.3", "192.0.2.1", 0},
    {"10.0.0.1", "2001:db8::1", "2001:db8::1", 0},
    {"10.0.0.1", "[2001:db8::1]", "2001:db8::1", 0},
    {"10.0.0.1", "[2001:db8::1]:443", "2001:db8::1", 443},
    {"10.0.0.1", "192.0.2.1:1234", "192.0.2.1", 1234},
    {"10.0.0.1", "192.0.2.1:0", "192.0.2.1", 0},
    {"10.0.0.1", "\t 192.0.2.1:65535 \t", "192.0.2.1", 65535},
    {"10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1", 0},
    {"10.0.0.1", "192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1", 0},
    {"::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1", 0},
    {"2001:db8:5::9", "192.0.2.1", "192.0.2.1", 0},
    {"unix", "192.0.2.1", "192.0.2.1", 0},
    {"10.0.0.1", "unknown, 192.0.2.1", "192.0.2.1", 0}, /* what the client wrote himself */
    {"10.0.0.1", ",,, , 192.0.2.1", "192.0.2.1", 0},
    /* Nothing is said. */
    {"10.0.0.1", "", "10.0.0.1", 0},
    {"unix", "", "unix", 0},
    /* Garbage: the proxy that wrote it is all that is known, never what stands further left. */
    {"10.0.0.1", "192.0.2.1, unknown", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1, _hidden", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1, ", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1,", "10.0.0.1", 0},
    {"10.0.0.1", ",", "10.0.0.1", 0},
    {"10.0.0.1", " ", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1 192.0.2.2", "10.0.0.1", 0},
    {"10.0.0.1", "\"192.0.2.1\"", "10.0.0.1", 0},
    {"10.0.0.1", "for=192.0.2.1", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1:", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1:65536", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1:123456", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1:-1", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1:80:80", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.256", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.01", "10.0.0.1", 0},
    {"10.0.0.1", "[192.0.2.1]:80", "10.0.0.1", 0},
    {"10.0.0.1", "[2001:db8::1", "10.0.0.1", 0},
    {"10.0.0.1", "[2001:db8::1]443", "10.0.0.1", 0},
    {"10.0.0.1", "[2001:db8::1]:", "10.0.0.1", 0},
    {"10.0.0.1", "2001:db8::1%eth0", "10.0.0.1", 0},
    {"10.0.0.1", "[]:80", "10.0.0.1", 0},
    {"10.0.0.1", "[", "10.0.0.1", 0},
    {"10.0.0.1", ":", "10.0.0.1", 0},
    {"10.0.0.1", "unix", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2", 0},
    {"unix", "192.0.2.1, unknown", "unix", 0},
    /* Proxies alone: the first of them. */
    {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", 0},
    /* Lines: a proxy has added one, another one to the last. What the client sent stands left of both. */
    {"10.0.0.1", "192.0.2.1\n10.0.0.2", "192.0.2.1", 0},
    {"10.0.0.1", "198.51.100.7\n192.0.2.1, 10.0.0.3\n10.0.0.2", "192.0.2.1", 0},
    {"10.0.0.1", "198.51.100.7\n192.0.2.1", "192.0.2.1", 0},
    {"10.0.0.1", "198.51.100.7\n192.0.2.1,10.0.0.3", "192.0.2.1", 0},
    {"10.0.0.1", "192.0.2.1\n", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1\nunknown", "10.0.0.1", 0},
    {"10.0.0.1", "192.0.2.1\nunknown, 10.0.0.2", "10.0.0.2", 0},
    {"10.0.0.1", "192.0.2.1\n,10.0.0.2", "10.0.0.2", 0},
    {"10.0.0.1", "192.0.2.1\n\n10.0.0.2", "10.0.0.2", 0},
    {"10.0.0.1", "10.0.0.4\n10.0.0.3\n10.0.0.2", "10.0.0.4", 0},
    /* From anybody else it is not even read. */
    {"192.0.2.99", "198.51.100.7", "192.0.2.99", 0},
    {"10.0.1.1", "10.0.0.1", "10.0.1.1", 0},
    {"2001:db8:6::9", "198.51.100.7", "2001:db8:6::9", 0},
};

static void test_client(void **state)
{
    struct world world;

    (void)state;
    open_world(&world, "proxies = ( \"10.0.0.0/24\", \"2001:db8:5::/48\", \"unix\" );", "");
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
        const struct netaddr connection = addr_of(forwarded[i].connection),
                             expected = addr_of(forwarded[i].client);
        struct bytes lines[4];
        const size_t num = split_lines(forwarded[i].forwarded, lines, 4);
        const struct netaddr client = admit_client(&world.admit, &connection, lines, num);

        if (!netaddr_equal(&client, &expected) || client.port != forwarded[i].port) {
            char text[NETADDR_TEXT_MAX];

            fail_msg("%s from %s: %s", forwarded[i].forwarded, forwarded[i].connection,
                     netaddr_text(&client, text));
        }
    }
    close_world(&world);
}

static void test_client_many_hops(void **state)
{
    const struct netaddr connection = addr_of("10.0.0.1"), far = addr_of("192.0.2.1"),
                         proxy = addr_of("10.0.0.2");
    char text[16 + 10 * 40];
    struct world world;

    (void)state;
    open_world(&world, "proxies = \"10.0.0.0/24\";", "");
    for (int hops = 0; hops < 40; hops++) {
        struct netaddr client;

        (void)snprintf(text, sizeof(text), "192.0.2.1");
        for (int i = 0; i < hops; i++) {
            strcat(text, ",10.0.0.2");
        }
        client = admit_client(&world.admit, &connection, (struct bytes[]){bytes_str(text)}, 1);
        assert_true(netaddr_equal(&client, hops < 32 ? &far : &proxy)); /* so many are a trick */
    }
    close_world(&world);
}

/* ---- what is counted ---- */

static void test_rate(void **state)
{
    struct world world;

    (void)state;
    open_world(
        &world,
        "rate = 10; burst = 3; proxies = \"10.0.0.1\"; proxy_protocol = \"10.0.0.2\"; deny = \"10.6.6.6\";",
        "");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(request(&world, "192.0.2.1", SECOND), RC_OK);
        assert_int_equal(request(&world, "10.6.6.6", SECOND), RC_FORBIDDEN);
    }
    assert_int_equal(request(&world, "192.0.2.1", SECOND), RC_RATE);
    assert_int_equal(request(&world, "192.0.2.2", SECOND), RC_OK);
    assert_int_equal(request(&world, "10.6.6.6", SECOND), RC_FORBIDDEN); /* who may not ask has no rate */
    assert_int_equal(request(&world, "192.0.2.1", SECOND + SECOND / 10), RC_OK);
    for (int i = 0; i < 100; i++) { /* proxies and sockets are not one client */
        assert_int_equal(request(&world, "10.0.0.1", SECOND), RC_OK);
        assert_int_equal(request(&world, "10.0.0.2", SECOND), RC_OK);
        assert_int_equal(request(&world, "unix", SECOND), RC_OK);
        assert_int_equal(request(&world, "-", SECOND), RC_OK);
    }
    close_world(&world);
}

static void test_connections(void **state)
{
    static const char *const free_ones[] = {"10.0.0.1", "10.0.0.2", "unix", "-"};
    uint32_t first, source;
    struct world world;

    (void)state;
    open_world(&world, "connections = 2; proxies = \"10.0.0.1\"; proxy_protocol = \"10.0.0.2\";", "");
    assert_int_equal(connect_from(&world, "192.0.2.1", &first), RC_OK);
    assert_int_not_equal(first, ADMIT_NO_SOURCE);
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_OK);
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_CROWDED);
    assert_int_equal(source, ADMIT_NO_SOURCE);
    admit_disconnect(&world.admit, source); /* gives nothing back */
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_CROWDED);
    admit_disconnect(&world.admit, first);
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_OK);
    for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++) {
        for (int j = 0; j < 10; j++) {
            assert_int_equal(connect_from(&world, free_ones[i], &source), RC_OK);
            assert_int_equal(source, ADMIT_NO_SOURCE);
        }
        admit_disconnect(&world.admit, source);
    }
    close_world(&world);
}

static void test_any_number_of_connections(void **state)
{
    uint32_t source;
    struct world world;

    (void)state;
    open_world(&world, "connections = 0;", "");
    for (int i = 0; i < 70000; i++) { /* more than a count of one source can hold */
        assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_OK);
        assert_int_equal(source, ADMIT_NO_SOURCE);
    }
    close_world(&world);
}

/* What connections leave in the table is judged by the machine's clock. */
static int64_t stand_still(void *arg)
{
    return *(const int64_t *)arg;
}

static void test_connections_and_rate(void **state)
{
    int64_t now = 5000 * SECOND;
    const struct now_source clock = {.mono_ns = stand_still, .arg = &now};
    struct world world;
    uint32_t source;

    (void)state;
    open_world(&world, "connections = 2; rate = 1; burst = 2;", "");
    now_set_source(&clock);
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_OK);
    assert_int_equal(request(&world, "192.0.2.1", now), RC_OK);
    assert_int_equal(request(&world, "192.0.2.1", now), RC_OK);
    assert_int_equal(request(&world, "192.0.2.1", now), RC_RATE);
    admit_disconnect(&world.admit, source);
    assert_int_equal(connect_from(&world, "192.0.2.1", &source), RC_OK); /* no way to a full bucket */
    assert_int_equal(request(&world, "192.0.2.1", now), RC_RATE);
    now_set_source(NULL);
    close_world(&world);
}

/* ---- units ---- */

static void test_units(void **state)
{
    static const struct {
        const char *unit, *client, *certificate;
        enum rc rc;
    } cases[] = {
        {"", "192.0.2.1", NULL, RC_OK},
        {"allow = \"10.0.0.0/8\";", "10.0.0.1", NULL, RC_OK},
        {"allow = \"10.0.0.0/8\";", "192.0.2.1", NULL, RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\";", "192.0.2.1", "ci", RC_FORBIDDEN},
        {"allow = \"10.0.0.0/8\";", "unix", NULL, RC_FORBIDDEN},
        {"allow = \"unix\";", "unix", NULL, RC_OK},
        {"allow = \"unix\";", "-", NULL, RC_OK},
        {"client_certificate = true;", "192.0.2.1", NULL, RC_CLIENT_CERTIFICATE},
        {"client_certificate = true;", "192.0.2.1", "ci", RC_OK},
        {"client_certificate = true;", "192.0.2.1", "", RC_OK},
        {"client_certificate = true; client_names = ( \"build\", \"ci\" );", "192.0.2.1", "ci", RC_OK},
        {"client_certificate = true; client_names = ( \"build\", \"ci\" );", "192.0.2.1", "CI",
         RC_CLIENT_CERTIFICATE},
        {"client_certificate = true; client_names = ( \"build\", \"ci\" );", "192.0.2.1", "ci2",
         RC_CLIENT_CERTIFICATE},
        {"client_certificate = true; client_names = ( \"build\", \"ci\" );", "192.0.2.1", "",
         RC_CLIENT_CERTIFICATE},
        {"client_certificate = true; client_names = ( \"build\", \"ci\" );", "192.0.2.1", NULL,
         RC_CLIENT_CERTIFICATE},
        {"client_certificate = true; allow = \"10.0.0.0/8\";", "10.0.0.1", "ci", RC_OK},
        {"client_certificate = true; allow = \"10.0.0.0/8\";", "10.0.0.1", NULL, RC_CLIENT_CERTIFICATE},
        {"client_certificate = true; allow = \"10.0.0.0/8\";", "192.0.2.1", "ci", RC_FORBIDDEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct netaddr client = addr_of(cases[i].client);
        struct world world;
        struct unit units[2] = {{.index = 0}, {.index = 1}};

        open_world(&world, "", cases[i].unit);
        units[0].settings = settings_unit(&world.settings, 0);
        units[1].settings = settings_unit(&world.settings, 1);
        assert_int_equal(admit_unit(&world.admit, &units[1], &client, cases[i].certificate), cases[i].rc);
        assert_int_equal(admit_unit(&world.admit, &units[0], &client, cases[i].certificate), RC_OK);
        close_world(&world);
    }
}

/* ---- shared memory in the hands of a stranger ---- */

static void fill(struct shared *shared, int pattern)
{
    uint64_t random = 88172645463325252u;
    uint8_t *at = (uint8_t *)(uintptr_t)shared;

    for (size_t i = 0; i < sizeof(*shared); i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        at[i] = (uint8_t)(pattern < 0 ? (int)(random >> 56) : pattern);
    }
}

/* All that a front does there, with whatever answer. */
static void use(struct world *world, struct metrics *metrics, struct wbuf *text)
{
    struct metrics_sums sums;

    for (int i = 0; i < 200; i++) {
        const struct netaddr client = {.family = AF_INET, .addr = {192, 0, 2, (uint8_t)i}};
        int64_t wait;
        uint32_t source;
        const enum rc rc = admit_request(&world->admit, &client, now_mono_ns(), &wait);

        assert_true(rc == RC_OK || (rc == RC_RATE && wait > 0 && wait <= SECOND));
        if (admit_connect(&world->admit, &client, &source) == RC_OK) {
            assert_true(source < SHARED_SOURCES);
            admit_disconnect(&world->admit, source);
        }
    }
    metrics_count_request(metrics, 0, METRICS_RFC3161, RC_OK);
    metrics_count_reply(metrics, 200, INT64_MAX);
    metrics_publish(metrics, &(struct metrics_gauges){.open = 1});
    metrics_sum(metrics, &sums);
    wbuf_reset(text);
    metrics_write(metrics, NULL, RC_ISSUER_GONE, text);
    assert_int_equal(wbuf_rc(text), RC_OK);
}

/* In memory with fences on both sides: nothing outside is touched, no loop is endless, and when the stranger is gone limits hold again. */
static void test_garbage_everywhere(void **state)
{
    static const int patterns[] = {0xff, 0x7f, 0x80, 'x', 1, -1};
    static const char *const names[] = {"open", "closed"};
    struct shared *shared = xcalloc(1, sizeof(*shared));
    struct wbuf text;

    (void)state;
    wbuf_init(&text, METRICS_TEXT_MAX);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct unit units[2] = {0};
        struct metrics metrics;
        struct world world;
        uint32_t source;

        open_world(&world, "rate = 1; burst = 3; connections = 2;", "");
        for (size_t j = 0; j < 2; j++) {
            units[j].settings = settings_unit(&world.settings, j);
        }
        memset((void *)(uintptr_t)shared, 0, sizeof(*shared));
        shared_name_units(shared, names, 2);
        source_table_init(&world.admit.sources, &world.settings, shared, shared_take_place(shared));
        metrics_init(&metrics, shared, world.admit.sources.place, units, 2);
        fill(shared, patterns[i]);
        use(&world, &metrics, &text);
        shared_name_units(shared, names, 2);
        shared_keep(shared, NULL, 0);

        source_table_init(&world.admit.sources, &world.settings, shared, shared_take_place(shared));
        metrics_init(&metrics, shared, world.admit.sources.place, units, 2);
        use(&world, &metrics, &text);
        for (int j = 0; j < 3; j++) {
            assert_int_equal(
                admit_connect(&world.admit, &(struct netaddr){.family = AF_INET, .addr = {203}}, &source),
                j < 2 ? RC_OK : RC_CROWDED);
        }
        close_world(&world);
    }
    wbuf_clear(&text);
    free((void *)(uintptr_t)shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everybody),
        cmocka_unit_test(test_allow_and_deny),
        cmocka_unit_test(test_wants_header),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_many_hops),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_any_number_of_connections),
        cmocka_unit_test(test_connections_and_rate),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_garbage_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
