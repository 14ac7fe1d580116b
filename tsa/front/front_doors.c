/* SPDX-License-Identifier: Apache-2.0 */
/* Doors, their keys, and the room behind them. */
#include "tsa/front/front_doors.h"

#include <string.h>
#include <sys/resource.h>

#include "tsa/base/log.h"
#include "tsa/http/tls.h"

#define EX_SOFTWARE  70
#define EX_CONFIG    78
#define FILE_MAX     (1024u * 1024u)
#define RESERVE_MAX  64 /* listening sockets, channels, the loop, and connections that come while others go */
#define ROOM_PERCENT 95

/* An absent file is empty. */
static void read_file(struct inherit *in, const char *name, struct wbuf *out)
{
    enum rc rc = inherit_read(in, name, out);

    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        log_die(EX_SOFTWARE, "%s can not be read: %s", name, rc_text(rc));
    }
}

static SSL_CTX *new_context(const struct wbuf *certificate, const struct wbuf *key,
                            const struct wbuf *client_ca, const struct settings *settings)
{
    char why[TLS_WHY_MAX];
    SSL_CTX *ctx = tls_new(wbuf_bytes(certificate), wbuf_bytes(key), wbuf_bytes(client_ca),
                           (enum settings_tls_version)settings->tls.min_version, why);

    if (!ctx || !tls_try(ctx, why)) {
        log_die(EX_CONFIG, "TLS can not be served: %s", why);
    }
    return ctx;
}

void front_doors_open(struct front_doors *doors, struct inherit *in, const struct settings *settings)
{
    struct wbuf certificate, key, client_ca;

    *doors = (struct front_doors){
        .plain = {.kind = HTTP_DOOR_PLAIN},
        .tls = {.kind = HTTP_DOOR_TLS},
        .metrics = {.kind = HTTP_DOOR_METRICS},
    };
    wbuf_init(&certificate, FILE_MAX);
    wbuf_init(&key, FILE_MAX);
    wbuf_init(&client_ca, FILE_MAX);
    read_file(in, "tls_certificate", &certificate);
    read_file(in, "tls_key", &key);
    read_file(in, "tls_client_ca", &client_ca);
    if (certificate.len > 0 || key.len > 0) {
        doors->tls.tls = new_context(&certificate, &key, &client_ca, settings);
    }
    wbuf_clear(&certificate);
    wbuf_cleanse(&key);
    wbuf_clear(&client_ca);
}

void front_doors_clear(struct front_doors *doors)
{
    SSL_CTX_free(doors->tls.tls);
    memset(doors, 0, sizeof *doors);
}

static size_t listen_at(const struct http_door *door, const char *name, struct inherit *in,
                        struct http_listen *listen)
{
    size_t num = 0;
    int fd;

    while ((fd = inherit_take_n(in, name, num)) >= 0) {
        if (!http_listen_add(listen, fd, door)) {
            log_die(EX_SOFTWARE, "more than %d listening sockets", HTTP_LISTEN_MAX);
        }
        num++;
    }
    return num;
}

void front_doors_listen(struct front_doors *doors, struct inherit *in, struct http_listen *listen)
{
    size_t num = listen_at(&doors->plain, "listen", in, listen);
    size_t num_tls = listen_at(&doors->tls, "tls", in, listen);

    if (num_tls > 0 && !doors->tls.tls) {
        log_die(EX_SOFTWARE, "a listening socket for TLS came along, and no certificate");
    }
    if (num + num_tls == 0) {
        log_die(EX_SOFTWARE, "no listening socket came along");
    }
    doors->has_metrics = listen_at(&doors->metrics, "metrics", in, listen) > 0;
}

size_t front_doors_files(size_t connections)
{
    return connections * 100 / ROOM_PERCENT + 1 + RESERVE_MAX;
}

size_t front_doors_room(size_t files)
{
    size_t reserve = files / 4 < RESERVE_MAX ? files / 4 : RESERVE_MAX;
    size_t room = (files - reserve) * ROOM_PERCENT / 100;

    return room > 0 ? room : 1;
}

size_t front_doors_measure(size_t connections)
{
    const size_t files = front_doors_files(connections);
    struct rlimit limit;
    size_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return connections;
    }
    limit.rlim_cur = files;
    if (limit.rlim_max < files) {
        const struct rlimit raised = {.rlim_cur = files, .rlim_max = files};

        limit.rlim_cur = setrlimit(RLIMIT_NOFILE, &raised) == 0 ? files : limit.rlim_max;
    }
    room = front_doors_room((size_t)limit.rlim_cur);
    if (room >= connections) {
        return connections;
    }
    log_warning("limits.connections is %zu, but %llu open files (ulimit -n, LimitNOFILE=) leave room for %zu "
                "connections at the same time",
                connections, (unsigned long long)limit.rlim_cur, room);
    return room;
}
