/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is asked of the open file: what its name leads to may be another one a moment later. */
#include "tsa/parent/clockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/jail.h"

#define START_SERVICE                                                                                        \
    "start the clock service first (tsa clock run -c FILE; systemctl enable --now tsa-clock)"

/* Root, whoever this is, or the account of the clock. */
static bool is_trusted(uid_t owner, const char *user)
{
    unsigned uid, gid;

    return owner == 0 || owner == geteuid() ||
           (user && *user && jail_resolve(user, &uid, &gid) == RC_OK && owner == uid);
}

static bool judge(const struct settings *settings, int fd, char why[CLOCKFILE_WHY_MAX])
{
    const char *path = settings->clock.file, *user = settings->users.clock;
    struct stat st;

    if (fstat(fd, &st) != 0 || clockpage_look(fd) != CLOCKPAGE_OURS || st.st_size < CLOCKPAGE_FILE_SIZE) {
        (void)snprintf(why, CLOCKFILE_WHY_MAX,
                       "clock.file: %.150s is not a clock file that is in use; " START_SERVICE, path);
    } else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        (void)snprintf(
            why, CLOCKFILE_WHY_MAX,
            "clock.file: %.100s has mode %04o: others than the clock service may write it; chmod go-w %.100s",
            path, (unsigned)(st.st_mode & 07777), path);
    } else if (!is_trusted(st.st_uid, user)) {
        (void)snprintf(why, CLOCKFILE_WHY_MAX,
                       "clock.file: %.100s belongs to user %u: the clock service has to be root's, or of the "
                       "account that users.clock names (%.60s)",
                       path, (unsigned)st.st_uid, user && *user ? user : "none");
    } else {
        return true;
    }
    return false;
}

int clockfile_open(const struct settings *settings, char why[CLOCKFILE_WHY_MAX])
{
    const char *path = settings->clock.file;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        (void)snprintf(why, CLOCKFILE_WHY_MAX, "clock.file: can not open %.150s: %s; " START_SERVICE, path,
                       strerror(errno));
    } else if (!judge(settings, fd, why)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}
