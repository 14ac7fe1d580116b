/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached timestamps. Here the timestamp is all there is, so what would be a warning beside a signature is an error. A reply that
 * refuses is one too: it proves nothing.
 */
#include "tsclient/detached.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tsclient/report/report.h"
#include "tsclient/report/report_json.h"

#define TSR_MAX    (1u << 20)
#define TSR_SUFFIX ".tsr"

bool detached_is_name(const char *path)
{
    size_t len = strlen(path), end = strlen(TSR_SUFFIX);

    return len > end && strcasecmp(path + len - end, TSR_SUFFIX) == 0;
}

char *detached_name(const char *path)
{
    char *name = NULL;

    return asprintf(&name, "%s" TSR_SUFFIX, path) < 0 ? NULL : name;
}

char *detached_data(const char *path)
{
    return detached_is_name(path) ? strndup(path, strlen(path) - strlen(TSR_SUFFIX)) : NULL;
}

static void note(struct detached *d, enum reason reason, enum rc cause, const char *why)
{
    if (d->reasons.num == 0) {
        (void)snprintf(d->why, sizeof d->why, "%s", why);
    }
    reasons_raise(&d->reasons, reason, SEVERITY_ERROR, cause);
}

/* ---- reading ---- */

/* What the authority says when it refuses. */
static void note_refusal(struct detached *d)
{
    char text[160];
    size_t len =
        d->response.status_string.len < sizeof text - 1 ? d->response.status_string.len : sizeof text - 1;
    char why[sizeof d->why];

    if (len > 0) {
        memcpy(text, d->response.status_string.data, len);
    }
    text[len] = '\0';
    (void)snprintf(why, sizeof why, "%s, %s%s%s", tsp_status_name(d->response.status),
                   tsp_failure_name(d->response.failure), len ? ": " : "", report_safe(text));
    note(d, REASON_BAD_TIMESTAMP, RC_TSP_REFUSED, why);
}

static void read_facts(struct detached *d)
{
    const struct verify_token_query query = {
        .token = d->response.token, .lenient_eku = true, .rules = DER_FOREIGN};

    d->stamp.kind = SPC_STAMP_RFC3161;
    d->stamp.rc = verify_token(&query, &d->stamp.report);
    d->stamp.digest = d->stamp.report.token.info.imprint.alg;
}

static void parse(struct detached *d)
{
    enum rc rc = tsp_response_parse(wbuf_bytes(&d->storage), &d->response);
    char why[sizeof d->why];

    if (rc != RC_OK) {
        (void)snprintf(why, sizeof why, "it is no timestamp reply: %s", rc_text(rc));
        note(d, REASON_MALFORMED, rc, why);
        return;
    }
    d->is_parsed = true;
    if (d->response.token.len > 0) {
        read_facts(d);
    } else {
        note_refusal(d);
    }
}

void detached_open(const char *path, struct detached *out)
{
    enum rc rc;

    *out = (struct detached){.path = path};
    wbuf_init(&out->storage, TSR_MAX);
    rc = safefile_read(path, TSR_MAX, &out->storage);
    if (rc != RC_OK) {
        note(out, REASON_IO_ERROR, rc, safefile_error_text());
        return;
    }
    parse(out);
}

void detached_close(struct detached *detached)
{
    policy_stamp_clear(&detached->stamp);
    wbuf_clear(&detached->storage);
    *detached = (struct detached){0};
}

/* ---- judging ---- */

static void note_finding(struct detached *d, enum rc rc)
{
    enum reason reason = REASON_BAD_TIMESTAMP;

    if (rc == RC_TOKEN_TSA_NAME) { /* a hint */
        return;
    }
    if (rc == RC_TOKEN_IMPRINT) {
        reason = REASON_DIGEST_MISMATCH;
    } else if (rc == RC_CHAIN_UNTRUSTED) {
        reason = REASON_UNTRUSTED_TSA;
    }
    note(d, reason, rc, rc_text(rc));
}

void detached_check_token(struct detached *detached, const struct detached_check *check)
{
    struct policy_stamp *stamp = &detached->stamp;
    const struct verify_token_query query = {
        .token = detached->response.token,
        .imprint_alg = check->imprint_alg,
        .imprint_hash = check->imprint_hash,
        .nonce = check->nonce,
        .policy = check->policy,
        .lenient_eku = true,
        .anchors = check->anchors,
        .rules = DER_FOREIGN,
    };

    if (stamp->kind == SPC_STAMP_NONE) {
        return;
    }
    verify_clear(&stamp->report);
    stamp->rc = verify_token(&query, &stamp->report);
    for (size_t i = 0; i < stamp->report.num_findings; i++) {
        note_finding(detached, stamp->report.finding[i]);
    }
    if (stamp->rc != RC_OK && stamp->report.num_findings == 0) {
        note_finding(detached, stamp->rc);
    }
    policy_note_weak(&detached->reasons, stamp->report.token.info.imprint.alg);
    policy_note_weak(&detached->reasons, stamp->report.signer.digest);
    policy_note_weak(&detached->reasons, stamp->report.chain.weak);
    if (policy_stamp_is_lab_time(stamp)) {
        reasons_add(&detached->reasons, REASON_LAB_TIME, RC_OK);
    }
}

static void check_octets(struct detached *d, struct bytes file, const struct chain_anchors *anchors)
{
    struct detached_check check = {.imprint_alg = d->stamp.digest, .anchors = anchors};
    uint8_t hash[DIGEST_MAX];
    enum rc rc = digest_compute(check.imprint_alg, &file, 1, hash);

    if (rc != RC_OK) {
        note_finding(d, rc);
        return;
    }
    check.imprint_hash = bytes_of(hash, digest_len(check.imprint_alg));
    detached_check_token(d, &check);
}

void detached_check_file(struct detached *detached, const char *data, const struct chain_anchors *anchors)
{
    char *own = data ? NULL : detached_data(detached->path), why[sizeof detached->why];
    struct safefile_map map;

    if (detached->stamp.kind == SPC_STAMP_NONE) {
        free(own);
        return;
    }
    if (!data && !own) {
        note(detached, REASON_IO_ERROR, RC_IO, "which file is it for? say it with --data FILE");
    } else if (safefile_map_open(data ? data : own, &map) != RC_OK) {
        (void)snprintf(why, sizeof why, "%s%s", safefile_error_text(),
                       data ? "" : "; --data FILE says which file the timestamp is for");
        note(detached, REASON_IO_ERROR, RC_IO, why);
    } else {
        check_octets(detached, map.bytes, anchors);
        safefile_map_close(&map);
    }
    free(own);
}

/* ---- output ---- */

json_t *detached_json(const struct detached *detached, bool judged)
{
    const char *verdict = judged ? report_json_verdict(&detached->reasons) : NULL;
    json_t *signatures = json_array();

    if (detached->stamp.kind != SPC_STAMP_NONE &&
        json_array_append_new(signatures,
                              json_pack("{s:i, s:n, s:n, s:o, s:s?, s:o}", "index", 0, "signer", "digest",
                                        "timestamp", report_json_stamp(&detached->stamp), "verdict", verdict,
                                        "reasons", report_json_reasons(&detached->reasons))) != 0) {
        json_decref(signatures);
        return NULL;
    }
    return json_pack("{s:o, s:s, s:o, s:s?, s:o}", "file", report_json_text(detached->path), "format", "tsr",
                     "signatures", signatures, "verdict", verdict, "reasons",
                     report_json_reasons(&detached->reasons));
}

void detached_print(FILE *out, const struct detached *detached)
{
    const struct verify_report *report = &detached->stamp.report;
    bool is_good = reasons_worst(&detached->reasons) < SEVERITY_ERROR;
    char time[REPORT_TIME_MAX], path[REPORT_PATH_MAX];

    (void)fprintf(out, "Verifying: %s\n\n", report_path(detached->path, path));
    if (!report->has_time) {
        return;
    }
    (void)fprintf(out, "%s: %s\nTimestamp %s by:\n",
                  is_good ? "The file is timestamped" : "There is a timestamp that is not good, of",
                  report_time(report->time, time), is_good ? "Verified" : "Claimed");
    if (report->chain.num > 0) {
        report_chain(out, report->chain.cert, report->chain.num);
    } else if (report->cert.der.len > 0) {
        report_chain(out, &report->cert.der, 1);
    }
}

void detached_print_reasons(FILE *out, const struct detached *detached, enum severity least)
{
    static const char *const words[] = {"note", "warning", "error"};
    const struct reasons *reasons = &detached->reasons;
    char path[REPORT_PATH_MAX], why[sizeof detached->why];

    (void)report_path(detached->path, path);
    (void)snprintf(why, sizeof why, "%s", detached->why);
    (void)report_safe(why);
    for (size_t i = 0; i < reasons->num; i++) {
        const struct reason_entry *entry = &reasons->list[i];

        if (entry->severity < least) {
            continue;
        }
        (void)fprintf(out, "%s: %s: %s", path, words[entry->severity], reason_word(entry->reason));
        if (i == 0 && why[0]) {
            (void)fprintf(out, ": %s\n", why);
        } else {
            (void)fprintf(out, ": %s\n",
                          entry->cause != RC_OK ? rc_text(entry->cause) : reason_text(entry->reason));
        }
    }
}
