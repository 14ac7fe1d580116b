/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A modelled time service of the host, as chronyd is one: it asks a time server, knows how wrong its answer can be, slews or sets the clock, and
 * tells of itself in two ways: to the program's chrony driver in datagrams of chrony's command protocol, to its kernel driver by adjtimex. What it does not know
 * of (a clock that somebody else has set) it takes for a bad sample first.
 */
#ifndef TESTS_SIM_DAEMON_H
#define TESTS_SIM_DAEMON_H

#include <sys/timex.h>

#include "tests/sim/world.h"
#include "tsa/role/clockpage.h"

struct daemon_rules {
    int64_t poll_ns;
    int64_t delay_ns; /* most of it, to and fro */
    int64_t slew_ppb; /* the most that it slews */
    bool smeared;     /* its server */
    bool no_esterror; /* as systemd-timesyncd: it tells the kernel no error */
};

/* Starts it; returns the UDP port on which it answers. */
int daemon_start(const struct daemon_rules *rules);
void daemon_end(void);

int64_t daemon_next(void); /* true time of the next thing that it does */
void daemon_act(void);
void daemon_answer(void);               /* the datagrams that have come are answered now */
int daemon_adjtimex(struct timex *out); /* what the kernel has been told */

void daemon_restart(void);
void daemon_silence(bool silent); /* it is killed */
void daemon_lose(bool lost);      /* its server is */
void daemon_slow(bool slow);      /* the network is overloaded */

/* It believes a server that is wrong by so much, and trusts it fully. */
void daemon_lie(int64_t offset_ns);
bool daemon_is_honest(void); /* nor was it lied to at its last sample */

bool daemon_is_settled(void); /* it is in sync, and has nothing left to slew */

/* Its server announces a leap second; it tells of it, and the kernel does it. */
void daemon_announce(enum clockpage_leap leap, int64_t midnight_ns, bool kernel_obeys);

/* The oscillator may wander by so much around where it is: it knows. */
void daemon_set_wander(int64_t ppb);

#endif
