/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replaced file keeps, what is refused, and that a source that changed meanwhile is never taken for the one that was read.
 */
#include "tsa/base/safefile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsa/base/folder.h"

/* ---- reading ---- */

static void a_file_is_read_up_to_its_limit(void **state)
{
    struct wbuf w;
    int pipes[2];
    char path[40];
    (void)state;

    put("r", "0123456789");
    wbuf_init(&w, 100);
    assert_int_equal(safefile_read("r", 10, &w), RC_OK);
    assert_int_equal(w.len, 10);
    wbuf_reset(&w);
    assert_int_equal(safefile_read("r", 9, &w), RC_TOO_LARGE);
    ASSERT_TEXT("r is larger than 9 octets");
    wbuf_reset(&w);
    assert_int_equal(safefile_read("none", 9, &w), RC_NOT_FOUND);
    ASSERT_TEXT("can not open none: No such file or directory");
    assert_int_equal(safefile_read(".", 9, &w), RC_IO);
    ASSERT_TEXT("can not read .: Is a directory");
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "piped", 5), 5);
    close(pipes[1]);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", pipes[0]);
    assert_int_equal(safefile_read(path, 100, &w), RC_OK);
    assert_true(bytes_equal(wbuf_bytes(&w), bytes_str("piped")));
    close(pipes[0]);
    wbuf_clear(&w);
}

static void a_file_is_mapped(void **state)
{
    struct safefile_map map;
    (void)state;

    put("m", "mapped");
    assert_int_equal(safefile_map_open("m", &map), RC_OK);
    assert_true(bytes_equal(map.bytes, bytes_str("mapped")));
    safefile_map_close(&map);
    safefile_map_close(&map);
    put("m", "");
    assert_int_equal(safefile_map_open("m", &map), RC_OK);
    assert_int_equal(map.bytes.len, 0);
    safefile_map_close(&map);
    assert_int_equal(safefile_map_open("none", &map), RC_NOT_FOUND);
    safefile_map_close(&map);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(safefile_map_open("fifo", &map), RC_IO);
    ASSERT_TEXT("fifo is not a regular file");
    /* A zeroed one owns no descriptor: 0 stays open. */
    map = (struct safefile_map){0};
    (void)dup2(open("/dev/null", O_RDONLY), 0);
    safefile_map_close(&map);
    assert_int_equal(fcntl(0, F_GETFD), 0);
}

/* ---- whole files ---- */

static void a_file_is_created_and_replaced(void **state)
{
    mode_t mask = umask(077);
    struct stat st;
    (void)state;

    assert_int_equal(safefile_write("w", bytes_str("one"), 0644), RC_OK);
    umask(mask);
    assert_holds("w", "one");
    assert_int_equal(stat_of("w").st_mode & 07777, 0644);
    if (geteuid() == 0) {
        assert_int_equal(chown("w", 12345, 23456), 0);
    }
    assert_int_equal(safefile_write("./w", bytes_str("two, longer"), 0600), RC_OK);
    assert_holds("w", "two, longer");
    st = stat_of("w");
    assert_int_equal(st.st_mode & 07777, 0600);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 12345);
        assert_int_equal(st.st_gid, 23456);
    }
    assert_int_equal(safefile_write("w", BYTES_NONE, 0600), RC_OK);
    assert_holds("w", "");
    assert_false(is_there(".w.tsa-new"));
}

static void only_a_new_file_is_created(void **state)
{
    (void)state;
    assert_int_equal(safefile_create("new", bytes_str("one"), 0600), RC_OK);
    assert_int_equal(safefile_create("new", bytes_str("two"), 0600), RC_IO);
    ASSERT_TEXT("new is there already");
    assert_holds("new", "one");
    assert_false(is_there(".new.tsa-new"));
}

static void odd_names_and_places(void **state)
{
    char name[300];
    (void)state;

    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(safefile_write(name, bytes_str("long"), 0600), RC_OK);
    assert_holds(name, "long");
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(safefile_write(name, bytes_str("too long"), 0600), RC_IO);
    assert_int_equal(safefile_write("none/x", bytes_str("x"), 0600), RC_IO);
    ASSERT_TEXT("can not write none/x: No such file or directory");
    assert_int_equal(safefile_write("", bytes_str("x"), 0600), RC_IO);
    assert_int_equal(safefile_write(".", bytes_str("x"), 0600), RC_IO);
    ASSERT_TEXT(". is not a regular file");
    assert_int_equal(safefile_write("/", bytes_str("x"), 0600), RC_IO);
    assert_int_equal(safefile_write("/dev/null", bytes_str("x"), 0600), RC_IO);
    ASSERT_TEXT("/dev/null is not a regular file");
}

/* ---- edits ---- */

static void an_edit_in_place_keeps_what_belongs_to_the_file(void **state)
{
    const struct timespec old[2] = {{.tv_sec = 1000000000, .tv_nsec = 5},
                                    {.tv_sec = 1000000001, .tv_nsec = 6}};
    char value[10] = "";
    bool has_xattr;
    struct stat st;
    (void)state;

    put("e", "0123456789");
    if (geteuid() == 0) {
        assert_int_equal(chown("e", 12345, 23456), 0);
    }
    assert_int_equal(chmod("e", 04751), 0);
    has_xattr = setxattr("e", "user.origin", "here", 4, 0) == 0;
    assert_int_equal(utimensat(AT_FDCWD, "e", old, 0), 0);
    assert_int_equal(edit("e", "e", true), RC_OK);
    assert_holds("e", "<01XY56789>");
    st = stat_of("e");
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_mtim.tv_sec, 1000000001);
    assert_int_equal(st.st_mtim.tv_nsec, 6);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 12345);
        assert_int_equal(st.st_gid, 23456);
    }
    if (has_xattr) {
        assert_int_equal(getxattr("e", "user.origin", value, sizeof value), 4);
        assert_string_equal(value, "here");
    }
    assert_int_equal(edit("e", "e", false), RC_OK);
    assert_true(stat_of("e").st_mtim.tv_sec > 1000000001);
    assert_false(is_there(".e.tsa-new"));
}

static void an_edit_elsewhere_leaves_the_source(void **state)
{
    (void)state;
    put("source", "0123456789");
    assert_int_equal(chmod("source", 0640), 0);
    assert_int_equal(edit("source", "target", false), RC_OK);
    assert_holds("source", "0123456789");
    assert_holds("target", "<01XY56789>");
    assert_int_equal(stat_of("target").st_mode & 07777, 0640);
    put("target", "something else");
    assert_int_equal(edit("source", "target", false), RC_OK);
    assert_holds("target", "<01XY56789>");
}

static void an_edit_outside_the_file_is_refused(void **state)
{
    struct safefile_map map;
    struct edits edits;
    struct safefile_edit what = {.source = "out", .target = "out", .edits = &edits, .before = &map};
    (void)state;

    put("out", "0123456789");
    assert_int_equal(safefile_map_open("out", &map), RC_OK);
    edits_init(&edits);
    edits_add(&edits, 8, 3, BYTES_NONE, "");
    assert_int_equal(safefile_edit(&what), RC_FORMAT_MALFORMED);
    ASSERT_TEXT("a change lies outside out");
    edits_clear(&edits);
    edits_add(&edits, 3, 3, BYTES_NONE, "");
    edits_add(&edits, 4, 3, BYTES_NONE, "");
    assert_int_equal(safefile_edit(&what), RC_FORMAT_MALFORMED);
    edits_clear(&edits);
    safefile_map_close(&map);
    assert_holds("out", "0123456789");
    assert_false(is_there(".out.tsa-new"));
}

static void hard_links_are_refused(void **state)
{
    (void)state;
    put("h1", "0123456789");
    assert_int_equal(link("h1", "h2"), 0);
    assert_int_equal(edit("h1", "h1", false), RC_IO);
    ASSERT_TEXT("h1 has 2 hard links; replacing it would part it from the others");
    put("single", "0123456789");
    assert_int_equal(edit("single", "h2", false), RC_IO);
    assert_holds("h1", "0123456789");
    assert_int_equal(stat_of("h1").st_ino, stat_of("h2").st_ino);
    assert_int_equal(edit("h1", "fresh", false), RC_OK);
}

static void symbolic_links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir("sub", 0755), 0);
    put("sub/real", "0123456789");
    assert_int_equal(symlink("sub/real", "link"), 0);
    assert_int_equal(edit("link", "link", false), RC_OK);
    assert_true(S_ISLNK(stat_of("link").st_mode));
    assert_holds("sub/real", "<01XY56789>");
    assert_int_equal(safefile_write("link", bytes_str("0123456789"), 0600), RC_OK);
    assert_true(S_ISLNK(stat_of("link").st_mode));
    assert_holds("sub/real", "0123456789");
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(edit("link", "dangling", false), RC_IO);
    ASSERT_TEXT("dangling is a symbolic link that leads nowhere");
    assert_false(is_there("nowhere"));
}

/* ---- a source that does not stand still ---- */

static void append(void)
{
    FILE *f = fopen("moving", "a");

    assert_non_null(f);
    (void)fputs("x", f);
    (void)fclose(f);
}

static void rewrite(void)
{
    int fd = open("moving", O_WRONLY);

    assert_int_equal(pwrite(fd, "x", 1, 5), 1);
    close(fd);
}

static void replace(void)
{
    put("other", "0123456789");
    assert_int_equal(rename("other", "moving"), 0);
}

static void vanish(void)
{
    assert_int_equal(unlink("moving"), 0);
}

static void a_source_that_has_changed_is_refused(void **state)
{
    static void (*const changes[])(void) = {append, rewrite, replace, vanish};
    (void)state;

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct safefile_map map;
        struct edits edits;
        enum rc rc;

        put("moving", "0123456789");
        assert_int_equal(safefile_map_open("moving", &map), RC_OK);
        usleep(20000); /* the clock of file times is coarse */
        changes[i]();
        edits_init(&edits);
        edits_add(&edits, 0, 1, BYTES_NONE, "");
        rc = safefile_edit(&(struct safefile_edit){
            .source = "moving", .target = "elsewhere", .edits = &edits, .before = &map});
        assert_int_equal(rc, changes[i] == vanish ? RC_NOT_FOUND : RC_IO);
        if (rc == RC_IO) {
            ASSERT_TEXT("moving has changed meanwhile");
        }
        assert_false(is_there("elsewhere"));
        assert_false(is_there(".elsewhere.tsa-new"));
        edits_clear(&edits);
        safefile_map_close(&map);
    }
}

/* ---- sizes, and the way round copy_file_range ---- */

static void large_files_are_streamed(void **state)
{
    const size_t len = 5 * 1024 * 1024 + 7;
    uint8_t *data = malloc(len);
    struct safefile_map map;
    struct edits edits;
    struct wbuf want, have;
    (void)state;

    assert_non_null(data);
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    assert_int_equal(safefile_write("large", bytes_of(data, len), 0600), RC_OK);
    assert_int_equal(safefile_map_open("large", &map), RC_OK);
    assert_memory_equal(map.bytes.data, data, len);
    edits_init(&edits);
    edits_add(&edits, 1 << 20, 4096, bytes_of(data, 100000), "");
    edits_add(&edits, len - 1, 1, bytes_str("end"), "");
    wbuf_init(&want, 16 << 20);
    wbuf_init(&have, 16 << 20);
    assert_int_equal(edits_apply(&edits, map.bytes, &want), RC_OK);
    assert_int_equal(safefile_edit(&(struct safefile_edit){
                         .source = "large", .target = "large", .edits = &edits, .before = &map}),
                     RC_OK);
    assert_int_equal(safefile_read("large", 16 << 20, &have), RC_OK);
    assert_true(bytes_equal(wbuf_bytes(&want), wbuf_bytes(&have)));
    wbuf_clear(&want);
    wbuf_clear(&have);
    edits_clear(&edits);
    safefile_map_close(&map);
    free(data);
}

/* The kernel refuses copy_file_range from sysfs, so that reading and writing is seen at work; such a file says that it has a page and gives
 * less. */
static void what_can_not_be_copied_inside_the_kernel_is_read(void **state)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
    struct safefile_map before = {.fd = -1};
    struct edits edits;
    (void)state;

    if (stat(path, &before.st) != 0) {
        skip();
    }
    edits_init(&edits);
    assert_int_equal(safefile_edit(&(struct safefile_edit){
                         .source = path, .target = "from-sysfs", .edits = &edits, .before = &before}),
                     RC_IO);
    ASSERT_TEXT("the source of from-sysfs became shorter");
    edits_add(&edits, 4, (uint64_t)before.st.st_size - 4, BYTES_NONE, "");
    assert_int_equal(safefile_edit(&(struct safefile_edit){
                         .source = path, .target = "from-sysfs", .edits = &edits, .before = &before}),
                     RC_OK);
    assert_int_equal(stat_of("from-sysfs").st_size, 4);
    edits_clear(&edits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
        cmocka_unit_test(a_file_is_mapped),
        cmocka_unit_test(a_file_is_created_and_replaced),
        cmocka_unit_test(only_a_new_file_is_created),
        cmocka_unit_test(odd_names_and_places),
        cmocka_unit_test(an_edit_in_place_keeps_what_belongs_to_the_file),
        cmocka_unit_test(an_edit_elsewhere_leaves_the_source),
        cmocka_unit_test(an_edit_outside_the_file_is_refused),
        cmocka_unit_test(hard_links_are_refused),
        cmocka_unit_test(symbolic_links_are_followed),
        cmocka_unit_test(a_source_that_has_changed_is_refused),
        cmocka_unit_test(large_files_are_streamed),
        cmocka_unit_test(what_can_not_be_copied_inside_the_kernel_is_read),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
