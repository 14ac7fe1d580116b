/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, run_dir/control: one line asks, one line of JSON answers, then the connection ends. Only its owner can reach it. Asked
 * badly or slowly, it closes; it can start nothing.
 */
#ifndef TSA_PARENT_CONTROL_H
#define TSA_PARENT_CONTROL_H

#include <event2/event.h>
#include <jansson.h>

#include "tsa/role/facts.h"
#include "tsa/wire/wbuf.h"

#define CONTROL_MAX_CLIENTS 16
#define CONTROL_STATUS      "status"

struct control;

/* The one that knows. ask is called for a status: it must lead to control_answer with the same id, soon or later; false: answer at once. build makes the
 * answer, with what is known by then. */
struct control_source {
    bool (*ask)(void *arg, uint64_t id);
    json_t *(*build)(void *arg, const struct facts *facts);
    void *arg;
};

/* control_open makes the socket in the folder (a stale one is replaced: the caller holds the folder's lock). NULL with errno. */
struct control *control_open(struct event_base *base, int run_dir, const struct control_source *source);
void control_close(struct control *control);

/* control_answer answers whoever waits for id with what build makes of facts. */
void control_answer(struct control *control, uint64_t id, const struct facts *facts);

/* control_request is the other side: it asks the authority that runs with that folder, and appends the answer. Blocks for at most 5 s.
 * RC_NOT_FOUND: nothing runs there (errno); RC_IO. */
enum rc control_request(const char *run_dir, const char *request, struct wbuf *out) MUST_CHECK;

#endif
