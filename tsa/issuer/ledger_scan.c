/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan goes from record to record until one is not good, then looks for whole records behind it, octet by octet, to tell a torn tail
 * from damage. Nothing is taken on trust: a record counts when its checksum fits, its body reads, its number follows the one
 * before, and its group is the one that is open or starts right there.
 */
#include "tsa/issuer/ledger_scan.h"

#include <string.h>

struct scan {
    struct bytes file;
    struct crc32c crc;
    struct ledger_summary *out;
    struct ledger_summary before; /* the last group that was begun */
};

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_u32(uint8_t *at, uint32_t n)
{
    for (size_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(n >> 8 * i);
    }
}

static uint32_t checksum(const struct crc32c *crc, const uint8_t *at, size_t body_len)
{
    const uint32_t of_length = crc32c_of(crc, 0, bytes_of(at, 4));

    return crc32c_of(crc, of_length, bytes_of(at + LEDGER_FRAME_LEN, body_len));
}

void ledger_frame(const struct crc32c *crc, uint8_t *at, size_t body_len)
{
    put_u32(at, (uint32_t)body_len);
    put_u32(at + 4, checksum(crc, at, body_len));
}

/* A whole record at that place, whatever stands before it; the cheap checks first. */
static bool record_at(const struct scan *s, uint64_t at, struct ledger_record *out, uint64_t *out_end)
{
    const uint8_t *p = s->file.data + at;
    uint64_t left = s->file.len - at;
    size_t body_len;

    if (left < LEDGER_FRAME_LEN + LEDGER_BODY_MIN) {
        return false;
    }
    body_len = get_u32(p);
    if (body_len < LEDGER_BODY_MIN || body_len > LEDGER_BODY_MAX || body_len > left - LEDGER_FRAME_LEN ||
        ledger_record_get(bytes_of(p + LEDGER_FRAME_LEN, body_len), out) != RC_OK) {
        return false;
    }
    *out_end = at + LEDGER_FRAME_LEN + body_len;
    return get_u32(p + 4) == checksum(&s->crc, p, body_len);
}

static bool follows(const struct scan *s, uint64_t at, const struct ledger_record *r)
{
    const bool first = s->out->num == 0;

    return (first ? r->sequence > 0 : r->sequence == s->out->last_sequence + 1) &&
           (r->group == at || (!first && r->group == s->out->group));
}

static struct gentime later(struct gentime a, struct gentime b)
{
    return gentime_compare(a, b) < 0 ? b : a;
}

static struct gentime earlier(struct gentime a, struct gentime b)
{
    return gentime_compare(a, b) < 0 ? a : b;
}

static void count_time(struct ledger_summary *out, const struct ledger_record *r)
{
    if (r->kind != LEDGER_EVENT && r->proof != CLOCKPAGE_LAB_TIME) {
        out->last_clock = later(out->last_clock, r->clock);
        out->last_time = later(out->last_time, r->time);
    } else if (r->event == LEDGER_CLOCK_ACKNOWLEDGED && r->proof != CLOCKPAGE_LAB_TIME) {
        out->last_clock = r->clock;
        out->last_time = earlier(out->last_time, r->clock);
    } else if (r->event >= LEDGER_CLOCK_UNKNOWN && r->event <= LEDGER_CLOCK_STOP) {
        out->last_state = r->event;
    }
}

static void count(struct scan *s, const struct ledger_record *r, uint64_t end)
{
    struct ledger_summary *out = s->out;

    if (r->group == out->end) {
        s->before = *out;
    }
    out->first_sequence = out->num++ == 0 ? r->sequence : out->first_sequence;
    out->last_sequence = r->sequence;
    count_time(out, r);
    out->end = end;
    out->group = r->group;
}

/* The end of what is not zero, from a place on. */
static uint64_t used_end(struct bytes file, uint64_t from)
{
    static const uint8_t zeros[4096];
    uint64_t end = file.len;

    while (end - from > sizeof(zeros) && memcmp(file.data + end - sizeof(zeros), zeros, sizeof(zeros)) == 0) {
        end -= sizeof(zeros);
    }
    while (end > from && file.data[end - 1] == 0) {
        end--;
    }
    return end;
}

/* Behind a record that is not good: does any record show that the disk held it whole once, since a group was begun after it? */
static bool is_damage(const struct scan *s, uint64_t bad, uint64_t end)
{
    struct ledger_record r;
    uint64_t at = bad, next;

    while (at < end) {
        if (!record_at(s, at, &r, &next)) {
            at++;
        } else if (r.group > bad && r.group <= at) {
            return true;
        } else {
            at = next;
        }
    }
    return false;
}

/* The records from out->end on, as long as they are good. False when that is told to be enough. */
static bool scan_records(struct scan *s, ledger_on_record *on_record, void *arg)
{
    struct ledger_record r;
    uint64_t end;

    crc32c_init(&s->crc);
    while (record_at(s, s->out->end, &r, &end) && follows(s, s->out->end, &r)) {
        const uint64_t at = s->out->end;

        count(s, &r, end);
        if (on_record && !on_record(arg, at, &r)) {
            return false;
        }
    }
    return true;
}

/* What lies behind the good records. */
static enum rc judge_rest(const struct scan *s)
{
    struct ledger_summary *out = s->out;
    const uint64_t end = used_end(s->file, out->end);

    out->torn = end - out->end;
    if (out->torn > 0 && is_damage(s, out->end, end)) {
        out->damaged_at = out->end;
        return RC_LEDGER_DAMAGED;
    }
    return RC_OK;
}

static bool has_header(struct bytes file)
{
    return file.len >= LEDGER_MAGIC_LEN && memcmp(file.data, LEDGER_MAGIC, LEDGER_MAGIC_LEN) == 0;
}

enum rc ledger_scan(struct bytes file, ledger_on_record *on_record, void *arg, struct ledger_summary *out)
{
    struct scan s = {.file = file, .out = out};

    *out = (struct ledger_summary){0};
    if (used_end(file, 0) == 0) {
        return RC_OK; /* not even the header was written */
    }
    if (!has_header(file)) {
        return RC_LEDGER_DAMAGED;
    }
    out->end = LEDGER_MAGIC_LEN;
    return scan_records(&s, on_record, arg) ? judge_rest(&s) : RC_OK;
}

/* The last group may be under way: not all of it written, or written and not synced, so that the disk can still lose it. A group that another
 * one follows was synced. */
void ledger_scan_ahead(struct bytes file, struct ledger_summary *out)
{
    struct scan s = {.file = file, .out = out};

    *out = (struct ledger_summary){0};
    if (has_header(file)) {
        out->end = LEDGER_MAGIC_LEN;
        s.before = *out;
        (void)scan_records(&s, NULL, NULL);
        *out = s.before;
    }
}

enum rc ledger_scan_on(struct bytes file, struct ledger_summary *out)
{
    struct scan s = {.file = file, .out = out};

    if (out->end == 0 || out->end > file.len) {
        return ledger_scan(file, NULL, NULL, out);
    }
    (void)scan_records(&s, NULL, NULL);
    return judge_rest(&s);
}
