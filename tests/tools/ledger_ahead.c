/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: ledger_ahead DIR SECONDS: appends the last token's record once more, with its times so many seconds later, as a clock that was ahead would have left
 * it. For tests alone; the authority must not be running.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tsa/issuer/ledger.h"
#include "tsa/issuer/ledger_record.h"

#define WAIT_MS 1000

struct shifted {
    int64_t sec;
    struct wbuf body;
};

static bool take_record(void *arg, uint64_t at, const struct ledger_record *record)
{
    struct shifted *shifted = arg;
    struct ledger_record later = *record;

    (void)at;
    if (record->kind != LEDGER_EVENT) {
        later.clock.sec += shifted->sec;
        later.time.sec += shifted->sec;
        wbuf_reset(&shifted->body);
        ledger_record_put(&shifted->body, &later);
    }
    return true;
}

static bool find_last(int dir, struct shifted *shifted)
{
    struct ledger_summary found;
    struct bytes file;
    bool good = ledger_read(dir, &file) == RC_OK;

    if (good) {
        good = ledger_scan(file, take_record, shifted, &found) == RC_OK && shifted->body.len > 0;
        ledger_unread(file);
    }
    return good && wbuf_rc(&shifted->body) == RC_OK;
}

static bool append(int dir, struct bytes body)
{
    struct ledger ledger;
    const bool good = ledger_open(&ledger, dir, NULL, WAIT_MS) == RC_OK &&
                      ledger_append(&ledger, body) == RC_OK && ledger_sync(&ledger) == RC_OK;

    ledger_close(&ledger);
    return good;
}

int main(int argc, char **argv)
{
    const int dir = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    struct shifted shifted = {.sec = argc == 3 ? strtoll(argv[2], NULL, 10) : 0};
    bool good;

    wbuf_init(&shifted.body, LEDGER_BODY_MAX);
    good = dir >= 0 && find_last(dir, &shifted) && append(dir, wbuf_bytes(&shifted.body));
    if (!good) {
        fprintf(stderr, "ledger_ahead: usage: ledger_ahead DIR SECONDS; the ledger there must have a token, "
                        "and nobody may write it\n");
    }
    wbuf_clear(&shifted.body);
    if (dir >= 0) {
        (void)close(dir);
    }
    return good ? 0 : 1;
}
