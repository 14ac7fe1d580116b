/* SPDX-License-Identifier: Apache-2.0 */
/* A text in memory that nobody can change any more: what roles are given instead of files. */
#ifndef TSA_PARENT_SEALED_H
#define TSA_PARENT_SEALED_H

#include "tsa/wire/bytes.h"

/* sealed_make returns a descriptor of it; -1 with errno. The name is for people who look at /proc. */
int sealed_make(const char *name, struct bytes text);

#endif
