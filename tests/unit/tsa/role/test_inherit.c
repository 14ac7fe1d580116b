/* SPDX-License-Identifier: Apache-2.0 */
/* What a role is born with: arguments of every wrong kind, descriptors that are taken once, files read from their start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/role/inherit.h"

static struct inherit in;

static enum rc parse(const char *role, const char *first, const char *second)
{
    char texts[3][64];
    char *argv[] = {texts[0], texts[1], texts[2], NULL};

    (void)snprintf(texts[0], sizeof(texts[0]), "%s", role);
    (void)snprintf(texts[1], sizeof(texts[1]), "%s", first ? first : "");
    (void)snprintf(texts[2], sizeof(texts[2]), "%s", second ? second : "");
    return inherit_parse(1 + (first != NULL) + (second != NULL), argv, &in);
}

static const char *pair_of(const char *name, int fd, char out[64])
{
    (void)snprintf(out, 64, "%s=%d", name, fd);
    return out;
}

static int new_file(const char *text)
{
    int fd = memfd_create("file", 0);

    assert_true(fd >= 3);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void test_descriptors_are_taken_once(void **state)
{
    int a = new_file("a"), b = new_file("b");
    char one[64], two[64];
    char role[] = "@issuer";
    char *argv[] = {role, one, two};

    (void)state;
    pair_of("parent", a, one);
    pair_of("key.12", b, two);
    assert_int_equal(inherit_parse(3, argv, &in), RC_OK);
    assert_string_equal(in.role, "issuer");
    assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(inherit_take(&in, "key"), -1);
    assert_int_equal(inherit_take_n(&in, "key", 1), -1);
    assert_int_equal(inherit_take(&in, "parent"), a);
    assert_int_equal(inherit_take(&in, "parent"), -1);
    assert_int_equal(inherit_take_n(&in, "key", 12), b);
    assert_int_equal(in.num, 0);
    close(a);
    close(b);
}

static void test_wrong_arguments(void **state)
{
    static const char *const wrong[] = {"parent",
                                        "=5",
                                        "parent=",
                                        "parent=x",
                                        "parent=5x",
                                        "parent=-1",
                                        "parent= 5",
                                        "parent=+5",
                                        "parent=2",
                                        "parent=0",
                                        "parent=999",
                                        "parent=99999999999999999999",
                                        "a.name.that.is.too.long.for.it=5"};
    int fd = new_file("");
    char good[64], again[64];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse("@front", wrong[i], NULL), RC_CONFIG);
    }
    assert_int_equal(parse("front", NULL, NULL), RC_CONFIG);
    assert_int_equal(parse("@front", NULL, NULL), RC_OK);
    assert_int_equal(parse("@front", pair_of("a", fd, good), NULL), RC_OK);
    assert_int_equal(parse("@front", pair_of("a", fd, good), pair_of("b", fd, again)),
                     RC_CONFIG); /* one descriptor, two names */
    assert_int_equal(parse("@front", pair_of("a", fd, good), pair_of("a", 1, again)), RC_CONFIG);
    assert_int_equal(inherit_parse(0, NULL, &in), RC_CONFIG);
    close(fd);
}

static void test_too_many(void **state)
{
    static char texts[INHERIT_MAX + 2][32];
    static char *argv[INHERIT_MAX + 3];
    int fds[INHERIT_MAX + 1];

    (void)state;
    strcpy(texts[0], "@front");
    argv[0] = texts[0];
    for (size_t i = 0; i <= INHERIT_MAX; i++) {
        fds[i] = new_file("");
        (void)snprintf(texts[i + 1], sizeof(texts[0]), "listen.%zu=%d", i, fds[i]);
        argv[i + 1] = texts[i + 1];
    }
    assert_int_equal(inherit_parse(1 + INHERIT_MAX, argv, &in), RC_OK);
    assert_int_equal(inherit_take_n(&in, "listen", INHERIT_MAX - 1), fds[INHERIT_MAX - 1]);
    assert_int_equal(inherit_parse(2 + INHERIT_MAX, argv, &in), RC_CONFIG);
    for (size_t i = 0; i <= INHERIT_MAX; i++) {
        close(fds[i]);
    }
}

static void test_read(void **state)
{
    int fd = new_file("the whole of it"); /* its offset stands at the end */
    char arg[64];
    struct wbuf out;

    (void)state;
    wbuf_init(&out, 64);
    assert_int_equal(parse("@front", pair_of("config", fd, arg), NULL), RC_OK);
    assert_int_equal(inherit_read(&in, "config", &out), RC_OK);
    assert_true(bytes_equal(wbuf_bytes(&out), bytes_str("the whole of it")));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(inherit_read(&in, "config", &out), RC_NOT_FOUND);
    wbuf_clear(&out);

    fd = new_file("more than the limit");
    wbuf_init(&out, 8);
    assert_int_equal(parse("@front", pair_of("config", fd, arg), NULL), RC_OK);
    assert_int_equal(inherit_read(&in, "config", &out), RC_TOO_LARGE);
    wbuf_clear(&out);
}

/* The exit code of a child that loads; -1 when it was killed. */
static int load(const char *config)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        static struct unit units[SETTINGS_MAX_UNITS];
        struct settings settings;
        size_t num_units;
        char arg[64];

        if (parse("@front", config ? pair_of("config", new_file(config), arg) : NULL, NULL) != RC_OK) {
            _exit(1);
        }
        inherit_load(&in, &settings, units, &num_units);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_load_dies_clearly(void **state)
{
    (void)state;
    assert_int_equal(load(NULL), 70);
    assert_int_equal(load("no configuration"), 78);
    assert_int_equal(load("listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
                          "units = ( { name = \"u\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );"),
                     78); /* its chain did not come along */
}

static void test_settings_alone(void **state)
{
    static const char text[] =
        "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
        "units = ( { name = \"u\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );";
    struct settings settings;
    char arg[64];

    (void)state;
    assert_int_equal(parse("@clock", pair_of("config", new_file(text), arg), NULL), RC_OK);
    inherit_load(&in, &settings, NULL, NULL);
    assert_int_equal(settings_num_units(&settings), 1);
    settings_clear(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_are_taken_once),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_load_dies_clearly),
        cmocka_unit_test(test_settings_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
