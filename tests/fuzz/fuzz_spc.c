/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a signature. Where one is taken, a timestamp can be put on each signature of it and is then the only one there,
 * everything that is signed stays, and what had no timestamp is octet for octet the same when it is taken off again: but for what
 * spc.h excepts, which is looked for here by other means.
 */
#include <stdlib.h>

#include <openssl/x509.h>

#include "tests/unit/tsclient/make_tiny.h"
#include "tsclient/container/spc.h"

#define LIMIT (1u << 22)
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

/* ---- what is put ---- */

static struct {
    struct wbuf value[3], certs; /* by kind */
} put;

static void make_put(void)
{
    if (put.certs.len > 0) {
        return;
    }
    wbuf_init(&put.certs, LIMIT);
    wbuf_init(&put.value[SPC_STAMP_LEGACY], LIMIT);
    wbuf_init(&put.value[SPC_STAMP_RFC3161], LIMIT);
    tiny_set(&put.certs, "t<u u<v v<v x<y");
    tiny_signer(&put.value[SPC_STAMP_LEGACY], "t<u", BYTES_NONE);
    tiny_signature(&put.value[SPC_STAMP_RFC3161], OID_TST_INFO, "k<l", BYTES_NONE);
}

/* ---- what stays ---- */

static bool has_element(struct bytes set, struct bytes element)
{
    size_t len;

    for (; der_tlv_len(set, &len) == RC_OK; set = bytes_of(set.data + len, set.len - len)) {
        if (bytes_equal(bytes_of(set.data, len), element)) {
            return true;
        }
    }
    return false;
}

/* Whatever goes with a timestamp: the signer's own certificate does not, nor do its issuer's. */
static void check_certificates(const struct cms *before, const struct cms *after)
{
    struct bytes rest = before->certificates;
    struct cert cert;
    size_t len;

    for (; der_tlv_len(rest, &len) == RC_OK; rest = bytes_of(rest.data + len, rest.len - len)) {
        if (cert_parse(bytes_of(rest.data, len), &cert) == RC_OK &&
            (cms_signer_names(&before->signer, &cert) || bytes_equal(cert.subject, before->signer.issuer))) {
            MUST(has_element(after->certificates, cert.der));
        }
    }
}

static void check_same(const struct spc *a, const struct spc *b, size_t index)
{
    bool may_lose = false;

    for (size_t i = 0; i < a->signatures[index].num_stamps; i++) {
        may_lose |= a->signatures[index].stamps[i].kind == SPC_STAMP_LEGACY;
    }
    MUST(a->num == b->num);
    for (size_t i = 0; i < a->num; i++) {
        const struct cms *x = &a->signatures[i].cms, *y = &b->signatures[i].cms;

        MUST(bytes_equal(x->content_tlv, y->content_tlv));
        MUST(bytes_equal(x->signer.signed_attrs, y->signer.signed_attrs));
        MUST(bytes_equal(x->signer.signature, y->signer.signature));
        MUST(may_lose || bytes_starts_with(y->certificates, x->certificates));
        check_certificates(x, y);
        MUST(i == index || a->signatures[i].num_stamps == b->signatures[i].num_stamps);
    }
}

/* ---- the exceptions ---- */

static bool has_stamp_attribute(const struct cms_signer *signer)
{
    struct bytes rest = cms_attr_rest(signer->unsigned_attrs);
    struct cms_attr attr;

    while (cms_attr_next(&rest, &attr)) {
        if (spc_stamp_kind_of(attr.oid) != SPC_STAMP_NONE) {
            return true;
        }
    }
    return false;
}

static size_t header_len_of(const uint8_t *element)
{
    return 2 + (element[1] & 0x80 ? element[1] & 0x7fu : 0u);
}

#define MAX_PATH 200

struct path {
    size_t header_len[MAX_PATH],
        shortest[MAX_PATH]; /* of each element above target, and of target, from outside inwards */
    size_t num;
};

static void walk_path(struct bytes rest, const uint8_t *target, struct path *out)
{
    size_t len, header_len;

    out->num = 0;
    while (der_tlv_len(rest, &len) == RC_OK) {
        if (target >= rest.data + len) {
            rest = bytes_of(rest.data + len, rest.len - len);
            continue;
        }
        header_len = header_len_of(rest.data);
        MUST(out->num < MAX_PATH);
        out->header_len[out->num] = header_len;
        out->shortest[out->num++] = der_header_len(len - header_len);
        if (target == rest.data) {
            return;
        }
        rest = bytes_of(rest.data + header_len, len - header_len);
    }
    abort();
}

/* A length above target that was longer than need be, and has to be as long above the same element of the changed signature. */
static bool lost_a_long_length(struct bytes before, const uint8_t *target, struct bytes after,
                               const uint8_t *same)
{
    struct path was, is;

    walk_path(before, target, &was);
    walk_path(after, same, &is);
    MUST(was.num == is.num);
    for (size_t i = 0; i < was.num; i++) {
        if (was.header_len[i] > was.shortest[i] && is.shortest[i] >= was.header_len[i]) {
            return true;
        }
    }
    return false;
}

/* Where [0] with the certificates starts. */
static const uint8_t *set_of(const struct cms *cms)
{
    struct der d;

    der_init(&d, cms->tlv, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get(&d, DER_OID_TAG);
    der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
    der_enter(&d, DER_SEQUENCE);
    for (int i = 0; i < 3; i++) {
        (void)der_get(&d, 0);
    }
    MUST(der_next_is(&d, DER_CONTEXT_CONSTRUCTED(0)));
    return cms->tlv.data + d.at;
}

static bool lost_a_length(struct bytes before, const struct cms *a, struct bytes after, const struct cms *b)
{
    bool lost = lost_a_long_length(before, a->signer.tlv.data, after, b->signer.tlv.data);

    if (a->signer.unsigned_attrs.len > 0) {
        lost |=
            lost_a_long_length(before, a->signer.unsigned_attrs.data, after, b->signer.unsigned_attrs.data);
    }
    if (a->has_certificates && b->has_certificates) {
        lost |= lost_a_long_length(before, set_of(a), after, set_of(b));
    }
    return lost;
}

/* Whether the name is that of one of the certificates that are put, or of their issuers. */
static bool is_put_name(struct bytes name)
{
    const unsigned char *at = name.data;
    X509_NAME *read = d2i_X509_NAME(NULL, &at, (long)name.len), *other;
    bool found = false;

    for (const char *letter = "tuv"; *letter; letter++) {
        struct wbuf w;

        wbuf_init(&w, LIMIT);
        tiny_name(&w, *letter, false);
        at = w.data;
        other = d2i_X509_NAME(NULL, &at, (long)w.len);
        found |= bytes_equal(name, wbuf_bytes(&w)) || (read && other && X509_NAME_cmp(read, other) == 0);
        X509_NAME_free(other);
        wbuf_clear(&w);
    }
    X509_NAME_free(read);
    return found;
}

/* Certificates that came can be of use to what was there, or the other way round. */
static bool certificates_meet(const struct spc *spc, size_t index)
{
    const struct cms *cms = &spc->signatures[index].cms;
    struct bytes rest = cms->certificates;
    struct cert cert;
    size_t len;

    if (cms->has_certificates && cms->certificates.len == 0) {
        return true;
    }
    for (size_t i = 0; i < spc->num; i++) {
        const struct spc_signature *signature = &spc->signatures[i];

        if (signature->cms.tlv.data == cms->tlv.data &&
            (signature->num_stamps > 0 || is_put_name(signature->cms.signer.issuer))) {
            return true;
        }
    }
    for (; der_tlv_len(rest, &len) == RC_OK; rest = bytes_of(rest.data + len, rest.len - len)) {
        if (cert_parse(bytes_of(rest.data, len), &cert) == RC_OK &&
            (is_put_name(cert.subject) || is_put_name(cert.issuer))) {
            return true;
        }
    }
    return false;
}

/* ---- there and back ---- */

static void check_back(struct bytes before, const struct spc *a, struct bytes after, const struct spc *b,
                       const struct spc_change *change)
{
    const struct cms *x = &a->signatures[change->index].cms, *y = &b->signatures[change->index].cms;
    const struct spc_change drop = {.index = change->index};
    bool had_none = x->signer.unsigned_attrs.len == 0 ||
                    (!has_stamp_attribute(&x->signer) && cms_attr_rest(x->signer.unsigned_attrs).len > 0);
    struct wbuf back, again;

    wbuf_init(&back, LIMIT);
    wbuf_init(&again, LIMIT);
    MUST(spc_change(after, &drop, &back) == RC_OK);
    MUST(spc_change(wbuf_bytes(&back), &drop, &again) == RC_OK);
    MUST(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&again)));
    if (had_none && !lost_a_length(before, x, after, y) &&
        (change->kind != SPC_STAMP_LEGACY || !certificates_meet(a, change->index))) {
        MUST(bytes_equal(wbuf_bytes(&back), before));
    }
    wbuf_clear(&back);
    wbuf_clear(&again);
}

static void check_change(struct bytes pkcs7, const struct spc *before, size_t index, enum spc_stamp_kind kind,
                         struct spc *after)
{
    const struct spc_change change = {index, kind, wbuf_bytes(&put.value[kind]), wbuf_bytes(&put.certs)};
    struct wbuf out;

    wbuf_init(&out, LIMIT);
    if (spc_change(pkcs7, &change, &out) == RC_OK) {
        MUST(spc_parse(wbuf_bytes(&out), after) == RC_OK);
        check_same(before, after, index);
        MUST(after->signatures[index].num_stamps == 1 && after->signatures[index].stamps[0].kind == kind);
        MUST(bytes_equal(after->signatures[index].stamps[0].value, change.value));
        check_back(pkcs7, before, wbuf_bytes(&out), after, &change);
    }
    wbuf_clear(&out);
}

/* Where there is nothing to take off, nothing is touched. */
static void check_drop(struct bytes pkcs7, const struct spc *before, size_t index, struct spc *after)
{
    const struct spc_change drop = {.index = index};
    struct wbuf out;

    wbuf_init(&out, LIMIT);
    if (!has_stamp_attribute(&before->signatures[index].cms.signer)) {
        MUST(spc_change(pkcs7, &drop, &out) == RC_OK);
        MUST(bytes_equal(wbuf_bytes(&out), pkcs7));
    } else if (spc_change(pkcs7, &drop, &out) == RC_OK) {
        MUST(spc_parse(wbuf_bytes(&out), after) == RC_OK);
        check_same(before, after, index);
        MUST(!has_stamp_attribute(&after->signatures[index].cms.signer));
    }
    wbuf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct spc *spc = calloc(2, sizeof *spc);
    struct bytes in = bytes_of(data, data_len);
    struct spc_indirect indirect;
    uint8_t digest[DIGEST_MAX];

    MUST(spc);
    make_put();
    if (spc_parse(in, &spc[0]) == RC_OK) {
        for (size_t i = 0; i < spc[0].num; i++) {
            if (spc_indirect_parse(spc[0].signatures[i].cms.content, &indirect) == RC_OK) {
                MUST(indirect.digest.len == digest_len(indirect.alg));
            }
            if (spc_content_digest(&spc[0].signatures[i], digest) == RC_OK) {
                MUST(spc[0].signatures[i].cms.has_content);
            }
            check_drop(in, &spc[0], i, &spc[1]);
            check_change(in, &spc[0], i, SPC_STAMP_RFC3161, &spc[1]);
            check_change(in, &spc[0], i, SPC_STAMP_LEGACY, &spc[1]);
        }
    }
    free(spc);
    return 0;
}
