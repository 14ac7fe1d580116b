/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All names at once, by threads of the C library, so that one that nobody answers for does not take the time of the others. It has no jail: name
 * services load what they like from where they like. It has nothing but the configuration and a pipe, and an account without rights.
 */
#include "tsa/parent/resolve_proc.h"

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
    int rc;

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
    rc = num ? getaddrinfo_a(GAI_NOWAIT, list, (int)num, NULL) : 0;
    if (rc != 0) {
        log_die(EX_OSERR, "can not ask for the addresses of time servers: %s", gai_strerror(rc));
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

/* 0.0.0.0, which is how a filter of names says no, and 224.0.0.1 are nobody's. */
static bool is_of_server(const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    struct timeserver server;
    const char *why;

    return timeserver_parse(address_text(address, text), TIMESERVER_PORT, &server, &why) == RC_OK;
}

/* The first one that can be asked. */
static bool get_address(const struct question *q, struct address *out)
{
    for (const struct addrinfo *at = q->cb.ar_result; at; at = at->ai_next) {
        *out = (struct address){.len = at->ai_addrlen};
        if ((at->ai_family == AF_INET || at->ai_family == AF_INET6) && out->len <= sizeof(out->sock)) {
            memcpy(&out->sock, at->ai_addr, out->len);
            if (is_of_server(out)) {
                return true;
            }
        }
    }
    return false;
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
        wbuf_printf(w, "%s\n", error ? gai_strerror(error) : "it has no address that a server can have");
    }
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
    /* A pipe takes so little at once. */
    good = wbuf_rc(&text) == RC_OK && write(answer, text.data, text.len) == (ssize_t)text.len;
    _exit(good ? 0
               : EX_IOERR); /* a thread that still waits for a name may hold any lock that an exit needs */
}
