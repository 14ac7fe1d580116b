/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is there is read and judged before the first file is written. Then keys come before the certificates that need them and issuers before what
 * they issue, each file whole or not at all: so a run that is killed anywhere leaves a folder that the next run completes. A certificate is
 * renewed under its old key; the root too, so that what it has signed stays good.
 */
#include "certs/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certs/certext.h"
#include "certs/certfile.h"
#include "certs/issue.h"
#include "certs/pfx.h"
#include "tsa/base/safefile.h"

#define DAY             (86400LL)
#define YEAR            (36525 * DAY / 100)
#define BACKDATE        3600
#define ORGANIZATION    "Timestamp lab (trusted by nobody else)"
#define FILE_LIMIT      (1u << 20)
#define NAME_MAX_OCTETS 100

enum member {
    ROOT,
    TS_CA,
    CS_CA,
    TSA,
    CODESIGN,
    NUM_MEMBERS
};

static const enum oid for_timestamps[] = {OID_KP_TIME_STAMPING, OID_NONE};
static const enum oid for_code[] = {OID_KP_CODE_SIGNING, OID_NONE};

#define CA_USAGE (CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN)

/* Issuers before what they issue. The CAs' names end in a part of the root's key, so that two labs do not look the same. */
static const struct plan {
    const char *name;
    enum lab_file cert, key;
    enum member issuer;
    int64_t life; /* seconds; 0 = the option's */
    int path_len; /* negative: no CA */
    const enum oid *purposes;
} plans[NUM_MEMBERS] = {
    [ROOT] = {"TSA Lab Root", LAB_ROOT_PEM, LAB_ROOT_KEY, ROOT, 20 * YEAR, 1, NULL},
    [TS_CA] = {"TSA Lab Timestamping CA", LAB_TS_CA_PEM, LAB_TS_CA_KEY, ROOT, 15 * YEAR, 0, for_timestamps},
    [CS_CA] = {"TSA Lab Code Signing CA", LAB_CS_CA_PEM, LAB_CS_CA_KEY, ROOT, 15 * YEAR, 0, for_code},
    [TSA] = {"TSA Lab Timestamp Authority", LAB_CHAIN, LAB_TSA_KEY, TS_CA, 11 * YEAR, -1, for_timestamps},
    [CODESIGN] = {LAB_CODESIGN_NAME, LAB_CODESIGN_PEM, LAB_CODESIGN_KEY, CS_CA, 0, -1, for_code},
};

struct work {
    struct lab *lab;
    const struct lab_options *options;
    struct gentime now;
    struct member_state {
        struct wbuf der; /* empty where there is none */
        struct cert cert;
        EVP_PKEY *key;
        bool renewed; /* issued now, in place of another */
    } members[NUM_MEMBERS];
    int lock;
};

const struct lab_options lab_defaults = {
    .ca_key = KEYFILE_RSA_3072,
    .tsa_key = KEYFILE_RSA_3072,
    .codesign_key = KEYFILE_RSA_3072,
    .codesign_days = 30,
};

/* ---- paths, notes, complaints ---- */

static const char *const names[LAB_NUM_FILES] = {
    [LAB_ROOT_PEM] = "root.pem",
    [LAB_ROOT_CER] = "root.cer",
    [LAB_CHAIN] = "chain.pem",
    [LAB_TSA_KEY] = "tsa.key",
    [LAB_CODESIGN_PEM] = "codesign.pem",
    [LAB_CODESIGN_KEY] = "codesign.key",
    [LAB_CODESIGN_PFX] = "codesign.pfx",
    [LAB_CA_DIR] = "ca",
    [LAB_ROOT_KEY] = "ca/root.key",
    [LAB_TS_CA_PEM] = "ca/timestamping.pem",
    [LAB_TS_CA_KEY] = "ca/timestamping.key",
    [LAB_CS_CA_PEM] = "ca/codesigning.pem",
    [LAB_CS_CA_KEY] = "ca/codesigning.key",
};

enum rc lab_init(struct lab *lab, const char *dir)
{
    *lab = (struct lab){0};
    for (size_t i = 0; i < LAB_NUM_FILES; i++) {
        if (asprintf(&lab->files[i], "%s/%s", dir, names[i]) < 0) {
            lab->files[i] = NULL;
            return RC_NO_MEMORY;
        }
    }
    return RC_OK;
}

void lab_clear(struct lab *lab)
{
    for (size_t i = 0; i < LAB_NUM_FILES; i++) {
        free(lab->files[i]);
    }
    *lab = (struct lab){0};
}

const char *lab_deed_text(enum lab_deed deed)
{
    static const char *const texts[] = {
        [LAB_MADE] = "made", [LAB_RENEWED] = "renewed", [LAB_MENDED] = "mended"};

    return texts[deed];
}

__attribute__((format(printf, 3, 4))) static enum rc fail(struct work *w, enum rc rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(w->lab->error, sizeof w->lab->error, format, args);
    va_end(args);
    return rc;
}

static enum rc fail_file(struct work *w, enum rc rc)
{
    return fail(w, rc, "%s", safefile_error_text());
}

__attribute__((format(printf, 4, 5))) static void note(struct work *w, enum lab_deed deed, enum lab_file file,
                                                       const char *format, ...)
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

/* ---- what two certificates are to each other ---- */

static X509 *x509_of(struct bytes der)
{
    const unsigned char *at = der.data;

    return der.len > 0 && der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
}

static bool is_signed_by(struct bytes subject_der, struct bytes issuer_der)
{
    X509 *subject, *issuer;
    bool good;

    ERR_set_mark();
    subject = x509_of(subject_der);
    issuer = x509_of(issuer_der);
    good = subject && issuer && X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
    X509_free(subject);
    X509_free(issuer);
    ERR_pop_to_mark();
    return good;
}

static bool is_marked(struct bytes der)
{
    struct cert cert;

    return cert_parse(der, &cert) == RC_OK && certext_has_policy(&cert, OID_LAB_POLICY);
}

bool lab_is_lab_chain(const struct bytes *certs, size_t num)
{
    bool good = num >= 2;

    for (size_t i = 0; good && i < num; i++) {
        good = is_marked(certs[i]) && is_signed_by(certs[i], certs[i + 1 < num ? i + 1 : i]);
    }
    return good;
}

/* ---- folders ---- */

static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        bool good;

        *slash = '\0';
        good = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!good) {
            return false;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The lock stands on the folder of the CA's keys and ends with the descriptor. */
static enum rc open_folder(struct work *w)
{
    char *path = w->lab->files[LAB_CA_DIR];
    struct stat st;

    if (!make_folders(path)) {
        return fail(w, RC_IO, "can not make the folder %s: %s", path, strerror(errno));
    }
    w->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->lock < 0 || fstat(w->lock, &st) != 0) {
        return fail(w, RC_IO, "can not open the folder %s: %s", path, strerror(errno));
    }
    if ((st.st_mode & 077) != 0 && fchmod(w->lock, 0700) != 0) {
        return fail(w, RC_IO, "can not close the folder %s to others: %s", path, strerror(errno));
    }
    while (flock(w->lock, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail(w, RC_IO, "can not lock the folder %s: %s", path, strerror(errno));
        }
    }
    return RC_OK;
}

/* ---- reading and judging what is there ---- */

/* RC_NOT_FOUND stays a reason without complaint. */
static enum rc read_file(struct work *w, enum lab_file file, struct wbuf *out)
{
    enum rc rc = safefile_read(w->lab->files[file], FILE_LIMIT, out);

    return rc == RC_OK || rc == RC_NOT_FOUND ? rc : fail_file(w, rc);
}

static enum rc in_the_way(struct work *w, enum lab_file file)
{
    return fail(w, RC_CERT_MALFORMED,
                "%s was not made by the lab authority, and is left as it is: take another folder",
                w->lab->files[file]);
}

/* Takes the first certificate of a file that the lab has made; RC_NOT_FOUND where there is no file. */
static enum rc read_lab_cert(struct work *w, enum lab_file file, struct wbuf *out_der)
{
    struct certfile found = {0};
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, FILE_LIMIT);
    rc = read_file(w, file, &text);
    if (rc == RC_OK) {
        if (certfile_parse(wbuf_bytes(&text), &found) != RC_OK || found.num == 0 ||
            !is_marked(found.certs[0])) {
            rc = in_the_way(w, file);
        } else {
            wbuf_put(out_der, found.certs[0]);
            rc = wbuf_rc(out_der);
        }
    }
    certfile_clear(&found);
    wbuf_clear(&text);
    return rc;
}

static enum rc read_key(struct work *w, enum lab_file file, EVP_PKEY **out)
{
    enum rc rc = keyfile_read(w->lab->files[file], NULL, out);

    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        return RC_OK;
    }
    return rc == RC_IO ? fail_file(w, rc) : fail(w, rc, "%s: %s", w->lab->files[file], rc_text(rc));
}

static enum rc read_member(struct work *w, enum member i)
{
    struct member_state *m = &w->members[i];
    enum rc rc = read_lab_cert(w, plans[i].cert, &m->der);

    if (rc == RC_OK) {
        rc = cert_parse(wbuf_bytes(&m->der), &m->cert);
    }
    return rc == RC_OK || rc == RC_NOT_FOUND ? read_key(w, plans[i].key, &m->key) : rc;
}

/* codesign.pfx as it stands; RC_NOT_FOUND without complaint. */
static enum rc read_pfx(struct work *w, EVP_PKEY **out_key, struct certfile *out_certs)
{
    struct wbuf text;
    enum rc rc;

    *out_key = NULL;
    *out_certs = (struct certfile){0};
    wbuf_init(&text, FILE_LIMIT);
    rc = read_file(w, LAB_CODESIGN_PFX, &text);
    if (rc == RC_OK && pfx_parse(wbuf_bytes(&text), LAB_PFX_PASSWORD, out_key, out_certs) != RC_OK) {
        rc = in_the_way(w, LAB_CODESIGN_PFX);
    }
    wbuf_cleanse(&text);
    return rc;
}

/* Files that are made out of others: are they ours to replace? */
static enum rc check_derived(struct work *w)
{
    struct certfile certs = {0};
    EVP_PKEY *key = NULL;
    struct wbuf der;
    enum rc rc;

    wbuf_init(&der, FILE_LIMIT);
    rc = read_lab_cert(w, LAB_ROOT_CER, &der);
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        rc = read_pfx(w, &key, &certs);
    }
    EVP_PKEY_free(key);
    certfile_clear(&certs);
    wbuf_clear(&der);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc read_all(struct work *w)
{
    const struct member_state *root = &w->members[ROOT];
    enum rc rc = RC_OK;

    for (enum member i = 0; rc == RC_OK && i < NUM_MEMBERS; i++) {
        rc = read_member(w, i);
    }
    if (rc == RC_OK && root->key && root->der.len > 0 && !keyfile_fits(root->key, root->cert.spki)) {
        rc = fail(w, RC_CERT_KEY_MISMATCH, "%s does not belong to %s: take one of them away",
                  w->lab->files[LAB_ROOT_KEY], w->lab->files[LAB_ROOT_PEM]);
    }
    return rc == RC_OK ? check_derived(w) : rc;
}

/* Less than a third of its life is left, or the clock stands before it. */
static bool is_due(const struct cert *cert, struct gentime now)
{
    int64_t life = cert->not_after.sec - cert->not_before.sec, left = cert->not_after.sec - now.sec;

    return left < life / 3 || now.sec < cert->not_before.sec;
}

static bool needs_issue(const struct work *w, enum member i)
{
    const struct member_state *m = &w->members[i];
    bool is_leaf = plans[i].path_len < 0;

    return m->der.len == 0 || is_due(&m->cert, w->now) || (is_leaf && !m->key) ||
           (m->key && !keyfile_fits(m->key, m->cert.spki)) ||
           !is_signed_by(wbuf_bytes(&m->der), wbuf_bytes(&w->members[plans[i].issuer].der));
}

/* ---- issuing ---- */

static enum keyfile_kind key_kind(const struct work *w, enum member i)
{
    return i == TSA ? w->options->tsa_key : i == CODESIGN ? w->options->codesign_key : w->options->ca_key;
}

static enum rc need_key(struct work *w, enum member i)
{
    struct member_state *m = &w->members[i];
    const char *path = w->lab->files[plans[i].key];
    char kind[KEYFILE_KIND_TEXT_MAX];
    enum rc rc;

    if (m->key) {
        return RC_OK;
    }
    if (i == ROOT && m->der.len > 0) {
        return fail(w, RC_NOT_FOUND,
                    "%s is missing, and something must be issued: put it back, or remove the folder to make "
                    "a new authority",
                    path);
    }
    rc = keyfile_make(key_kind(w, i), &m->key);
    if (rc != RC_OK) {
        return fail(w, rc, "can not make a private key for %s: %s", path, rc_text(rc));
    }
    rc = keyfile_write(path, m->key, NULL);
    if (rc != RC_OK) {
        return fail_file(w, rc);
    }
    note(w, LAB_MADE, plans[i].key, "%s", keyfile_kind_text(m->key, kind));
    return RC_OK;
}

static enum rc write_name(struct work *w, enum member i, char out[NAME_MAX_OCTETS])
{
    unsigned char *der = NULL;
    uint8_t digest[DIGEST_MAX];
    char hex[9];
    struct bytes spki;
    int len;
    enum rc rc;

    if (plans[i].path_len < 0) {
        (void)snprintf(out, NAME_MAX_OCTETS, "%s", plans[i].name);
        return RC_OK;
    }
    len = i2d_PUBKEY(w->members[ROOT].key, &der);
    if (len <= 0) {
        return RC_CRYPTO;
    }
    spki = bytes_of(der, (size_t)len);
    rc = digest_compute(DIGEST_SHA256, &spki, 1, digest);
    (void)snprintf(out, NAME_MAX_OCTETS, "%s %s", plans[i].name,
                   bytes_to_hex(bytes_of(digest, 4), hex, sizeof hex));
    OPENSSL_free(der);
    return rc;
}

static struct gentime end_of(const struct work *w, enum member i, struct gentime begin)
{
    int64_t life = plans[i].life ? plans[i].life : w->options->codesign_days * DAY;
    struct gentime end = {.sec = begin.sec + life}, limit = w->members[plans[i].issuer].cert.not_after;

    return i != ROOT && gentime_compare(limit, end) < 0 ? limit : end;
}

static enum rc issue_into(struct work *w, enum member i, struct wbuf *out)
{
    const struct member_state *issuer = &w->members[plans[i].issuer];
    char name[NAME_MAX_OCTETS];
    struct issue issue = {
        .common_name = name,
        .organization = ORGANIZATION,
        .not_before = {.sec = w->now.sec - BACKDATE},
        .key = w->members[i].key,
        .is_ca = plans[i].path_len >= 0,
        .path_len = plans[i].path_len,
        .key_usage = plans[i].path_len >= 0 ? CA_USAGE : CERT_USAGE_DIGITAL_SIGNATURE,
        .purposes = plans[i].purposes,
        .purposes_critical = i == TSA, /* RFC 3161 2.3 */
        .policy = OID_LAB_POLICY,
        .issuer = i == ROOT ? BYTES_NONE : wbuf_bytes(&issuer->der),
        .issuer_key = issuer->key,
        .digest = DIGEST_SHA256,
    };
    enum rc rc = write_name(w, i, name);

    issue.not_after = end_of(w, i, issue.not_before);
    return rc == RC_OK ? issue_certificate(&issue, out) : rc;
}

static enum rc issue_member(struct work *w, enum member i)
{
    struct member_state *m = &w->members[i];
    struct wbuf der;
    enum rc rc = need_key(w, i);

    if (rc != RC_OK) {
        return rc;
    }
    wbuf_init(&der, FILE_LIMIT);
    rc = issue_into(w, i, &der);
    if (rc != RC_OK) {
        wbuf_clear(&der);
        return fail(w, rc, "can not issue %s: %s", w->lab->files[plans[i].cert], rc_text(rc));
    }
    m->renewed = m->der.len > 0;
    wbuf_clear(&m->der);
    m->der = der;
    return cert_parse(wbuf_bytes(&m->der), &m->cert);
}

/* An intermediate whose key was taken away gets a new one when it has something to issue. */
static enum rc issue_if_needed(struct work *w, enum member i)
{
    enum member issuer = plans[i].issuer;
    enum rc rc = RC_OK;

    if (!needs_issue(w, i)) {
        return RC_OK;
    }
    if (issuer != ROOT && !w->members[issuer].key) {
        rc = need_key(w, ROOT);
        rc = rc == RC_OK ? issue_member(w, issuer) : rc;
    } else if (i != ROOT) {
        rc = need_key(w, issuer);
    }
    return rc == RC_OK ? issue_member(w, i) : rc;
}

/* ---- writing ---- */

enum put {
    PUT_SAME,
    PUT_NEW,
    PUT_REPLACED
};

/* Writes a file that is not there or holds something else. */
static enum rc put_file(struct work *w, enum lab_file file, struct bytes wanted, enum put *out_put)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, FILE_LIMIT);
    rc = read_file(w, file, &text);
    *out_put = rc == RC_NOT_FOUND                       ? PUT_NEW
               : bytes_equal(wbuf_bytes(&text), wanted) ? PUT_SAME
                                                        : PUT_REPLACED;
    wbuf_clear(&text);
    if ((rc != RC_OK && rc != RC_NOT_FOUND) || *out_put == PUT_SAME) {
        return rc;
    }
    rc = safefile_write(w->lab->files[file], wanted, 0644);
    return rc == RC_OK ? RC_OK : fail_file(w, rc);
}

static enum rc put_noted(struct work *w, enum member i, enum lab_file file, struct bytes wanted)
{
    const struct member_state *m = &w->members[i];
    char name[NAME_MAX_OCTETS], until[GENTIME_TEXT_MAX];
    enum put put;
    size_t len;
    enum rc rc = put_file(w, file, wanted, &put);

    if (rc == RC_OK) {
        rc = gentime_build_iso(m->cert.not_after, until, &len);
    }
    if (rc == RC_OK && put != PUT_SAME) {
        note(w,
             put == PUT_NEW ? LAB_MADE
             : m->renewed   ? LAB_RENEWED
                            : LAB_MENDED,
             file, "%s, until %.10s", cert_name(m->cert.subject, name, sizeof name), until);
    }
    return rc;
}

static enum rc put_member(struct work *w, enum member i)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, FILE_LIMIT);
    certfile_put_pem(&text, wbuf_bytes(&w->members[i].der));
    if (plans[i].path_len < 0) {
        certfile_put_pem(&text, wbuf_bytes(&w->members[plans[i].issuer].der));
    }
    rc = wbuf_rc(&text);
    rc = rc == RC_OK ? put_noted(w, i, plans[i].cert, wbuf_bytes(&text)) : rc;
    wbuf_clear(&text);
    return rc == RC_OK && i == ROOT ? put_noted(w, i, LAB_ROOT_CER, wbuf_bytes(&w->members[i].der)) : rc;
}

/* ---- codesign.pfx ---- */

static enum rc write_pfx(struct work *w)
{
    const struct bytes chain[] = {wbuf_bytes(&w->members[CS_CA].der), wbuf_bytes(&w->members[ROOT].der)};
    const struct member_state *leaf = &w->members[CODESIGN];
    const struct pfx pfx = {plans[CODESIGN].name, leaf->key, wbuf_bytes(&leaf->der), chain, 2};
    struct wbuf der;
    enum rc rc;

    wbuf_init(&der, FILE_LIMIT);
    rc = pfx_build(&pfx, LAB_PFX_PASSWORD, PFX_OLD_WINDOWS, &der);
    if (rc != RC_OK) {
        rc = fail(w, rc, "can not make %s: %s", w->lab->files[LAB_CODESIGN_PFX], rc_text(rc));
    } else if ((rc = safefile_write(w->lab->files[LAB_CODESIGN_PFX], wbuf_bytes(&der), 0600)) != RC_OK) {
        rc = fail_file(w, rc);
    }
    wbuf_cleanse(&der);
    return rc;
}

static bool pfx_fits(const struct work *w, const EVP_PKEY *key, const struct certfile *certs)
{
    const struct bytes want[] = {wbuf_bytes(&w->members[CODESIGN].der), wbuf_bytes(&w->members[CS_CA].der),
                                 wbuf_bytes(&w->members[ROOT].der)};
    bool fits = certs->num == 3 && EVP_PKEY_eq(key, w->members[CODESIGN].key) == 1;

    for (size_t i = 0; fits && i < 3; i++) {
        fits = bytes_equal(certs->certs[i], want[i]);
    }
    return fits;
}

static enum rc put_pfx(struct work *w)
{
    struct certfile certs;
    EVP_PKEY *key;
    enum rc rc = read_pfx(w, &key, &certs);
    bool is_there = rc == RC_OK, fits = is_there && pfx_fits(w, key, &certs);

    EVP_PKEY_free(key);
    certfile_clear(&certs);
    if (fits || (rc != RC_OK && rc != RC_NOT_FOUND)) {
        return rc;
    }
    rc = write_pfx(w);
    if (rc == RC_OK) {
        note(w, is_there ? LAB_RENEWED : LAB_MADE, LAB_CODESIGN_PFX, "password \"%s\"", LAB_PFX_PASSWORD);
    }
    return rc;
}

/* ---- all together ---- */

static enum rc make_all(struct work *w)
{
    enum rc rc = open_folder(w);

    rc = rc == RC_OK ? read_all(w) : rc;
    for (enum member i = 0; rc == RC_OK && i < NUM_MEMBERS; i++) {
        rc = issue_if_needed(w, i);
    }
    for (enum member i = 0; rc == RC_OK && i < NUM_MEMBERS; i++) {
        rc = put_member(w, i);
    }
    return rc == RC_OK ? put_pfx(w) : rc;
}

enum rc lab_make(struct lab *lab, const struct lab_options *options, struct gentime now)
{
    struct work w = {.lab = lab, .options = options, .now = now, .lock = -1};
    enum rc rc;

    lab->num_notes = 0;
    lab->error[0] = '\0';
    for (size_t i = 0; i < NUM_MEMBERS; i++) {
        wbuf_init(&w.members[i].der, FILE_LIMIT);
    }
    ERR_set_mark();
    rc = make_all(&w);
    ERR_pop_to_mark();
    if (rc != RC_OK && lab->error[0] == '\0') {
        (void)fail(&w, rc, "%s", rc_text(rc));
    }
    for (size_t i = 0; i < NUM_MEMBERS; i++) {
        wbuf_clear(&w.members[i].der);
        EVP_PKEY_free(w.members[i].key);
    }
    if (w.lock >= 0) {
        (void)close(w.lock);
    }
    return rc;
}
