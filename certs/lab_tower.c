/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, judging and issuing of one member of the lab authority. A certificate is renewed under its old key, the root too, so that what it has
 * signed stays good. A private key is made only where none is there, and never where a root without its key stands.
 */
#include "certs/lab_tower.h"

#include <stdarg.h>
#include <stdio.h>

#include <openssl/x509.h>

#include "certs/certext.h"
#include "certs/certfile.h"
#include "certs/certlib.h"
#include "certs/issue.h"
#include "tsa/base/safefile.h"

#define DAY          86400LL
#define YEAR         (36525 * DAY / 100)
#define BACKDATE     3600 /* for hosts whose clocks are late */
#define ORGANIZATION "Timestamp lab (trusted by nobody else)"

static const enum oid for_timestamps[] = {OID_KP_TIME_STAMPING, OID_NONE};
static const enum oid for_code[] = {OID_KP_CODE_SIGNING, OID_NONE};

#define CA_USAGE (CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN)

/* Issuers before what they issue. The CAs' names end in a part of the root's key, so that two labs do not look the same. */
const struct lab_plan lab_plans[LAB_NUM_MEMBERS] = {
    [LAB_ROOT] = {"TSA Lab Root", LAB_ROOT_PEM, LAB_ROOT_KEY, LAB_ROOT, 1, 20 * YEAR, NULL},
    [LAB_TS_CA] = {"TSA Lab Timestamping CA", LAB_TS_CA_PEM, LAB_TS_CA_KEY, LAB_ROOT, 0, 15 * YEAR,
                   for_timestamps},
    [LAB_CS_CA] = {"TSA Lab Code Signing CA", LAB_CS_CA_PEM, LAB_CS_CA_KEY, LAB_ROOT, 0, 15 * YEAR, for_code},
    [LAB_TSA] = {"TSA Lab Timestamp Authority", LAB_CHAIN, LAB_TSA_KEY, LAB_TS_CA, -1, 11 * YEAR,
                 for_timestamps},
    [LAB_CODESIGN] = {LAB_CODESIGN_NAME, LAB_CODESIGN_PEM, LAB_CODESIGN_KEY, LAB_CS_CA, -1, 0, for_code},
};

/* ---- complaints and notes ---- */

enum rc lab_tower_fail(struct lab_work *w, enum rc rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(w->lab->error, sizeof w->lab->error, format, args);
    va_end(args);
    return rc;
}

enum rc lab_tower_fail_file(struct lab_work *w, enum rc rc)
{
    return lab_tower_fail(w, rc, "%s", safefile_error_text());
}

void lab_tower_note(struct lab_work *w, enum lab_deed deed, enum lab_file file, const char *format, ...)
{
    struct lab_note *n = &w->lab->notes[w->lab->num_notes];
    va_list args;

    if (w->lab->num_notes == sizeof w->lab->notes / sizeof *w->lab->notes) {
        return;
    }
    w->lab->num_notes++;
    n->deed = deed;
    n->file = file;
    va_start(args, format);
    (void)vsnprintf(n->text, sizeof n->text, format, args);
    va_end(args);
}

/* ---- reading and judging what is there ---- */

static bool is_marked(struct bytes der)
{
    struct cert cert;

    return cert_parse(der, &cert) == RC_OK && certext_has_policy(&cert, OID_LAB_POLICY);
}

/* RC_NOT_FOUND stays a reason without complaint. */
enum rc lab_tower_read_file(struct lab_work *w, enum lab_file file, struct wbuf *out)
{
    enum rc rc = safefile_read(w->lab->files[file], LAB_FILE_LIMIT, out);

    return rc == RC_OK || rc == RC_NOT_FOUND ? rc : lab_tower_fail_file(w, rc);
}

enum rc lab_tower_in_the_way(struct lab_work *w, enum lab_file file)
{
    return lab_tower_fail(w, RC_CERT_MALFORMED,
                          "%s was not made by the lab authority, and is left as it is: take another folder",
                          w->lab->files[file]);
}

/* Takes the first certificate of a file that the lab has made; RC_NOT_FOUND where there is no file. */
enum rc lab_tower_read_cert(struct lab_work *w, enum lab_file file, struct wbuf *out_der)
{
    struct certfile found = {0};
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, LAB_FILE_LIMIT);
    rc = lab_tower_read_file(w, file, &text);
    if (rc == RC_OK) {
        if (certfile_parse(wbuf_bytes(&text), &found) != RC_OK || found.num == 0 ||
            !is_marked(found.certs[0])) {
            rc = lab_tower_in_the_way(w, file);
        } else {
            wbuf_put(out_der, found.certs[0]);
            rc = wbuf_rc(out_der);
        }
    }
    certfile_clear(&found);
    wbuf_clear(&text);
    return rc;
}

static enum rc read_key(struct lab_work *w, enum lab_file file, EVP_PKEY **out)
{
    enum rc rc = keyfile_read(w->lab->files[file], NULL, out);

    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        return RC_OK;
    }
    return rc == RC_IO ? lab_tower_fail_file(w, rc)
                       : lab_tower_fail(w, rc, "%s: %s", w->lab->files[file], rc_text(rc));
}

enum rc lab_tower_read(struct lab_work *w, enum lab_member i)
{
    struct lab_state *m = &w->members[i];
    enum rc rc = lab_tower_read_cert(w, lab_plans[i].cert, &m->der);

    if (rc == RC_OK) {
        rc = cert_parse(wbuf_bytes(&m->der), &m->cert);
    }
    return rc == RC_OK || rc == RC_NOT_FOUND ? read_key(w, lab_plans[i].key, &m->key) : rc;
}

/* Less than a third of its life is left, or the clock stands before it. */
static bool is_due(const struct cert *cert, struct gentime now)
{
    int64_t life = cert->not_after.sec - cert->not_before.sec, left = cert->not_after.sec - now.sec;

    return left < life / 3 || now.sec < cert->not_before.sec;
}

static bool needs_issue(const struct lab_work *w, enum lab_member i)
{
    const struct lab_state *m = &w->members[i];
    bool is_leaf = lab_plans[i].path_len < 0;

    return m->der.len == 0 || is_due(&m->cert, w->now) || (is_leaf && !m->key) ||
           (m->key && !keyfile_fits(m->key, m->cert.spki)) ||
           !certlib_is_issued_by(wbuf_bytes(&m->der), wbuf_bytes(&w->members[lab_plans[i].issuer].der));
}

/* ---- issuing ---- */

static enum keyfile_kind key_kind(const struct lab_work *w, enum lab_member i)
{
    return i == LAB_TSA        ? w->options->tsa_key
           : i == LAB_CODESIGN ? w->options->codesign_key
                               : w->options->ca_key;
}

static enum rc need_key(struct lab_work *w, enum lab_member i)
{
    struct lab_state *m = &w->members[i];
    const char *path = w->lab->files[lab_plans[i].key];
    char kind[KEYFILE_KIND_TEXT_MAX];
    enum rc rc;

    if (m->key) {
        return RC_OK;
    }
    if (i == LAB_ROOT && m->der.len > 0) {
        return lab_tower_fail(
            w, RC_NOT_FOUND,
            "%s is missing, and something must be issued: put it back, or remove the folder to make "
            "a new authority",
            path);
    }
    rc = keyfile_make(key_kind(w, i), &m->key);
    if (rc != RC_OK) {
        return lab_tower_fail(w, rc, "can not make a private key for %s: %s", path, rc_text(rc));
    }
    rc = keyfile_write(path, m->key, NULL);
    if (rc != RC_OK) {
        return lab_tower_fail_file(w, rc);
    }
    lab_tower_note(w, LAB_MADE, lab_plans[i].key, "%s", keyfile_kind_text(m->key, kind));
    return RC_OK;
}

static enum rc write_name(struct lab_work *w, enum lab_member i, char out[LAB_NAME_SIZE])
{
    unsigned char *der = NULL;
    uint8_t digest[DIGEST_MAX];
    char hex[9];
    struct bytes spki;
    int len;
    enum rc rc;

    if (lab_plans[i].path_len < 0) {
        (void)snprintf(out, LAB_NAME_SIZE, "%s", lab_plans[i].name);
        return RC_OK;
    }
    len = i2d_PUBKEY(w->members[LAB_ROOT].key, &der);
    if (len <= 0) {
        return RC_CRYPTO;
    }
    spki = bytes_of(der, (size_t)len);
    rc = digest_compute(DIGEST_SHA256, &spki, 1, digest);
    (void)snprintf(out, LAB_NAME_SIZE, "%s %s", lab_plans[i].name,
                   bytes_to_hex(bytes_of(digest, 4), hex, sizeof hex));
    OPENSSL_free(der);
    return rc;
}

static struct gentime end_of(const struct lab_work *w, enum lab_member i, struct gentime begin)
{
    int64_t life = lab_plans[i].life ? lab_plans[i].life : w->options->codesign_days * DAY;
    struct gentime end = {.sec = begin.sec + life}, limit = w->members[lab_plans[i].issuer].cert.not_after;

    return i != LAB_ROOT && gentime_compare(limit, end) < 0 ? limit : end;
}

static enum rc issue_into(struct lab_work *w, enum lab_member i, struct wbuf *out)
{
    const struct lab_state *issuer = &w->members[lab_plans[i].issuer];
    char name[LAB_NAME_SIZE];
    struct issue issue = {
        .common_name = name,
        .organization = ORGANIZATION,
        .not_before = {.sec = w->now.sec - BACKDATE},
        .key = w->members[i].key,
        .is_ca = lab_plans[i].path_len >= 0,
        .path_len = lab_plans[i].path_len,
        .key_usage = lab_plans[i].path_len >= 0 ? CA_USAGE : CERT_USAGE_DIGITAL_SIGNATURE,
        .purposes = lab_plans[i].purposes,
        .purposes_critical = i == LAB_TSA, /* RFC 3161 2.3 */
        .policy = OID_LAB_POLICY,
        .issuer = i == LAB_ROOT ? BYTES_NONE : wbuf_bytes(&issuer->der),
        .issuer_key = issuer->key,
        .digest = DIGEST_SHA256,
    };
    enum rc rc = write_name(w, i, name);

    issue.not_after = end_of(w, i, issue.not_before);
    return rc == RC_OK ? issue_certificate(&issue, out) : rc;
}

static enum rc issue_member(struct lab_work *w, enum lab_member i)
{
    struct lab_state *m = &w->members[i];
    struct wbuf der;
    enum rc rc = need_key(w, i);

    if (rc != RC_OK) {
        return rc;
    }
    wbuf_init(&der, LAB_FILE_LIMIT);
    rc = issue_into(w, i, &der);
    if (rc != RC_OK) {
        wbuf_clear(&der);
        return lab_tower_fail(w, rc, "can not issue %s: %s", w->lab->files[lab_plans[i].cert], rc_text(rc));
    }
    m->renewed = m->der.len > 0;
    wbuf_clear(&m->der);
    m->der = der;
    return cert_parse(wbuf_bytes(&m->der), &m->cert);
}

/* An intermediate whose key was taken away gets a new one when it has something to issue. */
enum rc lab_tower_issue(struct lab_work *w, enum lab_member i)
{
    enum lab_member issuer = lab_plans[i].issuer;
    enum rc rc = RC_OK;

    if (!needs_issue(w, i)) {
        return RC_OK;
    }
    if (issuer != LAB_ROOT && !w->members[issuer].key) {
        rc = need_key(w, LAB_ROOT);
        rc = rc == RC_OK ? issue_member(w, issuer) : rc;
    } else if (i != LAB_ROOT) {
        rc = need_key(w, issuer);
    }
    return rc == RC_OK ? issue_member(w, i) : rc;
}
