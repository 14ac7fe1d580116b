/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new issuer gets a new channel of each front, and each living front the other end of it; a new front a channel that the issuer gets the
 * other end of. What waits in an old channel ends with it: its front sees that, and asks again.
 */
#include "tsa/parent/crew.h"

#include <stdlib.h>
#include <unistd.h>

#include "tsa/base/log.h"

#define ISSUER 0

static void give_issuer(struct crew *crew, struct role *role, struct launch *launch);
static void give_clock(struct crew *crew, struct role *role, struct launch *launch);
static void give_front(struct crew *crew, struct role *role, struct launch *launch);

/* ---- callbacks ---- */

static void on_give(void *arg, struct role *role, struct launch *launch)
{
    static void (*const give[ROLE_NUM_KINDS])(struct crew * crew, struct role * role,
                                              struct launch * launch) = {
        [ROLE_ISSUER] = give_issuer,
        [ROLE_CLOCK] = give_clock,
        [ROLE_FRONT] = give_front,
    };

    give[role->kind](arg, role, launch);
}

static void on_change(void *arg, struct role *role)
{
    struct crew *crew = arg;

    crew->owner.on_change(crew->owner.arg, crew, role);
}

static void on_facts(void *arg, const struct msg_facts *facts)
{
    struct crew *crew = arg;

    crew->owner.on_facts(crew->owner.arg, facts);
}

static void on_acknowledged(void *arg, const struct msg_acknowledged *answer)
{
    struct crew *crew = arg;

    crew->owner.on_acknowledged(crew->owner.arg, answer);
}

/* ---- what a role gets ---- */

static void close_peer(struct role *role)
{
    if (role->peer >= 0) {
        (void)close(role->peer);
    }
    role->peer = -1;
}

static void give_clock(struct crew *crew, struct role *role, struct launch *launch)
{
    (void)role;
    launch->spawn.user = crew->generation->settings.users.clock;
    house_give_clock(crew->owner.house, &launch->spawn);
    stock_give_clock(&crew->generation->stock, &launch->spawn);
}

/* Its end of a new channel of each front. The other end goes to the front now, or waits until there is one. It changes its account itself,
 * after it has opened its ledger. */
static void give_issuer(struct crew *crew, struct role *role, struct launch *launch)
{
    size_t num = 0;
    int pair[2];

    (void)role;
    house_give_issuer(crew->owner.house, &launch->spawn);
    stock_give_issuer(&crew->generation->stock, &launch->spawn);
    for (size_t i = 0; i < crew->num; i++) {
        struct role *front = &crew->roles[i];

        if (front->kind != ROLE_FRONT || front->leaving || chan_pair(pair) != RC_OK) {
            continue;
        }
        spawn_add_n(&launch->spawn, "front", num++, pair[0]);
        launch_close_later(launch, pair[0]);
        close_peer(front);
        if (front->pid) {
            (void)role_send_peer(front, BYTES_NONE, pair[1]);
            launch_close_later(launch, pair[1]);
        } else {
            front->peer = pair[1];
        }
    }
}

static void give_listeners(const struct listeners *listeners, struct launch *launch)
{
    size_t num[LISTENER_NUM_KINDS] = {0};

    for (size_t i = 0; i < listeners->num; i++) {
        const enum listener_kind kind = listeners->list[i].kind;

        spawn_add_n(&launch->spawn, listener_kind_name(kind), num[kind]++, listeners->list[i].fd);
    }
}

/* The end that waits for it; or else it dies later than the issuer was born, and the issuer gets its end by message. */
static void give_front(struct crew *crew, struct role *role, struct launch *launch)
{
    int pair[2];

    launch->spawn.user = crew->generation->settings.users.front;
    house_give_front(crew->owner.house, &launch->spawn);
    stock_give_front(&crew->generation->stock, &launch->spawn);
    give_listeners(&crew->generation->listeners, launch);
    if (role->peer < 0 && chan_pair(pair) == RC_OK) {
        role->peer = pair[0];
        (void)role_send_peer(crew_issuer(crew), BYTES_NONE, pair[1]);
        launch_close_later(launch, pair[1]);
    }
    if (role->peer >= 0) {
        spawn_add(&launch->spawn, "issuer", role->peer);
        launch_close_later(launch, role->peer);
        role->peer = -1;
    }
}

static void connect_front(struct role *front, struct role *issuer, const struct msg_units *units)
{
    int pair[2];

    if (chan_pair(pair) != RC_OK) {
        log_warning("there is no channel for the front (process %d) of before the reload", (int)front->pid);
        return;
    }
    if (role_send_peer(front, BYTES_NONE, pair[1])) {
        (void)role_send_peer(issuer, msg_units_bytes(units), pair[0]);
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
}

void crew_connect(struct crew *old, struct crew *now)
{
    struct msg_units units;

    generation_units(old->generation, now->generation, &units);
    for (size_t i = 0; i < old->num; i++) {
        if (old->roles[i].kind == ROLE_FRONT && old->roles[i].ready) {
            connect_front(&old->roles[i], crew_issuer(now), &units);
        }
    }
}

/* ---- the table ---- */

struct role *crew_issuer(struct crew *crew)
{
    return &crew->roles[ISSUER];
}

struct role *crew_clock(struct crew *crew)
{
    for (size_t i = 0; i < crew->num; i++) {
        if (crew->roles[i].kind == ROLE_CLOCK) {
            return &crew->roles[i];
        }
    }
    return NULL;
}

enum rc crew_start(struct crew *crew, enum role_kind kind)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < crew->num; i++) {
        if (crew->roles[i].kind == kind && role_start(&crew->roles[i]) != RC_OK) {
            rc = RC_IO;
        }
    }
    return rc;
}

struct role *crew_find(struct crew *crew, pid_t pid)
{
    for (size_t i = 0; crew && i < crew->num; i++) {
        if (crew->roles[i].pid == pid) {
            return &crew->roles[i];
        }
    }
    return NULL;
}

bool crew_is_ready(const struct crew *crew, enum role_kind kind)
{
    for (size_t i = 0; i < crew->num; i++) {
        if (crew->roles[i].kind == kind && !crew->roles[i].ready) {
            return false;
        }
    }
    return true;
}

bool crew_is_running(const struct crew *crew, enum role_kind kind)
{
    for (size_t i = 0; crew && i < crew->num; i++) {
        if (crew->roles[i].kind == kind && crew->roles[i].pid) {
            return true;
        }
    }
    return false;
}

static enum rc add_role(struct crew *crew, enum role_kind kind)
{
    struct role *role = &crew->roles[crew->num];
    const enum rc rc = role_init(role, &crew->of_roles, kind);

    role->generation = crew->generation->number;
    crew->num += rc == RC_OK;
    return rc;
}

static enum rc add_roles(struct crew *crew)
{
    enum rc rc = add_role(crew, ROLE_ISSUER);

    if (rc == RC_OK && !house_has_service(&crew->generation->settings)) {
        rc = add_role(crew, ROLE_CLOCK);
    }
    for (int64_t i = 0; rc == RC_OK && i < crew->generation->settings.fronts; i++) {
        rc = add_role(crew, ROLE_FRONT);
    }
    return rc;
}

struct crew *crew_new(const struct crew_owner *owner, struct generation **take_generation)
{
    struct crew *crew = calloc(1, sizeof(*crew));

    if (crew) {
        crew->owner = *owner;
        crew->of_roles = (struct role_owner){
            .base = owner->base,
            .in = owner->in,
            .give = on_give,
            .on_change = on_change,
            .on_facts = on_facts,
            .on_acknowledged = on_acknowledged,
            .arg = crew,
        };
        crew->generation = *take_generation;
    }
    if (!crew || add_roles(crew) != RC_OK) {
        log_error("can not prepare the roles: %s", rc_text(RC_NO_MEMORY));
        if (crew) {
            crew->generation = NULL;
        }
        crew_free(crew);
        return NULL;
    }
    *take_generation = NULL;
    return crew;
}

void crew_free(struct crew *crew)
{
    if (!crew) {
        return;
    }
    for (size_t i = 0; i < crew->num; i++) {
        role_kill(&crew->roles[i]);
    }
    for (size_t i = 0; i < crew->num; i++) {
        role_clear(&crew->roles[i]);
    }
    generation_free(crew->generation);
    free(crew);
}
