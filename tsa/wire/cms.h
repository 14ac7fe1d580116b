/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData and SignerInfo (RFC 5652; PKCS #7 1.5 where Authenticode needs it): parse into views, build with the signature
 * by callback. Parsing re-encodes nothing, so a caller can edit the original by the places of the views.
 */
#ifndef TSA_WIRE_CMS_H
#define TSA_WIRE_CMS_H

#include "tsa/wire/cert.h"

struct cms_signer {
    struct bytes tlv; /* SignerInfo with tag and length */
    uint64_t version;
    struct bytes issuer;       /* Name with tag; empty when the signer is named by key identifier */
    struct bytes serial;       /* shortest contents octets */
    struct bytes key_id;       /* subjectKeyIdentifier, else empty */
    enum digest digest;        /* DIGEST_NONE when unknown */
    struct bytes digest_alg;   /* AlgorithmIdentifier with tag */
    struct bytes signed_attrs; /* [0] with tag and length; empty when absent */
    enum oid signature_oid;
    struct bytes signature_alg; /* AlgorithmIdentifier with tag */
    struct bytes signature;     /* contents of the OCTET STRING (encryptedDigest) */
    struct bytes
        unsigned_attrs; /* [1] with tag and length; when absent: length 0, data where it would stand */
};

struct cms {
    struct bytes tlv; /* ContentInfo with tag and length */
    uint64_t version;
    enum oid content_type;         /* OID_NONE when not of the table */
    struct bytes content_type_oid; /* contents octets */
    bool has_content;              /* false = detached */
    uint8_t content_tag;  /* tag of what stands inside [0] EXPLICIT (OCTET STRING, or SEQUENCE in PKCS #7) */
    struct bytes content; /* its contents octets: what messageDigest covers */
    struct bytes content_tlv;  /* the same with tag and length */
    struct bytes digest_algs;  /* contents of the SET */
    struct bytes certificates; /* contents of [0]; when absent: length 0, data where [0] would stand */
    bool has_certificates;
    bool has_crls;
    struct bytes signers; /* contents of the SET OF SignerInfo */
    size_t num_signers;
    struct cms_signer signer; /* the first; zeroed when there is none */
};

/* cms_parse reads ContentInfo { signedData }; in must hold exactly that. Signers are counted, the first is parsed. RC_CMS_TYPE, RC_DER_*. */
enum rc cms_parse(struct bytes in, enum der_rules rules, struct cms *out) MUST_CHECK;

/* cms_signer_parse reads one SignerInfo (also a countersignature's). RC_CMS_VERSION, RC_CMS_SIGNER_ID, RC_DER_*. */
enum rc cms_signer_parse(struct bytes in, enum der_rules rules, struct cms_signer *out) MUST_CHECK;

/* Attributes. attrs is a [0] or [1] with tag, possibly empty. cms_attr_get finds the only value (with tag) of the only attribute of that
 * type: RC_CMS_ATTR_MISSING, RC_CMS_ATTR_REPEATED. */
enum rc cms_attr_get(struct bytes attrs, enum oid type, struct bytes *out_value) MUST_CHECK;

struct cms_attr {
    struct bytes tlv;  /* Attribute with tag and length */
    struct bytes type; /* OID contents */
    enum oid oid;
    struct bytes values; /* contents of the SET OF values */
};
/* cms_attr_next walks: start with *rest = contents of attrs (cms_attr_rest). False at the end or where the rest is malformed. */
struct bytes cms_attr_rest(struct bytes attrs);
bool cms_attr_next(struct bytes *rest, struct cms_attr *out);

/* cms_signer_names tells whether the signer identifier (issuer and serial, or key id) names that certificate. */
bool cms_signer_names(const struct cms_signer *signer, const struct cert *cert);

/* cms_signer_find_cert finds the first certificate of a CertificateSet's contents that the signer identifier names. RC_CERT_NOT_FOUND. */
enum rc cms_signer_find_cert(const struct cms_signer *signer, struct bytes certificates,
                             struct cert *out) MUST_CHECK;

enum cms_signature_form {
    CMS_SIGNATURE_STANDARD,
    CMS_SIGNATURE_BARE_DIGEST /* RSA block without DigestInfo, old Authenticode TSAs */
};

struct cms_check {
    const struct cms_signer *signer;
    const struct cert *cert;
    struct bytes content_digest; /* by signer->digest */
    struct bytes content;        /* needed by an Ed25519 signature without signed attributes alone */
    enum oid content_type;       /* OID_NONE = do not compare */
    struct bytes
        content_type_oid; /* the same where the table may lack it: contents octets; empty = content_type alone */
    bool allow_bare;      /* let the bare-digest form pass */
};

/*
 * cms_signer_check makes the three checks below, in that order, and stops at the first failure; *out_form may be NULL.
 * cms_check_content_type and cms_check_message_digest compare the two attributes with content_type and content_digest:
 *   RC_CMS_NO_SIGNED_ATTRS, RC_CMS_ATTR_*, RC_CMS_MESSAGE_DIGEST. Without signed attributes (legal for data) the signature alone counts.
 * cms_check_signature checks the signature with the certificate's key: RC_CMS_SIGNATURE, RC_CMS_SIGNATURE_ALG,
 *   RC_CMS_ALGORITHM_PROTECTION, RC_DIGEST_UNKNOWN, RC_CERT_MALFORMED.
 */
enum rc cms_signer_check(const struct cms_check *check, enum cms_signature_form *out_form) MUST_CHECK;
enum rc cms_check_content_type(const struct cms_check *check) MUST_CHECK;
enum rc cms_check_message_digest(const struct cms_check *check) MUST_CHECK;
enum rc cms_check_signature(const struct cms_check *check, enum cms_signature_form *out_form) MUST_CHECK;

/*
 * Building. A profile holds what does not change between two signatures of one key: encoded once, read by many threads.
 */
struct cms_profile {
    enum digest digest;         /* the signer's */
    struct wbuf storage;        /* owns what the views below show */
    struct bytes signer_id;     /* IssuerAndSerialNumber */
    struct bytes digest_alg;    /* AlgorithmIdentifier */
    struct bytes signature_alg; /* AlgorithmIdentifier (rsaEncryption; ecdsa-with-*) */
    struct bytes ess;           /* the whole Attribute signingCertificateV2 */
    struct bytes certificates;  /* CertificateSet contents: signer first, then intermediates */
    EVP_MD *md;                 /* fetched once */
};

/* cms_profile_init encodes; chain holds the signer's certificate first, then the others to send. Free with cms_profile_clear. */
enum rc cms_profile_init(struct cms_profile *p, const struct bytes *chain, size_t num,
                         enum digest digest) MUST_CHECK;
void cms_profile_clear(struct cms_profile *p);

/* Signs a digest (already of the profile's algorithm): RSA PKCS #1 v1.5 with DigestInfo, or ECDSA as DER. Appends to out. */
typedef enum rc cms_sign_fn(void *arg, struct bytes digest, struct wbuf *out);

#define CMS_MAX_ATTRS 6

struct cms_build {
    const struct cms_profile *profile;
    uint64_t version; /* SignedData: 3 for a token, 1 for a countersignature */
    enum oid content_type;
    struct bytes content; /* octets, written as OCTET STRING */
    struct bytes attrs
        [CMS_MAX_ATTRS]; /* further signed Attributes, each with tag; contentType and messageDigest are added */
    size_t num_attrs;
    bool with_certificates;
    cms_sign_fn *sign;
    void *sign_arg;
    EVP_MD_CTX *md_ctx; /* the calling thread's own; NULL: libcrypto makes one for each digest */
};

/* cms_build writes ContentInfo{SignedData} with one SignerInfo v1; signed attributes in DER order. The reason of sign comes back as it is. */
enum rc cms_build(struct wbuf *out, const struct cms_build *build) MUST_CHECK;

#endif
