/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger files. The first octet says how the rest is meant: 0 = a whole file; else edits (offset, value) that spoil a good file of five
 * groups. What is read from a spoiled file is a prefix of what was written, a spoiled last group is never called damage, and
 * what a cut leaves reads the same again with nothing torn. To read it in two goes, the first while it was shorter, finds the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/issuer/ledger_scan.h"
#include "tsa/role/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NUM_GROUPS 5

struct written {
    uint8_t octets[8192];
    size_t len;
    uint64_t starts[NUM_GROUPS * 4];
    uint64_t num, last_group;
};

struct reading {
    const struct written *written; /* NULL: nothing is known */
    uint64_t num, last_sequence;
};

static bool on_record(void *arg, uint64_t at, const struct ledger_record *record)
{
    struct reading *reading = arg;
    const struct written *written = reading->written;

    assert(reading->num == 0 || record->sequence == reading->last_sequence + 1);
    assert(!written || (reading->num < written->num && written->starts[reading->num] == at));
    reading->last_sequence = record->sequence;
    reading->num++;
    return true;
}

static void check_cut(struct bytes file, const struct ledger_summary *found)
{
    struct ledger_summary again;

    assert(found->end <= file.len && found->end + found->torn <= file.len);
    assert(ledger_scan(bytes_of(file.data, (size_t)found->end), NULL, NULL, &again) == RC_OK);
    assert(again.end == found->end && again.num == found->num && again.torn == 0);
    assert(again.last_sequence == found->last_sequence &&
           gentime_compare(again.last_clock, found->last_clock) == 0 &&
           again.last_state == found->last_state);
}

static void check_two_goes(struct bytes file, size_t cut, enum rc rc, const struct ledger_summary *found)
{
    struct ledger_summary again;

    ledger_scan_ahead(bytes_of(file.data, cut), &again);
    assert(again.end <= cut && again.torn == 0 && again.num <= found->num);
    assert(ledger_scan_on(file, &again) == rc);
    assert(again.end == found->end && again.torn == found->torn && again.num == found->num &&
           again.damaged_at == found->damaged_at && again.first_sequence == found->first_sequence &&
           again.last_sequence == found->last_sequence && again.group == found->group);
    assert(gentime_compare(again.last_clock, found->last_clock) == 0 &&
           gentime_compare(again.last_time, found->last_time) == 0 && again.last_state == found->last_state);
}

static enum rc scan(struct bytes file, struct reading *reading)
{
    struct ledger_summary found;
    const enum rc rc = ledger_scan(file, on_record, reading, &found);

    assert(found.num == reading->num);
    for (size_t part = 0; part <= 8; part++) {
        check_two_goes(file, file.len * part / 8, rc, &found);
    }
    if (rc == RC_OK) {
        check_cut(file, &found);
    } else {
        assert(rc == RC_LEDGER_DAMAGED && found.damaged_at <= file.len);
    }
    return rc;
}

/* Tokens, lab time, and an event here and there. */
static struct ledger_record nth(uint64_t n)
{
    static const enum ledger_event events[] = {LEDGER_CLOCK_STOP, LEDGER_CLOCK_ACKNOWLEDGED,
                                               LEDGER_CLOCK_SYNC};
    struct ledger_record record = {
        .kind = n % 3 == 2 ? LEDGER_EVENT : MSG_RFC3161,
        .proof = (enum clockpage_proof)(n % 3),
        .clock = {1924992245 + (int64_t)n, 5},
        .bound_ns = 1000,
        .age_ns = -1,
        .text = bytes_str("state=stop reason=clock-stepped figure=50000000"),
        .reference = bytes_str("chrony 192.0.2.1"),
    };

    if (record.kind == LEDGER_EVENT) {
        record.event = events[n / 3 % 3];
        record.proof = CLOCKPAGE_PROVEN;
        return record;
    }
    record.digest = DIGEST_SHA256;
    record.time = (struct gentime){1924992245 + (int64_t)n, 0};
    record.unit = bytes_str("unit");
    record.serial = bytes_str("0123456789012345678");
    record.imprint = bytes_str("01234567890123456789012345678901");
    return record;
}

static void add_record(struct written *w, const struct crc32c *crc, uint64_t group)
{
    const struct ledger_record record = nth(w->num);
    struct wbuf body;

    w->starts[w->num++] = w->len;
    wbuf_init_fixed(&body, w->octets + w->len + LEDGER_FRAME_LEN,
                    sizeof(w->octets) - w->len - LEDGER_FRAME_LEN);
    ledger_record_put(&body, &record);
    assert(wbuf_rc(&body) == RC_OK);
    ledger_record_place(body.data, w->num, group);
    ledger_frame(crc, w->octets + w->len, body.len);
    w->len += LEDGER_FRAME_LEN + body.len;
}

static void write_file(struct written *w)
{
    struct crc32c crc;

    crc32c_init(&crc);
    memcpy(w->octets, LEDGER_MAGIC, LEDGER_MAGIC_LEN);
    w->len = LEDGER_MAGIC_LEN;
    for (unsigned g = 0; g < NUM_GROUPS; g++) {
        w->last_group = w->len;
        for (unsigned i = 0; i <= g % 4; i++) {
            add_record(w, &crc, w->last_group);
        }
    }
}

static void spoil(const uint8_t *data, size_t len)
{
    static struct written good, bad;
    struct reading reading = {.written = &good};
    bool before_last = false;
    enum rc rc;

    if (good.len == 0) {
        write_file(&good);
    }
    bad = good;
    for (size_t i = 0; i + 3 <= len; i += 3) {
        bad.octets[(size_t)(data[i] << 8 | data[i + 1]) % good.len] = data[i + 2];
    }
    for (size_t i = 0; i < good.last_group; i++) {
        before_last |= bad.octets[i] != good.octets[i];
    }
    rc = scan(bytes_of(bad.octets, bad.len), &reading);
    assert(before_last || rc == RC_OK);
    assert(before_last || reading.num + 4 >= good.num);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reading reading = {0};

    if (len > 0 && data[0] != 0) {
        spoil(data + 1, len - 1);
    } else if (len > 0) {
        (void)scan(bytes_of(data + 1, len - 1), &reading);
    }
    return 0;
}
