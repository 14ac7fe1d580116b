/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient reply: reads a TimeStampResp, and checks it against what it is given: the query, the file, trusted roots. Its own signature
 * is checked always. Exit 0: granted, and every check passed; 1: refused, malformed, or a check failed.
 */
#include "tsclient/cmd.h"

#include "tsclient/anchors.h"
#include "tsclient/detached.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_json.h"

#define QUERY_MAX 65536

struct settings {
    const char *queryfile, *data;
    struct option_list ca;
    bool json;
};

#define AT(field) offsetof(struct settings, field)
static const struct option_row options[] = {
    {"queryfile", 0, OPTION_TEXT, AT(queryfile), "FILE",
     "The query (.tsq): imprint, nonce and policy must be its.", 0, 0},
    {"data", 0, OPTION_TEXT, AT(data), "FILE", "The file that was timestamped.", 0, 0},
    {"ca", 0, OPTION_LIST, AT(ca), "FILE|DIR",
     "The authority's chain must reach one of these. Without it the chain is not checked. May be given "
     "several times.",
     0, 0},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "One JSON object.", 0, 0},
    {0},
};

/* Checks against the query; the views of check point into storage and request. */
static bool check_query(struct detached *d, const char *path, const struct chain_anchors *anchors)
{
    struct tsp_request request;
    struct wbuf storage;
    enum rc rc;
    bool ok = false;

    wbuf_init(&storage, QUERY_MAX);
    if (safefile_read(path, QUERY_MAX, &storage) != RC_OK) {
        (void)fprintf(stderr, "tsclient reply: %s\n", safefile_error_text());
        wbuf_clear(&storage);
        return false;
    }
    rc = tsp_request_parse(wbuf_bytes(&storage), &request);
    if (rc != RC_OK) {
        (void)fprintf(stderr, "tsclient reply: %s: %s\n", path, rc_text(rc));
    } else {
        const struct detached_check check = {.imprint_alg = request.imprint.alg,
                                             .imprint_hash = request.imprint.hash,
                                             .nonce = &request.nonce,
                                             .policy = request.policy,
                                             .anchors = anchors};
        detached_check_token(d, &check);
        ok = true;
    }
    wbuf_clear(&storage);
    return ok;
}

static void print_facts(const struct detached *d)
{
    const struct tsp_tstinfo *info = &d->stamp.report.token.info;
    char text[OID_TEXT_MAX], hex[2 * DIGEST_MAX + 1], name[200];
    size_t len;

    if (!d->is_parsed) {
        return;
    }
    (void)printf("Status: %s\n", tsp_status_name(d->response.status));
    if (!d->stamp.report.has_time) {
        return;
    }
    if (gentime_build_iso(info->time, text, &len) == RC_OK) {
        (void)printf("Time: %s\n", text);
    }
    (void)printf("Imprint: %s %s\n", digest_name(info->imprint.alg),
                 bytes_to_hex(info->imprint.hash, hex, sizeof hex));
    (void)printf("Serial: %s\n", bytes_to_hex(info->serial, hex, sizeof hex));
    (void)printf("Policy: %s\n", oid_to_text(info->policy, text, sizeof text));
    if (info->nonce.len > 0) {
        (void)printf("Nonce: %s\n", bytes_to_hex(info->nonce, hex, sizeof hex));
    }
    if (info->has_accuracy) {
        (void)printf("Accuracy: %lld us\n", (long long)(tsp_accuracy_ns(info->accuracy) / 1000));
    }
    if (d->stamp.report.cert.der.len > 0) {
        (void)printf("Authority: %s\n",
                     report_safe(cert_name(d->stamp.report.cert.subject, name, sizeof name)));
    }
}

static bool check_all(struct detached *d, const struct settings *s, const struct chain_anchors *anchors)
{
    const struct detached_check own = {.anchors = anchors};

    if (s->queryfile && !check_query(d, s->queryfile, anchors)) {
        return false;
    }
    if (s->data) {
        detached_check_file(d, s->data, anchors);
    }
    if (!s->queryfile && !s->data) {
        detached_check_token(d, &own);
    }
    return true;
}

/* What a good end says, and what it leaves open. */
static void print_checks(const struct detached *d, const struct settings *s)
{
    if (!d->stamp.report.has_time || reasons_worst(&d->reasons) == SEVERITY_ERROR) {
        return;
    }
    (void)printf("Good: signature%s%s%s\n", s->queryfile ? ", query" : "", s->data ? ", file" : "",
                 s->ca.num > 0 ? ", chain" : "");
    if (s->ca.num == 0 || (!s->queryfile && !s->data)) {
        (void)printf("Not checked:%s%s%s\n", s->ca.num > 0 ? "" : " chain (--ca)",
                     s->ca.num > 0 || s->queryfile || s->data ? "" : ",",
                     s->queryfile || s->data ? "" : " what it is for (--queryfile, --data)");
    }
}

static int report(const struct detached *d, const struct settings *s)
{
    static const int codes[] = {EXIT_DONE, EXIT_WARNINGS, EXIT_NO};

    if (s->json) {
        if (!report_json_print(detached_json(d, true))) {
            return EXIT_FAULT;
        }
    } else {
        print_facts(d);
        print_checks(d, s);
        (void)fflush(stdout);
    }
    detached_print_reasons(stderr, d, SEVERITY_WARNING);
    return codes[reasons_worst(&d->reasons)];
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    const struct settings *s = arg;
    const struct option_list no_others = {0};
    struct anchors anchors = {0};
    struct detached d;
    int rc;

    if (num_files != 1) {
        return command_usage(command, "give one .tsr file");
    }
    if (s->ca.num > 0 && !anchors_load(&s->ca, &no_others, &anchors)) {
        anchors_clear(&anchors);
        return EXIT_USAGE;
    }
    detached_open(files[0], &d);
    rc = check_all(&d, s, anchors.authorities) ? report(&d, s) : EXIT_NO;
    detached_close(&d);
    anchors_clear(&anchors);
    return rc;
}

const struct command cmd_reply = {
    .name = "reply",
    .arguments = "FILE.tsr",
    .summary = "Read a timestamp reply, and check it against its query, its file or trusted roots.",
    .notes =
        "Exit codes: 0 granted and every check passed, 1 refused, malformed or a check failed, 2 passed with "
        "warnings, 64 wrong usage.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .run = run,
};
