/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a file of certificates. Holds: what is taken out is a certificate; written as PEM and read again it is the same; a refusal
 * leaves nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "certs/certext.h"
#include "certs/certfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void insist(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_round_trip(const struct certfile *file)
{
    struct certfile again;
    struct wbuf pem;

    wbuf_init(&pem, 1u << 24);
    for (size_t i = 0; i < file->num; i++) {
        certfile_put_pem(&pem, file->certs[i]);
    }
    insist(certfile_parse(wbuf_bytes(&pem), &again) == RC_OK && again.num == file->num);
    for (size_t i = 0; i < file->num; i++) {
        insist(bytes_equal(again.certs[i], file->certs[i]));
    }
    certfile_clear(&again);
    wbuf_clear(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct certfile file;
    enum rc rc = certfile_parse(bytes_of(data, data_len), &file);

    insist(rc == RC_OK || (file.num == 0 && file.num_crls == 0));
    for (size_t i = 0; i < file.num; i++) {
        struct cert cert;
        struct gentime end;

        insist(cert_parse(file.certs[i], &cert) == RC_OK);
        (void)certext_has_policy(&cert, OID_LAB_POLICY);
        (void)certext_key_usage_end(&cert, &end);
    }
    if (file.num > 0) {
        check_round_trip(&file);
    }
    certfile_clear(&file);
    return 0;
}
