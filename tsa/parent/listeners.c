/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what the fronts accept on. IPv6 sockets take IPv6 alone, so that "0.0.0.0:3161" and "[::]:3161" can stand side by side.
 */
#include "tsa/parent/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3    /* SD_LISTEN_FDS_START */
#define SOCKET_MODE     0666 /* as open as a port */

static enum rc fail(struct listeners *listeners, const char *what, const char *why)
{
    (void)snprintf(listeners->error, sizeof(listeners->error), "can not listen on %s: %s", what, why);
    return RC_IO;
}

static void set_option(int fd, int level, int name)
{
    (void)setsockopt(fd, level, name, &(int){1}, sizeof(int));
}

/* A socket that nobody listens on is left over from a crash. One whose queue is full has a listener: it is not waited for. */
static bool remove_stale(const struct address *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    bool stale;

    if (fd < 0 || lstat(address->sock.local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        (void)close(fd);
        return false;
    }
    stale = connect(fd, &address->sock.any, address->len) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return stale && unlink(address->sock.local.sun_path) == 0;
}

/* The mode of a socket's file comes from its birth: a later chmod() of the path could meet another file. */
static int bind_open(int fd, const struct address *address)
{
    const mode_t before = umask(0777 & ~SOCKET_MODE);
    const int rc = bind(fd, &address->sock.any, address->len);

    (void)umask(before);
    return rc;
}

static int try_bind(int fd, const struct address *address)
{
    const bool local = address->sock.any.sa_family == AF_UNIX;

    if (bind_open(fd, address) == 0) {
        return 0;
    }
    if (local && errno == EADDRINUSE) {
        if (remove_stale(address)) {
            return bind_open(fd, address);
        }
        errno = EADDRINUSE;
    }
    return -1;
}

static const char *advice(const struct address *address)
{
    if (errno == EADDRINUSE) {
        return "something listens there already (is another tsa running?); choose another address or port";
    }
    if (errno == EACCES && address->sock.any.sa_family != AF_UNIX) {
        return "ports below 1024 need root, or systemd's tsa.socket";
    }
    if (errno == EADDRNOTAVAIL) {
        return "this machine has no such address";
    }
    return strerror(errno);
}

static bool open_bound(int fd, struct address *address)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (address->sock.any.sa_family == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (try_bind(fd, address) != 0) {
        return false;
    }
    if (listen(fd, LISTENERS_BACKLOG) != 0) {
        return false;
    }
    return address->sock.any.sa_family == AF_UNIX || getsockname(fd, &address->sock.any, &address->len) == 0;
}

static enum rc open_one(struct listeners *listeners, const char *text)
{
    struct listener listener = {.fd = -1};
    const char *why;

    if (listeners->num == LISTENERS_MAX) {
        return fail(listeners, text, "too many addresses");
    }
    if (address_parse(text, &listener.address, &why) != RC_OK) {
        (void)fail(listeners, text, why);
        return RC_CONFIG;
    }
    listener.fd = socket(listener.address.sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener.fd < 0) {
        return fail(listeners, text, strerror(errno));
    }
    if (!open_bound(listener.fd, &listener.address)) {
        (void)fail(listeners, text, advice(&listener.address));
        (void)close(listener.fd);
        return RC_IO;
    }
    listeners->list[listeners->num++] = listener;
    return RC_OK;
}

/* ---- sockets that systemd has passed ---- */

static size_t num_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *num = getenv("LISTEN_FDS");

    return pid && num && strtol(pid, NULL, 10) == getpid() ? strtoul(num, NULL, 10) : 0;
}

static bool is_listening_stream(int fd)
{
    int listening = 0, type = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static enum rc take_passed(struct listeners *listeners, int fd)
{
    struct listener *listener = &listeners->list[listeners->num];
    char name[40];

    (void)snprintf(name, sizeof(name), "the passed descriptor %d", fd);
    if (!is_listening_stream(fd)) {
        return fail(listeners, name, "it is not a listening stream socket (ListenStream=, Accept=no)");
    }
    *listener = (struct listener){.fd = fd, .is_passed = true};
    listener->address.len = sizeof(listener->address.sock);
    if (getsockname(fd, &listener->address.sock.any, &listener->address.len) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        return fail(listeners, name, strerror(errno));
    }
    listeners->num++;
    return RC_OK;
}

static enum rc take_all_passed(struct listeners *listeners, size_t num)
{
    enum rc rc = RC_OK;

    if (num > LISTENERS_MAX) {
        return fail(listeners, "the passed sockets", "there are more than 32");
    }
    for (size_t i = 0; rc == RC_OK && i < num; i++) {
        rc = take_passed(listeners, FIRST_PASSED_FD + (int)i);
    }
    return rc;
}

/* ---- all ---- */

enum rc listeners_open(struct listeners *listeners, const struct cfg_strings *addresses)
{
    const size_t passed = num_passed();
    enum rc rc;

    *listeners = (struct listeners){0};
    rc = passed ? take_all_passed(listeners, passed) : RC_OK;
    for (size_t i = 0; rc == RC_OK && !passed && i < addresses->num; i++) {
        rc = open_one(listeners, addresses->list[i]);
    }
    if (rc != RC_OK) {
        listeners_close(listeners);
    }
    return rc;
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->num; i++) {
        const struct listener *one = &listeners->list[i];

        (void)close(one->fd);
        if (!one->is_passed && one->address.sock.any.sa_family == AF_UNIX) {
            (void)unlink(one->address.sock.local.sun_path);
        }
    }
    listeners->num = 0;
}

/* What a client on this machine types: nobody can be asked for "every address". */
static struct address reachable(const struct address *address)
{
    struct address to = *address;

    if (to.sock.any.sa_family == AF_INET && to.sock.v4.sin_addr.s_addr == htonl(INADDR_ANY)) {
        to.sock.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (to.sock.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.sock.v6.sin6_addr)) {
        to.sock.v6.sin6_addr = in6addr_loopback;
    }
    return to;
}

char *listeners_find_url(const struct listeners *listeners, char out[LISTENERS_URL_MAX])
{
    char text[ADDRESS_TEXT_MAX];

    out[0] = 0;
    for (size_t i = 0; i < listeners->num; i++) {
        const struct address to = reachable(&listeners->list[i].address);

        if (to.sock.any.sa_family != AF_UNIX) {
            (void)snprintf(out, LISTENERS_URL_MAX, "http://%s/", address_text(&to, text));
            break;
        }
    }
    return out;
}
