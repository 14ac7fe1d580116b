/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lives of the roles over all generations: started, started again when they die, asked whether they live, replaced by those of a new
 * generation, stopped in order. At most two generations have roles at the same time.
 */
#ifndef TSA_PARENT_SUPERVISE_H
#define TSA_PARENT_SUPERVISE_H

#include "tsa/parent/crew.h"

/* How far a change of generations has come. */
enum supervise_step {
    SUPERVISE_STEADY,
    SUPERVISE_CLEARING, /* the fronts of the change before are told to end */
    SUPERVISE_LOADING,  /* the new issuer loads */
    SUPERVISE_FRONTS,   /* the new fronts start; until here it can be given up */
    SUPERVISE_RECORD,   /* the old issuer gives the record up, the new one takes it */
    SUPERVISE_CLOCK,    /* the old clock ends */
    SUPERVISE_LAST      /* the new clock starts */
};

#define SUPERVISE_WHY_MAX 200

/* What its owner is told. Each runs in the event loop and may not free supervise. */
struct supervise_handlers {
    void (*on_ready)(void *arg); /* all roles are ready; again after each restart */
    void (*on_facts)(void *arg, const struct msg_facts *facts); /* the issuer's answer */
    void (*on_acknowledged)(void *arg, const struct msg_acknowledged *answer);
    void (*on_issuer_end)(void *arg); /* an issuer has ended: what it was asked it does not answer any more */
    void (*on_changed)(void *arg, const char *why); /* a change is done: NULL; or was given up */
    void (*on_stopped)(void *arg);                  /* supervise_stop is done: no role is left */
    void (*on_hopeless)(void *arg, int exit_code);  /* a role can not be kept alive */
    void *arg;
};

struct supervise {
    struct event_base *base;
    const struct house *house;
    struct supervise_handlers handlers;
    struct crew *now;           /* serves; what dies of it is started again */
    struct crew *next;          /* comes; what dies of it ends the change */
    struct crew *old;           /* leaves; what dies of it stays away */
    struct generation *waiting; /* while the last one is cleared away */
    enum supervise_step step;
    char why[SUPERVISE_WHY_MAX]; /* the change has failed */
    struct event *on_step;
    unsigned stopping; /* 0: not; else the phase */
    bool was_ready, hopeless;
    struct chan_in in;
};

/* supervise_init prepares; supervise_start takes the first generation and starts its roles. RC_NO_MEMORY (told in the log, and the generation is not taken). supervise_clear
 * kills what is left and frees. */
enum rc supervise_init(struct supervise *all, struct event_base *base, const struct house *house,
                       const struct supervise_handlers *handlers) MUST_CHECK;
enum rc supervise_start(struct supervise *all, struct generation **take_generation) MUST_CHECK;
void supervise_clear(struct supervise *all);

/* supervise_change takes a new generation, and lets its roles take over step by step; on_changed follows. To be called when steady. */
void supervise_change(struct supervise *all, struct generation **take_generation);

/* supervise_take_end takes note of a child's end (after waitpid); false when it was no role. */
bool supervise_take_end(struct supervise *all, pid_t pid, int status);

/* supervise_watch asks each role whether it lives: once a second. */
void supervise_watch(struct supervise *all);

/* supervise_stop lets the fronts finish, then the issuer, then the clock; on_stopped follows within 5 s. */
void supervise_stop(struct supervise *all);

/* supervise_ask_facts asks the issuer, supervise_acknowledge tells it; false when it is not there. */
bool supervise_ask_facts(struct supervise *all, uint64_t id);
bool supervise_acknowledge(struct supervise *all, const struct msg_acknowledge *acknowledge);

bool supervise_is_ready(const struct supervise *all);

#endif
