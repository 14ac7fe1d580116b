/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient stamp: countersigns the signatures of files, or makes timestamps beside them. The options are checked before the first
 * file is touched.
 */
#include "tsclient/cmd.h"

#include "tsa/base/now.h"
#include "tsclient/anchors.h"
#include "tsclient/batch.h"
#include "tsclient/stamping.h"

#define SECOND INT64_C(1000000000)

struct settings {
    struct batch_settings batch;
    struct option_list legacy, rfc3161, ca, tsa_ca;
    const char *td, *policy;
    bool no_chain, detached, replace, skip_stamped;
    int64_t skew_ns, retries, pause_ns;
    struct http_options http;
};

#define AT(field) offsetof(struct settings, field)
static const struct option_row options[] = {
    {NULL, 't', OPTION_LIST, AT(legacy), "URL",
     "Ask this authority in the legacy Authenticode form. Several are tried in order.", 0, 0},
    {"tr", 0, OPTION_LIST, AT(rfc3161), "URL", "Ask this authority by RFC 3161. Several are tried in order.",
     0, 0},
    {"td", 0, OPTION_TEXT, AT(td), "ALG", "Digest for --tr: sha256 (default), sha384, sha512, sha1.", 0, 0},
    {"policy", 0, OPTION_TEXT, AT(policy), "OID", "Ask for this policy, and take no other (--tr).", 0, 0},
    {"ca", 0, OPTION_LIST, AT(ca), "FILE|DIR",
     "Trust these certificates. Without it: the system's store. May be given several times.", 0, 0},
    {"tsa-ca", 0, OPTION_LIST, AT(tsa_ca), "FILE|DIR", "Trust these for timestamps instead.", 0, 0},
    {"no-chain", 0, OPTION_FLAG, AT(no_chain), NULL,
     "Do not check that the authority's chain reaches a trusted root. All else is checked.", 0, 0},
    {"detached", 0, OPTION_FLAG, AT(detached), NULL,
     "Put the timestamp beside the file, as NAME.tsr; for any file, signed or not (--tr).", 0, 0},
    {"replace", 0, OPTION_FLAG, AT(replace), NULL, "Replace timestamps that are there, of either kind.", 0,
     0},
    {"skip-stamped", 0, OPTION_FLAG, AT(skip_stamped), NULL,
     "Leave what has a good timestamp, of whichever kind, without a warning.", 0, 0},
    {"allow-clock-skew", 0, OPTION_DURATION, AT(skew_ns), "S",
     "How far the timestamp's time may lie from this machine's (default 300 s).", 0, 0},
    {"timeout", 0, OPTION_DURATION, AT(http.timeout_ns), "S",
     "For one exchange with an authority (default 30 s).", 0, 0},
    {"retry", 0, OPTION_NUMBER, AT(retries), "N",
     "Further rounds over all URLs when none could be reached (default 2).", 0, 100},
    {"retry-pause", 0, OPTION_DURATION, AT(pause_ns), "S",
     "Before the first further round (default 1 s); doubled each time.", 0, 0},
    {"proxy", 0, OPTION_TEXT, AT(http.proxy), "URL", "As curl's option of this name.", 0, 0},
    {"cacert", 0, OPTION_TEXT, AT(http.cacert), "FILE", "Roots for https, as curl's option of this name.", 0,
     0},
    {"cert", 0, OPTION_TEXT, AT(http.cert), "FILE[:PW]", "Client certificate and key for https, as curl's.",
     0, 0},
    {"user", 0, OPTION_TEXT, AT(http.user), "NAME:PW",
     "For an authority that wants a password, as curl's option of this name.", 0, 0},
    {0},
};

static const struct settings defaults = {
    .td = "sha256",
    .batch = {.index = -1},
    .http = {.timeout_ns = 30 * SECOND},
    .skew_ns = 300 * SECOND,
    .retries = 2,
    .pause_ns = SECOND,
};

struct run {
    const struct settings *settings;
    const struct command *command;
    struct anchors anchors;
    struct ask ask;
    struct stamping stamping;
    struct wbuf policy;
};

/* ---- the options, before anything is done ---- */

static int check_urls(const struct run *run)
{
    const struct settings *s = run->settings;
    const struct option_list *list = s->legacy.num > 0 ? &s->legacy : &s->rfc3161;
    const char *why;

    if (s->legacy.num > 0 && s->rfc3161.num > 0) {
        return command_usage(run->command,
                             "-t and --tr exclude each other: there is no silent change of protocol");
    }
    if (list->num == 0) {
        return command_usage(run->command,
                             "which authority? give --tr URL (RFC 3161) or -t URL (Authenticode)");
    }
    for (size_t i = 0; i < list->num; i++) {
        why = http_url_problem(list->text[i]);
        if (why) {
            return command_usage(run->command, "%s: %s", list->text[i], why);
        }
    }
    return EXIT_DONE;
}

static int check_legacy(const struct run *run)
{
    const struct settings *s = run->settings;

    if (s->legacy.num == 0) {
        return EXIT_DONE;
    }
    if (s->detached) {
        return command_usage(run->command, "--detached needs --tr: the legacy form knows signatures alone");
    }
    if (s->policy || s->td != defaults.td) {
        return command_usage(run->command, "--%s goes with --tr: in the legacy form the authority chooses",
                             s->policy ? "policy" : "td");
    }
    return EXIT_DONE;
}

static int check_choices(const struct run *run)
{
    const struct settings *s = run->settings;

    if (s->http.timeout_ns < SECOND / 1000) {
        return command_usage(run->command, "--timeout wants some time, such as 30s");
    }
    if (s->replace && s->skip_stamped) {
        return command_usage(run->command, "--replace and --skip-stamped exclude each other");
    }
    if (s->detached && s->batch.index >= 0) {
        return command_usage(run->command, "--tp goes with signatures, not with --detached");
    }
    return EXIT_DONE;
}

static int check_values(struct run *run)
{
    const struct settings *s = run->settings;

    run->ask.alg = digest_of_name(s->td);
    if (run->ask.alg == DIGEST_NONE || run->ask.alg == DIGEST_MD5) {
        return command_usage(run->command, "--td %s: it may be sha256, sha384, sha512 or sha1", s->td);
    }
    wbuf_init(&run->policy, TSP_POLICY_MAX);
    if (s->policy && oid_from_text(s->policy, &run->policy) != RC_OK) {
        return command_usage(run->command, "--policy %s: an OID looks like 1.2.840.113549", s->policy);
    }
    run->ask.policy = wbuf_bytes(&run->policy);
    return EXIT_DONE;
}

static int check_options(struct run *run)
{
    int rc = check_urls(run);

    if (rc == EXIT_DONE) {
        rc = check_legacy(run);
    }
    if (rc == EXIT_DONE) {
        rc = check_choices(run);
    }
    return rc == EXIT_DONE ? check_values(run) : rc;
}

/* ---- set up ---- */

static void set_up(struct run *run)
{
    const struct settings *s = run->settings;
    const struct option_list *list = s->legacy.num > 0 ? &s->legacy : &s->rfc3161;
    const struct chain_anchors *authorities = s->no_chain ? NULL : run->anchors.authorities;

    run->ask.kind = s->legacy.num > 0 ? SPC_STAMP_LEGACY : SPC_STAMP_RFC3161;
    run->ask.urls = list->text;
    run->ask.num_urls = list->num;
    run->ask.retries = s->retries;
    run->ask.pause_ns = s->pause_ns;
    run->ask.anchors = authorities;
    run->ask.skew_ns = s->skew_ns;
    run->stamping = (struct stamping){
        .ask = &run->ask,
        .judge = {.anchors = run->anchors.signers, .tsa_anchors = authorities, .at = now_real()},
        .index = s->batch.index,
        .replace = s->replace,
        .skip_stamped = s->skip_stamped,
        .dry_run = s->batch.dry_run,
        .detached = s->detached,
    };
}

/* ---- the files ---- */

static const struct batch_words words = {
    .json = {"stamped", "already-stamped"},
    .lines = {"Successfully timestamped", "Already timestamped"},
    .dry = "Would be timestamped",
    .done = "timestamped",
};

static void stamp_file(void *arg, const char *path, const char *target, struct rewrite_result *out)
{
    const struct run *run = arg;

    stamping_run(&run->stamping, path, target, out);
}

static int stamp_all(struct run *run, const struct batch *batch, char **files, size_t num_files)
{
    int rc;

    run->ask.http = http_new(&run->settings->http);
    if (!run->ask.http) {
        return command_usage(run->command, "libcurl does not take the options for the connection");
    }
    set_up(run);
    rc = batch_run(batch, files, num_files);
    http_free(run->ask.http);
    return rc;
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    struct run run = {.settings = arg, .command = command};
    const struct batch batch = {.command = command,
                                .settings = &run.settings->batch,
                                .words = &words,
                                .suffix = run.settings->detached ? ".tsr" : "",
                                .run = stamp_file,
                                .arg = &run};
    int rc = check_options(&run);

    if (rc == EXIT_DONE) {
        rc = batch_check(&batch, files, num_files);
    }
    if (rc == EXIT_DONE) {
        rc = anchors_load(&run.settings->ca, &run.settings->tsa_ca, &run.anchors)
                 ? stamp_all(&run, &batch, files, num_files)
                 : EXIT_USAGE;
    }
    anchors_clear(&run.anchors);
    wbuf_clear(&run.policy);
    return rc;
}

const struct command cmd_stamp = {
    .name = "stamp",
    .arguments = "FILE...",
    .summary = "Countersign existing signatures with a timestamp, in place.",
    .notes =
        "Nothing is written before the reply was checked whole (status, imprint, nonce, policy, signing "
        "certificate, "
        "signature, chain, time) and the changed file was judged again. A file is replaced whole or not at "
        "all; "
        "its mode, owner and times are kept.\n"
        "A signature that has a good timestamp is skipped; one that is not good, or of the other kind, is "
        "left "
        "and told (exit code 2).\n"
        "Exit codes: 0 every file done or already so, 1 at least one failed, 2 done with warnings, 3 every "
        "failure was that no authority could be reached or serve (HTTP 5xx, 408, 429), 4 every failure was "
        "an "
        "authority's refusal, 64 wrong usage.",
    .options = options,
    .shared = batch_options,
    .settings_size = sizeof(struct settings),
    .defaults = &defaults,
    .run = run,
};
