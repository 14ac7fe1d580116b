/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people. The layout is that of signtool's verbose output, so that eyes and scripts used to it find their way.
 */
#include "tsclient/report.h"

#include <string.h>
#include <time.h>

#define NAME_MAX_SHOWN 200

/* How many octets at the front of text a terminal would obey. text ends in a NUL, so looking ahead stops there. */
static size_t obeyed_len(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7f) {
        return 1;
    }
    if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f) { /* C1 */
        return 2;
    }
    if (text[0] == 0xe2 && text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) { /* U+202A .. U+202E */
        return 3;
    }
    return text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9
               ? 3
               : 0; /* U+2066 .. U+2069 */
}

char *report_safe(char *text)
{
    size_t len;

    for (char *at = text; *at; at += len ? len : 1) {
        len = obeyed_len((const unsigned char *)at);
        memset(at, '?', len);
    }
    return text;
}

char *report_time(struct gentime time, char out[REPORT_TIME_MAX])
{
    time_t seconds = (time_t)time.sec;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || strftime(out, REPORT_TIME_MAX, "%a %b %e %H:%M:%S %Y", &tm) == 0) {
        (void)snprintf(out, REPORT_TIME_MAX, "an unknown time");
    }
    return out;
}

const char *report_kind_name(enum spc_stamp_kind kind)
{
    return kind == SPC_STAMP_LEGACY ? "authenticode" : kind == SPC_STAMP_RFC3161 ? "rfc3161" : "none";
}

const char *report_stamp_name(enum spc_stamp_kind kind)
{
    return kind == SPC_STAMP_LEGACY ? "Authenticode" : kind == SPC_STAMP_RFC3161 ? "RFC 3161" : "None";
}

static void upper_hex(struct bytes b, char *out, size_t out_size)
{
    (void)bytes_to_hex(b, out, out_size);
    for (; *out; out++) {
        *out = *out >= 'a' && *out <= 'f' ? (char)(*out - 'a' + 'A') : *out;
    }
}

/* ---- chains ---- */

static void print_cert(FILE *out, struct bytes der, int indent)
{
    char issued_to[NAME_MAX_SHOWN], issued_by[NAME_MAX_SHOWN], expires[REPORT_TIME_MAX];
    char hash[2 * DIGEST_MAX + 1] = "";
    uint8_t digest[DIGEST_MAX];
    struct cert cert;

    if (cert_parse(der, &cert) != RC_OK) {
        (void)fprintf(out, "%*sa certificate that can not be parsed\n\n", indent, "");
        return;
    }
    if (cert_hash(&cert, DIGEST_SHA1, digest) == RC_OK) {
        upper_hex(bytes_of(digest, digest_len(DIGEST_SHA1)), hash, sizeof hash);
    }
    (void)fprintf(out, "%*sIssued to: %s\n", indent, "",
                  report_safe(cert_name(cert.subject, issued_to, sizeof issued_to)));
    (void)fprintf(out, "%*sIssued by: %s\n", indent, "",
                  report_safe(cert_name(cert.issuer, issued_by, sizeof issued_by)));
    (void)fprintf(out, "%*sExpires:   %s\n", indent, "", report_time(cert.not_after, expires));
    (void)fprintf(out, "%*sSHA1 hash: %s\n\n", indent, "", hash);
}

void report_chain(FILE *out, const struct bytes *certs, size_t num)
{
    for (size_t i = num; i > 0; i--) {
        print_cert(out, certs[i - 1], 4 * (int)(num - i + 1));
    }
}

/* The chain as far as it was built, or the certificate alone. */
static void print_chain(FILE *out, const struct chain *chain, const struct cert *cert)
{
    if (chain->num > 0) {
        report_chain(out, chain->cert, chain->num);
    } else if (cert->der.len > 0) {
        report_chain(out, &cert->der, 1);
    } else {
        (void)fprintf(out, "    the certificate is not there\n\n");
    }
}

/* ---- the long form ---- */

void report_hash(FILE *out, enum digest alg, struct bytes digest)
{
    char hex[2 * DIGEST_MAX + 1];

    upper_hex(digest, hex, sizeof hex);
    (void)fprintf(out, "Hash of file (%s): %s\n", digest_name(alg), hex);
}

static void print_hash(FILE *out, const struct spc_signature *signature)
{
    struct spc_indirect indirect;

    if (signature->cms.content_type == OID_SPC_INDIRECT_DATA &&
        spc_indirect_parse(signature->cms.content, &indirect) == RC_OK) {
        report_hash(out, indirect.alg, indirect.digest);
    }
}

static void print_stamp(FILE *out, const struct policy_stamp *stamp)
{
    char time[REPORT_TIME_MAX];

    if (stamp->kind == SPC_STAMP_NONE) {
        (void)fprintf(out, "File is not timestamped.\n\n");
        return;
    }
    if (!stamp->report.has_time) {
        (void)fprintf(out, "The timestamp holds no time that can be read.\n\n");
        return;
    }
    (void)fprintf(out, "The signature is timestamped: %s\n", report_time(stamp->report.time, time));
    if (stamp->report.form == CMS_SIGNATURE_BARE_DIGEST) {
        (void)fprintf(out, "The timestamp's signature holds a bare digest, as old authorities made it.\n");
    }
    (void)fprintf(out, "Timestamp Verified by:\n");
    print_chain(out, &stamp->chain, &stamp->report.cert);
}

static void print_signature(FILE *out, const struct policy_signature *signature, size_t index)
{
    (void)fprintf(out, "Signature Index: %zu%s\n", index, index == 0 ? " (Primary Signature)" : "");
    print_hash(out, signature->spc);
    (void)fprintf(out, "\nSigning Certificate Chain:\n");
    print_chain(out, &signature->chain, &signature->cert);
    print_stamp(out, &signature->stamp);
}

void report_signatures(FILE *out, const struct policy_file *file)
{
    for (size_t i = 0; i < file->num; i++) {
        print_signature(out, &file->signatures[i], i);
    }
}

void report_file(FILE *out, const struct subject *subject, const struct policy_file *file)
{
    (void)fprintf(out, "Verifying: %s\n\n", subject->path);
    report_signatures(out, file);
}

/* ---- reasons ---- */

const char *report_severity(enum severity severity)
{
    static const char *const words[] = {"note", "warning", "error"};

    return words[severity];
}

/* The others say it all themselves. */
static bool wants_cause(enum reason reason)
{
    return reason == REASON_BAD_SIGNATURE || reason == REASON_BAD_TIMESTAMP || reason == REASON_MALFORMED ||
           reason == REASON_BROKEN_CHAIN;
}

/* What the cause adds to the reason's own sentence. */
static void print_cause(FILE *out, const struct policy_signature *signature, const struct reason_entry *entry)
{
    const struct chain *chain = NULL;
    const char *option = "--ca";
    char missing[sizeof chain->missing];

    if (signature && entry->reason == REASON_UNTRUSTED_ROOT) {
        chain = &signature->chain;
    } else if (signature && entry->reason == REASON_UNTRUSTED_TSA) {
        chain = &signature->stamp.chain;
        option = "--tsa-ca";
    }
    if (chain && chain->missing[0]) {
        (void)snprintf(missing, sizeof missing, "%s", chain->missing);
        (void)fprintf(out, "; missing: '%s' (give it with %s FILE)", report_safe(missing), option);
    } else if (entry->cause != RC_OK && !chain && wants_cause(entry->reason)) {
        (void)fprintf(out, " (%s)", rc_text(entry->cause));
    }
}

static void print_reasons(FILE *out, const struct subject *subject, const struct reasons *reasons,
                          const struct policy_signature *signature, enum severity least)
{
    for (size_t i = 0; i < reasons->num; i++) {
        const struct reason_entry *entry = &reasons->list[i];

        if (entry->severity < least) {
            continue;
        }
        (void)fprintf(out, "%s: %s: ", subject->path, report_severity(entry->severity));
        if (signature && subject->spc && subject->spc->num > 1) {
            (void)fprintf(out, "signature %td: ", signature->spc - subject->spc->signatures);
        }
        (void)fprintf(out, "%s: %s", reason_word(entry->reason), reason_text(entry->reason));
        if (signature) {
            print_cause(out, signature, entry);
        } else if (subject->why[0]) {
            (void)fprintf(out, ": %s", subject->why);
        }
        (void)fputc('\n', out);
    }
}

void report_reasons(FILE *out, const struct subject *subject, const struct policy_file *file,
                    enum severity least)
{
    print_reasons(out, subject, &file->own, NULL, least);
    for (size_t i = 0; i < file->num; i++) {
        print_reasons(out, subject, &file->signatures[i].reasons, &file->signatures[i], least);
    }
}

/* ---- show ---- */

static void show_stamp(FILE *out, const struct policy_stamp *stamp)
{
    char time[GENTIME_TEXT_MAX] = "?", name[NAME_MAX_SHOWN] = "not named", policy[OID_TEXT_MAX];
    char serial[2 * TSP_SERIAL_MAX + 3];
    size_t len;

    if (stamp->kind == SPC_STAMP_NONE) {
        (void)fprintf(out, "  timestamp:   none\n");
        return;
    }
    if (stamp->report.has_time && gentime_build_iso(stamp->report.time, time, &len) != RC_OK) {
        (void)snprintf(time, sizeof time, "?");
    }
    if (stamp->report.cert.der.len > 0) {
        (void)cert_name(stamp->report.cert.subject, name, sizeof name);
    }
    (void)fprintf(out, "  timestamp:   %s, %s, %s, by %s\n", report_stamp_name(stamp->kind), time,
                  digest_name(stamp->digest), report_safe(name));
    if (stamp->kind == SPC_STAMP_RFC3161 && stamp->report.has_time) {
        (void)fprintf(out, "  policy:      %s\n",
                      oid_to_text(stamp->report.token.info.policy, policy, sizeof policy));
        (void)fprintf(out, "  serial:      %s\n",
                      bytes_to_hex(stamp->report.token.info.serial, serial, sizeof serial));
    }
}

void report_show(FILE *out, const struct subject *subject, const struct policy_file *file)
{
    char name[NAME_MAX_SHOWN];

    if (!subject->ops) {
        return; /* there is a reason, and it says all that is known */
    }
    (void)fprintf(out, "%s: %s%s\n", subject->path, subject->ops->name,
                  reasons_has(&subject->reasons, REASON_UNSIGNED) ? ", not signed" : "");
    for (size_t i = 0; i < file->num; i++) {
        const struct policy_signature *signature = &file->signatures[i];

        (void)fprintf(out, "signature %zu%s\n", i, signature->spc->depth > 0 ? " (nested)" : "");
        (void)snprintf(name, sizeof name, "not there");
        if (signature->cert.der.len > 0) {
            (void)cert_name(signature->cert.subject, name, sizeof name);
        }
        (void)fprintf(out, "  signer:      %s\n", report_safe(name));
        (void)fprintf(out, "  digest:      %s\n", digest_name(signature->spc->cms.signer.digest));
        show_stamp(out, &signature->stamp);
    }
}

/* ---- the last lines ---- */

void report_counts(FILE *out, const char *done, const struct report_counts *counts)
{
    (void)fprintf(out,
                  "Number of files successfully %s: %zu\nNumber of warnings: %zu\nNumber of errors: %zu\n",
                  done, counts->good + counts->warnings, counts->warnings, counts->errors);
}
