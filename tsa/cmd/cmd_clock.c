/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa clock: how good the time of a running authority is, knowingly going on after the clock was set back, and the clock watched by a service of its own.
 * Nothing here can move a clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "tsa/base/mem.h"
#include "tsa/cmd/clock_run.h"
#include "tsa/cmd/clock_text.h"
#include "tsa/cmd/run_dir.h"
#include "tsa/parent/control.h"
#include "tsa/role/clockwords.h"

#define ANSWER_MAX (1u << 20)

#define WHERE_OPTIONS(owner)                                                                                 \
    {.name = "config",                                                                                       \
     .letter = 'c',                                                                                          \
     .type = CMD_TEXT,                                                                                       \
     .offset = offsetof(owner, where.config),                                                                \
     .argument = "FILE",                                                                                     \
     .help = "its configuration (default: " RUN_DIR_SYSTEM_CONF ", else " RUN_DIR_LAB_CONF ")"},             \
    {                                                                                                        \
        .name = "run", .type = CMD_TEXT, .offset = offsetof(owner, where.run_dir), .argument = "DIR",        \
        .help = "its run_dir, instead of looking it up in the configuration"                                 \
    }

/* What is asked of a running authority, and what is done with its answer. */
struct question {
    const char *command; /* for messages */
    const struct run_dir_options *where;
    const char *request;
    const char *when_lost; /* what to know then: it was asked, and there is no answer; NULL: nothing */
    int seconds;
    int (*show)(const json_t *answer, const char *run_dir, const void *options);
    const void *options;
};

static int take_answer(const struct question *question, const char *run_dir, const struct wbuf *text)
{
    json_t *answer = json_loadb((const char *)text->data, text->len, 0, NULL);
    int code = EX_SOFTWARE;

    if (answer) {
        code = question->show(answer, run_dir, question->options);
    }
    if (code == EX_SOFTWARE) {
        fprintf(stderr, "%s: the authority's answer can not be understood\n", question->command);
    }
    json_decref(answer);
    return code;
}

static int ask(const struct question *question)
{
    bool faulty;
    char *run_dir = run_dir_find(question->command, question->where, &faulty);
    struct wbuf answer;
    int code = EX_CONFIG;
    enum rc rc;

    wbuf_init(&answer, ANSWER_MAX);
    if (run_dir) {
        rc = control_request(run_dir, question->request, question->seconds, &answer);
        code = EX_UNAVAILABLE;
        if (rc == RC_OK && answer.len) {
            code = take_answer(question, run_dir, &answer);
        } else {
            run_dir_complain(question->command, run_dir, rc);
            if (rc != RC_NOT_FOUND && question->when_lost) {
                fprintf(stderr, "%s: %s\n", question->command, question->when_lost);
            }
        }
    }
    wbuf_clear(&answer);
    free(run_dir);
    return code;
}

/* ---- status ---- */

struct clock_status_options {
    struct run_dir_options where;
    bool json;
};

static int show_status(const json_t *answer, const char *run_dir, const void *arg)
{
    const struct clock_status_options *options = arg;
    const json_t *clock = json_object_get(answer, "clock");

    if (!json_is_object(clock)) {
        return EX_SOFTWARE;
    }
    if (options->json) {
        (void)json_dumpf(clock, stdout, JSON_COMPACT);
        printf("\n");
    } else {
        clock_text_long(clock, run_dir);
    }
    return clock_text_issues(clock) ? 0 : 1;
}

static int clock_status(void *arg)
{
    const struct clock_status_options *options = arg;
    const struct question question = {
        .command = "tsa clock status",
        .where = &options->where,
        .request = CONTROL_CLOCK,
        .seconds = CONTROL_QUICK_S,
        .show = show_status,
        .options = options,
    };

    return ask(&question);
}

static const struct cmd_option status_table[] = {
    WHERE_OPTIONS(struct clock_status_options),
    {.name = "json",
     .type = CMD_FLAG,
     .offset = offsetof(struct clock_status_options, json),
     .help = "print one JSON object; durations in nanoseconds"},
    {0},
};

static const struct command cmd_clock_status = {
    .name = "clock status",
    .summary = "How wrong the clock of a running authority can be, and what that rests on.",
    .about = "States: sync; warn (tokens are issued, but not for long, or with little to spare); stop (none "
             "is); unknown "
             "(none yet).\n"
             "Exit codes: 0 sync or warn; 1 stop or unknown; 69 no authority runs there; 78 the "
             "configuration can not be read.",
    .options = status_table,
    .size = sizeof(struct clock_status_options),
    .run = clock_status,
};

/* ---- acknowledge ---- */

struct acknowledge_options {
    struct run_dir_options where;
    const char *reason;
};

/* The authority is there and its signing process is not: that is no refusal. */
static bool has_judged(const json_t *answer)
{
    const char *reason = json_string_value(json_object_get(answer, "reason"));

    return !reason ||
           (strcmp(reason, rc_word(RC_ISSUER_SILENT)) != 0 && strcmp(reason, rc_word(RC_ISSUER_GONE)) != 0);
}

/* What is acknowledged, as it was told before: the answer itself says no more than yes. */
struct acknowledged {
    char *text; /* CLOCKWORDS_MAX octets; empty: nothing, or not known */
};

/* An answer of another version says nothing of it, and what is asked next is judged by the authority anyway. */
static int keep_ahead(const json_t *answer, const char *run_dir, const void *arg)
{
    const struct acknowledged *out = arg;
    const json_int_t ahead =
        json_integer_value(json_object_get(json_object_get(answer, "clock"), "ahead_ns"));
    const char *last = json_string_value(json_object_get(answer, "last_token"));
    char duration[CLOCKWORDS_MAX];

    (void)run_dir;
    if (ahead > 0 && last) {
        (void)snprintf(out->text, CLOCKWORDS_MAX,
                       " that the last token's time, %.40s, is %.40s ahead of the clock;", last,
                       clockwords_duration(ahead, duration));
    }
    return 0;
}

static int show_acknowledged(const json_t *answer, const char *run_dir, const void *arg)
{
    const struct acknowledged *what = arg;
    const json_t *ok = json_object_get(answer, "ok");
    const char *why = json_string_value(json_object_get(answer, "why"));

    (void)run_dir;
    if (json_is_true(ok)) {
        printf("acknowledged:%s it is in the record, and tokens are issued again\n", what->text);
        return 0;
    }
    if (!json_is_false(ok)) {
        return EX_SOFTWARE;
    }
    fprintf(stderr, "tsa clock acknowledge: %s%s\n", has_judged(answer) ? "refused: " : "",
            why ? why : "no reason is told");
    return has_judged(answer) ? 1 : EX_UNAVAILABLE;
}

static int acknowledge(const struct acknowledge_options *options, const char *reason)
{
    char ahead[CLOCKWORDS_MAX] = "";
    const struct acknowledged what = {.text = ahead};
    char *request = xasprintf("%s %s", CONTROL_ACKNOWLEDGE, reason);
    const struct question before = {
        .command = "tsa clock acknowledge",
        .where = &options->where,
        .request = CONTROL_STATUS,
        .seconds = CONTROL_QUICK_S,
        .show = keep_ahead,
        .options = &what,
    };
    const struct question question = {
        .command = "tsa clock acknowledge",
        .where = &options->where,
        .request = request,
        .when_lost = "it may have been taken; tsa clock status tells",
        .seconds = CONTROL_ANSWER_S,
        .show = show_acknowledged,
        .options = &what,
    };
    int code = ask(&before);

    if (code == 0) {
        code = ask(&question);
    }
    free(request);
    return code;
}

/* Without the blanks around it. */
static char *trim(const char *text)
{
    size_t len;

    text += strspn(text, " ");
    len = strlen(text);
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    return xasprintf("%.*s", (int)len, text);
}

static int clock_acknowledge(void *arg)
{
    const struct acknowledge_options *options = arg;
    char *reason = trim(options->reason);
    const char *wrong = control_judge_reason(reason);
    int code = EX_USAGE;

    if (wrong) {
        fprintf(stderr, "tsa clock acknowledge: --reason: %s\n", wrong);
    } else {
        code = acknowledge(options, reason);
    }
    free(reason);
    return code;
}

static const struct cmd_option acknowledge_table[] = {
    {.name = "reason",
     .type = CMD_TEXT,
     .offset = offsetof(struct acknowledge_options, reason),
     .argument = "TEXT",
     .required = true,
     .help = "why it is right to go on: one line, kept in the record for good"},
    WHERE_OPTIONS(struct acknowledge_options),
    {0},
};

static const struct command cmd_clock_acknowledge = {
    .name = "clock acknowledge",
    .summary = "Have tokens issued again after the clock was set back, knowingly.",
    .about = "A clock that is behind the last token's time stops the authority until real time has passed "
             "that time: were "
             "the clock\n"
             "a year ahead by mistake, for a year. Where you know that the clock is right now, this ends it; "
             "the reason goes "
             "into the\n"
             "record. It can be done only while nothing else is wrong with the clock (tsa clock status). "
             "Tokens that "
             "were issued with\n"
             "a wrong time stay in the record: think about telling those who hold them.\n"
             "Exit codes: 0 done; 1 refused, with the reason; 64 no reason was given, or one that can not be "
             "taken; 69 "
             "no authority\n"
             "runs there, or it does not answer; 78 the configuration can not be read.",
    .options = acknowledge_table,
    .size = sizeof(struct acknowledge_options),
    .run = clock_acknowledge,
};

/* ---- run ---- */

struct clock_run_options {
    const char *config;
};

static int run(void *arg)
{
    const struct clock_run_options *options = arg;

    return clock_run(options->config);
}

static const struct cmd_option run_table[] = {
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct clock_run_options, config),
     .argument = "FILE",
     .required = true,
     .help = "the authority's configuration, with clock.file in it"},
    {0},
};

static const struct command cmd_clock_run = {
    .name = "clock run",
    .summary = "Watch the clock as a service of its own, in the foreground.",
    .about = "It writes clock.file, in place, about once a second; an authority with the same clock.file "
             "starts no clock role "
             "of its own\n"
             "and issues tokens only while that file is fresh. Start this first. Servers' names are resolved "
             "at its start: "
             "start it again\n"
             "after a change. SIGTERM ends it; what it knew of the clock is in the file, and the next one "
             "goes on from there.\n"
             "Exit codes: 1 not now (another one writes that file, or names can not be resolved); 70 our "
             "fault, or the system refused something;\n"
             "78 the configuration, or what it names, can not be used.",
    .options = run_table,
    .size = sizeof(struct clock_run_options),
    .run = run,
};

static const struct command *const clock_commands[] = {&cmd_clock_status, &cmd_clock_acknowledge,
                                                       &cmd_clock_run, NULL};

const struct command cmd_clock = {
    .name = "clock",
    .summary = "How good the time is: status; acknowledge that it was set back; run, to watch it apart.",
    .commands = clock_commands,
};
