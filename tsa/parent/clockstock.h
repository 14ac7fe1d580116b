/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a clock role is made from beside the configuration: the addresses of its time servers and the list of leap seconds, as sealed texts in memory,
 * since a role opens no file and asks no name service.
 */
#ifndef TSA_PARENT_CLOCKSTOCK_H
#define TSA_PARENT_CLOCKSTOCK_H

#include "tsa/parent/resolve.h"

struct clockstock {
    int servers, leap_list; /* -1 where there is none */
};

#define CLOCKSTOCK_NONE                                                                                      \
    {                                                                                                        \
        .servers = -1, .leap_list = -1                                                                       \
    }

struct clockstock_source {
    const char *config; /* path: errors name its line */
    const struct settings *settings;
    const struct resolved *resolved;
};

/* clockstock_open makes it. A name that is not known, a list that is missing where the time is to be proven: warnings. Fewer than a majority of the servers
 * known: an error, and RC_NOT_FOUND. RC_IO. After a failure nothing is open. */
enum rc clockstock_open(struct clockstock *stock, const struct clockstock_source *source,
                        struct cfg_errors *errors, struct cfg_errors *warnings) MUST_CHECK;
void clockstock_close(struct clockstock *stock);

/* clockstock_give hands it on as "servers" and "leap_list". */
void clockstock_give(const struct clockstock *stock, struct spawn *spawn);

#endif
