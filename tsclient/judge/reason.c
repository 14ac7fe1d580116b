/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of reasons and sets of them. Which reason stands when is policy's work.
 */
#include "tsclient/judge/reason.h"

#include <stdio.h>

static const struct row {
    const char *word, *text;
    enum severity severity;
} rows[] = {
#define REASON_ROW(name, word, severity, text) {word, text, SEVERITY_##severity},
    REASON_TABLE(REASON_ROW)
#undef REASON_ROW
};

const char *reason_word(enum reason reason)
{
    return reason < REASON_NUM ? rows[reason].word : "unknown";
}

const char *reason_text(enum reason reason)
{
    return reason < REASON_NUM ? rows[reason].text : "unknown";
}

char *reason_sentence(enum reason reason, const char *why, char *out, size_t out_size)
{
    bool both = *why && reason != REASON_IO_ERROR;

    (void)snprintf(out, out_size, "%s%s%s", both || !*why ? reason_text(reason) : "", both ? ": " : "", why);
    return out;
}

void reasons_raise(struct reasons *reasons, enum reason reason, enum severity severity, enum rc cause)
{
    for (size_t i = 0; i < reasons->num; i++) {
        if (reasons->list[i].reason == reason) {
            if (severity > reasons->list[i].severity) {
                reasons->list[i].severity = severity;
            }
            return;
        }
    }
    reasons->list[reasons->num++] = (struct reason_entry){reason, severity, cause};
}

void reasons_add(struct reasons *reasons, enum reason reason, enum rc cause)
{
    reasons_raise(reasons, reason, rows[reason].severity, cause);
}

void reasons_merge(struct reasons *reasons, const struct reasons *others)
{
    for (size_t i = 0; i < others->num; i++) {
        reasons_raise(reasons, others->list[i].reason, others->list[i].severity, others->list[i].cause);
    }
}

bool reasons_has(const struct reasons *reasons, enum reason reason)
{
    for (size_t i = 0; i < reasons->num; i++) {
        if (reasons->list[i].reason == reason) {
            return true;
        }
    }
    return false;
}

const struct reason_entry *reasons_first(const struct reasons *reasons, enum severity least)
{
    for (size_t i = 0; i < reasons->num; i++) {
        if (reasons->list[i].severity >= least) {
            return &reasons->list[i];
        }
    }
    return NULL;
}

enum severity reasons_worst(const struct reasons *reasons)
{
    enum severity worst = SEVERITY_NOTE;

    for (size_t i = 0; i < reasons->num; i++) {
        worst = reasons->list[i].severity > worst ? reasons->list[i].severity : worst;
    }
    return worst;
}
