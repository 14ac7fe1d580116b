/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what the fronts accept on. IPv6 sockets take IPv6 alone, so that "0.0.0.0:3161" and "[::]:3161" can stand side by side. What is bound
 * already is known by the address that was asked for, so that "any free port" stays the port that it got.
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

static const char *const kind_names[LISTENER_NUM_KINDS] = {
    [LISTENER_PLAIN] = "listen",
    [LISTENER_TLS] = "tls",
    [LISTENER_METRICS] = "metrics",
};

const char *listener_kind_name(enum listener_kind kind)
{
    return kind_names[kind];
}

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

static bool has_fd(const struct listeners *listeners, int fd)
{
    for (size_t i = 0; listeners && i < listeners->num; i++) {
        if (listeners->list[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static bool is_same(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(&a->sock, &b->sock, a->len) == 0;
}

/* A change between "every address" and one of them needs the same port twice at once, which can not be. */
static const char *own_way(const struct listeners *before, const struct address *address)
{
    for (size_t i = 0; before && i < before->num; i++) {
        const struct address *own = &before->list[i].address;

        if (own->sock.any.sa_family == address->sock.any.sa_family &&
            address->sock.any.sa_family != AF_UNIX && own->sock.v4.sin_port == address->sock.v4.sin_port) {
            return "this authority itself listens on that port, with another address: take that one away by "
                   "a "
                   "first reload, or stop it and start it again";
        }
    }
    return NULL;
}

static void remember_file(struct listener *listener)
{
    struct stat st;

    if (listener->address.sock.any.sa_family == AF_UNIX &&
        lstat(listener->address.sock.local.sun_path, &st) == 0) {
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
    }
}

/* Somebody may have removed it, and another listener, ours too, made one in its place. */
static void remove_file(const struct listener *listener)
{
    const char *path = listener->address.sock.local.sun_path;
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == listener->dev && st.st_ino == listener->ino) {
        (void)unlink(path);
    }
}

static enum rc bind_one(struct listeners *listeners, const struct listeners *before, const char *text,
                        struct listener *out)
{
    const char *why;

    out->fd = socket(out->wanted.sock.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out->fd < 0) {
        return fail(listeners, text, strerror(errno));
    }
    out->address = out->wanted;
    if (open_bound(out->fd, &out->address)) {
        remember_file(out);
        return RC_OK;
    }
    why = errno == EADDRINUSE ? own_way(before, &out->wanted) : NULL;
    (void)fail(listeners, text, why ? why : advice(&out->wanted));
    (void)close(out->fd);
    return RC_IO;
}

/* Each socket that is there stands for one wish. */
static const struct listener *find_open(const struct listeners *listeners, const struct listeners *before,
                                        const struct address *wanted)
{
    for (size_t i = 0; before && i < before->num; i++) {
        const struct listener *one = &before->list[i];

        if (!one->is_passed && is_same(&one->wanted, wanted) && !has_fd(listeners, one->fd)) {
            return one;
        }
    }
    return NULL;
}

static enum rc open_one(struct listeners *listeners, const struct listeners *before, const char *text,
                        enum listener_kind kind)
{
    struct listener listener = {.kind = kind};
    const struct listener *open;
    const char *why;
    enum rc rc = RC_OK;

    if (listeners->num == LISTENERS_MAX) {
        return fail(listeners, text, "too many addresses");
    }
    if (address_parse(text, &listener.wanted, &why) != RC_OK) {
        (void)fail(listeners, text, why);
        return RC_CONFIG;
    }
    open = find_open(listeners, before, &listener.wanted);
    if (open) {
        listener = *open;
        listener.kind = kind;
    } else {
        rc = bind_one(listeners, before, text, &listener);
    }
    if (rc == RC_OK) {
        listeners->list[listeners->num++] = listener;
    }
    return rc;
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

/* The field of that index of names that colons hold apart; its length 0 where there is none. */
static const char *name_of(const char *names, size_t index, size_t *out_len)
{
    while (names && index-- > 0) {
        names = strchr(names, ':');
        names = names ? names + 1 : NULL;
    }
    *out_len = names ? strcspn(names, ":") : 0;
    return names;
}

/* FileDescriptorName= of the socket unit says what it is for; any other name is plain HTTP. */
static enum listener_kind passed_kind(size_t index)
{
    static const struct {
        const char *name;
        enum listener_kind kind;
    } kinds[] = {{"https", LISTENER_TLS}, {"tls", LISTENER_TLS}, {"metrics", LISTENER_METRICS}};
    size_t len;
    const char *name = name_of(getenv("LISTEN_FDNAMES"), index, &len);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (len == strlen(kinds[i].name) && memcmp(name, kinds[i].name, len) == 0) {
            return kinds[i].kind;
        }
    }
    return LISTENER_PLAIN;
}

static enum rc take_passed(struct listeners *listeners, size_t index)
{
    const int fd = FIRST_PASSED_FD + (int)index;
    struct listener *listener = &listeners->list[listeners->num];
    char name[40];

    (void)snprintf(name, sizeof(name), "the passed descriptor %d", fd);
    if (!is_listening_stream(fd)) {
        return fail(listeners, name, "it is not a listening stream socket (ListenStream=, Accept=no)");
    }
    *listener = (struct listener){.fd = fd, .kind = passed_kind(index), .is_passed = true};
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
        rc = take_passed(listeners, i);
    }
    return rc;
}

/* ---- all ---- */

static void keep_passed(struct listeners *listeners, const struct listeners *before)
{
    for (size_t i = 0; i < before->num; i++) {
        if (before->list[i].is_passed) {
            listeners->list[listeners->num++] = before->list[i];
        }
    }
}

bool listeners_has_passed(const struct listeners *listeners, enum listener_kind kind)
{
    for (size_t i = 0; i < listeners->num; i++) {
        if (listeners->list[i].is_passed && listeners->list[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static enum rc open_kind(struct listeners *listeners, const struct listeners_wanted *wanted,
                         enum listener_kind kind)
{
    const struct cfg_strings *addresses = wanted->addresses[kind];
    enum rc rc = RC_OK;

    if (!addresses || listeners_has_passed(listeners, kind)) {
        return RC_OK;
    }
    for (size_t i = 0; rc == RC_OK && i < addresses->num; i++) {
        rc = open_one(listeners, wanted->before, addresses->list[i], kind);
    }
    return rc;
}

enum rc listeners_open(struct listeners *listeners, const struct listeners_wanted *wanted)
{
    enum rc rc = RC_OK;

    *listeners = (struct listeners){0};
    if (wanted->before) {
        keep_passed(listeners, wanted->before);
    } else {
        rc = take_all_passed(listeners, num_passed());
    }
    for (enum listener_kind kind = 0; rc == RC_OK && kind < LISTENER_NUM_KINDS; kind++) {
        rc = open_kind(listeners, wanted, kind);
    }
    if (rc != RC_OK) {
        listeners_close(listeners, wanted->before);
    }
    return rc;
}

void listeners_close(struct listeners *listeners, const struct listeners *kept)
{
    for (size_t i = 0; i < listeners->num; i++) {
        const struct listener *one = &listeners->list[i];

        if (has_fd(kept, one->fd)) {
            continue;
        }
        (void)close(one->fd);
        if (!one->is_passed && one->address.sock.any.sa_family == AF_UNIX) {
            remove_file(one);
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

static const struct listener *find_tcp(const struct listeners *listeners, enum listener_kind kind)
{
    for (size_t i = 0; i < listeners->num; i++) {
        if (listeners->list[i].kind == kind && listeners->list[i].address.sock.any.sa_family != AF_UNIX) {
            return &listeners->list[i];
        }
    }
    return NULL;
}

char *listeners_find_url(const struct listeners *listeners, char out[LISTENERS_URL_MAX])
{
    const struct listener *plain = find_tcp(listeners, LISTENER_PLAIN);
    const struct listener *one = plain ? plain : find_tcp(listeners, LISTENER_TLS);
    char text[ADDRESS_TEXT_MAX];

    out[0] = 0;
    if (one) {
        const struct address to = reachable(&one->address);

        (void)snprintf(out, LISTENERS_URL_MAX, "http%s://%s/", plain ? "" : "s", address_text(&to, text));
    }
    return out;
}
