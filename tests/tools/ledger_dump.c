/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: ledger_dump FOLDER; prints each record of a ledger as a line of JSON. Exits with 1 when the file is damaged, 2 when it can not be
 * read; a torn tail is told in a last line and is no failure.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tsa/issuer/ledger.h"
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

static bool print_record(void *arg, uint64_t at, const struct ledger_record *r)
{
    char serial[64], imprint[2 * DIGEST_MAX + 1], policy[OID_TEXT_MAX], tst_info[4096],
        clock[GENTIME_TEXT_MAX], time[GENTIME_TEXT_MAX];

    (void)arg;
    printf("{\"at\":%" PRIu64 ",\"group\":%" PRIu64 ",\"sequence\":%" PRIu64
           ",\"kind\":\"%s\",\"unit\":\"%.*s\"",
           at, r->group, r->sequence, r->kind == MSG_RFC3161 ? "rfc3161" : "authenticode", (int)r->unit.len,
           (const char *)r->unit.data);
    printf(",\"serial\":\"%s\",\"genTime\":\"%s\",\"clock\":\"%s\",\"proven\":%s,\"bound\":%" PRId64,
           hex(r->serial, serial, sizeof(serial)), iso(r->time, time), iso(r->clock, clock),
           r->proven ? "true" : "false", r->bound_ns);
    printf(",\"digest\":\"%s\",\"imprint\":\"%s\",\"policy\":\"%s\",\"signed\":\"%s\"}\n",
           digest_name(r->digest), hex(r->imprint, imprint, sizeof(imprint)),
           r->policy.len ? oid_to_text(r->policy, policy, sizeof(policy)) : "",
           hex(r->signed_info, tst_info, sizeof(tst_info)));
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
