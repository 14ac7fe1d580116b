/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doors of a front and who is let in: the counters' own listener, rates and crowds of one client, few descriptors, and TLS inside the jail, which
 * a build without sanitizers shows to fit.
 */
#include "tests/unit/tsa/front/front_world.h"
#include "tests/unit/tsa/http/tls_world.h"
#include "tsa/front/front_doors.h"

static void test_room(void **state)
{
    (void)state;
    assert_int_equal(front_doors_room(256), 182); /* 95 of 100 of what a quarter leaves */
    assert_int_equal(front_doors_room(1024), 912);
    assert_int_equal(front_doors_room(0), 1);
    assert_int_equal(front_doors_room(4), 2);
    for (size_t n = 1; n < 100000; n = n * 3 + 1) {
        assert_true(front_doors_room(front_doors_files(n)) >= n);
        assert_true(n < 200 || front_doors_room(front_doors_files(n)) <= n + 2);
    }
}

static void test_metrics_door(void **state)
{
    const struct extras extras = {.has_metrics = true,
                                  .config = USERS "clients = { deny = [ \"127.0.0.0/8\" ]; };\n"
                                                  "units = ( { " UNIT "} );\n"};
    struct front *f = start_with(&extras);

    (void)state;
    ask_at(f, &f->metrics, "GET /healthz");
    assert_has(f, "HTTP/1.1 200 OK");
    ask_at(f, &f->metrics, "GET /");
    assert_has(f, "HTTP/1.1 404 ");
    ask_at(f, &f->metrics, "DELETE /metrics");
    assert_has(f, "HTTP/1.1 405 ");
    ask_at(f, &f->address, "GET /healthz");
    assert_has(f, "HTTP/1.1 403 ");
    assert_has(f, rc_text(RC_FORBIDDEN));
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_metrics_are_hidden(void **state)
{
    const struct extras extras = {.has_metrics = true};
    struct front *f = start_with(&extras);

    (void)state;
    ask_at(f, &f->address, "GET /metrics");
    assert_has(f, "HTTP/1.1 404 ");
    ask_at(f, &f->address, "POST /metrics");
    assert_has(f, "HTTP/1.1 411 ");
    ask_at(f, &f->address, "GET /healthz");
    assert_has(f, "HTTP/1.1 200 OK");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_rate(void **state)
{
    const struct extras extras = {.config = USERS "clients = { rate = 1; burst = 2; };\n"
                                                  "units = ( { " UNIT "} );\n"};
    struct front *f = start_with(&extras);
    int i, num_late = 0;

    (void)state;
    for (i = 0; i < 6; i++) {
        ask_at(f, &f->address, "GET /healthz");
        if (strstr(f->seen, "HTTP/1.1 429 ")) {
            num_late++;
            assert_has(f, "\r\nRetry-After: 1\r\n");
            assert_has(f, rc_text(RC_RATE));
        }
    }
    assert_in_range(num_late, 1, 4);
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_crowd_of_one_client(void **state)
{
    const struct extras extras = {.config = USERS "clients = { connections = 2; };\n"
                                                  "units = ( { " UNIT "} );\n"};
    struct front *f = start_with(&extras);
    int a = join(f), b = join(f), i;

    (void)state;
    usleep(50000);
    read_answer(f, join(f));
    assert_has(f, "HTTP/1.1 429 ");
    assert_has(f, rc_text(RC_CROWDED));
    close(a);
    for (i = 0; i < 100; i++) { /* until the front has seen it */
        ask_at(f, &f->address, "GET /healthz");
        if (strstr(f->seen, "alive")) {
            break;
        }
        usleep(10000);
    }
    assert_has(f, "alive");
    close(b);
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* With few descriptors all clients that come at once are served in turn, and it is well at once when they have gone. */
static void test_few_descriptors(void **state)
{
    const struct extras extras = {.num_files = 256};
    struct front *f = start_with(&extras);
    int fds[300], i, num_open = 0;
    int64_t start_ns;

    (void)state;
    for (i = 0; i < 300; i++) {
        fds[i] = join(f);
    }
    usleep(300000);
    ask_at(f, &f->address, "GET /healthz"); /* the silent ones make room after a second */
    assert_has(f, "alive");
    for (i = 0; i < 300; i++) {
        char octet;

        num_open += recv(fds[i], &octet, 1, MSG_DONTWAIT) < 0;
        close(fds[i]);
    }
    assert_in_range(num_open, 100, 300); /* who may raise the limit lets all of them in */
    start_ns = now_mono_ns();
    ask_at(f, &f->address, "GET /healthz");
    assert_has(f, "alive");
    assert_true(now_mono_ns() - start_ns < INT64_C(1000000000));
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* ---- TLS in the jail ------------------------------------------------------------------------------- */

static SSL *shake(const struct front *f, const struct identity *id, int version)
{
    int fd = join_at(&f->tls);
    const struct timeval patience = {10, 0};
    SSL *ssl = client_new(fd, id, version);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (SSL_connect(ssl) != 1) {
        ERR_print_errors_fp(stderr);
        SSL_free(ssl);
        close(fd);
        return NULL;
    }
    return ssl;
}

static void ask_tls(struct front *f, SSL *ssl, const char *head)
{
    char text[500];
    int num;

    assert_non_null(ssl);
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s", head,
             strncmp(head, "POST", 4) == 0 ? "Content-Length: 1\r\n\r\nx" : "\r\n");
    assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), strlen(text));
    f->seen_len = 0;
    while ((num = SSL_read(ssl, f->seen + f->seen_len, (int)(sizeof f->seen - 1 - f->seen_len))) > 0) {
        f->seen_len += (size_t)num;
    }
    f->seen[f->seen_len] = 0;
    assert_true(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

static void test_tls(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct identity authority = identity_new("authority", true, NULL),
                    strange = identity_new("strange", false, NULL), servers[2], clients[2];
    size_t i, j;

    (void)state;
    for (i = 0; i < 2; i++) { /* RSA, then elliptic */
        servers[i] = identity_new("server.test", i == 0, &authority);
        clients[i] = identity_new(i ? "builder" : "old builder", i == 0, &authority);
    }
    for (i = 0; i < 2; i++) {
        const struct extras extras = {
            .certificate = servers[i].cert_pem,
            .key = servers[i].key_pem,
            .client_ca = authority.cert_pem,
            .config =
                USERS "tls = { listen = [ \"127.0.0.1:443\" ]; certificate = \"none\"; key = \"none\"; "
                      "client_ca = \"none\"; };\n"
                      "units = ( { " UNIT "client_certificate = true; client_names = [ \"builder\" ]; } );\n",
        };
        struct front *f = start_with(&extras);

        for (j = 0; j < 2; j++) {
            SSL *stranger = shake(f, &strange, versions[j]);

            ask_tls(f, shake(f, NULL, versions[j]), "GET /healthz");
            assert_has(f, "alive");
            ask_tls(f, shake(f, NULL, versions[j]), "POST /");
            assert_has(f, "HTTP/1.1 403 ");
            assert_has(f, "none was shown");
            ask_tls(f, shake(f, &clients[0], versions[j]), "POST /");
            assert_has(f, "HTTP/1.1 403 ");
            assert_has(f, "does not know the name");
            ask_tls(f, shake(f, &clients[1], versions[j]), "POST /");
            assert_has(f, "HTTP/1.1 4"); /* let in, and told that its body is none */
            assert_null(strstr(f->seen, " 403 "));
            if (stranger) { /* TLS 1.3 tells it with the first octets */
                char octet;

                assert_true(SSL_read(stranger, &octet, 1) <= 0);
                close(SSL_get_fd(stranger));
                SSL_free(stranger);
            }
        }
        ask_at(f, &f->tls, "GET /");
        assert_has(f, "HTTP/1.1 400 ");
        assert_has(f, "https://");
        ERR_clear_error();
        say_stop(f);
        assert_int_equal(end_of(f), 0);
    }
    for (i = 0; i < 2; i++) {
        identity_free(&servers[i]);
        identity_free(&clients[i]);
    }
    identity_free(&authority);
    identity_free(&strange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_metrics_door),
        cmocka_unit_test(test_metrics_are_hidden),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_crowd_of_one_client),
        cmocka_unit_test(test_few_descriptors),
        cmocka_unit_test(test_tls),
    };

    return cmocka_run_group_tests(tests, make_lab, drop_lab);
}
