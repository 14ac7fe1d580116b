/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is there is read and judged before the first file is written. Then keys come before the certificates that need them and issuers before what
 * they issue, each file whole or not at all: so a run that is killed anywhere leaves a folder that the next run completes.
 */
#include "certs/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/certext.h"
#include "certs/certfile.h"
#include "certs/certlib.h"
#include "certs/lab_tower.h"
#include "certs/pfx.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"

const struct lab_options lab_defaults = {
    .ca_key = KEYFILE_RSA_3072,
    .tsa_key = KEYFILE_RSA_3072,
    .codesign_key = KEYFILE_RSA_3072,
    .codesign_days = 30,
};

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

/* A CA that may issue, or something else that may not. libcrypto's check of one signature takes any certificate for an issuer. */
static bool is_marked(struct bytes der, bool wants_ca)
{
    struct cert cert;

    return cert_parse(der, &cert) == RC_OK && certext_has_policy(&cert, OID_LAB_POLICY) &&
           cert.is_ca == wants_ca &&
           (!wants_ca || (cert.has_key_usage && cert.key_usage & CERT_USAGE_KEY_CERT_SIGN));
}

/* The policy alone proves nothing: what others have issued is kept out by the signatures, up to a root that is marked too. */
bool lab_is_lab_chain(const struct bytes *certs, size_t num)
{
    bool good = num >= 2;

    for (size_t i = 0; good && i < num; i++) {
        good = is_marked(certs[i], i > 0) && certlib_is_issued_by(certs[i], certs[i + 1 < num ? i + 1 : i]);
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
static enum rc open_folder(struct lab_work *w)
{
    char *path = w->lab->files[LAB_CA_DIR];
    struct stat st;

    if (!make_folders(path)) {
        return lab_tower_fail(w, RC_IO, "can not make the folder %s: %s", path, strerror(errno));
    }
    w->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->lock < 0 || fstat(w->lock, &st) != 0) {
        return lab_tower_fail(w, RC_IO, "can not open the folder %s: %s", path, strerror(errno));
    }
    if ((st.st_mode & 077) != 0 && fchmod(w->lock, 0700) != 0) {
        return lab_tower_fail(w, RC_IO, "can not close the folder %s to others: %s", path, strerror(errno));
    }
    while (flock(w->lock, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return lab_tower_fail(w, RC_IO, "can not lock the folder %s: %s", path, strerror(errno));
        }
    }
    return RC_OK;
}

/* ---- reading ---- */

/* codesign.pfx as it stands; RC_NOT_FOUND without complaint. */
static enum rc read_pfx(struct lab_work *w, EVP_PKEY **out_key, struct certfile *out_certs)
{
    struct wbuf text;
    enum rc rc;

    *out_key = NULL;
    *out_certs = (struct certfile){0};
    wbuf_init(&text, LAB_FILE_LIMIT);
    rc = lab_tower_read_file(w, LAB_CODESIGN_PFX, &text);
    if (rc == RC_OK && pfx_parse(wbuf_bytes(&text), LAB_PFX_PASSWORD, out_key, out_certs) != RC_OK) {
        rc = lab_tower_in_the_way(w, LAB_CODESIGN_PFX);
    }
    wbuf_cleanse(&text);
    return rc;
}

/* Files that are made out of others: are they ours to replace? */
static enum rc check_derived(struct lab_work *w)
{
    struct certfile certs = {0};
    EVP_PKEY *key = NULL;
    struct wbuf der;
    enum rc rc;

    wbuf_init(&der, LAB_FILE_LIMIT);
    rc = lab_tower_read_cert(w, LAB_ROOT_CER, &der);
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        rc = read_pfx(w, &key, &certs);
    }
    EVP_PKEY_free(key);
    certfile_clear(&certs);
    wbuf_clear(&der);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc read_all(struct lab_work *w)
{
    const struct lab_state *root = &w->members[LAB_ROOT];
    enum rc rc = RC_OK;

    for (enum lab_member i = 0; rc == RC_OK && i < LAB_NUM_MEMBERS; i++) {
        rc = lab_tower_read(w, i);
    }
    if (rc == RC_OK && root->key && root->der.len > 0 && !keyfile_fits(root->key, root->cert.spki)) {
        rc = lab_tower_fail(w, RC_CERT_KEY_MISMATCH, "%s does not belong to %s: take one of them away",
                            w->lab->files[LAB_ROOT_KEY], w->lab->files[LAB_ROOT_PEM]);
    }
    return rc == RC_OK ? check_derived(w) : rc;
}

/* ---- writing ---- */

enum put {
    PUT_SAME,
    PUT_NEW,
    PUT_REPLACED
};

/* Writes a file that is not there or holds something else. */
static enum rc put_file(struct lab_work *w, enum lab_file file, struct bytes wanted, enum put *out_put)
{
    struct wbuf text;
    bool same;
    enum rc rc;

    wbuf_init(&text, LAB_FILE_LIMIT);
    rc = lab_tower_read_file(w, file, &text);
    same = rc == RC_OK && bytes_equal(wbuf_bytes(&text), wanted);
    *out_put = same ? PUT_SAME : rc == RC_OK ? PUT_REPLACED : PUT_NEW;
    wbuf_clear(&text);
    if (same || (rc != RC_OK && rc != RC_NOT_FOUND)) {
        return rc;
    }
    rc = safefile_write(w->lab->files[file], wanted, 0644);
    return rc == RC_OK ? RC_OK : lab_tower_fail_file(w, rc);
}

static enum rc put_noted(struct lab_work *w, enum lab_member i, enum lab_file file, struct bytes wanted)
{
    const struct lab_state *m = &w->members[i];
    const enum lab_deed replaced = m->renewed ? LAB_RENEWED : LAB_MENDED;
    char name[LAB_NAME_SIZE], until[GENTIME_TEXT_MAX];
    enum put put;
    size_t len;
    enum rc rc = put_file(w, file, wanted, &put);

    if (rc == RC_OK) {
        rc = gentime_build_iso(m->cert.not_after, until, &len);
    }
    if (rc == RC_OK && put != PUT_SAME) {
        lab_tower_note(w, put == PUT_NEW ? LAB_MADE : replaced, file, "%s, until %.10s",
                       cert_name(m->cert.subject, name, sizeof name), until);
    }
    return rc;
}

static enum rc put_member(struct lab_work *w, enum lab_member i)
{
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, LAB_FILE_LIMIT);
    certfile_put_pem(&text, wbuf_bytes(&w->members[i].der));
    if (lab_plans[i].path_len < 0) {
        certfile_put_pem(&text, wbuf_bytes(&w->members[lab_plans[i].issuer].der));
    }
    rc = wbuf_rc(&text);
    rc = rc == RC_OK ? put_noted(w, i, lab_plans[i].cert, wbuf_bytes(&text)) : rc;
    wbuf_clear(&text);
    return rc == RC_OK && i == LAB_ROOT ? put_noted(w, i, LAB_ROOT_CER, wbuf_bytes(&w->members[i].der)) : rc;
}

/* ---- codesign.pfx ---- */

static enum rc write_pfx(struct lab_work *w)
{
    const struct bytes chain[] = {wbuf_bytes(&w->members[LAB_CS_CA].der),
                                  wbuf_bytes(&w->members[LAB_ROOT].der)};
    const struct lab_state *leaf = &w->members[LAB_CODESIGN];
    const struct pfx pfx = {lab_plans[LAB_CODESIGN].name, leaf->key, wbuf_bytes(&leaf->der), chain, 2};
    struct wbuf der;
    enum rc rc;

    wbuf_init(&der, LAB_FILE_LIMIT);
    rc = pfx_build(&pfx, LAB_PFX_PASSWORD, PFX_OLD_WINDOWS, &der);
    if (rc != RC_OK) {
        rc = lab_tower_fail(w, rc, "can not make %s: %s", w->lab->files[LAB_CODESIGN_PFX], rc_text(rc));
    } else if ((rc = safefile_write(w->lab->files[LAB_CODESIGN_PFX], wbuf_bytes(&der), 0600)) != RC_OK) {
        rc = lab_tower_fail_file(w, rc);
    }
    wbuf_cleanse(&der);
    return rc;
}

static bool pfx_fits(const struct lab_work *w, const EVP_PKEY *key, const struct certfile *certs)
{
    const struct bytes want[] = {wbuf_bytes(&w->members[LAB_CODESIGN].der),
                                 wbuf_bytes(&w->members[LAB_CS_CA].der),
                                 wbuf_bytes(&w->members[LAB_ROOT].der)};
    bool fits = certs->num == 3 && EVP_PKEY_eq(key, w->members[LAB_CODESIGN].key) == 1;

    for (size_t i = 0; fits && i < 3; i++) {
        fits = bytes_equal(certs->certs[i], want[i]);
    }
    return fits;
}

static enum rc put_pfx(struct lab_work *w)
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
        lab_tower_note(w, is_there ? LAB_RENEWED : LAB_MADE, LAB_CODESIGN_PFX, "password \"%s\"",
                       LAB_PFX_PASSWORD);
    }
    return rc;
}

/* ---- all together ---- */

/* A lab that begins before this program was made would stamp as of then. */
static enum rc check_clock(struct lab_work *w)
{
    char now[GENTIME_TEXT_MAX] = "";
    size_t len;

    if (w->now.sec >= NOW_PROGRAM_BORN) {
        return RC_OK;
    }
    return lab_tower_fail(
        w, RC_TIME_RANGE, "this machine's clock shows %s, before there was this program: set it first",
        gentime_build_iso((struct gentime){.sec = w->now.sec}, now, &len) == RC_OK ? now : "no year");
}

static enum rc make_all(struct lab_work *w)
{
    enum rc rc = check_clock(w);

    rc = rc == RC_OK ? open_folder(w) : rc;
    rc = rc == RC_OK ? read_all(w) : rc;
    for (enum lab_member i = 0; rc == RC_OK && i < LAB_NUM_MEMBERS; i++) {
        rc = lab_tower_issue(w, i);
    }
    for (enum lab_member i = 0; rc == RC_OK && i < LAB_NUM_MEMBERS; i++) {
        rc = put_member(w, i);
    }
    return rc == RC_OK ? put_pfx(w) : rc;
}

enum rc lab_make(struct lab *lab, const struct lab_options *options, struct gentime now)
{
    struct lab_work w = {.lab = lab, .options = options, .now = now, .lock = -1};
    enum rc rc;

    lab->num_notes = 0;
    lab->error[0] = '\0';
    for (size_t i = 0; i < LAB_NUM_MEMBERS; i++) {
        wbuf_init(&w.members[i].der, LAB_FILE_LIMIT);
    }
    rc = make_all(&w);
    if (rc != RC_OK && lab->error[0] == '\0') {
        (void)lab_tower_fail(&w, rc, "%s", rc_text(rc));
    }
    for (size_t i = 0; i < LAB_NUM_MEMBERS; i++) {
        wbuf_clear(&w.members[i].der);
        EVP_PKEY_free(w.members[i].key);
    }
    if (w.lock >= 0) {
        (void)close(w.lock);
    }
    return rc;
}
