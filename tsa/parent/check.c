/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks, from the settings outward. Each finding says what, where, why, and what to do. Nothing is made or changed here.
 */
#include "tsa/parent/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <linux/capability.h>

#include "certs/certfile.h"
#include "certs/certrules.h"
#include "certs/keyfile.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/parent/check_clock.h"
#include "tsa/parent/check_labtime.h"
#include "tsa/parent/check_promise.h"
#include "tsa/parent/check_tls.h"
#include "tsa/parent/record_dir.h"
#include "tsa/role/inherit.h"
#include "tsa/role/jail.h"

#define CERTS_MAX      (1u << 20)
#define DISK_NEEDED    (64ULL << 20)
#define DISK_WISHED    (1ULL << 30)
#define FDS_OF_A_ROLE  8  /* beside units, fronts and listeners */
#define FDS_OF_A_FRONT 64 /* beside connections */
#define EXAMPLE_ARC    "2.999."

/* What the checks of a unit share. */
struct look {
    const struct settings_unit *settings;
    const struct labtime *time;
    struct check_report *report;
    struct wbuf chain_text, root_text;
    struct certfile chain, root;
    EVP_PKEY *key; /* NULL: not looked at, or it could not be read (told) */
};

void check_report_clear(struct check_report *report)
{
    cfg_errors_clear(&report->errors);
    cfg_errors_clear(&report->warnings);
    cfg_errors_clear(&report->notes);
}

/* ---- certificates ---- */

static bool read_certs(const struct look *look, const char *path, struct wbuf *out_text,
                       struct certfile *out_certs)
{
    const char *unit = look->settings->name;
    enum rc rc;

    wbuf_init(out_text, CERTS_MAX);
    if (safefile_read(path, CERTS_MAX, out_text) != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s", unit, safefile_error_text());
        return false;
    }
    rc = certfile_parse(wbuf_bytes(out_text), out_certs);
    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s holds no certificate that can be read: %s", unit,
                       path, rc_text(rc));
    }
    return rc == RC_OK;
}

static void check_rules(const struct look *look)
{
    const struct certrules_query query = {
        .chain = look->chain.certs,
        .num = look->chain.num,
        .root = look->root.num ? look->root.certs[0] : BYTES_NONE,
        .key = look->key,
        .now = labtime_now(look->time),
        .authenticode = look->settings->protocols & SETTINGS_AUTHENTICODE,
    };
    struct cfg_errors *const lists[] = {
        [CERTRULES_ERROR] = &look->report->errors,
        [CERTRULES_WARNING] = &look->report->warnings,
        [CERTRULES_NOTE] = &look->report->notes,
    };
    struct certrules rules;

    certrules_check(&query, &rules);
    for (size_t i = 0; i < rules.num; i++) {
        cfg_errors_add(lists[rules.list[i].severity], "unit %s: %s: %s", look->settings->name,
                       look->settings->chain, rules.list[i].text);
    }
}

/* What a role would refuse for reasons of its own, such as a chain that makes tokens too large. */
static void check_as_unit(const struct look *look)
{
    struct unit unit;
    const enum rc rc =
        unit_init(&unit, look->settings, wbuf_bytes(&look->chain_text), wbuf_bytes(&look->root_text));

    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s: %s", look->settings->name, look->settings->chain,
                       rc_text(rc));
    } else if (!unit.is_lab && strncmp(look->settings->policy, EXAMPLE_ARC, strlen(EXAMPLE_ARC)) == 0) {
        cfg_errors_add(
            &look->report->warnings,
            "unit %s: policy %s is of the arc of examples; name one of your own before anybody relies on it",
            look->settings->name, look->settings->policy);
    }
    if (rc == RC_OK) {
        check_promise_key(&unit, labtime_now(look->time), look->report);
    }
    unit_clear(&unit);
}

/* Behind the fence, or of a kind that the rules tell of. */
static bool is_fenced(const struct look *look)
{
    struct unit unit;
    const bool good = unit_init(&unit, look->settings, wbuf_bytes(&look->chain_text),
                                wbuf_bytes(&look->root_text)) != RC_OK ||
                      check_labtime_unit(look->time, &unit, look->report);

    unit_clear(&unit);
    return good;
}

static void check_certs(struct look *look)
{
    const struct settings_unit *unit = look->settings;
    const size_t num_errors = look->report->errors.num;
    bool good = read_certs(look, unit->chain, &look->chain_text, &look->chain);

    if (unit->root && *unit->root) {
        good = read_certs(look, unit->root, &look->root_text, &look->root) && good;
    }
    if (good && is_fenced(look)) {
        check_rules(look);
    }
    if (good && look->report->errors.num == num_errors) {
        check_as_unit(look);
    }
}

/* ---- keys ---- */

/* The parent opens a key and hands it on; to know that nobody else can read it, it need not read it. */
static void check_key_file(const struct look *look)
{
    const struct settings_unit *unit = look->settings;
    const int fd = open(unit->key, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        cfg_errors_add(&look->report->errors, "unit %s: can not open the key %s: %s", unit->name, unit->key,
                       strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        cfg_errors_add(&look->report->errors, "unit %s: the key %s is no file", unit->name, unit->key);
    } else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        cfg_errors_add(
            &look->report->errors,
            "unit %s: the key %s has mode %04o: others may read it; chmod 600 %s, and think about a new key",
            unit->name, unit->key, (unsigned)(st.st_mode & 07777), unit->key);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void read_key(struct look *look)
{
    const struct settings_unit *unit = look->settings;
    const enum rc rc = keyfile_read(unit->key, NULL, &look->key);

    /* The others are told by check_key_file. */
    if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_IO && rc != RC_KEY_EXPOSED) {
        cfg_errors_add(&look->report->errors, "unit %s: %s: %s", unit->name, unit->key, rc_text(rc));
    }
}

static void check_unit(const struct settings_unit *unit, const struct labtime *time, bool with_keys,
                       struct check_report *report)
{
    struct look look = {.settings = unit, .time = time, .report = report};

    check_key_file(&look);
    if (with_keys) {
        read_key(&look);
    }
    check_certs(&look);
    EVP_PKEY_free(look.key);
    certfile_clear(&look.chain);
    certfile_clear(&look.root);
    wbuf_clear(&look.chain_text);
    wbuf_clear(&look.root_text);
}

/* ---- the machine ---- */

/* The folder above, where the folder itself is still to be made. */
static char *existing(const char *path)
{
    struct stat st;
    const char *slash = strrchr(path, '/');

    if (stat(path, &st) == 0 || !slash) {
        return xstrdup(stat(path, &st) == 0 ? path : ".");
    }
    return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

static bool check_folder(const char *setting, const char *path, struct check_report *report)
{
    char *there = existing(path);
    struct stat st;
    bool good = false;

    if (stat(there, &st) != 0) {
        cfg_errors_add(&report->errors, "%s: neither %s nor the folder above is there", setting, path);
    } else if (!S_ISDIR(st.st_mode)) {
        cfg_errors_add(&report->errors, "%s: %s is no folder", setting, there);
    } else if (access(there, W_OK | X_OK) != 0) {
        cfg_errors_add(&report->errors, "%s: no right to write in %s", setting, there);
    } else {
        good = true;
    }
    free(there);
    return good;
}

/* What a start would refuse to give away; a folder that is still to be made holds nothing. */
static void check_record_dir(const struct settings *settings, struct check_report *report)
{
    const int dir = open(settings->ledger.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char why[RECORD_DIR_WHY_MAX];
    bool wanted;

    if (dir < 0) {
        return;
    }
    /* An account that is not there has been told of. */
    if (record_dir_judge(dir, settings, &wanted, why) == RC_IO) {
        cfg_errors_add(&report->errors, "ledger.dir: %s", why);
    }
    (void)close(dir);
}

/* Root may raise its limits, unless that was taken from it, as containers and service managers do. */
static bool may_raise_limits(void)
{
    return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;
}

static void check_files(const struct settings *settings, struct check_report *report)
{
    const unsigned long long wanted = (unsigned long long)settings->limits.connections + FDS_OF_A_FRONT;
    struct rlimit limit;

    if (!may_raise_limits() && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < wanted) {
        cfg_errors_add(&report->warnings,
                       "limits.connections is %lld, but only %llu files may be open here: raise that limit "
                       "(LimitNOFILE= of systemd, ulimit -Hn) or lower this one",
                       (long long)settings->limits.connections, (unsigned long long)limit.rlim_max);
    }
}

static void check_disk(const char *path, struct check_report *report)
{
    char *there = existing(path);
    struct statvfs fs;

    if (statvfs(there, &fs) == 0) {
        const unsigned long long room = (unsigned long long)fs.f_bavail * fs.f_frsize;

        if (room < DISK_WISHED) {
            cfg_errors_add(room < DISK_NEEDED ? &report->errors : &report->warnings,
                           "ledger.dir: %s has room for %llu MiB; a million tokens take about 300", path,
                           room >> 20);
        }
    }
    free(there);
}

static void check_user(const char *setting, const char *user, struct check_report *report)
{
    unsigned uid, gid;

    if (!*user) {
        cfg_errors_add(&report->warnings, "users.%s is empty: the role stays root", setting);
    } else if (jail_resolve(user, &uid, &gid) != RC_OK) {
        cfg_errors_add(
            &report->errors,
            "users.%s: there is no account `%s': make it with systemd-sysusers (systemd/tsa.sysusers), or "
            "name another",
            setting, user);
    } else if (uid == 0) {
        cfg_errors_add(&report->warnings, "users.%s is root: take an account of its own", setting);
    }
}

static void check_machine(const struct settings *settings, struct check_report *report)
{
    const size_t num_fds = 3 * settings_num_units(settings) + (size_t)settings->fronts +
                           settings->listen.num + settings->tls.listen.num + settings->metrics.listen.num +
                           FDS_OF_A_ROLE;

    if (geteuid() == 0) {
        check_user("front", settings->users.front, report);
        check_user("issuer", settings->users.issuer, report);
        check_user("clock", settings->users.clock, report);
    }
    (void)check_folder("run_dir", settings->run_dir, report);
    if (check_folder("ledger.dir", settings->ledger.dir, report)) {
        check_disk(settings->ledger.dir, report);
        check_record_dir(settings, report);
    }
    check_files(settings, report);
    if (num_fds > INHERIT_MAX) {
        cfg_errors_add(&report->errors, "%zu units and %lld fronts are too many together",
                       settings_num_units(settings), (long long)settings->fronts);
    }
}

enum rc check_configuration(const char *path, const struct labtime *lab_time, bool thorough,
                            struct settings *settings, struct check_report *report)
{
    static const struct labtime none;
    const struct labtime *time = lab_time ? lab_time : &none;

    *report = (struct check_report){0};
    if (settings_parse_file(path, settings, &report->errors) != RC_OK) {
        report->settings_failed = true;
        return RC_CONFIG;
    }
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        check_unit(settings_unit(settings, i), time, thorough, report);
    }
    check_promise_order(settings, report);
    check_labtime_settings(time, settings, report);
    check_tls(settings, report);
    check_machine(settings, report);
    check_clock(settings, report);
    if (thorough && time->kind == LABTIME_NONE) {
        check_clock_ask(path, settings, report);
    }
    return report->errors.num ? RC_CONFIG : RC_OK;
}
