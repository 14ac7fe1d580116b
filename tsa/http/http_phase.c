/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of connections by phase, each in the order of its deadlines. */
#include "tsa/http/http_phase.h"

#include <string.h>

void http_phase_init(struct http_phases *phases, const int64_t length[HTTP_PHASE_NUM])
{
    size_t i;

    memset(phases, 0, sizeof *phases);
    memcpy(phases->length, length, sizeof phases->length);
    for (i = 0; i < HTTP_PHASE_NUM; i++) {
        TAILQ_INIT(&phases->lists[i]);
    }
}

void http_phase_join(struct http_phases *phases, struct http_phase_member *member, enum http_phase phase,
                     int64_t now)
{
    int64_t length = phases->length[phase];

    member->phase = phase;
    member->since = now;
    member->deadline = length > 0 && now < INT64_MAX - length ? now + length : INT64_MAX;
    TAILQ_INSERT_TAIL(&phases->lists[phase], member, entry);
    phases->num[phase]++;
}

void http_phase_leave(struct http_phases *phases, struct http_phase_member *member)
{
    TAILQ_REMOVE(&phases->lists[member->phase], member, entry);
    phases->num[member->phase]--;
}

void http_phase_enter(struct http_phases *phases, struct http_phase_member *member, enum http_phase phase,
                      int64_t now)
{
    if (member->phase != phase) {
        http_phase_leave(phases, member);
        http_phase_join(phases, member, phase, now);
    }
}

struct http_phase_member *http_phase_due(struct http_phases *phases, int64_t now)
{
    size_t i;

    for (i = 0; i < HTTP_PHASE_NUM; i++) {
        struct http_phase_member *first = TAILQ_FIRST(&phases->lists[i]);

        if (first && first->deadline <= now) {
            return first;
        }
    }
    return NULL;
}

int64_t http_phase_earliest(const struct http_phases *phases)
{
    int64_t earliest = INT64_MAX;
    size_t i;

    for (i = 0; i < HTTP_PHASE_NUM; i++) {
        const struct http_phase_member *first = TAILQ_FIRST(&phases->lists[i]);

        if (first && first->deadline < earliest) {
            earliest = first->deadline;
        }
    }
    return earliest;
}

struct http_phase_member *http_phase_oldest(struct http_phases *phases, enum http_phase phase, int64_t since)
{
    struct http_phase_member *first = TAILQ_FIRST(&phases->lists[phase]);

    return first && first->since <= since ? first : NULL;
}
