/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's run, from the configuration to the last child: everything that can fail without a socket first, then what it holds for the
 * roles, then the sockets, then the roles, then an event loop of signals, timers and the control socket.
 */
#include "tsa/parent/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/parent/check.h"
#include "tsa/parent/control.h"
#include "tsa/parent/notify.h"
#include "tsa/parent/status.h"
#include "tsa/parent/stock.h"
#include "tsa/parent/supervise.h"

#define EX_TAKEN 1

#define NUM_SIGNALS 4

struct parent {
    const struct parent_options *options;
    struct settings settings;
    char *text; /* of the configuration, as the roles read it */
    struct stock stock;
    struct listeners listeners;
    struct event_base *base;
    struct event *signals[NUM_SIGNALS];
    struct supervise supervise;
    struct control *control;
    struct gentime started;
    bool on_terminal, told_ready;
    int exit_code;
};

static void stop(struct parent *parent, int number);
static void look_again(struct parent *parent);
static void tell_ready(struct parent *parent);
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
        look_again(parent);
    }
}

static void on_child(evutil_socket_t number, short what, void *arg)
{
    struct parent *parent = arg;

    (void)number;
    (void)what;
    supervise_reap(&parent->supervise);
}

static void on_roles_ready(void *arg)
{
    tell_ready(arg);
}

static void on_roles_stopped(void *arg)
{
    end(arg, 0);
}

static void on_roles_hopeless(void *arg, int exit_code)
{
    end(arg, exit_code);
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

static json_t *on_control_builds(void *arg, const struct facts *facts)
{
    const struct parent *parent = arg;
    const struct status_source source = {
        .config = parent->options->config,
        .started = parent->started,
        .supervise = &parent->supervise,
    };

    return status_build(&source, facts);
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
    (void)notify_send("STOPPING=1\nSTATUS=stopping\n");
    listeners_close(&parent->listeners);
    supervise_stop(&parent->supervise);
}

static void log_all(const struct cfg_errors *errors, void (*log)(const char *format, ...))
{
    for (size_t i = 0; i < errors->num; i++) {
        log("%s", errors->list[i]);
    }
}

/* SIGHUP looks, and says what would happen; nothing of what runs is changed. */
static void look_again(struct parent *parent)
{
    struct settings settings = {0};
    struct check_report report;
    const enum rc rc = check_configuration(parent->options->config, false, &settings, &report);

    log_all(&report.errors, log_error);
    log_all(&report.warnings, log_warning);
    if (rc == RC_OK) {
        log_notice("SIGHUP: %s is good; it takes effect at the next restart", parent->options->config);
    } else {
        log_error("SIGHUP: %s has errors, a restart would fail; what runs goes on unchanged",
                  parent->options->config);
    }
    settings_clear(&settings);
    check_report_clear(&report);
}

static void tell_ready(struct parent *parent)
{
    char text[ADDRESS_TEXT_MAX];
    const struct listeners *listeners = &parent->listeners;

    if (parent->told_ready) {
        return;
    }
    parent->told_ready = true;
    for (size_t i = 0; i < listeners->num; i++) {
        log_notice("ready on %s", address_text(&listeners->list[i].address, text));
    }
    (void)notify_send("READY=1\nSTATUS=ready, %zu units, %zu addresses\n",
                      settings_num_units(&parent->settings), listeners->num);
    if (parent->options->on_ready) {
        parent->options->on_ready(parent->options->arg, listeners);
    }
}

/* ---- start ---- */

static int check(const char *path)
{
    struct settings settings = {0};
    struct check_report report;
    const enum rc rc = check_configuration(path, false, &settings, &report);

    log_start(NULL, (enum log_level)settings.log.level, (enum log_form)settings.log.form);
    log_all(&report.errors, log_error);
    log_all(&report.warnings, log_warning);
    settings_clear(&settings);
    check_report_clear(&report);
    return rc == RC_OK ? 0 : EX_CONFIG;
}

/* The roles read the same text, so that all of them mean the same configuration. */
static int read_settings(struct parent *parent)
{
    struct cfg_errors errors = {0};
    enum rc rc = RC_CONFIG;

    parent->text = settings_read_text(parent->options->config, &errors);
    if (parent->text) {
        rc = settings_parse(parent->options->config, parent->text, &parent->settings, &errors);
    }
    log_all(&errors, log_error);
    cfg_errors_clear(&errors);
    return rc == RC_OK ? 0 : EX_CONFIG;
}

static int open_all(struct parent *parent)
{
    const struct cfg_strings *given = parent->options->listen;
    enum rc rc = stock_open(&parent->stock, &parent->settings, parent->text);

    if (rc != RC_OK) {
        log_error("%s", parent->stock.error);
        return rc == RC_OVERLOADED ? EX_TAKEN : EX_CONFIG;
    }
    rc = listeners_open(&parent->listeners, given && given->num ? given : &parent->settings.listen);
    if (rc != RC_OK) {
        log_error("%s", parent->listeners.error);
        return EX_TAKEN;
    }
    return 0;
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
    return good;
}

static int open_loop(struct parent *parent)
{
    const struct supervise_handlers handlers = {
        .on_ready = on_roles_ready,
        .on_facts = on_roles_facts,
        .on_stopped = on_roles_stopped,
        .on_hopeless = on_roles_hopeless,
        .arg = parent,
    };
    const struct control_source source = {.ask = on_control_asks, .build = on_control_builds, .arg = parent};

    parent->base = event_base_new();
    if (!parent->base || !open_signals(parent) ||
        supervise_init(&parent->supervise, parent->base, &handlers) != RC_OK) {
        log_error("can not make an event loop");
        return EX_SOFTWARE;
    }
    parent->control = control_open(parent->base, parent->stock.run_dir, &source);
    if (!parent->control) {
        log_error("can not make the control socket in %s: %s", parent->settings.run_dir, strerror(errno));
        return EX_CONFIG;
    }
    return 0;
}

static int serve(struct parent *parent)
{
    parent->supervise.settings = &parent->settings;
    parent->supervise.stock = &parent->stock;
    parent->supervise.listeners = &parent->listeners;
    if (supervise_start(&parent->supervise) != RC_OK) {
        return EX_SOFTWARE;
    }
    parent->exit_code = EX_SOFTWARE;
    (void)event_base_dispatch(parent->base);
    return parent->exit_code;
}

static void clear(struct parent *parent)
{
    supervise_clear(&parent->supervise);
    control_close(parent->control);
    for (size_t i = 0; i < NUM_SIGNALS; i++) {
        if (parent->signals[i]) {
            event_free(parent->signals[i]);
        }
    }
    if (parent->base) {
        event_base_free(parent->base);
    }
    listeners_close(&parent->listeners);
    stock_close(&parent->stock);
    settings_clear(&parent->settings);
    free(parent->text);
    free(parent);
}

static int run(struct parent *parent)
{
    int code = check(parent->options->config);

    if (code == 0) {
        code = read_settings(parent);
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
    parent->stock = (struct stock)STOCK_NONE;
    (void)umask(0077);
    code = run(parent);
    if (code == 0) {
        log_notice("stopped");
    }
    clear(parent);
    return code;
}
