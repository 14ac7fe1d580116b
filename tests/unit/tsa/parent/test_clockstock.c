/* SPDX-License-Identifier: Apache-2.0 */
/* What the clock role is given: as the settings say it, sealed; and which of it may be missing. */
#include "tsa/parent/clockstock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[40], config[60], list[60];
    struct settings settings;
    struct settings_server servers[SETTINGS_MAX_SERVERS];
    struct resolved resolved;
    struct clockstock_source source;
    struct clockstock stock;
    struct cfg_errors errors, warnings;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Each letter a server: known (k) or not (-). */
static void place_init(struct place *place, const char *known)
{
    static char address[] = "time.example.org";

    *place = (struct place){.dir = "/tmp/tsa-clockstock-XXXXXX", .stock = CLOCKSTOCK_NONE};
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->config, sizeof(place->config), "%s/tsa.conf", place->dir);
    (void)snprintf(place->list, sizeof(place->list), "%s/leap", place->dir);
    write_file(place->config,
               "node = 1;\nclock = {\n  source = \"sntp\";\n  servers = ( );\n  leap_list = \"leap\";\n};\n");
    place->settings.clock.source = SETTINGS_CLOCK_SNTP;
    place->settings.clock.leap_list = place->list;
    place->settings.clock.servers.list = place->servers;
    place->settings.clock.servers.num = place->resolved.num = strlen(known);
    for (size_t i = 0; known[i]; i++) {
        struct resolved_server *one = &place->resolved.list[i];
        char text[40];
        const char *why;

        place->servers[i].address = address;
        one->known = known[i] == 'k';
        if (one->known) {
            (void)snprintf(text, sizeof(text), "192.0.2.7:%zu", 1000 + i);
            assert_int_equal(address_parse(text, &one->address, &why), RC_OK);
        }
        (void)snprintf(one->why, sizeof(one->why), "no such name");
    }
    place->source = (struct clockstock_source){place->config, &place->settings, &place->resolved};
}

static enum rc open_it(struct place *place)
{
    return clockstock_open(&place->stock, &place->source, &place->errors, &place->warnings);
}

static void place_clear(struct place *place)
{
    clockstock_close(&place->stock);
    assert_int_equal(place->stock.servers, -1);
    assert_int_equal(place->stock.leap_list, -1);
    cfg_errors_clear(&place->errors);
    cfg_errors_clear(&place->warnings);
    (void)unlink(place->config);
    (void)unlink(place->list);
    assert_int_equal(rmdir(place->dir), 0);
}

static void expect_text(int fd, const char *text)
{
    char got[400] = "";

    assert_int_equal(pread(fd, got, sizeof(got) - 1, 0), strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
}

static void test_good(void **state)
{
    struct spawn spawn = {0};
    struct place place;

    (void)state;
    place_init(&place, "kkk");
    write_file(place.list, "#@ 1\n");
    assert_int_equal(open_it(&place), RC_OK);
    assert_int_equal(place.errors.num, 0);
    assert_int_equal(place.warnings.num, 0);
    expect_text(place.stock.servers, "192.0.2.7:1000\n192.0.2.7:1001\n192.0.2.7:1002\n");
    expect_text(place.stock.leap_list, "#@ 1\n");
    /* What becomes of the file afterwards is nothing to it. */
    write_file(place.list, "other");
    expect_text(place.stock.leap_list, "#@ 1\n");
    clockstock_give(&place.stock, &spawn);
    assert_int_equal(spawn.num, 2);
    assert_string_equal(spawn.fds[0].name, "servers");
    assert_string_equal(spawn.fds[1].name, "leap_list");
    place_clear(&place);
}

/* More than half of them must agree, so more than half must be there. */
static void test_majority(void **state)
{
    static const struct {
        const char *known;
        enum rc rc;
        size_t num_warnings, num_errors;
    } rows[] = {
        {"kk-", RC_OK, 2, 0},
        {"k--", RC_NOT_FOUND, 0, 3},
        {"kk--", RC_NOT_FOUND, 0, 3},
        {"kkk--", RC_OK, 3, 0},
        {"-", RC_NOT_FOUND, 0, 2},
        {"k", RC_OK, 0, 0},
        {"-----------", RC_NOT_FOUND, 0, 12},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct place place;
        const struct cfg_errors *told;

        place_init(&place, rows[i].known);
        write_file(place.list, "");
        assert_int_equal(open_it(&place), rows[i].rc);
        assert_int_equal(place.warnings.num, rows[i].num_warnings);
        assert_int_equal(place.errors.num, rows[i].num_errors);
        told = rows[i].num_errors ? &place.errors : &place.warnings;
        if (told->num) {
            assert_non_null(strstr(told->list[0], "tsa.conf:4: clock.servers: time.example.org can not be "
                                                  "resolved: no such name"));
        }
        assert_int_equal(place.stock.servers >= 0, rows[i].rc == RC_OK);
        place_clear(&place);
    }
}

static void test_line_for_unknown(void **state)
{
    struct place place;

    (void)state;
    place_init(&place, "k-k");
    place.settings.clock.leap_list = NULL;
    assert_int_equal(open_it(&place), RC_OK);
    expect_text(place.stock.servers, "192.0.2.7:1000\n-\n192.0.2.7:1002\n");
    assert_int_equal(place.stock.leap_list, -1);
    assert_non_null(strstr(place.warnings.list[1], "2 of 3 are asked"));
    place_clear(&place);
}

/* One that is known by two names has one voice, or it would be a majority of three by itself. */
static void test_twins(void **state)
{
    char second[] = "ntp.example.net";
    struct place place;

    (void)state;
    place_init(&place, "kkk");
    write_file(place.list, "");
    place.servers[2].address = second;
    place.resolved.list[2].address = place.resolved.list[1].address;
    assert_int_equal(open_it(&place), RC_OK);
    expect_text(place.stock.servers, "192.0.2.7:1000\n192.0.2.7:1001\n-\n");
    assert_int_equal(place.warnings.num, 2);
    assert_non_null(strstr(place.warnings.list[0],
                           "tsa.conf:4: clock.servers: ntp.example.net is not asked: it "
                           "is the same server as time.example.org"));
    assert_true(place.resolved.list[2].known);
    clockstock_close(&place.stock);

    place.resolved.list[1].address = place.resolved.list[0].address;
    place.resolved.list[2].address = place.resolved.list[0].address;
    assert_int_equal(open_it(&place), RC_NOT_FOUND);
    assert_int_equal(place.errors.num, 3);
    assert_non_null(strstr(place.errors.list[2], "the addresses of 1 of 3 are known"));
    place_clear(&place);
}

static void test_no_list(void **state)
{
    char none[] = "";
    struct place place;

    (void)state;
    place_init(&place, "");
    assert_int_equal(open_it(&place), RC_OK);
    assert_int_equal(place.warnings.num, 1);
    assert_non_null(strstr(place.warnings.list[0], "tsa.conf:5: clock.leap_list: "));
    assert_non_null(strstr(place.warnings.list[0], place.list));
    assert_int_equal(place.stock.leap_list, -1);
    assert_int_equal(place.stock.servers, -1);
    cfg_errors_clear(&place.warnings);

    /* Where nothing is proven, and where none is wished for, nobody is bothered. */
    place.settings.clock.source = SETTINGS_CLOCK_SYSTEM;
    assert_int_equal(open_it(&place), RC_OK);
    place.settings.clock.source = SETTINGS_CLOCK_CHRONY;
    place.settings.clock.leap_list = none;
    assert_int_equal(open_it(&place), RC_OK);
    assert_int_equal(place.warnings.num, 0);
    place_clear(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_majority),
        cmocka_unit_test(test_line_for_unknown),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
