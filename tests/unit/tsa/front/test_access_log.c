/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the access log as they arrive at the other end of a pipe: every value in its place in both forms, each line one write(), and
 * nothing that a client sends (any octets at all) can break a line, forge one, or make JSON that is none.
 */
#include "tsa/front/access_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/log.h"

#define RUBBISH_RUNS 3000

static int saved_stderr, reader;
static char line[8192];

/* A datagram for each write(): that it is one is seen. */
static int setup(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) != 0) {
        return -1;
    }
    saved_stderr = dup(2);
    reader = pair[0];
    return dup2(pair[1], 2) == 2 ? close(pair[1]) : -1;
}

static int teardown(void **state)
{
    (void)state;
    return dup2(saved_stderr, 2) == 2 ? close(saved_stderr) + close(reader) : -1;
}

/* The one line that was written; its length with the line end. */
static size_t written(void)
{
    char more;
    ssize_t n = recv(reader, line, sizeof line - 1, 0);

    assert_true(n > 0);
    line[n] = 0;
    assert_int_equal(recv(reader, &more, 1, 0), -1);
    return (size_t)n;
}

static struct netaddr address(const char *text)
{
    struct netaddr out;

    assert_int_equal(netaddr_parse(bytes_str(text), &out), RC_OK);
    return out;
}

/* What stands behind the time. */
static const char *tail(void)
{
    const char *found = strstr(line, "msg");

    assert_non_null(found);
    return found;
}

static const uint8_t serial[] = {0x01, 0x00, 0xff};
static const struct http_reply stamped = {.status = 200,
                                          .unit = "main",
                                          .kind = "rfc3161",
                                          .result = "granted",
                                          .serial = {serial, sizeof serial},
                                          .record = UINT64_MAX};

static struct http_answered answered_of(const struct http_reply *reply, const struct netaddr *client,
                                        const struct netaddr *direct)
{
    return (struct http_answered){.client = client,
                                  .direct = direct,
                                  .method = bytes_str("POST"),
                                  .target = bytes_str("/?td=sha256"),
                                  .agent = bytes_str("curl/7.88 (\"x\")"),
                                  .reply = reply,
                                  .len = 4711,
                                  .elapsed_ns = 1234000};
}

static void every_value_in_its_place(void **state)
{
    const struct netaddr client = address("2001:db8::7"), proxy = address("192.0.2.1");
    struct http_answered answered = answered_of(&stamped, &client, &proxy);

    (void)state;
    answered.certificate = "Build Farm";
    answered.is_tls = true;
    log_start("front", LOG_LEVEL_ERROR, LOG_FORM_TEXT); /* whatever the level is */
    access_log_write(&answered);
    written();
    assert_string_equal(tail(),
                        "msg=request client=2001:db8::7 via=192.0.2.1 method=POST target=\"/?td=sha256\" "
                        "status=200 octets=4711 ms=1.234 unit=main protocol=rfc3161 result=granted "
                        "serial=0100ff record=18446744073709551615 agent=\"curl/7.88 (\\\"x\\\")\" "
                        "certificate=\"Build Farm\" "
                        "tls=yes\n");
    log_start("front", LOG_LEVEL_ERROR, LOG_FORM_JSON);
    access_log_write(&answered);
    written();
    assert_string_equal(
        tail(),
        "msg\":\"request\",\"client\":\"2001:db8::7\",\"via\":\"192.0.2.1\",\"method\":\"POST\","
        "\"target\":\"/?td=sha256\",\"status\":\"200\",\"octets\":\"4711\",\"ms\":\"1.234\","
        "\"unit\":\"main\",\"protocol\":\"rfc3161\",\"result\":\"granted\","
        "\"serial\":\"0100ff\",\"record\":\"18446744073709551615\",\"agent\":\"curl/7.88 (\\\"x\\\")\","
        "\"certificate\":\"Build Farm\",\"tls\":\"yes\"}\n");
}

static void what_is_not_known(void **state)
{
    const struct http_reply refusal = {.status = 400};
    const struct netaddr client = {.family = AF_UNIX};
    struct http_answered answered = answered_of(&refusal, &client, &client);

    (void)state;
    answered.method = answered.target = answered.agent = BYTES_NONE;
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    access_log_write(&answered);
    written();
    assert_string_equal(tail(),
                        "msg=request client=unix via=- method=- target=- status=400 octets=4711 ms=1.234 "
                        "unit=- protocol=- result=- serial=- record=- agent=- certificate=- tls=no\n");
}

static void a_line_is_not_forged(void **state)
{
    static const char evil[] = "a\n{\"level\":\"error\"}\r\x1b[2J\0b\xff\xc2\x9b\"";
    const struct netaddr client = address("192.0.2.9");
    struct http_answered answered = answered_of(&stamped, &client, &client);

    (void)state;
    answered.agent = bytes_of(evil, sizeof evil - 1);
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_TEXT);
    access_log_write(&answered);
    written();
    assert_non_null(strstr(line, " agent=\"a\\n{\\\"level\\\":\\\"error\\\"}\\x0d\\x1b[2J\xef\xbf\xbd"
                                 "b\\xff\\xc2\\x9b\\\"\" certificate="));
    log_start(NULL, LOG_LEVEL_INFO, LOG_FORM_JSON);
    access_log_write(&answered);
    written();
    assert_non_null(strstr(line, "\"agent\":\"a\\n{\\\"level\\\":\\\"error\\\"}\\u000d\\u001b[2J\xef\xbf\xbd"
                                 "b\\u00ff\\u00c2\\u009b\\\"\",\"certificate\""));
}

/* ---- any octets ------------------------------------------------------------------------------------ */

static uint32_t seed = 3161;

static uint8_t next_octet(void)
{
    /* Half of them from what has a meaning somewhere. */
    static const char special[] = "\"\\\n\r\t{}[]:,=<>\x1b\x7f\x80\xbf\xc0\xc2\xe2\xed\xef\xf0\xf4\xff";

    seed = seed * 1664525u + 1013904223u;
    if (seed >> 31) {
        return (uint8_t)special[(seed >> 8) % sizeof special];
    }
    return (uint8_t)(seed >> 16);
}

static struct bytes rubbish(uint8_t *storage, size_t max)
{
    size_t len, i;

    seed = seed * 1664525u + 1013904223u;
    len = (seed >> 8) % (max + 1);
    for (i = 0; i < len; i++) {
        storage[i] = next_octet();
    }
    return bytes_of(storage, len);
}

/* Skips a JSON string; NULL when there is none. Octets above 0x7f are UTF-8's business (below). */
static const char *skip_string(const char *p)
{
    if (*p++ != '"') {
        return NULL;
    }
    while (*p != '"') {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return NULL;
        }
        if (*p == '\\') {
            p++;
            if (*p == 'u') {
                if (strspn(p + 1, "0123456789abcdef") < 4) {
                    return NULL;
                }
                p += 4;
            } else if (!strchr("\"\\n", *p)) {
                return NULL;
            }
        }
        p++;
    }
    return p + 1;
}

static bool is_flat_json(const char *p, unsigned *out_num)
{
    *out_num = 0;
    if (*p++ != '{') {
        return false;
    }
    for (;; p++) {
        if (!(p = skip_string(p)) || *p++ != ':' || !(p = skip_string(p))) {
            return false;
        }
        ++*out_num;
        if (*p != ',') {
            return strcmp(p, "}\n") == 0;
        }
    }
}

/* UTF-8 as RFC 3629 has it, by its own arithmetic. */
static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        unsigned more = *p < 0x80                 ? 0
                        : *p >= 0xc2 && *p < 0xe0 ? 1
                        : *p >= 0xe0 && *p < 0xf0 ? 2
                        : *p >= 0xf0 && *p < 0xf5 ? 3
                                                  : 9;
        uint32_t value = more == 0 ? *p : more == 1 ? *p & 0x1fu : more == 2 ? *p & 0x0fu : *p & 7u;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        unsigned i;

        if (more > 3) {
            return false;
        }
        for (i = 0, p++; i < more; i++, p++) {
            if ((*p & 0xc0) != 0x80) {
                return false;
            }
            value = value << 6 | (*p & 0x3fu);
        }
        if (value < least[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
            return false;
        }
    }
    return true;
}

static void write_rubbish(const struct netaddr *client)
{
    uint8_t method[300], target[3000], agent[3000];
    char certificate[500];
    struct http_answered answered = answered_of(&stamped, client, client);
    struct bytes name = rubbish((uint8_t *)certificate, sizeof certificate - 1);

    certificate[name.len] = 0;
    answered.method = rubbish(method, sizeof method);
    answered.target = rubbish(target, sizeof target);
    answered.agent = rubbish(agent, sizeof agent);
    answered.certificate = certificate;
    access_log_write(&answered);
}

static void no_rubbish_breaks_a_line(void **state)
{
    const struct netaddr client = address("192.0.2.9");
    unsigned num, i;

    (void)state;
    for (i = 0; i < RUBBISH_RUNS; i++) {
        size_t len;

        log_start("front", LOG_LEVEL_INFO, i % 2 ? LOG_FORM_JSON : LOG_FORM_TEXT);
        write_rubbish(&client);
        len = written();
        assert_true(len <= 4096 && line[len - 1] == '\n' && strlen(line) == len);
        assert_ptr_equal(strchr(line, '\n'), line + len - 1);
        assert_true(is_utf8(line));
        assert_true(strcspn(line, "\r\x1b\x7f") == len);
        if (i % 2) {
            assert_true(is_flat_json(line, &num));
            assert_int_equal(num, 4 + 15); /* time, level, part, msg: nothing was cut off */
        }
        assert_non_null(strstr(line, i % 2 ? ",\"tls\":\"no\"}\n" : " tls=no\n"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_value_in_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_is_not_forged, setup, teardown),
        cmocka_unit_test_setup_teardown(no_rubbish_breaks_a_line, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
