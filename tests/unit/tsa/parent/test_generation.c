/* SPDX-License-Identifier: Apache-2.0 */
/* One state of the configuration: read, opened, compared by units with the next one, its sockets passed on. */
#include "tsa/parent/generation.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
    char dir[40], conf[60];
};

static void write_file(const struct folder *folder, const char *name, const char *text)
{
    char path[80];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    static struct folder folder;

    folder = (struct folder){.dir = "/tmp/tsa-generation-XXXXXX"};
    assert_non_null(mkdtemp(folder.dir));
    (void)snprintf(folder.conf, sizeof(folder.conf), "%s/tsa.conf", folder.dir);
    write_file(&folder, "key", "a key");
    write_file(&folder, "chain", "a chain");
    write_file(&folder, "server", "a server's certificate");
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"key", "chain", "server", "tsa.conf"};
    const struct folder *folder = *state;
    char path[80];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder->dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder->dir);
}

/* Units of these names, one letter each, behind what stands before them. */
static struct generation *generation_of(const struct folder *folder, const char *before, const char *names)
{
    struct cfg_errors errors = {0};
    struct generation *generation;
    char text[4000];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s\nlisten = \"127.0.0.1:0\";\nunits = (", before);

    for (size_t i = 0; names[i]; i++) {
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len,
                             "%s{ name = \"%c\"; key = \"key\"; chain = \"chain\"; policy = \"2.999.1\"; }",
                             i ? ", " : "", names[i]);
    }
    (void)snprintf(text + len, sizeof(text) - len, ");\n");
    write_file(folder, "tsa.conf", text);
    generation = generation_read(folder->conf, &errors);
    assert_non_null(generation);
    assert_int_equal(errors.num, 0);
    return generation;
}

static void test_read(void **state)
{
    const struct folder *folder = *state;
    struct cfg_errors errors = {0};

    write_file(folder, "tsa.conf", "nod = 1;\nunits = ();\n");
    assert_null(generation_read(folder->conf, &errors));
    assert_true(errors.num >= 1);
    assert_non_null(strstr(errors.list[0], ":1: unknown setting"));
    cfg_errors_clear(&errors);
    assert_null(generation_read("/no/such/file", &errors));
    assert_int_equal(errors.num, 1);
    cfg_errors_clear(&errors);
    generation_free(NULL);
}

static void expect_text(int fd, const char *text)
{
    char got[100] = "";

    assert_int_equal(pread(fd, got, sizeof(got) - 1, 0), strlen(text));
    assert_string_equal(got, text);
}

/* What was read stays as it was, whatever becomes of the files; and nobody can write into it. */
static void test_stock(void **state)
{
    const struct folder *folder = *state;
    struct generation *generation =
        generation_of(folder, "tls = { certificate = \"server\"; key = \"key\"; };", "ab");
    struct cfg_errors errors = {0};

    assert_int_equal(generation_open_stock(generation, &errors), RC_OK);
    write_file(folder, "chain", "another one");
    assert_int_equal(generation->stock.num_units, 2);
    expect_text(generation->stock.units[1].chain, "a chain");
    expect_text(generation->stock.tls_certificate, "a server's certificate");
    expect_text(generation->stock.tls_key, "a key");
    assert_int_equal(generation->stock.tls_client_ca, -1);
    assert_int_equal(generation->stock.units[0].root, -1);
    assert_int_equal(pwrite(generation->stock.config, "x", 1, 0), -1);
    assert_int_equal(fcntl(generation->stock.units[0].key, F_GETFL) & O_ACCMODE, O_RDONLY);
    generation_free(generation);
    write_file(folder, "chain", "a chain");
}

/* It travels as a text of its own, to every role and to the trial; where there is none, none does. */
static void test_lab_time(void **state)
{
    const struct folder *folder = *state;
    static const struct labtime shifted = {.kind = LABTIME_SHIFT, .shift_ns = -7200000000000}, none = {0};
    static void (*const give[])(const struct stock *stock, struct spawn *spawn) = {
        stock_give_clock, stock_give_issuer, stock_give_front, stock_give_trial};
    const struct labtime *const times[] = {&shifted, &none, NULL};
    struct cfg_errors errors = {0};

    for (size_t i = 0; i < 3; i++) {
        struct generation *generation = generation_of(folder, "", "a");

        generation->lab_time = times[i];
        assert_int_equal(generation_open_stock(generation, &errors), RC_OK);
        for (size_t j = 0; j < 4; j++) {
            struct spawn spawn = {0};
            size_t num = 0;

            give[j](&generation->stock, &spawn);
            for (size_t k = 0; k < spawn.num; k++) {
                num += strcmp(spawn.fds[k].name, "lab_time") == 0;
            }
            assert_int_equal(num, i == 0);
        }
        if (i == 0) {
            struct labtime got;
            char text[100] = "";
            const ssize_t len = pread(generation->stock.lab_time, text, sizeof(text), 0);

            assert_true(len > 0);
            assert_int_equal(labtime_get(bytes_of(text, (size_t)len), &got), RC_OK);
            assert_int_equal(got.kind, LABTIME_SHIFT);
            assert_int_equal(got.shift_ns, shifted.shift_ns);
        }
        generation_free(generation);
    }
}

static void test_stock_misses(void **state)
{
    const struct folder *folder = *state;
    struct generation *generation =
        generation_of(folder, "tls = { certificate = \"none\"; key = \"key\"; };", "a");
    struct cfg_errors errors = {0};

    assert_int_equal(generation_open_stock(generation, &errors), RC_IO);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "none"));
    assert_int_equal(generation->stock.config, -1);
    cfg_errors_clear(&errors);
    generation_free(generation);
}

static void test_units(void **state)
{
    const struct folder *folder = *state;
    struct generation *old = generation_of(folder, "", "abc"), *now = generation_of(folder, "", "cxa");
    struct msg_units units, read;

    generation_units(old, now, &units);
    assert_int_equal(units.num, 3);
    assert_int_equal(units.now[0], 2);
    assert_int_equal(units.now[1], MSG_UNIT_GONE);
    assert_int_equal(units.now[2], 0);
    assert_int_equal(msg_get_units(msg_units_bytes(&units), &read), RC_OK);
    assert_int_equal(read.now[1], MSG_UNIT_GONE);
    generation_free(old);
    generation_free(now);
}

static void test_listen(void **state)
{
    const struct folder *folder = *state;
    struct generation *old = generation_of(folder, "", "a"),
                      *now = generation_of(folder, "metrics = { listen = \"127.0.0.1:0\"; };", "a");
    struct cfg_errors errors = {0};
    char any[] = "127.0.0.1:0", *texts[] = {any, any};
    const struct cfg_strings two = {.list = texts, .num = 2};
    int fd;

    assert_int_equal(generation_listen(old, NULL, NULL, &errors), RC_OK);
    assert_int_equal(old->listeners.num, 1);
    fd = old->listeners.list[0].fd;

    /* What the command line says stands in the place of listen alone. */
    assert_int_equal(generation_listen(now, &two, old, &errors), RC_OK);
    assert_int_equal(now->listeners.num, 3);
    assert_int_equal(now->listeners.list[0].fd, fd);
    assert_int_equal(now->listeners.list[2].kind, LISTENER_METRICS);
    generation_pass_on(old, now);
    generation_free(old);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    generation_free(now);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* A socket that systemd has passed for TLS, of which the settings know nothing. */
static void test_tls_without_key(void **state)
{
    const struct folder *folder = *state;
    struct generation *generation = generation_of(folder, "", "a"), *before = generation_of(folder, "", "a");
    struct cfg_errors errors = {0};

    assert_int_equal(generation_listen(before, NULL, NULL, &errors), RC_OK);
    before->listeners.list[0].is_passed = true;
    before->listeners.list[0].kind = LISTENER_TLS;
    assert_int_equal(generation_listen(generation, NULL, before, &errors), RC_CONFIG);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "tls.certificate"));
    assert_int_equal(generation->listeners.num, 0);
    assert_true(fcntl(before->listeners.list[0].fd, F_GETFD) >= 0);
    cfg_errors_clear(&errors);
    generation_free(generation);
    generation_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_stock),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_stock_misses),
        cmocka_unit_test(test_lab_time),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_tls_without_key),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
