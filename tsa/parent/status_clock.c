/* SPDX-License-Identifier: Apache-2.0 */
/* Durations are nanoseconds; what is not known is null, so that no program takes a -1 for a bound. */
#include "tsa/parent/status_clock.h"

#include <string.h>

#include "tsa/base/now.h"
#include "tsa/role/clockwords.h"

#define NS_PER_S INT64_C(1000000000)

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

static json_t *known(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

json_t *status_time(struct gentime time)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    return time.sec && gentime_build_iso(gentime_round(time, 3), text, &len) == RC_OK
               ? json_stringn(text, len)
               : json_null();
}

/* Read from a file that another process writes: its text ends where it ends, and is shown as far as it is one. */
static json_t *text_json(const char *text, size_t size)
{
    json_t *out = json_stringn(text, strnlen(text, size));

    return out ? out : json_string("?");
}

/* ---- time servers ---- */

static json_t *server_json(const struct clockpage_server *server)
{
    static const char *const states[] = {
        [CLOCKPAGE_SERVER_SILENT] = "silent",
        [CLOCKPAGE_SERVER_GOOD] = "good",
        [CLOCKPAGE_SERVER_FALSE] = "false",
        [CLOCKPAGE_SERVER_UNFIT] = "unfit",
    };
    const bool has_answered = server->measured_mono_ns >= 0;
    json_t *out = json_object();

    set(out, "address", text_json(server->address, sizeof(server->address)));
    set(out, "state", json_string(states[server->state]));
    set(out, "stratum", server->stratum ? json_integer(server->stratum) : json_null());
    set(out, "offset_ns", has_answered ? json_integer(server->offset_ns) : json_null());
    set(out, "error_ns", has_answered ? known(server->error_ns) : json_null());
    set(out, "age_ns", has_answered ? known(now_mono_ns() - server->measured_mono_ns) : json_null());
    return out;
}

static json_t *servers_json(const struct clockpage *page)
{
    struct clockpage_servers servers;
    json_t *list = json_array();

    if (page && clockpage_read_servers(page, &servers)) {
        for (uint64_t i = 0; i < servers.num; i++) {
            (void)json_array_append_new(list, server_json(&servers.list[i]));
        }
    }
    return list;
}

/* ---- without an issuer ---- */

static bool is_stale(const struct clockpage_record *record, int64_t now)
{
    return now >= record->expires_mono_ns || now < record->sampled_mono_ns || record->sampled_mono_ns < 0;
}

/* What can not be counted is not known. */
static int64_t bound_now(const struct clockpage_record *record, int64_t now)
{
    int64_t grown, bound;

    if (record->bound_ns < 0 ||
        __builtin_mul_overflow((now - record->sampled_mono_ns) / NS_PER_S, record->drift_ppb, &grown) ||
        __builtin_add_overflow(record->bound_ns, grown, &bound)) {
        return -1;
    }
    return bound;
}

/* Only what the file says; what an issuer would make of it beyond that, nobody knows now. */
static void read_facts(const struct clockpage *page, struct facts *out)
{
    const int64_t now = now_mono_ns();
    struct clockpage_record record;

    *out = (struct facts){
        .clock_reason = RC_CLOCK_UNKNOWN, .clock_bound_ns = -1, .clock_age_ns = -1, .clock_figure_ns = -1};
    if (!page || !clockpage_read(page, &record)) {
        return;
    }
    out->clock_state = record.state;
    out->clock_reason = record.reason;
    out->clock_figure_ns = record.figure_ns;
    out->clock_proven = record.proven;
    out->clock_leap = record.leap;
    out->clock_leap_at = record.leap_at;
    out->clock_stratum = record.stratum;
    memcpy(out->clock_reference, record.reference, sizeof(out->clock_reference));
    if (is_stale(&record, now)) {
        out->clock_state = CLOCKPAGE_STOP;
        out->clock_reason = RC_CLOCK_STALE;
        out->clock_figure_ns =
            record.sampled_mono_ns >= 0 && now > record.sampled_mono_ns ? now - record.sampled_mono_ns : -1;
        return;
    }
    out->clock_age_ns = record.measured_mono_ns < 0 ? -1 : now - record.measured_mono_ns;
    out->clock_bound_ns = bound_now(&record, now);
}

/* ---- all ---- */

static void add_reason(json_t *out, const struct facts *facts)
{
    const enum rc reason = facts->clock_reason < RC_NUM ? (enum rc)facts->clock_reason : RC_OK;
    const int64_t figure = reason == RC_OK ? -1 : facts->clock_figure_ns;
    char text[CLOCKWORDS_MAX];

    (void)clockwords_sentence(facts->clock_state, reason, figure, text);
    set(out, "reason", reason == RC_OK ? json_null() : json_string(rc_word(reason)));
    set(out, "text", text[0] ? json_string(text) : json_null());
    set(out, "figure_ns", figure == -1 ? json_null() : json_integer(figure)); /* a step back is negative */
}

json_t *status_clock(const struct facts *facts, const struct clockpage *page, const char *file)
{
    json_t *out = json_object();
    struct facts read;

    if (!facts) {
        read_facts(page, &read);
        facts = &read;
    }
    set(out, "state", json_string(clockwords_state(facts->clock_state)));
    add_reason(out, facts);
    set(out, "proof", json_string(clockwords_proof(facts->clock_proven)));
    set(out, "proven", json_boolean(facts->clock_proven == CLOCKPAGE_PROVEN));
    set(out, "bound_ns", known(facts->clock_bound_ns));
    set(out, "age_ns", known(facts->clock_age_ns));
    set(out, "reference", text_json(facts->clock_reference, sizeof(facts->clock_reference)));
    set(out, "stratum", facts->clock_stratum ? json_integer(facts->clock_stratum) : json_null());
    set(out, "leap", json_string(clockwords_leap(facts->clock_leap)));
    set(out, "leap_at", status_time((struct gentime){.sec = facts->clock_leap_at}));
    set(out, "since", status_time(facts->clock_since));
    set(out, "changes", json_integer(facts->clock_changes));
    set(out, "ahead_ns", json_integer(facts->clock_ahead_ns > 0 ? facts->clock_ahead_ns : 0));
    set(out, "file", file && *file ? text_json(file, strlen(file)) : json_null());
    set(out, "servers", servers_json(page));
    return out;
}
