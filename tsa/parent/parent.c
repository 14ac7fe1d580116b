/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's run, from the configuration to the last child: everything that can fail without a socket first, then the house and the first
 * generation, then the sockets, then the roles, then an event loop of signals, a watch, and the control socket.
 */
#include "tsa/parent/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/parent/check.h"
#include "tsa/parent/control.h"
#include "tsa/parent/notify.h"
#include "tsa/parent/reload.h"
#include "tsa/parent/status.h"

#define EX_TAKEN 1 /* another time it may work */

#define NUM_SIGNALS 4

#define WATCH_S        1
#define NS_PER_US      1000
#define NS_PER_MS      INT64_C(1000000)
#define WATCHDOG_SHARE 3 /* of its time at most, until it is told again */

struct parent {
    const struct parent_options *options;
    struct house house;
    struct generation *first; /* until it is started */
    struct event_base *base;
    struct event *signals[NUM_SIGNALS], *on_watch;
    struct supervise supervise;
    struct reload *reload;
    struct control *control;
    int64_t watchdog_ns; /* when the service manager was told last */
    struct gentime started;
    bool on_terminal, told_ready;
    int exit_code;
};

static void stop(struct parent *parent, int number);
static void notify_ready(const struct parent *parent);
static void reap(struct parent *parent);
static void watch(struct parent *parent);
static void tell_ready(struct parent *parent);
static const struct labtime *lab_time_of(const struct parent *parent);
static void end(struct parent *parent, int exit_code);

/* ---- callbacks ---- */

static void on_stop_signal(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    stop(arg, number);
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
    struct parent *parent = arg;
    struct termios state;

    (void)what;
    /* The terminal that it was started from is gone: nobody is left who could stop it. */
    if (parent->on_terminal && tcgetattr(STDIN_FILENO, &state) != 0) {
        stop(parent, number);
    } else {
        (void)reload_ask(parent->reload);
    }
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    reap(arg);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    watch(arg);
}

static void on_roles_ready(void *arg)
{
    tell_ready(arg);
}

static void on_roles_changed(void *arg, const char *why)
{
    reload_take_change(((struct parent *)arg)->reload, why);
}

static void on_roles_stopped(void *arg)
{
    end(arg, 0);
}

static void on_roles_hopeless(void *arg, int exit_code)
{
    end(arg, exit_code);
}

static void on_roles_acknowledged(void *arg, const struct msg_acknowledged *answer)
{
    const struct parent *parent = arg;

    if (parent->control) {
        control_answer_acknowledge(parent->control, answer);
    }
}

static void on_roles_issuer_end(void *arg)
{
    const struct parent *parent = arg;

    if (parent->control) {
        control_lose_acknowledge(parent->control);
    }
}

static void on_roles_facts(void *arg, const struct msg_facts *facts)
{
    struct parent *parent = arg;

    if (parent->control) {
        control_answer(parent->control, facts->id, &facts->facts);
    }
}

static bool on_control_asks(void *arg, uint64_t id)
{
    struct parent *parent = arg;

    return supervise_ask_facts(&parent->supervise, id);
}

static bool on_control_acknowledges(void *arg, const struct msg_acknowledge *acknowledge)
{
    struct parent *parent = arg;

    return supervise_acknowledge(&parent->supervise, acknowledge);
}

static json_t *on_control_builds(void *arg, const struct facts *facts)
{
    const struct parent *parent = arg;
    const struct status_source source = {
        .config = parent->options->config,
        .lab_time = lab_time_of(parent),
        .started = parent->started,
        .supervise = &parent->supervise,
        .reload = parent->reload,
    };

    return status_build(&source, facts);
}

static uint64_t on_control_reloads(void *arg)
{
    struct parent *parent = arg;

    return parent->supervise.stopping ? 0 : reload_ask(parent->reload);
}

static void on_reload_begin(void *arg)
{
    (void)arg;
    log_notice("reload: looking at the configuration");
    (void)notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading\n",
                      (long long)(now_mono_ns() / NS_PER_US));
}

static void on_reload_end(void *arg, uint64_t number)
{
    struct parent *parent = arg;
    json_t *answer = status_reload_answer(parent->reload);

    notify_ready(parent);
    if (parent->control) {
        control_answer_reload(parent->control, number, answer);
    }
    json_decref(answer);
}

static const struct {
    int number;
    event_callback_fn on_signal;
} signals[NUM_SIGNALS] = {
    {SIGTERM, on_stop_signal},
    {SIGINT, on_stop_signal},
    {SIGHUP, on_hangup},
    {SIGCHLD, on_child},
};

/* ---- what the callbacks do ---- */

static void end(struct parent *parent, int exit_code)
{
    parent->exit_code = exit_code;
    (void)event_base_loopbreak(parent->base);
}

/* The second time at once: whoever asks twice does not want to wait. */
static void stop(struct parent *parent, int number)
{
    if (parent->supervise.stopping) {
        log_warning("SIG%s again: stopping at once", sigabbrev_np(number));
        end(parent, 0);
        return;
    }
    log_notice("SIG%s: stopping; what was received is answered first", sigabbrev_np(number));
    reload_stop(parent->reload); /* its end tells that we are ready, for the last time */
    (void)notify_send("STOPPING=1\nSTATUS=stopping\n");
    supervise_stop(&parent->supervise);
}

static void reap(struct parent *parent)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!supervise_take_end(&parent->supervise, pid, status)) {
            (void)reload_take_end(parent->reload, pid, status);
        }
    }
}

/* Once a second. The service manager hears that this loop turns; whether the roles do is this loop's work. */
static void watch(struct parent *parent)
{
    const int64_t now = now_mono_ns(), period = notify_watchdog_ms() * NS_PER_MS;

    supervise_watch(&parent->supervise);
    if (period > 0 && now - parent->watchdog_ns >= period / WATCHDOG_SHARE) {
        parent->watchdog_ns = now;
        (void)notify_send("WATCHDOG=1\n");
    }
}

/* NULL: the truth. */
static const struct labtime *lab_time_of(const struct parent *parent)
{
    const struct labtime *time = parent->options->lab_time;

    return time && time->kind != LABTIME_NONE ? time : NULL;
}

static void notify_ready(const struct parent *parent)
{
    const struct generation *now = parent->supervise.now->generation;

    if (parent->told_ready && !parent->supervise.stopping) {
        (void)notify_send("READY=1\nSTATUS=ready, generation %u, %zu units, %zu addresses%s\n", now->number,
                          settings_num_units(&now->settings), now->listeners.num,
                          lab_time_of(parent) ? ", lab time (for test labs only)" : "");
    }
}

static void tell_ready(struct parent *parent)
{
    static const char *const how[LISTENER_NUM_KINDS] = {
        [LISTENER_PLAIN] = "", [LISTENER_TLS] = " (TLS)", [LISTENER_METRICS] = " (metrics)"};
    const struct listeners *listeners = &parent->supervise.now->generation->listeners;
    char text[ADDRESS_TEXT_MAX];

    if (parent->told_ready) {
        return;
    }
    parent->told_ready = true;
    for (size_t i = 0; i < listeners->num; i++) {
        log_notice("ready on %s%s", address_text(&listeners->list[i].address, text),
                   how[listeners->list[i].kind]);
    }
    notify_ready(parent);
    if (parent->options->on_ready) {
        parent->options->on_ready(parent->options->arg, listeners);
    }
}

/* ---- start ---- */

static int check(const struct parent_options *options)
{
    struct settings settings = {0};
    struct check_report report;
    const enum rc rc = check_configuration(options->config, options->lab_time, false, &settings, &report);

    log_start(NULL, (enum log_level)settings.log.level, (enum log_form)settings.log.form);
    cfg_errors_tell(&report.errors, log_error);
    cfg_errors_tell(&report.warnings, log_warning);
    settings_clear(&settings);
    check_report_clear(&report);
    return rc == RC_OK ? 0 : EX_CONFIG;
}

static int complain(struct cfg_errors *errors, int code)
{
    cfg_errors_tell(errors, log_error);
    cfg_errors_clear(errors);
    return code;
}

static int read_configuration(struct parent *parent)
{
    struct cfg_errors errors = {0};

    parent->first = generation_read(parent->options->config, &errors);
    if (parent->first) {
        parent->first->number = 1;
        parent->first->lab_time = lab_time_of(parent);
    }
    return complain(&errors, parent->first ? 0 : EX_CONFIG);
}

static void tell_lab_time(const struct parent *parent)
{
    char text[LABTIME_TEXT_MAX];

    if (lab_time_of(parent)) {
        log_warning("%s: for test labs only; what is issued proves no time",
                    labtime_text(lab_time_of(parent), text));
    }
}

/* Nobody is served yet, so it may wait for the name services, for as long as they are given. */
static enum rc open_clock(struct parent *parent, struct cfg_errors *errors)
{
    struct generation *first = parent->first;
    struct cfg_errors warnings = {0};
    struct resolved resolved;
    const struct clockstock_source source = {
        .config = parent->options->config,
        .settings = &first->settings,
        .resolved = &resolved,
    };
    enum rc rc;

    if (house_has_service(&first->settings)) {
        return RC_OK;
    }
    resolve_wait(&first->settings, first->stock.config, &resolved);
    rc = clockstock_open(&first->stock.clock, &source, errors, &warnings);
    cfg_errors_tell(&warnings, log_warning);
    cfg_errors_clear(&warnings);
    return rc;
}

static int open_all(struct parent *parent)
{
    struct generation *first = parent->first;
    struct cfg_errors errors = {0};
    enum rc rc = house_open(&parent->house, &first->settings);

    if (rc != RC_OK) {
        log_error("%s", parent->house.error);
        return rc == RC_OVERLOADED ? EX_TAKEN : EX_CONFIG;
    }
    if (generation_open_stock(first, &errors) != RC_OK) {
        return complain(&errors, EX_CONFIG);
    }
    rc = open_clock(parent, &errors);
    if (rc != RC_OK) {
        return complain(&errors, rc == RC_NOT_FOUND ? EX_TAKEN : EX_CONFIG);
    }
    tell_lab_time(parent);
    rc = generation_listen(first, parent->options->listen, NULL, &errors);
    return complain(&errors, rc == RC_OK ? 0 : EX_TAKEN);
}

/* One that comes before the loop can take it would end us, and one that comes after too: it waits. */
static void hold_hangups(int how)
{
    sigset_t hangup;

    (void)sigemptyset(&hangup);
    (void)sigaddset(&hangup, SIGHUP);
    (void)sigprocmask(how, &hangup, NULL);
}

static bool open_signals(struct parent *parent)
{
    bool good = true;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < NUM_SIGNALS; i++) {
        parent->signals[i] = evsignal_new(parent->base, signals[i].number, signals[i].on_signal, parent);
        good = good && parent->signals[i] && event_add(parent->signals[i], NULL) == 0;
    }
    hold_hangups(SIG_UNBLOCK);
    return good;
}

static bool open_watch(struct parent *parent)
{
    const struct timeval period = {.tv_sec = WATCH_S};

    parent->on_watch = event_new(parent->base, -1, EV_PERSIST, on_watch, parent);
    return parent->on_watch && event_add(parent->on_watch, &period) == 0;
}

static bool open_supervise(struct parent *parent)
{
    const struct supervise_handlers handlers = {
        .on_ready = on_roles_ready,
        .on_facts = on_roles_facts,
        .on_acknowledged = on_roles_acknowledged,
        .on_issuer_end = on_roles_issuer_end,
        .on_changed = on_roles_changed,
        .on_stopped = on_roles_stopped,
        .on_hopeless = on_roles_hopeless,
        .arg = parent,
    };
    const struct reload_source source = {
        .base = parent->base,
        .config = parent->options->config,
        .listen = parent->options->listen,
        .lab_time = lab_time_of(parent),
        .supervise = &parent->supervise,
        .on_begin = on_reload_begin,
        .on_end = on_reload_end,
        .arg = parent,
    };

    if (supervise_init(&parent->supervise, parent->base, &parent->house, &handlers) != RC_OK) {
        return false;
    }
    parent->reload = reload_new(&source);
    return parent->reload != NULL;
}

static int open_loop(struct parent *parent)
{
    const struct control_source source = {
        .ask = on_control_asks,
        .build = on_control_builds,
        .reload = on_control_reloads,
        .acknowledge = on_control_acknowledges,
        .arg = parent,
    };

    parent->base = event_base_new();
    if (!parent->base || !open_signals(parent) || !open_watch(parent) || !open_supervise(parent)) {
        log_error("can not make an event loop");
        return EX_SOFTWARE;
    }
    parent->control = control_open(parent->base, parent->house.run_dir, &source);
    if (!parent->control) {
        log_error("can not make the control socket in %s: %s", parent->first->settings.run_dir,
                  strerror(errno));
        return EX_CONFIG;
    }
    return 0;
}

static int serve(struct parent *parent)
{
    if (supervise_start(&parent->supervise, &parent->first) != RC_OK) {
        return EX_SOFTWARE;
    }
    parent->exit_code = EX_SOFTWARE;
    (void)event_base_dispatch(parent->base);
    return parent->exit_code;
}

static void clear(struct parent *parent)
{
    hold_hangups(SIG_BLOCK);
    reload_free(parent->reload);
    supervise_clear(&parent->supervise);
    control_close(parent->control);
    for (size_t i = 0; i < NUM_SIGNALS; i++) {
        if (parent->signals[i]) {
            event_free(parent->signals[i]);
        }
    }
    if (parent->on_watch) {
        event_free(parent->on_watch);
    }
    if (parent->base) {
        event_base_free(parent->base);
    }
    generation_free(parent->first);
    house_close(&parent->house);
    free(parent);
}

static int run(struct parent *parent)
{
    int code = check(parent->options);

    if (code == 0) {
        code = read_configuration(parent);
    }
    if (code == 0) {
        code = open_all(parent);
    }
    if (code == 0) {
        code = open_loop(parent);
    }
    return code == 0 ? serve(parent) : code;
}

int parent_run(const struct parent_options *options)
{
    struct parent *parent = calloc(1, sizeof(*parent));
    int code = EX_SOFTWARE;

    if (!parent || spawn_init() != RC_OK) {
        log_error("can not start: %s", strerror(errno));
        free(parent);
        return code;
    }
    parent->options = options;
    parent->started = now_real();
    parent->on_terminal = isatty(STDIN_FILENO);
    parent->house = (struct house)HOUSE_NONE;
    (void)umask(0077);
    hold_hangups(SIG_BLOCK);
    code = run(parent);
    if (code == 0) {
        log_notice("stopped");
    }
    clear(parent);
    return code;
}
