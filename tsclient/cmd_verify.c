/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient verify: judges signatures and timestamps by Windows' rules. A .tsr file is judged against the file that it is for.
 */
#include "tsclient/cmd.h"

#include <string.h>

#include "tsa/base/now.h"
#include "tsclient/anchors.h"
#include "tsclient/catalog.h"
#include "tsclient/detached.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_json.h"

struct settings {
    const char *data;
    struct option_list ca, tsa_ca, catalogs, crls;
    struct option_time at;
    bool require_timestamp, lifetime, json, verbose, quiet;
};

#define AT(field) offsetof(struct settings, field)
static const struct option_row options[] = {
    {"ca", 0, OPTION_LIST, AT(ca), "FILE|DIR",
     "Trust these certificates, for signers and timestamps. Without it: the system's store. May be given "
     "several times.",
     0, 0},
    {"tsa-ca", 0, OPTION_LIST, AT(tsa_ca), "FILE|DIR", "Trust these for timestamps instead.", 0, 0},
    {"at", 0, OPTION_TIME, AT(at), "TIME",
     "Judge as of this time instead of now: 2031-02-03, 2031-02-03T04:05:06Z or @SECONDS (UTC).", 0, 0},
    {"require-timestamp", 0, OPTION_FLAG, AT(require_timestamp), NULL,
     "Warn where there is no timestamp, as signtool's /tw.", 0, 0},
    {"lifetime", 0, OPTION_FLAG, AT(lifetime), NULL, "A timestamp does not outlive the signer's certificate.",
     0, 0},
    {"catalog", 0, OPTION_LIST, AT(catalogs), "FILE",
     "The files are listed in this catalog, whose signatures count instead of their own. May be given "
     "several times.",
     0, 0},
    {"crl", 0, OPTION_LIST, AT(crls), "FILE",
     "Take the certificates of this list as revoked, PEM or DER; what was signed before stays good. May be "
     "given several times.",
     0, 0},
    {"data", 0, OPTION_TEXT, AT(data), "FILE",
     "The file that a .tsr or a detached signature is for. Without it: the name without its end (.tsr, "
     ".p7s).",
     0, 0},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "One JSON object per file, one line each.", 0, 0},
    {"verbose", 'v', OPTION_FLAG, AT(verbose), NULL, "Print the chains, in signtool's layout, times in UTC.",
     0, 0},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "Print errors and warnings alone.", 0, 0},
    {0},
};

struct run {
    const struct settings *settings;
    struct anchors anchors;
    struct policy_query query;
    struct catalog catalogs[OPTION_LIST_MAX];
    bool told[OPTION_LIST_MAX];
    size_t num_catalogs;
    struct report_counts counts;
    bool fault, misused;
};

static void count(struct run *run, enum severity worst)
{
    run->counts.good += worst == SEVERITY_NOTE;
    run->counts.warnings += worst == SEVERITY_WARNING;
    run->counts.errors += worst == SEVERITY_ERROR;
}

/* Text files are signed elsewhere, if at all. */
static void print_advice(const struct subject *subject)
{
    char path[REPORT_PATH_MAX];

    if (reasons_has(&subject->reasons, REASON_UNSUPPORTED_FORMAT) && subject->file.len > 0) {
        (void)fprintf(
            stderr,
            "%s: what a catalog signs is verified with --catalog FILE.cat, a timestamp beside a file by "
            "the name of the .tsr\n",
            report_path(subject->path, path));
    }
}

static void print_text(const struct run *run, const struct subject *subject, const struct policy_file *file)
{
    const struct settings *settings = run->settings;
    enum severity worst = reasons_worst(&file->reasons);

    if (settings->verbose && !settings->quiet) {
        report_file(stdout, subject, file);
    }
    (void)fflush(stdout);
    report_reasons(stderr, subject, file, settings->verbose ? SEVERITY_NOTE : SEVERITY_WARNING);
    print_advice(subject);
    if (worst < SEVERITY_ERROR && !settings->quiet) {
        report_verified(stdout, subject->path);
    }
}

static void judge_file(struct run *run, const struct subject *subject)
{
    struct policy_file *file = policy_judge(subject, &run->query);

    if (!file) {
        run->fault = true;
    } else if (run->settings->json) {
        run->fault |=
            !report_json_print(report_json_file(subject, file, report_json_verdict(&file->reasons)));
    } else {
        print_text(run, subject, file);
    }
    if (file) {
        count(run, reasons_worst(&file->reasons));
    }
    policy_free(file);
}

static void verify_file(struct run *run, const char *path)
{
    char shown[REPORT_PATH_MAX];
    struct subject subject;

    subject_open(path, &subject);
    if (subject_wants_data(&subject)) {
        subject_open_data(&subject, run->settings->data);
    } else if (subject.spc && !subject.ops->digest) {
        subject_open_data(&subject, NULL);
    }
    if (run->settings->data && subject.spc && !subject_wants_data(&subject)) {
        run->misused = true;
        (void)fprintf(stderr, "%s: --data goes with a detached signature; this file holds what it signs\n",
                      report_path(path, shown));
    } else {
        judge_file(run, &subject);
    }
    subject_close(&subject);
}

static void verify_tsr(struct run *run, const char *path)
{
    struct detached detached;

    detached_open(path, &detached);
    detached_check_file(&detached, run->settings->data, run->query.tsa_anchors);
    if (run->settings->json) {
        run->fault |= !report_json_print(detached_json(&detached, true));
    } else {
        if (run->settings->verbose && !run->settings->quiet) {
            detached_print(stdout, &detached);
        }
        (void)fflush(stdout);
        detached_print_reasons(stderr, &detached, run->settings->verbose ? SEVERITY_NOTE : SEVERITY_WARNING);
        if (reasons_worst(&detached.reasons) < SEVERITY_ERROR && !run->settings->quiet) {
            report_verified(stdout, path);
        }
    }
    count(run, reasons_worst(&detached.reasons));
    detached_close(&detached);
}

/* ---- files that a catalog signs ---- */

static bool open_catalogs(struct run *run)
{
    const struct option_list *paths = &run->settings->catalogs;

    for (; run->num_catalogs < paths->num; run->num_catalogs++) {
        struct catalog *catalog = &run->catalogs[run->num_catalogs];

        catalog_open(paths->text[run->num_catalogs], &run->query, catalog);
        if (!catalog->judged) {
            subject_close(&catalog->subject);
            return false;
        }
        if (!catalog->has_list) {
            catalog_print_own(stderr, catalog, SEVERITY_ERROR);
        }
    }
    return true;
}

static void close_catalogs(struct run *run)
{
    while (run->num_catalogs > 0) {
        catalog_close(&run->catalogs[--run->num_catalogs]);
    }
}

/* What a catalog lacks is told once, before the first file that it lists. */
static void tell_catalog(struct run *run, const struct catalog *catalog)
{
    size_t index = (size_t)(catalog - run->catalogs);

    if (!run->told[index]) {
        run->told[index] = true;
        catalog_print_own(stderr, catalog, run->settings->verbose ? SEVERITY_NOTE : SEVERITY_WARNING);
    }
}

static void verify_member(struct run *run, const char *path)
{
    const struct settings *settings = run->settings;
    struct catalog_member member;
    enum severity worst;

    catalog_judge(path, run->catalogs, run->num_catalogs, &member);
    worst = reasons_worst(&member.reasons);
    if (settings->json) {
        run->fault |= !report_json_print(catalog_json(&member));
    } else {
        if (settings->verbose && !settings->quiet) {
            catalog_print(stdout, &member);
        }
        (void)fflush(stdout);
        if (member.catalog) {
            tell_catalog(run, member.catalog);
        }
        catalog_print_reasons(stderr, &member, settings->verbose ? SEVERITY_NOTE : SEVERITY_WARNING);
        if (worst < SEVERITY_ERROR && !settings->quiet) {
            report_verified(stdout, path);
        }
    }
    count(run, worst);
}

/* ---- the whole ---- */

static int verdict(const struct run *run)
{
    if (run->fault) {
        (void)fprintf(stderr, "tsclient verify: out of memory, or the output can not be written\n");
        return EXIT_FAULT;
    }
    if (run->misused) {
        return EXIT_USAGE;
    }
    return run->counts.errors > 0 ? EXIT_NO : run->counts.warnings > 0 ? EXIT_WARNINGS : EXIT_DONE;
}

typedef void verify_fn(struct run *run, const char *path);

static verify_fn *way_of(const struct run *run, const char *path)
{
    if (run->num_catalogs > 0) {
        return verify_member;
    }
    return detached_is_name(path) ? verify_tsr : verify_file;
}

static int verify_all(struct run *run, char **files, size_t num_files)
{
    const struct settings *settings = run->settings;

    run->query = (struct policy_query){
        .anchors = run->anchors.signers,
        .tsa_anchors = run->anchors.authorities,
        .at = settings->at.given ? settings->at.time : now_real(),
        .lifetime = settings->lifetime,
        .require_timestamp = settings->require_timestamp,
    };
    run->fault = !open_catalogs(run);
    for (size_t i = 0; i < num_files && !run->fault; i++) {
        way_of(run, files[i])(run, files[i]);
    }
    close_catalogs(run);
    if (!settings->json && !settings->quiet && (settings->verbose || num_files > 1)) {
        (void)printf("\n");
        report_counts(stdout, "Verified", &run->counts);
    }
    return verdict(run);
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    struct run run = {.settings = arg};
    int rc = EXIT_USAGE;

    if (num_files == 0) {
        return command_usage(command, "which file?");
    }
    if (run.settings->data && num_files != 1) {
        return command_usage(command, "--data goes with one .tsr file or detached signature");
    }
    if (run.settings->data && run.settings->catalogs.num > 0) {
        return command_usage(command, "--data and --catalog exclude each other");
    }
    if (anchors_load(&run.settings->ca, &run.settings->tsa_ca, &run.anchors) &&
        anchors_add_crls(run.settings->crls.text, run.settings->crls.num, &run.anchors)) {
        rc = verify_all(&run, files, num_files);
    }
    anchors_clear(&run.anchors);
    return rc;
}

const struct command cmd_verify = {
    .name = "verify",
    .arguments = "FILE...",
    .summary = "Judge signatures and timestamps by Windows' rules.",
    .notes =
        "A signature with a good timestamp is judged at the timestamp's time, which must lie within the "
        "validity of the signer's certificate; any other one as of now (or --at). A timestamp that is bad or "
        "untrusted counts as none, with a warning.\n"
        "All signatures of a file are judged, nested ones too, and a file is good when every one is good, as "
        "`signtool verify /all` has it.\n"
        "With --catalog a file must be listed in a catalog that is good: executables by their Authenticode "
        "digest, other files by all of their octets. A signature within such a file is not looked at. A "
        "catalog that can not be read is told; files that another one lists are good, with a warning.\n"
        "NAME.tsr is a detached timestamp of NAME.\n"
        "Exit codes: 0 every file good, 1 at least one bad, 2 good with warnings, 64 wrong usage.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
