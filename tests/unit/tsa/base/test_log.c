/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines as they arrive at the other end of a pipe: both forms, levels, escapes, cuts, the journal's prefix, many writers.
 */
#include "tsa/base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"

static int saved_stderr, reader;
static char line[1 << 20];

static void fixed_time(void *arg, struct gentime *out)
{
    (void)arg;
    *out = (struct gentime){.sec = 1927857906, .nsec = 120456789};
}

static int setup(void **state)
{
    const struct now_source source = {.real = fixed_time};
    int pipes[2];

    (void)state;
    now_set_source(&source);
    if (pipe(pipes) != 0 || fcntl(pipes[0], F_SETPIPE_SZ, 1 << 20) < 0 ||
        fcntl(pipes[0], F_SETFL, O_NONBLOCK) != 0) {
        return -1;
    }
    saved_stderr = dup(2);
    reader = pipes[0];
    return dup2(pipes[1], 2) == 2 ? close(pipes[1]) : -1;
}

static int teardown(void **state)
{
    (void)state;
    now_set_source(NULL);
    (void)unsetenv("JOURNAL_STREAM");
    return dup2(saved_stderr, 2) == 2 ? close(saved_stderr) + close(reader) : -1;
}

static const char *written(void)
{
    ssize_t n = read(reader, line, sizeof line - 1);

    line[n > 0 ? n : 0] = '\0';
    return line;
}

#define TIME "2031-02-03T04:05:06.120Z"

static void text_is_logfmt(void **state)
{
    const struct log_field fields[] = {
        {"file", "a.sys"}, {"why", "no such file"}, {"empty", ""}, {"null", NULL}, {NULL, NULL}};
    (void)state;

    log_start("front", LOG_LEVEL_INFO, LOG_FORM_TEXT);
    log_info("ready %d", 3161);
    assert_string_equal(written(), "time=" TIME " level=info part=front msg=\"ready 3161\"\n");
    log_event(LOG_LEVEL_WARNING, "left", fields);
    assert_string_equal(written(),
                        "time=" TIME " level=warning part=front msg=left file=a.sys why=\"no such file\" "
                        "empty=\"\" null=\"\"\n");
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    log_error("x");
    assert_string_equal(written(), "time=" TIME " level=error msg=x\n");
}

static void json_is_json(void **state)
{
    const struct log_field fields[] = {{"url", "http://x/?a=\"b\""}, {NULL, NULL}};
    (void)state;

    log_start("issuer", LOG_LEVEL_DEBUG, LOG_FORM_JSON);
    log_debug("a\tb\\c\n");
    assert_string_equal(written(),
                        "{\"time\":\"" TIME
                        "\",\"level\":\"debug\",\"part\":\"issuer\",\"msg\":\"a\\u0009b\\\\c\\n\"}\n");
    log_event(LOG_LEVEL_NOTICE, "q", fields);
    assert_string_equal(written(),
                        "{\"time\":\"" TIME "\",\"level\":\"notice\",\"part\":\"issuer\",\"msg\":\"q\","
                        "\"url\":\"http://x/?a=\\\"b\\\"\"}\n");
}

static void levels_are_kept_back(void **state)
{
    (void)state;
    log_start(NULL, LOG_LEVEL_WARNING, LOG_FORM_TEXT);
    log_debug("1");
    log_info("2");
    log_notice("3");
    log_event(LOG_LEVEL_INFO, "4", NULL);
    assert_string_equal(written(), "");
    log_warning("5");
    log_error("6");
    assert_string_equal(written(), "time=" TIME " level=warning msg=5\ntime=" TIME " level=error msg=6\n");
    log_start(NULL, LOG_LEVEL_ERROR, LOG_FORM_TEXT);
    log_access("request", NULL); /* has a switch of its own */
    assert_string_equal(written(), "time=" TIME " level=info msg=request\n");
}

static void nothing_from_outside_reaches_a_terminal(void **state)
{
    (void)state;
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    log_info("%s", "a\nlevel=error msg=forged\r\x1b[2J\x7f");
    assert_string_equal(written(),
                        "time=" TIME " level=info msg=\"a\\nlevel=error msg=forged\\x0d\\x1b[2J\\x7f\"\n");
    log_info("%s", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91");
    assert_string_equal(written(), "time=" TIME
                                   " level=info msg=\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91\"\n");
    /* C1 control, overlong, surrogate, beyond Unicode, cut short. */
    log_info("%s", "\xc2\x9b \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82");
    assert_string_equal(written(), "time=" TIME " level=info msg=\"\\xc2\\x9b \\xc0\\xaf \\xed\\xa0\\x80 "
                                   "\\xf4\\x90\\x80\\x80 \\xe2\\x82\"\n");
}

/* A separator of lines, an override of direction: neither may make one line look like another. */
static void text_is_not_turned_around(void **state)
{
    (void)state;
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    log_info("%s", "\xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\x93 \xe2\x81\xaa");
    assert_string_equal(written(), "time=" TIME " level=info msg=\"\\xe2\\x80\\xa8 \\xe2\\x80\\xae "
                                   "\\xe2\\x81\\xa6 \xe2\x80\x93 \xe2\x81\xaa\"\n");
}

static void long_ones_are_cut(void **state)
{
    char *text = malloc(10001);
    struct log_field fields[40];
    (void)state;

    assert_non_null(text);
    memset(text, 'a', 10000);
    text[10000] = '\0';
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    log_info("%s", text);
    assert_int_equal(strlen(written()), strlen("time=" TIME " level=info msg=\n") + 2000);
    assert_string_equal(line + strlen(line) - 5, "a...\n");
    /* The cut falls into a character. */
    memset(text, '\xc3', 10000);
    for (size_t i = 1; i < 10000; i += 2) {
        text[i] = '\xbc';
    }
    log_info("%s", text);
    assert_string_equal(strstr(written(), "\xbc...") ? "good" : line, "good");
    assert_null(strstr(line, "\\x"));

    /* Everything escaped, and more fields than fit: still one write, one line, well-formed. */
    memset(text, 1, 10000);
    for (size_t i = 0; i < 39; i++) {
        fields[i] = (struct log_field){"name", i % 2 ? text : "value"};
    }
    fields[39] = (struct log_field){NULL, NULL};
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_JSON);
    log_event(LOG_LEVEL_INFO, "m", fields);
    assert_true(strlen(written()) <= 4096);
    assert_true(strlen(line) > 4000);
    assert_string_equal(line + strlen(line) - 9, "\\u0001\"}\n");
    free(text);
}

static void the_journal_gets_priorities(void **state)
{
    char name[60];
    struct stat st;
    (void)state;

    assert_int_equal(fstat(2, &st), 0);
    (void)snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", name, 1), 0);
    log_start("clock", LOG_LEVEL_DEBUG, LOG_FORM_TEXT);
    log_error("e");
    log_debug("d");
    assert_string_equal(written(), "<3>level=error part=clock msg=e\n<7>level=debug part=clock msg=d\n");
    log_start(NULL, LOG_LEVEL_DEBUG, LOG_FORM_JSON);
    log_notice("n");
    assert_string_equal(written(), "<5>{\"level\":\"notice\",\"msg\":\"n\"}\n");
    assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
    log_start(NULL, LOG_LEVEL_DEBUG, LOG_FORM_TEXT);
    log_warning("w");
    assert_string_equal(written(), "time=" TIME " level=warning msg=w\n");
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 100; i++) {
        log_info("%s and a good many words more, so that a line that is torn would be seen",
                 (const char *)arg);
    }
    return NULL;
}

static void lines_do_not_mix(void **state)
{
    static char names[4][8] = {"first", "second", "third", "fourth"};
    pthread_t threads[4];
    size_t num = 0;
    (void)state;

    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)written();
    for (char *p = strtok(line, "\n"); p; p = strtok(NULL, "\n"), num++) {
        assert_int_equal(
            strncmp(p, "time=" TIME " level=info msg=\"", strlen("time=" TIME " level=info msg=\"")), 0);
        assert_string_equal(p + strlen(p) - 8, "be seen\"");
    }
    assert_int_equal(num, 400);
}

static void a_closed_end_does_no_harm(void **state)
{
    int status;
    pid_t pid;
    (void)state;

    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    pid = fork();
    if (pid == 0) {
        close(2);
        log_error("nobody listens");
        log_die(78, "told %s", "twice");
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 78);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_is_logfmt),
        TEST(json_is_json),
        TEST(levels_are_kept_back),
        TEST(nothing_from_outside_reaches_a_terminal),
        TEST(long_ones_are_cut),
        TEST(the_journal_gets_priorities),
        TEST(lines_do_not_mix),
        TEST(a_closed_end_does_no_harm),
        TEST(text_is_not_turned_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
