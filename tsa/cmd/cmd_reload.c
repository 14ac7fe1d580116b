/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa reload: asks a running authority to take its configuration over, and with --wait tells how that went.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <jansson.h>

#include "tsa/cmd/run_dir.h"
#include "tsa/parent/control.h"

#define COMMAND    "tsa reload"
#define ANSWER_MAX (1u << 20)

struct reload_options {
    struct run_dir_options where;
    bool wait;
};

static void print_lines(const json_t *answer)
{
    const json_t *line;
    size_t i;

    json_array_foreach(json_object_get(answer, "lines"), i, line)
    {
        fprintf(stderr, COMMAND ": %s\n", json_string_value(line));
    }
}

/* Errors that were told before need not be told again in the authority's words: it reads the same file. */
static int show(const struct wbuf *text, bool waited, bool faulty)
{
    json_t *answer = json_loadb((const char *)text->data, text->len, 0, NULL);
    const json_t *ok = json_object_get(answer, "ok");
    int code = json_is_true(ok) ? 0 : 1;

    if (!json_is_boolean(ok)) {
        fprintf(stderr, COMMAND ": the authority's answer can not be understood\n");
        code = EX_SOFTWARE;
    }
    if (!faulty || code == 0) {
        print_lines(answer);
    }
    if (code == 0 && waited) {
        printf("done: generation %lld serves\n",
               (long long)json_integer_value(json_object_get(answer, "generation")));
    } else if (code == 1) {
        fprintf(stderr, COMMAND ": not done; what runs goes on unchanged\n");
    }
    json_decref(answer);
    return code;
}

static int ask(const char *run_dir, bool wait, bool faulty)
{
    struct wbuf answer;
    int code = EX_UNAVAILABLE;
    enum rc rc;

    wbuf_init(&answer, ANSWER_MAX);
    rc = control_request(run_dir, wait ? CONTROL_RELOAD : CONTROL_RELOAD_ASK,
                         wait ? CONTROL_RELOAD_S : CONTROL_QUICK_S, &answer);
    if (rc == RC_OK && answer.len) {
        code = show(&answer, wait, faulty);
    } else {
        run_dir_complain(COMMAND, run_dir, rc);
        if (wait && rc == RC_IO) {
            fprintf(stderr, COMMAND ": a reload may still be on its way; tsa status --run %s tells\n",
                    run_dir);
        }
    }
    wbuf_clear(&answer);
    return code;
}

/* An authority that takes over a configuration with errors is another one: it has a configuration of its own. */
static int reload(void *arg)
{
    const struct reload_options *options = arg;
    bool faulty;
    char *run_dir = run_dir_find(COMMAND, &options->where, &faulty);
    int code = EX_CONFIG;

    if (run_dir) {
        code = ask(run_dir, options->wait, faulty);
    }
    if (code == 0 && faulty && options->wait) {
        fprintf(stderr, COMMAND ": the authority in %s has another configuration\n", run_dir);
        code = EX_CONFIG;
    }
    free(run_dir);
    return code;
}

static const struct cmd_option reload_table[] = {
    {.name = "wait",
     .type = CMD_FLAG,
     .offset = offsetof(struct reload_options, wait),
     .help = "wait for its end, and tell how it went"},
    {.name = "config",
     .letter = 'c',
     .type = CMD_TEXT,
     .offset = offsetof(struct reload_options, where.config),
     .argument = "FILE",
     .help = "its configuration (default: " RUN_DIR_SYSTEM_CONF ", else " RUN_DIR_LAB_CONF ")"},
    {.name = "run",
     .type = CMD_TEXT,
     .offset = offsetof(struct reload_options, where.run_dir),
     .argument = "DIR",
     .help = "its run_dir, instead of looking it up in the configuration"},
    {0},
};

const struct command cmd_reload = {
    .name = "reload",
    .summary = "Have a running authority take over its changed configuration, without a pause.",
    .about =
        "Everything is looked at, and each unit signs a trial, before anything that runs is touched; clients "
        "notice nothing.\n"
        "Where something is wrong the authority goes on as it was, and the reason is told here with --wait, "
        "in the log, and\n"
        "by tsa status. run_dir and ledger.dir can not change.\n"
        "Exit codes: 0 done (without --wait: asked for); 1 refused, what runs goes on unchanged; 69 none "
        "runs "
        "there, or it\n"
        "does not answer; 78 the configuration that says where it runs can not be read.",
    .options = reload_table,
    .size = sizeof(struct reload_options),
    .run = reload,
};
