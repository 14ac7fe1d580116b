/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what roles are given. Private keys are opened and never read here. The clock file is made anew at each start: a record that a
 * former boot left behind would carry times of another monotonic clock.
 */
#include "tsa/parent/stock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsa/base/safefile.h"
#include "tsa/issuer/ledger.h"
#include "tsa/role/clockpage.h"
#include "tsa/role/jail.h"

#define CERTS_MAX   (1u << 20)
#define CLOCK_FILE  "clock"
#define FOLDER_MODE 0700

__attribute__((format(printf, 2, 3))) static enum rc fail(struct stock *stock, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(stock->error, sizeof(stock->error), format, args);
    va_end(args);
    return RC_IO;
}

/* ---- texts ---- */

static bool write_all(int fd, struct bytes text)
{
    while (text.len) {
        const ssize_t n = write(fd, text.data, text.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text = bytes_of(text.data + n, text.len - (size_t)n);
    }
    return true;
}

/* A file in memory that nobody can change any more. */
static enum rc seal(struct stock *stock, const char *name, struct bytes text, int *out_fd)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

    *out_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*out_fd < 0 || !write_all(*out_fd, text) || fcntl(*out_fd, F_ADD_SEALS, seals) != 0) {
        return fail(stock, "can not keep %s in memory: %s", name, strerror(errno));
    }
    return RC_OK;
}

static enum rc seal_file(struct stock *stock, const char *path, int *out_fd)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, CERTS_MAX);
    rc = safefile_read(path, CERTS_MAX, &text);
    if (rc == RC_OK) {
        rc = seal(stock, "certificates", wbuf_bytes(&text), out_fd);
    } else {
        rc = fail(stock, "%s", safefile_error_text());
    }
    wbuf_clear(&text);
    return rc;
}

static enum rc open_unit(struct stock *stock, const struct settings_unit *settings)
{
    struct stock_unit *unit = &stock->units[stock->num_units++];
    enum rc rc;

    *unit = (struct stock_unit){.key = -1, .chain = -1, .root = -1};
    unit->key = open(settings->key, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (unit->key < 0) {
        return fail(stock, "can not open the key %s: %s", settings->key, strerror(errno));
    }
    rc = seal_file(stock, settings->chain, &unit->chain);
    if (rc == RC_OK && settings->root && *settings->root) {
        rc = seal_file(stock, settings->root, &unit->root);
    }
    return rc;
}

/* ---- folders ---- */

static enum rc open_folder(struct stock *stock, const char *path, int *out_fd)
{
    if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) {
        return fail(stock, "can not make the folder %s: %s", path, strerror(errno));
    }
    *out_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out_fd >= 0 ? RC_OK : fail(stock, "can not open the folder %s: %s", path, strerror(errno));
}

/* A file with a second name may be somebody else's: it is left alone. */
static bool hand_over_file(int dir, const char *name, unsigned uid, unsigned gid)
{
    const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    bool good;

    if (fd < 0) {
        return errno == ENOENT || errno == ELOOP || errno == ENXIO;
    }
    good = fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_nlink != 1 || fchown(fd, uid, gid) == 0);
    (void)close(fd);
    return good;
}

static bool is_of_record(const char *name)
{
    return name[0] == '.' || strcmp(name, LEDGER_FILE) == 0 || strcmp(name, "lost+found") == 0;
}

/* The first thing in a folder that does not belong to a record, into out; empty where there is none. */
static bool find_foreign(int dir, char out[NAME_MAX + 1])
{
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    out[0] = 0;
    if (!list) {
        return false;
    }
    while (!out[0] && (entry = readdir(list)) != NULL) {
        if (!is_of_record(entry->d_name)) {
            (void)snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
        }
    }
    (void)closedir(list);
    return true;
}

/* Once: a ledger that is the issuer's already is not touched. Nor is a folder that has other uses: root would give it all away. */
static enum rc hand_over(struct stock *stock, const struct settings *settings)
{
    char foreign[NAME_MAX + 1];
    unsigned uid, gid;
    struct stat st;

    if (geteuid() != 0 || !*settings->users.issuer) {
        return RC_OK;
    }
    if (jail_resolve(settings->users.issuer, &uid, &gid) != RC_OK) {
        return fail(stock, "there is no account %s", settings->users.issuer);
    }
    if (fstat(stock->ledger, &st) == 0 && st.st_uid == uid) {
        return RC_OK;
    }
    if (!find_foreign(stock->ledger, foreign)) {
        return fail(stock, "can not look into %s: %s", settings->ledger.dir, strerror(errno));
    }
    if (foreign[0]) {
        return fail(stock, "%s holds %s, which is no part of a record: give the record a folder of its own",
                    settings->ledger.dir, foreign);
    }
    if (!hand_over_file(stock->ledger, LEDGER_FILE, uid, gid) || fchown(stock->ledger, uid, gid) != 0) {
        return fail(stock, "can not hand %s over to %s: %s", settings->ledger.dir, settings->users.issuer,
                    strerror(errno));
    }
    return RC_OK;
}

static enum rc lock_run_dir(struct stock *stock, const char *path)
{
    if (flock(stock->run_dir, LOCK_EX | LOCK_NB) == 0) {
        return RC_OK;
    }
    (void)fail(stock, "%s is in use: another tsa runs with it (tsa status --run %s)", path, path);
    return RC_OVERLOADED;
}

static enum rc make_clock(struct stock *stock, const char *run_dir)
{
    const bool gone = unlinkat(stock->run_dir, CLOCK_FILE, 0) == 0 || errno == ENOENT;

    if (gone) {
        stock->clock = openat(stock->run_dir, CLOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        stock->clock_readonly = openat(stock->run_dir, CLOCK_FILE, O_RDONLY | O_CLOEXEC);
    }
    if (stock->clock < 0 || stock->clock_readonly < 0 || ftruncate(stock->clock, CLOCKPAGE_FILE_SIZE) != 0) {
        return fail(stock, "can not make %s/" CLOCK_FILE ": %s", run_dir, strerror(errno));
    }
    return RC_OK;
}

static enum rc open_folders(struct stock *stock, const struct settings *settings)
{
    enum rc rc = open_folder(stock, settings->run_dir, &stock->run_dir);

    if (rc == RC_OK) {
        rc = lock_run_dir(stock, settings->run_dir);
    }
    if (rc == RC_OK) {
        rc = make_clock(stock, settings->run_dir);
    }
    if (rc == RC_OK) {
        rc = open_folder(stock, settings->ledger.dir, &stock->ledger);
    }
    return rc == RC_OK ? hand_over(stock, settings) : rc;
}

/* ---- all ---- */

enum rc stock_open(struct stock *stock, const struct settings *settings, const char *text)
{
    enum rc rc;

    *stock = (struct stock)STOCK_NONE;
    rc = open_folders(stock, settings);
    if (rc == RC_OK) {
        rc = seal(stock, "configuration", bytes_str(text), &stock->config);
    }
    for (size_t i = 0; rc == RC_OK && i < settings_num_units(settings); i++) {
        rc = open_unit(stock, settings_unit(settings, i));
    }
    if (rc != RC_OK) {
        stock_close(stock);
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

void stock_close(struct stock *stock)
{
    for (size_t i = 0; i < stock->num_units; i++) {
        close_fd(&stock->units[i].key);
        close_fd(&stock->units[i].chain);
        close_fd(&stock->units[i].root);
    }
    stock->num_units = 0;
    close_fd(&stock->config);
    close_fd(&stock->ledger);
    close_fd(&stock->clock);
    close_fd(&stock->clock_readonly);
    close_fd(&stock->run_dir);
}

/* ---- giving ---- */

static void give_certs(const struct stock *stock, struct spawn *spawn)
{
    spawn_add(spawn, "config", stock->config);
    for (size_t i = 0; i < stock->num_units; i++) {
        spawn_add_n(spawn, "chain", i, stock->units[i].chain);
        if (stock->units[i].root >= 0) {
            spawn_add_n(spawn, "root", i, stock->units[i].root);
        }
    }
}

void stock_give_clock(const struct stock *stock, struct spawn *spawn)
{
    spawn_add(spawn, "config", stock->config);
    spawn_add(spawn, "clock", stock->clock);
}

/* A descriptor that is handed on keeps its place in the file: the issuer before has read the keys to their ends. */
void stock_give_issuer(const struct stock *stock, struct spawn *spawn)
{
    give_certs(stock, spawn);
    spawn_add(spawn, "ledger", stock->ledger);
    spawn_add(spawn, "clock", stock->clock_readonly);
    for (size_t i = 0; i < stock->num_units; i++) {
        (void)lseek(stock->units[i].key, 0, SEEK_SET);
        spawn_add_n(spawn, "key", i, stock->units[i].key);
    }
}

void stock_give_front(const struct stock *stock, struct spawn *spawn)
{
    give_certs(stock, spawn);
}
