/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last failing call of this thread could not do, as a sentence: an enum rc says that a file failed, not which and why. Private to
 * safefile, which gives it out as safefile_error_text.
 */
#ifndef TSA_BASE_IOTEXT_H
#define TSA_BASE_IOTEXT_H

#include "tsa/wire/rc.h"

const char *iotext_get(void);
void iotext_clear(void);

/* iotext_fail says "can not WHAT PATH: " and what errno means. RC_NOT_FOUND where something on the way is not there, else RC_IO. */
enum rc iotext_fail(const char *what, const char *path);

/* iotext_refuse says what the format says. RC_IO. */
enum rc iotext_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* iotext_ensure gives a reason that has no text yet the text of rc. rc is given back. */
enum rc iotext_ensure(enum rc rc, const char *path) MUST_CHECK;

#endif
