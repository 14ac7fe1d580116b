/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets as the answers of one time server beside three that are right, 48 at a time: first as they are, then with the question's nonce put in (else
 * hardly any would be taken). Whatever comes: an answer is taken only with the nonce, its times lie within half an era of ours, and the bound
 * holds the truth.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/clock/sntp_packet.h"

#define SECOND INT64_C(1000000000)
#define NEAR   (INT64_C(1795000000) * SECOND)
#define ERA    (INT64_C(1) << 32)
#define NONCE  UINT64_C(0x5eed5eed5eed5eed)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static const struct sntp_rules rules = {
    .num = 4, .poll_ns = 16 * SECOND, .max_age_ns = 3600 * SECOND, .drift_ppb = 250000};

static void check_reply(enum sntp_answer answer, const struct sntp_reply *reply)
{
    if (answer == SNTP_FOREIGN) {
        return;
    }
    check(memchr(reply->reference, 0, sizeof(reply->reference)) != NULL);
    if (answer == SNTP_TIME) {
        check(reply->sent_ns >= reply->received_ns && reply->error_ns > 0 &&
              reply->error_ns <= SNTP_MAX_DISTANCE_NS);
        check(reply->stratum >= 1 && reply->stratum <= 15 && reply->leap != CLOCKPAGE_LEAP_UNKNOWN);
        check((reply->sent_ns - NEAR) / SECOND <= ERA / 2 && (NEAR - reply->sent_ns) / SECOND <= ERA / 2);
        check(sntp_time(sntp_put_time(reply->sent_ns), reply->sent_ns) >= reply->sent_ns - 1);
    }
}

static void right_servers_answer(struct sntp_estimate *e, int64_t raw_ns)
{
    for (size_t i = 1; i < 4; i++) {
        check(sntp_estimate_put(e, i,
                                &(struct sntp_exchange){
                                    .sent_raw_ns = raw_ns - 2,
                                    .received_raw_ns = raw_ns,
                                    .server_received_ns = NEAR + raw_ns - 1,
                                    .server_sent_ns = NEAR + raw_ns - 1,
                                    .server_error_ns = (int64_t)i * 1000000,
                                    .stratum = 2,
                                }));
    }
}

/* Our clock is a second ahead, and nothing that one server says can hide that. */
static void check_sample(struct sntp_estimate *e, int64_t raw_ns)
{
    const struct sntp_moment now = {NEAR + raw_ns + SECOND, raw_ns, raw_ns, 0};
    struct clockpage_servers servers;
    struct timesrc_sample sample;

    sntp_estimate_sample(e, &now, &sample);
    check(sample.rc == RC_OK && sample.bound_ns >= SECOND && sample.bound_ns <= SECOND + 10000000);
    check(sample.least_ns <= SECOND && sample.least_ns >= SECOND - 10000000);
    check(sample.measured_mono_ns <= raw_ns);
    sntp_estimate_servers(e, &now, &servers);
    check(servers.num == 4);
    for (size_t i = 0; i < 4; i++) {
        check(i == 0 || servers.list[i].state == CLOCKPAGE_SERVER_GOOD);
        check(servers.list[i].error_ns >= 0 && servers.list[i].state <= CLOCKPAGE_SERVER_UNFIT);
    }
}

static void hear(struct sntp_estimate *e, const uint8_t *piece, size_t len, int64_t raw_ns)
{
    uint8_t packet[SNTP_PACKET_LEN] = {0};
    struct sntp_reply reply;
    enum sntp_answer answer;

    check(sntp_get_answer(bytes_of(piece, len), 0, NEAR, &reply) == SNTP_FOREIGN);
    answer = sntp_get_answer(bytes_of(piece, len), NONCE, NEAR, &reply);
    check_reply(answer, &reply);
    memcpy(packet, piece, len);
    memcpy(packet + 24, "\x5e\xed\x5e\xed\x5e\xed\x5e\xed", 8);
    packet[0] = (uint8_t)((packet[0] & 0xc0) | 4 << 3 | 4);
    answer = sntp_get_answer(bytes_of(packet, sizeof(packet)), NONCE, NEAR, &reply);
    check(answer != SNTP_FOREIGN);
    check_reply(answer, &reply);
    if (answer == SNTP_TIME) {
        (void)sntp_estimate_put(e, 0,
                                &(struct sntp_exchange){
                                    .sent_raw_ns = raw_ns - 5000000,
                                    .received_raw_ns = raw_ns,
                                    .server_received_ns = reply.received_ns,
                                    .server_sent_ns = reply.sent_ns,
                                    .server_error_ns = reply.error_ns,
                                    .stratum = reply.stratum,
                                    .leap = reply.leap,
                                });
    } else {
        sntp_estimate_unfit(e, 0, raw_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static struct sntp_estimate e;
    int64_t raw_ns = 100 * SECOND;

    sntp_estimate_init(&e, &rules);
    for (size_t at = 0, len; at < data_len; at += len) {
        len = data_len - at < SNTP_PACKET_LEN ? data_len - at : SNTP_PACKET_LEN;
        raw_ns += (int64_t)data[at] * SECOND / 16;
        hear(&e, data + at, len, raw_ns);
        right_servers_answer(&e, raw_ns);
        check_sample(&e, raw_ns);
    }
    return 0;
}
