/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security catalogs: a SignedData whose content is a certificate trust list (Microsoft, "Catalog Files and Digital Signatures").
 * What the list says is ctl's matter. A catalog is known by its octets alone, never by the name of its file.
 */
#ifndef TSCLIENT_CONTAINER_CAT_H
#define TSCLIENT_CONTAINER_CAT_H

#include "tsclient/container/container.h"

extern const struct container_ops cat_ops;

#endif
