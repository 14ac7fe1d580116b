/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of the time servers that the settings name. Name services load foreign code and read foreign octets, and may take long: a child asks them
 * (resolve_proc), under the account of the clock and within a time limit. Where every server is a number nobody is asked.
 */
#ifndef TSA_PARENT_RESOLVE_H
#define TSA_PARENT_RESOLVE_H

#include <event2/event.h>

#include "tsa/parent/spawn.h"
#include "tsa/role/timeserver.h"

#define RESOLVE_S       4 /* for all names together */
#define RESOLVE_WHY_MAX 120

struct resolved_server {
    bool known;
    struct address address;    /* where known */
    char why[RESOLVE_WHY_MAX]; /* where not: the resolver's words */
};

/* In the order of the settings. */
struct resolved {
    struct resolved_server list[SETTINGS_MAX_SERVERS];
    size_t num;
};

struct resolve;

/* on_end is called once, from the loop or from resolve_take_end. It is gone afterwards. */
struct resolve_owner {
    struct event_base *base;
    void (*on_end)(void *arg, const struct resolved *resolved);
    void *arg;
};

/* resolve_numbers fills in what needs no question. True when that is all. */
bool resolve_numbers(const struct settings *settings, struct resolved *out);

/* resolve_start asks; config is the sealed text of the settings. NULL when that can not be, with errno. resolve_stop ends it, and on_end is not called; it
 * may be NULL. */
struct resolve *resolve_start(const struct resolve_owner *owner, const struct settings *settings, int config);
void resolve_stop(struct resolve *resolve);

/* resolve_take_end takes note of a child's end (after waitpid); false when it was another one. */
bool resolve_take_end(struct resolve *resolve, pid_t pid);

/* resolve_wait asks and waits, for a start; after spawn_init. What can not be asked is not known, and says why. */
void resolve_wait(const struct settings *settings, int config, struct resolved *out);

#endif
