/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks files up in judged catalogs. A file is worth what the catalog is worth that lists it; the time of its signature is that of
 * the catalog's.
 */
#include "tsclient/catalog.h"

#include <string.h>

#include "tsclient/report.h"
#include "tsclient/report_json.h"

/* ---- the catalog ---- */

static void read_list(struct catalog *catalog)
{
    const struct spc *spc = catalog->subject.spc;
    enum rc rc = RC_CMS_CONTENT_TYPE;

    if (!spc) {
        return; /* there is a reason already */
    }
    if (spc->signatures[0].cms.content_type == OID_CTL) {
        rc = ctl_parse(spc->signatures[0].cms.content_tlv, &catalog->ctl);
    }
    if (rc == RC_OK) {
        return;
    }
    catalog->ctl = (struct ctl){0};
    reasons_add(&catalog->judged->own, rc == RC_CTL_MALFORMED ? REASON_MALFORMED : REASON_UNSUPPORTED_FORMAT,
                rc);
    reasons_merge(&catalog->judged->reasons, &catalog->judged->own);
    (void)snprintf(catalog->subject.why, sizeof catalog->subject.why, "%s",
                   rc == RC_CTL_MALFORMED ? rc_text(rc) : "it is signed, but it is no catalog");
}

void catalog_open(const char *path, const struct policy_query *query, struct catalog *out)
{
    *out = (struct catalog){.subject = SUBJECT_NONE};
    subject_open(path, &out->subject);
    out->judged = policy_judge(&out->subject, query);
    if (out->judged) {
        read_list(out);
    }
}

void catalog_close(struct catalog *catalog)
{
    policy_free(catalog->judged);
    subject_close(&catalog->subject);
}

/* ---- its members ---- */

static bool is_good(const struct catalog *catalog)
{
    return reasons_worst(&catalog->judged->reasons) < SEVERITY_ERROR;
}

/* A page that differs is found all the same: no other catalog may hide it. */
static enum rc find(struct bytes file, const struct catalog *catalogs, size_t num, struct catalog_member *out)
{
    struct membership found;
    enum rc rc, best = RC_NOT_FOUND;

    for (size_t i = 0; i < num; i++) {
        rc = membership_find(&catalogs[i].ctl, file, &found);
        if (rc == RC_NOT_FOUND || (out->catalog && (is_good(out->catalog) || !is_good(&catalogs[i])))) {
            out->membership.listed_with_crlf |= rc == RC_NOT_FOUND && found.listed_with_crlf;
            continue;
        }
        best = rc;
        out->catalog = &catalogs[i];
        out->membership = found;
    }
    return best;
}

static void note_find(struct catalog_member *member, enum rc rc)
{
    if (rc == RC_SPC_PAGE_HASH) {
        reasons_add(&member->reasons, REASON_PAGE_HASH_MISMATCH, rc);
    } else if (rc == RC_NOT_FOUND) {
        reasons_add(&member->reasons, REASON_NOT_IN_CATALOG, rc);
        (void)snprintf(member->why, sizeof member->why, "%s",
                       member->membership.listed_with_crlf
                           ? "it would be with CR LF at its line ends; a checkout may have changed them"
                           : "");
    } else if (rc != RC_OK) {
        reasons_add(&member->reasons, REASON_MALFORMED, rc);
        (void)snprintf(member->why, sizeof member->why, "%s", rc_text(rc));
    }
    policy_note_weak(&member->reasons, member->catalog ? member->membership.alg : DIGEST_NONE);
}

void catalog_judge(const char *path, const struct catalog *catalogs, size_t num, struct catalog_member *out)
{
    struct safefile_map map;

    *out = (struct catalog_member){.path = path};
    if (safefile_map_open(path, &map) != RC_OK) {
        reasons_add(&out->reasons, REASON_IO_ERROR, RC_IO);
        (void)snprintf(out->why, sizeof out->why, "%s", safefile_error_text());
        out->num_own = out->reasons.num;
        return;
    }
    out->ops = container_detect(map.bytes);
    note_find(out, find(map.bytes, catalogs, num, out));
    out->num_own = out->reasons.num;
    if (out->catalog) {
        reasons_merge(&out->reasons, &out->catalog->judged->reasons);
    }
    safefile_map_close(&map);
}

/* ---- what is told ---- */

void catalog_print(FILE *out, const struct catalog_member *member)
{
    const struct catalog *catalog = member->catalog;
    const struct membership *found = &member->membership;

    (void)fprintf(out, "Verifying: %s\n", member->path);
    if (catalog) {
        (void)fprintf(out, "File is signed in catalog: %s\n", catalog->subject.path);
        report_hash(out, found->alg, bytes_of(found->digest, digest_len(found->alg)));
    }
    (void)fputc('\n', out);
    if (catalog) {
        report_signatures(out, catalog->judged);
    }
}

/* The catalog's own reasons are told once, with its name; here it is enough to say that it is not good. */
void catalog_print_reasons(FILE *out, const struct catalog_member *member, enum severity least)
{
    const struct reasons *reasons = &member->reasons;
    const struct reason_entry *error;

    for (size_t i = 0; i < member->num_own; i++) {
        const struct reason_entry *entry = &reasons->list[i];

        if (entry->severity >= least) {
            (void)fprintf(out, "%s: %s: %s: %s%s%s\n", member->path, report_severity(entry->severity),
                          reason_word(entry->reason), reason_text(entry->reason),
                          i == 0 && member->why[0] ? ": " : "", i == 0 ? member->why : "");
        }
    }
    if (member->catalog && !is_good(member->catalog)) {
        error = reasons_first(&member->catalog->judged->reasons, SEVERITY_ERROR);
        (void)fprintf(out, "%s: error: %s: its catalog %s is not good\n", member->path,
                      reason_word(error->reason), member->catalog->subject.path);
    }
}

static json_t *member_object(const struct membership *membership)
{
    static const char *const kinds[] = {
        [CTL_KIND_UNKNOWN] = NULL, [CTL_KIND_PE] = "pe", [CTL_KIND_CAB] = "cab", [CTL_KIND_FLAT] = "flat"};
    char hex[2 * DIGEST_MAX + 1];

    return json_pack("{s:s, s:s, s:s?, s:b}", "digest", digest_name(membership->alg), "value",
                     bytes_to_hex(bytes_of(membership->digest, digest_len(membership->alg)), hex, sizeof hex),
                     "kind", kinds[membership->member.kind], "page_hashes", membership->pages_checked);
}

json_t *catalog_json(const struct catalog_member *member)
{
    const struct catalog *catalog = member->catalog;
    const char *verdict = report_json_verdict(&member->reasons);
    json_t *object = catalog ? report_json_file(&catalog->subject, catalog->judged, verdict)
                             : json_pack("{s:[], s:s}", "signatures", "verdict", verdict);

    if (!object || json_object_set_new(object, "file", report_json_text(member->path)) != 0 ||
        json_object_set_new(object, "format", member->ops ? json_string(member->ops->name) : json_null()) !=
            0 ||
        json_object_set_new(object, "catalog",
                            catalog ? report_json_text(catalog->subject.path) : json_null()) != 0 ||
        json_object_set_new(object, "member", catalog ? member_object(&member->membership) : json_null()) !=
            0 ||
        json_object_set_new(object, "reasons", report_json_reasons(&member->reasons)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}
