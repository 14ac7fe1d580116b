/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with their end, as the log wants them; the log escapes. */
#include "tsa/front/access_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tsa/base/log.h"

/* Even if every octet needs six for its escape, a line holds all of them. */
#define METHOD_MAX      32
#define TARGET_MAX      160
#define AGENT_MAX       80
#define CERTIFICATE_MAX 128

#define SERIAL_HEX  64
#define NONE        "-"
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for an octet that would end the text */

/* Cut to what fits; empty becomes NONE. */
static const char *text_of(struct bytes value, char *out, size_t out_size)
{
    size_t len = 0, i;

    if (value.len == 0) {
        return NONE;
    }
    for (i = 0; i < value.len; i++) {
        const char *piece = value.data[i] ? (const char *)&value.data[i] : REPLACEMENT;
        size_t piece_len = value.data[i] ? 1 : sizeof REPLACEMENT - 1;

        if (len + piece_len >= out_size) {
            break;
        }
        memcpy(out + len, piece, piece_len);
        len += piece_len;
    }
    out[len] = 0;
    return out;
}

static const char *or_none(const char *word)
{
    return word && word[0] ? word : NONE;
}

void access_log_write(const struct http_answered *answered)
{
    char client[NETADDR_TEXT_MAX], via[NETADDR_TEXT_MAX], method[METHOD_MAX], target[TARGET_MAX],
        agent[AGENT_MAX], certificate[CERTIFICATE_MAX], serial[SERIAL_HEX], record[24], status[16],
        octets[24], ms[40];
    const struct http_reply *reply = answered->reply;
    bool is_direct = netaddr_equal(answered->client, answered->direct);
    const struct log_field fields[] = {
        {"client", netaddr_text(answered->client, client)},
        {"via", is_direct ? NONE : netaddr_text(answered->direct, via)},
        {"method", text_of(answered->method, method, sizeof method)},
        {"target", text_of(answered->target, target, sizeof target)},
        {"status", status},
        {"octets", octets},
        {"ms", ms},
        {"unit", or_none(reply->unit)},
        {"protocol", or_none(reply->kind)},
        {"result", or_none(reply->result)},
        {"serial", reply->serial.len > 0 ? bytes_to_hex(reply->serial, serial, sizeof serial) : NONE},
        {"record", reply->record ? record : NONE},
        {"agent", text_of(answered->agent, agent, sizeof agent)},
        {"certificate", text_of(bytes_str(answered->certificate ? answered->certificate : ""), certificate,
                                sizeof certificate)},
        {"tls", answered->is_tls ? "yes" : "no"},
        {NULL, NULL},
    };

    snprintf(status, sizeof status, "%u", reply->status);
    snprintf(record, sizeof record, "%" PRIu64, reply->record);
    snprintf(octets, sizeof octets, "%zu", answered->len);
    snprintf(ms, sizeof ms, "%.3f", (double)answered->elapsed_ns / 1e6);
    log_access("request", fields);
}
