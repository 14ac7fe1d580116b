/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is there, and the end of a process that asks for more than there is.
 */
#include "tsa/base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void memory_is_given(void **state)
{
    char *p = xcalloc(10, 3);
    (void)state;

    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(p[i], 0);
    }
    p = xrealloc(p, 100, 10);
    p[999] = 'x';
    p = xrealloc(p, 0, 10);
    assert_non_null(p);
    free(p);
    p = xcalloc(0, 10);
    assert_non_null(p);
    free(p);
    p = xstrdup("text");
    assert_string_equal(p, "text");
    free(p);
    p = xasprintf("%d-%s", 5, "x");
    assert_string_equal(p, "5-x");
    free(p);
}

static void too_much_ends_the_process(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            volatile size_t half = SIZE_MAX / 2 + 1;

            (void)dup2(open("/dev/null", O_WRONLY), 2);
            free(i ? xcalloc(half, 4) : xrealloc(NULL, half, 4));
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 70);
    }
}

/* A sanitizer ends the process itself where an allocation is too large, unless it is told not to. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_given),
        cmocka_unit_test(too_much_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
