/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: sample, write, wait for the parent until the next second. A record that is late expires by itself, so nothing here has to
 * be careful about being slow.
 */
#include "tsa/clock/clock_proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/clock/timesrc.h"
#include "tsa/role/jail.h"
#include "tsa/role/msg.h"

#define PERIOD_NS   INT64_C(1000000000)
#define EX_SOFTWARE 70
#define NUM_FILES   32

/* Talking to the parent, waiting, the clock where the kernel can not map it, the log; memory and abort of the C library. */
const int clock_calls[] = {
    SYS_poll,         SYS_recvmsg,
    SYS_sendto,       SYS_write,
    SYS_close,        SYS_clock_gettime,
    SYS_brk,          SYS_mmap,
    SYS_munmap,       SYS_futex,
    SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_restart_syscall,
    SYS_getpid,       SYS_gettid,
    SYS_tgkill,       SYS_exit,
    SYS_exit_group,   -1,
};

struct clock_proc {
    int parent;
    struct settings settings;
    struct clockpage *page;
    const struct timesrc_ops *ops;
    void *source;
    uint64_t epoch;
    uint32_t state; /* of the last record, to tell changes */
};

static void start(struct clock_proc *c, struct inherit *in)
{
    const int page_fd = inherit_take(in, "clock");

    log_start("clock", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &c->settings, NULL, NULL);
    log_start("clock", (enum log_level)c->settings.log.level, (enum log_form)c->settings.log.form);
    c->parent = inherit_take(in, "parent");
    c->page = page_fd >= 0 ? clockpage_open(page_fd, true) : NULL;
    if (c->parent < 0 || !c->page) {
        log_die(EX_SOFTWARE, "the channel to the parent or the clock file is missing: %s", strerror(errno));
    }
    (void)close(page_fd);
    c->ops = timesrc_of(c->settings.clock.source);
    c->source = c->ops->open(&c->settings, in);
}

static void close_jail(const struct clock_proc *c)
{
    const struct jail jail = {
        .role = "clock",
        .user = c->settings.users.clock,
        .syscalls = clock_calls,
        .rights_dir = -1,
        .num_files = NUM_FILES,
    };

    jail_close(&jail);
}

static void publish(struct clock_proc *c)
{
    static const char *const names[] = {"unknown", "in sync", "in sync, but with little to spare",
                                        "not to be trusted"};
    struct timesrc_sample sample;
    struct clockpage_record record;

    c->ops->sample(c->source, &sample);
    record = (struct clockpage_record){
        .epoch = ++c->epoch,
        .sampled_mono_ns = sample.mono_ns,
        .expires_mono_ns = sample.mono_ns + CLOCKPAGE_LIFE_NS,
        .real_minus_mono_ns = sample.real_minus_mono_ns,
        .measured_mono_ns = -1,
        .figure_ns = -1,
        .bound_ns = sample.bound_ns,
        .state = CLOCKPAGE_SYNC,
        .leap = sample.leap,
        .proven = c->ops->proof,
    };
    memcpy(record.reference, sample.reference, sizeof(record.reference));
    clockpage_write(c->page, &record);
    if (c->ops->proof == CLOCKPAGE_PROVEN && record.state != c->state) {
        log_notice("the clock is %s (%s)", names[record.state], record.reference);
        c->state = record.state;
    }
}

static bool say(int parent, enum msg_type type)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 64);
    msg_put_empty(&out, type);
    (void)chan_flush(&out, parent, &rc);
    chan_out_clear(&out);
    return rc == RC_OK;
}

/* True when the parent says stop, or nothing more. */
static bool is_told_to_stop(int parent)
{
    static struct chan_in in;
    struct chan_message m;
    bool stop = false;
    enum rc rc;

    while (!stop && (rc = chan_receive(&in, parent)) != RC_NOT_FOUND) {
        stop = rc != RC_OK;
        if (in.passed_fd >= 0) {
            (void)close(in.passed_fd);
        }
        while (!stop && chan_next(&in, &m)) {
            stop = m.type == MSG_STOP || (m.type == MSG_PING && !say(parent, MSG_PONG));
        }
    }
    return stop;
}

static void run(struct clock_proc *c)
{
    struct pollfd poll_fd = {.fd = c->parent, .events = POLLIN};
    int64_t next = now_mono_ns() + PERIOD_NS; /* the first was published before READY */
    bool stop = false;

    while (!stop) {
        const int64_t now = now_mono_ns();

        if (now >= next) {
            publish(c);
            next = now + PERIOD_NS;
        }
        if (poll(&poll_fd, 1, (int)((next - now) / 1000000) + 1) > 0) {
            stop = is_told_to_stop(c->parent);
        }
    }
}

int clock_proc_main(struct inherit *in)
{
    struct clock_proc c = {.state = CLOCKPAGE_UNKNOWN};

    /* A terminal's signals go to the parent, which ends its roles in order. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    start(&c, in);
    close_jail(&c);
    publish(&c);
    if (c.ops->proof == CLOCKPAGE_TRUSTED) {
        log_debug(/* whoever started us has warned of it */
                  "the time is taken from the host without proof (clock.source = \"%s\"): fit for labs only",
                  c.ops->name);
    }
    if (say(c.parent, MSG_READY)) {
        run(&c);
    }
    c.ops->close(c.source);
    clockpage_close(c.page);
    settings_clear(&c.settings);
    (void)close(c.parent);
    return 0;
}
