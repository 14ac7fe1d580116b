/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources' own code, in this process and without a jail: for `tsa check` alone, which a person runs. What they say now may be otherwise in a
 * minute, so it is warned of and never an error; what a start would refuse is one.
 */
#include "tsa/parent/check_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "tsa/base/now.h"
#include "tsa/clock/timesrc.h"
#include "tsa/clock/verdict.h"
#include "tsa/parent/check_promise.h"
#include "tsa/parent/clockstock.h"
#include "tsa/parent/sealed.h"
#include "tsa/role/clockwords.h"

#define PATIENCE_NS INT64_C(3000000000)
#define ASK_NS      INT64_C(1000000000)
#define LOOK_NS     INT64_C(100000000)
#define NS_PER_MS   INT64_C(1000000)
#define MUCH_NS     INT64_C(1000000000) /* where nothing is declared */

struct asked {
    struct timesrc_sample sample;
    struct clockpage_servers servers;
};

/* ---- asking ---- */

static bool have_all_answered(const struct clockpage_servers *servers)
{
    for (uint64_t i = 0; i < servers->num; i++) {
        if (servers->list[i].state == CLOCKPAGE_SERVER_SILENT) {
            return false;
        }
    }
    return true;
}

static void look(const struct timesrc_ops *ops, void *source, struct asked *out)
{
    ops->sample(source, &out->sample);
    if (ops->servers) {
        ops->servers(source, &out->servers);
    }
}

/* Servers that are known to be silent or at odds may only be late. */
static bool is_over(const struct timesrc_ops *ops, const struct asked *asked)
{
    return asked->sample.rc == RC_OK ? have_all_answered(&asked->servers)
                                     : asked->sample.rc != RC_CLOCK_UNKNOWN && !ops->servers;
}

static void wait_a_little(const struct timesrc_ops *ops, void *source)
{
    struct pollfd fds[TIMESRC_MAX_FDS];
    const size_t num = ops->fds ? ops->fds(source, fds) : 0;

    if (poll(fds, (nfds_t)num, (int)(LOOK_NS / NS_PER_MS)) > 0) {
        (void)ops->take(source);
    }
}

static void ask_source(const struct timesrc_ops *ops, const struct settings *settings, int servers,
                       struct asked *out)
{
    struct inherit in = {.role = "check"};
    const int64_t start = now_mono_ns();
    int64_t next = start;
    void *source;

    if (servers >= 0) {
        in.fds[in.num++] = (struct inherit_fd){.name = "servers", .fd = fcntl(servers, F_DUPFD_CLOEXEC, 3)};
    }
    *out = (struct asked){.servers.num = 0};
    source = ops->open(settings, &in);
    do {
        if (now_mono_ns() >= next) {
            ops->ask(source, now_mono_ns());
            next += ASK_NS;
        }
        wait_a_little(ops, source);
        look(ops, source, out);
    } while (!is_over(ops, out) && now_mono_ns() - start < PATIENCE_NS);
    ops->close(source);
    for (size_t i = 0; i < in.num; i++) {
        (void)close(in.fds[i].fd);
    }
}

/* ---- telling ---- */

static const struct {
    int source; /* enum settings_clock */
    enum rc rc;
    const char *text;
} advice[] = {
    {SETTINGS_CLOCK_CHRONY, RC_CLOCK_UNREACHABLE,
     "is chronyd running, and is clock.chrony where its cmdport is? See conf/chrony.conf"},
    {SETTINGS_CLOCK_CHRONY, RC_CLOCK_UNSYNCHRONISED,
     "`chronyc sources' tells why; at first it takes some minutes"},
    {SETTINGS_CLOCK_CHRONY, RC_CLOCK_LOCAL,
     "take `local' out of chronyd's configuration, and give it servers"},
    {SETTINGS_CLOCK_KERNEL, RC_CLOCK_UNSYNCHRONISED,
     "is a time service running (timedatectl tells)? Where it is chronyd, take clock.source = \"chrony\""},
    {SETTINGS_CLOCK_SNTP, RC_CLOCK_UNREACHABLE,
     "more than half of the servers must answer: is UDP port 123 let through?"},
    {SETTINGS_CLOCK_SNTP, RC_CLOCK_DISAGREES, "see each of them below"},
};

static const char *advice_for(int source, enum rc rc)
{
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        if (advice[i].source == source && advice[i].rc == rc) {
            return advice[i].text;
        }
    }
    return "tsa clock status tells more once it runs";
}

/* The one that bears most, when even that is too little. */
static void tell_nothing(const struct settings *settings, const struct verdict_rules *rules, int64_t bound_ns,
                         struct check_report *report)
{
    char bound[CLOCKWORDS_MAX], most[CLOCKWORDS_MAX];

    (void)clockwords_duration(bound_ns, bound);
    report->issues_nothing = true;
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        const struct settings_unit *unit = settings_unit(settings, i);

        if (unit->accuracy && unit->accuracy - check_promise_rounding(unit) >= rules->loosest_ns) {
            cfg_errors_add(&report->warnings,
                           "it would issue nothing now: the clock may be wrong by %s, unit %s declares %s",
                           bound, unit->name, clockwords_duration(unit->accuracy, most));
            return;
        }
    }
    cfg_errors_add(
        &report->warnings,
        "it would issue nothing now: the clock may be wrong by %s, and %s are the most where no accuracy "
        "is declared",
        bound, clockwords_duration(rules->loosest_ns, most));
}

/* A unit whose tokens would all be refused by what is known now, or say nothing of how far they are off. */
static void tell_unit(const struct settings_unit *unit, int64_t bound_ns, struct check_report *report)
{
    char accuracy[CLOCKWORDS_MAX], bound[CLOCKWORDS_MAX];

    (void)clockwords_duration(bound_ns, bound);
    if (unit->accuracy && bound_ns > unit->accuracy - check_promise_rounding(unit)) {
        cfg_errors_add(
            &report->warnings,
            "unit %s: its tokens claim an accuracy of %s, and the clock may be wrong by %s now, beside "
            "the rounding of times: it would refuse",
            unit->name, clockwords_duration(unit->accuracy, accuracy), bound);
    } else if (!unit->accuracy && bound_ns > MUCH_NS) {
        cfg_errors_add(
            &report->warnings,
            "unit %s: the clock may be wrong by %s now, and its tokens declare no accuracy, so that "
            "nobody would see it",
            unit->name, bound);
    }
}

static void tell_bound(const struct settings *settings, int64_t bound_ns, struct check_report *report)
{
    const struct verdict_rules rules = verdict_rules_of(settings, CLOCKPAGE_PROVEN);

    if (bound_ns > rules.loosest_ns) {
        tell_nothing(settings, &rules, bound_ns, report);
        return;
    }
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        tell_unit(settings_unit(settings, i), bound_ns, report);
    }
}

static void tell_good(const struct settings *settings, const struct timesrc_sample *sample,
                      struct check_report *report)
{
    char bound[CLOCKWORDS_MAX];

    if (sample->bound_ns >= 0) {
        cfg_errors_add(&report->notes, "clock: %s says that it is wrong by at most %s now", sample->reference,
                       clockwords_duration(sample->bound_ns, bound));
        tell_bound(settings, sample->bound_ns, report);
    } else if (settings->clock.servers.num == 0) {
        report->issues_nothing = true;
        cfg_errors_add(
            &report->warnings,
            "clock.source: the kernel says that the clock is synchronised, and not how well, as under "
            "systemd-timesyncd, chronyd and phc2sys: no token would be issued; name clock.servers beside it, "
            "or run chronyd and take \"chrony\"");
    }
}

static void tell_source(const struct settings *settings, const struct timesrc_ops *ops,
                        const struct timesrc_sample *sample, struct check_report *report)
{
    char figure[CLOCKWORDS_MAX];

    if (sample->rc == RC_OK) {
        tell_good(settings, sample, report);
        return;
    }
    report->issues_nothing = true;
    (void)clockwords_figure(sample->rc, sample->figure_ns, figure);
    cfg_errors_add(&report->warnings,
                   "clock.source \"%s\": %s%s%s: as long as that is so no token is issued; %s", ops->name,
                   rc_text(sample->rc), figure[0] ? ", " : "", figure,
                   advice_for(settings->clock.source, sample->rc));
}

static void tell_servers(const struct clockpage_servers *servers, struct check_report *report)
{
    static const char *const why[] = {
        [CLOCKPAGE_SERVER_SILENT] = "it does not answer",
        [CLOCKPAGE_SERVER_GOOD] = NULL,
        [CLOCKPAGE_SERVER_FALSE] = "it says otherwise than the majority",
        [CLOCKPAGE_SERVER_UNFIT] = "its answer can not be used, or says that it is not synchronised",
    };

    for (uint64_t i = 0; i < servers->num; i++) {
        const struct clockpage_server *server = &servers->list[i];

        if (server->state < sizeof(why) / sizeof(why[0]) && why[server->state]) {
            cfg_errors_add(&report->warnings, "clock.servers: %s: %s", server->address, why[server->state]);
        }
    }
}

/* ---- what is asked ---- */

/* Where the service manager hides it, the clock role could not start. */
static bool may_read_kernel(struct check_report *report)
{
    struct timex timex = {.modes = 0};

    if (adjtimex(&timex) >= 0) {
        return true;
    }
    cfg_errors_add(
        &report->errors,
        "clock.source: the kernel does not tell how it keeps the time: %s (under systemd: ProtectClock=no)",
        strerror(errno));
    return false;
}

/* True where it says that the clock is good, and not how good: that is for the servers beside it. */
static bool ask_main(const struct settings *settings, int servers, struct check_report *report)
{
    const struct timesrc_ops *ops = timesrc_of(settings->clock.source);
    struct asked asked;

    if (settings->clock.source == SETTINGS_CLOCK_SYSTEM ||
        (settings->clock.source == SETTINGS_CLOCK_KERNEL && !may_read_kernel(report))) {
        return false;
    }
    ask_source(ops, settings, servers, &asked);
    tell_source(settings, ops, &asked.sample, report);
    tell_servers(&asked.servers, report);
    return asked.sample.rc == RC_OK && asked.sample.bound_ns < 0;
}

/* Each of them is told; what the majority makes of the source is the clock role's affair. */
static void ask_opinion(const struct settings *settings, int servers, bool is_needed,
                        struct check_report *report)
{
    struct asked asked;

    if (settings->clock.servers.num == 0 || settings->clock.source == SETTINGS_CLOCK_SNTP) {
        return;
    }
    ask_source(&timesrc_sntp, settings, servers, &asked);
    tell_servers(&asked.servers, report);
    if (is_needed && asked.sample.rc == RC_OK) {
        tell_good(settings, &asked.sample, report);
    } else if (is_needed) {
        report->issues_nothing = true;
        cfg_errors_add(
            &report->warnings,
            "clock.servers: %s: the kernel does not say how good the clock is, and as long as they do "
            "not either no token is issued",
            rc_text(asked.sample.rc));
    }
}

static void resolve_all(const char *path, const struct settings *settings, struct resolved *out)
{
    struct cfg_errors told = {0};
    char *text = settings_read_text(path, &told);
    const int config = text && spawn_init() == RC_OK ? sealed_make("config", bytes_str(text)) : -1;

    if (config >= 0) {
        resolve_wait(settings, config, out);
        (void)close(config);
    } else {
        (void)resolve_numbers(settings, out);
    }
    cfg_errors_clear(&told);
    free(text);
}

void check_clock_ask(const char *path, const struct settings *settings, struct check_report *report)
{
    struct clockstock stock = CLOCKSTOCK_NONE;
    struct resolved resolved;
    const struct clockstock_source source = {.config = path, .settings = settings, .resolved = &resolved};

    resolve_all(path, settings, &resolved);
    if (clockstock_open(&stock, &source, &report->errors, &report->warnings) == RC_OK) {
        const bool is_needed = ask_main(settings, stock.servers, report);

        ask_opinion(settings, stock.servers, is_needed, report);
    }
    clockstock_close(&stock);
}
