/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe, a process, a time limit. What it says is believed to be lines, of which a bounded number is kept. */
#include "tsa/parent/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <jansson.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"

#define TRIAL_S        30
#define MAX_ERRORS     20
#define MAX_ERROR_LEN  1000
#define MAX_LINE       8192
#define READS_AT_ONCE  16
#define READ_MAX       65536
#define MANAGED_PREFIX 3 /* "<3>", as sd-daemon(3) puts it before a line */

struct trial {
    struct trial_owner owner;
    pid_t pid;
    int fd; /* of the pipe; -1 */
    struct evbuffer *said;
    struct event *on_said, *on_late;
    struct cfg_errors errors;
    bool is_late;
};

static void hear(struct trial *trial);
static void be_late(struct trial *trial);

/* ---- callbacks, in firing order ---- */

static void on_said(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    hear(arg);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    be_late(arg);
}

/* ---- lines ---- */

static char *error_of_json(const char *line)
{
    json_t *object = json_loads(line, 0, NULL);
    const char *level = json_string_value(json_object_get(object, "level"));
    const char *message = json_string_value(json_object_get(object, "msg"));
    char *out = level && message && strcmp(level, "error") == 0 ? xstrdup(message) : NULL;

    json_decref(object);
    return out;
}

/* The value of msg, in quotes where it is more than a plain word. */
static char *unquote(const char *value)
{
    char *out, *at;

    if (*value != '"') {
        return xasprintf("%.*s", (int)strcspn(value, " "), value);
    }
    out = at = xstrdup(value + 1);
    for (const char *p = value + 1; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\')) {
            p++;
        }
        *at++ = *p;
    }
    *at = 0;
    return out;
}

static char *error_of_logfmt(const char *line)
{
    const char *message = strstr(line, " msg="), *level = strstr(line, "level=error");

    if (!message || !level || level > message || (level != line && level[-1] != ' ')) {
        return NULL;
    }
    return unquote(message + strlen(" msg="));
}

char *trial_error_text(const char *line)
{
    if (line[0] == '<' && line[1] && line[2] == '>') {
        line += MANAGED_PREFIX;
    }
    return line[0] == '{' ? error_of_json(line) : error_of_logfmt(line);
}

static void keep_error(struct trial *trial, const char *line)
{
    char *text = trial_error_text(line);

    if (text && trial->errors.num < MAX_ERRORS) {
        cfg_errors_add(&trial->errors, "%.*s", MAX_ERROR_LEN, text);
    }
    free(text);
}

/* In one piece, so that lines of several processes do not mix. */
static void relay(const char *line)
{
    char *whole = xasprintf("%s\n", line);

    (void)!write(STDERR_FILENO, whole, strlen(whole));
    free(whole);
}

static void take_lines(struct trial *trial, bool at_end)
{
    char *line;

    while ((line = evbuffer_readln(trial->said, NULL, EVBUFFER_EOL_LF)) != NULL) {
        relay(line);
        keep_error(trial, line);
        free(line);
    }
    if (evbuffer_get_length(trial->said) > (at_end ? 0 : MAX_LINE)) {
        (void)evbuffer_add(trial->said, "\n", 1);
        take_lines(trial, false);
    }
}

static void close_pipe(struct trial *trial)
{
    if (trial->on_said) {
        event_free(trial->on_said);
        trial->on_said = NULL;
    }
    if (trial->fd >= 0) {
        (void)close(trial->fd);
    }
    trial->fd = -1;
}

static void hear(struct trial *trial)
{
    int len = 1, error = 0;

    for (int i = 0; len > 0 && i < READS_AT_ONCE; i++) {
        len = evbuffer_read(trial->said, trial->fd, READ_MAX);
        error = len < 0 ? errno : 0;
        take_lines(trial, len == 0);
    }
    if (len == 0 || (len < 0 && error != EAGAIN && error != EINTR)) {
        close_pipe(trial);
    }
}

/* ---- the end ---- */

static void be_late(struct trial *trial)
{
    log_error("the trial (process %d) takes longer than %d seconds; it is ended", (int)trial->pid, TRIAL_S);
    trial->is_late = true;
    (void)kill(trial->pid, SIGKILL);
}

static void trial_free(struct trial *trial)
{
    close_pipe(trial);
    if (trial->on_late) {
        event_free(trial->on_late);
    }
    if (trial->said) {
        evbuffer_free(trial->said);
    }
    cfg_errors_clear(&trial->errors);
    free(trial);
}

void trial_stop(struct trial *trial)
{
    if (trial) {
        spawn_end(trial->pid);
        trial_free(trial);
    }
}

/* What it said last is read before its end is told; one that was killed may have said nothing. */
bool trial_take_end(struct trial *trial, pid_t pid, int status)
{
    char end[SPAWN_END_MAX];

    if (!trial || trial->pid != pid) {
        return false;
    }
    if (trial->fd >= 0) {
        hear(trial);
        take_lines(trial, true);
    }
    if (trial->is_late) {
        cfg_errors_add(&trial->errors, "the trial took longer than %d seconds", TRIAL_S);
    } else if (status == 0) {
        cfg_errors_clear(&trial->errors);
    } else if (trial->errors.num == 0) {
        cfg_errors_add(&trial->errors, "the trial ended: %s", spawn_describe_end(status, end));
    }
    trial->owner.on_end(trial->owner.arg, &trial->errors);
    trial_free(trial);
    return true;
}

/* ---- the start ---- */

static bool watch(struct trial *trial)
{
    const struct timeval limit = {.tv_sec = TRIAL_S};
    struct event_base *base = trial->owner.base;

    trial->said = evbuffer_new();
    trial->on_said = event_new(base, trial->fd, EV_READ | EV_PERSIST, on_said, trial);
    trial->on_late = evtimer_new(base, on_late, trial);
    return trial->said && trial->on_said && trial->on_late && event_add(trial->on_said, NULL) == 0 &&
           event_add(trial->on_late, &limit) == 0;
}

/* As an issuer, it changes its account itself. */
struct trial *trial_start(const struct trial_owner *owner, const struct generation *generation)
{
    struct trial *trial = calloc(1, sizeof(*trial));
    struct spawn spawn = {.role = "@trial"};
    int ends[2];
    enum rc rc = RC_IO;

    if (!trial) {
        return NULL;
    }
    *trial = (struct trial){.owner = *owner, .fd = -1};
    if (pipe2(ends, O_CLOEXEC) == 0) {
        trial->fd = ends[0];
        spawn.log = ends[1];
        stock_give_trial(&generation->stock, &spawn);
        rc = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && watch(trial) ? spawn_start(&spawn, &trial->pid)
                                                                      : RC_IO;
        (void)close(ends[1]);
    }
    if (rc != RC_OK) {
        trial_free(trial);
        return NULL;
    }
    return trial;
}
