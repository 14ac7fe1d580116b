/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader, signers and recorder together, as one process has them, with the test as parent and as fronts: who gets what, what happens to those
 * who misbehave or die, what a failing disk does, and that nothing which was taken is lost at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/reader.h"

#define NUM_SIGNERS 2
#define MAX_FRONTS  3
#define CAPACITY    64

struct station {
    struct rig *rig;
    struct issue_thread thread;
    pthread_t id;
};

struct rig {
    struct desk desk;
    char folder[64];
    int dir_fd, parent, fronts[MAX_FRONTS];
    struct ledger ledger;
    struct pool pool;
    struct work work;
    struct recorder recorder;
    struct reader reader;
    struct station stations[NUM_SIGNERS];
    pthread_t recording, reading;
    struct chan_out out;
    struct chan_in in;
    bool read_out, finished; /* the reader, all of them have ended */
};

static struct rig rig;
static _Atomic int syncs_left; /* until one fails; -1 = never */

static int fault_fdatasync(int fd)
{
    int left = atomic_load(&syncs_left);

    if (left == 0) {
        errno = EIO;
        return -1;
    }
    if (left > 0) {
        atomic_fetch_sub(&syncs_left, 1);
    }
    return fdatasync(fd);
}

static const struct ledger_io fault_io = {pwrite, fault_fdatasync, fallocate};

static void *sign_on(void *arg)
{
    struct station *station = arg;
    struct job_list batch = {0};
    struct job *job;

    while (work_take(&station->rig->work, &batch)) {
        for (job = batch.head; job; job = job->next) {
            job->rc = issue_stamp(&station->thread, &job->stamp, &job->reply, &job->record);
        }
        recorder_put(&station->rig->recorder, &batch);
    }
    return NULL;
}

static void *read_on(void *arg)
{
    reader_run(&((struct rig *)arg)->reader);
    return NULL;
}

/* One end for the issuer, with little room towards the test. */
static int end_of(int *out_other)
{
    const int room = 100000;
    int fds[2];

    assert_int_equal(chan_pair(fds), RC_OK);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    *out_other = fds[0];
    return fds[1];
}

static void start_threads(void)
{
    assert_int_equal(pthread_create(&rig.recording, NULL, recorder_run, &rig.recorder), 0);
    for (size_t i = 0; i < NUM_SIGNERS; i++) {
        rig.stations[i].rig = &rig;
        assert_int_equal(issue_thread_init(&rig.stations[i].thread, &rig.desk.core), RC_OK);
        assert_int_equal(pthread_create(&rig.stations[i].id, NULL, sign_on, &rig.stations[i]), 0);
    }
    assert_int_equal(pthread_create(&rig.reading, NULL, read_on, &rig), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    atomic_store(&syncs_left, -1);
    desk_init(&rig.desk, &(struct authority_spec){.key = "P-256"});
    strcpy(rig.folder, "/tmp/test_stations.XXXXXX");
    assert_non_null(mkdtemp(rig.folder));
    rig.dir_fd = open(rig.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ledger_open(&rig.ledger, rig.dir_fd, &fault_io, 0), RC_OK);
    pool_init(&rig.pool, CAPACITY);
    work_init(&rig.work, NUM_SIGNERS);
    rig.recorder = (struct recorder){
        .core = &rig.desk.core, .ledger = &rig.ledger, .pool = &rig.pool, .work = &rig.work};
    assert_int_equal(recorder_init(&rig.recorder, NUM_SIGNERS), RC_OK);
    rig.reader.pool = &rig.pool;
    rig.reader.work = &rig.work;
    rig.reader.recorder = &rig.recorder;
    reader_init(&rig.reader, end_of(&rig.parent));
    for (size_t i = 0; i < MAX_FRONTS; i++) {
        reader_add(&rig.reader, end_of(&rig.fronts[i]));
    }
    chan_out_init(&rig.out, 1u << 24);
    start_threads();
    return 0;
}

static void pass_time(int64_t ns)
{
    __atomic_fetch_add(&rig.desk.mono_ns, ns, __ATOMIC_SEQ_CST);
    usleep(1000);
}

/* What the process does after its reader has returned. */
static void finish(void)
{
    rig.finished = true;
    assert_true(rig.read_out || pthread_join(rig.reading, NULL) == 0);
    pool_wait_all(&rig.pool);
    work_stop(&rig.work);
    for (size_t i = 0; i < NUM_SIGNERS; i++) {
        assert_int_equal(pthread_join(rig.stations[i].id, NULL), 0);
    }
    recorder_stop(&rig.recorder);
    while (pthread_tryjoin_np(rig.recording, NULL) != 0) {
        pass_time(INT64_C(1000000000));
    }
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        assert_int_equal(atomic_load(&rig.reader.peers[i].holds), 0);
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static int teardown(void **state)
{
    (void)state;
    close_fd(&rig.parent); /* ends the reader where the test has not */
    if (!rig.finished) {
        finish();
    }
    reader_clear(&rig.reader);
    recorder_clear(&rig.recorder);
    work_clear(&rig.work);
    pool_clear(&rig.pool);
    ledger_close(&rig.ledger);
    for (size_t i = 0; i < NUM_SIGNERS; i++) {
        issue_thread_clear(&rig.stations[i].thread);
    }
    for (size_t i = 0; i < MAX_FRONTS; i++) {
        close_fd(&rig.fronts[i]);
    }
    chan_out_clear(&rig.out);
    assert_int_equal(unlinkat(rig.dir_fd, LEDGER_FILE, 0), 0);
    close(rig.dir_fd);
    assert_int_equal(rmdir(rig.folder), 0);
    desk_clear(&rig.desk);
    return 0;
}

/* ---- as a front ---- */

static void put_request(uint64_t id)
{
    uint8_t imprint[32] = {0};
    struct msg_stamp m = {
        .id = id, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, 32)};

    memcpy(imprint, &id, sizeof(id)); /* so that the record tells which it was */
    msg_put_stamp(&rig.out, &m);
}

static void put_bad_request(uint64_t id)
{
    static const uint8_t imprint[32];
    const struct msg_stamp m = {
        .id = id, .unit = 5, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, 32)};

    msg_put_stamp(&rig.out, &m);
}

static void send_all(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    enum rc rc;

    while (!chan_flush(&rig.out, fd, &rc)) {
        assert_int_equal(rc, RC_OK);
        assert_true(poll(&wait, 1, 10000) > 0);
    }
}

/* The next packet, within ten seconds. */
static enum rc receive(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    enum rc rc;

    while ((rc = chan_receive(&rig.in, fd)) == RC_NOT_FOUND) {
        assert_true(poll(&wait, 1, 10000) > 0);
    }
    return rc;
}

static struct facts ask_facts(int fd)
{
    struct chan_message m;
    struct msg_facts facts;

    msg_put_ask_facts(&rig.out, 4711);
    send_all(fd);
    assert_int_equal(receive(fd), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_int_equal(m.type, MSG_FACTS);
    assert_int_equal(msg_get_facts(m.body, &facts), RC_OK);
    assert_int_equal(facts.id, 4711);
    return facts.facts;
}

/* Takes num replies; each id from first on once. rcs may be NULL: all granted. */
static void take_replies(int fd, uint64_t first, size_t num, enum rc *rcs)
{
    bool *seen = calloc(num, sizeof(*seen));
    struct chan_message m;
    struct msg_stamped stamped;
    size_t got = 0;

    assert_non_null(seen);
    while (got < num) {
        assert_int_equal(receive(fd), RC_OK);
        while (chan_next(&rig.in, &m)) {
            assert_int_equal(m.type, MSG_STAMPED);
            assert_int_equal(msg_get_stamped(m.body, &stamped), RC_OK);
            assert_true(stamped.id >= first && stamped.id < first + num && !seen[stamped.id - first]);
            seen[stamped.id - first] = true;
            assert_true(rcs || stamped.rc == RC_OK);
            if (rcs) {
                rcs[stamped.id - first] = stamped.rc;
            }
            got++;
        }
    }
    free(seen);
}

static void stamp_some(int fd, uint64_t first, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        put_request(first + i);
    }
    send_all(fd);
    take_replies(fd, first, num, NULL);
}

/* ---- the record ---- */

static struct {
    bool ids[4096];
    size_t num;
} recorded;

static bool note_record(void *arg, uint64_t at, const struct ledger_record *r)
{
    uint64_t id;

    (void)arg;
    (void)at;
    memcpy(&id, r->imprint.data, sizeof(id));
    assert_true(id < 4096);
    recorded.ids[id] = true;
    recorded.num++;
    return true;
}

static void read_ledger(void)
{
    struct ledger_summary found;
    struct bytes file;

    memset(&recorded, 0, sizeof(recorded));
    assert_int_equal(ledger_read(rig.dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, note_record, NULL, &found), RC_OK);
    ledger_unread(file);
}

/* ---- tests ---- */

static void test_two_fronts(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 500; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    for (uint64_t i = 1000; i < 1500; i++) {
        put_request(i);
    }
    send_all(rig.fronts[1]);
    take_replies(rig.fronts[1], 1000, 500, NULL);
    take_replies(rig.fronts[0], 0, 500, NULL);
    read_ledger();
    assert_int_equal(recorded.num, 1000);
    for (size_t i = 0; i < 500; i++) {
        assert_true(recorded.ids[i] && recorded.ids[1000 + i]);
    }
    assert_true(rig.pool.num_made <= CAPACITY);
}

static void test_refusals_travel_the_same_way(void **state)
{
    enum rc rcs[10];

    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        if (i % 2) {
            put_request(i);
        } else {
            put_bad_request(i);
        }
    }
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 0, 10, rcs);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(rcs[i], i % 2 ? RC_OK : RC_UNIT_UNKNOWN);
    }
    read_ledger();
    assert_int_equal(recorded.num, 5);
}

static void test_facts(void **state)
{
    struct facts facts = ask_facts(rig.parent);

    (void)state;
    assert_true(facts.ready == 1 && facts.reason == RC_OK && facts.clock_state == CLOCKPAGE_SYNC &&
                facts.clock_proven == 1);
    assert_true(facts.clock_bound_ns == 1000000 && facts.clock_age_ns == 0 &&
                facts.num_signers == NUM_SIGNERS);
    assert_true(facts.ledger_sequence == 0 && facts.last_time.sec == 0 && facts.started.sec == AUTHORITY_NOW);
    assert_string_equal(facts.clock_reference, "test");
    stamp_some(rig.fronts[0], 0, 7);
    put_bad_request(7);
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 7, 1, (enum rc[1]){0});
    facts = ask_facts(rig.fronts[0]);
    assert_true(facts.num_rfc3161 == 7 && facts.num_authenticode == 0 && facts.num_refused == 1 &&
                facts.ledger_sequence == 7);
    assert_true(facts.last_time.sec == AUTHORITY_NOW && facts.last_time.nsec == 123000000);
    __atomic_fetch_add(&rig.desk.mono_ns, CLOCKPAGE_LIFE_NS, __ATOMIC_SEQ_CST);
    facts = ask_facts(rig.fronts[0]);
    assert_true(facts.ready == 0 && facts.reason == RC_CLOCK_UNTRUSTED &&
                facts.clock_age_ns == CLOCKPAGE_LIFE_NS);
}

/* ---- disk ---- */

static void test_failing_disk(void **state)
{
    enum rc rcs[400];
    size_t granted = 0;

    (void)state;
    stamp_some(rig.fronts[0], 0, 10);
    atomic_store(&syncs_left, 2);
    for (uint64_t i = 10; i < 410; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 10, 400, rcs);
    atomic_store(&syncs_left, -1); /* well again: too late */
    read_ledger();
    for (size_t i = 0; i < 400; i++) {
        assert_true(rcs[i] == RC_OK || rcs[i] == RC_LEDGER_WRITE);
        assert_true(rcs[i] != RC_OK || recorded.ids[10 + i]);
        granted += rcs[i] == RC_OK;
    }
    assert_true(granted < 400);
    assert_int_equal(ask_facts(rig.fronts[0]).reason, RC_LEDGER_WRITE);
    put_request(500);
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 500, 1, rcs);
    assert_int_equal(rcs[0], RC_LEDGER_WRITE);
}

/* A record that broke before a request came to it. */
static void test_broken_record(void **state)
{
    enum rc rcs[3];

    (void)state;
    rig.ledger.broken = RC_LEDGER_WRITE;
    for (uint64_t i = 0; i < 3; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 0, 3, rcs);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rcs[i], RC_LEDGER_WRITE);
    }
    assert_int_equal(ask_facts(rig.fronts[0]).reason, RC_LEDGER_WRITE);
}

/* More waits than one group takes: it is synced, and the rest goes into the next. */
static void test_full_group(void **state)
{
    static uint8_t imprint[32] = {0xff, 0x0f};
    static const uint8_t filler[60000];
    const struct ledger_record r = {.kind = MSG_RFC3161,
                                    .digest = DIGEST_SHA256,
                                    .imprint = bytes_of(imprint, 32),
                                    .signed_info = bytes_of(filler, 8000)};
    struct wbuf body;
    size_t num = 0;

    (void)state;
    wbuf_init(&body, LEDGER_BODY_MAX);
    ledger_record_put(&body, &r);
    assert_int_equal(wbuf_rc(&body), RC_OK);
    while (ledger_append(&rig.ledger, wbuf_bytes(&body)) == RC_OK) { /* the recorder sleeps */
        num++;
    }
    wbuf_clear(&body);
    for (uint64_t i = 0; i < 200; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    take_replies(rig.fronts[0], 0, 200, NULL);
    read_ledger();
    assert_int_equal(recorded.num, num + 200);
}

/* ---- fronts that misbehave ---- */

static void expect_cut_off(int front)
{
    while (receive(rig.fronts[front]) == RC_OK) {
    }
    stamp_some(rig.fronts[1], 100, 3); /* the others do not notice */
}

static void test_malformed_packet(void **state)
{
    (void)state;
    assert_int_equal(send(rig.fronts[0], "garbage", 7, 0), 7);
    expect_cut_off(0);
}

static void test_malformed_message(void **state)
{
    (void)state;
    put_request(1);
    wbuf_put_text(chan_begin(&rig.out, MSG_STAMP), "no such body");
    chan_end(&rig.out);
    send_all(rig.fronts[0]);
    expect_cut_off(0);
}

static void test_what_only_the_parent_may_say(void **state)
{
    static const enum msg_type types[] = {MSG_STOP, MSG_PEER, MSG_READY, MSG_STAMPED};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    msg_put_empty(&rig.out, MSG_STOP);
    send_all(rig.fronts[0]);
    expect_cut_off(0);
    assert_int_equal(chan_send_fd(rig.fronts[2], MSG_PEER, BYTES_NONE, ends[0]), RC_OK);
    close(ends[0]);
    expect_cut_off(2);
    assert_int_equal(write(ends[1], "x", 1), -1); /* what was passed is closed: nobody can read */
    close(ends[1]);
    for (size_t i = 2; i < 4; i++) {
        int other, end = end_of(&other);

        assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
        close(end);
        close_fd(&rig.fronts[0]);
        rig.fronts[0] = other;
        msg_put_empty(&rig.out, types[i]);
        send_all(other);
        expect_cut_off(0);
    }
}

static void test_front_that_goes_away(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    close_fd(&rig.fronts[0]);
    stamp_some(rig.fronts[1], 1000, 300);
    msg_put_empty(&rig.out, MSG_STOP);
    send_all(rig.parent);
    finish();
}

/* A front that asks and does not read: its replies wait, the others are served, and when it reads it gets all. */
static void test_front_that_does_not_read(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    stamp_some(rig.fronts[1], 3500, 500);
    take_replies(rig.fronts[0], 0, 3000, NULL);
    stamp_some(rig.fronts[0], 0, 10);
}

static void test_front_that_never_reads(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    stamp_some(rig.fronts[1], 3500, 10);
    while (!peer_is_dead(&rig.reader.peers[1])) {
        pass_time(INT64_C(1000000000));
    }
    desk_sample(&rig.desk); /* the clock's record has died meanwhile */
    while (receive(rig.fronts[0]) == RC_OK) {
    }
    stamp_some(rig.fronts[1], 0, 10);
}

static void test_new_front(void **state)
{
    int other, end = end_of(&other);

    (void)state;
    assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
    close(end);
    stamp_some(other, 0, 20);
    close(other);
}

/* More fronts over time than there are places: those of the dead are used again. */
static void test_many_fronts_one_after_the_other(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * RECORDER_PEERS_MAX; i++) {
        int other, end = end_of(&other);

        assert_int_equal(chan_send_fd(rig.parent, MSG_PEER, BYTES_NONE, end), RC_OK);
        close(end);
        stamp_some(other, 0, 1);
        close(other);
    }
}

/* ---- the end ---- */

static void test_stop_finishes_what_was_sent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    msg_put_empty(&rig.out, MSG_STOP);
    send_all(rig.parent);
    take_replies(rig.fronts[0], 0, 400, NULL);
    finish();
    read_ledger();
    assert_int_equal(recorded.num, 400);
}

static void test_end_of_the_parent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    close_fd(&rig.parent);
    finish();
    take_replies(rig.fronts[0], 0, 50, NULL);
}

/* The recorder does not wait for ever for one who never reads. */
static void test_stop_with_a_front_that_never_reads(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        put_request(i);
    }
    send_all(rig.fronts[0]);
    msg_put_empty(&rig.out, MSG_STOP);
    send_all(rig.parent);
    assert_int_equal(pthread_join(rig.reading, NULL), 0);
    rig.read_out = true;
    finish(); /* returns, although nobody reads */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_two_fronts),
        TEST(test_refusals_travel_the_same_way),
        TEST(test_facts),
        TEST(test_failing_disk),
        TEST(test_broken_record),
        TEST(test_full_group),
        TEST(test_malformed_packet),
        TEST(test_malformed_message),
        TEST(test_what_only_the_parent_may_say),
        TEST(test_front_that_goes_away),
        TEST(test_front_that_does_not_read),
        TEST(test_front_that_never_reads),
        TEST(test_new_front),
        TEST(test_many_fronts_one_after_the_other),
        TEST(test_stop_finishes_what_was_sent),
        TEST(test_end_of_the_parent),
        TEST(test_stop_with_a_front_that_never_reads),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
