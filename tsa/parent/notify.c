/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of sd_notify(3) by hand: it is a datagram, and a library for it would bring compressors into the process that starts
 * with rights.
 */
#include "tsa/parent/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 512

/* A path, or an abstract name behind an @. */
static enum rc parse_socket(const char *name, struct sockaddr_un *out, socklen_t *out_len)
{
    const size_t len = strlen(name);

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(out->sun_path)) {
        return RC_CONFIG;
    }
    memcpy(out->sun_path, name, len);
    if (name[0] == '@') {
        out->sun_path[0] = 0;
    }
    *out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return RC_OK;
}

static enum rc send_datagram(const struct sockaddr_un *to, socklen_t to_len, const char *text, size_t len)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t sent;

    if (fd < 0) {
        return RC_IO;
    }
    sent = sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)to, to_len);
    (void)close(fd);
    return sent == (ssize_t)len ? RC_OK : RC_IO;
}

enum rc notify_send(const char *format, ...)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to;
    socklen_t to_len;
    char text[MESSAGE_MAX];
    va_list args;
    enum rc rc;
    int len;

    if (!name) {
        return RC_NOT_FOUND;
    }
    rc = parse_socket(name, &to, &to_len);
    if (rc != RC_OK) {
        return rc;
    }
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0 || len >= (int)sizeof(text)) {
        return RC_TOO_LARGE;
    }
    return send_datagram(&to, to_len, text, (size_t)len);
}

long notify_watchdog_ms(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *us = getenv("WATCHDOG_USEC");

    return us && (!pid || strtol(pid, NULL, 10) == getpid()) ? strtol(us, NULL, 10) / 1000 : 0;
}
