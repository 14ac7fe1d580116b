/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is judged here, and what is missing in the JSON is left out: the authority may be of another version than this command. */
#include "tsa/cmd/clock_text.h"

#include <stdio.h>
#include <string.h>

#include "tsa/role/clockwords.h"

#define NS_PER_MS 1e6
#define NS_PER_S  1000000000

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "-";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* ", wrong by at most 1.204 ms": milliseconds always, so that one look compares two of them. */
static void print_ms(const json_t *object, const char *name, const char *before)
{
    const json_t *ns = json_object_get(object, name);

    if (json_is_integer(ns)) {
        printf("%s %.3f ms", before, (double)json_integer_value(ns) / NS_PER_MS);
    }
}

/* ", compared 12 s ago" */
static void print_age(const json_t *object, const char *before)
{
    const json_t *ns = json_object_get(object, "age_ns");
    char text[CLOCKWORDS_MAX];

    if (json_is_integer(ns)) {
        printf("%s %s ago", before, clockwords_duration(json_integer_value(ns), text));
    }
}

bool clock_text_issues(const json_t *clock)
{
    const char *state = text_of(clock, "state");

    return strcmp(state, "sync") == 0 || strcmp(state, "warn") == 0;
}

/* How far it is proven is told of a time that is used; a clock that has stopped is proven to nobody. */
static void print_state(const json_t *clock)
{
    const char *reference = text_of(clock, "reference");

    printf("clock    %s", text_of(clock, "state"));
    if (clock_text_issues(clock)) {
        printf(", %s", json_is_true(json_object_get(clock, "proven")) ? "proven" : "not proven");
    }
    if (*reference) {
        printf(" (%s)", reference);
    }
}

/* Its file is written by a service that nobody starts again from here. */
static void print_service(const json_t *clock)
{
    if (json_is_string(json_object_get(clock, "file")) &&
        strcmp(text_of(clock, "reason"), rc_word(RC_CLOCK_STALE)) == 0) {
        printf("         see the service that writes %s (systemctl status tsa-clock)\n",
               text_of(clock, "file"));
    }
}

static void print_head(const json_t *clock)
{
    print_state(clock);
    print_ms(clock, "bound_ns", ", wrong by at most");
    print_age(clock, ", compared");
    printf("\n");
    if (json_is_string(json_object_get(clock, "text"))) {
        printf("         %s\n", text_of(clock, "text"));
    }
    print_service(clock);
}

/* A year ahead would be a year without tokens; whoever knows why may end that. */
static void print_ahead(const json_t *clock, const char *run_dir)
{
    const long long ahead = number_of(clock, "ahead_ns");
    char text[CLOCKWORDS_MAX];

    if (ahead > 0) {
        printf(
            "         the last token's time is %s ahead of the clock, and none is issued until that has "
            "passed.\n"
            "         Where the clock is right now, and was wrong then, say why; it goes into the record:\n"
            "         tsa clock acknowledge --run %s --reason TEXT\n",
            clockwords_duration(ahead, text), run_dir);
    }
}

void clock_text_short(const json_t *clock, const char *run_dir)
{
    print_head(clock);
    print_ahead(clock, run_dir);
}

/* ---- all of it ---- */

static void print_leap(const json_t *clock)
{
    static const struct {
        const char *word, *text;
    } words[] = {
        {"none", "no leap second is announced"},
        {"insert", "a leap second is inserted"},
        {"delete", "a leap second is left out"},
        {"unknown", "nothing is known of leap seconds"},
    };
    const char *word = text_of(clock, "leap"), *at = json_string_value(json_object_get(clock, "leap_at"));

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            printf("leap     %s%s%s\n", words[i].text, at ? "; no token is issued around " : "",
                   at ? at : "");
        }
    }
}

static void print_source(const json_t *clock)
{
    if (json_is_integer(json_object_get(clock, "stratum"))) {
        printf("stratum  %lld\n", number_of(clock, "stratum"));
    }
    print_leap(clock);
    if (json_is_string(json_object_get(clock, "since"))) {
        const long long changes = number_of(clock, "changes");

        printf("since    %s, %lld change%s since the signing process started\n", text_of(clock, "since"),
               changes, changes == 1 ? "" : "s");
    }
    if (json_is_string(json_object_get(clock, "file"))) {
        printf("file     %s, written by a clock service\n", text_of(clock, "file"));
    }
}

/* Milliseconds, like bounds; what is a second or more is seen by its unit, not by counting digits. */
static void print_offset(const json_t *server)
{
    const json_t *offset = json_object_get(server, "offset_ns");
    const json_int_t ns = json_integer_value(offset);
    char text[CLOCKWORDS_MAX];

    if (ns >= NS_PER_S || ns <= -NS_PER_S) {
        printf(", offset %c%s", ns < 0 ? '-' : '+', clockwords_duration(ns, text));
    } else if (json_is_integer(offset)) {
        printf(", offset %+.3f ms", (double)ns / NS_PER_MS);
    }
}

/* Of one that has said nothing nothing is known, whatever figures come along. */
static void print_server(const json_t *server)
{
    const char *state = text_of(server, "state");

    printf("server   %s: %s", text_of(server, "address"), state);
    if (strcmp(state, "silent") == 0) {
        printf("\n");
        return;
    }
    print_offset(server);
    print_ms(server, "error_ns", ", wrong by at most");
    if (json_is_integer(json_object_get(server, "stratum"))) {
        printf(", stratum %lld", number_of(server, "stratum"));
    }
    print_age(server, ", answered");
    printf("\n");
}

void clock_text_long(const json_t *clock, const char *run_dir)
{
    const json_t *server;
    size_t i;

    print_head(clock);
    print_ahead(clock, run_dir);
    print_source(clock);
    json_array_foreach(json_object_get(clock, "servers"), i, server)
    {
        print_server(server);
    }
}
