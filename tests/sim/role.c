/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three moments: the question, the daemon's answer a little later, and the end of patience. The kernel tells of a set clock after a moment, too.
 */
#include "tests/sim/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/sim/daemon.h"
#include "tests/sim/servers.h"
#include "tsa/base/now.h"
#include "tsa/clock/timesrc_kernel.h"

#define PERIOD_NS   SECOND
#define PATIENCE_NS (300 * MS)

static struct {
    struct role_setup setup;
    struct settings settings;
    struct clockpage *page;
    struct verdict verdict;
    struct clockpage_record record;
    void *source;
    bool is_alive;
    int64_t ask_t, answer_t, patience_t;
    int64_t sampled_mono;
    unsigned num_steps;
    uint64_t fault_epoch;
    bool is_hasty;
} r;

static struct clockpage *new_page(void)
{
    const int fd = memfd_create("clock", MFD_CLOEXEC);
    struct clockpage *page = fd >= 0 ? clockpage_open(fd, true) : NULL;

    if (!page) {
        perror("the clock file");
        exit(70);
    }
    (void)close(fd);
    return page;
}

void role_revive(void)
{
    struct clockpage_record last;
    const bool has_last = clockpage_read(r.page, &last) && last.sampled_mono_ns <= now_mono_ns();

    verdict_init(&r.verdict, &r.setup.rules, has_last ? &last : NULL);
    if (r.setup.source) {
        r.source = r.setup.source->open(&r.settings, NULL);
    }
    if (r.setup.has_servers) {
        servers_restart();
    }
    r.is_alive = true;
    r.sampled_mono = -1;
    r.num_steps = world_num_steps();
    r.ask_t = world_now();
    r.answer_t = r.patience_t = NEVER;
}

void role_kill(void)
{
    if (r.is_alive && r.setup.source) {
        r.setup.source->close(r.source);
    }
    r.is_alive = false;
    r.ask_t = r.answer_t = r.patience_t = NEVER;
}

void role_start(const struct role_setup *setup)
{
    char address[40];

    r.setup = *setup;
    r.setup.rules.wants_opinion = setup->source && setup->has_servers;
    r.settings = (struct settings){0};
    r.settings.clock.drift_ppm = 250;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", setup->chrony_port);
    r.settings.clock.chrony = strdup(address);
    r.page = new_page();
    r.record = (struct clockpage_record){0};
    r.fault_epoch = 0;
    r.is_hasty = false;
    timesrc_kernel_set_call(daemon_adjtimex);
    role_revive();
}

void role_end(void)
{
    role_kill();
    timesrc_kernel_set_call(NULL);
    free(r.settings.clock.chrony);
    clockpage_close(r.page);
}

/* ---- turns ---- */

/* The last record that found a fault, and whether a good one came too soon after it. */
static void watch_record(void)
{
    const struct clockpage_record *record = &r.record;
    const bool good = record->state == CLOCKPAGE_SYNC || record->state == CLOCKPAGE_WARN;

    if (record->state == CLOCKPAGE_STOP && record->num_good == 0) {
        r.fault_epoch = record->epoch;
    }
    r.is_hasty = r.is_hasty || (good && r.fault_epoch != 0 && record->epoch < r.fault_epoch + 3);
}

static void write_record(void)
{
    struct timesrc_sample sample, opinion;
    const struct verdict_input input = {
        .sample = &sample, .opinion = r.setup.rules.wants_opinion ? &opinion : NULL, .leaps = &r.setup.leaps};

    r.answer_t = r.patience_t = NEVER;
    if (r.setup.source) {
        r.setup.source->sample(r.source, &sample);
        if (sample.mono_ns == r.sampled_mono) {
            return;
        }
    }
    if (r.setup.has_servers) {
        servers_sample(&opinion);
    }
    if (!r.setup.source) {
        sample = opinion;
    }
    r.sampled_mono = sample.mono_ns;
    verdict_judge(&r.verdict, &input, &r.record);
    watch_record();
    clockpage_write(r.page, &r.record);
}

static void ask(void)
{
    r.ask_t = world_now() + PERIOD_NS;
    if (r.setup.source && r.setup.source->take) {
        r.setup.source->ask(r.source, now_mono_ns());
        r.answer_t =
            world_now() + (world_chance(5) ? world_between(0, SECOND) : world_between(30 * US, 3 * MS));
        r.patience_t = world_now() + PATIENCE_NS;
    } else {
        write_record();
    }
}

static void take_answer(void)
{
    r.answer_t = NEVER;
    daemon_answer();
    if (r.setup.source->take(r.source)) {
        write_record();
    }
}

int64_t role_next(void)
{
    int64_t next = r.ask_t < r.answer_t ? r.ask_t : r.answer_t;

    if (r.is_alive && r.num_steps != world_num_steps()) {
        r.num_steps = world_num_steps();
        r.ask_t = world_now() + world_between(20 * US, 2 * MS);
        next = r.ask_t < next ? r.ask_t : next;
    }
    return next < r.patience_t ? next : r.patience_t;
}

void role_act(void)
{
    const int64_t now = world_now();

    if (now >= r.answer_t) {
        take_answer();
    } else if (now >= r.ask_t) {
        ask();
    } else {
        write_record();
    }
}

/* ---- what it knows ---- */

bool role_is_alive(void)
{
    return r.is_alive;
}

void role_set_leaps(const struct leaplist *leaps)
{
    r.setup.leaps = *leaps;
}

const struct clockpage *role_page(void)
{
    return r.page;
}

const struct clockpage_record *role_record(void)
{
    return &r.record;
}

uint64_t role_fault_epoch(void)
{
    return r.fault_epoch;
}

bool role_is_hasty(void)
{
    return r.is_hasty;
}
