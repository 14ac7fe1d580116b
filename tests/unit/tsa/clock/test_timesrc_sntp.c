/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SNTP source with sockets of its own and servers that are sockets of this test: what is asked and when, which datagrams are heard, what is known
 * then. The clocks are the test's; the quick timer of the first round is the machine's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"
#include "tsa/clock/sntp_server.h"
#include "tsa/role/timeserver.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define POLL   (64 * SECOND)
#define START  (INT64_C(1795000000) * SECOND)
#define MOST   5

static struct {
    struct settings settings;
    struct inherit in;
    int servers[MOST]; /* -1: not resolved */
    struct address addresses[MOST];
    size_t num;
    void *source;
    int64_t mono, real_minus_mono;
} t;

/* ---- clocks ---- */

static void read_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = gentime_add_ns((struct gentime){0}, t.mono + t.real_minus_mono);
}

static int64_t read_mono(void *arg)
{
    (void)arg;
    return t.mono;
}

/* ---- start and end ---- */

static int file_of(const void *data, size_t len)
{
    const int fd = memfd_create("file", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void load_settings(const char *max_age)
{
    char text[2048];
    struct cfg_errors errors = {0};
    int len = snprintf(text, sizeof(text),
                       "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; ledger = { dir = \"l\"; };\n"
                       "units = ( { name = \"u\"; key = \"k\"; chain = \"c\"; policy = \"2.999.1\"; } );\n"
                       "clock = { source = \"sntp\"; poll = \"64 s\"; max_age = \"%s\"; servers = (",
                       max_age);
    char address[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < t.num; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s { address = \"%s\"; }", i ? "," : "",
                        t.servers[i] < 0 ? "time.example.org" : address_text(&t.addresses[i], address));
    }
    (void)snprintf(text + len, sizeof(text) - (size_t)len, "); };\n");
    if (settings_parse("tsa.conf", text, &t.settings, &errors) != RC_OK) {
        fail_msg("%s", errors.num ? errors.list[0] : "no settings");
    }
}

static int open_server(int family, struct address *out)
{
    const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const char *why;

    assert_true(fd >= 0);
    assert_int_equal(address_parse(family == AF_INET ? "127.0.0.1:0" : "[::1]:0", out, &why), RC_OK);
    assert_int_equal(bind(fd, &out->sock.any, out->len), 0);
    assert_int_equal(getsockname(fd, &out->sock.any, &out->len), 0);
    return fd;
}

/* families: '4', '6', and '?' for one whose name is not resolved. */
static void start_with(const char *families, const char *max_age)
{
    static const struct now_source clocks = {.real = read_real, .mono_ns = read_mono, .raw_ns = read_mono};
    struct wbuf lines;

    memset(&t, 0, sizeof(t));
    wbuf_init(&lines, 4096);
    t.num = strlen(families);
    for (size_t i = 0; i < t.num; i++) {
        t.servers[i] =
            families[i] == '?' ? -1 : open_server(families[i] == '4' ? AF_INET : AF_INET6, &t.addresses[i]);
        timeserver_put_line(&lines, t.servers[i] < 0 ? NULL : &t.addresses[i]);
    }
    load_settings(max_age);
    assert_int_equal(wbuf_rc(&lines), RC_OK);
    t.in = (struct inherit){.role = "@clock", .num = 1};
    (void)snprintf(t.in.fds[0].name, sizeof(t.in.fds[0].name), "servers");
    t.in.fds[0].fd = file_of(wbuf_bytes(&lines).data, wbuf_bytes(&lines).len);
    wbuf_clear(&lines);
    t.mono = 1000 * SECOND;
    t.real_minus_mono = START - t.mono;
    now_set_source(&clocks);
    t.source = timesrc_sntp.open(&t.settings, &t.in);
}

static int end(void **state)
{
    (void)state;
    if (t.source) {
        timesrc_sntp.close(t.source);
        t.source = NULL;
    }
    for (size_t i = 0; i < t.num; i++) {
        if (t.servers[i] >= 0) {
            (void)close(t.servers[i]);
        }
    }
    settings_clear(&t.settings);
    now_set_source(NULL);
    return 0;
}

/* ---- a server's side ---- */

struct question {
    uint8_t packet[SNTP_PACKET_LEN];
    struct address from;
};

static bool hear(size_t server, struct question *out)
{
    out->from = (struct address){.len = sizeof(out->from.sock)};
    return recvfrom(t.servers[server], out->packet, sizeof(out->packet), 0, &out->from.sock.any,
                    &out->from.len) == SNTP_PACKET_LEN;
}

static void make(const struct question *question, int64_t offset_ns, uint8_t out[SNTP_PACKET_LEN])
{
    const uint64_t time = sntp_put_time(t.mono + t.real_minus_mono + offset_ns);

    memset(out, 0, SNTP_PACKET_LEN);
    out[0] = 4 << 3 | 4;
    out[1] = 2;
    out[3] = (uint8_t)-20;
    memcpy(out + 12, "\xc0\0\2\7", 4);
    memcpy(out + 24, question->packet + 40, 8);
    for (size_t i = 0; i < 8; i++) {
        out[32 + i] = out[40 + i] = (uint8_t)(time >> (56 - 8 * i));
    }
}

static void send_from(int fd, const struct question *question, const uint8_t *packet, size_t len)
{
    assert_int_equal(sendto(fd, packet, len, 0, &question->from.sock.any, question->from.len), (ssize_t)len);
}

/* Each server that was asked answers; returns how many were. */
static size_t all_answer(int64_t offset_ns)
{
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];
    size_t num = 0;

    for (size_t i = 0; i < t.num; i++) {
        if (t.servers[i] >= 0 && hear(i, &question)) {
            make(&question, offset_ns, packet);
            send_from(t.servers[i], &question, packet, sizeof(packet));
            num++;
        }
    }
    return num;
}

static size_t num_asked(void)
{
    struct question question;
    size_t num = 0;

    for (size_t i = 0; i < t.num; i++) {
        num += t.servers[i] >= 0 && hear(i, &question);
    }
    return num;
}

static bool was_asked(size_t server)
{
    struct question question;

    return hear(server, &question);
}

static void pass(int64_t ns)
{
    t.mono += ns;
    timesrc_sntp.ask(t.source, t.mono);
}

static struct timesrc_sample sample(void)
{
    struct timesrc_sample s;

    timesrc_sntp.sample(t.source, &s);
    return s;
}

static uint32_t state_of(size_t server)
{
    struct clockpage_servers s;

    (void)sample();
    timesrc_sntp.servers(t.source, &s);
    return s.list[server].state;
}

/* Lets the first round be over; every server has answered. */
static void start_over(const char *families)
{
    start_with(families, "1 h");
    pass(0);
    assert_true(all_answer(0) > 0);
    assert_true(timesrc_sntp.take(t.source));
    pass(3 * SECOND);
    assert_int_equal(num_asked(), 0);
}

/* ---- asking ---- */

static void asks_without_telling_anything(void **unused)
{
    struct question one, other;

    (void)unused;
    start_with("444", "1 h");
    assert_int_equal(num_asked(), 0);
    pass(0);
    assert_true(hear(0, &one) && hear(1, &other));
    assert_int_equal(one.packet[0], 0x23);
    assert_true(bytes_are_zero(bytes_of(one.packet + 1, 39)));
    assert_false(bytes_are_zero(bytes_of(one.packet + 40, 8)));
    assert_memory_not_equal(one.packet + 40, other.packet + 40, 8);
    pass(SECOND / 2); /* its answer is still to come */
    assert_false(was_asked(0));
}

static void begins_with_a_quick_round(void **unused)
{
    struct pollfd fds[TIMESRC_MAX_FDS];
    size_t num_rounds = 0;

    (void)unused;
    start_with("4444", "1 h");
    pass(0);
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    assert_int_equal(timesrc_sntp.fds(t.source, fds), 5); /* the timer too */
    for (int i = 0; i < 8 && timesrc_sntp.fds(t.source, fds) == 5; i++) {
        if (all_answer(0) == 4) {
            assert_true(timesrc_sntp.take(t.source));
            num_rounds++;
        }
        t.mono += 250 * MS;
        assert_int_equal(poll(fds, 1, 10000), 1);
        (void)timesrc_sntp.take(t.source);
    }
    assert_int_equal(num_rounds, SNTP_NUM_QUICK);
    assert_int_equal(timesrc_sntp.fds(t.source, fds), 4);
    assert_int_equal(sample().rc, RC_OK);
    assert_int_equal(sample().measurement, 16);
    for (int i = 0; i < 50; i++) {
        pass(SECOND);
        assert_int_equal(num_asked(), 0);
    }
}

static void says_unknown_before_the_first_round_is_over(void **unused)
{
    (void)unused;
    start_with("4444", "1 h");
    pass(0);
    pass(SECOND);
    assert_int_equal(sample().rc, RC_CLOCK_UNKNOWN);
    assert_false(timesrc_sntp.take(t.source));
    pass(SECOND);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    assert_int_equal(state_of(0), CLOCKPAGE_SERVER_SILENT);
}

static void asks_once_a_poll_and_not_all_at_once(void **unused)
{
    int64_t asked[MOST] = {0};
    size_t num = 0;

    (void)unused;
    start_over("44444");
    for (int64_t at = 3; at <= 70; at++) {
        pass(SECOND);
        for (size_t i = 0; i < t.num; i++) {
            if (asked[i] == 0 && was_asked(i)) {
                asked[i] = t.mono - 1000 * SECOND;
                assert_in_range(asked[i], POLL * 15 / 16, POLL * 17 / 16 + SECOND);
                num++;
            }
        }
    }
    assert_int_equal(num, 5);
}

static void asks_less_often_who_does_not_answer(void **unused)
{
    int64_t last = 0, pause[8];
    size_t num = 0;

    (void)unused;
    start_over("444");
    for (int64_t at = 0; at < 4000 && num < 8; at++) {
        pass(SECOND / 4);
        if (was_asked(1)) {
            pause[num++] = last ? t.mono - last : 0;
            last = t.mono;
        }
    }
    /* 2, 4, 8, 16, 32 s, then each poll */
    for (size_t i = 1; i < 6; i++) {
        const int64_t about = (2 * SECOND) << (i - 1);

        assert_in_range(pause[i], about * 15 / 16, about * 17 / 16 + SECOND / 2);
    }
    assert_in_range(pause[6], POLL * 14 / 16, POLL * 17 / 16 + SECOND / 2);
    assert_in_range(pause[7], POLL * 14 / 16, POLL * 17 / 16 + SECOND / 2);
}

/* ---- answers ---- */

static void knows_the_time_from_a_majority(void **unused)
{
    struct clockpage_servers s;
    struct timesrc_sample known;

    (void)unused;
    start_with("446", "1 h");
    t.real_minus_mono += 40 * MS; /* ours is ahead */
    pass(0);
    assert_int_equal(all_answer(-40 * MS), 3);
    assert_true(timesrc_sntp.take(t.source));
    known = sample();
    assert_int_equal(known.rc, RC_OK);
    assert_in_range(known.bound_ns, 40 * MS, 41 * MS);
    assert_in_range(known.least_ns, 39 * MS, 40 * MS);
    assert_int_equal(known.mono_ns, t.mono);
    assert_int_equal(known.measured_mono_ns, t.mono);
    assert_string_equal(known.reference, "sntp 3 of 3 servers");
    timesrc_sntp.servers(t.source, &s);
    assert_int_equal(s.num, 3);
    assert_int_equal(s.list[2].state, CLOCKPAGE_SERVER_GOOD);
    assert_in_range(s.list[2].offset_ns, -41 * MS, -39 * MS);
    assert_string_equal(s.list[2].address, settings_server(&t.settings, 2)->address);
    assert_false(timesrc_sntp.take(t.source)); /* nothing new */
}

static void expires(void **unused)
{
    (void)unused;
    start_with("444", "10 s");
    pass(0);
    (void)all_answer(0);
    assert_true(timesrc_sntp.take(t.source));
    pass(10 * SECOND);
    assert_int_equal(sample().rc, RC_OK);
    pass(SECOND);
    assert_int_equal(sample().rc, RC_CLOCK_UNREACHABLE);
    assert_int_equal(sample().figure_ns, 11 * SECOND);
}

static void hears_only_whom_it_has_asked(void **unused)
{
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    assert_true(hear(0, &question));
    make(&question, 0, packet);
    send_from(t.servers[1], &question, packet, sizeof(packet)); /* the right answer from the wrong port */
    packet[24] ^= 1;
    send_from(t.servers[0], &question, packet, sizeof(packet)); /* the wrong one from the right */
    packet[24] ^= 1;
    send_from(t.servers[0], &question, packet, 47);
    assert_false(timesrc_sntp.take(t.source));
    assert_int_equal(sample().measurement, 0);
    for (int i = 0; i < 3; i++) { /* and the right one once */
        send_from(t.servers[0], &question, packet, sizeof(packet));
    }
    (void)timesrc_sntp.take(t.source);
    assert_int_equal(sample().measurement, 1);
}

/* The same port of another address: a socket that is not connected gets that too. */
static void hears_nobody_else_behind_the_same_port(void **unused)
{
    struct address other;
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];
    int fd;

    (void)unused;
    start_with("444", "1 h");
    other = t.addresses[0];
    other.sock.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &other.sock.any, other.len), 0);
    pass(0);
    assert_true(hear(0, &question));
    make(&question, 0, packet);
    send_from(fd, &question, packet, sizeof(packet));
    (void)timesrc_sntp.take(t.source);
    assert_int_equal(sample().measurement, 0);
    send_from(t.servers[0], &question, packet, sizeof(packet));
    (void)timesrc_sntp.take(t.source);
    assert_int_equal(sample().measurement, 1);
    (void)close(fd);
}

static void leaves_the_rest_of_a_flood_for_later(void **unused)
{
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN] = {0};

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    assert_true(hear(0, &question));
    for (int i = 0; i < 100; i++) {
        send_from(t.servers[0], &question, packet, sizeof(packet));
    }
    make(&question, 0, packet);
    send_from(t.servers[0], &question, packet, sizeof(packet));
    (void)timesrc_sntp.take(t.source);
    assert_int_equal(sample().measurement, 0);
    (void)timesrc_sntp.take(t.source);
    assert_int_equal(sample().measurement, 1);
}

static void kiss(size_t server, const char *code)
{
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];

    assert_true(hear(server, &question));
    make(&question, 0, packet);
    packet[0] |= 3 << 6;
    packet[1] = 0;
    memcpy(packet + 12, code, 4);
    send_from(t.servers[server], &question, packet, sizeof(packet));
}

static void obeys_kisses(void **unused)
{
    size_t num[3] = {0};

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    kiss(0, "RATE");
    kiss(1, "DENY");
    kiss(2, "RSTR");
    (void)timesrc_sntp.take(t.source);
    pass(SECOND); /* no quick questions to them */
    assert_int_equal(num_asked(), 0);
    for (int i = 0; i < 1100; i++) {
        pass(SECOND);
        for (size_t k = 0; k < 3; k++) {
            num[k] += was_asked(k);
        }
    }
    /* Twice the poll; not answered: after seconds, and doubled again up to that. */
    assert_in_range(num[0], 7, 15);
    assert_int_equal(num[1] + num[2], 0);
    assert_int_equal(state_of(0), CLOCKPAGE_SERVER_SILENT);
    assert_int_equal(state_of(1), CLOCKPAGE_SERVER_UNFIT);
    assert_int_equal(state_of(2), CLOCKPAGE_SERVER_UNFIT);
}

static void slows_down_eight_times_at_most(void **unused)
{
    int64_t last = 0, pause = 0;

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    for (int num = 0; num < 8;) {
        struct question question;
        uint8_t packet[SNTP_PACKET_LEN];

        if (hear(0, &question)) {
            make(&question, 0, packet);
            packet[1] = 0;
            memcpy(packet + 12, "RATE", 4);
            send_from(t.servers[0], &question, packet, sizeof(packet));
            (void)timesrc_sntp.take(t.source);
            pause = t.mono - last;
            last = t.mono;
            num++;
        }
        pass(SECOND);
    }
    assert_in_range(pause, 8 * POLL * 15 / 16, 8 * POLL * 17 / 16 + SECOND);
}

static void shows_and_tells_who_lies(void **unused)
{
    struct clockpage_servers s;
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(hear(i, &question));
        make(&question, i == 1 ? -3600 * SECOND : 0, packet);
        send_from(t.servers[i], &question, packet, sizeof(packet));
    }
    assert_true(timesrc_sntp.take(t.source));
    pass(3 * SECOND); /* the first round is over: it is told now */
    assert_int_equal(sample().rc, RC_OK);
    assert_true(sample().bound_ns < 10 * MS);
    timesrc_sntp.servers(t.source, &s);
    assert_int_equal(s.list[0].state, CLOCKPAGE_SERVER_GOOD);
    assert_int_equal(s.list[1].state, CLOCKPAGE_SERVER_FALSE);
    assert_in_range(s.list[1].offset_ns, -3601 * SECOND, -3599 * SECOND);
}

static void tells_the_unsynchronised(void **unused)
{
    struct question question;
    uint8_t packet[SNTP_PACKET_LEN];

    (void)unused;
    start_with("444", "1 h");
    pass(0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(hear(i, &question));
        make(&question, 0, packet);
        packet[0] |= i ? 3 << 6 : 0;
        send_from(t.servers[i], &question, packet, sizeof(packet));
    }
    assert_false(timesrc_sntp.take(t.source));
    assert_int_equal(sample().rc, RC_CLOCK_UNSYNCHRONISED);
    assert_int_equal(state_of(0), CLOCKPAGE_SERVER_GOOD);
    assert_int_equal(state_of(2), CLOCKPAGE_SERVER_UNFIT);
}

static void counts_the_unresolved_as_silent(void **unused)
{
    struct pollfd fds[TIMESRC_MAX_FDS];
    struct clockpage_servers s;

    (void)unused;
    start_with("4?4", "1 h");
    assert_int_equal(timesrc_sntp.fds(t.source, fds), 3);
    pass(0);
    assert_int_equal(all_answer(0), 2);
    assert_true(timesrc_sntp.take(t.source));
    assert_int_equal(sample().rc, RC_OK);
    assert_string_equal(sample().reference, "sntp 2 of 3 servers");
    timesrc_sntp.servers(t.source, &s);
    assert_int_equal(s.list[1].state, CLOCKPAGE_SERVER_SILENT);
    assert_int_equal(s.list[1].measured_mono_ns, -1);
    assert_string_equal(s.list[1].address, "time.example.org");
}

/* A name is shown with the address that it had. */
static void names_what_was_resolved(void **unused)
{
    struct clockpage_servers s;
    struct address address;
    struct wbuf lines;
    char text[ADDRESS_TEXT_MAX], whole[200];
    const char *why;

    (void)unused;
    start_with("4?4", "1 h");
    timesrc_sntp.close(t.source);
    wbuf_init(&lines, 4096);
    assert_int_equal(address_parse("127.0.0.1:9", &address, &why), RC_OK);
    for (int i = 0; i < 3; i++) {
        timeserver_put_line(&lines, &address);
    }
    t.in.num = 1;
    (void)snprintf(t.in.fds[0].name, sizeof(t.in.fds[0].name), "servers");
    t.in.fds[0].fd = file_of(wbuf_bytes(&lines).data, wbuf_bytes(&lines).len);
    wbuf_clear(&lines);
    t.source = timesrc_sntp.open(&t.settings, &t.in);
    (void)sample();
    timesrc_sntp.servers(t.source, &s);
    (void)snprintf(whole, sizeof(whole), "time.example.org %s", address_text(&address, text));
    assert_string_equal(s.list[1].address, whole);
}

static struct rlimit usual_files;

/* A sanitizer wants to open files at the end. */
static void allow_files(void)
{
    (void)setrlimit(RLIMIT_NOFILE, &usual_files);
}

/* What the exit code of a process is that opens the source with this text of addresses (NULL: none), and so many descriptors. */
static int open_in_child(const char *addresses, rlim_t num_files)
{
    int status;
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        t.in.num = addresses ? 1 : 0;
        if (addresses) {
            (void)snprintf(t.in.fds[0].name, sizeof(t.in.fds[0].name), "servers");
            t.in.fds[0].fd = file_of(addresses, strlen(addresses));
        }
        (void)close(STDERR_FILENO);
        if (num_files && getrlimit(RLIMIT_NOFILE, &usual_files) == 0 && atexit(allow_files) == 0) {
            (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){num_files, usual_files.rlim_max});
        }
        timesrc_sntp.close(timesrc_sntp.open(&t.settings, &t.in));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void needs_addresses_and_sockets(void **unused)
{
    struct wbuf lines;
    char text[400];

    (void)unused;
    start_with("444", "1 h");
    wbuf_init(&lines, sizeof(text) - 1);
    for (size_t i = 0; i < 3; i++) {
        timeserver_put_line(&lines, &t.addresses[i]);
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)wbuf_bytes(&lines).len,
                   (const char *)wbuf_bytes(&lines).data);
    wbuf_clear(&lines);
    assert_int_equal(open_in_child(text, 0), 0);
    assert_int_equal(open_in_child(NULL, 0), 70);
    assert_int_equal(open_in_child("", 0), 70);
    assert_int_equal(open_in_child("rubbish\n\n\n", 0), 70);
    assert_int_equal(open_in_child(text, 4), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(asks_without_telling_anything, end),
        cmocka_unit_test_teardown(begins_with_a_quick_round, end),
        cmocka_unit_test_teardown(says_unknown_before_the_first_round_is_over, end),
        cmocka_unit_test_teardown(asks_once_a_poll_and_not_all_at_once, end),
        cmocka_unit_test_teardown(asks_less_often_who_does_not_answer, end),
        cmocka_unit_test_teardown(knows_the_time_from_a_majority, end),
        cmocka_unit_test_teardown(expires, end),
        cmocka_unit_test_teardown(hears_only_whom_it_has_asked, end),
        cmocka_unit_test_teardown(hears_nobody_else_behind_the_same_port, end),
        cmocka_unit_test_teardown(leaves_the_rest_of_a_flood_for_later, end),
        cmocka_unit_test_teardown(obeys_kisses, end),
        cmocka_unit_test_teardown(slows_down_eight_times_at_most, end),
        cmocka_unit_test_teardown(shows_and_tells_who_lies, end),
        cmocka_unit_test_teardown(tells_the_unsynchronised, end),
        cmocka_unit_test_teardown(counts_the_unresolved_as_silent, end),
        cmocka_unit_test_teardown(names_what_was_resolved, end),
        cmocka_unit_test_teardown(needs_addresses_and_sockets, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
