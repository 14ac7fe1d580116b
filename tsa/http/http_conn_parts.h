/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of a connection share. Private to http_conn: http_conn.c (requests in, answers out) and http_conn_life.c (how it begins, its
 * deadlines, how it ends).
 */
#ifndef TSA_HTTP_CONN_PARTS_H
#define TSA_HTTP_CONN_PARTS_H

#include <event2/bufferevent.h>

#include "tsa/http/http_conn.h"
#include "tsa/http/http_intake.h"
#include "tsa/http/http_slot.h"

struct http_conn {
    struct http_phase_member member; /* first: a member is its connection */
    struct http_phase_member life;   /* in HTTP_PHASE_LIFE until it is aged */
    struct http_server *server;
    struct http_intake *intake; /* a PROXY header is awaited */
    struct bufferevent *bev;    /* NULL while it is */
    SSL *ssl;                   /* NULL: plain */
    char *certificate;          /* what peer.certificate points to */
    int fd;
    struct http_parse parse;
    struct http_slot_list slots; /* requests that are being answered, oldest first */
    size_t num_slots, num_requests, num_drained;
    size_t taken;   /* octets of the input that belong to the request at hand */
    bool open;      /* header and handshake are over: octets are requests */
    bool crowded;   /* it is here to be told that it may not come */
    bool aged;      /* its life is over */
    bool last;      /* no further request is parsed */
    bool closing;   /* the last answer is given to the socket, or was sent */
    bool shut;      /* the write end is shut */
    bool eof;       /* the client sends no more */
    bool continued; /* 100 Continue was sent for the request that is arriving */
    bool busy;      /* process is running */
    bool dead;
    struct http_peer peer;
};

/* http_conn_process does all that can be done now. It runs after everything that happens to a connection. */
void http_conn_process(struct http_conn *conn);

/* http_conn_refuse answers what is arriving, or would arrive, with an error; nothing is parsed any more. */
void http_conn_refuse(struct http_conn *conn, struct http_refusal refusal);

/* http_conn_part_all takes all slots off a connection; those that are still being answered live on until their answer comes. */
void http_conn_part_all(struct http_conn *conn);

bool http_conn_is_writing(const struct http_conn *conn);

#endif
