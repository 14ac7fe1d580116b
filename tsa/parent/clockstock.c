/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing is weighed here: a server fewer is borne as long as a majority is left, which must agree. */
#include "tsa/parent/clockstock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/safefile.h"
#include "tsa/clock/leaplist.h"
#include "tsa/parent/sealed.h"

#define WHY_MAX     400
#define SERVERS_MAX (SETTINGS_MAX_SERVERS * ADDRESS_TEXT_MAX)

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static enum rc seal(const char *name, struct bytes text, int *out_fd, struct cfg_errors *errors)
{
    *out_fd = sealed_make(name, text);
    if (*out_fd < 0) {
        cfg_errors_add(errors, "can not keep the %s in memory: %s", name, strerror(errno));
        return RC_IO;
    }
    return RC_OK;
}

/* ---- servers ---- */

/* Two names of one server: it would be counted twice where a majority is asked for. The first one stays. */
static void forget_twins(const struct settings *settings, struct resolved *resolved)
{
    for (size_t i = 1; i < resolved->num; i++) {
        struct resolved_server *one = &resolved->list[i];

        for (size_t j = 0; j < i && one->known; j++) {
            if (resolved->list[j].known && address_equal(&one->address, &resolved->list[j].address)) {
                one->known = false;
                (void)snprintf(one->why, sizeof(one->why), "it is the same server as %.80s",
                               settings_server(settings, j)->address);
            }
        }
    }
}

static void tell_unknown(const struct clockstock_source *source, const char *where, struct cfg_errors *to)
{
    const struct resolved *resolved = source->resolved;

    for (size_t i = 0; i < resolved->num; i++) {
        if (!resolved->list[i].known) {
            cfg_errors_add(to, "%s: clock.servers: %s %s: %s", where,
                           settings_server(source->settings, i)->address,
                           resolved->list[i].address.len ? "is not asked" : "can not be resolved",
                           resolved->list[i].why);
        }
    }
}

static enum rc weigh(const struct clockstock_source *source, struct cfg_errors *errors,
                     struct cfg_errors *warnings)
{
    const size_t num = source->resolved->num;
    size_t known = 0;
    char *where;
    bool enough;

    for (size_t i = 0; i < num; i++) {
        known += source->resolved->list[i].known;
    }
    if (known == num) {
        return RC_OK;
    }
    enough = known > num / 2;
    where = cfg_where(source->config, "clock.servers");
    tell_unknown(source, where, enough ? warnings : errors);
    if (!enough) {
        cfg_errors_add(
            errors,
            "%s: clock.servers: the addresses of %zu of %zu are known, and more than half of all must "
            "agree on the time: mend the names or the name service, or write addresses",
            where, known, num);
    } else {
        cfg_errors_add(warnings, "%s: clock.servers: %zu of %zu are asked; a reload tries the others again",
                       where, known, num);
    }
    free(where);
    return enough ? RC_OK : RC_NOT_FOUND;
}

static enum rc open_servers(struct clockstock *stock, const struct clockstock_source *source,
                            struct cfg_errors *errors, struct cfg_errors *warnings)
{
    const struct resolved *resolved = source->resolved;
    struct wbuf text;
    enum rc rc = weigh(source, errors, warnings);

    if (rc != RC_OK || resolved->num == 0) {
        return rc;
    }
    wbuf_init(&text, SERVERS_MAX);
    for (size_t i = 0; i < resolved->num; i++) {
        timeserver_put_line(&text, resolved->list[i].known ? &resolved->list[i].address : NULL);
    }
    rc = wbuf_rc(&text);
    if (rc == RC_OK) {
        rc = seal("servers", wbuf_bytes(&text), &stock->servers, errors);
    }
    wbuf_clear(&text);
    return rc;
}

/* ---- leap seconds ---- */

static void warn_of_list(const struct clockstock_source *source, struct cfg_errors *warnings)
{
    char why[WHY_MAX], *where;

    if (source->settings->clock.source == SETTINGS_CLOCK_SYSTEM) {
        return; /* nothing is proven there anyway */
    }
    (void)snprintf(why, sizeof(why), "%s", safefile_error_text()); /* before the next file is read */
    where = cfg_where(source->config, "clock.leap_list");
    cfg_errors_add(
        warnings,
        "%s: clock.leap_list: %s: only the time source tells of leap seconds, and around the ends of June "
        "and December no token is issued: install tzdata, or name another list",
        where, why);
    free(where);
}

static enum rc open_leap_list(struct clockstock *stock, const struct clockstock_source *source,
                              struct cfg_errors *errors, struct cfg_errors *warnings)
{
    const char *path = source->settings->clock.leap_list;
    enum rc rc = RC_OK;
    struct wbuf text;

    if (!path || !*path) {
        return RC_OK;
    }
    wbuf_init(&text, LEAPLIST_TEXT_MAX);
    if (safefile_read(path, LEAPLIST_TEXT_MAX, &text) == RC_OK) {
        rc = seal("leap_list", wbuf_bytes(&text), &stock->leap_list, errors);
    } else {
        warn_of_list(source, warnings);
    }
    wbuf_clear(&text);
    return rc;
}

/* ---- all ---- */

enum rc clockstock_open(struct clockstock *stock, const struct clockstock_source *source,
                        struct cfg_errors *errors, struct cfg_errors *warnings)
{
    struct resolved resolved = *source->resolved;
    struct clockstock_source apart = *source;
    enum rc rc;

    *stock = (struct clockstock)CLOCKSTOCK_NONE;
    apart.resolved = &resolved;
    forget_twins(source->settings, &resolved);
    rc = open_servers(stock, &apart, errors, warnings);
    if (rc == RC_OK) {
        rc = open_leap_list(stock, source, errors, warnings);
    }
    if (rc != RC_OK) {
        clockstock_close(stock);
    }
    return rc;
}

void clockstock_close(struct clockstock *stock)
{
    close_fd(&stock->servers);
    close_fd(&stock->leap_list);
}

static void give(struct spawn *spawn, const char *name, int fd)
{
    if (fd >= 0) {
        spawn_add(spawn, name, fd);
    }
}

void clockstock_give(const struct clockstock *stock, struct spawn *spawn)
{
    give(spawn, "servers", stock->servers);
    give(spawn, "leap_list", stock->leap_list);
}
