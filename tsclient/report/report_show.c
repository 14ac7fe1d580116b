/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `show` prints: everything that stands in a file's signatures and in a catalog's list, one fact a line. A list is printed
 * whole, however long it is.
 */
#include "tsclient/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "tsclient/report/report_facts.h"

#define NAME_MAX_SHOWN 200

static const char *iso(struct gentime time, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    return gentime_build_iso(time, out, &len) == RC_OK ? out : "?";
}

/* The day is enough where a certificate begins and ends. */
static const char *day(struct gentime time, char out[GENTIME_TEXT_MAX])
{
    char *clock;

    if (iso(time, out) != out) {
        return "?";
    }
    clock = strchr(out, 'T');
    if (clock) {
        *clock = '\0';
    }
    return out;
}

static const char *name_of(struct bytes name, char out[NAME_MAX_SHOWN])
{
    return report_safe(cert_name(name, out, NAME_MAX_SHOWN));
}

/* ---- timestamps ---- */

static void show_authority(FILE *out, const struct cert *cert)
{
    char end[GENTIME_TEXT_MAX], name[NAME_MAX_SHOWN], issuer[NAME_MAX_SHOWN], key[REPORT_KEY_MAX];

    if (cert->der.len == 0) {
        (void)fprintf(out, "  authority:   its certificate is not there\n");
        return;
    }
    (void)fprintf(out, "  authority:   %s, issued by %s, until %s", name_of(cert->subject, name),
                  name_of(cert->issuer, issuer), day(cert->not_after, end));
    (void)fprintf(out, "%s%s\n", report_key_text(cert, key)[0] ? ", " : "", key);
}

static void show_token(FILE *out, const struct token *token)
{
    char policy[OID_TEXT_MAX], serial[2 * TSP_SERIAL_MAX + 3];

    (void)fprintf(out, "  policy:      %s\n", oid_to_text(token->info.policy, policy, sizeof policy));
    (void)fprintf(out, "  serial:      %s\n", bytes_to_hex(token->info.serial, serial, sizeof serial));
    if (report_has_attribute_cert(token->cms.certificates)) {
        (void)fprintf(out, "  besides:     an attribute certificate\n");
    }
}

static void show_stamp(FILE *out, const struct policy_stamp *stamp)
{
    char time[GENTIME_TEXT_MAX], name[NAME_MAX_SHOWN] = "not named";

    if (stamp->report.cert.der.len > 0) {
        (void)name_of(stamp->report.cert.subject, name);
    }
    (void)fprintf(out, "  timestamp:   %s, %s, %s, by %s\n", report_stamp_name(stamp->kind),
                  stamp->report.has_time ? iso(stamp->report.time, time) : "?", digest_name(stamp->digest),
                  name);
    if (stamp->report.form == CMS_SIGNATURE_BARE_DIGEST) {
        (void)fprintf(out, "  form:        a bare digest, as old authorities made it\n");
    }
    show_authority(out, &stamp->report.cert);
    if (stamp->kind == SPC_STAMP_RFC3161 && stamp->report.has_time) {
        show_token(out, &stamp->report.token);
    }
}

static void show_stamps(FILE *out, const struct policy_signature *signature)
{
    struct policy_stamp stamp;

    if (signature->spc->num_stamps == 0) {
        (void)fprintf(out, "  timestamp:   none\n");
    }
    for (size_t i = 0; i < signature->spc->num_stamps; i++) {
        policy_stamp_read(signature->spc, i, &stamp);
        show_stamp(out, &stamp);
        policy_stamp_clear(&stamp);
    }
}

/* ---- signatures ---- */

static void show_cert(FILE *out, const struct cert *cert)
{
    char name[NAME_MAX_SHOWN], from[GENTIME_TEXT_MAX], to[GENTIME_TEXT_MAX], key[REPORT_KEY_MAX];

    if (cert->der.len == 0) {
        (void)fprintf(out, "  signer:      not there\n");
        return;
    }
    (void)fprintf(out, "  signer:      %s\n", name_of(cert->subject, name));
    (void)fprintf(out, "  issuer:      %s\n", name_of(cert->issuer, name));
    (void)fprintf(out, "  certificate: %s to %s", day(cert->not_before, from), day(cert->not_after, to));
    (void)fprintf(out, "%s%s\n", report_key_text(cert, key)[0] ? ", " : "", key);
}

/* Those that came with the signature besides the signer's: intermediates, cross-certificates, old authorities. */
static void show_others(FILE *out, const struct policy_signature *signature)
{
    struct bytes rest = signature->spc->cms.certificates, der;
    char name[NAME_MAX_SHOWN], issuer[NAME_MAX_SHOWN];
    struct cert cert;

    while (cert_next(&rest, &der)) {
        if (cert_parse(der, &cert) == RC_OK && !bytes_equal(der, signature->cert.der)) {
            (void)fprintf(out, "  with it:     %s, issued by %s\n", name_of(cert.subject, name),
                          name_of(cert.issuer, issuer));
        }
    }
}

static void show_digests(FILE *out, const struct policy_signature *signature)
{
    if (signature->file_digest != DIGEST_NONE) {
        (void)fprintf(out, "  file digest: %s\n", digest_name(signature->file_digest));
    }
    if (signature->pages.num > 0) {
        (void)fprintf(out, "  page hashes: %s, %zu entries\n", digest_name(signature->pages.alg),
                      signature->pages.num);
    }
    (void)fprintf(out, "  digest:      %s\n", digest_name(signature->spc->cms.signer.digest));
}

static void show_signature(FILE *out, const struct policy_signature *signature, size_t index)
{
    const struct spc_signature *spc = signature->spc;
    char content[OID_TEXT_MAX];

    (void)fprintf(out, "signature %zu%s", index, spc->depth > 0 ? " (nested)" : "");
    if (spc->blob > 0) {
        (void)fprintf(out, " (entry %zu of the file)", spc->blob);
    }
    (void)fputc('\n', out);
    show_cert(out, &signature->cert);
    show_others(out, signature);
    (void)fprintf(out, "  content:     %s%s\n", report_content_text(&spc->cms, content),
                  spc->cms.has_content ? "" : ", detached");
    show_digests(out, signature);
    if (spc->is_sealed) {
        (void)fprintf(out, "  sealed:      a change of its timestamp would break it\n");
    }
    show_stamps(out, signature);
}

/* ---- catalogs ---- */

static void show_attribute(FILE *out, const struct ctl_attribute *attribute, int indent)
{
    char name[NAME_MAX_SHOWN], *value = report_attribute_value(attribute);

    (void)ctl_attribute_name(attribute, name, sizeof name);
    (void)fprintf(out, "%*s%s: %s\n", indent, "", report_safe(name),
                  value ? report_safe(value) : "(out of memory)");
    free(value);
}

static void show_attributes(FILE *out, struct bytes rest, int indent)
{
    struct ctl_attribute attribute;

    while (ctl_attribute_next(&rest, &attribute)) {
        show_attribute(out, &attribute, indent);
    }
}

static void show_member(FILE *out, const struct ctl_member *member)
{
    const char *kind = report_kind_of_member(member->kind);
    char hex[2 * DIGEST_MAX + 1] = "?";
    enum digest alg = DIGEST_NONE;
    uint8_t digest[DIGEST_MAX];

    if (ctl_member_digest(member, &alg, digest) == RC_OK) {
        (void)bytes_to_hex(bytes_of(digest, digest_len(alg)), hex, sizeof hex);
    }
    (void)fprintf(out, "member %s %s, %s%s\n", digest_name(alg), hex, kind ? kind : "of an unknown kind",
                  member->has_indirect ? "" : " (by its name alone, for older Windows)");
    show_attributes(out, member->attributes, 2);
}

static void show_catalog(FILE *out, const struct subject *subject)
{
    char id[2 * 64 + 1], time[GENTIME_TEXT_MAX];
    struct ctl_member member;
    struct ctl ctl;
    struct bytes rest;
    enum rc rc = report_catalog(subject, &ctl);

    if (rc != RC_OK) {
        if (rc != RC_NOT_FOUND) {
            (void)fprintf(out, "catalog: %s\n", rc_text(rc));
        }
        return;
    }
    (void)fprintf(out, "catalog version %u, list %s, of %s, %zu members\n", ctl.version,
                  bytes_to_hex(ctl.list_id, id, sizeof id), iso(ctl.updated, time), ctl.num);
    show_attributes(out, ctl.extensions, 2);
    for (rest = ctl.members; ctl_next(&rest, &member);) {
        show_member(out, &member);
    }
}

void report_show(FILE *out, const struct subject *subject, const struct policy_file *file)
{
    char path[REPORT_PATH_MAX];

    if (!subject->ops) {
        return; /* there is a reason, and it says all that is known */
    }
    (void)fprintf(out, "%s: %s%s\n", report_path(subject->path, path), subject->ops->name,
                  reasons_has(&subject->reasons, REASON_UNSIGNED) ? ", not signed" : "");
    for (size_t i = 0; i < file->num; i++) {
        show_signature(out, &file->signatures[i], i);
    }
    show_catalog(out, subject);
}
