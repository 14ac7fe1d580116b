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
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/issuer/reader.h"
#include "tsa/role/jail.h"

#define EX_SOFTWARE  70
#define EX_CONFIG    78
#define LOCK_WAIT_MS 10000
#define NUM_FILES    512
#define JOBS_MIN     256
#define JOBS_MAX     16384
#define SIGNERS_MAX  256
#define STACK_SIZE   (512u * 1024)
#define LARGE_PIECE  (256 * 1024)
#define HAND_OVER_NS INT64_C(5000000)

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

struct issuer {
    struct settings settings;
    struct unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    struct clockpage *page;
    struct ledger ledger;
    struct issue_core core;
    struct issue_thread *threads;
    pthread_t *signers, recording;
    size_t num_signers;
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

static void load_key(struct issuer *issuer, struct inherit *in, size_t index)
{
    const struct unit *unit = &issuer->units[index];
    const int fd = inherit_take_n(in, "key", index);
    struct signer *signer = NULL;
    char why[SIGNER_WHY_MAX];
    unsigned uid = 0, gid;
    enum rc rc;

    if (fd < 0) {
        log_die(EX_SOFTWARE, "unit %s: its key did not come along", unit->settings->name);
    }
    if (issuer->settings.users.issuer && *issuer->settings.users.issuer &&
        jail_resolve(issuer->settings.users.issuer, &uid, &gid) != RC_OK) {
        log_die(EX_CONFIG, "there is no user %s", issuer->settings.users.issuer);
    }
    rc = signer_file_open(fd, unit, uid, why, &signer);
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "unit %s: %s", unit->settings->name, why);
    }
    rc = issue_set_unit(&issuer->core, index, unit, &signer);
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "unit %s: %s", unit->settings->name, rc_text(rc));
    }
}

static void load_units(struct issuer *issuer, struct inherit *in)
{
    enum rc rc = issue_init(&issuer->core, issuer->page, (unsigned)issuer->settings.node, issuer->num_units);

    if (!signer_prepare_memory()) {
        log_warning("there is no guarded memory for keys here");
    }
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "can not prepare: %s", rc_text(rc));
    }
    for (size_t i = 0; i < issuer->num_units; i++) {
        load_key(issuer, in, i);
    }
}

/* A certificate that is out of its time makes a unit that refuses, not an authority that does not start. */
static void try_units(struct issuer *issuer)
{
    for (size_t i = 0; i < issuer->num_units; i++) {
        const char *name = issuer->units[i].settings->name;
        const enum rc rc = issue_trial(&issuer->threads[0], i);

        if (rc == RC_CERT_EXPIRED || rc == RC_CERT_NOT_YET_VALID) {
            log_error("unit %s refuses everything: %s", name, rc_text(rc));
        } else if (rc != RC_OK) {
            log_die(EX_CONFIG, "unit %s: the trial failed: %s", name, rc_text(rc));
        }
    }
}

static void make_threads(struct issuer *issuer)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t num = issuer->settings.signers > 0 ? issuer->settings.signers : processors;

    num = num < 1 ? 1 : num > SIGNERS_MAX ? SIGNERS_MAX : num;
    issuer->num_signers = (size_t)num;
    settle_memory((size_t)num);
    issuer->threads = xcalloc((size_t)num, sizeof(*issuer->threads));
    issuer->signers = xcalloc((size_t)num, sizeof(*issuer->signers));
    for (size_t i = 0; i < issuer->num_signers; i++) {
        const enum rc rc = issue_thread_init(&issuer->threads[i], &issuer->core);

        if (rc != RC_OK) {
            log_die(EX_SOFTWARE, "can not prepare to sign: %s", rc_text(rc));
        }
    }
}

static void open_ledger(struct issuer *issuer, int dir_fd)
{
    const enum rc rc = ledger_open(&issuer->ledger, dir_fd, NULL, LOCK_WAIT_MS);

    if (rc == RC_OVERLOADED) {
        log_die(EX_CONFIG, "another process writes the record in %s", issuer->settings.ledger.dir);
    }
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "the record in %s can not be opened: %s%s%s", issuer->settings.ledger.dir,
                rc_text(rc), rc == RC_IO ? ": " : "", rc == RC_IO ? strerror(errno) : "");
    }
    clockgate_raise(&issuer->core.floor, issuer->ledger.last_clock);
    (void)close(dir_fd);
}

static void wire(struct issuer *issuer, int parent)
{
    const int64_t wanted = issuer->settings.limits.queue * issuer->settings.fronts;
    const int64_t jobs = wanted < JOBS_MIN ? JOBS_MIN : wanted > JOBS_MAX ? JOBS_MAX : wanted;

    pool_init(&issuer->pool, (size_t)jobs);
    work_init(&issuer->work, issuer->num_signers);
    issuer->recorder = (struct recorder){
        .core = &issuer->core,
        .ledger = &issuer->ledger,
        .pool = &issuer->pool,
        .work = &issuer->work,
    };
    if (recorder_init(&issuer->recorder, issuer->num_signers) != RC_OK) {
        log_die(EX_SOFTWARE, "can not prepare the recorder: %s", strerror(errno));
    }
    issuer->reader.pool = &issuer->pool;
    issuer->reader.work = &issuer->work;
    issuer->reader.recorder = &issuer->recorder;
    reader_init(&issuer->reader, parent);
}

static void start(struct issuer *issuer, struct inherit *in)
{
    const int clock = inherit_take(in, "clock"), ledger = inherit_take(in, "ledger"),
              parent = inherit_take(in, "parent");
    int front;

    log_start("issuer", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &issuer->settings, issuer->units, &issuer->num_units);
    log_start("issuer", (enum log_level)issuer->settings.log.level, (enum log_form)issuer->settings.log.form);
    issuer->page = clock >= 0 ? clockpage_open(clock, false) : NULL;
    if (!issuer->page || ledger < 0 || parent < 0) {
        log_die(EX_SOFTWARE,
                "the clock file, the folder of the record or the channel to the parent is missing");
    }
    (void)close(clock);
    load_units(issuer, in);
    make_threads(issuer);
    try_units(issuer);
    open_ledger(issuer, ledger);
    wire(issuer, parent);
    for (size_t i = 0; (front = inherit_take_n(in, "front", i)) >= 0; i++) {
        reader_add(&issuer->reader, front);
    }
}

static void close_jail(const struct issuer *issuer)
{
    const struct jail jail = {
        .role = "issuer",
        .user = issuer->settings.users.issuer,
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
        int64_t since = now_mono_ns();

        while ((job = job_list_take(&batch)) != NULL) {
            job->rc = issue_stamp(station.thread, &job->stamp, &job->reply, &job->record);
            job_list_add(&done, job);
            if (batch.num == 0 || now_mono_ns() - since > HAND_OVER_NS) {
                recorder_put(&station.issuer->recorder, &done);
                since = now_mono_ns();
            }
        }
    }
    return NULL;
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

static void start_threads(struct issuer *issuer)
{
    start_thread(&issuer->recording, recorder_run, &issuer->recorder);
    for (size_t i = 0; i < issuer->num_signers; i++) {
        struct station *station = xcalloc(1, sizeof(*station));

        *station = (struct station){.issuer = issuer, .thread = &issuer->threads[i]};
        start_thread(&issuer->signers[i], sign_on, station);
    }
}

/* What was taken is finished: signed, synced, answered. */
static void stop_threads(struct issuer *issuer)
{
    pool_wait_all(&issuer->pool);
    work_stop(&issuer->work);
    for (size_t i = 0; i < issuer->num_signers; i++) {
        (void)pthread_join(issuer->signers[i], NULL);
    }
    recorder_stop(&issuer->recorder);
    (void)pthread_join(issuer->recording, NULL);
}

/* Before any thread writes to channels. */
static void say_ready(struct issuer *issuer)
{
    struct peer *parent = &issuer->reader.peers[0];
    enum rc rc;

    msg_put_empty(&parent->out, MSG_READY);
    if (!chan_flush(&parent->out, parent->fd, &rc)) {
        log_die(EX_SOFTWARE, "the parent is gone");
    }
}

static void clear(struct issuer *issuer)
{
    reader_clear(&issuer->reader);
    recorder_clear(&issuer->recorder);
    work_clear(&issuer->work);
    pool_clear(&issuer->pool);
    for (size_t i = 0; i < issuer->num_signers; i++) {
        issue_thread_clear(&issuer->threads[i]);
    }
    free(issuer->threads);
    free(issuer->signers);
    issue_clear(&issuer->core);
    ledger_close(&issuer->ledger);
    clockpage_close(issuer->page);
    for (size_t i = 0; i < issuer->num_units; i++) {
        unit_clear(&issuer->units[i]);
    }
    settings_clear(&issuer->settings);
}

int issuer_proc_main(struct inherit *in)
{
    struct issuer *issuer = xcalloc(1, sizeof(*issuer));

    /* A terminal's signals go to the parent, which ends its roles in order. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of a write, not an end */
    start(issuer, in);
    close_jail(issuer);
    say_ready(issuer);
    start_threads(issuer);
    log_info("units: %zu, signers: %zu, records: %llu", issuer->num_units, issuer->num_signers,
             (unsigned long long)issuer->ledger.sequence);
    reader_run(&issuer->reader);
    stop_threads(issuer);
    clear(issuer);
    free(issuer);
    return 0;
}
