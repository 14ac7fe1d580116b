/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that end before their first request, as the log tells them: who, why, and no more than one line a second of each kind. */
#include "tests/unit/tsa/http/conn_world.h"
#include "tests/unit/tsa/http/tls_world.h"

#include <openssl/ssl.h>

#include "tsa/base/log.h"
#include "tsa/http/http_mishap.h"

static int saved_stderr, reader;
static char line[8192];

static int listen_to_log(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) != 0) {
        return -1;
    }
    saved_stderr = dup(2);
    reader = pair[0];
    log_start("front", LOG_LEVEL_INFO, LOG_FORM_TEXT);
    return dup2(pair[1], 2) == 2 ? close(pair[1]) : -1;
}

static int leave_log(void **state)
{
    (void)state;
    return dup2(saved_stderr, 2) == 2 ? close(saved_stderr) + close(reader) : -1;
}

/* The next line; empty when there is none. */
static const char *next_line(void)
{
    ssize_t n = recv(reader, line, sizeof line - 1, 0);

    line[n > 0 ? n : 0] = 0;
    return line;
}

static void assert_line(const char *level, const char *part)
{
    next_line();
    if (!strstr(line, level) || !strstr(line, part)) {
        print_error("%s %s is not in: %s\n", level, part, line);
    }
    assert_non_null(strstr(line, level));
    assert_non_null(strstr(line, part));
}

static void test_pace(void **state)
{
    struct http_mishap kind = {0}, other = {0};
    struct netaddr from;
    int i;

    (void)state;
    assert_int_equal(netaddr_parse(bytes_str("192.0.2.8"), &from), RC_OK);
    for (i = 0; i < 1000; i++) {
        http_mishap_header(&kind, &from, "began without a PROXY header");
    }
    assert_line("level=warning",
                "192.0.2.8 is listed in clients.proxy_protocol, and its connection began without a PROXY "
                "header; let that proxy send one, or take it off the list\"");
    assert_string_equal(next_line(), "");
    http_mishap_handshake(&other, &from, "why");
    assert_line("level=info", "a TLS handshake with 192.0.2.8 failed: why\"");
    kind.next_at = 0; /* a second later */
    http_mishap_header(&kind, &from, "began without a PROXY header");
    assert_line("level=warning", "(999 more such ends were not told)");
    kind.next_at = 0;
    http_mishap_header(&kind, &from, "began without a PROXY header");
    assert_null(strstr(next_line(), "not told"));
}

static void test_words(void **state)
{
    char out[HTTP_MISHAP_WHY_MAX];

    (void)state;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL); /* its strings */
    assert_string_equal(http_mishap_why(NULL, 0, out), "the connection broke");
    assert_non_null(
        strstr(http_mishap_why(NULL, ERR_PACK(ERR_LIB_SSL, 0, SSL_R_HTTP_REQUEST), out), "plain HTTP"));
    assert_non_null(strstr(http_mishap_why(NULL, ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_UNKNOWN_CA), out),
                           "does not trust"));
    assert_string_equal(http_mishap_why(NULL, ERR_PACK(ERR_LIB_SSL, 0, SSL_R_BAD_EXTENSION), out),
                        "bad extension");
}

static void test_headerless(void **state)
{
    static const struct {
        const char *said, *told;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "its connection began without a PROXY header"},
        {"PROXY TCP4 1", "its connection ended before its PROXY header was whole"},
        {"", NULL}, /* whether the port is open */
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world *w = world_new(&roomy);
        int fd;

        w->wants_header = true;
        fd = join(w);
        assert_int_equal(send(fd, cases[i].said, strlen(cases[i].said), MSG_NOSIGNAL), strlen(cases[i].said));
        turn(w);
        close(fd);
        turn(w);
        assert_int_equal(w->ends[HTTP_END_PROXY_HEADER], 1);
        if (cases[i].told) {
            assert_line("level=warning", cases[i].told);
        } else {
            assert_string_equal(next_line(), "");
        }
        world_free(w);
    }
}

static void shake(struct world *w, int fd, const struct identity *id)
{
    SSL *ssl = client_new(fd, id, TLS1_3_VERSION);
    int i, done = 0;

    for (i = 0; i < 10 && done != 1; i++) {
        ERR_clear_error();
        done = SSL_do_handshake(ssl);
        ERR_clear_error();
        turn(w);
    }
    turn(w);
    SSL_free(ssl);
}

static void test_handshakes(void **state)
{
    struct identity authority = identity_new("authority", false, NULL),
                    server = identity_new("server", false, &authority),
                    stranger = identity_new("stranger", false, NULL);
    SSL_CTX *ctx = server_context(&server, &authority);
    struct http_door door = {HTTP_DOOR_TLS, ctx};
    struct world *w = world_new(&roomy);
    int plain = join_by(w, &door), fd = join_by(w, &door);

    (void)state;
    say(w, plain, "GET / HTTP/1.1\r\n\r\n");
    assert_has(w, "400 Bad Request");
    assert_line("level=info", "failed: the client speaks plain HTTP");
    w->server.unshaken.next_at = 0;
    shake(w, fd, &stranger);
    assert_line("level=info", "failed: the client's certificate is not verified: self");
    assert_int_equal(w->ends[HTTP_END_HANDSHAKE], 2);
    close(plain);
    close(fd);
    world_free(w);
    SSL_CTX_free(ctx);
    identity_free(&authority);
    identity_free(&server);
    identity_free(&stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pace, listen_to_log, leave_log),
        cmocka_unit_test_setup_teardown(test_words, listen_to_log, leave_log),
        cmocka_unit_test_setup_teardown(test_headerless, listen_to_log, leave_log),
        cmocka_unit_test_setup_teardown(test_handshakes, listen_to_log, leave_log),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
