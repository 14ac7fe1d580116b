/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets of a front by their kind, what TLS needs of the parent's files, and how many connections the process may hold: start-up
 * only, before the jail closes. What goes wrong here ends the process.
 */
#ifndef TSA_FRONT_FRONT_DOORS_H
#define TSA_FRONT_FRONT_DOORS_H

#include "tsa/http/http_listen.h"
#include "tsa/role/inherit.h"

struct front_doors {
    struct http_door plain, tls, metrics;
    bool has_metrics; /* /metrics has a door of its own */
};

/* front_doors_open reads tls_certificate, tls_key and tls_client_ca, where they came along, and tries them. */
void front_doors_open(struct front_doors *doors, struct inherit *in, const struct settings *settings);
void front_doors_clear(struct front_doors *doors);

/* front_doors_listen takes listen.N, tls.N and metrics.N. */
void front_doors_listen(struct front_doors *doors, struct inherit *in, struct http_listen *listen);

/* front_doors_files tells how many descriptors a front wants that may hold so many connections. */
size_t front_doors_files(size_t connections);

/* front_doors_room tells how many connections a limit on descriptors leaves room for: 95 of 100, a reserve left out that the process itself needs. */
size_t front_doors_room(size_t files);

/* front_doors_measure raises the limit on descriptors as far as that goes and tells how many connections there may be; says so in the log where it is
 * less than wished for. */
size_t front_doors_measure(size_t connections);

#endif
