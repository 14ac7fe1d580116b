/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it claims is true by construction, as long as nobody lies to it: its samples are off by no more than half of the delay and what its server
 * admits, the oscillator leaves the frequency by no more than the skew. What it makes of the first samples after a step that it was not told
 * of was measured with chronyd's own regression over 8 to 30 samples.
 */
#include "tests/sim/daemon.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_LEN  104
#define REPLY_LEN    104
#define PPB          INT64_C(1000000000)
#define NOTICED      (10 * SECOND) /* a jump that chronyd's scheduler sees */
#define STEP_FROM    SECOND        /* makestep: what it does not slew */
#define SERVER_WRONG (2 * MS)
#define FIRST_POLL   (3 * SECOND)
#define KERNEL_MOST  16000000 /* us: maxerror of a clock that nobody disciplines */

static struct {
    struct daemon_rules rules;
    int fd;
    int64_t next_poll, next_wander, slew_end;
    bool is_silent, is_lost, slow, is_synced;
    /* Known since the last sample: */
    int64_t correction, slew_from, slew_ppb; /* what was left at slew_from */
    int64_t root_delay, dispersion, sampled_t, sampled_mono;
    int64_t reference; /* its estimate of UTC then */
    int64_t wander_ppb, claimed_ppb, base_ppb, claimed_until;
    /* A step that it was not told of, and the samples since. */
    int64_t hidden;
    int num_hidden;
    int64_t real_minus_mono; /* as it knows it */
    int64_t utc, leaped;     /* UTC less true time, and leap seconds of the kernel's, since the last sample */
    int64_t lie;
    bool was_lied_to; /* at the last sample */
    enum clockpage_leap leap;
    int64_t leap_midnight;
    /* The kernel: */
    int64_t told_mono, maxerror_us;
    unsigned told_sets;
    bool kernel_unsync;
} d;

static int64_t magnitude(int64_t n)
{
    return n < 0 ? -n : n;
}

/* ---- the clock ---- */

static int64_t left(void)
{
    const int64_t dt = world_now() - d.slew_from;

    return d.correction - (d.slew_ppb == 0 ? 0 : (int64_t)((double)dt * (double)d.slew_ppb / (double)PPB));
}

static void steer(void)
{
    world_set_correction(-d.base_ppb + d.slew_ppb);
}

static void slew(int64_t correction)
{
    const int64_t rate = magnitude(correction) < d.rules.slew_ppb ? magnitude(correction) : d.rules.slew_ppb;

    d.correction = correction;
    d.slew_from = world_now();
    d.slew_ppb = correction < 0 ? -rate : rate;
    d.slew_end = rate == 0
                     ? NEVER
                     : world_now() + (int64_t)((double)magnitude(correction) * (double)PPB / (double)rate);
    steer();
}

static void end_slew(void)
{
    d.correction = left();
    d.slew_from = world_now();
    d.slew_ppb = 0;
    d.slew_end = NEVER;
    steer();
}

/* ---- samples ---- */

/* What is left of a step after so many samples, and what it says of it, per mille. */
static const struct {
    int64_t left, claimed;
} learning[] = {{480, 250}, {100, 234}, {145, 205}, {239, 240}, {192, 249}, {0, 0}};

/* It knows of the leap second that it has told the kernel of. */
static bool is_leap(int64_t moved)
{
    const int64_t by = d.leap == CLOCKPAGE_LEAP_INSERT   ? -SECOND
                       : d.leap == CLOCKPAGE_LEAP_DELETE ? SECOND
                                                         : 0;

    return by != 0 && moved == by && magnitude(world_real() - d.leap_midnight) < 5 * SECOND;
}

static void look_for_steps(void)
{
    const int64_t moved = world_real_minus_mono() - d.real_minus_mono;

    d.real_minus_mono += moved;
    if (is_leap(moved)) {
        d.leaped += moved;
        return;
    }
    if (magnitude(moved) >= NOTICED) {
        d.is_synced = false;
        d.hidden = 0;
        d.num_hidden = 0;
    } else if (d.num_hidden == 0) {
        d.hidden += moved;
    } else if (magnitude(moved) >=
               magnitude(d.hidden)) { /* a smaller one is lost in what it still learns of the larger one */
        d.hidden = moved;
        d.num_hidden = 0;
    }
}

/* A step of UTC that the clock did not make is a step of the clock for it; and one that the clock made alone. */
static void look_for_leaps(void)
{
    const int64_t utc = world_utc(world_now(), d.rules.smeared) - world_now();
    const int64_t alone = d.leaped - (utc - d.utc);

    d.utc = utc;
    d.leaped = 0;
    if (d.is_synced && magnitude(alone) > SECOND / 2) {
        d.hidden = alone;
        d.num_hidden = 0;
    }
}

static int64_t learn(int64_t correction)
{
    const int last = (int)(sizeof(learning) / sizeof(learning[0])) - 1;
    const int n = d.num_hidden < last ? d.num_hidden : last;

    if (d.hidden == 0) {
        return correction;
    }
    d.dispersion += magnitude(d.hidden) / 1000 * learning[n].claimed;
    correction += d.hidden / 1000 * learning[n].left;
    d.num_hidden++;
    if (n == last) {
        d.hidden = 0;
        d.num_hidden = 0;
    }
    return correction;
}

static void tell_kernel(void)
{
    const int64_t error = magnitude(left()) + d.root_delay / 2 + d.dispersion;

    d.told_mono = world_mono();
    d.told_sets = world_num_steps() - world_num_leaps();
    d.maxerror_us = error / US + 1;
    d.kernel_unsync = false;
}

static void take_sample(void)
{
    const int64_t delay = 100 * US + world_exponential(d.slow ? 20 * d.rules.delay_ns : d.rules.delay_ns);
    const int64_t server = world_between(10 * US, SERVER_WRONG);
    const int64_t noise = world_between(-delay / 2, delay / 2) + world_between(-server, server);
    const int64_t wrong = world_real() - world_utc(world_now(), d.rules.smeared);
    int64_t correction;

    if (world_now() >= d.claimed_until) {
        d.claimed_ppb = d.wander_ppb;
        d.claimed_until = NEVER;
    }
    look_for_steps();
    look_for_leaps();
    d.root_delay = delay;
    d.dispersion = server + 10 * US;
    correction = learn(-wrong + noise + d.lie);
    d.sampled_t = world_now();
    d.sampled_mono = world_mono();
    if (magnitude(correction) >= STEP_FROM) {
        world_step(correction);
        d.real_minus_mono += correction;
        d.hidden = 0;
        d.num_hidden = 0;
        correction = 0;
    }
    d.is_synced = true;
    d.was_lied_to = d.lie != 0;
    slew(correction);
    d.reference = world_real() + correction;
    tell_kernel();
}

static void poll(void)
{
    d.next_poll = world_now() + d.rules.poll_ns - world_between(0, d.rules.poll_ns / 50);
    if (!d.is_lost && !d.is_silent) {
        take_sample();
    }
}

/* ---- the oscillator ---- */

/* Within what is claimed; it claims more before that happens, and less only with a sample that was made after. */
static void wander(void)
{
    d.next_wander = world_now() + world_between(SECOND / 10, 30 * SECOND);
    world_set_oscillator(d.base_ppb + world_between(-d.wander_ppb, d.wander_ppb));
}

void daemon_set_wander(int64_t ppb)
{
    d.wander_ppb = ppb;
    d.claimed_ppb = ppb > d.claimed_ppb ? ppb : d.claimed_ppb;
    d.claimed_until = world_now() + 40 * SECOND;
    d.next_wander = world_now() + 5 * SECOND;
}

/* ---- what happens ---- */

int64_t daemon_next(void)
{
    const int64_t next = d.next_poll < d.next_wander ? d.next_poll : d.next_wander;

    return next < d.slew_end ? next : d.slew_end;
}

void daemon_act(void)
{
    if (world_now() >= d.slew_end) {
        end_slew();
    } else if (world_now() >= d.next_wander) {
        wander();
    } else {
        poll();
    }
}

/* ---- chrony's command protocol ---- */

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value >> 16);
    put_u16(at + 2, value);
}

/* 7 bits of exponent, 25 of coefficient; rounded away from zero, as a claim must be. */
static void put_number(uint8_t *at, double value)
{
    const double size = value < 0 ? -value : value;
    double scale = (double)(INT64_C(1) << 60);
    int exponent = -60;
    int64_t coefficient;

    while (size * scale >= (1 << 24) - 2) {
        scale /= 2;
        exponent++;
    }
    coefficient = (int64_t)(size * scale) + (size > 0);
    coefficient = value < 0 ? -coefficient : coefficient;
    put_u32(at, (uint32_t)((exponent + 25) & 0x7f) << 25 | ((uint32_t)coefficient & 0x1ffffff));
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static int64_t dispersion_now(void)
{
    return d.dispersion +
           (int64_t)((double)(world_now() - d.sampled_t) * (double)(d.claimed_ppb + 1000) / 1e9);
}

static uint32_t leap_now(void)
{
    const bool over = d.leap_midnight != 0 && world_real() >= d.leap_midnight + SECOND / 2;

    return over ? 0 : d.leap == CLOCKPAGE_LEAP_INSERT ? 1 : d.leap == CLOCKPAGE_LEAP_DELETE ? 2 : 0;
}

static void put_report(uint8_t *r)
{
    const int64_t measured = d.reference;

    put_u32(r + 28, d.is_synced ? 0xc0000201u : 0);
    put_u32(r + 32, 0xc0000201u);
    put_u16(r + 48, 1);
    put_u16(r + 52, d.is_synced ? 3 : 0);
    put_u16(r + 54, d.is_synced ? leap_now() : 3);
    put_u32(r + 56, (uint32_t)((uint64_t)(measured / PPB) >> 32));
    put_u32(r + 60, (uint32_t)(measured / PPB));
    put_u32(r + 64, (uint32_t)(measured % PPB));
    put_number(r + 68, seconds(left()));
    put_number(r + 84, (double)world_between(-100, 100) / 1000); /* ppm */
    put_number(r + 88, (double)d.claimed_ppb / 1000);
    put_number(r + 92, seconds(d.root_delay));
    put_number(r + 96, seconds(dispersion_now()));
}

static void answer(const uint8_t *request, const struct sockaddr_in *from)
{
    uint8_t r[REPLY_LEN] = {6, 2};

    r[5] = 33;
    r[7] = 5;
    memcpy(r + 16, request + 8, 4);
    put_report(r);
    (void)sendto(d.fd, r, sizeof(r), 0, (const struct sockaddr *)from, sizeof(*from));
}

void daemon_answer(void)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    uint8_t request[REQUEST_LEN + 1];

    while (recvfrom(d.fd, request, sizeof(request), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len) ==
           REQUEST_LEN) {
        look_for_steps();
        if (!d.is_silent) {
            answer(request, &from);
        }
        from_len = sizeof(from);
    }
}

/* ---- adjtimex ---- */

/* Setting the clock makes the kernel forget that it is synchronised. */
int daemon_adjtimex(struct timex *out)
{
    const int64_t grown = (world_mono() - d.told_mono) / 2000000; /* 500 parts per million, in us */
    const uint32_t leap = leap_now();
    const unsigned sets = world_num_steps() - world_num_leaps();

    look_for_steps();
    if (sets != d.told_sets) {
        d.kernel_unsync = d.kernel_unsync || world_chance(700);
        d.told_sets = sets;
    }
    *out = (struct timex){
        .status = (d.kernel_unsync || !d.is_synced ? STA_UNSYNC : 0) | STA_NANO | STA_PLL |
                  (leap == 1   ? STA_INS
                   : leap == 2 ? STA_DEL
                               : 0),
        .offset = left(),
        .maxerror = d.maxerror_us + grown,
        .esterror = d.rules.no_esterror ? 0 : 100,
    };
    if (out->maxerror > KERNEL_MOST) {
        out->maxerror = KERNEL_MOST;
        out->status |= STA_UNSYNC;
    }
    return out->status & STA_UNSYNC ? TIME_ERROR : leap == 1 ? TIME_INS : leap == 2 ? TIME_DEL : TIME_OK;
}

/* ---- from outside ---- */

void daemon_restart(void)
{
    d.is_silent = d.is_synced = false;
    d.hidden = 0;
    d.num_hidden = 0;
    d.real_minus_mono = world_real_minus_mono();
    d.utc = world_utc(world_now(), d.rules.smeared) - world_now();
    d.leaped = 0;
    d.kernel_unsync = true;
    end_slew();
    d.next_poll = world_now() + world_between(SECOND, FIRST_POLL);
}

int daemon_start(const struct daemon_rules *rules)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    memset(&d, 0, sizeof(d));
    d.rules = *rules;
    d.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d.fd < 0 || bind(d.fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(d.fd, (struct sockaddr *)&address, &len) != 0) {
        perror("a UDP port on 127.0.0.1");
        exit(70);
    }
    d.base_ppb = world_between(-100000, 100000);
    d.wander_ppb = d.claimed_ppb = 1000;
    d.claimed_until = d.slew_end = NEVER;
    world_set_oscillator(d.base_ppb);
    daemon_restart();
    return ntohs(address.sin_port);
}

void daemon_end(void)
{
    (void)close(d.fd);
}

void daemon_silence(bool silent)
{
    d.is_silent = silent;
}

void daemon_lose(bool lost)
{
    d.is_lost = lost;
}

void daemon_slow(bool slow)
{
    d.slow = slow;
}

void daemon_lie(int64_t offset_ns)
{
    d.lie = offset_ns;
}

bool daemon_is_honest(void)
{
    return d.lie == 0 && !d.was_lied_to;
}

bool daemon_is_settled(void)
{
    return d.is_synced && !d.is_silent && d.hidden == 0 && magnitude(left()) < 30 * MS;
}

void daemon_announce(enum clockpage_leap leap, int64_t midnight_ns, bool kernel_obeys)
{
    d.leap = leap;
    d.leap_midnight = midnight_ns;
    if (kernel_obeys) {
        world_arm_leap(midnight_ns, leap == CLOCKPAGE_LEAP_INSERT   ? 1
                                    : leap == CLOCKPAGE_LEAP_DELETE ? -1
                                                                    : 0);
    }
}
