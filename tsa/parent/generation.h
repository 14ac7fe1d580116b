/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One state of the configuration, and everything that was opened because of it: settings, their text, the stock, the listening sockets. It never
 * changes; a reload makes another. Sockets that two generations have in common are passed on.
 */
#ifndef TSA_PARENT_GENERATION_H
#define TSA_PARENT_GENERATION_H

#include "tsa/parent/listeners.h"
#include "tsa/parent/stock.h"
#include "tsa/role/msg.h"

struct generation {
    unsigned number;      /* from 1 */
    struct gentime since; /* when it began to serve; 0: it does not yet */
    struct settings settings;
    char *text;                     /* of the configuration, as the roles read it */
    const struct labtime *lab_time; /* its maker sets it; outlives it; NULL: none */
    struct stock stock;
    struct listeners listeners;
};

/* generation_read reads the configuration. NULL with errors. Free with generation_free. */
struct generation *generation_read(const char *config, struct cfg_errors *errors);

/* generation_open_stock opens what the settings name, but for what is the clock's; generation_listen the sockets: listen, where it is not NULL and not empty, stands in the place of
 * the setting of that name; what before listens on already (NULL: nothing) is taken over. RC_IO, RC_CONFIG with an error. */
enum rc generation_open_stock(struct generation *generation, struct cfg_errors *errors) MUST_CHECK;
enum rc generation_listen(struct generation *generation, const struct cfg_strings *listen,
                          const struct generation *before, struct cfg_errors *errors) MUST_CHECK;

/* generation_units says what each unit of the old one is in the new one, by name. */
void generation_units(const struct generation *old, const struct generation *now, struct msg_units *out);

/* generation_pass_on closes the sockets of old that now has not, and leaves it without any. */
void generation_pass_on(struct generation *old, const struct generation *now);

/* generation_free closes all that it has; it may be NULL. */
void generation_free(struct generation *generation);

#endif
