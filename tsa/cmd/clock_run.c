/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock file is written in place and never replaced, since authorities have it mapped. What a former boot has left in it is erased: its times are of
 * another monotonic clock. Behind the record stands which boot it is of.
 */
#include "tsa/cmd/clock_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/clock/timesrc.h"
#include "tsa/parent/clockstock.h"
#include "tsa/parent/notify.h"
#include "tsa/parent/sealed.h"
#include "tsa/role/clockpage.h"

#define EX_NOT_NOW   1 /* another try may do better */
#define FILE_MODE    0644
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX  64

struct clock_start {
    const char *path; /* of the configuration */
    struct settings settings;
    int config, file;
    struct clockstock stock;
};

/* ---- complaints ---- */

static int complain(struct cfg_errors *errors, struct cfg_errors *warnings, int code)
{
    cfg_errors_tell(warnings, log_warning);
    cfg_errors_tell(errors, log_error);
    cfg_errors_clear(warnings);
    cfg_errors_clear(errors);
    return code;
}

/* ---- the clock file ---- */

static bool read_boot_id(char out[BOOT_ID_MAX])
{
    const int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd >= 0 ? read(fd, out, BOOT_ID_MAX) : -1;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (len <= 0) {
        return false;
    }
    memset(out + len, 0, BOOT_ID_MAX - (size_t)len);
    return true;
}

/* A record of this boot stays: what it says of the clock must not be forgotten by a restart. */
static bool is_of_this_boot(int fd, const char boot_id[BOOT_ID_MAX])
{
    char found[BOOT_ID_MAX];

    return pread(fd, found, BOOT_ID_MAX, CLOCKPAGE_FILE_SIZE) == BOOT_ID_MAX &&
           memcmp(found, boot_id, BOOT_ID_MAX) == 0;
}

static bool write_at(int fd, const void *data, size_t len, off_t at)
{
    return pwrite(fd, data, len, at) == (ssize_t)len;
}

static bool prepare_file(int fd)
{
    static const uint8_t nothing[CLOCKPAGE_FILE_SIZE];
    char boot_id[BOOT_ID_MAX];

    return read_boot_id(boot_id) &&
           (is_of_this_boot(fd, boot_id) || (write_at(fd, nothing, sizeof(nothing), 0) &&
                                             write_at(fd, boot_id, sizeof(boot_id), CLOCKPAGE_FILE_SIZE)));
}

/* Of whatever else is there by mistake, a key perhaps, nothing is touched. The lock lives as long as the process: the role inherits the descriptor. */
static int open_file(struct clock_start *start)
{
    const char *path = start->settings.clock.file;
    struct stat st;

    start->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, FILE_MODE);
    if (start->file < 0 && errno == ENOENT) {
        log_error("clock.file: can not make %s: its folder is not there: make it; for a service systemd does "
                  "that, by "
                  "RuntimeDirectory=tsa-clock",
                  path);
        return EX_CONFIG;
    }
    if (start->file < 0 || fstat(start->file, &st) != 0) {
        log_error("clock.file: can not open %s: %s", path, strerror(errno));
        return EX_CONFIG;
    }
    if (clockpage_look(start->file) == CLOCKPAGE_NONE) {
        log_error("clock.file: %s is no clock file, and is left as it is: name another one, or remove it",
                  path);
        return EX_CONFIG;
    }
    if (flock(start->file, LOCK_EX | LOCK_NB) != 0) {
        log_error("clock.file: %s is written by another `tsa clock run' already", path);
        return EX_NOT_NOW;
    }
    /* Authorities under other accounts read it, whatever the mask was. */
    if ((st.st_mode & 07777) != FILE_MODE && fchmod(start->file, FILE_MODE) != 0) {
        log_error("clock.file: can not set the mode of %s to 0644: %s", path, strerror(errno));
        return EX_CONFIG;
    }
    if (!prepare_file(start->file)) {
        log_error("clock.file: can not write %s: %s", path, strerror(errno));
        return EX_CONFIG;
    }
    return 0;
}

/* ---- what the role is given ---- */

static int read_settings(struct clock_start *start)
{
    struct cfg_errors errors = {0}, none = {0};
    char *text;

    if (settings_parse_file(start->path, &start->settings, &errors) != RC_OK) {
        return complain(&errors, &none, EX_CONFIG);
    }
    log_start("clock", (enum log_level)start->settings.log.level, (enum log_form)start->settings.log.form);
    text = settings_read_text(start->path, &errors);
    if (!text) {
        return complain(&errors, &none, EX_CONFIG);
    }
    start->config = sealed_make("config", bytes_str(text));
    free(text);
    if (start->config < 0) {
        log_error("can not keep the configuration in memory: %s", strerror(errno));
        return EX_SOFTWARE;
    }
    if (!*start->settings.clock.file) {
        log_error(
            "%s: clock.file is not set: it names the file that this service writes and the authority reads; "
            "without it the authority watches the clock by itself",
            start->path);
        return EX_CONFIG;
    }
    return 0;
}

/* Names that can not be resolved yet may be resolved later: the network comes up when it likes. */
static int open_stock(struct clock_start *start)
{
    struct cfg_errors errors = {0}, warnings = {0};
    struct resolved resolved;
    const struct clockstock_source source = {
        .config = start->path, .settings = &start->settings, .resolved = &resolved};
    enum rc rc;

    (void)notify_send("READY=1\nSTATUS=resolving names\n"); /* an authority finds the file from now on */
    resolve_wait(&start->settings, start->config, &resolved);
    rc = clockstock_open(&start->stock, &source, &errors, &warnings);
    return complain(&errors, &warnings, rc == RC_OK ? 0 : EX_NOT_NOW);
}

static void tell_start(const struct settings *settings)
{
    const bool is_chrony = settings->clock.source == SETTINGS_CLOCK_CHRONY;
    const size_t num = settings->clock.servers.num;
    char servers[64] = "";

    if (num) {
        (void)snprintf(servers, sizeof(servers), "%s%zu servers",
                       settings->clock.source == SETTINGS_CLOCK_SNTP ? " of " : ", beside it ", num);
    }
    log_notice("watching %s%s%s%s, writing %s", timesrc_of(settings->clock.source)->name,
               is_chrony ? " at " : "", is_chrony ? settings->clock.chrony : "", servers,
               settings->clock.file);
}

static int become_clock(const struct clock_start *start)
{
    static struct spawn spawn;
    const int lock = dup(start->file);
    enum rc rc = RC_IO;

    spawn = (struct spawn){.role = "@clock"};
    if (lock >= 0) {
        spawn_add(&spawn, "config", start->config);
        spawn_add(&spawn, "clock", start->file);
        spawn_add(&spawn, "lock", lock);
        clockstock_give(&start->stock, &spawn);
        (void)notify_send("STATUS=writing %s\n", start->settings.clock.file);
        tell_start(&start->settings);
        rc = spawn_replace(&spawn);
    }
    log_error("can not become the clock role: %s", strerror(errno));
    return rc == RC_OK ? 0 : EX_SOFTWARE;
}

int clock_run(const char *config)
{
    struct clock_start start = {.path = config, .config = -1, .file = -1, .stock = CLOCKSTOCK_NONE};
    int code;

    log_start("clock", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    if (spawn_init() != RC_OK) {
        log_error("can not open this program's file: %s", strerror(errno));
        return EX_SOFTWARE;
    }
    code = read_settings(&start);
    if (code == 0) {
        code = open_file(&start);
    }
    if (code == 0) {
        code = open_stock(&start);
    }
    if (code == 0) {
        code = become_clock(&start);
    }
    clockstock_close(&start.stock);
    settings_clear(&start.settings);
    return code;
}
