/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa status: asks a running authority over its control socket, and prints the answer for people or, as it came, for programs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "tsa/cmd/clock_text.h"
#include "tsa/cmd/run_dir.h"
#include "tsa/parent/control.h"

#define COMMAND    "tsa status"
#define ANSWER_MAX (1u << 20)

struct status_options {
    struct run_dir_options where;
    bool json;
};

/* ---- for people ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "-";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static void print_addresses(const json_t *status, const char *name, const char *what, const char **comma)
{
    const json_t *address;
    size_t i;

    json_array_foreach(json_object_get(status, name), i, address)
    {
        printf("%s %s%s", *comma, json_string_value(address), what);
        *comma = ",";
    }
}

/* The last reload, where it went wrong: then the configuration is not what runs. */
static void print_reload(const json_t *status)
{
    const json_t *last = json_object_get(status, "reload"), *ok = json_object_get(last, "ok");
    const json_t *generation = json_object_get(status, "generation");
    const char *reason = json_string_value(json_array_get(json_object_get(last, "lines"), 0));

    printf("serving  generation %lld since %s\n", number_of(generation, "number"),
           text_of(generation, "since"));
    if (json_is_true(json_object_get(last, "running"))) {
        printf("reload   is running\n");
    } else if (json_is_true(ok)) {
        printf("reload   done %s\n", text_of(last, "at"));
    } else if (json_is_false(ok)) {
        printf("reload   refused %s: %s\n", text_of(last, "at"), reason ? reason : "-");
    }
}

/* Before all else: whoever reads one line alone must not miss it. */
static void print_lab_time(const char *text)
{
    static const char small[] = "lab time";
    const size_t len = sizeof(small) - 1;

    printf("LAB TIME%s: its tokens are no evidence of any time\n",
           strncmp(text, small, len) == 0 ? text + len : "");
}

static void print_state(const json_t *status)
{
    const char *comma = "";

    if (json_is_string(json_object_get(status, "lab_time"))) {
        print_lab_time(text_of(status, "lab_time"));
    }
    printf("%-8s", text_of(status, "state"));
    if (json_is_string(json_object_get(status, "reason_text"))) {
        printf(" %s;", text_of(status, "reason_text"));
    }
    print_addresses(status, "listen", "", &comma);
    print_addresses(status, "tls", " (TLS)", &comma);
    print_addresses(status, "metrics", " (metrics)", &comma);
    printf("\n");
    printf("process  %lld since %s, tsa %s, %s\n", number_of(status, "pid"), text_of(status, "started"),
           text_of(status, "version"), text_of(status, "configuration"));
}

static void print_work(const json_t *status, const char *run_dir)
{
    const json_t *tokens = json_object_get(status, "tokens");
    const long long records = number_of(json_object_get(status, "ledger"), "records");

    if (json_is_object(json_object_get(status, "clock"))) {
        clock_text_short(json_object_get(status, "clock"), run_dir);
    }
    if (!tokens) {
        printf("issuer   no answer\n");
        return;
    }
    printf("record   %lld record%s, the last token of %s\n", records, records == 1 ? "" : "s",
           text_of(tokens, "last_time"));
    printf("tokens   %lld RFC 3161, %lld Authenticode, %lld refused by the issuer since %s\n",
           number_of(tokens, "rfc3161"), number_of(tokens, "authenticode"), number_of(tokens, "refused"),
           text_of(tokens, "since"));
    printf("signers  %lld, %lld requests waiting\n", number_of(status, "signers"),
           number_of(status, "waiting"));
}

/* One ping each second; the first ones may be on their way. */
static void print_role(const json_t *role)
{
    const bool ready = json_is_true(json_object_get(role, "ready"));
    const long long unanswered = number_of(role, "unanswered");
    const char *stage = text_of(role, "stage");

    printf("%-8s process %lld, %s, starts: %lld", text_of(role, "role"), number_of(role, "pid"),
           ready                                           ? "ready"
           : json_is_true(json_object_get(role, "loaded")) ? "waits for the record"
                                                           : "not ready",
           number_of(role, "starts"));
    if (unanswered > 2) {
        printf(", has not answered for %lld s", unanswered);
    }
    if (strcmp(stage, "serving") != 0) {
        printf(", %s", stage);
    }
    printf("\n");
}

static void print_lists(const json_t *status)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(status, "units"), i, one)
    {
        const json_t *certificate = json_object_get(one, "certificate");

        printf("unit     %s: %s, until %s (%lld days)\n", text_of(one, "name"),
               text_of(certificate, "subject"), text_of(certificate, "not_after"),
               number_of(certificate, "days_left"));
    }
    json_array_foreach(json_object_get(status, "roles"), i, one)
    {
        print_role(one);
    }
}

/* ---- asking ---- */

static int show(const struct wbuf *answer, const char *run_dir, bool as_json)
{
    json_t *status = json_loadb((const char *)answer->data, answer->len, 0, NULL);
    const bool ready = json_is_true(json_object_get(status, "ready"));

    if (!status) {
        fprintf(stderr, COMMAND ": the authority's answer can not be understood\n");
        return EX_SOFTWARE;
    }
    if (as_json) {
        printf("%.*s", (int)answer->len, (const char *)answer->data);
    } else {
        print_state(status);
        print_reload(status);
        print_work(status, run_dir);
        print_lists(status);
    }
    json_decref(status);
    return ready ? 0 : 1;
}

static int ask(const char *run_dir, bool as_json)
{
    struct wbuf answer;
    int code = EX_UNAVAILABLE;
    enum rc rc;

    wbuf_init(&answer, ANSWER_MAX);
    rc = control_request(run_dir, CONTROL_STATUS, CONTROL_QUICK_S, &answer);
    if (rc == RC_OK && answer.len) {
        code = show(&answer, run_dir, as_json);
    } else {
        run_dir_complain(COMMAND, run_dir, rc);
    }
    wbuf_clear(&answer);
    return code;
}

static int status(void *arg)
{
    const struct status_options *options = arg;
    bool faulty;
    char *run_dir = run_dir_find(COMMAND, &options->where, &faulty);
    const int code = run_dir ? ask(run_dir, options->json) : EX_CONFIG;

    free(run_dir);
    return code;
}

static const struct cmd_option status_table[] = {
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct status_options, where.config),
     .argument = "FILE",
     .help = "its configuration (default: " RUN_DIR_SYSTEM_CONF ", else " RUN_DIR_LAB_CONF ")"},
    {.name = "run",
     .type = CMD_TEXT,
     .offset = offsetof(struct status_options, where.run_dir),
     .argument = "DIR",
     .help = "its run_dir, instead of looking it up in the configuration"},
    {.name = "json",
     .type = CMD_FLAG,
     .offset = offsetof(struct status_options, json),
     .help = "print one JSON object"},
    {0},
};

const struct command cmd_status = {
    .name = "status",
    .summary = "Ask a running authority how it is.",
    .about = "Exit codes: 0 it issues tokens; 1 it runs, and does not; 69 none runs there; 78 the "
             "configuration can not be read.",
    .options = status_table,
    .size = sizeof(struct status_options),
    .run = status,
};
