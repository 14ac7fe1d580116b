/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for the parent's whole life: opened, locked, compared with what other settings name, and never given away where it is not the record's. */
#include "tsa/parent/house.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/parent/record_dir.h"

#define ACCOUNT 60932

struct place {
    char dir[40], run_dir[60], ledger[60], issuer[8], none[1];
    struct settings settings;
};

static void place_init(struct place *place)
{
    *place = (struct place){.dir = "/tmp/tsa-house-XXXXXX", .issuer = "60932"};
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->run_dir, sizeof(place->run_dir), "%s/run", place->dir);
    (void)snprintf(place->ledger, sizeof(place->ledger), "%s/ledger", place->dir);
    place->settings.run_dir = place->run_dir;
    place->settings.ledger.dir = place->ledger;
    place->settings.users.issuer = place->issuer;
}

static void remove_in(const struct place *place, const char *name)
{
    char path[100];

    (void)snprintf(path, sizeof(path), "%s/%s", place->dir, name);
    (void)remove(path);
}

static void place_clear(const struct place *place)
{
    static const char *const names[] = {"clock",  "clock2",         "run/clock",
                                        "run",    "ledger/records", "ledger/somebodys",
                                        "ledger", "other2",         "other"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        remove_in(place, names[i]);
    }
    assert_int_equal(rmdir(place->dir), 0);
}

static void test_open(void **state)
{
    struct place place;
    struct house house, second;
    struct stat st;

    (void)state;
    place_init(&place);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    assert_non_null(house.shared);
    assert_true(house.clock >= 0 && house.clock_readonly >= 0 && house.ledger >= 0 && house.counters >= 0);
    assert_int_equal(stat(place.run_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fcntl(house.clock_readonly, F_GETFL) & O_ACCMODE, O_RDONLY);
    if (geteuid() == 0) {
        assert_int_equal(stat(place.ledger, &st), 0);
        assert_int_equal(st.st_uid, ACCOUNT);
    }

    assert_int_equal(house_open(&second, &place.settings), RC_OVERLOADED);
    assert_non_null(strstr(second.error, "in use"));
    assert_int_equal(second.run_dir, -1);

    house_close(&house);
    assert_int_equal(house_open(&second, &place.settings), RC_OK);
    house_close(&second);
    house_close(&second);
    place_clear(&place);
}

static void test_can_not(void **state)
{
    struct place place;
    struct house house;
    char path[80];

    (void)state;
    place_init(&place);
    (void)snprintf(path, sizeof(path), "%s/no/such", place.dir);
    place.settings.run_dir = path;
    assert_int_equal(house_open(&house, &place.settings), RC_IO);
    assert_non_null(strstr(house.error, path));
    place.settings.run_dir = place.run_dir;
    place.settings.ledger.dir = path;
    assert_int_equal(house_open(&house, &place.settings), RC_IO);
    assert_non_null(strstr(house.error, path));
    place_clear(&place);
}

static void test_check(void **state)
{
    struct place place;
    struct house house;
    struct cfg_errors errors = {0};
    char other[80], same[80];

    (void)state;
    place_init(&place);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 0);

    /* Written in another way. */
    (void)snprintf(same, sizeof(same), "%s/../ledger", place.run_dir);
    place.settings.ledger.dir = same;
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 0);

    (void)snprintf(other, sizeof(other), "%s/other", place.dir);
    place.settings.ledger.dir = other;
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 1);
    assert_non_null(strstr(errors.list[0], "ledger.dir: "));
    assert_int_equal(mkdir(other, 0700), 0);
    place.settings.run_dir = other;
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 3);
    assert_non_null(strstr(errors.list[1], "run_dir: "));
    cfg_errors_clear(&errors);
    house_close(&house);
    place_clear(&place);
}

/* ---- a clock service ---- */

/* Its file, with a record where asked for. */
static void make_clock_file(const char *path, bool with_record, mode_t mode)
{
    const struct clockpage_record record = {.epoch = 5, .figure_ns = -1, .reference = "kernel"};
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct clockpage *page = clockpage_open(fd, true);

    assert_non_null(page);
    assert_int_equal(fchmod(fd, mode), 0);
    if (with_record) {
        clockpage_write(page, &record);
    }
    clockpage_close(page);
    (void)close(fd);
}

static void test_service(void **state)
{
    struct clockpage_record record;
    struct cfg_errors errors = {0};
    struct spawn spawn = {0};
    struct place place;
    struct house house;
    char path[80], other[80], none[] = "";

    (void)state;
    place_init(&place);
    (void)snprintf(path, sizeof(path), "%s/clock", place.dir);
    (void)snprintf(other, sizeof(other), "%s/clock2", place.dir);
    place.settings.clock.file = path;
    make_clock_file(path, true, 0644);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    assert_int_equal(house.clock, -1);
    assert_int_equal(fcntl(house.clock_readonly, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(clockpage_read(house.page, &record));
    assert_int_equal(record.epoch, 5);
    assert_int_equal(faccessat(house.run_dir, "clock", F_OK, 0), -1); /* none of its own beside it */
    house_give_issuer(&house, &spawn);
    assert_int_equal(spawn.fds[spawn.num - 1].fd, house.clock_readonly);

    /* What a reload may not change. */
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 0);
    place.settings.clock.file = none;
    house_check(&house, &place.settings, &errors);
    place.settings.clock.file = other;
    house_check(&house, &place.settings, &errors);
    make_clock_file(other, true, 0644);
    house_check(&house, &place.settings, &errors);
    assert_int_equal(rename(other, path), 0);
    place.settings.clock.file = path;
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 4);
    for (size_t i = 0; i < errors.num; i++) {
        assert_non_null(strstr(errors.list[i], "clock.file: "));
        assert_non_null(strstr(errors.list[i], "stop it and start it again"));
    }
    cfg_errors_clear(&errors);
    house_close(&house);

    place.settings.clock.file = none;
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    assert_true(house.clock >= 0);
    place.settings.clock.file = path;
    house_check(&house, &place.settings, &errors);
    assert_int_equal(errors.num, 1);
    cfg_errors_clear(&errors);
    house_close(&house);
    place_clear(&place);
}

static void write_garbage(const char *path, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char octets[CLOCKPAGE_FILE_SIZE];

    memset(octets, 'x', sizeof(octets));
    assert_int_equal(write(fd, octets, len), len);
    (void)close(fd);
}

static void spoil_counter(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const uint64_t odd = 7;

    assert_int_equal(pwrite(fd, &odd, sizeof(odd), sizeof(odd)), sizeof(odd));
    (void)close(fd);
}

static void expect_refused(struct place *place, const char *why)
{
    struct house house;

    assert_int_equal(house_open(&house, &place->settings), RC_IO);
    assert_non_null(strstr(house.error, "clock.file: "));
    assert_non_null(strstr(house.error, why));
    assert_int_equal(house.clock_readonly, -1);
    assert_null(house.page);
}

static void test_no_service(void **state)
{
    struct place place;
    struct house house;
    char path[80];

    (void)state;
    place_init(&place);
    (void)snprintf(path, sizeof(path), "%s/clock", place.dir);
    place.settings.clock.file = path;
    expect_refused(&place, "start the clock service first (tsa clock run -c FILE");
    write_garbage(path, 100);
    expect_refused(&place, "is not a clock file");
    write_garbage(path, CLOCKPAGE_FILE_SIZE);
    expect_refused(&place, "is not a clock file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(&place, "is not a clock file");
    assert_int_equal(unlink(path), 0);
    place.settings.clock.file = place.dir;
    expect_refused(&place, "is not a clock file");
    place.settings.clock.file = path;
    make_clock_file(path, true, 0664);
    expect_refused(&place, "mode 0664");
    /* Of an account that nobody has named, which could say what it likes of the clock. */
    assert_int_equal(unlink(path), 0);
    make_clock_file(path, true, 0644);
    if (geteuid() == 0) {
        char user[] = "61234";

        assert_int_equal(chown(path, 61234, 61234), 0);
        expect_refused(&place, "belongs to user 61234");
        place.settings.users.clock = user;
        assert_int_equal(house_open(&house, &place.settings), RC_OK);
        house_close(&house);
        place.settings.users.clock = NULL;
    } else {
        print_message("not as root: no file can be given away\n");
    }
    /* Its writer died in the middle of a record: the next one goes on. */
    assert_int_equal(unlink(path), 0);
    make_clock_file(path, true, 0644);
    spoil_counter(path);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    house_close(&house);
    /* Made, and its first record is on its way. */
    assert_int_equal(unlink(path), 0);
    make_clock_file(path, false, 0644);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    house_close(&house);
    place_clear(&place);
}

/* What the clock role has written stays, whoever comes and goes; the next authority begins anew. */
static void test_page_stays(void **state)
{
    const struct clockpage_record record = {.epoch = 9, .figure_ns = -1, .reference = "kernel"};
    struct clockpage_record got;
    struct clockpage *page;
    struct cfg_errors errors = {0};
    struct place place;
    struct house house;

    (void)state;
    place_init(&place);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    assert_false(clockpage_read(house.page, &got));
    page = clockpage_open(house.clock, true);
    clockpage_write(page, &record);
    clockpage_close(page);
    for (int i = 0; i < 3; i++) {
        struct spawn spawn = {0};

        house_check(&house, &place.settings, &errors);
        house_give_clock(&house, &spawn);
        page = clockpage_open(spawn.fds[0].fd, true);
        assert_true(clockpage_read(page, &got));
        assert_int_equal(got.epoch, 9);
        clockpage_close(page);
    }
    assert_int_equal(errors.num, 0);
    assert_true(clockpage_read(house.page, &got));
    house_close(&house);
    assert_int_equal(house_open(&house, &place.settings), RC_OK);
    assert_false(clockpage_read(house.page, &got));
    house_close(&house);
    place_clear(&place);
}

static void touch(const char *dir, const char *name)
{
    char path[120];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void test_record_dir(void **state)
{
    struct place place;
    char why[RECORD_DIR_WHY_MAX], nobody[] = "no-such-account-here";
    bool wanted;
    int dir;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    place_init(&place);
    assert_int_equal(mkdir(place.ledger, 0700), 0);
    dir = open(place.ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_OK);
    assert_true(wanted);
    touch(place.ledger, "somebodys");
    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_IO);
    assert_non_null(strstr(why, "holds somebodys"));
    assert_int_equal(record_dir_hand_over(dir, &place.settings, why), RC_IO);
    remove_in(&place, "ledger/somebodys");

    place.settings.users.issuer = nobody;
    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_NOT_FOUND);
    assert_non_null(strstr(why, nobody));
    place.settings.users.issuer = place.none;
    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_OK);
    assert_false(wanted);

    place.settings.users.issuer = place.issuer;
    assert_int_equal(record_dir_hand_over(dir, &place.settings, why), RC_OK);
    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_OK);
    assert_false(wanted);
    /* What comes later is the account's own affair. */
    touch(place.ledger, "somebodys");
    assert_int_equal(record_dir_judge(dir, &place.settings, &wanted, why), RC_OK);
    (void)close(dir);
    place_clear(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),       cmocka_unit_test(test_can_not),
        cmocka_unit_test(test_check),      cmocka_unit_test(test_service),
        cmocka_unit_test(test_no_service), cmocka_unit_test(test_page_stays),
        cmocka_unit_test(test_record_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
