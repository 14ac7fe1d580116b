/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's clock, believed: no bound, no proof, no leap second known. A step of it is not seen as a fault; it is what the host
 * says now.
 */
#include "tsa/clock/timesrc.h"

static void *open_system(const struct settings *settings, struct inherit *in)
{
    (void)settings;
    (void)in;
    return NULL;
}

static void ask(void *source, int64_t mono_ns)
{
    (void)source;
    (void)mono_ns;
}

static void sample(void *source, struct timesrc_sample *out)
{
    (void)source;
    *out = (struct timesrc_sample){
        .bound_ns = -1,
        .measured_mono_ns = -1,
        .figure_ns = -1,
        .leap = CLOCKPAGE_LEAP_UNKNOWN,
        .reference = "system",
    };
    timesrc_read_clocks(out);
}

static void close_system(void *source)
{
    (void)source;
}

const struct timesrc_ops timesrc_system = {
    .name = "system",
    .proof = CLOCKPAGE_TRUSTED,
    .open = open_system,
    .ask = ask,
    .sample = sample,
    .close = close_system,
};
