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

#include "tests/unit/tsa/role/lab_chain.h"
#include "tsa/base/now.h"
#include "tsa/role/labtime.h"

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

/* ---- lab time: a role looks for itself, whoever has started it ---- */

static const char two_units[] =
    "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
    "units = ( { name = \"one\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; },\n"
    "          { name = \"two\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );";

static void add_file(char args[][64], int *num, const char *name, const char *text)
{
    (void)pair_of(name, new_file(text), args[(*num)++]);
}

static void add_certs(char args[][64], int *num, const char *name, const struct lab_chain *chain, bool root)
{
    struct wbuf text;

    wbuf_init(&text, 1u << 16);
    if (root) {
        certfile_put_pem(&text, wbuf_bytes(&chain->der[0]));
    } else {
        certfile_put_pem(&text, wbuf_bytes(&chain->der[2]));
        certfile_put_pem(&text, wbuf_bytes(&chain->der[1]));
    }
    wbuf_put_u8(&text, 0);
    assert_int_equal(wbuf_rc(&text), RC_OK);
    add_file(args, num, name, (const char *)text.data);
    wbuf_clear(&text);
}

/* In the child. */
static bool is_lab_time(const struct unit *units, size_t num)
{
    return num == 2 && units[0].lab_time && units[1].lab_time &&
           oid_find(units[1].policy) == OID_LAB_TIME_POLICY && now_real().sec == LAB_CHAIN_FROM + 9;
}

static bool is_real_time(const struct unit *units, size_t num)
{
    return num == 2 && !units[0].lab_time && !units[1].lab_time &&
           oid_find(units[1].policy) != OID_LAB_TIME_POLICY && now_real().sec != LAB_CHAIN_FROM + 9;
}

/* The exit code of a role with these two units; 3: under lab time, 0: without it. */
static int load_two(const struct lab_chain *one, const struct lab_chain *two, const char *lab_time,
                    const char *root)
{
    static char args[8][64];
    char *argv[8];
    int num = 0, status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        static struct unit units[SETTINGS_MAX_UNITS];
        struct settings settings;
        size_t num_units;

        (void)snprintf(args[num++], 64, "@issuer");
        add_file(args, &num, "config", two_units);
        add_certs(args, &num, "chain.0", one, false);
        add_certs(args, &num, "root.0", one, true);
        add_certs(args, &num, "chain.1", two, false);
        if (root) {
            add_certs(args, &num, root, two, true);
        }
        if (lab_time) {
            add_file(args, &num, "lab_time", lab_time);
        }
        for (int i = 0; i < num; i++) {
            argv[i] = args[i];
        }
        if (inherit_parse(num, argv, &in) != RC_OK) {
            _exit(1);
        }
        inherit_load(&in, &settings, units, &num_units);
        _exit(is_lab_time(units, num_units) ? 3 : is_real_time(units, num_units) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_the_fence_stands_in_every_role(void **state)
{
    static const char at[] = "at 2027-01-15T08:00:09Z", before[] = "at 2027-01-15T07:59:59Z";
    struct lab_chain lab, other;

    (void)state;
    lab_chain_make(&lab, &(struct lab_chain_plan){0});
    lab_chain_make(&other, &(struct lab_chain_plan){.policies = {OID_DATA}});
    assert_int_equal(load_two(&lab, &lab, at, "root.1"), 3);
    assert_int_equal(load_two(&lab, &lab, NULL, "root.1"), 0);
    assert_int_equal(load_two(&lab, &other, NULL, "root.1"), 0);
    assert_int_equal(load_two(&lab, &other, at, "root.1"), 78); /* one of two is enough */
    assert_int_equal(load_two(&other, &lab, at, "root.1"), 78);
    assert_int_equal(load_two(&lab, &lab, at, NULL), 78); /* no root */
    assert_int_equal(load_two(&lab, &lab, before, "root.1"), 78);
    assert_int_equal(load_two(&lab, &lab, "at 2031-02-03T04:05:06Z", "root.1"), 78); /* expired */
    assert_int_equal(load_two(&lab, &lab, "", "root.1"), 70);
    assert_int_equal(load_two(&lab, &lab, "2027-01-15T08:00:09Z", "root.1"), 70);
    lab_chain_clear(&lab);
    lab_chain_clear(&other);
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
        cmocka_unit_test(test_the_fence_stands_in_every_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
