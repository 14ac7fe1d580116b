/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs a catalog that mkcat made, where no other tool is at hand. usage: signcat [--spoil] CERTS.pem KEY.pem IN.cat OUT.cat. The first
 * certificate is the key's. --spoil changes an octet of the list after signing, so that the signature does not verify.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "certs/certfile.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tsa/base/safefile.h"

#define LIMIT (64u << 20)

static EVP_PKEY *read_key(const char *path)
{
    FILE *in = fopen(path, "r");
    EVP_PKEY *key;

    MAKE_CERT_MUST(in);
    key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    MAKE_CERT_MUST(key);
    (void)fclose(in);
    return key;
}

static struct bytes read_list(struct bytes catalog)
{
    struct cms cms;

    MAKE_CERT_MUST(cms_parse(catalog, DER_STRICT, &cms) == RC_OK);
    MAKE_CERT_MUST(cms.content_type == OID_CTL && cms.has_content);
    return cms.content_tlv;
}

/* The last octet of the list is one of a digest or of a name. */
static void spoil(struct wbuf *out, struct bytes list)
{
    uint8_t *at = memmem(out->data, out->len, list.data, list.len);

    MAKE_CERT_MUST(at);
    at[list.len - 1] ^= 1;
}

int main(int argc, char **argv)
{
    struct make_signature m = {.content_type = OID_CTL};
    struct made_cert signer = {0};
    struct certfile file;
    struct wbuf in, out;
    bool spoiled = argc > 1 && strcmp(argv[1], "--spoil") == 0;
    char **args = argv + spoiled;

    if (argc - spoiled != 5) {
        (void)fprintf(stderr, "usage: signcat [--spoil] CERTS.pem KEY.pem IN.cat OUT.cat\n");
        return 64;
    }
    wbuf_init(&in, LIMIT);
    wbuf_init(&out, LIMIT);
    MAKE_CERT_MUST(certfile_read(args[1], &file) == RC_OK);
    m.certs = file.certs;
    m.num_certs = file.num;
    signer.key = read_key(args[2]);
    signer.der_len = file.certs[0].len;
    signer.der = OPENSSL_memdup(file.certs[0].data, file.certs[0].len);
    MAKE_CERT_MUST(signer.der && safefile_read(args[3], LIMIT, &in) == RC_OK);
    m.signer = &signer;
    m.content = read_list(wbuf_bytes(&in));
    make_signature(&out, &m);
    if (spoiled) {
        spoil(&out, m.content);
    }
    MAKE_CERT_MUST(safefile_write(args[4], wbuf_bytes(&out), 0644) == RC_OK);
    made_cert_clear(&signer);
    certfile_clear(&file);
    wbuf_clear(&in);
    wbuf_clear(&out);
    return 0;
}
