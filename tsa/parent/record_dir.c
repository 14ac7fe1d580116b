/* SPDX-License-Identifier: Apache-2.0 */
/* Names are looked at through the folder's descriptor alone: what its path means may change meanwhile. */
#include "tsa/parent/record_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsa/issuer/ledger.h"
#include "tsa/role/jail.h"

__attribute__((format(printf, 3, 4))) static enum rc refuse(char why[RECORD_DIR_WHY_MAX], enum rc rc,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, RECORD_DIR_WHY_MAX, format, args);
    va_end(args);
    return rc;
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

/* Once: a ledger that is the issuer's already is not touched. */
enum rc record_dir_judge(int dir, const struct settings *settings, bool *out_wanted,
                         char why[RECORD_DIR_WHY_MAX])
{
    const char *path = settings->ledger.dir, *user = settings->users.issuer;
    char foreign[NAME_MAX + 1];
    unsigned uid, gid;
    struct stat st;

    *out_wanted = false;
    if (geteuid() != 0 || !*user) {
        return RC_OK;
    }
    if (jail_resolve(user, &uid, &gid) != RC_OK) {
        return refuse(why, RC_NOT_FOUND, "there is no account %s", user);
    }
    if (fstat(dir, &st) == 0 && st.st_uid == uid) {
        return RC_OK;
    }
    if (!find_foreign(dir, foreign)) {
        return refuse(why, RC_IO, "can not look into %s: %s", path, strerror(errno));
    }
    if (foreign[0]) {
        return refuse(why, RC_IO,
                      "%s holds %s, which is no part of a record: give the record a folder of its own", path,
                      foreign);
    }
    *out_wanted = true;
    return RC_OK;
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

enum rc record_dir_hand_over(int dir, const struct settings *settings, char why[RECORD_DIR_WHY_MAX])
{
    bool wanted;
    unsigned uid, gid;
    enum rc rc = record_dir_judge(dir, settings, &wanted, why);

    if (rc != RC_OK || !wanted) {
        return rc;
    }
    rc = jail_resolve(settings->users.issuer, &uid, &gid);
    if (rc != RC_OK || !hand_over_file(dir, LEDGER_FILE, uid, gid) || fchown(dir, uid, gid) != 0) {
        return refuse(why, RC_IO, "can not hand %s over to %s: %s", settings->ledger.dir,
                      settings->users.issuer, strerror(errno));
    }
    return RC_OK;
}
