/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One role's process, from its start to its end: its channel to the parent, how long it may take to get ready, to drain and to stop, and whether it
 * still answers. It decides nothing about others: who gets what, and what a death means, its owner says.
 */
#ifndef TSA_PARENT_ROLE_H
#define TSA_PARENT_ROLE_H

#include <sys/types.h>

#include <event2/event.h>

#include "tsa/parent/spawn.h"
#include "tsa/role/msg.h"

#define ROLE_DEATHS     10 /* of one role ... */
#define ROLE_WINDOW_S   60 /* ... in this time, and it is given up */
#define ROLE_SILENT_MAX 8  /* questions, one each second, without an answer */

enum role_kind {
    ROLE_ISSUER,
    ROLE_CLOCK,
    ROLE_FRONT,
    ROLE_NUM_KINDS
};

/* What its timer waits for. */
enum role_await {
    ROLE_AWAIT_NOTHING,
    ROLE_AWAIT_PAUSE,   /* not running; the pause before its next start is over */
    ROLE_AWAIT_READY,   /* MSG_READY, or of an issuer MSG_LOADED */
    ROLE_AWAIT_RECORD,  /* loaded: the record, and then MSG_READY */
    ROLE_AWAIT_END,     /* its channel is closed */
    ROLE_AWAIT_DRAINED, /* its clients have gone; then it is told to stop */
    ROLE_AWAIT_STOPPED
};

struct role_owner;

struct role {
    const struct role_owner *owner;
    enum role_kind kind;
    unsigned generation; /* number, for the log */
    pid_t pid;           /* 0: not running */
    int chan;            /* the parent's end; -1 */
    int peer;            /* front: its end of the channel to the issuer, kept until it is started; -1 */
    bool loaded;         /* issuer: it waits for the record, or has it */
    bool ready;
    bool leaving; /* told to end: it is not started again */
    unsigned num_starts, num_unanswered;
    int64_t deaths[ROLE_DEATHS]; /* a ring of monotonic times */
    unsigned num_deaths;
    enum role_await await;
    struct event *on_message, *on_timer;
};

/* A role that is about to be started: what it gets, and what the parent closes afterwards. */
struct launch {
    struct spawn spawn;
    int ends[INHERIT_MAX];
    size_t num_ends;
};

/* Whoever owns roles. All of it runs in the event loop and may not free a role. */
struct role_owner {
    struct event_base *base;
    struct chan_in *in; /* room for a packet */
    void (*give)(void *arg, struct role *role, struct launch *launch);
    void (*on_change)(void *arg, struct role *role); /* it is loaded, or ready */
    void (*on_facts)(void *arg, const struct msg_facts *facts);
    void (*on_acknowledged)(void *arg, const struct msg_acknowledged *answer);
    void *arg;
};

const char *role_name(enum role_kind kind); /* "issuer" */

/* role_init prepares one that does not run. RC_NO_MEMORY. role_clear kills it where it runs, waits, and frees what it holds. */
enum rc role_init(struct role *role, const struct role_owner *owner, enum role_kind kind) MUST_CHECK;
void role_clear(struct role *role);

/* role_start starts it. Where that can not be it is tried again later, until role_forget or role_clear; RC_IO tells that. */
enum rc role_start(struct role *role);
/* role_start_later after a pause in milliseconds. */
void role_start_later(struct role *role, long ms);

/* role_stop tells it to finish and kills it when that takes longer; role_drain to take no more, and to stop after that time. Nothing where it does not
 * run but that it is not started again. */
void role_stop(struct role *role, long ms);
void role_drain(struct role *role, long ms);
void role_kill(const struct role *role);

/* role_ping asks whether it lives; one that has not answered ROLE_SILENT_MAX times is killed. Once a second. */
void role_ping(struct role *role);

/* role_send sends a message without body, role_send_peer a descriptor with MSG_PEER. False when it can not be told. */
bool role_send(const struct role *role, enum msg_type type);
bool role_send_peer(const struct role *role, struct bytes body, int fd);

/* role_ask_facts asks an issuer that is ready; role_acknowledge tells it that the clock was set back rightly. */
bool role_ask_facts(const struct role *role, uint64_t id);
bool role_acknowledge(const struct role *role, const struct msg_acknowledge *acknowledge);

/* role_forget takes note of its process's end. role_count_death counts it and returns how many there were within ROLE_WINDOW_S. */
void role_forget(struct role *role);
unsigned role_count_death(struct role *role);

/* launch_close_later: a descriptor that is given along, and closed when the role has it. */
void launch_close_later(struct launch *launch, int fd);

#endif
