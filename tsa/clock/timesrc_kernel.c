/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adjtimex with no mode set reads. The largest error is set by the time service when it has measured its reference, and grows by 500 parts per million
 * from then on: each time that it has dropped, there was a measurement.
 */
#include "tsa/clock/timesrc_kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tsa/base/log.h"

#define EX_SOFTWARE     70
#define NS_PER_US       INT64_C(1000)
#define PPB_PER_PPM     INT64_C(1000)
#define GROWTH_US_PER_S 500 /* MAXFREQ of the kernel */
#define NS_PER_S        INT64_C(1000000000)
#define MAXERROR_LAST_US                                                                                     \
    INT64_C(16000000) /* there the kernel says unsynchronised by itself; more is absurd */

static int read_kernel(struct timex *timex)
{
    return (int)syscall(SYS_adjtimex, timex);
}

static int (*call_kernel)(struct timex *) = read_kernel;

void timesrc_kernel_set_call(int (*call)(struct timex *))
{
    call_kernel = call ? call : read_kernel;
}

static void *open_kernel(const struct settings *settings, struct inherit *in)
{
    struct timesrc_kernel *kernel = calloc(1, sizeof(*kernel));
    struct timex timex = {0};

    (void)in;
    if (!kernel) {
        log_die(EX_SOFTWARE, "out of memory");
    }
    if (call_kernel(&timex) < 0) {
        log_die(
            EX_SOFTWARE,
            "the kernel does not tell how it keeps the time: %s; where systemd's ProtectClock or a container "
            "forbids to ask, run `tsa clock run` as a service of its own, or take another clock.source",
            strerror(errno));
    }
    kernel->drift_ppb = settings->clock.drift_ppm * PPB_PER_PPM;
    kernel->last_maxerror_us = -1;
    return kernel;
}

static void ask(void *source, int64_t mono_ns)
{
    (void)source;
    (void)mono_ns;
}

static enum clockpage_leap leap_of(int state, int status)
{
    if (state == TIME_WAIT) {
        return CLOCKPAGE_LEAP_NONE; /* it has been, though its flag still stands */
    }
    if (state == TIME_INS || state == TIME_OOP || (status & STA_INS)) {
        return CLOCKPAGE_LEAP_INSERT;
    }
    return state == TIME_DEL || (status & STA_DEL) ? CLOCKPAGE_LEAP_DELETE : CLOCKPAGE_LEAP_NONE;
}

/* At first it is only known how old the measurement can be, from how far the error has grown at most. */
static void find_measurement(struct timesrc_kernel *kernel, int64_t maxerror_us, int64_t mono_ns)
{
    if (kernel->last_maxerror_us < 0) {
        kernel->measurement = 0;
        kernel->measured_mono_ns = mono_ns - maxerror_us * (NS_PER_S / GROWTH_US_PER_S);
    } else if (maxerror_us < kernel->last_maxerror_us) {
        kernel->measurement++;
        kernel->measured_mono_ns = mono_ns;
    }
    kernel->last_maxerror_us = maxerror_us;
}

/* What is still to be slewed comes on top of the largest error. */
static int64_t bound_of(const struct timex *timex)
{
    const int64_t offset = llabs(timex->offset);

    return (int64_t)timex->maxerror * NS_PER_US + (timex->status & STA_NANO ? offset : offset * NS_PER_US);
}

/* Where the service lets the kernel steer (STA_PLL), what is still to be corrected stands in the offset. chronyd and phc2sys steer by themselves, and what they
 * tell the kernel leaves out how far they have to go yet. An estimated error of zero, or above the largest one, is nobody's: as timesyncd leaves it, and as
 * it is after the clock was set. */
static bool tells_bound(const struct timex *timex)
{
    return (timex->status & STA_PLL) && timex->esterror != 0 && timex->esterror <= timex->maxerror;
}

static bool is_absurd(const struct timex *timex)
{
    return timex->maxerror < 0 || timex->esterror < 0 || timex->maxerror > MAXERROR_LAST_US ||
           timex->offset > NS_PER_S || timex->offset < -NS_PER_S;
}

void timesrc_kernel_judge(struct timesrc_kernel *kernel, int result, const struct timex *timex,
                          struct timesrc_sample *out)
{
    *out = (struct timesrc_sample){
        .rc = RC_OK,
        .mono_ns = out->mono_ns,
        .real_minus_mono_ns = out->real_minus_mono_ns,
        .mono_minus_raw_ns = out->mono_minus_raw_ns,
        .bound_ns = -1,
        .drift_ppb = kernel->drift_ppb,
        .measured_mono_ns = -1,
        .measurement = kernel->measurement,
        .figure_ns = -1,
        .leap = CLOCKPAGE_LEAP_UNKNOWN,
        .reference = "kernel",
    };
    if (result < 0) {
        out->rc = RC_CLOCK_UNREACHABLE;
        return;
    }
    out->leap = leap_of(result, timex->status);
    if (result == TIME_ERROR || (timex->status & STA_UNSYNC) || is_absurd(timex)) {
        out->rc = RC_CLOCK_UNSYNCHRONISED;
        return;
    }
    find_measurement(kernel, timex->maxerror, out->mono_ns);
    out->measurement = kernel->measurement;
    out->measured_mono_ns = kernel->measured_mono_ns;
    if (tells_bound(timex)) {
        out->bound_ns = bound_of(timex);
    }
}

static void sample(void *source, struct timesrc_sample *out)
{
    struct timex timex = {0};
    int result;

    timesrc_read_clocks(out);
    result = call_kernel(&timex);
    timesrc_kernel_judge(source, result, &timex, out);
}

static void close_kernel(void *source)
{
    free(source);
}

const struct timesrc_ops timesrc_kernel = {
    .name = "kernel",
    .proof = CLOCKPAGE_PROVEN,
    .open = open_kernel,
    .ask = ask,
    .sample = sample,
    .close = close_kernel,
};
