/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger's reader learns of the time: the last one that counts, among tokens, lab time, events and acknowledgements; and that a file of
 * the former version is taken over and goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/issuer/ledger.h"
#include "tsa/role/msg.h"

#define START INT64_C(1924992245)

static char folder[64];
static int dir_fd;

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_ledger_time.XXXXXX");
    assert_non_null(mkdtemp(folder));
    dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(unlinkat(dir_fd, LEDGER_FILE, 0), 0);
    close(dir_fd);
    return rmdir(folder);
}

static struct ledger_record token(enum clockpage_proof proof, int64_t clock, int64_t time)
{
    return (struct ledger_record){
        .kind = MSG_RFC3161,
        .digest = DIGEST_SHA256,
        .proof = proof,
        .clock = {START + clock, 5},
        .time = {START + time, 0},
        .bound_ns = 1000,
        .age_ns = 2000,
        .unit = bytes_str("unit"),
        .imprint = bytes_str("01234567890123456789012345678901"),
        .reference = bytes_str("test"),
    };
}

static struct ledger_record event(enum ledger_event event, enum clockpage_proof proof, int64_t clock)
{
    return (struct ledger_record){
        .kind = LEDGER_EVENT,
        .event = event,
        .proof = proof,
        .clock = {START + clock, 0},
        .bound_ns = -1,
        .age_ns = -1,
        .text = bytes_str("state=stop"),
    };
}

static struct bytes body_of(const struct ledger_record *r)
{
    static uint8_t storage[LEDGER_BODY_MAX];
    struct wbuf body;

    wbuf_init_fixed(&body, storage, sizeof(storage));
    ledger_record_put(&body, r);
    assert_int_equal(wbuf_rc(&body), RC_OK);
    return wbuf_bytes(&body);
}

static void append(struct ledger *l, struct ledger_record r)
{
    assert_int_equal(ledger_append(l, body_of(&r)), RC_OK);
    assert_int_equal(ledger_sync(l), RC_OK);
}

/* As the former version wrote it. */
static void append_1(struct ledger *l, struct ledger_record r)
{
    uint8_t old[LEDGER_BODY_MAX];
    struct bytes body;

    r.reference = BYTES_NONE;
    body = body_of(&r);
    memcpy(old, body.data, 60);
    memcpy(old + 60, body.data + 68, body.len - 68);
    old[0] = 1;
    assert_int_equal(ledger_append(l, bytes_of(old, body.len - 8)), RC_OK);
    assert_int_equal(ledger_sync(l), RC_OK);
}

static void assert_found(int64_t clock, int64_t time, enum ledger_event last_state)
{
    struct ledger l;

    assert_int_equal(ledger_open(&l, dir_fd, NULL, 0), RC_OK);
    assert_int_equal(l.last_clock.sec, clock);
    assert_int_equal(l.last_time.sec, time);
    assert_int_equal(l.last_state, last_state);
    ledger_close(&l);
}

static void test_last_clock(void **state)
{
    static const struct {
        bool is_event;
        enum ledger_event event;
        enum clockpage_proof proof;
        int64_t clock, time; /* from START */
        int64_t last_clock, last_time;
        enum ledger_event last_state;
    } steps[] = {
        {true, LEDGER_CLOCK_SYNC, CLOCKPAGE_PROVEN, 500, 0, -START, -START, LEDGER_CLOCK_SYNC},
        {false, 0, CLOCKPAGE_PROVEN, 10, 11, 10, 11, LEDGER_CLOCK_SYNC},
        {false, 0, CLOCKPAGE_TRUSTED, 20, 20, 20, 20, LEDGER_CLOCK_SYNC},
        {false, 0, CLOCKPAGE_PROVEN, 15, 15, 20, 20, LEDGER_CLOCK_SYNC},       /* the latest, not the last */
        {false, 0, CLOCKPAGE_LAB_TIME, 9000, 9000, 20, 20, LEDGER_CLOCK_SYNC}, /* no time at all */
        {true, LEDGER_CLOCK_STOP, CLOCKPAGE_PROVEN, 8000, 0, 20, 20, LEDGER_CLOCK_STOP},
        {false, 0, CLOCKPAGE_PROVEN, 7000, 7001, 7000, 7001, LEDGER_CLOCK_STOP},
        {true, LEDGER_CLOCK_ACKNOWLEDGED, CLOCKPAGE_LAB_TIME, 30, 0, 7000, 7001, LEDGER_CLOCK_STOP},
        {true, LEDGER_CLOCK_ACKNOWLEDGED, CLOCKPAGE_PROVEN, 31, 0, 31, 31, LEDGER_CLOCK_STOP},
        {true, LEDGER_UNIT_STOPPED, CLOCKPAGE_PROVEN, 32, 0, 31, 31, LEDGER_CLOCK_STOP},
        {true, (enum ledger_event)99, CLOCKPAGE_PROVEN, 32, 0, 31, 31, LEDGER_CLOCK_STOP},
        {true, LEDGER_CLOCK_WARN, CLOCKPAGE_PROVEN, 32, 0, 31, 31, LEDGER_CLOCK_WARN},
        {false, 0, CLOCKPAGE_PROVEN, 33, 33, 33, 33, LEDGER_CLOCK_WARN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct ledger l;

        assert_int_equal(ledger_open(&l, dir_fd, NULL, 0), RC_OK);
        append(&l, steps[i].is_event ? event(steps[i].event, steps[i].proof, steps[i].clock)
                                     : token(steps[i].proof, steps[i].clock, steps[i].time));
        ledger_close(&l);
        assert_found(START + steps[i].last_clock, START + steps[i].last_time, steps[i].last_state);
    }
}

/* Read in two goes, as by one who waits for its writer to end. */
static void test_acknowledged_while_another_waits(void **state)
{
    struct ledger l, next;

    (void)state;
    assert_int_equal(ledger_open(&l, dir_fd, NULL, 0), RC_OK);
    append(&l, token(CLOCKPAGE_PROVEN, 5000, 5000));
    append(&l, token(CLOCKPAGE_PROVEN, 5001, 5001));
    assert_int_equal(ledger_prepare(&next, dir_fd, NULL), RC_OK);
    append(&l, event(LEDGER_CLOCK_ACKNOWLEDGED, CLOCKPAGE_PROVEN, 40));
    append(&l, token(CLOCKPAGE_PROVEN, 41, 41));
    ledger_close(&l);
    assert_int_equal(ledger_take(&next, dir_fd, 0), RC_OK);
    assert_int_equal(next.last_clock.sec, START + 41);
    ledger_close(&next);
}

static bool check_mixed(void *arg, uint64_t at, const struct ledger_record *r)
{
    unsigned *num = arg;

    (void)at;
    ++*num;
    assert_int_equal(r->sequence, *num);
    assert_int_equal(r->clock.sec, START + *num);
    assert_true(bytes_equal(r->unit, bytes_str("unit")) && r->imprint.len == 32);
    assert_int_equal(r->age_ns, *num <= 3 ? -1 : 2000);
    assert_int_equal(r->reference.len, *num <= 3 ? 0 : 4);
    return true;
}

static void test_former_version(void **state)
{
    struct ledger_summary found;
    struct bytes file;
    struct ledger l;
    unsigned num = 0;

    (void)state;
    assert_int_equal(ledger_open(&l, dir_fd, NULL, 0), RC_OK);
    for (int64_t i = 1; i <= 3; i++) {
        append_1(&l, token(CLOCKPAGE_PROVEN, i, i));
    }
    ledger_close(&l);
    assert_found(START + 3, START + 3, (enum ledger_event)0);
    assert_int_equal(ledger_open(&l, dir_fd, NULL, 0), RC_OK);
    assert_int_equal(l.sequence, 3);
    append(&l, token(CLOCKPAGE_PROVEN, 4, 4));
    append(&l, token(CLOCKPAGE_PROVEN, 5, 5));
    ledger_close(&l);
    assert_int_equal(ledger_read(dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, check_mixed, &num, &found), RC_OK);
    ledger_unread(file);
    assert_int_equal(num, 5);
    assert_int_equal(found.torn, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_last_clock),
        TEST(test_acknowledged_while_another_waits),
        TEST(test_former_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
