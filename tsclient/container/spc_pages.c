/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes, which a signature may carry beside the digest of the whole image so that a loader can check it page by page
 * ("Windows Authenticode Portable Executable Signature Format", SpcPeImageData: the file is a moniker of a fixed class, and its
 * serialized data a SET of attributes). It reads the list; whether the hashes are the file's is the container's business.
 */
#include "tsclient/container/spc.h"

#include <string.h>

#define OFFSET_LEN 4

static const uint8_t page_hash_class[16] = {0xa6, 0xb5, 0x86, 0xd5, 0xb4, 0xa1, 0x24, 0x66,
                                            0xae, 0x05, 0xa2, 0x17, 0xda, 0x8e, 0x60, 0xd6};

/* SpcPeImageData { flags, [0] { [1] { class, data } } }. RC_NOT_FOUND where the file is no such moniker, as usual. */
static enum rc find_serialized(struct bytes image_data, struct bytes *out)
{
    struct bytes class_id = BYTES_NONE, data = BYTES_NONE;
    struct der d;

    der_init(&d, image_data, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    if (der_next_is(&d, DER_BIT_STRING_TAG)) {
        (void)der_get(&d, DER_BIT_STRING_TAG);
    }
    if (der_more(&d)) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
        if (der_next_is(&d, DER_CONTEXT_CONSTRUCTED(1))) {
            der_enter(&d, DER_CONTEXT_CONSTRUCTED(1));
            class_id = der_get(&d, DER_OCTET_STRING_TAG);
            data = der_get(&d, DER_OCTET_STRING_TAG);
            der_leave(&d);
        } else {
            (void)der_get_tlv(&d, 0);
        }
        der_leave(&d);
    }
    der_leave(&d);
    *out = data;
    if (der_end(&d) != RC_OK) {
        return RC_SPC_CONTENT;
    }
    return bytes_equal(class_id, bytes_of(page_hash_class, sizeof page_hash_class)) ? RC_OK : RC_NOT_FOUND;
}

static enum digest digest_of_version(enum oid version)
{
    return version == OID_SPC_PAGE_HASH_V2   ? DIGEST_SHA256
           : version == OID_SPC_PAGE_HASH_V1 ? DIGEST_SHA1
                                             : DIGEST_NONE;
}

/* SET OF { version, SET { OCTET STRING } }. Of two versions the stronger one counts. */
static enum rc read_versions(struct bytes serialized, struct spc_pages *out)
{
    struct spc_pages one;
    struct der d;

    der_init(&d, serialized, DER_FOREIGN);
    der_enter(&d, DER_SET);
    while (der_more(&d)) {
        der_enter(&d, DER_SEQUENCE);
        one = (struct spc_pages){.alg = digest_of_version(oid_find(der_get_oid(&d)))};
        der_enter(&d, DER_SET);
        one.entries = der_get(&d, DER_OCTET_STRING_TAG);
        der_leave(&d);
        der_leave(&d);
        if (one.alg > out->alg) {
            *out = one;
        }
    }
    der_leave(&d);
    return der_end(&d) == RC_OK && out->alg != DIGEST_NONE ? RC_OK : RC_SPC_CONTENT;
}

static uint32_t offset_of(const uint8_t *entry)
{
    return entry[0] | (uint32_t)entry[1] << 8 | (uint32_t)entry[2] << 16 | (uint32_t)entry[3] << 24;
}

/* Offsets ascend, and the hash of the last entry, which only tells the end, is zero. */
static enum rc check_entries(struct spc_pages *pages)
{
    static const uint8_t zeros[DIGEST_MAX];
    size_t hash_len = digest_len(pages->alg), step = OFFSET_LEN + hash_len;
    const uint8_t *at = pages->entries.data;

    if (pages->entries.len == 0 || pages->entries.len % step != 0) {
        return RC_SPC_CONTENT;
    }
    pages->num = pages->entries.len / step;
    for (size_t i = 1; i < pages->num; i++, at += step) {
        if (offset_of(at) >= offset_of(at + step)) {
            return RC_SPC_CONTENT;
        }
    }
    return memcmp(at + OFFSET_LEN, zeros, hash_len) == 0 ? RC_OK : RC_SPC_CONTENT;
}

enum rc spc_pages_parse(const struct spc_indirect *indirect, struct spc_pages *out)
{
    struct bytes serialized;
    enum rc rc;

    *out = (struct spc_pages){0};
    if (indirect->data_type != OID_SPC_PE_IMAGE_DATA || indirect->data.len == 0) {
        return RC_NOT_FOUND;
    }
    rc = find_serialized(indirect->data, &serialized);
    if (rc == RC_OK) {
        rc = read_versions(serialized, out);
    }
    if (rc == RC_OK) {
        rc = check_entries(out);
    }
    if (rc != RC_OK) {
        *out = (struct spc_pages){0};
    }
    return rc;
}
