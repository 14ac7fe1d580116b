/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes of a PE image for whoever makes a signature or a catalog of it.
 */
#ifndef TSCLIENT_CONTAINER_PE_PAGES_PUT_H
#define TSCLIENT_CONTAINER_PE_PAGES_PUT_H

#include "tsclient/container/spc.h"

/* pe_pages_put writes the entries of struct spc_pages, *out_num of them. RC_FORMAT_MALFORMED where file is no PE image or its sections
 * overlap, stand in another order than their headers, or reach beyond its end. */
enum rc pe_pages_put(struct bytes file, enum digest alg, struct wbuf *out, size_t *out_num) MUST_CHECK;

#endif
