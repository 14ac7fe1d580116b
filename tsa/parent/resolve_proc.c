/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All names at once, by threads of the C library, so that one that nobody answers for does not take the time of the others. It has no jail: name
 * services load what they like from where they like. It has nothing but the configuration and a pipe, and an account without rights.
 */
#include "tsa/parent/resolve_proc.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/parent/resolve.h"

#define SECOND_NS INT64_C(1000000000)
#define TEXT_MAX  8192

struct question {
    struct timeserver server;
    char port[8];
    struct gaicb cb;
};

static const struct addrinfo wanted = {
    .ai_family = AF_UNSPEC,
    .ai_socktype = SOCK_DGRAM,
    .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
};

static void ask_all(const struct settings *settings, struct question *questions)
{
    struct gaicb *list[SETTINGS_MAX_SERVERS];
    size_t num = 0;

    for (size_t i = 0; i < settings->clock.servers.num; i++) {
        struct question *q = &questions[i];
        const char *why;

        if (timeserver_parse(settings_server(settings, i)->address, TIMESERVER_PORT, &q->server, &why) ==
                RC_OK &&
            !q->server.is_number) {
            (void)snprintf(q->port, sizeof(q->port), "%u", q->server.port);
            q->cb = (struct gaicb){.ar_name = q->server.host, .ar_service = q->port, .ar_request = &wanted};
            list[num++] = &q->cb;
        }
    }
    if (num && getaddrinfo_a(GAI_NOWAIT, list, (int)num, NULL) != 0) {
        log_die(EX_OSERR, "can not ask for the addresses of time servers: %s", strerror(errno));
    }
}

/* True while one is on its way; then it has waited for the next answer, or until the end. */
static bool await_one(struct question *questions, size_t num, int64_t end)
{
    const struct gaicb *list[SETTINGS_MAX_SERVERS];
    const int64_t left = end - now_mono_ns();
    const struct timespec limit = {.tv_sec = left / SECOND_NS, .tv_nsec = left % SECOND_NS};
    int waiting = 0;

    for (size_t i = 0; i < num; i++) {
        if (questions[i].cb.ar_name && gai_error(&questions[i].cb) == EAI_INPROGRESS) {
            list[waiting++] = &questions[i].cb;
        }
    }
    if (waiting == 0 || left <= 0) {
        return false;
    }
    (void)gai_suspend(list, waiting, &limit);
    return true;
}

static bool get_address(const struct question *q, struct address *out)
{
    const struct addrinfo *found = q->cb.ar_result;

    *out = (struct address){0};
    if (!found || (found->ai_family != AF_INET && found->ai_family != AF_INET6) ||
        found->ai_addrlen > sizeof(out->sock)) {
        return false;
    }
    memcpy(&out->sock, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    return true;
}

static void put_answer(struct question *q, struct wbuf *w)
{
    struct address address;
    int error;

    if (!q->cb.ar_name) { /* a number, which the parent reads itself */
        timeserver_put_line(w, NULL);
        wbuf_put_text(w, "\n");
        return;
    }
    error = gai_error(&q->cb);
    if (error == 0 && get_address(q, &address)) {
        timeserver_put_line(w, &address);
        wbuf_put_text(w, "\n");
        return;
    }
    timeserver_put_line(w, NULL);
    if (error == EAI_INPROGRESS) {
        wbuf_printf(w, "no answer within %d s\n", RESOLVE_S);
    } else {
        wbuf_printf(w, "%s\n", error ? gai_strerror(error) : "it has no address of a kind that is known");
    }
}

static bool write_all(int fd, struct bytes text)
{
    while (text.len) {
        const ssize_t n = write(fd, text.data, text.len);

        if (n <= 0 && errno != EINTR) {
            return false;
        }
        text = bytes_of(text.data + (n > 0 ? n : 0), text.len - (size_t)(n > 0 ? n : 0));
    }
    return true;
}

int resolve_proc_main(struct inherit *in)
{
    static struct question questions[SETTINGS_MAX_SERVERS];
    const int64_t end = now_mono_ns() + RESOLVE_S * SECOND_NS;
    const int answer = inherit_take(in, "answer");
    struct settings settings;
    struct wbuf text;
    bool good;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    log_start("resolve", LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &settings, NULL, NULL);
    log_start("resolve", (enum log_level)settings.log.level, (enum log_form)settings.log.form);
    if (answer < 0) {
        log_die(EX_SOFTWARE, "there is nobody to tell");
    }
    ask_all(&settings, questions);
    while (await_one(questions, settings.clock.servers.num, end)) {
    }
    wbuf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < settings.clock.servers.num; i++) {
        put_answer(&questions[i], &text);
    }
    good = wbuf_rc(&text) == RC_OK && write_all(answer, wbuf_bytes(&text));
    _exit(good ? 0
               : EX_IOERR); /* a thread that still waits for a name may hold any lock that an exit needs */
}
