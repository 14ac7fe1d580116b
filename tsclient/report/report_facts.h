/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reports for people and for programs both say of a signature, as words: its certificate's key, what it signs, what stands
 * beside the certificates. Facts alone; nothing is judged.
 */
#ifndef TSCLIENT_REPORT_FACTS_H
#define TSCLIENT_REPORT_FACTS_H

#include "tsclient/container/ctl.h"
#include "tsclient/judge/policy.h"

/* report_key_text writes "rsa2048", "ec256", "ed25519", or "" where the key is of another kind or can not be read; returns out. */
#define REPORT_KEY_MAX 24
char *report_key_text(const struct cert *cert, char out[REPORT_KEY_MAX]);

/* report_content_text writes what was signed: "authenticode", "catalog", "data", "tst-info", else the dotted content type; returns out. */
char *report_content_text(const struct cms *cms, char out[OID_TEXT_MAX]);

/* report_form_name gives "standard" or "bare-digest". */
const char *report_form_name(enum cms_signature_form form);

/* report_has_attribute_cert looks for an attribute certificate (RFC 5652 10.2.2) in the contents of a CertificateSet. */
bool report_has_attribute_cert(struct bytes certificates);

/* report_catalog reads the list of a catalog, signed or not; views into subject. RC_NOT_FOUND: the file is no catalog; RC_CTL_MALFORMED. */
enum rc report_catalog(const struct subject *subject, struct ctl *out) MUST_CHECK;

/* report_kind_of_member gives "pe", "cab", "flat", or NULL where the catalog does not say. */
const char *report_kind_of_member(enum ctl_kind kind);

/* report_attribute_find finds an attribute of that name; start of the walk as for ctl_attribute_next. */
bool report_attribute_find(struct bytes attributes, const char *name, struct ctl_attribute *out);

/* report_attribute_value gives the whole value as text, octets that are none as hexadecimal digits; heap. NULL when out of memory. */
char *report_attribute_value(const struct ctl_attribute *attribute);

#endif
