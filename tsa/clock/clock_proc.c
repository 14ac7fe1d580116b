/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: ask, take what comes, write one record for each question, wait for the next second. Nothing is waited for: a source that does not answer is
 * judged by what it has said before. A record that is late expires by itself, so nothing here has to be careful about being slow.
 */
#include "tsa/clock/clock_proc.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/clock/timesrc.h"
#include "tsa/clock/verdict.h"
#include "tsa/role/clockwords.h"
#include "tsa/role/jail.h"
#include "tsa/role/labtime.h"
#include "tsa/role/msg.h"

#define PERIOD_NS    INT64_C(1000000000)
#define PATIENCE_NS  INT64_C(300000000) /* with an answer, before a record is written without it */
#define NS_PER_MS    INT64_C(1000000)
#define FAR_AWAY_S   INT64_C(9000000000) /* a timer that only ever ends because the clock was set */
#define EX_SOFTWARE  70
#define NUM_FILES    64
#define LAB_TIME_MAX 100u

/* Talking to the parent; asking chronyd and servers over sockets that are open already; asking the kernel, of which no filter can see what for (see
 * give_up_setting_the_clock); the timer; waiting; the clock where the kernel can not map it; the log; memory and abort of the C library. */
const int clock_calls[] = {
    SYS_poll,
    SYS_recvmsg,
    SYS_recvfrom,
    SYS_sendto,
    SYS_sendmsg,
    SYS_getrandom,
    SYS_adjtimex,
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_clock_gettime,
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_futex,
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

/* A source that was opened, or none. */
struct watch {
    const struct timesrc_ops *ops;
    void *source;
};

struct clock_proc {
    int parent; /* -1: a service of its own */
    int timer;  /* readable when the clock was set */
    struct settings settings;
    struct clockpage *page;
    struct watch main, second;
    struct labtime lab_time;
    struct leaplist leaps;
    struct verdict verdict;
    int64_t sampled_mono_ns;  /* of the main source, in the last record; -1: none */
    int64_t ask_at, write_at; /* CLOCK_MONOTONIC; write_at 0: the record of the last question is written */
    uint32_t state, reason;   /* of the last record, to tell changes */
};

/* ---- before the jail ---- */

static void load_lab_time(struct clock_proc *c, struct inherit *in)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, LAB_TIME_MAX);
    rc = inherit_read(in, "lab_time", &text);
    if (rc == RC_OK) {
        rc = labtime_get(wbuf_bytes(&text), &c->lab_time);
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        log_die(EX_SOFTWARE, "@clock: the lab time that came along can not be read");
    }
    wbuf_clear(&text);
    labtime_start(&c->lab_time);
}

static void load_leaps(struct clock_proc *c, struct inherit *in)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, LEAPLIST_TEXT_MAX);
    rc = inherit_read(in, "leap_list", &text);
    if (rc == RC_OK) {
        rc = leaplist_parse(wbuf_bytes(&text), &c->leaps);
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        log_warning("the list of leap seconds (clock.leap_list = \"%s\") can not be used: %s",
                    c->settings.clock.leap_list, rc_text(rc));
    }
    if (rc != RC_OK) {
        c->leaps = (struct leaplist){0};
    }
    wbuf_clear(&text);
}

static int open_timer(void)
{
    const struct itimerspec far_away = {.it_value.tv_sec = FAR_AWAY_S};
    const int timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

    if (timer < 0 ||
        timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far_away, NULL) != 0) {
        log_die(EX_SOFTWARE, "the kernel does not tell when the clock is set: %s", strerror(errno));
    }
    return timer;
}

static struct watch open_watch(struct clock_proc *c, struct inherit *in, const struct timesrc_ops *ops)
{
    return (struct watch){ops, ops->open(&c->settings, in)};
}

/* Under lab time nobody else's clock says anything about ours. */
static void open_sources(struct clock_proc *c, struct inherit *in)
{
    const int source = c->settings.clock.source;

    if (c->lab_time.kind != LABTIME_NONE) {
        c->main = open_watch(c, in, &timesrc_system);
        return;
    }
    c->main = open_watch(c, in, timesrc_of(source));
    if (c->settings.clock.servers.num > 0 && source != SETTINGS_CLOCK_SNTP) {
        c->second = open_watch(c, in, &timesrc_sntp);
    }
}

static struct clockpage *open_page(struct inherit *in)
{
    const int fd = inherit_take(in, "clock");
    struct clockpage *page = fd >= 0 ? clockpage_open(fd, true) : NULL;

    if (!page) {
        log_die(EX_SOFTWARE, "the clock file is missing: %s", strerror(errno));
    }
    (void)close(fd);
    return page;
}

/* What a predecessor has left there counts, unless it is of a former boot. */
static void start_verdict(struct clock_proc *c)
{
    const bool is_lab = c->lab_time.kind != LABTIME_NONE;
    const struct verdict_rules rules =
        verdict_rules_of(&c->settings, is_lab ? CLOCKPAGE_LAB_TIME : c->main.ops->proof);
    struct clockpage_record last;
    const bool has_last = clockpage_read(c->page, &last) && last.sampled_mono_ns <= now_mono_ns();

    verdict_init(&c->verdict, &rules, has_last ? &last : NULL);
    if (has_last) {
        c->state = last.state;
        c->reason = last.reason;
    }
}

static void start(struct clock_proc *c, struct inherit *in)
{
    log_start("clock", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &c->settings, NULL, NULL);
    log_start("clock", (enum log_level)c->settings.log.level, (enum log_form)c->settings.log.form);
    c->parent = inherit_take(in, "parent");
    c->page = open_page(in);
    c->timer = open_timer();
    load_lab_time(c, in);
    load_leaps(c, in);
    open_sources(c, in);
    start_verdict(c);
}

/* The filter can not see what adjtimex is asked to do: without this right it can only read, whatever account this is. Where it is not held,
 * nothing is called that a sandbox around us may forbid. */
static void give_up_setting_the_clock(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[2] = {{0}}, *at = &held[CAP_SYS_TIME / 32];
    const uint32_t bit = 1u << (CAP_SYS_TIME % 32);

    if (syscall(SYS_capget, &header, held) != 0) {
        log_die(EX_SOFTWARE, "@clock: its rights can not be read: %s", strerror(errno));
    }
    if (((at->effective | at->permitted | at->inheritable) & bit) == 0) {
        return;
    }
    at->effective &= ~bit;
    at->permitted &= ~bit;
    at->inheritable &= ~bit;
    if (syscall(SYS_capset, &header, held) != 0) {
        log_die(EX_SOFTWARE, "@clock: the right to set the clock can not be given up: %s", strerror(errno));
    }
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

    give_up_setting_the_clock();
    jail_close(&jail);
}

/* ---- the record ---- */

static void tell_change(struct clock_proc *c, const struct clockpage_record *r)
{
    char words[CLOCKWORDS_MAX];

    if (c->verdict.rules.proof == CLOCKPAGE_TRUSTED || (r->state == c->state && r->reason == c->reason)) {
        return;
    }
    if (r->state >= CLOCKPAGE_WARN) {
        log_warning("clock: %s: %s (%s)", clockwords_state(r->state),
                    clockwords_sentence(r->state, (enum rc)r->reason, r->figure_ns, words), r->reference);
    } else if (r->bound_ns >= 0) {
        log_notice("clock: %s, wrong by %s at most (%s)", clockwords_state(r->state),
                   clockwords_duration(r->bound_ns, words), r->reference);
    } else {
        log_notice("clock: %s (%s)", clockwords_state(r->state), r->reference);
    }
    c->state = r->state;
    c->reason = r->reason;
}

static void write_servers(const struct clock_proc *c)
{
    const struct watch *watch = c->main.ops->servers ? &c->main : &c->second;
    struct clockpage_servers servers = {0};

    if (watch->ops && watch->ops->servers) {
        watch->ops->servers(watch->source, &servers);
    }
    clockpage_write_servers(c->page, &servers);
}

/* A sample that was in the last record already is not told as news: it would count as one more that is good. */
static void write_record(struct clock_proc *c)
{
    struct timesrc_sample sample = {0}, opinion = {0};
    struct clockpage_record record = {0};
    const struct verdict_input input = {
        .sample = &sample, .opinion = c->second.ops ? &opinion : NULL, .leaps = &c->leaps};

    c->write_at = 0;
    c->main.ops->sample(c->main.source, &sample);
    if (sample.mono_ns == c->sampled_mono_ns) {
        return;
    }
    c->sampled_mono_ns = sample.mono_ns;
    if (c->second.ops) {
        c->second.ops->sample(c->second.source, &opinion);
    }
    if (c->lab_time.kind != LABTIME_NONE) {
        memset(sample.reference, 0, sizeof(sample.reference));
        (void)labtime_text(&c->lab_time, sample.reference);
    }
    verdict_judge(&c->verdict, &input, &record);
    clockpage_write(c->page, &record);
    write_servers(c);
    tell_change(c, &record);
}

/* ---- the parent ---- */

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

/* ---- the loop ---- */

static void ask(struct clock_proc *c, int64_t now)
{
    c->main.ops->ask(c->main.source, now);
    if (c->second.ops) {
        c->second.ops->ask(c->second.source, now);
    }
    c->ask_at = now + PERIOD_NS;
    c->write_at = c->main.ops->take ? now + PATIENCE_NS : now;
}

/* The clock was set: what was said of it is asked anew at once. */
static void take_timer(struct clock_proc *c)
{
    uint64_t count;

    if (read(c->timer, &count, sizeof(count)) >= 0 || errno == ECANCELED) {
        log_info("the clock was set");
        c->ask_at = now_mono_ns();
    }
}

static bool is_any_readable(const struct pollfd *fds, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (fds[i].revents) {
            return true;
        }
    }
    return false;
}

static size_t put_fds(const struct watch *watch, struct pollfd out[TIMESRC_MAX_FDS])
{
    return watch->ops && watch->ops->fds ? watch->ops->fds(watch->source, out) : 0;
}

static int timeout_of(const struct clock_proc *c, int64_t now)
{
    const int64_t at = c->write_at != 0 && c->write_at < c->ask_at ? c->write_at : c->ask_at;

    return at <= now ? 0 : (int)((at - now) / NS_PER_MS) + 1;
}

/* Waits for whatever comes first. True when the parent says stop. */
static bool wait_for_all(struct clock_proc *c)
{
    struct pollfd fds[2 + 2 * TIMESRC_MAX_FDS] = {{.fd = c->parent, .events = POLLIN},
                                                  {.fd = c->timer, .events = POLLIN}};
    struct pollfd *const of_main = fds + 2;
    const size_t num_main = put_fds(&c->main, of_main);
    struct pollfd *const of_second = of_main + num_main;
    const size_t num_second = put_fds(&c->second, of_second);

    if (poll(fds, (nfds_t)(2 + num_main + num_second), timeout_of(c, now_mono_ns())) <= 0) {
        return false;
    }
    if (fds[1].revents) {
        take_timer(c);
    }
    if (is_any_readable(of_second, num_second)) {
        (void)c->second.ops->take(c->second.source);
    }
    if (is_any_readable(of_main, num_main) && c->main.ops->take(c->main.source) && c->write_at != 0) {
        write_record(c);
    }
    return fds[0].revents && is_told_to_stop(c->parent);
}

static void turn(struct clock_proc *c)
{
    const int64_t now = now_mono_ns();

    if (now >= c->ask_at) {
        ask(c, now);
    }
    if (c->write_at != 0 && now >= c->write_at) {
        write_record(c);
    }
}

static void run(struct clock_proc *c)
{
    bool stop = false, is_ready = c->parent < 0;

    while (!stop) {
        turn(c);
        if (!is_ready && c->write_at == 0) {
            is_ready = true; /* the first record is there */
            stop = !say(c->parent, MSG_READY);
        }
        stop = stop || wait_for_all(c);
    }
}

int clock_proc_main(struct inherit *in)
{
    static struct clock_proc c = {.state = CLOCKPAGE_UNKNOWN, .sampled_mono_ns = -1};

    (void)signal(SIGHUP, SIG_IGN);
    start(&c, in);
    if (c.parent >= 0) { /* a terminal's signals go to the parent, which ends its roles in order */
        (void)signal(SIGINT, SIG_IGN);
    }
    close_jail(&c);
    if (c.verdict.rules.proof == CLOCKPAGE_TRUSTED) {
        log_debug(/* whoever started us has warned of it */
                  "the time is taken from the host without proof (clock.source = \"%s\"): fit for labs only",
                  c.main.ops->name);
    }
    run(&c);
    c.main.ops->close(c.main.source);
    if (c.second.ops) {
        c.second.ops->close(c.second.source);
    }
    clockpage_close(c.page);
    settings_clear(&c.settings);
    (void)close(c.timer);
    (void)close(c.parent);
    return 0;
}
