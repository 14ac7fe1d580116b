/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people. The layout is that of signtool's verbose output, so that eyes and scripts used to it find their way.
 */
#include "tsclient/report/report.h"

#include <string.h>
#include <time.h>

#define NAME_MAX_SHOWN 200

/* What a terminal obeys: controls (C0, DEL, C1), and the marks that end a line or turn the direction of writing. */
static bool is_obeyed(uint32_t code)
{
    static const uint32_t ranges[][2] = {{0x01, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
                                         {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i][0] && code <= ranges[i][1]) {
            return true;
        }
    }
    return false;
}

/* One character of UTF-8 (RFC 3629); an octet that is part of none stands for itself, as old terminals take it. text ends in a NUL, so
 * looking ahead stops there. */
static size_t decode(const unsigned char *text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = text[0] < 0xc2 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 1;
    uint32_t code = text[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            len = 1;
        }
        code = code << 6 | (text[i] & 0x3fu);
    }
    *out = len == 1 || code < least[len] ? text[0] : code;
    return len == 1 || code < least[len] ? 1 : len;
}

char *report_safe(char *text)
{
    uint32_t code;
    size_t len;

    for (char *at = text; *at; at += len) {
        len = decode((const unsigned char *)at, &code);
        if (is_obeyed(code)) {
            memset(at, '?', len);
        }
    }
    return text;
}

char *report_path(const char *path, char out[REPORT_PATH_MAX])
{
    (void)snprintf(out, REPORT_PATH_MAX, "%s", path);
    return report_safe(out);
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
        spc_indirect_parse(signature->cms.content, &indirect) == RC_OK && !indirect.is_package) {
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
    (void)fprintf(out, "%s: %s\n",
                  stamp->rc == RC_OK ? "The signature is timestamped"
                                     : "The signature bears a timestamp that is not good, of",
                  report_time(stamp->report.time, time));
    if (stamp->report.form == CMS_SIGNATURE_BARE_DIGEST) {
        (void)fprintf(out, "The timestamp's signature holds a bare digest, as old authorities made it.\n");
    }
    (void)fprintf(out, "Timestamp %s by:\n", stamp->rc == RC_OK ? "Verified" : "Claimed");
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
    char path[REPORT_PATH_MAX];

    (void)fprintf(out, "Verifying: %s\n\n", report_path(subject->path, path));
    report_signatures(out, file);
}

void report_verified(FILE *out, const char *path)
{
    char shown[REPORT_PATH_MAX];

    (void)fprintf(out, "Successfully verified: %s\n", report_path(path, shown));
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

/* What was compared, where that is not the file whose name stands in front. */
static void print_other_file(FILE *out, const struct subject *subject, const struct reason_entry *entry)
{
    char path[REPORT_PATH_MAX];

    if (subject->has_data &&
        (entry->reason == REASON_DIGEST_MISMATCH || entry->reason == REASON_CONTENT_DIFFERS)) {
        (void)fprintf(out, ": %s", report_path(subject->data_path, path));
    }
}

static void print_reasons(FILE *out, const struct subject *subject, const struct reasons *reasons,
                          const struct policy_signature *signature, enum severity least)
{
    char path[REPORT_PATH_MAX], sentence[REASON_SENTENCE_MAX];

    (void)report_path(subject->path, path);
    for (size_t i = 0; i < reasons->num; i++) {
        const struct reason_entry *entry = &reasons->list[i];

        if (entry->severity < least) {
            continue;
        }
        (void)fprintf(out, "%s: %s: ", path, report_severity(entry->severity));
        if (signature && subject->spc && subject->spc->num > 1) {
            (void)fprintf(out, "signature %td: ", signature->spc - subject->spc->signatures);
        }
        (void)reason_sentence(entry->reason,
                              !signature && reasons_has(&subject->reasons, entry->reason) ? subject->why : "",
                              sentence, sizeof sentence);
        (void)fprintf(out, "%s: %s", reason_word(entry->reason), report_safe(sentence));
        if (signature) {
            print_cause(out, signature, entry);
            print_other_file(out, subject, entry);
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

/* ---- the last lines ---- */

void report_counts(FILE *out, const char *done, const struct report_counts *counts)
{
    (void)fprintf(out,
                  "Number of files successfully %s: %zu\nNumber of warnings: %zu\nNumber of errors: %zu\n",
                  done, counts->good + counts->warnings, counts->warnings, counts->errors);
}
