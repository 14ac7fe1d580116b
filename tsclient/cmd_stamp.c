/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient stamp: countersigns the signatures of files, or makes timestamps beside them. The options are checked before the first
 * file is touched.
 */
#include "tsclient/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsa/base/now.h"
#include "tsclient/anchors.h"
#include "tsclient/detached.h"
#include "tsclient/report.h"
#include "tsclient/report_json.h"
#include "tsclient/stamping.h"

#define SECOND INT64_C(1000000000)

struct settings {
    struct option_list legacy, rfc3161;
    const char *td, *policy, *ca, *tsa_ca, *output, *out_dir;
    bool no_chain, detached, replace, skip_stamped, dry_run, json, quiet;
    int64_t index, skew_ns, retries, pause_ns;
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
    {"ca", 0, OPTION_TEXT, AT(ca), "FILE|DIR", "Trust these certificates. Without it: the system's store.", 0,
     0},
    {"tsa-ca", 0, OPTION_TEXT, AT(tsa_ca), "FILE|DIR", "Trust these for timestamps instead.", 0, 0},
    {"no-chain", 0, OPTION_FLAG, AT(no_chain), NULL,
     "Do not check that the authority's chain reaches a trusted root. All else is checked.", 0, 0},
    {"output", 'o', OPTION_TEXT, AT(output), "FILE", "Write here instead of in place (one file).", 0, 0},
    {"out-dir", 0, OPTION_TEXT, AT(out_dir), "DIR", "Write into this folder instead of in place.", 0, 0},
    {"detached", 0, OPTION_FLAG, AT(detached), NULL,
     "Put the timestamp beside the file, as NAME.tsr; for any file, signed or not (--tr).", 0, 0},
    {"tp", 0, OPTION_NUMBER, AT(index), "N", "Stamp one signature alone: 0 the primary, 1... nested ones.", 0,
     SPC_MAX_SIGNATURES - 1},
    {"replace", 0, OPTION_FLAG, AT(replace), NULL, "Replace timestamps that are there, of either kind.", 0,
     0},
    {"skip-stamped", 0, OPTION_FLAG, AT(skip_stamped), NULL,
     "Leave whatever has a timestamp, good or not, without a warning.", 0, 0},
    {"allow-clock-skew", 0, OPTION_DURATION, AT(skew_ns), "S",
     "How far the timestamp's time may lie from this machine's (default 300 s).", 0, 0},
    {"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL, "Ask and check, print what would change, write nothing.",
     0, 0},
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
    {"json", 0, OPTION_FLAG, AT(json), NULL, "One JSON object per file, one line each.", 0, 0},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "Print errors and warnings alone.", 0, 0},
    {0},
};

static const struct settings defaults = {
    .td = "sha256",
    .index = -1,
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
    size_t outcomes[STAMPING_REFUSED + 1];
    bool fault;
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

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare_base_names(const void *a, const void *b)
{
    return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

/* Two files of one name would come to stand on each other in one folder. Returns the name, or NULL. */
static const char *find_twin(char **files, size_t num_files)
{
    char **sorted = xcalloc(num_files, sizeof *sorted);
    const char *twin = NULL;

    memcpy(sorted, files, num_files * sizeof *sorted);
    qsort(sorted, num_files, sizeof *sorted, compare_base_names);
    for (size_t i = 1; i < num_files && !twin; i++) {
        twin = compare_base_names(&sorted[i - 1], &sorted[i]) == 0 ? base_name(sorted[i]) : NULL;
    }
    free(sorted);
    return twin;
}

static int check_targets(const struct run *run, char **files, size_t num_files)
{
    const char *twin;
    const struct settings *s = run->settings;

    if (num_files == 0) {
        return command_usage(run->command, "which file?");
    }
    twin = s->out_dir ? find_twin(files, num_files) : NULL;
    if (twin) {
        return command_usage(run->command, "several files are called %s: --out-dir can hold one of them",
                             twin);
    }
    if (s->output && s->out_dir) {
        return command_usage(run->command, "-o and --out-dir exclude each other");
    }
    if (s->output && num_files > 1) {
        return command_usage(run->command, "-o goes with one file; use --out-dir");
    }
    if (s->replace && s->skip_stamped) {
        return command_usage(run->command, "--replace and --skip-stamped exclude each other");
    }
    if (s->detached && s->index >= 0) {
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

static int check_options(struct run *run, char **files, size_t num_files)
{
    int rc = check_urls(run);

    if (rc == EXIT_DONE) {
        rc = check_legacy(run);
    }
    if (rc == EXIT_DONE) {
        rc = check_targets(run, files, num_files);
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
        .index = s->index,
        .replace = s->replace,
        .skip_stamped = s->skip_stamped,
        .dry_run = s->dry_run,
        .detached = s->detached,
    };
}

/* Where the result of path goes. Heap. */
static char *target_of(const struct settings *s, const char *path)
{
    const char *suffix = s->detached ? ".tsr" : "";

    if (s->output) {
        return xstrdup(s->output);
    }
    if (s->out_dir) {
        return xasprintf("%s/%s%s", s->out_dir, base_name(path), suffix);
    }
    return xasprintf("%s%s", path, suffix);
}

/* ---- what is told ---- */

static void print_edits(const char *path, const struct edits *edits)
{
    for (size_t i = 0; i < edits->num; i++) {
        const struct edit *edit = &edits->list[i];

        (void)printf("%s: at %llu: %llu octets go, %zu come (%s)\n", path, (unsigned long long)edit->at,
                     (unsigned long long)edit->remove, edit->insert.len, edit->what);
    }
}

static void print_text(const struct run *run, const char *path, struct stamping_result *result)
{
    static const char *const lines[] = {
        [STAMPING_DONE] = "Successfully timestamped",
        [STAMPING_ALREADY] = "Already timestamped",
        [STAMPING_WARNING] = "Warning",
    };
    bool bad = result->outcome >= STAMPING_WARNING;

    (void)report_safe(result->text);
    if (bad) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "%s: %s: %s\n", path, result->outcome == STAMPING_WARNING ? "warning" : "error",
                      result->text);
        return;
    }
    if (run->settings->quiet) {
        return;
    }
    if (run->settings->dry_run && result->num_stamped > 0) {
        (void)printf("Would be timestamped: %s\n", path);
        print_edits(path, &result->edits);
        return;
    }
    (void)printf("%s: %s%s%s%s\n", lines[result->outcome], path, result->text[0] ? " (" : "", result->text,
                 result->text[0] ? ")" : "");
}

static void stamp_file(struct run *run, const char *path)
{
    char *target = target_of(run->settings, path);
    struct stamping_result result;

    stamping_run(&run->stamping, path, target, &result);
    run->outcomes[result.outcome]++;
    if (!result.file) {
        run->fault = true;
    } else if (run->settings->json) {
        if (result.outcome >= STAMPING_WARNING) {
            (void)fprintf(stderr, "%s: %s\n", path, report_safe(result.text));
        }
        run->fault |= !report_json_print(
            report_json_file(&result.subject, result.file, stamping_outcome_word(result.outcome)));
    } else {
        print_text(run, path, &result);
    }
    stamping_clear(&result);
    free(target);
}

static int verdict(const struct run *run)
{
    const size_t *n = run->outcomes;
    size_t failures = n[STAMPING_FAILED] + n[STAMPING_UNREACHABLE] + n[STAMPING_REFUSED];

    if (run->fault) {
        (void)fprintf(stderr, "tsclient stamp: out of memory, or the output can not be written\n");
        return EXIT_FAULT;
    }
    if (failures == 0) {
        return n[STAMPING_WARNING] > 0 ? EXIT_WARNINGS : EXIT_DONE;
    }
    if (n[STAMPING_UNREACHABLE] == failures) {
        return EXIT_UNREACHABLE;
    }
    return n[STAMPING_REFUSED] == failures ? EXIT_REFUSED : EXIT_NO;
}

static int stamp_all(struct run *run, char **files, size_t num_files)
{
    const size_t *n = run->outcomes;

    run->ask.http = http_new(&run->settings->http);
    if (!run->ask.http) {
        return command_usage(run->command, "libcurl does not take the options for the connection");
    }
    set_up(run);
    for (size_t i = 0; i < num_files; i++) {
        stamp_file(run, files[i]);
    }
    http_free(run->ask.http);
    if (num_files > 1 && !run->settings->json && !run->settings->quiet) {
        const struct report_counts counts = {.good = n[STAMPING_DONE] + n[STAMPING_ALREADY],
                                             .warnings = n[STAMPING_WARNING],
                                             .errors = n[STAMPING_FAILED] + n[STAMPING_UNREACHABLE] +
                                                       n[STAMPING_REFUSED]};
        (void)printf("\n");
        report_counts(stdout, run->settings->dry_run ? "checked" : "timestamped", &counts);
    }
    return verdict(run);
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    struct run run = {.settings = arg, .command = command};
    int rc = check_options(&run, files, num_files);

    if (rc == EXIT_DONE) {
        rc = anchors_load(run.settings->ca, run.settings->tsa_ca, &run.anchors)
                 ? stamp_all(&run, files, num_files)
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
        "failure was that no authority could be reached, 4 every failure was an authority's refusal, 64 "
        "wrong usage.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .defaults = &defaults,
    .run = run,
};
