/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS #7 SignedData of an Authenticode signature: what it says of the file (SpcIndirectDataContent), its signatures (the
 * primary and the nested ones, in the order in which signtool counts them), their timestamps, and the surgical change of one
 * SignerInfo's unsigned attributes. Every other octet of the signature stays as it was, DER or not.
 */
#ifndef TSCLIENT_CONTAINER_SPC_H
#define TSCLIENT_CONTAINER_SPC_H

#include "tsa/wire/cms.h"
#include "tsa/wire/edits.h"

/* SpcIndirectDataContent: the digest of the file. */
struct spc_indirect {
    enum oid data_type; /* OID_SPC_PE_IMAGE_DATA, ... ; OID_NONE when not of the table */
    struct bytes data;  /* its value with tag; empty when absent */
    enum digest alg;
    struct bytes digest;
    bool is_package; /* an MSIX package: "APPX", then a digest of each of its parts, each with a name */
};
/* spc_indirect_parse reads the contents octets of the signed content. RC_SPC_CONTENT, RC_DIGEST_UNKNOWN. */
enum rc spc_indirect_parse(struct bytes contents, struct spc_indirect *out) MUST_CHECK;

/* Page hashes of a PE image: in SpcPeImageData a SpcSerializedObject, entries of a file offset (32 bits, little endian) and a hash. */
struct spc_pages {
    enum digest alg;      /* SHA-1 (version 1), SHA-256 (version 2) */
    struct bytes entries; /* num of 4 + digest_len(alg) octets each */
    size_t num;           /* with the last one, whose offset is the end and whose hash is zero */
};
/* spc_pages_parse looks for them in the data of indirect. RC_NOT_FOUND: there are none (the usual case); RC_SPC_CONTENT. */
enum rc spc_pages_parse(const struct spc_indirect *indirect, struct spc_pages *out) MUST_CHECK;

enum spc_stamp_kind {
    SPC_STAMP_NONE,
    SPC_STAMP_LEGACY,
    SPC_STAMP_RFC3161
};

#define SPC_MAX_SIGNATURES 16
#define SPC_MAX_STAMPS     4

struct spc_stamp {
    enum spc_stamp_kind kind;
    struct bytes value; /* SignerInfo (legacy) or ContentInfo (RFC 3161), with tag */
};

struct spc_signature {
    struct cms cms; /* views into the signature; for nested ones into the attribute value */
    unsigned depth; /* 0 = primary */
    size_t blob;    /* which of the file's blobs it stands in */
    size_t primary; /* index of the first signature of that blob */
    struct spc_stamp stamps[SPC_MAX_STAMPS];
    size_t num_stamps; /* how many timestamp values of any kind stand there */
    bool is_sealed;    /* a sealing signature covers the unsigned attributes: changing them breaks it */
};

struct spc {
    struct spc_signature signatures
        [SPC_MAX_SIGNATURES]; /* blob after blob: 0 = primary, then nested ones in attribute order, depth first */
    size_t num;
    size_t num_blobs;
};

/* spc_add reads a further blob, nested signatures included, and adds its signatures (start with a zeroed struct). RC_CMS_*, RC_DER_*,
 * RC_TOO_LARGE with too many or too deep ones or too many timestamps; RC_UNSIGNED when there is no SignerInfo. The struct is large: keep it
 * off small stacks. spc_parse reads one blob alone. */
enum rc spc_add(struct spc *spc, struct bytes pkcs7) MUST_CHECK;
enum rc spc_parse(struct bytes pkcs7, struct spc *out) MUST_CHECK;

/* spc_content_digest hashes what messageDigest covers, for one signature. */
enum rc spc_content_digest(const struct spc_signature *signature, uint8_t out[DIGEST_MAX]) MUST_CHECK;

/* A change of one signature's timestamps: remove those there, add one. */
struct spc_change {
    size_t index;             /* of the signature within its blob */
    enum spc_stamp_kind kind; /* SPC_STAMP_NONE: only remove */
    struct bytes value;       /* token, or the SignerInfo of a legacy reply */
    struct bytes
        certificates; /* legacy: CertificateSet contents of the reply, added to that signature's set without duplicates */
};

/* spc_change writes the whole new blob with one signature changed; attribute order, other attributes and every signed octet stay,
 * lengths above grow (in the same form where they fit). Several changes: apply one after the other. RC_DER_* (indefinite lengths are
 * refused), RC_NOT_FOUND when there is no such signature. */
enum rc spc_change(struct bytes pkcs7, const struct spc_change *change, struct wbuf *out) MUST_CHECK;

#endif
