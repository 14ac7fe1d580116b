/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles and their lives: started, watched, started again when they die, stopped in order. Who may talk to whom is decided here: each
 * front to the issuer, every role to the parent, and nobody else to anybody.
 */
#ifndef TSA_PARENT_SUPERVISE_H
#define TSA_PARENT_SUPERVISE_H

#include <sys/types.h>

#include <event2/event.h>

#include "tsa/parent/listeners.h"
#include "tsa/parent/stock.h"
#include "tsa/role/msg.h"

#define SUPERVISE_MAX_FRONTS 64
#define SUPERVISE_MAX_ROLES  (SUPERVISE_MAX_FRONTS + 2)
#define SUPERVISE_DEATHS     10 /* of one role ... */
#define SUPERVISE_WINDOW_S   60 /* ... in this time, and it is given up */

enum role_kind {
    ROLE_ISSUER,
    ROLE_CLOCK,
    ROLE_FRONT,
    ROLE_NUM_KINDS
};

struct supervise;

struct role {
    struct supervise *all;
    enum role_kind kind;
    pid_t pid; /* 0: not running */
    int chan;  /* the parent's end; -1 */
    int peer;  /* front: its end of the channel to the issuer, kept until it is started; -1 */
    bool ready;
    bool was_ready; /* ever */
    unsigned num_starts;
    int64_t deaths[SUPERVISE_DEATHS]; /* a ring of monotonic times */
    unsigned num_deaths;
    struct event *on_message, *on_timer; /* timer: to start again, or until it must be ready */
};

/* What its owner is told. Each runs in the event loop and may not free supervise. */
struct supervise_handlers {
    void (*on_ready)(void *arg); /* all roles are ready; again after each restart */
    void (*on_facts)(void *arg, const struct msg_facts *facts); /* the issuer's answer */
    void (*on_stopped)(void *arg);                              /* supervise_stop is done: no role is left */
    void (*on_hopeless)(void *arg, int exit_code);              /* a role can not be kept alive */
    void *arg;
};

struct supervise {
    struct event_base *base;
    const struct settings *settings;
    const struct stock *stock;
    const struct listeners *listeners;
    struct supervise_handlers handlers;
    struct role roles[SUPERVISE_MAX_ROLES]; /* issuer, clock, fronts */
    size_t num;
    unsigned stopping; /* 0: not; else the phase */
    bool hopeless;
    struct event *stop_timer;
    struct chan_in in;
};

/* supervise_init prepares the table; supervise_start starts all roles. RC_IO, RC_NO_MEMORY (told in the log). supervise_clear kills
 * what is left and frees. */
enum rc supervise_init(struct supervise *all, struct event_base *base,
                       const struct supervise_handlers *handlers) MUST_CHECK;
enum rc supervise_start(struct supervise *all) MUST_CHECK;
void supervise_clear(struct supervise *all);

/* supervise_reap takes note of children that have ended (after SIGCHLD). */
void supervise_reap(struct supervise *all);

/* supervise_stop lets the fronts finish, then the issuer, then the clock; on_stopped follows within 5 s. */
void supervise_stop(struct supervise *all);
/* supervise_kill ends all at once and waits for them. */
void supervise_kill(struct supervise *all);

/* supervise_ask_facts asks the issuer; false when it is not there. */
bool supervise_ask_facts(struct supervise *all, uint64_t id);

bool supervise_is_ready(const struct supervise *all);
const char *supervise_role_name(enum role_kind kind); /* "issuer" */

#endif
