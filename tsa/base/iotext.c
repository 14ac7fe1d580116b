/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text for each thread; it stays until the next call that fails.
 */
#include "tsa/base/iotext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[600];

const char *iotext_get(void)
{
    return text;
}

void iotext_clear(void)
{
    text[0] = '\0';
}

enum rc iotext_fail(const char *what, const char *path)
{
    int why = errno;

    (void)snprintf(text, sizeof text, "can not %s %s: %s", what, path, strerror(why));
    return why == ENOENT || why == ENOTDIR ? RC_NOT_FOUND : RC_IO;
}

enum rc iotext_refuse(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return RC_IO;
}

enum rc iotext_ensure(enum rc rc, const char *path)
{
    if (rc != RC_OK && text[0] == '\0') {
        (void)iotext_refuse("%s: %s", path, rc_text(rc));
    }
    return rc;
}
