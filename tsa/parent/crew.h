/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles of one generation, and who of them may talk to whom: each front to the issuer, every role to the parent, and nobody else to
 * anybody. Fronts of an older generation, whose clients have not gone yet, talk to the issuer of the new one.
 */
#ifndef TSA_PARENT_CREW_H
#define TSA_PARENT_CREW_H

#include "tsa/parent/generation.h"
#include "tsa/parent/house.h"
#include "tsa/parent/role.h"

#define CREW_MAX_FRONTS 64
#define CREW_MAX_ROLES  (CREW_MAX_FRONTS + 2)

struct crew;

struct crew_owner {
    struct event_base *base;
    struct chan_in *in; /* room for a packet */
    const struct house *house;
    void (*on_change)(void *arg, struct crew *crew, struct role *role); /* it is loaded, or ready */
    void (*on_facts)(void *arg, const struct msg_facts *facts);
    void (*on_acknowledged)(void *arg, const struct msg_acknowledged *answer);
    void *arg;
};

struct crew {
    struct crew_owner owner;
    struct role_owner of_roles;
    struct generation *generation;
    struct role roles[CREW_MAX_ROLES]; /* issuer, clock (none beside a clock service), fronts */
    size_t num;
};

/* crew_new makes the table; nothing runs yet. It takes the generation. NULL without memory (told, and the generation is left where it was, since it may share
 * sockets with one that runs). crew_free kills what runs, and closes the generation; it may be NULL. */
struct crew *crew_new(const struct crew_owner *owner, struct generation **take_generation);
void crew_free(struct crew *crew);

struct role *crew_issuer(struct crew *crew);
struct role *crew_clock(struct crew *crew); /* NULL: a clock service watches the clock */
/* crew_start starts all roles of a kind; RC_IO when one could not be (it is tried again). */
enum rc crew_start(struct crew *crew, enum role_kind kind);

/* crew_connect gives each front of old that runs a channel to the issuer of now. */
void crew_connect(struct crew *old, struct crew *now);

struct role *crew_find(struct crew *crew, pid_t pid);               /* NULL: none of it; crew may be NULL */
bool crew_is_ready(const struct crew *crew, enum role_kind kind);   /* all of that kind */
bool crew_is_running(const struct crew *crew, enum role_kind kind); /* any of that kind; crew may be NULL */

#endif
