/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows executables and drivers: the PE format (Microsoft, "PE Format", the attribute certificate table; "Windows
 * Authenticode Portable Executable Signature Format"). Reads bytes alone; loads and trusts nothing of the image.
 */
#ifndef TSCLIENT_CONTAINER_PE_H
#define TSCLIENT_CONTAINER_PE_H

#include "tsclient/container/container.h"
#include "tsclient/container/spc.h"

extern const struct container_ops pe_ops;

/* pe_checksum computes the CheckSum field over the whole file; 0 where the file is no PE file. */
uint32_t pe_checksum(struct bytes file);

/* pe_checksum_get reads the stored one; 0 where the file is no PE file. */
uint32_t pe_checksum_get(struct bytes file);

/* pe_num_entries counts the entries of the certificate table, of whatever type. */
size_t pe_num_entries(struct bytes file);

/* pe_pages_put writes the page hashes of an image, the entries of struct spc_pages, *out_num of them. RC_FORMAT_MALFORMED where file is no PE
 * image or its sections overlap, stand in another order than their headers, or reach beyond its end. */
enum rc pe_pages_put(struct bytes file, enum digest alg, struct wbuf *out, size_t *out_num) MUST_CHECK;

#endif
