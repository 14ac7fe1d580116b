/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a signature whole, and does it cover what is there? The signed digests (of the file, of its pages) against the file, the message
 * digest against the content, the signature against its certificate's key. No chains, no times.
 */
#include "tsclient/judge/policy.h"

/* With MD5 files and certificates were forged (Flame, rogue authorities); SHA-1 stands in all that is old. */
void policy_note_weak(struct reasons *reasons, enum digest alg)
{
    if (alg == DIGEST_MD5) {
        reasons_raise(reasons, REASON_WEAK_DIGEST, SEVERITY_WARNING, RC_OK);
    } else if (alg == DIGEST_SHA1) {
        reasons_add(reasons, REASON_WEAK_DIGEST, RC_OK);
    }
}

/* ---- the digests of the file ---- */

/* Which file the signed digest is of: this one, or (the signature was taken out of it) the one given beside it. */
struct signed_file {
    struct bytes bytes;
    const struct container_ops *ops; /* NULL: of no format, all of its octets count */
    bool is_there;
};

static struct signed_file find_file(const struct subject *subject)
{
    struct signed_file file = {.bytes = subject->file, .ops = subject->ops, .is_there = true};

    if (!subject->ops->digest) {
        file.bytes = subject->data;
        file.ops = container_detect(subject->data);
        file.is_there = subject->has_data;
    }
    return file;
}

/* Each format leaves other octets out of its digest, so one digest may be that of two files of different formats. An image is signed as
 * an image; of a plain file nobody knows the digest where the signature says that it is an installer or a script. */
static enum rc check_kind(const struct signed_file *file, const struct spc_indirect *indirect)
{
    bool is_image = indirect->data_type == OID_SPC_PE_IMAGE_DATA;

    if (indirect->is_package) { /* the digests of its parts are not read here */
        return RC_FORMAT_UNKNOWN;
    }
    if (file->ops && file->ops->digest) { /* of PE files alone there is one */
        return is_image ? RC_OK : RC_SPC_CONTENT;
    }
    if (is_image) {
        return RC_SPC_DIGEST;
    }
    return indirect->data_type == OID_SPC_SIPINFO ? RC_FORMAT_UNKNOWN : RC_OK;
}

static enum rc compare_digest(const struct signed_file *file, const struct spc_indirect *indirect)
{
    uint8_t digest[DIGEST_MAX];
    enum rc rc = check_kind(file, indirect);

    if (rc != RC_OK) {
        return rc;
    }
    rc = file->ops && file->ops->digest ? file->ops->digest(file->bytes, indirect->alg, digest)
                                        : digest_compute(indirect->alg, &file->bytes, 1, digest);
    if (rc == RC_OK && !bytes_equal(bytes_of(digest, digest_len(indirect->alg)), indirect->digest)) {
        rc = RC_SPC_DIGEST;
    }
    return rc;
}

static void check_pages(const struct signed_file *file, const struct spc_indirect *indirect,
                        struct policy_signature *out)
{
    enum rc rc = spc_pages_parse(indirect, &out->pages);

    if (rc == RC_OK && file->is_there && file->ops && file->ops->check_pages) {
        rc = file->ops->check_pages(file->bytes, &out->pages);
    }
    if (rc == RC_SPC_PAGE_HASH) {
        reasons_add(&out->reasons, REASON_PAGE_HASH_MISMATCH, rc);
    } else if (rc != RC_OK && rc != RC_NOT_FOUND) {
        reasons_add(&out->reasons, REASON_MALFORMED, rc);
    }
}

static void check_indirect(const struct subject *subject, struct policy_signature *out)
{
    const struct signed_file file = find_file(subject);
    struct spc_indirect indirect;
    enum rc rc = spc_indirect_parse(out->spc->cms.content, &indirect);

    if (rc == RC_OK) {
        out->file_digest = indirect.alg;
        policy_note_weak(&out->reasons, indirect.alg);
        rc = file.is_there ? compare_digest(&file, &indirect) : RC_SPC_NO_DATA;
    }
    if (rc == RC_SPC_NO_DATA) {
        reasons_add(&out->reasons, REASON_CONTENT_MISSING, rc);
    } else if (rc == RC_FORMAT_UNKNOWN) {
        reasons_add(&out->reasons, REASON_UNSUPPORTED_FORMAT, rc);
    } else if (rc == RC_FORMAT_TRAILER || rc == RC_SPC_DIGEST) {
        reasons_add(&out->reasons, REASON_DIGEST_MISMATCH, rc);
    } else if (rc != RC_OK) {
        reasons_add(&out->reasons, REASON_MALFORMED, rc);
        return;
    }
    check_pages(&file, &indirect, out);
}

/* The message digest covers neither tag nor length of the content, so both must be those of its type. */
static bool has_right_tag(const struct cms *cms)
{
    bool is_sequence = cms->content_type == OID_SPC_INDIRECT_DATA || cms->content_type == OID_CTL;

    if (!cms->has_content || (!is_sequence && cms->content_type != OID_DATA)) {
        return true;
    }
    return is_sequence ? cms->content_tag == DER_SEQUENCE
                       : (cms->content_tag & 0xdf) == DER_OCTET_STRING_TAG /* in pieces or not */;
}

/* Anybody can hang a signature into another one. With a content of its own it must sign what that one signs, or it would lend its
 * signer's name to something that he never saw. Indirect data hold a digest of the file instead, in another algorithm perhaps. */
static bool is_of_the_same(const struct subject *subject, const struct spc_signature *signature)
{
    const struct cms *own = &signature->cms, *primary = &subject->spc->signatures[signature->primary].cms;

    if (signature->depth == 0 || !own->has_content) {
        return true;
    }
    if (own->content_type == OID_SPC_INDIRECT_DATA) {
        return primary->content_type == OID_SPC_INDIRECT_DATA;
    }
    if (primary->has_content) {
        return bytes_equal(own->content, primary->content) || bytes_equal(own->content, primary->content_tlv);
    }
    return !subject->has_data || bytes_equal(own->content, subject->data);
}

/* A signature in an executable that is of something else does not cover it. */
static void check_file(const struct subject *subject, struct policy_signature *out)
{
    bool is_indirect = out->spc->cms.content_type == OID_SPC_INDIRECT_DATA;

    if (!has_right_tag(&out->spc->cms) || !is_of_the_same(subject, out->spc) ||
        (!is_indirect && subject->ops->digest)) {
        reasons_add(&out->reasons, REASON_MALFORMED, RC_SPC_CONTENT);
    } else if (is_indirect) {
        check_indirect(subject, out);
    }
}

/* ---- the signature ---- */

/* What messageDigest covers. Nested signatures of a catalog are detached: theirs is the primary's content, whole. */
static bool find_content(const struct subject *subject, const struct spc_signature *signature,
                         struct bytes *out)
{
    const struct cms *primary = &subject->spc->signatures[signature->primary].cms;

    if (signature->cms.has_content) {
        *out = signature->cms.content;
        return true;
    }
    *out = signature->depth > 0 && primary->has_content ? primary->content_tlv : subject->data;
    return primary->has_content || subject->has_data;
}

/* Signed attributes are signed as a SET (RFC 5652 5.4), a content without them as it is: the attributes of one message, shown as the
 * content of another, have a good signature that nobody made of that. */
static bool is_attributes(struct bytes content)
{
    struct bytes value;

    return content.len > 0 && content.data[0] == DER_SET &&
           cms_attr_get(content, OID_MESSAGE_DIGEST, &value) == RC_OK &&
           cms_attr_get(content, OID_CONTENT_TYPE, &value) == RC_OK;
}

static enum rc check_with_content(struct cms_check *check, struct bytes content)
{
    uint8_t digest[DIGEST_MAX];
    enum rc rc = digest_compute(check->signer->digest, &content, 1, digest);

    if (rc == RC_OK && check->signer->signed_attrs.len == 0 && is_attributes(content)) {
        rc = RC_CMS_NO_SIGNED_ATTRS;
    }
    if (rc != RC_OK) {
        return rc;
    }
    check->content = content;
    check->content_digest = bytes_of(digest, digest_len(check->signer->digest));
    return cms_signer_check(check, NULL);
}

/* Signed attributes can be checked without the content; what they say of it can not. */
static enum rc check_without_content(const struct cms_check *check)
{
    enum rc rc;

    if (check->signer->signed_attrs.len == 0) {
        return RC_OK;
    }
    rc = cms_check_content_type(check);
    return rc == RC_OK ? cms_check_signature(check, NULL) : rc;
}

static enum rc check_signature(const struct subject *subject, struct policy_signature *out)
{
    const struct cms *cms = &out->spc->cms;
    struct cms_check check = {.signer = &cms->signer,
                              .cert = &out->cert,
                              .content_type = cms->content_type,
                              .content_type_oid = cms->content_type_oid};
    struct bytes content;

    if (!find_content(subject, out->spc, &content)) {
        reasons_raise(&out->reasons, REASON_CONTENT_MISSING, SEVERITY_ERROR, RC_SPC_NO_DATA);
        return check_without_content(&check);
    }
    if (cms->has_content && content.len == 0) { /* a signature of nothing says nothing of the file */
        return RC_CMS_NO_CONTENT;
    }
    return check_with_content(&check, content);
}

/* Then a digest that differs speaks of that file: it was changed, or it is another one. */
static bool is_of_other_file(const struct subject *subject, const struct spc_signature *signature)
{
    return !signature->cms.has_content && signature->depth == 0 && subject->has_data;
}

/* Who verifies NAME.p7s asks about NAME: that the signature is good for something else must not pass in silence. */
static void note_other_content(const struct subject *subject, struct policy_signature *out)
{
    const struct cms *cms = &out->spc->cms;

    if (subject->has_data && out->spc->depth == 0 && cms->has_content &&
        cms->content_type != OID_SPC_INDIRECT_DATA && !bytes_equal(cms->content, subject->data)) {
        reasons_add(&out->reasons, REASON_CONTENT_DIFFERS, RC_SPC_DIGEST);
    }
}

void policy_integrity(const struct subject *subject, struct policy_signature *out)
{
    const struct cms *cms = &out->spc->cms;
    enum rc rc = cms_signer_find_cert(&cms->signer, cms->certificates, &out->cert);

    check_file(subject, out);
    if (rc == RC_OK) {
        rc = check_signature(subject, out);
    } else {
        out->cert = (struct cert){0};
    }
    if (rc == RC_CMS_MESSAGE_DIGEST && is_of_other_file(subject, out->spc)) {
        reasons_add(&out->reasons, REASON_DIGEST_MISMATCH, rc);
    } else if (rc != RC_OK) {
        reasons_add(&out->reasons, REASON_BAD_SIGNATURE, rc);
    }
    note_other_content(subject, out);
    policy_note_weak(&out->reasons, cms->signer.digest);
}

/* What is not there to compare says nothing against a signature. */
enum rc policy_check_integrity(const struct subject *subject, size_t index, struct reasons *out)
{
    struct policy_signature signature = {.spc = &subject->spc->signatures[index]};
    const struct reason_entry *error;

    policy_integrity(subject, &signature);
    *out = (struct reasons){0};
    for (size_t i = 0; i < signature.reasons.num; i++) {
        if (signature.reasons.list[i].reason != REASON_CONTENT_MISSING) {
            out->list[out->num++] = signature.reasons.list[i];
        }
    }
    error = reasons_first(out, SEVERITY_ERROR);
    return error ? error->cause : RC_OK;
}
