/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a ledger file, as octets. The file:
 *
 *     "TSALEDG1" | record | record | ... | zeros up to the end (room made ready before it is needed)
 *     record: length of body 4 | CRC-32C over length and body 4 | body     (numbers little-endian)
 *
 * Records are written in groups: one write, one sync, and no other group before that. Each body says where its group starts. A crash
 * can therefore spoil the last group only, in any of its octets: what comes after its first spoiled record is a torn tail. A
 * spoiled record with a later group behind it was whole on the disk once: that is damage, and nothing is cut.
 */
#ifndef TSA_ISSUER_LEDGER_SCAN_H
#define TSA_ISSUER_LEDGER_SCAN_H

#include "tsa/issuer/crc32c.h"
#include "tsa/issuer/ledger_record.h"

#define LEDGER_MAGIC     "TSALEDG1"
#define LEDGER_MAGIC_LEN 8u
#define LEDGER_FRAME_LEN 8u

struct ledger_summary {
    uint64_t end;  /* where the good records end; 0 = no header, an empty file */
    uint64_t torn; /* octets from end to the last that is not zero */
    uint64_t num, first_sequence, last_sequence;
    uint64_t group;      /* where the group of the last record starts */
    uint64_t damaged_at; /* with RC_LEDGER_DAMAGED */
    /*
     * The latest reading of the clock over which a token was made, and the latest genTime; sec 0 = none. Lab time does not count: it is no
     * time. An acknowledgement that the clock was set back sets both back to its own moment.
     */
    struct gentime last_clock, last_time;
    enum ledger_event last_state; /* the last of LEDGER_CLOCK_UNKNOWN .. _STOP; 0 = none */
};

/* Called for each good record, in order; false ends the scan. The record's views go as file goes. */
typedef bool ledger_on_record(void *arg, uint64_t at, const struct ledger_record *record);

/* ledger_scan reads all records. RC_OK, also with a torn tail (out->torn); RC_LEDGER_DAMAGED, after the records before the damage were
 * told. on_record may be NULL. */
enum rc ledger_scan(struct bytes file, ledger_on_record *on_record, void *arg,
                    struct ledger_summary *out) MUST_CHECK;

/* ledger_scan_ahead reads a file that another process still writes to: out becomes what will stay, all records before the last group. Nothing is
 * said of what follows. */
void ledger_scan_ahead(struct bytes file, struct ledger_summary *out);

/* ledger_scan_on is ledger_scan for what follows behind *out, of ledger_scan_ahead for the same file; out is then of all of it. */
enum rc ledger_scan_on(struct bytes file, struct ledger_summary *out) MUST_CHECK;

/* ledger_frame writes length and CRC before the body that follows it in place: at points to LEDGER_FRAME_LEN octets, then body. */
void ledger_frame(const struct crc32c *crc, uint8_t *at, size_t body_len);

#endif
