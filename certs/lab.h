/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab authority: a root, an intermediate for timestamps and one for code, a timestamp certificate and a short-lived driver-signing
 * identity, all in one folder, for a test lab that trusts this root alone. Every certificate carries the lab's policy
 * (2.999.3161.1), so that nobody takes it for a real one and lab time can be fenced to such chains. It makes what is missing, renews what has
 * less than a third of its life left, and never overwrites what it has not made.
 */
#ifndef CERTS_LAB_H
#define CERTS_LAB_H

#include "certs/keyfile.h"
#include "tsa/wire/gentime.h"

#define LAB_PFX_PASSWORD "lab"
/* Of the identity in codesign.pfx; its alias for keytool too. */
#define LAB_CODESIGN_NAME "Lab Driver Signing"

enum lab_file {
    LAB_ROOT_PEM,     /* root.pem, the anchor */
    LAB_ROOT_CER,     /* root.cer, the same in DER for Windows */
    LAB_CHAIN,        /* chain.pem: timestamp certificate, then its intermediate */
    LAB_TSA_KEY,      /* tsa.key */
    LAB_CODESIGN_PEM, /* codesign.pem: leaf, then its intermediate */
    LAB_CODESIGN_KEY, /* codesign.key */
    LAB_CODESIGN_PFX, /* codesign.pfx: leaf, key, intermediate, root */
    LAB_CA_DIR,       /* ca/, mode 0700: the keys below may be taken away until something is to be renewed */
    LAB_ROOT_KEY,     /* ca/root.key */
    LAB_TS_CA_PEM,    /* ca/timestamping.pem */
    LAB_TS_CA_KEY,    /* ca/timestamping.key */
    LAB_CS_CA_PEM,    /* ca/codesigning.pem */
    LAB_CS_CA_KEY,    /* ca/codesigning.key */
    LAB_NUM_FILES
};

enum lab_deed {
    LAB_MADE,
    LAB_RENEWED,
    LAB_MENDED
};

struct lab_note {
    enum lab_deed deed;
    enum lab_file file;
    char text[160]; /* "TSA Lab Root 1a2b3c4d, until 2046-11-16" */
};

struct lab {
    char *files[LAB_NUM_FILES]; /* paths below the folder that was given */
    struct lab_note notes[2 * LAB_NUM_FILES];
    size_t num_notes; /* 0: everything was there */
    char error[600];  /* after a failure: what, where, what to do */
};

struct lab_options {
    enum keyfile_kind ca_key, tsa_key, codesign_key;
    int codesign_days;
};

/* RSA throughout, as old Windows wants it; 30 days for the signing identity, so that its expiry can be seen in a lab. */
extern const struct lab_options lab_defaults;

/* lab_init sets the paths only. RC_NO_MEMORY. Free with lab_clear in any case. */
enum rc lab_init(struct lab *lab, const char *dir) MUST_CHECK;
void lab_clear(struct lab *lab);

/* lab_make makes, mends and renews what is in the folder, the folder too; lab must be initialised. notBefore is an hour before now, for hosts whose
 * clocks are late. Two at once wait for each other. A failure (RC_IO, RC_KEY_*, RC_CERT_*, RC_CRYPTO, RC_TIME_RANGE for a clock that is years late) leaves
 * a text in error and a folder that the next call can go on with. */
enum rc lab_make(struct lab *lab, const struct lab_options *options, struct gentime now) MUST_CHECK;

/* lab_deed_text: "made", "renewed", "mended". Static. */
const char *lab_deed_text(enum lab_deed deed);

/* lab_is_lab_chain tells whether certs (DER, leaf first, root last, at least two) is a chain of a lab, this or another: each carries the policy and is
 * signed by the next, the last by itself, and all but the first are CAs. */
bool lab_is_lab_chain(const struct bytes *certs, size_t num);

#endif
