/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a start refuses, and what it bears and yet would issue nothing with, or nothing that is proven.
 */
#include "tsa/parent/check_clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/clock/leaplist.h"
#include "tsa/parent/check_promise.h"
#include "tsa/parent/clockfile.h"
#include "tsa/role/clockwords.h"
#include "tsa/role/timeserver.h"

#define FREE_PORTS       "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define FREE_PORTS_USUAL 1024

/* ---- settings ---- */

/* From this port on anybody may bind one (ip(7)). */
static unsigned long first_free_port(void)
{
    char text[16] = "";
    const int fd = open(FREE_PORTS, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (fd >= 0) {
        (void)close(fd);
    }
    return len > 0 ? strtoul(text, NULL, 10) : FREE_PORTS_USUAL;
}

/* chronyd lets its port be shared (SO_REUSEADDR), so whoever may bind it can do that while chronyd runs, too. */
static void check_port(const struct settings *settings, struct check_report *report)
{
    struct timeserver server;
    const char *why;

    if (settings->clock.source == SETTINGS_CLOCK_CHRONY &&
        timeserver_parse(settings->clock.chrony, SETTINGS_CHRONY_PORT, &server, &why) == RC_OK &&
        server.port >= first_free_port()) {
        cfg_errors_add(&report->warnings,
                       "clock.chrony: every account of this machine may take port %u and say how good the "
                       "time is: let chronyd keep to port 323 (cmdport), and that to root "
                       "(net.ipv4.ip_unprivileged_port_start)",
                       server.port);
    }
}

static void check_use(const struct settings *settings, struct check_report *report)
{
    char age[CLOCKWORDS_MAX], poll[CLOCKWORDS_MAX];

    if (settings->clock.source == SETTINGS_CLOCK_SYSTEM) {
        cfg_errors_add(&report->warnings,
                       "clock.source is \"system\": the host's clock is trusted without proof");
    }
    if (settings->clock.source != SETTINGS_CLOCK_CHRONY &&
        strcmp(settings->clock.chrony, SETTINGS_CHRONY) != 0) {
        cfg_errors_add(&report->warnings,
                       "clock.chrony is set, and nobody asks there: clock.source is not \"chrony\"");
    }
    if (settings->clock.servers.num && settings->clock.max_age <= settings->clock.poll) {
        cfg_errors_add(&report->warnings,
                       "clock.max_age (%s) is not longer than clock.poll (%s): between two questions to the "
                       "servers what "
                       "they said is too old already",
                       clockwords_duration(settings->clock.max_age, age),
                       clockwords_duration(settings->clock.poll, poll));
    }
}

/* ---- leap seconds ---- */

static void judge_list(const char *path, struct bytes text, struct check_report *report)
{
    char date[GENTIME_TEXT_MAX];
    struct leaplist list;
    size_t len;

    if (leaplist_parse(text, &list) != RC_OK) {
        cfg_errors_add(&report->warnings,
                       "clock.leap_list: %s is not a list of leap seconds (leap-seconds.list of tzdata, or "
                       "of the IERS): "
                       "around the ends of June and December no token is issued",
                       path);
    } else if (list.expires <= now_real().sec &&
               gentime_build_iso((struct gentime){.sec = list.expires}, date, &len) == RC_OK) {
        cfg_errors_add(&report->warnings,
                       "clock.leap_list: %s has known nothing since %s: around the ends of June and December "
                       "no token is "
                       "issued; bring tzdata up to date, or name a newer list",
                       path, date);
    }
}

/* One that can not be read is told by whoever reads it for the clock role. */
static void check_leap_list(const struct settings *settings, struct check_report *report)
{
    const char *path = settings->clock.leap_list;
    struct wbuf text;

    if (settings->clock.source == SETTINGS_CLOCK_SYSTEM) {
        return; /* nothing is proven there anyway */
    }
    if (!path || !*path) {
        cfg_errors_add(&report->warnings, "clock.leap_list is empty: only the time source tells of leap "
                                          "seconds, and around the ends of June "
                                          "and December no token is issued");
        return;
    }
    wbuf_init(&text, LEAPLIST_TEXT_MAX);
    if (safefile_read(path, LEAPLIST_TEXT_MAX, &text) == RC_OK) {
        judge_list(path, wbuf_bytes(&text), report);
    }
    wbuf_clear(&text);
}

/* ---- a clock service ---- */

/* A start bears it: the service may come in a moment. */
static void check_record(const struct settings *settings, int fd, struct check_report *report)
{
    struct clockpage *page = clockpage_open(fd, false);
    const int64_t now = now_mono_ns();
    struct clockpage_record record;
    char age[CLOCKWORDS_MAX];

    if (!page) {
        return; /* told by whoever needs it */
    }
    if (!clockpage_read(page, &record)) {
        report->issues_nothing = true;
        cfg_errors_add(
            &report->warnings,
            "clock.file: nothing stands in %s yet, and no token is issued until it does: see the service "
            "that writes it (systemctl status tsa-clock)",
            settings->clock.file);
    } else if (now >= record.expires_mono_ns) {
        report->issues_nothing = true;
        cfg_errors_add(
            &report->warnings,
            "clock.file: %s was last written %s ago, and no token is issued until it is again: see the "
            "service that writes it (systemctl status tsa-clock)",
            settings->clock.file, clockwords_duration(now - record.sampled_mono_ns, age));
    }
    clockpage_close(page);
}

static void check_file(const struct settings *settings, struct check_report *report)
{
    const bool has_service = settings->clock.file && *settings->clock.file;
    char why[CLOCKFILE_WHY_MAX];
    const int fd = has_service ? clockfile_open(settings, why) : -1;

    if (fd >= 0) {
        check_record(settings, fd, report);
        (void)close(fd);
    } else if (has_service) {
        cfg_errors_add(&report->errors, "%s", why);
    }
}

void check_clock(const struct settings *settings, struct check_report *report)
{
    check_use(settings, report);
    check_port(settings, report);
    check_leap_list(settings, report);
    check_file(settings, report);
    check_promise_accuracy(settings, report);
}
