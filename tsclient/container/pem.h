/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of base64 text between its two lines, "-----BEGIN label-----" and "-----END label-----" (RFC 7468), in a file that may have
 * other text around it. Reads and writes in the form that stands there: line width, line ends. Headers within (RFC 1421) are not taken.
 */
#ifndef TSCLIENT_CONTAINER_PEM_H
#define TSCLIENT_CONTAINER_PEM_H

#include "tsa/wire/edits.h"

#define PEM_MAX_BEFORE (1u << 16) /* octets of text before the block */

struct pem {
    struct bytes label;
    struct bytes body; /* the lines between, with their ends */
    bool crlf;
    size_t width; /* characters a line; 0: all in one */
};

/* pem_begins tells whether file is text with a line that begins a block of one of the labels (the list ends with NULL). */
bool pem_begins(struct bytes file, const char *const *labels);

/* pem_parse reads the block; decoded (initialised here) gets its octets. NULL, or a static sentence that says what is wrong; also where
 * there are several blocks. The views point into file. */
const char *pem_parse(struct bytes file, const char *const *labels, struct pem *out,
                      struct wbuf *decoded) MUST_CHECK;

/* pem_encode appends the lines for octets in the form of pem. */
void pem_encode(const struct pem *pem, struct bytes octets, struct wbuf *out);

/* pem_edit adds the edit that puts body in the place of pem's, which stands at offset at of the file. */
void pem_edit(const struct pem *pem, size_t at, struct bytes body, struct edits *out);

#endif
