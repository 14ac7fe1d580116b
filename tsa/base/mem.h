/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for start-up: allocation that dies with a message instead of returning NULL (x prefix). On a request's path use
 * calloc and give RC_NO_MEMORY instead.
 */
#ifndef TSA_BASE_MEM_H
#define TSA_BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t num, size_t size) __attribute__((returns_nonnull));
void *xrealloc(void *p, size_t num, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((returns_nonnull, format(printf, 1, 2)));

#endif
