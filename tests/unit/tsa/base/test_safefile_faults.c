/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old file or the new one stands there after every failure: no room, a call that fails, other writers, a process killed at any moment.
 */
#include "tsa/base/safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsa/base/folder.h"

/* ---- no room ---- */

static bool stays_whole_without_room(void)
{
    static uint8_t much[1 << 18];
    struct wbuf w;
    bool good;

    memset(much, 'x', sizeof much);
    good = safefile_write("full", bytes_of(much, sizeof much), 0600) == RC_IO &&
           strncmp(safefile_error_text(), "can not write full: ", 20) == 0 && !is_there(".full.tsa-new");
    wbuf_init(&w, 100);
    good = good && safefile_read("full", 100, &w) == RC_OK && bytes_equal(wbuf_bytes(&w), bytes_str("old"));
    wbuf_clear(&w);
    return good;
}

static void a_limit_leaves_the_old_file(void **state)
{
    int status;
    pid_t pid;
    (void)state;

    put("full", "old");
    pid = fork();
    if (pid == 0) {
        const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = 100000};

        (void)signal(SIGXFSZ, SIG_IGN);
        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 && stays_whole_without_room() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    bool good;
    (void)state;

    assert_int_equal(mkdir("disk", 0755), 0);
    if (mount("tmpfs", "disk", "tmpfs", 0, "size=128k") != 0) {
        assert_int_equal(rmdir("disk"), 0);
        skip();
    }
    assert_int_equal(chdir("disk"), 0);
    put("full", "old");
    good = stays_whole_without_room();
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(umount("disk"), 0);
    assert_true(good);
}

/* ---- calls that fail: these stand before libc's ---- */

static struct fault {
    int countdown, error; /* the call that brings it to 0 fails; negative: none */
} fsync_fault = {-1, 0}, copy_fault = {-1, 0};

static bool strikes(struct fault *fault)
{
    if (fault->countdown < 0 || fault->countdown-- > 0) {
        return false;
    }
    errno = fault->error;
    return true;
}

/* What another process does at that very moment, once. */
static void (*meanwhile_sync)(void), (*meanwhile_lock)(void);

static void let_happen(void (**meanwhile)(void))
{
    void (*deed)(void) = *meanwhile;

    *meanwhile = NULL;
    if (deed) {
        deed();
    }
}

int flock(int fd, int operation)
{
    let_happen(&meanwhile_lock);
    return (int)syscall(SYS_flock, fd, operation);
}

int fsync(int fd)
{
    let_happen(&meanwhile_sync);
    return strikes(&fsync_fault) ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags)
{
    /* In small steps, so that a failure in the middle is one. */
    return strikes(&copy_fault)
               ? -1
               : syscall(SYS_copy_file_range, from, from_at, to, to_at, len > 4 ? 4 : len, flags);
}

static void a_sync_that_fails_is_told(void **state)
{
    (void)state;
    put("sync", "0123456789");
    fsync_fault = (struct fault){0, EIO};
    assert_int_equal(safefile_write("sync", bytes_str("new"), 0600), RC_IO);
    ASSERT_TEXT("can not sync sync: Input/output error");
    assert_holds("sync", "0123456789");
    fsync_fault = (struct fault){0, EIO};
    assert_int_equal(edit("sync", "sync", false), RC_IO);
    assert_holds("sync", "0123456789");
    assert_false(is_there(".sync.tsa-new"));
    /* The second one is the folder's: the new file stands there, but nobody can say whether it will after a power cut. */
    fsync_fault = (struct fault){1, EIO};
    assert_int_equal(safefile_write("sync", bytes_str("new"), 0600), RC_IO);
    ASSERT_TEXT("can not sync the folder of sync: Input/output error");
    assert_holds("sync", "new");
    /* Some file systems can not sync folders, and say so. */
    fsync_fault = (struct fault){1, EINVAL};
    assert_int_equal(safefile_write("sync", bytes_str("newer"), 0600), RC_OK);
    fsync_fault.countdown = -1;
}

static void a_copy_that_fails_is_made_otherwise_or_told(void **state)
{
    static const int otherwise[] = {EXDEV, ENOSYS, EOPNOTSUPP, EINVAL, EINTR};
    static const int hopeless[] = {ENOSPC, EIO, EDQUOT};
    (void)state;

    put("from", "0123456789");
    for (int at = 0; at < 3; at++) {
        for (size_t i = 0; i < sizeof otherwise / sizeof *otherwise; i++) {
            copy_fault = (struct fault){at, otherwise[i]};
            assert_int_equal(edit("from", "to", false), RC_OK);
            assert_holds("to", "<01XY56789>");
        }
        for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++) {
            copy_fault = (struct fault){at, hopeless[i]};
            assert_int_equal(edit("from", "from", false), RC_IO);
            assert_holds("from", "0123456789");
            assert_false(is_there(".from.tsa-new"));
        }
    }
    copy_fault.countdown = -1;
}

/* ---- leftovers and other writers ---- */

static void leftovers_are_removed(void **state)
{
    (void)state;
    put("l", "old");
    put(".l.tsa-new", "half");
    assert_int_equal(safefile_write("l", bytes_str("new"), 0600), RC_OK);
    assert_holds("l", "new");
    assert_false(is_there(".l.tsa-new"));
}

static void a_file_that_is_being_written_is_left_alone(void **state)
{
    int fd;
    (void)state;

    put("busy", "old");
    put(".busy.tsa-new", "in work");
    fd = open(".busy.tsa-new", O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(safefile_write("busy", bytes_str("new"), 0600), RC_IO);
    ASSERT_TEXT("can not write busy: another process is writing it");
    assert_holds("busy", "old");
    assert_holds(".busy.tsa-new", "in work");
    close(fd);
    assert_int_equal(safefile_write("busy", bytes_str("new"), 0600), RC_OK);
}

static int third = -1;

/* One writer ends and a third begins, after the second has opened the first one's temporary file. */
static void pass_the_name_on(void)
{
    assert_int_equal(rename(".race.tsa-new", "race"), 0);
    third = open(".race.tsa-new", O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_int_equal(flock(third, LOCK_EX), 0);
    assert_int_equal(write(third, "third", 5), 5);
}

static void a_name_that_is_a_third_writers_by_now_is_left_alone(void **state)
{
    (void)state;
    put("race", "old");
    put(".race.tsa-new", "first");
    meanwhile_lock = pass_the_name_on;
    assert_int_equal(safefile_write("race", bytes_str("second"), 0600), RC_IO);
    ASSERT_TEXT("can not write race: another process is writing it");
    assert_holds("race", "first");
    assert_holds(".race.tsa-new", "third");
    close(third);
}

/* As on a file system without locks. */
static void take_the_name_away(void)
{
    assert_int_equal(unlink(".taken.tsa-new"), 0);
    put(".taken.tsa-new", "half of another's");
}

static void what_another_has_put_under_the_name_is_not_taken_for_ones_own(void **state)
{
    (void)state;
    put("taken", "old");
    meanwhile_sync = take_the_name_away;
    assert_int_equal(safefile_write("taken", bytes_str("new"), 0600), RC_IO);
    ASSERT_TEXT("can not write taken: its temporary file .taken.tsa-new was taken away");
    assert_holds("taken", "old");
    assert_holds(".taken.tsa-new", "half of another's");
}

static void what_is_no_leftover_is_left_alone(void **state)
{
    (void)state;
    put("victim", "precious");
    assert_int_equal(symlink("victim", ".way.tsa-new"), 0);
    assert_int_equal(safefile_write("way", bytes_str("new"), 0600), RC_IO);
    ASSERT_TEXT("can not write way: .way.tsa-new beside it is in the way");
    assert_holds("victim", "precious");
    assert_int_equal(unlink(".way.tsa-new"), 0);
    assert_int_equal(mkdir(".way.tsa-new", 0755), 0);
    assert_int_equal(safefile_write("way", bytes_str("new"), 0600), RC_IO);
}

/* Somebody brings back what a killed run has left, or calls his own file like that. */
static void a_source_under_the_temporary_name_is_left_alone(void **state)
{
    struct safefile_map map;
    struct edits edits = {0};
    (void)state;

    put(".saved.tsa-new", "the only one");
    assert_int_equal(safefile_map_open(".saved.tsa-new", &map), RC_OK);
    safefile_map_hold(&map);
    assert_int_equal(safefile_edit(&(struct safefile_edit){
                         .source = ".saved.tsa-new", .target = "saved", .edits = &edits, .before = &map}),
                     RC_IO);
    ASSERT_TEXT("can not write saved: .saved.tsa-new beside it is in use");
    assert_int_equal(safefile_write("saved", bytes_str("new"), 0600), RC_IO);
    assert_holds(".saved.tsa-new", "the only one");
    assert_false(is_there("saved"));
    safefile_map_close(&map);
    assert_int_equal(safefile_write("saved", bytes_str("new"), 0600), RC_OK);
}

static void write_the_source(void)
{
    put("slow", "somebody else's");
}

static void a_source_that_changes_during_the_sync_is_refused(void **state)
{
    (void)state;
    put("slow", "0123456789");
    meanwhile_sync = write_the_source;
    assert_int_equal(edit("slow", "slow", false), RC_IO);
    ASSERT_TEXT("slow has changed meanwhile");
    assert_holds("slow", "somebody else's");
    assert_false(is_there(".slow.tsa-new"));
}

/* What a killed run may leave: already read-only, or already its owner's. */
static void leftovers_with_the_targets_mode_and_owner_are_removed(void **state)
{
    (void)state;
    put(".ro.tsa-new", "half");
    assert_int_equal(chmod(".ro.tsa-new", 0444), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(".ro.tsa-new", 12345, 12345), 0);
    }
    assert_int_equal(safefile_write("ro", bytes_str("new"), 0600), RC_OK);
    assert_holds("ro", "new");
    assert_false(is_there(".ro.tsa-new"));
}

/* An ordinary user neither removes what is somebody else's, nor gets past it, nor changes what is not his. */
static void strangers_files_stay(void **state)
{
    int status;
    pid_t pid;
    (void)state;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir("shared", 0777), 0);
    assert_int_equal(chmod("shared", 0777), 0);
    assert_int_equal(chmod(".", 0755), 0);
    put("shared/.theirs.tsa-new", "x");
    put("shared/owned", "0123456789");
    pid = fork();
    if (pid == 0) {
        bool good = setgid(54321) == 0 && setuid(54321) == 0 &&
                    safefile_write("shared/theirs", bytes_str("new"), 0600) == RC_IO &&
                    strstr(safefile_error_text(), ".theirs.tsa-new beside it is in the way") &&
                    edit("shared/owned", "shared/owned", false) == RC_IO &&
                    strstr(safefile_error_text(), "can not keep the owner of shared/owned") &&
                    edit("shared/owned", "shared/copy", false) == RC_OK;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_holds("shared/.theirs.tsa-new", "x");
    assert_holds("shared/owned", "0123456789");
    assert_holds("shared/copy", "<01XY56789>");
    assert_int_equal(stat_of("shared/copy").st_uid, 54321);
    assert_false(is_there("shared/.owned.tsa-new"));
}

#define WHOLE 100000

static void write_forever(const char *path)
{
    static uint8_t data[WHOLE];

    for (uint8_t c = 'a';; c = c == 'z' ? 'a' : (uint8_t)(c + 1)) {
        memset(data, c, sizeof data);
        /* Another writer may be at work. */
        (void)!safefile_write(path, bytes_of(data, sizeof data), 0600);
    }
}

static void assert_one_letter(const char *path)
{
    struct wbuf w;

    wbuf_init(&w, WHOLE + 1);
    assert_int_equal(safefile_read(path, WHOLE + 1, &w), RC_OK);
    assert_int_equal(w.len, WHOLE);
    for (size_t i = 1; i < w.len; i++) {
        if (w.data[i] != w.data[0]) {
            fail_msg("torn at %zu", i);
        }
    }
    wbuf_clear(&w);
}

static void start_writers(pid_t *pids, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            write_forever("killed");
        }
        assert_true(pids[i] > 0);
    }
}

static void a_kill_at_any_moment_leaves_a_whole_file(void **state)
{
    static uint8_t first[WHOLE];
    int runs = getenv("TSA_LONG") ? 1000 : 20;
    (void)state;

    memset(first, 'A', sizeof first);
    assert_int_equal(safefile_write("killed", bytes_of(first, sizeof first), 0600), RC_OK);
    for (int run = 0; run < runs; run++) {
        size_t num = 1 + (size_t)(run % 3);
        pid_t pids[3];

        start_writers(pids, num);
        usleep((useconds_t)(1000 + random() % 20000));
        for (size_t i = 0; i < num; i++) {
            assert_int_equal(kill(pids[i], SIGKILL), 0);
        }
        for (size_t i = 0; i < num; i++) {
            assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        }
        assert_one_letter("killed");
    }
    assert_int_equal(safefile_write("killed", bytes_of(first, sizeof first), 0600), RC_OK);
    assert_false(is_there(".killed.tsa-new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(a_sync_that_fails_is_told),
        cmocka_unit_test(a_copy_that_fails_is_made_otherwise_or_told),
        cmocka_unit_test(leftovers_are_removed),
        cmocka_unit_test(a_file_that_is_being_written_is_left_alone),
        cmocka_unit_test(a_name_that_is_a_third_writers_by_now_is_left_alone),
        cmocka_unit_test(what_another_has_put_under_the_name_is_not_taken_for_ones_own),
        cmocka_unit_test(what_is_no_leftover_is_left_alone),
        cmocka_unit_test(a_source_under_the_temporary_name_is_left_alone),
        cmocka_unit_test(a_source_that_changes_during_the_sync_is_refused),
        cmocka_unit_test(leftovers_with_the_targets_mode_and_owner_are_removed),
        cmocka_unit_test(strangers_files_stay),
        cmocka_unit_test(a_kill_at_any_moment_leaves_a_whole_file),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
