/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, run_dir/control: one line asks, one line of JSON answers, then the connection ends. Only its owner can reach it. Asked
 * badly or slowly, it closes; who says nothing gives way to who comes.
 */
#ifndef TSA_PARENT_CONTROL_H
#define TSA_PARENT_CONTROL_H

#include <event2/event.h>
#include <jansson.h>

#include "tsa/role/msg.h"
#include "tsa/wire/wbuf.h"

#define CONTROL_MAX_CLIENTS 16
#define CONTROL_STATUS      "status"
#define CONTROL_RELOAD      "reload"      /* answered when it is done */
#define CONTROL_RELOAD_ASK  "reload-soon" /* answered at once */
#define CONTROL_CLOCK       "clock"       /* answered with a status: "clock" of it is all that is wanted */
#define CONTROL_ACKNOWLEDGE "acknowledge" /* then a blank and the reason, as in struct msg_acknowledge */
#define CONTROL_QUICK_S     5             /* for what is answered at once */
#define CONTROL_ANSWER_S    8             /* for an acknowledgement: the authority takes at most 5 */
#define CONTROL_RELOAD_S    60

struct control;

/* The one that knows. ask is called for a status: it must lead to control_answer with the same id, soon or later; false: answer at once. build makes the
 * answer, with what is known by then. reload takes the request for a reload and returns its number, with which control_answer_reload follows later; 0: it
 * can not be (any more). acknowledge hands a reason on: it must lead to
 * control_answer_acknowledge with the same id, or to nothing; false: nobody is there who could take it. */
struct control_source {
    bool (*ask)(void *arg, uint64_t id);
    json_t *(*build)(void *arg, const struct facts *facts);
    uint64_t (*reload)(void *arg);
    bool (*acknowledge)(void *arg, const struct msg_acknowledge *acknowledge);
    void *arg;
};

/* control_open makes the socket in the folder (a stale one is replaced: the caller holds the folder's lock). NULL with errno. */
struct control *control_open(struct event_base *base, int run_dir, const struct control_source *source);
void control_close(struct control *control);

/* control_answer answers whoever waits for id with what build makes of facts. */
void control_answer(struct control *control, uint64_t id, const struct facts *facts);

/* control_answer_reload answers all who wait for the reload of that number. */
void control_answer_reload(struct control *control, uint64_t number, const json_t *answer);

/* control_answer_acknowledge answers who waits for it: {"ok": true}, or {"ok": false, "reason": word of rc, "why": text}. Nobody may wait any
 * more. control_lose_acknowledge answers all who wait, since the issuer that was asked has ended. */
void control_answer_acknowledge(struct control *control, const struct msg_acknowledged *answer);
void control_lose_acknowledge(struct control *control);

/* control_judge_reason says what is wrong with the reason for an acknowledgement; NULL: nothing. It goes into the record and into logs: what could forge a line
 * there stays out. */
const char *control_judge_reason(const char *reason);

/* control_request is the other side: it asks the authority that runs with that folder, and appends the answer. Blocks for at most that many
 * seconds. RC_NOT_FOUND: nothing runs there (errno); RC_IO. */
enum rc control_request(const char *run_dir, const char *request, int seconds, struct wbuf *out) MUST_CHECK;

#endif
