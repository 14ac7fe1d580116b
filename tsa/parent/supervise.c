/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role that dies is started again at once, then after growing pauses of at most half a second, so that it is back within one; a role
 * that dies ten times in a minute, or can not start at all, ends the authority with a clear text.
 *
 * A change of generations goes by steps. Whatever happens to a role leads to a look, at the end of the loop's turn, at whether the next step can be
 * made: so that nothing is freed under the feet of whoever reported it.
 */
#include "tsa/parent/supervise.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define PAUSE_FIRST_MS 25
#define PAUSE_MAX_MS   500
#define DRAIN_MS       60000 /* for clients of the old generation */
#define OLD_STOP_MS    4000  /* for an old front or issuer to end */
#define OLD_CLOCK_MS   1000  /* for an old clock: its last record lives longer */

/* In which order they are told to stop, and how long each may take: five seconds in all. */
static const struct {
    enum role_kind kind;
    long ms;
} stop_phases[] = {{ROLE_FRONT, 4000}, {ROLE_ISSUER, 600}, {ROLE_CLOCK, 200}};
#define NUM_STOP_PHASES (sizeof(stop_phases) / sizeof(stop_phases[0]))

static void look(struct supervise *all);
static void role_changed(struct supervise *all, struct crew *crew, struct role *role);

/* ---- callbacks ---- */

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look(arg);
}

static void on_change(void *arg, struct crew *crew, struct role *role)
{
    role_changed(arg, crew, role);
}

static void on_facts(void *arg, const struct msg_facts *facts)
{
    struct supervise *all = arg;

    all->handlers.on_facts(all->handlers.arg, facts);
}

static void on_acknowledged(void *arg, const struct msg_acknowledged *answer)
{
    struct supervise *all = arg;

    all->handlers.on_acknowledged(all->handlers.arg, answer);
}

/* ---- small things ---- */

static void look_soon(struct supervise *all)
{
    event_active(all->on_step, EV_TIMEOUT, 0);
}

static void for_each(struct supervise *all, void (*act)(struct role *role))
{
    struct crew *const crews[] = {all->now, all->next, all->old};

    for (size_t i = 0; i < sizeof(crews) / sizeof(crews[0]); i++) {
        for (size_t j = 0; crews[i] && j < crews[i]->num; j++) {
            act(&crews[i]->roles[j]);
        }
    }
}

/* Where fronts count their connections: who is no front any more has no place there. */
static void free_places(struct supervise *all)
{
    struct crew *const crews[] = {all->now, all->next, all->old};
    int32_t living[3 * CREW_MAX_ROLES];
    size_t num = 0;

    for (size_t i = 0; i < sizeof(crews) / sizeof(crews[0]); i++) {
        for (size_t j = 0; crews[i] && j < crews[i]->num; j++) {
            if (crews[i]->roles[j].kind == ROLE_FRONT && crews[i]->roles[j].pid > 0) {
                living[num++] = crews[i]->roles[j].pid;
            }
        }
    }
    shared_keep(all->house->shared, living, num);
}

static struct crew *new_crew(struct supervise *all, struct generation **take_generation)
{
    const struct crew_owner owner = {
        .base = all->base,
        .in = &all->in,
        .house = all->house,
        .on_change = on_change,
        .on_facts = on_facts,
        .on_acknowledged = on_acknowledged,
        .arg = all,
    };

    house_name_units(all->house, all->now ? &all->now->generation->settings : NULL,
                     &(*take_generation)->settings);
    return crew_new(&owner, take_generation);
}

static bool is_empty(const struct crew *crew)
{
    return !crew_is_running(crew, ROLE_ISSUER) && !crew_is_running(crew, ROLE_CLOCK) &&
           !crew_is_running(crew, ROLE_FRONT);
}

bool supervise_is_ready(const struct supervise *all)
{
    return all->now && crew_is_ready(all->now, ROLE_ISSUER) && crew_is_ready(all->now, ROLE_CLOCK) &&
           crew_is_ready(all->now, ROLE_FRONT);
}

bool supervise_ask_facts(struct supervise *all, uint64_t id)
{
    return all->now && role_ask_facts(crew_issuer(all->now), id);
}

bool supervise_acknowledge(struct supervise *all, const struct msg_acknowledge *acknowledge)
{
    return all->now && role_acknowledge(crew_issuer(all->now), acknowledge);
}

void supervise_watch(struct supervise *all)
{
    if (!all->stopping) {
        for_each(all, role_ping);
    }
}

/* ---- a change, step by step ---- */

__attribute__((format(printf, 2, 3))) static void give_up_change(struct supervise *all, const char *format,
                                                                 ...)
{
    va_list args;

    if (all->why[0] || all->step == SUPERVISE_STEADY || all->step > SUPERVISE_FRONTS) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(all->why, sizeof(all->why), format, args);
    va_end(args);
    look_soon(all);
}

/* Nothing of the running generation has been touched so far. */
static void drop_next(struct supervise *all)
{
    struct generation *waiting = all->waiting;

    if (all->next) {
        generation_pass_on(all->next->generation, all->now->generation);
    } else if (waiting) {
        generation_pass_on(waiting, all->now->generation);
    }
    if (all->next) {
        crew_free(all->next);
        all->next = NULL;
        free_places(all);
    }
    generation_free(waiting);
    all->waiting = NULL;
    all->step = SUPERVISE_STEADY;
}

static void end_change(struct supervise *all, const char *why)
{
    char text[SUPERVISE_WHY_MAX];

    (void)snprintf(text, sizeof(text), "%s", why ? why : "");
    all->why[0] = 0;
    all->step = SUPERVISE_STEADY;
    all->handlers.on_changed(all->handlers.arg, why ? text : NULL);
}

static bool step_clearing(struct supervise *all)
{
    if (all->old) {
        return false;
    }
    all->next = new_crew(all, &all->waiting);
    if (!all->next) {
        give_up_change(all, "%s", rc_text(RC_NO_MEMORY));
    } else if (crew_start(all->next, ROLE_ISSUER) != RC_OK) {
        give_up_change(all, "the new issuer can not be started");
    }
    return all->next != NULL;
}

static bool step_loading(struct supervise *all)
{
    if (!crew_issuer(all->next)->loaded && !crew_issuer(all->next)->ready) {
        return false;
    }
    if (crew_start(all->next, ROLE_FRONT) != RC_OK) {
        give_up_change(all, "a new front can not be started");
    }
    return true;
}

/* From here on there is no way back: the new fronts have taken requests already. */
static bool step_fronts(struct supervise *all)
{
    if (!crew_is_ready(all->next, ROLE_FRONT)) {
        return false;
    }
    all->old = all->now;
    all->now = all->next;
    all->next = NULL;
    all->now->generation->since = now_real();
    for (size_t i = 0; i < all->old->num; i++) {
        if (all->old->roles[i].kind == ROLE_FRONT) {
            role_drain(&all->old->roles[i], DRAIN_MS);
        }
    }
    role_stop(crew_issuer(all->old), OLD_STOP_MS);
    generation_pass_on(all->old->generation, all->now->generation);
    if (crew_issuer(all->now)->ready) {
        crew_connect(all->old, all->now); /* the old one was dead just then, and has left it the record */
    }
    return true;
}

static bool step_record(struct supervise *all)
{
    struct role *clock = crew_clock(all->old);

    if (!crew_issuer(all->now)->ready) {
        return false;
    }
    if (clock) {
        role_stop(clock, OLD_CLOCK_MS);
    }
    return true;
}

/* Two that write the same record would spoil it. */
static bool step_clock(struct supervise *all)
{
    if (crew_is_running(all->old, ROLE_CLOCK)) {
        return false;
    }
    (void)crew_start(all->now, ROLE_CLOCK);
    return true;
}

static bool step_last(struct supervise *all)
{
    if (!supervise_is_ready(all)) {
        return false;
    }
    end_change(all, NULL);
    return false;
}

static bool make_step(struct supervise *all)
{
    static const struct {
        bool (*make)(struct supervise *all);
        enum supervise_step next;
    } steps[] = {
        [SUPERVISE_CLEARING] = {step_clearing, SUPERVISE_LOADING},
        [SUPERVISE_LOADING] = {step_loading, SUPERVISE_FRONTS},
        [SUPERVISE_FRONTS] = {step_fronts, SUPERVISE_RECORD},
        [SUPERVISE_RECORD] = {step_record, SUPERVISE_CLOCK},
        [SUPERVISE_CLOCK] = {step_clock, SUPERVISE_LAST},
        [SUPERVISE_LAST] = {step_last, SUPERVISE_STEADY},
    };

    if (!steps[all->step].make || all->why[0] || !steps[all->step].make(all)) { /* none: steady */
        return false;
    }
    all->step = steps[all->step].next;
    return true;
}

static void forget_old(struct supervise *all)
{
    if (all->old && is_empty(all->old) && all->step != SUPERVISE_RECORD && all->step != SUPERVISE_CLOCK) {
        crew_free(all->old);
        all->old = NULL;
    }
}

static void look(struct supervise *all)
{
    if (all->stopping) {
        return;
    }
    forget_old(all);
    while (make_step(all)) {
    }
    if (all->why[0]) {
        drop_next(all);
        end_change(all, all->why);
    }
    forget_old(all);
}

void supervise_change(struct supervise *all, struct generation **take_generation)
{
    all->waiting = *take_generation;
    *take_generation = NULL;
    all->step = SUPERVISE_CLEARING;
    for (size_t i = 0; all->old && i < all->old->num; i++) {
        role_stop(&all->old->roles[i], OLD_STOP_MS);
    }
    look_soon(all);
}

/* ---- life ---- */

static void role_changed(struct supervise *all, struct crew *crew, struct role *role)
{
    if (crew == all->now && role->kind == ROLE_ISSUER && role->ready && all->old) {
        crew_connect(all->old, all->now);
    }
    if (!all->stopping && crew == all->now && role->ready && supervise_is_ready(all)) {
        all->was_ready = true;
        all->handlers.on_ready(all->handlers.arg);
    }
    look_soon(all);
}

/* ---- death ---- */

static void give_up(struct supervise *all, int exit_code)
{
    if (!all->hopeless) {
        all->hopeless = true;
        all->handlers.on_hopeless(all->handlers.arg, exit_code);
    }
}

static void start_again(struct supervise *all, struct role *role)
{
    const unsigned num = role_count_death(role);
    long pause = num > 1 ? PAUSE_FIRST_MS << (num - 2) : 0;

    if (num >= ROLE_DEATHS) {
        log_error("the %s died %u times within %d seconds: giving up; the lines above tell why",
                  role_name(role->kind), num, ROLE_WINDOW_S);
        give_up(all, EX_SOFTWARE);
        return;
    }
    pause = pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
    role_start_later(role, pause);
}

/* What could not start once will not start the second time: the role has said why. */
static bool is_start_failure(const struct supervise *all, bool was_ready, int status)
{
    return !all->was_ready && !was_ready && WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

static void lost(struct supervise *all, struct role *role, bool was_ready, int status)
{
    if (is_start_failure(all, was_ready, status)) {
        log_error("the %s can not start", role_name(role->kind));
        give_up(all, WEXITSTATUS(status));
    } else if (!all->hopeless) {
        start_again(all, role);
    }
}

static void stop_next(struct supervise *all);

static void take_end(struct supervise *all, struct crew *crew, struct role *role, int status)
{
    const bool expected = role->leaving || all->stopping, was_ready = role->ready;
    const pid_t pid = role->pid;
    char end[SPAWN_END_MAX];

    (void)spawn_describe_end(status, end);
    role_forget(role);
    free_places(all);
    if (role->kind == ROLE_ISSUER && crew != all->next) {
        all->handlers.on_issuer_end(all->handlers.arg);
    }
    if (!expected) {
        log_error("the %s (process %d) died: %s", role_name(role->kind), (int)pid, end);
    } else if (status != 0) {
        log_warning("the %s (process %d) did not end well: %s", role_name(role->kind), (int)pid, end);
    }
    if (all->stopping) {
        stop_next(all);
    } else if (crew == all->next) {
        give_up_change(all, "the new %s ended: %s", role_name(role->kind), end);
    } else if (!role->leaving) {
        lost(all, role, was_ready, status);
    }
    look_soon(all);
}

bool supervise_take_end(struct supervise *all, pid_t pid, int status)
{
    struct crew *const crews[] = {all->now, all->next, all->old};

    for (size_t i = 0; i < sizeof(crews) / sizeof(crews[0]); i++) {
        struct role *role = crew_find(crews[i], pid);

        if (role) {
            take_end(all, crews[i], role, status);
            return true;
        }
    }
    return false;
}

/* ---- the end ---- */

static bool is_any_left(const struct supervise *all, enum role_kind kind)
{
    return crew_is_running(all->now, kind) || crew_is_running(all->old, kind);
}

static void stop_kind(struct crew *crew, enum role_kind kind, long ms)
{
    for (size_t i = 0; crew && i < crew->num; i++) {
        if (crew->roles[i].kind == kind) {
            role_stop(&crew->roles[i], ms);
        }
    }
}

static void begin_phase(struct supervise *all)
{
    const enum role_kind kind = stop_phases[all->stopping - 1].kind;
    const long ms = stop_phases[all->stopping - 1].ms;

    stop_kind(all->now, kind, ms);
    stop_kind(all->old, kind, ms);
}

/* Goes on while nobody of the phase is left. */
static void stop_next(struct supervise *all)
{
    while (all->stopping <= NUM_STOP_PHASES && !is_any_left(all, stop_phases[all->stopping - 1].kind)) {
        all->stopping++;
        if (all->stopping <= NUM_STOP_PHASES) {
            begin_phase(all);
        } else {
            all->handlers.on_stopped(all->handlers.arg);
        }
    }
}

/* Nothing is started any more: what waits for its next start stays away. */
static void call_off_start(struct role *role)
{
    if (!role->pid) {
        role_stop(role, 0);
    }
}

void supervise_stop(struct supervise *all)
{
    if (all->stopping) {
        return;
    }
    if (all->step != SUPERVISE_STEADY && all->step <= SUPERVISE_FRONTS) {
        drop_next(all);
    }
    all->stopping = 1;
    listeners_close(&all->now->generation->listeners, NULL);
    for_each(all, call_off_start);
    begin_phase(all);
    stop_next(all);
}

/* ---- all ---- */

enum rc supervise_init(struct supervise *all, struct event_base *base, const struct house *house,
                       const struct supervise_handlers *handlers)
{
    *all = (struct supervise){.base = base, .house = house, .handlers = *handlers};
    all->in.passed_fd = -1;
    all->on_step = event_new(base, -1, 0, on_step, all);
    return all->on_step ? RC_OK : RC_NO_MEMORY;
}

enum rc supervise_start(struct supervise *all, struct generation **take_generation)
{
    all->now = new_crew(all, take_generation);
    if (!all->now) {
        return RC_NO_MEMORY;
    }
    all->now->generation->since = now_real();
    for (enum role_kind kind = 0; kind < ROLE_NUM_KINDS; kind++) {
        (void)crew_start(all->now, kind);
    }
    return RC_OK;
}

void supervise_clear(struct supervise *all)
{
    drop_next(all);
    crew_free(all->old);
    crew_free(all->now);
    if (all->on_step) {
        event_free(all->on_step);
    }
    all->now = all->old = NULL;
    all->on_step = NULL;
}
