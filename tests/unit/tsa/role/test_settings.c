/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings against itself (every default lies within its own range), against conf/tsa.conf (which must show every key with
 * its default, and be readable as it stands and with every default uncommented), and the rules between settings.
 */
#include "tsa/role/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"

#define UNIT "units = ( { name = \"a\"; key = \"k\"; chain = \"/c\"; policy = \"2.999.1\"; %s } %s );"
#define TLS  "certificate = \"c\"; key = \"k\";"

static char *sample_text(void)
{
    const char *top = getenv("TSA_SOURCE");
    char *path;
    struct wbuf text;

    if (!top) {
        skip();
    }
    path = xasprintf("%s/conf/tsa.conf", top);
    wbuf_init(&text, 1u << 20);
    assert_int_equal(safefile_read(path, 1u << 20, &text), RC_OK);
    wbuf_put_u8(&text, 0);
    free(path);
    return (char *)text.data; /* the writer's heap, which has nothing else */
}

static void print_errors(const struct cfg_errors *errors)
{
    for (size_t i = 0; i < errors->num; i++) {
        print_message("%s\n", errors->list[i]);
    }
}

/* "# name = value;" becomes "name = value;" */
static void uncomment(char *text)
{
    for (char *line = text; line; line = strchr(line, '\n')) {
        size_t name;

        line += strspn(line, "\n ");
        if (line[0] != '#' || line[1] != ' ') {
            continue;
        }
        name = strspn(line + 2, "abcdefghijklmnopqrstuvwxyz_");
        if (name && strncmp(line + 2 + name, " = ", 3) == 0) {
            line[0] = ' ';
        }
    }
}

static void find_in(const struct cfg_field *fields, const char *text)
{
    for (; fields->name; fields++) {
        char *line = fields->preset ? xasprintf("# %s = %s;\n", fields->name, fields->preset)
                                    : xasprintf("%s = ", fields->name);

        if (!strstr(text, line)) {
            fail_msg("conf/tsa.conf does not show `%s'", line);
        }
        free(line);
        assert_non_null(fields->help);
        if (fields->fields) {
            find_in(fields->fields, text);
        }
    }
}

static void test_sample_shows_all(void **state)
{
    char *text = sample_text();

    (void)state;
    find_in(settings_fields, text);
    free(text);
}

static void test_sample_parses(void **state)
{
    char *text = sample_text();

    (void)state;
    for (int uncommented = 0; uncommented < 2; uncommented++) {
        struct settings settings;
        struct cfg_errors errors = {0};
        enum rc rc = settings_parse("conf/tsa.conf", text, &settings, &errors);

        print_errors(&errors);
        assert_int_equal(rc, RC_OK);
        assert_int_equal(errors.num, 0);
        assert_int_equal(settings_num_units(&settings), 1);
        settings_clear(&settings);
        cfg_errors_clear(&errors);
        uncomment(text);
    }
    free(text);
}

static enum rc parse(const char *head, const char *more, const char *units, struct settings *out,
                     struct cfg_errors *errors)
{
    char *unit = xasprintf(UNIT, more, units);
    char *text = xasprintf("%s\n%s\n", head, unit);
    enum rc rc = settings_parse("dir/tsa.conf", text, out, errors);

    free(unit);
    free(text);
    return rc;
}

static void test_defaults_and_paths(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};
    const struct settings_unit *unit;

    (void)state;
    assert_int_equal(parse("run_dir = \"run\";", "root = \"r\";", "", &s, &errors), RC_OK);
    unit = settings_unit(&s, 0);
    assert_string_equal(s.run_dir, "dir/run");
    assert_string_equal(s.ledger.dir, "/var/lib/tsa/ledger");
    assert_string_equal(unit->key, "dir/k");
    assert_string_equal(unit->chain, "/c");
    assert_string_equal(unit->root, "dir/r");
    assert_int_equal(s.listen.num, 1);
    assert_int_equal(s.node, 1);
    assert_int_equal(s.limits.body, 16384);
    assert_int_equal(s.deadlines.header, 5000000000);
    assert_int_equal(s.log.level, LOG_LEVEL_INFO);
    assert_int_equal(unit->digest, DIGEST_SHA256);
    assert_int_equal(unit->digests, 1u << DIGEST_SHA256 | 1u << DIGEST_SHA384 | 1u << DIGEST_SHA512);
    assert_int_equal(unit->protocols, SETTINGS_RFC3161 | SETTINGS_AUTHENTICODE);
    assert_string_equal(s.users.issuer, "tsa-issuer");
    settings_clear(&s);
    assert_int_equal(parse("", "digests = \"sha1\"; digest = \"sha512\";", "", &s, &errors), RC_OK);
    assert_int_equal(settings_unit(&s, 0)->digests, 1u << DIGEST_SHA1);
    assert_int_equal(settings_unit(&s, 0)->digest, DIGEST_SHA512);
    assert_string_equal(settings_unit(&s, 0)->root, "");
    settings_clear(&s);
}

static void test_who_may_ask(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    assert_int_equal(parse("", "", "", &s, &errors), RC_OK);
    assert_int_equal(s.tls.listen.num, 0);
    assert_string_equal(s.tls.certificate, "");
    assert_string_equal(s.tls.client_ca, "");
    assert_int_equal(s.tls.min_version, SETTINGS_TLS_1_2);
    assert_int_equal(s.metrics.listen.num, 0);
    assert_int_equal(s.clients.allow.num, 0);
    assert_int_equal(s.clients.deny.num, 0);
    assert_int_equal(s.clients.proxies.num, 0);
    assert_int_equal(s.clients.proxy_protocol.num, 0);
    assert_int_equal(s.clients.connections, 1000);
    assert_int_equal(s.clients.rate, 0);
    assert_int_equal(s.clients.burst, 100);
    assert_int_equal(s.limits.queue, 1024);
    assert_int_equal(s.deadlines.handshake, 5000000000);
    assert_int_equal(s.deadlines.queue, 5000000000);
    assert_true(s.log.access);
    assert_int_equal(settings_unit(&s, 0)->allow.num, 0);
    assert_false(settings_unit(&s, 0)->client_certificate);
    assert_int_equal(settings_unit(&s, 0)->client_names.num, 0);
    settings_clear(&s);
}

/* Everything at once, and what looks odd but is right: a proxy in both lists, free ports, a burst without a rate, a certificate for sockets of systemd. */
static void test_taken_together(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    assert_int_equal(
        parse("listen = ( \"127.0.0.1:0\", \"[::1]:0\", \"/run/tsa/http\" );"
              "tls = { listen = ( \"127.0.0.1:0\", \"/run/tsa/https\" ); certificate = \"c\"; key = \"/k\";"
              " client_ca = \"ca\"; min_version = \"1.3\"; };"
              "metrics = { listen = \"127.0.0.1:0\"; };"
              "clients = { allow = ( \"10.0.0.0/8\", \"unix\", \"::/0\" ); deny = \"10.0.0.1\"; rate = 0; "
              "burst = 7;"
              " proxies = \"10.0.0.0/24\"; proxy_protocol = \"10.0.0.0/24\"; connections = 60000; };",
              "allow = \"10.1.0.0/16\"; client_certificate = true; client_names = ( \"a\", \"b\" );", "", &s,
              &errors),
        RC_OK);
    assert_string_equal(s.tls.certificate, "dir/c");
    assert_string_equal(s.tls.key, "/k");
    assert_string_equal(s.tls.client_ca, "dir/ca");
    assert_int_equal(s.tls.min_version, SETTINGS_TLS_1_3);
    assert_int_equal(s.clients.allow.num, 3);
    assert_string_equal(s.clients.deny.list[0], "10.0.0.1");
    assert_int_equal(settings_unit(&s, 0)->client_names.num, 2);
    assert_string_equal(settings_unit(&s, 0)->allow.list[0], "10.1.0.0/16");
    settings_clear(&s);
    assert_int_equal(parse("tls = { " TLS " };", "", "", &s, &errors), RC_OK);
    settings_clear(&s);
}

static void test_too_many_prefixes(void **state)
{
    char *list = xcalloc(1025, 24);
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    for (int num = 1024; num <= 1025; num++) {
        char *head;

        list[0] = 0;
        for (int i = 0; i < num; i++) {
            (void)snprintf(list + strlen(list), 24, "%s\"10.%d.%d.0/24\"", i ? "," : "", i / 256, i % 256);
        }
        head = xasprintf("clients = { deny = ( %s ); };", list);
        assert_int_equal(parse(head, "", "", &s, &errors), num == 1024 ? RC_OK : RC_CONFIG);
        settings_clear(&s);
        free(head);
    }
    assert_non_null(strstr(errors.list[0], "at most 1024 prefixes"));
    cfg_errors_clear(&errors);
    free(list);
}

struct refused {
    const char *head, *more, *units, *where, *what;
};

/* One complaint, at that place, that says that. */
static void expect_refused(const struct refused *cases, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        struct settings s;
        struct cfg_errors errors = {0};

        assert_int_equal(parse(cases[i].head, cases[i].more, cases[i].units, &s, &errors), RC_CONFIG);
        print_errors(&errors);
        assert_int_equal(errors.num, 1);
        assert_ptr_equal(strstr(errors.list[0], cases[i].where), errors.list[0]);
        assert_non_null(strstr(errors.list[0], cases[i].what));
        settings_clear(&s);
        cfg_errors_clear(&errors);
    }
}

static void test_refused(void **state)
{
    static const struct refused cases[] = {
        {"listem = \"127.0.0.1:1\";", "", "", "dir/tsa.conf:1:", "did you mean `listen'"},
        {"listen = \"localhost:1\";", "", "", "dir/tsa.conf:1:", "ADDRESS:PORT"},
        {"listen = ( \"127.0.0.1:1\", \"127.0.0.1:1\" );", "", "", "dir/tsa.conf:1:", "twice"},
        {"listen = ( );", "", "", "dir/tsa.conf:1:", "1 to 32"},
        {"\nnode = 0;", "", "", "dir/tsa.conf:2:", "between 1 and 32767"},
        {"node = 32768;", "", "", "dir/tsa.conf:1:", "between 1 and 32767"},
        {"clock = { source = \"sistem\"; };", "", "", "dir/tsa.conf:1:", "did you mean \"system\""},
        {"deadlines = { header = \"0 s\"; };", "", "", "dir/tsa.conf:1:", "between"},
        {"", "policies = ( \"1.2.3\", \"x\" );", "", "dir/tsa.conf:2:", "object identifier"},
        {"", "protocols = ( );", "", "dir/tsa.conf:2:", "at least one"},
        {"", "digests = ( \"md5\" );", "", "dir/tsa.conf:2:", "md5"},
        {"", "accuracy = \"-1 s\";", "", "dir/tsa.conf:2:", "accuracy"},
        {"", "time_digits = 7;", "", "dir/tsa.conf:2:", "between 0 and 6"},
        {"", "paths = \"x\";", "", "dir/tsa.conf:2:", "begins with /"},
        {"", "paths = \"/x?y\";", "", "dir/tsa.conf:2:", "letters, digits"},
        {"", "paths = ( \"/x\", \"/x\" );", "", "dir/tsa.conf:2:", "\"/x\": the path is given twice"},
        {"", "paths = ( \"/x\", \"/x/\" );", "", "dir/tsa.conf:2:", "without empty parts"},
        {"", "paths = \"//\";", "", "dir/tsa.conf:2:", "without empty parts"},
        {"", "paths = ( \"/x\", \"/healthz\" );", "", "dir/tsa.conf:2:", "every authority answers"},
        {"", "paths = \"/status.json\";", "", "dir/tsa.conf:2:", "every authority answers"},
        {"", "paths = \"/chain.pem\";", "", "dir/tsa.conf:2:", "every authority answers"},
        {"", "paths = \"/log/checkpoint\";", "", "dir/tsa.conf:2:", "every authority answers"},
        {"", "paths = \"/b\";", ", { name = \"b\"; key = \"k\"; chain = \"c\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "\"b\": a path of that name is the URL of a unit's name already"},
        {"", "", ", { name = \"a\"; key = \"k\"; chain = \"c\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "\"a\": two units have the same name"},
        {"", "", ", { name = \"b c\"; key = \"k\"; chain = \"c\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "stands in the URL"},
        {"", "", ", { name = \"healthz\"; key = \"k\"; chain = \"c\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "choose another"},
        {"", "", ", { name = \"b\"; key = \"k\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "missing setting `units[1].chain'"},
        {"", "", ", { name = \"b\"; key = \"\"; chain = \"c\"; policy = \"1.2\"; }",
         "dir/tsa.conf:2:", "empty"},
        {"", "", ", { name = \"b\"; key = \"k\"; chain = \"c\"; policy = \"1.2.x\"; }",
         "dir/tsa.conf:2:", "object identifier"},
    };

    (void)state;
    expect_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_refused_who(void **state)
{
    static const struct refused cases[] = {
        {"listen = ( \"[::1]:1\", \"[0::1]:01\" );", "", "", "dir/tsa.conf:1:", "twice"},
        {"tls = { listen = \"localhost:1\"; };", "", "", "dir/tsa.conf:1: `tls.listen'", "ADDRESS:PORT"},
        {"tls = { min_version = \"1.1\"; };", "", "", "dir/tsa.conf:1:", "1.2, 1.3"},
        {"tls = { min_version = 1.2; };", "", "", "dir/tsa.conf:1:", "min_version"},
        {"metrics = { listen = \"127.0.0.1\"; };", "", "", "dir/tsa.conf:1: `metrics.listen'",
         "ADDRESS:PORT"},
        {"clients = { alow = \"unix\"; };", "", "", "dir/tsa.conf:1:", "did you mean `allow'"},
        {"clients = { allow = \"10.0.0.1/8\"; };", "", "", "dir/tsa.conf:1: `clients.allow'",
         "not \"10.0.0.1/8\""},
        {"clients = { deny = ( \"10.0.0.0/8\",\n\"10.0.0.0/33\" ); };", "", "",
         "dir/tsa.conf:1: `clients.deny'", "\"10.0.0.0/33\": the length"},
        {"clients = { proxies = \"proxy.example\"; };", "", "", "dir/tsa.conf:1: `clients.proxies'",
         "a prefix is written as"},
        {"clients = { proxy_protocol = \"\"; };", "", "", "dir/tsa.conf:1: `clients.proxy_protocol'",
         "a prefix is written as"},
        {"clients = { connections = 60001; };", "", "", "dir/tsa.conf:1:", "between 0 and 60000"},
        {"clients = { rate = -1; };", "", "", "dir/tsa.conf:1:", "between 0 and 1000000"},
        {"clients = { burst = 0; };", "", "", "dir/tsa.conf:1:", "between 1 and 1000000"},
        {"log = { access = \"yes\"; };", "", "", "dir/tsa.conf:1:", "access"},
        {"limits = { queue = 0; };", "", "", "dir/tsa.conf:1:", "between 1 and 65536"},
        {"limits = { connections = 0; };", "", "", "dir/tsa.conf:1:", "between 1 and 1000000"},
        {"deadlines = { queue = \"0 s\"; };", "", "", "dir/tsa.conf:1: `deadlines.queue'", "between"},
        {"deadlines = { handshake = \"2 min\"; };", "", "", "dir/tsa.conf:1: `deadlines.handshake'",
         "between"},
        {"", "allow = \"2001:db8::1/32\";", "", "dir/tsa.conf:2: `units[0].allow'", "beyond its prefix"},
        {"", "paths = \"/ca.crl\";", "", "dir/tsa.conf:2:", "every authority answers"},
    };

    (void)state;
    expect_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_refused_together(void **state)
{
    static const struct refused cases[] = {
        {"tls = {\nlisten = \"127.0.0.1:1\"; };", "", "", "dir/tsa.conf:2: `tls.listen'",
         "`tls.certificate' and `tls.key'"},
        {"tls = {\nlisten = \"127.0.0.1:1\"; client_ca = \"\"; certificate = \"c\"; key = \"\"; };", "", "",
         "dir/tsa.conf:2: `tls.", "`tls.key'"},
        {"tls = { key = \"k\"; };", "", "", "dir/tsa.conf:1: `tls.key'", "`tls.certificate'"},
        {"tls = { certificate = \"c\"; };", "", "", "dir/tsa.conf:1: `tls.certificate'", "`tls.key'"},
        {"tls = { client_ca = \"c\"; };", "", "", "dir/tsa.conf:1: `tls.client_ca'", "`tls.certificate'"},
        {"tls = { listen = \"127.0.0.1:3161\"; " TLS " };", "", "", "dir/tsa.conf:1: `tls.listen'",
         "stands in `listen'"}, /* the default */
        {"listen = \"[::1]:1\";\ntls = { listen = ( \"[::1]:2\", \"[0::1]:1\" ); " TLS " };", "", "",
         "dir/tsa.conf:2: `tls.listen'", "\"[0::1]:1\": it stands in `listen'"},
        {"listen = \"/run/a\";\nmetrics = { listen = \"/run/a\"; };", "", "",
         "dir/tsa.conf:2: `metrics.listen'", "\"/run/a\": it stands in `listen'"},
        {"tls = { listen = \"127.0.0.1:4\"; " TLS " }; metrics = { listen = \"127.0.0.1:4\"; };", "", "",
         "dir/tsa.conf:1: `metrics.listen'", "an address of their own"},
        {"", "client_certificate = true;", "", "dir/tsa.conf:2: `units[0].client_certificate'",
         "`tls.client_ca'"},
        {"tls = { " TLS " };", "client_certificate = true;", "",
         "dir/tsa.conf:2: `units[0].client_certificate'", "`tls.client_ca'"},
        {"tls = { " TLS " client_ca = \"a\"; };", "client_names = \"ci\";", "",
         "dir/tsa.conf:2: `units[0].client_names'", "client_certificate = true"},
        {"", "",
         ", {\nname = \"b\"; key = \"k\"; chain = \"c\"; policy = \"1.2\";\nclient_certificate = true; }",
         "dir/tsa.conf:4: `units[1].client_certificate'", "`tls.client_ca'"},
    };

    (void)state;
    expect_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_clock_defaults(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    assert_int_equal(parse("", "", "", &s, &errors), RC_OK);
    assert_int_equal(s.clock.source, SETTINGS_CLOCK_SYSTEM);
    assert_string_equal(s.clock.chrony, SETTINGS_CHRONY);
    assert_int_equal(s.clock.servers.num, 0);
    assert_int_equal(s.clock.poll, 64000000000);
    assert_int_equal(s.clock.max_step, 5000000);
    assert_int_equal(s.clock.max_age, 3600000000000);
    assert_int_equal(s.clock.drift_ppm, 250);
    assert_string_equal(s.clock.leap_list, "/usr/share/zoneinfo/leap-seconds.list");
    assert_string_equal(s.clock.file, "");
    assert_int_equal(settings_unit(&s, 0)->key_months, 0);
    settings_clear(&s);
}

static void test_clock_taken(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    assert_int_equal(
        parse("clock = { source = \"chrony\"; chrony = \"[::1]:1323\"; poll = \"1 s\"; max_step = \"1 ms\";"
              " max_age = \"10 s\"; drift = 1; leap_list = \"leaps\"; file = \"run/clock\";"
              " servers = ( { address = \"192.0.2.1\"; }, { address = \"192.0.2.1:1123\"; },"
              " { address = \"time.example.org\"; } ); };",
              "key_months = 15; ordering = true; time_digits = 3; accuracy = \"1 ms\";", "", &s, &errors),
        RC_OK);
    assert_int_equal(s.clock.source, SETTINGS_CLOCK_CHRONY);
    assert_string_equal(s.clock.chrony, "[::1]:1323");
    assert_int_equal(s.clock.servers.num, 3);
    assert_string_equal(settings_server(&s, 1)->address, "192.0.2.1:1123");
    assert_false(settings_server(&s, 2)->smeared);
    assert_string_equal(s.clock.leap_list, "dir/leaps");
    assert_string_equal(s.clock.file, "dir/run/clock");
    assert_int_equal(settings_unit(&s, 0)->key_months, 15);
    settings_clear(&s);
    /* All of them smear: that is a choice. */
    assert_int_equal(parse("clock = { source = \"sntp\"; leap_list = \"\"; servers = ("
                           " { address = \"time1.google.com\"; smeared = true; },"
                           " { address = \"time2.google.com\"; smeared = true; },"
                           " { address = \"a.example\"; smeared = true; } ); };",
                           "", "", &s, &errors),
                     RC_OK);
    assert_true(settings_server(&s, 2)->smeared);
    assert_string_equal(s.clock.leap_list, "");
    settings_clear(&s);
}

#define SERVER(address) "{ address = \"" address "\"; }"
#define THREE           SERVER("192.0.2.1") "," SERVER("192.0.2.2") "," SERVER("192.0.2.3")

static void test_refused_clock(void **state)
{
    static const struct refused cases[] = {
        {"clock = {\nsource = \"sntp\"; };", "", "", "dir/tsa.conf:2: `clock.source'", "at least three"},
        {"clock = {\nservers = ( " THREE " ); };", "", "", "dir/tsa.conf:2: `clock.servers'",
         "\"system\" nobody asks them"},
        {"clock = { source = \"system\";\nservers = ( " THREE " ); };", "", "",
         "dir/tsa.conf:2: `clock.servers'", "nobody asks them"},
        {"clock = { source = \"sntp\";\nservers = ( " SERVER("a.b") "," SERVER("c.d") " ); };", "", "",
         "dir/tsa.conf:2: `clock.servers'", "3 to 16 servers"},
        {"clock = { source = \"sntp\"; servers = (\n" THREE ",\n" SERVER("192.0.2.2:123") " ); };", "", "",
         "dir/tsa.conf:3: `clock.servers[3].address'", "\"192.0.2.2:123\": it stands there twice"},
        {"clock = { source = \"sntp\"; servers = ( " SERVER("2001:db8::1") "," SERVER(
             "[2001:db8:0::1]:123") ",\n" SERVER("a.b") " ); };",
         "", "", "dir/tsa.conf:1: `clock.servers[1].address'", "twice"},
        {"clock = { source = \"sntp\"; servers = ( " THREE ",\n" SERVER("Time1.Google.com.") " ); };", "", "",
         "dir/tsa.conf:2: `clock.servers[3].address'", "known to smear"},
        {"clock = { source = \"kernel\";\nservers = ( " THREE
         ",{ address = \"192.0.2.4\"; smeared = true; } ); };",
         "", "", "dir/tsa.conf:2: `clock.servers'", "are mixed"},
        {"clock = { source = \"sntp\"; servers = (\n" THREE ",\n" SERVER("time example") " ); };", "", "",
         "dir/tsa.conf:3: `clock.servers[3].address'", "is a name or an address"},
        {"clock = { source = \"sntp\"; servers = ( " THREE ", { address = \"a.b\"; smered = true; } ); };",
         "", "", "dir/tsa.conf:1:", "did you mean `smeared'"},
        {"clock = { chrony = \"192.0.2.1:323\"; };", "", "", "dir/tsa.conf:1: `clock.chrony'",
         "nobody else's chronyd"},
        {"clock = { chrony = \"localhost\"; };", "", "", "dir/tsa.conf:1: `clock.chrony'",
         "address of this machine"},
        {"clock = { chrony = \"127.0.0.1:0\"; };", "", "", "dir/tsa.conf:1: `clock.chrony'",
         "address of this machine"},
        {"clock = { poll = \"0 s\"; };", "", "", "dir/tsa.conf:1: `clock.poll'", "between"},
        {"clock = { max_step = \"2 s\"; };", "", "", "dir/tsa.conf:1: `clock.max_step'", "between"},
        {"clock = { max_age = \"2 d\"; };", "", "", "dir/tsa.conf:1: `clock.max_age'", "between"},
        {"clock = { drift = 0; };", "", "", "dir/tsa.conf:1: `clock.drift'", "between 1 and 5000"},
        {"clock = { source = \"chronyd\"; };", "", "", "dir/tsa.conf:1:", "did you mean \"chrony\""},
    };

    (void)state;
    expect_refused(cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_sixteen_servers(void **state)
{
    (void)state;
    for (int num = 16; num <= 17; num++) {
        struct settings s;
        struct cfg_errors errors = {0};
        char list[1000] = "", *head;

        for (int i = 0; i < num; i++) {
            (void)snprintf(list + strlen(list), sizeof(list) - strlen(list),
                           "%s{ address = \"192.0.2.%d\"; }", i ? "," : "", i);
        }
        head = xasprintf("clock = { source = \"sntp\"; servers = ( %s ); };", list);
        assert_int_equal(parse(head, "", "", &s, &errors), num == 16 ? RC_OK : RC_CONFIG);
        assert_int_equal(errors.num, num - 16);
        settings_clear(&s);
        cfg_errors_clear(&errors);
        free(head);
    }
}

static void test_refused_times(void **state)
{
    static const struct refused cases[] = {
        {"", "ordering = true;", "", "dir/tsa.conf:2: `units[0].ordering'", "`time_digits' of 1 or more"},
        {"", "ordering = true; time_digits = 0;", "", "dir/tsa.conf:2: `units[0].ordering'", "time_digits"},
        {"", "\naccuracy = \"500 ms\";", "", "dir/tsa.conf:3: `units[0].accuracy'",
         "with time_digits = 0 the times are rounded by up to 500 ms"},
        {"", "accuracy = \"5 ms\"; time_digits = 2;", "", "dir/tsa.conf:2: `units[0].accuracy'",
         "rounded by up to 5 ms"},
        {"", "accuracy = \"1500 ns\"; time_digits = 6;", "", "dir/tsa.conf:2: `units[0].accuracy'",
         "whole microseconds"},
        {"", "accuracy = \"500 us\"; time_digits = 3;", "", "dir/tsa.conf:2: `units[0].accuracy'",
         "rounded by up to 0.5 ms"},
        {"", "key_months = 601;", "", "dir/tsa.conf:2: `units[0].key_months'", "between 0 and 600"},
        {"", "key_months = -1;", "", "dir/tsa.conf:2: `units[0].key_months'", "between 0 and 600"},
    };
    static const char *const good[] = {"accuracy = \"501 ms\";", "accuracy = \"51 ms\"; time_digits = 1;",
                                       "accuracy = \"0 s\"; time_digits = 6;",
                                       "accuracy = \"1 us\"; time_digits = 6;"};

    (void)state;
    expect_refused(cases, sizeof(cases) / sizeof(cases[0]));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct settings s;
        struct cfg_errors errors = {0};

        assert_int_equal(parse("", good[i], "", &s, &errors), RC_OK);
        settings_clear(&s);
    }
}

static void test_no_units(void **state)
{
    struct settings s;
    struct cfg_errors errors = {0};

    (void)state;
    assert_int_equal(settings_parse("tsa.conf", "node = 1;", &s, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "missing setting `units'"));
    settings_clear(&s);
    cfg_errors_clear(&errors);
    assert_int_equal(settings_parse("tsa.conf", "units = ( );", &s, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "1 to 64 units"));
    settings_clear(&s);
    cfg_errors_clear(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_shows_all),   cmocka_unit_test(test_sample_parses),
        cmocka_unit_test(test_defaults_and_paths), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_units),           cmocka_unit_test(test_refused_who),
        cmocka_unit_test(test_refused_together),   cmocka_unit_test(test_who_may_ask),
        cmocka_unit_test(test_taken_together),     cmocka_unit_test(test_too_many_prefixes),
        cmocka_unit_test(test_clock_defaults),     cmocka_unit_test(test_clock_taken),
        cmocka_unit_test(test_refused_clock),      cmocka_unit_test(test_sixteen_servers),
        cmocka_unit_test(test_refused_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
