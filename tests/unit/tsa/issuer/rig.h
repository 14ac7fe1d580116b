/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader, signers and recorder together, as one process has them, with the test as parent and as fronts. Time is simulated, the disk is real and can be
 * let fail or hang.
 */
#ifndef TESTS_ISSUER_RIG_H
#define TESTS_ISSUER_RIG_H

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
static _Atomic bool in_sync;
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER; /* whoever has it makes the next sync wait */

static inline int rig_fault_fdatasync(int fd)
{
    int left = atomic_load(&syncs_left);

    atomic_store(&in_sync, true);
    (void)pthread_mutex_lock(&disk);
    (void)pthread_mutex_unlock(&disk);
    atomic_store(&in_sync, false);
    if (left == 0) {
        errno = EIO;
        return -1;
    }
    if (left > 0) {
        atomic_fetch_sub(&syncs_left, 1);
    }
    return fdatasync(fd);
}

static const struct ledger_io fault_io = {pwrite, rig_fault_fdatasync, fallocate};

static inline void *rig_sign_on(void *arg)
{
    struct station *station = arg;
    struct job_list batch = {0};
    struct job *job;

    while (work_take(&station->rig->work, &batch)) {
        for (job = batch.head; job; job = job->next) {
            job->rc = issue_stamp(&station->thread, &job->stamp, &job->reply, &job->record, job->why);
        }
        recorder_put(&station->rig->recorder, &batch);
    }
    return NULL;
}

static inline void *rig_read_on(void *arg)
{
    reader_run(&((struct rig *)arg)->reader);
    return NULL;
}

/* One end for the issuer, with little room towards the test. */
static inline int rig_end_of(int *out_other)
{
    const int room = 100000;
    int fds[2];

    assert_int_equal(chan_pair(fds), RC_OK);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    *out_other = fds[0];
    return fds[1];
}

static inline void rig_start_threads(void)
{
    assert_int_equal(pthread_create(&rig.recording, NULL, recorder_run, &rig.recorder), 0);
    for (size_t i = 0; i < NUM_SIGNERS; i++) {
        rig.stations[i].rig = &rig;
        assert_int_equal(issue_thread_init(&rig.stations[i].thread, &rig.desk.core), RC_OK);
        assert_int_equal(pthread_create(&rig.stations[i].id, NULL, rig_sign_on, &rig.stations[i]), 0);
    }
    while (atomic_load(&rig.recorder.waiting_ns)) { /* until then the reader answers for it */
        usleep(100);
    }
    assert_int_equal(pthread_create(&rig.reading, NULL, rig_read_on, &rig), 0);
}

static inline int rig_setup(void **state)
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
    reader_init(&rig.reader, rig_end_of(&rig.parent));
    for (size_t i = 0; i < MAX_FRONTS; i++) {
        reader_add(&rig.reader, rig_end_of(&rig.fronts[i]));
    }
    chan_out_init(&rig.out, 1u << 24);
    rig_start_threads();
    return 0;
}

/* With a clock role that goes on. */
static inline void rig_pass_time(int64_t ns)
{
    for (; ns > 0; ns -= DESK_SECOND) {
        desk_pass(&rig.desk, ns < DESK_SECOND ? ns : DESK_SECOND);
        desk_sample(&rig.desk);
    }
    usleep(1000);
}

/* What the process does after its reader has returned. */
static inline void rig_finish(void)
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
        rig_pass_time(INT64_C(1000000000));
    }
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        assert_int_equal(atomic_load(&rig.reader.peers[i].holds), 0);
    }
}

static inline void rig_close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static inline int rig_teardown(void **state)
{
    (void)state;
    rig_close_fd(&rig.parent); /* ends the reader where the test has not */
    if (!rig.finished) {
        rig_finish();
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
        rig_close_fd(&rig.fronts[i]);
    }
    chan_out_clear(&rig.out);
    assert_int_equal(unlinkat(rig.dir_fd, LEDGER_FILE, 0), 0);
    close(rig.dir_fd);
    assert_int_equal(rmdir(rig.folder), 0);
    desk_clear(&rig.desk);
    return 0;
}

/* ---- as a front ---- */

static inline void rig_put_request(uint64_t id)
{
    uint8_t imprint[32] = {0};
    struct msg_stamp m = {
        .id = id, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, 32)};

    memcpy(imprint, &id, sizeof(id)); /* so that the record tells which it was */
    msg_put_stamp(&rig.out, &m);
}

static inline void rig_put_bad_request(uint64_t id)
{
    static const uint8_t imprint[32];
    const struct msg_stamp m = {
        .id = id, .unit = 5, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .data = bytes_of(imprint, 32)};

    msg_put_stamp(&rig.out, &m);
}

static inline void rig_send_all(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    enum rc rc;

    while (!chan_flush(&rig.out, fd, &rc)) {
        assert_int_equal(rc, RC_OK);
        assert_true(poll(&wait, 1, 10000) > 0);
    }
}

/* The next packet, within ten seconds. */
static inline enum rc rig_receive(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    enum rc rc;

    while ((rc = chan_receive(&rig.in, fd)) == RC_NOT_FOUND) {
        assert_true(poll(&wait, 1, 10000) > 0);
    }
    return rc;
}

static inline struct facts rig_ask_facts(int fd)
{
    struct chan_message m;
    struct msg_facts facts;

    msg_put_ask_facts(&rig.out, 4711);
    rig_send_all(fd);
    assert_int_equal(rig_receive(fd), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_int_equal(m.type, MSG_FACTS);
    assert_int_equal(msg_get_facts(m.body, &facts), RC_OK);
    assert_int_equal(facts.id, 4711);
    return facts.facts;
}

/* Takes num replies; each id from first on once. rcs may be NULL: all granted. */
static inline void rig_take_replies(int fd, uint64_t first, size_t num, enum rc *rcs)
{
    bool *seen = calloc(num, sizeof(*seen));
    struct chan_message m;
    struct msg_stamped stamped;
    size_t got = 0;

    assert_non_null(seen);
    while (got < num) {
        assert_int_equal(rig_receive(fd), RC_OK);
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

static inline void rig_stamp_some(int fd, uint64_t first, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        rig_put_request(first + i);
    }
    rig_send_all(fd);
    rig_take_replies(fd, first, num, NULL);
}

/* ---- the record ---- */

static struct {
    bool ids[4096];
    size_t num; /* tokens */
    size_t num_events;
    enum ledger_event events[64];
    char texts[64][128];
} recorded;

static inline bool rig_note_record(void *arg, uint64_t at, const struct ledger_record *r)
{
    uint64_t id;

    (void)arg;
    (void)at;
    if (r->kind == LEDGER_EVENT) {
        assert_true(recorded.num_events < 64);
        (void)snprintf(recorded.texts[recorded.num_events], 128, "%.*s", (int)r->text.len,
                       (const char *)r->text.data);
        recorded.events[recorded.num_events++] = r->event;
        return true;
    }
    memcpy(&id, r->imprint.data, sizeof(id));
    assert_true(id < 4096);
    recorded.ids[id] = true;
    recorded.num++;
    return true;
}

static inline void rig_read_ledger(void)
{
    struct ledger_summary found;
    struct bytes file;

    memset(&recorded, 0, sizeof(recorded));
    assert_int_equal(ledger_read(rig.dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, rig_note_record, NULL, &found), RC_OK);
    ledger_unread(file);
}

#endif
