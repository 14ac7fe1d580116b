/* SPDX-License-Identifier: Apache-2.0 */
/* A measurement begins with an answer and ends with one, so that slow keys are measured as well as fast ones. */
#include "tsa/front/pace.h"

#include <string.h>

#define SECOND_NS 1000000000LL

static size_t in_time(const struct pace *pace, double rate, int64_t ns)
{
    const double num = rate * (double)ns / 1e9;

    if (num >= (double)pace->most) {
        return pace->most;
    }
    return num > 1 ? (size_t)num : 1;
}

void pace_share(struct pace *pace, size_t num)
{
    pace->least = (double)PACE_LEAST / (double)num;
    pace->window = in_time(pace, (double)PACE_FIRST / (double)num, SECOND_NS);
}

void pace_init(struct pace *pace, size_t most)
{
    memset(pace, 0, sizeof *pace);
    pace->most = most;
    pace_share(pace, 1);
}

void pace_answer(struct pace *pace, int64_t now, bool is_full, int64_t patience)
{
    double rate;

    if (!is_full || pace->since == 0) {
        pace->since = is_full ? now : 0;
        pace->num = 0;
        return;
    }
    pace->num++;
    if (now - pace->since < PACE_SPAN_NS) {
        return;
    }
    rate = (double)pace->num * 1e9 / (double)(now - pace->since);
    pace->samples[pace->at % PACE_SAMPLES].when = now;
    pace->samples[pace->at++ % PACE_SAMPLES].rate = rate;
    pace->window =
        in_time(pace, rate > pace->least ? rate : pace->least, patience < SECOND_NS ? patience : SECOND_NS);
    pace->since = now;
    pace->num = 0;
}

void pace_pause(struct pace *pace)
{
    pace->since = 0;
}

size_t pace_room(const struct pace *pace, int64_t now, int64_t patience)
{
    double rate = 0;
    size_t i;

    for (i = 0; i < PACE_SAMPLES; i++) {
        if (pace->samples[i].rate > rate && now - pace->samples[i].when <= PACE_MEMORY_NS) {
            rate = pace->samples[i].rate;
        }
    }
    return rate > 0 ? in_time(pace, rate, patience) : pace->most;
}
