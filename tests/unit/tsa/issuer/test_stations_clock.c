/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock as the stations live with it: what a refused request is told, what the record, the facts and the parent hear when the clock's state
 * changes, with requests and without, and how somebody acknowledges that it was set back.
 */
#include "tests/unit/tsa/issuer/rig.h"

#define MS  1000000
#define DAY (86400 * DESK_SECOND)

/* ---- as a front, as the parent ---- */

static enum rc stamp_one(uint64_t id, char why[MSG_WHY_MAX + 1])
{
    struct chan_message m;
    struct msg_stamped stamped;

    rig_put_request(id);
    rig_send_all(rig.fronts[0]);
    assert_int_equal(rig_receive(rig.fronts[0]), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_int_equal(m.type, MSG_STAMPED);
    assert_int_equal(msg_get_stamped(m.body, &stamped), RC_OK);
    assert_int_equal(stamped.id, id);
    (void)snprintf(why, MSG_WHY_MAX + 1, "%.*s", (int)stamped.why.len, (const char *)stamped.why.data);
    return stamped.rc;
}

static enum rc acknowledge(const char *reason, char why[MSG_WHY_MAX + 1])
{
    struct chan_message m;
    struct msg_acknowledged answer;

    msg_put_acknowledge(&rig.out, &(struct msg_acknowledge){.id = 77, .reason = bytes_str(reason)});
    rig_send_all(rig.parent);
    assert_int_equal(rig_receive(rig.parent), RC_OK);
    assert_true(chan_next(&rig.in, &m));
    assert_int_equal(m.type, MSG_ACKNOWLEDGED);
    assert_int_equal(msg_get_acknowledged(m.body, &answer), RC_OK);
    assert_int_equal(answer.id, 77);
    (void)snprintf(why, MSG_WHY_MAX + 1, "%.*s", (int)answer.why.len, (const char *)answer.why.data);
    return answer.rc;
}

static void step(int64_t ns)
{
    __atomic_fetch_add(&rig.desk.real_ns, ns, __ATOMIC_SEQ_CST);
}

/* The clock role makes three good records; the recorder sees each, since somebody asks. */
static void recover(void)
{
    for (int i = 0; i < CLOCKGATE_NUM_GOOD; i++) {
        rig_pass_time(DESK_SECOND);
        (void)rig_ask_facts(rig.parent);
    }
}

/* The record has so many events, within ten seconds, and nobody asks for anything. */
static void wait_for_events(size_t num)
{
    for (int i = 0; i < 1000; i++) {
        rig_read_ledger();
        if (recorded.num_events >= num) {
            return;
        }
        usleep(10000);
    }
    fail_msg("%zu events", recorded.num_events);
}

static void assert_event(size_t i, enum ledger_event event, const char *text)
{
    assert_true(i < recorded.num_events);
    assert_int_equal(recorded.events[i], event);
    assert_string_equal(recorded.texts[i], text);
}

/* ---- tests ---- */

static void test_nothing_happens(void **state)
{
    const struct facts facts = rig_ask_facts(rig.parent);

    (void)state;
    assert_int_equal(facts.clock_state, CLOCKPAGE_SYNC);
    assert_int_equal(facts.clock_reason, RC_OK);
    assert_int_equal(facts.clock_figure_ns, -1);
    assert_int_equal(facts.clock_changes, 0);
    assert_int_equal(facts.clock_ahead_ns, 0);
    assert_int_equal(facts.clock_since.sec, AUTHORITY_NOW);
    rig_stamp_some(rig.fronts[0], 0, 5);
    rig_read_ledger();
    assert_int_equal(recorded.num, 5);
    assert_int_equal(recorded.num_events, 0);
}

static void test_step(void **state)
{
    char why[MSG_WHY_MAX + 1];
    struct facts facts;

    (void)state;
    assert_int_equal(stamp_one(1, why), RC_OK);
    assert_string_equal(why, "");
    step(50 * MS);
    assert_int_equal(stamp_one(2, why), RC_CLOCK_STEPPED);
    assert_string_equal(why, "it was set by +50 ms at 2026-11-20T08:05:25Z");
    wait_for_events(1); /* at once, without another request */
    assert_event(0, LEDGER_CLOCK_STOP, "was=sync state=stop reason=clock-stepped figure=50000000");
    facts = rig_ask_facts(rig.fronts[0]);
    assert_true(facts.ready == 0 && facts.reason == RC_CLOCK_STEPPED && facts.clock_state == CLOCKPAGE_STOP);
    assert_true(facts.clock_reason == RC_CLOCK_STEPPED && facts.clock_figure_ns == 50 * MS &&
                facts.clock_changes == 1 && facts.clock_ahead_ns == 0);
    recover();
    assert_int_equal(stamp_one(3, why), RC_OK);
    wait_for_events(2);
    assert_event(1, LEDGER_CLOCK_SYNC, "was=stop state=sync");
    facts = rig_ask_facts(rig.fronts[0]);
    assert_true(facts.ready == 1 && facts.clock_state == CLOCKPAGE_SYNC && facts.clock_changes == 2 &&
                facts.clock_figure_ns == -1);
    assert_int_equal(recorded.num_events, 2);
    assert_int_equal(facts.ledger_sequence, 4); /* two tokens, two events */
}

/* The clock role dies, and no request comes: it is noticed and told all the same. */
static void test_silence(void **state)
{
    struct facts facts;

    (void)state;
    desk_pass(&rig.desk, CLOCKPAGE_LIFE_NS + DESK_SECOND);
    wait_for_events(1);
    assert_event(0, LEDGER_CLOCK_STOP, "was=sync state=stop reason=clock-stale figure=4000000000");
    desk_pass(&rig.desk, 60 * DESK_SECOND); /* that it goes on is no change */
    usleep(1200 * 1000);
    rig_read_ledger();
    assert_int_equal(recorded.num_events, 1);
    facts = rig_ask_facts(rig.parent);
    assert_true(facts.clock_reason == RC_CLOCK_STALE && facts.clock_figure_ns == 64 * DESK_SECOND);
}

static void test_warning(void **state)
{
    struct facts facts;
    char why[MSG_WHY_MAX + 1];

    (void)state;
    rig_pass_time(DESK_SECOND);
    rig.desk.record.epoch = ++rig.desk.epoch;
    rig.desk.record.state = CLOCKPAGE_WARN;
    rig.desk.record.reason = RC_CLOCK_OLD;
    rig.desk.record.figure_ns = 1800 * DESK_SECOND;
    rig.desk.record.leap = CLOCKPAGE_LEAP_INSERT;
    rig.desk.record.leap_at = 1798761600;
    rig.desk.record.stratum = 3;
    clockpage_write(rig.desk.page, &rig.desk.record);
    wait_for_events(1);
    assert_event(0, LEDGER_CLOCK_WARN, "was=sync state=warn reason=clock-old figure=1800000000000");
    facts = rig_ask_facts(rig.parent);
    assert_true(facts.ready == 1 && facts.clock_state == CLOCKPAGE_WARN &&
                facts.clock_reason == RC_CLOCK_OLD);
    assert_true(facts.clock_leap == CLOCKPAGE_LEAP_INSERT && facts.clock_leap_at == 1798761600 &&
                facts.clock_stratum == 3);
    assert_int_equal(stamp_one(1, why), RC_OK);
}

/* What a claim does not bear is refused, and no state changes. */
static void test_claim(void **state)
{
    char why[MSG_WHY_MAX + 1];

    (void)state;
    rig_pass_time(DESK_SECOND);
    rig.desk.record.epoch = ++rig.desk.epoch;
    rig.desk.record.bound_ns = 1203 * MS;
    clockpage_write(rig.desk.page, &rig.desk.record);
    assert_int_equal(stamp_one(1, why), RC_CLOCK_BOUND);
    assert_string_equal(why, "it may be wrong by 1.203 s, this unit declares 1 s");
    assert_int_equal(rig_ask_facts(rig.parent).clock_state, CLOCKPAGE_SYNC);
    rig_read_ledger();
    assert_int_equal(recorded.num_events, 0);
}

/* A year back. The clock is right, and the last token is not: somebody says so, and it goes on; the record knows why. */
static void test_acknowledge(void **state)
{
    char why[MSG_WHY_MAX + 1];
    struct facts facts;

    (void)state;
    step(365 * DAY); /* the wrong way first */
    desk_sample(&rig.desk);
    recover();
    assert_int_equal(stamp_one(1, why), RC_OK);
    step(-365 * DAY);
    assert_int_equal(stamp_one(2, why), RC_CLOCK_STEPPED);
    assert_int_equal(acknowledge("too early", why), RC_CLOCK_STEPPED);
    assert_true(strncmp(why, "the clock is not trusted either: it was set by -365 d at ", 57) == 0);
    recover();
    assert_int_equal(stamp_one(3, why), RC_CLOCK_BACKWARDS);
    assert_string_equal(why, "the last token is of 2027-11-20T08:05:28Z, 365 d ahead of the clock; tell the "
                             "operator of this authority, who must act");
    facts = rig_ask_facts(rig.parent);
    assert_true(facts.clock_state == CLOCKPAGE_STOP && facts.clock_reason == RC_CLOCK_BACKWARDS);
    assert_int_equal(facts.clock_ahead_ns, 365 * DAY - 3 * DESK_SECOND);
    assert_int_equal(acknowledge("a \"known\" step", why), RC_OK);
    assert_string_equal(why, "");
    assert_int_equal(stamp_one(4, why), RC_OK);
    facts = rig_ask_facts(rig.parent);
    assert_true(facts.ready == 1 && facts.clock_state == CLOCKPAGE_SYNC && facts.clock_ahead_ns == 0);
    assert_true(facts.last_time.sec < AUTHORITY_NOW + DAY / DESK_SECOND); /* as the next issuer finds it */
    assert_int_equal(acknowledge("again", why), RC_NOT_FOUND);
    assert_string_equal(why, "the last token's time is not ahead of the clock");
    rig_read_ledger();
    for (size_t i = 0; i < recorded.num_events; i++) {
        if (recorded.events[i] == LEDGER_CLOCK_ACKNOWLEDGED) {
            assert_event(i, LEDGER_CLOCK_ACKNOWLEDGED,
                         "last=2027-11-20T08:05:28.123456789Z ahead=31535997000000000 reason=\"a "
                         "\\\"known\\\" step\"");
            assert_event(i + 1, LEDGER_CLOCK_SYNC, "was=stop state=sync");
            assert_int_equal(i + 2, recorded.num_events);
            return;
        }
    }
    fail_msg("it is not in the record");
}

/* An acknowledgement that is not in the record allows nothing. */
static void test_acknowledge_on_a_failing_disk(void **state)
{
    char why[MSG_WHY_MAX + 1];

    (void)state;
    assert_int_equal(stamp_one(1, why), RC_OK);
    step(-2 * DAY);
    desk_sample(&rig.desk);
    recover();
    recover();
    assert_int_equal(stamp_one(2, why), RC_CLOCK_BACKWARDS);
    (void)rig_ask_facts(rig.parent);
    atomic_store(&syncs_left, 0);
    assert_int_equal(acknowledge("the board was changed", why), RC_LEDGER_WRITE);
    assert_int_equal(stamp_one(3, why), RC_LEDGER_WRITE);
    assert_int_equal(rig_ask_facts(rig.parent).clock_reason, RC_CLOCK_BACKWARDS);
}

/* Only the parent may. */
static void test_front_may_not(void **state)
{
    (void)state;
    msg_put_acknowledge(&rig.out, &(struct msg_acknowledge){.id = 1, .reason = bytes_str("please")});
    rig_send_all(rig.fronts[0]);
    while (rig_receive(rig.fronts[0]) == RC_OK) {
    }
    rig_stamp_some(rig.fronts[1], 100, 3);
}

/* The certificate ends while the authority runs; the record says when it was noticed. */
static void test_unit_ends(void **state)
{
    char why[MSG_WHY_MAX + 1];

    (void)state;
    assert_int_equal(stamp_one(1, why), RC_OK);
    rig.desk.unit.key_end.sec = AUTHORITY_NOW + 1; /* nobody looks before the time is there */
    rig_pass_time(2 * DESK_SECOND);
    assert_int_equal(stamp_one(2, why), RC_KEY_USE_OVER);
    assert_string_equal(why, "it ended at 2026-11-20T08:05:26Z");
    wait_for_events(1);
    assert_event(0, LEDGER_UNIT_STOPPED, "was=ok reason=key-use-over");
    assert_int_equal(rig_ask_facts(rig.parent).reason, RC_KEY_USE_OVER);
}

/* The next issuer begins with what the record says of the clock's state. */
static void test_next_issuer(void **state)
{
    struct clockwatch next;
    char why[MSG_WHY_MAX + 1];
    struct ledger l;

    (void)state;
    step(50 * MS);
    assert_int_equal(stamp_one(2, why), RC_CLOCK_STEPPED);
    wait_for_events(1);
    rig_close_fd(&rig.parent);
    rig_finish(); /* with the clock stopped */
    desk_sample(&rig.desk);
    clockgate_common_clear(&rig.desk.core.clock);
    clockgate_common_init(&rig.desk.core.clock, DESK_MAX_STEP);
    assert_int_equal(ledger_open(&l, rig.dir_fd, NULL, 0), RC_OK);
    assert_int_equal(l.last_state, LEDGER_CLOCK_STOP);
    clockwatch_init(&next, &rig.desk.core, &l);
    assert_int_equal(clockwatch_look(&next), RC_OK);
    assert_int_equal(ledger_sync(&l), RC_OK);
    ledger_close(&l);
    rig_read_ledger();
    assert_int_equal(recorded.num_events, 2);
    assert_event(1, LEDGER_CLOCK_SYNC, "was=unknown state=sync");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_happens),
        TEST(test_step),
        TEST(test_silence),
        TEST(test_warning),
        TEST(test_claim),
        TEST(test_acknowledge),
        TEST(test_acknowledge_on_a_failing_disk),
        TEST(test_front_may_not),
        TEST(test_unit_ends),
        TEST(test_next_issuer),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
