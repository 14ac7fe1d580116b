/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wiring: what was inherited becomes keys, units, clock page and ledger; every unit makes a trial; the jail closes; then reader, signers
 * and recorder run, and data flows one way through them.
 */
#include "tsa/issuer/issuer_proc.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/issuer/issuer_load.h"
#include "tsa/issuer/reader.h"
#include "tsa/role/jail.h"

#define EX_SOFTWARE   70
#define EX_CONFIG     78
#define READ_AHEAD_NS INT64_C(20000000000) /* the parent does not wait for ever */
#define STAND_BY_MS   500                  /* a look at the time */
#define LOCK_WAIT_MS  60000                /* a reload: until the old issuer has finished */
#define NUM_FILES     512
#define JOBS_MIN      256
#define JOBS_MAX      16384
#define SIGNERS_MAX   256
#define STACK_SIZE    (512u * 1024)
#define LARGE_PIECE   (256 * 1024)
#define HAND_OVER_NS  INT64_C(5000000)
#define ORDER_WAIT_NS INT64_C(100000000)

/* Channels; the ledger's file, but no call that opens one; random octets; the log. */
const int issuer_calls[] = {
    SYS_poll,
    SYS_recvmsg,
    SYS_sendto,
    SYS_shutdown,
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_pwrite64,
    SYS_fdatasync,
    SYS_fallocate,
    SYS_getrandom,
    /* threads */
    SYS_clone,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_futex,
    /* memory */
    SYS_brk,
    SYS_mmap,
    SYS_mremap,
    SYS_munmap,
    SYS_mprotect,
    SYS_madvise,
    /* the clock, where the kernel can not map it */
    SYS_clock_gettime,
    SYS_gettimeofday,
    /* signals, abort(), the end */
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
    -1,
};

enum standby {
    STANDBY_BEGUN,
    STANDBY_READ, /* the record, as far as there was one; it may have another writer still */
    STANDBY_OPEN  /* or it could not be opened */
};

struct issuer {
    struct issuer_load load;
    struct clockpage *page;
    struct ledger ledger;
    pthread_t *signers, recording, opening;
    _Atomic enum standby stage;
    int ledger_dir, ledger_errno;
    enum rc ledger_rc;
    struct pool pool;
    struct work work;
    struct recorder recorder;
    struct reader reader;
};

/* ---- start ---- */

/*
 * The C library opens files to learn how many processors there are before it makes more arenas, and whether it should give an arena's memory
 * back: in the jail that would be death. So it is told how many arenas, and gives nothing back but large pieces, which it maps each by
 * itself.
 */
static void settle_memory(size_t num_signers)
{
    (void)mallopt(M_ARENA_MAX, (int)num_signers + 2);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_PIECE);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static size_t num_signers_of(const struct settings *settings)
{
    const int64_t num = settings->signers > 0 ? settings->signers : sysconf(_SC_NPROCESSORS_ONLN);

    return num < 1 ? 1 : num > SIGNERS_MAX ? SIGNERS_MAX : (size_t)num;
}

static void wire(struct issuer *issuer, int parent)
{
    const int64_t wanted = issuer->load.settings.limits.queue * issuer->load.settings.fronts;
    const int64_t jobs = wanted < JOBS_MIN ? JOBS_MIN : wanted > JOBS_MAX ? JOBS_MAX : wanted;

    pool_init(&issuer->pool, (size_t)jobs);
    work_init(&issuer->work, issuer->load.num_threads);
    issuer->recorder = (struct recorder){
        .core = &issuer->load.core,
        .ledger = &issuer->ledger,
        .pool = &issuer->pool,
        .work = &issuer->work,
    };
    if (recorder_init(&issuer->recorder, issuer->load.num_threads) != RC_OK) {
        log_die(EX_SOFTWARE, "can not prepare the recorder: %s", strerror(errno));
    }
    issuer->reader.pool = &issuer->pool;
    issuer->reader.work = &issuer->work;
    issuer->reader.recorder = &issuer->recorder;
    reader_init(&issuer->reader, parent);
}

static void start(struct issuer *issuer, struct inherit *in)
{
    const int clock = inherit_take(in, "clock"), parent = inherit_take(in, "parent");
    size_t num_signers;
    int front;

    issuer_load_settings(&issuer->load, in);
    issuer->page = clock >= 0 ? clockpage_open(clock, false) : NULL;
    issuer->ledger_dir = inherit_take(in, "ledger");
    if (!issuer->page || issuer->ledger_dir < 0 || parent < 0) {
        log_die(EX_SOFTWARE,
                "the clock file, the folder of the record or the channel to the parent is missing");
    }
    (void)close(clock);
    num_signers = num_signers_of(&issuer->load.settings);
    issuer_load_keys(&issuer->load, in, issuer->page);
    settle_memory(num_signers);
    issuer_load_threads(&issuer->load, num_signers);
    issuer->signers = xcalloc(num_signers, sizeof(*issuer->signers));
    issuer_load_try(&issuer->load);
    wire(issuer, parent);
    for (size_t i = 0; (front = inherit_take_n(in, "front", i)) >= 0; i++) {
        reader_add(&issuer->reader, front);
    }
}

/* ---- stand by ---- */

/* Before the recorder writes to channels. */
static void say(struct issuer *issuer, enum msg_type type)
{
    struct peer *parent = &issuer->reader.peers[0];
    enum rc rc;

    msg_put_empty(&parent->out, type);
    if (!chan_flush(&parent->out, parent->fd, &rc)) {
        log_die(EX_SOFTWARE, "the parent is gone");
    }
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);

    rc = rc ? rc : pthread_attr_setstacksize(&attr, STACK_SIZE);
    rc = rc ? rc : pthread_create(thread, &attr, run, arg);
    if (rc != 0) {
        log_die(EX_SOFTWARE, "can not start a thread: %s", strerror(rc));
    }
    (void)pthread_attr_destroy(&attr);
}

static void reach(struct issuer *issuer, enum standby stage)
{
    atomic_store(&issuer->stage, stage);
    (void)eventfd_write(issuer->recorder.wake_fd, 1);
}

static void *open_ledger(void *arg)
{
    struct issuer *issuer = arg;
    enum rc rc = ledger_prepare(&issuer->ledger, issuer->ledger_dir, NULL);

    if (rc == RC_OK) {
        reach(issuer, STANDBY_READ);
        rc = ledger_take(&issuer->ledger, issuer->ledger_dir, LOCK_WAIT_MS);
    }
    issuer->ledger_errno = errno;
    issuer->ledger_rc = rc;
    reach(issuer, STANDBY_OPEN);
    return NULL;
}

static void check_ledger(const struct issuer *issuer)
{
    const char *dir = issuer->load.settings.ledger.dir;
    const enum rc rc = issuer->ledger_rc;

    if (rc != RC_OK) {
        (void)pthread_join(issuer->opening, NULL); /* we end, and it has */
    }
    if (rc == RC_OVERLOADED) {
        log_die(
            EX_CONFIG,
            "another authority runs with the ledger in %s: stop it, or give this one a ledger.dir of its own",
            dir);
    }
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "the record in %s can not be opened: %s%s%s", dir, rc_text(rc),
                rc == RC_IO ? ": " : "", rc == RC_IO ? strerror(issuer->ledger_errno) : "");
    }
}

/* Until the stage is reached, or for so long (ns). False when the parent said stop. */
static bool await(struct issuer *issuer, enum standby stage, int64_t patience)
{
    const int64_t until = now_mono_ns() + patience;
    bool stay = true;

    while (stay && atomic_load(&issuer->stage) < stage && now_mono_ns() < until) {
        stay = reader_stand_by(&issuer->reader, issuer->recorder.wake_fd, STAND_BY_MS);
    }
    return stay;
}

/* Lab time is no time: the record's does not bind it. */
static void begin_after(struct issue_core *core, struct gentime last_clock)
{
    const int64_t wait = core->clock.lab_time ? 0 : issue_begin(core, last_clock);

    if (wait > 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)(wait < ORDER_WAIT_NS ? wait : ORDER_WAIT_NS)},
                        NULL);
    }
}

/*
 * The record may have another writer still, and reading it takes its time: the parent is heard meanwhile. What can be read before that writer
 * stops is read before LOADED is said, since from then on clients may have to wait for us; and a record that we could not take is told before
 * its writer is made to give it up. False: we were told to stop. Then the thread is left to itself: the process ends, and a record can be left
 * at any point.
 */
static bool stand_by(struct issuer *issuer)
{
    start_thread(&issuer->opening, open_ledger, issuer);
    if (!await(issuer, STANDBY_READ, READ_AHEAD_NS)) {
        return false;
    }
    if (atomic_load(&issuer->stage) == STANDBY_OPEN) {
        check_ledger(issuer);
    }
    say(issuer, MSG_LOADED);
    if (!await(issuer, STANDBY_OPEN, INT64_MAX / 2)) {
        return false;
    }
    check_ledger(issuer);
    (void)pthread_join(issuer->opening, NULL);
    begin_after(&issuer->load.core, issuer->ledger.last_clock);
    (void)close(issuer->ledger_dir);
    return true;
}

static void close_jail(const struct issuer *issuer)
{
    const struct jail jail = {
        .role = "issuer",
        .user = issuer->load.settings.users.issuer,
        .syscalls = issuer_calls,
        .rights_dir = -1, /* its file is open; another it needs not */
        .num_files = NUM_FILES,
        .lock_memory = true,
    };

    jail_close(&jail);
}

/* ---- run ---- */

struct station {
    struct issuer *issuer;
    struct issue_thread *thread;
};

/* A batch goes on whole, but what is signed does not wait long for the rest: slow keys would starve the recorder, then flood it. */
static void *sign_on(void *arg)
{
    const struct station station = *(struct station *)arg;
    struct job_list batch = {0}, done = {0};
    struct job *job;

    free(arg);
    while (work_take(&station.issuer->work, &batch)) {
        int64_t since = now_mono_ns(), begin = since;

        while ((job = job_list_take(&batch)) != NULL) {
            job->rc = issue_stamp(station.thread, &job->stamp, &job->reply, &job->record, job->why);
            job->signing_ns = now_mono_ns() - begin;
            begin += job->signing_ns;
            job_list_add(&done, job);
            if (batch.num == 0 || begin - since > HAND_OVER_NS) {
                recorder_put(&station.issuer->recorder, &done);
                since = begin = now_mono_ns();
            }
        }
    }
    return NULL;
}

static void start_threads(struct issuer *issuer)
{
    start_thread(&issuer->recording, recorder_run, &issuer->recorder);
    for (size_t i = 0; i < issuer->load.num_threads; i++) {
        struct station *station = xcalloc(1, sizeof(*station));

        *station = (struct station){.issuer = issuer, .thread = &issuer->load.threads[i]};
        start_thread(&issuer->signers[i], sign_on, station);
    }
}

/* What was taken is finished: signed, synced, answered. */
static void stop_threads(struct issuer *issuer)
{
    pool_wait_all(&issuer->pool);
    work_stop(&issuer->work);
    for (size_t i = 0; i < issuer->load.num_threads; i++) {
        (void)pthread_join(issuer->signers[i], NULL);
    }
    recorder_stop(&issuer->recorder);
    (void)pthread_join(issuer->recording, NULL);
}

static void clear(struct issuer *issuer)
{
    reader_clear(&issuer->reader);
    recorder_clear(&issuer->recorder);
    work_clear(&issuer->work);
    pool_clear(&issuer->pool);
    free(issuer->signers);
    ledger_close(&issuer->ledger);
    issuer_load_clear(&issuer->load);
    clockpage_close(issuer->page);
}

static void work(struct issuer *issuer)
{
    close_jail(issuer);
    recorder_begin(&issuer->recorder);
    say(issuer, MSG_READY);
    start_threads(issuer);
    log_info("units: %zu, signers: %zu, records: %llu", issuer->load.num_units, issuer->load.num_threads,
             (unsigned long long)issuer->ledger.sequence);
    reader_run(&issuer->reader);
    stop_threads(issuer);
    clear(issuer);
}

int issuer_proc_main(struct inherit *in)
{
    static struct issuer issuer; /* outlives a thread that is left to itself */

    /* A terminal's signals go to the parent, which ends its roles in order. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of a write, not an end */
    start(&issuer, in);
    if (stand_by(&issuer)) {
        work(&issuer);
    }
    return 0;
}
