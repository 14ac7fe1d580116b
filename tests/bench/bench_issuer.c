/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the issuer costs beside its signatures: the process in its jail, with a front that only keeps so many requests under way, against raw
 * EVP_PKEY_sign on as many threads. CPU time of the issuer, rounds in turn, medians. Reported, never a gate.
 *
 *     bench_issuer KEY [UNDER_WAY [SECONDS_PER_ROUND [ROUNDS]]]     KEY: P-256, P-384, RSA (2048), RSA-3072, RSA-4096
 *
 * The record is written to the current folder's disk: the cost of a sync is part of it.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/issuer_proc.h"
#include "tsa/issuer/ledger.h"

#define MAX_ROUNDS  101
#define MAX_THREADS 64

static struct {
    struct authority authority;
    char folder[64];
    int dir_fd, parent, front;
    struct clockpage *page;
    int64_t published_ns;
    struct inherit in;
    pid_t pid;
    struct chan_in packet;
    struct chan_out out;
    uint64_t sent, answered;
} b;

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_issuer: %s failed\n", what);
        exit(1);
    }
}

static double wall_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the signature alone ---- */

struct raw {
    pthread_t thread;
    double until, cpu;
    uint64_t num;
};

static void *sign_raw(void *arg)
{
    struct raw *raw = arg;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b.authority.key, NULL);
    uint8_t digest[32] = {1}, signature[1024];
    struct timespec cpu;

    need(ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1, "raw");
    while (wall_seconds() < raw->until) {
        size_t len = sizeof(signature);

        digest[0]++;
        need(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) == 1, "raw");
        raw->num++;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    raw->cpu = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static double raw_rate(double seconds)
{
    const long num =
        sysconf(_SC_NPROCESSORS_ONLN) < MAX_THREADS ? sysconf(_SC_NPROCESSORS_ONLN) : MAX_THREADS;
    static struct raw raws[MAX_THREADS];
    double signatures = 0, cpu = 0;

    for (long i = 0; i < num; i++) {
        raws[i] = (struct raw){.until = wall_seconds() + seconds};
        need(pthread_create(&raws[i].thread, NULL, sign_raw, &raws[i]) == 0, "thread");
    }
    for (long i = 0; i < num; i++) {
        (void)pthread_join(raws[i].thread, NULL);
        signatures += (double)raws[i].num;
        cpu += raws[i].cpu;
    }
    return signatures / cpu;
}

/* ---- the issuer ---- */

static void add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &b.in.fds[b.in.num++];

    need(fd >= 0, name);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static int text_file(struct bytes text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    need(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len, "memfd");
    return fd;
}

static void publish(void)
{
    const int64_t mono = now_mono_ns();
    const struct clockpage_record record = {
        .sampled_mono_ns = mono,
        .expires_mono_ns = mono + CLOCKPAGE_LIFE_NS,
        .bound_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .reference = "system",
    };

    if (mono - b.published_ns > 500000000) {
        clockpage_write(b.page, &record);
        b.published_ns = mono;
    }
}

static void make_parts(void)
{
    char text[1024];
    const int len =
        snprintf(text, sizeof(text),
                 "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"%s\"; };\n"
                 "users = { front = \"\"; issuer = \"\"; clock = \"\"; }; log = { level = \"warning\"; };\n"
                 "units = ( { name = \"unit\"; key = \"k\"; chain = \"c\"; policy = \"2.999.5\"; accuracy = "
                 "\"1 s\"; } );\n",
                 b.folder);
    int pair[2], clock = memfd_create("clock", MFD_CLOEXEC);
    struct wbuf pem;

    b.page = clockpage_open(clock, true);
    publish();
    add_fd("clock", clock);
    add_fd("ledger", open(b.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    add_fd("config", text_file(bytes_of(text, (size_t)len)));
    desk_put_pem(&pem, b.authority.chain[0]);
    add_fd("chain.0", text_file(wbuf_bytes(&pem)));
    wbuf_clear(&pem);
    add_fd("key.0", desk_key_file(b.authority.key, 0600, NULL));
    need(chan_pair(pair) == RC_OK, "chan_pair");
    b.parent = pair[0];
    add_fd("parent", pair[1]);
    need(chan_pair(pair) == RC_OK, "chan_pair");
    b.front = pair[0];
    add_fd("front.0", pair[1]);
}

static bool receive(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    enum rc rc = chan_receive(&b.packet, fd);

    publish();
    if (rc == RC_NOT_FOUND) {
        (void)poll(&wait, 1, 1);
    }
    need(rc == RC_OK || rc == RC_NOT_FOUND, "the issuer");
    return rc == RC_OK;
}

static bool has_said(enum msg_type type)
{
    struct chan_message m;
    bool said = false;

    if (receive(b.parent)) {
        while (chan_next(&b.packet, &m)) {
            said |= m.type == type;
        }
    }
    return said;
}

static void start(enum msg_type until)
{
    b.in.num = 0;
    make_parts();
    (void)fflush(stdout);
    b.pid = fork();
    need(b.pid >= 0, "fork");
    if (b.pid == 0) {
        (void)close(b.parent);
        (void)close(b.front);
        exit(issuer_proc_main(&b.in));
    }
    for (size_t i = 0; i < b.in.num; i++) {
        (void)close(b.in.fds[i].fd);
    }
    while (!has_said(until)) {
    }
}

/* User and system, in seconds. */
static double issuer_cpu(void)
{
    clockid_t id;
    struct timespec t;

    need(clock_getcpuclockid(b.pid, &id) == 0 && clock_gettime(id, &t) == 0, "CPU clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(uint64_t under_way)
{
    enum rc rc;

    while (b.sent - b.answered < under_way) {
        uint8_t imprint[32] = {0};
        const struct msg_stamp m = {.id = b.sent,
                                    .kind = MSG_RFC3161,
                                    .digest = DIGEST_SHA256,
                                    .cert_req = 1,
                                    .data = bytes_of(imprint, sizeof(imprint)),
                                    .nonce = bytes_of("\x12\x34\x56\x78\x9a\xbc\xde\xf0", 8)};

        memcpy(imprint, &b.sent, sizeof(b.sent));
        msg_put_stamp(&b.out, &m);
        b.sent++;
    }
    (void)chan_flush(&b.out, b.front, &rc);
    need(rc == RC_OK, "send");
}

static void take(void)
{
    struct chan_message m;
    struct msg_stamped stamped;

    if (receive(b.front)) {
        while (chan_next(&b.packet, &m)) {
            need(msg_get_stamped(m.body, &stamped) == RC_OK && stamped.rc == RC_OK, "a stamp");
            b.answered++;
        }
    }
}

static double issuer_rate(uint64_t under_way, double seconds, double *out_wall)
{
    const double cpu = issuer_cpu(), begin = wall_seconds();
    const uint64_t before = b.answered;

    while (wall_seconds() - begin < seconds) {
        ask(under_way);
        take();
    }
    *out_wall = (double)(b.answered - before) / (wall_seconds() - begin);
    return (double)(b.answered - before) / (issuer_cpu() - cpu);
}

/* What a reload makes clients wait: from the word to stop, with so many requests under way, to a successor that has the record. */
static void hand_over(uint64_t under_way)
{
    const int parent = b.parent, front = b.front;
    const pid_t pid = b.pid;
    double begin, ended = 0, ready = 0;
    struct chan_out out;
    enum rc rc;

    ask(under_way);
    start(MSG_LOADED);
    chan_out_init(&out, 64);
    msg_put_empty(&out, MSG_STOP);
    begin = wall_seconds();
    need(chan_flush(&out, parent, &rc), "stop");
    while (ended == 0 || ready == 0) {
        if (ready == 0 && has_said(MSG_READY)) {
            ready = wall_seconds() - begin;
        }
        if (ended == 0 && waitpid(pid, NULL, WNOHANG) == pid) {
            ended = wall_seconds() - begin;
        }
    }
    printf("  hand-over with %llu under way: the old one ended after %.1f ms, the new one was ready after "
           "%.1f\n",
           (unsigned long long)under_way, ended * 1e3, ready * 1e3);
    chan_out_clear(&out);
    (void)close(parent);
    (void)close(front);
}

/* ---- the report ---- */

static int compare(const void *a, const void *c)
{
    const double x = *(const double *)a, y = *(const double *)c;

    return (x > y) - (x < y);
}

static double median(double *list, size_t num)
{
    qsort(list, num, sizeof(*list), compare);
    return list[num / 2];
}

static bool count_group(void *arg, uint64_t at, const struct ledger_record *record)
{
    *(uint64_t *)arg += record->group == at;
    return true;
}

static void stop(void)
{
    struct ledger_summary found;
    struct bytes file;
    uint64_t num_groups = 0;

    (void)close(b.front);
    (void)close(b.parent);
    (void)waitpid(b.pid, NULL, 0);
    b.dir_fd = open(b.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    need(ledger_read(b.dir_fd, &file) == RC_OK &&
             ledger_scan(file, count_group, &num_groups, &found) == RC_OK,
         "the record");
    ledger_unread(file);
    printf("  %llu records in %llu groups: %.1f a sync\n", (unsigned long long)found.num,
           (unsigned long long)num_groups, (double)found.num / (double)num_groups);
    (void)unlinkat(b.dir_fd, LEDGER_FILE, 0);
    (void)close(b.dir_fd);
    (void)rmdir(b.folder);
}

int main(int argc, char **argv)
{
    const uint64_t under_way = argc > 2 ? strtoull(argv[2], NULL, 10) : 64;
    const double seconds = argc > 3 ? strtod(argv[3], NULL) : 1;
    const size_t rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 5;
    double raw[MAX_ROUNDS], rate[MAX_ROUNDS], wall[MAX_ROUNDS];

    if (argc < 2 || rounds < 1 || rounds > MAX_ROUNDS || under_way < 1) {
        fprintf(stderr, "usage: bench_issuer KEY [UNDER_WAY [SECONDS_PER_ROUND [ROUNDS]]]\n");
        return 64;
    }
    authority_init(&b.authority, &(struct authority_spec){.key = argv[1]});
    strcpy(b.folder, "./bench_issuer.XXXXXX");
    need(mkdtemp(b.folder) != NULL, "a folder");
    chan_out_init(&b.out, 1u << 24);
    start(MSG_READY);
    for (size_t i = 0; i < rounds; i++) {
        raw[i] = raw_rate(seconds);
        rate[i] = issuer_rate(under_way, seconds, &wall[i]);
    }
    printf("%s: raw %.0f signatures per CPU-second\n", argv[1], median(raw, rounds));
    printf("  issuer: %.0f requests per CPU-second = %.2f of raw; %.0f requests/s with %llu under way\n",
           median(rate, rounds), rate[rounds / 2] / raw[rounds / 2], median(wall, rounds),
           (unsigned long long)under_way);
    hand_over(under_way);
    stop();
    return 0;
}
