/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look, judge, take: octets are looked at in the socket's queue first. As long as they are the beginning of a header all of them belong to it and
 * are taken, so that the loop does not wake for them again; once it is whole only its own are.
 */
#include "tsa/http/http_intake.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct http_intake {
    struct event *event;
    http_intake_fn *on_done;
    void *arg;
    size_t len; /* octets taken */
    uint8_t octets[PROXY_HEADER_MAX];
};

static bool take(struct http_intake *intake, int fd, size_t num)
{
    bool taken = num == 0 || recv(fd, intake->octets + intake->len, num, MSG_DONTWAIT) == (ssize_t)num;

    intake->len += num;
    return taken;
}

/* The last that is done with it. */
static void end(struct http_intake *intake, const struct netaddr *client, const char *why)
{
    event_del(intake->event);
    intake->on_done(intake->arg, client != NULL, client, why);
    http_intake_free(intake);
}

static void judge(struct http_intake *intake, int fd, size_t seen)
{
    struct netaddr client = {0};
    size_t used = 0;
    enum proxy_header_verdict verdict =
        proxy_header_parse(bytes_of(intake->octets, intake->len + seen), &used, &client);

    if (verdict == PROXY_HEADER_BAD) {
        end(intake, NULL, "began without a PROXY header");
    } else if (verdict == PROXY_HEADER_TAKEN && used >= intake->len && used <= intake->len + seen &&
               take(intake, fd, used - intake->len)) {
        end(intake, &client, NULL);
    } else if (verdict == PROXY_HEADER_TAKEN || intake->len + seen == sizeof intake->octets ||
               !take(intake, fd, seen)) {
        end(intake, NULL, "began with a PROXY header that can not be read");
    }
}

static void on_octets(evutil_socket_t fd, short what, void *arg)
{
    struct http_intake *intake = arg;
    ssize_t num =
        recv(fd, intake->octets + intake->len, sizeof intake->octets - intake->len, MSG_PEEK | MSG_DONTWAIT);

    (void)what;
    if (num > 0) {
        judge(intake, fd, (size_t)num);
    } else if (num == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        end(intake, NULL, intake->len > 0 ? "ended before its PROXY header was whole" : NULL);
    }
}

struct http_intake *http_intake_new(struct event_base *base, int fd, http_intake_fn *on_done, void *arg)
{
    struct http_intake *intake = calloc(1, sizeof *intake);

    if (!intake) {
        return NULL;
    }
    intake->on_done = on_done;
    intake->arg = arg;
    intake->event = event_new(base, fd, EV_READ | EV_PERSIST, on_octets, intake);
    if (!intake->event || event_add(intake->event, NULL) != 0) {
        http_intake_free(intake);
        return NULL;
    }
    return intake;
}

void http_intake_free(struct http_intake *intake)
{
    if (intake) {
        if (intake->event) {
            event_free(intake->event);
        }
        free(intake);
    }
}
