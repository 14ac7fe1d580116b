/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record that changes hands: its next writer reads while the present one is at work, and takes over what is there in the end, no more and no
 * less, whatever the moment at which it has looked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/issuer/ledger.h"
#include "tsa/role/msg.h"

#define START     INT64_C(1924992245)
#define FILE_MAX  65536
#define HAND_OVER 10000 /* ms */

static char folder[64];
static int dir_fd;
static struct ledger writer, next;

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_ledger_ahead.XXXXXX");
    assert_non_null(mkdtemp(folder));
    dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(ledger_open(&writer, dir_fd, NULL, 0), RC_OK);
    next = (struct ledger){.fd = -1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_close(&writer);
    ledger_close(&next);
    assert_int_equal(unlinkat(dir_fd, LEDGER_FILE, 0), 0);
    (void)close(dir_fd);
    return rmdir(folder);
}

static void write_group(unsigned num)
{
    static const uint8_t octets[300];

    for (unsigned i = 0; i < num; i++) {
        const unsigned n = (unsigned)writer.sequence + 1;
        const struct ledger_record r = {
            .kind = MSG_RFC3161,
            .digest = DIGEST_SHA256,
            .clock = {START + n, 0},
            .time = {START + n, 0},
            .unit = bytes_str("unit"),
            .imprint = bytes_of(octets, 32),
            .text = bytes_of(octets, n % 300),
        };
        uint8_t storage[LEDGER_BODY_MAX];
        struct wbuf body;

        wbuf_init_fixed(&body, storage, sizeof(storage));
        ledger_record_put(&body, &r);
        assert_int_equal(wbuf_rc(&body), RC_OK);
        assert_int_equal(ledger_append(&writer, wbuf_bytes(&body)), RC_OK);
    }
    assert_int_equal(ledger_sync(&writer), RC_OK);
}

static void assert_same(const struct ledger_summary *a, const struct ledger_summary *b)
{
    assert_true(a->end == b->end && a->torn == b->torn && a->num == b->num && a->group == b->group);
    assert_true(a->first_sequence == b->first_sequence && a->last_sequence == b->last_sequence);
    assert_int_equal(gentime_compare(a->last_clock, b->last_clock), 0);
    assert_int_equal(gentime_compare(a->last_time, b->last_time), 0);
}

/* ---- as octets ---- */

static size_t load(uint8_t *out)
{
    struct bytes file;
    size_t len;

    assert_int_equal(ledger_read(dir_fd, &file), RC_OK);
    len = file.len < FILE_MAX ? file.len : FILE_MAX;
    memcpy(out, file.data, len);
    ledger_unread(file);
    return len;
}

static void write_five_groups(void)
{
    for (unsigned g = 1; g <= 5; g++) {
        write_group(g);
    }
}

/* It looks when there are so many octets and zeros behind them: within a record, between records, between groups. */
static void test_every_moment(void **state)
{
    static uint8_t whole[FILE_MAX], part[FILE_MAX];
    struct ledger_summary all, found;
    size_t len;

    (void)state;
    write_five_groups();
    len = load(whole);
    assert_int_equal(ledger_scan(bytes_of(whole, len), NULL, NULL, &all), RC_OK);
    assert_int_equal(all.num, 15);
    assert_true(all.end < len);
    for (size_t cut = 0; cut <= all.end; cut++) {
        memset(part, 0, sizeof(part));
        memcpy(part, whole, cut);
        ledger_scan_ahead(bytes_of(part, len), &found);
        assert_true(found.end <= cut && found.num <= 10); /* never the last group: it may not stay */
        assert_int_equal(ledger_scan_on(bytes_of(whole, len), &found), RC_OK);
        assert_same(&found, &all);
    }
}

/* What it has seen of the last group was lost: it was never synced. */
static void test_last_group_that_does_not_stay(void **state)
{
    static uint8_t whole[FILE_MAX];
    struct ledger_summary found;
    uint64_t begin;
    size_t len;

    (void)state;
    write_group(3);
    begin = writer.end;
    write_group(4);
    len = load(whole);
    ledger_scan_ahead(bytes_of(whole, len), &found);
    memset(whole + begin, 0, len - begin);
    assert_int_equal(ledger_scan_on(bytes_of(whole, len), &found), RC_OK);
    assert_true(found.num == 3 && found.end == begin && found.torn == 0);
}

static void test_damage_is_found_in_the_second_go(void **state)
{
    static uint8_t whole[FILE_MAX];
    struct ledger_summary found;
    uint64_t first, second;
    size_t len;

    (void)state;
    write_group(1);
    write_group(1);
    first = writer.end;
    write_group(2);
    second = writer.end;
    write_group(2);
    len = load(whole);
    ledger_scan_ahead(bytes_of(whole, (size_t)second), &found);
    assert_int_equal(found.end, first);
    whole[first + 20] ^= 1;
    assert_int_equal(ledger_scan_on(bytes_of(whole, len), &found), RC_LEDGER_DAMAGED);
    assert_int_equal(found.damaged_at, first);
}

static void test_nothing_to_see_yet(void **state)
{
    static const uint8_t zeros[100], junk[100] = {1};
    struct ledger_summary found;

    (void)state;
    ledger_scan_ahead(BYTES_NONE, &found);
    assert_true(found.end == 0 && found.num == 0);
    ledger_scan_ahead(bytes_of(zeros, sizeof(zeros)), &found);
    assert_int_equal(ledger_scan_on(bytes_of(zeros, sizeof(zeros)), &found), RC_OK);
    assert_int_equal(found.end, 0);
    ledger_scan_ahead(bytes_of(junk, sizeof(junk)), &found);
    assert_int_equal(ledger_scan_on(bytes_of(junk, sizeof(junk)), &found), RC_LEDGER_DAMAGED);
}

/* A file that has become shorter than what was read of it is read anew. */
static void test_shorter_than_before(void **state)
{
    static uint8_t whole[FILE_MAX];
    struct ledger_summary found;
    uint64_t begin;
    size_t len;

    (void)state;
    write_group(2);
    begin = writer.end;
    write_group(2);
    write_group(2);
    len = load(whole);
    ledger_scan_ahead(bytes_of(whole, len), &found);
    assert_int_equal(ledger_scan_on(bytes_of(whole, (size_t)begin), &found), RC_OK);
    assert_int_equal(found.num, 2);
}

/* ---- as a ledger ---- */

static void test_hand_over(void **state)
{
    (void)state;
    write_five_groups();
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_OK);
    assert_int_equal(next.ahead.num, 10);
    assert_int_equal(ledger_take(&next, dir_fd, 20), RC_OVERLOADED); /* it is still at work */
    write_group(7);
    ledger_close(&writer);
    assert_int_equal(ledger_take(&next, dir_fd, HAND_OVER), RC_OK);
    assert_int_equal(next.sequence, 22);
    assert_int_equal(next.last_time.sec, START + 22);
    writer = next; /* it goes on where the other has stopped */
    next = (struct ledger){.fd = -1};
    write_group(1);
    assert_int_equal(writer.sequence, 23);
}

static void test_hand_over_of_a_torn_record(void **state)
{
    (void)state;
    write_five_groups();
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_OK);
    assert_int_equal(pwrite(writer.fd, "torn", 4, (off_t)writer.end), 4);
    ledger_close(&writer);
    assert_int_equal(ledger_take(&next, dir_fd, HAND_OVER), RC_OK);
    assert_int_equal(next.sequence, 15);
}

/* Told before anybody is made to give the record up: what is damaged already can not be taken over. */
static void test_damage_is_told_at_once(void **state)
{
    (void)state;
    write_five_groups();
    assert_int_equal(pwrite(writer.fd, "spoilt", 6, 60), 6);
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_LEDGER_DAMAGED);
    write_group(1); /* the writer is none the wiser */
}

static void test_no_header(void **state)
{
    (void)state;
    write_five_groups();
    assert_int_equal(pwrite(writer.fd, "spoilt", 6, 0), 6);
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_LEDGER_DAMAGED);
}

static void test_nobody_else(void **state)
{
    (void)state;
    write_five_groups();
    ledger_close(&writer);
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_OK);
    assert_int_equal(next.ahead.num, 0);                                     /* there is no need to hurry */
    assert_int_equal(ledger_open(&writer, dir_fd, NULL, 20), RC_OVERLOADED); /* it has the lock already */
    assert_int_equal(ledger_take(&next, dir_fd, 0), RC_OK);
    assert_int_equal(next.sequence, 15);
}

static void test_no_folder(void **state)
{
    (void)state;
    assert_int_equal(ledger_prepare(&next, -1, NULL), RC_IO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_moment),
        TEST(test_last_group_that_does_not_stay),
        TEST(test_damage_is_found_in_the_second_go),
        TEST(test_nothing_to_see_yet),
        TEST(test_shorter_than_before),
        TEST(test_hand_over),
        TEST(test_hand_over_of_a_torn_record),
        TEST(test_damage_is_told_at_once),
        TEST(test_no_header),
        TEST(test_nobody_else),
        TEST(test_no_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
