/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets are those of RFC 5905 figure 8. Whatever does not answer this very question is foreign: nobody who can not see the question can push a
 * server aside, not even by a kiss. What is impossible in an answer that does is the server's fault.
 */
#include "tsa/clock/sntp_packet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define VERSION     4
#define MODE_CLIENT 3
#define MODE_SERVER 4

#define AT_STRATUM    1
#define AT_PRECISION  3
#define AT_ROOT_DELAY 4
#define AT_ROOT_DISP  8
#define AT_REFID      12
#define AT_ORIGIN     24
#define AT_RECEIVED   32
#define AT_SENT       40

#define LEAP_UNSYNCHRONISED 3
#define STRATUM_MOST        15
#define PRECISION_MOST      0 /* a clock that ticks slower than each second */

#define SECOND         INT64_C(1000000000)
#define SECOND_1970    INT64_C(2208988800) /* of era 0 */
#define ERA_SECONDS    (INT64_C(1) << 32)
#define LATEST_NS      INT64_C(7000000000000000000) /* 2191: with half an era more it still fits */
#define SHORT_FRACTION 65536                        /* of a second, in root delay and dispersion */

static uint64_t get(const uint8_t *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

void sntp_put_question(uint8_t out[SNTP_PACKET_LEN], uint64_t nonce)
{
    memset(out, 0, SNTP_PACKET_LEN);
    out[0] = VERSION << 3 | MODE_CLIENT;
    for (size_t i = 0; i < 8; i++) {
        out[AT_SENT + i] = (uint8_t)(nonce >> (56 - 8 * i));
    }
}

/* ---- times ---- */

/* Era 1 begins on 2036-02-07 at 06:28:16 (RFC 5905 6). Of t + n eras the one that is less than half an era away. */
int64_t sntp_time(uint64_t ntp, int64_t near_ns)
{
    const int64_t near = (near_ns < 0 ? 0 : near_ns < LATEST_NS ? near_ns : LATEST_NS) / SECOND;
    const int64_t seconds = (int64_t)(ntp >> 32) - SECOND_1970;
    const int64_t ahead =
        (int64_t)((uint64_t)(seconds - near + ERA_SECONDS / 2) & (uint64_t)(ERA_SECONDS - 1));
    const int64_t fraction = (int64_t)(((ntp & UINT32_MAX) * (uint64_t)SECOND) >> 32);

    return (near - ERA_SECONDS / 2 + ahead) * SECOND + fraction;
}

uint64_t sntp_put_time(int64_t ns)
{
    const int64_t seconds = ns / SECOND - (ns % SECOND < 0);
    const uint64_t rest = (uint64_t)(ns - seconds * SECOND);

    return (uint64_t)(seconds + SECOND_1970) << 32 | (rest << 32) / (uint64_t)SECOND;
}

/* Rounded up to the next unit, since it is a part of a bound. */
static int64_t short_ns(const uint8_t *at)
{
    return ((int64_t)get(at, 4) + 1) * SECOND / SHORT_FRACTION;
}

/* 2^precision seconds, rounded up. */
static int64_t precision_ns(int8_t precision)
{
    return precision <= -30 ? 1 : (SECOND >> -precision) + 1;
}

/* ---- answers ---- */

static void put_reference(const uint8_t *p, char out[static 20])
{
    const uint8_t *id = p + AT_REFID;
    char text[5] = "";

    if (p[AT_STRATUM] > 1) {
        (void)snprintf(out, 20, "%u.%u.%u.%u", id[0], id[1], id[2], id[3]);
        return;
    }
    for (size_t i = 0; i < 4 && id[i] != 0; i++) {
        text[i] = isgraph(id[i]) ? (char)id[i] : '?'; /* the log and the page show it */
    }
    (void)snprintf(out, 20, "%s%s", p[AT_STRATUM] == 0 ? "KISS " : "", text);
}

static bool is_foreign(struct bytes datagram, uint64_t nonce)
{
    const uint8_t *p = datagram.data;

    return datagram.len < SNTP_PACKET_LEN || (p[0] >> 3 & 7) != VERSION || (p[0] & 7) != MODE_SERVER ||
           nonce == 0 || get(p + AT_ORIGIN, 8) != nonce;
}

/* RFC 5905 7.4. Of all other codes ("INIT", "STEP") the server is not ready, or not for this client. */
static enum sntp_answer kiss(const uint8_t *p)
{
    static const struct {
        char code[5];
        enum sntp_answer answer;
    } codes[] = {{"RATE", SNTP_RATE}, {"DENY", SNTP_LEAVE}, {"RSTR", SNTP_LEAVE}};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (memcmp(p + AT_REFID, codes[i].code, 4) == 0) {
            return codes[i].answer;
        }
    }
    return SNTP_UNFIT;
}

static bool is_fit(const uint8_t *p, const struct sntp_reply *reply)
{
    return p[0] >> 6 != LEAP_UNSYNCHRONISED && p[AT_STRATUM] <= STRATUM_MOST &&
           (int8_t)p[AT_PRECISION] <= PRECISION_MOST && reply->error_ns <= SNTP_MAX_DISTANCE_NS &&
           get(p + AT_RECEIVED, 8) != 0 && get(p + AT_SENT, 8) != 0 && reply->sent_ns >= reply->received_ns;
}

enum sntp_answer sntp_get_answer(struct bytes datagram, uint64_t nonce, int64_t near_ns,
                                 struct sntp_reply *out)
{
    static const enum clockpage_leap leaps[] = {CLOCKPAGE_LEAP_NONE, CLOCKPAGE_LEAP_INSERT,
                                                CLOCKPAGE_LEAP_DELETE, CLOCKPAGE_LEAP_UNKNOWN};
    const uint8_t *p = datagram.data;

    *out = (struct sntp_reply){0};
    if (is_foreign(datagram, nonce)) {
        return SNTP_FOREIGN;
    }
    put_reference(p, out->reference);
    if (p[AT_STRATUM] == 0) {
        return kiss(p);
    }
    out->stratum = p[AT_STRATUM];
    out->leap = leaps[p[0] >> 6];
    out->received_ns = sntp_time(get(p + AT_RECEIVED, 8), near_ns);
    out->sent_ns = sntp_time(get(p + AT_SENT, 8), near_ns);
    out->error_ns = SNTP_MAX_DISTANCE_NS;
    if ((int8_t)p[AT_PRECISION] <= PRECISION_MOST) {
        out->error_ns = short_ns(p + AT_ROOT_DELAY) / 2 + 1 + short_ns(p + AT_ROOT_DISP) +
                        precision_ns((int8_t)p[AT_PRECISION]);
    }
    return is_fit(p, out) ? SNTP_TIME : SNTP_UNFIT;
}
