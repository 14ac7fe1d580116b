/* SPDX-License-Identifier: Apache-2.0 */
/* Each stage ends in the next one, or in fail(). */
#include "tsa/parent/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/parent/check.h"
#include "tsa/parent/trial.h"

enum stage {
    STAGE_IDLE,
    STAGE_ASKED, /* begins with the next turn of the loop */
    STAGE_NAMES,
    STAGE_TRIAL,
    STAGE_CHANGE
};

struct reload {
    struct reload_source source;
    enum stage stage;
    struct event *on_start;
    struct generation *next;
    struct resolve *resolve;
    struct trial *trial;
    struct cfg_errors lines;
    struct reload_result result;
    uint64_t number; /* of the one that is on its way, or was last */
    bool again, stopped;
};

static void begin(struct reload *reload);
static void take_names(struct reload *reload, const struct resolved *resolved);
static void end_trial(struct reload *reload, const struct cfg_errors *errors);

/* ---- callbacks ---- */

static void on_start(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

static void on_names(void *arg, const struct resolved *resolved)
{
    struct reload *reload = arg;

    reload->resolve = NULL; /* it is gone when this returns */
    take_names(reload, resolved);
}

static void on_trial_end(void *arg, const struct cfg_errors *errors)
{
    end_trial(arg, errors);
}

/* ---- the end of it ---- */

static void start_soon(struct reload *reload)
{
    reload->stage = STAGE_ASKED;
    reload->number++;
    event_active(reload->on_start, EV_TIMEOUT, 0);
}

static unsigned number_now(const struct reload *reload)
{
    return reload->source.supervise->now->generation->number;
}

static void finish(struct reload *reload, bool good)
{
    cfg_errors_clear(&reload->result.lines);
    reload->result = (struct reload_result){
        .at = now_real(),
        .good = good,
        .generation = number_now(reload),
        .lines = reload->lines,
    };
    reload->lines = (struct cfg_errors){0};
    reload->stage = STAGE_IDLE;
    reload->source.on_end(reload->source.arg, reload->number);
    if (reload->again && !reload->stopped) {
        reload->again = false;
        start_soon(reload);
    }
}

static void drop_next(struct reload *reload)
{
    if (reload->next) {
        generation_pass_on(reload->next, reload->source.supervise->now->generation);
    }
    generation_free(reload->next);
    reload->next = NULL;
}

/* What was found is what stands in the way; warnings beside it would only hide it. */
static void fail(struct reload *reload)
{
    drop_next(reload);
    log_error("%s is not taken over; what runs goes on unchanged", reload->source.config);
    finish(reload, false);
}

static void fail_with(struct reload *reload, const char *text)
{
    cfg_errors_clear(&reload->lines);
    cfg_errors_add(&reload->lines, "%s", text);
    fail(reload);
}

/* ---- reading ---- */

static void add_lines(struct cfg_errors *to, const struct cfg_errors *from, const char *before)
{
    for (size_t i = 0; i < from->num; i++) {
        cfg_errors_add(to, "%s%s", before, from->list[i]);
    }
}

/* Warnings go to the log, and to who asked where there is no error. */
static bool check(struct reload *reload)
{
    struct settings settings = {0};
    struct check_report report;
    const struct labtime *lab_time = reload->source.supervise->now->generation->lab_time;
    const enum rc rc = check_configuration(reload->source.config, lab_time, false, &settings, &report);

    cfg_errors_tell(&report.errors, log_error);
    cfg_errors_tell(&report.warnings, log_warning);
    add_lines(&reload->lines, rc == RC_OK ? &report.warnings : &report.errors,
              rc == RC_OK ? "warning: " : "");
    settings_clear(&settings);
    check_report_clear(&report);
    return rc == RC_OK;
}

/* systemd's sockets stand in the place of the addresses; that somebody changes these may be a misunderstanding. */
static void warn_of_passed(struct reload *reload)
{
    const struct generation *now = reload->source.supervise->now->generation;
    const struct cfg_strings *before = &now->settings.listen, *after = &reload->next->settings.listen;
    bool same = before->num == after->num;

    for (size_t i = 0; same && i < after->num; i++) {
        same = strcmp(before->list[i], after->list[i]) == 0;
    }
    if (!same && listeners_has_passed(&now->listeners, LISTENER_PLAIN)) {
        log_warning("listen has changed, but systemd passes the sockets: change tsa.socket");
        cfg_errors_add(&reload->lines,
                       "warning: listen has changed, but systemd passes the sockets: change tsa.socket");
    }
}

static bool open_next(struct reload *reload)
{
    const struct supervise *supervise = reload->source.supervise;
    const struct generation *now = supervise->now->generation;
    struct cfg_errors errors = {0};

    reload->next = generation_read(reload->source.config, &errors);
    if (reload->next) {
        reload->next->number = now->number + 1;
        reload->next->lab_time = reload->source.lab_time;
        house_check(supervise->house, &reload->next->settings, &errors);
    }
    if (reload->next && errors.num == 0 && generation_open_stock(reload->next, &errors) == RC_OK &&
        generation_listen(reload->next, reload->source.listen, now, &errors) == RC_OK) {
        warn_of_passed(reload);
        return true;
    }
    cfg_errors_tell(&errors, log_error);
    cfg_errors_clear(&reload->lines);
    reload->lines = errors;
    return false;
}

static bool open_clock(struct reload *reload, const struct resolved *resolved)
{
    const struct clockstock_source source = {
        .config = reload->source.config,
        .settings = &reload->next->settings,
        .resolved = resolved,
    };
    struct cfg_errors errors = {0}, warnings = {0};
    const enum rc rc = clockstock_open(&reload->next->stock.clock, &source, &errors, &warnings);

    cfg_errors_tell(&errors, log_error);
    cfg_errors_tell(&warnings, log_warning);
    if (rc == RC_OK) {
        add_lines(&reload->lines, &warnings, "warning: ");
        cfg_errors_clear(&errors);
    } else {
        cfg_errors_clear(&reload->lines);
        reload->lines = errors;
    }
    cfg_errors_clear(&warnings);
    return rc == RC_OK;
}

/* ---- stages ---- */

static void fail_to_start(struct reload *reload, const char *what)
{
    char why[SUPERVISE_WHY_MAX];

    (void)snprintf(why, sizeof(why), "the %s can not be started: %s", what, strerror(errno));
    log_error("%s", why);
    fail_with(reload, why);
}

static void rehearse(struct reload *reload)
{
    const struct trial_owner owner = {.base = reload->source.base, .on_end = on_trial_end, .arg = reload};

    reload->stage = STAGE_TRIAL;
    reload->trial = trial_start(&owner, reload->next);
    if (!reload->trial) {
        fail_to_start(reload, "trial");
    }
}

static void take_names(struct reload *reload, const struct resolved *resolved)
{
    if (open_clock(reload, resolved)) {
        rehearse(reload);
    } else {
        fail(reload);
    }
}

/* Name services may take their time, which this loop has not. */
static void ask_names(struct reload *reload)
{
    const struct resolve_owner owner = {.base = reload->source.base, .on_end = on_names, .arg = reload};
    const struct generation *next = reload->next;
    struct resolved resolved;

    if (house_has_service(&next->settings)) {
        rehearse(reload);
    } else if (resolve_numbers(&next->settings, &resolved)) {
        take_names(reload, &resolved);
    } else {
        reload->stage = STAGE_NAMES;
        reload->resolve = resolve_start(&owner, &next->settings, next->stock.config);
        if (!reload->resolve) {
            fail_to_start(reload, "child that resolves names");
        }
    }
}

static void begin(struct reload *reload)
{
    if (reload->stopped) {
        return;
    }
    reload->source.on_begin(reload->source.arg);
    if (check(reload) && open_next(reload)) {
        ask_names(reload);
    } else {
        fail(reload);
    }
}

static void end_trial(struct reload *reload, const struct cfg_errors *errors)
{
    reload->trial = NULL;
    if (errors->num) {
        cfg_errors_clear(&reload->lines);
        add_lines(&reload->lines, errors, "");
        fail(reload);
        return;
    }
    reload->stage = STAGE_CHANGE;
    supervise_change(reload->source.supervise, &reload->next);
}

void reload_take_change(struct reload *reload, const char *why)
{
    if (reload->stage != STAGE_CHANGE) {
        return;
    }
    if (why) {
        fail_with(reload, why);
    } else {
        const struct settings *settings = &reload->source.supervise->now->generation->settings;

        log_start(NULL, (enum log_level)settings->log.level, (enum log_form)settings->log.form);
        log_notice("generation %u serves, as %s says now", number_now(reload), reload->source.config);
        finish(reload, true);
    }
}

bool reload_take_end(struct reload *reload, pid_t pid, int status)
{
    return trial_take_end(reload->trial, pid, status) || resolve_take_end(reload->resolve, pid);
}

/* ---- asking ---- */

uint64_t reload_ask(struct reload *reload)
{
    if (reload->stage == STAGE_IDLE) {
        start_soon(reload);
        return reload->number;
    }
    if (reload->stage == STAGE_ASKED) {
        return reload->number; /* nothing has been read yet */
    }
    reload->again = true;
    return reload->number + 1;
}

static void stop_children(struct reload *reload)
{
    trial_stop(reload->trial);
    reload->trial = NULL;
    resolve_stop(reload->resolve);
    reload->resolve = NULL;
}

void reload_stop(struct reload *reload)
{
    const bool again = reload->again;

    reload->stopped = true;
    stop_children(reload);
    drop_next(reload);
    if (reload->stage != STAGE_IDLE) {
        cfg_errors_clear(&reload->lines);
        cfg_errors_add(&reload->lines, "the authority was told to stop meanwhile");
        finish(reload, false);
    }
    if (again) {
        reload->again = false;
        reload->number++;
        reload->source.on_end(reload->source.arg, reload->number);
    }
}

const struct reload_result *reload_result(const struct reload *reload)
{
    return &reload->result;
}

bool reload_is_running(const struct reload *reload)
{
    return reload->stage != STAGE_IDLE;
}

struct reload *reload_new(const struct reload_source *source)
{
    struct reload *reload = calloc(1, sizeof(*reload));

    if (!reload) {
        return NULL;
    }
    reload->source = *source;
    reload->on_start = event_new(source->base, -1, 0, on_start, reload);
    if (!reload->on_start) {
        free(reload);
        return NULL;
    }
    return reload;
}

void reload_free(struct reload *reload)
{
    if (!reload) {
        return;
    }
    stop_children(reload);
    drop_next(reload);
    event_free(reload->on_start);
    cfg_errors_clear(&reload->lines);
    cfg_errors_clear(&reload->result.lines);
    free(reload);
}
