/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsa lab: a whole authority for a test lab in one command: its certificates, an ordinary configuration, and the server on it in the
 * foreground. What is there already is used; a configuration is only written where there is none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "certs/lab.h"
#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/cmd/cmd.h"
#include "tsa/cmd/lab_lines.h"
#include "tsa/cmd/lab_time.h"
#include "tsa/parent/check_labtime.h"
#include "tsa/parent/parent.h"

#define DEFAULT_DIR "lab"
#define CONFIG_MODE 0644

struct lab_cmd_options {
    const char *dir;
    struct cfg_strings listen;
    struct lab_time_options lab_time;
};

static const char config_text[] =
    "# Configuration of this lab's authority, written by `tsa lab`. It is an ordinary one: change it as you "
    "like, it is\n"
    "# not written again while it is there. Every setting that there is stands in conf/tsa.conf of the "
    "sources.\n"
    "# Relative paths are meant from this folder.\n"
    "\n"
    "# For other machines: \"0.0.0.0:3161\". `tsa lab --listen` stands above this for one run.\n"
    "listen = ( \"127.0.0.1:3161\" );\n"
    "\n"
    "run_dir = \"run\";\n"
    "ledger = { dir = \"ledger\"; };\n"
    "\n"
    "# Where it is started as root, each part becomes one of these; numbers need no accounts.\n"
    "users = { front = \"60931\"; issuer = \"60932\"; clock = \"60933\"; };\n"
    "\n"
    "# The host's clock is believed without proof: good enough for a lab.\n"
    "clock = { source = \"system\"; };\n"
    "\n"
    "units = (\n"
    "    {\n"
    "        name = \"lab\";\n"
    "        key = \"tsa.key\";\n"
    "        chain = \"chain.pem\";\n"
    "        root = \"root.pem\";\n"
    "\n"
    "        # The lab's policy: an example arc, so that nobody takes such a token for a real one.\n"
    "        policy = \"2.999.3161.1\";\n"
    "    }\n"
    ");\n";

/* ---- files ---- */

static int make_files(const char *dir)
{
    struct lab lab;
    enum rc rc = lab_init(&lab, dir);

    if (rc == RC_OK) {
        rc = lab_make(&lab, &lab_defaults, now_machine()); /* whatever the lab's clock is to show */
    }
    for (size_t i = 0; i < lab.num_notes; i++) {
        log_notice("%s %s: %s", lab_deed_text(lab.notes[i].deed), lab.files[lab.notes[i].file],
                   lab.notes[i].text);
    }
    if (rc != RC_OK) {
        log_error("%s", lab.error[0] ? lab.error : rc_text(rc));
    }
    lab_clear(&lab);
    return rc == RC_OK ? 0 : EX_CONFIG;
}

static int make_config(const char *path)
{
    if (access(path, F_OK) == 0) {
        return 0;
    }
    if (safefile_create(path, bytes_str(config_text), CONFIG_MODE) != RC_OK) {
        log_error("%s", safefile_error_text());
        return EX_CONFIG;
    }
    log_notice("made %s", path);
    return 0;
}

/* Before anything is made in a folder: a configuration that names the certificates of others gets no lab time. */
static int check_chains(const char *config, const struct labtime *time)
{
    struct cfg_errors errors = {0};
    const bool good = time->kind == LABTIME_NONE || access(config, F_OK) != 0 ||
                      check_labtime_chains(config, time, &errors) == RC_OK;

    cfg_errors_tell(&errors, log_error);
    cfg_errors_clear(&errors);
    return good ? 0 : EX_CONFIG;
}

/* ---- ready ---- */

struct lab_place {
    char *dir, *program; /* absolute */
    const struct labtime *time;
};

static void print_lab_time(const struct labtime *time)
{
    char text[LABTIME_TEXT_MAX];

    if (time->kind != LABTIME_NONE) {
        printf(
            "%s: the clock %s; every token says so (policy 2.999.3161.2), and is no evidence of any time\n",
            labtime_text(time, text), time->kind == LABTIME_AT ? "stands still" : "is shifted");
    }
}

static void print_ready(void *arg, const struct listeners *listeners)
{
    const struct lab_place *place = arg;
    const struct lab_lines lines = {
        .dir = place->dir, .program = place->program, .listeners = listeners, .time = place->time};
    char url[LISTENERS_URL_MAX], text[ADDRESS_TEXT_MAX];

    (void)listeners_find_url(listeners, url);
    printf("ready %s\n", url[0] ? url : address_text(&listeners->list[0].address, text));
    print_lab_time(place->time);
    lab_lines_print(&lines, stdout);
    (void)fflush(stdout);
}

/* Checked before anything is made. */
static bool are_addresses(const struct cfg_strings *listen)
{
    struct address address;
    const char *why;

    for (size_t i = 0; i < listen->num; i++) {
        if (address_parse(listen->list[i], &address, &why) != RC_OK) {
            fprintf(stderr, "tsa lab: --listen %s: %s\n", listen->list[i], why);
            return false;
        }
    }
    return true;
}

static int serve(const char *config, const char *dir, const struct cfg_strings *listen,
                 const struct labtime *time)
{
    struct lab_place place = {
        .dir = realpath(dir, NULL), .program = realpath("/proc/self/exe", NULL), .time = time};
    const struct parent_options options = {
        .config = config,
        .listen = listen,
        .lab_time = time->kind == LABTIME_NONE ? NULL : time,
        .on_ready = print_ready,
        .arg = &place,
    };
    int code = EX_SOFTWARE;

    if (place.dir && place.program) {
        code = parent_run(&options);
    } else {
        log_error("can not find out the full path of %s: %s", dir, strerror(errno));
    }
    free(place.dir);
    free(place.program);
    return code;
}

static int lab(void *arg)
{
    const struct lab_cmd_options *options = arg;
    const char *dir = options->dir ? options->dir : DEFAULT_DIR;
    struct labtime time;
    char *config;
    int code;

    if (!are_addresses(&options->listen) || !lab_time_read(&options->lab_time, "lab", &time)) {
        return EX_USAGE;
    }
    config = xasprintf("%s/tsa.conf", dir);
    code = check_chains(config, &time);
    if (code == 0) {
        code = make_files(dir);
    }
    if (code == 0) {
        code = make_config(config);
    }
    if (code == 0) {
        code = serve(config, dir, &options->listen, &time);
    }
    free(config);
    return code;
}

static const struct cmd_option lab_table[] = {
    {.name = "dir",
     .type = CMD_TEXT,
     .offset = offsetof(struct lab_cmd_options, dir),
     .argument = "DIR",
     .help = "the lab's folder; made when it is missing (default: lab)"},
    {.name = "listen",
     .type = CMD_TEXTS,
     .offset = offsetof(struct lab_cmd_options, listen),
     .argument = "ADDR:PORT",
     .help = "listen here, for this run, instead of where DIR/tsa.conf says (127.0.0.1:3161); port 0: any "
             "free one"},
    LAB_TIME_OPTIONS(struct lab_cmd_options, lab_time),
    {0},
};

const struct command cmd_lab = {
    .name = "lab",
    .summary = "A whole authority for a test lab: makes root, certificates, driver-signing identity and "
               "configuration, then serves.",
    .about =
        "The first line on standard output is \"ready URL\", once requests are answered; then come the "
        "lines to type in each\n"
        "signing tool. A second start uses what is there and renews what has less than a third of its "
        "life left.\n"
        "DIR holds root.pem and root.cer (the anchor), chain.pem, tsa.key, tsa.conf, codesign.pem, "
        "codesign.key, codesign.pfx\n"
        "(password \"" LAB_PFX_PASSWORD "\"), ledger/ and run/. Exit codes: as tsa run has them.\n"
        "Lab time (--at, --shift) shows what happens to signatures in a year or ten. It is refused for any "
        "chain that no tsa lab\n"
        "made, and outside the validity of its certificates, which begin when the lab is made; its tokens "
        "carry the policy\n"
        "2.999.3161.2. Nothing but these options can switch it on, and a start without them ends it.",
    .options = lab_table,
    .size = sizeof(struct lab_cmd_options),
    .run = lab,
};
