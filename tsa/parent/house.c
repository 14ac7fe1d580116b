/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened once, at the start. The clock file is made anew each time: a record that a former boot left behind would carry times of another
 * monotonic clock. That of a clock service is the service's affair: it is opened to be read, and it is there before the authority is.
 */
#include "tsa/parent/house.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsa/parent/record_dir.h"

#define CLOCK_FILE  "clock"
#define FOLDER_MODE 0700

#define STAYS "that can not change while it runs: stop it and start it again"

__attribute__((format(printf, 2, 3))) static enum rc fail(struct house *house, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(house->error, sizeof(house->error), format, args);
    va_end(args);
    return RC_IO;
}

static enum rc open_folder(struct house *house, const char *path, int *out_fd)
{
    if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) {
        return fail(house, "can not make the folder %s: %s", path, strerror(errno));
    }
    *out_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out_fd >= 0 ? RC_OK : fail(house, "can not open the folder %s: %s", path, strerror(errno));
}

static enum rc lock_run_dir(struct house *house, const char *path)
{
    if (flock(house->run_dir, LOCK_EX | LOCK_NB) == 0) {
        return RC_OK;
    }
    (void)fail(house, "%s is in use: another tsa runs with it (tsa status --run %s)", path, path);
    return RC_OVERLOADED;
}

bool house_has_service(const struct settings *settings)
{
    return settings->clock.file && *settings->clock.file;
}

/* With its room on the disk: to write into a mapped file that has none is SIGBUS. */
static enum rc make_clock(struct house *house, const char *run_dir)
{
    const bool gone = unlinkat(house->run_dir, CLOCK_FILE, 0) == 0 || errno == ENOENT;
    int error;

    if (gone) {
        house->clock = openat(house->run_dir, CLOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        house->clock_readonly = openat(house->run_dir, CLOCK_FILE, O_RDONLY | O_CLOEXEC);
    }
    error = house->clock >= 0 && house->clock_readonly >= 0
                ? posix_fallocate(house->clock, 0, CLOCKPAGE_FILE_SIZE)
                : errno;
    return error == 0 ? RC_OK : fail(house, "can not make %s/" CLOCK_FILE ": %s", run_dir, strerror(error));
}

static enum rc open_clock(struct house *house, const struct settings *settings)
{
    enum rc rc = RC_OK;

    if (house_has_service(settings)) {
        house->clock_readonly = clockfile_open(settings, house->error);
        rc = house->clock_readonly >= 0 ? RC_OK : RC_IO;
    } else {
        rc = make_clock(house, settings->run_dir);
    }
    if (rc == RC_OK) {
        house->page = clockpage_open(house->clock_readonly, false);
        rc = house->page ? RC_OK : fail(house, "can not map the clock file: %s", strerror(errno));
    }
    return rc;
}

static enum rc make_counters(struct house *house)
{
    house->counters = shared_create();
    house->shared = house->counters >= 0 ? shared_map(house->counters) : NULL;
    return house->shared ? RC_OK : fail(house, "can not keep counters in memory: %s", strerror(errno));
}

enum rc house_open(struct house *house, const struct settings *settings)
{
    enum rc rc;

    *house = (struct house)HOUSE_NONE;
    rc = open_folder(house, settings->run_dir, &house->run_dir);
    if (rc == RC_OK) {
        rc = lock_run_dir(house, settings->run_dir);
    }
    if (rc == RC_OK) {
        rc = open_clock(house, settings);
    }
    if (rc == RC_OK) {
        rc = open_folder(house, settings->ledger.dir, &house->ledger);
    }
    if (rc == RC_OK && record_dir_hand_over(house->ledger, settings, house->error) != RC_OK) {
        rc = RC_IO;
    }
    if (rc == RC_OK) {
        rc = make_counters(house);
    }
    if (rc != RC_OK) {
        house_close(house);
    }
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void house_close(struct house *house)
{
    if (house->shared) {
        shared_unmap(house->shared);
        house->shared = NULL;
    }
    clockpage_close(house->page);
    house->page = NULL;
    close_fd(&house->counters);
    close_fd(&house->ledger);
    close_fd(&house->clock);
    close_fd(&house->clock_readonly);
    close_fd(&house->run_dir);
}

/* By what the path leads to, not by how it is written. */
static bool is_same(int fd, const char *path)
{
    struct stat now, wanted;

    return fstat(fd, &now) == 0 && stat(path, &wanted) == 0 && now.st_dev == wanted.st_dev &&
           now.st_ino == wanted.st_ino;
}

static void check_folder(int fd, const char *name, const char *path, struct cfg_errors *errors)
{
    if (!is_same(fd, path)) {
        cfg_errors_add(errors, "%s: %s is not the folder that is in use; " STAYS, name, path);
    }
}

/* A service's file that was made anew has the same name: it is another one. */
static void check_clock(const struct house *house, const struct settings *settings, struct cfg_errors *errors)
{
    const bool has_service = house_has_service(settings);

    if (has_service && house->clock >= 0) {
        cfg_errors_add(errors, "clock.file: the clock is watched by a part of this authority; " STAYS);
    } else if (!has_service && house->clock < 0) {
        cfg_errors_add(errors, "clock.file: the clock is watched by a service of its own; " STAYS);
    } else if (has_service && !is_same(house->clock_readonly, settings->clock.file)) {
        cfg_errors_add(errors, "clock.file: %s is not the clock file that is in use; " STAYS,
                       settings->clock.file);
    }
}

void house_check(const struct house *house, const struct settings *settings, struct cfg_errors *errors)
{
    check_folder(house->run_dir, "run_dir", settings->run_dir, errors);
    check_folder(house->ledger, "ledger.dir", settings->ledger.dir, errors);
    check_clock(house, settings, errors);
}

static size_t list_units(const struct settings *settings, const char **names)
{
    const size_t num = settings ? settings_num_units(settings) : 0;

    for (size_t i = 0; i < num; i++) {
        names[i] = settings_unit(settings, i)->name;
    }
    return num;
}

void house_name_units(const struct house *house, const struct settings *now, const struct settings *next)
{
    const char *names[2 * SETTINGS_MAX_UNITS];
    size_t num = list_units(now, names);

    num += list_units(next, names + num);
    shared_name_units(house->shared, names, num);
}

void house_give_clock(const struct house *house, struct spawn *spawn)
{
    spawn_add(spawn, "clock", house->clock);
}

void house_give_issuer(const struct house *house, struct spawn *spawn)
{
    spawn_add(spawn, "ledger", house->ledger);
    spawn_add(spawn, "clock", house->clock_readonly);
}

void house_give_front(const struct house *house, struct spawn *spawn)
{
    spawn_add(spawn, "shared", house->counters);
}
