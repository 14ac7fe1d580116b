/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole process, jailed, with the test as parent, issuer and client: ready, both protocols, every view, an issuer that is
 * replaced, the graceful stop and the end of the parent. Certificates come from the lab authority, the network is loopback.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs/lab.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/front/front_proc.h"
#include "tsa/role/msg.h"

#define WAIT_MS 10000

static char dir[] = "/tmp/tsa-front-XXXXXX";
static struct lab lab;

static const char config[] =
    "users = { front = \"\"; issuer = \"\"; clock = \"\"; };\n"
    "units = ( { name = \"main\"; key = \"none\"; chain = \"none\"; policy = \"1.2.3.4\"; } );\n";

struct front {
    pid_t pid;
    int parent, issuer;
    struct sockaddr_in address;
    struct chan_in in;
    char seen[1 << 17];
    size_t seen_len;
};

static int memfd_of(const void *data, size_t len)
{
    int fd = memfd_create("test", 0);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static int memfd_of_file(const char *path)
{
    struct wbuf text;
    int fd;

    wbuf_init(&text, 1 << 20);
    assert_int_equal(safefile_read(path, 1 << 20, &text), RC_OK);
    fd = memfd_of(text.data, text.len);
    wbuf_clear(&text);
    return fd;
}

static void name_fd(struct inherit *in, const char *name, int fd)
{
    snprintf(in->fds[in->num].name, sizeof in->fds[in->num].name, "%s", name);
    in->fds[in->num++].fd = fd;
}

static int listen_tcp(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
    return fd;
}

static void await_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

static void await_message(struct chan_in *in, int fd, unsigned type, struct chan_message *out)
{
    while (!chan_next(in, out)) {
        await_readable(fd);
        assert_int_equal(chan_receive(in, fd), RC_OK);
    }
    assert_int_equal(out->type, type);
}

static struct front *start(void)
{
    struct front *f = calloc(1, sizeof *f);
    struct inherit in = {.role = "front"};
    struct chan_message message;
    int parent[2], issuer[2], listening;

    assert_non_null(f);
    assert_int_equal(chan_pair(parent), RC_OK);
    assert_int_equal(chan_pair(issuer), RC_OK);
    listening = listen_tcp(&f->address);
    name_fd(&in, "parent", parent[0]);
    name_fd(&in, "issuer", issuer[0]);
    name_fd(&in, "listen.0", listening);
    name_fd(&in, "config", memfd_of(config, sizeof config - 1));
    name_fd(&in, "chain.0", memfd_of_file(lab.files[LAB_CHAIN]));
    name_fd(&in, "root.0", memfd_of_file(lab.files[LAB_ROOT_PEM]));
    f->pid = fork();
    if (f->pid == 0) {
        close(parent[1]);
        close(issuer[1]);
        _exit(front_proc_main(&in));
    }
    while (in.num > 0) {
        close(in.fds[--in.num].fd);
    }
    f->parent = parent[1];
    f->issuer = issuer[1];
    await_message(&f->in, f->parent, MSG_READY, &message);
    return f;
}

/* Waits for the end and gives the exit code; a signal is a failure. */
static int end_of(struct front *f)
{
    int64_t start_ns = now_mono_ns();
    int status = 0;

    while (waitpid(f->pid, &status, WNOHANG) == 0) {
        if (now_mono_ns() - start_ns > WAIT_MS * INT64_C(1000000)) {
            kill(f->pid, SIGKILL);
        }
        usleep(2000);
    }
    assert_true(WIFEXITED(status));
    if (f->parent >= 0) {
        close(f->parent);
    }
    close(f->issuer);
    free(f);
    return WEXITSTATUS(status);
}

static void say_stop(struct front *f)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 1000);
    msg_put_empty(&out, MSG_STOP);
    assert_true(chan_flush(&out, f->parent, &rc));
    chan_out_clear(&out);
}

static int join(const struct front *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&f->address, sizeof f->address), 0);
    return fd;
}

static int ask(const struct front *f, const char *head, const char *type, struct bytes body)
{
    char text[500];
    int fd = join(f);

    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: tsa.test:80\r\nConnection: close\r\n%s%sContent-Length: %zu\r\n\r\n", head,
             type, type[0] ? "\r\n" : "", body.len);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    if (body.len) {
        assert_int_equal(send(fd, body.data, body.len, MSG_NOSIGNAL), body.len);
    }
    return fd;
}

static void read_answer(struct front *f, int fd)
{
    ssize_t num;

    f->seen_len = 0;
    do {
        await_readable(fd);
        num = read(fd, f->seen + f->seen_len, sizeof f->seen - 1 - f->seen_len);
        f->seen_len += num > 0 ? (size_t)num : 0;
    } while (num > 0);
    f->seen[f->seen_len] = 0;
    close(fd);
}

static void assert_has(const struct front *f, const char *part)
{
    if (!strstr(f->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", f->seen, part);
    }
    assert_non_null(strstr(f->seen, part));
}

static void answer_stamp(struct front *f, int issuer, unsigned kind)
{
    struct chan_message message;
    struct msg_stamp stamp;
    struct msg_stamped stamped = {.rc = RC_OK, .reply = bytes_str("0a token")};
    struct chan_out out;
    enum rc rc;

    await_message(&f->in, issuer, MSG_STAMP, &message);
    assert_int_equal(msg_get_stamp(message.body, &stamp), RC_OK);
    assert_int_equal(stamp.kind, kind);
    chan_out_init(&out, 1 << 16);
    stamped.id = stamp.id;
    msg_put_stamped(&out, &stamped);
    assert_true(chan_flush(&out, issuer, &rc));
    chan_out_clear(&out);
}

static void answer_facts(struct front *f, bool ready)
{
    struct chan_message message;
    struct msg_facts msg = {.facts = {.ready = ready,
                                      .reason = ready ? RC_OK : RC_CLOCK_UNTRUSTED,
                                      .clock_bound_ns = -1,
                                      .clock_age_ns = -1,
                                      .ledger_sequence = 77}};
    struct chan_out out;
    enum rc rc;

    await_message(&f->in, f->issuer, MSG_ASK_FACTS, &message);
    assert_int_equal(msg_get_ask_facts(message.body, &msg.id), RC_OK);
    chan_out_init(&out, 1 << 16);
    msg_put_facts(&out, &msg);
    assert_true(chan_flush(&out, f->issuer, &rc));
    chan_out_clear(&out);
}

static struct bytes tsq(void)
{
    static uint8_t storage[300], hash[32] = {1};
    struct wbuf w;
    struct tsp_request request = {
        .imprint = {.alg = DIGEST_SHA256, .alg_oid = oid_bytes(OID_SHA256), .hash = bytes_of(hash, 32)}};

    wbuf_init_fixed(&w, storage, sizeof storage);
    tsp_request_build(&w, &request);
    return wbuf_bytes(&w);
}

#define TSQ_TYPE "Content-Type: application/timestamp-query"

static void test_stamps_and_stops(void **state)
{
    static uint8_t legacy_storage[400], blob[256];
    struct front *f = start();
    struct wbuf legacy;
    int fd;

    (void)state;
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "HTTP/1.1 200 OK");
    assert_has(f, "\r\n\r\n0a token");
    wbuf_init_fixed(&legacy, legacy_storage, sizeof legacy_storage);
    msauth_request_build(&legacy, bytes_of(blob, sizeof blob));
    fd = ask(f, "POST /authenticode", "", wbuf_bytes(&legacy));
    answer_stamp(f, f->issuer, MSG_AUTHENTICODE);
    read_answer(f, fd);
    assert_has(f, "\r\n\r\nMGEgdG9rZW4=");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_views(void **state)
{
    static const struct {
        const char *head, *part;
    } views[] = {
        {"GET /healthz", "\r\n\r\nalive\n"},
        {"GET /", "<h1>Timestamp authority</h1>"},
        {"GET /", "signtool timestamp /tr http://tsa.test:80/ "},
        {"GET /readyz", "\r\n\r\nready\n"},
        {"GET /status.json", "\"records\":77"},
        {"GET /metrics", "tsa_ledger_records_total 77\n"},
        {"GET /chain.pem", "-----BEGIN CERTIFICATE-----\n"},
        {"GET /main/root.pem", "-----BEGIN CERTIFICATE-----\n"},
        {"GET /root.cer", "Content-Type: application/pkix-cert\r\n"},
        {"GET /chain.p7b", "Content-Type: application/x-pkcs7-certificates\r\n"},
        {"HEAD /", "Content-Type: text/html; charset=utf-8\r\n"},
        {"GET /nothing", "HTTP/1.1 404 Not Found"},
        {"DELETE /", "Allow: GET, HEAD, POST\r\n"},
    };
    struct front *f = start();
    size_t i;

    (void)state;
    for (i = 0; i < sizeof views / sizeof views[0]; i++) {
        int fd = ask(f, views[i].head, "", BYTES_NONE);

        if (i == 1) {
            answer_facts(f, true); /* kept for a second */
        }
        read_answer(f, fd);
        assert_has(f, views[i].part);
    }
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_not_ready(void **state)
{
    struct front *f = start();
    int fd = ask(f, "GET /readyz", "", BYTES_NONE);

    (void)state;
    answer_facts(f, false);
    read_answer(f, fd);
    assert_has(f, "HTTP/1.1 503 Service Unavailable");
    assert_has(f, rc_text(RC_CLOCK_UNTRUSTED));
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* Who waits while issuers change is answered by the new one. */
/* What the old issuer has not answered the new one is asked, and the client never knows. */
static void test_new_issuer(void **state)
{
    struct front *f = start();
    int fd, pair[2];

    (void)state;
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    await_readable(f->issuer);
    close(f->issuer);
    read_answer(f, ask(f, "GET /readyz", "", BYTES_NONE));
    assert_has(f, "HTTP/1.1 503 ");
    assert_int_equal(chan_pair(pair), RC_OK);
    assert_int_equal(chan_send_fd(f->parent, MSG_PEER, BYTES_NONE, pair[0]), RC_OK);
    close(pair[0]);
    f->issuer = pair[1];
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "0a token");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

/* The channel breaks, and the parent knows nothing of it: only a new process gets a new one. A channel that comes in time is enough. */
static void test_alone(void **state)
{
    struct front *saved = start(), *lost = start();
    int pair[2];

    (void)state;
    assert_int_equal(send(saved->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    assert_int_equal(send(lost->issuer, "nonsense", 8, MSG_NOSIGNAL), 8);
    usleep(100000);
    assert_int_equal(chan_pair(pair), RC_OK);
    assert_int_equal(chan_send_fd(saved->parent, MSG_PEER, BYTES_NONE, pair[0]), RC_OK);
    close(pair[0]);
    assert_int_equal(end_of(lost), 70);
    usleep(500000);
    read_answer(saved, ask(saved, "GET /healthz", "", BYTES_NONE));
    assert_has(saved, "alive");
    say_stop(saved);
    assert_int_equal(end_of(saved), 0);
    close(pair[1]);
}

/* What was received whole before the stop is answered after it; who only half asked, and who idles, is let go. */
static void test_graceful_stop(void **state)
{
    struct front *f = start();
    int idle = join(f), half = join(f), fd;
    int64_t start_ns;

    (void)state;
    assert_int_equal(send(half, "POST / HTTP/1.1\r\n", 17, 0), 17);
    fd = ask(f, "POST /", TSQ_TYPE, tsq());
    await_readable(f->issuer);
    say_stop(f);
    start_ns = now_mono_ns();
    read_answer(f, idle);
    assert_int_equal(f->seen_len, 0);
    read_answer(f, half);
    answer_stamp(f, f->issuer, MSG_RFC3161);
    read_answer(f, fd);
    assert_has(f, "0a token");
    assert_has(f, "Connection: close");
    assert_int_equal(end_of(f), 0);
    assert_true(now_mono_ns() - start_ns < INT64_C(3000000000));
}

/* A terminal's signal to the whole group is the parent's to answer. */
static void test_signals_are_the_parents(void **state)
{
    struct front *f = start();
    int fd;

    (void)state;
    kill(f->pid, SIGINT);
    kill(f->pid, SIGTERM);
    kill(f->pid, SIGHUP);
    fd = ask(f, "GET /healthz", "", BYTES_NONE);
    read_answer(f, fd);
    assert_has(f, "alive");
    say_stop(f);
    assert_int_equal(end_of(f), 0);
}

static void test_parent_ends(void **state)
{
    struct front *f = start();
    int fd = ask(f, "POST /", TSQ_TYPE, tsq());

    (void)state;
    await_readable(f->issuer);
    close(f->parent);
    f->parent = -1;
    assert_int_not_equal(end_of(f), 0);
    close(fd);
}

static int make_lab(void **state)
{
    struct lab_options options = lab_defaults;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    options.ca_key = options.tsa_key = options.codesign_key = KEYFILE_P256;
    if (!mkdtemp(dir) || lab_init(&lab, dir) != RC_OK || lab_make(&lab, &options, now_real()) != RC_OK) {
        print_error("%s\n", lab.error);
        return -1;
    }
    return 0;
}

static int drop_lab(void **state)
{
    int i;

    (void)state;
    for (i = LAB_NUM_FILES - 1; i >= 0; i--) {
        if (i != LAB_CA_DIR) {
            unlink(lab.files[i]);
        }
    }
    rmdir(lab.files[LAB_CA_DIR]);
    rmdir(dir);
    lab_clear(&lab);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps_and_stops), cmocka_unit_test(test_views),
        cmocka_unit_test(test_not_ready),        cmocka_unit_test(test_new_issuer),
        cmocka_unit_test(test_graceful_stop),    cmocka_unit_test(test_signals_are_the_parents),
        cmocka_unit_test(test_parent_ends),      cmocka_unit_test(test_alone),
    };

    return cmocka_run_group_tests(tests, make_lab, drop_lab);
}
