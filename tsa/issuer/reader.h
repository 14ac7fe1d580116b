/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first station of a request: it waits for all channels, reads what has come, and hands it to the signers, packet by packet. A peer that
 * says anything it may not say is cut off. It writes to nobody, but for a pong while the recorder waits for the disk.
 */
#ifndef TSA_ISSUER_READER_H
#define TSA_ISSUER_READER_H

#include "tsa/issuer/recorder.h"

struct reader {
    struct pool *pool;
    struct work *work;
    struct recorder *recorder;
    struct peer peers[RECORDER_PEERS_MAX]; /* the first is the parent */
    struct chan_in in, parent_in;
    struct job_list stamps, asks; /* of the packet under way */
    int64_t heard_ns;             /* when the parent was listened to */
    int64_t told_ns;              /* the recorder's wait that was told in the log */
    bool stopping;
};

/* reader_init takes the channel to the parent. reader_clear closes all; nobody may hold a peer then. */
void reader_init(struct reader *reader, int take_parent_fd);
void reader_clear(struct reader *reader);

/* reader_add takes the channel to a front, or closes it where there are too many. */
void reader_add(struct reader *reader, int take_fd);

/* reader_stand_by hears the parent alone, until wake_fd (an eventfd; it is reset) or the parent has said something, or for so long (-1: for
 * ever). What fronts send meanwhile waits in their channels. False after MSG_STOP or the end of the parent. */
bool reader_stand_by(struct reader *reader, int wake_fd, int timeout_ms) MUST_CHECK;

/* reader_run reads until MSG_STOP or the end of the parent, then what the fronts have sent by then, and returns. */
void reader_run(struct reader *reader);

#endif
