/* SPDX-License-Identifier: Apache-2.0 */
/* The real questions: a name that every machine knows, one that none knows (RFC 6761), a number. */
#include "tsa/parent/resolve_proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/parent/resolve.h"
#include "tsa/parent/sealed.h"

static const char config[] =
    "clock = { source = \"sntp\"; servers = ({ address = \"localhost:1123\"; }, { address = "
    "\"no-such-host.invalid\"; }, "
    "{ address = \"192.0.2.1\"; }); };\n"
    "users = { clock = \"\"; };\n"
    "units = ({ name = \"a\"; key = \"key\"; chain = \"chain\"; policy = \"2.999.1\"; });\n";

static void test_names(void **state)
{
    const int fd = sealed_make("config", bytes_str(config));
    struct cfg_errors errors = {0};
    struct settings settings;
    struct resolved resolved;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(settings_parse("tsa.conf", config, &settings, &errors), RC_OK);
    resolve_wait(&settings, fd, &resolved);
    assert_int_equal(resolved.num, 3);
    assert_true(resolved.list[0].known);
    address_text(&resolved.list[0].address, text);
    assert_true(strcmp(text, "127.0.0.1:1123") == 0 || strcmp(text, "[::1]:1123") == 0);
    /* Which words depends on whether a name service can be reached here, and how soon it answers. */
    assert_false(resolved.list[1].known);
    assert_true(strlen(resolved.list[1].why) > 5);
    assert_true(resolved.list[2].known);
    assert_string_equal(address_text(&resolved.list[2].address, text), "192.0.2.1:123");
    settings_clear(&settings);
    (void)close(fd);
}

/* As a role that is called by hand: nobody is there to be told. */
static void test_nobody(void **state)
{
    const int fd = sealed_make("config", bytes_str(config));
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        static struct inherit in = {.role = "resolve", .num = 1, .fds = {{.name = "config"}}};

        in.fds[0].fd = fd;
        (void)close(STDERR_FILENO);
        _exit(resolve_proc_main(&in));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_nobody),
    };
    static struct inherit in;

    if (argc > 1 && argv[1][0] == '@') {
        return inherit_parse(argc - 1, argv + 1, &in) == RC_OK ? resolve_proc_main(&in) : 99;
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
