/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: ledger_dump FOLDER; prints each record of a ledger as a line of JSON: a token has a "kind", an event an "event". Exits with 1 when the file is damaged, 2 when it can not be
 * read; a torn tail is told in a last line and is no failure.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tsa/issuer/ledger.h"
#include "tsa/role/clockwords.h"
#include "tsa/role/msg.h"

static const char *hex(struct bytes b, char *out, size_t out_size)
{
    return bytes_to_hex(b, out, out_size);
}

static const char *iso(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    return gentime_build_iso(t, out, &len) == RC_OK ? out : "";
}

/* The record's own words, as a string of JSON. */
static void print_text(const char *name, struct bytes text)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        printf(c < 0x20 ? "\\u%04x" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    putchar('"');
}

static const char *proof_word(enum clockpage_proof proof)
{
    return clockwords_proof((uint32_t)proof);
}

static void print_clock(const struct ledger_record *r)
{
    char clock[GENTIME_TEXT_MAX];

    printf(",\"clock\":\"%s\",\"proof\":\"%s\",\"proven\":%s,\"bound\":%" PRId64 ",\"age\":%" PRId64,
           iso(r->clock, clock), proof_word(r->proof), r->proof == CLOCKPAGE_PROVEN ? "true" : "false",
           r->bound_ns, r->age_ns);
    print_text("reference", r->reference);
}

static void print_event(uint64_t at, const struct ledger_record *r)
{
    printf("{\"at\":%" PRIu64 ",\"group\":%" PRIu64 ",\"sequence\":%" PRIu64
           ",\"event\":\"%s\",\"number\":%d",
           at, r->group, r->sequence, ledger_event_word(r->event), (int)r->event);
    print_text("unit", r->unit);
    print_clock(r);
    print_text("text", r->text);
    puts("}");
}

static bool print_record(void *arg, uint64_t at, const struct ledger_record *r)
{
    char serial[64], imprint[2 * DIGEST_MAX + 1], policy[OID_TEXT_MAX], tst_info[4096],
        time[GENTIME_TEXT_MAX];

    (void)arg;
    if (r->kind == LEDGER_EVENT) {
        print_event(at, r);
        return true;
    }
    printf("{\"at\":%" PRIu64 ",\"group\":%" PRIu64 ",\"sequence\":%" PRIu64
           ",\"kind\":\"%s\",\"unit\":\"%.*s\"",
           at, r->group, r->sequence, r->kind == MSG_RFC3161 ? "rfc3161" : "authenticode", (int)r->unit.len,
           (const char *)r->unit.data);
    printf(",\"serial\":\"%s\",\"genTime\":\"%s\"", hex(r->serial, serial, sizeof(serial)),
           iso(r->time, time));
    print_clock(r);
    printf(",\"digest\":\"%s\",\"imprint\":\"%s\",\"policy\":\"%s\",\"signed\":\"%s\"}\n",
           digest_name(r->digest), hex(r->imprint, imprint, sizeof(imprint)),
           r->policy.len ? oid_to_text(r->policy, policy, sizeof(policy)) : "",
           hex(r->text, tst_info, sizeof(tst_info)));
    return true;
}

int main(int argc, char **argv)
{
    struct ledger_summary found;
    struct bytes file;
    int dir = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum rc rc;

    if (dir < 0 || ledger_read(dir, &file) != RC_OK) {
        fprintf(stderr, "ledger_dump: can not read a ledger%s%s\n", argc == 2 ? " in " : "",
                argc == 2 ? argv[1] : "");
        return 2;
    }
    rc = ledger_scan(file, print_record, NULL, &found);
    if (found.torn > 0) {
        printf("{\"torn\":%" PRIu64 ",\"at\":%" PRIu64 "}\n", found.torn, found.end);
    }
    ledger_unread(file);
    (void)close(dir);
    return rc == RC_OK ? 0 : 1;
}
