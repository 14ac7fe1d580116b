/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of its own for the tests of safefile, and what they ask of the files in it.
 */
#ifndef TESTS_UNIT_TSA_BASE_FOLDER_H
#define TESTS_UNIT_TSA_BASE_FOLDER_H

#include "tsa/base/safefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_safefile.XXXXXX";

static inline int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static inline void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static inline void assert_holds(const char *path, const char *text)
{
    struct wbuf w;

    wbuf_init(&w, 1 << 20);
    assert_int_equal(safefile_read(path, 1 << 20, &w), RC_OK);
    assert_int_equal(w.len, strlen(text));
    if (w.len > 0) {
        assert_memory_equal(w.data, text, w.len);
    }
    wbuf_clear(&w);
}

static inline struct stat stat_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st;
}

static inline bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

#define ASSERT_TEXT(text) assert_string_equal(safefile_error_text(), text)

static inline enum rc edit(const char *source, const char *target, bool keep_times)
{
    struct safefile_map map;
    struct edits edits;
    enum rc rc;

    assert_int_equal(safefile_map_open(source, &map), RC_OK);
    edits_init(&edits);
    edits_add(&edits, 2, 3, bytes_str("XY"), "middle");
    edits_add(&edits, 0, 0, bytes_str("<"), "front");
    edits_add(&edits, map.bytes.len, 0, bytes_str(">"), "end");
    rc = safefile_edit(&(struct safefile_edit){
        .source = source, .target = target, .edits = &edits, .before = &map, .keep_times = keep_times});
    edits_clear(&edits);
    safefile_map_close(&map);
    return rc;
}

#endif
