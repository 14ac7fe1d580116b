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
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "certs/certfile.h"
#include "certs/keyfile.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/role/inherit.h"
#include "tsa/role/jail.h"
#include "tsa/wire/chain.h"

#define CERTS_MAX     (1u << 20)
#define DAY           86400
#define WARN_DAYS     30
#define DISK_NEEDED   (64ULL << 20)
#define DISK_WISHED   (1ULL << 30)
#define FDS_OF_A_ROLE 8 /* beside units and fronts */
#define EXAMPLE_ARC   "2.999."

/* What the checks of a unit share. */
struct look {
    const struct settings_unit *settings;
    struct check_report *report;
    struct wbuf chain, root; /* the files' texts */
    struct unit unit;
};

void check_report_clear(struct check_report *report)
{
    cfg_errors_clear(&report->errors);
    cfg_errors_clear(&report->warnings);
}

/* ---- certificates ---- */

static bool read_certs(struct look *look, const char *path, struct wbuf *out)
{
    wbuf_init(out, CERTS_MAX);
    if (safefile_read(path, CERTS_MAX, out) == RC_OK) {
        return true;
    }
    cfg_errors_add(&look->report->errors, "unit %s: %s", look->settings->name, safefile_error_text());
    return false;
}

static void check_dates(const struct look *look, const struct cert *cert, const char *path)
{
    const struct gentime now = now_real();
    const int64_t days = (cert->not_after.sec - now.sec) / DAY;
    const enum rc rc = cert_check_time(cert, now);
    char name[200];

    (void)cert_name(cert->subject, name, sizeof(name));
    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s: %s: %s", look->settings->name, path, name,
                       rc == RC_CERT_EXPIRED ? "the certificate has expired"
                                             : "the certificate is not valid yet; is the clock right?");
    } else if (days < WARN_DAYS) {
        cfg_errors_add(&look->report->warnings, "unit %s: %s: %s: expires in %lld days", look->settings->name,
                       path, name, (long long)days);
    }
}

static enum rc check_to_root(const struct look *look, struct chain *chain)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct chain_query query = {
        .leaf = look->unit.chain[0], .at = now_real(), .purpose = CHAIN_TIME_STAMPING};
    struct wbuf others;
    enum rc rc = anchors ? chain_anchors_add(anchors, look->unit.root) : RC_NO_MEMORY;

    wbuf_init(&others, CERTS_MAX);
    for (size_t i = 1; i < look->unit.num_chain; i++) {
        wbuf_put(&others, look->unit.chain[i]);
    }
    query.anchors = anchors;
    query.intermediates = wbuf_bytes(&others);
    if (rc == RC_OK) {
        rc = chain_check(&query, chain);
    }
    wbuf_clear(&others);
    chain_anchors_free(anchors);
    return rc;
}

static void check_root(const struct look *look)
{
    const struct settings_unit *unit = look->settings;
    struct chain chain = {0};
    enum rc rc;

    if (look->unit.root.len == 0) {
        cfg_errors_add(
            &look->report->warnings,
            "unit %s: no `root' is set: the chain can not be checked, and nobody can download the root here",
            unit->name);
        return;
    }
    rc = check_to_root(look, &chain);
    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s does not lead to %s: %s%s%s", unit->name,
                       unit->chain, unit->root, rc_text(rc),
                       chain.missing[0] ? "; this issuer is missing: " : "", chain.missing);
    }
    chain_clear(&chain);
}

static void check_policy(const struct look *look)
{
    const struct settings_unit *unit = look->settings;

    if (!look->unit.is_lab && strncmp(unit->policy, EXAMPLE_ARC, strlen(EXAMPLE_ARC)) == 0) {
        cfg_errors_add(
            &look->report->warnings,
            "unit %s: policy %s is of the arc of examples; name one of your own before anybody relies on it",
            unit->name, unit->policy);
    }
}

static void check_certs(struct look *look)
{
    const struct settings_unit *unit = look->settings;
    bool good = read_certs(look, unit->chain, &look->chain);
    struct cert cert;
    enum rc rc;

    wbuf_init(&look->root, CERTS_MAX);
    good = (!unit->root || !*unit->root || read_certs(look, unit->root, &look->root)) && good;
    if (!good) {
        return;
    }
    rc = unit_init(&look->unit, unit, wbuf_bytes(&look->chain), wbuf_bytes(&look->root));
    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s: %s", unit->name, unit->chain, rc_text(rc));
        return;
    }
    for (size_t i = 0; i < look->unit.num_chain; i++) {
        if (cert_parse(look->unit.chain[i], &cert) == RC_OK) {
            check_dates(look, &cert, unit->chain);
        }
    }
    check_root(look);
    check_policy(look);
    if ((unit->protocols & SETTINGS_AUTHENTICODE) && look->unit.cert.key_type != OID_RSA) {
        cfg_errors_add(&look->report->warnings,
                       "unit %s: clients of the Authenticode form expect an RSA key; this one is not",
                       unit->name);
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

static void check_key_itself(const struct look *look)
{
    const struct settings_unit *unit = look->settings;
    EVP_PKEY *key = NULL;
    const enum rc rc = keyfile_read(unit->key, NULL, &key);

    if (rc == RC_NOT_FOUND || rc == RC_IO || rc == RC_KEY_EXPOSED) {
        return; /* told by check_key_file */
    }
    if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "unit %s: %s: %s", unit->name, unit->key, rc_text(rc));
    } else if (look->unit.num_chain && !keyfile_fits(key, look->unit.cert.spki)) {
        cfg_errors_add(&look->report->errors, "unit %s: the key %s does not belong to the certificate in %s",
                       unit->name, unit->key, unit->chain);
    }
    EVP_PKEY_free(key);
}

static void check_unit(const struct settings_unit *unit, bool with_keys, struct check_report *report)
{
    struct look look = {.settings = unit, .report = report};

    check_certs(&look);
    check_key_file(&look);
    if (with_keys) {
        check_key_itself(&look);
    }
    unit_clear(&look.unit);
    wbuf_clear(&look.chain);
    wbuf_clear(&look.root);
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
    const size_t num_fds =
        3 * settings_num_units(settings) + (size_t)settings->fronts + settings->listen.num + FDS_OF_A_ROLE;

    if (geteuid() == 0) {
        check_user("front", settings->users.front, report);
        check_user("issuer", settings->users.issuer, report);
        check_user("clock", settings->users.clock, report);
    }
    (void)check_folder("run_dir", settings->run_dir, report);
    if (check_folder("ledger.dir", settings->ledger.dir, report)) {
        check_disk(settings->ledger.dir, report);
    }
    if (num_fds > INHERIT_MAX) {
        cfg_errors_add(&report->errors, "%zu units and %lld fronts are too many together",
                       settings_num_units(settings), (long long)settings->fronts);
    }
    if (settings->clock.source == SETTINGS_CLOCK_SYSTEM) {
        cfg_errors_add(&report->warnings,
                       "clock.source is \"system\": the host's clock is trusted without proof");
    }
}

enum rc check_configuration(const char *path, bool with_keys, struct settings *settings,
                            struct check_report *report)
{
    *report = (struct check_report){0};
    if (settings_parse_file(path, settings, &report->errors) != RC_OK) {
        report->settings_failed = true;
        return RC_CONFIG;
    }
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        check_unit(settings_unit(settings, i), with_keys, report);
    }
    check_machine(settings, report);
    return report->errors.num ? RC_CONFIG : RC_OK;
}
