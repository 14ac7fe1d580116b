/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The five members of the lab authority, as lab.c works with them: what each is to be, what is there of it, and how it is issued. Private to the lab.
 */
#ifndef CERTS_LAB_TOWER_H
#define CERTS_LAB_TOWER_H

#include "certs/lab.h"
#include "tsa/wire/cert.h"

#define LAB_FILE_LIMIT (1u << 20) /* octets of a file that is read */
#define LAB_NAME_SIZE  100

enum lab_member {
    LAB_ROOT,
    LAB_TS_CA,
    LAB_CS_CA,
    LAB_TSA,
    LAB_CODESIGN,
    LAB_NUM_MEMBERS
};

struct lab_plan {
    const char *name;
    enum lab_file cert, key;
    enum lab_member issuer;
    int path_len; /* negative: no CA */
    int64_t life; /* seconds; 0 = the option's */
    const enum oid *purposes;
};

/* Issuers before what they issue. */
extern const struct lab_plan lab_plans[LAB_NUM_MEMBERS];

struct lab_state {
    struct wbuf der; /* empty where there is none */
    struct cert cert;
    EVP_PKEY *key;
    bool renewed; /* issued now, in place of another */
};

struct lab_work {
    struct lab *lab;
    const struct lab_options *options;
    struct gentime now;
    struct lab_state members[LAB_NUM_MEMBERS];
    int lock;
};

/* lab_tower_read takes in certificate and key of a member, where they are there. What is not the lab's, or lies open, is refused. */
enum rc lab_tower_read(struct lab_work *w, enum lab_member i) MUST_CHECK;

/* lab_tower_issue issues a member that is missing, old, or does not fit its key or issuer; new keys are written at once, certificates are not. */
enum rc lab_tower_issue(struct lab_work *w, enum lab_member i) MUST_CHECK;

/* lab_tower_read_file reads a file of the lab; RC_NOT_FOUND comes without a complaint. lab_tower_read_cert takes the first certificate of
 * one, which must be the lab's. */
enum rc lab_tower_read_file(struct lab_work *w, enum lab_file file, struct wbuf *out) MUST_CHECK;
enum rc lab_tower_read_cert(struct lab_work *w, enum lab_file file, struct wbuf *out_der) MUST_CHECK;

/* The complaint of the whole: the text goes to the caller of lab_make, rc is given back. */
enum rc lab_tower_fail(struct lab_work *w, enum rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum rc lab_tower_fail_file(struct lab_work *w, enum rc rc); /* with safefile's text */
enum rc lab_tower_in_the_way(struct lab_work *w, enum lab_file file);

void lab_tower_note(struct lab_work *w, enum lab_deed deed, enum lab_file file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
