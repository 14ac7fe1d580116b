/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status as JSON. Times are ISO 8601 in UTC, durations nanoseconds, states stable words.
 */
#include "tsa/parent/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/certfile.h"
#include "tsa/base/now.h"
#include "tsa/parent/status_clock.h"

#define CERTS_MAX (1u << 20)
#define DAY       86400

/* json_object_set_new on an object that could not be made does nothing, and takes the value all the same. */
static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

/* ---- what the parent knows ---- */

static json_t *listen_json(const struct listeners *listeners, enum listener_kind kind)
{
    json_t *list = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < listeners->num; i++) {
        if (listeners->list[i].kind == kind) {
            (void)json_array_append_new(list, json_string(address_text(&listeners->list[i].address, text)));
        }
    }
    return list;
}

static void add_roles(json_t *list, const struct crew *crew, const char *stage)
{
    for (size_t i = 0; crew && i < crew->num; i++) {
        const struct role *role = &crew->roles[i];
        json_t *one;

        if (role->leaving && !role->pid) {
            continue;
        }
        one = json_object();
        set(one, "role", json_string(role_name(role->kind)));
        set(one, "pid", role->pid ? json_integer(role->pid) : json_null());
        set(one, "ready", json_boolean(role->ready));
        set(one, "loaded", json_boolean(role->ready || (role->pid && role->loaded)));
        set(one, "unanswered", json_integer(role->ready ? role->num_unanswered : 0));
        set(one, "starts", json_integer(role->num_starts));
        set(one, "generation", json_integer(role->generation));
        set(one, "stage", json_string(stage));
        (void)json_array_append_new(list, one);
    }
}

static json_t *roles_json(const struct supervise *supervise)
{
    json_t *list = json_array();

    add_roles(list, supervise->now, "serving");
    add_roles(list, supervise->next, "coming");
    add_roles(list, supervise->old, "leaving");
    return list;
}

static json_t *generation_json(const struct generation *generation)
{
    json_t *out = json_object();

    set(out, "number", json_integer(generation->number));
    set(out, "since", status_time(generation->since));
    return out;
}

/* A line may quote the configuration, which may hold any octets; where a line of it is wrong must be told all the same. */
static json_t *line_json(const char *text)
{
    json_t *line = json_string(text);
    char *plain = line ? NULL : strdup(text);

    for (char *c = plain; c && *c; c++) {
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    }
    if (plain) {
        line = json_string(plain);
        free(plain);
    }
    return line;
}

static json_t *lines_json(const struct reload_result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; i < result->lines.num; i++) {
        (void)json_array_append_new(list, line_json(result->lines.list[i]));
    }
    return list;
}

static json_t *reload_json(const struct reload *reload)
{
    const struct reload_result *result = reload_result(reload);
    json_t *out = json_object();
    const bool any = result->at.sec != 0;

    set(out, "running", json_boolean(reload_is_running(reload)));
    set(out, "at", status_time(result->at));
    set(out, "ok", any ? json_boolean(result->good) : json_null());
    set(out, "lines", lines_json(result));
    return out;
}

json_t *status_reload_answer(const struct reload *reload)
{
    const struct reload_result *result = reload_result(reload);
    json_t *out = json_object();

    set(out, "ok", json_boolean(result->good));
    set(out, "lines", lines_json(result));
    set(out, "generation", json_integer(result->generation));
    return out;
}

static json_t *lab_time_json(const struct labtime *time)
{
    char text[LABTIME_TEXT_MAX];

    return time ? json_string(labtime_text(time, text)) : json_null();
}

/* The certificate out of the text that the roles have, which may no longer be what the file says. Its days are counted by the clock that the units go by. */
static json_t *certificate_json(int fd, const struct labtime *time)
{
    struct certfile file = {0};
    struct wbuf text;
    struct cert cert;
    char name[200];
    const struct gentime now = time ? labtime_now(time) : now_real();
    json_t *out = json_null();
    ssize_t len = -1;

    wbuf_init(&text, CERTS_MAX);
    if (wbuf_reserve(&text, CERTS_MAX)) {
        len = pread(fd, text.data, CERTS_MAX, 0);
    }
    if (len > 0 && certfile_parse(bytes_of(text.data, (size_t)len), &file) == RC_OK &&
        chain_order(file.certs, file.num) == RC_OK && cert_parse(file.certs[0], &cert) == RC_OK) {
        out = json_object();
        set(out, "subject", json_string(cert_name(cert.subject, name, sizeof(name))));
        set(out, "not_after", status_time(cert.not_after));
        set(out, "days_left", json_integer((cert.not_after.sec - now.sec) / DAY));
    }
    certfile_clear(&file);
    wbuf_clear(&text);
    return out;
}

static json_t *units_json(const struct generation *generation)
{
    json_t *list = json_array();

    for (size_t i = 0; i < settings_num_units(&generation->settings); i++) {
        const struct settings_unit *unit = settings_unit(&generation->settings, i);
        json_t *one = json_object();

        set(one, "name", json_string(unit->name));
        set(one, "policy", json_string(unit->policy));
        set(one, "rfc3161", json_boolean(unit->protocols & SETTINGS_RFC3161));
        set(one, "authenticode", json_boolean(unit->protocols & SETTINGS_AUTHENTICODE));
        set(one, "certificate", certificate_json(generation->stock.units[i].chain, generation->lab_time));
        (void)json_array_append_new(list, one);
    }
    return list;
}

/* ---- what the issuer knows ---- */

static void add_facts(json_t *out, const struct facts *facts)
{
    json_t *tokens = json_object(), *ledger = json_object(), *issuer = json_object();

    set(tokens, "rfc3161", json_integer((json_int_t)facts->num_rfc3161));
    set(tokens, "authenticode", json_integer((json_int_t)facts->num_authenticode));
    set(tokens, "refused", json_integer((json_int_t)facts->num_refused));
    set(tokens, "since", status_time(facts->started));
    set(tokens, "last_time", status_time(facts->last_time));
    set(ledger, "records", json_integer((json_int_t)facts->ledger_sequence));
    set(issuer, "started", status_time(facts->started));
    set(issuer, "signers", json_integer(facts->num_signers));
    set(issuer, "waiting", json_integer(facts->num_waiting));
    set(out, "ledger", ledger);
    set(out, "tokens", tokens);
    set(out, "last_token", status_time(facts->last_time));
    set(out, "issuer", issuer);
    set(out, "signers", json_integer(facts->num_signers));
    set(out, "waiting", json_integer(facts->num_waiting));
}

/* One that runs and hangs is told apart from one that is not there. */
static enum rc missing_reason(const struct supervise *supervise)
{
    const struct role *issuer = crew_issuer(supervise->now);

    return issuer->pid && issuer->ready ? RC_ISSUER_SILENT : RC_ISSUER_GONE;
}

static void add_state(json_t *out, const struct supervise *supervise, const struct facts *facts)
{
    const bool ready = supervise_is_ready(supervise) && facts && facts->ready;
    const enum rc reason = facts ? (enum rc)facts->reason : missing_reason(supervise);

    set(out, "ready", json_boolean(ready));
    set(out, "state", json_string(supervise->stopping ? "stopping" : ready ? "ready" : "not-ready"));
    set(out, "reason", ready || reason == RC_OK ? json_null() : json_string(rc_word(reason)));
    set(out, "reason_text", ready || reason == RC_OK ? json_null() : json_string(rc_text(reason)));
    set(out, "sentence",
        !ready && reason == RC_OK ? json_null() : json_string(rc_text(ready ? RC_OK : reason)));
}

json_t *status_build(const struct status_source *source, const struct facts *facts)
{
    const struct generation *generation = source->supervise->now->generation;
    const struct clockpage *page = source->supervise->house->page;
    json_t *out = json_object();

    add_state(out, source->supervise, facts);
    set(out, "version", json_string(TSA_VERSION));
    set(out, "time", status_time(now_real()));
    set(out, "lab_time", lab_time_json(source->lab_time));
    set(out, "pid", json_integer(getpid()));
    set(out, "started", status_time(source->started));
    set(out, "configuration", json_string(source->config));
    set(out, "listen", listen_json(&generation->listeners, LISTENER_PLAIN));
    set(out, "tls", listen_json(&generation->listeners, LISTENER_TLS));
    set(out, "metrics", listen_json(&generation->listeners, LISTENER_METRICS));
    set(out, "generation", generation_json(generation));
    set(out, "reload", reload_json(source->reload));
    set(out, "roles", roles_json(source->supervise));
    set(out, "units", units_json(generation));
    set(out, "clock", status_clock(facts, page, generation->settings.clock.file));
    if (facts) {
        add_facts(out, facts);
    }
    return out;
}
