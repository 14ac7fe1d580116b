/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a replaced file keeps, what is refused, and that the old file or the new one stands there after every failure: no room, a
 * source that changed, a process killed at any moment.
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
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_safefile.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void assert_holds(const char *path, const char *text)
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

static struct stat stat_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

#define ASSERT_TEXT(text) assert_string_equal(safefile_error_text(), text)

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

static enum rc edit(const char *source, const char *target, bool keep_times)
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

int fsync(int fd)
{
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
        cmocka_unit_test(a_limit_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(a_sync_that_fails_is_told),
        cmocka_unit_test(a_copy_that_fails_is_made_otherwise_or_told),
        cmocka_unit_test(leftovers_are_removed),
        cmocka_unit_test(a_file_that_is_being_written_is_left_alone),
        cmocka_unit_test(what_is_no_leftover_is_left_alone),
        cmocka_unit_test(leftovers_with_the_targets_mode_and_owner_are_removed),
        cmocka_unit_test(strangers_files_stay),
        cmocka_unit_test(a_kill_at_any_moment_leaves_a_whole_file),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
