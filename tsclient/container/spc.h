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

/* spc_stamp_kind_of tells which kind of timestamp an unsigned attribute of that type holds; SPC_STAMP_NONE where it holds none. */
enum spc_stamp_kind spc_stamp_kind_of(enum oid attribute);

#define SPC_MAX_SIGNATURES   16 /* nested to any depth that this allows */
#define SPC_MAX_STAMPS       4
#define SPC_MAX_CERTIFICATES 256 /* in a set that a legacy timestamp changes */

struct spc_stamp {
    enum spc_stamp_kind kind;
    struct bytes value; /* SignerInfo (legacy) or ContentInfo (RFC 3161), with tag */
};

struct spc_signature {
    struct cms cms; /* views into the blob, nested or not; cms.signer is this signature's own */
    unsigned depth; /* 0 = primary, and each SignerInfo of a plain CMS with several */
    size_t blob;    /* which of the file's blobs it stands in */
    size_t primary; /* index of the first signature of that blob */
    struct spc_stamp stamps[SPC_MAX_STAMPS];
    size_t num_stamps; /* how many timestamp values of any kind stand there */
    bool is_sealed;    /* a sealing signature covers the unsigned attributes: changing them breaks it */
};

struct spc {
    /* Blob after blob: 0 = primary, then nested ones in attribute order, depth first; then the next SignerInfo. */
    struct spc_signature signatures[SPC_MAX_SIGNATURES];
    size_t num;
    size_t num_blobs;
};

/* spc_add reads a further blob, nested signatures included, and adds its signatures (start with a zeroed struct). RC_CMS_*, RC_DER_*,
 * RC_TOO_LARGE with too many signatures or timestamps; RC_UNSIGNED when there is no SignerInfo; RC_CMS_SIGNERS when an Authenticode
 * signature, a catalog or a nested signature has several. The struct is large: keep it off small stacks. spc_parse reads one blob alone. */
enum rc spc_add(struct spc *spc, struct bytes pkcs7) MUST_CHECK;
enum rc spc_parse(struct bytes pkcs7, struct spc *out) MUST_CHECK;

/* spc_content_digest hashes what messageDigest covers, for one signature. */
enum rc spc_content_digest(const struct spc_signature *signature, uint8_t out[DIGEST_MAX]) MUST_CHECK;

/* A change of one signature's timestamps: remove those there, of every kind, add one. */
struct spc_change {
    size_t index;              /* of the signature within its blob */
    enum spc_stamp_kind kind;  /* SPC_STAMP_NONE: only remove */
    struct bytes value;        /* token, or the SignerInfo of a legacy reply */
    struct bytes certificates; /* legacy: CertificateSet contents of the reply */
};

/*
 * spc_change writes the whole new blob with one signature changed; attribute order, other attributes and every signed octet stay,
 * lengths above follow (in the same form where they fit). Several changes: apply one after the other. RC_NOT_FOUND when there is no such
 * signature, RC_SPC_INDEFINITE where indefinite lengths stand above the change, RC_TOO_LARGE, RC_DER_*; RC_CMS_* where value is no SignerInfo.
 *
 * With a legacy timestamp come those certificates of the reply that it needs (the countersigner's own, and issuers upward by name)
 * and that the set lacks. With one that goes, removed or replaced, go those of the set that it needed and nothing that stays does: no
 * signer or timestamp of that SignedData and no other certificate, itself or by its issuers upward.
 *
 * A timestamp put on a signature that has none, and removed, leaves the octets of before. The exceptions:
 * - an empty set of unsigned attributes, attributes of a timestamp's type without a value, and (legacy) an empty certificate set go;
 * - a length above the change that was longer than its shortest form, and is no longer so with the timestamp, becomes the shortest;
 * - legacy: a certificate that the timestamp needs and that stood there before, used by nothing, goes with it;
 * - legacy: a certificate that came and that is an issuer of something that stays (before it was not there) stays;
 *   so does everything where another signer's timestamp can't be read, since nobody knows what that needs.
 */
enum rc spc_change(struct bytes pkcs7, const struct spc_change *change, struct wbuf *out) MUST_CHECK;

#endif
