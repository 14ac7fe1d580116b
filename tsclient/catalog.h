/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are signed by a catalog: the catalog's own signatures, judged once, and whether a file is listed in it, as
 * `signtool verify /c` does it. A signature within the file itself is not looked at.
 */
#ifndef TSCLIENT_CATALOG_H
#define TSCLIENT_CATALOG_H

#include <jansson.h>

#include "tsclient/package/membership.h"
#include "tsclient/judge/policy.h"

struct catalog {
    struct subject subject;
    struct policy_file *judged;  /* NULL when out of memory */
    struct ctl ctl;              /* no members where it has no list */
    bool has_list;               /* signed or not; without one it is no catalog, or can not be read */
    struct reason_entry no_list; /* why there is none */
};

/* catalog_open reads and judges path, which must outlive *out. What is wrong with the signatures stands in judged->reasons. Free with
 * catalog_close. */
void catalog_open(const char *path, const struct policy_query *query, struct catalog *out);
void catalog_close(struct catalog *catalog);

/* catalog_print_own prints a line for each reason of at least that severity of the catalog itself, or the one why it has no list. */
void catalog_print_own(FILE *out, const struct catalog *catalog, enum severity least);

struct catalog_member {
    const char *path;
    const struct container_ops *ops; /* the file's format; NULL: none */
    const struct catalog *catalog;   /* the first good one that lists it, else the first; NULL: none does */
    struct membership membership;
    struct reasons reasons; /* the file's own, then those of its catalog, and of such as have no list */
    size_t num_own;         /* so many are the file's own */
    char why[300];          /* more of the first; may be empty */
};

/* catalog_judge looks a file up in the catalogs; a good one that lists it counts before one that is not, in any order. */
void catalog_judge(const char *path, const struct catalog *catalogs, size_t num, struct catalog_member *out);

/* The same output as for signed files: the long form, a line for each reason of at least that severity, one object. */
void catalog_print(FILE *out, const struct catalog_member *member);
void catalog_print_reasons(FILE *out, const struct catalog_member *member, enum severity least);
json_t *catalog_json(const struct catalog_member *member);

#endif
