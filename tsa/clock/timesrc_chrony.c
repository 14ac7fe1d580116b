/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chronyd, asked for its tracking once a second over a UDP socket that is connected to its command port on this machine before the jail is
 * closed. It is never waited for: one answer that is missing is made up for by the last one, which ages; after two the clock is
 * not proven any more. Nobody there (ECONNREFUSED) is told at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/clock/chrony_tracking.h"
#include "tsa/clock/timesrc.h"
#include "tsa/role/timeserver.h"

#define EX_SOFTWARE 70
#define EX_CONFIG   78
#define PATIENCE_NS INT64_C(2000000000) /* an answer counts for so long */
#define MAX_READ    16                  /* datagrams at once; more can wait for the next turn of the loop */

struct chrony {
    int fd;
    int64_t opened_mono_ns;
    uint32_t sequence;
    bool waits;     /* for the answer to that */
    bool is_absent; /* nobody listens there */
    bool has_report;
    /* Taken before the question: what happens until the answer comes counts as a change since then. */
    struct timesrc_sample asked;
    struct chrony_tracking report;
    struct timesrc_sample reported; /* the clocks when that was asked for */
    int64_t growth_ppb;
    uint64_t measurement;       /* the last that was told, also when there is no reference any more */
    int64_t first_seen_mono_ns; /* that it stood in a report */
    bool is_ahead;              /* it lay in the future then */
    const char *told;           /* what was wrong with the last reply that could not be used */
};

static void *open_chrony(const struct settings *settings, struct inherit *in)
{
    struct chrony *chrony = calloc(1, sizeof(*chrony));
    struct timeserver server;
    struct address address;
    const char *why;

    (void)in;
    if (!chrony) {
        log_die(EX_SOFTWARE, "out of memory");
    }
    if (timeserver_parse(settings->clock.chrony, SETTINGS_CHRONY_PORT, &server, &why) != RC_OK ||
        timeserver_address(&server, &address) != RC_OK) {
        log_die(EX_CONFIG, "clock.chrony = \"%s\" is no address", settings->clock.chrony);
    }
    chrony->fd = socket(address.sock.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (chrony->fd < 0 || connect(chrony->fd, &address.sock.any, address.len) != 0) {
        log_die(EX_SOFTWARE, "no socket to ask chronyd at %s: %s", settings->clock.chrony, strerror(errno));
    }
    chrony->opened_mono_ns = now_mono_ns();
    return chrony;
}

static void close_chrony(void *source)
{
    struct chrony *chrony = source;

    (void)close(chrony->fd);
    free(chrony);
}

static size_t fds(void *source, struct pollfd out[TIMESRC_MAX_FDS])
{
    const struct chrony *chrony = source;

    out[0] = (struct pollfd){.fd = chrony->fd, .events = POLLIN};
    return 1;
}

/* ---- asking ---- */

/* What came back for an earlier question is told to the next call, which is then not carried out. */
static bool send_request(int fd, const uint8_t request[CHRONY_TRACKING_LEN])
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

    return send(fd, request, CHRONY_TRACKING_LEN, flags) == CHRONY_TRACKING_LEN ||
           send(fd, request, CHRONY_TRACKING_LEN, flags) == CHRONY_TRACKING_LEN;
}

static void ask(void *source, int64_t mono_ns)
{
    struct chrony *chrony = source;
    uint8_t request[CHRONY_TRACKING_LEN];

    (void)mono_ns;
    timesrc_read_clocks(&chrony->asked);
    chrony->waits = false;
    if (getrandom(&chrony->sequence, sizeof(chrony->sequence), GRND_NONBLOCK) != sizeof(chrony->sequence)) {
        return;
    }
    chrony_tracking_ask(chrony->sequence, request);
    chrony->waits = send_request(chrony->fd, request);
}

/* ---- the answer ---- */

/* How fast the correction grows is only seen between two reports on one measurement, and holds until it is seen again. */
static void learn_growth(struct chrony *chrony, const struct chrony_tracking *report)
{
    const int64_t growth =
        chrony_tracking_growth(&chrony->report, report, chrony->asked.mono_ns - chrony->reported.mono_ns);

    if (chrony->has_report && growth >= 0) {
        chrony->growth_ppb = growth;
    }
}

/* A measurement is at least as old as when it was first seen, whatever the clock was set to since. One that is new here and lies in the future is from before the
 * clock was set back: nobody has seen that step, when it was before our time. */
static void learn_measurement(struct chrony *chrony, const struct chrony_tracking *report)
{
    struct timesrc_sample sample;

    chrony_tracking_sample(report, chrony->asked.mono_ns, chrony->asked.real_minus_mono_ns, &sample);
    if (sample.rc == RC_OK && sample.measurement != chrony->measurement) {
        chrony->measurement = sample.measurement;
        chrony->first_seen_mono_ns = chrony->asked.mono_ns;
        chrony->is_ahead =
            chrony_tracking_is_ahead(report, chrony->asked.mono_ns, chrony->asked.real_minus_mono_ns);
        if (chrony->is_ahead) {
            log_warning("the clock was set back, and chronyd has not measured it since");
        }
    }
}

static void keep(struct chrony *chrony, const struct chrony_tracking *report)
{
    learn_growth(chrony, report);
    learn_measurement(chrony, report);
    chrony->report = *report;
    chrony->reported = chrony->asked;
    chrony->has_report = true;
    chrony->is_absent = chrony->waits = false;
    chrony->told = NULL;
}

/* One datagram. Told once for each reason, until one was good. */
static bool take_reply(struct chrony *chrony, struct bytes reply)
{
    struct chrony_tracking report;
    const char *why = NULL;
    enum rc rc;

    if (!chrony->waits) {
        return false;
    }
    rc = chrony_tracking_parse(reply, chrony->sequence, &report, &why);
    if (rc == RC_OK) {
        keep(chrony, &report);
    } else if (rc != RC_NOT_FOUND && why != chrony->told) {
        log_warning("chronyd's reply can not be used: %s", why);
        chrony->told = why;
    }
    return rc == RC_OK;
}

static bool take(void *source)
{
    struct chrony *chrony = source;
    uint8_t reply[2 * CHRONY_TRACKING_LEN]; /* a longer one is cut, and has the wrong length still */
    bool is_new = false;

    for (int i = 0; i < MAX_READ; i++) {
        const ssize_t len = recv(chrony->fd, reply, sizeof(reply), MSG_DONTWAIT);

        if (len >= 0) {
            is_new = take_reply(chrony, bytes_of(reply, (size_t)len)) || is_new;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            is_new = is_new || !chrony->is_absent;
            chrony->is_absent = true;
        }
    }
    return is_new;
}

/* ---- what is known ---- */

/* There is no answer that counts: at first because none can be there yet. */
static void put_silence(const struct chrony *chrony, struct timesrc_sample *out)
{
    const bool is_first = !chrony->has_report && !chrony->is_absent;

    timesrc_read_clocks(out);
    out->rc = is_first && out->mono_ns - chrony->opened_mono_ns <= PATIENCE_NS ? RC_CLOCK_UNKNOWN
                                                                               : RC_CLOCK_UNREACHABLE;
    out->bound_ns = -1;
    out->leap = CLOCKPAGE_LEAP_UNKNOWN;
    out->figure_ns = chrony->has_report ? out->mono_ns - chrony->reported.mono_ns : -1;
    if (!chrony->has_report) {
        (void)snprintf(out->reference, sizeof(out->reference), "chrony");
    }
}

static void sample(void *source, struct timesrc_sample *out)
{
    const struct chrony *chrony = source;

    chrony_tracking_sample(&chrony->report, chrony->reported.mono_ns, chrony->reported.real_minus_mono_ns,
                           out);
    out->mono_minus_raw_ns = chrony->reported.mono_minus_raw_ns;
    if (out->measured_mono_ns > chrony->first_seen_mono_ns) {
        out->measured_mono_ns = chrony->first_seen_mono_ns;
    }
    out->measurement = chrony->measurement;
    out->drift_ppb += out->rc == RC_OK ? chrony->growth_ppb : 0;
    if (chrony->is_ahead && out->rc == RC_OK) {
        out->rc = RC_CLOCK_UNSYNCHRONISED;
        out->bound_ns = -1;
    }
    if (!chrony->has_report || chrony->is_absent || now_mono_ns() - chrony->reported.mono_ns > PATIENCE_NS) {
        put_silence(chrony, out);
    }
}

const struct timesrc_ops timesrc_chrony = {
    .name = "chrony",
    .proof = CLOCKPAGE_PROVEN,
    .open = open_chrony,
    .fds = fds,
    .ask = ask,
    .take = take,
    .sample = sample,
    .close = close_chrony,
};
