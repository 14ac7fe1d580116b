/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain signatures: any ContentInfo { SignedData } but a catalog, bare, behind "PKCX", or in PEM. Whether the content is there, and
 * whose digest it is, stands in the signature; the file has no more to say. A text with several signatures is refused: other
 * tools read the first and pass the others over in silence.
 */
#include "tsclient/container/p7.h"

#include "tsclient/container/pem.h"
#include "tsclient/container/signed_data.h"

/* The first two: RFC 7468 8 and 9; the third: RFC 7468 8, to be taken; the last: GnuPG's gpgsm. */
static const char *const labels[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA", "SIGNED MESSAGE", NULL};

static const char prefix[] = "PKCX";

/* The signature's octets: in the file, or decoded from its text. */
struct signature {
    struct bytes in;
    size_t at; /* where they begin; of no meaning in PEM */
    bool is_pem;
    struct pem pem;
    struct wbuf decoded;
};

/* Octets before text: a signature may hold a text that looks like PEM. */
static bool find_octets(struct bytes file, struct signature *out)
{
    enum oid type;

    out->at = bytes_starts_with(file, bytes_str(prefix)) ? sizeof prefix - 1 : 0;
    out->in = bytes_slice(file, out->at, file.len - out->at, NULL);
    return signed_data_begins(out->in, &type);
}

/* NULL, or what is wrong. Clear out->decoded in any case. */
static const char *open_signature(struct bytes file, struct signature *out)
{
    const char *why;

    *out = (struct signature){0};
    if (find_octets(file, out) || !pem_begins(file, labels)) {
        return NULL;
    }
    out->is_pem = true;
    why = pem_parse(file, labels, &out->pem, &out->decoded);
    out->in = wbuf_bytes(&out->decoded);
    return why;
}

/* ---- operations ---- */

static bool recognise(struct bytes file)
{
    struct signature signature;

    return find_octets(file, &signature) || pem_begins(file, labels);
}

static enum rc check(struct bytes file, const char **out_why)
{
    struct signature signature;
    struct signed_data sd;

    *out_why = open_signature(file, &signature);
    if (!*out_why) {
        *out_why = signed_data_parse(signature.in, &sd);
    }
    wbuf_clear(&signature.decoded);
    return *out_why ? RC_FORMAT_MALFORMED : RC_OK;
}

static enum rc get(struct bytes file, struct container_blobs *out)
{
    struct signature signature;
    const char *why = open_signature(file, &signature);

    *out = (struct container_blobs){.storage = signature.decoded};
    return why ? RC_FORMAT_MALFORMED : signed_data_get(signature.in, out);
}

/* The text is written anew in the form of the old one; what both have in front and at the end is no edit. */
static enum rc put_pem(const struct signature *old, size_t at, const struct container_blobs *blobs,
                       struct edits *out)
{
    struct signed_data sd;
    struct wbuf octets, text;
    enum rc rc = signed_data_check_put(old->in, blobs, &sd);

    if (rc != RC_OK || bytes_equal(sd.blob, blobs->list[0])) {
        return rc;
    }
    wbuf_init(&octets, blobs->list[0].len + sd.behind.len);
    wbuf_init(&text, SIZE_MAX / 2);
    wbuf_put(&octets, blobs->list[0]);
    wbuf_put(&octets, sd.behind);
    pem_encode(&old->pem, wbuf_bytes(&octets), &text);
    rc = wbuf_rc(&octets) != RC_OK ? wbuf_rc(&octets) : wbuf_rc(&text);
    if (rc == RC_OK) {
        pem_edit(&old->pem, at, wbuf_bytes(&text), out);
        rc = edits_rc(out);
    }
    wbuf_clear(&octets);
    wbuf_clear(&text);
    return rc;
}

static enum rc put(struct bytes file, const struct container_blobs *blobs, struct edits *out)
{
    struct signature signature;
    enum rc rc = RC_FORMAT_MALFORMED;

    if (!open_signature(file, &signature)) {
        rc = signature.is_pem ? put_pem(&signature, (size_t)(signature.pem.body.data - file.data), blobs, out)
                              : signed_data_put(signature.in, signature.at, blobs, out);
    }
    wbuf_clear(&signature.decoded);
    return rc;
}

const struct container_ops p7_ops = {
    .name = "p7",
    .recognise = recognise,
    .check = check,
    .get = get,
    .put = put,
};
