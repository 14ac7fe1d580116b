/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that never gives NULL, for start-up only: without memory there is nothing to fall back to then.
 */
#include "tsa/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"

#define EXIT_SOFTWARE 70

static void *or_die(void *p)
{
    if (!p) {
        log_die(EXIT_SOFTWARE, "out of memory");
    }
    return p;
}

/* A size of 0 may give NULL by the C standard, which would look like a failure. */
void *xcalloc(size_t num, size_t size)
{
    return or_die(num && size ? calloc(num, size) : calloc(1, 1));
}

void *xrealloc(void *p, size_t num, size_t size)
{
    return or_die(num && size ? reallocarray(p, num, size) : realloc(p, 1));
}

char *xstrdup(const char *text)
{
    return or_die(strdup(text));
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
    }
    va_end(args);
    return or_die(text);
}
