/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole front process, jailed, with the test as parent, issuer and client: what the tests of the process and of its doors share. Certificates of
 * the unit come from the lab authority, the network is loopback.
 */
#ifndef TESTS_UNIT_TSA_FRONT_FRONT_WORLD_H
#define TESTS_UNIT_TSA_FRONT_FRONT_WORLD_H

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
#include <sys/resource.h>
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

#define USERS "users = { front = \"\"; issuer = \"\"; clock = \"\"; };\n"
#define UNIT  "name = \"main\"; key = \"none\"; chain = \"none\"; policy = \"1.2.3.4\"; "
static const char config[] = USERS "units = ( { " UNIT "} );\n";

/* What a front may get beside the usual. */
struct extras {
    const char *config;                        /* NULL = the usual */
    bool has_metrics;                          /* a door of the counters */
    const char *certificate, *key, *client_ca; /* texts; with a certificate there is a door for TLS */
    unsigned num_files;                        /* RLIMIT_NOFILE; 0 = leave */
};

struct front {
    pid_t pid;
    int parent, issuer;
    struct sockaddr_in address, tls, metrics;
    struct chan_in in;
    char seen[1 << 17];
    size_t seen_len;
};

static inline int memfd_of(const void *data, size_t len)
{
    int fd = memfd_create("test", 0);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static inline int memfd_of_file(const char *path)
{
    struct wbuf text;
    int fd;

    wbuf_init(&text, 1 << 20);
    assert_int_equal(safefile_read(path, 1 << 20, &text), RC_OK);
    fd = memfd_of(text.data, text.len);
    wbuf_clear(&text);
    return fd;
}

static inline void name_fd(struct inherit *in, const char *name, int fd)
{
    snprintf(in->fds[in->num].name, sizeof in->fds[in->num].name, "%s", name);
    in->fds[in->num++].fd = fd;
}

static inline int listen_tcp(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
    return fd;
}

static inline void await_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

static inline void await_message(struct chan_in *in, int fd, unsigned type, struct chan_message *out)
{
    while (!chan_next(in, out)) {
        await_readable(fd);
        assert_int_equal(chan_receive(in, fd), RC_OK);
    }
    assert_int_equal(out->type, type);
}

static inline void name_text(struct inherit *in, const char *name, const char *text)
{
    if (text) {
        name_fd(in, name, memfd_of(text, strlen(text)));
    }
}

static inline void run_child(struct inherit *in, const struct extras *extras)
{
    const struct rlimit few = {.rlim_cur = extras->num_files, .rlim_max = extras->num_files};

    if (extras->num_files) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    }
    _exit(front_proc_main(in));
}

static inline struct front *start_with(const struct extras *extras)
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
    name_text(&in, "config", extras->config ? extras->config : config);
    name_text(&in, "tls_certificate", extras->certificate);
    name_text(&in, "tls_key", extras->key);
    name_text(&in, "tls_client_ca", extras->client_ca);
    if (extras->certificate) {
        name_fd(&in, "tls.0", listen_tcp(&f->tls));
    }
    if (extras->has_metrics) {
        name_fd(&in, "metrics.0", listen_tcp(&f->metrics));
    }
    name_fd(&in, "chain.0", memfd_of_file(lab.files[LAB_CHAIN]));
    name_fd(&in, "root.0", memfd_of_file(lab.files[LAB_ROOT_PEM]));
    f->pid = fork();
    if (f->pid == 0) {
        close(parent[1]);
        close(issuer[1]);
        run_child(&in, extras);
    }
    while (in.num > 0) {
        close(in.fds[--in.num].fd);
    }
    f->parent = parent[1];
    f->issuer = issuer[1];
    await_message(&f->in, f->parent, MSG_READY, &message);
    return f;
}

static inline struct front *start(void)
{
    const struct extras none = {0};

    return start_with(&none);
}

/* Waits for the end and gives the exit code; a signal is a failure. */
static inline int end_of(struct front *f)
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

static inline void say_word(struct front *f, enum msg_type type)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 1000);
    msg_put_empty(&out, type);
    assert_true(chan_flush(&out, f->parent, &rc));
    chan_out_clear(&out);
}

static inline void say_stop(struct front *f)
{
    say_word(f, MSG_STOP);
}

static inline int join_at(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static inline int join(const struct front *f)
{
    return join_at(&f->address);
}

static inline int ask(const struct front *f, const char *head, const char *type, struct bytes body)
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

static inline void read_answer(struct front *f, int fd)
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

static inline void assert_has(const struct front *f, const char *part)
{
    if (!strstr(f->seen, part)) {
        print_error("seen: %s\nnot there: %s\n", f->seen, part);
    }
    assert_non_null(strstr(f->seen, part));
}

static inline void answer_stamp(struct front *f, int issuer, unsigned kind)
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

static inline void answer_facts(struct front *f, bool ready)
{
    struct chan_message message;
    struct msg_facts msg = {.facts = {.ready = ready,
                                      .reason = ready ? RC_OK : RC_CLOCK_UNSYNCHRONISED,
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

static inline struct bytes tsq(void)
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

static inline void ask_at(struct front *f, const struct sockaddr_in *address, const char *head)
{
    char text[500];
    int fd = join_at(address);

    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", head);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    read_answer(f, fd);
}

static inline int make_lab(void **state)
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

static inline int drop_lab(void **state)
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

#endif
